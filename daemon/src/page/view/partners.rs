//! The front page: what needs a person, who was found, and a card for each partner.

use std::collections::HashMap;

use askama::Template;
use chrono::NaiveDateTime;
use dunlin_rpc::wire::admin::{HistoryEntry, PartnerStatus, SightingStatus, Status, UnlikeTable};
use dunlin_rpc::wire::overview::TableCompared;
use uuid::Uuid;

use super::attention::{self, Strip};
use super::history;
use super::press::Press;
use super::said;
use super::state::{self, Shown};
use crate::page::frame::Frame;
use crate::page::texts::Texts;
use crate::page::words;

/// So many machines found are shown; a flood of adverts is no list.
const FOUND_MAX: usize = 50;

/// Sessions on a card.
const SESSIONS_MAX: usize = 5;

/// With more partners than this, those that need nobody are shown in a line.
const FEW: usize = 12;

/// Tables with other columns that are told on a card.
const VERSIONS_MAX: usize = 4;
/// Tables listed on a card: all where there are no more, else those that are not equal. The page of the tables has
/// all of them.
const TABLES_MAX: usize = 20;

/// The page.
#[derive(Debug, Template)]
#[template(path = "partners.html")]
pub(in crate::page) struct Partners {
    frame: Frame,
    attention: Strip,
    found: Vec<Found>,
    hidden: String,
    ignored: Vec<Found>,
    ignored_words: String,
    cards: Vec<Card>,
    /// How many of each state, where the cards do not fit a screen.
    counts: Vec<(Shown, String)>,
    all: Vec<Press>,
    /// What is open to the network.
    doors: Vec<String>,
    /// Nobody can sign in yet, and this person may set the first password.
    may_begin: bool,
}

/// A machine on the network.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    name: String,
    short: String,
    facts: String,
    presses: Vec<Press>,
}

/// A partner.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Card {
    id: String,
    name: String,
    state: Shown,
    /// One of many that needs nobody: what is known of it is folded.
    brief: bool,
    reason: Option<String>,
    step: Option<String>,
    progress: Option<Progress>,
    facts: Vec<Fact>,
    more: Vec<Fact>,
    promote: Option<Press>,
    tables: Vec<(String, Shown)>,
    sessions: Vec<history::Brief>,
    /// Of the tables that are not listed.
    tables_rest: String,
    presses: Vec<Press>,
}

/// Something to be known of a partner; it may lead to where more of it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Fact {
    label: &'static str,
    value: String,
    path: String,
}

fn fact(label: &'static str, value: impl Into<String>) -> Fact {
    Fact { label, value: value.into(), path: String::new() }
}

/// What a card is made of, beside the partner itself.
#[derive(Clone, Copy, Debug)]
struct Around<'a> {
    t: Texts,
    can_write: bool,
    can_admin: bool,
    /// How this machine stands in the shop.
    role: &'a str,
    /// Its tables, and how each stands.
    tables: &'a [(&'a str, &'a str)],
    sessions: &'a [HistoryEntry],
    now: NaiveDateTime,
}

/// How far catching up is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Progress {
    done: u64,
    all: u64,
    words: String,
}

/// The page, from how the machine stands.
pub(in crate::page) fn page(
    frame: Frame,
    status: &Status,
    (tables, sessions): (&[TableCompared], &[HistoryEntry]),
    may_begin: bool,
    now: NaiveDateTime,
) -> Partners {
    let (t, can_write, can_admin) = (frame.t, frame.can_write, frame.can_admin);
    let role = status.machine.role.as_str();
    let around = Around { t, can_write, can_admin, role, tables: &[], sessions, now };
    let (ignored, found): (Vec<_>, Vec<_>) =
        status.sightings.iter().partition(|sighting| sighting.ignored);
    let hidden = found.len().saturating_sub(FOUND_MAX) as u64;
    Partners {
        attention: attention::strip(&frame, status),
        hidden: if hidden > 0 { t.count("found.hidden", hidden) } else { String::new() },
        ignored_words: t.count("found.ignored", ignored.len() as u64),
        found: found.iter().take(FOUND_MAX).map(|one| seen(t, one, can_admin)).collect(),
        ignored: ignored.iter().take(FOUND_MAX).map(|one| seen(t, one, can_admin)).collect(),
        cards: cards(around, status, tables),
        counts: counts(t, status),
        all: for_all(t, status, can_admin),
        doors: status.doors.iter().map(|door| said::sentence(t, door)).collect(),
        may_begin,
        frame,
    }
}

