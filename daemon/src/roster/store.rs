//! The roster on disk: `DIR/roster.jsonl`, one statement a line, appended and never rewritten.
//!
//! The exceptions are joining and beginning a new shop: the file is then written anew, in one go, so
//! that the machine is in the old shop or in the new one and never between.

mod acts;
#[cfg(test)]
mod tests;

pub use acts::{LetIn, Standing};

use super::rule::{Member, Members, members};
use super::statement::{self, Kind, Role, Signed, Signer};
use crate::folder::{self, Folder};
use dunlin_rpc::identity::{Identity, Pin, PublicKey, Sum};
use dunlin_rpc::wire::join::Statement;
use std::collections::{BTreeMap, BTreeSet};
use tracing::warn;

/// The file in the state folder.
const FILE: &str = "roster.jsonl";

/// The most members of a shop. Checked when we sign only: a cap on reading would let rosters differ.
pub const MEMBERS_MAX: usize = 256;

/// The most statements of a key that we take over a link of that very key. What others pass on is
/// always taken.
pub const STATEMENTS_OF_LINK_MAX: usize = 1_024;

/// What is wrong with the roster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is there, and is not what we wrote.
    #[error(
        "line {line} of {FILE} is damaged; restore the file, or make a new folder and join again"
    )]
    Damaged {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: LineError,
    },
    /// There is no file: the folder was not made by `init`.
    #[error("there is no {FILE}; run `dunlin init`")]
    Missing,
    /// There is a roster already.
    #[error("there is a {FILE} already")]
    Exists,
    /// A statement does not hold.
    #[error("a statement was refused")]
    Statement(#[from] statement::Error),
    /// The file could not be read or written.
    #[error(transparent)]
    Folder(#[from] folder::Error),
    /// The statement could not be written as JSON.
    #[error("cannot write a statement")]
    Write(#[source] serde_json::Error),
    /// We may not let in.
    #[error("this machine is not a keeper of its shop; invite from one that is")]
    NotKeeper,
    /// The key is out.
    #[error("this key was forgotten; the machine needs a new one")]
    Forgotten,
    /// No room.
    #[error("the shop has {MEMBERS_MAX} machines already; forget one first")]
    ShopFull,
    /// We are out already.
    #[error("this machine is in no shop any more")]
    NotAMember,
    /// We are in a shop with others.
    #[error(
        "this machine is in a shop with {others} other machines; leave it before joining another"
    )]
    InAShop {
        /// How many others.
        others: usize,
    },
    /// The chain of our keys is in this shop only.
    #[error(
        "this machine's key was rotated, so in another shop it would be another machine; make a new state folder with `dunlin init` and go on from there"
    )]
    Rotated,
    /// We may not forget.
    #[error("this machine is not a keeper of its shop; forget it on one that is")]
    NotKeeperToForget,
    /// One does not forget oneself.
    #[error("a machine does not forget itself; `dunlin leave` takes it out of its shop")]
    Ourselves,
    /// What stays would not hold us.
    #[error(
        "that would put this machine out too, by way of what the other let in; keep {keep:?} as well"
    )]
    WouldPutUsOut {
        /// Whom to keep.
        keep: String,
    },
    /// The shop would have no keeper.
    #[error(
        "this is the only keeper of the shop, and without one nobody can be let in or forgotten; first make another a keeper with `dunlin partners promote NAME`"
    )]
    LastKeeper,
    /// There is nobody to leave.
    #[error("this machine is alone in its shop; there is nothing to leave")]
    Alone,
    /// It is no member.
    #[error("that machine is no member of the shop; let it in again first")]
    NotThere,
    /// What we were sent does not make us a member of the shop of the invite.
    #[error("the answer does not make this machine a member of the inviting shop")]
    NotAdmitted,
    /// We were told that our key is out, and nothing that we were sent says so.
    #[error(
        "the inviting machine says that this machine's key was forgotten, and cannot show it; nothing was changed, ask who made the token"
    )]
    NotOut,
}

