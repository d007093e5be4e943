//! Triggers: one line in the log for each change, and nothing else.
//!
//! They name key columns only (and columns of UNIQUE constraints, which SQLite lets nobody drop): a trigger that
//! names another makes the application's `ALTER TABLE … DROP COLUMN` fail. Not so the list behind `UPDATE OF`: SQLite
//! rewrites it when a column is renamed, and lets one be dropped (measured: 3.40.1, 3.54.1), so one trigger that does
//! nothing is the witness of renames. No function that a library of 2018 lacks, no function of ours.

use crate::catalogue::Table;
use crate::feed::Piece;
use std::fmt::Write as _;

/// Milliseconds since 1970 by SQLite's own clock; the same for every line of one statement.
pub(crate) const NOW: &str = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)";

pub(crate) const INSERT: i64 = 1;
pub(crate) const UPDATE: i64 = 2;
pub(crate) const DELETE: i64 = 3;
pub(crate) const FROM: i64 = 4;
pub(crate) const TO: i64 = 5;
pub(crate) const LOOK: i64 = 6;
pub(crate) const EXISTING: i64 = 7;
pub(crate) const FOUND: i64 = 8;
pub(crate) const LISTED: i64 = 9;

/// What the triggers of a table are called.
const ALL: [&str; 7] = ["i", "d", "u", "k", "w", "li", "lu"];

/// A name as SQL text.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The statements that put a table's triggers in place, whatever stood there.
pub(crate) fn install(table: &Table, now: &str) -> Vec<String> {
    let mut statements = remove(table.id);
    let id = table.id;
    let on = quote(&table.name);
    let line = |kind: i64, row: &str| {
        format!(
            "INSERT INTO _dunlin_log (tbl, kind, t{}) VALUES ({id}, {kind}, {now}{});",
            slots(table),
            key(table, row)
        )
    };
    let same: Vec<String> =
        key_names(table).iter().map(|name| format!("OLD.{name} IS NEW.{name}")).collect();
    let same = same.join(" AND ");
    let mut add = |what: &str, when: &str, body: &str| {
        statements.push(format!("CREATE TRIGGER _dunlin_{what}_{id} {when} BEGIN {body} END"));
    };
    add("i", &format!("AFTER INSERT ON {on}"), &line(INSERT, "NEW."));
    add("d", &format!("AFTER DELETE ON {on}"), &line(DELETE, "OLD."));
    add("u", &format!("AFTER UPDATE ON {on} WHEN {same}"), &line(UPDATE, "NEW."));
    let moved = format!("{} {}", line(FROM, "OLD."), line(TO, "NEW."));
    add("k", &format!("AFTER UPDATE ON {on} WHEN NOT ({same})"), &moved);
    let named: Vec<String> = table.columns.iter().map(|column| quote(&column.name)).collect();
    add("w", &format!("AFTER UPDATE OF {} ON {on} WHEN 0", named.join(", ")), "SELECT 0;");
    let looks: String =
        table.uniques_to_watch().map(|columns| look(table, &columns, now)).collect();
    if !looks.is_empty() {
        add("li", &format!("BEFORE INSERT ON {on}"), &looks);
        add("lu", &format!("BEFORE UPDATE ON {on}"), &looks);
    }
    statements
}

/// The names of the triggers that every tracked table has, and without which writes are missed.
pub(crate) fn always(id: i64) -> [String; 4] {
    ["i", "d", "u", "k"].map(|what| format!("_dunlin_{what}_{id}"))
}

/// The name of the trigger by which a rename of a column is seen.
pub(crate) fn witness(id: i64) -> String {
    format!("_dunlin_w_{id}")
}

/// The number of the table that one of our triggers is of.
pub(crate) fn table_of(trigger: &str) -> Option<i64> {
    let rest = trigger.get(..8).filter(|head| head.eq_ignore_ascii_case("_dunlin_"));
    let (what, id) = trigger.get(rest?.len()..)?.split_once('_')?;
    let known = ALL.iter().any(|known| known.eq_ignore_ascii_case(what));
    if known { id.parse().ok() } else { None }
}

