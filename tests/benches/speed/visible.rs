//! Visible: a commit on A, until another program sees it in B's file.

use std::path::Path;
use std::time::{Duration, Instant};

use dunlin_schema::shop::{self, Dice};
use rusqlite::Connection;

use crate::engine::empty_items;
use crate::machines::{pair, pause, wait_for};
use crate::report::{Report, spread};

/// Between two writes: a till's pace, at random, so that no timer of ours is met in step.
const GAP_MS: (i64, i64) = (5, 60);
/// Between two looks at the file: far below what is measured, and the core is left to the daemons.
pub(crate) const LOOK: Duration = Duration::from_micros(50);

pub(crate) fn measure(report: &mut Report, writes: u64) {
    for (dials, who) in [("a", "A dials"), ("b", "B dials")] {
        let place = tempfile::tempdir().unwrap();
        let [mut a, mut b] = pair(place.path(), dials, |file, _| empty_items(file));
        if dials == "a" { &mut a } else { &mut b }.start();
        wait_for("a link", || a.level() && b.level());
        let (mut ours, mut raw) = (Vec::new(), Vec::new());
        let plain = place.path().join("plain.db");
        empty_items(&plain);
        let (plain_writer, plain_reader) = (writer(&plain), reader(&plain));
        let (a_writer, b_reader) = (writer(&a.file()), reader(&b.file()));
        let mut dice = Dice::new(11);
        for id in 1..=i64::try_from(writes).unwrap() {
            pause(gap(&mut dice));
            raw.push(seen(&plain_writer, &plain_reader, id));
            pause(gap(&mut dice));
            ours.push(seen(&a_writer, &b_reader, id));
        }
        report.time(
            &format!("commit on A visible on B, {who}"),
            &spread(&ours),
            &spread(&raw),
            "seen in the same file",
        );
    }
}

pub(crate) fn gap(dice: &mut Dice) -> Duration {
    Duration::from_millis(u64::try_from(dice.between(GAP_MS.0, GAP_MS.1)).unwrap())
}

fn writer(path: &Path) -> Connection {
    let conn = shop::open(path).unwrap();
    conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;").unwrap();
    conn
}

fn reader(path: &Path) -> Connection {
    shop::open(path).unwrap()
}

/// From just before the write until the reader sees it.
fn seen(writer: &Connection, reader: &Connection, id: i64) -> Duration {
    let begun = Instant::now();
    writer
        .prepare_cached("INSERT INTO item VALUES (?1, 'code', 'name', 'note', 1, 2)")
        .unwrap()
        .execute([id])
        .unwrap();
    loop {
        let mut look = reader.prepare_cached("SELECT 1 FROM item WHERE id = ?").unwrap();
        if look.exists([id]).unwrap() {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "row {id} did not arrive");
        pause(LOOK);
    }
}
