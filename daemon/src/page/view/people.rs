//! Users and tokens, and wrong passwords.

use askama::Template;
use chrono::NaiveDateTime;
use dunlin_rpc::wire::access::{SignInEntry, TokenEntry, UserEntry};
use dunlin_rpc::wire::admin::Status;

use super::said;
use crate::page::frame::{Choice, Frame};
use crate::page::notes::Once;
use crate::page::texts::Texts;
use crate::page::words;

/// The page.
#[derive(Debug, Template)]
#[template(path = "people.html")]
pub(in crate::page) struct People {
    frame: Frame,
    users: Vec<User>,
    tokens: Vec<Token>,
    made: Option<Once>,
    wrong: Vec<(String, String)>,
    /// The roles, for somebody new.
    roles: Vec<Choice>,
    /// This computer may set the first password.
    may_begin: bool,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
struct User {
    /// As it is, to be sent back.
    exact: String,
    name: String,
    role: &'static str,
    /// A program of 2009.
    old: bool,
    roles: Vec<Choice>,
    /// A line elsewhere led to this one.
    is_open: bool,
    /// Whoever looks is this one.
    own: bool,
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    id: String,
    name: String,
    role: &'static str,
    made: String,
    expires: String,
    /// It ended already.
    over: bool,
    used: String,
    from: String,
}

/// The page.
pub(in crate::page) fn page(
    frame: Frame,
    (users, tokens, open): (&[UserEntry], &[TokenEntry], Option<&str>),
    status: &Status,
    (made, may_begin): (Option<Once>, bool),
    now: NaiveDateTime,
) -> People {
    let t = frame.t;
    let own = frame.user.clone();
    let user = |user: &UserEntry| User {
        exact: user.name.clone(),
        name: words::foreign(&user.name),
        role: role(t, &user.role),
        old: user.old_caller,
        roles: roles(t, &user.role),
        is_open: open == Some(user.name.as_str()),
        own: own.as_deref() == Some(words::foreign(&user.name).as_str()),
    };
    People {
        users: users.iter().map(user).collect(),
        tokens: tokens.iter().map(|one| token(t, one, now)).collect(),
        wrong: status.sign_ins.iter().map(|one| wrong(t, one)).collect(),
        roles: roles(t, "read"),
        made,
        may_begin,
        frame,
    }
}

fn role(t: Texts, role: &str) -> &'static str {
    match role {
        "admin" => t.of("role.admin"),
        "write" => t.of("role.write"),
        _ => t.of("role.read"),
    }
}

fn roles(t: Texts, now: &str) -> Vec<Choice> {
    let choice = |value: &str| Choice {
        value: value.to_owned(),
        word: role(t, value).to_owned(),
        current: value == now,
    };
    ["read", "write", "admin"].map(choice).into()
}

fn token(t: Texts, entry: &TokenEntry, now: NaiveDateTime) -> Token {
    let expires = match &entry.expires {
        None => t.of("token.never").to_owned(),
        Some(_) if entry.expired => t.of("token.over").to_owned(),
        Some(expires) => words::ago(t, expires, now),
    };
    let used = entry.last_used.as_deref();
    Token {
        id: entry.id.clone(),
        name: words::foreign(&entry.name),
        role: role(t, &entry.role),
        made: words::ago(t, &entry.made, now),
        expires,
        over: entry.expired,
        used: used.map_or_else(|| t.of("token.unused").to_owned(), |used| words::ago(t, used, now)),
        from: entry
            .from
            .as_deref()
            .map_or_else(|| t.of("token.anywhere").to_owned(), words::foreign),
    }
}

/// From where, and how often.
fn wrong(t: Texts, entry: &SignInEntry) -> (String, String) {
    let user = entry.user.as_deref().map(words::foreign);
    let who = user.unwrap_or_else(|| t.of("people.nobody").to_owned());
    let address = said::place(t, &entry.address);
    let count = t.count_with("people.wrong", u64::from(entry.wrong), &[("user", &who)]);
    (address, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::texts::Language;

    const T: Texts = Texts { language: Language::English };

    #[test]
    fn a_token_says_when_it_ends_and_whether_it_was_used() {
        let now = words::time("2026-11-20 12:00:00").unwrap();
        let entry = TokenEntry { made: "2026-11-20 11:00:00".into(), ..TokenEntry::default() };
        let shown = token(T, &entry, now);
        assert_eq!((shown.expires.as_str(), shown.used.as_str()), ("never", "never"));
        let used = TokenEntry {
            expires: Some("2026-11-22 12:00:00".into()),
            last_used: Some("2026-11-20 11:59:00".into()),
            ..entry.clone()
        };
        let shown = token(T, &used, now);
        assert_eq!((shown.expires.as_str(), shown.used.as_str()), ("in 2 days", "1 minute ago"));
        let over =
            TokenEntry { expired: true, expires: Some("2026-11-20 11:00:00".into()), ..entry };
        assert_eq!(token(T, &over, now).expires, T.of("token.over"));
    }

    #[test]
    fn names_that_are_nobodys_are_not_told() {
        let entry = SignInEntry { address: "10.0.0.9".into(), wrong: 3, ..SignInEntry::default() };
        assert_eq!(
            wrong(T, &entry),
            ("10.0.0.9".to_owned(), "3 wrong passwords for names that nobody has".to_owned())
        );
    }
}
