//! The dialler's side of a link: greet, agree on the roster, tell of the databases, then session after session.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dunlin_rpc::method::partner::PartnerClient as _;
use dunlin_rpc::wire::partner::{self as wire, Databases};
use dunlin_rpc::{Pin, client};
use dunlin_schema::{Clock as _, Origin, Store};
use tracing::{debug, info};

use super::agree::{self, Heard};
use super::exchange::{Asked, PAGE_BYTES_FIRST, Side};
use super::links::Link;
use super::tell::{
    ByName, check_greeting, describe, first_moved, greeting, heard, knows_parts, learn, meet, skew,
    stop_at,
};
use crate::convert;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::machine::{FORGOTTEN, Machine, PAUSED};
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
    /// He knows of rows whose columns were written by different versions.
    pub(super) knows_parts: bool,
    /// The databases have to be told of anew.
    pub(super) tell_again: bool,
    pub(super) sides: HashMap<String, Side>,
}

/// Runs a link that was dialled with the key `under` until it ends. True: it got past the greeting.
pub async fn run(
    machine: &Machine,
    member: &Member,
    link: client::Link,
    address: SocketAddr,
    under: Pin,
    was_ready: &mut bool,
) -> Result<()> {
    let handle = machine.links.begin(member.pin, true, under);
    let mut driver = Driver {
        machine: machine.clone(),
        member: member.clone(),
        link: &link,
        handle: Arc::clone(&handle),
        skew: 0,
        knows_parts: false,
        tell_again: false,
        sides: HashMap::new(),
    };
    let ended = tokio::select! {
        // First: what a link that closes was about to send stays here.
        biased;
        reason = handle.closed() => {
            debug!(partner = %member.machine, cause = reason, "link closed");
            Ok(reason)
        }
        ended = driver.live(address, was_ready) => ended,
    };
    if let Ok(reason) = &ended {
        // While it lasts the link counts: `leave` says whom it has told.
        agree::say_goodbye(machine, member.pin, &link, reason).await;
    }
    machine.links.end(&handle);
    let reason = ended?;
    if reason == PAUSED { Err(Error::PausedHere) } else { Ok(()) }
}

/// Gives a machine that is out the statements that say so; nothing is taken from it.
pub async fn tell_forgotten(machine: &Machine, member: &Member, link: &client::Link) -> Result<()> {
    link.partner_greet(greeting(machine)).await.map_err(heard)?;
    agree::say_goodbye(machine, member.pin, link, FORGOTTEN).await;
    Ok(())
}

