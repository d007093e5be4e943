//! The machine's keys: the one it has now, and those that some member may still know it by.
//!
//! ```text
//!                            key   key.next  key.old  roster     the next start
//!   1  the new key is kept   old   new       …        -          nobody heard of it: it goes
//!   2  it is said            old   new       …        old→new    it counts: goes on with 3
//!   3  the old one is kept   old   new       … old    old→new    goes on with 3
//!   4  the new one is ours   new   new       … old    old→new    goes on with 5
//!   5  one copy goes         new   -         … old    old→new    as it stands
//!   6  all have heard        new   -         -        old→new    as it stands
//! ```
//!
//! A machine whose key is out begins anew, as another machine:
//!
//! ```text
//!                            key   key.anew  roster                the next start
//!   1  the new key is kept   old   anew      -                     waits for the next join
//!   2  the shop let it in    old   anew      old out, anew in      it counts: goes on with 3
//!   3  old keys go           old   anew      old out, anew in      goes on with 4
//!   4  the new one is ours   anew  anew      old out, anew in      one copy goes
//! ```
//!
//! # Invariants
//!
//! * The roster decides which key is ours: the statement is the moment, files follow it.
//! * There is always a file `key`, and never a moment in which the key of a member is on no disk.
//! * An old key is used for one thing: telling a member, who knows no other, of the new one.
//! * All old keys go at once, when every member has heard of the last rotation.
//! * A key that begins anew takes the place of one that is out, and of no other.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dunlin_logs::Chain;
use dunlin_rpc::identity::IdentityError;
use dunlin_rpc::{Identity, Pin, Secret};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use uuid::Uuid;

use crate::folder::{self, Folder};
use crate::roster::Roster;

/// The file of the machine's key, PEM.
pub const KEY: &str = "key";
/// The new key, until it is `key`.
pub const NEXT: &str = "key.next";
/// Old keys, one PEM after the other, the oldest first.
pub const OLD: &str = "key.old";
/// The key of a machine that begins anew, until it is `key`.
pub const ANEW: &str = "key.anew";
/// Who has heard of the last rotation.
const HEARD: &str = "key.heard";

/// So many old keys are kept: a member that misses more rotations than this would be cut off.
pub const OLD_MAX: usize = 4;

