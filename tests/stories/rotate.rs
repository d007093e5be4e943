//! A new key for a machine: it stays the same machine to all, and the old key opens nothing.

use std::path::Path;

use dunlin_rpc::client::{self, DialError};
use dunlin_rpc::method::partner::PartnerClient as _;
use dunlin_rpc::wire::partner::{Databases, Greeting, RosterAsk};
use dunlin_rpc::{Alpn, Identity, Pin, Sum};
use dunlin_tests::lab::{self, Lab, Machine, SOON, outside, until, until_true};
use serde_json::Value;

const SHOP: &str = "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";
const PARTS: &str = "SELECT count(*) FROM parts";

fn sell(machine: &Machine, name: &str) {
    machine.write(&format!("INSERT INTO parts (name) VALUES ('{name}')"));
}

fn key_of(machine: &Machine) -> Identity {
    Identity::from_pem(&std::fs::read_to_string(machine.data().join("key")).unwrap()).unwrap()
}

fn rotate(machine: &Machine) -> Value {
    machine.cli(&["key", "rotate", "--yes", "--json"]).json()
}

/// The names of those that have not heard of a machine's new key; none when no rotation is under way.
fn waiting(machine: &Machine) -> Vec<String> {
    let status = machine.status().unwrap();
    let names = status.pointer("/machine/rotation/waiting").and_then(Value::as_array);
    names.into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn is_done(machine: &Machine) {
    until(&format!("{}'s old key gone", machine.name), SOON, || {
        match (waiting(machine).as_slice(), machine.data().join("key.old").exists()) {
            ([], false) => Ok(()),
            (names, _) => Err(format!("not yet: {names:?}")),
        }
    });
    for left in ["key.next", "key.heard"] {
        assert!(!machine.data().join(left).exists(), "{left} is left");
    }
}

fn linked(here: &Machine, there: &Machine) {
    until(&format!("{} linked to {}", here.name, there.name), SOON, || {
        let state = here.partner_state(&there.name);
        if state == "Up to date" { Ok(()) } else { Err(state) }
    });
}

fn dial(at: &Machine, key: &Identity, pin: Pin) -> Result<(), DialError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(client::dial(at.partner, key, pin, Alpn::Link)).map(drop)
}

/// The origin of what a machine writes: its id and its database's epoch.
fn origin(machine: &Machine) -> (String, String) {
    let status = machine.status().unwrap();
    (machine.id(), status["databases"][0]["epoch"].as_str().unwrap().to_owned())
}

fn copy(from: &Path, to: &Path) {
    let told = outside::run(
        "/bin/sh",
        &["-c", "cp -a \"$0\" \"$1\"", from.to_str().unwrap(), to.to_str().unwrap()],
        "",
    );
    assert_eq!(told.code, 0, "{told:?}");
}

#[test]
fn a_machine_with_a_new_key_is_the_same_machine_also_to_one_that_was_off() {
    let lab = Lab::new();
    let [mut a, b, mut c] = lab.shop(["a", "b", "c"], SHOP);
    sell(&a, "pad");
    lab::in_step(&[&a, &b, &c]);
    c.stop();
    let (before, old) = (origin(&a), key_of(&a));
    copy(&lab.path().join("a"), &lab.path().join("thief"));

    let told = rotate(&a);
    assert_ne!(told["pin"], old.pin().to_string());
    // It has a line in the status, and is nothing that needs a person.
    until_true("c alone has not heard", SOON, || waiting(&a) == ["c"]);
    let status = a.cli(&["status"]);
    assert_eq!(status.code, 0, "{status:?}");
    assert!(status.out.contains("Key rotation under way: 1 member has not heard yet (c)"));
    linked(&a, &b);
    linked(&b, &a);
    sell(&a, "bulb");
    sell(&b, "bolt");
    lab::in_step(&[&a, &b]);

    // C comes back while A is away, and A comes back with the new key.
    a.kill();
    c.start();
    a.start();
    sell(&c, "belt");
    lab::in_step(&[&a, &b, &c]);
    lab::all_say(&[&a, &b, &c], PARTS, "4");
    is_done(&a);
    assert_eq!(origin(&a), before, "the id and the origin stay");
    for machine in [&b, &c] {
        assert_eq!(machine.status().unwrap()["partners"].as_array().unwrap().len(), 2);
    }

    // The old key opens no door, and whoever has the whole folder of then reads no row.
    for machine in [&a, &b, &c] {
        let refused = dial(machine, &old, key_of(machine).pin());
        assert!(matches!(refused, Err(DialError::Refused)), "{}: {refused:?}", machine.name);
    }
    let mut thief = Machine::at("thief", &lab.path().join("thief"), a.partner);
    thief.reword(&a.partner.to_string(), "127.0.0.1:0");
    thief.reword(a.database().to_str().unwrap(), thief.database().to_str().unwrap());
    thief.start();
    until_true("refused by both", SOON, || {
        let status = thief.status().unwrap();
        let partners = status["partners"].as_array().unwrap();
        let reason = |partner: &Value| partner["reason"].as_str().unwrap_or_default().to_owned();
        partners.iter().all(|partner| reason(partner).contains("refuses our key"))
    });
    assert_eq!(thief.ask(PARTS), "1", "what was there when it was copied");
    assert_eq!(a.partner_state("b"), "Up to date");
}

