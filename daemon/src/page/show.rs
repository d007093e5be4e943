//! What a GET shows: asks the machine, and hands the answers to a view.

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use chrono::NaiveDateTime;
use dunlin_rpc::method::access::AccessClient as _;
use dunlin_rpc::method::admin::AdminClient as _;
use dunlin_rpc::method::key::KeyClient as _;
use dunlin_rpc::method::overview::OverviewClient as _;
use dunlin_rpc::method::pairing::PairingClient as _;
use dunlin_rpc::method::settings::SettingsClient as _;
use dunlin_rpc::method::shop::ShopClient as _;
use dunlin_rpc::wire::admin::{HeldEntry, HistoryEntry, HistoryFilter};
use jsonrpsee::core::client::Error;

use super::frame::{Frame, Place};
use super::view::history::Filter;
use super::view::only::Only;
use super::view::{self};
use super::visit::Visit;
use super::words;

/// Conflicts and held rows on one page.
const ROWS: u32 = 200;
/// Sessions that the front page looks at for the last ones of each partner.
const LATEST: u32 = 200;
/// Sessions in one export, and held rows among which one is looked for.
pub(super) const EXPORTED: u32 = 10_000;

/// `/`
pub(super) async fn partners(visit: Visit) -> Response {
    let page = async {
        let status = visit.inside.machine_status().await?;
        let tables = visit.inside.tables_compare().await?;
        let sessions = visit.inside.history_list(None, None, Some(LATEST), None).await?;
        let frame = visit.frame(Place::Partners, &status);
        let (more, may_begin) = ((&tables[..], &sessions[..]), visit.visitor.may_begin);
        Ok(view::partners::page(frame, &status, more, may_begin, words::now()))
    };
    visit.answer(page.await)
}

/// `/tables`
pub(super) async fn tables(visit: Visit) -> Response {
    let page = async {
        let status = visit.inside.machine_status().await?;
        let tables = visit.inside.tables_compare().await?;
        let candidates = visit.inside.tables_candidates().await?;
        let frame = visit.frame(Place::Tables, &status);
        let unlike = visit.query.get("show") == "unlike";
        Ok(view::tables::page(frame, &status, &tables, &candidates, unlike))
    };
    visit.answer(page.await)
}

/// `/untrack?table=…`: the question, not yet the deed.
pub(super) async fn untrack(visit: Visit) -> Response {
    let page = async {
        let status = visit.inside.machine_status().await?;
        let compared = visit.inside.tables_compare().await?;
        let asked = view::untrack::Asked::of(&visit.query);
        let frame = visit.frame(Place::Tables, &status);
        Ok(view::untrack::page(frame, &asked, &compared))
    };
    match page.await {
        Ok(Some(page)) => visit.answer(Ok(page)),
        // Let go meanwhile, or never there: the list says what is.
        Ok(None) => tables(visit).await,
        Err(error) => visit.trouble(error),
    }
}

/// `/history`
pub(super) async fn history(visit: Visit) -> Response {
    let page = async {
        let (filter, now) = (Filter::of(&visit.query), words::now());
        let status = visit.inside.machine_status().await?;
        let sessions = sessions(&visit, &filter, view::history::LINES).await?;
        let hours = visit.inside.history_hours(Some(view::history::HOURS)).await?;
        let frame = visit.frame(Place::History, &status);
        Ok(view::history::page(frame, &status, (&sessions, &hours), &filter, now))
    };
    visit.answer(page.await)
}

async fn sessions(visit: &Visit, filter: &Filter, limit: u32) -> Result<Vec<HistoryEntry>, Error> {
    let since = filter.from(words::now());
    let which = HistoryFilter { result: filter.result.clone(), before: filter.before };
    visit.inside.history_list(filter.partner.clone(), since, Some(limit), Some(which)).await
}

