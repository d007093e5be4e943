//! ChromeDriver, spoken to as the WebDriver standard has it: JSON over HTTP, one call after the other.
//!
//! ```text
//!   Driver ─ /usr/bin/chromedriver, a child at a port of its own
//!    └─ Session ─ one Chromium with a profile of its own: no cookie of another is in it
//! ```
//!
//! # Why not a crate
//!
//! The one that fits turns on a feature of `serde_json` for the whole build (`preserve_order`), so the
//! daemon under test would no longer be the daemon that is shipped. What is needed is a dozen calls.
//!
//! # Invariants
//!
//! * Everything listens on loopback. What Chromium would fetch for itself is turned off.
//! * Sessions are closed before their driver ends, also in a panic: a driver that is killed leaves its
//!   browsers behind.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot make its input should stop"
)]

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::SOON;
use super::http::{self, Answer};
use super::outside::has;

/// The key under which the standard hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A running ChromeDriver; ended when the last of its sessions is dropped.
#[derive(Debug)]
pub struct Driver {
    child: Child,
    address: SocketAddr,
    /// Profiles and whatever else Chromium writes; deleted after all have ended.
    home: TempDir,
}

impl Driver {
    /// None, with a line on stderr, where there is no ChromeDriver or no Chromium.
    pub fn start(lost: &str) -> Option<Arc<Self>> {
        if !has("chromedriver", lost) || !has("chromium", lost) {
            return None;
        }
        let home = tempfile::Builder::new().prefix("dunlin-chrome-").tempdir().unwrap();
        let mut command = Command::new("chromedriver");
        // Port 0: it chooses a free one and says which.
        command.args(["--port=0", "--log-level=WARNING"]).env("HOME", home.path());
        command.env("TMPDIR", home.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, port) = line.split_once("started successfully on port ")?;
                port.trim_end_matches('.').parse::<u16>().ok()
            })
            .unwrap_or_else(|| panic!("chromedriver does not say its port"));
        // It must not be stopped by a pipe that nobody reads.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Some(Arc::new(Self { child, address: (Ipv4Addr::LOCALHOST, port).into(), home }))
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value, Trouble> {
        let lost = |error: io::Error| Trouble { kind: "no answer".into(), text: error.to_string() };
        let stream = http::connect(self.address);
        stream.set_read_timeout(Some(SOON)).map_err(lost)?;
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let asked = http::request(method, path, &self.address.to_string(), &[], &body);
        let answer = answered(stream, &asked).map_err(lost)?;
        let mut told: Value = serde_json::from_str(&answer.body).map_err(|error| Trouble {
            kind: "no JSON".into(),
            text: format!("{error}: {answer:?}"),
        })?;
        let value = told.get_mut("value").map(Value::take).unwrap_or_default();
        if answer.status == 200 {
            return Ok(value);
        }
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        Err(Trouble { kind: text("error"), text: text("message") })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Ended already, or killed now: both are what we want.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

/// What ChromeDriver could not do.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// The standard's word for it.
    pub kind: String,
    /// What it says more.
    pub text: String,
}

impl Trouble {
    /// Nothing was done, and the next moment may be better: the page was being changed.
    pub fn passes(&self) -> bool {
        [
            "stale element reference",
            "no such element",
            "element click intercepted",
            "element not interactable",
        ]
        .contains(&self.kind.as_str())
            || self.text.contains("does not belong to the document")
            || self.text.contains("uniqueContextId not found")
            || self.text.contains("Cannot find context")
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let first = self.text.lines().next().unwrap_or_default();
        write!(f, "{}: {first}", self.kind)
    }
}

/// One Chromium; closed when dropped.
#[derive(Debug)]
pub struct Session {
    driver: Arc<Driver>,
    path: String,
    _profile: TempDir,
}

