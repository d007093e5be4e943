//! What happened: the partner history, and the daemon's own log.
//!
//! ```text
//!   session ended ──► History ──► DIR/history.db        who asks "what happened with till 3 at noon?"
//!   tracing event ──► Output ──┬► stderr, for a person   only on a terminal
//!                              ├► DIR/logs/…, JSON lines one file a day
//!                              └► Recent, in memory       for the page
//! ```
//!
//! # Invariants
//!
//! * Nothing here fails a caller: what cannot be written is counted, and said once.
//! * Neither keeps values of rows, passwords, tokens or keys; callers must not hand them over.
//! * Neither grows without end: each has a limit of age and of size, with a name.
//! * It knows spans and sessions, and nothing of the application's tables.

mod chain;
mod clean;
mod history;
mod output;
mod ring;
pub mod span;

pub use chain::Chain;
pub use clean::{clean, strip};
pub use history::{
    Direction, Error as HistoryError, History, Hour, Idle, Limits, Outcome, Query, Record, Session,
};
pub use output::{Level, Output, Settings, UnknownLevel, start};
pub use ring::{Line, Recent};
