//! Pairing by six digits, with real daemons: two people, two numbers, and those who would like to be one of them.

mod between;

use std::time::Duration;

use dunlin::roster::{Signed, statement::Signer};
use dunlin_rpc::client::{self, DialError, Link};
use dunlin_rpc::method::pair::PairClient as _;
use dunlin_rpc::wire::pair::{PairBegin, PairBegun, PairNonce, PairRoster};
use dunlin_rpc::{Alpn, Code, Identity, Peer, Sum};
use dunlin_tests::lab::space::Wire;
use dunlin_tests::lab::{self, Lab, Machine, SOON, until, until_true};
use jsonrpsee::core::client::Error as RpcError;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::joining::{alone, members, pin_of, runtime};

const SHOP: &str = "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";

/// How a machine's pairing stands.
fn state(machine: &Machine) -> Value {
    machine.call("pairing_state", &json!([])).unwrap()
}

fn word<'a>(state: &'a Value, of: &str) -> &'a str {
    state[of].as_str().unwrap_or_default()
}

/// Waits until a machine's pairing is in this state.
fn stands(machine: &Machine, wanted: &str) -> Value {
    until(&format!("{} {wanted}", machine.name), SOON, || {
        let state = state(machine);
        if word(&state, "state") == wanted { Ok(state) } else { Err(state.to_string()) }
    })
}

/// Waits until a machine's pairing has ended this way.
fn ended(machine: &Machine, wanted: &str) -> Value {
    until(&format!("{} {wanted}", machine.name), SOON, || {
        let state = state(machine);
        if word(&state, "end") == wanted { Ok(state) } else { Err(state.to_string()) }
    })
}

fn open(machine: &Machine) {
    machine.call("pairing_open", &json!([])).unwrap();
}

fn call(machine: &Machine, there: &Machine) {
    machine.call("pairing_begin", &json!([there.partner.to_string()])).unwrap();
}

fn confirm(machine: &Machine, digits: &str) -> Value {
    machine.call("pairing_confirm", &json!([digits])).unwrap()
}

/// The numbers on both screens, once they are there.
fn numbers(a: &Machine, b: &Machine) -> [String; 2] {
    [a, b].map(|machine| word(&stands(machine, "numbers"), "own").to_owned())
}

/// A calls B, which is open, and both people type.
fn pair(a: &Machine, b: &Machine) {
    open(b);
    call(a, b);
    let [na, nb] = numbers(a, b);
    confirm(a, &nb);
    confirm(b, &na);
    for machine in [a, b] {
        ended(machine, "paired");
    }
}

/// Number that neither screen shows.
fn wrong(numbers: &[String]) -> &'static str {
    ["000000", "000001", "000002"]
        .into_iter()
        .find(|wrong| numbers.iter().all(|number| number != wrong))
        .unwrap()
}

