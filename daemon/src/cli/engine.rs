//! The seam to the machine itself: what a command does without a daemon, and what `run` is.
//!
//! The commands know the machine only through these two functions.

use std::path::Path;

use jsonrpsee::Methods;

use super::exit::Exit;

/// Why the machine does not run in this process.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This version was built without the part that runs a machine.
    #[error("this build of dunlin cannot run a machine yet; use a complete build")]
    NotYet,
}

impl Error {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::NotYet => Exit::Failed,
        }
    }
}

/// The admin methods, run in this process under the machine's lock: there is no daemon.
///
/// The lock is held as long as the methods are.
#[expect(clippy::unused_async, reason = "the machine that comes here waits for others")]
pub(super) async fn offline(data: &Path) -> Result<Methods, Error> {
    let _ = data;
    Err(Error::NotYet)
}

/// Serves until told to stop.
#[expect(clippy::unused_async, reason = "the machine that comes here waits for others")]
pub(super) async fn run(data: &Path) -> Result<(), Error> {
    let _ = data;
    Err(Error::NotYet)
}
