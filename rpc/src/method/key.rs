//! The machine's key.

use jsonrpsee::core::RpcResult;
use jsonrpsee::proc_macros::rpc;

use crate::wire::key::{KeyRotated, KeyStatus};

/// What may be done with the machine's key. Nothing here answers the key itself.
#[rpc(server, client)]
pub trait Key {
    /// Which key this machine has: its pin, and since when. R.
    #[method(name = "key_show", with_extensions)]
    async fn key_show(&self) -> RpcResult<KeyStatus>;

    /// Gives the machine a new key and tells every member. Open invites end. A.
    #[method(name = "key_rotate", with_extensions)]
    async fn key_rotate(&self) -> RpcResult<KeyRotated>;
}
