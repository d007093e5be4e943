//! Signing in: who a caller is, by what he shows. The rule of the ways stands here once.
//!
//! ```text
//!   session (cookie) ─► token (Bearer) ─► name and password (Basic, a form, parameters of a call)
//!                                            │
//!     could it be one? ─► verified lately? ─► brake ─► a place in the line ─► argon2id ─► brake
//! ```
//!
//! # Invariants
//!
//! * A wrong password is told as such whether the name is known or not, after the same work.
//! * A password costs a hash only if the brake lets it, and at most two hashes run at once. One of
//!   the two places is this computer's alone, as is a part of the line.
//! * What a try came to is told to the brake by whoever hashes, so hanging up hides nothing.
//! * No name that is nobody's is logged or shown: people type passwords where names belong.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dunlin_logs::Chain;
use dunlin_rpc::wire::access::SignInEntry;
use dunlin_rpc::{Caller, Code, Fault, Listener, Near, Secret, guard};
use dunlin_schema::Clock as _;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{info, warn};

use crate::brake::{Brake, Outcome, Source, Ticket};
use crate::error::Result;
use crate::machine::{Machine, count};
use crate::sessions::{self, Found};
use crate::users::{self, Known, Role};
use std::sync::Arc;

/// One of the hashes that run at once for callers from elsewhere: this computer never waits for a stranger's password.
const HASHES_AWAY: usize = 1;

/// So many wait for a place; more are told to try again.
const QUEUE_MAX: usize = 8;

/// A sign-in waits at most so long for its place.
const HASH_WAIT: Duration = Duration::from_secs(5);

/// A form that was fetched without a session can be sent for so long.
const FORM_LIFE: Duration = Duration::from_hours(12);

/// Rows of wrong passwords that are shown.
const SHOWN_MAX: usize = 20;

/// Who a caller is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Who {
    /// The user's name, or the token's behind a tab, which no user's name has.
    pub(crate) name: String,
    /// What he may do.
    pub(crate) role: Role,
    /// Whether he is a program of 2009: `getdata` and `putdata` alone.
    pub(crate) old_caller: bool,
    /// Which state of the user it was that signed in.
    state: u64,
}

impl Who {
    fn of(name: &str, known: Known) -> Self {
        let Known { role, old_caller, state } = known;
        Self { name: name.to_owned(), role, old_caller, state }
    }
}

/// Where passwords are looked at: the brake, the places, and the key of forms.
#[derive(Debug)]
pub(crate) struct Desk {
    brake: Mutex<Brake>,
    hashing: Arc<Semaphore>,
    hashing_away: Arc<Semaphore>,
    line: Arc<Semaphore>,
    line_away: Arc<Semaphore>,
    /// Drawn at each start.
    form_key: Secret<[u8; 32]>,
}

impl Desk {
    pub(crate) fn new() -> Result<Self> {
        let mut form_key = [0; 32];
        getrandom::fill(&mut form_key).map_err(users::Error::Random)?;
        let places = |number| Arc::new(Semaphore::new(number));
        Ok(Self {
            brake: Mutex::default(),
            hashing: places(users::HASHES_AT_ONCE),
            hashing_away: places(HASHES_AWAY),
            line: places(users::HASHES_AT_ONCE + QUEUE_MAX),
            line_away: places(HASHES_AWAY + QUEUE_MAX),
            form_key: Secret(form_key),
        })
    }

    fn brake(&self) -> MutexGuard<'_, Brake> {
        self.brake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a form without a session carries, so that only a page of ours can have made it.
    pub(crate) fn form_token(&self, purpose: &str, now: Duration) -> String {
        let at = now.as_secs().to_string();
        let mac = self.form_mac(purpose, &at).finalize().into_bytes();
        format!("{at}-{}", data_encoding::HEXLOWER.encode(&mac))
    }

    /// Whether a form's token is ours, for this purpose, and not too old.
    pub(crate) fn is_our_form(&self, purpose: &str, token: &str, now: Duration) -> bool {
        let Some((at, mac)) = token.split_once('-') else { return false };
        let Ok(mac) = data_encoding::HEXLOWER.decode(mac.as_bytes()) else { return false };
        let ours = self.form_mac(purpose, at).verify_slice(&mac).is_ok();
        let age = at.parse().ok().map(|at| now.saturating_sub(Duration::from_secs(at)));
        ours && age.is_some_and(|age| age < FORM_LIFE)
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    fn form_mac(&self, purpose: &str, at: &str) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(self.form_key.expose());
        mac.expect("HMAC takes keys of any length")
            .chain_update(purpose)
            .chain_update("\n")
            .chain_update(at)
    }
}

/// A person saw to this user: what was wrong before counts no more.
pub(crate) fn forgive(machine: &Machine, name: &str) {
    machine.desk.brake().forgive(name);
}

