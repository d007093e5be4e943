//! The ground that settling stands on: the table and the versions of one file.
//!
//! What [`crate::settle`] decides is carried out here. Rows are read once and remembered while a settling lasts,
//! so that a row taken out of the table does not lose its values.

mod claims;
mod place;

use claims::{alike_in, claims, looks_like_any_other, tuple_of};
pub(crate) use claims::{is_date, marked, prefix};
pub(crate) use place::refusal;

use crate::catalogue::{By, Catalogue, Collation, Table};
use crate::entry::{Entry, State};
use crate::held::{Keep, Why};
use crate::key::Key;
use crate::rows::Names;
use crate::settle::{self, Adjusted, Ground, Link, Refused, Row, Shown, Standing, Written};
use crate::standing;
use crate::tx::Tx;
use crate::{Cell, Cells, Error, OnDelete, Result};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use uuid::Uuid;

/// No number above this is chosen here: JavaScript's are exact up to 2^53.
pub(crate) const NUMBER_MAX: i64 = 1 << 52;

/// AUTOINCREMENT goes on from the greatest number that a table ever had, and ends at 2^63 − 1.
const AUTOINCREMENT_MAX: i64 = 1 << 62;

/// What is remembered of a row while a settling lasts.
#[derive(Clone, Debug)]
struct Known {
    row: Rc<Row>,
    entry: Entry,
    table: Option<Arc<Table>>,
    /// What its columns are to show.
    cells: Option<Cells>,
    /// The values of its own version, where they are others.
    own: Option<Cells>,
    size: Option<u64>,
    /// What the row claims of each UNIQUE: which one, and what kept rows wait under.
    claims: Vec<(usize, Vec<u8>)>,
}

/// How a row is going to stand in the table.
#[derive(Clone, Debug, Default)]
struct Plan {
    adjusted: Adjusted,
    number: Option<i64>,
    /// By column; none where the table's default is to stand.
    local: Vec<Option<Cell>>,
    /// The row that stood there.
    before: Option<Vec<Cell>>,
    unchanged: bool,
}

/// What the members of a group that claims one value show instead of it.
type Chosen = (BTreeSet<Uuid>, HashMap<Uuid, Option<(Arc<str>, Cell)>>);

/// One settling.
pub(crate) struct Place<'t, 's> {
    tx: &'t mut Tx<'s>,
    known: HashMap<Uuid, Option<Known>>,
    plans: HashMap<Uuid, Plan>,
    /// Rows that stood when this settling began and were taken out since, as they stood.
    stood: HashMap<Uuid, Vec<Cell>>,
    /// Who claims what, and what those who stand aside show instead: asked once for all of them, until something
    /// in the table or the sidecar moves.
    groups: HashMap<Vec<u8>, BTreeSet<Uuid>>,
    chosen: HashMap<Vec<u8>, Chosen>,
    /// Numbers given in this settling, and the last one of each table.
    given: HashMap<(i64, i64), Uuid>,
    last: HashMap<i64, i64>,
}

impl Tx<'_> {
    /// Settles rows whose version changed.
    pub(crate) fn settle(&mut self, dirty: BTreeSet<Uuid>) -> Result<()> {
        let mut place = Place {
            tx: self,
            known: HashMap::new(),
            plans: HashMap::new(),
            stood: HashMap::new(),
            groups: HashMap::new(),
            chosen: HashMap::new(),
            given: HashMap::new(),
            last: HashMap::new(),
        };
        settle::settle(&mut place, dirty)
    }

    /// A cell as the table stores it; none for a reference to a row that has no place.
    pub(crate) fn local(
        &mut self,
        table: &Table,
        index: usize,
        cell: &Cell,
    ) -> Result<Option<Cell>> {
        let Cell::Row(uuid) = cell else {
            return Ok(Some(if let Cell::Number(n) = cell {
                Cell::Integer(*n)
            } else {
                cell.clone()
            }));
        };
        let catalogue = Arc::clone(&self.catalogue);
        let Some(of) = table.at(index) else { return Ok(None) };
        let Some(target) = &of.target else { return Ok(None) };
        let Some(parent) = catalogue.named(&target.table) else { return Ok(None) };
        let Some(key) = self.entry(*uuid)?.and_then(|entry| entry.key) else { return Ok(None) };
        let Some((column, _)) = parent.column(&target.column) else { return Ok(None) };
        let shown = if parent.key == [column] && parent.collation(column) == Collation::Binary {
            key.cells()?.into_iter().next()
        } else {
            self.read_row(parent, &key)?.and_then(|row| row.into_iter().nth(column))
        };
        Ok(shown.map(|cell| of.stores(cell)))
    }
}

