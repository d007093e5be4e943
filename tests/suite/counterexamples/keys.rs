//! Names: which rows are one, whatever their numbers.

use super::{equal, take, three, two};
use dunlin_schema::{Cell, Track};
use dunlin_tests::sim::Lab;
use std::time::Duration;

const NOTES: &str = "CREATE TABLE note (id INTEGER PRIMARY KEY, v TEXT);
    CREATE TABLE tag (id INTEGER PRIMARY KEY, note INTEGER NOT NULL REFERENCES note (id), v TEXT)";

#[test]
fn two_machines_that_give_one_number_keep_both_rows_and_their_children() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, NOTES);
    anna.run("INSERT INTO note VALUES (78, 'a'); INSERT INTO tag VALUES (1, 78, 'of a')");
    bert.run("INSERT INTO note VALUES (78, 'b'); INSERT INTO tag VALUES (1, 78, 'of b')");
    equal(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        let pairs =
            machine.ask("SELECT n.v, t.v FROM tag AS t JOIN note AS n ON n.id = t.note ORDER BY 1");
        assert_eq!(pairs, ["a|of a", "b|of b"]);
    }
    assert_eq!(anna.ask("SELECT v FROM note WHERE id = 78"), ["a"]);
    assert_eq!(bert.ask("SELECT v FROM note WHERE id = 78"), ["b"]);
}

#[test]
fn a_number_used_again_is_another_row_and_its_new_children_are_its_own() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, NOTES);
    anna.run("INSERT INTO note VALUES (1, 'old'); INSERT INTO tag VALUES (1, 1, 'of old')");
    take(&mut bert, &mut anna);
    bert.run("INSERT INTO tag (note, v) VALUES (1, 'late, of old')");
    anna.run("DELETE FROM tag; DELETE FROM note; INSERT INTO note VALUES (1, 'new'); INSERT INTO tag VALUES (1, 1, 'of new')");
    equal(&mut [&mut anna, &mut bert]);
    // NO ACTION keeps the old note for Bert's line.
    let pairs =
        anna.ask("SELECT n.v, t.v FROM tag AS t JOIN note AS n ON n.id = t.note ORDER BY 1");
    assert_eq!(pairs, ["new|of new", "old|late, of old"]);
}

#[test]
fn rows_that_point_to_a_number_which_passed_to_another_row_go_with_it() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, NOTES);
    anna.run("INSERT INTO note VALUES (1, 'old'); INSERT INTO tag VALUES (1, 1, 'stays')");
    take(&mut bert, &mut anna);
    anna.run("PRAGMA foreign_keys = OFF; BEGIN; DELETE FROM note; INSERT INTO note VALUES (1, 'new'); COMMIT");
    equal(&mut [&mut anna, &mut bert]);
    let pairs = bert.ask("SELECT n.v, t.v FROM tag AS t JOIN note AS n ON n.id = t.note");
    assert_eq!(pairs, ["new|stays"]);
}

#[test]
fn a_changed_number_is_the_same_row_and_a_changed_name_another() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        "CREATE TABLE n (id INTEGER PRIMARY KEY, v TEXT);
         CREATE TABLE k (code TEXT PRIMARY KEY, v TEXT)",
    );
    anna.run("INSERT INTO n VALUES (1, 'v'); INSERT INTO k VALUES ('a', 'v')");
    take(&mut bert, &mut anna);
    bert.run("UPDATE n SET v = 'edited'");
    anna.run("UPDATE n SET id = 5; UPDATE k SET code = 'b'");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT count(*) FROM n"), ["1"]);
    assert_eq!(bert.ask("SELECT code FROM k"), ["b"]);
}

#[test]
fn numbers_that_change_places_take_their_children_along() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        "CREATE TABLE note (id INTEGER PRIMARY KEY, v TEXT);
         CREATE TABLE tag (id INTEGER PRIMARY KEY, note INTEGER NOT NULL REFERENCES note (id) ON UPDATE CASCADE, v TEXT)",
    );
    anna.run("INSERT INTO note VALUES (1, 'a'), (2, 'b'); INSERT INTO tag VALUES (1, 1, 'of a'), (2, 2, 'of b')");
    take(&mut bert, &mut anna);
    anna.run("BEGIN; UPDATE note SET id = 9 WHERE id = 1; UPDATE note SET id = 1 WHERE id = 2; UPDATE note SET id = 2 WHERE id = 9; COMMIT");
    equal(&mut [&mut anna, &mut bert]);
    let pairs =
        bert.ask("SELECT n.v, t.v FROM tag AS t JOIN note AS n ON n.id = t.note ORDER BY 1");
    assert_eq!(pairs, ["a|of a", "b|of b"]);
}

