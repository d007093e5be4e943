//! The command line of the real program: exit codes, sentences, JSON; and bad input.

use std::os::unix::fs::PermissionsExt as _;

use dunlin_tests::lab::Lab;
use dunlin_tests::lab::machine::{Told, finish, program};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const SHOP: &str = "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";

/// The program with exactly these arguments.
fn dunlin(arguments: &[&str]) -> Told {
    let mut command = Command::new(program());
    command.args(arguments).env_remove("DUNLIN_DATA");
    finish(command, "")
}

fn init(data: &Path, database: &Path) -> Told {
    let listen = ["--partner-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let (data, database) = (data.to_str().unwrap(), database.to_str().unwrap());
    dunlin(&[&["init", "--data", data, "--database", database][..], &listen].concat())
}

#[test]
fn every_command_answers_json_that_has_a_schema_number() {
    let lab = Lab::new();
    let [a, b] = lab.shop(["a", "b"], SHOP);
    a.write("INSERT INTO parts (name) VALUES ('pad')");
    dunlin_tests::lab::in_step(&[&a, &b]);
    let is_json = |told: &Told| {
        let json = told.json();
        assert_eq!(json["schema"], 1, "{told:?}");
        json
    };
    for command in [
        &["status"][..],
        &["partners"],
        &["tables"],
        &["history"],
        &["held"],
        &["conflicts"],
        &["held", "retry"],
        &["users", "list"],
        &["track", "--all"],
        &["invite"],
        &["sync", "--wait"],
    ] {
        let told = a.cli(&[command, &["--json"]].concat());
        assert_eq!(told.code, 0, "{command:?}: {told:?}");
        is_json(&told);
        let plain = a.cli(command);
        assert!(plain.code == 0 && !plain.out.contains('\u{1b}'), "{command:?}: {plain:?}");
    }
    let status = is_json(&a.cli(&["status", "--json"]));
    for place in [
        "/machine/id",
        "/machine/name",
        "/machine/version",
        "/databases/0/name",
        "/databases/0/epoch",
        "/databases/0/tables/0/name",
        "/databases/0/tables/0/rows",
        "/databases/0/tables/0/digest",
        "/databases/0/tables/0/held",
        "/databases/0/tables/0/conflicts",
        "/partners/0/id",
        "/partners/0/name",
        "/partners/0/state",
        "/partners/0/address",
        "/partners/0/last_seen",
        "/partners/0/waiting_in",
        "/partners/0/waiting_out",
        "/sightings",
    ] {
        assert!(status.pointer(place).is_some(), "no {place} in {status}");
    }
    // The same commands without a daemon, in their own process.
    let (mut a, _b) = (a, b);
    a.stop();
    for command in ["status", "partners", "tables", "history", "held", "conflicts"] {
        let told = a.cli(&[command, "--json"]);
        assert_eq!(told.code, 0, "{command}: {told:?}");
        is_json(&told);
    }
    let told = a.cli(&["sync", "--json"]);
    told.failed(3, &["not running", "dunlin run"]);
}

#[test]
fn exit_codes_tell_scripts_what_kind_of_trouble_it_is() {
    let lab = Lab::new();
    let mut a = lab.machine("a", SHOP);
    for wrong in [
        &["no-such-command"][..],
        &["status", "--colour"],
        &["invite", "--uses", "0"],
        &["invite", "--uses", "many"],
        &["track"],
        &["users", "add", "x", "--role", "king"],
        &["demo", "--machines", "1"],
        &[],
    ] {
        let told = dunlin(wrong);
        assert_eq!(told.code, 2, "{wrong:?}: {told:?}");
        assert!(!told.err.is_empty(), "{wrong:?}: {told:?}");
    }
    assert_eq!(dunlin(&["--version"]).code, 0);
    assert_eq!(dunlin(&["completions", "bash"]).code, 0);
    let nowhere = lab.path().join("nowhere");
    let told = dunlin(&["status", "--data", nowhere.to_str().unwrap()]);
    told.failed(1, &["no machine", "dunlin init"]);
    a.cli(&["sync"]).failed(3, &["not running"]);
    a.ok(&["track", "--all"]);
    a.start();
    let told = a.cli(&["sync", "--partner", "ghost"]);
    told.failed(1, &["ghost", "dunlin partners"]);
    assert_eq!(a.cli(&["status"]).code, 0);
}

#[test]
fn a_word_in_the_configuration_that_is_none_is_named_with_its_line_and_the_likely_one() {
    let lab = Lab::new();
    let a = lab.machine("a", SHOP);
    a.configure("[history]\nkeep_dayz = 3\n");
    let told = a.cli(&["run"]);
    assert_eq!(told.code, 1, "{told:?}");
    for word in ["keep_dayz", "keep_days", "line"] {
        assert!(told.err.contains(word), "{told:?}");
    }
    assert!(!a.data().join("addresses.json").exists());
    let told = a.cli(&["status"]);
    assert_eq!(told.code, 1, "{told:?}");
}

#[test]
fn init_refuses_what_it_cannot_keep_and_leaves_nothing_behind() {
    let lab = Lab::new();
    let data = lab.path().join("data");
    let (missing, text) = (lab.path().join("missing.db"), lab.path().join("text.db"));
    std::fs::write(&text, "Dear diary, this is not a database at all, is it?").unwrap();
    init(&data, &missing).failed(1, &["missing.db"]);
    init(&data, &text).failed(1, &["text.db", "not a SQLite database"]);
    init(&data, lab.path()).failed(1, &["not a SQLite database"]);
    assert!(!data.exists() && !missing.exists());
    // Twice in one folder.
    let a = lab.machine("a", SHOP);
    let key = std::fs::read(a.data().join("key")).unwrap();
    init(&a.data(), &a.database()).failed(1, &["already holds a machine"]);
    assert_eq!(std::fs::read(a.data().join("key")).unwrap(), key);
    // A port that somebody has.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    let told = dunlin(&[
        "init",
        "--data",
        data.to_str().unwrap(),
        "--database",
        a.database().to_str().unwrap(),
        "--partner-listen",
        &port,
        "--admin-listen",
        "127.0.0.1:0",
    ]);
    told.failed(1, &[&port, "--partner-listen"]);
    assert!(!data.exists());
    // The page is for this machine only.
    let told = dunlin(&["init", "--database", "x", "--admin-listen", "0.0.0.0:7475"]);
    assert_eq!(told.code, 2, "{told:?}");
    for file in ["key", "roster.jsonl", "dunlin.toml"] {
        let mode = std::fs::metadata(a.data().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file} is open to others");
    }
}

