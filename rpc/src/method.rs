//! The methods, one trait for each kind of caller. Their comments are the API's document.
//!
//! | trait | listener | callers |
//! | --- | --- | --- |
//! | `partner` | `/link` | member keys |
//! | `join` | `/join` | any key, while joining is open |
//! | `pair` | `/join` | any key, while pairing is open |
//! | `tables` | `/rpc`, the old paths | scripts: `getdata`, `putdata` |
//! | `pairing` | `/rpc`, the socket | the CLI and the page |
//! | `admin`, `shop`, `key` | `/rpc`, the socket | the CLI and scripts |
//! | `overview`, `settings` | `/rpc`, the socket | the page, the CLI and scripts |
//! | `access` | the same | the same: users and tokens |
//!
//! Each method is given the request's extensions: [`Peer`](crate::Peer) on a link,
//! [`Caller`](crate::Caller) on the others. What a method on `/rpc` asks of its caller stands in
//! [`METHODS`], and the [`Gate`](crate::Gate) is asked before it runs.

pub mod access;
pub mod admin;
pub mod join;
pub mod key;
pub mod overview;
pub mod pair;
pub mod pairing;
pub mod partner;
pub mod settings;
pub mod shop;
pub mod tables;

/// What a method on `/rpc` asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// The method judges by its own rule, since name and password may stand among its parameters.
    Own,
    /// To look.
    Read,
    /// And to change rows.
    Write,
    /// And everything else.
    Admin,
}

/// A method on `/rpc`, as the normalising layer knows it.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// Its parameters, by name and in order.
    pub params: &'static [&'static str],
    /// What its caller needs.
    pub right: Right,
}

const fn method(name: &'static str, params: &'static [&'static str], right: Right) -> Method {
    Method { name, params, right }
}

/// The methods on `/rpc`. What is not here is not served.
///
/// The normalising layer refuses a parameter that is not here, and a list longer than this; then it
/// asks the gate for the right. A test holds the table against the traits.
pub const METHODS: &[Method] = &[
    method("getdata", &["uuid", "username", "password", "timestamp", "cursor"], Right::Own),
    method("putdata", &["uuid", "username", "password", "nicedbdump"], Right::Own),
    method("machine_status", &[], Right::Read),
    method("partners_list", &[], Right::Read),
    method("tables_list", &[], Right::Read),
    method("tables_track", &["track"], Right::Admin),
    method("tables_untrack", &["tables", "database"], Right::Admin),
    method("history_list", &["partner", "since", "limit", "filter"], Right::Read),
    method("conflicts_list", &["limit"], Right::Read),
    method("conflicts_restore", &["number"], Right::Write),
    method("conflicts_keep", &["number"], Right::Write),
    method("held_list", &["limit"], Right::Read),
    method("held_retry", &["number"], Right::Write),
    method("held_accept", &["number"], Right::Write),
    method("held_keep", &["number"], Right::Write),
    method("sync_now", &["partner", "wait"], Right::Write),
    method("pairing_invite", &["uses", "expires_seconds", "role"], Right::Admin),
    method("pairing_join", &["token"], Right::Admin),
    method("key_show", &[], Right::Read),
    method("key_rotate", &[], Right::Admin),
    method("pairing_open", &[], Right::Admin),
    method("pairing_begin", &["target"], Right::Admin),
    method("pairing_state", &[], Right::Admin),
    method("pairing_confirm", &["digits"], Right::Admin),
    method("pairing_cancel", &[], Right::Admin),
    method("users_list", &[], Right::Admin),
    method("users_add", &["name", "role", "password", "old_caller"], Right::Admin),
    method("users_passwd", &["name", "password"], Right::Admin),
    method("users_role", &["name", "role", "password"], Right::Admin),
    method("users_remove", &["name"], Right::Admin),
    method("tables_compare", &[], Right::Read),
    method("tables_candidates", &[], Right::Read),
    method("history_hours", &["hours"], Right::Read),
    method("held_delete", &["number"], Right::Write),
    method("held_give", &["number", "values"], Right::Write),
    method("network_check", &[], Right::Read),
    method("sightings_ignore", &["id"], Right::Admin),
    method("sightings_notice", &["id"], Right::Admin),
    method("log_list", &["level", "limit"], Right::Admin),
    method("settings_show", &[], Right::Admin),
    method(
        "settings_set",
        &["log_level", "lan_listen", "lan_names", "new_certificate"],
        Right::Admin,
    ),
    method("settings_keep", &[], Right::Admin),
    method("settings_undo", &[], Right::Admin),
    method("support_bundle", &[], Right::Admin),
    method("partners_let_in", &["partner"], Right::Read),
    method("partners_forget", &["partner", "keep"], Right::Admin),
    method("partners_promote", &["partner"], Right::Admin),
    method("partners_let_in_again", &["partner", "role"], Right::Admin),
    method("partners_pause", &["partner"], Right::Admin),
    method("partners_resume", &["partner"], Right::Admin),
    method("shop_leave", &[], Right::Admin),
    method("shop_renew", &[], Right::Admin),
    method("tokens_create", &["name", "role", "expires_seconds", "from"], Right::Admin),
    method("tokens_list", &[], Right::Admin),
    method("tokens_revoke", &["name"], Right::Admin),
];
