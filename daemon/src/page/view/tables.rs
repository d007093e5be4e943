//! The tables: rows, changes, and a grid of machines × tables.

use askama::Template;
use dunlin_rpc::wire::admin::Status;
use dunlin_rpc::wire::overview::{Candidate, TableCompared};

use super::state::{self, Shown};
use crate::page::frame::Frame;
use crate::page::texts::Texts;
use crate::page::words;

/// With more partners than this the grid shows signs alone; what they mean stands below.
const WORDS_UP_TO: usize = 4;

/// The page.
#[derive(Debug, Template)]
#[template(path = "tables.html")]
pub(in crate::page) struct Tables {
    frame: Frame,
    partners: Vec<String>,
    databases: Vec<Database>,
    /// Show the words beside the signs.
    wordy: bool,
    legend: Vec<Shown>,
    can: Vec<Offer>,
    cannot: Vec<(String, String)>,
}

/// A database.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Database {
    name: String,
    words: String,
    tables: Vec<Line>,
}

/// A table that can be tracked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Offer {
    /// As the file has it, to be sent back.
    exact: String,
    name: String,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    name: String,
    note: &'static str,
    rows: String,
    today: String,
    held: u64,
    held_words: String,
    conflicts: u64,
    conflicts_words: String,
    digest: String,
    there: Vec<Shown>,
}

/// The page.
pub(in crate::page) fn page(
    frame: Frame,
    status: &Status,
    tables: &[TableCompared],
    candidates: &[Candidate],
) -> Tables {
    let t = frame.t;
    let partners: Vec<String> =
        status.partners.iter().map(|partner| words::foreign(&partner.name)).collect();
    let databases = status.databases.iter().map(|database| {
        let lines: Vec<Line> = tables
            .iter()
            .filter(|table| table.database == database.name)
            .map(|table| line(t, table))
            .collect();
        Database {
            name: words::foreign(&database.name),
            words: t.count("tables.count", lines.len() as u64),
            tables: lines,
        }
    });
    let words = ["equal", "catching up", "differs", "not here", "unknown"];
    let (can, cannot): (Vec<_>, Vec<_>) =
        candidates.iter().partition(|candidate| candidate.reason.is_none());
    let can = can.into_iter().map(|candidate| Offer {
        exact: candidate.name.clone(),
        name: words::foreign(&candidate.name),
    });
    let cannot = cannot.into_iter().map(|candidate| {
        let reason = candidate.reason.as_deref().unwrap_or_default();
        (words::foreign(&candidate.name), words::sentence(reason))
    });
    Tables {
        wordy: partners.len() <= WORDS_UP_TO,
        databases: databases.collect(),
        legend: words.iter().map(|word| state::table(t, word)).collect(),
        can: can.collect(),
        cannot: cannot.collect(),
        partners,
        frame,
    }
}

fn line(t: Texts, table: &TableCompared) -> Line {
    Line {
        name: words::foreign(&table.name),
        note: if table.tracked { "" } else { t.of("tables.not_tracked") },
        rows: words::number(t, table.rows),
        today: words::number(t, table.changed_today),
        held: table.held,
        held_words: words::number(t, table.held),
        conflicts: table.conflicts,
        conflicts_words: words::number(t, table.conflicts),
        digest: table.digest.chars().take(12).collect(),
        there: table.partners.iter().map(|there| state::table(t, &there.state)).collect(),
    }
}
