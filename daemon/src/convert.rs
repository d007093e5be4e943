//! Wire types and storage types, each made of the other. Nothing else knows both.

use std::collections::BTreeMap;

use dunlin_rpc::wire::facts;
use dunlin_rpc::wire::page::{self as wire, parts};
use dunlin_rpc::wire::partner::{ColumnShape, Epoch, ReferenceShape, TableDigest, TableShape};
use dunlin_rpc::wire::value::Value;
use dunlin_schema as store;
use dunlin_schema::facts::{Binding, Fact};
use dunlin_schema::state::{Dot, Dotted};
use dunlin_schema::{Body, Cell, DeclaredColumn, Stamp};

use crate::error::{Error, Result};

// What can be tracked can be sent.
const _: () = assert!(store::NAME_BYTES_MAX <= dunlin_rpc::limits::NAME_BYTES_MAX);

pub(crate) fn origin_out(origin: store::Origin) -> wire::Origin {
    wire::Origin { machine: origin.machine, epoch: origin.epoch }
}

pub(crate) fn origin_in(origin: wire::Origin) -> store::Origin {
    store::Origin { machine: origin.machine, epoch: origin.epoch }
}

pub(crate) fn value_out(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Integer(n) => Value::Integer(n),
        Cell::Real(x) => Value::Real(x),
        Cell::Text(text) => Value::Text(text),
        Cell::Blob(bytes) => Value::Blob(bytes),
        Cell::Row(uuid) => Value::Row(uuid),
        Cell::Number(n) => Value::Number(n),
    }
}

pub(crate) fn value_in(value: Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Integer(n) => Cell::Integer(n),
        Value::Real(x) => Cell::Real(x),
        Value::Text(text) => Cell::Text(text),
        Value::Blob(bytes) => Cell::Blob(bytes),
        Value::Row(uuid) => Cell::Row(uuid),
        Value::Number(n) => Cell::Number(n),
    }
}

pub(crate) fn knowledge_out(known: &[store::Known]) -> Vec<wire::Known> {
    known
        .iter()
        .map(|known| wire::Known {
            origin: origin_out(known.origin),
            seq: known.seq,
            mark: known.mark.map(|mark| data_encoding::HEXLOWER.encode(&mark)),
        })
        .collect()
}

pub(crate) fn knowledge_in(known: &[wire::Known]) -> Vec<store::Known> {
    known
        .iter()
        .map(|known| store::Known {
            origin: origin_in(known.origin),
            seq: known.seq,
            // A mark that is none proves nothing; what is known stays known.
            mark: known.mark.as_ref().and_then(|mark| {
                data_encoding::HEXLOWER.decode(mark.as_bytes()).ok()?.try_into().ok()
            }),
        })
        .collect()
}

pub(crate) fn page_out(page: store::Page) -> wire::Page {
    let tables = page
        .tables
        .into_iter()
        .map(|table| wire::PageTable {
            name: table.name,
            columns: table.columns,
            rows: table.rows.into_iter().map(row_out).collect(),
        })
        .collect();
    let withheld = page
        .withheld
        .into_iter()
        .map(|withheld| wire::Withheld {
            pos: withheld.pos,
            time: u64::try_from(withheld.time).unwrap_or(0),
            origin: origin_out(withheld.origin),
            seq: withheld.seq,
            row: withheld.row,
        })
        .collect();
    let last = page.last.map(|last| wire::Last {
        knowledge: knowledge_out(&last.knowledge),
        floor: last.floor.to_i64().cast_unsigned(),
    });
    wire::Page { tables, withheld, from: page.from, next: page.next, more: page.more, last }
}

fn row_out(row: store::Row) -> wire::PageRow {
    let (values, deleted, size) = match row.body {
        Body::Dead => (Vec::new(), true, None),
        Body::Size(size) => (Vec::new(), false, Some(size)),
        Body::Live(cells) => (cells.into_iter().map(value_out).collect(), false, None),
    };
    wire::PageRow {
        uuid: row.uuid,
        values,
        stamp: row.stamp.to_i64().cast_unsigned(),
        origin: origin_out(row.origin),
        seq: row.seq,
        deleted,
        seen: row.seen.into_iter().map(|(origin, seq)| (origin_out(origin), seq)).collect(),
        number: row.number,
        size,
        together: row.together,
        parts: row.parts.map(|parts| Box::new(parts_out(*parts))),
    }
}

