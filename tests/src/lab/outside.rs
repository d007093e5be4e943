//! Programs that are not ours: Python and the `sqlite3` program, as the shop's application may be.

#![expect(clippy::print_stderr, reason = "a skipped test must be seen")]

use std::path::Path;
use std::process::{Command, Stdio};

use super::machine::{Told, finish};

/// Whether a program is here; a line on stderr where it is not.
pub fn has(program: &str, lost: &str) -> bool {
    let found = Command::new("/bin/sh")
        .args(["-c", "command -v \"$0\"", program])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        eprintln!("SKIPPED {lost}: no {program} here");
    }
    found
}

/// Runs a Python program with these arguments.
pub fn python(script: &str, arguments: &[&str]) -> Told {
    let mut command = Command::new("python3");
    command.arg("-c").arg(script).args(arguments);
    finish(command, "")
}

/// Has the `sqlite3` program run statements on a file; it stops at the first that fails.
pub fn sqlite3(file: &Path, sql: &str) -> Told {
    let mut command = Command::new("sqlite3");
    command.args(["-batch", "-bail"]).arg(file);
    finish(command, &format!(".timeout 5000\n{sql}"))
}

/// Runs any other program.
pub fn run(program: &str, arguments: &[&str], input: &str) -> Told {
    let mut command = Command::new(program);
    command.args(arguments);
    finish(command, input)
}
