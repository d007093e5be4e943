//! What went wrong in drafts of how schemas change, and in the engine: the shortest sequence of each.

use crate::upgrades::{PARTS, anew, rest, settle, shop, stocked, take};
use dunlin_schema::Track;
use dunlin_tests::sim::{Lab, Machine};

/// Makes a table anew, as most tools do.
fn remade(table: &str, columns: &str, values: &str) -> String {
    format!(
        "PRAGMA foreign_keys = OFF; BEGIN; CREATE TABLE new_{table} ({columns}); INSERT INTO new_{table} SELECT {values} FROM {table};
         DROP TABLE {table}; ALTER TABLE new_{table} RENAME TO {table}; COMMIT; PRAGMA foreign_keys = ON"
    )
}

/// All machines show the same.
fn same(machines: &[&Machine], query: &str) -> Vec<String> {
    let [first, others @ ..] = machines else { return Vec::new() };
    let shown = first.ask(query);
    for machine in others {
        assert_eq!(machine.ask(query), shown, "{machine:?}");
    }
    shown
}

/// Two machines with one table.
fn two(lab: &Lab, schema: &str, rows: &str) -> [Machine; 2] {
    let [mut anna, mut bert] = ["anna", "bert"].map(|name| lab.machine(name, schema));
    anna.run(rows);
    settle(&mut [&mut anna, &mut bert]);
    rest(lab, &mut [&mut anna, &mut bert]);
    [anna, bert]
}

#[test]
fn an_upgrade_that_fills_a_column_overwrites_nobody_who_wrote_there_first() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    anna.run("ALTER TABLE part ADD COLUMN colour TEXT");
    anna.run("UPDATE part SET colour = 'red' WHERE code = 'p1'; UPDATE part SET colour = 'blue' WHERE code = 'p2'");
    settle(&mut [&mut anna, &mut bert]);
    bert.run("ALTER TABLE part ADD COLUMN colour TEXT; UPDATE part SET colour = CASE WHEN code < 'p3' THEN 'grey' ELSE 'of ' || code END");
    settle(&mut [&mut anna, &mut bert]);
    let colours = "SELECT code, colour FROM part WHERE code IN ('p1', 'p2', 'p4') ORDER BY code";
    assert_eq!(same(&[&anna, &bert], colours), ["p1|red", "p2|blue", "p4|of p4"]);
}

#[test]
fn a_row_made_again_on_a_till_without_the_column_shows_nothing_of_its_old_life() {
    let lab = Lab::new();
    let [mut anna, mut bert] = shop(&lab);
    let mut carl = lab.machine("carl", PARTS);
    settle(&mut [&mut anna, &mut bert, &mut carl]);
    anna.run(
        "ALTER TABLE part ADD COLUMN colour TEXT; UPDATE part SET colour = 'red' WHERE code = 'c'",
    );
    take(&mut bert, &mut anna);
    take(&mut carl, &mut anna);
    // One hears of the delete, the other of what came after it alone.
    bert.run("DELETE FROM part WHERE code = 'c'");
    take(&mut anna, &mut bert);
    bert.run("INSERT INTO part VALUES ('c', 'Wiper', 4, NULL)");
    take(&mut carl, &mut bert);
    settle(&mut [&mut anna, &mut bert, &mut carl]);
    for machine in [&bert, &carl] {
        machine.run("ALTER TABLE part ADD COLUMN colour TEXT");
    }
    settle(&mut [&mut anna, &mut bert, &mut carl]);
    let row = "SELECT price, colour FROM part WHERE code = 'c'";
    assert_eq!(same(&[&anna, &bert, &carl], row), ["4|-"]);
}

#[test]
fn what_was_found_in_a_row_that_was_made_after_a_delete_is_not_cut_by_it() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    bert.run("DELETE FROM part WHERE code = 'p1'");
    bert.run("INSERT INTO part VALUES ('p1', 'again', 1, 'n')");
    settle(&mut [&mut anna, &mut bert]);
    // Every row is filled otherwise, and nobody wrote any of it.
    anna.run("ALTER TABLE part ADD COLUMN tag TEXT; UPDATE part SET tag = 'of ' || code");
    settle(&mut [&mut anna, &mut bert]);
    bert.run("ALTER TABLE part ADD COLUMN tag TEXT");
    settle(&mut [&mut anna, &mut bert]);
    let tags = "SELECT code, tag FROM part WHERE code IN ('p1', 'p2') ORDER BY code";
    assert_eq!(same(&[&anna, &bert], tags), ["p1|of p1", "p2|of p2"]);
}

