//! The daemon's own sentences, in the visitor's language: `daemon/texts/said.toml`.
//!
//! ```text
//!   says    there is no partner called {name:?}; see `dunlin partners`
//!   heard   there is no partner called "till 9"; see `dunlin partners`
//!   de      Es gibt keinen Partner namens „till 9“.
//! ```
//!
//! Answers and what is kept of partners hold sentences, for scripts, logs and the command line; some come from other
//! machines. The page knows them again by what is around their holes.
//!
//! # Invariants
//!
//! * Every sentence of ours that can reach the page has its German one: a test reads the sources.
//! * What nobody knows here is told as it was said.
//! * What stands in a hole is text of others: cut, and never read as a text of ours.

use std::cmp::Reverse;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::page::texts::{self, Language, Texts};
use crate::page::words;

/// A sentence may stand in a hole of another, and none in a hole of that.
const DEEP: u8 = 2;
/// A list of addresses, or a fingerprint, is longer than a name.
const LONG_MAX: usize = 300;

#[derive(Debug, Default, Deserialize)]
struct Book {
    said: Vec<Said>,
    /// Sentences that never reach the page; read by the test alone.
    #[cfg(test)]
    never: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Said {
    says: String,
    en: Option<String>,
    de: String,
}

/// The longest first: what says more fits better. Those that begin with a hole come last, for it takes in whatever
/// stands before, another sentence too.
static BOOK: LazyLock<Book> = LazyLock::new(|| {
    // A file that is not TOML is found by a test.
    let mut book: Book =
        toml::from_str(include_str!("../../../texts/said.toml")).unwrap_or_default();
    book.said.sort_by_key(|said| (said.says.starts_with('{'), Reverse(literal(&said.says))));
    book
});

/// A sentence of the daemon.
pub(in crate::page) fn sentence(t: Texts, text: &str) -> String {
    known(t, text).unwrap_or_else(|| words::sentence(text))
}

/// A sentence of the daemon that is known here.
pub(in crate::page) fn known(t: Texts, text: &str) -> Option<String> {
    told(t, text, DEEP)
}

/// Where a password came from.
pub(in crate::page) fn place(t: Texts, address: &str) -> String {
    match address {
        "this computer" => t.of("people.here").to_owned(),
        other => words::foreign(other),
    }
}

fn told(t: Texts, text: &str, deep: u8) -> Option<String> {
    let deep = deep.checked_sub(1)?;
    let whole = |said: &'static Said| Some((said, filled(&said.says, text)?));
    // What comes behind a colon is the cause, in the words of the system.
    let begun = |said: &'static Said| {
        let rest = text.strip_prefix(said.says.as_str())?;
        rest.starts_with(": ").then(|| (said, Vec::new()))
    };
    let found = BOOK.said.iter().find_map(whole).or_else(|| BOOK.said.iter().find_map(begun));
    let (said, holes) = found?;
    let pattern = match t.language {
        Language::German => Some(said.de.as_str()),
        Language::English => said.en.as_deref(),
    };
    let Some(pattern) = pattern else { return Some(words::sentence(text)) };
    let holes: Vec<(String, String)> = holes
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value_of(t, name, value, deep)))
        .collect();
    let names: Vec<(&str, &str)> =
        holes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Some(texts::fill(pattern, &names))
}

/// What stands in a hole, to be shown.
fn value_of(t: Texts, name: &str, value: &str, deep: u8) -> String {
    match name {
        "why" | "what" | "reason" | "cause" => {
            told(t, value, deep).unwrap_or_else(|| words::sentence(value))
        }
        "0" => told(t, value, deep).unwrap_or_else(|| words::foreign(value)),
        "addresses" | "fingerprint" | "columns" | "tables" | "reference" => {
            dunlin_logs::strip(value, LONG_MAX)
        }
        _ => words::foreign(value.trim_matches(['"', '[', ']'])),
    }
}

/// What stands in the holes of a sentence, each under its name or its place; none where it is another sentence.
fn filled<'a>(says: &'a str, text: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let (first, mut says) = literal_to_hole(says);
    let mut text = text.strip_prefix(first)?;
    let mut holes = Vec::new();
    let mut unnamed = ["0", "1", "2", "3"].into_iter();
    while let Some((name, rest)) = says.and_then(|says| says.split_once('}')) {
        let (literal, next) = literal_to_hole(rest);
        let at = if next.is_none() {
            text.strip_suffix(literal)?.len()
        } else {
            text.find(literal).filter(|_| !literal.is_empty())?
        };
        let (value, after) = text.split_at(at);
        let name = name.split(':').next().filter(|name| !name.is_empty());
        holes.push((name.or_else(|| unnamed.next())?, value));
        text = after.get(literal.len()..)?;
        says = next;
    }
    // A hint is given where there is one.
    let is_filled = |(name, value): &(&str, &str)| !value.is_empty() || *name == "hint";
    (text.is_empty() && holes.iter().all(is_filled)).then_some(holes)
}

/// What stands before the next hole, and the hole with all behind it.
fn literal_to_hole(says: &str) -> (&str, Option<&str>) {
    says.split_once('{').map_or((says, None), |(literal, hole)| (literal, Some(hole)))
}

/// How much of a sentence is always the same.
fn literal(says: &str) -> usize {
    let (mut rest, mut length) = (says, 0);
    while let (before, Some(hole)) = literal_to_hole(rest) {
        length += before.len();
        rest = hole.split_once('}').map_or("", |(_, after)| after);
    }
    length + rest.len()
}

#[cfg(test)]
mod tests;
