//! What a machine that wants to pair may ask, while pairing is open.

use jsonrpsee::core::RpcResult;
use jsonrpsee::proc_macros::rpc;

use crate::wire::pair::{PairBegin, PairBegun, PairNonce, PairRoster};

/// Pairing by six digits. Any key may call; two people who compare numbers decide.
///
/// One run on one connection, in this order. A call out of turn ends the run: calls of one socket
/// run at once, so nothing but their order says that an answer was seen before the next question.
#[rpc(server, client)]
pub trait Pair {
    /// Begins a run. `Busy`, `PairingNotOpen`, `Crossed`, `KeyForgotten`, `BothInAShop`,
    /// `SameShop`, `NotAKeeper`, `ShopFull` or `OtherProtocol` when it cannot be.
    #[method(name = "pair_begin", with_extensions)]
    async fn pair_begin(&self, begin: PairBegin) -> RpcResult<PairBegun>;

    /// Hands over the caller's nonce and is given the other. Once.
    #[method(name = "pair_nonce", with_extensions)]
    async fn pair_nonce(&self, nonce: PairNonce) -> RpcResult<PairNonce>;

    /// The caller's person typed the right number. Answered when this side's person did too, or
    /// with the reason why the run ended.
    #[method(name = "pair_sure", with_extensions)]
    async fn pair_sure(&self) -> RpcResult<()>;

    /// The statements that make the two members of one shop. Only after both are sure.
    #[method(name = "pair_roster", with_extensions)]
    async fn pair_roster(&self, roster: PairRoster) -> RpcResult<PairRoster>;
}
