//! Entries: the latest version known of each row, as the sidecar keeps it.

use crate::catalogue::Table;
use crate::error::Doing as _;
use crate::key::Key;
use crate::page::digest_of_size;
use crate::sidecar::shape::Shape;
use crate::standing::Place;
use crate::state::{self, Dot};
use crate::tx::Tx;
use crate::version::Head;
use crate::{Cell, Cells, Error, Origin, Result, Stamp};
use rusqlite::{OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
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
    /// The version that stands.
    pub(crate) head: Head,
    /// Eight bytes of hash of the state: the version's, and what stands beside it.
    pub(crate) digest: u64,
    /// The columns that the version speaks of; none: its table's first shape.
    pub(crate) shape: Option<i64>,
    /// The sidecar holds parts of it.
    pub(crate) parts: bool,
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
    cells.oversize().map_or_else(|| cells.digest(), digest_of_size)
}

/// The columns of an entry, in the order that [`Tx::entry_of`] reads.
pub(crate) const COLUMNS: &str = "pos, uuid, tbl, key, stamp, origin, seq, state, digest, number, seen, together, via, shape, own";

impl Tx<'_> {
    pub(crate) fn entry(&mut self, uuid: Uuid) -> Result<Option<Entry>> {
        let mut statement = self
            .conn
            .prepare_cached("SELECT pos, uuid, tbl, key, stamp, origin, seq, state, digest, number, seen, together, via, shape, own FROM _dunlin_row WHERE uuid = ?")
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
        let digest = row.get::<_, i64>(8).doing(doing)?.cast_unsigned();
        let own: Option<i64> = row.get(14).doing(doing)?;
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
                digest: own.map_or(digest, i64::cast_unsigned),
                dead: matches!(state, State::Dead | State::Lingers),
                seen,
            },
            digest,
            shape: row.get(13).doing(doing)?,
            parts: own.is_some(),
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
        if !entry.parts && old.is_none_or(|old| old.pos < entry.pos) {
            self.lacks_nothing(entry.uuid)?;
        }
        let origin = self.origin_id(entry.head.origin)?;
        let seen = self.encode_seen(&entry.head.seen)?;
        let number =
            entry.number.filter(|number| entry.key.as_ref().and_then(Key::number) != Some(*number));
        let sql = if old.is_some() {
            "UPDATE _dunlin_row SET pos = ?1, tbl = ?3, key = ?4, stamp = ?5, origin = ?6, seq = ?7, state = ?8, digest = ?9,
             number = ?10, seen = ?11, together = ?12, via = ?13, shape = ?14, own = ?15 WHERE uuid = ?2"
        } else {
            "INSERT INTO _dunlin_row (pos, uuid, tbl, key, stamp, origin, seq, state, digest, number, seen, together, via, shape, own)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
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
                    entry.digest.cast_signed(),
                    number,
                    seen,
                    entry.together,
                    entry.via,
                    entry.shape,
                    entry.parts.then(|| entry.head.digest.cast_signed()),
                ])
            })
            .doing("write an entry")?;
        Ok(())
    }

    /// Says where an entry stands and how it is shown; its version stays as it is.
    pub(crate) fn place(&self, entry: &Entry) -> Result<()> {
        self.placed.borrow_mut().push(entry.uuid);
        let number =
            entry.number.filter(|number| entry.key.as_ref().and_then(Key::number) != Some(*number));
        self.conn
            .prepare_cached(
                "UPDATE _dunlin_row SET key = ?2, state = ?3, number = ?4, own = ?5 WHERE uuid = ?1",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    entry.uuid.as_bytes(),
                    entry.key,
                    entry.state as i64,
                    number,
                    entry.parts.then(|| entry.head.digest.cast_signed()),
                ])
            })
            .doing("place an entry")?;
        Ok(())
    }

    /// Writes down what a row's own `uuid` column says of it. Its name is a hash of that, so of a row that is gone nobody
    /// could tell what scripts know it by.
    pub(crate) fn call(&self, uuid: Uuid, called: Option<&Cell>) -> Result<()> {
        let Some(called) = called else { return Ok(()) };
        self.conn
            .prepare_cached(
                "UPDATE _dunlin_row SET called = ?2 WHERE uuid = ?1 AND called IS NOT ?2",
            )
            .and_then(|mut statement| statement.execute(params![uuid.as_bytes(), called]))
            .doing("write down what a row is called")?;
        Ok(())
    }

    /// Makes a version here over `old` that wrote all of these cells, and writes its entry. None for a tombstone.
    pub(crate) fn make(
        &mut self,
        (table, uuid): (&Table, Uuid),
        old: Option<&Entry>,
        cells: Option<&Cells>,
        stamp: Stamp,
        key: Option<Key>,
    ) -> Result<Entry> {
        let cut = match old {
            // The tombstone that it beats cuts what others had not seen of it.
            Some(old) if old.head.dead && cells.is_some() => Some(Dot::of(&old.head)),
            _ => None,
        };
        let head = self.next_head(old, stamp, cells.map_or(0, digest), cells.is_none())?;
        let mut entry = self.enter((table, uuid), old, head, key)?;
        let cut = cut.or(self.cut_of(old)?);
        match cells {
            Some(cells) if cut.is_some() || !table.says_all(cells) => {
                let mut state = state::State::plain(entry.head.clone(), cells);
                state.cut = cut;
                entry.parts = old.is_some_and(|old| old.parts);
                self.take_apart(&mut entry, &state, Place::In(table))?;
            }
            Some(cells) => {
                let shape = self.shape_written(table, cells)?;
                entry.shape = self.shape_number(table.id, &shape)?;
                self.forget_parts_of(old)?;
            }
            None => self.forget_parts_of(old)?,
        }
        self.put(&entry, old)?;
        Ok(entry)
    }

    /// Makes a version here whose cells were not all written by it: what its state says takes the dot of `head` where it
    /// has none of its own. `place`: where its own cells stand.
    pub(crate) fn make_of(
        &mut self,
        (table, uuid): (&Table, Uuid),
        old: Option<&Entry>,
        state: &state::State,
        place: Place<'_>,
        key: Option<Key>,
    ) -> Result<Entry> {
        let mut entry = self.enter((table, uuid), old, state.head.clone(), key)?;
        entry.parts = old.is_some_and(|old| old.parts);
        self.take_apart(&mut entry, state, place)?;
        self.put(&entry, old)?;
        Ok(entry)
    }

    /// The head of the next version made here.
    pub(crate) fn next_head(
        &mut self,
        old: Option<&Entry>,
        stamp: Stamp,
        digest: u64,
        dead: bool,
    ) -> Result<Head> {
        let seen = match old {
            Some(old) => self.seen_over(old)?,
            None => Vec::new(),
        };
        self.count.seq += 1;
        Ok(Head { stamp, origin: self.me, seq: self.count.seq, digest, dead, seen })
    }

    /// What a version made here over this one has seen: also whoever wrote a cell beside it.
    fn seen_over(&mut self, old: &Entry) -> Result<Vec<(Origin, u64)>> {
        let mut seen = old.head.seen_by_next(self.me);
        if old.parts {
            let part = self.part(old.table, old.uuid)?;
            let beside = part.beside.values().map(|cell| cell.dot).chain(part.cut);
            for dot in beside.filter(|dot| dot.origin != self.me) {
                match seen.iter_mut().find(|(origin, _)| *origin == dot.origin) {
                    Some((_, seq)) => *seq = dot.seq.max(*seq),
                    None => seen.push((dot.origin, dot.seq)),
                }
            }
            seen.sort_unstable();
        }
        Ok(seen)
    }

    fn cut_of(&mut self, old: Option<&Entry>) -> Result<Option<Dot>> {
        match old.filter(|old| old.parts) {
            Some(old) => Ok(self.part(old.table, old.uuid)?.cut),
            None => Ok(None),
        }
    }

    fn forget_parts_of(&self, old: Option<&Entry>) -> Result<()> {
        old.filter(|old| old.parts).map_or(Ok(()), |old| self.forget_part(old.uuid))
    }

    /// The shape of a version that wrote these cells.
    fn shape_written(&mut self, table: &Table, cells: &Cells) -> Result<Arc<Shape>> {
        let own =
            table.columns.iter().enumerate().filter(|(index, _)| Some(*index) != table.number);
        let is_full = own.map(|(_, column)| &column.id).eq(cells.iter().map(|(id, _)| id));
        if is_full {
            return self.full_shape(table);
        }
        self.shape_of(table.id, cells.iter().map(|(id, _)| id))
    }

    /// A new entry with a version that was made here, at the journal's end; not written yet.
    fn enter(
        &mut self,
        (table, uuid): (&Table, Uuid),
        old: Option<&Entry>,
        head: Head,
        key: Option<Key>,
    ) -> Result<Entry> {
        let number = match (&key, old) {
            (Some(Key::Integer(n)), None) => Some(*n),
            (Some(Key::Integer(n)), Some(old)) if old.key.is_some() && old.key != key => Some(*n),
            (_, Some(old)) => old.number,
            _ => None,
        };
        self.chain(uuid, (head.stamp.to_i64(), head.digest))?;
        Ok(Entry {
            pos: self.next_pos(),
            uuid,
            table: table.id,
            key,
            digest: head.digest,
            shape: None,
            parts: false,
            state: if head.dead { State::Dead } else { State::Shown },
            head,
            number,
            together: self.together,
            via: None,
        })
    }

    /// The next position of the journal; never given twice.
    pub(crate) fn next_pos(&mut self) -> u64 {
        self.count.pos += 1;
        self.count.pos
    }

    /// mark(seq) = hash(mark(seq − 1), row uuid, stamp, digest): by it a restored backup is found out.
    pub(crate) fn chain(&mut self, uuid: Uuid, (stamp, digest): (i64, u64)) -> Result<()> {
        let mut hash = Sha256::new();
        hash.update(self.count.mark);
        hash.update(uuid.as_bytes());
        hash.update(stamp.to_be_bytes());
        hash.update(digest.to_be_bytes());
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
