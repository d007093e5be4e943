//! The front page's cards and the lines of what needs attention, between real daemons: each line by the button that
//! mends it.

use std::collections::BTreeSet;

use dunlin_tests::lab::{self, Browser, Lab, Machine, SOON, in_step, until, until_true};

use super::forget::{forget, insert, members, role};

const SHOP: &str = "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";

fn browser(machine: &Machine) -> Browser {
    Browser::new(machine.admin())
}

/// The front page, once it says this.
fn once_it_says(visitor: &Browser, path: &str, words: &str) -> String {
    until(words, SOON, || {
        let page = visitor.page(path);
        if page.contains(words) { Ok(page) } else { Err(page) }
    })
}

/// A machine where a part was changed twice at once, and one that refuses a row.
fn with_a_conflict_and_a_held_row(lab: &Lab) -> [Machine; 2] {
    let table =
        |check: &str| format!("CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT{check});");
    let mut shop =
        [lab.machine("a", &table(" CHECK (name <> 'refused')")), lab.machine("b", &table(""))];
    lab::know_each_other(&shop);
    for machine in &mut shop {
        machine.ok(&["track", "--all"]);
        machine.start();
    }
    let [mut a, mut b] = shop;
    b.join(&a.invite());
    a.write("INSERT INTO parts VALUES (1, 'pad')");
    in_step(&[&a, &b]);
    b.stop();
    a.write("UPDATE parts SET name = 'by a'");
    until_true("folded", SOON, || a.unfolded() == 0);
    a.stop();
    b.write(
        "UPDATE parts SET name = 'by b'; INSERT INTO parts VALUES (2, 'refused'), (3, 'refused')",
    );
    for machine in [&mut a, &mut b] {
        machine.start();
    }
    in_step(&[&a, &b]);
    [a, b]
}

#[test]
fn a_card_counts_the_conflicts_and_held_rows_of_its_partner_and_leads_to_them() {
    let lab = Lab::new();
    let [a, b] = with_a_conflict_and_a_held_row(&lab);
    let (visitor, id) = (browser(&a), b.id());
    let held = format!("<a href=\"/held?partner={id}\">2</a>");
    let page = once_it_says(&visitor, "/", &held);
    let conflicts = format!("<a href=\"/conflicts?partner={id}\">1</a>");
    assert!(page.contains(&conflicts), "{page}");
    for (list, mark) in [("held", "retry-"), ("conflicts", "restore-")] {
        let page = visitor.page(&format!("/{list}?partner={id}"));
        assert!(page.contains("Only those of “b”.") && page.contains(mark), "{page}");
        // What a query says is never shown, and of a stranger nothing is left out.
        let page = visitor.page(&format!("/{list}?partner=You+have+won"));
        assert!(page.contains(mark) && !page.contains("You have won"), "{page}");
    }
    // The partner that wrote nothing of it has none; on it the conflict is told all the same.
    let there = browser(&b).page("/");
    assert!(there.contains("/conflicts?partner=") && !there.contains("/held?partner="), "{there}");
    // How quick it answers is known where this machine called it, and a dash elsewhere; and when they last compared.
    let status = a.status().unwrap();
    let trips =
        [&a, &b].map(|machine| machine.status().unwrap()["partners"][0]["round_trip_ms"].as_u64());
    assert_eq!(trips.iter().flatten().count(), 1, "{trips:?}");
    assert_eq!(
        (&status["partners"][0]["held"], &status["partners"][0]["conflicts"]),
        (&2.into(), &1.into())
    );
    assert!(page.contains("Answers in") && page.contains("Last compared"), "{page}");
    assert!(page.contains("Its last sessions") && page.contains(" received</td>"), "{page}");
}

#[test]
fn five_wrong_passwords_are_a_line_with_the_button_that_sets_a_new_one() {
    let lab = Lab::new();
    let mut a = lab.machine("a", SHOP);
    a.start();
    let at_it = browser(&a);
    let good = "blue-kettle-on-a-shelf";
    let fields = [("name", "anna"), ("role", "write"), ("password", good), ("back", "/people")];
    assert!(at_it.press("/do/user-add", &fields).contains("can sign in now"));
    let wrong = |name: &str| {
        let form = at_it.page("/sign-in");
        assert!(form.contains("Sit down at the machine itself"), "{form}");
        let (_, rest) = form.split_once("name=\"token\" value=\"").unwrap();
        let token = rest.split('"').next().unwrap();
        let fields = [("token", token), ("name", name), ("password", "green-kettle-42")];
        // Those that come too fast are not looked at.
        until_true("looked at", SOON, || at_it.post("/sign-in", &fields).status == 401);
    };
    for _ in 0..5 {
        wrong("nobody-of-ours");
    }
    for _ in 0..4 {
        wrong("anna");
    }
    let page = at_it.page("/");
    assert!(!page.contains("wrong passwords for"), "four may be a slip: {page}");
    wrong("anna");
    let page = at_it.page("/");
    assert!(
        page.contains("5 wrong passwords for “anna”.") && page.contains("this computer"),
        "{page}"
    );
    assert!(!page.contains("nobody-of-ours"), "names that are nobody's are not told");
    assert!(page.contains("href=\"/people?user=anna#users\""), "{page}");
    let people = at_it.page("/people?user=anna");
    assert!(people.contains("<details id=\"change-1\" open>"), "{people}");
    // With a new password it is over.
    let fields = [("name", "anna"), ("password", "another-kettle-42"), ("back", "/people")];
    at_it.press("/do/user-password", &fields);
    let page = at_it.page("/");
    assert!(!page.contains("wrong passwords for"), "{page}");
}

