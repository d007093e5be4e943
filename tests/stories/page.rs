//! The Sync partners page, as bytes: what it shows, what its forms do, and what they do not.

use std::fmt::Write as _;
use std::io::Read as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use dunlin_tests::lab::{self, Browser, Lab, Machine, SOON, http, in_step, until, until_true};
use rusqlite::Connection;

const SHOP: &str = "
    CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, part INTEGER NOT NULL REFERENCES parts, what TEXT);";

const PAGES: [&str; 13] = [
    "/",
    "/tables",
    "/untrack?table=parts",
    "/history",
    "/conflicts",
    "/held",
    "/let-in",
    "/join-shop",
    "/unseen",
    "/settings",
    "/log",
    "/about",
    "/metrics",
];

/// What people and machines may call things, to see what a page makes of it.
const EVIL: [&str; 6] = [
    "<img src=x onerror=alert(1)>",
    "\"'><script>alert(1)</script>",
    "{{1234567*7}}",
    "javascript:alert(1)",
    "\u{1b}[31mred\u{202e}txt.exe",
    "</textarea></title><svg onload=alert(1)>",
];

fn browser(machine: &Machine) -> Browser {
    Browser::new(machine.admin())
}

/// Two machines whose users changed the same part while they could not hear each other.
fn with_a_conflict(lab: &Lab) -> [Machine; 2] {
    let mut shop = lab.shop(["a", "b"], SHOP);
    shop[0].write("INSERT INTO parts VALUES (1, 'pad', 2.5)");
    in_step(&[&shop[0], &shop[1]]);
    shop[1].stop();
    shop[0].write("UPDATE parts SET price = 3");
    until_true("folded", SOON, || shop[0].unfolded() == 0);
    shop[0].stop();
    shop[1].write("UPDATE parts SET price = 4");
    for machine in &mut shop {
        machine.start();
    }
    in_step(&[&shop[0], &shop[1]]);
    shop
}

fn number_after(page: &str, mark: &str) -> String {
    let (_, rest) = page.split_once(mark).unwrap_or_else(|| panic!("no {mark} in {page}"));
    rest.chars().take_while(char::is_ascii_digit).collect()
}

#[test]
fn every_page_is_shown_in_each_language_and_loads_nothing_from_elsewhere() {
    let lab = Lab::new();
    let [a, b] = lab.shop(["a", "b"], SHOP);
    a.write("INSERT INTO parts VALUES (1, 'pad', 2.5)");
    in_step(&[&a, &b]);
    for (language, word) in [("en", "Up to date"), ("de", "Auf gleichem Stand")] {
        let visitor = browser(&a).with("Accept-Language", language);
        until("up to date", SOON, || {
            let page = visitor.page("/");
            if page.contains(word) { Ok(()) } else { Err(page) }
        });
        for path in PAGES {
            let page = visitor.page(path);
            let elsewhere = page.replace("http://www.w3.org/2000/svg", "");
            assert!(!elsewhere.contains("http://") && !elsewhere.contains("https://"), "{path}");
            assert!(!page.contains(" style=") && !page.contains("<style"), "{path}");
            assert!(!page.contains(" onclick=") && !page.contains("<script>"), "{path}");
        }
    }
    // A choice of language and look outlives the browser's own.
    let visitor = browser(&a).with("Cookie", "dunlin_language=de; dunlin_theme=dark");
    let page = visitor.page("/tables");
    assert!(page.contains("<html lang=\"de\" data-theme=\"dark\">"), "{page}");
    for file in ["style.css", "live.js", "stream.js", "dunlin.svg"] {
        assert_eq!(visitor.get(&format!("/assets/{file}")).status, 200, "{file}");
    }
    assert_eq!(visitor.get("/assets/../dunlin.toml").status, 404);
    assert_eq!(visitor.get("/nothing").status, 404);
}

