//! Secrets stay where they belong: in private files, and in no log, answer or command line.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use data_encoding::{BASE32_NOPAD, BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use dunlin_tests::lab::{self, Lab, Machine, SOON, outside, until_true};
use serde_json::json;

const SHOP: &str = "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// S35: whoever may read a secret file of ours is told about before anything is served.
#[test]
fn s35_a_folder_or_file_that_others_may_read_refuses_the_start_with_a_sentence() {
    let lab = Lab::new();
    let [b, mut a] = lab.shop(["b", "a"], SHOP);
    a.ok_with(&["users", "add", "nightly", "--role", "write"], "correct horse battery\n");
    a.invite();
    a.write("INSERT INTO parts (name) VALUES ('pad')");
    lab::in_step(&[&a, &b]);
    until_true("remembered", SOON, || a.data().join("partners.json").exists());
    a.stop();
    let secrets =
        ["key", "users.json", "invites.json", "roster.jsonl", "history.db", "partners.json"];
    for name in secrets {
        let file = a.data().join(name);
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600, "{name} as it was made");
        for loose in [0o644, 0o620, 0o604] {
            mode(&file, loose);
            let says = [name, "may be read or changed by others", "chmod 600"];
            a.cli(&["run"]).failed(1, &says);
            a.cli(&["tables"]).failed(1, &says);
        }
        mode(&file, 0o600);
    }
    mode(&a.data(), 0o750);
    a.cli(&["run"]).failed(1, &["data", "may be read or changed by others", "chmod 700"]);
    mode(&a.data(), 0o700);
    a.start();
    lab::in_step(&[&a, &b]);
}

/// S35: what is missing, damaged or not understood is no reason to guess.
#[test]
fn s35_a_missing_or_damaged_file_refuses_the_start_with_a_sentence() {
    let lab = Lab::new();
    let mut a = lab.machine("a", SHOP);
    a.ok(&["track", "--all"]);
    a.ok_with(&["users", "add", "nightly", "--role", "write"], "correct horse battery\n");
    a.start();
    a.invite();
    a.stop();
    let cases: &[(&str, Option<&str>, &[&str])] = &[
        ("dunlin.toml", Some("[partner]\nlisten = \"127.0.0.1:0\"\nlissten = 7\n"), &["lissten"]),
        ("dunlin.toml", Some("[history]\nkeep_days = \"many\"\n"), &["dunlin.toml, line 2"]),
        ("key", None, &["no file", "key", "backup"]),
        ("key", Some(""), &["key", "empty", "backup"]),
        ("key", Some("-----BEGIN PRIVATE KEY-----\nMFECAQ\n"), &["not a key", "backup"]),
        ("roster.jsonl", None, &["no roster.jsonl"]),
        ("roster.jsonl", Some("{}\n"), &["line 1 of roster.jsonl is damaged"]),
        ("users.json", Some("{"), &["users.json"]),
        ("invites.json", Some("[{}]"), &["invites.json"]),
    ];
    for (name, content, says) in cases {
        let file = a.data().join(name);
        let good = fs::read(&file).unwrap();
        match content {
            Some(content) => fs::write(&file, content).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        a.cli(&["run"]).failed(1, says);
        fs::write(&file, good).unwrap();
        mode(&file, 0o600);
    }
    a.start();
}

/// Something that must not be found, and the one file where it may be.
struct Needle {
    what: String,
    bytes: Vec<u8>,
    lives: &'static str,
}

/// A secret text, and the forms in which it could slip out.
fn forms(what: &str, text: &[u8], lives: &'static str) -> Vec<Needle> {
    let coded = [
        text.to_vec(),
        BASE64.encode(text).into_bytes(),
        BASE64URL_NOPAD.encode(text).into_bytes(),
        HEXLOWER.encode(text).into_bytes(),
        HEXUPPER.encode(text).into_bytes(),
    ];
    coded.map(|bytes| Needle { what: what.to_owned(), bytes, lives }).into()
}

/// The forms of the key in a PEM file.
fn forms_of_key(what: &str, pem: &str) -> Vec<Needle> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = BASE64.decode(body.as_bytes()).unwrap();
    // PKCS#8: an octet string of 34 bytes with an octet string of 32 inside.
    let at = der.windows(4).position(|head| head == [0x04, 0x22, 0x04, 0x20]).unwrap() + 4;
    let mut needles = forms(what, &der[at..at + 32], "key");
    let line = pem.lines().nth(1).unwrap().as_bytes().to_vec();
    needles.push(Needle { what: what.to_owned(), bytes: line, lives: "key" });
    needles
}

fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => files(&entry.path(), all),
            kind if kind.is_file() => all.push(entry.path()),
            _ => {}
        }
    }
}

fn search(place: &str, name: &str, text: &[u8], needles: &[Needle]) {
    for needle in needles.iter().filter(|needle| needle.lives != name) {
        let found = text.windows(needle.bytes.len()).any(|part| part == needle.bytes);
        assert!(!found, "{} stands in {place}", needle.what);
    }
}

