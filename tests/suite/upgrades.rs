//! Upgrades: an application changes its tables, one till at a time, while people write on all of them.

use dunlin_schema::{Error, Track};
use dunlin_tests::sim::{Broken, Lab, Machine, level, pull};
use std::time::Duration;

pub(crate) const PARTS: &str = "
CREATE TABLE part (code TEXT PRIMARY KEY, name TEXT NOT NULL, price INTEGER, note TEXT);
CREATE TABLE sale (id INTEGER PRIMARY KEY AUTOINCREMENT, part TEXT NOT NULL REFERENCES part (code), n INTEGER);";

/// `to` takes all that `from` has.
pub(crate) fn take(to: &mut Machine, from: &mut Machine) -> u64 {
    pull(to, from, Broken::default(), &mut |_, _| ())
}

/// All machines are level, and no reference points nowhere.
pub(crate) fn settle(machines: &mut [&mut Machine]) {
    level(machines);
    for machine in machines {
        assert_eq!(machine.broken_references(), 0, "{machine:?}");
    }
}

/// Two machines with three parts.
pub(crate) fn shop(lab: &Lab) -> [Machine; 2] {
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, PARTS));
    anna.run(
        "INSERT INTO part VALUES ('a', 'Pad', 1, 'soft'), ('b', 'Oil', 2, 'thin'), ('c', 'Wiper', 3, NULL);
         INSERT INTO sale (part, n) VALUES ('a', 1), ('b', 2)",
    );
    settle(&mut [&mut anna, &mut bert]);
    [anna, bert]
}

/// A while in which tools come to rest, and the daemon looks.
pub(crate) fn rest(lab: &Lab, machines: &mut [&mut Machine]) {
    for _ in 0..8 {
        lab.pass(Duration::from_secs(1));
        for machine in &mut *machines {
            lab.look(machine);
        }
    }
}

#[test]
fn a_column_added_first_on_one_till_is_shown_on_the_other_when_it_has_it() {
    let lab = Lab::new();
    let [mut anna, mut bert] = shop(&lab);
    anna.run("ALTER TABLE part ADD COLUMN colour TEXT");
    anna.run("UPDATE part SET colour = 'red' WHERE code = 'a'; UPDATE part SET price = 9 WHERE code = 'b'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT price FROM part ORDER BY code"), ["1", "9", "3"]);
    assert_eq!(bert.ask("SELECT count(*) FROM _dunlin_kept"), ["0"], "nothing is kept twice");
    // An edit by the old application leaves the colour alone.
    bert.run("UPDATE part SET name = 'Brake pad' WHERE code = 'a'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT name, colour FROM part WHERE code = 'a'"), ["Brake pad|red"]);
    bert.run("ALTER TABLE part ADD COLUMN colour TEXT");
    settle(&mut [&mut anna, &mut bert]);
    let all = "SELECT code, name, price, colour FROM part ORDER BY code";
    assert_eq!(bert.ask(all), ["a|Brake pad|1|red", "b|Oil|9|-", "c|Wiper|3|-"]);
    assert_eq!(anna.ask(all), bert.ask(all));
}

#[test]
fn one_value_in_all_rows_sends_nothing() {
    let lab = Lab::new();
    let [mut anna, mut bert] = shop(&lab);
    for upgrade in [
        "ALTER TABLE part ADD COLUMN tax REAL NOT NULL DEFAULT 19",
        "ALTER TABLE part ADD COLUMN unit TEXT; UPDATE part SET unit = 'piece'",
    ] {
        anna.run(upgrade);
        assert_eq!(take(&mut bert, &mut anna), 0, "{upgrade}");
    }
    // The other till's application has the columns later, and another default.
    anna.run("UPDATE part SET tax = 7 WHERE code = 'a'");
    settle(&mut [&mut anna, &mut bert]);
    bert.run("ALTER TABLE part ADD COLUMN tax REAL NOT NULL DEFAULT 0; ALTER TABLE part ADD COLUMN unit TEXT");
    settle(&mut [&mut anna, &mut bert]);
    let all = "SELECT code, tax, unit FROM part ORDER BY code";
    assert_eq!(anna.ask(all), ["a|7.0|piece", "b|19.0|piece", "c|19.0|piece"]);
    assert_eq!(bert.ask(all), anna.ask(all));
    bert.run("UPDATE part SET price = 5 WHERE code = 'a'; INSERT INTO part VALUES ('d', 'Belt', 4, NULL, 0, 'm')");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask(all), ["a|7.0|piece", "b|19.0|piece", "c|19.0|piece", "d|0.0|m"]);
    assert_eq!(bert.ask(all), anna.ask(all));
}

#[test]
fn a_column_dropped_first_is_wiped_nowhere() {
    let lab = Lab::new();
    let [mut anna, mut bert] = shop(&lab);
    let mut carl = lab.machine("carl", PARTS);
    anna.run("ALTER TABLE part DROP COLUMN note; UPDATE part SET price = 8 WHERE code = 'a'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT price, note FROM part WHERE code = 'a'"), ["8|soft"]);
    bert.run("UPDATE part SET note = 'hard' WHERE code = 'b'");
    settle(&mut [&mut anna, &mut bert]);
    // A joiner that meets only the till without the column is shown it when it meets one that has it.
    take(&mut carl, &mut anna);
    assert_eq!(carl.ask("SELECT code, price FROM part ORDER BY code"), ["a|8", "b|2", "c|3"]);
    settle(&mut [&mut anna, &mut bert, &mut carl]);
    let notes = "SELECT code, note FROM part ORDER BY code";
    assert_eq!(carl.ask(notes), ["a|soft", "b|hard", "c|-"]);
    assert_eq!(bert.ask(notes), carl.ask(notes));
    // Taken back, the column is the same one.
    anna.run("ALTER TABLE part ADD COLUMN note TEXT");
    settle(&mut [&mut anna, &mut bert, &mut carl]);
    assert_eq!(anna.ask(notes), bert.ask(notes));
}

#[test]
fn a_column_renamed_first_goes_on_under_both_names() {
    let lab = Lab::new();
    let [mut anna, mut bert] = shop(&lab);
    anna.run(
        "ALTER TABLE part RENAME COLUMN name TO title; UPDATE part SET price = 10 WHERE code = 'a'",
    );
    assert_eq!(take(&mut bert, &mut anna), 1);
    bert.run("UPDATE part SET price = 20, name = 'Engine oil' WHERE code = 'b'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(
        bert.ask("SELECT name, price FROM part ORDER BY code"),
        ["Pad|10", "Engine oil|20", "Wiper|3"]
    );
    assert_eq!(
        anna.ask("SELECT title, price FROM part ORDER BY code"),
        ["Pad|10", "Engine oil|20", "Wiper|3"]
    );
    bert.run("ALTER TABLE part RENAME COLUMN name TO title; UPDATE part SET title = 'Blade' WHERE code = 'c'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT title FROM part ORDER BY code"), ["Pad", "Engine oil", "Blade"]);
    assert_eq!(bert.ask("SELECT title FROM part ORDER BY code"), ["Pad", "Engine oil", "Blade"]);
}

#[test]
fn a_name_given_again_is_another_column_on_all_machines() {
    let lab = Lab::new();
    let [mut anna, mut bert] = shop(&lab);
    let upgrade = "ALTER TABLE part RENAME COLUMN price TO price_old; ALTER TABLE part ADD COLUMN price INTEGER;
                   UPDATE part SET price = price_old * 100";
    anna.run(upgrade);
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(
        bert.ask("SELECT price FROM part ORDER BY code"),
        ["1", "2", "3"],
        "in the old unit"
    );
    bert.run("UPDATE part SET price = 7 WHERE code = 'c'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(
        anna.ask("SELECT price_old, price FROM part ORDER BY code"),
        ["1|100", "2|200", "7|300"]
    );
    bert.run(upgrade);
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(
        anna.ask("SELECT price_old, price FROM part ORDER BY code"),
        bert.ask("SELECT price_old, price FROM part ORDER BY code")
    );
}

#[test]
fn a_renamed_table_goes_on_under_its_new_name() {
    let lab = Lab::new();
    let [mut anna, mut bert] = shop(&lab);
    anna.run("ALTER TABLE sale RENAME TO deal; UPDATE deal SET n = 11 WHERE part = 'a'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT n FROM sale ORDER BY n"), ["2", "11"]);
    bert.run("INSERT INTO sale (part, n) VALUES ('c', 33)");
    settle(&mut [&mut anna, &mut bert]);
    bert.run("ALTER TABLE sale RENAME TO deal; INSERT INTO deal (part, n) VALUES ('c', 44)");
    settle(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(
            machine.ask("SELECT n FROM deal ORDER BY n"),
            ["2", "11", "33", "44"],
            "{machine:?}"
        );
    }
    // Names of rows are made with the name that the table had first.
    anna.run("ALTER TABLE part RENAME TO piece; INSERT INTO piece VALUES ('x', 'Nut', 1, NULL)");
    bert.run("INSERT INTO part VALUES ('x', 'Nut', 1, NULL)");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT count(*) FROM part WHERE code = 'x'"), ["1"]);
}

