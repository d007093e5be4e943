//! What the next start finds when a rotation was cut off, step by step.

use super::*;
use crate::roster::Role;
use crate::roster::statement::Signer;
use dunlin_rpc::PublicKey;

/// A machine's folder at some step of its first rotation, and the keys that are concerned.
struct Cut {
    _dir: tempfile::TempDir,
    folder: Folder,
    old: Identity,
    new: Identity,
}

impl Cut {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(&dir.path().join("state")).unwrap();
        let [old, new] = [(); 2].map(|()| Identity::generate().unwrap());
        let this = Self { _dir: dir, folder, old, new };
        Roster::found(&this.folder, this.signer(), "anna").unwrap();
        this.write(KEY, &[&this.old]);
        this
    }

    fn signer(&self) -> Signer<'_> {
        Signer { identity: &self.old, at: 1 }
    }

    fn write(&self, name: &str, keys: &[&Identity]) {
        let pems: Vec<String> = keys.iter().map(|key| key.to_pem().expose().clone()).collect();
        self.folder.write(name, pems.concat().as_bytes()).unwrap();
    }

    fn say(&self) {
        self.roster().rotate(self.signer(), &self.new, "anna").unwrap();
    }

    fn roster(&self) -> Roster {
        Roster::load(&self.folder).unwrap()
    }

    fn start(&self) -> Keys {
        Keys::load(&self.folder, &self.roster()).unwrap()
    }

    /// The next start, and the one after it, find these keys, and these files stay.
    fn check(&self, now: &Identity, old: &[&Identity], files: &[&str]) {
        for _ in 0..2 {
            let keys = self.start();
            assert_eq!(keys.now().public_key(), now.public_key());
            assert_eq!(pins(keys.old().iter()), pins(old.iter().copied()));
            let there = [KEY, NEXT, OLD].into_iter().filter(|name| self.folder.has(name));
            assert_eq!(there.collect::<Vec<_>>(), files);
            let roster = self.roster();
            assert_eq!(roster.first_of(now.public_key()), self.old.public_key(), "the machine id");
            assert!(roster.members().get(now.public_key()).is_some(), "a member");
        }
    }
}

#[expect(single_use_lifetimes, reason = "an `impl Trait` argument cannot leave it out")]
fn pins<'a>(keys: impl Iterator<Item = &'a Identity>) -> Vec<Pin> {
    keys.map(Identity::pin).collect()
}

#[test]
fn a_new_key_that_nobody_heard_of_goes() {
    let cut = Cut::new();
    cut.write(NEXT, &[&cut.new]);
    cut.check(&cut.old, &[], &[KEY]);
}

#[test]
fn a_statement_that_was_torn_while_it_was_written_was_not_said() {
    let cut = Cut::new();
    cut.write(NEXT, &[&cut.new]);
    cut.say();
    let path = cut.folder.file("roster.jsonl");
    let text = std::fs::read(&path).unwrap();
    std::fs::write(&path, &text[..text.len() - 9]).unwrap();
    cut.check(&cut.old, &[], &[KEY]);
}

#[test]
fn once_the_statement_is_said_the_new_key_is_ours() {
    let cut = Cut::new();
    cut.write(NEXT, &[&cut.new]);
    cut.say();
    cut.check(&cut.new, &[&cut.old], &[KEY, OLD]);
}

#[test]
fn a_cut_after_the_old_key_was_kept_goes_on() {
    let cut = Cut::new();
    cut.write(NEXT, &[&cut.new]);
    cut.say();
    cut.write(OLD, &[&cut.old]);
    cut.check(&cut.new, &[&cut.old], &[KEY, OLD]);
}

#[test]
fn a_key_that_was_half_written_is_not_left_lying_about() {
    let cut = Cut::new();
    for name in [KEY, NEXT, OLD, ANEW] {
        let half = Folder::fresh(name);
        cut.write(&half, &[&cut.new]);
        cut.start();
        assert!(!cut.folder.has(&half), "{half}");
    }
}

