//! Shops on any schema: whatever their tables declare and people write, all machines end equal, references hold, and every
//! value that a person wrote is in a table, in the conflict journal or held.

use dunlin_schema::shop::Dice;
use dunlin_tests::seeds::{asked, seeds};
use dunlin_tests::sim::made::Schema;
use dunlin_tests::sim::shrink::{Ended, shrunk, told};
use dunlin_tests::sim::story::Plot;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// As many as a normal run has time for.
const SEEDS: u64 = 50;
/// A story that ends badly is told again so often, to make it smaller.
const TELLINGS: u64 = 300;
/// Stories are told side by side: they share nothing.
const AT_ONCE: usize = 2;

#[test]
fn shops_end_equal_whatever_their_tables_declare() {
    tell_all(SEEDS, |seed| Schema::made(&mut Dice::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))));
}

#[test]
fn shops_end_equal_on_what_real_schemas_have() {
    tell_all(SEEDS / 5, |_| Schema::of(include_str!("../src/sim/real.sql")));
}

/// Tells stories from seeds; one that ends badly is made smaller and told.
fn tell_all(count: u64, schema: impl Fn(u64) -> Schema + Sync) {
    let Range { start, end } = seeds(count);
    let tellings = asked("DUNLIN_TELLINGS").unwrap_or(TELLINGS);
    let (next, failed) = (AtomicU64::new(start), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let (plot, schema) = (Plot::default(), schema(seed));
                    let ended = told(seed, plot, &schema, &BTreeSet::new());
                    if let Some(wrong) = &ended.wrong {
                        tell_first(seed, wrong);
                        let (schema, ended) = shrunk((seed, tellings), plot, schema, ended);
                        say(seed, &schema, &ended);
                        failed.lock().unwrap().push(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "these seeds fail, each replayed with DUNLIN_SEED: {failed:?}");
}

#[expect(clippy::print_stderr, reason = "making it smaller takes a while")]
fn tell_first(seed: u64, wrong: &str) {
    eprintln!("seed {seed} fails: {}", wrong.lines().next().unwrap_or_default());
}

#[expect(clippy::print_stderr, reason = "who mends it needs to see it")]
fn say(seed: u64, schema: &Schema, ended: &Ended) {
    let wrong = ended.wrong.as_deref().unwrap_or_default();
    eprintln!("seed {seed}, made smaller:\n{schema}\n{}\n{wrong}\n", ended.told.join("\n"));
}