#[test]
fn two_tables_that_change_their_names_are_not_mixed_up() {
    let lab = Lab::new();
    let [mut anna, mut bert] =
        ["anna", "bert"].map(|name| lab.machine(name, "CREATE TABLE a (k TEXT PRIMARY KEY, v TEXT); CREATE TABLE b (k TEXT PRIMARY KEY, v TEXT)"));
    anna.run("INSERT INTO a VALUES ('1', 'of a'); INSERT INTO b VALUES ('1', 'of b')");
    settle(&mut [&mut anna, &mut bert]);
    anna.run("ALTER TABLE a RENAME TO x; ALTER TABLE b RENAME TO a; ALTER TABLE x RENAME TO b; UPDATE a SET v = 'of b still'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT a.v, b.v FROM a, b"), ["of a|of b still"]);
}

#[test]
fn rows_that_refer_to_one_that_comes_late_into_a_remade_table_mean_it_still() {
    const COUNTED: &str = "CREATE TABLE part (id INTEGER PRIMARY KEY, code TEXT UNIQUE, name TEXT);
        CREATE TABLE sale (id INTEGER PRIMARY KEY, n INTEGER, part INTEGER REFERENCES part (id))";
    let lab = Lab::new();
    for writes in [false, true] {
        let [mut anna, mut bert] =
            ["anna", "bert"].map(|name| lab.machine(&format!("{name} {writes}"), COUNTED));
        bert.run("INSERT INTO part (code, name) VALUES ('other', 'Other')");
        anna.run(
            "INSERT INTO part (code, name) VALUES ('a', 'A'), ('b', 'B'), ('c', 'C'), ('d', 'D'), ('e', 'E');
             INSERT INTO sale (n, part) SELECT id, id FROM part",
        );
        settle(&mut [&mut anna, &mut bert]);
        rest(&lab, &mut [&mut anna, &mut bert]);
        anna.run(
            "PRAGMA foreign_keys = OFF; CREATE TABLE part_backup AS SELECT * FROM part; DROP TABLE part;
             CREATE TABLE part (id INTEGER PRIMARY KEY, code TEXT UNIQUE, name TEXT, colour TEXT);
             INSERT INTO part (id, code, name) SELECT * FROM part_backup WHERE code < 'd'",
        );
        rest(&lab, &mut [&mut anna, &mut bert]);
        if writes {
            bert.run(
                "UPDATE part SET name = 'Eve' WHERE code = 'e'; UPDATE sale SET n = 50 WHERE n = 5",
            );
            settle(&mut [&mut anna, &mut bert]);
        }
        anna.run("INSERT OR IGNORE INTO part (id, code, name) SELECT * FROM part_backup; DROP TABLE part_backup");
        rest(&lab, &mut [&mut anna, &mut bert]);
        settle(&mut [&mut anna, &mut bert]);
        let all = "SELECT part.code, sale.n, part.name FROM sale LEFT JOIN part ON part.id = sale.part ORDER BY sale.n";
        let last = if writes { "e|50|Eve" } else { "e|5|E" };
        for machine in [&anna, &bert] {
            assert_eq!(machine.ask(all), ["a|1|A", "b|2|B", "c|3|C", "d|4|D", last], "{machine:?}");
        }
    }
}

#[test]
fn a_number_that_the_application_gave_to_another_row_meanwhile_is_that_ones() {
    const COUNTED: &str = "CREATE TABLE part (id INTEGER PRIMARY KEY, code TEXT UNIQUE);
        CREATE TABLE sale (id INTEGER PRIMARY KEY, n INTEGER, part INTEGER REFERENCES part (id))";
    let lab = Lab::new();
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, COUNTED));
    anna.run("INSERT INTO part (code) VALUES ('a'), ('b'), ('c'), ('d'); INSERT INTO sale (n, part) SELECT id, id FROM part");
    settle(&mut [&mut anna, &mut bert]);
    rest(&lab, &mut [&mut anna, &mut bert]);
    anna.run(
        "PRAGMA foreign_keys = OFF; CREATE TABLE part_new (id INTEGER PRIMARY KEY, code TEXT UNIQUE, colour TEXT);
         INSERT INTO part_new (id, code) SELECT * FROM part WHERE code < 'd'; DROP TABLE part;
         ALTER TABLE part_new RENAME TO part",
    );
    rest(&lab, &mut [&mut anna]);
    anna.run(
        "INSERT INTO part (id, code) VALUES (4, 'x'); INSERT INTO sale (n, part) VALUES (9, 4)",
    );
    rest(&lab, &mut [&mut anna]);
    settle(&mut [&mut anna, &mut bert]);
    rest(&lab, &mut [&mut anna, &mut bert]);
    settle(&mut [&mut anna, &mut bert]);
    let all =
        "SELECT part.code, sale.n FROM sale LEFT JOIN part ON part.id = sale.part ORDER BY sale.n";
    for machine in [&anna, &bert] {
        assert_eq!(machine.ask(all), ["a|1", "b|2", "c|3", "d|4", "x|9"], "{machine:?}");
    }
}

#[test]
fn rows_that_refer_by_number_to_one_that_the_table_refuses_mean_it_still() {
    let schema = |check: &str| {
        format!(
            "CREATE TABLE part (id INTEGER PRIMARY KEY, name TEXT, price INTEGER {check});
             CREATE TABLE sale (id INTEGER PRIMARY KEY, n INTEGER, part INTEGER REFERENCES part (id))"
        )
    };
    let lab = Lab::new();
    let mut anna = lab.machine("anna", &schema("CHECK (price < 100)"));
    let mut bert = lab.machine("bert", &schema(""));
    bert.run("INSERT INTO part (name, price) VALUES ('other', 1)");
    anna.run("INSERT INTO part (name, price) VALUES ('a', 1), ('b', 2); INSERT INTO sale (n, part) VALUES (1, 1), (2, 2)");
    settle(&mut [&mut anna, &mut bert]);
    bert.run("UPDATE part SET price = 500 WHERE name = 'b'");
    settle(&mut [&mut anna, &mut bert]);
    let sold =
        "SELECT part.name, sale.n FROM sale LEFT JOIN part ON part.id = sale.part ORDER BY n";
    for machine in [&anna, &bert] {
        assert_eq!(machine.ask(sold), ["a|1", "b|2"], "{machine:?}");
    }
    bert.run("DELETE FROM part WHERE name = 'other'; UPDATE sale SET n = 3 WHERE n = 2");
    settle(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(machine.ask(sold), ["a|1", "b|3"], "{machine:?}");
    }
}

#[test]
fn two_tables_that_are_made_anew_under_other_names_in_one_go_refer_to_each_other_still() {
    const COUNTED: &str = "CREATE TABLE maker (id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE part (id INTEGER PRIMARY KEY, code TEXT, maker INTEGER REFERENCES maker (id))";
    let lab = Lab::new();
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, COUNTED));
    bert.run("INSERT INTO maker (name) VALUES ('Brandt'), ('Cire')");
    anna.run("INSERT INTO maker (name) VALUES ('Ahlberg'), ('Dahl'); INSERT INTO part (code, maker) VALUES ('a', 1), ('d', 2)");
    settle(&mut [&mut anna, &mut bert]);
    rest(&lab, &mut [&mut anna, &mut bert]);
    anna.run(
        "PRAGMA foreign_keys = OFF; BEGIN;
         CREATE TABLE firm (id INTEGER PRIMARY KEY, name VARCHAR(40)); INSERT INTO firm SELECT * FROM maker;
         CREATE TABLE item (id INTEGER PRIMARY KEY, code VARCHAR(40), maker INTEGER REFERENCES firm (id)); INSERT INTO item SELECT * FROM part;
         DROP TABLE part; DROP TABLE maker; COMMIT; PRAGMA foreign_keys = ON",
    );
    anna.store().fold().unwrap();
    anna.run("INSERT INTO item (code, maker) VALUES ('new', 1)");
    settle(&mut [&mut anna, &mut bert]);
    rest(&lab, &mut [&mut anna, &mut bert]);
    settle(&mut [&mut anna, &mut bert]);
    let all = |part: &str, maker: &str| {
        format!(
            "SELECT code, (SELECT name FROM {maker} AS m WHERE m.id = p.maker) FROM {part} AS p ORDER BY code"
        )
    };
    let made = ["a|Ahlberg", "d|Dahl", "new|Ahlberg"];
    assert_eq!(anna.ask(&all("item", "firm")), made);
    assert_eq!(bert.ask(&all("part", "maker")), made);
}

