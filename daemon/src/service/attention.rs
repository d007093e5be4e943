//! What needs a person: found here, put into words by whoever shows it.

use std::sync::Arc;

use dunlin_rpc::wire::admin::{DatabaseStatus, PartnerStatus};
use dunlin_rpc::wire::overview::Attention;
use dunlin_schema::Overview;

use super::{settings, shop};
use crate::discovery::Discovery;
use crate::machine::{Machine, State};
use crate::roster::Member;

/// A clock further off than this orders edits wrongly often enough for people to notice.
const SKEW_MAX: i64 = 30_000;
/// With less than this left on the disk, a busy day may fill it.
const DISK_MB_MIN: u64 = 500;
/// So long a machine has to be seen before we say that nobody is.
const SEEN_WITHIN: std::time::Duration = std::time::Duration::from_mins(2);

/// Everything that needs a person, the gravest first.
pub(super) async fn attention(
    machine: &Machine,
    databases: &[DatabaseStatus],
    overviews: &[Arc<Overview>],
    partners: &[PartnerStatus],
) -> Vec<Attention> {
    // First, since it does not wait.
    let mut found: Vec<Attention> =
        settings::trying(machine).map(Attention::Trying).into_iter().collect();
    found.extend(shop::attention(machine));
    if let Some(reason) = machine.links.held(machine.identity().pin()) {
        found.push(Attention::Copied { reason });
    }
    // Where this machine is out, that has been said, and is why each of them is as it is.
    let is_member = shop::away(&machine.standing()).is_none();
    for partner in partners.iter().filter(|_| is_member) {
        if partner.state == State::IdentityProblem.word() || partner.state == State::Stopped.word()
        {
            found.push(Attention::Partner {
                id: partner.id,
                name: partner.name.clone(),
                state: partner.state.clone(),
                reason: partner.reason.clone().unwrap_or_default(),
            });
        }
    }
    found.extend(machine.shut().map(|reason| Attention::PageShut { reason }));
    found.extend(odd(machine));
    found.extend(disk(machine).await);
    found.extend(clocks(machine));
    found.extend(rows(machine, databases, overviews));
    if machine.history.lost() > 0 {
        found.push(Attention::HistoryLost { sessions: machine.history.lost() });
    }
    found.extend(multicast(machine));
    found
}

fn odd(machine: &Machine) -> Vec<Attention> {
    let odd = |member: Member| {
        let reason = machine.partner(member.pin).odd?;
        Some(Attention::Odd { id: member.machine, name: member.name, reason })
    };
    machine.others().into_iter().filter_map(odd).collect()
}

fn clocks(machine: &Machine) -> Vec<Attention> {
    let others = machine.others().into_iter();
    others
        .filter_map(|member| {
            let known = machine.partner(member.pin);
            (known.linked && known.skew.abs() > SKEW_MAX).then_some(Attention::Clock {
                id: member.machine,
                name: member.name,
                seconds: known.skew / 1000,
            })
        })
        .collect()
}

/// Held rows and conflicts, table by table; rows that wait for a newer application, all together.
fn rows(
    machine: &Machine,
    databases: &[DatabaseStatus],
    overviews: &[Arc<Overview>],
) -> Vec<Attention> {
    let mut found = Vec::new();
    let waiting = overviews.iter().map(|overview| overview.waiting_for_schema).sum();
    if waiting > 0 {
        found.push(Attention::Schema { rows: waiting });
    }
    for many in overviews.iter().flat_map(|overview| &overview.many_deletes) {
        let roster = machine.roster();
        let member = roster.members().by_machine(many.link);
        let partner = member.map_or_else(|| many.link.to_string(), |member| member.name.clone());
        found.push(Attention::Deletes { table: many.table.clone(), partner, rows: many.rows });
    }
    for table in databases.iter().flat_map(|database| &database.tables) {
        if table.held > 0 {
            found.push(Attention::Held { table: table.name.clone(), rows: table.held });
        }
        if table.conflicts > 0 {
            found.push(Attention::Conflicts { table: table.name.clone(), count: table.conflicts });
        }
    }
    found
}

async fn disk(machine: &Machine) -> Option<Attention> {
    let folder = machine.folder.path().to_owned();
    let disk = tokio::task::spawn_blocking(move || crate::folder::disk(&folder)).await.ok()??;
    let free = disk.free >> 20;
    (free < DISK_MB_MIN).then_some(Attention::Disk { free_mb: free })
}

/// Partners are linked over the network, and none of them was seen on it.
fn multicast(machine: &Machine) -> Option<Attention> {
    use dunlin_schema::Clock as _;
    if !machine.config.discovery.enabled || machine.clock.elapsed() < SEEN_WITHIN {
        return None;
    }
    let seen = machine.discovery().map(Discovery::sightings).unwrap_or_default();
    let linked = machine.others().iter().any(|member| {
        let known = machine.partner(member.pin);
        known.linked && known.address.is_some_and(|address| !address.ip().is_loopback())
    });
    (seen.is_empty() && linked).then_some(Attention::Multicast)
}
