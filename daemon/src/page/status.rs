//! The plain status page, until the Sync partners page takes its place: what this machine knows, to look at.

use std::fmt::Write as _;

use axum::http::StatusCode;
use axum::response::Response;
use dunlin_rpc::wire::admin::Status;

use super::{Looker, escape, foreign, html};

/// The page.
pub(super) fn page(status: &Status, looker: &Looker) -> Response {
    let title = format!("{} – Dunlin", status.machine.name);
    html(StatusCode::OK, &title, &body(status, looker))
}

fn body(status: &Status, looker: &Looker) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = write!(
        text,
        "<h1>{name}</h1><p>Dunlin {version}, running since {started} UTC, in a shop of {members}.</p>",
        name = escape(&status.machine.name),
        version = escape(&status.machine.version),
        started = escape(&status.started),
        members = count(status.machine.members, "machine"),
    );
    who(&mut text, looker);
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
    if !status.doors.is_empty() {
        text.push_str("<h2>Open to the network</h2><ul>");
        for sentence in &status.doors {
            let _ = write!(text, "<li>{}</li>", escape(sentence));
        }
        text.push_str("</ul>");
    }
    wrong_passwords(&mut text, status);
    text
}

/// Who is looking, and the way out.
fn who(text: &mut String, looker: &Looker) {
    match (&looker.user, &looker.sign_out) {
        (Some(user), Some(token)) => {
            let _ = write!(
                text,
                "<form method=\"post\" action=\"/do/sign-out\"><input type=\"hidden\" name=\"token\" value=\"{}\">\
                 <p>Signed in as “{}”. <button>Sign out</button></p></form>",
                escape(token),
                foreign(user),
            );
        }
        (Some(user), None) => {
            let _ = write!(text, "<p>Signed in as “{}”.</p>", foreign(user));
        }
        (None, _) => {}
    }
    if looker.may_begin {
        text.push_str(
            "<p>There is no admin yet. <a href=\"/first-password\">Set the first password</a></p>",
        );
    }
}

fn wrong_passwords(text: &mut String, status: &Status) {
    if status.sign_ins.is_empty() {
        return;
    }
    text.push_str(
        "<h2>Wrong passwords of the last day</h2><div class=wide><table><tr><th>From<th>User<th class=n>Wrong\
         <th class=n>Next try in</tr>",
    );
    for entry in &status.sign_ins {
        let _ = write!(
            text,
            "<tr><td>{}<td>{}<td class=n>{}<td class=n>{} s</tr>",
            escape(&entry.address),
            entry.user.as_deref().map_or_else(|| "nobody’s name".to_owned(), foreign),
            entry.wrong,
            entry.wait_seconds,
        );
    }
    text.push_str("</table></div>");
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
        let nobody = Looker { user: None, sign_out: None, may_begin: false };
        let page = body(&status, &nobody);
        assert!(!page.contains("<img"), "{page}");
        assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"), "{page}");
        assert!(!page.contains('\u{202e}'));
    }
}
