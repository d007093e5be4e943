//! The doors of a real daemon: who gets in by which, and what everybody else is told.

use std::net::SocketAddr;

use dunlin_tests::lab::http::{self, Answer};
use dunlin_tests::lab::outside::{Somebody, has, run};
use dunlin_tests::lab::{Lab, Machine, SOON, tls, until};
use serde_json::{Value, json};

pub(crate) const SHOP: &str = "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";
pub(crate) const PASSWORD: &str = "correct horse battery";

const STATUS: &str = r#"{"jsonrpc":"2.0","id":1,"method":"machine_status"}"#;
const GETDATA: &str = r#"{"jsonrpc":"2.0","id":1,"method":"getdata","params":["somebody"]}"#;

/// A machine with a user of each role, and these sections in its configuration.
pub(crate) fn machine(lab: &Lab, admin: &str, more: &str) -> Machine {
    let mut machine = lab.machine("till", SHOP);
    machine.ok(&["track", "--all"]);
    for role in ["read", "write", "admin"] {
        machine.ok_with(&["users", "add", role, "--role", role], PASSWORD);
    }
    machine.reword("[admin]\n", &format!("[admin]\n{admin}\n"));
    machine.configure(more);
    machine.start();
    machine
}

/// What `addresses.json` says.
pub(crate) fn told(machine: &Machine, place: &str) -> String {
    let text = std::fs::read_to_string(machine.data().join("addresses.json")).unwrap();
    let told: Value = serde_json::from_str(&text).unwrap();
    told.pointer(place).and_then(Value::as_str).unwrap_or_else(|| panic!("{told}")).to_owned()
}

/// The page on the network.
pub(crate) struct Lan {
    pub(crate) address: SocketAddr,
    pub(crate) fingerprint: String,
}

impl Lan {
    pub(crate) const LISTEN: &str = "lan_listen = [\"127.0.0.9:0\"]\nlan_names = [\"till.shop\"]";

    pub(crate) fn of(machine: &Machine) -> Self {
        let address = told(machine, "/lan/0").parse().unwrap();
        Self { address, fingerprint: told(machine, "/fingerprint") }
    }

    pub(crate) fn send(&self, request: &str) -> Answer {
        let stream = tls::connect(self.address, &self.fingerprint, &[b"http/1.1"]);
        http::send(stream, request.as_bytes()).unwrap()
    }

    fn ask(&self, method: &str, path: &str, host: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(&http::request(method, path, host, headers, STATUS))
    }
}

pub(crate) fn basic(user: &str) -> String {
    let told = run("base64", &["-w0"], &format!("{user}:{PASSWORD}"));
    format!("Basic {}", told.out.trim())
}

fn at(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = http::request(method, path, &address.to_string(), headers, STATUS);
    http::send(http::connect(address), request.as_bytes()).unwrap()
}

/// Refused by the guard: a status, and not a word.
fn refused(answer: &Answer, status: u16, what: &str) {
    assert_eq!((answer.status, answer.body.as_str()), (status, ""), "{what}: {answer:?}");
}

const PATHS: [&str; 6] = ["/", "/health", "/ready", "/assets/style.css", "/nosuch", "/rpc"];

#[test]
fn s01_s02_on_every_path_of_every_listener_only_our_own_hosts_are_answered() {
    let lab = Lab::new();
    let machine = machine(&lab, Lan::LISTEN, "");
    let (admin, lan) = (machine.admin(), Lan::of(&machine));
    let ask = |host: &str, path: &str| {
        let request = http::request("GET", path, host, &[], "");
        http::send(http::connect(admin), request.as_bytes()).unwrap()
    };
    let (port, lan_port) = (admin.port(), lan.address.port());
    let evil =
        ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "127.1", "localhost."];
    for path in PATHS {
        for host in evil {
            refused(&ask(&format!("{host}:{port}"), path), 421, path);
            refused(&lan.ask("GET", path, &format!("{host}:{lan_port}"), &[]), 421, path);
        }
        refused(&ask("", path), 421, path);
        refused(&ask("localhost", path), 421, path);
        let two = format!("GET {path} HTTP/1.1\r\nHost: {admin}\r\nHost: {admin}\r\n\r\n");
        refused(&http::send(http::connect(admin), two.as_bytes()).unwrap(), 421, "two hosts");
        let other = format!(
            "GET http://evil.example{path} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n"
        );
        refused(&http::send(http::connect(admin), other.as_bytes()).unwrap(), 421, "absolute");
        // The network's page is not this machine's, nor the other way round.
        refused(&lan.ask("GET", path, &format!("localhost:{lan_port}"), &[]), 421, path);
        refused(&ask(&format!("till.shop:{port}"), path), 421, path);
    }
    for host in ["LOCALHOST", "127.0.0.1", "[::1]", "x.localhost"] {
        assert_eq!(ask(&format!("{host}:{port}"), "/health").status, 200, "{host}");
    }
    for host in ["127.0.0.9", "till.shop", "Till.Shop"] {
        let answer = lan.ask("GET", "/health", &format!("{host}:{lan_port}"), &[]);
        assert_eq!(answer.status, 200, "{host}");
    }
}

