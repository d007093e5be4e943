//! Rows that come by way of a third machine.

use dunlin_tests::lab::{self, Lab, SOON, until_true};

const SHOP: &str = "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL);";

#[test]
fn rows_reach_a_machine_that_never_meets_the_one_that_wrote_them() {
    let lab = Lab::new();
    let mut machines = ["a", "b", "c"].map(|name| lab.machine(name, SHOP));
    lab::in_a_row(&mut machines);
    let [a, b, c] = machines;

    a.write("INSERT INTO parts (name, price) VALUES ('brake pad', 12.5), ('Bremsbelag é', 0.1)");
    c.write("INSERT INTO parts (name, price) VALUES ('bulb', 3)");
    lab::all_say(&[&a, &b, &c], "SELECT count(*) FROM parts", "3");
    c.write("UPDATE parts SET price = 13 WHERE name = 'brake pad'");
    a.write("DELETE FROM parts WHERE name = 'bulb'");
    lab::all_say(
        &[&a, &b, &c],
        "SELECT group_concat(price, ' ') FROM (SELECT price FROM parts ORDER BY price)",
        "0.1 13.0",
    );
    lab::in_step(&[&a, &b, &c]);

    // Members of one shop, and yet never linked.
    for (here, there) in [(&a, "c"), (&c, "a")] {
        assert_eq!(here.partner_state(there), "Offline");
        let sessions = here.ok(&["history", "--partner", there, "--json"]);
        assert!(!sessions.contains("direction"), "{sessions}");
    }
    for there in ["a", "c"] {
        until_true("up to date", SOON, || b.partner_state(there) == "Up to date");
    }
}
