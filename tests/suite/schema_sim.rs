//! Schema changes from seeds: whatever tools do to whichever machine first, all end equal and nothing that a person wrote
//! is gone.

use dunlin_tests::seeds::seeds;
use dunlin_tests::sim::upgrade::{Came, tell};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// As many as a normal run has time for.
const SEEDS: u64 = 500;
/// Stories are told side by side: they share nothing.
const AT_ONCE: usize = 2;

#[test]
fn machines_end_equal_however_their_applications_are_upgraded() {
    let Range { start, end } = seeds(SEEDS);
    let next = AtomicU64::new(start);
    let (failed, came) = (Mutex::new(Vec::new()), Mutex::new(Came::default()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    match told(seed) {
                        Some(one) => {
                            let mut came = came.lock().unwrap();
                            came.upgrades += one.upgrades;
                            came.writes += one.writes;
                            came.judged += one.judged;
                        }
                        None => failed.lock().unwrap().push(seed),
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    #[expect(clippy::print_stderr, reason = "how much it was worth")]
    {
        eprintln!("{:?}", came.into_inner().unwrap());
    }
    assert!(failed.is_empty(), "these seeds fail, each replayed with DUNLIN_SEED: {failed:?}");
}

/// Tells a story; one that ends badly is told step by step.
fn told(seed: u64) -> Option<Came> {
    let mut steps = Vec::new();
    let came = catch_unwind(AssertUnwindSafe(|| tell(seed, &mut steps)));
    if came.is_err() {
        #[expect(clippy::print_stderr, reason = "who wants to replay it needs the steps")]
        {
            eprintln!("seed {seed} failed after\n{}\n", steps.join("\n"));
        }
    }
    came.ok()
}
