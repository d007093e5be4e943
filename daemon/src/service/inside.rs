//! The methods, called from this process: as a caller from outside would, through the same gate.
//!
//! The typed clients of `rpc` work on it. The page uses it with its visitor as the caller, so that it
//! can do no more than the visitor may; the command line uses it where there is no daemon.

use std::fmt::Debug;

use dunlin_rpc::Caller;
use dunlin_rpc::dialect::{self, Api, Door};
use jsonrpsee::core::client::{BatchResponse, ClientT, Error};
use jsonrpsee::core::params::BatchRequestBuilder;
use jsonrpsee::core::traits::ToRpcParams;
use jsonrpsee::types::ErrorObjectOwned;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// The methods, and who calls them.
#[derive(Clone, Debug)]
pub(crate) struct Inside {
    pub(crate) api: Api,
    pub(crate) caller: Caller,
}

impl ClientT for Inside {
    async fn notification<Params>(&self, method: &str, params: Params) -> Result<(), Error>
    where
        Params: ToRpcParams + Send,
    {
        self.request::<Box<RawValue>, _>(method, params).await.map(drop)
    }

    async fn request<R, Params>(&self, method: &str, params: Params) -> Result<R, Error>
    where
        R: DeserializeOwned,
        Params: ToRpcParams + Send,
    {
        let params = params.to_rpc_params()?;
        let params = params.as_deref().map(RawValue::get);
        match dialect::call(&self.api, &self.caller, Door::Rpc, method, params).await {
            Ok(answer) => serde_json::from_str(&answer).map_err(Error::ParseError),
            Err(fault) => Err(Error::Call(ErrorObjectOwned::from(fault))),
        }
    }

    async fn batch_request<'a, R>(
        &self,
        _batch: BatchRequestBuilder<'a>,
    ) -> Result<BatchResponse<'a, R>, Error>
    where
        R: DeserializeOwned + Debug + 'a,
    {
        Err(Error::Custom("single calls only".to_owned()))
    }
}
