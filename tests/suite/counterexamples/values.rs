//! Values: all that SQLite stores arrives as it is.

use super::{equal, level, take, three, two};
use dunlin_schema::{Body, Error, Why};
use dunlin_tests::sim::Lab;
use dunlin_tests::sim::session::greet;
use std::time::Duration;

#[test]
fn every_value_arrives_bit_for_bit() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut carl] = three(&lab, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    anna.run(
        "INSERT INTO t (v) VALUES (x'00ff'), (x''), (CAST(x'636166e9' AS TEXT)), (0.1 + 0.2), (1e300), (-0.0),
         (9223372036854775807), (-9223372036854775808), (''), ('a' || char(0) || 'b'), (NULL), ('1'), (1), (1.0), (9e999)",
    );
    take(&mut bert, &mut anna);
    equal(&mut [&mut anna, &mut bert, &mut carl]);
    let exactly = "SELECT typeof(v), hex(v), v FROM t ORDER BY id";
    assert_eq!(carl.ask(exactly), anna.ask(exactly));
}

#[test]
fn what_affinity_would_change_is_passed_on_as_it_was() {
    let lab = Lab::new();
    let mut anna = lab.machine("anna", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    let mut bert =
        lab.machine("bert", "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, w TEXT)");
    let mut carl = lab.machine("carl", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    anna.run("INSERT INTO t (v) VALUES ('007'), ('x'), ('1e3')");
    take(&mut bert, &mut anna);
    assert_eq!(bert.ask("SELECT v FROM t ORDER BY id"), ["7", "x", "1000"]);
    take(&mut carl, &mut bert);
    assert_eq!(carl.ask("SELECT v FROM t ORDER BY id"), ["007", "x", "1e3"]);
    // Nobody edited anything: nothing comes back.
    assert_eq!(take(&mut anna, &mut bert), 0);
}

/// Dates and prices as ORMs declare them are NUMERIC to SQLite, which leaves text alone that is no number.
const ORDERS_OF_AN_ORM: &str =
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, number varchar(20) UNIQUE, made datetime,
     due date, total decimal(10, 2), paid bool, changed timestamp)";

#[test]
fn what_a_column_holds_as_it_was_written_is_neither_kept_twice_nor_counted() {
    const ROWS: usize = 10_500;
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, ORDERS_OF_AN_ORM);
    anna.run(&format!(
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {ROWS})
         INSERT INTO orders (number, made, due, total, paid, changed)
         SELECT 'N' || n, '2026-11-30 03:37:07', '2026-12-24', 12.5, n % 2, '2026-11-30T03:37:07Z' FROM c"
    ));
    take(&mut bert, &mut anna);
    // Above the number of rows that one partner may have held here.
    anna.run("UPDATE orders SET made = '2026-12-01 09:00:00'");
    equal(&mut [&mut anna, &mut bert]);
    for machine in [&mut anna, &mut bert] {
        assert_eq!(machine.ask("SELECT count(*) FROM _dunlin_kept"), ["0"], "{machine:?}");
        assert_eq!(machine.ask("SELECT count(*) FROM _dunlin_waits"), ["0"], "{machine:?}");
    }
}

#[test]
fn a_held_row_is_listed_though_many_others_are_kept_only_for_what_the_table_cannot_say() {
    let lab = Lab::new();
    let mut anna = lab.machine("anna", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    let mut bert =
        lab.machine("bert", "CREATE TABLE t (id INTEGER PRIMARY KEY, v NUMERIC CHECK (v <> 'no'))");
    anna.run("INSERT INTO t (v) VALUES ('007'), ('008'), ('no'), ('009')");
    take(&mut bert, &mut anna);
    assert_eq!(bert.ask("SELECT v FROM t ORDER BY id"), ["7", "8", "9"]);
    let held = bert.store().held(1).unwrap();
    assert_eq!((held.len(), held[0].why), (1, Why::Constraint));
    // What is shown is neither tried again nor counted.
    assert_eq!(bert.store().retry(None).unwrap(), 0);
    assert_eq!(bert.store().tables().unwrap()[0].held, 1);
}

#[test]
fn tables_of_every_kind_are_kept_in_step() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        "CREATE TABLE strict (id INTEGER PRIMARY KEY, n INT NOT NULL, any ANY) STRICT;
         CREATE TABLE \"a table's \"\"name\"\"\" (\"the key\" TEXT, \"of two\" TEXT, \"v;--\" TEXT, PRIMARY KEY (\"of two\", \"the key\")) WITHOUT ROWID;
         CREATE TABLE made (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER GENERATED ALWAYS AS (a * 2) STORED, c AS (a + b));
         CREATE TABLE \"select\" (\"from\" INTEGER PRIMARY KEY, \"where\" TEXT UNIQUE);",
    );
    anna.run(
        "INSERT INTO strict VALUES (1, 5, x'01'), (2, 6, 'text'); INSERT INTO made (a) VALUES (21);
         INSERT INTO \"a table's \"\"name\"\"\" VALUES ('k', 'l', 'v'); INSERT INTO \"select\" VALUES (1, 'here')",
    );
    take(&mut bert, &mut anna);
    bert.run(
        "UPDATE \"a table's \"\"name\"\"\" SET \"v;--\" = 'w'; UPDATE made SET a = 4; UPDATE strict SET n = 7 WHERE id = 1;
         UPDATE \"select\" SET \"where\" = 'there'",
    );
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT b, c FROM made"), ["8|12"]);
    assert_eq!(anna.ask("SELECT \"v;--\" FROM \"a table's \"\"name\"\"\""), ["w"]);
    bert.run("DELETE FROM \"a table's \"\"name\"\"\"; DELETE FROM \"select\"; DELETE FROM strict WHERE id = 2");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT count(*) FROM \"select\""), ["0"]);
}

