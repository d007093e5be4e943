//! The spare: what the sidecar knows, in a file of the daemon's own folder.
//!
//! A schema tool may drop the sidecar, and a program may put another file in the place of the application's. What cannot
//! be read from the tables (which row has which uuid, which version stands, who knows what) is copied here, entries by
//! position, soon after something moved; while many rows stream in, later. It also holds a hash of each value that a row shows, by which
//! one sees what a tool changed in a table that it made anew.
//!
//! # Invariants
//!
//! * It is a snapshot in which the log is empty, but for lines of tables that are away: the hashes are of what the
//!   versions say.
//! * It is never read for what the sidecar still knows itself, and lost it is made again.

use crate::catalogue::Table;
use crate::entry::Entry;
use crate::error::Doing as _;
use crate::key::Key;
use crate::trigger::quote;
use crate::tx::{Tx, meta};
use crate::{Cell, Error, Result, Store};
use fnv::FnvHasher;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::{BTreeSet, HashMap};
use std::hash::Hasher as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;

/// It is copied to no more often.
const APART: Duration = Duration::from_millis(100);
/// While so many rows stream in that copying them would keep the others waiting, it is copied to when none has come for
/// this long, and after so long in any case.
const STREAM: u64 = 1_000;
const QUIET: Duration = Duration::from_secs(1);
const LATE: Duration = Duration::from_secs(10);
/// The most of both files that the connection keeps in memory, in KiB.
const CACHE_KIB: i64 = 512;
/// Entries copied in one piece: others have their turn between.
const PIECE: u64 = 1_000;
/// What a row showed so long ago may still stand in a copy that a tool is making of its table.
pub(crate) const COPYING: Duration = Duration::from_mins(1);
/// Hashes of a row's earlier values that are kept, in bytes.
const BEFORE: usize = 1_600;
/// What it looks like; one of another kind is made again.
const KIND: i64 = 2;

/// Tables that are copied whole, whenever anything moved.
const OFTEN: [&str; 9] =
    ["meta", "table", "origin", "know", "taken", "mark", "cursor", "again", "reserved"];
/// Tables that are copied whole, before the rows that refer to them, whenever anything in them moved.
const SELDOM: [&str; 4] = ["reference", "column", "shape", "fact"];
/// What tells whether it did.
const SELDOM_MOVED: &str = "SELECT (SELECT count(*) FROM main._dunlin_reference), (SELECT max(id) FROM main._dunlin_shape),
    (SELECT count(*) || ' ' || max(at) FROM main._dunlin_fact),
    (SELECT count(*) || ' ' || sum(since) || ' ' || sum(lost) || ' ' || sum(until) || ' ' || sum(proven) || ' ' || sum(did)
        || ' ' || sum(length(coalesce(here, ''))) || ' ' || sum(length(coalesce(fill, ''))) FROM main._dunlin_column)";
/// Tables of which the lines of rows that moved are copied.
const BY_ROW: [&str; 3] = ["kept", "old", "part"];

/// How far the spare is.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    /// Entries up to this position are in it; none: nothing is known of it yet.
    upto: Option<u64>,
    /// The last piece was not all.
    has_more: bool,
    /// Rows that were placed elsewhere without a new version.
    placed: BTreeSet<Uuid>,
    /// The tables that are seldom copied, as they were when they last were.
    seldom: Option<Seldom>,
    /// How many changes our connection had made when it was last copied to.
    changes: u64,
    /// Something moved since: first then, and last then, when there were so many changes.
    moved: Option<Moved>,
    /// When it was last copied to.
    at: Duration,
    /// A connection of its own: what it writes never waits for the application, nor the other way round. The file is its
    /// `main`, and the spare is attached.
    conn: Option<Connection>,
}

#[derive(Clone, Copy, Debug)]
struct Moved {
    first: Duration,
    last: Duration,
    changes: u64,
}

