//! One machine: its folder, its file, its process, and what it is asked.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot make its input should stop"
)]
#![expect(clippy::print_stderr, reason = "what a daemon said last explains a story that failed")]

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::http::{self, Answer};
use super::load::Load;
use super::talk::Talk;
use super::{SOON, Table, open, until};

/// How long one command may take: `sync --wait` takes up to a minute.
const COMMAND: Duration = Duration::from_secs(90);

/// A daemon ends within 5 s of SIGTERM by promise.
const STOP: Duration = Duration::from_secs(5);

/// One machine; its daemon is killed when it is dropped.
#[derive(Debug)]
pub struct Machine {
    /// What it is called.
    pub name: String,
    /// Where partners find it, also after a restart.
    pub partner: SocketAddr,
    place: PathBuf,
    /// What stands before the program on each command line: `ip netns exec NAME`.
    before: Vec<String>,
    /// Variables of its programs' environment.
    variables: Vec<(String, String)>,
    daemon: Option<Child>,
}

/// How a command ended, and what it said.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its exit code; 255 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Told {
    fn of(output: &std::process::Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(255),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// It failed with this code and one sentence, in which all these words stand.
    pub fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in {self:?}");
        }
        assert!(!self.err.contains("panicked"), "{self:?}");
        assert_eq!(self.err.trim_end().lines().count(), 1, "more than a sentence: {self:?}");
    }
}

/// The program: beside the tests' own folder, where `cargo build` puts it.
pub fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let built = tests.parent().and_then(Path::parent).unwrap().join("dunlin");
    assert!(built.exists(), "no {}; run `cargo build -p dunlin` first", built.display());
    built
}

/// Runs a command to its end; it is killed, and the test fails, when it takes longer than [`COMMAND`].
pub fn finish(mut command: Command, input: &str) -> Told {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (pid, mut stdin) = (child.id(), child.stdin.take().unwrap());
    let (told, ended) = mpsc::channel();
    let input = input.to_owned();
    let worker = std::thread::spawn(move || {
        // Who does not read its input says why on standard error.
        stdin.write_all(input.as_bytes()).unwrap_or_default();
        drop(stdin);
        told.send(child.wait_with_output()).unwrap_or_default();
    });
    let Ok(output) = ended.recv_timeout(COMMAND) else {
        signal("KILL", pid);
        panic!("{command:?} does not end");
    };
    worker.join().unwrap();
    Told::of(&output.unwrap())
}

/// Sends a signal; the system call needs more than safe Rust.
pub(super) fn signal(name: &str, pid: u32) {
    let sent = Command::new("/bin/sh").args(["-c", "kill -$0 $1", name, &pid.to_string()]).status();
    assert!(sent.unwrap().success(), "no signal {name} to {pid}");
}

/// What a machine counts as found by the poll alone.
pub fn found_by_poll(admin: SocketAddr) -> u64 {
    let metrics = http::get(admin, "/metrics", &[]).body;
    let counted = metrics.lines().find(|line| line.starts_with("dunlin_found_by_poll_total{"));
    let figure = counted.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    figure.unwrap_or_else(|| panic!("{metrics}"))
}

impl Machine {
    /// A machine in a folder that holds the application's file; nothing is written.
    pub fn at(name: &str, place: &Path, partner: SocketAddr) -> Self {
        Self {
            name: name.to_owned(),
            partner,
            place: place.to_owned(),
            before: Vec::new(),
            variables: Vec::new(),
            daemon: None,
        }
    }

    /// Has all its programs started by another, such as `ip netns exec NAME`.
    pub fn run_by(&mut self, before: &[&str]) {
        self.before = before.iter().map(|word| (*word).to_owned()).collect();
    }

    /// Has its programs run with these variables.
    pub fn run_with(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        self.variables.extend(variables);
    }

    /// The application's file.
    pub fn database(&self) -> PathBuf {
        self.place.join("shop.db")
    }

    /// The state folder.
    pub fn data(&self) -> PathBuf {
        self.place.join("data")
    }

