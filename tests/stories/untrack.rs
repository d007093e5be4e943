//! A table that a person lets go on one machine, and takes back: by the command line, by the page, with two others.

use dunlin_tests::lab::{self, Browser, Lab, Machine, SOON, in_step, until, until_true};

const SHOP: &str = "
    CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, part INTEGER NOT NULL REFERENCES parts, what TEXT);
    CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT);";
const NOTES: &str = "SELECT group_concat(text, ' ') FROM (SELECT text FROM notes ORDER BY text)";

fn names(machine: &Machine) -> Vec<String> {
    let listed = machine.cli(&["tables", "--json"]).json();
    let tables = listed["tables"].as_array().cloned().unwrap_or_default();
    tables.iter().map(|table| table["name"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn rows_pass_through_a_machine_that_let_their_table_go_and_all_come_together_again() {
    let lab = Lab::new();
    let mut machines = ["a", "b", "c"].map(|name| lab.machine(name, SHOP));
    lab::in_a_row(&mut machines);
    let [a, mut b, c] = machines;
    a.write("INSERT INTO notes (text) VALUES ('first'), ('second')");
    lab::all_say(&[&a, &b, &c], NOTES, "first second");

    let done = b.cli(&["tables", "untrack", "notes", "--json"]);
    assert_eq!((done.code, &done.json()["tables"]), (0, &serde_json::json!(["notes"])), "{done:?}");
    a.write("UPDATE notes SET text = 'first, of a' WHERE text = 'first'");
    c.write("INSERT INTO notes (text) VALUES ('third, of c')");
    lab::all_say(&[&a, &c], NOTES, "first, of a second third, of c");
    assert_eq!(b.ask(NOTES), "first second");

    // A person's no outlives a restart, and what partners say of their tables.
    b.stop();
    b.start();
    a.write("INSERT INTO notes (text) VALUES ('while b was away'), ('x')");
    b.write("INSERT INTO notes (text) VALUES ('of b')");
    a.write("INSERT INTO parts (name) VALUES ('pad')");
    lab::all_say(&[&a, &b, &c], "SELECT group_concat(name) FROM parts", "pad");
    lab::all_say(&[&a, &c], "SELECT count(*) FROM notes", "5");
    assert_eq!(names(&b), ["orders", "parts"]);
    assert_eq!(b.ask(NOTES), "first of b second");

    // Nobody is troubled: up to date on both sides, nothing held, nothing that differs.
    for (here, there) in [(&a, "b"), (&c, "b"), (&b, "a"), (&b, "c")] {
        until_true("up to date", SOON, || here.partner_state(there) == "Up to date");
    }
    until("not here", SOON, || {
        let page = Browser::new(a.admin()).page("/tables");
        let told = page.contains("<span>not here</span>") && !page.contains("<span>differs</span>");
        if told { Ok(()) } else { Err(page) }
    });
    let status = b.cli(&["status"]);
    assert_eq!(status.code, 0, "{status:?}");
    assert!(b.ok(&["held"]).contains("No row is held"), "{}", b.ok(&["held"]));
    assert!(b.ok(&["tables"]).contains("because a person said so: notes"));

    b.ok(&["track", "notes"]);
    let all = "first, of a of b second third, of c while b was away x";
    lab::all_say(&[&a, &b, &c], NOTES, all);
    in_step(&[&a, &b, &c]);
    b.write("DELETE FROM notes WHERE text = 'x'");
    lab::all_say(&[&a, &b, &c], "SELECT count(*) FROM notes", "5");
    in_step(&[&a, &b, &c]);
}

#[test]
fn the_page_asks_says_what_it_means_and_lets_a_table_go() {
    let lab = Lab::new();
    let [a, b] = lab.shop(["a", "b"], SHOP);
    a.write("INSERT INTO parts VALUES (1, 'pad', 2.5)");
    in_step(&[&a, &b]);
    let visitor = Browser::new(a.admin());
    let page = visitor.page("/tables");
    assert!(page.contains("href=\"/untrack?database=main&#38;table=notes\""), "{page}");
    assert!(page.contains("id=\"untrack-main-notes\""), "{page}");
    let german = Browser::new(a.admin()).with("Accept-Language", "de");
    for (visitor, words) in [
        (&visitor, ["Stop keeping in step:", "Only this machine stops", "Nothing is lost"]),
        (&german, ["Nicht mehr abgleichen:", "Nur dieser Rechner", "Nichts geht verloren"]),
    ] {
        let question = visitor.page("/untrack?database=main&table=notes");
        assert!(words.iter().all(|words| question.contains(words)), "{question}");
        assert!(!question.contains("id=\"with\""), "{question}");
    }
    // A table that others need takes them along, and says so.
    let question = visitor.page("/untrack?table=parts");
    let (_, with) = question.split_once("id=\"with\"").unwrap();
    assert!(with.contains("stop with it") && with.contains("orders"), "{question}");
    assert_eq!(names(&a).len(), 3, "asking does nothing");
    // Alone it is refused, with the other's name.
    let refused = visitor.press("/do/untrack", &[("table", "parts"), ("back", "/tables")]);
    assert!(refused.contains("“orders” refers to it"), "{refused}");
    assert_eq!(names(&a).len(), 3);
    assert_eq!(a.post("/do/untrack", &[], "table=notes").status, 415);
    let fields = [("database", "main"), ("table", "parts"), ("table", "orders")];
    let done = visitor.press("/do/untrack", &fields);
    assert!(done.contains("2 tables are not kept in step on this machine any more"), "{done}");
    assert_eq!(names(&a), ["notes"]);
    let (_, offered) = done.split_once("id=\"track-head\"").unwrap();
    assert!(offered.contains("value=\"parts\"") && offered.contains("let go here"), "{done}");
    // Gone from the list, so there is nothing to ask any more.
    assert!(visitor.page("/untrack?table=parts").contains("id=\"track-head\""));
    b.write("UPDATE parts SET price = 3");
    a.write("INSERT INTO orders VALUES (7, 1, 'of a')");
    let fields = [("table", "parts"), ("table", "orders"), ("back", "/tables")];
    let done = visitor.press("/do/track", &fields);
    assert!(done.contains("2 tables are kept in step from now on"), "{done}");
    lab::all_say(
        &[&a, &b],
        "SELECT max(price || ' ' || what) FROM parts JOIN orders ON part = parts.id",
        "3.0 of a",
    );
    in_step(&[&a, &b]);
}

#[test]
fn the_command_line_refuses_with_the_cure() {
    let lab = Lab::new();
    let a = lab.machine("a", SHOP);
    a.ok(&["track", "--all"]);
    a.cli(&["tables", "untrack", "parts"]).failed(1, &["parts", "orders refers to it", "both"]);
    a.cli(&["tables", "untrack", "notes", "ghosts"]).failed(1, &["ghosts"]);
    assert_eq!(a.cli(&["tables", "untrack"]).code, 2);
    assert_eq!(names(&a), ["notes", "orders", "parts"], "all of them, or none");
    let told = a.ok(&["tables", "untrack", "parts", "orders"]);
    assert!(told.contains("orders, parts") && told.contains("`dunlin track`"), "{told}");
    let again = a.cli(&["tables", "untrack", "parts", "--json"]);
    assert_eq!((again.code, &again.json()["tables"]), (0, &serde_json::json!([])), "{again:?}");
    a.ok(&["track", "--all"]);
    assert_eq!(names(&a).len(), 3);
}
