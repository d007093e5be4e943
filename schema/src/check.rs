//! Checking: what tracking a file would come to, before anybody does it.
//!
//! ```text
//!   the file ──read only──▶ its tables ──┐
//!   a sidecar in memory ─────────────────┴─▶ the plan that `track` makes ─▶ what a person has to know  (`rule`, pure)
//! ```
//!
//! The sidecar of a file that has one is copied into memory, and all that is written goes there: the plan is made by the
//! same lines that make it when tables are tracked, so the two cannot differ.
//!
//! # Invariants
//!
//! * Nothing of the file changes, nor anything beside it: not its journal, not its `-wal` and `-shm`.
//! * No other program waits for it.

mod open;
mod rule;

pub use rule::Doubles;

use crate::catalogue::Table;
use crate::error::Doing as _;
use crate::feed::{self, Effect};
use crate::listing::Kind;
use crate::store::Flush;
use crate::track::{Outside, TRACKED_ANEW};
use crate::trigger::quote;
use crate::tx::Tx;
use crate::{Clock, Options, Result, Store, Track, Tracked, Undeclared};
use rusqlite::Connection;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// What tracking a file would come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// What `track` would answer.
    pub would: Tracked,
    /// So many of those that are left out could be tracked; the others cannot.
    pub passed_over: usize,
    /// The tables that would be kept in step then, those that are already among them, in the order of their names.
    pub tables: Vec<Fits>,
    /// Columns that look like references and are not declared; `would` has a note of each.
    pub undeclared: Vec<Undeclared>,
    /// The application's triggers on these tables.
    pub triggers: Vec<Effect>,
    /// Virtual tables, which are never kept in step, each with whether triggers fill it here from rows that arrive.
    pub virtual_tables: Vec<(String, bool)>,
    /// The file has a write-ahead log already.
    pub has_wal: bool,
}

/// A table that would be kept in step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fits {
    /// Its name.
    pub name: String,
    /// It is kept in step already.
    pub tracked: bool,
    /// What names its rows, as [`crate::Naming::word`] has it.
    pub naming: &'static str,
    /// The columns that name them, where not the moment they were made does.
    pub named_by: Vec<String>,
    /// How many there are.
    pub rows: u64,
    /// The column that says when they were written.
    pub written: Option<String>,
    /// Its references: columns, parent, and whether rows do without their parent.
    pub references: Vec<(Vec<String>, String, bool)>,
    /// Its rows are likely to be on other machines, too, under other names.
    pub doubles: Option<Doubles>,
}

/// Looks at a file as [`Store::track`] would, and changes nothing. `fire`: triggers that are to run for rows that arrive,
/// because a person said so.
pub fn check(
    path: &Path,
    track: &Track,
    fire: &[String],
    clock: Arc<dyn Clock>,
) -> Result<Checked> {
    let (conn, has_wal) = open::open(path)?;
    copy_sidecar(&conn)?;
    let options = Options { machine: Uuid::nil(), clock, epoch: 0, now_sql: None, spare: None };
    let mut store = Store::over(conn, path, options);
    // It is never opened: nothing is looked after that is ours.
    store.opening = true;
    let checked = store.write(Flush::Reads, |tx| tx.check(track, fire))?;
    Ok(Checked { has_wal, ..checked })
}

/// Makes a sidecar in memory, with what the file's own says of tables. Names mean the one in memory from then on.
fn copy_sidecar(conn: &Connection) -> Result<()> {
    const COPIED: [&str; 7] = ["meta", "table", "reference", "column", "shape", "fact", "cursor"];
    let doing = "copy what is known of the file";
    let made = include_str!("sql/sidecar.sql")
        .replace("CREATE TABLE IF NOT EXISTS ", "CREATE TEMP TABLE IF NOT EXISTS ")
        .replace("DROP INDEX IF EXISTS ", "DROP INDEX IF EXISTS temp.");
    conn.execute_batch("PRAGMA temp_store = MEMORY").doing(doing)?;
    conn.execute_batch(&made).doing(doing)?;
    for table in COPIED {
        // A sidecar of an earlier Dunlin has fewer columns.
        let columns: Vec<String> = conn
            .prepare(
                "SELECT name FROM pragma_table_info(?1, 'main') WHERE name IN (SELECT name FROM pragma_table_info(?1, 'temp'))",
            )
            .and_then(|mut statement| {
                let table = format!("_dunlin_{table}");
                statement.query_map([table], |row| row.get(0)).and_then(Iterator::collect)
            })
            .doing(doing)?;
        if columns.is_empty() {
            continue;
        }
        let columns: Vec<String> = columns.iter().map(|name| quote(name)).collect();
        let columns = columns.join(", ");
        conn.execute_batch(&format!(
            "INSERT INTO temp._dunlin_{table} ({columns}) SELECT {columns} FROM main._dunlin_{table}"
        ))
        .doing(doing)?;
    }
    Ok(())
}

