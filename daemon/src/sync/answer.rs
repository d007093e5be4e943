//! The answering side of a link.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use dunlin_logs::{Direction, Outcome, Session};
use dunlin_rpc::method::partner::PartnerServer;
use dunlin_rpc::wire::facts::Facts;
use dunlin_rpc::wire::page::Page;
use dunlin_rpc::wire::partner::{
    Databases, DigestAnswer, DigestAsk, Epoch, GetPage, Greeting, PartnerEvent, PutAnswer, PutPage,
    RosterAnswer, RosterAsk,
};
use dunlin_rpc::{Code, Fault, Sum, limits};
use dunlin_schema::{Ask, Clock as _, Known, Millis, Origin, Sender};
use jsonrpsee::core::{RpcResult, SubscriptionResult, async_trait, to_json_raw_value};
use jsonrpsee::{Extensions, PendingSubscriptionSink, SubscriptionSink};
use tokio::sync::watch;
use tracing::info;

use super::exchange::Asked;
use super::links::Link;
use super::tell::{
    ByName, check_greeting, describe, digests, first_moved, greeting, is_equal, joined,
    knows_parts, learn, look_at, meet, shows_the_same, stop_at, weight,
};
use crate::convert;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::fault::fault;
use crate::machine::{Machine, PAUSED, Waiting};
use crate::roster::Member;

/// One link that a partner dialled.
#[derive(Clone, Debug)]
pub struct Answering(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    machine: Machine,
    member: Member,
    link: Arc<Link>,
    from: SocketAddr,
    greeted: AtomicBool,
    /// He knows of rows whose columns were written by different versions.
    knows_parts: AtomicBool,
    agreed: AtomicBool,
    /// We showed an old key, to a partner who knows no other: he learns the new one, and nothing else.
    rosters_only: bool,
    sides: Mutex<HashMap<String, Side>>,
    running: Mutex<Option<Running>>,
    skew: Mutex<i64>,
    /// The statements that he held when he last asked.
    held: Mutex<Vec<Sum>>,
}

/// One database, as the partner has it.
#[derive(Clone, Debug)]
struct Side {
    origin: Origin,
    cursor: u64,
    knowledge: Vec<Known>,
    /// He was told that something waits, and has not asked since. One event is enough until he does: a till that
    /// sells all day would fill his queue while he is still catching up.
    told: bool,
    /// Up to here our journal holds nothing for him, as was seen: what he knows only grows while the link lives.
    /// Else each page of his that we apply would be followed by a look at all that he has ever given.
    nothing_before: u64,
    /// How far he was asked for values that are not here.
    asked: Asked,
}

/// The session that is under way, as far as this side sees it.
#[derive(Clone, Debug)]
struct Running {
    started: Millis,
    begun: Instant,
    sent: u64,
    received: u64,
    applied: u64,
    held: u64,
    conflicts: u64,
    bytes_out: u64,
    bytes_in: u64,
}

impl Answering {
    /// Answers `member` over a link that came from an address.
    pub fn new(machine: &Machine, member: Member, link: Arc<Link>, from: SocketAddr) -> Self {
        Self(Arc::new(Inner {
            rosters_only: link.under != machine.identity().pin(),
            machine: machine.clone(),
            member,
            link,
            from,
            greeted: AtomicBool::new(false),
            knows_parts: AtomicBool::new(false),
            agreed: AtomicBool::new(false),
            sides: Mutex::default(),
            running: Mutex::default(),
            skew: Mutex::default(),
            held: Mutex::default(),
        }))
    }

    /// The link is over: what was under way is written down.
    pub fn ended(&self) {
        if let Some(running) = self.running().take() {
            self.write_down(&running, Outcome::Error, "the link broke before both were level");
        }
    }

