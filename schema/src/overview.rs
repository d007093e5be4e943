//! What people look at, again and again: the tables, what waits in them, and what changed.
//!
//! Fifty open pages ask as often as something moves, and the thread that answers them is the one that merges. So an
//! answer is told again for as long as nothing was written here, which costs nothing; and one that was dear to find
//! is told again for a while after, so that looking never takes more than a twentieth of the thread's time.
//!
//! # Invariants
//!
//! * Each answer takes a fixed number of statements, however many tables, held rows and conflicts there are; but once an
//!   hour, and when the tables changed, it is asked which columns look like references.
//! * What was found in less than [`DEAR`] is never older than the last write.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::params;
use uuid::Uuid;

use crate::catalogue::{self, Catalogue};
use crate::deletes::ManyDeletes;
use crate::drift::Went;
use crate::error::Doing as _;
use crate::held::Why;
use crate::machines::Waiting;
use crate::store::{Flush, TableState};
use crate::tx::Tx;
use crate::{Millis, Result, Store, Undeclared};

/// What took less to find is found anew after each write.
const DEAR: Duration = Duration::from_millis(5);
/// What took longer is told again for so many times as long as it took.
const SHARE: u32 = 20;

/// Whether columns still look like references is asked no more often: their values are read for it.
const GUESSED: Duration = Duration::from_hours(1);

/// So many tables are counted by one statement; SQLite takes 500.
const AT_ONCE: usize = 200;

/// How a database stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// The tables, in the order of their names; ours is not among them, nor those that a person let go.
    pub tables: Vec<TableState>,
    /// Rows that wait for the application here to be of one version with others: held, or standing as they were.
    pub waiting_for_schema: u64,
    /// Deletes that wait for a person.
    pub many_deletes: Vec<ManyDeletes>,
    /// Rows that went when a table was made anew, and wait for a person.
    pub went: Vec<Went>,
    /// Rows with NULL in their key: nothing names them, and no other machine hears of them.
    pub nameless: Vec<Nameless>,
    /// Columns that look like references, of which no person has said whether they are.
    pub undeclared: Arc<Vec<Undeclared>>,
    /// Other machines have rows of this file: what those columns mean can be declared no more.
    pub has_met: bool,
    /// What waits of each machine's versions; of those that are not in it, nothing.
    pub by_machine: BTreeMap<Uuid, Waiting>,
}

/// Rows of a table with NULL in their key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nameless {
    /// The table.
    pub table: String,
    /// The columns of its key that may be NULL.
    pub columns: Vec<String>,
    /// How many rows have NULL there.
    pub rows: u64,
}

/// What was found when somebody last looked.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    overview: Option<(u64, Arc<Catalogue>, Arc<Overview>)>,
    counts: Option<Told<(), Counts>>,
    changed: Option<Told<u64, Vec<(String, u64)>>>,
    /// Of which tables, and when.
    guesses: Option<(Arc<Catalogue>, Duration, Arc<Vec<Undeclared>>)>,
    /// Sets of rows that were really counted: a test's.
    pub(crate) counted: u64,
}

/// What waits, by table.
#[derive(Debug, Default)]
struct Counts {
    held: BTreeMap<i64, u64>,
    standing: BTreeMap<i64, u64>,
    unshown: BTreeMap<i64, u128>,
    waiting_for_schema: u64,
    conflicts: BTreeMap<String, u64>,
    deletes: Vec<ManyDeletes>,
    went: Vec<Went>,
    nameless: Vec<Nameless>,
    by_machine: BTreeMap<Uuid, Waiting>,
}

/// An answer, and for how long it is told again.
#[derive(Debug)]
struct Told<Q, A> {
    question: Q,
    /// How many changes our connection had made.
    mark: u64,
    at: Duration,
    took: Duration,
    answer: Arc<A>,
}

