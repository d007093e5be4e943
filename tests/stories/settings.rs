//! Settings that are changed while the daemon runs: what they open, who may, and what comes back.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;

use dunlin_tests::lab::http::{self, Answer};
use dunlin_tests::lab::{Browser, Lab, Machine, SOON, tls, until, until_true};
use serde_json::{Value, json};

use crate::doors::{PASSWORD, SHOP, basic};

/// A machine with a user of each role.
fn machine(lab: &Lab) -> Machine {
    let mut machine = lab.machine("till", SHOP);
    machine.ok(&["track", "--all"]);
    for role in ["read", "write", "admin"] {
        machine.ok_with(&["users", "add", role, "--role", role], PASSWORD);
    }
    machine.start();
    machine
}

/// An address on the network of this machine alone, which no other test has.
fn at(machine: &Machine, port: u16) -> SocketAddr {
    SocketAddr::new(machine.partner.ip(), port)
}

fn shown(machine: &Machine) -> Value {
    machine.call("settings_show", &json!({})).unwrap()
}

/// Opens the page to the network and keeps it open.
fn open(machine: &Machine, port: u16) -> Lan {
    let address = at(machine, port);
    machine.ok(&["settings", "set", "admin.lan_listen", &address.to_string()]);
    machine.ok(&["settings", "keep"]);
    Lan::of(machine, address)
}

/// Somebody on the network, who has compared the fingerprint.
struct Lan {
    address: SocketAddr,
    fingerprint: String,
    cookie: String,
}

impl Lan {
    fn of(machine: &Machine, address: SocketAddr) -> Self {
        let shown = shown(machine);
        let fingerprint = shown.pointer("/network/fingerprint").and_then(Value::as_str);
        let fingerprint = fingerprint.unwrap_or_else(|| panic!("{shown}")).to_owned();
        Self { address, fingerprint, cookie: String::new() }
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let host = self.address.to_string();
        let stream = tls::connect(self.address, &self.fingerprint, &[b"http/1.1"]);
        http::send(stream, http::request(method, path, &host, headers, body).as_bytes()).unwrap()
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[("Cookie", &self.cookie)], "")
    }

    fn post(&self, path: &str, fields: &str) -> Answer {
        let origin = format!("https://{}", self.address);
        let headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Origin", origin.as_str()),
            ("Cookie", self.cookie.as_str()),
        ];
        self.ask("POST", path, &headers, fields)
    }

    fn sign_in(&mut self, name: &str) {
        let form = token(&self.get("/sign-in").body);
        let password = PASSWORD.replace(' ', "+");
        let answer =
            self.post("/sign-in", &format!("token={form}&name={name}&password={password}"));
        let set = answer.header("set-cookie").unwrap_or_else(|| panic!("{answer:?}"));
        set.split(';').next().unwrap().clone_into(&mut self.cookie);
    }

    /// Presses a button of the page.
    fn press(&self, path: &str) -> Answer {
        let form = token(&self.get("/settings").body);
        self.post(path, &format!("token={form}&back=%2Fsettings"))
    }
}

fn token(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"token\" value=\"").unwrap_or_else(|| panic!("{page}"));
    rest.split('"').next().unwrap().to_owned()
}

fn is_closed(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_err()
}

