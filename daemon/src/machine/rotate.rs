//! Going on under a new key: the statement is signed, every member is told, the old key is let go.

use std::time::Duration;

use dunlin_logs::Chain;
use dunlin_rpc::Pin;
use dunlin_schema::Clock as _;
use tracing::{info, warn};
use uuid::Uuid;

use super::Machine;
use crate::error::{Error, Result};
use crate::roster::Member;
use crate::roster::statement::Signer;

/// Over links of the old key the members are told; then these have this long to close by themselves.
const TO_CLOSE: Duration = Duration::from_secs(2);

/// What a rotation came to.
#[derive(Debug)]
pub struct Rotated {
    /// How many machines the invites would still have let in that end with the old key.
    pub uninvited: u32,
}

impl Machine {
    /// This machine goes on under a new key. Waits for the disk.
    pub fn rotate_key(&self) -> Result<Rotated> {
        {
            // Held to the end: nobody must be answered in the name of a key that goes.
            let mut roster = self.roster();
            let old = self.identity();
            if roster.members().get(old.public_key()).is_none() {
                return Err(Error::NotAMember);
            }
            let next = self.keys.prepare()?;
            let signer = Signer { identity: &old, at: self.clock.now() };
            roster.rotate(signer, &next, &self.name)?;
            self.keys.take_over(next);
        }
        info!(pin = %self.identity().pin(), "key rotated");
        // Their tokens name the old key, so nobody could use them any more.
        let uninvited = self.invites().withdraw_all(self.seconds()).unwrap_or_else(|error| {
            warn!(cause = %Chain(&error), "invites of the old key not withdrawn");
            0
        });
        let old_links = self.links.all();
        self.roster_grew();
        tokio::spawn(async move {
            tokio::time::sleep(TO_CLOSE).await;
            for link in old_links {
                link.close("this machine has a new key");
            }
        });
        Ok(Rotated { uninvited })
    }

    /// A member met us under the key `pin`, so it has heard of it.
    pub fn heard_by(&self, member: Uuid, pin: Pin) {
        if self.keys.heard_by(member, pin) {
            self.let_old_keys_go();
        }
    }

    /// Members who know this machine by an old key only, by name.
    pub fn not_heard(&self) -> Vec<Member> {
        if !self.keys.is_rotating() {
            return Vec::new();
        }
        let mut others = self.others();
        others.retain(|member| !self.keys.has_heard(member.machine));
        others
    }

    /// What is kept by pin goes on under the new ones, and old keys go that nobody waits for.
    pub(super) fn follow_rotations(&self) {
        {
            let roster = self.roster();
            self.partners.follow(&roster, self.clock.now());
        }
        self.let_old_keys_go();
    }

    /// Why the links of a pin close that is no member's any more.
    pub fn why_out(&self, pin: Pin) -> &'static str {
        if self.roster().pin_now(pin).is_some() {
            "this machine goes on under a new key"
        } else {
            super::FORGOTTEN
        }
    }

    fn let_old_keys_go(&self) {
        let others = self.others();
        if self.keys.let_go(others.iter().map(|member| member.machine)) {
            info!("every member knows the new key; the old one is deleted");
        }
    }
}
