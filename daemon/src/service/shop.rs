//! Who is in the shop, and who is paused: the methods, and what they mean for the status.

use std::collections::BTreeSet;
use std::time::Duration;

use dunlin_rpc::method::shop::ShopServer;
use dunlin_rpc::wire::overview::Attention;
use dunlin_rpc::wire::shop::{Changed, Guest, Left, LetIn, Named, Paused, Renewed};
use dunlin_rpc::{Code, Fault, Sum};
use jsonrpsee::Extensions;
use jsonrpsee::core::{RpcResult, async_trait};
use tokio::time::{Instant, timeout_at};

use crate::clock;
use crate::error::{Error, Result};
use crate::fault::fault;
use crate::machine::Machine;
use crate::roster::{self, Member, Merged, Role, Standing};

/// So long `shop_leave` waits for the partners that are linked to hear of it.
const TO_HEAR: Duration = Duration::from_millis(1_500);

/// Why a machine is forgotten, in its statement. People have their own reasons, and need not tell the shop.
const BY_A_PERSON: &str = "by a person";

/// The methods about the shop.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) machine: Machine,
}

impl Service {
    /// Does something that waits for the disk, off the runtime.
    async fn off<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Machine) -> Result<T> + Send + 'static,
    ) -> RpcResult<T> {
        let machine = self.machine.clone();
        let done = tokio::task::spawn_blocking(move || work(&machine)).await;
        Ok(done.map_err(|_panic| Fault::internal())?.map_err(|error| fault(&error))?)
    }

    async fn leave(&self) -> RpcResult<Left> {
        let machine = &self.machine;
        let shop = machine.roster().shop();
        let linked: Vec<Member> = machine
            .others()
            .into_iter()
            .filter(|member| machine.partner(member.pin).linked && machine.links.any(member.pin))
            .collect();
        self.off(|machine| {
            machine.act(roster::Roster::leave)?;
            // Nobody should join a shop by a machine that has left it.
            machine.invites().withdraw_all(machine.seconds())?;
            Ok(())
        })
        .await?;
        // A link of ours closes once the other side has the statement.
        let late = Instant::now() + TO_HEAR;
        let mut moved = machine.links.moved();
        while linked.iter().any(|member| machine.links.any(member.pin)) {
            if !matches!(timeout_at(late, moved.changed()).await, Ok(Ok(()))) {
                break;
            }
        }
        let told = linked.iter().filter(|member| !machine.links.any(member.pin));
        Ok(Left { shop: shop.to_string(), told: told.map(named).collect() })
    }
}

fn named(member: &Member) -> Named {
    Named { id: member.machine, name: member.name.clone() }
}

fn changed(machine: &Machine, of: &Member, merged: &Merged) -> Changed {
    Changed {
        id: of.machine,
        name: of.name.clone(),
        joined: merged.joined.iter().map(named).collect(),
        gone: merged.gone.iter().map(named).collect(),
        members: machine.roster().members().len() as u64,
    }
}

fn let_in(machine: &Machine, partner: &str) -> Result<LetIn> {
    let (key, member) = machine.find_key(partner)?;
    let guest = |entry: roster::LetIn| Guest {
        id: entry.who.machine,
        name: entry.who.name,
        role: entry.who.role.to_string(),
        since: clock::text(entry.at),
        how: entry.how,
        member: entry.is_member,
    };
    let mut guests: Vec<Guest> = machine.let_in_by(key).into_iter().map(guest).collect();
    // A promotion is a second word about the same machine.
    let mut known = BTreeSet::new();
    guests.retain(|guest| known.insert(guest.id));
    Ok(LetIn {
        id: member.machine,
        name: member.name,
        role: member.role.to_string(),
        pin: member.pin.to_string(),
        let_in: guests,
    })
}

fn forget(machine: &Machine, partner: &str, keep: Option<Vec<String>>) -> Result<Changed> {
    let (key, member) = machine.find_key(partner)?;
    let keep = kept(&machine.let_in_by(key), keep)?;
    let merged = machine.act(|roster, signer| roster.forget(signer, key, &keep, BY_A_PERSON))?;
    Ok(changed(machine, &member, &merged))
}

/// The statements that stay: all, or those about the machines that are named.
fn kept(all: &[roster::LetIn], keep: Option<Vec<String>>) -> Result<BTreeSet<Sum>> {
    let Some(keep) = keep else { return Ok(all.iter().map(|entry| entry.id).collect()) };
    let mut kept = BTreeSet::new();
    for wanted in keep {
        let fitting: Vec<&roster::LetIn> = all
            .iter()
            .filter(|entry| entry.who.name == wanted || entry.who.machine.to_string() == wanted)
            .collect();
        let machines: BTreeSet<_> = fitting.iter().map(|entry| entry.who.machine).collect();
        match machines.len() {
            0 => {
                return Err(Error::Refused(format!(
                    "{wanted:?} is none of the machines that it let in; nothing was changed"
                )));
            }
            1 => kept.extend(fitting.iter().map(|entry| entry.id)),
            _ => {
                return Err(Error::Refused(format!(
                    "several of the machines that it let in are called {wanted:?}; use the id"
                )));
            }
        }
    }
    Ok(kept)
}

