//! Headers and queries of any bytes: read, or refused, and never a panic.

use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue};
use proptest::prelude::*;

use super::body::{basic, query};

/// A header's value of any bytes that HTTP lets through.
fn any_header() -> impl Strategy<Value = HeaderValue> {
    let byte = prop_oneof![0x20_u8..0x7f, 0x80_u8..=0xff, Just(b'\t')];
    prop::collection::vec(byte, 0..80).prop_map(|bytes| HeaderValue::from_bytes(&bytes).unwrap())
}

proptest! {
    #[test]
    fn s36_a_name_and_password_come_out_as_they_went_in(
        name in "[^:]{0,20}", password in ".{0,40}", scheme in "[Bb][Aa][Ss][Ii][Cc]",
    ) {
        let text = data_encoding::BASE64.encode(format!("{name}:{password}").as_bytes());
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("{scheme} {text}").parse().unwrap());
        let read = basic(&headers).unwrap();
        prop_assert_eq!((read.name, read.password.expose().to_owned()), (name, password));
    }

    #[test]
    fn s36_an_authorization_of_any_bytes_is_read_or_not(
        value in any_header(), scheme in prop::option::of("(Basic|Bearer|Digest) "),
    ) {
        let mut bytes = scheme.unwrap_or_default().into_bytes();
        bytes.extend(value.as_bytes());
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_bytes(&bytes).unwrap());
        if let Some(read) = basic(&headers) {
            prop_assert!(!read.name.contains(':'));
            prop_assert!(bytes.get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"basic ")));
        }
    }

    #[test]
    fn s36_a_query_comes_out_as_it_went_in(pairs in prop::collection::vec((".{1,9}", ".{0,9}"), 0..6)) {
        let escaped = |text: &str| {
            let bytes: Vec<String> = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
            bytes.concat()
        };
        let text: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
        prop_assert_eq!(query(&text.join("&")), Some(pairs));
    }

    #[test]
    fn s36_a_query_of_any_text_is_read_or_not(text in "([%&=+]|[0-9a-fA-F]{1,2}|.){0,60}") {
        if let Some(pairs) = query(&text) {
            prop_assert!(pairs.len() <= text.matches('&').count() + 1);
        }
    }
}
