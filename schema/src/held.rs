//! Held rows: versions that are known, passed on and compared, and whose place in the table is empty.
//!
//! Also the rows shown otherwise than their version says: both keep the version's values beside the table, and
//! both are tried again when what they wait for changes.

use crate::entry::State;
use crate::error::Doing as _;
use crate::store::Flush;
use crate::tx::Tx;
use crate::{Cell, Cells, Error, Millis, Origin, Result, Stamp, Store};
use rusqlite::{OptionalExtension as _, params};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

pub(crate) mod give;

/// Tried again at a time: the application waits no longer for the lock.
const RETRIED: u32 = 500;

/// Why a row's place in the table is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its parent is not in the table.
    Parent,
    /// The table refuses it: CHECK, NOT NULL, type.
    Constraint,
    /// The table, or a column of it, is unknown here.
    Schema,
    /// It is larger than what is passed on.
    Size,
    /// Another row has the value, and none of its columns can be changed.
    Unique,
    /// Not an empty place: the row was deleted together with very many others, and stays until a person decides.
    Deletes,
    /// Its values went with its table; partners are asked for them.
    Asked,
    /// It went when a table that it refers to was made anew; a person decides.
    Went,
    /// A part of its key is NULL here, so that nothing names the row: other machines have it as it was.
    Nameless,
}

impl Why {
    /// In one word, for people and scripts.
    pub fn word(self) -> &'static str {
        match self {
            Self::Parent => "parent",
            Self::Constraint => "constraint",
            Self::Schema => "schema",
            Self::Size => "size",
            Self::Unique => "unique",
            Self::Deletes => "many deletes",
            Self::Asked => "asked for",
            Self::Went => "went",
            Self::Nameless => "nameless",
        }
    }

    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Parent => 1,
            Self::Constraint => 2,
            Self::Schema => 3,
            Self::Size => 4,
            Self::Unique => 5,
            Self::Deletes => 6,
            Self::Asked => 7,
            Self::Went => 8,
            Self::Nameless => 9,
        }
    }

    fn from_code(code: i64) -> Result<Self> {
        Ok(match code {
            1 => Self::Parent,
            2 => Self::Constraint,
            3 => Self::Schema,
            4 => Self::Size,
            5 => Self::Unique,
            6 => Self::Deletes,
            7 => Self::Asked,
            8 => Self::Went,
            9 => Self::Nameless,
            _ => return Err(Error::Sidecar { what: "a row held for no known reason" }),
        })
    }
}

/// A held row, or one shown otherwise than its version says, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// Its number here; what `held retry N` names.
    pub number: i64,
    /// The row.
    pub uuid: Uuid,
    /// Its table.
    pub table: String,
    /// Held; else shown with other values.
    pub held: bool,
    /// Why.
    pub why: Why,
    /// What the table says, or which value is shown instead.
    pub text: Option<String>,
    /// Since when.
    pub since: Millis,
    /// Who made the version.
    pub origin: Origin,
    /// The rows it waits for.
    pub waits_for: Vec<Uuid>,
    /// The version's values; none where they were left out.
    pub cells: Option<Cells>,
}

/// What became of held rows that were tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retried {
    /// How many were held.
    pub tried: usize,
    /// How many of them stand in their table now.
    pub shown: usize,
    /// The number to go on from.
    pub next: i64,
}

/// What is kept beside the table for one row.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) cells: Option<Cells>,
    /// Columns that show something else, and what: as the table stores it.
    pub(crate) shown: Cells,
    pub(crate) why: Why,
}

/// A kept copy to be written.
pub(crate) struct Keep<'a> {
    pub(crate) cells: Option<&'a Cells>,
    pub(crate) shown: &'a Cells,
    pub(crate) why: Why,
    pub(crate) text: Option<&'a str>,
    pub(crate) size: Option<u64>,
}

