//! The machine: everything that a running daemon has in hand, and shares among its tasks.
//!
//! ```text
//!   folder ─ keys ─ roster ─ invites ─ users, tokens, sessions ─ history
//!   databases (a thread each) ─ discovery ─ links ─ what is known of each partner
//! ```

mod anew;
mod ignored;
mod member;
mod partners;
mod pauses;
mod rotate;
mod settings;
mod shop;
mod tally;

pub use partners::{Figures, Moving, Partner, RECENT, State, Waiting};
pub(crate) use pauses::PAUSED;
pub(crate) use shop::FORGOTTEN;
pub(crate) use tally::{Tally, count};

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use dunlin_logs::{Chain, History, Limits, Output};
use dunlin_rpc::{Alpn, Identity, LetIn, Pin, Shown};
use dunlin_schema::{Clock as _, Millis, Options, Store};
use tokio::sync::watch;
use tracing::{error, info};
use uuid::Uuid;

use crate::clock::SystemClock;
use crate::config::{self, Config, Flags, Loaded};
use crate::database::Database;
use crate::discovery::{Announcement, Discovery};
use crate::error::{Error, Result};
use crate::folder::{self, Folder, Lock};
use crate::invite::Invites;
use crate::keys::Keys;
use crate::pairing::Pairing;
use crate::roster::Roster;
use crate::sessions::Sessions;
use crate::sign_in::Desk;
use crate::sync::links::Links;
use crate::tokens::Tokens;
use crate::users::Users;

/// The protocols that this daemon speaks among partners.
pub const PROTOCOL: (u32, u32) = (1, 1);

/// The daemon's file of its real addresses, for whoever starts it with port 0.
const ADDRESSES: &str = "addresses.json";

/// The socket that the command line talks through.
pub(crate) const SOCKET: &str = "dunlin.sock";

/// Everything that a running daemon has in hand. Clones share it.
#[derive(Clone, Debug)]
pub struct Machine(Arc<Inner>);

/// What a [`Machine`] shares.
#[derive(Debug)]
pub struct Inner {
    /// Its configuration, as it was at the start.
    pub config: Config,
    /// Its state folder.
    pub folder: Folder,
    /// Its key, and the old ones while a rotation is under way.
    pub keys: Arc<Keys>,
    /// Its name, a label.
    pub name: String,
    /// Drawn when the daemon started: a copy of this machine has another.
    pub boot: String,
    /// The system's clocks.
    pub clock: Arc<SystemClock>,
    /// Who may use the JSON-RPC.
    pub users: Users,
    /// What scripts show instead of a name and a password.
    pub tokens: Tokens,
    /// Browsers whose user signed in.
    pub sessions: Sessions,
    /// Where passwords are looked at.
    pub(crate) desk: Desk,
    /// What happened with partners.
    pub history: Arc<History>,
    /// What is kept in step.
    pub databases: Vec<Database>,
    /// The links that are open.
    pub links: Links,
    /// Pairing by six digits.
    pub pairing: Pairing,
    /// When the daemon started.
    pub started: Millis,
    /// Made from its first key.
    id: Uuid,
    roster: Mutex<Roster>,
    invites: Mutex<Invites>,
    pins: RwLock<BTreeSet<Pin>>,
    roster_moved: watch::Sender<u64>,
    discovery: OnceLock<Discovery>,
    listening: Mutex<Listening>,
    partners: partners::Table,
    pauses: pauses::Pauses,
    stopping: watch::Sender<bool>,
    anew: AtomicBool,
    wanted: watch::Sender<u64>,
    changed: watch::Sender<u64>,
    ignored: ignored::Ignored,
    log: OnceLock<Output>,
    in_hand: settings::InHand,
    /// What was moved since the start.
    pub(crate) tally: Tally,
    _locks: Vec<Lock>,
}

/// Where this daemon really listens.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Listening {
    /// For partners.
    pub partner: Option<SocketAddr>,
    /// For this machine's browser and scripts.
    pub admin: Vec<SocketAddr>,
    /// For those of the network.
    pub lan: Vec<SocketAddr>,
    /// For programs of 2009 on other machines.
    pub old_callers: Vec<SocketAddr>,
    /// SHA-256 of the certificate that those of the network are shown.
    pub fingerprint: Option<String>,
}

