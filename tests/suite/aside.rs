//! What a row shows instead of a value that another one claims.

use dunlin_tests::sim::{Lab, Machine, level};

/// Two machines write such a row apart: Anna the first one of it, Bert the other.
fn clash(schema: &str, row: &str) -> (Lab, [Machine; 2]) {
    let lab = Lab::new();
    let mut anna = lab.machine("anna", schema);
    let mut bert = lab.machine("bert", schema);
    level(&mut [&mut anna, &mut bert]);
    anna.run(&row.replace('@', "anna"));
    bert.run(&row.replace('@', "bert"));
    level(&mut [&mut anna, &mut bert]);
    (lab, [anna, bert])
}

fn same(machines: &[Machine; 2], sql: &str) -> Vec<String> {
    let [anna, bert] = machines;
    assert_eq!(anna.ask(sql), bert.ask(sql));
    anna.ask(sql)
}

#[test]
fn whoever_counts_on_from_the_greatest_value_does_not_meet_a_substitute() {
    let (_lab, machines) = clash(
        "CREATE TABLE receipt (id INTEGER PRIMARY KEY, number INTEGER NOT NULL UNIQUE, no TEXT NOT NULL UNIQUE, who TEXT)",
        "INSERT INTO receipt (number, no, who) VALUES (2, 'INV-0002', '@')",
    );
    assert_eq!(same(&machines, "SELECT max(number), max(no) FROM receipt"), ["2|INV-0002"]);
    let aside = same(
        &machines,
        "SELECT number < 0, no GLOB 'INV-*0002~????' FROM receipt WHERE number <> 2",
    );
    assert_eq!(aside, ["1|1"]);
    assert!(
        same(&machines, "SELECT no FROM receipt WHERE number <> 2")[0].starts_with("INV-*0002~")
    );
}

#[test]
fn a_row_stays_on_its_day_and_in_its_shop() {
    let (_lab, machines) = clash(
        "CREATE TABLE shop (id INTEGER PRIMARY KEY, name TEXT);
         CREATE TABLE ticket (id INTEGER PRIMARY KEY, shop INTEGER REFERENCES shop, day TEXT, n INTEGER NOT NULL, who TEXT, UNIQUE (n, day, shop));
         CREATE TABLE booking (id INTEGER PRIMARY KEY, room TEXT NOT NULL, slot TEXT NOT NULL, who TEXT, UNIQUE (room, slot))",
        "INSERT INTO ticket (day, n, who, shop) VALUES ('2026-11-30', 2, '@', NULL);
         UPDATE ticket SET shop = NULL;
         INSERT INTO booking (room, slot, who) VALUES ('blue', 'noon', '@')",
    );
    assert_eq!(same(&machines, "SELECT room, count(*) FROM booking GROUP BY 1"), ["blue|2"]);
    let (_lab, machines) = clash(
        "CREATE TABLE ticket (id INTEGER PRIMARY KEY, day TEXT NOT NULL, n INTEGER NOT NULL, who TEXT, UNIQUE (day, n))",
        "INSERT INTO ticket (day, n, who) VALUES ('2026-11-30', 2, '@')",
    );
    assert_eq!(
        same(&machines, "SELECT day, count(*), max(n) FROM ticket GROUP BY 1"),
        ["2026-11-30|2|2"]
    );
}

#[test]
fn a_table_that_takes_no_mark_is_given_a_text_of_the_same_kind() {
    let (_lab, machines) = clash(
        "CREATE TABLE article (id INTEGER PRIMARY KEY, ean TEXT NOT NULL UNIQUE CHECK (ean GLOB '[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]'), who TEXT);
         CREATE TABLE sale (id INTEGER PRIMARY KEY, article INTEGER NOT NULL REFERENCES article (id), n INTEGER)",
        "INSERT INTO article (id, ean, who) VALUES (1, '40063813', '@'); INSERT INTO sale (article, n) VALUES (1, 3)",
    );
    assert_eq!(
        same(&machines, "SELECT count(*), count(DISTINCT ean), min(length(ean)) FROM article"),
        ["2|2|8"]
    );
    assert_eq!(
        same(
            &machines,
            "SELECT who, n FROM sale JOIN article ON article.id = sale.article ORDER BY 1"
        ),
        ["anna|3", "bert|3"]
    );
    for machine in &machines {
        assert_eq!(machine.broken_references(), 0);
    }
}

