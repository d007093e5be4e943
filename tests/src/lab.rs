//! The lab: machines as real processes, each with its own SQLite file, state folder and addresses.
//!
//! ```text
//!   Lab ─ a temporary folder
//!    └─ Machine ─ NAME/shop.db     the application's file
//!               ─ NAME/data/       the state folder, made by `dunlin init`
//!               ─ `dunlin run`     a child, killed when the Machine is dropped, also in a panic
//! ```
//!
//! # Invariants
//!
//! * Nothing pauses but [`until`], which waits for a state and has a deadline.
//! * A machine's partner address is its own in 127/8, so that it can keep its port over a restart
//!   and no other test can take it.
//! * The program is started as a person would start it: by its command line, or by its socket.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot make its input should stop"
)]

pub mod attacker;
pub mod browse;
pub mod http;
pub mod large;
pub mod load;
pub mod machine;
pub mod outside;
pub mod partner;
pub mod person;
pub mod slow_disk;
pub mod space;
pub mod talk;
pub mod till;
pub mod tls;
pub mod webdriver;

pub use browse::Browser;
pub use http::Answer;
pub use machine::{Machine, Told};
pub use partner::Partner;
pub use person::Person;
pub use slow_disk::SlowDisk;
pub use till::Till;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::TempDir;

/// How long a state may take to come about on a busy machine with two cores.
pub const SOON: Duration = Duration::from_mins(1);

/// How often a state is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Waits for a state: looks until there is an answer, and panics with what was missing after `deadline`.
pub fn until<T>(what: &str, deadline: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(missing) if deadline < begun.elapsed() => {
                panic!("not {what} within {deadline:?}: {missing}")
            }
            Err(_) => pause(),
        }
    }
}

/// [`until`], for a state that is only true or false.
pub fn until_true(what: &str, deadline: Duration, mut look: impl FnMut() -> bool) {
    until(what, deadline, || if look() { Ok(()) } else { Err("still not".to_owned()) });
}

#[expect(clippy::disallowed_methods, reason = "the one pause between two looks at a state")]
fn pause() {
    std::thread::sleep(LOOK);
}

/// A folder for machines; gone when dropped.
#[derive(Debug)]
pub struct Lab {
    folder: TempDir,
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

impl Lab {
    /// An empty lab.
    pub fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("dunlin-lab-").tempdir().unwrap() }
    }

    /// Its folder, for what a story needs beside its machines.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The application's file of a machine, not yet there.
    pub fn file(&self, name: &str) -> PathBuf {
        let place = self.path().join(name);
        std::fs::create_dir_all(&place).unwrap();
        place.join("shop.db")
    }

    /// A machine whose application has these tables; initialised, nothing tracked, not started.
    pub fn machine(&self, name: &str, schema: &str) -> Machine {
        open(&self.file(name)).execute_batch(schema).unwrap();
        self.adopt(name)
    }

    /// A machine for the application's file that lies at [`Lab::file`] already.
    pub fn adopt(&self, name: &str) -> Machine {
        let machine = Machine::at(name, &self.path().join(name), own_address());
        machine.init();
        // Found by address, so that tests that run side by side do not see each other.
        machine.configure("[discovery]\nenabled = false\n");
        machine
    }

    /// Machines of one shop, all tables tracked, started, joined and linked by address, each with each.
    pub fn shop<const N: usize>(&self, names: [&str; N], schema: &str) -> [Machine; N] {
        let mut machines = names.map(|name| self.machine(name, schema));
        for machine in &machines {
            machine.ok(&["track", "--all"]);
        }
        know_each_other(&machines);
        for machine in &mut machines {
            machine.start();
        }
        let (first, others) = machines.split_first().unwrap();
        for other in others {
            other.join(&first.invite());
        }
        machines
    }
}

/// Writes into each machine's configuration where the others are.
pub fn know_each_other(machines: &[Machine]) {
    for here in machines {
        for there in machines.iter().filter(|there| there.name != here.name) {
            here.knows(there);
        }
    }
}

/// Makes a shop of three in a row: all tables tracked, and the ends never linked to each other.
pub fn in_a_row(machines: &mut [Machine; 3]) {
    for machine in &*machines {
        machine.ok(&["track", "--all"]);
    }
    let [a, b, c] = &*machines;
    for (here, there) in [(a, b), (b, a), (b, c), (c, b)] {
        here.knows(there);
    }
    a.never_calls(c);
    c.never_calls(a);
    for machine in &mut *machines {
        machine.start();
    }
    let [a, b, c] = &*machines;
    b.join(&a.invite());
    c.join(&b.invite());
}

/// The application's own connection: it waits for others, and keeps its references.
pub fn open(file: &Path) -> Connection {
    let db = Connection::open(file).unwrap();
    db.busy_timeout(Duration::from_secs(30)).unwrap();
    db.pragma_update(None, "foreign_keys", true).unwrap();
    db
}

/// A table as a machine tells of it: name, rows, digest.
pub type Table = (String, u64, String);

/// Waits until all machines have the same tables, the same conflicts, and nothing left to fold.
pub fn in_step(machines: &[&Machine]) {
    until("in step", SOON, || {
        // First what waits, then the digests: so nothing that was written before is left out of them.
        if let Some(machine) = machines.iter().find(|machine| machine.unfolded() > 0) {
            return Err(format!("{} has lines to fold", machine.name));
        }
        let told: Vec<_> = machines.iter().map(|machine| machine.tables()).collect();
        for (machine, tables) in machines.iter().zip(&told) {
            let tables = tables.as_ref().map_err(|error| format!("{}: {error}", machine.name))?;
            let first = told.first().and_then(|first| first.as_ref().ok());
            if let Some(other) = first.filter(|first| *first != tables) {
                let name = &machine.name;
                let lacks = |these: &[Table], those: &[Table]| -> Vec<Table> {
                    these.iter().filter(|table| !those.contains(table)).cloned().collect()
                };
                let (ours, theirs) = (lacks(tables, other), lacks(other, tables));
                return Err(format!("{name} has {ours:?}, the first {theirs:?}"));
            }
        }
        Ok(())
    });
}

/// Waits until every machine answers a question the same, and this way.
pub fn all_say(machines: &[&Machine], question: &str, answer: &str) {
    for machine in machines {
        until(&format!("{answer:?} on {} for {question}", machine.name), SOON, || {
            let said = machine.ask(question);
            if said == answer { Ok(()) } else { Err(format!("it says {said:?}")) }
        });
    }
}

/// An address for partners that nobody else has: its own in 127/8, and a port that is free there.
fn own_address() -> SocketAddr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let ip = Ipv4Addr::new(127, 1 + high % 250, low, COUNT.fetch_add(1, Ordering::Relaxed));
    // Elsewhere than on Linux loopback is 127.0.0.1 alone.
    let bound = TcpListener::bind((ip, 0)).or_else(|_| TcpListener::bind("127.0.0.1:0"));
    bound.unwrap().local_addr().unwrap()
}
