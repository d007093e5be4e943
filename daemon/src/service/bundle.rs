//! The support bundle: what somebody who helps from afar needs, and nothing that is a secret.
//!
//! # Invariants
//!
//! * No row, password, token or key is in it: it is made of answers that have none.
//! * Settings whose name speaks of a secret are starred, should there ever be one.

use dunlin_logs::{Level, Query};
use dunlin_rpc::wire::settings::SettingsShown;
use serde_json::{Value, json};

use super::{overview, status};
use crate::clock;
use crate::error::{Error, Result};
use crate::machine::Machine;

/// Past sessions in it.
const SESSIONS: u32 = 500;
/// Lines of the log in it.
const LINES: u32 = 1_000;

/// Makes it.
pub(super) async fn make(machine: &Machine, settings: &SettingsShown) -> Result<Value> {
    let status = status::status(machine).await?;
    let history = std::sync::Arc::clone(&machine.history);
    let query = Query { limit: SESSIONS, ..Query::default() };
    let sessions = tokio::task::spawn_blocking(move || history.query(&query))
        .await
        .map_err(|_panic| Error::Stopping)?
        .map_err(|error| Error::Refused(format!("the history cannot be read: {error}")))?;
    let sessions: Vec<Value> = sessions
        .into_iter()
        .map(|record| {
            let session = record.session;
            json!({
                "partner": session.partner, "name": session.partner_name,
                "direction": session.direction.as_str(), "started": clock::text(session.started),
                "took_ms": session.took_ms, "sent": session.rows_sent,
                "received": session.rows_received, "applied": session.applied, "held": session.held,
                "conflicts": session.conflicts, "result": session.result.as_str(),
                "message": session.message, "idle_before": record.idle,
            })
        })
        .collect();
    let settings: serde_json::Map<String, Value> = settings
        .settings
        .iter()
        .map(|one| {
            let value = starred(&one.key, &one.value);
            (one.key.clone(), json!({"value": value, "from": one.from}))
        })
        .collect();
    Ok(json!({
        "schema": 1,
        "made": clock::text(dunlin_schema::Clock::now(&*machine.clock)),
        "version": env!("CARGO_PKG_VERSION"),
        "system": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        "status": status,
        "settings": settings,
        "history": sessions,
        "log": overview::log_lines(machine, Level::Debug, LINES),
    }))
}

/// A value, or stars where its name speaks of a secret.
fn starred(key: &str, value: &str) -> String {
    let key = key.to_lowercase();
    let secret =
        ["password", "secret", "token", "credential"].iter().any(|word| key.contains(word));
    if secret { "***".to_owned() } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called_a_secret_is_starred() {
        assert_eq!(starred("admin.Password", "x"), "***");
        assert_eq!(starred("old_callers.token_file", "x"), "***");
        assert_eq!(starred("log.level", "info"), "info");
    }
}
