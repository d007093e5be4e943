//! Forms about settings: how much is logged, how the page stands to the network, and keeping that.

use std::net::SocketAddr;

use askama::Template as _;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use dunlin_rpc::Listener;
use dunlin_rpc::method::settings::SettingsClient as _;
use dunlin_rpc::wire::settings::SettingsShown;
use jsonrpsee::core::client::Error;

use super::{Done, Filled};
use crate::page::view;
use crate::page::visit::html;

/// The page where these forms stand.
const HERE: &str = "/settings";

/// Settings. Whoever came over the network and changed just that is told where to go on, by this
/// answer: it may be the last that reaches him by the way he came.
pub(in crate::page) async fn settings(form: Filled) -> Response {
    let t = form.visit.t;
    let over_network = form.visit.inside.caller.listener == Listener::Lan;
    match form.what.as_str() {
        "log-level" => {
            let done = async {
                let level = Some(form.given("level")?);
                form.visit.inside.settings_set(level, None, None, None).await?;
                Ok(Done::good(t.of("said.log_level")))
            };
            form.answer(done.await)
        }
        "settings-keep" => {
            let done = form.visit.inside.settings_keep().await;
            form.answer(done.map(|_| Done::good(t.of("said.settings_kept"))))
        }
        "settings-undo" if !over_network => {
            let done = form.visit.inside.settings_undo().await;
            form.answer(done.map(|_| Done::good(t.of("said.settings_undone"))))
        }
        _ => match change(&form).await {
            Ok(shown) if over_network => moved(&form, &shown),
            Ok(_) => form.answer(Ok(Done::good(t.of("said.settings_tried")).at(HERE))),
            Err(error) => form.answer(Err(error)),
        },
    }
}

async fn change(form: &Filled) -> Result<SettingsShown, Error> {
    let inside = &form.visit.inside;
    match form.what.as_str() {
        "settings-undo" => inside.settings_undo().await,
        "settings-close" => inside.settings_set(None, Some(Vec::new()), None, None).await,
        "settings-certificate" => inside.settings_set(None, None, None, Some(true)).await,
        _ => {
            // What stands in the file is not in the form.
            let listen = match form.fields.given("address") {
                Some(_) => Some(addresses(form)?),
                None => None,
            };
            let names = form.fields.get("names");
            let names = form.fields.has("names").then(|| {
                names.split([' ', ',', ';']).filter(|name| !name.is_empty()).map(str::to_owned)
            });
            inside.settings_set(None, listen, names.map(Iterator::collect), None).await
        }
    }
}

/// The address that was chosen, at the port that was typed; or what is open now, as it is.
fn addresses(form: &Filled) -> Result<Vec<SocketAddr>, Error> {
    let (address, port) = (form.given("address")?, form.given("port")?);
    if address.contains(',') {
        let all = address.split(',').map(|one| one.trim().parse());
        return all.collect::<Result<_, _>>().map_err(|_not| form.missing());
    }
    let ip = address.parse().map_err(|_not| form.missing())?;
    let port = port.parse().map_err(|_not| form.missing())?;
    Ok(vec![SocketAddr::new(ip, port)])
}

/// Where the page is now, for somebody who sees this over a way that may be gone.
fn moved(form: &Filled, shown: &SettingsShown) -> Response {
    let page = view::settings::moved(form.visit.alone(), shown);
    match page.render() {
        Ok(text) => html(StatusCode::OK, text),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