#[test]
fn s03_s04_s05_s06_another_site_s_page_can_neither_call_nor_ask() {
    let lab = Lab::new();
    let machine = machine(&lab, Lan::LISTEN, "");
    let (admin, lan) = (machine.admin(), Lan::of(&machine));
    let signed = basic("admin");
    let signed = ("Authorization", signed.as_str());
    let both = |method: &str, path: &str, headers: &[(&str, &str)], status: u16| {
        let headers = [headers, &[signed]].concat();
        refused(&at(admin, method, path, &headers), status, "loopback");
        let host = lan.address.to_string();
        refused(&lan.ask(method, path, &host, &headers), status, "network");
    };
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
        both("POST", "/rpc", &[("Content-Type", kind)], 415);
    }
    both("POST", "/rpc", &[("Content-Encoding", "gzip")], 415);
    let (http, https) = (format!("http://{admin}"), format!("https://{}", lan.address));
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.9"] {
        both("POST", "/rpc", &[("Origin", origin)], 403);
        both("GET", "/", &[("Origin", origin)], 403);
        both("OPTIONS", "/rpc", &[("Origin", origin)], 403);
    }
    // Each other's scheme, with the right host.
    let other = [("Origin", https.replace("9:", "1:"))];
    let other: Vec<(&str, &str)> = other.iter().map(|(a, b)| (*a, b.as_str())).collect();
    refused(&at(admin, "POST", "/rpc", &other), 403, "https on loopback");
    for site in ["cross-site", "same-site"] {
        both("POST", "/rpc", &[("Sec-Fetch-Site", site)], 403);
        both("GET", "/", &[("Sec-Fetch-Site", site)], 403);
    }
    let ok = |answer: &Answer| assert_eq!(answer.status, 200, "{answer:?}");
    ok(&at(admin, "POST", "/rpc", &[("Origin", &http), ("Sec-Fetch-Site", "same-origin")]));
    let own = [("Origin", https.as_str()), ("Sec-Fetch-Site", "same-origin"), signed];
    ok(&lan.ask("POST", "/rpc", &lan.address.to_string(), &own));
    // A link from elsewhere is followed; and whoever follows it is not taken for us.
    let visit = [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
    ];
    let led = at(admin, "GET", "/", &visit);
    assert!(led.status == 200 && !led.body.contains("name=\"token\""), "{led:?}");
    for path in PATHS {
        let answer = at(admin, "OPTIONS", path, &[]);
        assert!(matches!(answer.status, 404 | 405), "{path}: {answer:?}");
        assert!(!answer.head.to_lowercase().contains("access-control"), "{answer:?}");
    }
}

#[test]
fn s08_what_came_through_a_proxy_is_not_from_this_machine() {
    let lab = Lab::new();
    let machine = machine(&lab, "", "");
    let admin = machine.admin();
    for name in ["X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Via", "X-Real-IP"] {
        let header = [(name, "127.0.0.1")];
        assert_eq!(at(admin, "POST", "/rpc", &header).status, 401, "{name}");
        assert_eq!(at(admin, "GET", "/", &header).status, 401, "{name}");
        assert_eq!(at(admin, "GET", "/ready", &header).status, 401, "{name}");
        let old = machine.post("/shop/admin/call/jsonrpc", &header, GETDATA);
        assert_eq!(old.status, 200, "{name}");
        assert!(old.body.contains("authentication failed"), "{name}: {old:?}");
        assert!(old.header("www-authenticate").is_none());
    }
}

