//! Coming back: a machine whose key the shop has forgotten joins again with one command, as another machine.

use std::sync::atomic::{AtomicBool, Ordering};

use dunlin_rpc::client::{self, DialError};
use dunlin_rpc::{Alpn, Identity};
use dunlin_tests::lab::{self, Lab, Machine, SOON, until_true};
use serde_json::json;

use super::forget::{forget, insert, members, role, rows, up_to_date};
use super::joining::{pin_of, runtime};

const SHOP: &str = "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";

fn key(machine: &Machine) -> Identity {
    let text = std::fs::read_to_string(machine.data().join("key")).unwrap();
    Identity::from_pem(&text).unwrap()
}

fn has(machine: &Machine, name: &str) -> bool {
    machine.data().join(name).exists()
}

fn epoch(machine: &Machine) -> String {
    machine.ask("SELECT value FROM _dunlin_meta WHERE key = 'epoch'")
}

/// Neither door of a machine opens to this key.
fn is_refused(machine: &Machine, old: &Identity) {
    let dialled = client::dial(machine.partner, old, pin_of(machine), Alpn::Link);
    let refused = runtime().block_on(dialled);
    assert!(matches!(refused, Err(DialError::Refused)), "{}: {refused:?}", machine.name);
}

#[test]
fn a_machine_that_was_taken_out_by_mistake_joins_again_with_one_command_and_no_row_is_lost() {
    let lab = Lab::new();
    let [a, b, mut c] = lab.shop(["a", "b", "c"], SHOP);
    insert(&a, "before");
    insert(&c, "c before");
    lab::in_step(&[&a, &b, &c]);
    up_to_date(&[&a, &b, &c]);
    let (id, old, first, process) = (c.id(), key(&c), epoch(&c), c.pid());
    forget(&a, "c");
    until_true("told", SOON, || role(&c) == "forgotten" && members(&b) == 2);
    let status = c.cli(&["status"]);
    assert!(status.out.contains("give `dunlin join` with a new token"), "{status:?}");
    insert(&a, "a while c was out");
    insert(&c, "c while it was out");
    c.write("UPDATE parts SET name = 'changed by c' WHERE name = 'c before'");
    until_true("folded", SOON, || c.unfolded() == 0);

    // Its application never stops.
    let (token, ended) = (a.invite(), AtomicBool::new(false));
    let (told, sold) = std::thread::scope(|scope| {
        let selling = scope.spawn(|| {
            let mut sold = 0;
            while !ended.load(Ordering::SeqCst) {
                sold += 1;
                insert(&c, &format!("sold {sold}"));
            }
            sold
        });
        let told = c.cli_with(&["join"], &token);
        ended.store(true, Ordering::SeqCst);
        (told, selling.join().unwrap())
    });
    assert_eq!(told.code, 0, "{told:?}");
    assert!(told.err.contains("has a new one now"), "{told:?}");
    assert!(told.out.contains("the shop has 3 machines now"), "{told:?}");
    // Back already, in the same process and as another machine.
    assert_ne!(c.id(), id);
    assert_ne!(key(&c).pin(), old.pin());
    assert_ne!(epoch(&c), first);
    assert_eq!((c.pid(), c.ended().is_none(), role(&c).as_str()), (process, true, "keeper"));
    assert!(!has(&c, "key.anew") && !has(&c, "key.old"));

    insert(&c, "c after");
    insert(&b, "b after");
    lab::in_step(&[&a, &b, &c]);
    let machines = [&a, &b, &c];
    for name in ["a while c was out", "c while it was out", "changed by c", "c after", "b after"] {
        lab::all_say(&machines, &format!("SELECT count(*) FROM parts WHERE name = '{name}'"), "1");
    }
    let all = "SELECT count(*) FROM parts WHERE name LIKE 'sold %'";
    lab::all_say(&machines, all, &sold.to_string());
    up_to_date(&machines);
    assert_eq!((members(&a), members(&b), members(&c)), (3, 3, 3));
    for machine in machines {
        machine.is_sound();
        is_refused(machine, &old);
    }

    // One use was counted, and that was the only one.
    let d = lab.machine("d", SHOP);
    d.cli_with(&["join"], &token).failed(1, &["not accepted"]);
    // It is an ordinary machine from then on, also after a restart, and can be taken out and come back again.
    let (again, second) = (c.id(), epoch(&c));
    c.stop();
    c.start();
    assert_eq!((c.id(), epoch(&c)), (again.clone(), second));
    forget(&b, "c");
    until_true("told", SOON, || role(&c) == "forgotten");
    c.join(&b.invite());
    assert_ne!(c.id(), again);
    insert(&c, "c once more");
    lab::in_step(&[&a, &b, &c]);
    assert_eq!(rows(&a, "c once more"), "1");
}