#[test]
fn what_a_version_carries_is_not_cut_by_a_delete_that_it_beats() {
    let lab = Lab::new();
    let [mut anna, mut bert] = shop(&lab);
    let mut carl = lab.machine("carl", PARTS);
    settle(&mut [&mut anna, &mut bert, &mut carl]);
    anna.run("ALTER TABLE part ADD COLUMN colour TEXT NOT NULL DEFAULT ''; UPDATE part SET colour = 'red' WHERE code = 'c'");
    settle(&mut [&mut anna, &mut bert, &mut carl]);
    carl.run("DELETE FROM part WHERE code = 'c'");
    lab.pass(std::time::Duration::from_secs(5));
    // Bert had the colour in hand when he wrote, and did not know of the delete.
    bert.run("UPDATE part SET price = 9 WHERE code = 'c'");
    settle(&mut [&mut anna, &mut bert, &mut carl]);
    for machine in [&bert, &carl] {
        machine.run("ALTER TABLE part ADD COLUMN colour TEXT NOT NULL DEFAULT ''");
    }
    settle(&mut [&mut anna, &mut bert, &mut carl]);
    let row = "SELECT price, colour FROM part WHERE code = 'c'";
    assert_eq!(same(&[&anna, &bert, &carl], row), ["9|red"]);
}

#[test]
fn a_row_that_was_edited_and_fell_before_it_was_sent_is_the_same_everywhere() {
    const SHOP: &str = "CREATE TABLE maker (code TEXT PRIMARY KEY, name TEXT);
        CREATE TABLE piece (code TEXT PRIMARY KEY, name TEXT, maker TEXT REFERENCES maker (code) ON DELETE CASCADE)";
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        SHOP,
        "INSERT INTO maker VALUES ('m', 'Bosch'); INSERT INTO piece VALUES ('p', 'pad', 'm'), ('d', 'disc', 'm')",
    );
    let mut carl = lab.machine("carl", SHOP);
    settle(&mut [&mut anna, &mut bert, &mut carl]);
    anna.run("UPDATE piece SET name = 'pads' WHERE code = 'p'");
    anna.run("PRAGMA foreign_keys = ON; BEGIN; CREATE TABLE bak AS SELECT * FROM maker; DROP TABLE maker;
        CREATE TABLE maker (code TEXT PRIMARY KEY, name VARCHAR(9)); INSERT INTO maker SELECT * FROM bak; DROP TABLE bak; COMMIT");
    settle(&mut [&mut anna, &mut bert, &mut carl]);
    anna.store().keep_deleted(None).unwrap();
    settle(&mut [&mut anna, &mut bert, &mut carl]);
    let pieces = same(&[&anna, &bert, &carl], "SELECT code, name FROM piece ORDER BY code");
    assert_eq!(pieces, ["d|disc", "p|pad"], "the edit was nowhere else");
}

#[test]
fn two_upgrades_in_one_look_give_the_ids_that_two_looks_give() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    let first = "ALTER TABLE part RENAME COLUMN note TO remark";
    let second = "ALTER TABLE part ADD COLUMN note TEXT; UPDATE part SET note = 'new'";
    anna.run(first);
    anna.store().fold().unwrap();
    anna.run(second);
    anna.run("UPDATE part SET note = 'of anna' WHERE code = 'p1'");
    bert.run(first);
    bert.run(second);
    bert.store().fold().unwrap();
    bert.run("UPDATE part SET remark = 'of bert' WHERE code = 'p2'");
    settle(&mut [&mut anna, &mut bert]);
    let all = "SELECT code, remark, note FROM part WHERE code IN ('p1', 'p2') ORDER BY code";
    let rows = same(&[&anna, &bert], all);
    assert_eq!(rows, ["p1|note 1|of anna", "p2|of bert|new"]);
}

