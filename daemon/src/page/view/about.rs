//! What this program is, what to do when something is wrong, and what is in it that others wrote.

use askama::Template;
use dunlin_rpc::wire::admin::Status;

use super::licences::{self, Group};
use super::rotate;
use crate::page::frame::Frame;
use crate::page::texts::Texts;
use crate::page::words;

/// What to do about something.
#[derive(Clone, Copy, Debug)]
struct Help {
    /// Where lines of the front page lead to.
    id: &'static str,
    head: &'static str,
    text: &'static str,
}

/// What this program is.
#[derive(Debug, Template)]
#[template(path = "about.html")]
pub(in crate::page) struct About {
    frame: Frame,
    facts: Vec<(&'static str, String)>,
    licences: Vec<Group>,
    licences_words: String,
    /// A new key that not everybody has heard of.
    rotation: Option<String>,
    help: Vec<Help>,
}

/// The page.
pub(in crate::page) fn page(frame: Frame, status: &Status) -> About {
    let t = frame.t;
    let machine = &status.machine;
    let facts = vec![
        (t.of("about.machine"), words::foreign(&machine.name)),
        (t.of("about.id"), machine.id.to_string()),
        (t.of("about.pin"), rotate::mark(&machine.pin)),
        (t.of("about.shop"), words::short(&machine.shop)),
        (t.of("about.members"), words::number(t, machine.members)),
        (t.of("about.version"), machine.version.clone()),
        (t.of("about.started"), words::clock(t, &status.started)),
    ];
    let licences = licences::groups();
    let count = licences.iter().map(|group| group.count as u64).sum();
    About {
        facts,
        licences_words: t.count("about.licences_count", count),
        licences,
        rotation: machine.rotation.as_ref().map(|rotation| rotate::under_way(t, rotation)),
        help: help(t),
        frame,
    }
}

/// What to do about what the front page tells, in more words than fit there.
fn help(t: Texts) -> Vec<Help> {
    let one = |id, head, text| Help { id, head: t.of(head), text: t.of(text) };
    vec![
        one("clock", "help.clock", "help.clock_text"),
        one("disk", "help.disk", "help.disk_text"),
        one("out", "help.out", "help.out_text"),
        one("keeper", "help.keeper", "help.keeper_text"),
        one("password", "help.password", "help.password_text"),
        one("stopped", "help.stopped", "help.stopped_text"),
    ]
}
