//! The tables: rows, changes, and a grid of machines × tables.

use askama::Template;
use dunlin_rpc::wire::admin::Status;
use dunlin_rpc::wire::overview::{Candidate, TableCompared, TableThere};
use uuid::Uuid;

use super::press::Press;
use super::said;
use super::state::{self, Shown};
use super::untrack;
use crate::page::frame::Frame;
use crate::page::texts::Texts;
use crate::page::words;

/// With more partners than this the grid shows signs alone; what they mean stands below.
const WORDS_UP_TO: usize = 4;
/// With more tables or partners than this, what is not equal can be shown alone.
const FEW: usize = 12;

/// The page.
#[derive(Debug, Template)]
#[template(path = "tables.html")]
pub(in crate::page) struct Tables {
    frame: Frame,
    partners: Vec<String>,
    databases: Vec<Database>,
    /// Show the words beside the signs.
    wordy: bool,
    /// Only what is not equal is shown.
    unlike: bool,
    /// There is something to choose: a grid that does not fit a screen.
    is_large: bool,
    legend: Vec<Shown>,
    can: Vec<Offer>,
    cannot: Vec<(String, String)>,
    /// What other programs did: when, and what.
    happened: Vec<(String, String)>,
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
    note: String,
}

/// A table against a partner.
#[derive(Clone, Debug, PartialEq, Eq)]
struct There {
    shown: Shown,
    /// In words, where only one of both has some columns.
    but: String,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    name: String,
    note: String,
    rows: String,
    today: String,
    held: u64,
    held_words: String,
    conflicts: u64,
    conflicts_words: String,
    digest: String,
    there: Vec<There>,
    untrack: Option<Press>,
}

/// The page.
pub(in crate::page) fn page(
    frame: Frame,
    status: &Status,
    tables: &[TableCompared],
    candidates: &[Candidate],
    unlike: bool,
) -> Tables {
    let t = frame.t;
    let is_large = tables.len().max(status.partners.len()) > FEW;
    let unlike = unlike && is_large;
    let columns: Vec<Uuid> = status
        .partners
        .iter()
        .map(|partner| partner.id)
        .filter(|id| !unlike || tables.iter().any(|table| is_unlike(table, Some(*id))))
        .collect();
    let partners: Vec<String> = status
        .partners
        .iter()
        .filter(|partner| columns.contains(&partner.id))
        .map(|partner| words::foreign(&partner.name))
        .collect();
    let databases = status.databases.iter().map(|database| {
        let lines: Vec<Line> = tables
            .iter()
            .filter(|table| table.database == database.name)
            .filter(|table| !unlike || is_unlike(table, None))
            .map(|table| line(t, table, (&columns, frame.can_admin)))
            .collect();
        Database {
            name: words::foreign(&database.name),
            words: t.count("tables.count", lines.len() as u64),
            tables: lines,
        }
    });
    let words = ["equal", "catching up", "differs", "waiting", "not here", "unknown"];
    let (can, cannot): (Vec<_>, Vec<_>) =
        candidates.iter().partition(|candidate| candidate.reason.is_none());
    let can = can.into_iter().map(|candidate| Offer {
        exact: candidate.name.clone(),
        name: words::foreign(&candidate.name),
        note: match (&candidate.left_out, candidate.untracked) {
            (_, true) => t.of("tables.untracked").to_owned(),
            (Some(reason), false) => said::sentence(t, reason),
            (None, false) => String::new(),
        },
    });
    let cannot = cannot.into_iter().map(|candidate| {
        let reason = candidate.reason.as_deref().unwrap_or_default();
        (words::foreign(&candidate.name), said::sentence(t, reason))
    });
    Tables {
        wordy: partners.len() <= WORDS_UP_TO,
        databases: databases.collect(),
        legend: words.iter().map(|word| state::table(t, word)).collect(),
        can: can.collect(),
        cannot: cannot.collect(),
        happened: status
            .happened
            .iter()
            .map(|one| (words::clock(t, &one.time), said::sentence(t, &one.what)))
            .collect(),
        partners,
        unlike,
        is_large,
        frame,
    }
}

/// Not equal with a partner, or with any; or rows of it want to be looked at.
fn is_unlike(table: &TableCompared, with: Option<Uuid>) -> bool {
    let of = |there: &&TableThere| with.is_none_or(|id| id == there.id);
    let unlike = |there: &TableThere| !matches!(there.state.as_str(), "equal" | "unknown");
    table.partners.iter().filter(of).any(unlike)
        || (with.is_none()
            && (table.held > 0
                || table.conflicts > 0
                || table.standing > 0
                || table.away.is_some()))
}

/// What is to be said of a table beside its name.
fn note(t: Texts, table: &TableCompared) -> String {
    match &table.away {
        Some(reason) => said::sentence(t, reason),
        None if !table.tracked => t.of("tables.not_tracked").to_owned(),
        None if table.standing > 0 => t.count("tables.standing", table.standing),
        None => String::new(),
    }
}

