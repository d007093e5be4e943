//! What can fail in the daemon, by the operation that failed.

use std::net::SocketAddr;
use std::path::PathBuf;

use dunlin_rpc::Fault;
use dunlin_rpc::client::DialError;
use dunlin_rpc::tls::PageCertificateError;

use crate::{config, discovery, folder, invite, keys, roster, tokens, users};

/// The result of an operation of the daemon.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can fail in the daemon.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] dunlin_schema::Error),
    /// The state folder.
    #[error(transparent)]
    Folder(#[from] folder::Error),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The roster.
    #[error(transparent)]
    Roster(#[from] roster::Error),
    /// The invites.
    #[error(transparent)]
    Invite(#[from] invite::Error),
    /// A token that was given.
    #[error(transparent)]
    Token(#[from] invite::TokenError),
    /// The users.
    #[error(transparent)]
    Users(#[from] users::Error),
    /// The tokens of scripts.
    #[error(transparent)]
    Tokens(#[from] tokens::Error),
    /// Discovery.
    #[error(transparent)]
    Discovery(#[from] discovery::Error),
    /// The machine's keys.
    #[error(transparent)]
    Keys(#[from] keys::Error),
    /// TLS cannot be set up.
    #[error("cannot set up TLS")]
    Tls(#[from] dunlin_rpc::tls::TlsError),
    /// Another program listens there, or the address is not ours.
    #[error(
        "cannot listen on {address}; is another program using the port? Change it in dunlin.toml"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The socket for the command line cannot be made.
    #[error("cannot make the socket dunlin.sock in the state folder")]
    Socket {
        /// What the system said.
        source: std::io::Error,
    },
    /// The socket for other users of this computer cannot be made.
    #[error(
        "cannot make the socket {} for admin.local_admins; make its folder and give it to the daemon's user \
         (under systemd: RuntimeDirectory=dunlin), or name another in admin.local_socket",
        path.display()
    )]
    LocalSocket {
        /// Where it was to be.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The page on the network has no certificate that can be used.
    #[error("cannot use the certificate of the page, {}: {source}", file.display())]
    PageCertificate {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        source: PageCertificateError,
    },
    /// No thread could be started.
    #[error("cannot start a thread")]
    Thread {
        /// What the system said.
        source: std::io::Error,
    },
    /// The signals that stop the daemon cannot be heard.
    #[error("cannot listen for signals")]
    Signals {
        /// What the system said.
        source: std::io::Error,
    },
    /// The machine has a new key, and the process could not give way to a fresh one.
    #[error("this machine has a new key now; start the daemon again with `dunlin run`")]
    BeginAnew {
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no database in the configuration.
    #[error("no database is configured; add a [[database]] section to dunlin.toml")]
    NoDatabase,
    /// There is no such database.
    #[error("there is no database called {name}")]
    UnknownDatabase {
        /// What was asked for.
        name: String,
    },
    /// There is no such partner.
    #[error("there is no partner called {name:?}; see `dunlin partners`")]
    UnknownPartner {
        /// What was asked for.
        name: String,
    },
    /// A partner could not be dialled.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The partner, or whoever lets us in, answered with an error.
    #[error("{0}")]
    Partner(Fault),
    /// The link broke.
    #[error("the link broke")]
    Link(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A partner is not who the key says.
    #[error("{what}")]
    Identified {
        /// What does not fit.
        what: &'static str,
    },
    /// The machine at the other end holds another key, or no member's.
    #[error("this machine is no member of the shop any more; see `dunlin status`")]
    NotAMember,
    /// A message that no honest partner sends.
    #[error("the partner's message is not well formed: {what}")]
    BadMessage {
        /// What is wrong.
        what: &'static str,
    },
    /// Joining came to nothing at any of the token's addresses.
    #[error(
        "nobody answers at the addresses of the token ({addresses}); is the other machine on, and on this network?"
    )]
    NobodyThere {
        /// The addresses that were tried.
        addresses: String,
    },
    /// Whoever answered could not prove that it made the token.
    #[error(
        "the machine that answered could not prove that it made the token; get a new token from the other machine"
    )]
    NotTheIssuer,
    /// The link closes; what it was about to move is not moved.
    #[error("the link is closing")]
    Closing,
    /// A person paused the partner here.
    #[error("paused here")]
    PausedHere,
    /// It needs a running daemon.
    #[error("this needs the daemon; start it with `dunlin run`")]
    NoDaemon,
    /// What was asked for is refused, for the reason in the sentence.
    #[error("{0}")]
    Refused(String),
    /// The daemon is stopping.
    #[error("stopping")]
    Stopping,
}
