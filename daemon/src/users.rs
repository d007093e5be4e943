//! Users: who may call with a name and a password, in `DIR/users.json`.
//!
//! ```text
//!   name, password ─► cache of successes ─► known ─► role
//!                           │ not there
//!                           └─► argon2id against the user's hash, or a dummy's ─► role, into the cache
//! ```
//!
//! # Invariants
//!
//! * An unknown user takes as long as a known one: a dummy is hashed for them.
//! * Only successes are cached, under a key that is drawn at each start, and a user's are dropped
//!   with any change of that user.
//! * What no password can be ([`could_be`]) is refused *before* hashing, so a megabyte costs
//!   nothing.
//! * Each change of a user begins a new *state* of theirs, by which sessions and verifications that
//!   are under way notice it.
//! * At most two hashes run at once, of 19 MiB and some 20 ms each; who waits is the caller's matter.
//! * The monotonic clock is handed in.

mod common;
mod hashing;
#[cfg(test)]
mod tests;

use crate::config::is_name;
use crate::folder::{self, Folder};
use argon2::Params;
use argon2::password_hash::phc::PasswordHash;
use dunlin_rpc::Secret;
pub(crate) use hashing::AT_ONCE as HASHES_AT_ONCE;
use hashing::Hasher;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The file in the state folder.
const FILE: &str = "users.json";

/// The longest password, in bytes of UTF-8.
pub const PASSWORD_BYTES_MAX: usize = 256;

/// The shortest password of a user who may read or write, in characters.
pub const PASSWORD_MIN: usize = 10;

/// The shortest password of an admin, in characters.
pub const ADMIN_PASSWORD_MIN: usize = 15;

/// A proposed password has so many characters of [`LETTERS`]: 100 bits.
const PROPOSED_CHARS: usize = 20;

/// Letters and digits that nobody takes for one another; 32 of them.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// How many verified passwords are remembered; a shop has fewer scripts than that.
const CACHE_MAX: usize = 256;

/// How long a verified password is remembered.
const CACHE_FOR: Duration = Duration::from_mins(10);

/// How many users there may be.
const USERS_MAX: usize = 1_000;

/// What nobody's password hashes to: default parameters, so that it takes as long as a real one.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$ZHVubGluIGR1bW15IHNhbHQ\
                     $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What a user may do; each may do what the one before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// `getdata`, and looking.
    Read,
    /// And `putdata`.
    Write,
    /// And everything else.
    Admin,
}

impl Role {
    /// The word in files, flags and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        match word {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "admin" => Ok(Self::Admin),
            _ => Err(Error::Role { word: dunlin_logs::clean(word, 32) }),
        }
    }
}

