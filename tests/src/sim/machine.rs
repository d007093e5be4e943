//! One machine: an application, its file, the store beside it, and a clock.

use dunlin_schema::{Ask, Clock, Millis, Options, Page, Store, Track};
use rusqlite::Connection;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

/// Thursday, 24 September 2026: when every lab begins.
const BEGIN: Millis = 1_790_000_000_000;

/// What triggers read the time with: a table that the lab writes before each of the application's writes.
const NOW_SQL: &str = "(SELECT now FROM _dunlin_lab_clock)";

/// The machines' folder, and the true time.
#[derive(Debug)]
pub struct Lab {
    folder: TempDir,
    time: Arc<AtomicI64>,
    machines: AtomicU64,
}

/// A clock that is wrong by a fixed time.
#[derive(Debug)]
struct LabClock {
    time: Arc<AtomicI64>,
    skew: AtomicI64,
}

impl Clock for LabClock {
    fn now(&self) -> Millis {
        self.time.load(Ordering::Relaxed) + self.skew.load(Ordering::Relaxed)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.time.load(Ordering::Relaxed).unsigned_abs())
    }

    fn rest(&self, _: Duration) {}
}

/// One machine of the shop.
pub struct Machine {
    /// What people call it.
    pub name: String,
    /// The application's connection: references on, as it should be.
    pub app: Connection,
    path: PathBuf,
    clock: Arc<LabClock>,
    options: Options,
    store: Option<Store>,
    restarts: u64,
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.name, self.path.display())
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

impl Lab {
    /// An empty shop: in memory where the system has a folder there, for nothing here survives the test.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        Self {
            folder: folder.unwrap(),
            time: Arc::new(AtomicI64::new(BEGIN)),
            machines: AtomicU64::new(0),
        }
    }

    /// The true time.
    pub fn now(&self) -> Millis {
        self.time.load(Ordering::Relaxed)
    }

    /// Lets time pass.
    pub fn pass(&self, time: Duration) {
        self.time.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// The daemon looks: it folds, and copies what moved, which may take until a moment after the last copy.
    pub fn look(&self, machine: &mut Machine) {
        machine.store().fold().unwrap();
        while let Some(wait) = machine.store().copy_spare().unwrap() {
            self.pass(wait);
        }
    }

    /// A file in the lab's folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A machine whose application has made these tables, all of them tracked.
    pub fn machine(&self, name: &str, schema: &str) -> Machine {
        let mut machine = self.untracked(name, schema);
        machine.track(&Track::default());
        machine
    }

    /// A machine whose application has made these tables, none of them tracked.
    pub fn untracked(&self, name: &str, schema: &str) -> Machine {
        let path = self.file(&format!("{name}.db"));
        let app = Connection::open(&path).unwrap();
        app.execute_batch(schema).unwrap();
        drop(app);
        self.machine_on(name, &path)
    }

    /// A machine on a file that is there.
    pub fn machine_on(&self, name: &str, path: &Path) -> Machine {
        let number = self.machines.fetch_add(1, Ordering::Relaxed) + 1;
        let clock = Arc::new(LabClock { time: Arc::clone(&self.time), skew: AtomicI64::new(0) });
        let options = Options {
            // Spread out, so that the order of machines is not that of their making.
            machine: Uuid::from_u128(
                u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
            ),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            epoch: number.wrapping_mul(0xd134_2543_de82_ef95),
            now_sql: Some(NOW_SQL.to_owned()),
            spare: Some(self.file(&format!("{name}.spare"))),
        };
        let app = open_app(path);
        let mut machine = Machine {
            name: name.to_owned(),
            app,
            path: path.to_owned(),
            clock,
            options,
            store: None,
            restarts: 0,
        };
        machine.tick();
        machine.start();
        machine
    }

    /// A new machine on a copy of another's file, as it stands on the disk: lines in the log and all.
    pub fn copy(&self, name: &str, of: &Machine) -> Machine {
        let path = self.file(&format!("{name}.db"));
        for tail in ["", "-wal"] {
            let (from, to) = (with_tail(&of.path, tail), with_tail(&path, tail));
            if from.exists() {
                std::fs::copy(from, to).unwrap();
            }
        }
        self.machine_on(name, &path)
    }
}

