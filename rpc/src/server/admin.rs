//! Answering scripts and browsers: HTTP/1.0 and 1.1, JSON-RPC, and the pages handed in.
//!
//! Nothing is ever chunked towards a JSON-RPC caller or redirected, and nobody is asked for a
//! password by `WWW-Authenticate`. The old paths close after each answer and always say 200.
//! HTTP/2 is not spoken.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::OnceCell;
use tower::ServiceExt;
use tracing::debug;

use super::accept::{At, Closed, Ends, Neighbours, Work, pause};
use super::body::{self, Most, Room};
use super::headers::secure;
use crate::caller::{Caller, Listener, Near, Taken};
use crate::code::Code;
use crate::dialect::{self, Api, Door};
use crate::fault::Fault;
use crate::guard::{self, Facts, Path, Verdict};
use crate::json::old_safe;
use crate::limits::{
    DUMP_BODY_BYTES_MAX, GOODBYE, GOODBYE_BYTES_MAX, HEAD, HEAD_BYTES_MAX, LAST_CALL,
    OLD_BODY_BYTES_MAX, PAGE_BODY_BYTES_MAX,
};

/// What all listeners of scripts and browsers share: the methods, the pages, and the room for
/// large bodies.
#[derive(Clone)]
pub struct Desk {
    api: Api,
    pages: Router,
    room: Room,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Desk")
    }
}

/// A connection, as its requests see it.
struct Connection {
    at: At,
    /// Whose program is at the other end, once it was asked for.
    near: OnceCell<Near>,
    taken: Taken,
    work: Work,
}

impl Connection {
    /// Whose program is at the other end of a connection within this computer.
    async fn near(&self, neighbours: &Neighbours, ends: Ends) -> Near {
        let ask = || async {
            let neighbours = Arc::clone(neighbours);
            let asked = tokio::task::spawn_blocking(move || neighbours(ends)).await;
            // Who cannot be told is somebody else.
            asked.unwrap_or(Near::Other)
        };
        *self.near.get_or_init(ask).await
    }
}

