//! Whole shops from seeds: whatever happens, all machines end equal and nothing acknowledged is gone.

use dunlin_tests::sim::story::{Plot, tell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// As many as a normal run has time for.
const SEEDS: u64 = 200;

#[expect(clippy::disallowed_methods, reason = "a seed to replay is told from outside")]
fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn shops_end_equal_whatever_happens_to_their_links_clocks_and_files() {
    if let Some(seed) = asked("DUNLIN_SEED") {
        return tell(seed, Plot { tell: true, ..Plot::default() });
    }
    let from = asked("DUNLIN_SEED_FROM").unwrap_or(1);
    let until = asked("DUNLIN_SEED_UNTIL").unwrap_or(from + SEEDS);
    for seed in from..until {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| tell(seed, Plot::default()))) {
            #[expect(clippy::print_stderr, reason = "who wants to replay it needs the seed")]
            {
                eprintln!("the story of seed {seed} failed; replay it with DUNLIN_SEED={seed}");
            }
            resume_unwind(panic);
        }
    }
}
