//! What other programs do to the sidecar, and to the file itself.
//!
//! ```text
//!   our log is gone          it is made again at once: without it the triggers let no write of the application pass
//!   other tables of ours     put back from the spare, under a new epoch; every row is compared with what is known of it
//!   another file is there    the old one is closed and let alone; the new one is opened, as a copied one
//!   no file is there         nothing is read or written until one is
//! ```
//!
//! What the spare lacked comes back from the partners with the names that they know, so rows that nobody knows here are
//! not named until a partner was heard, or there was time enough for one.
//!
//! # Invariants
//!
//! * The till sells first: nothing else is done before the log is back, or the triggers are gone.
//! * No row is written into a file that nobody reads.

use crate::catalogue::{Naming, Table, is_ours};
use crate::entry::Entry;
use crate::error::Doing as _;
use crate::fold::with_ids;
use crate::key::Key;
use crate::listing::Listing;
use crate::tx::{Tx, meta, set_meta};
use crate::{Cell, Cells, Error, Millis, Result, Store, adopt, spare, trigger};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A new log goes on so far above the last: no number of a line is given twice.
const LINES_APART: i64 = 1 << 32;
/// Rows that nobody knows here are named after so long, whether a partner was heard or not.
const UNHEARD: Duration = Duration::from_mins(1);

/// What happens again so soon is told once, in milliseconds.
const ONE_THING: Millis = 10_000;

/// What the sidecar cannot do without. The rest is made anew, empty, where the spare has not got it.
const CORE: [&str; 4] = ["meta", "table", "row", "origin"];
/// And what rows refer to, unless an earlier Dunlin wrote them.
const REFERRED: [&str; 2] = ["column", "shape"];

/// What another program did, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// When it was seen.
    pub time: Millis,
    /// What.
    pub what: What,
}

/// What another program did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It dropped tables of ours. They were put back from the spare, or made anew.
    Dropped {
        /// From the spare; else made anew.
        from_spare: bool,
    },
    /// It put another file in the place of the one that was open.
    Replaced {
        /// An older one: a backup.
        older: bool,
    },
}

/// Which file is open.
#[derive(Debug, Default)]
pub(crate) struct File {
    main: Option<FileId>,
    wal: Option<FileId>,
    /// For looking at its header. It stays open for as long as SQLite has the file: whoever closes one of his handles of
    /// a file gives up every lock that his process has on it (POSIX), SQLite's among them.
    header: Option<std::fs::File>,
    /// When it was last written to, by whomever.
    time: Option<SystemTime>,
}

/// What tells one file from another of the same name.
type FileId = (u64, u64);

