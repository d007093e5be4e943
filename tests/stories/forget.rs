//! Forgetting machines: what becomes of their links and rows, wherever they are when it happens.

use std::time::{Duration, Instant};

use dunlin::roster::Role;
use dunlin::roster::statement::Signer;
use dunlin_rpc::client::{self, DialError, Link};
use dunlin_rpc::method::partner::PartnerClient as _;
use dunlin_rpc::wire::page::{Last, Page};
use dunlin_rpc::wire::partner::{GetPage, Greeting, PartnerEvent, PutPage, RosterAsk};
use dunlin_rpc::{Alpn, Identity, Pin};
use dunlin_tests::lab::{self, Lab, Machine, SOON, until, until_true};
use serde_json::{Value, json};

const SHOP: &str = "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";

/// By promise: the links of a forgotten machine are closed on every member that can be reached.
pub(crate) const CLOSED: Duration = Duration::from_secs(2);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

pub(crate) fn members(machine: &Machine) -> u64 {
    machine.status().unwrap()["machine"]["members"].as_u64().unwrap()
}

pub(crate) fn role(machine: &Machine) -> String {
    machine.status().unwrap()["machine"]["role"].as_str().unwrap().to_owned()
}

pub(crate) fn rows(machine: &Machine, name: &str) -> String {
    machine.ask(&format!("SELECT count(*) FROM parts WHERE name = '{name}'"))
}

pub(crate) fn insert(machine: &Machine, name: &str) {
    machine.write(&format!("INSERT INTO parts (name) VALUES ('{name}')"));
}

/// As a person does it who is sure.
pub(crate) fn forget(keeper: &Machine, name: &str) -> String {
    keeper.ok(&["partners", "forget", name, "--confirm", name])
}

fn key(machine: &Machine) -> Identity {
    let text = std::fs::read_to_string(machine.data().join("key")).unwrap();
    Identity::from_pem(&text).unwrap()
}

fn pin(machine: &Machine) -> Pin {
    machine.status().unwrap()["machine"]["pin"].as_str().unwrap().parse().unwrap()
}

/// All of them are linked, and equal.
pub(crate) fn up_to_date(machines: &[&Machine]) {
    for here in machines {
        for there in machines.iter().filter(|there| there.name != here.name) {
            until(&format!("{} linked with {}", here.name, there.name), SOON, || {
                let state = here.partner_state(&there.name);
                if state == "Up to date" { Ok(()) } else { Err(state) }
            });
        }
    }
}

#[test]
fn a_machine_that_was_forgotten_while_offline_cannot_read_or_write_one_row_at_any_member() {
    let lab = Lab::new();
    let [a, b, mut c] = lab.shop(["a", "b", "c"], SHOP);
    insert(&a, "before");
    lab::in_step(&[&a, &b, &c]);
    c.stop();
    insert(&a, "while c was off");
    forget(&a, "c");
    until_true("heard on b", SOON, || members(&b) == 2);

    insert(&c, "from c");
    c.start();
    let told = |c: &Machine| c.attention().matches("refuses this machine's key").count();
    until("told by both that it is refused", SOON, || match told(&c) {
        2 => Ok(()),
        _ => Err(c.attention()),
    });
    assert_eq!(c.cli(&["status"]).code, 5);
    insert(&a, "after");
    lab::in_step(&[&a, &b]);
    let nothing_moved = |c: &Machine| {
        for member in [&a, &b] {
            assert_eq!(rows(member, "from c"), "0", "{}", member.name);
        }
        assert_eq!((rows(c, "while c was off"), rows(c, "after")), ("0".into(), "0".into()));
    };
    nothing_moved(&c);

    // A thief with C's disk writes into its roster what he likes, and signs it well: it is still a
    // keeper there, lets in a key of his own, and forgets A.
    c.stop();
    let (stolen, own) = (key(&c), Identity::generate().unwrap());
    let roster = c.data().join("roster.jsonl");
    let text = std::fs::read_to_string(&roster).unwrap();
    let shop = dunlin_rpc::Sum::of(first_body(&text).as_bytes());
    let signer = Signer { identity: &stolen, at: 0 };
    let a_key = key(&a).public_key();
    let lies = [
        signer.admit(shop, own.public_key(), "thief", Role::Keeper, "digits").unwrap(),
        signer.admit(shop, stolen.public_key(), "c", Role::Keeper, "digits").unwrap(),
        signer.rotate(shop, &own, "c", vec![]).unwrap(),
        signer.forget(shop, a_key, "a", vec![], "").unwrap(),
    ];
    let written: String =
        lies.iter().map(|lie| serde_json::to_string(&lie.wire).unwrap() + "\n").collect();
    std::fs::write(&roster, text + &written).unwrap();
    c.start();
    insert(&c, "from a thief");
    runtime().block_on(async {
        for (member, pin) in [(&a, pin(&a)), (&b, pin(&b))] {
            for identity in [&stolen, &own] {
                let refused = client::dial(member.partner, identity, pin, Alpn::Link).await;
                let name = &member.name;
                assert!(matches!(refused, Err(DialError::Refused)), "{name}: {refused:?}");
            }
        }
    });
    insert(&b, "later");
    lab::in_step(&[&a, &b]);
    nothing_moved(&c);
    assert_eq!((rows(&a, "from a thief"), rows(&b, "from a thief")), ("0".into(), "0".into()));
    assert_eq!(rows(&c, "later"), "0");
    assert_eq!((members(&a), members(&b)), (2, 2));
}

