//! Entries: the latest version known of each row, as the sidecar keeps it.

use crate::catalogue::Table;
use crate::error::Doing as _;
use crate::key::Key;
use crate::page::{ROW_BYTES_MAX, digest_of_size};
use crate::tx::Tx;
use crate::version::Head;
use crate::{Cells, Error, Origin, Result, Stamp};
use rusqlite::{OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// How the table shows a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// As it is.
    Shown,
    /// With other values in some columns; its own are kept beside.
    Otherwise,
    /// Not at all: its place in the table is empty.
    Held,
    /// It is a tombstone.
    Dead,
    /// It is a tombstone, and the row stays where it was until a person decides.
    Lingers,
}

/// The latest version of one row.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) pos: u64,
    pub(crate) uuid: Uuid,
    pub(crate) table: i64,
    /// Where it stands in the table.
    pub(crate) key: Option<Key>,
    pub(crate) head: Head,
    pub(crate) state: State,
    /// The number that its origin gave it.
    pub(crate) number: Option<i64>,
    pub(crate) together: u64,
    pub(crate) via: Option<i64>,
}

impl Entry {
    /// Its version is a tombstone, and its row waits for a person.
    pub(crate) fn lingers(&self) -> bool {
        self.state == State::Lingers
    }
}

/// The digest of a version made here: of its size alone, where its values are too large to be passed on.
pub(crate) fn digest(cells: &Cells) -> u64 {
    let weight = cells.weight();
    if weight > ROW_BYTES_MAX { digest_of_size(weight as u64) } else { cells.digest() }
}

/// The columns of an entry, in the order that [`Tx::entry_of`] reads.
pub(crate) const COLUMNS: &str =
    "pos, uuid, tbl, key, stamp, origin, seq, state, digest, number, seen, together, via";

