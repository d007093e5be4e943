//! What a person may change while the daemon runs.

use std::net::SocketAddr;

use jsonrpsee::core::RpcResult;
use jsonrpsee::proc_macros::rpc;

use crate::wire::settings::SettingsShown;

/// Settings that are changed at run time: these and no others, each by its type. No path, no
/// command and no SQL is among them; those stand in the file.
#[rpc(server, client)]
pub trait Settings {
    /// What the daemon runs with, secrets left out. A.
    #[method(name = "settings_show", with_extensions)]
    async fn settings_show(&self) -> RpcResult<SettingsShown>;

    /// Changes settings at once; what is left out stays. A.
    ///
    /// * `log_level`: how much is logged, `error` to `trace`. Lasting.
    /// * `lan_listen`: where the page is open to the network; an empty list closes it.
    /// * `lan_names`: by which names it answers there, beside its addresses.
    /// * `new_certificate`: true for a new certificate and key of the page.
    ///
    /// The last three hold for five minutes, until `settings_keep`; then, or when the daemon starts
    /// again, what was before comes back. Refused: what stands in the file, a second change while
    /// one waits, opening the page while nobody can sign in.
    #[method(name = "settings_set", with_extensions)]
    async fn settings_set(
        &self,
        log_level: Option<String>,
        lan_listen: Option<Vec<SocketAddr>>,
        lan_names: Option<Vec<String>>,
        new_certificate: Option<bool>,
    ) -> RpcResult<SettingsShown>;

    /// Keeps the change that waits. One that was made over the network is kept over the network:
    /// that proves that its maker still comes in. A.
    #[method(name = "settings_keep", with_extensions)]
    async fn settings_keep(&self) -> RpcResult<SettingsShown>;

    /// Takes the change that waits back. A.
    #[method(name = "settings_undo", with_extensions)]
    async fn settings_undo(&self) -> RpcResult<SettingsShown>;
}
