//! Keeps the tables of a shop's machines the same, with no server and no cloud.

pub mod cli;
pub mod config;
pub mod demo;
pub mod discovery;
pub mod folder;
pub mod init;
pub mod invite;
pub mod roster;
pub mod users;
