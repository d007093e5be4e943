//! The span tree: `machine` › `session` › `call`.
//!
//! `info_span!` stands nowhere else, so that the names of spans and of their fields are the
//! glossary's everywhere and a search for `partner=` finds every line about a partner.

use std::fmt::Display;
use tracing::{Span, info_span};

/// Everything one daemon does; in a test with many machines in one process, tells them apart.
pub fn machine(id: impl Display, name: &str) -> Span {
    info_span!("machine", machine = %id, name)
}

/// One exchange with a partner, until both are level.
pub fn session(id: u64, partner: impl Display) -> Span {
    info_span!("session", session = id, partner = %partner)
}

/// One call, ours or theirs.
pub fn call(method: &str) -> Span {
    info_span!("call", method)
}