impl Place<'_, '_> {
    /// Something in the table or the sidecar moves.
    fn moved(&mut self) {
        self.groups.clear();
        self.chosen.clear();
    }

    fn known(&mut self, uuid: Uuid) -> Result<Option<&Known>> {
        if !self.known.contains_key(&uuid) {
            let loaded = self.load(uuid)?;
            self.known.insert(uuid, loaded);
        }
        Ok(self.known.get(&uuid).and_then(Option::as_ref))
    }

    fn load(&mut self, uuid: Uuid) -> Result<Option<Known>> {
        let Some(entry) = self.tx.entry(uuid)? else { return Ok(None) };
        let catalogue = Arc::clone(&self.tx.catalogue);
        let table = catalogue.id(entry.table).map(Arc::clone);
        let is_away = table.as_ref().is_some_and(|table| table.away);
        if is_away || catalogue.untracked.contains_key(&entry.table) {
            return Ok(None);
        }
        let cells = self.tx.values_to_show(&entry)?;
        let live = !entry.head.dead || entry.lingers();
        let mut row = Row { live, shown: entry.key.is_some(), ..Row::default() };
        if entry.state == State::Held {
            row.held = self.tx.kept(uuid)?.map(|kept| kept.why);
        }
        let mut claimed = Vec::new();
        match (&table, &cells) {
            _ if !live => {}
            _ if matches!(row.held, Some(Why::Went | Why::Nameless)) => row.barred = row.held,
            (_, None) => row.barred = Some(Why::Size),
            (None, _) => row.barred = Some(Why::Schema),
            (Some(table), Some(cells)) if self.went_whole((table, &entry), cells)? => {
                row.barred = Some(Why::Asked);
            }
            (Some(table), Some(cells)) => {
                claimed = claims(table, cells);
                row.references = self.links(&catalogue, table, cells)?;
                match stand_ins(table, cells) {
                    Some(stand_ins) => row.stand_ins = stand_ins,
                    None => row.barred = Some(Why::Schema),
                }
            }
        }
        row.claims = claimed.len();
        if let Some(table) = table.as_ref().filter(|_| live && entry.parts) {
            row.seen = self.seen(table, &entry)?;
        }
        let size = if cells.is_none() { self.tx.kept_size(uuid)? } else { None };
        let own = if entry.parts && entry.state != State::Lingers {
            self.tx.values(&entry)?
        } else {
            None
        };
        Ok(Some(Known { row: Rc::new(row), entry, table, cells, own, size, claims: claimed }))
    }

    fn went_whole(&mut self, (table, entry): (&Table, &Entry), cells: &Cells) -> Result<bool> {
        // Mostly a row has no parts, and all of it is here.
        if entry.lingers() || (!entry.parts && !cells.is_empty()) {
            return Ok(false);
        }
        Ok(self.tx.state(entry)?.is_some_and(|state| standing::is_gone(table, &state)))
    }

    /// What the writer of a row's version saw in columns that he only carried on.
    fn seen(&mut self, table: &Table, entry: &Entry) -> Result<Adjusted> {
        let part = self.tx.part(entry.table, entry.uuid)?;
        let is_plain =
            |id: &str| table.column_of(id).is_some_and(|(_, column)| column.target.is_none());
        Ok(part.seen.into_iter().filter(|(id, _)| is_plain(id)).collect())
    }

