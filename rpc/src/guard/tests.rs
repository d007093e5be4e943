use super::*;

const FINE: &str = "localhost:7475";

fn judged(method: &str, target: &str, headers: &[(&str, &str)]) -> Verdict {
    judged_from("127.0.0.1:50000", "127.0.0.1:7475", method, target, headers)
}

fn judged_from(
    peer: &str,
    listener: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Verdict {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        map.append(name, value.parse().unwrap());
    }
    judge(&Facts {
        peer: peer.parse().unwrap(),
        listener: listener.parse().unwrap(),
        method: &method.parse().unwrap(),
        uri: &target.parse().unwrap(),
        headers: &map,
    })
}

fn refused(status: u16) -> Verdict {
    Verdict::Refuse(StatusCode::from_u16(status).unwrap())
}

const LOCAL: Verdict = Verdict::Pass { local: true };
const FAR: Verdict = Verdict::Pass { local: false };
const PATHS: [&str; 6] =
    ["/", "/metrics", "/health", "/assets/x", "/nosuch", "/eden/sync/call/json/getdata"];

#[test]
fn s01_a_host_that_is_not_ours_is_refused_on_every_path() {
    let hosts = [
        "evil.example",
        "evil.example:7475",
        "",
        "localhost.evil.example:7475",
        "127.0.0.1.nip.io:7475",
        "localhost",
        "localhost:80",
        "localhost:07475",
        "[::1]",
        "192.168.1.5:7475",
        "0.0.0.0:7475",
        "a@localhost:7475",
        ".localhost:7475",
    ];
    for path in PATHS {
        for host in hosts {
            assert_eq!(judged("GET", path, &[("host", host)]), refused(421), "{path} {host}");
        }
        assert_eq!(judged("GET", path, &[]), refused(421), "none at all");
        let two = [("host", FINE), ("host", FINE)];
        assert_eq!(judged("GET", path, &two), refused(421), "two of them");
    }
    let other = judged("GET", "http://evil.example/", &[("host", FINE)]);
    assert_eq!(other, refused(421), "a target with another authority");
}

#[test]
fn s02_the_documented_hosts_pass() {
    for host in [
        "localhost:7475",
        "LOCALHOST:7475",
        "127.0.0.1:7475",
        "[::1]:7475",
        "till-1.localhost:7475",
    ] {
        assert_eq!(judged("GET", "/", &[("host", host)]), LOCAL, "{host}");
    }
    for host in ["localhost.:7475", "127.1:7475", "[0:0:0:0:0:0:0:1]:7475", "2130706433:7475"] {
        assert_eq!(judged("GET", "/", &[("host", host)]), refused(421), "{host}");
    }
    let same = judged("GET", "http://localhost:7475/", &[("host", FINE)]);
    assert_eq!(same, LOCAL, "a proxy's form of our own address");
    let own =
        judged_from("127.0.0.7:1", "127.0.0.7:7475", "GET", "/", &[("host", "127.0.0.7:7475")]);
    assert_eq!(own, LOCAL, "another loopback address that we listen on");
}

