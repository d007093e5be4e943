//! Invites: a token that a person carries from a machine of the shop to one that joins.
//!
//! ```text
//!   issuer   invite ─► token on stdout            secret ─► forgotten here; K and the invite's id stay
//!   joiner   token ─► dials, shows K(x, pins) ─► issuer judges ─► admit
//! ```
//!
//! # Invariants
//!
//! * The secret is in the token only: the issuer keeps what follows from it, and cannot make the
//!   token again.
//! * A proof holds on one TLS connection between two pins: it covers the exporter and both.
//! * A key that was admitted by an invite may ask again, and no second use is counted.
//! * Whether an ask is granted is decided in [`judge()`], which touches nothing.

mod judge;
#[cfg(test)]
mod tests;
mod token;

pub use judge::{Ask, Reason, Standing, Verdict, judge};
pub use token::{Token, TokenError};

use crate::folder::{self, Folder};
use crate::roster::Role;
use data_encoding::HEXLOWER;
use dunlin_rpc::identity::{Pin, Secret};
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::net::SocketAddr;
use std::time::Duration;
use subtle::ConstantTimeEq as _;

/// The file in the state folder.
const FILE: &str = "invites.json";

/// How long an expired invite is remembered, so that a late joiner's reason can be told.
const REMEMBERED: Duration = Duration::from_hours(24);

/// The most uses of one invite: more than a shop has room for makes no sense.
pub const USES_MAX: u32 = 256;

/// The longest life of an invite.
pub const LIFE_MAX: Duration = Duration::from_hours(30 * 24);

/// How many open invites there may be.
const INVITES_MAX: usize = 100;

/// The most addresses in a token: eight machines' worth would not fit a line anyway.
pub const ADDRESSES_MAX: usize = 8;

/// What is wrong with an invite.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too many uses, or none.
    #[error("an invite has 1 to {USES_MAX} uses")]
    Uses,
    /// Too long, or nothing.
    #[error("an invite lives from a second to 30 days")]
    Life,
    /// No address to call.
    #[error("this machine has no address that another could call; connect it to a network")]
    NoAddress,
    /// Too many are open.
    #[error("there are {INVITES_MAX} open invites; wait until some expire")]
    Full,
    /// No randomness.
    #[error("cannot draw a secret")]
    Random(#[source] getrandom::Error),
    /// The file is not what we wrote.
    #[error("cannot read {FILE}; it is damaged, remove it and invite again")]
    Damaged(#[source] serde_json::Error),
    /// The file could not be read or written.
    #[error(transparent)]
    Folder(#[from] folder::Error),
}

/// One invite, as the issuer keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invite {
    /// Its id: the first 8 bytes of H("dunlin invite" ‖ secret), in hex.
    pub invite: String,
    /// What both sides prove to know, in hex.
    key: Secret<String>,
    /// How many more keys it lets in.
    pub uses_left: u32,
    /// Until when, in seconds since 1970.
    pub expires: u32,
    /// As what.
    pub role: Role,
    /// Whom it let in; these may ask again.
    pub admitted: Vec<Pin>,
}

/// The invites of this machine. Changing them waits for the disk.
#[derive(Debug)]
pub struct Invites {
    folder: Folder,
    invites: Vec<Invite>,
}

/// What a person asks for when inviting.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// How many machines may join by it.
    pub uses: u32,
    /// For how long.
    pub life: Duration,
    /// As what they join; unless said, a single one as keeper and several as members.
    pub role: Option<Role>,
}

impl Default for Terms {
    fn default() -> Self {
        Self { uses: 1, life: Duration::from_mins(15), role: None }
    }
}

impl Invites {
    /// The invites in the state folder; none when there is no file.
    pub fn load(folder: &Folder) -> Result<Self, Error> {
        let invites = match folder.read_if_there(FILE)? {
            Some(text) => serde_json::from_slice(&text).map_err(Error::Damaged)?,
            None => Vec::new(),
        };
        Ok(Self { folder: folder.clone(), invites })
    }