/// What a form of a session carries: it follows from the id, and the id not from it.
pub(crate) fn session_form_token(id: &str) -> String {
    let hash = Sha256::new().chain_update("dunlin form\n").chain_update(id).finalize();
    data_encoding::HEXLOWER.encode(&hash)
}

/// Whether a form was made for this session.
pub(crate) fn is_form_of(id: &str, token: &str) -> bool {
    session_form_token(id).as_bytes().ct_eq(token.as_bytes()).into()
}

/// Where a caller's passwords come from, as the brake sees it.
pub(crate) fn source(caller: &Caller) -> Source {
    match (caller.near, caller.listener, caller.from) {
        (Near::Ours, ..) | (_, Listener::Socket, _) => Source::Ours,
        (_, _, Some(from)) if !guard::is_loopback(from.ip()) => {
            Source::Away(from.ip().to_canonical())
        }
        (Near::Other | Near::Away, ..) => Source::Here,
    }
}

/// The name of the cookie that this machine gives to callers by this door.
pub(crate) fn cookie_name(machine: &Machine, caller: &Caller) -> String {
    let id = machine.id().simple().to_string();
    sessions::cookie_name(id.get(..8).unwrap_or_default(), is_tls(caller))
}

/// Whether the caller came over TLS.
pub(crate) fn is_tls(caller: &Caller) -> bool {
    caller.listener == Listener::Lan
}

/// The id that the caller's cookie holds, good or not.
pub(crate) fn session_id<'a>(machine: &Machine, caller: &'a Caller) -> Option<&'a str> {
    let cookies = caller.cookies.as_ref()?.expose();
    sessions::cookie(cookies, &cookie_name(machine, caller))
}

/// Who the caller's session belongs to, if it is good.
pub(crate) fn by_session(machine: &Machine, caller: &Caller) -> Option<Who> {
    // The old callers' listener is unprotected: a session must not be seen on it.
    if !matches!(caller.listener, Listener::Loopback | Listener::Lan) {
        return None;
    }
    let id = session_id(machine, caller)?;
    let now = machine.clock.elapsed();
    let found = if caller.watches {
        machine.sessions.watch(id, now)
    } else {
        machine.sessions.find(id, now)
    };
    let Found { user, state } = found?;
    let known = machine.users.known(&user).filter(|known| known.state == state)?;
    (!known.old_caller).then(|| Who::of(&user, known))
}

/// Who the caller's token stands for, if it is good.
pub(crate) fn by_token(machine: &Machine, caller: &Caller) -> Option<Who> {
    if caller.listener == Listener::OldCallers {
        return None;
    }
    let from = caller.from.map(|from| from.ip());
    let secret = caller.bearer.as_ref()?.expose();
    let Some(token) = machine.tokens.check(secret, from, machine.seconds()) else {
        count(&machine.tally.wrong_tokens);
        return None;
    };
    if machine.tokens.is_due(machine.clock.elapsed()) {
        let machine = machine.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = machine.tokens.write_uses() {
                warn!(cause = %Chain(&error), "uses of tokens not written");
            }
        });
    }
    Some(Who { name: format!("\t{}", token.name), role: token.role, old_caller: false, state: 0 })
}

/// Who the caller is, by all that the head of his request shows.
///
/// A cookie comes along by itself: the server hands it on only where a page of ours or a script
/// must have sent it.
pub(crate) async fn by_head(machine: &Machine, caller: &Caller) -> Result<Option<Who>, Fault> {
    if let Some(who) = by_session(machine, caller) {
        return Ok(Some(who));
    }
    if caller.bearer.is_some() {
        return Ok(by_token(machine, caller));
    }
    match &caller.basic {
        Some(basic) => by_password(machine, caller, &basic.name, basic.password.expose()).await,
        None => Ok(None),
    }
}

/// Who it is, by name and password; `Busy` when the brake or the line is in the way.
pub(crate) async fn by_password(
    machine: &Machine,
    caller: &Caller,
    name: &str,
    password: &str,
) -> Result<Option<Who>, Fault> {
    Ok(verified(machine, caller, name, password)
        .await?
        // Only programs of 2009 come by their listener.
        .filter(|known| known.old_caller || caller.listener != Listener::OldCallers)
        .map(|known| Who::of(name, known)))
}

async fn verified(
    machine: &Machine,
    caller: &Caller,
    name: &str,
    password: &str,
) -> Result<Option<Known>, Fault> {
    if !users::could_be(name, password) {
        return Ok(None);
    }
    let now = machine.clock.elapsed();
    if let Some(known) = machine.users.cached(name, password, now) {
        return Ok(Some(known));
    }
    let source = source(caller);
    let trying = Trying::begin(machine, name, source, now)?;
    let places = Places::take(&machine.desk, source).await?;
    let (name, password) = (name.to_owned(), Secret(password.to_owned()));
    tokio::task::spawn_blocking(move || {
        let known = trying.machine.users.verify(&name, password.expose(), now);
        trying.end(&name, known.is_some());
        drop(places);
        known
    })
    .await
    .map_err(|_panic| Fault::internal())
}