#[test]
fn a_line_in_the_log_of_a_copied_file_names_one_row() {
    let lab = Lab::new();
    let mut anna = lab.machine("anna", NOTES);
    anna.run("INSERT INTO note (v) VALUES ('in the log')");
    let mut copy = lab.copy("copy", &anna);
    assert_ne!(anna.store().origin(), copy.store().origin());
    anna.run("INSERT INTO note (v) VALUES ('of anna')");
    copy.run("INSERT INTO note (v) VALUES ('of the copy')");
    equal(&mut [&mut anna, &mut copy]);
    assert_eq!(anna.ask("SELECT v FROM note ORDER BY v"), ["in the log", "of anna", "of the copy"]);
}

#[test]
fn a_copied_file_knows_what_its_maker_knew() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, NOTES);
    bert.run("INSERT INTO note (v) VALUES ('of bert')");
    take(&mut anna, &mut bert);
    anna.run("INSERT INTO note (v) VALUES ('of anna')");
    anna.store().fold().unwrap();
    let mut copy = lab.copy("copy", &anna);
    assert_eq!(take(&mut copy, &mut bert), 0);
    assert_eq!(take(&mut copy, &mut anna), 0);
    equal(&mut [&mut anna, &mut bert, &mut copy]);
}

#[test]
fn the_same_link_made_on_two_machines_is_one_link() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        "CREATE TABLE book (id INTEGER PRIMARY KEY, v TEXT); CREATE TABLE author (id INTEGER PRIMARY KEY, v TEXT);
         CREATE TABLE book_authors (id INTEGER PRIMARY KEY AUTOINCREMENT,
             book_id INTEGER NOT NULL REFERENCES book (id) DEFERRABLE INITIALLY DEFERRED,
             author_id INTEGER NOT NULL REFERENCES author (id) DEFERRABLE INITIALLY DEFERRED);
         CREATE UNIQUE INDEX book_authors_uniq ON book_authors (book_id, author_id);",
    );
    anna.run("INSERT INTO book VALUES (1, 'b'); INSERT INTO author VALUES (1, 'a')");
    take(&mut bert, &mut anna);
    anna.run("INSERT INTO book_authors (book_id, author_id) VALUES (1, 1)");
    bert.run("INSERT INTO book_authors (id, book_id, author_id) VALUES (7, 1, 1)");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT count(*) FROM book_authors"), ["1"]);
    assert_eq!(bert.ask("SELECT count(*) FROM book_authors"), ["1"]);
    assert_eq!(anna.store().conflicts(true, 9).unwrap(), []);
    assert_eq!(anna.store().held(9).unwrap(), [], "one link, and none beside it");
    // Unlinked and linked again: one link, alive.
    anna.run(
        "DELETE FROM book_authors; INSERT INTO book_authors (book_id, author_id) VALUES (1, 1)",
    );
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT count(*) FROM book_authors"), ["1"]);
}

#[test]
fn a_row_for_a_row_is_named_by_the_row_it_belongs_to() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        "CREATE TABLE cust (id INTEGER PRIMARY KEY, v TEXT);
         CREATE TABLE card (cust INTEGER PRIMARY KEY REFERENCES cust (id) ON DELETE CASCADE, v TEXT)",
    );
    bert.run("INSERT INTO cust VALUES (1, 'in the way')");
    anna.run("INSERT INTO cust VALUES (1, 'k')");
    equal(&mut [&mut anna, &mut bert]);
    anna.run("INSERT INTO card SELECT id, 'anna' FROM cust WHERE v = 'k'");
    anna.store().fold().unwrap();
    lab.pass(Duration::from_secs(1));
    bert.run("INSERT INTO card SELECT id, 'bert' FROM cust WHERE v = 'k'");
    equal(&mut [&mut anna, &mut bert]);
    for machine in [&anna, &bert] {
        let pairs = machine.ask("SELECT k.v, c.v FROM card AS c JOIN cust AS k ON k.id = c.cust");
        assert_eq!(pairs, ["k|bert"]);
    }
}

