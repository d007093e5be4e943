//! How long what others wait for took: counted without a lock, for whoever draws graphs of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds, in seconds: from a commit on a good disk to one that somebody telephones about.
pub const BOUNDS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

/// So many took no longer than each bound; counters only grow.
#[derive(Debug, Default)]
pub struct Histogram {
    /// Not yet summed up: each observation is in one of them, the last is for what exceeds all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
}

/// A histogram as it stood at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    /// How many took no longer than the bound of the same place.
    pub up_to: Vec<u64>,
    /// How many there were.
    pub count: u64,
    /// What all took together, in seconds.
    pub seconds: f64,
}

impl Histogram {
    /// Takes one in.
    pub fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let place = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// How it stands.
    pub fn counted(&self) -> Counted {
        let mut count = 0;
        let mut up_to: Vec<u64> = self
            .buckets
            .iter()
            .map(|bucket| {
                count += bucket.load(Ordering::Relaxed);
                count
            })
            .collect();
        up_to.pop();
        let seconds = Duration::from_nanos(self.nanos.load(Ordering::Relaxed)).as_secs_f64();
        Counted { up_to, count, seconds }
    }
}

/// What is measured of one database.
#[derive(Debug, Default)]
pub struct Meters {
    /// A partner's page: from when the thread took it up until it was committed. Waiting in the queue is not in it.
    pub apply: Histogram,
    /// Commits that flush, and wrote something: the write-ahead log written and flushed, and where it was due, moved
    /// into the file.
    pub commit: Histogram,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_no_longer_than_a_bound_is_counted_there_and_in_all_above() {
        let histogram = Histogram::default();
        for micros in [400, 500, 501, 3_000, 99_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let counted = histogram.counted();
        assert_eq!(counted.up_to, [2, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4]);
        assert_eq!(counted.count, 5);
        assert!((counted.seconds - 99.004_401).abs() < 1e-9, "{counted:?}");
    }
}