/// `keeper` or `member`.
pub(super) fn role(text: &str) -> Result<Role, Fault> {
    match text {
        "keeper" => Ok(Role::Keeper),
        "member" => Ok(Role::Member),
        _ => Err(Fault::new(Code::InvalidParams, "a role in the shop is keeper or member")),
    }
}

fn paused(machine: &Machine) -> Paused {
    let others = machine.others();
    let partners = others.iter().filter(|member| machine.is_paused(member.machine)).map(named);
    Paused { all: machine.is_all_paused(), partners: partners.collect() }
}

#[async_trait]
impl ShopServer for Service {
    async fn partners_let_in(&self, _: &Extensions, partner: String) -> RpcResult<LetIn> {
        Ok(let_in(&self.machine, &partner).map_err(|error| fault(&error))?)
    }

    async fn partners_forget(
        &self,
        _: &Extensions,
        partner: String,
        keep: Option<Vec<String>>,
    ) -> RpcResult<Changed> {
        self.off(move |machine| forget(machine, &partner, keep)).await
    }

    async fn partners_promote(&self, _: &Extensions, partner: String) -> RpcResult<Changed> {
        self.off(move |machine| {
            let member = machine.find(&partner)?;
            let merged = machine.act(|roster, signer| roster.promote(signer, member.key))?;
            Ok(changed(machine, &member, &merged))
        })
        .await
    }

    async fn partners_let_in_again(
        &self,
        _: &Extensions,
        partner: String,
        wanted: Option<String>,
    ) -> RpcResult<Changed> {
        let role = wanted.map_or(Ok(Role::Member), |text| role(&text))?;
        self.off(move |machine| {
            let member = machine.find_lost(&partner)?;
            let again = |roster: &mut roster::Roster, signer: roster::statement::Signer<'_>| {
                roster.let_in_again(signer, member.key, role)
            };
            let merged = machine.act(again)?;
            Ok(changed(machine, &member, &merged))
        })
        .await
    }

    async fn partners_pause(&self, _: &Extensions, partner: Option<String>) -> RpcResult<Paused> {
        self.off(move |machine| {
            let member = partner.map(|wanted| machine.find(&wanted)).transpose()?;
            machine.pause(member.map(|member| member.machine))?;
            Ok(paused(machine))
        })
        .await
    }

    async fn partners_resume(&self, _: &Extensions, partner: Option<String>) -> RpcResult<Paused> {
        self.off(move |machine| {
            let member = partner.map(|wanted| machine.find(&wanted)).transpose()?;
            machine.resume(member.map(|member| member.machine))?;
            Ok(paused(machine))
        })
        .await
    }

    async fn shop_leave(&self, _: &Extensions) -> RpcResult<Left> {
        self.leave().await
    }

    async fn shop_renew(&self, _: &Extensions) -> RpcResult<Renewed> {
        self.off(|machine| {
            let old_roster = machine.renew_shop()?;
            Ok(Renewed { shop: machine.roster().shop().to_string(), old_roster })
        })
        .await
    }
}

/// How this machine stands, in a word.
pub(super) fn standing(standing: &Standing) -> &'static str {
    match standing {
        Standing::Member(Role::Keeper) => "keeper",
        Standing::Member(Role::Member) => "member",
        Standing::Left => "left",
        Standing::Forgotten { .. } => "forgotten",
        Standing::Lost => "lost",
    }
}

/// Why nobody can be a partner of this machine, where it is no member.
pub(super) fn away(standing: &Standing) -> Option<&'static str> {
    match standing {
        Standing::Member(_) => None,
        Standing::Left => Some("this machine has left the shop"),
        Standing::Forgotten { .. } => Some("this machine was forgotten by the shop"),
        Standing::Lost => Some("whoever let this machine in was forgotten"),
    }
}

/// On a keeper: who lost its way and can be let in again.
pub(super) fn lost(machine: &Machine) -> Vec<Named> {
    let us = machine.identity().public_key();
    if machine.roster().members().is_keeper(us) {
        machine.lost().iter().take(roster::MEMBERS_MAX).map(named).collect()
    } else {
        Vec::new()
    }
}

/// What needs a person about the shop itself.
pub(super) fn attention(machine: &Machine) -> Vec<Attention> {
    let mut found = Vec::new();
    match machine.standing() {
        Standing::Member(_) | Standing::Left => {}
        Standing::Forgotten { by, at } => {
            found.push(Attention::Forgotten { by, at: clock::text(at) });
        }
        Standing::Lost => found.push(Attention::Lost),
    }
    let machines = lost(machine);
    if !machines.is_empty() {
        found.push(Attention::Strays { machines });
    }
    let roster = machine.roster();
    if roster.members().len() > 1
        && roster.keepers() == 1
        && let Some(keeper) = roster.members().iter().find(|member| member.role == Role::Keeper)
    {
        found.push(Attention::OneKeeper { id: keeper.machine, name: keeper.name.clone() });
    }
    found
}
