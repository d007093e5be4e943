//! Our own subnets: the only places an advert can point to.

use super::advert::is_specific;
use std::net::{IpAddr, SocketAddr};

/// A wider subnet than this is a mistake in somebody's netmask, and would let in half the world.
const PREFIX_MIN: u8 = 8;

/// The subnets of this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nets {
    nets: Vec<(IpAddr, u8)>,
    on_loopback: bool,
}

impl Nets {
    /// These subnets, each as an address in it and the length of its prefix; loopback addresses
    /// count only when we are on loopback ourselves.
    pub fn of(nets: impl IntoIterator<Item = (IpAddr, u8)>, on_loopback: bool) -> Self {
        let is_net = |(ip, prefix): &(IpAddr, u8)| PREFIX_MIN <= *prefix && !ip.is_loopback();
        Self { nets: nets.into_iter().filter(is_net).collect(), on_loopback }
    }

    /// The subnets as the system has them now.
    pub fn now(on_loopback: bool) -> Self {
        // Without the list nothing is near; it is asked for again soon.
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        let nets = interfaces.into_iter().map(|interface| match interface.addr {
            if_addrs::IfAddr::V4(v4) => (IpAddr::V4(v4.ip), v4.prefixlen),
            if_addrs::IfAddr::V6(v6) => (IpAddr::V6(v6.ip), v6.prefixlen),
        });
        Self::of(nets, on_loopback)
    }

    /// The addresses of this machine in them: what an invite names. Link-local ones are left out,
    /// since they mean something on their own interface only.
    pub fn own(&self) -> Vec<IpAddr> {
        let is_told = |ip: &IpAddr| match ip {
            IpAddr::V4(v4) => !v4.is_link_local(),
            IpAddr::V6(v6) => !v6.is_unicast_link_local(),
        };
        self.nets.iter().map(|(ip, _)| *ip).filter(is_told).collect()
    }

    /// Whether we would dial this address because somebody advertised it.
    pub fn allow(&self, address: &SocketAddr) -> bool {
        let ip = address.ip();
        if !is_specific(ip) || ip.is_multicast() || address.port() == 0 {
            return false;
        }
        if ip.to_canonical().is_loopback() {
            return self.on_loopback;
        }
        self.nets.iter().any(|(own, prefix)| within(ip, *own, *prefix))
    }
}

/// Whether two addresses of one family share their first `prefix` bits; the broadcast address of
/// an IPv4 subnet is nobody's.
fn within(ip: IpAddr, own: IpAddr, prefix: u8) -> bool {
    match (ip, own) {
        (IpAddr::V4(ip), IpAddr::V4(own)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            let is_broadcast = prefix < 31 && ip.to_bits() | mask == u32::MAX;
            ip.to_bits() & mask == own.to_bits() & mask && !is_broadcast
        }
        (IpAddr::V6(ip), IpAddr::V6(own)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            ip.to_bits() & mask == own.to_bits() & mask
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(on_loopback: bool) -> Nets {
        let nets = [("192.168.1.5", 24), ("10.1.2.3", 8), ("fe80::1", 64), ("fd00::1", 64)]
            .map(|(ip, prefix)| (ip.parse().unwrap(), prefix));
        let more = [("1.2.3.4", 0), ("127.0.0.1", 8), ("::1", 128), ("172.16.0.1", 32)]
            .map(|(ip, prefix)| (ip.parse().unwrap(), prefix));
        Nets::of(nets.into_iter().chain(more), on_loopback)
    }

    #[test]
    fn only_our_own_subnets_are_near() {
        for (address, near) in [
            ("192.168.1.7:1", true),
            ("192.168.2.7:1", false),
            ("10.200.0.1:1", true),
            ("172.16.0.1:1", true),
            ("172.16.0.2:1", false),
            ("8.8.8.8:1", false),
            ("192.168.1.255:1", false),
            ("255.255.255.255:1", false),
            ("0.0.0.0:1", false),
            ("224.0.0.251:1", false),
            ("192.168.1.7:0", false),
            ("[fe80::9%3]:1", true),
            ("[fd00::9]:1", true),
            ("[fd00:0:0:1::9]:1", false),
            ("[2001:db8::1]:1", false),
            ("[ff02::fb]:1", false),
            ("[::]:1", false),
        ] {
            assert_eq!(nets(false).allow(&address.parse().unwrap()), near, "{address}");
        }
    }

    #[test]
    fn loopback_is_near_only_when_we_are_on_it() {
        for address in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(!nets(false).allow(&address.parse().unwrap()), "{address}");
            assert!(nets(true).allow(&address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_invite_names_no_loopback_and_no_link_local_address() {
        let own: Vec<String> = nets(true).own().iter().map(IpAddr::to_string).collect();
        assert_eq!(own, ["192.168.1.5", "10.1.2.3", "fd00::1", "172.16.0.1"]);
    }
}
