//! Running a machine: listeners, discovery, watches and links, until somebody says stop.

use std::io::IsTerminal as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dunlin_logs::Chain;
use dunlin_rpc::method::partner::PartnerServer as _;
use dunlin_rpc::tls::Acceptor;
use dunlin_rpc::{Alpn, Peer, server};
use jsonrpsee::core::server::Methods;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{Instrument as _, debug, info, warn};

use crate::config::{Config, Flags};
use crate::discovery::{self, Discovery};
use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::machine::{FORGOTTEN, Listening, Machine};
use crate::sync::answer::Answering;
use crate::sync::dial;
use crate::sync::places::Members;
use crate::{doors, pairing, watch};

/// Handshakes under way at once. A new one takes the place of the oldest unfinished one of the address that has the
/// most: who floods us loses his own.
const HANDSHAKES_MAX: usize = 32;
/// So long a member may take to say who it is, on a link that stands.
const TO_GREET: Duration = Duration::from_secs(10);
/// All tasks have this long to end after a stop.
const STOP: Duration = Duration::from_secs(4);

/// Runs the machine in a state folder until SIGTERM or Ctrl-C.
pub async fn run(data: &Path) -> Result<()> {
    let log = start_log(data)?;
    let path = data.to_owned();
    let machine = tokio::task::spawn_blocking(move || Machine::open(&path))
        .await
        .map_err(|_panic| Error::Stopping)??;
    // Kept as long as the machine: dropping it writes what still waits.
    machine.set_log(log);
    let span = dunlin_logs::span::machine(machine.id(), &machine.name);
    if serve(machine).instrument(span).await? == Stopped::ToBeginAnew {
        return Err(Error::BeginAnew { source: begin_anew() });
    }
    Ok(())
}

/// Puts a fresh process of the same program and command line in this one's place; comes back only if that fails.
///
/// What this one holds, locks and sockets, ends with it: nothing in the program leaves a file open to its successor.
#[cfg(unix)]
fn begin_anew() -> std::io::Error {
    use std::os::unix::process::CommandExt as _;
    let begin = |program: PathBuf| {
        let mut words = std::env::args_os();
        let name = words.next().unwrap_or_default();
        std::process::Command::new(program).arg0(name).args(words).exec()
    };
    match std::env::current_exe() {
        Ok(program) if program.exists() => begin(program),
        // An update took the program's file away; the system still has what runs.
        _ => begin(PathBuf::from("/proc/self/exe")),
    }
}

#[cfg(not(unix))]
fn begin_anew() -> std::io::Error {
    std::io::ErrorKind::Unsupported.into()
}

/// Before anything is opened: what opening meets is in the log.
fn start_log(data: &Path) -> Result<dunlin_logs::Output> {
    let folder = Folder::open(data)?;
    let log = Config::load(folder.path(), &Flags::default())?.config.log;
    let terminal = std::io::stderr().is_terminal();
    Ok(dunlin_logs::start(&dunlin_logs::Settings {
        level: log.level.into(),
        folder: Some(folder.subfolder("logs")?),
        keep_files: log.keep_days as usize,
        terminal,
        colour: terminal && std::env::var_os("NO_COLOR").is_none(),
        ..dunlin_logs::Settings::default()
    }))
}

/// Why a machine runs no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Somebody wanted it to stop.
    ForGood,
    /// It has a new key, and begins anew under it.
    ToBeginAnew,
}

