//! Programs that are not ours: Python and the `sqlite3` program, as the shop's application may be, and the schema
//! tools of other projects that `scripts/test` installs.

#![expect(clippy::print_stderr, reason = "a skipped test must be seen")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
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

/// A program of a tool's project in `tests/tools`, and what runs it; cloned where it has to be run by two.
#[derive(Debug, Clone)]
pub struct Tool {
    /// Python or Node.
    program: PathBuf,
    /// Where Node finds what it needs.
    modules: Option<PathBuf>,
    script: PathBuf,
}

impl Tool {
    /// A project of Python. None, with a line on stderr, where its tools are not installed.
    pub fn python(script: &str) -> Option<Self> {
        let found = installed("DUNLIN_TOOLS_PYTHON", "python-", "bin/python");
        let program = found.or_else(|| missing(script, "Python"))?;
        Some(Self { program, modules: None, script: project(script) })
    }

    /// A project of Node. None, with a line on stderr, where its tools are not installed.
    pub fn node(script: &str) -> Option<Self> {
        let found = installed("DUNLIN_TOOLS_NODE", "node-", "node_modules");
        let modules = found.or_else(|| missing(script, "Node"))?;
        has("node", script).then(|| Self {
            program: "node".into(),
            modules: Some(modules),
            script: project(script),
        })
    }

    /// Starts it with these words, and lets it run.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(&self.script).args(words).env_remove("TRACE");
        if let Some(modules) = &self.modules {
            command.env("NODE_PATH", modules);
        }
        command
    }

    /// Runs it on a file to its end.
    pub fn run(&self, file: &Path, words: &[&str]) -> Told {
        let file = file.to_string_lossy();
        finish(self.command(&[&[&*file], words].concat()), "")
    }
}

/// A file of the projects in `tests/tools`.
pub fn project(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tools").join(name)
}

/// Where `scripts/test` said that it installed something, or where it did so before.
#[expect(
    clippy::disallowed_methods,
    reason = "scripts/test tells where it installed what tests need"
)]
fn installed(variable: &str, folder: &str, inside: &str) -> Option<PathBuf> {
    let told = std::env::var(variable).ok().map(PathBuf::from);
    let cache = || {
        let home = std::env::var("HOME").ok().map(|home| PathBuf::from(home).join(".cache"));
        let cache = std::env::var("XDG_CACHE_HOME").ok().map(PathBuf::from).or(home)?;
        let folders = std::fs::read_dir(cache.join("dunlin/tools")).ok()?.flatten();
        let ours = folders.filter(|entry| entry.file_name().to_string_lossy().starts_with(folder));
        ours.map(|entry| entry.path())
            .filter(|path| path.join("installed").exists())
            .max_by_key(|path| path.metadata().and_then(|data| data.modified()).ok())
            .map(|path| path.join(inside))
    };
    told.or_else(cache).filter(|path| path.exists())
}

fn missing<T>(script: &str, language: &str) -> Option<T> {
    eprintln!(
        "SKIPPED {script}: its tools are not installed; scripts/test does so where it finds {language}"
    );
    None
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