#[test]
fn a_number_that_would_stop_autoincrement_is_not_taken_over() {
    let lab = Lab::new();
    let [mut anna, mut bert] =
        two(&lab, "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT)");
    anna.run("INSERT INTO t VALUES (9223372036854775807, 'the last')");
    take(&mut bert, &mut anna);
    bert.run("INSERT INTO t (v) VALUES ('bert goes on')");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT id, v FROM t ORDER BY id"), ["1|the last", "2|bert goes on"]);
    assert_eq!(anna.ask("SELECT count(*) FROM t"), ["2"]);
}

#[test]
fn a_row_too_large_to_travel_is_told_of_everywhere() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut carl] = three(
        &lab,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB);
         CREATE TABLE c (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t (id))",
    );
    anna.run("INSERT INTO t VALUES (1, zeroblob(17 << 20)); INSERT INTO c VALUES (1, 1)");
    take(&mut bert, &mut anna);
    take(&mut carl, &mut bert);
    level(&mut [&mut anna, &mut bert, &mut carl]);
    for machine in [&mut bert, &mut carl] {
        let held = machine.store().held(9).unwrap();
        let why: Vec<Why> = held.iter().map(|held| held.why).collect();
        assert_eq!(why, [Why::Size, Why::Parent]);
    }
    let digests = anna.store().digests().unwrap();
    assert_eq!(carl.store().digests().unwrap(), digests);
    let versions = dunlin_tests::sim::witness::journal(&mut carl, 0).0;
    assert!(versions.iter().any(|seen| matches!(seen.row.body, Body::Size(n) if n == 17 << 20)));
    // Made smaller, it comes: the limit is of what it holds, not of how it is written in a message.
    anna.run("UPDATE t SET v = zeroblob(16 << 20)");
    equal(&mut [&mut anna, &mut bert, &mut carl]);
    assert_eq!(carl.ask("SELECT length(v) FROM t"), ["16777216"]);
    anna.run("UPDATE t SET v = x'01'");
    equal(&mut [&mut anna, &mut bert, &mut carl]);
    assert_eq!(carl.ask("SELECT count(*) FROM c JOIN t ON t.id = c.t"), ["1"]);
}