/// Runs an open machine until it is told to stop.
pub async fn serve(machine: Machine) -> Result<Stopped> {
    let mut tasks = JoinSet::new();
    let listening = listen(&machine, &mut tasks).await?;
    start_discovery(&machine, &listening);
    machine.set_listening(listening.clone())?;
    for database in &machine.databases {
        tasks.spawn(watch::watch(database.clone()));
    }
    tasks.spawn(dial::keep_dialling(machine.clone()));
    info!(version = env!("CARGO_PKG_VERSION"), partner = %shown(listening.partner.as_slice()), admin = %shown(&listening.admin), "started");

    let mut stopping = machine.stopping();
    let mut signal = std::pin::pin!(signalled());
    let mut by_signal = false;
    tokio::select! {
        signal = &mut signal => {
            by_signal = true;
            info!(cause = signal?, "stopping");
            machine.stop();
        }
        // The lab stops a machine without a signal.
        _ = stopping.wait_for(|stopping| *stopping) => info!(cause = "asked to", "stopping"),
    }
    let ending = async {
        for link in machine.links.all() {
            link.close("stopping");
        }
        if let Some(discovery) = machine.discovery() {
            discovery.stop().await;
        }
    };
    if timeout(STOP, ending).await.is_err() {
        warn!(cause = "no goodbye in time", "stopped all the same");
    }
    tasks.shutdown().await;
    if let Err(error) = machine.tokens.write_uses() {
        warn!(cause = %Chain(&error), "uses of tokens not written");
    }
    machine.not_listening();
    info!("stopped");
    // Whoever sends a signal meanwhile wants it to stop, and not to begin anew.
    if !machine.begins_anew() || by_signal || timeout(Duration::ZERO, signal).await.is_ok() {
        return Ok(Stopped::ForGood);
    }
    Ok(Stopped::ToBeginAnew)
}

fn shown(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

async fn signalled() -> Result<&'static str> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut term =
            signal(SignalKind::terminate()).map_err(|source| Error::Signals { source })?;
        tokio::select! {
            _ = term.recv() => Ok("SIGTERM"),
            heard = tokio::signal::ctrl_c() => heard.map(|()| "SIGINT").map_err(|source| Error::Signals { source }),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map(|()| "Ctrl-C").map_err(|source| Error::Signals { source })
}

/// Binds every listener before anything runs: a port in use stops the start with a sentence.
async fn listen(machine: &Machine, tasks: &mut JoinSet<()>) -> Result<Listening> {
    let partner = doors::bind(machine.config.partner.listen).await?;
    let acceptor = Acceptor::of_keys(machine.shown(), &machine.let_in())?;
    let others = doors::open(machine, tasks).await?;
    let listening = Listening { partner: partner.local_addr().ok(), ..others };
    tasks.spawn(accept_partners(machine.clone(), partner, acceptor));
    Ok(listening)
}

fn start_discovery(machine: &Machine, listening: &Listening) {
    let port = listening.partner.map_or(0, |address| address.port());
    let settings = discovery::Settings {
        interfaces: machine.config.discovery.interfaces.clone(),
        listen: listening.partner.map_or(IpAddr::from([0, 0, 0, 0]), |address| address.ip()),
        port: discovery::MDNS_PORT,
    };
    let started = if machine.config.discovery.enabled {
        Discovery::start(machine.announcement(port), settings)
    } else {
        Ok(Discovery::off(machine.id()))
    };
    machine.set_discovery(started.unwrap_or_else(|error| {
        // Members are still found where they were; a person is told.
        warn!(cause = %Chain(&error), "discovery not started");
        Discovery::off(machine.id())
    }));
}

/// Takes connections of partners, until dropped.
async fn accept_partners(machine: Machine, listener: TcpListener, acceptor: Acceptor) {
    let members = Members::default();
    let mut serving = JoinSet::new();
    // Counted apart: whoever floods the join port takes no member's place.
    let mut strangers = pairing::Strangers::default();
    let mut greeting = Handshakes::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some((peer, stream, from)) = greeting.next() => {
                if peer.alpn == Alpn::Join {
                    let runs = Arc::new(AtomicBool::new(false));
                    let joining = pairing::serve(machine.clone(), stream, peer, Arc::clone(&runs));
                    strangers.begin(serving.spawn(joining), runs);
                    continue;
                }
                let Some(place) = members.place(peer.pin) else {
                    debug!(partner = %peer.pin, cause = "it has as many as it may", "link refused");
                    continue;
                };
                let machine = machine.clone();
                serving.spawn(async move {
                    serve_link(machine, stream, peer, from).await;
                    drop(place);
                });
                continue;
            }
            Some(_) = serving.join_next() => continue,
        };
        match accepted {
            Ok((stream, from)) => greeting.begin(acceptor.clone(), stream, plain(from)),
            Err(error) => {
                warn!(cause = %Chain(&error), "accept failed");
                tokio::time::sleep(dunlin_rpc::limits::ACCEPT_PAUSE).await;
            }
        }
    }
}

