//! Whose program is at the other end of a connection within this computer.
//!
//! ```text
//!   /proc/self/net/tcp{,6}    sl  local_address  rem_address  st … uid … inode
//!                                 the caller's   ours              └─ who opened that socket
//! ```
//!
//! "It came from loopback" says nothing on a computer that people share; the kernel knows who
//! opened the other socket. Read from `self`, since `/proc/net` is gone under `ProcSubset=pid`.
//!
//! # Invariants
//!
//! * Only a line with an inode counts. The kernel shows the sockets of those who closed them as
//!   user 0, so whoever sends a call and hangs up at once would be root.
//! * Who is not found is somebody else, as is everybody where there is no such table.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use dunlin_rpc::Near;
use dunlin_rpc::server::Ends;

use crate::config::Config;
use crate::error::{Error, Result};

/// Where the system's users stand.
const PASSWD: &str = "/etc/passwd";

/// Shown for users of another namespace, whoever they are.
const OVERFLOW: u32 = 65_534;

/// The users whose programs count as ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnUsers(BTreeSet<u32>);

impl OwnUsers {
    /// Root, the daemon's user, and those whom the configuration names.
    pub(crate) fn of(config: &Config) -> Result<Self> {
        let mut uids = BTreeSet::from([0]);
        #[cfg(unix)]
        uids.insert(rustix::process::geteuid().as_raw());
        if !config.admin.local_admins.is_empty() {
            let users = std::fs::read_to_string(PASSWD).unwrap_or_default();
            for name in &config.admin.local_admins {
                uids.insert(uid_of(&users, name)?);
            }
        }
        Ok(Self(uids))
    }

    /// Whether a user's programs count as ours.
    pub(crate) fn has(&self, uid: u32) -> bool {
        self.0.contains(&uid)
    }

    /// Whose program is at the other end. Waits for the system.
    pub(crate) fn near(&self, ends: Ends) -> Near {
        match owner(ends) {
            Some(uid) if self.has(uid) => Near::Ours,
            Some(_) | None => Near::Other,
        }
    }
}

/// The number of a user, by the text of `/etc/passwd`.
fn uid_of(users: &str, name: &str) -> Result<u32> {
    let refused = |what: &str| {
        Error::Refused(format!("admin.local_admins: {name:?} {what}; name users of this computer"))
    };
    let mut lines = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let uid = lines.find_map(|fields| match fields.as_slice() {
        [found, _, uid, ..] if *found == name => uid.parse().ok(),
        _ => None,
    });
    match uid {
        Some(OVERFLOW) => Err(refused("stands for users whom the system cannot tell apart")),
        Some(uid) => Ok(uid),
        None => Err(refused("is no user in /etc/passwd")),
    }
}

/// The user who opened the socket at the other end.
#[cfg(target_os = "linux")]
fn owner(ends: Ends) -> Option<u32> {
    use std::io::{BufRead as _, BufReader};
    let read = || {
        let mut owners = BTreeSet::new();
        for table in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
            // Without IPv6 there is no second table.
            let Ok(file) = std::fs::File::open(table) else { continue };
            let lines = BufReader::new(file).lines().map_while(std::result::Result::ok);
            owners.extend(lines.filter_map(|line| owner_in(&line, ends)));
        }
        owners
    };
    // A table that changes while it is read may be read past the line.
    let owners = std::iter::repeat_with(read).take(2).find(|owners| !owners.is_empty())?;
    // Two lines for one connection cannot be; if they are, nobody is trusted.
    if owners.len() == 1 { owners.first().copied() } else { None }
}

#[cfg(not(target_os = "linux"))]
fn owner(_: Ends) -> Option<u32> {
    None
}

/// The user of a line, if it is the caller's end of this connection and still his.
fn owner_in(line: &str, ends: Ends) -> Option<u32> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let local = address(words.next()?)?;
    let remote = address(words.next()?)?;
    if local != canonical(ends.peer) || remote != canonical(ends.here) {
        return None;
    }
    // st, tx:rx, tr:when, retransmits; then uid, timeout, inode.
    let uid = words.nth(4)?.parse().ok()?;
    let inode: u64 = words.nth(1)?.parse().ok()?;
    (inode != 0).then_some(uid)
}

