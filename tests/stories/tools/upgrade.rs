//! A shop whose application is brought up to date on one machine after the other, by its own tool.
//!
//! ```text
//!   a  old ── writes ──┤ tool ├── new ── writes ─────────────────── writes ──┤ equal
//!   b  old ── writes ── writes all the time ── old ──┤ tool ├── new ── writes ┤
//! ```
//!
//! # What is looked at, at each look
//!
//! * No reference points nowhere, and nothing stands twice.
//! * Both show what was written, each in the columns that it has.
//! * Nobody says "Up to date" while they show columns that both have otherwise.
//! * Nothing is sent but what the application wrote, and what the upgrade itself filled in.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dunlin_tests::lab::outside::Tool;
use dunlin_tests::lab::{self, Lab, Machine, SOON, Told, know_each_other, open, until};
use serde_json::Value;

use super::till::{Book, Field, Names, Picture, Till, picture, portrait};

/// How long "Up to date" may be said of what is not, and was not written a moment ago.
const CLAIM: Duration = Duration::from_secs(5);

/// How long an application may be unable to write after a tool dropped our tables.
const SELLS: Duration = Duration::from_secs(2);

/// Rows that are there from the start, and that nobody touches but where said.
const STOCK: usize = 40;

/// What a tool does to a file.
pub(super) type Act = Box<dyn Fn(&Path) + Sync>;

/// What not every tool does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quirk {
    /// The upgrade fills a column of parts in each row otherwise.
    Fills,
    /// The tool drops what it does not know, ours among it.
    DropsOurs,
    /// The tool makes a table anew in several transactions: what comes in between goes with the old table, and a
    /// person is asked about it.
    InSteps,
    /// The tool empties references, by itself and without a daemon.
    Empties,
    /// The tool puts another file into the place of this one: what is written meanwhile goes with the old one.
    Replaced,
}

/// A project of a tool.
pub(super) struct Project {
    pub old: Names,
    pub new: Names,
    /// Makes the tables of the old version.
    pub make: Act,
    /// Brings them to the new version.
    pub upgrade: Act,
    /// Fails unless they are as the new version has them.
    pub check: Act,
    /// What a story has to know beside.
    pub quirks: &'static [Quirk],
}

/// Runs of a tool, with these words each, all of which must succeed; who is told that the file is locked by another
/// program starts it again.
pub(super) fn runs(tool: &Tool, lines: &'static [&'static [&'static str]]) -> Act {
    let tool = tool.clone();
    Box::new(move |file| {
        for words in lines {
            let told = until("let in", SOON, || {
                let told = tool.run(file, words);
                let locked = told.code != 0 && told.err.contains("database is locked");
                if locked { Err(told.err) } else { Ok(told) }
            });
            assert_eq!(told.code, 0, "{words:?}: {}\n{}", told.out, told.err);
        }
    })
}

impl Project {
    /// One that is called by `old`, `new` and `check`, as most in `tests/tools` are.
    pub(super) fn of(tool: &Tool, old: Names, new: Names) -> Self {
        Self {
            old,
            new,
            make: runs(tool, &[&["old"]]),
            upgrade: runs(tool, &[&["new"]]),
            check: runs(tool, &[&["check"]]),
            quirks: &[],
        }
    }

    fn does(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }

    /// Without a daemon: the tool does what the story takes for granted, and nothing is missed that is not lost.
    pub(super) fn is_sound(&self) {
        let lab = Lab::new();
        let book = Mutex::default();
        let files = ["a", "b"].map(|name| lab.file(name));
        for file in &files {
            (self.make)(file);
        }
        let machines = ["a", "b"].map(|name| lab.adopt(name));
        for machine in &machines {
            let till = Till::at(machine, self.old, &book);
            till.maker(&format!("maker {}", machine.name));
            till.part(&machine.name, &format!("maker {}", machine.name));
            till.sells(&format!("sale {}", machine.name), &machine.name);
            till.set(&machine.name, Field::Note, "another note");
        }
        for (file, machine) in files.iter().zip(&machines) {
            (self.upgrade)(file);
            machine.is_sound();
            let till = Till::at(machine, self.new, &book);
            till.part(&format!("new {}", machine.name), &format!("maker {}", machine.name));
            till.set(&machine.name, Field::Colour, "red");
            till.takes_back(&format!("sale {}", machine.name));
            (self.check)(file);
        }
        // What one shows, the other does not; together they show all.
        let book = book.lock().unwrap();
        let [mut all, other] = files.map(|file| picture(&open(&file), &self.new).unwrap());
        assert!(book.missing(&all, &self.new).iter().any(|line| line.contains(" b is None")));
        all.extend(other);
        let emptied = |line: &String| self.does(Quirk::Empties) && line.contains("\"NULL\"");
        let lost = |all: &Picture| -> Vec<String> {
            book.missing(all, &self.new).into_iter().filter(|line| !emptied(line)).collect()
        };
        assert_eq!(lost(&all), Vec::<String>::new());
        all.insert(("a".to_owned(), Field::Note), "'lost'".to_owned());
        assert_eq!(lost(&all).len(), 1);
    }

    /// The whole story, told by two daemons.
    pub(super) fn is_migrated_one_machine_at_a_time(&self) {
        let (lab, book) = (Lab::new(), Mutex::default());
        let mut shop = Shop::open(&lab, self, &book);
        shop.day("before");
        shop.upgrade(0);
        shop.day("between");
        shop.upgrade(1);
        shop.day("after");
        shop.is_equal();
        shop.is_restarted();
        shop.is_equal();
    }
}

impl Project {
    /// A story of an upgrade that fails half way, on a machine whose application goes on in its old version.
    pub(super) fn goes_on_after(&self, fails: impl Fn(&Path) -> Told) {
        let (lab, book) = (Lab::new(), Mutex::default());
        let mut shop = Shop::open(&lab, self, &book);
        shop.day("before");
        let told = fails(&shop.machines[0].database());
        assert_ne!(told.code, 0, "{told:?}");
        shop.till(0).part("after it failed", "Ahlberg");
        shop.seen("after it failed");
        shop.day("between");
        shop.is_restarted();
    }
}

/// Two machines of one shop, and what each has sent and written when that was last looked at.
struct Shop<'l> {
    project: &'l Project,
    machines: [Machine; 2],
    names: [Names; 2],
    book: &'l Mutex<Book>,
    marks: [[u64; 2]; 2],
}

