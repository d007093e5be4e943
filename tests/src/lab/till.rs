//! A till: an application of its own process, in Python, which commits with a flush and waits for others at most five
//! seconds, and says when each commit began and ended.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot make its input should stop"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::outside;
use super::slow_disk::SlowDisk;

/// A line of SQL comes in, and what became of it goes out.
const PROGRAM: &str = r#"
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=5, isolation_level=None)
db.execute("PRAGMA synchronous = FULL")
for sql in sys.stdin:
    begun = time.time_ns()
    try:
        db.execute(sql)
        print(begun, time.time_ns(), flush=True)
    except sqlite3.Error as error:
        print(error, flush=True)
"#;

/// One commit, by the computer's clock.
#[derive(Clone, Copy, Debug)]
pub struct Sold {
    /// Just before the statement.
    pub begun: SystemTime,
    /// When it was over.
    pub over: SystemTime,
}

impl Sold {
    /// How long the till waited.
    pub fn took(&self) -> Duration {
        self.over.duration_since(self.begun).unwrap_or_default()
    }
}

/// An application at work; it ends when this is dropped.
#[derive(Debug)]
pub struct Till {
    program: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Till {
    /// Opens a file, on a disk whose flush takes so long. None, with a line on stderr, where there is no Python.
    pub fn open(file: &Path, disk: &SlowDisk, flush: Duration) -> Option<Self> {
        if !outside::has("python3", "a till of its own process") {
            return None;
        }
        let mut command = Command::new("python3");
        command.arg("-c").arg(PROGRAM).arg(file);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        disk.under(&mut command, flush);
        let mut program = command.spawn().unwrap();
        let orders = program.stdin.take();
        let answers = BufReader::new(program.stdout.take().unwrap());
        Some(Self { program, orders, answers })
    }

    /// Has it begin with a statement that is a transaction of its own: one line.
    pub fn begin(&mut self, sql: &str) {
        let orders = self.orders.as_mut().unwrap();
        orders.write_all(format!("{}\n", sql.replace('\n', " ")).as_bytes()).unwrap();
        orders.flush().unwrap();
    }

    /// How what was begun last went: or in SQLite's words why not.
    pub fn end(&mut self) -> Result<Sold, String> {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let time = |word: &str| Some(UNIX_EPOCH + Duration::from_nanos(word.parse().ok()?));
        let times = line.trim_end().split_once(' ');
        match times.and_then(|(begun, over)| Some((time(begun)?, time(over)?))) {
            Some((begun, over)) => Ok(Sold { begun, over }),
            None => Err(line),
        }
    }

    /// A commit each `gap`, until it is over; how long each took. Panics with the first that failed.
    pub fn sell(&mut self, sql: &str, gap: Duration, over: &AtomicBool) -> Vec<Duration> {
        let mut all = Vec::new();
        while !over.load(Ordering::Relaxed) {
            self.begin(sql);
            let sold = self.end().unwrap_or_else(|error| panic!("sale {}: {error}", all.len()));
            all.push(sold.took());
            pause(gap.saturating_sub(sold.took()));
        }
        all
    }

    /// As [`Till::sell`], so many times.
    pub fn sell_some(&mut self, sql: &str, gap: Duration, times: usize) -> Vec<Duration> {
        (0..times)
            .map(|time| {
                self.begin(sql);
                let sold = self.end().unwrap_or_else(|error| panic!("sale {time}: {error}"));
                pause(gap.saturating_sub(sold.took()));
                sold.took()
            })
            .collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "a till's own pace, which is what is asked about")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

impl Drop for Till {
    fn drop(&mut self) {
        drop(self.orders.take());
        self.program.wait().map(drop).unwrap_or_default();
    }
}
