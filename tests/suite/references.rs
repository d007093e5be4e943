//! References, compared as SQLite compares them: with the affinity and the collation of the column that is pointed to.

use dunlin_tests::sim::story::same;
use dunlin_tests::sim::{Lab, Machine, level};

/// Two machines sell apart, each to a customer of its own whose key the other one gives too: the child's column is declared
/// so, and holds what `spelt` makes of the key.
fn sold_apart(parent: &str, child: &str, spelt: &str) -> (Lab, [Machine; 2]) {
    let lab = Lab::new();
    let schema = format!(
        "CREATE TABLE customer (id {parent}, name TEXT);
         CREATE TABLE invoice (id INTEGER PRIMARY KEY, what TEXT, customer {child} REFERENCES customer (id))"
    );
    let mut anna = lab.machine("anna", &schema);
    let mut bert = lab.machine("bert", &schema);
    level(&mut [&mut anna, &mut bert]);
    for (machine, who) in [(&anna, "Ann"), (&bert, "Bo")] {
        machine.run(&format!(
            "INSERT INTO customer VALUES (7, '{who}');
             INSERT INTO invoice VALUES (1, 'of {who}', {spelt})"
        ));
    }
    level(&mut [&mut anna, &mut bert]);
    (lab, [anna, bert])
}

const PAIRS: &str =
    "SELECT what, name FROM invoice JOIN customer ON customer.id = invoice.customer ORDER BY 1";

#[test]
fn a_reference_means_its_parent_however_it_is_spelt() {
    let integer = "INTEGER PRIMARY KEY";
    for (child, spelt) in [
        ("INTEGER", "7"),
        ("INTEGER", "'7'"),
        ("TEXT", "7"),
        ("TEXT", "'7'"),
        ("TEXT", "'07'"),
        ("TEXT", "'7.0'"),
        ("REAL", "7"),
        ("NUMERIC", "'7'"),
        ("BLOB", "7"),
        ("BLOB", "'7'"),
        ("VARCHAR(20) NOT NULL", "7"),
    ] {
        let (_lab, [anna, bert]) = sold_apart(integer, child, spelt);
        for machine in [&anna, &bert] {
            let found = machine.ask(PAIRS);
            assert_eq!(found, ["of Ann|Ann", "of Bo|Bo"], "{child} {spelt} on {machine:?}");
            assert_eq!(machine.broken_references(), 0, "{child} {spelt}");
        }
    }
}

#[test]
fn a_text_that_names_no_row_here_is_nobody_elsewhere() {
    let lab = Lab::new();
    let mut shown = Vec::new();
    for (n, (child, spelt)) in
        [("INTEGER", "9"), ("TEXT", "'9'"), ("TEXT", "'09'")].into_iter().enumerate()
    {
        let schema = format!(
            "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT);
             CREATE TABLE invoice (id INTEGER PRIMARY KEY, what TEXT, customer {child} REFERENCES customer (id))"
        );
        let mut anna = lab.machine(&format!("anna {n}"), &schema);
        let mut bert = lab.machine(&format!("bert {n}"), &schema);
        anna.run(&format!(
            "PRAGMA foreign_keys = OFF; INSERT INTO invoice VALUES (1, 'of nobody', {spelt})"
        ));
        anna.store().fold().unwrap();
        bert.run("INSERT INTO customer VALUES (9, 'Bo')");
        bert.store().fold().unwrap();
        level(&mut [&mut anna, &mut bert]);
        shown.push([anna.ask(PAIRS), bert.ask(PAIRS)]);
    }
    assert_eq!(shown[0], shown[1], "as a number does");
    assert_eq!(shown[0], shown[2]);
    assert!(shown[0][1].is_empty(), "it means nobody where the number is Bo's: {shown:?}");
}

#[test]
fn a_parent_that_goes_takes_its_children_however_they_spell_it() {
    for (parent, child, key, spelt) in [
        ("INTEGER PRIMARY KEY", "TEXT", "7", "'07'"),
        ("TEXT PRIMARY KEY COLLATE NOCASE", "TEXT", "'Kg'", "'kG'"),
        ("TEXT PRIMARY KEY COLLATE RTRIM", "TEXT", "'kg'", "'kg  '"),
        ("TEXT PRIMARY KEY", "INTEGER", "'401'", "401"),
    ] {
        let lab = Lab::new();
        let schema = format!(
            "CREATE TABLE unit (id {parent}, name TEXT);
             CREATE TABLE part (id INTEGER PRIMARY KEY, unit {child} REFERENCES unit (id) ON DELETE CASCADE)"
        );
        let mut anna = lab.machine("anna", &schema);
        let mut bert = lab.machine("bert", &schema);
        anna.run(&format!(
            "INSERT INTO unit VALUES ({key}, 'a unit'); INSERT INTO part VALUES (1, {spelt})"
        ));
        level(&mut [&mut anna, &mut bert]);
        assert_eq!(bert.ask("SELECT count(*) FROM part"), ["1"], "{parent} {child} {spelt}");
        anna.run("DELETE FROM unit");
        level(&mut [&mut anna, &mut bert]);
        for machine in [&anna, &bert] {
            assert!(machine.ask("SELECT * FROM part").is_empty(), "{parent} {child} {spelt}");
            assert_eq!(machine.broken_references(), 0);
        }
    }
}