#[test]
fn a_natural_number_is_the_name() {
    let lab = Lab::new();
    let schema = "CREATE TABLE part (ean INTEGER PRIMARY KEY, v TEXT);
        CREATE TABLE stock (id INTEGER PRIMARY KEY, ean INTEGER REFERENCES part (ean), n INTEGER)";
    let mut anna = lab.untracked("anna", schema);
    let mut bert = lab.untracked("bert", schema);
    anna.track(&Track { natural: vec!["part".to_owned()], ..Track::default() });
    anna.run("INSERT INTO part VALUES (4711, 'anna')");
    anna.store().fold().unwrap();
    lab.pass(Duration::from_secs(1));
    // Bert hears from Anna that the number is the name.
    super::level(&mut [&mut anna, &mut bert]);
    bert.run("INSERT INTO stock VALUES (1, 4711, 3)");
    bert.run("INSERT OR REPLACE INTO part VALUES (4711, 'bert')");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT ean, v FROM part"), ["4711|bert"]);
    assert_eq!(anna.ask("SELECT ean FROM stock"), ["4711"]);
}

#[test]
fn a_uuid_column_names_the_row_and_its_change_is_a_delete_and_an_insert() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, v TEXT);
         CREATE TABLE c (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t (id))",
    );
    let one = "1b4e28ba-2fa1-41d2-883f-0016d3cca427";
    anna.run(&format!("INSERT INTO t VALUES (1, '{}', 'a')", one.to_uppercase()));
    anna.run("INSERT INTO c VALUES (1, 1)");
    anna.store().fold().unwrap();
    lab.pass(Duration::from_secs(1));
    bert.run(&format!("INSERT INTO t VALUES (9, '{}', 'b')", one.to_uppercase()));
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT v FROM t"), ["b"]);
    assert_eq!(bert.ask("SELECT t FROM c"), ["9"]);
    bert.run("UPDATE t SET uuid = 'not a uuid'");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT uuid, v FROM t WHERE uuid = 'not a uuid'"), ["not a uuid|b"]);
}

#[test]
fn a_key_that_compares_without_case_names_one_row() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        "CREATE TABLE t (code TEXT PRIMARY KEY COLLATE NOCASE, v TEXT);
         CREATE TABLE c (id INTEGER PRIMARY KEY, t TEXT REFERENCES t (code))",
    );
    anna.run("INSERT INTO t VALUES ('Abc', 'a'); INSERT INTO c VALUES (1, 'ABC')");
    anna.store().fold().unwrap();
    lab.pass(Duration::from_secs(1));
    bert.run("INSERT INTO t VALUES ('abC', 'b')");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT code, v FROM t"), ["abC|b"]);
    assert_eq!(bert.ask("SELECT t FROM c"), ["ABC"]);
    anna.run("UPDATE t SET code = 'ABC'");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT code FROM t"), ["ABC"]);
}

#[test]
fn a_numeric_key_is_taken_as_it_is_stored() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, "CREATE TABLE t (k NUMERIC PRIMARY KEY, v TEXT)");
    anna.run("INSERT INTO t VALUES ('1.0', 'a'), (NULL, 'no name'), ('x', 'c')");
    lab.pass(Duration::from_secs(1));
    bert.run("INSERT INTO t VALUES (1, 'b')");
    super::level(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT k, v FROM t ORDER BY k"), ["1|b", "x|c"]);
    // A row with NULL in its key has no name and stays where it is.
    assert_eq!(anna.ask("SELECT k, v FROM t ORDER BY k"), ["-|no name", "1|b", "x|c"]);
}

