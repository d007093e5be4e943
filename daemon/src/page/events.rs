//! The event stream: says *that* something moved, never what. The page is then fetched again, as its
//! visitor may see it.
//!
//! One stream serves all tabs of a browser. It ends with the visitor's session and with the daemon.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use dunlin_rpc::Caller;
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::Front;
use super::visitor::Visitor;

/// Not more often than this, whatever moves.
const PAUSE: Duration = Duration::from_millis(500);
/// A stream that says nothing may be dead; so it says something. Its visitor is judged anew as often.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A browser needs one, and has more only where it cannot share.
const STREAMS_A_VISITOR: usize = 12;

/// Streams that are open, by visitor.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams(Arc<Mutex<HashMap<String, usize>>>);

impl Streams {
    fn open(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, whose: &str) -> Option<Place> {
        let mut open = self.open();
        let count = open.entry(whose.to_owned()).or_default();
        if *count >= STREAMS_A_VISITOR {
            return None;
        }
        *count += 1;
        Some(Place { streams: self.clone(), whose: whose.to_owned() })
    }
}

/// A stream's place; free again when dropped.
struct Place {
    streams: Streams,
    whose: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open();
        let left = open.get_mut(&self.whose).map_or(0, |count| {
            *count = count.saturating_sub(1);
            *count
        });
        if left == 0 {
            open.remove(&self.whose);
        }
    }
}

/// What one stream holds.
struct Telling {
    front: Front,
    caller: Caller,
    changed: watch::Receiver<u64>,
    moved: Vec<watch::Receiver<u64>>,
    seen: Option<watch::Receiver<u64>>,
    stopping: watch::Receiver<bool>,
    not_before: Instant,
    _place: Place,
}

/// `GET /events`.
pub(super) async fn events(
    State(front): State<Front>,
    Extension(mut caller): Extension<Caller>,
) -> Response {
    caller.watches = true;
    let Ok(Some(visitor)) = Visitor::of(&front, &caller).await else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let Some(place) = front.streams.take(visitor.key()) else {
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    };
    let machine = &front.machine;
    let telling = Telling {
        changed: machine.changed(),
        moved: machine
            .databases
            .iter()
            .map(crate::database::Database::moved)
            .chain([machine.pairing.moved()])
            .collect(),
        seen: machine.discovery().map(crate::discovery::Discovery::changed),
        stopping: machine.stopping(),
        not_before: Instant::now(),
        caller,
        front: front.clone(),
        _place: place,
    };
    let told = stream::unfold(telling, |mut telling| async {
        let event = telling.next().await?;
        Some((Ok::<_, Infallible>(event), telling))
    });
    let mut response = Sse::new(told).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Telling {
    /// The next event; none when the stream is over.
    async fn next(&mut self) -> Option<Event> {
        let heard = timeout(HEARTBEAT, self.anything()).await;
        let is_stopping = *self.stopping.borrow();
        let visitor = Visitor::of(&self.front, &self.caller).await;
        if is_stopping || !matches!(visitor, Ok(Some(_))) {
            return None;
        }
        if heard.is_err() {
            return Some(Event::default().comment("still here"));
        }
        // What moves while we wait is told of by the same event.
        sleep_until(self.not_before).await;
        self.not_before = Instant::now() + PAUSE;
        self.mark_seen();
        Some(Event::default().event("moved").data("1"))
    }

    async fn anything(&mut self) {
        let mut all: Vec<_> = self
            .moved
            .iter_mut()
            .chain([&mut self.changed])
            .chain(&mut self.seen)
            .map(|one| Box::pin(changes(one)))
            .collect();
        let stopping = async { drop(self.stopping.wait_for(|stopping| *stopping).await) };
        tokio::select! {
            _ = futures_util::future::select_all(&mut all) => {}
            () = stopping => {}
        }
    }

    fn mark_seen(&mut self) {
        for one in self.moved.iter_mut().chain([&mut self.changed]).chain(&mut self.seen) {
            one.mark_unchanged();
        }
    }
}

async fn changes(one: &mut watch::Receiver<u64>) {
    if one.changed().await.is_err() {
        // Gone with the daemon, which ends the stream by itself.
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitor_has_a_handful_of_streams_and_gives_them_back() {
        let streams = Streams::default();
        let mut held: Vec<Place> = Vec::new();
        while let Some(place) = streams.take("anna") {
            held.push(place);
            assert!(held.len() <= STREAMS_A_VISITOR);
        }
        assert_eq!(held.len(), STREAMS_A_VISITOR);
        assert!(streams.take("bert").is_some());
        held.pop();
        assert!(streams.take("anna").is_some());
        drop(held);
        assert!(streams.open().is_empty());
    }
}
