//! How fast Dunlin is, beside how fast the same machine does the same work without it.
//!
//! ```text
//!   writes     an application's own writes: a plain file, and one that is tracked
//!   engine     fold, page and apply in one process
//!   catch-up   100 000 rows from one daemon to an empty partner
//!   visible    a commit on A, until another program sees it in B's file
//!   flush      the same after flushes of 0 to 20 ms, also beside four busy programs
//!   till       a till's commits while the daemon has much to do, on a disk whose flush takes 10 ms
//!   page       each page and export of a large shop
//!   watched    whether looking is in the way: of a till, of a catch-up, of a person's decision
//! ```
//!
//! Every figure stands beside a baseline that was measured in the same minute, in turns with it: absolute values do
//! not carry from one machine to another, ratios nearly do. Nothing is asserted; `docs/performance.md` says what to
//! make of it.
//!
//! Needs the release binary `dunlin` beside it, which `scripts/bench` builds. `--json` prints JSON, `--quick` does a
//! tenth of the work, `--long` five times as much of `flush` and `till`, and words choose some of the eight.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement that cannot go on should stop, and its figures are what it prints"
)]

mod catch_up;
mod engine;
mod flush;
mod machines;
mod page;
mod report;
mod till;
mod visible;
mod watched;
mod writes;

use report::Report;

/// What was asked for on the command line.
struct Asked {
    json: bool,
    quick: bool,
    long: bool,
    only: Vec<String>,
}

impl Asked {
    fn read(words: impl Iterator<Item = String>) -> Self {
        let mut asked = Self { json: false, quick: false, long: false, only: Vec::new() };
        for word in words {
            match word.as_str() {
                "--json" => asked.json = true,
                "--quick" => asked.quick = true,
                "--long" => asked.long = true,
                // What cargo adds.
                "--bench" => {}
                _ => asked.only.push(word),
            }
        }
        asked
    }

    fn wants(&self, what: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == what)
    }

    /// So many, or a tenth of it.
    fn many(&self, count: u64) -> u64 {
        if self.quick { count / 10 } else { count }
    }

    /// So many, or a tenth of it, or five times as much.
    fn even_more(&self, count: u64) -> u64 {
        if self.long { count * 5 } else { self.many(count) }
    }
}

fn main() {
    let asked = Asked::read(std::env::args().skip(1));
    let mut report = Report::default();
    if asked.wants("writes") {
        writes::measure(&mut report, asked.many(2_000), asked.many(100_000));
    }
    if asked.wants("engine") {
        engine::measure(&mut report, asked.many(100_000));
    }
    if asked.wants("catch-up") {
        catch_up::measure(&mut report, asked.many(100_000));
    }
    if asked.wants("visible") {
        visible::measure(&mut report, asked.many(200));
    }
    if asked.wants("flush") {
        flush::measure(&mut report, asked.even_more(200));
    }
    if asked.wants("till") {
        till::measure(&mut report, asked.even_more(200_000));
    }
    if asked.wants("page") {
        page::measure(&mut report, asked.many(100).max(20));
    }
    if asked.wants("watched") {
        watched::measure(&mut report, asked.many(1_000), asked.many(150_000));
    }
    print!("{}", if asked.json { report.json() } else { report.table() });
}
