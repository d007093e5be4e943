//! Machines that were off, were killed, or lost their disk's last word.

use dunlin_schema::shop::{self, Size, Till};
use dunlin_tests::lab::{self, Lab, Machine, SOON, until_true};
use std::collections::BTreeSet;

const SHOP: &str = "
    CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL, note);
    CREATE TABLE bins (part INTEGER NOT NULL REFERENCES parts ON DELETE CASCADE, shelf TEXT NOT NULL,
                       count INTEGER NOT NULL, PRIMARY KEY (part, shelf));
    CREATE TABLE sold (id INTEGER PRIMARY KEY, who TEXT NOT NULL, n INTEGER NOT NULL);";

/// A number that looks random and is the same for the same seed.
fn dice(seed: &mut u64, sides: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % sides
}

/// Writes of all kinds, each its own transaction.
fn trade(machine: &Machine, seed: u64, writes: u64) {
    let (db, mut seed) = (machine.app(), seed);
    for n in 0..writes {
        let part = "(SELECT id FROM parts ORDER BY id LIMIT 1 OFFSET ?1 % max(1, (SELECT count(*) FROM parts)))";
        let (pick, kind) = (dice(&mut seed, 1_000), dice(&mut seed, 6));
        let sql = match kind {
            0 | 1 => {
                "INSERT INTO parts (name, price, note) VALUES ('part ' || ?1, ?1 / 7.0, x'00ff')"
                    .to_owned()
            }
            2 => format!("UPDATE parts SET price = price + 0.1, note = 'é' WHERE id = {part}"),
            3 => format!(
                "INSERT OR REPLACE INTO bins SELECT {part}, 'S' || (?1 % 5), ?1 WHERE {part} IS NOT NULL"
            ),
            4 => format!("UPDATE bins SET count = count - 1 WHERE part = {part}"),
            _ if n % 5 == 0 => format!("DELETE FROM parts WHERE id = {part}"),
            _ => "DELETE FROM bins WHERE count % 97 = ?1 % 97".to_owned(),
        };
        db.execute(&sql, [pick.cast_signed()]).unwrap();
    }
}

#[test]
fn a_machine_that_was_off_for_long_catches_up_and_so_do_the_others_with_it() {
    let lab = Lab::new();
    let [mut a, mut b] = lab.shop(["a", "b"], SHOP);
    trade(&a, 1, 50);
    lab::in_step(&[&a, &b]);
    b.stop();
    trade(&a, 2, 500);
    b.start();
    lab::in_step(&[&a, &b]);
    // And the other way, with edits on both.
    a.stop();
    trade(&b, 3, 500);
    trade(&a, 4, 100);
    a.start();
    lab::in_step(&[&a, &b]);
    for machine in [&a, &b] {
        machine.is_sound();
    }
    assert_ne!(a.ask("SELECT count(*) FROM parts"), "0");
}

#[test]
fn nothing_that_was_written_is_lost_over_twenty_kills() {
    let lab = Lab::new();
    let mut shop = lab.shop(["a", "b", "c"], SHOP);
    let mut seed = 20_260_105;
    for round in 0..20_i64 {
        let victim = usize::try_from(dice(&mut seed, 3)).unwrap();
        for (at, machine) in shop.iter().enumerate() {
            trade(machine, seed ^ at as u64, 3);
            let (who, n) = (&machine.name, round);
            machine.write(&format!("INSERT INTO sold (who, n) VALUES ('{who}', {n})"));
        }
        // Sometimes at once, sometimes when a part of it has arrived elsewhere.
        let (part, other) = (dice(&mut seed, 3), (victim + 1) % 3);
        if part > 0 {
            let had = format!("SELECT count(*) FROM sold WHERE n = {round}");
            let arrived = || shop[other].ask(&had).parse::<u64>().unwrap() > part;
            until_true("a part of it elsewhere", SOON, arrived);
        }
        shop[victim].kill();
        shop[victim].start();
    }
    lab::in_step(&shop.each_ref());
    for machine in &shop {
        let names: BTreeSet<String> = (0..20)
            .map(|n| machine.ask(&format!("SELECT group_concat(who, '') FROM (SELECT who FROM sold WHERE n = {n} ORDER BY who)")))
            .collect();
        assert_eq!(names, BTreeSet::from(["abc".to_owned()]), "{}", machine.name);
        machine.is_sound();
    }
}

