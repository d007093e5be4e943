//! A transaction: one look into the file or one change of it, and what is remembered while it lasts.

use crate::catalogue::{self, Catalogue, Described, Table};
use crate::digest::Change;
use crate::error::Doing as _;
use crate::key::Key;
use crate::listing::Listing;
use crate::sidecar::column::Columns;
use crate::sidecar::fact::ByTable;
use crate::sidecar::shape::Shape;
use crate::{Clock, Error, Origin, Result};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) seq: u64,
    pub(crate) pos: u64,
    pub(crate) mark: [u8; 16],
}

/// What was read of the sidecar and changes seldom. Empty after a transaction that was undone.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    origins_by_id: HashMap<i64, Origin>,
    origins: HashMap<Origin, i64>,
    pub(crate) facts: Option<Arc<ByTable>>,
    /// By table.
    pub(crate) columns: HashMap<i64, Arc<Columns>>,
    pub(crate) shapes: HashMap<i64, Arc<Shape>>,
    pub(crate) shapes_by_columns: HashMap<(i64, Vec<i64>), Arc<Shape>>,
    /// By table: the shape of entries that say none.
    pub(crate) first_shapes: HashMap<i64, i64>,
    /// By table: the shape of all columns that it has here.
    pub(crate) full_shapes: HashMap<i64, Arc<Shape>>,
}

/// One write transaction, and what it needs to know.
pub(crate) struct Tx<'s> {
    pub(crate) conn: &'s Connection,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) listing: Arc<Listing>,
    pub(crate) described: &'s mut Described,
    /// When tables were last seen to be away, or made anew.
    pub(crate) anew: &'s mut HashMap<i64, Duration>,
    pub(crate) clock: &'s dyn Clock,
    /// The machine and epoch that versions made here bear.
    pub(crate) me: Origin,
    /// The epoch that names new rows: that of the file's maker until its log is folded.
    pub(crate) file_epoch: u64,
    pub(crate) count: Counters,
    /// The number that rows found or taken together bear.
    pub(crate) together: u64,
    /// The link that rows come over.
    pub(crate) via: Option<i64>,
    pub(crate) changes: HashMap<i64, Change>,
    /// The shape of tracked tables changed: read the catalogue again.
    pub(crate) reload: bool,
    /// Conflicts newly kept.
    pub(crate) conflicts: u64,
    /// Is any number promised to anybody? None: not asked yet.
    pub(crate) reserved: Option<bool>,
    /// The highest stamp known here, as a time. None: not asked yet.
    pub(crate) highest: Option<crate::Millis>,
    /// Is any version withheld? None: not asked yet.
    pub(crate) withheld: Option<bool>,
    /// Is any value asked for? None: not asked yet.
    pub(crate) asked: Option<bool>,
    /// Tables that were written to through which REPLACE can remove rows unseen.
    pub(crate) wrote_beside_unique: BTreeSet<i64>,
    /// The spare, for looking rows up.
    pub(crate) spare: Option<&'s Connection>,
    /// Rows that were placed elsewhere without a new version.
    pub(crate) placed: RefCell<Vec<Uuid>>,
    /// Rows that nobody knows, by table and by what they hold, where that was asked.
    pub(crate) strays: HashMap<i64, HashMap<u64, Vec<Key>>>,
    /// Do rows that nobody knows wait to be named? None: not asked yet.
    pub(crate) unheard: Option<bool>,
    /// The highest number of a line in the log that was seen.
    pub(crate) last_line: i64,
    pub(crate) cache: &'s mut Cache,
}

pub(crate) fn meta<T: rusqlite::types::FromSql>(conn: &Connection, key: &str) -> Result<Option<T>> {
    conn.prepare_cached("SELECT value FROM _dunlin_meta WHERE key = ?")
        .and_then(|mut statement| statement.query_row([key], |row| row.get(0)).optional())
        .doing("read the sidecar's own notes")
}

pub(crate) fn set_meta(conn: &Connection, key: &str, value: impl rusqlite::ToSql) -> Result<()> {
    conn.prepare_cached("INSERT INTO _dunlin_meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2")
        .and_then(|mut statement| statement.execute(params![key, value]))
        .doing("write the sidecar's own notes")?;
    Ok(())
}

