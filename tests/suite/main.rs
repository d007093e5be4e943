//! The promises, one module each.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod any_schema;
mod aside;
mod attacks;
mod counterexamples;
mod deletes;
mod dumps;
mod folding;
mod machines;
mod namesakes;
mod northwind_store;
mod put;
mod references;
mod restarts;
mod revive;
mod schema_cases;
mod schema_sim;
mod sim;
mod turns;
mod undeclared;
mod untrack;
mod upgrades;
