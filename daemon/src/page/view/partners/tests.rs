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

fn around(role: &str) -> Around<'_> {
    let (can_write, can_admin) = (true, true);
    Around { t: T, can_write, can_admin, role, tables: &[], sessions: &[], now: now() }
}

fn shown(partner: &PartnerStatus) -> Card {
    card(around("keeper"), partner)
}

fn actions(card: &Card) -> Vec<&str> {
    card.presses.iter().map(|press| press.action.as_str()).collect()
}

#[test]
fn what_is_not_known_is_a_dash_and_never_zero() {
    let card = shown(&partner("Offline"));
    let value = |label| card.facts.iter().find(|fact| fact.label == label).unwrap().value.as_str();
    assert_eq!(value(T.of("partner.waiting_in")), "–");
    assert_eq!(value(T.of("partner.address")), "–");
    assert_eq!(value(T.of("partner.seen")), "never");
    let linked = PartnerStatus {
        waiting_in: Some(0),
        waiting_out: Some(1),
        linked_since: Some("2026-11-20 12:00:00".into()),
        ..partner("Up to date")
    };
    let away = PartnerStatus { waiting_in: None, linked_since: None, ..linked.clone() };
    for (partner, coming, going) in [(linked, "0 rows", "1 row"), (away, "–", "up to 1 row")] {
        let facts = shown(&partner).facts;
        assert!(facts.contains(&fact(T.of("partner.waiting_in"), coming)), "{facts:?}");
        assert!(facts.contains(&fact(T.of("partner.waiting_out"), going)), "{facts:?}");
    }
}

#[test]
fn last_seen_is_told_in_words_and_a_linked_partner_is_connected_now() {
    let seen =
        PartnerStatus { last_seen: Some("2026-11-17 11:00:00".into()), ..partner("Offline") };
    assert_eq!(shown(&seen).facts[0].value, "3 days ago");
    let linked = PartnerStatus { linked_since: Some("2026-11-20 11:00:00".into()), ..seen };
    assert_eq!(shown(&linked).facts[0].value, "connected now");
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
    let as_role = |can_write| Around { can_write, can_admin: false, ..around("keeper") };
    assert!(card(as_role(false), &running).presses.is_empty());
    assert_eq!(actions(&card(as_role(true), &running)), ["/do/sync"]);
    assert!(
        actions(&shown(&PartnerStatus { paused: true, ..partner("Paused") }))
            .contains(&"/do/resume")
    );
}

#[test]
fn equal_is_claimed_for_what_was_compared_only() {
    let told = |states: &[&str]| {
        let tables: Vec<(&str, &str)> = states.iter().map(|state| ("parts", *state)).collect();
        let card = card(Around { tables: &tables, ..around("keeper") }, &partner("Up to date"));
        card.facts.last().unwrap().value.clone()
    };
    assert_eq!(told(&["equal", "equal"]), "all 2 tables are equal");
    assert_eq!(told(&["equal", "differs"]), "1 of 2 tables");
    assert_eq!(told(&["unknown"]), "–");
    let newer = PartnerStatus {
        unlike: vec![UnlikeTable { has: vec!["colour".to_owned()], ..UnlikeTable::default() }],
        ..partner("Up to date")
    };
    let card = card(Around { tables: &[("parts", "equal")], ..around("keeper") }, &newer);
    let equal = fact(
        T.of("partner.equal"),
        "the only table is equal, but for columns not here or not there",
    );
    assert!(card.facts.contains(&equal), "{:?}", card.facts);
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
    let cards = cards(around("keeper"), &status, &[]);
    let told: String = cards.iter().map(|card| card.name.as_str()).collect();
    assert_eq!(told, "gfdaceb");
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
        let cards = cards(around("keeper"), status, &[]);
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

#[test]
fn conflicts_and_held_rows_lead_to_their_list_where_there_are_any() {
    let held = |card: &Card| {
        let label = T.of("partner.held");
        let of = |facts: &[Fact]| facts.iter().find(|fact| fact.label == label).cloned();
        (of(&card.facts).map(|fact| (fact.value, fact.path)), of(&card.more).map(|fact| fact.value))
    };
    let some = PartnerStatus { held: Some(1_204), conflicts: Some(0), ..partner("Up to date") };
    let (on_the_card, in_the_details) = held(&shown(&some));
    let list = format!("/held?partner={}", some.id);
    assert_eq!((on_the_card, in_the_details), (Some(("1,204".to_owned(), list)), None));
    // None is told among the details; and what is not known is a dash.
    let none = PartnerStatus { held: Some(0), ..partner("Up to date") };
    assert_eq!(held(&shown(&none)), (None, Some("0".to_owned())));
    assert_eq!(held(&shown(&partner("Offline"))), (None, Some("–".to_owned())));
}

#[test]
fn the_details_have_the_last_five_sessions_with_this_partner() {
    let session = |of: u128, received| HistoryEntry {
        partner: Some(Uuid::from_u128(of)),
        started: "2026-11-20 11:57:00".into(),
        received,
        result: "success".into(),
        ..HistoryEntry::default()
    };
    let sessions: Vec<_> = (0..20).map(|n| session(7 + u128::from(n % 2), n)).collect();
    let sessions =
        card(Around { sessions: &sessions, ..around("keeper") }, &partner("Offline")).sessions;
    let told: Vec<&str> = sessions.iter().map(|session| session.what.as_str()).collect();
    assert_eq!(told, [0, 2, 4, 6, 8].map(|n| format!("0 sent, {n} received")));
    assert_eq!(sessions[0].when, "3 minutes ago");
}

#[test]
fn a_machine_that_is_out_of_its_shop_promises_no_next_step() {
    let stopped = partner("Stopped");
    assert!(card(around("keeper"), &stopped).step.is_some());
    for role in ["forgotten", "lost", "left"] {
        assert_eq!(card(around(role), &stopped).step, None, "{role}");
    }
}
