//! What a machine says of itself over mDNS, and what we make of what others say.
//!
//! ```text
//!   <id>._dunlin._tcp.local.    host <id>.local.    TXT  id=<uuid>  name=…  v=1-1  shop=<8 hex>
//! ```
//!
//! Instance and host name are the machine id: two machines of one host name are *not* told apart by
//! mDNS, and their addresses would be mixed up.

use super::nets::Nets;
use mdns_sd::{ResolvedService, ScopedIp, TxtProperties};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use uuid::Uuid;

/// What we announce and look for.
pub(super) const DUNLIN: &str = "_dunlin._tcp.local.";

/// What the daemons of 2009 announce.
pub(super) const SAHANA: &str = "_sahana._tcp.local.";

/// The longest TXT that is looked at, in bytes; ours needs less than 300.
const TXT_MAX: usize = 400;

/// The longest name we announce, in bytes: an entry of a TXT record has at most 255.
const NAME_BYTES_MAX: usize = 200;

/// The longest name that is shown, in characters.
const NAME_MAX: usize = 64;

/// The most addresses of one machine.
pub(super) const ADDRESSES_MAX: usize = 8;

/// What this machine says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The machine id.
    pub id: Uuid,
    /// The name, a label.
    pub name: String,
    /// The port partners call.
    pub port: u16,
    /// The lowest and highest protocol it speaks.
    pub protocol: (u32, u32),
    /// The first 8 hex digits of the shop's id.
    pub shop: String,
}

impl Announcement {
    /// The TXT record.
    pub(super) fn txt(&self) -> Vec<(&'static str, String)> {
        let mut name = self.name.clone();
        while name.len() > NAME_BYTES_MAX {
            name.pop();
        }
        let (low, high) = self.protocol;
        let protocol = format!("{low}-{high}");
        vec![
            ("id", self.id.to_string()),
            ("name", name),
            ("v", protocol),
            ("shop", self.shop.clone()),
        ]
    }
}

/// Which daemon spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// One of ours.
    Dunlin,
    /// One of 2009: shown, never dialled.
    Sahana,
}

/// What another machine says of itself, cleaned and cut. All of it may be a lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advert {
    /// Which daemon.
    pub kind: Kind,
    /// The machine id it claims; of an old daemon one made from its instance name.
    pub id: Uuid,
    /// The name it claims.
    pub name: String,
    /// The protocols it claims to speak.
    pub protocol: Option<(u32, u32)>,
    /// The shop it claims: 8 hex digits.
    pub shop: Option<String>,
    /// Where it claims to be: only addresses in our own subnets, at most eight.
    pub addresses: Vec<SocketAddr>,
}

impl Advert {
    /// What a resolved service says, or `None` when it makes no sense or is nowhere near.
    pub fn read(service: &ResolvedService, nets: &Nets) -> Option<Self> {
        let txt = service.get_properties();
        if service.port == 0 || txt_bytes(txt) > TXT_MAX {
            return None;
        }
        let mut addresses: Vec<SocketAddr> = service
            .addresses
            .iter()
            .filter_map(|address| scoped(address, service.port))
            .filter(|address| nets.allow(address))
            .collect();
        // In a fixed order, so that the same eight are kept each time.
        addresses.sort_unstable();
        addresses.truncate(ADDRESSES_MAX);
        if addresses.is_empty() {
            return None;
        }
        let word = |key| txt.get_property_val_str(key);
        match service.ty_domain.as_str() {
            DUNLIN => Some(Self {
                kind: Kind::Dunlin,
                id: word("id")?.parse().ok()?,
                name: dunlin_logs::strip(word("name").unwrap_or_default(), NAME_MAX),
                protocol: word("v").and_then(protocol),
                shop: word("shop").filter(|shop| is_shop(shop)).map(str::to_owned),
                addresses,
            }),
            SAHANA => {
                let instance = service.fullname.trim_end_matches(SAHANA).trim_end_matches('.');
                let name = word("description").unwrap_or(instance);
                Some(Self {
                    kind: Kind::Sahana,
                    id: old_id(word("uuid").unwrap_or(instance)),
                    name: dunlin_logs::strip(name, NAME_MAX),
                    protocol: None,
                    shop: None,
                    addresses,
                })
            }
            _ => None,
        }
    }
}

fn txt_bytes(txt: &TxtProperties) -> usize {
    txt.iter().map(|entry| entry.key().len() + 1 + entry.val().map_or(0, <[u8]>::len)).sum()
}

/// The address with what it needs to be dialled: a link-local one only means something on its own
/// interface.
fn scoped(address: &ScopedIp, port: u16) -> Option<SocketAddr> {
    match address {
        ScopedIp::V6(v6) if v6.addr().is_unicast_link_local() => {
            let scope = v6.scope_id().index;
            (scope != 0).then(|| SocketAddr::V6(SocketAddrV6::new(*v6.addr(), port, 0, scope)))
        }
        other => Some(SocketAddr::new(other.to_ip_addr(), port)),
    }
}

