//! Keeps the tables of a shop's machines the same, with no server and no cloud.

pub mod config;
pub mod discovery;
pub mod folder;
pub mod invite;
pub mod roster;
pub mod users;