    fn links(&mut self, catalogue: &Catalogue, table: &Table, cells: &Cells) -> Result<Vec<Link>> {
        let mut links = Vec::new();
        for reference in &table.references {
            // Nothing is held for a table that is away.
            if catalogue.named(&reference.parent).is_some_and(|parent| parent.away) {
                continue;
            }
            let columns: Vec<&crate::catalogue::Column> =
                reference.columns.iter().filter_map(|&index| table.at(index)).collect();
            let nullable = reference
                .columns
                .iter()
                .zip(&columns)
                .all(|(index, column)| !column.not_null && !table.key.contains(index))
                .then(|| columns.iter().map(|column| Arc::clone(&column.id)).collect());
            if let Some(parent) = catalogue.parent_of(table, reference, |name| cells.get(name)) {
                let (on_delete, loose) = (reference.on_delete, reference.loose);
                links.push(Link { parent, on_delete, loose, nullable });
            } else if reference.by == By::Row
                && let Some(column) = columns.first()
                && let (Some(Cell::Number(n)), Some(target)) =
                    (cells.get(&column.id), &column.target)
                && self.tx.named_by(target, &Cell::Integer(*n), &Names::new())?.is_some()
            {
                // A number that names no row where it was written, and does here: it must not point to that one.
                links.push(Link {
                    parent: Uuid::nil(),
                    on_delete: OnDelete::SetNull,
                    loose: false,
                    nullable,
                });
            }
        }
        Ok(links)
    }

    /// Changes what is remembered of a row's place.
    fn move_to(&mut self, uuid: Uuid, key: Option<Key>) {
        if let Some(Some(known)) = self.known.get_mut(&uuid) {
            known.row = Rc::new(Row { shown: key.is_some(), ..(*known.row).clone() });
            known.entry.key = key;
        }
    }

    fn delete_row(&mut self, uuid: Uuid) -> Result<()> {
        let Some(known) = self.known(uuid)?.cloned() else { return Ok(()) };
        match (&known.table, &known.entry.key) {
            (Some(table), Some(key)) => self.tx.delete_row(table, key),
            _ => Ok(()),
        }
    }

    /// A number for a row that has none: what it was promised, its origin's where free, else the next.
    fn number(&mut self, known: &Known, table: &Table) -> Result<i64> {
        let uuid = known.entry.uuid;
        if let Some(number) = self.tx.reserved_number(uuid)? {
            // Unless the application gave it to another one.
            let there = self.tx.at_key(table.id, &Key::Integer(number))?;
            if there.is_none_or(|there| there == uuid) {
                return Ok(number);
            }
        }
        if let Some(number) = known.entry.number.filter(|n| table.takes_number(*n))
            && self.free(table, number, uuid)?
        {
            return Ok(number);
        }
        let mut number = match self.last.get(&table.id) {
            Some(last) => *last,
            None => self.tx.greatest_number(table)?,
        };
        loop {
            number = number.saturating_add(1);
            if self.free(table, number, uuid)? || number == i64::MAX {
                self.last.insert(table.id, number);
                return Ok(number);
            }
        }
    }

    fn free(&self, table: &Table, number: i64, uuid: Uuid) -> Result<bool> {
        if self.given.get(&(table.id, number)).is_some_and(|other| *other != uuid) {
            return Ok(false);
        }
        let key = Key::Integer(number);
        Ok(self.tx.at_key(table.id, &key)?.is_none_or(|other| other == uuid)
            && !self.tx.is_reserved(table.id, number, uuid)?
            && self.tx.read_row(table, &key)?.is_none())
    }

    /// A row's columns as the table is to store them.
    fn local_row(
        &mut self,
        known: &Known,
        table: &Arc<Table>,
        plan: &Plan,
    ) -> Result<Vec<Option<Cell>>> {
        (0..table.columns.len()).map(|index| self.local_cell(known, table, plan, index)).collect()
    }