#[test]
fn a_reference_to_a_value_that_names_nothing_shows_what_its_parent_shows() {
    let lab = Lab::new();
    let [mut anna, mut bert, mut carl] = three(
        &lab,
        "CREATE TABLE p (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE);
         CREATE TABLE c (id INTEGER PRIMARY KEY, code TEXT REFERENCES p (code) ON UPDATE CASCADE, v TEXT)",
    );
    anna.run("INSERT INTO p VALUES (1, 'x'); INSERT INTO c VALUES (1, 'x', 'anna')");
    anna.store().fold().unwrap();
    lab.pass(Duration::from_secs(1));
    bert.run("INSERT INTO p VALUES (1, 'x'); INSERT INTO c VALUES (1, 'x', 'bert')");
    equal(&mut [&mut anna, &mut bert, &mut carl]);
    let shown = carl.ask("SELECT v, code FROM c ORDER BY v");
    assert_eq!(shown[0], "anna|x");
    assert!(shown[1].starts_with("bert|x~"), "{shown:?}");
    carl.run("UPDATE p SET code = 'y' WHERE code = 'x'");
    equal(&mut [&mut anna, &mut bert, &mut carl]);
    assert_eq!(anna.ask("SELECT v, code FROM c ORDER BY v"), ["anna|y", "bert|x"]);
}

#[test]
fn rows_that_were_there_are_one_row_in_copies_and_two_in_strangers() {
    let lab = Lab::new();
    let schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'same'), (2, 'MINE')";
    let mut anna = lab.untracked("anna", schema);
    let mut bert = lab.untracked("bert", &schema.replace("MINE", "yours"));
    anna.track(&Track::default());
    bert.track(&Track::default());
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT v FROM t ORDER BY v"), ["MINE", "same", "yours"]);
    // Told that they are copies of one, number 2 is one row that went apart.
    let mut carl = lab.untracked("carl", schema);
    let mut dora = lab.untracked("dora", &schema.replace("MINE", "yours"));
    let copies = Track { copies: true, ..Track::default() };
    carl.track(&copies);
    dora.track(&copies);
    equal(&mut [&mut carl, &mut dora]);
    assert_eq!(carl.ask("SELECT count(*) FROM t"), ["2"]);
    assert_eq!(carl.store().conflicts(true, 9).unwrap().len(), 1);
}

#[test]
fn a_row_that_stood_here_before_it_was_tracked_overrules_nobody() {
    let lab = Lab::new();
    let mut anna = lab.machine("anna", "CREATE TABLE k (code TEXT PRIMARY KEY, v TEXT)");
    // Bert has no such table yet: its rows are held; then it comes, with rows of its own.
    let mut bert = lab.untracked("bert", "CREATE TABLE other (id INTEGER PRIMARY KEY)");
    anna.run(
        "INSERT INTO k VALUES ('a', 'of the shop'), ('b', 'both'), ('c', 'deleted in the shop')",
    );
    take(&mut bert, &mut anna);
    anna.run("DELETE FROM k WHERE code = 'c'");
    take(&mut bert, &mut anna);
    lab.pass(Duration::from_secs(100));
    bert.run("CREATE TABLE k (code TEXT PRIMARY KEY, v TEXT);
        INSERT INTO k VALUES ('a', 'older'), ('b', 'both'), ('c', 'still here'), ('d', 'only here')");
    bert.track(&Track::default());
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(
        bert.ask("SELECT code, v FROM k ORDER BY code"),
        ["a|of the shop", "b|both", "d|only here"]
    );
    let lost = anna.store().conflicts(true, 9).unwrap();
    let said: Vec<_> = lost.iter().filter_map(|lost| lost.cells.as_ref()?.get("v")).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.contains(&&Cell::Text(b"older".to_vec())));
}

#[test]
fn a_fold_of_many_lines_is_cut_and_its_references_hold() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        "CREATE TABLE p (id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, up INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED);
         CREATE TABLE n (id INTEGER PRIMARY KEY, up INTEGER REFERENCES n (id) DEFERRABLE INITIALLY DEFERRED)",
    );
    // Children first, parents in another batch.
    anna.run(
        "BEGIN;
         WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 900)
         INSERT INTO p SELECT n, 'u' || n, 901 - n FROM i;
         WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 900)
         INSERT INTO n SELECT n, 901 - n FROM i;
         COMMIT",
    );
    equal(&mut [&mut anna, &mut bert]);
    assert!(
        anna.store()
            .greeting(None)
            .unwrap()
            .declarations
            .iter()
            .all(|shape| shape.references.iter().all(|r| !r.2))
    );
    assert_eq!(bert.ask("SELECT count(*) FROM p WHERE up + id <> 901"), ["0"]);
    // Each change of a key is two lines; no batch ends between them, though one line stands before.
    anna.restart();
    anna.run(
        "PRAGMA foreign_keys = OFF; BEGIN; UPDATE p SET up = NULL WHERE id = 1;
         UPDATE n SET id = id + 10000, up = up + 10000; COMMIT",
    );
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT count(*) FROM n"), ["900"]);
    let (versions, _) = dunlin_tests::sim::witness::journal(&mut anna, 0);
    assert!(versions.iter().all(|seen| seen.says.is_some()), "no row became two");
}