#[test]
fn a_machine_that_was_forgotten_joins_again_by_the_forms_of_its_page() {
    let lab = Lab::new();
    let [a, c] = lab.shop(["a", "c"], SHOP);
    insert(&a, "before");
    in_step(&[&a, &c]);
    let (id, process) = (c.id(), c.pid());
    forget(&a, "c");
    until_true("told", SOON, || role(&c) == "forgotten");
    insert(&c, "c while it was out");
    let page = once_it_says(&browser(&c), "/", "took this machine out of the shop");
    // It says where it goes on, and promises no next try.
    assert!(page.contains("href=\"/join-shop\" id=\"mend-out\""), "{page}");
    assert!(page.contains("This machine was forgotten"), "{page}");
    assert!(!page.contains("Next try") && !page.contains("It waits for you"), "{page}");
    let status = c.status().unwrap();
    assert!(status["partners"][0]["next_try_seconds"].is_null(), "{status}");
    let made = browser(&a).press("/do/invite", &[("uses", "1"), ("minutes", "15")]);
    let (_, rest) = made.split_once("id=\"invite-token\">").unwrap();
    let token = rest.split('<').next().unwrap().to_owned();
    let visitor = browser(&c);
    let (fields, sent) = ([("invite", token.as_str()), ("back", "/join-shop")], visitor.token());
    let answer = visitor.post("/do/join", &[&[("token", sent.as_str())], &fields[..]].concat());
    assert_eq!(answer.status, 303, "{answer:?}");
    // The daemon starts again by itself, under its new key.
    until_true("back", SOON, || {
        c.status().is_ok_and(|status| status["machine"]["id"] != id.as_str())
    });
    assert_eq!((c.pid(), members(&a)), (process, 2));
    once_it_says(&browser(&c), "/", "Up to date");
    in_step(&[&a, &c]);
    lab::all_say(&[&a, &c], "SELECT count(*) FROM parts WHERE name = 'c while it was out'", "1");
}

#[test]
fn a_machine_gets_a_new_key_by_its_page_and_only_from_an_admin() {
    let lab = Lab::new();
    let [a, b] = lab.shop(["a", "b"], SHOP);
    insert(&a, "before");
    in_step(&[&a, &b]);
    let visitor = browser(&a);
    let pin = |machine: &Machine| machine.status().unwrap()["machine"]["pin"].to_string();
    let (id, before) = (a.id(), pin(&a));
    let about = visitor.page("/about");
    assert!(about.contains("href=\"/rotate-key\""), "{about}");
    let question = visitor.page("/rotate-key");
    assert!(
        question.contains("keeps its name") && question.contains("Forget this machine on another")
    );
    assert_eq!(pin(&a), before, "a question changes nothing");
    assert_eq!(visitor.get("/do/rotate-key").status, 405);
    let done = visitor.press("/do/rotate-key", &[]);
    assert!(done.contains("This machine has a new key."), "{done}");
    assert_ne!(pin(&a), before);
    assert_eq!(a.id(), id, "it stays the machine that it was");
    insert(&a, "after");
    in_step(&[&a, &b]);
    once_it_says(&visitor, "/", "Up to date");

    let mut c = lab.machine("c", SHOP);
    c.reword("[admin]", "[admin]\nlocal_trust = \"read\"");
    c.start();
    let guest = browser(&c);
    let before = pin(&c);
    assert!(!guest.page("/about").contains("/rotate-key"));
    assert_eq!(guest.get("/rotate-key").status, 401);
    let refused = guest.press("/do/rotate-key", &[]);
    assert!(refused.contains("Sign in first"), "{refused}");
    assert_eq!(pin(&c), before);
}

#[test]
fn deletes_that_wait_are_all_let_go_by_one_question() {
    let lab = Lab::new();
    let [a, b] = lab.shop(["a", "b"], SHOP);
    a.write(
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 400)
         INSERT INTO parts (name) SELECT 'part ' || n FROM c",
    );
    in_step(&[&a, &b]);
    a.write("DELETE FROM parts");
    let visitor = browser(&b);
    let page = once_it_says(&visitor, "/", "wait for a person");
    assert!(page.contains("href=\"/held/accept\""), "{page}");
    let left = b.ask("SELECT count(*) FROM parts");
    assert_ne!(left, "0", "they are still here");
    let question = visitor.page("/held/accept");
    assert!(question.contains(&format!("{left} rows, deleted over the link to “a”")), "{question}");
    assert_eq!(b.ask("SELECT count(*) FROM parts"), left, "a question changes nothing");
    let done = visitor.press("/do/accept-all", &[("back", "/held")]);
    assert!(done.contains(&format!("{left} rows are deleted here.")), "{done}");
    lab::all_say(&[&a, &b], "SELECT count(*) FROM parts", "0");
    assert!(visitor.page("/held/accept").contains("No delete waits."));
    assert!(!visitor.page("/").contains("wait for a person"));
}