#[test]
fn s08_with_a_proxy_configured_nobody_is_trusted_for_being_near() {
    let lab = Lab::new();
    let more = "behind_proxy = true\nlan_names = [\"till.example\"]";
    let machine = machine(&lab, more, "");
    let admin = machine.admin();
    assert_eq!(at(admin, "POST", "/rpc", &[]).status, 401);
    assert_eq!(at(admin, "GET", "/", &[]).status, 401);
    let answer = machine.post("/rpc", &[], GETDATA);
    assert!(answer.body.contains("authentication failed"), "{answer:?}");
    let signed = basic("read");
    let ask = |host: &str| {
        let headers = [("Authorization", signed.as_str()), ("Origin", "https://till.example")];
        http::post(http::connect(admin), "/rpc", host, &headers, STATUS).unwrap().status
    };
    assert_eq!(ask("till.example"), 200, "by the name that the proxy was called by");
    assert_eq!(ask("evil.example"), 421);
    assert!(machine.status().is_ok(), "the socket is not behind it");
}

#[test]
fn s09_the_page_on_the_network_trusts_nobody_for_being_near() {
    let lab = Lab::new();
    let machine = machine(&lab, Lan::LISTEN, "");
    let lan = Lan::of(&machine);
    let host = lan.address.to_string();
    assert_eq!(lan.ask("POST", "/rpc", &host, &[]).status, 401);
    assert_eq!(lan.ask("GET", "/", &host, &[]).status, 401);
    assert_eq!(lan.ask("GET", "/ready", &host, &[]).status, 401);
    let data = lan.send(&http::request("POST", "/rpc", &host, &[], GETDATA));
    assert!(data.body.contains("authentication failed"), "{data:?}");
    for path in ["/shop/admin/call/jsonrpc", "/shop/sync/call/jsonrpc"] {
        refused(&lan.ask("POST", path, &host, &[]), 404, path);
    }
    let get = "/shop/admin/call/json/getdata?uuid=a&username=read&password=x";
    refused(&lan.ask("GET", get, &host, &[]), 404, get);
    let signed = basic("read");
    let answer = lan.ask("POST", "/rpc", &host, &[("Authorization", &signed)]);
    assert!(answer.body.contains("\"result\""), "{answer:?}");
    assert!(answer.header("strict-transport-security").is_none());
    // By plain HTTP there is nothing.
    let plain = http::request("GET", "/health", &host, &[], "");
    let plain = http::send(http::connect(lan.address), plain.as_bytes());
    assert!(plain.is_err(), "{plain:?}");
}

#[test]
fn s11_a_path_that_plays_tricks_gets_no_more_than_it_says() {
    let lab = Lab::new();
    let machine = machine(&lab, "", "");
    let long = format!("/{}", "x".repeat(10_000));
    let tricks = [
        "//rpc",
        "/rpc/",
        "/rpc/.",
        "/rpc/../rpc",
        "/./rpc",
        "/%72pc",
        "/%2e%2e/rpc",
        "/x%2frpc",
        "/rpc;x",
        "/rpc.",
        "/..",
        "/../admin/call/jsonrpc",
        "/%2e%2e/admin/call/jsonrpc",
        "/a;x/admin/call/jsonrpc",
        "/a/b/admin/call/jsonrpc",
        "/assets/../",
        "/assets/%2e%2e/",
        &long,
    ];
    for path in tricks {
        for method in ["GET", "POST"] {
            let answer = at(machine.admin(), method, path, &[]);
            assert!(matches!(answer.status, 400 | 404), "{method} {path:.40}: {answer:?}");
        }
    }
}

