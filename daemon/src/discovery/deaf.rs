//! Making the mDNS daemon deaf, when it has to rest.
//!
//! mdns-sd looks for orders when there is nothing left to read. Who sends without end keeps it from
//! ever being told to stop, and from giving back what it has stored. So its sockets are tied to an
//! address where nobody speaks: the system lets nothing else in, and what it reads comes to an end.
//!
//! A socket of another part of our own process is reached as one of another process would be. Where
//! the system does not allow that, the thread goes on until the flood ends; no second one is begun.

#[cfg(target_os = "linux")]
pub(super) use linux::make_deaf;

/// How many sockets of this mDNS port were made deaf; none where the system knows no way.
#[cfg(not(target_os = "linux"))]
pub(super) fn make_deaf(_port: u16) -> std::io::Result<usize> {
    Ok(0)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashSet;
    use std::io;
    use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};

    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

    /// The port of "discard": nobody speaks from there.
    const NOBODY: u16 = 9;

    /// How many sockets of this mDNS port were made deaf.
    pub(in super::super) fn make_deaf(port: u16) -> io::Result<usize> {
        let ourselves = pidfd_open(getpid(), PidfdFlags::empty())?;
        let (v4, v6) = (bound("/proc/self/net/udp", port), bound("/proc/self/net/udp6", port));
        let mut count = 0;
        for entry in std::fs::read_dir("/proc/self/fd")?.flatten() {
            let Ok(to) = std::fs::read_link(entry.path()) else { continue };
            let Some(inode) = to.to_str().and_then(inode) else { continue };
            let on_v4 = v4.contains(inode);
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.parse().ok());
            let Some(number) = number.filter(|_| on_v4 || v6.contains(inode)) else { continue };
            let socket = pidfd_getfd(&ourselves, number, PidfdGetfdFlags::empty())?;
            let socket = UdpSocket::from(socket);
            if on_v4 {
                socket.connect((Ipv4Addr::LOCALHOST, NOBODY))?;
            } else {
                socket.connect((Ipv6Addr::LOCALHOST, NOBODY))?;
            }
            count += 1;
        }
        Ok(count)
    }

    /// `socket:[123]`
    fn inode(link: &str) -> Option<&str> {
        link.strip_prefix("socket:[")?.strip_suffix(']')
    }

    /// The inodes of the UDP sockets on a port, from the system's table.
    fn bound(table: &str, port: u16) -> HashSet<String> {
        let text = std::fs::read_to_string(table).unwrap_or_default();
        let port = format!(":{port:04X}");
        let inode = |line: &str| {
            let mut fields = line.split_whitespace();
            let is_bound = fields.nth(1)?.ends_with(&port);
            fields.nth(7).filter(|_| is_bound).map(str::to_owned)
        };
        text.lines().filter_map(inode).collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use std::time::Duration;

        #[test]
        fn a_deaf_socket_hears_nobody_and_others_go_on() {
            let [mut deaf, mut other] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
            let heard = |socket: &mut UdpSocket| {
                let from = UdpSocket::bind("127.0.0.1:0").unwrap();
                from.send_to(b"x", socket.local_addr().unwrap()).unwrap();
                socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
                socket.recv(&mut [0; 9]).is_ok()
            };
            assert!(heard(&mut deaf) && heard(&mut other));
            assert_eq!(make_deaf(deaf.local_addr().unwrap().port()).unwrap(), 1);
            assert!(!heard(&mut deaf));
            assert!(heard(&mut other));
        }
    }
}
