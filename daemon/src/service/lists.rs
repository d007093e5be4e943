//! Lists for people: conflicts, held rows, past sessions.

use dunlin_logs::{Outcome, Query, Record};
use dunlin_rpc::wire::admin::{
    ConflictEntry, Decided, HeldEntry, HistoryEntry, HistoryFilter, Retried,
};
use dunlin_schema::{Cell, Cells, Decision, Origin, Stamp, Store, Why};
use uuid::Uuid;

use super::admin::Service;
use crate::clock;
use crate::error::{Error, Result};

impl Service {
    /// A machine by its id: its name where it is or was a member.
    fn who(&self, origin: Origin) -> String {
        let roster = self.machine.roster();
        let member = roster.members().by_machine(origin.machine);
        member.map_or_else(|| origin.machine.to_string(), |member| member.name.clone())
    }

    pub(super) async fn conflicts(&self, limit: usize) -> Result<Vec<ConflictEntry>> {
        let mut all = Vec::new();
        for database in &self.machine.databases {
            let found = database.call(move |store| store.conflicts(false, limit)).await?;
            all.extend(found.into_iter().map(|conflict| {
                let kind = match (&conflict.cells, &conflict.winner_cells) {
                    _ if conflict.stands_as.is_some() => "two rows with one name",
                    (None, _) => "delete lost",
                    (Some(_), None) => "edit lost to a delete",
                    (Some(_), Some(_)) => "edit lost",
                };
                let loser =
                    conflict.loser.split_once('/').and_then(|(machine, _)| machine.parse().ok());
                let winner = conflict.winner.map(|origin| origin.machine);
                ConflictEntry {
                    machines: loser.into_iter().chain(winner).collect(),
                    number: conflict.number,
                    database: database.name().to_owned(),
                    table: conflict.table,
                    row: conflict.row,
                    kind: kind.to_owned(),
                    loser: loser
                        .map_or(conflict.loser, |machine| self.who(Origin { machine, epoch: 0 })),
                    winner: conflict
                        .winner
                        .map_or_else(|| "-".to_owned(), |winner| self.who(winner)),
                    written: when(conflict.stamp),
                    winner_written: conflict.winner_stamp.map(when),
                    values: conflict.cells.as_ref().map(values).unwrap_or_default(),
                    winner_values: conflict.winner_cells.as_ref().map(values).unwrap_or_default(),
                    stands_as: conflict.stands_as,
                    restored: conflict.settled.is_some(),
                }
            }));
        }
        Ok(all)
    }

    pub(super) async fn held(&self, limit: usize) -> Result<Vec<HeldEntry>> {
        let mut all = Vec::new();
        for database in &self.machine.databases {
            let found = database.call(move |store| store.held(limit)).await?;
            all.extend(found.into_iter().map(|held| HeldEntry {
                number: held.number,
                database: database.name().to_owned(),
                table: held.table,
                row: held.uuid,
                reason: held.why.word().to_owned(),
                message: held.text.unwrap_or_else(|| why(held.why, &held.waits_for)),
                since: clock::text(held.since),
                origin: self.who(held.origin),
                machine: held.origin.machine,
                held: held.held,
                values: held.cells.as_ref().map(values).unwrap_or_default(),
                waits_for: held.waits_for,
            }));
        }
        Ok(all)
    }

    /// What a person decided about deletes that wait. Between two batches whoever else waits has his turn.
    pub(super) async fn decide(&self, number: Option<i64>, how: Decision) -> Result<Decided> {
        let database = self.machine.main_database()?;
        let mut deciding = database.call(move |store| store.begin_deciding(number, how)).await?;
        loop {
            let mut next = deciding.clone();
            let some = database.work(move |store| {
                let more = store.decide_some(&mut next)?;
                Ok((next, more))
            });
            let more;
            (deciding, more) = some.await?;
            if !more {
                break;
            }
        }
        let overview = database.call(Store::overview).await?;
        let waiting = overview.many_deletes.iter().map(|many| many.rows).sum();
        Ok(Decided { rows: deciding.done() as u64, waiting })
    }

    /// Tries held rows again, batch by batch.
    pub(super) async fn retry(&self, number: Option<i64>) -> Result<Retried> {
        let database = self.machine.main_database()?;
        let (mut from, mut all) = (i64::MIN, Retried { tried: 0, shown: 0 });
        while let Some(batch) = database.work(move |store| store.retry_some(number, from)).await? {
            all.tried += batch.tried as u64;
            all.shown += batch.shown as u64;
            from = batch.next;
        }
        Ok(all)
    }

