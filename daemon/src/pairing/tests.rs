//! Whom a person means, and what a wrong entry is told.

use crate::discovery::Advert;

use super::*;

fn seen(kind: Kind, id: u128, name: &str) -> Sighting {
    let address = format!("10.0.0.{}:7474", id % 100).parse().unwrap();
    let advert = Advert {
        kind,
        id: Uuid::from_u128(id << 96),
        name: name.to_owned(),
        protocol: Some((1, 1)),
        shop: None,
        addresses: vec![address],
    };
    Sighting { advert, first_seen: std::time::Duration::ZERO, last_seen: std::time::Duration::ZERO }
}

#[test]
fn a_machine_is_meant_by_name_id_beginning_of_an_id_or_address() {
    let list = [
        seen(Kind::Dunlin, 0x1234_5601, "till 2"),
        seen(Kind::Dunlin, 0x1234_5702, "till 3"),
        seen(Kind::Dunlin, 0xabcd_ef03, "twin"),
        seen(Kind::Dunlin, 0xabcd_ff04, "twin"),
        seen(Kind::Sahana, 0x7777_7705, "old"),
    ];
    let ids = |target: &str| find(&list, target).map(|(id, _)| id.map(|id| id.as_u128() >> 96));
    for (target, id) in [
        ("till 2", 0x1234_5601),
        ("12345601-0000-0000-0000-000000000000", 0x1234_5601),
        ("123457", 0x1234_5702),
        ("ABCDEF", 0xabcd_ef03),
    ] {
        assert_eq!(ids(target).unwrap(), Some(id), "{target}");
    }
    let (id, addresses) = find(&list, "till 2").unwrap();
    assert!(id.is_some() && addresses.len() == 1);
    for target in ["192.168.7.9:80", "[fe80::1]:7474"] {
        assert_eq!(find(&[], target).unwrap(), (None, vec![target.parse().unwrap()]));
    }
    assert_eq!(find(&[], "192.168.7.9").unwrap().1[0].port(), PORT);
    let told = |target: &str| find(&list, target).unwrap_err().to_string();
    for target in ["twin", "12345", "abcd"] {
        assert!(told(target).contains("several machines"), "{target}: {}", told(target));
    }
    // A beginning that is too short, a stranger's machine of 2009, and nobody.
    for target in ["123", "old", "777777", "till", ""] {
        assert!(told(target).contains("no machine is seen"), "{target}: {}", told(target));
    }
}

#[test]
fn a_hint_says_what_was_wrong_and_how_many_tries_are_left() {
    assert!(hint(Slip::Own, 2).contains("this machine itself"));
    assert!(hint(Slip::Own, 2).ends_with("two tries are left"));
    assert!(hint(Slip::Other, 1).ends_with("one try is left"));
}