impl Spare {
    /// How long it is until what moved should be copied; none where nothing did. `end`: where the journal ends.
    fn wait(&mut self, (changes, end): (u64, u64), now: Duration) -> Option<Duration> {
        let Some(upto) = self.upto.filter(|_| !self.has_more) else { return Some(Duration::ZERO) };
        if self.changes == changes {
            return None;
        }
        let moved = self.moved.get_or_insert(Moved { first: now, last: now, changes });
        if moved.changes != changes {
            (moved.last, moved.changes) = (now, changes);
        }
        let due = if end.saturating_sub(upto) < STREAM {
            self.at + APART
        } else {
            (moved.last + QUIET).min(moved.first + LATE)
        };
        Some(due.saturating_sub(now))
    }
}

/// See [`SELDOM_MOVED`], and how tables were declared.
type Seldom = (u64, i64, Option<i64>, Option<String>, Option<String>);

/// What a row showed, column by column: the column's number, and a hash of the value as stored.
pub(crate) type Shown = HashMap<i64, u64>;

/// What a row showed of its version, where that is known, and what it had shown not long before.
#[derive(Debug, Default)]
pub(crate) struct WasShown {
    pub(crate) last: Shown,
    pub(crate) before: HashMap<i64, Vec<u64>>,
}

impl Store {
    /// Copies what moved. Answers when there is more to be copied: at once, or after a while.
    pub fn copy_spare(&mut self) -> Result<Option<Duration>> {
        let Some(path) = self.options.spare.clone() else { return Ok(None) };
        let now = self.options.clock.elapsed();
        let moved = (self.conn.total_changes(), self.end()?);
        match self.spare.wait(moved, now) {
            None => return Ok(None),
            Some(wait) if wait > Duration::ZERO => return Ok(Some(wait)),
            Some(_) => {}
        }
        self.fold()?;
        self.spare.has_more = match self.copy_piece(&path) {
            Err(Error::Sql { source, .. }) if is_damaged(&source) => {
                // It is only a copy: another one is made.
                self.spare = Spare::default();
                remove(&path);
                self.copy_piece(&path)
            }
            copied => copied,
        }?;
        self.spare.changes = self.conn.total_changes();
        self.spare.moved = None;
        self.spare.at = now;
        Ok(self.spare.has_more.then_some(Duration::ZERO))
    }

    /// One piece; answers whether there is more.
    fn copy_piece(&mut self, path: &Path) -> Result<bool> {
        // Only where there is none: whoever closes a file gives up all locks that his process has on it.
        if !path.exists() {
            self.spare = Spare::default();
            make(path).map_err(|source| Error::Spare { path: path.to_owned(), source })?;
        }
        let conn = match self.spare.conn.take() {
            Some(conn) => conn,
            None => self.connect_spare(path)?,
        };
        let done = self.copy_with(&conn);
        // Whatever went wrong, the next piece begins anew.
        self.spare.conn = done.is_ok().then_some(conn);
        done
    }

    fn connect_spare(&self, path: &Path) -> Result<Connection> {
        let doing = "open the copy of the sidecar in the daemon's folder";
        let conn = crate::adopt::connect(self.path())?;
        conn.pragma_update(None, "cache_size", -CACHE_KIB).doing(doing)?;
        conn.execute("ATTACH ? AS spare", [path.to_string_lossy()]).doing(doing)?;
        Ok(conn)
    }

    fn copy_with(&mut self, conn: &Connection) -> Result<bool> {
        let doing = "copy the sidecar into the daemon's folder";
        let kind: i64 =
            conn.query_row("PRAGMA spare.user_version", [], |row| row.get(0)).doing(doing)?;
        if kind != KIND {
            conn.execute_batch(&made()).doing(doing)?;
        }
        conn.execute_batch("BEGIN").doing(doing)?;
        let is_written: bool = conn
            .prepare_cached(&format!(
                "SELECT EXISTS (SELECT 1 FROM main._dunlin_log WHERE kind <> 0{})",
                self.catalogue.in_sight()
            ))
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .doing(doing)?;
        if is_written {
            // It is folded first, and copied then.
            conn.execute_batch("ROLLBACK").doing(doing)?;
            return Ok(false);
        }
        let from = self.copied_upto(conn)?;
        let end: u64 = meta(conn, "pos")?.unwrap_or(0);
        let to = end.min(from + PIECE);
        let seldom = self.copy_seldom(conn)?;
        self.copy_rows(conn, from, to)?;
        let is_whole = to == end;
        if is_whole {
            copy_often(conn)?;
        }
        conn.prepare_cached("INSERT OR REPLACE INTO spare.upto (one, pos) VALUES (1, ?)")
            .and_then(|mut statement| statement.execute([to]))
            .doing(doing)?;
        conn.execute_batch("COMMIT").doing(doing)?;
        self.spare.upto = Some(to);
        self.spare.placed.clear();
        self.spare.seldom = Some(seldom);
        Ok(!is_whole)
    }

