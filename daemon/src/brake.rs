//! The brake: how fast passwords can be tried. Pure: the monotonic clock is handed in.
//!
//! ```text
//!   ask(account, source) ─┬─► Ticket ─► a hash is spent ─► settle(ticket, right | wrong | unspent)
//!                         └─► Held: come back in so many seconds; nothing is spent
//! ```
//!
//! | after a wrong password | waits | at most |
//! | --- | --- | --- |
//! | the account, from that source | 1, 2, 4 … s | 15 min |
//! | the source, for all accounts, from its 10th on | 1, 2, 4 … s | 15 min |
//! | both, on this computer | the same | 2 s |
//!
//! # Invariants
//!
//! * An account alone is never slowed: a guest on the network who tries the nightly script's name
//!   does not keep the nightly script out.
//! * This computer is slowed and never shut out, and strangers cannot use up its share.
//! * Whoever failed has one try under way at a time, so that many at once are no way around.
//! * A right password takes back what its own account failed with from there, and no more: whoever
//!   has one good password cannot wash away what he tried on others.
//! * The tables are bounded. What is pushed out of them waited least.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// The first wait; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait.
const WAIT_MAX: Duration = Duration::from_mins(15);

/// The longest wait on this computer: its scripts must not be shut out by a neighbour.
const WAIT_MAX_HERE: Duration = Duration::from_secs(2);

/// So many wrong passwords of one source, over all accounts, are not held against the source.
const SOURCE_FREE: u32 = 9;

/// Tries that one account may have under way from one source, as long as none failed.
const AT_ONCE: u32 = 4;

/// Tries a second, of all strangers together and of this computer: so many can be made up for.
const TRIES_A_SECOND: u32 = 20;

/// How long a wrong password is remembered after the last one.
const REMEMBERED: Duration = Duration::from_hours(24);

/// So many of the latest wrong passwords of an account are remembered with their time.
const LATEST: usize = 5;

/// What counts as lately.
const LATELY: Duration = Duration::from_hours(1);

/// How many accounts and sources are remembered.
const TABLE_MAX: usize = 1_024;

/// Where a password comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A program of root, of the daemon's user, or of one whom the configuration names.
    Ours,
    /// Another program of this computer, or one that came through a proxy on it.
    Here,
    /// Another machine.
    Away(IpAddr),
}

impl Source {
    fn is_here(self) -> bool {
        !matches!(self, Self::Away(_))
    }

    fn wait_max(self) -> Duration {
        if self.is_here() { WAIT_MAX_HERE } else { WAIT_MAX }
    }
}

/// The leave to try one password. It has to be settled.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Ticket {
    account: String,
    source: Source,
}

/// What a try came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The password was right.
    Right,
    /// It was wrong.
    Wrong,
    /// It was not looked at after all.
    Unspent,
}

/// No try now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// When to come back, in whole seconds, one at least.
    pub seconds: u64,
}

/// Somebody whose passwords were wrong, as a person is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// From where.
    pub source: Source,
    /// The name that was given.
    pub account: String,
    /// How many were wrong since the last right one.
    pub wrong: u32,
    /// How many of the latest five were within the last hour.
    pub lately: u32,
    /// For how long the next try has to wait.
    pub wait: Duration,
}

/// What is held against an account at a source, or against a source.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    wrong: u32,
    last: Duration,
    until: Duration,
    under_way: u32,
    latest: [Option<Duration>; LATEST],
}

impl Mark {
    fn is_idle(&self, now: Duration) -> bool {
        self.under_way == 0 && (self.wrong == 0 || self.last + REMEMBERED <= now)
    }

    /// How many were wrong lately.
    fn lately(&self, now: Duration) -> u32 {
        let lately = self.latest.iter().flatten().filter(|at| now < **at + LATELY);
        u32::try_from(lately.count()).unwrap_or(u32::MAX)
    }

    /// What was wrong counts no more.
    fn forgive(&mut self) {
        (self.wrong, self.until, self.latest) = (0, Duration::ZERO, [None; LATEST]);
    }

    fn fail(&mut self, free: u32, max: Duration, now: Duration) {
        self.wrong = self.wrong.saturating_add(1);
        self.last = now;
        self.latest.rotate_left(1);
        if let Some(place) = self.latest.last_mut() {
            *place = Some(now);
        }
        if let Some(step) = self.wrong.checked_sub(free + 1) {
            self.until = now + wait(step).min(max);
        }
    }
}

/// The wait after so many waits before it.
fn wait(step: u32) -> Duration {
    // 2^10 seconds are above every limit.
    FIRST_WAIT * (1 << step.min(10))
}

/// A store of tries that fills up with time.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    tries: f64,
    at: Duration,
}

impl Default for Bucket {
    fn default() -> Self {
        Self { tries: f64::from(TRIES_A_SECOND), at: Duration::ZERO }
    }
}