impl Tx<'_> {
    pub(crate) fn entry(&mut self, uuid: Uuid) -> Result<Option<Entry>> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT pos, uuid, tbl, key, stamp, origin, seq, state, digest, number, seen, together, via FROM _dunlin_row WHERE uuid = ?")
            .doing("read an entry")?;
        let mut rows = statement.query([uuid.as_bytes()]).doing("read an entry")?;
        match rows.next().doing("read an entry")? {
            Some(row) => self.entry_of(row).map(Some),
            None => Ok(None),
        }
    }

    /// An entry from a row that holds [`COLUMNS`].
    pub(crate) fn entry_of(&mut self, row: &Row<'_>) -> Result<Entry> {
        let doing = "read an entry";
        let state = match row.get::<_, i64>(7).doing(doing)? {
            0 => State::Shown,
            1 => State::Otherwise,
            2 => State::Held,
            3 => State::Dead,
            4 => State::Lingers,
            _ => return Err(Error::Sidecar { what: "an entry of no known state" }),
        };
        let origin = self.origin(row.get(5).doing(doing)?)?;
        let seen = match row.get_ref(10).doing(doing)?.as_blob_or_null() {
            Ok(Some(bytes)) => self.decode_seen(bytes)?,
            _ => Vec::new(),
        };
        let key = Key::from_sql(row.get_ref(3).doing(doing)?)?;
        Ok(Entry {
            pos: row.get(0).doing(doing)?,
            uuid: crate::cursor::uuid(row, 1).doing(doing)?,
            table: row.get(2).doing(doing)?,
            number: row
                .get::<_, Option<i64>>(9)
                .doing(doing)?
                .or_else(|| key.as_ref().and_then(Key::number)),
            key,
            head: Head {
                stamp: Stamp::from_i64(row.get(4).doing(doing)?)
                    .ok_or(Error::Sidecar { what: "a negative stamp" })?,
                origin,
                seq: row.get(6).doing(doing)?,
                digest: row.get::<_, i64>(8).doing(doing)?.cast_unsigned(),
                dead: matches!(state, State::Dead | State::Lingers),
                seen,
            },
            state,
            together: row.get(11).doing(doing)?,
            via: row.get(12).doing(doing)?,
        })
    }

    /// The row that stands at a key.
    pub(crate) fn at_key(&self, table: i64, key: &Key) -> Result<Option<Uuid>> {
        self.conn
            .prepare_cached("SELECT uuid FROM _dunlin_row WHERE tbl = ?1 AND key = ?2")
            .and_then(|mut statement| {
                statement
                    .query_row(params![table, key], |row| crate::cursor::uuid(row, 0))
                    .optional()
            })
            .doing("look a key up")
    }

    /// Writes an entry: a new one, or over the one with the same uuid.
    pub(crate) fn put(&mut self, entry: &Entry, old: Option<&Entry>) -> Result<()> {
        self.changes.entry(entry.table).or_default().replace(old, Some(entry));
        let origin = self.origin_id(entry.head.origin)?;
        let seen = self.encode_seen(&entry.head.seen)?;
        let number =
            entry.number.filter(|number| entry.key.as_ref().and_then(Key::number) != Some(*number));
        let sql = if old.is_some() {
            "UPDATE _dunlin_row SET pos = ?1, tbl = ?3, key = ?4, stamp = ?5, origin = ?6, seq = ?7, state = ?8, digest = ?9,
             number = ?10, seen = ?11, together = ?12, via = ?13 WHERE uuid = ?2"
        } else {
            "INSERT INTO _dunlin_row (pos, uuid, tbl, key, stamp, origin, seq, state, digest, number, seen, together, via)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
        };
        self.conn
            .prepare_cached(sql)
            .and_then(|mut statement| {
                statement.execute(params![
                    entry.pos,
                    entry.uuid.as_bytes(),
                    entry.table,
                    entry.key,
                    entry.head.stamp.to_i64(),
                    origin,
                    entry.head.seq,
                    entry.state as i64,
                    entry.head.digest.cast_signed(),
                    number,
                    seen,
                    entry.together,
                    entry.via,
                ])
            })
            .doing("write an entry")?;
        Ok(())
    }

    /// Says where an entry stands and how it is shown; its version stays as it is.
    pub(crate) fn place(&self, entry: &Entry) -> Result<()> {
        let number =
            entry.number.filter(|number| entry.key.as_ref().and_then(Key::number) != Some(*number));
        self.conn
            .prepare_cached(
                "UPDATE _dunlin_row SET key = ?2, state = ?3, number = ?4 WHERE uuid = ?1",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    entry.uuid.as_bytes(),
                    entry.key,
                    entry.state as i64,
                    number
                ])
            })
            .doing("place an entry")?;
        Ok(())
    }

    /// Makes a version here over `old`, and writes its entry. `cells`: none for a tombstone.
    pub(crate) fn make(
        &mut self,
        (table, uuid): (&Table, Uuid),
        old: Option<&Entry>,
        cells: Option<&Cells>,
        stamp: Stamp,
        key: Option<Key>,
    ) -> Result<Entry> {
        self.count.seq += 1;
        let seen = old.map_or_else(Vec::new, |old| old.head.seen_by_next(self.me));
        let number = match (&key, old) {
            (Some(Key::Integer(n)), None) => Some(*n),
            (Some(Key::Integer(n)), Some(old)) if old.key.is_some() && old.key != key => Some(*n),
            (_, Some(old)) => old.number,
            _ => None,
        };
        let head = Head {
            stamp,
            origin: self.me,
            seq: self.count.seq,
            digest: cells.map_or(0, digest),
            dead: cells.is_none(),
            seen,
        };
        let entry = Entry {
            pos: self.next_pos(),
            uuid,
            table: table.id,
            key,
            state: if head.dead { State::Dead } else { State::Shown },
            head,
            number,
            together: self.together,
            via: None,
        };
        self.chain_head(uuid, &entry.head)?;
        self.put(&entry, old)?;
        Ok(entry)
    }

    /// The next position of the journal; never given twice.
    pub(crate) fn next_pos(&mut self) -> u64 {
        self.count.pos += 1;
        self.count.pos
    }

    /// mark(seq) = hash(mark(seq − 1), row uuid, stamp, digest): by it a restored backup is found out.
    pub(crate) fn chain_head(&mut self, uuid: Uuid, head: &Head) -> Result<()> {
        let mut hash = Sha256::new();
        hash.update(self.count.mark);
        hash.update(uuid.as_bytes());
        hash.update(head.stamp.to_i64().to_be_bytes());
        hash.update(head.digest.to_be_bytes());
        let hash: [u8; 32] = hash.finalize().into();
        if let Some(mark) = hash.first_chunk::<16>() {
            self.count.mark = *mark;
        }
        if self.count.seq.is_multiple_of(crate::cursor::MARK_EVERY.cast_unsigned()) {
            self.keep_own_mark()?;
        }
        Ok(())
    }

    fn encode_seen(&mut self, seen: &[(Origin, u64)]) -> Result<Option<Vec<u8>>> {
        if seen.is_empty() {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(16 * seen.len());
        for (origin, seq) in seen {
            bytes.extend(self.origin_id(*origin)?.to_be_bytes());
            bytes.extend(seq.to_be_bytes());
        }
        Ok(Some(bytes))
    }

    fn decode_seen(&mut self, bytes: &[u8]) -> Result<Vec<(Origin, u64)>> {
        let (chunks, rest) = bytes.as_chunks::<16>();
        if !rest.is_empty() {
            return Err(Error::Sidecar { what: "a cut list of what a version had seen" });
        }
        chunks
            .iter()
            .map(|chunk| {
                let whole = u128::from_be_bytes(*chunk);
                let id = i64::try_from(whole >> 64).unwrap_or(0);
                let seq = u64::try_from(whole & u128::from(u64::MAX)).unwrap_or(0);
                Ok((self.origin(id)?, seq))
            })
            .collect()
    }
}