    /// How far it is; from the start where it is of another life of the file.
    fn copied_upto(&self, conn: &Connection) -> Result<u64> {
        let doing = "copy the sidecar into the daemon's folder";
        if let Some(upto) = self.spare.upto {
            return Ok(upto);
        }
        let is_ours: bool = conn
            .query_row(
                "SELECT count(*) = 2 FROM spare._dunlin_meta AS s JOIN main._dunlin_meta AS m
                 ON m.key = s.key AND m.value = s.value WHERE s.key IN ('machine', 'epoch')",
                [],
                |row| row.get(0),
            )
            .doing(doing)?;
        if is_ours {
            let upto = conn.query_row("SELECT pos FROM spare.upto", [], |row| row.get(0));
            return Ok(upto.optional().doing(doing)?.unwrap_or(0));
        }
        for table in copied() {
            conn.execute_batch(&format!("DELETE FROM spare.{table}")).doing(doing)?;
        }
        conn.execute_batch("DELETE FROM spare.cell; DELETE FROM spare.upto").doing(doing)?;
        Ok(0)
    }

    fn copy_rows(&self, conn: &Connection, from: u64, to: u64) -> Result<()> {
        let doing = "copy the sidecar into the daemon's folder";
        conn.execute_batch("CREATE TABLE IF NOT EXISTS temp.moved (pos INTEGER PRIMARY KEY); DELETE FROM temp.moved")
            .doing(doing)?;
        for uuid in &self.spare.placed {
            conn
                .prepare_cached("INSERT OR IGNORE INTO temp.moved SELECT pos FROM main._dunlin_row WHERE uuid = ?1 AND pos <= ?2")
                .and_then(|mut statement| statement.execute(params![uuid.as_bytes(), from]))
                .doing(doing)?;
        }
        conn.execute(
                "INSERT OR IGNORE INTO temp.moved SELECT pos FROM main._dunlin_row WHERE pos > ?1 AND pos <= ?2",
                params![from, to],
            )
            .doing(doing)?;
        let rows =
            "SELECT r.uuid FROM temp.moved AS m CROSS JOIN main._dunlin_row AS r ON r.pos = m.pos";
        conn.execute_batch(
                "INSERT OR REPLACE INTO spare._dunlin_row SELECT r.* FROM temp.moved AS m CROSS JOIN main._dunlin_row AS r ON r.pos = m.pos",
            )
            .doing(doing)?;
        for table in BY_ROW {
            conn.execute_batch(&format!(
                    "DELETE FROM spare._dunlin_{table} WHERE uuid IN ({rows});
                     INSERT OR REPLACE INTO spare._dunlin_{table} SELECT * FROM main._dunlin_{table} WHERE uuid IN ({rows})"
                ))
                .doing(doing)?;
        }
        let tables: Vec<i64> = conn
            .prepare_cached("SELECT DISTINCT r.tbl FROM temp.moved AS m CROSS JOIN main._dunlin_row AS r ON r.pos = m.pos")
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
            .doing(doing)?;
        for table in tables {
            let Some(table) = self.catalogue.id(table).filter(|table| !table.away) else {
                continue;
            };
            conn.prepare_cached(&hashed(table))
                .and_then(|mut statement| {
                    statement.execute(params![table.id, self.options.clock.now()])
                })
                .doing(doing)?;
        }
        Ok(())
    }

