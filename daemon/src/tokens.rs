//! Tokens: what a script shows instead of a name and a password, in `DIR/tokens.json`.
//!
//! ```text
//!   create(name, role, …) ─► dunlin_… on stdout, once          kept: H(token), name, role, times
//!   check(token, from)    ─► name and role, if it is not over and comes from where it may
//! ```
//!
//! # Invariants
//!
//! * A token is 160 random bits: nobody guesses it, so it passes the brake and costs no slow hash.
//! * What is kept is its hash; the file lets nobody in.
//! * A token that is revoked, over, or comes from elsewhere is refused like one that never was.
//! * The wall clock is handed in: when a token ends is shown to people. When it was last used is
//!   written at most once a minute, and when the daemon stops.

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use dunlin_rpc::Secret;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::config::{Network, NotANetwork, is_name};
use crate::folder::{self, Folder};
use crate::users::Role;

/// The file in the state folder.
const FILE: &str = "tokens.json";

/// What a token begins with, so that whoever finds one knows what it is.
const PREFIX: &str = "dunlin_";

/// A token has so many random bytes.
const TOKEN_BYTES: usize = 20;

/// How many tokens there may be; a shop has fewer scripts than that.
const TOKENS_MAX: usize = 100;

/// The longest life of a token that has an end.
const LIFE_MAX: Duration = Duration::from_hours(24 * 3_660);

/// How often it is written when tokens were used last.
const WRITE_EVERY: Duration = Duration::from_mins(1);