    pub(super) async fn history(&self, asked: Past) -> Result<Vec<HistoryEntry>> {
        let since = match asked.since {
            None => None,
            Some(text) => {
                Some(dunlin_rpc::dump::seconds_of(&text).map(|seconds| seconds * 1000).ok_or_else(
                    || Error::Refused(format!("{text:?} is not a time; write YYYY-MM-DD HH:MM:SS")),
                )?)
            }
        };
        let partner = asked.partner.map(|wanted| self.machine.find(&wanted)).transpose()?;
        let result = asked.filter.result.as_deref().map(outcome).transpose()?;
        let history = std::sync::Arc::clone(&self.machine.history);
        let query = Query {
            partner: partner.map(|member| member.machine),
            since,
            result,
            before: asked.filter.before,
            limit: asked.limit,
            ..Query::default()
        };
        let records = tokio::task::spawn_blocking(move || history.query(&query))
            .await
            .map_err(|_panic| Error::Stopping)?
            .map_err(|error| Error::Refused(format!("the history cannot be read: {error}")))?;
        Ok(records
            .into_iter()
            .map(|Record { id, idle, session }| HistoryEntry {
                number: id,
                idle,
                partner: Some(session.partner),
                name: session.partner_name,
                direction: session.direction.as_str().to_owned(),
                started: clock::text(session.started),
                took_ms: session.took_ms,
                sent: session.rows_sent,
                received: session.rows_received,
                applied: session.applied,
                held: session.held,
                conflicts: session.conflicts,
                bytes: session.bytes_sent + session.bytes_received,
                result: session.result.as_str().to_owned(),
                message: session.message,
            })
            .collect())
    }
}

/// Which sessions of the past.
pub(super) struct Past {
    pub(super) partner: Option<String>,
    pub(super) since: Option<String>,
    pub(super) limit: u32,
    pub(super) filter: HistoryFilter,
}

fn outcome(word: &str) -> Result<Outcome> {
    [Outcome::Success, Outcome::Warning, Outcome::Error, Outcome::Fatal]
        .into_iter()
        .find(|outcome| outcome.as_str() == word)
        .ok_or_else(|| {
            Error::Refused(format!("{word:?} is no result; write success, warning, error or fatal"))
        })
}

/// When a version was written; empty for a row that was there before it was tracked.
fn when(stamp: Stamp) -> String {
    if stamp == Stamp::ZERO { String::new() } else { clock::text(stamp.millis()) }
}

fn why(why: Why, waits_for: &[Uuid]) -> String {
    match (why, waits_for) {
        (Why::Parent, [one]) => format!("waits for the row {one}, which it refers to"),
        (Why::Parent, rows) => format!("waits for {} rows that it refers to", rows.len()),
        (Why::Constraint, _) => "the table refuses it".to_owned(),
        (Why::Schema, _) => "the application here has no place for it yet".to_owned(),
        (Why::Size, _) => "it is larger than what is passed on".to_owned(),
        (Why::Unique, _) => "another row has the same value, which must be unique".to_owned(),
        (Why::Deletes, _) => {
            "deleted with very many others; it stays until a person decides".to_owned()
        }
        (Why::Asked, _) => "its values are asked of the other machines".to_owned(),
        (Why::Went, _) => "it went with a table that was made anew; a person decides".to_owned(),
        (Why::Nameless, _) => "a part of its key is NULL here, so that nothing names it; the other machines have it as it was".to_owned(),
    }
}

/// Values as people and scripts read them; what JSON cannot say is told by its kind and size.
fn values(cells: &Cells) -> serde_json::Map<String, serde_json::Value> {
    cells
        .iter()
        .map(|(name, cell)| {
            let value = match cell {
                Cell::Null => serde_json::Value::Null,
                Cell::Integer(n) | Cell::Number(n) => (*n).into(),
                Cell::Real(x) => {
                    serde_json::Number::from_f64(*x).map_or(serde_json::Value::Null, Into::into)
                }
                Cell::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
                Cell::Blob(bytes) => format!("{} bytes", bytes.len()).into(),
                Cell::Row(uuid) => uuid.to_string().into(),
            };
            (name.to_string(), value)
        })
        .collect()
}
