//! Each kind of line, for each who may look.

use dunlin_rpc::wire::admin::PartnerStatus;
use uuid::Uuid;

use super::*;
use crate::page::texts::Language;

const T: Texts = Texts { language: Language::English };
const PARTNER: Uuid = Uuid::from_u128(7);
const US: Uuid = Uuid::from_u128(1);

fn status(attention: Vec<Attention>) -> Status {
    let member = |n: u128, name: &str| PartnerStatus {
        id: Uuid::from_u128(n),
        name: name.into(),
        role: "member".into(),
        ..PartnerStatus::default()
    };
    let partners = vec![member(7, "till 2"), member(8, "till 3")];
    let mut status = Status { attention, partners, ..Status::default() };
    status.machine.id = US;
    status
}

/// The one line, as an admin sees it.
fn one(attention: Attention) -> Line {
    let status = status(vec![attention]);
    let mut strip =
        told(Look { t: T, status: &status, can_write: true, can_admin: true, has_bar: false });
    assert!(strip.rest.is_empty());
    strip.first.remove(0)
}

fn actions(line: &Line) -> Vec<&str> {
    line.mends.iter().map(|press| press.action.as_str()).collect()
}

fn named(n: u128, name: &str) -> Named {
    Named { id: Uuid::from_u128(n), name: name.into() }
}

fn partner(state: &str) -> Attention {
    Attention::Partner {
        id: PARTNER,
        name: "till 2".into(),
        state: state.into(),
        reason: "the disk is full".into(),
    }
}

fn clock(seconds: i64, ours: bool) -> Attention {
    Attention::Clock { id: PARTNER, name: "till 2".into(), seconds, ours }
}

fn keeper(id: Uuid) -> Attention {
    Attention::OneKeeper { id, name: "office".into() }
}

fn undeclared(late: bool) -> Attention {
    let [table, column, parent] = ["orders", "part_id", "parts"].map(str::to_owned);
    Attention::Undeclared { table, column, parent, late }
}

fn password() -> Attention {
    let from = vec!["10.0.0.9".into(), "this computer".into()];
    Attention::Password { user: "anna & co".into(), wrong: 6, from }
}

/// One of each, with what its buttons do or lead to.
fn all() -> Vec<(Attention, &'static [&'static str])> {
    let id = "00000000-0000-0000-0000-000000000007";
    assert_eq!(PARTNER.to_string(), id);
    vec![
        (Attention::Copied { reason: String::new() }, &["/about#identity"]),
        (
            partner("Identity problem"),
            &["/forget?partner=00000000-0000-0000-0000-000000000007", "/about#identity"],
        ),
        (partner("Stopped"), &["/do/sync"]),
        (
            Attention::Odd { id: PARTNER, name: "till 2".into(), reason: "x".into() },
            &[
                "/history?partner=00000000-0000-0000-0000-000000000007",
                "/forget?partner=00000000-0000-0000-0000-000000000007",
            ],
        ),
        (clock(90, false), &["/do/sync", "/about#clock"]),
        (Attention::Held { table: "parts".into(), rows: 2 }, &["/held"]),
        (
            Attention::Deletes { table: "parts".into(), partner: "till 2".into(), rows: 700 },
            &["/held", "/held/accept"],
        ),
        (Attention::Schema { rows: 3 }, &["/held"]),
        (
            Attention::Went {
                table: "parts".into(),
                what: "makers was made anew".into(),
                rows: 40,
            },
            &["/held", "/do/keep-all", "/held/accept"],
        ),
        (
            Attention::Nameless { table: "stock".into(), columns: vec!["place".into()], rows: 2 },
            &["/tables"],
        ),
        (undeclared(false), &["/do/track", "/do/track"]),
        (undeclared(true), &["/do/track"]),
        (Attention::Away { table: "parts".into(), reason: "it is gone".into() }, &["/tables"]),
        (Attention::Conflicts { table: "parts".into(), count: 1 }, &["/conflicts"]),
        (Attention::HistoryLost { sessions: 4 }, &["/log"]),
        (Attention::Disk { free_mb: 12 }, &["/about#disk", "/"]),
        (Attention::Multicast, &["/let-in", "/unseen"]),
        (password(), &["/people?user=anna%20%26%20co#users"]),
        (
            Attention::Forgotten { by: "office".into(), at: "2026-11-20 12:00:00".into() },
            &["/join-shop", "/about#out"],
        ),
        (Attention::Lost, &["/join-shop", "/about#out"]),
        (
            Attention::Strays { machines: vec![named(9, "attic")] },
            &["/do/let-in-again", "/about#keeper"],
        ),
        (keeper(US), &["/do/promote", "/do/promote", "/about#keeper"]),
        (keeper(PARTNER), &["/about#keeper"]),
        (Attention::Other { text: "something".into() }, &["/log"]),
        (Attention::PageShut { reason: "x".into() }, &["/settings"]),
    ]
}

#[test]
fn a_column_that_may_be_a_reference_is_answered_with_its_exact_names() {
    let fields = |press: &Press| {
        let fields: Vec<String> =
            press.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        fields.join("&")
    };
    let line = one(undeclared(false));
    let told: Vec<String> = line.mends.iter().map(fields).collect();
    assert_eq!(
        told,
        ["table=orders&reference=orders.part_id=parts", "table=orders&no_reference=orders.part_id"]
    );
    assert_eq!(fields(&one(undeclared(true)).mends[0]), told[1], "only no, once others have them");
}