impl<Q: PartialEq, A> Told<Q, A> {
    fn again(&self, question: &Q, mark: u64, now: Duration) -> Option<Arc<A>> {
        let is_true = self.mark == mark;
        let is_dear = DEAR <= self.took && now < self.at + self.took * SHARE;
        (self.question == *question && (is_true || is_dear)).then(|| Arc::clone(&self.answer))
    }
}

impl Looked {
    /// A person decided something, and looks at what came of it.
    pub(crate) fn forget(&mut self) {
        *self = Self { counted: self.counted, ..Self::default() };
    }
}

impl Store {
    /// How the database stands.
    pub fn overview(&mut self) -> Result<Arc<Overview>> {
        // What a tool did a moment ago is not overlooked.
        if self.schema_moved()? {
            self.look()?;
        }
        let mut looked = std::mem::take(&mut self.looked);
        let found = self.write(Flush::Reads, |tx| tx.overview(&mut looked));
        self.looked = looked;
        found
    }

    /// The tables, in the order of their names; ours is not among them.
    pub fn tables(&mut self) -> Result<Vec<TableState>> {
        Ok(self.overview()?.tables.clone())
    }

    /// The deletes that wait for a person, by table and link.
    pub fn many_deletes(&mut self) -> Result<Vec<ManyDeletes>> {
        Ok(self.overview()?.many_deletes.clone())
    }

    /// How many rows of each table changed here since a time, as far as the journal remembers when.
    pub fn changed_since(&mut self, time: Millis) -> Result<Arc<Vec<(String, u64)>>> {
        let mut looked = std::mem::take(&mut self.looked);
        let found = self.write(Flush::Reads, |tx| tx.changed(&mut looked, time));
        self.looked = looked;
        found
    }
}