fn seen(t: Texts, sighting: &SightingStatus, can_admin: bool) -> Found {
    let name = words::foreign(&sighting.name);
    let id = &sighting.id;
    let since = words::span(t, sighting.first_seen);
    let address = words::foreign(&sighting.address);
    let facts = t.with("found.facts", &[("address", &address), ("span", &since)]);
    let mut presses = Vec::new();
    if can_admin && !sighting.old && !sighting.ignored {
        let pair = Press::post("/do/pair", t.of("found.pair"), format!("pair-{id}")).class("main");
        presses.push(pair.with("target", id.clone()).about(&name));
    }
    if can_admin && sighting.ignored {
        let notice = Press::post("/do/notice", t.of("found.notice"), format!("notice-{id}"));
        presses.push(notice.with("target", id.clone()).about(&name));
    } else if can_admin {
        let ignore = Press::post("/do/ignore", t.of("found.ignore"), format!("ignore-{id}"));
        presses.push(ignore.with("target", id.clone()).about(&name));
    }
    let facts = if sighting.old { format!("{facts} {}", t.of("found.old")) } else { facts };
    Found { name, short: words::short(id), facts, presses }
}

fn for_all(t: Texts, status: &Status, can_admin: bool) -> Vec<Press> {
    if !can_admin || status.partners.is_empty() {
        return Vec::new();
    }
    let paused = |one: &PartnerStatus| one.paused;
    let mut presses =
        vec![Press::post("/do/sync", t.of("partner.sync_all"), "sync-all".to_owned())];
    if !status.partners.iter().all(paused) {
        presses.push(Press::post("/do/pause", t.of("partner.pause_all"), "pause-all".to_owned()));
    }
    if status.partners.iter().any(paused) {
        let resume = t.of("partner.resume_all");
        presses.push(Press::post("/do/resume", resume, "resume-all".to_owned()));
    }
    presses
}

/// Whoever needs a person comes first, then who is away; who was paused comes last. Else by name, and a link that
/// was lost for a moment moves no card.
fn order(state: &str) -> u8 {
    match state {
        "Identity problem" => 0,
        "Stopped" => 1,
        "Offline" => 2,
        "Paused" => 4,
        _ => 3,
    }
}

fn cards(around: Around<'_>, status: &Status, tables: &[TableCompared]) -> Vec<Card> {
    // Once for all partners: a search for each of them in each table would be one of fifty in ten thousand.
    let mut there: HashMap<Uuid, Vec<(&str, &str)>> = HashMap::new();
    for table in tables {
        for one in &table.partners {
            there.entry(one.id).or_default().push((&table.name, &one.state));
        }
    }
    let mut partners: Vec<&PartnerStatus> = status.partners.iter().collect();
    partners.sort_by_key(|partner| order(&partner.state));
    let none = Vec::new();
    partners
        .into_iter()
        .map(|one| {
            let card = card(Around { tables: there.get(&one.id).unwrap_or(&none), ..around }, one);
            let calm = matches!(one.state.as_str(), "Up to date" | "Offline" | "Paused");
            Card { brief: is_large(status) && calm, ..card }
        })
        .collect()
}

fn is_large(status: &Status) -> bool {
    status.partners.len() > FEW
}

/// How many partners of a large shop are in each state, in the order of the cards.
fn counts(t: Texts, status: &Status) -> Vec<(Shown, String)> {
    let mut found: Vec<&str> = Vec::new();
    for partner in status.partners.iter().filter(|_| is_large(status)) {
        if !found.contains(&partner.state.as_str()) {
            found.push(&partner.state);
        }
    }
    found.sort_by_key(|state| (order(state), *state));
    let count = |state: &str| {
        let count = status.partners.iter().filter(|partner| partner.state == state).count();
        (state::partner(t, state), words::number(t, count as u64))
    };
    found.into_iter().map(count).collect()
}

fn card(around: Around<'_>, partner: &PartnerStatus) -> Card {
    let Around { t, can_write, can_admin, tables, now, .. } = around;
    let id = partner.id.to_string();
    let name = words::foreign(&partner.name);
    let (listed, tables_rest) = listed(t, tables);
    let mut presses = Vec::new();
    if can_write {
        let sync = Press::post("/do/sync", t.of("partner.sync"), format!("sync-{id}"));
        presses.push(sync.with("partner", id.clone()).about(&name));
    }
    if can_admin {
        let press = if partner.paused {
            Press::post("/do/resume", t.of("partner.resume"), format!("resume-{id}"))
        } else {
            Press::post("/do/pause", t.of("partner.pause"), format!("pause-{id}"))
        };
        presses.push(press.with("partner", id.clone()).about(&name));
        let path = format!("/forget?partner={id}");
        let forget = Press::lead(path, t.of("partner.forget"), format!("forget-{id}"));
        presses.push(forget.about(&name).class("danger"));
    }
    Card {
        state: state::partner(t, &partner.state),
        brief: false,
        reason: partner
            .reason
            .as_deref()
            .filter(|reason| !reason.is_empty())
            .map(|why| said::sentence(t, why)),
        step: step(t, partner, around.role),
        progress: progress(t, partner),
        facts: facts(t, partner, tables, now),
        more: more(t, partner, now),
        promote: (can_admin && around.role == "keeper" && partner.role == "member").then(|| {
            let press =
                Press::post("/do/promote", t.of("partner.promote"), format!("promote-{id}"));
            press.with("partner", id.clone()).about(&name)
        }),
        tables: listed,
        tables_rest,
        sessions: last_sessions(around, partner),
        presses,
        name,
        id,
    }
}

