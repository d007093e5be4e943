//! The brake, with a clock in hand.

use super::*;
use proptest::prelude::*;

const NOON: Duration = Duration::from_secs(1_000_000);

fn guest(last: u8) -> Source {
    Source::Away(IpAddr::from([192, 168, 77, last]))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Tries once; whether a hash was spent.
fn wrong(brake: &mut Brake, account: &str, source: Source, now: Duration) -> bool {
    match brake.ask(account, source, now) {
        Ok(ticket) => {
            brake.settle(ticket, Outcome::Wrong, now);
            true
        }
        Err(_) => false,
    }
}

#[test]
fn s12_ten_thousand_wrong_passwords_of_one_address_are_ten_tries_in_a_quarter_of_an_hour() {
    let mut brake = Brake::default();
    let tries = (0..10_000)
        .filter(|n| wrong(&mut brake, "nightly", guest(9), NOON + Duration::from_millis(n * 90)))
        .count();
    // 0, 1, 3, 7, 15, 31, 63, 127, 255, 511 s.
    assert_eq!(tries, 10);
    // And four an hour from then on.
    let later = (0..36_000).filter(|n| {
        wrong(
            &mut brake,
            "nightly",
            guest(9),
            NOON + seconds(1_100) + Duration::from_millis(n * 100),
        )
    });
    assert!(later.count() <= 5);
}

#[test]
fn s12_a_thousand_addresses_do_not_keep_the_owner_of_the_account_out() {
    let mut brake = Brake::default();
    let mut spent = 0;
    for n in 0..1_000_u32 {
        let [.., high, low] = n.to_be_bytes();
        let source = Source::Away(IpAddr::from([10, 0, high, low]));
        // A thousand within a second: what goes to the hash is bounded for all together.
        let now = NOON + Duration::from_millis(u64::from(n));
        spent += u32::from(wrong(&mut brake, "nightly", source, now));
    }
    assert!(spent <= 2 * TRIES_A_SECOND, "{spent}");
    // The script on this computer has its own share; the one on another machine its own wait.
    let now = NOON + seconds(1);
    assert!(brake.ask("nightly", Source::Ours, now).is_ok());
    assert!(brake.ask("nightly", guest(4), now + seconds(1)).is_ok());
}

#[test]
fn the_waits_double_up_to_a_quarter_of_an_hour() {
    let mut brake = Brake::default();
    let mut now = NOON;
    let mut waits = Vec::new();
    for _ in 0..13 {
        assert!(wrong(&mut brake, "ann", guest(1), now));
        let held = brake.ask("ann", guest(1), now).unwrap_err();
        waits.push(held.seconds);
        now += seconds(held.seconds);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
}

#[test]
fn on_this_computer_a_wrong_password_slows_and_never_shuts_out() {
    let mut brake = Brake::default();
    let mut now = NOON;
    for source in [Source::Ours, Source::Here] {
        for _ in 0..500 {
            assert!(wrong(&mut brake, "ann", source, now));
            now += seconds(2);
        }
        assert!(brake.ask("ann", source, now).is_ok());
    }
}

#[test]
fn a_right_password_takes_back_what_its_own_account_failed_with() {
    let mut brake = Brake::default();
    let mut now = NOON;
    for account in ["ann", "bob", "cid", "dan"] {
        for _ in 0..3 {
            now += seconds(60);
            assert!(wrong(&mut brake, account, guest(1), now), "{account}");
        }
    }
    // Twelve wrong ones of this source, so it waits with everybody.
    assert!(brake.ask("eve", guest(1), now).is_err());
    now += seconds(60);
    let ticket = brake.ask("ann", guest(1), now).unwrap();
    brake.settle(ticket, Outcome::Right, now);
    let left: Vec<_> = brake.failing(now).into_iter().map(|one| (one.account, one.wrong)).collect();
    assert_eq!(left, [("bob".to_owned(), 3), ("cid".to_owned(), 3), ("dan".to_owned(), 3)]);
    assert_eq!(brake.sources[&guest(1)].wrong, 9);
}

#[test]
fn many_at_once_are_no_way_around() {
    let mut brake = Brake::default();
    let tickets: Vec<_> = (0..100).filter_map(|_| brake.ask("ann", guest(1), NOON).ok()).collect();
    assert_eq!(tickets.len(), 4);
    for ticket in tickets {
        brake.settle(ticket, Outcome::Wrong, NOON);
    }
    let now = NOON + seconds(8);
    let tickets: Vec<_> = (0..100).filter_map(|_| brake.ask("ann", guest(1), now).ok()).collect();
    assert_eq!(tickets.len(), 1, "after a wrong one there is one at a time");
    for ticket in tickets {
        brake.settle(ticket, Outcome::Unspent, now);
    }
    assert!(brake.ask("ann", guest(1), now).is_ok(), "one that was not looked at costs nothing");
}

#[test]
fn the_tables_are_bounded_and_the_stubborn_stay_in_them() {
    let mut brake = Brake::default();
    let mut now = NOON;
    for _ in 0..8 {
        assert!(wrong(&mut brake, "ann", guest(1), now));
        now += seconds(128);
    }
    for n in 0..3 * u32::try_from(TABLE_MAX).unwrap() {
        now += Duration::from_millis(50);
        let [_, a, b, c] = n.to_be_bytes();
        wrong(&mut brake, &format!("name {n}"), Source::Away(IpAddr::from([10, a, b, c])), now);
    }
    assert!(brake.accounts.len() <= TABLE_MAX && brake.sources.len() <= TABLE_MAX);
    assert_eq!(brake.failing(now).first().unwrap().wrong, 8);
    // A day later nothing is held against anybody.
    assert_eq!(brake.failing(now + REMEMBERED), []);
}

proptest! {
    /// Whatever is tried, and whenever: no account at a source, no source, and not all strangers
    /// together, get more than their tries; and this computer always gets on within two seconds.
    #[test]
    fn nobody_gets_more_tries_than_his_share(
        steps in proptest::collection::vec((0_u8..4, 0_u8..4, 0_u64..3_000, 0_u8..3), 1..400)
    ) {
        let mut brake = Brake::default();
        let mut now = NOON;
        let mut spent = Vec::new();
        let mut open = Vec::new();
        for (account, place, after, outcome) in steps {
            now += Duration::from_millis(after);
            let source = if place == 0 { Source::Here } else { guest(place) };
            let name = format!("user {account}");
            if let Ok(ticket) = brake.ask(&name, source, now) {
                match outcome {
                    0 => open.push(ticket),
                    1 => brake.settle(ticket, Outcome::Unspent, now),
                    _ => {
                        spent.push((account, place, now));
                        brake.settle(ticket, Outcome::Wrong, now);
                    }
                }
            }
            if open.len() > 2 {
                brake.settle(open.remove(0), Outcome::Unspent, now);
            }
        }
        for place in 1..4 {
            for account in 0..4 {
                let times: Vec<Duration> = spent.iter()
                    .filter(|one| (one.0, one.1) == (account, place)).map(|one| one.2).collect();
                for (n, pair) in times.windows(2).enumerate() {
                    let least = wait(u32::try_from(n).unwrap()).min(WAIT_MAX);
                    prop_assert!(pair[0] + least <= pair[1], "{:?}", times);
                }
            }
        }
        for ticket in open {
            brake.settle(ticket, Outcome::Unspent, now);
        }
        prop_assert!(brake.ask("user 0", Source::Here, now + WAIT_MAX_HERE).is_ok());
    }
}

#[test]
fn what_was_wrong_lately_is_what_was_wrong_within_the_hour_and_five_at_most() {
    let mut brake = Brake::default();
    let lately = |brake: &Brake, now| brake.failing(now).first().map(|one| one.lately);
    for n in 0..7 {
        assert!(wrong(&mut brake, "anna", guest(9), NOON + seconds(n * 300)));
    }
    let last = NOON + seconds(6 * 300);
    assert_eq!(lately(&brake, last), Some(5));
    assert_eq!(lately(&brake, last + seconds(3_000)), Some(2), "two of the latest five");
    assert_eq!(lately(&brake, last + seconds(3_600)), Some(0));
    brake.forgive("anna");
    assert_eq!(lately(&brake, last), None);
}
