//! Cursors and knowledge: how far we have read the journals of others, and what we have taken in.
//!
//! Knowledge is only a filter: a sender leaves out what the receiver knows. It covers only what is stored here and
//! is taken over only with the last page of a session. A partner may lie about what it knows of others, so its word
//! counts no further than versions ever came here, and less than the origin's own.

use crate::error::Doing as _;
use crate::tx::Tx;
use crate::version::Head;
use crate::{Error, Origin, Result};
use rusqlite::{OptionalExtension as _, params};
use std::collections::HashMap;
use uuid::Uuid;

/// Up to which seq everything of an origin is stored, and the mark of the origin's chain there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Whose versions.
    pub origin: Origin,
    /// Up to which.
    pub seq: u64,
    /// The mark of the chain at that seq, where it is known.
    pub mark: Option<[u8; 16]>,
}

impl Tx<'_> {
    /// How far we have read the journal of a machine and epoch.
    pub(crate) fn cursor(&self, sender: Origin) -> Result<u64> {
        let pos: Option<u64> = self
            .conn
            .prepare_cached(
                "SELECT c.pos FROM _dunlin_cursor AS c JOIN _dunlin_origin AS o ON o.id = c.origin
                 WHERE o.machine = ?1 AND o.epoch = ?2",
            )
            .and_then(|mut statement| {
                let (machine, epoch) = (sender.machine.as_bytes(), sender.epoch.cast_signed());
                statement.query_row(params![machine, epoch], |row| row.get(0)).optional()
            })
            .doing("read a cursor")?;
        Ok(pos.unwrap_or(0))
    }

    pub(crate) fn set_cursor(&mut self, sender: Origin, pos: u64) -> Result<()> {
        let sender = self.origin_id(sender)?;
        self.conn
            .prepare_cached("INSERT INTO _dunlin_cursor (origin, pos) VALUES (?1, ?2) ON CONFLICT (origin) DO UPDATE SET pos = ?2")
            .and_then(|mut statement| statement.execute(params![sender, pos]))
            .doing("move a cursor")?;
        Ok(())
    }

    /// What is stored here, our own versions included.
    pub(crate) fn knowledge(&mut self) -> Result<Vec<Known>> {
        let mut statement = self
            .conn
            .prepare_cached(
                "SELECT o.machine, o.epoch, k.seq, m.mark FROM _dunlin_know AS k JOIN _dunlin_origin AS o ON o.id = k.origin
                 LEFT JOIN _dunlin_mark AS m ON m.origin = k.origin AND m.seq = k.seq",
            )
            .doing("read the knowledge")?;
        let me = self.me;
        let mut known: Vec<Known> = statement
            .query_map([], |row| {
                Ok(Known {
                    origin: Origin { machine: uuid(row, 0)?, epoch: epoch(row.get(1)?) },
                    seq: row.get(2)?,
                    mark: row.get::<_, Option<Vec<u8>>>(3)?.and_then(|mark| mark.try_into().ok()),
                })
            })
            .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
            .doing("read the knowledge")?;
        known.retain(|known| known.origin != me);
        if self.count.seq > 0 {
            known.push(Known { origin: me, seq: self.count.seq, mark: Some(self.count.mark) });
        }
        known.sort_by_key(|known| known.origin);
        Ok(known)
    }

    /// Takes over a sender's knowledge, below what it withheld, and no further than versions ever came: of others
    /// a sender may say what he likes, and what he says is known is never sent again.
    pub(crate) fn learn(&mut self, theirs: &[Known], sender: Origin) -> Result<()> {
        let below = self.withheld_below()?;
        let me = self.me;
        for known in theirs.iter().filter(|known| known.origin != me) {
            let origin = self.origin_id(known.origin)?;
            // Of itself it speaks at first hand: the last of its versions may be replaced, and never come.
            let most = if known.origin == sender { known.seq } else { self.taken(origin)? };
            let seq = below
                .iter()
                .filter(|(withheld, _)| *withheld == origin)
                .fold(known.seq.min(most), |seq, (_, below)| seq.min(below.saturating_sub(1)));
            if seq == 0 {
                continue;
            }
            self.conn
                .prepare_cached(
                    "INSERT INTO _dunlin_know (origin, seq) VALUES (?1, ?2)
                     ON CONFLICT (origin) DO UPDATE SET seq = ?2 WHERE seq < ?2",
                )
                .and_then(|mut statement| statement.execute(params![origin, seq]))
                .doing("take knowledge over")?;
            if let (Some(mark), true) = (known.mark, seq == known.seq) {
                self.keep_mark(origin, seq, mark)?;
            }
        }
        Ok(())
    }

    /// Keeps a mark, and only a few of the older ones: those at multiples of [`MARK_EVERY`].
    fn keep_mark(&self, origin: i64, seq: u64, mark: [u8; 16]) -> Result<()> {
        self.conn
            .prepare_cached("DELETE FROM _dunlin_mark WHERE origin = ?1 AND seq < ?2 AND seq % ?3 <> 0")
            .and_then(|mut statement| statement.execute(params![origin, seq, MARK_EVERY]))
            .and_then(|_| {
                self.conn
                    .prepare_cached("INSERT OR REPLACE INTO _dunlin_mark (origin, seq, mark) VALUES (?1, ?2, ?3)")
                    .and_then(|mut statement| statement.execute(params![origin, seq, mark.as_slice()]))
            })
            .doing("keep a mark")?;
        Ok(())
    }

    /// Keeps the mark of our own chain where it stands now.
    pub(crate) fn keep_own_mark(&mut self) -> Result<()> {
        let me = self.origin_id(self.me)?;
        self.keep_mark(me, self.count.seq, self.count.mark)
    }

    fn taken(&self, origin: i64) -> Result<u64> {
        let taken = self
            .conn
            .prepare_cached("SELECT seq FROM _dunlin_taken WHERE origin = ?")
            .and_then(|mut statement| statement.query_row([origin], |row| row.get(0)).optional())
            .doing("read how far an origin's versions came")?;
        Ok(taken.unwrap_or(0))
    }

    /// Notes the highest seq of each origin that a page brought.
    pub(crate) fn note_taken(&mut self, highest: &HashMap<Origin, u64>) -> Result<()> {
        for (origin, seq) in highest {
            let origin = self.origin_id(*origin)?;
            self.conn
                .prepare_cached(
                    "INSERT INTO _dunlin_taken (origin, seq) VALUES (?1, ?2)
                     ON CONFLICT (origin) DO UPDATE SET seq = ?2 WHERE seq < ?2",
                )
                .and_then(|mut statement| statement.execute(params![origin, seq]))
                .doing("note how far an origin's versions came")?;
        }
        Ok(())
    }

    /// Nobody has more of our versions than we wrote.
    pub(crate) fn refuse_claims(&self, theirs: &[Known]) -> Result<()> {
        let (me, written) = (self.me, self.count.seq);
        match theirs.iter().find(|known| known.origin == me && known.seq > written) {
            Some(known) => Err(Error::ClaimsOurs { claimed: known.seq, written }),
            None => Ok(()),
        }
    }

    fn withheld_below(&self) -> Result<Vec<(i64, u64)>> {
        self.conn
            .prepare_cached("SELECT origin, min(seq) FROM _dunlin_again GROUP BY origin")
            .and_then(|mut statement| {
                statement
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
                    .and_then(Iterator::collect)
            })
            .doing("read what is withheld")
    }

    pub(crate) fn anything_withheld(&mut self) -> Result<bool> {
        if let Some(withheld) = self.withheld {
            return Ok(withheld);
        }
        let withheld = self
            .conn
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM _dunlin_again)")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .doing("read what is withheld")?;
        self.withheld = Some(withheld);
        Ok(withheld)
    }

    /// A version that is stored now answers for those of its row that it covers: they are no longer waited for.
    pub(crate) fn no_longer_withheld(&mut self, row: Uuid, head: &Head) -> Result<()> {
        let doing = "forget what was withheld";
        if !self.anything_withheld()? {
            return Ok(());
        }
        let waited: Vec<(i64, u64)> = self
            .conn
            .prepare_cached("SELECT origin, seq FROM _dunlin_again WHERE row = ?")
            .and_then(|mut statement| {
                statement
                    .query_map([row.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
                    .and_then(Iterator::collect)
            })
            .doing(doing)?;
        for (origin, seq) in waited {
            let of = self.origin(origin)?;
            let covered = (head.origin == of && head.seq >= seq)
                || head.seen.iter().any(|(origin, seen)| *origin == of && *seen >= seq);
            if covered {
                self.conn
                    .execute(
                        "DELETE FROM _dunlin_again WHERE row = ?1 AND origin = ?2 AND seq = ?3",
                        params![row.as_bytes(), origin, seq],
                    )
                    .doing(doing)?;
            }
        }
        Ok(())
    }

    /// Puts the cursor in a sender's journal back where the time of a withheld version has come, or where the
    /// sender's clock was mended since it withheld.
    pub(crate) fn ask_again(&mut self, sender: Origin, skew: i64) -> Result<()> {
        /// Clocks drift and answers take time; a mend is more than that.
        const MENDED_BY: i64 = 30_000;
        let id = self.origin_id(sender)?;
        let now = self.clock.now();
        let from: Option<i64> = self
            .conn
            .prepare_cached(
                "SELECT min(pos) FROM _dunlin_again WHERE sender = ?1 AND (time <= ?2 + ?3 OR skew > ?4 + ?5)",
            )
            .and_then(|mut s| s.query_row(params![id, now, crate::page::AHEAD_MAX, skew, MENDED_BY], |row| row.get(0)))
            .doing("read what is withheld")?;
        let Some(from) = from else { return Ok(()) };
        self.conn
            .execute("DELETE FROM _dunlin_again WHERE sender = ?1 AND pos >= ?2", params![id, from])
            .doing("forget what was withheld")?;
        let cursor = self.cursor(sender)?;
        self.set_cursor(sender, cursor.min(u64::try_from(from - 1).unwrap_or(0)))
    }
}

impl crate::Store {
    /// What an origin says of itself, over its own link: it has written so many versions. Whoever told us of more
    /// lied, and what else he told of it may be as false: all of it is asked for anew. Answers whether that was so.
    pub fn hear_end(&mut self, origin: Origin, end: u64) -> Result<bool> {
        let lie = self.knowledge()?.iter().any(|known| known.origin == origin && end < known.seq);
        if origin == self.origin() || !lie {
            return Ok(false);
        }
        self.write(crate::store::Flush::Later, |tx| {
            let doing = "forget what others told of an origin";
            let id = tx.origin_id(origin)?;
            for table in ["_dunlin_know", "_dunlin_taken", "_dunlin_mark"] {
                tx.conn
                    .execute(&format!("DELETE FROM {table} WHERE origin = ?"), [id])
                    .doing(doing)?;
            }
            tx.set_cursor(origin, 0)?;
            Ok(true)
        })
    }

    /// How far we have read the journals of others: by machine and epoch.
    pub fn cursors(&mut self) -> Result<Vec<(Origin, u64)>> {
        self.write(crate::store::Flush::Reads, |tx| {
            tx.conn
                .prepare_cached(
                    "SELECT o.machine, o.epoch, c.pos FROM _dunlin_cursor AS c JOIN _dunlin_origin AS o ON o.id = c.origin",
                )
                .and_then(|mut statement| {
                    statement
                        .query_map([], |row| {
                            let origin = Origin { machine: uuid(row, 0)?, epoch: epoch(row.get(1)?) };
                            Ok((origin, row.get(2)?))
                        })
                        .and_then(Iterator::collect)
                })
                .doing("read the cursors")
        })
    }
}

/// Dense enough to find a fork within a day's sales, thin enough to be nothing on disk.
pub(crate) const MARK_EVERY: i64 = 1024;

pub(crate) fn uuid(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<Uuid> {
    let bytes: Vec<u8> = row.get(index)?;
    Uuid::from_slice(&bytes).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            index,
            rusqlite::types::Type::Blob,
            Box::new(error),
        )
    })
}

