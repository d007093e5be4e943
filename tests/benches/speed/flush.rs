//! Flush: how long after a till's commit is on its disk a partner's application sees it, by how long that disk takes.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use dunlin_schema::shop::{self, Dice};
use dunlin_tests::lab::{SlowDisk, Till};
use rusqlite::Connection;

use crate::engine::empty_items;
use crate::machines::{pair, pause, wait_for};
use crate::report::{Report, spread};
use crate::visible::{LOOK, gap};

/// What a till's disk takes, in milliseconds: none, a good one, a card.
const FLUSHES: [u64; 5] = [0, 2, 5, 10, 20];
/// Programs that want a core each, all the time.
const BUSY: usize = 4;

/// A program that does nothing but that; it ends when this is dropped.
struct Busy(Child);

impl Busy {
    fn start() -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "while :; do :; done"]).stdin(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.kill().unwrap_or_default();
        self.0.wait().map(drop).unwrap_or_default();
    }
}

pub(crate) fn measure(report: &mut Report, writes: u64) {
    let Some(disk) = SlowDisk::build() else { return };
    for busy in [0, BUSY] {
        let place = tempfile::tempdir().unwrap();
        let [mut a, b] = pair(place.path(), "a", |file, _| empty_items(file));
        a.start();
        wait_for("a link", || a.level() && b.level());
        let plain = place.path().join("plain.db");
        empty_items(&plain);
        shop::open(&plain).unwrap().pragma_update(None, "journal_mode", "WAL").unwrap();
        let readers = [&plain, &b.file()].map(|file| shop::open(file).unwrap());
        let programs: Vec<Busy> = (0..busy).map(|_| Busy::start()).collect();
        let mut dice = Dice::new(11);
        let mut id = 0;
        for flush in FLUSHES {
            let longer = Duration::from_millis(flush);
            let tills = [&plain, &a.file()].map(|file| Till::open(file, &disk, longer));
            let [Some(mut raw), Some(mut till)] = tills else { return };
            let [mut alone, mut seen] = [const { Vec::new() }; 2];
            for _ in 0..writes {
                id += 1;
                for (till, reader, all) in
                    [(&mut raw, &readers[0], &mut alone), (&mut till, &readers[1], &mut seen)]
                {
                    pause(gap(&mut dice));
                    all.push(after_the_flush(till, reader, id));
                }
            }
            let others = if programs.is_empty() { "" } else { ", 4 busy programs" };
            let what = format!("visible on B after a flush of {flush} ms{others}");
            report.time(&what, &spread(&seen), &spread(&alone), "seen in the same file");
        }
        drop(programs);
        let what = format!("of {id} commits, found by A's poll, {busy} busy programs");
        report.count(&what, a.found_by_poll());
    }
}

/// From when the commit is over until the reader sees it.
fn after_the_flush(till: &mut Till, reader: &Connection, id: i64) -> Duration {
    till.begin(&format!("INSERT INTO item VALUES ({id}, 'code', 'name', 'note', 1, 2)"));
    let mut look = reader.prepare_cached("SELECT 1 FROM item WHERE id = ?").unwrap();
    let begun = SystemTime::now();
    while !look.exists([id]).unwrap() {
        let waited = begun.elapsed().unwrap_or_default();
        assert!(waited < Duration::from_mins(1), "row {id} did not arrive");
        pause(LOOK);
    }
    let seen = SystemTime::now();
    // What is written can be seen a moment before its writer says that it is over.
    seen.duration_since(till.end().unwrap().over).unwrap_or_default()
}
