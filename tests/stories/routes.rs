//! `docs/routes.md`, walked against a running daemon: every route and method, by every kind of caller.

use std::collections::BTreeMap;
use std::path::Path;

use dunlin_tests::lab::http::{self, Answer};
use dunlin_tests::lab::outside::Somebody;
use dunlin_tests::lab::{Lab, SOON, until_true};
use serde_json::{Value, json};

use crate::access::browser::{cookie, sign_in};
use crate::doors::{Lan, PASSWORD, basic, machine};

const ROUTES: &str = include_str!("../../docs/routes.md");

/// The cells of a table, each row by the names at its head.
fn table(heading: &str) -> Vec<BTreeMap<&'static str, &'static str>> {
    let (_, section) = ROUTES.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut rows = section
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|row| row.split(" | ").map(|cell| cell.trim_matches('`')));
    let head: Vec<&str> = rows.next().unwrap().collect();
    rows.skip(1).map(|row| head.iter().copied().zip(row).collect()).collect()
}

/// What a caller of some kind is answered, by the right that is asked.
fn expected(right: &str, caller: &str) -> &'static str {
    let rights = table("Rights");
    let row = rights.iter().find(|row| row["right"] == right);
    row.unwrap_or_else(|| panic!("no right {right}"))[caller]
}

/// Sends a request as a caller of one kind: loopback or the network, with what he shows.
struct Callers<'m> {
    machine: &'m dunlin_tests::lab::Machine,
    lan: Lan,
    somebody: Option<Somebody>,
    signed: BTreeMap<&'static str, String>,
    /// Other things that a caller may show, by a name for him.
    showing: BTreeMap<String, Vec<(&'static str, String)>>,
}

impl Callers<'_> {
    /// The kinds of callers that can be had on a listener.
    fn kinds(&self, listener: &str) -> Vec<&'static str> {
        let mut kinds = vec!["nobody", "read", "write", "admin"];
        if listener == "loopback" {
            kinds.push("local");
            kinds.extend(self.somebody.as_ref().map(|_| "other"));
        }
        kinds
    }

    fn send(&self, listener: &str, kind: &str, method: &str, path: &str, body: &str) -> Answer {
        let mut headers = Vec::new();
        if listener == "loopback" && kind != "local" && kind != "other" {
            // Then it is not local, whoever sends it.
            headers.push(("X-Forwarded-For", "10.0.0.9"));
        }
        if let Some(signed) = self.signed.get(kind) {
            headers.push(("Authorization", signed.as_str()));
        }
        for (name, value) in self.showing.get(kind).into_iter().flatten() {
            headers.push((name, value.as_str()));
        }
        if listener == "lan" {
            let host = self.lan.address.to_string();
            return self.lan.send(&http::request(method, path, &host, &headers, body));
        }
        let admin = self.machine.admin();
        let request = http::request(method, path, &admin.to_string(), &headers, body);
        if kind != "other" {
            return http::send(http::connect(admin), request.as_bytes()).unwrap();
        }
        let told = self.somebody.as_ref().unwrap().send(admin, &request);
        Answer::of(told.out.as_bytes()).unwrap_or_else(|error| panic!("{error}: {told:?}"))
    }

    /// One call of a method on `/rpc`, and what came of it in the words of the table.
    fn call(&self, listener: &str, kind: &str, method: &str) -> String {
        let params = match method {
            "getdata" => json!({"uuid": "walker"}),
            "putdata" => json!({"uuid": "walker", "nicedbdump": []}),
            // The gate is asked before the parameters are: whoever passes it does nothing.
            _ => json!({"no such parameter": 1}),
        };
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = self.send(listener, kind, "POST", "/rpc", &body.to_string());
        let told: Value = serde_json::from_str(&answer.body)
            .unwrap_or_else(|error| panic!("{error}: {listener} {kind} {method} {answer:?}"));
        let code = told["error"]["code"].as_i64();
        match (answer.status, code) {
            (200, None) if told["result"] == "authentication failed" => "no".to_owned(),
            (200, None | Some(-32602)) => "yes".to_owned(),
            // The status and the answer say the same.
            (401, Some(1000)) | (403, Some(1001)) => answer.status.to_string(),
            _ => panic!("{listener} {kind} {method}: {answer:?}"),
        }
    }
}

