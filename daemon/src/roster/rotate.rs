//! A machine's keys, one after the other: signing a rotation, and following those that were signed.

use std::collections::BTreeSet;

use dunlin_rpc::identity::{Identity, Pin, PublicKey};

use super::statement::{Kind, Signed, Signer};
use super::store::{Error, Merged, Roster};

impl Roster {
    /// Goes on under the key `next`, and stores that. All that the old key signed stays.
    pub fn rotate(
        &mut self,
        signer: Signer<'_>,
        next: &Identity,
        name: &str,
    ) -> Result<Merged, Error> {
        let us = signer.identity.public_key();
        if self.members().get(us).is_none() {
            return Err(Error::NotAMember);
        }
        let lets_in = |kind: &Kind| matches!(kind, Kind::Admit { .. } | Kind::Rotate { .. });
        let by_us = self.signed().filter(|signed| signed.claim.by == us);
        let keep = by_us.filter(|signed| lets_in(&signed.claim.kind)).map(|signed| signed.id);
        let rotate = signer.rotate(self.shop(), next, name, keep.collect())?;
        self.merge(&[rotate.wire], None)
    }

    /// The statement by which the key `by` went over to another.
    pub fn rotation(&self, by: PublicKey) -> Option<&Signed> {
        self.signed().find(|signed| signed.claim.by == by && is_rotation(signed))
    }

    /// Whether the key `by` went over to the key `of`.
    pub fn is_rotated(&self, by: PublicKey, of: PublicKey) -> bool {
        self.signed()
            .any(|signed| signed.claim.by == by && signed.claim.of == of && is_rotation(signed))
    }

    /// The keys that the machine with this one had before, the latest first.
    ///
    /// Nobody but the owner of a key can rotate into it, so there is one way back.
    fn before(&self, key: PublicKey) -> Vec<PublicKey> {
        let into = |key| self.signed().find(|s| s.claim.of == key && is_rotation(s));
        let mut before: Vec<PublicKey> = Vec::new();
        let mut last = key;
        while let Some(by) = into(last).map(|rotate| rotate.claim.by)
            && by != key
            && !before.contains(&by)
        {
            before.push(by);
            last = by;
        }
        before
    }

    /// The first key of the machine that has this one now: its id is made from that.
    pub fn first_of(&self, key: PublicKey) -> PublicKey {
        self.before(key).last().copied().unwrap_or(key)
    }

    /// Whether the machine would keep its id in another shop, where only its present key is known.
    pub fn may_begin_anew(&self, key: PublicKey) -> Result<(), Error> {
        if self.first_of(key) == key { Ok(()) } else { Err(Error::Rotated) }
    }

    /// How many keys the machine with this one had before.
    pub fn rotations_of(&self, key: PublicKey) -> usize {
        self.before(key).len()
    }

    /// When the key came into the shop, by the clock of whoever signed that.
    pub fn since(&self, key: PublicKey) -> Option<i64> {
        let into = |signed: &&Signed| {
            !matches!(signed.claim.kind, Kind::Forget { .. }) && signed.claim.of == key
        };
        self.signed().filter(into).map(|signed| signed.claim.at).min()
    }

    /// The pin by which the machine with this pin is a member: another when its key was rotated.
    pub fn pin_now(&self, pin: Pin) -> Option<Pin> {
        let mut passed = BTreeSet::new();
        let mut to_do = vec![pin];
        while let Some(pin) = to_do.pop() {
            if self.members().by_pin(pin).is_some() {
                return Some(pin);
            }
            if passed.insert(pin) {
                // Of two rotations of one key neither may count, or one: the members tell.
                let rotations = self.signed().filter(|signed| is_rotation(signed));
                let of_it = rotations.filter(|rotate| rotate.claim.by.pin() == pin);
                to_do.extend(of_it.map(|rotate| rotate.claim.of.pin()));
            }
        }
        None
    }
}

