//! The end of a story: all are brought up to date, meet until nothing moves, and are looked at.

use super::history::{Schema, Table};
use super::judge::{self, Write};
use super::{Broken, KEYS, Till, World};
use crate::sim::Machine;
use dunlin_schema::Why;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use uuid::Uuid;

/// A session may need another to pass on what it brought: as many rounds as that can take, and some.
const ROUNDS_MAX: usize = 14;

impl World<'_> {
    /// Clocks right, every application up to date.
    pub(super) fn bring_up_to_date(&mut self) {
        self.say("all are brought up to date");
        self.lab.pass(Duration::from_secs(1_000));
        for at in 0..self.tills.len() {
            while self.tills[at].version < self.upgrades.len() {
                self.upgrade(at);
                if self.dice.one_in(2) {
                    self.look(at);
                }
            }
            self.look(at);
            self.tills[at].machine.skew(0);
        }
        self.rest();
    }

    /// A while in which tools come to rest, and the daemons look; longer where one waits for a table.
    fn rest(&mut self) {
        const SECONDS: u64 = 12;
        for _ in 0..SECONDS {
            self.lab.pass(Duration::from_secs(1));
            for at in 0..self.tills.len() {
                self.look(at);
            }
            if self.tills.iter().all(|till| !till.unlooked) {
                return;
            }
        }
    }

    /// Sessions between all of them, until nothing moves.
    pub(super) fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            self.lab.pass(Duration::from_secs(10));
            let mut moved = 0;
            for at in 0..self.tills.len() {
                for other in (0..self.tills.len()).filter(|other| *other != at) {
                    moved += self.take(at, other, Broken::default());
                }
            }
            if moved == 0 {
                return;
            }
        }
        panic!("sessions never become empty");
    }

    /// A person brings back what went with a table; what is nowhere any more may go.
    pub(super) fn decide(&mut self) {
        let mut wanted = 0;
        for till in &mut self.tills {
            wanted += till.machine.store().keep_deleted(None).unwrap();
        }
        if wanted > 0 {
            self.say(&format!("{wanted} rows that went are brought back"));
            self.settle();
        }
        let shown: BTreeSet<Uuid> =
            (0..self.tills.len()).flat_map(|at| self.standing(at).into_keys()).collect();
        for till in &mut self.tills {
            for held in till.machine.store().held(usize::MAX).unwrap() {
                if held.held && matches!(held.why, Why::Went | Why::Asked) {
                    assert!(
                        !shown.contains(&held.uuid),
                        "{:?}: what went does not come back: {held:#?}",
                        till.machine
                    );
                    till.machine.store().delete_held(held.number).unwrap();
                    self.lost += 1;
                }
            }
        }
        if self.lost > 0 {
            self.say(&format!("{} rows were nowhere any more", self.lost));
            self.settle();
        }
    }

    pub(super) fn check(&mut self) -> usize {
        let schema = self.schema(self.upgrades.len()).clone();
        for at in 1..self.tills.len() {
            self.same_as_first(at, &schema);
        }
        for till in &mut self.tills {
            whole(till, &schema);
            for held in till.machine.store().held(usize::MAX).unwrap() {
                let stays = !held.held && matches!(held.why, Why::Constraint | Why::Schema);
                assert!(!stays, "{:?}: a row stands as it was: {held:#?}", till.machine);
            }
        }
        self.deleted_by_somebody(&schema);
        self.none_emptied(&schema);
        let (lost, fallen) = (self.lost > 0, self.fallen);
        let schema = &schema;
        let machine = &mut self.tills[0].machine;
        let held = machine.store().held(usize::MAX).unwrap();
        let may_lack = |uuid, write: &Write, told: Option<&judge::Told>| {
            // Inserted and deleted before anybody looked.
            let is_unseen = told.is_none() && !self.judge.knows(&write.value);
            let is_held = held.iter().any(|held| held.uuid == uuid && held.held);
            is_unseen
                || is_held
                || told.is_some_and(|told| told.dead)
                || lost
                || fallen
                || write.weak
        };
        let judged =
            self.judge.nothing_is_lost(machine, schema, (&self.writes, &self.passed), &may_lack);
        if self.quiet {
            assert_eq!(self.judge.found(), 0, "rows were sent that nobody touched");
        }
        judged
    }

    /// A machine's tables, and all that it knows, are those of the first.
    fn same_as_first(&mut self, at: usize, schema: &Schema) {
        for table in &schema.0 {
            let columns = Table::list(&table.columns.iter().collect::<Vec<_>>());
            let all = format!("SELECT code{columns} FROM \"{}\" ORDER BY 1", table.name);
            let [ours, theirs] = [0, at].map(|at| self.tills[at].machine.ask(&all));
            assert_eq!(
                ours, theirs,
                "{} differs on {:?} and {:?}",
                table.name, self.tills[0].machine, self.tills[at].machine
            );
        }
        let [ours, theirs] = [0, at].map(|at| {
            let (rows, _) = judge::journal(&mut self.tills[at].machine, 0);
            rows.into_iter().collect::<BTreeMap<_, _>>()
        });
        for uuid in ours.keys().chain(theirs.keys()) {
            let (a, b) = (ours.get(uuid), theirs.get(uuid));
            assert!(
                a.map(judge::Told::dots) == b.map(judge::Told::dots),
                "states differ at {uuid}\n{:?}: {a:#?}\n{:?}: {b:#?}",
                self.tills[0].machine,
                self.tills[at].machine
            );
        }
        let Ok([first, other]) = self.tills.get_disjoint_mut([0, at]) else { return };
        same_knowledge(&mut first.machine, &mut other.machine);
    }

    /// A reference points nowhere only because a person deleted what it pointed to.
    fn none_emptied(&mut self, schema: &Schema) {
        let (rows, _) = judge::journal(&mut self.tills[0].machine, 0);
        let machine = &self.tills[0].machine;
        for table in &schema.0 {
            let Some((column, parent)) = table
                .columns
                .iter()
                .find_map(|column| column.refers.map(|(parent, _)| (column, parent)))
            else {
                continue;
            };
            let is_deleted = self.deleted.iter().any(|(of, _)| *of == parent || *of == "maker");
            if is_deleted || self.lost > 0 {
                continue;
            }
            let sql =
                format!("SELECT code FROM \"{}\" WHERE \"{}\" IS NULL", table.name, column.name);
            // A renamed column keeps the id that it had first.
            let id = column.is.split_once('.').map_or("", |(_, id)| id);
            for key in machine.ask(&sql) {
                // Where all machines emptied it before they met, it is nowhere any more.
                let uuid = judge::uuid(table.is, &key);
                let is_gone = rows.iter().any(|(of, told)| *of == uuid && told.lacks(id));
                let row = (table.is, made_as(&key));
                assert!(
                    is_gone || self.unreferred.contains(&row) || self.deleted.contains(&row),
                    "{machine:?}: {row:?} refers to nothing, and nobody said so"
                );
            }
        }
    }

    /// A row is deleted because a person deleted it, or what it stood under.
    fn deleted_by_somebody(&mut self, schema: &Schema) {
        let (rows, _) = judge::journal(&mut self.tills[0].machine, 0);
        for table in &schema.0 {
            let parents: &[&str] = match table.is {
                "maker" => &[],
                "part" => &["maker"],
                _ => &["maker", "part"],
            };
            let fell = self.deleted.iter().any(|(of, _)| parents.contains(of));
            for key in (0..=KEYS).map(|key| table.key(key)) {
                let uuid = judge::uuid(table.is, &key);
                let dead = rows.iter().any(|(of, told)| *of == uuid && told.dead);
                let is_deleted = self.deleted.contains(&(table.is, key.clone()));
                assert!(
                    !dead || is_deleted || fell || self.lost > 0,
                    "{} {key} was deleted by nobody",
                    table.is
                );
            }
        }
    }
}

