//! Unlike: where a partner's application has other columns in a table than the one here.

use crate::error::Doing as _;
use crate::facts::{Fact, print};
use crate::store::Flush;
use crate::tx::Tx;
use crate::{Declaration, Millis, Result, Store};

/// A table that has other columns on a partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlike {
    /// What it is called here.
    pub table: String,
    /// The partner's is newer: its columns were heard of later than those here; false: older; none: nobody can tell.
    pub newer: Option<bool>,
    /// Columns that it has and this one has not, by what they are called there.
    pub has: Vec<String>,
    /// Columns that it has not and this one has.
    pub lacks: Vec<String>,
}

impl Store {
    /// Where a partner's tables have other columns.
    pub fn unlike(&mut self, theirs: &[Declaration]) -> Result<Vec<Unlike>> {
        self.write(Flush::Reads, |tx| {
            let mut unlike = Vec::new();
            for there in theirs {
                let Some(here) = tx.catalogue.first(&there.name).cloned() else { continue };
                let here = here.declaration(&tx.catalogue);
                let has = names(there, &here);
                let lacks = names(&here, there);
                if has.is_empty() && lacks.is_empty() {
                    continue;
                }
                let (ours, theirs) = (tx.heard(&here)?, tx.heard(there)?);
                let newer = match (ours, theirs) {
                    (Some(ours), Some(theirs)) if ours != theirs => Some(ours < theirs),
                    _ => None,
                };
                unlike.push(Unlike { table: here.here, newer, has, lacks });
            }
            Ok(unlike)
        })
    }
}

/// The columns that one has and the other has not.
fn names(one: &Declaration, other: &Declaration) -> Vec<String> {
    let is_there = |id: &str| other.columns.iter().any(|column| column.id.eq_ignore_ascii_case(id));
    let only = one.columns.iter().filter(|column| !is_there(&column.id));
    only.map(|column| column.here.clone()).collect()
}

impl Tx<'_> {
    /// When anybody here first heard of a table that is declared so.
    fn heard(&self, declared: &Declaration) -> Result<Option<Millis>> {
        let doing = "ask since when a table is declared so";
        let columns = declared.columns.iter();
        let print = print(columns.map(|column| (column.here.as_str(), column.declared.as_str())));
        let mut statement = self
            .conn
            .prepare_cached("SELECT what, at FROM _dunlin_fact WHERE tbl = ?")
            .doing(doing)?;
        let mut rows = statement.query([declared.name.to_ascii_lowercase()]).doing(doing)?;
        let mut first: Option<Millis> = None;
        while let Some(row) = rows.next().doing(doing)? {
            let what: Vec<u8> = row.get(0).doing(doing)?;
            let at: Millis = row.get(1).doing(doing)?;
            let is_it = matches!(
                postcard::from_bytes(&what),
                Ok(Fact::Declared { print: of, .. }) if of == print
            );
            if is_it {
                first = Some(first.map_or(at, |first| first.min(at)));
            }
        }
        Ok(first)
    }
}
