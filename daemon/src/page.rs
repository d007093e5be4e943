//! The pages of the admin listeners: plain HTML that works without script.
//!
//! | path | who |
//! | --- | --- |
//! | `GET /` | whoever may look: this computer if it is trusted, or a user with the role read |
//! | `GET`, `POST /sign-in` | anybody whom the guard let pass |
//! | `POST /do/sign-out` | whoever has a session |
//! | `GET /first-password`, `POST /do/first-password` | this computer, while there is no admin |
//! | `GET /assets/page.css` | anybody whom the guard let pass |
//!
//! # Invariants
//!
//! * Nothing changes by a GET. Each form carries a token that only a page of ours can have made,
//!   and is answered by a redirect when something was done.
//! * All text of other machines, of rows and of callers is escaped; that of others is also cut.
//! * No style and no script stands in a page, so the policy that every answer bears allows none.

mod sign_in;
mod status;

use axum::Router;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use dunlin_logs::Chain;
use dunlin_rpc::{Caller, Code, Fault};
use tracing::warn;

use crate::machine::Machine;
use crate::service;
use crate::sign_in as door;

/// Text of other machines is cut here: it must not look like our own words.
const FOREIGN_MAX: usize = 64;

/// How the pages look.
const STYLE: &str = include_str!("page/style.css");

/// The pages of the admin listeners.
pub(crate) fn router(machine: &Machine) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/do/sign-out", post(sign_in::sign_out))
        .route("/first-password", get(sign_in::first_form))
        .route("/do/first-password", post(sign_in::first_password))
        .route("/assets/page.css", get(style))
        .with_state(machine.clone())
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

/// Who looks at a page.
struct Looker {
    /// The user's name, where one signed in.
    user: Option<String>,
    /// What the form that signs out carries, where there is a session.
    sign_out: Option<String>,
    /// Whether the first password can be set by whoever looks.
    may_begin: bool,
}

/// Who looks, if he may; what he is shown instead, if not.
async fn looker(machine: &Machine, caller: &Caller) -> Result<Looker, Response> {
    let may_begin = sign_in::may_begin(machine, caller);
    if let Some(who) = door::by_session(machine, caller) {
        let sign_out = door::session_id(machine, caller).map(door::session_form_token);
        return Ok(Looker { user: Some(who.name), sign_out, may_begin });
    }
    if service::trusted(machine, caller).is_some() {
        return Ok(Looker { user: None, sign_out: None, may_begin });
    }
    match door::by_head(machine, caller).await {
        Ok(Some(who)) if !who.old_caller => {
            let user = Some(who.name.trim_start().to_owned());
            Ok(Looker { user, sign_out: None, may_begin })
        }
        Ok(_) => Err(sign_in::page(machine, caller, StatusCode::UNAUTHORIZED, None)),
        Err(fault) => Err(refused(machine, caller, &fault)),
    }
}

/// The sign-in page with the sentence of a fault.
fn refused(machine: &Machine, caller: &Caller, fault: &Fault) -> Response {
    let status = match fault.code {
        Code::Busy => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    sign_in::page(machine, caller, status, Some(&fault.message))
}

async fn show(
    State(machine): State<Machine>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Response {
    if is_from_elsewhere(&headers) {
        return way_on();
    }
    let looker = match looker(&machine, &caller).await {
        Ok(looker) => looker,
        Err(instead) => return instead,
    };
    match service::status(&machine).await {
        Ok(status) => status::page(&status, &looker),
        Err(error) => {
            warn!(cause = %Chain(&error), "page not shown");
            let body = "<p>The machine cannot answer now; its log says why.</p>";
            html(StatusCode::SERVICE_UNAVAILABLE, "Dunlin", body)
        }
    }
}

/// Whether a link of another site led here: the browser left our cookie out, and nothing on that
/// site may be taken for a wish of the person.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let sites = headers.get_all("sec-fetch-site");
    sites.iter().any(|site| site != "same-origin" && site != "none")
}

/// A page that says nothing and leads on: the next step comes from us, with the cookie.
fn way_on() -> Response {
    let body =
        "<p>A link on another site led here.</p><p><a href=\"/\">Go on to this machine</a></p>";
    html(StatusCode::OK, "Dunlin", body)
}

/// A whole page.
fn html(status: StatusCode, title: &str, body: &str) -> Response {
    let title = escape(title);
    let text = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <link rel=\"stylesheet\" href=\"/assets/page.css\">{body}</html>"
    );
    (status, axum::response::Html(text)).into_response()
}

/// On to a page, after something was done.
fn see(path: &'static str, cookie: Option<&str>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(path));
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(cookie).ok()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
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
