//! References that the file does not declare: what `track` says of them, and what becomes of them once they are.

use dunlin_schema::{Error, Track};
use dunlin_tests::sim::story::same;
use dunlin_tests::sim::{Lab, Machine, level};

const SHOP: &str = "
CREATE TABLE cust (id INTEGER PRIMARY KEY, v TEXT);
CREATE TABLE ord (id INTEGER PRIMARY KEY, cust_id INTEGER, v TEXT);
";
const PAIRS: &str = "SELECT o.v, c.v FROM ord AS o JOIN cust AS c ON c.id = o.cust_id ORDER BY 1";

fn declared() -> Track {
    let reference = ("ord".to_owned(), "cust_id".to_owned(), "cust".to_owned());
    Track { references: vec![reference], ..Track::default() }
}

/// Two machines whose files hold an order of a customer each, both under number 1.
fn two_shops(lab: &Lab) -> [Machine; 2] {
    ["anna", "bert"].map(|name| {
        let mut machine = lab.untracked(name, SHOP);
        machine.run(&format!(
            "INSERT INTO cust VALUES (1, '{name}'); INSERT INTO ord VALUES (1, 1, 'of {name}')"
        ));
        machine.track(&Track::default());
        machine
    })
}

fn equal(machines: &mut [Machine; 2]) {
    let [anna, bert] = machines;
    level(&mut [anna, bert]);
    same(anna, bert);
}

#[test]
fn a_reference_that_is_declared_after_tracking_began_holds_for_all_rows_of_the_shop() {
    let lab = Lab::new();
    let mut machines = two_shops(&lab);
    machines[0].track(&declared());
    equal(&mut machines);
    machines[1]
        .run("INSERT INTO cust VALUES (9, 'carl'); INSERT INTO ord VALUES (9, 9, 'of carl')");
    equal(&mut machines);
    for machine in &machines {
        assert_eq!(machine.ask(PAIRS), ["of anna|anna", "of bert|bert", "of carl|carl"]);
    }
}

#[test]
fn a_machine_that_joins_without_rows_has_the_references_that_the_shop_declared() {
    let lab = Lab::new();
    let mut anna = lab.untracked("anna", SHOP);
    anna.track(&declared());
    anna.run("INSERT INTO cust VALUES (1, 'anna'); INSERT INTO ord VALUES (1, 1, 'of anna')");
    let bert = lab.untracked("bert", SHOP);
    let mut machines = [anna, bert];
    equal(&mut machines);
    for (machine, v) in machines.iter().zip(["anna", "bert"]) {
        machine.run(&format!(
            "INSERT INTO cust VALUES (5, 'of {v}'); INSERT INTO ord VALUES (5, 5, 'of of {v}')"
        ));
    }
    equal(&mut machines);
    for machine in &machines {
        let pairs = ["of anna|anna", "of of anna|of anna", "of of bert|of bert"];
        assert_eq!(machine.ask(PAIRS), pairs, "{machine:?}");
    }
}

#[test]
fn once_others_have_the_numbers_a_reference_is_refused_and_nothing_changes() {
    let lab = Lab::new();
    let mut machines = two_shops(&lab);
    equal(&mut machines);
    let before = machines[0].store().digests().unwrap();
    let refused = machines[0].store().track(&declared()).unwrap_err();
    assert!(matches!(refused, Error::BadReference { .. }), "{refused}");
    assert!(refused.to_string().contains("ord.cust_id=cust"), "{refused}");
    equal(&mut machines);
    assert_eq!(machines[0].store().digests().unwrap(), before);
}