    /// One of them. Not more: rows may refer to each other by columns that are no references themselves.
    fn local_cell(
        &mut self,
        known: &Known,
        table: &Arc<Table>,
        plan: &Plan,
        index: usize,
    ) -> Result<Option<Cell>> {
        let Some(column) = table.at(index) else { return Ok(None) };
        if Some(index) == table.number {
            return Ok(plan.number.map(Cell::Integer));
        }
        if let Some((_, cell)) =
            plan.adjusted.iter().find(|(name, _)| name.eq_ignore_ascii_case(&column.id))
        {
            return Ok(Some(cell.clone()));
        }
        Ok(Some(match known.cells.as_ref().and_then(|cells| cells.get(&column.id)) {
            None => column.blank.clone(),
            Some(Cell::Row(parent)) => self.shown_as(table, index, *parent)?,
            Some(Cell::Number(n)) => column.stores(Cell::Integer(*n)),
            Some(cell) => cell.clone(),
        }))
    }

    /// What a reference shows: the parent's number or value, as it stands or is going to stand.
    fn shown_as(&mut self, table: &Arc<Table>, index: usize, parent: Uuid) -> Result<Cell> {
        let catalogue = Arc::clone(&self.tx.catalogue);
        let Some(target) = table.at(index).and_then(|column| column.target.clone()) else {
            return Ok(Cell::Null);
        };
        let Some(of) = catalogue.named(&target.table) else { return Ok(Cell::Null) };
        if let Some((column, _)) = of.column(&target.column)
            && let Some(plan) = self.plans.get(&parent).cloned()
        {
            let stores = |cell| table.at(index).map_or(Cell::Null, |column| column.stores(cell));
            if Some(column) == of.number {
                return Ok(plan.number.map_or(Cell::Null, |number| stores(Cell::Integer(number))));
            }
            if let Some(known) = self.known(parent)?.cloned()
                && let Some(cell) = self.local_cell(&known, of, &plan, column)?
            {
                return Ok(stores(cell));
            }
        }
        if let Some(cell) = self.tx.local(table, index, &Cell::Row(parent))? {
            return Ok(cell);
        }
        // A loose reference to a row that is not here: its number is promised when it is first named.
        if of.number.is_some() {
            let number = match self.tx.reserved_number(parent)? {
                Some(number) => number,
                None => self.reserve(of, parent)?,
            };
            return Ok(Cell::Integer(number));
        }
        Ok(Cell::Null)
    }

    fn reserve(&mut self, table: &Table, uuid: Uuid) -> Result<i64> {
        let mut number = self.tx.greatest_number(table)?;
        loop {
            number = number.saturating_add(1);
            if self.free(table, number, uuid)? || number == i64::MAX {
                self.tx.reserve_number(table.id, number, uuid)?;
                return Ok(number);
            }
        }
    }

    /// The uuids of the rows that show a changed value of this one.
    fn showing_old_values(&mut self, table: &Table, plan: &Plan) -> Result<BTreeSet<Uuid>> {
        let mut rows = BTreeSet::new();
        let Some(before) = &plan.before else { return Ok(rows) };
        let catalogue = Arc::clone(&self.tx.catalogue);
        for (child, column, shows) in catalogue.showing(table.id) {
            let Some((index, _)) = table.column(shows) else { continue };
            let (Some(old), new) = (before.get(index), plan.local.get(index)) else { continue };
            if *old == Cell::Null || new.is_some_and(|new| new.as_ref() == Some(old)) {
                continue;
            }
            let (showing, shown) = ((&**child, &[*column][..]), (table, &[index][..]));
            for key in self.tx.keys_pointing(showing, shown, std::slice::from_ref(old))? {
                rows.extend(self.tx.at_key(child.id, &key)?);
            }
        }
        Ok(rows)
    }

    /// What a kept row waits for: parents that are away, and every value it claims.
    fn waits(&mut self, known: &Known) -> Result<BTreeSet<Vec<u8>>> {
        let mut on: BTreeSet<Vec<u8>> = known.claims.iter().map(|(_, on)| on.clone()).collect();
        for link in &known.row.references {
            if !self.known(link.parent)?.is_some_and(|parent| parent.row.shown) {
                on.insert(link.parent.as_bytes().to_vec());
            }
        }
        Ok(on)
    }
}

