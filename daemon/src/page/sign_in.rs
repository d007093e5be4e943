//! Signing in and out, and the first password.

use std::collections::BTreeMap;

use askama::Template;
use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use dunlin_logs::Chain;
use dunlin_rpc::{Caller, Code, Fault, Listener, Near, server};
use dunlin_schema::Clock as _;
use tracing::{info, warn};

use super::Front;
use super::view::said;
use super::visit::{Alone, html, see_other};
use crate::machine::Machine;
use crate::sessions::{clear_cookie, set_cookie};
use crate::sign_in as door;
use crate::users;

/// The largest form: a name and a password, twice.
const FORM_BYTES_MAX: usize = 1024;

/// What a sign-in form is made for.
const SIGN_IN: &str = "sign in";

/// And the form of the first password.
const BEGIN: &str = "first password";

/// A page with one form, and nothing of the machine around it.
#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    alone: Alone,
    token: String,
    said: &'static str,
    may_begin: bool,
}

#[derive(Template)]
#[template(path = "first_password.html")]
struct FirstPassword {
    alone: Alone,
    token: String,
    said: String,
    explain: String,
}

/// The form, as a page.
pub(super) fn page(
    front: &Front,
    caller: &Caller,
    alone: Alone,
    (status, said): (StatusCode, &'static str),
) -> Response {
    let machine = &front.machine;
    let token = machine.desk.form_token(SIGN_IN, machine.clock.elapsed());
    let page = SignIn { alone, token, said, may_begin: may_begin(machine, caller) };
    html(status, page.render().unwrap_or_default())
}

/// `GET /sign-in`.
pub(super) async fn form(
    State(front): State<Front>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Response {
    page(&front, &caller, Alone::of(&headers), (StatusCode::OK, ""))
}

/// The sign-in page after a fault.
pub(super) fn refused(front: &Front, caller: &Caller, alone: Alone, fault: &Fault) -> Response {
    let t = alone.t;
    let said = match fault.code {
        Code::Busy => (StatusCode::TOO_MANY_REQUESTS, t.of("sign_in.slow")),
        _ => (StatusCode::SERVICE_UNAVAILABLE, t.of("fault.internal")),
    };
    page(front, caller, alone, said)
}

/// `POST /sign-in`.
pub(super) async fn sign_in(
    State(front): State<Front>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut form = match Form::read(&headers, body, &["token", "name", "password"]).await {
        Ok(form) => form,
        Err(status) => return Alone::of(&headers).not_taken(status),
    };
    let (machine, alone) = (&front.machine, Alone::of(&headers));
    let t = alone.t;
    let again = |status, said| page(&front, &caller, alone, (status, said));
    let now = machine.clock.elapsed();
    if !machine.desk.is_our_form(SIGN_IN, form.get("token"), now) {
        return again(StatusCode::FORBIDDEN, t.of("sign_in.old"));
    }
    let password = form.take("password");
    let name = form.get("name");
    if !users::could_be(name, &password) {
        return again(StatusCode::BAD_REQUEST, t.of("sign_in.missing"));
    }
    let who = match door::by_password(machine, &caller, name, &password).await {
        Ok(Some(who)) if !who.old_caller => who,
        Ok(_) => return again(StatusCode::UNAUTHORIZED, t.of("sign_in.wrong")),
        Err(fault) => return refused(&front, &caller, alone, &fault),
    };
    match door::begin_session(machine, &caller, &who) {
        Ok(id) => {
            let tls = door::is_tls(&caller);
            let cookie = set_cookie(&door::cookie_name(machine, &caller), &id, tls);
            see("/", Some(&cookie))
        }
        Err(error) => {
            warn!(cause = %Chain(&error), "no session begun");
            again(StatusCode::SERVICE_UNAVAILABLE, t.of("fault.internal"))
        }
    }
}

/// `POST /do/sign-out`.
pub(super) async fn sign_out(
    State(front): State<Front>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let form = match Form::read(&headers, body, &["token"]).await {
        Ok(form) => form,
        Err(status) => return Alone::of(&headers).not_taken(status),
    };
    let machine = &front.machine;
    let Some(id) = door::session_id(machine, &caller) else {
        return page(&front, &caller, Alone::of(&headers), (StatusCode::UNAUTHORIZED, ""));
    };
    if !door::is_form_of(id, form.get("token")) {
        return Alone::of(&headers).not_taken(StatusCode::FORBIDDEN);
    }
    machine.sessions.end(id);
    front.machine.seen_to_change();
    let cookie = clear_cookie(&door::cookie_name(machine, &caller), door::is_tls(&caller));
    see("/sign-in", Some(&cookie))
}

/// Whether the first password can be set by this caller: at this computer, by whoever could give
/// the command as well, and while there is no admin.
pub(super) fn may_begin(machine: &Machine, caller: &Caller) -> bool {
    caller.near == Near::Ours && caller.listener == Listener::Loopback && !machine.users.has_admin()
}

fn first_page(front: &Front, alone: Alone, (status, said): (StatusCode, String)) -> Response {
    let machine = &front.machine;
    let token = machine.desk.form_token(BEGIN, machine.clock.elapsed());
    let min = users::ADMIN_PASSWORD_MIN.to_string();
    let explain = alone.t.with("first.explain", &[("n", &min)]);
    let page = FirstPassword { alone, token, said, explain };
    html(status, page.render().unwrap_or_default())
}

/// `GET /first-password`.
pub(super) async fn first_form(
    State(front): State<Front>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Response {
    if may_begin(&front.machine, &caller) {
        first_page(&front, Alone::of(&headers), (StatusCode::OK, String::new()))
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

/// `POST /do/first-password`.
pub(super) async fn first_password(
    State(front): State<Front>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let machine = &front.machine;
    if !may_begin(machine, &caller) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let fields = ["token", "name", "password", "again"];
    let mut form = match Form::read(&headers, body, &fields).await {
        Ok(form) => form,
        Err(status) => return Alone::of(&headers).not_taken(status),
    };
    let alone = Alone::of(&headers);
    let t = alone.t;
    let again = |status, said: String| first_page(&front, alone, (status, said));
    if !machine.desk.is_our_form(BEGIN, form.get("token"), machine.clock.elapsed()) {
        return again(StatusCode::FORBIDDEN, t.of("sign_in.old").to_owned());
    }
    let (name, password) = (form.take("name"), form.take("password"));
    if password != form.get("again") {
        return again(StatusCode::BAD_REQUEST, t.of("first.differ").to_owned());
    }
    let inner = machine.clone();
    let add = move || {
        inner.users.add_first(&name, &password)?;
        info!(user = name, "first admin added");
        Ok::<_, users::Error>(())
    };
    match tokio::task::spawn_blocking(add).await {
        Ok(Ok(())) => see("/", None),
        Ok(Err(error @ users::Error::Folder(_))) => {
            warn!(cause = %Chain(&error), "first admin not added");
            again(StatusCode::SERVICE_UNAVAILABLE, t.of("fault.internal").to_owned())
        }
        Ok(Err(error)) => again(StatusCode::BAD_REQUEST, said::sentence(t, &error.to_string())),
        Err(_panic) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// On to a page, after something was done.
fn see(path: &'static str, cookie: Option<&str>) -> Response {
    let mut response = see_other(path);
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(cookie).ok()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// A form's fields: these and no others, each once.
struct Form(BTreeMap<String, String>);

impl Form {
    async fn read(headers: &HeaderMap, body: Body, fields: &[&str]) -> Result<Self, StatusCode> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
        if !kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        // What is announced as too long is not waited for.
        if u64::try_from(FORM_BYTES_MAX).is_ok_and(|most| most < body.size_hint().lower()) {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let bytes = to_bytes(body, FORM_BYTES_MAX).await;
        let bytes = bytes.map_err(|_long| StatusCode::PAYLOAD_TOO_LARGE)?;
        Self::of(&bytes, fields).ok_or(StatusCode::BAD_REQUEST)
    }

    fn of(bytes: &[u8], fields: &[&str]) -> Option<Self> {
        let pairs = server::query(std::str::from_utf8(bytes).ok()?)?;
        let count = pairs.len();
        let form: BTreeMap<String, String> = pairs.into_iter().collect();
        let whole = form.len() == count
            && count == fields.len()
            && fields.iter().all(|field| form.contains_key(*field));
        whole.then_some(Self(form))
    }

    fn get(&self, field: &str) -> &str {
        self.0.get(field).map_or("", String::as_str)
    }

    fn take(&mut self, field: &str) -> String {
        self.0.remove(field).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_these_fields_and_no_others_each_once() {
        let fields = ["name", "password"];
        let read = |text: &str| Form::of(text.as_bytes(), &fields);
        let form = read("name=ann+b&password=%C3%A9%26").unwrap();
        assert_eq!((form.get("name"), form.get("password")), ("ann b", "é&"));
        for bad in [
            "",
            "name=a",
            "name=a&password=b&x=c",
            "name=a&name=b&password=c",
            "name=a&password=%ff",
            "name=a&password=%4",
        ] {
            assert!(read(bad).is_none(), "{bad}");
        }
        assert!(Form::of(b"name=a&password=\xff", &fields).is_none());
    }
}
