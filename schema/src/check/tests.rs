//! What `check` says, held against what `track` does; and that it leaves no trace.

use super::*;
use crate::still::{Still, untracked};
use crate::{Error, Runs, Track};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{ChildStdout, Command, Stdio};
use tempfile::TempDir;

/// In the manner of Northwind: names with spaces and in brackets, keys of every kind, a table that refers to itself.
const NORTHWIND: &str = "
    PRAGMA foreign_keys = OFF;
    CREATE TABLE [Categories] (CategoryID INTEGER PRIMARY KEY AUTOINCREMENT, CategoryName TEXT, Picture BLOB);
    CREATE TABLE Customers (CustomerID TEXT, CompanyName TEXT, PRIMARY KEY (CustomerID));
    CREATE TABLE Employees (EmployeeID INTEGER PRIMARY KEY AUTOINCREMENT, LastName TEXT, ReportsTo INTEGER
        REFERENCES Employees (EmployeeID));
    CREATE TABLE \"Products\" (ProductID INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, ProductName TEXT NOT NULL,
        CategoryID INTEGER REFERENCES Categories (CategoryID), UnitPrice NUMERIC, CHECK (UnitPrice >= 0));
    CREATE TABLE Orders (OrderID INTEGER PRIMARY KEY AUTOINCREMENT, CustomerID TEXT REFERENCES Customers,
        EmployeeID INTEGER REFERENCES Employees (EmployeeID), ShippedBy INTEGER, last_modified TEXT);
    CREATE TABLE `Order Details` (OrderID INTEGER NOT NULL REFERENCES Orders (OrderID), ProductID INTEGER NOT NULL
        REFERENCES Products (ProductID), Quantity INTEGER, PRIMARY KEY (OrderID, ProductID));
    CREATE TABLE Regions (RegionID INTEGER NOT NULL PRIMARY KEY, RegionDescription TEXT NOT NULL);
    CREATE TABLE Territories (TerritoryID TEXT NOT NULL PRIMARY KEY, RegionID INTEGER NOT NULL REFERENCES Regions);
    CREATE VIEW [Alphabetical list] AS SELECT * FROM Products;
    INSERT INTO Categories VALUES (1, 'Beverages', x'00ff'), (2, 'Condiments', NULL);
    INSERT INTO Customers VALUES ('ALFKI', 'Alfreds'), (NULL, 'nobody');
    INSERT INTO Employees VALUES (1, 'Davolio', 2), (2, 'Fuller', NULL);
    INSERT INTO Products VALUES (1, 'Chai', 1, 18), (2, 'Chang', 1, 19.5);
    INSERT INTO Orders VALUES (10248, 'ALFKI', 1, 3, '2026-02-01 10:00:00'), (10249, 'GONE', 2, NULL, NULL);
    INSERT INTO [Order Details] VALUES (10248, 1, 5), (10248, 2, 1);
    INSERT INTO Regions VALUES (1, 'Eastern'), (2, 'Western');
    INSERT INTO Territories VALUES ('01581', 1);
";

