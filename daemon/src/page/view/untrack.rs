//! Letting a table go: what it means, and which others go with it.

use std::collections::BTreeSet;

use askama::Template;
use dunlin_rpc::wire::overview::TableCompared;

use super::press::Press;
use crate::page::form::{Fields, escaped};
use crate::page::frame::Frame;
use crate::page::texts::Texts;
use crate::page::words;

/// The question.
#[derive(Debug, Template)]
#[template(path = "untrack.html")]
pub(in crate::page) struct Untrack {
    frame: Frame,
    database: String,
    name: String,
    /// As the file has them, to be sent back.
    exact: Vec<String>,
    /// Those that refer to it, and to one another.
    with: Vec<String>,
}

/// Which table the question is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::page) struct Asked {
    database: Option<String>,
    table: String,
}

impl Asked {
    pub(in crate::page) fn of(query: &Fields) -> Self {
        Self { database: query.given("database"), table: query.get("table").to_owned() }
    }
}

/// The question; none about a table that is not kept in step here.
pub(in crate::page) fn page(
    frame: Frame,
    asked: &Asked,
    tables: &[TableCompared],
) -> Option<Untrack> {
    let table = tables.iter().find(|table| {
        table.tracked
            && table.name == asked.table
            && asked.database.as_ref().is_none_or(|database| *database == table.database)
    })?;
    let with = needing(table, tables);
    Some(Untrack {
        database: table.database.clone(),
        name: words::foreign(&table.name),
        exact: std::iter::once(&table.name).chain(&with).cloned().collect(),
        with: with.iter().map(|name| words::foreign(name)).collect(),
        frame,
    })
}

/// Every table that refers to this one, or to one of those.
fn needing(table: &TableCompared, tables: &[TableCompared]) -> BTreeSet<String> {
    let (mut found, mut ahead) = (BTreeSet::new(), vec![table]);
    while let Some(next) = ahead.pop() {
        for name in &next.needed_by {
            if *name != table.name && found.insert(name.clone()) {
                let of = |other: &&TableCompared| {
                    other.database == table.database && other.name == *name
                };
                ahead.extend(tables.iter().find(of));
            }
        }
    }
    found
}

/// Where the question is asked.
pub(in crate::page) fn lead(t: Texts, table: &TableCompared) -> Press {
    let name = escaped(&table.name);
    let path = format!("/untrack?database={}&table={name}", escaped(&table.database));
    let id = format!("untrack-{}-{name}", escaped(&table.database));
    Press::lead(path, t.of("tables.untrack"), id).about(&words::foreign(&table.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, needed_by: &[&str]) -> TableCompared {
        TableCompared {
            database: "main".to_owned(),
            name: name.to_owned(),
            tracked: true,
            needed_by: needed_by.iter().map(|&name| name.to_owned()).collect(),
            ..TableCompared::default()
        }
    }

    #[test]
    fn what_refers_to_a_table_goes_with_it() {
        let all = [
            table("customers", &["orders"]),
            table("orders", &["lines", "orders"]),
            table("lines", &[]),
            table("in a circle", &["back"]),
            table("back", &["in a circle"]),
        ];
        let with = |index: usize| needing(&all[index], &all).into_iter().collect::<Vec<_>>();
        assert_eq!(with(0), ["lines", "orders"]);
        assert_eq!(with(1), ["lines"]);
        assert!(with(2).is_empty());
        assert_eq!(with(3), ["back"]);
    }

    #[test]
    fn the_way_to_the_question_names_any_table() {
        let t = Texts { language: crate::page::texts::Language::English };
        let press = lead(t, &table("Bücher & \"more\"", &[]));
        assert_eq!(press.action, "/untrack?database=main&table=B%C3%BCcher%20%26%20%22more%22");
        assert!(!press.id.contains([' ', '"']), "{}", press.id);
    }
}