/// Two machines say the same of their tables and of what they hold back, and neither waits for rows of the other.
fn same_knowledge(a: &mut Machine, b: &mut Machine) {
    let [ours, theirs] = [&mut *a, &mut *b].map(|machine| {
        let digests = machine.store().digests().unwrap();
        digests.into_iter().filter(|(_, rows, _)| *rows > 0).collect::<Vec<_>>()
    });
    assert_eq!(ours, theirs, "digests differ: {a:?} {b:?}");
    let [ours, theirs] = [&mut *a, &mut *b].map(|machine| {
        let held = machine.store().held(usize::MAX).unwrap().into_iter();
        held.map(|row| (row.uuid, (row.table, row.held, row.why))).collect::<BTreeMap<_, _>>()
    });
    assert_eq!(ours, theirs, "held rows differ: {a:?} {b:?}");
    let (partner, knowledge) = (b.store().origin(), a.store().knowledge().unwrap());
    let cursor = a.store().cursor(partner).unwrap();
    let waiting = b.store().waiting_for(cursor, &knowledge).unwrap();
    assert_eq!(waiting, 0, "{a:?} waits for rows of {b:?}");
}

/// A machine's own file is as it should be. Tables that a tool put away are its own matter.
fn whole(till: &mut Till, schema: &Schema) {
    for table in &schema.0 {
        let broken = till
            .machine
            .ask(&format!("SELECT count(*) FROM pragma_foreign_key_check('{}')", table.name));
        assert_eq!(broken, ["0"], "{:?}: references of {} point nowhere", till.machine, table.name);
        let count = till.machine.ask(&format!("SELECT count(*) FROM \"{}\"", table.name));
        let tables = till.machine.store().tables().unwrap();
        let state = tables.iter().find(|state| state.first == table.is).unwrap();
        let shown = (state.rows - state.held).to_string();
        assert_eq!(count, [shown], "{:?}: {} has ghosts, or misses rows", till.machine, table.name);
    }
}

/// The key under which a row was made that lost it to another one.
fn made_as(key: &str) -> String {
    key.split_once('~').map_or_else(|| key.to_owned(), |(key, _)| key.replacen('*', "", 1))
}