#[test]
fn of_two_tables_that_are_away_the_one_that_is_like_a_new_one_is_it() {
    const COUNTED: &str = "CREATE TABLE maker (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE sale (id INTEGER PRIMARY KEY, n INTEGER)";
    let lab = Lab::new();
    for has_spare in [true, false] {
        let [mut anna, mut bert] =
            ["anna", "bert"].map(|name| lab.machine(&format!("{name} {has_spare}"), COUNTED));
        anna.run(
            "INSERT INTO maker (name) VALUES ('Ahlberg'), ('Brandt'), ('Cire'), ('Dahl');
             INSERT INTO sale (n) VALUES (1), (2), (3), (4)",
        );
        settle(&mut [&mut anna, &mut bert]);
        if has_spare {
            rest(&lab, &mut [&mut anna, &mut bert]);
        }
        // One is dropped, the other made anew and renamed: both have the rows 1 to 4.
        anna.run(
            "BEGIN; DROP TABLE sale; CREATE TABLE new (id INTEGER PRIMARY KEY, name VARCHAR(40)); INSERT INTO new SELECT * FROM maker;
             DROP TABLE maker; ALTER TABLE new RENAME TO firm; COMMIT",
        );
        rest(&lab, &mut [&mut anna, &mut bert]);
        anna.run("UPDATE firm SET name = 'Dahl & Co' WHERE name = 'Dahl'");
        settle(&mut [&mut anna, &mut bert]);
        rest(&lab, &mut [&mut anna, &mut bert]);
        settle(&mut [&mut anna, &mut bert]);
        let names = ["Ahlberg", "Brandt", "Cire", "Dahl & Co"];
        assert_eq!(bert.ask("SELECT name FROM maker ORDER BY name"), names, "{has_spare}");
        assert_eq!(anna.ask("SELECT name FROM firm ORDER BY name"), names, "{has_spare}");
        assert_eq!(bert.ask("SELECT n FROM sale ORDER BY n"), ["1", "2", "3", "4"]);
        // Nor is a table that is made later the dropped one, whatever its rows are counted.
        anna.run("CREATE TABLE town (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO town (name) VALUES ('Kiel'), ('Lund'), ('Oslo'), ('Riga')");
        rest(&lab, &mut [&mut anna, &mut bert]);
        settle(&mut [&mut anna, &mut bert]);
        assert_eq!(bert.ask("SELECT n FROM sale ORDER BY n"), ["1", "2", "3", "4"]);
        assert_eq!(anna.ask("SELECT count(*) FROM town"), ["4"]);
    }
}

#[test]
fn an_old_table_kept_under_another_name_keeps_no_trigger_of_ours() {
    let lab = Lab::new();
    let [mut anna, mut bert] = shop(&lab);
    anna.run(
        "PRAGMA legacy_alter_table = ON; PRAGMA foreign_keys = OFF; BEGIN; ALTER TABLE part RENAME TO part_2026;
         CREATE TABLE part (code TEXT PRIMARY KEY, name TEXT NOT NULL, price INTEGER, note TEXT, colour TEXT);
         INSERT INTO part (code, name, price, note) SELECT code, name, price, note FROM part_2026; COMMIT;
         PRAGMA legacy_alter_table = OFF",
    );
    assert_eq!(take(&mut bert, &mut anna), 0, "nobody wrote anything");
    anna.run("UPDATE part SET price = 9 WHERE code = 'a'; INSERT INTO part VALUES ('n', 'Nut', 1, NULL, 'grey')");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(
        bert.ask("SELECT code, price FROM part ORDER BY code"),
        ["a|9", "b|2", "c|3", "n|1"]
    );
    let on = "SELECT DISTINCT tbl_name FROM sqlite_schema WHERE type = 'trigger' ORDER BY 1";
    assert_eq!(anna.ask(on), ["part", "sale"]);
}

#[test]
fn a_parent_table_that_is_away_for_a_moment_takes_nobodys_reference() {
    const SHOP: &str = "
        CREATE TABLE product (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);
        CREATE TABLE line (id INTEGER PRIMARY KEY AUTOINCREMENT, product_id INTEGER REFERENCES product (id), n INTEGER);
        CREATE TABLE stock (id INTEGER PRIMARY KEY AUTOINCREMENT, product_id INTEGER NOT NULL REFERENCES product (id), n INTEGER);";
    let lab = Lab::new();
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, SHOP));
    anna.run(
        "INSERT INTO product (name) VALUES ('Brush'), ('Soap'); INSERT INTO line (product_id, n) VALUES (1, 1);
         INSERT INTO stock (product_id, n) VALUES (1, 1)",
    );
    settle(&mut [&mut anna, &mut bert]);
    anna.run(
        "PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON;
         CREATE TABLE product_new (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(80));
         INSERT INTO product_new SELECT id, name FROM product; DROP TABLE product",
    );
    anna.store().fold().unwrap();
    bert.run("INSERT INTO line (product_id, n) VALUES (2, 22); UPDATE line SET n = 11 WHERE n = 1; UPDATE stock SET n = 11");
    level(&mut [&mut anna, &mut bert]);
    anna.run("UPDATE line SET n = 12 WHERE n = 11");
    level(&mut [&mut anna, &mut bert]);
    anna.run("ALTER TABLE product_new RENAME TO product");
    rest(&lab, &mut [&mut anna, &mut bert]);
    settle(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        let lines = "SELECT n, name FROM line JOIN product ON product.id = product_id ORDER BY n";
        assert_eq!(machine.ask(lines), ["12|Brush", "22|Soap"], "{machine:?}");
        let stock = "SELECT n, name FROM stock JOIN product ON product.id = product_id";
        assert_eq!(machine.ask(stock), ["11|Brush"], "{machine:?}");
    }
}

#[test]
fn a_held_row_is_shown_when_its_table_takes_it() {
    let lab = Lab::new();
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| {
        lab.machine(
            name,
            "CREATE TABLE p (id INTEGER PRIMARY KEY, name TEXT NOT NULL CHECK (name <> 'bad'))",
        )
    });
    let upgrade = "BEGIN; CREATE TABLE new_p (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO new_p SELECT id, name FROM p;
                   DROP TABLE p; ALTER TABLE new_p RENAME TO p; COMMIT";
    anna.run(upgrade);
    anna.run("INSERT INTO p VALUES (1, 'bad'), (2, NULL), (3, 'good')");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(
        bert.ask("SELECT name FROM p ORDER BY id"),
        ["", "good"],
        "one is held, one shows an empty name"
    );
    assert_eq!(bert.store().held(9).unwrap().len(), 2);
    bert.run(upgrade);
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT name FROM p ORDER BY id"), ["bad", "-", "good"]);
    assert_eq!(bert.store().held(9).unwrap(), []);
}

const MAKERS: &str = "
CREATE TABLE maker (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL);
CREATE TABLE piece (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, maker_id INTEGER REFERENCES maker (id) ON DELETE CASCADE);
CREATE TABLE remark (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT, maker_id INTEGER REFERENCES maker (id) ON DELETE SET NULL);
CREATE TABLE label (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT, piece_id INTEGER REFERENCES piece (id) ON DELETE CASCADE);";

/// As a careless tool makes a parent anew: references are on, and its children fall with it.
const MAKERS_ANEW: &str = "
PRAGMA foreign_keys = ON; BEGIN; CREATE TABLE maker_backup AS SELECT * FROM maker; DROP TABLE maker;
CREATE TABLE maker (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(80) NOT NULL); INSERT INTO maker SELECT * FROM maker_backup;
DROP TABLE maker_backup; COMMIT";

/// Two machines with two makers, four pieces, two remarks and a label.
fn makers(lab: &Lab) -> [Machine; 2] {
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, MAKERS));
    anna.run(
        "INSERT INTO maker (name) VALUES ('Bosch'), ('Valeo');
         INSERT INTO piece (name, maker_id) VALUES ('pad', 1), ('disc', 1), ('lamp', 2), ('bulb', 2);
         INSERT INTO remark (text, maker_id) VALUES ('good', 1), ('slow', 2);
         INSERT INTO label (text, piece_id) VALUES ('sale', 1)",
    );
    settle(&mut [&mut anna, &mut bert]);
    [anna, bert]
}

