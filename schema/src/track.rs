//! Tracking: which tables are kept in step.

mod references;

use crate::catalogue::{self, is_ours};
use crate::error::Doing as _;
use crate::ground::refusal;
use crate::listing::Kind;
use crate::store::Flush;
use crate::trigger;
use crate::tx::{Cache, Tx};
use crate::{Declaration, Error, Nameless, Result, Store, left_out};
use rusqlite::params;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// What to track, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Track {
    /// These tables; none: all that can be.
    pub tables: Option<Vec<String>>,
    /// Of all, these are left out.
    pub except: Vec<String>,
    /// And these, because the configuration says so.
    pub kept_out: Vec<String>,
    /// References that the file does not declare: child, column, parent.
    pub references: Vec<Added>,
    /// Columns that look like references and are none: table, column.
    pub no_references: Vec<(String, String)>,
    /// Tables whose integer key is the name of the row.
    pub natural: Vec<String>,
    /// Tables, each with the column that says when its rows were written that are there; with none, nothing says it.
    pub stamps: Vec<(String, Option<String>)>,
    /// The files that are joined are copies of one: name rows by table and key.
    pub copies: bool,
}

/// A table that is not tracked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// Why it cannot be tracked, and its cure.
    pub refused: Option<String>,
    /// Why it is left out unless a person names it.
    pub left_out: Option<String>,
}

/// A reference that the file does not declare: child, column, parent.
type Added = (String, String, String);

