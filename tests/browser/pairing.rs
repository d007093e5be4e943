//! Two people, two windows, six digits.

use dunlin_tests::lab::webdriver::Driver;
use dunlin_tests::lab::{Lab, Person, SOON, in_step, until};

use crate::shop::{SHOP, looking, on_its_own_network};

/// The number that stands on somebody's page, to be read out to the other.
fn own_number(person: &Person) -> String {
    until("a number shown", SOON, || {
        let text = person.text_of("#own-digits");
        if text.is_empty() { Err(person.text()) } else { Ok(text) }
    })
}

#[test]
fn two_windows_are_paired_by_the_digits_that_each_shows() {
    on_its_own_network(|| {
        let Some(driver) = Driver::start("pairing between two browser windows") else { return };
        let lab = Lab::new();
        let [mut a, mut b] = ["till-a", "till-b"].map(|name| looking(&lab, name, SHOP));
        a.start();
        b.start();
        a.write("INSERT INTO parts VALUES (1, 'pad', 2.5)");
        let (ann, ben) = (Person::at(&driver, &a), Person::at(&driver, &b));
        for person in [&ann, &ben] {
            person.opens("/");
            person.clicks("Let a machine in");
            person.clicks("Pair");
            person.sees("Wait for another machine");
        }
        ben.clicks("Open for pairing");
        ben.sees("Waiting for the other machine");
        ann.sees("till-b");
        ann.clicks_by("till-b", "Pair");
        // Neither of them reloads anything: the numbers appear.
        let (number_a, number_b) = (own_number(&ann), own_number(&ben));
        assert_ne!(number_a, number_b);
        // One's own number is a slip, and said to be one.
        ann.types("The other machine's number", &number_a);
        ann.clicks("Compare");
        ann.sees("2 tries left");
        ann.types("The other machine's number", &number_b);
        ann.clicks("Compare");
        ann.sees("This side is sure");
        ben.types("The other machine's number", &number_a);
        ben.clicks("Compare");
        for (person, other) in [(&ann, &b), (&ben, &a)] {
            person.sees("The machines are partners now.");
            person.clicks("Partners");
            person.sees_in(&format!("#state-{}", other.id()), "Up to date");
        }
        in_step(&[&a, &b]);
        assert_eq!(b.ask("SELECT name FROM parts"), "pad");
        ann.leaves();
        ben.leaves();
    });
}