impl Tx<'_> {
    fn check(&mut self, track: &Track, fire: &[String]) -> Result<Checked> {
        let late = self.late(&track.references)?;
        for (child, column, parent) in &late {
            self.declare(child, column, parent)?;
        }
        if !late.is_empty() {
            self.load_catalogue()?;
        }
        let plan = self.plan(track, Outside::Refuse)?;
        self.load_catalogue()?;
        let mut would = plan.done;
        let mut rows = HashMap::new();
        for table in self.catalogue.tables.iter().filter(|table| !table.internal() && !table.away) {
            rows.insert(table.id, self.count_rows(table)?);
        }
        let of = |id: &i64| self.catalogue.id(*id);
        let (back, new): (Vec<&i64>, Vec<&i64>) =
            plan.new.iter().partition(|id| plan.back.contains(id));
        for table in new.into_iter().chain(back).filter_map(of) {
            let rows = rows.get(&table.id).copied().unwrap_or(0);
            would.tables.push((table.name.clone(), table.naming.word(), rows));
        }
        would.notes.extend((!late.is_empty()).then(|| TRACKED_ANEW.to_owned()));
        would.notes.extend(self.told_of_all(track)?);
        let copied = feed::copy(self.conn, (&self.catalogue, &self.listing), fire)?;
        let triggers = feed::effects(self.conn, (&self.catalogue, &self.listing), fire, &copied);
        let tables = self.catalogue.tables.iter().filter(|table| !table.internal() && !table.away);
        let mut tables: Vec<Fits> = tables
            .map(|table| {
                let is_new = plan.new.contains(&table.id);
                self.fits(table, &rows, is_new, is_new && !track.copies)
            })
            .collect::<Result<_>>()?;
        tables.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Checked {
            would,
            passed_over: plan.passed_over,
            tables,
            undeclared: self.undeclared(track.tables.as_deref())?,
            triggers,
            virtual_tables: self.virtual_tables(&copied),
            has_wal: false,
        })
    }

    fn count_rows(&self, table: &Table) -> Result<u64> {
        self.conn
            .query_row(&format!("SELECT count(*) FROM {}", quote(&table.name)), [], |row| {
                row.get(0)
            })
            .doing("count a table's rows")
    }

    /// `counts`: how many rows each table has. `may_double`: rows of its on other machines are others.
    fn fits(
        &self,
        table: &Table,
        counts: &HashMap<i64, u64>,
        is_new: bool,
        may_double: bool,
    ) -> Result<Fits> {
        let count = |id: i64| counts.get(&id).copied().unwrap_or(0);
        let rows = count(table.id);
        let children = self.catalogue.children(table.id).iter();
        let children: BTreeSet<i64> = children.map(|(child, _)| child.id).collect();
        let named_by = table.names_of(table.naming_columns());
        let declaration = table.declaration(&self.catalogue);
        let references = table.references.iter().zip(declaration.references);
        let asked = rule::Table {
            name: &table.name,
            naming: table.naming.word(),
            rows,
            numbers: self.numbers_of_rows(table, rows)?,
            refers: !table.references.is_empty(),
            referring: children.into_iter().filter(|child| *child != table.id).map(count).sum(),
        };
        let written = table.stamped.and_then(|at| table.at(at));
        Ok(Fits {
            doubles: rule::doubles(&asked).filter(|_| may_double),
            name: table.name.clone(),
            tracked: !is_new,
            naming: table.naming.word(),
            named_by: named_by.into_iter().map(str::to_owned).collect(),
            rows,
            written: written.map(|column| column.name.clone()),
            references: references
                .map(|(reference, (_, _, loose))| {
                    let columns = table.names_of(&reference.columns).into_iter();
                    (columns.map(str::to_owned).collect(), reference.parent.clone(), loose)
                })
                .collect(),
        })
    }

    /// The least and the greatest number of a table that has few rows.
    fn numbers_of_rows(&self, table: &Table, rows: u64) -> Result<Option<(i64, i64)>> {
        let number = table.number.and_then(|number| table.at(number));
        let Some(number) = number.filter(|_| (1..=rule::FEW).contains(&rows)) else {
            return Ok(None);
        };
        let (name, on) = (quote(&number.name), quote(&table.name));
        self.conn
            .query_row(&format!("SELECT min({name}), max({name}) FROM {on}"), [], |row| {
                Ok((row.get::<_, Option<i64>>(0)?).zip(row.get::<_, Option<i64>>(1)?))
            })
            .doing("look at a table's numbers")
    }

    fn virtual_tables(&self, copied: &[String]) -> Vec<(String, bool)> {
        let all = self.listing.tables().filter(|table| table.kind == Kind::Virtual);
        let mut all: Vec<(String, bool)> = all
            .map(|table| {
                let is_fed = feed::feeding(&self.listing, &table.name)
                    .any(|trigger| copied.contains(&trigger.name));
                (table.name.clone(), is_fed)
            })
            .collect();
        all.sort();
        all
    }
}

#[cfg(test)]
mod tests;
