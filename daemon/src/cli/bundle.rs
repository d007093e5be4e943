//! `dunlin bundle`: the file for whoever helps from afar, as the page hands it out.
//!
//! # Invariants
//!
//! * A file that is there is never overwritten, and what is made only its owner may read.
//! * Half a file is no file: one that could not be written to its end is removed.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use dunlin_rpc::method::overview::OverviewClient as _;
use serde::Serialize;

use super::args::Bundle;
use super::commands::{Ended, print};
use super::door::Door;
use super::error::Error;
use super::exit::Exit;
use super::output;

/// What a person should know before he hands it on.
const HINT: &str = "It holds versions, how the machine and its partners stand, the settings, past \
                    sessions and the latest lines of the log: names, addresses and names of tables, \
                    and no row, password, token or key. Look through it before you hand it on.";

/// The JSON form of what was made.
#[derive(Serialize)]
struct Made<'a> {
    file: std::borrow::Cow<'a, str>,
    bytes: usize,
}

pub(super) async fn bundle(args: &Bundle) -> Ended {
    let file = &args.output;
    let to_stdout = file.as_os_str() == "-";
    // Before anything is asked for: nobody should wait only to hear that.
    if !to_stdout && file.symlink_metadata().is_ok() {
        return Err(Error::FileThere { file: file.clone() });
    }
    let door = Door::open(&args.here.folder()).await?;
    let bundle = door.ask(door.support_bundle()).await?;
    let text = output::pretty(&bundle).map_err(|source| Error::Answer { source })?;
    if to_stdout {
        output::answer(&text);
    } else {
        write(file, text.as_bytes()).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => Error::FileThere { file: file.clone() },
            _ => Error::Output { file: file.clone(), source },
        })?;
        let made = Made { file: file.to_string_lossy(), bytes: text.len() };
        print(&args.here, "bundle", &made, || format!("{}\n", file.display()))?;
    }
    output::say(HINT);
    Ok(Exit::Ok)
}

fn write(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(text).and_then(|()| file.sync_all());
    if written.is_err() {
        // The cause is what counts.
        std::fs::remove_file(path).unwrap_or_default();
    }
    written
}
