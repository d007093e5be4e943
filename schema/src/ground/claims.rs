//! Claims: which versions claim a UNIQUE value, and what those that stand aside show instead.

use super::{NUMBER_MAX, Place};
use crate::catalogue::{Table, Unique};
use crate::cell::first_eight;
use crate::entry::Entry;
use crate::tx::Tx;
use crate::{Cell, Cells, Error, Result};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// A page may bring so many rows that claim one value: each machine of the largest shop wrote one.
const DOUBLES_MAX: usize = 256;

impl Tx<'_> {
    /// Writes down all that a version claims and refers to, so that settling finds it though it is not shown.
    pub(crate) fn enlist(&mut self, entry: &Entry, cells: &Cells) -> Result<()> {
        let catalogue = Arc::clone(&self.catalogue);
        let mut on = BTreeSet::new();
        if let Some(table) = catalogue.id(entry.table) {
            on.extend(claims(table, cells).into_iter().map(|(_, on)| on));
            for reference in &table.references {
                if let Some(parent) = catalogue.parent_of(table, reference, |name| cells.get(name))
                {
                    on.insert(parent.as_bytes().to_vec());
                }
            }
        }
        self.wait_for(entry.uuid, &on)
    }

    /// Rows of which a version gives up or takes a UNIQUE value: all that claim it or show it.
    pub(crate) fn touched_by_claims(
        &mut self,
        table: &Table,
        cells: &Cells,
        into: &mut BTreeSet<Uuid>,
    ) -> Result<()> {
        for (index, on) in claims(table, cells) {
            let Some(unique) = table.uniques.get(index) else { continue };
            let tuple = tuple_of(table, unique, cells);
            into.extend(self.showing_tuple(table, unique, &tuple)?);
            into.extend(self.waiting(&on)?);
            // A value that looks like one of ours: those that stand aside in this table choose again.
            if tuple.iter().any(looks_like_a_substitute) {
                into.extend(self.waiting_on_values(&prefix(table))?);
            }
        }
        Ok(())
    }

    /// Rows whose place in the table holds these values now.
    fn showing_tuple(
        &mut self,
        table: &Table,
        unique: &Unique,
        tuple: &[Cell],
    ) -> Result<Vec<Uuid>> {
        let mut values = Vec::with_capacity(tuple.len());
        for (&index, cell) in unique.columns.iter().zip(tuple) {
            match self.local(table, index, cell)? {
                Some(value) => values.push(value),
                None => return Ok(Vec::new()),
            }
        }
        let names: Vec<&str> = unique
            .columns
            .iter()
            .filter_map(|&index| table.at(index))
            .map(|column| column.name.as_str())
            .collect();
        let mut rows = Vec::new();
        for key in self.keys_where(table, &names, &values)? {
            rows.extend(self.at_key(table.id, &key)?);
        }
        Ok(rows)
    }
}

impl Place<'_, '_> {
    /// The live versions that claim a tuple: those whose place shows it, and kept ones that wait for it.
    pub(super) fn claiming(
        &mut self,
        table: &Arc<Table>,
        unique: &Unique,
        tuple: &[Cell],
        on: &[u8],
    ) -> Result<BTreeSet<Uuid>> {
        if let Some(group) = self.groups.get(on) {
            return Ok(group.clone());
        }
        let mut group = BTreeSet::new();
        let mut maybe = self.tx.showing_tuple(table, unique, tuple)?;
        maybe.extend(self.tx.waiting(on)?);
        // Each of them is weighed against each: a partner could keep us at it for days.
        if maybe.len() > DOUBLES_MAX && self.tx.via.is_some() {
            return Err(Error::TooManyDoubles { table: table.name.clone(), count: maybe.len() });
        }
        for uuid in maybe {
            let claims_it = self.known(uuid)?.is_some_and(|known| {
                known.row.live && known.claims.iter().any(|(_, claim)| claim.as_slice() == on)
            });
            if claims_it {
                group.insert(uuid);
            }
        }
        self.groups.insert(on.to_vec(), group.clone());
        Ok(group)
    }

    /// What a member of a group that claims one value shows instead: the first value that no version claims and
    /// no member before it took.
    pub(super) fn choose(
        &mut self,
        member: Uuid,
        of: Uuid,
        claim: usize,
        taken: &BTreeSet<Vec<u8>>,
    ) -> Result<Option<(Arc<str>, Cell)>> {
        let (Some(claimed), Some(known)) = (self.known(of)?.cloned(), self.known(member)?.cloned())
        else {
            return Ok(None);
        };
        let (Some(table), Some(cells), Some((index, _))) =
            (&known.table, &known.cells, claimed.claims.get(claim))
        else {
            return Ok(None);
        };
        let Some(unique) = table.uniques.get(*index) else { return Ok(None) };
        let (table, tuple) = (Arc::clone(table), tuple_of(table, unique, cells));
        self.instead((&table, unique), member, &tuple, taken)
    }

