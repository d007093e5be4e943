//! Machines that a person chose not to see among those found on the network: `DIR/ignored.json`.
//!
//! By the id that they claim, which proves nothing: whoever takes another id is seen again. Ignoring
//! hides, and decides nothing else.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use dunlin_logs::Chain;
use tracing::warn;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::folder::Folder;

/// The file in the state folder.
const FILE: &str = "ignored.json";

/// So many at most: strangers come and go, and nobody looks through more.
const IGNORED_MAX: usize = 1_000;

/// The ids.
#[derive(Debug)]
pub(super) struct Ignored {
    folder: Folder,
    ids: Mutex<BTreeSet<Uuid>>,
}

impl Ignored {
    pub(super) fn load(folder: &Folder) -> Self {
        let text = folder.read_if_there(FILE).unwrap_or_else(|error| {
            warn!(cause = %Chain(&error), "ignored machines not readable");
            None
        });
        let ids = text.map_or_else(BTreeSet::new, |text| {
            serde_json::from_slice(&text).unwrap_or_else(|error| {
                warn!(cause = %Chain(&error), "ignored machines not readable, begun anew");
                BTreeSet::new()
            })
        });
        Self { folder: folder.clone(), ids: Mutex::new(ids) }
    }
}

impl super::Inner {
    /// Does a person not want to see this machine?
    pub fn is_ignored(&self, id: Uuid) -> bool {
        self.ignored.ids.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    /// Hides a machine among those found, or shows it again. Waits for the disk.
    pub fn ignore(&self, id: Uuid, hide: bool) -> Result<()> {
        {
            // Held while the file is written, so that the latest text is the one that stays.
            let mut ids = self.ignored.ids.lock().unwrap_or_else(PoisonError::into_inner);
            if hide && ids.len() >= IGNORED_MAX {
                let what = format!("{IGNORED_MAX} machines are ignored already; show some again");
                return Err(Error::Refused(what));
            }
            let mut after = ids.clone();
            if hide {
                after.insert(id);
            } else {
                after.remove(&id);
            }
            let text = serde_json::to_vec_pretty(&after).unwrap_or_default();
            self.ignored.folder.write(FILE, &text)?;
            *ids = after;
        }
        self.seen_to_change();
        Ok(())
    }
}
