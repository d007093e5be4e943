//! Settling: making the table show the versions.
//!
//! Given rows whose version changed, decide which live versions can stand in the table now, and in what shape.
//! The answer depends on the versions alone, never on the order in which they came:
//!
//! ```text
//!   parent not in the table   SET NULL      shown, with NULL in its place
//!                             otherwise     held, until the parent is there
//!                             RESTRICT      held, and a deleted parent is brought back
//!   UNIQUE value claimed by   smaller uuid  shown, with a value that nobody claims; else held
//!   the table refuses it                    as the writer of the version saw it
//!   that too, or its parent is held for     as it was, where it stands; else held, with what the table says
//!   such a reason
//! ```
//!
//! A row that stands is never taken out because the table here is an older one: until both are of one kind it stays as
//! it was.
//!
//! # Invariants
//!
//! * Rows that wait only for each other are shown together: what is shown is the largest set closed under references.
//! * Rows that go or change are taken out before any is written: SQLite checks UNIQUE at once, so a swap needs it.
//! * Nothing here knows SQL; see [`Ground`].

use crate::{Cell, OnDelete};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use uuid::Uuid;

/// A circle of reasons that never ends would be a fault of ours; far above any real chain of references.
const ROUNDS_MAX: usize = 10_000;

/// What a row shows otherwise than its version says.
pub type Adjusted = Vec<(Arc<str>, Cell)>;

/// A row as it stands in the table now.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// All that it shows.
    pub shows: Adjusted,
    /// Its references as it stands.
    pub references: Vec<Link>,
}

/// One row, as far as settling asks.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Not a tombstone, or one whose row lingers.
    pub live: bool,
    /// It stands in the table now.
    pub shown: bool,
    /// Why it can never stand there as things are: table unknown here, values left out.
    pub barred: Option<Why>,
    /// Its references.
    pub references: Vec<Link>,
    /// How many UNIQUE values it claims.
    pub claims: usize,
    /// What it shows whatever else happens, in columns that have to hold something, where it says nothing.
    pub stand_ins: Adjusted,
    /// What the writer of its version saw instead of what he carried on: shown where the table refuses the version.
    pub seen: Adjusted,
    /// Why it is held now.
    pub held: Option<Why>,
}

/// How a row is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// What it shows otherwise than its version says.
    pub adjusted: Adjusted,
    /// It stays as it was, and why.
    pub stays: Option<Why>,
}

/// One reference of a row.
#[derive(Clone, Debug)]
pub struct Link {
    /// The parent.
    pub parent: Uuid,
    /// What happens to the row when the parent is away.
    pub on_delete: OnDelete,
    /// The application does not keep it.
    pub loose: bool,
    /// The columns, where all of them may be NULL.
    pub nullable: Option<Vec<Arc<str>>>,
}

pub use crate::held::Why;

/// What the table said when it refused a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

/// What came of writing a row.
pub type Written = Result<BTreeSet<Uuid>, Refused>;

/// The table and the versions, as settling sees them.
pub trait Ground {
    /// What can go wrong with them.
    type Error;
    /// What is known of a row.
    fn row(&mut self, uuid: Uuid) -> Result<Option<Rc<Row>>, Self::Error>;
    /// Rows held, or shown otherwise, because of this one.
    fn waiting_on(&mut self, uuid: Uuid) -> Result<Vec<Uuid>, Self::Error>;
    /// Rows in the table that point to this one.
    fn shown_children(&mut self, uuid: Uuid) -> Result<Vec<Uuid>, Self::Error>;
    /// The live versions, shown or not, that claim what this row's n-th UNIQUE claims; itself among them.
    fn claimants(&mut self, uuid: Uuid, claim: usize) -> Result<BTreeSet<Uuid>, Self::Error>;
    /// Rows that have to choose anew when this one is shown: all that claim what it claims, or stand aside with it.
    fn rivals(&mut self, uuid: Uuid) -> Result<BTreeSet<Uuid>, Self::Error>;
    /// What this row shows instead of the value it claims: none where nothing can be changed.
    fn aside(
        &mut self,
        uuid: Uuid,
        claim: usize,
        group: &BTreeSet<Uuid>,
    ) -> Result<Option<(Arc<str>, Cell)>, Self::Error>;
    /// The row as it stands now, or stood when this settling began; values of it that other versions claim give way.
    fn as_it_stands(&mut self, uuid: Uuid) -> Result<Option<Standing>, Self::Error>;
    /// Takes a row out of the table.
    fn take_out(&mut self, uuid: Uuid) -> Result<(), Self::Error>;
    /// Says how a row is going to be shown, before any is written: gives it a number.
    fn plan(&mut self, uuid: Uuid, adjusted: &Adjusted) -> Result<(), Self::Error>;
    /// Takes a planned row out where its place in the table is not as planned.
    fn clear(&mut self, uuid: Uuid) -> Result<(), Self::Error>;
    /// Writes a planned row; answers the rows that show a value of it that changed, or the table's refusal.
    fn write(&mut self, uuid: Uuid) -> Result<Written, Self::Error>;
    /// Writes down that a row is shown. `text`: what the table said when it refused the version.
    fn is_shown(
        &mut self,
        uuid: Uuid,
        shown: &Shown,
        text: Option<&str>,
    ) -> Result<(), Self::Error>;
    /// Writes down that a row is held.
    fn is_held(&mut self, uuid: Uuid, why: Why, text: Option<&str>) -> Result<(), Self::Error>;
    /// Writes down that a tombstone has no place.
    fn is_gone(&mut self, uuid: Uuid) -> Result<(), Self::Error>;
    /// Brings a deleted parent back, where its last values are here. `child`: who needs it.
    fn revive(&mut self, uuid: Uuid, child: Uuid) -> Result<bool, Self::Error>;
    /// The circle of reasons did not end.
    fn endless(&mut self) -> Self::Error;
}

