//! The guard: what a request's head says about who sent it, before anything else looks at it.
//!
//! ```text
//! Host ─▶ path ─▶ Origin ─▶ Sec-Fetch-Site ─▶ method and type ─▶ Pass { local }
//! 421     404     403       403               405, 415
//! ```
//!
//! | listener | Host, with our port | Origin | paths |
//! | --- | --- | --- | --- |
//! | loopback | `localhost`, a name below it, a loopback literal | `http://` and Host | all |
//! | network (TLS) | the address that was reached, our names | `https://` and Host | all but the old ones |
//! | old callers | the address that was reached, our names | none | `POST` of the old call, nothing else |
//!
//! A browser runs other people's programs on this machine. A name under their control may resolve
//! to 127.0.0.1 (so Host is a list of ours), and their pages may send us requests (so Origin and
//! Sec-Fetch-Site must be ours or absent). "It came from this computer" is not enough.
//!
//! # Invariants
//!
//! * The Host list is asked first, on every path of every listener.
//! * `local` needs all of: a loopback peer on a loopback listener that no proxy stands before, no
//!   forwarding header, and nothing that a foreign page would bear. Whose program it is, the guard
//!   does not know; see [`Near`](crate::Near).

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, FORWARDED, HOST, HeaderMap, HeaderValue, ORIGIN, VIA,
};
use http::{Method, StatusCode, Uri};

use crate::caller::Listener;

/// A program of 2009 called its application so; a longer name is somebody trying his luck.
const APP_CHARS_MAX: usize = 64;

/// What a listener is, and by which names it may be called.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Its kind.
    pub listener: Listener,
    /// Host names beside the addresses, in lower case and without a port.
    pub names: BTreeSet<String>,
    /// A reverse proxy stands before it: nobody is local, and it may be called by `names`.
    pub proxied: bool,
}

/// What the guard looks at.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What holds for the listener.
    pub rules: &'a Rules,
    /// Where the connection comes from.
    pub peer: SocketAddr,
    /// The address that was reached: its port must stand in Host.
    pub here: SocketAddr,
    /// The request's method.
    pub method: &'a Method,
    /// The request's target.
    pub uri: &'a Uri,
    /// The request's headers.
    pub headers: &'a HeaderMap,
}

/// What the guard says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Answer this, with no body, and nothing else.
    Refuse(StatusCode),
    /// Go on.
    Pass {
        /// From this machine itself.
        local: bool,
    },
}

/// What kind of path it is, as far as the guard cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// `/rpc`.
    Rpc,
    /// `/{app}/admin|sync/call/jsonrpc`.
    OldCall,
    /// `/{app}/admin|sync/call/json/getdata`.
    OldGet,
    /// Anything else: pages, health, and what does not exist.
    Page,
}

impl Path {
    /// The kind of a path, byte for byte: nothing is decoded or tidied before.
    pub fn of(path: &str) -> Self {
        if path == "/rpc" {
            return Self::Rpc;
        }
        let mut parts = path.strip_prefix('/').unwrap_or_default().split('/');
        let app = parts.next().unwrap_or_default();
        let rest: Vec<&str> = parts.take(5).collect();
        match rest.as_slice() {
            _ if !is_app(app) => Self::Page,
            ["admin" | "sync", "call", "jsonrpc"] => Self::OldCall,
            ["admin" | "sync", "call", "json", "getdata"] => Self::OldGet,
            _ => Self::Page,
        }
    }

    /// One of the paths of 2009.
    pub fn is_old(self) -> bool {
        matches!(self, Self::OldCall | Self::OldGet)
    }
}

/// A word: neither `..` nor anything that some program might decode.
fn is_app(app: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=APP_CHARS_MAX).contains(&app.len()) && app.bytes().all(is_letter)
}

/// Judges a request's head.
pub fn judge(facts: &Facts<'_>) -> Verdict {
    let path = Path::of(facts.uri.path());
    let Some(own) = own_host(facts) else {
        return Verdict::Refuse(StatusCode::MISDIRECTED_REQUEST);
    };
    if !is_served(facts, path) {
        return Verdict::Refuse(StatusCode::NOT_FOUND);
    }
    let origin = origin(facts.headers, own);
    let site = site(facts.headers);
    let forbidden = Verdict::Refuse(StatusCode::FORBIDDEN);
    if path.is_old() && (origin != Sign::Absent || site != Sign::Absent) {
        // No program of 2009 sends these; a page of today cannot leave them out.
        return forbidden;
    }
    if origin == Sign::Foreign {
        return forbidden;
    }
    if site == Sign::Foreign && !is_visit(facts, path) {
        return forbidden;
    }
    if let Some(status) = wrong_form(facts, path) {
        return Verdict::Refuse(status);
    }
    let is_ours = facts.rules.listener == Listener::Loopback && !facts.rules.proxied;
    let near = is_loopback(facts.peer.ip()) && is_loopback(facts.here.ip());
    let local = is_ours && near && site != Sign::Foreign && !is_forwarded(facts.headers);
    Verdict::Pass { local }
}