fn callers(machine: &dunlin_tests::lab::Machine) -> Callers<'_> {
    Callers {
        machine,
        lan: Lan::of(machine),
        somebody: Somebody::find(),
        signed: ["read", "write", "admin"].into_iter().map(|role| (role, basic(role))).collect(),
        showing: BTreeMap::new(),
    }
}

#[test]
fn s10_every_method_asks_of_every_caller_what_the_table_says() {
    let lab = Lab::new();
    let machine = machine(&lab, Lan::LISTEN, "");
    let callers = callers(&machine);
    for row in table("Methods of `/rpc`") {
        let (method, right) = (row["method"], row["right"]);
        for listener in ["loopback", "lan"] {
            for kind in callers.kinds(listener) {
                let told = callers.call(listener, kind, method);
                assert_eq!(told, expected(right, kind), "{listener}: {kind} calls {method}");
            }
        }
    }
    let stranger = callers.send("loopback", "admin", "POST", "/rpc", &{
        json!({"jsonrpc": "2.0", "id": 1, "method": "rpc.discover"}).to_string()
    });
    assert!(stranger.body.contains("-32601"), "{stranger:?}");
}

/// Tokens and sessions of each role, and those that have ended; with the caller of the table whose rights each has.
fn show(callers: &mut Callers<'_>) -> Vec<(String, &'static str)> {
    let machine = callers.machine;
    let mut rights = Vec::new();
    let mut add = |name: String, like: &'static str, headers: Vec<(&'static str, String)>| {
        callers.showing.insert(name.clone(), headers);
        rights.push((name, like));
    };
    let create = |name: &str, role: &str, more: &[&str]| {
        let line = ["tokens", "create", name, "--role", role];
        vec![("Authorization", format!("Bearer {}", machine.ok(&[&line, more].concat()).trim()))]
    };
    for role in ["read", "write", "admin"] {
        add(format!("token of {role}"), role, create(role, role, &[]));
        let cookie = ("Cookie", cookie(&sign_in(machine, "", role, PASSWORD)));
        let by_script = ("X-Requested-With", "script".to_owned());
        add(format!("session of {role}"), role, vec![cookie.clone(), by_script]);
        add(format!("session of {role}, sent by a form"), "nobody", vec![cookie]);
    }
    let expired = create("expired", "admin", &["--expires", "1s"]);
    let is_over = || {
        let list = machine.cli(&["tokens", "list", "--json"]).json();
        list["tokens"].as_array().unwrap().iter().any(|token| token["expired"] == true)
    };
    until_true("over", SOON, is_over);
    add("expired token".to_owned(), "nobody", expired);
    let revoked = create("revoked", "admin", &[]);
    machine.ok(&["tokens", "revoke", "revoked"]);
    add("revoked token".to_owned(), "nobody", revoked);
    machine.ok_with(&["users", "add", "gone", "--role", "admin"], PASSWORD);
    let ended = cookie(&sign_in(machine, "", "gone", PASSWORD));
    machine.ok(&["users", "remove", "gone"]);
    let by_script = ("X-Requested-With", "script".to_owned());
    add("session of somebody removed".to_owned(), "nobody", vec![("Cookie", ended), by_script]);
    rights
}

#[test]
fn s10_a_token_or_session_has_the_rights_of_its_role_and_none_once_it_has_ended() {
    let lab = Lab::new();
    let machine = machine(&lab, Lan::LISTEN, "");
    let mut callers = callers(&machine);
    let shown = show(&mut callers);
    for row in table("Methods of `/rpc`") {
        let (method, right) = (row["method"], row["right"]);
        for (kind, like) in &shown {
            let told = callers.call("loopback", kind, method);
            assert_eq!(told, expected(right, like), "{kind} calls {method}");
        }
        // A token is as good over the network; a cookie of the one door is none at the other.
        for (kind, like) in shown.iter().filter(|(kind, _)| kind.contains("token")) {
            let told = callers.call("lan", kind, method);
            assert_eq!(told, expected(right, like), "{kind} calls {method} over the network");
        }
    }
}

