//! The roster on disk, and how two of them become equal.

use super::*;
use std::fs::OpenOptions;
use std::io::Write as _;

/// A machine with its folder.
pub(super) struct Machine {
    _dir: tempfile::TempDir,
    pub(super) folder: Folder,
    pub(super) identity: Identity,
    pub(super) roster: Roster,
}

impl Machine {
    pub(super) fn new(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(&dir.path().join("state")).unwrap();
        let identity = Identity::generate().unwrap();
        let roster = Roster::found(&folder, Signer { identity: &identity, at: 1 }, name).unwrap();
        Self { _dir: dir, folder, identity, roster }
    }

    pub(super) fn key(&self) -> PublicKey {
        self.identity.public_key()
    }

    fn signer(&self) -> Signer<'_> {
        Signer { identity: &self.identity, at: 1 }
    }

    fn admit(&mut self, of: PublicKey, role: Role) -> Result<Merged, Error> {
        let signer = Signer { identity: &self.identity, at: 1 };
        self.roster.admit(signer, of, "guest", role, "invite 00000000")
    }

    pub(super) fn shop8(&self) -> [u8; 8] {
        self.roster.shop().0[..8].try_into().unwrap()
    }

    /// Lets `guest` in and hands it the roster.
    pub(super) fn take_in(&mut self, guest: &mut Self, role: Role) {
        self.admit(guest.key(), role).unwrap();
        let (pin, shop) = (self.identity.pin(), self.shop8());
        guest.roster.adopt(&guest.identity, pin, shop, &self.roster.statements()).unwrap();
    }
}

#[test]
fn a_machine_begins_alone_in_its_own_shop() {
    let anna = Machine::new("anna");
    assert_eq!(anna.roster.others(anna.key()), 0);
    assert!(anna.roster.members().is_keeper(anna.key()));
    assert!(matches!(Roster::found(&anna.folder, anna.signer(), "x"), Err(Error::Exists)));
}

#[test]
fn the_roster_outlives_the_process() {
    let (mut anna, mut bert) = (Machine::new("anna"), Machine::new("bert"));
    anna.take_in(&mut bert, Role::Keeper);
    for machine in [&anna, &bert] {
        let again = Roster::load(&machine.folder).unwrap();
        assert_eq!(again.hash(), anna.roster.hash());
        assert_eq!(again.members(), anna.roster.members());
    }
    assert!(bert.roster.others(bert.key()) > 0);
    assert_eq!(bert.roster.pins(), BTreeSet::from([anna.identity.pin(), bert.identity.pin()]));
}

#[test]
fn the_difference_goes_both_ways_and_then_the_hashes_are_equal() {
    let (mut anna, mut bert) = (Machine::new("anna"), Machine::new("bert"));
    anna.take_in(&mut bert, Role::Keeper);
    let [one, two] = [(); 2].map(|()| Identity::generate().unwrap().public_key());
    anna.admit(one, Role::Member).unwrap();
    bert.admit(two, Role::Member).unwrap();
    assert_ne!(anna.roster.hash(), bert.roster.hash());

    let for_bert = anna.roster.missing(&bert.roster.ids());
    let for_anna = bert.roster.missing(&anna.roster.ids());
    assert_eq!((for_bert.len(), for_anna.len()), (1, 1));
    let merged = anna.roster.merge(&for_anna, Some(bert.key())).unwrap();
    assert_eq!(merged.new, for_anna);
    assert_eq!(merged.joined.iter().map(|member| member.key).collect::<Vec<_>>(), [two]);
    bert.roster.merge(&for_bert, Some(anna.key())).unwrap();
    assert_eq!(anna.roster.hash(), bert.roster.hash());
    assert_eq!(anna.roster.members(), bert.roster.members());

    let again = anna.roster.merge(&for_anna, None).unwrap();
    assert!(again.new.is_empty() && again.joined.is_empty() && again.refused == 0);
}

