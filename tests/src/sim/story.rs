//! A story: machines that sell, edit and delete while links break, clocks are wrong and files are copied; then all
//! is mended, and all must be equal.

use super::session::{Broken, greet, pull};
use super::witness::{Witness, journal};
use super::world;
use super::{Lab, Machine};
use dunlin_schema::shop::Dice;
use dunlin_schema::{Cell, DumpSince, Known, Track, Why};
use std::collections::BTreeMap;
use std::time::Duration;

/// A session may need another to pass on what it brought: as many rounds as that can take, and some.
const ROUNDS_MAX: usize = 14;
/// At most so many machines: each pair exchanges when all is mended.
const MACHINES_MAX: usize = 5;

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
    /// Steps.
    pub steps: i64,
    /// Says on stderr what happens.
    pub tell: bool,
}

impl Default for Plot {
    fn default() -> Self {
        Self { clocks: true, loose: false, copies: true, untrack: false, steps: 70, tell: false }
    }
}

struct Story {
    lab: Lab,
    dice: Dice,
    machines: Vec<Machine>,
    witness: Witness,
    plot: Plot,
}

/// Tells the story of a seed, and checks its end.
pub fn tell(seed: u64, plot: Plot) {
    let mut dice = Dice::new(seed);
    let lab = Lab::new();
    let count = dice.between(3, 5);
    let machines = ["anna", "bert", "carl", "dora", "emil"]
        .iter()
        .zip(0..count)
        .map(|(name, _)| lab.machine(name, world::SCHEMA))
        .collect();
    let mut story = Story { lab, dice, machines, witness: Witness::default(), plot };
    story.set_clocks_wrong();
    if plot.loose {
        for machine in &story.machines {
            machine.run("PRAGMA foreign_keys = OFF");
        }
    }
    for _ in 0..story.dice.pick(&[2, 8, 20]) {
        story.act(0);
    }
    let density = story.dice.pick(&[35, 60, 80]);
    for _ in 0..plot.steps {
        story.step(density);
    }
    story.mend();
    story.check();
}

impl Story {
    fn say(&self, what: impl FnOnce() -> String) {
        if self.plot.tell {
            #[expect(clippy::print_stderr, reason = "a story told again is told to somebody")]
            {
                eprintln!("[{}] {}", self.lab.now() % 1_000_000_000, what());
            }
        }
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
            self.say(|| format!("{} restarts", self.machines[at].name));
            self.machines[at].restart();
        } else if self.plot.copies && self.machines.len() < MACHINES_MAX {
            self.copy(at);
        }
    }

    fn act(&mut self, at: usize) {
        let deed = world::act(&self.machines[at], &mut self.dice);
        if let Some(deed) = deed {
            self.say(|| format!("{}: {deed}", self.machines[at].name));
        }
        // Often the fold comes at once; at times a page or a session finds the lines.
        if !self.dice.one_in(4) {
            self.witness.look(&mut self.machines[at]);
        }
    }

    fn copy(&mut self, of: usize) {
        let name = ["fred", "gina", "hugo", "iris", "jens"][self.machines.len()];
        self.say(|| format!("{name} is a copy of {}", self.machines[of].name));
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
        self.say(|| format!("{} lets {tables:?} go", self.machines[at].name));
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
        self.say(|| format!("{} takes its tables back", self.machines[at].name));
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
        self.say(|| {
            format!(
                "{} takes from {}: {broken:?}",
                self.machines[at].name, self.machines[other].name
            )
        });
        let Self { lab, dice, machines, witness, plot } = self;
        let Ok([to, from]) = machines.get_disjoint_mut([at, other]) else { return };
        // What a page folds and beats in one breath would be seen by nobody.
        witness.look(to);
        witness.look(from);
        pull(to, from, broken, &mut |to, from| {
            lab.pass(Duration::from_secs(1));
            witness.look(to);
            for machine in [&mut *to, from] {
                if dice.one_in(3)
                    && let Some(deed) = world::act(machine, dice)
                    && plot.tell
                {
                    #[expect(
                        clippy::print_stderr,
                        reason = "a story told again is told to somebody"
                    )]
                    {
                        eprintln!("  {}: {deed}", machine.name);
                    }
                }
            }
            witness.look(to);
        });
        witness.look(to);
    }

    /// Clocks right, clocks repaired, links whole: sessions until nothing moves.
    fn mend(&mut self) {
        self.say(|| "all is mended".to_owned());
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

/// What the tables show: by row uuid, numbers as the rows that they name.
fn portrait(machine: &mut Machine) -> BTreeMap<(String, String), Vec<(String, String)>> {
    let dump = machine.store().dump(DumpSince::Position(0), usize::MAX).unwrap();
    let mut names: BTreeMap<(String, i64), String> = BTreeMap::new();
    let of = |columns: &[String], row: &[Cell], name: &str| {
        columns.iter().position(|column| column == name).and_then(|at| row.get(at).cloned())
    };
    let text = |cell: Option<Cell>| match cell {
        Some(Cell::Text(text)) => String::from_utf8(text).unwrap(),
        other => panic!("a uuid is text, not {other:?}"),
    };
    for table in &dump.tables {
        for row in table.rows.iter().filter(|row| !deleted(&table.columns, row)) {
            if let Some(Cell::Integer(id)) = of(&table.columns, row, "id") {
                names.insert((table.name.clone(), id), text(of(&table.columns, row, "uuid")));
            }
        }
    }
    let mut shown = BTreeMap::new();
    let shapes = machine.store().greeting(None).unwrap().declarations;
    for table in &dump.tables {
        let references: Vec<(&str, &str)> = shapes
            .iter()
            .filter(|shape| shape.name == table.name)
            .flat_map(|shape| &shape.references)
            .filter(|(columns, ..)| columns.len() == 1)
            .map(|(columns, parent, _)| (columns[0].as_str(), parent.as_str()))
            .collect();
        for row in table.rows.iter().filter(|row| !deleted(&table.columns, row)) {
            let uuid = text(of(&table.columns, row, "uuid"));
            let cells = table
                .columns
                .iter()
                .zip(row)
                .filter(|(column, _)| {
                    !["id", "uuid", "modified_on", "deleted"].contains(&column.as_str())
                })
                .map(|(column, cell)| {
                    let parent = references.iter().find(|(name, _)| name == column);
                    let value = match (parent, cell) {
                        (Some((_, parent)), Cell::Integer(id)) => names
                            .get(&((*parent).to_owned(), *id))
                            .cloned()
                            .unwrap_or_else(|| format!("{column} {id} of no row")),
                        _ => format!("{cell:?}"),
                    };
                    (column.clone(), value)
                })
                .collect();
            shown.insert((table.name.clone(), uuid), cells);
        }
    }
    shown
}

fn deleted(columns: &[String], row: &[Cell]) -> bool {
    columns.iter().zip(row).any(|(column, cell)| column == "deleted" && *cell == Cell::Integer(1))
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