#[test]
fn a_form_without_its_token_and_a_get_change_nothing() {
    let lab = Lab::new();
    let [a, _b] = with_a_conflict(&lab);
    let visitor = browser(&a);
    let page = visitor.page("/conflicts");
    let number = number_after(&page, "restore-");
    for fields in [
        &[("number", number.as_str())][..],
        &[("number", number.as_str()), ("token", "")],
        &[("number", number.as_str()), ("token", "00000000000000000000000000000000")],
    ] {
        assert_eq!(visitor.post("/do/restore", fields).status, 403);
    }
    assert_eq!(visitor.get(&format!("/do/restore?number={number}")).status, 405);
    let token = visitor.token();
    assert_eq!(visitor.post("/do/anything", &[("token", &token)]).status, 404);
    let foreign = browser(&a).with("Origin", "http://evil.example");
    let fields = [("number", number.as_str()), ("token", token.as_str())];
    assert_eq!(foreign.post("/do/restore", &fields).status, 403);
    // Nobody is sent elsewhere, whatever the form says.
    let fields = [("token", token.as_str()), ("back", "https://evil.example/"), ("theme", "dark")];
    let answer = visitor.post("/do/look", &fields);
    assert_eq!(answer.header("location"), Some("/"), "{answer:?}");
    assert!(visitor.page("/conflicts").contains(&format!("restore-{number}")), "nothing changed");
}

#[test]
fn a_conflict_is_shown_with_what_differs_and_the_other_version_can_be_taken() {
    let lab = Lab::new();
    let [a, b] = with_a_conflict(&lab);
    let visitor = browser(&a);
    let page = visitor.page("/conflicts");
    for text in ["3.0", "4.0", "class=\"other\"", "“parts”"] {
        assert!(page.contains(text), "no {text} in {page}");
    }
    let number = number_after(&page, "restore-");
    let after = visitor.press("/do/restore", &[("number", &number), ("back", "/conflicts")]);
    assert!(after.contains("The other version counts now"), "{after}");
    assert!(after.contains("There is no conflict."), "{after}");
    in_step(&[&a, &b]);
    lab::all_say(&[&a, &b], "SELECT price FROM parts", "3");
    // What a query says is never shown: only a note that was left for this visitor.
    let page = visitor.page("/conflicts?said=You+have+won");
    assert!(!page.contains("won") && !page.contains("id=\"note\""), "{page}");
}

/// A machine whose table takes no stock below zero, and one that wrote two such rows; the first one's page of them.
fn two_held(lab: &Lab) -> ([Machine; 2], Browser, String) {
    let parts = "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT, stock INTEGER";
    let mut shop = [
        lab.machine("a", &format!("{parts} CHECK (stock >= 0))")),
        lab.machine("b", &format!("{parts})")),
    ];
    lab::know_each_other(&shop);
    for machine in &mut shop {
        machine.ok(&["track", "--all"]);
        machine.start();
    }
    let [a, b] = shop;
    b.join(&a.invite());
    b.write("INSERT INTO parts VALUES (1, 'gasket', -2), (2, 'hose', -3)");
    let visitor = browser(&a);
    let page = until("held", SOON, || {
        let page = visitor.page("/held");
        if page.contains("gasket") && page.contains("hose") { Ok(page) } else { Err(page) }
    });
    ([a, b], visitor, page)
}