impl Tx<'_> {
    pub(crate) fn kept(&self, uuid: Uuid) -> Result<Option<Kept>> {
        let found = self
            .conn
            .prepare_cached("SELECT cells, shown, why FROM _dunlin_kept WHERE uuid = ?")
            .and_then(|mut statement| {
                statement
                    .query_row([uuid.as_bytes()], |row| {
                        Ok((
                            row.get::<_, Option<Vec<u8>>>(0)?,
                            row.get::<_, Option<Vec<u8>>>(1)?,
                            row.get(2)?,
                        ))
                    })
                    .optional()
            })
            .doing("read a kept row")?;
        found
            .map(|(cells, shown, why)| {
                Ok(Kept {
                    why: Why::from_code(why)?,
                    cells: cells.map(|cells| Cells::decode(&cells)).transpose()?,
                    shown: shown
                        .map_or_else(|| Ok(Cells::default()), |shown| Cells::decode(&shown))?,
                })
            })
            .transpose()
    }

    pub(crate) fn keep(&self, uuid: Uuid, keep: &Keep<'_>) -> Result<()> {
        // Its table is tracked again: what is kept of it is in sight again.
        self.conn
            .prepare_cached("DELETE FROM _dunlin_kept WHERE uuid = ? AND n < 0")
            .and_then(|mut statement| statement.execute([uuid.as_bytes()]))
            .doing("keep a row's values")?;
        self.conn
            .prepare_cached(
                "INSERT INTO _dunlin_kept (uuid, cells, shown, why, text, size, since, via) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (uuid) DO UPDATE SET cells = ?2, shown = ?3, why = ?4,
                 text = coalesce(?5, CASE WHEN why = ?4 THEN text END), size = ?6",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    uuid.as_bytes(),
                    keep.cells.map(Cells::encode),
                    Some(keep.shown).filter(|shown| !shown.is_empty()).map(Cells::encode),
                    keep.why.code(),
                    keep.text,
                    keep.size,
                    self.clock.now(),
                    self.via,
                ])
            })
            .doing("keep a row's values")?;
        Ok(())
    }

    /// The row is shown as its version, or is a tombstone: nothing is kept for it.
    pub(crate) fn forget_kept(&self, uuid: Uuid) -> Result<()> {
        self.conn
            .prepare_cached("DELETE FROM _dunlin_kept WHERE uuid = ?")
            .and_then(|mut statement| statement.execute([uuid.as_bytes()]))
            .doing("forget a kept row")?;
        self.wait_for(uuid, &BTreeSet::new())
    }

    /// Writes down all that a row waits for.
    pub(crate) fn wait_for(&self, uuid: Uuid, on: &BTreeSet<Vec<u8>>) -> Result<()> {
        let doing = "write down what a row waits for";
        self.conn
            .prepare_cached("DELETE FROM _dunlin_waits WHERE uuid = ?")
            .and_then(|mut statement| statement.execute([uuid.as_bytes()]))
            .doing(doing)?;
        for what in on {
            self.conn
                .prepare_cached("INSERT INTO _dunlin_waits (on_what, uuid) VALUES (?1, ?2)")
                .and_then(|mut statement| statement.execute(params![what, uuid.as_bytes()]))
                .doing(doing)?;
        }
        Ok(())
    }

    /// Kept rows that wait for a row or a value.
    pub(crate) fn waiting(&self, on: &[u8]) -> Result<Vec<Uuid>> {
        self.conn
            .prepare_cached("SELECT uuid FROM _dunlin_waits WHERE on_what = ?")
            .and_then(|mut statement| {
                statement
                    .query_map([on], |row| crate::cursor::uuid(row, 0))
                    .and_then(Iterator::collect)
            })
            .doing("ask who waits")
    }

    /// Kept rows that claim a UNIQUE value of a table: a prefix, and eight bytes of hash behind it.
    pub(crate) fn waiting_on_values(&self, prefix: &[u8]) -> Result<BTreeSet<Uuid>> {
        let mut end = prefix.to_vec();
        end.extend([0xff; 9]);
        self.conn
            .prepare_cached(
                "SELECT DISTINCT uuid FROM _dunlin_waits WHERE on_what >= ?1 AND on_what < ?2",
            )
            .and_then(|mut statement| {
                statement
                    .query_map(params![prefix, end], |row| crate::cursor::uuid(row, 0))
                    .and_then(Iterator::collect)
            })
            .doing("ask who waits for a value")
    }

    /// Does any row wait for anything?
    pub(crate) fn anybody_waits(&self) -> Result<bool> {
        self.conn
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM _dunlin_waits)")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .doing("ask whether anybody waits")
    }

    /// Is anything kept beside any table?
    pub(crate) fn anything_kept(&self) -> Result<bool> {
        self.conn
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM _dunlin_kept WHERE n > 0)")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .doing("ask whether anything is kept")
    }

    /// How many rows of a link are held or stand aside, and how many bytes their values take.
    pub(crate) fn held_over(&self, via: i64) -> Result<(u64, u64)> {
        self.conn
            .prepare_cached(
                "SELECT count(*), coalesce(sum(length(k.cells)), 0)
                 FROM _dunlin_kept AS k JOIN _dunlin_row AS r ON r.uuid = k.uuid
                 WHERE k.why IN (1, 2, 4, 5) AND k.n > 0 AND k.via = ?1
                 AND (r.state = 2 OR (r.state = 1 AND k.why = 5 AND k.shown IS NOT NULL))",
            )
            .and_then(|mut statement| {
                statement.query_row([via], |row| Ok((row.get(0)?, row.get(1)?)))
            })
            .doing("count the held rows")
    }
}

