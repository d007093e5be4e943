//! The seam to the machine itself: what a command does without a daemon, and what `run` is.
//!
//! The commands know the machine only through these two functions.

use std::path::Path;

use dunlin_rpc::Caller;

use super::exit::Exit;
use crate::folder;
use crate::machine::Machine;
use crate::service::{self, Inside};

/// Why the machine does not run in this process.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine cannot be opened or served.
    #[error(transparent)]
    Machine(#[from] crate::Error),
}

impl Error {
    pub(super) fn exit(&self) -> Exit {
        match self {
            // A daemon that is starting or stopping holds the lock and does not answer.
            Self::Machine(crate::Error::Folder(folder::Error::InUse { .. })) => Exit::NoDaemon,
            Self::Machine(_) => Exit::Failed,
        }
    }
}

/// The admin methods, run in this process under the machine's lock: there is no daemon.
///
/// The lock is held as long as the methods are.
pub(super) async fn offline(data: &Path) -> Result<Inside, Error> {
    let path = data.to_owned();
    let machine = tokio::task::spawn_blocking(move || Machine::open(&path))
        .await
        .map_err(|_panic| crate::Error::Stopping)??;
    Ok(Inside { api: service::api(&machine), caller: Caller::socket() })
}

/// Serves until told to stop.
pub(super) async fn run(data: &Path) -> Result<(), Error> {
    Ok(crate::run::run(data).await?)
}
