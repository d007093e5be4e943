//! An attacker: a web site, a name server that says what he likes, and a person who looks at his
//! page in Chromium.
//!
//! ```text
//!   Browser ─ where is evil.test? ─▶ name server    at the attacker's address, and at the victim's
//!      ├───── GET / ─────────────▶ site           a page of the attacker
//!      └───── whatever it read ──▶ site           told to the test
//! ```
//!
//! # Invariants
//!
//! * All of it lives in one network namespace: no other computer is asked anything.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test that cannot make its input should stop"
)]

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::machine::{Told, finish};
use super::outside::run;
use super::space::{Space, within};

/// The name under the attacker's control.
pub const NAME: &str = "evil.test";

/// A line that nobody of ours wrote.
pub const FORGED: &str = "2026-11-20 12:00:00 INFO  admin logged in";

/// What an attacker calls things. Each has a word by which it is found again.
pub fn evil() -> Vec<String> {
    vec![
        "pwned-a<img src=x onerror=\"document.title='pwned'\">".to_owned(),
        "pwned-b\"'><script>document.title='pwned'</script>".to_owned(),
        "pwned-c</title></table><iframe src=//evil.test></iframe>&lt;b&gt;".to_owned(),
        "pwned-d{{7*7}}${7*7}<%= 7*7 %>".to_owned(),
        "javascript:document.title='pwned-e'".to_owned(),
        "pwned-f\u{1b}[2J\u{1b}[31mred\u{1b}]0;title\u{7}\u{9b}31m\u{8}\u{7f}".to_owned(),
        "pwned-g\u{202e}gpj.exe\u{2066}\u{200f}\u{2028}\u{feff}".to_owned(),
        format!("pwned-h\r\n{FORGED}\r\n\t"),
        "pwned-i👩\u{200d}👩\u{200d}👧 刹车片 Käse".to_owned(),
        format!("pwned-j{}", "x".repeat(10_000)),
    ]
}

/// The longest request that a site reads.
const REQUEST_MAX: u64 = 1 << 20;

/// How long a site waits for a caller's next byte.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves the attacker's name server until the test ends.
///
/// It says that [`NAME`] is at all these addresses. A browser takes the first that answers, and
/// the next as soon as that one answers no more: so a page changes its place under one name, and
/// no cache of names is in the way.
pub fn name_server(space: &Space, addresses: Vec<Ipv4Addr>) {
    let socket = within(&space.name, || UdpSocket::bind((Space::NAME_SERVER, 53)).unwrap());
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            let told = question.get(..length).and_then(|question| told(question, &addresses));
            // Who asks again has lost an answer; a browser does.
            told.map(|told| socket.send_to(&told, from)).transpose().unwrap_or_default();
        }
    });
}

/// The answer to a question: the addresses, to be forgotten at once, or that there is no such name.
fn told(question: &[u8], addresses: &[Ipv4Addr]) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(question.get(at..at + length)?).into_owned());
        at += length;
    }
    let asked = question.get(12..at + 4)?;
    let is_ours = labels.join(".").eq_ignore_ascii_case(NAME);
    let wants_address = question.get(at..at + 2)? == [0, 1];
    let addresses = if is_ours && wants_address { addresses } else { &[] };
    let mut told = question.get(..2)?.to_vec();
    let code = if is_ours { 0x80 } else { 0x83 };
    told.extend([0x85, code, 0, 1, 0, u8::try_from(addresses.len()).ok()?, 0, 0, 0, 0]);
    told.extend(asked);
    for address in addresses {
        told.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        told.extend(address.octets());
    }
    Some(told)
}

/// How long a browser may take to close.
const CLOSING: Duration = Duration::from_secs(10);

/// What a caller of a site sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The body.
    pub body: String,
}

/// What a site answers.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The type of the body.
    pub kind: &'static str,
    /// Further headers, each with its line end.
    pub headers: &'static str,
    /// The body.
    pub body: String,
}

impl Reply {
    /// A page.
    pub fn page(body: impl Into<String>) -> Self {
        Self { kind: "text/html; charset=utf-8", headers: "", body: body.into() }
    }
}

/// Serves HTTP on a listener until the test ends; each connection takes one request. After `None`,
/// whoever connects is refused.
pub fn serve(
    listener: TcpListener,
    answer: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
) {
    let door = TcpStream::from(OwnedFd::from(listener.try_clone().unwrap()));
    let answer = Arc::new(move |request: &Request| {
        let reply = answer(request);
        if reply.is_none() {
            // Closed by another request already, or now.
            door.shutdown(Shutdown::Both).unwrap_or_default();
        }
        reply
    });
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let answer = Arc::clone(&answer);
            // A caller that hangs up is a browser that has closed.
            std::thread::spawn(move || one(stream, answer.as_ref()).unwrap_or_default());
        }
    });
}

fn one(stream: TcpStream, answer: &dyn Fn(&Request) -> Option<Reply>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.try_clone()?.take(REQUEST_MAX));
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body)?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let reply = answer(&Request { method, path, body });
    let Some(Reply { kind, headers, body }) = reply else { return Ok(()) };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{headers}Cache-Control: no-store\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Chromium without a screen and with a profile of its own; closed when dropped.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    /// Deleted after the browser has closed.
    _profile: TempDir,
}

impl Browser {
    /// Looks at a page. `before` stands before the program: `ip netns exec NAME`.
    pub fn look(before: &[&str], url: &str) -> Self {
        let profile = tempfile::Builder::new().prefix("dunlin-browser-").tempdir().unwrap();
        let mut command = chromium(before, &profile);
        command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { child: command.spawn().unwrap(), _profile: profile }
    }

    /// Looks at a page until it is loaded: the page as it stands then, and on standard error what
    /// was said to its console.
    pub fn dump(before: &[&str], url: &str) -> Told {
        let profile = tempfile::Builder::new().prefix("dunlin-browser-").tempdir().unwrap();
        let mut command = chromium(before, &profile);
        command.args(["--enable-logging=stderr", "--dump-dom", url]);
        finish(command, "")
    }
}

fn chromium(before: &[&str], profile: &TempDir) -> Command {
    let mut words = before.iter().copied().chain(["chromium"]);
    let mut command = Command::new(words.next().unwrap_or("chromium"));
    command.args(words).env("HOME", profile.path());
    command.args([
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]);
    command.arg(format!("--user-data-dir={}", profile.path().display()));
    command
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked first: it ends its own children, which else would go on writing into the profile.
        run("/bin/sh", &["-c", "kill -TERM $0 || true", &self.child.id().to_string()], "");
        let begun = Instant::now();
        while begun.elapsed() < CLOSING && matches!(self.child.try_wait(), Ok(None)) {
            super::pause();
        }
        // Closed already, or closed now.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}

/// A listener inside a namespace.
pub fn listen(space: &Space, address: SocketAddr) -> TcpListener {
    within(&space.name, || TcpListener::bind(address).unwrap())
}