#[test]
fn two_people_who_type_each_others_number_make_partners() {
    let lab = Lab::new();
    let [a, b] = ["a", "b"].map(|name| alone(&lab, name));
    let mut there = b.talk(&["pairing"]);
    there.says("Open for pairing");
    let mut here = a.talk(&["pair", &b.partner.to_string()]);
    let [na, nb] = numbers(&a, &b);
    let grouped = |number: &str| {
        let (first, second) = number.split_at(3);
        format!("{first} {second}")
    };
    here.says(&grouped(&na));
    there.says(&grouped(&nb));
    assert!(here.says("calls itself").contains("“b”"));
    // With spaces, as it is read; and what is no number at all does not count.
    here.types("hello");
    here.says("did not count");
    here.types(&format!(" {} ", grouped(&nb)));
    here.says("has to be typed on the other machine");
    assert_eq!((members(&a), members(&b)), (1, 1), "one person alone decides nothing");
    there.types(&na);
    let (here, there) = (here.ends(), there.ends());
    assert_eq!((here.code, there.code), (0, 0), "{here:?} {there:?}");
    assert!(here.out.contains("Paired with “b”"), "{here:?}");
    assert!(there.out.contains("Paired with “a”"), "{there:?}");

    assert_eq!((members(&a), members(&b)), (2, 2));
    a.write("INSERT INTO parts (name) VALUES ('pad')");
    b.write("INSERT INTO parts (name) VALUES ('bulb')");
    lab::in_step(&[&a, &b]);
    assert_eq!(b.ask("SELECT count(*) FROM parts"), "2");
    // B's shop stands, A is a keeper of it, and how it came in is written down.
    let rosters = [&a, &b].map(|machine| {
        let text = std::fs::read_to_string(machine.data().join("roster.jsonl")).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines.concat()
    });
    assert_eq!(rosters[0], rosters[1]);
    assert!(rosters[0].contains(r#"\"how\":\"digits\""#), "{rosters:?}");
    assert!(rosters[0].contains(r#"\"role\":\"keeper\""#), "{rosters:?}");
    // It is closed again.
    let stranger = Identity::generate().unwrap();
    for machine in [&a, &b] {
        let pin = pin_of(machine);
        let told = runtime().block_on(client::dial(machine.partner, &stranger, pin, Alpn::Join));
        assert!(matches!(told, Err(DialError::Refused)), "{told:?}");
    }
}

#[test]
fn the_states_can_be_followed_as_json_and_the_number_given_by_a_script() {
    let lab = Lab::new();
    let [a, b] = ["a", "b"].map(|name| alone(&lab, name));
    let mut there = b.talk(&["pairing", "--json"]);
    there.says(r#""state":"open""#);
    let mut here = a.talk(&["pair", &b.partner.to_string(), "--json"]);
    let [na, nb] = numbers(&a, &b);
    here.says(&na);
    here.types(&nb);
    there.types(&na);
    for told in [here.ends(), there.ends()] {
        assert_eq!((told.code, told.err.as_str()), (0, ""), "{told:?}");
        let states: Vec<Value> =
            told.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(states.iter().all(|state| state["schema"] == 1), "{states:?}");
        assert!(states.iter().any(|state| state["state"] == "numbers"), "{states:?}");
        assert_eq!(states.last().unwrap()["end"], "paired", "{states:?}");
    }
    assert_eq!((members(&a), members(&b)), (2, 2));
}

#[test]
fn a_keeper_lets_in_whoever_is_alone_whichever_side_calls() {
    let lab = Lab::new();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| alone(&lab, name));
    pair(&a, &b);
    // The machine that is alone calls, and is called.
    pair(&c, &b);
    pair(&b, &d);
    until_true("four members everywhere", SOON, || {
        [&a, &b, &c, &d].iter().all(|machine| members(machine) == 4)
    });
    a.write("INSERT INTO parts (name) VALUES ('pad')");
    lab::all_say(&[&b, &c, &d], "SELECT count(*) FROM parts", "1");
}

#[test]
fn shops_do_not_mix_and_a_member_lets_nobody_in() {
    let lab = Lab::new();
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| alone(&lab, name));
    pair(&a, &b);
    pair(&c, &d);
    let refused = |here: &Machine, there: &Machine, end: &str| {
        open(there);
        let told = here.cli(&["pair", &there.partner.to_string()]);
        assert_eq!(told.code, 1, "{told:?}");
        assert!(told.out.contains(&format!("({end})")), "{told:?}");
        there.call("pairing_cancel", &json!([])).unwrap();
        told.out
    };
    assert!(refused(&a, &c, "both in a shop").contains("leave its shop first"));
    // One that is paired already is not paired again.
    assert!(refused(&a, &b, "same shop").contains("the same shop already"));
    // A token for several makes plain members.
    let token = a.ok(&["invite", "--uses", "2"]);
    let [member, other] = ["member", "other"].map(|name| alone(&lab, name));
    member.join(token.trim());
    assert!(refused(&member, &other, "not a keeper").contains("pair with a keeper"));
    assert!(refused(&other, &member, "not a keeper").contains("pair with a keeper"));
    assert!(refused(&other, &other, "ourselves").contains("this machine itself"));
    assert_eq!([&c, &d, &other].map(members), [2, 2, 1]);
    until_true("three", SOON, || [&a, &b, &member].map(members) == [3, 3, 3]);
}

#[test]
fn a_forgotten_key_is_told_so_and_stays_out() {
    let lab = Lab::new();
    let [mut a, mut b] = lab.shop(["a", "b"], SHOP);
    a.stop();
    b.stop();
    // A has forgotten B's key.
    let identity = |machine: &Machine| {
        let pem = std::fs::read_to_string(machine.data().join("key")).unwrap();
        Identity::from_pem(&pem).unwrap()
    };
    let (key_a, key_b) = (identity(&a), identity(&b));
    let path = a.data().join("roster.jsonl");
    let roster = std::fs::read_to_string(&path).unwrap();
    let first = serde_json::from_str(roster.lines().next().unwrap()).unwrap();
    let shop = Signed::verify(&first).unwrap().shop();
    let signer = Signer { identity: &key_a, at: 0 };
    let forget = signer.forget(shop, key_b.public_key(), "b", Vec::new(), "lost").unwrap();
    std::fs::write(&path, roster + &serde_json::to_string(&forget.wire).unwrap() + "\n").unwrap();
    // And B, which has heard of it, has a shop of its own with its old key.
    std::fs::write(b.data().join("roster.jsonl"), {
        let found = Signer { identity: &key_b, at: 0 }.found("b").unwrap();
        serde_json::to_string(&found.wire).unwrap() + "\n"
    })
    .unwrap();
    a.start();
    b.start();
    assert_eq!((members(&a), members(&b)), (1, 1));
    open(&a);
    let told = b.cli(&["pair", &a.partner.to_string()]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.out.contains("(forgotten key)") && told.out.contains("dunlin join"), "{told:?}");
    // Nor when it is called.
    a.call("pairing_cancel", &json!([])).unwrap();
    open(&b);
    let told = a.cli(&["pair", &b.partner.to_string()]);
    assert!(told.code == 1 && told.out.contains("(forgotten key)"), "{told:?}");
    assert_eq!((members(&a), members(&b)), (1, 1));
}

#[test]
fn s41_typing_ones_own_number_counts_as_an_error_and_three_errors_end_both_sides() {
    let lab = Lab::new();
    let [a, b] = ["a", "b"].map(|name| alone(&lab, name));
    for (hasty, other) in [(&a, &b), (&b, &a)] {
        open(&b);
        call(&a, &b);
        numbers(&a, &b);
        let own = word(&state(hasty), "own").to_owned();
        let told = confirm(hasty, &own);
        assert!(word(&told, "hint").contains("this machine itself"), "{told}");
        assert!(word(&told, "hint").contains("two tries are left"), "{told}");
        let wrong = wrong(&[own.clone(), word(&state(other), "own").to_owned()]);
        let told = confirm(hasty, wrong);
        assert!(word(&told, "hint").contains("not the number of the other"), "{told}");
        assert!(word(&told, "hint").contains("one try is left"), "{told}");
        // The person at the other machine has typed well: that alone is nothing.
        confirm(other, &own);
        let told = confirm(hasty, &own);
        assert_eq!(word(&told, "end"), "digits differ", "{told}");
        assert!(word(&told, "sentence").contains("somebody may be in between"), "{told}");
        // A hears why, since it has asked; B sees that A is gone.
        ended(other, if other.name == "a" { "digits differ" } else { "left" });
        b.call("pairing_cancel", &json!([])).unwrap();
    }
    assert_eq!((members(&a), members(&b)), (1, 1));
    // On the command line it is a failure, with its sentence.
    let mut there = b.talk(&["pairing"]);
    there.says("Open");
    let here = a.talk(&["pair", &b.partner.to_string()]);
    let [_, nb] = numbers(&a, &b);
    for _ in 0..3 {
        there.types(&nb);
    }
    let told = there.ends();
    assert_eq!(told.code, 1, "{told:?}");
    assert!(told.err.contains("the number of this machine itself"), "{told:?}");
    assert!(told.out.contains("(digits differ)"), "{told:?}");
    let told = here.ends();
    assert!(told.code == 1 && told.out.contains("(left)"), "{told:?}");
}

#[test]
fn who_calls_before_the_other_is_open_waits_and_either_may_call_it_off() {
    let lab = Lab::new();
    let [a, b] = ["a", "b"].map(|name| alone(&lab, name));
    let here = a.talk(&["pair", &b.partner.to_string()]);
    here.says("run `dunlin pairing` on the other machine");
    let there = b.talk(&["pairing"]);
    numbers(&a, &b);
    there.interrupt();
    let told = there.ends();
    assert!(told.code == 1 && told.out.contains("(cancelled)"), "{told:?}");
    let told = here.ends();
    assert!(told.code == 1 && told.out.contains("(left)"), "{told:?}");

    // A standard input that ends has no number.
    let mut here = a.talk(&["pair", &b.partner.to_string()]);
    here.goes_silent();
    open(&b);
    let told = here.ends();
    assert!(told.code == 1 && told.err.contains("no number was given"), "{told:?}");
    ended(&b, "left");
    b.call("pairing_cancel", &json!([])).unwrap();

    // A daemon that goes takes its pairing with it.
    let (mut a, b) = (a, b);
    open(&b);
    call(&a, &b);
    numbers(&a, &b);
    a.kill();
    ended(&b, "left");
    assert_eq!(members(&b), 1);
    // One that is not there at all.
    let told = b.cli(&["pair", &a.partner.to_string()]);
    assert!(told.code == 1 && told.out.contains("(not reachable)"), "{told:?}");
    b.cli(&["pair", "no such till"]).failed(1, &["no machine is seen as", "dunlin pair"]);
    assert!(b.ok(&["pair"]).contains("No other machine is seen"));
}

#[test]
fn s33_when_both_press_at_once_one_call_stands_and_they_pair() {
    let lab = Lab::new();
    let [a, b] = ["a", "b"].map(|name| alone(&lab, name));
    for round in 0..3 {
        std::thread::scope(|scope| {
            scope.spawn(|| call(&a, &b));
            scope.spawn(|| call(&b, &a));
        });
        let [na, nb] = numbers(&a, &b);
        if round < 2 {
            a.call("pairing_cancel", &json!([])).unwrap();
            ended(&b, "left");
            b.call("pairing_cancel", &json!([])).unwrap();
            continue;
        }
        confirm(&a, &nb);
        confirm(&b, &na);
    }
    for machine in [&a, &b] {
        ended(machine, "paired");
    }
    assert_eq!((members(&a), members(&b)), (2, 2));
}

/// A runtime whose links live on while the story waits for a state.
fn threads() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

/// What a stranger says of itself.
fn begin() -> PairBegin {
    PairBegin {
        name: "<img src=x onerror=alert(1)>\u{1b}[2J".repeat(10),
        protocol: (1, 1),
        shop: Sum::of(b"a shop of my own"),
        alone: true,
        keeper: true,
    }
}

fn code(error: &RpcError) -> Option<Code> {
    match error {
        RpcError::Call(error) => Code::of(error.code()),
        _ => None,
    }
}

async fn meet(machine: &Machine, identity: &Identity) -> (Peer, Link) {
    let (peer, link) = client::meet(machine.partner, identity).await.unwrap();
    (peer, link.unwrap())
}

#[test]
fn s33_of_twenty_requests_at_once_one_is_taken_and_the_others_hear_busy() {
    let lab = Lab::new();
    let b = alone(&lab, "b");
    open(&b);
    threads().block_on(async {
        let mut asking = JoinSet::new();
        for _ in 0..20 {
            let (_, link) = meet(&b, &Identity::generate().unwrap()).await;
            asking.spawn(async move { (link.pair_begin(begin()).await, link) });
        }
        let told = asking.join_all().await;
        let busy = |told: &&(Result<PairBegun, RpcError>, Link)| {
            told.0.as_ref().err().and_then(code) == Some(Code::Busy)
        };
        assert_eq!(told.iter().filter(|told| told.0.is_ok()).count(), 1);
        assert_eq!(told.iter().filter(busy).count(), 19);
    });
    // All of them have hung up; B is open still, and nobody has seen a number.
    until_true("open", SOON, || word(&state(&b), "state") == "open");
    assert_eq!(members(&b), 1);
}

#[test]
fn s33_three_strangers_who_saw_numbers_close_the_machine() {
    let lab = Lab::new();
    let b = alone(&lab, "b");
    open(&b);
    let nonce = PairNonce { nonce: Sum::of(b"n") };
    threads().block_on(async {
        for _ in 0..3 {
            let (_, link) = meet(&b, &Identity::generate().unwrap()).await;
            link.pair_begin(begin()).await.unwrap();
            link.pair_nonce(nonce).await.unwrap();
            let shown = state(&b);
            assert_eq!(word(&shown, "state"), "numbers");
            // The name is a label of at most 64 characters, none of which commands a terminal.
            let name = word(&shown, "partner");
            assert!(name.chars().count() == 64 && !name.contains('\u{1b}'), "{name:?}");
            drop(link);
            until_true("over", SOON, || word(&state(&b), "end") == "left");
        }
        let told = client::meet(b.partner, &Identity::generate().unwrap()).await.unwrap();
        assert!(matches!(told.1, Err(DialError::Refused)), "{:?}", told.1);
    });
    assert_eq!(word(&state(&b), "state"), "closed");
}

#[test]
fn what_a_stranger_asks_out_of_turn_is_refused_and_trusts_nobody() {
    let lab = Lab::new();
    let b = alone(&lab, "b");
    open(&b);
    let nonce = PairNonce { nonce: Sum::of(b"n") };
    let roster = PairRoster::default;
    threads().block_on(async {
        let stranger = Identity::generate().unwrap();
        // Before anything has begun.
        let (_, link) = meet(&b, &stranger).await;
        let early = link.pair_sure().await.unwrap_err();
        assert_eq!(code(&early), Some(Code::OutOfTurn));
        let early = link.pair_roster(roster()).await.unwrap_err();
        assert_eq!(code(&early), Some(Code::OutOfTurn));
        let early = link.pair_nonce(nonce).await.unwrap_err();
        assert_eq!(code(&early), Some(Code::OutOfTurn));
        // Everything at once, as one socket can.
        link.pair_begin(begin()).await.unwrap();
        let told = tokio::join!(
            link.pair_nonce(nonce),
            link.pair_nonce(nonce),
            link.pair_roster(roster())
        );
        assert!(told.2.is_err() && (told.0.is_err() || told.1.is_err()), "{told:?}");
        drop(link);
        // The statements before B's person has typed anything; with the stranger's own word.
        until_true("open", SOON, || word(&state(&b), "state") == "open");
        let (_, link) = meet(&b, &stranger).await;
        link.pair_begin(begin()).await.unwrap();
        link.pair_nonce(nonce).await.unwrap();
        let (sure, early) = tokio::join!(link.pair_sure(), link.pair_roster(roster()));
        assert!(early.is_err() && sure.is_err(), "{sure:?} {early:?}");
        // Methods of members are not there.
        let (_, link) = meet(&b, &stranger).await;
        let told = link.pair_begin(PairBegin { protocol: (7, 9), ..begin() }).await.unwrap_err();
        assert_eq!(code(&told), Some(Code::OtherProtocol), "{told:?}");
    });
    assert_eq!(members(&b), 1);
}

#[test]
fn s33_a_stranger_who_is_sure_waits_for_the_person_and_gets_nothing_without() {
    let lab = Lab::new();
    let b = alone(&lab, "b");
    open(&b);
    let nonce = PairNonce { nonce: Sum::of(b"n") };
    threads().block_on(async {
        let (_, link) = meet(&b, &Identity::generate().unwrap()).await;
        link.pair_begin(begin()).await.unwrap();
        link.pair_nonce(nonce).await.unwrap();
        let waits = tokio::time::timeout(Duration::from_millis(300), link.pair_sure()).await;
        assert!(waits.is_err(), "{waits:?}");
        // B's person calls it off: that is the answer.
        b.call("pairing_cancel", &json!([])).unwrap();
        let late = link.pair_roster(PairRoster::default()).await.unwrap_err();
        assert!(code(&late).is_none_or(|code| code != Code::Internal), "{late:?}");
    });
    assert_eq!(members(&b), 1);
    assert_eq!(word(&state(&b), "state"), "closed");
}

#[test]
fn machines_on_two_networks_with_a_wire_pair_by_the_name_that_mdns_shows() {
    let lab = Lab::new();
    let Some(wire) = Wire::make() else { return };
    let [mut a, mut b] = ["a", "b"].map(|name| {
        let name = format!("{name}{}", std::process::id());
        lab::open(&lab.file(&name)).execute_batch(SHOP).unwrap();
        Machine::at(&name, &lab.path().join(&name), "[::]:7474".parse().unwrap())
    });
    for (machine, space) in [&mut a, &mut b].into_iter().zip(&wire.names) {
        machine.run_by(&["ip", "netns", "exec", space]);
        machine.init();
        machine.ok(&["track", "--all"]);
        machine.start();
    }
    until_true("seen", SOON, || a.ok(&["pair"]).contains(&b.name));
    open(&b);
    let mut here = a.talk(&["pair", &b.name]);
    let [na, nb] = numbers(&a, &b);
    here.types(&nb);
    confirm(&b, &na);
    let told = here.ends();
    assert_eq!(told.code, 0, "{told:?}");
    a.write("INSERT INTO parts (name) VALUES ('pad')");
    lab::all_say(&[&b], "SELECT count(*) FROM parts", "1");
    // By the beginning of an id; and both press.
    assert!(!a.ok(&["pair"]).contains(&b.name), "a partner is no sighting");
}
