//! Opening a file so that nothing of it changes.
//!
//! ```text
//!   it has no write-ahead log                  as it is, read only
//!   it has one, and `-wal` is there            read only, `-shm` too: what is in the log is read
//!   it has one, and `-wal` is not there        all is in the file; SQLite is told that nobody writes, else it would
//!                                              make both
//! ```

use crate::revive::with_tail;
use crate::{Error, Result, adopt};
use rusqlite::{Connection, OpenFlags};
use std::fmt::Write as _;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

/// The file, and whether it has a write-ahead log.
pub(super) fn open(path: &Path) -> Result<(Connection, bool)> {
    let has_wal = has_wal(path)?;
    let failed = |source| Error::Open { path: path.to_owned(), source };
    let unfinished = || Error::Unfinished { path: path.to_owned() };
    // SQLite has its own files beside the file itself, and not beside a link to it.
    let real = path.canonicalize();
    let real = real.map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
    let bytes = |tail| std::fs::metadata(with_tail(&real, tail)).map(|found| found.len());
    let how = match (has_wal, bytes("-wal").unwrap_or(0)) {
        (false, _) => "mode=ro",
        (true, 0) => "mode=ro&immutable=1",
        (true, _) if bytes("-shm").is_err() => return Err(unfinished()),
        (true, _) => "mode=ro&readonly_shm=1",
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let uri = format!("file:{}?{how}", escaped(&real));
    let conn = Connection::open_with_flags(uri, flags).map_err(failed)?;
    match adopt::set_up(&conn, path) {
        // A journal that was left behind can be rolled back by a program that writes, and by no other.
        Err(Error::Open { source, .. })
            if source.sqlite_error_code() == Some(rusqlite::ErrorCode::ReadOnly) =>
        {
            Err(unfinished())
        }
        other => other.map(|()| (conn, has_wal)),
    }
}

/// Does its header say that it has a write-ahead log (sqlite.org/fileformat2.html, 1.3)? A file of no bytes is a database
/// without a table. It is read and closed before SQLite opens the file: closing it later would give up SQLite's locks.
fn has_wal(path: &Path) -> Result<bool> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(|source| match source.kind() {
        ErrorKind::NotFound => Error::NoFile { path: path.to_owned() },
        _ => unreadable(source),
    })?;
    // What is no file, a pipe or a device, is not read.
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(Error::NotADatabase { path: path.to_owned() });
    }
    let mut head = Vec::new();
    file.take(20).read_to_end(&mut head).map_err(unreadable)?;
    if !head.is_empty() && !head.starts_with(b"SQLite format 3\0") {
        return Err(Error::NotADatabase { path: path.to_owned() });
    }
    Ok(head.get(18) == Some(&2))
}

/// A path as SQLite's URIs have it.
fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                text.push(char::from(*byte));
            }
            _ => {
                // Writing into a String cannot fail.
                let _ = write!(text, "%{byte:02x}");
            }
        }
    }
    text
}