/// `/history.csv`
pub(super) async fn history_csv(visit: Visit) -> Response {
    match sessions(&visit, &Filter::of(&visit.query), EXPORTED).await {
        Ok(sessions) => {
            file("text/csv; charset=utf-8", "history.csv", view::history::csv(&sessions))
        }
        Err(error) => visit.trouble(error),
    }
}

/// The history as JSON.
#[derive(serde::Serialize)]
struct Exported<'a> {
    schema: u32,
    history: &'a [HistoryEntry],
}

/// `/history.json`
pub(super) async fn history_json(visit: Visit) -> Response {
    match sessions(&visit, &Filter::of(&visit.query), EXPORTED).await {
        Ok(sessions) => {
            // Straight into text: ten thousand lines need no tree between.
            match serde_json::to_string_pretty(&Exported { schema: 1, history: &sessions }) {
                Ok(json) => file("application/json", "history.json", json + "\n"),
                Err(error) => visit.trouble(Error::ParseError(error)),
            }
        }
        Err(error) => visit.trouble(error),
    }
}

/// `/conflicts`
pub(super) async fn conflicts(visit: Visit) -> Response {
    let page = async {
        let status = visit.inside.machine_status().await?;
        let only = Only::of(visit.t, &visit.query, &status);
        let asked = if only.is_some() { EXPORTED } else { ROWS };
        let conflicts = visit.inside.conflicts_list(Some(asked)).await?;
        let frame = visit.frame(Place::Conflicts, &status);
        Ok(view::conflicts::page(frame, &conflicts, (only, ROWS as usize), words::now()))
    };
    visit.answer(page.await)
}

/// `/held`
pub(super) async fn held(visit: Visit) -> Response {
    let page = async {
        let status = visit.inside.machine_status().await?;
        let only = Only::of(visit.t, &visit.query, &status);
        let asked = if only.is_some() { EXPORTED } else { ROWS };
        let rows = visit.inside.held_list(Some(asked)).await?;
        let frame = visit.frame(Place::Held, &status);
        Ok(view::held::page(frame, &rows, (only, ROWS as usize), words::now()))
    };
    visit.answer(page.await)
}

/// `/held/delete?number=…`: the question, not yet the deed.
pub(super) async fn held_delete(visit: Visit) -> Response {
    held_row(visit, |row| row.held, view::held::delete).await
}

/// `/held/give?number=…`: the row's values, to be changed.
pub(super) async fn held_give(visit: Visit) -> Response {
    held_row(visit, |_| true, view::held::give).await
}

/// A page about one row of the list. Gone meanwhile, or never there: the list says what is.
async fn held_row<P: Template>(
    visit: Visit,
    may: impl Fn(&HeldEntry) -> bool,
    view: impl FnOnce(Frame, &HeldEntry, NaiveDateTime) -> P,
) -> Response {
    let number = visit.query.get("number").parse::<i64>().ok();
    let rows = match visit.inside.held_list(Some(EXPORTED)).await {
        Ok(rows) => rows,
        Err(error) => return visit.trouble(error),
    };
    let Some(row) = rows.iter().find(|row| Some(row.number) == number && may(row)) else {
        return held(visit).await;
    };
    let page = async {
        let status = visit.inside.machine_status().await?;
        Ok(view(visit.frame(Place::Held, &status), row, words::now()))
    };
    visit.answer(page.await)
}

/// `/held/accept`: the question, not yet the deed.
pub(super) async fn held_accept(visit: Visit) -> Response {
    let page = async {
        let status = visit.inside.machine_status().await?;
        Ok(view::held::accept(visit.frame(Place::Held, &status), &status))
    };
    visit.answer(page.await)
}

/// `/rotate-key`: the question, not yet the deed.
pub(super) async fn rotate_key(visit: Visit) -> Response {
    if let Some(refusal) = visit.must_be_admin() {
        return refusal;
    }
    let page = async {
        let status = visit.inside.machine_status().await?;
        let key = visit.inside.key_show().await?;
        Ok(view::rotate::page(visit.frame(Place::About, &status), &key))
    };
    visit.answer(page.await)
}