/// What comes next, by itself or by a person.
fn step(t: Texts, partner: &PartnerStatus, role: &str) -> Option<String> {
    // Nothing comes next where this machine is out of the shop; what a person can do stands above.
    if matches!(role, "forgotten" | "lost" | "left") && partner.linked_since.is_none() {
        return None;
    }
    match (partner.state.as_str(), partner.next_try_seconds) {
        ("Identity problem", _) => Some(t.of("step.identity").to_owned()),
        ("Stopped", _) => Some(t.of("step.stopped").to_owned()),
        ("Paused", _) => Some(t.of("step.paused").to_owned()),
        (_, Some(seconds)) if partner.attempt > 1 => Some(t.with(
            "step.next_try_again",
            &[("span", &words::span(t, seconds)), ("attempt", &partner.attempt.to_string())],
        )),
        (_, Some(seconds)) => Some(t.with("step.next_try", &[("span", &words::span(t, seconds))])),
        ("Offline", None) => Some(t.of("step.offline").to_owned()),
        _ => None,
    }
}

fn progress(t: Texts, partner: &PartnerStatus) -> Option<Progress> {
    let left = partner.left.filter(|_| partner.state == "Catching up")?;
    let (done, all) = (partner.moved, partner.moved + left);
    let (of, from) = (words::number(t, done), words::number(t, all));
    let names = [("done", of.as_str()), ("all", from.as_str())];
    let words = match partner.left_seconds {
        Some(seconds) => {
            let span = words::span(t, seconds.max(1));
            t.with("progress.left", &[&names[..], &[("span", &span)]].concat())
        }
        None => t.with("progress.rows", &names),
    };
    Some(Progress { done, all, words })
}

fn facts(
    t: Texts,
    partner: &PartnerStatus,
    tables: &[(&str, &str)],
    now: NaiveDateTime,
) -> Vec<Fact> {
    let seen = match (&partner.linked_since, &partner.last_seen) {
        (Some(_), _) => t.of("partner.now").to_owned(),
        (None, Some(seen)) => words::ago(t, seen, now),
        (None, None) => t.of("partner.never").to_owned(),
    };
    let address = partner.address.as_deref().map_or_else(
        || words::UNKNOWN.to_owned(),
        |address| match partner.found.as_deref() {
            Some("mdns") => t.with("partner.by_mdns", &[("address", &words::foreign(address))]),
            Some("configured") => {
                t.with("partner.by_config", &[("address", &words::foreign(address))])
            }
            Some("calls") => t.with("partner.by_call", &[("address", &words::foreign(address))]),
            _ => t.with("partner.by_memory", &[("address", &words::foreign(address))]),
        },
    );
    let mut facts = vec![
        fact(t.of("partner.seen"), seen),
        fact(t.of("partner.address"), address),
        fact(t.of("partner.waiting_in"), waiting(t, partner.waiting_in)),
        fact(t.of("partner.waiting_out"), going(t, partner)),
    ];
    if !tables.is_empty() {
        facts.push(fact(t.of("partner.equal"), equal(t, tables, &partner.unlike)));
    }
    facts.extend(to_look_at(t, partner).into_iter().filter(|fact| !fact.path.is_empty()));
    facts.extend(partner.unlike.iter().take(VERSIONS_MAX).map(|table| version(t, table)));
    facts
}

/// What the application there has otherwise.
fn version(t: Texts, table: &UnlikeTable) -> Fact {
    let list = |names: &[String]| {
        names.iter().map(|name| words::foreign(name)).collect::<Vec<_>>().join(", ")
    };
    let (has, lacks) = (list(&table.has), list(&table.lacks));
    let name = words::foreign(&table.table);
    let what = match (table.has.is_empty(), table.lacks.is_empty()) {
        (_, true) => t.with("partner.version_has", &[("table", &name), ("columns", &has)]),
        (true, _) => t.with("partner.version_lacks", &[("table", &name), ("columns", &lacks)]),
        _ => t.with(
            "partner.version_both",
            &[("table", &name), ("columns", &has), ("others", &lacks)],
        ),
    };
    let key = match table.newer {
        Some(true) => "partner.version_newer",
        Some(false) => "partner.version_older",
        None => "partner.version_other",
    };
    fact(t.of("partner.version"), t.with(key, &[("what", &what)]))
}