/// How a table stands against a partner.
fn there(t: Texts, there: &TableThere) -> There {
    let shown = state::table(t, &there.state);
    let column = |key, name: &String| t.with(key, &[("column", &words::foreign(name))]);
    let has = there.has.iter().map(|name| column("tables.not_here", name));
    let lacks = there.lacks.iter().map(|name| column("tables.not_there", name));
    let columns: Vec<String> = has.chain(lacks).collect();
    let is_told = there.state == "equal" && !columns.is_empty();
    let but = t.with("tables.equal_but", &[("columns", &columns.join(", "))]);
    There { shown, but: if is_told { but } else { String::new() } }
}

fn line(t: Texts, table: &TableCompared, (columns, can_admin): (&[Uuid], bool)) -> Line {
    Line {
        untrack: (can_admin && table.tracked).then(|| untrack::lead(t, table)),
        name: words::foreign(&table.name),
        note: note(t, table),
        rows: words::number(t, table.rows),
        today: words::number(t, table.changed_today),
        held: table.held,
        held_words: words::number(t, table.held),
        conflicts: table.conflicts,
        conflicts_words: words::number(t, table.conflicts),
        digest: table.digest.chars().take(12).collect(),
        there: columns
            .iter()
            .map(|id| {
                let known = table.partners.iter().find(|there| there.id == *id);
                let unknown = || There { shown: state::table(t, "unknown"), but: String::new() };
                known.map_or_else(unknown, |known| there(t, known))
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use dunlin_rpc::wire::admin::{DatabaseStatus, PartnerStatus};

    use super::*;
    use crate::page::frame::{About, Place};
    use crate::page::texts::Language;
    use crate::users::Role;

    fn frame(status: &Status) -> Frame {
        let about = About {
            t: Texts { language: Language::English },
            theme: None,
            role: Role::Admin,
            over_network: false,
            user: None,
            token: "0".repeat(32),
            back: "/tables".to_owned(),
            note: None,
        };
        Frame::new(about, Place::Tables, status)
    }

    fn shop(partners: usize, tables: usize) -> (Status, Vec<TableCompared>) {
        let there: Vec<TableThere> = (0..partners)
            .map(|n| TableThere {
                id: Uuid::from_u128(n as u128),
                name: format!("till {n}"),
                state: if n == 1 { "differs" } else { "equal" }.to_owned(),
                ..TableThere::default()
            })
            .collect();
        let partners = there.iter().map(|there| PartnerStatus {
            id: there.id,
            name: there.name.clone(),
            ..PartnerStatus::default()
        });
        let main = DatabaseStatus { name: "main".to_owned(), ..DatabaseStatus::default() };
        let status =
            Status { partners: partners.collect(), databases: vec![main], ..Status::default() };
        let tables = (0..tables).map(|n| TableCompared {
            database: "main".to_owned(),
            name: format!("table {n}"),
            tracked: true,
            partners: there.clone(),
            ..TableCompared::default()
        });
        (status, tables.collect())
    }

    #[test]
    fn the_grid_says_in_words_how_each_table_stands() {
        let (status, tables) = shop(2, 1);
        let page = page(frame(&status), &status, &tables, &[], false).render().unwrap();
        assert!(page.contains("<span>equal</span>"), "{page}");
        assert!(page.contains("<span>differs</span>") && page.contains("≠"), "{page}");
        let (status, tables) = shop(5, 1);
        let page = super::page(frame(&status), &status, &tables, &[], false).render().unwrap();
        assert!(page.contains("visually-hidden\">differs") && page.contains("id=\"legend\""));
    }

    #[test]
    fn what_is_equal_can_be_left_out_of_a_large_grid() {
        let (status, mut tables) = shop(50, 200);
        for table in tables.iter_mut().skip(3) {
            table.partners[1].state = "equal".to_owned();
        }
        tables[9].held = 1;
        let all = page(frame(&status), &status, &tables, &[], false);
        assert_eq!((all.partners.len(), all.databases[0].tables.len()), (50, 200));
        assert!(all.render().unwrap().contains("id=\"show-unlike\""));
        let few = page(frame(&status), &status, &tables, &[], true);
        assert_eq!(few.partners, ["till 1"]);
        let names: Vec<&str> =
            few.databases[0].tables.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["table 0", "table 1", "table 2", "table 9"]);
        assert!(few.render().unwrap().contains("id=\"show-all\""));
    }

    #[test]
    fn fifty_partners_and_two_hundred_tables_are_one_page() {
        let (status, tables) = shop(50, 200);
        let begun = Instant::now();
        let page = page(frame(&status), &status, &tables, &[], false).render().unwrap();
        let took = begun.elapsed();
        assert!(page.matches("<td class=\"there").count() == 10_000);
        // Not optimised, on a busy machine: some ten times what it takes in a release.
        assert!(took < Duration::from_secs(1), "{took:?} for {} bytes", page.len());
    }
}
