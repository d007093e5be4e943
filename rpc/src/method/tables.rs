//! `getdata` and `putdata`: what the owner's scripts have called since 2009.

#![expect(clippy::too_many_arguments, reason = "the parameters of 2009, and one of ours")]

use jsonrpsee::core::RpcResult;
use jsonrpsee::proc_macros::rpc;
use serde_json::value::RawValue;

use crate::identity::Secret;
use crate::json::Json;

/// The two calls that everything rests on.
///
/// A failed login or a broken dump is a *string* answer, as old callers expect, not an error. So
/// every parameter may be missing or of any type here, and the method says what is wrong.
#[rpc(server, client)]
pub trait Tables {
    /// Rows that arrived here, or were modified, after a point.
    ///
    /// * `uuid`: the caller's machine id, 1–64 characters.
    /// * `username`, `password`: not needed from this machine itself.
    /// * `timestamp`: `YYYY-MM-DD HH:MM:SS`, UTC, exclusive; null for "since my last call".
    /// * `cursor`: by name only, instead of `timestamp`; 0 or `""` to begin. The answer then is
    ///   `{"dump": …, "cursor": …, "more": …}`, and the same cursor gives the same rows.
    ///
    /// Answers a dump: `[[table, [column, …], [[value, …], …]], …]`, every tracked table listed.
    #[method(name = "getdata", with_extensions)]
    async fn getdata(
        &self,
        uuid: Option<Json>,
        username: Option<Json>,
        password: Option<Secret<Json>>,
        timestamp: Option<Json>,
        cursor: Option<Json>,
    ) -> RpcResult<Box<RawValue>>;

    /// Merges a dump: newer rows are taken, unknown ones inserted, older or equal ones ignored.
    ///
    /// One transaction: an error string means that nothing was written. Answers `true`.
    /// `nicedbdump` is left as text: name and password are checked before it is parsed.
    #[method(name = "putdata", with_extensions)]
    async fn putdata(
        &self,
        uuid: Option<Json>,
        username: Option<Json>,
        password: Option<Secret<Json>>,
        nicedbdump: Option<Box<RawValue>>,
    ) -> RpcResult<Box<RawValue>>;
}
