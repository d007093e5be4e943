//! What other programs do to the sidecar and to the file: tables of ours are dropped, whole files are put in its place.

use crate::upgrades::{PARTS, rest, settle, stocked, take};
use dunlin_tests::sim::{Lab, Machine};
use std::time::Duration;

/// Thirty parts and their sales are on both, and one part of bert's, which was sold twice.
fn sold(anna: &mut Machine, bert: &mut Machine) {
    anna.run(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30)
         INSERT INTO part SELECT 'p' || i, 'Part ' || i, i, 'note ' || i FROM n;
         INSERT INTO sale (part, n) SELECT code, price FROM part",
    );
    bert.run("INSERT INTO part VALUES ('b', 'of bert', 1, ''); INSERT INTO sale (part, n) VALUES ('b', 1), ('b', 1)");
    settle(&mut [anna, bert]);
}

/// As a schema tool does that does not know our tables.
fn drop_ours(machine: &Machine) {
    let ours = machine.ask("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE '!_dunlin!_%' ESCAPE '!' AND name <> '_dunlin_lab_clock'");
    let drops: Vec<String> = ours.iter().map(|name| format!("DROP TABLE {name};")).collect();
    machine.run(&format!(
        "PRAGMA foreign_keys = OFF; BEGIN; {} COMMIT; PRAGMA foreign_keys = ON",
        drops.concat()
    ));
}

#[test]
fn a_dropped_sidecar_sends_nothing_untouched() {
    let lab = Lab::new();
    for (spare, lately) in [(true, false), (true, true), (false, false)] {
        let names = [format!("anna{spare}{lately}"), format!("bert{spare}{lately}")];
        let [mut anna, mut bert] = names.map(|name| lab.machine(&name, PARTS));
        sold(&mut anna, &mut bert);
        if spare {
            rest(&lab, &mut [&mut anna, &mut bert]);
        }
        if lately {
            anna.run("INSERT INTO sale (part, n) VALUES ('p1', 99)");
            bert.run("INSERT INTO sale (part, n) VALUES ('p2', 98)");
            settle(&mut [&mut anna, &mut bert]);
        }
        let all = "SELECT part, n, count(*) FROM sale GROUP BY part, n ORDER BY part, n";
        let before = bert.ask(all);
        drop_ours(&anna);
        anna.store().fold().unwrap();
        anna.run("INSERT INTO sale (part, n) VALUES ('p3', 77)");
        assert_eq!(
            take(&mut anna, &mut bert) > 0,
            !spare || lately,
            "what the spare lacked comes back"
        );
        let sent = take(&mut bert, &mut anna);
        assert_eq!(sent, 1, "{names:?}: the sale made since", names = (spare, lately));
        settle(&mut [&mut anna, &mut bert]);
        rest(&lab, &mut [&mut anna, &mut bert]);
        settle(&mut [&mut anna, &mut bert]);
        let mut expected = before.clone();
        expected.push("p3|77|1".to_owned());
        expected.sort_unstable();
        for machine in [&anna, &bert] {
            let mut sold = machine.ask(all);
            sold.sort_unstable();
            assert_eq!(sold, expected, "{machine:?}");
        }
        assert_eq!(anna.store().happened().len(), 1);
    }
}