#[cfg(unix)]
fn id_of(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// An open file cannot be replaced here.
#[cfg(not(unix))]
fn id_of(path: &Path) -> Option<FileId> {
    path.exists().then_some((0, 0))
}

pub(crate) fn with_tail(path: &Path, tail: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(tail);
    PathBuf::from(name)
}

impl File {
    pub(crate) fn of(path: &Path) -> Self {
        Self {
            main: id_of(path),
            wal: id_of(&with_tail(path, "-wal")),
            header: std::fs::File::open(path).ok(),
            time: None,
        }
    }

    /// Did another program write a whole file over this one? The header of one that is open in WAL mode says so
    /// (sqlite.org/fileformat2.html, 1.3), and while it is no other connection can change that.
    fn is_saved_over(&mut self, path: &Path) -> bool {
        use std::io::{Read as _, Seek as _, SeekFrom};
        let time = std::fs::metadata(path).and_then(|found| found.modified()).ok();
        if time == std::mem::replace(&mut self.time, time) {
            return false;
        }
        let mut head = [0; 20];
        let Some(header) = &mut self.header else { return false };
        let read = header.seek(SeekFrom::Start(0)).and_then(|_| header.read_exact(&mut head));
        read.is_ok() && head.starts_with(b"SQLite format 3\0") && head.get(18) == Some(&1)
    }
}

impl Store {
    /// Opens the file anew where another one is in its place.
    pub(crate) fn keep_to_the_file(&mut self) -> Result<()> {
        match (id_of(self.path()), self.file.main) {
            (None, _) => Err(Error::NoFile { path: self.path().to_owned() }),
            (now, open) if now == open => {
                let path = self.path().to_owned();
                if self.file.is_saved_over(&path) { self.open_anew() } else { Ok(()) }
            }
            _ => self.open_anew(),
        }
    }

    fn open_anew(&mut self) -> Result<()> {
        let path = self.path().to_owned();
        let nothing = Connection::open_in_memory().doing("close a file that was replaced")?;
        let old = std::mem::replace(&mut self.conn, nothing);
        // What its write-ahead log holds belongs to no file any more that anybody reads.
        old.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
            .doing("close a file that was replaced")?;
        drop(old);
        for tail in ["-wal", "-shm"] {
            let there = with_tail(&path, tail);
            if tail == "-shm" || (id_of(&there).is_some() && id_of(&there) == self.file.wal) {
                // One that is not there need not be moved.
                drop(std::fs::rename(&there, with_tail(&path, &format!("{tail}-of-replaced"))));
            }
        }
        self.file = File::default();
        self.conn = adopt::connect(&path)?;
        self.forget_all();
        let time = self.options.clock.now();
        let found = self.opening(|store| store.adopt(true))?;
        self.file = File::of(&path);
        let older = found == Some(What::Replaced { older: true });
        let dropped = found.filter(|what| matches!(what, What::Dropped { .. }));
        for what in dropped.into_iter().chain([What::Replaced { older }]) {
            self.remember(time, what);
        }
        Ok(())
    }

    /// Puts back what another program dropped of ours. Nothing else is done before.
    pub(crate) fn keep_ours(&mut self) -> Result<()> {
        let there = self.ours_there()?;
        let missing: BTreeSet<&str> = ours().filter(|name| !there.contains(*name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        if missing.contains("log") && self.make_log().is_err() {
            self.take_triggers_away()?;
        }
        if missing.iter().all(|name| *name == "log") {
            return Ok(());
        }
        self.forget_all();
        self.open_adopting()
    }

    /// Takes the file over, or puts back what was dropped of ours, and remembers what happened.
    pub(crate) fn open_adopting(&mut self) -> Result<()> {
        let time = self.options.clock.now();
        let what = self.opening(|store| store.adopt(false))?;
        if let Some(what) = what {
            self.remember(time, what);
        }
        Ok(())
    }

    /// A tool that drops our tables one by one did one thing.
    fn remember(&mut self, time: Millis, what: What) {
        match self.happened.last_mut() {
            Some(last) if last.what == what && time < last.time + ONE_THING => last.time = time,
            _ => self.happened.push(Happened { time, what }),
        }
    }

    /// Is all there without which the rest is of no use, and all that the spare has?
    fn is_whole(&self, there: &BTreeSet<String>, has_spare: bool) -> Result<bool> {
        if !CORE.iter().all(|name| there.contains(*name)) {
            return Ok(false);
        }
        if has_spare && self.lacks_what_spare_has()? {
            return Ok(false);
        }
        let is_earlier: bool = self
            .conn
            .query_row(
                "SELECT NOT EXISTS (SELECT 1 FROM pragma_table_info('_dunlin_row') WHERE name = 'shape')",
                [],
                |row| row.get(0),
            )
            .doing("look for the sidecar")?;
        Ok(is_earlier || REFERRED.iter().all(|name| there.contains(*name)))
    }

    /// The tables of ours that are in the file, without their prefix.
    fn ours_there(&self) -> Result<BTreeSet<String>> {
        let doing = "look for the sidecar";
        let mut statement = self
            .conn
            .prepare_cached("SELECT lower(name) FROM main.sqlite_schema WHERE type = 'table' AND name LIKE '!_dunlin!_%' ESCAPE '!'")
            .doing(doing)?;
        let names = statement
            .query_map([], |row| row.get::<_, String>(0))
            .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
            .doing(doing)?;
        Ok(names.into_iter().filter_map(|name| Some(name.get(8..)?.to_owned())).collect())
    }

    fn make_log(&self) -> Result<()> {
        let doing = "make the log again";
        let made = statement_of("log");
        let next = self.last_line.saturating_add(LINES_APART);
        let done = self.conn.execute_batch(&format!(
            "BEGIN IMMEDIATE; {made}; INSERT INTO _dunlin_log (n, tbl, kind) VALUES ({next}, 0, 0); COMMIT"
        ));
        if done.is_err() && !self.conn.is_autocommit() {
            self.conn.execute_batch("ROLLBACK").doing(doing)?;
        }
        done.doing(doing)
    }

    /// Without the log each of them lets a write of the application fail.
    fn take_triggers_away(&self) -> Result<()> {
        let doing = "take the triggers away";
        let names: Vec<String> = self
            .conn
            .prepare("SELECT name FROM main.sqlite_schema WHERE type = 'trigger'")
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
            .doing(doing)?;
        for name in names.iter().filter(|name| trigger::table_of(name).is_some()) {
            self.conn
                .execute_batch(&format!("DROP TRIGGER IF EXISTS {}", trigger::quote(name)))
                .doing(doing)?;
        }
        Ok(())
    }

    /// Inside of a transaction: takes the file over as it is, or puts the sidecar back where that was dropped: from the
    /// spare, else by what the triggers say. Answers the epoch of the maker of a copied file, and what happened to it.
    /// `anew`: see [`Store::adopt`].
    pub(crate) fn take_over(
        &mut self,
        anew: bool,
        has_spare: bool,
    ) -> Result<(Option<u64>, Option<What>)> {
        let there = self.ours_there()?;
        if self.is_whole(&there, has_spare)? {
            let older = has_spare && self.is_behind_spare();
            let copied = self.adopt_inside(anew || older)?;
            return Ok((copied, older.then_some(What::Replaced { older })));
        }
        let tables = self.tables_with_triggers()?;
        let from_spare = has_spare && self.restore()?;
        let is_known = from_spare || !tables.is_empty();
        if is_known && !from_spare {
            self.tracked_by_triggers(&tables)?;
        }
        let copied = self.adopt_inside(anew || is_known)?;
        if from_spare {
            self.spare_goes_on()?;
        }
        Ok((copied, is_known.then_some(What::Dropped { from_spare })))
    }

    /// Has something opened, while nobody looks whether the file is still the one that is open.
    pub(crate) fn opening<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let before = std::mem::replace(&mut self.opening, true);
        let done = work(self);
        self.opening = before;
        done
    }

    /// Makes the sidecar anew, with the tables on which triggers of ours stand.
    fn tracked_by_triggers(&self, tables: &BTreeMap<i64, String>) -> Result<()> {
        let doing = "put the sidecar back";
        self.conn.execute_batch(include_str!("sql/sidecar.sql")).doing(doing)?;
        for (id, table) in tables {
            self.conn
                .execute(
                    "INSERT OR IGNORE INTO _dunlin_table (id, name, tracked, copies, ghosts) VALUES (?1, ?2, 1, 1, 2)",
                    rusqlite::params![id, table],
                )
                .doing(doing)?;
        }
        Ok(())
    }

    /// The tables on which triggers of ours stand, by the number that those say.
    fn tables_with_triggers(&self) -> Result<BTreeMap<i64, String>> {
        let doing = "look for our triggers";
        let found: Vec<(String, String)> = self
            .conn
            .prepare("SELECT name, tbl_name FROM main.sqlite_schema WHERE type = 'trigger'")
            .and_then(|mut statement| {
                statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
            })
            .doing(doing)?;
        let of = |(name, table): (String, String)| Some((trigger::table_of(&name)?, table));
        Ok(found.into_iter().filter_map(of).filter(|(_, table)| !is_ours(table)).collect())
    }

    /// What another program did since the daemon started.
    pub fn happened(&self) -> &[Happened] {
        &self.happened
    }

    /// Rows that nobody knows here may be named, if it is time.
    pub(crate) fn give_up_waiting(&mut self) -> Result<()> {
        let Some(since) = self.unheard else { return Ok(()) };
        if since + UNHEARD <= self.options.clock.elapsed() {
            self.unheard = None;
            self.write(crate::store::Flush::Later, |tx| {
                if tx.waits_to_hear()? { tx.has_heard() } else { Ok(()) }
            })?;
        }
        Ok(())
    }
}

impl Tx<'_> {
    /// Is a partner to be heard first, before rows that nobody knows here are named?
    pub(crate) fn waits_to_hear(&mut self) -> Result<bool> {
        if let Some(waits) = self.unheard {
            return Ok(waits);
        }
        let waits = meta::<i64>(self.conn, "unheard")?.is_some();
        self.unheard = Some(waits);
        Ok(waits)
    }

    /// A partner was heard to the end of his journal, or it took too long.
    pub(crate) fn has_heard(&mut self) -> Result<()> {
        self.conn
            .execute("DELETE FROM _dunlin_meta WHERE key = 'unheard'", [])
            .doing("go on after the sidecar was put back")?;
        self.unheard = Some(false);
        let all = self.catalogue.tables.iter().map(|table| table.id);
        self.wrote_beside_unique.extend(all);
        Ok(())
    }
}

/// Rows that nobody knows here wait until a partner was heard.
pub(crate) fn wait_to_hear(conn: &Connection) -> Result<()> {
    set_meta(conn, "unheard", 1)
}

/// Does a file hold all tables of the sidecar?
pub(crate) fn is_all_there(listing: &Listing) -> bool {
    ours().all(|name| listing.named(&format!("_dunlin_{name}")).is_some())
}

/// The tables of the sidecar, without their prefix.
fn ours() -> impl Iterator<Item = &'static str> {
    const MADE: &str = "CREATE TABLE IF NOT EXISTS _dunlin_";
    include_str!("sql/sidecar.sql")
        .lines()
        .filter_map(|line| line.strip_prefix(MADE)?.split_whitespace().next())
}

