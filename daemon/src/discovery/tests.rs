//! Discovery over a real network: the loopback one, on a port of our own.

use super::*;
use std::net::UdpSocket;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

fn announcement(id: u128, name: &str) -> Announcement {
    Announcement {
        id: Uuid::from_u128(id),
        name: name.to_owned(),
        port: 7000 + u16::try_from(id).unwrap(),
        protocol: (1, 1),
        shop: "0123abcd".to_owned(),
    }
}

/// A port that was free a moment ago, so that runs beside each other do not meet.
fn settings() -> Settings {
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    Settings { interfaces: vec![], listen: "127.0.0.1".parse().unwrap(), port }
}

/// Waits until what is seen is so.
async fn until(discovery: &Discovery, what: impl Fn(&[Sighting]) -> bool) -> Vec<Sighting> {
    let mut changed = discovery.changed();
    let wait = async {
        loop {
            let seen = discovery.sightings();
            if what(&seen) {
                return seen;
            }
            changed.changed().await.unwrap();
        }
    };
    let found = timeout(DEADLINE, wait).await;
    found.unwrap_or_else(|_| panic!("not seen in time: {:?}", discovery.sightings()))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_machines_see_each_other_and_not_themselves() {
    let settings = settings();
    let anna = Discovery::start(announcement(1, "anna"), settings.clone()).unwrap();
    let bert = Discovery::start(announcement(2, "bert"), settings).unwrap();
    let seen = until(&anna, |seen| !seen.is_empty()).await;
    assert_eq!(seen[0].advert.id, Uuid::from_u128(2));
    assert_eq!(seen[0].advert.name, "bert");
    assert_eq!(seen[0].advert.shop.as_deref(), Some("0123abcd"));
    assert_eq!(seen[0].advert.addresses, ["127.0.0.1:7002".parse().unwrap()]);
    let seen = until(&bert, |seen| !seen.is_empty()).await;
    assert_eq!(seen[0].advert.id, Uuid::from_u128(1));
    anna.stop().await;
    bert.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_announcement_is_seen() {
    let settings = settings();
    let anna = Discovery::start(announcement(1, "anna"), settings.clone()).unwrap();
    let bert = Discovery::start(announcement(2, "bert"), settings).unwrap();
    until(&anna, |seen| !seen.is_empty()).await;
    bert.announce(Announcement { shop: "ffff0000".to_owned(), ..announcement(2, "bertha") });
    let is_new = |seen: &[Sighting]| seen.iter().any(|sighting| sighting.advert.name == "bertha");
    let seen = until(&anna, is_new).await;
    assert_eq!(seen[0].advert.shop.as_deref(), Some("ffff0000"));
    anna.stop().await;
    bert.stop().await;
}

#[tokio::test]
async fn what_a_hand_shows_is_seen_and_told() {
    let (discovery, hand) = Discovery::by_hand(Uuid::from_u128(1));
    let mut changed = discovery.changed();
    let advert = Advert {
        kind: Kind::Dunlin,
        id: Uuid::from_u128(2),
        name: "bert".to_owned(),
        protocol: Some((1, 1)),
        shop: None,
        addresses: vec!["127.0.0.1:7002".parse().unwrap()],
    };
    assert_eq!(hand.see(&advert), Seen::New);
    timeout(DEADLINE, changed.changed()).await.unwrap().unwrap();
    assert_eq!(discovery.sightings()[0].advert, advert);
    assert_eq!(hand.see(&advert), Seen::Same);
    assert!(!changed.has_changed().unwrap());
}

#[tokio::test]
async fn discovery_that_is_off_sees_nothing_and_stops_at_once() {
    let discovery = Discovery::off(Uuid::from_u128(1));
    discovery.announce(announcement(1, "anna"));
    discovery.set_members(BTreeSet::new());
    assert!(discovery.sightings().is_empty());
    discovery.stop().await;
}
