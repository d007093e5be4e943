//! Forms about users and tokens.

use axum::response::Response;
use dunlin_rpc::Secret;
use dunlin_rpc::method::access::AccessClient as _;
use jsonrpsee::core::client::Error;

use super::{Done, Filled};
use crate::page::words;

/// A day, as tokens are given.
const DAY: u64 = 86_400;

/// Users and tokens.
pub(in crate::page) async fn people(form: Filled) -> Response {
    let done =
        if form.what.starts_with("user-") { users(&form).await } else { tokens(&form).await };
    form.answer(done)
}

async fn users(form: &Filled) -> Result<Done, Error> {
    let (t, inside) = (form.visit.t, &form.visit.inside);
    let name = form.given("name")?;
    let shown = words::foreign(&name);
    // As it was typed: a password may begin or end with a space.
    let password = Some(form.fields.get("password")).filter(|password| !password.is_empty());
    let password = password.map(|password| Secret(password.to_owned()));
    Ok(match form.what.as_str() {
        "user-add" => {
            let old = (form.fields.get("old") == "yes").then_some(true);
            let password = password.ok_or_else(|| form.missing())?;
            inside.users_add(name, form.given("role")?, password, old).await?;
            Done::good(t.with("said.user_added", &[("name", &shown)]))
        }
        "user-password" => {
            let password = password.ok_or_else(|| form.missing())?;
            inside.users_passwd(name, password).await?;
            Done::good(t.of("said.password_set"))
        }
        "user-role" => {
            inside.users_role(name, form.given("role")?, password).await?;
            Done::good(t.of("said.role_set"))
        }
        _ if !form.confirms(&name) => Done::bad(t.of("said.remove_differs")),
        _ => {
            inside.users_remove(name).await?;
            Done::good(t.with("said.user_removed", &[("name", &shown)]))
        }
    })
}

async fn tokens(form: &Filled) -> Result<Done, Error> {
    let (t, inside) = (form.visit.t, &form.visit.inside);
    if form.what == "token-revoke" {
        let entry = inside.tokens_revoke(form.given("id")?).await?;
        let name = words::foreign(&entry.name);
        return Ok(Done::good(t.with("said.token_revoked", &[("name", &name)])));
    }
    let days: Option<u64> = form.fields.get("days").parse().ok();
    let seconds = days.and_then(|days| days.checked_mul(DAY));
    let (name, role) = (form.given("name")?, form.given("role")?);
    let made = inside.tokens_create(name, role, seconds, form.fields.given("from")).await?;
    let name = words::foreign(&made.entry.name);
    let about = t.with("token.made_about", &[("name", &name)]);
    let secret = made.token.expose().clone();
    Ok(Done::good(t.of("said.token_made")).at("/people").showing(secret, about))
}