#[test]
fn columns_unknown_here_are_carried_on_by_an_edit() {
    let lab = Lab::new();
    let mut anna = lab
        .machine("anna", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, x TEXT DEFAULT 'none')");
    let mut bert = lab.machine("bert", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    let mut carl = lab
        .machine("carl", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, x TEXT DEFAULT 'none')");
    anna.run("INSERT INTO t (v, x) VALUES ('v', 'only anna knows')");
    take(&mut bert, &mut anna);
    lab.pass(Duration::from_secs(1));
    bert.run("UPDATE t SET v = 'edited'");
    take(&mut anna, &mut bert);
    take(&mut carl, &mut bert);
    assert_eq!(anna.ask("SELECT v, x FROM t"), ["edited|only anna knows"]);
    assert_eq!(carl.ask("SELECT v, x FROM t"), ["edited|only anna knows"]);
    // A row of a machine that does not know the column takes the default, on all that do.
    bert.run("INSERT INTO t (v) VALUES ('of bert')");
    level(&mut [&mut anna, &mut bert, &mut carl]);
    assert_eq!(anna.ask("SELECT x FROM t WHERE v = 'of bert'"), ["none"]);
    assert_eq!(carl.ask("SELECT x FROM t WHERE v = 'of bert'"), ["none"]);
}

#[test]
fn rows_of_an_unknown_table_are_held_and_passed_on_and_shown_once_it_is_there() {
    let lab = Lab::new();
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
        CREATE TABLE c (id INTEGER PRIMARY KEY, t INTEGER NOT NULL REFERENCES t (id))";
    let mut anna = lab.machine("anna", schema);
    let mut bert = lab.machine("bert", "CREATE TABLE other (id INTEGER PRIMARY KEY)");
    let mut carl = lab.machine("carl", schema);
    anna.run("INSERT INTO t VALUES (1, 'v'); INSERT INTO c VALUES (1, 1)");
    take(&mut bert, &mut anna);
    let held = bert.store().held(9).unwrap();
    assert!(held.iter().all(|held| held.why == Why::Schema) && held.len() == 2);
    take(&mut carl, &mut bert);
    assert_eq!(carl.ask("SELECT count(*) FROM c"), ["1"]);
    bert.run(schema);
    equal(&mut [&mut anna, &mut bert, &mut carl]);
    assert_eq!(bert.ask("SELECT v FROM t"), ["v"]);
    assert_eq!(bert.store().held(9).unwrap(), []);
}

#[test]
fn an_application_may_still_drop_a_column_of_a_tracked_table() {
    let lab = Lab::new();
    let [mut anna, mut bert] =
        two(&lab, "CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT UNIQUE, v TEXT, w TEXT)");
    anna.run("INSERT INTO t (code, v, w) VALUES ('a', 'v', 'w')");
    take(&mut bert, &mut anna);
    anna.run("ALTER TABLE t DROP COLUMN w; ALTER TABLE t ADD COLUMN x TEXT; INSERT INTO t (code, x) VALUES ('b', 'x')");
    level(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT code, w FROM t ORDER BY code"), ["a|w", "b|-"]);
    assert_eq!(anna.ask("SELECT code, x FROM t ORDER BY code"), ["a|-", "b|x"]);
    anna.run("ALTER TABLE t RENAME COLUMN v TO vv");
    anna.run("UPDATE t SET vv = 'still tracked' WHERE code = 'b'");
    level(&mut [&mut anna, &mut bert]);
}

const INDEXED: &str = "
CREATE TABLE doc (id INTEGER PRIMARY KEY, body TEXT);
CREATE VIRTUAL TABLE found USING fts5 (body, content = 'doc', content_rowid = 'id');
CREATE TRIGGER doc_i AFTER INSERT ON doc BEGIN INSERT INTO found (rowid, body) VALUES (NEW.id, NEW.body); END;
CREATE TRIGGER doc_d AFTER DELETE ON doc BEGIN
    INSERT INTO found (found, rowid, body) VALUES ('delete', OLD.id, OLD.body); END;
CREATE TRIGGER doc_u AFTER UPDATE ON doc BEGIN
    INSERT INTO found (found, rowid, body) VALUES ('delete', OLD.id, OLD.body);
    INSERT INTO found (rowid, body) VALUES (NEW.id, NEW.body); END;
CREATE TABLE total (id INTEGER PRIMARY KEY, n INTEGER);
INSERT INTO total VALUES (1, 0);
CREATE TRIGGER doc_n AFTER INSERT ON doc BEGIN UPDATE total SET n = n + 1; END;
";

#[test]
fn triggers_that_feed_a_search_index_fire_for_what_arrives() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, INDEXED);
    assert_eq!(bert.store().fire(&[]).unwrap(), ["doc_d", "doc_i", "doc_u"]);
    anna.run("INSERT INTO doc (body) VALUES ('spark plugs'), ('oil')");
    level(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT rowid FROM found WHERE found MATCH 'plugs'"), ["1"]);
    anna.run("UPDATE doc SET body = 'brake pads' WHERE id = 1; DELETE FROM doc WHERE id = 2");
    level(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT count(*) FROM found WHERE found MATCH 'plugs OR oil'"), ["0"]);
    assert_eq!(bert.ask("SELECT rowid FROM found WHERE found MATCH 'pads'"), ["1"]);
    bert.run("INSERT INTO found (found) VALUES ('integrity-check')");
    // The other trigger writes to a table that travels: it fires where the application wrote, and nowhere else.
    assert_eq!(bert.ask("SELECT n FROM total"), anna.ask("SELECT n FROM total"));
    assert_eq!(bert.ask("SELECT max(n) FROM total"), ["2"]);
    // Unless a person lists it.
    assert!(bert.store().fire(&["doc_n".to_owned()]).unwrap().contains(&"doc_n".to_owned()));
    bert.restart();
    assert_eq!(bert.ask("SELECT count(*) FROM doc"), ["1"]);
}

#[test]
fn a_trigger_that_replaces_what_it_keeps_runs_for_what_arrives() {
    const SALES: &str = "
        CREATE TABLE sale (id INTEGER PRIMARY KEY, part TEXT, n INTEGER);
        CREATE TABLE sold (id INTEGER PRIMARY KEY, part TEXT UNIQUE, n INTEGER);
        CREATE TRIGGER sale_i AFTER INSERT ON sale BEGIN
            INSERT OR REPLACE INTO sold (part, n)
            SELECT part, sum(n) FROM sale WHERE part = NEW.part GROUP BY part; END;
        CREATE TRIGGER sale_u AFTER UPDATE ON sale BEGIN
            INSERT OR REPLACE INTO sold (part, n)
            SELECT part, sum(n) FROM sale WHERE part = NEW.part GROUP BY part; END;";
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, SALES);
    assert_eq!(bert.store().fire(&[]).unwrap(), ["sale_i", "sale_u"]);
    anna.run("INSERT INTO sale (part, n) VALUES ('pad', 1), ('pad', 2), ('oil', 5)");
    level(&mut [&mut anna, &mut bert]);
    anna.run("UPDATE sale SET n = 7 WHERE n = 2");
    level(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        assert_eq!(machine.ask("SELECT part, n FROM sold ORDER BY part"), ["oil|5", "pad|8"]);
    }
    assert_eq!(bert.ask("SELECT count(*) FROM sale"), ["3"]);
}

#[test]
fn a_default_shown_for_an_unnamed_column_is_not_passed_on_as_the_versions_own() {
    let lab = Lab::new();
    let mut anna = lab.machine("anna", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)");
    let newer = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, x TEXT NOT NULL DEFAULT 'none')";
    let mut bert = lab.machine("bert", newer);
    let mut carl = lab.machine("carl", newer);
    anna.run("INSERT INTO t (v) VALUES ('v')");
    take(&mut bert, &mut anna);
    take(&mut carl, &mut bert);
    equal(&mut [&mut bert, &mut carl]);
    assert_eq!(carl.ask("SELECT x FROM t"), ["none"]);
    assert_eq!(carl.store().digests().unwrap(), anna.store().digests().unwrap());
    assert_eq!(carl.store().held(9).unwrap(), []);
}

