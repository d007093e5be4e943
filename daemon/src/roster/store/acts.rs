//! What a person does to the roster: forgetting, leaving, promoting, letting in again, beginning anew.
//!
//! # Invariants
//!
//! * Before anything is signed, the members that would follow are worked out: no act leaves the shop without a
//!   keeper, and a forget never puts out the machine that signs it.
//! * A statement counts only once it is stored; see [`Roster::merge`].

#[cfg(test)]
mod tests;

use super::super::rule::{Member, Members, members};
use super::super::statement::{Kind, Role, Signed, Signer};
use super::{Error, FILE, Merged, Roster, lines};
use dunlin_rpc::identity::{Pin, PublicKey, Sum};
use std::collections::BTreeSet;

/// Rosters that were begun anew and are kept aside; more than this and something is wrong.
const ASIDE_MAX: usize = 1_000;

/// How this machine stands in its own shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is a member, in this role.
    Member(Role),
    /// It left.
    Left,
    /// A keeper forgot it.
    Forgotten {
        /// Who did: the name by which the shop knows it.
        by: String,
        /// When, in milliseconds since 1970, by that machine's clock.
        at: i64,
    },
    /// Whoever let it in does not count any more; nobody forgot the machine itself.
    Lost,
}

/// A statement by which a key let another in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetIn {
    /// The statement's id.
    pub id: Sum,
    /// Who was let in: with the key that the machine has now, where it rotated since.
    pub who: Member,
    /// The way: `invite …`, `digits`, `rotation`.
    pub how: String,
    /// When, by the signer's clock.
    pub at: i64,
    /// Whether that machine is a member now.
    pub is_member: bool,
}

impl Roster {
    /// How `us` stands in this shop.
    pub fn standing(&self, us: PublicKey) -> Standing {
        if let Some(member) = self.members.get(us) {
            return Standing::Member(member.role);
        }
        if !self.members.is_out(us) {
            return Standing::Lost;
        }
        let forgets = || {
            self.statements.values().filter(move |signed| {
                matches!(signed.claim.kind, Kind::Forget { .. }) && signed.claim.of == us
            })
        };
        if forgets().any(|signed| signed.claim.by == us) {
            return Standing::Left;
        }
        let first = forgets().min_by_key(|signed| (signed.claim.at, signed.id));
        Standing::Forgotten {
            by: first.map_or_else(String::new, |signed| self.name_of(signed.claim.by)),
            at: first.map_or(0, |signed| signed.claim.at),
        }
    }

    /// How many keepers the shop has.
    pub fn keepers(&self) -> usize {
        keepers(&self.members)
    }

    /// What a key is called, by the latest word about it; also of one that is out.
    pub fn name_of(&self, key: PublicKey) -> String {
        let about = self.statements.values().filter(|signed| {
            signed.claim.of == key && !matches!(signed.claim.kind, Kind::Forget { .. })
        });
        let latest = about.max_by_key(|signed| (signed.claim.at, signed.id));
        latest.map(|signed| signed.claim.name.clone()).unwrap_or_default()
    }

    /// The key of a pin, if any statement is about it: a member's, a lost one's, or one that is out.
    pub fn key_of(&self, pin: Pin) -> Option<PublicKey> {
        self.statements.values().map(|signed| signed.claim.of).find(|of| of.pin() == pin)
    }