#[test]
fn a_key_whose_digits_begin_with_a_zero_is_not_the_number() {
    let lab = Lab::new();
    let schema = "CREATE TABLE article (ean TEXT PRIMARY KEY, name TEXT);
                  CREATE TABLE line (id INTEGER PRIMARY KEY, ean TEXT REFERENCES article (ean) ON DELETE CASCADE)";
    let mut anna = lab.machine("anna", schema);
    let mut bert = lab.machine("bert", schema);
    anna.run(
        "INSERT INTO article VALUES ('0401', 'with'), ('401', 'without');
         INSERT INTO line VALUES (1, '0401'), (2, '401')",
    );
    level(&mut [&mut anna, &mut bert]);
    anna.run("DELETE FROM article WHERE ean = '0401'");
    level(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT id, ean FROM line"), ["2|401"]);
}

#[test]
fn every_machine_spells_a_reference_as_its_parent_does() {
    let lab = Lab::new();
    let schema = "CREATE TABLE unit (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE COLLATE NOCASE);
                  CREATE TABLE part (id INTEGER PRIMARY KEY, name TEXT, unit TEXT REFERENCES unit (code) ON UPDATE CASCADE)";
    let mut anna = lab.machine("anna", schema);
    let mut bert = lab.machine("bert", schema);
    anna.run(
        "INSERT INTO unit VALUES (1, 'KG'), (2, 'PC');
         INSERT INTO part VALUES (1, 'Flour', 'kg'), (2, 'Egg', 'Pc')",
    );
    level(&mut [&mut anna, &mut bert]);
    let parts = "SELECT name, unit FROM part ORDER BY id";
    for machine in [&anna, &bert] {
        assert_eq!(machine.ask(parts), ["Flour|KG", "Egg|PC"], "{machine:?}");
    }
    anna.run("UPDATE unit SET code = 'kilo' WHERE id = 1");
    bert.run("UPDATE part SET unit = 'pC' WHERE id = 2; INSERT INTO part VALUES (3, 'Rice', 'kG')");
    level(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(machine.ask(parts), ["Flour|kilo", "Egg|PC", "Rice|kilo"], "{machine:?}");
        assert_eq!(machine.broken_references(), 0);
    }
}

#[test]
fn a_number_is_kept_wherever_it_is_free() {
    let lab = Lab::new();
    let schema = "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT);
                  CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)";
    let mut anna = lab.machine("anna", schema);
    let mut bert = lab.machine("bert", schema);
    let numbers = [-9_223_372_036_854_775_808, -1, 0, 1_254_071_346_418_286_654, i64::MAX];
    for number in numbers {
        anna.run(&format!("INSERT INTO customer VALUES ({number}, 'a {number}')"));
    }
    anna.run("INSERT INTO counted VALUES (-5, 'below'), (9007199254740993, 'above')");
    level(&mut [&mut anna, &mut bert]);
    for all in
        ["SELECT id, name FROM customer ORDER BY 1", "SELECT id, name FROM counted ORDER BY 1"]
    {
        assert_eq!(bert.ask(all), anna.ask(all));
    }
    // What is chosen here stays small, whatever large numbers there are.
    bert.run("INSERT INTO customer VALUES (3, 'of bert')");
    anna.run("INSERT INTO customer VALUES (3, 'of anna')");
    level(&mut [&mut anna, &mut bert]);
    let ids = "SELECT id FROM customer WHERE name LIKE 'of %' ORDER BY 1";
    for machine in [&anna, &bert] {
        assert_eq!(machine.ask(ids), ["3", "4"], "{machine:?}");
    }
}

