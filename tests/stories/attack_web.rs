//! Attacks by way of a browser: the page of another site, in a real Chromium.
//!
//! Each attack is made twice: on a machine of ours, and on a *dummy* that answers whoever asks. What
//! the page cannot read of the dummy either, it does not show that a machine is safe.
//! Chromium alone: the other engine's browsers come with no headless package small enough here.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::time::Duration;

use dunlin_tests::lab::attacker::{self, Browser, Reply, Request};
use dunlin_tests::lab::outside::has;
use dunlin_tests::lab::space::{Space, within};
use dunlin_tests::lab::{Lab, Machine};
use serde_json::Value;

const SHOP: &str = "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL);";
const PASSWORD: &str = "correct horse battery";
const PAGE: &str = include_str!("attack/page.html");

/// Two places on loopback: who is at a name's first one is asked first.
const FIRST: Ipv4Addr = Ipv4Addr::LOCALHOST;
const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// How long a page may take to try everything.
const TRIES: Duration = Duration::from_mins(1);

/// What the dummy keeps, and no page may read.
const SECRET: &str = "the dummy's secret";

/// A namespace, if Chromium and the rights for one are here.
fn space() -> Option<Space> {
    let lost = "a page of another site in a real browser";
    if has("chromium", lost) { Space::make(lost) } else { None }
}

/// A machine in a namespace, with a user who may write and a row.
fn machine(lab: &Lab, space: &Space, at: Ipv4Addr) -> Machine {
    let mut machine = lab.machine("till", SHOP);
    machine.reword("127.0.0.1:0", &format!("{at}:0"));
    machine.run_by(&space.before());
    machine.ok(&["track", "--all"]);
    machine.start();
    machine.ok_with(&["users", "add", "nightly", "--role", "write"], PASSWORD);
    machine.write("INSERT INTO parts (name) VALUES ('a part of ours')");
    machine
}

/// Everything that a call could change: the rows, and what stands in the state folder.
fn kept(machine: &Machine) -> BTreeMap<String, Vec<u8>> {
    let mut kept = BTreeMap::new();
    for name in ["roster.jsonl", "users.json", "invites.json", "tokens.json", "dunlin.toml", "key"]
    {
        kept.insert(name.to_owned(), std::fs::read(machine.data().join(name)).unwrap_or_default());
    }
    let rows = machine.ask("SELECT group_concat(id || name) FROM parts");
    kept.insert("rows".to_owned(), rows.into_bytes());
    kept
}

/// A server that asks nobody who he is; `lax` ones also let every site read.
fn dummy(space: &Space, at: Ipv4Addr, lax: bool) -> SocketAddr {
    let listener = attacker::listen(space, SocketAddr::new(at.into(), 0));
    let address = listener.local_addr().unwrap();
    attacker::serve(listener, move |request: &Request| {
        let headers = if lax {
            "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: *\r\n"
        } else {
            ""
        };
        let (kind, body) = match request.path.as_str() {
            "/?img" => (
                "image/svg+xml",
                "<svg xmlns='http://www.w3.org/2000/svg' width='3' height='3'/>".to_owned(),
            ),
            "/?script" | "/rpc?script" => {
                ("text/javascript", format!("window.stolen = \"{SECRET}\""))
            }
            _ => ("text/html", SECRET.to_owned()),
        };
        Some(Reply { kind, headers, body })
    });
    address
}

/// One thing that the page tried.
#[derive(Debug)]
struct Tried {
    how: String,
    status: u64,
    headers: String,
    text: String,
}

