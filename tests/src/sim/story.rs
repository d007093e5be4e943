//! A story: machines that sell, edit and delete while links break, clocks are wrong and files are copied; then all
//! is mended, and all must be equal.

use super::portrait::portrait;
use super::session::{Broken, greet, pull};
use super::witness::{Witness, journal};
use super::{Lab, Machine};
use dunlin_schema::shop::Dice;
use dunlin_schema::{Known, Track, Why};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A session may need another to pass on what it brought: as many rounds as that can take, and some.
const ROUNDS_MAX: usize = 14;
/// At most so many machines: each pair exchanges when all is mended.
const MACHINES_MAX: usize = 5;

/// What runs on all machines of a story, and writes there.
pub trait Application {
    /// The statements that make its tables.
    fn tables(&self) -> &str;
    /// One deed that changes something, as far as a few tries find one.
    fn act(&mut self, machine: &Machine, dice: &mut Dice) -> Option<String>;
    /// Looks at a machine when all is over, for what only the application knows.
    fn check(&self, _machine: &mut Machine) {}
}

/// What a story may contain.
#[expect(clippy::struct_excessive_bools, reason = "each is in the story or not")]
#[derive(Clone, Copy, Debug)]
pub struct Plot {
    /// Clocks that are hours off, or dead.
    pub clocks: bool,
    /// The applications do not keep their references: `foreign_keys` is off, as SQLite has it.
    pub loose: bool,
    /// Files copied to new machines.
    pub copies: bool,
    /// Tables let go, and tracked again.
    pub untrack: bool,
    /// Steps after the opening.
    pub steps: u64,
    /// Says on stderr what happens.
    pub tell: bool,
}

impl Default for Plot {
    fn default() -> Self {
        Self { clocks: true, loose: false, copies: true, untrack: false, steps: 70, tell: false }
    }
}

struct Story<'a> {
    lab: Lab,
    dice: Dice,
    machines: Vec<Machine>,
    witness: Witness,
    plot: Plot,
    application: &'a mut dyn Application,
    /// What happened, step by step.
    told: &'a mut Vec<String>,
}

/// Tells the story of a seed, and checks its end. What happens is written down.
pub fn tell(seed: u64, plot: Plot, application: &mut dyn Application, told: &mut Vec<String>) {
    tell_without(seed, (plot, &BTreeSet::new()), application, told);
}

/// As [`tell`], some of its steps left out. Each step has dice of its own: what is left is mostly as it was.
pub fn tell_without(
    seed: u64,
    (plot, without): (Plot, &BTreeSet<u64>),
    application: &mut dyn Application,
    told: &mut Vec<String>,
) {
    let mut dice = Dice::new(seed);
    let lab = Lab::new();
    let count = dice.between(3, 5);
    let machines = ["anna", "bert", "carl", "dora", "emil"]
        .iter()
        .zip(0..count)
        .map(|(name, _)| lab.machine(name, application.tables()))
        .collect();
    let witness = Witness::default();
    let mut story = Story { lab, dice, machines, witness, plot, application, told };
    story.set_clocks_wrong();
    if plot.loose {
        for machine in &story.machines {
            machine.run("PRAGMA foreign_keys = OFF");
        }
    }
    let opening = story.dice.pick(&[2, 8, 20]);
    let density = story.dice.pick(&[35, 60, 80]);
    let steps = story.dice.clone();
    for step in (0..opening + plot.steps).filter(|step| !without.contains(step)) {
        story.dice = Dice::new(steps.clone().roll().wrapping_add(step.wrapping_mul(STEP)));
        if step < opening {
            story.act(0);
        } else {
            story.step(density);
        }
    }
    story.mend();
    story.check();
}

/// Odd, so that no two steps have the same dice.
const STEP: u64 = 0xd134_2543_de82_ef95;