/// What a listener has at all. The old paths carry passwords in the open or are for this computer
/// alone, so the network's page has none of them, and the old callers' listener nothing else.
fn is_served(facts: &Facts<'_>, path: Path) -> bool {
    match facts.rules.listener {
        Listener::Loopback => true,
        Listener::Lan => !path.is_old(),
        Listener::OldCallers => path == Path::OldCall && facts.method == Method::POST,
        // The socket has no Host and is not judged here.
        Listener::Socket => false,
    }
}

/// Whether an address is loopback, also as IPv6 writes an IPv4 one.
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Absent,
    Ours,
    Foreign,
}

/// A Host of ours, and the scheme by which a browser came to it.
#[derive(Clone, Copy)]
struct Own<'a> {
    host: &'a str,
    scheme: &'static str,
}

/// The one Host header, if it is in the listener's list.
fn own_host<'a>(facts: &Facts<'a>) -> Option<Own<'a>> {
    let mut hosts = facts.headers.get_all(HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    if hosts.next().is_some() {
        return None;
    }
    // A proxy's form of target (http://host/path) may name no other host than the header.
    let target = facts.uri.authority().map(http::uri::Authority::as_str);
    if target.is_some_and(|target| !target.eq_ignore_ascii_case(host)) {
        return None;
    }
    let rules = facts.rules;
    // A proxy passes on the name by which it was called itself, at its own port.
    if rules.proxied && rules.names.contains(&host.to_ascii_lowercase()) {
        return Some(Own { host, scheme: "https://" });
    }
    let (scheme, usual_port) =
        if rules.listener == Listener::Lan { ("https://", 443) } else { ("http://", 80) };
    let port = facts.here.port();
    let name = match host.rsplit_once(':') {
        Some((name, digits)) if !digits.ends_with(']') => {
            (digits == port.to_string()).then_some(name)?
        }
        _ if port == usual_port => host,
        _ => return None,
    };
    is_own_name(&name.to_ascii_lowercase(), facts).then_some(Own { host, scheme })
}

/// An address stands for itself only as it is written canonically, so nothing else is parsed.
fn is_own_name(name: &str, facts: &Facts<'_>) -> bool {
    let reached = match facts.here.ip().to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    if facts.rules.listener != Listener::Loopback {
        return name == reached || facts.rules.names.contains(name);
    }
    let below = name.strip_suffix(".localhost").is_some_and(is_label);
    let literal = name == "127.0.0.1" || name == "[::1]";
    name == "localhost" || below || literal || (is_loopback(facts.here.ip()) && name == reached)
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn origin(headers: &HeaderMap, own: Own<'_>) -> Sign {
    let mut origins = headers.get_all(ORIGIN).iter();
    let Some(first) = origins.next() else { return Sign::Absent };
    let host = first.to_str().ok().and_then(|origin| origin.strip_prefix(own.scheme));
    let is_own = host.is_some_and(|host| host.eq_ignore_ascii_case(own.host));
    if is_own && origins.next().is_none() { Sign::Ours } else { Sign::Foreign }
}

fn site(headers: &HeaderMap) -> Sign {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    match sites.next().map(HeaderValue::as_bytes) {
        None => Sign::Absent,
        Some(b"same-origin" | b"none") if sites.next().is_none() => Sign::Ours,
        Some(_) => Sign::Foreign,
    }
}

/// A link on another site to one of our pages: a person followed it, no program reads the answer.
fn is_visit(facts: &Facts<'_>, path: Path) -> bool {
    let is = |name: &str, value: &[u8]| {
        facts.headers.get(name).is_some_and(|sent| sent.as_bytes() == value)
    };
    facts.method == Method::GET
        && path == Path::Page
        && is("sec-fetch-mode", b"navigate")
        && is("sec-fetch-dest", b"document")
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        *name == FORWARDED
            || *name == VIA
            || name.as_str() == "x-real-ip"
            || name.as_str().starts_with("x-forwarded-")
    })
}

fn wrong_form(facts: &Facts<'_>, path: Path) -> Option<StatusCode> {
    let wanted = match path {
        Path::Rpc | Path::OldCall => Some(&Method::POST),
        Path::OldGet => Some(&Method::GET),
        Path::Page => None,
    };
    if wanted.is_some_and(|wanted| facts.method != wanted) {
        return Some(StatusCode::METHOD_NOT_ALLOWED);
    }
    let typed = path != Path::Rpc || is_json(facts.headers);
    // A thousand bytes may unpack to a gigabyte; nobody who calls us needs to pack.
    let packed = facts.headers.get_all(CONTENT_ENCODING).iter().any(|sent| sent != "identity");
    (packed || !typed).then_some(StatusCode::UNSUPPORTED_MEDIA_TYPE)
}

/// `application/json`, with or without parameters: a page can send no such type unasked.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let first = types.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = first.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json") && types.next().is_none()
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
