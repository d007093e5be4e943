//! Pairing by six digits: what the two machines tell each other before two people compare numbers.
//!
//! ```text
//!   A  the side that dials               B  the side that was opened
//!   PairBegin            ─────────────▶
//!                        ◀─────────────  PairBegun, with a commitment to B's nonce
//!   PairNonce            ─────────────▶
//!                        ◀─────────────  PairNonce, which must open the commitment
//!   pair_sure            ─────────────▶  answered once B's person is sure too
//!   PairRoster           ◀────────────▶  PairRoster
//! ```
//!
//! Nothing in it is trusted: names are labels, and whoever lies about its shop harms itself.

use serde::{Deserialize, Serialize};

use super::join::Statement;
use crate::identity::Sum;

/// What the side that dials says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairBegin {
    /// What it calls itself; a label.
    pub name: String,
    /// The lowest and highest protocol that it speaks.
    pub protocol: (u32, u32),
    /// Its shop.
    pub shop: Sum,
    /// Whether nobody else is in that shop, so that it may be given up.
    pub alone: bool,
    /// Whether it may let in.
    pub keeper: bool,
}

/// What the side that was opened answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairBegun {
    /// What it calls itself; a label.
    pub name: String,
    /// Its shop.
    pub shop: Sum,
    /// Whether nobody else is in that shop.
    pub alone: bool,
    /// Whether it may let in.
    pub keeper: bool,
    /// SHA-256("dunlin pair 1" ‖ exporter ‖ pin of A ‖ pin of B ‖ nonce of B): so B cannot choose its
    /// nonce after it has seen A's.
    pub commit: Sum,
}

/// 32 random bytes of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairNonce {
    /// Hex.
    pub nonce: Sum,
}

/// Statements, both ways: those of the shop from the side that lets in, none from the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairRoster {
    /// The whole roster, the `admit` included; or none.
    pub statements: Vec<Statement>,
}