/// An address as people write it: a socket that takes both families shows IPv4 inside IPv6.
fn plain(from: SocketAddr) -> SocketAddr {
    match from.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::from((ip, from.port())),
        IpAddr::V6(_) => from, // with its scope
    }
}

type Tls = tokio_rustls::server::TlsStream<TcpStream>;

/// A handshake that is done: who, over what, from where.
type Greeted = (Peer, Tls, SocketAddr);

/// Handshakes under way: bounded, an older one gives way, never the newest is refused.
#[derive(Default)]
struct Handshakes {
    under_way: JoinSet<Option<Greeted>>,
    order: Vec<(IpAddr, tokio::task::AbortHandle)>,
}

/// Which of the handshakes under way gives way: the oldest of the address that has the most of them.
fn gives_way(from: &[IpAddr]) -> Option<usize> {
    let many = |address: &IpAddr| from.iter().filter(|other| *other == address).count();
    let most = from.iter().map(many).max()?;
    from.iter().position(|address| many(address) == most)
}

impl Handshakes {
    fn begin(&mut self, acceptor: Acceptor, stream: TcpStream, from: SocketAddr) {
        self.order.retain(|(_, handshake)| !handshake.is_finished());
        let addresses: Vec<IpAddr> = self.order.iter().map(|(address, _)| *address).collect();
        if addresses.len() >= HANDSHAKES_MAX
            && let Some(place) = gives_way(&addresses)
        {
            self.order.remove(place).1.abort();
        }
        let handshake = self.under_way.spawn(async move {
            stream.set_nodelay(true).ok();
            match acceptor.accept(stream).await {
                Ok((stream, peer)) => Some((peer, stream, from)),
                Err(error) => {
                    debug!(%from, cause = %Chain(&error), "handshake failed");
                    None
                }
            }
        });
        self.order.push((from.ip(), handshake));
    }

    /// The next that is done; none when nothing is under way. Those that failed are passed over here: whoever
    /// waits in a `select!` would not ask again before something else happens.
    async fn next(&mut self) -> Option<Greeted> {
        loop {
            if let Ok(Some(greeted)) = self.under_way.join_next().await? {
                return Some(greeted);
            }
        }
    }
}

async fn serve_link<IO>(machine: Machine, stream: IO, peer: Peer, from: SocketAddr)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(member) = machine.member(peer.pin) else { return };
    let under = peer.shown.unwrap_or_else(|| machine.identity().pin());
    let link = machine.links.begin(peer.pin, false, under);
    let answering = Answering::new(&machine, member, Arc::clone(&link), from);
    let methods: Methods = answering.clone().into_rpc().into();
    let served = server::serve_link(stream, peer, methods, machine.let_in());
    tokio::select! {
        served = served => {
            if let Err(error) = served {
                debug!(cause = %Chain(&error), "link ended");
            }
        }
        () = linger(&link) => {}
        () = says_nothing(&link) => {
            debug!(partner = %link.pin, cause = "it does not say who it is", "link closed");
        }
    }
    machine.links.end(&link);
    answering.ended();
    dial::unlinked(&machine, link.pin);
}

/// A link on which nobody says who he is is none, and takes the place of one.
async fn says_nothing(link: &crate::sync::links::Link) {
    tokio::time::sleep(TO_GREET).await;
    if link.is_greeted() {
        std::future::pending::<()>().await;
    }
}

/// A link that is asked to close has a moment to tell the other side why.
async fn linger(link: &crate::sync::links::Link) {
    const GOODBYE: Duration = Duration::from_millis(300);
    /// One that is out is to learn so, and hangs up once it has.
    const LAST_GOODBYE: Duration = Duration::from_secs(1);
    let reason = link.closed().await;
    debug!(partner = %link.pin, cause = reason, "link closed");
    tokio::time::sleep(if reason == FORGOTTEN { LAST_GOODBYE } else { GOODBYE }).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_floods_loses_his_own_handshakes() {
        let (flood, member) = (IpAddr::from([10, 0, 0, 9]), IpAddr::from([10, 0, 0, 2]));
        assert_eq!(gives_way(&[]), None);
        assert_eq!(gives_way(&[member, flood, flood]), Some(1));
        assert_eq!(gives_way(&[member, flood]), Some(0));
    }
}