    /// What a row shows instead of a value that another one claims: the first that nobody does, and that was not taken.
    pub(super) fn instead(
        &mut self,
        (table, unique): (&Arc<Table>, &Unique),
        member: Uuid,
        tuple: &[Cell],
        taken: &BTreeSet<Vec<u8>>,
    ) -> Result<Option<(Arc<str>, Cell)>> {
        let plain = |text: bool| {
            unique.columns.iter().zip(tuple).position(|(&column, cell)| {
                let is = if text {
                    matches!(cell, Cell::Text(_))
                } else {
                    matches!(cell, Cell::Integer(_))
                };
                is && table.at(column).is_some_and(|column| column.target.is_none())
            })
        };
        let Some(place) = plain(true).or_else(|| plain(false)) else { return Ok(None) };
        let column = unique.columns.get(place).and_then(|&column| table.at(column));
        let (Some(column), Some(value)) = (column, tuple.get(place)) else { return Ok(None) };
        if matches!(value, Cell::Integer(_)) && !column.not_null {
            return Ok(Some((Arc::clone(&column.id), Cell::Null)));
        }
        for instead in substitutes(member, value) {
            let mut wanted = tuple.to_vec();
            if let Some(cell) = wanted.get_mut(place) {
                *cell = instead.clone();
            }
            let on = claim(table, unique, &wanted);
            if !taken.contains(&bytes_of(&instead))
                && self.claiming(table, unique, &wanted, &on)?.is_empty()
            {
                return Ok(Some((Arc::clone(&column.id), instead)));
            }
        }
        Ok(None)
    }
}

/// What the cells claim of each UNIQUE without a NULL in it.
pub(super) fn claims(table: &Table, cells: &Cells) -> Vec<(usize, Vec<u8>)> {
    let mut found = Vec::new();
    for (index, unique) in table.uniques.iter().enumerate() {
        let tuple = tuple_of(table, unique, cells);
        if !tuple.contains(&Cell::Null) {
            found.push((index, claim(table, unique, &tuple)));
        }
    }
    found
}

pub(super) fn tuple_of(table: &Table, unique: &Unique, cells: &Cells) -> Vec<Cell> {
    unique
        .columns
        .iter()
        .map(|&index| {
            let id = table.at(index).map_or("", |column| &column.id);
            cells.get(id).cloned().unwrap_or(Cell::Null)
        })
        .collect()
}

/// What kept rows of a table wait under for values.
pub(crate) fn prefix(table: &Table) -> Vec<u8> {
    let mut prefix = b"value".to_vec();
    prefix.extend(table.id.to_be_bytes());
    prefix
}

/// What kept rows wait under for one value: never as long as a row uuid.
fn claim(table: &Table, unique: &Unique, tuple: &[Cell]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for column in &unique.columns {
        hash.update((*column as u64).to_be_bytes());
    }
    let mut bytes = Vec::new();
    for (cell, collation) in tuple.iter().zip(&unique.collations) {
        collation.fold(cell).encode(&mut bytes);
    }
    hash.update(bytes);
    let mut on = prefix(table);
    on.extend(first_eight(&hash.finalize().into()).to_be_bytes());
    on
}

fn looks_like_a_substitute(cell: &Cell) -> bool {
    match cell {
        Cell::Text(text) => text.contains(&b'~'),
        Cell::Integer(n) => *n >= NUMBER_MAX,
        _ => false,
    }
}

pub(super) fn bytes_of(cell: &Cell) -> Vec<u8> {
    let mut bytes = Vec::new();
    cell.encode(&mut bytes);
    bytes
}

/// Values that nobody is likely to claim, in the order in which they are tried.
fn substitutes(uuid: Uuid, cell: &Cell) -> Vec<Cell> {
    let digits = uuid.simple().to_string();
    if let Cell::Text(text) = cell {
        return [4, 8, 32]
            .iter()
            .map(|&count| {
                // The last digits are hash; the first are a time or zeroes, and many rows share them.
                let tail: String = digits.chars().skip(32 - count).collect();
                Cell::Text([text.as_slice(), b"~", tail.as_bytes()].concat())
            })
            .collect();
    }
    let bits = uuid.as_u128() & ((1 << 40) - 1);
    vec![Cell::Integer(NUMBER_MAX + i64::try_from(bits).unwrap_or(0))]
}
