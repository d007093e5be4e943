//! The command line: a client of the machine's own methods.
//!
//! ```text
//!   words ─ args ─► commands ─ door ─┬─► the daemon, over DIR/dunlin.sock
//!                      │             └─► the same methods in this process, when there is none
//!                      ▼
//!                 show, text (pure) ─ output ─► stdout: the answer    stderr: everything else
//! ```
//!
//! # Invariants
//!
//! * Standard output has the answer and nothing else, in one form: for people, or with `--json`.
//! * The exit code says how it went (see [`Exit`]), the same with and without `--json`.
//! * Text of other machines and of rows reaches a terminal escaped and cut.
//! * No secret is an argument, and none is printed except what is made at that moment: the token of
//!   `invite`, the token of `tokens create`, a password with `--generate`.

mod access;
pub mod args;
mod ask;
mod bundle;
mod commands;
mod door;
pub mod engine;
mod error;
mod exit;
mod key;
pub mod output;
mod pair;
mod settings;
pub mod show;
#[cfg(test)]
mod tests;
pub mod text;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use dunlin_logs::Chain;

pub use error::Error;
pub use exit::Exit;

use args::{Cli, Command};

/// The whole program: reads the command line and does what it says.
pub fn main() -> ExitCode {
    // Keys, invites and the history hold what other users of this computer must not read.
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    crate::memory::keep_in();
    let exit = match Cli::try_parse() {
        Ok(cli) => run(&cli.command).unwrap_or_else(|error| {
            output::say(&format!("dunlin: {}", Chain(&error)));
            error.exit()
        }),
        Err(told) => {
            // Nobody is there to read it; the exit code still tells.
            told.print().unwrap_or_default();
            if told.use_stderr() { Exit::Usage } else { Exit::Ok }
        }
    };
    exit.into()
}

fn run(command: &Command) -> Result<Exit, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Runtime { source })?;
    runtime.block_on(serve(command))
}

async fn serve(command: &Command) -> Result<Exit, Error> {
    match command {
        Command::Init(args) => commands::init(args),
        Command::Check(args) => commands::check(args),
        Command::Track(args) => commands::track(args).await,
        Command::Run(args) => {
            engine::run(&args.folder()).await?;
            Ok(Exit::Ok)
        }
        Command::Invite(args) => commands::invite(args).await,
        Command::Join(here) => commands::join(here).await,
        Command::Pair(args) => pair::pair(args).await,
        Command::Pairing(here) => pair::pairing(here).await,
        Command::Status(here) => commands::status(here).await,
        Command::Partners(args) => commands::shop::partners(args).await,
        Command::Leave(args) => commands::shop::leave(args).await,
        Command::Shop(args) => commands::shop::shop(args).await,
        Command::Tables(args) => commands::tables(args).await,
        Command::History(args) => commands::history(args).await,
        Command::Held(args) => commands::held(args).await,
        Command::Conflicts(args) => commands::conflicts(args).await,
        Command::Sync(args) => commands::sync(args).await,
        Command::Users(args) => access::users(args).await,
        Command::Tokens(args) => access::tokens(args).await,
        Command::Key(args) => key::key(args).await,
        Command::Settings(args) => settings::settings(args).await,
        Command::Bundle(args) => bundle::bundle(args).await,
        Command::Demo(args) => commands::demo(args).await,
        Command::Completions { shell } => Ok(completions(*shell)),
    }
}

fn completions(shell: clap_complete::Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "dunlin", &mut script);
    output::answer(&String::from_utf8_lossy(&script));
    Exit::Ok
}