#[test]
fn every_answer_bears_the_same_security_headers() {
    let lab = Lab::new();
    let machine = machine(&lab, Lan::LISTEN, "");
    let (admin, lan) = (machine.admin(), Lan::of(&machine));
    let host = lan.address.to_string();
    let mut answers: Vec<Answer> = PATHS.map(|path| at(admin, "GET", path, &[])).to_vec();
    answers.extend(PATHS.map(|path| lan.ask("GET", path, &host, &[])));
    answers.push(at(admin, "POST", "/rpc", &[]));
    answers.push(at(admin, "GET", "/", &[("Host", "evil")]));
    for answer in answers {
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{answer:?}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        for rule in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"] {
            assert!(policy.contains(rule), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(answer.header("permissions-policy").is_some());
    }
}

#[test]
fn the_page_is_on_the_network_only_when_somebody_can_sign_in() {
    let lab = Lab::new();
    let mut machine = lab.machine("till", SHOP);
    machine.reword("[admin]\n", &format!("[admin]\n{}\n", Lan::LISTEN));
    machine.cli(&["run"]).failed(1, &["sign in", "dunlin users add NAME --role admin"]);
    machine.ok_with(&["users", "add", "ann", "--role", "admin"], PASSWORD);
    machine.start();
    let lan = Lan::of(&machine);
    let shown = machine.ok(&["status"]);
    assert!(shown.contains(&lan.fingerprint) && shown.contains("https://127.0.0.9:"), "{shown}");
    let page = http::get(machine.admin(), "/", &[]).body;
    assert!(page.contains(&lan.fingerprint), "{page}");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(machine.data().join("page.pem")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    // It is kept over a restart.
    machine.stop();
    machine.start();
    assert_eq!(Lan::of(&machine).fingerprint, lan.fingerprint);
}

#[test]
fn the_page_on_the_network_speaks_tls_1_3_and_http_1_1_with_a_key_of_its_own() {
    let lab = Lab::new();
    let machine = machine(&lab, Lan::LISTEN, "");
    let lan = Lan::of(&machine);
    // rustls' client speaks both versions, and takes P-256 alone.
    let connect = |alpn: &[&[u8]]| {
        let stream = tls::connect(lan.address, &lan.fingerprint, alpn);
        let host = lan.address.to_string();
        http::send(stream, http::request("GET", "/health", &host, &[], "").as_bytes())
    };
    assert_eq!(connect(&[b"http/1.1"]).unwrap().status, 200);
    assert_eq!(connect(&[b"h2", b"http/1.1"]).unwrap().status, 200);
    assert_eq!(connect(&[]).unwrap().status, 200);
    assert!(connect(&[b"h2"]).is_err(), "HTTP/2 is not spoken");
    if has("openssl", "older versions of TLS") {
        let address = lan.address.to_string();
        let ask = |version: &str| {
            run("openssl", &["s_client", "-connect", &address, version, "-brief"], "").code
        };
        assert_eq!(ask("-tls1_3"), 0);
        assert_ne!(ask("-tls1_2"), 0);
    }
}

#[test]
fn a_certificate_can_be_given_and_is_never_the_machine_s_own_key() {
    if !has("openssl", "a certificate of somebody else's") {
        return;
    }
    let lab = Lab::new();
    let (certificate, key) = (lab.path().join("c.pem"), lab.path().join("k.pem"));
    let (c, k) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let line = format!(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=till -out {c} -keyout {k}"
    );
    let made = run("openssl", &line.split(' ').collect::<Vec<_>>(), "");
    assert_eq!(made.code, 0, "{made:?}");
    let given = format!("{}\nlan_certificate = {c:?}\nlan_key = {k:?}", Lan::LISTEN);
    let mut machine = lab.machine("till", SHOP);
    machine.ok_with(&["users", "add", "ann", "--role", "admin"], PASSWORD);
    machine.reword("[admin]\n", &format!("[admin]\n{given}\n"));
    run("chmod", &["644", k], "");
    machine.cli(&["run"]).failed(1, &["read by everybody", "chmod o="]);
    run("chmod", &["600", k], "");
    machine.start();
    let print = run("openssl", &["x509", "-in", c, "-noout", "-fingerprint", "-sha256"], "").out;
    assert!(print.contains(&Lan::of(&machine).fingerprint), "{print}");
    machine.stop();
    std::fs::copy(&key, &certificate).unwrap();
    machine.cli(&["run"]).failed(1, &["no certificate"]);
}

#[test]
fn s45_another_user_of_this_computer_has_getdata_alone() {
    let Some(somebody) = Somebody::find() else { return };
    let lab = Lab::new();
    let machine = machine(&lab, "", "");
    let admin = machine.admin();
    let ask = |method: &str, path: &str, body: &str| {
        let request = http::request(method, path, &admin.to_string(), &[], body);
        let told = somebody.send(admin, &request);
        Answer::of(told.out.as_bytes()).unwrap_or_else(|error| panic!("{error}: {told:?}"))
    };
    assert_eq!(ask("GET", "/", "").status, 401, "no page");
    assert_eq!(ask("GET", "/ready", "").status, 401);
    assert_eq!(ask("POST", "/rpc", STATUS).status, 401);
    let add = json!({"jsonrpc": "2.0", "id": 1, "method": "users_add",
        "params": ["thief", "admin", "a password that is long"]});
    assert_eq!(ask("POST", "/rpc", &add.to_string()).status, 401, "no first password");
    for path in ["/rpc", "/shop/sync/call/jsonrpc"] {
        let data = ask("POST", path, GETDATA);
        assert!(data.body.contains("parts"), "getdata: {data:?}");
        let put = GETDATA.replace("getdata", "putdata");
        assert!(ask("POST", path, &put).body.contains("authentication failed"));
    }
    // Whoever has hung up by the time that we look is root to the kernel; to us he is nobody.
    // Two requests at once: while the second waits, nobody sees that he is gone.
    let remove = json!({"jsonrpc": "2.0", "id": 1, "method": "users_remove", "params": ["write"]});
    let request = http::request("POST", "/rpc", &admin.to_string(), &[], &remove.to_string());
    let request = request.replace("Connection: close", "Connection: keep-alive").repeat(2);
    machine.signal("STOP");
    let told = somebody.send_and_run(admin, &request, 5);
    assert_eq!(told.code, 0, "{told:?}");
    let (to_us, by_root) = (format!(":{:04X} 05 ", admin.port()), "00000000     0        0 0 ");
    until("shown as root's", SOON, || {
        let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
        let his = table.lines().filter(|line| line.contains(&to_us) && line.contains(by_root));
        if his.count() >= 5 { Ok(()) } else { Err(table) }
    });
    machine.signal("CONT");
    // A user takes longer to make than to remove: his calls have been looked at by then.
    for name in ["one", "two"] {
        machine.ok_with(&["users", "add", name, "--role", "read"], PASSWORD);
    }
    let users = machine.ok(&["users", "list"]);
    assert!(users.contains("write") && !users.contains("thief"), "{users}");
    // We, from the same address, may everything.
    assert_eq!(at(admin, "POST", "/rpc", &[]).status, 200);
}

#[test]
fn s45_where_others_are_trusted_with_nothing_they_get_nothing() {
    let Some(somebody) = Somebody::find() else { return };
    let lab = Lab::new();
    let mut machine = machine(&lab, "local_trust_others = \"none\"", "");
    let get = |machine: &Machine| {
        let admin = machine.admin();
        let request = http::request("POST", "/rpc", &admin.to_string(), &[], GETDATA);
        let others = Answer::of(somebody.send(admin, &request).out.as_bytes()).unwrap();
        (others.body.contains("parts"), machine.post("/rpc", &[], GETDATA).body.contains("parts"))
    };
    assert_eq!(get(&machine), (false, true));
    // And never more than our own programs are trusted with.
    machine.stop();
    machine.reword("local_trust_others = \"none\"", "local_trust = \"none\"");
    machine.start();
    assert_eq!(get(&machine), (false, false));
}

#[test]
fn a_user_whom_the_configuration_names_manages_the_daemon() {
    let Some(somebody) = Somebody::find() else { return };
    let lab = Lab::new();
    let socket = lab.path().join("till.sock");
    // Another than ours: he exists on every Debian.
    let admin = format!("local_admins = [\"daemon\"]\nlocal_socket = {socket:?}");
    let mut machine = machine(&lab, &admin, "");
    run("chmod", &["755", lab.path().to_str().unwrap()], "");
    let program = dunlin_tests::lab::machine::program();
    let copy = lab.path().join("dunlin");
    std::fs::copy(program, &copy).unwrap();
    run("chmod", &["755", copy.to_str().unwrap()], "");
    let status = [copy.to_str().unwrap(), "users", "list", "--data", socket.to_str().unwrap()];
    let told = somebody.run(&status, "");
    assert_ne!(told.code, 0, "{told:?}");
    let named = ["--reuid", "daemon", "--regid", "daemon", "--clear-groups"];
    let told = run("setpriv", &[&named[..], &status].concat(), "");
    assert!(told.code == 0 && told.out.contains("admin"), "{told:?}");
    machine.stop();
    assert!(!socket.exists());
    machine.reword("[\"daemon\"]", "[\"no such user\"]");
    machine.cli(&["run"]).failed(1, &["admin.local_admins", "no such user"]);
}

#[test]
fn old_programs_of_other_machines_have_a_door_of_their_own_when_it_is_opened() {
    let lab = Lab::new();
    let open = "[old_callers]\nlisten = [\"127.0.0.8:0\"]\nallow = [\"127.0.0.8\"]\n";
    let machine = machine(&lab, "", open);
    let old: SocketAddr = told(&machine, "/old_callers/0").parse().unwrap();
    let shown = machine.ok(&["status"]);
    assert!(shown.contains(&format!("http://{old}")) && shown.contains("without encryption"));
    // From an address that is not named, hung up on without a word.
    let from_elsewhere = http::send(http::connect(old), b"GET / HTTP/1.0\r\n\r\n");
    assert!(from_elsewhere.is_err(), "{from_elsewhere:?}");
    if !has("python3", "a caller from another address") {
        return;
    }
    let ask = |method: &str, path: &str, body: &str| {
        let request = http::request(method, path, &old.to_string(), &[], body);
        let script = "import socket, sys\n\
            s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10, (sys.argv[1], 0))\n\
            s.settimeout(30); s.sendall(sys.stdin.buffer.read())\n\
            while (piece := s.recv(65536)): sys.stdout.buffer.write(piece)";
        let (ip, port) = (old.ip().to_string(), old.port().to_string());
        let told = run("python3", &["-c", script, &ip, &port], &request);
        Answer::of(told.out.as_bytes()).unwrap_or_else(|error| panic!("{error}: {told:?}"))
    };
    let nobody = ask("POST", "/shop/admin/call/jsonrpc", GETDATA);
    assert!(nobody.body.contains("authentication failed"), "never local: {nobody:?}");
    // Only users made for it: whoever listens on that network reads the password.
    machine.ok_with(&["users", "add", "till 9", "--old-caller", "--role", "read"], PASSWORD);
    for (user, is_let_in) in [("admin", false), ("till 9", true)] {
        let params = json!(["somebody", user, PASSWORD]);
        let body = json!({"id": 1, "method": "getdata", "params": params}).to_string();
        let answer = ask("POST", "/shop/admin/call/jsonrpc", &body);
        let refused = answer.body.contains("authentication failed");
        assert_eq!((answer.status, refused), (200, !is_let_in), "{user}: {answer:?}");
    }
    for (method, path) in
        [("POST", "/rpc"), ("GET", "/"), ("GET", "/health"), ("GET", "/shop/admin/call/jsonrpc")]
    {
        refused(&ask(method, path, STATUS), 404, path);
    }
}

#[test]
fn ready_says_so_or_why_not() {
    let lab = Lab::new();
    let machine = machine(&lab, "", "");
    let admin = machine.admin();
    // The socket answers a moment before all doors are open.
    until("ready", SOON, || {
        let answer = at(admin, "GET", "/ready", &[]);
        let ready = (answer.status, answer.body.as_str()) == (200, "ready\n");
        if ready { Ok(()) } else { Err(format!("{answer:?}")) }
    });
    let far = [("X-Forwarded-For", "10.0.0.9")];
    assert_eq!(at(admin, "GET", "/ready", &far).status, 401);
    let signed = basic("read");
    let signed = [far[0], ("Authorization", signed.as_str())];
    assert_eq!(at(admin, "GET", "/ready", &signed).status, 200);
}

#[test]
fn ready_says_that_the_file_cannot_be_written_and_when_it_can_again() {
    let lab = Lab::new();
    let machine = machine(&lab, "", "");
    // Another program began to write, and does not end.
    let app = machine.app();
    app.execute_batch("BEGIN IMMEDIATE").unwrap();
    until("told", SOON, || {
        let answer = at(machine.admin(), "GET", "/ready", &[]);
        let told = answer.status == 503 && answer.body.starts_with("database main: ");
        if told { Ok(()) } else { Err(format!("{answer:?}")) }
    });
    app.execute_batch("ROLLBACK").unwrap();
    // What was found is said again for ten seconds.
    until("ready again", SOON, || {
        let answer = at(machine.admin(), "GET", "/ready", &[]);
        if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
    });
}
