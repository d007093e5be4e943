//! Which seeds are told: a test's own, or those that are asked for from outside.

use std::ops::Range;

/// A number that is told from outside.
#[expect(clippy::disallowed_methods, reason = "a seed to replay is told from outside")]
pub fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// `DUNLIN_SEED` alone, or `DUNLIN_SEED_FROM` up to `DUNLIN_SEED_UNTIL`; else so many from the first.
pub fn seeds(count: u64) -> Range<u64> {
    if let Some(seed) = asked("DUNLIN_SEED") {
        return seed..seed + 1;
    }
    let from = asked("DUNLIN_SEED_FROM").unwrap_or(1);
    from..asked("DUNLIN_SEED_UNTIL").unwrap_or(from + count)
}