/// How a PEM ends; what follows is the next.
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// What is wrong with the keys.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no key.
    #[error(
        "there is no file {}; put the backup of it back, or make a new folder with `dunlin init` and join again",
        path.display()
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file is not what we wrote.
    #[error(
        "{} is not a key; put the backup of it back, or make a new folder with `dunlin init` and join again",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: IdentityError,
    },
    /// The file is not even text.
    #[error(
        "{} is empty or not text; put the backup of it back, or make a new folder with `dunlin init` and join again",
        path.display()
    )]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// Somebody has missed all rotations so far.
    #[error(
        "the key was rotated {OLD_MAX} times and some members have not heard of it; switch them on, or forget them, and try again"
    )]
    TooMany,
    /// No new key could be made.
    #[error("cannot make a key")]
    Generate(#[source] IdentityError),
    /// A file could not be read or written.
    #[error(transparent)]
    Folder(#[from] folder::Error),
}

/// The keys of this machine. Changing them waits for the disk.
#[derive(Debug)]
pub struct Keys {
    folder: Folder,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: Identity,
    /// The oldest first.
    old: Vec<Identity>,
    /// Who has heard of `now`, by machine id.
    heard: BTreeSet<Uuid>,
    /// The files are behind: the disk refused a write after the statement was said.
    behind: bool,
}

/// What `key.heard` keeps.
#[derive(Serialize, Deserialize)]
struct Heard {
    pin: Pin,
    members: BTreeSet<Uuid>,
}

impl Keys {
    /// The keys in the state folder; what a crash left half done is done to its end.
    pub fn load(folder: &Folder, roster: &Roster) -> Result<Self, Error> {
        for half_written in [KEY, NEXT, OLD, ANEW, HEARD] {
            remove(folder, &Folder::fresh(half_written));
        }
        begin_anew(folder, roster)?;
        let missing = || Error::Missing { path: folder.file(KEY) };
        let now = read(folder, KEY)?.into_iter().next().ok_or_else(missing)?;
        let mut state =
            State { now, old: read(folder, OLD)?, heard: BTreeSet::new(), behind: false };
        if let Some(next) = read(folder, NEXT)?.pop() {
            let (ours, new) = (state.now.public_key(), next.public_key());
            if roster.is_rotated(ours, new) {
                info!(pin = %new.pin(), "key rotation taken up where it was");
                state.go_on_under(next);
                state.settle(folder)?;
            } else {
                // Said to nobody, or `key` already.
                remove(folder, NEXT);
            }
        }
        let ours = state.now.pin();
        state.old.retain(|old| old.pin() != ours && roster.rotation(old.public_key()).is_some());
        let heard = folder.read_if_there(HEARD)?.unwrap_or_default();
        if let Ok(heard) = serde_json::from_slice::<Heard>(&heard)
            && heard.pin == ours
        {
            state.heard = heard.members;
        }
        Ok(Self { folder: folder.clone(), state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key that this machine has now.
    pub fn now(&self) -> Identity {
        self.state().now.clone()
    }

    /// Old keys that a member may still know us by, the newest first.
    pub fn old(&self) -> Vec<Identity> {
        self.state().old.iter().rev().cloned().collect()
    }

    /// The key with this pin, where it is ours or was; else the one that we have now.
    pub fn shown_for(&self, wanted: Option<Pin>) -> Identity {
        let state = self.state();
        let old = state.old.iter().find(|old| Some(old.pin()) == wanted);
        old.unwrap_or(&state.now).clone()
    }

    /// A new key, on the disk, of which nobody has heard (step 1).
    pub fn prepare(&self) -> Result<Identity, Error> {
        let mut state = self.state();
        if state.old.len() >= OLD_MAX {
            return Err(Error::TooMany);
        }
        if state.behind {
            // `key.next` is the only place of the key that we have now.
            state.settle(&self.folder)?;
        }
        let next = Identity::generate().map_err(Error::Generate)?;
        self.folder.write(NEXT, next.to_pem().expose().as_bytes())?;
        Ok(next)
    }

    /// The new key was said, and is ours from now on (steps 3 to 5), whatever the disk says.
    pub fn take_over(&self, next: Identity) {
        let mut state = self.state();
        state.go_on_under(next);
        if let Err(error) = state.settle(&self.folder) {
            state.behind = true;
            warn!(cause = %Chain(&error), "new key not yet in its file; the next start sees to it");
        }
    }

    /// The key to begin anew with: the one that was kept for it, since a shop may have let it in and the answer was
    /// lost; a new one if there is none, or if that is the one that was `refused`.
    pub fn anew(&self, refused: &Identity) -> Result<Identity, Error> {
        let state = self.state();
        if let Some(kept) = self.kept_anew(refused)? {
            return Ok(kept);
        }
        let anew = Identity::generate().map_err(Error::Generate)?;
        self.folder.write(ANEW, anew.to_pem().expose().as_bytes())?;
        drop(state); // two that ask at once get one key
        Ok(anew)
    }

    /// The key that was kept for beginning anew, if there is one that is not the `refused`.
    pub fn kept_anew(&self, refused: &Identity) -> Result<Option<Identity>, Error> {
        let kept = read(&self.folder, ANEW)?.pop();
        Ok(kept.filter(|kept| kept.pin() != refused.pin()))
    }

    /// A member showed that it knows the key `pin` of ours; true when that is news.
    pub fn heard_by(&self, member: Uuid, pin: Pin) -> bool {
        let mut state = self.state();
        if state.old.is_empty() || state.now.pin() != pin || !state.heard.insert(member) {
            return false;
        }
        let heard = Heard { pin, members: state.heard.clone() };
        let text = serde_json::to_vec(&heard).unwrap_or_default();
        if let Err(error) = self.folder.write(HEARD, &text) {
            // After a restart the member is asked once more.
            warn!(cause = %Chain(&error), "who heard of the new key is not remembered");
        }
        true
    }

    /// Whether a rotation is under way.
    pub fn is_rotating(&self) -> bool {
        !self.state().old.is_empty()
    }

    /// Whether the member has heard of the key that we have now.
    pub fn has_heard(&self, member: Uuid) -> bool {
        self.state().heard.contains(&member)
    }

    /// Lets the old keys go, if all of these have heard (step 6); true when they went now.
    pub fn let_go(&self, mut others: impl Iterator<Item = Uuid>) -> bool {
        let mut state = self.state();
        if state.old.is_empty() || !others.all(|member| state.heard.contains(&member)) {
            return false;
        }
        if state.behind
            && let Err(error) = state.settle(&self.folder)
        {
            warn!(cause = %Chain(&error), "old key kept until the new one is in its file");
            return false;
        }
        state.old.clear();
        state.heard.clear();
        // In this order: without `key.old` nothing is under way any more.
        remove(&self.folder, HEARD);
        remove(&self.folder, OLD);
        true
    }
}

impl State {
    fn go_on_under(&mut self, next: Identity) {
        let before = std::mem::replace(&mut self.now, next);
        // A crash after step 3 left it among the old ones already.
        self.old.retain(|old| old.pin() != before.pin());
        self.old.push(before);
        self.heard.clear();
    }

    /// Steps 3 to 5.
    fn settle(&mut self, folder: &Folder) -> Result<(), folder::Error> {
        let old: Vec<String> = self.old.iter().map(|old| old.to_pem().expose().clone()).collect();
        let old = Secret(old.concat());
        folder.write(OLD, old.expose().as_bytes())?;
        folder.write(KEY, self.now.to_pem().expose().as_bytes())?;
        remove(folder, NEXT);
        self.behind = false;
        Ok(())
    }
}

/// A key that a shop let in takes the place of the one that this shop put out.
fn begin_anew(folder: &Folder, roster: &Roster) -> Result<(), Error> {
    let Some(anew) = read(folder, ANEW)?.pop() else { return Ok(()) };
    let Some(now) = read(folder, KEY)?.into_iter().next() else { return Ok(()) };
    let members = roster.members();
    if now.pin() != anew.pin() {
        if !members.is_out(now.public_key()) || members.get(anew.public_key()).is_none() {
            return Ok(());
        }
        info!(pin = %anew.pin(), "the shop let a new key in; this machine goes on under it");
        // What is out is worth nothing, and neither is what led to it.
        for worthless in [HEARD, OLD, NEXT] {
            remove(folder, worthless);
        }
        folder.write(KEY, anew.to_pem().expose().as_bytes())?;
    }
    remove(folder, ANEW);
    Ok(())
}

/// The keys in a file, in their order; none when there is no file.
fn read(folder: &Folder, name: &str) -> Result<Vec<Identity>, Error> {
    let path = || folder.file(name);
    let Some(content) = folder.read_if_there(name)?.map(Secret) else { return Ok(Vec::new()) };
    let text =
        std::str::from_utf8(content.expose()).map_err(|_utf8| Error::NotText { path: path() })?;
    let pems = text.split_inclusive(PEM_END).filter(|pem| !pem.trim().is_empty());
    let keys: Result<Vec<Identity>, IdentityError> = pems.map(Identity::from_pem).collect();
    match keys {
        // Written by us, a file of keys is never empty.
        Ok(keys) if keys.is_empty() => Err(Error::NotText { path: path() }),
        Ok(keys) => Ok(keys),
        Err(source) => Err(Error::Damaged { path: path(), source }),
    }
}

/// What is not there need not go; what cannot be removed does no harm, and the next start tries again.
fn remove(folder: &Folder, name: &str) {
    let path = folder.file(name);
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        warn!(cause = %error, file = name, "not removed");
    }
}

#[cfg(test)]
mod tests;