/// What is wrong with a user or the file of users.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The word is not a role.
    #[error("a role is read, write or admin, not `{word}`")]
    Role {
        /// What was said.
        word: String,
    },
    /// The name is empty, too long, or does not print.
    #[error("a user's name has 1 to 64 printable characters")]
    Name,
    /// The password is too short.
    #[error("a password for role {role} has at least {min} characters")]
    Short {
        /// Whose password.
        role: Role,
        /// How many it needs.
        min: usize,
    },
    /// The password is too long.
    #[error("a password has at most {PASSWORD_BYTES_MAX} bytes")]
    Long,
    /// The password has characters that none has.
    #[error("a password has no NUL characters")]
    Nul,
    /// The password is one that everybody tries.
    #[error(
        "this password is among those that are tried first; take a longer one, or let `--generate` \
         make one"
    )]
    Common,
    /// A caller of old programs with every right.
    #[error(
        "a user of old programs sends the password unprotected over the network, so the role is \
         read or write"
    )]
    OldAdmin,
    /// An admin's password is longer than the one that there is.
    #[error("a user who becomes an admin needs a new password; give one with the role")]
    NeedsPassword,
    /// There is such a user already.
    #[error("there is a user {name:?} already; change the password with `dunlin users passwd`")]
    Exists {
        /// The name.
        name: String,
    },
    /// There is no such user.
    #[error("there is no user {name:?}; `dunlin users list` names them")]
    Unknown {
        /// The name.
        name: String,
    },
    /// There are too many.
    #[error("there are {USERS_MAX} users already; remove one first")]
    Full,
    /// The password could not be hashed.
    #[error("cannot hash the password")]
    Hash(#[source] argon2::password_hash::Error),
    /// No randomness.
    #[error("cannot draw a random key")]
    Random(#[source] getrandom::Error),
    /// The file is not what we wrote.
    #[error("cannot read {FILE}; it is damaged, restore it or remove it and add the users again")]
    Damaged(#[source] serde_json::Error),
    /// The file could not be read or written.
    #[error(transparent)]
    Folder(#[from] folder::Error),
}

/// One user as the file has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    role: Role,
    /// A PHC string: algorithm, parameters, salt and hash.
    hash: String,
    /// Whether this is a program of 2009 on another machine: `getdata` and `putdata` alone, and
    /// the only kind of user who may come by the old callers' listener.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    old_caller: bool,
}

/// Who was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// What the user may do.
    pub role: Role,
    /// Whether it is a program of 2009.
    pub old_caller: bool,
    /// Which state of the user it is.
    pub state: u64,
}

/// A user as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// Whether it is a program of 2009.
    pub old_caller: bool,
}

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    users: BTreeMap<String, User>,
}

/// The users. Share it by `Arc`; [`Users::verify`] and what changes a user block for a hash, so not
/// from async code.
pub struct Users {
    folder: Folder,
    /// Drawn at each start, so that the cache's keys are worth nothing outside this process.
    process_key: [u8; 32],
    hasher: Hasher,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    book: Book,
    cache: Vec<Verified>,
    /// Where a user's state is not 0: it was changed since the start.
    states: BTreeMap<String, u64>,
    changes: u64,
}

impl State {
    fn known(&self, name: &str) -> Option<Known> {
        let user = self.book.users.get(name)?;
        let state = self.states.get(name).copied().unwrap_or_default();
        Some(Known { role: user.role, old_caller: user.old_caller, state })
    }
}