#[test]
fn a_machine_that_is_off_joins_again_and_a_cut_before_its_new_key_is_in_its_place_does_no_harm() {
    let lab = Lab::new();
    let [a, mut c] = lab.shop(["a", "c"], SHOP);
    insert(&a, "before");
    lab::in_step(&[&a, &c]);
    let (id, old) = (c.id(), key(&c));
    c.kill();
    forget(&a, "c");
    // It knows nothing of it, and what its application wrote is not even folded.
    insert(&c, "c while it was off");
    let told = c.cli_with(&["join", "--json"], &a.invite());
    assert_eq!(told.code, 0, "{told:?}");
    let new = told.json()["new_id"].as_str().unwrap().to_owned();
    // The shop has let it in, and the key is not yet in its place: as a power cut would leave it.
    assert!(has(&c, "key.anew"));
    assert_eq!(key(&c).pin(), old.pin());
    c.start();
    assert_eq!(c.id(), new);
    assert_ne!(new, id);
    assert!(!has(&c, "key.anew"));
    c.kill();
    c.start();
    assert_eq!(c.id(), new);
    insert(&c, "c after");
    lab::in_step(&[&a, &c]);
    assert_eq!((rows(&a, "c while it was off"), rows(&a, "c after")), ("1".into(), "1".into()));
    is_refused(&a, &old);
}

#[test]
fn a_machine_that_left_joins_again_with_one_command_also_with_a_rotated_key() {
    let lab = Lab::new();
    let [a, c] = lab.shop(["a", "c"], SHOP);
    insert(&a, "before");
    lab::in_step(&[&a, &c]);
    up_to_date(&[&a, &c]);
    c.ok(&["key", "rotate", "--yes"]);
    up_to_date(&[&a, &c]);
    c.ok(&["leave", "--confirm", "c"]);
    until_true("gone", SOON, || members(&a) == 1);
    let id = c.id();
    insert(&c, "c while it was out");
    c.join(&a.invite());
    assert_ne!(c.id(), id);
    lab::in_step(&[&a, &c]);
    assert_eq!(rows(&a, "c while it was out"), "1");
    up_to_date(&[&a, &c]);
}

#[test]
fn without_a_good_proof_a_forgotten_machine_makes_no_new_key() {
    let lab = Lab::new();
    let [a, c] = lab.shop(["a", "c"], SHOP);
    up_to_date(&[&a, &c]);
    forget(&a, "c");
    until_true("told", SOON, || role(&c) == "forgotten");
    let token = a.invite();
    let mut d = lab.machine("d", SHOP);
    d.start();
    d.join(&token);
    let (id, old) = (c.id(), key(&c));
    let roster = std::fs::read(c.data().join("roster.jsonl")).unwrap();
    c.cli_with(&["join"], &token).failed(1, &["not accepted"]);
    assert!(!has(&c, "key.anew"));
    assert_eq!((c.id(), key(&c).pin()), (id, old.pin()));
    assert_eq!(std::fs::read(c.data().join("roster.jsonl")).unwrap(), roster);
    assert_eq!((role(&c).as_str(), members(&a)), ("forgotten", 2));
}

#[test]
fn a_power_cut_at_any_moment_of_it_leaves_a_machine_that_starts_and_a_token_that_is_still_good_for_it()
 {
    let lab = Lab::new();
    let [a, mut c] = lab.shop(["a", "c"], SHOP);
    insert(&a, "before");
    lab::in_step(&[&a, &c]);
    for cut in ["asked once", "new key kept", "let in", "stopped", "new key in its place", "back"] {
        up_to_date(&[&a, &c]);
        forget(&a, "c");
        until_true("told", SOON, || role(&c) == "forgotten");
        let (id, old, token) = (c.id(), key(&c).pin(), a.invite());
        insert(&c, cut);
        let roster = std::fs::read(c.data().join("roster.jsonl")).unwrap();
        std::thread::scope(|scope| {
            // It may fail, and must not hang.
            scope.spawn(|| c.call("pairing_join", &json!([token])));
            until_true(cut, SOON, || match cut {
                "asked once" => c.logged().contains("asking again under another key"),
                "new key kept" => has(&c, "key.anew"),
                "let in" => std::fs::read(c.data().join("roster.jsonl")).unwrap() != roster,
                "stopped" => !has(&c, "addresses.json"),
                "new key in its place" => key(&c).pin() != old,
                _ => c.status().is_ok_and(|status| status["machine"]["id"] != id.as_str()),
            });
            c.signal("KILL");
        });
        c.kill();
        c.start();
        if role(&c) == "forgotten" {
            c.join(&token);
        }
        assert_ne!(c.id(), id, "{cut}");
        assert_eq!((members(&a), members(&c)), (2, 2), "{cut}");
        lab::in_step(&[&a, &c]);
        assert_eq!(rows(&a, cut), "1", "{cut}");
        c.is_sound();
    }
}