impl Table {
    /// May a row have the number here that it has where it was made, as long as that is free?
    pub(crate) fn takes_number(&self, number: i64) -> bool {
        !self.autoincrement || number <= AUTOINCREMENT_MAX
    }
}

/// What columns show that have to hold something, and of which the row says NULL. None where that cannot be: a
/// reference has to name a row.
fn stand_ins(table: &Table, cells: &Cells) -> Option<Adjusted> {
    let mut stand_ins = Adjusted::new();
    for (index, column) in table.columns.iter().enumerate() {
        let says = cells.get(&column.id);
        let is_empty = says.is_none_or(|cell| *cell == Cell::Null);
        if Some(index) == table.number || !column.not_null || !is_empty {
            continue;
        }
        if column.target.is_some() || table.key.contains(&index) {
            return None;
        }
        if says.is_some() {
            stand_ins.push((Arc::clone(&column.id), column.blank.clone()));
        }
    }
    Some(stand_ins)
}

/// References to parents that stand and say NULL where the reference shows them: the row shows NULL too, and still means
/// them.
fn emptied(table: &Table, cells: &Cells, plan: &Plan) -> Adjusted {
    let columns = table.columns.iter().zip(&plan.local).filter(|(column, local)| {
        **local == Some(Cell::Null) && matches!(cells.get(&column.id), Some(Cell::Row(_)))
    });
    let is_new = |id: &Arc<str>| !plan.adjusted.iter().any(|(known, _)| known == id);
    let columns = columns.map(|(column, _)| Arc::clone(&column.id)).filter(is_new);
    columns.map(|id| (id, Cell::Null)).collect()
}

/// What a row waits under for those that it refers to.
fn parents(known: &Known) -> impl Iterator<Item = Vec<u8>> {
    known.row.references.iter().map(|link| link.parent.as_bytes().to_vec())
}

impl Ground for Place<'_, '_> {
    type Error = Error;

    fn row(&mut self, uuid: Uuid) -> Result<Option<Rc<Row>>> {
        Ok(self.known(uuid)?.map(|known| Rc::clone(&known.row)))
    }

    fn waiting_on(&mut self, uuid: Uuid) -> Result<Vec<Uuid>> {
        self.tx.waiting(uuid.as_bytes())
    }

    fn shown_children(&mut self, uuid: Uuid) -> Result<Vec<Uuid>> {
        let Some(known) = self.known(uuid)?.cloned() else { return Ok(Vec::new()) };
        let Some(table) = &known.table else { return Ok(Vec::new()) };
        let standing = match (&known.entry.key, self.plans.get(&uuid)) {
            (Some(key), _) => self.tx.read_row(table, key)?,
            (None, Some(plan)) => plan.local.iter().cloned().collect(),
            (None, None) => None,
        };
        let Some(standing) = standing else { return Ok(Vec::new()) };
        self.tx.children_of(table, &standing)
    }

    fn claimants(&mut self, uuid: Uuid, claim: usize) -> Result<BTreeSet<Uuid>> {
        let mut group = BTreeSet::from([uuid]);
        let Some(known) = self.known(uuid)?.cloned() else { return Ok(group) };
        if let (Some(table), Some(cells), Some((index, on))) =
            (&known.table, &known.cells, known.claims.get(claim))
            && let Some(unique) = table.uniques.get(*index)
        {
            let tuple = tuple_of(table, unique, cells);
            group.extend(self.claiming(table, unique, &tuple, on)?);
        }
        Ok(group)
    }

    fn rivals(&mut self, uuid: Uuid) -> Result<BTreeSet<Uuid>> {
        let mut rivals = BTreeSet::new();
        if let Some(known) = self.known(uuid)?.cloned()
            && let (Some(table), Some(cells)) = (&known.table, &known.cells)
        {
            self.tx.touched_by_claims(table, cells, &mut rivals)?;
        }
        Ok(rivals)
    }