fn busy() -> Fault {
    Fault::new(Code::Busy, "too many sign-ins at once; try again soon")
}

/// The places of one try: in the line, and where hashes run.
struct Places {
    _held: Vec<OwnedSemaphorePermit>,
}

impl Places {
    async fn take(desk: &Desk, source: Source) -> Result<Self, Fault> {
        let away = matches!(source, Source::Away(_));
        let line = if away { &desk.line_away } else { &desk.line };
        let mut held = vec![Arc::clone(line).try_acquire_owned().map_err(|_full| busy())?];
        let wait = async {
            if away {
                held.push(Arc::clone(&desk.hashing_away).acquire_owned().await?);
            }
            held.push(Arc::clone(&desk.hashing).acquire_owned().await?);
            Ok::<_, tokio::sync::AcquireError>(())
        };
        match tokio::time::timeout(HASH_WAIT, wait).await {
            Ok(Ok(())) => Ok(Self { _held: held }),
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }
}

/// One try that the brake let through. Dropped before its end, it was not made.
struct Trying {
    machine: Machine,
    ticket: Option<Ticket>,
    source: Source,
}

impl Trying {
    fn begin(machine: &Machine, name: &str, source: Source, now: Duration) -> Result<Self, Fault> {
        let ticket = machine.desk.brake().ask(name, source, now).map_err(|held| {
            let seconds = held.seconds;
            let message = format!("too many wrong passwords from here; try again in {seconds} s");
            Fault::new(Code::Busy, message)
        })?;
        Ok(Self { machine: machine.clone(), ticket: Some(ticket), source })
    }

    fn end(mut self, name: &str, right: bool) {
        self.settle(if right { Outcome::Right } else { Outcome::Wrong });
        if !right {
            count(&self.machine.tally.wrong_passwords);
            let user = self.machine.users.known(name).map(|_known| name).unwrap_or_default();
            warn!(user, from = %address(self.source), "wrong password");
            self.machine.seen_to_change();
        }
    }

    fn settle(&mut self, outcome: Outcome) {
        if let Some(ticket) = self.ticket.take() {
            let now = self.machine.clock.elapsed();
            self.machine.desk.brake().settle(ticket, outcome, now);
        }
    }
}

impl Drop for Trying {
    fn drop(&mut self) {
        self.settle(Outcome::Unspent);
    }
}

/// Begins a session for a user who just signed in, and ends the one that the browser came with.
///
/// It belongs to the state of the user that the password was of: if that was changed since, the
/// session is over before it is used.
pub(crate) fn begin_session(
    machine: &Machine,
    caller: &Caller,
    who: &Who,
) -> Result<Secret<String>> {
    if let Some(old) = session_id(machine, caller) {
        machine.sessions.end(old);
    }
    let opened = machine.sessions.open(&who.name, who.state, machine.clock.elapsed());
    let id = opened.map_err(users::Error::Random)?;
    info!(user = who.name, from = %address(source(caller)), "signed in");
    Ok(id)
}

fn address(source: Source) -> String {
    match source {
        Source::Ours | Source::Here => "this computer".to_owned(),
        Source::Away(address) => address.to_string(),
    }
}

/// Wrong passwords, the most stubborn first; names that are nobody's are taken together.
pub(crate) fn wrong_passwords(machine: &Machine) -> Vec<SignInEntry> {
    let mut entries = all_wrong_passwords(machine);
    entries.truncate(SHOWN_MAX);
    entries
}

/// As [`wrong_passwords`], all of them: who tries many names must not hide one.
pub(crate) fn all_wrong_passwords(machine: &Machine) -> Vec<SignInEntry> {
    let failing = machine.desk.brake().failing(machine.clock.elapsed());
    let mut entries: Vec<SignInEntry> = Vec::new();
    for one in failing {
        let address = address(one.source);
        let user = machine.users.known(&one.account).map(|_known| one.account);
        let wait = one.wait.as_secs();
        let known = |entry: &&mut SignInEntry| entry.address == address && entry.user == user;
        if let Some(entry) = entries.iter_mut().find(known) {
            entry.wrong = entry.wrong.saturating_add(one.wrong);
            entry.lately = entry.lately.saturating_add(one.lately);
            entry.wait_seconds = entry.wait_seconds.max(wait);
        } else {
            let (wrong, lately) = (one.wrong, one.lately);
            entries.push(SignInEntry { address, user, wrong, lately, wait_seconds: wait });
        }
    }
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.wrong));
    entries
}
