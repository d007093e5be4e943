//! `/metrics`: how the machine stands, as Prometheus reads it.
//!
//! # Invariants
//!
//! * A partner is named by the first eight digits of its id, never by a name that somebody chose.
//! * What is not known is left out: a 0 would be a claim.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::Ordering;

use axum::extract::{Extension, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use dunlin_rpc::method::admin::AdminClient as _;
use dunlin_rpc::wire::admin::{PartnerStatus, Status};
use dunlin_rpc::{Caller, Code};

use super::Front;
use super::visit;
use super::words;
use crate::machine::{Machine, Tally};
use crate::service::Inside;

/// The states of a partner, all of them always: a graph needs the zeros.
const STATES: [&str; 7] =
    ["Up to date", "Catching up", "Retrying", "Offline", "Paused", "Stopped", "Identity problem"];

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
    let files = files(&front.machine).await;
    let text = text(&status, &front.machine.tally, &files);
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// A database's file and its write-ahead log, in bytes.
struct File {
    database: String,
    bytes: u64,
    wal: u64,
}

async fn files(machine: &Machine) -> Vec<File> {
    let paths: Vec<(String, std::path::PathBuf)> = machine
        .databases
        .iter()
        .map(|database| (database.name().to_owned(), database.path().to_owned()))
        .collect();
    let look = move || {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        let each = paths.into_iter().map(|(database, path)| {
            let mut wal = path.clone().into_os_string();
            wal.push("-wal");
            File { database, bytes: size(&path), wal: size(Path::new(&wal)) }
        });
        each.collect()
    };
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}

/// The whole answer.
fn text(status: &Status, tally: &Tally, files: &[File]) -> String {
    let mut out = Exposition::default();
    out.gauge("up", "The daemon runs.").value("", 1);
    let version = label("version", &status.machine.version);
    out.gauge("build_info", "The program.").value(&version, 1);
    out.gauge("uptime_seconds", "Since the daemon started.").value("", status.uptime);
    out.gauge("attention", "Things that need a person.").value("", status.attention.len() as u64);

    out.gauge("partners", "Partners by state.");
    for state in STATES {
        let count = status.partners.iter().filter(|partner| partner.state == state).count();
        let word = state.to_lowercase().replace(' ', "_");
        out.value(&label("state", &word), count as u64);
    }
    partners(&mut out, &status.partners);
    tables(&mut out, status);
    for (name, help, counter) in [
        ("rows_sent_total", "Rows that went out.", &tally.sent),
        ("rows_received_total", "Rows that came in.", &tally.received),
        ("rows_applied_total", "Rows of partners that changed a table.", &tally.applied),
        ("conflicts_total", "Versions that lost unseen.", &tally.conflicts),
        ("bytes_sent_total", "Bytes of rows that went out.", &tally.bytes_sent),
        ("bytes_received_total", "Bytes of rows that came in.", &tally.bytes_received),
        ("sessions_total", "Sessions.", &tally.sessions),
        ("sessions_failed_total", "Sessions that did not get to their end.", &tally.failed),
    ] {
        out.counter(name, help).value("", counter.load(Ordering::Relaxed));
    }
    out.gauge("db_bytes", "Size of the database's file.");
    for file in files {
        out.value(&label("database", &file.database), file.bytes);
    }
    out.gauge("wal_bytes", "Size of its write-ahead log.");
    for file in files {
        out.value(&label("database", &file.database), file.wal);
    }
    out.gauge("sightings", "Machines seen that are no partners.");
    out.value("", status.sightings.len() as u64);
    out.0
}

fn partners(out: &mut Exposition, partners: &[PartnerStatus]) {
    let name = |partner: &PartnerStatus| {
        let id: String = partner.id.simple().to_string().chars().take(8).collect();
        label("partner", &id)
    };
    out.gauge("rows_pending", "Rows on their way to or from a partner.");
    for partner in partners {
        for (way, rows) in [("in", partner.waiting_in), ("out", partner.waiting_out)] {
            if let Some(rows) = rows {
                out.value(&format!("{},{}", name(partner), label("way", way)), rows);
            }
        }
    }
    out.gauge("last_success_timestamp_seconds", "When both sides last compared.");
    for partner in partners {
        if let Some(time) = partner.compared.as_deref().and_then(words::time) {
            out.value(&name(partner), time.and_utc().timestamp());
        }
    }
    out.gauge("last_seen_timestamp_seconds", "When a link was last alive.");
    for partner in partners {
        if let Some(time) = partner.last_seen.as_deref().and_then(words::time) {
            out.value(&name(partner), time.and_utc().timestamp());
        }
    }
    out.gauge("clock_skew_seconds", "How far a partner's clock is ahead.");
    for partner in partners {
        if let Some(ms) = partner.clock_ms {
            let sign = if ms < 0 { "-" } else { "" };
            let (whole, rest) = (ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000);
            out.value(&name(partner), format_args!("{sign}{whole}.{rest:03}"));
        }
    }
}

fn tables(out: &mut Exposition, status: &Status) {
    let sum = |of: fn(&dunlin_rpc::wire::admin::TableStatus) -> u64| {
        status.databases.iter().flat_map(|database| &database.tables).map(of).sum::<u64>()
    };
    out.gauge("rows", "Live rows of all tracked tables.").value("", sum(|table| table.rows));
    out.gauge("rows_held", "Rows known and not shown.").value("", sum(|table| table.held));
    let conflicts = sum(|table| table.conflicts);
    out.gauge("conflicts_open", "Conflicts that nobody looked at.").value("", conflicts);
}

/// The text format: each metric once, with its help and its kind before its values.
#[derive(Default)]
struct Exposition(String, &'static str);

impl Exposition {
    fn gauge(&mut self, name: &'static str, help: &str) -> &mut Self {
        self.metric(name, help, "gauge")
    }

    fn counter(&mut self, name: &'static str, help: &str) -> &mut Self {
        self.metric(name, help, "counter")
    }

    fn metric(&mut self, name: &'static str, help: &str, kind: &str) -> &mut Self {
        self.1 = name;
        // Writing into a String cannot fail.
        let _ = write!(self.0, "# HELP dunlin_{name} {help}\n# TYPE dunlin_{name} {kind}\n");
        self
    }

    fn value(&mut self, labels: &str, value: impl std::fmt::Display) {
        let name = self.1;
        let _ = if labels.is_empty() {
            writeln!(self.0, "dunlin_{name} {value}")
        } else {
            writeln!(self.0, "dunlin_{name}{{{labels}}} {value}")
        };
    }
}

fn label(name: &str, value: &str) -> String {
    let value = dunlin_logs::strip(value, 64).replace('\\', "\\\\").replace('"', "\\\"");
    format!("{name}=\"{value}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_told_and_no_name_that_somebody_chose() {
        let partner = PartnerStatus {
            id: uuid::Uuid::from_u128(0x4775_d8c1 << 96),
            name: "evil\"} 1\nup 0".into(),
            state: "Up to date".into(),
            waiting_in: Some(3),
            clock_ms: Some(-1_250),
            ..PartnerStatus::default()
        };
        let status = Status { partners: vec![partner], ..Status::default() };
        let text = text(&status, &Tally::default(), &[]);
        for line in [
            "dunlin_up 1",
            "dunlin_partners{state=\"up_to_date\"} 1",
            "dunlin_partners{state=\"offline\"} 0",
            "dunlin_rows_pending{partner=\"4775d8c1\",way=\"in\"} 3",
            "dunlin_clock_skew_seconds{partner=\"4775d8c1\"} -1.250",
        ] {
            assert!(text.lines().any(|one| one == line), "no {line} in {text}");
        }
        assert!(!text.contains("way=\"out\""), "what is not known is left out: {text}");
        assert!(!text.contains("evil"), "{text}");
        for line in text.lines() {
            assert!(line.starts_with("# ") || line.starts_with("dunlin_"), "{line}");
        }
    }
}
