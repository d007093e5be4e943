//! `/metrics`: how the machine stands, as Prometheus reads it.
//!
//! # Invariants
//!
//! * A partner is named by the first eight digits of its id, never by a name that somebody chose.
//! * What is not known is left out: a 0 would be a claim.
//! * Nobody waits to be counted: what is counted are atomics, and nothing here takes a lock that merging takes.

mod exposition;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;

use axum::extract::{Extension, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use dunlin_rpc::method::admin::AdminClient as _;
use dunlin_rpc::wire::admin::{PartnerStatus, Status, TableStatus};
use dunlin_rpc::wire::overview::Attention;
use dunlin_rpc::{Caller, Code};
use dunlin_schema::{Clock as _, Counted, Millis};
use uuid::Uuid;

use super::Front;
use super::visit;
use super::words;
use crate::discovery::Discovery;
use crate::folder::{Disk, disk};
use crate::machine::{Machine, Partner, Tally};
use crate::service::Inside;
use exposition::Exposition;

/// The states of a partner, all of them always: a graph needs the zeros.
const STATES: [&str; 8] = [
    "Up to date",
    "Waiting",
    "Catching up",
    "Retrying",
    "Offline",
    "Paused",
    "Stopped",
    "Identity problem",
];

/// `GET /metrics`: for whoever may look.
pub(super) async fn metrics(
    State(front): State<Front>,
    Extension(caller): Extension<Caller>,
) -> Response {
    let inside = Inside { api: front.api.clone(), caller };
    let status = match inside.machine_status().await {
        Ok(status) => status,
        Err(error) => {
            return match visit::fault(error).code {
                Code::NotSignedIn => StatusCode::UNAUTHORIZED,
                Code::NotAllowed => StatusCode::FORBIDDEN,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            }
            .into_response();
        }
    };
    let mut facts = Facts::of(&front.machine, status);
    facts.look(&front.machine).await;
    let text = text(&facts, &front.machine.tally);
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// All that is told and not counted by the tally.
#[derive(Default)]
struct Facts {
    status: Status,
    /// Seconds that linked partners are behind.
    lags: Vec<(Uuid, f64)>,
    /// Adverts of members and of strangers.
    heard: Option<[u64; 2]>,
    /// Where the state folder lies.
    disk: Option<Disk>,
    files: Vec<File>,
}

/// A database's file and its write-ahead log, in bytes, and what is measured of it.
#[derive(Default)]
struct File {
    database: String,
    bytes: u64,
    wal: u64,
    disk: Option<Disk>,
    apply: Counted,
    commit: Counted,
    found_by_poll: u64,
}

impl Facts {
    fn of(machine: &Machine, status: Status) -> Self {
        let now = machine.clock.now();
        let level = |id| {
            let of = |partner: &&PartnerStatus| partner.id == id;
            status.partners.iter().find(of).is_some_and(|partner| partner.state == STATES[0])
        };
        let lags = machine.others().into_iter().filter_map(|member| {
            let known = machine.partner(member.pin);
            Some((member.machine, lag(&known, level(member.machine), now)?))
        });
        Self {
            lags: lags.collect(),
            heard: machine.discovery().map(Discovery::heard),
            status,
            ..Self::default()
        }
    }

    /// What the disk has to be asked for.
    async fn look(&mut self, machine: &Machine) {
        let folder = machine.folder.path().to_owned();
        let databases = machine.databases.clone();
        let look = move || {
            let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
            let each = databases.iter().map(|database| {
                let path = database.path();
                let mut wal = path.to_owned().into_os_string();
                wal.push("-wal");
                File {
                    database: database.name().to_owned(),
                    bytes: size(path),
                    wal: size(Path::new(&wal)),
                    disk: path.parent().and_then(disk),
                    apply: database.meters().apply.counted(),
                    commit: database.meters().commit.counted(),
                    found_by_poll: database.found_by_poll(),
                }
            });
            (each.collect(), disk(&folder))
        };
        (self.files, self.disk) = tokio::task::spawn_blocking(look).await.unwrap_or_default();
    }
}

/// For how long it has not been known that a linked partner has all that is here, in seconds: none while it is level.
/// How far behind a partner is that is away, nobody knows.
fn lag(known: &Partner, is_level: bool, now: Millis) -> Option<f64> {
    if !known.linked {
        return None;
    }
    if is_level {
        return Some(0.0);
    }
    // A session that got to its end found all that was there when it began.
    let since_session = known.compared.map(|compared| compared.elapsed().as_secs_f64());
    let since_link = known.linked_since.map(|since| {
        std::time::Duration::from_millis(u64::try_from(now - since).unwrap_or(0)).as_secs_f64()
    });
    since_session.or(since_link)
}

/// The whole answer.
fn text(facts: &Facts, tally: &Tally) -> String {
    let (mut out, status) = (Exposition::default(), &facts.status);
    out.gauge("up", "The daemon runs.").value(&[], 1);
    let version = status.machine.version.as_str();
    out.gauge("build_info", "The program.").value(&[("version", version)], 1);
    out.gauge("uptime_seconds", "Since the daemon started.").value(&[], status.uptime);
    out.gauge("epoch", "The life of the database's file; another after a restore or a copy.");
    for database in &status.databases {
        out.value(&[("database", &database.name), ("epoch", &database.epoch)], 1);
    }
    out.gauge("attention", "Things that need a person.").value(&[], status.attention.len());
    let copied = |one: &&Attention| matches!(one, Attention::Copied { .. });
    let clashes = status.attention.iter().filter(copied).count()
        + status.partners.iter().filter(|partner| partner.state == "Identity problem").count();
    out.gauge("identity_clashes", "Keys, ours among them, that another machine seems to have.")
        .value(&[], clashes);

    out.gauge("partners", "Partners by state.");
    for state in STATES {
        let count = status.partners.iter().filter(|partner| partner.state == state).count();
        let word = state.to_lowercase().replace(' ', "_");
        out.value(&[("state", &word)], count);
    }
    partners(&mut out, facts);
    tables(&mut out, status);
    counters(&mut out, tally);
    if let Some([members, strangers]) = facts.heard {
        out.counter(
            "discovery_announcements_total",
            "Adverts of other machines, by who they say they are.",
        )
        .value(&[("known", "true")], members)
        .value(&[("known", "false")], strangers);
    }
    out.gauge("sightings", "Machines seen that are no partners.")
        .value(&[], status.sightings.len());
    files(&mut out, facts);
    out.text
}

fn counters(out: &mut Exposition, tally: &Tally) {
    for (name, help, counter) in [
        ("rows_sent_total", "Rows that went out.", &tally.sent),
        ("rows_received_total", "Rows that came in.", &tally.received),
        ("rows_applied_total", "Rows of partners that changed a table.", &tally.applied),
        ("bytes_sent_total", "Bytes of rows that went out.", &tally.bytes_sent),
        ("bytes_received_total", "Bytes of rows that came in.", &tally.bytes_received),
        ("sessions_total", "Sessions.", &tally.sessions),
        ("sessions_failed_total", "Sessions that did not get to their end.", &tally.failed),
    ] {
        out.counter(name, help).value(&[], counter.load(Ordering::Relaxed));
    }
    out.counter(
        "conflicts_total",
        "Versions that lost unseen, and what people here did about them.",
    );
    for (result, counter) in
        [("found", &tally.conflicts), ("restored", &tally.restored), ("kept", &tally.kept)]
    {
        out.value(&[("result", result)], counter.load(Ordering::Relaxed));
    }
    out.counter("auth_failures_total", "Passwords and tokens that did not let their caller in.");
    for (shown, counter) in [("password", &tally.wrong_passwords), ("token", &tally.wrong_tokens)] {
        out.value(&[("shown", shown)], counter.load(Ordering::Relaxed));
    }
}

fn files(out: &mut Exposition, facts: &Facts) {
    out.gauge("db_bytes", "Size of the database's file.");
    for file in &facts.files {
        out.value(&[("database", &file.database)], file.bytes);
    }
    out.gauge("wal_bytes", "Size of its write-ahead log.");
    for file in &facts.files {
        out.value(&[("database", &file.database)], file.wal);
    }
    let disks = || {
        let ours = facts.disk.map(|disk| (vec![("holds", "state")], disk));
        let theirs = facts.files.iter().filter_map(|file| {
            Some((vec![("holds", "database"), ("database", file.database.as_str())], file.disk?))
        });
        ours.into_iter().chain(theirs)
    };
    out.gauge("disk_bytes", "Size of the disk on which the folder lies.");
    for (labels, disk) in disks() {
        out.value(&labels, disk.bytes);
    }
    out.gauge("disk_free_bytes", "What may still be written there.");
    for (labels, disk) in disks() {
        out.value(&labels, disk.free);
    }
    out.histogram("apply_seconds", "A partner's page, from its turn to its commit.");
    for file in &facts.files {
        out.counted(&[("database", &file.database)], &file.apply);
    }
    out.histogram("fsync_seconds", "Commits of ours that wait for the disk.");
    for file in &facts.files {
        out.counted(&[("database", &file.database)], &file.commit);
    }
    let help = "Times that looking once a second found what no event had told of.";
    out.counter("found_by_poll_total", help);
    for file in &facts.files {
        out.value(&[("database", &file.database)], file.found_by_poll);
    }
}

/// Eight digits of each partner's id, all of them where two share those: a series told twice spoils the whole answer.
fn names(partners: &[PartnerStatus]) -> BTreeMap<Uuid, String> {
    let whole = |partner: &PartnerStatus| partner.id.simple().to_string();
    let short = |partner: &PartnerStatus| whole(partner).chars().take(8).collect::<String>();
    let mut shared: BTreeMap<String, usize> = BTreeMap::new();
    for partner in partners {
        *shared.entry(short(partner)).or_default() += 1;
    }
    let name = |partner: &PartnerStatus| match shared.get(&short(partner)) {
        Some(1) => short(partner),
        _ => whole(partner),
    };
    partners.iter().map(|partner| (partner.id, name(partner))).collect()
}

fn partners(out: &mut Exposition, facts: &Facts) {
    let partners = &facts.status.partners;
    let names = names(partners);
    let name = |id: Uuid| names.get(&id).map_or("", String::as_str);
    out.gauge("rows_pending", "Rows on their way to or from a partner.");
    for partner in partners {
        for (way, rows) in [("in", partner.waiting_in), ("out", partner.waiting_out)] {
            if let Some(rows) = rows {
                out.value(&[("partner", name(partner.id)), ("way", way)], rows);
            }
        }
    }
    out.gauge("sync_lag_seconds", "Since a linked partner and we were last level.");
    for (id, lag) in facts.lags.iter().filter(|(id, _)| names.contains_key(id)) {
        out.value(&[("partner", name(*id))], format_args!("{lag:.3}"));
    }
    out.gauge("last_success_timestamp_seconds", "When both sides last compared.");
    for partner in partners {
        if let Some(time) = partner.compared.as_deref().and_then(words::time) {
            out.value(&[("partner", name(partner.id))], time.and_utc().timestamp());
        }
    }
    out.gauge("last_seen_timestamp_seconds", "When a link was last alive.");
    for partner in partners {
        if let Some(time) = partner.last_seen.as_deref().and_then(words::time) {
            out.value(&[("partner", name(partner.id))], time.and_utc().timestamp());
        }
    }
    out.gauge("clock_skew_seconds", "How far a partner's clock is ahead.");
    for partner in partners {
        if let Some(ms) = partner.clock_ms {
            let sign = if ms < 0 { "-" } else { "" };
            let (whole, rest) = (ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000);
            out.value(&[("partner", name(partner.id))], format_args!("{sign}{whole}.{rest:03}"));
        }
    }
}

fn tables(out: &mut Exposition, status: &Status) {
    let sum = |of: fn(&TableStatus) -> u64| {
        status.databases.iter().flat_map(|database| &database.tables).map(of).sum::<u64>()
    };
    out.gauge("rows", "Live rows of all tracked tables.").value(&[], sum(|table| table.rows));
    out.gauge("rows_held", "Rows known and not shown.").value(&[], sum(|table| table.held));
    let waiting = status.attention.iter().map(|one| match one {
        Attention::Deletes { rows, .. } => *rows,
        _ => 0,
    });
    out.gauge("deletes_waiting", "Deletes that wait for a person.")
        .value(&[], waiting.sum::<u64>());
    let conflicts = sum(|table| table.conflicts);
    out.gauge("conflicts_open", "Conflicts that nobody looked at.").value(&[], conflicts);
}