/// The body of the statement that founded the shop.
fn first_body(roster: &str) -> String {
    let statements = roster.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let bodies = statements.map(|statement| statement["body"].as_str().unwrap().to_owned());
    let mut found = bodies.filter(|body| body.contains("\"kind\":\"found\""));
    found.next().unwrap()
}

#[test]
fn s38_a_machine_that_is_forgotten_while_it_syncs_is_cut_off_everywhere_within_two_seconds() {
    const ROWS: u64 = 60_000;
    let lab = Lab::new();
    let mut machines = ["a", "b", "c"].map(|name| lab.machine(name, SHOP));
    for machine in &machines {
        machine.ok(&["track", "--all"]);
    }
    lab::know_each_other(&machines);
    let [a, b, c] = &mut machines;
    a.start();
    b.start();
    b.join(&a.invite());
    a.write(&format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         INSERT INTO parts (name) SELECT 'part ' || i FROM n"
    ));
    lab::in_step(&[a, b]);
    c.start();
    c.join(&a.invite());
    let count =
        |machine: &Machine| -> u64 { machine.ask("SELECT count(*) FROM parts").parse().unwrap() };
    until_true("rows on their way", SOON, || count(c) > 0);

    let begun = Instant::now();
    a.call("partners_forget", &json!(["c"])).unwrap();
    until("cut off from both, and told so", CLOSED, || {
        match (role(c).as_str(), c.partner_state("a").as_str(), c.partner_state("b").as_str()) {
            ("forgotten", "Stopped", "Stopped") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let took = begun.elapsed();
    assert!(took < CLOSED, "{took:?}");
    let then = count(c);
    assert!(then < ROWS, "it had all rows before; the story says nothing");
    assert_eq!(members(b), 2);
    // No row after, in either direction.
    insert(c, "from c");
    insert(a, "after");
    lab::in_step(&[a, b]);
    assert_eq!(
        (count(c), rows(a, "from c"), rows(b, "from c")),
        (then + 1, "0".into(), "0".into())
    );
    assert!(c.attention().contains("was forgotten by"), "{}", c.attention());
    assert!(c.attention().contains("dunlin shop renew"), "{}", c.attention());
}

async fn greeted(machine: &Machine, us: &Identity, there: Pin) -> Link {
    let (link, _) = client::dial(machine.partner, us, there, Alpn::Link).await.unwrap();
    let status = machine.status().unwrap();
    let greeting = Greeting {
        protocol: (1, 1),
        features: Vec::new(),
        id: us.public_key().machine_id(),
        name: "c".to_owned(),
        boot: "0".repeat(32),
        shop: status["machine"]["shop"].as_str().unwrap().parse().unwrap(),
        clock: 0,
        roster: dunlin_rpc::Sum::of(b""),
    };
    link.partner_greet(greeting).await.unwrap();
    let ask = RosterAsk { held: Vec::new(), statements: Vec::new() };
    let answer = link.partner_roster(ask).await.unwrap();
    let held = answer.statements.iter().map(dunlin_rpc::wire::join::Statement::id).collect();
    link.partner_roster(RosterAsk { held, statements: Vec::new() }).await.unwrap();
    link
}

fn asking() -> GetPage {
    let (database, knowledge) = ("main".to_owned(), Vec::new());
    GetPage { database, cursor: 0, knowledge, now: u64::MAX >> 2, limit: 100_000, rows: Vec::new() }
}

fn giving() -> PutPage {
    let page = Page {
        tables: Vec::new(),
        withheld: Vec::new(),
        from: 0,
        next: 0,
        more: false,
        last: Some(Last { knowledge: Vec::new(), floor: 0 }),
    };
    PutPage { database: "main".to_owned(), page, named: false }
}

/// Here the other end is no daemon that hangs up by itself.
#[test]
fn a_forgotten_machine_that_does_not_hang_up_is_told_by_which_statement_and_cut_off() {
    let lab = Lab::new();
    let [a, mut c] = lab.shop(["a", "c"], SHOP);
    insert(&a, "pad");
    lab::in_step(&[&a, &c]);
    c.stop();
    let (us, there) = (key(&c), pin(&a));
    runtime().block_on(async {
        let link = greeted(&a, &us, there).await;
        let mut events = link.partner_events().await.unwrap();
        let page = link.partner_getdata(asking()).await.unwrap();
        assert!(page.rows() > 0);

        let begun = Instant::now();
        a.call("partners_forget", &json!(["c"])).unwrap();
        let refused = link.partner_getdata(asking()).await.unwrap_err();
        assert!(refused.to_string().contains("not let in"), "{refused}");
        assert!(link.partner_putdata(giving()).await.is_err());
        let mut statements = None;
        while let Ok(Some(Ok(event))) = tokio::time::timeout(CLOSED, events.next()).await {
            if let PartnerEvent::Forgotten { statements: told } = event {
                statements = Some(told);
            }
        }
        let told = statements.expect("the statements");
        assert!(told.iter().any(|one| one.body.contains("\"kind\":\"forget\"")), "{told:?}");
        tokio::time::timeout(CLOSED, link.on_disconnect()).await.unwrap();
        assert!(begun.elapsed() < CLOSED, "{:?}", begun.elapsed());
        let again = client::dial(a.partner, &us, there, Alpn::Link).await;
        assert!(matches!(again, Err(DialError::Refused)), "{again:?}");
    });
}

#[test]
fn a_forget_travels_over_a_machine_in_between_within_two_seconds() {
    let lab = Lab::new();
    let mut machines = ["a", "b", "c"].map(|name| lab.machine(name, SHOP));
    lab::in_a_row(&mut machines);
    let [a, b, c] = machines;
    insert(&a, "pad");
    lab::in_step(&[&a, &b, &c]);
    until_true("linked", SOON, || b.partner_state("c") == "Up to date");
    let begun = Instant::now();
    a.call("partners_forget", &json!(["c"])).unwrap();
    until("heard at the other end", CLOSED, || match (role(&c).as_str(), members(&b)) {
        ("forgotten", 2) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert!(begun.elapsed() < CLOSED, "{:?}", begun.elapsed());
    insert(&c, "from c");
    insert(&a, "after");
    lab::in_step(&[&a, &b]);
    assert_eq!((rows(&b, "from c"), rows(&c, "after")), ("0".into(), "0".into()));
    // Whoever is out stays out, also after a restart, and dials nobody: it knows.
    let mut c = c;
    c.stop();
    c.start();
    assert_eq!(role(&c), "forgotten");
    assert_eq!(c.cli(&["status"]).code, 5);
}

#[test]
fn a_forget_overtakes_the_rows_that_are_on_their_way() {
    const ROWS: u64 = 60_000;
    let lab = Lab::new();
    let mut machines = ["a", "b", "c"].map(|name| lab.machine(name, SHOP));
    lab::in_a_row(&mut machines);
    let [a, b, c] = machines;
    until_true("linked", SOON, || {
        b.partner_state("a") == "Up to date" && b.partner_state("c") == "Up to date"
    });
    a.write(&format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         INSERT INTO parts (name) SELECT 'part ' || i FROM n"
    ));
    let count =
        |machine: &Machine| -> u64 { machine.ask("SELECT count(*) FROM parts").parse().unwrap() };
    until_true("rows on their way", SOON, || count(&b) > 0);
    a.call("partners_forget", &json!(["c"])).unwrap();
    until_true("told, two links away", CLOSED, || role(&c) == "forgotten");
    assert!(count(&b) < ROWS, "b had all rows before; the story says nothing");
    let then = count(&c);
    lab::in_step(&[&a, &b]);
    assert_eq!(count(&c), then);
}

#[test]
fn whom_a_forgotten_machine_let_in_stays_or_is_let_in_again() {
    let lab = Lab::new();
    let mut machines = ["a", "b", "c", "d"].map(|name| lab.machine(name, SHOP));
    for machine in &machines {
        machine.ok(&["track", "--all"]);
    }
    lab::know_each_other(&machines);
    for machine in &mut machines {
        machine.start();
    }
    let [a, b, c, d] = &machines;
    b.join(&a.invite());
    c.join(&b.invite());
    d.join(&b.invite());
    up_to_date(&[a, b, c, d]);

    let let_in = a.call("partners_let_in", &json!(["b"])).unwrap();
    let names: Vec<&str> = let_in["let_in"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["c", "d"]);
    // Someone who is not there is nobody to keep.
    a.cli(&["partners", "forget", "b", "--keep", "x", "--confirm", "b"]).failed(1, &["none of"]);
    let said = a.cli(&["partners", "forget", "b", "--keep", "c", "--confirm", "b", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("stay: “c”; go with it: “d”"), "{said:?}");
    assert_eq!(said.json()["members"], 2);
    until_true("lost", SOON, || role(d) == "lost" && members(c) == 2);
    assert!(d.attention().contains("dunlin partners let-in"), "{}", d.attention());
    // Both keepers know it by name and say what to do.
    for keeper in [a, c] {
        assert_eq!(keeper.status().unwrap()["lost"][0]["name"], "d");
        assert!(keeper.attention().contains("lets in again"), "{}", keeper.attention());
    }
    c.ok(&["partners", "let-in", "d"]);
    insert(d, "from d");
    lab::in_step(&[a, c, d]);
    assert_eq!((role(d), rows(a, "from d")), ("member".into(), "1".into()));
    assert_eq!(role(b), "forgotten");
    assert_eq!(rows(b, "from d"), "0");
}

#[test]
fn s46_a_restart_is_no_clone_and_a_copy_is_until_its_key_is_forgotten() {
    let lab = Lab::new();
    let [a, mut b] = lab.shop(["a", "b"], SHOP);
    insert(&a, "pad");
    lab::in_step(&[&a, &b]);
    up_to_date(&[&a, &b]);
    // Each time another boot nonce; once in good order, once by a power cut that tells nobody.
    for round in 0..4 {
        if round % 2 == 0 {
            b.kill();
        } else {
            b.stop();
        }
        b.start();
        insert(&b, "again");
        until("linked again", SOON, || match a.partner_state("b").as_str() {
            "Identity problem" => panic!("round {round}: a restart was taken for a copy"),
            "Up to date" => Ok(()),
            other => Err(other.to_owned()),
        });
        lab::in_step(&[&a, &b]);
    }
    // Its power goes, with the link left open: to A that is a machine that says nothing. What starts from its disk
    // then is the same machine; here it is a copy of the disk, and B itself only holds its breath.
    b.signal("STOP");
    let place = lab.path().join("clone");
    let paths = [lab.path().join("b"), place.clone()];
    let paths = paths.each_ref().map(|path| path.to_str().unwrap());
    lab::outside::run("/bin/sh", &["-c", "cp -a \"$0\" \"$1\"", paths[0], paths[1]], "");
    let mut clone = Machine::at("clone", &place, b.partner);
    clone.reword(&b.partner.to_string(), "127.0.0.1:0");
    clone.reword(b.database().to_str().unwrap(), clone.database().to_str().unwrap());
    clone.start();
    insert(&clone, "after the power came back");
    until_true("linked anew", SOON, || rows(&a, "after the power came back") == "1");
    assert_ne!(a.partner_state("b"), "Identity problem", "a restart was taken for a copy");
    // Both alive are two.
    b.signal("CONT");
    until_true("noticed", SOON, || a.partner_state("b") == "Identity problem");
    // It stays so until a person has chosen: the key goes, and the right machine begins anew.
    forget(&a, "b");
    assert_eq!(members(&a), 1);
    assert!(!a.attention().contains("copy"), "{}", a.attention());
    let (stolen, there) = (key(&b), pin(&a));
    runtime().block_on(async {
        let refused = client::dial(a.partner, &stolen, there, Alpn::Link).await;
        assert!(matches!(refused, Err(DialError::Refused)), "{refused:?}");
    });
    insert(&b, "from b");
    insert(&clone, "from the clone");
    insert(&a, "after");
    until_true("folded", SOON, || a.unfolded() == 0);
    assert_eq!((rows(&a, "from b"), rows(&a, "from the clone")), ("0".into(), "0".into()));
}
