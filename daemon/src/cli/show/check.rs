//! What tracking a file would come to, in words.

use std::fmt::Write as _;

use super::table::{Grid, Tone};
use crate::check::{Checked, Decide, LeftOut, Obstacle, Table, Trigger};
use crate::cli::output::Look;
use crate::cli::text::{count, foreign, name_list, number, sentence};

/// Names of columns and tables in one cell; a line to paste is never cut.
fn names(list: &[String]) -> String {
    list.iter().map(|name| foreign(name)).collect::<Vec<_>>().join(", ")
}

/// A line for a shell: one line, escaped, and never cut, for half a line does something else.
fn line(text: &str) -> String {
    dunlin_logs::clean(text, usize::MAX)
}

/// What `check` and `track --dry-run` answer.
pub fn checked(checked: &Checked, look: Look) -> String {
    let all = checked.tables.len() as u64;
    let tracked = checked.tables.iter().filter(|table| table.tracked).count() as u64;
    let mut text = format!(
        "{}: {} would be kept in step{}. Nothing was changed.\n",
        line(&checked.file),
        count(all, "table", "tables"),
        if tracked == 0 { String::new() } else { format!(", {} of them already", number(tracked)) },
    );
    if !checked.tables.is_empty() {
        text += "\n";
        text += &tables(&checked.tables, look);
    }
    part(&mut text, "Left out", checked.left_out.iter().map(left_out));
    let virtual_tables = checked.virtual_tables.iter().map(|table| {
        let how = if table.filled {
            "each machine's triggers fill it, from rows that arrive, too"
        } else {
            "a virtual table stays each machine's own, and nothing here fills it from rows that arrive"
        };
        format!("{}: {how}", foreign(&table.name))
    });
    part(&mut text, "Virtual tables", virtual_tables);
    part(&mut text, "Triggers", checked.triggers.iter().filter_map(trigger));
    let wal = (!checked.wal).then(|| {
        "tracking switches the file to a write-ahead log (WAL), so that the application and Dunlin do not wait for each other"
            .to_owned()
    });
    part(&mut text, "To be known", checked.notes.iter().map(|note| sentence(note)).chain(wal));
    part(&mut text, "For a person to decide", checked.decide.iter().map(decide));
    part(&mut text, "In the way", checked.obstacles.iter().map(obstacle));
    let application = checked.application.iter().map(|&should| should.to_owned());
    part(&mut text, "The application should", application);
    if checked.tables.iter().any(|table| !table.tracked) {
        let guesses = checked.decide.iter().any(|one| matches!(one, Decide::Reference { .. }));
        let when = if guesses { "Next, if all of these are references" } else { "Next" };
        let _ = write!(text, "\n{when}:\n  {}\n", line(&checked.next));
    }
    text
}

fn part(text: &mut String, head: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.map(|line| format!(" - {line}\n")).collect();
    if !lines.is_empty() {
        let _ = write!(text, "\n{head}\n{}", lines.concat());
    }
}

fn tables(tables: &[Table], look: Look) -> String {
    let mut grid = Grid::new(&["Table", ">Rows", "Rows go by", "Written", "Refers to", ""], look);
    for table in tables {
        let refers: Vec<String> = table
            .references
            .iter()
            .map(|reference| {
                let loose = if reference.loose { " (loose)" } else { "" };
                format!("{} → {}{loose}", names(&reference.columns), foreign(&reference.parent))
            })
            .collect();
        let tracked = if table.tracked { "tracked" } else { "" };
        grid.row([
            foreign(&table.name).into(),
            number(table.rows).into(),
            named_by(table).into(),
            foreign(table.written.as_deref().unwrap_or_default()).into(),
            refers.join(", ").into(),
            grid.toned(tracked, Tone::Good),
        ]);
    }
    let mut text = grid.text();
    if tables.iter().any(|table| table.naming == "integer") {
        text += "Rows with a name of their own keep it on every machine; their number may be another one there.\n";
    }
    text
}

fn named_by(table: &Table) -> String {
    let columns = names(&table.named_by);
    match table.naming {
        "integer" => "a name of their own".to_owned(),
        "natural" => format!("their number: {columns}"),
        "uuid" => format!("their uuid: {columns}"),
        "unique" => format!("what they link: {columns}"),
        _ => format!("their key: {columns}"),
    }
}

fn left_out(table: &LeftOut) -> String {
    format!("{}: {}", foreign(&table.name), sentence(&table.reason))
}

/// Those that a person has to decide about are told there.
fn trigger(trigger: &Trigger) -> Option<String> {
    let what = match trigger.runs {
        "there" => "runs where a row is written; what it does to tables arrives elsewhere as rows",
        "everywhere" => "runs for rows that arrive, too",
        _ => return None,
    };
    Some(format!("{} on {}: {what}", foreign(&trigger.name), foreign(&trigger.table)))
}

fn decide(one: &Decide) -> String {
    match one {
        Decide::Reference { table, column, parent, yes, no } => format!(
            "{}.{} looks like a reference to {} that the schema does not declare, so its numbers may mean other rows on other machines. It is one: {}  It is none: {}",
            foreign(table),
            foreign(column),
            foreign(parent),
            line(yes),
            line(no)
        ),
        Decide::Doubles { table, rows, natural, alone } => doubles(table, *rows, natural, *alone),
        Decide::Cannot { table, reason } => {
            format!("{} would stay each machine's own: {}", foreign(table), sentence(reason))
        }
        Decide::Trigger { trigger, table, into } if into.is_empty() => format!(
            "the trigger {} on {} should run for rows that arrive, and needs what only its application has",
            foreign(trigger),
            foreign(table)
        ),
        Decide::Trigger { trigger, table, into } => format!(
            "the trigger {} on {} writes to {}, which is not kept in step, and does not run for rows that arrive; name it under `triggers` in the settings file if it should",
            foreign(trigger),
            foreign(table),
            name_list(into)
        ),
    }
}

fn doubles(table: &str, rows: u64, natural: &str, alone: bool) -> String {
    let have = count(rows, "row that every machine is", "rows that every machine is");
    let (table, natural) = (foreign(table), line(natural));
    if alone {
        return format!(
            "{table} has {have} likely to have, too; so that it is one row everywhere, track it by its number: {natural}"
        );
    }
    format!(
        "{table} has {have} likely to have, too, and that would be there twice unless they are equal in every value. Begin the other machines with a copy of this file, or with {table} empty; or, where its numbers mean the same everywhere: {natural}"
    )
}

fn obstacle(one: &Obstacle) -> String {
    match one {
        Obstacle::File => "this user may not write the file; run Dunlin as the application's user".to_owned(),
        Obstacle::Folder => {
            "this user may not write in the file's folder, where SQLite and Dunlin have files of their own".to_owned()
        }
        Obstacle::Network { system } => format!(
            "the file is on a network file system ({}), where a write-ahead log does not work; it has to be on a local disk",
            foreign(system)
        ),
        Obstacle::NoTable => {
            "no table of the file can be kept in step; if the application makes them when it starts, start it once".to_owned()
        }
    }
}
