//! One request of a visitor: who, in which language, and what goes back.

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dunlin_logs::Chain;
use dunlin_rpc::client::CallError;
use dunlin_rpc::wire::admin::Status;
use dunlin_rpc::{Caller, Code, Fault, Listener};
use jsonrpsee::core::client::Error as ClientError;
use tracing::warn;

use super::Front;
use super::form::{self, Fields};
use super::frame::{About, Frame, Place, Told};
use super::notes::{Note, Once, Tone};
use super::sign_in;
use super::texts::{Language, Texts};
use super::view::said;
use super::visitor::Visitor;
use super::words;
use crate::service::Inside;
use crate::users::Role;

/// The cookies of taste: no secrets, so they live without `Secure` on plain http.
pub(super) const THEME: &str = "dunlin_theme";
pub(super) const LANGUAGE: &str = "dunlin_language";

/// The name in a query under which a note's code travels.
const SAID: &str = "said";

/// A visitor's request.
pub(super) struct Visit {
    pub(super) front: Front,
    pub(super) visitor: Visitor,
    /// The methods, called as this visitor.
    pub(super) inside: Inside,
    pub(super) t: Texts,
    pub(super) query: Fields,
    theme: Option<&'static str>,
    path: String,
    note: Option<Note>,
}

impl FromRequestParts<Front> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, front: &Front) -> Result<Self, Response> {
        let caller = parts.extensions.get::<Caller>().cloned().unwrap_or_default();
        let uri = &parts.uri;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = form::back(path);
        let alone = Alone::of(&parts.headers);
        if is_from_elsewhere(&parts.headers) {
            return Err(html(StatusCode::OK, Elsewhere { alone }.render().unwrap_or_default()));
        }
        let visitor = match Visitor::of(front, &caller).await {
            Ok(Some(visitor)) => visitor,
            Ok(None) => {
                return Err(sign_in::page(front, &caller, alone, (StatusCode::UNAUTHORIZED, "")));
            }
            Err(fault) => return Err(sign_in::refused(front, &caller, alone, &fault)),
        };
        let query = Fields::read(uri.query().unwrap_or_default());
        let note = front.notes.read(visitor.key(), query.get(SAID));
        Ok(Self {
            inside: Inside { api: front.api.clone(), caller },
            t: alone.t,
            theme: alone.theme,
            front: front.clone(),
            visitor,
            query,
            path,
            note,
        })
    }
}

impl Visit {
    /// The frame of the page that was asked for.
    pub(super) fn frame(&self, place: Place, status: &Status) -> Frame {
        let note = self
            .note
            .as_ref()
            .map(|note| Told { class: note.tone.class(), text: note.text.clone() });
        let about = About {
            t: self.t,
            theme: self.theme,
            role: self.visitor.role,
            over_network: self.inside.caller.listener == Listener::Lan,
            user: self.visitor.user.clone().filter(|_| self.visitor.has_session),
            token: self.visitor.token.clone(),
            back: without_note(&self.path),
            note,
        };
        Frame::new(about, place, status)
    }

    /// For a page that stands alone.
    pub(super) fn alone(&self) -> Alone {
        Alone { t: self.t, theme: self.theme, mark: super::assets::mark() }
    }

    /// What is shown once, when the page was asked for with its code.
    pub(super) fn once(&self) -> Option<Once> {
        self.note.as_ref().and_then(|note| note.once.clone())
    }