#[test]
fn a_sidecar_that_is_dropped_table_by_table_sends_nothing_untouched() {
    let lab = Lab::new();
    // The daemon looks after each, and copies what it then has; or it comes in anywhere.
    for (name, looks) in [("after each", true), ("anywhere", false)] {
        let [mut anna, mut bert] =
            ["anna", "bert"].map(|machine| lab.machine(&format!("{machine} {name}"), PARTS));
        sold(&mut anna, &mut bert);
        rest(&lab, &mut [&mut anna, &mut bert]);
        let drops = anna.ask("SELECT 'DROP TABLE IF EXISTS ' || name FROM sqlite_schema WHERE type = 'table' AND name LIKE '!_dunlin!_%' ESCAPE '!' AND name <> '_dunlin_lab_clock' ORDER BY name");
        if looks {
            for drop in &drops {
                anna.run(drop);
                lab.look(&mut anna);
            }
        } else {
            let (path, drops) = (anna.store().path().to_owned(), &drops);
            for _ in 0..10 {
                std::thread::scope(|scope| {
                    let path = &path;
                    let dropped = scope.spawn(move || {
                        let tool = rusqlite::Connection::open(path)?;
                        tool.busy_timeout(Duration::from_secs(5))?;
                        drops.iter().try_for_each(|drop| tool.execute_batch(drop))
                    });
                    while !dropped.is_finished() {
                        // What it finds half dropped it says, and looks again.
                        if let Err(error) = anna.store().fold() {
                            let told = format!("{error:?}");
                            assert!(told.contains("no such table") || told == "Busy", "{told}");
                        }
                    }
                    dropped.join().unwrap().unwrap();
                });
                lab.look(&mut anna);
            }
        }
        anna.store().fold().unwrap();
        let ours = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name LIKE '!_dunlin!_%' ESCAPE '!' AND name <> '_dunlin_lab_clock'";
        assert_eq!(anna.ask(ours), [drops.len().to_string()], "{name}");
        if looks {
            assert!(anna.store().happened().len() <= 2, "told {:?}", anna.store().happened());
        }
        anna.run("INSERT INTO sale (part, n) VALUES ('p3', 77)");
        assert_eq!(take(&mut anna, &mut bert), 0, "{name}");
        assert_eq!(take(&mut bert, &mut anna), 1, "{name}: the sale made since");
        settle(&mut [&mut anna, &mut bert]);
        let all = "SELECT part, n, count(*) FROM sale GROUP BY part, n ORDER BY part, n";
        assert_eq!(anna.ask(all), bert.ask(all), "{name}");
        assert_eq!(anna.ask("SELECT count(*) FROM sale"), ["33"], "{name}");
    }
}

#[test]
fn a_sidecar_that_is_dropped_after_a_column_came_knows_what_versions_speak_of() {
    let lab = Lab::new();
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| {
        lab.machine(
            name,
            "CREATE TABLE part (id INTEGER PRIMARY KEY, code TEXT UNIQUE, price INTEGER)",
        )
    });
    anna.run("INSERT INTO part (code, price) VALUES ('p7', 7), ('p8', 8)");
    settle(&mut [&mut anna, &mut bert]);
    rest(&lab, &mut [&mut anna, &mut bert]);
    anna.run("ALTER TABLE part ADD COLUMN colour TEXT; ALTER TABLE part ADD COLUMN shelf TEXT DEFAULT 'A1'");
    rest(&lab, &mut [&mut anna, &mut bert]);
    // The first version that speaks of it comes after all that was declared was copied.
    anna.run("UPDATE part SET colour = 'red' WHERE code = 'p7'");
    settle(&mut [&mut anna, &mut bert]);
    rest(&lab, &mut [&mut anna, &mut bert]);
    bert.run("UPDATE part SET price = 80 WHERE code = 'p8'");
    settle(&mut [&mut anna, &mut bert]);
    rest(&lab, &mut [&mut anna, &mut bert]);
    for machine in [&mut anna, &mut bert] {
        drop_ours(machine);
        machine.store().fold().unwrap();
        rest(&lab, &mut [machine]);
    }
    anna.run("UPDATE part SET price = 70 WHERE code = 'p7'");
    settle(&mut [&mut anna, &mut bert]);
    bert.run("ALTER TABLE part ADD COLUMN colour TEXT");
    settle(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        let shown =
            machine.ask("SELECT price, colour FROM part WHERE code IN ('p7', 'p8') ORDER BY code");
        assert_eq!(shown, ["70|red", "80|-"], "{machine:?}");
    }
}