    fn sides(&self) -> MutexGuard<'_, HashMap<String, Side>> {
        self.0.sides.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how far the partner's clock is ahead of ours, by what he says it shows.
    fn set_skew(&self, theirs: u64) -> i64 {
        let theirs = i64::try_from(theirs).unwrap_or(i64::MAX);
        let skew = theirs.saturating_sub(self.0.machine.clock.now());
        *self.0.skew.lock().unwrap_or_else(PoisonError::into_inner) = skew;
        skew
    }

    fn skew(&self) -> i64 {
        *self.0.skew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, add: impl FnOnce(&mut Running)) {
        let machine = &self.0.machine;
        let mut running = self.running();
        add(running.get_or_insert_with(|| Running {
            started: machine.clock.now(),
            begun: Instant::now(),
            sent: 0,
            received: 0,
            applied: 0,
            held: 0,
            conflicts: 0,
            bytes_out: 0,
            bytes_in: 0,
        }));
    }

    fn write_down(&self, running: &Running, result: Outcome, message: &str) {
        self.0.machine.remember(Session {
            partner: self.0.member.machine,
            partner_name: self.0.member.name.clone(),
            direction: Direction::Answered,
            started: running.started,
            took_ms: u64::try_from(running.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            rows_sent: running.sent,
            rows_received: running.received,
            applied: running.applied,
            held: running.held,
            conflicts: running.conflicts,
            bytes_sent: running.bytes_out,
            bytes_received: running.bytes_in,
            result,
            message: message.to_owned(),
        });
    }

    /// Greet first, then the roster; nothing else is answered before.
    fn in_turn(&self) -> Result<(), Fault> {
        self.0.link.sign_of_life();
        if self.0.rosters_only {
            return Err(Fault::new(Code::OutOfTurn, "this machine has a new key; dial that one"));
        }
        if self.0.machine.is_paused(self.0.member.machine) {
            return Err(Fault::new(Code::Paused, PAUSED));
        }
        if self.0.link.is_closing().is_some() {
            return Err(fault(&Error::Closing));
        }
        if self.0.greeted.load(Ordering::Relaxed) && self.0.agreed.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(Fault::new(Code::OutOfTurn, "greet first, then agree on the roster"))
    }

    /// What the partner is told of an error. Who is not who he says has this link no longer.
    fn fault(&self, error: &Error) -> Fault {
        stop_at(&self.0.machine, self.0.member.pin, error);
        let fault = fault(error);
        if fault.code == Code::IdentityProblem {
            self.0.link.close(&fault.message);
        }
        fault
    }

    fn side(&self, name: &str) -> Result<Side> {
        self.sides()
            .get(name)
            .cloned()
            .ok_or_else(|| Error::UnknownDatabase { name: name.to_owned() })
    }

    fn roster(&self, ask: &RosterAsk) -> Result<RosterAnswer> {
        let machine = &self.0.machine;
        machine.merge_statements(&ask.statements, Some(self.0.member.key))?;
        let roster = machine.roster();
        let ours: std::collections::BTreeSet<Sum> = roster.ids().into_iter().collect();
        let wanted: Vec<Sum> = ask.held.iter().filter(|id| !ours.contains(id)).copied().collect();
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&ask.held);
        if roster.members().by_pin(self.0.member.pin).is_none() {
            if roster.pin_now(self.0.member.pin).is_none() {
                return Err(Error::Partner(Fault::new(
                    Code::KeyForgotten,
                    "this key was forgotten",
                )));
            }
            // He told us of his new key over a link of the old one, which ends now.
            return Ok(RosterAnswer { wanted, statements: roster.missing(&ask.held) });
        }
        // Where we are out ourselves he is given the statements that say so, and nothing else.
        let is_member = roster.members().get(machine.identity().public_key()).is_some();
        if wanted.is_empty() && is_member {
            self.0.agreed.store(true, Ordering::Relaxed);
        }
        let answer = RosterAnswer { wanted, statements: roster.missing(&ask.held) };
        drop(roster);
        if answer.wanted.is_empty() && answer.statements.is_empty() && is_member {
            machine.heard_by(self.0.member.machine, self.0.link.under);
        }
        Ok(answer)
    }

