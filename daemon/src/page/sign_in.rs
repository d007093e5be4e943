//! Signing in and out, and the first password.

use std::collections::BTreeMap;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use dunlin_logs::Chain;
use dunlin_rpc::{Caller, Listener, Near, server};
use dunlin_schema::Clock as _;
use tracing::{info, warn};

use super::{escape, html, refused, see};
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

/// The form, as a page.
pub(super) fn page(
    machine: &Machine,
    caller: &Caller,
    status: StatusCode,
    said: Option<&str>,
) -> Response {
    let token = machine.desk.form_token(SIGN_IN, machine.clock.elapsed());
    let said = said.map_or_else(String::new, told);
    let begin = if may_begin(machine, caller) {
        "<p>There is no admin yet. <a href=\"/first-password\">Set the first password</a></p>"
    } else {
        ""
    };
    let body = format!(
        "<h1>Sign in</h1>{said}<form method=\"post\" action=\"/sign-in\">\
         <input type=\"hidden\" name=\"token\" value=\"{token}\">\
         <label>Name <input name=\"name\" autocomplete=\"username\" maxlength=\"64\" required autofocus></label>\
         <label>Password <input name=\"password\" type=\"password\" autocomplete=\"current-password\" required></label>\
         <button>Sign in</button></form>{begin}"
    );
    html(status, "Sign in – Dunlin", &body)
}

/// A sentence above a form.
fn told(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("<p class=\"said\" role=\"alert\">{}.</p>", escape(&(first + letters.as_str())))
}

/// `GET /sign-in`.
pub(super) async fn form(
    State(machine): State<Machine>,
    Extension(caller): Extension<Caller>,
) -> Response {
    page(&machine, &caller, StatusCode::OK, None)
}

/// `POST /sign-in`.
pub(super) async fn sign_in(
    State(machine): State<Machine>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut form = match Form::read(&headers, body, &["token", "name", "password"]).await {
        Ok(form) => form,
        Err(status) => return status.into_response(),
    };
    let again = |status, said| page(&machine, &caller, status, Some(said));
    let now = machine.clock.elapsed();
    if !machine.desk.is_our_form(SIGN_IN, form.get("token"), now) {
        return again(StatusCode::FORBIDDEN, "this form is too old; try again");
    }
    let password = form.take("password");
    let name = form.get("name");
    if !users::could_be(name, &password) {
        return again(StatusCode::BAD_REQUEST, "a name and a password are needed");
    }
    let who = match door::by_password(&machine, &caller, name, &password).await {
        Ok(Some(who)) if !who.old_caller => who,
        Ok(_) => return again(StatusCode::UNAUTHORIZED, "name and password do not fit"),
        Err(fault) => return refused(&machine, &caller, &fault),
    };
    match door::begin_session(&machine, &caller, &who) {
        Ok(id) => {
            let tls = door::is_tls(&caller);
            let cookie = set_cookie(&door::cookie_name(&machine, &caller), &id, tls);
            see("/", Some(&cookie))
        }
        Err(error) => {
            warn!(cause = %Chain(&error), "no session begun");
            again(
                StatusCode::SERVICE_UNAVAILABLE,
                "the machine cannot answer now; its log says why",
            )
        }
    }
}

/// `POST /do/sign-out`.
pub(super) async fn sign_out(
    State(machine): State<Machine>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let form = match Form::read(&headers, body, &["token"]).await {
        Ok(form) => form,
        Err(status) => return status.into_response(),
    };
    let Some(id) = door::session_id(&machine, &caller) else {
        return page(&machine, &caller, StatusCode::UNAUTHORIZED, None);
    };
    if !door::is_form_of(id, form.get("token")) {
        return StatusCode::FORBIDDEN.into_response();
    }
    machine.sessions.end(id);
    let cookie = clear_cookie(&door::cookie_name(&machine, &caller), door::is_tls(&caller));
    see("/sign-in", Some(&cookie))
}

/// Whether the first password can be set by this caller: at this computer, by whoever could give
/// the command as well, and while there is no admin.
pub(super) fn may_begin(machine: &Machine, caller: &Caller) -> bool {
    caller.near == Near::Ours && caller.listener == Listener::Loopback && !machine.users.has_admin()
}

fn first_page(machine: &Machine, status: StatusCode, said: Option<&str>) -> Response {
    let token = machine.desk.form_token(BEGIN, machine.clock.elapsed());
    let said = said.map_or_else(String::new, told);
    let body = format!(
        "<h1>The first password</h1>{said}<p>Who signs in with it may do everything. It has at least {min} \
         characters.</p><form method=\"post\" action=\"/do/first-password\">\
         <input type=\"hidden\" name=\"token\" value=\"{token}\">\
         <label>Name <input name=\"name\" autocomplete=\"username\" maxlength=\"64\" required autofocus></label>\
         <label>Password <input name=\"password\" type=\"password\" autocomplete=\"new-password\" required></label>\
         <label>The same again <input name=\"again\" type=\"password\" autocomplete=\"new-password\" required></label>\
         <button>Set</button></form>",
        min = users::ADMIN_PASSWORD_MIN,
    );
    html(status, "The first password – Dunlin", &body)
}

/// `GET /first-password`.
pub(super) async fn first_form(
    State(machine): State<Machine>,
    Extension(caller): Extension<Caller>,
) -> Response {
    if may_begin(&machine, &caller) {
        first_page(&machine, StatusCode::OK, None)
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

/// `POST /do/first-password`.
pub(super) async fn first_password(
    State(machine): State<Machine>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if !may_begin(&machine, &caller) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let fields = ["token", "name", "password", "again"];
    let mut form = match Form::read(&headers, body, &fields).await {
        Ok(form) => form,
        Err(status) => return status.into_response(),
    };
    let again = |status, said: &str| first_page(&machine, status, Some(said));
    if !machine.desk.is_our_form(BEGIN, form.get("token"), machine.clock.elapsed()) {
        return again(StatusCode::FORBIDDEN, "this form is too old; try again");
    }
    let (name, password) = (form.take("name"), form.take("password"));
    if password != form.get("again") {
        return again(StatusCode::BAD_REQUEST, "the two passwords differ; try again");
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
            let said = "the machine cannot store it; its log says why";
            again(StatusCode::SERVICE_UNAVAILABLE, said)
        }
        Ok(Err(error)) => again(StatusCode::BAD_REQUEST, &error.to_string()),
        Err(_panic) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
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

    #[test]
    fn a_sentence_is_told_as_one() {
        let shown = told("a <b> is \"wrong\"");
        assert_eq!(shown, "<p class=\"said\" role=\"alert\">A &lt;b&gt; is &quot;wrong&quot;.</p>");
    }
}
