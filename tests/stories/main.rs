//! Stories of real machines: each test starts daemons as processes and says in its name what is true.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

mod access;
mod applications;
mod attack_http;
mod attack_mdns;
mod attack_partner;
mod attack_text;
mod attack_web;
mod away;
mod cards;
mod collide;
mod deletes;
mod doors;
mod events;
mod forget;
mod joining;
mod large;
mod northwind;
mod page;
mod pairing;
mod rejoin;
mod relay;
mod rotate;
mod routes;
mod scripts;
mod secrets;
mod settings;
mod shop;
mod sizes;
mod spaces;
mod till;
mod tokens;
mod tools;
mod untrack;
mod words;
mod writers;
