//! Claims: which versions claim a UNIQUE value, and what those that stand aside show instead.

use super::{Place, Plan, refusal};
use crate::catalogue::{Table, Unique};
use crate::cell::first_eight;
use crate::entry::Entry;
use crate::error::Doing as _;
use crate::key::Key;
use crate::settle::Adjusted;
use crate::tx::Tx;
use crate::{Cell, Cells, Error, Result};
use rusqlite::params_from_iter;
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
            into.extend(self.waiting(&alike_in(table))?);
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
        let Some(place) = gives_way(table, unique, tuple) else { return Ok(None) };
        let column = unique.columns.get(place).and_then(|&column| table.at(column));
        let (Some(column), Some(value)) = (column, tuple.get(place)) else { return Ok(None) };
        // Rows that are shown by it would be shown by nothing.
        let is_referred_to = self.tx.catalogue.is_shown_by_others(table, column);
        for instead in substitutes(member, value, !column.not_null && !is_referred_to) {
            let mut wanted = tuple.to_vec();
            if let Some(cell) = wanted.get_mut(place) {
                *cell = instead.clone();
            }
            let on = claim(table, unique, &wanted);
            let is_free = instead == Cell::Null
                || (!taken.contains(&bytes_of(&instead))
                    && self.claiming(table, unique, &wanted, &on)?.is_empty());
            let instead = (Arc::clone(&column.id), instead);
            if is_free && self.takes(table, member, &instead)? {
                return Ok(Some(instead));
            }
        }
        Ok(None)
    }

    /// Does the table take this value in the row? Where it refuses the row with what it claims too, it is not the value.
    fn takes(
        &mut self,
        table: &Arc<Table>,
        member: Uuid,
        instead: &(Arc<str>, Cell),
    ) -> Result<bool> {
        Ok(self.would_take(table, member, vec![instead.clone()])?
            || !self.would_take(table, member, Vec::new())?)
    }

    /// Would the table take the row so, whatever else stands there? It is tried, and undone: a CHECK can say anything.
    fn would_take(&mut self, table: &Arc<Table>, member: Uuid, adjusted: Adjusted) -> Result<bool> {
        let doing = "try a value";
        let Some(known) = self.known(member)?.cloned() else { return Ok(true) };
        // Without a number some tables refuse everything; what stands at it is asked last.
        let number = known.entry.key.as_ref().and_then(Key::number).or(known.entry.number);
        let plan = Plan { adjusted, number: number.or(Some(1)), ..Plan::default() };
        let local = self.local_row(&known, table, &plan)?;
        let given = table.columns.iter().zip(&local).filter(|(_, cell)| cell.is_some());
        let names: Vec<&str> = given.map(|(column, _)| column.name.as_str()).collect();
        self.tx.conn.execute_batch("SAVEPOINT try_value").doing(doing)?;
        let tried =
            self.tx.conn.prepare_cached(&table.insert_some(&names)).and_then(|mut statement| {
                statement.execute(params_from_iter(local.iter().flatten()))
            });
        self.tx.conn.execute_batch("ROLLBACK TO try_value; RELEASE try_value").doing(doing)?;
        match tried {
            Ok(_) => Ok(true),
            Err(error) if refusal(&error).is_none() => Err(error).doing(doing),
            Err(error) => Ok(!is_of_the_value(&error)),
        }
    }
}

/// Is it the values themselves that a table refuses, and not what else stands there?
fn is_of_the_value(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{
        SQLITE_CONSTRAINT_CHECK, SQLITE_CONSTRAINT_DATATYPE, SQLITE_CONSTRAINT_NOTNULL,
    };
    let of_the_value =
        [SQLITE_CONSTRAINT_CHECK, SQLITE_CONSTRAINT_DATATYPE, SQLITE_CONSTRAINT_NOTNULL];
    error.sqlite_error().is_some_and(|error| of_the_value.contains(&error.extended_code))
}