impl Bucket {
    fn take(&mut self, now: Duration) -> bool {
        let most = f64::from(TRIES_A_SECOND);
        let since = now.saturating_sub(self.at).as_secs_f64();
        self.tries = (self.tries + since * most).min(most);
        self.at = self.at.max(now);
        if self.tries < 1.0 {
            return false;
        }
        self.tries -= 1.0;
        true
    }
}

/// Who tried passwords that were wrong.
#[derive(Debug, Default)]
pub struct Brake {
    accounts: BTreeMap<(Source, String), Mark>,
    sources: BTreeMap<Source, Mark>,
    strangers: Bucket,
    here: Bucket,
}

impl Brake {
    /// Asks for a try now.
    pub fn ask(&mut self, account: &str, source: Source, now: Duration) -> Result<Ticket, Held> {
        let key = (source, account.to_owned());
        let mark = self.accounts.get(&key).copied().unwrap_or_default();
        let whole = self.sources.get(&source).copied().unwrap_or_default();
        let until = mark.until.max(whole.until);
        if now < until {
            return Err(held(until.saturating_sub(now)));
        }
        let most = |mark: Mark, free| if mark.wrong > free { 1 } else { AT_ONCE };
        if most(mark, 0) <= mark.under_way
            || (whole.wrong > SOURCE_FREE && most(whole, SOURCE_FREE) <= whole.under_way)
        {
            return Err(held(FIRST_WAIT));
        }
        let bucket = if source.is_here() { &mut self.here } else { &mut self.strangers };
        if !bucket.take(now) {
            return Err(held(FIRST_WAIT));
        }
        make_room(&mut self.accounts, &key, now);
        make_room(&mut self.sources, &source, now);
        let ticket = Ticket { account: key.1.clone(), source };
        self.accounts.entry(key).or_default().under_way += 1;
        self.sources.entry(source).or_default().under_way += 1;
        Ok(ticket)
    }

    /// Says what a try came to.
    pub fn settle(&mut self, ticket: Ticket, outcome: Outcome, now: Duration) {
        let Ticket { account, source } = ticket;
        let key = (source, account);
        // Pushed out meanwhile: a wrong one still counts, from the beginning.
        let mark = self.accounts.entry(key.clone()).or_default();
        let whole = self.sources.entry(source).or_default();
        mark.under_way = mark.under_way.saturating_sub(1);
        whole.under_way = whole.under_way.saturating_sub(1);
        match outcome {
            Outcome::Right => {
                whole.wrong = whole.wrong.saturating_sub(mark.wrong);
                if whole.wrong <= SOURCE_FREE {
                    whole.until = Duration::ZERO;
                }
                mark.forgive();
            }
            Outcome::Wrong => {
                mark.fail(0, source.wait_max(), now);
                whole.fail(SOURCE_FREE, source.wait_max(), now);
            }
            Outcome::Unspent => {}
        }
        if mark.is_idle(now) {
            self.accounts.remove(&key);
        }
        if whole.is_idle(now) {
            self.sources.remove(&source);
        }
    }

    /// Takes back what an account failed with, from everywhere: a person saw to it.
    pub fn forgive(&mut self, account: &str) {
        let marks = self.accounts.iter_mut().filter(|((_, name), _)| name == account);
        for ((source, _), mark) in marks {
            if let Some(whole) = self.sources.get_mut(source) {
                whole.wrong = whole.wrong.saturating_sub(mark.wrong);
                whole.until = Duration::ZERO;
            }
            mark.forgive();
        }
    }

    /// Who failed lately, the most stubborn first.
    pub fn failing(&self, now: Duration) -> Vec<Failing> {
        let mut failing: Vec<Failing> = self
            .accounts
            .iter()
            .filter(|(_, mark)| mark.wrong > 0 && now < mark.last + REMEMBERED)
            .map(|((source, account), mark)| {
                let whole = self.sources.get(source).map_or(Duration::ZERO, |whole| whole.until);
                let wait = mark.until.max(whole).saturating_sub(now);
                Failing {
                    source: *source,
                    account: account.clone(),
                    wrong: mark.wrong,
                    lately: mark.lately(now),
                    wait,
                }
            })
            .collect();
        failing.sort_by_key(|failing| std::cmp::Reverse(failing.wrong));
        failing
    }
}

fn held(wait: Duration) -> Held {
    let seconds = u64::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX);
    Held { seconds: seconds.max(1) }
}

/// Drops what is over, and if that is not enough, whoever waits least.
fn make_room<K: Ord + Clone>(table: &mut BTreeMap<K, Mark>, key: &K, now: Duration) {
    if table.len() < TABLE_MAX || table.contains_key(key) {
        return;
    }
    table.retain(|_, mark| !mark.is_idle(now));
    if table.len() < TABLE_MAX {
        return;
    }
    let least = table.iter().min_by_key(|(_, mark)| (mark.under_way, mark.wrong, mark.last));
    if let Some(least) = least.map(|(key, _)| key.clone()) {
        table.remove(&least);
    }
}
