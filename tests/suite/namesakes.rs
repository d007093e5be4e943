//! Two rows that were made apart under one name.

use dunlin_tests::sim::{Lab, Machine, level};

/// A till's receipts, their lines, and what was said of a line.
const RECEIPTS: &str = "CREATE TABLE receipt (no TEXT PRIMARY KEY, customer TEXT, total REAL);
     CREATE TABLE line (no TEXT NOT NULL REFERENCES receipt (no), n INTEGER NOT NULL, what TEXT, PRIMARY KEY (no, n));
     CREATE TABLE remark (id INTEGER PRIMARY KEY, no TEXT NOT NULL, n INTEGER NOT NULL, text TEXT, FOREIGN KEY (no, n) REFERENCES line (no, n));
     CREATE TABLE payment (id INTEGER PRIMARY KEY, no TEXT REFERENCES receipt (no), paid REAL)";

/// Each receipt with its customer, and all that hangs on it.
const WHOLE: &str = "SELECT customer, (SELECT group_concat(what) FROM (SELECT what FROM line l WHERE l.no = r.no ORDER BY n)),
     (SELECT group_concat(text) FROM (SELECT text FROM remark m WHERE m.no = r.no ORDER BY text)),
     (SELECT group_concat(paid) FROM payment p WHERE p.no = r.no) FROM receipt r ORDER BY 1";

fn sale(no: &str, who: &str, lines: usize) -> String {
    let line = |n| {
        format!(
            "INSERT INTO line VALUES ('{no}', {n}, '{who} {n}');
             INSERT INTO remark (no, n, text) VALUES ('{no}', {n}, '{who} says {n}');"
        )
    };
    let all: String = (1..=lines).map(line).collect();
    format!(
        "INSERT INTO receipt VALUES ('{no}', '{who}', {lines}); {all}
         INSERT INTO payment (no, paid) VALUES ('{no}', {lines});"
    )
}

/// Machines that have met, and hold nothing.
fn met<const N: usize>(schema: &str, names: [&str; N]) -> (Lab, [Machine; N]) {
    let lab = Lab::new();
    let mut machines = names.map(|name| lab.machine(name, schema));
    level(&mut machines.iter_mut().collect::<Vec<_>>());
    (lab, machines)
}

fn same(machines: &[Machine], sql: &str) -> Vec<String> {
    let mut said = machines.iter().map(|machine| machine.ask(sql));
    let first = said.next().unwrap();
    for other in said {
        assert_eq!(other, first);
    }
    first
}

fn all(machines: &mut [Machine]) {
    level(&mut machines.iter_mut().collect::<Vec<_>>());
}

/// What each of both receipts has, whichever has the name.
const BOTH: [&str; 2] = [
    "anna|anna 1,anna 2,anna 3|anna says 1,anna says 2,anna says 3|3.0",
    "bert|bert 1|bert says 1|1.0",
];

#[test]
fn two_sales_under_one_number_are_two_receipts_each_with_its_lines() {
    for (first, second) in [(0, 1), (1, 0)] {
        let (lab, mut machines) = met(RECEIPTS, ["anna", "bert"]);
        let sales = [sale("R-0001", "anna", 3), sale("R-0001", "bert", 1)];
        machines[first].run(&sales[first]);
        lab.pass(std::time::Duration::from_secs(5));
        machines[second].run(&sales[second]);
        all(&mut machines);
        assert_eq!(same(&machines, WHOLE), BOTH);
        let keys = same(&machines, "SELECT no FROM receipt ORDER BY no DESC");
        assert_eq!(
            keys[0], "R-0001",
            "whoever counts on from the greatest does not meet the other"
        );
        assert!(keys[1].starts_with("R-*0001~"), "{keys:?}");
        for machine in &mut machines {
            assert_eq!(machine.broken_references(), 0);
            let found = machine.store().conflicts(false, 9).unwrap();
            let [two] = found.as_slice() else { panic!("its lines are lost to nobody: {found:?}") };
            assert_eq!((two.table.as_str(), two.stands_as.as_ref()), ("receipt", Some(&keys[1])));
        }
    }
}

#[test]
fn a_day_of_sales_apart_is_all_there() {
    let (_lab, mut machines) = met(RECEIPTS, ["anna", "bert", "carl"]);
    for (machine, who) in machines.iter_mut().zip(["anna", "bert", "carl"]) {
        for number in 1..=4 {
            machine.run(&sale(&format!("R-{number:04}"), &format!("{who}{number}"), number));
        }
    }
    all(&mut machines);
    let whole = same(&machines, WHOLE);
    let wanted: Vec<String> = ["anna", "bert", "carl"]
        .iter()
        .flat_map(|who| (1..=4).map(move |number| (format!("{who}{number}"), number)))
        .map(|(who, lines)| {
            let each = |what: &str| {
                let each: Vec<_> = (1..=lines).map(|n| format!("{who}{what} {n}")).collect();
                each.join(",")
            };
            format!("{who}|{}|{}|{lines}.0", each(""), each(" says"))
        })
        .collect();
    assert_eq!(whole, wanted);
    for machine in &machines {
        assert_eq!(machine.broken_references(), 0);
    }
}