/// The columns that a witness names, in lower case.
pub(crate) fn columns_named(sql: &str) -> Vec<String> {
    let pieces = crate::feed::pieces(sql);
    let is = |piece: &Piece, word: &str| matches!(piece, Piece::Word { text, quoted: false } if text == word);
    let from = pieces.windows(2).position(|two| match two {
        [update, of] => is(update, "update") && is(of, "of"),
        _ => false,
    });
    let named = pieces.iter().skip(from.map_or(pieces.len(), |at| at + 2));
    let named = named.take_while(|piece| !is(piece, "on"));
    named
        .filter_map(|piece| match piece {
            Piece::Word { text, .. } => Some(text.clone()),
            Piece::Other(_) => None,
        })
        .collect()
}

/// The statements that take a table's triggers away.
pub(crate) fn remove(id: i64) -> Vec<String> {
    ALL.iter().map(|what| format!("DROP TRIGGER IF EXISTS _dunlin_{what}_{id}")).collect()
}

/// The statement that appends a line for every row that is there: [`EXISTING`] when tracking begins, [`LISTED`] when
/// the table was made anew.
pub(crate) fn list_rows(table: &Table, kind: i64, now: &str) -> String {
    format!(
        "INSERT INTO _dunlin_log (tbl, kind, t{}) SELECT {}, {kind}, {now}{} FROM {}",
        slots(table),
        table.id,
        key(table, ""),
        quote(&table.name)
    )
}

/// The statement that appends one line for a key, which its parameters say.
pub(crate) fn line_of(table: &Table, kind: i64, now: &str) -> String {
    let places = (1..=table.key.len()).fold(String::new(), |mut text, part| {
        let _ = write!(text, ", ?{part}");
        text
    });
    format!(
        "INSERT INTO _dunlin_log (tbl, kind, t{}) VALUES ({}, {kind}, {now}{places})",
        slots(table),
        table.id
    )
}

/// A line for each other row that holds the new value: SQLite fires no delete trigger when OR REPLACE removes it.
fn look(table: &Table, columns: &[String], now: &str) -> String {
    let mut text = format!(
        "INSERT INTO _dunlin_log (tbl, kind, t{}) SELECT {}, {LOOK}, {now}{} FROM {} WHERE ",
        slots(table),
        table.id,
        key(table, ""),
        quote(&table.name)
    );
    for column in columns {
        let name = quote(column);
        // Writing into a String cannot fail.
        let _ = write!(text, "{name} = NEW.{name} AND ");
    }
    let other: Vec<String> =
        key_names(table).iter().map(|name| format!("{name} IS NEW.{name}")).collect();
    let _ = write!(text, "NOT ({});", other.join(" AND "));
    text
}

fn slots(table: &Table) -> String {
    (0..table.key.len()).fold(String::new(), |mut text, index| {
        let _ = write!(text, ", k{index}");
        text
    })
}

fn key(table: &Table, row: &str) -> String {
    key_names(table).iter().fold(String::new(), |mut text, name| {
        let _ = write!(text, ", {row}{name}");
        text
    })
}

fn key_names(table: &Table) -> Vec<String> {
    table
        .key
        .iter()
        .filter_map(|&index| table.at(index))
        .map(|column| quote(&column.name))
        .collect()
}

impl Table {
    /// The columns of each UNIQUE constraint through which OR REPLACE could remove another row.
    fn uniques_to_watch(&self) -> impl Iterator<Item = Vec<String>> {
        self.uniques.iter().filter(|unique| unique.constraint).map(|unique| {
            unique
                .columns
                .iter()
                .filter_map(|&index| self.at(index))
                .map(|column| column.name.clone())
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{columns_named, table_of};

    #[test]
    fn a_witness_says_what_became_of_each_column() {
        let sql = "CREATE TRIGGER _dunlin_w_3 AFTER UPDATE OF \"id\", \"of \"\"on\"\"\", \"Price\" ON \"t\" WHEN 0 BEGIN SELECT 0; END";
        assert_eq!(columns_named(sql), ["id", "of \"on\"", "price"]);
    }

    #[test]
    fn our_triggers_say_which_table_they_are_of() {
        assert_eq!(table_of("_dunlin_li_12"), Some(12));
        assert_eq!(table_of("_DUNLIN_I_3"), Some(3));
        assert_eq!(table_of("_dunlin_x_3"), None);
        assert_eq!(table_of("_dunlin_i_"), None);
        assert_eq!(table_of("price_check"), None);
    }
}
