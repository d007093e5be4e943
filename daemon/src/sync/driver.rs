//! The dialler's side of a link: greet, agree on the roster, tell of the databases, then session after session.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dunlin_logs::{Direction, Outcome, Session, span};
use dunlin_rpc::client;
use dunlin_rpc::method::partner::PartnerClient as _;
use dunlin_rpc::wire::partner::{
    self as wire, Databases, DigestAsk, GetPage, PartnerEvent, PutPage, RosterAsk,
};
use dunlin_rpc::{Code, Fault, Pin, limits};
use dunlin_schema::{Ask, Clock as _, Known, Origin, Sender};
use jsonrpsee::core::client::{Error as RpcError, Subscription};
use tokio::sync::watch;
use tracing::{Instrument as _, debug, info, warn};

use super::links::Link;
use super::session::{self, Event, State, Step};
use crate::convert;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::machine::{Machine, PROTOCOL};
use crate::roster::Member;

/// A session at least so often, also when nothing seems to move.
const AT_LEAST: Duration = Duration::from_mins(1);
/// A page is sized so that the receiver holds his application's write lock about so long.
const APPLY_TIME: Duration = Duration::from_millis(20);
/// A page is never asked to be smaller than this.
const PAGE_BYTES_MIN: u64 = 32 * 1024;
/// The first page of a link, before we know how fast the other side is.
const PAGE_BYTES_FIRST: u64 = 128 * 1024;
/// So many rows that the partner knows already may stand between his cursor and our end before we move it.
const CURSOR_LAG_MAX: u64 = 1_000;

/// A partner that was dialled, and everything said so far.
struct Driver<'l> {
    machine: Machine,
    member: Member,
    link: &'l client::Link,
    handle: Arc<Link>,
    /// How far the partner's clock is ahead of ours, in milliseconds.
    skew: i64,
    sides: HashMap<String, Side>,
}

/// One database, as the other side has it.
struct Side {
    database: Database,
    /// The partner's machine and epoch.
    origin: Origin,
    /// His cursor in our journal.
    cursor: u64,
    /// What he knows.
    knowledge: Vec<Known>,
    /// How large a page he, and we, can apply in time.
    limit_in: u64,
    limit_out: u64,
    /// The next page, fetched or made while the last one is being applied: two are under way, never more.
    ahead_in: Option<dunlin_rpc::wire::page::Page>,
    ahead_out: Option<dunlin_schema::Page>,
    pull: bool,
    push: bool,
}

/// What one session moved.
#[derive(Default)]
struct Totals {
    sent: u64,
    received: u64,
    applied: u64,
    held: u64,
    conflicts: u64,
    bytes_out: u64,
    bytes_in: u64,
}

/// What a call to the partner came to.
pub(crate) fn heard(error: RpcError) -> Error {
    match error {
        RpcError::Call(error) => Error::Partner(Fault::from(&error)),
        other => Error::Link(Box::new(other)),
    }
}

/// Runs a link that was dialled until it ends. True: it got past the greeting.
pub async fn run(
    machine: &Machine,
    member: &Member,
    link: client::Link,
    address: SocketAddr,
    was_ready: &mut bool,
) -> Result<()> {
    let handle = machine.links.begin(member.pin, true);
    let mut driver = Driver {
        machine: machine.clone(),
        member: member.clone(),
        link: &link,
        handle: Arc::clone(&handle),
        skew: 0,
        sides: HashMap::new(),
    };
    let ended = tokio::select! {
        ended = driver.live(address, was_ready) => ended,
        reason = handle.closed() => {
            debug!(partner = %member.machine, cause = reason, "link closed");
            Ok(())
        }
    };
    machine.links.end(&handle);
    if ended.is_ok() {
        // He learns why; if he is gone already, there is nobody to tell.
        let goodbye = link.partner_leave("closing".to_owned());
        drop(tokio::time::timeout(Duration::from_millis(500), goodbye).await);
    }
    ended
}

