//! The clients: a link to a partner, and the socket of the daemon on this machine.

mod link;
#[cfg(unix)]
mod socket;

pub use link::{DialError, Link, dial, meet};
#[cfg(unix)]
pub use socket::{CallError, SocketClient};
