//! The table of parameters says what the traits say.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Mutex;

use dunlin_rpc::Secret;
use dunlin_rpc::method::METHODS;
use dunlin_rpc::method::access::AccessClient;
use dunlin_rpc::method::admin::AdminClient;
use dunlin_rpc::method::key::KeyClient;
use dunlin_rpc::method::overview::OverviewClient;
use dunlin_rpc::method::pairing::PairingClient;
use dunlin_rpc::method::settings::SettingsClient;
use dunlin_rpc::method::shop::ShopClient;
use dunlin_rpc::method::tables::TablesClient;
use dunlin_rpc::wire::admin::Track;
use jsonrpsee::core::client::{BatchResponse, ClientT, Error};
use jsonrpsee::core::params::BatchRequestBuilder;
use jsonrpsee::core::traits::ToRpcParams;
use serde::de::DeserializeOwned;

/// A client that writes down what it is asked to send, and sends nothing.
#[derive(Default)]
struct Recorder(Mutex<Vec<(String, usize)>>);

impl ClientT for Recorder {
    async fn notification<P: ToRpcParams + Send>(&self, _: &str, _: P) -> Result<(), Error> {
        Ok(())
    }

    async fn request<R, P>(&self, method: &str, params: P) -> Result<R, Error>
    where
        R: DeserializeOwned,
        P: ToRpcParams + Send,
    {
        let params = params.to_rpc_params().unwrap();
        let count = params.map_or(0, |raw| {
            serde_json::from_str::<Vec<serde_json::Value>>(raw.get()).unwrap().len()
        });
        self.0.lock().unwrap().push((method.to_owned(), count));
        Err(Error::Custom("recorded".to_owned()))
    }

    async fn batch_request<'a, R>(
        &self,
        _: BatchRequestBuilder<'a>,
    ) -> Result<BatchResponse<'a, R>, Error>
    where
        R: DeserializeOwned + Debug + 'a,
    {
        Err(Error::Custom("recorded".to_owned()))
    }
}

#[tokio::test]
async fn every_method_is_in_the_table_with_its_parameters() {
    let client = Recorder::default();
    let text = || "x".to_owned();
    let secret = || Secret(text());
    client.getdata(None, None, None, None, None).await.unwrap_err();
    client.putdata(None, None, None, None).await.unwrap_err();
    client.machine_status().await.unwrap_err();
    client.partners_list().await.unwrap_err();
    client.tables_list().await.unwrap_err();
    client.tables_track(Track::default()).await.unwrap_err();
    client.tables_untrack(Vec::new(), None).await.unwrap_err();
    client.history_list(None, None, None, None).await.unwrap_err();
    client.conflicts_list(None).await.unwrap_err();
    client.conflicts_restore(1).await.unwrap_err();
    client.conflicts_keep(1).await.unwrap_err();
    client.held_list(None).await.unwrap_err();
    client.held_retry(None).await.unwrap_err();
    client.held_accept(None).await.unwrap_err();
    client.held_keep(None).await.unwrap_err();
    client.sync_now(None, None).await.unwrap_err();
    client.pairing_invite(None, None, None).await.unwrap_err();
    client.pairing_join(secret()).await.unwrap_err();
    client.key_show().await.unwrap_err();
    client.key_rotate().await.unwrap_err();
    client.pairing_open().await.unwrap_err();
    client.pairing_begin(text()).await.unwrap_err();
    client.pairing_state().await.unwrap_err();
    client.pairing_confirm(text()).await.unwrap_err();
    client.pairing_cancel().await.unwrap_err();
    client.users_list().await.unwrap_err();
    client.users_add(text(), text(), secret(), None).await.unwrap_err();
    client.users_passwd(text(), secret()).await.unwrap_err();
    client.users_role(text(), text(), None).await.unwrap_err();
    client.users_remove(text()).await.unwrap_err();
    client.tables_compare().await.unwrap_err();
    client.tables_candidates().await.unwrap_err();
    client.history_hours(None).await.unwrap_err();
    client.held_delete(1).await.unwrap_err();
    client.held_give(1, BTreeMap::new()).await.unwrap_err();
    client.network_check().await.unwrap_err();
    client.sightings_ignore(uuid::Uuid::nil()).await.unwrap_err();
    client.sightings_notice(uuid::Uuid::nil()).await.unwrap_err();
    client.log_list(None, None).await.unwrap_err();
    client.settings_show().await.unwrap_err();
    client.settings_set(None, None, None, None).await.unwrap_err();
    client.settings_keep().await.unwrap_err();
    client.settings_undo().await.unwrap_err();
    client.support_bundle().await.unwrap_err();
    client.partners_let_in(text()).await.unwrap_err();
    client.partners_forget(text(), None).await.unwrap_err();
    client.partners_promote(text()).await.unwrap_err();
    client.partners_let_in_again(text(), None).await.unwrap_err();
    client.partners_pause(None).await.unwrap_err();
    client.partners_resume(None).await.unwrap_err();
    client.shop_leave().await.unwrap_err();
    client.shop_renew().await.unwrap_err();
    client.tokens_create(text(), text(), None, None).await.unwrap_err();
    client.tokens_list().await.unwrap_err();
    client.tokens_revoke(text()).await.unwrap_err();
    let recorded = client.0.into_inner().unwrap();
    let table: Vec<_> =
        METHODS.iter().map(|method| (method.name.to_owned(), method.params.len())).collect();
    assert_eq!(recorded, table);
}
