//! The wire: methods, messages, limits, error codes, client and server, TLS identity.

pub mod code;
pub mod fault;
pub mod identity;
pub mod json;
pub mod limits;
pub mod method;
pub mod tls;
pub mod wire;

pub use code::Code;
pub use fault::Fault;
pub use identity::{Identity, Pin, PublicKey, Secret, Sum};
pub use tls::{Alpn, LetIn, Peer};
