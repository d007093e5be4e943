//! A link over loopback: two keys, one WebSocket, the partner methods on it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dunlin_rpc::client::{DialError, Link, dial, meet};
use dunlin_rpc::method::join::{JoinClient, JoinServer};
use dunlin_rpc::method::partner::{PartnerClient, PartnerServer};
use dunlin_rpc::server::serve_link;
use dunlin_rpc::tls::{self, Acceptor};
use dunlin_rpc::wire::facts::Facts;
use dunlin_rpc::wire::join::{JoinAnswer, JoinAsk};
use dunlin_rpc::wire::page::{Origin, Page, PageRow, PageTable};
use dunlin_rpc::wire::partner::{
    Databases, DigestAnswer, DigestAsk, GetPage, Greeting, PartnerEvent, PutAnswer, PutPage,
    RosterAnswer, RosterAsk,
};
use dunlin_rpc::wire::value::Value;
use dunlin_rpc::{Alpn, Code, Fault, Identity, LetIn, Peer, Pin, Sum};
use jsonrpsee::core::client::{ClientT, Error as RpcError};
use jsonrpsee::core::server::Methods;
use jsonrpsee::core::{RpcResult, SubscriptionResult, async_trait, to_json_raw_value};
use jsonrpsee::{Extensions, PendingSubscriptionSink};
use jsonrpsee_ws_client::WsClientBuilder;
use tokio::net::TcpListener;
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// A partner whose answers are made up; `bell` makes it tell an event, `hold` a call wait.
#[derive(Clone)]
struct Partner {
    bell: broadcast::Sender<PartnerEvent>,
    hold: Arc<Notify>,
}

fn greeting(name: String) -> Greeting {
    Greeting {
        protocol: (1, 1),
        features: vec![],
        id: Uuid::from_u128(1),
        name,
        boot: "00".repeat(16),
        shop: Sum([1; 32]),
        clock: 1,
        roster: Sum([2; 32]),
    }
}

#[async_trait]
impl PartnerServer for Partner {
    async fn partner_greet(&self, ext: &Extensions, _: Greeting) -> RpcResult<Greeting> {
        let peer: &Peer = ext.get().unwrap();
        Ok(greeting(peer.pin.to_string()))
    }

    async fn partner_roster(&self, _: &Extensions, _: RosterAsk) -> RpcResult<RosterAnswer> {
        self.hold.notified().await;
        Ok(RosterAnswer::default())
    }

    async fn partner_databases(&self, _: &Extensions, ask: Databases) -> RpcResult<Databases> {
        Ok(ask)
    }

    async fn partner_facts(&self, _: &Extensions, facts: Facts) -> RpcResult<Facts> {
        Ok(facts)
    }

    async fn partner_getdata(&self, _: &Extensions, ask: GetPage) -> RpcResult<Page> {
        Ok(page(ask.cursor, ask.limit))
    }

    async fn partner_putdata(&self, _: &Extensions, put: PutPage) -> RpcResult<PutAnswer> {
        if put.page.from != 0 {
            return Err(Fault::new(Code::PageGap, "the page does not start there").into());
        }
        let applied = put.page.rows() as u64;
        Ok(PutAnswer { applied, held: 0, conflicts: 0, cursor: put.page.next, took_ms: None })
    }

    async fn partner_digest(&self, _: &Extensions, _: DigestAsk) -> RpcResult<DigestAnswer> {
        Ok(DigestAnswer::default())
    }

    async fn partner_leave(&self, _: &Extensions, _: String) -> RpcResult<()> {
        Ok(())
    }

