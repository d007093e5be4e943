//! Taking connections of scripts and browsers: who may connect at all, and how many at once.
//!
//! Each listener has places of its own, so the network cannot take those of this computer. When a
//! listener's places are taken, the connection that has been idle there the longest gives way: the
//! newest is never turned away for the sake of some that only sit there. Idle is whatever does not
//! have a call running, so whoever sends or reads slowly is idle too.
//!
//! What holds at the network's page may change while it is open: a new certificate, other names, no
//! page at all. A connection lives under the terms that it was begun under, so a change ends it: a
//! call that it has under way is answered, and nothing that comes after is.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use super::admin::{Desk, serve};
use crate::caller::Near;
use crate::guard::Rules;
use crate::limits::{ACCEPT_PAUSE, ADMIN_CONNECTIONS_MAX, HANDSHAKE, NETWORK_CONNECTIONS_MAX};

/// The two ends of a connection within this computer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Ours.
    pub here: SocketAddr,
    /// The caller's.
    pub peer: SocketAddr,
}

/// Says whose program is at the other end. It may wait for the system: it is asked off the
/// runtime, and once a connection.
pub type Neighbours = Arc<dyn Fn(Ends) -> Near + Send + Sync>;

/// Whether an address may connect at all.
pub type Admits = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// Whether a user of this computer, by uid, may connect at all.
pub type AdmitsUser = Arc<dyn Fn(u32) -> bool + Send + Sync>;

/// Where a connection came in.
#[derive(Clone)]
pub(super) enum At {
    Network { rules: Arc<Rules>, ends: Ends, neighbours: Option<Neighbours> },
    Socket,
}

/// Serves the admin listener of this computer until dropped. The guard is asked first, on every
/// path.
pub async fn serve_admin(
    listener: TcpListener,
    desk: Desk,
    rules: Rules,
    neighbours: Neighbours,
) -> io::Result<()> {
    serve_tcp(listener, desk, rules, Way { neighbours: Some(neighbours), admits: None }).await
}

/// What holds at the network's page, as long as nobody changes it.
#[derive(Clone, Debug)]
pub struct Terms {
    /// By which names it may be called.
    pub rules: Arc<Rules>,
    /// The certificate that it shows.
    pub tls: Arc<ServerConfig>,
}

/// Serves the admin listener of the network by TLS, where nobody is local, until there are no terms
/// any more. Then the address is free at once, whoever watches the terms from elsewhere sees that
/// this one does not, and what is under way ends.
pub async fn serve_lan(
    listener: TcpListener,
    desk: Desk,
    mut terms: watch::Receiver<Option<Terms>>,
) -> io::Result<()> {
    let bound = listener.local_addr()?;
    let mut connections = Connections::new(desk, NETWORK_CONNECTIONS_MAX);
    loop {
        let now = terms.borrow_and_update().clone();
        let Some(Terms { rules, tls }) = now else { break };
        let (tls, way) = (Some(TlsAcceptor::from(tls)), Way { neighbours: None, admits: None });
        loop {
            tokio::select! {
                accepted = accept(&listener, &way, &rules, bound) => {
                    connections.take(accepted, tls.as_ref()).await;
                }
                Some(_) = connections.tasks.join_next() => {}
                changed = terms.changed() => match changed {
                    Ok(()) => break,
                    // Whoever set the terms is gone, as all of the daemon is.
                    Err(_) => return Ok(()),
                },
            }
        }
        connections.close();
    }
    drop((listener, terms));
    while connections.tasks.join_next().await.is_some() {}
    Ok(())
}

/// Serves the listener for programs of 2009 until dropped. An address that is not admitted is hung
/// up on without a word.
pub async fn serve_old_callers(
    listener: TcpListener,
    desk: Desk,
    rules: Rules,
    admits: Admits,
) -> io::Result<()> {
    serve_tcp(listener, desk, rules, Way { neighbours: None, admits: Some(admits) }).await
}

/// How a TCP connection is treated before its first request.
struct Way {
    neighbours: Option<Neighbours>,
    admits: Option<Admits>,
}

async fn serve_tcp(listener: TcpListener, desk: Desk, rules: Rules, way: Way) -> io::Result<()> {
    let bound = listener.local_addr()?;
    let most =
        if way.neighbours.is_some() { ADMIN_CONNECTIONS_MAX } else { NETWORK_CONNECTIONS_MAX };
    let (listener, rules, way) = (&listener, &Arc::new(rules), &way);
    serve_all(move || accept(listener, way, rules, bound), desk, most).await
}

/// The next connection of an address that is admitted.
async fn accept(
    listener: &TcpListener,
    way: &Way,
    rules: &Arc<Rules>,
    bound: SocketAddr,
) -> io::Result<(TcpStream, At)> {
    loop {
        let (io, peer) = listener.accept().await?;
        let ip = peer.ip().to_canonical();
        if way.admits.as_ref().is_some_and(|admits| !admits(ip)) {
            debug!(from = %ip, "address not admitted");
            continue;
        }
        io.set_nodelay(true).ok();
        // A listener on all addresses does not know which one the caller reached.
        let ends = Ends { here: io.local_addr().unwrap_or(bound), peer };
        let (rules, neighbours) = (Arc::clone(rules), way.neighbours.clone());
        return Ok((io, At::Network { rules, ends, neighbours }));
    }
}