    fn aside(
        &mut self,
        uuid: Uuid,
        claim: usize,
        group: &BTreeSet<Uuid>,
    ) -> Result<Option<(Arc<str>, Cell)>> {
        let Some(on) = self.known(uuid)?.and_then(|known| Some(known.claims.get(claim)?.1.clone()))
        else {
            return Ok(None);
        };
        if let Some((same, chosen)) = self.chosen.get(&on)
            && same == group
        {
            return Ok(chosen.get(&uuid).cloned().flatten());
        }
        let (mut taken, mut all) = (BTreeSet::new(), HashMap::new());
        // The first keeps the value; the others choose in the order of their names, each what is left.
        for member in group.iter().skip(1) {
            let chosen = self.choose(*member, uuid, claim, &taken)?;
            taken.extend(chosen.iter().map(|(_, cell)| claims::bytes_of(cell)));
            all.insert(*member, chosen);
        }
        let ours = all.get(&uuid).cloned().flatten();
        self.chosen.insert(on, (group.clone(), all));
        Ok(ours)
    }

    fn as_it_stands(&mut self, uuid: Uuid) -> Result<Option<Standing>> {
        let Some(Known { entry, table: Some(table), .. }) = self.known(uuid)?.cloned() else {
            return Ok(None);
        };
        let row = match (self.stood.get(&uuid), &entry.key) {
            (Some(row), _) => Some(row.clone()),
            (None, Some(key)) => self.tx.read_row(&table, key)?,
            (None, None) => None,
        };
        let Some(row) = row else { return Ok(None) };
        let cells = self.tx.translate(&table, row.clone(), &Names::new())?;
        let catalogue = Arc::clone(&self.tx.catalogue);
        let references = self.links(&catalogue, &table, &cells)?;
        let columns = table.columns.iter().enumerate();
        let columns = columns.filter(|(index, _)| Some(*index) != table.number);
        let mut shows: Adjusted = columns
            .filter_map(|(index, column)| Some((Arc::clone(&column.id), row.get(index)?.clone())))
            .collect();
        for (index, on) in claims(&table, &cells) {
            let Some(unique) = table.uniques.get(index) else { continue };
            let tuple = tuple_of(&table, unique, &cells);
            let mut others = self.claiming(&table, unique, &tuple, &on)?;
            others.remove(&uuid);
            if others.is_empty() {
                continue;
            }
            let Some((id, instead)) =
                self.instead((&table, unique), uuid, &tuple, &BTreeSet::new())?
            else {
                return Ok(None);
            };
            for (_, cell) in shows.iter_mut().filter(|(shown, _)| *shown == id) {
                *cell = instead.clone();
            }
        }
        Ok(Some(Standing { shows, references }))
    }

    fn take_out(&mut self, uuid: Uuid) -> Result<()> {
        self.moved();
        if let Some(Known { entry, table: Some(table), .. }) = self.known(uuid)?.cloned() {
            if let (Some(key), false) = (&entry.key, self.stood.contains_key(&uuid)) {
                let row = self.tx.read_row(&table, key)?;
                self.stood.extend(row.map(|row| (uuid, row)));
            }
            self.tx.leave_children(&table, &entry)?;
        }
        self.delete_row(uuid)?;
        self.move_to(uuid, None);
        if let Some(known) = self.known(uuid)?.cloned() {
            let state = match known.entry.state {
                state @ (State::Dead | State::Lingers) => state,
                _ => State::Held,
            };
            self.tx.place(&Entry { state, ..known.entry })?;
        }
        Ok(())
    }

    fn plan(&mut self, uuid: Uuid, adjusted: &Adjusted) -> Result<()> {
        let Some(known) = self.known(uuid)?.cloned() else { return Ok(()) };
        let Some(table) = &known.table else { return Ok(()) };
        let number = match (&known.entry.key, table.number) {
            (_, None) => None,
            (Some(key), Some(_)) => key.number(),
            (None, Some(_)) => Some(self.number(&known, table)?),
        };
        if let Some(number) = number {
            self.given.insert((table.id, number), uuid);
        }
        self.plans.insert(uuid, Plan { adjusted: adjusted.clone(), number, ..Plan::default() });
        Ok(())
    }