const PIECES: &str =
    "SELECT p.name, m.name FROM piece AS p JOIN maker AS m ON m.id = p.maker_id ORDER BY p.name";
const REMARKS: &str =
    "SELECT text, name FROM remark LEFT JOIN maker ON maker.id = maker_id ORDER BY text";

#[test]
fn rows_that_fell_with_a_table_that_was_made_anew_wait_for_a_person() {
    let lab = Lab::new();
    let [mut anna, mut bert] = makers(&lab);
    let all = bert.ask(PIECES);
    anna.run(MAKERS_ANEW);
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask(PIECES), all, "nobody deleted them");
    assert_eq!(
        anna.ask("SELECT (SELECT count(*) FROM piece) + (SELECT count(*) FROM label)"),
        ["0"]
    );
    let went = anna.store().overview().unwrap().went.clone();
    let told: Vec<_> =
        went.iter().map(|went| (went.table.as_str(), went.rows, went.what.as_str())).collect();
    assert_eq!(told, [("label", 1, "maker was made anew"), ("piece", 4, "maker was made anew")]);
    assert!(bert.store().overview().unwrap().went.is_empty());
    // Meanwhile they are edited elsewhere: what is written comes, and brings its row back.
    bert.run("UPDATE piece SET name = 'pads' WHERE name = 'pad'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask(PIECES), ["pads|Bosch"]);
    assert_eq!(anna.store().keep_deleted(None).unwrap(), 4);
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask(PIECES), bert.ask(PIECES));
    assert_eq!(anna.ask(PIECES).len(), 4);
    assert_eq!(anna.ask("SELECT text FROM label"), ["sale"]);
    assert!(anna.store().overview().unwrap().went.is_empty());
    assert_eq!(anna.store().held(9).unwrap(), []);
}

#[test]
fn rows_that_fell_with_a_table_may_go_when_a_person_says_so() {
    let lab = Lab::new();
    let [mut anna, mut bert] = makers(&lab);
    anna.run(MAKERS_ANEW);
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.store().accept_deletes(None).unwrap(), 5);
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(
        bert.ask("SELECT (SELECT count(*) FROM piece) + (SELECT count(*) FROM label)"),
        ["0"]
    );
    assert_eq!(bert.ask("SELECT count(*) FROM maker"), ["2"]);
}

#[test]
fn emptied_references_come_back() {
    let lab = Lab::new();
    let [mut anna, mut bert] = makers(&lab);
    let all = bert.ask(REMARKS);
    anna.run(MAKERS_ANEW);
    assert_eq!(anna.ask("SELECT count(*) FROM remark WHERE maker_id IS NULL"), ["2"]);
    anna.run("UPDATE remark SET text = 'good!' WHERE text = 'good'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask(REMARKS), ["good!|Bosch", "slow|Valeo"]);
    assert_eq!(bert.ask(REMARKS), anna.ask(REMARKS));
    assert_eq!(all, ["good|Bosch", "slow|Valeo"]);
    // A person's own NULL is one.
    bert.run("UPDATE remark SET maker_id = NULL WHERE text = 'slow'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask(REMARKS), ["good!|Bosch", "slow|-"]);
}

/// The same tool goes on, and makes the children anew without what their references did.
const CHILDREN_ANEW: &str = "
CREATE TABLE piece_backup (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, maker_id INTEGER REFERENCES maker (id));
INSERT INTO piece_backup SELECT * FROM piece; DROP TABLE piece; ALTER TABLE piece_backup RENAME TO piece;
CREATE TABLE remark_backup (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT, maker_id INTEGER REFERENCES maker (id));
INSERT INTO remark_backup SELECT * FROM remark; DROP TABLE remark; ALTER TABLE remark_backup RENAME TO remark";

#[test]
fn what_fell_or_was_emptied_comes_back_though_its_reference_says_so_no_more() {
    let lab = Lab::new();
    let [mut anna, mut bert] = makers(&lab);
    let (pieces, remarks) = (bert.ask(PIECES), bert.ask(REMARKS));
    anna.run(MAKERS_ANEW);
    anna.run(CHILDREN_ANEW);
    settle(&mut [&mut anna, &mut bert]);
    rest(&lab, &mut [&mut anna, &mut bert]);
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask(PIECES), pieces, "nobody deleted them");
    for machine in [&anna, &bert] {
        assert_eq!(machine.ask(REMARKS), remarks, "{machine:?}");
    }
    anna.store().keep_deleted(None).unwrap();
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask(PIECES), pieces);
}

#[test]
fn rows_that_a_migration_left_out_come_back() {
    let lab = Lab::new();
    let [mut anna, mut bert] = shop(&lab);
    anna.run(
        "PRAGMA foreign_keys = OFF; BEGIN; CREATE TABLE new_part (code TEXT PRIMARY KEY, name TEXT NOT NULL, price INTEGER, note TEXT);
         INSERT INTO new_part SELECT * FROM part WHERE code <> 'a'; DROP TABLE part; ALTER TABLE new_part RENAME TO part; COMMIT;
         DELETE FROM part WHERE code = 'c'",
    );
    // Fewer than half are there: somebody may be in the middle of something.
    level(&mut [&mut anna, &mut bert]);
    rest(&lab, &mut [&mut anna, &mut bert]);
    settle(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(
            machine.ask("SELECT code, note FROM part ORDER BY code"),
            ["a|soft", "b|thin", "c|-"],
            "{machine:?}"
        );
        assert_eq!(machine.ask("SELECT part FROM sale ORDER BY part"), ["a", "b"], "{machine:?}");
    }
    // Dropped and made again, empty.
    anna.run("DROP TABLE sale; CREATE TABLE sale (id INTEGER PRIMARY KEY AUTOINCREMENT, part TEXT NOT NULL REFERENCES part (code), n INTEGER)");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(
        anna.ask("SELECT count(*) FROM sale"),
        ["0"],
        "somebody may be in the middle of something"
    );
    rest(&lab, &mut [&mut anna, &mut bert]);
    settle(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(
            machine.ask("SELECT part, n FROM sale ORDER BY part"),
            ["a|1", "b|2"],
            "{machine:?}"
        );
    }
}

#[test]
fn nothing_is_written_to_a_table_that_is_being_filled() {
    let lab = Lab::new();
    let [mut anna, mut bert] = makers(&lab);
    anna.run(
        "PRAGMA foreign_keys = OFF; CREATE TABLE piece_backup AS SELECT * FROM piece; DROP TABLE piece;
         CREATE TABLE piece (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, maker_id INTEGER REFERENCES maker (id) ON DELETE CASCADE)",
    );
    anna.store().fold().unwrap();
    bert.run("INSERT INTO piece (name, maker_id) VALUES ('horn', 1); UPDATE piece SET name = 'disk' WHERE name = 'disc'");
    level(&mut [&mut anna, &mut bert]);
    lab.pass(Duration::from_secs(1));
    level(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT count(*) FROM piece"), ["0"]);
    anna.run("INSERT INTO piece SELECT * FROM piece_backup; DROP TABLE piece_backup");
    lab.pass(Duration::from_secs(1));
    settle(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(
            machine.ask(PIECES),
            ["bulb|Valeo", "disk|Bosch", "horn|Bosch", "lamp|Valeo", "pad|Bosch"],
            "{machine:?}"
        );
    }
}

#[test]
fn a_row_that_stands_stays_though_the_table_refuses_what_was_written_elsewhere() {
    const OLD: &str = "CREATE TABLE item (code TEXT PRIMARY KEY, price INTEGER CHECK (price > 0), bar TEXT UNIQUE, note TEXT)";
    const RELAX: &str = "BEGIN; CREATE TABLE new_item (code TEXT PRIMARY KEY, price INTEGER, bar TEXT UNIQUE, note TEXT);
        INSERT INTO new_item SELECT * FROM item; DROP TABLE item; ALTER TABLE new_item RENAME TO item; COMMIT";
    let lab = Lab::new();
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, OLD));
    anna.run("INSERT INTO item VALUES ('a', 1, '400', 'x'), ('b', 2, '401', 'y')");
    settle(&mut [&mut anna, &mut bert]);
    anna.run(RELAX);
    anna.run("UPDATE item SET price = 0, bar = '402' WHERE code = 'a'; UPDATE item SET bar = '400' WHERE code = 'b'");
    settle(&mut [&mut anna, &mut bert]);
    let all = "SELECT code, price, bar, note FROM item ORDER BY code";
    let stays = bert.ask(all);
    assert!(stays[0].starts_with("a|1|*400~"), "it stays, and its value gives way: {stays:?}");
    assert_eq!(stays[1], "b|2|400|y");
    let held = bert.store().held(9).unwrap();
    assert!(
        matches!(&held[..], [one] if !one.held && one.text.as_ref().unwrap().contains("CHECK")),
        "{held:?}"
    );
    // Somebody edits it there: what he wrote is his, what he could not see stays as it was written.
    bert.run("UPDATE item SET note = 'z' WHERE code = 'a'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask(all), ["a|0|402|z", "b|2|400|y"]);
    assert!(bert.ask(all)[0].starts_with("a|1|*400~"));
    bert.run(RELAX);
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask(all), anna.ask(all));
    assert_eq!(bert.store().held(9).unwrap(), []);
}