/// One password that was right.
struct Verified {
    key: [u8; 32],
    name: String,
    since: Duration,
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Users {
    /// The users in the state folder; none when there is no file.
    pub fn load(folder: &Folder) -> Result<Self, Error> {
        Self::load_with(folder, Params::default())
    }

    fn load_with(folder: &Folder, params: Params) -> Result<Self, Error> {
        let book = match folder.read_if_there(FILE)? {
            Some(text) => serde_json::from_slice(&text).map_err(Error::Damaged)?,
            None => Book::default(),
        };
        let mut process_key = [0; 32];
        getrandom::fill(&mut process_key).map_err(Error::Random)?;
        let state = Mutex::new(State { book, ..State::default() });
        Ok(Self { folder: folder.clone(), process_key, hasher: Hasher::new(params), state })
    }

    /// Adds a user.
    pub fn add(
        &self,
        name: &str,
        password: &str,
        role: Role,
        old_caller: bool,
    ) -> Result<(), Error> {
        if !is_name(name) {
            return Err(Error::Name);
        }
        if old_caller && role == Role::Admin {
            return Err(Error::OldAdmin);
        }
        let hash = self.hash(name, password, role)?;
        self.change(name, |users| {
            if users.contains_key(name) {
                return Err(Error::Exists { name: name.to_owned() });
            }
            if users.len() >= USERS_MAX {
                return Err(Error::Full);
            }
            users.insert(name.to_owned(), User { role, hash, old_caller });
            Ok(())
        })
    }

    /// Adds the first admin, if there is none yet.
    pub fn add_first(&self, name: &str, password: &str) -> Result<(), Error> {
        if !is_name(name) {
            return Err(Error::Name);
        }
        let hash = self.hash(name, password, Role::Admin)?;
        self.change(name, |users| {
            // Asked again under the lock: of two people who press at once one is first.
            if users.contains_key(name) || users.values().any(|user| user.role == Role::Admin) {
                return Err(Error::Exists { name: name.to_owned() });
            }
            let user = User { role: Role::Admin, hash, old_caller: false };
            users.insert(name.to_owned(), user);
            Ok(())
        })
    }

    /// Gives a user another password.
    pub fn set_password(&self, name: &str, password: &str) -> Result<(), Error> {
        let unknown = || Error::Unknown { name: name.to_owned() };
        let role = self.role(name).ok_or_else(unknown)?;
        let hash = self.hash(name, password, role)?;
        self.change(name, |users| match users.get_mut(name) {
            // An admin's password is longer; the role may have changed while we hashed.
            Some(user) if user.role == role => {
                user.hash = hash;
                Ok(())
            }
            Some(_) | None => Err(unknown()),
        })
    }

    /// Gives a user another role. An admin's password is longer than others, so whoever becomes
    /// one needs a new one.
    pub fn set_role(&self, name: &str, role: Role, password: Option<&str>) -> Result<(), Error> {
        if self.role(name).is_none() {
            return Err(Error::Unknown { name: name.to_owned() });
        }
        let hash = password.map(|password| self.hash(name, password, role)).transpose()?;
        self.change(name, |users| {
            let user =
                users.get_mut(name).ok_or_else(|| Error::Unknown { name: name.to_owned() })?;
            if role == Role::Admin && user.old_caller {
                return Err(Error::OldAdmin);
            }
            match hash {
                Some(hash) => user.hash = hash,
                None if role == Role::Admin && user.role != Role::Admin => {
                    return Err(Error::NeedsPassword);
                }
                None => {}
            }
            user.role = role;
            Ok(())
        })
    }

    /// Removes a user.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        self.change(name, |users| match users.remove(name) {
            Some(_) => Ok(()),
            None => Err(Error::Unknown { name: name.to_owned() }),
        })
    }

    /// All users, by name.
    pub fn list(&self) -> Vec<Listed> {
        let state = self.lock();
        let listed = |(name, user): (&String, &User)| Listed {
            name: name.clone(),
            role: user.role,
            old_caller: user.old_caller,
        };
        state.book.users.iter().map(listed).collect()
    }

    /// Whether anybody may do everything with a password: a listener on the network needs one.
    pub fn has_admin(&self) -> bool {
        self.lock().book.users.values().any(|user| user.role == Role::Admin)
    }

    /// A user as they are now.
    pub fn known(&self, name: &str) -> Option<Known> {
        self.lock().known(name)
    }

    /// What a user may do.
    pub fn role(&self, name: &str) -> Option<Role> {
        self.lock().book.users.get(name).map(|user| user.role)
    }

    /// Who it is, if these words were verified lately; costs no hash.
    pub fn cached(&self, name: &str, password: &str, now: Duration) -> Option<Known> {
        if !could_be(name, password) {
            return None;
        }
        let key = self.cache_key(name, password);
        let mut state = self.lock();
        state.cache.retain(|entry| now.saturating_sub(entry.since) < CACHE_FOR);
        // The key is a MAC: what a comparison's time tells about it tells nothing about a password.
        state.cache.iter().find(|entry| entry.key == key && entry.name == name)?;
        state.known(name)
    }

    /// Who it is; `None` when the name or the password is wrong.
    ///
    /// Blocks for a hash unless cached. `now` is the monotonic clock.
    pub fn verify(&self, name: &str, password: &str, now: Duration) -> Option<Known> {
        if let Some(known) = self.cached(name, password, now) {
            return Some(known);
        }
        // No such name or password was ever set, so refusing it at once tells nothing.
        if !could_be(name, password) {
            return None;
        }
        let hash = self.lock().book.users.get(name).map(|user| user.hash.clone());
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| DUMMY.to_owned());
        let parsed = PasswordHash::new(&hash).ok()?;
        let right = self.hasher.fits(password, &parsed);
        if !right || !known {
            return None;
        }
        let hash = self.renew(name, password, &parsed, &hash).unwrap_or(hash);
        self.remember(name, password, &hash, now)
    }

    /// Hashes a right password anew where its hash was made with other parameters than today's.
    fn renew(
        &self,
        name: &str,
        password: &str,
        parsed: &PasswordHash,
        old: &str,
    ) -> Option<String> {
        if self.hasher.is_of_today(parsed) {
            return None;
        }
        let fresh = self.hasher.make(password).ok()?;
        let stored = self.store(|users| match users.get_mut(name) {
            Some(user) if user.hash == old => {
                user.hash.clone_from(&fresh);
                Ok(())
            }
            Some(_) | None => Err(Error::Unknown { name: name.to_owned() }),
        });
        // A disk that is full keeps nobody out: the old hash is as right as it was.
        stored.ok().map(|_state| fresh)
    }

    /// Caches a success, unless the user was changed while we hashed.
    fn remember(&self, name: &str, password: &str, hash: &str, now: Duration) -> Option<Known> {
        let key = self.cache_key(name, password);
        let mut state = self.lock();
        state.book.users.get(name).filter(|user| user.hash == hash)?;
        if state.cache.len() >= CACHE_MAX {
            // The oldest stands first.
            state.cache.remove(0);
        }
        state.cache.push(Verified { key, name: name.to_owned(), since: now });
        state.known(name)
    }

    fn hash(&self, name: &str, password: &str, role: Role) -> Result<String, Error> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(Error::Long);
        }
        if password.contains('\0') {
            return Err(Error::Nul);
        }
        let min = match role {
            Role::Read | Role::Write => PASSWORD_MIN,
            Role::Admin => ADMIN_PASSWORD_MIN,
        };
        if password.chars().count() < min {
            return Err(Error::Short { role, min });
        }
        if common::is_common(name, password) {
            return Err(Error::Common);
        }
        self.hasher.make(password).map_err(Error::Hash)
    }

    /// Changes a user: a new state begins, and what was verified before counts no more.
    fn change(
        &self,
        name: &str,
        apply: impl FnOnce(&mut BTreeMap<String, User>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut state = self.store(apply)?;
        state.changes += 1;
        let changes = state.changes;
        state.states.insert(name.to_owned(), changes);
        state.cache.retain(|entry| entry.name != name);
        Ok(())
    }

    /// Stores the users in the file first and in memory after it, so that both hold or neither.
    fn store(
        &self,
        apply: impl FnOnce(&mut BTreeMap<String, User>) -> Result<(), Error>,
    ) -> Result<MutexGuard<'_, State>, Error> {
        let mut state = self.lock();
        let mut users = state.book.users.clone();
        apply(&mut users)?;
        let book = Book { users };
        let text = serde_json::to_vec_pretty(&book).map_err(Error::Damaged)?;
        self.folder.write(FILE, &text)?;
        state.book = book;
        Ok(state)
    }

    /// MAC(process key, len(user) ‖ user ‖ password). The length keeps `ab`+`c` apart from `a`+`bc`.
    fn cache_key(&self, name: &str, password: &str) -> [u8; 32] {
        let mut mac = mac(&self.process_key);
        mac.update(&u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(name.as_bytes());
        mac.update(password.as_bytes());
        mac.finalize().into_bytes().into()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a name and a password could be anybody's: looked at before anything is spent on them.
pub fn could_be(name: &str, password: &str) -> bool {
    (1..=PASSWORD_BYTES_MAX).contains(&password.len()) && !password.contains('\0') && is_name(name)
}

/// A password that nobody chose.
pub fn propose() -> Result<Secret<String>, Error> {
    let mut random = [0; PROPOSED_CHARS];
    getrandom::fill(&mut random).map_err(Error::Random)?;
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).map(|letter| char::from(*letter));
    Ok(Secret(random.iter().filter_map(letter).collect()))
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}
