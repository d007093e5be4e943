//! The membership rule: each thing that follows from it, as a story, and a thief in random shops.

use super::*;
use crate::roster::statement::Claim;
use dunlin_rpc::wire::join::Statement;
use proptest::prelude::*;

/// The rule looks at what statements say; that they are signed is checked before, and elsewhere.
fn said(kind: Kind, by: u8, of: u8, shop: Option<Sum>) -> Signed {
    let claim =
        Claim { kind, shop, by: key(by), of: key(of), at: 0, name: format!("machine {of}") };
    let body = format!("{claim:?}");
    let wire = Statement { body, sig: String::new() };
    Signed { id: wire.id(), claim, wire }
}

fn key(n: u8) -> PublicKey {
    PublicKey([n; 32])
}

/// A shop in the making; key 0 founds it.
struct Shop {
    id: Sum,
    statements: Vec<Signed>,
}

impl Shop {
    fn new() -> Self {
        let found = said(Kind::Found { nonce: "n".to_owned() }, 0, 0, None);
        Self { id: found.id, statements: vec![found] }
    }

    fn add(&mut self, kind: Kind, by: u8, of: u8) -> Sum {
        let statement = said(kind, by, of, Some(self.id));
        let id = statement.id;
        self.statements.push(statement);
        id
    }

    fn admit(&mut self, by: u8, of: u8, role: Role) -> Sum {
        self.add(Kind::Admit { role, how: "digits".to_owned() }, by, of)
    }

    fn rotate(&mut self, by: u8, of: u8, keep: &[Sum]) -> Sum {
        self.add(Kind::Rotate { keep: keep.to_vec(), proof: vec![] }, by, of)
    }

    fn forget(&mut self, by: u8, of: u8, keep: &[Sum]) -> Sum {
        self.add(Kind::Forget { keep: keep.to_vec(), reason: String::new() }, by, of)
    }

    /// What `by` let in so far, as a careful person would keep it.
    fn signed_by(&self, by: u8) -> Vec<Sum> {
        let lets_in = |statement: &&Signed| {
            matches!(statement.claim.kind, Kind::Admit { .. } | Kind::Rotate { .. })
                && statement.claim.by == key(by)
        };
        self.statements.iter().filter(lets_in).map(|statement| statement.id).collect()
    }

    fn evaluate(&self) -> Members {
        members(self.id, &self.statements)
    }

    /// `0k 1m`: who is in, and as what.
    fn told(&self) -> String {
        told(&self.evaluate())
    }
}

fn told(members: &Members) -> String {
    let one = |member: &Member| {
        let role = if member.role == Keeper { 'k' } else { 'm' };
        format!("{}{role}", member.key.0[0])
    };
    members.iter().map(one).collect::<Vec<_>>().join(" ")
}

use Role::{Keeper, Member as Plain};

#[test]
fn the_founder_is_a_keeper_and_keepers_let_in() {
    let mut shop = Shop::new();
    assert_eq!(shop.told(), "0k");
    shop.admit(0, 1, Keeper);
    shop.admit(1, 2, Plain);
    assert_eq!(shop.told(), "0k 1k 2m");
}

#[test]
fn a_member_that_is_no_keeper_lets_nobody_in_and_forgets_nobody() {
    let mut shop = Shop::new();
    shop.admit(0, 1, Plain);
    shop.admit(1, 2, Keeper);
    shop.forget(1, 0, &[]);
    assert_eq!(shop.told(), "0k 1m");
}

#[test]
fn a_stranger_says_nothing() {
    let mut shop = Shop::new();
    shop.admit(7, 7, Keeper);
    shop.admit(7, 8, Keeper);
    shop.rotate(7, 0, &[]);
    shop.forget(7, 0, &[]);
    assert_eq!(shop.told(), "0k");
}

#[test]
fn a_second_admit_with_role_keeper_promotes() {
    let mut shop = Shop::new();
    shop.admit(0, 1, Plain);
    shop.admit(1, 2, Plain);
    assert_eq!(shop.told(), "0k 1m");
    shop.admit(0, 1, Keeper);
    assert_eq!(shop.told(), "0k 1k 2m");
}

#[test]
fn a_second_admit_as_member_does_not_demote() {
    let mut shop = Shop::new();
    shop.admit(0, 1, Keeper);
    shop.admit(0, 1, Plain);
    assert_eq!(shop.told(), "0k 1k");
}

