//! Who is in front of the page: signing in, and being out again.

use std::time::Duration;

use dunlin_tests::lab::webdriver::Driver;
use dunlin_tests::lab::{Lab, Person, SOON, until};

use crate::shop::{PASSWORD, SHOP};

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
    // Whoever was wrong waits a moment, and is told so.
    until("let in", SOON, || {
        ann.types("Name", "anna");
        ann.types("Password", PASSWORD);
        ann.clicks_at("#sign-in");
        let text = ann.text();
        if text.contains("Signed in as") { Ok(()) } else { Err(text) }
    });
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

    ann.types("Name", "berta");
    ann.types("Password", PASSWORD);
    ann.clicks_at("#sign-in");
    ann.sees("Signed in as");
    ann.clicks("Sign out");
    ann.sees("Password");
    ann.opens("/");
    assert!(!ann.sees("Password").contains("Partners"));
    ann.leaves_after(&["401 (Unauthorized)", "429 (Too Many Requests)"]);
}
