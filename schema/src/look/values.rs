//! What the columns of a table that was made anew hold, beside what they held before: by that a column is known again,
//! or is known to be another one under the same name.

use crate::Affinity;
use crate::Cell;
use crate::catalogue::Description;
use crate::error::Doing as _;
use crate::sidecar::column::Known;
use crate::spare::{self, Shown};
use crate::trigger::quote;
use crate::tx::Tx;
use rusqlite::OptionalExtension as _;
use std::collections::{BTreeMap, BTreeSet};

/// So many rows of a table are looked at.
const ROWS: usize = 64;
/// Fewer different values than this are any column's.
const DIFFERENT: usize = 3;

/// Some rows as they were and as they are.
#[derive(Default)]
pub(super) struct Values {
    rows: Vec<(Shown, BTreeMap<String, Cell>)>,
    /// What the columns' types make of values now, by name in lower case.
    affinities: BTreeMap<String, Affinity>,
}

impl Tx<'_> {
    /// Of rows that nobody has written since; where there are none, as after a migration that wrote all of them, of any.
    pub(super) fn values_of(&self, table: i64, now: &Description) -> crate::Result<Values> {
        let doing = "look what a table that was made anew holds";
        let sample = self.sample(table, ROWS);
        let declared = now.declared();
        let affinities = declared
            .iter()
            .map(|(name, declared)| (name.to_ascii_lowercase(), Affinity::of(declared)));
        let mut values = Values { rows: Vec::new(), affinities: affinities.collect() };
        if sample.is_empty() {
            return Ok(values);
        }
        let names: Vec<String> = declared.iter().map(|(name, _)| quote(name)).collect();
        let keys = now.key_names();
        let at: Vec<String> = keys
            .iter()
            .enumerate()
            .map(|(n, key)| format!("{} = ?{}", quote(key), n + 1))
            .collect();
        let sql = format!(
            "SELECT {} FROM {} WHERE {}",
            names.join(", "),
            quote(now.name()),
            at.join(" AND ")
        );
        let written: Vec<String> =
            (0..keys.len()).map(|part| format!("k{part} = ?{}", part + 2)).collect();
        let written = format!(
            "SELECT EXISTS (SELECT 1 FROM _dunlin_log WHERE tbl = ?1 AND kind <> 0 AND {})",
            written.join(" AND ")
        );
        let (mut read, mut written) =
            (self.conn.prepare(&sql).doing(doing)?, self.conn.prepare(&written).doing(doing)?);
        let mut touched = Vec::new();
        for (key, was) in sample {
            let key = key.cells()?;
            if key.len() != keys.len() {
                continue;
            }
            let asked = std::iter::once(Cell::Integer(table)).chain(key.iter().cloned());
            let is_written: bool = written
                .query_row(rusqlite::params_from_iter(asked), |row| row.get(0))
                .doing(doing)?;
            let row = read
                .query_row(rusqlite::params_from_iter(key), |row| {
                    (0..names.len()).map(|index| row.get_ref(index).map(Cell::from)).collect()
                })
                .optional()
                .doing(doing)?;
            if let Some(row) = row {
                let row: Vec<Cell> = row;
                let names = declared.iter().map(|(name, _)| name.to_ascii_lowercase());
                let rows = if is_written { &mut touched } else { &mut values.rows };
                rows.push((was, names.zip(row).collect()));
            }
        }
        if values.rows.is_empty() {
            values.rows = touched;
        }
        Ok(values)
    }
}

impl Values {
    /// Is it known that a column held anything?
    pub(super) fn holds(&self, was: &Known) -> bool {
        let nothing = spare::hash(&Cell::Null);
        self.rows.iter().any(|(held, _)| held.get(&was.number).is_some_and(|hash| *hash != nothing))
    }

    /// In how many rows a column now holds what another one held, of those where that held anything.
    pub(super) fn fits(&self, was: &Known, now: &str) -> Fit {
        let nothing = spare::hash(&Cell::Null);
        let types = (was.declared.as_deref().map(Affinity::of), self.affinities.get(now).copied());
        let mut fit = Fit::default();
        let mut values = BTreeSet::new();
        for (held, row) in &self.rows {
            let Some(hash) = held.get(&was.number).filter(|hash| **hash != nothing) else {
                continue;
            };
            values.insert(*hash);
            fit.filled += 1;
            let Some(cell) = row.get(now) else { continue };
            let before = match types {
                (Some(was), Some(now)) if was != now => cell.before(was, now),
                _ => Vec::new(),
            };
            let is_it = |cell: &Cell| spare::hash(cell) == *hash;
            fit.same += usize::from(is_it(cell) || before.iter().any(is_it));
        }
        fit.different = values.len();
        fit
    }
}

/// How well a column fits another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fit {
    /// Rows in which the old one held anything.
    filled: usize,
    /// Of these, the new one holds the same.
    same: usize,
    /// Different values that the old one held.
    different: usize,
}

impl Fit {
    /// It is the same column: in four of five rows; in all, where few values could be any column's.
    pub(super) fn is_same(self) -> bool {
        let most = if self.different < DIFFERENT { 100 } else { 80 };
        self.filled > 0 && self.same * 100 >= self.filled * most
    }

    /// It holds something else now.
    pub(super) fn is_gone(self) -> bool {
        self.same * 100 < self.filled * 20
    }

    /// It holds something else in nearly all rows, and there are enough of them to tell.
    pub(super) fn is_another(self) -> bool {
        self.different >= DIFFERENT && self.same * 100 <= self.filled * 10
    }
}

#[cfg(test)]
mod tests {
    use super::Fit;

    fn fit(filled: usize, same: usize, different: usize) -> Fit {
        Fit { filled, same, different }
    }

    #[test]
    fn a_column_is_known_again_by_what_it_holds() {
        assert!(fit(10, 8, 5).is_same() && !fit(10, 7, 5).is_same());
        assert!(
            !fit(10, 9, 2).is_same() && fit(10, 10, 1).is_same(),
            "few values are any column's"
        );
        assert!(
            !fit(0, 0, 0).is_same() && !fit(0, 0, 0).is_another(),
            "an empty one tells nothing"
        );
        assert!(
            fit(10, 1, 3).is_another() && !fit(10, 2, 3).is_another() && !fit(2, 0, 2).is_another()
        );
        assert!(fit(10, 1, 3).is_gone() && !fit(10, 2, 3).is_gone());
    }
}
