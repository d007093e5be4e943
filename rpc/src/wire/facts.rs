//! Facts: what machines have seen happen to tables' columns and names. They only grow, and travel before rows.
//!
//! ```text
//! { "database": "shop", "tables": [{ "table": "parts", "facts": [
//!     { "renamed":  { "id": "price", "name": "price_net" } },           a column is also called so
//!     { "together": { "ids": ["code", "price"] } },                     these stood side by side
//!     { "declared": { "print": "0123456789abcdef", "columns": [         a table declared so means by its names
//!         { "name": "price_net", "id": "price", "proven": true }] } },
//!     { "called":   { "name": "items" } },                              the table is also called so
//!     { "fill":     { "id": "tax", "time": 1790000000000, "machine": "<uuid>", "value": 19 } }] }] }
//! ```
//!
//! Names and ids are in lower case, as SQLite compares them; tables are called as the shop first knew them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::partner::Epoch;
use super::value::Value;

/// `partner_facts`, and its answer: all that a side knows of the tables of a database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The database's name.
    pub database: String,
    /// By table.
    pub tables: Vec<TableFacts>,
}

/// What is known of one table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TableFacts {
    /// What the shop calls it.
    pub table: String,
    /// Of it.
    pub facts: Vec<Fact>,
}

/// What was seen of one table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The column of this id is also called so.
    Renamed {
        /// Its id.
        id: String,
        /// Its other name.
        name: String,
    },
    /// These ids stood side by side in one table.
    Together {
        /// All columns of a table.
        ids: Vec<String>,
    },
    /// A table declared so binds its names to these ids.
    Declared {
        /// The hash of its columns' names and types, 16 hex digits.
        print: Epoch,
        /// Its columns.
        columns: Vec<Binding>,
    },
    /// The table is also called so.
    Called {
        /// Its other name.
        name: String,
    },
    /// What an upgrade put into a column where nobody had an opinion.
    Fill {
        /// The column's id.
        id: String,
        /// When that was found, in milliseconds since 1970: the first counts.
        time: i64,
        /// By whom.
        machine: Uuid,
        /// What it put there.
        value: Value,
    },
}

/// A name that stands for a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// What it is called.
    pub name: String,
    /// Its id.
    pub id: String,
    /// It was there from the start, or was seen to become this.
    pub proven: bool,
}
