//! Namesakes: two rows that were made apart under one name.
//!
//! Two tills without a network count their receipts, and both write R-0017: one name, and two sales.
//!
//! ```text
//!   the version that wins    has the name
//!   the other                is a row of its own, under the name with a mark: R-*0017~4f2a9c01
//!   rows that refer to it    go with the one that their writer had
//! ```
//!
//! So it is where a key looks counted, and where both machines had met before they wrote. What two files hold at their
//! first meeting are copies more often than namesakes, and stays one row.
//!
//! # Invariants
//!
//! * Whoever finds it makes the same rows of it: names and stamps follow from the two versions.
//! * The winner is not touched.

use crate::catalogue::{By, Column, Naming, Reference, Table};
use crate::conflict::TABLE as CONFLICTS;
use crate::entry::Entry;
use crate::error::Doing as _;
use crate::ground::marked;
use crate::trigger::quote;
use crate::tx::Tx;
use crate::version::Head;
use crate::{Cell, Cells, Error, Origin, Result, Stamp, name};
use rusqlite::OptionalExtension as _;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

/// So many digits of a name make the mark: with fewer, two of the rows that one name was given to might have the same.
const DIGITS: usize = 8;
/// A number that is free is looked for so far.
const FURTHER: i64 = 100_000;

/// A version that lost, and shares no past with the one that won.
#[derive(Clone)]
pub(crate) struct Apart {
    pub(crate) table: i64,
    pub(crate) row: Uuid,
    pub(crate) loser: Head,
    pub(crate) cells: Cells,
}

/// Were two versions of one name written by people of whom neither knew any version of the other's?
pub(crate) fn were_made_apart(one: &Head, other: &Head) -> bool {
    let past = |head: &Head| {
        let seen = head.seen.iter().map(|(origin, _)| *origin);
        seen.chain([head.origin]).collect::<BTreeSet<Origin>>()
    };
    // Nobody wrote a version of zero: it was there when tracking began.
    let is_written = |head: &Head| !head.dead && head.stamp > Stamp::ZERO;
    is_written(one) && is_written(other) && past(one).is_disjoint(&past(other))
}

/// Which rows go along with one that gets another name.
struct Along<'a> {
    /// Those that one of these wrote last; none: all.
    of: Option<BTreeSet<Origin>>,
    /// What lost in the same page, by row.
    apart: &'a HashMap<Uuid, Vec<Apart>>,
    done: HashSet<Uuid>,
    /// What lost and stands all the same, as the child of one or the other: no person has to look at it.
    stand: HashSet<(Uuid, Origin)>,
    dirty: BTreeSet<Uuid>,
}

impl<'a> Along<'a> {
    fn new(apart: &'a HashMap<Uuid, Vec<Apart>>) -> Self {
        let (done, stand) = (HashSet::new(), HashSet::new());
        Self { of: None, apart, done, stand, dirty: BTreeSet::new() }
    }

    fn is_of(&self, head: &Head) -> bool {
        self.of.as_ref().is_none_or(|of| of.contains(&head.origin))
    }

    /// What lost to a row in the same page: `along` with the one that gets another name, or against it.
    fn lost(&mut self, row: Uuid, along: bool) -> Option<&'a Apart> {
        let lost = self.apart.get(&row)?.iter().find(|apart| self.is_of(&apart.loser) == along)?;
        self.stand.insert((row, lost.loser.origin));
        Some(lost)
    }
}

/// A key whose last part is counted.
struct Counted {
    column: usize,
    before: Vec<u8>,
    number: i64,
    digits: usize,
    is_text: bool,
}

impl Counted {
    /// The key's last part with another number.
    fn at(&self, number: i64) -> Cell {
        if !self.is_text {
            return Cell::Integer(number);
        }
        let digits = format!("{number:0width$}", width = self.digits);
        Cell::Text([self.before.as_slice(), digits.as_bytes()].concat())
    }

    /// The key's last part as it was counted before this one.
    fn previous(&self) -> Cell {
        self.at(self.number.saturating_sub(1))
    }

    /// The key's last part with a mark.
    fn marked(&self, by: Uuid) -> Cell {
        match self.at(self.number) {
            Cell::Text(text) => Cell::Text(marked(&text, by, DIGITS)),
            // Below zero: whoever counts on from the greatest number does not meet it.
            _ => Cell::Integer(-1 - i64::try_from(by.as_u128() & ((1 << 40) - 1)).unwrap_or(0)),
        }
    }
}

