//! Five things that somebody who has never seen Dunlin comes for, done with the page alone.

use dunlin_tests::lab::webdriver::Driver;
use dunlin_tests::lab::{Lab, Person, SOON, in_step, until, until_true};

use crate::pairing::own_number;
use crate::rows::disagree;
use crate::shop::{SHOP, looking, on_its_own_network};

/// The token that stands on the page, to be carried over.
fn token_of(person: &Person) -> String {
    let token = person.text_of("#invite-token");
    assert!(token.starts_with("dunlin1-"), "{token}");
    token.split_whitespace().collect()
}

#[test]
fn somebody_who_has_never_seen_dunlin_does_five_things_with_the_page_alone() {
    on_its_own_network(|| {
        let Some(driver) = Driver::start("five things with the page alone") else { return };
        let lab = Lab::new();
        let [mut office, mut till, mut van] =
            ["office", "till", "van"].map(|name| looking(&lab, name, name, SHOP));
        for machine in [&mut office, &mut till, &mut van] {
            machine.start();
        }
        office.write("INSERT INTO parts VALUES (1, 'pad', 2.5)");
        let at_office = Person::at(&driver, &office);
        let at_till = Person::at(&driver, &till);
        at_office.opens("/");
        at_till.opens("/");

        // One: let a second machine in. It is on the page already, with a button.
        at_office.clicks("Let a machine in");
        at_office.clicks("Pair");
        at_till.clicks("Let a machine in");
        at_till.clicks("Pair");
        at_till.clicks("Open for pairing");
        at_office.clicks_by("till", "Pair");
        let (number_office, number_till) = (own_number(&at_office), own_number(&at_till));
        for (person, other) in [(&at_office, &number_till), (&at_till, &number_office)] {
            person.types("The other machine's number", other);
            person.clicks("Compare");
        }
        at_office.sees("The machines are partners now.");

        // Two: see that both are equal.
        at_office.clicks("Partners");
        let state_of_till = format!("#state-{}", till.id());
        at_office.sees_in(&state_of_till, "Up to date");
        at_office.sees("all 2 tables are equal");
        at_office.clicks("Tables");
        at_office.sees("✓ equal");

        // A third comes by a token, which is carried over.
        at_office.clicks("Let a machine in");
        at_office.clicks("Make a token");
        at_office.sees("The token is made");
        let at_van = Person::at(&driver, &van);
        at_van.opens("/");
        at_van.clicks("Join a shop");
        at_van.types("Token", &token_of(&at_office));
        at_van.clicks("Join");
        at_van.sees("the shop has 3 machines now");
        at_van.leaves();
        in_step(&[&office, &till, &van]);

        // Three: find out why a third is not seen.
        let van_id = van.id();
        van.kill();
        finds_out_why(&at_office, &van_id);

        // Four: settle a conflict, which was made while the two could not hear each other.
        at_till.leaves();
        let at_office = settled(at_office, || {
            disagree(&mut office, &mut till);
            Person::at(&driver, &office)
        });
        in_step(&[&office, &till]);
        assert_eq!(till.ask("SELECT price FROM parts"), "3");

        // Five: take a stolen machine out. Whoever presses by mistake is asked for its name.
        at_office.clicks("Partners");
        at_office.clicks_by("van", "Forget");
        at_office.types("To go on, type its name:", "till");
        at_office.clicks("Forget this machine");
        at_office.sees("Nothing was forgotten");
        at_office.types("To go on, type its name:", "van");
        at_office.clicks("Forget this machine");
        at_office.sees("is forgotten; the shop has 2 machines now.");
        // The thief switches it on: it is refused everywhere, and gets nothing.
        office.write("INSERT INTO parts VALUES (2, 'not for thieves', 1)");
        van.start();
        until("refused", SOON, || {
            let said = van.attention();
            let by_both = said.matches("it refuses this machine's key").count() == 2;
            if by_both { Ok(()) } else { Err(said) }
        });
        in_step(&[&office, &till]);
        until_true("two", SOON, || till.partner_state("office") == "Up to date");
        assert_eq!(till.ask("SELECT count(*) FROM parts"), "2");
        assert_eq!(van.ask("SELECT count(*) FROM parts"), "1");
        at_office.leaves();
    });
}

/// Why a machine is not seen: its card says so, and a page says more.
fn finds_out_why(person: &Person, van: &str) {
    person.clicks("Partners");
    person.sees_in(&format!("#state-{van}"), "Offline");
    let card = person.sees("Next try in");
    let reasons = ["Nobody answers at its address", "It is not seen on the network"];
    assert!(reasons.iter().any(|reason| card.contains(reason)), "{card}");
    person.clicks("A machine is not seen?");
    let told = person.sees("Partners that are missing");
    let guesses = ["does Dunlin still run there", "most likely switched off or asleep"];
    assert!(told.contains("van"), "{told}");
    assert!(guesses.iter().any(|guess| told.contains(guess)), "{told}");
}

/// A conflict is shown where it needs somebody, compared, and the other version taken.
fn settled(before: Person, comes_about: impl FnOnce() -> Person) -> Person {
    before.leaves();
    let person = comes_about();
    person.opens("/");
    person.sees("1 conflict in");
    person.clicks_by("1 conflict in", "Compare");
    let text = person.sees("was changed twice");
    assert!(text.contains("3.0") && text.contains("4.0"), "{text}");
    person.clicks("Use the other one");
    person.sees("The other version counts now");
    person
}