impl Tx<'_> {
    fn overview(&self, looked: &mut Looked) -> Result<Arc<Overview>> {
        let mark = self.conn.total_changes();
        if let Some((made, catalogue, overview)) = &looked.overview
            && *made == mark
            && Arc::ptr_eq(catalogue, &self.catalogue)
        {
            return Ok(Arc::clone(overview));
        }
        let now = self.clock.elapsed();
        let again = looked.counts.as_ref().and_then(|told| told.again(&(), mark, now));
        let counts = if let Some(counts) = again {
            counts
        } else {
            let answer = Arc::new(self.counts()?);
            looked.counted += 1;
            let took = self.clock.elapsed().saturating_sub(now);
            let told = Told { question: (), mark, at: now, took, answer: Arc::clone(&answer) };
            looked.counts = Some(told);
            answer
        };
        let overview = Arc::new(Overview {
            tables: self.table_states(&counts)?,
            waiting_for_schema: counts.waiting_for_schema,
            many_deletes: counts.deletes.clone(),
            went: counts.went.clone(),
            nameless: counts.nameless.clone(),
            undeclared: self.guesses(looked)?,
            has_met: self.has_met_anybody()?,
            by_machine: counts.by_machine.clone(),
        });
        // What was told again is as old as it was: it must not pass for what was counted after the last write.
        let counted = looked.counts.as_ref().map_or(mark, |told| told.mark);
        looked.overview = Some((counted, Arc::clone(&self.catalogue), Arc::clone(&overview)));
        Ok(overview)
    }

    fn guesses(&self, looked: &mut Looked) -> Result<Arc<Vec<Undeclared>>> {
        let now = self.clock.elapsed();
        if let Some((catalogue, at, guesses)) = &looked.guesses
            && Arc::ptr_eq(catalogue, &self.catalogue)
            && now < *at + GUESSED
        {
            return Ok(Arc::clone(guesses));
        }
        let guesses = Arc::new(self.undeclared(None)?);
        looked.guesses = Some((Arc::clone(&self.catalogue), now, Arc::clone(&guesses)));
        Ok(guesses)
    }

    fn table_states(&self, counts: &Counts) -> Result<Vec<TableState>> {
        let doing = "list the tables";
        let mut statement = self
            .conn
            .prepare_cached(
                "SELECT name, tracked, rows, digest, id, coalesce(first, name), away FROM _dunlin_table
                 WHERE tracked = 1 OR (tracked = 0 AND rows > 0) ORDER BY name",
            )
            .doing(doing)?;
        let tables = statement
            .query_map([], |row| {
                let (id, name): (i64, String) = (row.get(4)?, row.get(0)?);
                let first: String = row.get(5)?;
                let of = |counts: &BTreeMap<_, u64>, key| counts.get(key).copied().unwrap_or(0);
                Ok(TableState {
                    tracked: row.get(1)?,
                    naming: self.catalogue.id(id).map_or("unknown", |table| table.naming.word()),
                    rows: row.get(2)?,
                    digest: format!("{:032x}", crate::digest::read(row, 3)?),
                    held: counts.held.get(&id).copied().unwrap_or(0),
                    standing: counts.standing.get(&id).copied().unwrap_or(0),
                    away: self.why_away(id, row.get(6)?),
                    unshown: counts.unshown.get(&id).map(|sum| format!("{sum:032x}")),
                    conflicts: of(&counts.conflicts, &first.to_ascii_lowercase()),
                    needed_by: self.catalogue.needing(id),
                    first,
                    name,
                })
            })
            .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
            .doing(doing)?;
        Ok(tables.into_iter().filter(|table| !catalogue::is_ours(&table.name)).collect())
    }

    fn counts(&self) -> Result<Counts> {
        let doing = "count what waits";
        let mut counts = Counts::default();
        let mut statement = self
            .conn
            .prepare_cached(
                "SELECT r.tbl, k.why, count(*) FROM _dunlin_kept AS k JOIN _dunlin_row AS r ON r.uuid = k.uuid
                 WHERE k.why IN (1, 2, 3, 4, 5, 7, 9) AND k.n > 0 AND r.state = 2 GROUP BY r.tbl, k.why",
            )
            .doing(doing)?;
        let held = statement
            .query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, u64>(2)?)))
            .and_then(Iterator::collect::<rusqlite::Result<Vec<(i64, i64, u64)>>>)
            .doing(doing)?;
        for (table, why, rows) in held {
            *counts.held.entry(table).or_default() += rows;
            if why == Why::Schema.code() {
                counts.waiting_for_schema += rows;
            }
        }
        let mut statement = self
            .conn
            .prepare_cached(
                "SELECT r.tbl, count(*) FROM _dunlin_kept AS k JOIN _dunlin_row AS r ON r.uuid = k.uuid
                 WHERE k.why IN (2, 3) AND k.n > 0 AND r.state = 1 AND k.shown IS NOT NULL GROUP BY r.tbl",
            )
            .doing(doing)?;
        counts.standing = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .and_then(Iterator::collect)
            .doing(doing)?;
        counts.waiting_for_schema += counts.standing.values().sum::<u64>();
        counts.conflicts = self
            .conn
            .prepare_cached(
                "SELECT lower(tbl), count(*) FROM _dunlin_conflict WHERE settled IS NULL GROUP BY 1",
            )
            .and_then(|mut statement| {
                statement
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
                    .and_then(Iterator::collect)
            })
            .doing(doing)?;
        counts.deletes = self.deletes_that_wait()?;
        counts.went = self.rows_that_went()?;
        counts.nameless = self.nameless()?;
        counts.unshown = self.unshown()?;
        counts.by_machine = self.waiting_by_machine()?;
        Ok(counts)
    }

    /// Counts the rows that have NULL in their key, of all tables at once.
    pub(crate) fn nameless(&self) -> Result<Vec<Nameless>> {
        let doing = "count the rows without a name";
        let mut found: Vec<Nameless> = Vec::new();
        let mut counts = Vec::new();
        for table in self.catalogue.tables.iter().filter(|table| !table.internal()) {
            let Some(count) = table.count_nameless().filter(|_| !table.away) else { continue };
            counts.push(format!("SELECT ({count})"));
            found.push(Nameless {
                table: table.name.clone(),
                columns: table.may_be_null().map(|column| column.name.clone()).collect(),
                rows: 0,
            });
        }
        // SQLite joins so many at once.
        for (found, counts) in found.chunks_mut(AT_ONCE).zip(counts.chunks(AT_ONCE)) {
            let mut statement = self.conn.prepare(&counts.join(" UNION ALL ")).doing(doing)?;
            let mut rows = statement.query([]).doing(doing)?;
            for found in found {
                let Some(row) = rows.next().doing(doing)? else { break };
                found.rows = row.get(0).doing(doing)?;
            }
        }
        found.retain(|found| found.rows > 0);
        Ok(found)
    }

    fn deletes_that_wait(&self) -> Result<Vec<ManyDeletes>> {
        self.conn
            .prepare_cached(
                "SELECT t.name, o.machine, count(*) FROM _dunlin_kept AS k
                 JOIN _dunlin_row AS r ON r.uuid = k.uuid JOIN _dunlin_table AS t ON t.id = r.tbl
                 LEFT JOIN _dunlin_origin AS o ON o.id = r.via
                 WHERE k.why = ? AND k.n > 0 GROUP BY r.tbl, r.via ORDER BY t.name, o.machine",
            )
            .and_then(|mut statement| {
                statement
                    .query_map([Why::Deletes.code()], |row| {
                        let link: Option<Vec<u8>> = row.get(1)?;
                        let link = link.and_then(|bytes| Uuid::from_slice(&bytes).ok());
                        Ok(ManyDeletes {
                            table: row.get(0)?,
                            link: link.unwrap_or_default(),
                            rows: row.get(2)?,
                        })
                    })
                    .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
            })
            .doing("count the deletes that wait")
            .map(by_machine)
    }

    fn changed(&self, looked: &mut Looked, time: Millis) -> Result<Arc<Vec<(String, u64)>>> {
        let from = self.arrived_before(time)?;
        let (mark, now) = (self.conn.total_changes(), self.clock.elapsed());
        if let Some(told) = looked.changed.as_ref().and_then(|told| told.again(&from, mark, now)) {
            return Ok(told);
        }
        let answer: Vec<(String, u64)> = self
            .conn
            .prepare_cached(
                "SELECT t.name, count(*) FROM _dunlin_row AS r JOIN _dunlin_table AS t ON t.id = r.tbl
                 WHERE r.pos > ? GROUP BY r.tbl",
            )
            .and_then(|mut statement| {
                statement
                    .query_map(params![from], |row| Ok((row.get(0)?, row.get(1)?)))
                    .and_then(Iterator::collect)
            })
            .doing("count what changed")?;
        let (took, answer) = (self.clock.elapsed().saturating_sub(now), Arc::new(answer));
        let told = Told { question: from, mark, at: now, took, answer: Arc::clone(&answer) };
        looked.counted += 1;
        looked.changed = Some(told);
        Ok(answer)
    }
}

