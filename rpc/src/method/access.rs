//! Users and tokens: who may call, with what.

use jsonrpsee::core::RpcResult;
use jsonrpsee::proc_macros::rpc;

use crate::identity::Secret;
use crate::wire::access::{TokenEntry, TokenMade, UserEntry};

/// The methods about users and tokens.
#[rpc(server, client)]
pub trait Access {
    /// The users. A.
    #[method(name = "users_list", with_extensions)]
    async fn users_list(&self) -> RpcResult<Vec<UserEntry>>;

    /// A new user, with the role `read`, `write` or `admin`. With `old_caller`: a program of 2009
    /// on another machine, which may `getdata` and `putdata` and is never an admin. A.
    #[method(name = "users_add", with_extensions)]
    async fn users_add(
        &self,
        name: String,
        role: String,
        password: Secret<String>,
        old_caller: Option<bool>,
    ) -> RpcResult<()>;

    /// Another password for a user; their sessions end. A.
    #[method(name = "users_passwd", with_extensions)]
    async fn users_passwd(&self, name: String, password: Secret<String>) -> RpcResult<()>;

    /// Another role for a user; their sessions end. Whoever becomes an admin needs a new password,
    /// since those of admins are longer. A.
    #[method(name = "users_role", with_extensions)]
    async fn users_role(
        &self,
        name: String,
        role: String,
        password: Option<Secret<String>>,
    ) -> RpcResult<()>;

    /// Removes a user; their sessions end. A.
    #[method(name = "users_remove", with_extensions)]
    async fn users_remove(&self, name: String) -> RpcResult<()>;

    /// Makes a token with a role, which ends after `expires_seconds` (never unless said) and is
    /// good from the addresses `from` (`192.168.1.0/24`; all unless said). It is told here and
    /// never again. A.
    #[method(name = "tokens_create", with_extensions)]
    async fn tokens_create(
        &self,
        name: String,
        role: String,
        expires_seconds: Option<u64>,
        from: Option<String>,
    ) -> RpcResult<TokenMade>;

    /// The tokens, without themselves. A.
    #[method(name = "tokens_list", with_extensions)]
    async fn tokens_list(&self) -> RpcResult<Vec<TokenEntry>>;

    /// Ends a token, by its name or its id. A.
    #[method(name = "tokens_revoke", with_extensions)]
    async fn tokens_revoke(&self, name: String) -> RpcResult<TokenEntry>;
}