    /// Copies the tables that rows refer to, where anything in them moved.
    fn copy_seldom(&self, conn: &Connection) -> Result<Seldom> {
        let now = conn
            .prepare_cached(SELDOM_MOVED)
            .and_then(|mut statement| {
                statement.query_row([], |row| {
                    let (references, shape) = (row.get(0)?, row.get(1)?);
                    Ok((self.declarations_mark(), references, shape, row.get(2)?, row.get(3)?))
                })
            })
            .doing("copy the sidecar into the daemon's folder")?;
        if self.spare.seldom.as_ref() != Some(&now) {
            copy_whole(conn, &SELDOM)?;
        }
        Ok(now)
    }

    /// Does something with the spare attached, where there is one that can be read: it is told whether there is.
    pub(crate) fn beside_spare<T>(
        &mut self,
        mut work: impl FnMut(&mut Self, bool) -> Result<T>,
    ) -> Result<T> {
        let Some(path) = self.options.spare.clone().filter(|path| path.exists()) else {
            return work(self, false);
        };
        let doing = "look into the spare";
        self.spare = Spare::default();
        let attached =
            self.conn.execute("ATTACH ? AS spare", [path.to_string_lossy()]).doing(doing);
        let done = attached.and_then(|_| {
            let done = work(self, true);
            self.conn.execute_batch("DETACH spare").doing(doing)?;
            done
        });
        match done {
            // It is only a copy.
            Err(Error::Sql { source, .. }) if is_damaged(&source) => work(self, false),
            done => done,
        }
    }

    /// Does the file lack a table of the sidecar that the attached spare has?
    pub(crate) fn lacks_what_spare_has(&self) -> Result<bool> {
        self.conn
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM spare.sqlite_schema WHERE type = 'table' AND name LIKE '!_dunlin!_%' ESCAPE '!'
                 AND name NOT IN (SELECT lower(name) FROM main.sqlite_schema WHERE type = 'table'))",
                [],
                |row| row.get(0),
            )
            .doing("look into the spare")
    }

    /// Puts the sidecar back from the spare, where that is of this machine and of this file's tables. Every row is to be
    /// compared then.
    pub(crate) fn restore(&self) -> Result<bool> {
        let doing = "put the sidecar back";
        if !self.spare_fits()? {
            return Ok(false);
        }
        self.conn.execute_batch(include_str!("sql/sidecar.sql")).doing(doing)?;
        for table in copied() {
            self.conn
                .execute_batch(&format!(
                    "DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM spare.{table}"
                ))
                .doing(doing)?;
        }
        // Of its own versions the machine wrote at least those that are there.
        self.conn
            .execute_batch(
                "UPDATE _dunlin_meta SET value = max(value, (SELECT coalesce(max(r.seq), 0) FROM _dunlin_row AS r
                 JOIN _dunlin_origin AS o ON o.id = r.origin JOIN _dunlin_meta AS m ON m.key = 'machine' AND m.value = o.machine
                 JOIN _dunlin_meta AS e ON e.key = 'epoch' AND e.value = o.epoch)) WHERE key = 'seq';
                 UPDATE _dunlin_meta SET value = max(value, (SELECT coalesce(max(pos), 0) FROM _dunlin_row)) WHERE key = 'pos';
                 UPDATE _dunlin_table SET ghosts = 2, again = 0 WHERE tracked = 1 AND name NOT LIKE '!_dunlin!_%' ESCAPE '!'",
            )
            .doing(doing)?;
        Ok(true)
    }

    /// The spare goes on with the file's new life, in the transaction in which the sidecar was put back from it: were it
    /// made from nothing, it would not help while it is half made, and whoever dropped one table of ours drops more. What
    /// the life before wrote is known here, and only the file says so yet.
    pub(crate) fn spare_goes_on(&self) -> Result<()> {
        copy_whole(&self.conn, &OFTEN)
    }

    /// Is the spare that is attached this machine's, and does the file hold tables of it?
    fn spare_fits(&self) -> Result<bool> {
        let doing = "look into the spare";
        let kind: i64 =
            self.conn.query_row("PRAGMA spare.user_version", [], |row| row.get(0)).doing(doing)?;
        if kind != KIND {
            return Ok(false);
        }
        self.conn
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM spare._dunlin_meta WHERE key = 'machine' AND value = ?)
                 AND EXISTS (SELECT 1 FROM spare._dunlin_table AS t JOIN main.sqlite_schema AS s
                 ON s.type = 'table' AND s.name = t.name COLLATE NOCASE WHERE t.tracked = 1 AND t.name NOT LIKE '!_dunlin!_%' ESCAPE '!')",
                [self.options.machine.as_bytes()],
                |row| row.get(0),
            )
            .doing(doing)
    }

    /// Has the file gone back behind what the spare knows of it? A backup was put back while nobody looked.
    pub(crate) fn is_behind_spare(&self) -> bool {
        self.conn
            .query_row(
                "SELECT (SELECT count(*) = 2 FROM spare._dunlin_meta AS s JOIN main._dunlin_meta AS m
                 ON m.key = s.key AND m.value = s.value WHERE s.key IN ('machine', 'epoch'))
                 AND (SELECT s.value > m.value FROM spare._dunlin_meta AS s JOIN main._dunlin_meta AS m
                 ON m.key = s.key WHERE s.key = 'seq')",
                [],
                |row| row.get::<_, Option<bool>>(0),
            )
            // A spare that cannot be read says nothing.
            .is_ok_and(|behind| behind == Some(true))
    }

    /// What it knows is not so any more: it is made again.
    pub(crate) fn forget_spare(&mut self) {
        self.spare = Spare::default();
        if let Some(path) = &self.options.spare {
            remove(path);
        }
    }

    /// Rows that a transaction placed elsewhere are copied again.
    pub(crate) fn placed(&mut self, rows: Vec<Uuid>) {
        if self.options.spare.is_some() {
            self.spare.placed.extend(rows);
        }
    }

    /// Opens the spare for looking rows up, where there is one.
    pub(crate) fn open_spare(&mut self) {
        let Some(path) = self.options.spare.clone().filter(|path| path.exists()) else { return };
        if self.spare.conn.is_none() {
            // Without it all that is lost is how little a tool changed.
            self.spare.conn = self.connect_spare(&path).ok();
        }
    }
}

