//! Programs that are not ours: Python and the `sqlite3` program, as the shop's application may be.

#![expect(clippy::print_stderr, reason = "a skipped test must be seen")]

use std::net::SocketAddr;
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

/// A user of this computer who has nothing to do with the daemon.
const SOMEBODY: &str = "65534";

/// Programs of another user of this computer. None, with a line on stderr, where we cannot start any.
#[derive(Debug)]
pub struct Somebody(());

impl Somebody {
    /// Needs root, `setpriv` and bash, whose `/dev/tcp` is a client that everybody may start.
    pub fn find() -> Option<Self> {
        let root = run("/bin/sh", &["-c", "test \"$(id -u)\" = 0"], "").code == 0;
        if !root {
            eprintln!("SKIPPED another user of this computer: not root");
        }
        let able = root && has("setpriv", "another user") && has("/bin/bash", "another user");
        able.then_some(Self(()))
    }

    /// Has him run a program.
    pub fn run(&self, program: &[&str], input: &str) -> Told {
        let ids = ["--reuid", SOMEBODY, "--regid", SOMEBODY, "--clear-groups"];
        run("setpriv", &[&ids[..], program].concat(), input)
    }

    /// Has him connect, send these bytes, and answer what came until the other side closed.
    pub fn send(&self, address: SocketAddr, bytes: &str) -> Told {
        self.bash("exec 3<>/dev/tcp/$0/$1 && cat >&3 && cat <&3", address, bytes)
    }

    /// Has him connect so many times, send these bytes and hang up at once.
    pub fn send_and_run(&self, address: SocketAddr, bytes: &str, times: u32) -> Told {
        let script = format!(
            "said=$(cat); for _ in {{1..{times}}}; do \
             exec 3<>/dev/tcp/$0/$1 && printf %s \"$said\" >&3 && exec 3>&- || exit 1; done"
        );
        self.bash(&script, address, bytes)
    }

    fn bash(&self, script: &str, address: SocketAddr, input: &str) -> Told {
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        self.run(&["/bin/bash", "-c", script, &ip, &port], input)
    }
}
