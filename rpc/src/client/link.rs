//! Dialling a partner: TCP, TLS with its pin, and the WebSocket on top.
//!
//! A refused key sees its TLS handshake succeed; the alert comes with the first read. The
//! WebSocket's own handshake is that read: a link that is returned was let in.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jsonrpsee::core::client::Error as RpcError;
use jsonrpsee_ws_client::{PingConfig, WsClient, WsClientBuilder};
use rustls::client::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::identity::{Identity, Pin};
use crate::limits::{
    CALL, DIAL, HANDSHAKE, HEARTBEAT, LINK_CALLS_MAX, LINK_QUEUE_MAX, MESSAGE_BYTES_MAX,
    PAIRING_CALL, SILENCE,
};
use crate::server::{message_bytes_max, path_of};
use crate::tls::{self, Alpn, Peer, TlsError};

/// A link, as the dialler has it: the client traits of `method` are implemented for it.
/// Dropping it closes the link.
pub type Link = WsClient;

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// Nobody answers at the address.
    #[error("nobody answers")]
    Unreachable(#[source] io::Error),
    /// Whoever answers has another key than the one dialled.
    #[error("the machine there has another key")]
    WrongKey,
    /// The machine there does not let our key in.
    #[error("the machine there refuses our key")]
    Refused,
    /// Whoever answers does not speak our protocol.
    #[error("the machine there speaks another protocol")]
    OtherProtocol,
    /// The connection was made and broke before it could be used.
    #[error("the connection broke")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
}

impl From<TlsError> for DialError {
    fn from(error: TlsError) -> Self {
        match error {
            TlsError::WrongKey => Self::WrongKey,
            TlsError::Refused => Self::Refused,
            TlsError::OtherProtocol => Self::OtherProtocol,
            other @ (TlsError::Setup(_) | TlsError::Broken(_) | TlsError::TooSlow) => {
                Self::Broken(Box::new(other))
            }
        }
    }
}

/// Dials one address for the machine with this pin. Tries once.
pub async fn dial(
    address: SocketAddr,
    identity: &Identity,
    pin: Pin,
    alpn: Alpn,
) -> Result<(Link, Peer), DialError> {
    let config = tls::client_config(identity, pin, alpn)?;
    let (stream, peer) = connect(address, config, Some(pin), alpn).await?;
    Ok((upgrade(stream, alpn, CALL).await?, peer))
}

/// Dials one address for pairing, whoever is there. Tries once.
///
/// The key is told also when it then refuses to talk: a machine that is not open yet may be in a
/// moment, and the caller knows it again.
pub async fn meet(
    address: SocketAddr,
    identity: &Identity,
) -> Result<(Peer, Result<Link, DialError>), DialError> {
    let config = tls::stranger_config(identity)?;
    let (stream, peer) = connect(address, config, None, Alpn::Join).await?;
    Ok((peer, upgrade(stream, Alpn::Join, PAIRING_CALL).await))
}

async fn connect(
    address: SocketAddr,
    config: Arc<ClientConfig>,
    pin: Option<Pin>,
    alpn: Alpn,
) -> Result<(TlsStream<TcpStream>, Peer), DialError> {
    let tcp = timeout(DIAL, TcpStream::connect(address))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(DialError::Unreachable)?;
    // Small calls wait for nobody; a socket that refuses the option is a little slower.
    tcp.set_nodelay(true).ok();
    Ok(tls::connect(tcp, config, pin, alpn).await?)
}

async fn upgrade(
    stream: TlsStream<TcpStream>,
    alpn: Alpn,
    call: Duration,
) -> Result<Link, DialError> {
    let url = format!("ws://dunlin{}", path_of(alpn));
    let building = WsClientBuilder::new()
        .max_request_size(message_bytes_max(alpn))
        .max_response_size(MESSAGE_BYTES_MAX)
        .request_timeout(call)
        .connection_timeout(HANDSHAKE)
        .max_concurrent_requests(LINK_CALLS_MAX)
        .max_buffer_capacity_per_subscription(LINK_QUEUE_MAX as usize)
        .enable_ws_ping(
            PingConfig::new().ping_interval(HEARTBEAT).inactive_limit(SILENCE).max_failures(1),
        )
        .build_with_stream(url, stream);
    match timeout(HANDSHAKE, building).await {
        Ok(Ok(link)) => Ok(link),
        Ok(Err(error)) => Err(meaning(error)),
        Err(late) => Err(DialError::Broken(Box::new(late))),
    }
}

/// The alert lies at the bottom of a chain of wrappers.
fn meaning(error: RpcError) -> DialError {
    let RpcError::Transport(error) = error else { return DialError::Broken(Box::new(error)) };
    let mut cause: Option<&(dyn Error + 'static)> = Some(error.as_ref());
    while let Some(this) = cause {
        let inner = this.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let found = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(meaning) = found.and_then(TlsError::of_rustls) {
            return meaning.into();
        }
        cause = this.source();
    }
    DialError::Broken(error)
}
