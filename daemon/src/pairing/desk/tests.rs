//! Openings, and who gets a run.

use dunlin_rpc::Identity;
use proptest::prelude::*;

use super::super::rule::TRIES;
use super::*;

const NOW: Duration = Duration::from_secs(1_000);

fn later(seconds: u64) -> Duration {
    NOW + Duration::from_secs(seconds)
}

/// A caller with this key; our pin is in the middle of theirs.
fn caller(key: u8) -> Caller {
    let key = PublicKey([key; 32]);
    Caller { key, bind: bind(key.pin(), us()) }
}

fn bind(asking: Pin, answering: Pin) -> Bind {
    Bind { exporter: [1; 32], asking, answering }
}

fn us() -> Pin {
    PublicKey([200; 32]).pin()
}

/// A key whose pin is lower, or higher, than ours.
fn key(is_lower: bool) -> u8 {
    (1..100).find(|key| (PublicKey([*key; 32]).pin() < us()) == is_lower).unwrap()
}

/// Lets a caller begin a run.
fn answer(desk: &mut Desk, key: u8, now: Duration) -> Result<u64, End> {
    let answered = desk.answer(&caller(key), [5; 32], Side::Answering, "x".to_owned(), now);
    answered.map(|(run, _)| run)
}

/// A run that got as far as numbers.
fn numbers(desk: &mut Desk, key: u8, now: Duration) -> u64 {
    let run = answer(desk, key, now).unwrap();
    assert!(matches!(desk.on(run, Event::Nonce([4; 32]), now), Step::Nonce(_)));
    run
}

#[test]
fn a_machine_is_closed_until_a_person_opens_it_and_five_minutes_later() {
    let mut desk = Desk::default();
    assert!(!desk.is_open(NOW));
    assert_eq!(answer(&mut desk, 1, NOW), Err(End::NotOpen));
    desk.open(NOW).unwrap();
    assert!(desk.is_open(later(299)));
    assert_eq!(desk.view(later(299)).state, "open");
    assert!(!desk.is_open(later(300)));
    assert_eq!(answer(&mut desk, 1, later(300)), Err(End::NotOpen));
    let view = desk.view(later(300));
    assert_eq!((view.state, view.ended.unwrap().end), ("closed", End::TimedOut));
    // A run that began in time may end in its own.
    desk.open(NOW).unwrap();
    let run = numbers(&mut desk, 1, later(290));
    assert!(desk.is_open(later(400)));
    assert_eq!(desk.view(later(400)).state, "numbers");
    assert_eq!(desk.on(run, Event::Tick, later(410)), Step::Ended(End::TimedOut));
    assert!(!desk.is_open(later(410)));
}

#[test]
fn of_twenty_callers_at_once_one_gets_a_run_and_the_others_hear_busy() {
    let mut desk = Desk::default();
    desk.open(NOW).unwrap();
    let told: Vec<_> = (1..=20).map(|key| answer(&mut desk, key, NOW)).collect();
    assert_eq!(told.iter().filter(|told| told.is_ok()).count(), 1);
    assert_eq!(told.iter().filter(|told| **told == Err(End::Busy)).count(), 19);
    // Nor does a person begin another here.
    assert_eq!(desk.open(NOW), Err(End::Busy));
    assert_eq!(desk.pick(None, NOW), Err(End::Busy));
}

#[test]
fn three_runs_with_numbers_close_an_opening_however_they_ended() {
    let mut desk = Desk::default();
    desk.open(NOW).unwrap();
    // Whoever begins and hangs up before there are numbers has learned nothing, and is not counted.
    for _ in 0..10 {
        let run = answer(&mut desk, 1, NOW).unwrap();
        desk.on(run, Event::Over(End::Left), NOW);
        assert!(desk.is_open(NOW));
    }
    let wrong = Number::parse("000000").unwrap();
    for (at, last) in
        [Event::Over(End::Left), Event::Word, Event::Typed(wrong)].into_iter().enumerate()
    {
        assert!(desk.is_open(NOW), "{at}");
        let run = numbers(&mut desk, 1, NOW);
        for _ in 0..TRIES {
            desk.on(run, last.clone(), NOW);
        }
    }
    assert!(!desk.is_open(NOW));
    assert_eq!(desk.view(NOW).ended.unwrap().end, End::DigitsDiffer);
    // A person may open again.
    desk.open(NOW).unwrap();
    assert!(answer(&mut desk, 1, NOW).is_ok());
}

#[test]
fn who_picked_a_machine_is_open_for_that_one_alone() {
    let mut desk = Desk::default();
    let picked = caller(key(true));
    let opening = desk.pick(Some(picked.key.machine_id()), NOW).unwrap();
    let stranger = (1..100).find(|other| *other != key(true)).unwrap();
    assert_eq!(answer(&mut desk, stranger, NOW), Err(End::NotOpen));
    assert!(answer(&mut desk, key(true), NOW).is_ok());
    // By address alone it is known once it has answered there.
    let mut desk = Desk::default();
    let opening = desk.pick(None, NOW).unwrap().max(opening);
    assert_eq!(answer(&mut desk, key(true), NOW), Err(End::NotOpen));
    desk.learn(opening, picked.key.pin());
    assert_eq!(answer(&mut desk, stranger, NOW), Err(End::NotOpen));
    assert!(answer(&mut desk, key(true), NOW).is_ok());
}