#[test]
fn a_text_of_the_same_kind_gives_way_to_whoever_writes_it_and_comes_back() {
    let schema = "CREATE TABLE article (id INTEGER PRIMARY KEY, ean TEXT NOT NULL UNIQUE CHECK (ean GLOB '[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]'), who TEXT)";
    let (lab, [mut anna, mut bert]) =
        clash(schema, "INSERT INTO article (ean, who) VALUES ('40063813', '@')");
    let aside = "SELECT ean FROM article WHERE who = 'bert'";
    let first = anna.ask(aside);
    // Somebody who has not seen it writes just that number.
    let mut carl = lab.machine("carl", schema);
    carl.run(&format!("INSERT INTO article (ean, who) VALUES ('{}', 'carl')", first[0]));
    level(&mut [&mut anna, &mut bert, &mut carl]);
    let second = anna.ask(aside);
    assert_ne!(second, first);
    assert_eq!([bert.ask(aside), carl.ask(aside)], [second.clone(), second]);
    carl.run("DELETE FROM article WHERE who = 'carl'");
    let mut dora = lab.machine("dora", schema);
    level(&mut [&mut anna, &mut bert, &mut carl, &mut dora]);
    for machine in [&anna, &bert, &carl, &dora] {
        assert_eq!(machine.ask(aside), first, "{machine:?}, whatever it has seen");
    }
}

#[test]
fn a_value_of_a_list_gives_way_to_null_where_that_is_allowed() {
    let (_lab, machines) = clash(
        "CREATE TABLE till (id INTEGER PRIMARY KEY, role TEXT UNIQUE CHECK (role IN ('main', 'spare')), who TEXT)",
        "INSERT INTO till (role, who) VALUES ('main', '@')",
    );
    assert_eq!(
        same(&machines, "SELECT role, count(*) FROM till GROUP BY 1 ORDER BY 1"),
        ["-|1", "main|1"]
    );
}

#[test]
fn where_all_are_refused_the_row_is_held_everywhere_and_its_children_with_it() {
    let (_lab, machines) = clash(
        "CREATE TABLE till (id INTEGER PRIMARY KEY, role TEXT NOT NULL UNIQUE CHECK (role IN ('main', 'spare')), who TEXT);
         CREATE TABLE sale (id INTEGER PRIMARY KEY, till INTEGER NOT NULL REFERENCES till (id), n INTEGER)",
        "INSERT INTO till (id, role, who) VALUES (1, 'main', '@'); INSERT INTO sale (till, n) VALUES (1, 3)",
    );
    assert_eq!(same(&machines, "SELECT role, who FROM till"), ["main|anna"]);
    assert_eq!(same(&machines, "SELECT count(*) FROM sale"), ["1"]);
    assert_eq!(same(&machines, "SELECT count(*) FROM _dunlin_kept"), ["2"], "nothing is lost");
    let [mut anna, mut bert] = machines;
    anna.run("UPDATE till SET role = 'spare'");
    level(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(
            machine
                .ask("SELECT role, who, n FROM till JOIN sale ON sale.till = till.id ORDER BY 1"),
            ["main|bert|3", "spare|anna|3"]
        );
        assert_eq!(machine.broken_references(), 0);
    }
}

#[test]
fn a_number_that_others_refer_by_does_not_give_way_to_null() {
    let (_lab, machines) = clash(
        "CREATE TABLE article (id INTEGER PRIMARY KEY, code INTEGER UNIQUE, who TEXT);
         CREATE TABLE sale (id INTEGER PRIMARY KEY, article INTEGER NOT NULL REFERENCES article (code), n INTEGER)",
        "INSERT INTO article (id, code, who) VALUES (1, 7, '@'); INSERT INTO sale (article, n) VALUES (7, 3)",
    );
    assert_eq!(
        same(
            &machines,
            "SELECT who, n FROM sale JOIN article ON article.code = sale.article ORDER BY 1"
        ),
        ["anna|3", "bert|3"]
    );
}

#[test]
fn what_refers_to_a_row_that_stands_aside_with_null_means_it_everywhere() {
    // A table without a rowid takes no row without its number.
    let (_lab, machines) = clash(
        "CREATE TABLE till (id INTEGER PRIMARY KEY, role TEXT UNIQUE CHECK (role IN ('main', 'spare'))) WITHOUT ROWID;
         CREATE TABLE drawer (id INTEGER PRIMARY KEY, till INTEGER NOT NULL REFERENCES till (id), who TEXT)",
        "INSERT INTO till (id, role) VALUES (2, 'main'); INSERT INTO drawer (till, who) VALUES (2, '@')",
    );
    assert_eq!(
        same(
            &machines,
            "SELECT count(*), max(role), min(who), max(who), count(role) FROM drawer JOIN till ON till.id = till"
        ),
        ["2|main|anna|bert|1"]
    );
    for machine in &machines {
        assert_eq!(machine.broken_references(), 0);
    }
}

#[test]
fn what_came_with_a_row_that_the_table_refuses_is_held_with_it() {
    let (_lab, machines) = clash(
        "CREATE TABLE drawer (id INTEGER PRIMARY KEY, till INTEGER NOT NULL REFERENCES till (id) DEFERRABLE INITIALLY DEFERRED, who TEXT);
         CREATE TABLE till (id INTEGER PRIMARY KEY, role TEXT NOT NULL UNIQUE CHECK (role IN ('main', 'spare')), drawer INTEGER REFERENCES drawer (id))",
        "INSERT INTO till (id, role) VALUES (2, 'main'); INSERT INTO drawer (till, who) VALUES (2, '@')",
    );
    for machine in &machines {
        assert_eq!(machine.broken_references(), 0, "{machine:?}");
    }
}
