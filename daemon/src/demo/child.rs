//! Child processes: this program, started again, and stopped whatever happens.
//!
//! A process is killed when its handle is dropped, so a panic leaves none behind; in good order it
//! is asked first and has time to leave its partners.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use dunlin_rpc::Secret;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use super::Error;
use super::machine::Machine;

/// A daemon stops within 5 s by promise; after that it is killed.
const STOP_MAX: Duration = Duration::from_secs(5);

/// How long a single command may take.
const COMMAND_MAX: Duration = Duration::from_secs(30);

/// How much of a log is shown when something went wrong.
const LINES_SHOWN: usize = 15;

/// How much of the end of a log is read for it.
const TAIL_BYTES: u64 = 8_192;

/// This program with these arguments, in a group of its own: Ctrl-C is for us, and we pass it on.
fn this_program(arguments: &[&str], data: &Path) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).arg("--data").arg(data).env_remove("DUNLIN_DATA").kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    Ok(command)
}

/// A command that ends by itself: its arguments, and what it reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) what: &'static str,
    pub(super) more: &'a [&'a str],
    pub(super) input: Option<&'a Secret<String>>,
}

/// Runs a command to its end and gives what it printed.
///
/// Exit code 5 is an answer too: it says that something needs a person.
pub(super) async fn call(
    call: Call<'_>,
    machine: &'static str,
    data: &Path,
) -> Result<String, Error> {
    let what = call.what;
    let failed = |source| Error::Start { what, source };
    let arguments: Vec<&str> = std::iter::once(what).chain(call.more.iter().copied()).collect();
    let mut command = this_program(&arguments, data).map_err(failed)?;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), call.input) {
        // A child that does not read ends with its own sentence, which tells more than this error.
        stdin.write_all(input.expose().as_bytes()).await.unwrap_or_default();
    }
    let output = tokio::time::timeout(COMMAND_MAX, child.wait_with_output())
        .await
        .map_err(|_| Error::Hangs { what, machine, after: COMMAND_MAX })?
        .map_err(failed)?;
    let attention = i32::from(crate::cli::Exit::Attention as u8);
    if !output.status.success() && output.status.code() != Some(attention) {
        let said = last_lines(&String::from_utf8_lossy(&output.stderr));
        return Err(Error::Command { what, machine, said });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Starts a daemon that writes what it says into `log`.
pub(super) fn daemon(data: &Path, log: &Path) -> Result<Child, Error> {
    let failed = |source| Error::Start { what: "run", source };
    let out = File::create(log).map_err(failed)?;
    let err = out.try_clone().map_err(failed)?;
    let mut command = this_program(&["run"], data).map_err(failed)?;
    command.stdin(Stdio::null()).stdout(out).stderr(err);
    command.spawn().map_err(failed)
}

/// How a daemon ended, if it did.
pub(super) fn ended(child: &mut Child) -> Option<ExitStatus> {
    // A child that cannot be asked is one that we already waited for.
    child.try_wait().ok().flatten()
}

/// Asks all daemons to stop, waits, and kills those that did not.
pub(super) async fn stop_all(machines: &mut [Machine]) {
    stop(machines.iter_mut().filter_map(Machine::process).collect()).await;
}

/// [`stop_all`], for the processes themselves.
pub(super) async fn stop(children: Vec<&mut Child>) {
    stop_within(children, STOP_MAX).await;
}

/// [`stop`], with patience as given.
pub(super) async fn stop_within(mut children: Vec<&mut Child>, patience: Duration) {
    // The number of a child that ended may belong to another process by now.
    let running: Vec<u32> = children
        .iter_mut()
        .filter_map(|child| if ended(child).is_none() { child.id() } else { None })
        .collect();
    ask_to_stop(&running).await;
    let all = async {
        for child in &mut children {
            child.wait().await.map(drop).unwrap_or_default();
        }
    };
    if tokio::time::timeout(patience, all).await.is_ok() {
        return;
    }
    for child in &mut children {
        // It ended in the meantime, which is what we want.
        child.kill().await.unwrap_or_default();
    }
}

/// SIGTERM, by way of the shell: sending a signal takes a system call that safe Rust lacks.
#[cfg(unix)]
async fn ask_to_stop(running: &[u32]) {
    if running.is_empty() {
        return;
    }
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", "kill -TERM \"$@\"", "sh"])
        .args(running.iter().map(u32::to_string))
        .stderr(Stdio::null());
    // Without a shell they are killed a little later.
    shell.status().await.map(drop).unwrap_or_default();
}

/// Elsewhere there is no such signal; they are killed.
#[cfg(not(unix))]
async fn ask_to_stop(running: &[u32]) {
    let _ = running;
}

/// Ends when the person has seen enough: Ctrl-C, the terminal closed, or asked to stop.
#[cfg(unix)]
pub(super) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let wait = |kind| async move {
        match signal(kind) {
            Ok(mut signals) => {
                signals.recv().await;
            }
            // Then this signal does what it does to any program.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::hangup()) => {}
    }
}

/// Ends when the person has seen enough: Ctrl-C.
#[cfg(not(unix))]
pub(super) async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The last lines of a log file.
pub(super) fn tail(log: &Path) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    last_lines(&read().unwrap_or_default())
}

/// The last lines of a text, indented and escaped; a sentence when there is none.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<String> =
        text.lines().map(|line| format!("  {}", crate::cli::text::sentence(line))).collect();
    if lines.is_empty() {
        return "  (nothing)".to_owned();
    }
    let skipped = lines.len().saturating_sub(LINES_SHOWN);
    lines.into_iter().skip(skipped).collect::<Vec<_>>().join("\n")
}