#[test]
fn s10_every_route_asks_of_every_caller_what_the_table_says() {
    let lab = Lab::new();
    let machine = machine(&lab, Lan::LISTEN, "");
    let callers = callers(&machine);
    let get = json!({"id": 1, "method": "getdata", "params": ["walker"]}).to_string();
    for row in table("Routes") {
        let (listener, method, who) = (row["listener"], row["method"], row["who"]);
        if !matches!(listener, "loopback" | "lan") || who == "methods" {
            continue;
        }
        // A stream does not end by itself; the story of the page reads from it.
        if row["path"] == "/events" {
            continue;
        }
        if who.ends_with("form") {
            // What a right form does, the stories of browsers tell; without one, nobody gets on.
            for kind in callers.kinds(listener) {
                let answer = callers.send(listener, kind, method, row["path"], &get);
                let status = answer.status;
                assert!(
                    (400..500).contains(&status),
                    "{listener}: {kind} {method} {}: {status}",
                    row["path"]
                );
            }
            continue;
        }
        for kind in callers.kinds(listener) {
            let mut path = row["path"].replace("{app}", "shop");
            if who == "password" {
                path.push_str("?uuid=walker");
                if callers.signed.contains_key(kind) {
                    path = format!("{path}&username={kind}&password=correct%20horse%20battery");
                }
            }
            let answer = callers.send(listener, kind, method, &path, &get);
            let right = if who == "old methods" { "getdata" } else { who };
            let told = match answer.status {
                200 if answer.body.contains("authentication failed") => "no".to_owned(),
                200 => "yes".to_owned(),
                other => other.to_string(),
            };
            let expected = expected(right, kind);
            assert_eq!(told, expected, "{listener}: {kind} asks for {method} {path}");
        }
    }
}

#[test]
fn what_is_not_in_the_table_is_not_there() {
    let lab = Lab::new();
    let machine = machine(&lab, Lan::LISTEN, "");
    let callers = callers(&machine);
    let rows = table("Routes");
    let strange = [
        "/link",
        "/join",
        "/rpc/",
        "/RPC",
        "/admin",
        "/index.html",
        "/favicon.ico",
        "/robots.txt",
        "/.well-known/x",
        "/assets/",
        "/assets/page.js",
        "/health/",
        "/ready/x",
        "/do/x",
        "/shop/admin/call/json/putdata",
        "/shop/admin/call/xmlrpc",
        "/shop/admin/call/jsonrpc/x",
    ];
    for listener in ["loopback", "lan"] {
        for path in strange {
            for method in ["GET", "POST"] {
                let answer = callers.send(listener, "admin", method, path, "{}");
                assert_eq!(answer.status, 404, "{listener} {method} {path}: {answer:?}");
            }
        }
        for row in rows.iter().filter(|row| row["listener"] == listener) {
            let path = row["path"].replace("{app}", "shop");
            let known = |method: &str| {
                rows.iter().any(|other| {
                    (other["listener"], other["path"], other["method"])
                        == (listener, row["path"], method)
                })
            };
            for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
                if known(method) {
                    continue;
                }
                let answer = callers.send(listener, "admin", method, &path, "{}");
                assert_eq!(answer.status, 405, "{listener} {method} {path}: {answer:?}");
            }
        }
    }
}

/// A route that was added to the program and not to the table is one that nobody thought about.
#[test]
fn every_route_of_the_pages_is_in_the_table() {
    fn sources(folder: &Path, texts: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, texts);
            } else {
                texts.push(std::fs::read_to_string(&path).unwrap_or_default());
            }
        }
    }
    let mut texts = Vec::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../daemon/src")), &mut texts);
    let known: Vec<&str> = table("Routes").iter().map(|row| row["path"]).collect();
    let routes: Vec<&str> = texts
        .iter()
        .flat_map(|text| text.split(".route(").skip(1))
        .map(|rest| rest.trim_start().trim_start_matches('"').split('"').next().unwrap())
        .collect();
    assert!(routes.len() >= 3, "{routes:?}");
    for route in routes {
        assert!(known.contains(&route), "{route} is not in docs/routes.md");
    }
}