fn is_rotation(signed: &Signed) -> bool {
    matches!(signed.claim.kind, Kind::Rotate { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;
    use crate::roster::Role;

    fn signer(identity: &Identity) -> Signer<'_> {
        Signer { identity, at: 1 }
    }

    /// A shop founded by the first key, with the second as a keeper.
    fn shop() -> (tempfile::TempDir, Roster, [Identity; 4]) {
        let keys = [(); 4].map(|()| Identity::generate().unwrap());
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(&dir.path().join("state")).unwrap();
        let mut roster = Roster::found(&folder, signer(&keys[0]), "anna").unwrap();
        let bert = keys[1].public_key();
        roster.admit(signer(&keys[0]), bert, "bert", Role::Keeper, "digits").unwrap();
        (dir, roster, keys)
    }

    #[test]
    fn a_machine_that_rotates_keeps_its_id_its_role_and_those_it_let_in() {
        let (_dir, mut roster, [anna, bert, second, third]) = shop();
        let (id, pins) = (anna.public_key().machine_id(), [&anna, &second].map(Identity::pin));
        let merged = roster.rotate(signer(&anna), &second, "anna").unwrap();
        assert_eq!((merged.joined.len(), merged.gone.len()), (1, 1));
        roster.rotate(signer(&second), &third, "anna").unwrap();
        let now = roster.members().get(third.public_key()).unwrap();
        assert_eq!((now.machine, now.role), (id, Role::Keeper));
        assert!(roster.members().is_keeper(bert.public_key()), "whom it let in stays");
        assert_eq!(roster.members().len(), 2);
        assert!(roster.members().is_out(anna.public_key()));
        assert!(roster.members().is_out(second.public_key()));
        assert_eq!(roster.first_of(third.public_key()), anna.public_key());
        for pin in pins {
            assert_eq!(roster.pin_now(pin), Some(third.pin()));
        }
        assert_eq!(roster.pin_now(bert.pin()), Some(bert.pin()));
    }

    #[test]
    fn a_key_that_is_no_members_does_not_rotate() {
        let (_dir, mut roster, [anna, _, second, third]) = shop();
        roster.rotate(signer(&anna), &second, "anna").unwrap();
        // The old key is out, and a stranger never was in.
        for key in [&anna, &third] {
            let refused = roster.rotate(signer(key), &Identity::generate().unwrap(), "anna");
            assert!(matches!(refused, Err(Error::NotAMember)), "{refused:?}");
        }
        assert_eq!(roster.pin_now(third.pin()), None);
    }

    #[test]
    fn whoever_rotates_one_key_twice_is_out_with_both() {
        let (_dir, mut roster, [anna, bert, second, third]) = shop();
        let shop = roster.shop();
        // A copy of the machine, and the machine itself.
        let copy = signer(&bert).rotate(shop, &third, "bert", vec![]).unwrap();
        roster.rotate(signer(&bert), &second, "bert").unwrap();
        roster.merge(&[copy.wire], None).unwrap();
        assert_eq!(roster.members().len(), 1);
        assert_eq!(roster.pin_now(bert.pin()), None);
        assert!(roster.members().is_keeper(anna.public_key()));
    }

    #[test]
    fn a_rotated_machine_joins_no_other_shop_under_another_id() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(&dir.path().join("state")).unwrap();
        let [old, new] = [(); 2].map(|()| Identity::generate().unwrap());
        let mut roster = Roster::found(&folder, signer(&old), "anna").unwrap();
        assert!(roster.may_join(old.public_key(), [9; 8]).is_ok());
        roster.rotate(signer(&old), &new, "anna").unwrap();
        let refused = roster.may_join(new.public_key(), [9; 8]);
        assert!(matches!(refused, Err(Error::Rotated)), "{refused:?}");
        let own = roster.shop().0.first_chunk().copied().unwrap();
        assert!(roster.may_join(new.public_key(), own).is_ok());
    }
}
