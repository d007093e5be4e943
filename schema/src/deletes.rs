//! Many deletes: what a partner deletes beyond any ordinary day waits for a person.
//!
//! A tombstone that came over a link and goes too far is a version like any other: in the journal, passed on,
//! compared, superseded. Only the row *lingers*: it stays in its table as it was, and in the list of held rows,
//! until a person here lets it go or keeps it.
//!
//! ```text
//!   within 24 hours, of one table     more than 100 rows, and more than 30 % of them    the rest linger
//!   counted                           by the link that they came over, and by the machine that wrote them
//!   30 % of                           the rows that are there, and those that such deletes took meanwhile
//! ```
//!
//! # Invariants
//!
//! * What people delete on this machine is neither counted nor held.
//! * The counts are in the file: a restart, or a new epoch of the partner, does not begin them anew.
//! * For settling, a row that lingers is a live one with the values that it had; it makes no version of its own.
//!
//! A row that went when a table was made anew waits for the same decision: it goes everywhere, or is brought back.

use crate::entry::{Entry, State};
use crate::error::Doing as _;
use crate::held::{Keep, Kept, Why};
use crate::store::Flush;
use crate::tx::Tx;
use crate::{Cells, Error, Millis, Result, Stamp, Store};
use rusqlite::params;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// So many rows of one table may go in a day, however small it is.
const ROWS_FREE: u64 = 100;
/// Of a large table, so many of a hundred.
const PERCENT_FREE: u64 = 30;
const HOUR: Millis = 3_600_000;
/// Deletes are counted by the hour, and for so many hours.
const HOURS: i64 = 24;
/// Decided at a time: the application waits no longer for the lock.
const BATCH: usize = 500;

/// Deletes of one table that wait for a person here, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManyDeletes {
    /// The table.
    pub table: String,
    /// The machine over whose link they came.
    pub link: Uuid,
    /// How many.
    pub rows: u64,
}

/// What a person decides about a delete that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The row goes.
    LetGo,
    /// The row stays, and comes back on every machine.
    Keep,
}

/// A decision under way.
#[derive(Clone, Debug)]
pub struct Deciding {
    how: Decision,
    first: i64,
    upto: i64,
    from: i64,
    helped: bool,
    done: usize,
    is_over: bool,
}

impl Deciding {
    /// How many rows it has settled so far.
    pub fn done(&self) -> usize {
        self.done
    }
}

/// What is counted while a page is applied: by machine and table, the deletes of the last day.
#[derive(Default)]
pub(crate) struct Tally {
    link: Uuid,
    counted: BTreeMap<(Uuid, i64), Count>,
}

#[derive(Clone, Copy, Default)]
struct Count {
    before: u64,
    now: u64,
}

impl Tally {
    pub(crate) fn of(link: Uuid) -> Self {
        Self { link, counted: BTreeMap::new() }
    }
}

/// Are these deletes, of a table that had so many rows, more than an ordinary day brings?
fn too_many(deleted: u64, rows: u64) -> bool {
    deleted > ROWS_FREE && deleted.saturating_mul(100) > rows.saturating_mul(PERCENT_FREE)
}