    async fn partner_events(
        &self,
        pending: PendingSubscriptionSink,
        _: &Extensions,
    ) -> SubscriptionResult {
        let mut heard = self.bell.subscribe();
        let sink = pending.accept().await?;
        while let Ok(event) = heard.recv().await {
            sink.send(to_json_raw_value(&event)?).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl JoinServer for Partner {
    async fn join_ask(&self, _: &Extensions, _: JoinAsk) -> RpcResult<JoinAnswer> {
        Err(Fault::new(Code::InviteNotAccepted, "invite not accepted").into())
    }
}

fn page(from: u64, rows: u64) -> Page {
    let origin = Origin { machine: Uuid::from_u128(1), epoch: 7 };
    let row = |seq: u64| PageRow {
        uuid: Uuid::from_u128(seq.into()),
        values: vec![Value::Integer(1), Value::Text("x".repeat(100).into_bytes())],
        stamp: seq,
        origin,
        seq,
        deleted: false,
        seen: vec![],
        number: None,
        size: None,
        together: 1,
        parts: None,
    };
    let columns = vec!["a".to_owned(), "b".to_owned()];
    let rows = (0..rows).map(row).collect();
    let tables = vec![PageTable { name: "parts".to_owned(), columns, rows }];
    Page { tables, from, next: from + 1, ..Page::default() }
}

struct Lab {
    here: Identity,
    there: Identity,
    address: SocketAddr,
    open: Arc<AtomicBool>,
    partner: Partner,
    accepting: JoinHandle<()>,
}

impl Lab {
    async fn new() -> Self {
        let (here, there) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let partner = Partner { bell: broadcast::channel(8).0, hold: Arc::default() };
        let open = Arc::new(AtomicBool::new(true));
        let (asked, pin) = (Arc::clone(&open), here.pin());
        let let_in: LetIn = Arc::new(move |alpn: Alpn, who: &Pin| {
            asked.load(Ordering::SeqCst) && (alpn == Alpn::Join || *who == pin)
        });
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let acceptor = Acceptor::new(&there, &let_in).unwrap();
        let link: Methods = PartnerServer::into_rpc(partner.clone()).into();
        let join: Methods = JoinServer::into_rpc(partner.clone()).into();
        let accepting = tokio::spawn(async move {
            let mut links = tokio::task::JoinSet::new();
            loop {
                let (io, _) = tcp.accept().await.unwrap();
                let Ok((stream, peer)) = acceptor.accept(io).await else { continue };
                let methods = if peer.alpn == Alpn::Link { link.clone() } else { join.clone() };
                links.spawn(serve_link(stream, peer, methods, Arc::clone(&let_in)));
            }
        });
        Self { here, there, address, open, partner, accepting }
    }

    async fn dial(&self) -> Result<(Link, Peer), DialError> {
        dial(self.address, &self.here, self.there.pin(), Alpn::Link).await
    }
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), what).await.unwrap()
}

fn code(error: &RpcError) -> i32 {
    match error {
        RpcError::Call(error) => error.code(),
        other => panic!("not an answer: {other:?}"),
    }
}

#[tokio::test]
async fn partners_greet_and_exchange_pages() {
    let lab = Lab::new().await;
    let (link, peer) = lab.dial().await.unwrap();
    assert_eq!(peer.pin, lab.there.pin());
    let answer = soon(link.partner_greet(greeting("here".to_owned()))).await.unwrap();
    assert_eq!(answer.name, lab.here.pin().to_string(), "the methods know who calls");

    let ask = GetPage {
        database: "main".to_owned(),
        cursor: 40,
        knowledge: vec![],
        now: 0,
        limit: 5_000,
        rows: vec![],
    };
    let got = soon(link.partner_getdata(ask)).await.unwrap();
    assert_eq!(got, page(40, 5_000));
    let put = |from| PutPage { database: "main".to_owned(), page: page(from, 3), named: false };
    assert_eq!(soon(link.partner_putdata(put(0))).await.unwrap().applied, 3);
    let gap = soon(link.partner_putdata(put(9))).await.unwrap_err();
    assert_eq!(code(&gap), Code::PageGap.number());
}

#[tokio::test]
async fn an_event_reaches_the_dialler() {
    let lab = Lab::new().await;
    let (link, _) = lab.dial().await.unwrap();
    let mut events = soon(link.partner_events()).await.unwrap();
    for event in [
        PartnerEvent::Moved { database: "main".to_owned(), position: 7, waiting: 2 },
        PartnerEvent::Roster,
        PartnerEvent::Leaving { reason: "stopping".to_owned() },
    ] {
        lab.partner.bell.send(event.clone()).unwrap();
        assert_eq!(soon(events.next()).await.unwrap().unwrap(), event);
    }
}

#[tokio::test]
async fn a_stranger_is_told_that_it_is_refused() {
    let lab = Lab::new().await;
    let stranger = Identity::generate().unwrap();
    let error = dial(lab.address, &stranger, lab.there.pin(), Alpn::Link).await.unwrap_err();
    assert!(matches!(error, DialError::Refused), "{error:?}");
}

#[tokio::test]
async fn the_wrong_machine_is_told_from_no_machine() {
    let lab = Lab::new().await;
    let error = dial(lab.address, &lab.here, lab.here.pin(), Alpn::Link).await.unwrap_err();
    assert!(matches!(error, DialError::WrongKey), "{error:?}");
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = dial(free, &lab.here, lab.there.pin(), Alpn::Link).await.unwrap_err();
    assert!(matches!(error, DialError::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn a_key_that_is_forgotten_gets_no_more_answers() {
    let lab = Lab::new().await;
    let (link, _) = lab.dial().await.unwrap();
    soon(link.partner_digest(DigestAsk::default())).await.unwrap();
    lab.open.store(false, Ordering::SeqCst);
    let error = soon(link.partner_digest(DigestAsk::default())).await.unwrap_err();
    assert_eq!(code(&error), Code::NotAllowed.number());
    assert!(matches!(lab.dial().await, Err(DialError::Refused)));
}

#[tokio::test]
async fn a_key_that_is_forgotten_while_its_call_runs_is_not_given_the_answer() {
    let lab = Lab::new().await;
    let link = Arc::new(lab.dial().await.unwrap().0);
    let asking = Arc::clone(&link);
    let call = tokio::spawn(async move { asking.partner_roster(RosterAsk::default()).await });
    tokio::task::yield_now().await;
    // Its answer says that the call before it was let in, and waits.
    soon(link.partner_digest(DigestAsk::default())).await.unwrap();
    lab.open.store(false, Ordering::SeqCst);
    lab.partner.hold.notify_one();
    let error = soon(call).await.unwrap().unwrap_err();
    assert_eq!(code(&error), Code::NotAllowed.number());
}

#[tokio::test]
async fn a_link_that_is_dropped_here_ends_there_whatever_runs_on_it() {
    let lab = Lab::new().await;
    let link = Arc::new(lab.dial().await.unwrap().0);
    let mut events = soon(link.partner_events()).await.unwrap();
    let asking = Arc::clone(&link);
    let call =
        tokio::spawn(async move { asking.partner_roster(RosterAsk::default()).await.is_err() });
    tokio::task::yield_now().await;
    soon(link.partner_digest(DigestAsk::default())).await.unwrap();
    lab.accepting.abort();
    assert!(soon(call).await.unwrap(), "a call that would never end");
    assert!(soon(events.next()).await.is_none());
    soon(link.on_disconnect()).await;
}

#[tokio::test]
async fn calls_beyond_the_limit_are_told_to_try_later() {
    let lab = Lab::new().await;
    let link = Arc::new(lab.dial().await.unwrap().0);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let link = Arc::clone(&link);
        calls.spawn(async move { link.partner_roster(RosterAsk::default()).await });
    }
    let mut answered = 0;
    let mut busy = 0;
    while answered + busy < 12 {
        let call = soon(calls.join_next()).await.unwrap().unwrap();
        assert_eq!(code(&call.unwrap_err()), Code::Busy.number());
        busy += 1;
    }
    while let Some(call) = {
        lab.partner.hold.notify_one();
        soon(calls.join_next()).await
    } {
        call.unwrap().unwrap();
        answered += 1;
    }
    assert_eq!((answered, busy), (8, 12));
}

#[tokio::test]
async fn s17_a_message_that_nests_deeper_than_a_page_is_refused() {
    let lab = Lab::new().await;
    let (link, _) = lab.dial().await.unwrap();
    for (depth, expected) in [(11, Code::InvalidParams), (12, Code::InvalidRequest)] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let deep: serde_json::Value = serde_json::from_str(&deep).unwrap();
        let call = link.request::<(), _>("partner_leave", jsonrpsee::rpc_params![deep]);
        assert_eq!(code(&soon(call).await.unwrap_err()), expected.number(), "{depth}");
    }
}

#[tokio::test]
async fn a_stranger_may_ask_to_join_and_nothing_else() {
    let lab = Lab::new().await;
    let stranger = Identity::generate().unwrap();
    let (link, _) = dial(lab.address, &stranger, lab.there.pin(), Alpn::Join).await.unwrap();
    let ask = JoinAsk {
        invite: "00".to_owned(),
        proof: String::new(),
        name: "x".to_owned(),
        protocol: (1, 1),
    };
    let error = soon(link.join_ask(ask)).await.unwrap_err();
    assert_eq!(code(&error), 1010);
    let error = soon(link.partner_greet(greeting("x".to_owned()))).await.unwrap_err();
    assert_eq!(code(&error), -32601);
}

#[tokio::test]
async fn whoever_is_dialled_to_pair_is_known_by_its_key_also_when_it_refuses() {
    let lab = Lab::new().await;
    let stranger = Identity::generate().unwrap();
    let (peer, link) = meet(lab.address, &stranger).await.unwrap();
    assert_eq!((peer.pin, peer.alpn), (lab.there.pin(), Alpn::Join));
    let error = soon(link.unwrap().partner_greet(greeting("x".to_owned()))).await.unwrap_err();
    assert_eq!(code(&error), -32601, "there is no link behind a key that nobody pinned");
    lab.open.store(false, Ordering::SeqCst);
    let (peer, link) = meet(lab.address, &stranger).await.unwrap();
    assert_eq!(peer.pin, lab.there.pin());
    assert!(matches!(link, Err(DialError::Refused)), "{link:?}");
}

#[tokio::test]
async fn a_stranger_sends_a_megabyte_at_most() {
    let lab = Lab::new().await;
    let config = tls::stranger_config(&Identity::generate().unwrap()).unwrap();
    let ask = |name: String| JoinAsk {
        invite: "00".to_owned(),
        proof: String::new(),
        name,
        protocol: (1, 1),
    };
    // A program that keeps to no limit of its own.
    let tcp = tokio::net::TcpStream::connect(lab.address).await.unwrap();
    let (stream, _) = tls::connect(tcp, config, None, Alpn::Join).await.unwrap();
    let link = WsClientBuilder::new()
        .max_request_size(64 << 20)
        .build_with_stream("ws://dunlin/join", stream)
        .await
        .unwrap();
    let small = soon(link.join_ask(ask("x".repeat(1_000_000)))).await.unwrap_err();
    assert_eq!(code(&small), 1010);
    let large = soon(link.join_ask(ask("x".repeat(1_100_000)))).await.unwrap_err();
    assert!(!matches!(&large, RpcError::Call(error) if error.code() == 1010), "{large:?}");
}