/// How a row is to be shown; none: not at all, and why.
type Want = Result<Shown, Why>;
/// What was asked of each candidate, last.
type Wants = BTreeMap<Uuid, Want>;
/// Rows that the table refused: how often, and its words when it was asked first.
type Refusals = BTreeMap<Uuid, (usize, String)>;

/// A row is tried as its version says, as its writer saw it, and as it stands.
const WAYS: usize = 3;

/// Settles the rows whose version changed, and all that this touches.
pub fn settle<G: Ground>(ground: &mut G, mut dirty: BTreeSet<Uuid>) -> Result<(), G::Error> {
    let mut refused = Refusals::new();
    for _ in 0..ROUNDS_MAX {
        if dirty.is_empty() {
            return Ok(());
        }
        dirty = round(ground, dirty, &mut refused)?;
    }
    Err(ground.endless())
}

fn round<G: Ground>(
    ground: &mut G,
    dirty: BTreeSet<Uuid>,
    refused: &mut Refusals,
) -> Result<BTreeSet<Uuid>, G::Error> {
    let mut known = gather(ground, dirty)?;
    let (candidates, wants) = choose(ground, &mut known, refused)?;

    for (uuid, row) in &known {
        if row.shown && !candidates.contains(uuid) {
            ground.take_out(*uuid)?;
        }
    }
    for uuid in &candidates {
        if let Some(Ok(shown)) = wants.get(uuid) {
            ground.plan(*uuid, &shown.adjusted)?;
        }
    }
    for uuid in &candidates {
        ground.clear(*uuid)?;
    }

    let mut next = BTreeSet::new();
    let (mut written, mut failed) = (BTreeSet::new(), BTreeSet::new());
    for uuid in &candidates {
        match ground.write(*uuid)? {
            Ok(touched) => {
                written.insert(*uuid);
                next.extend(touched.into_iter().filter(|touched| !known.contains_key(touched)));
            }
            Err(Refused(text)) => {
                refused.entry(*uuid).or_insert((0, text)).0 += 1;
                failed.insert(*uuid);
                next.insert(*uuid);
            }
        }
    }
    // Only now: a child of a refused row may have been written after it. What it refers to is read while its parent
    // still has a place.
    for uuid in next.clone() {
        if refused.contains_key(&uuid) {
            for child in ground.shown_children(uuid)? {
                ground.row(child)?;
                next.insert(child);
            }
        }
    }
    // One that is new is in no entry yet by which its place is found.
    let hangs_on = |row: &Row| row.references.iter().any(|link| failed.contains(&link.parent));
    let hang = known.iter().filter(|(uuid, row)| written.contains(*uuid) && hangs_on(row));
    next.extend(hang.map(|(uuid, _)| *uuid));
    for (uuid, row) in &known {
        match wants.get(uuid) {
            Some(Ok(shown)) if written.contains(uuid) => {
                ground.is_shown(*uuid, shown, words(refused, *uuid))?;
            }
            _ if !row.live => ground.is_gone(*uuid)?,
            want => {
                let text = words(refused, *uuid);
                let why = row.barred.unwrap_or(match want {
                    Some(Err(why)) => *why,
                    _ => Why::Constraint,
                });
                ground.is_held(*uuid, why, text)?;
            }
        }
    }
    for (uuid, row) in &known {
        if row.live && !written.contains(uuid) {
            need(ground, *uuid, false, &mut next)?;
        }
    }
    Ok(next)
}

