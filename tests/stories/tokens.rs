//! Tokens in hostile hands, and answers that never arrive: who joins here speaks for himself, with a key of his own.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use data_encoding::BASE64URL_NOPAD;
use dunlin::invite::Token;
use dunlin_rpc::client::{self, DialError, Link};
use dunlin_rpc::method::join::JoinClient as _;
use dunlin_rpc::wire::join::{JoinAnswer, JoinAsk};
use dunlin_rpc::{Alpn, Code, Fault, Identity, Peer};
use dunlin_tests::lab::{Lab, Machine, SOON, until_true};
use jsonrpsee::core::client::Error as RpcError;
use serde_json::json;
use tokio::task::JoinSet;

use crate::joining::{alone, members, pin_of};

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn token(machine: &Machine) -> Token {
    Token::parse(&machine.invite(), now()).unwrap()
}

/// A machine that is only its key.
#[derive(Clone)]
struct Joiner(Identity);

impl Joiner {
    fn new() -> Self {
        Self(Identity::generate().unwrap())
    }

    async fn dial(&self, there: &Machine, token: &Token) -> Result<(Link, Peer), DialError> {
        client::dial(there.partner, &self.0, token.issuer, Alpn::Join).await
    }

    fn ask(&self, token: &Token, peer: &Peer) -> JoinAsk {
        JoinAsk {
            invite: token.invite(),
            proof: BASE64URL_NOPAD.encode(&token.proof(&peer.exporter, self.0.pin())),
            name: "joiner".to_owned(),
            protocol: (1, 1),
        }
    }

    /// Dials and asks; the answer must prove that it is the issuer's.
    async fn join(&self, there: &Machine, token: &Token) -> Result<JoinAnswer, Option<Code>> {
        let (link, peer) = self.dial(there, token).await.map_err(|_| None)?;
        let answer = link.join_ask(self.ask(token, &peer)).await.map_err(|error| code(&error))?;
        let proof = BASE64URL_NOPAD.decode(answer.proof.as_bytes()).unwrap();
        assert!(token.answers(&peer.exporter, self.0.pin(), &proof));
        Ok(answer)
    }
}

fn code(error: &RpcError) -> Option<Code> {
    match error {
        RpcError::Call(error) => Some(Fault::from(error).code),
        _ => None,
    }
}

fn threads() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

