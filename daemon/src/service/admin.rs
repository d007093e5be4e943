//! The admin methods: what the command line and the page ask of the machine.

use std::time::Duration;

use dunlin_rpc::Secret;
use dunlin_rpc::method::admin::AdminServer;
use dunlin_rpc::wire::admin::{
    ConflictEntry, Decided, HeldEntry, HistoryEntry, HistoryFilter, Invited, Joined, PartnerStatus,
    RefusedTable, Retried, Status, Synced, TableStatus, Track, Tracked, Untracked,
};
use dunlin_schema::Decision;
use jsonrpsee::Extensions;
use jsonrpsee::core::{RpcResult, async_trait};
use tracing::info;

use super::lists::Past;
use super::{network, status};
use crate::clock;
use crate::error::{Error, Result};
use crate::fault::fault;
use crate::invite::Terms;
use crate::joining;
use crate::machine::{Machine, count};

/// Rows of a list, unless the caller says otherwise; and at most.
const ROWS: u32 = 100;
const ROWS_MAX: u32 = 10_000;

/// The admin methods.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) machine: Machine,
}

fn limit(limit: Option<u32>) -> usize {
    limit.unwrap_or(ROWS).min(ROWS_MAX) as usize
}

impl Service {
    async fn track(&self, track: Track) -> Result<Tracked> {
        let database = match &track.database {
            Some(name) => self.machine.database(name)?,
            None => self.machine.main_database()?,
        };
        let wanted = wanted(track, database.untracked())?;
        let (done, switched) = database
            .call(move |store| Ok((store.track(&wanted)?, store.switched_to_wal())))
            .await?;
        let mut notes = done.notes;
        if switched {
            notes.push(
                "the file was switched to a write-ahead log (WAL), so that the application and Dunlin do not wait for each other"
                    .to_owned(),
            );
        }
        Ok(Tracked {
            tables: done.tables.into_iter().map(|(name, ..)| name).collect(),
            refused: done
                .refused
                .into_iter()
                .map(|(name, reason)| RefusedTable { name, reason })
                .collect(),
            notes,
        })
    }

    async fn untrack(&self, tables: Vec<String>, database: Option<String>) -> Result<Untracked> {
        let database = match &database {
            Some(name) => self.machine.database(name)?,
            None => self.machine.main_database()?,
        };
        if tables.is_empty() {
            return Err(Error::Refused("name the tables".to_owned()));
        }
        let done = database.call(move |store| store.untrack(&tables)).await?;
        for (table, rows) in &done.tables {
            info!(database = database.name(), table, rows, "table untracked");
        }
        Ok(Untracked { tables: done.tables.into_iter().map(|(name, _)| name).collect() })
    }

    fn invite(
        &self,
        uses: Option<u32>,
        expires: Option<u64>,
        role: Option<crate::roster::Role>,
    ) -> Result<Invited> {
        let machine = &self.machine;
        if !machine.roster().members().is_keeper(machine.identity().public_key()) {
            return Err(crate::roster::Error::NotKeeper.into());
        }
        if network::listens(machine).port() == 0 {
            return Err(Error::NoDaemon);
        }
        let addresses = network::addresses(machine);
        let life = expires.map_or(Terms::default().life, Duration::from_secs);
        let terms = Terms { uses: uses.unwrap_or(1), life, role };
        let shop = machine.roster().shop();
        let shop8 = shop.0.first_chunk::<8>().copied().unwrap_or_default();
        let token = machine.invites().issue(
            terms,
            shop8,
            machine.identity().pin(),
            &addresses,
            machine.seconds(),
        )?;
        Ok(Invited {
            uses: terms.uses,
            expires: clock::text(i64::from(token.expires) * 1000),
            token: token.encode(),
        })
    }
}

/// What to track, as the store has it. `kept_out`: what the configuration leaves out of all.
pub(crate) fn wanted(track: Track, kept_out: &[String]) -> Result<dunlin_schema::Track> {
    if track.all != track.tables.is_empty() {
        return Err(Error::Refused("name the tables, or say --all".to_owned()));
    }
    if !track.all && !track.except.is_empty() {
        return Err(Error::Refused("--except leaves tables out of --all".to_owned()));
    }
    Ok(dunlin_schema::Track {
        tables: (!track.all).then_some(track.tables),
        except: track.except,
        kept_out: kept_out.to_vec(),
        references: track.references.iter().map(|text| reference(text)).collect::<Result<_>>()?,
        no_references: track
            .no_references
            .iter()
            .map(|text| column(text))
            .collect::<Result<_>>()?,
        natural: track.natural,
        stamps: track.stamps.iter().map(|text| stamp(text)).collect::<Result<_>>()?,
        copies: track.copies,
    })
}

/// `table.column`.
fn column(text: &str) -> Result<(String, String)> {
    let parts =
        text.rsplit_once('.').filter(|(table, column)| !table.is_empty() && !column.is_empty());
    let (table, column) = parts
        .ok_or_else(|| Error::Refused(format!("{text:?} is not a column; write table.column")))?;
    Ok((table.to_owned(), column.to_owned()))
}

/// `child.column=parent`.
fn reference(text: &str) -> Result<(String, String, String)> {
    let parts = text.split_once('=').and_then(|(from, parent)| {
        let (child, column) = from.rsplit_once('.')?;
        (!child.is_empty() && !column.is_empty() && !parent.is_empty())
            .then_some((child, column, parent))
    });
    let (child, column, parent) = parts.ok_or_else(|| {
        Error::Refused(format!("{text:?} is not a reference; write child.column=parent"))
    })?;
    Ok((child.to_owned(), column.to_owned(), parent.to_owned()))
}