impl Driver<'_> {
    async fn live(&mut self, address: SocketAddr, was_ready: &mut bool) -> Result<()> {
        self.greet().await?;
        self.agree_on_roster(true).await?;
        let mut events = self.link.partner_events().await.map_err(heard)?;
        self.databases().await?;
        self.handle.is_ready();
        *was_ready = true;
        let now = self.machine.clock.now();
        self.machine.note(self.member.pin, |partner| {
            partner.linked = true;
            partner.address = Some(address);
            partner.last_seen = Some(now);
            partner.attempt = 0;
            partner.reason = None;
            partner.next_try = None;
            partner.skew = self.skew;
        });
        let (machine, pin) = (self.machine.clone(), self.member.pin);
        drop(tokio::task::spawn_blocking(move || {
            machine.remember_address(pin, Some(address), now);
        }));
        info!(partner = %self.member.machine, "linked");
        self.sessions(&mut events).await
    }

    async fn greet(&mut self) -> Result<()> {
        let ours = greeting(&self.machine);
        let asked = Instant::now();
        let theirs = self.link.partner_greet(ours.clone()).await.map_err(heard)?;
        let middle = i64::try_from(ours.clock).unwrap_or(0)
            + i64::try_from(asked.elapsed().as_millis() / 2).unwrap_or(0);
        self.skew = i64::try_from(theirs.clock).unwrap_or(i64::MAX).saturating_sub(middle);
        check_greeting(&self.machine, &self.member, &theirs)?;
        self.handle.sign_of_life();
        let our_pin = self.machine.identity.pin();
        self.machine.links.admit(&self.handle, &theirs.boot, our_pin).await.map_err(Error::Partner)
    }

    /// Exchanges statements until both hold the same. `first`: nothing else is answered before.
    async fn agree_on_roster(&mut self, first: bool) -> Result<()> {
        let held = self.machine.roster().ids();
        let answer = self
            .link
            .partner_roster(RosterAsk { held, statements: Vec::new() })
            .await
            .map_err(heard)?;
        self.handle.sign_of_life();
        self.machine.merge_statements(&answer.statements, Some(self.member.key))?;
        if !answer.wanted.is_empty() || first {
            let (held, statements) = {
                let roster = self.machine.roster();
                let wanted = answer.wanted;
                let statements =
                    roster.statements().into_iter().filter(|s| wanted.contains(&s.id())).collect();
                (roster.ids(), statements)
            };
            self.link.partner_roster(RosterAsk { held, statements }).await.map_err(heard)?;
        }
        if self.machine.member(self.member.pin).is_none() {
            return Err(Error::Identified { what: "this machine was forgotten by the shop" });
        }
        if self.machine.member(self.machine.identity.pin()).is_none() {
            return Err(Error::NotAMember);
        }
        Ok(())
    }

    async fn databases(&mut self) -> Result<()> {
        let ask = Databases { databases: describe(&self.machine, &HashMap::new()).await? };
        let answer = self.link.partner_databases(ask).await.map_err(heard)?;
        self.handle.sign_of_life();
        for theirs in answer.databases {
            let Ok(database) = self.machine.database(&theirs.name) else { continue };
            let (database, skew) = (database.clone(), self.skew);
            let origin = Origin { machine: self.member.machine, epoch: theirs.epoch.0 };
            meet(&database, theirs.tables.clone(), origin, skew).await?;
            let cursor = theirs.cursor_in(wire::Epoch(database.origin().epoch));
            self.sides.insert(
                theirs.name.clone(),
                Side {
                    database,
                    origin,
                    cursor,
                    knowledge: convert::knowledge_in(&theirs.knowledge),
                    limit_in: PAGE_BYTES_FIRST,
                    limit_out: PAGE_BYTES_FIRST,
                    ahead_in: None,
                    ahead_out: None,
                    pull: true,
                    push: true,
                },
            );
        }
        Ok(())
    }

    /// Session after session, whenever something moves on either side.
    async fn sessions(&mut self, events: &mut Subscription<PartnerEvent>) -> Result<()> {
        let mut moved = self
            .sides
            .values()
            .map(|side| (side.database.name().to_owned(), side.database.moved()))
            .collect();
        let mut shapes: ByName =
            self.machine.databases.iter().map(|d| (d.name().to_owned(), d.shapes())).collect();
        let mut roster = self.machine.roster_moved();
        let mut at_least = tokio::time::interval(AT_LEAST);
        at_least.tick().await;
        loop {
            let names: Vec<String> = self.sides.keys().cloned().collect();
            for name in names {
                self.session(&name).await?;
            }
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(event)) => self.hear(event).await?,
                    Some(Err(error)) => return Err(Error::Link(Box::new(error))),
                    None => return Err(Error::Link("the other side hung up".into())),
                },
                name = first_moved(&mut moved) => {
                    if let Some(side) = self.sides.get_mut(&name) {
                        side.push = true;
                    }
                }
                _ = first_moved(&mut shapes) => self.databases().await?,
                _ = roster.changed() => self.agree_on_roster(false).await?,
                () = self.handle.poke.notified() => self.want_all(),
                () = self.handle.probe.notified() => self.agree_on_roster(false).await?,
                _ = at_least.tick() => self.want_all(),
            }
        }
    }

    fn want_all(&mut self) {
        for side in self.sides.values_mut() {
            side.pull = true;
            side.push = true;
        }
    }

    async fn hear(&mut self, event: PartnerEvent) -> Result<()> {
        self.handle.sign_of_life();
        match event {
            PartnerEvent::Moved { database, .. } => {
                if let Some(side) = self.sides.get_mut(&database) {
                    side.pull = true;
                }
                Ok(())
            }
            PartnerEvent::Roster => self.agree_on_roster(false).await,
            PartnerEvent::Databases => self.databases().await,
            PartnerEvent::Leaving { reason } => {
                Err(Error::Link(format!("the other side is leaving: {reason}").into()))
            }
        }
    }

    /// One session over one database, and its line in the history.
    async fn session(&mut self, name: &str) -> Result<()> {
        let Some(side) = self.sides.get_mut(name) else { return Ok(()) };
        let wanted = Event::Wanted {
            pull: std::mem::take(&mut side.pull),
            push: std::mem::take(&mut side.push),
        };
        let wanted = match wanted {
            Event::Wanted { pull: false, push: true } if !side.has_something().await? => {
                return Ok(());
            }
            Event::Wanted { pull: false, push: false } => return Ok(()),
            wanted => wanted,
        };
        let (started, begun) = (self.machine.clock.now(), Instant::now());
        let mut totals = Totals::default();
        let span = span::session(self.handle.id, self.member.machine);
        let done = self.run_session(name, wanted, &mut totals).instrument(span).await;
        let failed = done.as_ref().err().map(ToString::to_string);
        let result = match (&failed, totals.held) {
            (Some(_), _) => Outcome::Error,
            (None, 0) => Outcome::Success,
            (None, _) => Outcome::Warning,
        };
        let message = failed.unwrap_or_else(|| match totals.held {
            0 => "level".to_owned(),
            held => format!("level; {held} rows are held"),
        });
        self.machine.remember(Session {
            partner: self.member.machine,
            partner_name: self.member.name.clone(),
            direction: Direction::Dialled,
            started,
            took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            rows_sent: totals.sent,
            rows_received: totals.received,
            applied: totals.applied,
            held: totals.held,
            conflicts: totals.conflicts,
            bytes_sent: totals.bytes_out,
            bytes_received: totals.bytes_in,
            result,
            message,
        });
        if totals.sent + totals.received > 0 {
            info!(
                partner = %self.member.machine,
                rows_out = totals.sent,
                rows_in = totals.received,
                took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                "session done"
            );
        }
        done
    }

    async fn run_session(&mut self, name: &str, wanted: Event, totals: &mut Totals) -> Result<()> {
        let mut failed = None;
        let mut event = wanted;
        let mut state = State::Done;
        loop {
            let (after, step) = session::next(state, event);
            state = after;
            let done = match step {
                Step::Pull(from) => self.pull(name, from, totals).await,
                Step::Push(from) => self.push(name, from, totals).await,
                Step::Compare => self.compare(name).await.map(|()| Event::Compared),
                Step::Close | Step::Ignore => return failed.map_or(Ok(()), Err),
            };
            event = done.unwrap_or_else(|error| {
                failed = Some(error);
                Event::Lost
            });
        }
    }

    /// Asks for one page and applies it.
    async fn pull(&mut self, name: &str, from: Option<u64>, totals: &mut Totals) -> Result<Event> {
        let (link, machine, pin, skew) =
            (self.link, self.machine.clone(), self.member.pin, self.skew);
        let side = self.sides.get_mut(name).ok_or(Error::Stopping)?;
        let origin = side.origin;
        let (cursor, knowledge) = side
            .database
            .call(move |store| {
                if from.is_none() {
                    store.ask_again(origin, skew)?;
                }
                Ok((store.cursor(origin)?, store.knowledge()?))
            })
            .await?;
        let limit = side.limit_in;
        let ask = |cursor| GetPage {
            database: name.to_owned(),
            cursor,
            knowledge: convert::knowledge_out(&knowledge),
            now: machine.now(),
            limit,
            tables: None,
            rows: None,
        };
        let ahead = side.ahead_in.take().filter(|page| from == Some(page.from));
        let page = match ahead.filter(|page| page.from == cursor) {
            Some(page) => page,
            None => link.partner_getdata(ask(cursor)).await.map_err(heard)?,
        };
        self.handle.sign_of_life();
        let (more, next) = (page.more, page.next);
        totals.received += page.rows() as u64;
        totals.bytes_in += weight(&page);
        if let Some(last) = &page.last {
            side.knowledge = convert::knowledge_in(&last.knowledge);
        }
        if more {
            machine
                .note(pin, |partner| partner.equal.insert(name.to_owned(), false).map_or((), drop));
        }
        let page = convert::page_in(page)?;
        let applying =
            timed(side.database.call(move |store| store.apply(&page, Sender { origin, skew })));
        // What goes wrong with the next page shows when it is asked for again.
        let fetching =
            async { if more { link.partner_getdata(ask(next)).await.ok() } else { None } };
        let ((applied, took), ahead) = tokio::join!(applying, fetching);
        let applied = applied.inspect_err(|error| stop_at(&machine, pin, error))?;
        side.ahead_in = ahead;
        side.limit_in = fitted(side.limit_in, took);
        totals.applied += applied.applied;
        totals.held += applied.held;
        totals.conflicts += applied.conflicts;
        let push = !more && side.has_something().await?;
        Ok(Event::Pulled { cursor: applied.cursor, more, push })
    }

    /// Gives one page.
    async fn push(&mut self, name: &str, from: Option<u64>, totals: &mut Totals) -> Result<Event> {
        let (link, machine, skew) = (self.link, self.machine.clone(), self.skew);
        let side = self.sides.get_mut(name).ok_or(Error::Stopping)?;
        let (database, knowledge) = (side.database.clone(), side.knowledge.clone());
        let limit = usize::try_from(side.limit_out).unwrap_or(usize::MAX);
        let make = |cursor| {
            let now = machine.clock.now().saturating_add(skew);
            let ask = Ask { cursor, knowledge: knowledge.clone(), now, limit };
            database.call(move |store| store.page(&ask))
        };
        let page = match side.ahead_out.take().filter(|page| from == Some(page.from)) {
            Some(page) => page,
            None => make(from.unwrap_or(side.cursor)).await?,
        };
        let page = convert::page_out(page);
        let (more, next) = (page.more, page.next);
        let (rows, bytes) = (page.rows() as u64, weight(&page));
        let learned = page.last.as_ref().map(|last| convert::knowledge_in(&last.knowledge));
        let putting = timed(link.partner_putdata(PutPage { database: name.to_owned(), page }));
        // What goes wrong with the next page shows when it is made again.
        let making = async { if more { make(next).await.ok() } else { None } };
        let ((answer, took), ahead) = tokio::join!(putting, making);
        let answer = answer.map_err(heard)?;
        self.handle.sign_of_life();
        side.ahead_out = ahead;
        side.limit_out = fitted(side.limit_out, took);
        side.cursor = answer.cursor;
        if let Some(ours) = learned {
            side.knowledge = joined(&side.knowledge, &ours);
        }
        totals.sent += rows;
        totals.bytes_out += bytes;
        Ok(Event::Pushed { cursor: answer.cursor, more })
    }

    /// Both sides compare, table by table.
    async fn compare(&mut self, name: &str) -> Result<()> {
        let side = self.sides.get(name).ok_or(Error::Stopping)?;
        let (cursor, knowledge, origin) = (side.cursor, side.knowledge.clone(), side.origin);
        let (ours, waiting_out, taken) = side
            .database
            .call(move |store| {
                Ok((
                    store.digests()?,
                    store.waiting_for(cursor, &knowledge)?,
                    store.cursor(origin)?,
                ))
            })
            .await?;
        let ours = convert::digests_out(ours);
        let ask = DigestAsk { database: name.to_owned(), cursor: taken, tables: ours.clone() };
        let answer = self.link.partner_digest(ask).await.map_err(heard)?;
        self.handle.sign_of_life();
        let equal = is_equal(&ours, &answer.tables);
        let now = self.machine.clock.now();
        self.machine.note(self.member.pin, |partner| {
            partner.equal.insert(name.to_owned(), equal);
            partner.compared = Some(Instant::now());
            partner.waiting_in = answer.waiting;
            partner.waiting_out = waiting_out;
            partner.last_seen = Some(now);
            partner.stopped = None;
        });
        Ok(())
    }
}