impl Spare {
    pub(crate) fn reader(&self) -> Option<&Connection> {
        self.conn.as_ref()
    }
}

impl Tx<'_> {
    /// What a row's table showed of its version, as far as that is known.
    pub(crate) fn was_shown(&self, entry: &Entry) -> WasShown {
        let Some(spare) = self.spare else { return WasShown::default() };
        let found = spare
            .prepare_cached("SELECT pos, hashes, before, at FROM spare.cell WHERE uuid = ?")
            .and_then(|mut statement| {
                statement
                    .query_row([entry.uuid.as_bytes()], |row| {
                        let (pos, hashes): (u64, Vec<u8>) = (row.get(0)?, row.get(1)?);
                        let (before, at): (Option<Vec<u8>>, i64) = (row.get(2)?, row.get(3)?);
                        Ok((pos, hashes, before, at))
                    })
                    .optional()
            });
        let Ok(Some((pos, hashes, before, at))) = found else { return WasShown::default() };
        let mut was = WasShown::default();
        if pos == entry.pos {
            was.last = hashes_of(&hashes);
        } else {
            // Of an earlier version.
            add_hashes(&mut was.before, &hashes);
        }
        if self.clock.now() <= at.saturating_add(millis(COPYING)) {
            add_hashes(&mut was.before, &before.unwrap_or_default());
        }
        was
    }

    /// What some of a table's rows showed, with their keys: those with the smallest names, which are any.
    pub(crate) fn sample(&self, table: i64, most: usize) -> Vec<(Key, Shown)> {
        let Some(spare) = self.spare else { return Vec::new() };
        let listed = |conn: &Connection| -> rusqlite::Result<Vec<(u64, Uuid, Option<Key>)>> {
            conn.prepare_cached(
                "SELECT pos, uuid, key FROM _dunlin_row WHERE tbl = ?1 AND key IS NOT NULL AND state = 0 ORDER BY uuid LIMIT ?2",
            )?
            .query_map(params![table, i64::try_from(most).unwrap_or(i64::MAX)], |row| {
                let key = Key::from_sql(row.get_ref(2)?).ok().flatten();
                Ok((row.get(0)?, crate::cursor::uuid(row, 1)?, key))
            })?
            .collect()
        };
        let mut sample = Vec::new();
        for (pos, uuid, key) in listed(self.conn).unwrap_or_default() {
            let of = spare
                .prepare_cached("SELECT hashes FROM spare.cell WHERE uuid = ?1 AND pos = ?2")
                .and_then(|mut statement| {
                    statement
                        .query_row(params![uuid.as_bytes(), pos], |row| row.get::<_, Vec<u8>>(0))
                        .optional()
                });
            if let (Ok(Some(hashes)), Some(key)) = (of, key) {
                sample.push((key, hashes_of(&hashes)));
            }
        }
        sample
    }
}

