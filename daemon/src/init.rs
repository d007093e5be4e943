//! Making a machine: its folder, its key, the first statement of its shop, its configuration.
//!
//! ```text
//!   look: no machine yet ─ a database ─ ports free ─ nobody serves it      nothing is written so far
//!   write: key ─► roster.jsonl ─► dunlin.toml                              a failure takes all back
//! ```
//!
//! # Invariants
//!
//! * A folder that holds a machine, or a part of one, is left as it is: a key is never written over.
//! * The configuration is written last, so a folder that has one has a whole machine.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use dunlin_rpc::identity::IdentityError;
use dunlin_rpc::{Identity, Secret};
use serde::Serialize;
use uuid::Uuid;

use crate::config::{self, Config, Flags};
use crate::folder::{self, Folder};
use crate::keys::KEY;
use crate::roster::statement::Signer;
use crate::roster::{self, Roster};

/// The file of the roster, which `roster` makes; named here to see it and to take it back.
const ROSTER: &str = "roster.jsonl";

/// How every SQLite file begins.
const SQLITE: &[u8; 16] = b"SQLite format 3\0";

/// What a person says about the new machine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The state folder to make.
    pub data: PathBuf,
    /// The application's SQLite file.
    pub database: PathBuf,
    /// What the machine is called; the computer's name unless said.
    pub name: Option<String>,
    /// Where partners call, unless at the usual port.
    pub partner_listen: Option<SocketAddr>,
    /// Where this machine's browser and scripts call, unless at the usual port.
    pub admin_listen: Option<SocketAddr>,
}

/// The machine that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Made {
    /// Its id, as long as its shop does not forget its key.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its state folder.
    pub data: PathBuf,
    /// The application's SQLite file.
    pub database: PathBuf,
}