    /// Makes an invite and its token. `now` is in seconds since 1970.
    ///
    /// Unless said otherwise a single one makes a keeper; one for many makes members, since whoever
    /// finds the token of a roll-out should not be able to let others in.
    pub fn issue(
        &mut self,
        terms: Terms,
        shop: [u8; 8],
        issuer: Pin,
        addresses: &[SocketAddr],
        now: u64,
    ) -> Result<Token, Error> {
        if !(1..=USES_MAX).contains(&terms.uses) {
            return Err(Error::Uses);
        }
        if terms.life < Duration::from_secs(1) || LIFE_MAX < terms.life {
            return Err(Error::Life);
        }
        if addresses.is_empty() {
            return Err(Error::NoAddress);
        }
        let mut next = self.unexpired(now);
        if next.len() >= INVITES_MAX {
            return Err(Error::Full);
        }
        let mut secret = [0; 20];
        getrandom::fill(&mut secret).map_err(Error::Random)?;
        let expires = u32::try_from(now + terms.life.as_secs()).unwrap_or(u32::MAX);
        let addresses = addresses.iter().take(ADDRESSES_MAX).copied().collect();
        let token = Token { shop, issuer, secret: Secret(secret), expires, addresses };
        next.push(Invite {
            invite: token.invite(),
            key: Secret(HEXLOWER.encode(&token.key())),
            uses_left: terms.uses,
            expires,
            role: terms.role.unwrap_or(if terms.uses == 1 { Role::Keeper } else { Role::Member }),
            admitted: Vec::new(),
        });
        self.store(next)?;
        Ok(token)
    }

    /// The invite with this id.
    pub fn get(&self, invite: &str) -> Option<&Invite> {
        // The id is no secret: it is sent in the clear of the channel before any proof.
        self.invites.iter().find(|known| known.invite == invite)
    }

    /// Whether a joiner could come now: the port for joining is open as long as this holds.
    ///
    /// A spent invite stays open until it expires, for a joiner whose answer got lost.
    pub fn is_open(&self, now: u64) -> bool {
        self.invites.iter().any(|invite| invite.is_alive(now))
    }

    /// All that are remembered.
    pub fn iter(&self) -> impl Iterator<Item = &Invite> {
        self.invites.iter()
    }

    /// Counts a use for this key, before its `admit` is signed.
    ///
    /// A crash between the two costs nothing: the key asks again, and is let in then, since it is
    /// among the admitted. A key that is there already costs no use.
    pub fn count_use(&mut self, invite: &str, joiner: Pin, now: u64) -> Result<(), Error> {
        let mut next = self.unexpired(now);
        if let Some(known) = next.iter_mut().find(|known| known.invite == invite)
            && !known.admitted.contains(&joiner)
        {
            known.uses_left = known.uses_left.saturating_sub(1);
            known.admitted.push(joiner);
        }
        self.store(next)
    }

    /// Withdraws all invites; how many machines they would still have let in.
    pub fn withdraw_all(&mut self, now: u64) -> Result<u32, Error> {
        let open = self.invites.iter().filter(|invite| invite.is_alive(now));
        let uses = open.map(|invite| invite.uses_left).sum();
        if !self.invites.is_empty() {
            self.store(Vec::new())?;
        }
        Ok(uses)
    }

    fn unexpired(&self, now: u64) -> Vec<Invite> {
        let is_fresh = |invite: &&Invite| now <= u64::from(invite.expires) + REMEMBERED.as_secs();
        self.invites.iter().filter(is_fresh).cloned().collect()
    }

    fn store(&mut self, next: Vec<Invite>) -> Result<(), Error> {
        let text = serde_json::to_vec_pretty(&next).map_err(Error::Damaged)?;
        self.folder.write(FILE, &text)?;
        self.invites = next;
        Ok(())
    }
}

impl Invite {
    /// Whether its time has not run out.
    pub fn is_alive(&self, now: u64) -> bool {
        now < u64::from(self.expires)
    }

    /// What we answer a good proof with: MAC(K, "I" ‖ x ‖ pin I ‖ pin J).
    pub fn answer(&self, exporter: &[u8; 32], issuer: Pin, joiner: Pin) -> [u8; 32] {
        proof(&self.key_bytes(), Side::Issuer, exporter, issuer, joiner)
    }

    fn key_bytes(&self) -> Vec<u8> {
        // What is not hex was not written by us; an empty key matches no proof of a real one.
        HEXLOWER.decode(self.key.expose().as_bytes()).unwrap_or_default()
    }
}

/// Whose proof it is. Each side's is another, so neither can be sent back as the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Joiner,
    Issuer,
}

/// MAC(K, side ‖ x ‖ pin of that side ‖ pin of the other).
pub(crate) fn proof(key: &[u8], side: Side, exporter: &[u8; 32], own: Pin, other: Pin) -> [u8; 32] {
    let letter: &[u8] = match side {
        Side::Joiner => b"J",
        Side::Issuer => b"I",
    };
    let message = [letter, exporter, &own.0, &other.0].concat();
    mac(key, &message)
}

/// Whether two secrets are equal, in a time that does not tell where they differ.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
pub(crate) fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

pub(crate) fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}