/// What a person is told where references are declared late.
pub(crate) const TRACKED_ANEW: &str =
    "the tables are tracked anew, so that the references hold for rows that are there";

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tracked {
    /// Newly tracked: name, what names its rows, how many rows were there.
    pub tables: Vec<(String, &'static str, u64)>,
    /// Tables that were left out, each with the reason and its cure.
    pub refused: Vec<(String, String)>,
    /// What a person should know: references that the application does not keep.
    pub notes: Vec<String>,
}

impl Nameless {
    /// For people who begin to track the table.
    pub(crate) fn note(&self) -> String {
        let Self { table, columns, rows } = self;
        let columns = columns.join(", ");
        if *rows == 1 {
            format!(
                "{rows} row has NULL in a part of the key of {table} ({columns}), and it stays on this machine until there is a value"
            )
        } else {
            format!(
                "{rows} rows have NULL in a part of the key of {table} ({columns}), and they stay on this machine until there is a value"
            )
        }
    }
}

impl Store {
    /// Starts keeping tables in step.
    pub fn track(&mut self, track: &Track) -> Result<Tracked> {
        let anew = self.declare_late(&track.references)?;
        let now = self.now_sql().to_owned();
        let mut tracked = self.write(Flush::Now, |tx| tx.track(track, &now, Outside::Refuse))?;
        self.fold()?;
        self.try_rows_of(&tracked)?;
        tracked.notes.extend(anew.then(|| TRACKED_ANEW.to_owned()));
        let told = self.write(Flush::Reads, |tx| tx.told_of_all(track))?;
        tracked.notes.extend(told);
        self.looked.forget();
        Ok(tracked)
    }

    /// The tables that are not tracked, in the order of their names.
    pub fn candidates(&mut self) -> Result<Vec<Candidate>> {
        self.write(Flush::Reads, |tx| {
            let names = tx.all_tables().into_iter();
            names
                .filter(|name| tx.catalogue.named(name).is_none())
                .map(|name| {
                    let left_out = tx.why_left_out(&name);
                    let listed = catalogue::Listed::unknown(&name);
                    let (name, refused) = match catalogue::read(tx.conn, &tx.listing, &listed) {
                        Ok(table) => (table.name.clone(), tx.cannot_write(&table)?),
                        Err(Error::Untrackable { table, why }) => (table, Some(why)),
                        Err(error) => return Err(error),
                    };
                    Ok(Candidate { name, refused, left_out })
                })
                .collect()
        })
    }

    /// Learns of a partner's tables: those that exist here with the same key are tracked here too, and what is
    /// loose there is loose here. Answers what is newly tracked. `untracked`: what the configuration leaves out; what
    /// a person let go is left out too.
    pub fn meet(&mut self, declared: &[Declaration], untracked: &[String]) -> Result<Tracked> {
        let now = self.now_sql().to_owned();
        let mut wanted = Track { tables: Some(Vec::new()), ..Track::default() };
        let let_go = self.untracked()?;
        let untracked: Vec<&String> = untracked.iter().chain(&let_go).collect();
        let mut late = Vec::new();
        self.write(Flush::Reads, |tx| {
            for other in declared {
                if tx.catalogue.first(&other.name).is_some()
                    || untracked.iter().any(|name| name.eq_ignore_ascii_case(&other.name))
                {
                    continue;
                }
                let Some(name) = tx.name_here(&other.name)? else { continue };
                let listed = catalogue::Listed::unknown(&name);
                let Ok(table) = catalogue::read(tx.conn, &tx.listing, &listed) else { continue };
                let ours: BTreeSet<String> =
                    table.key_names().map(str::to_ascii_lowercase).collect();
                let theirs: BTreeSet<String> = other
                    .columns
                    .iter()
                    .filter(|column| column.key)
                    .map(|column| column.here.to_ascii_lowercase())
                    .collect();
                if theirs.is_empty() || ours == theirs {
                    if other.naming == "natural" {
                        wanted.natural.push(table.name.clone());
                    }
                    wanted.tables.get_or_insert_default().push(table.name);
                }
            }
            wanted.references = tx.declared_elsewhere(declared, &wanted)?;
            late = wanted.references.iter().filter(|added| tx.is_late(added)).cloned().collect();
            if tx.has_met_anybody()? {
                wanted.references.retain(|added| !late.contains(added));
                late.clear();
            }
            Ok(())
        })?;
        if !late.is_empty() {
            self.track_all_anew(&late)?;
        }
        let tracked = if wanted.tables.as_ref().is_none_or(Vec::is_empty) {
            Tracked::default()
        } else {
            self.write(Flush::Now, |tx| tx.track(&wanted, &now, Outside::LeaveOut))?
        };
        self.loosen_as(declared)?;
        if !tracked.tables.is_empty() {
            self.fold()?;
            self.try_rows_of(&tracked)?;
        }
        Ok(tracked)
    }

    /// Tracks all tables anew, with these references.
    fn track_all_anew(&mut self, references: &[Added]) -> Result<()> {
        let now = self.now_sql().to_owned();
        self.write(Flush::Now, |tx| {
            // A commit of the application may have come in between.
            tx.fold(usize::MAX)?;
            for (child, column, parent) in references {
                tx.declare(child, column, parent)?;
            }
            tx.track_anew(&now)
        })?;
        self.forget_spare();
        self.fold().map(drop)
    }

    /// A joiner that tracked a table before anybody could say what the shop calls it tracks all of them anew, while nobody
    /// has seen anything of its rows: else it would be another table for ever.
    pub(crate) fn track_as_the_shop_does(&mut self) -> Result<()> {
        let is_another =
            self.write(Flush::Reads, |tx| Ok(!tx.has_met_anybody()? && tx.has_a_later_name()?))?;
        if !is_another {
            return Ok(());
        }
        self.track_all_anew(&[])
    }

    fn loosen_as(&mut self, declared: &[Declaration]) -> Result<()> {
        let mut loose: Vec<(String, Vec<String>)> = Vec::new();
        self.write(Flush::Reads, |tx| {
            for other in declared {
                let Some(table) = tx.catalogue.first(&other.name) else { continue };
                let all = table.declaration(&tx.catalogue).references;
                for (ours, reference) in all.into_iter().zip(&table.references) {
                    let theirs = other
                        .references
                        .iter()
                        .find(|theirs| theirs.0 == ours.0 && theirs.1 == ours.1);
                    if !ours.2 && theirs.is_some_and(|theirs| theirs.2) {
                        let columns = table.names_of(&reference.columns).into_iter();
                        loose.push((table.name.clone(), columns.map(str::to_owned).collect()));
                    }
                }
            }
            Ok(())
        })?;
        if loose.is_empty() {
            return Ok(());
        }
        self.write(Flush::Later, |tx| {
            for (child, columns) in &loose {
                let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
                tx.loosen(child, &columns)?;
            }
            let held = tx
                .rows_held_in(&loose.iter().map(|(child, _)| child.as_str()).collect::<Vec<_>>())?;
            tx.settle(held)
        })
    }

    /// Rows that waited for their table to be tracked.
    fn try_rows_of(&mut self, tracked: &Tracked) -> Result<()> {
        let names: Vec<&str> = tracked.tables.iter().map(|(name, ..)| name.as_str()).collect();
        self.write(Flush::Later, |tx| {
            let held = tx.rows_held_in(&names)?;
            // What they claim was not known before the table was: of two that claim one value, one stands aside.
            for uuid in &held {
                if let (Some(entry), Some(kept)) = (tx.entry(*uuid)?, tx.kept(*uuid)?)
                    && let Some(cells) = kept.cells
                {
                    tx.enlist(&entry, &cells)?;
                }
            }
            if held.is_empty() { Ok(()) } else { tx.settle(held) }
        })
    }
}

/// What becomes of a table that refers to one which is not tracked: its local numbers would travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outside {
    /// A person asked for it: refuse, and say why.
    Refuse,
    /// A partner has it: leave it out, and go on.
    LeaveOut,
}

