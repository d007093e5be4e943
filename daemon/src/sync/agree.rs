//! The roster over a link that was dialled: statements go to and fro beside the sessions, never behind them.
//!
//! ```text
//!   events ──▶ listen ─┬─ roster, forgotten ──▶ here, at once, whatever session runs
//!                      └─ moved, databases ───▶ Heard ──▶ the sessions, when the running one is done
//! ```
//!
//! # Invariants
//!
//! * A statement waits for no session: a `forget` closes links while rows are on their way.
//! * Nothing is taken from a machine that is out: it is only given what it lacks.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dunlin_rpc::client;
use dunlin_rpc::method::partner::PartnerClient as _;
use dunlin_rpc::wire::partner::{PartnerEvent, RosterAsk};
use jsonrpsee::core::client::Subscription;
use tokio::sync::Notify;

use super::links::Link;
use super::tell::heard;
use crate::error::{Error, Result};
use crate::machine::Machine;
use crate::roster::Member;

/// A goodbye with what the other side should know takes at most so long: links of a forgotten machine are closed
/// within two seconds.
const GOODBYE: Duration = Duration::from_secs(1);

/// What the other side told while a session ran.
#[derive(Debug, Default)]
pub(super) struct Heard {
    told: Mutex<Told>,
    bell: Notify,
}

/// Coalesced: a till that sells all day says the same thing often.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The databases whose journal moved.
    pub(super) moved: BTreeSet<String>,
    /// Other tables are tracked.
    pub(super) databases: bool,
}

impl Heard {
    fn note(&self, note: impl FnOnce(&mut Told)) {
        note(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner));
        self.bell.notify_one();
    }

    /// What was told since the last time; waits for something.
    pub(super) async fn next(&self) -> Told {
        self.bell.notified().await;
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Exchanges statements until both hold the same. `first`: nothing else is answered before.
pub(super) async fn agree(
    machine: &Machine,
    member: &Member,
    (link, handle): (&client::Link, &Link),
    first: bool,
) -> Result<()> {
    let held = machine.roster().ids();
    let ask = RosterAsk { held, statements: Vec::new() };
    let answer = link.partner_roster(ask).await.map_err(heard)?;
    handle.sign_of_life();
    machine.merge_statements(&answer.statements, Some(member.key))?;
    if !answer.wanted.is_empty() || first {
        let ask = giving(machine, &answer.wanted);
        link.partner_roster(ask).await.map_err(heard)?;
    }
    stand(machine, member)
}

/// Are both of us members?
fn stand(machine: &Machine, member: &Member) -> Result<()> {
    if !machine.is_member() {
        return Err(Error::NotAMember);
    }
    if machine.member(member.pin).is_none() {
        return Err(Error::Identified { what: machine.why_out(member.pin) });
    }
    Ok(())
}

fn giving(machine: &Machine, wanted: &[dunlin_rpc::Sum]) -> RosterAsk {
    let wanted: BTreeSet<_> = wanted.iter().collect();
    let roster = machine.roster();
    let mut statements = roster.statements();
    statements.retain(|statement| wanted.contains(&statement.id()));
    RosterAsk { held: roster.ids(), statements }
}

/// Tells the other side why the link closes; one that is out learns by which statements.
pub(super) async fn say_goodbye(
    machine: &Machine,
    pin: dunlin_rpc::Pin,
    link: &client::Link,
    reason: &str,
) {
    let saying = async {
        if machine.member(pin).is_none() || !machine.is_member() {
            let ask = RosterAsk { held: machine.roster().ids(), statements: Vec::new() };
            if let Ok(answer) = link.partner_roster(ask).await {
                let ask = giving(machine, &answer.wanted);
                // He may answer that we are forgotten: then he knows, too.
                drop(link.partner_roster(ask).await);
            }
        }
        link.partner_leave(reason.to_owned()).await
    };
    // If he is gone already, there is nobody to tell.
    drop(tokio::time::timeout(GOODBYE, saying).await);
}

/// Hears what the other side tells, and keeps the rosters equal, until the link ends.
pub(super) async fn listen(
    machine: &Machine,
    member: &Member,
    (link, handle): (&client::Link, &Link),
    events: &mut Subscription<PartnerEvent>,
    told: &Heard,
) -> Result<()> {
    let mut roster = machine.roster_moved();
    loop {
        let event = tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => event,
                Some(Err(error)) => return Err(Error::Link(Box::new(error))),
                None => return Err(Error::Link("the other side hung up".into())),
            },
            _ = roster.changed() => PartnerEvent::Roster,
            () = handle.probe.notified() => PartnerEvent::Roster,
        };
        handle.sign_of_life();
        match event {
            PartnerEvent::Moved { database, .. } => {
                // A name that is not ours is not kept: who made it up could make up many.
                if machine.database(&database).is_ok() {
                    told.note(|told| {
                        told.moved.insert(database);
                    });
                }
            }
            PartnerEvent::Databases => told.note(|told| told.databases = true),
            PartnerEvent::Roster => {
                agree(machine, member, (link, handle), false).await?;
                if handle.under != machine.identity().pin() {
                    // He knows our new key now, and is dialled with it.
                    return Ok(());
                }
            }
            PartnerEvent::Forgotten { statements } => {
                machine.merge_statements(&statements, Some(member.key))?;
                stand(machine, member)?;
            }
            PartnerEvent::Leaving { reason } => {
                let reason = dunlin_logs::clean(&reason, 200);
                return Err(Error::Link(format!("the other side is leaving: {reason}").into()));
            }
        }
    }
}