/// The number at the end of a key, where it may have been counted. Numbers alone name shelves and sizes too: they are
/// counted where other rows hang on them, as lines do on a receipt.
fn number_of(table: &Table, cells: &Cells, has_children: bool) -> Option<Counted> {
    let column = *table.key.last().filter(|_| table.naming == Naming::Key)?;
    let last = table.at(column).filter(|last| last.target.is_none())?;
    match cells.get(&last.id)? {
        Cell::Text(text) => {
            let digits = text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
            let (before, number) = text.split_at(text.len() - digits);
            let number = std::str::from_utf8(number).ok()?.parse().ok()?;
            let is_date = crate::ground::is_date(&Cell::Text(text.clone()));
            (!is_date).then(|| Counted {
                column,
                before: before.to_vec(),
                number,
                digits,
                is_text: true,
            })
        }
        Cell::Integer(number) if has_children => {
            Some(Counted { column, before: Vec::new(), number: *number, digits: 0, is_text: false })
        }
        _ => None,
    }
}

fn with(table: &Table, cells: &Cells, column: usize, cell: &Cell) -> Cells {
    let id = table.at(column).map(|column| &column.id);
    let pairs = cells.iter().map(|(name, before)| {
        let is_it = id.is_some_and(|id| id.eq_ignore_ascii_case(name));
        (Arc::clone(name), if is_it { cell.clone() } else { before.clone() })
    });
    Cells::new(pairs.collect())
}

/// The row that a version's own values name.
fn named_by(table: &Table, cells: &Cells) -> Option<Uuid> {
    let columns = table.naming_columns().iter().map(|&index| table.at(index));
    let key = columns.map(|column| cells.get(&column?.id).cloned()).collect::<Option<Vec<_>>>()?;
    (!key.is_empty()).then(|| table.name_of_key(&key)).flatten()
}