impl Tx<'_> {
    /// Counts a tombstone that came over a link and takes a row out of its table. True: the row is to linger.
    pub(crate) fn goes_too_far(
        &mut self,
        tally: &mut Tally,
        table: i64,
        writer: Uuid,
    ) -> Result<bool> {
        let rows = self.live_rows(table)?;
        let mut far = false;
        // The machine that wrote it is only said; the link is proven. A delete that comes over many links, a part
        // over each, is found by the one, and a partner who makes machines up by the other.
        for machine in BTreeSet::from([tally.link, writer]) {
            let mut count = match tally.counted.get(&(machine, table)) {
                Some(count) => *count,
                None => Count { before: self.deleted_lately(machine, table)?, now: 0 },
            };
            far |= too_many(count.before + count.now + 1, rows + count.before + count.now);
            count.now += 1;
            tally.counted.insert((machine, table), count);
        }
        Ok(far)
    }

    /// Writes down what was counted.
    pub(crate) fn note_deletes(&self, tally: &Tally) -> Result<()> {
        let (doing, hour) = ("count the deletes", self.clock.now().div_euclid(HOUR));
        if tally.counted.is_empty() {
            return Ok(());
        }
        // Also those of a clock that was far ahead, and was mended.
        self.conn
            .prepare_cached("DELETE FROM _dunlin_deletes WHERE hour < ?1 - ?2 OR hour > ?1 + ?2")
            .and_then(|mut statement| statement.execute(params![hour, HOURS]))
            .doing(doing)?;
        for ((machine, table), count) in &tally.counted {
            self.conn
                .prepare_cached(
                    "INSERT INTO _dunlin_deletes (machine, tbl, hour, rows) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (machine, tbl, hour) DO UPDATE SET rows = rows + ?4",
                )
                .and_then(|mut statement| {
                    statement.execute(params![machine.as_bytes(), table, hour, count.now])
                })
                .doing(doing)?;
        }
        Ok(())
    }

    fn deleted_lately(&self, machine: Uuid, table: i64) -> Result<u64> {
        let from = self.clock.now().div_euclid(HOUR) - HOURS;
        self.conn
            .prepare_cached(
                "SELECT coalesce(sum(rows), 0) FROM _dunlin_deletes WHERE machine = ?1 AND tbl = ?2 AND hour >= ?3",
            )
            .and_then(|mut statement| {
                statement.query_row(params![machine.as_bytes(), table, from], |row| row.get(0))
            })
            .doing("count the deletes")
    }

    /// Live versions of a table, those of this transaction among them.
    pub(crate) fn live_rows(&self, table: i64) -> Result<u64> {
        let rows: i64 = self
            .conn
            .prepare_cached("SELECT rows FROM _dunlin_table WHERE id = ?")
            .and_then(|mut statement| statement.query_row([table], |row| row.get(0)))
            .doing("count the rows")?;
        let change = self.changes.get(&table).map_or(0, crate::digest::Change::rows);
        Ok(u64::try_from(rows + change).unwrap_or(0))
    }

    /// Lets the row of a tombstone linger. `old`: the version that the table shows; its values are kept already.
    pub(crate) fn linger(&mut self, tombstone: Entry, old: &Entry) -> Result<()> {
        let entry = Entry { state: State::Lingers, key: old.key.clone(), ..tombstone };
        self.put(&entry, Some(old))?;
        if old.state != State::Lingers {
            let kept = self.kept(entry.uuid)?;
            let shown = kept.map_or_else(Cells::default, |kept| kept.shown);
            self.keep_lingering(entry.uuid, &shown, None)?;
        }
        Ok(())
    }

    /// The values themselves are where those of every deleted row are.
    pub(crate) fn keep_lingering(
        &self,
        uuid: Uuid,
        shown: &Cells,
        text: Option<&str>,
    ) -> Result<()> {
        let keep = Keep { cells: None, shown, why: Why::Deletes, text, size: None };
        self.keep(uuid, &keep)
    }

    /// What a row is shown with, or is to be: its version's values, or those that it lingers with.
    pub(crate) fn values_to_show(&mut self, entry: &Entry) -> Result<Option<Cells>> {
        if entry.state == State::Lingers {
            self.old_values(entry.uuid)
        } else {
            self.visible(entry)
        }
    }

    /// What is kept beside a row that is not simply shown as its version says.
    pub(crate) fn kept_beside(&self, entry: &Entry) -> Result<Option<Kept>> {
        match entry.state {
            State::Held | State::Otherwise => self.kept(entry.uuid),
            State::Lingers => {
                let cells = self.old_values(entry.uuid)?;
                Ok(self.kept(entry.uuid)?.map(|kept| Kept { cells, ..kept }))
            }
            State::Shown | State::Dead => Ok(None),
        }
    }

    /// A newer version takes the place of one that lingers: who stood aside for its values chooses anew.
    pub(crate) fn no_longer_lingers(
        &mut self,
        old: &Entry,
        dirty: &mut BTreeSet<Uuid>,
    ) -> Result<()> {
        let catalogue = Arc::clone(&self.catalogue);
        if let (Some(table), Some(cells)) = (catalogue.id(old.table), self.old_values(old.uuid)?) {
            self.touched_by_claims(table, &cells, dirty)?;
        }
        Ok(())
    }

    /// The rows that wait for a person, with their numbers: so many from a number on, and none that came after `upto`.
    fn undecided(&self, from: i64, upto: i64) -> Result<Vec<(i64, Uuid)>> {
        self.conn
            .prepare_cached(&format!(
                "SELECT k.n, k.uuid FROM _dunlin_kept AS k JOIN _dunlin_row AS r ON r.uuid = k.uuid
                 WHERE k.why IN (6, 8) AND k.n BETWEEN ?1 AND ?2 AND k.n > 0{} ORDER BY k.n LIMIT ?3",
                self.catalogue.with_parents()
            ))
            .and_then(|mut statement| {
                let batch = i64::try_from(BATCH).unwrap_or(i64::MAX);
                statement
                    .query_map(params![from, upto, batch], |row| {
                        Ok((row.get(0)?, crate::cursor::uuid(row, 1)?))
                    })
                    .and_then(Iterator::collect)
            })
            .doing("find the deletes that wait")
    }

    fn last_undecided(&self) -> Result<i64> {
        self.conn
            .prepare_cached("SELECT coalesce(max(n), 0) FROM _dunlin_kept WHERE why IN (6, 8)")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .doing("find the deletes that wait")
    }

    /// One batch of a decision.
    fn decide(&mut self, deciding: &mut Deciding) -> Result<()> {
        // What the application changed in a row that lingers must not go with it.
        self.fold(usize::MAX)?;
        let listed = self.undecided(deciding.from, deciding.upto)?;
        let Some((last, _)) = listed.last() else {
            // A row may go only after those that refer to it, which come later in the list: so once more, while it
            // helps.
            deciding.is_over =
                !deciding.helped || self.undecided(deciding.first, deciding.upto)?.is_empty();
            (deciding.from, deciding.helped) = (deciding.first, false);
            return Ok(());
        };
        deciding.from = last + 1;
        let rows: Vec<Uuid> = listed.iter().map(|(_, uuid)| *uuid).collect();
        match deciding.how {
            Decision::LetGo => self.let_go(&rows)?,
            Decision::Keep => self.keep_rows(&rows)?,
        }
        let mut left = 0;
        for uuid in &rows {
            let lingers = self.entry(*uuid)?.is_some_and(|entry| entry.lingers());
            left += usize::from(lingers || self.has_gone(*uuid)?);
        }
        deciding.helped |= left < rows.len();
        deciding.done += rows.len() - left;
        Ok(())
    }

    /// Lets deletes happen. A row whose children still linger lingers with them.
    fn let_go(&mut self, rows: &[Uuid]) -> Result<()> {
        let (mut dirty, mut tables) = (BTreeSet::new(), BTreeSet::new());
        for uuid in rows {
            if self.has_gone(*uuid)? {
                dirty.extend(self.delete_gone(*uuid)?);
                continue;
            }
            let Some(entry) = self.entry(*uuid)?.filter(Entry::lingers) else { continue };
            self.no_longer_lingers(&entry, &mut dirty)?;
            tables.insert(entry.table);
            self.place(&Entry { state: State::Dead, ..entry })?;
            dirty.insert(*uuid);
        }
        self.settle(dirty)?;
        for table in tables {
            self.forget_counts(table)?;
        }
        Ok(())
    }

    /// A person has looked at all that waited in a table: the next deletes are counted anew.
    fn forget_counts(&self, table: i64) -> Result<()> {
        self.conn
            .prepare_cached(
                "DELETE FROM _dunlin_deletes WHERE tbl = ?1 AND NOT EXISTS
                 (SELECT 1 FROM _dunlin_kept AS k JOIN _dunlin_row AS r ON r.uuid = k.uuid WHERE k.why = ?2 AND r.tbl = ?1)",
            )
            .and_then(|mut statement| statement.execute(params![table, Why::Deletes.code()]))
            .doing("forget how many deletes there were")?;
        Ok(())
    }

    /// Writes rows that linger anew, with the values that they had: on every machine.
    fn keep_rows(&mut self, rows: &[Uuid]) -> Result<()> {
        let catalogue = Arc::clone(&self.catalogue);
        let mut dirty = BTreeSet::new();
        for uuid in rows {
            if self.has_gone(*uuid)? {
                self.want_back(*uuid)?;
                dirty.insert(*uuid);
                continue;
            }
            let Some(entry) = self.entry(*uuid)?.filter(Entry::lingers) else { continue };
            let (Some(table), Some(cells)) = (catalogue.id(entry.table), self.old_values(*uuid)?)
            else {
                continue;
            };
            let stamp = Stamp::after(Some(entry.head.stamp), self.clock.now());
            dirty.extend(self.write_version((table, *uuid), Some(&entry), Some(&cells), stamp)?);
        }
        self.settle(dirty)
    }
}