impl Store {
    /// Rows that are held, and rows shown otherwise than their version says; oldest first.
    pub fn held(&mut self, limit: usize) -> Result<Vec<Held>> {
        self.write(Flush::Reads, |tx| {
            let doing = "list the held rows";
            let mut statement = tx
                .conn
                // Values kept only because the table cannot say them are nobody's business: the row is shown.
                .prepare_cached(
                    "SELECT k.n, k.uuid, k.why, k.text, k.since FROM _dunlin_kept AS k
                     JOIN _dunlin_row AS r ON r.uuid = k.uuid
                     WHERE k.n > 0 AND (r.state <> 1 OR k.shown IS NOT NULL) ORDER BY k.n LIMIT ?",
                )
                .doing(doing)?;
            let listed = statement
                .query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                    Ok((
                        row.get::<_, i64>(0)?,
                        crate::cursor::uuid(row, 1)?,
                        row.get::<_, i64>(2)?,
                        row.get::<_, Option<String>>(3)?,
                        row.get::<_, Millis>(4)?,
                    ))
                })
                .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
                .doing(doing)?;
            let mut held = Vec::new();
            for (number, uuid, why, text, since) in listed {
                let (Some(entry), Some(kept)) = (tx.entry(uuid)?, tx.kept(uuid)?) else { continue };
                let why = Why::from_code(why)?;
                held.push(Held {
                    number,
                    uuid,
                    table: tx.table_name(entry.table)?,
                    held: entry.state == State::Held || (entry.lingers() && entry.key.is_none()),
                    why,
                    text: text.or_else(|| shown_instead(&kept.shown, why)),
                    since,
                    origin: entry.head.origin,
                    waits_for: tx.waits_for(uuid)?,
                    cells: if entry.lingers() { tx.old_values(uuid)? } else { kept.cells },
                });
            }
            Ok(held)
        })
    }

    /// Tries held rows again: one by its number, or all. Answers how many stand in their table now.
    pub fn retry(&mut self, number: Option<i64>) -> Result<usize> {
        let (mut from, mut shown) = (i64::MIN, 0);
        while let Some(batch) = self.retry_some(number, from)? {
            (from, shown) = (batch.next, shown + batch.shown);
        }
        Ok(shown)
    }

    /// One batch of it, in a transaction of its own, from a number on; none when there is no more. Deletes that wait
    /// for a person are passed over: trying does not decide.
    pub fn retry_some(&mut self, number: Option<i64>, from: i64) -> Result<Option<Retried>> {
        self.fold()?;
        let retried = self.write(Flush::Later, |tx| {
            let listed: Vec<(i64, Uuid)> = tx
                .conn
                .prepare_cached(
                    "SELECT k.n, k.uuid FROM _dunlin_kept AS k JOIN _dunlin_row AS r ON r.uuid = k.uuid
                     WHERE k.n > 0 AND k.n >= ?1 AND (k.n = ?2 OR (?2 IS NULL AND k.why <> ?3))
                     AND (r.state <> 1 OR k.shown IS NOT NULL) ORDER BY k.n LIMIT ?4",
                )
                .and_then(|mut statement| {
                    statement
                        .query_map(params![from, number, Why::Deletes.code(), RETRIED], |row| {
                            Ok((row.get(0)?, crate::cursor::uuid(row, 1)?))
                        })
                        .and_then(Iterator::collect)
                })
                .doing("find the held rows")?;
            let Some((last, _)) = listed.last() else {
                return match number {
                    Some(number) if from <= number => {
                        Err(Error::NoSuchNumber { what: "held row", number })
                    }
                    _ => Ok(None),
                };
            };
            let next = last + 1;
            let rows: BTreeSet<Uuid> = listed.into_iter().map(|(_, uuid)| uuid).collect();
            let tried = tx.count_held(&rows)?;
            tx.settle(rows.clone())?;
            let shown = tried.saturating_sub(tx.count_held(&rows)?);
            Ok(Some(Retried { tried, shown, next }))
        });
        if matches!(retried, Ok(Some(_))) {
            self.pace.more();
        }
        self.looked.forget();
        retried
    }
}

