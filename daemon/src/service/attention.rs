//! What needs a person: found here, put into words by whoever shows it.

use std::path::PathBuf;
use std::sync::Arc;

use dunlin_rpc::wire::admin::{DatabaseStatus, PartnerStatus};
use dunlin_rpc::wire::overview::Attention;
use dunlin_schema::Overview;

mod rule;

use super::{settings, shop};
use crate::discovery::Discovery;
use crate::machine::{Machine, State};
use crate::roster::Member;
use crate::sign_in;
use rule::Network;

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
    found.extend(rule::passwords(&sign_in::all_wrong_passwords(machine)));
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
    let linked = machine.others().into_iter().filter_map(|member| {
        let known = machine.partner(member.pin);
        let clock = rule::Clock { id: member.machine, name: member.name, skew: known.skew };
        known.linked.then_some(clock)
    });
    rule::clocks(linked.collect())
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
    for went in overviews.iter().flat_map(|overview| &overview.went) {
        let (table, what, rows) = (went.table.clone(), went.what.clone(), went.rows);
        found.push(Attention::Went { table, what, rows });
    }
    for nameless in overviews.iter().flat_map(|overview| &overview.nameless) {
        let dunlin_schema::Nameless { table, columns, rows } = nameless.clone();
        found.push(Attention::Nameless { table, columns, rows });
    }
    for overview in overviews {
        for one in overview.undeclared.iter().cloned() {
            let (table, column, parent) = (one.child, one.column, one.parent);
            found.push(Attention::Undeclared { table, column, parent, late: overview.has_met });
        }
    }
    for table in databases.iter().flat_map(|database| &database.tables) {
        if let Some(reason) = table.away.clone() {
            found.push(Attention::Away { table: table.name.clone(), reason });
        }
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

/// The disks of the state folder and of the databases.
async fn disk(machine: &Machine) -> Option<Attention> {
    let mut folders = vec![machine.folder.path().to_owned()];
    let files = machine.databases.iter().filter_map(|database| database.path().parent());
    folders.extend(files.map(ToOwned::to_owned));
    let free = move || {
        let free = |folder: &PathBuf| Some(crate::folder::disk(folder)?.free >> 20);
        folders.iter().map(free).collect::<Vec<_>>()
    };
    rule::disk(tokio::task::spawn_blocking(free).await.ok()?)
}

fn multicast(machine: &Machine) -> Option<Attention> {
    use dunlin_schema::Clock as _;
    let seen = machine.discovery().map(Discovery::sightings).unwrap_or_default();
    let linked = machine.others().into_iter().filter_map(|member| {
        let known = machine.partner(member.pin);
        known.address.filter(|_| known.linked).map(|address| address.ip())
    });
    rule::multicast(Network {
        looking: machine.config.discovery.enabled,
        uptime: machine.clock.elapsed(),
        seen: seen.len(),
        linked: &linked.collect::<Vec<_>>(),
    })
}
