//! What is known of each partner: where it is, how it stands, and why there is no link.
//!
//! The state words are those of the page, in the order of their importance:
//! `Identity problem`, `Paused`, `Stopped`, `Retrying`, `Catching up`, `Waiting`, `Up to date`,
//! `Offline`.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dunlin_logs::Chain;
use dunlin_rpc::Pin;
use dunlin_rpc::wire::partner::TableDigest;
use dunlin_schema::{Declaration, Millis, Unlike};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::folder::Folder;
use crate::roster::Roster;

/// The file of the addresses that worked.
const FILE: &str = "partners.json";

/// Addresses kept of one partner; the last that worked comes first.
const ADDRESSES_MAX: usize = 4;

/// How a partner stands, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is not who its key says, or two machines have its key.
    IdentityProblem,
    /// A person paused it here.
    Paused,
    /// A person has to do something.
    Stopped,
    /// It was reachable a moment ago, and is tried again.
    Retrying,
    /// Linked, and rows are on their way.
    CatchingUp,
    /// Linked, and all is exchanged; rows of one side wait until both applications are of one kind, or for a person.
    Waiting,
    /// Linked and equal.
    UpToDate,
    /// Not reachable.
    Offline,
}

impl State {
    /// The word on the page, in `--json` and in the docs.
    pub fn word(self) -> &'static str {
        match self {
            Self::IdentityProblem => "Identity problem",
            Self::Paused => "Paused",
            Self::Stopped => "Stopped",
            Self::Retrying => "Retrying",
            Self::CatchingUp => "Catching up",
            Self::Waiting => "Waiting",
            Self::UpToDate => "Up to date",
            Self::Offline => "Offline",
        }
    }
}

/// So long after the last sign of life a partner counts as being tried again, not as off.
pub const RECENT: Duration = Duration::from_secs(20);

/// What is known of one partner.
#[derive(Clone, Debug, Default)]
pub struct Partner {
    /// Where it is now, or was when it was last linked.
    pub address: Option<SocketAddr>,
    /// When a link was last alive.
    pub last_seen: Option<Millis>,
    /// A link is open and past the greeting.
    pub linked: bool,
    /// By database: both sides had the same digests when they last compared.
    pub equal: BTreeMap<String, bool>,
    /// By database: where the digests are the same, so is what the tables show.
    pub same: BTreeMap<String, bool>,
    /// When they last compared.
    pub compared: Option<Instant>,
    /// By database: what waited when they last compared.
    pub waiting: BTreeMap<String, Waiting>,
    /// Tries that failed since the last that succeeded.
    pub attempt: u32,
    /// When it is tried again.
    pub next_try: Option<Instant>,
    /// Why there is no link, in a sentence.
    pub reason: Option<String>,
    /// What a person has to look at, in a sentence.
    pub stopped: Option<String>,
    /// Why it is not who its key says, in a sentence; until it is linked again.
    pub impostor: Option<String>,
    /// What it did that no honest partner does, in a sentence; until this daemon ends.
    pub odd: Option<String>,
    /// How far its clock is ahead of ours, in milliseconds.
    pub skew: i64,
    /// Since when it is linked.
    pub linked_since: Option<Millis>,
    /// When they last compared, by the wall clock.
    pub compared_at: Option<Millis>,
    /// By database: the tables of the partner, in lower case, and their figures when they last compared.
    pub digests: BTreeMap<String, Arc<BTreeMap<String, Figures>>>,
    /// By database: how the partner's tables are declared.
    pub declared: BTreeMap<String, Arc<Vec<Declaration>>>,
    /// By database: where the partner has other columns.
    pub unlike: BTreeMap<String, Arc<Vec<Unlike>>>,
    /// What moves in the session under way.
    pub moving: Option<Moving>,
    /// The quickest answer over the link that stands, where we dialled it.
    pub round_trip: Option<Duration>,
}

