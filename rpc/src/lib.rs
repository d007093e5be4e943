//! The wire: methods, messages, limits, error codes, client and server, TLS identity.

pub mod caller;
pub mod client;
pub mod code;
pub mod dialect;
pub mod dump;
pub mod fault;
pub mod gate;
pub mod guard;
pub mod identity;
pub mod json;
pub mod limits;
pub mod method;
pub mod server;
pub mod tls;
pub mod wire;

pub use caller::{Basic, Caller, Listener, Near};
pub use code::Code;
pub use fault::Fault;
pub use gate::Gate;
pub use identity::{Identity, Pin, PublicKey, Secret, Sum};
pub use tls::{Alpn, LetIn, Peer, Shown};