#[test]
fn the_sidecar_of_an_earlier_dunlin_is_taken_over_as_it_is() {
    let lab = Lab::new();
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, PARTS));
    sold(&mut anna, &mut bert);
    // What came with changing schemas.
    anna.run(
        "DROP TABLE _dunlin_column; DROP TABLE _dunlin_shape; DROP TABLE _dunlin_part; DROP TABLE _dunlin_ask; DROP TABLE _dunlin_fact;
         ALTER TABLE _dunlin_row DROP COLUMN shape; ALTER TABLE _dunlin_row DROP COLUMN own",
    );
    for column in ["first", "declared", "changed", "remade", "away", "ghosts", "again"] {
        anna.run(&format!("ALTER TABLE _dunlin_table DROP COLUMN {column}"));
    }
    let epoch = "SELECT value FROM _dunlin_meta WHERE key = 'epoch'";
    let before = anna.ask(epoch);
    anna.restart();
    assert_eq!(anna.store().happened(), []);
    assert_eq!(anna.ask(epoch), before, "its life goes on");
    anna.run("UPDATE part SET price = 70 WHERE code = 'p7'");
    assert_eq!((take(&mut bert, &mut anna), take(&mut anna, &mut bert)), (1, 0));
    assert_eq!(bert.ask("SELECT price FROM part WHERE code = 'p7'"), ["70"]);
}

#[test]
fn the_log_is_back_before_anything_else() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    anna.run("DROP TABLE _dunlin_log");
    anna.store().end().unwrap();
    anna.run("UPDATE part SET price = 70 WHERE code = 'p7'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT price FROM part WHERE code = 'p7'"), ["70"]);
    // Also by a daemon that was off.
    anna.run("DROP TABLE _dunlin_log; DROP TABLE _dunlin_row; DROP TABLE _dunlin_kept");
    anna.restart();
    anna.run("UPDATE part SET price = 71 WHERE code = 'p7'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT price FROM part WHERE code = 'p7'"), ["71"]);
    assert_eq!(anna.ask("SELECT count(*) FROM part"), bert.ask("SELECT count(*) FROM part"));
}

#[test]
fn a_replaced_file_is_opened() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    let saved = lab.file("saved.db");
    let save = |machine: &Machine| {
        let _gone = std::fs::remove_file(&saved);
        let mut to = rusqlite::Connection::open(&saved).unwrap();
        rusqlite::backup::Backup::new(&machine.app, &mut to)
            .unwrap()
            .run_to_completion(100, Duration::ZERO, None)
            .unwrap();
        to
    };
    // Saved as a whole by an application that holds all of it in memory.
    let to = save(&anna);
    to.execute_batch("UPDATE part SET price = 70 WHERE code = 'p7'; INSERT INTO part VALUES ('s', 'saved', 1, '')").unwrap();
    drop(to);
    anna.replace(&saved);
    bert.run("UPDATE part SET price = 80 WHERE code = 'p8'");
    settle(&mut [&mut anna, &mut bert]);
    let all = "SELECT code, price FROM part WHERE code IN ('p7', 'p8', 's') ORDER BY code";
    for machine in [&anna, &bert] {
        assert_eq!(machine.ask(all), ["p7|70", "p8|80", "s|1"], "{machine:?}");
    }
    // A backup of yesterday is put back, once while the daemon runs and once while it does not.
    for runs in [true, false] {
        drop(save(&anna));
        rest(&lab, &mut [&mut anna, &mut bert]);
        anna.run("UPDATE part SET price = price + 1; INSERT INTO sale (part, n) VALUES ('s', 5)");
        settle(&mut [&mut anna, &mut bert]);
        rest(&lab, &mut [&mut anna, &mut bert]);
        let (parts, sales) = (
            "SELECT code, price FROM part ORDER BY code",
            "SELECT part, n FROM sale ORDER BY part, n",
        );
        let (before, sold) = (bert.ask(parts), bert.ask(sales));
        if runs {
            anna.replace(&saved);
        } else {
            anna.replace_while_off(&saved);
        }
        settle(&mut [&mut anna, &mut bert]);
        anna.run("UPDATE part SET note = 'after' WHERE code = 'a'");
        settle(&mut [&mut anna, &mut bert]);
        for machine in [&anna, &bert] {
            assert_eq!(machine.ask(parts), before, "{machine:?}");
            assert_eq!(machine.ask(sales), sold, "{machine:?}");
            assert_eq!(machine.ask("SELECT note FROM part WHERE code = 'a'"), ["after"]);
        }
    }
}