#[test]
fn a_guess_does_not_become_a_proof_by_staying() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        "CREATE TABLE item (code TEXT PRIMARY KEY, price TEXT)",
        "INSERT INTO item VALUES ('a', NULL)",
    );
    let upgrade =
        remade("item", "code TEXT PRIMARY KEY, price_old TEXT, price TEXT", "code, price, NULL");
    // Nothing tells what was renamed here, and a second look finds all of it where it was.
    anna.run(&upgrade);
    anna.store().fold().unwrap();
    anna.run(&remade("item", "code TEXT PRIMARY KEY, price_old TEXT, price TEXT", "*"));
    anna.store().fold().unwrap();
    bert.run(
        "ALTER TABLE item RENAME COLUMN price TO price_old; ALTER TABLE item ADD COLUMN price TEXT",
    );
    bert.run("UPDATE item SET price_old = 'old', price = 'new' WHERE code = 'a'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(same(&[&anna, &bert], "SELECT price_old, price FROM item"), ["old|new"]);
}

#[test]
fn one_row_that_somebody_edited_does_not_split_its_column() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        "CREATE TABLE item (code TEXT PRIMARY KEY, price INTEGER)",
        "INSERT INTO item VALUES ('a', 1)",
    );
    anna.run("UPDATE item SET price = 2");
    anna.run(&remade("item", "code TEXT PRIMARY KEY, price NUMERIC(9)", "*"));
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT price FROM item"), ["2"]);
}

#[test]
fn a_rename_in_a_table_of_two_rows_is_seen_though_it_was_made_anew() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        "CREATE TABLE item (code TEXT PRIMARY KEY, name TEXT, note TEXT)",
        "INSERT INTO item VALUES ('a', 'Pad', NULL), ('b', 'Oil', NULL)",
    );
    anna.run(&remade("item", "code TEXT PRIMARY KEY, title TEXT, note TEXT", "*"));
    assert_eq!(take(&mut bert, &mut anna), 0, "nobody wrote anything");
    anna.run("UPDATE item SET title = 'Pads' WHERE code = 'a'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT name FROM item ORDER BY code"), ["Pads", "Oil"]);
    // A column that says nothing is what others saw.
    anna.run("ALTER TABLE item RENAME COLUMN note TO remark; UPDATE item SET remark = 'x' WHERE code = 'b'");
    settle(&mut [&mut anna, &mut bert]);
    bert.run("UPDATE item SET note = NULL");
    settle(&mut [&mut anna, &mut bert]);
    bert.run(&remade("item", "code TEXT PRIMARY KEY, title TEXT, remark TEXT", "*"));
    bert.run("UPDATE item SET remark = 'y' WHERE code = 'a'");
    settle(&mut [&mut anna, &mut bert]);
    let rows = same(&[&anna, &bert], "SELECT title, remark FROM item ORDER BY code");
    assert_eq!(rows, ["Pads|y", "Oil|-"]);
}

#[test]
fn a_rename_that_is_seen_here_joins_what_came_under_the_other_name() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    // Anna never had it under its first name.
    anna.run(&anew(
        "code TEXT PRIMARY KEY, name TEXT NOT NULL, price INTEGER, note TEXT, hue TEXT",
        "code, name, price, note, 'of ' || code",
    ));
    bert.run("ALTER TABLE part ADD COLUMN colour TEXT; UPDATE part SET colour = 'of ' || code");
    settle(&mut [&mut anna, &mut bert]);
    bert.run("ALTER TABLE part RENAME COLUMN colour TO hue");
    bert.store().fold().unwrap();
    settle(&mut [&mut anna, &mut bert]);
    bert.run("UPDATE part SET hue = 'blue' WHERE code = 'p1'");
    settle(&mut [&mut anna, &mut bert]);
    let hues = "SELECT code, hue FROM part WHERE code IN ('p1', 'p2') ORDER BY code";
    assert_eq!(same(&[&anna, &bert], hues), ["p1|blue", "p2|of p2"]);
    let [ours, theirs] = [&mut anna, &mut bert].map(|machine| machine.store().digests().unwrap());
    assert_eq!(ours, theirs);
}