#[test]
fn the_last_number_of_all_does_not_stop_autoincrement_elsewhere() {
    let lab = Lab::new();
    let schema = "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)";
    let mut anna = lab.machine("anna", schema);
    let mut bert = lab.machine("bert", schema);
    anna.run(&format!("INSERT INTO counted VALUES ({}, 'the last')", i64::MAX));
    level(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT id, name FROM counted"), ["1|the last"]);
    bert.run("INSERT INTO counted (name) VALUES ('goes on')");
    assert_eq!(bert.ask("SELECT id FROM counted WHERE name = 'goes on'"), ["2"]);
}

#[test]
fn a_key_part_that_becomes_null_is_no_delete_and_its_row_goes_on_when_it_has_a_value_again() {
    let lab = Lab::new();
    let schema = "CREATE TABLE stock (sku TEXT, place TEXT, n INTEGER, PRIMARY KEY (sku, place))";
    let mut anna = lab.machine("anna", schema);
    let mut bert = lab.machine("bert", schema);
    anna.run("INSERT INTO stock VALUES ('s1', 'front', 1), ('s2', NULL, 2), ('s3', 'back', 3)");
    level(&mut [&mut anna, &mut bert]);
    let all = "SELECT sku, place, n FROM stock ORDER BY sku";
    assert_eq!(bert.ask(all), ["s1|front|1", "s3|back|3"]);
    anna.run("UPDATE stock SET place = NULL WHERE sku = 's1'; DELETE FROM stock WHERE sku = 's3'");
    level(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask(all), ["s1|front|1"], "a delete goes on, a key without a value does not");
    assert_eq!(anna.ask(all), ["s1|-|1", "s2|-|2"]);
    let nameless = |machine: &mut Machine| {
        let overview = machine.store().overview().unwrap();
        let told = overview.nameless.iter();
        told.map(|one| format!("{} {:?} {}", one.table, one.columns, one.rows)).collect::<Vec<_>>()
    };
    assert_eq!(nameless(&mut anna), [r#"stock ["sku", "place"] 2"#]);
    assert_eq!(nameless(&mut bert), Vec::<String>::new());
    anna.run("UPDATE stock SET place = 'front', n = 4 WHERE sku = 's1'");
    level(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask(all), ["s1|front|4"], "it has a value again, and goes on");
    assert_eq!(anna.store().held(9).unwrap(), []);
    // Somebody goes on elsewhere with a row that has no name here: it comes back beside what has none.
    anna.run("UPDATE stock SET place = NULL WHERE sku = 's1'");
    level(&mut [&mut anna, &mut bert]);
    bert.run("UPDATE stock SET n = 5 WHERE sku = 's1'");
    level(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask(all), ["s1|-|4", "s1|front|5", "s2|-|2"]);
    anna.run("UPDATE stock SET place = 'attic' WHERE sku = 's1' AND place IS NULL; UPDATE stock SET place = 'shelf' WHERE sku = 's2'");
    level(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(
            machine.ask("SELECT sku, place, n FROM stock ORDER BY sku, place"),
            ["s1|attic|4", "s1|front|5", "s2|shelf|2"],
            "{machine:?}"
        );
    }
    assert_eq!(nameless(&mut anna), Vec::<String>::new());
    assert_eq!(anna.store().held(9).unwrap(), []);
}

#[test]
fn tracking_says_which_rows_have_no_name() {
    let lab = Lab::new();
    let schema = "CREATE TABLE stock (sku TEXT, place TEXT, PRIMARY KEY (sku, place));
                  CREATE TABLE tag (name TEXT NOT NULL PRIMARY KEY);
                  INSERT INTO stock VALUES ('s1', NULL), (NULL, NULL), ('s2', 'shelf')";
    let mut anna = lab.untracked("anna", schema);
    let tracked = anna.store().track(&dunlin_schema::Track::default()).unwrap();
    assert_eq!(
        tracked.notes,
        [
            "2 rows have NULL in a part of the key of stock (sku, place), and they stay on this machine until there is a value"
        ]
    );
}

#[test]
fn rows_that_refer_to_each_other_by_values_are_shown_together() {
    let lab = Lab::new();
    let schema = "CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT UNIQUE, head TEXT REFERENCES person (name) DEFERRABLE INITIALLY DEFERRED);
                  CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT UNIQUE, team TEXT REFERENCES team (name) DEFERRABLE INITIALLY DEFERRED)";
    let mut anna = lab.machine("anna", schema);
    let mut bert = lab.machine("bert", schema);
    anna.run(
        "BEGIN; INSERT INTO team VALUES (1, 'Tills', 'Ann'); INSERT INTO person VALUES (1, 'Ann', 'Tills');
         INSERT INTO person VALUES (2, 'Bo', 'Tills'); COMMIT",
    );
    level(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT * FROM team"), ["1|Tills|Ann"]);
    assert_eq!(bert.ask("SELECT * FROM person ORDER BY id"), ["1|Ann|Tills", "2|Bo|Tills"]);
}

#[test]
fn a_row_goes_on_meaning_a_parent_that_has_no_value_to_be_shown_by() {
    let lab = Lab::new();
    let schema = "CREATE TABLE article (id INTEGER PRIMARY KEY, code INTEGER UNIQUE, name TEXT);
                  CREATE TABLE part (id INTEGER PRIMARY KEY, article INTEGER REFERENCES article (code))";
    let mut anna = lab.machine("anna", schema);
    let mut bert = lab.machine("bert", schema);
    anna.run("INSERT INTO article VALUES (1, 7, 'Bolt')");
    level(&mut [&mut anna, &mut bert]);
    bert.run("INSERT INTO part VALUES (1, 7)");
    anna.run("UPDATE article SET code = NULL");
    level(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(machine.ask("SELECT * FROM part"), ["1|-"], "{machine:?}");
        assert_eq!(machine.broken_references(), 0);
    }
    same(&mut anna, &mut bert);
    anna.run("UPDATE article SET code = 9");
    level(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(machine.ask("SELECT * FROM part"), ["1|9"], "{machine:?}");
    }
    same(&mut anna, &mut bert);
}
