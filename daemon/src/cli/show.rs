//! Answers as people read them. Pure: an answer, the look of the terminal and the time go in, text comes out.
//!
//! # Invariants
//!
//! * An empty list is a sentence, never an empty table.
//! * Names and values of others pass through `text::foreign`; nothing else puts them into a cell.

mod access;
mod attention;
mod check;
mod lists;
pub mod pair;
pub mod settings;
mod shop;
mod status;
mod table;
#[cfg(test)]
mod tests;

pub use access::{sign_ins, tokens, users};
pub use check::checked;
pub use lists::{conflicts, held, history, partners, tables};
pub use shop::{forgotten, guests, left, let_in_again, paused, promoted, renewed, staying};
pub use status::{needs_a_person, status};

use std::fmt::Write as _;

use dunlin_rpc::wire::admin::{Decided, Joined, Retried, Synced, Tracked, Untracked};

use super::text::{count, foreign, sentence};

/// What `track` did: the tables it tracks now, those it left out, and what to know.
pub fn tracked(done: &Tracked) -> String {
    let mut text = match done.tables.as_slice() {
        [] => "No further table is tracked.\n".to_owned(),
        tables => {
            let names: Vec<String> = tables.iter().map(|name| foreign(name)).collect();
            let number = count(tables.len() as u64, "table", "tables");
            format!("Tracking {number} from now on: {}.\n", names.join(", "))
        }
    };
    for table in &done.refused {
        let _ = writeln!(text, "Left out {}: {}", foreign(&table.name), sentence(&table.reason));
    }
    for note in &done.notes {
        let _ = writeln!(text, "Note: {}", sentence(note));
    }
    text
}

/// What `tables untrack` did.
pub fn untracked(done: &Untracked) -> String {
    let names: Vec<String> = done.tables.iter().map(|name| foreign(name)).collect();
    match names.as_slice() {
        [] => "No table was tracked that is not now; no partner tracks it here again.\n".to_owned(),
        _ => format!(
            "Not kept in step on this machine any more: {}. What the others write is kept and passed on; \
             `dunlin track` takes {} back.\n",
            names.join(", "),
            if names.len() == 1 { "it" } else { "them" }
        ),
    }
}

/// What a person is told whose machine joined under a new key.
pub const BEGAN_ANEW: &str = "The shop had forgotten this machine's key, so it has a new one now, and a new id; it asked again with that, and its rows are as they were.";

/// What `join` came to.
pub fn joined(done: &Joined) -> String {
    let members = count(done.members, "machine", "machines");
    format!("Joined. “{}” let this machine in; the shop has {members} now.\n", foreign(&done.by))
}

/// How the partners stand after `sync`.
pub fn synced(done: &Synced) -> String {
    if done.partners.is_empty() {
        return "There is no partner to exchange with; `dunlin invite` lets one in.\n".to_owned();
    }
    let mut text = String::new();
    for partner in &done.partners {
        let stands = if partner.equal { "equal" } else { "not equal yet" };
        let _ = write!(text, "“{}”: {stands}", foreign(&partner.name));
        if !partner.message.is_empty() {
            let _ = write!(text, "; {}", sentence(&partner.message));
        }
        text += "\n";
    }
    text
}

/// What `held accept` or `held keep` came to.
pub fn decided(done: Decided, how: &str) -> String {
    let mut text = match (done.rows, done.waiting) {
        (0, 0) => "No delete waits for a person.\n".to_owned(),
        (rows, _) => format!("{} {how}.\n", count(rows, "row is", "rows are")),
    };
    if done.waiting > 0 {
        text += &count(done.waiting, "delete waits", "deletes wait");
        text += " for a person still; see `dunlin held`.\n";
    }
    text
}

/// What `held retry` came to.
pub fn retried(done: Retried) -> String {
    match (done.tried, done.shown) {
        (0, _) => "No row is held.\n".to_owned(),
        (tried, shown) if tried == shown => {
            format!("Shown now: {}.\n", count(shown, "row", "rows"))
        }
        (tried, shown) => format!(
            "Tried {}; {} shown now, {} still held. `dunlin held` says why.\n",
            count(tried, "row", "rows"),
            super::text::number(shown),
            super::text::number(tried.saturating_sub(shown)),
        ),
    }
}