/// Whatever tables may be otherwise.
const ODD: &str = "
    CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE UNIQUE, price decimal(9, 2), updated_at TEXT, modified TEXT);
    CREATE TABLE stock (id INTEGER PRIMARY KEY, part_id INTEGER, location INTEGER);
    CREATE TABLE locations (id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE keyless (v TEXT);
    CREATE TABLE by_uuid (uuid TEXT NOT NULL UNIQUE, v TEXT);
    CREATE TABLE made_uuid (v TEXT, uuid TEXT GENERATED ALWAYS AS (v || '-') STORED UNIQUE NOT NULL);
    CREATE TABLE word (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
    CREATE TABLE link (id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES parts, b INTEGER NOT NULL REFERENCES stock, UNIQUE (a, b));
    CREATE TABLE of_keyless (id INTEGER PRIMARY KEY, v TEXT REFERENCES keyless (v));
    CREATE TABLE deeper (id INTEGER PRIMARY KEY, of_keyless INTEGER REFERENCES of_keyless);
    CREATE TABLE wide (a, b, c, d, e, f, g, h, i, PRIMARY KEY (a, b, c, d, e, f, g, h, i));
    CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT);
    CREATE TABLE price_log (id INTEGER PRIMARY KEY, part INTEGER, price);
    CREATE TABLE settings (id INTEGER PRIMARY KEY CHECK (id = 1), shop TEXT);
    CREATE TABLE typed (k INTEGER PRIMARY KEY, v ANY) STRICT;
    CREATE VIEW shown AS SELECT * FROM parts;
    CREATE VIRTUAL TABLE found USING fts5(name);
    CREATE TRIGGER find_parts AFTER INSERT ON parts BEGIN INSERT INTO found VALUES (NEW.name); END;
    CREATE TRIGGER log_prices AFTER UPDATE ON parts BEGIN INSERT INTO price_log (part, price) VALUES (NEW.id, NEW.price); END;
    CREATE TRIGGER count_stock AFTER INSERT ON stock BEGIN UPDATE parts SET price = price WHERE id = NEW.part_id; END;
    CREATE TRIGGER forget AFTER DELETE ON parts BEGIN DELETE FROM keyless WHERE v = OLD.name; END;
    INSERT INTO parts VALUES (1, 'pad', 1.5, '2026-02-01', '2026-02-01'), (2, 'disc', 2, '2026-02-02', NULL);
    INSERT INTO locations VALUES (1, 'shop'), (2, 'van');
    INSERT INTO stock VALUES (1, 1, 2), (2, 2, 1);
    INSERT INTO settings VALUES (1, 'ours');
";

fn file(schema: &str) -> (TempDir, Connection, std::path::PathBuf) {
    // In memory where the system has a folder there, for nothing here survives the test.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    let folder = folder.unwrap();
    let path = folder.path().join("the shop's #1 100%.db");
    let app = Connection::open(&path).unwrap();
    app.execute_batch(schema).unwrap();
    (folder, app, path)
}

fn look(path: &Path, track: &Track) -> Result<Checked> {
    check(path, track, &[], Arc::new(Still))
}

fn store(path: &Path) -> Store {
    let (machine, clock) = (Uuid::from_u128(1), Arc::new(Still));
    Store::open(path, Options { machine, clock, epoch: 1, now_sql: None, spare: None }).unwrap()
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|&word| word.to_owned()).collect()
}