impl Session {
    /// Opens a Chromium with an empty profile, in this language.
    pub fn open(driver: &Arc<Driver>, language: &str) -> Self {
        let profile = tempfile::Builder::new().prefix("profile-").tempdir_in(driver.home.path());
        let profile = profile.unwrap();
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            // Two windows side by side are both looked at, as on two machines.
            "--disable-backgrounding-occluded-windows".to_owned(),
            "--disable-renderer-backgrounding".to_owned(),
            "--window-size=1280,900".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--accept-lang={language}"),
            format!("--lang={language}"),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {
                "binary": "/usr/bin/chromium", "args": arguments,
                // Nothing that pops up over the page.
                "prefs": {"credentials_enable_service": false},
            },
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            "timeouts": {"implicit": 0, "pageLoad": 30_000, "script": 30_000},
            // A prompt is nothing that a page of ours opens: every call fails from then on.
            "unhandledPromptBehavior": "ignore",
        }}});
        let made = driver.send("POST", "/session", &wanted);
        let made = made.unwrap_or_else(|trouble| panic!("no Chromium: {trouble:?}"));
        let path = format!("/session/{}", made["sessionId"].as_str().unwrap());
        Self { driver: Arc::clone(driver), path, _profile: profile }
    }

    /// A call with a body.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, Trouble> {
        self.driver.send("POST", &format!("{}{path}", self.path), body)
    }

    /// A call that asks something.
    pub fn get(&self, path: &str) -> Result<Value, Trouble> {
        self.driver.send("GET", &format!("{}{path}", self.path), &Value::Null)
    }

    /// Runs a function body in the page; elements go in and come out as such.
    pub fn script(&self, script: &str, arguments: &[Value]) -> Result<Value, Trouble> {
        self.post("/execute/sync", &json!({"script": script, "args": arguments}))
    }

    /// Runs a function body in the page whose last argument is called with the answer.
    pub fn script_later(&self, script: &str, arguments: &[Value]) -> Result<Value, Trouble> {
        self.post("/execute/async", &json!({"script": script, "args": arguments}))
    }

    /// A command of Chromium's own protocol.
    pub fn chrome(&self, command: &str, params: &Value) -> Value {
        let told = self.post("/goog/cdp/execute", &json!({"cmd": command, "params": params}));
        told.unwrap_or_else(|trouble| panic!("{command}: {trouble:?}"))
    }

    /// What was written since the last look: `browser` is the console, `performance` what was fetched.
    pub fn log(&self, kind: &str) -> Vec<Value> {
        let told = self.post("/se/log", &json!({"type": kind})).unwrap();
        told.as_array().cloned().unwrap_or_default()
    }

    /// Clicks an element that a script has found, with the mouse.
    pub fn click(&self, element: &Value) -> Result<(), Trouble> {
        self.post(&format!("/element/{}/click", id(element)), &json!({})).map(drop)
    }

    /// Types into an element that a script has found.
    pub fn type_into(&self, element: &Value, text: &str) -> Result<(), Trouble> {
        self.post(&format!("/element/{}/value", id(element)), &json!({"text": text})).map(drop)
    }

    /// Empties a field that a script has found.
    pub fn clear(&self, element: &Value) -> Result<(), Trouble> {
        self.post(&format!("/element/{}/clear", id(element)), &json!({})).map(drop)
    }

    /// Presses and lets go of keys, one after the other, wherever the focus is.
    pub fn keys(&self, keys: &[&str]) {
        let strokes: Vec<Value> = keys
            .iter()
            .flat_map(|key| {
                [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
            })
            .collect();
        let chain = json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]});
        self.post("/actions", &chain).unwrap();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A driver that is gone has no session.
        let begun = Instant::now();
        let closed = self.driver.send("DELETE", &self.path, &Value::Null);
        debug_assert!(begun.elapsed() <= SOON * 2, "{closed:?}");
    }
}

/// Sends a request and reads its answer by its length: the driver keeps connections open, whatever it
/// is asked.
fn answered(mut stream: TcpStream, asked: &str) -> io::Result<Answer> {
    stream.write_all(asked.as_bytes())?;
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let mut answer = Answer::of(&head)?;
    let length = answer.header("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.ok_or_else(|| io::Error::other("an answer without a length"))?];
    reader.read_exact(&mut body)?;
    answer.body = String::from_utf8_lossy(&body).into_owned();
    Ok(answer)
}

/// The name under which the driver knows an element.
fn id(element: &Value) -> &str {
    element[ELEMENT].as_str().unwrap_or_else(|| panic!("no element: {element}"))
}
