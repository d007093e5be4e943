//! Upgrades at random: machines whose applications are brought up to date one after the other, each in its own way, while
//! people write on all of them; in the end all have the last version, and all must be equal.
//!
//! ```text
//!   history    the versions of a schema, and the ways in which tools go from one to the next
//!   a step     a person writes │ an upgrade │ the daemon looks │ it restarts │ two machines meet │ one joins
//!   the end    all are brought to the last version, meet until nothing moves, and a person brings back what went
//!   judge      equal tables, equal versions; no value lost that a person wrote, no row gone that nobody deleted
//! ```
//!
//! A daemon that is off, or slow, is one that looks later: upgrades and writes come together then.

mod end;
pub mod history;
pub mod judge;
mod person;

use super::session::{Broken, greet, pull};
use super::{Lab, Machine};
use dunlin_schema::shop::Dice;
use dunlin_schema::{Track, Why};
use history::{Schema, Upgrade};
use judge::{Judge, Write};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;
use uuid::Uuid;

/// Steps of a story before all is brought to its end.
const STEPS: usize = 30;
/// Keys of a table: few, so that machines make the same row.
const KEYS: i64 = 8;

/// A machine, its application's version, and what its daemon has seen.
struct Till {
    machine: Machine,
    /// How many upgrades it had.
    version: usize,
    /// How many of them the daemon has seen.
    seen: usize,
    /// An upgrade was done, and the daemon has not looked.
    unlooked: bool,
    /// The spare was copied since the last write.
    copied: bool,
    /// What was written since the last fold, by its place among all writes.
    pending: std::ops::Range<usize>,
}

impl Till {
    /// The daemon has looked: it has seen all upgrades, unless it waits for a table.
    fn note_look(&mut self) {
        let away = self.machine.ask("SELECT 1 FROM _dunlin_table WHERE away <> 0 AND tracked = 1");
        self.unlooked = !away.is_empty();
        if !self.unlooked {
            self.seen = self.version;
        }
    }
}

