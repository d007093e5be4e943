//! What the page shows beyond the status: comparisons, charts, the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{Local, NaiveTime, TimeZone as _};
use dunlin_logs::Level;
use dunlin_rpc::method::overview::OverviewServer;
use dunlin_rpc::wire::network::NetworkCheck;
use dunlin_rpc::wire::overview::{Candidate, HistoryHour, LogLine, TableCompared, TableThere};
use dunlin_rpc::{Code, Fault};
use dunlin_schema::{Clock as _, Given, Millis, Store};
use jsonrpsee::Extensions;
use jsonrpsee::core::{RpcResult, async_trait};
use uuid::Uuid;

use super::{bundle, settings, there};
use crate::clock;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::fault::fault;
use crate::machine::{Machine, Partner};
use crate::roster::Member;

/// A month of hours at most.
const HOURS_MAX: u32 = 744;
/// Lines of the log in one answer.
const LINES: u32 = 200;
const LINES_MAX: u32 = 1_000;

/// The methods of the page.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) machine: Machine,
}

impl Service {
    async fn compare(&self) -> Result<Vec<TableCompared>> {
        let machine = &self.machine;
        let partners: Vec<(Member, Partner)> = machine
            .others()
            .into_iter()
            .map(|member| {
                let known = machine.partner(member.pin);
                (member, known)
            })
            .collect();
        let midnight = midnight(machine.clock.now());
        let mut all = Vec::new();
        for database in &machine.databases {
            let (overview, changed) = database
                .call(move |store| Ok((store.overview()?, store.changed_since(midnight)?)))
                .await?;
            let name = database.name();
            all.extend(overview.tables.iter().map(|table| {
                let there = partners.iter().map(|(member, known)| TableThere {
                    id: member.machine,
                    name: member.name.clone(),
                    state: there::stands(name, table, known).to_owned(),
                    has: there::unlike(name, table, known).map_or_else(Vec::new, |one| one.has),
                    lacks: there::unlike(name, table, known).map_or_else(Vec::new, |one| one.lacks),
                });
                TableCompared {
                    database: name.to_owned(),
                    partners: there.collect(),
                    tracked: table.tracked,
                    rows: table.rows,
                    changed_today: changed
                        .iter()
                        .find(|(changed, _)| *changed == table.name)
                        .map_or(0, |(_, rows)| *rows),
                    held: table.held,
                    conflicts: table.conflicts,
                    digest: table.digest.clone(),
                    needed_by: table.needed_by.clone(),
                    standing: table.standing,
                    away: table.away.clone(),
                    name: table.name.clone(),
                }
            }));
        }
        Ok(all)
    }

    async fn candidates(&self, database: &Database) -> Result<Vec<Candidate>> {
        let (found, let_go) =
            database.call(|store| Ok((store.candidates()?, store.untracked()?))).await?;
        let candidate = |found: dunlin_schema::Candidate| Candidate {
            database: database.name().to_owned(),
            untracked: let_go.iter().any(|known| known.eq_ignore_ascii_case(&found.name)),
            name: found.name,
            reason: found.refused,
            left_out: found.left_out,
        };
        Ok(found.into_iter().map(candidate).collect())
    }

    async fn hours(&self, hours: u32) -> Result<Vec<HistoryHour>> {
        const HOUR: Millis = 3_600_000;
        let now = self.machine.clock.now();
        // Whole hours, the one under way among them.
        let since = (now / HOUR + 1 - Millis::from(hours)) * HOUR;
        let history = Arc::clone(&self.machine.history);
        let found = tokio::task::spawn_blocking(move || history.hours(since))
            .await
            .map_err(|_panic| Error::Stopping)?
            .map_err(|error| Error::Refused(format!("the history cannot be read: {error}")))?;
        Ok(found
            .into_iter()
            .map(|hour| HistoryHour {
                partner: hour.partner,
                name: hour.partner_name,
                hour: clock::text(hour.started),
                sent: hour.rows_sent,
                received: hour.rows_received,
            })
            .collect())
    }

