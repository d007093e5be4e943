//! The held rows: the row, why it is not in its table, what it waits for, and what can be done.

use std::collections::BTreeMap;

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

/// A row's values, to be changed.
#[derive(Debug, Template)]
#[template(path = "held_give.html")]
pub(in crate::page) struct Give {
    frame: Frame,
    row: HeldRow,
    fields: Vec<GiveField>,
}

/// A value to be changed.
#[derive(Debug)]
struct GiveField {
    /// As the form sends it back.
    name: String,
    label: String,
    value: String,
    /// It has several lines.
    is_long: bool,
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

/// A row's values, to be changed.
pub(in crate::page) fn give(frame: Frame, entry: &HeldEntry, now: NaiveDateTime) -> Give {
    let fields = editable(entry).map(|(column, value)| GiveField {
        name: format!("{GIVEN}{column}"),
        label: words::foreign(column),
        is_long: value.contains('\n'),
        value,
    });
    let mut row = row(frame.t, entry, false, now);
    let fields: Vec<GiveField> = fields.collect();
    // What can be changed stands in the form.
    row.values.retain(|(column, _)| fields.iter().all(|field| field.label != *column));
    Give { frame, row, fields }
}

/// The columns that a form changed, and their values; an emptied one is NULL.
pub(in crate::page) fn changed(
    entry: &HeldEntry,
    form: impl Fn(&str) -> Option<String>,
) -> BTreeMap<String, Option<String>> {
    let changed = editable(entry).filter_map(|(column, before)| {
        // Browsers end each line of a form in their own way.
        let now = form(&format!("{GIVEN}{column}"))?.replace("\r\n", "\n");
        (now != before).then(|| (column.clone(), Some(now).filter(|now| !now.is_empty())))
    });
    changed.collect()
}

/// The columns that a form can hold: what is long, or no text, is changed on the command line.
fn editable(entry: &HeldEntry) -> impl Iterator<Item = (&String, String)> {
    entry.values.iter().filter_map(|(column, value)| {
        let text = match value {
            serde_json::Value::Null => String::new(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        (text.len() <= GIVEN_BYTES_MAX && !text.contains('\r')).then_some((column, text))
    })
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
/// Before a column's name in the form that changes it.
const GIVEN: &str = "value-";
/// A value that a line of the form may hold.
const GIVEN_BYTES_MAX: usize = 1_000;

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
        if matches!(entry.reason.as_str(), "constraint" | "unique" | "parent") {
            let path = format!("/held/give?number={number}");
            let give = Press::lead(path, t.of("held.give"), format!("give-{number}"));
            presses.push(give.about(&table));
        }
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
        let all = ["/do/retry", "/held/give?number=7", "/held/delete?number=7"];
        assert_eq!(actions(&entry("parent", true), true), all);
        assert_eq!(actions(&entry("schema", true), true), all[..1]);
        assert_eq!(actions(&entry("unique", false), true), all[..2]);
        assert!(actions(&entry("parent", true), false).is_empty());
    }

    #[test]
    fn what_a_form_changed_is_given_and_nothing_else() {
        let values = [
            ("name", "Pen".into()),
            ("ean", 7.into()),
            ("note", "a\nb".into()),
            ("shelf", serde_json::Value::Null),
            ("text", "x".repeat(GIVEN_BYTES_MAX + 1).into()),
        ];
        let values = values.map(|(column, value)| (column.to_owned(), value)).into_iter().collect();
        let entry = HeldEntry { values, ..entry("unique", true) };
        let sent = |form: &[(&str, &str)]| {
            let form: BTreeMap<String, &str> =
                form.iter().map(|(column, value)| (format!("{GIVEN}{column}"), *value)).collect();
            changed(&entry, |name| form.get(name).map(|value| (*value).to_owned()))
        };
        let same =
            [("name", "Pen"), ("ean", "7"), ("note", "a\r\nb"), ("shelf", ""), ("text", "y")];
        assert_eq!(sent(&same), BTreeMap::new());
        let given = sent(&[("name", ""), ("ean", "8"), ("shelf", "B 2"), ("colour", "red")]);
        let wanted = [("name", None), ("ean", Some("8")), ("shelf", Some("B 2"))];
        let wanted = wanted.map(|(column, value)| (column.to_owned(), value.map(str::to_owned)));
        assert_eq!(given, BTreeMap::from(wanted));
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
