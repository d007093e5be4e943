//! The conflicts: both versions side by side, the cells that differ marked.

use std::collections::BTreeSet;

use askama::Template;
use chrono::NaiveDateTime;
use dunlin_rpc::wire::admin::ConflictEntry;
use serde_json::{Map, Value};

use super::only::Only;
use super::press::Press;
use crate::page::frame::Frame;
use crate::page::texts::Texts;
use crate::page::words;

/// The page.
#[derive(Debug, Template)]
#[template(path = "conflicts.html")]
pub(in crate::page) struct Conflicts {
    frame: Frame,
    list: Vec<Conflict>,
    only: Option<Only>,
    more: bool,
}

/// A version that lost, beside the one that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Conflict {
    number: i64,
    row: String,
    what: String,
    why: String,
    stands: Version,
    lost: Version,
    cells: Vec<Cell>,
    presses: Vec<Press>,
}

/// Who wrote a version, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    who: String,
    when: String,
    /// It deletes the row.
    deleted: bool,
}

/// One column of both.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cell {
    column: String,
    stands: String,
    lost: String,
    differs: bool,
}

/// The page.
pub(in crate::page) fn page(
    frame: Frame,
    conflicts: &[ConflictEntry],
    (only, limit): (Option<Only>, usize),
    now: NaiveDateTime,
) -> Conflicts {
    let (t, may) = (frame.t, frame.can_write);
    let is_meant =
        |one: &&ConflictEntry| only.as_ref().is_none_or(|only| one.machines.contains(&only.id));
    let conflicts: Vec<&ConflictEntry> = conflicts.iter().filter(is_meant).take(limit).collect();
    Conflicts {
        list: conflicts.iter().map(|one| conflict(t, one, may, now)).collect(),
        more: conflicts.len() >= limit,
        only,
        frame,
    }
}

fn conflict(t: Texts, entry: &ConflictEntry, may: bool, now: NaiveDateTime) -> Conflict {
    let lost = Version {
        who: words::foreign(&entry.loser),
        when: written(t, &entry.written, now),
        deleted: entry.values.is_empty(),
    };
    let stands = Version {
        who: words::foreign(&entry.winner),
        when: written(t, entry.winner_written.as_deref().unwrap_or_default(), now),
        deleted: entry.winner_values.is_empty(),
    };
    let table = words::foreign(&entry.table);
    let names = [("table", table.as_str())];
    let what = match (lost.deleted, stands.deleted) {
        _ if entry.stands_as.is_some() => t.with("conflict.two_rows", &names),
        (true, _) => t.with("conflict.delete_lost", &names),
        (_, true) => t.with("conflict.lost_to_delete", &names),
        _ => t.with("conflict.edit_lost", &names),
    };
    let why = if let Some(key) = &entry.stands_as {
        t.with("conflict.two_rows_means", &[("key", words::foreign(key).as_str())])
    } else if entry.winner_written.as_deref() == Some(entry.written.as_str()) {
        t.of("conflict.why_same").to_owned()
    } else {
        t.of("conflict.why_later").to_owned()
    };
    let mut presses = Vec::new();
    if may {
        let number = entry.number.to_string();
        let id = |what: &str| format!("{what}-{number}");
        let restore =
            if entry.stands_as.is_some() { "conflict.next_number" } else { "conflict.restore" };
        presses.push(
            Press::post("/do/restore", t.of(restore), id("restore"))
                .with("number", number.clone())
                .about(&table),
        );
        presses.push(
            Press::post("/do/keep", t.of("conflict.keep"), id("keep"))
                .with("number", number.clone())
                .about(&table),
        );
    }
    Conflict {
        number: entry.number,
        row: words::short(&entry.row.to_string()),
        what,
        why,
        cells: cells(t, &entry.winner_values, &entry.values),
        stands,
        lost,
        presses,
    }
}

fn written(t: Texts, time: &str, now: NaiveDateTime) -> String {
    if time.is_empty() {
        return t.of("conflict.before").to_owned();
    }
    format!("{} ({})", words::ago(t, time, now), words::clock(t, time))
}

/// All columns of either version, those that differ first. A column's letters have no case.
fn cells(t: Texts, stands: &Map<String, Value>, lost: &Map<String, Value>) -> Vec<Cell> {
    let find = |map: &Map<String, Value>, column: &str| {
        map.iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(column))
            .map(|(_, value)| value.clone())
    };
    let mut seen = BTreeSet::new();
    let columns = stands.keys().chain(lost.keys());
    let columns = columns.filter(|column| seen.insert(column.to_ascii_lowercase()));
    let one_is_gone = stands.is_empty() || lost.is_empty();
    let mut cells: Vec<Cell> = columns
        .map(|column| {
            let (here, there) = (find(stands, column), find(lost, column));
            let gone = |map: &Map<String, Value>, value: Option<&Value>| {
                if map.is_empty() {
                    t.of("conflict.deleted").to_owned()
                } else {
                    words::value(value)
                }
            };
            Cell {
                column: words::foreign(column),
                stands: gone(stands, here.as_ref()),
                lost: gone(lost, there.as_ref()),
                differs: here != there,
            }
        })
        .collect();
    if !one_is_gone {
        cells.sort_by_key(|cell| !cell.differs);
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::texts::Language;
    use serde_json::json;

    const T: Texts = Texts { language: Language::English };

    fn map(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn cells_that_differ_are_marked_and_come_first() {
        let stands = map(json!({"id": 1, "Name": "pad", "price": 2.5}));
        let lost = map(json!({"id": 1, "name": "pad", "price": 3}));
        let cells = cells(T, &stands, &lost);
        assert_eq!(cells[0].column, "price");
        assert_eq!((cells[0].stands.as_str(), cells[0].lost.as_str()), ("2.5", "3"));
        assert_eq!(cells.iter().filter(|cell| cell.differs).count(), 1);
        assert_eq!(cells.len(), 3);
    }

    #[test]
    fn a_version_that_deletes_says_so_in_each_cell() {
        let cells = cells(T, &map(json!({})), &map(json!({"id": 1, "name": null})));
        assert_eq!(cells[0].stands, T.of("conflict.deleted"));
        assert_eq!(cells[1].lost, "NULL");
    }

    #[test]
    fn a_row_that_lost_its_name_is_told_where_it_stands() {
        let entry = ConflictEntry {
            stands_as: Some("R-*0001~4f2a".to_owned()),
            values: map(json!({"no": "R-0001"})),
            winner_values: map(json!({"no": "R-0001"})),
            ..ConflictEntry::default()
        };
        let shown = conflict(T, &entry, true, words::now());
        assert!(shown.why.contains("R-*0001~4f2a"), "{}", shown.why);
        assert_eq!(shown.presses[0].word, T.of("conflict.next_number"));
    }

    #[test]
    fn a_delete_that_lost_is_told_from_an_edit_that_did() {
        let edit = ConflictEntry { values: map(json!({"a": 1})), ..ConflictEntry::default() };
        let now = words::now();
        let deleted = conflict(T, &ConflictEntry::default(), true, now);
        assert!(deleted.what.contains("deleted there"), "{}", deleted.what);
        assert!(conflict(T, &edit, true, now).what.contains("changed there"));
        assert!(conflict(T, &edit, false, now).presses.is_empty());
        assert!(conflict(T, &edit, true, now).stands.when.contains(T.of("conflict.before")));
    }
}
