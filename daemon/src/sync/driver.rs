//! The dialler's side of a link: greet, agree on the roster, tell of the databases, then session after session.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dunlin_rpc::client;
use dunlin_rpc::method::partner::PartnerClient as _;
use dunlin_rpc::wire::partner::{self as wire, Databases, PartnerEvent, RosterAsk};
use dunlin_schema::{Clock as _, Origin};
use jsonrpsee::core::client::Subscription;
use tracing::{debug, info};

use super::exchange::{PAGE_BYTES_FIRST, Side};
use super::links::Link;
use super::tell::{
    ByName, check_greeting, describe, first_moved, greeting, heard, meet, skew, stop_at,
};
use crate::convert;
use crate::error::{Error, Result};
use crate::machine::Machine;
use crate::roster::Member;

/// A session at least so often, also when nothing seems to move.
const AT_LEAST: Duration = Duration::from_mins(1);

/// A partner that was dialled, and everything said so far.
pub(super) struct Driver<'l> {
    pub(super) machine: Machine,
    pub(super) member: Member,
    pub(super) link: &'l client::Link,
    pub(super) handle: Arc<Link>,
    /// How far the partner's clock is ahead of ours, in milliseconds.
    pub(super) skew: i64,
    /// The databases have to be told of anew.
    pub(super) tell_again: bool,
    pub(super) sides: HashMap<String, Side>,
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
        tell_again: false,
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
            partner.impostor = None;
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
        let asked = (ours.clock, Instant::now());
        let theirs = self.link.partner_greet(ours).await.map_err(heard)?;
        self.skew = skew(theirs.clock, asked);
        check_greeting(&self.machine, &self.member, &theirs)
            .inspect_err(|error| stop_at(&self.machine, self.member.pin, error))?;
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
            meet(&database, &theirs, origin, skew).await?;
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
                    withheld: false,
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
            if std::mem::take(&mut self.tell_again) {
                self.databases().await?;
                continue;
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
}