#[test]
fn s03_a_call_is_json_by_post() {
    let cases = [
        (Some("text/plain"), refused(415)),
        (Some("application/x-www-form-urlencoded"), refused(415)),
        (Some("multipart/form-data"), refused(415)),
        (Some("application/jsonx"), refused(415)),
        (None, refused(415)),
        (Some("application/json"), LOCAL),
        (Some("Application/JSON; charset=x"), LOCAL),
    ];
    for (kind, expected) in cases {
        let mut headers = vec![("host", FINE)];
        headers.extend(kind.map(|kind| ("content-type", kind)));
        assert_eq!(judged("POST", "/rpc", &headers), expected, "{kind:?}");
    }
    assert_eq!(judged("GET", "/rpc", &[("host", FINE)]), refused(405));
    let form = [("host", FINE), ("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(judged("POST", "/sahana/admin/call/jsonrpc", &form), LOCAL, "2009 sends forms");
}

#[test]
fn s04_a_foreign_origin_is_refused() {
    let json = ("content-type", "application/json");
    for origin in [
        "http://evil.example",
        "null",
        "http://localhost:80",
        "http://localhost",
        "https://localhost:7475",
        "http://127.0.0.1:7475",
        "",
        "http://localhost:7475/",
    ] {
        for (method, path) in [("POST", "/rpc"), ("GET", "/"), ("POST", "/do/x")] {
            let headers = [("host", FINE), json, ("origin", origin)];
            assert_eq!(judged(method, path, &headers), refused(403), "{path} {origin}");
        }
    }
    let own = [("host", FINE), json, ("origin", "http://localhost:7475")];
    assert_eq!(judged("POST", "/rpc", &own), LOCAL);
    let old = [("host", FINE), ("origin", "http://localhost:7475")];
    assert_eq!(judged("POST", "/eden/sync/call/jsonrpc", &old), refused(403), "even our own");
}

#[test]
fn s05_another_site_may_only_link_to_a_page() {
    let json = ("content-type", "application/json");
    for site in ["cross-site", "same-site", "odd"] {
        let headers = [("host", FINE), json, ("sec-fetch-site", site)];
        for (method, path) in [("POST", "/rpc"), ("GET", "/"), ("GET", "/health")] {
            assert_eq!(judged(method, path, &headers), refused(403), "{path} {site}");
        }
        let visit = [
            ("host", FINE),
            ("sec-fetch-site", site),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert_eq!(judged("GET", "/", &visit), FAR, "shown, but not as from this machine");
        assert_eq!(judged("POST", "/do/x", &visit), refused(403));
        assert_eq!(judged("GET", "/eden/sync/call/json/getdata", &visit), refused(403));
    }
    for site in ["same-origin", "none"] {
        let headers = [("host", FINE), json, ("sec-fetch-site", site)];
        assert_eq!(judged("POST", "/rpc", &headers), LOCAL, "{site}");
        assert_eq!(judged("POST", "/eden/admin/call/jsonrpc", &headers), refused(403), "{site}");
    }
}

#[test]
fn s08_a_forwarded_request_is_not_local() {
    for name in ["x-forwarded-for", "x-forwarded-host", "forwarded", "via", "x-real-ip"] {
        let headers = [("host", FINE), (name, "127.0.0.1")];
        assert_eq!(judged("GET", "/", &headers), FAR, "{name}");
        assert_eq!(judged("POST", "/eden/sync/call/jsonrpc", &headers), FAR, "{name}");
    }
}

#[test]
fn local_is_a_loopback_peer_on_a_loopback_listener() {
    let host = [("host", FINE)];
    let from = |peer, listener| judged_from(peer, listener, "GET", "/", &host);
    assert_eq!(from("[::ffff:127.0.0.1]:1", "127.0.0.1:7475"), LOCAL);
    assert_eq!(from("[::1]:1", "[::1]:7475"), LOCAL);
    assert_eq!(from("192.168.1.9:1", "127.0.0.1:7475"), FAR);
    assert_eq!(from("127.0.0.1:1", "0.0.0.0:7475"), FAR);
}

#[test]
fn a_path_is_what_it_says_byte_for_byte() {
    for (path, kind) in [
        ("/rpc", Path::Rpc),
        ("/eden/sync/call/jsonrpc", Path::OldCall),
        ("/sahana/admin/call/jsonrpc", Path::OldCall),
        ("/sahana/admin/call/json/getdata", Path::OldGet),
        ("//rpc", Path::Page),
        ("/rpc/", Path::Page),
        ("/rpc/../rpc", Path::Page),
        ("/%72pc", Path::Page),
        ("//admin/call/jsonrpc", Path::Page),
        ("/a/b/admin/call/jsonrpc", Path::Page),
        ("/eden/sync/call/json/putdata", Path::Page),
    ] {
        assert_eq!(Path::of(path), kind, "{path}");
    }
}