#[test]
fn of_tables_with_the_same_keys_the_one_made_last_is_followed_and_none_that_was_there_before() {
    const COLUMNS: &str = "(code TEXT PRIMARY KEY, name TEXT, price INTEGER)";
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        &format!("CREATE TABLE item {COLUMNS}"),
        "INSERT INTO item VALUES ('a', 'Pad', 1), ('b', 'Oil', 2), ('c', 'Nut', 3)",
    );
    anna.run(&format!(
        "CREATE TABLE last_month {COLUMNS}; INSERT INTO last_month SELECT * FROM item"
    ));
    anna.store().fold().unwrap();
    anna.run(&format!(
        "BEGIN; CREATE TABLE bak {COLUMNS}; INSERT INTO bak SELECT * FROM item;
         CREATE TABLE thing {COLUMNS}; INSERT INTO thing SELECT * FROM item; DROP TABLE item; COMMIT"
    ));
    rest(&lab, &mut [&mut anna, &mut bert]);
    anna.run("UPDATE last_month SET price = 10; UPDATE bak SET price = 20; UPDATE thing SET price = 30 WHERE code = 'a'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT price FROM item ORDER BY code"), ["30", "2", "3"]);
}

#[test]
fn an_empty_table_that_was_renamed_by_making_it_anew_is_found_again() {
    let lab = Lab::new();
    let [mut anna, mut bert] =
        two(&lab, "CREATE TABLE item (code TEXT PRIMARY KEY, name TEXT)", "");
    anna.run(
        "BEGIN; CREATE TABLE thing (code TEXT PRIMARY KEY, name TEXT); DROP TABLE item; COMMIT",
    );
    rest(&lab, &mut [&mut anna, &mut bert]);
    anna.run("INSERT INTO thing VALUES ('a', 'of anna')");
    bert.run("INSERT INTO item VALUES ('b', 'of bert')");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT name FROM thing ORDER BY 1"), ["of anna", "of bert"]);
    assert_eq!(bert.ask("SELECT name FROM item ORDER BY 1"), ["of anna", "of bert"]);
}

#[test]
fn a_joiner_that_has_a_table_under_its_later_name_has_the_same_table() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    anna.run("ALTER TABLE sale RENAME TO deal; INSERT INTO deal (part, n) VALUES ('p1', 77)");
    settle(&mut [&mut anna, &mut bert]);
    let later = PARTS.replace("TABLE sale", "TABLE deal");
    for (name, tracks_before, tracks) in
        [("carl", false, true), ("dora", false, false), ("erik", true, false)]
    {
        let mut joiner = lab.untracked(name, &later);
        if tracks_before {
            // What it sold before it joined is everybody's, once.
            joiner.run("INSERT INTO part VALUES ('e', 'of erik', 1, ''); INSERT INTO deal (part, n) VALUES ('e', 66)");
            joiner.track(&Track::default());
            joiner.run(
                "INSERT INTO deal (part, n) VALUES ('e', 67); UPDATE deal SET n = 68 WHERE n = 66",
            );
            lab.look(&mut joiner);
        }
        dunlin_tests::sim::session::greet(&mut joiner, &mut anna);
        if tracks {
            joiner.track(&Track::default());
        }
        settle(&mut [&mut anna, &mut joiner]);
        joiner.run("INSERT INTO deal (part, n) VALUES ('p2', 88)");
        settle(&mut [&mut anna, &mut bert, &mut joiner]);
        let deals = same(&[&anna, &joiner], "SELECT part, n FROM deal ORDER BY part, n");
        assert!(deals.contains(&"p2|88".to_owned()) && deals.contains(&"p1|77".to_owned()));
        let of_erik: Vec<_> = deals.iter().filter(|deal| deal.starts_with("e|")).collect();
        assert!(!tracks_before || of_erik == ["e|67", "e|68"], "{of_erik:?}");
        assert_eq!(bert.ask("SELECT part, n FROM sale ORDER BY part, n"), deals);
        anna.run("DELETE FROM deal WHERE n = 88");
        settle(&mut [&mut anna, &mut bert, &mut joiner]);
    }
}