/// Says what tracking would come to, tracks, and compares; the same twice, when all is tracked already.
fn as_tracked(path: &Path, track: &Track) -> Checked {
    let said = look(path, track);
    let done = store(path).track(track);
    let said = match (said, done) {
        (Ok(said), Ok(done)) => {
            assert_eq!(said.would, done, "{track:?}");
            said
        }
        (Err(said), Err(done)) => {
            assert_eq!(said.to_string(), done.to_string());
            return Checked::default();
        }
        (said, done) => panic!("{track:?}\n{said:?}\n{done:?}"),
    };
    let tables: BTreeMap<String, (&'static str, u64)> =
        said.tables.iter().map(|table| (table.name.clone(), (table.naming, table.rows))).collect();
    let states = store(path).tables().unwrap().into_iter().filter(|state| state.tracked);
    let states: Vec<(String, &'static str)> =
        states.map(|state| (state.name, state.naming)).collect();
    let told = tables.iter().map(|(name, (naming, _))| (name.clone(), *naming));
    assert_eq!(told.collect::<Vec<_>>(), states, "how rows are named");
    said
}

#[test]
fn what_is_said_is_what_tracking_does() {
    let reference = |text: &[&str; 3]| {
        let [child, column, parent] = text.map(str::to_owned);
        (child, column, parent)
    };
    let tracks = [
        Track::default(),
        Track { copies: true, ..Track::default() },
        Track { except: words(&["parts", "Products"]), ..Track::default() },
        Track { tables: Some(words(&["keyless"])), ..Track::default() },
        Track { tables: Some(words(&["shown"])), ..Track::default() },
        Track { tables: Some(words(&["stock", "PARTS"])), ..Track::default() },
        Track { tables: Some(words(&["of_keyless"])), ..Track::default() },
        Track { tables: Some(words(&["django_migrations"])), ..Track::default() },
        Track { natural: words(&["settings", "parts"]), ..Track::default() },
        Track { natural: words(&["word"]), ..Track::default() },
        Track {
            references: vec![reference(&["stock", "location", "locations"])],
            ..Track::default()
        },
        Track { references: vec![reference(&["stock", "nothing", "parts"])], ..Track::default() },
        Track { no_references: vec![("stock".into(), "part_id".into())], ..Track::default() },
        Track { stamps: vec![("parts".into(), Some("modified".into()))], ..Track::default() },
        Track { stamps: vec![("parts".into(), Some("nothing".into()))], ..Track::default() },
        Track { kept_out: words(&["stock"]), ..Track::default() },
    ];
    for (schema, tracks) in [(ODD, &tracks[..]), (NORTHWIND, &tracks[..3]), ("", &tracks[..1])] {
        for track in tracks {
            let (_folder, _app, path) = file(schema);
            let first = as_tracked(&path, track);
            // Some are tracked already now.
            let again = as_tracked(&path, &Track::default());
            assert!(again.tables.len() >= first.tables.len());
        }
    }
}

#[test]
fn what_is_said_of_tables_that_were_let_go_is_what_tracking_does() {
    let (_folder, _app, path) = file(ODD);
    store(&path).track(&Track::default()).unwrap();
    let gone = words(&["locations", "stock", "link"]);
    store(&path).untrack(&gone).unwrap();
    let back = as_tracked(&path, &Track::default());
    let tables: Vec<&String> = back.would.tables.iter().map(|(name, ..)| name).collect();
    assert!(gone.iter().all(|name| tables.contains(&name)), "{tables:?}");
}

#[test]
fn a_reference_that_is_declared_late_is_said_as_it_is_tracked() {
    let (_folder, _app, path) = file(ODD);
    store(&path).track(&Track::default()).unwrap();
    let [child, column, parent] = ["stock", "part_id", "parts"].map(str::to_owned);
    let late = Track { references: vec![(child, column, parent)], ..Track::default() };
    let said = as_tracked(&path, &late);
    assert!(said.would.notes.iter().any(|note| note == TRACKED_ANEW), "{:?}", said.would.notes);
    let stock = said.tables.iter().find(|table| table.name == "stock").unwrap();
    assert_eq!(stock.references, [(words(&["part_id"]), "parts".to_owned(), true)]);
}

/// Everything of a folder: names, what the files hold, who may do what, and when they were written.
fn trace(folder: &Path) -> Vec<(String, Vec<u8>, u32, i64, i64, u64)> {
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let (name, found) = (entry.file_name(), entry.metadata().unwrap());
            let bytes = std::fs::read(entry.path()).unwrap();
            let name = name.to_string_lossy().into_owned();
            (name, bytes, found.mode(), found.mtime(), found.mtime_nsec(), found.ino())
        })
        .collect();
    all.sort();
    all
}

#[test]
fn nothing_of_the_file_changes_nor_anything_beside_it() {
    let look_at = |path: &Path, files: usize, rows: u64| {
        let folder = path.parent().unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let before = trace(folder);
        assert_eq!(
            before.len(),
            files,
            "{:?}",
            before.iter().map(|file| &file.0).collect::<Vec<_>>()
        );
        let mode = std::fs::metadata(folder).unwrap().mtime_nsec();
        let said = look(path, &Track::default()).unwrap();
        let parts = said.tables.iter().find(|table| table.name == "parts").unwrap();
        assert_eq!(parts.rows, rows);
        for (before, after) in before.iter().zip(trace(folder)) {
            assert!(*before == after, "{} changed", before.0);
        }
        assert_eq!(std::fs::metadata(folder).unwrap().mtime_nsec(), mode, "a file came and went");
    };
    // Without a write-ahead log.
    let (_folder, app, path) = file(ODD);
    look_at(&path, 1, 2);
    drop(app);
    // With one, while another program has it open, and rows are in the log only.
    let mut other = Other::on(&path);
    look_at(&path, 3, 3);
    // With one that a program left behind when it was killed.
    let killed = tempfile::tempdir().unwrap();
    for (name, bytes, ..) in trace(path.parent().unwrap()) {
        std::fs::write(killed.path().join(name), bytes).unwrap();
    }
    let left = killed.path().join(path.file_name().unwrap());
    look_at(&left, 3, 3);
    // With one that nobody uses.
    other.end();
    look_at(&path, 1, 3);
    // In a folder into which nobody may write, and through a link.
    let folder = path.parent().unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o555)).unwrap();
    look_at(&path, 1, 3);
    let link = killed.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert_eq!(look(&link, &Track::default()).unwrap().tables.len(), 8);
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    // Where tables are tracked already.
    let (folder, app, mut store) = untracked(ODD);
    store.track(&Track::default()).unwrap();
    drop((app, store));
    look_at(&folder.path().join("shop.db"), 1, 2);
}

