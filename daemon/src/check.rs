//! Checking a file before anybody tracks it: what the store says of it, where it lies, and what a person has to decide.
//!
//! It needs no daemon and no state folder. What is asked of the system is asked in [`Place::of`]; the rest is pure.

use std::path::Path;
use std::sync::Arc;

use dunlin_rpc::wire::admin::Track;
use dunlin_schema::{self as store, Doubles, Runs, in_shell};
use serde::Serialize;

use crate::clock::SystemClock;
use crate::config;
use crate::error::Result;
use crate::service::wanted;

/// What tracking a file would come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The file.
    pub file: String,
    /// It has a write-ahead log already; tracking switches it to one.
    pub wal: bool,
    /// The tables that would be kept in step, those that are already among them.
    pub tables: Vec<Table>,
    /// Tables that would not.
    pub left_out: Vec<LeftOut>,
    /// Virtual tables, which never are.
    pub virtual_tables: Vec<VirtualTable>,
    /// The application's triggers on the tables.
    pub triggers: Vec<Trigger>,
    /// What else is to be known.
    pub notes: Vec<String>,
    /// What a person has to decide.
    pub decide: Vec<Decide>,
    /// What is in the way.
    pub obstacles: Vec<Obstacle>,
    /// What the application should do.
    pub application: Vec<&'static str>,
    /// The line that tracks the tables, every guess taken for a reference.
    pub next: String,
}

/// A table that would be kept in step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Table {
    /// The table.
    pub name: String,
    /// It is already.
    pub tracked: bool,
    /// How its rows are named: `uuid`, `key`, `unique`, `natural`, or `integer`, by a name of their own.
    pub naming: &'static str,
    /// The columns that name them.
    pub named_by: Vec<String>,
    /// How many there are.
    pub rows: u64,
    /// The column that says when they were written.
    pub written: Option<String>,
    /// Its references.
    pub references: Vec<Reference>,
}

/// A reference to another table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// The columns that refer.
    pub columns: Vec<String>,
    /// To which table.
    pub parent: String,
    /// Rows are shown without the row that they refer to.
    pub loose: bool,
}

/// A table that would not be kept in step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The table.
    pub name: String,
    /// Why, and what helps.
    pub reason: String,
    /// It cannot be; else it is passed over, and can be tracked by its name.
    pub cannot: bool,
}

/// A virtual table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VirtualTable {
    /// Its name.
    pub name: String,
    /// Triggers of the application fill it from rows that arrive.
    pub filled: bool,
}

/// A trigger of the application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// The table that it watches.
    pub table: String,
    /// When it runs: `there` (where a row is written; what it does arrives elsewhere as rows), `everywhere` (for rows
    /// that arrive, too), `alone` (where a row is written, and what it does stays there), `never` (it should run for
    /// rows that arrive, and cannot).
    pub runs: &'static str,
}

/// What a person has to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Decide {
    /// Is a column a reference that the schema does not declare?
    Reference {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The table whose rows it seems to mean.
        parent: String,
        /// What says yes.
        yes: String,
        /// What says no.
        no: String,
    },
    /// Rows are likely to be on other machines too, and would be there twice.
    Doubles {
        /// The table.
        table: String,
        /// How many.
        rows: u64,
        /// What makes rows of one number one row.
        natural: String,
        /// That is likely to be right: it is one row of settings.
        alone: bool,
    },
    /// A table cannot be kept in step.
    Cannot {
        /// The table.
        table: String,
        /// Why, and what helps.
        reason: String,
    },
    /// What a trigger does is not done for rows that arrive.
    Trigger {
        /// The trigger.
        trigger: String,
        /// The table that it watches.
        table: String,
        /// The tables that it writes to and that are not kept in step; none: it needs what only its application has.
        into: Vec<String>,
    },
}