const SHOP: &str = "CREATE TABLE maker (code TEXT PRIMARY KEY, name TEXT);
    CREATE TABLE piece (code TEXT PRIMARY KEY, name TEXT, maker TEXT REFERENCES maker (code) ON DELETE SET NULL);
    CREATE TABLE label (code TEXT PRIMARY KEY, piece TEXT REFERENCES piece (code) ON DELETE CASCADE)";
const SHOP_ROWS: &str = "INSERT INTO maker VALUES ('m', 'Bosch'); INSERT INTO piece VALUES ('p', 'pad', 'm'), ('d', 'disc', 'm');
    INSERT INTO label VALUES ('l', 'p')";

/// As a careless tool makes a table anew: references are on.
fn dropped_and_made(table: &str, columns: &str) -> String {
    format!(
        "PRAGMA foreign_keys = ON; BEGIN; CREATE TABLE bak AS SELECT * FROM {table}; DROP TABLE {table};
         CREATE TABLE {table} ({columns}); INSERT INTO {table} SELECT * FROM bak; DROP TABLE bak; COMMIT"
    )
}

#[test]
fn a_reference_emptied_in_a_table_that_is_made_anew_itself_comes_back() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, SHOP, SHOP_ROWS);
    anna.run(&dropped_and_made("maker", "code TEXT PRIMARY KEY, name VARCHAR(9)"));
    anna.run(&remade(
        "piece",
        "code TEXT PRIMARY KEY, name TEXT, maker TEXT REFERENCES maker (code) ON DELETE SET NULL",
        "*",
    ));
    settle(&mut [&mut anna, &mut bert]);
    let pieces = "SELECT code, maker FROM piece ORDER BY code";
    assert_eq!(same(&[&anna, &bert], pieces), ["d|m", "p|m"]);
    // The daemon looked at the one, was stopped before it folded, and found the other when it started.
    bert.run(&dropped_and_made("maker", "code TEXT PRIMARY KEY, name VARCHAR(9)"));
    bert.restart();
    bert.run(&remade(
        "piece",
        "code TEXT PRIMARY KEY, name VARCHAR(9), maker TEXT REFERENCES maker (code) ON DELETE SET NULL",
        "code, upper(name), maker",
    ));
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(same(&[&anna, &bert], pieces), ["d|m", "p|m"]);
}

#[test]
fn what_stands_in_for_a_missing_value_is_the_same_everywhere_and_nobodys_word() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    let loose = "code TEXT PRIMARY KEY, name TEXT, price INTEGER, note TEXT";
    anna.run(&anew(loose, "*"));
    anna.run("UPDATE part SET name = NULL WHERE code IN ('p1', 'p2')");
    settle(&mut [&mut anna, &mut bert]);
    let names = "SELECT code, name FROM part WHERE code IN ('p1', 'p2') ORDER BY code";
    assert_eq!(bert.ask(names), ["p1|", "p2|"]);
    // An edit of another column says nothing of the name.
    bert.run("UPDATE part SET price = 100 WHERE code = 'p1'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask(names), ["p1|-", "p2|-"]);
    anna.run(&anew(
        "code TEXT PRIMARY KEY, name TEXT NOT NULL, price INTEGER, note TEXT",
        "code, coalesce(name, '?'), price, note",
    ));
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(same(&[&anna, &bert], names), ["p1|?", "p2|?"]);
}

#[test]
fn a_child_whose_new_parent_is_held_is_where_the_others_have_it_in_the_end() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, SHOP, SHOP_ROWS);
    let checked = "code TEXT PRIMARY KEY, name TEXT CHECK (name <> 'bad')";
    bert.run(&remade("maker", checked, "*"));
    anna.run(
        "INSERT INTO maker VALUES ('x', 'bad'); UPDATE piece SET maker = 'x' WHERE code = 'p'",
    );
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT count(*) FROM piece"), ["2"], "no row goes");
    bert.run("UPDATE piece SET name = 'pads' WHERE code = 'p'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT name, maker FROM piece WHERE code = 'p'"), ["pads|x"]);
    anna.run("UPDATE maker SET name = 'good' WHERE code = 'x'");
    settle(&mut [&mut anna, &mut bert]);
    let piece = "SELECT name, maker FROM piece WHERE code = 'p'";
    assert_eq!(same(&[&anna, &bert], piece), ["pads|x"]);
}

