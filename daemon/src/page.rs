//! The Sync partners page: where people see how the machines stand, and press what mends it.
//!
//! ```text
//!   browser ─GET──► show ─► Inside: the methods of /rpc, as this visitor ─► view ─► template
//!           ─POST─► act  ─► Inside ─► a note ─► 303 back
//!           ◄─SSE── events: "something moved"; the page is fetched again
//! ```
//!
//! Who may what stands in `docs/routes.md`, and a test walks it.
//!
//! # Invariants
//!
//! * The page is a client of the same methods as scripts, through the same gate: it can do no more
//!   than its visitor may.
//! * Nothing changes by GET. A form carries the visitor's token, which no other site can know.
//! * Text of other machines and of rows is cut, freed of what does not print, and escaped; nothing is
//!   ever marked as safe. What a query says is never shown.
//! * It works without its script, but for live updates. Nothing is loaded from elsewhere.

mod act;
mod assets;
mod events;
mod form;
mod frame;
mod metrics;
mod notes;
mod show;
mod sign_in;
mod texts;
mod view;
mod visit;
mod visitor;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use dunlin_rpc::dialect::Api;

use crate::machine::Machine;

/// What all requests share.
#[derive(Clone, Debug)]
struct Front {
    machine: Machine,
    api: Api,
    notes: Arc<notes::Notes>,
    streams: events::Streams,
    /// What the forms of a person at the machine itself carry; drawn at each start.
    local_token: String,
}

/// The pages of the admin listeners; the server gives every answer its security headers.
pub(crate) fn router(machine: &Machine, api: &Api) -> Router {
    let front = Front {
        machine: machine.clone(),
        api: api.clone(),
        notes: Arc::default(),
        streams: events::Streams::default(),
        local_token: random_hex(),
    };
    pages()
        .merge(actions())
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/do/sign-out", post(sign_in::sign_out))
        .route("/first-password", get(sign_in::first_form))
        .route("/do/first-password", post(sign_in::first_password))
        .route("/assets/style.css", get(assets::style))
        .route("/assets/live.js", get(assets::live))
        .route("/assets/stream.js", get(assets::stream))
        .route("/assets/dunlin.svg", get(assets::bird))
        .layer(DefaultBodyLimit::max(form::FORM_BYTES_MAX))
        .with_state(front)
}

/// What is looked at.
fn pages() -> Router<Front> {
    Router::new()
        .route("/", get(show::partners))
        .route("/tables", get(show::tables))
        .route("/history", get(show::history))
        .route("/history.csv", get(show::history_csv))
        .route("/history.json", get(show::history_json))
        .route("/conflicts", get(show::conflicts))
        .route("/held", get(show::held))
        .route("/held/delete", get(show::held_delete))
        .route("/held/give", get(show::held_give))
        .route("/held/accept", get(show::held_accept))
        .route("/let-in", get(show::let_in))
        .route("/join-shop", get(show::join))
        .route("/pair", get(show::pair))
        .route("/unseen", get(show::unseen))
        .route("/forget", get(show::forget))
        .route("/untrack", get(show::untrack))
        .route("/people", get(show::people))
        .route("/settings", get(show::settings))
        .route("/log", get(show::log))
        .route("/rotate-key", get(show::rotate_key))
        .route("/about", get(show::about))
        .route("/bundle.json", get(show::bundle))
        .route("/metrics", get(metrics::metrics))
        .route("/events", get(events::events))
}

/// What forms do. Each method asks its own right.
fn actions() -> Router<Front> {
    Router::new()
        .route("/do/look", post(act::look))
        .route("/do/sync", post(act::partners))
        .route("/do/pause", post(act::partners))
        .route("/do/resume", post(act::partners))
        .route("/do/ignore", post(act::partners))
        .route("/do/notice", post(act::partners))
        .route("/do/forget", post(act::shop))
        .route("/do/promote", post(act::shop))
        .route("/do/let-in-again", post(act::shop))
        .route("/do/leave", post(act::shop))
        .route("/do/invite", post(act::letting))
        .route("/do/join", post(act::letting))
        .route("/do/pair", post(act::pairing))
        .route("/do/pairing-open", post(act::pairing))
        .route("/do/pairing-confirm", post(act::pairing))
        .route("/do/pairing-cancel", post(act::pairing))
        .route("/do/restore", post(act::rows))
        .route("/do/keep", post(act::rows))
        .route("/do/retry", post(act::rows))
        .route("/do/delete-held", post(act::rows))
        .route("/do/give-held", post(act::rows))
        .route("/do/accept", post(act::rows))
        .route("/do/accept-all", post(act::rows))
        .route("/do/keep-row", post(act::rows))
        .route("/do/keep-all", post(act::rows))
        .route("/do/track", post(act::rows))
        .route("/do/untrack", post(act::rows))
        .route("/do/user-add", post(act::people))
        .route("/do/user-password", post(act::people))
        .route("/do/user-role", post(act::people))
        .route("/do/user-remove", post(act::people))
        .route("/do/token-create", post(act::people))
        .route("/do/token-revoke", post(act::people))
        .route("/do/rotate-key", post(act::rotate_key))
        .route("/do/log-level", post(act::settings))
        .route("/do/settings-network", post(act::settings))
        .route("/do/settings-close", post(act::settings))
        .route("/do/settings-certificate", post(act::settings))
        .route("/do/settings-keep", post(act::settings))
        .route("/do/settings-undo", post(act::settings))
}

/// 128 bits that nobody can guess.
fn random_hex() -> String {
    let mut bytes = [0; 16];
    if let Err(cause) = getrandom::fill(&mut bytes) {
        // Without randomness no form is taken: an empty token never fits.
        tracing::error!(%cause, "no randomness from the system");
        return String::new();
    }
    data_encoding::HEXLOWER.encode(&bytes)
}