#[test]
fn the_next_free_number_is_one_press_away_and_everything_comes_along() {
    let (_lab, mut machines) = met(RECEIPTS, ["anna", "bert"]);
    machines[0].run(&sale("R-0001", "anna", 3));
    machines[1].run(&sale("R-0001", "bert", 1));
    all(&mut machines);
    machines[0].run(&sale("R-0002", "dora", 1));
    let found = machines[0].store().conflicts(false, 9).unwrap();
    let number = found.iter().find(|one| one.table == "receipt").unwrap().number;
    machines[0].store().restore_conflict(number).unwrap();
    all(&mut machines);
    assert_eq!(
        same(&machines, "SELECT no FROM receipt ORDER BY no"),
        ["R-0001", "R-0002", "R-0003"]
    );
    let whole = same(&machines, WHOLE);
    assert_eq!(whole[..2], BOTH);
    let left = machines[1].store().conflicts(false, 9).unwrap();
    assert_eq!(left, []);
}

#[test]
fn what_two_files_hold_when_they_first_meet_is_one_row() {
    let lab = Lab::new();
    let mut machines = ["anna", "bert"].map(|name| lab.machine(name, RECEIPTS));
    machines[0].run("INSERT INTO receipt VALUES ('R-0001', 'Ann', 5)");
    machines[1].run("INSERT INTO receipt VALUES ('R-0001', 'Ann Miller', 5)");
    all(&mut machines);
    assert_eq!(same(&machines, "SELECT count(*) FROM receipt"), ["1"]);
    let found = machines[0].store().conflicts(false, 9).unwrap();
    assert_eq!((found.len(), found[0].stands_as.as_ref()), (1, None));
}

#[test]
fn a_name_that_nobody_counts_is_one_row_with_an_edit_that_lost() {
    let (_lab, mut machines) = met(
        "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT);
         CREATE TABLE day (day TEXT PRIMARY KEY, opened TEXT);
         CREATE TABLE stock (shelf INTEGER, part TEXT, n INTEGER, PRIMARY KEY (part, shelf))",
        ["anna", "bert"],
    );
    for (machine, who) in machines.iter_mut().zip(["anna", "bert"]) {
        machine.run(&format!(
            "INSERT INTO setting VALUES ('printer', '{who}');
             INSERT INTO day VALUES ('2026-11-30', '{who}'), ('2026-12-01', '{who}');
             INSERT INTO stock VALUES (1, 'bolt', length('{who}') + {}), (2, 'bolt', 0)",
            usize::from(who == "anna")
        ));
    }
    all(&mut machines);
    let counts = "SELECT (SELECT count(*) FROM setting), (SELECT count(*) FROM day), (SELECT count(*) FROM stock)";
    assert_eq!(same(&machines, counts), ["1|2|2"]);
}

#[test]
fn an_edit_of_a_row_that_both_had_is_no_second_row() {
    let (_lab, mut machines) = met(RECEIPTS, ["anna", "bert"]);
    machines[0].run(&sale("R-0001", "anna", 1));
    all(&mut machines);
    machines[0].run("UPDATE receipt SET total = 2 WHERE no = 'R-0001'");
    machines[1].run("UPDATE receipt SET total = 3 WHERE no = 'R-0001'");
    all(&mut machines);
    assert_eq!(same(&machines, "SELECT count(*) FROM receipt"), ["1"]);
}

#[test]
fn a_receipt_of_a_day_and_a_number_is_counted_too() {
    let (_lab, mut machines) = met(
        "CREATE TABLE receipt (day TEXT, no INTEGER, customer TEXT, PRIMARY KEY (day, no)) WITHOUT ROWID;
         CREATE TABLE line (id INTEGER PRIMARY KEY, day TEXT, no INTEGER, what TEXT, FOREIGN KEY (day, no) REFERENCES receipt)",
        ["anna", "bert"],
    );
    for (machine, who) in machines.iter_mut().zip(["anna", "bert"]) {
        machine.run(&format!(
            "INSERT INTO receipt VALUES ('2026-12-01', 1, '{who}');
             INSERT INTO line (day, no, what) VALUES ('2026-12-01', 1, '{who} 1'), ('2026-12-01', 1, '{who} 2')"
        ));
    }
    all(&mut machines);
    let whole = "SELECT customer, (SELECT group_concat(what) FROM (SELECT what FROM line l WHERE (l.day, l.no) = (r.day, r.no) ORDER BY 1)), day FROM receipt r ORDER BY 1";
    assert_eq!(
        same(&machines, whole),
        ["anna|anna 1,anna 2|2026-12-01", "bert|bert 1,bert 2|2026-12-01"]
    );
    assert_eq!(same(&machines, "SELECT max(no), min(no) < 0 FROM receipt"), ["1|1"]);
}
