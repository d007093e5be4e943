//! An advert: taken, cleaned, or not taken.
#![no_main]

use dunlin::discovery::{Advert, Nets};
use libfuzzer_sys::fuzz_target;
use mdns_sd::{ServiceInfo, TxtProperty};

fuzz_target!(|data: &[u8]| {
    // As in the record: a byte that says how long an entry is, and the entry.
    let mut entries = Vec::new();
    let mut rest = data;
    while let Some((length, after)) = rest.split_first() {
        let (entry, after) = after.split_at(usize::from(*length).min(after.len()));
        let at = entry.iter().position(|byte| *byte == b'=').unwrap_or(entry.len());
        let (key, value) = entry.split_at(at);
        let key = String::from_utf8_lossy(key).into_owned();
        entries.push(TxtProperty::from((key, value.get(1..).unwrap_or_default().to_vec())));
        rest = after;
    }
    let nets = Nets::of([("10.86.0.1".parse().expect("an address"), 24)], false);
    for kind in ["_dunlin._tcp.local.", "_sahana._tcp.local."] {
        let made = ServiceInfo::new(kind, "x", "x.local.", "10.86.0.2", 7474, entries.clone());
        let Ok(service) = made else { continue };
        if let Some(advert) = Advert::read(&service.as_resolved_service(), &nets) {
            assert!(advert.name.chars().all(|letter| !letter.is_control()));
        }
    }
});
