//! Whole shops from seeds: whatever happens, all machines end equal and nothing acknowledged is gone.

use dunlin_tests::seeds::seeds;
use dunlin_tests::sim::story::{Plot, tell};
use dunlin_tests::sim::world::Parts;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// As many as a normal run has time for.
const SEEDS: u64 = 200;

#[test]
fn shops_whose_applications_keep_no_references_end_with_equal_versions() {
    tell_all(19, Plot { loose: true, ..Plot::default() });
}

#[test]
fn shops_end_equal_whatever_happens_to_their_links_clocks_and_files() {
    tell_all(SEEDS, Plot::default());
}

#[test]
fn shops_end_equal_though_tables_are_let_go_and_taken_back() {
    tell_all(SEEDS / 4, Plot { untrack: true, ..Plot::default() });
}

/// Tells stories from seeds; a single one step by step.
fn tell_all(count: u64, plot: Plot) {
    let seeds = seeds(count);
    let tell = seeds.end == seeds.start + 1;
    for seed in seeds {
        told(seed, Plot { tell, ..plot });
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