#[test]
fn a_held_row_is_given_a_value_on_the_page_or_the_command_line_and_stands_on_every_machine() {
    let lab = Lab::new();
    let ([a, b], visitor, page) = two_held(&lab);
    let number = number_after(&page, "/held/give?number=");
    let form = visitor.page(&format!("/held/give?number={number}"));
    assert!(form.contains("name=\"value-stock\" value=\"-"), "{form}");
    let back = format!("/held/give?number={number}");
    let give = |name: &str, stock: &str| {
        let fields =
            [("value-name", name), ("value-stock", stock), ("number", &number), ("back", &back)];
        visitor.press("/do/give-held", &fields)
    };
    let name = if form.contains("gasket") { "gasket" } else { "hose" };
    let stock = if name == "gasket" { "-2" } else { "-3" };
    assert!(give(name, stock).contains("Nothing was changed."));
    let refused = give(name, "-1");
    assert!(
        refused.contains("CHECK constraint failed") && refused.contains("value-stock"),
        "{refused}"
    );
    assert!(give(name, "none").contains("holds numbers, and"));
    let done = give("O-ring", "7");
    assert!(done.contains("stands in its table now") && !done.contains(name), "{done}");
    lab::all_say(&[&a, &b], "SELECT group_concat(stock) FROM parts WHERE name = 'O-ring'", "7");
    // Pressed twice.
    assert!(give("O-ring", "8").contains("not held any more"));

    let held = a.cli(&["held", "--json"]).json();
    let other = held.pointer("/held/0/number").unwrap().to_string();
    assert_eq!(a.cli(&["held", "give", &other]).code, 2);
    let no_value = a.cli(&["held", "give", &other, "stock"]);
    assert!(no_value.code == 2 && no_value.err.contains("write COLUMN=VALUE"), "{no_value:?}");
    a.cli(&["held", "give", &other, "stock=-9"]).failed(1, &["CHECK constraint failed"]);
    a.cli(&["held", "give", &other, "shelf=1"]).failed(1, &["no such column"]);
    a.cli(&["held", "give", "99", "stock=1"]).failed(1, &["99"]);
    assert!(a.ok(&["held", "give", &other, "name=a=b", "--null", "stock"]).contains("stands"));
    lab::all_say(&[&a, &b], "SELECT count(*) FROM parts WHERE name = 'a=b' AND stock IS NULL", "1");
    in_step(&[&a, &b]);
    assert!(visitor.page("/held").contains("No row is held."));
}

#[test]
fn a_held_row_is_explained_tried_again_and_deleted_only_by_its_tables_name() {
    let lab = Lab::new();
    let ([a, b], visitor, page) = two_held(&lab);
    assert!(page.contains("CHECK constraint failed"), "{page}");
    assert!(visitor.page("/").contains("2 rows of “parts” are held."));
    let number = number_after(&page, "id=\"retry-");
    let still = visitor.press("/do/retry", &[("number", &number), ("back", "/held")]);
    assert!(still.contains("cannot be shown yet"), "{still}");
    // The reason ends where the row was written: it appears by itself.
    b.write("UPDATE parts SET stock = 0 WHERE id = 1");
    until("shown", SOON, || {
        let said = a.ask("SELECT count(*) FROM parts");
        if said == "1" { Ok(()) } else { Err(said) }
    });
    let page = visitor.page("/held");
    let number = number_after(&page, "/held/delete?number=");
    let question = visitor.page(&format!("/held/delete?number={number}"));
    assert!(question.contains("hose") && question.contains("on every machine"), "{question}");
    let fields = [("number", number.as_str()), ("table", "parts"), ("confirm", "part")];
    let refused = visitor.press("/do/delete-held", &fields);
    assert!(refused.contains("Nothing was deleted"), "{refused}");
    let fields = [("number", number.as_str()), ("table", "parts"), ("confirm", "parts")];
    let done = visitor.press("/do/delete-held", &fields);
    assert!(done.contains("The row is deleted") && done.contains("No row is held."), "{done}");
    lab::all_say(&[&a, &b], "SELECT group_concat(name) FROM parts", "gasket");
    in_step(&[&a, &b]);
}

#[test]
fn the_token_that_the_page_makes_is_shown_to_its_visitor_and_lets_a_machine_in() {
    let lab = Lab::new();
    let mut a = lab.machine("a", SHOP);
    let mut b = lab.machine("b", SHOP);
    a.ok(&["track", "--all"]);
    a.start();
    b.start();
    let page = browser(&a).press("/do/invite", &[("uses", "1"), ("minutes", "15")]);
    let (_, rest) = page.split_once("id=\"invite-token\">").unwrap();
    let token = rest.split('<').next().unwrap();
    assert!(token.starts_with("dunlin1-"), "{page}");
    assert!(page.contains("src=\"data:image/svg+xml;base64,"), "a code to photograph");
    assert!(!a.logged().contains(token), "a token is in no log");
    let bad =
        browser(&b).press("/do/join", &[("invite", token.split_at(40).0), ("back", "/join-shop")]);
    assert!(bad.contains("class=\"note bad\""), "{bad}");
    let joined = browser(&b).press("/do/join", &[("invite", token)]);
    assert!(joined.contains("let this machine in; the shop has 2 machines now"), "{joined}");
    until("partners", SOON, || {
        let page = browser(&a).page("/");
        if page.contains("Up to date") { Ok(()) } else { Err(page) }
    });
}