#[test]
fn a_cut_after_the_new_key_was_put_in_its_place_goes_on() {
    let cut = Cut::new();
    cut.write(NEXT, &[&cut.new]);
    cut.say();
    cut.write(OLD, &[&cut.old]);
    cut.write(KEY, &[&cut.new]);
    cut.check(&cut.new, &[&cut.old], &[KEY, OLD]);
    // And without the copy, which is how it stands while members have not heard.
    assert!(!cut.folder.has(NEXT));
    cut.check(&cut.new, &[&cut.old], &[KEY, OLD]);
}

#[test]
fn old_keys_go_when_the_last_member_has_heard_and_not_before() {
    let cut = Cut::new();
    let keys = cut.start();
    let next = keys.prepare().unwrap();
    cut.roster().rotate(cut.signer(), &next, "anna").unwrap();
    keys.take_over(next.clone());
    let [bert, carl] = [(); 2].map(|()| PublicKey([7; 32]).machine_id());
    let carl = Uuid::from_u128(carl.as_u128() + 1);
    // Who met the old key has not heard.
    assert!(!keys.heard_by(bert, cut.old.pin()));
    assert!(keys.heard_by(bert, next.pin()));
    assert!(!keys.let_go([bert, carl].into_iter()));
    // Who has heard is remembered over a restart.
    let keys = cut.start();
    assert!(keys.is_rotating() && keys.has_heard(bert) && !keys.has_heard(carl));
    assert!(keys.heard_by(carl, next.pin()));
    assert!(keys.let_go([bert, carl].into_iter()));
    assert!(!keys.is_rotating());
    cut.check(&next, &[], &[KEY]);
    assert!(!cut.folder.has(HEARD));
}

#[test]
fn a_second_rotation_keeps_both_old_keys_and_asks_everybody_again() {
    let cut = Cut::new();
    let keys = cut.start();
    let bert = Uuid::from_u128(7);
    let mut all = vec![cut.old.clone()];
    for count in 1..=OLD_MAX {
        let next = keys.prepare().unwrap();
        let signer = Signer { identity: &keys.now(), at: 1 };
        cut.roster().rotate(signer, &next, "anna").unwrap();
        keys.take_over(next.clone());
        assert!(!keys.has_heard(bert), "of rotation {count}");
        assert!(keys.heard_by(bert, next.pin()));
        all.insert(0, next);
    }
    let old: Vec<&Identity> = all.iter().skip(1).collect();
    cut.check(&all[0], &old, &[KEY, OLD]);
    // A member that has missed them all can still be told; after one more it could not.
    assert!(matches!(keys.prepare(), Err(Error::TooMany)));
    for key in &all {
        assert_eq!(keys.shown_for(Some(key.pin())).pin(), key.pin());
    }
    assert_eq!(keys.shown_for(None).pin(), all[0].pin());
    assert_eq!(keys.shown_for(Some(Pin([9; 32]))).pin(), all[0].pin());
}

/// Makes the folder unwritable for whatever replaces `key`, as a full disk would.
#[test]
fn a_disk_that_refuses_the_new_key_loses_neither_key() {
    let cut = Cut::new();
    let keys = cut.start();
    let next = keys.prepare().unwrap();
    cut.roster().rotate(cut.signer(), &next, "anna").unwrap();
    let in_the_way = cut.folder.file(".key.old.new");
    std::fs::create_dir(&in_the_way).unwrap();
    keys.take_over(next.clone());
    assert_eq!(keys.now().pin(), next.pin());
    // Neither a second rotation nor the end of this one overwrites the only copy.
    assert!(matches!(keys.prepare(), Err(Error::Folder(_))));
    assert!(!keys.let_go(std::iter::empty()));
    std::fs::remove_dir(&in_the_way).unwrap();
    cut.check(&next, &[&cut.old], &[KEY, OLD]);
}

#[test]
fn a_key_file_that_is_gone_or_damaged_is_told_with_what_to_do() {
    let cut = Cut::new();
    let path = cut.folder.file(KEY);
    let told = || {
        let told = Keys::load(&cut.folder, &cut.roster()).unwrap_err().to_string();
        assert!(told.contains("put the backup of it back"), "{told}");
        assert!(!told.contains("PRIVATE"), "{told}");
        told
    };
    let pem = std::fs::read(&path).unwrap();
    for (content, says) in [
        (b"".as_slice(), "empty or not text"),
        (b"\xff\xfe", "empty or not text"),
        (b"hello", "is not a key"),
        (&pem[..pem.len() / 2], "is not a key"),
    ] {
        std::fs::write(&path, content).unwrap();
        assert!(told().contains(says));
    }
    std::fs::remove_file(&path).unwrap();
    assert!(told().contains("there is no file"));
}