/// How many machines the roster of this one has let in.
fn admitted(machine: &Machine) -> usize {
    let roster = std::fs::read_to_string(machine.data().join("roster.jsonl")).unwrap();
    roster.matches(r#"\"kind\":\"admit\""#).count()
}

#[test]
fn s42_a_join_answer_that_is_cut_off_is_given_again_to_the_same_key_and_counts_no_use() {
    let lab = Lab::new();
    let a = alone(&lab, "a");
    let token = token(&a);
    threads().block_on(async {
        let joiner = Joiner::new();
        // The joiner hangs up a little later each time: before, while, and after it is let in.
        for step in 0..12_u64 {
            let (link, peer) = joiner.dial(&a, &token).await.unwrap();
            let asked = link.join_ask(joiner.ask(&token, &peer));
            drop(tokio::time::timeout(Duration::from_micros(step * 400), asked).await);
            drop(link);
        }
        let answer = joiner.join(&a, &token).await.unwrap();
        let ours = format!(r#""of":"{}""#, joiner.0.public_key());
        let lets_in = |body: &str| body.contains(r#""kind":"admit""#) && body.contains(&ours);
        assert_eq!(answer.statements.iter().filter(|it| lets_in(&it.body)).count(), 1);
        // The one use is used: by this key, and no other.
        let late = Joiner::new().join(&a, &token).await;
        assert_eq!(late, Err(Some(Code::InviteNotAccepted)));
    });
    assert_eq!((members(&a), admitted(&a)), (2, 1));
}

#[test]
fn s42_a_join_that_is_asked_many_times_at_once_by_one_key_lets_it_in_once() {
    let lab = Lab::new();
    let a = alone(&lab, "a");
    let token = token(&a);
    threads().block_on(async {
        let joiner = Joiner::new();
        let mut asking = JoinSet::new();
        for _ in 0..6 {
            let (link, peer) = joiner.dial(&a, &token).await.unwrap();
            let (one, other) = (joiner.ask(&token, &peer), joiner.ask(&token, &peer));
            asking.spawn(async move { tokio::join!(link.join_ask(one), link.join_ask(other)) });
        }
        for (one, other) in asking.join_all().await {
            assert_eq!(one.unwrap().statements, other.unwrap().statements);
        }
    });
    assert_eq!((members(&a), admitted(&a)), (2, 1));
}

#[test]
fn s34_a_token_that_is_raced_for_and_used_again_lets_exactly_one_key_in() {
    let lab = Lab::new();
    let a = alone(&lab, "a");
    let token = token(&a);
    threads().block_on(async {
        let joiners: Vec<Joiner> = (0..8).map(|_| Joiner::new()).collect();
        let mut links = Vec::new();
        for joiner in &joiners {
            links.push(joiner.dial(&a, &token).await.unwrap());
        }
        // All are there before the first asks.
        let mut asking = JoinSet::new();
        for (joiner, (link, peer)) in joiners.into_iter().zip(links) {
            let ask = joiner.ask(&token, &peer);
            asking.spawn(async move { link.join_ask(ask).await });
        }
        let told = asking.join_all().await;
        assert_eq!(told.iter().filter(|told| told.is_ok()).count(), 1);
        let refused = told.iter().filter_map(|told| code(told.as_ref().err()?));
        assert!(refused.clone().all(|code| code == Code::InviteNotAccepted));
        assert_eq!(refused.count(), 7);
        let again = Joiner::new().join(&a, &token).await;
        assert_eq!(again, Err(Some(Code::InviteNotAccepted)));
    });
    assert_eq!((members(&a), admitted(&a)), (2, 1));
}

#[test]
fn s34_a_token_is_good_at_its_own_issuer_on_its_own_connection_and_in_its_own_time_only() {
    let lab = Lab::new();
    let [a, c] = ["a", "c"].map(|name| alone(&lab, name));
    let token = token(&a);
    // C has an invite open too, so its port is.
    let _open = c.invite();
    threads().block_on(async {
        let joiner = Joiner::new();
        // Whoever else answers at the token's address is left before anything is said.
        let elsewhere = joiner.dial(&c, &token).await;
        assert!(matches!(elsewhere, Err(DialError::WrongKey)), "{elsewhere:?}");
        // Nor does another issuer take the proof.
        let known = pin_of(&c);
        let (link, peer) = client::dial(c.partner, &joiner.0, known, Alpn::Join).await.unwrap();
        let told = link.join_ask(joiner.ask(&token, &peer)).await.unwrap_err();
        assert_eq!(code(&told), Some(Code::InviteNotAccepted));
        // A proof that was heard on one connection is worth nothing on another, or with another key.
        let (_first, heard) = joiner.dial(&a, &token).await.unwrap();
        let ask = joiner.ask(&token, &heard);
        for replaying in [&joiner, &Joiner::new()] {
            let (link, _) = replaying.dial(&a, &token).await.unwrap();
            let told = link.join_ask(ask.clone()).await.unwrap_err();
            assert_eq!(code(&told), Some(Code::InviteNotAccepted));
        }
    });
    assert_eq!((members(&a), members(&c)), (1, 1));

    // A joiner who does not look at the time himself. (Another invite keeps the port open.)
    let made = a.call("pairing_invite", &json!([1, 1])).unwrap();
    let short = Token::parse(made["token"].as_str().unwrap(), now()).unwrap();
    let begun = Instant::now();
    until_true("a later second", SOON, || begun.elapsed() > Duration::from_secs(2));
    threads().block_on(async {
        let late = Joiner::new().join(&a, &short).await;
        assert_eq!(late, Err(Some(Code::InviteNotAccepted)));
    });
    assert_eq!(members(&a), 1);
}

#[test]
fn who_floods_the_join_port_keeps_neither_members_nor_joiners_out() {
    let lab = Lab::new();
    let [a, b] = lab.shop(["a", "b"], crate::joining::SHOP);
    let token = token(&a);
    threads().block_on(async {
        let stranger = Joiner::new();
        let mut idle = Vec::new();
        for _ in 0..80 {
            idle.push(stranger.dial(&a, &token).await.unwrap());
        }
        // The oldest have given way.
        let gone = tokio::time::timeout(Duration::from_secs(5), idle[0].0.on_disconnect()).await;
        assert!(gone.is_ok(), "the first is open still");
        let open = idle.iter().filter(|(link, _)| link.is_connected()).count();
        assert!(open <= 40, "{open} are open");
        let last = &idle.last().unwrap().0;
        assert!(last.is_connected());
        let (link, peer) = stranger.dial(&a, &token).await.unwrap();
        link.join_ask(stranger.ask(&token, &peer)).await.unwrap();
    });
    a.write("INSERT INTO parts (name) VALUES ('pad')");
    dunlin_tests::lab::in_step(&[&a, &b]);
}
