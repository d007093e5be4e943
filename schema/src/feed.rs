//! Feeds: triggers of the application that fire for our writes too.
//!
//! The file's triggers are off on our connection: what they would do to tracked tables arrives from the partner as
//! rows. A trigger that only feeds a search index (a virtual table), or tables that nothing else fills and that are left
//! out, must run all the same, for those do not travel; so must those that a person lists. They are copied as TEMP
//! triggers, which still fire.

use crate::catalogue::{self, Catalogue, Table, is_ours};
use crate::error::Doing as _;
use crate::listing::{Kind, Listing, Trigger};
use crate::{Result, left_out};
use rusqlite::Connection;

/// A trigger of the application, and what becomes of what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Its name.
    pub trigger: String,
    /// The table that it watches.
    pub table: String,
    /// When it runs.
    pub runs: Runs,
}

/// When a trigger of the application runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runs {
    /// Where a row is written; what it does arrives elsewhere as rows.
    There,
    /// Everywhere: for rows that arrive, too.
    Everywhere,
    /// Where a row is written, and what it writes to these tables stays there.
    Alone(Vec<String>),
    /// It should run for rows that arrive, and needs what only its application has.
    Never,
}

/// Copies the triggers that are to fire onto this connection, in place of those copied before. Answers their names.
pub(crate) fn copy(
    conn: &Connection,
    (tracked, listing): (&Catalogue, &Listing),
    listed: &[String],
) -> Result<Vec<String>> {
    let doing = "copy the triggers that feed a search index";
    let before: Vec<String> = conn
        .prepare_cached("SELECT name FROM sqlite_temp_schema WHERE type = 'trigger'")
        .and_then(|mut statement| {
            statement.query_map([], |row| row.get(0)).and_then(Iterator::collect)
        })
        .doing(doing)?;
    for name in before {
        drop_copy(conn, &name)?;
    }
    let mut copied = Vec::new();
    for (table, trigger) in triggers(tracked, listing) {
        if !is_to_fire(conn, (tracked, listing), listed, trigger) {
            continue;
        }
        let Some(rest) = trigger.sql.get("CREATE TRIGGER ".len()..) else { continue };
        conn.execute_batch(&format!("CREATE TEMP TRIGGER {rest}")).doing(doing)?;
        // One that calls functions of the application's own cannot run here, and must not stop the rows.
        let runs = [&table.sql.insert, &table.sql.update, &table.sql.delete]
            .iter()
            .all(|sql| conn.prepare(sql).is_ok());
        if runs {
            copied.push(trigger.name.clone());
        } else {
            drop_copy(conn, &trigger.name)?;
        }
    }
    copied.sort_unstable();
    Ok(copied)
}

/// Is a trigger to fire for our writes too?
fn is_to_fire(
    conn: &Connection,
    (tracked, listing): (&Catalogue, &Listing),
    listed: &[String],
    trigger: &Trigger,
) -> bool {
    let is_fed_here = |name: &String| {
        let is_virtual = listing.named(name).is_some_and(|table| table.kind == Kind::Virtual);
        is_virtual || (tracked.named(name).is_none() && is_left_out(conn, listing, name))
    };
    let is_listed = listed.iter().any(|listed| listed.eq_ignore_ascii_case(&trigger.name));
    let fed = targets(&trigger.sql);
    is_listed || (!fed.is_empty() && fed.iter().all(is_fed_here))
}

/// What becomes of what the application's triggers on tracked tables do, by the names of the triggers. `copied`: those
/// that were copied.
pub(crate) fn effects(
    conn: &Connection,
    (tracked, listing): (&Catalogue, &Listing),
    listed: &[String],
    copied: &[String],
) -> Vec<Effect> {
    let mut found: Vec<Effect> = triggers(tracked, listing)
        .map(|(table, trigger)| {
            let fed = targets(&trigger.sql).into_iter();
            let mut alone: Vec<String> = fed.filter(|name| tracked.named(name).is_none()).collect();
            alone.sort_unstable();
            alone.dedup();
            let runs = if copied.contains(&trigger.name) {
                Runs::Everywhere
            } else if is_to_fire(conn, (tracked, listing), listed, trigger) {
                Runs::Never
            } else if alone.is_empty() {
                Runs::There
            } else {
                Runs::Alone(alone)
            };
            Effect { trigger: trigger.name.clone(), table: table.name.clone(), runs }
        })
        .collect();
    found.sort_by(|one, other| one.trigger.cmp(&other.trigger));
    found
}

/// The application's triggers that write to a table.
pub(crate) fn feeding<'l>(
    listing: &'l Listing,
    table: &'l str,
) -> impl Iterator<Item = &'l Trigger> {
    let all = listing.tables().flat_map(|listed| &listed.triggers);
    let own = all.filter(|trigger| !is_ours(&trigger.name));
    own.filter(|trigger| targets(&trigger.sql).iter().any(|name| name.eq_ignore_ascii_case(table)))
}

/// Is a table one that `track --all` passes over, because triggers fill it?
fn is_left_out(conn: &Connection, listing: &Listing, name: &str) -> bool {
    catalogue::describe(conn, listing, name).is_ok_and(|described| {
        let columns = described.names().into_iter().collect();
        left_out::why(described.name(), &columns, listing).is_some()
    })
}

