//! Letting machines in, and keeping strangers out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dunlin_rpc::client::{self, DialError};
use dunlin_rpc::method::partner::PartnerClient as _;
use dunlin_rpc::wire::partner::{GetPage, Greeting};
use dunlin_rpc::{Alpn, Identity, Pin, Sum, tls};
use dunlin_tests::lab::{self, Lab, Machine, SOON, until_true};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const SHOP: &str = "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";

/// A machine of its own shop, with its daemon running.
pub(crate) fn alone(lab: &Lab, name: &str) -> Machine {
    let mut machine = lab.machine(name, SHOP);
    machine.ok(&["track", "--all"]);
    machine.start();
    machine
}

pub(crate) fn members(machine: &Machine) -> u64 {
    machine.status().unwrap()["machine"]["members"].as_u64().unwrap()
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_token_lets_one_machine_in_once() {
    let lab = Lab::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| alone(&lab, name));
    let token = a.invite();
    let told = b.cli_with(&["join", "--json"], &format!("{token}\n"));
    assert_eq!((told.code, &told.json()["members"]), (0, &2.into()), "{told:?}");
    // Spent.
    c.cli_with(&["join"], &token).failed(1, &["not accepted", "dunlin invite"]);
    assert_eq!((members(&a), members(&b), members(&c)), (2, 2, 1));
    // The one that it let in may ask again: its answer may have been lost.
    b.cli_with(&["join"], &token);
    assert_eq!((members(&a), members(&b)), (2, 2));
    a.write("INSERT INTO parts (name) VALUES ('pad')");
    lab::in_step(&[&a, &b]);
    assert_eq!(b.ask("SELECT count(*) FROM parts"), "1");
    assert_eq!(c.ask("SELECT count(*) FROM parts"), "0");
}

#[test]
fn a_token_that_is_not_good_is_refused_with_a_sentence_and_changes_nothing() {
    let lab = Lab::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| alone(&lab, name));
    let token = a.invite();
    let cut = token.get(..token.len() - 5).unwrap();
    b.cli_with(&["join"], cut).failed(1, &["cut or damaged"]);
    b.cli_with(&["join"], "hunter2").failed(1, &["not an invite token"]);
    b.cli_with(&["join"], "").failed(1, &["token"]);
    // One's own.
    a.cli_with(&["join"], &token).failed(1, &["another machine"]);
    // Of another shop, for a machine that shares one already.
    b.join(&token);
    b.cli_with(&["join"], &c.invite()).failed(1, &["shop"]);
    assert_eq!((members(&a), members(&b), members(&c)), (2, 2, 1));
    // Of a machine that is off.
    let d = alone(&lab, "d");
    let (mut c, late) = (c, String::new());
    let token = c.invite() + &late;
    c.stop();
    let told = d.cli_with(&["join"], &token);
    told.failed(1, &["nobody answers", "is the other machine on"]);
    assert_eq!(members(&d), 1);
}

#[test]
fn a_token_whose_time_ran_out_lets_nobody_in() {
    let lab = Lab::new();
    let [mut a, b] = ["a", "b"].map(|name| alone(&lab, name));
    // A minute is the shortest that can be asked for on the command line; the method takes a second.
    let params = serde_json::json!([1, 1]);
    let made = a.call("pairing_invite", &params).unwrap();
    let token = made["token"].as_str().unwrap().to_owned();
    let begun = Instant::now();
    until_true("a later second", SOON, || begun.elapsed() > Duration::from_secs(2));
    b.cli_with(&["join"], &token).failed(1, &["expired", "dunlin invite"]);
    assert_eq!((members(&a), members(&b)), (1, 1));
    assert_eq!(a.cli(&["invite", "--expires", "0s"]).code, 2);
    // A token can be made before the daemon runs, and is good once it does.
    a.stop();
    let token = a.invite();
    a.start();
    b.join(&token);
    assert_eq!((members(&a), members(&b)), (2, 2));
}