/// The rows to look at: the changed ones, those that wait for them, and held rows that these wait for in turn.
fn gather<G: Ground>(
    ground: &mut G,
    dirty: BTreeSet<Uuid>,
) -> Result<BTreeMap<Uuid, Rc<Row>>, G::Error> {
    let mut known = BTreeMap::new();
    let mut ahead: Vec<Uuid> = dirty.into_iter().collect();
    while let Some(uuid) = ahead.pop() {
        if known.contains_key(&uuid) {
            continue;
        }
        // A parent that nobody has told us of has no version to settle, but rows may wait for it.
        ahead.extend(ground.waiting_on(uuid)?);
        let Some(row) = ground.row(uuid)? else { continue };
        if row.live && row.claims > 0 {
            ahead.extend(ground.rivals(uuid)?);
        }
        if row.live && !row.shown {
            for link in &row.references {
                if ground.row(link.parent)?.is_some_and(|parent| parent.live && !parent.shown) {
                    ahead.push(link.parent);
                }
            }
        }
        known.insert(uuid, row);
    }
    Ok(known)
}

/// The largest set of live rows that can stand together, and how each would be shown.
fn choose<G: Ground>(
    ground: &mut G,
    known: &mut BTreeMap<Uuid, Rc<Row>>,
    refused: &Refusals,
) -> Result<(BTreeSet<Uuid>, Wants), G::Error> {
    let may = |uuid: &Uuid, row: &Row| {
        let is_barred = row.barred.is_some_and(|why| why != Why::Schema);
        row.live && !is_barred && refused.get(uuid).is_none_or(|(times, _)| *times < WAYS)
    };
    let mut candidates: BTreeSet<Uuid> =
        known.iter().filter(|(uuid, row)| may(uuid, row)).map(|(uuid, _)| *uuid).collect();
    let mut wants = Wants::new();
    let mut followed = BTreeSet::new();
    loop {
        let mut moved = false;
        for uuid in candidates.clone() {
            let Some(row) = known.get(&uuid).map(Rc::clone) else { continue };
            let seen = Seen { candidates: &candidates, known, refused };
            let want = want(ground, (uuid, &row), &seen)?;
            if want.is_err() {
                candidates.remove(&uuid);
                moved = true;
            }
            wants.insert(uuid, want);
        }
        let leaving: Vec<Uuid> = known
            .iter()
            .filter(|(uuid, row)| {
                row.shown && !candidates.contains(uuid) && !followed.contains(*uuid)
            })
            .map(|(uuid, _)| *uuid)
            .collect();
        for uuid in leaving {
            followed.insert(uuid);
            for child in ground.shown_children(uuid)? {
                if known.contains_key(&child) {
                    continue;
                }
                let Some(row) = ground.row(child)? else { continue };
                if may(&child, &row) {
                    candidates.insert(child);
                }
                known.insert(child, row);
                moved = true;
            }
        }
        if !moved {
            return Ok((candidates, wants));
        }
    }
}

/// What the table said first.
fn words(refused: &Refusals, uuid: Uuid) -> Option<&str> {
    refused.get(&uuid).map(|(_, text)| text.as_str())
}

/// What is looked at while it is decided how a row is shown.
struct Seen<'s> {
    candidates: &'s BTreeSet<Uuid>,
    known: &'s BTreeMap<Uuid, Rc<Row>>,
    refused: &'s Refusals,
}

