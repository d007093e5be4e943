//! What a form does: asks the machine, leaves a note, and sends the browser back.
//!
//! Every form carries its visitor's token. Without it nothing is done, whoever sent it.

mod people;
mod settings;
mod shop;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts as _};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use axum::response::Response;
use dunlin_rpc::method::admin::AdminClient as _;
use dunlin_rpc::method::key::KeyClient as _;
use dunlin_rpc::method::overview::OverviewClient as _;
use dunlin_rpc::method::shop::ShopClient as _;
use dunlin_rpc::wire::admin::Track;
use dunlin_rpc::{Code, Fault};
use jsonrpsee::core::client::Error;
use subtle::ConstantTimeEq as _;

use super::Front;
use super::form::{self, Fields};
use super::notes::{Note, Once, Tone};
use super::show::EXPORTED;
use super::view;
use super::visit::{self, LANGUAGE, THEME, Visit, see_other};
use super::words;

pub(super) use people::people;
pub(super) use settings::settings;
pub(super) use shop::{letting, pairing, shop};

/// A form that its visitor filled in.
pub(super) struct Filled {
    visit: Visit,
    /// What stands behind `/do/`.
    what: String,
    fields: Fields,
    back: String,
}

impl FromRequest<Front> for Filled {
    type Rejection = Response;