    async fn databases(&self, ask: Databases) -> Result<Databases> {
        let machine = &self.0.machine;
        let first = self.sides().is_empty();
        let mut origins = HashMap::new();
        for theirs in ask.databases {
            let Ok(database) = machine.database(&theirs.name) else { continue };
            let origin = Origin { machine: self.0.member.machine, epoch: theirs.epoch.0 };
            meet((machine, &self.0.member), database, &theirs, self.skew()).await?;
            let side = Side {
                origin,
                cursor: theirs.cursor_in(Epoch(database.origin().epoch)),
                knowledge: convert::knowledge_in(&theirs.knowledge),
                told: false,
                nothing_before: 0,
                asked: Asked::default(),
            };
            self.sides().insert(theirs.name.clone(), side);
            origins.insert(theirs.name, origin);
        }
        let databases = describe(machine, &origins).await?;
        self.0.link.is_ready();
        let now = machine.clock.now();
        let (skew, from) = (self.skew(), self.0.from);
        machine.note(self.0.member.pin, |partner| {
            partner.linked = true;
            partner.linked_since.get_or_insert(now);
            partner.address = Some(from);
            partner.last_seen = Some(now);
            partner.attempt = 0;
            partner.reason = None;
            partner.impostor = None;
            partner.next_try = None;
            partner.skew = skew;
        });
        if first {
            info!(partner = %self.0.member.machine, "linked");
        }
        Ok(Databases { databases })
    }

    async fn getdata(&self, ask: GetPage) -> Result<Page> {
        let database = self.0.machine.database(&ask.database)?.clone();
        if !ask.rows.is_empty() {
            return self.rows_named(&database, ask).await;
        }
        let knowledge = convert::knowledge_in(&ask.knowledge);
        if let Some(side) = self.sides().get_mut(&ask.database) {
            side.cursor = ask.cursor;
            side.knowledge.clone_from(&knowledge);
            side.told = false;
        }
        let ask = Ask {
            cursor: ask.cursor,
            knowledge,
            now: Millis::try_from(ask.now).unwrap_or(Millis::MAX),
            limit: usize::try_from(ask.limit.min(limits::PAGE_BYTES)).unwrap_or(usize::MAX),
            plain: !self.0.knows_parts.load(Ordering::Relaxed),
        };
        database.fold().await?;
        let page = database.call(move |store| store.page(&ask)).await?;
        if self.0.link.is_closing().is_some() {
            return Err(Error::Closing);
        }
        let page = convert::page_out(page);
        if page.more {
            let (rows, left) = (page.rows() as u64, database.end().saturating_sub(page.next));
            self.0.machine.note(self.0.member.pin, |partner| partner.moved(rows, left));
        }
        self.count(|running| {
            running.sent += page.rows() as u64;
            running.bytes_out += weight(&page);
        });
        Ok(page)
    }

    /// Rows that the partner lacks values of, as far as they are known here.
    async fn rows_named(&self, database: &Database, ask: GetPage) -> Result<Page> {
        let wanted = Ask {
            now: Millis::try_from(ask.now).unwrap_or(Millis::MAX),
            limit: usize::try_from(ask.limit.min(limits::PAGE_BYTES)).unwrap_or(usize::MAX),
            ..Ask::default()
        };
        let page = database.call(move |store| store.rows_named(&ask.rows, &wanted)).await?;
        let page = convert::page_out(page);
        self.count(|running| {
            running.sent += page.rows() as u64;
            running.bytes_out += weight(&page);
        });
        Ok(page)
    }