/// Why no machine was made. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder has a machine, or what is left of one.
    #[error(
        "{} already holds a machine (it has a file {found}); use it, or name another folder with --data",
        data.display()
    )]
    Exists {
        /// The state folder.
        data: PathBuf,
        /// The file that was found.
        found: &'static str,
    },
    /// There is no such database file.
    #[error(
        "there is no file {}; start the application once so that it makes its database, then try again",
        path.display()
    )]
    NoDatabase {
        /// What was named.
        path: PathBuf,
    },
    /// The file is no SQLite database.
    #[error(
        "{} is not a SQLite database; name the application's SQLite file with --database",
        path.display()
    )]
    NotADatabase {
        /// What was named.
        path: PathBuf,
    },
    /// The file may not be read and written by this user.
    #[error(
        "cannot read and write {}; give it to this user, or run as the user who owns it",
        path.display()
    )]
    Database {
        /// What was named.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another program listens there.
    #[error("{address} is in use by another program; choose another with {flag}")]
    PortInUse {
        /// The address.
        address: SocketAddr,
        /// The flag that changes it.
        flag: &'static str,
    },
    /// This computer cannot listen there.
    #[error("cannot listen on {address}; choose another with {flag}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The flag that changes it.
        flag: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The machine's key could not be made.
    #[error("cannot make the machine's key")]
    Key {
        /// Why not.
        #[from]
        source: IdentityError,
    },
    /// The state folder, or another daemon that holds the database.
    #[error(transparent)]
    Folder(#[from] folder::Error),
    /// The first statement could not be signed or stored.
    #[error(transparent)]
    Roster(#[from] roster::Error),
    /// What was said cannot be a configuration.
    #[error(transparent)]
    Config(#[from] config::Error),
}

/// Makes a machine; `at` is the time now in milliseconds since 1970, for people to read.
pub fn init(settings: &Settings, at: i64) -> Result<Made, Error> {
    refuse_machine(&settings.data)?;
    let database = check_database(&settings.database)?;
    check_ports(settings)?;
    // Held until the machine is made: two folders must not take one database at the same time.
    let _serving = folder::lock_database(&database)?;

    let mut undo = Undo::new(&settings.data);
    let made = write(settings, &database, at)?;
    undo.keep = true;
    Ok(made)
}

fn refuse_machine(data: &Path) -> Result<(), Error> {
    // Not `exists`, which takes a folder that we may not look into for an empty one.
    for found in [config::FILE, KEY, ROSTER] {
        match fs::symlink_metadata(data.join(found)) {
            Ok(_) => return Err(Error::Exists { data: data.to_owned(), found }),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(folder::Error::io("look into", data, error).into());
            }
            // Missing, or below something that is no folder, which making the folder will tell.
            Err(_) => {}
        }
    }
    Ok(())
}

/// The database's path as it goes into the configuration, if it is one that Dunlin can keep.
fn check_database(path: &Path) -> Result<PathBuf, Error> {
    let failed = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => Error::NoDatabase { path: path.to_owned() },
        ErrorKind::IsADirectory => Error::NotADatabase { path: path.to_owned() },
        _ => Error::Database { path: path.to_owned(), source },
    };
    let found = fs::metadata(path).map_err(failed)?;
    if !found.is_file() {
        return Err(Error::NotADatabase { path: path.to_owned() });
    }
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
    let mut start = Vec::new();
    file.take(SQLITE.len() as u64).read_to_end(&mut start).map_err(failed)?;
    // SQLite takes an empty file for a database without tables, and makes one of it.
    if !start.is_empty() && start != SQLITE {
        return Err(Error::NotADatabase { path: path.to_owned() });
    }
    std::path::absolute(path).map_err(failed)
}

/// Binds both listeners once, together: they could also be in each other's way.
fn check_ports(settings: &Settings) -> Result<(), Error> {
    let usual = Config::default();
    let mut held = Vec::new();
    let partner = settings.partner_listen.unwrap_or(usual.partner.listen);
    let admin = settings.admin_listen.map_or(usual.admin.listen, |address| vec![address]);
    let wanted = std::iter::once((partner, "--partner-listen", settings.partner_listen.is_some()))
        .chain(admin.into_iter().map(|at| (at, "--admin-listen", settings.admin_listen.is_some())));

    for (address, flag, said) in wanted {
        match TcpListener::bind(address) {
            Ok(listener) => held.push(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                return Err(Error::PortInUse { address, flag });
            }
            Err(source) if said => return Err(Error::Listen { address, flag, source }),
            // Of the usual addresses one may be missing here, as `[::1]` where there is no IPv6.
            Err(_) => {}
        }
    }
    Ok(())
}

fn write(settings: &Settings, database: &Path, at: i64) -> Result<Made, Error> {
    let flags = Flags {
        name: settings.name.clone(),
        partner_listen: settings.partner_listen,
        admin_listen: settings.admin_listen,
        ..Flags::default()
    };
    let text = config::first_file(&flags, database)?;
    let config = Config::parse(&text, &settings.data.join(config::FILE))?;
    config.check()?;
    let name = config.machine_name();

    let folder = Folder::create(&settings.data)?;
    let identity = Identity::generate()?;
    let pem: Secret<String> = identity.to_pem();
    folder.write(KEY, pem.expose().as_bytes())?;
    Roster::found(&folder, Signer { identity: &identity, at }, &name)?;
    folder.write(config::FILE, text.as_bytes())?;
    Ok(Made {
        id: identity.public_key().machine_id(),
        name,
        data: folder.path().to_owned(),
        database: database.to_owned(),
    })
}

/// Takes back what was made, unless it is told to keep it.
#[derive(Debug)]
struct Undo<'a> {
    data: &'a Path,
    made_folder: bool,
    keep: bool,
}

impl<'a> Undo<'a> {
    /// To be called when none of the files is there.
    fn new(data: &'a Path) -> Self {
        Self { data, made_folder: !data.exists(), keep: false }
    }
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        // What is not there need not go, and what cannot be removed is told by the next `init`.
        for name in [config::FILE, ROSTER, KEY] {
            fs::remove_file(self.data.join(format!(".{name}.new"))).unwrap_or_default();
            fs::remove_file(self.data.join(name)).unwrap_or_default();
        }
        if self.made_folder {
            fs::remove_dir(self.data).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests;
