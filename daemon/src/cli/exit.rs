//! Exit codes: what a script learns without reading a word.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// Failed; the message says why.
    Failed = 1,
    /// The command line was wrong.
    Usage = 2,
    /// The daemon is not running, or does not answer.
    NoDaemon = 3,
    /// The caller may not do this.
    NotAuthorised = 4,
    /// Done, and something needs a person.
    Attention = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
