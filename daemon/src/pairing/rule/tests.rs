//! Runs, from the first message to trust or not.

use dunlin_rpc::Pin;
use proptest::prelude::*;

use super::*;

const NOW: Duration = Duration::from_secs(1_000);

fn bind() -> Bind {
    Bind { exporter: [1; 32], asking: Pin([2; 32]), answering: Pin([3; 32]) }
}

fn later(seconds: u64) -> Duration {
    NOW + Duration::from_secs(seconds)
}

/// Two honest machines on one connection, up to the numbers on both screens.
struct Two {
    a: Run,
    b: Run,
}

impl Two {
    fn new() -> Self {
        let (na, nb) = ([4; 32], [5; 32]);
        let mut a = Run::asking(bind(), na, NOW);
        let mut b = Run::answering(bind(), nb, Side::Answering, NOW);
        let begun = Event::Begun(bind().commit(&nb), Side::Answering);
        assert_eq!(a.on(begun, NOW), Step::Nonce(na));
        assert_eq!(b.on(Event::Nonce(na), NOW), Step::Nonce(nb));
        assert_eq!(a.on(Event::Nonce(nb), NOW), Step::Ask);
        Self { a, b }
    }

    fn run(&mut self, side: Side) -> &mut Run {
        match side {
            Side::Asking => &mut self.a,
            Side::Answering => &mut self.b,
        }
    }

    /// A person on this side types the number of that side's screen.
    fn types(&mut self, side: Side, screen: Side) -> Step {
        let number = self.run(screen).own().unwrap();
        self.run(side).on(Event::Typed(number), NOW)
    }
}

use Side::{Answering as B, Asking as A};

#[test]
fn two_people_who_type_each_others_number_make_partners() {
    // Whoever is first.
    for order in [[A, B], [B, A]] {
        let mut two = Two::new();
        for side in order {
            assert_eq!(two.types(side, side.other()), Step::Sure);
        }
        assert_eq!(two.b.on(Event::Word, NOW), Step::Nothing);
        assert_eq!(two.a.on(Event::Word, NOW), Step::Trust);
        assert_eq!(two.b.on(Event::Roster, NOW), Step::Trust);
        assert!(two.b.we_let_in() && !two.a.we_let_in());
        for side in order {
            let paired = Step::Ended(End::Paired);
            assert_eq!(two.run(side).on(Event::Stored(Ok(())), NOW), paired);
        }
    }
}

#[test]
fn typing_ones_own_number_is_an_error_and_is_called_so() {
    for side in [A, B] {
        let mut two = Two::new();
        assert_eq!(two.types(side, side), Step::Wrong);
        assert_eq!((two.run(side).slip(), two.run(side).tries_left()), (Some(Slip::Own), 2));
        assert_eq!(two.types(side, side), Step::Wrong);
        assert_eq!(two.types(side, side), Step::Ended(End::DigitsDiffer));
        // It is over, also for the right number.
        assert_eq!(two.run(side).on(Event::Word, NOW), Step::Ended(End::DigitsDiffer));
        assert_eq!(two.run(side).own().map(|own| own.digits()), None, "and not shown any more");
    }
}

#[test]
fn three_wrong_numbers_end_it_and_two_do_not() {
    let wrong = Number::parse("000000").unwrap();
    for side in [A, B] {
        let mut two = Two::new();
        for left in [2, 1] {
            assert_eq!(two.run(side).on(Event::Typed(wrong), NOW), Step::Wrong);
            assert_eq!(two.run(side).tries_left(), left);
            assert_eq!(two.run(side).slip(), Some(Slip::Other));
        }
        let mut good = two.run(side).clone();
        let differ = Step::Ended(End::DigitsDiffer);
        assert_eq!(two.run(side).on(Event::Typed(wrong), NOW), differ);
        let right = two.run(side.other()).own().unwrap();
        assert_eq!(two.run(side).on(Event::Typed(right), NOW), differ);
        assert_eq!(good.on(Event::Typed(right), NOW), Step::Sure);
        assert_eq!(good.slip(), None);
    }
}

#[test]
fn a_side_that_is_sure_waits_for_the_other_and_trusts_nothing_before() {
    let mut two = Two::new();
    assert_eq!(two.types(B, A), Step::Sure);
    // A's statements without A's word: out of turn.
    assert_eq!(two.b.clone().on(Event::Roster, NOW), Step::Ended(End::Refused));
    // A's word without B's own person.
    let mut two = Two::new();
    assert_eq!(two.b.on(Event::Word, NOW), Step::Nothing);
    assert_eq!(two.b.on(Event::Roster, NOW), Step::Ended(End::Refused));
    // A word for A, which gave none.
    assert_eq!(two.a.on(Event::Word, NOW), Step::Ended(End::Refused));
}