impl Story<'_> {
    fn say(&mut self, what: impl FnOnce(&Self) -> String) {
        let what = format!("[{}] {}", self.lab.now() % 1_000_000_000, what(self));
        if self.plot.tell {
            #[expect(clippy::print_stderr, reason = "a story told again is told to somebody")]
            {
                eprintln!("{what}");
            }
        }
        self.told.push(what);
    }

    fn set_clocks_wrong(&mut self) {
        const HOUR: i64 = 3_600_000;
        for machine in &mut self.machines {
            let by = if self.plot.clocks {
                self.dice.pick(&[
                    0,
                    0,
                    0,
                    -30_000,
                    30_000,
                    -200_000,
                    5 * HOUR,
                    3 * HOUR,
                    -7 * HOUR,
                    i64::MIN,
                ])
            } else {
                self.dice.pick(&[0, 0, -20_000, 20_000])
            };
            // A dead battery: 1970.
            machine.skew(if by == i64::MIN { -machine.now() } else { by });
        }
    }

    fn any(&mut self) -> usize {
        let last = i64::try_from(self.machines.len()).unwrap() - 1;
        usize::try_from(self.dice.between(0, last)).unwrap()
    }

    fn step(&mut self, density: i64) {
        let seconds = self.dice.pick(&[0, 0, 1, 1, 5, 40]);
        self.lab.pass(Duration::from_secs(seconds));
        let at = self.any();
        if self.plot.untrack && self.dice.one_in(12) {
            return self.let_go_or_take_back(at);
        }
        let what = self.dice.between(0, 99);
        if what < density {
            for _ in 0..self.dice.pick(&[1, 1, 1, 3]) {
                self.act(at);
            }
        } else if what < 93 {
            self.session(at);
        } else if what < 97 {
            self.say(|story| format!("{} restarts", story.machines[at].name));
            self.machines[at].restart();
        } else if self.plot.copies && self.machines.len() < MACHINES_MAX {
            self.copy(at);
        }
    }

    fn act(&mut self, at: usize) {
        let deed = self.application.act(&self.machines[at], &mut self.dice);
        if let Some(deed) = deed {
            self.say(|story| format!("{}: {deed}", story.machines[at].name));
        }
        // Often the fold comes at once; at times a page or a session finds the lines.
        if !self.dice.one_in(4) {
            self.witness.look(&mut self.machines[at]);
        }
    }

    fn copy(&mut self, of: usize) {
        let name = ["fred", "gina", "hugo", "iris", "jens"][self.machines.len()];
        self.say(|story| format!("{name} is a copy of {}", story.machines[of].name));
        let copy = self.lab.copy(name, &self.machines[of]);
        self.witness.look(&mut self.machines[of]);
        self.machines.push(copy);
        let last = self.machines.len() - 1;
        self.witness.look(&mut self.machines[last]);
    }

    /// Lets tables go that no other needs, or takes back all that were.
    fn let_go_or_take_back(&mut self, at: usize) {
        const TOGETHER: [&[&str]; 7] = [
            &["line"],
            &["tag"],
            &["ext", "line"],
            &["ca", "cb"],
            &["prod", "line"],
            &["ord", "line", "ext", "tag"],
            &["ord", "line", "ext", "tag", "cust", "dept", "prod"],
        ];
        if !self.machines[at].store().untracked().unwrap().is_empty() {
            return self.take_back(at);
        }
        let tables = self.dice.pick(&TOGETHER);
        self.say(|story| format!("{} lets {tables:?} go", story.machines[at].name));
        let machine = &mut self.machines[at];
        self.witness.look(machine);
        let tables: Vec<String> = tables.iter().map(|&table| table.to_owned()).collect();
        machine.store().untrack(&tables).unwrap();
        self.witness.look(machine);
    }

    fn take_back(&mut self, at: usize) {
        let machine = &mut self.machines[at];
        let tables = machine.store().untracked().unwrap();
        if tables.is_empty() {
            return;
        }
        self.witness.look(machine);
        machine.track(&Track { tables: Some(tables), ..Track::default() });
        self.witness.look(machine);
        self.say(|story| format!("{} takes its tables back", story.machines[at].name));
    }

    fn session(&mut self, at: usize) {
        let other = self.any();
        if other == at {
            return;
        }
        let page = self.dice.pick(&[1 << 20, 1 << 20, 1, 300, 700]);
        let after = if page < 1 << 20 { self.dice.pick(&[-1, -1, 1, 2, 3]) } else { -1 };
        let broken =
            Broken { after: usize::try_from(after).ok(), in_flight: self.dice.one_in(2), page };
        self.say(|story| {
            let (to, from) = (&story.machines[at].name, &story.machines[other].name);
            format!("{to} takes from {from}: {broken:?}")
        });
        let Self { lab, dice, machines, witness, plot, application, told } = self;
        let Ok([to, from]) = machines.get_disjoint_mut([at, other]) else { return };
        // What a page folds and beats in one breath would be seen by nobody.
        witness.look(to);
        witness.look(from);
        pull(to, from, broken, &mut |to, from| {
            lab.pass(Duration::from_secs(1));
            witness.look(to);
            for machine in [&mut *to, from] {
                if dice.one_in(3)
                    && let Some(deed) = application.act(machine, dice)
                {
                    let deed = format!("  {}: {deed}", machine.name);
                    if plot.tell {
                        #[expect(
                            clippy::print_stderr,
                            reason = "a story told again is told to somebody"
                        )]
                        {
                            eprintln!("{deed}");
                        }
                    }
                    told.push(deed);
                }
            }
            witness.look(to);
        });
        witness.look(to);
    }

    /// Clocks right, clocks repaired, links whole: sessions until nothing moves.
    fn mend(&mut self) {
        self.say(|_| "all is mended".to_owned());
        self.lab.pass(Duration::from_secs(1_000));
        for at in 0..self.machines.len() {
            self.take_back(at);
        }
        for machine in &mut self.machines {
            self.witness.look(machine);
            machine.skew(0);
        }
        for machine in &mut self.machines {
            machine.store().repair_clock().unwrap();
            self.witness.look(machine);
        }
        for _ in 0..ROUNDS_MAX {
            self.lab.pass(Duration::from_secs(10));
            let mut moved = 0;
            for at in 0..self.machines.len() {
                for other in 0..self.machines.len() {
                    if let Ok([to, from]) = self.machines.get_disjoint_mut([at, other]) {
                        moved += pull(to, from, Broken::default(), &mut |_, _| ());
                        self.witness.look(to);
                    }
                }
            }
            if moved == 0 {
                return;
            }
        }
        panic!("sessions never become empty");
    }

    fn check(&mut self) {
        for at in 1..self.machines.len() {
            if let Ok([first, other]) = self.machines.get_disjoint_mut([0, at]) {
                if self.plot.loose {
                    same_versions(first, other);
                } else {
                    same(first, other);
                }
            }
        }
        for machine in &mut self.machines {
            if !self.plot.loose {
                whole(machine);
            }
            self.witness.nothing_vanished(machine);
            self.application.check(machine);
        }
    }
}