/// A table of a partner, in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Of its versions.
    pub digest: String,
    /// Of the rows that do not show what theirs say.
    pub unshown: Option<String>,
}

/// What waited, each way, when two machines last compared a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Rows that it has for us.
    pub coming: u64,
    /// Rows that we have for it.
    pub going: u64,
    /// Where our journal ended.
    pub end: u64,
}

/// A clock that was set back makes it recent, until it has caught up.
fn is_recent(seen: Millis, now: Millis) -> bool {
    Duration::from_millis(u64::try_from(now - seen).unwrap_or(0)) < RECENT
}

/// Rows on their way, since both were last level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moving {
    /// Since when.
    pub since: Instant,
    /// How many were moved.
    pub rows: u64,
    /// About how many are left.
    pub left: u64,
}

impl Partner {
    /// How it stands. `held`: why its key is held, if it is; `paused`: whether a person paused it.
    pub fn state(&self, held: Option<&str>, paused: bool, now: Millis) -> State {
        if held.is_some() || self.impostor.is_some() {
            State::IdentityProblem
        } else if paused {
            State::Paused
        } else if self.stopped.is_some() {
            State::Stopped
        } else if self.linked {
            let equal = !self.equal.is_empty() && self.equal.values().all(|equal| *equal);
            let same = self.same.values().all(|same| *same);
            match (equal && self.is_level(), same) {
                (true, true) => State::UpToDate,
                (true, false) => State::Waiting,
                (false, _) => State::CatchingUp,
            }
        } else if self.last_seen.is_some_and(|seen| is_recent(seen, now)) {
            State::Retrying
        } else {
            State::Offline
        }
    }

    /// A page went over the link; about `left` rows are to follow.
    pub fn moved(&mut self, rows: u64, left: u64) {
        let moving = self.moving.get_or_insert(Moving { since: Instant::now(), rows: 0, left });
        moving.rows += rows;
        moving.left = left;
    }

    /// An answer took so long: the quickest comes nearest to the way alone.
    pub fn answered(&mut self, took: Duration) {
        self.round_trip = Some(self.round_trip.map_or(took, |known| known.min(took)));
    }

    /// Both sides have compared a database: its tables there.
    pub fn told(&mut self, database: &str, tables: &[TableDigest], now: Millis) {
        let tables = tables
            .iter()
            .filter(|table| !table.untracked)
            .map(|table| {
                let figures =
                    Figures { digest: table.digest.clone(), unshown: table.unshown.clone() };
                (table.name.to_lowercase(), figures)
            })
            .collect();
        self.digests.insert(database.to_owned(), Arc::new(tables));
        self.compared_at = Some(now);
        self.moving = None;
    }

    /// Did nothing wait, either way, when they last compared?
    pub fn is_level(&self) -> bool {
        self.waiting.values().all(|waiting| waiting.coming == 0 && waiting.going == 0)
    }

    /// Rows that it has for us. Nobody knows while there is no link.
    pub fn waiting_in(&self) -> Option<u64> {
        let coming = || self.waiting.values().map(|waiting| waiting.coming).sum();
        (self.linked && self.compared.is_some()).then(coming)
    }

    /// Rows that we have for it, by where our journals end now; without a link, so many at most: a
    /// row may have come from there, or have been written twice.
    pub fn waiting_out(&self, end: impl Fn(&str) -> u64) -> Option<u64> {
        self.compared?;
        let since = |(name, waiting): (&String, &Waiting)| {
            let more = if self.linked { 0 } else { end(name).saturating_sub(waiting.end) };
            waiting.going + more
        };
        Some(self.waiting.iter().map(since).sum())
    }

    /// Is every database equal, by a comparison made since?
    pub fn is_equal_since(&self, since: Instant) -> bool {
        self.linked
            && self.compared.is_some_and(|compared| since <= compared)
            && !self.equal.is_empty()
            && self.equal.values().all(|equal| *equal)
    }