/// A machine has another origin for each life of its file, and is one machine.
fn by_machine(mut found: Vec<ManyDeletes>) -> Vec<ManyDeletes> {
    found.dedup_by(|next, one| {
        let same = next.table == one.table && next.link == one.link;
        one.rows += if same { next.rows } else { 0 };
        same
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::still::{self, steps};

    /// A store with so many tables; in each of the first ten so many rows are held, and so many lost.
    fn store(tables: usize, rows: usize) -> (tempfile::TempDir, Store) {
        let each = (0..tables).map(|n| format!("CREATE TABLE t{n} (id INTEGER PRIMARY KEY);"));
        let (folder, _app, store) = still::shop(&each.collect::<String>());
        store
            .conn
            .execute_batch(&format!(
                "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {rows})
                 INSERT INTO _dunlin_row (uuid, tbl, stamp, origin, seq, state, digest, together)
                 SELECT randomblob(16), (SELECT id FROM _dunlin_table WHERE name = 't' || (n % 10)), 1, 1, n, 2, 0, n FROM c;
                 INSERT INTO _dunlin_kept (uuid, why, since) SELECT uuid, 1 + pos % 5, 0 FROM _dunlin_row WHERE state = 2;
                 INSERT INTO _dunlin_conflict (uuid, tbl, row, origin, seq, stamp)
                 SELECT hex(uuid), 'T' || (seq % 10), '', '', seq, 0 FROM _dunlin_row WHERE state = 2;"
            ))
            .unwrap();
        (folder, store)
    }

    #[test]
    fn looking_costs_tables_and_rows_added_up_and_not_multiplied() {
        let look = |store: &mut Store| drop(store.overview().unwrap());
        let cost = |tables, rows| {
            let (_folder, mut store) = store(tables, rows);
            // The catalogue is read once.
            store.write(Flush::Reads, |_| Ok(())).unwrap();
            steps(&mut store, look)
        };
        let (few, tables, rows, both) =
            (cost(10, 20), cost(200, 20), cost(10, 500), cost(200, 500));
        let sum = tables + rows - few;
        assert!(both < sum + sum / 4, "{both} steps, alone {few}, {tables} and {rows}");
    }

    #[test]
    fn while_nothing_is_written_nothing_is_counted_and_a_write_is_seen_at_once() {
        let (_folder, mut store) = store(12, 50);
        let first = store.overview().unwrap();
        let count = |store: &mut Store| store.changed_since(0).unwrap().len();
        let (table, changed) = (&first.tables[0], count(&mut store));
        assert_eq!((first.tables.len(), table.held, table.conflicts), (12, 5, 5));
        assert_eq!((first.waiting_for_schema, changed), (10, 10));
        let counted = store.looked.counted;
        for _ in 0..50 {
            assert!(Arc::ptr_eq(&first, &store.overview().unwrap()));
            count(&mut store);
        }
        assert_eq!(store.looked.counted, counted, "fifty looks cost nothing");
        store.conn.execute("DELETE FROM _dunlin_kept WHERE why = 3", []).unwrap();
        let then = store.overview().unwrap();
        assert_eq!((then.waiting_for_schema, store.looked.counted), (0, counted + 1));
    }

    #[test]
    fn what_was_told_again_after_a_write_is_counted_once_its_while_is_over() {
        let (_folder, mut store) = store(10, 50);
        assert_eq!(store.overview().unwrap().tables[0].held, 5);
        store.looked.counts.as_mut().unwrap().took = DEAR;
        store.conn.execute("DELETE FROM _dunlin_kept", []).unwrap();
        for _ in 0..2 {
            assert_eq!(store.overview().unwrap().tables[0].held, 5, "told again");
        }
        // The clock stands still: its while is over once it counts as cheap.
        store.looked.counts.as_mut().unwrap().took = Duration::ZERO;
        assert_eq!(store.overview().unwrap().tables[0].held, 0);
    }

    #[test]
    fn what_was_dear_to_find_is_told_again_for_a_while_and_not_for_ever() {
        let told =
            |took| Told { question: 1, mark: 7, at: Duration::ZERO, took, answer: Arc::new(()) };
        let (cheap, dear) = (told(DEAR / 2), told(DEAR));
        assert!(
            cheap.again(&1, 7, DEAR * 1_000).is_some(),
            "true for as long as nothing is written"
        );
        assert!(cheap.again(&1, 8, Duration::ZERO).is_none());
        assert!(dear.again(&1, 8, DEAR * (SHARE - 1)).is_some());
        assert!(dear.again(&1, 8, DEAR * SHARE).is_none());
        assert!(dear.again(&2, 7, Duration::ZERO).is_none(), "another question");
    }
}