impl Side {
    /// Does our journal hold anything that the partner has not?
    async fn has_something(&self) -> Result<bool> {
        let (cursor, knowledge) = (self.cursor, self.knowledge.clone());
        self.database
            .call(move |store| {
                let lag = store.end()?.saturating_sub(cursor);
                Ok(lag > CURSOR_LAG_MAX || (lag > 0 && store.anything_for(cursor, &knowledge)?))
            })
            .await
    }
}

/// What came of it, and how long it took.
async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    let done = work.await;
    (done, begun.elapsed())
}

/// The next page's size, by how long the last one took.
fn fitted(limit: u64, took: Duration) -> u64 {
    let next = if took > APPLY_TIME {
        limit / 2
    } else if took < APPLY_TIME / 2 {
        limit * 2
    } else {
        limit
    };
    next.clamp(PAGE_BYTES_MIN, limits::PAGE_BYTES)
}

/// What both know, the higher seq of each origin.
pub(crate) fn joined(one: &[Known], other: &[Known]) -> Vec<Known> {
    let mut all: HashMap<Origin, Known> =
        one.iter().map(|known| (known.origin, known.clone())).collect();
    for known in other {
        let place = all.entry(known.origin).or_insert_with(|| known.clone());
        if place.seq < known.seq {
            *place = known.clone();
        }
    }
    all.into_values().collect()
}

