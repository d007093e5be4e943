//! Two people, two windows, six digits.

use dunlin_tests::lab::webdriver::Driver;
use dunlin_tests::lab::{Lab, Person, SOON, in_step, until};

use crate::shop::{SHOP, looking, on_its_own_network};

/// The number that stands on somebody's page, to be read out to the other.
pub(crate) fn own_number(person: &Person) -> String {
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
        let [mut a, mut b] = ["till-a", "till-b"].map(|name| looking(&lab, name, name, SHOP));
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

/// The keys of a keyboard, as WebDriver names them.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const SPACE: &str = " ";

/// What has the focus: its words or its label, and what is wrong with how that is shown.
const FOCUSED: &str = "
    const tidy = (text) => text.replace(/\\s+/g, ' ').trim();
    const one = document.activeElement;
    const label = one.labels && one.labels[0];
    const name = tidy((label || one).textContent);
    const style = getComputedStyle(one);
    const box = one.getBoundingClientRect();
    const seen = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
    const shown = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    const isPage = one === document.body || one === document.documentElement;
    return [name, isPage || (shown && seen) ? '' : `${style.outline} at ${JSON.stringify(box)}`];";

/// Presses Tab until what is named so has the focus. At each stop it is seen where that is.
fn tabs_to(person: &Person, words: &str) {
    let mut passed = Vec::new();
    for _ in 0..80 {
        person.keys(&[TAB]);
        let told = person.script(FOCUSED, &[]);
        let (name, wrong) = (told[0].as_str().unwrap(), told[1].as_str().unwrap());
        assert_eq!(wrong, "", "the focus is not seen on {name:?}");
        if name.starts_with(words) {
            return;
        }
        passed.push(name.to_owned());
    }
    panic!("no {words:?} among {passed:#?}");
}

/// Types a number into the field that asks for the other one's, and sends it.
fn types_number(person: &Person, number: &str) {
    tabs_to(person, "The other machine's number");
    let keys: Vec<String> = number.chars().map(String::from).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).chain([ENTER]).collect();
    person.keys(&keys);
}

#[test]
fn two_machines_are_paired_by_the_keyboard_alone_and_the_focus_is_always_seen() {
    on_its_own_network(|| {
        let Some(driver) = Driver::start("pairing by the keyboard") else { return };
        let lab = Lab::new();
        let [mut a, mut b] = ["till-c", "till-d"].map(|name| looking(&lab, name, name, SHOP));
        a.start();
        b.start();
        let (ann, ben) = (Person::at(&driver, &a), Person::at(&driver, &b));
        for person in [&ann, &ben] {
            person.opens("/");
            // The first stop leads past all the others.
            tabs_to(person, "To the content");
            tabs_to(person, "Let a machine in");
            person.keys(&[ENTER]);
            person.sees("By six digits");
            tabs_to(person, "Pair");
            person.keys(&[ENTER]);
            person.sees("Wait for another machine");
        }
        tabs_to(&ben, "Open for pairing");
        ben.keys(&[SPACE]);
        ben.sees("Waiting for the other machine");
        ann.sees("till-d");
        tabs_to(&ann, "Pair till-d");
        ann.keys(&[ENTER]);
        let (number_a, number_b) = (own_number(&ann), own_number(&ben));
        types_number(&ann, &number_b);
        ann.sees("This side is sure");
        types_number(&ben, &number_a);
        for person in [ann, ben] {
            person.sees("The machines are partners now.");
            person.leaves();
        }
        in_step(&[&a, &b]);
    });
}