    async fn putdata(&self, put: PutPage) -> Result<PutAnswer> {
        let machine = &self.0.machine;
        let database = machine.database(&put.database)?.clone();
        let (origin, skew) = (self.side(&put.database)?.origin, self.skew());
        let (rows, bytes) = (put.page.rows() as u64, weight(&put.page));
        if let Some(last) = &put.page.last
            && let Some(side) = self.sides().get_mut(&put.database)
        {
            side.knowledge = joined(&side.knowledge, &convert::knowledge_in(&last.knowledge));
        }
        let (page, named) = (convert::page_in(put.page)?, put.named);
        let (pin, link) = (self.0.member.pin, Arc::clone(&self.0.link));
        database.fold().await?;
        let applied = database
            .work(move |store| {
                // Looked at in the database's own thread: what waited in its queue comes too late.
                if link.is_closing().is_some() {
                    return Ok(None);
                }
                let sender = Sender { origin, skew };
                if named { store.apply_named(&page, sender) } else { store.apply(&page, sender) }
                    .map(Some)
            })
            .await?
            .ok_or(Error::Closing)?;
        look_at(machine, pin, &applied);
        self.count(|running| {
            running.received += rows;
            running.bytes_in += bytes;
            running.applied += applied.applied;
            running.held += applied.held;
            running.conflicts += applied.conflicts;
        });
        Ok(PutAnswer {
            applied: applied.applied,
            held: applied.held,
            conflicts: applied.conflicts,
            cursor: applied.cursor,
            took_ms: u64::try_from(applied.took.as_millis()).ok(),
        })
    }

    async fn digest(&self, ask: DigestAsk) -> Result<DigestAnswer> {
        let machine = &self.0.machine;
        let database = machine.database(&ask.database)?.clone();
        let mut side = self.side(&ask.database)?;
        side.cursor = side.cursor.max(ask.cursor);
        let after = side.asked.after();
        let knows_parts = self.0.knows_parts.load(Ordering::Relaxed);
        self.sides().insert(ask.database.clone(), side.clone());
        let skew = self.set_skew(ask.clock);
        let (tables, waiting, end, cursor, missing) = database
            .call(move |store| {
                let missing = if knows_parts { store.missing(after)? } else { Vec::new() };
                store.ask_again(side.origin, skew)?;
                let from = side.cursor.max(side.nothing_before);
                let waiting = store.waiting_for(from, &side.knowledge)?;
                let tables = digests(store)?;
                Ok((tables, waiting, store.end()?, store.cursor(side.origin)?, missing))
            })
            .await?;
        if let (Some(last), Some(side)) = (missing.last(), self.sides().get_mut(&ask.database)) {
            side.asked.up_to(last.number);
        }
        let equal = is_equal(&tables, &ask.tables);
        let same = shows_the_same(&tables, &ask.tables);
        let now = machine.clock.now();
        machine.note(self.0.member.pin, |partner| {
            partner.told(&ask.database, &ask.tables, now);
            let going = Waiting { coming: 0, going: waiting, end };
            partner.waiting.insert(ask.database.clone(), going);
            partner.same.insert(ask.database.clone(), same);
            partner.equal.insert(ask.database, equal);
            partner.compared = Some(Instant::now());
            partner.last_seen = Some(now);
            partner.stopped = None;
            partner.skew = skew;
        });
        if let Some(running) = self.running().take() {
            let result = if running.held > 0 { Outcome::Warning } else { Outcome::Success };
            let message = if running.held > 0 {
                format!("level; {} rows are held", running.held)
            } else {
                "level".to_owned()
            };
            self.write_down(&running, result, &message);
        }
        let missing = missing.into_iter().map(|missing| missing.row).collect();
        Ok(DigestAnswer { tables, waiting, cursor, clock: machine.now(), missing })
    }

