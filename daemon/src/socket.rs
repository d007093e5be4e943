//! The Unix socket that the command line talks through: `DIR/dunlin.sock`, 0600.

use std::fs;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use tokio::net::UnixListener;

use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::machine::SOCKET;

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