pub(crate) fn read_counters(conn: &Connection) -> Result<Counters> {
    let mut count = Counters::default();
    let doing = "read the counters";
    let mut statement = conn
        .prepare_cached("SELECT key, value FROM _dunlin_meta WHERE key IN ('seq', 'pos', 'mark')")
        .doing(doing)?;
    let mut rows = statement.query([]).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        let key: String = row.get(0).doing(doing)?;
        match (key.as_str(), row.get_ref(1).doing(doing)?) {
            ("seq", ValueRef::Integer(n)) => count.seq = n.cast_unsigned(),
            ("pos", ValueRef::Integer(n)) => count.pos = n.cast_unsigned(),
            ("mark", ValueRef::Blob(bytes)) => count.mark = bytes.try_into().unwrap_or_default(),
            _ => return Err(Error::Sidecar { what: "a counter that is none" }),
        }
    }
    Ok(count)
}

impl Tx<'_> {
    /// Reads the tracked tables again: what the sidecar says of them changed.
    pub(crate) fn load_catalogue(&mut self) -> Result<()> {
        let loaded = catalogue::load(self.conn, &self.listing, self.described)?;
        self.catalogue = Arc::new(loaded);
        self.cache.full_shapes.clear();
        self.reload = true;
        Ok(())
    }

    /// The shape of a row that the table's application wrote: all columns that the table has here.
    pub(crate) fn full_shape(&mut self, table: &Table) -> Result<Arc<Shape>> {
        if let Some(shape) = self.cache.full_shapes.get(&table.id) {
            return Ok(Arc::clone(shape));
        }
        let shape = self.shape_of_numbers(table.id, table.shape_columns().collect())?;
        self.cache.full_shapes.insert(table.id, Arc::clone(&shape));
        Ok(shape)
    }

    pub(crate) fn write_counters(&self) -> Result<()> {
        set_meta(self.conn, "seq", self.count.seq)?;
        set_meta(self.conn, "pos", self.count.pos)?;
        set_meta(self.conn, "mark", self.count.mark.as_slice())
    }

    /// Notes when the journal stood where, about once a minute, for as long as anybody asks.
    pub(crate) fn note_arrival(&self, pos: u64) -> Result<()> {
        /// 400 days: who asks for what arrived before is given all there is.
        const REMEMBERED: i64 = 400 * 24 * 3_600_000;
        let (doing, now) = ("note when rows arrived", self.clock.now());
        let noted = self
            .conn
            .prepare_cached(
                "INSERT INTO _dunlin_arrival (time, pos) SELECT ?1, ?2
                 WHERE NOT EXISTS (SELECT 1 FROM _dunlin_arrival WHERE time > ?1 - 60000)",
            )
            .and_then(|mut statement| statement.execute(params![now, pos]))
            .doing(doing)?;
        if noted > 0 {
            self.conn
                .prepare_cached("DELETE FROM _dunlin_arrival WHERE time < ?")
                .and_then(|mut statement| statement.execute([now - REMEMBERED]))
                .doing(doing)?;
        }
        Ok(())
    }

    /// The number of an origin in this file.
    pub(crate) fn origin_id(&mut self, origin: Origin) -> Result<i64> {
        if let Some(id) = self.cache.origins.get(&origin) {
            return Ok(*id);
        }
        let doing = "number an origin";
        let (machine, epoch) = (origin.machine.as_bytes().as_slice(), origin.epoch.cast_signed());
        let found: Option<i64> = self
            .conn
            .query_row(
                "SELECT id FROM _dunlin_origin WHERE machine = ?1 AND epoch = ?2",
                params![machine, epoch],
                |row| row.get(0),
            )
            .optional()
            .doing(doing)?;
        let id = if let Some(id) = found {
            id
        } else {
            self.conn
                .execute(
                    "INSERT INTO _dunlin_origin (machine, epoch) VALUES (?1, ?2)",
                    params![machine, epoch],
                )
                .doing(doing)?;
            self.conn.last_insert_rowid()
        };
        self.cache.origins.insert(origin, id);
        self.cache.origins_by_id.insert(id, origin);
        Ok(id)
    }

    /// The origin of a number in this file.
    pub(crate) fn origin(&mut self, id: i64) -> Result<Origin> {
        if let Some(origin) = self.cache.origins_by_id.get(&id) {
            return Ok(*origin);
        }
        let origin = self
            .conn
            .query_row("SELECT machine, epoch FROM _dunlin_origin WHERE id = ?", [id], |row| {
                Ok(Origin {
                    machine: crate::cursor::uuid(row, 0)?,
                    epoch: crate::cursor::epoch(row.get(1)?),
                })
            })
            .optional()
            .doing("read an origin")?
            .ok_or(Error::Sidecar { what: "a version of no known origin" })?;
        self.cache.origins.insert(origin, id);
        self.cache.origins_by_id.insert(id, origin);
        Ok(origin)
    }

    /// The number of a table by name, also of one that is not here: its rows are kept all the same.
    pub(crate) fn table_id(&self, name: &str) -> Result<i64> {
        self.table_id_or_new(name).map(|(id, _)| id)
    }

    /// As [`Tx::table_id`], and whether nobody had named it here before.
    pub(crate) fn table_id_or_new(&self, name: &str) -> Result<(i64, bool)> {
        if let Some(table) = self.catalogue.named(name) {
            return Ok((table.id, false));
        }
        let doing = "number a table";
        let found: Option<i64> = self
            .conn
            .prepare_cached("SELECT id FROM _dunlin_table WHERE name = ?")
            .and_then(|mut statement| statement.query_row([name], |row| row.get(0)).optional())
            .doing(doing)?;
        if let Some(id) = found {
            return Ok((id, false));
        }
        self.conn.execute("INSERT INTO _dunlin_table (name) VALUES (?)", [name]).doing(doing)?;
        Ok((self.conn.last_insert_rowid(), true))
    }

    /// The number of a table by what the shop calls it, where anybody has named it here before.
    pub(crate) fn known_table(&self, first: &str) -> Result<Option<i64>> {
        self.conn
            .prepare_cached(
                "SELECT id FROM _dunlin_table WHERE first = ?1 OR (first IS NULL AND name = ?1)",
            )
            .and_then(|mut statement| statement.query_row([first], |row| row.get(0)).optional())
            .doing("number a table")
    }

    /// The number of a table by what the shop calls it, and whether nobody had named it here before.
    pub(crate) fn table_of(&self, first: &str) -> Result<(i64, bool)> {
        if let Some(id) = self.known_table(first)? {
            return Ok((id, false));
        }
        // Where a table of this name is here, and the shop calls it otherwise, the one that is meant is not here.
        let free = |name: &String| {
            self.conn
                .prepare_cached("SELECT NOT EXISTS (SELECT 1 FROM _dunlin_table WHERE name = ?)")
                .and_then(|mut statement| statement.query_row([name], |row| row.get::<_, bool>(0)))
                .doing("number a table")
        };
        let mut name = first.to_owned();
        let mut count = 1;
        while !free(&name)? {
            count += 1;
            name = format!("{first}~{count}");
        }
        self.conn
            .execute(
                "INSERT INTO _dunlin_table (name, first) VALUES (?1, nullif(?2, ?1))",
                params![name, first],
            )
            .doing("number a table")?;
        Ok((self.conn.last_insert_rowid(), true))
    }

    /// What the shop calls a table.
    pub(crate) fn table_first(&self, id: i64) -> Result<String> {
        if let Some(table) = self.catalogue.id(id) {
            return Ok(table.first.clone());
        }
        self.conn
            .prepare_cached("SELECT coalesce(first, name) FROM _dunlin_table WHERE id = ?")
            .and_then(|mut statement| statement.query_row([id], |row| row.get(0)))
            .doing("name a table")
    }

    /// The name of a table by number.
    pub(crate) fn table_name(&self, id: i64) -> Result<String> {
        if let Some(table) = self.catalogue.id(id) {
            return Ok(table.name.clone());
        }
        self.conn
            .prepare_cached("SELECT name FROM _dunlin_table WHERE id = ?")
            .and_then(|mut statement| statement.query_row([id], |row| row.get(0)))
            .doing("name a table")
    }
}