#[test]
fn a_row_replaced_through_an_index_is_a_delete() {
    const OLD: &str = "CREATE TABLE item (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, bar TEXT, shelf TEXT);
        CREATE UNIQUE INDEX by_bar ON item (bar); CREATE UNIQUE INDEX by_shelf ON item (lower(shelf)) WHERE shelf <> '';
        CREATE TABLE tag (item TEXT PRIMARY KEY, text TEXT UNIQUE)";
    let lab = Lab::new();
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, OLD));
    anna.run(
        "INSERT INTO item (name, bar, shelf) VALUES ('Pad', '400', 'A'), ('Oil', '401', 'B'), ('Nut', '402', 'C'), ('Cap', '403', 'D');
         INSERT INTO tag VALUES ('1', 'x'), ('2', 'y')",
    );
    settle(&mut [&mut anna, &mut bert]);
    let all = "SELECT name, bar, shelf FROM item ORDER BY bar";
    anna.run("INSERT OR REPLACE INTO item (name, bar, shelf) VALUES ('Pad, new', '400', 'E')");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask(all), ["Pad, new|400|E", "Oil|401|B", "Nut|402|C", "Cap|403|D"]);
    anna.run("UPDATE OR REPLACE item SET shelf = 'b' WHERE bar = '402'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask(all), ["Pad, new|400|E", "Nut|402|b", "Cap|403|D"]);
    // A program that has triggers off: found within the hour.
    anna.app
        .set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)
        .unwrap();
    anna.app.execute_batch("DELETE FROM item WHERE bar = '403'; INSERT INTO item (name, bar) VALUES ('Hub', '404'); DELETE FROM tag WHERE item = '1'").unwrap();
    anna.app
        .set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true)
        .unwrap();
    lab.pass(Duration::from_secs(3_601));
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT item FROM tag"), ["2"]);
    assert_eq!(
        anna.store().tables().unwrap().iter().map(|table| table.rows).collect::<Vec<_>>(),
        [3, 1]
    );
}

#[test]
fn a_table_that_needs_its_application_is_refused_or_waits() {
    let lab = Lab::new();
    let mut anna = lab.untracked("anna", "CREATE TABLE plain (id INTEGER PRIMARY KEY, v TEXT)");
    let mut bert = lab.machine("bert", "CREATE TABLE plain (id INTEGER PRIMARY KEY, v TEXT); CREATE TABLE late (id INTEGER PRIMARY KEY, v TEXT)");
    let own = |machine: &Machine| {
        machine
            .app
            .create_collation("unicase", |a: &str, b: &str| a.to_lowercase().cmp(&b.to_lowercase()))
            .unwrap();
        let flags = rusqlite::functions::FunctionFlags::SQLITE_DETERMINISTIC;
        machine
            .app
            .create_scalar_function("fold", 1, flags, |context| {
                Ok(context.get::<String>(0)?.to_lowercase())
            })
            .unwrap();
    };
    own(&anna);
    own(&bert);
    anna.run(
        "CREATE TABLE noted (id INTEGER PRIMARY KEY, v TEXT CHECK (fold(v) <> ''));
         CREATE TABLE found (id INTEGER PRIMARY KEY, v TEXT COLLATE unicase); CREATE INDEX by_v ON found (v);
         CREATE TABLE made (id INTEGER PRIMARY KEY, v TEXT, low TEXT AS (fold(v)) STORED);
         CREATE TABLE child (id INTEGER PRIMARY KEY, found INTEGER REFERENCES found (id));
         CREATE TABLE late (id INTEGER PRIMARY KEY, v TEXT)",
    );
    let tracked = anna.store().track(&Track::default()).unwrap();
    let names: Vec<&str> = tracked
        .tables
        .iter()
        .map(|(name, ..)| name.as_str())
        .filter(|name| !name.starts_with('_'))
        .collect();
    assert_eq!(names, ["late", "plain"]);
    let refused: Vec<String> =
        tracked.refused.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    assert_eq!(
        refused,
        [
            "found: it needs the collation unicase, which only its application has",
            "made: it needs the function fold, which only its application has",
            "noted: it needs the function fold, which only its application has",
            "child: it refers to found, which is not tracked; track both by their names if they are to be kept in step",
        ]
    );
    let by_name =
        anna.store().track(&Track { tables: Some(vec!["noted".into()]), ..Track::default() });
    assert!(matches!(by_name, Err(Error::Untrackable { table, .. }) if table == "noted"));
    // One that comes to need its application later waits, and holds nothing of the others.
    settle(&mut [&mut anna, &mut bert]);
    anna.run("INSERT INTO late VALUES (1, 'one'); INSERT INTO plain VALUES (1, 'one')");
    settle(&mut [&mut anna, &mut bert]);
    bert.run("CREATE INDEX by_v ON late (fold(v))");
    anna.run("INSERT INTO late VALUES (2, 'two'); INSERT INTO plain VALUES (2, 'two')");
    bert.run("INSERT INTO late VALUES (9, 'nine')");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(
        bert.ask("SELECT (SELECT count(*) FROM plain), (SELECT count(*) FROM late)"),
        ["2|2"]
    );
    bert.run("DROP INDEX by_v");
    settle(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(
            machine.ask("SELECT v FROM late ORDER BY id"),
            ["one", "two", "nine"],
            "{machine:?}"
        );
    }
}

#[test]
fn what_tools_keep_and_what_only_triggers_fill_is_left_out_unless_a_person_names_it() {
    const NOTED: &str = "
        CREATE TABLE part (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, price INTEGER);
        CREATE TABLE price_log (id INTEGER PRIMARY KEY AUTOINCREMENT, part INTEGER, price INTEGER);
        CREATE TRIGGER log_prices AFTER UPDATE OF price ON part BEGIN INSERT INTO price_log (part, price) VALUES (NEW.id, NEW.price); END;
        CREATE TABLE alembic_version (version_num TEXT PRIMARY KEY); INSERT INTO alembic_version VALUES ('4f2a');";
    let lab = Lab::new();
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, NOTED));
    let named: Vec<_> = anna
        .store()
        .candidates()
        .unwrap()
        .into_iter()
        .map(|table| (table.name, table.refused, table.left_out.is_some()))
        .collect();
    assert_eq!(
        named,
        [
            ("_lab".into(), None, false),
            ("alembic_version".into(), None, true),
            ("price_log".into(), None, true)
        ][1..]
    );
    anna.run("INSERT INTO part (name, price) VALUES ('Pad', 1)");
    settle(&mut [&mut anna, &mut bert]);
    anna.run("UPDATE part SET price = 2");
    settle(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(
            machine.ask("SELECT price FROM price_log"),
            ["2"],
            "{machine:?}: filled by its own trigger"
        );
    }
    // A person who names it has it in step, and the trigger fires on one machine.
    for machine in [&mut anna, &mut bert] {
        machine.track(&Track {
            tables: Some(vec!["price_log".into()]),
            copies: true,
            ..Track::default()
        });
    }
    settle(&mut [&mut anna, &mut bert]);
    anna.run("UPDATE part SET price = 3");
    settle(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(
            machine.ask("SELECT price FROM price_log ORDER BY id"),
            ["2", "3"],
            "{machine:?}"
        );
    }
}

/// As [`shop`], with some more parts, and all of it copied into the daemons' folders.
pub(crate) fn stocked(lab: &Lab) -> [Machine; 2] {
    let [mut anna, mut bert] = shop(lab);
    anna.run(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
         INSERT INTO part SELECT 'p' || i, 'Part ' || i, i, 'note ' || i FROM n",
    );
    settle(&mut [&mut anna, &mut bert]);
    rest(lab, &mut [&mut anna, &mut bert]);
    [anna, bert]
}