#[test]
fn rotating_twice_quickly_leaves_nobody_behind() {
    let lab = Lab::new();
    let [a, b, mut c] = lab.shop(["a", "b", "c"], SHOP);
    sell(&a, "pad");
    lab::in_step(&[&a, &b, &c]);
    c.stop();
    let id = a.id();
    let pins = [(); 2].map(|()| rotate(&a)["pin"].as_str().unwrap().to_owned());
    assert_ne!(pins[0], pins[1]);
    until_true("c alone has not heard", SOON, || waiting(&a) == ["c"]);
    sell(&b, "bulb");
    lab::in_step(&[&a, &b]);
    // C knows neither of the two new keys, and is told by the oldest.
    c.start();
    sell(&a, "bolt");
    lab::in_step(&[&a, &b, &c]);
    is_done(&a);
    assert_eq!(a.id(), id);
    assert_eq!(key_of(&a).pin().to_string(), pins[1]);
    let shown: Value = serde_json::from_str(&a.ok(&["key", "show", "--json"])).unwrap();
    assert_eq!((&shown["rotations"], &shown["id"]), (&2.into(), &id.into()));
}

#[test]
fn two_machines_that_both_rotate_while_they_are_apart_find_each_other() {
    let lab = Lab::new();
    let [mut a, mut b] = lab.shop(["a", "b"], SHOP);
    sell(&a, "pad");
    lab::in_step(&[&a, &b]);
    let ids = (a.id(), b.id());
    b.stop();
    rotate(&a);
    a.stop();
    b.start();
    rotate(&b);
    a.start();
    sell(&a, "bulb");
    sell(&b, "bolt");
    lab::in_step(&[&a, &b]);
    lab::all_say(&[&a, &b], PARTS, "3");
    is_done(&a);
    is_done(&b);
    assert_eq!((a.id(), b.id()), ids);
}

#[test]
fn a_member_that_is_never_called_learns_of_the_new_key_when_it_calls() {
    let lab = Lab::new();
    let [mut a, mut b] = ["a", "b"].map(|name| lab.machine(name, SHOP));
    for machine in [&a, &b] {
        machine.ok(&["track", "--all"]);
    }
    a.never_calls(&b);
    a.start();
    b.start();
    // B remembers where it joined, and nothing else tells it where A is.
    b.join(&a.invite());
    sell(&a, "pad");
    lab::in_step(&[&a, &b]);
    b.stop();
    rotate(&a);
    assert_eq!(waiting(&a), ["b"]);
    b.start();
    sell(&b, "bulb");
    lab::in_step(&[&a, &b]);
    is_done(&a);
    // The address followed the new pin: after a restart there is nothing else to go by.
    b.stop();
    sell(&b, "bolt");
    b.start();
    lab::in_step(&[&a, &b]);
    lab::all_say(&[&a], PARTS, "3");
}

#[test]
fn a_machine_that_nobody_calls_tells_of_its_new_key_itself() {
    let lab = Lab::new();
    let [mut a, mut b] = ["a", "b"].map(|name| lab.machine(name, SHOP));
    for machine in [&a, &b] {
        machine.ok(&["track", "--all"]);
    }
    a.knows(&b);
    b.never_calls(&a);
    a.start();
    b.start();
    b.join(&a.invite());
    sell(&b, "pad");
    lab::in_step(&[&a, &b]);
    b.stop();
    rotate(&a);
    b.start();
    sell(&a, "bulb");
    lab::in_step(&[&a, &b]);
    is_done(&a);
    until_true("logged", SOON, || a.logged().contains("member told of the new key"));
}