#[test]
fn a_forget_says_who_is_gone() {
    let (mut anna, mut bert) = (Machine::new("anna"), Machine::new("bert"));
    anna.take_in(&mut bert, Role::Keeper);
    let shop = anna.roster.shop();
    let forget = anna.signer().forget(shop, bert.key(), "bert", vec![], "sold").unwrap();
    let merged = anna.roster.merge(std::slice::from_ref(&forget.wire), None).unwrap();
    assert_eq!(merged.gone.iter().map(|member| member.key).collect::<Vec<_>>(), [bert.key()]);
    bert.roster.merge(&[forget.wire], Some(anna.key())).unwrap();
    assert_eq!(bert.roster.others(bert.key()), 0, "who is out may join elsewhere");
    assert!(matches!(anna.admit(bert.key(), Role::Member), Err(Error::Forgotten)));
}

#[test]
fn what_does_not_hold_or_is_of_another_shop_is_not_stored_and_the_rest_is() {
    let (mut anna, bert) = (Machine::new("anna"), Machine::new("bert"));
    let guest = Identity::generate().unwrap().public_key();
    let shop = anna.roster.shop();
    let good = anna.signer().admit(shop, guest, "guest", Role::Member, "digits").unwrap().wire;
    let mut forged = good.clone();
    forged.body = forged.body.replace("member", "keeper");
    let strange = bert.roster.statements();
    let merged = anna.roster.merge(&[forged, strange[0].clone(), good], None).unwrap();
    assert_eq!((merged.new.len(), merged.refused), (1, 2));
    assert_eq!(Roster::load(&anna.folder).unwrap().ids().len(), 2);
}

#[test]
fn only_a_keeper_lets_in() {
    let (mut anna, mut bert) = (Machine::new("anna"), Machine::new("bert"));
    anna.take_in(&mut bert, Role::Member);
    let guest = Identity::generate().unwrap().public_key();
    assert!(matches!(bert.admit(guest, Role::Member), Err(Error::NotKeeper)));
}

#[test]
fn a_shop_has_at_most_so_many_members() {
    let mut anna = Machine::new("anna");
    let shop = anna.roster.shop();
    let admits: Vec<Statement> = (1..MEMBERS_MAX)
        .map(|n| {
            let key = PublicKey(Sum::of(&n.to_be_bytes()).0);
            anna.signer().admit(shop, key, "x", Role::Member, "digits").unwrap().wire
        })
        .collect();
    anna.roster.merge(&admits, None).unwrap();
    let guest = Identity::generate().unwrap().public_key();
    assert!(matches!(anna.admit(guest, Role::Member), Err(Error::ShopFull)));
    // A member may still be promoted.
    anna.admit(PublicKey(Sum::of(&1usize.to_be_bytes()).0), Role::Keeper).unwrap();
}

#[test]
fn a_link_brings_so_many_statements_of_its_own_key_and_any_number_of_others() {
    let (mut anna, mut bert) = (Machine::new("anna"), Machine::new("bert"));
    anna.take_in(&mut bert, Role::Keeper);
    let shop = anna.roster.shop();
    let flood: Vec<Statement> = (0..STATEMENTS_OF_LINK_MAX + 3)
        .map(|n| {
            let key = PublicKey(Sum::of(&n.to_be_bytes()).0);
            bert.signer().forget(shop, key, "x", vec![], "flood").unwrap().wire
        })
        .collect();
    let merged = anna.roster.merge(&flood, Some(bert.key())).unwrap();
    assert_eq!((merged.new.len(), merged.refused), (STATEMENTS_OF_LINK_MAX, 3));
    let merged = anna.roster.merge(&flood, None).unwrap();
    assert_eq!((merged.new.len(), merged.refused), (3, 0));
}

#[test]
fn a_machine_that_is_in_a_shop_joins_no_other() {
    let [mut anna, mut bert, mut carl] = ["anna", "bert", "carl"].map(Machine::new);
    anna.take_in(&mut bert, Role::Keeper);
    carl.admit(bert.key(), Role::Member).unwrap();
    let (pin, shop) = (carl.identity.pin(), carl.shop8());
    let statements = carl.roster.statements();
    let refused = bert.roster.adopt(&bert.identity, pin, shop, &statements).unwrap_err();
    assert!(matches!(refused, Error::InAShop { others: 1 }));
    assert_eq!(bert.roster.shop(), anna.roster.shop());
    // Its own shop it may join again: a lost answer is asked for again.
    let (pin, shop) = (anna.identity.pin(), anna.shop8());
    bert.roster.adopt(&bert.identity, pin, shop, &anna.roster.statements()).unwrap();
}