/// What is in the way of tracking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Obstacle {
    /// This user may not write the file.
    File,
    /// Nor in its folder, where SQLite and Dunlin have files of their own.
    Folder,
    /// The file is on a network file system, where a write-ahead log does not work.
    Network {
        /// Which.
        system: String,
    },
    /// No table can be kept in step.
    NoTable,
}

/// What is asked of the system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    file_is_ours: bool,
    folder_is_ours: bool,
    network: Option<&'static str>,
}

/// Looks at a file; nothing of it changes. `section`: what the settings say of it, where there are any.
pub fn check(file: &Path, track: Track, section: Option<&config::Database>) -> Result<Checked> {
    let (kept_out, triggers) =
        section.map_or((&[][..], &[][..]), |section| (&section.untracked, &section.triggers));
    let asked = track.clone();
    let found =
        store::check(file, &wanted(track, kept_out)?, triggers, Arc::new(SystemClock::default()))?;
    Ok(told(file, found, &asked, Place::of(file)))
}

impl Checked {
    /// Does a person have to decide something, or to make way?
    pub fn needs_a_person(&self) -> bool {
        !self.decide.is_empty() || !self.obstacles.is_empty()
    }
}

impl Place {
    #[cfg(unix)]
    fn of(file: &Path) -> Self {
        use rustix::fs::{Access, access};
        let real = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        let may_write = |path: &Path| access(path, Access::WRITE_OK).is_ok();
        Self {
            file_is_ours: may_write(&real),
            folder_is_ours: real.parent().is_none_or(may_write),
            network: network(&real),
        }
    }

    /// Not asked on this system.
    #[cfg(not(unix))]
    fn of(_file: &Path) -> Self {
        Self { file_is_ours: true, folder_is_ours: true, network: None }
    }
}

/// The network file system on which a file lies, by the numbers of Linux (statfs(2)).
#[cfg(target_os = "linux")]
fn network(file: &Path) -> Option<&'static str> {
    const KNOWN: [(u32, &str); 7] = [
        (0x6969, "NFS"),
        (0x517b, "SMB"),
        (0xff53_4d42, "SMB"),
        (0xfe53_4d42, "SMB"),
        (0x0102_1997, "9P"),
        (0x5346_414f, "AFS"),
        (0x00c3_6400, "Ceph"),
    ];
    let number = rustix::fs::statfs(file).ok()?.f_type;
    // The width of the number is each system's own.
    let number = i128::from(number) & 0xffff_ffff;
    KNOWN.iter().find(|(known, _)| i128::from(*known) == number).map(|(_, name)| *name)
}

/// Not known on this system.
#[cfg(all(unix, not(target_os = "linux")))]
fn network(_file: &Path) -> Option<&'static str> {
    None
}

/// What the application should do, whatever its tables.
const APPLICATION: [&str; 3] = [
    "open the file with a busy timeout, such as PRAGMA busy_timeout = 5000",
    "begin a transaction that reads before it writes with BEGIN IMMEDIATE",
    "not keep a transaction open that reads for hours",
];

fn told(file: &Path, found: store::Checked, asked: &Track, place: Place) -> Checked {
    let next = next(&found, asked);
    let obstacles = obstacles(place, &found);
    let decide = decide(&found);
    let guesses: Vec<String> = found.undeclared.iter().map(store::Undeclared::note).collect();
    let notes = found.would.notes.into_iter().filter(|note| !guesses.contains(note));
    let (passed_over, refused) = (found.passed_over, found.would.refused);
    let left_out = refused.into_iter().enumerate().map(|(at, (name, reason))| LeftOut {
        cannot: passed_over <= at,
        name,
        reason,
    });
    let virtual_tables = found.virtual_tables.into_iter();
    Checked {
        file: file.display().to_string(),
        wal: found.has_wal,
        tables: found.tables.into_iter().map(table).collect(),
        left_out: left_out.collect(),
        virtual_tables: virtual_tables
            .map(|(name, filled)| VirtualTable { name, filled })
            .collect(),
        triggers: found.triggers.into_iter().map(trigger).collect(),
        notes: notes.collect(),
        decide,
        obstacles,
        application: APPLICATION.to_vec(),
        next,
    }
}

