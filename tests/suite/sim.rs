//! Whole shops from seeds: whatever happens, all machines end equal and nothing acknowledged is gone.

use dunlin_tests::sim::story::{Plot, tell};
use dunlin_tests::sim::world::Parts;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// As many as a normal run has time for.
const SEEDS: u64 = 200;

#[expect(clippy::disallowed_methods, reason = "a seed to replay is told from outside")]
fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn shops_whose_applications_keep_no_references_end_with_equal_versions() {
    let from = asked("DUNLIN_SEED").unwrap_or(1);
    let until = asked("DUNLIN_SEED").map_or(20, |seed| seed + 1);
    for seed in from..until {
        told(seed, Plot { loose: true, tell: until == from + 1, ..Plot::default() });
    }
}

#[test]
fn shops_end_equal_whatever_happens_to_their_links_clocks_and_files() {
    if let Some(seed) = asked("DUNLIN_SEED") {
        return told(seed, Plot { tell: true, ..Plot::default() });
    }
    let from = asked("DUNLIN_SEED_FROM").unwrap_or(1);
    let until = asked("DUNLIN_SEED_UNTIL").unwrap_or(from + SEEDS);
    for seed in from..until {
        told(seed, Plot::default());
    }
}

#[test]
fn shops_end_equal_though_tables_are_let_go_and_taken_back() {
    let plot = Plot { untrack: true, ..Plot::default() };
    if let Some(seed) = asked("DUNLIN_SEED") {
        return told(seed, Plot { tell: true, ..plot });
    }
    let from = asked("DUNLIN_SEED_FROM").unwrap_or(1);
    let until = asked("DUNLIN_SEED_UNTIL").unwrap_or(from + SEEDS / 4);
    for seed in from..until {
        told(seed, plot);
    }
}

/// Tells a story, and names its seed when it ends badly.
fn told(seed: u64, plot: Plot) {
    if let Err(panic) =
        catch_unwind(AssertUnwindSafe(|| tell(seed, plot, &mut Parts, &mut Vec::new())))
    {
        #[expect(clippy::print_stderr, reason = "who wants to replay it needs the seed")]
        {
            eprintln!("the story of seed {seed} failed; replay it with DUNLIN_SEED={seed}");
        }
        resume_unwind(panic);
    }
}