    /// Seconds until the next try.
    pub fn next_try_seconds(&self) -> Option<u64> {
        let left = self.next_try?.saturating_duration_since(Instant::now());
        (!self.linked).then(|| left.max(Duration::from_secs(1)).as_secs())
    }
}

impl Moving {
    /// About how long the rest takes, at the speed so far.
    pub fn left_seconds(self) -> Option<u64> {
        let took = u64::try_from(self.since.elapsed().as_millis()).ok()?;
        self.left.checked_mul(took)?.checked_div(self.rows.checked_mul(1000)?)
    }
}

/// What the file keeps.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Remembered {
    addresses: Vec<SocketAddr>,
    #[serde(default)]
    last_seen: Option<Millis>,
}

/// All partners.
#[derive(Debug)]
pub(super) struct Table {
    folder: Folder,
    known: Mutex<HashMap<Pin, Partner>>,
    remembered: Mutex<BTreeMap<Pin, Remembered>>,
    /// Held while the file is written, so that the latest text is the one that stays.
    writing: Mutex<()>,
}

impl Table {
    pub(super) fn load(folder: &Folder, roster: &Roster) -> Self {
        let remembered: BTreeMap<Pin, Remembered> = match folder.read_if_there(FILE) {
            Ok(None) => BTreeMap::new(),
            Ok(Some(text)) => serde_json::from_slice(&text).unwrap_or_else(|error| {
                warn!(cause = %Chain(&error), "remembered addresses not readable, begun anew");
                BTreeMap::new()
            }),
            Err(error) => {
                warn!(cause = %Chain(&error), "remembered addresses not readable");
                BTreeMap::new()
            }
        };
        let known = remembered
            .iter()
            .map(|(pin, old)| {
                let address = old.addresses.first().copied();
                (*pin, Partner { address, last_seen: old.last_seen, ..Partner::default() })
            })
            .collect();
        let table = Self {
            folder: folder.clone(),
            known: Mutex::new(known),
            remembered: Mutex::new(remembered),
            writing: Mutex::default(),
        };
        // A key may have been rotated just before the daemon stopped.
        table.follow(roster, 0);
        table
    }

    /// What is known of a machine goes on under its new pin.
    pub(super) fn follow(&self, roster: &Roster, now: Millis) {
        let under_new =
            |pin: &Pin| Some((*pin, roster.pin_now(*pin)?)).filter(|(old, new)| old != new);
        {
            let mut known = self.known();
            let moves: Vec<(Pin, Pin)> = known.keys().filter_map(under_new).collect();
            for (old, new) in moves {
                let Some(mut partner) = known.remove(&old) else { continue };
                if std::mem::take(&mut partner.linked) {
                    partner.last_seen = Some(now);
                }
                known.entry(new).or_insert(partner);
            }
        }
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let text = {
            let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            let moves: Vec<(Pin, Pin)> = remembered.keys().filter_map(under_new).collect();
            if moves.is_empty() {
                return;
            }
            for (old, new) in moves {
                let Some(place) = remembered.remove(&old) else { continue };
                remembered.entry(new).or_insert(place);
            }
            serde_json::to_vec_pretty(&*remembered).unwrap_or_default()
        };
        self.store(&text);
    }

