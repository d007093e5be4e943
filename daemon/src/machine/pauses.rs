//! Pauses: partners that a person does not want rows from for a while, and that get none.
//!
//! While a partner is paused only statements of the roster go to and fro: a `forget` must reach it all the same.
//!
//! # Invariants
//!
//! * A pause outlives the daemon: it is on disk before it counts.
//! * It is kept by machine id, so that it also holds after a key was changed.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dunlin_logs::Chain;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracing::{error, info};
use uuid::Uuid;

use super::Machine;
use crate::error::Result;
use crate::folder::{self, Folder};

/// The file in the state folder.
const FILE: &str = "paused.json";

/// Why a link of a paused partner ends, as the other side shows it.
pub(crate) const PAUSED: &str =
    "paused there: somebody paused this machine; `dunlin partners resume` on that machine ends it";

/// What the file keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Everybody, also who joins later.
    all: bool,
    /// These machines.
    partners: BTreeSet<Uuid>,
}

/// Who is paused.
#[derive(Debug)]
pub(super) struct Pauses {
    folder: Folder,
    kept: Mutex<Kept>,
    moved: watch::Sender<u64>,
}

impl Pauses {
    /// The pauses in the state folder. A file that cannot be read pauses everybody: no row goes where somebody may
    /// have said that none should.
    pub(super) fn load(folder: &Folder) -> Self {
        let kept = match folder.read_if_there(FILE) {
            Ok(None) => Kept::default(),
            Ok(Some(text)) => serde_json::from_slice(&text).unwrap_or_else(|error| unread(&error)),
            Err(error) => unread(&error),
        };
        Self { folder: folder.clone(), kept: Mutex::new(kept), moved: watch::Sender::new(0) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes who is paused; on disk first.
    fn change(&self, change: impl FnOnce(&mut Kept)) -> Result<(), folder::Error> {
        let mut kept = self.kept();
        let mut next = kept.clone();
        change(&mut next);
        if next != *kept {
            let text = serde_json::to_vec_pretty(&next).unwrap_or_default();
            self.folder.write(FILE, &text)?;
            *kept = next;
            drop(kept);
            self.moved.send_modify(|count| *count += 1);
        }
        Ok(())
    }
}

fn unread(error: &(dyn std::error::Error + 'static)) -> Kept {
    error!(cause = %Chain(error), "pauses not readable, all partners paused");
    Kept { all: true, partners: BTreeSet::new() }
}

impl Machine {
    /// Whether no rows go to or come from this machine.
    pub fn is_paused(&self, machine: Uuid) -> bool {
        let kept = self.pauses.kept();
        kept.all || kept.partners.contains(&machine)
    }

    /// Whether everybody is paused, also who joins later.
    pub fn is_all_paused(&self) -> bool {
        self.pauses.kept().all
    }

    /// Counts up whenever somebody is paused or resumed.
    pub fn pauses_moved(&self) -> watch::Receiver<u64> {
        self.pauses.moved.subscribe()
    }

    /// Pauses a machine, or all: their links close. Waits for the disk.
    pub fn pause(&self, machine: Option<Uuid>) -> Result<()> {
        self.pauses.change(|kept| match machine {
            Some(machine) => {
                kept.partners.insert(machine);
            }
            None => kept.all = true,
        })?;
        for member in self.others().into_iter().filter(|member| self.is_paused(member.machine)) {
            for link in self.links.of(member.pin) {
                link.close(PAUSED);
            }
        }
        info!(partner = machine.map(tracing::field::display), "paused");
        Ok(())
    }

    /// Resumes a machine, or all. Waits for the disk.
    ///
    /// Of a pause of all, one partner is taken out by pausing every other one by itself.
    pub fn resume(&self, machine: Option<Uuid>) -> Result<()> {
        let others = self.others();
        self.pauses.change(|kept| match machine {
            None => *kept = Kept::default(),
            Some(machine) => {
                if std::mem::take(&mut kept.all) {
                    kept.partners.extend(others.iter().map(|member| member.machine));
                }
                kept.partners.remove(&machine);
            }
        })?;
        info!(partner = machine.map(tracing::field::display), "resumed");
        self.want_sessions();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_outlives_the_process_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(&dir.path().join("state")).unwrap();
        let machine = Uuid::from_u128(7);
        let pauses = Pauses::load(&folder);
        assert_eq!(*pauses.kept(), Kept::default());
        pauses
            .change(|kept| {
                kept.partners.insert(machine);
            })
            .unwrap();
        assert!(Pauses::load(&folder).kept().partners.contains(&machine));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(folder.file(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_pauses_everybody() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(&dir.path().join("state")).unwrap();
        folder.write(FILE, b"{\"all\": fal").unwrap();
        assert!(Pauses::load(&folder).kept().all);
    }
}
