//! Settings that a person changes while the daemon runs: kept at once, or tried until they are kept.
//!
//! ```text
//!             try_out                     keep: written, and lasting
//!   settled ───────────► trying ─────┬──────────────────────────────► settled, the new ones
//!      ▲                    │        │
//!      └────────────────────┴────────┘ undo, five minutes, a restart, a crash: the old ones
//! ```
//!
//! Who opens or closes the way by which he comes, or has another certificate shown there, may find
//! that he cannot come back. So such a change lives in memory alone until somebody says that it is
//! well, and if it was made over the network he must have come in over the network to say so. The
//! log level shuts nobody out and is kept at once.
//!
//! # Invariants
//!
//! * This file is pure: it is handed the time of the monotonic clock, and touches neither socket nor
//!   disk. [`driver`] does both.
//! * There is one change at a time. What it came from is what comes back.

mod driver;

pub(crate) use driver::{Asked, Driver, Wish};

use std::time::Duration;

use crate::config::{Kept, LogLevel};

/// How long a change waits to be kept: long enough to go to another computer and try.
pub(crate) const TRIAL: Duration = Duration::from_mins(5);

/// By which way a person came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// On the machine itself: loopback, or the socket.
    Here,
    /// The page on the network.
    Network,
}

/// What was set, and what is being tried.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    kept: Kept,
    trial: Option<Trial>,
}

/// A change that waits to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trial {
    /// The settings with it.
    pub(crate) wanted: Kept,
    /// The fingerprints of a new certificate and of the one before.
    pub(crate) certificate: Option<(String, String)>,
    /// By which way it was made, and is to be kept.
    pub(crate) by: Way,
    until: Duration,
}

/// Why a change, or its end, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("another change waits to be kept; keep it or undo it first")]
    Waits,
    #[error("no change waits to be kept; after five minutes the old settings come back")]
    Nothing,
    #[error(
        "this change was made over the network, so keep it there: open the page at its address \
         on the network and press Keep"
    )]
    OverTheNetwork,
}

impl Settings {
    pub(crate) fn new(kept: Kept) -> Self {
        Self { kept, trial: None }
    }

    /// What counts now, kept or tried.
    pub(crate) fn now(&self) -> &Kept {
        self.trial.as_ref().map_or(&self.kept, |trial| &trial.wanted)
    }

    /// What counts after a restart.
    pub(crate) fn kept(&self) -> &Kept {
        &self.kept
    }

    /// The change that waits.
    pub(crate) fn trial(&self) -> Option<&Trial> {
        self.trial.as_ref()
    }

    /// Whether a change may begin.
    pub(crate) fn may_try(&self) -> Result<(), Refused> {
        if self.trial.is_some() { Err(Refused::Waits) } else { Ok(()) }
    }

    /// A change holds from now on. `open` says whether the page is open to the network with it:
    /// nobody can come by a way that he has just closed.
    pub(crate) fn try_out(
        &mut self,
        wanted: Kept,
        certificate: Option<(String, String)>,
        (by, open): (Way, bool),
        now: Duration,
    ) -> Result<(), Refused> {
        self.may_try()?;
        let by = if open { by } else { Way::Here };
        self.trial = Some(Trial { wanted, certificate, by, until: now + TRIAL });
        Ok(())
    }

    /// The settings that somebody who came by this way may keep now.
    pub(crate) fn may_keep(&self, by: Way, now: Duration) -> Result<&Kept, Refused> {
        match &self.trial {
            Some(trial) if now < trial.until => match (trial.by, by) {
                (Way::Network, Way::Here) => Err(Refused::OverTheNetwork),
                (Way::Network, Way::Network) | (Way::Here, _) => Ok(&trial.wanted),
            },
            Some(_) | None => Err(Refused::Nothing),
        }
    }

    /// What is being tried is kept; it was written.
    pub(crate) fn keep(&mut self) {
        if let Some(trial) = self.trial.take() {
            self.kept = trial.wanted;
        }
    }

    /// What is being tried is over; answers it.
    pub(crate) fn undo(&mut self) -> Option<Trial> {
        self.trial.take()
    }