/// Conflicts and held rows of a partner. Where there are any, they lead to their list.
fn to_look_at(t: Texts, partner: &PartnerStatus) -> [Fact; 2] {
    let all = [
        ("partner.conflicts", partner.conflicts, "/conflicts"),
        ("partner.held", partner.held, "/held"),
    ];
    all.map(|(label, count, list)| Fact {
        label: t.of(label),
        value: count.map_or_else(|| words::UNKNOWN.to_owned(), |count| words::number(t, count)),
        path: match count {
            None | Some(0) => String::new(),
            Some(_) => format!("{list}?partner={}", partner.id),
        },
    })
}

/// The latest of what was exchanged with it.
fn last_sessions(around: Around<'_>, partner: &PartnerStatus) -> Vec<history::Brief> {
    let of_it = around.sessions.iter().filter(|session| session.partner == Some(partner.id));
    of_it.take(SESSIONS_MAX).map(|one| history::brief(around.t, one, around.now)).collect()
}

fn waiting(t: Texts, rows: Option<u64>) -> String {
    rows.map_or_else(|| words::UNKNOWN.to_owned(), |rows| t.count("rows", rows))
}

/// Rows for a partner; without a link, so many at most.
fn going(t: Texts, partner: &PartnerStatus) -> String {
    match partner.waiting_out {
        Some(rows) if rows > 0 && partner.linked_since.is_none() => t.count("rows_at_most", rows),
        rows => waiting(t, rows),
    }
}

/// The tables of a card, and what is to be said of those that are left out.
fn listed(t: Texts, tables: &[(&str, &str)]) -> (Vec<(String, Shown)>, String) {
    let few = tables.len() <= TABLES_MAX;
    // A partner that was never compared has nothing to say of two hundred tables.
    let said = |state| few || !matches!(state, "equal" | "unknown");
    let unlike: Vec<_> = tables.iter().filter(|(_, state)| said(*state)).collect();
    let listed = unlike.iter().take(TABLES_MAX);
    let listed = listed.map(|(name, state)| (words::foreign(name), state::table(t, state)));
    let rest = unlike.len().saturating_sub(TABLES_MAX) as u64;
    (listed.collect(), if rest > 0 { t.count("partner.tables_rest", rest) } else { String::new() })
}

/// How many tables are equal, in words. `unlike`: those of which one side has columns that the other has not.
fn equal(t: Texts, tables: &[(&str, &str)], unlike: &[UnlikeTable]) -> String {
    // Of a table that the partner does not keep there is nothing to compare.
    let tables: Vec<_> = tables.iter().filter(|(_, state)| *state != "not here").collect();
    let all = tables.len() as u64;
    let known = tables.iter().filter(|(_, state)| *state != "unknown").count();
    let equal = tables.iter().filter(|(_, state)| *state == "equal").count() as u64;
    if known == 0 {
        words::UNKNOWN.to_owned()
    } else if equal == all && unlike.is_empty() {
        t.count("partner.all_equal", all)
    } else if equal == all {
        t.count("partner.all_equal_but", all)
    } else {
        let equal = words::number(t, equal);
        t.count_with("partner.some_equal", all, &[("equal", &equal)])
    }
}

fn more(t: Texts, partner: &PartnerStatus, now: NaiveDateTime) -> Vec<Fact> {
    let role =
        if partner.role == "keeper" { t.of("partner.keeper") } else { t.of("partner.member") };
    let mut more = vec![
        fact(t.of("partner.id"), words::short(&partner.id.to_string())),
        fact(t.of("partner.role"), role),
    ];
    if let Some(since) = &partner.linked_since {
        more.push(fact(t.of("partner.linked"), words::ago(t, since, now)));
    }
    let unknown = || words::UNKNOWN.to_owned();
    let round_trip = partner.round_trip_ms.map_or_else(unknown, |ms| words::took(t, ms.max(1)));
    more.push(fact(t.of("partner.round_trip"), round_trip));
    let clock = partner.clock_ms.map_or_else(
        || words::UNKNOWN.to_owned(),
        |ms| {
            let by = words::took(t, ms.unsigned_abs());
            if ms >= 0 {
                t.with("partner.ahead", &[("by", &by)])
            } else {
                t.with("partner.behind", &[("by", &by)])
            }
        },
    );
    more.push(fact(t.of("partner.clock"), clock));
    let compared = partner.compared.as_deref();
    let compared = compared.map_or_else(unknown, |compared| words::ago(t, compared, now));
    more.push(fact(t.of("partner.compared"), compared));
    more.extend(to_look_at(t, partner).into_iter().filter(|fact| fact.path.is_empty()));
    more
}

#[cfg(test)]
mod tests;
