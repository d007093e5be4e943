//! The admin listener and the socket: HTTP/1.0 and 1.1, JSON-RPC, and the pages handed in.
//!
//! Nothing is ever chunked towards a JSON-RPC caller, redirected, or answered 401. The old paths
//! close after each answer.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::ServiceExt;
use tracing::{debug, warn};

use super::body::{self, Room};
use crate::caller::{Caller, Near, Taken};
use crate::code::Code;
use crate::dialect::{self, Api, Door};
use crate::fault::Fault;
use crate::guard::{self, Facts, Path, Verdict};
use crate::json::old_safe;
use crate::limits::{ACCEPT_PAUSE, ADMIN_CONNECTIONS_MAX, GOODBYE, GOODBYE_BYTES_MAX, HEAD};

/// Serves the admin listener until dropped. The guard is asked first, on every path.
///
/// `pages` answers what is not `/rpc`, `/health` or an old path; its handlers find the
/// [`Caller`] in the request's extensions.
pub async fn serve_admin(listener: TcpListener, api: Api, pages: Router) -> io::Result<()> {
    let here = listener.local_addr()?;
    let desk = Desk { api, pages, room: Room::default() };
    let listener = &listener;
    let accept = move || async move {
        let (io, peer) = listener.accept().await?;
        // A listener on all addresses does not know which one the caller reached.
        let here = io.local_addr().unwrap_or(here);
        Ok((io, At::Listener { here, peer }))
    };
    serve_all(accept, desk).await
}

/// Serves the socket until dropped. Who can open it was decided by its file's mode.
#[cfg(unix)]
pub async fn serve_socket(listener: UnixListener, api: Api) -> io::Result<()> {
    let desk = Desk { api, pages: Router::new(), room: Room::default() };
    let listener = &listener;
    let accept = move || async move { Ok((listener.accept().await?.0, At::Socket)) };
    serve_all(accept, desk).await
}

/// Takes connections, as many at once as there are places.
async fn serve_all<IO, F>(accept: impl Fn() -> F, desk: Desk) -> io::Result<()>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = io::Result<(IO, At)>>,
{
    let places = Arc::new(Semaphore::new(ADMIN_CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
        let accepted = tokio::select! {
            accepted = accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((io, at)) => {
                let desk = desk.clone();
                connections.spawn(async move {
                    serve(io, at, desk).await;
                    drop(place);
                });
            }
            Err(error) => {
                warn!(cause = %error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Where a connection came in.
#[derive(Clone, Copy, Debug)]
enum At {
    Listener { here: SocketAddr, peer: SocketAddr },
    Socket,
}

/// What all connections share.
#[derive(Clone)]
struct Desk {
    api: Api,
    pages: Router,
    room: Room,
}

async fn serve<IO>(io: IO, at: At, desk: Desk)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let taken = Taken::default();
    let asked = taken.clone();
    let answer = service_fn(move |request| {
        // Another request on this connection: the answers before it have arrived.
        asked.run();
        let (desk, asked) = (desk.clone(), asked.clone());
        async move { Ok::<_, Infallible>(desk.answer(at, asked, request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(io), answer)
        .without_shutdown()
        .await;
    match served {
        Ok(parts) => {
            if closed_well(parts.io.into_inner()).await {
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
    async fn answer(&self, at: At, taken: Taken, request: Request<Incoming>) -> Response<Body> {
        let path = Path::of(request.uri().path());
        let caller = match at {
            At::Socket if path == Path::Rpc && request.method() == Method::POST => Caller::socket(),
            At::Socket => return empty(StatusCode::NOT_FOUND),
            At::Listener { here, peer } => {
                let (method, uri, headers) = (request.method(), request.uri(), request.headers());
                let facts = Facts { peer, listener: here, method, uri, headers };
                match guard::judge(&facts) {
                    Verdict::Refuse(status) => return empty(status),
                    Verdict::Pass { local } => {
                        let near = if local { Near::Ours } else { Near::Away };
                        Caller { near, from: Some(peer), ..Caller::default() }
                    }
                }
            }
        };
        let headers = request.headers();
        let (basic, bearer) = (body::basic(headers), body::bearer(headers));
        let caller = Caller { basic, bearer, cookies: body::cookies(headers), taken, ..caller };
        match path {
            Path::Rpc => self.rpc(caller, Door::Rpc, request).await,
            Path::OldCall => {
                let caller = Caller { old: true, ..caller };
                closing(self.rpc(caller, Door::Old, request).await)
            }
            Path::OldGet => closing(self.get(caller, &request).await),
            Path::Page if request.uri().path() == "/health" => health(request.method()),
            Path::Page => self.page(caller, request).await,
        }
    }

    async fn rpc(&self, caller: Caller, door: Door, request: Request<Incoming>) -> Response<Body> {
        let read = match body::read(request.into_body(), &self.room).await {
            Ok(read) => read,
            Err(StatusCode::SERVICE_UNAVAILABLE) => {
                let busy = Fault::new(Code::Busy, "busy with other large calls; try again soon");
                return closing(json(dialect::refused(door, &busy)));
            }
            Err(status) => return closing(empty(status)),
        };
        match dialect::answer(&self.api, &caller, door, &read.bytes).await {
            Some(text) => json(text),
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

    async fn page(&self, caller: Caller, request: Request<Incoming>) -> Response<Body> {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(caller);
        match self.pages.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
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
    let mut set = |name: HeaderName, value: &'static str| {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    };
    set(header::CONTENT_TYPE, kind);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::CACHE_CONTROL, "no-store");
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
