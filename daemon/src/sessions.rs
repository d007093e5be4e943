//! Sessions: browsers whose user signed in. In memory; a restart ends all of them.
//!
//! ```text
//!   open(user) ─► id, 160 random bits, to the browser as a cookie      here: H(id), user, times
//!   find(id)   ─► the user, if neither idle nor absolute time is over
//! ```
//!
//! # Invariants
//!
//! * An id is drawn here at each sign-in; one that a browser brings along never becomes good.
//! * What is kept is the hash of an id: whoever reads it can send nothing that fits.
//! * A session belongs to one *state* of its user: another password, another role, removed and
//!   added again, and it is over, whatever happened at the same moment.
//! * Times are those of the monotonic clock, which nobody can set. It is handed in.
//! * There are at most [`SESSIONS_MAX`]; the one that began first makes room.

#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use dunlin_rpc::Secret;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// How many sessions there may be; a shop has a handful of people.
pub const SESSIONS_MAX: usize = 25;

/// The longest life of a session, used or not: a working day.
pub const LIFE_MAX: Duration = Duration::from_hours(12);

/// An id has so many random bytes.
const ID_BYTES: usize = 20;

/// An id has so many letters of base32.
const ID_CHARS: usize = 32;

type Hash = [u8; 32];

/// One browser.
struct Session {
    hash: Hash,
    user: String,
    /// Which state of the user it belongs to.
    state: u64,
    began: Duration,
    used: Duration,
}

/// The sessions.
pub struct Sessions {
    idle: Duration,
    open: Mutex<Vec<Session>>,
}

/// Whose session it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The user's name.
    pub user: String,
    /// The state of the user that signed in.
    pub state: u64,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").field("idle", &self.idle).finish_non_exhaustive()
    }
}

impl Sessions {
    /// None yet; each ends after being idle for so long.
    pub fn new(idle: Duration) -> Self {
        Self { idle: idle.min(LIFE_MAX), open: Mutex::default() }
    }

    /// Begins a session and answers its id.
    pub fn open(
        &self,
        user: &str,
        state: u64,
        now: Duration,
    ) -> Result<Secret<String>, getrandom::Error> {
        let mut random = [0; ID_BYTES];
        getrandom::fill(&mut random)?;
        let id = BASE32_NOPAD.encode(&random).to_ascii_lowercase();
        let mut open = self.alive(now);
        if open.len() >= SESSIONS_MAX {
            // The oldest stands first.
            open.remove(0);
        }
        open.push(Session { hash: hash(&id), user: user.to_owned(), state, began: now, used: now });
        Ok(Secret(id))
    }

    /// Whose session has this id, and that it was used now.
    pub fn find(&self, id: &str, now: Duration) -> Option<Found> {
        self.look_up(id, now, true)
    }

    /// Whose session has this id. Nobody used it: a page that is left open does not keep its
    /// visitor signed in.
    pub fn watch(&self, id: &str, now: Duration) -> Option<Found> {
        self.look_up(id, now, false)
    }

    fn look_up(&self, id: &str, now: Duration, is_used: bool) -> Option<Found> {
        if id.len() != ID_CHARS {
            return None;
        }
        let hash = hash(id);
        let mut open = self.alive(now);
        let session = open.iter_mut().find(|session| session.is(&hash))?;
        if is_used {
            session.used = now;
        }
        Some(Found { user: session.user.clone(), state: session.state })
    }

    /// Ends the session with this id, if there is one.
    pub fn end(&self, id: &str) {
        let hash = hash(id);
        self.lock().retain(|session| !session.is(&hash));
    }

    /// Ends all sessions of a user.
    pub fn end_of(&self, user: &str) {
        self.lock().retain(|session| session.user != user);
    }

    /// The sessions that are not over.
    fn alive(&self, now: Duration) -> MutexGuard<'_, Vec<Session>> {
        let mut open = self.lock();
        open.retain(|session| {
            now.saturating_sub(session.used) < self.idle
                && now.saturating_sub(session.began) < LIFE_MAX
        });
        open
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn is(&self, hash: &Hash) -> bool {
        self.hash.ct_eq(hash).into()
    }
}

fn hash(id: &str) -> Hash {
    Sha256::digest(id).into()
}

/// The name of the cookie that carries an id.
///
/// Browsers keep cookies of one computer's ports together, so two machines on it need two names.
/// Over TLS the prefix makes the browser refuse a cookie that an unprotected page planted.
pub fn cookie_name(machine: &str, tls: bool) -> String {
    let prefix = if tls { "__Host-" } else { "" };
    format!("{prefix}dunlin-{machine}")
}

/// The value of the one cookie of this name; none when there are two, of which one was planted.
pub fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let mut values = header.split(';').filter_map(|pair| {
        let (named, value) = pair.split_once('=')?;
        (named.trim_matches([' ', '\t']) == name).then_some(value.trim_matches([' ', '\t']))
    });
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// The header that hands an id to the browser.
pub fn set_cookie(name: &str, id: &Secret<String>, tls: bool) -> String {
    let secure = if tls { "; Secure" } else { "" };
    format!("{name}={}; Path=/; HttpOnly; SameSite=Strict{secure}", id.expose())
}

/// The header that makes the browser forget an id.
pub fn clear_cookie(name: &str, tls: bool) -> String {
    let secure = if tls { "; Secure" } else { "" };
    format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict{secure}")
}
