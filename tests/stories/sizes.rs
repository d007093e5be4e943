//! The largest rows, over a link.

use dunlin_tests::lab::{self, Lab};

#[test]
fn a_row_of_sixteen_mebibytes_arrives_whatever_it_holds_and_a_larger_one_is_named_on_both() {
    let lab = Lab::new();
    let [a, b] =
        lab.shop(["a", "b"], "CREATE TABLE scans (id INTEGER PRIMARY KEY, name TEXT, page BLOB)");
    let largest = "(16 << 20) - 20";
    let line_ends = format!("replace(hex(zeroblob(({largest}) / 2)), '0', char(10))");
    for (name, page) in [
        ("bytes", format!("zeroblob({largest})")),
        ("line ends", line_ends),
        ("too large", "zeroblob(16 << 20)".to_owned()),
    ] {
        a.write(&format!("INSERT INTO scans (name, page) VALUES ('{name}', {page})"));
    }
    a.run("INSERT INTO scans (name) VALUES ('the next one')");
    lab::in_step(&[&a, &b]);
    let shown = "SELECT group_concat(name || ' ' || coalesce(length(page), 0), ', ') FROM scans";
    let size = (16 << 20) - 20;
    assert_eq!(b.ask(shown), format!("bytes {size}, line ends {size}, the next one 0"));
    for machine in [&a, &b] {
        let held = machine.ok(&["held"]);
        assert!(held.contains("size") && held.contains("larger than"), "{held}");
    }
}
