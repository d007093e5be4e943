//! The front page as data.

use uuid::Uuid;

use super::*;
use crate::page::texts::Language;

const T: Texts = Texts { language: Language::English };

fn now() -> NaiveDateTime {
    words::time("2026-11-20 12:00:00").unwrap()
}

fn partner(state: &str) -> PartnerStatus {
    PartnerStatus {
        id: Uuid::from_u128(7),
        name: "till 2".into(),
        state: state.into(),
        ..PartnerStatus::default()
    }
}

fn shown(partner: &PartnerStatus) -> Card {
    card(T, partner, &[], (true, true, "keeper"), now())
}

fn actions(card: &Card) -> Vec<&str> {
    card.presses.iter().map(|press| press.action.as_str()).collect()
}

#[test]
fn what_is_not_known_is_a_dash_and_never_zero() {
    let card = shown(&partner("Offline"));
    let fact = |label| card.facts.iter().find(|(known, _)| *known == label).unwrap().1.as_str();
    assert_eq!(fact(T.of("partner.waiting_in")), "–");
    assert_eq!(fact(T.of("partner.address")), "–");
    assert_eq!(fact(T.of("partner.seen")), "never");
    let linked = PartnerStatus {
        waiting_in: Some(0),
        waiting_out: Some(1),
        linked_since: Some("2026-11-20 12:00:00".into()),
        ..partner("Up to date")
    };
    let away = PartnerStatus { waiting_in: None, linked_since: None, ..linked.clone() };
    for (partner, coming, going) in [(linked, "0 rows", "1 row"), (away, "–", "up to 1 row")] {
        let facts = shown(&partner).facts;
        assert!(facts.contains(&(T.of("partner.waiting_in"), coming.to_owned())), "{facts:?}");
        assert!(facts.contains(&(T.of("partner.waiting_out"), going.to_owned())), "{facts:?}");
    }
}

#[test]
fn last_seen_is_told_in_words_and_a_linked_partner_is_connected_now() {
    let seen =
        PartnerStatus { last_seen: Some("2026-11-17 11:00:00".into()), ..partner("Offline") };
    assert_eq!(shown(&seen).facts[0].1, "3 days ago");
    let linked = PartnerStatus { linked_since: Some("2026-11-20 11:00:00".into()), ..seen };
    assert_eq!(shown(&linked).facts[0].1, "connected now");
}

#[test]
fn catching_up_has_a_bar_and_the_time_that_is_left() {
    let catching = PartnerStatus {
        moved: 1_204,
        left: Some(7_796),
        left_seconds: Some(120),
        ..partner("Catching up")
    };
    let progress = shown(&catching).progress.unwrap();
    assert_eq!((progress.done, progress.all), (1_204, 9_000));
    assert_eq!(progress.words, "1,204 of about 9,000 rows, about 2 minutes left");
    assert_eq!(shown(&partner("Up to date")).progress, None);
}

#[test]
fn a_retry_says_when_and_which() {
    let retrying = PartnerStatus { next_try_seconds: Some(40), attempt: 6, ..partner("Retrying") };
    assert_eq!(shown(&retrying).step.unwrap(), "Next try in 40 seconds, attempt 6.");
}

#[test]
fn buttons_are_those_that_the_role_may_press() {
    let running = partner("Up to date");
    let all = shown(&running);
    assert_eq!(actions(&all)[..2], ["/do/sync", "/do/pause"]);
    assert!(actions(&all)[2].starts_with("/forget?partner="));
    assert!(card(T, &running, &[], (false, false, "keeper"), now()).presses.is_empty());
    assert_eq!(actions(&card(T, &running, &[], (true, false, "keeper"), now())), ["/do/sync"]);
    assert!(
        actions(&shown(&PartnerStatus { paused: true, ..partner("Paused") }))
            .contains(&"/do/resume")
    );
}