    async fn from_request(request: Request<Body>, front: &Front) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, front).await?;
        let refuse = |status: StatusCode| visit.not_taken(status);
        if !is_form(&parts.headers) {
            return Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let what = parts.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
        let request = Request::from_parts(parts, body);
        let body = Bytes::from_request(request, front).await;
        let body = body.map_err(|_long| refuse(StatusCode::PAYLOAD_TOO_LARGE))?;
        let text = std::str::from_utf8(&body).map_err(|_utf8| refuse(StatusCode::BAD_REQUEST))?;
        let fields = Fields::read(text);
        if !carries(&fields, &visit.visitor.token) {
            return Err(refuse(StatusCode::FORBIDDEN));
        }
        let back = form::back(fields.get("back"));
        Ok(Self { visit, what, fields, back })
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
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

impl Done {
    fn good(text: impl Into<String>) -> Self {
        Self { to: None, note: Note { tone: Tone::Good, text: text.into(), once: None } }
    }

    fn bad(text: impl Into<String>) -> Self {
        Self { to: None, note: Note { tone: Tone::Bad, text: text.into(), once: None } }
    }

    /// And on to another page.
    fn at(mut self, to: impl Into<String>) -> Self {
        self.to = Some(to.into());
        self
    }

    /// With something to be shown once.
    fn showing(mut self, secret: String, about: String) -> Self {
        self.note.once = Some(Once { secret, about });
        self
    }
}

impl Filled {
    /// Back to where the form stood, or where what was done leads.
    fn answer(&self, done: Result<Done, Error>) -> Response {
        match done {
            Ok(Done { to, note }) => {
                self.visit.back_with(to.as_deref().unwrap_or(&self.back), note)
            }
            Err(error) => self.visit.refused(&self.back, &visit::fault(error)),
        }
    }

    fn missing(&self) -> Error {
        Error::Call(Fault::new(Code::InvalidParams, self.visit.t.of("fault.incomplete")).into())
    }

    fn given(&self, name: &str) -> Result<String, Error> {
        self.fields.given(name).ok_or_else(|| self.missing())
    }

    fn number(&self) -> Result<i64, Error> {
        self.fields.get("number").parse().map_err(|_not| self.missing())
    }

    /// Did the person type this name, as it was shown?
    fn confirms(&self, name: &str) -> bool {
        let typed = self.fields.get("confirm").trim();
        !typed.is_empty() && typed == words::foreign(name)
    }
}

/// Syncing, pausing; machines found on the network.
pub(super) async fn partners(form: Filled) -> Response {
    let (t, inside) = (form.visit.t, &form.visit.inside);
    let done = async {
        let partner = form.fields.given("partner");
        let target = || form.fields.get("target").parse().map_err(|_not| form.missing());
        Ok(match form.what.as_str() {
            "pause" => {
                let all = partner.is_none();
                inside.partners_pause(partner).await?;
                Done::good(if all { t.of("said.paused_all") } else { t.of("said.paused") })
            }
            "resume" => {
                inside.partners_resume(partner).await?;
                Done::good(t.of("said.resumed"))
            }
            "ignore" => {
                inside.sightings_ignore(target()?).await?;
                Done::good(t.of("said.ignored"))
            }
            "notice" => {
                inside.sightings_notice(target()?).await?;
                Done::good(t.of("said.noticed"))
            }
            _ => {
                inside.sync_now(partner, None).await?;
                Done::good(t.of("said.sync"))
            }
        })
    };
    form.answer(done.await)
}

/// Conflicts, held rows, tables.
pub(super) async fn rows(form: Filled) -> Response {
    let (t, inside) = (form.visit.t, &form.visit.inside);
    let done = async {
        Ok(match form.what.as_str() {
            "restore" => {
                inside.conflicts_restore(form.number()?).await?;
                Done::good(t.of("said.restored"))
            }
            "keep" => {
                inside.conflicts_keep(form.number()?).await?;
                Done::good(t.of("said.kept"))
            }
            "retry" => {
                let done = inside.held_retry(form.fields.get("number").parse().ok()).await?;
                match done.shown {
                    0 => Done::bad(t.of("said.still_held")),
                    shown => Done::good(t.count("said.shown", shown)),
                }
            }
            "accept" => {
                let done = inside.held_accept(Some(form.number()?)).await?;
                Done::good(t.count("said.accepted", done.rows))
            }
            "keep-row" => {
                let done = inside.held_keep(Some(form.number()?)).await?;
                Done::good(t.count("said.kept_row", done.rows))
            }
            "keep-all" => {
                let done = inside.held_keep(None).await?;
                Done::good(t.count("said.kept_row", done.rows))
            }
            "accept-all" => {
                let done = inside.held_accept(None).await?;
                Done::good(t.count("said.accepted", done.rows))
            }
            "delete-held" => {
                let number = form.number()?;
                if !form.confirms(&form.given("table")?) {
                    let question = format!("/held/delete?number={number}");
                    return Ok(Done::bad(t.of("said.confirm_differs")).at(question));
                }
                inside.held_delete(number).await?;
                Done::good(t.of("said.deleted")).at("/held")
            }
            "give-held" => give(&form).await?,
            "untrack" => untrack(&form).await?,
            _ => track(&form).await?,
        })
    };
    form.answer(done.await)
}

async fn give(form: &Filled) -> Result<Done, Error> {
    let (t, inside, number) = (form.visit.t, &form.visit.inside, form.number()?);
    let rows = inside.held_list(Some(EXPORTED)).await?;
    let Some(row) = rows.iter().find(|row| row.number == number) else {
        return Ok(Done::good(t.of("said.not_held")).at("/held"));
    };
    let field = |name: &str| form.fields.has(name).then(|| form.fields.get(name).to_owned());
    let values = view::held::changed(row, field);
    let question = format!("/held/give?number={number}");
    if values.is_empty() {
        return Ok(Done::bad(t.of("said.nothing_given")).at(question));
    }
    inside.held_give(number, values).await?;
    Ok(Done::good(t.of("said.given")).at("/held"))
}

async fn untrack(form: &Filled) -> Result<Done, Error> {
    let t = form.visit.t;
    let tables = form.fields.all("table");
    if tables.is_empty() {
        return Ok(Done::bad(t.of("said.no_table")).at("/tables"));
    }
    let done = form.visit.inside.tables_untrack(tables, form.fields.given("database")).await?;
    let text = t.count("said.untracked", done.tables.len() as u64);
    Ok(Done::good(text).at("/tables"))
}

async fn track(form: &Filled) -> Result<Done, Error> {
    let t = form.visit.t;
    let tables = form.fields.all("table");
    if tables.is_empty() {
        return Ok(Done::bad(t.of("said.no_table")));
    }
    let (references, no_references) =
        (form.fields.all("reference"), form.fields.all("no_reference"));
    let is_answer = !references.is_empty() || !no_references.is_empty();
    let track = Track { tables, references, no_references, ..Track::default() };
    let done = form.visit.inside.tables_track(track).await?;
    let mut text = if is_answer && done.tables.is_empty() {
        t.of("said.answered").to_owned()
    } else {
        t.count("said.tracked", done.tables.len() as u64)
    };
    for note in &done.notes {
        text.push(' ');
        text.push_str(&view::said::sentence(t, note));
    }
    Ok(Done::good(text))
}

/// A new key for this machine.
pub(super) async fn rotate_key(form: Filled) -> Response {
    let done = async {
        let rotated = form.visit.inside.key_rotate().await?;
        Ok(Done::good(view::rotate::done(form.visit.t, &rotated)).at("/about"))
    };
    form.answer(done.await)
}

/// Theme and language: cookies for a year, of taste and not of trust.
pub(super) async fn look(form: Filled) -> Response {
    liked(&form.fields, &form.back)
}

fn liked(fields: &Fields, back: &str) -> Response {
    const KEPT: &str = "Path=/; Max-Age=31536000; SameSite=Strict; HttpOnly";
    let mut response = see_other(back);
    let known = |name: &str, values: &[&'static str]| {
        values.iter().copied().find(|value| *value == fields.get(name))
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
            let response = liked(&Fields::read(query), "/tables");
            assert_eq!(response.headers()[header::LOCATION], "/tables");
            response.headers().get_all(header::SET_COOKIE).iter().count()
        };
        assert_eq!(cookies("theme=dark&language=de"), 2);
        assert_eq!(cookies("theme=%0d%0aSet-Cookie&language=xx"), 0);
    }
}