impl<'l> Shop<'l> {
    fn open(lab: &Lab, project: &'l Project, book: &'l Mutex<Book>) -> Self {
        let mut machines = ["a", "b"].map(|name| {
            (project.make)(&lab.file(name));
            lab.adopt(name)
        });
        for machine in &machines {
            machine.ok(&[&["track"], &project.old.tables()[..]].concat());
        }
        know_each_other(&machines);
        for machine in &mut machines {
            machine.start();
        }
        machines[1].join(&machines[0].invite());
        let names = [project.old; 2];
        let shop = Self { project, machines, names, book, marks: [[0; 2]; 2] };
        let till = shop.till(0);
        for maker in ["Ahlberg", "Brandt", "Ciré"] {
            till.maker(maker);
        }
        for number in 0..STOCK {
            till.part(&format!("stock {number}"), ["Ahlberg", "Brandt", "Ciré"][number % 3]);
            till.sells(&format!("sale {number}"), &format!("stock {number}"));
        }
        drop(till);
        shop.seen("made");
        shop
    }

    fn till(&self, machine: usize) -> Till<'l> {
        Till::at(&self.machines[machine], self.names[machine], self.book)
    }

    /// Both write, of their own and in turns into the same rows, and see what the other wrote.
    fn day(&mut self, word: &str) {
        self.mark();
        for (machine, name) in ["a", "b"].into_iter().enumerate() {
            let (till, own) = (self.till(machine), format!("{word} {name}"));
            till.maker(&format!("maker {own}"));
            till.part(&own, &format!("maker {own}"));
            till.sells(&format!("sale {own}"), &own);
            till.sells(&format!("sale {own}, stock"), "stock 1");
            till.takes_back(&format!("sale {}", word.len() + 10 * machine));
            till.set(&format!("stock {}", word.len() + 10 * machine), Field::Note, &own);
        }
        self.seen(word);
        let row = format!("{word} a");
        let fields =
            [Field::Colour, Field::Note, Field::Count, Field::Shelf, Field::Minimum, Field::Name];
        for round in 0..2 {
            for (turn, field) in fields.into_iter().enumerate() {
                let machine = (turn + round) % 2;
                if !self.till(machine).has(field) {
                    continue;
                }
                let value = if matches!(field, Field::Count | Field::Minimum) {
                    (round * 10 + turn + 20).to_string()
                } else {
                    format!("{field:?} {word} {round}")
                };
                self.till(machine).set(&row, field, &value);
                self.seen(&format!("{word}, {field:?} of {row} by {}", ["a", "b"][machine]));
            }
        }
        self.nothing_else_was_sent(word, 0);
    }

    /// The tool is run on one machine, whose application is closed meanwhile; the other one's writes on.
    fn upgrade(&mut self, machine: usize) {
        self.mark();
        let (there, is_over) = (1 - machine, AtomicBool::new(false));
        let file = self.machines[machine].database();
        std::thread::scope(|scope| {
            let (shop, is_over) = (&*self, &is_over);
            let there = scope.spawn(move || {
                shop.writes_until(is_over, there, |till, n| {
                    till.part(&format!("while {machine} {n}"), "Brandt");
                    till.set(&format!("stock {}", 20 + n % 10), Field::Name, &format!("as of {n}"));
                    till.sells(
                        &format!("while {machine} {n}, sold"),
                        &format!("stock {}", n % STOCK),
                    );
                });
            });
            // Another program of the machine itself, where no statement of the tool stands between it and its table.
            let breaks = [Quirk::InSteps, Quirk::DropsOurs, Quirk::Replaced];
            let here = (!breaks.iter().any(|quirk| shop.project.does(*quirk))).then(|| {
                scope.spawn(move || {
                    shop.writes_until(is_over, machine, |till, n| {
                        till.maker(&format!("while {machine} {n}, here"));
                    });
                })
            });
            (self.project.upgrade)(&file);
            is_over.store(true, Ordering::Relaxed);
            there.join().unwrap();
            if let Some(here) = here {
                here.join().unwrap();
            }
        });
        self.names[machine] = self.project.new;
        let till = self.till(machine);
        if self.project.does(Quirk::DropsOurs) {
            until("able to sell", SELLS, || till.can_write());
        }
        till.part(&format!("first of the new version {machine}"), "Ahlberg");
        self.seen(&format!("upgraded {}", ["a", "b"][machine]));
        // What the upgrade filled in is on its way, too.
        until("level again", SOON, || {
            let [a, b] = &self.machines;
            let states = format!("{} and {}", a.partner_state("b"), b.partner_state("a"));
            if self.are_up_to_date() { Ok(()) } else { Err(states) }
        });
        let parts =
            self.picture(machine).unwrap().keys().filter(|(_, f)| *f == Field::Name).count() as u64;
        let filled = if self.project.does(Quirk::Fills) { parts } else { 0 };
        // What came while the file was being written anew went with the old one, and comes again.
        let again = if self.project.does(Quirk::Replaced) {
            self.counted()[there][1] - self.marks[there][1]
        } else {
            0
        };
        // Rows that were written, or came, in the moment before the exchange may go twice: what they showed is not copied
        // yet, and where a column went with the old table nothing else tells. Not those of all three tables.
        self.nothing_else_was_sent("upgrade", filled + again + parts);
        (self.project.check)(&file);
    }

    /// The application of a machine, in the version that it has, writes until something is over.
    fn writes_until(&self, is_over: &AtomicBool, machine: usize, write: impl Fn(&Till<'_>, usize)) {
        let till = self.till(machine);
        for written in 0..200 {
            if is_over.load(Ordering::Relaxed) {
                return;
            }
            write(&till, written);
            until("folded", SOON, || folded(&self.machines[machine]));
        }
    }

    fn picture(&self, machine: usize) -> Result<Picture, String> {
        let name = &self.machines[machine].name;
        picture(&self.machines[machine].app(), &self.names[machine])
            .map_err(|error| format!("{name}: {error}"))
    }

    /// Waits until both show all that was written, and looks at what must be so meanwhile.
    fn seen(&self, what: &str) {
        let mut claimed: Option<Instant> = None;
        until(&format!("seen by both: {what}"), SOON, || {
            self.machines.iter().try_for_each(folded)?;
            for machine in self.machines.iter().filter(|_| self.project.does(Quirk::InSteps)) {
                if machine.attention().contains("anew") {
                    machine.ok(&["held", "keep", "--all"]);
                }
            }
            let level = self.are_up_to_date();
            for machine in &self.machines {
                machine.is_sound();
            }
            let pictures = [self.picture(0)?, self.picture(1)?];
            let differs = unlike(&pictures);
            // Whoever says so now may have been overtaken by a write that is on its way.
            claimed = claimed.filter(|_| level && differs.is_some());
            if level && let Some(place) = &differs {
                let since = claimed.get_or_insert_with(Instant::now);
                assert!(
                    since.elapsed() < CLAIM,
                    "{what}: both say that they are up to date, but {place}"
                );
            }
            let book = self.book.lock().unwrap();
            for (shown, (names, machine)) in
                pictures.iter().zip(self.names.iter().zip(&self.machines))
            {
                let missing = book.missing(shown, names);
                if let Some(first) = missing.first() {
                    return Err(format!(
                        "{}: {first} (and {} more)",
                        machine.name,
                        missing.len() - 1
                    ));
                }
            }
            differs.map_or(Ok(()), Err)?;
            // A column that one of them has not shows nothing there: its version may still be on its way.
            let [a, b] = [digests(&self.machines[0])?, digests(&self.machines[1])?];
            if a == b { Ok(()) } else { Err(format!("{a:?} on a, {b:?} on b")) }
        });
    }

    fn are_up_to_date(&self) -> bool {
        let [a, b] = &self.machines;
        a.partner_state("b") == "Up to date" && b.partner_state("a") == "Up to date"
    }

    fn counted(&self) -> [[u64; 2]; 2] {
        let book = self.book.lock().unwrap();
        [0, 1].map(|n| {
            let machine = &self.machines[n];
            [sent(machine), book.writes(&machine.name)]
        })
    }

    /// Counts from now on; what was written before is on both and in the history, which is written last.
    fn mark(&mut self) {
        // Each session of before is over, and in the history, when the next one begins.
        self.machines[1].ok(&["sync", "--wait"]);
        let mut last = None;
        self.marks = until("at rest", SOON, || {
            let counted = self.counted();
            if self.are_up_to_date() && last.replace(counted) == Some(counted) {
                return Ok(counted);
            }
            let [a, b] = &self.machines;
            Err(format!("{} and {}, {counted:?}", a.partner_state("b"), b.partner_state("a")))
        });
    }

    /// Since the last mark, each machine sent at most what its application wrote, and so many rows more.
    fn nothing_else_was_sent(&self, what: &str, more: u64) {
        for (machine, (now, then)) in
            self.machines.iter().zip(self.counted().iter().zip(&self.marks))
        {
            let (sent, written) = (now[0] - then[0], now[1] - then[1]);
            assert!(
                sent <= written + more,
                "{what}: {} sent {sent} rows, though its application wrote {written} and the upgrade {more}",
                machine.name
            );
        }
    }

    /// The daemons say so, and so do the files, in every column.
    fn is_equal(&self) {
        let [a, b] = &self.machines;
        lab::in_step(&[a, b]);
        let told = [a, b].map(|machine| portrait(&machine.app(), &self.project.new).unwrap());
        let [here, there] = &told;
        let strange: Vec<_> = here.iter().filter(|line| !there.contains(line)).collect();
        assert_eq!(strange, Vec::<&String>::new(), "not on b, which has {}", there.len());
        assert_eq!(here.len(), there.len());
        for machine in [a, b] {
            machine.is_sound();
            (self.project.check)(&machine.database());
        }
    }

    /// Daemons that are started anew find nothing to send.
    fn is_restarted(&mut self) {
        self.mark();
        for machine in &mut self.machines {
            machine.stop();
            machine.start();
        }
        self.till(0).set("stock 0", Field::Note, "after the restart");
        self.seen("restarted");
        self.nothing_else_was_sent("restart", 0);
    }
}