impl Store {
    /// Lets deletes happen that wait for a person: one by its number, or all. Answers how many did.
    pub fn accept_deletes(&mut self, number: Option<i64>) -> Result<usize> {
        self.decide(number, Decision::LetGo)
    }

    /// Keeps rows whose deletes wait for a person: one by its number, or all. Answers how many.
    pub fn keep_deleted(&mut self, number: Option<i64>) -> Result<usize> {
        self.decide(number, Decision::Keep)
    }

    fn decide(&mut self, number: Option<i64>, how: Decision) -> Result<usize> {
        let mut deciding = self.begin_deciding(number, how)?;
        while self.decide_some(&mut deciding)? {}
        Ok(deciding.done)
    }

    /// Begins to decide: one delete by its number, or all that wait now. What comes meanwhile is not decided.
    pub fn begin_deciding(&mut self, number: Option<i64>, how: Decision) -> Result<Deciding> {
        self.fold()?;
        let (first, upto, none) = self.write(Flush::Reads, |tx| {
            let (first, upto) = match number {
                Some(number) => (number, number),
                None => (0, tx.last_undecided()?),
            };
            Ok((first, upto, tx.undecided(first, upto)?.is_empty()))
        })?;
        if let (Some(number), true) = (number, none) {
            return Err(Error::NoSuchNumber { what: "delete that waits", number });
        }
        Ok(Deciding { how, first, upto, from: first, helped: false, done: 0, is_over: none })
    }

    /// One batch, in a transaction of its own: whoever calls again lets others have their turn between. False: all
    /// is decided that can be.
    pub fn decide_some(&mut self, deciding: &mut Deciding) -> Result<bool> {
        if !deciding.is_over {
            self.fold()?;
            let mut next = deciding.clone();
            self.write(Flush::Now, |tx| tx.decide(&mut next))?;
            *deciding = next;
            if !deciding.is_over {
                self.pace.more();
            }
            self.looked.forget();
        }
        Ok(!deciding.is_over)
    }
}

#[cfg(test)]
mod tests {
    use super::too_many;

    #[test]
    fn more_than_a_hundred_rows_and_more_than_thirty_of_a_hundred_are_too_many() {
        assert!(!too_many(100, 100));
        assert!(too_many(101, 101));
        assert!(!too_many(300, 1_000));
        assert!(too_many(301, 1_000));
        assert!(!too_many(101, 1_000));
    }
}
