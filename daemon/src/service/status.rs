//! How the machine stands: what `dunlin status` and the page show, and what needs a person.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use dunlin_rpc::wire::admin::{
    DatabaseStatus, HappenedEntry, MachineStatus, PartnerStatus, SightingStatus, Status,
    TableStatus, UnlikeTable,
};
use dunlin_schema::{Clock as _, Happened, Overview, Waiting};
use uuid::Uuid;

use super::{attention, settings, shop, there};
use crate::clock;
use crate::discovery::{Discovery, Kind, Nets, Sighting};
use crate::error::Result;
use crate::machine::{Machine, Moving, Partner, State};
use crate::roster::{Member, Standing};
use crate::{sign_in, watch};

/// Everything that `dunlin status` and the page show.
pub(crate) async fn status(machine: &Machine) -> Result<Status> {
    let overviews = overviews(machine).await?;
    let pairs = machine.databases.iter().zip(&overviews);
    let databases: Vec<DatabaseStatus> = pairs
        .map(|(database, overview)| DatabaseStatus {
            name: database.name().to_owned(),
            epoch: format!("{:016x}", database.origin().epoch),
            position: database.end(),
            tables: tables(machine, database.name(), overview),
        })
        .collect();
    let happened = happened(machine).await?;
    let standing = machine.standing();
    // Who is in no shop sees everybody as a stranger.
    let members: Vec<String> = match standing {
        Standing::Member(_) => {
            machine.roster().members().iter().map(|member| member.machine.to_string()).collect()
        }
        Standing::Left | Standing::Forgotten { .. } | Standing::Lost => Vec::new(),
    };
    let sightings = machine.discovery().map(Discovery::sightings).unwrap_or_default();
    let (shop, count) = {
        let roster = machine.roster();
        (roster.shop().to_string(), roster.members().len())
    };
    let partners = partners(machine, &overviews);
    Ok(Status {
        attention: attention::attention(machine, &databases, &overviews, &partners).await,
        doors: doors(machine),
        machine: MachineStatus {
            id: machine.id(),
            name: machine.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pin: machine.identity().pin().to_string(),
            shop,
            members: if matches!(standing, Standing::Member(_)) { count as u64 } else { 0 },
            role: shop::standing(&standing).to_owned(),
            paused: machine.is_all_paused(),
            rotation: super::key::rotation(machine),
        },
        databases,
        partners,
        lost: shop::lost(machine),
        sightings: sightings
            .into_iter()
            .filter(|sighting| !members.contains(&sighting.advert.id.to_string()))
            .map(|sighting| seen(machine, &sighting))
            .collect(),
        sign_ins: sign_in::wrong_passwords(machine),
        happened,
        started: clock::text(machine.started),
        uptime: machine.clock.elapsed().as_secs(),
    })
}

/// How each database stands: one question to each.
pub(super) async fn overviews(machine: &Machine) -> Result<Vec<Arc<Overview>>> {
    let mut all = Vec::new();
    for database in &machine.databases {
        all.push(database.call(dunlin_schema::Store::overview).await?);
    }
    Ok(all)
}

fn seen(machine: &Machine, sighting: &Sighting) -> SightingStatus {
    let advert = &sighting.advert;
    SightingStatus {
        id: advert.id.to_string(),
        name: advert.name.clone(),
        address: advert.addresses.first().map_or_else(String::new, ToString::to_string),
        first_seen: sighting.first_seen.as_secs(),
        shop: advert.shop.clone(),
        ignored: machine.is_ignored(advert.id),
        old: advert.kind == Kind::Sahana,
    }
}

/// What other programs did to the databases.
async fn happened(machine: &Machine) -> Result<Vec<HappenedEntry>> {
    let mut all = Vec::new();
    for database in &machine.databases {
        let happened = database.call(|store| Ok(store.happened().to_vec())).await?;
        all.extend(happened.iter().map(|Happened { time, what }| HappenedEntry {
            database: database.name().to_owned(),
            time: clock::text(*time),
            what: watch::words(what),
        }));
    }
    Ok(all)
}

pub(super) fn tables(machine: &Machine, database: &str, overview: &Overview) -> Vec<TableStatus> {
    let partners: Vec<Partner> =
        machine.others().into_iter().map(|member| machine.partner(member.pin)).collect();
    let tables = overview.tables.iter();
    tables
        .map(|table| TableStatus {
            name: table.name.clone(),
            rows: table.rows,
            digest: table.digest.clone(),
            held: table.held,
            conflicts: table.conflicts,
            naming: table.naming.to_owned(),
            standing: table.standing,
            away: table.away.clone(),
            compared: there::summary(database, table, &partners),
        })
        .collect()
}

/// The partners, by name; none once this machine has left its shop.
pub(super) fn partners(machine: &Machine, overviews: &[Arc<Overview>]) -> Vec<PartnerStatus> {
    let standing = machine.standing();
    if standing == Standing::Left {
        return Vec::new();
    }
    let mut waiting: BTreeMap<Uuid, Waiting> = BTreeMap::new();
    for (id, more) in overviews.iter().flat_map(|overview| &overview.by_machine) {
        let all = waiting.entry(*id).or_default();
        all.held += more.held;
        all.conflicts += more.conflicts;
    }
    let sightings = machine.discovery().map(Discovery::sightings).unwrap_or_default();
    let around = Around { away: shop::away(&standing), sightings: &sightings, overviews };
    let of = |member: &Member| waiting.get(&member.machine).copied().unwrap_or_default();
    let others = machine.others();
    others.iter().map(|member| partner(machine, member, of(member), &around)).collect()
}

