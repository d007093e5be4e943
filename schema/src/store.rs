//! The store: one database file, its sidecar, and the transactions on it.
//!
//! The daemon is a polite second process in the application's file: `BEGIN IMMEDIATE`, short transactions, no
//! long readers, no vacuum, passive checkpoints only.
//!
//! # Invariants
//!
//! * Our connection fires none of the file's triggers and follows none of its references: what they ask, we do
//!   ourselves, where we can see it.
//! * A seq and a position are never given twice, and leave this machine only after a flush.

use crate::catalogue::{self, Catalogue, Shape};
use crate::digest::Change;
use crate::error::Doing as _;
use crate::{Clock, Error, Known, Origin, Result};
use crate::{feed, trigger};
use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How long we wait for another program's write lock before we say so and try again later.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements kept prepared: a few for each tracked table.
const STATEMENTS_MAX: usize = 1_000;
/// Enough that a batch or a page finds what it touches in memory; SQLite takes it as it needs it.
const CACHE_KIB: i64 = 16 << 10;
/// What the sidecar looks like; a greater number is a newer Dunlin's.
const FORMAT: i64 = 1;

/// What a store is opened with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose store it is.
    pub machine: Uuid,
    /// Wall and monotonic time.
    pub clock: Arc<dyn Clock>,
    /// 64 random bits, for a new epoch should one be needed.
    pub epoch: u64,
    /// The SQL that triggers read the time with; none: SQLite's own clock. The lab installs its own.
    pub now_sql: Option<String>,
}

/// One database that we keep in step.
#[derive(Debug)]
pub struct Store {
    conn: Connection,
    path: PathBuf,
    options: Options,
    catalogue: Arc<Catalogue>,
    schema_version: i64,
    /// The schema at which every tracked table was seen to have its triggers.
    pub(crate) mended: i64,
    /// See [`Store::shapes_mark`].
    shapes: u64,
    /// The file was switched to WAL when it was opened.
    switched: bool,
    /// Triggers that are to fire for our writes too, because a person said so.
    fire: Vec<String>,
    origins: Origins,
    epoch: u64,
    /// Up to which position of the journal a power cut loses nothing.
    pub(crate) flushed: u64,
    /// How many lines the next batch of a fold takes.
    pub(crate) batch: usize,
    /// How often the log was found full while a page was read; see `page`.
    pub(crate) data_version: i64,
}

/// What two machines tell each other of one database before the first page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Our machine and epoch.
    pub origin: Origin,
    /// The end of our journal.
    pub end: u64,
    /// How far we have read the partner's journal, when his epoch is known.
    pub cursor: u64,
    /// What is stored here.
    pub knowledge: Vec<Known>,
    /// The tracked tables.
    pub shapes: Vec<Shape>,
}

/// One table as `status` tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableState {
    /// Its name.
    pub name: String,
    /// Tracked here; else only its rows' versions are kept.
    pub tracked: bool,
    /// What names its rows.
    pub naming: &'static str,
    /// Live versions.
    pub rows: u64,
    /// The digest of the live versions, as 32 hexadecimal digits.
    pub digest: String,
    /// Rows that are held.
    pub held: u64,
    /// Conflicts that nobody has settled.
    pub conflicts: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) seq: u64,
    pub(crate) pos: u64,
    pub(crate) mark: [u8; 16],
}

#[derive(Debug, Default)]
struct Origins {
    by_id: HashMap<i64, Origin>,
    by_origin: HashMap<Origin, i64>,
}

/// One write transaction, and what it needs to know.
pub(crate) struct Tx<'s> {
    pub(crate) conn: &'s Connection,
    pub(crate) catalogue: Arc<Catalogue>,
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
    origins: &'s mut Origins,
}

