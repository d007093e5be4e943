//! What a person does to the roster, and what is refused before it is signed.

use super::super::tests::Machine;
use super::*;
use dunlin_rpc::wire::join::Statement;

type Act<'a> = &'a dyn Fn(&mut Roster, Signer<'_>) -> Result<Merged, Error>;

fn act(machine: &mut Machine, act: Act<'_>) -> Result<Merged, Error> {
    act(&mut machine.roster, Signer { identity: &machine.identity, at: 7 })
}

/// Everybody holds all statements of everybody.
fn meet(machines: &mut [&mut Machine]) {
    let all: Vec<Statement> =
        machines.iter().flat_map(|machine| machine.roster.statements()).collect();
    for machine in machines {
        machine.roster.merge(&all, None).unwrap();
    }
}

/// Anna founds, lets Bert in, who lets Carl in.
fn three() -> [Machine; 3] {
    let [mut anna, mut bert, mut carl] = ["anna", "bert", "carl"].map(Machine::new);
    anna.take_in(&mut bert, Role::Keeper);
    bert.take_in(&mut carl, Role::Keeper);
    meet(&mut [&mut anna, &mut bert, &mut carl]);
    [anna, bert, carl]
}

fn all(machine: &Machine, of: PublicKey) -> BTreeSet<Sum> {
    machine.roster.let_in_by(of).into_iter().map(|entry| entry.id).collect()
}

#[test]
fn a_keeper_forgets_a_machine_and_keeps_those_that_it_let_in() {
    let [mut anna, bert, carl] = three();
    let guests = anna.roster.let_in_by(bert.key());
    assert_eq!(guests.iter().map(|guest| guest.who.key).collect::<Vec<_>>(), [carl.key()]);
    assert!(guests[0].is_member);
    let (of, keep) = (bert.key(), all(&anna, bert.key()));
    let merged = act(&mut anna, &|roster, signer| roster.forget(signer, of, &keep, "")).unwrap();
    assert_eq!(merged.gone.iter().map(|gone| gone.key).collect::<Vec<_>>(), [of]);
    assert!(anna.roster.members().is_out(of));
    assert!(anna.roster.members().is_keeper(carl.key()));
    let us = anna.roster.standing(of);
    assert!(matches!(us, Standing::Forgotten { at: 7, .. }), "{us:?}");
}

#[test]
fn whom_a_forgotten_machine_let_in_and_nobody_keeps_is_lost_until_it_is_let_in_again() {
    let [mut anna, bert, carl] = three();
    let (of, lost) = (bert.key(), carl.key());
    let none = BTreeSet::new();
    let merged = act(&mut anna, &|roster, signer| roster.forget(signer, of, &none, "")).unwrap();
    assert_eq!(merged.gone.len(), 2);
    let named: Vec<PublicKey> = anna.roster.members().lost().map(|member| member.key).collect();
    assert_eq!((named, anna.roster.standing(lost)), (vec![lost], Standing::Lost));
    act(&mut anna, &|roster, signer| roster.let_in_again(signer, lost, Role::Member)).unwrap();
    assert_eq!(anna.roster.standing(lost), Standing::Member(Role::Member));
    assert_eq!(anna.roster.members().lost().count(), 0);
    // Who is out does not come back that way.
    let again = act(&mut anna, &|roster, signer| roster.let_in_again(signer, of, Role::Member));
    assert!(matches!(again, Err(Error::Forgotten)));
}

#[test]
fn a_forget_that_would_put_its_signer_out_is_refused_and_says_whom_to_keep() {
    let [anna, mut bert, mut carl] = three();
    let (founder, middle) = (anna.key(), bert.key());
    let none = BTreeSet::new();
    let refused = act(&mut carl, &|roster, signer| roster.forget(signer, middle, &none, ""));
    let Err(Error::WouldPutUsOut { keep }) = refused else { panic!("{refused:?}") };
    assert_eq!(keep, "guest", "the name under which it was let in");
    // Carl stands by way of Bert, whom Anna let in.
    let refused = act(&mut carl, &|roster, signer| roster.forget(signer, founder, &none, ""));
    assert!(matches!(refused, Err(Error::WouldPutUsOut { .. })));
    assert_eq!(carl.roster.members().len(), 3);
    let keep = all(&bert, founder);
    act(&mut bert, &|roster, signer| roster.forget(signer, founder, &keep, "")).unwrap();
    assert_eq!(bert.roster.members().len(), 2);
}

#[test]
fn only_a_keeper_forgets_and_nobody_forgets_itself() {
    let [mut anna, mut bert] = ["anna", "bert"].map(Machine::new);
    anna.take_in(&mut bert, Role::Member);
    let (one, other) = (anna.key(), bert.key());
    let none = BTreeSet::new();
    let refused = act(&mut bert, &|roster, signer| roster.forget(signer, one, &none, ""));
    assert!(matches!(refused, Err(Error::NotKeeperToForget)));
    let refused = act(&mut anna, &|roster, signer| roster.forget(signer, one, &none, ""));
    assert!(matches!(refused, Err(Error::Ourselves)));
    let refused = act(&mut bert, &|roster, signer| roster.promote(signer, other));
    assert!(matches!(refused, Ok(Merged { .. })) || matches!(refused, Err(Error::NotKeeper)));
    assert!(!bert.roster.members().is_keeper(other));
}

#[test]
fn the_last_keeper_stays_until_it_has_made_another() {
    let [mut anna, mut bert] = ["anna", "bert"].map(Machine::new);
    let alone = act(&mut anna, &Roster::leave);
    assert!(matches!(alone, Err(Error::Alone)));
    anna.take_in(&mut bert, Role::Member);
    let (us, other) = (anna.key(), bert.key());
    let refused = act(&mut anna, &Roster::leave).unwrap_err();
    assert!(refused.to_string().contains("dunlin partners promote"), "{refused}");
    let promoted = act(&mut anna, &|roster, signer| roster.promote(signer, other)).unwrap();
    assert_eq!(promoted.joined.iter().map(|one| one.role).collect::<Vec<_>>(), [Role::Keeper]);
    let again = act(&mut anna, &|roster, signer| roster.promote(signer, other)).unwrap();
    assert!(again.new.is_empty(), "a second word would say nothing new");
    act(&mut anna, &Roster::leave).unwrap();
    assert_eq!(anna.roster.standing(us), Standing::Left);
    meet(&mut [&mut anna, &mut bert]);
    // Whom it let in stays, and it may join elsewhere.
    assert!(bert.roster.members().is_keeper(other) && bert.roster.members().is_out(us));
    let mut carl = Machine::new("carl");
    carl.take_in(&mut anna, Role::Member);
    assert_eq!(anna.roster.shop(), carl.roster.shop());
    let gone = act(&mut bert, &Roster::leave);
    assert!(matches!(gone, Err(Error::Alone)));
}

#[test]
fn a_machine_leaves_once() {
    let [mut anna, mut bert] = ["anna", "bert"].map(Machine::new);
    anna.take_in(&mut bert, Role::Keeper);
    act(&mut bert, &Roster::leave).unwrap();
    let again = act(&mut bert, &Roster::leave);
    assert!(matches!(again, Err(Error::NotAMember)));
}

#[test]
fn a_new_shop_has_this_machine_alone_and_keeps_the_old_roster_aside() {
    let [mut anna, mut bert, _carl] = three();
    let old = anna.roster.statements();
    for n in 1..=2 {
        let signer = Signer { identity: &anna.identity, at: 7 };
        let aside = anna.roster.renew(signer, "anna", "2026-11-20").unwrap();
        assert_eq!(aside, format!("roster.2026-11-20.{n}.jsonl"));
    }
    let kept = anna.folder.read("roster.2026-11-20.1.jsonl").unwrap();
    assert_eq!(String::from_utf8(kept).unwrap().lines().count(), old.len());
    let again = Roster::load(&anna.folder).unwrap();
    assert_eq!((again.shop(), again.members().len()), (anna.roster.shop(), 1));
    assert_eq!(anna.roster.standing(anna.key()), Standing::Member(Role::Keeper));
    // The old shop's statements are of another shop now.
    let merged = anna.roster.merge(&old, None).unwrap();
    assert_eq!((merged.new.len(), merged.refused), (0, old.len()));
    // Who was in the old one leaves it, and is let in.
    let (pin, shop) = (anna.identity.pin(), anna.shop8());
    act(&mut anna, &|roster, signer| roster.admit(signer, bert.key(), "b", Role::Member, "x"))
        .unwrap();
    let statements = anna.roster.statements();
    let refused = bert.roster.adopt(&bert.identity, pin, shop, &statements).unwrap_err();
    assert!(matches!(refused, Error::InAShop { .. }));
    act(&mut bert, &Roster::leave).unwrap();
    bert.roster.adopt(&bert.identity, pin, shop, &statements).unwrap();
}

#[test]
fn one_forget_by_a_keeper_undoes_what_a_thief_said_in_a_machines_own_name() {
    let [mut anna, bert, carl] = three();
    let (stolen, shop) = (bert.key(), anna.roster.shop());
    let keep = all(&anna, stolen);
    // Whoever has Bert's disk leaves in his name, and has Carl go with him.
    let signer = Signer { identity: &bert.identity, at: 8 };
    let hostile = signer.forget(shop, stolen, "bert", vec![], "left").unwrap();
    let merged = anna.roster.merge(&[hostile.wire], None).unwrap();
    assert_eq!((merged.gone.len(), anna.roster.standing(carl.key())), (2, Standing::Lost));
    act(&mut anna, &|roster, signer| roster.forget(signer, stolen, &keep, "stolen")).unwrap();
    assert_eq!(anna.roster.standing(carl.key()), Standing::Member(Role::Keeper));
    assert!(anna.roster.members().is_out(stolen));
}

#[test]
fn a_machine_that_changed_its_key_is_still_the_one_that_was_let_in() {
    let [mut anna, bert, carl] = three();
    let next = dunlin_rpc::Identity::generate().unwrap();
    let shop = anna.roster.shop();
    let signer = Signer { identity: &carl.identity, at: 8 };
    let rotate = signer.rotate(shop, &next, "carl", vec![]).unwrap();
    anna.roster.merge(&[rotate.wire], None).unwrap();
    let guests = anna.roster.let_in_by(bert.key());
    assert_eq!(guests[0].who.key, next.public_key());
    assert_eq!(guests[0].who.machine, carl.key().machine_id());
    // Its old key, which somebody may hold, is found by its pin.
    assert_eq!(anna.roster.key_of(carl.key().pin()), Some(carl.key()));
}
