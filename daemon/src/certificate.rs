//! The certificate of the page on the network: a given one, or `DIR/page.pem`.
//!
//! Made once and then kept, whatever becomes of the names and addresses in it: people compare its
//! fingerprint, and a browser that was told to trust it should not ask again. Whoever wants a new
//! one removes the file.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use dunlin_rpc::Secret;
use dunlin_rpc::tls::{PageCertificate, make_page_certificate};

use crate::discovery::Nets;
use crate::error::{Error, Result};
use crate::machine::Machine;

/// The file in the state folder: certificate and key.
const FILE: &str = "page.pem";

/// The largest file that is read.
const FILE_MAX: u64 = 1 << 20;

/// The page's certificate; made and stored if there is none.
pub(crate) fn load(machine: &Machine, names: &[String]) -> Result<PageCertificate> {
    let admin = &machine.config.admin;
    let pin = machine.identity().pin();
    let unfit = |file: &Path| {
        let file = file.to_owned();
        move |source| Error::PageCertificate { file, source }
    };
    if !admin.lan_certificate.as_os_str().is_empty() {
        let chain = read(&admin.lan_certificate)?;
        let key = read_key(&admin.lan_key)?;
        return PageCertificate::read(&chain, &key, pin).map_err(unfit(&admin.lan_certificate));
    }
    let file = machine.folder.file(FILE);
    let text = if let Some(kept) = machine.folder.read_if_there(FILE)? {
        Secret(String::from_utf8_lossy(&kept).into_owned())
    } else {
        let made =
            make_page_certificate(names, &addresses(&admin.lan_listen)).map_err(unfit(&file))?;
        machine.folder.write(FILE, made.expose().as_bytes())?;
        made
    };
    PageCertificate::read(&text, &text, pin).map_err(unfit(&file))
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
