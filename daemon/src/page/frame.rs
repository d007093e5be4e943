//! What is around every page: the machine's name and state, the way to the other pages, notes.

use dunlin_rpc::wire::admin::Status;

use super::texts::{Language, Texts};
use super::view::state::{self, Shown};
use super::view::trying::{self, Bar};
use super::words;
use crate::users::Role;

/// The pages that the frame leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Partners,
    Tables,
    History,
    Conflicts,
    Held,
    People,
    Settings,
    Log,
    About,
    /// One that is reached by a button.
    Elsewhere,
}

/// One way to another page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) path: &'static str,
    pub(super) word: &'static str,
    /// How many things wait there; empty when none does.
    pub(super) count: String,
    pub(super) current: bool,
}

/// One of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) word: String,
    pub(super) current: bool,
}

/// A note at the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// What the request says of its page.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) t: Texts,
    pub(super) theme: Option<&'static str>,
    pub(super) role: Role,
    /// He came over the network.
    pub(super) over_network: bool,
    pub(super) user: Option<String>,
    pub(super) token: String,
    /// The page itself, to come back to.
    pub(super) back: String,
    pub(super) note: Option<Told>,
}

/// The frame of one page.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) t: Texts,
    pub(super) mark: &'static str,
    pub(super) theme: Option<&'static str>,
    pub(super) machine: String,
    pub(super) state: Shown,
    pub(super) summary: String,
    /// The first half of its id, as other machines show it among those found.
    pub(super) short: String,
    pub(super) ways: Vec<Way>,
    pub(super) note: Option<Told>,
    /// A change of settings that waits to be kept, for whoever may keep it.
    pub(super) trying: Option<Bar>,
    pub(super) user: Option<String>,
    pub(super) token: String,
    pub(super) back: String,
    pub(super) can_write: bool,
    pub(super) can_admin: bool,
    pub(super) themes: Vec<Choice>,
    pub(super) languages: Vec<Choice>,
}

impl Frame {
    /// The frame around a page, from how the machine stands.
    pub(super) fn new(about: About, place: Place, status: &Status) -> Self {
        let t = about.t;
        let can_admin = about.role >= Role::Admin;
        Self {
            mark: super::assets::mark(),
            machine: words::foreign(&status.machine.name),
            state: state::overall(t, status),
            summary: summary(t, status),
            short: words::short(&status.machine.id.to_string()),
            ways: ways(t, place, status, can_admin),
            themes: themes(t, about.theme),
            languages: languages(t.language),
            can_write: about.role >= Role::Write,
            can_admin,
            theme: about.theme,
            trying: trying::bar(t, status, about.over_network).filter(|_| can_admin),
            note: about.note,
            user: about.user.map(|user| words::foreign(&user)),
            token: about.token,
            back: about.back,
            t,
        }
    }
}

/// How many partners are up to date, for how long the machine has been at it, and with what.
fn summary(t: Texts, status: &Status) -> String {
    let all = status.partners.len();
    let level = status.partners.iter().filter(|one| one.state == "Up to date").count();
    let partners = match all {
        0 => t.of("summary.none").to_owned(),
        _ => {
            t.count_with("summary.level", all as u64, &[("level", &words::number(t, level as u64))])
        }
    };
    let uptime = t.with("summary.uptime", &[("span", &words::span(t, status.uptime))]);
    format!("{partners} · {uptime} · Dunlin {}", status.machine.version)
}

fn ways(t: Texts, place: Place, status: &Status, can_admin: bool) -> Vec<Way> {
    let tables = || status.databases.iter().flat_map(|database| &database.tables);
    let conflicts = tables().map(|table| table.conflicts).sum();
    let held = tables().map(|table| table.held).sum();
    let way = |here, path, word, count: u64| Way {
        path,
        word: t.of(word),
        count: if count == 0 { String::new() } else { words::number(t, count) },
        current: place == here,
    };
    let mut ways = vec![
        way(Place::Partners, "/", "nav.partners", 0),
        way(Place::Tables, "/tables", "nav.tables", 0),
        way(Place::History, "/history", "nav.history", 0),
        way(Place::Conflicts, "/conflicts", "nav.conflicts", conflicts),
        way(Place::Held, "/held", "nav.held", held),
    ];
    if can_admin {
        ways.extend([
            way(Place::People, "/people", "nav.people", 0),
            way(Place::Settings, "/settings", "nav.settings", 0),
            way(Place::Log, "/log", "nav.log", 0),
        ]);
    }
    ways.push(way(Place::About, "/about", "nav.about", 0));
    ways
}

fn themes(t: Texts, theme: Option<&'static str>) -> Vec<Choice> {
    let choice = |value: &str, word: &'static str| Choice {
        value: value.to_owned(),
        word: t.of(word).to_owned(),
        current: theme.unwrap_or("auto") == value,
    };
    vec![choice("auto", "theme.auto"), choice("light", "theme.light"), choice("dark", "theme.dark")]
}

fn languages(now: Language) -> Vec<Choice> {
    let choice = |language: Language| Choice {
        value: language.code().to_owned(),
        word: language.own_name().to_owned(),
        current: language == now,
    };
    Language::ALL.into_iter().map(choice).collect()
}
