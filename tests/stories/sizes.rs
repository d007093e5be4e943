//! Large rows, over a link.

use dunlin_tests::lab::{self, Lab};

#[test]
fn a_row_arrives_that_is_too_large_only_as_a_message_and_one_that_holds_too_much_is_named_on_both()
{
    let lab = Lab::new();
    let [a, b] =
        lab.shop(["a", "b"], "CREATE TABLE scans (id INTEGER PRIMARY KEY, name TEXT, page BLOB)");
    let (large, too_large) = (13 << 20, (16 << 20) + 1);
    for (name, size) in [("large", large), ("too large", too_large), ("the next one", 1)] {
        a.write(&format!("INSERT INTO scans (name, page) VALUES ('{name}', zeroblob({size}))"));
    }
    lab::in_step(&[&a, &b]);
    let shown = "SELECT group_concat(name || ' ' || length(page), ', ') FROM scans";
    assert_eq!(b.ask(shown), format!("large {large}, the next one 1"));
    for machine in [&a, &b] {
        let held = machine.ok(&["held"]);
        assert!(held.contains("size") && held.contains("larger than"), "{held}");
    }
}