#[test]
fn text_of_others_is_shown_as_text_wherever_it_stands() {
    let lab = Lab::new();
    let mut tables = String::from(SHOP);
    for (at, name) in EVIL.iter().enumerate() {
        let name = name.replace('"', "\"\"");
        write!(
            tables,
            "CREATE TABLE \"{at}{name}\" (id INTEGER PRIMARY KEY, \"{name}\" TEXT CHECK (\"{name}\" <> 'x'));"
        )
        .unwrap();
    }
    let [mut a, mut b] = lab.shop(["a", "b"], &tables);
    for (at, name) in EVIL.iter().enumerate() {
        let quoted = name.replace('"', "\"\"");
        let value = name.replace('\'', "''");
        a.write(&format!("INSERT INTO \"{at}{quoted}\" VALUES (1, '{value}')"));
        a.write(&format!("INSERT INTO parts VALUES ({at} + 10, '{value}', 1)"));
    }
    in_step(&[&a, &b]);
    b.stop();
    a.write("UPDATE parts SET price = 2");
    until_true("folded", SOON, || a.unfolded() == 0);
    a.stop();
    b.write("UPDATE parts SET price = 3, name = name || '<b>'");
    a.start();
    b.start();
    in_step(&[&a, &b]);
    let visitor = browser(&a);
    for path in PAGES {
        let page = visitor.page(path);
        for evil in [
            "<img src=x",
            "<script>alert",
            "<svg onload",
            "</textarea></title>",
            "\u{1b}",
            "\u{202e}",
        ] {
            assert!(!page.contains(evil), "{path} has {evil}");
        }
        assert!(!page.contains("8641969"), "{path}: nothing is worked out");
    }
    let conflicts = visitor.page("/conflicts");
    assert!(conflicts.contains("&#60;img src=x onerror=alert(1)&#62;"), "{conflicts}");
    assert!(conflicts.contains("{{1234567*7}}"), "shown as it is");
}

#[test]
fn two_hundred_ticked_tables_are_one_form_and_what_is_too_long_is_told_on_a_page() {
    let lab = Lab::new();
    let names: Vec<String> = (0..200).map(|n| format!("a_table_of_the_shop_{n}")).collect();
    let tables = names.iter().map(|name| format!("CREATE TABLE {name} (id INTEGER PRIMARY KEY);"));
    let mut a = lab.machine("a", &tables.collect::<String>());
    a.start();
    let visitor = browser(&a);
    let ticked: Vec<(&str, &str)> = names.iter().map(|name| ("table", name.as_str())).collect();
    let done = visitor.press("/do/track", &[&ticked[..], &[("back", "/tables")]].concat());
    assert!(done.contains("a_table_of_the_shop_199"), "{done}");
    assert_eq!(a.tables().unwrap().len(), 201, "the conflicts' own figure is one more");
    let token = visitor.token();
    let long = "x".repeat(4_000);
    for (path, fields, status) in [
        ("/sign-in", [("token", token.as_str()), ("name", long.as_str())], 413),
        ("/do/join", [("token", "0000"), ("invite", long.as_str())], 403),
    ] {
        let told = visitor.post(path, &fields);
        assert_eq!(told.status, status, "{path}: {told:?}");
        assert!(told.body.contains("This form was not taken"), "{path}: {told:?}");
    }
}

#[test]
fn whoever_may_only_look_is_offered_nothing_and_refused_everything() {
    let lab = Lab::new();
    let mut a = lab.machine("a", SHOP);
    a.reword("[admin]", "[admin]\nlocal_trust = \"read\"");
    a.ok(&["track", "--all"]);
    a.start();
    let visitor = browser(&a);
    let page = visitor.page("/");
    assert!(!page.contains("/let-in") && !page.contains("/settings"), "{page}");
    let refused = visitor.press("/do/sync", &[]);
    assert!(refused.contains("Sign in first, as somebody who may do that."), "{refused}");
    let refused = visitor.press("/do/invite", &[]);
    assert!(refused.contains("Sign in first, as somebody who may do that."), "{refused}");
    for path in ["/settings", "/log", "/bundle.json"] {
        assert_eq!(visitor.get(path).status, 401, "{path}");
    }
    assert_eq!(visitor.get("/history.csv").status, 200);
}