fn with_tail(path: &Path, tail: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(tail);
    PathBuf::from(name)
}

fn open_app(path: &Path) -> Connection {
    let app = Connection::open(path).unwrap();
    app.busy_timeout(Duration::from_secs(5)).unwrap();
    app.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF;
         CREATE TABLE IF NOT EXISTS _dunlin_lab_clock (now INTEGER);
         INSERT INTO _dunlin_lab_clock SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM _dunlin_lab_clock);",
    )
    .unwrap();
    app
}

impl Machine {
    /// Its journal from a position on, as a partner who knows nothing would read it.
    pub fn journal(&mut self, from: u64) -> Page {
        let ask = Ask {
            cursor: from,
            knowledge: Vec::new(),
            now: Millis::MAX - 60_000,
            limit: 1 << 30,
            plain: false,
        };
        let page = self.store().page(&ask).unwrap();
        assert!(!page.more, "one page holds all that a lab has");
        page
    }

    /// The store.
    pub fn store(&mut self) -> &mut Store {
        self.store.as_mut().unwrap()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its clock.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Sets its clock wrong by so many milliseconds; 0 mends it.
    pub fn skew(&self, by: Millis) {
        self.clock.skew.store(by, Ordering::Relaxed);
    }

    /// Starts tracking.
    pub fn track(&mut self, track: &Track) {
        self.tick();
        self.store().track(track).unwrap();
    }

    /// Stops the daemon and starts it again.
    pub fn restart(&mut self) {
        self.store = None;
        self.start();
    }

    /// Another program puts another file in the place of this one; the application opens that one.
    pub fn replace(&mut self, by: &Path) {
        std::fs::rename(by, &self.path).unwrap();
        self.store().end().unwrap();
        self.app = open_app(&self.path);
        self.tick();
    }

    /// As [`Machine::replace`], while nothing runs here.
    pub fn replace_while_off(&mut self, by: &Path) {
        self.store = None;
        self.app = Connection::open_in_memory().unwrap();
        std::fs::rename(by, &self.path).unwrap();
        self.app = open_app(&self.path);
        self.tick();
        self.start();
    }

    fn start(&mut self) {
        self.restarts += 1;
        let options = Options {
            epoch: self.options.epoch.wrapping_add(self.restarts),
            ..self.options.clone()
        };
        self.store = Some(Store::open(&self.path, options).unwrap());
    }

    /// Has triggers see this machine's time.
    pub fn tick(&self) {
        let mut statement =
            self.app.prepare_cached("UPDATE _dunlin_lab_clock SET now = ?").unwrap();
        statement.execute([self.clock.now()]).unwrap();
    }

    /// The application runs statements, each on its own.
    pub fn run(&self, sql: &str) {
        self.tick();
        if let Err(error) = self.app.execute_batch(sql) {
            panic!("{}: {sql}: {error}", self.name);
        }
    }

    /// What a query answers: rows as SQLite's `quote()` writes their values, joined by `|`.
    pub fn ask(&self, sql: &str) -> Vec<String> {
        let mut statement = self.app.prepare_cached(sql).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        let mut answer = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let cells: Vec<String> =
                (0..columns).map(|column| show(row.get_ref(column).unwrap())).collect();
            answer.push(cells.join("|"));
        }
        answer
    }

    /// How many references of the file point nowhere.
    pub fn broken_references(&self) -> i64 {
        self.app
            .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))
            .unwrap()
    }
}

fn show(value: rusqlite::types::ValueRef<'_>) -> String {
    use rusqlite::types::ValueRef;
    match value {
        ValueRef::Null => "-".to_owned(),
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(x) => format!("{x:?}"),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => format!("{bytes:02x?}"),
    }
}
