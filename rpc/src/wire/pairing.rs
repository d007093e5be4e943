//! How a pairing stands, for the page and the command line.

use serde::{Deserialize, Serialize};

/// `pairing_state`, and what the other pairing methods answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairingStatus {
    /// In a word: `closed`, `open`, `calling`, `numbers` (type the other's), `waiting` (for the other
    /// person), `trusting`.
    pub state: String,
    /// Counts the runs: another number, another run.
    pub run: u64,
    /// The six digits for this screen, while the other side needs them.
    #[serde(default)]
    pub own: Option<String>,
    /// What the other machine calls itself: a label that anybody can choose.
    #[serde(default)]
    pub partner: Option<String>,
    /// Seconds until this is over by itself.
    #[serde(default)]
    pub seconds_left: Option<u64>,
    /// How many wrong entries end it.
    #[serde(default)]
    pub tries_left: Option<u32>,
    /// What was wrong with the last entry, in a sentence.
    #[serde(default)]
    pub hint: Option<String>,
    /// How the last run or opening ended, in a word; null until one has.
    #[serde(default)]
    pub end: Option<String>,
    /// The same in a sentence, with what to do.
    #[serde(default)]
    pub sentence: Option<String>,
}
