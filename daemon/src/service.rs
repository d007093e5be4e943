//! What this machine answers its browser, its scripts and the command line.

mod admin;
mod callers;
mod level;
mod lists;
mod pairing;
mod rights;
mod status;
mod tables;

use std::sync::Arc;

use dunlin_rpc::dialect::Api;
use dunlin_rpc::method::METHODS;
use dunlin_rpc::method::admin::AdminServer as _;
use dunlin_rpc::method::pairing::PairingServer as _;
use dunlin_rpc::method::tables::TablesServer as _;
use jsonrpsee::core::server::Methods;
use tracing::error;

use crate::machine::Machine;

pub(crate) use status::status;

/// The methods of the admin listener and the socket, with the porter before them.
pub(crate) fn api(machine: &Machine) -> Api {
    let gate = Arc::new(rights::Porter { machine: machine.clone() });
    Api { methods: methods(machine), table: METHODS, gate }
}

/// All methods of the admin listener and the socket.
pub(crate) fn methods(machine: &Machine) -> Methods {
    let mut methods = Methods::new();
    let admin = admin::Service { machine: machine.clone() }.into_rpc();
    let pairing = pairing::Service { machine: machine.clone() }.into_rpc();
    let tables = tables::Service::new(machine).into_rpc();
    for module in [Methods::from(admin), Methods::from(pairing), Methods::from(tables)] {
        // Two methods of one name would be a fault of ours, which a test of the table would show.
        if let Err(cause) = methods.merge(module) {
            error!(%cause, "methods not served");
        }
    }
    methods
}