#[test]
fn statements_of_another_shop_do_not_count() {
    let (mut shop, mut other) = (Shop::new(), Shop::new());
    let found = said(Kind::Found { nonce: "other".to_owned() }, 0, 0, None);
    other.id = found.id;
    other.statements = vec![found];
    other.admit(0, 5, Keeper);
    shop.statements.extend(other.statements.clone());
    assert_eq!(shop.told(), "0k");
    assert_eq!(other.told(), "0k 5k");
}

#[test]
fn an_out_key_never_returns() {
    let mut shop = Shop::new();
    shop.admit(0, 1, Keeper);
    shop.forget(0, 1, &[]);
    assert_eq!(shop.told(), "0k");
    shop.admit(0, 1, Keeper);
    shop.rotate(0, 1, &[]);
    assert!(!shop.told().contains('1'));
    assert!(shop.evaluate().is_out(key(1)));
}

#[test]
fn what_an_out_key_signs_later_adds_nobody_and_nothing() {
    let mut shop = Shop::new();
    shop.admit(0, 1, Keeper);
    let second = shop.admit(1, 2, Plain);
    shop.forget(0, 1, &[second]);
    shop.admit(1, 3, Keeper);
    shop.admit(1, 2, Keeper);
    shop.rotate(1, 4, &[]);
    assert_eq!(shop.told(), "0k 2m");
}

#[test]
fn revoking_a_thief_drops_the_second_keys_that_were_not_ticked() {
    let mut shop = Shop::new();
    shop.admit(0, 1, Keeper);
    let honest = shop.admit(1, 2, Plain);
    shop.admit(1, 9, Keeper);
    shop.admit(9, 8, Keeper);
    assert_eq!(shop.told(), "0k 1k 2m 8k 9k");
    shop.forget(0, 1, &[honest]);
    assert_eq!(shop.told(), "0k 2m");
}

#[test]
fn two_keepers_that_forget_each_other_are_both_out() {
    let mut shop = Shop::new();
    shop.admit(0, 1, Keeper);
    shop.admit(0, 2, Keeper);
    shop.forget(1, 2, &[]);
    shop.forget(2, 1, &[]);
    assert_eq!(shop.told(), "0k");
}

#[test]
fn an_admit_made_elsewhere_while_its_signer_was_forgotten_does_not_count() {
    let (mut here, mut there) = (Shop::new(), Shop::new());
    for shop in [&mut here, &mut there] {
        shop.admit(0, 1, Keeper);
    }
    here.forget(0, 1, &[]);
    there.admit(1, 2, Plain);
    assert_eq!(there.told(), "0k 1k 2m");
    here.statements.extend(there.statements);
    assert_eq!(here.told(), "0k");
    // It joins again, with a word that counts.
    here.admit(0, 2, Plain);
    assert_eq!(here.told(), "0k 2m");
}

#[test]
fn a_machine_that_rotates_goes_on_as_the_same_machine() {
    let mut shop = Shop::new();
    shop.admit(0, 1, Keeper);
    let guest = shop.admit(1, 2, Plain);
    shop.rotate(1, 3, &[guest]);
    shop.admit(3, 4, Plain);
    assert_eq!(shop.told(), "0k 2m 3k 4m");
    let members = shop.evaluate();
    assert_eq!(members.get(key(3)).unwrap().machine, key(1).machine_id());
    assert_eq!(members.by_machine(key(1).machine_id()).unwrap().key, key(3));
    assert!(members.is_out(key(1)));
}

#[test]
fn a_machine_that_rotates_twice_keeps_its_id() {
    let mut shop = Shop::new();
    shop.admit(0, 1, Plain);
    shop.rotate(1, 2, &[]);
    shop.rotate(2, 3, &[]);
    assert_eq!(shop.told(), "0k 3m");
    assert_eq!(shop.evaluate().get(key(3)).unwrap().machine, key(1).machine_id());
}

#[test]
fn a_ring_of_rotations_ends() {
    let mut shop = Shop::new();
    shop.admit(0, 1, Plain);
    shop.rotate(1, 2, &[]);
    shop.rotate(2, 1, &[]);
    assert_eq!(shop.told(), "0k");
}

#[test]
fn who_leaves_is_out_and_those_it_ticked_stay() {
    let mut shop = Shop::new();
    shop.admit(0, 1, Keeper);
    let guest = shop.admit(1, 2, Plain);
    shop.admit(1, 3, Plain);
    shop.forget(1, 1, &[guest]);
    assert_eq!(shop.told(), "0k 2m");
}

