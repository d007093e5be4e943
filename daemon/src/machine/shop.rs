//! The shop as the running daemon follows it: statements come in, and links, pins and discovery go after them.
//!
//! # Invariants
//!
//! * A pin is refused before the links of it are closed: none that comes in between stands.
//! * What is refused is what the roster says *now*, whichever of two statements was stored first.

use std::sync::PoisonError;

use dunlin_rpc::wire::join::Statement;
use dunlin_rpc::{Pin, PublicKey};
use dunlin_schema::Clock as _;
use tracing::{info, warn};

use super::Machine;
use crate::clock;
use crate::error::{Error, Result};
use crate::roster::statement::Signer;
use crate::roster::{LetIn, Member, Merged, Role, Roster, Standing};

/// Why a link of a machine that is out ends.
pub(crate) const FORGOTTEN: &str = "this machine was forgotten by the shop";

/// Why links end when this machine is in the shop no more.
const NOT_IN_THE_SHOP: &str = "that machine is in the shop no more";

impl Machine {
    /// The roster grew: members, links and discovery follow it.
    pub fn roster_grew(&self) {
        self.follow_rotations();
        let (us, pins) = {
            // Read under the lock that it is written under: of two that come here at once, the later one must not
            // write what the earlier one read.
            let mut pins = self.pins.write().unwrap_or_else(PoisonError::into_inner);
            // A rotation changes both under the roster's lock.
            let roster = self.roster();
            *pins = roster.pins();
            (self.identity().pin(), pins.clone())
        };
        for link in self.links.all() {
            if link.pin == us {
                continue;
            }
            if !pins.contains(&link.pin) {
                link.close(self.why_out(link.pin));
            } else if !pins.contains(&us) {
                link.close(NOT_IN_THE_SHOP);
            }
        }
        self.tell_discovery();
        self.roster_moved.send_modify(|count| *count += 1);
        self.seen_to_change();
    }

    /// Takes in statements that came over a link, or were made here.
    pub fn merge_statements(
        &self,
        statements: &[Statement],
        link: Option<PublicKey>,
    ) -> Result<()> {
        let merged = self.roster().merge(statements, link)?;
        self.follow(&merged);
        Ok(())
    }

    /// What a merge changed is told and carried out.
    fn follow(&self, merged: &Merged) {
        let is_in = |members: &[Member], id| members.iter().any(|other| other.machine == id);
        for Member { machine, role, .. } in &merged.joined {
            if is_in(&merged.gone, *machine) {
                info!(partner = %machine, "member has a new key");
            } else {
                info!(partner = %machine, %role, "member joined");
            }
        }
        for Member { machine, .. } in &merged.gone {
            if !is_in(&merged.joined, *machine) {
                info!(partner = %machine, "member gone");
            }
        }
        if merged.refused > 0 {
            let count = merged.refused;
            warn!(rows = count, cause = "signature, shop or number", "statements refused");
        }
        if !merged.new.is_empty() {
            self.roster_grew();
        }
    }

    /// How this machine stands in its shop.
    pub fn standing(&self) -> Standing {
        let roster = self.roster();
        roster.standing(self.identity().public_key())
    }

    /// Does something to the roster in our own name, and follows it. Waits for the disk.
    pub fn act(
        &self,
        act: impl FnOnce(&mut Roster, Signer<'_>) -> Result<Merged, crate::roster::Error>,
    ) -> Result<Merged> {
        let merged = {
            // The roster first: a rotation changes the key under its lock.
            let mut roster = self.roster();
            let signer = Signer { identity: &self.identity(), at: self.clock.now() };
            act(&mut roster, signer)?
        };
        self.follow(&merged);
        Ok(merged)
    }

    /// Whom a person means who wants to forget: a member, a machine that lost its way, or any key by its pin.
    pub fn find_key(&self, wanted: &str) -> Result<(PublicKey, Member)> {
        let us = self.identity().public_key();
        if let Ok(member) = self.find(wanted) {
            return Ok((member.key, member));
        }
        if let Ok(lost) = self.find_lost(wanted) {
            return Ok((lost.key, lost));
        }
        if wanted == self.name || wanted == self.id().to_string() {
            return Err(crate::roster::Error::Ourselves.into());
        }
        let roster = self.roster();
        let key = wanted.parse::<Pin>().ok().and_then(|pin| roster.key_of(pin));
        let key = key
            .filter(|key| *key != us)
            .ok_or_else(|| Error::UnknownPartner { name: wanted.to_owned() })?;
        let member = Member {
            key,
            pin: key.pin(),
            machine: key.machine_id(),
            role: Role::Member,
            name: roster.name_of(key),
            since: 0,
        };
        Ok((key, member))
    }

    /// The machines that were let in once, are not out, and lost their way.
    pub fn lost(&self) -> Vec<Member> {
        self.roster().members().lost().cloned().collect()
    }

    /// One of them, by id or name.
    pub fn find_lost(&self, wanted: &str) -> Result<Member> {
        let lost = self.lost();
        let mut fitting = lost
            .iter()
            .filter(|member| member.name == wanted || member.machine.to_string() == wanted);
        match (fitting.next(), fitting.next()) {
            (Some(member), None) => Ok(member.clone()),
            (Some(_), Some(_)) => {
                Err(Error::Refused(format!("several machines are called {wanted:?}; use the id")))
            }
            (None, _) => Err(Error::UnknownPartner { name: wanted.to_owned() }),
        }
    }

    /// What a key let in.
    pub fn let_in_by(&self, key: PublicKey) -> Vec<LetIn> {
        self.roster().let_in_by(key)
    }

    /// Begins a new shop with this machine alone; every link closes, every open invite ends. Answers the name of
    /// the file in which the old roster is kept. Waits for the disk.
    pub fn renew_shop(&self) -> Result<String> {
        let now = self.clock.now();
        let day: String = clock::text(now).chars().take(10).collect();
        {
            let roster = self.roster();
            roster.may_begin_anew(self.identity().public_key())?;
        }
        // An invite of the old shop would let a machine into this one that its token does not name.
        self.invites().withdraw_all(self.seconds())?;
        let aside = {
            let mut roster = self.roster();
            let signer = Signer { identity: &self.identity(), at: now };
            roster.renew(signer, &self.name, &day)?
        };
        info!(shop = %self.roster().shop(), "new shop begun");
        self.roster_grew();
        Ok(aside)
    }
}
