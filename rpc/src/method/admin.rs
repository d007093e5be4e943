//! What the CLI and scripts may ask of this machine.

use jsonrpsee::core::RpcResult;
use jsonrpsee::proc_macros::rpc;

use crate::identity::Secret;
use crate::wire::admin::{
    ConflictEntry, Decided, HeldEntry, HistoryEntry, HistoryFilter, Invited, Joined, PartnerStatus,
    Retried, Status, Synced, TableStatus, Track, Tracked, Untracked,
};

/// The admin methods. Who may call which: R to look, W to write, A for the rest (trust.md).
#[rpc(server, client)]
pub trait Admin {
    /// Everything that `dunlin status` shows. R.
    #[method(name = "machine_status", with_extensions)]
    async fn machine_status(&self) -> RpcResult<Status>;

    /// The partners, by name. R.
    #[method(name = "partners_list", with_extensions)]
    async fn partners_list(&self) -> RpcResult<Vec<PartnerStatus>>;

    /// The tracked tables. R.
    #[method(name = "tables_list", with_extensions)]
    async fn tables_list(&self) -> RpcResult<Vec<TableStatus>>;

    /// Starts keeping tables in step. A.
    #[method(name = "tables_track", with_extensions)]
    async fn tables_track(&self, track: Track) -> RpcResult<Tracked>;

    /// Stops keeping tables in step, on this machine alone. All of them, or none. A.
    #[method(name = "tables_untrack", with_extensions)]
    async fn tables_untrack(
        &self,
        tables: Vec<String>,
        database: Option<String>,
    ) -> RpcResult<Untracked>;

    /// Past sessions, newest first: of one partner (name or id), since a time, at most `limit`
    /// (100 unless said), and those that the filter lets through. R.
    #[method(name = "history_list", with_extensions)]
    async fn history_list(
        &self,
        partner: Option<String>,
        since: Option<String>,
        limit: Option<u32>,
        filter: Option<HistoryFilter>,
    ) -> RpcResult<Vec<HistoryEntry>>;

    /// Versions that lost, newest first, at most `limit` (100 unless said). R.
    #[method(name = "conflicts_list", with_extensions)]
    async fn conflicts_list(&self, limit: Option<u32>) -> RpcResult<Vec<ConflictEntry>>;

    /// Puts the losing version `number` back, as a new version of this machine. W.
    #[method(name = "conflicts_restore", with_extensions)]
    async fn conflicts_restore(&self, number: i64) -> RpcResult<()>;

    /// Settles conflict `number` as it stands: the version that won is right. W.
    #[method(name = "conflicts_keep", with_extensions)]
    async fn conflicts_keep(&self, number: i64) -> RpcResult<()>;

    /// Rows that are known and not shown, at most `limit` (100 unless said). R.
    #[method(name = "held_list", with_extensions)]
    async fn held_list(&self, limit: Option<u32>) -> RpcResult<Vec<HeldEntry>>;

    /// Tries to show the held row `number`, or all, again. W.
    #[method(name = "held_retry", with_extensions)]
    async fn held_retry(&self, number: Option<i64>) -> RpcResult<Retried>;

    /// Lets the delete `number` that waits for a person happen here, or all of them. W.
    #[method(name = "held_accept", with_extensions)]
    async fn held_accept(&self, number: Option<i64>) -> RpcResult<Decided>;

    /// Keeps the row `number` whose delete waits for a person, or all of them, on every machine. W.
    #[method(name = "held_keep", with_extensions)]
    async fn held_keep(&self, number: Option<i64>) -> RpcResult<Decided>;

    /// A session now, with one partner (name or id) or all. With `wait`: answers when both sides
    /// are equal or 60 s have passed. W.
    #[method(name = "sync_now", with_extensions)]
    async fn sync_now(&self, partner: Option<String>, wait: Option<bool>) -> RpcResult<Synced>;

    /// Makes a token that lets `uses` machines (1 unless said) join within `expires_seconds`
    /// (900 unless said), as `role` `keeper` or `member` (unless said: one as keeper, several as
    /// members). A.
    #[method(name = "pairing_invite", with_extensions)]
    async fn pairing_invite(
        &self,
        uses: Option<u32>,
        expires_seconds: Option<u64>,
        role: Option<String>,
    ) -> RpcResult<Invited>;

    /// Joins the shop that the token is of. A.
    #[method(name = "pairing_join", with_extensions)]
    async fn pairing_join(&self, token: Secret<String>) -> RpcResult<Joined>;
}
