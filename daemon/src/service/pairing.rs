//! The pairing methods: what a person at this machine asks of a pairing.

use dunlin_rpc::method::pairing::PairingServer;
use dunlin_rpc::wire::pairing::PairingStatus;
use jsonrpsee::Extensions;
use jsonrpsee::core::{RpcResult, async_trait};

use crate::error::Result;
use crate::fault::fault;
use crate::machine::Machine;
use crate::pairing;

/// The pairing methods.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) machine: Machine,
}

impl Service {
    fn after(&self, done: Result<()>) -> RpcResult<PairingStatus> {
        done.map_err(|error| fault(&error))?;
        Ok(pairing::state(&self.machine))
    }
}

#[async_trait]
impl PairingServer for Service {
    async fn pairing_open(&self, _: &Extensions) -> RpcResult<PairingStatus> {
        self.after(pairing::open(&self.machine))
    }

    async fn pairing_begin(&self, _: &Extensions, target: String) -> RpcResult<PairingStatus> {
        self.after(pairing::begin(&self.machine, &target))
    }

    async fn pairing_state(&self, _: &Extensions) -> RpcResult<PairingStatus> {
        self.after(Ok(()))
    }

    async fn pairing_confirm(&self, _: &Extensions, digits: String) -> RpcResult<PairingStatus> {
        self.after(pairing::confirm(&self.machine, &digits))
    }

    async fn pairing_cancel(&self, _: &Extensions) -> RpcResult<PairingStatus> {
        pairing::cancel(&self.machine);
        self.after(Ok(()))
    }
}