/// A machine that its shop has forgotten, at some step of beginning anew: `old` is the key that is out.
struct Anew {
    cut: Cut,
    keeper: Identity,
}

impl Anew {
    fn new() -> Self {
        let (cut, keeper) = (Cut::new(), Identity::generate().unwrap());
        let mut roster = cut.roster();
        roster.admit(cut.signer(), keeper.public_key(), "bert", Role::Keeper, "digits").unwrap();
        let this = Self { cut, keeper };
        this.forget();
        this
    }

    fn by_keeper(&self) -> Signer<'_> {
        Signer { identity: &self.keeper, at: 2 }
    }

    fn forget(&self) {
        let old = self.cut.old.public_key();
        let keep = self.cut.roster().let_in_by(old).into_iter().map(|entry| entry.id).collect();
        self.cut.roster().forget(self.by_keeper(), old, &keep, "").unwrap();
    }

    fn let_in(&self) {
        let new = self.cut.new.public_key();
        self.cut.roster().admit(self.by_keeper(), new, "anna", Role::Member, "invite").unwrap();
    }

    fn check(&self, now: &Identity, files: &[&str]) {
        for _ in 0..2 {
            let keys = self.cut.start();
            assert_eq!(keys.now().pin(), now.pin());
            assert!(keys.old().is_empty());
            let there = [KEY, NEXT, OLD, ANEW, HEARD];
            let there = there.into_iter().filter(|name| self.cut.folder.has(name));
            assert_eq!(there.collect::<Vec<_>>(), files);
        }
    }
}

#[test]
fn a_key_to_begin_anew_with_is_kept_until_a_shop_lets_it_in() {
    let anew = Anew::new();
    anew.cut.write(ANEW, &[&anew.cut.new]);
    anew.check(&anew.cut.old, &[KEY, ANEW]);
    // The same is asked with again: the answer may have been lost.
    let keys = anew.cut.start();
    assert_eq!(keys.anew(&anew.cut.old).unwrap().pin(), anew.cut.new.pin());
    let another = keys.anew(&anew.cut.new).unwrap();
    assert_ne!(another.pin(), anew.cut.new.pin());
    assert_eq!(keys.anew(&anew.cut.old).unwrap().pin(), another.pin());
    assert_eq!(keys.now().pin(), anew.cut.old.pin());
}

#[test]
fn once_the_shop_let_it_in_a_machine_goes_on_under_the_new_key_as_another() {
    let anew = Anew::new();
    anew.cut.write(ANEW, &[&anew.cut.new]);
    anew.let_in();
    anew.check(&anew.cut.new, &[KEY]);
    let first = anew.cut.roster().first_of(anew.cut.new.public_key());
    assert_eq!(first, anew.cut.new.public_key(), "another machine id");
}

#[test]
fn what_led_to_the_key_that_is_out_goes_with_it() {
    let anew = Anew::new();
    let [older, next] = [(); 2].map(|()| Identity::generate().unwrap());
    anew.cut.write(ANEW, &[&anew.cut.new]);
    anew.cut.write(OLD, &[&older]);
    anew.cut.write(NEXT, &[&next]);
    anew.cut.write(HEARD, &[]);
    anew.let_in();
    anew.check(&anew.cut.new, &[KEY]);
}

#[test]
fn a_cut_after_the_new_key_was_put_in_its_place_leaves_one_copy() {
    let anew = Anew::new();
    anew.cut.write(ANEW, &[&anew.cut.new]);
    anew.let_in();
    anew.cut.write(KEY, &[&anew.cut.new]);
    anew.check(&anew.cut.new, &[KEY]);
}

#[test]
fn a_key_that_is_a_members_is_never_given_up() {
    let cut = Cut::new();
    cut.write(ANEW, &[&cut.new]);
    cut.roster().admit(cut.signer(), cut.new.public_key(), "anna", Role::Member, "invite").unwrap();
    assert_eq!(cut.start().now().pin(), cut.old.pin());
}
