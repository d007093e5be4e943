//! The roster: signed statements that say who is a member of the shop.
//!
//! ```text
//!   found ─► admit ─► admit ─► rotate ─► forget        a set, that only grows and merges by union
//!      └───────────────┬───────────────────┘
//!                   rule.rs                             a pure function of the set
//!                      ▼
//!                   Members
//! ```
//!
//! # Invariants
//!
//! * Members are a function of the set of statements: no clock, no order of arrival, no table.
//! * A statement is kept and passed on byte for byte; its id is the hash of its body.
//! * A key that is out never comes back in, whatever is signed with it.
//! * Only statements whose signature holds, and that are of our own shop, are stored.

mod rotate;
mod rule;
pub mod statement;
mod store;

pub use rule::{Member, Members, members};
pub use statement::{Claim, Kind, Role, Signed};
pub use store::{Error, LetIn, MEMBERS_MAX, Merged, Roster, STATEMENTS_OF_LINK_MAX, Standing};