/// Makes `part` anew with these columns, and these values of the old ones.
pub(crate) fn anew(columns: &str, values: &str) -> String {
    format!(
        "PRAGMA foreign_keys = OFF; BEGIN; CREATE TABLE new_part ({columns}); INSERT INTO new_part SELECT {values} FROM part;
         DROP TABLE part; ALTER TABLE new_part RENAME TO part; COMMIT; PRAGMA foreign_keys = ON"
    )
}

#[test]
fn a_table_made_anew_sends_no_row_that_nobody_touched() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    for (columns, values) in [
        // A column less; another type; both at once; a column more, filled.
        ("code TEXT PRIMARY KEY, name VARCHAR(80) NOT NULL, price INTEGER", "code, name, price"),
        ("code TEXT PRIMARY KEY, name VARCHAR(80) NOT NULL, price VARCHAR(9)", "code, name, price"),
        (
            "code TEXT PRIMARY KEY, name TEXT NOT NULL, price INTEGER, tax REAL NOT NULL",
            "code, name, price, 19",
        ),
    ] {
        anna.run(&anew(columns, values));
        assert_eq!(take(&mut bert, &mut anna), 0, "{columns}");
        rest(&lab, &mut [&mut anna, &mut bert]);
    }
    assert_eq!(bert.ask("SELECT price, note FROM part WHERE code = 'p7'"), ["7|note 7"]);
    // What is written after it is sent, and nothing else.
    anna.run("UPDATE part SET price = 70 WHERE code = 'p7'");
    assert_eq!(take(&mut bert, &mut anna), 1);
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT price, note FROM part WHERE code = 'p7'"), ["70|note 7"]);
}

#[test]
fn what_a_migration_changes_is_found_cell_by_cell_and_beats_nobody_it_had_not_seen() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    bert.run("UPDATE part SET name = 'of bert' WHERE code = 'p1'; UPDATE part SET price = 111 WHERE code = 'p2'");
    lab.pass(Duration::from_mins(1));
    anna.run(&anew(
        "code TEXT PRIMARY KEY, name TEXT NOT NULL, price INTEGER, note TEXT",
        "code, CASE WHEN code IN ('p1', 'p2', 'p3') THEN upper(name) ELSE name END, price, note",
    ));
    assert_eq!(take(&mut bert, &mut anna), 3);
    settle(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(
            machine
                .ask("SELECT name, price FROM part WHERE code IN ('p1', 'p2', 'p3') ORDER BY code"),
            // A version is whole: what bert wrote was written to all of its row.
            ["of bert|1", "Part 2|111", "PART 3|3"],
            "{machine:?}"
        );
    }
}

#[test]
fn values_tell_a_rename_in_a_remade_table() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    anna.run(&anew(
        "code TEXT PRIMARY KEY, title TEXT NOT NULL, price INTEGER, note TEXT",
        "code, name, price, note",
    ));
    assert_eq!(take(&mut bert, &mut anna), 0, "nobody wrote anything");
    anna.run("UPDATE part SET title = 'Seven' WHERE code = 'p7'");
    bert.run("UPDATE part SET name = 'Eight' WHERE code = 'p8'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(
        bert.ask("SELECT name FROM part WHERE code IN ('p7', 'p8') ORDER BY code"),
        ["Seven", "Eight"]
    );
    assert_eq!(
        anna.ask("SELECT title FROM part WHERE code IN ('p7', 'p8') ORDER BY code"),
        ["Seven", "Eight"]
    );
    bert.run(&anew(
        "code TEXT PRIMARY KEY, title TEXT NOT NULL, price INTEGER, note TEXT",
        "code, name, price, note",
    ));
    assert_eq!(take(&mut anna, &mut bert), 0);
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(
        anna.ask("SELECT code, title, note FROM part ORDER BY code"),
        bert.ask("SELECT code, title, note FROM part ORDER BY code")
    );
}

#[test]
fn euros_that_became_cents_are_another_column() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    let cents = anew(
        "code TEXT PRIMARY KEY, name TEXT NOT NULL, price NUMERIC(9), note TEXT",
        "code, name, price * 100, note",
    );
    anna.run(&cents);
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT price FROM part WHERE code = 'p7'"), ["7"], "in euros");
    bert.run("UPDATE part SET name = 'Seven' WHERE code = 'p7'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT name, price FROM part WHERE code = 'p7'"), ["Seven|700"]);
    bert.run(&cents);
    settle(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(
            machine.ask("SELECT price FROM part WHERE code IN ('p7', 'p8') ORDER BY code"),
            ["700", "800"],
            "{machine:?}"
        );
    }
}

#[test]
fn a_row_that_is_written_where_one_of_its_values_is_gone_is_one_version_everywhere() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    anna.run(&anew(
        "code TEXT PRIMARY KEY, name TEXT NOT NULL, price INTEGER",
        "code, name, price",
    ));
    anna.run("UPDATE part SET price = 70 WHERE code = 'p7'");
    settle(&mut [&mut anna, &mut bert]);
    let [here, there] = [&mut anna, &mut bert].map(|machine| {
        let tables = machine.store().overview().unwrap().tables.clone();
        tables.into_iter().find(|table| table.name == "part").unwrap().digest
    });
    assert_eq!(here, there, "both know it by one digest");
    assert_eq!(bert.ask("SELECT price, note FROM part WHERE code = 'p7'"), ["70|note 7"]);
}

#[test]
fn a_copy_that_a_tool_made_before_a_new_column_was_filled_empties_it_nowhere() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    anna.run(
        "ALTER TABLE part ADD COLUMN colour TEXT; UPDATE part SET colour = 'red' WHERE code = 'p7'",
    );
    settle(&mut [&mut anna, &mut bert]);
    rest(&lab, &mut [&mut anna, &mut bert]);
    bert.run(
        "ALTER TABLE part ADD COLUMN colour TEXT; CREATE TABLE part_backup AS SELECT * FROM part",
    );
    rest(&lab, &mut [&mut anna, &mut bert]);
    let colour = "SELECT colour FROM part WHERE code = 'p7'";
    assert_eq!(bert.ask(colour), ["red"]);
    bert.run(
        "PRAGMA foreign_keys = OFF; DROP TABLE part;
         CREATE TABLE part (code TEXT PRIMARY KEY, name TEXT NOT NULL, price INTEGER, note TEXT, colour VARCHAR(9));
         INSERT INTO part SELECT * FROM part_backup; DROP TABLE part_backup",
    );
    settle(&mut [&mut anna, &mut bert]);
    rest(&lab, &mut [&mut anna, &mut bert]);
    settle(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(machine.ask(colour), ["red"], "{machine:?}");
    }
}

#[test]
fn a_copy_that_a_tool_made_before_a_value_came_takes_it_back_nowhere() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    // Statement by statement: between the copy and the exchange of the tables, others write.
    anna.run(
        "CREATE TABLE part_backup (code TEXT PRIMARY KEY, name TEXT NOT NULL, price INTEGER, note TEXT, colour TEXT);
         INSERT INTO part_backup (code, name, price, note) SELECT * FROM part",
    );
    bert.run("UPDATE part SET price = 70 WHERE code = 'p7'");
    settle(&mut [&mut anna, &mut bert]);
    anna.run("UPDATE part SET name = 'Eight' WHERE code = 'p8'");
    settle(&mut [&mut anna, &mut bert]);
    rest(&lab, &mut [&mut anna, &mut bert]);
    anna.run("PRAGMA foreign_keys = OFF; DROP TABLE part; ALTER TABLE part_backup RENAME TO part; PRAGMA foreign_keys = ON");
    settle(&mut [&mut anna, &mut bert]);
    rest(&lab, &mut [&mut anna, &mut bert]);
    settle(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(
            machine.ask(
                "SELECT code, name, price FROM part WHERE code IN ('p7', 'p8', 'p9') ORDER BY code"
            ),
            ["p7|Part 7|70", "p8|Eight|8", "p9|Part 9|9"],
            "{machine:?}"
        );
    }
}

/// The statements by which Sequelize's sqlite dialect makes a table anew, each a transaction of its own.
fn sequelized(table: &str, columns: &str, names: &str) -> Vec<String> {
    vec![
        format!("CREATE TABLE {table}_backup ({columns})"),
        format!("INSERT INTO {table}_backup SELECT {names} FROM {table}"),
        format!("DROP TABLE {table}"),
        format!("CREATE TABLE {table} ({columns})"),
        format!("INSERT INTO {table} SELECT {names} FROM {table}_backup"),
        format!("DROP TABLE {table}_backup"),
    ]
}