fn table(fits: store::Fits) -> Table {
    let references = fits.references.into_iter();
    let reference = |(columns, parent, loose)| Reference { columns, parent, loose };
    Table {
        name: fits.name,
        tracked: fits.tracked,
        naming: fits.naming,
        named_by: fits.named_by,
        rows: fits.rows,
        written: fits.written,
        references: references.map(reference).collect(),
    }
}

fn trigger(effect: store::Effect) -> Trigger {
    let runs = match effect.runs {
        Runs::There => "there",
        Runs::Everywhere => "everywhere",
        Runs::Alone(_) => "alone",
        Runs::Never => "never",
    };
    Trigger { name: effect.trigger, table: effect.table, runs }
}

fn decide(found: &store::Checked) -> Vec<Decide> {
    let references = found.undeclared.iter().map(|one| Decide::Reference {
        table: one.child.clone(),
        column: one.column.clone(),
        parent: one.parent.clone(),
        yes: one.flag(),
        no: one.no_flag(),
    });
    let doubles = found.tables.iter().filter_map(|table| {
        let alone = table.doubles? == Doubles::One;
        let (table, rows, natural) = (table.name.clone(), table.rows, natural(&table.name));
        Some(Decide::Doubles { table, rows, natural, alone })
    });
    let cannot = found.would.refused.iter().skip(found.passed_over);
    let cannot = cannot
        .map(|(table, reason)| Decide::Cannot { table: table.clone(), reason: reason.clone() });
    let triggers = found.triggers.iter().filter_map(|effect| {
        let into = match &effect.runs {
            Runs::There | Runs::Everywhere => return None,
            Runs::Alone(into) => into.clone(),
            Runs::Never => Vec::new(),
        };
        let (trigger, table) = (effect.trigger.clone(), effect.table.clone());
        Some(Decide::Trigger { trigger, table, into })
    });
    references.chain(doubles).chain(cannot).chain(triggers).collect()
}

fn natural(table: &str) -> String {
    format!("--natural {}", in_shell(table))
}

fn obstacles(place: Place, found: &store::Checked) -> Vec<Obstacle> {
    let network = place.network.map(|system| Obstacle::Network { system: system.to_owned() });
    let mut obstacles: Vec<Obstacle> = network.into_iter().collect();
    obstacles.extend((!place.file_is_ours).then_some(Obstacle::File));
    obstacles.extend((!place.folder_is_ours).then_some(Obstacle::Folder));
    obstacles.extend(found.tables.is_empty().then_some(Obstacle::NoTable));
    obstacles
}

