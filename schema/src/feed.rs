//! Feeds: triggers of the application that fire for our writes too.
//!
//! The file's triggers are off on our connection: what they would do to tracked tables arrives from the partner as
//! rows. A trigger that only feeds a search index (a virtual table) must run all the same, for an index does not
//! travel; so must those that a person lists. Both are copied as TEMP triggers, which still fire.

use crate::Result;
use crate::catalogue::Catalogue;
use crate::error::Doing as _;
use rusqlite::Connection;
use std::collections::BTreeSet;

/// Copies the triggers that are to fire onto this connection, in place of those copied before. Answers their names.
pub(crate) fn copy(
    conn: &Connection,
    tracked: &Catalogue,
    listed: &[String],
) -> Result<Vec<String>> {
    let doing = "copy the triggers that feed a search index";
    let rows = |sql: &str| {
        conn.prepare(sql)
            .and_then(|mut statement| {
                statement
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                    .collect::<rusqlite::Result<Vec<(String, String, String)>>>()
            })
            .doing(doing)
    };
    for (name, ..) in rows("SELECT name, '', '' FROM sqlite_temp_schema WHERE type = 'trigger'")? {
        drop_copy(conn, &name)?;
    }
    let triggers = rows(
        "SELECT name, tbl_name, sql FROM sqlite_schema
         WHERE type = 'trigger' AND sql IS NOT NULL AND name NOT LIKE '\\_dunlin\\_%' ESCAPE '\\' ORDER BY name",
    )?;
    if triggers.is_empty() {
        return Ok(Vec::new());
    }
    let virtual_tables: BTreeSet<String> =
        rows("SELECT lower(name), '', '' FROM pragma_table_list WHERE schema = 'main' AND type = 'virtual'")?
            .into_iter()
            .map(|(name, ..)| name)
            .collect();
    let mut copied = Vec::new();
    for (name, on, sql) in triggers {
        let is_listed = listed.iter().any(|listed| listed.eq_ignore_ascii_case(&name));
        let (Some(table), Some(rest)) = (tracked.named(&on), sql.get("CREATE TRIGGER ".len()..))
        else {
            continue;
        };
        let fed = targets(&sql);
        let feeds_only =
            !fed.is_empty() && fed.iter().all(|target| virtual_tables.contains(target));
        if !is_listed && !feeds_only {
            continue;
        }
        conn.execute_batch(&format!("CREATE TEMP TRIGGER {rest}")).doing(doing)?;
        // One that calls functions of the application's own cannot run here, and must not stop the rows.
        let runs = [&table.sql.insert, &table.sql.update, &table.sql.delete]
            .iter()
            .all(|sql| conn.prepare(sql).is_ok());
        if runs {
            copied.push(name);
        } else {
            drop_copy(conn, &name)?;
        }
    }
    Ok(copied)
}

fn drop_copy(conn: &Connection, name: &str) -> Result<()> {
    conn.execute_batch(&format!("DROP TRIGGER temp.{}", crate::trigger::quote(name)))
        .doing("drop a copied trigger")
}

/// A piece of SQL text, as far as we look into it.
#[derive(Debug, PartialEq)]
enum Piece {
    /// A bare word or a quoted name.
    Word { text: String, quoted: bool },
    /// Anything else.
    Other(char),
}

/// The tables that a trigger's body writes to, in lower case.
fn targets(sql: &str) -> Vec<String> {
    let pieces = pieces(sql);
    let is = |piece: Option<&Piece>, word: &str| matches!(piece, Some(Piece::Word { text, quoted: false }) if text == word);
    let begin = pieces.iter().position(|piece| is(Some(piece), "begin")).unwrap_or(pieces.len());
    let body = pieces.get(begin..).unwrap_or_default();
    let mut found = Vec::new();
    for (at, piece) in body.iter().enumerate() {
        let after = if is(Some(piece), "into") {
            at + 1
        } else if is(Some(piece), "delete") && is(body.get(at + 1), "from") {
            at + 2
        } else if is(Some(piece), "update") && !is(body.get(at + 1), "set") {
            if is(body.get(at + 1), "or") { at + 3 } else { at + 1 }
        } else {
            continue;
        };
        if let Some(Piece::Word { text, .. }) = body.get(after) {
            found.push(text.clone());
        }
    }
    found
}

fn pieces(sql: &str) -> Vec<Piece> {
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
