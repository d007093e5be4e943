//! The plain status page, until the Sync partners page takes its place: what this machine knows, to look at.
//!
//! No script, no form, nothing changes by looking. All text of other machines is escaped and cut.

use std::fmt::Write as _;

use axum::Router;
use axum::extract::{Extension, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use dunlin_logs::Chain;
use dunlin_rpc::wire::admin::Status;
use dunlin_rpc::{Caller, Near};
use tracing::warn;

use crate::machine::Machine;
use crate::service;

/// Text of other machines is cut here: it must not look like our own words.
const FOREIGN_MAX: usize = 64;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
color-scheme:light dark}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .8rem .3rem 0;\
border-bottom:1px solid #8884}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}code{font-size:.85em}\
h2{margin-top:2rem;font-size:1.1rem}ul{padding-left:1.2rem}.wide{overflow-x:auto}";

/// The pages of the admin listener.
pub(crate) fn router(machine: &Machine) -> Router {
    Router::new().route("/", get(show)).with_state(machine.clone())
}

async fn show(State(machine): State<Machine>, Extension(caller): Extension<Caller>) -> Response {
    if caller.near != Near::Ours {
        return (StatusCode::UNAUTHORIZED, "Open this page on the machine itself.\n")
            .into_response();
    }
    match service::status(&machine).await {
        Ok(status) => html(page(&status)),
        Err(error) => {
            warn!(cause = %Chain(&error), "page not shown");
            (StatusCode::SERVICE_UNAVAILABLE, "The machine cannot answer now; its log says why.\n")
                .into_response()
        }
    }
}

fn html(text: String) -> Response {
    let mut response = axum::response::Html(text).into_response();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn page(status: &Status) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = write!(
        text,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{name} – Dunlin</title><style>{STYLE}</style><h1>{name}</h1><p>Dunlin {version}, running since {started} UTC, \
         in a shop of {members}.</p>",
        name = escape(&status.machine.name),
        version = escape(&status.machine.version),
        started = escape(&status.started),
        members = count(status.machine.members, "machine"),
    );
    if !status.attention.is_empty() {
        text.push_str("<h2>Needs attention</h2><ul>");
        for sentence in &status.attention {
            let _ = write!(text, "<li>{}</li>", escape(sentence));
        }
        text.push_str("</ul>");
    }
    partners(&mut text, status);
    tables(&mut text, status);
    if !status.sightings.is_empty() {
        text.push_str("<h2>Found on the network</h2><ul>");
        for sighting in &status.sightings {
            let _ = write!(
                text,
                "<li>“{}” at {}</li>",
                foreign(&sighting.name),
                escape(&sighting.address)
            );
        }
        text.push_str("</ul>");
    }
    text.push_str("</html>");
    text
}

fn partners(text: &mut String, status: &Status) {
    text.push_str("<h2>Partners</h2>");
    if status.partners.is_empty() {
        text.push_str("<p>None yet. <code>dunlin invite</code> makes a token that lets another machine in.</p>");
        return;
    }
    text.push_str(
        "<div class=wide><table><tr><th>Machine<th>State<th>Address<th class=n>To receive<th class=n>To send<th>Last seen (UTC)</tr>",
    );
    for partner in &status.partners {
        let known =
            |rows: Option<u64>| rows.map_or_else(|| "–".to_owned(), |rows| rows.to_string());
        let _ = write!(
            text,
            "<tr><td>“{}”<td>{}{}<td>{}<td class=n>{}<td class=n>{}<td>{}</tr>",
            foreign(&partner.name),
            escape(&partner.state),
            partner.reason.as_ref().map_or_else(String::new, |reason| format!(
                "<br><small>{}</small>",
                escape(reason)
            )),
            escape(partner.address.as_deref().unwrap_or("–")),
            known(partner.waiting_in),
            known(partner.waiting_out),
            escape(partner.last_seen.as_deref().unwrap_or("–")),
        );
    }
    text.push_str("</table></div>");
}

fn tables(text: &mut String, status: &Status) {
    for database in &status.databases {
        let _ = write!(text, "<h2>Tables of {}</h2>", escape(&database.name));
        if database.tables.is_empty() {
            text.push_str("<p>None is tracked. <code>dunlin track --all</code> begins.</p>");
            continue;
        }
        text.push_str("<div class=wide><table><tr><th>Table<th class=n>Rows<th class=n>Held<th class=n>Conflicts<th>Digest</tr>");
        for table in &database.tables {
            let _ = write!(
                text,
                "<tr><td>{}<td class=n>{}<td class=n>{}<td class=n>{}<td><code>{}</code></tr>",
                foreign(&table.name),
                table.rows,
                table.held,
                table.conflicts,
                escape(table.digest.get(..12).unwrap_or_default()),
            );
        }
        text.push_str("</table></div>");
    }
}

fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Text that another machine or the application chose.
fn foreign(text: &str) -> String {
    escape(&dunlin_logs::strip(text, FOREIGN_MAX))
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use dunlin_rpc::wire::admin::{MachineStatus, PartnerStatus};

    #[test]
    fn names_of_other_machines_are_shown_as_text() {
        let evil = "<img src=x onerror=alert(1)>\"'\u{202e}";
        let status = Status {
            machine: MachineStatus {
                name: "till 1".into(),
                members: 2,
                ..MachineStatus::default()
            },
            partners: vec![PartnerStatus {
                name: evil.into(),
                state: "Up to date".into(),
                ..PartnerStatus::default()
            }],
            ..Status::default()
        };
        let page = page(&status);
        assert!(!page.contains("<img"), "{page}");
        assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"), "{page}");
        assert!(!page.contains('\u{202e}'));
    }
}