/// The line that tracks what was asked for, every guess taken for a reference.
fn next(found: &store::Checked, asked: &Track) -> String {
    let mut words = vec!["dunlin track".to_owned()];
    if asked.tables.is_empty() {
        words.push("--all".to_owned());
    }
    words.extend(asked.tables.iter().map(|table| in_shell(table)));
    for (flag, given) in [
        ("--except", &asked.except),
        ("--references", &asked.references),
        ("--no-reference", &asked.no_references),
        ("--natural", &asked.natural),
        ("--stamp", &asked.stamps),
    ] {
        words.extend(given.iter().map(|text| format!("{flag} {}", in_shell(text))));
    }
    words.extend(asked.copies.then(|| "--copies".to_owned()));
    words.extend(found.undeclared.iter().map(store::Undeclared::flag));
    let alone = found.tables.iter().filter(|table| table.doubles == Some(Doubles::One));
    words.extend(alone.map(|table| natural(&table.name)));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Place = Place { file_is_ours: true, folder_is_ours: true, network: None };

    fn found() -> store::Checked {
        let fits = |name: &str, doubles| store::Fits {
            name: name.to_owned(),
            naming: "integer",
            rows: 1,
            doubles,
            ..store::Fits::default()
        };
        let [child, column, parent] = ["orders", "part", "it's"].map(str::to_owned);
        let effect = |trigger: &str, runs| {
            let (trigger, table) = (trigger.to_owned(), "orders".to_owned());
            store::Effect { trigger, table, runs }
        };
        let undeclared = vec![store::Undeclared { child, column, parent }];
        let refused = vec![
            ("tool".to_owned(), "a tool's".to_owned()),
            ("bare".to_owned(), "no key".to_owned()),
        ];
        let notes = vec![undeclared[0].note(), "a note".to_owned()];
        store::Checked {
            would: store::Tracked { refused, notes, ..store::Tracked::default() },
            passed_over: 1,
            tables: vec![
                fits("orders", None),
                fits("settings", Some(Doubles::One)),
                fits("units", Some(Doubles::Some)),
            ],
            undeclared,
            triggers: vec![
                effect("a", Runs::There),
                effect("b", Runs::Alone(vec!["log".to_owned()])),
                effect("c", Runs::Never),
                effect("d", Runs::Everywhere),
            ],
            ..store::Checked::default()
        }
    }

    fn all() -> Track {
        Track { all: true, ..Track::default() }
    }

    #[test]
    fn all_that_a_person_has_to_decide_is_told_and_nothing_twice() {
        let checked = told(Path::new("shop.db"), found(), &all(), OURS);
        assert!(checked.needs_a_person());
        assert_eq!(checked.notes, ["a note"], "what is to be decided is no note");
        let kinds: Vec<String> = checked
            .decide
            .iter()
            .map(|one| serde_json::to_value(one).unwrap()["kind"].to_string().replace('"', ""))
            .collect();
        assert_eq!(kinds, ["reference", "doubles", "doubles", "cannot", "trigger", "trigger"]);
        assert!(!checked.left_out[0].cannot && checked.left_out[1].cannot);
        let alone: Vec<bool> = checked
            .decide
            .iter()
            .filter_map(|one| match one {
                Decide::Doubles { alone, .. } => Some(*alone),
                _ => None,
            })
            .collect();
        assert_eq!(alone, [true, false]);
    }

    #[test]
    fn the_line_to_paste_says_all_that_was_asked_for_and_every_guess() {
        let asked = Track {
            except: vec!["a b".to_owned()],
            stamps: vec!["orders=".to_owned()],
            copies: true,
            ..all()
        };
        assert_eq!(
            told(Path::new("shop.db"), found(), &asked, OURS).next,
            r"dunlin track --all --except 'a b' --stamp 'orders=' --copies --references 'orders.part=it'\''s' --natural 'settings'"
        );
        let tables = Track { tables: vec!["orders".to_owned()], ..Track::default() };
        let plain = store::Checked::default();
        assert_eq!(next(&plain, &tables), "dunlin track 'orders'");
    }

    #[test]
    fn a_file_that_nobody_has_to_look_at_needs_nobody() {
        let tables = vec![store::Fits::default()];
        let calm = store::Checked { tables, ..store::Checked::default() };
        assert!(!told(Path::new("x"), calm.clone(), &all(), OURS).needs_a_person());
        for (place, obstacle) in [
            (Place { file_is_ours: false, ..OURS }, Obstacle::File),
            (Place { folder_is_ours: false, ..OURS }, Obstacle::Folder),
            (
                Place { network: Some("NFS"), ..OURS },
                Obstacle::Network { system: "NFS".to_owned() },
            ),
        ] {
            let told = told(Path::new("x"), calm.clone(), &all(), place);
            assert_eq!((told.needs_a_person(), told.obstacles), (true, vec![obstacle]));
        }
        let empty = told(Path::new("x"), store::Checked::default(), &all(), OURS);
        assert_eq!(empty.obstacles, [Obstacle::NoTable]);
    }
}
