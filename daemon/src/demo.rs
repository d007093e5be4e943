//! The demo: a made-up parts shop on this computer, with real machines.
//!
//! ```text
//!   temp folder ─┬─ machine 1: shop.db, filled    data/   ◄── dunlin run   ◄── till
//!                ├─ machine 2: shop.db, empty     data/   ◄── dunlin run   ◄── till
//!                └─ machine 3: shop.db, empty     data/   ◄── dunlin run   ◄── till
//!
//!   init ─► track ─► run ─► invite, join ─► equal? ─► sell … check … sell … ─► stop, remove
//! ```
//!
//! Everything a person would type is done by the same program (`init`, `track`, `run`, `invite`,
//! `join`, `status --json`), started anew; the tills write through SQLite as any application does.
//!
//! # Invariants
//!
//! * What is printed was measured: "in step" means that the digests of all tables were asked for
//!   and were equal, "seen after 9 ms" that a reader of the other file saw it.
//! * However it ends, the processes are stopped and the folder is removed.

mod check;
mod child;
mod machine;
mod progress;
mod sell;
mod sight;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

use check::Standing;
use machine::Machine;
use progress::Progress;

/// What the till of each machine is called: the names of real shops are not all Latin.
const NAMES: [&str; 8] =
    ["till 1", "Kasse 2", "касса 3", "レジ 4", "ταμείο 5", "caisse 6", "kasa Ş 7", "계산대 8"];

/// All daemons start, join and become equal in this time, or something is wrong. The slowest part
/// is a debug build on a machine that is busy.
const START_MAX: Duration = Duration::from_mins(1);

/// How long the machines may take to become equal again after the last sale.
const SETTLE_MAX: Duration = Duration::from_secs(15);

/// How the demo is to be.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How many machines.
    pub machines: u32,
    /// For how long it sells; until it is stopped when not said.
    pub selling: Option<Duration>,
}

/// How the demo ended, when nothing broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The machines were equal.
    Equal,
    /// They were not, although there was time.
    NotEqual,
    /// The person had seen enough.
    Stopped,
}

/// Why the demo broke off. Everything is stopped and removed all the same.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder for it all could not be made.
    #[error("cannot make a folder for the demo; is there room in the temporary folder?")]
    Folder {
        /// What the system said.
        source: std::io::Error,
    },
    /// The shop could not be made or opened.
    #[error("cannot make the shop's database; is there room in the temporary folder?")]
    Shop(#[from] dunlin_schema::shop::Error),
    /// This very program could not be started again.
    #[error("cannot start `dunlin {what}`")]
    Start {
        /// The command.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A command of ours failed.
    #[error("`dunlin {what}` failed on machine “{machine}”; it said:\n{said}")]
    Command {
        /// The command.
        what: &'static str,
        /// On which machine.
        machine: &'static str,
        /// Its last lines.
        said: String,
    },
    /// A command of ours hangs.
    #[error("`dunlin {what}` did not end within {} seconds on machine “{machine}”", after.as_secs())]
    Hangs {
        /// The command.
        what: &'static str,
        /// On which machine.
        machine: &'static str,
        /// How long it had.
        after: Duration,
    },
    /// The answer of a command could not be read.
    #[error("`dunlin {what}` on machine “{machine}” answered what cannot be read")]
    Answer {
        /// The command.
        what: &'static str,
        /// On which machine.
        machine: &'static str,
        /// Where it differs.
        source: serde_json::Error,
    },
    /// A daemon ended by itself.
    #[error("the daemon of machine “{machine}” ended ({status}); the end of its log:\n{said}")]
    Died {
        /// Which machine.
        machine: &'static str,
        /// How it ended.
        status: std::process::ExitStatus,
        /// Its last lines.
        said: String,
    },
    /// A daemon runs and does not say where.
    #[error(
        "the daemon of machine “{machine}” was not ready within {} seconds; the end of its log:\n{said}",
        START_MAX.as_secs()
    )]
    NotReady {
        /// Which machine.
        machine: &'static str,
        /// Its last lines.
        said: String,
    },
    /// The machines did not become equal at the start.
    #[error(
        "the machines were not equal within {} seconds: {standing}",
        START_MAX.as_secs()
    )]
    NotEqual {
        /// How they stand.
        standing: String,
    },
}

