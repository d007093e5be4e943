//! Making a story that ends badly smaller: steps left out, parts of the schema left out, as long as it still ends so.

use super::made::Schema;
use super::story::{Plot, tell_without};
use super::writer::Writer;
use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// How a story ended.
#[derive(Debug)]
pub struct Ended {
    /// What went wrong; none: nothing.
    pub wrong: Option<String>,
    /// What happened, step by step.
    pub told: Vec<String>,
}

/// Tells a story on a schema, some of its steps left out.
pub fn told(seed: u64, plot: Plot, schema: &Schema, without: &BTreeSet<u64>) -> Ended {
    keep_quiet();
    let mut told = Vec::new();
    let mut writer = Writer::new(&schema.to_string());
    QUIET.set(true);
    let ended = catch_unwind(AssertUnwindSafe(|| {
        tell_without(seed, (plot, without), &mut writer, &mut told);
    }));
    QUIET.set(false);
    Ended { wrong: ended.err().map(|panic| words(&*panic)), told }
}

/// The smallest story that was found in which the same goes wrong. `left`: so often it is told again, at most.
pub fn shrunk(
    (seed, mut left): (u64, u64),
    plot: Plot,
    mut schema: Schema,
    mut ended: Ended,
) -> (Schema, Ended) {
    const STEPS_MAX: u64 = 20;
    let mut without = BTreeSet::new();
    let kind = kind(ended.wrong.as_deref().unwrap_or_default());
    let mut fails = |schema: &Schema, without: &BTreeSet<u64>| {
        left = left.checked_sub(1)?;
        let ended = told(seed, plot, schema, without);
        ended.wrong.as_deref().is_some_and(|wrong| self::kind(wrong) == kind).then_some(ended)
    };
    let mut size = plot.steps + STEPS_MAX;
    loop {
        let mut got_smaller = false;
        for from in (0..plot.steps + STEPS_MAX).step_by(usize::try_from(size).unwrap()) {
            let fewer: BTreeSet<u64> = without.iter().copied().chain(from..from + size).collect();
            if fewer.len() > without.len()
                && let Some(smaller) = fails(&schema, &fewer)
            {
                (without, ended, got_smaller) = (fewer, smaller, true);
            }
        }
        let mut candidates = schema.smaller();
        while let Some(smaller) = candidates.pop() {
            if smaller.is_sound()
                && let Some(still) = fails(&smaller, &without)
            {
                (ended, got_smaller) = (still, true);
                candidates = smaller.smaller();
                schema = smaller;
            }
        }
        if size == 1 && !got_smaller {
            return (schema, ended);
        }
        size = (size / 2).max(1);
    }
}

/// What goes wrong, without who and where.
fn kind(wrong: &str) -> &'static str {
    const KINDS: [&str; 12] = [
        "tables differ",
        "versions differ",
        "digests differ",
        "held rows differ",
        "point nowhere",
        "has ghosts",
        "a value is lost",
        "a version vanished",
        "a row vanished",
        "never become empty",
        "cannot take a page",
        "one version says two things",
    ];
    KINDS.into_iter().find(|kind| wrong.contains(kind)).unwrap_or_default()
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|&text| text.to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// Panics of a story that is told again and again are not printed.
fn keep_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                before(panic);
            }
        }));
    });
}