fn dot_out(dot: Dot) -> parts::Dot {
    parts::Dot { stamp: dot.stamp, origin: origin_out(dot.origin), seq: dot.seq }
}

fn dot_in(dot: parts::Dot) -> Dot {
    Dot { stamp: dot.stamp, origin: origin_in(dot.origin), seq: dot.seq }
}

fn last_out(last: Option<(Dot, Cell)>) -> parts::LastKnown {
    last.map(|(dot, cell)| (dot_out(dot), value_out(cell)))
}

fn last_in(last: parts::LastKnown) -> Option<(Dot, Cell)> {
    last.map(|(dot, value)| (dot_in(dot), value_in(value)))
}

fn parts_out(parts: store::Parts) -> parts::Parts {
    let mut out = parts::Parts {
        digest: parts.digest,
        dots: parts.dots.into_iter().map(|(id, dot)| (id, dot_out(dot))).collect(),
        missing: parts.missing.into_iter().map(|(id, last)| (id, last_out(last))).collect(),
        beaten: parts.cut.map(dot_out),
        seen: parts.seen.into_iter().map(|(id, cell)| (id, value_out(cell))).collect(),
        ..parts::Parts::default()
    };
    for (id, cell) in parts.beside {
        let dot = dot_out(cell.dot);
        match cell.value {
            store::state::Value::Here(cell) => out.beside.push((id, dot, value_out(cell))),
            store::state::Value::Missing(last) => out.away.push((id, dot, last_out(last))),
        }
    }
    out
}

fn parts_in(parts: parts::Parts) -> store::Parts {
    let here = parts
        .beside
        .into_iter()
        .map(|(id, dot, value)| (id, Dotted::here(dot_in(dot), value_in(value))));
    let away = parts.away.into_iter().map(|(id, dot, last)| {
        let value = store::state::Value::Missing(last_in(last));
        (id, Dotted { dot: dot_in(dot), value })
    });
    store::Parts {
        digest: parts.digest,
        dots: parts.dots.into_iter().map(|(id, dot)| (id, dot_in(dot))).collect(),
        missing: parts.missing.into_iter().map(|(id, last)| (id, last_in(last))).collect(),
        beside: here.chain(away).collect(),
        cut: parts.beaten.map(dot_in),
        seen: parts.seen.into_iter().map(|(id, value)| (id, value_in(value))).collect(),
    }
}

/// By table, in the order of the store's.
pub(crate) fn facts_out(database: &str, facts: Vec<(String, Fact)>) -> facts::Facts {
    let mut tables: Vec<facts::TableFacts> = Vec::new();
    for (table, fact) in facts {
        let Some(fact) = fact_out(fact) else { continue };
        match tables.last_mut().filter(|last| last.table == table) {
            Some(last) => last.facts.push(fact),
            None => tables.push(facts::TableFacts { table, facts: vec![fact] }),
        }
    }
    facts::Facts { database: database.to_owned(), tables }
}

fn fact_out(fact: Fact) -> Option<facts::Fact> {
    Some(match fact {
        Fact::Renamed { id, name } => facts::Fact::Renamed { id, name },
        Fact::Together { ids } => facts::Fact::Together { ids: ids.into_iter().collect() },
        Fact::Declared { print, columns } => {
            let binding = |Binding { name, id, proven }| facts::Binding { name, id, proven };
            facts::Fact::Declared {
                print: Epoch(print),
                columns: columns.into_iter().map(binding).collect(),
            }
        }
        Fact::Called { name } => facts::Fact::Called { name },
        Fact::Fill { id, time, machine, value } => {
            facts::Fact::Fill { id, time, machine, value: value_out(Fact::cell(&value)?) }
        }
    })
}

pub(crate) fn facts_in(facts: facts::Facts) -> Vec<(String, Fact)> {
    let tables = facts.tables.into_iter();
    tables
        .flat_map(|facts::TableFacts { table, facts }| {
            facts.into_iter().map(move |fact| (table.clone(), fact_in(fact)))
        })
        .collect()
}

fn fact_in(fact: facts::Fact) -> Fact {
    match fact {
        facts::Fact::Renamed { id, name } => Fact::Renamed { id, name },
        facts::Fact::Together { ids } => Fact::Together { ids: ids.into_iter().collect() },
        facts::Fact::Declared { print, columns } => {
            let binding = |facts::Binding { name, id, proven }| Binding { name, id, proven };
            Fact::Declared { print: print.0, columns: columns.into_iter().map(binding).collect() }
        }
        facts::Fact::Called { name } => Fact::Called { name },
        facts::Fact::Fill { id, time, machine, value } => {
            Fact::filled(id, time, machine, &value_in(value))
        }
    }
}