#[test]
fn references_come_back_after_a_start_that_alters_table_by_table_whenever_it_is_looked_at() {
    let key = "id INTEGER PRIMARY KEY";
    let set_null = "ON DELETE SET NULL ON UPDATE CASCADE";
    let old = format!(
        "CREATE TABLE makers ({key}, name VARCHAR(40) NOT NULL);
         CREATE TABLE parts ({key}, code VARCHAR(20) NOT NULL, shelf TEXT, maker_id INTEGER REFERENCES makers (id) {set_null});
         CREATE TABLE sales ({key}, number VARCHAR(30) NOT NULL, part_id INTEGER REFERENCES parts (id) {set_null})"
    );
    let part = "code VARCHAR(20) NOT NULL";
    let steps: Vec<String> = [
        sequelized("makers", &format!("{key}, name VARCHAR(80) NOT NULL"), "id, name"),
        vec!["ALTER TABLE parts ADD colour VARCHAR(20)".to_owned()],
        sequelized(
            "parts",
            &format!("{key}, {part}, shelf TEXT, maker_id INTEGER REFERENCES makers (id), colour VARCHAR(20)"),
            "id, code, shelf, maker_id, colour",
        ),
        sequelized(
            "parts",
            &format!("{key}, {part}, maker_id INTEGER REFERENCES makers (id) {set_null}, colour VARCHAR(20)"),
            "id, code, maker_id, colour",
        ),
        sequelized(
            "sales",
            &format!("{key}, number VARCHAR(30) NOT NULL, part_id INTEGER REFERENCES parts (id) {set_null}"),
            "id, number, part_id",
        ),
    ]
    .concat();
    let all = "SELECT number, code, name FROM sales LEFT JOIN parts ON parts.id = part_id
               LEFT JOIN makers ON makers.id = maker_id ORDER BY number";
    for every in [1, 2, 3, 4, 5, 7, 100] {
        let lab = Lab::new();
        let names = ["anna", "bert"];
        let [mut anna, mut bert] = names.map(|name| lab.machine(name, &old));
        anna.run(
            "INSERT INTO makers (name) VALUES ('Bosch'), ('Valeo');
             INSERT INTO parts (code, shelf, maker_id) VALUES ('pad', 'A', 1), ('oil', 'B', 2), ('lamp', 'C', 1);
             INSERT INTO sales (number, part_id) VALUES ('s1', 1), ('s2', 2), ('s3', 2)",
        );
        settle(&mut [&mut anna, &mut bert]);
        rest(&lab, &mut [&mut anna, &mut bert]);
        let before = bert.ask(all);
        for (machine, upgrade) in [0, 1].into_iter().enumerate() {
            for (step, statement) in steps.iter().enumerate() {
                let on = if upgrade == 0 { &mut anna } else { &mut bert };
                on.run("PRAGMA foreign_keys = ON");
                on.run(statement);
                if step % every == every - 1 {
                    lab.look(on);
                    take(&mut anna, &mut bert);
                    take(&mut bert, &mut anna);
                    lab.look(if upgrade == 0 { &mut anna } else { &mut bert });
                }
            }
            settle(&mut [&mut anna, &mut bert]);
            rest(&lab, &mut [&mut anna, &mut bert]);
            settle(&mut [&mut anna, &mut bert]);
            for on in [&anna, &bert] {
                assert_eq!(on.ask(all), before, "{on:?}, upgrade {machine}, every {every}");
            }
        }
    }
}

#[test]
fn rows_that_fell_over_two_references_stand_on_their_parents_when_they_are_back() {
    let lab = Lab::new();
    let old = "
        CREATE TABLE makers (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL);
        CREATE TABLE parts (id INTEGER PRIMARY KEY, code VARCHAR(20) NOT NULL UNIQUE, maker_id INTEGER NOT NULL REFERENCES makers (id) ON DELETE CASCADE);
        CREATE TABLE sales (id INTEGER PRIMARY KEY, number VARCHAR(30) NOT NULL UNIQUE, part_id INTEGER NOT NULL REFERENCES parts (id) ON DELETE CASCADE);";
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, old));
    anna.run(
        "INSERT INTO makers (name) VALUES ('Bosch'), ('Valeo');
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
         INSERT INTO parts (code, maker_id) SELECT 'p' || i, 1 + i % 2 FROM n;
         INSERT INTO sales (number, part_id) SELECT 's' || id, id FROM parts",
    );
    settle(&mut [&mut anna, &mut bert]);
    rest(&lab, &mut [&mut anna, &mut bert]);
    let all = "SELECT number, code, name FROM sold LEFT JOIN parts ON parts.id = part_id LEFT JOIN makers ON makers.id = maker_id ORDER BY number";
    let before = bert.ask(&all.replace("sold", "sales"));
    // Both are made anew, each in a transaction of its own, with references on, and one is renamed.
    for step in [
        "CREATE TABLE makers_new (id INTEGER PRIMARY KEY, name VARCHAR(80) NOT NULL); INSERT INTO makers_new SELECT * FROM makers; DROP TABLE makers; ALTER TABLE makers_new RENAME TO makers",
        "CREATE TABLE parts_new (id INTEGER PRIMARY KEY, code VARCHAR(20) NOT NULL UNIQUE, maker_id INTEGER NOT NULL REFERENCES makers (id) ON DELETE CASCADE, colour TEXT); INSERT INTO parts_new (id, code, maker_id) SELECT * FROM parts; DROP TABLE parts; ALTER TABLE parts_new RENAME TO parts",
        "ALTER TABLE sales RENAME TO sold",
    ] {
        anna.run(&format!("PRAGMA foreign_keys = ON; BEGIN; {step}; COMMIT"));
    }
    assert_eq!(anna.ask("SELECT count(*) FROM sold"), ["0"]);
    settle(&mut [&mut anna, &mut bert]);
    // The parts may still be being filled: until that is over nobody is asked about what fell with them.
    assert!(anna.store().overview().unwrap().went.is_empty());
    assert_eq!(anna.store().keep_deleted(None).unwrap(), 0);
    rest(&lab, &mut [&mut anna, &mut bert]);
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.store().keep_deleted(None).unwrap(), 80);
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask(&all.replace("sold", "sales")), before);
    assert_eq!(anna.ask(all), before);
}

#[test]
fn what_others_write_while_a_table_is_made_anew_step_by_step_is_shown_once_it_is_over() {
    let key = "id INTEGER PRIMARY KEY";
    let old = format!(
        "CREATE TABLE parts ({key}, code VARCHAR(20) NOT NULL UNIQUE, name TEXT, shelf TEXT);
         CREATE TABLE sales ({key}, number VARCHAR(30) NOT NULL UNIQUE, part_id INTEGER REFERENCES parts (id))"
    );
    let part = "code VARCHAR(20) NOT NULL";
    let steps: Vec<String> = [
        vec!["ALTER TABLE parts ADD colour VARCHAR(20)".to_owned()],
        sequelized(
            "parts",
            &format!("{key}, {part}, name TEXT, shelf TEXT, colour VARCHAR(20)"),
            "id, code, name, shelf, colour",
        ),
        sequelized(
            "parts",
            &format!("{key}, {part}, name TEXT, colour VARCHAR(20)"),
            "id, code, name, colour",
        ),
    ]
    .concat();
    let all = "SELECT number, code, name FROM sales LEFT JOIN parts ON parts.id = part_id ORDER BY number";
    for every in [1, 2, 3] {
        let lab = Lab::new();
        let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, &old));
        anna.run(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
             INSERT INTO parts (code, name, shelf) SELECT 'p' || i, 'Part ' || i, 'A' FROM n;
             INSERT INTO sales (number, part_id) SELECT 's' || id, id FROM parts",
        );
        settle(&mut [&mut anna, &mut bert]);
        rest(&lab, &mut [&mut anna, &mut bert]);
        for (step, statement) in steps.iter().enumerate() {
            anna.run(&format!("PRAGMA foreign_keys = OFF; {statement}"));
            bert.run(&format!(
                "UPDATE parts SET name = 'as of {step}' WHERE code = 'p{}';
                 INSERT INTO parts (code, name) VALUES ('new{step}', 'New');
                 INSERT INTO sales (number, part_id) SELECT 'of{step}', id FROM parts WHERE code = 'p{}';
                 INSERT INTO sales (number, part_id) SELECT 'new{step}', id FROM parts WHERE code = 'new{step}'",
                1 + step % 5,
                20 + step
            ));
            if step % every == every - 1 {
                lab.look(&mut anna);
                take(&mut anna, &mut bert);
                take(&mut bert, &mut anna);
                lab.look(&mut anna);
            }
        }
        for _ in 0..2 {
            settle(&mut [&mut anna, &mut bert]);
            rest(&lab, &mut [&mut anna, &mut bert]);
        }
        settle(&mut [&mut anna, &mut bert]);
        let sold = bert.ask(all);
        assert_eq!(sold.len(), 40 + 2 * steps.len());
        assert_eq!(anna.ask(all), sold, "every {every}");
        assert!(!sold.iter().any(|sale| sale.ends_with("|-")), "{sold:?}");
    }
}