#[test]
fn a_second_daemon_on_the_same_folder_or_the_same_database_says_so() {
    let lab = Lab::new();
    let mut a = lab.machine("a", SHOP);
    a.ok(&["track", "--all"]);
    // A second folder for A's file, made before A's daemon runs.
    let other = lab.path().join("other");
    let told = init(&other, &a.database());
    assert_eq!(told.code, 0, "{told:?}");
    a.start();
    let told = a.cli(&["run"]);
    assert!(told.code != 0, "{told:?}");
    told.failed(told.code, &[a.data().to_str().unwrap()]);
    let other = other.to_str().unwrap();
    let told = dunlin(&["run", "--data", other]);
    assert!(told.code != 0, "{told:?}");
    told.failed(told.code, &["shop.db"]);
    assert_eq!(a.cli(&["status"]).code, 0, "the first goes on");
    let third = init(&lab.path().join("third"), &a.database());
    third.failed(1, &["shop.db"]);
}

#[test]
fn a_table_that_cannot_be_tracked_is_named_with_the_reason() {
    let lab = Lab::new();
    let a = lab.machine(
        "a",
        "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE loose (word TEXT);",
    );
    let triggers = "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'";
    a.cli(&["track", "ghosts"]).failed(1, &["ghosts"]);
    let told = a.cli(&["track", "loose"]);
    assert_eq!(told.code, 1, "{told:?}");
    assert!((told.out.clone() + &told.err).contains("loose"), "{told:?}");
    assert_eq!(a.ask(triggers), "0", "nothing half done");
    // With one that can be tracked beside it, named with --all, it is a note.
    let told = a.cli(&["track", "--all", "--json"]);
    assert_eq!(told.code, 0, "{told:?}");
    let json: Value = told.json();
    assert_eq!(json["tables"], serde_json::json!(["parts"]), "{json}");
    assert_eq!(json["refused"][0]["name"], "loose", "{json}");
    a.cli(&["track", "parts", "--references", "parts.ghost=parts"]).failed(1, &["ghost"]);
    assert_eq!(a.cli(&["track", "parts", "--references", "nonsense"]).code, 2);
}