/// `/let-in`
pub(super) async fn let_in(visit: Visit) -> Response {
    let page = async {
        let status = visit.inside.machine_status().await?;
        Ok(view::letting::let_in(visit.frame(Place::Elsewhere, &status), visit.once()))
    };
    visit.answer(page.await)
}

/// `/join-shop`
pub(super) async fn join(visit: Visit) -> Response {
    let page = async {
        let status = visit.inside.machine_status().await?;
        let frame = visit.frame(Place::Elsewhere, &status);
        Ok(view::letting::join(frame, status.machine.members))
    };
    visit.answer(page.await)
}

/// `/pair`
pub(super) async fn pair(visit: Visit) -> Response {
    let page = async {
        let status = visit.inside.machine_status().await?;
        let pairing = visit.inside.pairing_state().await?;
        Ok(view::pair::page(visit.frame(Place::Elsewhere, &status), &status, &pairing))
    };
    visit.answer(page.await)
}

/// `/unseen`
pub(super) async fn unseen(visit: Visit) -> Response {
    let page = async {
        let status = visit.inside.machine_status().await?;
        let check = visit.inside.network_check().await?;
        Ok(view::unseen::page(visit.frame(Place::Elsewhere, &status), &status, &check))
    };
    visit.answer(page.await)
}

/// `/forget?partner=…`: the question, not yet the deed.
pub(super) async fn forget(visit: Visit) -> Response {
    let Some(partner) = visit.query.given("partner") else { return partners(visit).await };
    let page = async {
        let status = visit.inside.machine_status().await?;
        let let_in = visit.inside.partners_let_in(partner).await?;
        Ok(view::forget::page(visit.frame(Place::Elsewhere, &status), &let_in, words::now()))
    };
    visit.answer(page.await)
}

/// `/people`
pub(super) async fn people(visit: Visit) -> Response {
    let page = async {
        let status = visit.inside.machine_status().await?;
        let users = visit.inside.users_list().await?;
        let tokens = visit.inside.tokens_list().await?;
        let frame = visit.frame(Place::People, &status);
        let once = (visit.once(), visit.visitor.may_begin);
        let open = visit.query.given("user");
        let all = (&users[..], &tokens[..], open.as_deref());
        Ok(view::people::page(frame, all, &status, once, words::now()))
    };
    visit.answer(page.await)
}

/// `/settings`
pub(super) async fn settings(visit: Visit) -> Response {
    let page = async {
        let status = visit.inside.machine_status().await?;
        let settings = visit.inside.settings_show().await?;
        let frame = visit.frame(Place::Settings, &status);
        Ok(view::settings::settings(frame, &settings, visit.visitor.may_begin))
    };
    visit.answer(page.await)
}

/// `/log`
pub(super) async fn log(visit: Visit) -> Response {
    let page = async {
        let status = visit.inside.machine_status().await?;
        let level = view::log::level(visit.query.get("level"));
        let lines = visit.inside.log_list(Some(level.to_owned()), Some(ROWS)).await?;
        Ok(view::log::page(
            visit.frame(Place::Log, &status),
            &status,
            (level, &lines),
            words::now(),
        ))
    };
    visit.answer(page.await)
}

/// `/about`
pub(super) async fn about(visit: Visit) -> Response {
    let page = async {
        let status = visit.inside.machine_status().await?;
        Ok(view::about::page(visit.frame(Place::About, &status), &status))
    };
    visit.answer(page.await)
}

/// `/bundle.json`
pub(super) async fn bundle(visit: Visit) -> Response {
    match visit.inside.support_bundle().await {
        Ok(bundle) => file("application/json", "dunlin-bundle.json", format!("{bundle:#}\n")),
        Err(error) => visit.trouble(error),
    }
}

/// Something to be kept, not shown: its name is ours.
fn file(kind: &'static str, name: &'static str, text: String) -> Response {
    let kind = HeaderValue::from_static(kind);
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let disposition = disposition.unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, text).into_response()
}