    fn clear(&mut self, uuid: Uuid) -> Result<()> {
        self.moved();
        let (Some(known), Some(mut plan)) =
            (self.known(uuid)?.cloned(), self.plans.get(&uuid).cloned())
        else {
            return Ok(());
        };
        let Some(table) = &known.table else { return Ok(()) };
        plan.local = self.local_row(&known, table, &plan)?;
        if let Some(key) = &known.entry.key {
            plan.before = self.tx.read_row(table, key)?;
            plan.unchanged = plan.before.as_ref().is_some_and(|before| {
                before.iter().map(Some).eq(plan.local.iter().map(Option::as_ref))
            });
            if !plan.unchanged {
                // Rows that show a value which is about to change go on meaning this row.
                for child in self.showing_old_values(table, &plan)? {
                    if let Some(entry) = self.tx.entry(child)? {
                        self.tx.set_aside(entry)?;
                    }
                }
                self.delete_row(uuid)?;
                self.move_to(uuid, None);
                if let (Some(before), false) = (&plan.before, self.stood.contains_key(&uuid)) {
                    self.stood.insert(uuid, before.clone());
                }
            }
        }
        self.plans.insert(uuid, plan);
        Ok(())
    }

    fn write(&mut self, uuid: Uuid) -> Result<Written> {
        self.moved();
        let (Some(known), Some(plan)) =
            (self.known(uuid)?.cloned(), self.plans.get(&uuid).cloned())
        else {
            return Ok(Ok(BTreeSet::new()));
        };
        let Some(table) = &known.table else { return Ok(Ok(BTreeSet::new())) };
        if plan.unchanged {
            return Ok(Ok(BTreeSet::new()));
        }
        match self.tx.insert_row(table, &plan.local)? {
            Ok(key) => {
                self.move_to(uuid, Some(key));
                self.showing_old_values(table, &plan).map(Ok)
            }
            Err(text) => {
                self.move_to(uuid, None);
                Ok(Err(Refused(text)))
            }
        }
    }

    fn is_shown(&mut self, uuid: Uuid, shown: &Shown, text: Option<&str>) -> Result<()> {
        self.moved();
        let Shown { adjusted, stays } = shown;
        let Some(known) = self.known(uuid)?.cloned() else { return Ok(()) };
        let (Some(table), Some(cells)) = (&known.table, &known.cells) else { return Ok(()) };
        let plan = self.plans.get(&uuid).cloned().unwrap_or_default();
        let emptied = emptied(table, cells, &plan);
        let adjusted = &[adjusted.as_slice(), &emptied].concat();
        let lingers = known.entry.lingers();
        let state = if !lingers && adjusted.is_empty() {
            self.parts_in_table(&known, table)?;
            self.tx.forget_kept(uuid)?;
            State::Shown
        } else {
            let shown = adjusted
                .iter()
                .filter_map(|(name, _)| {
                    let (index, _) = table.column_of(name)?;
                    Some((Arc::clone(name), plan.local.get(index)?.clone()?))
                })
                .collect();
            let is_stand_in = |one: &(Arc<str>, Cell)| known.row.stand_ins.contains(one);
            let is_seen = |one: &(Arc<str>, Cell)| known.row.seen.contains(one);
            let why = if let Some(stays) = *stays {
                stays
            } else if (text.is_some() && adjusted.iter().any(is_seen))
                || adjusted.iter().all(is_stand_in)
            {
                Why::Schema
            } else if adjusted.iter().any(|(_, cell)| *cell == Cell::Null) {
                Why::Parent
            } else {
                Why::Unique
            };
            let shown = Cells::new(shown);
            if lingers {
                self.tx.keep_lingering(uuid, &shown, None)?;
            } else {
                let cells = Some(known.own.as_ref().unwrap_or(cells));
                let keep = Keep { cells, shown: &shown, why, text, size: None };
                self.tx.keep(uuid, &keep)?;
            }
            // A row that claims no other value than it shows is found in its table.
            let mut on = self.waits(&known)?;
            on.extend(parents(&known).filter(|_| !emptied.is_empty()));
            if adjusted.is_empty() {
                on.retain(|on| on.len() == 16 && !lingers);
            }
            if why == Why::Unique && adjusted.iter().any(|(_, cell)| looks_like_any_other(cell)) {
                on.insert(alike_in(table));
            }
            self.tx.wait_for(uuid, &on)?;
            if lingers { State::Lingers } else { State::Otherwise }
        };
        self.tx.promise_kept(uuid)?;
        self.set_state(uuid, state)
    }

