//! The Sync partners page in a real browser: people at windows, real daemons behind them.
//!
//! Each test has a ChromeDriver of its own and a Chromium for each person. Without them a test is
//! skipped, with a line that says so. How to add one stands in `docs/testing.md`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

mod live;
mod look;
mod pages;
mod pairing;
mod people;
mod rows;
mod shop;
mod story;
mod strings;