#[test]
fn the_page_is_opened_to_the_network_from_the_page_and_stays_so_once_it_is_kept() {
    let lab = Lab::new();
    let mut machine = machine(&lab);
    let address = at(&machine, 7476);
    let visitor = Browser::new(machine.admin());
    assert!(visitor.page("/settings").contains("id=\"network-set\""));
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    let fields = [("address", ip.as_str()), ("port", port.as_str()), ("names", "till.shop")];
    let page = visitor.press("/do/settings-network", &fields);
    let lan = Lan::of(&machine, address);
    for text in [&format!("https://{address}/"), &lan.fingerprint, "id=\"settings-keep\""] {
        assert!(page.contains(text), "no {text} in {page}");
    }
    // Everywhere at once: on every page, in the status, and on the network itself.
    assert!(visitor.page("/tables").contains("id=\"settings-keep\""));
    let front = visitor.page("/");
    assert!(front.contains(&format!("his page is at https://{address}")), "{front}");
    assert!(machine.attention().contains("settings were changed"), "{}", machine.attention());
    assert_eq!(lan.get("/health").status, 200);
    assert_eq!(lan.get("/").status, 401, "nobody is trusted there for being near");
    let name = format!("till.shop:{}", address.port());
    let stream = tls::connect(address, &lan.fingerprint, &[b"http/1.1"]);
    let by_name = http::request("GET", "/health", &name, &[], "");
    assert_eq!(http::send(stream, by_name.as_bytes()).unwrap().status, 200);
    // Nothing is written yet.
    let file = machine.data().join("settings.json");
    assert!(!file.exists());

    let page = visitor.press("/do/settings-keep", &[]);
    assert!(!page.contains("id=\"settings-keep\""), "{page}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(machine.attention(), "");
    machine.stop();
    machine.start();
    let after = Lan::of(&machine, address);
    assert_eq!((after.get("/health").status, &after.fingerprint), (200, &lan.fingerprint));
    // And closed again the same way.
    let visitor = Browser::new(machine.admin());
    visitor.press("/do/settings-close", &[]);
    until_true("closed", SOON, || is_closed(address));
    visitor.press("/do/settings-keep", &[]);
    machine.stop();
    machine.start();
    assert!(is_closed(address));
}

#[test]
fn what_nobody_kept_is_gone_after_a_crash_and_after_an_undo() {
    let lab = Lab::new();
    let mut machine = machine(&lab);
    let address = at(&machine, 7476);
    let set = ["settings", "set", "admin.lan_listen", &address.to_string()];
    let told = machine.ok(&set);
    assert!(told.contains("waits to be kept") && told.contains(&address.to_string()), "{told}");
    // One at a time.
    machine
        .cli(&["settings", "set", "admin.lan_names", "till.shop"])
        .failed(1, &["another change waits"]);
    let told = machine.ok(&["settings", "undo"]);
    assert!(told.contains("closed to the network"), "{told}");
    assert!(is_closed(address));
    assert_eq!(machine.attention(), "");
    machine.cli(&["settings", "keep"]).failed(1, &["no change waits"]);
    machine.cli(&["settings", "undo"]).failed(1, &["no change waits"]);

    machine.ok(&set);
    assert_eq!(Lan::of(&machine, address).get("/health").status, 200);
    machine.kill();
    machine.start();
    assert!(is_closed(address));
    assert_eq!(shown(&machine).pointer("/trying"), Some(&Value::Null));
    assert!(!machine.data().join("settings.json").exists());
}

#[test]
fn an_address_that_cannot_be_had_changes_nothing() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let lan = open(&machine, 7476);
    let taken = TcpListener::bind(at(&machine, 7477)).unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let told = machine.cli(&["settings", "set", "admin.lan_listen", &taken]);
    told.failed(1, &["another program uses that port", "nothing was changed"]);
    machine
        .cli(&["settings", "set", "admin.lan_listen", "203.0.113.9:7476"])
        .failed(1, &["does not have that address", "nothing was changed"]);
    assert_eq!(lan.get("/health").status, 200);
    assert_eq!(shown(&machine).pointer("/trying"), Some(&Value::Null));
    // What has to give way to what then cannot be had is there again.
    let free = TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
    let lan = open(&machine, free);
    let all = format!("0.0.0.0:{free}");
    machine
        .cli(&["settings", "set", "admin.lan_listen", &all, &taken])
        .failed(1, &["another program uses that port"]);
    assert_eq!(lan.get("/health").status, 200);
    // And gives way where it can: one on all addresses takes the place of one on one.
    machine.ok(&["settings", "set", "admin.lan_listen", &all]);
    assert_eq!(lan.get("/health").status, 200);
    machine.ok(&["settings", "undo"]);
    assert_eq!(lan.get("/health").status, 200);
    // Nonsense is no address, by the command line or by a script.
    assert_eq!(machine.cli(&["settings", "set", "admin.lan_listen", "somewhere"]).code, 2);
    let lists = json!([["10.0.0.1:0"], ["a:1"], [7], "10.0.0.1:1", [format!("{all}"), all]]);
    for listen in lists.as_array().unwrap() {
        machine.call("settings_set", &json!({"lan_listen": listen})).unwrap_err();
    }
    for names in [json!(["a b"]), json!(["x/y"]), json!(["http://a"]), json!([""])] {
        machine.call("settings_set", &json!({"lan_names": names})).unwrap_err();
    }
    machine.call("settings_set", &json!({"partner_listen": "[::]:1"})).unwrap_err();
    assert_eq!(shown(&machine).pointer("/trying"), Some(&Value::Null));
}