/// The column of a UNIQUE that gives way: the last that is no reference, no part of the key and no date, for a row stays in
/// its shop and on its day; where there is none, the first text, else the first number.
fn gives_way(table: &Table, unique: &Unique, tuple: &[Cell]) -> Option<usize> {
    let columns = || unique.columns.iter().zip(tuple).enumerate();
    // A reference to a key that names its parent travels as that key, and is one all the same.
    let is_plain = |index: usize| {
        !table.references.iter().any(|reference| reference.columns.contains(&index))
            && table.at(index).is_some_and(|column| column.target.is_none())
    };
    let first = |is: fn(&Cell) -> bool| {
        columns().find(|(_, (index, cell))| is_plain(**index) && is(cell)).map(|(place, _)| place)
    };
    columns()
        .filter(|(_, (index, cell))| {
            is_plain(**index)
                && !table.key.contains(index)
                && matches!(cell, Cell::Text(_) | Cell::Integer(_))
                && !is_date(cell)
        })
        .map(|(place, _)| place)
        .next_back()
        .or_else(|| first(|cell| matches!(cell, Cell::Text(_))))
        .or_else(|| first(|cell| matches!(cell, Cell::Integer(_))))
}

/// Does a text begin as a date does?
pub(crate) fn is_date(cell: &Cell) -> bool {
    let Cell::Text(text) = cell else { return false };
    let begins = b"0000-00-00".iter().zip(text);
    text.len() >= 10
        && begins.fold(true, |is, (pattern, byte)| {
            is && if *pattern == b'0' { byte.is_ascii_digit() } else { byte == pattern }
        })
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

pub(super) fn bytes_of(cell: &Cell) -> Vec<u8> {
    let mut bytes = Vec::new();
    cell.encode(&mut bytes);
    bytes
}

fn looks_like_a_substitute(cell: &Cell) -> bool {
    match cell {
        Cell::Text(text) => text.contains(&b'~'),
        Cell::Integer(n) => *n < 0,
        _ => false,
    }
}

/// What rows wait under that stand aside with a value which looks like any other.
pub(super) fn alike_in(table: &Table) -> Vec<u8> {
    let mut on = b"alike".to_vec();
    on.extend(table.id.to_be_bytes());
    on
}

/// Do they?
pub(super) fn looks_like_any_other(cell: &Cell) -> bool {
    matches!(cell, Cell::Text(_)) && !looks_like_a_substitute(cell)
}

/// How many of a uuid's last hexadecimal digits make a substitute. They are hash; the first are a time or an order, and
/// many rows share them.
const DIGITS: [usize; 3] = [4, 8, 32];

/// Values that nobody is likely to claim, in the order in which they are tried.
fn substitutes(uuid: Uuid, cell: &Cell, may_be_null: bool) -> Vec<Cell> {
    let null = may_be_null.then_some(Cell::Null);
    if let Cell::Text(text) = cell {
        let marked = DIGITS.iter().map(|&count| marked(text, uuid, count));
        let alike = DIGITS.iter().map(|&count| alike(text, uuid, count));
        return marked.chain(alike).map(Cell::Text).chain(null).collect();
    }
    if let Some(null) = null {
        return vec![null];
    }
    // Below zero: whoever counts on from the greatest number does not meet it.
    let bits = uuid.as_u128() & ((1 << 40) - 1);
    vec![Cell::Integer(-1 - i64::try_from(bits).unwrap_or(0))]
}

/// The text with a mark that a person sees. Before a number at its end stands another mark, which sorts before all digits:
/// whoever counts on from the greatest text does not meet it.
pub(crate) fn marked(text: &[u8], uuid: Uuid, count: usize) -> Vec<u8> {
    let number = text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (before, number) = text.split_at(text.len() - number);
    let mark: &[u8] = if number.is_empty() { b"" } else { b"*" };
    let digits = uuid.simple().to_string();
    let tail = digits.as_bytes().get(32 - count..).unwrap_or_default();
    [before, mark, number, b"~", tail].concat()
}

/// A text as long as this one and of the same kinds of letters, its end made of the uuid: where a table takes no other.
fn alike(text: &[u8], uuid: Uuid, count: usize) -> Vec<u8> {
    let mut rest = uuid.as_u128();
    let mut text = text.to_vec();
    let mut take = |of: u8, first: u8| {
        let taken = u8::try_from(rest % u128::from(of)).unwrap_or(0);
        rest /= u128::from(of);
        first + taken
    };
    let ends = text.iter_mut().rev().filter(|byte| byte.is_ascii_alphanumeric());
    for byte in ends.take(count) {
        *byte = match *byte {
            b'0'..=b'9' => take(10, b'0'),
            b'a'..=b'z' => take(26, b'a'),
            _ => take(26, b'A'),
        };
    }
    text
}