    /// A page, or why there is none.
    pub(super) fn answer(&self, page: Result<impl Template, ClientError>) -> Response {
        let page = match page {
            Ok(page) => page,
            Err(error) => return self.trouble(error),
        };
        match page.render() {
            Ok(text) => html(StatusCode::OK, text),
            Err(cause) => {
                warn!(%cause, "page not shown");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    /// A page that says why there is no other.
    pub(super) fn trouble(&self, error: ClientError) -> Response {
        let fault = fault(error);
        let status = match fault.code {
            Code::NotSignedIn => StatusCode::UNAUTHORIZED,
            Code::NotAllowed => StatusCode::FORBIDDEN,
            Code::UnknownPartner => StatusCode::NOT_FOUND,
            code if code.is_passing() => StatusCode::SERVICE_UNAVAILABLE,
            Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        let alone = self.alone();
        let sign_in = matches!(fault.code, Code::NotSignedIn | Code::NotAllowed);
        let page = Trouble { alone, text: self.why(&fault), sign_in };
        html(status, page.render().unwrap_or_default())
    }

    /// Why there is no page, for whom no method of the page refuses: a question that only an admin can answer.
    pub(super) fn must_be_admin(&self) -> Option<Response> {
        let code = match (self.visitor.role, &self.visitor.user) {
            (Role::Admin, _) => return None,
            (_, Some(_)) => Code::NotAllowed,
            (_, None) => Code::NotSignedIn,
        };
        Some(self.trouble(ClientError::Call(Fault::new(code, "").into())))
    }

    /// A page that says that a form was not taken.
    pub(super) fn not_taken(&self, status: StatusCode) -> Response {
        let alone = Alone { t: self.t, theme: self.theme, mark: super::assets::mark() };
        alone.not_taken(status)
    }

    /// A fault in the visitor's language, where it is one that people meet.
    pub(super) fn why(&self, fault: &Fault) -> String {
        let t = self.t;
        match fault.code {
            Code::NotAllowed => t.of("fault.not_allowed").to_owned(),
            Code::Internal => t.of("fault.internal").to_owned(),
            Code::NotSignedIn => t.of("fault.not_signed_in").to_owned(),
            Code::UnknownPartner => t.of("fault.unknown_partner").to_owned(),
            code => said::known(t, &fault.message).unwrap_or_else(|| match code {
                Code::Busy => t.of("fault.busy").to_owned(),
                _ => words::sentence(&fault.message),
            }),
        }
    }

    /// Back to where the form stood, with a note.
    pub(super) fn back_with(&self, to: &str, note: Note) -> Response {
        let code = self.front.notes.leave(self.visitor.key(), note);
        see_other(&form::and(&without_note(&form::back(to)), SAID, &code))
    }

    /// Back, with why it was not.
    pub(super) fn refused(&self, to: &str, fault: &Fault) -> Response {
        self.back_with(to, Note { tone: Tone::Bad, text: self.why(fault), once: None })
    }
}

/// What a page needs that stands alone: nothing of the machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alone {
    pub(super) t: Texts,
    pub(super) theme: Option<&'static str>,
    pub(super) mark: &'static str,
}

impl Alone {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let t = Texts { language: language(headers) };
        Self { t, theme: theme(headers), mark: super::assets::mark() }
    }

    /// A page that says that a form was not taken, and leads back: without one a person would be
    /// shown the browser's own, which looks as if the machine were broken.
    pub(super) fn not_taken(self, status: StatusCode) -> Response {
        let text = self.t.of("fault.form").to_owned();
        let page = Trouble { alone: self, text, sign_in: false };
        html(status, page.render().unwrap_or_default())
    }
}

/// A page that says only why there is no other.
#[derive(Template)]
#[template(path = "trouble.html")]
struct Trouble {
    alone: Alone,
    text: String,
    /// Offers to sign in as somebody else.
    sign_in: bool,
}

/// A page that says nothing and leads on: the next step comes from us, with the cookie.
#[derive(Template)]
#[template(path = "elsewhere.html")]
struct Elsewhere {
    alone: Alone,
}

/// Whether a link of another site led here: the browser left our cookie out, and nothing on that
/// site may be taken for a wish of the person.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let sites = headers.get_all("sec-fetch-site");
    sites.iter().any(|site| site != "same-origin" && site != "none")
}

/// What a call came to, as a fault.
pub(super) fn fault(error: ClientError) -> Fault {
    match CallError::from(error) {
        CallError::Fault(fault) => fault,
        other => {
            warn!(cause = %Chain(&other), "page not shown");
            Fault::internal()
        }
    }
}

/// The path of a page without the code of an old note.
fn without_note(path: &str) -> String {
    let Some((path, query)) = path.split_once('?') else { return path.to_owned() };
    let is_note = |pair: &&str| pair.split('=').next() == Some(SAID);
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_note(pair)).collect();
    if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }
}

/// The answer to a form.
pub(super) fn see_other(to: &str) -> Response {
    let Ok(to) = HeaderValue::from_str(to) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

pub(super) fn html(status: StatusCode, text: String) -> Response {
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    let store = HeaderValue::from_static("no-store");
    (status, [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, store)], text).into_response()
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let sent = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = sent.flat_map(|sent| sent.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(known, _)| known.trim() == name).map(|(_, value)| value.trim())
}

fn language(headers: &HeaderMap) -> Language {
    let accepted = || {
        let header = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        Language::accepted(header.unwrap_or_default())
    };
    cookie(headers, LANGUAGE).and_then(Language::of).unwrap_or_else(accepted)
}

fn theme(headers: &HeaderMap) -> Option<&'static str> {
    match cookie(headers, THEME)? {
        "light" => Some("light"),
        "dark" => Some("dark"),
        _ => None,
    }
}
