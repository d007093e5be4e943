//! A link: one WebSocket over one TLS stream.
//!
//! jsonrpsee starts every message it reads at once and without a bound, so calls beyond
//! `LINK_CALLS_MAX` are answered `Busy`, and who does not read our answers is not read from: what he
//! sends would pile up here, each message with an answer that finds no room. The pin is looked up
//! before every call, and again before its answer leaves, since a partner may be forgotten while its
//! link lives.

use std::future::Future;
use std::io;
use std::pin::Pin as StdPin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use http::{Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jsonrpsee::core::middleware::{Batch, Notification, RpcServiceBuilder, RpcServiceT};
use jsonrpsee::core::server::{MethodResponse, Methods};
use jsonrpsee::server::{
    BatchRequestConfig, HttpBody, HttpRequest, PingConfig, Server, ServerConfig, stop_channel,
};
use jsonrpsee::types::{ErrorObjectOwned, Request};
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tower::Service;
use tower::layer::layer_fn;
use tracing::warn;

use crate::code::Code;
use crate::fault::Fault;
use crate::json::{Broken, is_deeper_than};
use crate::limits::{
    BODY_BYTES_MAX, HEAD, HEAD_BYTES_MAX, HEARTBEAT, JOIN_MESSAGE_BYTES_MAX, LINK_ANSWERS_MAX,
    LINK_CALLS_MAX, LINK_LARGE_CALLS_MAX, LINK_SUBSCRIPTIONS_MAX, MESSAGE_BYTES_MAX,
    MESSAGE_DEPTH_MAX, SILENCE,
};
use crate::tls::{Alpn, LetIn, Peer};

/// Serves one connection of a partner until it ends. Dropping the future cuts the connection.
///
/// Each method finds the [`Peer`] in its extensions.
pub async fn serve_link<IO>(
    io: IO,
    peer: Peer,
    methods: Methods,
    let_in: LetIn,
) -> Result<(), hyper::Error>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let alpn = peer.alpn;
    let path = path_of(alpn);
    let (stop, keep_running) = stop_channel();
    let calls = Arc::new(Semaphore::new(LINK_CALLS_MAX));
    let large = Arc::new(Semaphore::new(LINK_LARGE_CALLS_MAX));
    let complained = Arc::new(AtomicBool::new(false));
    let who = peer.clone();
    let bounds = layer_fn(move |service| Bounded {
        service,
        calls: Arc::clone(&calls),
        large: Arc::clone(&large),
        complained: Arc::clone(&complained),
        peer: who.clone(),
        let_in: Arc::clone(&let_in),
    });
    let mut service = Server::builder()
        .set_config(config(alpn))
        .to_service_builder()
        .set_rpc_middleware(RpcServiceBuilder::new().layer(bounds))
        .build(methods, stop);
    let closed = service.on_session_closed();
    let answer = service_fn(move |mut request: HttpRequest<Incoming>| {
        let mut service = service.clone();
        request.extensions_mut().insert(peer.clone());
        async move {
            if request.uri().path() != path {
                let mut response = Response::new(HttpBody::empty());
                *response.status_mut() = StatusCode::NOT_FOUND;
                return Ok(response);
            }
            service.call(request).await.map_err(io::Error::other)
        }
    });
    let (_uncut, cut) = oneshot::channel();
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(Severable::new(io, cut)), answer)
        .with_upgrades()
        .await?;
    closed.await;
    drop(keep_running);
    Ok(())
}

/// Where a protocol's methods are.
pub(crate) const fn path_of(alpn: Alpn) -> &'static str {
    match alpn {
        Alpn::Link => "/link",
        Alpn::Join => "/join",
    }
}

/// The largest message that is taken from whoever dialled.
pub(crate) const fn message_bytes_max(alpn: Alpn) -> u32 {
    match alpn {
        Alpn::Link => MESSAGE_BYTES_MAX,
        Alpn::Join => JOIN_MESSAGE_BYTES_MAX,
    }
}

fn config(alpn: Alpn) -> ServerConfig {
    ServerConfig::builder()
        .ws_only()
        .max_request_body_size(message_bytes_max(alpn))
        .max_response_body_size(MESSAGE_BYTES_MAX)
        .max_connections(1)
        .max_subscriptions_per_connection(LINK_SUBSCRIPTIONS_MAX)
        .set_message_buffer_capacity(LINK_ANSWERS_MAX)
        .set_batch_request_config(BatchRequestConfig::Disabled)
        .enable_ws_ping(
            PingConfig::new().ping_interval(HEARTBEAT).inactive_limit(SILENCE).max_failures(1),
        )
        .build()
}

