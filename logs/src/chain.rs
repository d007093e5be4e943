//! An error with its causes, in one line.

use std::error::Error;
use std::fmt;

/// How many causes are printed. A longer chain is a loop or a mistake.
const CAUSES_MAX: usize = 16;

/// Prints an error and the chain of its causes: `cannot open the store: disk is full`.
///
/// Our errors do not repeat their cause in their own sentence, so printing the error alone tells
/// half the story. Everything that logs an error logs it through this.
#[derive(Debug, Clone, Copy)]
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        for _ in 0..CAUSES_MAX {
            let Some(error) = cause else { return Ok(()) };
            write!(f, ": {error}")?;
            cause = error.source();
        }
        if cause.is_some() { write!(f, ": …") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open the store at {path}")]
    struct Open {
        path: &'static str,
        source: std::io::Error,
    }

    #[test]
    fn an_error_is_printed_with_its_causes() {
        let error = Open { path: "shop.db", source: std::io::Error::other("disk is full") };
        assert_eq!(Chain(&error).to_string(), "cannot open the store at shop.db: disk is full");
    }

    #[test]
    fn an_error_without_a_cause_is_printed_alone() {
        let error = std::io::Error::other("disk is full");
        assert_eq!(Chain(&error).to_string(), "disk is full");
    }
}