    /// The log level, which counts beside whatever is being tried.
    pub(crate) fn set_log_level(&mut self, level: LogLevel) {
        self.kept.log_level = Some(level);
        if let Some(trial) = &mut self.trial {
            trial.wanted.log_level = Some(level);
        }
    }

    /// How long the change that waits may still be kept.
    pub(crate) fn left(&self, now: Duration) -> Option<Duration> {
        self.trial.as_ref().map(|trial| trial.until.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGUN: Duration = Duration::from_secs(1_000);

    fn listening(at: &str) -> Kept {
        let lan_listen = Some(at.split_whitespace().map(|one| one.parse().unwrap()).collect());
        Kept { lan_listen, ..Kept::default() }
    }

    fn trying(by: Way, at: &str) -> Settings {
        let mut settings = Settings::new(listening("10.0.0.1:1"));
        settings.try_out(listening(at), None, (by, !at.is_empty()), BEGUN).unwrap();
        settings
    }

    #[test]
    fn what_is_tried_counts_at_once_and_is_not_what_is_kept() {
        let settings = trying(Way::Here, "10.0.0.1:2");
        assert_eq!(settings.now(), &listening("10.0.0.1:2"));
        assert_eq!(settings.kept(), &listening("10.0.0.1:1"));
    }

    #[test]
    fn what_nobody_keeps_for_five_minutes_cannot_be_kept_any_more() {
        let mut settings = trying(Way::Here, "10.0.0.1:2");
        let last = (BEGUN + TRIAL).checked_sub(Duration::from_millis(1)).unwrap();
        assert_eq!(settings.left(last), Some(Duration::from_millis(1)));
        assert!(settings.may_keep(Way::Here, last).is_ok());
        assert_eq!(settings.left(BEGUN + TRIAL), Some(Duration::ZERO));
        assert_eq!(settings.may_keep(Way::Here, BEGUN + TRIAL), Err(Refused::Nothing));
        assert!(settings.undo().is_some());
        assert_eq!(settings.now(), &listening("10.0.0.1:1"));
        assert_eq!(settings.left(BEGUN + TRIAL), None);
    }

    #[test]
    fn what_is_kept_stays() {
        let mut settings = trying(Way::Here, "10.0.0.1:2");
        settings.keep();
        assert_eq!(settings.undo(), None);
        assert_eq!(settings.now(), &listening("10.0.0.1:2"));
        assert_eq!(settings.may_keep(Way::Here, BEGUN), Err(Refused::Nothing));
    }

    #[test]
    fn one_change_at_a_time() {
        let mut settings = trying(Way::Here, "10.0.0.1:2");
        let more = settings.try_out(listening("10.0.0.1:3"), None, (Way::Here, true), BEGUN);
        assert_eq!(more, Err(Refused::Waits));
        assert_eq!(settings.now(), &listening("10.0.0.1:2"));
    }

    #[test]
    fn what_was_changed_over_the_network_is_kept_over_the_network() {
        let settings = trying(Way::Network, "10.0.0.1:2");
        assert_eq!(settings.may_keep(Way::Here, BEGUN), Err(Refused::OverTheNetwork));
        assert!(settings.may_keep(Way::Network, BEGUN).is_ok());
        // Who sits at the machine is shut out by nothing, and may come by either way.
        let settings = trying(Way::Here, "10.0.0.1:2");
        assert!(settings.may_keep(Way::Here, BEGUN).is_ok());
        assert!(settings.may_keep(Way::Network, BEGUN).is_ok());
    }

    #[test]
    fn a_way_that_was_closed_is_kept_closed_at_the_machine() {
        let settings = trying(Way::Network, "");
        assert!(settings.may_keep(Way::Here, BEGUN).is_ok());
    }

    #[test]
    fn the_log_level_is_no_part_of_what_comes_back() {
        let mut settings = trying(Way::Here, "10.0.0.1:2");
        settings.set_log_level(LogLevel::Debug);
        assert_eq!(settings.now().log_level, Some(LogLevel::Debug));
        settings.undo();
        assert_eq!(settings.now().log_level, Some(LogLevel::Debug));
    }
}