/// A place that both have and that they show otherwise; or a row that only one of them has.
fn unlike([a, b]: &[Picture; 2]) -> Option<String> {
    let rows = |picture: &Picture| -> std::collections::BTreeSet<String> {
        picture.keys().map(|(key, _)| key.clone()).collect()
    };
    let alone = rows(a).symmetric_difference(&rows(b)).next().cloned();
    let other = a.iter().find(|(place, value)| b.get(*place).is_some_and(|there| there != *value));
    alone.map(|row| format!("only one of them has {row}")).or_else(|| {
        other.map(|(place, value)| format!("{place:?} is {value} on a and {:?} on b", b.get(place)))
    })
}

/// Whether the daemon has taken up all that was written; also while it puts its tables back.
fn folded(machine: &Machine) -> Result<(), String> {
    let lines =
        machine.app().query_row("SELECT count(*) FROM _dunlin_log WHERE kind <> 0", [], |row| {
            row.get::<_, i64>(0)
        });
    match lines {
        Ok(0) => Ok(()),
        Ok(lines) => Err(format!("{} has {lines} lines to fold", machine.name)),
        Err(error) => Err(format!("{}: {error}", machine.name)),
    }
}

/// The versions that a machine has, by what the shop calls their tables.
fn digests(machine: &Machine) -> Result<Vec<(String, String)>, String> {
    let sql = "SELECT lower(coalesce(first, name)), hex(digest) FROM _dunlin_table WHERE tracked = 1 ORDER BY 1";
    let app = machine.app();
    app.prepare(sql)
        .and_then(|mut statement| {
            statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
                .and_then(Iterator::collect)
        })
        .map_err(|error| format!("{}: {error}", machine.name))
}

/// How many rows a machine has sent, by its history.
fn sent(machine: &Machine) -> u64 {
    let told: Value =
        serde_json::from_str(&machine.ok(&["history", "--json", "--limit", "1000"])).unwrap();
    let sessions = told.get("history").and_then(Value::as_array).unwrap();
    assert!(sessions.len() < 1_000, "more sessions than are listed");
    sessions.iter().filter_map(|session| session.get("sent").and_then(Value::as_u64)).sum()
}