/// Has a browser look at the attacker's page: what it tried on `victim`, and what it read.
///
/// A page that *rebinds* comes from a name that is at the attacker's address and at the victim's, on
/// the victim's port; one that does not asks the victim by its own address.
fn attack(space: &Space, victim: SocketAddr, rebinds: bool) -> Vec<Tried> {
    let SocketAddr::V4(at) = victim else { panic!("{victim}") };
    let attacker = if *at.ip() == FIRST { SECOND } else { FIRST };
    let names = if rebinds { vec![attacker, *at.ip()] } else { vec![attacker] };
    attacker::name_server(space, names);
    let reports = attacker::listen(space, SocketAddr::new(attacker.into(), 0));
    let (told, report) = mpsc::channel();
    let target = if rebinds { String::new() } else { format!("http://{victim}") };
    let page = PAGE
        .replace("@TARGET@", &target)
        .replace("@REPORTS@", &format!("http://{}/", reports.local_addr().unwrap()))
        .replace("@FLIPS@", if rebinds { "true" } else { "false" });
    attacker::serve(reports, move |request: &Request| {
        told.send(request.body.clone()).unwrap_or_default();
        Some(Reply::page(""))
    });
    let port = if rebinds { victim.port() } else { 0 };
    let site = attacker::listen(space, SocketAddr::new(attacker.into(), port));
    let port = site.local_addr().unwrap().port();
    attacker::serve(site, move |request: &Request| {
        (request.path != "/flip").then(|| Reply::page(page.as_str()))
    });
    let _browser = Browser::look(&space.before(), &format!("http://{}:{port}/", attacker::NAME));
    let report = report.recv_timeout(TRIES).unwrap();
    let tried: Vec<Value> = serde_json::from_str(&report).unwrap();
    tried
        .iter()
        .map(|tried| {
            let text = |name: &str| tried[name].as_str().unwrap_or_default().to_owned();
            Tried {
                how: text("how"),
                status: tried["status"].as_u64().unwrap_or(0),
                headers: text("headers"),
                text: text("text"),
            }
        })
        .collect()
}

/// It tried everything, and nothing that it got says anything.
fn read_nothing(tried: &[Tried], statuses: &[u64]) {
    assert!(tried.len() > 50, "{tried:#?}");
    for one in tried {
        assert_eq!(one.text, "", "{one:?}");
        assert!(statuses.contains(&one.status), "{one:?}");
        assert!(!one.headers.to_ascii_lowercase().contains("dunlin"), "{one:?}");
    }
}

/// What of all that was tried could be read.
fn read(tried: &[Tried]) -> Vec<&str> {
    tried.iter().filter(|one| !one.text.is_empty()).map(|one| one.how.as_str()).collect()
}

#[test]
fn s07_a_rebinding_page_in_a_real_browser_reads_nothing() {
    let Some(space) = space() else { return };
    let lab = Lab::new();
    let machine = machine(&lab, &space, SECOND);
    let before = kept(&machine);
    let tried = attack(&space, machine.admin(), true);
    read_nothing(&tried, &[0, 421]);
    // The requests came through: the page is of one origin with us, and saw that we refuse it.
    assert!(tried.iter().filter(|one| one.status == 421).count() > 30, "{tried:#?}");
    assert_eq!(kept(&machine), before);
    let healthy = within(&space.name, || {
        dunlin_tests::lab::http::get(machine.admin(), "/health", &[]).status
    });
    assert_eq!(healthy, 200);
}

#[test]
fn s07_the_same_rebinding_page_reads_a_server_that_does_not_look_at_host() {
    let Some(space) = space() else { return };
    let tried = attack(&space, dummy(&space, SECOND, false), true);
    let read = read(&tried);
    for how in [
        "GET /",
        "POST application/json machine_status /rpc",
        "img",
        "script",
        "frame",
        "form text",
    ] {
        assert!(read.contains(&how), "{how}: {tried:#?}");
    }
}

#[test]
fn s07_a_page_of_another_site_in_a_real_browser_reads_nothing_and_changes_nothing() {
    let Some(space) = space() else { return };
    let lab = Lab::new();
    let machine = machine(&lab, &space, FIRST);
    let before = kept(&machine);
    // No answer can be looked at, not even its status.
    read_nothing(&attack(&space, machine.admin(), false), &[0]);
    assert_eq!(kept(&machine), before);
}

#[test]
fn s07_the_same_page_of_another_site_reads_a_server_that_lets_every_site_in() {
    let Some(space) = space() else { return };
    let tried = attack(&space, dummy(&space, FIRST, true), false);
    let read = read(&tried);
    for how in ["GET /", "POST text/plain machine_status /rpc", "img", "script"] {
        assert!(read.contains(&how), "{how}: {tried:#?}");
    }
}