#[test]
fn rows_that_the_log_still_tells_of_stay_when_facts_come() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    anna.run("ALTER TABLE part RENAME COLUMN note TO remark");
    anna.store().fold().unwrap();
    bert.run("INSERT INTO part VALUES ('n', 'Nut', 1, 'not folded'); UPDATE part SET note = 'neither' WHERE code = 'p1'");
    let facts = anna.store().facts().unwrap();
    bert.store().learn_facts(&facts).unwrap();
    settle(&mut [&mut anna, &mut bert]);
    let notes = "SELECT code, remark FROM part WHERE code IN ('n', 'p1') ORDER BY code";
    assert_eq!(anna.ask(notes), ["n|not folded", "p1|neither"]);
    assert_eq!(bert.ask(&notes.replace("remark", "note")), ["n|not folded", "p1|neither"]);
}

#[test]
fn a_new_column_is_not_one_that_had_its_name_and_was_given_up() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    for step in ["RENAME COLUMN note TO remark", "DROP COLUMN remark"] {
        anna.run(&format!("ALTER TABLE part {step}"));
        anna.store().fold().unwrap();
    }
    settle(&mut [&mut anna, &mut bert]);
    bert.run("ALTER TABLE part ADD COLUMN remark TEXT");
    bert.run("UPDATE part SET remark = 'another' WHERE code = 'p1'");
    settle(&mut [&mut anna, &mut bert]);
    anna.run("ALTER TABLE part ADD COLUMN note TEXT; ALTER TABLE part ADD COLUMN remark TEXT");
    settle(&mut [&mut anna, &mut bert]);
    let all = "SELECT code, note, remark FROM part WHERE code IN ('p1', 'p2') ORDER BY code";
    assert_eq!(same(&[&anna, &bert], all), ["p1|note 1|another", "p2|note 2|-"]);
}

#[test]
fn a_row_that_stood_as_it_was_stands_the_same_everywhere_after_a_delete_was_beaten() {
    const ITEM: &str = "code TEXT PRIMARY KEY, name TEXT, note TEXT";
    const CHECKED: &str =
        "code TEXT PRIMARY KEY, name TEXT CHECK (name NOT LIKE 'bad%'), note TEXT";
    let lab = Lab::new();
    let schema = format!("CREATE TABLE item ({ITEM})");
    let [mut anna, mut bert] = two(&lab, &schema, "INSERT INTO item VALUES ('a', 'bad one', 'x')");
    let mut carl = lab.machine("carl", &schema);
    settle(&mut [&mut anna, &mut bert, &mut carl]);
    rest(&lab, &mut [&mut anna, &mut bert, &mut carl]);
    let upgrade = remade("item", CHECKED, "code, replace(name, 'bad', 'ok'), note");
    bert.run(&upgrade);
    bert.store().fold().unwrap();
    anna.run("UPDATE item SET name = 'bad two'");
    take(&mut bert, &mut anna);
    assert_eq!(bert.ask("SELECT name FROM item"), ["ok one"]);
    carl.run("DELETE FROM item");
    lab.pass(std::time::Duration::from_secs(5));
    bert.run("UPDATE item SET note = 'y'");
    settle(&mut [&mut anna, &mut bert, &mut carl]);
    anna.run(&upgrade);
    carl.run(&upgrade);
    settle(&mut [&mut anna, &mut bert, &mut carl]);
    let rows = same(&[&anna, &bert, &carl], "SELECT name, note FROM item");
    assert!(rows[0].starts_with("ok") && rows[0].ends_with("|y"), "{rows:?}");
}

#[test]
fn a_row_that_is_brought_back_under_a_parent_that_was_deleted_meanwhile_is_the_same_everywhere() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, SHOP, SHOP_ROWS);
    anna.run(&dropped_and_made(
        "piece",
        "code TEXT PRIMARY KEY, name TEXT, maker TEXT REFERENCES maker (code) ON DELETE SET NULL",
    ));
    anna.store().fold().unwrap();
    bert.run("DELETE FROM piece WHERE code = 'p'");
    settle(&mut [&mut anna, &mut bert]);
    anna.store().keep_deleted(None).unwrap();
    settle(&mut [&mut anna, &mut bert]);
    same(&[&anna, &bert], "SELECT code FROM label ORDER BY 1");
    same(&[&anna, &bert], "SELECT code, maker FROM piece ORDER BY 1");
}

