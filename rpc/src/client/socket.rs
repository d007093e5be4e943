//! The CLI's way in: JSON-RPC over the Unix socket, a connection for each call.
//!
//! It implements jsonrpsee's client trait, so the typed clients of `method` work on it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jsonrpsee::core::client::{BatchResponse, ClientT, Error as RpcError};
use jsonrpsee::core::params::BatchRequestBuilder;
use jsonrpsee::core::traits::ToRpcParams;
use jsonrpsee::types::ErrorObjectOwned;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::net::UnixStream;

use crate::fault::Fault;
use crate::limits::MESSAGE_BYTES_MAX;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// No daemon listens on the socket.
    #[error("the daemon is not reachable")]
    Unreachable(#[source] io::Error),
    /// The socket's file may not be opened by this user.
    #[error("this user may not open the daemon's socket")]
    NotAllowed(#[source] io::Error),
    /// The daemon's answer is an error.
    #[error("{0}")]
    Fault(Fault),
    /// The connection broke before the answer was here.
    #[error("the daemon hung up")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer, or the question, is not what the method speaks of.
    #[error("the answer cannot be read")]
    Strange(#[source] serde_json::Error),
}

/// A client of the daemon on this machine.
#[derive(Clone, Debug)]
pub struct SocketClient {
    path: PathBuf,
}

impl SocketClient {
    /// A client of the socket at `path`. Nothing is opened before the first call.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Calls a method with a list or object of parameters.
    ///
    /// There is no deadline: `sync_now` with `wait` takes its time, and the caller has a Ctrl-C.
    pub async fn call<R: DeserializeOwned>(
        &self,
        method: &str,
        params: &serde_json::Value,
    ) -> Result<R, CallError> {
        let params = serde_json::value::to_raw_value(params).map_err(CallError::Strange)?;
        self.call_raw(method, Some(params)).await
    }

    async fn call_raw<R: DeserializeOwned>(
        &self,
        method: &str,
        params: Option<Box<RawValue>>,
    ) -> Result<R, CallError> {
        let mut question = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method});
        // An absent list and an empty one are the same to a method; null is neither.
        if let (Some(params), Some(object)) = (params, question.as_object_mut()) {
            let params = serde_json::from_str(params.get()).map_err(CallError::Strange)?;
            object.insert("params".to_owned(), params);
        }
        let text = self.exchange(question.to_string()).await?;
        let answered: Answered = serde_json::from_slice(&text).map_err(CallError::Strange)?;
        if let Some(error) = answered.error {
            return Err(CallError::Fault(Fault::from(&error)));
        }
        let result = answered.result.as_ref().map_or("null", |raw| raw.get());
        serde_json::from_str(result).map_err(CallError::Strange)
    }

    async fn exchange(&self, question: String) -> Result<Bytes, CallError> {
        let stream = UnixStream::connect(&self.path).await.map_err(|error| {
            if error.kind() == io::ErrorKind::PermissionDenied {
                CallError::NotAllowed(error)
            } else {
                CallError::Unreachable(error)
            }
        })?;
        let broken = |error: hyper::Error| CallError::Broken(Box::new(error));
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let request = Request::post("/rpc")
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .body(Full::new(Bytes::from(question)))
            .map_err(|error| CallError::Broken(Box::new(error)))?;
        let asking = async {
            sender.ready().await.map_err(broken)?;
            let response = sender.send_request(request).await.map_err(broken)?;
            let body = Limited::new(response.into_body(), MESSAGE_BYTES_MAX as usize);
            body.collect().await.map(Collected::to_bytes).map_err(CallError::Broken)
        };
        // The connection has to be driven while the answer is read; its own end says nothing more.
        tokio::pin!(asking);
        tokio::select! {
            answer = &mut asking => answer,
            ended = connection => {
                ended.map_err(broken)?;
                asking.await
            }
        }
    }
}

#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    result: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<ErrorObjectOwned>,
}

impl ClientT for SocketClient {
    async fn notification<Params>(&self, method: &str, params: Params) -> Result<(), RpcError>
    where
        Params: ToRpcParams + Send,
    {
        self.request::<serde_json::Value, _>(method, params).await.map(drop)
    }

    async fn request<R, Params>(&self, method: &str, params: Params) -> Result<R, RpcError>
    where
        R: DeserializeOwned,
        Params: ToRpcParams + Send,
    {
        let params = params.to_rpc_params()?;
        self.call_raw(method, params).await.map_err(|error| match error {
            CallError::Fault(fault) => RpcError::Call(fault.into()),
            CallError::Strange(error) => RpcError::ParseError(error),
            other => RpcError::Transport(Box::new(other)),
        })
    }

    async fn batch_request<'a, R>(
        &self,
        _batch: BatchRequestBuilder<'a>,
    ) -> Result<BatchResponse<'a, R>, RpcError>
    where
        R: DeserializeOwned + fmt::Debug + 'a,
    {
        Err(RpcError::Custom("the socket's client sends single calls".to_owned()))
    }
}

impl From<RpcError> for CallError {
    /// Undoes what the client trait did to an error of ours.
    fn from(error: RpcError) -> Self {
        match error {
            RpcError::Call(error) => Self::Fault(Fault::from(&error)),
            RpcError::ParseError(error) => Self::Strange(error),
            RpcError::Transport(error) => match error.downcast::<Self>() {
                Ok(ours) => *ours,
                Err(other) => Self::Broken(other),
            },
            other => Self::Broken(Box::new(other)),
        }
    }
}
