//! How the machine stands: what `dunlin status` and the page show, and what needs a person.

use dunlin_rpc::wire::admin::{
    DatabaseStatus, MachineStatus, PartnerStatus, SightingStatus, Status, TableStatus,
};
use dunlin_schema::Clock as _;

use crate::clock;
use crate::database::Database;
use crate::discovery::Discovery;
use crate::error::Result;
use crate::machine::{Machine, State};
use crate::roster::Member;

/// Everything that `dunlin status` and the page show.
pub(crate) async fn status(machine: &Machine) -> Result<Status> {
    let mut databases = Vec::new();
    for database in &machine.databases {
        databases.push(DatabaseStatus {
            name: database.name().to_owned(),
            epoch: format!("{:016x}", database.origin().epoch),
            position: database.end(),
            tables: tables(database).await?,
        });
    }
    let members: Vec<String> =
        machine.roster().members().iter().map(|member| member.machine.to_string()).collect();
    let sightings = machine.discovery().map(Discovery::sightings).unwrap_or_default();
    let (shop, count) = {
        let roster = machine.roster();
        (roster.shop().to_string(), roster.members().len())
    };
    let partners: Vec<PartnerStatus> =
        machine.others().iter().map(|member| partner(machine, member)).collect();
    Ok(Status {
        attention: attention(machine, &databases, &partners),
        machine: MachineStatus {
            id: machine.id(),
            name: machine.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pin: machine.identity.pin().to_string(),
            shop,
            members: count as u64,
        },
        databases,
        partners,
        sightings: sightings
            .into_iter()
            .filter(|sighting| !members.contains(&sighting.advert.id.to_string()))
            .map(|sighting| SightingStatus {
                id: sighting.advert.id.to_string(),
                name: sighting.advert.name.clone(),
                address: sighting
                    .advert
                    .addresses
                    .first()
                    .map_or_else(String::new, ToString::to_string),
            })
            .collect(),
        started: clock::text(machine.started),
        uptime: machine.clock.elapsed().as_secs(),
    })
}

pub(super) async fn tables(database: &Database) -> Result<Vec<TableStatus>> {
    let tables = database.call(dunlin_schema::Store::tables).await?;
    Ok(tables
        .into_iter()
        .map(|table| TableStatus {
            name: table.name,
            rows: table.rows,
            digest: table.digest,
            held: table.held,
            conflicts: table.conflicts,
            naming: table.naming.to_owned(),
        })
        .collect())
}

pub(super) fn partner(machine: &Machine, member: &Member) -> PartnerStatus {
    let known = machine.partner(member.pin);
    let held = machine.links.held(member.pin);
    let state = known.state(held.as_deref(), machine.clock.now());
    let rows = |rows: u64| known.compared.map(|_| rows);
    PartnerStatus {
        id: member.machine,
        name: member.name.clone(),
        state: state.word().to_owned(),
        address: known.address.map(|address| address.to_string()),
        last_seen: known.last_seen.map(clock::text),
        waiting_in: rows(known.waiting_in),
        waiting_out: rows(known.waiting_out),
        next_try_seconds: known.next_try_seconds(),
        attempt: known.attempt,
        reason: match state {
            State::IdentityProblem => held.or(known.impostor),
            State::Stopped => known.stopped,
            State::UpToDate | State::CatchingUp => None,
            State::Retrying | State::Offline => known.reason,
        },
    }
}

/// What needs a person: one sentence each.
fn attention(
    machine: &Machine,
    databases: &[DatabaseStatus],
    partners: &[PartnerStatus],
) -> Vec<String> {
    /// A clock further off than this orders edits wrongly often enough for people to notice.
    const SKEW_MAX: i64 = 30_000;
    let mut sentences = Vec::new();
    if let Some(reason) = machine.links.held(machine.identity.pin()) {
        sentences.push(format!("this machine: {reason}"));
    }
    for partner in partners {
        if partner.state == State::IdentityProblem.word() || partner.state == State::Stopped.word()
        {
            let reason = partner.reason.clone().unwrap_or_default();
            sentences.push(format!("partner {:?}: {reason}", partner.name));
        }
    }
    for member in machine.others() {
        let known = machine.partner(member.pin);
        if let Some(odd) = &known.odd {
            sentences.push(format!(
                "partner {:?}: {odd}; if this comes again, look at that machine, or forget it",
                member.name
            ));
        }
        if known.linked && known.skew.abs() > SKEW_MAX {
            let seconds = known.skew.abs() / 1000;
            sentences.push(format!(
                "the clocks of this machine and {:?} are {seconds} seconds apart; set the wrong one right",
                member.name
            ));
        }
    }
    for table in databases.iter().flat_map(|database| &database.tables) {
        if table.held > 0 {
            let rows = if table.held == 1 { "row is" } else { "rows are" };
            sentences
                .push(format!("{}: {} {rows} held; see `dunlin held`", table.name, table.held));
        }
        if table.conflicts > 0 {
            let many = if table.conflicts == 1 { "conflict" } else { "conflicts" };
            sentences.push(format!(
                "{}: {} {many}; see `dunlin conflicts`",
                table.name, table.conflicts
            ));
        }
    }
    if machine.history.lost() > 0 {
        sentences.push("the history could not be written; is the disk full?".to_owned());
    }
    sentences
}