pub(crate) fn page_in(page: wire::Page) -> Result<store::Page> {
    let mut tables = Vec::with_capacity(page.tables.len());
    for table in page.tables {
        let rows = table.rows.into_iter().map(row_in).collect::<Result<_>>()?;
        tables.push(store::PageTable { name: table.name, columns: table.columns, rows });
    }
    let withheld = page
        .withheld
        .into_iter()
        .map(|withheld| store::Withheld {
            pos: withheld.pos,
            time: i64::try_from(withheld.time).unwrap_or(i64::MAX),
            origin: origin_in(withheld.origin),
            seq: withheld.seq,
            row: withheld.row,
        })
        .collect();
    let last = page.last.map(|last| store::Last {
        knowledge: knowledge_in(&last.knowledge),
        floor: stamp_in(last.floor).unwrap_or(Stamp::ZERO),
    });
    Ok(store::Page { from: page.from, next: page.next, more: page.more, tables, withheld, last })
}

fn row_in(row: wire::PageRow) -> Result<store::Row> {
    let body = match (row.deleted, row.size) {
        (true, _) => Body::Dead,
        (false, Some(size)) => Body::Size(size),
        (false, None) => Body::Live(row.values.into_iter().map(value_in).collect()),
    };
    Ok(store::Row {
        uuid: row.uuid,
        stamp: stamp_in(row.stamp).ok_or(Error::BadMessage { what: "a stamp above 2^63 − 1" })?,
        origin: origin_in(row.origin),
        seq: row.seq,
        seen: row.seen.into_iter().map(|(origin, seq)| (origin_in(origin), seq)).collect(),
        number: row.number,
        together: row.together,
        body,
        parts: row.parts.map(|parts| Box::new(parts_in(*parts))),
    })
}

fn stamp_in(stamp: u64) -> Option<Stamp> {
    Stamp::from_i64(i64::try_from(stamp).ok()?)
}

pub(crate) fn shape_out(shape: store::Declaration) -> TableShape {
    let columns = shape
        .columns
        .into_iter()
        .zip(1..)
        .map(|(column, place)| ColumnShape {
            here: (!column.here.eq_ignore_ascii_case(&column.id)).then_some(column.here),
            name: column.id,
            declared: column.declared,
            not_null: column.not_null,
            key: if column.key { place } else { 0 },
        })
        .collect();
    let references = shape
        .references
        .into_iter()
        .map(|(columns, parent, loose)| ReferenceShape { columns, parent, loose })
        .collect();
    let here = (!shape.here.eq_ignore_ascii_case(&shape.name)).then_some(shape.here);
    TableShape { name: shape.name, here, columns, references, naming: shape.naming.to_owned() }
}

pub(crate) fn shape_in(shape: TableShape) -> store::Declaration {
    store::Declaration {
        here: shape.here.unwrap_or_else(|| shape.name.clone()),
        name: shape.name,
        columns: shape
            .columns
            .into_iter()
            .map(|column| DeclaredColumn {
                here: column.here.unwrap_or_else(|| column.name.clone()),
                id: column.name,
                declared: column.declared,
                not_null: column.not_null,
                key: column.key > 0,
            })
            .collect(),
        naming: match shape.naming.as_str() {
            "natural" => "natural",
            "integer" => "integer",
            "unique" => "unique",
            "uuid" => "uuid",
            _ => "key",
        },
        references: shape
            .references
            .into_iter()
            .map(|reference| (reference.columns, reference.parent, reference.loose))
            .collect(),
    }
}

/// Of a table that was let go the versions are told all the same: a Dunlin that does not know of that compares them.
pub(crate) fn digests_out(
    digests: Vec<(String, u64, String)>,
    (let_go, unshown): (&[String], &BTreeMap<String, String>),
) -> Vec<TableDigest> {
    let digest = |(name, rows, digest): (String, u64, String)| TableDigest {
        untracked: let_go.contains(&name),
        unshown: unshown.get(&name).cloned(),
        name,
        rows,
        digest,
    };
    digests.into_iter().map(digest).collect()
}
