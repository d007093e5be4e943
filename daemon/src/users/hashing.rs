//! Hashing passwords with argon2id, in memory that is taken once.
//!
//! # Invariants
//!
//! * At most [`AT_ONCE`] hashes run; whoever comes later waits. So all of them together take the
//!   memory of two, also after thousands on as many threads: a system's allocator may keep what
//!   each thread gave back.
//! * Two hashes are compared in constant time.

use std::sync::{Condvar, Mutex, PoisonError};

use argon2::password_hash::Error;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// So many hashes run at once, each in memory of its own: 19 MiB with today's parameters.
pub(crate) const AT_ONCE: usize = 2;

/// Random bytes in front of a password, as the authors of argon2 recommend.
const SALT_BYTES: usize = 16;

/// Bytes of a hash.
const HASH_BYTES: usize = 32;

type Memory = Vec<Block>;

/// Hashes passwords. Each call blocks for some 20 ms, and for those before it.
pub(super) struct Hasher {
    params: Params,
    free: Mutex<Vec<Memory>>,
    given_back: Condvar,
}

impl Hasher {
    pub(super) fn new(params: Params) -> Self {
        let free = Mutex::new((0..AT_ONCE).map(|_| Memory::new()).collect());
        Self { params, free, given_back: Condvar::new() }
    }

    /// A new hash, as a PHC string: algorithm, parameters, salt and hash.
    pub(super) fn make(&self, password: &str) -> Result<String, Error> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|_error| Error::Crypto)?;
        let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
        let hash = self.compute((algorithm, version, &self.params), password, &salt)?;
        let made = PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: ParamsString::try_from(&self.params)?,
            salt: Some(Salt::new(&salt)?),
            hash: Some(hash),
        };
        Ok(made.to_string())
    }

    /// Whether a hash is of this password.
    pub(super) fn fits(&self, password: &str, hash: &PasswordHash) -> bool {
        let computed = || {
            let algorithm = Algorithm::try_from(hash.algorithm.as_str()).ok()?;
            let version = Version::try_from(hash.version?).ok()?;
            let params = Params::try_from(hash).ok()?;
            let salt = hash.salt.as_ref()?;
            self.compute((algorithm, version, &params), password, salt).ok()
        };
        // `Output` compares in constant time.
        computed().is_some_and(|computed| hash.hash.as_ref() == Some(&computed))
    }

    /// Whether a hash was made with today's parameters.
    pub(super) fn is_of_today(&self, hash: &PasswordHash) -> bool {
        let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        Params::try_from(hash).is_ok_and(|params| cost(&params) == cost(&self.params))
    }

    fn compute(
        &self,
        (algorithm, version, params): (Algorithm, Version, &Params),
        password: &str,
        salt: &[u8],
    ) -> Result<Output, Error> {
        let argon2 = Argon2::new(algorithm, version, params.clone());
        let mut borrowed = Borrowed::take(self);
        if borrowed.memory.len() < params.block_count() {
            borrowed.memory.resize(params.block_count(), Block::new());
        }
        let mut hash = [0; HASH_BYTES];
        let blocks = borrowed.memory.get_mut(..params.block_count()).unwrap_or_default();
        argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut hash, blocks)?;
        Ok(Output::new(&hash)?)
    }
}

/// Memory for one hash; given back when dropped.
struct Borrowed<'a> {
    hasher: &'a Hasher,
    memory: Memory,
}

impl<'a> Borrowed<'a> {
    fn take(hasher: &'a Hasher) -> Self {
        let mut free = hasher.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(memory) = free.pop() {
                return Self { hasher, memory };
            }
            free = hasher.given_back.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        self.hasher.free.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
        self.hasher.given_back.notify_one();
    }
}
