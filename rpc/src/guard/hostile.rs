//! Heads of any bytes: whatever passes bears a Host of ours and no sign of another site.

use http::header::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

const PORT: u16 = 7475;

/// Names that are ours, nearly ours, and anything.
fn any_host() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![
        Just("localhost"),
        Just("LocalHost"),
        Just("localhost."),
        Just("till.localhost"),
        Just(".localhost"),
        Just("localhost.evil.test"),
        Just("127.0.0.1"),
        Just("127.1"),
        Just("0x7f.1"),
        Just("127.0.0.1.nip.io"),
        Just("[::1]"),
        Just("[::ffff:127.0.0.1]"),
        Just("::1"),
        Just("0.0.0.0"),
        Just("evil.test"),
        Just("user@localhost"),
        Just(""),
    ];
    let port = prop_oneof![
        Just(":7475"),
        Just(":07475"),
        Just(":7476"),
        Just(":"),
        Just(""),
        Just(":7475:7475"),
        Just(":7475/"),
        Just(":7475 "),
        Just("@evil.test:7475"),
    ];
    let written = (name, port).prop_map(|(name, port)| format!("{name}{port}").into_bytes());
    prop_oneof![4 => written, 1 => any_bytes()]
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![0x20_u8..0x7f, 0x80_u8..=0xff], 0..30)
}

fn any_origin() -> impl Strategy<Value = Vec<u8>> {
    let scheme = prop_oneof![
        Just("http://"),
        Just("https://"),
        Just("HTTP://"),
        Just("null"),
        Just("http:///"),
    ];
    (scheme, any_host()).prop_map(|(scheme, host)| [scheme.as_bytes(), &host].concat())
}

fn any_site() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just("same-origin"),
        Just("none"),
        Just("same-site"),
        Just("cross-site"),
        Just("NONE"),
        Just("none, none"),
        Just(""),
    ];
    word.prop_map(|word| word.as_bytes().to_vec())
}

/// Whether a Host is one of those that the documents list.
fn is_listed(host: &[u8]) -> bool {
    let host = String::from_utf8_lossy(host).to_ascii_lowercase();
    let Some(name) = host.strip_suffix(&format!(":{PORT}")) else { return false };
    let label = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
        || name.strip_suffix(".localhost").is_some_and(label)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn s36_a_head_of_any_bytes_passes_only_with_our_host_and_no_foreign_sign(
        hosts in prop::collection::vec(any_host(), 0..3),
        origins in prop::collection::vec(any_origin(), 0..3),
        sites in prop::collection::vec(any_site(), 0..3),
        others in prop::collection::vec(("[a-z-]{1,20}", any_bytes()), 0..3),
        path in prop_oneof![Just("/"), Just("/rpc"), Just("/health"), Just("/a/admin/call/jsonrpc"), Just("*")],
        method in prop_oneof![Just(Method::GET), Just(Method::POST), Just(Method::OPTIONS)],
    ) {
        let mut headers = HeaderMap::new();
        let named = |name: &str, values: &[Vec<u8>]| {
            values.iter().map(|value| (name.to_owned(), value.clone())).collect::<Vec<_>>()
        };
        let json = vec![b"application/json".to_vec()];
        for (name, value) in [
            named("host", &hosts), named("origin", &origins), named("sec-fetch-site", &sites),
            named("content-type", &json), others,
        ].concat() {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_bytes(&value).unwrap());
        }
        let uri = path.parse().unwrap();
        let verdict = judge(&Facts {
            rules: &Rules::default(),
            peer: "127.0.0.1:50000".parse().unwrap(),
            here: SocketAddr::new("127.0.0.1".parse().unwrap(), PORT),
            method: &method,
            uri: &uri,
            headers: &headers,
        });
        if !matches!(verdict, Verdict::Refuse(_)) {
            prop_assert!(hosts.len() == 1 && is_listed(&hosts[0]), "{:?}", hosts);
            let ours = [b"http://", hosts[0].as_slice()].concat().to_ascii_lowercase();
            for origin in &origins {
                prop_assert_eq!(origins.len(), 1);
                prop_assert_eq!(origin.to_ascii_lowercase(), ours.clone());
            }
            let fine = |site: &Vec<u8>| matches!(site.as_slice(), b"same-origin" | b"none");
            prop_assert!(sites.len() <= 1 && sites.iter().all(fine), "{:?}", sites);
        }
    }
}