/// Two machines hold the same versions and show the same tables.
pub fn same(a: &mut Machine, b: &mut Machine) {
    same_versions(a, b);
    same_tables(a, b);
}

/// Two machines hold the same versions.
pub fn same_versions(a: &mut Machine, b: &mut Machine) {
    let [theirs, ours] = [&mut *a, &mut *b].map(|machine| {
        let (versions, _) = journal(machine, 0);
        versions
            .into_iter()
            .map(|seen| {
                (
                    seen.row.uuid,
                    (seen.table, seen.shows, seen.row.stamp, seen.row.origin, seen.row.seq),
                )
            })
            .collect::<BTreeMap<_, _>>()
    });
    differ("versions", (a, &theirs), (b, &ours));
    let [theirs, ours] = [&mut *a, &mut *b].map(|machine| {
        let digests = machine.store().digests().unwrap();
        digests
            .into_iter()
            // A table that only one of them has says nothing while it is empty.
            .filter(|(_, rows, _)| *rows > 0)
            .map(|(name, rows, digest)| (name, (rows, digest)))
            .collect::<BTreeMap<_, _>>()
    });
    differ("digests", (a, &theirs), (b, &ours));
}

fn same_tables(a: &mut Machine, b: &mut Machine) {
    let [theirs, ours] = [&mut *a, &mut *b].map(portrait);
    differ("tables", (a, &theirs), (b, &ours));
    let [theirs, ours] = [&mut *a, &mut *b].map(|machine| {
        let held = machine.store().held(100_000).unwrap();
        held.into_iter()
            .map(|row| (row.uuid, (row.table, row.held, row.why)))
            .collect::<BTreeMap<_, _>>()
    });
    differ("held rows", (a, &theirs), (b, &ours));
    let (partner, knowledge) = (b.store().origin(), a.store().knowledge().unwrap());
    let cursor = a.store().cursor(partner).unwrap();
    let waiting = b.store().waiting_for(cursor, &knowledge).unwrap();
    assert_eq!(waiting, 0, "{a:?} waits for rows of {b:?}");
}

fn differ<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    what: &str,
    (a, theirs): (&Machine, &BTreeMap<K, V>),
    (b, ours): (&Machine, &BTreeMap<K, V>),
) {
    for key in theirs.keys().chain(ours.keys()) {
        let (here, there) = (theirs.get(key), ours.get(key));
        assert!(here == there, "{what} differ at {key:?}\n{a:?}: {here:#?}\n{b:?}: {there:#?}");
    }
}

/// A machine's own file is as it should be.
pub fn whole(machine: &mut Machine) {
    assert_eq!(machine.broken_references(), 0, "{machine:?}: references that point nowhere");
    for table in machine.store().tables().unwrap() {
        let count: i64 = machine
            .app
            .query_row(
                &format!("SELECT count(*) FROM \"{}\"", table.name.replace('"', "\"\"")),
                [],
                |row| row.get(0),
            )
            .unwrap();
        let held = machine.store().held(usize::MAX).unwrap();
        let lingering = held
            .iter()
            .filter(|row| row.why == Why::Deletes && !row.held && row.table == table.name)
            .count() as u64;
        let shown = i64::try_from(table.rows - table.held + lingering).unwrap();
        assert_eq!(count, shown, "{machine:?}: {} has ghosts, or misses rows", table.name);
    }
}

/// What a machine would ask a partner for, for stories that go step by step.
pub fn knows(to: &mut Machine, from: &mut Machine) -> Vec<Known> {
    greet(to, from).0.knowledge
}