#[test]
fn a_row_that_is_written_on_another_machine_moves_the_stream_of_events() {
    let lab = Lab::new();
    let [a, b] = lab.shop(["a", "b"], SHOP);
    in_step(&[&a, &b]);
    let mut stream = http::connect(a.admin());
    let asked = format!("GET /events HTTP/1.1\r\nHost: {}\r\n\r\n", a.admin());
    stream.write_all(asked.as_bytes()).unwrap();
    let mut heard = String::new();
    let mut read = |until_word: &str, heard: &mut String| {
        let mut bytes = [0; 1024];
        while !heard.contains(until_word) {
            let count = stream.read(&mut bytes).unwrap();
            assert!(count > 0, "the stream ended: {heard}");
            heard.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    };
    read("text/event-stream", &mut heard);
    // What moved before is heard first, perhaps; after this nothing else moves by itself.
    in_step(&[&a, &b]);
    b.write("INSERT INTO parts VALUES (1, 'pad', 2.5)");
    read("event: moved", &mut heard);
    assert!(!heard.contains("pad"), "it says that, never what: {heard}");
}

#[test]
fn exports_hold_the_sessions_and_the_bundle_no_secret() {
    let lab = Lab::new();
    let [a, b] = lab.shop(["a", "b"], SHOP);
    b.write("INSERT INTO parts VALUES (1, 'very secret name', 2.5)");
    in_step(&[&a, &b]);
    let visitor = browser(&a);
    let csv = until("a session", SOON, || {
        let csv = visitor.page("/history.csv");
        if csv.lines().count() > 1 { Ok(csv) } else { Err(csv) }
    });
    assert!(csv.starts_with("started,partner,") && csv.contains("\"b\""), "{csv}");
    let answer = visitor.get("/history.json?partner=b");
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"history.json\""));
    let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(json["history"][0]["name"], "b");
    let bundle = visitor.page("/bundle.json");
    let key = std::fs::read_to_string(a.data().join("key")).unwrap();
    let secret: Vec<&str> = key.lines().filter(|line| !line.starts_with('-')).collect();
    for word in [&["very secret name"], secret.as_slice()].concat() {
        assert!(!bundle.contains(word), "{word} is in the bundle");
    }
    assert!(bundle.contains("\"schema\": 1") && bundle.contains("\"log\""), "{bundle}");
}

#[test]
fn a_long_history_and_many_tables_are_shown_at_once() {
    let lab = Lab::new();
    let tables: Vec<String> = (0..200)
        .map(|n| format!("CREATE TABLE t{n} (id INTEGER PRIMARY KEY, name TEXT);"))
        .collect();
    let tables = tables.concat();
    let [mut a, b] = lab.shop(["a", "b"], &tables);
    in_step(&[&a, &b]);
    a.stop();
    let history = Connection::open(a.data().join("history.db")).unwrap();
    history
        .execute(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
             INSERT INTO record (partner, partner_name, direction, started, took_ms, rows_sent,
                rows_received, applied, held, conflicts, bytes_sent, bytes_received, result,
                message, idle)
             SELECT ?1, 'b', 'dialled', unixepoch() * 1000 - i * 60000, 12, i, 1, 1, 0, 0, 100,
                100, 'success', '', 0 FROM n",
            [b.id()],
        )
        .unwrap();
    drop(history);
    a.start();
    let visitor = browser(&a);
    visitor.page("/");
    for path in ["/", "/tables", "/history", "/history.csv", "/conflicts", "/log"] {
        let times: Vec<Duration> = (0..5)
            .map(|_| {
                let begun = Instant::now();
                visitor.page(path);
                begun.elapsed()
            })
            .collect();
        let best = times.iter().min().unwrap();
        println_time(path, *best);
        // On a machine with two busy cores and a program that is not optimised.
        assert!(*best < Duration::from_secs(1), "{path} took {times:?}");
    }
    assert!(visitor.page("/history").contains("before="), "the older ones are a page further");
    assert!(visitor.page("/history.csv").lines().count() > 1_000);
}

