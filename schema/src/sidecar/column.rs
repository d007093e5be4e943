//! `_dunlin_column`: columns by number, by the id that the shop knows them by, and by what they are called here.

use crate::catalogue::{Description, OnDelete};
use crate::error::Doing as _;
use crate::tx::Tx;
use crate::{Cell, Error, Result};
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::sync::Arc;

/// So many columns of one table are known at most, whatever partners make up: SQLite's own limit, and as many again.
const COLUMNS_MAX: usize = 4_000;

/// A column of a table, as the sidecar knows it.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) number: i64,
    /// In lower case.
    pub(crate) id: Arc<str>,
    /// What it is called in the table here; none: it is not in it.
    pub(crate) here: Option<String>,
    /// Its type there, and before that last changed.
    pub(crate) declared: Option<String>,
    pub(crate) was: Option<String>,
    /// It was there from the start, or was seen to become this.
    pub(crate) proven: bool,
    /// Lines of the log up to this one were written before it was first seen here.
    pub(crate) since: i64,
    /// Entries up to this position have no value of it here, unless one is kept.
    pub(crate) lost: u64,
    /// What the upgrade here put where nobody had an opinion.
    pub(crate) fill: Option<Cell>,
    /// What it did as a reference when its parent went, in lines of the log up to this one.
    pub(crate) did: Option<(OnDelete, i64)>,
}

/// The columns of one table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    all: Vec<Known>,
    by_id: HashMap<Arc<str>, usize>,
    by_number: HashMap<i64, usize>,
}

impl Columns {
    fn push(&mut self, column: Known) {
        self.by_id.insert(Arc::clone(&column.id), self.all.len());
        self.by_number.insert(column.number, self.all.len());
        self.all.push(column);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.all.iter()
    }

    /// By its id, in lower case.
    pub(crate) fn id(&self, id: &str) -> Option<&Known> {
        self.by_id.get(id).and_then(|&at| self.all.get(at))
    }

    pub(crate) fn number(&self, number: i64) -> Option<&Known> {
        self.by_number.get(&number).and_then(|&at| self.all.get(at))
    }

    /// By what it is called here.
    pub(crate) fn here(&self, name: &str) -> Option<&Known> {
        let is_it = |known: &&Known| {
            known.here.as_deref().is_some_and(|here| here.eq_ignore_ascii_case(name))
        };
        self.all.iter().find(is_it)
    }
}

/// What the sidecar says that a reference did when its parent went.
const EMPTIED: i64 = 1;
const FELL: i64 = 2;

const COLUMNS: &str = "number, id, here, was, proven, since, lost, fill, tbl, declared, did, until";

/// The columns of all tables.
pub(crate) fn all(conn: &Connection) -> Result<HashMap<i64, Columns>> {
    let doing = "read the columns";
    let mut statement = conn
        .prepare_cached(&format!("SELECT {COLUMNS} FROM _dunlin_column ORDER BY number"))
        .doing(doing)?;
    let mut rows = statement.query([]).doing(doing)?;
    let mut all: HashMap<i64, Columns> = HashMap::new();
    while let Some(row) = rows.next().doing(doing)? {
        let table: i64 = row.get(8).doing(doing)?;
        all.entry(table).or_default().push(known(row)?);
    }
    Ok(all)
}

fn known(row: &rusqlite::Row<'_>) -> Result<Known> {
    let doing = "read the columns";
    let fill: Option<Vec<u8>> = row.get(7).doing(doing)?;
    Ok(Known {
        number: row.get(0).doing(doing)?,
        id: row.get::<_, String>(1).doing(doing)?.into(),
        here: row.get(2).doing(doing)?,
        was: row.get(3).doing(doing)?,
        declared: row.get(9).doing(doing)?,
        proven: row.get(4).doing(doing)?,
        since: row.get(5).doing(doing)?,
        lost: row.get(6).doing(doing)?,
        fill: fill.map(|bytes| Cell::decode(&mut bytes.as_slice())).transpose()?,
        did: match row.get(10).doing(doing)? {
            EMPTIED => Some((OnDelete::SetNull, row.get(11).doing(doing)?)),
            FELL => Some((OnDelete::Cascade, row.get(11).doing(doing)?)),
            _ => None,
        },
    })
}