    async fn give_held(&self, number: i64, values: BTreeMap<String, Option<String>>) -> Result<()> {
        let values: Vec<Given> = values.into_iter().collect();
        let give = move |store: &mut Store| store.give_held(number, &values);
        self.machine.main_database()?.call(give).await
    }

    async fn delete_held(&self, number: i64) -> Result<()> {
        self.machine.main_database()?.call(move |store| store.delete_held(number)).await
    }

    async fn ignore(&self, id: Uuid, hide: bool) -> Result<()> {
        let machine = self.machine.clone();
        tokio::task::spawn_blocking(move || machine.ignore(id, hide))
            .await
            .map_err(|_panic| Error::Stopping)?
    }
}

/// When the day began, by this machine's time zone.
fn midnight(now: Millis) -> Millis {
    let day = Local.timestamp_millis_opt(now).single();
    day.and_then(|now| now.with_time(NaiveTime::MIN).earliest())
        .map_or(now - now % 86_400_000, |midnight| midnight.timestamp_millis())
}

pub(super) fn log_lines(machine: &Machine, level: Level, limit: u32) -> Vec<LogLine> {
    let Some(log) = machine.log() else { return Vec::new() };
    log.recent()
        .lines(0, level, limit.min(LINES_MAX) as usize)
        .into_iter()
        .map(|line| LogLine {
            number: line.number,
            time: clock::text(line.time),
            level: line.level.to_string(),
            message: line.message,
            fields: line.fields,
        })
        .collect()
}

fn level(word: Option<&str>) -> Result<Level, Fault> {
    word.unwrap_or("info").parse().map_err(|error: dunlin_logs::UnknownLevel| {
        Fault::new(Code::InvalidParams, error.to_string())
    })
}

#[async_trait]
impl OverviewServer for Service {
    async fn tables_compare(&self, _: &Extensions) -> RpcResult<Vec<TableCompared>> {
        Ok(self.compare().await.map_err(|error| fault(&error))?)
    }

    async fn tables_candidates(&self, _: &Extensions) -> RpcResult<Vec<Candidate>> {
        let mut all = Vec::new();
        for database in &self.machine.databases {
            all.extend(self.candidates(database).await.map_err(|error| fault(&error))?);
        }
        Ok(all)
    }

    async fn history_hours(
        &self,
        _: &Extensions,
        hours: Option<u32>,
    ) -> RpcResult<Vec<HistoryHour>> {
        let hours = hours.unwrap_or(24).clamp(1, HOURS_MAX);
        Ok(self.hours(hours).await.map_err(|error| fault(&error))?)
    }

    async fn held_give(
        &self,
        _: &Extensions,
        number: i64,
        values: BTreeMap<String, Option<String>>,
    ) -> RpcResult<()> {
        Ok(self.give_held(number, values).await.map_err(|error| fault(&error))?)
    }

    async fn held_delete(&self, _: &Extensions, number: i64) -> RpcResult<()> {
        Ok(self.delete_held(number).await.map_err(|error| fault(&error))?)
    }

    async fn network_check(&self, _: &Extensions) -> RpcResult<NetworkCheck> {
        Ok(super::network::check(&self.machine))
    }

    async fn sightings_ignore(&self, _: &Extensions, id: Uuid) -> RpcResult<()> {
        Ok(self.ignore(id, true).await.map_err(|error| fault(&error))?)
    }

    async fn sightings_notice(&self, _: &Extensions, id: Uuid) -> RpcResult<()> {
        Ok(self.ignore(id, false).await.map_err(|error| fault(&error))?)
    }

    async fn log_list(
        &self,
        _: &Extensions,
        word: Option<String>,
        limit: Option<u32>,
    ) -> RpcResult<Vec<LogLine>> {
        Ok(log_lines(&self.machine, level(word.as_deref())?, limit.unwrap_or(LINES)))
    }

    async fn support_bundle(&self, _: &Extensions) -> RpcResult<serde_json::Value> {
        let made = bundle::make(&self.machine, &settings::shown(&self.machine)).await;
        Ok(made.map_err(|error| fault(&error))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight() {
        let now = 1_790_510_400_000;
        let begun = midnight(now);
        assert!(begun <= now && now - begun < 25 * 3_600_000);
    }
}