#[test]
fn each_line_says_what_happened_and_has_the_button_that_mends_it() {
    for (attention, expected) in all() {
        let line = one(attention.clone());
        assert_eq!(actions(&line), expected, "{attention:?}");
        assert!(line.what.ends_with('.'), "{line:?}");
        let is_told = !line.means.is_empty() || matches!(attention, Attention::Other { .. });
        assert!(is_told, "{line:?}");
        let ids: std::collections::BTreeSet<&str> =
            line.mends.iter().map(|press| press.id.as_str()).collect();
        assert_eq!(ids.len(), line.mends.len(), "each has an id of its own: {line:?}");
    }
}

#[test]
fn whoever_may_only_look_is_led_and_never_offered_what_he_may_not() {
    for (attention, _) in all() {
        let status = status(vec![attention.clone()]);
        let look =
            Look { t: T, status: &status, can_write: false, can_admin: false, has_bar: false };
        let line = told(look).first.remove(0);
        assert!(!line.mends.is_empty(), "{attention:?} leads nowhere");
        for press in &line.mends {
            assert!(press.link, "{attention:?}: {press:?}");
            let is_admins = [
                "/let-in",
                "/join-shop",
                "/people",
                "/log",
                "/settings",
                "/forget",
                "/held/accept",
            ];
            let leads = |place: &&str| press.action.starts_with(*place);
            assert!(!is_admins.iter().any(leads), "{attention:?}: {press:?}");
        }
    }
}

#[test]
fn every_place_that_a_line_leads_to_about_is_there() {
    let about = include_str!("../../../../templates/about.html");
    let help = include_str!("../about.rs");
    for (attention, _) in all() {
        for press in one(attention).mends {
            let Some((_, id)) = press.action.split_once("/about#") else { continue };
            let is_there = about.contains(&format!("id=\"{id}\""))
                || help.contains(&format!("one(\"{id}\", "));
            assert!(is_there, "/about has no {id}");
        }
    }
}

#[test]
fn at_most_three_lines_are_shown_at_once_and_the_gravest_come_first() {
    let attention: Vec<Attention> = vec![
        clock(90, false),
        Attention::Held { table: "parts".into(), rows: 2 },
        Attention::Multicast,
        Attention::Disk { free_mb: 12 },
        Attention::Lost,
    ];
    let status = status(attention);
    let strip =
        told(Look { t: T, status: &status, can_write: true, can_admin: true, has_bar: false });
    let classes = |lines: &[Line]| lines.iter().map(|line| line.class).collect::<Vec<_>>();
    assert_eq!(classes(&strip.first), ["bad", "bad", "warn"]);
    assert_eq!(classes(&strip.rest), ["warn", "warn"]);
    assert_eq!(strip.rest_words, "Show 2 more");
    assert!(strip.first[2].what.contains("90 seconds") || strip.first[2].what.contains("1 minute"));
}

#[test]
fn a_clock_is_ahead_or_behind_and_ours_where_all_others_contradict_it() {
    let (ahead, behind) = (one(clock(90, false)), one(clock(-90, false)));
    assert_ne!(ahead.what, behind.what);
    assert!(ahead.what.contains("1 minute"), "{ahead:?}");
    assert_ne!(one(clock(90, true)).means, ahead.means);
}

#[test]
fn the_name_of_a_partner_is_cut() {
    let attention = Attention::Partner {
        id: PARTNER,
        name: "x".repeat(300),
        state: "Identity problem".into(),
        reason: "two machines have its key".into(),
    };
    let line = one(attention);
    assert!(!line.what.contains(&"x".repeat(65)), "{line:?}");
}

#[test]
fn wrong_passwords_say_for_whom_and_from_where() {
    let line = one(password());
    assert!(line.what.contains('6') && line.what.contains("anna & co"), "{line:?}");
    assert!(line.means.contains("10.0.0.9, this computer"), "{line:?}");
}

#[test]
fn one_of_several_strays_is_let_in_by_its_own_button_with_its_name_on_it() {
    let line = one(Attention::Strays { machines: (9..20).map(|n| named(n, "attic")).collect() });
    let again: Vec<_> =
        line.mends.iter().filter(|press| press.action == "/do/let-in-again").collect();
    assert_eq!(again.len(), STRAYS);
    assert!(again.iter().all(|press| press.is_named && press.about == "attic"), "{again:?}");
    assert_ne!(again[0].fields, again[1].fields);
}

#[test]
fn deletes_over_several_links_are_one_line_since_they_are_decided_together() {
    let deletes = |table: &str, partner: &str, rows| Attention::Deletes {
        table: table.into(),
        partner: partner.into(),
        rows,
    };
    let attention = vec![
        deletes("orders", "till 2", 2),
        deletes("orders", "till 3", 3),
        deletes("payments", "till 3", 124),
        Attention::Held { table: "orders".into(), rows: 1 },
        Attention::Held { table: "payments".into(), rows: 1 },
    ];
    let status = status(attention);
    let strip =
        told(Look { t: T, status: &status, can_write: true, can_admin: true, has_bar: false });
    assert_eq!(strip.first.len(), 3);
    let last = strip.first.last().unwrap();
    assert_eq!(last.what, "129 deletes in orders, payments wait for a person.");
    assert_eq!(actions(last), ["/held", "/held/accept"]);
    let ids: std::collections::BTreeSet<_> =
        strip.first.iter().flat_map(|line| &line.mends).map(|press| &press.id).collect();
    assert_eq!(ids.len(), 4, "no two buttons share an id: {strip:?}");
}
