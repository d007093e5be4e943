//! The table of sightings: pure, bounded, with the time handed in.
//!
//! A member's sighting is never crowded out by a stranger's. A stranger who finds no room is not
//! shown: whoever floods the network keeps newcomers from being *seen*, and never from joining by a
//! token.

use super::advert::{ADDRESSES_MAX, Advert, Kind};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use uuid::Uuid;

/// How many strangers are kept.
pub const STRANGERS_MAX: usize = 200;

/// How many strangers may claim one address. Loopback is exempt: only this computer is there.
pub const STRANGERS_AN_ADDRESS_MAX: usize = 4;

/// How long a sighting is kept after it was last seen.
pub const KEPT_FOR: Duration = Duration::from_mins(10);

/// One machine seen on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// What it says of itself; the addresses are all it was seen at lately.
    pub advert: Advert,
    /// How long ago it was first seen.
    pub first_seen: Duration,
    /// How long ago it was last seen.
    pub last_seen: Duration,
}

/// What became of an advert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// A machine that was not in the table.
    New,
    /// A machine says something else, or is elsewhere.
    Changed,
    /// Nothing new.
    Same,
    /// No room for a stranger.
    Refused,
    /// It has our own id.
    Ourselves,
}

/// All machines seen lately.
#[derive(Debug)]
pub struct Sightings {
    us: Uuid,
    members: BTreeSet<Uuid>,
    seen: BTreeMap<Key, Entry>,
}

/// Kind and id: an old daemon cannot stand in a new one's place.
type Key = (Kind, Uuid);

#[derive(Debug)]
struct Entry {
    advert: Advert,
    /// When each address was last seen; the keys are the advert's addresses.
    at: BTreeMap<SocketAddr, Duration>,
    first: Duration,
    last: Duration,
}

impl Sightings {
    /// An empty table of the machine `us`.
    pub fn new(us: Uuid) -> Self {
        Self { us, members: BTreeSet::new(), seen: BTreeMap::new() }
    }

    /// Says who is a member.
    pub fn set_members(&mut self, members: BTreeSet<Uuid>) {
        self.members = members;
    }

    /// Does it say that it is of a member? Whoever wants to may say so.
    pub fn knows(&self, advert: &Advert) -> bool {
        self.is_member((advert.kind, advert.id))
    }

    /// Takes an advert in. `now` is the monotonic clock.
    pub fn see(&mut self, advert: &Advert, now: Duration) -> Seen {
        if advert.id == self.us {
            return Seen::Ourselves;
        }
        self.expire(now);
        let key = (advert.kind, advert.id);
        if let Some(entry) = self.seen.get_mut(&key) {
            return entry.renew(advert, now);
        }
        if !self.is_member(key) && !self.has_room(advert) {
            return Seen::Refused;
        }
        self.seen.insert(key, Entry::new(advert, now));
        Seen::New
    }

    /// All that were seen within the last ten minutes, the newest first.
    pub fn list(&mut self, now: Duration) -> Vec<Sighting> {
        self.expire(now);
        let mut list: Vec<Sighting> = self
            .seen
            .values()
            .map(|entry| Sighting {
                advert: entry.advert.clone(),
                first_seen: now.saturating_sub(entry.first),
                last_seen: now.saturating_sub(entry.last),
            })
            .collect();
        list.sort_by_key(|sighting| (sighting.last_seen, sighting.advert.id));
        list
    }

    fn is_member(&self, (kind, id): Key) -> bool {
        kind == Kind::Dunlin && self.members.contains(&id)
    }

    fn has_room(&self, advert: &Advert) -> bool {
        let strangers = || self.seen.iter().filter(|(key, _)| !self.is_member(**key));
        let at = |ip: IpAddr| {
            strangers()
                .filter(|(_, entry)| entry.at.keys().any(|address| address.ip() == ip))
                .count()
        };
        let crowded = |address: &SocketAddr| {
            let ip = address.ip();
            !ip.is_loopback() && at(ip) >= STRANGERS_AN_ADDRESS_MAX
        };
        strangers().count() < STRANGERS_MAX && !advert.addresses.iter().any(crowded)
    }

    fn expire(&mut self, now: Duration) {
        self.seen.retain(|_, entry| now.saturating_sub(entry.last) < KEPT_FOR);
    }
}

impl Entry {
    fn new(advert: &Advert, now: Duration) -> Self {
        let at =
            advert.addresses.iter().take(ADDRESSES_MAX).map(|address| (*address, now)).collect();
        let mut entry = Self { advert: advert.clone(), at, first: now, last: now };
        entry.list_addresses();
        entry
    }

    /// Takes over what is said now, and joins the addresses: adverts tell them in pieces.
    fn renew(&mut self, advert: &Advert, now: Duration) -> Seen {
        let before = std::mem::replace(&mut self.advert, advert.clone());
        self.last = now;
        self.at.retain(|_, seen| now.saturating_sub(*seen) < KEPT_FOR);
        for address in &advert.addresses {
            if self.at.len() < ADDRESSES_MAX || self.at.contains_key(address) || self.make_room(now)
            {
                self.at.insert(*address, now);
            }
        }
        self.list_addresses();
        if before == self.advert { Seen::Same } else { Seen::Changed }
    }

    /// Drops the address not seen for longest; none that was seen just now.
    fn make_room(&mut self, now: Duration) -> bool {
        let oldest = self.at.iter().min_by_key(|(_, seen)| **seen);
        let Some(oldest) = oldest.filter(|(_, seen)| **seen < now).map(|(address, _)| *address)
        else {
            return false;
        };
        self.at.remove(&oldest).is_some()
    }

