//! Opening a file: its sidecar is made, or that of a copied file becomes this machine's own.
//!
//! A copied file keeps all that it knows, which is the fastest way to set up a till; its log is folded under its
//! maker's names before its new epoch begins, so that two machines that fold the same line name the same row.

use crate::error::Doing as _;
use crate::tx::{meta, set_meta};
use crate::{Error, Result, Store, revive, spare};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, params};
use std::path::Path;
use std::time::Duration;

/// How long we wait for another program's write lock before we say so and try again later.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements kept prepared: a few for each tracked table.
const STATEMENTS_MAX: usize = 1_000;
/// Enough that a batch or a page finds what it touches in memory; SQLite takes it as it needs it.
const CACHE_KIB: i64 = 16 << 10;
/// Pages of the WAL before we copy them into the file: SQLite's own 1 000 would copy, and flush, the same pages of an
/// index again and again while many rows come in. 16 MiB; a connection of the application still has its own measure.
const CHECKPOINT_PAGES: i64 = 4_000;
/// What the sidecar looks like; a greater number is a newer Dunlin's.
const FORMAT: i64 = 2;
/// The format while every table is tracked or was never: what the first Dunlin reads and writes.
const FORMAT_PLAIN: i64 = 1;

impl Store {
    /// Makes the sidecar, or takes over that of a copied file.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method is of one lifetime, the closure of any"
    )]
    ///
    /// `anew`: whatever the file says, its life is another one now. Answers what another program did to it.
    pub(crate) fn adopt(&mut self, anew: bool) -> Result<Option<revive::What>> {
        let mode: String = self
            .conn
            .query_row("PRAGMA journal_mode", [], |row| row.get(0))
            .doing("ask for the journal mode")?;
        self.switched = !mode.eq_ignore_ascii_case("wal");
        let mode: String = self
            .conn
            .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
            .doing("switch the database to WAL")?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(Error::NoWal { mode });
        }
        // Other programs may be dropping our tables one by one: what is there is looked at, put back and made in one.
        let (copied, what) = self.beside_spare(|store, has_spare| {
            store.conn.execute_batch("BEGIN IMMEDIATE").doing("begin a transaction")?;
            let taken = store.take_over(anew, has_spare);
            taken
                .and_then(|taken| {
                    store.conn.execute_batch("COMMIT").doing("commit").map(|()| taken)
                })
                .map_err(|error| store.undo(error))
        })?;
        self.seen_nothing(|tx| tx.bind_ours())?;
        self.look()?;
        // A copied file is folded under its maker's names before its new epoch begins.
        if let Some(file_epoch) = copied {
            self.fold_copied(file_epoch)?;
        }
        Ok(what)
    }

    /// Inside of a transaction: answers the epoch of the file's maker, where it is a copied one.
    pub(crate) fn adopt_inside(&mut self, anew: bool) -> Result<Option<u64>> {
        self.conn.execute_batch(include_str!("sql/sidecar.sql")).doing("make the sidecar")?;
        self.add_columns()?;
        let format: Option<i64> = meta(&self.conn, "format")?;
        if let Some(found) = format.filter(|found| *found > FORMAT) {
            return Err(Error::Newer { found, known: FORMAT });
        }
        // Only a file in which a table was let go needs the newer one, and says so then.
        set_meta(&self.conn, "format", format.unwrap_or(FORMAT_PLAIN))?;
        self.conn
            .execute("INSERT OR IGNORE INTO _dunlin_table (name, tracked) VALUES ('_dunlin_conflict', 1)", [])
            .doing("make the sidecar")?;
        let machine: Option<Vec<u8>> = meta(&self.conn, "machine")?;
        let epoch: Option<i64> = meta(&self.conn, "epoch")?;
        match (machine, epoch) {
            (Some(machine), Some(epoch)) if machine == self.options.machine.as_bytes() && !anew => {
                self.epoch = epoch.cast_unsigned();
                // A copy whose log was not folded to its end before the daemon was stopped.
                Ok(meta::<i64>(&self.conn, "copied_from")?.map(i64::cast_unsigned))
            }
            (machine, epoch) => {
                self.epoch = self.next_epoch();
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
                if anew {
                    revive::wait_to_hear(&self.conn)?;
                    self.unheard = Some(self.options.clock.elapsed());
                }
                Ok(file_epoch.map(i64::cast_unsigned))
            }
        }
    }

    /// Columns of ours that a sidecar made by an earlier Dunlin lacks.
    fn add_columns(&self) -> Result<()> {
        const ADDED: [(&str, &str, &str); 11] = [
            ("_dunlin_table", "first", "TEXT COLLATE NOCASE"),
            ("_dunlin_table", "declared", "TEXT"),
            ("_dunlin_table", "changed", "INTEGER NOT NULL DEFAULT 0"),
            ("_dunlin_table", "remade", "INTEGER NOT NULL DEFAULT 0"),
            ("_dunlin_table", "away", "INTEGER NOT NULL DEFAULT 0"),
            ("_dunlin_table", "ghosts", "INTEGER NOT NULL DEFAULT 0"),
            ("_dunlin_table", "again", "INTEGER"),
            ("_dunlin_table", "stamped", "TEXT"),
            ("_dunlin_row", "shape", "INTEGER"),
            ("_dunlin_row", "own", "INTEGER"),
            ("_dunlin_row", "called", ""),
        ];
        for (table, column, declared) in ADDED {
            let is_there: bool = self
                .conn
                .query_row(
                    "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2)",
                    [table, column],
                    |row| row.get(0),
                )
                .doing("make the sidecar")?;
            if !is_there {
                self.conn
                    .execute_batch(&format!("ALTER TABLE {table} ADD COLUMN {column} {declared}"))
                    .doing("make the sidecar")?;
            }
        }
        Ok(())
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
}

impl crate::tx::Tx<'_> {
    /// Says which Dunlin may open the file: one that does not know of tables that were let go would take what such
    /// a table holds for newer than all that came meanwhile.
    pub(crate) fn write_format(&self) -> Result<()> {
        let plain = self
            .conn
            .query_row(
                "SELECT NOT EXISTS (SELECT 1 FROM _dunlin_table WHERE tracked >= 2)",
                [],
                |row| row.get(0),
            )
            .doing("list the tables that were let go")?;
        set_meta(self.conn, "format", if plain { FORMAT_PLAIN } else { FORMAT })
    }
}

pub(crate) fn connect(path: &Path) -> Result<Connection> {
    let open = |source| Error::Open { path: path.to_owned(), source };
    if !path.exists() {
        return Err(Error::NoFile { path: path.to_owned() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(open)?;
    set_up(&conn, path)?;
    conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES).map_err(open)?;
    Ok(conn)
}

/// How each of our connections to an application's file is.
pub(crate) fn set_up(conn: &Connection, path: &Path) -> Result<()> {
    let open = |source| Error::Open { path: path.to_owned(), source };
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
    spare::add_functions(conn).map_err(open)?;
    // The first look into the file: what is no database says so here.
    match conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())) {
        Ok(()) => Ok(()),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            Err(Error::NotADatabase { path: path.to_owned() })
        }
        Err(error) => Err(open(error)),
    }
}
