//! What a machine that wants to join may ask, while joining is open.

use jsonrpsee::core::RpcResult;
use jsonrpsee::proc_macros::rpc;

use crate::wire::join::{JoinAnswer, JoinAsk};

/// Joining by an invite. Any key may call; the proof decides.
#[rpc(server, client)]
pub trait Join {
    /// Asks to be let in.
    ///
    /// Up to a good proof every failure is the same `InviteNotAccepted`; after it `KeyForgotten`
    /// or `ShopFull`. An answer that was lost is given again to the same key.
    #[method(name = "join_ask", with_extensions)]
    async fn join_ask(&self, ask: JoinAsk) -> RpcResult<JoinAnswer>;
}
