//! What a fold makes of the lines of the log.

use dunlin_tests::sim::Lab;

#[test]
fn a_later_write_never_goes_before_an_earlier_one_of_another_table() {
    let lab = Lab::new();
    let schema = "CREATE TABLE a_note (id INTEGER PRIMARY KEY, v TEXT);
                  CREATE TABLE customer (id INTEGER PRIMARY KEY, v TEXT);
                  CREATE TABLE b_sale (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customer, v TEXT)";
    let mut anna = lab.machine("anna", schema);
    anna.run(
        "INSERT INTO customer VALUES (1, 'Ann'); INSERT INTO b_sale VALUES (1, 1, 'first');
         INSERT INTO a_note VALUES (1, 'last')",
    );
    anna.store().fold().unwrap();
    // The customer was written once more before the note, and still stands before the sale that refers to it.
    anna.run(
        "INSERT INTO customer VALUES (2, 'Bea'); INSERT INTO b_sale VALUES (2, 2, 'second');
         UPDATE customer SET v = 'Bob' WHERE id = 2; INSERT INTO a_note VALUES (2, 'last')",
    );
    anna.store().fold().unwrap();
    assert_eq!(
        anna.ask(
            "SELECT t.name FROM _dunlin_row AS r JOIN _dunlin_table AS t ON t.id = r.tbl ORDER BY r.pos"
        ),
        ["customer", "b_sale", "a_note", "customer", "b_sale", "a_note"]
    );
}