#[test]
fn an_answer_that_does_not_make_us_a_member_changes_nothing() {
    let [mut anna, mut bert, carl] = ["anna", "bert", "carl"].map(Machine::new);
    let (pin, shop) = (anna.identity.pin(), anna.shop8());
    let before = bert.roster.hash();
    let mut refused = |pin, shop, statements: &[Statement]| {
        bert.roster.adopt(&bert.identity, pin, shop, statements).unwrap_err()
    };
    assert!(matches!(refused(pin, shop, &[]), Error::NotAdmitted));
    assert!(matches!(refused(pin, shop, &anna.roster.statements()), Error::NotAdmitted));
    let key = bert.identity.public_key();
    anna.admit(key, Role::Member).unwrap();
    let statements = anna.roster.statements();
    assert!(matches!(refused(carl.identity.pin(), shop, &statements), Error::NotAdmitted));
    assert!(matches!(refused(pin, carl.shop8(), &statements), Error::NotAdmitted));
    let mut forged = statements.clone();
    forged[0].sig = "AAAA".to_owned();
    assert!(matches!(refused(pin, shop, &forged), Error::Statement(_)));
    assert_eq!(bert.roster.hash(), before);
    bert.roster.adopt(&bert.identity, pin, shop, &statements).unwrap();
}

#[test]
fn nobody_gives_up_his_key_on_the_bare_word_of_whoever_made_a_token() {
    let (mut anna, mut bert) = (Machine::new("anna"), Machine::new("bert"));
    anna.take_in(&mut bert, Role::Keeper);
    let anew = Identity::generate().unwrap();
    anna.admit(anew.public_key(), Role::Member).unwrap();
    let (pin, shop, old) = (anna.identity.pin(), anna.shop8(), bert.key());
    let before = bert.roster.hash();
    let mut adopting = |statements: &[Statement]| {
        let begun = bert.roster.adopt_anew(old, &anew, pin, shop, statements);
        (begun, bert.roster.hash())
    };
    let (refused, after) = adopting(&anna.roster.statements());
    assert!(matches!(refused, Err(Error::NotOut)), "{refused:?}");
    assert_eq!(after, before);
    // With the keeper's own signature it is no bare word.
    let signer = Signer { identity: &anna.identity, at: 2 };
    anna.roster.forget(signer, old, &BTreeSet::new(), "").unwrap();
    let (begun, after) = adopting(&anna.roster.statements());
    begun.unwrap();
    assert_eq!(after, anna.roster.hash());
}

#[test]
fn half_a_line_at_the_end_is_dropped_and_written_again() {
    let mut anna = Machine::new("anna");
    let path = anna.folder.file(FILE);
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"body\":\"{\\\"ki").unwrap();
    anna.roster = Roster::load(&anna.folder).unwrap();
    let guest = Identity::generate().unwrap().public_key();
    anna.admit(guest, Role::Member).unwrap();
    assert_eq!(Roster::load(&anna.folder).unwrap().hash(), anna.roster.hash());
}

#[test]
fn damage_anywhere_else_is_told_with_its_line() {
    let (mut anna, mut bert) = (Machine::new("anna"), Machine::new("bert"));
    anna.take_in(&mut bert, Role::Keeper);
    let text = String::from_utf8(anna.folder.read(FILE).unwrap()).unwrap();
    anna.folder.write(FILE, text.replace("keeper", "member").as_bytes()).unwrap();
    let told = Roster::load(&anna.folder).unwrap_err().to_string();
    assert!(told.starts_with("line ") && told.contains(" of roster.jsonl is damaged"), "{told}");
    anna.folder.write(FILE, b"").unwrap();
    assert!(matches!(Roster::load(&anna.folder), Err(Error::Missing)));
}
