//! The lists of users, tokens and wrong passwords.

use chrono::NaiveDateTime;
use dunlin_rpc::wire::access::{SignInEntry, TokenEntry, UserEntry};

use super::table::{Grid, Tone};
use crate::cli::output::Look;
use crate::cli::text::{foreign, from_now, number, span};

/// The users.
pub fn users(users: &[UserEntry], look: Look) -> String {
    if users.is_empty() {
        return "There is no user; `dunlin users add NAME --role write` makes one.\n".into();
    }
    let mut grid = Grid::new(&["Name", "Role"], look);
    for user in users {
        let role = foreign(&user.role);
        let role = if user.old_caller { format!("{role}, old programs only") } else { role };
        grid.row([foreign(&user.name).into(), role.into()]);
    }
    grid.text()
}

/// The tokens.
pub fn tokens(tokens: &[TokenEntry], look: Look, now: NaiveDateTime) -> String {
    if tokens.is_empty() {
        return "There is no token; `dunlin tokens create NAME --role write` makes one.\n".into();
    }
    let headings = ["Name", "Id", "Role", "Made", "Ends", "From", "Last used"];
    let mut grid = Grid::new(&headings, look);
    for token in tokens {
        let or = |time: &Option<String>, none: &str| {
            time.as_deref().map_or_else(|| none.to_owned(), |time| from_now(time, now))
        };
        let tone = if token.expired { Tone::Bad } else { Tone::Good };
        let ends = grid.toned(&or(&token.expires, "when revoked"), tone);
        grid.row([
            foreign(&token.name).into(),
            foreign(&token.id).into(),
            foreign(&token.role).into(),
            from_now(&token.made, now).into(),
            ends,
            token.from.as_deref().map_or_else(|| "anywhere".to_owned(), foreign).into(),
            or(&token.last_used, "never").into(),
        ]);
    }
    grid.text()
}

/// Wrong passwords, by address and user.
pub fn sign_ins(entries: &[SignInEntry], look: Look) -> String {
    let mut grid = Grid::new(&["From", "User", ">Wrong", "Next try"], look);
    for entry in entries {
        let user = entry.user.as_deref().map_or_else(|| "nobody's name".to_owned(), foreign);
        let next = match entry.wait_seconds {
            0 => "now".to_owned(),
            seconds => format!("in {}", span(seconds)),
        };
        grid.row([
            foreign(&entry.address).into(),
            user.into(),
            number(u64::from(entry.wrong)).into(),
            next.into(),
        ]);
    }
    grid.text()
}