/// What is wrong with a token or the file of tokens.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name is empty, too long, or does not print.
    #[error("a token's name has 1 to 64 printable characters")]
    Name,
    /// Too long, or nothing.
    #[error("a token lives from a second to ten years")]
    Life,
    /// From where it may come is no network.
    #[error(transparent)]
    Network(#[from] NotANetwork),
    /// There is such a token already.
    #[error("there is a token {name:?} already; revoke it first with `dunlin tokens revoke`")]
    Exists {
        /// Its name.
        name: String,
    },
    /// There is no such token.
    #[error("there is no token {name:?}; `dunlin tokens list` names them")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// There are too many.
    #[error("there are {TOKENS_MAX} tokens already; revoke one first")]
    Full,
    /// No randomness.
    #[error("cannot draw a token")]
    Random(#[source] getrandom::Error),
    /// The file is not what we wrote.
    #[error("cannot read {FILE}; it is damaged, remove it and make the tokens again")]
    Damaged(#[source] serde_json::Error),
    /// The file could not be read or written.
    #[error(transparent)]
    Folder(#[from] folder::Error),
}

/// One token as the file has it. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// What it is called.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// SHA-256 of the token, in hex.
    hash: String,
    /// When it was made.
    pub made: u64,
    /// When it ends, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// From where it may come, if that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Network>,
    /// When it was last good for a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<u64>,
}

impl Token {
    /// A name for it that stays when its name is given to another: the hash's first digits.
    pub fn id(&self) -> &str {
        self.hash.get(..8).unwrap_or_default()
    }

    fn is_over(&self, now: u64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// What a token is to be good for.
#[derive(Debug, Clone)]
pub struct Terms {
    /// What it is called.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// For how long, if not for ever.
    pub life: Option<Duration>,
    /// From where, if not from anywhere.
    pub from: Option<Network>,
}

/// The tokens. Share it by `Arc`; what changes them waits for the disk.
#[derive(Debug)]
pub struct Tokens {
    folder: Folder,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: Vec<Token>,
    /// Whether a use is not written yet.
    used: bool,
    /// When a use was last written, on the monotonic clock.
    written: Option<Duration>,
}

impl Tokens {
    /// The tokens in the state folder; none when there is no file.
    pub fn load(folder: &Folder) -> Result<Self, Error> {
        let tokens = match folder.read_if_there(FILE)? {
            Some(text) => serde_json::from_slice(&text).map_err(Error::Damaged)?,
            None => Vec::new(),
        };
        let state = State { tokens, used: false, written: None };
        Ok(Self { folder: folder.clone(), state: Mutex::new(state) })
    }

    /// Makes a token. It is answered here and nowhere again.
    pub fn create(&self, terms: &Terms, now: u64) -> Result<(Secret<String>, Token), Error> {
        if !is_name(&terms.name) {
            return Err(Error::Name);
        }
        if terms.life.is_some_and(|life| life < Duration::from_secs(1) || LIFE_MAX < life) {
            return Err(Error::Life);
        }
        let mut random = [0; TOKEN_BYTES];
        getrandom::fill(&mut random).map_err(Error::Random)?;
        let secret = format!("{PREFIX}{}", BASE32_NOPAD.encode(&random).to_ascii_lowercase());
        let token = Token {
            name: terms.name.clone(),
            role: terms.role,
            hash: hash(&secret),
            made: now,
            expires: terms.life.map(|life| now.saturating_add(life.as_secs())),
            from: terms.from,
            last_used: None,
        };
        let made = token.clone();
        self.change(|tokens| {
            if tokens.iter().any(|known| known.name == token.name) {
                return Err(Error::Exists { name: token.name.clone() });
            }
            if tokens.len() >= TOKENS_MAX {
                return Err(Error::Full);
            }
            tokens.push(token);
            Ok(())
        })?;
        Ok((Secret(secret), made))
    }

    /// Ends a token, by its name or its id.
    pub fn revoke(&self, name: &str) -> Result<Token, Error> {
        self.change(|tokens| {
            let by = |is: &dyn Fn(&Token) -> bool| tokens.iter().position(is);
            // The name first: an id could be somebody's name.
            let place = by(&|token| token.name == name).or_else(|| by(&|token| token.id() == name));
            let place = place.ok_or_else(|| Error::Unknown { name: name.to_owned() })?;
            Ok(tokens.remove(place))
        })
    }

    /// All tokens, by name.
    pub fn list(&self) -> Vec<Token> {
        let mut tokens = self.lock().tokens.clone();
        tokens.sort_by(|a, b| a.name.cmp(&b.name));
        tokens
    }

    /// The token, if it is good now and from there. `now` is in seconds since 1970.
    pub fn check(&self, secret: &str, from: Option<IpAddr>, now: u64) -> Option<Token> {
        if !secret.starts_with(PREFIX) || secret.len() > 2 * TOKEN_BYTES {
            return None;
        }
        let hash = hash(secret);
        let mut state = self.lock();
        let same = |token: &&mut Token| bool::from(token.hash.as_bytes().ct_eq(hash.as_bytes()));
        let token = state.tokens.iter_mut().find(same)?;
        let there = |network: Network| from.is_some_and(|from| network.contains(from));
        if token.is_over(now) || !token.from.is_none_or(there) {
            return None;
        }
        token.last_used = Some(now);
        let token = token.clone();
        state.used = true;
        Some(token)
    }

    /// Whether uses wait to be written, and the last time is long enough ago.
    pub fn is_due(&self, now: Duration) -> bool {
        let mut state = self.lock();
        let due =
            state.used && state.written.is_none_or(|last| WRITE_EVERY <= now.saturating_sub(last));
        if due {
            // Claimed: nobody else writes for a minute.
            state.written = Some(now);
        }
        due
    }

    /// Writes when tokens were last used, if that is not written yet.
    pub fn write_uses(&self) -> Result<(), Error> {
        let mut state = self.lock();
        if !state.used {
            return Ok(());
        }
        self.store(&state.tokens)?;
        state.used = false;
        Ok(())
    }

    /// Changes the tokens in the file first and in memory after it, so that both hold or neither.
    fn change<T>(
        &self,
        apply: impl FnOnce(&mut Vec<Token>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut state = self.lock();
        let mut tokens = state.tokens.clone();
        let done = apply(&mut tokens)?;
        self.store(&tokens)?;
        state.tokens = tokens;
        state.used = false;
        Ok(done)
    }

    fn store(&self, tokens: &[Token]) -> Result<(), Error> {
        let text = serde_json::to_vec_pretty(tokens).map_err(Error::Damaged)?;
        Ok(self.folder.write(FILE, &text)?)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(secret: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(secret))
}