/// The statement that makes a table of the sidecar.
fn statement_of(name: &str) -> String {
    let start = format!("CREATE TABLE IF NOT EXISTS _dunlin_{name} ");
    let lines = include_str!("sql/sidecar.sql").lines();
    let mut statement = String::new();
    for line in lines.skip_while(|line| !line.starts_with(&start)) {
        statement.push_str(line.split("--").next().unwrap_or_default());
        statement.push('\n');
        if line.starts_with(')') {
            break;
        }
    }
    statement.trim_end().trim_end_matches(';').to_owned()
}

impl Tx<'_> {
    /// Of a version that is new here: the row that shows just what it says and that nobody knows, mostly at its number.
    /// Asked only until a partner was heard.
    pub(crate) fn stray_of(
        &mut self,
        table: &Arc<Table>,
        entry: &Entry,
        cells: &Cells,
    ) -> Result<Option<Key>> {
        if !self.waits_to_hear()? || table.internal() {
            return Ok(None);
        }
        let named = match table.naming {
            Naming::Integer | Naming::Unique(_) => entry.number.map(Key::Integer),
            _ => self.key_said(table, cells)?,
        };
        let mut maybe: Vec<Key> = named.into_iter().collect();
        if table.number.is_some() {
            if !self.strays.contains_key(&table.id) {
                let found = self.strays_of(table)?;
                self.strays.insert(table.id, found);
            }
            let same = self.strays.get(&table.id).and_then(|all| all.get(&plain(table, cells)));
            maybe.extend(same.into_iter().flatten().cloned());
        }
        for key in maybe {
            if self.at_key(table.id, &key)?.is_none() && self.shows(table, &key, cells)? {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// The key that a version's own values say.
    fn key_said(&mut self, table: &Table, cells: &Cells) -> Result<Option<Key>> {
        let mut key = Vec::new();
        for &index in &table.key {
            let id = table.at(index).map_or("", |column| &column.id);
            let Some(cell) = cells.get(id).cloned() else { return Ok(None) };
            let Some(stored) = self.local(table, index, &cell)? else { return Ok(None) };
            key.push(stored);
        }
        Ok(Key::of(&key, &table.key_collations))
    }

    /// Does the row at a key show just these values?
    fn shows(&mut self, table: &Table, key: &Key, cells: &Cells) -> Result<bool> {
        let Some(row) = self.read_row(table, key)? else { return Ok(false) };
        for (index, (column, stored)) in table.columns.iter().zip(&row).enumerate() {
            let Some(cell) = cells.get(&column.id).filter(|_| Some(index) != table.number) else {
                continue;
            };
            match self.local(table, index, cell)? {
                Some(local) if column.shows(&local, stored) => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Rows of a table that nobody knows, by what their columns hold that refer to nothing.
    fn strays_of(&mut self, table: &Arc<Table>) -> Result<HashMap<u64, Vec<Key>>> {
        let doing = "look for rows that nobody knows";
        let mut strays: HashMap<u64, Vec<Key>> = HashMap::new();
        let keys: Vec<Vec<Cell>> = self
            .conn
            .prepare(&table.sql.keys())
            .and_then(|mut statement| {
                let parts = table.key.len();
                let keys = statement.query_map([], |row| {
                    (0..parts).map(|part| row.get_ref(part).map(Cell::from)).collect()
                })?;
                keys.collect()
            })
            .doing(doing)?;
        for cells in keys {
            let Some(key) = Key::of(&cells, &table.key_collations) else { continue };
            if self.at_key(table.id, &key)?.is_none()
                && let Some(row) = self.read_row(table, &key)?
            {
                let cells = Cells::new(with_ids(table, row));
                strays.entry(plain(table, &cells)).or_default().push(key);
            }
        }
        Ok(strays)
    }
}

/// A hash of the values that are the same on all machines whatever the numbers are.
fn plain(table: &Table, cells: &Cells) -> u64 {
    let own = table.columns.iter().enumerate();
    let own = own.filter(|(index, column)| column.target.is_none() && Some(*index) != table.number);
    let mut hash = DefaultHasher::new();
    for (_, column) in own {
        // As it is stored, whoever says it.
        let cell = cells.get(&column.id).and_then(|cell| cell.stored(column.affinity));
        cell.as_ref().map(spare::hash).hash(&mut hash);
    }
    hash.finish()
}