/// Looks through everything that a machine has written, and what others see of its process.
fn search_machine(machine: &Machine, needles: &[Needle]) -> usize {
    let mut all = Vec::new();
    files(machine.place(), &mut all);
    for file in &all {
        let name = file.file_name().unwrap().to_string_lossy();
        search(&file.display().to_string(), &name, &fs::read(file).unwrap(), needles);
    }
    for name in ["cmdline", "environ"] {
        let file = format!("/proc/{}/{name}", machine.pid());
        // Where we may not read it, nobody but root may.
        let text = fs::read(&file).unwrap_or_default();
        search(&file, name, &text, needles);
    }
    all.len()
}

/// What was printed and answered, and what must not stand in it.
#[derive(Default)]
struct Heard {
    said: String,
    needles: Vec<Needle>,
}

impl Heard {
    fn hear(&mut self, told: &lab::Told) {
        self.said.push_str(&told.out);
        self.said.push_str(&told.err);
    }

    fn hear_answer(&mut self, answer: &lab::Answer) {
        self.said.push_str(&answer.head);
        self.said.push_str(&answer.body);
    }

    fn key_of(&mut self, machine: &Machine) {
        let pem = fs::read_to_string(machine.data().join("key")).unwrap();
        self.needles.extend(forms_of_key(&format!("a key of {}", machine.name), &pem));
    }

    /// Passwords: good, wrong, too short, of nobody; as parameters and in a header.
    fn passwords(&mut self, a: &Machine) {
        const GOOD: &str = "correct horse battery staple";
        const WRONG: &str = "corect horse batery staple";
        const SHORT: &str = "tooshort-7";
        for (words, password) in [
            (["users", "add", "nightly", "--role", "write"], GOOD),
            (["users", "add", "nightly", "--role", "write"], GOOD),
            (["users", "add", "x", "--role", "admin"], SHORT),
        ] {
            self.hear(&a.cli_with(&words, password));
        }
        self.hear(&a.cli_with(&["users", "passwd", "nobody"], WRONG));
        for (user, password) in [("nightly", GOOD), ("nightly", WRONG), ("nobody", GOOD)] {
            let told = a.script("putdata", &json!(["m", user, password, []]));
            self.said.push_str(&told.to_string());
            let basic = BASE64.encode(format!("{user}:{password}").as_bytes());
            let header = format!("Basic {basic}");
            let headers = [("Authorization", &*header), ("Content-Type", "application/json")];
            let put = json!(["m", null, null, [7]]);
            let call = json!({"jsonrpc": "2.0", "id": 1, "method": "putdata", "params": put});
            for body in [call.to_string(), "{ no json".to_owned()] {
                self.hear_answer(&a.post("/rpc", &headers, &body));
            }
            self.needles.extend(forms("a password in a header", basic.as_bytes(), ""));
        }
        let params = json!(["m", "nightly", WRONG, {}]);
        let old = json!({"method": "putdata", "id": "jsonrpc", "params": params});
        self.hear_answer(&a.post("/sahana/admin/call/jsonrpc", &[], &old.to_string()));
        for password in [GOOD, WRONG, SHORT] {
            self.needles.extend(forms("a password", password.as_bytes(), ""));
        }
    }

    /// Tokens: one that is used, one at the wrong machine, one that is cut, one that is none.
    fn tokens(&mut self, a: &Machine, b: &Machine) {
        let tokens = [a.invite(), a.invite()];
        for token in &tokens {
            let text = token.strip_prefix("dunlin1-").unwrap();
            let bytes = BASE32_NOPAD.decode(text.as_bytes()).unwrap();
            self.needles.extend(forms("the secret of a token", &bytes[41..61], ""));
            self.needles.extend(forms("a token", token.as_bytes(), ""));
        }
        let cut = tokens[1].get(..tokens[1].len() - 4).unwrap();
        for (machine, token) in [(b, &*tokens[0]), (a, &tokens[1]), (b, cut), (b, "hunter2")] {
            self.hear(&machine.cli_with(&["join"], token));
        }
    }

    /// A token of a script: used, used where it is not enough, shown to the wrong machine, and ended.
    fn api_token(&mut self, a: &Machine, b: &Machine) {
        let token = a.ok(&["tokens", "create", "api", "--role", "read"]).trim().to_owned();
        let header = format!("Bearer {token}");
        let headers = [("Authorization", &*header), ("Content-Type", "application/json")];
        let call = |method| json!({"jsonrpc": "2.0", "id": 1, "method": method}).to_string();
        for (machine, method) in [(a, "partners_list"), (a, "users_list"), (b, "partners_list")] {
            self.hear_answer(&machine.post("/rpc", &headers, &call(method)));
        }
        self.hear(&a.cli(&["tokens", "revoke", "api"]));
        self.hear_answer(&a.post("/rpc", &headers, &call("partners_list")));
        self.needles.extend(forms("a token of a script", token.as_bytes(), ""));
    }

