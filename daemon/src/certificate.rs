//! The certificate of the page on the network: a given one, or `DIR/page.pem`.
//!
//! Made once and then kept, whatever becomes of the names and addresses in it: people compare its
//! fingerprint, and a browser that was told to trust it should not ask again. Whoever wants a new
//! one asks for it: see [`settings`](crate::settings).

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use dunlin_rpc::Secret;
use dunlin_rpc::tls::{PageCertificate, make_page_certificate};

use crate::config::Admin;
use crate::discovery::Nets;
use crate::doors;
use crate::error::{Error, Result};
use crate::machine::Machine;

/// The file in the state folder: certificate and key.
const FILE: &str = "page.pem";

/// The largest file that is read.
const FILE_MAX: u64 = 1 << 20;

/// The page's certificate; made and stored if there is none.
pub(crate) fn load(machine: &Machine, admin: &Admin) -> Result<PageCertificate> {
    if !admin.lan_certificate.as_os_str().is_empty() {
        let chain = read(&admin.lan_certificate)?;
        let key = read_key(&admin.lan_key)?;
        let pin = machine.identity().pin();
        return PageCertificate::read(&chain, &key, pin).map_err(|source| Error::PageCertificate {
            file: admin.lan_certificate.clone(),
            source,
        });
    }
    let text = if let Some(kept) = machine.folder.read_if_there(FILE)? {
        Secret(String::from_utf8_lossy(&kept).into_owned())
    } else {
        let made = make(machine, admin)?;
        store(machine, &made)?;
        made
    };
    read_own(machine, &text)
}

/// A new certificate with a new key, in no file yet.
pub(crate) fn make(machine: &Machine, admin: &Admin) -> Result<Secret<String>> {
    let names: Vec<String> = doors::names(admin).collect();
    make_page_certificate(&names, &addresses(&admin.lan_listen))
        .map_err(|source| Error::PageCertificate { file: machine.folder.file(FILE), source })
}

/// The certificate in a text that [`make`] made.
pub(crate) fn read_own(machine: &Machine, text: &Secret<String>) -> Result<PageCertificate> {
    PageCertificate::read(text, text, machine.identity().pin())
        .map_err(|source| Error::PageCertificate { file: machine.folder.file(FILE), source })
}

/// Writes a certificate with its key down; the one before is gone.
pub(crate) fn store(machine: &Machine, text: &Secret<String>) -> Result<()> {
    Ok(machine.folder.write(FILE, text.expose().as_bytes())?)
}

/// The file that the certificate is from.
pub(crate) fn file(machine: &Machine, admin: &Admin) -> PathBuf {
    if admin.lan_certificate.as_os_str().is_empty() {
        machine.folder.file(FILE)
    } else {
        admin.lan_certificate.clone()
    }
}

/// Where the page can be reached: the addresses listened on, or all of ours.
fn addresses(listen: &[SocketAddr]) -> Vec<IpAddr> {
    let given: Vec<IpAddr> = listen.iter().map(SocketAddr::ip).collect();
    if given.iter().any(IpAddr::is_unspecified) { Nets::now(false).own() } else { given }
}

fn read(path: &Path) -> Result<Secret<String>> {
    use std::io::Read as _;
    let failed = |source: std::io::Error| {
        let what =
            if source.kind() == ErrorKind::NotFound { "is not there" } else { "cannot be read" };
        let path = path.display();
        Error::Refused(format!("{path} {what}: {source}; see admin.lan_certificate and lan_key"))
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(FILE_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(Secret(text))
}

/// A key that everybody on this computer may read is nobody's proof.
fn read_key(path: &Path) -> Result<Secret<String>> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path).map_or(0, |found| found.permissions().mode());
        if mode & 0o007 != 0 {
            let path = path.display();
            return Err(Error::Refused(format!(
                "{path} may be read by everybody on this computer; run `chmod o= {path}`"
            )));
        }
    }
    read(path)
}