fn copy_often(conn: &Connection) -> Result<()> {
    copy_whole(conn, &OFTEN)?;
    conn.execute_batch(
        "INSERT OR REPLACE INTO spare._dunlin_conflict SELECT * FROM main._dunlin_conflict
         WHERE n > (SELECT coalesce(max(n), 0) FROM spare._dunlin_conflict)",
    )
    .doing("copy the sidecar into the daemon's folder")
}

fn copy_whole(conn: &Connection, tables: &[&str]) -> Result<()> {
    for table in tables {
        conn.execute_batch(&format!(
            "DELETE FROM spare._dunlin_{table}; INSERT INTO spare._dunlin_{table} SELECT * FROM main._dunlin_{table}"
        ))
        .doing("copy the sidecar into the daemon's folder")?;
    }
    Ok(())
}

/// The tables of the sidecar that are copied.
fn copied() -> impl Iterator<Item = String> {
    let names = OFTEN.iter().chain(&SELDOM).chain(&BY_ROW).chain(&["row", "conflict"]);
    names.map(|name| format!("_dunlin_{name}"))
}

/// The statements that make it.
fn made() -> String {
    let sidecar: String = include_str!("sql/sidecar.sql")
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let is_copied = |statement: &&str| {
        let of = |table: &String| {
            statement.contains(&format!("CREATE TABLE IF NOT EXISTS {table} "))
                || statement.contains("INDEX IF NOT EXISTS _dunlin_row_uuid ")
        };
        copied().any(|table| of(&table))
    };
    let mut text = "PRAGMA spare.journal_mode = WAL; PRAGMA spare.synchronous = NORMAL;".to_owned();
    for statement in sidecar.split(';').filter(is_copied) {
        text.push_str(&statement.replace("IF NOT EXISTS ", "IF NOT EXISTS spare."));
        text.push(';');
    }
    text.push_str(
        "CREATE TABLE IF NOT EXISTS spare.cell (uuid BLOB PRIMARY KEY NOT NULL, pos INTEGER NOT NULL, hashes BLOB NOT NULL, before BLOB, at INTEGER NOT NULL) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS spare.upto (one INTEGER PRIMARY KEY, pos INTEGER NOT NULL);",
    );
    text + &format!("PRAGMA spare.user_version = {KIND};")
}

