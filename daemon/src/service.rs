//! What this machine answers its browser, its scripts and the command line.

mod access;
mod admin;
mod attention;
mod bundle;
mod callers;
mod inside;
mod key;
mod level;
mod lists;
mod network;
mod overview;
mod pairing;
mod rights;
mod settings;
mod shop;
mod status;
mod tables;
mod there;

use std::sync::Arc;

use dunlin_rpc::dialect::Api;
use dunlin_rpc::method::access::AccessServer as _;
use dunlin_rpc::method::admin::AdminServer as _;
use dunlin_rpc::method::key::KeyServer as _;
use dunlin_rpc::method::overview::OverviewServer as _;
use dunlin_rpc::method::pairing::PairingServer as _;
use dunlin_rpc::method::settings::SettingsServer as _;
use dunlin_rpc::method::shop::ShopServer as _;
use dunlin_rpc::method::tables::TablesServer as _;
use dunlin_rpc::method::{METHODS, Right};
use dunlin_rpc::{Caller, Fault, Gate as _};
use jsonrpsee::core::server::Methods;
use tracing::error;

use crate::machine::Machine;

pub(crate) use admin::wanted;
pub(crate) use inside::Inside;
pub(crate) use rights::trusted;

/// The methods of the admin listener and the socket, with the porter before them.
pub(crate) fn api(machine: &Machine) -> Api {
    let gate = Arc::new(rights::Porter { machine: machine.clone() });
    Api { methods: methods(machine), table: METHODS, gate }
}

/// Whether a caller may see what a page shows.
pub(crate) async fn may_look(machine: &Machine, caller: &Caller) -> Result<(), Fault> {
    rights::Porter { machine: machine.clone() }.judge(caller, Right::Read).await
}

/// All methods of the admin listener and the socket.
fn methods(machine: &Machine) -> Methods {
    let mut methods = Methods::new();
    let admin = admin::Service { machine: machine.clone() }.into_rpc();
    let access = access::Service { machine: machine.clone() }.into_rpc();
    let pairing = pairing::Service { machine: machine.clone() }.into_rpc();
    let tables = tables::Service::new(machine).into_rpc();
    let key = key::Service { machine: machine.clone() }.into_rpc();
    let overview = overview::Service { machine: machine.clone() }.into_rpc();
    let shop = shop::Service { machine: machine.clone() }.into_rpc();
    let settings = settings::Service { machine: machine.clone() }.into_rpc();
    let modules: [Methods; 8] = [
        access.into(),
        admin.into(),
        key.into(),
        overview.into(),
        pairing.into(),
        settings.into(),
        shop.into(),
        tables.into(),
    ];
    for module in modules {
        // Two methods of one name would be a fault of ours, which a test of the table would show.
        if let Err(cause) = methods.merge(module) {
            error!(%cause, "methods not served");
        }
    }
    methods
}