#[test]
fn by_the_old_key_a_member_learns_the_new_one_and_reads_no_row() {
    let lab = Lab::new();
    let [a, mut b] = lab.shop(["a", "b"], SHOP);
    sell(&a, "pad");
    lab::in_step(&[&a, &b]);
    b.stop();
    let (old, key) = (key_of(&a).pin(), key_of(&b));
    let shop: Sum = a.status().unwrap()["machine"]["shop"].as_str().unwrap().parse().unwrap();
    rotate(&a);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // The test speaks with B's own key, and looks for the key that B knows.
        let (link, peer) = client::dial(a.partner, &key, old, Alpn::Link).await.unwrap();
        assert_eq!(peer.pin, old);
        let greeting = Greeting {
            protocol: (1, 1),
            features: Vec::new(),
            id: key.public_key().machine_id(),
            name: "b".to_owned(),
            boot: "0".repeat(32),
            shop,
            clock: 0,
            roster: Sum::of(b""),
        };
        link.partner_greet(greeting).await.unwrap();
        let ask = RosterAsk { held: Vec::new(), statements: Vec::new() };
        let answer = link.partner_roster(ask).await.unwrap();
        assert!(answer.statements.iter().any(|said| said.body.contains("\"rotate\"")));
        let held = answer.statements.iter().map(dunlin_rpc::wire::join::Statement::id).collect();
        link.partner_roster(RosterAsk { held, statements: Vec::new() }).await.unwrap();
        let early = link.partner_databases(Databases { databases: Vec::new() }).await;
        assert!(early.unwrap_err().to_string().contains("new key"));
    });
    // A stranger gets no further by it than by the new one.
    let stranger = dial(&a, &Identity::generate().unwrap(), old);
    assert!(matches!(stranger, Err(DialError::Refused)), "{stranger:?}");
    b.start();
    sell(&b, "bulb");
    lab::in_step(&[&a, &b]);
    is_done(&a);
    // Now that all have heard the old one is shown to nobody.
    let gone = dial(&a, &key, old);
    assert!(matches!(gone, Err(DialError::WrongKey)), "{gone:?}");
}

#[test]
fn a_key_is_rotated_by_a_person_who_means_it_and_ends_open_invites() {
    let lab = Lab::new();
    let mut a = lab.machine("a", SHOP);
    a.ok(&["track", "--all"]);
    let pin = key_of(&a).pin();
    let shown = a.ok(&["key", "show"]);
    let beginning: String = pin.to_string().chars().take(4).collect();
    assert!(shown.contains(&beginning) && !shown.contains("PRIVATE"), "{shown}");
    a.cli(&["key", "rotate", "--yes"]).failed(3, &["not running", "dunlin run"]);
    a.start();
    a.cli(&["key", "rotate"]).failed(1, &["--yes"]);
    assert_eq!(key_of(&a).pin(), pin, "nothing was changed");
    let mut b = lab.machine("b", SHOP);
    b.start();
    let token = a.invite();
    let told = a.ok(&["key", "rotate", "--yes"]);
    assert!(told.contains("Open invites for 1 machine ended"), "{told}");
    assert_ne!(key_of(&a).pin(), pin);
    is_done(&a);
    b.cli_with(&["join"], &token).failed(1, &["token"]);
    // The machine lets others in under its new key.
    b.join(&a.invite());
    sell(&a, "pad");
    lab::in_step(&[&a, &b]);
    assert_eq!(b.ask(PARTS), "1");
}

/// Answers a question of `dunlin key rotate` on a terminal, and prints its exit code.
const ON_A_TERMINAL: &str = "
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], 'key', 'rotate', '--data', sys.argv[2]])
said = b''
while b'[y/N]' not in said:
    said += os.read(terminal, 1024)
os.write(terminal, sys.argv[3].encode() + b'\\n')
try:
    while os.read(terminal, 1024):
        pass
except OSError:
    pass
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";

