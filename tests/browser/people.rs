//! Who is in front of the page: signing in, and being out again.

use std::time::Duration;

use dunlin_tests::lab::webdriver::Driver;
use dunlin_tests::lab::{Browser, Lab, Person, SOON, until, until_true};

use crate::shop::{PASSWORD, SHOP};

fn signs_in(person: &Person, name: &str) {
    person.types("Name", name);
    person.types("Password", PASSWORD);
    person.clicks_at("#sign-in");
    person.sees("Signed in as");
}

#[test]
fn a_wrong_password_opens_nothing_the_right_one_does_and_a_session_ends() {
    let Some(driver) = Driver::start("signing in with a browser") else { return };
    let lab = Lab::new();
    let mut a = lab.machine("a", SHOP);
    a.reword("[admin]\n", "[admin]\nlocal_trust = \"none\"\n");
    a.ok(&["track", "--all"]);
    a.start();
    a.ok_with(&["users", "add", "anna", "--role", "admin"], PASSWORD);
    let ann = Person::at(&driver, &a);
    ann.opens("/tables");
    assert!(!ann.sees("Sign in").contains("parts"), "nothing is told before");
    ann.types("Name", "anna");
    ann.types("Password", "not the password");
    ann.clicks_at("#sign-in");
    ann.sees("Name and password do not fit.");
    // Whoever was wrong waits a moment; here, until a program with the password is let in again.
    let basic = data_encoding::BASE64.encode(format!("anna:{PASSWORD}").as_bytes());
    let program = Browser::new(a.admin()).with("Authorization", &format!("Basic {basic}"));
    until_true("let in", SOON, || program.get("/about").status == 200);
    signs_in(&ann, "anna");
    ann.opens("/tables");
    ann.sees("parts");
    ann.opens("/settings");
    ann.sees_in("h1", "Settings");

    // Somebody takes her out: her window notices by itself, and shows nothing more.
    ann.opens("/");
    ann.sees("Signed in as");
    a.ok_with(&["users", "add", "berta", "--role", "admin"], PASSWORD);
    a.ok(&["users", "remove", "anna"]);
    until("out", Duration::from_secs(8), || {
        let text = ann.text();
        if text.contains("Password") { Ok(()) } else { Err(text) }
    });
    assert!(!ann.text().contains("Signed in as"));

    signs_in(&ann, "berta");
    ann.clicks("Sign out");
    ann.sees("Password");
    ann.opens("/");
    assert!(!ann.sees("Password").contains("Partners"));
    ann.leaves_after(&["401 (Unauthorized)", "429 (Too Many Requests)"]);
}
