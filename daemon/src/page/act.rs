//! What a form does: asks the machine, leaves a note, and sends the browser back.
//!
//! Every form carries its visitor's token. Without it nothing is done, whoever sent it.

use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use dunlin_rpc::method::admin::AdminClient as _;
use dunlin_rpc::method::overview::OverviewClient as _;
use dunlin_rpc::wire::admin::Track;
use dunlin_rpc::{Code, Fault, Secret};
use jsonrpsee::core::client::Error;
use subtle::ConstantTimeEq as _;

use super::form::{self, Fields};
use super::notes::{Note, Once, Tone};
use super::visit::{self, LANGUAGE, THEME, Visit, see_other};
use super::words;

/// `POST /do/…`
pub(super) async fn act(visit: Visit, Path(what): Path<String>, body: Bytes) -> Response {
    let Ok(text) = std::str::from_utf8(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let form = Fields::read(text);
    if !carries(&form, &visit.visitor.token) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let back = form::back(form.get("back"));
    if what == "look" {
        return look(&form, &back);
    }
    match run(&visit, &what, &form).await {
        Ok(Some(Done { to, note })) => visit.back_with(to.as_deref().unwrap_or(&back), note),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => visit.refused(&back, &visit::fault(error)),
    }
}

/// Does the form carry the visitor's token? An empty one never fits.
fn carries(form: &Fields, token: &str) -> bool {
    !token.is_empty() && bool::from(form.get("token").as_bytes().ct_eq(token.as_bytes()))
}

/// What an action came to, and where its visitor goes then: back, unless said.
struct Done {
    to: Option<String>,
    note: Note,
}

fn good(text: String) -> Option<Done> {
    Some(Done { to: None, note: Note { tone: Tone::Good, text, once: None } })
}

fn good_at(to: &str, text: String) -> Option<Done> {
    Some(Done { to: Some(to.to_owned()), note: Note { tone: Tone::Good, text, once: None } })
}

fn bad(text: String) -> Option<Done> {
    Some(Done { to: None, note: Note { tone: Tone::Bad, text, once: None } })
}

fn missing(visit: &Visit) -> Error {
    Error::Call(Fault::new(Code::InvalidParams, visit.t.of("fault.incomplete")).into())
}

fn number(visit: &Visit, form: &Fields) -> Result<i64, Error> {
    form.get("number").parse().map_err(|_not| missing(visit))
}

async fn run(visit: &Visit, what: &str, form: &Fields) -> Result<Option<Done>, Error> {
    match what {
        "sync" | "ignore" | "notice" => partners(visit, what, form).await,
        "invite" | "join" => letting(visit, what, form).await,
        "restore" | "keep" | "retry" | "delete-held" | "track" => rows(visit, what, form).await,
        "log-level" => settings(visit, form).await,
        _ => Ok(None),
    }
}

async fn partners(visit: &Visit, what: &str, form: &Fields) -> Result<Option<Done>, Error> {
    let (t, inside) = (visit.t, &visit.inside);
    let target = || form.get("target").parse().map_err(|_not| missing(visit));
    Ok(match what {
        "sync" => {
            inside.sync_now(form.given("partner"), None).await?;
            good(t.of("said.sync").to_owned())
        }
        "ignore" => {
            inside.sightings_ignore(target()?).await?;
            good(t.of("said.ignored").to_owned())
        }
        _ => {
            inside.sightings_notice(target()?).await?;
            good(t.of("said.noticed").to_owned())
        }
    })
}

async fn letting(visit: &Visit, what: &str, form: &Fields) -> Result<Option<Done>, Error> {
    let (t, inside) = (visit.t, &visit.inside);
    if what == "join" {
        let token = form.given("invite").ok_or_else(|| missing(visit))?;
        let joined = inside.pairing_join(Secret(token)).await?;
        let by = words::foreign(&joined.by);
        return Ok(good_at("/", t.count_with("said.joined", joined.members, &[("name", &by)])));
    }
    let uses = form.get("uses").parse().ok();
    let minutes: Option<u64> = form.get("minutes").parse().ok();
    let made = inside.pairing_invite(uses, minutes.map(|minutes| minutes * 60), None).await?;
    let ends = words::clock(t, &made.expires);
    let about = t.count_with("let_in.made_about", u64::from(made.uses), &[("time", &ends)]);
    let once = Some(Once { secret: made.token.expose().clone(), about });
    let text = t.of("said.invited").to_owned();
    Ok(Some(Done { to: Some("/let-in".to_owned()), note: Note { tone: Tone::Good, text, once } }))
}

async fn rows(visit: &Visit, what: &str, form: &Fields) -> Result<Option<Done>, Error> {
    let (t, inside) = (visit.t, &visit.inside);
    Ok(match what {
        "restore" => {
            inside.conflicts_restore(number(visit, form)?).await?;
            good(t.of("said.restored").to_owned())
        }
        "keep" => {
            inside.conflicts_keep(number(visit, form)?).await?;
            good(t.of("said.kept").to_owned())
        }
        "retry" => {
            let number = form.get("number").parse().ok();
            let done = inside.held_retry(number).await?;
            if done.shown == 0 {
                bad(t.of("said.still_held").to_owned())
            } else {
                good(t.count("said.shown", done.shown))
            }
        }
        "delete-held" => {
            let number = number(visit, form)?;
            if form.get("confirm").trim() != form.get("table").trim()
                || form.get("table").is_empty()
            {
                let to = format!("/held/delete?number={number}");
                let text = t.of("said.confirm_differs").to_owned();
                let note = Note { tone: Tone::Bad, text, once: None };
                return Ok(Some(Done { to: Some(to), note }));
            }
            inside.held_delete(number).await?;
            good_at("/held", t.of("said.deleted").to_owned())
        }
        _ => track(visit, form).await?,
    })
}

async fn track(visit: &Visit, form: &Fields) -> Result<Option<Done>, Error> {
    let t = visit.t;
    let tables = form.all("table");
    if tables.is_empty() {
        return Ok(bad(t.of("said.no_table").to_owned()));
    }
    let done = visit.inside.tables_track(Track { tables, ..Track::default() }).await?;
    let count = done.tables.len() as u64;
    let mut text = t.count("said.tracked", count);
    for note in &done.notes {
        text.push(' ');
        text.push_str(&words::sentence(note));
    }
    Ok(good(text))
}

async fn settings(visit: &Visit, form: &Fields) -> Result<Option<Done>, Error> {
    let level = form.given("level").ok_or_else(|| missing(visit))?;
    visit.inside.settings_log_level(level).await?;
    Ok(good(visit.t.of("said.log_level").to_owned()))
}

/// Theme and language: cookies for a year, of taste and not of trust.
fn look(form: &Fields, back: &str) -> Response {
    const KEPT: &str = "Path=/; Max-Age=31536000; SameSite=Strict; HttpOnly";
    let mut response = see_other(back);
    let known = |name: &str, values: &[&'static str]| {
        values.iter().copied().find(|value| *value == form.get(name))
    };
    let theme = known("theme", &["auto", "light", "dark"]).map(|value| (THEME, value));
    let language = known("language", &["en", "de"]).map(|value| (LANGUAGE, value));
    for (name, value) in theme.into_iter().chain(language) {
        if let Ok(cookie) = HeaderValue::from_str(&format!("{name}={value}; {KEPT}")) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_without_its_visitors_token_does_nothing() {
        let form = Fields::read("token=abc&x=1");
        assert!(carries(&form, "abc"));
        assert!(!carries(&form, "abd"));
        assert!(!carries(&Fields::read("x=1"), "abc"));
        assert!(!carries(&Fields::read("token="), ""), "no token is drawn: nothing is taken");
    }

    #[test]
    fn only_themes_and_languages_that_we_know_become_cookies() {
        let cookies = |query: &str| {
            let response = look(&Fields::read(query), "/tables");
            assert_eq!(response.headers()[header::LOCATION], "/tables");
            response.headers().get_all(header::SET_COOKIE).iter().count()
        };
        assert_eq!(cookies("theme=dark&language=de"), 2);
        assert_eq!(cookies("theme=%0d%0aSet-Cookie&language=xx"), 0);
    }
}
