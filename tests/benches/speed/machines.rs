//! Real daemons: the released program, as a person would start it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dunlin_tests::lab::machine::found_by_poll;
use serde_json::Value;

/// How long anything may take before the bench gives up.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often a state is looked at that only a command tells.
const LOOK: Duration = Duration::from_millis(100);

/// One machine: its folder, its file, its daemon.
pub(crate) struct Machine {
    place: PathBuf,
    daemon: Option<Child>,
}

/// The released program: cargo puts benches into `deps` beside it.
fn program() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let program = here.parent().and_then(Path::parent).unwrap().join("dunlin");
    assert!(program.is_file(), "no {}: build it with scripts/bench", program.display());
    program
}

#[expect(
    clippy::disallowed_methods,
    reason = "only a command or a file tells the state waited for"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

impl Machine {
    /// A machine beside an application's file, all of its tables tracked.
    pub(crate) fn make(place: PathBuf, name: &str) -> Self {
        let machine = Self { place, daemon: None };
        let file = machine.file().to_string_lossy().into_owned();
        let any = "127.0.0.1:0";
        machine.call(
            &[
                "init",
                "--database",
                &file,
                "--name",
                name,
                "--partner-listen",
                any,
                "--admin-listen",
                any,
            ],
            None,
        );
        machine.call(&["track", "--all"], None);
        machine
    }

    /// The application's file.
    pub(crate) fn file(&self) -> PathBuf {
        self.place.join("shop.db")
    }

    fn data(&self) -> PathBuf {
        self.place.join("data")
    }

    /// Adds to its configuration.
    pub(crate) fn configure(&self, lines: &str) {
        let path = self.data().join("dunlin.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{text}\n{lines}\n")).unwrap();
    }

    /// Starts its daemon, and waits until it answers.
    pub(crate) fn start(&mut self) {
        let data = self.data();
        // A file of an earlier life says nothing about this one.
        std::fs::remove_file(data.join("addresses.json")).unwrap_or_default();
        let log = std::fs::File::create(self.place.join("daemon.log")).unwrap();
        let daemon = Command::new(program())
            .args(["run", "--data"])
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.daemon = Some(daemon);
        wait_for("the daemon's addresses", || data.join("addresses.json").is_file());
    }

    fn stop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            // All that it acknowledged is stored; that is promised, and what is left is only the bench's.
            daemon.kill().unwrap_or_default();
            daemon.wait().map(drop).unwrap_or_default();
        }
    }

    /// Where its daemon takes the calls of partners.
    fn address(&self) -> String {
        self.addresses()["partner"].as_str().unwrap().to_owned()
    }

    /// How often looking once a second found what no event had told of.
    pub(crate) fn found_by_poll(&self) -> u64 {
        found_by_poll(self.addresses()["admin"][0].as_str().unwrap().parse().unwrap())
    }

    fn addresses(&self) -> Value {
        let text = std::fs::read_to_string(self.data().join("addresses.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Lets another machine in.
    pub(crate) fn invite(&self) -> String {
        self.call(&["invite"], None)
    }

    /// Joins the shop of a token.
    pub(crate) fn join(&self, token: &str) {
        self.call(&["join"], Some(token));
    }

    /// Count and digest of each table.
    pub(crate) fn digests(&self) -> Vec<(u64, String)> {
        let status = self.ask(&["status", "--json"]);
        let tables = status["databases"][0]["tables"].as_array().cloned().unwrap_or_default();
        let pair = |table: &Value| {
            let digest = table["digest"].as_str().unwrap_or_default().to_owned();
            (table["rows"].as_u64().unwrap_or(0), digest)
        };
        tables.iter().map(pair).collect()
    }

    /// Is it linked to its partner, and level with it?
    pub(crate) fn level(&self) -> bool {
        let status = self.ask(&["status", "--json"]);
        status["partners"][0]["state"] == "Up to date"
    }

    /// The largest session in its history: rows moved, and how long it took from its begin to equal digests.
    pub(crate) fn moved(&self) -> Option<(u64, Duration)> {
        let history = self.ask(&["history", "--json"]);
        let moved = |session: &Value| {
            let took = Duration::from_millis(session["took_ms"].as_u64()?);
            Some((session["received"].as_u64()? + session["sent"].as_u64()?, took))
        };
        history["history"].as_array()?.iter().filter_map(moved).max()
    }

    fn ask(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.call(arguments, None)).unwrap_or_default()
    }

    fn call(&self, arguments: &[&str], input: Option<&str>) -> String {
        let mut child = Command::new(program())
            .args(arguments)
            .arg("--data")
            .arg(self.data())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.unwrap_or_default().as_bytes()).unwrap();
        drop(stdin);
        let done = child.wait_with_output().unwrap();
        // 5: something needs attention, such as a partner that is not there yet.
        let fine = matches!(done.status.code(), Some(0 | 5));
        assert!(fine, "dunlin {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Two machines of one shop, A and B; the daemon of the one that dials has still to be started.
pub(crate) fn pair(place: &Path, dials: &str, make: impl Fn(&Path, &str)) -> [Machine; 2] {
    let mut machines = ["a", "b"].map(|name| {
        let place = place.join(name);
        std::fs::create_dir(&place).unwrap();
        make(&place.join("shop.db"), name);
        let machine = Machine::make(place, name);
        // Nothing leaves this computer.
        machine.configure("[discovery]\nenabled = false");
        machine
    });
    let [a, b] = &mut machines;
    let (dialler, answerer) = if dials == "a" { (a, b) } else { (b, a) };
    let partner = if dials == "a" { "a" } else { "b" };
    answerer.configure(&format!("[[partner_address]]\npartner = \"{partner}\"\ndial = \"never\""));
    answerer.start();
    dialler.join(answerer.invite().trim());
    let other = if dials == "a" { "b" } else { "a" };
    let address = answerer.address();
    dialler.configure(&format!(
        "[[partner_address]]\npartner = \"{other}\"\naddresses = [\"{address}\"]"
    ));
    machines
}

/// Looks until it is so.
pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} did not come within {PATIENCE:?}");
        pause(LOOK);
    }
}