    /// What `key` signed that let somebody in.
    pub fn let_in_by(&self, key: PublicKey) -> Vec<LetIn> {
        let mut all: Vec<LetIn> = self
            .signed_by(key)
            .map(|signed| {
                let now = self.goes_on_as(signed.claim.of);
                let member = self.members.get(now);
                let role = match signed.claim.kind {
                    Kind::Admit { role, .. } => role,
                    Kind::Found { .. } | Kind::Rotate { .. } | Kind::Forget { .. } => Role::Member,
                };
                LetIn {
                    id: signed.id,
                    who: member.cloned().unwrap_or_else(|| Member {
                        key: now,
                        pin: now.pin(),
                        machine: signed.claim.of.machine_id(),
                        role,
                        name: signed.claim.name.clone(),
                        since: signed.claim.at,
                    }),
                    how: match &signed.claim.kind {
                        Kind::Admit { how, .. } => how.clone(),
                        Kind::Found { .. } | Kind::Rotate { .. } | Kind::Forget { .. } => {
                            "rotation".to_owned()
                        }
                    },
                    at: signed.claim.at,
                    is_member: member.is_some(),
                }
            })
            .collect();
        all.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.id.cmp(&b.id)));
        all
    }

    /// What `key` signed that lets in or rotates.
    fn signed_by(&self, key: PublicKey) -> impl Iterator<Item = &Signed> {
        self.statements.values().filter(move |signed| {
            signed.claim.by == key
                && matches!(signed.claim.kind, Kind::Admit { .. } | Kind::Rotate { .. })
        })
    }

    /// The key under which a machine goes on; a ring of rotations ends the walk.
    fn goes_on_as(&self, key: PublicKey) -> PublicKey {
        let mut passed = BTreeSet::from([key]);
        let mut now = key;
        while let Some(next) = self
            .statements
            .values()
            .filter(|signed| {
                signed.claim.by == now && matches!(signed.claim.kind, Kind::Rotate { .. })
            })
            .map(|signed| signed.claim.of)
            .find(|of| !passed.contains(of))
        {
            passed.insert(next);
            now = next;
        }
        now
    }

    /// Forgets `of`, for ever; `keep` are the statements of `of` that stay.
    ///
    /// Refused when it would leave the shop without a keeper, or put out the machine that signs.
    pub fn forget(
        &mut self,
        signer: Signer<'_>,
        of: PublicKey,
        keep: &BTreeSet<Sum>,
        reason: &str,
    ) -> Result<Merged, Error> {
        let us = signer.identity.public_key();
        if of == us {
            return Err(Error::Ourselves);
        }
        if !self.members.is_keeper(us) {
            return Err(Error::NotKeeperToForget);
        }
        let keep: Vec<Sum> =
            self.signed_by(of).map(|signed| signed.id).filter(|id| keep.contains(id)).collect();
        let name = self.name_of(of);
        let forget = signer.forget(self.shop, of, &name, keep.clone(), reason)?;
        let after = self.members_with(&forget);
        if !after.is_keeper(us) {
            return Err(Error::WouldPutUsOut { keep: self.who_holds_us(us, of, &keep, signer)? });
        }
        self.merge(&[forget.wire], None)
    }

    /// The machine that `of` let in and that must stay for `us` to stay.
    fn who_holds_us(
        &self,
        us: PublicKey,
        of: PublicKey,
        keep: &[Sum],
        signer: Signer<'_>,
    ) -> Result<String, Error> {
        for signed in self.signed_by(of).filter(|signed| !keep.contains(&signed.id)) {
            let more = keep.iter().copied().chain([signed.id]).collect();
            let forget = signer.forget(self.shop, of, "", more, "")?;
            if self.members_with(&forget).is_keeper(us) {
                return Ok(self.name_of(self.goes_on_as(signed.claim.of)));
            }
        }
        Ok("all".to_owned())
    }

    /// Leaves the shop: whom this machine let in stays.
    ///
    /// Refused for the last keeper while others remain: nobody could let in or forget any more.
    pub fn leave(&mut self, signer: Signer<'_>) -> Result<Merged, Error> {
        let us = signer.identity.public_key();
        if self.members.get(us).is_none() {
            return Err(Error::NotAMember);
        }
        if self.members.len() == 1 {
            return Err(Error::Alone);
        }
        let keep: Vec<Sum> = self.signed_by(us).map(|signed| signed.id).collect();
        let name = self.name_of(us);
        let leave = signer.forget(self.shop, us, &name, keep, "left")?;
        if keepers(&self.members_with(&leave)) == 0 {
            return Err(Error::LastKeeper);
        }
        self.merge(&[leave.wire], None)
    }

    /// Makes a member a keeper, by a second `admit`; does nothing for one that is a keeper already.
    pub fn promote(&mut self, signer: Signer<'_>, of: PublicKey) -> Result<Merged, Error> {
        match self.members.get(of).map(|member| (member.role, member.name.clone())) {
            None => Err(Error::NotThere),
            Some((Role::Keeper, _)) => Ok(Merged::default()),
            Some((Role::Member, name)) => self.admit(signer, of, &name, Role::Keeper, "promotion"),
        }
    }

    /// Lets a key in again that lost its way: whoever let it in does not count any more.
    pub fn let_in_again(
        &mut self,
        signer: Signer<'_>,
        of: PublicKey,
        role: Role,
    ) -> Result<Merged, Error> {
        let name = self.name_of(of);
        self.admit(signer, of, &name, role, "again")
    }

    /// Founds a new shop with this machine's key; the old roster is kept aside. Answers its name.
    ///
    /// A crash in between leaves the old shop, and a copy of it beside.
    pub fn renew(&mut self, signer: Signer<'_>, name: &str, day: &str) -> Result<String, Error> {
        let found = signer.found(name)?;
        let aside = (1..=ASIDE_MAX)
            .map(|n| format!("roster.{day}.{n}.jsonl"))
            .find(|file| !self.folder.has(file))
            .ok_or(Error::Exists)?;
        self.folder.write(&aside, &lines(self.statements.values())?)?;
        self.folder.write(FILE, &lines([&found])?)?;
        *self = Self::of(&self.folder, found.id, [found]);
        Ok(aside)
    }

    /// The members that follow if this is stored too.
    fn members_with(&self, more: &Signed) -> Members {
        members(self.shop, self.statements.values().chain([more]))
    }
}

fn keepers(members: &Members) -> usize {
    members.iter().filter(|member| member.role == Role::Keeper).count()
}
