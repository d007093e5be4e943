//! Somebody in between: towards A he is B, towards B he is A, each with a key of his own.
//!
//! He sees every message of both, and may say what he likes. What he cannot do is make the two screens agree.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use dunlin::pairing::numbers::{Bind, Side};
use dunlin_rpc::client::{self, Link};
use dunlin_rpc::method::pair::{PairClient as _, PairServer};
use dunlin_rpc::server::serve_link;
use dunlin_rpc::tls::Acceptor;
use dunlin_rpc::wire::pair::{PairBegin, PairBegun, PairNonce, PairRoster};
use dunlin_rpc::{Fault, Identity, Peer, Sum};
use jsonrpsee::Extensions;
use jsonrpsee::core::client::Error as RpcError;
use jsonrpsee::core::{RpcResult, async_trait};
use tokio::net::TcpListener;

use super::{Lab, Value, alone, confirm, ended, json, members, numbers, open, stands, word};

/// How he goes about it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trick {
    /// Passes every message on as it is.
    Relay,
    /// Makes nonces and commitments of his own, one for each side.
    Own,
    /// Commits to a nonce towards A, and shows another once he has seen A's.
    Swap,
}

/// The man in the middle, on A's connection.
struct Between {
    trick: Trick,
    peer: Peer,
    us: Identity,
    towards_b: Arc<Link>,
}

fn passed_on(error: RpcError) -> Fault {
    match error {
        RpcError::Call(error) => Fault::from(&error),
        _ => Fault::internal(),
    }
}

const OURS: [u8; 32] = [7; 32];

impl Between {
    fn commit(&self, nonce: &[u8; 32]) -> Sum {
        let (x, a, b) = (self.peer.exporter, self.peer.pin.0, self.us.pin().0);
        Sum::of(&[b"dunlin pair 1", &x[..], &a, &b, nonce].concat())
    }
}

#[async_trait]
impl PairServer for Between {
    async fn pair_begin(&self, _: &Extensions, begin: PairBegin) -> RpcResult<PairBegun> {
        let answer = self.towards_b.pair_begin(begin).await.map_err(passed_on)?;
        if self.trick == Trick::Relay {
            return Ok(answer);
        }
        Ok(PairBegun { commit: self.commit(&OURS), ..answer })
    }

    async fn pair_nonce(&self, _: &Extensions, nonce: PairNonce) -> RpcResult<PairNonce> {
        let theirs = self.towards_b.pair_nonce(nonce).await.map_err(passed_on)?;
        Ok(match self.trick {
            Trick::Relay | Trick::Swap => theirs,
            Trick::Own => PairNonce { nonce: Sum(OURS) },
        })
    }

    async fn pair_sure(&self, _: &Extensions) -> RpcResult<()> {
        // He is sure at once.
        Ok(())
    }

    async fn pair_roster(&self, _: &Extensions, roster: PairRoster) -> RpcResult<PairRoster> {
        Ok(self.towards_b.pair_roster(roster).await.map_err(passed_on)?)
    }
}

/// Serves A's calls, one connection after the other, until dropped.
async fn stand_between(listener: TcpListener, b: SocketAddr, trick: Trick) {
    let us = Identity::generate().unwrap();
    let let_in: dunlin_rpc::LetIn = Arc::new(|_, _| true);
    let acceptor = Acceptor::new(&us, &let_in).unwrap();
    let mut serving = tokio::task::JoinSet::new();
    loop {
        let (io, _) = listener.accept().await.unwrap();
        let Ok((stream, peer)) = acceptor.accept(io).await else { continue };
        let (_, towards_b) = client::meet(b, &us).await.unwrap();
        let between = Between {
            trick,
            peer: peer.clone(),
            us: us.clone(),
            towards_b: Arc::new(towards_b.unwrap()),
        };
        serving.spawn(serve_link(stream, peer, between.into_rpc().into(), Arc::clone(&let_in)));
    }
}

/// A calls who is in between, and B is open. What `then` does happens while he stands there.
fn with(trick: Trick, then: impl FnOnce(&super::Machine, &super::Machine)) {
    let lab = Lab::new();
    let [a, b] = ["a", "b"].map(|name| alone(&lab, name));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let standing = runtime.spawn(stand_between(listener, b.partner, trick));
    open(&b);
    a.call("pairing_begin", &json!([address.to_string()])).unwrap();
    then(&a, &b);
    assert_eq!((members(&a), members(&b)), (1, 1), "nobody trusts anybody");
    standing.abort();
}

