//! Keeps the tables of a shop's machines the same, with no server and no cloud.

pub mod brake;
mod certificate;
pub mod check;
pub mod cli;
mod clock;
pub mod config;
mod convert;
pub mod database;
pub mod demo;
pub mod discovery;
mod doors;
pub mod error;
mod fault;
pub mod folder;
pub mod init;
pub mod invite;
mod joining;
pub mod keys;
pub mod machine;
mod memory;
mod neighbours;
mod page;
pub mod pairing;
mod ready;
pub mod roster;
pub mod run;
mod service;
pub mod sessions;
mod settings;
mod sign_in;
#[cfg(unix)]
mod socket;
pub mod sync;
pub mod tokens;
pub mod users;
mod watch;

pub use error::{Error, Result};