#[test]
fn equal_is_claimed_for_what_was_compared_only() {
    let told = |states: &[&str]| {
        let tables: Vec<(&str, &str)> = states.iter().map(|state| ("parts", *state)).collect();
        let card = card(T, &partner("Up to date"), &tables, (true, true, "keeper"), now());
        card.facts.last().unwrap().1.clone()
    };
    assert_eq!(told(&["equal", "equal"]), "all 2 tables are equal");
    assert_eq!(told(&["equal", "differs"]), "1 of 2 tables");
    assert_eq!(told(&["unknown"]), "–");
}

#[test]
fn who_needs_a_person_comes_first_then_who_is_away_then_by_name() {
    let named = |name: &str, state: &str| PartnerStatus {
        id: Uuid::new_v4(),
        name: name.to_owned(),
        ..partner(state)
    };
    let partners = vec![
        named("a", "Up to date"),
        named("b", "Paused"),
        named("c", "Retrying"),
        named("d", "Offline"),
        named("e", "Catching up"),
        named("f", "Stopped"),
        named("g", "Identity problem"),
    ];
    let status = Status { partners, ..Status::default() };
    let cards = cards(T, &status, &[], (true, true, "keeper"), now());
    let names: String = cards.iter().map(|card| card.name.as_str()).collect();
    assert_eq!(names, "gfdaceb");
}

#[test]
fn in_a_large_shop_whoever_needs_nobody_is_a_line_and_the_states_are_counted() {
    let of = |count: usize| {
        let partners = (0..count).map(|n| PartnerStatus {
            id: Uuid::from_u128(n as u128),
            ..partner(if n == 7 { "Catching up" } else { "Up to date" })
        });
        Status { partners: partners.collect(), ..Status::default() }
    };
    let briefs = |status: &Status| {
        let cards = cards(T, status, &[], (true, true, "keeper"), now());
        cards.iter().map(|card| card.brief).filter(|brief| *brief).count()
    };
    let (few, many) = (of(FEW), of(FEW + 1));
    assert_eq!((briefs(&few), briefs(&many)), (0, FEW));
    assert!(counts(T, &few).is_empty());
    let counted = counts(T, &many);
    let told: Vec<(&str, &str)> =
        counted.iter().map(|(state, count)| (state.word, count.as_str())).collect();
    assert_eq!(told, [("Catching up", "1"), ("Up to date", "12")]);
}

#[test]
fn of_many_tables_a_card_lists_those_that_are_not_equal_and_says_how_many_more_there_are() {
    let tables = |count: usize, state| vec![("parts", state); count];
    assert_eq!(listed(T, &tables(20, "equal")).0.len(), 20, "few are all told");
    assert_eq!(listed(T, &tables(21, "equal")), (Vec::new(), String::new()));
    assert_eq!(listed(T, &tables(21, "unknown")), (Vec::new(), String::new()));
    let (listed, rest) = listed(T, &tables(23, "differs"));
    assert_eq!((listed.len(), rest.as_str()), (20, "and 3 more tables that are not equal"));
}

#[test]
fn a_flood_of_machines_found_is_cut_and_an_ignored_one_can_be_shown_again() {
    let sighting = |n: usize, ignored| SightingStatus {
        id: Uuid::from_u128(n as u128).to_string(),
        name: format!("machine {n}"),
        ignored,
        ..SightingStatus::default()
    };
    let one = seen(T, &sighting(1, false), true);
    assert_eq!(
        one.presses.iter().map(|press| press.action.as_str()).collect::<Vec<_>>(),
        ["/do/pair", "/do/ignore"]
    );
    let ignored = seen(T, &sighting(1, true), true);
    assert_eq!(ignored.presses[0].action, "/do/notice");
    assert!(seen(T, &sighting(1, false), false).presses.is_empty());
    let old = SightingStatus { old: true, ..sighting(1, false) };
    assert_eq!(seen(T, &old, true).presses[0].action, "/do/ignore");
}