impl Store {
    /// Deletes a held row by its number, on every machine: a tombstone that a person here makes.
    pub fn delete_held(&mut self, number: i64) -> Result<()> {
        self.fold()?;
        self.write(Flush::Now, |tx| {
            let gone = || Error::NoSuchNumber { what: "held row", number };
            let uuid = tx.held_number(number)?;
            // A row that is shown is deleted where everybody sees it: in the application.
            let entry = tx.entry(uuid)?.filter(|entry| entry.state == State::Held);
            let entry = entry.ok_or_else(gone)?;
            let catalogue = Arc::clone(&tx.catalogue);
            let Some(table) = catalogue.id(entry.table) else {
                return Err(Error::NoSuchTable { table: tx.table_name(entry.table)? });
            };
            let stamp = Stamp::after(Some(entry.head.stamp), tx.clock.now());
            let dirty = tx.write_version((table, uuid), Some(&entry), None, stamp)?;
            tx.forget_kept(uuid)?;
            tx.settle(dirty)
        })
    }
}

impl Tx<'_> {
    fn held_number(&self, number: i64) -> Result<Uuid> {
        self.conn
            .query_row("SELECT uuid FROM _dunlin_kept WHERE n = ? AND n > 0", [number], |row| {
                crate::cursor::uuid(row, 0)
            })
            .optional()
            .doing("find the held row")?
            .ok_or(Error::NoSuchNumber { what: "held row", number })
    }

    /// What the table said of a held row, if it said anything.
    pub(crate) fn why_kept(&self, uuid: Uuid) -> Result<Option<String>> {
        self.conn
            .prepare_cached("SELECT text FROM _dunlin_kept WHERE uuid = ?")
            .and_then(|mut statement| statement.query_row([uuid.as_bytes()], |row| row.get(0)))
            .doing("ask why a row is held")
    }

    fn waits_for(&self, uuid: Uuid) -> Result<Vec<Uuid>> {
        self.conn
            .prepare_cached(
                "SELECT on_what FROM _dunlin_waits WHERE uuid = ? AND length(on_what) = 16",
            )
            .and_then(|mut statement| {
                statement
                    .query_map([uuid.as_bytes()], |row| crate::cursor::uuid(row, 0))
                    .and_then(Iterator::collect)
            })
            .doing("ask what a row waits for")
    }

    pub(crate) fn count_held(&mut self, rows: &BTreeSet<Uuid>) -> Result<usize> {
        let mut held = 0;
        for uuid in rows {
            held += usize::from(self.entry(*uuid)?.is_some_and(|entry| entry.state == State::Held));
        }
        Ok(held)
    }
}

/// What a row shows instead, in words.
fn shown_instead(shown: &Cells, why: Why) -> Option<String> {
    let columns: Vec<String> = shown
        .iter()
        .map(|(column, cell)| match cell {
            Cell::Text(text) => format!("{column} shows {:?}", String::from_utf8_lossy(text)),
            Cell::Integer(n) => format!("{column} shows {n}"),
            _ => format!("{column} is empty"),
        })
        .collect();
    let columns = (!columns.is_empty()).then(|| columns.join(", "))?;
    Some(match why {
        Why::Parent => format!("{columns} until the row it refers to is here"),
        _ => format!("{columns} until no other row has its value"),
    })
}