#[test]
fn one_forget_of_an_out_key_undoes_a_hostile_rotations_damage() {
    let mut shop = Shop::new();
    shop.admit(0, 1, Keeper);
    let guest = shop.admit(1, 2, Plain);
    let rotated = shop.rotate(1, 3, &[guest]);
    assert_eq!(shop.told(), "0k 2m 3k");
    // The thief holds the old key, and rotates once more to throw its guest out.
    shop.rotate(1, 9, &[rotated]);
    assert_eq!(shop.told(), "0k 3k");
    shop.forget(0, 1, &[guest, rotated]);
    assert_eq!(shop.told(), "0k 2m 3k");
}

/// Found by the thief below: by "what others say of a key stands above what it says itself" alone,
/// whoever held an old key could let in a keeper who kept himself.
#[test]
fn an_old_key_lets_in_no_keeper_who_keeps_himself() {
    let mut shop = Shop::new();
    shop.admit(0, 1, Keeper);
    shop.rotate(1, 3, &[]);
    let his = shop.admit(1, 9, Keeper);
    shop.forget(9, 1, &[his]);
    assert!(!shop.told().contains('9'), "{}", shop.told());
    // He has thrown the rotated machine out of its way, which one admit mends.
    let rotated = shop.signed_by(1)[0];
    shop.forget(0, 1, &[rotated]);
    assert_eq!(shop.told(), "0k");
    shop.admit(0, 3, Keeper);
    assert_eq!(shop.told(), "0k 3k");
}

#[test]
fn a_founders_old_key_can_end_the_shop_and_lets_nobody_in() {
    let mut shop = Shop::new();
    let honest = shop.admit(0, 1, Keeper);
    shop.rotate(0, 2, &[honest]);
    assert_eq!(shop.told(), "1k 2k");
    let his = shop.admit(0, 9, Keeper);
    shop.rotate(0, 8, &[his]);
    assert_eq!(shop.told(), "");
}

#[test]
fn a_machine_that_lost_its_way_is_not_out_and_comes_back_with_one_admit() {
    let mut shop = Shop::new();
    shop.admit(0, 1, Keeper);
    shop.admit(1, 2, Keeper);
    shop.admit(2, 3, Plain);
    shop.forget(0, 1, &[]);
    assert_eq!(shop.told(), "0k");
    assert!(!shop.evaluate().is_out(key(2)));
    shop.admit(0, 2, Keeper);
    assert_eq!(shop.told(), "0k 2k 3m");
}

#[test]
fn a_forget_counts_although_its_signer_was_put_out_first() {
    let mut shop = Shop::new();
    shop.admit(0, 1, Keeper);
    shop.admit(0, 9, Keeper);
    shop.forget(9, 1, &[]);
    shop.forget(1, 9, &[]);
    assert_eq!(shop.told(), "0k");
}

#[test]
fn the_latest_word_names_a_member() {
    let mut shop = Shop::new();
    shop.admit(0, 1, Plain);
    let mut later = said(Kind::Admit { role: Plain, how: String::new() }, 0, 1, Some(shop.id));
    later.claim.at = 7;
    later.claim.name = "back office".to_owned();
    shop.statements.push(later);
    let members = shop.evaluate();
    assert_eq!(members.get(key(1)).unwrap().name, "back office");
    assert_eq!(members.get(key(1)).unwrap().since, 7);
}

/// One random act; who does it and to whom are keys 0 to 7, and bits choose what is kept.
#[derive(Debug, Clone)]
struct Act {
    what: u8,
    by: u8,
    of: u8,
    keep: u32,
}

fn acts(keys: u8, most: usize) -> impl Strategy<Value = Vec<Act>> {
    let act = (0..4u8, 0..keys, 0..keys, any::<u32>()).prop_map(|(what, by, of, keep)| Act {
        what,
        by,
        of,
        keep,
    });
    prop::collection::vec(act, 0..most)
}

fn play(shop: &mut Shop, acts: &[Act]) {
    for act in acts {
        let whose = if act.what == 2 { act.by } else { act.of };
        let signed = shop.signed_by(whose).into_iter().enumerate();
        let keep: Vec<Sum> =
            signed.filter(|(n, _)| act.keep >> (n % 32) & 1 == 1).map(|(_, id)| id).collect();
        match act.what {
            0 => shop.admit(act.by, act.of, Keeper),
            1 => shop.admit(act.by, act.of, Plain),
            2 if act.by != act.of => shop.rotate(act.by, act.of, &keep),
            _ => shop.forget(act.by, act.of, &keep),
        };
    }
}