/// `1-3`, or `1` for `1-1`.
fn protocol(text: &str) -> Option<(u32, u32)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (low.parse().ok()?, high.parse().ok()?);
    (low <= high).then_some((low, high))
}

fn is_shop(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Old daemons have ids of 16 characters or none: a UUID made from what they have names them here.
fn old_id(text: &str) -> Uuid {
    use sha2::{Digest as _, Sha256};
    let hash: [u8; 32] = Sha256::new().chain_update("sahana ").chain_update(text).finalize().into();
    let (half, _) = hash.split_at(16);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(half);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Whether an address is one of ours to be told to others.
pub(super) fn is_specific(address: IpAddr) -> bool {
    !address.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdns_sd::ServiceInfo;

    fn announcement() -> Announcement {
        Announcement {
            id: Uuid::from_u128(7),
            name: "till 3".to_owned(),
            port: 7474,
            protocol: (1, 2),
            shop: "0123abcd".to_owned(),
        }
    }

    fn service(kind: &str, ip: &str, txt: &[(&str, &str)]) -> ResolvedService {
        let host = "host.local.";
        ServiceInfo::new(kind, "instance", host, ip, 7474, txt).unwrap().as_resolved_service()
    }

    fn nets() -> Nets {
        Nets::of([("192.168.1.5".parse().unwrap(), 24)], false)
    }

    #[test]
    fn what_is_announced_is_read_back() {
        let txt = announcement().txt();
        let txt: Vec<(&str, &str)> = txt.iter().map(|(key, text)| (*key, text.as_str())).collect();
        let advert = Advert::read(&service(DUNLIN, "192.168.1.7", &txt), &nets()).unwrap();
        let expected = Advert {
            kind: Kind::Dunlin,
            id: Uuid::from_u128(7),
            name: "till 3".to_owned(),
            protocol: Some((1, 2)),
            shop: Some("0123abcd".to_owned()),
            addresses: vec!["192.168.1.7:7474".parse().unwrap()],
        };
        assert_eq!(advert, expected);
    }

    #[test]
    fn a_long_name_fits_into_the_record() {
        let name = "ä".repeat(64) + &"𝄞".repeat(64);
        let txt = Announcement { name, ..announcement() }.txt();
        let bytes: usize = txt.iter().map(|(key, text)| key.len() + 1 + text.len()).sum();
        assert!(bytes <= TXT_MAX);
        assert!(txt.iter().all(|(key, text)| key.len() + 1 + text.len() <= 255));
    }

    #[test]
    fn what_makes_no_sense_or_is_elsewhere_is_no_advert() {
        let id = Uuid::from_u128(7).to_string();
        let read =
            |ip: &str, txt: &[(&str, &str)]| Advert::read(&service(DUNLIN, ip, txt), &nets());
        assert!(read("192.168.1.7", &[("id", &id)]).is_some());
        assert_eq!(read("192.168.1.7", &[("id", "till")]), None);
        assert_eq!(read("192.168.1.7", &[]), None);
        let big = "x".repeat(200);
        assert_eq!(read("192.168.1.7", &[("id", &id), ("a", &big), ("b", &big)]), None);
        for elsewhere in ["8.8.8.8", "127.0.0.1", "224.0.0.1", "192.168.2.7", "255.255.255.255"] {
            assert_eq!(read(elsewhere, &[("id", &id)]), None, "{elsewhere}");
        }
    }

    #[test]
    fn what_is_claimed_is_cleaned_and_cut() {
        let id = Uuid::from_u128(7).to_string();
        let name = format!("till\r\n\u{202e}{}", "x".repeat(100));
        let txt = [("id", id.as_str()), ("name", &name), ("v", "9-1"), ("shop", "<script>")];
        let advert = Advert::read(&service(DUNLIN, "192.168.1.7", &txt), &nets()).unwrap();
        assert_eq!(advert.name, format!("till{}", "x".repeat(60)));
        assert_eq!((advert.protocol, advert.shop), (None, None));
    }

    #[test]
    fn an_old_daemon_is_seen_as_one() {
        let old = service(SAHANA, "192.168.1.7", &[("uuid", "0123456789abcdef")]);
        let advert = Advert::read(&old, &nets()).unwrap();
        assert_eq!((advert.kind, advert.name.as_str()), (Kind::Sahana, "instance"));
        assert_eq!(Advert::read(&old, &nets()).unwrap().id, advert.id);
        let other = service(SAHANA, "192.168.1.7", &[("uuid", "fedcba9876543210")]);
        assert_ne!(Advert::read(&other, &nets()).unwrap().id, advert.id);
    }
}
