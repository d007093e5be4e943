//! The servers: links to partners, the admin listener, the socket.
//!
//! ```text
//! TLS stream + Peer ─▶ serve_link   /link or /join, one WebSocket, jsonrpsee
//! TCP, loopback     ─▶ serve_admin  guard ─▶ /rpc, the old paths, /health, pages handed in
//! Unix socket       ─▶ serve_socket /rpc
//! ```
//!
//! Each runs until it is dropped, and takes its connections with it. What is not named is 404.

mod admin;
mod body;
mod link;

pub use admin::serve_admin;
#[cfg(unix)]
pub use admin::serve_socket;
pub use link::serve_link;
pub(crate) use link::{message_bytes_max, path_of};