    /// Everything that can be asked.
    fn everything(&mut self, a: &Machine) {
        let lists = [
            "status",
            "partners",
            "tables",
            "history",
            "held",
            "conflicts",
            "users list",
            "tokens list",
            "key show",
        ];
        for list in lists.iter().chain(&["no such command"]) {
            let words: Vec<&str> = list.split(' ').collect();
            self.hear(&a.cli(&words));
            let json: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
            self.hear(&a.cli(&json));
        }
        for page in
            ["/", "/users", "/settings", "/log", "/about", "/metrics", "/health", "/nothing"]
        {
            self.hear_answer(&lab::http::get(a.admin(), page, &[]));
        }
        for method in ["settings_show", "log_list", "support_bundle"] {
            self.said.push_str(&a.call(method, &json!([])).unwrap().to_string());
        }
    }
}

/// S37.
#[test]
fn s37_no_secret_is_in_a_log_an_answer_a_database_or_a_command_line() {
    let lab = Lab::new();
    let mut heard = Heard::default();
    let [mut a, mut b] = ["a", "b"].map(|name| lab.machine(name, SHOP));
    for machine in [&mut a, &mut b] {
        machine.ok(&["track", "--all"]);
        machine.configure("[log]\nlevel = \"trace\"\n");
        machine.start();
        heard.key_of(machine);
    }
    heard.passwords(&a);
    heard.tokens(&a, &b);
    heard.api_token(&a, &b);
    a.write("INSERT INTO parts (name) VALUES ('pad')");
    until_true("joined and level", SOON, || b.ask("SELECT count(*) FROM parts") == "1");
    heard.hear(&a.cli(&["key", "rotate", "--yes"]));
    heard.key_of(&a);
    until_true("the old key deleted", SOON, || !a.data().join("key.old").exists());
    heard.everything(&a);

    // The search would find what is there: the key in its own file.
    let Heard { said, needles } = heard;
    let own = fs::read(a.data().join("key")).unwrap();
    let stands = |needle: &Needle| own.windows(needle.bytes.len()).any(|part| part == needle.bytes);
    assert!(needles.iter().any(stands));
    assert!(a.logged().contains("\"level\":\"DEBUG\""), "the log is not at its most talkative");
    search("what was printed", "", said.as_bytes(), &needles);
    for machine in [&a, &b] {
        assert!(search_machine(machine, &needles) > 5);
    }
    // And what a stop or a kill leaves.
    a.stop();
    b.kill();
    let mut left = Vec::new();
    files(lab.path(), &mut left);
    for file in &left {
        let name = file.file_name().unwrap().to_string_lossy();
        search(&file.display().to_string(), &name, &fs::read(file).unwrap(), &needles);
    }
}

/// S37: the key and the passwords are in the process's memory, and do not come out of it.
#[test]
fn s37_the_daemon_dumps_no_core_and_cannot_be_read_from_outside() {
    /// Nobody, who owns no file.
    const USER: u32 = 65_534;
    let lab = Lab::new();
    let mut a = lab.machine("a", SHOP);
    a.start();
    let limits = fs::read_to_string(format!("/proc/{}/limits", a.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let words: Vec<&str> = core.split_whitespace().collect();
    assert_eq!(words.get(4..6), Some(&["0", "0"][..]), "{core}");
    a.kill();

    // To see that it is closed to its own user it has to be another's than the test's, if that is root's.
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if !is_root {
        a.start();
        let read = fs::read(format!("/proc/{}/environ", a.pid()));
        assert!(read.is_err(), "its own user reads its environment, and so its memory");
        return;
    }
    if !outside::has("setpriv", "whether the daemon's own user can read its memory") {
        return;
    }
    let user = USER.to_string();
    let owner = format!("{user}:{user}");
    mode(lab.path(), 0o755);
    let chown = outside::run("chown", &["-R", &owner, a.place().to_str().unwrap()], "");
    assert_eq!(chown.code, 0, "{chown:?}");
    let as_user = ["setpriv", "--reuid", &user, "--regid", &user, "--clear-groups"];
    a.run_by(&as_user);
    a.start();
    let process = PathBuf::from(format!("/proc/{}", a.pid()));
    assert_eq!(fs::metadata(&process).unwrap().uid(), USER);
    let environ = process.join("environ");
    assert_eq!(fs::metadata(&environ).unwrap().uid(), 0, "closed to its own user");
    let read = outside::run(
        "setpriv",
        &["--reuid", &user, "--clear-groups", "cat", environ.to_str().unwrap()],
        "",
    );
    assert!(read.code != 0 && read.out.is_empty(), "{read:?}");
    // It serves all the same.
    assert!(a.status().is_ok());
}