#[test]
fn the_page_is_not_opened_before_somebody_can_sign_in() {
    let lab = Lab::new();
    let mut machine = lab.machine("till", SHOP);
    machine.start();
    let address = at(&machine, 7476).to_string();
    let visitor = Browser::new(machine.admin());
    let page = visitor.page("/settings");
    assert!(page.contains("href=\"/first-password\"") && !page.contains("network-set"), "{page}");
    machine
        .cli(&["settings", "set", "admin.lan_listen", &address])
        .failed(1, &["sign in", "dunlin users add NAME --role admin"]);
    assert!(is_closed(at(&machine, 7476)));
    machine.ok_with(&["users", "add", "ann", "--role", "admin"], PASSWORD);
    assert!(visitor.page("/settings").contains("network-set"));
    machine.ok(&["settings", "set", "admin.lan_listen", &address]);
}

#[test]
fn a_new_certificate_ends_old_connections_and_is_kept_by_whoever_comes_back_with_it() {
    let lab = Lab::new();
    let mut machine = machine(&lab);
    let mut lan = open(&machine, 7476);
    lan.sign_in("admin");
    let mut idle = tls::connect(lan.address, &lan.fingerprint, &[b"http/1.1"]);
    let alive = format!("GET /health HTTP/1.1\r\nHost: {}\r\n\r\n", lan.address);
    idle.write_all(alive.as_bytes()).unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");

    let mut silent = tls::connect(lan.address, &lan.fingerprint, &[b"http/1.1"]);
    silent.conn.complete_io(&mut silent.sock).unwrap();

    // The answer reaches whoever asked, and says what to compare.
    let answer = lan.press("/do/settings-certificate");
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut fresh = Lan::of(&machine, lan.address);
    assert_ne!(fresh.fingerprint, lan.fingerprint);
    assert!(answer.body.contains(&fresh.fingerprint), "{answer:?}");
    assert!(answer.body.contains(&format!("https://{}/settings", lan.address)), "{answer:?}");
    // The connection that was there ends, with nothing more said on it.
    idle.write_all(alive.as_bytes()).unwrap_or_default();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).unwrap_or_default();
    let rest = String::from_utf8_lossy(&rest);
    assert_eq!(rest.matches("HTTP/1.1 200").count(), 0, "{rest}");
    // On one that had said nothing yet, nothing is done any more.
    let late = http::send(silent, alive.as_bytes());
    assert!(late.as_ref().is_ok_and(|answer| answer.status == 421) || late.is_err(), "{late:?}");

    // At the machine it is not kept: that would prove nothing about the way that was changed.
    machine.cli(&["settings", "keep"]).failed(1, &["over the network"]);
    let local = Browser::new(machine.admin());
    let page = local.page("/");
    assert!(!page.contains("id=\"settings-keep\"") && page.contains("id=\"settings-undo\""));
    local.press("/do/settings-keep", &[]);
    assert_ne!(shown(&machine).pointer("/trying"), Some(&Value::Null));
    fresh.cookie.clone_from(&lan.cookie);
    assert!(fresh.get("/tables").body.contains("id=\"settings-keep\""));
    assert_eq!(fresh.press("/do/settings-keep").status, 303);
    assert_eq!(shown(&machine).pointer("/trying"), Some(&Value::Null));
    machine.stop();
    machine.start();
    assert_eq!(Lan::of(&machine, lan.address).fingerprint, fresh.fingerprint);

    // One that nobody keeps is as if it never had been.
    machine.ok(&["settings", "new-certificate"]);
    assert_ne!(Lan::of(&machine, lan.address).fingerprint, fresh.fingerprint);
    machine.kill();
    machine.start();
    assert_eq!(Lan::of(&machine, lan.address).fingerprint, fresh.fingerprint);
}