    /// Tells the dialler at once when the roster grew or the link closes, whatever the database is busy with.
    async fn tell_roster(&self, sink: SubscriptionSink) {
        let machine = &self.0.machine;
        let mut roster = machine.roster_moved();
        let mut stopping = machine.stopping();
        loop {
            let event = tokio::select! {
                biased;
                reason = self.0.link.closed() => {
                    for event in self.last_words(reason) {
                        let Ok(message) = to_json_raw_value(&event) else { return };
                        if sink.send(message).await.is_err() {
                            return;
                        }
                    }
                    return;
                }
                () = told_to_stop(&mut stopping) => PartnerEvent::Leaving { reason: "stopping".to_owned() },
                _ = roster.changed() => PartnerEvent::Roster,
                () = self.0.link.probe.notified() => PartnerEvent::Roster,
                () = sink.closed() => return,
            };
            let leaving = matches!(event, PartnerEvent::Leaving { .. });
            let Ok(message) = to_json_raw_value(&event) else { return };
            if sink.send(message).await.is_err() || leaving {
                return;
            }
        }
    }

    /// What the dialler is told when the link closes; one of us who is out, by which statements.
    fn last_words(&self, reason: String) -> Vec<PartnerEvent> {
        let machine = &self.0.machine;
        let mut events = Vec::new();
        if machine.member(self.0.member.pin).is_none() || !machine.is_member() {
            let held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner).clone();
            events.push(PartnerEvent::Forgotten { statements: machine.roster().missing(&held) });
        }
        events.push(PartnerEvent::Leaving { reason });
        events
    }

    /// Tells the dialler whenever our journal holds something for him.
    async fn tell(&self, sink: SubscriptionSink) {
        let machine = &self.0.machine;
        let mut moved: ByName =
            machine.databases.iter().map(|d| (d.name().to_owned(), d.moved())).collect();
        let mut declarations: ByName =
            machine.databases.iter().map(|d| (d.name().to_owned(), d.declarations())).collect();
        let mut wanted: ByName =
            machine.databases.iter().map(|d| (d.name().to_owned(), d.wanted())).collect();
        loop {
            let event = tokio::select! {
                name = first_moved(&mut moved) => match self.something_for_him(&name).await {
                    Some(event) => event,
                    None => continue,
                },
                name = first_moved(&mut wanted) => match machine.database(&name) {
                    Ok(database) => {
                        let position = database.end();
                        PartnerEvent::Moved { database: name, position, waiting: 0 }
                    }
                    Err(_) => continue,
                },
                _ = first_moved(&mut declarations) => PartnerEvent::Databases,
                () = self.0.link.poke.notified() => match Self::something(&machine.databases) {
                    Some(event) => event,
                    None => continue,
                },
                _ = self.0.link.closed() => return,
                () = sink.closed() => return,
            };
            let Ok(message) = to_json_raw_value(&event) else { return };
            if sink.send(message).await.is_err() {
                return;
            }
        }
    }

    /// Something of a database waits for him, and he does not know it yet.
    async fn something_for_him(&self, name: &str) -> Option<PartnerEvent> {
        let database = self.0.machine.database(name).ok()?.clone();
        let side = self.side(name).ok().filter(|side| !side.told)?;
        let from = side.cursor.max(side.nothing_before);
        let known = side.knowledge.clone();
        let (position, waiting) = database
            .call(move |store| Ok((store.end()?, store.waiting_for(from, &known)?)))
            .await
            .ok()?;
        if let Some(now) = self.sides().get_mut(name) {
            now.told = waiting > 0;
            // Not where he told of himself anew meanwhile.
            if waiting == 0 && now.knowledge == side.knowledge {
                now.nothing_before = position;
            }
        }
        if waiting == 0 {
            return None;
        }
        Some(PartnerEvent::Moved { database: name.to_owned(), position, waiting })
    }

    /// A session is wanted, whether there is anything or not.
    fn something(databases: &[Database]) -> Option<PartnerEvent> {
        let database = databases.first()?;
        let position = database.end();
        Some(PartnerEvent::Moved { database: database.name().to_owned(), position, waiting: 0 })
    }
}

