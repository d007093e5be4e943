//! What needs a person, in words for the command line.

use dunlin_rpc::wire::overview::Attention;
use dunlin_rpc::wire::shop::Named;
use dunlin_schema::Undeclared;

use crate::cli::text::{count, foreign, span};

/// What it is, and what to do: one line.
pub(super) fn sentence(attention: &Attention) -> String {
    match attention {
        Attention::Copied { reason } => format!("this machine: {}", words(reason)),
        Attention::Partner { name, state, reason, .. } => {
            let why = if reason.is_empty() { foreign(state) } else { words(reason) };
            format!("partner “{}”: {why}", foreign(name))
        }
        Attention::Odd { name, reason, .. } => format!(
            "partner “{}”: {}; if this comes again, look at that machine, or forget it",
            foreign(name),
            words(reason)
        ),
        Attention::Clock { name, seconds, .. } => clock(name, *seconds),
        Attention::Held { table, rows } => {
            format!("{}: {} held; see `dunlin held`", foreign(table), count(*rows, "row is", "rows are"))
        }
        Attention::Deletes { table, partner, rows } => format!(
            "{} from “{}” in {} for a person, and the rows are still shown; see `dunlin held`",
            count(*rows, "delete waits", "deletes wait"),
            foreign(partner),
            foreign(table),
        ),
        Attention::Schema { rows } => format!(
            "{} until the application here is of one version with the others; update it here too, and see `dunlin held`",
            count(*rows, "row waits, or stands as it was,", "rows wait, or stand as they were,")
        ),
        Attention::Went { table, what, rows } => format!(
            "{} of {} went when {}; other machines still have them: `dunlin held keep --all` brings them back, `dunlin held accept --all` lets them go everywhere",
            count(*rows, "row", "rows"),
            foreign(table),
            foreign(what)
        ),
        Attention::Nameless { table, columns, rows } => nameless(table, columns, *rows),
        Attention::Undeclared { table, column, parent, late } => {
            undeclared(table, column, parent, *late)
        }
        Attention::Away { table, reason } => {
            format!("the table {}: {}", foreign(table), words(reason))
        }
        Attention::Conflicts { table, count: conflicts } => format!(
            "{}: {}; see `dunlin conflicts`",
            foreign(table),
            count(*conflicts, "conflict", "conflicts")
        ),
        Attention::HistoryLost { sessions } => format!(
            "{} could not be written into the history; is the disk full?",
            count(*sessions, "session", "sessions")
        ),
        Attention::Disk { free_mb } => {
            format!("the disk has {free_mb} MiB left; make room, or rows will not be taken in")
        }
        Attention::Multicast => "partners are linked, and no machine is seen by mDNS; the network keeps multicast back, so give new machines an address by hand".to_owned(),
        Attention::Password { user, wrong, from } => format!(
            "{} for the user “{}”, from {}; if somebody forgot it, set another with `dunlin users passwd`, and if nobody did, somebody else is trying",
            count(u64::from(*wrong), "wrong password", "wrong passwords"),
            foreign(user),
            from.iter().map(|one| foreign(one)).collect::<Vec<_>>().join(", ")
        ),
        Attention::Forgotten { by, at } => format!(
            "this machine was forgotten by “{}” on {at}: no row goes out or comes in; to join the shop again give `dunlin join` with a new token, or begin a shop of its own with `dunlin shop renew`",
            foreign(by)
        ),
        Attention::Lost => "the machine that let this one in was forgotten, and this one with it: no row goes out or comes in; on a keeper give `dunlin partners let-in` with this machine's name".to_owned(),
        Attention::Strays { machines } => strays(machines),
        Attention::OneKeeper { name, .. } => format!(
            "“{}” is the only keeper of the shop: without it nobody can be let in or forgotten; make another one a keeper there with `dunlin partners promote NAME`",
            foreign(name)
        ),
        Attention::Trying(trying) => format!(
            "settings were changed and have to be kept: {}; `dunlin settings keep` keeps them, and if nobody does so within {} the old ones come back",
            super::settings::changes(trying).join("; "),
            span(trying.seconds)
        ),
        Attention::PageShut { reason } => format!(
            "the page is not open to the network, although it is to be: {}; it is tried again every half minute, and `dunlin settings` shows how it is to be",
            words(reason)
        ),
        Attention::Other { text } => words(text),
    }
}

fn nameless(table: &str, columns: &[String], rows: u64) -> String {
    format!(
        "{}: {} NULL in {}, which names a row, so no other machine hears of {}; give it a value there, and it goes everywhere",
        foreign(table),
        count(rows, "row has", "rows have"),
        foreign(&columns.join(" or ")),
        if rows == 1 { "it" } else { "them" },
    )
}

fn undeclared(table: &str, column: &str, parent: &str, late: bool) -> String {
    let [child, column, parent] = [table, column, parent].map(str::to_owned);
    let one = Undeclared { child, column, parent };
    let yes = if late {
        "other machines have the rows, so it can be declared no more".to_owned()
    } else {
        format!("if it is one: {}", words(&one.yes()))
    };
    format!(
        "{}.{} looks like a reference to {} that the schema does not declare, so its numbers may mean other rows on other machines; {yes}; if it is none: {}",
        foreign(&one.child),
        foreign(&one.column),
        foreign(&one.parent),
        words(&one.no())
    )
}

fn clock(name: &str, seconds: i64) -> String {
    let way = if seconds > 0 { "ahead of" } else { "behind" };
    let apart = span(seconds.unsigned_abs());
    format!(
        "the clock of “{}” is {apart} {way} this machine's; set the wrong one right",
        foreign(name)
    )
}

/// One sentence for all of them: a thief may have let in many, under whatever names.
fn strays(machines: &[Named]) -> String {
    /// More are told by their number.
    const TOLD: usize = 3;
    let (first, more) = machines.split_at(machines.len().min(TOLD));
    let mut told: Vec<String> =
        first.iter().map(|one| format!("“{}” ({})", foreign(&one.name), one.id)).collect();
    if !more.is_empty() {
        told.push(format!("{} more", more.len()));
    }
    let (are, them) = if machines.len() == 1 { ("is", "it") } else { ("are", "them") };
    format!(
        "{} {are} in the shop no more, since whoever let {them} in was forgotten; `dunlin partners let-in` lets in again whom you know by its id, `dunlin partners forget` forgets it for good",
        told.join(", ")
    )
}

fn words(text: &str) -> String {
    crate::cli::text::sentence(text)
}
