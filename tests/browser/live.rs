//! The page keeps itself current: nobody reloads.

use std::time::{Duration, Instant};

use dunlin_tests::lab::webdriver::Driver;
use dunlin_tests::lab::{Lab, Machine, Person, in_step};
use serde_json::json;

use crate::shop::SHOP;

/// A partner that is gone is called offline within this time.
const OFFLINE: Duration = Duration::from_secs(30);

/// Leaves a mark that a reload wipes out.
fn marks(person: &Person) {
    person.script("window.unreloaded = true", &[]);
}

fn was_not_reloaded(person: &Person) {
    assert_eq!(person.script("return window.unreloaded === true", &[]), json!(true));
}

/// The element that tells how a partner stands.
fn state_of(machine: &Machine) -> String {
    format!("#state-{}", machine.id())
}

#[test]
fn a_row_written_on_b_is_counted_on_as_page_without_a_reload() {
    let Some(driver) = Driver::start("live updates in a browser") else { return };
    let lab = Lab::new();
    let [a, b, c] = lab.shop(["a", "b", "c"], SHOP);
    a.write("INSERT INTO parts VALUES (1, 'pad', 2.5)");
    in_step(&[&a, &b, &c]);
    let ann = Person::at(&driver, &a);
    ann.opens("/tables");
    ann.sees("parts");
    marks(&ann);
    let rows = "return [...document.querySelectorAll('tbody tr')]
        .find((row) => row.innerText.includes('parts')).querySelector('td').innerText";
    assert_eq!(ann.script(rows, &[]), json!("1"));
    b.write("INSERT INTO parts VALUES (2, 'bulb', 1.5)");
    dunlin_tests::lab::until("counted on the page", dunlin_tests::lab::SOON, || {
        let told = ann.script(rows, &[]);
        if told == json!("2") { Ok(()) } else { Err(told.to_string()) }
    });
    was_not_reloaded(&ann);
    ann.leaves();
}

#[test]
fn a_partner_that_is_killed_is_offline_within_thirty_seconds_and_comes_back_by_itself() {
    let Some(driver) = Driver::start("a partner offline in a browser") else { return };
    let lab = Lab::new();
    let [a, b, mut c] = lab.shop(["a", "b", "c"], SHOP);
    let ann = Person::at(&driver, &a);
    ann.opens("/");
    let (state_b, state_c) = (state_of(&b), state_of(&c));
    for state in [&state_b, &state_c] {
        ann.sees_in(state, "Up to date");
    }
    marks(&ann);
    let begun = Instant::now();
    c.kill();
    ann.sees_in(&state_c, "Offline");
    let took = begun.elapsed();
    assert!(took < OFFLINE, "offline after {took:?}");
    assert!(ann.text_of(&state_b).contains("Up to date"));
    c.start();
    ann.sees_in(&state_c, "Up to date");
    was_not_reloaded(&ann);
    ann.leaves();
}