#[test]
fn what_comes_out_of_turn_ends_the_run() {
    let nonce = || Event::Nonce([5; 32]);
    let begun = || Event::Begun(bind().commit(&[5; 32]), B);
    let word = || Event::Word;
    let roster = || Event::Roster;
    let start = |side| match side {
        A => Run::asking(bind(), [4; 32], NOW),
        B => Run::answering(bind(), [5; 32], B, NOW),
    };
    for (side, before, event) in [
        (A, vec![], nonce()),
        (A, vec![], word()),
        (A, vec![begun()], begun()),
        (A, vec![begun()], word()),
        (A, vec![begun(), nonce()], nonce()),
        (A, vec![begun(), nonce()], roster()),
        (B, vec![], begun()),
        (B, vec![], word()),
        (B, vec![], roster()),
        // B takes one nonce only: a second would be a second draw.
        (B, vec![nonce()], nonce()),
        (B, vec![nonce(), word()], word()),
        (B, vec![nonce(), word()], roster()),
        (B, vec![nonce()], Event::Stored(Ok(()))),
    ] {
        let mut run = start(side);
        for event in before.clone() {
            let step = run.on(event, NOW);
            assert!(!matches!(step, Step::Ended(_)), "{side:?} {before:?}: {step:?}");
        }
        let step = run.on(event.clone(), NOW);
        assert_eq!(step, Step::Ended(End::Refused), "{side:?} after {before:?}: {event:?}");
    }
}

#[test]
fn a_nonce_that_was_not_committed_to_is_refused_also_when_it_makes_the_number_that_is_wanted() {
    // Somebody in between is B towards A. He knows what the true B shows its person, and looks for
    // a nonce that makes A's screen agree with it, at least at its end.
    let mut run = Run::asking(bind(), [4; 32], NOW);
    let commit = bind().commit(&[5; 32]);
    let Step::Nonce(na) = run.on(Event::Begun(commit, B), NOW) else { panic!("no nonce") };
    let wanted = "042";
    let found = (0_u32..100_000).find_map(|n| {
        let mut nonce = [0; 32];
        nonce[..4].copy_from_slice(&n.to_be_bytes());
        bind().number(A, &na, &nonce).digits().ends_with(wanted).then_some(nonce)
    });
    let step = run.on(Event::Nonce(found.unwrap()), NOW);
    assert_eq!(step, Step::Ended(End::DigitsDiffer));
    assert_eq!(run.own().map(|own| own.digits()), None, "nothing was shown");
}

#[test]
fn the_clock_ends_a_run_two_minutes_after_it_began_and_a_silent_program_after_ten_seconds() {
    let timed_out = Step::Ended(End::TimedOut);
    let mut run = Run::asking(bind(), [4; 32], NOW);
    assert_eq!(run.clone().on(Event::Tick, later(9)), Step::Nothing);
    assert_eq!(run.on(Event::Tick, later(10)), timed_out);
    let mut run = Run::answering(bind(), [5; 32], B, NOW);
    assert_eq!(run.on(Event::Nonce([4; 32]), later(10)), timed_out, "a late answer");

    let mut two = Two::new();
    let right = two.b.own().unwrap();
    assert_eq!(two.a.clone().on(Event::Typed(right), later(119)), Step::Sure);
    assert_eq!(two.a.on(Event::Typed(right), later(120)), timed_out, "typed too late");
    // The word comes too late, though both are sure.
    let mut two = Two::new();
    two.types(A, B);
    two.types(B, A);
    assert_eq!(two.a.on(Event::Word, later(120)), timed_out);
    assert_eq!(two.b.on(Event::Word, later(120)), timed_out);
    // What both agreed on in time is not taken back while a slow disk stores it.
    let mut two = Two::new();
    two.types(A, B);
    assert_eq!(two.a.on(Event::Word, later(119)), Step::Trust);
    assert_eq!(two.a.on(Event::Tick, later(500)), Step::Nothing);
    assert_eq!(two.a.on(Event::Over(End::Left), later(500)), Step::Nothing);
    assert_eq!(two.a.on(Event::Stored(Ok(())), later(500)), Step::Ended(End::Paired));
}

#[test]
fn who_lets_in_follows_from_who_is_alone_and_who_is_a_keeper() {
    let party = |shop: u8, alone, keeper| Party { shop: Sum([shop; 32]), alone, keeper };
    let alone = |shop| party(shop, true, true);
    let keeper = |shop| party(shop, false, true);
    let member = |shop| party(shop, false, false);
    // A machine whose own shop has forgotten it is alone and no keeper.
    let lost = |shop| party(shop, true, false);
    for (a, b, wanted) in [
        (alone(1), alone(2), Ok(B)),
        (alone(1), keeper(2), Ok(B)),
        (keeper(1), alone(2), Ok(A)),
        (alone(1), member(2), Err(End::NotAKeeper)),
        (member(1), alone(2), Err(End::NotAKeeper)),
        (keeper(1), keeper(2), Err(End::BothInAShop)),
        (member(1), member(2), Err(End::BothInAShop)),
        (keeper(1), keeper(1), Err(End::SameShop)),
        (member(1), keeper(1), Err(End::SameShop)),
        // One that lost its way into the very shop may be let in again.
        (lost(1), keeper(1), Ok(B)),
        (keeper(1), lost(1), Ok(A)),
        (lost(1), alone(2), Ok(B)),
        (alone(1), lost(2), Ok(A)),
        (lost(1), lost(2), Err(End::NotAKeeper)),
    ] {
        assert_eq!(lets_in(a, b), wanted, "{a:?} {b:?}");
    }
}

