//! Watching a database file: what other programs commit is noticed within a millisecond or so.
//!
//! A commit is an event on the folder (the file, or its `-wal`). The event comes at the write, and what was written can
//! be read after the disk's flush: while a commit is under way, the file is looked at again and again, at distances
//! that grow. It is looked at once a second anyway, in case the watch is deaf (network and overlay file systems are).

mod again;

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dunlin_logs::Chain;
use dunlin_schema::{Happened, What};
use futures_util::FutureExt as _;
use notify::{EventKind, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::warn;

use crate::database::Database;
use crate::error::Error;

/// In case the watch is deaf.
const POLL: Duration = Duration::from_secs(1);
/// So long the watch rests after an event, while the kernel makes one of all that follow: a page of ours is thousands
/// of writes, and each of them would wake us.
const REST: Duration = Duration::from_micros(300);

/// Folds what the application writes, until dropped.
pub(crate) async fn watch(database: Database) {
    let event = Arc::new(Notify::new());
    // Dropped with this future, and the watch with it.
    let _watcher = match start(database.path(), Arc::clone(&event)) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            warn!(cause = %Chain(&error), "file not watched, asking once a second");
            None
        }
    };
    let mut failing = false;
    let mut seen = Seen::new();
    let mut waiting = Waiting::default();
    loop {
        let by_poll = waiting.wait(&event, seen.wait).await;
        match database.look().await {
            Ok(looked) => {
                failing = false;
                if by_poll && looked.any {
                    database.note_found_by_poll();
                }
                waiting.looked(looked.any, looked.under_way);
                if looked.under_way && !looked.any {
                    continue;
                }
            }
            Err(Error::Stopping) => return,
            Err(error) => {
                waiting.looked(false, false);
                // Once, not once a second.
                if !std::mem::replace(&mut failing, true) {
                    warn!(database = database.name(), cause = %Chain(&error), "log not folded");
                }
            }
        }
        seen.look(&database).await;
    }
}

/// For what the next look waits.
#[derive(Default)]
struct Waiting {
    /// When the last event came. None: only the poll has looked since.
    told: Option<Instant>,
    /// Since when a commit is seen to be under way.
    under_way: Option<Instant>,
}

impl Waiting {
    /// Waits until the file is to be looked at, at the latest for so long. Answers whether the poll looks. A wait
    /// that was shorter is over by chance before the event comes, and says nothing about the watch.
    async fn wait(&mut self, event: &Notify, poll: Duration) -> bool {
        let next = self.under_way.zip(self.told);
        let next = next.and_then(|(since, told)| again::next(since.elapsed(), told.elapsed()));
        if let Some(next) = next {
            // An event meanwhile is of that commit, or of one after it, which this look sees under way.
            tokio::time::sleep(next).await;
            if event.notified().now_or_never().is_some() {
                self.told = Some(Instant::now());
            }
            return false;
        }
        let is_told = tokio::time::timeout(poll, event.notified()).await.is_ok();
        *self = Self { told: is_told.then(Instant::now), under_way: None };
        !is_told && poll == POLL
    }

    /// Something new was seen; a commit is still under way.
    fn looked(&mut self, any: bool, under_way: bool) {
        let before = self.under_way.filter(|_| !any);
        self.under_way = under_way.then(|| before.unwrap_or_else(Instant::now));
    }
}

/// What was told of already, and when to look again.
struct Seen {
    happened: usize,
    /// It was told that the sidecar cannot be copied.
    failing: bool,
    wait: Duration,
}

impl Seen {
    fn new() -> Self {
        Self { happened: 0, failing: false, wait: POLL }
    }

    /// Copies what moved of the sidecar, and tells what other programs did to it and to the file.
    async fn look(&mut self, database: &Database) {
        self.wait = loop {
            // Piece by piece: others have their turn between.
            let Ok(copied) = database.call(|store| Ok(store.copy_spare())).await else { return };
            match copied {
                Ok(Some(Duration::ZERO)) => {}
                Ok(wait) => {
                    self.failing = false;
                    break wait.unwrap_or(POLL).min(POLL);
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.failing, true) {
                        warn!(database = database.name(), cause = %Chain(&error), "sidecar not copied");
                    }
                    break POLL;
                }
            }
        };
        let told = self.happened;
        let happened = move |store: &mut dunlin_schema::Store| {
            Ok(store.happened().get(told..).unwrap_or_default().to_vec())
        };
        let Ok(happened) = database.call(happened).await else { return };
        for Happened { what, .. } in happened {
            self.happened += 1;
            warn!(
                database = database.name(),
                cause = words(&what),
                "another program was at the file"
            );
        }
    }
}

/// What another program did, in a sentence.
pub(crate) fn words(what: &What) -> String {
    match what {
        What::Dropped { from_spare: true } => {
            "a program dropped Dunlin's tables; they were put back".to_owned()
        }
        What::Dropped { from_spare: false } => {
            "a program dropped Dunlin's tables; they were made anew, and the partners give back what they know".to_owned()
        }
        What::Replaced { older: true } => {
            "an older copy of the file was put in its place; Dunlin opened it, and the partners give back what is newer".to_owned()
        }
        What::Replaced { older: false } => {
            "the file was replaced by another one; Dunlin opened it".to_owned()
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the watch's own thread rests, so that events merge")]
fn rest() {
    std::thread::sleep(REST);
}

fn start(file: &Path, event: Arc<Notify>) -> Result<notify::RecommendedWatcher, notify::Error> {
    let name: OsString = file.file_name().unwrap_or_default().to_owned();
    let mut watcher = notify::recommended_watcher(move |found: notify::Result<notify::Event>| {
        let Ok(found) = found else { return event.notify_one() };
        let ours = |path: &std::path::PathBuf| {
            path.file_name()
                .is_some_and(|found| found.as_encoded_bytes().starts_with(name.as_encoded_bytes()))
        };
        let writes = !matches!(found.kind, EventKind::Access(_));
        if writes && found.paths.iter().any(ours) {
            event.notify_one();
        }
        rest();
    })?;
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}