#[test]
fn a_daemon_that_cannot_start_says_why_in_a_sentence() {
    let lab = Lab::new();
    let a = lab.machine("a", SHOP);
    a.ok(&["track", "--all"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    a.reword("\"127.0.0.1:0\"", &format!("\"{port}\""));
    a.cli(&["run"]).failed(1, &[&port, "another program"]);
    for left in ["addresses.json", "dunlin.sock"] {
        assert!(!a.data().join(left).exists(), "{left}");
    }
    a.reword(&port, "127.0.0.1:0");
    // The application's file went away, or is no database any more.
    let away = lab.path().join("away.db");
    std::fs::rename(a.database(), &away).unwrap();
    a.cli(&["run"]).failed(1, &["shop.db"]);
    assert!(!a.database().exists(), "no empty file in its place");
    std::fs::write(a.database(), "x".repeat(5_000)).unwrap();
    a.cli(&["run"]).failed(1, &["shop.db"]);
    // A key that is damaged, and one that others can read.
    let key = a.data().join("key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    a.cli(&["run"]).failed(1, &["key"]);
}

#[test]
fn a_folder_that_cannot_be_written_is_told_and_nothing_is_made() {
    let lab = Lab::new();
    let a = lab.machine("a", SHOP);
    // Root may write anywhere, but not below a file.
    let below = a.database().join("data");
    let told = init(&below, &a.database());
    assert_eq!(told.code, 1, "{told:?}");
    told.failed(1, &["shop.db"]);
    let told = init(Path::new("/proc/dunlin"), &a.database());
    told.failed(1, &["/proc/dunlin"]);
}

#[test]
fn a_file_is_checked_without_a_machine_and_nothing_of_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.db");
    let path = file.to_str().unwrap();
    let shop = rusqlite::Connection::open(&file).unwrap();
    shop.execute_batch(
        "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT);
         CREATE TABLE lines (id INTEGER PRIMARY KEY, part_id INTEGER); CREATE TABLE notes (text TEXT);",
    )
    .unwrap();
    let before = std::fs::read(&file).unwrap();
    let told = dunlin(&["check", path]);
    assert_eq!(told.code, 5, "{told:?}");
    for word in ["2 tables", "Nothing was changed", "--references 'lines.part_id=parts'", "notes: "]
    {
        assert!(told.out.contains(word), "no {word:?} in {told:?}");
    }
    let json = dunlin(&["check", path, "--json"]);
    let kinds = json.json()["decide"].as_array().unwrap().clone();
    let kinds: Vec<&str> = kinds.iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!((json.code, kinds), (5, vec!["reference", "cannot"]));
    let answers = ["--except", "notes", "--references", "lines.part_id=parts"];
    assert_eq!(dunlin(&[&["check", path][..], &answers].concat()).code, 0);
    assert_eq!(std::fs::read(&file).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    dunlin(&["check", "/no/such.db"]).failed(1, &["there is no file /no/such.db"]);
    dunlin(&["check", folder.path().to_str().unwrap()]).failed(1, &["not a SQLite database"]);
    dunlin(&["check", path, "no_table"]).failed(1, &["no_table"]);
    assert_eq!(dunlin(&["check"]).code, 2);

    // The same of a machine's file, before and after it tracks.
    let data = folder.path().join("data");
    assert_eq!(init(&data, &file).code, 0);
    let data = data.to_str().unwrap();
    let here = |arguments: &[&str]| dunlin(&[arguments, &["--data", data]].concat());
    let line = ["track", "--all", "--except", "notes", "--no-reference", "lines.part_id"];
    let dry = here(&[&line[..], &["--dry-run"]].concat());
    assert!(dry.code == 0 && dry.out.contains("2 tables would be kept in step."), "{dry:?}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
    let done = here(&line);
    assert!(done.code == 0 && done.out.contains("Tracking 2 tables"), "{done:?}");
    let dry = here(&["track", "--all", "--dry-run"]);
    assert!(dry.out.contains("2 of them already"), "{dry:?}");
    dunlin(&["track", "--all", "--dry-run", "--data", "/no/such"]).failed(1, &["no machine"]);
}