impl std::ops::Deref for Machine {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// Opens a database of the configuration.
fn open_store(section: &config::Database, options: Options) -> Result<Store> {
    let mut store = Store::open(&section.file, options)?;
    if store.switched_to_wal() {
        info!(database = section.name, "file switched to a write-ahead log");
    }
    let fired = store.fire(&section.triggers)?;
    if !fired.is_empty() {
        let names = fired.join(" ");
        info!(database = section.name, triggers = names, "triggers also fire for rows that arrive");
    }
    Ok(store)
}

impl Machine {
    /// Opens the machine in a state folder, takes its locks and opens its databases.
    pub fn open(data: &Path) -> Result<Self> {
        let folder = Folder::open(data)?;
        let Loaded { config, said, kept } = Config::load(folder.path(), &Flags::default())?;
        let mut locks = vec![folder.lock()?];
        folder.check_secrets()?;
        let roster = Roster::load(&folder)?;
        let keys = Keys::load(&folder, &roster)?;
        let clock = Arc::new(SystemClock::default());
        let machine = roster.first_of(keys.now().public_key()).machine_id();
        if config.database.is_empty() {
            return Err(Error::NoDatabase);
        }
        let mut databases = Vec::new();
        for section in &config.database {
            locks.push(folder::lock_database(&section.file)?);
            let options = Options {
                machine,
                clock: Arc::clone(&clock) as Arc<dyn dunlin_schema::Clock>,
                epoch: random_u64(),
                now_sql: None,
                spare: Some(folder.file(&format!("spare-{}.db", section.name))),
            };
            let store = open_store(section, options)?;
            databases.push(Database::start(&section.name, &section.untracked, store)?);
        }
        let history = History::open(
            &folder.file("history.db"),
            Limits {
                max_age: Duration::from_hours(24 * u64::from(config.history.keep_days)),
                max_bytes: u64::from(config.history.max_mb) << 20,
                ..Limits::default()
            },
            clock.now(),
        );
        let started = clock.now();
        Ok(Self(Arc::new(Inner {
            name: config.machine_name(),
            boot: format!("{:016x}{:016x}", random_u64(), random_u64()),
            users: Users::load(&folder)?,
            tokens: Tokens::load(&folder)?,
            sessions: Sessions::new(config.admin.session_idle()),
            desk: Desk::new()?,
            history: Arc::new(history),
            databases,
            links: Links::default(),
            pairing: Pairing::default(),
            started,
            pins: RwLock::new(roster.pins()),
            partners: partners::Table::load(&folder, &roster),
            roster: Mutex::new(roster),
            invites: Mutex::new(Invites::load(&folder)?),
            roster_moved: watch::Sender::new(0),
            discovery: OnceLock::new(),
            listening: Mutex::default(),
            pauses: pauses::Pauses::load(&folder),
            stopping: watch::Sender::new(false),
            anew: AtomicBool::new(false),
            wanted: watch::Sender::new(0),
            changed: watch::Sender::new(0),
            ignored: ignored::Ignored::load(&folder),
            log: OnceLock::new(),
            in_hand: settings::InHand::new(kept, said),
            tally: Tally::default(),
            _locks: locks,
            config,
            folder,
            keys: Arc::new(keys),
            id: machine,
            clock,
        })))
    }

    /// This machine's id.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The key that this machine has now. What asks twice may find that it was changed.
    pub fn identity(&self) -> Identity {
        self.keys.now()
    }

    /// Wall time in milliseconds since 1970, as partners are told.
    pub fn now(&self) -> u64 {
        u64::try_from(self.clock.now()).unwrap_or(0)
    }

    /// Seconds since 1970, as invites count.
    pub fn seconds(&self) -> u64 {
        self.now() / 1000
    }

    /// The roster. Changing it waits for the disk, so not while awaiting anything else.
    pub fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The invites. Changing them waits for the disk.
    pub fn invites(&self) -> MutexGuard<'_, Invites> {
        self.invites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts up whenever the roster grew.
    pub fn roster_moved(&self) -> watch::Receiver<u64> {
        self.roster_moved.subscribe()
    }

    /// True once the daemon is stopping.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Tells all tasks to stop.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Counts up whenever somebody wants sessions now.
    pub fn wanted(&self) -> watch::Receiver<u64> {
        self.wanted.subscribe()
    }

    /// Sessions now: machines without a link are dialled at once.
    pub fn want_sessions(&self) {
        self.wanted.send_modify(|count| *count += 1);
    }

    /// The database of a name.
    pub fn database(&self, name: &str) -> Result<&Database> {
        self.databases
            .iter()
            .find(|database| database.name() == name)
            .ok_or_else(|| Error::UnknownDatabase { name: name.to_owned() })
    }