#[expect(clippy::print_stderr, reason = "a figure that whoever runs the test wants to see")]
fn println_time(path: &str, took: Duration) {
    eprintln!("{path}: {took:?}");
}

/// The six digits that a machine's own screen shows, as soon as it does.
fn own_digits(visitor: &Browser) -> String {
    until("a number", SOON, || {
        let page = visitor.page("/pair");
        let (_, rest) = page.split_once("id=\"own-digits\">").ok_or_else(|| page.clone())?;
        Ok(rest.split('<').next().unwrap_or_default().to_owned())
    })
}

#[test]
fn two_machines_are_paired_by_the_numbers_on_their_two_pages() {
    let lab = Lab::new();
    let mut shop = [lab.machine("a", SHOP), lab.machine("b", SHOP)];
    lab::know_each_other(&shop);
    for machine in &mut shop {
        machine.ok(&["track", "--all"]);
        machine.start();
    }
    let [a, b] = &shop;
    let (at_a, at_b) = (browser(a), browser(b));
    let opened = at_b.press("/do/pairing-open", &[]);
    assert!(opened.contains("Waiting for the other machine"), "{opened}");
    at_a.press("/do/pair", &[("target", &b.partner.to_string())]);
    let (number_of_a, number_of_b) = (own_digits(&at_a), own_digits(&at_b));
    // A person who types what is on the same screen is told so, and nothing is trusted.
    let slip = at_a.press("/do/pairing-confirm", &[("digits", &number_of_a)]);
    assert!(slip.contains("2 tries left") && slip.contains("id=\"hint\""), "{slip}");
    let sure = at_a.press("/do/pairing-confirm", &[("digits", &number_of_b)]);
    assert!(sure.contains("This side is sure"), "{sure}");
    at_b.press("/do/pairing-confirm", &[("digits", &number_of_a)]);
    for visitor in [&at_a, &at_b] {
        until("partners", SOON, || {
            let page = visitor.page("/");
            if page.contains("Up to date") { Ok(()) } else { Err(page) }
        });
        assert!(visitor.page("/pair").contains("The machines are partners now."));
    }
}

#[test]
fn a_stolen_machine_is_taken_out_with_the_page_alone() {
    let lab = Lab::new();
    let [a, b, c] = lab.shop(["a", "b", "c"], SHOP);
    let visitor = browser(&a);
    let id = c.id();
    let question = visitor.page(&format!("/forget?partner={id}"));
    assert!(question.contains("for ever") && question.contains("“c”"), "{question}");
    for typed in ["", "b", "C"] {
        let fields = [("partner", id.as_str()), ("confirm", typed)];
        let refused = visitor.press("/do/forget", &fields);
        assert!(refused.contains("Nothing was forgotten"), "{typed}: {refused}");
    }
    let done = visitor.press("/do/forget", &[("partner", &id), ("confirm", "c")]);
    assert!(done.contains("“c” is forgotten; the shop has 2 machines now."), "{done}");
    assert!(!done.contains(&format!("name-{id}")), "{done}");
    until("heard of", SOON, || {
        let page = browser(&b).page("/");
        if page.contains(&format!("name-{id}")) { Err(page) } else { Ok(()) }
    });
    until("told", SOON, || {
        let page = browser(&c).page("/");
        if page.contains("took this machine out of the shop") { Ok(()) } else { Err(page) }
    });
}

#[test]
fn a_partner_is_paused_and_goes_on_by_its_card() {
    let lab = Lab::new();
    let [a, b] = lab.shop(["a", "b"], SHOP);
    let visitor = browser(&a);
    let id = b.id();
    let paused = visitor.press("/do/pause", &[("partner", &id)]);
    assert!(paused.contains("It is paused.") && paused.contains("Paused"), "{paused}");
    assert!(paused.contains(&format!("resume-{id}")), "{paused}");
    visitor.press("/do/resume", &[("partner", &id)]);
    until("going on", SOON, || {
        let page = visitor.page("/");
        if page.contains("Up to date") { Ok(()) } else { Err(page) }
    });
}