    fn is_held(&mut self, uuid: Uuid, why: Why, text: Option<&str>) -> Result<()> {
        self.moved();
        let Some(known) = self.known(uuid)?.cloned() else { return Ok(()) };
        let (lingers, shown) = (known.entry.lingers(), Cells::default());
        if lingers {
            self.tx.keep_lingering(uuid, &shown, text)?;
        } else {
            let (cells, size) = (known.own.as_ref().or(known.cells.as_ref()), known.size);
            self.tx.keep(uuid, &Keep { cells, shown: &shown, why, text, size })?;
        }
        let mut on = self.waits(&known)?;
        // A parent that stands may have no value to be shown by.
        on.extend(parents(&known));
        self.tx.wait_for(uuid, &on)?;
        self.set_state(uuid, if lingers { State::Lingers } else { State::Held })
    }

    fn is_gone(&mut self, uuid: Uuid) -> Result<()> {
        self.moved();
        self.tx.forget_kept(uuid)?;
        self.set_state(uuid, State::Dead)
    }

    fn revive(&mut self, uuid: Uuid, child: Uuid) -> Result<bool> {
        self.moved();
        let Some(known) = self.known(uuid)?.cloned() else { return Ok(false) };
        let Some(cells) = self.tx.old_values(uuid)? else { return Ok(false) };
        let Some(table) = &known.table else { return Ok(false) };
        if self.known(child)?.is_some_and(|child| child.entry.lingers()) {
            // No version is made for a row that is deleted itself: both wait for the same person.
            self.tx.place(&Entry { state: State::Lingers, ..known.entry })?;
            self.tx.keep_lingering(uuid, &Cells::default(), None)?;
            self.known.remove(&uuid);
            return Ok(true);
        }
        self.tx.conflict((known.entry.table, uuid), &known.entry.head, None)?;
        let stamp = known.entry.head.stamp.next();
        let mut entry =
            self.tx.make((table, uuid), Some(&known.entry), Some(&cells), stamp, None)?;
        entry.state = State::Held;
        self.tx.place(&entry)?;
        let keep = Keep {
            cells: Some(&cells),
            shown: &Cells::default(),
            why: Why::Parent,
            text: None,
            size: None,
        };
        self.tx.keep(uuid, &keep)?;
        self.tx.forget_old(uuid)?;
        self.tx.enlist(&entry, &cells)?;
        self.known.remove(&uuid);
        Ok(true)
    }

    fn endless(&mut self) -> Error {
        Error::Sidecar { what: "rows that wait for each other without end" }
    }
}

impl Place<'_, '_> {
    /// The row is about to stand in its table as its version says: what that cannot say moves into its parts.
    fn parts_in_table(&mut self, known: &Known, table: &Table) -> Result<()> {
        let own = known.own.as_ref().or(known.cells.as_ref());
        if !known.entry.parts && own.is_none_or(|own| table.says_all(own)) {
            return Ok(());
        }
        let uuid = known.entry.uuid;
        let Some(state) = self.tx.state(&known.entry)? else { return Ok(()) };
        if let Some(Some(known)) = self.known.get_mut(&uuid) {
            self.tx.take_apart(&mut known.entry, &state, standing::Place::In(table))?;
        }
        Ok(())
    }

    fn set_state(&mut self, uuid: Uuid, state: State) -> Result<()> {
        if let Some(Some(known)) = self.known.get_mut(&uuid) {
            known.entry.state = state;
            self.tx.place(&known.entry)?;
        }
        Ok(())
    }
}