/// `table=column`, or `table=`.
fn stamp(text: &str) -> Result<(String, Option<String>)> {
    let (table, column) =
        text.split_once('=').filter(|(table, _)| !table.is_empty()).ok_or_else(|| {
            Error::Refused(format!("{text:?} names no column; write table=column, or table="))
        })?;
    Ok((table.to_owned(), (!column.is_empty()).then(|| column.to_owned())))
}

#[async_trait]
impl AdminServer for Service {
    async fn machine_status(&self, _: &Extensions) -> RpcResult<Status> {
        Ok(status::status(&self.machine).await.map_err(|error| fault(&error))?)
    }

    async fn partners_list(&self, _: &Extensions) -> RpcResult<Vec<PartnerStatus>> {
        let overviews = status::overviews(&self.machine).await.map_err(|error| fault(&error))?;
        Ok(status::partners(&self.machine, &overviews))
    }

    async fn tables_list(&self, _: &Extensions) -> RpcResult<Vec<TableStatus>> {
        let mut all = Vec::new();
        for database in &self.machine.databases {
            let overview = database.call(dunlin_schema::Store::overview).await;
            let overview = overview.map_err(|error| fault(&error))?;
            all.extend(status::tables(&self.machine, database.name(), &overview));
        }
        Ok(all)
    }

    async fn tables_track(&self, _: &Extensions, track: Track) -> RpcResult<Tracked> {
        Ok(self.track(track).await.map_err(|error| fault(&error))?)
    }

    async fn tables_untrack(
        &self,
        _: &Extensions,
        tables: Vec<String>,
        database: Option<String>,
    ) -> RpcResult<Untracked> {
        Ok(self.untrack(tables, database).await.map_err(|error| fault(&error))?)
    }

    async fn history_list(
        &self,
        _: &Extensions,
        partner: Option<String>,
        since: Option<String>,
        rows: Option<u32>,
        filter: Option<HistoryFilter>,
    ) -> RpcResult<Vec<HistoryEntry>> {
        let limit = rows.unwrap_or(ROWS).min(ROWS_MAX);
        let asked = Past { partner, since, limit, filter: filter.unwrap_or_default() };
        Ok(self.history(asked).await.map_err(|error| fault(&error))?)
    }

    async fn conflicts_list(
        &self,
        _: &Extensions,
        rows: Option<u32>,
    ) -> RpcResult<Vec<ConflictEntry>> {
        Ok(self.conflicts(limit(rows)).await.map_err(|error| fault(&error))?)
    }

    async fn conflicts_restore(&self, _: &Extensions, number: i64) -> RpcResult<()> {
        let database = self.machine.main_database().map_err(|error| fault(&error))?;
        let restored = database.call(move |store| store.restore_conflict(number)).await;
        restored.map_err(|error| fault(&error))?;
        count(&self.machine.tally.restored);
        Ok(())
    }

    async fn conflicts_keep(&self, _: &Extensions, number: i64) -> RpcResult<()> {
        let database = self.machine.main_database().map_err(|error| fault(&error))?;
        let kept = database.call(move |store| store.keep_conflict(number)).await;
        kept.map_err(|error| fault(&error))?;
        count(&self.machine.tally.kept);
        Ok(())
    }

    async fn held_list(&self, _: &Extensions, rows: Option<u32>) -> RpcResult<Vec<HeldEntry>> {
        Ok(self.held(limit(rows)).await.map_err(|error| fault(&error))?)
    }

    async fn held_retry(&self, _: &Extensions, number: Option<i64>) -> RpcResult<Retried> {
        Ok(self.retry(number).await.map_err(|error| fault(&error))?)
    }

    async fn held_accept(&self, _: &Extensions, number: Option<i64>) -> RpcResult<Decided> {
        let done = self.decide(number, Decision::LetGo).await;
        Ok(done.map_err(|error| fault(&error))?)
    }

    async fn held_keep(&self, _: &Extensions, number: Option<i64>) -> RpcResult<Decided> {
        let done = self.decide(number, Decision::Keep).await;
        Ok(done.map_err(|error| fault(&error))?)
    }

    async fn sync_now(
        &self,
        _: &Extensions,
        partner: Option<String>,
        wait: Option<bool>,
    ) -> RpcResult<Synced> {
        Ok(self.sync(partner, wait.unwrap_or(false)).await.map_err(|error| fault(&error))?)
    }

    async fn pairing_invite(
        &self,
        _: &Extensions,
        uses: Option<u32>,
        expires_seconds: Option<u64>,
        role: Option<String>,
    ) -> RpcResult<Invited> {
        let role = role.map(|text| super::shop::role(&text)).transpose()?;
        Ok(self.invite(uses, expires_seconds, role).map_err(|error| fault(&error))?)
    }

    async fn pairing_join(&self, _: &Extensions, token: Secret<String>) -> RpcResult<Joined> {
        let joined =
            joining::join(&self.machine, token.expose()).await.map_err(|error| fault(&error))?;
        if joined.anew.is_some() {
            self.machine.begin_anew();
        }
        Ok(Joined {
            shop: joined.shop,
            by: joined.by,
            members: joined.members as u64,
            new_id: joined.anew,
        })
    }
}
