//! The held rows: the row, why it is not in its table, what it waits for, and what can be done.

use askama::Template;
use chrono::NaiveDateTime;
use dunlin_rpc::wire::admin::{HeldEntry, Status};
use dunlin_rpc::wire::overview::Attention;

use super::only::Only;
use super::press::Press;
use super::said;
use crate::page::frame::Frame;
use crate::page::texts::Texts;
use crate::page::words;

/// The list.
#[derive(Debug, Template)]
#[template(path = "held.html")]
pub(in crate::page) struct HeldRows {
    frame: Frame,
    rows: Vec<HeldRow>,
    only: Option<Only>,
    all: Vec<Press>,
    more: bool,
}

/// The question before a row is deleted everywhere.
#[derive(Debug, Template)]
#[template(path = "held_delete.html")]
pub(in crate::page) struct Delete {
    frame: Frame,
    row: HeldRow,
    exact: String,
    explain: String,
}

/// The question before all deletes that wait happen.
#[derive(Debug, Template)]
#[template(path = "held_accept.html")]
pub(in crate::page) struct Accept {
    frame: Frame,
    /// A table, and how many of whom.
    groups: Vec<(String, String)>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
struct HeldRow {
    number: i64,
    table: String,
    short: String,
    reason: &'static str,
    means: &'static str,
    message: String,
    waits: Vec<String>,
    since: String,
    origin: String,
    /// Not in its table; else shown with other values.
    held: bool,
    values: Vec<(String, String)>,
    presses: Vec<Press>,
}

/// The list.
pub(in crate::page) fn page(
    frame: Frame,
    rows: &[HeldEntry],
    (only, limit): (Option<Only>, usize),
    now: NaiveDateTime,
) -> HeldRows {
    let (t, may) = (frame.t, frame.can_write);
    let is_meant = |one: &&HeldEntry| only.as_ref().is_none_or(|only| one.machine == only.id);
    let rows: Vec<&HeldEntry> = rows.iter().filter(is_meant).take(limit).collect();
    let retry = Press::post("/do/retry", t.of("held.retry_all"), "retry-all".to_owned());
    let keep = Press::post("/do/keep-all", t.of("held.keep_all"), "keep-all".to_owned());
    let accept = t.of("held.accept_all");
    let accept = Press::lead("/held/accept".to_owned(), accept, "accept-all".to_owned());
    // They are about all rows, so they stand above all rows alone.
    let waits = |entry: &&HeldEntry| entry.reason == MANY || entry.reason == WENT;
    let all = match (may && only.is_none(), rows.iter().any(waits)) {
        (true, true) => vec![retry, keep, accept.class("danger")],
        (true, false) if !rows.is_empty() => vec![retry],
        _ => Vec::new(),
    };
    HeldRows {
        rows: rows.iter().map(|entry| row(t, entry, may, now)).collect(),
        all,
        more: rows.len() >= limit,
        only,
        frame,
    }
}

/// The question before a row is deleted.
pub(in crate::page) fn delete(frame: Frame, entry: &HeldEntry, now: NaiveDateTime) -> Delete {
    let t = frame.t;
    let table = words::foreign(&entry.table);
    Delete {
        row: row(t, entry, false, now),
        exact: entry.table.clone(),
        explain: t.with("held.delete_explain", &[("table", &table)]),
        frame,
    }
}

/// The question before all deletes that wait happen.
pub(in crate::page) fn accept(frame: Frame, status: &Status) -> Accept {
    let t = frame.t;
    let group = |one: &Attention| match one {
        Attention::Deletes { table, partner, rows } => Some((
            words::foreign(table),
            t.count_with("held.accept_group", *rows, &[("partner", &words::foreign(partner))]),
        )),
        Attention::Went { table, what, rows } => Some((
            words::foreign(table),
            t.count_with("held.accept_went", *rows, &[("what", &said::sentence(t, what))]),
        )),
        _ => None,
    };
    Accept { groups: status.attention.iter().filter_map(group).collect(), frame }
}

/// Deleted with very many others: a person decides.
const MANY: &str = "many deletes";
/// It went when another table was made anew: a person decides.
const WENT: &str = "went";

fn row(t: Texts, entry: &HeldEntry, may: bool, now: NaiveDateTime) -> HeldRow {
    let (reason, means) = match entry.reason.as_str() {
        "parent" => (t.of("held.parent"), t.of("held.parent_means")),
        "constraint" => (t.of("held.constraint"), t.of("held.constraint_means")),
        "schema" => (t.of("held.schema"), t.of("held.schema_means")),
        "size" => (t.of("held.size"), t.of("held.size_means")),
        "unique" => (t.of("held.unique"), t.of("held.unique_means")),
        MANY => (t.of("held.deletes"), t.of("held.deletes_means")),
        "asked for" => (t.of("held.asked"), t.of("held.asked_means")),
        WENT => (t.of("held.went"), t.of("held.went_means")),
        _ => (t.of("held.other"), t.of("held.other_means")),
    };
    let number = entry.number.to_string();
    let table = words::foreign(&entry.table);
    let mut presses = Vec::new();
    if may && (entry.reason == MANY || entry.reason == WENT) {
        let (go, back) = match entry.reason.as_str() {
            WENT => (t.of("held.went_go"), t.of("held.went_back")),
            _ => (t.of("held.accept"), t.of("held.keep")),
        };
        let accept = Press::post("/do/accept", go, format!("accept-{number}"));
        presses.push(accept.with("number", number.clone()).about(&table).class("danger"));
        let keep = Press::post("/do/keep-row", back, format!("keep-{number}"));
        presses.push(keep.with("number", number.clone()).about(&table));
    } else if may {
        let retry = Press::post("/do/retry", t.of("held.retry"), format!("retry-{number}"));
        presses.push(retry.with("number", number.clone()).about(&table));
        // Rows of a table that is not tracked here cannot be deleted from here.
        if entry.held && entry.reason != "schema" {
            let path = format!("/held/delete?number={number}");
            let delete = Press::lead(path, t.of("held.delete"), format!("delete-{number}"));
            presses.push(delete.about(&table).class("danger"));
        }
    }
    HeldRow {
        number: entry.number,
        short: words::short(&entry.row.to_string()),
        reason,
        means,
        message: said::sentence(t, &entry.message),
        waits: entry.waits_for.iter().map(|row| words::short(&row.to_string())).collect(),
        since: words::ago(t, &entry.since, now),
        origin: words::foreign(&entry.origin),
        held: entry.held,
        values: entry
            .values
            .iter()
            .map(|(column, value)| (words::foreign(column), words::value(Some(value))))
            .collect(),
        presses,
        table,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::texts::Language;

    const T: Texts = Texts { language: Language::German };

    fn entry(reason: &str, held: bool) -> HeldEntry {
        HeldEntry { number: 7, reason: reason.to_owned(), held, ..HeldEntry::default() }
    }

    #[test]
    fn only_a_row_that_is_held_for_a_table_of_ours_can_be_deleted() {
        let now = words::now();
        let actions = |entry: &HeldEntry, may| -> Vec<String> {
            row(T, entry, may, now).presses.into_iter().map(|press| press.action).collect()
        };
        let both = ["/do/retry", "/held/delete?number=7"];
        assert_eq!(actions(&entry("parent", true), true), both);
        assert_eq!(actions(&entry("schema", true), true), both[..1]);
        assert_eq!(actions(&entry("unique", false), true), both[..1]);
        assert!(actions(&entry("parent", true), false).is_empty());
    }

    #[test]
    fn every_reason_has_its_words() {
        let now = words::now();
        assert_eq!(row(T, &entry(MANY, false), true, now).presses.len(), 2);
        let reasons = ["parent", "constraint", "schema", "size", "unique", MANY, "asked for", WENT];
        let words: std::collections::BTreeSet<_> =
            reasons.iter().map(|reason| row(T, &entry(reason, true), true, now).reason).collect();
        assert_eq!(words.len(), reasons.len());
    }
}