/// Calls of one link: bounded, and each asked again whether its caller is still let in.
#[derive(Clone)]
struct Bounded<S> {
    service: S,
    calls: Arc<Semaphore>,
    large: Arc<Semaphore>,
    /// A message of this link was refused already: the log says so once.
    complained: Arc<AtomicBool>,
    peer: Peer,
    let_in: LetIn,
}

impl<S> Bounded<S> {
    /// Room for a call of so many bytes, if there is.
    fn room(&self, bytes: usize) -> Option<(OwnedSemaphorePermit, Option<OwnedSemaphorePermit>)> {
        let call = Arc::clone(&self.calls).try_acquire_owned().ok()?;
        if bytes <= BODY_BYTES_MAX {
            return Some((call, None));
        }
        Some((call, Some(Arc::clone(&self.large).try_acquire_owned().ok()?)))
    }
}

impl<S> RpcServiceT for Bounded<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(
        &self,
        request: Request<'a>,
    ) -> impl Future<Output = Self::MethodResponse> + Send + 'a {
        let (let_in, peer) = (Arc::clone(&self.let_in), self.peer.clone());
        let is_link = peer.alpn == Alpn::Link;
        let is_let_in = move || let_in(peer.alpn, &peer.pin);
        let refused = || Fault::new(Code::NotAllowed, "the key is not let in");
        let deep = |params: &RawValue| is_deeper_than(params.get(), MESSAGE_DEPTH_MAX);
        let fault = if !is_let_in() {
            refused()
        } else if request.params.as_deref().is_some_and(deep) {
            Fault::new(Code::InvalidRequest, Broken::Deep.to_string())
        } else {
            Fault::new(Code::Busy, "too many calls at once; try again soon")
        };
        let bytes = request.params.as_ref().map_or(0, |params| params.get().len());
        let room = if fault.code == Code::Busy { self.room(bytes) } else { None };
        let (service, complained, pin) =
            (self.service.clone(), Arc::clone(&self.complained), self.peer.pin);
        async move {
            let Some(_room) = room else {
                return MethodResponse::error(request.id, ErrorObjectOwned::from(fault));
            };
            let (id, method) = (request.id.clone().into_owned(), request.method.to_string());
            let answer = service.call(request).await;
            if answer.as_error_code() == Some(Code::InvalidParams.number())
                && !complained.swap(true, Ordering::Relaxed)
            {
                warn!(partner = %pin, method, cause = "not well formed", "message refused");
            }
            // What it was about to be given is not for it any more. A refusal may say why. Not so on the port for
            // joining: the very call that lets a machine in may close that.
            if is_link && answer.is_success() && !is_let_in() {
                return MethodResponse::error(id, ErrorObjectOwned::from(refused()));
            }
            answer
        }
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = Self::BatchResponse> + Send + 'a {
        self.service.batch(batch)
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = Self::NotificationResponse> + Send + 'a {
        self.service.notification(notification)
    }
}

/// A stream that ends when the other half of `cut` is dropped, and that reads nothing while what was
/// written waits for the other side to read.
///
/// jsonrpsee moves an upgraded stream into a task of its own, and on a stop waits for running
/// subscriptions. A link that must close closes here, whatever runs on it. The other side, which dialled,
/// reads whatever it writes, so two honest ones never wait for each other.
struct Severable<IO> {
    io: IO,
    cut: oneshot::Receiver<()>,
    ended: bool,
    /// The other side does not take what we write.
    full: bool,
    /// Who wants to read meanwhile.
    reader: Option<Waker>,
}

impl<IO> Severable<IO> {
    fn new(io: IO, cut: oneshot::Receiver<()>) -> Self {
        Self { io, cut, ended: false, full: false, reader: None }
    }

    fn wrote<T>(&mut self, written: Poll<T>) -> Poll<T> {
        self.full = written.is_pending();
        if !self.full
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
        written
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Severable<IO> {
    fn poll_read(
        self: StdPin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.ended = this.ended || StdPin::new(&mut this.cut).poll(cx).is_ready();
        if this.ended {
            return Poll::Ready(Ok(()));
        }
        if this.full {
            this.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        StdPin::new(&mut this.io).poll_read(cx, buf)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Severable<IO> {
    fn poll_write(
        self: StdPin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let written = StdPin::new(&mut this.io).poll_write(cx, buf);
        this.wrote(written)
    }

    fn poll_flush(self: StdPin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = StdPin::new(&mut this.io).poll_flush(cx);
        this.wrote(flushed)
    }

    fn poll_shutdown(self: StdPin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        StdPin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