#[test]
fn a_daemon_that_is_asked_to_stop_ends_in_time_and_leaves_nothing_open() {
    let lab = Lab::new();
    let [mut a, b] = lab.shop(["a", "b"], SHOP);
    trade(&a, 5, 50);
    lab::in_step(&[&a, &b]);
    until_true("linked", SOON, || b.partner_state("a") == "Up to date");
    a.stop();
    for left in ["data/dunlin.sock", "data/addresses.json", "shop.db-wal"] {
        assert!(!lab.path().join("a").join(left).exists(), "{left} is left");
    }
    // So whoever copies the file alone has all of it.
    let copy = lab.path().join("copy.db");
    std::fs::copy(a.database(), &copy).unwrap();
    let rows = |file: &std::path::Path| -> i64 {
        lab::open(file).query_row("SELECT count(*) FROM parts", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(rows(&copy), rows(&a.database()));
    // The other side was told, and did not have to find out by silence.
    until_true("noticed", SOON, || b.partner_state("a") != "Up to date");
    assert_eq!(a.cli(&["sync"]).code, 3);
    assert_eq!(a.cli(&["tables"]).code, 0, "without a daemon the command does it itself");
}

#[test]
fn a_partner_that_freezes_does_not_stop_the_others() {
    let lab = Lab::new();
    let [a, b, c] = lab.shop(["a", "b", "c"], SHOP);
    lab::in_step(&[&a, &b, &c]);
    c.signal("STOP");
    a.write("INSERT INTO sold (who, n) VALUES ('a', 1)");
    b.write("INSERT INTO sold (who, n) VALUES ('b', 1)");
    lab::all_say(&[&a, &b], "SELECT count(*) FROM sold", "2");
    c.signal("CONT");
    lab::in_step(&[&a, &b, &c]);
    lab::all_say(&[&c], "SELECT count(*) FROM sold", "2");
}

#[test]
fn a_long_catch_up_that_is_cut_again_and_again_goes_on_from_where_it_was() {
    const ROWS: i64 = 3_000;
    let lab = Lab::new();
    let [a, mut b] = lab.shop(["a", "b"], SHOP);
    lab::in_step(&[&a, &b]);
    b.stop();
    // Wide rows, so that they take many pages.
    let rows = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         INSERT INTO parts (name, note) SELECT 'part ' || i, hex(randomblob(400)) FROM n"
    );
    a.write(&rows);
    let (mut seed, mut stood) = (11, Vec::new());
    let count = |b: &Machine| b.ask("SELECT count(*) FROM parts").parse::<u64>().unwrap();
    for cut in 1..=5 {
        let had = count(&b);
        b.start();
        let more = had + 1 + dice(&mut seed, 400);
        until_true(&format!("more than {more} rows before cut {cut}"), SOON, || count(&b) >= more);
        b.kill();
        stood.push(count(&b));
        assert!(had < stood[stood.len() - 1], "nothing was kept over cut {cut}: {stood:?}");
    }
    b.start();
    lab::in_step(&[&a, &b]);
    assert_eq!(count(&b), ROWS.unsigned_abs());
    b.is_sound();
    // What had arrived was not sent again: all sessions together took little more than the rows.
    let told = || -> u64 {
        let params = serde_json::json!([null, null, 1_000]);
        let sessions = a.call("history_list", &params).unwrap();
        let sessions = sessions.as_array().unwrap();
        sessions.iter().map(|session| session["sent"].as_u64().unwrap()).sum()
    };
    // The last session is written down once both have compared.
    until_true("all rows in the history", SOON, || told() >= ROWS.unsigned_abs());
    let most = ROWS.unsigned_abs() + 5 * 1_000;
    assert!(told() < most, "{} rows sent, cut at {stood:?}", told());
}

#[test]
fn three_tills_that_sell_while_their_machines_are_killed_end_with_one_shop() {
    let lab = Lab::new();
    let mut db = shop::create(&lab.file("a")).unwrap();
    shop::fill(&mut db, 7, Size { suppliers: 4, parts: 30, customers: 20, orders: 40 }).unwrap();
    drop(db);
    for name in ["b", "c"] {
        drop(shop::create(&lab.file(name)).unwrap());
    }
    let mut machines = ["a", "b", "c"].map(|name| lab.adopt(name));
    for machine in &machines {
        machine.ok(&["track", "--all"]);
    }
    lab::know_each_other(&machines);
    for machine in &mut machines {
        machine.start();
    }
    for other in ["b", "c"] {
        let token = machines[0].invite();
        machines.iter().find(|machine| machine.name == other).unwrap().join(&token);
    }
    lab::in_step(&machines.each_ref());
    let mut seed = 4_711;
    let mut tills: Vec<Till> = machines
        .iter()
        .zip(1..)
        .map(|(machine, seed)| Till::open(&machine.database(), seed, &machine.name).unwrap())
        .collect();
    for _ in 0..6 {
        let victim = usize::try_from(dice(&mut seed, 3)).unwrap();
        std::thread::scope(|scope| {
            for till in &mut tills {
                scope.spawn(|| {
                    for _ in 0..25 {
                        till.do_something().unwrap();
                    }
                });
            }
            machines[victim].kill();
        });
        machines[victim].start();
    }
    lab::in_step(&machines.each_ref());
    for machine in &machines {
        machine.is_sound();
    }
    let sold =
        |machine: &Machine| machine.ask("SELECT count(*) FROM orders").parse::<u64>().unwrap();
    assert!(sold(&machines[0]) > 40, "{} orders", sold(&machines[0]));
}

#[test]
fn a_program_that_holds_the_file_locked_delays_its_own_machine_only_and_no_stop() {
    let lab = Lab::new();
    let [a, mut b, c] = lab.shop(["a", "b", "c"], SHOP);
    lab::in_step(&[&a, &b, &c]);
    let lock = b.app();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    a.write("INSERT INTO sold (who, n) VALUES ('a', 1)");
    lab::all_say(&[&a, &c], "SELECT count(*) FROM sold", "1");
    // Longer than the daemon waits for another program's lock.
    until_true("said in the log", SOON, || b.logged().contains("the database is busy"));
    assert_eq!(b.ask("SELECT count(*) FROM sold"), "0");
    lock.execute_batch("INSERT INTO sold (who, n) VALUES ('b', 1); COMMIT").unwrap();
    lab::all_say(&[&a, &b, &c], "SELECT count(*) FROM sold", "2");
    lab::in_step(&[&a, &b, &c]);

    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    a.write("INSERT INTO sold (who, n) VALUES ('a', 2)");
    lab::all_say(&[&c], "SELECT count(*) FROM sold", "3");
    b.stop();
    lock.execute_batch("ROLLBACK").unwrap();
    b.start();
    lab::in_step(&[&a, &b, &c]);
    lab::all_say(&[&b], "SELECT count(*) FROM sold", "3");
}