/// Runs the demo to its end, or until the person stops it.
pub async fn run(options: &Options) -> Result<End, Error> {
    let folder = tempfile::Builder::new()
        .prefix("dunlin-demo-")
        .tempdir()
        .map_err(|source| Error::Folder { source })?;
    let mut progress = Progress::start();
    let mut machines = Vec::new();
    let ended = tokio::select! {
        // First, so that we listen for Ctrl-C before there is anything to stop.
        biased;
        () = child::interrupted() => Ok(End::Stopped),
        ended = play(options, &folder, &mut machines, &mut progress) => ended,
    };
    // A command that failed because its daemon was gone is not what a person must hear.
    let ended = ended.map_err(|error| dead(&mut machines).unwrap_or(error));
    progress.step("Stopping");
    child::stop_all(&mut machines).await;
    // The log of a machine is in the folder, so what it says is in the error by now.
    let removed = folder.path().to_owned();
    let told = folder.close();
    progress.end();
    match told {
        Ok(()) => progress::line("Stopped all machines and removed what they made."),
        Err(error) => progress::line(&format!(
            "Stopped all machines; cannot remove {}: {error}",
            removed.display()
        )),
    }
    ended
}

/// The demo proper. Machines are in `machines` from the moment they have a process.
async fn play(
    options: &Options,
    folder: &TempDir,
    machines: &mut Vec<Machine>,
    progress: &mut Progress,
) -> Result<End, Error> {
    let deadline = Instant::now() + START_MAX;
    open(options, folder, machines, progress).await?;
    join(machines, progress).await?;

    progress.step("Waiting until all tables are equal");
    let standing = check::settle(machines, deadline).await?;
    if !standing.equal() {
        return Err(Error::NotEqual { standing: standing.to_string() });
    }
    progress.done(&standing.to_string());
    progress.end();
    for machine in machines.iter() {
        progress::line(&format!("“{}” shows its page at {}", machine.name, machine.page()));
    }
    progress::line(if options.selling.is_some() {
        "Selling on every machine."
    } else {
        "Selling on every machine; Ctrl-C ends it."
    });

    let until = options.selling.map(|time| Instant::now() + time);
    let slowest = sell::sell(machines, until).await?;
    let standing = check::settle(machines, Instant::now() + SETTLE_MAX).await?;
    progress::line(&summary(&standing, slowest));
    Ok(if standing.equal() { End::Equal } else { End::NotEqual })
}

/// What the first daemon said that ended by itself.
fn dead(machines: &mut [Machine]) -> Option<Error> {
    machines.iter_mut().find_map(|machine| machine.alive().err())
}

/// Makes and starts the machines; the first has a filled shop.
async fn open(
    options: &Options,
    folder: &TempDir,
    machines: &mut Vec<Machine>,
    progress: &mut Progress,
) -> Result<(), Error> {
    let names = NAMES.into_iter().take(usize::try_from(options.machines).unwrap_or(NAMES.len()));
    for (at, name) in names.enumerate() {
        progress.step(&format!("Making machine “{name}”"));
        let place: PathBuf = folder.path().join(format!("machine-{}", at + 1));
        let machine = Machine::make(place, name, at == 0).await?;
        machines.push(machine);
    }
    // All are started before one is waited for: they start at the same time.
    for machine in machines.iter_mut() {
        machine.start()?;
    }
    for machine in machines.iter_mut() {
        progress.step(&format!("Starting machine “{}”", machine.name));
        machine.ready(START_MAX).await?;
    }
    let number = machines.len();
    progress.done(&format!(
        "Started {number} machines, each a process with its own SQLite file; the shop of the first is filled."
    ));
    Ok(())
}

/// Lets all machines into the shop of the first, with one token.
async fn join(machines: &[Machine], progress: &mut Progress) -> Result<(), Error> {
    let Some((first, others)) = machines.split_first() else { return Ok(()) };
    progress.step("Joining them with one token");
    let token = first.invite(others.len()).await?;
    for machine in others {
        machine.join(&token).await?;
    }
    progress.done(&format!("Joined them: “{}” let the others in, with one token.", first.name));
    Ok(())
}

fn summary(standing: &Standing, slowest: Option<Duration>) -> String {
    let slowest = slowest.map_or_else(
        || "no change was timed".to_owned(),
        |time| format!("slowest change seen after {} ms", time.as_millis()),
    );
    format!("{standing}, {slowest}")
}