/// Serves one connection until it ends, or until the terms that it was begun under hold no more.
pub(super) async fn serve<IO>(io: IO, at: At, desk: Desk, work: Work, mut closed: Closed)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let taken = Taken::default();
    let from = Arc::new(Connection { at, near: OnceCell::new(), taken: taken.clone(), work });
    let is_closed = closed.clone();
    let answer = service_fn(move |request| {
        // Another request on this connection: the answers before it have arrived.
        from.taken.run();
        let (desk, from) = (desk.clone(), Arc::clone(&from));
        let is_late = is_closed.is_so();
        Box::pin(async move {
            // Whoever sends it again on a new connection meets the terms of now.
            let late = || closing(empty(StatusCode::MISDIRECTED_REQUEST));
            let answer = if is_late { late() } else { desk.answer(&from, request).await };
            Ok::<_, Infallible>(secure(answer))
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_header_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(io), answer);
    let served = tokio::select! {
        served = poll_fn(|cx| connection.poll_without_shutdown(cx)) => served,
        () = closed.wait() => {
            Pin::new(&mut connection).graceful_shutdown();
            let rest = poll_fn(|cx| connection.poll_without_shutdown(cx));
            // A stream of events would never end by itself.
            let Ok(served) = tokio::time::timeout(LAST_CALL, rest).await else { return };
            served
        }
    };
    match served {
        Ok(()) => {
            if closed_well(connection.into_parts().io.into_inner()).await {
                taken.run();
            }
        }
        // A caller that hangs up in the middle, or sends what is not HTTP: its own business.
        Err(error) => debug!(cause = %error, "connection ended"),
    }
}

/// Closes our half and waits for the caller to close his; a reset means he may not have read it.
async fn closed_well<IO: AsyncRead + AsyncWrite + Unpin>(mut io: IO) -> bool {
    let goodbye = async {
        io.shutdown().await?;
        let mut rest = (&mut io).take(GOODBYE_BYTES_MAX as u64);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    matches!(tokio::time::timeout(GOODBYE, goodbye).await, Ok(Ok(left)) if left == 0)
}

impl Desk {
    /// `pages` answers what is not `/rpc`, `/health` or an old path; its handlers find the
    /// [`Caller`] in the request's extensions.
    pub fn new(api: Api, pages: Router) -> Self {
        Self { api, pages, room: Room::default() }
    }

    async fn answer(&self, from: &Connection, request: Request<Incoming>) -> Response<Body> {
        let path = Path::of(request.uri().path());
        let caller = match caller(from, path, &request).await {
            Ok(caller) => caller,
            Err(status) => return empty(status),
        };
        match path {
            Path::Rpc => self.rpc(from, caller, Door::Rpc, request).await,
            Path::OldCall => {
                let caller = Caller { old: true, ..caller };
                closing(self.rpc(from, caller, Door::Old, request).await)
            }
            Path::OldGet => {
                let _work = from.work.begin();
                closing(self.get(caller, &request).await)
            }
            Path::Page if request.uri().path() == "/health" => health(request.method()),
            Path::Page => self.page(from, caller, request).await,
        }
    }

    async fn rpc(
        &self,
        from: &Connection,
        caller: Caller,
        door: Door,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let is_old = caller.listener == Listener::OldCallers;
        let bytes =
            if is_old && caller.basic.is_none() { OLD_BODY_BYTES_MAX } else { DUMP_BODY_BYTES_MAX };
        let is_far = matches!(caller.listener, Listener::Lan | Listener::OldCallers);
        let most = Most { bytes, pause: pause(&from.at), is_far };
        let read = match body::read(request.into_body(), &self.room, most).await {
            Ok(read) => read,
            Err(StatusCode::SERVICE_UNAVAILABLE) => {
                let busy = Fault::new(Code::Busy, "busy with other large calls; try again soon");
                return closing(json(dialect::refused(door, &busy)));
            }
            Err(status) => return closing(empty(status)),
        };
        let _work = from.work.begin();
        let answer = dialect::answer(&self.api, &caller, door, &read.bytes).await;
        match answer.text {
            Some(text) => {
                let mut response = json(text);
                *response.status_mut() = answer.status;
                response
            }
            None if answer.status != StatusCode::OK => closing(empty(answer.status)),
            None if door == Door::Old => empty(StatusCode::OK),
            None => empty(StatusCode::NO_CONTENT),
        }
    }

    /// `GET …/call/json/getdata?…`: the bare value. A link on a page can make this request, so it
    /// is never local, always needs name and password, and moves no position.
    async fn get(&self, caller: Caller, request: &Request<Incoming>) -> Response<Body> {
        if !caller.from.is_some_and(|from| guard::is_loopback(from.ip())) {
            return empty(StatusCode::NOT_FOUND);
        }
        let caller = Caller { near: Near::Away, old: true, peek: true, ..caller };
        let Some(pairs) = body::query(request.uri().query().unwrap_or_default()) else {
            return empty(StatusCode::BAD_REQUEST);
        };
        let mut params = serde_json::Map::new();
        for (name, value) in pairs {
            if params.insert(name, value.into()).is_some() {
                return empty(StatusCode::BAD_REQUEST);
            }
        }
        let params = serde_json::Value::Object(params).to_string();
        let result = dialect::call(&self.api, &caller, Door::Old, "getdata", Some(&params)).await;
        match result {
            Ok(value) => json(old_safe(&value)),
            Err(fault) if fault.code.is_passing() => empty(StatusCode::SERVICE_UNAVAILABLE),
            Err(fault) if fault.code == Code::Internal => empty(StatusCode::INTERNAL_SERVER_ERROR),
            Err(_) => empty(StatusCode::BAD_REQUEST),
        }
    }

    async fn page(
        &self,
        from: &Connection,
        caller: Caller,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let (head, body) = request.into_parts();
        // What only looks has no body that anybody reads.
        let body = if head.method == Method::POST {
            let most = Most { bytes: PAGE_BODY_BYTES_MAX, pause: pause(&from.at), is_far: true };
            match body::read(body, &self.room, most).await {
                Ok(read) => Body::from(read.bytes),
                Err(status) => return closing(empty(status)),
            }
        } else {
            Body::empty()
        };
        let mut request = Request::from_parts(head, body);
        request.extensions_mut().insert(caller);
        let _work = from.work.begin();
        match self.pages.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// Who sent a request, or the status with which it is refused.
async fn caller(
    from: &Connection,
    path: Path,
    request: &Request<Incoming>,
) -> Result<Caller, StatusCode> {
    let headers = request.headers();
    let who = match &from.at {
        At::Socket if path == Path::Rpc && request.method() == Method::POST => Caller::socket(),
        At::Socket => return Err(StatusCode::NOT_FOUND),
        At::Network { rules, ends, neighbours } => {
            let (method, uri) = (request.method(), request.uri());
            let facts = Facts { rules, peer: ends.peer, here: ends.here, method, uri, headers };
            let near = match (guard::judge(&facts), neighbours) {
                (Verdict::Refuse(status), _) => return Err(status),
                (Verdict::Pass { local: true }, Some(whose)) => from.near(whose, *ends).await,
                (Verdict::Pass { .. }, _) => Near::Away,
            };
            Caller { near, listener: rules.listener, from: Some(ends.peer), ..Caller::default() }
        }
    };
    // A page elsewhere can have a browser send our cookie along; this header it cannot.
    let by_script = path != Path::Rpc || headers.contains_key("x-requested-with");
    let cookies = body::cookies(headers).filter(|_| by_script && !path.is_old());
    let bearer = body::bearer(headers).filter(|_| !path.is_old());
    let (basic, taken) = (body::basic(headers), from.taken.clone());
    let watches = headers.contains_key("x-dunlin-watches");
    Ok(Caller { watches, basic, bearer, cookies, taken, ..who })
}

fn health(method: &Method) -> Response<Body> {
    if method == Method::GET || method == Method::HEAD {
        return with_type("text/plain; charset=utf-8", "ok\n".to_owned());
    }
    empty(StatusCode::METHOD_NOT_ALLOWED)
}

fn json(text: String) -> Response<Body> {
    with_type("application/json; charset=utf-8", text)
}

fn with_type(kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn closing(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