#[test]
fn a_version_that_carries_a_missing_value_is_one_version_everywhere() {
    let lab = Lab::new();
    let [mut anna, mut bert] = shop(&lab);
    anna.run("ALTER TABLE part DROP COLUMN note");
    anna.store().fold().unwrap();
    anna.run("UPDATE part SET price = 8 WHERE code = 'a'");
    bert.run("DELETE FROM part WHERE code = 'c'; ALTER TABLE part DROP COLUMN note");
    settle(&mut [&mut anna, &mut bert]);
    let [ours, theirs] = [&mut anna, &mut bert].map(|machine| machine.store().digests().unwrap());
    assert_eq!(ours, theirs);
}

#[test]
fn a_fill_that_is_heard_of_later_and_was_found_earlier_is_shown() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    bert.run("ALTER TABLE part ADD COLUMN unit TEXT DEFAULT 'piece'");
    bert.store().fold().unwrap();
    lab.pass(std::time::Duration::from_secs(5));
    anna.run("ALTER TABLE part ADD COLUMN unit TEXT DEFAULT 'm'");
    anna.store().fold().unwrap();
    anna.run("UPDATE part SET unit = 'box' WHERE code = 'p1'");
    settle(&mut [&mut anna, &mut bert]);
    let units = "SELECT code, unit FROM part WHERE code IN ('p1', 'p2') ORDER BY code";
    assert_eq!(same(&[&anna, &bert], units), ["p1|box", "p2|piece"]);
}

#[test]
fn a_value_that_half_of_two_rows_have_is_no_fill() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        "CREATE TABLE item (code TEXT PRIMARY KEY, name TEXT)",
        "INSERT INTO item VALUES ('a', 'Pad'), ('b', 'Oil')",
    );
    anna.run("ALTER TABLE item ADD COLUMN big TEXT; UPDATE item SET big = upper(name)");
    settle(&mut [&mut anna, &mut bert]);
    bert.run("ALTER TABLE item ADD COLUMN big TEXT");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(same(&[&anna, &bert], "SELECT big FROM item ORDER BY code"), ["PAD", "OIL"]);
}

#[test]
fn rows_that_fall_with_a_table_that_was_renamed_before_it_was_made_anew_wait_for_a_person() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, SHOP, SHOP_ROWS);
    anna.run("ALTER TABLE piece RENAME TO item");
    anna.run(&dropped_and_made(
        "item",
        "code TEXT PRIMARY KEY, name VARCHAR(9), maker TEXT REFERENCES maker (code) ON DELETE SET NULL",
    ));
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT code FROM label"), ["l"], "nobody deleted it");
    assert_eq!(anna.store().keep_deleted(None).unwrap(), 1);
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(anna.ask("SELECT code, piece FROM label"), ["l|p"]);
}

#[test]
fn a_row_of_which_only_what_an_upgrade_found_is_here_waits_for_the_rest() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, SHOP, SHOP_ROWS);
    anna.run(
        "ALTER TABLE label ADD COLUMN text TEXT; UPDATE label SET text = 'of ' || piece || code",
    );
    anna.run("INSERT INTO label VALUES ('k', 'd', 'mine')");
    anna.store().fold().unwrap();
    anna.run(&dropped_and_made(
        "piece",
        "code TEXT PRIMARY KEY, name VARCHAR(9), maker TEXT REFERENCES maker (code) ON DELETE SET NULL",
    ));
    anna.store().fold().unwrap();
    let mut carl = lab.machine("carl", SHOP);
    // A joiner hears of them from her alone, first.
    take(&mut carl, &mut anna);
    anna.store().keep_deleted(None).unwrap();
    settle(&mut [&mut anna, &mut bert, &mut carl]);
    assert_eq!(anna.ask("SELECT code, piece, text FROM label WHERE code = 'l'"), ["l|p|of pl"]);
    assert_eq!(bert.ask("SELECT code, piece FROM label WHERE code = 'l'"), ["l|p"]);
}

