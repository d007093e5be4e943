//! Watching a database file: what other programs commit is noticed within a millisecond or so.
//!
//! A commit is an event on the folder (the file, or its `-wal`). Some events come before the commit can be seen, so
//! the file is looked at a few times more; and once a second anyway, in case the watch is deaf (network and overlay
//! file systems are).

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dunlin_logs::Chain;
use dunlin_schema::{Happened, What};
use notify::{EventKind, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tracing::warn;

use crate::database::Database;
use crate::error::Error;

/// In case the watch is deaf.
const POLL: Duration = Duration::from_secs(1);
/// After an event, so often and so far apart.
const LOOKS: usize = 3;
const APART: Duration = Duration::from_millis(1);
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
    loop {
        let looks = tokio::select! {
            () = event.notified() => LOOKS,
            () = tokio::time::sleep(seen.wait) => 1,
        };
        for look in 0..looks {
            match look {
                0 => {}
                // A commit is several writes; the last of them is the one that shows it.
                1 => drop(tokio::time::timeout(APART, event.notified()).await),
                _ => tokio::time::sleep(APART).await,
            }
            match database.fold().await {
                Ok(folded) => {
                    failing = false;
                    if folded {
                        break;
                    }
                }
                Err(Error::Stopping) => return,
                Err(error) => {
                    // Once, not once a second.
                    if !std::mem::replace(&mut failing, true) {
                        warn!(database = database.name(), cause = %Chain(&error), "log not folded");
                    }
                    break;
                }
            }
        }
        seen.look(&database).await;
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