/// Serves a socket until dropped. Who can open it was decided by its file's mode, or is decided by
/// the user at the other end: one who is not admitted is hung up on.
#[cfg(unix)]
pub async fn serve_socket(
    listener: UnixListener,
    desk: Desk,
    admits: Option<AdmitsUser>,
) -> io::Result<()> {
    let (listener, admits) = (&listener, &admits);
    let accept = move || async move {
        loop {
            let io = listener.accept().await?.0;
            let Some(admits) = admits else { return Ok((io, At::Socket)) };
            match io.peer_cred() {
                Ok(peer) if admits(peer.uid()) => return Ok((io, At::Socket)),
                Ok(peer) => debug!(uid = peer.uid(), "user not admitted"),
                Err(cause) => debug!(%cause, "user not known"),
            }
        }
    };
    serve_all(accept, desk, ADMIN_CONNECTIONS_MAX).await
}

/// Takes connections, as many at once as there are places.
async fn serve_all<IO, F>(accept: impl Fn() -> F, desk: Desk, most: usize) -> io::Result<()>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = io::Result<(IO, At)>>,
{
    let mut connections = Connections::new(desk, most);
    loop {
        tokio::select! {
            accepted = accept() => connections.take(accepted, None).await,
            Some(_) = connections.tasks.join_next() => {}
        }
    }
}

/// The connections of one listener.
struct Connections {
    desk: Desk,
    places: Places,
    tasks: JoinSet<()>,
    /// Dropped when the terms of those that are open hold no more.
    open: watch::Sender<()>,
}

impl Connections {
    fn new(desk: Desk, most: usize) -> Self {
        let places = Places { most, taken: VecDeque::new() };
        Self { desk, places, tasks: JoinSet::new(), open: watch::Sender::new(()) }
    }

    async fn take<IO>(&mut self, accepted: io::Result<(IO, At)>, tls: Option<&TlsAcceptor>)
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match accepted {
            Ok((io, at)) if self.places.make_room() => {
                let (desk, work) = (self.desk.clone(), Work::default());
                let closed = Closed::of(&self.open);
                let serving = begin(io, at, desk, tls.cloned(), (work.clone(), closed));
                let task = self.tasks.spawn(serving);
                self.places.taken.push_back(Place { task, work });
            }
            Ok(_) => warn!(cause = "every place has a call under way", "connection refused"),
            Err(error) => {
                warn!(cause = %error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }

    /// Ends those that are open; what they have under way is answered.
    fn close(&mut self) {
        self.open = watch::Sender::new(());
    }
}

/// Whether a connection's terms hold no more.
#[derive(Clone)]
pub(super) struct Closed(watch::Receiver<()>);

impl Closed {
    /// Said by dropping the other end.
    pub(super) fn of(open: &watch::Sender<()>) -> Self {
        Self(open.subscribe())
    }

    pub(super) fn is_so(&self) -> bool {
        self.0.has_changed().is_err()
    }

    pub(super) async fn wait(&mut self) {
        // Nothing is ever sent: it changes by being dropped.
        while self.0.changed().await.is_ok() {}
    }
}

async fn begin<IO>(
    io: IO,
    at: At,
    desk: Desk,
    tls: Option<TlsAcceptor>,
    (work, closed): (Work, Closed),
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(tls) = tls else { return serve(io, at, desk, work, closed).await };
    match tokio::time::timeout(HANDSHAKE, tls.accept(io)).await {
        Ok(Ok(io)) => serve(io, at, desk, work, closed).await,
        // A browser that does not know the certificate yet hangs up here, every time.
        Ok(Err(error)) => debug!(cause = %error, "handshake failed"),
        Err(_late) => debug!(cause = "too slow", "handshake failed"),
    }
}

/// The calls that a connection has under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Work(Arc<AtomicUsize>);

impl Work {
    /// A call is under way until the guard is dropped.
    pub(super) fn begin(&self) -> UnderWay {
        self.0.fetch_add(1, Ordering::Relaxed);
        UnderWay(self.clone())
    }

    fn is_idle(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// A call under way.
#[derive(Debug)]
pub(super) struct UnderWay(Work);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The places of one listener, the oldest first.
struct Places {
    most: usize,
    taken: VecDeque<Place>,
}

struct Place {
    task: AbortHandle,
    work: Work,
}

impl Places {
    /// Whether there is room for one more, made by the oldest idle one if need be.
    fn make_room(&mut self) -> bool {
        if self.taken.len() < self.most {
            return true;
        }
        self.taken.retain(|place| !place.task.is_finished());
        if self.taken.len() < self.most {
            return true;
        }
        let Some(oldest) = self.taken.iter().position(|place| place.work.is_idle()) else {
            return false;
        };
        if let Some(place) = self.taken.remove(oldest) {
            place.task.abort();
        }
        true
    }
}

/// How long a caller on a listener may pause within a body: one of this computer as long as a
/// large dump takes to make, a stranger only as long as a bad network loses packets.
pub(super) fn pause(at: &At) -> Duration {
    match at {
        At::Network { neighbours: None, .. } => crate::limits::STRANGER_PAUSE,
        At::Network { .. } | At::Socket => crate::limits::BODY_PAUSE,
    }
}