/// The statement that hashes what a table shows of rows that moved.
fn hashed(table: &Table) -> String {
    /// SQLite lets a function have 127 arguments, unless it was made otherwise.
    const COLUMNS: usize = 60;
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| format!("{}, t.{}", column.number, quote(&column.name)))
        .collect();
    let hashes: Vec<String> =
        columns.chunks(COLUMNS).map(|some| format!("dunlin_cells({})", some.join(", "))).collect();
    let at: Vec<String> = table
        .key
        .iter()
        .filter_map(|&index| table.at(index))
        .enumerate()
        .map(|(part, column)| format!("t.{} = dunlin_key(r.key, {part})", quote(&column.name)))
        .collect();
    format!(
        "INSERT INTO spare.cell (uuid, pos, hashes, at)
         SELECT r.uuid, r.pos, CAST({} AS BLOB), ?2 FROM temp.moved AS m CROSS JOIN main._dunlin_row AS r ON r.pos = m.pos
         CROSS JOIN main.{} AS t ON {} WHERE r.tbl = ?1 AND r.state = 0 AND r.key IS NOT NULL
         ON CONFLICT (uuid) DO UPDATE SET pos = excluded.pos, hashes = excluded.hashes,
         before = CASE WHEN hashes = excluded.hashes THEN before
                       WHEN at < excluded.at - {} THEN hashes
                       ELSE substr(CAST(hashes || coalesce(before, x'') AS BLOB), 1, {BEFORE}) END,
         at = CASE WHEN hashes = excluded.hashes THEN at ELSE excluded.at END",
        hashes.join(" || "),
        quote(&table.name),
        at.join(" AND "),
        millis(COPYING)
    )
}

/// Adds what is asked while the spare is copied to a connection.
pub(crate) fn add_functions(conn: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_DIRECTONLY;
    conn.create_scalar_function("dunlin_cells", -1, flags, cells)?;
    conn.create_scalar_function("dunlin_key", 2, flags, key_part)
}

/// Numbers of columns and their values: the numbers and the values' hashes.
fn cells(context: &Context<'_>) -> rusqlite::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(context.len() * 6);
    for place in (0..context.len()).step_by(2) {
        bytes.extend(context.get::<i64>(place)?.to_be_bytes());
        bytes.extend(hash(&Cell::from(context.get_raw(place + 1))).to_be_bytes());
    }
    Ok(bytes)
}

/// A part of a key as the sidecar keeps it.
fn key_part(context: &Context<'_>) -> rusqlite::Result<rusqlite::types::Value> {
    use rusqlite::types::Value;
    let part = usize::try_from(context.get::<i64>(1)?).unwrap_or(usize::MAX);
    let key = Key::from_sql(context.get_raw(0)).ok().flatten();
    let cells = key.and_then(|key| key.cells().ok()).unwrap_or_default();
    Ok(match cells.into_iter().nth(part) {
        Some(Cell::Integer(n)) => Value::Integer(n),
        Some(Cell::Real(x)) => Value::Real(x),
        Some(Cell::Text(text)) => match String::from_utf8(text) {
            Ok(text) => Value::Text(text),
            // A row with such a key is compared value by value.
            Err(_) => Value::Null,
        },
        Some(Cell::Blob(bytes)) => Value::Blob(bytes),
        _ => Value::Null,
    })
}

/// A hash of a value as stored. It meets nobody who could choose the value to fit another.
pub(crate) fn hash(cell: &Cell) -> u64 {
    let mut bytes = Vec::new();
    cell.encode(&mut bytes);
    let mut hasher = FnvHasher::default();
    hasher.write(&bytes);
    hasher.finish()
}

fn hashes_of(bytes: &[u8]) -> Shown {
    pairs(bytes).collect()
}

fn add_hashes(to: &mut HashMap<i64, Vec<u64>>, bytes: &[u8]) {
    for (number, hash) in pairs(bytes) {
        to.entry(number).or_default().push(hash);
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = (i64, u64)> {
    let (cells, _) = bytes.as_chunks::<16>();
    cells.iter().map(|cell| {
        let both = u128::from_be_bytes(*cell);
        let number = u64::try_from(both >> 64).unwrap_or(0);
        (number.cast_signed(), u64::try_from(both & u128::from(u64::MAX)).unwrap_or(0))
    })
}

/// Makes the file, for this machine's eyes alone: it holds what people wrote.
fn make(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn is_damaged(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode as Code;
    matches!(error.sqlite_error_code(), Some(Code::DatabaseCorrupt | Code::NotADatabase))
}

fn remove(path: &Path) {
    for tail in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(tail);
        // What is not there need not go; what cannot go fails again, with a reason.
        drop(std::fs::remove_file(PathBuf::from(name)));
    }
}
