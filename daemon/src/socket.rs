//! The Unix sockets that the command line talks through: `DIR/dunlin.sock`, 0600; and, where other
//! users of this computer may manage the daemon, one that all can open, where the user at the
//! other end decides.

use std::fs;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::machine::{Machine, SOCKET};

/// Where the sockets for other users are, unless the configuration says otherwise.
const SHARED: &str = "/run/dunlin";

/// The kernel takes 108 bytes with the zero at the end; longer paths go by the open folder.
const PATH_MAX: usize = 100;

/// Binds the socket. What a crash left there is removed: the folder's lock is ours.
pub(crate) fn bind(folder: &Folder) -> Result<UnixListener> {
    let failed = |source| Error::Socket { source };
    let path = folder.file(SOCKET);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    // The folder is 0700, so nobody else can reach the socket before its own mode is set.
    let listener = if path.as_os_str().len() <= PATH_MAX {
        UnixListener::bind(&path).map_err(failed)?
    } else {
        let open = fs::File::open(folder.path()).map_err(failed)?;
        UnixListener::bind(PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", open.as_raw_fd())))
            .map_err(failed)?
    };
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

/// Where the socket for other users is, if they may have one.
pub(crate) fn shared_path(machine: &Machine) -> Option<PathBuf> {
    let admin = &machine.config.admin;
    if admin.local_admins.is_empty() {
        return None;
    }
    if !admin.local_socket.as_os_str().is_empty() {
        return Some(admin.local_socket.clone());
    }
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let name = machine.name.chars().map(|letter| if is_plain(letter) { letter } else { '-' });
    Some(Path::new(SHARED).join(name.collect::<String>() + ".sock"))
}

/// Binds a socket that everybody can open. One that another daemon serves is left alone.
pub(crate) fn bind_shared(path: &Path) -> Result<UnixListener> {
    let failed = |source| Error::LocalSocket { path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new("/"));
    if !folder.exists() {
        fs::create_dir_all(folder).map_err(failed)?;
        // Ours, and made with our umask: others must find the socket in it.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    }
    if fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
        && std::os::unix::net::UnixStream::connect(path).is_err()
    {
        fs::remove_file(path).map_err(failed)?;
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o666)).map_err(failed)?;
    Ok(listener)
}
