//! The admin listener and the socket, spoken to in bytes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::{Extension, Router, routing::get};
use dunlin_rpc::client::{CallError, SocketClient};
use dunlin_rpc::dialect::Api;
use dunlin_rpc::gate::Judging;
use dunlin_rpc::guard::Rules;
use dunlin_rpc::json::Json;
use dunlin_rpc::method::tables::{TablesClient, TablesServer};
use dunlin_rpc::method::{METHODS, Right};
use dunlin_rpc::server::{Desk, serve_admin, serve_old_callers, serve_socket};
use dunlin_rpc::{Caller, Code, Fault, Gate, Listener, Near, Secret};
use jsonrpsee::Extensions;
use jsonrpsee::core::server::Methods;
use jsonrpsee::core::{RpcResult, async_trait, to_json_raw_value};
use serde_json::value::RawValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::watch;

/// Tables that say who called.
#[derive(Clone)]
struct Tables {
    puts: Arc<AtomicU64>,
    taken: Arc<watch::Sender<u64>>,
    lost: Arc<watch::Sender<u64>>,
}

/// Counts as lost unless it was counted as taken.
struct Fate {
    tables: Tables,
    taken: bool,
}

impl Fate {
    fn take(mut self) {
        self.taken = true;
    }
}

impl Drop for Fate {
    fn drop(&mut self) {
        let counter = if self.taken { &self.tables.taken } else { &self.tables.lost };
        counter.send_modify(|count| *count += 1);
    }
}

fn raw(value: &impl serde::Serialize) -> RpcResult<Box<RawValue>> {
    to_json_raw_value(value).map_err(|_| Fault::internal().into())
}

#[async_trait]
impl TablesServer for Tables {
    async fn getdata(
        &self,
        ext: &Extensions,
        uuid: Option<Json>,
        username: Option<Json>,
        password: Option<Secret<Json>>,
        _timestamp: Option<Json>,
        _cursor: Option<Json>,
    ) -> RpcResult<Box<RawValue>> {
        let caller: &Caller = ext.get().unwrap();
        if !(caller.near == Near::Ours || username.is_some() && password.is_some()) {
            return raw(&"authentication failed");
        }
        let fate = Fate { tables: self.clone(), taken: false };
        caller.when_taken(move || fate.take());
        let is_socket = caller.listener == Listener::Socket;
        let how = (caller.near == Near::Ours, caller.old, is_socket, caller.peek);
        raw(&("é", uuid, 1e-7, how, caller.basic.as_ref().map(|basic| &basic.name)))
    }

    async fn putdata(
        &self,
        _: &Extensions,
        _uuid: Option<Json>,
        _username: Option<Json>,
        _password: Option<Secret<Json>>,
        _nicedbdump: Option<Box<RawValue>>,
    ) -> RpcResult<Box<RawValue>> {
        self.puts.fetch_add(1, Ordering::SeqCst);
        raw(&true)
    }
}

/// Lets everybody through: what the gate is asked is tested where it is made.
struct Open;

impl Gate for Open {
    fn judge<'a>(&'a self, _: &'a Caller, _: Right) -> Judging<'a> {
        Box::pin(async { Ok(()) })
    }
}

fn api(methods: Methods) -> Api {
    Api { methods, table: METHODS, gate: Arc::new(Open) }
}

struct Lab {
    address: SocketAddr,
    tables: Tables,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn tables() -> Tables {
    let counter = || Arc::new(watch::channel(0).0);
    Tables { puts: Arc::default(), taken: counter(), lost: counter() }
}

impl Lab {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tables = tables();
        let methods: Methods = tables.clone().into_rpc().into();
        let page = |caller: Extension<Caller>| async move {
            let watches = if caller.watches { ", watches" } else { "" };
            format!("local {}{watches}", caller.near == Near::Ours)
        };
        let pages = Router::new().route("/", get(page));
        let ours = Arc::new(|_| Near::Ours);
        let desk = Desk::new(api(methods), pages);
        let server = tokio::spawn(serve_admin(listener, desk, Rules::default(), ours));
        Self { address, tables, server }
    }

