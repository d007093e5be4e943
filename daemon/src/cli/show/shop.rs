//! What was done to the shop, in sentences.

use std::fmt::Write as _;

use dunlin_rpc::wire::shop::{Changed, Guest, Left, LetIn, Named, Paused, Renewed};

use crate::cli::text::{count, foreign};

fn names(machines: &[Named]) -> String {
    let names: Vec<String> =
        machines.iter().map(|one| format!("“{}”", foreign(&one.name))).collect();
    names.join(", ")
}

fn quoted(guests: &[&Guest]) -> String {
    let names: Vec<String> =
        guests.iter().map(|guest| format!("“{}”", foreign(&guest.name))).collect();
    names.join(", ")
}

/// What a machine let in, one line each.
pub fn guests(machine: &LetIn) -> String {
    let mut text = format!("“{}” let in:\n", foreign(&machine.name));
    for guest in &machine.let_in {
        let now = if guest.member { "" } else { ", no member now" };
        let (name, role, since) =
            (foreign(&guest.name), foreign(&guest.role), foreign(&guest.since));
        let _ = writeln!(text, "  “{name}” ({role}, {since}{now})");
    }
    text
}

/// Who stays and who goes with a machine that is about to be forgotten. `keep`: none for all.
pub fn staying(machine: &LetIn, keep: Option<&[String]>) -> String {
    if machine.let_in.is_empty() {
        return format!("“{}” let nobody in.\n", foreign(&machine.name));
    }
    let stays = |guest: &&Guest| {
        keep.is_none_or(|keep| {
            keep.iter().any(|word| *word == guest.name || *word == guest.id.to_string())
        })
    };
    let (stay, go): (Vec<&Guest>, Vec<&Guest>) = machine.let_in.iter().partition(stays);
    let mut text = format!("Of those that “{}” let in", foreign(&machine.name));
    if !stay.is_empty() {
        let _ = write!(text, " stay: {}", quoted(&stay));
    }
    if !go.is_empty() {
        let and = if stay.is_empty() { "" } else { ";" };
        let _ = write!(text, "{and} go with it: {}", quoted(&go));
    }
    text + ".\n"
}

/// What `partners forget` came to.
pub fn forgotten(done: &Changed) -> String {
    let members = count(done.members, "machine", "machines");
    let mut text = format!(
        "Forgot “{}”. Every machine that hears of it refuses its key; the shop has {members} now.\n",
        foreign(&done.name)
    );
    let others: Vec<Named> = done.gone.iter().filter(|gone| gone.id != done.id).cloned().collect();
    if !others.is_empty() {
        let _ = writeln!(
            text,
            "With it went {}; `dunlin partners let-in NAME` lets one in again, `dunlin partners forget NAME` forgets it, too.",
            names(&others)
        );
    }
    text
}

/// What `partners promote` came to.
pub fn promoted(done: &Changed) -> String {
    let name = foreign(&done.name);
    if done.joined.is_empty() {
        format!("“{name}” is a keeper already.\n")
    } else {
        format!("“{name}” is a keeper now: it may let machines in and forget them.\n")
    }
}

/// What `partners let-in` came to.
pub fn let_in_again(done: &Changed) -> String {
    let members = count(done.members, "machine", "machines");
    format!("Let “{}” in again; the shop has {members} now.\n", foreign(&done.name))
}

/// Who is paused now.
pub fn paused(done: &Paused) -> String {
    match (done.all, done.partners.is_empty()) {
        (true, _) => {
            "All partners are paused, also those that join later; `dunlin partners resume --all` ends it.\n"
                .to_owned()
        }
        (false, true) => "No partner is paused.\n".to_owned(),
        (false, false) => format!("Paused: {}.\n", names(&done.partners)),
    }
}

/// What `leave` came to.
pub fn left(done: &Left) -> String {
    if done.told.is_empty() {
        return "Left the shop. No partner has heard of it yet: leave the daemon running until one is reached, or forget this machine on a keeper.\n"
            .to_owned();
    }
    format!("Left the shop; {} heard of it.\n", names(&done.told))
}

/// What `shop renew` came to.
pub fn renewed(done: &Renewed) -> String {
    let shop: String = done.shop.chars().take(8).collect();
    format!(
        "This machine is alone in the new shop {}; `dunlin invite` lets the others in. They leave the old shop first, with `dunlin leave` or `dunlin shop renew`. The old roster is kept as {}.\n",
        foreign(&shop),
        foreign(&done.old_roster)
    )
}
