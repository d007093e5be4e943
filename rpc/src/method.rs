//! The methods, one trait for each kind of caller. Their comments are the API's document.
//!
//! | trait | listener | callers |
//! | --- | --- | --- |
//! | `partner` | `/link` | member keys |
//! | `join` | `/join` | any key, while joining is open |
//! | `pair` | `/join` | any key, while pairing is open |
//! | `tables` | `/rpc`, the old paths | scripts: `getdata`, `putdata` |
//! | `admin` | `/rpc`, the socket | the CLI and scripts |
//!
//! Each method is given the request's extensions: [`Peer`](crate::Peer) on a link,
//! `server::Caller` on the others, and judges itself who may call it.

pub mod admin;
pub mod join;
pub mod pair;
pub mod partner;
pub mod tables;

/// The parameters of the methods on `/rpc`, by name and in order.
///
/// The normalising layer refuses a member that is not here, and a list longer than this. A test
/// holds the table against the traits.
pub const PARAMS: &[(&str, &[&str])] = &[
    ("getdata", &["uuid", "username", "password", "timestamp", "cursor"]),
    ("putdata", &["uuid", "username", "password", "nicedbdump"]),
    ("machine_status", &[]),
    ("partners_list", &[]),
    ("tables_list", &[]),
    ("tables_track", &["track"]),
    ("history_list", &["partner", "since", "limit"]),
    ("conflicts_list", &["limit"]),
    ("conflicts_restore", &["number"]),
    ("conflicts_keep", &["number"]),
    ("held_list", &["limit"]),
    ("held_retry", &["number"]),
    ("sync_now", &["partner", "wait"]),
    ("pairing_invite", &["uses", "expires_seconds"]),
    ("pairing_join", &["token"]),
    ("users_list", &[]),
    ("users_add", &["name", "role", "password"]),
    ("users_passwd", &["name", "password"]),
    ("users_remove", &["name"]),
];

/// The names of a method's parameters; `None` for a method that is not in the table.
pub fn params_of(method: &str) -> Option<&'static [&'static str]> {
    PARAMS.iter().find(|(name, _)| *name == method).map(|(_, params)| *params)
}
