//! The promises, one module each.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

mod counterexamples;
mod northwind_store;
mod sim;
