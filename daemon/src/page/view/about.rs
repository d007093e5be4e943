//! What this program is.

use askama::Template;
use dunlin_rpc::wire::admin::Status;

use crate::page::frame::Frame;
use crate::page::words;

/// What this program is.
#[derive(Debug, Template)]
#[template(path = "about.html")]
pub(in crate::page) struct AboutPage {
    frame: Frame,
    facts: Vec<(&'static str, String)>,
    licences: Vec<(&'static str, &'static str)>,
}

/// What the greater parts of the program that are not our own are licensed under.
const LICENCES: &[(&str, &str)] = &[
    ("SQLite", "public domain"),
    ("rustls, ring, webpki", "Apache-2.0, ISC, MIT"),
    ("tokio, hyper, axum, tower", "MIT"),
    ("jsonrpsee", "MIT"),
    ("mdns-sd", "Apache-2.0 / MIT"),
    ("rusqlite", "MIT"),
    ("serde, serde_json, toml, uuid, chrono", "Apache-2.0 / MIT"),
    ("argon2, sha2, hmac (RustCrypto)", "Apache-2.0 / MIT"),
    ("askama, qrcode", "Apache-2.0 / MIT"),
    ("clap, tracing", "Apache-2.0 / MIT"),
];

pub(in crate::page) fn about(frame: Frame, status: &Status) -> AboutPage {
    let t = frame.t;
    let machine = &status.machine;
    let facts = vec![
        (t.of("about.machine"), words::foreign(&machine.name)),
        (t.of("about.id"), machine.id.to_string()),
        (t.of("about.pin"), groups(&machine.pin)),
        (t.of("about.shop"), words::short(&machine.shop)),
        (t.of("about.members"), words::number(t, machine.members)),
        (t.of("about.version"), machine.version.clone()),
        (t.of("about.started"), words::clock(t, &status.started)),
    ];
    AboutPage { facts, licences: LICENCES.to_vec(), frame }
}

/// Hex in groups of eight, to be compared by eye.
fn groups(hex: &str) -> String {
    let hex: Vec<char> = hex.chars().filter(char::is_ascii_hexdigit).collect();
    hex.chunks(8).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}