    /// Makes the machine's state folder.
    pub fn init(&self) {
        let (file, partner) = (self.database(), self.partner.to_string());
        let file = file.to_str().unwrap();
        self.ok(&[
            "init",
            "--database",
            file,
            "--name",
            &self.name,
            "--partner-listen",
            &partner,
            "--admin-listen",
            "127.0.0.1:0",
        ]);
    }

    /// Appends to the configuration.
    pub fn configure(&self, text: &str) {
        let path = self.data().join("dunlin.toml");
        let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
        write!(file, "\n{text}").unwrap();
    }

    /// Changes a word of the configuration.
    pub fn reword(&self, from: &str, to: &str) {
        let path = self.data().join("dunlin.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    /// Writes into the configuration where a partner is.
    pub fn knows(&self, there: &Self) {
        let (name, address) = (&there.name, there.partner);
        self.configure(&format!(
            "[[partner_address]]\npartner = \"{name}\"\naddresses = [\"{address}\"]\n"
        ));
    }

    /// Writes into the configuration that a partner is never called.
    pub fn never_calls(&self, there: &Self) {
        let name = &there.name;
        self.configure(&format!("[[partner_address]]\npartner = \"{name}\"\ndial = \"never\"\n"));
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let program = program();
        let mut words = self.before.iter().map(PathBuf::from).chain([program]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(arguments).arg("--data").arg(self.data());
        command.env_remove("DUNLIN_DATA");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command with nothing on its standard input.
    pub fn cli(&self, arguments: &[&str]) -> Told {
        self.cli_with(arguments, "")
    }

    /// Runs a command with this on its standard input.
    pub fn cli_with(&self, arguments: &[&str], input: &str) -> Told {
        finish(self.command(arguments), input)
    }

    /// Starts a command that is talked with.
    pub fn talk(&self, arguments: &[&str]) -> Talk {
        Talk::with(self.command(arguments))
    }

    /// Runs a command that must succeed; what it printed.
    pub fn ok(&self, arguments: &[&str]) -> String {
        self.ok_with(arguments, "")
    }

    /// As [`Machine::ok`], with this on its standard input.
    pub fn ok_with(&self, arguments: &[&str], input: &str) -> String {
        let told = self.cli_with(arguments, input);
        assert_eq!(told.code, 0, "{} {arguments:?}: {told:?}", self.name);
        told.out
    }

    /// Starts the daemon and waits until it answers.
    pub fn start(&mut self) {
        assert!(self.daemon.is_none(), "{} runs already", self.name);
        // What a killed daemon left must not be taken for the new one's.
        std::fs::remove_file(self.data().join("addresses.json")).unwrap_or_default();
        let log = File::options().append(true).create(true).open(self.log()).unwrap();
        let mut command = self.command(&["run"]);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.daemon = Some(command.spawn().unwrap());
        until("answering", SOON, || {
            if let Some(status) = self.ended() {
                panic!("{} ended by itself: {status}", self.name);
            }
            self.status()?;
            let addresses = self.data().join("addresses.json");
            addresses.exists().then_some(()).ok_or_else(|| "it does not say where".to_owned())
        });
    }

    fn log(&self) -> PathBuf {
        self.place.join("daemon.log")
    }

    /// How the daemon ended by itself, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.daemon.as_mut().and_then(|daemon| daemon.try_wait().unwrap())
    }

    /// Does the daemon run, as far as the lab knows?
    pub fn runs(&self) -> bool {
        self.daemon.is_some()
    }

    /// Asks the daemon to stop and waits; how long it took. It must end well and in time.
    pub fn stop(&mut self) -> Duration {
        let begun = Instant::now();
        self.signal("TERM");
        let mut daemon = self.daemon.take().unwrap();
        let status = until("stopped", SOON, || {
            daemon.try_wait().unwrap().ok_or_else(|| "still running".to_owned())
        });
        let took = begun.elapsed();
        assert!(status.success(), "{}: {status}", self.name);
        assert!(took <= STOP, "{} took {took:?} to stop", self.name);
        took
    }

    /// Kills the daemon, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().unwrap();
            daemon.wait().unwrap();
        }
    }

    /// The daemon's process id.
    pub fn pid(&self) -> u32 {
        self.daemon.as_ref().unwrap().id()
    }

    /// The folder that holds all of the machine: its file, its state and what its daemon says.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// What the daemon costs the computer; see [`Load`].
    pub fn load(&self) -> Load {
        Load::of(self.pid())
    }

    /// Sends the daemon a signal.
    pub fn signal(&self, name: &str) {
        signal(name, self.pid());
    }

    /// A token that lets one machine in.
    pub fn invite(&self) -> String {
        self.ok(&["invite"]).trim().to_owned()
    }

    /// Joins the shop of a token.
    pub fn join(&self, token: &str) {
        self.ok_with(&["join"], token);
    }

    /// Calls a method by the socket, as the command line does.
    pub fn call(&self, method: &str, params: &Value) -> Result<Value, String> {
        let stream = UnixStream::connect(self.data().join("dunlin.sock"))
            .map_err(|error| error.to_string())?;
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = http::post(stream, "/rpc", "localhost", &[], &body.to_string())
            .map_err(|error| error.to_string())?;
        let mut answer: Value =
            serde_json::from_str(&answer.body).map_err(|error| format!("{error}: {answer:?}"))?;
        match answer.get_mut("result") {
            Some(result) => Ok(result.take()),
            None => Err(answer.to_string()),
        }
    }

    /// How much memory the daemon has, in bytes, as Linux counts it; 0 elsewhere.
    pub fn memory(&self) -> u64 {
        let pid = self.daemon.as_ref().unwrap().id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kilobytes.unwrap_or(0) << 10
    }

    /// What the daemon says of itself.
    pub fn status(&self) -> Result<Value, String> {
        self.call("machine_status", &json!([]))
    }

    /// What needs a person, as `dunlin status` words it: a line each.
    pub fn attention(&self) -> String {
        let told = self.cli(&["status"]).out;
        let (_, after) = told.split_once("Needs attention\n").unwrap_or_default();
        after.lines().take_while(|line| line.starts_with(" ! ")).collect::<Vec<_>>().join("\n")
    }

    /// The machine's id.
    pub fn id(&self) -> String {
        let status = self.status().unwrap();
        status.pointer("/machine/id").and_then(Value::as_str).unwrap().to_owned()
    }

    /// The tables that are in the file, as the daemon tells of them, and the digest of the conflicts.
    pub fn tables(&self) -> Result<Vec<Table>, String> {
        let status = self.status()?;
        let tables = status.pointer("/databases/0/tables").and_then(Value::as_array);
        let text = |table: &Value, name: &str| {
            table.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let tables = tables.ok_or_else(|| status.to_string())?.iter();
        let there = self.ask(
            "SELECT group_concat(lower(name), char(10)) FROM sqlite_schema WHERE type = 'table'",
        );
        let is_there = |table: &&Value| {
            let name = text(table, "name").to_ascii_lowercase();
            there.lines().any(|there| there == name)
        };
        let told = tables.filter(is_there).map(|table| {
            let rows = table.get("rows").and_then(Value::as_u64).unwrap_or(u64::MAX);
            (text(table, "name"), rows, text(table, "digest"))
        });
        let conflicts = self.ask(
            "SELECT rows || ' ' || ifnull(hex(digest), '') FROM _dunlin_table WHERE name = '_dunlin_conflict'",
        );
        Ok(told.chain([("conflicts".to_owned(), 0, conflicts)]).collect())
    }

    /// The state word of a partner, as the page shows it.
    pub fn partner_state(&self, name: &str) -> String {
        let status = self.status().unwrap_or_default();
        let partners = status.get("partners").and_then(Value::as_array).cloned();
        let named = |partner: &&Value| partner.get("name").and_then(Value::as_str) == Some(name);
        let partners = partners.unwrap_or_default();
        let partner = partners.iter().find(named).and_then(|partner| partner.get("state"));
        partner.and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Lines of the triggers that the daemon has not taken up yet.
    pub fn unfolded(&self) -> i64 {
        let lines = "SELECT count(*) FROM _dunlin_log WHERE kind <> 0 AND tbl NOT IN (SELECT id FROM _dunlin_table WHERE away)";
        self.app().query_row(lines, [], |row| row.get(0)).unwrap()
    }

    /// Where browsers and scripts call.
    pub fn admin(&self) -> SocketAddr {
        let text = std::fs::read_to_string(self.data().join("addresses.json")).unwrap();
        let addresses: Value = serde_json::from_str(&text).unwrap();
        let first = addresses.pointer("/admin/0").and_then(Value::as_str);
        first.unwrap_or_else(|| panic!("{addresses}")).parse().unwrap()
    }

    /// How often looking once a second found what no event had told of.
    pub fn found_by_poll(&self) -> u64 {
        found_by_poll(self.admin())
    }

    /// Posts a body to the admin listener.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let admin = self.admin();
        http::post(http::connect(admin), path, &admin.to_string(), headers, body).unwrap()
    }

    /// Calls a method at `/rpc`, as a script does.
    pub fn script(&self, method: &str, params: &Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = self.post("/rpc", &[("Content-Type", "application/json")], &body.to_string());
        serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
    }

    /// The application's own connection.
    pub fn app(&self) -> Connection {
        open(&self.database())
    }

    /// Writes as the application does.
    pub fn write(&self, sql: &str) {
        let done = self.app().execute_batch(sql);
        done.unwrap_or_else(|error| panic!("{}: {error}: {sql}", self.name));
    }

    /// Asks the application's file something that has one answer.
    pub fn ask(&self, question: &str) -> String {
        let db = self.app();
        let asked = db.query_row(question, [], |row| row.get::<_, rusqlite::types::Value>(0));
        match asked.unwrap_or_else(|error| panic!("{}: {error}: {question}", self.name)) {
            rusqlite::types::Value::Null => "null".to_owned(),
            rusqlite::types::Value::Integer(n) => n.to_string(),
            rusqlite::types::Value::Real(x) => x.to_string(),
            rusqlite::types::Value::Text(text) => text,
            rusqlite::types::Value::Blob(bytes) => format!("{bytes:?}"),
        }
    }

    /// The file is whole, and no reference in it points nowhere.
    pub fn is_sound(&self) {
        assert_eq!(self.ask("PRAGMA integrity_check"), "ok", "{}", self.name);
        let broken = self.ask("SELECT count(*) FROM pragma_foreign_key_check");
        let first = "SELECT coalesce(group_concat(\"table\" || ' ' || rowid || ' to ' || parent), '') FROM (SELECT * FROM pragma_foreign_key_check LIMIT 3)";
        assert_eq!(broken, "0", "{}: {}", self.name, self.ask(first));
    }

    /// What the daemon wrote into its log files so far.
    pub fn logged(&self) -> String {
        let files = std::fs::read_dir(self.data().join("logs")).into_iter().flatten().flatten();
        let mut files: Vec<_> = files.map(|entry| entry.path()).collect();
        files.sort();
        files.push(self.log());
        let texts = files.iter().map(|file| std::fs::read(file).unwrap_or_default());
        texts.map(|text| String::from_utf8_lossy(&text).into_owned()).collect()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            // Ended already, or killed now: both are what we want.
            daemon.kill().unwrap_or_default();
            daemon.wait().map(drop).unwrap_or_default();
        }
        if std::thread::panicking() {
            let (logged, name) = (self.logged(), &self.name);
            let lines: Vec<&str> = logged.lines().collect();
            let last = lines.iter().skip(lines.len().saturating_sub(25));
            let last: Vec<&str> = last.copied().collect();
            eprintln!("--- the last words of {name}:\n{}", last.join("\n"));
        }
    }
}
