//! Who is in the shop, and who is paused: what keepers and operators do.

use jsonrpsee::core::RpcResult;
use jsonrpsee::proc_macros::rpc;

use crate::wire::shop::{Changed, Left, LetIn, Paused, Renewed};

/// The methods about the shop itself. A partner is named by name, id, the beginning of its id, or
/// the pin of its key.
#[rpc(server, client)]
pub trait Shop {
    /// What a machine let in, so that a person can choose who stays when it is forgotten. R.
    #[method(name = "partners_let_in", with_extensions)]
    async fn partners_let_in(&self, partner: String) -> RpcResult<LetIn>;

    /// Forgets a machine's key, for ever: its links close on every member that hears of it. A.
    ///
    /// `keep`: ids or names of the machines it let in that stay; null for all. `Refused` where this
    /// machine is no keeper, or would be out itself.
    #[method(name = "partners_forget", with_extensions)]
    async fn partners_forget(
        &self,
        partner: String,
        keep: Option<Vec<String>>,
    ) -> RpcResult<Changed>;

    /// Makes a member a keeper, which may let in and forget. A.
    #[method(name = "partners_promote", with_extensions)]
    async fn partners_promote(&self, partner: String) -> RpcResult<Changed>;

    /// Lets the same key in again that lost its way: whoever let it in was forgotten. `role`:
    /// `member` (unless said) or `keeper`. A.
    #[method(name = "partners_let_in_again", with_extensions)]
    async fn partners_let_in_again(
        &self,
        partner: String,
        role: Option<String>,
    ) -> RpcResult<Changed>;

    /// No rows to or from a partner, or any, until resumed. A.
    #[method(name = "partners_pause", with_extensions)]
    async fn partners_pause(&self, partner: Option<String>) -> RpcResult<Paused>;

    /// Rows to and from a partner, or all, again. A.
    #[method(name = "partners_resume", with_extensions)]
    async fn partners_resume(&self, partner: Option<String>) -> RpcResult<Paused>;

    /// This machine leaves its shop; whom it let in stays. A.
    #[method(name = "shop_leave", with_extensions)]
    async fn shop_leave(&self) -> RpcResult<Left>;

    /// This machine begins a new shop with its own key; all others must join again. A.
    #[method(name = "shop_renew", with_extensions)]
    async fn shop_renew(&self) -> RpcResult<Renewed>;
}
