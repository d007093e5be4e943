//! Under way: frames in the write-ahead log that nobody can read yet.
//!
//! ```text
//!   -wal   header │ frame 1 … frame n │ frame n + 1            readers see n frames, says SQLite
//!          salts    salts               the header's salts:    written since, and not to be seen yet
//!                                       others:                left from an earlier round of the log
//! ```
//!
//! A commit writes its frames, waits for the disk where its application asked for that, and shows them then: the last
//! step is in shared memory, of which no watch tells. Until then the frames lie there, and that can be seen.
//! Frames that a rollback left behind look the same, until the next commit writes over them.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::error::Doing as _;
use crate::revive::with_tail;
use crate::{Result, Store};

/// The log's header, and that of each frame.
type Header = [u8; 32];
type Frame = [u8; 24];

impl Store {
    /// Does a commit of somebody lie in the write-ahead log that cannot be read yet? Ask first and read then: what ends
    /// in between is read.
    pub fn is_commit_under_way(&self) -> Result<bool> {
        let seen: i64 = self
            .conn
            .prepare_cached("PRAGMA main.wal_checkpoint(NOOP)")
            .and_then(|mut statement| statement.query_row([], |row| row.get(1)))
            .doing("ask how long the write-ahead log is")?;
        // Without a write-ahead log it is −1: there the last event comes when the commit is over.
        let Ok(seen) = u64::try_from(seen) else { return Ok(false) };
        // What cannot be read is no sign of anything.
        Ok(goes_on(&with_tail(self.path(), "-wal"), seen).unwrap_or(false))
    }
}

/// Does the log hold a frame of this round after so many? SQLite locks other files than this one, so closing it
/// loses no lock of ours.
fn goes_on(log: &Path, seen: u64) -> std::io::Result<bool> {
    let mut log = File::open(log)?;
    let (mut header, mut frame): (Header, Frame) = ([0; 32], [0; 24]);
    log.read_exact(&mut header)?;
    log.seek(SeekFrom::Start(place(&header, seen)))?;
    log.read_exact(&mut frame)?;
    Ok(is_of_this_round(&header, &frame))
}

/// Where the frame after so many begins.
fn place(header: &Header, seen: u64) -> u64 {
    let [_, _, _, _, _, _, _, _, a, b, c, d, ..] = *header;
    let page = u64::from(u32::from_be_bytes([a, b, c, d]));
    let frame = page + size_of::<Frame>() as u64;
    size_of::<Header>() as u64 + seen.saturating_mul(frame)
}

/// Both salts of a frame are the header's.
fn is_of_this_round(header: &Header, frame: &Frame) -> bool {
    header.get(16..24) == frame.get(8..16)
}

#[cfg(test)]
mod tests {
    use super::{Frame, Header, is_of_this_round, place};
    use crate::still::shop;

    const HEADER: Header = {
        let mut header = [0; 32];
        // Pages of 4 096 bytes.
        header[10] = 0x10;
        header[19] = 7;
        header[23] = 9;
        header
    };

    #[test]
    fn frames_lie_one_after_the_other_behind_the_header() {
        assert_eq!(place(&HEADER, 0), 32);
        assert_eq!(place(&HEADER, 3), 32 + 3 * (24 + 4_096));
    }

    #[test]
    fn a_frame_of_an_earlier_round_has_other_salts() {
        let frame = |first: u8, second: u8| -> Frame {
            let mut frame = [0; 24];
            (frame[11], frame[15]) = (first, second);
            frame
        };
        assert!(is_of_this_round(&HEADER, &frame(7, 9)));
        assert!(!is_of_this_round(&HEADER, &frame(6, 9)));
        assert!(!is_of_this_round(&HEADER, &frame(7, 8)));
    }

    #[test]
    fn what_was_written_and_cannot_be_read_yet_is_seen_to_be_under_way() {
        let (_folder, app, store) = shop("CREATE TABLE t (id INTEGER PRIMARY KEY, x BLOB)");
        let is_under_way = || store.is_commit_under_way().unwrap();
        app.execute_batch("PRAGMA cache_size = 10; INSERT INTO t (x) VALUES (zeroblob(9000))")
            .unwrap();
        assert!(!is_under_way(), "all can be read");
        // More than the cache holds goes into the log before the commit.
        app.execute_batch("BEGIN").unwrap();
        for _ in 0..100 {
            app.execute_batch("INSERT INTO t (x) VALUES (zeroblob(9000))").unwrap();
        }
        assert!(is_under_way(), "the pages of a transaction that is open");
        app.execute_batch("COMMIT").unwrap();
        assert!(!is_under_way(), "they can be read now");
        app.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).unwrap();
        app.execute_batch("INSERT INTO t (x) VALUES (zeroblob(9))").unwrap();
        assert!(!is_under_way(), "what follows is of the round before");
    }
}
