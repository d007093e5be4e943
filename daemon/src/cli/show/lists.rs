//! The lists: partners, tables, history, held rows, conflicts.

use std::fmt::Write as _;

use chrono::NaiveDateTime;
use comfy_table::Cell;
use dunlin_rpc::wire::admin::{
    ConflictEntry, HeldEntry, HistoryEntry, PartnerStatus, TableStatus, UnlikeTable,
};
use dunlin_rpc::wire::overview::Candidate;
use serde_json::{Map, Value};

use super::status::stuck;
use super::table::{Grid, Tone};
use crate::cli::output::Look;
use crate::cli::text::{
    UNKNOWN, count, digest, foreign, from_now, maybe_from_now, number, sentence, span, took,
};

/// Columns of a losing version that are shown; the JSON form has all.
const VALUES_SHOWN: usize = 6;

/// The partners.
pub fn partners(partners: &[PartnerStatus], look: Look, now: NaiveDateTime) -> String {
    if partners.is_empty() {
        return "There is no partner yet; `dunlin invite` makes a token that lets one in.\n".into();
    }
    let headings = ["Name", "Role", "State", "Address", "Last seen", ">To receive", ">To send"];
    let mut grid = Grid::new(&headings, look);
    for partner in partners {
        let state = grid.toned(&state(partner), tone(partner));
        grid.row([
            foreign(&partner.name).into(),
            if partner.role.is_empty() { UNKNOWN.to_owned() } else { foreign(&partner.role) }
                .into(),
            state,
            partner.address.as_deref().map_or_else(|| UNKNOWN.to_owned(), foreign).into(),
            maybe_from_now(partner.last_seen.as_deref(), now).into(),
            number(partner.waiting_in).into(),
            number(partner.waiting_out).into(),
        ]);
    }
    grid.text()
}

/// The state word, with what makes it useful: when the next try is, and why it stands so.
fn state(partner: &PartnerStatus) -> String {
    let mut text = foreign(&partner.state);
    if let Some(seconds) = partner.next_try_seconds {
        let _ = write!(text, ", next try in {}", span(seconds));
        if partner.attempt > 0 {
            let _ = write!(text, ", attempt {}", partner.attempt);
        }
    }
    if let Some(reason) = partner.reason.as_deref().filter(|reason| !reason.is_empty()) {
        let _ = write!(text, ": {}", sentence(reason));
    }
    text
}

fn tone(partner: &PartnerStatus) -> Tone {
    match partner.state.to_lowercase().as_str() {
        _ if stuck(partner) => Tone::Bad,
        "up to date" => Tone::Good,
        _ => Tone::Mild,
    }
}

/// The tracked tables of a database, or of all.
pub fn tables(tables: &[TableStatus], others: &[Candidate], look: Look) -> String {
    let let_go: Vec<String> =
        others.iter().filter(|other| other.untracked).map(|other| foreign(&other.name)).collect();
    let let_go = match let_go.as_slice() {
        [] => String::new(),
        names => format!(
            "Not kept in step here, because a person said so: {}; `dunlin track` takes them back.\n",
            names.join(", ")
        ),
    };
    if tables.is_empty() && let_go.is_empty() {
        return "No table is tracked yet; `dunlin track --all` starts it.\n".into();
    }
    if tables.is_empty() {
        return let_go;
    }
    let is_compared = |table: &TableStatus| table.away.is_some() || table.compared.is_some();
    let told = tables.iter().any(is_compared);
    let headings = ["Table", ">Rows", ">Held", ">Conflicts", "Digest", "Compared"];
    let headings = headings.get(..if told { 6 } else { 5 }).unwrap_or_default();
    let mut grid = Grid::new(headings, look);
    for table in tables {
        let bad = |some: u64| {
            let tone = if some > 0 { Tone::Bad } else { Tone::Good };
            grid.toned(&number(some), tone)
        };
        let (held, conflicts) = (bad(table.held), bad(table.conflicts));
        let compared = table.away.as_deref().or(table.compared.as_deref()).unwrap_or_default();
        let mut row: Vec<Cell> = vec![
            foreign(&table.name).into(),
            number(table.rows).into(),
            held,
            conflicts,
            digest(&table.digest).into(),
        ];
        row.extend(told.then(|| foreign(compared).into()));
        grid.row(row);
    }
    grid.text() + &left_out(others) + &let_go
}

/// Tables that `track --all` passes over, each with the reason.
fn left_out(others: &[Candidate]) -> String {
    let reasons = others.iter().filter(|other| !other.untracked).filter_map(|other| {
        let reason = other.left_out.as_ref().or(other.reason.as_ref())?;
        Some(format!(" - {}: {}\n", foreign(&other.name), sentence(reason)))
    });
    let reasons: String = reasons.collect();
    if reasons.is_empty() { reasons } else { format!("\nLeft out\n{reasons}") }
}

/// Where partners have other columns, and so another version of the application.
pub(super) fn unlike(partners: &[PartnerStatus]) -> String {
    let mut text = String::new();
    for partner in partners.iter().filter(|partner| !partner.unlike.is_empty()) {
        for table in &partner.unlike {
            let _ = writeln!(text, " - {}", other_version(&partner.name, table));
        }
    }
    if text.is_empty() { text } else { format!("\nOther versions of the application\n{text}") }
}