#[test]
fn a_value_written_elsewhere_outlives_an_upgrade_that_found_more_in_its_row() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    anna.run(
        "ALTER TABLE part ADD COLUMN colour TEXT; UPDATE part SET colour = 'red' WHERE code = 'p1'",
    );
    settle(&mut [&mut anna, &mut bert]);
    bert.run("UPDATE part SET price = 100 WHERE code = 'p1'");
    rest(&lab, &mut [&mut anna, &mut bert]);
    // The colour is carried on by a version of a till that has no such column until now.
    bert.run(&anew(
        "code TEXT PRIMARY KEY, name TEXT NOT NULL, price INTEGER, note TEXT, colour TEXT",
        "code, upper(name), price, note, NULL",
    ));
    settle(&mut [&mut anna, &mut bert]);
    let row = "SELECT name, price, colour FROM part WHERE code = 'p1'";
    assert_eq!(same(&[&anna, &bert], row), ["PART 1|100|red"]);
}

#[test]
fn a_rename_is_seen_in_a_table_whose_rows_were_all_written_before_it_was_made_anew() {
    let lab = Lab::new();
    let [mut anna, mut bert] = stocked(&lab);
    anna.run("ALTER TABLE part RENAME COLUMN note TO remark; ALTER TABLE part ADD COLUMN note TEXT; UPDATE part SET note = 'u' || remark");
    anna.run(&anew(
        "code TEXT PRIMARY KEY, name TEXT NOT NULL, price INTEGER, remark TEXT, note VARCHAR(9)",
        "*",
    ));
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT note FROM part WHERE code = 'p7'"), ["note 7"]);
    anna.run("UPDATE part SET remark = 'seven' WHERE code = 'p7'");
    settle(&mut [&mut anna, &mut bert]);
    assert_eq!(bert.ask("SELECT note FROM part WHERE code = 'p7'"), ["seven"]);
}

#[test]
fn a_migration_beats_no_person_whose_clock_is_slow() {
    let lab = Lab::new();
    let mut machines = stocked(&lab);
    for code in ["p1", "p2"] {
        machines.reverse();
        let [writer, upgraded] = &mut machines;
        writer.skew(-60_000);
        writer.run(&format!("UPDATE part SET name = 'mine' WHERE code = '{code}'"));
        writer.store().fold().unwrap();
        upgraded.run(&anew(
            "code TEXT PRIMARY KEY, name TEXT NOT NULL, price INTEGER, note TEXT",
            "code, upper(name), price, note",
        ));
        upgraded.store().fold().unwrap();
        settle(&mut [writer, upgraded]);
        let name = format!("SELECT name FROM part WHERE code = '{code}'");
        assert_eq!(same(&[writer, upgraded], &name), ["mine"]);
        rest(&lab, &mut [writer, upgraded]);
    }
}

#[test]
fn a_joiner_tracks_what_refers_to_copies_anew_with_them() {
    let old = "CREATE TABLE item (id INTEGER PRIMARY KEY, code TEXT);
    CREATE TABLE sold (id INTEGER PRIMARY KEY, item INTEGER REFERENCES item (id))";
    let lab = Lab::new();
    let [mut anna, mut bert] = two(&lab, old, "");
    anna.run("ALTER TABLE sold RENAME TO deal");
    settle(&mut [&mut anna, &mut bert]);
    let mut carl = lab.untracked("carl", &old.replace("TABLE sold", "TABLE deal"));
    let tables = Some(vec!["item".to_owned()]);
    carl.track(&Track { tables, copies: true, ..Track::default() });
    carl.track(&Track::default());
    carl.run("INSERT INTO item (code) VALUES ('a'); INSERT INTO deal (item) SELECT id FROM item");
    settle(&mut [&mut anna, &mut carl]);
    let deals = "SELECT code FROM deal JOIN item ON item.id = deal.item";
    assert_eq!((anna.ask(deals), carl.ask(deals)), (vec!["a".to_owned()], vec!["a".to_owned()]));
    assert_eq!(carl.ask("SELECT name FROM _dunlin_table WHERE copies = 1"), ["item"]);
}
