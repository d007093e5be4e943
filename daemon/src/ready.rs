//! `/ready`: whether this machine can take a call, for whoever watches over it.
//!
//! 200 `ready`, or 503 and why not. Unlike `/health`, which says that the program runs, it tells
//! of the machine, so it asks who is asking: a caller who may look.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use dunlin_rpc::{Caller, Code};
use dunlin_schema::{Clock as _, Store};

use crate::fault::fault;
use crate::machine::Machine;
use crate::service;

/// To know whether a file can be written one must write, and the till should not notice: so once
/// in a while, however often somebody asks.
const TRY_EVERY: Duration = Duration::from_secs(10);

/// A database that says nothing for so long is not ready.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the last try to write said, and when that was.
type LastTry = Arc<Mutex<Option<(Duration, Option<String>)>>>;

#[derive(Clone)]
struct Ready {
    machine: Machine,
    last: LastTry,
}

/// The route.
pub(crate) fn router(machine: &Machine) -> Router {
    let ready = Ready { machine: machine.clone(), last: Arc::default() };
    Router::new().route("/ready", get(show)).with_state(ready)
}

async fn show(State(ready): State<Ready>, Extension(caller): Extension<Caller>) -> Response {
    if let Err(refused) = service::may_look(&ready.machine, &caller).await {
        let status = match refused.code {
            Code::NotAllowed => StatusCode::FORBIDDEN,
            Code::Busy => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::UNAUTHORIZED,
        };
        return status.into_response();
    }
    match ready.lacks().await {
        None => "ready\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why + "\n").into_response(),
    }
}

impl Ready {
    /// Why the machine cannot take a call, if it cannot.
    async fn lacks(&self) -> Option<String> {
        if *self.machine.stopping().borrow() {
            return Some("stopping".to_owned());
        }
        if self.machine.listening().partner.is_none() {
            return Some("starting".to_owned());
        }
        let now = self.machine.clock.elapsed();
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, said)) = last
            && now.saturating_sub(at) < TRY_EVERY
        {
            return said;
        }
        let said = self.cannot_write().await;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, said.clone()));
        said
    }

    async fn cannot_write(&self) -> Option<String> {
        for database in &self.machine.databases {
            let tried = tokio::time::timeout(PATIENCE, database.call(Store::try_writing)).await;
            let why = match tried {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => fault(&error).message,
                Err(_late) => "it does not answer".to_owned(),
            };
            return Some(format!("database {}: {why}", database.name()));
        }
        None
    }
}