#[test]
fn when_both_press_at_once_the_call_of_the_lower_pin_stands() {
    for is_lower in [true, false] {
        let theirs = caller(key(is_lower));
        let id = Some(theirs.key.machine_id());
        // Our own call is on its way.
        let mut desk = Desk::default();
        let opening = desk.pick(id, NOW).unwrap();
        let outgoing = bind(us(), theirs.key.pin());
        let ours = desk.ask(opening, outgoing, [4; 32], NOW).unwrap();
        let came = answer(&mut desk, key(is_lower), NOW);
        let step = desk.on(ours, Event::Begun(outgoing.commit(&[5; 32]), Side::Answering), NOW);
        if is_lower {
            assert!(came.is_ok());
            assert_eq!(step, Step::Ended(End::Crossed), "ours gave way");
        } else {
            assert_eq!(came, Err(End::Crossed));
            assert!(matches!(step, Step::Nonce(_)), "ours stands");
            // From here on it is a run like any other.
            assert_eq!(answer(&mut desk, key(is_lower), NOW), Err(End::Busy));
        }
        // Our own call goes out again in a moment.
        let mut desk = Desk::default();
        let opening = desk.pick(id, NOW).unwrap();
        let came = answer(&mut desk, key(is_lower), NOW);
        assert_eq!(came.is_ok(), is_lower);
        assert_eq!(desk.take_hurry(), !is_lower);
        assert_eq!(desk.is_waiting(opening, NOW), !is_lower);
        // Whoever opened and called nobody answers whoever comes.
        let mut desk = Desk::default();
        desk.open(NOW).unwrap();
        assert!(answer(&mut desk, key(is_lower), NOW).is_ok());
    }
}

#[test]
fn a_call_that_was_crossed_waits_ten_seconds_for_the_one_that_stands() {
    let mut desk = Desk::default();
    let theirs = caller(key(true));
    let opening = desk.pick(Some(theirs.key.machine_id()), NOW).unwrap();
    let run = desk.ask(opening, bind(us(), theirs.key.pin()), [4; 32], NOW).unwrap();
    desk.on(run, Event::Over(End::Crossed), NOW);
    desk.crossed(opening, NOW);
    assert!(desk.is_open(later(9)));
    assert!(answer(&mut desk, key(true), later(9)).is_ok());

    let mut desk = Desk::default();
    let opening = desk.pick(None, NOW).unwrap();
    desk.crossed(opening, NOW);
    assert_eq!(desk.view(later(10)).ended.unwrap().end, End::Crossed);
}

#[test]
fn a_call_is_repeated_while_the_other_is_not_open_and_never_after_numbers() {
    let mut desk = Desk::default();
    let theirs = caller(key(false));
    let opening = desk.pick(Some(theirs.key.machine_id()), NOW).unwrap();
    let outgoing = bind(us(), theirs.key.pin());
    for _ in 0..10 {
        let run = desk.ask(opening, outgoing, [4; 32], NOW).unwrap();
        desk.on(run, Event::Over(End::NotOpen), NOW);
        assert_eq!(desk.view(NOW).state, "calling");
    }
    let run = desk.ask(opening, outgoing, [4; 32], NOW).unwrap();
    desk.on(run, Event::Begun(outgoing.commit(&[5; 32]), Side::Answering), NOW);
    assert_eq!(desk.on(run, Event::Nonce([5; 32]), NOW), Step::Ask);
    desk.on(run, Event::Over(End::NotOpen), NOW);
    assert!(!desk.is_open(NOW));
    assert!(!desk.is_waiting(opening, NOW));
    // Nor for ever.
    let opening = desk.pick(None, NOW).unwrap();
    assert!(!desk.is_waiting(opening, later(300)));
    assert_eq!(desk.view(later(300)).ended.unwrap().end, End::NotOpen);
}

#[test]
fn calling_it_off_ends_the_run_and_closes_the_machine() {
    let mut desk = Desk::default();
    desk.open(NOW).unwrap();
    desk.cancel(NOW);
    assert_eq!(desk.view(NOW).ended.unwrap().end, End::Cancelled);
    desk.open(NOW).unwrap();
    let run = numbers(&mut desk, 1, NOW);
    desk.cancel(NOW);
    assert!(!desk.is_open(NOW));
    assert_eq!(desk.on(run, Event::Word, NOW), Step::Ended(End::Cancelled));
    let ended = desk.view(NOW).ended.unwrap();
    assert_eq!((ended.end, ended.name.as_deref()), (End::Cancelled, Some("x")));
}

#[test]
fn nobody_pairs_with_itself() {
    let key = Identity::generate().unwrap().public_key();
    let ourselves = Caller { key, bind: bind(key.pin(), key.pin()) };
    let mut desk = Desk::default();
    desk.open(NOW).unwrap();
    assert_eq!(desk.may_answer(&ourselves, NOW), Err(End::Ourselves));
}

proptest! {
    #[test]
    fn what_another_connection_says_never_counts_for_this_one(
        events in prop::collection::vec((0_u8..6, any::<bool>()), 1..40),
    ) {
        let mut desk = Desk::default();
        desk.open(NOW).unwrap();
        let stale = numbers(&mut desk, 1, NOW);
        desk.on(stale, Event::Over(End::Left), NOW);
        let run = numbers(&mut desk, 2, NOW);
        let c = caller(2);
        let theirs = c.bind.number(Side::Asking, &[4; 32], &[5; 32]);
        let (mut sure, mut word) = (false, false);
        for (what, is_this) in events {
            let event = match what {
                0 => Event::Typed(theirs),
                1 | 2 => Event::Word,
                3 => Event::Roster,
                4 => Event::Stored(Ok(())),
                _ => Event::Tick,
            };
            let open = desk.run() == Some(run);
            sure |= is_this && open && what == 0;
            word |= is_this && open && (what == 1 || what == 2);
            let step = desk.on(if is_this { run } else { stale }, event, NOW);
            let trusts = matches!(step, Step::Trust | Step::Ended(End::Paired));
            prop_assert!(!trusts || (is_this && sure && word));
            prop_assert!(desk.view(NOW).state != "trusting" || (sure && word));
        }
    }
}
