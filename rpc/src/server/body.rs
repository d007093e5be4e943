//! Request bodies: bounded in size, in time, and in what all of them together may take.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, StatusCode,
    header::{AUTHORIZATION, COOKIE},
};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::caller::Basic;
use crate::identity::Secret;
use crate::limits::{
    BODY_BYTES_MAX, BODY_PAUSE, DUMP_BODY_BYTES_MAX, LARGE_BODIES_BYTES_MAX, LARGE_BODY_WAIT,
};

/// The room that bodies above `BODY_BYTES_MAX` share.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_BODIES_BYTES_MAX)))
    }
}

/// A body, and the room it takes while it is worked on.
pub(super) struct Read {
    pub(super) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

/// Reads a body, or says with which status to refuse it.
pub(super) async fn read(mut body: Incoming, room: &Room) -> Result<Read, StatusCode> {
    let announced = body.size_hint().upper();
    let announced = announced.map_or(Ok(DUMP_BODY_BYTES_MAX), usize::try_from);
    let most = announced.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    if most > DUMP_BODY_BYTES_MAX {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let mut bytes = BytesMut::new();
    let mut taken = None;
    loop {
        let next = timeout(BODY_PAUSE, body.frame()).await;
        let Some(frame) = next.map_err(|_| StatusCode::REQUEST_TIMEOUT)? else { break };
        let Ok(data) = frame.map_err(|_| StatusCode::BAD_REQUEST)?.into_data() else { continue };
        let size = bytes.len() + data.len();
        if size > DUMP_BODY_BYTES_MAX {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if size > BODY_BYTES_MAX && taken.is_none() {
            taken = Some(make_room(room, most).await?);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Read { bytes: bytes.freeze(), _room: taken })
}

async fn make_room(room: &Room, bytes: usize) -> Result<OwnedSemaphorePermit, StatusCode> {
    let bytes = u32::try_from(bytes).map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    let permit = timeout(LARGE_BODY_WAIT, Arc::clone(&room.0).acquire_many_owned(bytes)).await;
    permit.ok().and_then(Result::ok).ok_or(StatusCode::SERVICE_UNAVAILABLE)
}

/// Name and password from the headers; `None` when there are none that can be read.
pub(super) fn basic(headers: &HeaderMap) -> Option<Basic> {
    let text = data_encoding::BASE64.decode(credentials(headers, "basic")?.as_bytes()).ok()?;
    let text = String::from_utf8(text).ok()?;
    let (name, password) = text.split_once(':')?;
    Some(Basic { name: name.to_owned(), password: Secret(password.to_owned()) })
}

/// The token from the headers.
pub(super) fn bearer(headers: &HeaderMap) -> Option<Secret<String>> {
    credentials(headers, "bearer").map(|token| Secret(token.to_owned()))
}

/// What stands behind a scheme in the one `Authorization` header.
fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let (named, rest) = sent.next()?.to_str().ok()?.split_once(' ')?;
    (named.eq_ignore_ascii_case(scheme) && sent.next().is_none()).then(|| rest.trim())
}

/// The cookies as they were sent; several headers are one list.
pub(super) fn cookies(headers: &HeaderMap) -> Option<Secret<String>> {
    let sent: Option<Vec<&str>> =
        headers.get_all(COOKIE).iter().map(|value| value.to_str().ok()).collect();
    sent.filter(|sent| !sent.is_empty()).map(|sent| Secret(sent.join("; ")))
}

/// A query's names and values, in order; `None` when it cannot be read.
pub(super) fn query(text: &str) -> Option<Vec<(String, String)>> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((unescaped(name)?, unescaped(value)?))
        })
        .collect()
}

fn unescaped(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                let byte = data_encoding::HEXLOWER_PERMISSIVE.decode(&digits).ok()?;
                byte.first().copied()?
            }
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_unescaped() {
        let pairs = query("timestamp=2009-08-01+14%3A09:17&uuid=a%C3%A9&x").unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(pairs, [("timestamp", "2009-08-01 14:09:17"), ("uuid", "aé"), ("x", "")]);
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff"] {
            assert_eq!(query(bad), None, "{bad}");
        }
    }

    #[test]
    fn basic_is_a_name_and_a_password_that_may_hold_colons() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, "basic YTpiOmM=".parse().unwrap());
        let basic = basic(&headers).unwrap();
        assert_eq!((basic.name.as_str(), basic.password.expose().as_str()), ("a", "b:c"));
    }
}