/// About how many bytes a page takes on the wire: for the history, not for limits.
pub(crate) fn weight(page: &dunlin_rpc::wire::page::Page) -> u64 {
    use dunlin_rpc::wire::value::Value;
    /// Name, stamp, origin, seq and the rest of a row's own columns.
    const ROW: u64 = 100;
    let value = |value: &Value| match value {
        Value::Text(bytes) => bytes.len() as u64 + 3,
        Value::Blob(bytes) => bytes.len() as u64 * 4 / 3 + 12,
        Value::Row(_) => 47,
        Value::Null | Value::Integer(_) | Value::Real(_) | Value::Number(_) => 8,
    };
    page.tables
        .iter()
        .flat_map(|table| &table.rows)
        .map(|row| ROW + row.values.iter().map(value).sum::<u64>())
        .sum()
}

/// Equal, table by table; a table that one side has no row of may be missing there.
pub(crate) fn is_equal(ours: &[wire::TableDigest], theirs: &[wire::TableDigest]) -> bool {
    let lacks = |a: &[wire::TableDigest], b: &[wire::TableDigest]| {
        a.iter().any(|table| {
            let other = b.iter().find(|other| other.name.eq_ignore_ascii_case(&table.name));
            other.map_or(table.rows > 0, |other| other.digest != table.digest)
        })
    };
    !lacks(ours, theirs) && !lacks(theirs, ours)
}