const ENDS: [End; 18] = [
    End::Paired,
    End::Refused,
    End::Busy,
    End::NotOpen,
    End::DigitsDiffer,
    End::TimedOut,
    End::Cancelled,
    End::Left,
    End::Unfinished,
    End::Crossed,
    End::BothInAShop,
    End::SameShop,
    End::NotAKeeper,
    End::Forgotten,
    End::ShopFull,
    End::OtherProtocol,
    End::Unreachable,
    End::Ourselves,
];

#[test]
fn every_end_has_a_word_and_a_sentence_of_its_own() {
    let distinct = |texts: Vec<&str>| {
        texts.iter().collect::<std::collections::BTreeSet<_>>().len() == ENDS.len()
    };
    assert!(distinct(ENDS.map(End::word).to_vec()));
    assert!(distinct(ENDS.map(End::sentence).to_vec()));
    for end in ENDS {
        // What one side is told, the other means; or it knows no more than that it was refused.
        let heard = End::told(end.code());
        let vague = matches!(
            end,
            End::Paired | End::Left | End::Unfinished | End::Unreachable | End::Ourselves
        );
        match end {
            End::Cancelled => assert_eq!(heard, End::Left),
            _ if vague => assert_eq!(heard, End::Refused),
            _ => assert_eq!(heard, end),
        }
    }
}

/// What may happen, in any order: hostile, mistaken or right.
#[derive(Debug, Clone)]
enum Chance {
    Begun(bool),
    Nonce(bool),
    Right,
    Own,
    Wrong,
    Word,
    Roster,
    Stored(bool),
    Left,
    Wait(u8),
}

fn chance() -> impl Strategy<Value = Chance> {
    prop_oneof![
        4 => prop::bool::weighted(0.9).prop_map(Chance::Begun),
        6 => prop::bool::weighted(0.9).prop_map(Chance::Nonce),
        6 => Just(Chance::Right),
        2 => Just(Chance::Own),
        2 => Just(Chance::Wrong),
        6 => Just(Chance::Word),
        6 => Just(Chance::Roster),
        2 => any::<bool>().prop_map(Chance::Stored),
        1 => Just(Chance::Left),
        2 => (0_u8..90).prop_map(Chance::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_events_reaches_trust_unless_this_side_is_sure_and_has_the_others_word(
        is_asking: bool,
        chances in prop::collection::vec(chance(), 1..24),
    ) {
        let (na, nb) = ([4; 32], [5; 32]);
        let mut now = NOW;
        let mut run = if is_asking {
            Run::asking(bind(), na, now)
        } else {
            Run::answering(bind(), nb, B, now)
        };
        let theirs = if is_asking { nb } else { na };
        // The two screens, worked out beside the run.
        let screen = |side| bind().number(side, &na, &nb);
        let (mine, other) = if is_asking { (A, B) } else { (B, A) };
        let (mut showed, mut sure, mut word, mut wrong) = (false, false, false, 0);
        for chance in chances {
            let open = run.ended().is_none();
            let event = match chance {
                Chance::Begun(good) => {
                    Event::Begun(bind().commit(if good { &nb } else { &[9; 32] }), B)
                }
                Chance::Nonce(good) => Event::Nonce(if good { theirs } else { [8; 32] }),
                Chance::Right => Event::Typed(screen(other)),
                Chance::Own => Event::Typed(screen(mine)),
                Chance::Wrong => Event::Typed(Number::parse("111111").unwrap()),
                Chance::Word => Event::Word,
                Chance::Roster => Event::Roster,
                Chance::Stored(good) => Event::Stored(good.then_some(()).ok_or(End::Refused)),
                Chance::Left => Event::Over(End::Left),
                Chance::Wait(seconds) => {
                    now += Duration::from_secs(seconds.into());
                    Event::Tick
                }
            };
            if let (Event::Typed(typed), true) = (&event, showed && open && !sure) {
                // With a nonce of its own making the other side has other screens than these.
                let expected = run.own().is_some_and(|own| bool::from(own.same(&screen(mine))));
                let is_right = expected && bool::from(typed.same(&screen(other)));
                sure |= is_right && now < NOW + RUN;
                wrong += u8::from(!is_right);
            }
            word |= matches!(event, Event::Word) && open && showed;
            let step = run.on(event, now);
            showed |= run.own().is_some();
            let trusts = matches!(step, Step::Trust | Step::Ended(End::Paired)) || run.is_trusting();
            if trusts {
                prop_assert!(sure && word, "sure {sure}, word {word}");
                prop_assert!(wrong < TRIES);
            }
        }
    }
}