    /// The database that a call means which names none: the first.
    pub fn main_database(&self) -> Result<&Database> {
        self.databases.first().ok_or(Error::NoDatabase)
    }

    /// The discovery, where it runs.
    pub fn discovery(&self) -> Option<&Discovery> {
        self.discovery.get()
    }

    /// Discovery runs from now on.
    pub fn set_discovery(&self, discovery: Discovery) {
        // Set once, at start; a second would be a fault of ours and changes nothing.
        drop(self.discovery.set(discovery));
        self.tell_discovery();
    }

    /// What discovery announces.
    pub fn announcement(&self, port: u16) -> Announcement {
        let shop: String = self.roster().shop().to_string().chars().take(8).collect();
        Announcement { id: self.id(), name: self.name.clone(), port, protocol: PROTOCOL, shop }
    }

    /// Where this daemon really listens.
    pub fn listening(&self) -> Listening {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says where this daemon really listens, also in a file.
    pub fn set_listening(&self, listening: Listening) -> Result<()> {
        let text = serde_json::to_vec_pretty(&listening).unwrap_or_default();
        self.folder.write(ADDRESSES, &text)?;
        *self.listening.lock().unwrap_or_else(PoisonError::into_inner) = listening;
        Ok(())
    }

    /// The daemon listens no more: the socket, and the file that says where it listened, go.
    pub fn not_listening(&self) {
        for file in [ADDRESSES, SOCKET] {
            // Gone already is as good.
            std::fs::remove_file(self.folder.file(file)).unwrap_or_default();
        }
        #[cfg(unix)]
        if let Some(path) = crate::socket::shared_path(self) {
            std::fs::remove_file(path).unwrap_or_default();
        }
    }

    /// Whom the TLS listener lets in: members and our own key to link, anybody to join while an invite or a
    /// pairing is open.
    pub fn let_in(&self) -> LetIn {
        let machine = Arc::downgrade(&self.0);
        Arc::new(move |alpn, pin| {
            let Some(inner) = machine.upgrade() else { return false };
            let machine = Self(inner);
            match alpn {
                Alpn::Link => machine.is_welcome(*pin),
                Alpn::Join => {
                    machine.is_open_for_pairing() || machine.invites().is_open(machine.seconds())
                }
            }
        })
    }

    /// Which of our keys the TLS listener shows: an old one only to a partner who looks for it.
    pub fn shown(&self) -> Shown {
        let keys = Arc::clone(&self.keys);
        Arc::new(move |alpn, wanted| match alpn {
            Alpn::Link => keys.shown_for(wanted),
            Alpn::Join => keys.now(),
        })
    }

    /// A member's pin that nobody holds, or our own: two machines with one key must be noticed.
    pub fn is_welcome(&self, pin: Pin) -> bool {
        let known = self.pins.read().unwrap_or_else(PoisonError::into_inner).contains(&pin);
        (known && self.links.held(pin).is_none()) || pin == self.identity().pin()
    }

    fn tell_discovery(&self) {
        let Some(discovery) = self.discovery.get() else { return };
        discovery
            .set_members(self.roster().members().iter().map(|member| member.machine).collect());
        if let Some(partner) = self.listening().partner {
            discovery.announce(self.announcement(partner.port()));
        }
    }

    /// Writes a session down, off the runtime: the disk may be slow.
    pub fn remember(&self, session: dunlin_logs::Session) {
        let machine = self.clone();
        self.tally.count(&session);
        drop(tokio::task::spawn_blocking(move || {
            machine.history.append(&session);
            if !session.is_idle() {
                machine.seen_to_change();
            }
        }));
    }

    /// Hands over the daemon's log, whose latest lines the page shows.
    pub fn set_log(&self, log: Output) {
        // Set once, at start.
        drop(self.log.set(log));
    }

    /// The daemon's log; none in a command that runs without a daemon.
    pub fn log(&self) -> Option<&Output> {
        self.log.get()
    }
}

impl Inner {
    /// Counts up whenever something changed that people look at.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Something changed that people look at.
    pub fn seen_to_change(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}

/// 64 bits from the system. It is asked for at start only; without it nothing could be trusted.
fn random_u64() -> u64 {
    let mut bytes = [0; 8];
    if let Err(cause) = getrandom::fill(&mut bytes) {
        error!(cause = %Chain(&cause), "no randomness from the system");
    }
    u64::from_ne_bytes(bytes)
}
