//! Stories of real machines: each test starts daemons as processes and says in its name what is true.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

mod attack_partner;
mod away;
mod collide;
mod joining;
mod northwind;
mod pairing;
mod relay;
mod scripts;
mod spaces;
mod tokens;
mod words;
mod writers;