impl Tx<'_> {
    /// Had we met the database of an origin before this page came?
    pub(crate) fn has_met(&mut self, origin: Origin) -> Result<bool> {
        let id = self.origin_id(origin)?;
        self.conn
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM _dunlin_know WHERE origin = ?1)
                 OR EXISTS (SELECT 1 FROM _dunlin_cursor WHERE origin = ?1 AND pos = 0)",
            )
            .and_then(|mut statement| statement.query_row([id], |row| row.get(0)))
            .doing("ask whom we have met")
    }

    /// Gives each row that lost its name to another one of its own, and keeps what stays lost. Answers the rows to be
    /// settled.
    pub(crate) fn part_namesakes(&mut self, apart: Vec<Apart>) -> Result<BTreeSet<Uuid>> {
        let catalogue = Arc::clone(&self.catalogue);
        let mut by_row: HashMap<Uuid, Vec<Apart>> = HashMap::new();
        for one in apart {
            by_row.entry(one.row).or_default().push(one);
        }
        let (via, together) = (self.via.take(), self.together);
        self.together = self.count.pos + 1;
        let mut along = Along::new(&by_row);
        // Parents first: their children go with them.
        for table in &catalogue.tables {
            for one in by_row.values().flatten().filter(|one| one.table == table.id) {
                let Some(counted) = self.looks_counted(table, &one.cells)? else { continue };
                if along.done.insert(one.row) {
                    self.part_from(table, one, &counted, &mut along)?;
                }
            }
        }
        (self.via, self.together) = (via, together);
        for one in by_row.values().flatten() {
            if !along.stand.contains(&(one.row, one.loser.origin)) {
                self.conflict((one.table, one.row), &one.loser, Some(&one.cells))?;
            }
        }
        Ok(along.dirty)
    }

    /// What a person is told of tables whose keys look counted: the greatest of them follows one that is there.
    pub(crate) fn counted_keys(&self) -> Result<Vec<String>> {
        let tables = self.catalogue.tables.iter();
        let named =
            tables.filter(|table| table.naming == Naming::Key && !table.internal() && !table.away);
        named.filter_map(|table| self.counted_key(table).transpose()).collect()
    }

    fn counted_key(&self, table: &Table) -> Result<Option<String>> {
        let doing = "look how the keys of a table are made";
        let columns: Vec<&Column> = table.key.iter().filter_map(|&index| table.at(index)).collect();
        let names: Vec<String> = columns.iter().map(|column| quote(&column.name)).collect();
        let greatest = format!(
            "SELECT {} FROM {} ORDER BY {} DESC LIMIT 1",
            names.join(", "),
            quote(&table.name),
            names.join(" DESC, ")
        );
        let read = |row: &rusqlite::Row<'_>| {
            let cells = columns.iter().enumerate();
            let cells = cells
                .map(|(at, column)| Ok((Arc::clone(&column.id), Cell::from(row.get_ref(at)?))));
            Ok(Cells::new(cells.collect::<rusqlite::Result<_>>()?))
        };
        let greatest = self.conn.query_row(&greatest, [], read).optional().doing(doing)?;
        let has_children = !self.catalogue.children(table.id).is_empty();
        let Some(greatest) = greatest else { return Ok(None) };
        let Some(counted) = number_of(table, &greatest, has_children) else { return Ok(None) };
        let before = with(table, &greatest, counted.column, &counted.previous());
        let is_it: Vec<String> = names.iter().map(|name| format!("{name} IS ?")).collect();
        let (of, is_it) = (quote(&table.name), is_it.join(" AND "));
        let is_there: bool = self
            .conn
            .query_row(
                &format!("SELECT EXISTS (SELECT 1 FROM {of} WHERE {is_it})"),
                rusqlite::params_from_iter(before.iter().map(|(_, cell)| cell)),
                |row| row.get(0),
            )
            .doing(doing)?;
        let column = table.at(counted.column).map_or("", |column| &column.name);
        Ok(is_there.then(|| {
            format!(
                "{}: its key {column} looks counted; two machines that count without hearing of each other make one name twice, and then both rows stand, one of them under a marked name",
                table.name
            )
        }))
    }

    /// Does its key look counted? It is the first, or the one before it is there.
    fn looks_counted(&mut self, table: &Table, cells: &Cells) -> Result<Option<Counted>> {
        let has_children = !self.catalogue.children(table.id).is_empty();
        if table.away || table.name.eq_ignore_ascii_case(CONFLICTS) {
            return Ok(None);
        }
        let Some(counted) = number_of(table, cells, has_children) else { return Ok(None) };
        if counted.number == 1 {
            return Ok(Some(counted));
        }
        let before = with(table, cells, counted.column, &counted.previous());
        let is_there = match named_by(table, &before) {
            Some(before) => self.entry(before)?.is_some_and(|before| !before.head.dead),
            None => false,
        };
        Ok(is_there.then_some(counted))
    }

    fn part_from(
        &mut self,
        table: &Arc<Table>,
        one: &Apart,
        counted: &Counted,
        along: &mut Along<'_>,
    ) -> Result<()> {
        let seen = one.loser.seen.iter().map(|(origin, _)| *origin);
        along.of = Some(seen.chain([one.loser.origin]).collect());
        let mark = name::of_namesake(one.row, one.loser.origin);
        let new = with(table, &one.cells, counted.column, &counted.marked(mark));
        if self.write_namesake(table, &new, one.loser.stamp, along)? {
            self.take_along(table, (&one.cells, &new), along)?;
        }
        Ok(())
    }

    /// Makes the row that its own values name, unless it is known already. Answers whether it lives: a person may have
    /// deleted it since.
    fn write_namesake(
        &mut self,
        table: &Arc<Table>,
        cells: &Cells,
        stamp: Stamp,
        along: &mut Along<'_>,
    ) -> Result<bool> {
        let Some(row) = named_by(table, cells) else { return Ok(false) };
        let old = self.entry(row)?;
        if let Some(old) = old.as_ref().filter(|old| old.head.stamp >= stamp) {
            return Ok(!old.head.dead);
        }
        let dirty = self.write_version((table, row), old.as_ref(), Some(cells), stamp)?;
        along.dirty.extend(dirty);
        Ok(true)
    }

    /// The rows that refer to one by its name go with it, where they are of its writer.
    fn take_along(
        &mut self,
        table: &Arc<Table>,
        (from, to): (&Cells, &Cells),
        along: &mut Along<'_>,
    ) -> Result<()> {
        let catalogue = Arc::clone(&self.catalogue);
        for (child, index) in catalogue.children(table.id) {
            let Some(reference) = child.references.get(*index) else { continue };
            if reference.by != By::Key {
                continue;
            }
            for row in self.pointing_by_name(table, from, (child, reference))? {
                if let Some(entry) = self.entry(row)?.filter(|entry| !entry.head.dead) {
                    self.take_child((child, reference), &entry, (table, to), along)?;
                }
            }
        }
        Ok(())
    }

    /// Rows of a table that refer to the row which these values name.
    fn pointing_by_name(
        &mut self,
        table: &Arc<Table>,
        named: &Cells,
        (child, reference): (&Table, &Reference),
    ) -> Result<BTreeSet<Uuid>> {
        let mut values = Vec::new();
        for &index in &table.key {
            let id = table.at(index).map_or("", |column| &column.id);
            let Some(cell) = named.get(id) else { return Ok(BTreeSet::new()) };
            values.extend(self.local(table, index, cell)?);
        }
        let mut rows = BTreeSet::new();
        let pointing = (child, reference.columns.as_slice());
        for key in self.keys_pointing(pointing, (table, &table.key), &values)? {
            rows.extend(self.at_key(child.id, &key)?);
        }
        Ok(rows)
    }

    fn take_child(
        &mut self,
        (child, reference): (&Arc<Table>, &Reference),
        entry: &Entry,
        (parent, to): (&Table, &Cells),
        along: &mut Along<'_>,
    ) -> Result<()> {
        let with_parent = |cells: &Cells| {
            let pairs = reference.columns.iter().zip(&parent.key);
            pairs.fold(cells.clone(), |cells, (&column, &shown)| {
                let cell = parent.at(shown).and_then(|shown| to.get(&shown.id));
                cell.map_or_else(|| cells.clone(), |cell| with(child, &cells, column, cell))
            })
        };
        let is_named = reference.columns.iter().any(|it| child.naming_columns().contains(it));
        let Some(own) = self.values(entry)? else { return Ok(()) };
        if !is_named {
            if along.is_of(&entry.head) {
                let (new, stamp) = (with_parent(&own), entry.head.stamp.next());
                let dirty =
                    self.write_version((child, entry.uuid), Some(entry), Some(&new), stamp)?;
                along.dirty.extend(dirty);
            }
            return Ok(());
        }
        along.done.insert(entry.uuid);
        let (old, stamp) = if along.is_of(&entry.head) {
            // The name is the winner's again, with the winner's row where there is one.
            let left = along.lost(entry.uuid, false).map(|apart| apart.cells.clone());
            let next = entry.head.stamp.next();
            let dirty =
                self.write_version((child, entry.uuid), Some(entry), left.as_ref(), next)?;
            along.dirty.extend(dirty);
            (own, entry.head.stamp)
        } else if let Some(apart) = along.lost(entry.uuid, true) {
            (apart.cells.clone(), apart.loser.stamp)
        } else {
            return Ok(());
        };
        let new = with_parent(&old);
        if self.write_namesake(child, &new, stamp, along)? {
            self.take_along(child, (&old, &new), along)?;
        }
        Ok(())
    }

    /// Under which row a version stands that lost its name; none where it has no other.
    pub(crate) fn namesake(
        &mut self,
        table: &Table,
        (row, loser): (Uuid, Origin),
        cells: &Cells,
    ) -> Result<Option<(Entry, Cells)>> {
        let has_children = !self.catalogue.children(table.id).is_empty();
        let Some(counted) = number_of(table, cells, has_children) else { return Ok(None) };
        let mark = counted.marked(name::of_namesake(row, loser));
        let marked = with(table, cells, counted.column, &mark);
        let Some(other) = named_by(table, &marked) else { return Ok(None) };
        let entry = self.entry(other)?.filter(|entry| !entry.head.dead);
        Ok(entry.map(|entry| (entry, marked)))
    }

    /// Gives a row that stands under a mark the next number that is free, and takes along what refers to it. Answers the
    /// rows to be settled.
    pub(crate) fn count_on(
        &mut self,
        table: &Arc<Table>,
        (entry, marked): (&Entry, &Cells),
        before: &Cells,
    ) -> Result<BTreeSet<Uuid>> {
        let has_children = !self.catalogue.children(table.id).is_empty();
        let own = self.values(entry)?;
        let (Some(counted), Some(own)) = (number_of(table, before, has_children), own) else {
            return Ok(BTreeSet::new());
        };
        let mut free = None;
        for number in (1..FURTHER).filter_map(|n| counted.number.checked_add(n)) {
            let next = with(table, &own, counted.column, &counted.at(number));
            if let Some(row) = named_by(table, &next)
                && self.entry(row)?.is_none()
            {
                free = Some(next);
                break;
            }
        }
        let next = free.ok_or(Error::Sidecar { what: "a key without a free number" })?;
        let stamp = Stamp::after(Some(entry.head.stamp), self.clock.now());
        let none = HashMap::new();
        let mut along = Along::new(&none);
        self.write_namesake(table, &next, stamp, &mut along)?;
        self.take_along(table, (marked, &next), &mut along)?;
        along.dirty.extend(self.write_version((table, entry.uuid), Some(entry), None, stamp)?);
        Ok(along.dirty)
    }
}
