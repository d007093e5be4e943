//! The laws of combining, and what each rule is for.

use super::*;
use crate::Stamp;
use proptest::prelude::*;
use uuid::Uuid;

fn origin(n: u8) -> Origin {
    Origin { machine: Uuid::from_u128(u128::from(n)), epoch: 1 }
}

fn head(time: i64, who: u8, dead: bool) -> Head {
    Head {
        stamp: Stamp::at(time),
        origin: origin(who),
        seq: u64::try_from(time).unwrap(),
        digest: 7 * u64::try_from(time).unwrap(),
        dead,
        seen: Vec::new(),
    }
}

fn text(text: &str) -> Cell {
    Cell::Text(text.into())
}

/// A version that wrote these columns.
fn version(time: i64, who: u8, cells: &[(&str, &str)]) -> State {
    let cells = cells.iter().map(|(name, cell)| ((*name).into(), text(cell))).collect();
    State::plain(head(time, who, false), &Cells::new(cells))
}

fn tombstone(time: i64, who: u8) -> State {
    State::plain(head(time, who, true), &Cells::default())
}

/// What each column shows, in the order of their names.
fn shows(state: &State) -> String {
    let shown = state.cells().into_iter().map(|(name, cell)| match cell.known() {
        Some(Cell::Text(text)) if cell.is_missing() => {
            format!("{name} was {}", String::from_utf8_lossy(text))
        }
        Some(Cell::Text(text)) => format!("{name}={}", String::from_utf8_lossy(text)),
        _ => format!("{name} missing"),
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// In every order of three, and twice, they come to one state; answers it.
fn of_three(a: &State, b: &State, c: &State) -> State {
    let all = [a, b, c];
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let of = |order: &[usize; 3]| {
        let [first, then, last] = order.map(|at| all[at]);
        let left = combine(&combine(first, then), last);
        assert_eq!(left, combine(first, &combine(then, last)));
        assert_eq!(left, combine(&left, then), "twice is once");
        left
    };
    let state = of(&orders[0]);
    for order in &orders {
        assert_eq!(of(order), state);
    }
    state
}

#[test]
fn a_version_speaks_of_its_shape_only() {
    let old = version(1, 1, &[("name", "nut"), ("note", "steel")]);
    let new = version(2, 2, &[("name", "bolt"), ("colour", "red")]);
    let both = combine(&old, &new);
    assert_eq!(shows(&both), "colour=red name=bolt note=steel");
    assert_eq!(both.own.len(), 2, "the version itself is as its writer wrote it");
    let newer = version(3, 2, &[("name", "nail"), ("note", "brass")]);
    assert_eq!(shows(&of_three(&old, &new, &newer)), "colour=red name=nail note=brass");
}

#[test]
fn what_was_not_seen_is_carried_with_its_stamp() {
    let price = version(5, 1, &[("price", "9")]);
    // Its writer had seen a price of 3, and carried it.
    let mut name = version(7, 2, &[("name", "nut"), ("price", "3")]);
    name.own.get_mut("price").unwrap().dot = Dot::of(&head(3, 2, false));
    assert_eq!(shows(&combine(&price, &name)), "name=nut price=9");
}

#[test]
fn a_tombstone_cuts_what_stands_beside_and_not_what_was_carried() {
    let old_life = version(1, 1, &[("name", "nut"), ("colour", "red")]);
    let delete = tombstone(2, 2);
    let new_life = version(3, 3, &[("name", "nut")]);
    assert_eq!(shows(&of_three(&old_life, &delete, &new_life)), "name=nut");
    let mut carried = version(3, 3, &[("name", "nut"), ("colour", "red")]);
    carried.own.get_mut("colour").unwrap().dot = Dot::of(&old_life.head);
    assert_eq!(shows(&of_three(&old_life, &delete, &carried)), "colour=red name=nut");
}

#[test]
fn the_cut_travels_with_the_version_that_beat_it() {
    let revived = combine(&tombstone(2, 2), &version(3, 3, &[("name", "nut")]));
    let old_life = version(1, 1, &[("name", "nut"), ("colour", "red")]);
    assert_eq!(shows(&combine(&old_life, &revived)), "name=nut");
}

#[test]
fn a_found_cell_is_cut_by_the_row_it_was_found_in() {
    // The row was made after the delete, so what was found in it stands, though its stamp is below all.
    let made = version(3, 1, &[("name", "nut")]);
    let mut found = made.clone();
    found.take(
        &"colour".into(),
        &Dotted::here(Dot::of(&made.head).found(origin(4), 9), text("grey")),
    );
    assert_eq!(shows(&of_three(&found, &tombstone(2, 2), &made)), "colour=grey name=nut");
    assert_eq!(shows(&combine(&found, &tombstone(4, 2))), "");
}

#[test]
fn a_migration_never_beats_a_person() {
    let row = version(9, 1, &[("name", "nut")]);
    let mut filled = row.clone();
    filled.take(
        &"colour".into(),
        &Dotted::here(Dot::of(&row.head).found(origin(1), 10), text("grey")),
    );
    let person = version(2, 2, &[("name", "nut"), ("colour", "red")]);
    assert_eq!(shows(&of_three(&row, &filled, &person)), "colour=red name=nut");
}

#[test]
fn a_written_and_a_found_cell_have_a_place_each() {
    // A written cell over a found one, then a tombstone that cuts the one and not the other.
    let base = version(3, 1, &[("name", "nut")]);
    let mut found = base.clone();
    found.take(
        &"colour".into(),
        &Dotted::here(Dot::of(&base.head).found(origin(1), 4), text("grey")),
    );
    let written = version(1, 2, &[("colour", "red")]);
    assert_eq!(shows(&combine(&found, &written)), "colour=red name=nut");
    assert_eq!(shows(&of_three(&found, &written, &tombstone(2, 5))), "colour=grey name=nut");
}

#[test]
fn a_missing_value_is_never_given() {
    let whole = version(1, 1, &[("name", "nut"), ("note", "steel")]);
    let relayed = whole.clone().each(|name, cell| if name == "note" { cell.gone() } else { cell });
    assert_eq!(shows(&relayed), "name=nut note missing");
    assert_eq!(shows(&combine(&relayed, &whole)), "name=nut note=steel");
    assert_eq!(shows(&combine(&whole, &relayed)), "name=nut note=steel");
}

#[test]
fn of_a_missing_value_the_last_known_is_shown() {
    let lost = version(5, 2, &[("name", "nut"), ("note", "brass")])
        .each(|name, cell| if name == "note" { cell.gone() } else { cell });
    let known = version(1, 1, &[("name", "nut"), ("note", "steel")]);
    assert_eq!(shows(&combine(&lost, &known)), "name=nut note was steel");
    assert_eq!(shows(&combine(&combine(&lost, &known), &known)), "name=nut note was steel");
}

#[test]
fn plain_versions_of_one_shape_combine_as_they_merge() {
    let one = version(1, 1, &[("name", "nut")]);
    let two = version(2, 2, &[("name", "bolt")]);
    assert_eq!(combine(&one, &two), two);
    assert_eq!(combine(&two, &tombstone(3, 3)), tombstone(3, 3));
    assert!(combine(&one, &two).is_plain());
}

#[test]
fn knowledge_has_to_cover_every_dot_of_a_state() {
    let old = version(1, 1, &[("note", "steel")]);
    let state = of_three(&old, &tombstone(0, 5), &version(2, 2, &[("name", "bolt")]));
    let mut of: Vec<u64> = state.dots().map(|dot| dot.seq).collect();
    of.sort_unstable();
    of.dedup();
    assert_eq!(of, [0, 1, 2], "the tombstone that lost, the cell beside, the version itself");
}

const COLUMNS: [&str; 3] = ["a", "b", "c"];

prop_compose! {
    /// A version or a tombstone of a short history: dots are unique, and some cells were carried on from the past.
    fn one(time: i64)(
        dead in proptest::bool::weighted(0.2),
        shape in proptest::collection::vec((any::<bool>(), 0i64..3, any::<bool>()), 3),
    ) -> State {
        let who = u8::try_from(time % 3).unwrap();
        if dead {
            return tombstone(time, who);
        }
        let of = head(time, who, false);
        let mut state = State::plain(of.clone(), &Cells::default());
        for (column, (has, back, found)) in COLUMNS.iter().zip(shape) {
            // A carried cell is that of the version which wrote it.
            let wrote = (time - back).max(1);
            let dot = Dot::of(&head(wrote, u8::try_from(wrote % 3).unwrap(), false));
            if has {
                state.own.insert((*column).into(), Dotted::here(dot, text(&format!("{column}{wrote}"))));
            } else if found {
                let dot = Dot::of(&of).found(of.origin, of.seq);
                state.take(&Arc::from(*column), &Dotted::here(dot, text(&format!("{column} found {time}"))));
            }
        }
        state
    }
}

fn history() -> impl Strategy<Value = Vec<State>> {
    (one(1), one(2), one(3), one(4)).prop_map(|(a, b, c, d)| vec![a, b, c, d])
}

/// Without what is only remembered of values that went: each machine remembers what it has met.
fn dots(state: &State) -> Vec<(Arc<str>, Dot)> {
    state.cells().into_iter().map(|(name, cell)| (Arc::clone(name), cell.dot)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn join_is_a_least_upper_bound(all in history(), order in Just(vec![0usize, 1, 2, 3]).prop_shuffle()) {
        let states: Vec<&State> = order.iter().map(|&at| &all[at]).collect();
        let straight = all.iter().skip(1).fold(all[0].clone(), |sum, next| combine(&sum, next));
        let shuffled = states.iter().skip(1).fold(states[0].clone(), |sum, next| combine(&sum, next));
        prop_assert_eq!(&straight, &shuffled);
        let pairs = combine(&combine(states[0], states[1]), &combine(states[2], states[3]));
        prop_assert_eq!(&straight, &pairs);
        for one in &all {
            prop_assert_eq!(&combine(&straight, one), &straight, "what is known already changes nothing");
        }
    }

    #[test]
    fn what_went_changes_no_dot(all in history(), gone in 0usize..4, column in 0usize..3) {
        let lossy = all[gone].clone().each(|name, cell| if name == COLUMNS[column] { cell.gone() } else { cell });
        let sum = |states: &[&State]| {
            states.iter().skip(1).fold(states[0].clone(), |sum, next| combine(&sum, next))
        };
        let [a, b, c, d] = [0, 1, 2, 3].map(|at| if at == gone { &lossy } else { &all[at] });
        prop_assert_eq!(dots(&sum(&[a, b, c, d])), dots(&sum(&[d, c, b, a])));
        let whole: Vec<&State> = all.iter().collect();
        prop_assert_eq!(dots(&sum(&[a, b, c, d])), dots(&sum(&whole)));
        // Asked of somebody who has it, nothing is missing any more, but what the history itself never had.
        let mended = combine(&sum(&[a, b, c, d]), &all[gone]);
        prop_assert_eq!(dots(&mended), dots(&sum(&whole)));
    }
}
