//! The seam to the machine itself: what a command does without a daemon, and what `run` is.
//!
//! The commands know the machine only through these two functions.

use std::io::IsTerminal as _;
use std::path::Path;

use dunlin_rpc::Caller;
use jsonrpsee::Methods;

use super::exit::Exit;
use super::output;
use crate::config::{Config, Flags};
use crate::folder::Folder;
use crate::machine::Machine;
use crate::{folder, service};

/// The folder of the daily log files, in the state folder.
const LOGS: &str = "logs";

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
pub(super) async fn offline(data: &Path) -> Result<Methods, Error> {
    let path = data.to_owned();
    let machine = tokio::task::spawn_blocking(move || Machine::open(&path))
        .await
        .map_err(|_panic| crate::Error::Stopping)??;
    let mut methods = service::methods(&machine);
    methods.extensions_mut().insert(Caller::socket());
    Ok(methods)
}

/// Serves until told to stop. The log runs from before the machine is opened until all is said.
pub(super) async fn run(data: &Path) -> Result<(), Error> {
    let _log = start_log(data)?;
    Ok(crate::run::run(data).await?)
}

fn start_log(data: &Path) -> Result<dunlin_logs::Output, crate::Error> {
    let folder = Folder::open(data)?;
    let config = Config::load(folder.path(), &Flags::default())?;
    Ok(dunlin_logs::start(&dunlin_logs::Settings {
        level: config.log.level.into(),
        folder: Some(folder.subfolder(LOGS)?),
        keep_files: usize::try_from(config.log.keep_days).unwrap_or(usize::MAX),
        terminal: std::io::stderr().is_terminal(),
        colour: output::colour_on_stderr(),
        ..dunlin_logs::Settings::default()
    }))
}