    /// A listener for old callers that admits these addresses.
    async fn old_callers(admits: fn(IpAddr) -> bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tables = tables();
        let desk = Desk::new(api(tables.clone().into_rpc().into()), Router::new());
        let rules = Rules { listener: Listener::OldCallers, ..Rules::default() };
        let server = tokio::spawn(serve_old_callers(listener, desk, rules, Arc::new(admits)));
        Self { address, tables, server }
    }

    /// Sends bytes and reads all that comes until the server closes.
    async fn say(&self, bytes: &str) -> String {
        let mut io = TcpStream::connect(self.address).await.unwrap();
        let bytes = bytes.replace("PORT", &self.address.port().to_string());
        io.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(io.read_to_string(&mut answer)).await.unwrap();
        answer
    }

    async fn post(&self, path: &str, kind: &str, body: &str) -> String {
        let length = body.len();
        self.say(&format!(
            "POST {path} HTTP/1.1\r\nHost: localhost:PORT\r\nConnection: close\r\n\
             Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .await
    }

    async fn call(&self, body: &str) -> String {
        self.post("/rpc", "application/json", body).await
    }
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), what).await.unwrap()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap()
}

const OF_2009: &str = "POST /sahana/admin/call/jsonrpc HTTP/1.0\r\n\
    Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 98\r\n\
    Host: 127.0.0.1:PORT\r\nUser-Agent: Python-urllib/1.17\r\nAccept: */*\r\n\r\n\
    {\"params\":[\"machinename12345\",\"email@lums.edu.pk\",\"myPassword\"],\
    \"method\":\"getdata\",\"id\":\"jsonrpc\"}";

#[tokio::test]
async fn a_client_of_2009_is_served_as_it_always_was() {
    let lab = Lab::new().await;
    let answer = lab.say(OF_2009).await;
    let head = answer.split_once("\r\n\r\n").unwrap().0.to_ascii_lowercase();
    assert!(head.starts_with("http/1.0 200 ok"), "{head}");
    assert!(!head.contains("transfer-encoding") && !head.contains("www-authenticate"), "{head}");
    assert!(head.contains(&format!("content-length: {}", body(&answer).len())), "{head}");
    assert_eq!(
        body(&answer),
        r#"{"version":"1.1","id":"jsonrpc","result":["\u00e9","machinename12345",1.0e-7,[true,true,false,false],null],"error":null}"#
    );
    assert!(answer.is_ascii());
}

#[tokio::test]
async fn a_proxy_s_form_of_target_is_taken_for_our_own_address_only() {
    let lab = Lab::new().await;
    let asked = |authority: &str| OF_2009.replace("POST /", &format!("POST http://{authority}/"));
    assert_eq!(status(&lab.say(&asked("127.0.0.1:PORT")).await), "200");
    assert_eq!(status(&lab.say(&asked("evil.example")).await), "421");
}

#[tokio::test]
async fn the_host_is_asked_for_before_anything_else() {
    let lab = Lab::new().await;
    let foreign = OF_2009.replace("127.0.0.1:PORT", "evil.example");
    let answer = lab.say(&foreign).await;
    assert_eq!((status(&answer), body(&answer)), ("421", ""));
    for path in ["/", "/health", "/rpc", "/nosuch"] {
        let get = format!("GET {path} HTTP/1.1\r\nHost: evil:PORT\r\nConnection: close\r\n\r\n");
        assert_eq!(status(&lab.say(&get).await), "421", "{path}");
    }
}

