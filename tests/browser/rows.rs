//! What people do about rows: a conflict is settled, a held row tried again.

use dunlin_tests::lab::webdriver::Driver;
use dunlin_tests::lab::{self, Lab, Machine, Person, SOON, in_step, until_true};

use crate::shop::SHOP;

/// Two machines of three whose users changed the same part without having seen each other.
pub(crate) fn disagree(one: &mut Machine, other: &mut Machine) {
    other.stop();
    one.write("UPDATE parts SET price = 3 WHERE id = 1");
    until_true("folded", SOON, || one.unfolded() == 0);
    one.stop();
    other.write("UPDATE parts SET price = 4 WHERE id = 1");
    one.start();
    other.start();
    in_step(&[one, other]);
}

#[test]
fn a_conflict_appears_on_the_page_and_the_other_version_is_taken() {
    let Some(driver) = Driver::start("a conflict in a browser") else { return };
    let lab = Lab::new();
    let [a, mut b, mut c] = lab.shop(["a", "b", "c"], SHOP);
    a.write("INSERT INTO parts VALUES (1, 'pad', 2.5)");
    in_step(&[&a, &b, &c]);
    let ann = Person::at(&driver, &a);
    ann.opens("/conflicts");
    ann.sees("There is no conflict.");
    disagree(&mut b, &mut c);
    // It comes by itself, with both versions and whose they are.
    let text = ann.sees("was changed twice");
    for part in ["Counts now", "Was overruled", "3.0", "4.0", "≠"] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    ann.sees_in("nav", "Conflicts 1");
    ann.clicks("Use the other one");
    ann.sees("The other version counts now");
    ann.sees("There is no conflict.");
    ann.sees_no("Conflicts 1");
    in_step(&[&a, &b, &c]);
    lab::all_say(&[&a, &b, &c], "SELECT price FROM parts", "3");
    ann.leaves();
}

#[test]
fn a_held_row_says_why_is_tried_again_and_shows_once_the_reason_has_ended() {
    let Some(driver) = Driver::start("a held row in a browser") else { return };
    let lab = Lab::new();
    let strict =
        "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT, stock INTEGER CHECK (stock >= 0));";
    let lax = strict.replace(" CHECK (stock >= 0)", "");
    let mut shop = [lab.machine("a", strict), lab.machine("b", &lax), lab.machine("c", &lax)];
    lab::know_each_other(&shop);
    for machine in &mut shop {
        machine.ok(&["track", "--all"]);
        machine.start();
    }
    let [a, b, c] = &shop;
    b.join(&a.invite());
    c.join(&a.invite());
    let ann = Person::at(&driver, a);
    ann.opens("/held");
    ann.sees("No row is held.");
    b.write("INSERT INTO parts VALUES (1, 'gasket', -2)");
    let text = ann.sees("The table refuses it.");
    assert!(text.contains("gasket") && text.contains("CHECK constraint failed"), "{text}");
    ann.clicks("Try again");
    ann.sees("cannot be shown yet");
    c.write("UPDATE parts SET stock = 4");
    // The one that was looked at goes, without anybody's doing.
    ann.sees("No row is held.");
    lab::all_say(&[a, b, c], "SELECT name || stock FROM parts", "gasket4");
    ann.leaves();
}
