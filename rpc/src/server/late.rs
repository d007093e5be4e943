//! A request that comes after the terms of its connection have ended: nothing is done for it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use jsonrpsee::core::server::Methods;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;

use super::accept::{At, Closed, Ends, Work};
use super::admin::{Desk, serve};
use crate::caller::{Caller, Listener};
use crate::dialect::Api;
use crate::gate::{Gate, Judging};
use crate::guard::Rules;
use crate::method::Right;

struct Nobody;

impl Gate for Nobody {
    fn judge<'a>(&'a self, _: &'a Caller, _: Right) -> Judging<'a> {
        Box::pin(async { Ok(()) })
    }
}

/// What a request is answered on a connection whose terms are over, or are not.
async fn answered(is_over: bool) -> String {
    let at: SocketAddr = "10.0.0.1:7476".parse().unwrap();
    let rules = Arc::new(Rules { listener: Listener::Lan, ..Rules::default() });
    let ends = Ends { here: at, peer: "10.0.0.2:9".parse().unwrap() };
    let api = Api { methods: Methods::new(), table: &[], gate: Arc::new(Nobody) };
    let (mut there, here) = tokio::io::duplex(4096);
    let request = format!("GET /health HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    // It lies there before anybody looks.
    there.write_all(request.as_bytes()).await.unwrap();
    let open = watch::Sender::new(());
    let closed = Closed::of(&open);
    let held = (!is_over).then_some(open);
    let from = At::Network { rules, ends, neighbours: None };
    let desk = Desk::new(api, Router::new());
    tokio::spawn(serve(here, from, desk, Work::default(), closed));
    let mut answer = String::new();
    there.read_to_string(&mut answer).await.unwrap_or_default();
    drop(held);
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_comes_after_the_terms_have_ended_is_not_answered_under_them() {
    assert_eq!(answered(false).await, "HTTP/1.1 200 OK");
    // Which of the two is seen first is chance.
    for _ in 0..50 {
        let told = answered(true).await;
        assert!(told.is_empty() || told == "HTTP/1.1 421 Misdirected Request", "{told}");
    }
}