/// The application's triggers on tracked tables.
fn triggers<'c>(
    tracked: &'c Catalogue,
    listing: &'c Listing,
) -> impl Iterator<Item = (&'c Table, &'c Trigger)> {
    tracked.tables.iter().flat_map(|table| {
        let listed = listing.named(&table.name).into_iter().flat_map(|listed| &listed.triggers);
        let own = listed.filter(|trigger| !is_ours(&trigger.name));
        own.map(|trigger| (table.as_ref(), trigger))
    })
}

fn drop_copy(conn: &Connection, name: &str) -> Result<()> {
    conn.execute_batch(&format!("DROP TRIGGER temp.{}", crate::trigger::quote(name)))
        .doing("drop a copied trigger")
}

/// A piece of SQL text, as far as we look into it.
#[derive(Debug, PartialEq)]
pub(crate) enum Piece {
    /// A bare word or a quoted name.
    Word { text: String, quoted: bool },
    /// Anything else.
    Other(char),
}

/// The tables that a trigger's body inserts into, in lower case.
pub(crate) fn inserts_into(sql: &str) -> Vec<String> {
    written(sql).into_iter().filter(|(_, inserts)| *inserts).map(|(table, _)| table).collect()
}

/// The tables that a trigger's body writes to, in lower case.
fn targets(sql: &str) -> Vec<String> {
    written(sql).into_iter().map(|(table, _)| table).collect()
}

/// Each table that a trigger's body writes to, in lower case, and whether it inserts.
fn written(sql: &str) -> Vec<(String, bool)> {
    let pieces = pieces(sql);
    let is = |piece: Option<&Piece>, word: &str| matches!(piece, Some(Piece::Word { text, quoted: false }) if text == word);
    let begin = pieces.iter().position(|piece| is(Some(piece), "begin")).unwrap_or(pieces.len());
    let body = pieces.get(begin..).unwrap_or_default();
    let mut found = Vec::new();
    for (at, piece) in body.iter().enumerate() {
        let inserts = is(Some(piece), "into");
        let after = if inserts {
            at + 1
        } else if is(Some(piece), "delete") && is(body.get(at + 1), "from") {
            at + 2
        } else if is(Some(piece), "update") && !is(body.get(at + 1), "set") {
            if is(body.get(at + 1), "or") { at + 3 } else { at + 1 }
        } else {
            continue;
        };
        if let Some(Piece::Word { text, .. }) = body.get(after) {
            found.push((text.clone(), inserts));
        }
    }
    found
}

pub(crate) fn pieces(sql: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = sql.chars().peekable();
    while let Some(first) = rest.next() {
        match first {
            '-' if rest.peek() == Some(&'-') => {
                while rest.next_if(|next| *next != '\n').is_some() {}
            }
            '/' if rest.peek() == Some(&'*') => {
                let mut last = ' ';
                for next in rest.by_ref().skip(1) {
                    if last == '*' && next == '/' {
                        break;
                    }
                    last = next;
                }
            }
            '\'' | '"' | '`' | '[' => {
                let end = if first == '[' { ']' } else { first };
                let mut text = String::new();
                while let Some(next) = rest.next() {
                    if next == end && (end == ']' || rest.next_if_eq(&end).is_none()) {
                        break;
                    }
                    text.extend(next.to_lowercase());
                }
                pieces.push(Piece::Word { text, quoted: true });
            }
            _ if first.is_alphanumeric() || first == '_' || first == '$' => {
                let mut text: String = first.to_lowercase().collect();
                while let Some(next) =
                    rest.next_if(|next| next.is_alphanumeric() || *next == '_' || *next == '$')
                {
                    text.extend(next.to_lowercase());
                }
                pieces.push(Piece::Word { text, quoted: false });
            }
            _ if first.is_whitespace() => {}
            _ => pieces.push(Piece::Other(first)),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::targets;

    #[test]
    fn the_tables_that_a_trigger_writes_to_are_read_from_its_text() {
        for (sql, found) in [
            (
                "CREATE TRIGGER a AFTER UPDATE OF x ON t BEGIN INSERT INTO Found(Found) VALUES ('delete into x'); \
                 INSERT OR REPLACE INTO \"two \"\" words\" SELECT 1; END",
                vec!["found", "two \" words"],
            ),
            (
                "CREATE TRIGGER b AFTER DELETE ON t WHEN old.x BEGIN -- insert into no\n DELETE FROM [seen it]; \
                 /* update no set */ UPDATE OR IGNORE `stock` SET n = 1; END",
                vec!["seen it", "stock"],
            ),
            (
                "CREATE TRIGGER c AFTER INSERT ON t BEGIN INSERT INTO s VALUES (1) ON CONFLICT DO UPDATE SET n = 2; END",
                vec!["s"],
            ),
            (
                "CREATE TRIGGER d BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, 'into x'); END",
                vec![],
            ),
        ] {
            assert_eq!(targets(sql), found, "{sql}");
        }
    }
}
