//! What needs a person, in words for the command line.

use dunlin_rpc::wire::overview::Attention;

use crate::cli::text::{count, foreign, span};

/// What it is, and what to do: one line.
pub(super) fn sentence(attention: &Attention) -> String {
    match attention {
        Attention::Copied { reason } => format!("this machine: {}", words(reason)),
        Attention::Partner { name, state, reason, .. } => {
            let why = if reason.is_empty() { foreign(state) } else { words(reason) };
            format!("partner “{}”: {why}", foreign(name))
        }
        Attention::Clock { name, seconds, .. } => {
            let way = if *seconds > 0 { "ahead of" } else { "behind" };
            let apart = span(seconds.unsigned_abs());
            format!(
                "the clock of “{}” is {apart} {way} this machine's; set the wrong one right",
                foreign(name)
            )
        }
        Attention::Held { table, rows } => {
            format!("{}: {} held; see `dunlin held`", foreign(table), count(*rows, "row is", "rows are"))
        }
        Attention::Schema { rows } => format!(
            "{} for a table or column that the application here does not have; update it here too",
            count(*rows, "row waits", "rows wait")
        ),
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
        Attention::Other { text } => words(text),
    }
}

fn words(text: &str) -> String {
    crate::cli::text::sentence(text)
}