impl Store {
    /// Opens a database that exists, puts the sidecar into it, and makes a copied file this machine's own.
    pub fn open(path: &Path, options: Options) -> Result<Self> {
        let conn = connect(path)?;
        let mut store = Self {
            conn,
            path: path.to_owned(),
            options,
            catalogue: Arc::default(),
            schema_version: -1,
            mended: -1,
            shapes: 0,
            switched: false,
            fire: Vec::new(),
            origins: Origins::default(),
            epoch: 0,
            flushed: 0,
            batch: 500,
            data_version: -1,
        };
        store.adopt()?;
        Ok(store)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// This machine and epoch.
    pub fn origin(&self) -> Origin {
        Origin { machine: self.options.machine, epoch: self.epoch }
    }

    /// Lists triggers of the application that are to fire for our writes too, besides those that feed only a search
    /// index. Answers all that do.
    pub fn fire(&mut self, triggers: &[String]) -> Result<Vec<String>> {
        triggers.clone_into(&mut self.fire);
        self.schema_version = -1;
        self.write(Flush::Reads, |_| Ok(()))?;
        feed::copy(&self.conn, &self.catalogue, &self.fire)
    }

    /// Has another program written since the last time this was asked?
    pub fn changed(&mut self) -> Result<bool> {
        let version: i64 = self
            .conn
            .query_row("PRAGMA data_version", [], |row| row.get(0))
            .doing("ask whether the file changed")?;
        let changed = version != self.data_version;
        self.data_version = version;
        Ok(changed)
    }

    /// What to tell a partner of this database, before the first page.
    pub fn greeting(&mut self, partner: Option<Origin>) -> Result<Greeting> {
        let origin = self.origin();
        self.write(Flush::Reads, |tx| {
            Ok(Greeting {
                origin,
                end: tx.count.pos,
                cursor: partner.map_or(Ok(0), |partner| tx.cursor(partner))?,
                knowledge: tx.knowledge()?,
                shapes: tx
                    .catalogue
                    .tables
                    .iter()
                    .filter(|table| !table.internal())
                    .map(|table| table.shape())
                    .collect(),
            })
        })
    }

    /// Puts the cursor in a partner's journal back where versions that were ahead of our clock may be taken now.
    /// `skew`: how far the partner's clock is ahead of ours, in milliseconds.
    pub fn ask_again(&mut self, partner: Origin, skew: i64) -> Result<()> {
        self.write(Flush::Later, |tx| tx.ask_again(partner, skew))
    }

    /// Was the file switched to a write-ahead log when it was opened? A person is told.
    pub fn switched_to_wal(&self) -> bool {
        self.switched
    }

    /// A number that is another one when tracked tables, or what is loose in them, changed since.
    pub fn shapes_mark(&self) -> u64 {
        self.shapes
    }

    /// How far we have read a partner's journal.
    pub fn cursor(&mut self, partner: Origin) -> Result<u64> {
        self.write(Flush::Reads, |tx| tx.cursor(partner))
    }

    /// What is stored here.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method is of one lifetime, the closure of any"
    )]
    pub fn knowledge(&mut self) -> Result<Vec<Known>> {
        self.write(Flush::Reads, |tx| tx.knowledge())
    }

    /// The end of the journal.
    pub fn end(&mut self) -> Result<u64> {
        self.write(Flush::Reads, |tx| Ok(tx.count.pos))
    }

    /// The tables, in the order of their names; ours is not among them.
    pub fn tables(&mut self) -> Result<Vec<TableState>> {
        self.write(Flush::Reads, |tx| {
            let doing = "list the tables";
            let mut statement = tx
                .conn
                .prepare_cached(
                    "SELECT t.name, t.tracked, t.rows, t.digest, t.id,
                       (SELECT count(*) FROM _dunlin_kept AS k JOIN _dunlin_row AS r ON r.uuid = k.uuid WHERE r.tbl = t.id AND r.state = 2),
                       (SELECT count(*) FROM _dunlin_conflict AS c WHERE c.tbl = t.name COLLATE NOCASE AND c.settled IS NULL)
                     FROM _dunlin_table AS t WHERE t.tracked = 1 OR t.rows > 0 ORDER BY t.name",
                )
                .doing(doing)?;
            let catalogue = Arc::clone(&tx.catalogue);
            statement
                .query_map([], |row| {
                    let id: i64 = row.get(4)?;
                    Ok(TableState {
                        name: row.get(0)?,
                        tracked: row.get(1)?,
                        naming: catalogue.id(id).map_or("unknown", |table| table.naming.word()),
                        rows: row.get(2)?,
                        digest: format!("{:032x}", crate::digest::read(row, 3)?),
                        held: row.get(5)?,
                        conflicts: row.get(6)?,
                    })
                })
                .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
                .doing(doing)
                .map(|tables| tables.into_iter().filter(|table| !catalogue::is_ours(&table.name)).collect())
        })
    }

    /// Count and digest of every table that partners compare, the conflict journal among them.
    pub fn digests(&mut self) -> Result<Vec<(String, u64, String)>> {
        self.write(Flush::Reads, |tx| {
            tx.conn
                .prepare_cached("SELECT name, rows, digest FROM _dunlin_table ORDER BY name")
                .and_then(|mut statement| {
                    statement
                        .query_map([], |row| {
                            Ok((
                                row.get(0)?,
                                row.get(1)?,
                                format!("{:032x}", crate::digest::read(row, 2)?),
                            ))
                        })
                        .and_then(Iterator::collect)
                })
                .doing("read the digests")
        })
    }

    /// One write transaction: all of it, or nothing.
    pub(crate) fn write<T>(
        &mut self,
        flush: Flush,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T>,
    ) -> Result<T> {
        self.conn
            .pragma_update(None, "synchronous", if flush == Flush::Now { "FULL" } else { "NORMAL" })
            .doing("say how safely to write")?;
        // Reads need no write lock: SQLite takes it with the first write, and only then.
        let begin = if flush == Flush::Reads { "BEGIN" } else { "BEGIN IMMEDIATE" };
        self.conn.execute_batch(begin).doing("begin a transaction")?;
        let done = self.run(work);
        match done {
            Ok(done) => match self.conn.execute_batch("COMMIT").doing("commit") {
                Ok(()) => {
                    if flush == Flush::Now {
                        self.flushed = done.1.pos;
                    }
                    if done.2 {
                        self.schema_version = -1;
                    }
                    Ok(done.0)
                }
                Err(error) => Err(self.undo(error)),
            },
            Err(error) => Err(self.undo(error)),
        }
    }

    fn undo(&mut self, error: Error) -> Error {
        // SQLite has undone the transaction itself after some errors; then there is none to undo.
        let _undone = self.conn.execute_batch("ROLLBACK");
        self.origins = Origins::default();
        self.schema_version = -1;
        error
    }

    fn run<T>(
        &mut self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T>,
    ) -> Result<(T, Counters, bool)> {
        let version: i64 = self
            .conn
            .query_row("PRAGMA schema_version", [], |row| row.get(0))
            .doing("ask whether the schema changed")?;
        if version != self.schema_version {
            self.catalogue = Arc::new(catalogue::load(&self.conn)?);
            feed::copy(&self.conn, &self.catalogue, &self.fire)?;
            self.schema_version = version;
            self.shapes = shapes_mark(&self.catalogue);
        }
        let count = read_counters(&self.conn)?;
        let mut tx = Tx {
            conn: &self.conn,
            catalogue: Arc::clone(&self.catalogue),
            clock: &*self.options.clock,
            me: Origin { machine: self.options.machine, epoch: self.epoch },
            file_epoch: self.epoch,
            count,
            together: count.pos + 1,
            via: None,
            changes: HashMap::new(),
            reload: false,
            conflicts: 0,
            reserved: None,
            highest: None,
            withheld: None,
            origins: &mut self.origins,
        };
        let done = work(&mut tx)?;
        tx.settle_digests()?;
        if tx.count != count {
            tx.write_counters()?;
        }
        if tx.count.pos != count.pos {
            tx.note_arrival(count.pos)?;
        }
        Ok((done, tx.count, tx.reload))
    }

    /// Makes the sidecar, or takes over that of a copied file.
    fn adopt(&mut self) -> Result<()> {
        let before: String = self
            .conn
            .query_row("PRAGMA journal_mode", [], |row| row.get(0))
            .doing("ask for the journal mode")?;
        self.switched = !before.eq_ignore_ascii_case("wal");
        let mode: String = self
            .conn
            .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
            .doing("switch the database to WAL")?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(Error::NoWal { mode });
        }
        self.conn.execute_batch("BEGIN IMMEDIATE").doing("begin a transaction")?;
        let adopted = self.adopt_inside();
        match adopted
            .and_then(|copied| self.conn.execute_batch("COMMIT").doing("commit").map(|()| copied))
        {
            Ok(None) => Ok(()),
            // A copied file is folded under its maker's names before its new epoch begins.
            Ok(Some(file_epoch)) => self.fold_copied(file_epoch),
            Err(error) => Err(self.undo(error)),
        }
    }

    fn adopt_inside(&mut self) -> Result<Option<u64>> {
        self.conn.execute_batch(include_str!("sql/sidecar.sql")).doing("make the sidecar")?;
        let format: Option<i64> = meta(&self.conn, "format")?;
        if let Some(found) = format.filter(|found| *found > FORMAT) {
            return Err(Error::Newer { found, known: FORMAT });
        }
        set_meta(&self.conn, "format", FORMAT)?;
        self.conn
            .execute("INSERT OR IGNORE INTO _dunlin_table (name, tracked) VALUES ('_dunlin_conflict', 1)", [])
            .doing("make the sidecar")?;
        let machine: Option<Vec<u8>> = meta(&self.conn, "machine")?;
        let epoch: Option<i64> = meta(&self.conn, "epoch")?;
        match (machine, epoch) {
            (Some(machine), Some(epoch)) if machine == self.options.machine.as_bytes() => {
                self.epoch = epoch.cast_unsigned();
                // A copy whose log was not folded to its end before the daemon was stopped.
                Ok(meta::<i64>(&self.conn, "copied_from")?.map(i64::cast_unsigned))
            }
            (machine, epoch) => {
                self.epoch = self.options.epoch;
                let file_epoch = epoch.filter(|_| machine.is_some());
                if let (Some(machine), Some(epoch)) = (machine, file_epoch) {
                    self.remember_maker(&machine, epoch)?;
                }
                set_meta(&self.conn, "machine", self.options.machine.as_bytes().as_slice())?;
                set_meta(&self.conn, "epoch", self.epoch.cast_signed())?;
                set_meta(&self.conn, "seq", 0)?;
                set_meta(&self.conn, "mark", [0u8; 16].as_slice())?;
                if let Some(epoch) = file_epoch {
                    set_meta(&self.conn, "copied_from", epoch)?;
                }
                Ok(file_epoch.map(i64::cast_unsigned))
            }
        }
    }

    /// What the maker of a copied file wrote is stored here: it is knowledge.
    fn remember_maker(&self, machine: &[u8], epoch: i64) -> Result<()> {
        let seq: i64 = meta(&self.conn, "seq")?.unwrap_or(0);
        let mark: Option<Vec<u8>> = meta(&self.conn, "mark")?;
        let doing = "take over a copied file";
        self.conn
            .execute(
                "INSERT OR IGNORE INTO _dunlin_origin (machine, epoch) VALUES (?1, ?2)",
                params![machine, epoch],
            )
            .doing(doing)?;
        let origin: i64 = self
            .conn
            .query_row(
                "SELECT id FROM _dunlin_origin WHERE machine = ?1 AND epoch = ?2",
                params![machine, epoch],
                |row| row.get(0),
            )
            .doing(doing)?;
        self.conn
            .execute(
                "INSERT OR REPLACE INTO _dunlin_know (origin, seq) VALUES (?1, ?2)",
                params![origin, seq],
            )
            .doing(doing)?;
        self.conn
            .execute(
                "INSERT OR REPLACE INTO _dunlin_mark (origin, seq, mark) VALUES (?1, ?2, ?3)",
                params![origin, seq, mark],
            )
            .doing(doing)?;
        Ok(())
    }

    fn fold_copied(&mut self, file_epoch: u64) -> Result<()> {
        while self.fold_batch(Some(file_epoch))? {}
        self.conn
            .execute("DELETE FROM _dunlin_meta WHERE key = 'copied_from'", [])
            .doing("take over a copied file")?;
        Ok(())
    }

    pub(crate) fn now_sql(&self) -> &str {
        self.options.now_sql.as_deref().unwrap_or(trigger::NOW)
    }

    pub(crate) fn conn(&self) -> &Connection {
        &self.conn
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.options.clock)
    }
}

