use super::*;

const FINE: &str = "localhost:7475";

fn judged(method: &str, target: &str, headers: &[(&str, &str)]) -> Verdict {
    judged_from("127.0.0.1:50000", "127.0.0.1:7475", method, target, headers)
}

fn judged_from(
    peer: &str,
    here: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Verdict {
    judged_by(&Rules::default(), peer, here, method, target, headers)
}

fn judged_by(
    rules: &Rules,
    peer: &str,
    here: &str,
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
        rules,
        peer: peer.parse().unwrap(),
        here: here.parse().unwrap(),
        method: &method.parse().unwrap(),
        uri: &target.parse().unwrap(),
        headers: &map,
    })
}

fn rules(listener: Listener) -> Rules {
    let names = ["till-1.local", "office.example"].map(str::to_owned).into();
    Rules { listener, names, proxied: false }
}

/// On the network's listener, reached at 192.168.1.5.
fn on_lan(method: &str, target: &str, headers: &[(&str, &str)]) -> Verdict {
    let rules = rules(Listener::Lan);
    judged_by(&rules, "192.168.1.9:50000", "192.168.1.5:7476", method, target, headers)
}

/// On the old callers' listener, reached at 192.168.1.5.
fn on_old(method: &str, target: &str, headers: &[(&str, &str)]) -> Verdict {
    let rules = rules(Listener::OldCallers);
    judged_by(&rules, "192.168.1.9:50000", "192.168.1.5:7477", method, target, headers)
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
fn s01_the_network_s_listeners_have_a_list_of_hosts_too() {
    let hosts = [
        "evil.example:7476",
        "localhost:7476",
        "127.0.0.1:7476",
        "192.168.1.6:7476",
        "192.168.1.5",
        "192.168.1.5:7477",
        "192.168.001.5:7476",
        "office.example",
        "a.office.example:7476",
        "till-1.local.:7476",
    ];
    for host in hosts {
        for path in PATHS {
            assert_eq!(on_lan("GET", path, &[("host", host)]), refused(421), "{path} {host}");
        }
        let old = on_old("POST", "/eden/sync/call/jsonrpc", &[("host", host)]);
        let expected = if host == "192.168.1.5:7477" { FAR } else { refused(421) };
        assert_eq!(old, expected, "{host}");
    }
}

#[test]
fn s02_on_the_network_the_address_that_was_reached_and_our_names_pass() {
    for host in ["192.168.1.5:7476", "till-1.local:7476", "Office.Example:7476"] {
        assert_eq!(on_lan("GET", "/", &[("host", host)]), FAR, "{host}");
    }
    let lan = rules(Listener::Lan);
    let six = |host| judged_by(&lan, "[fd00::9]:1", "[fd00::5]:443", "GET", "/", &[("host", host)]);
    assert_eq!(six("[fd00::5]"), FAR, "443 is what https means");
    assert_eq!(six("[fd00::5]:443"), FAR);
    assert_eq!(six("[fd00:0::5]"), refused(421), "not as it is written canonically");
    let mapped = "[::ffff:192.168.1.5]:7476";
    let host = [("host", "192.168.1.5:7476")];
    assert_eq!(judged_by(&lan, "[::ffff:192.168.1.9]:1", mapped, "GET", "/", &host), FAR);
}

#[test]
fn s03_nothing_packed_is_unpacked() {
    let json = ("content-type", "application/json");
    for (coding, expected) in
        [("gzip", refused(415)), ("br", refused(415)), ("", refused(415)), ("identity", LOCAL)]
    {
        let headers = [("host", FINE), json, ("content-encoding", coding)];
        for path in ["/rpc", "/do/x", "/eden/sync/call/jsonrpc"] {
            assert_eq!(judged("POST", path, &headers), expected, "{path} {coding}");
        }
    }
}

#[test]
fn s04_on_the_network_our_own_origin_is_https() {
    let host = ("host", "till-1.local:7476");
    let json = ("content-type", "application/json");
    for (origin, expected) in [
        ("https://till-1.local:7476", FAR),
        ("https://TILL-1.local:7476", FAR),
        ("http://till-1.local:7476", refused(403)),
        ("https://till-1.local", refused(403)),
        ("https://192.168.1.5:7476", refused(403)),
        ("null", refused(403)),
    ] {
        for (method, path) in [("POST", "/rpc"), ("POST", "/sign-in"), ("GET", "/")] {
            let judged = on_lan(method, path, &[host, json, ("origin", origin)]);
            assert_eq!(judged, expected, "{path} {origin}");
        }
    }
}

#[test]
fn s06_a_preflight_is_no_call() {
    let ask = [("host", FINE), ("access-control-request-method", "POST")];
    let foreign = [ask[0], ask[1], ("origin", "http://evil.example")];
    for path in ["/rpc", "/eden/sync/call/jsonrpc", "/eden/sync/call/json/getdata"] {
        assert_eq!(judged("OPTIONS", path, &ask), refused(405), "{path}");
        assert_eq!(judged("OPTIONS", path, &foreign), refused(403), "{path}");
    }
}

#[test]
fn s09_nobody_is_local_on_the_network_s_listeners() {
    let rules = rules(Listener::Lan);
    for address in ["127.0.0.1", "192.168.1.5"] {
        let here = format!("{address}:7476");
        let host = [("host", here.as_str())];
        let peer = format!("{address}:50000");
        assert_eq!(judged_by(&rules, &peer, &here, "GET", "/", &host), FAR, "{address}");
    }
}

#[test]
fn the_network_s_page_has_no_old_paths_and_the_old_callers_nothing_else() {
    let lan = [("host", "192.168.1.5:7476")];
    assert_eq!(on_lan("POST", "/eden/sync/call/jsonrpc", &lan), refused(404));
    assert_eq!(on_lan("GET", "/eden/sync/call/json/getdata", &lan), refused(404));
    let old = [("host", "192.168.1.5:7477"), ("content-type", "application/json")];
    for app in ["sahana/admin", "eden/sync"] {
        assert_eq!(on_old("POST", &format!("/{app}/call/jsonrpc"), &old), FAR);
        assert_eq!(on_old("GET", &format!("/{app}/call/jsonrpc"), &old), refused(404));
        assert_eq!(on_old("GET", &format!("/{app}/call/json/getdata"), &old), refused(404));
    }
    for path in ["/rpc", "/", "/health", "/ready", "/sign-in", "/eden/sync/call/jsonrpc/x"] {
        assert_eq!(on_old("POST", path, &old), refused(404), "{path}");
    }
    let page = [old[0], ("origin", "http://192.168.1.5:7477")];
    assert_eq!(on_old("POST", "/eden/sync/call/jsonrpc", &page), refused(403));
}

#[test]
fn behind_a_proxy_nobody_is_local_and_its_name_passes() {
    let rules = Rules { proxied: true, ..rules(Listener::Loopback) };
    let judged = |host: &str, origin: &str| {
        let headers = [("host", host), ("origin", origin)];
        judged_by(&rules, "127.0.0.1:1", "127.0.0.1:7475", "POST", "/do/x", &headers)
    };
    assert_eq!(judged("office.example", "https://office.example"), FAR);
    assert_eq!(judged("office.example", "http://office.example"), refused(403));
    assert_eq!(judged("evil.example", "https://evil.example"), refused(421));
    assert_eq!(judged(FINE, "http://localhost:7475"), FAR);
}

#[test]
fn s11_a_path_is_what_it_says_byte_for_byte() {
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
        ("/../admin/call/jsonrpc", Path::Page),
        ("/%2e%2e/admin/call/jsonrpc", Path::Page),
        ("/a;x/admin/call/jsonrpc", Path::Page),
        ("/a.b/admin/call/jsonrpc", Path::Page),
        ("/a/admin/call/jsonrpc.", Path::Page),
        ("/a%2fadmin/call/jsonrpc", Path::Page),
        ("rpc", Path::Page),
        ("/a/b/admin/call/jsonrpc", Path::Page),
        ("/eden/sync/call/json/putdata", Path::Page),
    ] {
        assert_eq!(Path::of(path), kind, "{path}");
    }
    let long = "a".repeat(10_000);
    assert_eq!(Path::of(&format!("/{long}/admin/call/jsonrpc")), Path::Page);
    assert_eq!(Path::of(&format!("/a{}", "/admin".repeat(10_000))), Path::Page);
}