/// Another process that has a file open: within one SQLite shares what connections have in memory.
struct Other {
    child: std::process::Child,
    /// What it says goes on being read: else it ends.
    out: BufReader<ChildStdout>,
}

/// Says to a test that it is to be that process, and for which file.
const BE_OTHER: &str = "DUNLIN_TEST_OTHER";

impl Other {
    fn on(path: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "check::tests::another_program_has_a_file_open", "--nocapture"])
            .env(BE_OTHER, path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("it is open") {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "it ended");
        }
        Self { child, out }
    }

    fn end(&mut self) {
        drop(self.child.stdin.take());
        std::io::copy(&mut self.out, &mut std::io::sink()).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "whoever started it waits for this")]
fn another_program_has_a_file_open() {
    let Some(path) = std::env::var_os(BE_OTHER) else { return };
    let app = Connection::open(path).unwrap();
    app.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; INSERT INTO parts (id) VALUES (3)").unwrap();
    println!("it is open");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn nobody_waits_for_it_and_it_waits_for_nobody() {
    let (_folder, app, path) = file(ODD);
    app.execute_batch(
        "PRAGMA journal_mode = WAL; BEGIN IMMEDIATE; INSERT INTO parts (id) VALUES (3)",
    )
    .unwrap();
    let said = look(&path, &Track::default()).unwrap();
    assert_eq!(said.tables.iter().find(|table| table.name == "parts").unwrap().rows, 2);
    assert!(said.has_wal);
    app.execute_batch("COMMIT").unwrap();
}

#[test]
fn a_file_that_cannot_be_looked_into_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str| look(&folder.path().join(name), &Track::default());
    assert!(matches!(of("none"), Err(Error::NoFile { .. })));
    assert!(matches!(of(""), Err(Error::NotADatabase { .. })), "a folder");
    std::fs::write(folder.path().join("text"), "what was sold today, and to whom").unwrap();
    assert!(matches!(of("text"), Err(Error::NotADatabase { .. })));
    std::fs::write(folder.path().join("head"), b"SQLite format 3\0 and no more").unwrap();
    assert!(matches!(of("head"), Err(Error::NotADatabase { .. } | Error::Open { .. })));
    std::fs::write(folder.path().join("empty"), "").unwrap();
    assert_eq!(of("empty").unwrap(), Checked::default());
    // A journal that somebody left behind, with a transaction that was not ended.
    let (_folder, app, path) = file(ODD);
    app.execute_batch(
        "PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN; CREATE TABLE big (v);
        WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000)
        INSERT INTO big SELECT randomblob(500) FROM c; UPDATE parts SET name = name || 'x'",
    )
    .unwrap();
    for (name, bytes, ..) in trace(path.parent().unwrap()) {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let left = folder.path().join(path.file_name().unwrap());
    match look(&left, &Track::default()) {
        Err(Error::Unfinished { .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn triggers_are_told_apart_by_what_becomes_of_what_they_do() {
    let (_folder, _app, path) = file(ODD);
    let said = look(&path, &Track::default()).unwrap();
    let runs: Vec<(&str, &Runs)> =
        said.triggers.iter().map(|effect| (effect.trigger.as_str(), &effect.runs)).collect();
    assert_eq!(
        runs,
        [
            ("count_stock", &Runs::There),
            ("find_parts", &Runs::Everywhere),
            ("forget", &Runs::Alone(words(&["keyless"]))),
            ("log_prices", &Runs::Everywhere),
        ]
    );
    assert_eq!(said.virtual_tables, [("found".to_owned(), true)]);
    let fired = check(&path, &Track::default(), &words(&["forget"]), Arc::new(Still)).unwrap();
    assert!(fired.triggers.iter().all(|effect| !matches!(effect.runs, Runs::Alone(_))));
    let (_folder, _app, path) = file(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, v); CREATE VIRTUAL TABLE f USING fts5(v);
         CREATE TRIGGER t AFTER INSERT ON a BEGIN INSERT INTO f VALUES (folded(NEW.v)); END",
    );
    let said = look(&path, &Track::default()).unwrap();
    assert_eq!(said.triggers[0].runs, Runs::Never);
    assert_eq!(said.virtual_tables, [("f".to_owned(), false)]);
}

#[test]
fn rows_that_every_machine_is_likely_to_have_are_named() {
    let (_folder, _app, path) = file(ODD);
    let doubles = |track: &Track| -> Vec<(String, Doubles)> {
        let tables = look(&path, track).unwrap().tables.into_iter();
        tables.filter_map(|table| Some((table.name, table.doubles?))).collect()
    };
    assert_eq!(doubles(&Track::default()), [("settings".to_owned(), Doubles::One)]);
    let app = Connection::open(&path).unwrap();
    app.execute_batch(
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 40)
         INSERT INTO stock (part_id, location) SELECT 1, 1 + n % 2 FROM c",
    )
    .unwrap();
    assert!(doubles(&Track { copies: true, ..Track::default() }).is_empty());
    assert!(doubles(&Track { natural: words(&["settings"]), ..Track::default() }).is_empty());
    let [child, column, parent] = ["stock", "location", "locations"].map(str::to_owned);
    let meant = Track { references: vec![(child, column, parent)], ..Track::default() };
    assert!(doubles(&meant).contains(&("locations".to_owned(), Doubles::Some)));
}

#[test]
fn a_tables_facts_are_those_that_tracking_goes_by() {
    let (_folder, _app, path) = file(ODD);
    let said = look(&path, &Track::default()).unwrap();
    let of = |name: &str| said.tables.iter().find(|table| table.name == name).unwrap();
    assert_eq!(of("parts").written.as_deref(), Some("updated_at"));
    assert_eq!(
        (of("link").naming, of("link").named_by.as_slice()),
        ("unique", &words(&["a", "b"])[..])
    );
    assert_eq!(of("word").named_by, ["k"]);
    assert!(of("parts").named_by.is_empty());
    assert_eq!(said.undeclared.len(), 2, "{:?}", said.undeclared);
    assert!(said.would.notes.contains(&said.undeclared[0].note()));
}

#[test]
fn a_key_that_looks_counted_is_told_of() {
    let text =
        "CREATE TABLE r (no TEXT PRIMARY KEY, who TEXT) WITHOUT ROWID; INSERT INTO r (no) VALUES";
    let pair =
        "CREATE TABLE r (year INTEGER, no INTEGER, PRIMARY KEY (year, no)); INSERT INTO r VALUES";
    let lines =
        "CREATE TABLE l (id INTEGER PRIMARY KEY, year, no, FOREIGN KEY (year, no) REFERENCES r)";
    for (schema, looks_counted) in [
        (format!("{text} ('R-0016'), ('R-0017')"), true),
        (format!("{text} ('R-9999'), ('R-10000'), ('R-9998')"), true),
        (format!("{text} ('R-0016'), ('R-0018')"), false),
        (format!("{text} ('R-0001')"), false),
        (format!("{text} ('2026-11-29'), ('2026-11-30')"), false),
        (format!("{text} ('pen'), ('brush')"), false),
        (format!("{pair} (2026, 16), (2026, 17)"), false),
        (format!("{lines}; {pair} (2026, 16), (2026, 17)"), true),
        (format!("{lines}; {pair} (2025, 16), (2026, 17)"), false),
        ("CREATE TABLE r (no TEXT PRIMARY KEY)".to_owned(), false),
        (
            "CREATE TABLE r (id INTEGER PRIMARY KEY); INSERT INTO r VALUES (1), (2)".to_owned(),
            false,
        ),
    ] {
        let (_folder, _app, mut store) = untracked(&schema);
        let notes = store.track(&Track::default()).unwrap().notes;
        let told = notes.iter().any(|note| note.contains("looks counted"));
        assert_eq!(told, looks_counted, "{schema}: {notes:?}");
    }
}
