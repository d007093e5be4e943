//! Who reaches the daemon otherwise than as a partner: this machine's browser and scripts, those
//! of the network, and programs of 2009.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ADMIN_PORT, Error, Network, rule};

/// The longest idle session, in minutes: twelve hours.
const SESSION_IDLE_MAX: u32 = 720;

/// How browsers and scripts reach the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Loopback addresses only.
    pub listen: Vec<SocketAddr>,
    /// What a program of root, the daemon's user or `local_admins` may do without a password.
    pub local_trust: LocalTrust,
    /// What a program of another user of this computer may do without a password.
    pub local_trust_others: OthersTrust,
    /// Users of this computer, by name, who count as the daemon's own.
    pub local_admins: Vec<String>,
    /// The socket that they may open; empty means `/run/dunlin/NAME.sock`.
    pub local_socket: PathBuf,
    /// A reverse proxy stands before the loopback listener: nobody is trusted for being near.
    pub behind_proxy: bool,
    /// After so many minutes without a look at a page its user signs in again.
    pub session_idle_minutes: u32,
    /// Addresses on the network where the page is served, by TLS and with a password.
    pub lan_listen: Vec<SocketAddr>,
    /// Names by which the page may be called there, beside the addresses.
    pub lan_names: Vec<String>,
    /// A certificate for the page; empty means one that the daemon makes.
    pub lan_certificate: PathBuf,
    /// And its key.
    pub lan_key: PathBuf,
}

/// What a caller on this machine may do without a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LocalTrust {
    /// Everything.
    #[default]
    Admin,
    /// Read.
    Read,
    /// Nothing.
    None,
}

/// What another user's program may do without a password; never more than `local_trust`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OthersTrust {
    /// `getdata`, and nothing else.
    #[default]
    Read,
    /// Nothing.
    None,
}

/// How programs of 2009 on other machines reach the daemon: in the open, so off by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OldCallers {
    /// Where they call.
    pub listen: Vec<SocketAddr>,
    /// From where; anybody else is hung up on.
    pub allow: Vec<Network>,
}

impl Default for Admin {
    fn default() -> Self {
        let listen = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
            .map(|address| SocketAddr::new(address, ADMIN_PORT));
        Self {
            listen: listen.to_vec(),
            local_trust: LocalTrust::default(),
            local_trust_others: OthersTrust::default(),
            local_admins: Vec::new(),
            local_socket: PathBuf::new(),
            behind_proxy: false,
            session_idle_minutes: 30,
            lan_listen: Vec::new(),
            lan_names: Vec::new(),
            lan_certificate: PathBuf::new(),
            lan_key: PathBuf::new(),
        }
    }
}

impl Admin {
    /// Relative paths start at the state folder.
    pub(super) fn set_folder(&mut self, folder: &Path) {
        for path in [&mut self.local_socket, &mut self.lan_certificate, &mut self.lan_key] {
            if !path.as_os_str().is_empty() {
                *path = folder.join(&*path);
            }
        }
    }

    /// How long a browser's session may be idle.
    pub fn session_idle(&self) -> Duration {
        Duration::from_mins(u64::from(self.session_idle_minutes))
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let minutes = self.session_idle_minutes;
        rule("admin.session_idle_minutes", (1..=SESSION_IDLE_MAX).contains(&minutes), || {
            format!("a number of minutes from 1 to {SESSION_IDLE_MAX}")
        })?;
        for address in &self.listen {
            rule("admin.listen", address.ip().is_loopback(), || {
                format!(
                    "{address} is not a loopback address; it serves this machine only, so use \
                     127.0.0.1 or [::1]. `lan_listen` opens the page to the network"
                )
            })?;
        }
        for name in &self.lan_names {
            rule("admin.lan_names", is_host(name), || {
                format!("{name:?} is not the name of a host, such as till-1.local, without a port")
            })?;
        }
        let one = |path: &PathBuf| path.as_os_str().is_empty();
        rule("admin.lan_certificate", one(&self.lan_certificate) == one(&self.lan_key), || {
            "a certificate and its key go together; name both files in lan_certificate and \
             lan_key, or neither"
                .to_owned()
        })?;
        rule("admin.local_admins", !self.local_admins.iter().any(String::is_empty), || {
            "name users of this computer, such as ann".to_owned()
        })
    }
}

impl OldCallers {
    pub(super) fn check(&self) -> Result<(), Error> {
        rule("old_callers.allow", self.listen.is_empty() || !self.allow.is_empty(), || {
            "say from where old programs call, such as [\"192.168.1.0/24\"]; nobody else is let in"
                .to_owned()
        })?;
        rule("old_callers.allow", !self.allow.iter().any(Network::is_everything), || {
            "a network that holds every address keeps nobody out; name the shop's own".to_owned()
        })
    }

    /// Whether an address may call.
    pub fn admits(&self, address: IpAddr) -> bool {
        self.allow.iter().any(|network| network.contains(address))
    }
}

/// A host as a URL names it: labels, or an IPv4 address, which looks the same.
fn is_host(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}
