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
//! * A password is cut off at [`PASSWORD_BYTES_MAX`] bytes *before* hashing, so a megabyte costs
//!   nothing.
//! * How many hashes run at once is the caller's matter; each takes 19 MiB and some 20 ms.
//! * The monotonic clock is handed in.

#[cfg(test)]
mod tests;

use crate::config::is_name;
use crate::folder::{self, Folder};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
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
    hasher: Argon2<'static>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    book: Book,
    cache: Vec<Verified>,
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
        Self::load_with(folder, Argon2::default())
    }

    fn load_with(folder: &Folder, hasher: Argon2<'static>) -> Result<Self, Error> {
        let book = match folder.read_if_there(FILE)? {
            Some(text) => serde_json::from_slice(&text).map_err(Error::Damaged)?,
            None => Book::default(),
        };
        let mut process_key = [0; 32];
        getrandom::fill(&mut process_key).map_err(Error::Random)?;
        let state = Mutex::new(State { book, cache: Vec::new() });
        Ok(Self { folder: folder.clone(), process_key, hasher, state })
    }

    /// Adds a user.
    pub fn add(&self, name: &str, password: &str, role: Role) -> Result<(), Error> {
        if !is_name(name) {
            return Err(Error::Name);
        }
        let hash = self.hash(password, role)?;
        self.change(|users| {
            if users.contains_key(name) {
                return Err(Error::Exists { name: name.to_owned() });
            }
            if users.len() >= USERS_MAX {
                return Err(Error::Full);
            }
            users.insert(name.to_owned(), User { role, hash });
            Ok(())
        })?;
        self.forget(name);
        Ok(())
    }

    /// Gives a user another password.
    pub fn set_password(&self, name: &str, password: &str) -> Result<(), Error> {
        let role = self.role(name).ok_or_else(|| Error::Unknown { name: name.to_owned() })?;
        let hash = self.hash(password, role)?;
        self.change(|users| match users.get_mut(name) {
            // An admin's password is longer; the role may have changed while we hashed.
            Some(user) if user.role == role => {
                user.hash = hash;
                Ok(())
            }
            Some(_) | None => Err(Error::Unknown { name: name.to_owned() }),
        })?;
        self.forget(name);
        Ok(())
    }

    /// Removes a user.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        self.change(|users| match users.remove(name) {
            Some(_) => Ok(()),
            None => Err(Error::Unknown { name: name.to_owned() }),
        })?;
        self.forget(name);
        Ok(())
    }

    /// All users, by name.
    pub fn list(&self) -> Vec<(String, Role)> {
        let state = self.lock();
        state.book.users.iter().map(|(name, user)| (name.clone(), user.role)).collect()
    }

    /// What a user may do.
    pub fn role(&self, name: &str) -> Option<Role> {
        self.lock().book.users.get(name).map(|user| user.role)
    }

    /// What these words allow, if they were verified lately; costs no hash.
    pub fn cached(&self, name: &str, password: &str, now: Duration) -> Option<Role> {
        if !is_name(name) || password.len() > PASSWORD_BYTES_MAX {
            return None;
        }
        let key = self.cache_key(name, password);
        let mut state = self.lock();
        state.cache.retain(|entry| now.saturating_sub(entry.since) < CACHE_FOR);
        // The key is a MAC: what a comparison's time tells about it tells nothing about a password.
        state.cache.iter().find(|entry| entry.key == key && entry.name == name)?;
        state.book.users.get(name).map(|user| user.role)
    }

    /// What these words allow; `None` when the name or the password is wrong.
    ///
    /// Blocks for a hash unless cached. `now` is the monotonic clock.
    pub fn verify(&self, name: &str, password: &str, now: Duration) -> Option<Role> {
        if let Some(role) = self.cached(name, password, now) {
            return Some(role);
        }
        // No such password was ever set, so refusing it at once tells nothing.
        if password.len() > PASSWORD_BYTES_MAX {
            return None;
        }
        let hash = self.lock().book.users.get(name).map(|user| user.hash.clone());
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| DUMMY.to_owned());
        let parsed = PasswordHash::new(&hash).ok()?;
        let right = self.hasher.verify_password(password.as_bytes(), &parsed).is_ok();
        if !right || !known {
            return None;
        }
        self.remember(name, password, &hash, now)
    }

    /// Caches a success, unless the user was changed while we hashed.
    fn remember(&self, name: &str, password: &str, hash: &str, now: Duration) -> Option<Role> {
        let key = self.cache_key(name, password);
        let mut state = self.lock();
        let role = state.book.users.get(name).filter(|user| user.hash == hash)?.role;
        if state.cache.len() >= CACHE_MAX {
            // The oldest stands first.
            state.cache.remove(0);
        }
        state.cache.push(Verified { key, name: name.to_owned(), since: now });
        Some(role)
    }

    fn hash(&self, password: &str, role: Role) -> Result<String, Error> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(Error::Long);
        }
        let min = match role {
            Role::Read | Role::Write => PASSWORD_MIN,
            Role::Admin => ADMIN_PASSWORD_MIN,
        };
        if password.chars().count() < min {
            return Err(Error::Short { role, min });
        }
        self.hasher
            .hash_password(password.as_bytes())
            .map(|hash| hash.to_string())
            .map_err(Error::Hash)
    }

    /// Changes the users in the file first and in memory after it, so that both hold or neither.
    fn change(
        &self,
        apply: impl FnOnce(&mut BTreeMap<String, User>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut state = self.lock();
        let mut users = state.book.users.clone();
        apply(&mut users)?;
        let book = Book { users };
        let text = serde_json::to_vec_pretty(&book).map_err(Error::Damaged)?;
        self.folder.write(FILE, &text)?;
        state.book = book;
        Ok(())
    }

    fn forget(&self, name: &str) {
        self.lock().cache.retain(|entry| entry.name != name);
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

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}
