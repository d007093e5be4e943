//! A caller's body: whatever it is, the answer is JSON, or there is none.
#![no_main]

use std::sync::Arc;

use dunlin_rpc::Caller;
use dunlin_rpc::dialect::{Api, Door, answer};
use dunlin_rpc::gate::{Gate, Judging};
use dunlin_rpc::method::{METHODS, Right};
use jsonrpsee::core::server::Methods;
use libfuzzer_sys::fuzz_target;

/// Lets everybody through: what is behind it is to be reached.
struct Open;

impl Gate for Open {
    fn judge<'a>(&'a self, _: &'a Caller, _: Right) -> Judging<'a> {
        Box::pin(std::future::ready(Ok(())))
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((first, body)) = data.split_first() else { return };
    let door = if first % 2 == 0 { Door::Rpc } else { Door::Old };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let api = Api { methods: Methods::new(), table: METHODS, gate: Arc::new(Open) };
    let answered = runtime.block_on(answer(&api, &Caller::default(), door, body));
    if let Some(text) = answered {
        serde_json::from_str::<serde_json::Value>(&text).expect("an answer is JSON");
    }
});
