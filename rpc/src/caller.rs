//! The caller of a request on the admin listener or the socket, as the methods see it.
//!
//! The server finds out the facts; each method judges them. Nothing here was proven by a
//! password yet: `basic` is what was sent.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::identity::Secret;

/// Name and password from an `Authorization: Basic` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basic {
    /// The user's name.
    pub name: String,
    /// The password, not checked.
    pub password: Secret<String>,
}

/// How near a caller is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Near {
    /// Another machine, a page in a browser, or somebody whom we cannot tell from these.
    #[default]
    Away,
    /// A program of another user of this computer.
    Other,
    /// A program of root, of the daemon's user, or of a user whom the configuration names.
    Ours,
}

/// By which door a caller came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listener {
    /// The admin listener on loopback.
    #[default]
    Loopback,
    /// The admin listener on the network, by TLS.
    Lan,
    /// The listener for programs of 2009 on other machines.
    OldCallers,
    /// A Unix socket.
    Socket,
}

/// Who calls, and how.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// How near the caller is, in the guard's sense.
    pub near: Near,
    /// By which door.
    pub listener: Listener,
    /// Speaks the old dialect, or came by an old path: logins fail as strings.
    pub old: bool,
    /// Must not move a position: the GET flavour, which a browser or cache may repeat.
    pub peek: bool,
    /// Nobody pressed anything: an open page looks by itself whether something moved.
    pub watches: bool,
    /// The name and password in the header, if any.
    pub basic: Option<Basic>,
    /// The token in the header, if any.
    pub bearer: Option<Secret<String>>,
    /// The cookies in the header, as they were sent.
    pub cookies: Option<Secret<String>>,
    /// Where the connection comes from.
    pub from: Option<SocketAddr>,
    /// What to do once the answer was taken.
    pub(crate) taken: Taken,
}

impl Caller {
    /// A caller over the Unix socket that only root and the daemon's user can open.
    pub fn socket() -> Self {
        Self { near: Near::Ours, listener: Listener::Socket, ..Self::default() }
    }

    /// Runs `then` once this call's answer was taken: the caller sent his next request on the
    /// same connection, or closed it without a reset. Dropped unrun otherwise.
    pub fn when_taken(&self, then: impl FnOnce() + Send + 'static) {
        self.taken.add(Box::new(then));
    }
}

type Then = Box<dyn FnOnce() + Send>;

/// What waits for a connection's answers to be taken.
#[derive(Clone, Default)]
pub(crate) struct Taken(Arc<Mutex<Vec<Then>>>);

impl Taken {
    fn add(&self, then: Then) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(then);
    }

    /// The answers so far were taken.
    pub(crate) fn run(&self) {
        let waiting = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for then in waiting {
            then();
        }
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Taken")
    }
}
