//! Very many deletes between real machines: they wait on the others, are seen there, and a person decides.

use dunlin_tests::lab::{Browser, Lab, Machine, SOON, all_say, in_step, until};

const SHOP: &str =
    "CREATE TABLE parts (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, price REAL);";

const PARTS: &str = "SELECT count(*) FROM parts";

/// Two machines with a thousand parts, of which somebody deletes six hundred on the first.
fn with_many_deletes(lab: &Lab) -> [Machine; 2] {
    let shop = lab.shop(["a", "b"], SHOP);
    let [a, b] = &shop;
    a.write(
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000)
         INSERT INTO parts SELECT n, 'p' || n, n / 4.0 FROM c",
    );
    in_step(&[a, b]);
    a.write("DELETE FROM parts WHERE id % 10 < 6");
    // Three hundred are what an ordinary day may bring; the other three hundred are still shown on b.
    all_say(&[a], PARTS, "400");
    all_say(&[b], PARTS, "700");
    until("told to a person", SOON, || {
        let told = b.attention();
        if told.contains("300 deletes wait") { Ok(()) } else { Err(told) }
    });
    shop
}

/// What the page says of them.
fn page_says(machine: &Machine) -> String {
    Browser::new(machine.admin()).page("/")
}

#[test]
fn six_hundred_of_a_thousand_rows_go_when_a_person_lets_them_go_also_after_a_restart() {
    let lab = Lab::new();
    let [a, mut b] = with_many_deletes(&lab);
    assert!(page_says(&b).contains("id=\"mend-deletes\""), "{}", page_says(&b));
    assert!(page_says(&b).contains("300 deletes"), "{}", page_says(&b));
    assert!(Browser::new(b.admin()).page("/metrics").contains("\ndunlin_deletes_waiting 300\n"));
    b.stop();
    b.start();
    assert!(b.attention().contains("300 deletes wait"), "a restart lets nothing go");
    all_say(&[&b], PARTS, "700");
    let told = b.ok(&["held", "accept", "--all", "--yes"]);
    assert!(told.contains("300"), "{told}");
    in_step(&[&a, &b]);
    all_say(&[&a, &b], PARTS, "400");
    assert!(!page_says(&b).contains("mend-deletes"), "nothing waits any more");
    b.is_sound();
}

#[test]
fn rows_that_a_person_keeps_come_back_where_they_were_deleted() {
    let lab = Lab::new();
    let [a, mut b] = with_many_deletes(&lab);
    // What the application changes meanwhile, in a row that waits, is what comes back.
    let waits = b.ask("SELECT max(id) FROM parts WHERE id % 10 < 6");
    b.write(&format!("UPDATE parts SET price = 77 WHERE id = {waits}"));
    b.stop();
    b.start();
    b.ok(&["held", "keep", "--all", "--yes"]);
    in_step(&[&a, &b]);
    all_say(&[&a, &b], PARTS, "700");
    all_say(&[&a, &b], &format!("SELECT price FROM parts WHERE id = {waits}"), "77");
    assert!(!b.attention().contains("deletes wait"), "{}", b.attention());
    for machine in [&a, &b] {
        machine.is_sound();
    }
}
