//! The witness: every version that was ever seen on any machine, and whether the shop still answers for it.
//!
//! A write that was acknowledged may be gone from the tables only for a reason: somebody who had seen it wrote over
//! it or deleted it, or it lost and is in the conflict journal, or what stands says the same.

use super::Machine;
use dunlin_schema::state::Dot;
use dunlin_schema::{Body, Cell, Origin, Row};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// The conflict journal as it travels.
const CONFLICTS: &str = "_dunlin_conflict";

/// One version, as a page tells of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its table.
    pub table: String,
    /// Columns that its writer said something in, in the order of their names; none for a tombstone.
    pub says: Option<Vec<(String, String)>>,
    /// What the row shows, with cells beside the version.
    pub shows: Option<Vec<(String, String)>>,
    /// The version.
    pub row: Row,
}

/// A version's name: who made it, and its number.
type Id = (Origin, u64);

impl Seen {
    fn id(&self) -> Id {
        (self.row.origin, self.row.seq)
    }

    fn covers(&self, id: Id) -> bool {
        let parts = self.row.parts.iter();
        let others = parts.flat_map(|parts| {
            let beside = parts.beside.iter().map(|(_, cell)| cell.dot);
            parts.dots.iter().map(|(_, dot)| *dot).chain(beside).chain(parts.cut)
        });
        (self.row.origin == id.0 && self.row.seq >= id.1)
            || self.row.seen.iter().any(|(origin, seq)| *origin == id.0 && *seq >= id.1)
            || others.into_iter().any(|dot| dot.origin == id.0 && dot.seq >= id.1)
    }
}

/// All that was ever seen.
#[derive(Debug, Default)]
pub struct Witness {
    versions: HashMap<Uuid, BTreeMap<Id, Seen>>,
    /// How far each machine's journal was read.
    read: HashMap<Origin, u64>,
}

/// All versions that a machine holds, read as a partner who knows nothing would read them.
pub fn journal(machine: &mut Machine, from: u64) -> (Vec<Seen>, u64) {
    let page = machine.journal(from);
    let mut versions = Vec::new();
    for table in page.tables {
        for row in table.rows {
            let told = |cells: BTreeMap<String, Cell>| {
                let told = cells.into_iter().filter(|(_, cell)| *cell != Cell::Null);
                told.map(|(name, cell)| (name, format!("{cell:?}"))).collect::<Vec<_>>()
            };
            let (says, shows) = match &row.body {
                Body::Dead => (None, None),
                Body::Size(size) => {
                    let size = vec![("size".to_owned(), size.to_string())];
                    (Some(size.clone()), Some(size))
                }
                Body::Live(cells) => {
                    let names = table.columns.iter().map(|name| name.to_ascii_lowercase());
                    let own = names.zip(cells.iter().cloned()).collect();
                    (Some(told(own)), Some(told(shown(&table.columns, cells, &row))))
                }
            };
            versions.push(Seen { table: table.name.clone(), says, shows, row });
        }
    }
    (versions, page.next)
}

/// What a row shows: of each column the later of the version's own cell and those beside it.
fn shown(columns: &[String], cells: &[Cell], row: &Row) -> BTreeMap<String, Cell> {
    let own = columns.iter().map(|name| name.to_ascii_lowercase()).zip(cells.iter().cloned());
    let mut shown: BTreeMap<String, Cell> = own.collect();
    let Some(parts) = &row.parts else { return shown };
    let head = Dot { stamp: row.stamp.to_i64(), origin: row.origin, seq: row.seq };
    let mut dots: BTreeMap<&str, Dot> = shown.keys().map(|name| (name.as_str(), head)).collect();
    dots.extend(parts.dots.iter().map(|(name, dot)| (name.as_str(), *dot)));
    let mut later: Vec<(String, Cell)> = Vec::new();
    for (name, cell) in &parts.beside {
        if dots.get(name.as_str()).is_none_or(|own| *own < cell.dot) {
            dots.insert(name, cell.dot);
            later.extend(cell.cell().map(|value| (name.clone(), value.clone())));
        }
    }
    let missing: Vec<&String> = parts.missing.iter().map(|(name, _)| name).collect();
    let is_here = |name: &String| later.iter().any(|(of, _)| of == name);
    let gone: Vec<String> = missing.into_iter().filter(|name| !is_here(name)).cloned().collect();
    shown.retain(|name, _| !gone.contains(name));
    shown.extend(later);
    shown
}