/// What a partner's application has otherwise, in a sentence.
fn other_version(partner: &str, table: &UnlikeTable) -> String {
    let names =
        |names: &[String]| names.iter().map(|name| foreign(name)).collect::<Vec<_>>().join(", ");
    let is = match table.newer {
        Some(true) => "newer",
        Some(false) => "older",
        None => "another one",
    };
    let (name, table_name) = (foreign(partner), foreign(&table.table));
    let has = match (table.has.as_slice(), table.lacks.as_slice()) {
        (has, []) => format!("{table_name} has {} there", names(has)),
        ([], lacks) => format!("{table_name} has no {} there", names(lacks)),
        (has, lacks) => format!("{table_name} has {} there, and no {}", names(has), names(lacks)),
    };
    format!("the application on “{name}” is {is}: {has}")
}

/// Sessions of the past.
pub fn history(sessions: &[HistoryEntry], look: Look, now: NaiveDateTime) -> String {
    if sessions.is_empty() {
        return "No session has moved a row or failed yet.\n".into();
    }
    let headings = [
        "Started",
        "Partner",
        "Way",
        ">Sent",
        ">Received",
        ">Held",
        ">Conflicts",
        ">Took",
        "Result",
    ];
    let mut grid = Grid::new(&headings, look);
    for session in sessions {
        let tone = match session.result.as_str() {
            "success" => Tone::Good,
            "warning" => Tone::Mild,
            _ => Tone::Bad,
        };
        let mut result = foreign(&session.result);
        if !session.message.is_empty() {
            let _ = write!(result, ": {}", sentence(&session.message));
        }
        let result = grid.toned(&result, tone);
        grid.row([
            from_now(&session.started, now).into(),
            foreign(&session.name).into(),
            foreign(&session.direction).into(),
            number(session.sent).into(),
            number(session.received).into(),
            number(session.held).into(),
            number(session.conflicts).into(),
            took(session.took_ms).into(),
            result,
        ]);
    }
    grid.text()
}

/// Rows that are known and not shown.
pub fn held(rows: &[HeldEntry], look: Look, now: NaiveDateTime) -> String {
    if rows.is_empty() {
        return "No row is held.\n".into();
    }
    let headings = [">No.", "Table", "Row", "Reason", "Waits for", "From", "Since"];
    let mut grid = Grid::new(&headings, look);
    for row in rows {
        grid.row([
            Cell::new(row.number),
            foreign(&row.table).into(),
            row.row.to_string().into(),
            foreign(&row.reason).into(),
            sentence(&row.message).into(),
            foreign(&row.origin).into(),
            from_now(&row.since, now).into(),
        ]);
    }
    let is_many = |row: &&HeldEntry| row.reason == "many deletes";
    let held = rows.iter().filter(|row| row.held && !is_many(row)).count() as u64;
    let mut text = format!("{}\n", grid.text());
    if held > 0 {
        text += &count(held, "row is", "rows are");
        text += " held: known and passed on, but not in the table; `dunlin held retry` tries again, `dunlin held give` gives a row another value.\n";
    }
    let many = rows.iter().filter(is_many).count() as u64;
    if many > 0 {
        text += &count(many, "row was", "rows were");
        text += " deleted elsewhere with very many others, and stay in the table here: `dunlin held accept` lets them go, `dunlin held keep` keeps them everywhere.\n";
    }
    let otherwise = (rows.len() as u64).saturating_sub(held + many);
    if otherwise > 0 {
        text += &count(otherwise, "row stands", "rows stand");
        text += " in the table with other values until the cause ends.\n";
    }
    text
}

/// Versions that lost.
pub fn conflicts(conflicts: &[ConflictEntry], look: Look, now: NaiveDateTime) -> String {
    if conflicts.is_empty() {
        return "There is no conflict.\n".into();
    }
    let headings = [
        ">No.",
        "Table",
        "What",
        "Lost",
        "Written",
        "Values that lost",
        "Stands",
        "Values that stand",
    ];
    let mut grid = Grid::new(&headings, look);
    for conflict in conflicts {
        let what = match &conflict.stands_as {
            _ if conflict.restored => format!("{}, put back", foreign(&conflict.kind)),
            Some(key) => format!("{}: {}", foreign(&conflict.kind), foreign(key)),
            None => foreign(&conflict.kind),
        };
        grid.row([
            Cell::new(conflict.number),
            foreign(&conflict.table).into(),
            what.into(),
            foreign(&conflict.loser).into(),
            written(&conflict.written, now).into(),
            values(&conflict.values).into(),
            foreign(&conflict.winner).into(),
            values(&conflict.winner_values).into(),
        ]);
    }
    format!(
        "{}\n`dunlin conflicts restore NO.` puts a version that lost back, and gives a row that lost its name the next free number; `dunlin conflicts keep NO.` leaves it as it stands.\n",
        grid.text()
    )
}

/// When a version was written, if anybody saw it written.
fn written(time: &str, now: NaiveDateTime) -> String {
    if time.is_empty() { "before it was tracked".to_owned() } else { from_now(time, now) }
}

fn values(columns: &Map<String, Value>) -> String {
    let shown = columns.iter().take(VALUES_SHOWN).map(|(column, value)| {
        let value = match value {
            Value::String(text) => foreign(text),
            other => foreign(&other.to_string()),
        };
        format!("{}={value}", foreign(column))
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if columns.len() > VALUES_SHOWN {
        text += ", …";
    }
    text
}