#[test]
fn a_table_that_was_dropped_takes_no_row_away_elsewhere_and_is_not_known_for_others() {
    let lab = Lab::new();
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)";
    let [mut anna, mut bert, mut carl] = three(&lab, schema);
    anna.run("INSERT INTO t (v) VALUES ('v')");
    take(&mut bert, &mut anna);
    anna.run("DROP TABLE t");
    take(&mut carl, &mut anna);
    assert_eq!(carl.ask("SELECT count(*) FROM t"), ["0"]);
    take(&mut carl, &mut bert);
    assert_eq!(carl.ask("SELECT v FROM t"), ["v"]);
    take(&mut bert, &mut anna);
    assert_eq!(bert.ask("SELECT v FROM t"), ["v"]);
}

#[test]
fn a_partner_whose_rows_fit_nowhere_is_stopped_at_64_mebibytes_with_words() {
    let lab = Lab::new();
    let mut anna = lab.machine("anna", "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)");
    let mut bert = lab
        .machine("bert", "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB CHECK (length(v) < 9))");
    anna.run(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 7)
         INSERT INTO t SELECT i, zeroblob(10 << 20) FROM n",
    );
    let (mut ask, sender) = greet(&mut bert, &mut anna);
    ask.limit = 1;
    let mut error = None;
    for _ in 0..7 {
        let page = anna.store().page(&ask).unwrap();
        match bert.store().apply(&page, sender) {
            Ok(applied) => ask.cursor = applied.cursor,
            Err(found) => error = Some(found),
        }
    }
    let error = error.unwrap();
    assert!(matches!(error, Error::TooManyHeld { rows: 7, mebibytes: 70 }), "{error}");
    // What was taken before stays, and what was refused is not half here.
    assert_eq!(bert.store().held(100).unwrap().len(), 6);
}