impl Witness {
    /// Looks at what is new in a machine's journal; its log is folded by that.
    pub fn look(&mut self, machine: &mut Machine) {
        let origin = machine.store().origin();
        let from = self.read.get(&origin).copied().unwrap_or(0);
        let (versions, next) = journal(machine, from);
        self.read.insert(origin, next);
        for seen in versions {
            let known = self.versions.entry(seen.row.uuid).or_default();
            if let Some(known) = known.get(&seen.id()) {
                assert_eq!(known.says, seen.says, "{machine:?}: one version says two things");
                assert_eq!(known.row.stamp, seen.row.stamp, "{machine:?}: two stamps");
            }
            known.insert(seen.id(), seen);
        }
    }

    /// Every version ever seen is answered for by what the machine holds now.
    pub fn nothing_vanished(&self, machine: &mut Machine) {
        let (now, _) = journal(machine, 0);
        let lost: BTreeSet<Id> = now
            .iter()
            .filter(|seen| seen.table == CONFLICTS)
            .filter_map(|seen| loser(seen.says.as_ref()?))
            .collect();
        let now: HashMap<Uuid, Seen> = now.into_iter().map(|seen| (seen.row.uuid, seen)).collect();
        for (uuid, versions) in &self.versions {
            if versions.values().next().is_some_and(|seen| seen.table == CONFLICTS) {
                assert!(now.contains_key(uuid), "{machine:?}: a conflict vanished: {versions:#?}");
                continue;
            }
            let Some(stands) = now.get(uuid) else {
                panic!("{machine:?}: a row vanished: {versions:#?}");
            };
            let answered = answered(stands, versions, &lost);
            for (id, seen) in versions {
                assert!(
                    answered.contains(id),
                    "{machine:?}: a version vanished: {seen:#?}\nwhat stands: {stands:#?}\nall: {versions:#?}",
                );
            }
        }
    }
}

/// The version that an entry of the conflict journal keeps.
fn loser(says: &[(String, String)]) -> Option<Id> {
    let text = |column: &str| says.iter().find(|(name, _)| name == column).map(|(_, text)| text);
    let bytes = text("origin")?.strip_prefix("Text([")?.strip_suffix("])")?;
    let origin: Vec<u8> = bytes.split(", ").map(|byte| byte.parse().unwrap()).collect();
    let origin = String::from_utf8(origin).unwrap();
    let (machine, epoch) = origin.split_once('/')?;
    let origin = Origin {
        machine: machine.parse().unwrap(),
        epoch: u64::from_str_radix(epoch, 16).unwrap(),
    };
    let seq = text("seq")?.strip_prefix("Integer(")?.strip_suffix(')')?;
    Some((origin, seq.parse().unwrap()))
}

/// The versions that what stands and what was kept answer for.
fn answered(stands: &Seen, versions: &BTreeMap<Id, Seen>, lost: &BTreeSet<Id>) -> BTreeSet<Id> {
    let mut answered: BTreeSet<Id> =
        versions.keys().filter(|id| lost.contains(id)).copied().collect();
    answered.insert(stands.id());
    loop {
        let before = answered.len();
        let speakers: Vec<&Seen> = answered
            .iter()
            .filter_map(|id| versions.get(id))
            .chain(std::iter::once(stands))
            .collect();
        let more: Vec<Id> = versions
            .iter()
            .filter(|(id, seen)| {
                speakers.iter().any(|speaker| speaker.covers(**id) || speaker.says == seen.says)
            })
            .map(|(id, _)| *id)
            .collect();
        answered.extend(more);
        if answered.len() == before {
            return answered;
        }
    }
}