#[tokio::test]
async fn notifications_are_executed_and_odd_ids_echoed() {
    let lab = Lab::new().await;
    let answer = lab.call(r#"{"jsonrpc":"2.0","method":"putdata","params":[]}"#).await;
    assert_eq!((status(&answer), body(&answer)), ("204", ""));
    let note = r#"{"method":"putdata","params":[],"id":null}"#;
    let answer = lab.post("/eden/sync/call/jsonrpc", "text/plain", note).await;
    assert_eq!((status(&answer), body(&answer)), ("200", ""));
    assert_eq!(lab.tables.puts.load(Ordering::SeqCst), 2);
    let answer = lab.call(r#"{"jsonrpc":"2.0","id":-1.50,"method":"putdata"}"#).await;
    assert_eq!(body(&answer), r#"{"jsonrpc":"2.0","id":-1.50,"result":true}"#);
}

#[tokio::test]
async fn a_batch_and_an_unknown_method_are_answered_on_rpc() {
    let lab = Lab::new().await;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"putdata"}"#;
    let answer = lab.call(&format!("[{call},{call}]")).await;
    let one = r#"{"jsonrpc":"2.0","id":1,"result":true}"#;
    assert_eq!(body(&answer), format!("[{one},{one}]"));
    let answer = lab.call(r#"{"id":7,"method":"nosuch","params":[]}"#).await;
    assert!(body(&answer).contains(r#""message":"method \"nosuch\" does not exist""#), "{answer}");
    assert_eq!(status(&lab.post("/rpc", "text/plain", call).await), "415");
}

#[tokio::test]
async fn the_get_flavour_answers_the_bare_value_and_is_never_local() {
    let lab = Lab::new().await;
    let get = |query: &str| {
        format!(
            "GET /eden/admin/call/json/getdata?{query} HTTP/1.0\r\nHost: localhost:PORT\r\n\r\n"
        )
    };
    let answer = lab.say(&get("uuid=a+b&username=u&password=p&timestamp=0")).await;
    assert_eq!(body(&answer), r#"["\u00e9","a b",1.0e-7,[false,true,false,true],null]"#);
    assert_eq!(body(&lab.say(&get("uuid=a")).await), "\"authentication failed\"");
    for bad in ["uuid=a&nosuch=1", "uuid=a&uuid=b", "uuid=%"] {
        assert_eq!(status(&lab.say(&get(bad)).await), "400", "{bad}");
    }
}

#[tokio::test]
async fn a_forwarded_call_fails_as_a_string() {
    let lab = Lab::new().await;
    let forwarded = OF_2009
        .replace("Accept: */*", "X-Forwarded-For: 127.0.0.1")
        .replace(r#""email@lums.edu.pk","myPassword""#, "null,null")
        .replace(
            "98",
            &format!(
                "{}",
                r#"{"params":["machinename12345",null,null],"method":"getdata","id":"jsonrpc"}"#
                    .len()
            ),
        );
    let answer = lab.say(&forwarded).await;
    assert!(body(&answer).contains(r#""result":"authentication failed""#), "{answer}");
}

#[tokio::test]
async fn what_is_not_named_is_not_there() {
    let lab = Lab::new().await;
    let get = |path: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: localhost:PORT\r\nConnection: close\r\n\r\n")
    };
    assert_eq!(body(&lab.say(&get("/")).await), "local true");
    assert_eq!(body(&lab.say(&get("/health")).await), "ok\n");
    for path in ["/nosuch", "//rpc", "/rpc/", "/rpc/../rpc", "/%72pc", "/link", "/join"] {
        assert_eq!(status(&lab.say(&get(path)).await), "404", "{path}");
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_unread() {
    let lab = Lab::new().await;
    let answer = lab
        .say(
            "POST /rpc HTTP/1.1\r\nHost: localhost:PORT\r\nContent-Type: application/json\r\n\
             Content-Length: 999999999\r\n\r\n",
        )
        .await;
    assert_eq!(status(&answer), "413");
    let large = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"putdata","params":["a","b","c","{}"]}}"#,
        "x".repeat(3 * 1024 * 1024)
    );
    assert_eq!(body(&lab.call(&large).await), r#"{"jsonrpc":"2.0","id":1,"result":true}"#);
}

#[tokio::test]
async fn an_answer_is_taken_when_the_caller_closes_or_asks_again() {
    let lab = Lab::new().await;
    let mut taken = lab.tables.taken.subscribe();
    lab.say(OF_2009).await;
    soon(taken.wait_for(|count| *count == 1)).await.unwrap();

    let port = lab.address.port();
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"getdata","params":["a"]}"#;
    let request = format!(
        "POST /rpc HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{call}",
        call.len()
    );
    let mut io = TcpStream::connect(lab.address).await.unwrap();
    for count in 1..=3 {
        io.write_all(request.as_bytes()).await.unwrap();
        let mut piece = [0; 1024];
        assert!(soon(io.read(&mut piece)).await.unwrap() > 0);
        soon(taken.wait_for(|taken| *taken == count)).await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_is_not_taken_when_the_caller_resets() {
    let lab = Lab::new().await;
    let mut lost = lab.tables.lost.subscribe();
    let port = lab.address.port().to_string();
    let keeping = OF_2009.replace("HTTP/1.0", "HTTP/1.1");
    for (count, request) in [(1, OF_2009), (2, &keeping)] {
        let mut io = TcpStream::connect(lab.address).await.unwrap();
        io.write_all(request.replace("PORT", &port).as_bytes()).await.unwrap();
        let mut piece = [0; 16];
        assert!(soon(io.read(&mut piece)).await.unwrap() > 0);
        io.set_zero_linger().unwrap();
        drop(io);
        soon(lost.wait_for(|lost| *lost == count)).await.unwrap();
    }
    assert_eq!(*lab.tables.taken.borrow(), 0);
}

/// Takes as long as `limits::HEAD`.
#[tokio::test]
async fn a_caller_that_goes_silent_is_hung_up_on() {
    let lab = Lab::new().await;
    let half = "POST /rpc HTTP/1.1\r\nHost: loc";
    let whole = "GET /health HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n";
    let (nothing, half, idle) = tokio::join!(lab.say(""), lab.say(half), lab.say(whole));
    assert_eq!(nothing, "");
    assert!(half.is_empty() || status(&half) == "408", "{half}");
    assert_eq!(body(&idle), "ok\n");
}

#[tokio::test]
async fn the_socket_speaks_to_the_typed_client() {
    let folder = std::env::temp_dir().join(format!("dunlin-rpc-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("s");
    let client = SocketClient::new(&path);
    let absent = client.call::<bool>("putdata", &serde_json::json!([])).await.unwrap_err();
    assert!(matches!(absent, CallError::Unreachable(_)), "{absent:?}");

    let methods: Methods = tables().into_rpc().into();
    let server = tokio::spawn(serve_socket(
        UnixListener::bind(&path).unwrap(),
        Desk::new(api(methods), Router::new()),
        None,
    ));
    assert!(client.call::<bool>("putdata", &serde_json::json!([])).await.unwrap());
    let uuid = Some(Json::Text("a".to_owned()));
    let got = client.getdata(uuid, None, None, None, None).await.unwrap();
    assert_eq!(got.get(), r#"["é","a",1e-7,[true,false,true,false],null]"#);
    let error = client.call::<bool>("nosuch", &serde_json::json!([])).await.unwrap_err();
    assert!(matches!(error, CallError::Fault(fault) if fault.code == Code::UnknownMethod));
    server.abort();
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn s17_a_body_is_as_large_as_its_method_may_have_it() {
    let lab = Lab::new().await;
    let padding = "x".repeat(1024 * 1024);
    for (method, expected) in [("putdata", "200"), ("getdata", "413"), ("nosuch", "413")] {
        let call =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":["{padding}"]}}"#);
        assert_eq!(status(&lab.call(&call).await), expected, "{method}");
        assert_eq!(status(&lab.call(&format!("[{call}]")).await), "413", "{method} in a batch");
    }
    let list = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"getdata","params":[[{}1]]}}"#,
        "1,".repeat(10_000)
    );
    assert!(body(&lab.call(&list).await).contains("at most 10 000 elements"));
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"putdata","params":[{deep}]}}"#);
    assert!(body(&lab.call(&deep).await).contains("nested too deeply"));
}

#[tokio::test]
async fn s17_an_endless_body_is_given_up_at_the_limit() {
    let lab = Lab::new().await;
    let mut io = TcpStream::connect(lab.address).await.unwrap();
    let head = format!(
        "POST /rpc HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
        lab.address
    );
    io.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let mut sent = 0;
    // 16 MiB and what the kernel holds between us: it must be over long before 64.
    for _ in 0..1024 {
        if soon(io.write_all(chunk.as_bytes())).await.is_err() {
            break;
        }
        sent += 1;
    }
    assert!(sent < 1024, "all of it was taken");
    let mut answer = Vec::new();
    // A reset may come before the answer is read.
    drop(soon(io.read_to_end(&mut answer)).await);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 413"), "{answer:?}");
}

#[tokio::test]
async fn a_page_that_looks_by_itself_is_known_from_a_person_who_opens_it() {
    let lab = Lab::new().await;
    let get = |more: &str| {
        format!("GET / HTTP/1.1\r\nHost: localhost:PORT\r\nConnection: close\r\n{more}\r\n")
    };
    assert_eq!(body(&lab.say(&get("")).await), "local true");
    let by_itself = lab.say(&get("X-Dunlin-Watches: 1\r\n")).await;
    assert_eq!(body(&by_itself), "local true, watches");
}

#[tokio::test]
async fn s17_a_form_has_64_kib_and_a_head_sixteen() {
    let lab = Lab::new().await;
    let form = "application/x-www-form-urlencoded";
    let most = dunlin_rpc::limits::PAGE_BODY_BYTES_MAX;
    assert_eq!(status(&lab.post("/", form, &"x".repeat(most)).await), "405");
    assert_eq!(status(&lab.post("/", form, &"x".repeat(most + 1)).await), "413");
    let long = format!(
        "GET /health HTTP/1.1\r\nHost: localhost:PORT\r\nCookie: {}\r\n\r\n",
        "x".repeat(17 * 1024)
    );
    assert_eq!(status(&lab.say(&long).await), "431");
    let path = format!("GET /{} HTTP/1.0\r\nHost: localhost:PORT\r\n\r\n", "x".repeat(10_000));
    assert_eq!(status(&lab.say(&path).await), "404");
}

#[tokio::test]
async fn s17_when_all_places_are_taken_the_oldest_idle_one_gives_way() {
    let lab = Lab::new().await;
    let mut idle = Vec::new();
    for _ in 0..dunlin_rpc::limits::ADMIN_CONNECTIONS_MAX {
        idle.push(TcpStream::connect(lab.address).await.unwrap());
    }
    let get = "GET /health HTTP/1.1\r\nHost: localhost:PORT\r\nConnection: close\r\n\r\n";
    assert_eq!(body(&lab.say(get).await), "ok\n");
    // The first was cut before its five seconds were over, the last still stands.
    let mut first = idle.remove(0);
    let mut byte = [0];
    let begun = std::time::Instant::now();
    assert!(matches!(soon(first.read(&mut byte)).await, Ok(0) | Err(_)));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let mut last = idle.pop().unwrap();
    let get = get.replace("PORT", &lab.address.port().to_string());
    last.write_all(get.as_bytes()).await.unwrap();
    assert_eq!(soon(last.read(&mut byte)).await.unwrap(), 1);
}

#[tokio::test]
async fn an_old_caller_s_address_decides_and_he_has_one_path() {
    let lab = Lab::old_callers(|ip| ip.is_loopback()).await;
    let old = lab.say(OF_2009).await;
    assert!(body(&old).contains("[false,true,false,false]"), "never local: {old}");
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"putdata"}"#;
    let path = "/eden/sync/call/jsonrpc";
    let host = |answer: &str| answer.replace("localhost:PORT", "127.0.0.1:PORT");
    let post = |path: &str, more: &str, length: usize| {
        host(&format!(
            "POST {path} HTTP/1.1\r\nHost: localhost:PORT\r\nConnection: close\r\n{more}\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        ))
    };
    for other in ["/rpc", "/", "/health", "/eden/sync/call/json/getdata"] {
        let answer = lab.say(&(post(other, "", call.len()) + call)).await;
        assert_eq!(status(&answer), "404", "{other}");
    }
    // Without name and password in the header 4 MiB, with them 16.
    let basic = "Authorization: Basic YTpi\r\n";
    let size = 4 * 1024 * 1024;
    assert_eq!(status(&lab.say(&post(path, "", size + 1)).await), "413");
    assert_eq!(status(&lab.say(&post(path, basic, 4 * size + 1)).await), "413");
    let large = format!("{call}{}", " ".repeat(size));
    assert_eq!(status(&lab.say(&(post(path, basic, large.len()) + &large)).await), "200");

    let strangers = Lab::old_callers(|_| false).await;
    assert_eq!(strangers.say("").await, "", "hung up on without a word");
}
