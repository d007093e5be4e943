//! How fast a change is seen: a reader of each file, as the application on that machine would be.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dunlin_schema::shop;
use tokio::time::Instant;

use super::Error;
use super::machine::Machine;

/// How often a reader looks. It is the resolution of what is measured.
const LOOK: Duration = Duration::from_millis(1);

/// A sale that is not seen after this time was cancelled, or its machine is cut off; the next check tells.
const GIVE_UP: Duration = Duration::from_secs(10);

/// A reader of one file.
type Reader = Mutex<shop::Sales>;

/// The readers of all files, and the longest time so far.
#[derive(Debug)]
pub(super) struct Watch {
    readers: Arc<Vec<Reader>>,
    /// Microseconds; 0 while nothing was seen.
    slowest: Arc<AtomicU64>,
}

impl Watch {
    /// Opens a reader for the file of each machine.
    pub(super) fn open(machines: &[Machine]) -> Result<Self, Error> {
        let readers: Result<Vec<Reader>, shop::Error> = machines
            .iter()
            .map(|machine| shop::Sales::open(&machine.database()).map(Mutex::new))
            .collect();
        Ok(Self { readers: Arc::new(readers?), slowest: Arc::default() })
    }

    /// The longest that a sale took until the last of the other machines showed it.
    pub(super) fn slowest(&self) -> Option<Duration> {
        match self.slowest.load(Ordering::Relaxed) {
            0 => None,
            microseconds => Some(Duration::from_micros(microseconds)),
        }
    }

    /// Follows the newest sale of a till, written on machine `at` and committed at `done`.
    pub(super) fn follow(&self, at: usize, clerk: &str, done: Instant) -> Result<(), Error> {
        let Some(reader) = self.readers.get(at) else { return Ok(()) };
        let Some(sale) = newest(reader, clerk)? else { return Ok(()) };
        let (readers, slowest) = (Arc::clone(&self.readers), Arc::clone(&self.slowest));
        let clerk = clerk.to_owned();
        tokio::spawn(async move {
            for reader in readers.iter() {
                if !seen(reader, &clerk, &sale, done + GIVE_UP).await {
                    return;
                }
            }
            let took = u64::try_from(done.elapsed().as_micros()).unwrap_or(u64::MAX).max(1);
            slowest.fetch_max(took, Ordering::Relaxed);
        });
        Ok(())
    }
}

fn newest(reader: &Reader, clerk: &str) -> Result<Option<String>, shop::Error> {
    // A reader that panicked left nothing half done: it only reads.
    reader.lock().unwrap_or_else(PoisonError::into_inner).newest(clerk)
}

/// Looks until the file shows this sale of the clerk, or a later one.
async fn seen(reader: &Reader, clerk: &str, sale: &str, until: Instant) -> bool {
    while Instant::now() < until {
        match newest(reader, clerk) {
            Ok(Some(newest)) if newest.as_str() >= sale => return true,
            // Not yet, or the file is busy: the next look tells.
            Ok(_) | Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
    false
}