proptest! {
    #[test]
    fn union_in_any_order_gives_the_same_members(
        story in acts(8, 30),
        seed in any::<u64>(),
    ) {
        let mut shop = Shop::new();
        play(&mut shop, &story);
        let expected = shop.evaluate();
        let mut shuffled = shop.statements.clone();
        // A seeded shuffle, with every third statement twice: union knows no doubles.
        shuffled.sort_by_key(|statement| Sum::of(&[&seed.to_be_bytes()[..], &statement.id.0].concat()));
        let doubles: Vec<Signed> = shuffled.iter().step_by(3).cloned().collect();
        shuffled.extend(doubles);
        prop_assert_eq!(members(shop.id, &shuffled), expected);
    }

    #[test]
    fn s40_more_statements_never_bring_an_out_key_back(story in acts(8, 30), cut in 0usize..30) {
        let mut shop = Shop::new();
        play(&mut shop, &story);
        let early = shop.statements.len().min(1 + cut);
        let before = members(shop.id, &shop.statements[..early]);
        let after = shop.evaluate();
        for out in &before.out {
            prop_assert!(after.is_out(*out));
            prop_assert!(after.get(*out).is_none());
        }
    }

    /// Key 7 goes out: an honest keeper forgets it, it leaves, or it rotates. It was stolen; whoever
    /// holds it then signs what he will, with it and with as many fresh keys as he likes.
    #[test]
    fn s40_a_thief_that_signs_late_adds_nobody_and_raises_nobody(
        story in acts(7, 20),
        fate in 0..3u8,
        late in acts(16, 40),
    ) {
        let mut shop = Shop::new();
        play(&mut shop, &story);
        shop.admit(0, 7, Keeper);
        prop_assume!(shop.evaluate().is_keeper(key(0)));
        let kept = shop.signed_by(7);
        match fate {
            0 => shop.forget(0, 7, &kept),
            1 => shop.forget(7, 7, &kept),
            _ => shop.rotate(7, 20, &kept),
        };
        let before = shop.evaluate();
        // Only keys that are his: the stolen one, and 8 to 15, which he made.
        let his: Vec<Act> = late
            .into_iter()
            .map(|act| Act { by: if act.by < 8 { 7 } else { act.by }, ..act })
            .collect();
        play(&mut shop, &his);
        let after = shop.evaluate();
        for member in after.iter() {
            let was = before.get(member.key);
            prop_assert!(was.is_some_and(|was| member.role <= was.role), "{:?}", member);
        }
        prop_assert!(after.is_out(key(7)));
    }

    /// Members that are cut off from each other hold only parts; none of them takes back in whom it
    /// knows to be out, whatever reaches it later and by which way round.
    #[test]
    fn s40_members_that_were_cut_off_agree_once_they_have_met_in_any_order(
        story in acts(8, 30),
        parts in prop::collection::vec(any::<u32>(), 4),
        meetings in prop::collection::vec((0usize..4, 0usize..4), 0..12),
    ) {
        let mut shop = Shop::new();
        play(&mut shop, &story);
        let all: BTreeMap<Sum, Signed> =
            shop.statements.iter().map(|signed| (signed.id, signed.clone())).collect();
        let holds = |part: u32, n: usize| n == 0 || part >> (n % 32) & 1 == 1;
        let mut views: Vec<BTreeMap<Sum, Signed>> = parts
            .iter()
            .map(|part| {
                let held = shop.statements.iter().enumerate().filter(|(n, _)| holds(*part, *n));
                held.map(|(_, signed)| (signed.id, signed.clone())).collect()
            })
            .collect();
        let mut out = vec![BTreeSet::new(); views.len()];
        // Some meet at random; in the end everybody has met somebody who knows all.
        let late = (0..views.len()).flat_map(|n| [(n, usize::MAX)]);
        for (here, there) in meetings.into_iter().chain(late) {
            let met = views.get(there).unwrap_or(&all).clone();
            views[here].extend(met);
            let members = members(shop.id, views[here].values());
            for key in &out[here] {
                prop_assert!(members.is_out(*key) && members.get(*key).is_none());
            }
            out[here] = members.out.clone();
        }
        for view in &views {
            prop_assert_eq!(members(shop.id, view.values()), shop.evaluate());
        }
    }

    /// Key 6, a member's, and key 7, a keeper's, are stolen. The thief signs with both, and with as
    /// many keys of his own as he likes, before he is noticed as well as after: who is cut off from
    /// the others believes him. Once both are forgotten, and everybody has met, nobody is in and
    /// nobody may do more than if he had said nothing.
    #[test]
    fn s40_what_a_thief_signed_at_any_time_adds_nobody_once_his_keys_are_forgotten(
        story in acts(8, 20),
        roles in any::<(bool, bool)>(),
        his in acts(16, 40),
    ) {
        let mut honest = Shop::new();
        play(&mut honest, &story);
        for (key, is_keeper) in [(6, roles.0), (7, roles.1)] {
            honest.admit(0, key, if is_keeper { Keeper } else { Plain });
        }
        prop_assume!(honest.evaluate().is_keeper(key(0)));
        let mut told = Shop { id: honest.id, statements: honest.statements.clone() };
        let his: Vec<Act> = his
            .into_iter()
            .map(|act| Act { by: if act.by < 8 { 6 + act.by % 2 } else { act.by }, ..act })
            .collect();
        play(&mut told, &his);
        for stolen in [6, 7] {
            // The person ticks what the machine let in while it was the shop's own.
            let kept = honest.signed_by(stolen);
            honest.forget(0, stolen, &kept);
            told.forget(0, stolen, &kept);
        }
        let (without, with) = (honest.evaluate(), told.evaluate());
        for member in with.iter() {
            let was = without.get(member.key);
            prop_assert!(was.is_some_and(|was| member.role <= was.role), "{:?}", member);
        }
        for stolen in [6, 7] {
            prop_assert!(with.is_out(key(stolen)) && with.get(key(stolen)).is_none());
        }
    }

    /// Key 7 was changed for key 20. Whoever holds the old one throws out whom it had let in, and
    /// the machine itself, by leaving and rotating again; one `forget` of the old key by a keeper,
    /// with the right `keep`, has everybody back as before.
    #[test]
    fn s40_one_forget_undoes_all_that_an_old_keys_own_word_broke(
        story in acts(7, 20),
        guests in prop::collection::vec(0u8..7, 0..4),
        his in acts(16, 12),
    ) {
        let mut shop = Shop::new();
        play(&mut shop, &story);
        shop.admit(0, 7, Keeper);
        for guest in guests {
            shop.admit(7, guest, Plain);
        }
        let mut kept = shop.signed_by(7);
        kept.push(shop.rotate(7, 20, &kept.clone()));
        let before = shop.told();
        prop_assume!(shop.evaluate().is_keeper(key(0)));
        for act in his {
            let keep: Vec<Sum> =
                kept.iter().enumerate().filter(|(n, _)| act.keep >> n & 1 == 1).map(|(_, id)| *id).collect();
            if act.what % 2 == 0 && act.of > 7 {
                shop.rotate(7, act.of, &keep);
            } else {
                shop.forget(7, 7, &keep);
            }
        }
        shop.forget(0, 7, &kept);
        prop_assert_eq!(shop.told(), before);
    }

    /// When something was said decides nothing: who dates a statement back or ahead gains nothing.
    #[test]
    fn dates_decide_nothing(story in acts(8, 30), dates in prop::collection::vec(any::<i64>(), 30)) {
        let mut shop = Shop::new();
        play(&mut shop, &story);
        let expected = told(&shop.evaluate());
        let mut dated = shop.statements.clone();
        // The ids stay: what is kept by them is not what is tried here.
        for (statement, at) in dated.iter_mut().zip(dates) {
            statement.claim.at = at;
        }
        prop_assert_eq!(told(&members(shop.id, &dated)), expected);
    }

    /// Whoever lost its way into the chain, and is not out itself, comes back with one statement by
    /// a keeper. As a plain member here: as a keeper, what it said before would count at once.
    #[test]
    fn one_admit_brings_back_whoever_is_not_out(story in acts(8, 30), of in 1u8..8) {
        let mut shop = Shop::new();
        play(&mut shop, &story);
        let before = shop.evaluate();
        prop_assume!(before.is_keeper(key(0)) && !before.is_out(key(of)));
        // Whom the page offers to let in again is one of these.
        for lost in before.lost() {
            prop_assert!(before.get(lost.key).is_none() && !before.is_out(lost.key));
        }
        shop.add(Kind::Admit { role: Plain, how: "again".to_owned() }, 0, of);
        prop_assert!(shop.evaluate().get(key(of)).is_some());
    }
}
