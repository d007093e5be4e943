//! An application's own writes: what the triggers cost it, in time and on disk. No daemon runs.

use std::path::Path;
use std::time::{Duration, Instant};

use dunlin_schema::shop::Dice;
use dunlin_schema::{Store, Track};
use rusqlite::{Connection, params};

use crate::engine::{options, words};
use crate::report::{Report, spread};

/// So many writes of one file before it is the other's turn.
const TURN: u64 = 50;
/// Rows of a bulk insert; one transaction.
const BULK: u64 = 10_000;

/// The same application with two files.
struct Pair {
    plain: Connection,
    tracked: Connection,
    _place: tempfile::TempDir,
}

/// What one round of writes took, row by row.
#[derive(Default)]
struct Took {
    plain: Vec<Duration>,
    tracked: Vec<Duration>,
}

pub(crate) fn measure(report: &mut Report, singles: u64, rows: u64) {
    for (unique, table) in [("", "plain table"), (" UNIQUE", "table with a UNIQUE")] {
        for synchronous in ["NORMAL", "FULL"] {
            let mut pair = Pair::make(unique, synchronous, BULK);
            let took = pair.singles(singles, BULK);
            took.tell(report, &format!("insert of one row, {synchronous}, {table}"));
            if synchronous == "NORMAL" {
                let took =
                    pair.each(singles, "UPDATE item SET quantity = quantity + 1 WHERE id = ?");
                took.tell(report, &format!("update of one row, NORMAL, {table}"));
                let took = pair.each(singles, "DELETE FROM item WHERE id = ?");
                took.tell(report, &format!("delete of one row, NORMAL, {table}"));
            }
        }
        let mut pair = Pair::make(unique, "NORMAL", 0);
        pair.bulk(rows).tell(report, &format!("insert of {BULK} rows at once, {table}"));
        pair.sizes(report, &format!("{rows} rows on disk, folded, {table}"));
    }
}

impl Took {
    fn tell(&self, report: &mut Report, what: &str) {
        report.time(what, &spread(&self.tracked), &spread(&self.plain), "not tracked");
    }
}

impl Pair {
    fn make(unique: &str, synchronous: &str, rows: u64) -> Self {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = place.path().join(name);
            let conn = Connection::open(&path).unwrap();
            conn.execute_batch(&format!(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous};
                 CREATE TABLE item (
                     id       INTEGER PRIMARY KEY,
                     code     TEXT NOT NULL{unique},
                     name     TEXT NOT NULL,
                     note     TEXT NOT NULL,
                     quantity INTEGER NOT NULL,
                     cents    INTEGER NOT NULL
                 );"
            ))
            .unwrap();
            (path, conn)
        };
        let (_, plain) = file("plain.db");
        let (path, tracked) = file("tracked.db");
        Store::open(&path, options(1)).unwrap().track(&Track::default()).unwrap();
        let mut pair = Self { plain, tracked, _place: place };
        for from in (0..rows).step_by(usize::try_from(BULK).unwrap()) {
            insert_bulk(&mut pair.plain, from, BULK);
            insert_bulk(&mut pair.tracked, from, BULK);
        }
        fold(&path);
        pair
    }

    /// Single inserts, each its own transaction, in turns.
    fn singles(&mut self, count: u64, from: u64) -> Took {
        let mut took = Took::default();
        for turn in (from..from + count).step_by(usize::try_from(TURN).unwrap()) {
            for (conn, took) in [(&self.plain, &mut took.plain), (&self.tracked, &mut took.tracked)]
            {
                for id in turn..turn + TURN {
                    let row = Row::of(id);
                    let begun = Instant::now();
                    insert(conn, &row);
                    took.push(begun.elapsed());
                }
            }
        }
        took
    }

    /// One statement for rows here and there, each its own transaction, in turns.
    fn each(&mut self, count: u64, sql: &str) -> Took {
        let mut took = Took::default();
        let mut dice = Dice::new(7);
        let mut ids: Vec<i64> = (1..=i64::try_from(BULK).unwrap()).collect();
        ids.sort_by_cached_key(|_| dice.roll());
        ids.truncate(usize::try_from(count).unwrap());
        for turn in ids.chunks(usize::try_from(TURN).unwrap()) {
            for (conn, took) in [(&self.plain, &mut took.plain), (&self.tracked, &mut took.tracked)]
            {
                for id in turn {
                    let begun = Instant::now();
                    conn.prepare_cached(sql).unwrap().execute([id]).unwrap();
                    took.push(begun.elapsed());
                }
            }
        }
        took
    }

    /// Many rows in one transaction, in turns.
    fn bulk(&mut self, rows: u64) -> Took {
        let mut took = Took::default();
        for from in (0..rows).step_by(usize::try_from(BULK).unwrap()) {
            took.plain.push(insert_bulk(&mut self.plain, from, BULK));
            took.tracked.push(insert_bulk(&mut self.tracked, from, BULK));
        }
        took
    }

    fn sizes(&self, report: &mut Report, what: &str) {
        let path = self.tracked.path().unwrap().to_owned();
        fold(Path::new(&path));
        let bytes = |conn: &Connection| -> f64 {
            conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
            conn.query_row(
                "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                [],
                |row| row.get(0),
            )
            .unwrap()
        };
        report.size(what, bytes(&self.tracked), bytes(&self.plain));
    }
}

/// What the daemon would do once it runs again.
fn fold(path: &Path) {
    Store::open(path, options(1)).unwrap().fold().unwrap();
}

/// A row of about two hundred bytes.
struct Row {
    code: String,
    name: String,
    note: String,
}

impl Row {
    fn of(id: u64) -> Self {
        let mut dice = Dice::new(id);
        let code = format!("{:05}{id:08}", dice.between(0, 99_999));
        Self { code, name: words(&mut dice, 30), note: words(&mut dice, 133) }
    }
}

fn insert(conn: &Connection, row: &Row) {
    conn.prepare_cached(
        "INSERT INTO item (code, name, note, quantity, cents) VALUES (?1, ?2, ?3, 5, 995)",
    )
    .unwrap()
    .execute(params![row.code, row.name, row.note])
    .unwrap();
}

fn insert_bulk(conn: &mut Connection, from: u64, count: u64) -> Duration {
    let rows: Vec<Row> = (from..from + count).map(Row::of).collect();
    let begun = Instant::now();
    let all = conn.transaction().unwrap();
    for row in &rows {
        insert(&all, row);
    }
    all.commit().unwrap();
    begun.elapsed()
}
