//! Keeps the tables of a shop's machines the same, with no server and no cloud.

pub mod cli;
mod clock;
pub mod config;
mod convert;
pub mod database;
pub mod demo;
pub mod discovery;
pub mod error;
mod fault;
pub mod folder;
pub mod init;
pub mod invite;
mod joining;
pub mod machine;
mod page;
pub mod pairing;
pub mod roster;
pub mod run;
mod service;
#[cfg(unix)]
mod socket;
pub mod sync;
pub mod users;
mod watch;

pub use error::{Error, Result};