    fn list_addresses(&mut self) {
        self.advert.addresses = self.at.keys().copied().collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Uuid = Uuid::from_u128(1);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn advert(id: u128, addresses: &[&str]) -> Advert {
        Advert {
            kind: Kind::Dunlin,
            id: Uuid::from_u128(id),
            name: format!("machine {id}"),
            protocol: Some((1, 1)),
            shop: None,
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        }
    }

    fn own_address(id: u128) -> Advert {
        advert(id, &[&format!("10.0.{}.{}:7474", id / 256, id % 256)])
    }

    fn ids(table: &mut Sightings, now: u64) -> Vec<u128> {
        table.list(at(now)).iter().map(|sighting| sighting.advert.id.as_u128()).collect()
    }

    #[test]
    fn a_machine_is_new_once_then_the_same_until_it_says_something_else() {
        let mut table = Sightings::new(US);
        assert_eq!(table.see(&own_address(2), at(0)), Seen::New);
        assert_eq!(table.see(&own_address(2), at(5)), Seen::Same);
        let renamed = Advert { name: "till".to_owned(), ..own_address(2) };
        assert_eq!(table.see(&renamed, at(6)), Seen::Changed);
        let list = table.list(at(10));
        assert_eq!((list[0].first_seen, list[0].last_seen), (at(10), at(4)));
        assert_eq!(list[0].advert, renamed);
    }

    #[test]
    fn we_do_not_see_ourselves() {
        let mut table = Sightings::new(US);
        assert_eq!(table.see(&own_address(1), at(0)), Seen::Ourselves);
        assert!(table.list(at(0)).is_empty());
    }

    #[test]
    fn addresses_that_come_in_pieces_are_joined_and_each_goes_ten_minutes_later() {
        let mut table = Sightings::new(US);
        table.see(&advert(2, &["10.0.0.2:1"]), at(0));
        assert_eq!(table.see(&advert(2, &["10.0.0.3:1"]), at(300)), Seen::Changed);
        let both = advert(2, &["10.0.0.2:1", "10.0.0.3:1"]).addresses;
        assert_eq!(table.list(at(300))[0].advert.addresses, both);
        table.see(&advert(2, &["10.0.0.3:1"]), at(600));
        assert_eq!(table.list(at(600))[0].advert.addresses, both[1..]);
    }

    #[test]
    fn a_machine_has_eight_addresses_and_what_was_not_seen_for_longest_goes() {
        let mut table = Sightings::new(US);
        let address = |n: u64| format!("10.0.0.{n}:1");
        for n in 0..8 {
            table.see(&advert(2, &[&address(n)]), at(n));
        }
        table.see(&advert(2, &[&address(8)]), at(8));
        let kept = table.list(at(8))[0].advert.addresses.clone();
        assert_eq!(kept.len(), 8);
        assert!(!kept.contains(&address(0).parse().unwrap()));
        assert!(kept.contains(&address(8).parse().unwrap()));
        // An advert with more than it may have keeps its first ones.
        let many: Vec<String> = (100..120).map(address).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        table.see(&advert(2, &many), at(9));
        assert_eq!(table.list(at(9))[0].advert.addresses.len(), 8);
    }

    #[test]
    fn a_sighting_goes_ten_minutes_after_it_was_last_seen() {
        let mut table = Sightings::new(US);
        table.see(&own_address(2), at(0));
        table.see(&own_address(3), at(60));
        assert_eq!(ids(&mut table, 599), [3, 2]);
        assert_eq!(ids(&mut table, 600), [3]);
        assert_eq!(ids(&mut table, 660), []);
    }

    #[test]
    fn strangers_are_bounded_and_crowd_out_no_member() {
        let mut table = Sightings::new(US);
        table.set_members(BTreeSet::from([Uuid::from_u128(9_999)]));
        for id in 2..5_000 {
            let seen = table.see(&own_address(id), at(0));
            assert_eq!(seen == Seen::New, id < 202, "{id}");
        }
        assert_eq!(table.list(at(0)).len(), STRANGERS_MAX);
        assert_eq!(table.see(&own_address(9_999), at(1)), Seen::New);
        assert_eq!(table.see(&own_address(9_998), at(1)), Seen::Refused);
        assert_eq!(table.see(&own_address(9_998), at(600)), Seen::New);
    }

    #[test]
    fn four_strangers_may_claim_one_address() {
        let mut table = Sightings::new(US);
        table.set_members(BTreeSet::from([Uuid::from_u128(50)]));
        for id in 2..8 {
            let seen = table.see(&advert(id, &["10.0.0.2:1"]), at(0));
            assert_eq!(seen == Seen::New, id < 6, "{id}");
        }
        assert_eq!(table.see(&advert(50, &["10.0.0.2:1"]), at(0)), Seen::New);
        // On loopback a demo of ten machines is ten machines.
        for id in 100..110 {
            assert_eq!(table.see(&advert(id, &["127.0.0.1:1"]), at(0)), Seen::New);
        }
    }

    #[test]
    fn an_old_daemon_stands_in_no_members_place() {
        let mut table = Sightings::new(US);
        let old = Advert { kind: Kind::Sahana, ..own_address(2) };
        assert_eq!(table.see(&own_address(2), at(0)), Seen::New);
        assert_eq!(table.see(&old, at(0)), Seen::New);
        assert_eq!(table.list(at(0)).len(), 2);
    }
}