impl Driver<'_> {
    /// Runs until the link breaks; answers why it ends where it ends well.
    async fn live(&mut self, address: SocketAddr, was_ready: &mut bool) -> Result<String> {
        self.greet().await?;
        let (machine, member) = (self.machine.clone(), self.member.clone());
        let handle = Arc::clone(&self.handle);
        let over = (self.link, &*handle);
        agree::agree(&machine, &member, over, true).await?;
        machine.heard_by(member.machine, handle.under);
        if machine.is_paused(member.machine) {
            // Statements go to and fro all the same.
            return Ok(PAUSED.to_owned());
        }
        let mut events = self.link.partner_events().await.map_err(heard)?;
        self.databases().await?;
        self.handle.is_ready();
        *was_ready = true;
        let now = self.machine.clock.now();
        self.machine.note(self.member.pin, |partner| {
            partner.linked = true;
            partner.linked_since.get_or_insert(now);
            partner.address = Some(address);
            partner.last_seen = Some(now);
            partner.attempt = 0;
            partner.reason = None;
            partner.impostor = None;
            partner.next_try = None;
            partner.skew = self.skew;
        });
        let remembering = machine.clone();
        let pin = member.pin;
        drop(tokio::task::spawn_blocking(move || {
            remembering.remember_address(pin, Some(address), now);
        }));
        info!(partner = %self.member.machine, "linked");
        let heard = Heard::default();
        tokio::select! {
            ended = self.sessions(&heard) => ended?,
            ended = agree::listen(&machine, &member, over, &mut events, &heard) => ended?,
        }
        Ok(String::new())
    }

    async fn greet(&mut self) -> Result<()> {
        let ours = greeting(&self.machine);
        let asked = (ours.clock, Instant::now());
        let theirs = self.link.partner_greet(ours).await.map_err(heard)?;
        self.skew = skew(theirs.clock, asked);
        self.knows_parts = knows_parts(&theirs);
        check_greeting(&self.machine, &self.member, &theirs)
            .inspect_err(|error| stop_at(&self.machine, self.member.pin, error))?;
        self.handle.sign_of_life();
        self.machine.links.admit(&self.handle, &theirs.boot).await.map_err(Error::Partner)
    }

    async fn databases(&mut self) -> Result<()> {
        let ask = Databases { databases: describe(&self.machine, &HashMap::new()).await? };
        let answer = self.link.partner_databases(ask).await.map_err(heard)?;
        self.handle.sign_of_life();
        for theirs in answer.databases {
            let Ok(database) = self.machine.database(&theirs.name) else { continue };
            let (database, skew) = (database.clone(), self.skew);
            if self.knows_parts {
                self.facts(&database, &theirs).await?;
            }
            let origin = Origin { machine: self.member.machine, epoch: theirs.epoch.0 };
            meet((&self.machine, &self.member), &database, &theirs, skew).await?;
            let cursor = theirs.cursor_in(wire::Epoch(database.origin().epoch));
            self.sides.insert(
                theirs.name.clone(),
                Side {
                    database,
                    origin,
                    cursor,
                    end: theirs.end,
                    knowledge: convert::knowledge_in(&theirs.knowledge),
                    nothing_before: 0,
                    limit_in: PAGE_BYTES_FIRST,
                    limit_out: PAGE_BYTES_FIRST,
                    ahead_in: None,
                    ahead_out: None,
                    withheld: false,
                    asked: Asked::default(),
                    pull: true,
                    push: true,
                },
            );
        }
        Ok(())
    }

    /// Before the first page both know what became of columns and names.
    async fn facts(&self, database: &Database, theirs: &wire::Database) -> Result<()> {
        let ours = database.call(Store::facts_digest).await?;
        if theirs.facts == Some(wire::Epoch(ours)) {
            return Ok(());
        }
        let known = database.call(Store::facts).await?;
        let ask = convert::facts_out(database.name(), known);
        let answer = self.link.partner_facts(ask).await.map_err(heard)?;
        self.handle.sign_of_life();
        learn((&self.machine, &self.member), database, answer)
            .await
            .inspect_err(|error| stop_at(&self.machine, self.member.pin, error))?;
        Ok(())
    }

    /// Session after session, whenever something moves on either side.
    async fn sessions(&mut self, heard: &Heard) -> Result<()> {
        let mut moved = self
            .sides
            .values()
            .map(|side| (side.database.name().to_owned(), side.database.moved()))
            .collect();
        let mut declarations: ByName = self
            .machine
            .databases
            .iter()
            .map(|d| (d.name().to_owned(), d.declarations()))
            .collect();
        let mut wanted: ByName =
            self.machine.databases.iter().map(|d| (d.name().to_owned(), d.wanted())).collect();
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
                told = heard.next() => {
                    for name in &told.moved {
                        if let Some(side) = self.sides.get_mut(name) {
                            side.pull = true;
                        }
                    }
                    if told.databases {
                        self.databases().await?;
                    }
                }
                name = first_moved(&mut moved) => {
                    if let Some(side) = self.sides.get_mut(&name) {
                        side.push = true;
                    }
                }
                name = first_moved(&mut wanted) => {
                    if let Some(side) = self.sides.get_mut(&name) {
                        side.pull = true;
                    }
                }
                _ = first_moved(&mut declarations) => self.databases().await?,
                () = self.handle.poke.notified() => self.want_all(),
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
}