#[test]
fn s41_who_passes_every_message_on_is_refused_by_the_commitment() {
    with(Trick::Relay, |a, _| {
        // B's commitment is of another connection: A shows no number at all.
        let told = ended(a, "digits differ");
        assert_eq!(told["own"], Value::Null, "{told}");
    });
}

#[test]
fn s41_who_shows_another_nonce_than_he_committed_to_is_refused() {
    with(Trick::Swap, |a, _| {
        let told = ended(a, "digits differ");
        assert_eq!(told["own"], Value::Null, "{told}");
    });
}

#[test]
fn s41_between_nonces_of_his_own_the_screens_differ_and_neither_side_is_fooled() {
    with(Trick::Own, |a, b| {
        let [na, nb] = numbers(a, b);
        // Each person types what the other's screen really shows.
        for (machine, number) in [(a, &nb), (b, &na)] {
            for _ in 0..2 {
                let told = confirm(machine, number);
                assert!(word(&told, "hint").contains("not the number"), "{told}");
            }
        }
        assert_eq!(word(&confirm(a, &nb), "end"), "digits differ");
        // Who is in between loses A, and may hang up before B's person has typed a third time.
        let told = b.call("pairing_confirm", &json!([na]));
        assert!(told.is_err() || told.is_ok_and(|told| word(&told, "end") == "digits differ"));
    });
}

/// A machine that is only its key, and is called. It loses the answer to the statements, the first time.
struct Called {
    bind: Bind,
    number: Arc<Mutex<String>>,
    loses: bool,
}

#[async_trait]
impl PairServer for Called {
    async fn pair_begin(&self, _: &Extensions, _: PairBegin) -> RpcResult<PairBegun> {
        Ok(PairBegun {
            name: "called".to_owned(),
            shop: Sum::of(b"a shop of its own"),
            alone: true,
            keeper: true,
            commit: self.bind.commit(&OURS),
        })
    }

    async fn pair_nonce(&self, _: &Extensions, nonce: PairNonce) -> RpcResult<PairNonce> {
        let own = self.bind.number(Side::Answering, &nonce.nonce.0, &OURS);
        *self.number.lock().unwrap() = own.digits();
        Ok(PairNonce { nonce: Sum(OURS) })
    }

    async fn pair_sure(&self, _: &Extensions) -> RpcResult<()> {
        Ok(())
    }

    async fn pair_roster(&self, _: &Extensions, roster: PairRoster) -> RpcResult<PairRoster> {
        assert!(!roster.statements.is_empty());
        if self.loses { Err(Fault::internal().into()) } else { Ok(PairRoster::default()) }
    }
}

#[test]
fn a_machine_whose_answer_got_lost_was_let_in_once_and_may_pair_again() {
    let lab = Lab::new();
    let [a, b] = ["a", "b"].map(|name| alone(&lab, name));
    super::pair(&a, &b);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let us = Identity::generate().unwrap();
    for (loses, end) in [(true, "unfinished"), (false, "paired")] {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        a.call("pairing_begin", &json!([listener.local_addr().unwrap().to_string()])).unwrap();
        let let_in: dunlin_rpc::LetIn = Arc::new(|_, _| true);
        let acceptor = Acceptor::new(&us, &let_in).unwrap();
        let (stream, peer) = runtime
            .block_on(async { acceptor.accept(listener.accept().await.unwrap().0).await.unwrap() });
        let bind = Bind { exporter: peer.exporter, asking: peer.pin, answering: us.pin() };
        let number = Arc::new(Mutex::default());
        let called = Called { bind, number: Arc::clone(&number), loses };
        let serving = runtime.spawn(serve_link(stream, peer, called.into_rpc().into(), let_in));
        stands(&a, "numbers");
        let digits = number.lock().unwrap().clone();
        confirm(&a, &digits);
        ended(&a, end);
        serving.abort();
    }
    assert_eq!(members(&a), 3);
    let roster = std::fs::read_to_string(a.data().join("roster.jsonl")).unwrap();
    let key = format!(r#"\"of\":\"{}\""#, us.public_key());
    assert_eq!(roster.matches(&key).count(), 1, "{roster}");
}
