//! A lock on a file, held as long as its process lives.

use super::{Error, private_options};
use std::fs::{File, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::Path;

/// A held lock; dropping it, or the end of the process, gives it back.
///
/// The file stays: removing it would let a third process lock a new file of the same name while a
/// second one waits on the old.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock in the file `path`, which guards `guarded`.
    pub(super) fn take(path: &Path, guarded: &Path) -> Result<Self, Error> {
        let failed = |error| Error::io("lock", path, error);
        let mut file = private_options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Who it is helps; that we cannot read it changes nothing.
                (&file).take(32).read_to_string(&mut text).unwrap_or_default();
                let pid = text.trim().parse().ok();
                return Err(Error::InUse { path: guarded.to_owned(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}
