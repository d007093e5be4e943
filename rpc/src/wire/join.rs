//! Joining a shop by an invite: one question and one answer, and the statements both rest on.
//!
//! Who may sign what, and who is a member, is the roster's business; here they are only carried.

use serde::{Deserialize, Serialize};

use crate::identity::Sum;

/// A signed statement of a shop's roster. The body is kept and passed on byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Statement {
    /// JSON text, at most `limits::STATEMENT_BYTES_MAX`.
    pub body: String,
    /// Ed25519 over `"dunlin roster 1\n" ‖ body`, base64url without padding.
    pub sig: String,
}

impl Statement {
    /// The statement's id: SHA-256 of its body.
    pub fn id(&self) -> Sum {
        Sum::of(self.body.as_bytes())
    }
}

/// What a joiner asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinAsk {
    /// First 8 bytes of SHA-256("dunlin invite" ‖ secret), hex.
    pub invite: String,
    /// MAC(K, "J" ‖ exporter ‖ joiner's pin ‖ issuer's pin), base64url.
    pub proof: String,
    /// What the joiner calls itself; a label.
    pub name: String,
    /// The lowest and highest protocol that it speaks.
    pub protocol: (u32, u32),
}

/// What the issuer answers once the proof holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinAnswer {
    /// MAC(K, "I" ‖ exporter ‖ issuer's pin ‖ joiner's pin), base64url.
    pub proof: String,
    /// The whole roster, the joiner's `admit` included.
    pub statements: Vec<Statement>,
}