/// A tool copies a table, row by row, and puts the copy in its place later, in another transaction.
#[test]
fn what_a_tool_copied_before_a_partners_word_was_shown_takes_nothing_back() {
    const NEWER: &str = "ALTER TABLE part ADD COLUMN colour TEXT;
        ALTER TABLE part ADD COLUMN least INTEGER NOT NULL DEFAULT 0;";
    const COPY: &str = "CREATE TABLE part_new (code TEXT PRIMARY KEY, name TEXT NOT NULL, price INTEGER, note TEXT,
            colour TEXT, least INTEGER NOT NULL DEFAULT 0);
        INSERT INTO part_new SELECT * FROM part;";
    const SWAP: &str =
        "PRAGMA foreign_keys = OFF; DROP TABLE part; ALTER TABLE part_new RENAME TO part";
    let all = "SELECT code, name, price, note, colour, least FROM part ORDER BY code";
    // What it showed is in the daemon's folder when the copy takes its place, or not yet.
    for is_copied in [true, false] {
        let lab = Lab::new();
        let [mut anna, mut bert] = shop(&lab);
        let look = |bert: &mut Machine| {
            if is_copied {
                lab.look(bert);
            } else {
                bert.store().fold().unwrap();
            }
        };
        anna.run(NEWER);
        anna.run("UPDATE part SET colour = 'red', least = 24 WHERE code = 'a'");
        settle(&mut [&mut anna, &mut bert]);
        rest(&lab, &mut [&mut anna, &mut bert]);

        // What stood in new columns until the daemon looked.
        bert.run(&format!("{NEWER} {COPY}"));
        look(&mut bert);
        assert_eq!(bert.ask(all)[0], "a|Pad|1|soft|red|24");
        bert.run(SWAP);
        settle(&mut [&mut anna, &mut bert]);
        rest(&lab, &mut [&mut anna, &mut bert]);
        settle(&mut [&mut anna, &mut bert]);
        let told = ["a|Pad|1|soft|red|24", "b|Oil|2|thin|-|0", "c|Wiper|3|-|-|0"];
        for machine in [&anna, &bert] {
            assert_eq!(machine.ask(all), told, "{machine:?}, {is_copied}");
        }

        // And what a partner wrote in between.
        bert.run(COPY);
        anna.run("UPDATE part SET name = 'Brake pad', price = 9, note = NULL WHERE code = 'a'");
        take(&mut bert, &mut anna);
        look(&mut bert);
        assert_eq!(bert.ask(all)[0], "a|Brake pad|9|-|red|24");
        bert.run(SWAP);
        settle(&mut [&mut anna, &mut bert]);
        rest(&lab, &mut [&mut anna, &mut bert]);
        settle(&mut [&mut anna, &mut bert]);
        let told = ["a|Brake pad|9|-|red|24", told[1], told[2]];
        for machine in [&anna, &bert] {
            assert_eq!(machine.ask(all), told, "{machine:?}, {is_copied}");
        }
    }
}

#[test]
fn nobody_is_asked_for_the_values_of_a_column_that_is_not_here_any_more() {
    let lab = Lab::new();
    let [_anna, mut bert] = shop(&lab);
    let mut asked = |sql: &str| {
        bert.run(sql);
        bert.store().fold().unwrap();
        bert.store().missing(0).unwrap();
        (
            bert.ask("SELECT count(*) FROM _dunlin_ask")[0].clone(),
            bert.store().unshown().unwrap().len(),
        )
    };
    assert_eq!(asked("ALTER TABLE part DROP COLUMN note"), ("0".to_owned(), 0));
    assert_eq!(asked("ALTER TABLE part ADD COLUMN note TEXT"), ("3".to_owned(), 1));
    // While the table is away nobody can tell, and it is asked for once it is back.
    let away =
        "PRAGMA foreign_keys = OFF; CREATE TABLE kept AS SELECT * FROM part; DROP TABLE part";
    assert_eq!(asked(away).0, "3");
    let back =
        "CREATE TABLE part (code TEXT PRIMARY KEY, name TEXT NOT NULL, price INTEGER, note TEXT);
        INSERT INTO part SELECT * FROM kept; DROP TABLE kept";
    assert_eq!(asked(back).0, "3");
    // One of them says what it lacks in parts of its own.
    assert_eq!(asked("UPDATE part SET price = 7 WHERE code = 'a'"), ("3".to_owned(), 1));
    assert_eq!(asked("ALTER TABLE part DROP COLUMN note"), ("0".to_owned(), 0));
}

#[test]
fn a_reference_that_a_tool_copied_while_it_was_empty_takes_nobodys_parent() {
    let [parts, sales] = [
        "(id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE)",
        "(id INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, part_id INTEGER REFERENCES parts (id) ON DELETE SET NULL)",
    ];
    let lab = Lab::new();
    let tables = format!("CREATE TABLE parts {parts}; CREATE TABLE sales {sales}");
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, &tables));
    anna.run("INSERT INTO parts (code) VALUES ('a'), ('b'); INSERT INTO sales (number, part_id) SELECT code, id FROM parts");
    settle(&mut [&mut anna, &mut bert]);
    rest(&lab, &mut [&mut anna, &mut bert]);
    // Dropping its parents empties the references, and so the tool copies them.
    bert.run(&format!(
        "PRAGMA foreign_keys = ON;
         CREATE TABLE parts_new {parts}; INSERT INTO parts_new SELECT * FROM parts; DROP TABLE parts;
         ALTER TABLE parts_new RENAME TO parts;
         CREATE TABLE sales_new {sales}; INSERT INTO sales_new SELECT * FROM sales"
    ));
    settle(&mut [&mut anna, &mut bert]);
    let sold = "SELECT number, code FROM sales LEFT JOIN parts ON parts.id = part_id ORDER BY 1";
    assert_eq!(bert.ask(sold), ["a|a", "b|b"]);
    lab.look(&mut bert);
    bert.run("DROP TABLE sales; ALTER TABLE sales_new RENAME TO sales");
    settle(&mut [&mut anna, &mut bert]);
    rest(&lab, &mut [&mut anna, &mut bert]);
    settle(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(machine.ask(sold), ["a|a", "b|b"], "{machine:?}");
    }
}

#[test]
fn a_table_that_is_put_away_and_made_again_in_steps_goes_on_in_the_new_one() {
    let steps = [
        "ALTER TABLE part RENAME TO part_before",
        "CREATE TABLE part (code TEXT PRIMARY KEY, name TEXT NOT NULL, price INTEGER, note TEXT, colour TEXT)",
        "INSERT INTO part SELECT *, NULL FROM part_before",
    ];
    let all = "SELECT code, name, price FROM part ORDER BY code";
    for every in [1, 2, 3] {
        let lab = Lab::new();
        let [mut anna, mut bert] = shop(&lab);
        rest(&lab, &mut [&mut anna, &mut bert]);
        for (step, statement) in steps.iter().enumerate() {
            // As the sqlite3 program does it: the references of sales stay.
            anna.run(&format!(
                "PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON; {statement}"
            ));
            if step % every == every - 1 {
                lab.look(&mut anna);
                take(&mut bert, &mut anna);
            }
        }
        rest(&lab, &mut [&mut anna, &mut bert]);
        anna.run("UPDATE part SET price = 5 WHERE code = 'a'; INSERT INTO part (code, name) VALUES ('n', 'New')");
        bert.run("UPDATE part SET price = 6 WHERE code = 'b'");
        settle(&mut [&mut anna, &mut bert]);
        let told = ["a|Pad|5", "b|Oil|6", "c|Wiper|3", "n|New|-"];
        assert_eq!(anna.ask(all), told, "every {every}");
        assert_eq!(bert.ask(all), told, "every {every}");
        let ours = "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'part_before'";
        assert_eq!(anna.ask(ours), ["0"]);
        // A copy that somebody makes of it later is a copy.
        anna.run("CREATE TABLE part_copy AS SELECT * FROM part; DELETE FROM part_before");
        settle(&mut [&mut anna, &mut bert]);
        assert_eq!(bert.ask(all), told);
    }
}
