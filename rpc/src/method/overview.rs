//! What the Sync partners page asks beyond the status: comparisons, charts, the log, the bundle.

use std::collections::BTreeMap;

use jsonrpsee::core::RpcResult;
use jsonrpsee::proc_macros::rpc;
use uuid::Uuid;

use crate::wire::network::NetworkCheck;
use crate::wire::overview::{Candidate, HistoryHour, LogLine, TableCompared};

/// The methods of the page that show more than the status does, and what its buttons need.
#[rpc(server, client)]
pub trait Overview {
    /// Each table, and how it stands against each partner as of their last comparison. R.
    #[method(name = "tables_compare", with_extensions)]
    async fn tables_compare(&self) -> RpcResult<Vec<TableCompared>>;

    /// The tables that are not tracked, and why those that cannot be. R.
    #[method(name = "tables_candidates", with_extensions)]
    async fn tables_candidates(&self) -> RpcResult<Vec<Candidate>>;

    /// Rows moved, by partner and hour, in the last `hours` (24 unless said, at most 744). R.
    #[method(name = "history_hours", with_extensions)]
    async fn history_hours(&self, hours: Option<u32>) -> RpcResult<Vec<HistoryHour>>;

    /// Deletes the held row `number` on every machine: a tombstone of this machine. W.
    #[method(name = "held_delete", with_extensions)]
    async fn held_delete(&self, number: i64) -> RpcResult<()>;

    /// Gives the held row `number`, or one shown otherwise, other values: by column, as a person types them; null is NULL.
    /// All of them, or none: where its table would not show the row with them, the answer says why. W.
    #[method(name = "held_give", with_extensions)]
    async fn held_give(
        &self,
        number: i64,
        values: BTreeMap<String, Option<String>>,
    ) -> RpcResult<()>;

    /// What this machine knows of its network, to find out why another is not seen. R.
    #[method(name = "network_check", with_extensions)]
    async fn network_check(&self) -> RpcResult<NetworkCheck>;

    /// Shows a machine no more among those found on the network. A.
    #[method(name = "sightings_ignore", with_extensions)]
    async fn sightings_ignore(&self, id: Uuid) -> RpcResult<()>;

    /// Shows a machine among those found on the network again. A.
    #[method(name = "sightings_notice", with_extensions)]
    async fn sightings_notice(&self, id: Uuid) -> RpcResult<()>;

    /// The latest lines of the log that are at least as severe as `level` (`info` unless said), at
    /// most `limit` (200 unless said), oldest first. A.
    #[method(name = "log_list", with_extensions)]
    async fn log_list(&self, level: Option<String>, limit: Option<u32>) -> RpcResult<Vec<LogLine>>;

    /// What somebody who helps from afar needs: versions, status, settings, history, log. No row,
    /// no password, no token, no key is in it. A.
    #[method(name = "support_bundle", with_extensions)]
    async fn support_bundle(&self) -> RpcResult<serde_json::Value>;
}
