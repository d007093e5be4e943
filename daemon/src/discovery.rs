//! Discovery: machines on the local network find each other by mDNS.
//!
//! ```text
//!   network ─► mdns-sd ─► driver ─► Advert, cleaned and cut ─► Sightings, a bounded table
//!                           ▲                                       │
//!                       announce                            sightings(), changed()
//! ```
//!
//! # Invariants
//!
//! * A sighting is a hint and never a partner: nothing in it is trusted, and nothing is fetched.
//! * Whatever the network says, the table is bounded: see the limits in [`sightings`]; and so is what
//!   it costs to listen: see [`brake`].
//! * Only addresses in our own subnets are kept, so nobody can point us elsewhere.
//! * That a machine is no longer seen does not mean that it is gone.
//!
//! Discovery may be [off](Discovery::off), and a test may see [by hand](Discovery::by_hand).

mod advert;
mod brake;
mod deaf;
mod driver;
#[cfg(test)]
mod hostile;
mod nets;
pub mod sightings;
#[cfg(test)]
mod tests;

pub use advert::{Advert, Announcement, Kind};
pub use nets::Nets;
pub use sightings::{Seen, Sighting, Sightings};

use driver::Driver;
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use uuid::Uuid;

/// The port of mDNS.
pub const MDNS_PORT: u16 = 5353;

/// Discovery could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The network does not let us.
    #[error("cannot look for other machines by mDNS")]
    Start(#[source] mdns_sd::Error),
}

/// Where to announce and to look.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The interfaces, by name; none means all but point-to-point ones.
    pub interfaces: Vec<String>,
    /// The address partners call; an unspecified one means all of ours.
    pub listen: IpAddr,
    /// [`MDNS_PORT`], or another so that tests hear themselves only.
    pub port: u16,
}

impl Settings {
    /// Whether we are on loopback, and so may see and be seen there.
    pub(crate) fn on_loopback(&self) -> bool {
        self.listen.is_loopback()
    }
}

/// The running discovery. Clones share it; the last one dropped, or [`Discovery::stop`], says
/// goodbye to the network.
#[derive(Clone)]
pub struct Discovery {
    shared: Arc<Shared>,
    driver: Option<Arc<Driver>>,
}

/// What the driver writes and everybody reads.
pub(crate) struct Shared {
    table: Mutex<Sightings>,
    changed: watch::Sender<u64>,
    began: Instant,
    /// Adverts taken in: of members, of strangers.
    heard: [AtomicU64; 2],
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery").field("on", &self.driver.is_some()).finish_non_exhaustive()
    }
}

impl Discovery {
    /// Announces this machine and begins to look for others. Needs a tokio runtime around it.
    pub fn start(announcement: Announcement, settings: Settings) -> Result<Self, Error> {
        let shared = Shared::new(announcement.id);
        let driver = Driver::start(announcement, settings, Arc::clone(&shared))?;
        Ok(Self { shared, driver: Some(Arc::new(driver)) })
    }

    /// Discovery that sees nothing and says nothing.
    pub fn off(us: Uuid) -> Self {
        Self { shared: Shared::new(us), driver: None }
    }

    /// Discovery that sees what a test shows it.
    pub fn by_hand(us: Uuid) -> (Self, Hand) {
        let shared = Shared::new(us);
        (Self { shared: Arc::clone(&shared), driver: None }, Hand { shared })
    }

    /// The machines seen lately, members and strangers, ourselves not among them.
    pub fn sightings(&self) -> Vec<Sighting> {
        let now = self.shared.now();
        self.shared.lock().list(now)
    }

    /// How many adverts were taken in since the start: of members, and of strangers.
    pub fn heard(&self) -> [u64; 2] {
        self.shared.heard.each_ref().map(|counter| counter.load(Ordering::Relaxed))
    }

    /// Counts up whenever a machine is seen anew or elsewhere. Wait on it, then ask again.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    /// Says who is a member: these are never crowded out by strangers.
    pub fn set_members(&self, members: BTreeSet<Uuid>) {
        self.shared.lock().set_members(members);
    }

    /// Announces something else from now on: another name, or the shop just joined.
    pub fn announce(&self, announcement: Announcement) {
        if let Some(driver) = &self.driver {
            driver.announce(announcement);
        }
    }

    /// Says goodbye to the network and stops; waits for it at most two seconds.
    pub async fn stop(&self) {
        if let Some(driver) = &self.driver {
            driver.stop().await;
        }
    }
}

/// Shows machines to a [`Discovery::by_hand`].
#[derive(Clone)]
pub struct Hand {
    shared: Arc<Shared>,
}

impl fmt::Debug for Hand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hand").finish_non_exhaustive()
    }
}

impl Hand {
    /// Lets an advert be seen now.
    pub fn see(&self, advert: &Advert) -> Seen {
        self.shared.see(advert)
    }
}

impl Shared {
    fn new(us: Uuid) -> Arc<Self> {
        Arc::new(Self {
            table: Mutex::new(Sightings::new(us)),
            changed: watch::Sender::new(0),
            began: Instant::now(),
            heard: Default::default(),
        })
    }

    /// The monotonic clock, from when discovery began.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn see(&self, advert: &Advert) -> Seen {
        let now = self.now();
        let (seen, known) = {
            let mut table = self.lock();
            (table.see(advert, now), table.knows(advert))
        };
        let [members, strangers] = &self.heard;
        if seen != Seen::Ourselves {
            let counter = if known { members } else { strangers };
            counter.fetch_add(1, Ordering::Relaxed);
        }
        match seen {
            Seen::New | Seen::Changed => self.changed.send_modify(|count| *count += 1),
            Seen::Same | Seen::Refused | Seen::Ourselves => {}
        }
        seen
    }

    fn lock(&self) -> MutexGuard<'_, Sightings> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
