//! Forgetting a machine: what it means, and who of those that it let in stays.

use askama::Template;
use chrono::NaiveDateTime;
use dunlin_rpc::wire::shop::LetIn;

use crate::page::frame::Frame;
use crate::page::words;

/// The question.
#[derive(Debug, Template)]
#[template(path = "forget.html")]
pub(in crate::page) struct Forget {
    frame: Frame,
    id: String,
    name: String,
    short: String,
    explain: String,
    guests: Vec<Guest>,
}

/// A machine that it let in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Guest {
    id: String,
    name: String,
    facts: String,
}

/// The question.
pub(in crate::page) fn page(frame: Frame, let_in: &LetIn, now: NaiveDateTime) -> Forget {
    let t = frame.t;
    let name = words::foreign(&let_in.name);
    let guest = |guest: &dunlin_rpc::wire::shop::Guest| {
        let since = words::ago(t, &guest.since, now);
        let facts = if guest.member {
            t.with("forget.guest", &[("since", &since)])
        } else {
            t.with("forget.guest_gone", &[("since", &since)])
        };
        let id = guest.id.to_string();
        Guest { name: words::foreign(&guest.name), facts, id }
    };
    Forget {
        id: let_in.id.to_string(),
        short: words::short(&let_in.id.to_string()),
        explain: t.with("forget.explain", &[("name", &name)]),
        guests: let_in.let_in.iter().map(guest).collect(),
        name,
        frame,
    }
}
