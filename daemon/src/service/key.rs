//! The machine's key: shown by its pin, and rotated.

use dunlin_rpc::method::key::KeyServer;
use dunlin_rpc::wire::key::{KeyRotated, KeyStatus, Rotation};
use jsonrpsee::Extensions;
use jsonrpsee::core::{RpcResult, async_trait};

use crate::clock;
use crate::error::{Error, Result};
use crate::fault::fault;
use crate::machine::Machine;

/// The methods about the key.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) machine: Machine,
}

impl Service {
    async fn rotate(&self) -> Result<KeyRotated> {
        let machine = self.machine.clone();
        let rotated = tokio::task::spawn_blocking(move || machine.rotate_key());
        let rotated = rotated.await.map_err(|_panic| Error::Stopping)??;
        Ok(KeyRotated {
            pin: self.machine.identity().pin().to_string(),
            uninvited: rotated.uninvited.into(),
            waiting: waiting(&self.machine),
        })
    }
}

/// The key as it stands.
fn show(machine: &Machine) -> KeyStatus {
    let ours = machine.identity().public_key();
    let (since, rotations) = {
        let roster = machine.roster();
        (roster.since(ours), roster.rotations_of(ours))
    };
    KeyStatus {
        id: machine.id(),
        pin: ours.pin().to_string(),
        since: since.map(clock::text),
        rotations: rotations as u64,
        rotation: rotation(machine),
    }
}

/// The rotation that is under way.
pub(super) fn rotation(machine: &Machine) -> Option<Rotation> {
    let waiting = waiting(machine);
    let since = machine.roster().since(machine.identity().public_key());
    (!waiting.is_empty()).then(|| Rotation { since: since.map(clock::text), waiting })
}

fn waiting(machine: &Machine) -> Vec<String> {
    machine.not_heard().into_iter().map(|member| member.name).collect()
}

#[async_trait]
impl KeyServer for Service {
    async fn key_show(&self, _: &Extensions) -> RpcResult<KeyStatus> {
        Ok(show(&self.machine))
    }

    async fn key_rotate(&self, _: &Extensions) -> RpcResult<KeyRotated> {
        Ok(self.rotate().await.map_err(|error| fault(&error))?)
    }
}
