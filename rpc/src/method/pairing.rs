//! What a person's program may ask of a pairing on this machine.

use jsonrpsee::core::RpcResult;
use jsonrpsee::proc_macros::rpc;

use crate::wire::pairing::PairingStatus;

/// Pairing by six digits, from this machine's own side. All of it needs the right A.
///
/// Each answers how the pairing stands afterwards; ask `pairing_state` to follow it.
#[rpc(server, client)]
pub trait Pairing {
    /// Opens this machine for five minutes for whoever calls.
    #[method(name = "pairing_open", with_extensions)]
    async fn pairing_open(&self) -> RpcResult<PairingStatus>;

    /// Calls a machine: a sighting by name, id or the beginning of an id, or `address:port`. Opens
    /// this machine for that one alone.
    #[method(name = "pairing_begin", with_extensions)]
    async fn pairing_begin(&self, target: String) -> RpcResult<PairingStatus>;

    /// How the pairing stands.
    #[method(name = "pairing_state", with_extensions)]
    async fn pairing_state(&self) -> RpcResult<PairingStatus>;

    /// The number that the other screen shows, as a person typed it. Three wrong ones end it.
    #[method(name = "pairing_confirm", with_extensions)]
    async fn pairing_confirm(&self, digits: String) -> RpcResult<PairingStatus>;

    /// Ends the run under way and closes this machine.
    #[method(name = "pairing_cancel", with_extensions)]
    async fn pairing_cancel(&self) -> RpcResult<PairingStatus>;
}
