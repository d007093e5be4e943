//! The rule alone, on a ground made of maps.

use super::*;
use std::convert::Infallible;

/// Rows by number; who points to whom; who claims what.
#[derive(Default)]
struct Maps {
    rows: BTreeMap<Uuid, Row>,
    claims: BTreeMap<Uuid, Vec<&'static str>>,
    adjusted: BTreeMap<Uuid, Adjusted>,
    held: BTreeMap<Uuid, Why>,
    poison: BTreeSet<Uuid>,
    revivable: BTreeSet<Uuid>,
    /// Rows that stood before, and what they referred to then.
    stood: BTreeMap<Uuid, Vec<u128>>,
    stays: BTreeMap<Uuid, Why>,
    planned: BTreeMap<Uuid, Adjusted>,
}

fn link(parent: u128, on_delete: OnDelete) -> Link {
    let nullable = Some(vec![format!("to{parent}").into()]);
    Link { parent: id(parent), on_delete, loose: false, nullable }
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

impl Maps {
    fn add(&mut self, n: u128, parents: &[(u128, OnDelete)], claims: &[&'static str]) {
        let references =
            parents.iter().map(|(parent, on_delete)| link(*parent, *on_delete)).collect();
        self.rows
            .insert(id(n), Row { live: true, references, claims: claims.len(), ..Row::default() });
        self.claims.insert(id(n), claims.to_vec());
    }

    fn settle(&mut self, dirty: &[u128]) {
        let Ok(()) = settle(self, dirty.iter().map(|n| id(*n)).collect());
    }

    fn shown(&self) -> Vec<u128> {
        self.rows.iter().filter(|(_, row)| row.shown).map(|(uuid, _)| uuid.as_u128()).collect()
    }
}

impl Ground for Maps {
    type Error = Infallible;

    fn row(&mut self, uuid: Uuid) -> Result<Option<Rc<Row>>, Infallible> {
        Ok(self.rows.get(&uuid).cloned().map(Rc::new))
    }
    fn waiting_on(&mut self, uuid: Uuid) -> Result<Vec<Uuid>, Infallible> {
        let kept = |other: &Uuid| {
            self.held.contains_key(other) || self.adjusted.get(other).is_some_and(|a| !a.is_empty())
        };
        Ok(self
            .rows
            .iter()
            .filter(|(other, row)| {
                kept(other) && row.references.iter().any(|link| link.parent == uuid)
            })
            .map(|(other, _)| *other)
            .collect())
    }
    fn shown_children(&mut self, uuid: Uuid) -> Result<Vec<Uuid>, Infallible> {
        let points = |row: &Row| row.shown && row.references.iter().any(|link| link.parent == uuid);
        Ok(self.rows.iter().filter(|(_, row)| points(row)).map(|(other, _)| *other).collect())
    }
    fn claimants(&mut self, uuid: Uuid, claim: usize) -> Result<BTreeSet<Uuid>, Infallible> {
        let value = self.claims[&uuid][claim];
        let live = |other: &Uuid| self.rows[other].live;
        Ok(self
            .claims
            .iter()
            .filter(|(other, values)| live(other) && values.contains(&value))
            .map(|(o, _)| *o)
            .collect())
    }
    fn rivals(&mut self, uuid: Uuid) -> Result<BTreeSet<Uuid>, Infallible> {
        let claims = self.claims.get(&uuid).map_or(0, Vec::len);
        let mut rivals = BTreeSet::new();
        for claim in 0..claims {
            rivals.extend(self.claimants(uuid, claim)?);
        }
        Ok(rivals)
    }

    fn aside(
        &mut self,
        uuid: Uuid,
        _: usize,
        _: &BTreeSet<Uuid>,
    ) -> Result<Option<(Arc<str>, Cell)>, Infallible> {
        Ok(Some(("value".into(), Cell::Text(format!("~{}", uuid.as_u128()).into()))))
    }
    fn take_out(&mut self, uuid: Uuid) -> Result<(), Infallible> {
        self.rows.get_mut(&uuid).unwrap().shown = false;
        Ok(())
    }
    fn plan(&mut self, uuid: Uuid, adjusted: &Adjusted) -> Result<(), Infallible> {
        self.planned.insert(uuid, adjusted.clone());
        Ok(())
    }
    fn clear(&mut self, _: Uuid) -> Result<(), Infallible> {
        Ok(())
    }
    fn write(&mut self, uuid: Uuid) -> Result<Written, Infallible> {
        let is_as_it_was = self.planned.get(&uuid).is_some_and(|adjusted| {
            adjusted.iter().any(|(_, cell)| *cell == Cell::Text("as it was".into()))
        });
        if self.poison.contains(&uuid) && !is_as_it_was {
            self.rows.get_mut(&uuid).unwrap().shown = false;
            return Ok(Err(Refused("CHECK constraint failed".into())));
        }
        self.rows.get_mut(&uuid).unwrap().shown = true;
        Ok(Ok(BTreeSet::new()))
    }
    fn as_it_stands(&mut self, uuid: Uuid) -> Result<Option<Standing>, Infallible> {
        let stood = self.stood.get(&uuid).map(|parents| Standing {
            shows: vec![("value".into(), Cell::Text("as it was".into()))],
            references: parents.iter().map(|parent| link(*parent, OnDelete::Cascade)).collect(),
        });
        Ok(stood)
    }
    fn is_shown(&mut self, uuid: Uuid, shown: &Shown, _: Option<&str>) -> Result<(), Infallible> {
        self.held.remove(&uuid);
        self.adjusted.insert(uuid, shown.adjusted.clone());
        match shown.stays {
            Some(why) => self.stays.insert(uuid, why),
            None => self.stays.remove(&uuid),
        };
        Ok(())
    }
    fn is_held(&mut self, uuid: Uuid, why: Why, _: Option<&str>) -> Result<(), Infallible> {
        self.held.insert(uuid, why);
        Ok(())
    }
    fn is_gone(&mut self, uuid: Uuid) -> Result<(), Infallible> {
        self.held.remove(&uuid);
        Ok(())
    }
    fn revive(&mut self, uuid: Uuid, _: Uuid) -> Result<bool, Infallible> {
        if self.revivable.remove(&uuid) {
            self.rows.get_mut(&uuid).unwrap().live = true;
            return Ok(true);
        }
        Ok(false)
    }
    fn endless(&mut self) -> Infallible {
        panic!("settling does not end")
    }
}

#[test]
fn a_child_waits_for_its_parent_and_comes_with_it() {
    let mut maps = Maps::default();
    maps.add(2, &[(1, OnDelete::Cascade)], &[]);
    maps.settle(&[2]);
    assert_eq!((maps.shown(), maps.held[&id(2)]), (vec![], Why::Parent));
    maps.add(1, &[], &[]);
    maps.settle(&[1]);
    assert_eq!(maps.shown(), [1, 2]);
    assert!(maps.held.is_empty());
}

#[test]
fn rows_that_wait_only_for_each_other_are_shown_together() {
    let mut maps = Maps::default();
    maps.add(1, &[(2, OnDelete::Cascade)], &[]);
    maps.settle(&[1]);
    assert_eq!(maps.shown(), [0; 0]);
    maps.add(2, &[(1, OnDelete::Cascade)], &[]);
    maps.settle(&[2]);
    assert_eq!(maps.shown(), [1, 2]);
}

#[test]
fn a_chain_of_held_rows_comes_when_its_first_parent_comes() {
    let mut maps = Maps::default();
    for n in (2..=6).rev() {
        maps.add(n, &[(n - 1, OnDelete::Cascade)], &[]);
        maps.settle(&[n]);
    }
    assert_eq!(maps.shown(), [0; 0]);
    maps.add(1, &[], &[]);
    maps.settle(&[1]);
    assert_eq!(maps.shown(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn set_null_shows_null_and_the_reference_again() {
    let mut maps = Maps::default();
    maps.add(2, &[(1, OnDelete::SetNull)], &[]);
    maps.settle(&[2]);
    assert_eq!(maps.adjusted[&id(2)], [("to1".into(), Cell::Null)]);
    maps.add(1, &[], &[]);
    maps.settle(&[1]);
    assert_eq!(maps.adjusted[&id(2)], []);
}

#[test]
fn restrict_brings_a_deleted_parent_back_and_cascade_does_not() {
    for (on_delete, shown) in [(OnDelete::Restrict, vec![1, 2]), (OnDelete::Cascade, vec![])] {
        let mut maps = Maps::default();
        maps.add(1, &[], &[]);
        maps.add(2, &[(1, on_delete)], &[]);
        maps.settle(&[1, 2]);
        maps.rows.get_mut(&id(1)).unwrap().live = false;
        maps.revivable.insert(id(1));
        maps.settle(&[1]);
        assert_eq!(maps.shown(), shown, "{on_delete:?}");
    }
}

#[test]
fn restrict_reaches_a_grandparent_that_would_take_the_parent_along() {
    let mut maps = Maps::default();
    maps.add(1, &[], &[]);
    maps.add(2, &[(1, OnDelete::Cascade)], &[]);
    maps.add(3, &[(2, OnDelete::Restrict)], &[]);
    maps.settle(&[1, 2, 3]);
    maps.rows.get_mut(&id(1)).unwrap().live = false;
    maps.revivable.insert(id(1));
    maps.settle(&[1]);
    assert_eq!(maps.shown(), [1, 2, 3]);
}

#[test]
fn the_smallest_uuid_shows_a_claimed_value_whoever_comes_first() {
    for order in [[1, 2], [2, 1]] {
        let mut maps = Maps::default();
        for n in order {
            maps.add(n, &[], &["b"]);
            let all: Vec<u128> = maps.rows.keys().map(Uuid::as_u128).collect();
            maps.settle(&all);
        }
        assert_eq!(maps.adjusted[&id(1)], []);
        assert_eq!(maps.adjusted[&id(2)], [("value".into(), Cell::Text("~2".into()))]);
    }
}

#[test]
fn a_row_that_the_table_refuses_is_held_with_its_children_and_stops_nobody_else() {
    let mut maps = Maps::default();
    maps.add(1, &[], &[]);
    maps.add(2, &[(1, OnDelete::Cascade)], &[]);
    maps.add(3, &[], &[]);
    maps.poison.insert(id(1));
    maps.settle(&[1, 2, 3]);
    assert_eq!(maps.shown(), [3]);
    assert_eq!(maps.held[&id(1)], Why::Constraint);
    assert_eq!(maps.held[&id(2)], Why::Parent);
    maps.poison.clear();
    maps.settle(&[1]);
    assert_eq!(maps.shown(), [1, 2, 3]);
}

/// Row 2 refers to row 1, row 3 to row 2; all of them stand.
fn standing() -> Maps {
    let mut maps = Maps::default();
    maps.add(1, &[], &[]);
    maps.add(2, &[(1, OnDelete::Cascade)], &[]);
    maps.add(3, &[(2, OnDelete::Cascade)], &[]);
    maps.settle(&[1, 2, 3]);
    assert_eq!(maps.shown(), [1, 2, 3]);
    maps.stood = [(id(1), vec![]), (id(2), vec![1]), (id(3), vec![2])].into();
    maps
}

#[test]
fn a_row_that_stands_stays() {
    let mut maps = standing();
    maps.poison.insert(id(2));
    maps.settle(&[2]);
    assert_eq!((maps.shown(), maps.stays.get(&id(2))), (vec![1, 2, 3], Some(&Why::Constraint)));
    // One whose table has no column for what it says, too.
    let mut maps = standing();
    maps.rows.get_mut(&id(2)).unwrap().barred = Some(Why::Schema);
    maps.settle(&[2]);
    assert_eq!((maps.shown(), maps.stays.get(&id(2))), (vec![1, 2, 3], Some(&Why::Schema)));
    // Not one that never stood.
    let mut maps = Maps::default();
    maps.add(1, &[], &[]);
    maps.poison.insert(id(1));
    maps.settle(&[1]);
    assert_eq!((maps.shown(), maps.held.get(&id(1))), (vec![], Some(&Why::Constraint)));
}

#[test]
fn a_row_stays_for_a_parent_that_waits_for_the_schema_and_not_for_one_that_was_deleted() {
    let mut maps = standing();
    // Row 4 is refused; row 3 refers to it now.
    maps.add(4, &[], &[]);
    maps.poison.insert(id(4));
    maps.rows.get_mut(&id(3)).unwrap().references = vec![link(4, OnDelete::Cascade)];
    maps.settle(&[3, 4]);
    assert_eq!((maps.shown(), maps.stays.get(&id(3))), (vec![1, 2, 3], Some(&Why::Parent)));
    // Row 2, under which it stays, is deleted.
    maps.rows.get_mut(&id(2)).unwrap().live = false;
    maps.stood.remove(&id(2));
    maps.settle(&[2, 3]);
    assert_eq!(maps.shown(), [1]);
    let mut maps = standing();
    maps.add(4, &[], &[]);
    maps.rows.get_mut(&id(4)).unwrap().live = false;
    maps.rows.get_mut(&id(3)).unwrap().references = vec![link(4, OnDelete::Cascade)];
    maps.settle(&[3, 4]);
    assert_eq!(maps.shown(), [1, 2], "its parent was deleted");
}

#[test]
fn a_refused_row_is_shown_as_its_writer_saw_it() {
    let mut maps = standing();
    maps.rows.get_mut(&id(3)).unwrap().seen =
        vec![("value".into(), Cell::Text("as it was".into()))];
    maps.poison.insert(id(3));
    maps.settle(&[3]);
    assert_eq!((maps.shown(), maps.stays.get(&id(3))), (vec![1, 2, 3], None));
    assert_eq!(maps.adjusted[&id(3)].len(), 1);
}
