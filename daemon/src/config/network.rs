//! A network: an address and how many of its bits count.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `192.168.1.0/24`, or one address alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

/// The text is no network.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is not a network, such as 192.168.1.0/24, or an address{hint}")]
pub struct NotANetwork {
    text: String,
    hint: String,
}

impl Network {
    /// Whether an address lies in it; one of IPv4 within IPv6 is one of IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        of(address, self.prefix).is_some_and(|start| start == self.address)
            && address.to_canonical().is_ipv4() == self.address.is_ipv4()
    }

    /// Whether every address of its family lies in it.
    pub fn is_everything(&self) -> bool {
        self.prefix == 0
    }
}

/// The first address of the network of this size in which the address lies.
fn of(address: IpAddr, prefix: u32) -> Option<IpAddr> {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.checked_sub(prefix)?).unwrap_or(0);
            Some(IpAddr::from((v4.to_bits() & mask).to_be_bytes()))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.checked_sub(prefix)?).unwrap_or(0);
            Some(IpAddr::from((v6.to_bits() & mask).to_be_bytes()))
        }
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let refuse = |hint: String| NotANetwork { text: dunlin_logs::clean(text, 64), hint };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| refuse(String::new()))?;
        let address = address.to_canonical();
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| refuse(String::new()))?,
            None => whole,
        };
        let start = of(address, prefix).ok_or_else(|| refuse(String::new()))?;
        // One bit too many, and somebody is let in or kept out whom nobody meant.
        if start != address {
            return Err(refuse(format!("; did you mean {start}/{prefix}?")));
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.address.is_ipv4() { 32 } else { 128 };
        if self.prefix == whole {
            return write!(f, "{}", self.address);
        }
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_own_addresses_and_no_others() {
        for (network, address, holds) in [
            ("192.168.1.0/24", "192.168.1.255", true),
            ("192.168.1.0/24", "::ffff:192.168.1.7", true),
            ("192.168.1.0/24", "192.168.2.1", false),
            ("10.0.0.0/8", "10.255.0.1", true),
            ("192.168.1.7", "192.168.1.7", true),
            ("192.168.1.7", "192.168.1.8", false),
            ("fd00::/64", "fd00::1", true),
            ("fd00::/64", "fd00:0:0:1::1", false),
            ("fd00::/64", "10.0.0.1", false),
            ("::/1", "10.0.0.1", false),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), holds, "{network} {address}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_what_was_meant() {
        for text in ["", "192.168.1", "192.168.1.0/33", "192.168.1.0/-1", "till/24", "::/129"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
        let told = "192.168.1.7/24".parse::<Network>().unwrap_err().to_string();
        assert!(told.ends_with("did you mean 192.168.1.0/24?"), "{told}");
        assert!("0.0.0.0/0".parse::<Network>().unwrap().is_everything());
        assert_eq!("10.0.0.0/8".parse::<Network>().unwrap().to_string(), "10.0.0.0/8");
    }
}