    /// Without the file a partner is found by discovery; it is no reason to stop.
    fn store(&self, text: &[u8]) {
        if let Err(error) = self.folder.write(FILE, text) {
            warn!(cause = %Chain(&error), "address not remembered");
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Pin, Partner>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl super::Inner {
    /// What is known of a partner.
    pub fn partner(&self, pin: Pin) -> Partner {
        self.partners.known().get(&pin).cloned().unwrap_or_default()
    }

    /// Changes what is known of a partner.
    pub fn note(&self, pin: Pin, change: impl FnOnce(&mut Partner)) {
        change(self.partners.known().entry(pin).or_default());
        self.seen_to_change();
    }

    /// The addresses at which a partner was reached before, the last first.
    pub fn remembered(&self, pin: Pin) -> Vec<SocketAddr> {
        let remembered = self.partners.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.get(&pin).map_or_else(Vec::new, |old| old.addresses.clone())
    }

    /// Remembers where a partner was reached, and when it was last alive.
    pub fn remember_address(&self, pin: Pin, address: Option<SocketAddr>, now: Millis) {
        let _one = self.partners.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let text = {
            let mut remembered =
                self.partners.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            let old = remembered.entry(pin).or_default();
            old.last_seen = Some(now);
            if let Some(address) = address {
                old.addresses.retain(|known| *known != address);
                old.addresses.insert(0, address);
                old.addresses.truncate(ADDRESSES_MAX);
            }
            serde_json::to_vec_pretty(&*remembered).unwrap_or_default()
        };
        self.partners.store(&text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::Role;
    use crate::roster::statement::Signer;
    use dunlin_rpc::Identity;

    #[test]
    fn what_waits_is_never_said_to_be_nothing_while_nobody_knows() {
        let end = |_: &str| 40;
        assert_eq!(
            (Partner::default().waiting_in(), Partner::default().waiting_out(end)),
            (None, None)
        );
        let waiting = Waiting { coming: 2, going: 3, end: 33 };
        let linked = Partner {
            linked: true,
            compared: Some(Instant::now()),
            waiting: [("main".to_owned(), waiting), ("stock".to_owned(), waiting)].into(),
            ..Partner::default()
        };
        assert_eq!((linked.waiting_in(), linked.waiting_out(end)), (Some(4), Some(6)));
        let away = Partner { linked: false, ..linked };
        assert_eq!((away.waiting_in(), away.waiting_out(end)), (None, Some(20)));
    }

    #[test]
    fn what_is_known_of_a_partner_follows_it_to_its_new_pin_also_over_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(&dir.path().join("state")).unwrap();
        let [us, old, new] = [(); 3].map(|()| Identity::generate().unwrap());
        let sign = |identity| Signer { identity, at: 1 };
        let mut roster = Roster::found(&folder, sign(&us), "us").unwrap();
        let (at, now): (SocketAddr, _) = ("192.0.2.7:7474".parse().unwrap(), 5_000);
        roster.admit(sign(&us), old.public_key(), "till", Role::Member, "digits").unwrap();
        let addresses = |table: &Table, pin| {
            table.remembered.lock().unwrap().get(&pin).map(|old| old.addresses.clone())
        };
        let remembered = Remembered { addresses: vec![at], last_seen: Some(now) };
        let text = serde_json::to_vec(&BTreeMap::from([(old.pin(), remembered)])).unwrap();
        folder.write(FILE, &text).unwrap();

        let running = Table::load(&folder, &roster);
        running.known().entry(old.pin()).or_default().linked = true;
        roster.rotate(sign(&old), &new, "till").unwrap();
        // The daemon stops before it could follow; the next start does.
        let restarted = Table::load(&folder, &roster);
        folder.write(FILE, &text).unwrap();
        running.follow(&roster, now + 1);
        for table in [&restarted, &running, &Table::load(&folder, &roster)] {
            assert_eq!(addresses(table, new.pin()), Some(vec![at]));
            assert_eq!(addresses(table, old.pin()), None);
            assert_eq!(table.known()[&new.pin()].address, Some(at));
            assert!(!table.known().contains_key(&old.pin()));
        }
        // Its link was one of the old key.
        let partner = running.known()[&new.pin()].clone();
        assert_eq!((partner.linked, partner.last_seen), (false, Some(now + 1)));
        // A machine that was forgotten has no new pin, and stays where it is.
        let forget = sign(&us).forget(roster.shop(), new.public_key(), "till", vec![], "sold");
        roster.merge(&[forget.unwrap().wire], None).unwrap();
        running.follow(&roster, now);
        assert_eq!(addresses(&running, new.pin()), Some(vec![at]));
    }
}