/// `0100007F:1D33`, or with 32 digits: words as this computer's memory has them.
fn address(text: &str) -> Option<(IpAddr, u16)> {
    let (digits, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |place: usize| {
        let digits = digits.get(place * 8..place * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    let ip = match digits.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let bytes: [u8; 16] = words.as_flattened().try_into().ok()?;
            IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some((ip, port))
}

fn canonical(address: SocketAddr) -> (IpAddr, u16) {
    (address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(here: &str, peer: &str) -> Ends {
        Ends { here: here.parse().unwrap(), peer: peer.parse().unwrap() }
    }

    /// A line as a little-endian kernel writes it.
    fn line(local: &str, remote: &str, state: &str, uid: u32, inode: u64) -> String {
        format!(
            "   7: {local} {remote} {state} 00000000:00000000 00:00000000 00000000  {uid:4}        0 {inode} 1 00000000074dfecc 20 4 30 10 -1"
        )
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn the_caller_s_own_line_says_who_he_is() {
        let four = ends("127.0.0.1:7475", "127.0.0.1:50000");
        let his = line("0100007F:C350", "0100007F:1D33", "01", 1000, 4711);
        assert_eq!(owner_in(&his, four), Some(1000));
        // Ours, another's, and the listener's.
        for other in [
            line("0100007F:1D33", "0100007F:C350", "01", 0, 4711),
            line("0100007F:C351", "0100007F:1D33", "01", 0, 4711),
            line("0100007F:C350", "0200007F:1D33", "01", 0, 4711),
            line("0100007F:1D33", "00000000:0000", "0A", 0, 4711),
            "  sl  local_address rem_address   st tx_queue rx_queue".to_owned(),
            String::new(),
            "7: zz:zz 0100007F:1D33".to_owned(),
        ] {
            assert_eq!(owner_in(&other, four), None, "{other}");
        }
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn ipv4_within_ipv6_is_the_same_address_on_either_side() {
        let mapped = "0000000000000000FFFF00000100007F";
        let his = line(&format!("{mapped}:C350"), &format!("{mapped}:1D33"), "01", 1000, 4711);
        for (here, peer) in [
            ("127.0.0.1:7475", "127.0.0.1:50000"),
            ("[::ffff:127.0.0.1]:7475", "[::ffff:127.0.0.1]:50000"),
        ] {
            assert_eq!(owner_in(&his, ends(here, peer)), Some(1000), "{here}");
        }
        let six = "00000000000000000000000001000000";
        let his = line(&format!("{six}:C350"), &format!("{six}:1D33"), "01", 7, 4711);
        assert_eq!(owner_in(&his, ends("[::1]:7475", "[::1]:50000")), Some(7));
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn s45_who_hung_up_is_not_root() {
        let four = ends("127.0.0.1:7475", "127.0.0.1:50000");
        // Closed with bytes under way, and waiting for the last of them: shown as user 0.
        for state in ["04", "05", "06", "01"] {
            let gone = line("0100007F:C350", "0100007F:1D33", state, 0, 0);
            assert_eq!(owner_in(&gone, four), None, "{state}");
        }
        // Only his half is closed: he still is who he is.
        let half = line("0100007F:C350", "0100007F:1D33", "05", 1000, 4711);
        assert_eq!(owner_in(&half, four), Some(1000));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_knows_us() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let caller = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let here = listener.local_addr().unwrap();
        let ends = Ends { here, peer: caller.local_addr().unwrap() };
        let us = rustix::process::geteuid().as_raw();
        assert_eq!(owner(ends), Some(us));
        assert_eq!(OwnUsers(BTreeSet::from([us])).near(ends), Near::Ours);
        assert_eq!(OwnUsers(BTreeSet::from([us + 1])).near(ends), Near::Other);
        // Nothing is read from it, so the kernel keeps his end of it a while after he closed it.
        let (_ours, _) = listener.accept().unwrap();
        drop(caller);
        assert_eq!(owner(ends), None, "he hung up");
    }

    #[test]
    fn local_admins_are_users_of_this_computer() {
        let users = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n\
                     nobody:x:65534:65534::/:/bin/false\nbroken:x\n";
        assert_eq!(uid_of(users, "ann").unwrap(), 1000);
        for (name, told) in [("bob", "no user"), ("broken", "no user"), ("nobody", "tell apart")] {
            let error = uid_of(users, name).unwrap_err().to_string();
            assert!(error.contains(told) && error.contains(name), "{error}");
        }
    }
}
