//! When something needs a person: the thresholds. Pure: nothing is asked here, only judged.

use std::net::IpAddr;
use std::time::Duration;

use dunlin_rpc::wire::access::SignInEntry;
use dunlin_rpc::wire::overview::Attention;

/// A clock further off than this orders edits wrongly often enough for people to notice.
const SKEW_MAX: i64 = 30_000;
/// With less than this left on the disk, a busy day may fill it.
const DISK_MB_MIN: u64 = 500;
/// So long a machine has to be seen before we say that nobody is.
const SEEN_WITHIN: Duration = Duration::from_mins(2);
/// So many wrong passwords for one user within the hour are a person who forgot his, or somebody who tries.
const WRONG_MAX: u32 = 5;

/// The disk, by what is free where we write; none: it cannot be asked.
pub(super) fn disk(free_mb: impl IntoIterator<Item = Option<u64>>) -> Option<Attention> {
    let least = free_mb.into_iter().flatten().min()?;
    (least < DISK_MB_MIN).then_some(Attention::Disk { free_mb: least })
}

/// What is to be known of the network before one can say that it keeps multicast back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network<'a> {
    /// Looking for machines is switched on.
    pub(super) looking: bool,
    /// For so long.
    pub(super) uptime: Duration,
    /// How many machines are seen.
    pub(super) seen: usize,
    /// Where the partners are that are linked.
    pub(super) linked: &'a [IpAddr],
}

/// Partners are linked over the network, and none of them is seen on it.
pub(super) fn multicast(network: Network<'_>) -> Option<Attention> {
    let long_enough = network.looking && SEEN_WITHIN <= network.uptime;
    let over_the_network = network.linked.iter().any(|address| !address.is_loopback());
    (long_enough && network.seen == 0 && over_the_network).then_some(Attention::Multicast)
}

/// A partner that is linked, and how far its clock is ahead of ours, in milliseconds.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    pub(super) id: uuid::Uuid,
    pub(super) name: String,
    pub(super) skew: i64,
}

/// Clocks that are apart. Where most of at least two others are off to one side, it is ours that is wrong.
pub(super) fn clocks(linked: Vec<Clock>) -> Vec<Attention> {
    let off = |side: i64| linked.iter().filter(|one| SKEW_MAX < one.skew * side).count();
    let ours = 2 <= linked.len() && linked.len() / 2 < off(1).max(off(-1));
    let is_off = |one: &Clock| SKEW_MAX < one.skew.abs();
    let apart = linked.into_iter().filter(is_off);
    apart
        .map(|one| Attention::Clock { id: one.id, name: one.name, seconds: one.skew / 1000, ours })
        .collect()
}

/// Users whose passwords were wrong again and again, each with from where. Names that are nobody's are nobody's
/// business here.
pub(super) fn passwords(wrong: &[SignInEntry]) -> Vec<Attention> {
    let mut users: Vec<(&str, u32, u32, Vec<String>)> = Vec::new();
    for entry in wrong {
        let Some(user) = entry.user.as_deref() else { continue };
        let at = users.iter().position(|(known, ..)| *known == user).unwrap_or_else(|| {
            users.push((user, 0, 0, Vec::new()));
            users.len() - 1
        });
        let Some((_, lately, all, from)) = users.get_mut(at) else { continue };
        *lately = lately.saturating_add(entry.lately);
        *all = all.saturating_add(entry.wrong);
        from.push(entry.address.clone());
    }
    users.retain(|(_, lately, ..)| WRONG_MAX <= *lately);
    let told = |(user, _, wrong, from): (&str, u32, u32, Vec<String>)| Attention::Password {
        user: user.to_owned(),
        wrong,
        from,
    };
    users.into_iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_a_busy_day_may_fill_is_told_whichever_of_ours_it_is() {
        assert_eq!(disk([Some(499), Some(90_000)]), Some(Attention::Disk { free_mb: 499 }));
        assert_eq!(disk([Some(90_000), Some(3)]), Some(Attention::Disk { free_mb: 3 }));
        assert_eq!(disk([Some(500), None]), None);
        assert_eq!(disk([None, None]), None, "what cannot be asked is not claimed");
    }

    #[test]
    fn multicast_is_kept_back_when_a_partner_is_linked_over_the_network_and_nobody_is_seen() {
        let lan: [IpAddr; 2] = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([192, 168, 0, 7])];
        let quiet = Network { looking: true, uptime: SEEN_WITHIN, seen: 0, linked: &lan };
        assert_eq!(multicast(quiet), Some(Attention::Multicast));
        assert_eq!(multicast(Network { seen: 1, ..quiet }), None);
        assert_eq!(multicast(Network { looking: false, ..quiet }), None, "it is switched off");
        let begun = SEEN_WITHIN.checked_sub(Duration::from_secs(1)).unwrap();
        assert_eq!(multicast(Network { uptime: begun, ..quiet }), None, "too early to say");
        let here = lan.get(..1).unwrap();
        assert_eq!(multicast(Network { linked: here, ..quiet }), None, "no network between them");
        assert_eq!(multicast(Network { linked: &[], ..quiet }), None, "nobody is there");
    }

    fn skews(all: &[i64]) -> Vec<(i64, bool)> {
        let clock = |skew: &i64| Clock { id: uuid::Uuid::nil(), name: "x".to_owned(), skew: *skew };
        let told = clocks(all.iter().map(clock).collect());
        let told = told.into_iter().map(|one| match one {
            Attention::Clock { seconds, ours, .. } => (seconds, ours),
            other => panic!("{other:?}"),
        });
        told.collect()
    }

    #[test]
    fn a_clock_that_all_others_contradict_is_our_own() {
        assert_eq!(skews(&[30_000, -30_000]), []);
        assert_eq!(skews(&[31_000]), [(31, false)], "one against one: nobody knows");
        assert_eq!(skews(&[31_000, 90_000]), [(31, true), (90, true)]);
        assert_eq!(skews(&[-31_000, -90_000, 5]), [(-31, true), (-90, true)]);
        assert_eq!(skews(&[31_000, 0]), [(31, false)], "one of two is as we are");
        assert_eq!(
            skews(&[-90_000, 90_000, 0]),
            [(-90, false), (90, false)],
            "they are not at one"
        );
    }

    #[test]
    fn five_wrong_passwords_within_the_hour_are_told_and_names_that_are_nobodys_never() {
        let entry = |address: &str, user: Option<&str>, lately| SignInEntry {
            address: address.to_owned(),
            user: user.map(ToOwned::to_owned),
            wrong: lately + 10,
            lately,
            ..SignInEntry::default()
        };
        let told = |entries: &[SignInEntry]| passwords(entries);
        assert_eq!(told(&[entry("10.0.0.9", Some("anna"), 4)]), []);
        assert_eq!(told(&[entry("10.0.0.9", None, 90)]), []);
        let both = [
            entry("10.0.0.9", Some("anna"), 3),
            entry("10.0.0.9", Some("bert"), 1),
            entry("this computer", Some("anna"), 2),
        ];
        let from = vec!["10.0.0.9".to_owned(), "this computer".to_owned()];
        assert_eq!(told(&both), [Attention::Password { user: "anna".to_owned(), wrong: 25, from }]);
    }
}