/// What stops a session until a person has looked.
pub(crate) fn stop_at(machine: &Machine, pin: Pin, error: &Error) {
    if let Error::Store(dunlin_schema::Error::TooManyHeld { .. }) = error {
        let sentence = error.to_string();
        warn!(partner = %pin, cause = sentence, "session stopped");
        machine.note(pin, |partner| partner.stopped = Some(sentence));
    }
}

/// What this machine says of itself first.
pub(crate) fn greeting(machine: &Machine) -> wire::Greeting {
    let roster = machine.roster();
    wire::Greeting {
        protocol: PROTOCOL,
        features: Vec::new(),
        id: machine.id(),
        name: machine.name.clone(),
        boot: machine.boot.clone(),
        shop: roster.shop(),
        clock: machine.now(),
        roster: roster.hash(),
    }
}

/// Is the other side who its key says, of our shop, and can we talk?
pub(crate) fn check_greeting(
    machine: &Machine,
    member: &Member,
    theirs: &wire::Greeting,
) -> Result<()> {
    let fault = |code, sentence: &str| Err(Error::Partner(Fault::new(code, sentence)));
    if theirs.id != member.machine {
        return fault(Code::IdentityProblem, "the machine's id is not that of its key");
    }
    if theirs.shop != machine.roster().shop() {
        return fault(Code::IdentityProblem, "the machine is of another shop");
    }
    let ((low, high), (from, to)) = (PROTOCOL, theirs.protocol);
    if to < low || high < from {
        let sentence = format!(
            "it speaks the protocols {from} to {to}, this machine {low} to {high}; update the older one"
        );
        return fault(Code::OtherProtocol, &sentence);
    }
    Ok(())
}

