//! Settings that change while the daemon runs, as everybody else sees them.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::Inner;
use crate::config::{Config, Kept, Said};
use crate::error::{Error, Result};
use crate::settings::{Asked, Settings, Way, Wish};

/// Wishes that wait while another is granted; a person has one at a time.
const WISHES_MAX: usize = 16;

/// The settings, and the way to whoever changes them.
#[derive(Debug)]
pub(super) struct InHand {
    settings: Mutex<Settings>,
    said: Said,
    wishes: OnceLock<mpsc::Sender<Asked>>,
    shut: Mutex<Option<String>>,
}

impl InHand {
    pub(super) fn new(kept: Kept, said: Said) -> Self {
        let settings = Mutex::new(Settings::new(kept));
        Self { settings, said, wishes: OnceLock::new(), shut: Mutex::default() }
    }
}

impl Inner {
    /// What was set at run time, and what is being tried. Not held while awaiting anything.
    pub(crate) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.in_hand.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The configuration as it counts now: what it was at the start, and what was set since.
    pub(crate) fn config_now(&self) -> Config {
        let mut config = self.config.clone();
        self.settings().now().lay_on(&mut config);
        config
    }

    /// Whether a key, as `section.key`, stands in the file.
    pub(crate) fn file_says(&self, key: &str) -> bool {
        self.in_hand.said.says(key)
    }

    /// Why the page is not open to the network although it is to be.
    pub(crate) fn shut(&self) -> Option<String> {
        self.in_hand.shut.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_shut(&self, why: Option<String>) {
        *self.in_hand.shut.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// The wishes, for whoever grants them.
    pub(crate) fn take_wishes(&self) -> mpsc::Receiver<Asked> {
        let (wishes, asked) = mpsc::channel(WISHES_MAX);
        // Once, at start; a second would be a fault of ours and gets none.
        drop(self.in_hand.wishes.set(wishes));
        asked
    }

    /// Has a wish granted.
    pub(crate) async fn wish(&self, wish: Wish, by: Way) -> Result<()> {
        let wishes = self.in_hand.wishes.get().ok_or(Error::NoDaemon)?;
        let (answer, granted) = oneshot::channel();
        wishes.send(Asked { wish, by, answer }).await.map_err(|_gone| Error::Stopping)?;
        granted.await.map_err(|_gone| Error::Stopping)?
    }
}