/// What can be wrong with a line of the file.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// Not a statement.
    #[error("it is not a statement")]
    Json(#[source] serde_json::Error),
    /// Its signature does not hold.
    #[error("its signature does not hold")]
    Signature(#[source] statement::Error),
    /// It is of another shop.
    #[error("it is of another shop")]
    Shop,
}

/// What a merge changed.
#[derive(Debug, Default)]
pub struct Merged {
    /// What we did not have, to pass on over the other links.
    pub new: Vec<Statement>,
    /// Who is a member now and was not, or is one in another role.
    pub joined: Vec<Member>,
    /// Who was a member and is not: their links close.
    pub gone: Vec<Member>,
    /// How many statements were refused: bad signature, another shop, or over the link's limit.
    pub refused: usize,
}

/// The roster of our shop. Changing it waits for the disk.
#[derive(Debug)]
pub struct Roster {
    folder: Folder,
    shop: Sum,
    statements: BTreeMap<Sum, Signed>,
    members: Members,
}

impl Roster {
    /// Founds a shop with this machine as its keeper, at `init`.
    pub fn found(folder: &Folder, signer: Signer<'_>, name: &str) -> Result<Self, Error> {
        if folder.has(FILE) {
            return Err(Error::Exists);
        }
        let found = signer.found(name)?;
        folder.write(FILE, &lines([&found])?)?;
        Ok(Self::of(folder, found.id, [found]))
    }

    /// The roster in the state folder, every signature checked again.
    ///
    /// A last line without an end is what a crash leaves of an append that was never answered; it is
    /// dropped. Anything else that does not hold is damage: a `forget` may be among it, so we do
    /// not go on without.
    pub fn load(folder: &Folder) -> Result<Self, Error> {
        let content = folder.read_if_there(FILE)?.ok_or(Error::Missing)?;
        let whole = content.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let (kept, torn) = content.split_at(whole);
        if !torn.is_empty() {
            warn!(cause = "half a line at its end", bytes = torn.len(), "roster mended");
            folder.write(FILE, kept)?;
        }
        let mut shop = None;
        let mut statements = Vec::new();
        for (index, line) in kept.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let damaged = |source| Error::Damaged { line: index + 1, source };
            let wire: Statement =
                serde_json::from_slice(line).map_err(|error| damaged(LineError::Json(error)))?;
            let signed = Signed::verify(&wire).map_err(|e| damaged(LineError::Signature(e)))?;
            if *shop.get_or_insert(signed.shop()) != signed.shop() {
                return Err(damaged(LineError::Shop));
            }
            statements.push(signed);
        }
        let shop = shop.ok_or(Error::Missing)?;
        Ok(Self::of(folder, shop, statements))
    }

    fn of(folder: &Folder, shop: Sum, statements: impl IntoIterator<Item = Signed>) -> Self {
        let statements: BTreeMap<Sum, Signed> =
            statements.into_iter().map(|signed| (signed.id, signed)).collect();
        let members = members(shop, statements.values());
        Self { folder: folder.clone(), shop, statements, members }
    }

    /// The shop: the id of its first statement.
    pub fn shop(&self) -> Sum {
        self.shop
    }

    /// Who is in and who is out.
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// The pins of all members; what the TLS verifier lets through.
    pub fn pins(&self) -> BTreeSet<Pin> {
        self.members.iter().map(|member| member.pin).collect()
    }

    /// How many members there are beside us; none when we are not a member ourselves.
    pub fn others(&self, us: PublicKey) -> usize {
        if self.members.get(us).is_none() { 0 } else { self.members.len() - 1 }
    }

    /// The hash of the sorted ids: equal rosters have equal hashes.
    pub fn hash(&self) -> Sum {
        let ids: Vec<u8> = self.statements.keys().flat_map(|id| id.0).collect();
        Sum::of(&ids)
    }

    /// The ids of all statements, sorted.
    pub fn ids(&self) -> Vec<Sum> {
        self.statements.keys().copied().collect()
    }

    /// What we have and who holds `theirs` lacks.
    pub fn missing(&self, theirs: &[Sum]) -> Vec<Statement> {
        let theirs: BTreeSet<&Sum> = theirs.iter().collect();
        let lacking = self.statements.values().filter(|signed| !theirs.contains(&signed.id));
        lacking.map(|signed| signed.wire.clone()).collect()
    }

    /// All statements, by id.
    pub fn signed(&self) -> impl Iterator<Item = &Signed> {
        self.statements.values()
    }

    /// All statements, for a joiner.
    pub fn statements(&self) -> Vec<Statement> {
        self.statements.values().map(|signed| signed.wire.clone()).collect()
    }

    /// Takes statements over the link of `link`, or from ourselves; stores what is new before it
    /// counts.
    ///
    /// What does not hold is refused and counted, and what came with it is taken all the same: a
    /// `forget` must not be lost because something hostile stood beside it.
    pub fn merge(
        &mut self,
        statements: &[Statement],
        link: Option<PublicKey>,
    ) -> Result<Merged, Error> {
        let mut merged = Merged::default();
        let mut new: BTreeMap<Sum, Signed> = BTreeMap::new();
        let by_link = |signed: &Signed| Some(signed.claim.by) == link;
        let mut of_link = self.statements.values().filter(|signed| by_link(signed)).count();
        for wire in statements {
            let id = wire.id();
            if self.statements.contains_key(&id) || new.contains_key(&id) {
                continue;
            }
            match Signed::verify(wire) {
                Ok(signed) if signed.shop() == self.shop => {
                    let is_by_link = by_link(&signed);
                    if is_by_link && of_link >= STATEMENTS_OF_LINK_MAX {
                        merged.refused += 1;
                        continue;
                    }
                    of_link += usize::from(is_by_link);
                    new.insert(id, signed);
                }
                Ok(_) | Err(_) => merged.refused += 1,
            }
        }
        if !new.is_empty() {
            self.folder.append(FILE, &lines(new.values())?)?;
            merged.new = new.values().map(|signed| signed.wire.clone()).collect();
            self.statements.extend(new);
            self.evaluate(&mut merged);
        }
        Ok(merged)
    }

    /// Works out the members again, and what changed about them.
    fn evaluate(&mut self, merged: &mut Merged) {
        let after = members(self.shop, self.statements.values());
        let role = |members: &Members, key| members.get(key).map(|member| member.role);
        merged.joined = after
            .iter()
            .filter(|member| role(&self.members, member.key) != Some(member.role))
            .cloned()
            .collect();
        merged.gone =
            self.members.iter().filter(|member| after.get(member.key).is_none()).cloned().collect();
        self.members = after;
    }

    /// Lets a key in, and stores that.
    pub fn admit(
        &mut self,
        signer: Signer<'_>,
        of: PublicKey,
        name: &str,
        role: Role,
        how: &str,
    ) -> Result<Merged, Error> {
        self.may_admit(signer.identity.public_key(), of)?;
        let admit = signer.admit(self.shop, of, name, role, how)?;
        self.merge(&[admit.wire], None)
    }

    /// Whether `us` could let `of` in now.
    pub fn may_admit(&self, us: PublicKey, of: PublicKey) -> Result<(), Error> {
        if !self.members.is_keeper(us) {
            return Err(Error::NotKeeper);
        }
        if self.members.is_out(of) {
            return Err(Error::Forgotten);
        }
        if self.members.get(of).is_none() && self.members.len() >= MEMBERS_MAX {
            return Err(Error::ShopFull);
        }
        Ok(())
    }

    /// Whether we could join the shop whose id begins with `shop`: alone, out, or in it already.
    pub fn may_join(&self, us: PublicKey, shop: [u8; 8]) -> Result<(), Error> {
        let others = self.others(us);
        if self.shop.0.starts_with(&shop) {
            Ok(())
        } else if others > 0 {
            Err(Error::InAShop { others })
        } else {
            self.may_begin_anew(us)
        }
    }

    /// Takes over the roster of the shop we were let into, in one go.
    ///
    /// All signatures must hold, and the statements must make us and the issuer members of the shop
    /// the invite names; else nothing changes. Our own unused shop is dropped.
    pub fn adopt(
        &mut self,
        us: &Identity,
        issuer: Pin,
        shop: [u8; 8],
        statements: &[Statement],
    ) -> Result<(), Error> {
        self.adopt_anew(us.public_key(), us, issuer, shop, statements)
    }

    /// As [`Roster::adopt`], for a machine that had the key `before` until now and begins anew.
    ///
    /// Whoever hands out a token could say that a key was forgotten. So it is not believed: what he sends must hold
    /// the statements that put `before` out; else nothing changes.
    pub fn adopt_anew(
        &mut self,
        before: PublicKey,
        us: &Identity,
        issuer: Pin,
        shop: [u8; 8],
        statements: &[Statement],
    ) -> Result<(), Error> {
        let us = us.public_key();
        self.may_join(before, shop)?;
        let signed: Vec<Signed> =
            statements.iter().map(Signed::verify).collect::<Result<_, _>>()?;
        let named = signed
            .iter()
            .filter(|signed| matches!(signed.claim.kind, Kind::Found { .. }))
            .map(|found| found.id)
            .find(|id| id.0.starts_with(&shop))
            .ok_or(Error::NotAdmitted)?;
        let mut theirs: Vec<Signed> =
            signed.into_iter().filter(|signed| signed.shop() == named).collect();
        if self.shop == named {
            // What we already know of this shop stays: a `forget` among it must not get lost.
            theirs.extend(self.statements.values().cloned());
        }
        let next = Self::of(&self.folder, named, theirs);
        if next.members.get(us).is_none() || next.members.by_pin(issuer).is_none() {
            return Err(Error::NotAdmitted);
        }
        if before != us && !next.members.is_out(before) {
            return Err(Error::NotOut);
        }
        self.folder.write(FILE, &lines(next.statements.values())?)?;
        *self = next;
        Ok(())
    }
}

#[expect(single_use_lifetimes, reason = "an `impl Trait` argument cannot leave it out")]
fn lines<'a>(statements: impl IntoIterator<Item = &'a Signed>) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    for signed in statements {
        serde_json::to_writer(&mut text, &signed.wire).map_err(Error::Write)?;
        text.push(b'\n');
    }
    Ok(text)
}