/// What is to be tracked, before anything is done to it.
pub(crate) struct Plan {
    /// Tables that are new here, and those that come back after they were let go.
    pub(crate) new: Vec<i64>,
    pub(crate) back: BTreeSet<i64>,
    /// So many of those that are left out could be tracked; the others cannot.
    pub(crate) passed_over: usize,
    /// What a person is told.
    pub(crate) done: Tracked,
}

impl Tx<'_> {
    /// Decides what is to be tracked, and writes that into the sidecar; the application's tables are only read. So it also
    /// says beforehand what tracking would come to.
    pub(crate) fn plan(&mut self, track: &Track, outside: Outside) -> Result<Plan> {
        let mut done = Tracked::default();
        let names = match &track.tables {
            Some(names) => names.clone(),
            None => self.all_but_left_out(track, &mut done.refused)?,
        };
        let passed_over = done.refused.len();
        for (child, column, parent) in &track.references {
            self.declare(child, column, parent)?;
        }
        for (child, column) in &track.no_references {
            self.declare_none(child, column)?;
        }
        let let_go = self.catalogue.untracked.clone();
        let before: BTreeSet<i64> = self.catalogue.tables.iter().map(|table| table.id).collect();
        self.list_tables(track, &names, &mut done)?;
        self.unlist_what_cannot_be(track, &before, (outside, &mut done))?;
        let new: Vec<Arc<crate::Table>> = self
            .catalogue
            .tables
            .iter()
            .filter(|table| !before.contains(&table.id) && !table.internal())
            .cloned()
            .collect();
        // One that comes back is compared with what it showed when it was let go.
        let comes_back = |table: &&Arc<crate::Table>| let_go.get(&table.id) == Some(&true);
        let back: BTreeSet<i64> = new.iter().filter(comes_back).map(|table| table.id).collect();
        let first: Vec<_> = new.iter().filter(|table| !comes_back(table)).cloned().collect();
        if outside == Outside::Refuse {
            self.check_stamps(&track.stamps, &first)?;
        }
        self.choose_stamps(&track.stamps, &first, &mut done.notes)?;
        // Parents that went while a table was let go say nothing of how the application keeps its references.
        for table in &first {
            self.loosen_what_is_not_kept(&table.name, &mut done.notes)?;
        }
        Ok(Plan { new: new.iter().map(|table| table.id).collect(), back, passed_over, done })
    }

    /// What a person is told of all that is tracked.
    pub(crate) fn told_of_all(&self, track: &Track) -> Result<Vec<String>> {
        let guesses = self.undeclared(track.tables.as_deref())?;
        let mut told: Vec<String> = guesses.iter().map(crate::Undeclared::note).collect();
        told.extend(self.nameless()?.iter().map(Nameless::note));
        told.extend(self.counted_keys()?);
        Ok(told)
    }

    fn track(&mut self, track: &Track, now: &str, outside: Outside) -> Result<Tracked> {
        if !self.catalogue.untracked.is_empty() {
            // What the log tells of other tables is read while those that come back are none of ours yet.
            self.fold(usize::MAX)?;
        }
        let Plan { new, back, mut done, .. } = self.plan(track, outside)?;
        let planned = |tx: &Self| -> Vec<Arc<crate::Table>> {
            let tables = tx.catalogue.tables.iter();
            tables.filter(|table| new.contains(&table.id)).cloned().collect()
        };
        self.bind_new(&planned(self))?;
        let new = planned(self);
        self.write_format()?;
        let back: Vec<_> = new.iter().filter(|table| back.contains(&table.id)).cloned().collect();
        for table in &new {
            for statement in trigger::install(table, now) {
                self.conn.execute_batch(&statement).doing("add the triggers")?;
            }
            if back.iter().any(|back| back.id == table.id) {
                continue;
            }
            let rows = self
                .conn
                .execute(&trigger::list_rows(table, trigger::EXISTING, now), [])
                .doing("list the rows that are there")?;
            done.tables.push((table.name.clone(), table.naming.word(), rows as u64));
        }
        if !back.is_empty() {
            let rows = self.bring_back(&back, now)?;
            for (table, rows) in back.iter().zip(rows) {
                done.tables.push((table.name.clone(), table.naming.word(), rows));
            }
        }
        Ok(done)
    }

    /// Lists the tables that a person named, or all that can be tracked.
    fn list_tables(&mut self, track: &Track, names: &[String], done: &mut Tracked) -> Result<()> {
        for name in names {
            let natural = track.natural.iter().any(|natural| natural.eq_ignore_ascii_case(name));
            let listed = catalogue::Listed {
                natural,
                copies: track.copies,
                ..catalogue::Listed::unknown(name)
            };
            match catalogue::read(self.conn, &self.listing, &listed) {
                Ok(table) if natural && table.naming.word() != "natural" => {
                    let why = "--natural is for tables with an integer key of their own";
                    return Err(Error::Untrackable { table: table.name, why: why.to_owned() });
                }
                Ok(table) => {
                    self.take_first_name(&table.name)?;
                    self.list(&table.name, natural, track.copies)?;
                }
                Err(Error::Untrackable { table, why }) if track.tables.is_none() => {
                    done.refused.push((table, why));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes tables from the list again that could not be kept the same.
    fn unlist_what_cannot_be(
        &mut self,
        track: &Track,
        before: &BTreeSet<i64>,
        (outside, done): (Outside, &mut Tracked),
    ) -> Result<()> {
        loop {
            self.load_catalogue()?;
            let unfit = match self.not_for_us(before)? {
                Some(unfit) => Some(unfit),
                None => self.reference_outside(before, track.tables.is_none())?,
            };
            match (unfit, outside) {
                (None, _) => return Ok(()),
                (Some((table, why)), Outside::Refuse) if track.tables.is_none() => {
                    self.unlist(&table)?;
                    done.refused.push((table, why));
                }
                (Some((table, why)), Outside::Refuse) => {
                    return Err(Error::Untrackable { table, why });
                }
                (Some((table, why)), Outside::LeaveOut) => {
                    self.unlist(&table)?;
                    done.notes.push(Error::Untrackable { table, why }.to_string());
                }
            }
        }
    }

    /// Columns of our own tables are what they are called.
    pub(crate) fn bind_ours(&mut self) -> Result<()> {
        let catalogue = Arc::clone(&self.catalogue);
        for table in catalogue.tables.iter().filter(|table| table.internal()) {
            for column in table.columns.iter().filter(|column| column.number == 0) {
                let number = self.column_number(table.id, &column.name)?;
                self.bind_column(table.id, number, (&column.name, &column.declared), true)?;
            }
        }
        self.load_catalogue()
    }

    /// The application's own tables, by name.
    fn all_tables(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .listing
            .tables()
            .filter(|table| table.kind == Kind::Table && !is_ours(&table.name))
            .map(|table| table.name.clone())
            .filter(|name| !name.to_ascii_lowercase().starts_with("sqlite_"))
            .collect();
        names.sort_unstable();
        names
    }

    /// The application's own tables but for those that are left out, each of which is told with the reason.
    fn all_but_left_out(
        &self,
        track: &Track,
        refused: &mut Vec<(String, String)>,
    ) -> Result<Vec<String>> {
        let mut names = self.all_tables();
        let is_here = |asked: &&String| !names.iter().any(|name| name.eq_ignore_ascii_case(asked));
        if let Some(table) = track.except.iter().find(is_here) {
            return Err(Error::NoSuchTable { table: table.clone() });
        }
        names.retain(|name| {
            let is_tracked = self.catalogue.named(name).is_some();
            let person = left_out::Person { track, is_tracked };
            let why = person.why(name).or_else(|| {
                // One that is tracked already was added by name.
                self.why_left_out(name).filter(|_| !is_tracked)
            });
            refused.extend(why.clone().map(|why| (name.clone(), why)));
            why.is_none()
        });
        Ok(names)
    }

    /// Why `track --all` passes a table over.
    fn why_left_out(&self, name: &str) -> Option<String> {
        let described = catalogue::describe(self.conn, &self.listing, name).ok()?;
        left_out::why(described.name(), &described.names().into_iter().collect(), &self.listing)
    }

    /// The first table newly listed that this connection cannot read and write: it needs what only its application has.
    fn not_for_us(&self, before: &BTreeSet<i64>) -> Result<Option<(String, String)>> {
        for table in self.catalogue.tables.iter().filter(|table| !before.contains(&table.id)) {
            if let Some(why) = self.cannot_write(table)? {
                return Ok(Some((table.name.clone(), why)));
            }
        }
        Ok(None)
    }

    /// Why nothing is written to a table, in words. `away`: what the sidecar says of it.
    pub(crate) fn why_away(&self, table: i64, away: i64) -> Option<String> {
        match away {
            0 => None,
            1 => Some("it is gone: dropped, or renamed so that nobody can tell".to_owned()),
            _ => {
                let table = self.catalogue.id(table)?;
                let why = self.cannot_write(table).ok().flatten();
                Some(why.unwrap_or_else(|| "it cannot be written to from outside".to_owned()))
            }
        }
    }

    /// Why this connection cannot read or write a table.
    pub(crate) fn cannot_write(&self, table: &crate::Table) -> Result<Option<String>> {
        let sql = &table.sql;
        let references = table.references.iter().map(|reference| &reference.columns);
        let looked_up = table.uniques.iter().map(|unique| &unique.columns).chain(references);
        let looked_up = looked_up.map(|columns| sql.keys_where(&table.names_of(columns)));
        let all = [&sql.read, &sql.there, &sql.delete, &sql.insert, &sql.update];
        let all = all.into_iter().cloned().chain(looked_up).chain([sql.keys()]);
        for statement in all {
            match self.conn.prepare(&statement) {
                Ok(_) => {}
                Err(error) if refusal(&error).is_some() => {
                    return Ok(Some(words(&refusal(&error).unwrap_or_default())));
                }
                Err(error) => return Err(error).doing("try a table"),
            }
        }
        Ok(None)
    }

    /// What a table that the shop calls so, and that is not tracked here, is called here.
    fn name_here(&mut self, first: &str) -> Result<Option<String>> {
        if self.listing.named(first).is_some() {
            return Ok(Some(first.to_owned()));
        }
        let facts = self.facts_of(first)?;
        let is_free = |name: &&str| {
            self.listing.named(name).is_some() && self.catalogue.named(name).is_none()
        };
        Ok(facts.names().find(is_free).map(str::to_owned))
    }

    /// A table that others know by an older name is that one, where none of that name is here.
    fn take_first_name(&mut self, name: &str) -> Result<()> {
        let Some(first) = self.first_name_of(name)? else { return Ok(()) };
        let (id, _) = self.table_of(&first)?;
        self.make_way(name)?;
        self.conn
            .execute(
                "UPDATE _dunlin_table SET first = coalesce(first, name), name = ?2 WHERE id = ?1",
                params![id, name],
            )
            .doing("write down what a table is called")?;
        Ok(())
    }

    /// Has this file taken in anything of others?
    pub(crate) fn has_met_anybody(&self) -> Result<bool> {
        self.conn
            .query_row("SELECT EXISTS (SELECT 1 FROM _dunlin_cursor)", [], |row| row.get(0))
            .doing("ask whether anybody was met")
    }

    /// Does the shop have another name for a table that is tracked here as one of its own?
    fn has_a_later_name(&mut self) -> Result<bool> {
        let catalogue = Arc::clone(&self.catalogue);
        for table in catalogue.tables.iter().filter(|table| table.first == table.name) {
            if self.called_in_the_shop(&table.name)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Tracks all tables anew, as if they never had been.
    fn track_anew(&mut self, now: &str) -> Result<()> {
        const OURS: &str = "SELECT id FROM _dunlin_table WHERE tracked = 1 AND name NOT LIKE '!_dunlin!_%' ESCAPE '!'";
        let doing = "track tables by the names that the shop has for them";
        let listed: Vec<(String, bool, bool, Option<String>)> = self
            .conn
            .prepare("SELECT name, naming IS NOT NULL, copies, stamped FROM _dunlin_table WHERE tracked = 1 AND name NOT LIKE '!_dunlin!_%' ESCAPE '!'")
            .and_then(|mut statement| {
                let listed = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
                listed.collect()
            })
            .doing(doing)?;
        let catalogue = Arc::clone(&self.catalogue);
        for table in catalogue.tables.iter().filter(|table| !table.internal()) {
            self.remove_triggers(table.id)?;
        }
        for table in ["kept", "waits", "old", "part", "ask"] {
            self.conn
                .execute_batch(&format!(
                    "DELETE FROM _dunlin_{table} WHERE uuid IN (SELECT uuid FROM _dunlin_row WHERE tbl IN ({OURS}))"
                ))
                .doing(doing)?;
        }
        for table in ["row", "log", "deletes", "reserved", "column", "shape"] {
            self.conn
                .execute_batch(&format!("DELETE FROM _dunlin_{table} WHERE tbl IN ({OURS})"))
                .doing(doing)?;
        }
        self.conn
            .execute_batch(&format!("DELETE FROM _dunlin_table WHERE id IN ({OURS})"))
            .doing(doing)?;
        *self.cache = Cache::default();
        self.changes.retain(|id, _| catalogue.id(*id).is_some_and(|table| table.internal()));
        self.load_catalogue()?;
        let all = listed.iter().map(|(name, ..)| name.clone()).collect();
        let natural = listed.iter().filter(|(_, natural, ..)| *natural);
        let natural = natural.map(|(name, ..)| name.clone()).collect();
        let stamps = listed.iter().filter_map(|(name, .., column)| match column.as_deref()? {
            "" => Some((name.clone(), None)),
            column => catalogue
                .named(name)?
                .column(column)
                .map(|(_, column)| (name.clone(), Some(column.name.clone()))),
        });
        let stamps = stamps.collect();
        let track = Track { tables: Some(all), natural, stamps, ..Track::default() };
        // All at once: a table whose parent is not tracked is left out.
        self.track(&track, now, Outside::LeaveOut)?;
        for (name, ..) in listed.iter().filter(|(_, _, copies, _)| *copies) {
            self.conn
                .execute("UPDATE _dunlin_table SET copies = 1 WHERE name = ?", [name])
                .doing(doing)?;
        }
        self.load_catalogue()
    }

    /// What the shop calls a table that is not tracked here, if it has another name for it.
    fn first_name_of(&mut self, name: &str) -> Result<Option<String>> {
        if self.catalogue.named(name).is_some() {
            return Ok(None);
        }
        self.called_in_the_shop(name)
    }

    /// By which name the shop knows a table that has this one here, where that is another and is free here.
    fn called_in_the_shop(&mut self, name: &str) -> Result<Option<String>> {
        let lower = name.to_ascii_lowercase();
        for (first, facts) in self.facts()?.iter() {
            let is_it = facts.names().any(|other| other == lower);
            let is_here =
                self.catalogue.first(first).is_some() || self.listing.named(first).is_some();
            if is_it && !is_here {
                return Ok(Some(first.clone()));
            }
        }
        Ok(None)
    }

    fn list(&self, name: &str, natural: bool, copies: bool) -> Result<()> {
        self.conn
            .execute(
                "INSERT INTO _dunlin_table (name, tracked, naming, copies) VALUES (?1, 1, ?2, ?3)
                 ON CONFLICT (name) DO UPDATE SET tracked = 1, naming = coalesce(?2, naming), copies = max(copies, ?3)",
                params![name, natural.then_some("natural"), copies],
            )
            .doing("list the table as tracked")?;
        Ok(())
    }

    /// The first table newly listed that refers to one which is not tracked, and what to do about it. `all`: all tables
    /// were wanted.
    fn reference_outside(
        &self,
        before: &BTreeSet<i64>,
        all: bool,
    ) -> Result<Option<(String, String)>> {
        for table in self.catalogue.tables.iter().filter(|table| !before.contains(&table.id)) {
            let mut statement = self
                .conn
                .prepare_cached("SELECT DISTINCT \"table\" FROM pragma_foreign_key_list(?)")
                .doing("read the table's references")?;
            let parents = statement
                .query_map([&table.name], |row| row.get::<_, String>(0))
                .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
                .doing("read the table's references")?;
            for parent in parents {
                if self.catalogue.named(&parent).is_none() {
                    let why = if all {
                        format!(
                            "it refers to {parent}, which is not tracked; track both by their names if they are to be kept in step"
                        )
                    } else {
                        format!(
                            "it refers to {parent}, which is not tracked; track that table too, or use --all"
                        )
                    };
                    return Ok(Some((table.name.clone(), why)));
                }
            }
        }
        Ok(None)
    }

    fn unlist(&self, table: &str) -> Result<()> {
        self.conn
            .execute("UPDATE _dunlin_table SET tracked = 0 WHERE name = ?", [table])
            .doing("leave the table out")?;
        Ok(())
    }

    /// Does the file keep its references? Those with children whose parent is missing are loose from the start.
    fn loosen_what_is_not_kept(&mut self, table: &str, notes: &mut Vec<String>) -> Result<()> {
        let doing = "check the file's references";
        let mut statement = self
            .conn
            .prepare(
                "SELECT DISTINCT l.\"from\" FROM pragma_foreign_key_check(?1) AS c
                 JOIN pragma_foreign_key_list(?1) AS l ON l.id = c.fkid",
            )
            .doing(doing)?;
        let columns = statement
            .query_map([table], |row| row.get::<_, String>(0))
            .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
            .doing(doing)?;
        if !columns.is_empty() {
            notes.push(format!(
                "{table}: {} points to rows that are not there, so rows are never held or hidden for it",
                columns.join(", ")
            ));
            let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
            self.loosen(table, &columns)?;
        }
        Ok(())
    }

    fn rows_held_in(&self, tables: &[&str]) -> Result<BTreeSet<Uuid>> {
        let mut held = BTreeSet::new();
        for table in tables {
            let id = self.table_id(table)?;
            let rows = self
                .conn
                .prepare_cached("SELECT k.uuid FROM _dunlin_kept AS k JOIN _dunlin_row AS r ON r.uuid = k.uuid WHERE r.tbl = ?")
                .and_then(|mut statement| {
                    statement
                        .query_map([id], |row| crate::cursor::uuid(row, 0))
                        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
                })
                .doing("find the held rows")?;
            held.extend(rows);
        }
        Ok(held)
    }
}

/// What a table needs that only its application has, by what SQLite says.
fn words(said: &str) -> String {
    const NEEDS: [(&str, &str); 4] = [
        ("no such collation sequence: ", "collation"),
        ("no such function: ", "function"),
        ("unknown function: ", "function"),
        ("no such module: ", "module"),
    ];
    let needs = NEEDS.iter().find_map(|(start, what)| Some((what, said.strip_prefix(start)?)));
    needs.map_or_else(
        || format!("SQLite says: {said}"),
        |(what, name)| {
            let name = name.trim_end_matches("()");
            format!("it needs the {what} {name}, which only its application has")
        },
    )
}

impl crate::Table {
    fn key_names(&self) -> impl Iterator<Item = &str> {
        self.key.iter().filter_map(|&index| self.at(index)).map(|column| column.name.as_str())
    }
}