#[test]
fn a_page_that_was_closed_over_the_network_is_kept_closed_at_the_machine() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let mut lan = open(&machine, 7476);
    lan.sign_in("admin");
    let answer = lan.press("/do/settings-close");
    assert!(answer.body.contains("at the machine itself"), "{answer:?}");
    until_true("closed", SOON, || is_closed(lan.address));
    machine.ok(&["settings", "keep"]);
    assert!(is_closed(lan.address));
}

#[test]
fn names_count_at_once_and_no_longer_when_they_are_taken_back() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let lan = open(&machine, 7476);
    let by = |name: &str| {
        let host = format!("{name}:{}", lan.address.port());
        let stream = tls::connect(lan.address, &lan.fingerprint, &[b"http/1.1"]);
        let request = http::request("GET", "/health", &host, &[], "");
        http::send(stream, request.as_bytes()).unwrap().status
    };
    assert_eq!(by("till.shop"), 421);
    machine.ok(&["settings", "set", "admin.lan_names", "Till.shop"]);
    assert_eq!((by("till.shop"), by("evil.example")), (200, 421));
    machine.ok(&["settings", "undo"]);
    assert_eq!(by("till.shop"), 421);
    // This machine's own listener knows nothing of them.
    let host = format!("till.shop:{}", machine.admin().port());
    let request = http::request("GET", "/health", &host, &[], "");
    assert_eq!(http::send(http::connect(machine.admin()), request.as_bytes()).unwrap().status, 421);
}

#[test]
fn who_may_not_change_settings_neither_keeps_nor_sees_the_buttons() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let mut lan = open(&machine, 7476);
    machine.ok(&["settings", "set", "admin.lan_names", "till.shop"]);
    for role in ["read", "write"] {
        let signed = basic(role);
        for method in ["settings_set", "settings_keep", "settings_undo", "settings_show"] {
            let call = json!({"jsonrpc": "2.0", "id": 1, "method": method}).to_string();
            let answer = lan.ask("POST", "/rpc", &[("Authorization", &signed)], &call);
            assert_eq!(answer.status, 403, "{role} {method}: {answer:?}");
        }
        lan.sign_in(role);
        let page = lan.get("/").body;
        assert!(!page.contains("id=\"settings-"), "{page}");
        let form = token(&page);
        lan.post("/do/settings-keep", &format!("token={form}"));
        lan.post("/do/settings-undo", &format!("token={form}"));
        lan.post("/do/settings-close", &format!("token={form}"));
        let trying = shown(&machine);
        assert_eq!(trying.pointer("/trying/changes/0/value"), Some(&json!("till.shop")));
    }
}

#[test]
fn what_stands_in_the_file_is_the_files() {
    let lab = Lab::new();
    let mut machine = lab.machine("till", SHOP);
    machine.ok_with(&["users", "add", "admin", "--role", "admin"], PASSWORD);
    let listen = at(&machine, 7478);
    machine.reword("[admin]\n", &format!("[admin]\nlan_listen = [\"{listen}\"]\n"));
    machine.configure("[log]\nlevel = \"info\"\n");
    machine.start();
    for set in [
        ["settings", "set", "admin.lan_listen", "127.0.0.1:1"],
        ["settings", "set", "log.level", "debug"],
    ] {
        machine.cli(&set).failed(1, &["stands in dunlin.toml"]);
    }
    let page = Browser::new(machine.admin()).page("/settings");
    for id in ["network-address", "network-close", "set-level"] {
        assert!(!page.contains(&format!("id=\"{id}\"")), "{id} in {page}");
    }
    let told = machine.ok(&["settings"]);
    let line = |key: &str| told.lines().find(|line| line.contains(key)).unwrap().to_owned();
    assert!(line(" admin.lan_listen ").ends_with("in the file"), "{told}");
    assert!(line(" admin.lan_names ").ends_with("by default"), "{told}");
    // What it does not say can be set; and the file's word counts again once it says something.
    machine.ok(&["settings", "set", "admin.lan_names", "till.shop"]);
    machine.ok(&["settings", "keep"]);
    machine.reword("[admin]\n", "[admin]\nlan_names = [\"other.shop\"]\n");
    machine.stop();
    machine.start();
    let names = shown(&machine).pointer("/network/names").cloned();
    assert_eq!(names, Some(json!(["other.shop"])));
}