/// What a page says to its reader: without its tags, and without what stands in code.
fn words(page: &str) -> BTreeSet<String> {
    let (_, body) = page.split_once("<main").unwrap();
    let (body, _) = body.split_once("</main>").unwrap();
    let mut text = String::new();
    for part in body.split('<') {
        let (tag, after) = part.split_once('>').unwrap_or(("", part));
        // Commands, addresses and settings are the same in every language.
        if !tag.starts_with("code")
            && !tag.contains("mono")
            && !tag.contains("value")
            && !tag.contains("translate")
        {
            text.push(' ');
            text.push_str(after);
        }
    }
    let letter = |letter: char| !letter.is_alphanumeric();
    // Words of SQL stand in capitals.
    let is_word = |word: &&str| word.chars().any(char::is_lowercase);
    text.split(letter).filter(is_word).map(str::to_lowercase).collect()
}

/// Words that no German sentence has, and hardly an English one goes without.
const ENGLISH: [&str; 22] = [
    "the", "is", "are", "and", "of", "to", "not", "with", "this", "that", "has", "have", "from",
    "for", "machine", "machines", "rows", "row", "key", "you", "by", "or",
];

fn speaks_german(machine: &Machine, when: &str) {
    let visitor = browser(machine).with("Accept-Language", "de");
    // The log is the daemon's own, and its settings are named as in the file.
    let pages = [
        "/",
        "/tables",
        "/history",
        "/conflicts",
        "/held",
        "/held/accept",
        "/let-in",
        "/join-shop",
        "/pair",
        "/people",
        "/rotate-key",
        "/about",
        "/sign-in",
        "/unseen",
    ];
    for path in pages {
        let answer = visitor.get(path);
        let said = words(&answer.body);
        let english: Vec<_> = ENGLISH.iter().filter(|word| said.contains(**word)).collect();
        assert!(english.is_empty(), "{when}: {path} says {english:?}: {}", answer.body);
    }
}

#[test]
fn a_german_reader_meets_no_english_sentence_whatever_goes_wrong() {
    let lab = Lab::new();
    let [mut a, mut b] = with_a_conflict_and_a_held_row(&lab);
    let visitor = browser(&a).with("Accept-Language", "de");
    once_it_says(&visitor, "/", "/held?partner=");
    speaks_german(&a, "a conflict and held rows");
    // What a form is answered.
    let says = |path: &str, fields: &[(&str, &str)], german: &str| {
        let page = visitor.press(path, fields);
        assert!(page.contains(german), "{path}: {page}");
    };
    says(
        "/do/join",
        &[("invite", "dunlin1-nonsense"), ("back", "/join-shop")],
        "Kopieren Sie ihn ganz",
    );
    says(
        "/do/join",
        &[("invite", "nonsense"), ("back", "/join-shop")],
        "Das ist kein Beitrittscode",
    );
    says("/do/join", &[("invite", &a.invite()), ("back", "/join-shop")], "selbst erstellt");
    let fields = [("name", "x"), ("role", "admin"), ("password", "short"), ("back", "/people")];
    says("/do/user-add", &fields, "Das Passwort ist zu kurz");
    says(
        "/do/token-create",
        &[("name", "x"), ("role", "read"), ("from", "here")],
        "weder eine Adresse",
    );
    says("/do/restore", &[("number", "999"), ("back", "/conflicts")], "schon erledigt");
    says("/do/pair", &[("target", "till 9"), ("back", "/")], "nicht mehr zu sehen");
    says("/do/pairing-confirm", &[("digits", "12"), ("back", "/pair")], "Das ist keine Zahl");
    // The partner is killed, paused, gone; it has forgotten this one.
    b.kill();
    until_true("gone", SOON, || a.partner_state("b") != "Up to date");
    speaks_german(&a, "the partner was killed");
    b.start();
    in_step(&[&a, &b]);
    b.ok(&["partners", "pause", "a"]);
    until_true("paused there", SOON, || a.partner_state("b") != "Up to date");
    speaks_german(&a, "paused there");
    b.ok(&["partners", "resume", "a"]);
    in_step(&[&a, &b]);
    a.stop();
    a.start();
    speaks_german(&b, "the partner was started again");
    forget(&a, "b");
    until_true("told", SOON, || role(&b) == "forgotten");
    speaks_german(&b, "forgotten");
    speaks_german(&a, "alone");
}