impl Seen<'_> {
    /// Does a row stand, or is it going to?
    fn stands<G: Ground>(&self, ground: &mut G, uuid: Uuid) -> Result<bool, G::Error> {
        if self.known.contains_key(&uuid) {
            return Ok(self.candidates.contains(&uuid));
        }
        Ok(ground.row(uuid)?.is_some_and(|row| row.shown))
    }

    /// Does a row have no place because the schema here is another one? `depth`: of the reasons.
    fn is_of_schema<G: Ground>(
        &self,
        ground: &mut G,
        uuid: Uuid,
        depth: usize,
    ) -> Result<bool, G::Error> {
        const DEPTH_MAX: usize = 16;
        let Some(row) = ground.row(uuid)?.filter(|row| row.live) else { return Ok(false) };
        let is_it = |why: Option<Why>| matches!(why, Some(Why::Schema | Why::Constraint));
        if is_it(row.barred) || is_it(row.held) || self.refused.contains_key(&uuid) {
            return Ok(true);
        }
        for link in &row.references {
            if depth < DEPTH_MAX
                && !self.stands(ground, link.parent)?
                && self.is_of_schema(ground, link.parent, depth + 1)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn want<G: Ground>(
    ground: &mut G,
    (uuid, row): (Uuid, &Row),
    seen: &Seen<'_>,
) -> Result<Want, G::Error> {
    let times = seen.refused.get(&uuid).map_or(0, |(times, _)| *times);
    let ways = 1 + usize::from(!row.seen.is_empty());
    if row.barred.is_some() || ways <= times {
        let why = row.barred.unwrap_or(Why::Constraint);
        return if times < ways + 1 { stay(ground, uuid, why, seen) } else { Ok(Err(why)) };
    }
    let wanted = as_said(ground, (uuid, row), seen)?;
    let mut is_of_schema = false;
    if wanted == Err(Why::Parent) {
        let links = row.references.iter().filter(|link| !link.loose);
        for link in links {
            if !seen.stands(ground, link.parent)? {
                is_of_schema = seen.is_of_schema(ground, link.parent, 0)?;
                if !is_of_schema {
                    break;
                }
            }
        }
    }
    match wanted {
        Err(why) if is_of_schema => stay(ground, uuid, why, seen),
        Ok(mut shown) if times > 0 => {
            let is_seen = |id: &Arc<str>| row.seen.iter().any(|(seen, _)| seen == id);
            shown.adjusted.retain(|(id, _)| !is_seen(id));
            shown.adjusted.extend(row.seen.clone());
            Ok(Ok(shown))
        }
        wanted => Ok(wanted),
    }
}

/// A row that stands stays as it was, if what it refers to stands too.
fn stay<G: Ground>(
    ground: &mut G,
    uuid: Uuid,
    why: Why,
    seen: &Seen<'_>,
) -> Result<Want, G::Error> {
    let Some(Standing { mut shows, references }) = ground.as_it_stands(uuid)? else {
        return Ok(Err(why));
    };
    for link in references.iter().filter(|link| !link.loose) {
        if seen.stands(ground, link.parent)? {
            continue;
        }
        let Some(columns) = link.nullable.as_ref().filter(|_| link.on_delete == OnDelete::SetNull)
        else {
            return Ok(Err(why));
        };
        for (_, cell) in shows.iter_mut().filter(|(id, _)| columns.contains(id)) {
            *cell = Cell::Null;
        }
    }
    Ok(Ok(Shown { adjusted: shows, stays: Some(why) }))
}

fn as_said<G: Ground>(
    ground: &mut G,
    (uuid, row): (Uuid, &Row),
    seen: &Seen<'_>,
) -> Result<Want, G::Error> {
    let mut adjusted = row.stand_ins.clone();
    for claim in 0..row.claims {
        let group = ground.claimants(uuid, claim)?;
        if group.first().is_none_or(|first| *first == uuid) {
            continue;
        }
        match ground.aside(uuid, claim, &group)? {
            Some(instead) => adjusted.push(instead),
            None => return Ok(Err(Why::Unique)),
        }
    }
    for link in &row.references {
        let here = seen.stands(ground, link.parent)?;
        match (here, link.on_delete, &link.nullable) {
            (true, _, _) => {}
            _ if link.loose => {}
            (false, OnDelete::SetNull, Some(columns)) => {
                adjusted.extend(columns.iter().map(|column| (Arc::clone(column), Cell::Null)));
            }
            (false, _, _) => return Ok(Err(Why::Parent)),
        }
    }
    Ok(Ok(Shown { adjusted, stays: None }))
}

/// RESTRICT and NO ACTION keep the parent: a live row that could otherwise be shown brings it back, and with it
/// what a deleted grandparent would take along.
fn need<G: Ground>(
    ground: &mut G,
    uuid: Uuid,
    needed: bool,
    next: &mut BTreeSet<Uuid>,
) -> Result<(), G::Error> {
    let Some(row) = ground.row(uuid)? else { return Ok(()) };
    let mut away = Vec::new();
    for link in row.references.iter().filter(|link| !link.loose) {
        if !ground.row(link.parent)?.is_some_and(|parent| parent.shown) {
            away.push(link);
        }
    }
    if !needed && away.iter().any(|link| link.on_delete == OnDelete::Cascade) {
        return Ok(());
    }
    for link in away {
        let keeps =
            link.on_delete == OnDelete::Restrict || (needed && link.on_delete == OnDelete::Cascade);
        if !keeps {
            continue;
        }
        let Some(parent) = ground.row(link.parent)? else { continue };
        if parent.live {
            // Its own circle of parents is followed once: a row already on its way back ends the walk.
            if !next.contains(&link.parent) && link.parent != uuid {
                next.insert(link.parent);
                need(ground, link.parent, true, next)?;
                next.remove(&link.parent);
            }
        } else if ground.revive(link.parent, uuid)? {
            next.insert(link.parent);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