#[test]
fn of_two_machines_that_race_for_one_token_exactly_one_gets_in() {
    let lab = Lab::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| alone(&lab, name));
    let token = a.invite();
    let codes = std::thread::scope(|scope| {
        [&b, &c]
            .map(|machine| scope.spawn(|| machine.cli_with(&["join"], &token).code))
            .map(|racing| racing.join().unwrap())
    });
    let mut sorted = codes;
    sorted.sort_unstable();
    assert_eq!(sorted, [0, 1]);
    assert_eq!(members(&a), 2);
    a.write("INSERT INTO parts (name) VALUES ('pad')");
    let (inside, outside) = if codes[0] == 0 { (&b, &c) } else { (&c, &b) };
    lab::in_step(&[&a, inside]);
    assert_eq!(outside.ask("SELECT count(*) FROM parts"), "0");
}

#[test]
fn a_machine_without_daemon_can_join_and_is_linked_when_it_starts() {
    let lab = Lab::new();
    let a = alone(&lab, "a");
    let mut b = lab.machine("b", SHOP);
    b.ok(&["track", "--all"]);
    b.join(&a.invite());
    a.write("INSERT INTO parts (name) VALUES ('pad')");
    b.start();
    lab::all_say(&[&b], "SELECT count(*) FROM parts", "1");
    lab::in_step(&[&a, &b]);
}

#[test]
fn a_stranger_reads_not_one_byte() {
    let lab = Lab::new();
    let [a, b] = lab.shop(["a", "b"], SHOP);
    until_true("linked", SOON, || a.partner_state("b") == "Up to date");
    let pin = pin_of(&a);
    let stranger = Identity::generate().unwrap();
    let dial = |machine: &Machine, pin, alpn| {
        runtime().block_on(client::dial(machine.partner, &stranger, pin, alpn)).err()
    };
    let refused = |alpn| dial(&a, pin, alpn);
    assert!(matches!(refused(Alpn::Link), Some(DialError::Refused)), "{:?}", refused(Alpn::Link));
    // B never invited anybody.
    let pin_of_b = pin_of(&b);
    for alpn in [Alpn::Link, Alpn::Join] {
        let told = dial(&b, pin_of_b, alpn);
        assert!(matches!(told, Some(DialError::Refused)), "{alpn:?}: {told:?}");
    }
    // Whoever is not the machine that was meant is left by the dialler itself.
    let wrong = runtime().block_on(client::dial(b.partner, &stranger, pin, Alpn::Link));
    assert!(matches!(wrong, Err(DialError::WrongKey)), "{wrong:?}");

    // With an invite open the stranger may ask to join, and nothing else; not even with no ALPN at all.
    let _token = a.invite();
    assert!(matches!(refused(Alpn::Link), Some(DialError::Refused)));
    for protocols in [vec![], vec![b"h2".to_vec()], vec![b"dunlin/1".to_vec()]] {
        let mut config = (*tls::client_config(&stranger, pin, Alpn::Link).unwrap()).clone();
        config.alpn_protocols.clone_from(&protocols);
        assert_eq!(runtime().block_on(read(&a, config)), "", "{protocols:?}");
    }
    // Nor in plain.
    let plain = lab::http::get(a.admin(), "/link", &[]);
    assert_eq!(plain.status, 404);
    assert_eq!(members(&a), 2);
}

pub(crate) fn pin_of(machine: &Machine) -> Pin {
    machine.status().unwrap()["machine"]["pin"].as_str().unwrap().parse().unwrap()
}

