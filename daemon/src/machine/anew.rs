//! Beginning anew: the shop put this machine's key out and let a new one in, and this machine becomes another one.
//!
//! Its id stands in every table of this process, and its database numbers its versions under the old one. So nothing
//! is changed in place: the process gives way to a fresh one, which finds the roster and the keys as they are and opens
//! the database under the new id and a new epoch (see `keys`). A power cut at any moment comes to the same.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::info;

use super::Machine;

/// So long the answer may take to whoever asked; nobody waits for it but they.
const ANSWER: Duration = Duration::from_millis(250);

impl Machine {
    /// Whether this process is to give way to a fresh one.
    pub fn begins_anew(&self) -> bool {
        self.anew.load(Ordering::SeqCst)
    }

    /// Stops, and has a fresh process begin anew, once the answer to whoever asked is on its way.
    pub fn begin_anew(&self) {
        self.anew.store(true, Ordering::SeqCst);
        info!("this machine begins anew under its new key");
        let machine = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(ANSWER).await;
            machine.stop();
        });
    }
}