impl Tx<'_> {
    /// The columns of references by what these do when their parent goes, as a table was declared.
    pub(crate) fn actions(
        &mut self,
        table: i64,
        before: &Description,
    ) -> Result<Vec<(i64, OnDelete)>> {
        let columns = self.columns(table)?;
        let number = |name: &str| columns.here(name).map(|known| known.number);
        let actions = before.actions().into_iter();
        Ok(actions.filter_map(|(name, action)| Some((number(name)?, action))).collect())
    }

    /// Notes what references did until now: from this line of the log on, their table is declared otherwise.
    pub(crate) fn note_actions(&self, actions: &[(i64, OnDelete)], line: i64) -> Result<()> {
        for (column, action) in actions {
            let did = match action {
                OnDelete::SetNull => EMPTIED,
                OnDelete::Cascade => FELL,
                OnDelete::Restrict => continue,
            };
            self.conn
                .prepare_cached("UPDATE _dunlin_column SET did = ?2, until = ?3 WHERE number = ?1")
                .and_then(|mut statement| statement.execute(params![column, did, line]))
                .doing("write down what a reference does")?;
        }
        Ok(())
    }

    /// The columns of a table, also of one that is not here.
    pub(crate) fn columns(&mut self, table: i64) -> Result<Arc<Columns>> {
        if let Some(columns) = self.cache.columns.get(&table) {
            return Ok(Arc::clone(columns));
        }
        let doing = "read the columns";
        let mut columns = Columns::default();
        let mut statement = self
            .conn
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM _dunlin_column WHERE tbl = ? ORDER BY number"
            ))
            .doing(doing)?;
        let mut rows = statement.query([table]).doing(doing)?;
        while let Some(row) = rows.next().doing(doing)? {
            columns.push(known(row)?);
        }
        let columns = Arc::new(columns);
        self.cache.columns.insert(table, Arc::clone(&columns));
        Ok(columns)
    }

    /// The number of a column by its id; one that nobody had named here before gets one.
    pub(crate) fn column_number(&mut self, table: i64, id: &str) -> Result<i64> {
        let id = id.to_ascii_lowercase();
        let columns = self.columns(table)?;
        if let Some(known) = columns.id(&id) {
            return Ok(known.number);
        }
        if columns.all.len() >= COLUMNS_MAX {
            let what = format!("it names more than {COLUMNS_MAX} columns of one table");
            return Err(Error::BadPage { what });
        }
        self.conn
            .prepare_cached("INSERT INTO _dunlin_column (tbl, id) VALUES (?1, ?2)")
            .and_then(|mut statement| statement.execute(params![table, id]))
            .doing("number a column")?;
        let number = self.conn.last_insert_rowid();
        self.cache.columns.remove(&table);
        Ok(number)
    }

    /// Says what a column is called in the table here.
    pub(crate) fn bind_column(
        &mut self,
        table: i64,
        number: i64,
        (here, declared): (&str, &str),
        proven: bool,
    ) -> Result<()> {
        self.conn
            .prepare_cached(
                "UPDATE _dunlin_column SET here = ?2, was = CASE WHEN declared IS NOT ?3 THEN declared ELSE was END,
                 declared = ?3, proven = ?4 WHERE number = ?1",
            )
            .and_then(|mut statement| statement.execute(params![number, here, declared, proven]))
            .doing("name a column")?;
        self.cache.columns.remove(&table);
        Ok(())
    }

    /// The id of a column by its number.
    pub(crate) fn column_id(&mut self, table: i64, number: i64) -> Result<Arc<str>> {
        let columns = self.columns(table)?;
        let known = columns.number(number);
        known
            .map(|known| Arc::clone(&known.id))
            .ok_or(Error::Sidecar { what: "a cell of no known column" })
    }
}