#[async_trait]
impl PartnerServer for Answering {
    async fn partner_greet(&self, _: &Extensions, theirs: Greeting) -> RpcResult<Greeting> {
        let machine = &self.0.machine;
        self.0.link.sign_of_life();
        let ours = machine.identity().pin();
        if self.0.link.pin == ours {
            return Err(ourselves(machine, &theirs).into());
        }
        check_greeting(machine, &self.0.member, &theirs).map_err(|error| self.fault(&error))?;
        if self.0.greeted.load(Ordering::Relaxed) {
            return Err(Fault::new(Code::OutOfTurn, "a link is greeted once").into());
        }
        if !self.0.rosters_only {
            machine.links.admit(&self.0.link, &theirs.boot).await?;
        }
        self.set_skew(theirs.clock);
        self.0.knows_parts.store(knows_parts(&theirs), Ordering::Relaxed);
        self.0.greeted.store(true, Ordering::Relaxed);
        Ok(greeting(machine))
    }

    async fn partner_roster(&self, _: &Extensions, ask: RosterAsk) -> RpcResult<RosterAnswer> {
        self.0.link.sign_of_life();
        if !self.0.greeted.load(Ordering::Relaxed) {
            return Err(Fault::new(Code::OutOfTurn, "greet first").into());
        }
        Ok(self.roster(&ask).map_err(|error| self.fault(&error))?)
    }

    async fn partner_databases(&self, _: &Extensions, ask: Databases) -> RpcResult<Databases> {
        self.in_turn()?;
        Ok(self.databases(ask).await.map_err(|error| self.fault(&error))?)
    }

    async fn partner_facts(&self, _: &Extensions, theirs: Facts) -> RpcResult<Facts> {
        self.in_turn()?;
        let learned = async {
            let database = self.0.machine.database(&theirs.database)?.clone();
            learn((&self.0.machine, &self.0.member), &database, theirs).await
        };
        Ok(learned.await.map_err(|error| self.fault(&error))?)
    }

    async fn partner_getdata(&self, _: &Extensions, ask: GetPage) -> RpcResult<Page> {
        self.in_turn()?;
        Ok(self.getdata(ask).await.map_err(|error| self.fault(&error))?)
    }

    async fn partner_putdata(&self, _: &Extensions, put: PutPage) -> RpcResult<PutAnswer> {
        self.in_turn()?;
        Ok(self.putdata(put).await.map_err(|error| self.fault(&error))?)
    }

    async fn partner_digest(&self, _: &Extensions, ask: DigestAsk) -> RpcResult<DigestAnswer> {
        self.in_turn()?;
        Ok(self.digest(ask).await.map_err(|error| self.fault(&error))?)
    }

    async fn partner_leave(&self, _: &Extensions, reason: String) -> RpcResult<()> {
        self.0.link.close(&format!("the other side left: {}", dunlin_logs::clean(&reason, 100)));
        Ok(())
    }

    async fn partner_events(
        &self,
        pending: PendingSubscriptionSink,
        _: &Extensions,
    ) -> SubscriptionResult {
        if let Err(fault) = self.in_turn() {
            pending.reject(fault).await;
            return Ok(());
        }
        let sink = pending.accept().await?;
        let (answering, also) = (self.clone(), sink.clone());
        tokio::spawn(async move { answering.tell_roster(also).await });
        let answering = self.clone();
        tokio::spawn(async move { answering.tell(sink).await });
        Ok(())
    }
}

#[cfg(test)]
mod tests;

async fn told_to_stop(stopping: &mut watch::Receiver<bool>) {
    // The sender lives as long as the machine; if it is gone, so is the reason to go on.
    drop(stopping.wait_for(|stopping| *stopping).await);
}

/// Our own key at the other end: ourselves, or a copy of this machine.
fn ourselves(machine: &Machine, theirs: &Greeting) -> Fault {
    if theirs.boot == machine.boot {
        return Fault::new(Code::Refused, "this is the same machine");
    }
    let reason = "another machine has this machine's key: one is a copy of the other; stop the copy, make a new machine there with `dunlin init`, and start this daemon anew";
    machine.links.hold(machine.identity().pin(), reason);
    Fault::new(Code::IdentityProblem, reason)
}