struct World<'t> {
    lab: Lab,
    dice: Dice,
    first: Schema,
    upgrades: Vec<Upgrade>,
    tills: Vec<Till>,
    judge: Judge,
    writes: Vec<Write>,
    tokens: u64,
    deleted: BTreeSet<(&'static str, String)>,
    /// Rows that were inserted without a reference.
    unreferred: BTreeSet<(&'static str, String)>,
    /// A table was dropped with references on.
    fallen: bool,
    /// So many rows were lost by the application itself.
    lost: usize,
    /// Columns whose name was given again where too few values tell.
    passed: HashSet<(&'static str, String)>,
    /// Nothing was done but what sends no row.
    quiet: bool,
    told: &'t mut Vec<String>,
}

/// What a story came to, for whoever asks whether it says anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Came {
    /// Upgrades done.
    pub upgrades: usize,
    /// Values written.
    pub writes: usize,
    /// Values that are not shown any more, and were looked for.
    pub judged: usize,
}

/// Tells the story of a seed, and checks its end. What happens is written down step by step.
pub fn tell(seed: u64, told: &mut Vec<String>) -> Came {
    let mut dice = Dice::new(seed);
    let (first, upgrades) = history::history(&mut dice);
    let mut world = World {
        lab: Lab::new(),
        dice,
        first,
        upgrades,
        tills: Vec::new(),
        judge: Judge::default(),
        writes: Vec::new(),
        tokens: 0,
        deleted: BTreeSet::new(),
        unreferred: BTreeSet::new(),
        fallen: false,
        lost: 0,
        passed: HashSet::new(),
        quiet: true,
        told,
    };
    world.open();
    for _ in 0..STEPS {
        world.step();
    }
    world.bring_up_to_date();
    world.settle();
    world.decide();
    let judged = world.check();
    let upgrades = world.tills.iter().map(|till| till.version).sum();
    Came { upgrades, writes: world.writes.len(), judged }
}

impl World<'_> {
    fn say(&mut self, what: &str) {
        let time = self.lab.now() % 100_000_000;
        self.told.push(format!("[{time}] {what}"));
    }

    fn schema(&self, version: usize) -> &Schema {
        version.checked_sub(1).map_or(&self.first, |last| &self.upgrades[last].new)
    }

    fn any_till(&mut self) -> usize {
        let last = i64::try_from(self.tills.len()).unwrap() - 1;
        usize::try_from(self.dice.between(0, last)).unwrap()
    }

    /// Two or three machines with some rows.
    fn open(&mut self) {
        let count = self.dice.pick(&[2, 3, 3]);
        let tables = self.first.statements();
        for name in ["anna", "bert", "carl"].into_iter().take(count) {
            let machine = self.lab.machine(name, &tables);
            machine.skew(self.dice.pick(&[0, 0, 0, -9_000, 9_000]));
            self.tills.push(Till {
                machine,
                version: 0,
                seen: 0,
                unlooked: false,
                copied: false,
                pending: 0..0,
            });
        }
        for _ in 0..14 {
            self.edit(0, true);
        }
        self.look(0);
        for at in 1..self.tills.len() {
            self.take(at, 0, Broken::default());
            self.look(at);
        }
    }

    fn step(&mut self) {
        let seconds = self.dice.pick(&[0, 1, 1, 5, 20]);
        self.lab.pass(Duration::from_secs(seconds));
        let at = self.any_till();
        match self.dice.between(0, 99) {
            0..35 => {
                for _ in 0..self.dice.pick(&[1, 1, 2]) {
                    self.edit(at, false);
                }
                if self.dice.one_in(2) {
                    self.look(at);
                }
            }
            35..52 => {
                for _ in 0..self.dice.pick(&[1, 1, 1, 2, 3]) {
                    self.upgrade(at);
                }
                if !self.dice.one_in(3) {
                    self.look(at);
                }
            }
            52..60 => self.look(at),
            60..63 => {
                self.say(&format!("{} restarts", self.tills[at].machine.name));
                self.tills[at].machine.restart();
            }
            63..65 => self.join(at),
            _ => self.meet(at),
        }
    }

    /// What the daemon does within a second: it folds, and copies what moved.
    fn look(&mut self, at: usize) {
        self.fold(at);
        let till = &mut self.tills[at];
        self.lab.look(&mut till.machine);
        till.copied = true;
        let name = till.machine.name.clone();
        self.say(&format!("{name} looks"));
    }

    /// The daemon folds; what people wrote, and still stands in the tables, is in a version then.
    fn fold(&mut self, at: usize) {
        let till = &mut self.tills[at];
        till.machine.store().fold().unwrap();
        self.judge.read(&mut till.machine);
        let pending = std::mem::take(&mut till.pending);
        let was_same = till.version == till.seen;
        till.note_look();
        if !was_same {
            return;
        }
        let (till, schema) = (&self.tills[at], self.schema(self.tills[at].version));
        let pending = self.writes[pending].iter();
        for write in pending.filter(|write| write.on == till.machine.name && !write.weak) {
            let table = schema.table(write.table);
            let Some(column) = table.column(&write.column) else { continue };
            let shown = till.machine.ask(&format!(
                "SELECT \"{}\" FROM \"{}\" WHERE code = '{}'",
                column.name, table.name, write.key
            ));
            if column.refers.is_none() && shown.first() == Some(&write.value) {
                assert!(self.judge.knows(&write.value), "{:?} lacks {write:?}", till.machine);
            }
        }
    }

    /// Two machines meet: one takes from the other, in one page or in small ones, and the link may break.
    fn meet(&mut self, at: usize) {
        let other = self.any_till();
        if other == at {
            return;
        }
        let page = self.dice.pick(&[1 << 20, 1 << 20, 1, 600]);
        let after = if page < 1 << 20 { self.dice.pick(&[-1, 1, 2]) } else { -1 };
        let broken = Broken { after: usize::try_from(after).ok(), in_flight: false, page };
        self.take(at, other, broken);
        if !self.dice.one_in(3) {
            self.look(at);
        }
    }

    /// `at` takes from `other`. Answers how much moved.
    fn take(&mut self, at: usize, other: usize, broken: Broken) -> u64 {
        for one in [at, other] {
            self.fold(one);
        }
        let before = self.standing(at);
        let Ok([to, from]) = self.tills.get_disjoint_mut([at, other]) else { return 0 };
        let moved = pull(&mut to.machine, &mut from.machine, broken, &mut |_, _| ());
        to.copied = false;
        let how = if broken == Broken::default() { String::new() } else { format!(", {broken:?}") };
        let what = format!("{} takes {moved} from {}{how}", to.machine.name, from.machine.name);
        self.say(&what);
        self.judge.read(&mut self.tills[at].machine);
        self.none_vanished(at, &before);
        moved
    }

    /// The rows that a machine's tables show.
    fn standing(&self, at: usize) -> BTreeMap<Uuid, (&'static str, String)> {
        let till = &self.tills[at];
        let mut standing = BTreeMap::new();
        for table in &self.schema(till.version).0 {
            for key in till.machine.ask(&format!("SELECT code FROM \"{}\"", table.name)) {
                standing.insert(judge::uuid(table.is, &key), (table.is, key));
            }
        }
        standing
    }

    /// No row that stood is taken away by what was taken from others, unless it is deleted, or its parent is not there.
    fn none_vanished(&mut self, at: usize, before: &BTreeMap<Uuid, (&'static str, String)>) {
        let now = self.standing(at);
        let machine = &mut self.tills[at].machine;
        let gone: Vec<_> = before.iter().filter(|(uuid, _)| !now.contains_key(*uuid)).collect();
        if gone.is_empty() {
            return;
        }
        let (rows, _) = judge::journal(machine, 0);
        let held = machine.store().held(usize::MAX).unwrap();
        for (uuid, row) in gone {
            let told = rows.iter().find(|(of, _)| of == uuid).map(|(_, told)| told);
            let waits = held.iter().any(|held| {
                held.uuid == *uuid && matches!(held.why, Why::Parent | Why::Went | Why::Asked)
            });
            assert!(
                waits || told.is_some_and(|told| told.dead),
                "{machine:?}: {row:?} stood, and is taken away: {told:#?} {held:#?}"
            );
        }
    }

    /// A machine joins that has the version of one that is there.
    fn join(&mut self, at: usize) {
        if self.tills.len() > 3 || self.tills.iter().any(|till| till.machine.name == "emil") {
            return;
        }
        let version = self.tills[at].version;
        let tables = self.schema(version).statements();
        let mut machine = self.lab.untracked("emil", &tables);
        self.look(at);
        greet(&mut machine, &mut self.tills[at].machine);
        machine.track(&Track::default());
        let name = self.tills[at].machine.name.clone();
        self.say(&format!("emil joins with version {version}, and meets {name}"));
        self.tills.push(Till {
            machine,
            version,
            seen: version,
            unlooked: false,
            copied: false,
            pending: 0..0,
        });
        self.take(self.tills.len() - 1, at, Broken::default());
    }
}
