//! The state folder: private files, written whole or not at all, and the locks.
//!
//! ```text
//!   DIR/                 0700
//!     dunlin.toml        the person's                    roster.jsonl   statements, appended
//!     key                the machine's key               invites.json   open invites
//!     users.json         who may call                    history.db, logs/
//!     settings.json      what was set at run time
//!     dunlin.lock        one daemon serves a folder
//!   shop.db-dunlin.lock  and one folder a database
//! ```
//!
//! # Invariants
//!
//! * A file here is 0600 from its first byte on; one that others may read is refused when read.
//! * [`Folder::write`] leaves the old file or the new one, also through a power cut.
//! * A lock dies with its process; the file it leaves behind locks nothing.

mod lock;
#[cfg(test)]
mod tests;

pub use lock::Lock;

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The lock file of a state folder.
const LOCK: &str = "dunlin.lock";

/// What is put behind a database's file name to name its lock.
const DATABASE_LOCK: &str = "-dunlin.lock";

/// The largest of our files that is read whole; the roster of a shop that lived long is the biggest.
const FILE_MAX: u64 = 256 << 20;

/// What only the daemon's user may read; whichever of these is there is looked at before the start.
const SECRETS: [&str; 15] = [
    "key",
    "key.next",
    "key.old",
    "key.anew",
    "key.heard",
    "users.json",
    "tokens.json",
    "invites.json",
    "roster.jsonl",
    "partners.json",
    "callers.json",
    "history.db",
    "history.db-wal",
    "page.pem",
    "settings.json",
];