/// What this machine says of its databases. `theirs`: the partner's epoch of each, where he has told it.
pub(crate) async fn describe(
    machine: &Machine,
    theirs: &HashMap<String, Origin>,
) -> Result<Vec<wire::Database>> {
    let mut all = Vec::new();
    for database in &machine.databases {
        let partner = theirs.get(database.name()).copied();
        let (greeting, cursors) = database
            .call(move |store| {
                let greeting = store.greeting(partner)?;
                Ok((greeting, store.cursors()?))
            })
            .await?;
        let epoch = wire::Epoch(greeting.origin.epoch);
        let end = greeting.knowledge.iter().find(|known| known.origin == greeting.origin);
        all.push(wire::Database {
            name: database.name().to_owned(),
            epoch,
            epochs: vec![wire::EpochEnd { epoch, end: end.map_or(0, |known| known.seq) }],
            end: greeting.end,
            cursors: cursors
                .into_iter()
                .filter(|(origin, _)| {
                    partner.is_none_or(|partner| partner.machine == origin.machine)
                })
                .map(|(origin, position)| wire::Cursor {
                    epoch: wire::Epoch(origin.epoch),
                    position,
                })
                .collect(),
            knowledge: convert::knowledge_out(&greeting.knowledge),
            remembered: Vec::new(),
            forks: Vec::new(),
            tables: greeting.shapes.into_iter().map(convert::shape_out).collect(),
            clock: machine.now(),
        });
    }
    Ok(all)
}

/// Learns of a partner's tables, and takes up versions that were ahead of our clock.
pub(crate) async fn meet(
    database: &Database,
    tables: Vec<wire::TableShape>,
    origin: Origin,
    skew: i64,
) -> Result<()> {
    let shapes: Vec<dunlin_schema::Shape> = tables.into_iter().map(convert::shape_in).collect();
    let untracked = database.untracked().to_vec();
    let tracked = database
        .call(move |store| {
            let tracked = store.meet(&shapes, &untracked)?;
            store.ask_again(origin, skew)?;
            Ok(tracked)
        })
        .await?;
    for (table, _, rows) in tracked.tables {
        info!(database = database.name(), table, rows, "table tracked, as the partner does");
    }
    Ok(())
}

/// Something to wait for, by the name of its database.
pub(crate) type ByName = Vec<(String, watch::Receiver<u64>)>;

pub(crate) async fn first_moved(moved: &mut ByName) -> String {
    let waiting = moved.iter_mut().map(|(name, end)| {
        Box::pin(async move {
            if end.changed().await.is_err() {
                // The database is gone with the daemon.
                std::future::pending::<()>().await;
            }
            name.clone()
        })
    });
    let waiting: Vec<_> = waiting.collect();
    if waiting.is_empty() {
        return std::future::pending().await;
    }
    futures_util::future::select_all(waiting).await.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, rows: u64, digest: &str) -> wire::TableDigest {
        wire::TableDigest { name: name.to_owned(), rows, digest: digest.to_owned() }
    }

    #[test]
    fn an_empty_table_that_the_other_side_has_not_is_no_difference() {
        let ours = [table("a", 1, "x"), table("b", 0, "0")];
        assert!(is_equal(&ours, &[table("A", 1, "x")]));
        assert!(!is_equal(&ours, &[table("A", 1, "y")]));
        assert!(!is_equal(&ours, &[table("b", 0, "0")]));
        assert!(!is_equal(&[], &[table("a", 1, "x")]));
    }

    #[test]
    fn a_page_is_sized_to_what_the_receiver_applies_in_time() {
        assert_eq!(fitted(128 * 1024, Duration::from_millis(100)), 64 * 1024);
        assert_eq!(fitted(128 * 1024, Duration::from_millis(1)), 256 * 1024);
        assert_eq!(fitted(PAGE_BYTES_MIN, Duration::from_secs(1)), PAGE_BYTES_MIN);
        assert_eq!(fitted(limits::PAGE_BYTES, Duration::ZERO), limits::PAGE_BYTES);
    }
}
