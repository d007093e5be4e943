//! A store whose clock stands still, for this crate's own tests.

use crate::{Clock, Millis, Options, Store, Track};
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

/// A Thursday noon in 2026, for ever.
pub(crate) const NOW: Millis = 1_790_000_000_000;

#[derive(Debug)]
pub(crate) struct Still;

impl Clock for Still {
    fn now(&self) -> Millis {
        NOW
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn rest(&self, _: Duration) {}
}

/// A file with these tables, the application's connection to it, and a store that tracks all of them.
pub(crate) fn shop(schema: &str) -> (TempDir, Connection, Store) {
    let (folder, app, mut store) = untracked(schema);
    store.track(&Track::default()).unwrap();
    (folder, app, store)
}

/// As [`shop`], and nothing is tracked.
pub(crate) fn untracked(schema: &str) -> (TempDir, Connection, Store) {
    untracked_by(1, schema)
}

/// The same of another machine.
pub(crate) fn untracked_by(machine: u128, schema: &str) -> (TempDir, Connection, Store) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let app = Connection::open(&path).unwrap();
    app.execute_batch(schema).unwrap();
    let options = Options {
        machine: Uuid::from_u128(machine),
        clock: Arc::new(Still),
        epoch: 1,
        now_sql: Some(NOW.to_string()),
        spare: None,
    };
    let store = Store::open(&path, options).unwrap();
    (folder, app, store)
}

/// About how many steps SQLite's machine makes for it, in tens: the same on every computer.
pub(crate) fn steps(store: &mut Store, work: impl FnOnce(&mut Store)) -> u64 {
    let count = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&count);
    let step = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        false
    };
    store.conn.progress_handler(10, Some(step)).unwrap();
    work(store);
    store.conn.progress_handler(0, None::<fn() -> bool>).unwrap();
    count.load(Ordering::Relaxed)
}
