use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jsonrpsee::RpcModule;
use jsonrpsee::types::ErrorObject;

use super::*;
use crate::gate::Judging;

fn methods(called: &Arc<AtomicU64>) -> Methods {
    let mut module = RpcModule::new(Arc::clone(called));
    module
        .register_method("echo", |params, called, _| {
            called.fetch_add(1, Ordering::SeqCst);
            params
                .parse::<Box<RawValue>>()
                .map_err(|error| ErrorObject::owned(-32602, error.message().to_owned(), None::<()>))
        })
        .unwrap();
    module
        .register_async_method("getdata", |params, called, extensions| async move {
            called.fetch_add(1, Ordering::SeqCst);
            let who = extensions.get::<Caller>().unwrap();
            let count = params.parse::<Vec<serde_json::Value>>().map_or(0, |list| list.len());
            format!("é {} {count}", who.old)
        })
        .unwrap();
    module
        .register_method("fail", |_, _, _| -> Result<(), _> {
            Err(ErrorObjectOwned::from(Fault::new(Code::Busy, "busy; try again soon")))
        })
        .unwrap();
    for name in ["write", "hidden"] {
        module.register_method(name, |_, called, _| called.fetch_add(1, Ordering::SeqCst)).unwrap();
    }
    module.into()
}

const fn known(name: &'static str, right: Right) -> Method {
    Method { name, params: &["a", "b", "c", "d", "e"], right }
}

/// `hidden` runs and is not here.
const TABLE: &[Method] = &[
    known("echo", Right::Read),
    known("fail", Right::Read),
    known("getdata", Right::Own),
    known("write", Right::Write),
];

/// Lets through what only looks.
struct Looking;

impl Gate for Looking {
    fn judge<'a>(&'a self, _: &'a Caller, right: Right) -> Judging<'a> {
        let no = Fault::new(Code::NotAllowed, "no");
        Box::pin(async move { if right <= Right::Read { Ok(()) } else { Err(no) } })
    }
}

struct Story {
    api: Api,
    called: Arc<AtomicU64>,
}

impl Story {
    fn new() -> Self {
        let called = Arc::default();
        let api = Api { methods: methods(&called), table: TABLE, gate: Arc::new(Looking) };
        Self { api, called }
    }

    async fn ask(&self, door: Door, body: &str) -> Answer {
        answer(&self.api, &Caller::default(), door, body.as_bytes()).await
    }

    async fn check(&self, door: Door, cases: &[(&str, &str)]) {
        for (body, expected) in cases {
            let answer = self.ask(door, body).await;
            assert_eq!(answer.as_deref().unwrap_or(""), *expected, "{body}");
        }
    }
}

#[tokio::test]
async fn two_point_zero_gets_what_the_standard_says() {
    let story = Story::new();
    let invalid = r#""error":{"code":-32600,"message":"#;
    story
        .check(
            Door::Rpc,
            &[
                (
                    r#"{"jsonrpc":"2.0","id":1,"method":"echo","params":[1]}"#,
                    r#"{"jsonrpc":"2.0","id":1,"result":[1]}"#,
                ),
                (
                    r#"{"jsonrpc":"2.0","id":1,"method":"echo","params":{"a":1.0}}"#,
                    r#"{"jsonrpc":"2.0","id":1,"result":{"a":1.0}}"#,
                ),
                (
                    r#"{"jsonrpc":"2.0","id":1,"method":"nosuch"}"#,
                    r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"there is no such method"}}"#,
                ),
                (
                    r#"{"jsonrpc":"2.0","id":1,"method":"fail"}"#,
                    r#"{"jsonrpc":"2.0","id":1,"error":{"code":1100,"message":"busy; try again soon"}}"#,
                ),
                (
                    "{",
                    r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"not JSON"}}"#,
                ),
                (
                    r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"echo"}"#,
                    &format!(
                        r#"{{"jsonrpc":"2.0","id":null,{invalid}"a key stands twice in one object"}}}}"#
                    ),
                ),
                (
                    "7",
                    &format!(r#"{{"jsonrpc":"2.0","id":null,{invalid}"not a call"}}}}"#),
                ),
                (
                    r#"{"jsonrpc":"2.0","id":5,"method":7}"#,
                    &format!(
                        r#"{{"jsonrpc":"2.0","id":5,{invalid}"method must be a string"}}}}"#
                    ),
                ),
                (
                    r#"{"jsonrpc":"2.0","id":{},"method":"echo"}"#,
                    &format!(
                        r#"{{"jsonrpc":"2.0","id":null,{invalid}"an id is a string, a number or null"}}}}"#
                    ),
                ),
            ],
        )
        .await;
}

