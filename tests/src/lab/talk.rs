//! A command that is talked with: it runs, says things, and is told others.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test that cannot make its input should stop"
)]

use std::io::{Read, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::machine::{Told, signal};
use super::{SOON, until};

/// A command under way; killed when dropped.
#[derive(Debug)]
pub struct Talk {
    child: Child,
    input: Option<ChildStdin>,
    out: Heard,
    err: Heard,
}

/// What came out of one of its outputs so far.
#[derive(Debug)]
struct Heard {
    text: Arc<Mutex<String>>,
    reading: Option<JoinHandle<()>>,
}

impl Heard {
    fn from(mut output: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&text);
        let reading = std::thread::spawn(move || {
            let mut piece = [0; 1_024];
            while let Ok(count) = output.read(&mut piece) {
                let Some(bytes) = piece.get(..count).filter(|bytes| !bytes.is_empty()) else {
                    return;
                };
                heard.lock().unwrap().push_str(&String::from_utf8_lossy(bytes));
            }
        });
        Self { text, reading: Some(reading) }
    }

    fn so_far(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    fn whole(&mut self) -> String {
        if let Some(reading) = self.reading.take() {
            reading.join().unwrap();
        }
        self.so_far()
    }
}

impl Talk {
    /// Starts it.
    pub fn with(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take();
        let out = Heard::from(child.stdout.take().unwrap());
        let err = Heard::from(child.stderr.take().unwrap());
        Self { child, input, out, err }
    }

    /// Waits until it has said this, on either output; all that it said.
    pub fn says(&self, words: &str) -> String {
        until(&format!("{words:?} said"), SOON, || {
            let said = self.out.so_far() + &self.err.so_far();
            if said.contains(words) { Ok(said) } else { Err(said) }
        })
    }

    /// Types a line.
    pub fn types(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Nobody types any more.
    pub fn goes_silent(&mut self) {
        self.input = None;
    }

    /// Presses Ctrl-C.
    pub fn interrupt(&self) {
        signal("INT", self.child.id());
    }

    /// Waits for its end.
    pub fn ends(mut self) -> Told {
        let status = until("ended", SOON, || {
            let ended = self.child.try_wait().unwrap();
            ended.ok_or_else(|| self.out.so_far() + &self.err.so_far())
        });
        self.input = None;
        let (out, err) = (self.out.whole(), self.err.whole());
        Told { code: status.code().unwrap_or(255), out, err }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // Ended already, or killed now: both are what we want.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}
