//! The guard: what a request's head says about who sent it, before anything else looks at it.
//!
//! ```text
//! Host ─▶ Origin ─▶ Sec-Fetch-Site ─▶ method and type ─▶ Pass { local }
//! 421     403       403               405, 415
//! ```
//!
//! A browser runs other people's programs on this machine. A name under their control may resolve
//! to 127.0.0.1 (so Host is a list of ours), and their pages may send us requests (so Origin and
//! Sec-Fetch-Site must be ours or absent). "It came from this computer" is not enough.
//!
//! # Invariants
//!
//! * The Host list is asked first, on every path.
//! * `local` needs all of: a loopback peer on a loopback listener, no forwarding header, and
//!   nothing that a foreign page would bear.

use std::net::{IpAddr, SocketAddr};

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, FORWARDED, HOST, HeaderMap, ORIGIN, VIA};
use http::{Method, StatusCode, Uri};

/// What the guard looks at.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Where the connection comes from.
    pub peer: SocketAddr,
    /// The listener's own address: its port must stand in Host.
    pub listener: SocketAddr,
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
        let mut parts = path.strip_prefix('/').unwrap_or(path).split('/');
        if path == "/rpc" {
            return Self::Rpc;
        }
        let Some(app) = parts.next() else { return Self::Page };
        let rest: Vec<&str> = parts.collect();
        match rest.as_slice() {
            _ if app.is_empty() => Self::Page,
            ["admin" | "sync", "call", "jsonrpc"] => Self::OldCall,
            ["admin" | "sync", "call", "json", "getdata"] => Self::OldGet,
            _ => Self::Page,
        }
    }

    fn is_old(self) -> bool {
        matches!(self, Self::OldCall | Self::OldGet)
    }
}

/// Judges a request's head.
pub fn judge(facts: &Facts<'_>) -> Verdict {
    let path = Path::of(facts.uri.path());
    let Some(host) = own_host(facts) else {
        return Verdict::Refuse(StatusCode::MISDIRECTED_REQUEST);
    };
    let origin = origin(facts.headers, host);
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
    let near = is_loopback(facts.peer.ip()) && is_loopback(facts.listener.ip());
    let local = near && site != Sign::Foreign && !is_forwarded(facts.headers);
    Verdict::Pass { local }
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

/// The one Host header, if it is in the list: `localhost`, a name below it, or a loopback literal
/// as it is written canonically, each with our port.
fn own_host<'a>(facts: &Facts<'a>) -> Option<&'a str> {
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
    let port = facts.listener.port();
    let name = match host.rsplit_once(':') {
        Some((name, digits)) if !digits.ends_with(']') => {
            (digits == port.to_string()).then_some(name)?
        }
        _ if port == 80 => host,
        _ => return None,
    };
    is_own_name(name, facts.listener.ip()).then_some(host)
}

fn is_own_name(name: &str, listener: IpAddr) -> bool {
    let name = name.to_ascii_lowercase();
    let below = name.strip_suffix(".localhost").is_some_and(is_label);
    let own = match listener.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let literal = name == "127.0.0.1" || name == "[::1]";
    name == "localhost" || below || literal || (is_loopback(listener) && name == own)
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn origin(headers: &HeaderMap, host: &str) -> Sign {
    let mut origins = headers.get_all(ORIGIN).iter();
    let Some(first) = origins.next() else { return Sign::Absent };
    let own = first.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
    let own = own.is_some_and(|origin| origin.eq_ignore_ascii_case(host));
    if own && origins.next().is_none() { Sign::Ours } else { Sign::Foreign }
}

fn site(headers: &HeaderMap) -> Sign {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    match sites.next().map(http::HeaderValue::as_bytes) {
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
        Path::Rpc | Path::OldCall => Method::POST,
        Path::OldGet => Method::GET,
        Path::Page => return None,
    };
    if facts.method != wanted {
        return Some(StatusCode::METHOD_NOT_ALLOWED);
    }
    // What is never unpacked cannot swell.
    let packed = facts.headers.contains_key(CONTENT_ENCODING);
    let other = packed || (path == Path::Rpc && !is_json(facts.headers));
    other.then_some(StatusCode::UNSUPPORTED_MEDIA_TYPE)
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