fn shapes_mark(catalogue: &Catalogue) -> u64 {
    let mut hash = DefaultHasher::new();
    for table in catalogue.tables.iter().filter(|table| !table.internal()) {
        table.shape().hash(&mut hash);
    }
    hash.finish()
}

/// How a transaction is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    /// With a flush: what it wrote may leave this machine.
    Now,
    /// Without one: what a partner sent can be asked for again.
    Later,
    /// It only reads.
    Reads,
}

fn connect(path: &Path) -> Result<Connection> {
    let open = |source| Error::Open { path: path.to_owned(), source };
    if !path.exists() {
        return Err(Error::NoFile { path: path.to_owned() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(open)?;
    conn.busy_timeout(BUSY_TIMEOUT).map_err(open)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    conn.pragma_update(None, "cache_size", -CACHE_KIB).map_err(open)?;
    for (option, on) in [
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
    ] {
        conn.set_db_config(option, on).map_err(open)?;
    }
    // The first look into the file: what is no database says so here.
    match conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())) {
        Ok(()) => Ok(conn),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            Err(Error::NotADatabase { path: path.to_owned() })
        }
        Err(error) => Err(open(error)),
    }
}

fn meta<T: rusqlite::types::FromSql>(conn: &Connection, key: &str) -> Result<Option<T>> {
    conn.prepare_cached("SELECT value FROM _dunlin_meta WHERE key = ?")
        .and_then(|mut statement| statement.query_row([key], |row| row.get(0)).optional())
        .doing("read the sidecar's own notes")
}

