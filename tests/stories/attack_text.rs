//! Attacks by text: names and values that would be markup, a terminal's commands or a forged log line.

use std::collections::BTreeSet;

use dunlin::folder::Folder;
use dunlin::roster::Roster;
use dunlin::roster::statement::Signer;
use dunlin_rpc::Identity;
use dunlin_tests::lab::attacker::{self, Browser, FORGED, Reply, evil};
use dunlin_tests::lab::outside::has;
use dunlin_tests::lab::{self, Lab, Machine, SOON, until, until_true};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";

/// Characters that command a terminal or turn the reading direction.
fn is_command(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{feff}')
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Tables and rows with evil names and values.
fn schema() -> String {
    let tables = evil().into_iter().enumerate().map(|(number, name)| {
        let (table, column) = (quoted(&name), quoted(&format!("{name}.")));
        format!(
            "CREATE TABLE {table} (id INTEGER PRIMARY KEY, {column} TEXT);
             INSERT INTO {table} VALUES ({number}, '{}');",
            name.replace('\'', "''")
        )
    });
    tables.chain(["CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT);".to_owned()]).collect()
}

/// Two machines of one shop, and all that one is called is evil: its tables, its rows, its users,
/// and its own name, which it signed itself without asking whether it may.
fn evil_shop(lab: &Lab) -> (Machine, Machine) {
    let mut evil_one = lab.machine("a", &schema());
    let data = evil_one.data();
    std::fs::remove_file(data.join("roster.jsonl")).unwrap();
    let identity = Identity::from_pem(&std::fs::read_to_string(data.join("key")).unwrap()).unwrap();
    let name = evil().concat();
    Roster::found(
        &Folder::open(&data).unwrap(),
        Signer { identity: &identity, at: 0 },
        &name.chars().take(9_000).collect::<String>(),
    )
    .unwrap();
    let mut good = lab.machine("b", &schema());
    for machine in [&mut evil_one, &mut good] {
        machine.cli(&["track", "--all"]);
        machine.start();
    }
    good.ok_with(&["users", "add", "nightly", "--role", "write"], PASSWORD);
    for name in evil().iter().filter(|name| !name.contains(is_command) && name.len() < 64) {
        good.ok_with(&["users", "add", name, "--role", "read"], PASSWORD);
    }
    good.join(&evil_one.invite());
    evil_one.write("INSERT INTO parts VALUES (1, 'one')");
    lab::all_say(&[&good], "SELECT group_concat(name) FROM parts", "one");
    // A row that both changed: the version that lost is shown to a person.
    good.stop();
    for (machine, name) in [(&evil_one, evil().concat()), (&good, evil().concat() + "!")] {
        machine.write(&format!("UPDATE parts SET name = '{}'", name.replace('\'', "''")));
    }
    good.start();
    lab::in_step(&[&evil_one, &good]);
    (evil_one, good)
}

#[test]
fn s24_no_command_prints_what_could_command_a_terminal() {
    let lab = Lab::new();
    let (evil_one, good) = evil_shop(&lab);
    let mut seen = BTreeSet::new();
    for machine in [&evil_one, &good] {
        for command in
            ["status", "partners", "tables", "history", "held", "conflicts", "users list"]
        {
            let words: Vec<&str> = command.split(' ').collect();
            let told = machine.cli(&words);
            assert!(matches!(told.code, 0 | 5), "{command}: {told:?}");
            let odd = (told.out.clone() + &told.err).replace('\n', "");
            assert!(!odd.contains(is_command), "{command}: {odd:?}");
            assert!(!told.out.contains(&format!("\n{FORGED}")), "{command}: {}", told.out);
            assert!(told.out.lines().all(|line| line.chars().count() < 1_000), "{command}");
            seen.extend(evil().into_iter().filter_map(|name| {
                let word = name.get(..7)?.to_owned();
                told.out.contains(&word).then_some(word)
            }));

            let told = machine.cli(&[&words[..], &["--json"]].concat());
            assert!(!told.out.replace('\n', "").contains(is_command), "{command}: {}", told.out);
            let told = told.json();
            assert!(told["schema"].is_number(), "{command}: {told}");
        }
    }
    assert!(seen.len() >= 8, "only {seen:?} was shown at all");
    // In JSON a name is what it is, not what is left of it.
    let told = good.cli(&["tables", "--json"]).json();
    let names: BTreeSet<&str> = told["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|table| table["name"].as_str().unwrap())
        .collect();
    for name in evil().iter().filter(|name| name.len() < 1_000) {
        assert!(names.contains(name.as_str()), "{name:?} in {names:?}");
    }
}

#[test]
fn s24_the_status_page_in_a_real_browser_shows_names_as_text() {
    if !has("chromium", "names as text in a real browser") {
        return;
    }
    let lab = Lab::new();
    let (evil_one, good) = evil_shop(&lab);
    for machine in [&evil_one, &good] {
        let shown = Browser::dump(&[], &format!("http://{}/", machine.admin()));
        let (page, told) = (&shown.out, console(&shown.err));
        assert!(page.contains("Partners") && page.contains("pwned-a&lt;img"), "{page}");
        // The pictures and scripts are our own files.
        for (element, file) in [("<img", "src=\"/assets/"), ("<script", "src=\"/assets/")] {
            let mut found = page.split(element).skip(1);
            let ours = |rest: &str| rest.split('>').next().is_some_and(|tag| tag.contains(file));
            assert!(found.all(ours), "{element}: {page}");
        }
        for element in ["<iframe", "<b>"] {
            assert!(!page.contains(element), "{element}: {page}");
        }
        // What is written as an element is ours, and none of its attributes is theirs.
        let tags = page.split('<').skip(1).filter_map(|piece| piece.split('>').next());
        let bad =
            |tag: &&str| ["pwned", "onerror", "javascript:"].iter().any(|word| tag.contains(word));
        assert_eq!(tags.filter(bad).collect::<Vec<_>>(), Vec::<&str>::new());
        assert!(!page.contains("<title>pwned</title>") && !page.contains("49$"), "{page}");
        assert!(page.contains("{{7*7}}"), "{page}");
        assert!(!page.replace('\n', "").contains(is_command), "{page:?}");
        // Not even an attempt: the policy had nothing to stop.
        assert_eq!(told, Vec::<&str>::new());
    }
}

/// What a page said to the browser's console, violations of its policy among it.
fn console(err: &str) -> Vec<&str> {
    err.lines().filter(|line| line.contains("CONSOLE")).collect()
}

#[test]
fn s24_the_same_names_do_run_on_a_page_that_does_not_escape_them() {
    if !has("chromium", "names that run in a real browser") {
        return;
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    attacker::serve(listener, |request| {
        let policy = "Content-Security-Policy: default-src 'none'\r\n";
        let headers = if request.path == "/strict" { policy } else { "" };
        let body = format!("<title>x</title><p>{}", evil().concat());
        Some(Reply { headers, ..Reply::page(body) })
    });
    let shown = Browser::dump(&[], &format!("http://{address}/"));
    assert!(shown.out.contains("<title>pwned</title>"), "{shown:?}");
    let shown = Browser::dump(&[], &format!("http://{address}/strict"));
    assert!(!console(&shown.err).is_empty(), "a violation is told: {shown:?}");
}

#[test]
fn s25_a_line_end_in_a_name_forges_no_log_line() {
    let lab = Lab::new();
    let (evil_one, good) = evil_shop(&lab);
    // Unknown tables and columns are named in the log.
    let columns = json!(["id", "uuid", "modified_on", format!("colour\r\n{FORGED}\u{1b}[2J")]);
    let uuid = "464ca4bf-1c21-4584-842d-c7ea0d6c587f";
    let row = json!([[1, uuid, "2009-08-01 14:09:17", "red"]]);
    let dump = json!([
        [format!("nothing\r\n{FORGED}\r\n\u{202e}"), columns, row],
        ["parts", columns, row],
    ]);
    let answer = good.script("putdata", &json!(["m", "nightly", PASSWORD, dump]));
    assert!(answer["result"] == true || answer["result"].is_string(), "{answer}");
    // And so may be whatever a caller says.
    good.script(&format!("no_such\r\n{FORGED}"), &json!([]));
    good.script("putdata", &json!([format!("m\r\n{FORGED}"), format!("u\r\n{FORGED}"), "x", []]));
    let named = |machine: &Machine| machine.logged().matches("admin logged in").count();
    until_true("told in the log", SOON, || named(&good) >= 2);
    for machine in [&evil_one, &good] {
        let files = std::fs::read_dir(machine.data().join("logs")).unwrap().flatten();
        let mut lines = 0;
        for file in files {
            // A line may be half written as it is read.
            until("whole lines", SOON, || {
                let text = std::fs::read_to_string(file.path()).unwrap();
                lines += text.lines().count();
                text.lines().try_for_each(|line| {
                    let line: Value =
                        serde_json::from_str(line).map_err(|error| error.to_string())?;
                    assert!(line["time"].is_string() && line["message"].is_string(), "{line}");
                    assert!(!line.to_string().contains(r"\r\n2026"), "a line end is left: {line}");
                    Ok(())
                })
            });
        }
        assert!(lines > 0, "no log of {}", machine.name);
        for line in machine.logged().lines() {
            assert!(!line.starts_with(FORGED), "{line}");
            assert!(!line.contains(is_command), "{line:?}");
        }
    }
}