/// What is the same for all partners.
struct Around<'a> {
    /// Why this machine exchanges nothing with anybody, if it does not.
    away: Option<&'a str>,
    sightings: &'a [Sighting],
    overviews: &'a [Arc<Overview>],
}

fn partner(
    machine: &Machine,
    member: &Member,
    waiting: Waiting,
    around: &Around<'_>,
) -> PartnerStatus {
    let known = machine.partner(member.pin);
    let held = machine.links.held(member.pin);
    let paused = machine.is_paused(member.machine);
    let state = known.state(held.as_deref(), paused, machine.clock.now());
    let state = if state == State::UpToDate && !shows_the_same(machine, around, &known) {
        State::Waiting
    } else {
        state
    };
    let away = around.away.filter(|_| !known.linked);
    let unlike = unlike(&known);
    // Who is out of the shop goes on asking whether he is let in again, and no row hangs on it.
    let is_tried = state != State::Paused && away.is_none();
    let end = |name: &str| {
        let database = machine.databases.iter().find(|database| database.name() == name);
        database.map_or(0, crate::database::Database::end)
    };
    PartnerStatus {
        id: member.machine,
        name: member.name.clone(),
        state: if away.is_some() { State::Stopped } else { state }.word().to_owned(),
        role: member.role.to_string(),
        paused,
        address: known.address.map(|address| address.to_string()),
        last_seen: known.last_seen.map(clock::text),
        waiting_in: known.waiting_in(),
        waiting_out: known.waiting_out(end),
        next_try_seconds: known.next_try_seconds().filter(|_| is_tried),
        attempt: if is_tried { known.attempt } else { 0 },
        reason: away.map(str::to_owned).or(match state {
            State::IdentityProblem => held.or(known.impostor),
            State::Stopped => known.stopped,
            State::Waiting => Some(rows_wait().to_owned()),
            State::UpToDate | State::CatchingUp | State::Paused => None,
            State::Retrying | State::Offline => known.reason,
        }),
        linked_since: known.linked_since.map(clock::text),
        found: found(machine, member, around.sightings).map(ToOwned::to_owned),
        clock_ms: known.compared.map(|_| known.skew),
        compared: known.compared_at.map(clock::text),
        moved: known.moving.map_or(0, |moving| moving.rows),
        left: known.moving.map(|moving| moving.left),
        left_seconds: known.moving.and_then(Moving::left_seconds),
        round_trip_ms: known.round_trip.and_then(|took| u64::try_from(took.as_millis()).ok()),
        held: Some(waiting.held),
        conflicts: Some(waiting.conflicts),
        unlike,
    }
}

/// Do the tables here show the same as this partner's, all databases together?
fn shows_the_same(machine: &Machine, around: &Around<'_>, known: &Partner) -> bool {
    let mut pairs = machine.databases.iter().zip(around.overviews);
    pairs
        .all(|(database, overview)| there::shows_the_same(database.name(), &overview.tables, known))
}

/// Where a partner's tables have other columns.
fn unlike(known: &Partner) -> Vec<UnlikeTable> {
    let all = known.unlike.iter();
    all.flat_map(|(database, tables)| {
        tables.iter().map(|table| UnlikeTable {
            database: database.clone(),
            table: table.table.clone(),
            newer: table.newer,
            has: table.has.clone(),
            lacks: table.lacks.clone(),
        })
    })
    .collect()
}

/// Why all is exchanged and the tables do not show the same.
fn rows_wait() -> &'static str {
    "all is exchanged; some rows of one side are not shown as they were written until both applications are of one version, or a person decides"
}

/// What is open to the network: nobody should have to remember it.
fn doors(machine: &Machine) -> Vec<String> {
    let listening = machine.listening();
    let mut sentences = Vec::new();
    if !listening.lan.is_empty() {
        let own = Nets::now(false).own();
        let addresses = shown(&settings::reached(&listening.lan, &own), "https");
        let fingerprint = listening.fingerprint.unwrap_or_default();
        sentences.push(format!(
            "this page is at {addresses}; the certificate that a browser is shown there has the SHA-256 fingerprint {fingerprint}"
        ));
    }
    if !listening.old_callers.is_empty() {
        let addresses = shown(&listening.old_callers, "http");
        let from = &machine.config.old_callers.allow;
        let from: Vec<String> = from.iter().map(ToString::to_string).collect();
        sentences.push(format!(
            "old programs are answered at {addresses}, without encryption, when they call from {}",
            from.join(", ")
        ));
    }
    sentences
}

fn shown(addresses: &[SocketAddr], scheme: &str) -> String {
    let shown = addresses.iter().map(|address| format!("{scheme}://{address}"));
    shown.collect::<Vec<_>>().join(", ")
}

/// How its address is known.
fn found(machine: &Machine, member: &Member, seen: &[Sighting]) -> Option<&'static str> {
    if seen.iter().any(|sighting| sighting.advert.id == member.machine) {
        return Some("mdns");
    }
    if machine.links.of(member.pin).iter().any(|link| !link.ours) {
        return Some("calls");
    }
    let configured = machine.config.partner(&member.machine.to_string(), &member.name);
    if configured.is_some_and(|entry| !entry.addresses.is_empty()) {
        return Some("configured");
    }
    (!machine.remembered(member.pin).is_empty()).then_some("remembered")
}
