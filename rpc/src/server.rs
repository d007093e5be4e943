//! The servers: links to partners, the admin listener, the socket.
//!
//! ```text
//! TLS stream + Peer ─▶ serve_link         /link or /join, one WebSocket, jsonrpsee
//! TCP, loopback     ─▶ serve_admin        guard ─▶ /rpc, the old paths, /health, pages handed in
//! TLS, network      ─▶ serve_lan          guard ─▶ the same without the old paths
//! TCP, network      ─▶ serve_old_callers  guard ─▶ POST of the old call
//! Unix socket       ─▶ serve_socket       /rpc
//! ```
//!
//! Each runs until it is dropped, and takes its connections with it; the network's page also until it
//! has no terms any more, and then it lets its calls end. What is not named is 404;
//! `docs/routes.md` is the table.

mod accept;
mod admin;
mod body;
mod headers;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod late;
mod link;

#[cfg(unix)]
pub use accept::serve_socket;
pub use accept::{
    Admits, AdmitsUser, Ends, Neighbours, Terms, serve_admin, serve_lan, serve_old_callers,
};
pub use admin::Desk;
pub use body::query;
pub use link::serve_link;
pub(crate) use link::{message_bytes_max, path_of};
