//! Adverts of any bytes: taken, cleaned, or not taken, and never a panic.

use super::advert::{ADDRESSES_MAX, DUNLIN, SAHANA};
use super::{Advert, Nets};
use mdns_sd::{ServiceInfo, TxtProperty};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

fn nets() -> Nets {
    Nets::of([("10.86.0.1".parse().unwrap(), 24)], false)
}

/// An entry of a TXT record: of ours with any value, or any at all.
fn any_entry() -> impl Strategy<Value = TxtProperty> {
    let key = prop_oneof![
        Just("id".to_owned()),
        Just("name".to_owned()),
        Just("v".to_owned()),
        Just("shop".to_owned()),
        Just("uuid".to_owned()),
        Just("description".to_owned()),
        "[ -<>-~]{1,9}",
    ];
    let value = prop_oneof![
        Just(b"00000000-0000-8000-8000-000000000007".to_vec()),
        prop::collection::vec(any::<u8>(), 0..60),
        "[0-9-]{0,25}".prop_map(String::into_bytes),
        "[0-9a-f]{8}".prop_map(String::into_bytes),
        "\\PC{0,200}".prop_map(String::into_bytes),
    ];
    (key, value).prop_map(TxtProperty::from)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn s36_an_advert_of_any_bytes_is_cleaned_or_not_taken(
        old in any::<bool>(),
        instance in "[^.\\\\]{1,20}",
        txt in prop::collection::vec(any_entry(), 0..8),
        addresses in prop::collection::vec((prop_oneof![Just([10, 86, 0]), any::<[u8; 3]>()], any::<u8>()), 1..20),
        port in any::<u16>(),
    ) {
        let addresses: Vec<IpAddr> = addresses
            .into_iter()
            .map(|([a, b, c], d)| IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
            .collect();
        let kind = if old { SAHANA } else { DUNLIN };
        let made = ServiceInfo::new(kind, &instance, "host.local.", &addresses[..], port, txt);
        // What mdns-sd itself would not take never comes to us.
        let Ok(service) = made else { return Ok(()) };
        let Some(advert) = Advert::read(&service.as_resolved_service(), &nets()) else { return Ok(()) };
        prop_assert!(advert.name.chars().count() <= 64);
        prop_assert_eq!(dunlin_logs::clean(&advert.name, 64), advert.name.clone());
        prop_assert!(!advert.addresses.is_empty() && advert.addresses.len() <= ADDRESSES_MAX);
        prop_assert!(advert.addresses.iter().all(|address| nets().allow(address)));
        if let Some(shop) = &advert.shop {
            prop_assert!(shop.len() == 8 && shop.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
        prop_assert!(advert.protocol.is_none_or(|(low, high)| low <= high));
    }
}
