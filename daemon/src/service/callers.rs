//! Where each caller of `getdata` stands in the journal: "since my last call".
//!
//! A position moves only when its answer was taken. The file is written with each move, so that a restart gives a
//! caller rows twice rather than never.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use dunlin_logs::Chain;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::folder::Folder;

/// The file.
const FILE: &str = "callers.json";

/// So many callers are remembered; the one that was silent longest makes room.
const CALLERS_MAX: usize = 1_000;

/// One caller's position.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Place {
    position: u64,
    /// The epoch of the journal it is in.
    epoch: u64,
    /// Counts up with each call of anybody.
    used: u64,
}

/// All callers.
#[derive(Debug)]
pub(super) struct Callers {
    folder: Folder,
    places: Mutex<BTreeMap<String, Place>>,
    /// Held while the file is written, so that the latest text is the one that stays.
    writing: Mutex<()>,
}

impl Callers {
    pub(super) fn load(folder: &Folder) -> Self {
        let places = match folder.read_if_there(FILE) {
            Ok(Some(text)) => serde_json::from_slice(&text).unwrap_or_else(|error| {
                warn!(cause = %Chain(&error), "positions of callers not readable, begun anew");
                BTreeMap::new()
            }),
            Ok(None) => BTreeMap::new(),
            Err(error) => {
                warn!(cause = %Chain(&error), "positions of callers not readable");
                BTreeMap::new()
            }
        };
        Self { folder: folder.clone(), places: Mutex::new(places), writing: Mutex::default() }
    }

    /// Where a caller stands; at the beginning when he is new, or the journal is another one.
    pub(super) fn position(&self, user: &str, caller: &str, epoch: u64) -> u64 {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places
            .get(&name(user, caller))
            .filter(|place| place.epoch == epoch)
            .map_or(0, |place| place.position)
    }

    /// The answer was taken: the caller stands here from now on.
    pub(super) fn move_to(&self, user: &str, caller: &str, epoch: u64, position: u64) {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = places.values().map(|place| place.used).max().unwrap_or(0);
        places.insert(name(user, caller), Place { position, epoch, used: latest + 1 });
        while places.len() > CALLERS_MAX {
            let oldest =
                places.iter().min_by_key(|(_, place)| place.used).map(|(name, _)| name.clone());
            let Some(oldest) = oldest else { break };
            places.remove(&oldest);
        }
        let text = serde_json::to_vec(&*places).unwrap_or_default();
        drop(places);
        if let Err(error) = self.folder.write(FILE, &text) {
            warn!(cause = %Chain(&error), "position of a caller not written");
        }
    }
}

/// A user's callers are his own: two users may use one id.
fn name(user: &str, caller: &str) -> String {
    format!("{user}\n{caller}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let temp = tempfile::tempdir().unwrap();
        let folder = Folder::create(&temp.path().join("state")).unwrap();
        (temp, folder)
    }

    #[test]
    fn a_position_survives_a_restart_and_belongs_to_one_user_and_journal() {
        let (_temp, folder) = folder();
        let callers = Callers::load(&folder);
        callers.move_to("anna", "till", 7, 42);
        let again = Callers::load(&folder);
        assert_eq!(again.position("anna", "till", 7), 42);
        assert_eq!(again.position("bert", "till", 7), 0);
        assert_eq!(again.position("anna", "till", 8), 0);
    }

    #[test]
    fn the_caller_that_was_silent_longest_makes_room() {
        let (_temp, folder) = folder();
        let callers = Callers::load(&folder);
        // Filled in memory: a thousand files would only test the disk.
        for n in 0..CALLERS_MAX as u64 {
            let place = Place { position: 1, epoch: 1, used: n + 1 };
            callers.places.lock().unwrap().insert(name("u", &n.to_string()), place);
        }
        callers.move_to("u", "new", 1, 5);
        assert_eq!(callers.position("u", "0", 1), 0);
        assert_eq!(callers.position("u", "1", 1), 1);
        assert_eq!(callers.position("u", "new", 1), 5);
    }
}