#[test]
fn on_a_terminal_a_person_is_asked_before_the_key_is_rotated() {
    if !outside::has("python3", "the question before a rotation") {
        return;
    }
    let lab = Lab::new();
    let mut a = lab.machine("a", SHOP);
    a.start();
    let pin = key_of(&a).pin();
    let program = lab::machine::program();
    let (program, data) = (program.to_str().unwrap().to_owned(), a.data());
    for (answer, code, stays) in [("n", "1", true), ("", "1", true), ("y", "0", false)] {
        let told = outside::python(ON_A_TERMINAL, &[&program, data.to_str().unwrap(), answer]);
        assert_eq!(told.out.trim(), code, "{answer:?}: {told:?}");
        assert_eq!(key_of(&a).pin() == pin, stays, "{answer:?}");
    }
}

#[test]
fn a_machine_that_is_killed_right_after_it_rotated_goes_on_under_the_new_key() {
    let lab = Lab::new();
    let [mut a, mut b] = lab.shop(["a", "b"], SHOP);
    sell(&a, "pad");
    lab::in_step(&[&a, &b]);
    let id = a.id();
    for round in 0..3 {
        b.kill();
        let pin = rotate(&a)["pin"].as_str().unwrap().to_owned();
        a.kill();
        b.start();
        a.start();
        assert_eq!((a.id(), key_of(&a).pin().to_string()), (id.clone(), pin));
        sell(&b, &format!("bulb {round}"));
        lab::in_step(&[&a, &b]);
        is_done(&a);
    }
}

#[test]
fn a_rotation_in_the_middle_of_a_long_exchange_loses_no_row() {
    let lab = Lab::new();
    let [a, b] = lab.shop(["a", "b"], SHOP);
    lab::in_step(&[&a, &b]);
    for round in 1..=3_u32 {
        b.write(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
             INSERT INTO parts (name) SELECT hex(randomblob(200)) FROM n",
        );
        sell(&a, "pad");
        let had = 5_001 * u64::from(round - 1);
        until_true("some of it there", SOON, || a.ask(PARTS).parse::<u64>().unwrap() > had + 1);
        rotate(if round == 2 { &b } else { &a });
        lab::in_step(&[&a, &b]);
        lab::all_say(&[&a, &b], PARTS, &(5_001 * round).to_string());
        is_done(&a);
        is_done(&b);
    }
    a.is_sound();
}

#[test]
fn a_paused_partner_hears_of_a_new_key_and_gets_no_row() {
    let lab = Lab::new();
    let [a, b] = lab.shop(["a", "b"], SHOP);
    sell(&a, "pad");
    lab::in_step(&[&a, &b]);
    b.ok(&["partners", "pause", "a"]);
    rotate(&a);
    sell(&a, "bulb");
    is_done(&a);
    assert_eq!(b.ask(PARTS), "1");
    assert_eq!(b.partner_state("a"), "Paused");
    b.ok(&["partners", "resume", "a"]);
    lab::in_step(&[&a, &b]);
}

#[test]
fn a_machine_that_was_off_for_a_rotation_is_forgotten_and_nobody_waits_for_it() {
    let lab = Lab::new();
    let [a, b, mut c] = lab.shop(["a", "b", "c"], SHOP);
    sell(&a, "pad");
    lab::in_step(&[&a, &b, &c]);
    c.stop();
    rotate(&a);
    until_true("c alone has not heard", SOON, || waiting(&a) == ["c"]);
    // And whoever goes by the name of the rotated machine is forgotten under its new key.
    b.ok(&["partners", "forget", "c", "--confirm", "c"]);
    is_done(&a);
    b.ok(&["partners", "forget", "a", "--keep", "none", "--confirm", "a"]);
    until_true("out", SOON, || a.status().unwrap()["machine"]["role"] == "forgotten");
    assert_eq!(b.status().unwrap()["machine"]["members"], 1);
}

#[test]
fn a_rotated_machine_begins_no_new_shop_in_which_it_would_be_another() {
    let lab = Lab::new();
    let mut a = lab.machine("a", SHOP);
    a.start();
    let shop = a.status().unwrap()["machine"]["shop"].clone();
    rotate(&a);
    a.cli(&["shop", "renew", "--confirm", "a"]).failed(1, &["was rotated", "dunlin init"]);
    assert_eq!(a.status().unwrap()["machine"]["shop"], shop);
}