/// What went wrong with the state folder.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such folder.
    #[error("there is no folder {}; run `dunlin init --data {} --database FILE` first", path.display(), path.display())]
    NoFolder {
        /// Where it should be.
        path: PathBuf,
    },
    /// There is no such file.
    #[error("there is no file {}", path.display())]
    NoFile {
        /// Where it should be.
        path: PathBuf,
    },
    /// The path names something that is not a folder.
    #[error("{} is not a folder; name another with --data", path.display())]
    NotAFolder {
        /// What was named.
        path: PathBuf,
    },
    /// Others on this computer may read or write what is ours alone.
    #[error(
        "{} may be read or changed by others (mode {mode:04o}); run `chmod {} {}`",
        path.display(), if *folder { "700" } else { "600" }, path.display()
    )]
    TooOpen {
        /// The folder or file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// Whether it is a folder.
        folder: bool,
    },
    /// The disk is full.
    #[error("cannot {doing} {}: the disk is full; make room and try again", path.display())]
    Full {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// We may not.
    #[error(
        "cannot {doing} {}: not allowed; run as the user who owns it, or give it to this user",
        path.display()
    )]
    NotAllowed {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The disk is mounted read-only.
    #[error("cannot {doing} {}: its disk is read-only; name another folder with --data", path.display())]
    ReadOnly {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Anything else that the system says.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another process holds the lock.
    #[error("{} is in use by another Dunlin daemon{}; stop that one first", path.display(), by(*pid))]
    InUse {
        /// The folder or the database.
        path: PathBuf,
        /// The other process, if it says.
        pid: Option<u32>,
    },
}

fn by(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

impl Error {
    /// Sorts what the system says by what a person must do about it.
    pub(crate) fn io(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        // The system knows dozens of other kinds, and none of them has a remedy of its own.
        #[expect(clippy::wildcard_enum_match_arm, reason = "ErrorKind is open-ended")]
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full { doing, path, source },
            ErrorKind::PermissionDenied => Self::NotAllowed { doing, path, source },
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { doing, path, source },
            _ => Self::Io { doing, path, source },
        }
    }
}

/// A state folder that exists and is ours alone.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder, and its parents, for this user alone; takes an empty one that is there.
    ///
    /// One that holds something is taken only if it is private already: its mode may be somebody's
    /// wish, and `--data /home/ann` must not lock Ann out.
    pub fn create(path: &Path) -> Result<Self, Error> {
        match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make_private_folder(path).map_err(|error| Error::io("make", path, error))?;
            }
            Err(error) => return Err(Error::io("read", path, error)),
            Ok(found) if !found.is_dir() => {
                return Err(Error::NotAFolder { path: path.to_owned() });
            }
            Ok(_) => {
                let mut entries =
                    fs::read_dir(path).map_err(|error| Error::io("read", path, error))?;
                if entries.next().is_none() {
                    set_mode(path, 0o700).map_err(|error| Error::io("protect", path, error))?;
                }
            }
        }
        Self::open(path)
    }

    /// The folder that `init` made.
    pub fn open(path: &Path) -> Result<Self, Error> {
        // Absolute, since the process may change its own folder; canonical, since locks of one
        // folder under two names must meet.
        let path = match fs::canonicalize(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Error::NoFolder { path: path.to_owned() });
            }
            other => other.map_err(|error| Error::io("open", path, error))?,
        };
        let found = fs::metadata(&path).map_err(|error| Error::io("open", &path, error))?;
        if !found.is_dir() {
            return Err(Error::NotAFolder { path });
        }
        refuse_open(&path, &found)?;
        Ok(Self { path })
    }

    /// Refuses a folder in which others may read or change what is ours alone.
    pub fn check_secrets(&self) -> Result<(), Error> {
        for name in SECRETS {
            let path = self.file(name);
            match fs::metadata(&path) {
                Ok(found) => refuse_open(&path, &found)?,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("read", &path, error)),
            }
        }
        Ok(())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether it holds a file of this name.
    pub fn has(&self, name: &str) -> bool {
        self.file(name).exists()
    }

    /// Makes a private folder in it, if it is not there.
    pub fn subfolder(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.file(name);
        match make_private_folder(&path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                Err(Error::io("make", &path, error))
            }
            Ok(()) | Err(_) => Ok(path),
        }
    }

    /// Takes the lock of this folder; one daemon, or one command without a daemon, holds it.
    pub fn lock(&self) -> Result<Lock, Error> {
        Lock::take(&self.file(LOCK), &self.path)
    }

    /// What a file is called while it is written; a crash may leave it.
    pub(crate) fn fresh(name: &str) -> String {
        format!(".{name}.new")
    }

    /// Writes a file whole, private, and so that a power cut leaves the old one or the new one.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let path = self.file(name);
        let failed = |error| Error::io("write", &path, error);
        // One name is enough: whoever writes here holds the lock. What a crash left there goes.
        let fresh = self.file(&Self::fresh(name));
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
        let written =
            private_options().write(true).create_new(true).open(&fresh).and_then(|mut file| {
                file.write_all(content)?;
                file.sync_all()
            });
        let renamed = written.and_then(|()| fs::rename(&fresh, &path));
        if let Err(error) = renamed {
            // The cause is what counts; a leftover is removed by the next write.
            fs::remove_file(&fresh).unwrap_or_default();
            return Err(failed(error));
        }
        sync_folder(&self.path).map_err(failed)
    }

    /// Appends to a private file, making it when it is missing, and waits for the disk.
    pub fn append(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let path = self.file(name);
        let failed = |error| Error::io("write", &path, error);
        let is_new = !path.exists();
        let mut file = private_options().append(true).create(true).open(&path).map_err(failed)?;
        let before = file.metadata().map_err(failed)?.len();
        if let Err(error) = file.write_all(content).and_then(|()| file.sync_all()) {
            // Half a line would make the next append unreadable.
            file.set_len(before).unwrap_or_default();
            return Err(failed(error));
        }
        if is_new { sync_folder(&self.path).map_err(failed) } else { Ok(()) }
    }

    /// Reads a private file whole; refuses one that others may read or write.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, Error> {
        let path = self.file(name);
        let failed = |error| Error::io("read", &path, error);
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Error::NoFile { path: path.clone() });
            }
            other => other.map_err(failed)?,
        };
        let found = file.metadata().map_err(failed)?;
        refuse_open(&path, &found)?;
        let mut content = Vec::new();
        file.take(FILE_MAX).read_to_end(&mut content).map_err(failed)?;
        Ok(content)
    }

    /// As [`Folder::read`]; `None` when there is no such file.
    pub fn read_if_there(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.read(name) {
            Ok(content) => Ok(Some(content)),
            Err(Error::NoFile { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }
}

/// The disk on which a folder lies, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Disk {
    /// Its size.
    pub(crate) bytes: u64,
    /// What we may still write there.
    pub(crate) free: u64,
}

/// Asks for the disk of a folder. It may be slow to answer.
#[cfg(unix)]
pub(crate) fn disk(folder: &Path) -> Option<Disk> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    let of = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Some(Disk { bytes: of(stat.f_blocks), free: of(stat.f_bavail) })
}

/// Not asked on this system.
#[cfg(not(unix))]
pub(crate) fn disk(_folder: &Path) -> Option<Disk> {
    None
}

/// Takes the lock of a database file, so that two folders cannot serve one database.
///
/// It lies beside the file under the file's real name: links to it lead to the same lock.
pub fn lock_database(file: &Path) -> Result<Lock, Error> {
    let real = match fs::canonicalize(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::NoFile { path: file.to_owned() });
        }
        other => other.map_err(|error| Error::io("open", file, error))?,
    };
    let mut name = real.as_os_str().to_owned();
    name.push(DATABASE_LOCK);
    Lock::take(Path::new(&name), &real)
}

/// Waits until the disk holds the folder's entries; without it a rename may be lost.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

#[cfg(unix)]
fn private_options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn private_options() -> OpenOptions {
    OpenOptions::new()
}

#[cfg(unix)]
fn make_private_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::DirBuilder::new().mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make_private_folder(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> std::io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn refuse_open(path: &Path, found: &fs::Metadata) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = found.permissions().mode() & 0o7777;
    let others = mode & 0o077;
    if others == 0 {
        return Ok(());
    }
    Err(Error::TooOpen { path: path.to_owned(), mode, folder: found.is_dir() })
}

#[cfg(not(unix))]
fn refuse_open(_: &Path, _: &fs::Metadata) -> Result<(), Error> {
    Ok(())
}