fn set_meta(conn: &Connection, key: &str, value: impl rusqlite::ToSql) -> Result<()> {
    conn.prepare_cached("INSERT INTO _dunlin_meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2")
        .and_then(|mut statement| statement.execute(params![key, value]))
        .doing("write the sidecar's own notes")?;
    Ok(())
}

fn read_counters(conn: &Connection) -> Result<Counters> {
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
    fn write_counters(&self) -> Result<()> {
        set_meta(self.conn, "seq", self.count.seq)?;
        set_meta(self.conn, "pos", self.count.pos)?;
        set_meta(self.conn, "mark", self.count.mark.as_slice())
    }

    /// Notes when the journal stood where, about once a minute.
    fn note_arrival(&self, pos: u64) -> Result<()> {
        self.conn
            .prepare_cached(
                "INSERT INTO _dunlin_arrival (time, pos) SELECT ?1, ?2
                 WHERE NOT EXISTS (SELECT 1 FROM _dunlin_arrival WHERE time > ?1 - 60000)",
            )
            .and_then(|mut statement| statement.execute(params![self.clock.now(), pos]))
            .doing("note when rows arrived")?;
        Ok(())
    }

    /// The number of an origin in this file.
    pub(crate) fn origin_id(&mut self, origin: Origin) -> Result<i64> {
        if let Some(id) = self.origins.by_origin.get(&origin) {
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
        self.origins.by_origin.insert(origin, id);
        self.origins.by_id.insert(id, origin);
        Ok(id)
    }

    /// The origin of a number in this file.
    pub(crate) fn origin(&mut self, id: i64) -> Result<Origin> {
        if let Some(origin) = self.origins.by_id.get(&id) {
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
        self.origins.by_origin.insert(origin, id);
        self.origins.by_id.insert(id, origin);
        Ok(origin)
    }

    /// The number of a table by name, also of one that is not here: its rows are kept all the same.
    pub(crate) fn table_id(&self, name: &str) -> Result<i64> {
        if let Some(table) = self.catalogue.named(name) {
            return Ok(table.id);
        }
        let doing = "number a table";
        let found: Option<i64> = self
            .conn
            .prepare_cached("SELECT id FROM _dunlin_table WHERE name = ?")
            .and_then(|mut statement| statement.query_row([name], |row| row.get(0)).optional())
            .doing(doing)?;
        if let Some(id) = found {
            return Ok(id);
        }
        self.conn.execute("INSERT INTO _dunlin_table (name) VALUES (?)", [name]).doing(doing)?;
        Ok(self.conn.last_insert_rowid())
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
