//! Taking machines out of the shop: forgotten, left, begun anew; and pausing them.

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
const CLOSED: Duration = Duration::from_secs(2);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn members(machine: &Machine) -> u64 {
    machine.status().unwrap()["machine"]["members"].as_u64().unwrap()
}

fn role(machine: &Machine) -> String {
    machine.status().unwrap()["machine"]["role"].as_str().unwrap().to_owned()
}

/// What needs a person, in one text.
fn attention(machine: &Machine) -> String {
    machine.status().unwrap()["attention"].to_string()
}

fn rows(machine: &Machine, name: &str) -> String {
    machine.ask(&format!("SELECT count(*) FROM parts WHERE name = '{name}'"))
}

fn insert(machine: &Machine, name: &str) {
    machine.write(&format!("INSERT INTO parts (name) VALUES ('{name}')"));
}

/// As a person does it who is sure.
fn forget(keeper: &Machine, name: &str) -> String {
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
fn up_to_date(machines: &[&Machine]) {
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
    let told = |c: &Machine| attention(c).matches("refuses this machine's key").count();
    until("told by both that it is refused", SOON, || match told(&c) {
        2 => Ok(()),
        _ => Err(attention(&c)),
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
    assert!(attention(c).contains("was forgotten by"), "{}", attention(c));
    assert!(attention(c).contains("dunlin shop renew"), "{}", attention(c));
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
    GetPage { database, cursor: 0, knowledge, now: u64::MAX >> 2, limit: 100_000 }
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
    PutPage { database: "main".to_owned(), page }
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
    assert!(attention(d).contains("dunlin partners let-in"), "{}", attention(d));
    // Both keepers know it by name and say what to do.
    for keeper in [a, c] {
        assert_eq!(keeper.status().unwrap()["lost"][0]["name"], "d");
        assert!(attention(keeper).contains("lets it in again"), "{}", attention(keeper));
    }
    c.ok(&["partners", "let-in", "d"]);
    insert(d, "from d");
    lab::in_step(&[a, c, d]);
    assert_eq!((role(d), rows(a, "from d")), ("member".into(), "1".into()));
    assert_eq!(role(b), "forgotten");
    assert_eq!(rows(b, "from d"), "0");
}

#[test]
fn a_machine_leaves_and_may_join_elsewhere_but_the_last_keeper_may_not() {
    let lab = Lab::new();
    let [a, b, c] = lab.shop(["a", "b", "c"], SHOP);
    up_to_date(&[&a, &b, &c]);
    c.cli(&["leave"]).failed(1, &["cannot be undone", "--confirm 'c'"]);
    c.cli(&["leave", "--confirm", "b"]).failed(1, &["not the name"]);
    assert_eq!(members(&c), 3);
    let left = c.ok(&["leave", "--confirm", "c", "--json"]);
    assert!(left.contains("\"told\""), "{left}");
    until_true("heard by the others", CLOSED, || members(&a) == 2 && members(&b) == 2);
    assert_eq!((role(&c), members(&c)), ("left".into(), 0));
    assert_eq!(c.status().unwrap()["partners"], json!([]));
    // To have left is no trouble.
    assert_eq!(c.cli(&["status"]).code, 0);
    insert(&c, "from c");
    insert(&a, "after");
    lab::in_step(&[&a, &b]);
    assert_eq!((rows(&a, "from c"), rows(&c, "after")), ("0".into(), "0".into()));
    // Back it does not come with that key; elsewhere it is welcome.
    c.cli_with(&["join"], &a.invite()).failed(1, &["forgotten this machine's key"]);
    let [d] = lab.shop(["d"], SHOP);
    c.join(&d.invite());
    lab::in_step(&[&c, &d]);
    assert_eq!(rows(&d, "from c"), "1");
}

#[test]
fn a_machine_that_left_while_nobody_was_there_tells_the_first_that_it_meets() {
    let lab = Lab::new();
    let [mut a, mut b] = lab.shop(["a", "b"], SHOP);
    up_to_date(&[&a, &b]);
    a.stop();
    b.stop();
    // Without a daemon, and with nobody to tell.
    let said = b.ok(&["leave", "--confirm", "b"]);
    assert!(said.contains("No partner has heard of it yet"), "{said}");
    b.start();
    a.start();
    until_true("heard", SOON, || members(&a) == 1);
    insert(&b, "from b");
    insert(&a, "from a");
    until_true("folded", SOON, || a.unfolded() == 0 && b.unfolded() == 0);
    assert_eq!((rows(&a, "from b"), rows(&b, "from a")), ("0".into(), "0".into()));
}

#[test]
fn a_new_shop_is_begun_with_one_machine_and_the_others_join_again() {
    let lab = Lab::new();
    let [a, b, c] = lab.shop(["a", "b", "c"], SHOP);
    insert(&a, "old");
    lab::in_step(&[&a, &b, &c]);
    let stale = a.invite();
    a.cli(&["shop", "renew"]).failed(1, &["cannot be undone", "--confirm 'a'"]);
    assert_eq!(members(&a), 3);
    let made = a.ok(&["shop", "renew", "--confirm", "a", "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    let aside = a.data().join(made["old_roster"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(aside).unwrap().lines().count(), 3);
    assert_eq!((members(&a), role(&a)), (1, "keeper".into()));
    // The others go on among themselves, and get nothing from it.
    insert(&a, "new");
    insert(&b, "among the old");
    lab::in_step(&[&b, &c]);
    assert_eq!((rows(&b, "new"), rows(&a, "among the old")), ("0".into(), "0".into()));
    // A token of the old shop is worth nothing any more.
    b.ok(&["leave", "--confirm", "b"]);
    b.cli_with(&["join"], &stale).failed(1, &[]);
    b.join(&a.invite());
    c.ok(&["shop", "renew", "--confirm", "c"]);
    c.join(&a.invite());
    lab::in_step(&[&a, &b, &c]);
    up_to_date(&[&a, &b, &c]);
    assert_eq!(rows(&c, "new"), "1");
    assert_eq!(rows(&a, "among the old"), "1");
}

#[test]
fn a_paused_partner_gets_no_row_over_a_restart_and_is_caught_up_when_resumed() {
    let lab = Lab::new();
    let [mut a, b] = lab.shop(["a", "b"], SHOP);
    insert(&a, "before");
    lab::in_step(&[&a, &b]);
    a.ok(&["partners", "pause", "b"]);
    assert_eq!(a.partner_state("b"), "Paused");
    until("the other side says so", SOON, || {
        let partners = b.ok(&["partners"]);
        if partners.contains("paused there") { Ok(()) } else { Err(partners) }
    });
    insert(&a, "from a");
    insert(&b, "from b");
    a.stop();
    a.start();
    assert_eq!(a.partner_state("b"), "Paused");
    let listed: Value = serde_json::from_str(&a.ok(&["partners", "--json"])).unwrap();
    assert_eq!(listed["partners"][0]["paused"], true);
    // Nobody waits for it in vain, and who asks for it by name is told.
    let told = a.cli(&["sync", "--wait"]);
    assert!(told.code == 0 && told.out.contains("paused here"), "{told:?}");
    assert_eq!(a.cli(&["sync", "--partner", "b", "--wait"]).code, 5);
    // B asks again meanwhile, and is refused again.
    let tries = |b: &Machine| b.status().unwrap()["partners"][0]["attempt"].as_u64().unwrap();
    until_true("asked again", SOON, || tries(&b) >= 2);
    until_true("folded", SOON, || a.unfolded() == 0 && b.unfolded() == 0);
    assert_eq!((rows(&a, "from b"), rows(&b, "from a")), ("0".into(), "0".into()));
    a.ok(&["partners", "resume", "b"]);
    lab::in_step(&[&a, &b]);
    up_to_date(&[&a, &b]);
    assert_eq!((rows(&a, "from b"), rows(&b, "from a")), ("1".into(), "1".into()));
}

#[test]
fn a_forget_reaches_a_paused_partner_all_the_same() {
    let lab = Lab::new();
    let [a, b, c] = lab.shop(["a", "b", "c"], SHOP);
    up_to_date(&[&a, &b, &c]);
    a.ok(&["partners", "pause", "--all"]);
    let states = [a.partner_state("b"), a.partner_state("c")];
    assert_eq!(states, ["Paused", "Paused"]);
    c.ok(&["partners", "pause", "--all"]);
    forget(&c, "b");
    // A and C have paused each other, and B is out: no rows go anywhere, and the statement does.
    until("heard on a and on b", SOON, || match (members(&a), role(&b).as_str()) {
        (2, "forgotten") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    insert(&a, "from a");
    a.ok(&["partners", "resume", "c"]);
    assert_eq!(a.partner_state("c").replace("Offline", "Retrying"), "Retrying");
    c.ok(&["partners", "resume", "--all"]);
    lab::in_step(&[&a, &c]);
    assert_eq!((rows(&c, "from a"), rows(&b, "from a")), ("1".into(), "0".into()));
}

#[test]
fn one_keeper_alone_is_told_of_until_another_is_made() {
    let lab = Lab::new();
    let [a] = lab.shop(["a"], SHOP);
    assert_eq!(a.cli(&["status"]).code, 0, "alone there is nobody to promote");
    let mut b = lab.machine("b", SHOP);
    let mut c = lab.machine("c", SHOP);
    for machine in [&mut b, &mut c] {
        a.knows(machine);
        machine.knows(&a);
        machine.start();
    }
    b.join(a.ok(&["invite", "--role", "member"]).trim());
    for machine in [&a, &b] {
        assert!(attention(machine).contains("the only keeper"), "{}", attention(machine));
    }
    assert_eq!((role(&a), role(&b)), ("keeper".into(), "member".into()));
    // A member neither lets in nor forgets.
    b.cli(&["invite"]).failed(1, &["not a keeper"]);
    b.cli(&["partners", "forget", "a", "--confirm", "a"]).failed(1, &["not a keeper"]);
    b.cli(&["partners", "promote", "a"]);
    a.cli(&["leave", "--confirm", "a"]).failed(1, &["only keeper", "dunlin partners promote"]);
    a.cli(&["partners", "forget", "a", "--confirm", "a"]).failed(1, &["dunlin leave"]);
    let said = a.ok(&["partners", "promote", "b"]);
    assert!(said.contains("is a keeper now"), "{said}");
    until_true("heard", SOON, || role(&b) == "keeper");
    assert!(!attention(&b).contains("the only keeper"), "{}", attention(&b));
    // One for many makes members, unless said.
    c.join(b.ok(&["invite", "--uses", "2", "--role", "keeper"]).trim());
    assert_eq!(role(&c), "keeper");
    // What cannot be undone is not done by a script that only says so once.
    a.cli(&["partners", "forget", "b"]).failed(1, &["cannot be undone", "--confirm 'b'"]);
    a.cli(&["partners", "forget", "b", "--confirm", "c"]).failed(1, &["not the name"]);
    assert_eq!(a.cli(&["partners", "pause"]).code, 2);
    forget(&a, "b");
    until_true("told", SOON, || role(&b) == "forgotten");
    // Whom it had let in stays.
    assert_eq!(members(&a), 2);
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
    // The disk of B in another computer.
    b.stop();
    let place = lab.path().join("clone");
    let paths = [lab.path().join("b"), place.clone()];
    let paths = paths.each_ref().map(|path| path.to_str().unwrap());
    lab::outside::run("/bin/sh", &["-c", "cp -a \"$0\" \"$1\"", paths[0], paths[1]], "");
    let mut clone = Machine::at("clone", &place, b.partner);
    clone.reword(&b.partner.to_string(), "127.0.0.1:0");
    clone.reword(b.database().to_str().unwrap(), clone.database().to_str().unwrap());
    b.start();
    up_to_date(&[&a, &b]);
    clone.start();
    until_true("noticed", SOON, || a.partner_state("b") == "Identity problem");
    // It stays so until a person has chosen: the key goes, and the right machine begins anew.
    forget(&a, "b");
    assert_eq!(members(&a), 1);
    assert!(!attention(&a).contains("copy"), "{}", attention(&a));
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