#[test]
fn a_member_that_speaks_another_protocol_or_out_of_turn_is_told_so() {
    let lab = Lab::new();
    let [a, mut b] = lab.shop(["a", "b"], SHOP);
    a.write("INSERT INTO parts (name) VALUES ('pad')");
    lab::in_step(&[&a, &b]);
    b.stop();
    // The test speaks with B's own key.
    let key = std::fs::read_to_string(b.data().join("key")).unwrap();
    let (key, pin) = (Identity::from_pem(&key).unwrap(), pin_of(&a));
    let status = a.status().unwrap();
    runtime().block_on(async {
        let (link, _) = client::dial(a.partner, &key, pin, Alpn::Link).await.unwrap();
        let ask = GetPage {
            database: "main".to_owned(),
            cursor: 0,
            knowledge: Vec::new(),
            now: 0,
            limit: 1_000,
            rows: Vec::new(),
        };
        let early = link.partner_getdata(ask).await.unwrap_err();
        assert!(early.to_string().contains("greet first"), "{early}");
        let mut greeting = Greeting {
            protocol: (7, 9),
            features: Vec::new(),
            id: key.public_key().machine_id(),
            name: "b".to_owned(),
            boot: "0".repeat(32),
            shop: status["machine"]["shop"].as_str().unwrap().parse().unwrap(),
            clock: 0,
            roster: Sum::of(b""),
        };
        let other = link.partner_greet(greeting.clone()).await.unwrap_err();
        assert!(other.to_string().contains("protocols 7 to 9"), "{other}");
        greeting.protocol = (1, 1);
        greeting.id = pin_of_nobody();
        let liar = link.partner_greet(greeting).await.unwrap_err();
        assert!(liar.to_string().contains("id is not that of its key"), "{liar}");
    });
    b.start();
    a.write("INSERT INTO parts (name) VALUES ('bulb')");
    lab::in_step(&[&a, &b]);
}

/// The id of a machine that is not there.
pub(crate) fn pin_of_nobody() -> uuid::Uuid {
    Identity::generate().unwrap().public_key().machine_id()
}

#[test]
fn a_copy_of_a_machine_is_noticed_and_neither_is_believed() {
    let lab = Lab::new();
    let [a, mut b] = lab.shop(["a", "b"], SHOP);
    a.write("INSERT INTO parts (name) VALUES ('pad')");
    lab::in_step(&[&a, &b]);
    // Somebody clones B's disk into another computer: same key, same file, another address.
    b.stop();
    let place = lab.path().join("clone");
    let told = lab::outside::run(
        "/bin/sh",
        &[
            "-c",
            "cp -a \"$0\" \"$1\"",
            lab.path().join("b").to_str().unwrap(),
            place.to_str().unwrap(),
        ],
        "",
    );
    assert_eq!(told.code, 0, "{told:?}");
    let mut clone = Machine::at("clone", &place, b.partner);
    clone.reword(&b.partner.to_string(), "127.0.0.1:0");
    clone.reword(b.database().to_str().unwrap(), clone.database().to_str().unwrap());
    b.start();
    until_true("linked", SOON, || a.partner_state("b") == "Up to date");
    clone.start();
    until_true("noticed", SOON, || a.partner_state("b") == "Identity problem");
    assert_eq!(a.cli(&["status"]).code, 5);
    assert!(a.ok(&["partners"]).contains("Identity problem"));
    // A itself goes on, and what it writes is not lost.
    a.write("INSERT INTO parts (name) VALUES ('bulb')");
    assert_eq!(a.ask("SELECT count(*) FROM parts"), "2");
}

/// What a machine says to a client that shakes hands and asks for `/link`.
async fn read(machine: &Machine, config: tokio_rustls::rustls::ClientConfig) -> String {
    const ASK: &[u8] =
        b"GET /link HTTP/1.1\r\nHost: dunlin\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    let tcp = TcpStream::connect(machine.partner).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let Ok(mut stream) = connector.connect("dunlin".try_into().unwrap(), tcp).await else {
        return String::new();
    };
    let mut said = Vec::new();
    let asked = async {
        stream.write_all(ASK).await?;
        stream.read_to_end(&mut said).await
    };
    // An alert is an error here, and what a stranger must get.
    let ended = tokio::time::timeout(Duration::from_secs(20), asked).await;
    assert!(ended.is_ok(), "the connection stays open");
    String::from_utf8_lossy(&said).into_owned()
}