#[test]
fn how_much_is_logged_is_lasting_and_needs_no_keeping() {
    let lab = Lab::new();
    let mut machine = machine(&lab);
    let told = machine.ok(&["settings", "set", "log.level", "debug"]);
    assert!(told.contains("debug"), "{told}");
    assert_eq!(machine.attention(), "");
    machine.stop();
    machine.start();
    assert_eq!(shown(&machine).pointer("/log_level"), Some(&json!("debug")));
    let page = Browser::new(machine.admin())
        .press("/do/log-level", &[("level", "warn"), ("back", "/settings")]);
    assert!(page.contains("value=\"warn\" selected"), "{page}");
    assert_eq!(machine.cli(&["settings", "set", "log.level", "loud"]).code, 2);
    machine.stop();
    // A damaged file is not guessed at.
    let file = machine.data().join("settings.json");
    std::fs::write(&file, "{\"log.level\": \"debug\"").unwrap();
    machine.cli(&["run"]).failed(1, &["settings.json", "damaged", "remove it"]);
    std::fs::write(&file, "{}").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    machine.cli(&["run"]).failed(1, &["settings.json", "chmod"]);
}

#[test]
fn rows_move_on_although_the_page_cannot_be_opened_where_it_was() {
    let lab = Lab::new();
    let mut machine = machine(&lab);
    machine.stop();
    // As after a change of address: what was kept is not there any more.
    let file = machine.data().join("settings.json");
    std::fs::write(&file, "{\"admin.lan_listen\": [\"203.0.113.9:7476\"]}").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    machine.start();
    let told = until("told", SOON, || {
        let told = machine.attention();
        if told.is_empty() { Err(told) } else { Ok(told) }
    });
    assert!(told.contains("does not have that address"), "{told}");
    let page = Browser::new(machine.admin()).page("/settings");
    assert!(page.contains("id=\"network-shut\""), "{page}");
    let lan = open(&machine, 7476);
    assert_eq!(lan.get("/health").status, 200);
    assert_eq!(machine.attention(), "");
}

#[test]
fn the_support_bundle_is_made_by_the_command_line_and_never_over_another_file() {
    let lab = Lab::new();
    let machine = machine(&lab);
    let file = lab.path().join("bundle.json");
    let output = file.to_str().unwrap();
    let told = machine.cli(&["bundle", "--output", output]);
    assert_eq!((told.code, told.out.trim()), (0, output), "{told:?}");
    assert!(told.err.contains("Look through it"), "{told:?}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    let bundle: Value = serde_json::from_str(&text).unwrap();
    for part in ["status", "settings", "history", "log", "version", "system"] {
        assert!(bundle.get(part).is_some(), "no {part} in {text}");
    }
    let users = std::fs::read_to_string(machine.data().join("users.json")).unwrap();
    let users: Value = serde_json::from_str(&users).unwrap();
    let hash = users.pointer("/users/admin/hash").and_then(Value::as_str).unwrap();
    assert!(!text.contains(hash) && !text.contains(PASSWORD));

    machine.cli(&["bundle", "--output", output]).failed(1, &["is there already", "--output"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let link = lab.path().join("link.json");
    std::os::unix::fs::symlink(lab.path().join("nowhere"), &link).unwrap();
    machine.cli(&["bundle", "--output", link.to_str().unwrap()]).failed(1, &["is there already"]);
    machine.cli(&["bundle", "--output", "/nowhere/b.json"]).failed(1, &["cannot write"]);
    let told = machine.cli(&["bundle", "--output", "-"]);
    let piped: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(piped.get("schema"), Some(&json!(1)));
    let other = lab.path().join("other.json");
    let told = machine.cli(&["bundle", "--json", "--output", other.to_str().unwrap()]).json();
    assert_eq!(told.pointer("/file"), Some(&json!(other.to_str().unwrap())));
}
