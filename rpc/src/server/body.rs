//! Request bodies: bounded in size, in time, and in what all of them together may take.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, StatusCode,
    header::{AUTHORIZATION, COOKIE},
};
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::caller::Basic;
use crate::identity::Secret;
use crate::limits::{
    BODY_BYTES_MAX, BODY_WHOLE, FAR_BODIES_BYTES_MAX, LARGE_BODIES_BYTES_MAX, LARGE_BODY_WAIT,
};

/// The room that bodies above `BODY_BYTES_MAX` share.
#[derive(Clone, Debug)]
pub(super) struct Room {
    all: Arc<Semaphore>,
    /// Taken first by those from the network, so that strangers cannot fill all of it.
    far: Arc<Semaphore>,
}

impl Default for Room {
    fn default() -> Self {
        let of = |bytes| Arc::new(Semaphore::new(bytes));
        Self { all: of(LARGE_BODIES_BYTES_MAX), far: of(FAR_BODIES_BYTES_MAX) }
    }
}

/// What a body may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    /// Its size.
    pub(super) bytes: usize,
    /// Between two pieces of it.
    pub(super) pause: Duration,
    /// It comes from the network.
    pub(super) is_far: bool,
}

/// A body, and the room it takes while it is worked on.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) bytes: Bytes,
    _room: Option<Taken>,
}

#[derive(Debug)]
struct Taken {
    _all: OwnedSemaphorePermit,
    _far: Option<OwnedSemaphorePermit>,
}

/// Reads a body, or says with which status to refuse it.
pub(super) async fn read<B>(body: B, room: &Room, most: Most) -> Result<Read, StatusCode>
where
    B: Body<Data = Bytes>,
{
    let begun = Instant::now();
    let announced = body.size_hint().upper();
    let announced = announced.map_or(Ok(most.bytes), usize::try_from);
    let largest = announced.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    if largest > most.bytes {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let mut body = std::pin::pin!(body);
    let mut bytes = BytesMut::new();
    let mut taken = None;
    loop {
        let soon = Instant::now() + most.pause;
        let by = if bytes.len() < BODY_BYTES_MAX { soon.min(begun + BODY_WHOLE) } else { soon };
        let next = timeout_at(by, body.frame()).await;
        let Some(frame) = next.map_err(|_| StatusCode::REQUEST_TIMEOUT)? else { break };
        let Ok(data) = frame.map_err(|_| StatusCode::BAD_REQUEST)?.into_data() else { continue };
        let size = bytes.len() + data.len();
        if size > most.bytes {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if size > BODY_BYTES_MAX && taken.is_none() {
            taken = Some(make_room(room, largest, most.is_far).await?);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Read { bytes: bytes.freeze(), _room: taken })
}

async fn make_room(room: &Room, bytes: usize, is_far: bool) -> Result<Taken, StatusCode> {
    let bytes = u32::try_from(bytes).map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    let taking = async {
        let far = if is_far {
            Some(Arc::clone(&room.far).acquire_many_owned(bytes).await.ok()?)
        } else {
            None
        };
        let all = Arc::clone(&room.all).acquire_many_owned(bytes).await.ok()?;
        Some(Taken { _all: all, _far: far })
    };
    let taken = timeout(LARGE_BODY_WAIT, taking).await;
    taken.ok().flatten().ok_or(StatusCode::SERVICE_UNAVAILABLE)
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

/// The names and values of a query or of a form, in order; `None` when it cannot be read.
pub fn query(text: &str) -> Option<Vec<(String, String)>> {
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
    use std::convert::Infallible;

    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;
    use tokio::sync::mpsc;

    use super::*;

    const ANY: Most =
        Most { bytes: 16 * 1024 * 1024, pause: Duration::from_secs(10), is_far: false };

    /// A body of unknown length that brings a piece of this size each second.
    fn dripping(size: usize) -> impl Body<Data = Bytes, Error = Infallible> {
        let (send, mut pieces) = mpsc::channel(1);
        tokio::spawn(async move {
            let piece = Bytes::from(vec![b' '; size]);
            while send.send(Frame::data(piece.clone())).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        StreamBody::new(futures(move |cx| pieces.poll_recv(cx).map(|piece| piece.map(Ok))))
    }

    fn futures<T>(
        poll: impl FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<T>>,
    ) -> impl futures_util::Stream<Item = T> {
        futures_util::stream::poll_fn(poll)
    }

    #[tokio::test(start_paused = true)]
    async fn s17_a_body_that_drips_is_given_up_and_a_slow_dump_is_not() {
        let begun = Instant::now();
        let status = read(dripping(1), &Room::default(), ANY).await.unwrap_err();
        assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
        assert_eq!(begun.elapsed(), BODY_WHOLE);
        // 32 KiB a second: eight minutes for all of it, and given up for its size alone.
        let begun = Instant::now();
        let status = read(dripping(32 * 1024), &Room::default(), ANY).await.unwrap_err();
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(begun.elapsed() > 8 * BODY_WHOLE, "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn s17_large_bodies_of_strangers_leave_room_for_our_own() {
        let room = Room::default();
        let large = |is_far| {
            let body = Full::new(Bytes::from(vec![b' '; ANY.bytes]));
            read(body, &room, Most { is_far, ..ANY })
        };
        let theirs = large(true).await.unwrap();
        let more = large(true).await.unwrap_err();
        assert_eq!(more, StatusCode::SERVICE_UNAVAILABLE, "after a wait");
        let ours = large(false).await.unwrap();
        assert_eq!(large(false).await.unwrap_err(), StatusCode::SERVICE_UNAVAILABLE);
        drop((theirs, ours));
        assert!(large(true).await.is_ok());
    }

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