#[tokio::test]
async fn an_odd_id_is_echoed_as_it_came() {
    let story = Story::new();
    for id in ["-5", "1.50", "1e2", "\"\"", "\"jsonrpc\"", "null", "123456789012345678901234"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"echo","params":[]}}"#);
        let expected = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":[]}}"#);
        assert_eq!(story.ask(Door::Rpc, &body).await.unwrap(), expected);
    }
    for id in ["-5", "1.5", "\"jsonrpc\"", "[1,{\"a\":2}]", "false", "{}"] {
        let body = format!(r#"{{"id":{id},"method":"echo","params":[]}}"#);
        let expected = format!(r#"{{"version":"1.1","id":{id},"result":[],"error":null}}"#);
        assert_eq!(story.ask(Door::Rpc, &body).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_notification_is_executed_and_not_answered() {
    let story = Story::new();
    for body in [
        r#"{"jsonrpc":"2.0","method":"echo","params":[]}"#,
        r#"{"method":"echo","params":[],"id":null}"#,
        r#"[{"jsonrpc":"2.0","method":"echo","params":[]}]"#,
        r#"{"jsonrpc":"2.0","method":"nosuch"}"#,
    ] {
        assert_eq!(story.ask(Door::Rpc, body).await, None, "{body}");
    }
    assert_eq!(story.called.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_batch_answers_its_calls_and_has_a_limit() {
    let story = Story::new();
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"echo","params":[]}"#;
    let note = r#"{"jsonrpc":"2.0","method":"echo","params":[]}"#;
    let old = r#"{"method":"echo","params":[],"id":1}"#;
    let done = r#"{"jsonrpc":"2.0","id":1,"result":[]}"#;
    let not = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"not a call of JSON-RPC 2.0"}}"#;
    story
        .check(
            Door::Rpc,
            &[
                (&format!("[{call},{note},7,{call}]"), &format!("[{done},{not},{done}]")),
                (&format!("[{old}]"), &format!("[{not}]")),
                (&format!("[[{call}]]"), &format!("[{not}]")),
                (
                    "[]",
                    r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"the batch is empty"}}"#,
                ),
            ],
        )
        .await;
    let called = story.called.load(Ordering::SeqCst);
    let many = format!("[{}]", vec![call; BATCH_MAX + 1].join(","));
    assert!(story.ask(Door::Rpc, &many).await.unwrap().contains("-32600"));
    assert_eq!(story.called.load(Ordering::SeqCst), called, "none of them ran");
    let full = format!("[{}]", vec![call; BATCH_MAX].join(","));
    assert_eq!(story.ask(Door::Rpc, &full).await.unwrap().matches("result").count(), BATCH_MAX);
}

#[tokio::test]
async fn the_old_dialect_gets_all_four_members_in_ascii() {
    let story = Story::new();
    story
        .check(
            Door::Old,
            &[
                (
                    r#"{"params":["machinename12345","a","b"],"method":"getdata","id":"jsonrpc"}"#,
                    r#"{"version":"1.1","id":"jsonrpc","result":"\u00e9 true 3","error":null}"#,
                ),
                (
                    r#"{"method":"nosuch","params":[],"id":"é"}"#,
                    r#"{"version":"1.1","id":"\u00e9","result":null,"error":{"name":"JSONRPCError","code":100,"message":"method \"nosuch\" does not exist"}}"#,
                ),
                (
                    r#"{"method":"echo","params":[],"id":1}"#,
                    r#"{"version":"1.1","id":1,"result":null,"error":{"name":"JSONRPCError","code":100,"message":"method \"echo\" does not exist"}}"#,
                ),
                (
                    "no json",
                    r#"{"version":"1.1","id":null,"result":null,"error":{"name":"JSONRPCError","code":100,"message":"not JSON"}}"#,
                ),
                // A caller of 2.0 gets 2.0 on the same path.
                (
                    r#"{"jsonrpc":"2.0","method":"getdata","params":[],"id":1}"#,
                    r#"{"jsonrpc":"2.0","id":1,"result":"é false 0"}"#,
                ),
                // Raw control characters, as the old encoder leaves them.
                (
                    "{\"method\":\"getdata\",\"params\":[\"a\u{1b}\"],\"id\":\"\u{1f}\"}",
                    r#"{"version":"1.1","id":"\u001f","result":"\u00e9 true 1","error":null}"#,
                ),
            ],
        )
        .await;
    let raw = "{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":[\"\u{1b}\"],\"id\":1}";
    assert!(story.ask(Door::Rpc, raw).await.unwrap().contains("-32700"));
}

#[tokio::test]
async fn what_the_gate_refuses_and_what_is_not_in_the_table_does_not_run() {
    let story = Story::new();
    story
        .check(
            Door::Rpc,
            &[
                (
                    r#"{"jsonrpc":"2.0","id":1,"method":"write"}"#,
                    r#"{"jsonrpc":"2.0","id":1,"error":{"code":1001,"message":"no"}}"#,
                ),
                (
                    r#"{"jsonrpc":"2.0","id":1,"method":"hidden"}"#,
                    r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"there is no such method"}}"#,
                ),
            ],
        )
        .await;
    story.ask(Door::Rpc, r#"{"jsonrpc":"2.0","method":"write"}"#).await;
    assert_eq!(story.called.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn unknown_parameters_are_refused() {
    let story = Story::new();
    for params in [r#"{"uuid":"a","nosuch":1}"#, "[1,2,3,4,5,6]"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"getdata","params":{params}}}"#);
        assert!(story.ask(Door::Rpc, &body).await.unwrap().contains("-32602"), "{params}");
    }
    assert_eq!(story.called.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_bomb_is_refused_without_a_call() {
    let story = Story::new();
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"echo","params":{}{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    assert!(story.ask(Door::Rpc, &deep).await.unwrap().contains("-32600"));
    assert_eq!(story.called.load(Ordering::SeqCst), 0);
}

proptest::proptest! {
    #[test]
    fn noise_is_answered_and_never_a_panic(
        text in r#"[\[\]{}":,a-z0-9.eE\\-]{0,60}"#, old in proptest::bool::ANY,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let door = if old { Door::Old } else { Door::Rpc };
        let answer = runtime.block_on(Story::new().ask(door, &text));
        let answer = answer.unwrap_or_else(|| "{}".to_owned());
        proptest::prop_assert!(serde_json::from_str::<serde_json::Value>(&answer).is_ok());
    }
}