#[test]
fn a_table_that_refers_to_one_left_out_is_left_out_and_stops_no_session() {
    let lab = Lab::new();
    let mut anna = lab.machine("anna", NOTES);
    let mut bert = lab.untracked("bert", NOTES);
    let shapes = anna.store().greeting(None).unwrap().declarations;
    let met = bert.store().meet(&shapes, &["note".to_owned()]).unwrap();
    assert_eq!((met.tables.len(), met.notes.len()), (0, 1), "{met:?}");
    anna.run("INSERT INTO note VALUES (1, 'a'); INSERT INTO tag VALUES (1, 1, 'of a')");
    // Asked without it, both are tracked.
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT count(*) FROM tag"), ["1"]);
}

#[test]
fn a_table_that_a_migration_made_anew_is_tracked_again_and_its_rows_are_the_same() {
    let lab = Lab::new();
    let [mut anna, mut bert] =
        two(&lab, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, code TEXT UNIQUE)");
    anna.run("INSERT INTO t VALUES (1, 'a', 'x'), (2, 'b', 'y')");
    equal(&mut [&mut anna, &mut bert]);
    anna.run(
        "CREATE TABLE new_t (id INTEGER PRIMARY KEY, v TEXT NOT NULL, code TEXT UNIQUE);
         INSERT INTO new_t (id, v, code) SELECT id, v, code FROM t;
         DROP TABLE t; ALTER TABLE new_t RENAME TO t;
         UPDATE t SET v = 'changed before anybody looked' WHERE id = 2",
    );
    let before = anna.store().end().unwrap();
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT v FROM t ORDER BY id"), ["a", "changed before anybody looked"]);
    assert_eq!(anna.store().end().unwrap(), before + 1, "what did not change is not sent again");
    anna.run("UPDATE t SET v = 'and after' WHERE id = 1");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT v FROM t WHERE id = 1"), ["and after"]);
}

#[test]
fn one_uuid_in_two_tables_is_two_rows() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        "CREATE TABLE offer (uuid TEXT PRIMARY KEY NOT NULL, v TEXT);
         CREATE TABLE bill (uuid TEXT PRIMARY KEY NOT NULL, v TEXT)",
    );
    let uuid = "1b4e28ba-2fa1-41d2-883f-0016d3cca427";
    // Made apart: neither machine can know that the other uses it too.
    anna.run(&format!("INSERT INTO offer VALUES ('{uuid}', 'o')"));
    bert.run(&format!("INSERT INTO bill VALUES ('{uuid}', 'b')"));
    equal(&mut [&mut anna, &mut bert]);
    bert.run("UPDATE bill SET v = 'paid'");
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT o.v, b.v FROM offer AS o JOIN bill AS b USING (uuid)"), ["o|paid"]);
}

#[test]
fn a_key_beside_a_uuid_may_change_and_the_row_is_the_same() {
    let lab = Lab::new();
    let [mut anna, mut bert] =
        two(&lab, "CREATE TABLE t (code TEXT PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, v TEXT)");
    anna.run("INSERT INTO t VALUES ('a', '1b4e28ba-2fa1-41d2-883f-0016d3cca427', 'v')");
    take(&mut bert, &mut anna);
    anna.run("UPDATE t SET code = 'b'");
    equal(&mut [&mut anna, &mut bert]);
    bert.run(
        "UPDATE t SET v = 'edited' WHERE code = 'b'; INSERT INTO t VALUES ('a', 'u2', 'another')",
    );
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT code, v FROM t ORDER BY code"), ["a|another", "b|edited"]);
}
