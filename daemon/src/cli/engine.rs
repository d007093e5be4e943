//! The seam to the machine itself: what a command does without a daemon, and what `run` is.
//!
//! The commands know the machine only through these functions.

use std::io::ErrorKind;
use std::path::Path;

use dunlin_rpc::Caller;
use dunlin_rpc::wire::admin::Track;

use super::exit::Exit;
use crate::check::{self, Checked};
use crate::config::{Config, Flags};
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
            Self::Machine(crate::Error::Store(dunlin_schema::Error::Unreadable {
                source, ..
            })) if source.kind() == ErrorKind::PermissionDenied => Exit::NotAuthorised,
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

/// Looks at a file as tracking would.
pub(super) fn check(file: &Path, track: Track) -> Result<Checked, Error> {
    Ok(check::check(file, track, None)?)
}

/// The same of the database of the machine in this folder, and of what its settings say.
pub(super) fn would_track(data: &Path, track: Track) -> Result<Checked, Error> {
    let loaded = Config::load(data, &Flags::default()).map_err(crate::Error::from)?;
    let section = loaded.config.database.first().ok_or(crate::Error::NoDatabase)?;
    Ok(check::check(&section.file, track, Some(section))?)
}

/// Serves until told to stop.
pub(super) async fn run(data: &Path) -> Result<(), Error> {
    Ok(crate::run::run(data).await?)
}
