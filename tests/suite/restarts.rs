//! A daemon that dies at a point of a session goes on from there: every page of it, either side or both.

use dunlin_tests::sim::story::{same, whole};
use dunlin_tests::sim::{Broken, Lab, Machine, level, pull};
use std::time::Duration;

const SHOP: &str = "
CREATE TABLE part (id INTEGER PRIMARY KEY, code TEXT UNIQUE, price INTEGER);
CREATE TABLE ord (id INTEGER PRIMARY KEY, note TEXT);
CREATE TABLE line (
    ord_id INTEGER NOT NULL REFERENCES ord (id), part_id INTEGER NOT NULL REFERENCES part (id),
    n INTEGER, PRIMARY KEY (ord_id, part_id));
";

/// Who restarts when the link is gone.
#[derive(Debug, Clone, Copy)]
struct Dies {
    taker: bool,
    giver: bool,
}

/// Two machines that were equal and then each sold, edited and deleted on their own.
fn apart(lab: &Lab) -> [Machine; 2] {
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, SHOP));
    anna.run(
        "INSERT INTO part (code, price) VALUES ('a', 1), ('b', 2), ('gone', 3), ('edited', 4)",
    );
    level(&mut [&mut anna, &mut bert]);
    anna.tick();
    anna.run(
        "INSERT INTO ord (note) VALUES ('of anna'); INSERT INTO line VALUES (1, 1, 10), (1, 2, 20)",
    );
    anna.store().fold().unwrap();
    // The order goes behind its lines in the journal: child before parent.
    anna.run(
        "UPDATE ord SET note = 'of anna, paid';
         UPDATE part SET code = 'tmp' WHERE code = 'a'; UPDATE part SET code = 'a' WHERE code = 'b';
         UPDATE part SET code = 'b' WHERE code = 'tmp'; DELETE FROM part WHERE code = 'gone';
         UPDATE part SET price = 40 WHERE code = 'edited'",
    );
    lab.pass(Duration::from_secs(1));
    bert.tick();
    bert.run(
        "INSERT INTO ord (note) VALUES ('of bert'); INSERT INTO line VALUES (1, 2, 30);
         UPDATE part SET price = 41 WHERE code = 'edited'",
    );
    [anna, bert]
}

/// `to` takes from `from` until the link breaks. Answers how many pages arrived.
fn take(to: &mut Machine, from: &mut Machine, broken: Broken) -> usize {
    let mut pages = 1;
    pull(to, from, broken, &mut |_, _| pages += 1);
    pages
}

#[test]
fn a_restart_at_any_page_of_a_session_loses_and_doubles_nothing() {
    let lab = Lab::new();
    let [mut anna, mut bert] = apart(&lab);
    let pages = take(&mut bert, &mut anna, Broken::pages_of(1));
    assert!(pages > 5, "{pages} pages: the story is too short to be cut");
    for after in 0..=pages {
        for in_flight in [false, true] {
            for (taker, giver) in [(true, false), (false, true), (true, true)] {
                cut(Broken { in_flight, ..Broken::after(after) }, Dies { taker, giver });
            }
        }
    }
}

fn cut(broken: Broken, dies: Dies) {
    let lab = Lab::new();
    let [mut anna, mut bert] = apart(&lab);
    // bert takes, anna takes, bert goes on: cut each time.
    for bert_takes in [true, false, true] {
        let (to, from) = if bert_takes { (&mut bert, &mut anna) } else { (&mut anna, &mut bert) };
        take(to, from, broken);
        if dies.taker {
            to.restart();
        }
        if dies.giver {
            from.restart();
        }
    }
    level(&mut [&mut anna, &mut bert]);
    for machine in [&mut anna, &mut bert] {
        whole(machine);
        assert_eq!(
            machine.ask(
                "SELECT o.note, p.code, n FROM line JOIN ord o ON o.id = ord_id
                 JOIN part p ON p.id = part_id ORDER BY n"
            ),
            ["of anna, paid|b|10", "of anna, paid|a|20", "of bert|a|30"],
            "{broken:?} {dies:?}"
        );
        assert_eq!(
            machine.ask("SELECT code, price FROM part ORDER BY code"),
            ["a|2", "b|1", "edited|41"],
            "{broken:?} {dies:?}"
        );
    }
    same(&mut anna, &mut bert);
}