/// Epochs are 64 random bits; SQLite's integers are signed.
pub(crate) fn epoch(stored: i64) -> u64 {
    stored.cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, Cell, Last, Page, PageTable, Row, Sender, Stamp, Store, still};

    const LIAR: Origin = Origin { machine: Uuid::from_u128(66), epoch: 1 };
    const THIRD: Origin = Origin { machine: Uuid::from_u128(3), epoch: 1 };

    fn shop() -> (tempfile::TempDir, Store) {
        let (folder, _app, store) =
            still::shop("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT NOT NULL UNIQUE)");
        (folder, store)
    }

    fn row(uuid: u128, seq: u64) -> Row {
        Row {
            uuid: Uuid::from_u128(uuid),
            stamp: Stamp::at(1_780_000_000_000),
            origin: THIRD,
            seq,
            seen: Vec::new(),
            number: None,
            together: 1,
            body: Body::Live(vec![Cell::Text(b"same".to_vec())]),
            parts: None,
        }
    }

    /// A page of the liar, with these rows and what he says that he knows of an origin.
    fn page(store: &mut Store, rows: Vec<Row>, known: (Origin, u64)) -> Page {
        let from = store.cursor(LIAR).unwrap();
        let known = Known { origin: known.0, seq: known.1, mark: None };
        Page {
            from,
            next: from + 1,
            tables: vec![PageTable { name: "t".to_owned(), columns: vec!["v".to_owned()], rows }],
            last: Some(Last { knowledge: vec![known], floor: Stamp::ZERO }),
            ..Page::default()
        }
    }

    fn known(store: &mut Store, origin: Origin) -> u64 {
        let all = store.knowledge().unwrap();
        all.iter().find(|known| known.origin == origin).map_or(0, |known| known.seq)
    }

    const SENDER: Sender = Sender { origin: LIAR, skew: 0 };

    #[test]
    fn what_is_said_of_a_third_counts_no_further_than_its_versions_came() {
        let (_folder, mut store) = shop();
        let lie = page(&mut store, Vec::new(), (THIRD, 900));
        store.apply(&lie, SENDER).unwrap();
        assert_eq!(known(&mut store, THIRD), 0);
        let lie = page(&mut store, vec![row(7, 5)], (THIRD, 900));
        store.apply(&lie, SENDER).unwrap();
        assert_eq!(known(&mut store, THIRD), 5);
        let true_word = page(&mut store, Vec::new(), (LIAR, 900));
        store.apply(&true_word, SENDER).unwrap();
        assert_eq!(known(&mut store, LIAR), 900, "of itself it speaks at first hand");
    }

    #[test]
    fn an_origins_own_word_beats_what_others_said_of_it() {
        let (_folder, mut store) = shop();
        let lie = page(&mut store, vec![row(7, 500)], (THIRD, 500));
        store.apply(&lie, SENDER).unwrap();
        assert!(!store.hear_end(THIRD, 500).unwrap());
        assert_eq!(known(&mut store, THIRD), 500);
        assert!(store.hear_end(THIRD, 499).unwrap());
        assert_eq!((known(&mut store, THIRD), store.cursor(THIRD).unwrap()), (0, 0));
    }

    #[test]
    fn nobody_knows_more_of_us_than_we_wrote_and_nobody_wrote_more_than_one_can() {
        let (_folder, mut store) = shop();
        let us = store.origin();
        let lie = page(&mut store, Vec::new(), (us, 1));
        assert!(matches!(
            store.apply(&lie, SENDER),
            Err(Error::ClaimsOurs { claimed: 1, written: 0 })
        ));
        let ask = crate::Ask {
            knowledge: vec![Known { origin: us, seq: 1, mark: None }],
            ..crate::Ask::default()
        };
        assert!(matches!(store.page(&ask), Err(Error::ClaimsOurs { .. })));
        for lie in [
            page(&mut store, Vec::new(), (THIRD, 1 << 60)),
            page(&mut store, vec![row(7, 1 << 60)], (THIRD, 1)),
        ] {
            assert!(matches!(store.apply(&lie, SENDER), Err(Error::BadPage { .. })));
        }
        assert_eq!(store.cursor(LIAR).unwrap(), 0);
    }

    #[test]
    fn rows_that_claim_one_value_are_bounded_and_those_that_stand_aside_are_counted() {
        let (_folder, mut store) = shop();
        let few: Vec<Row> = (1..=20).map(|n| row(n, u64::try_from(n).unwrap())).collect();
        let few = page(&mut store, few, (THIRD, 20));
        store.apply(&few, SENDER).unwrap();
        let counted = store.write(crate::store::Flush::Reads, |tx| {
            let via = tx.origin_id(LIAR)?;
            tx.held_over(via)
        });
        assert_eq!(counted.unwrap().0, 19);
        let many: Vec<Row> = (100..400).map(|n| row(n, u64::try_from(n).unwrap())).collect();
        let many = page(&mut store, many, (THIRD, 400));
        assert!(matches!(store.apply(&many, SENDER), Err(Error::TooManyDoubles { .. })));
    }
}
