//! `getdata` and `putdata`, as scripts have called them since 2009.
//!
//! A login that fails and a dump of the wrong shape are answered by a *string*, not an error; the order of the
//! checks is old: login, then the caller's id, then the dump.

use std::sync::Arc;

use dunlin_rpc::dump::{Dump, DumpTable, json_of, refusal, seconds_of, value_of};
use dunlin_rpc::json::Json;
use dunlin_rpc::method::tables::TablesServer;
use dunlin_rpc::{Caller, Code, Fault, Secret, limits};
use dunlin_schema::{Cell, DumpSince, PutTable};
use jsonrpsee::Extensions;
use jsonrpsee::core::{RpcResult, async_trait, to_json_raw_value};
use serde::Serialize;
use serde_json::value::RawValue;
use tracing::{info, warn};

use super::callers::Callers;
use super::rights;
use crate::convert;
use crate::error::Error;
use crate::fault::fault;
use crate::machine::Machine;
use crate::sign_in;
use crate::users::Role;

/// So many rows in one answer of "since my last call", and with a cursor: old parsers read 2 MB a second.
const ROWS_A_CALL: usize = 5_000;
/// So many rows in one answer for a time, which cannot be continued.
const ROWS_SINCE: usize = 200_000;

/// What 2009 answers to a login that fails.
const NOT_SIGNED_IN: &str = "authentication failed";
/// And to a caller without an id.
const NO_UUID: &str = "invalid uuid";

/// The two calls.
#[derive(Debug)]
pub(super) struct Service {
    machine: Machine,
    callers: Arc<Callers>,
}

/// The answer for a caller who keeps his own cursor.
#[derive(Serialize)]
struct WithCursor {
    dump: Box<RawValue>,
    cursor: u64,
    more: bool,
}

/// From where a caller wants rows.
enum Since {
    MyLastCall,
    Cursor(u64),
    Time(i64),
}

impl Service {
    pub(super) fn new(machine: &Machine) -> Self {
        Self { machine: machine.clone(), callers: Arc::new(Callers::load(&machine.folder)) }
    }

    /// The user or token, when it is good and the role is enough. Names and passwords among the
    /// parameters come first, as in 2009.
    async fn user(
        &self,
        caller: &Caller,
        username: Option<&Json>,
        password: Option<&Secret<Json>>,
        role: Role,
    ) -> Result<Option<String>, Fault> {
        let given = match (username, password.map(Secret::expose)) {
            (Some(Json::Text(name)), Some(Json::Text(password))) if !name.is_empty() => {
                Some((name.clone(), password.clone()))
            }
            _ => None,
        };
        let who = match given {
            Some((name, password)) => {
                sign_in::by_password(&self.machine, caller, &name, &password).await
            }
            None => sign_in::by_head(&self.machine, caller).await,
        };
        match who {
            Ok(who) => Ok(who.filter(|who| role <= who.role).map(|who| who.name)),
            // A program of 2009 knows one answer to a login that came to nothing.
            Err(fault) if fault.code == Code::Busy && caller.old => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn get(
        &self,
        caller: &Caller,
        uuid: Option<&Json>,
        user: String,
        since: Since,
    ) -> Result<Box<RawValue>, Fault> {
        let id = uuid.map(caller_id).transpose()?.unwrap_or_default();
        let database = self.machine.main_database().map_err(|error| fault(&error))?.clone();
        let epoch = database.origin().epoch;
        let (from, limit) = match since {
            Since::MyLastCall => {
                (DumpSince::Position(self.callers.position(&user, &id, epoch)), ROWS_A_CALL)
            }
            Since::Cursor(cursor) => (DumpSince::Position(cursor), ROWS_A_CALL),
            Since::Time(time) => (DumpSince::Time(time), ROWS_SINCE),
        };
        let dump = async {
            database.fold().await?;
            database.call(move |store| store.dump(from, limit)).await
        };
        let dump = dump.await.map_err(|error| fault(&error))?;
        let (position, more) = (dump.position, dump.more);
        let told = raw_dump(dump)?;
        match since {
            Since::MyLastCall if !caller.peek => {
                let callers = Arc::clone(&self.callers);
                // Off the runtime: the position is written to the disk.
                caller.when_taken(move || {
                    drop(tokio::task::spawn_blocking(move || {
                        callers.move_to(&user, &id, epoch, position);
                    }));
                });
                Ok(told)
            }
            Since::Cursor(_) => raw(&WithCursor { dump: told, cursor: position, more }),
            Since::MyLastCall | Since::Time(_) => Ok(told),
        }
    }

    async fn put(&self, dump: Dump) -> Result<Box<RawValue>, Fault> {
        let tables: Result<Vec<PutTable>, String> =
            dump.tables.into_iter().map(put_table).collect();
        let tables = match tables {
            Ok(tables) => tables,
            Err(refusal) => return raw(&refusal),
        };
        let database = self.machine.main_database().map_err(|error| fault(&error))?.clone();
        let put = async {
            database.fold().await?;
            database.work(move |store| store.put_rows(&tables)).await
        };
        let put = put.await;
        match put {
            Ok(done) => {
                if !done.unknown_tables.is_empty() || !done.unknown_columns.is_empty() {
                    let count = done.unknown_tables.len() + done.unknown_columns.len();
                    let names = [done.unknown_tables, done.unknown_columns].concat().join(", ");
                    warn!(
                        rows = count,
                        cause = dunlin_logs::clean(&names, 200),
                        "putdata named what is not here"
                    );
                }
                info!(method = "putdata", rows = done.applied, "rows put");
                raw(&true)
            }
            // The caller's to mend: nothing was written.
            Err(Error::Store(error @ dunlin_schema::Error::BadValue { .. })) => {
                raw(&error.to_string())
            }
            Err(error) => Err(fault(&error)),
        }
    }
}

#[async_trait]
impl TablesServer for Service {
    async fn getdata(
        &self,
        ext: &Extensions,
        uuid: Option<Json>,
        username: Option<Json>,
        password: Option<Secret<Json>>,
        timestamp: Option<Json>,
        cursor: Option<Json>,
    ) -> RpcResult<Box<RawValue>> {
        let caller = ext.get::<Caller>().cloned().unwrap_or_default();
        // From this machine itself no password is needed, if it is trusted to look.
        let user =
            match self.user(&caller, username.as_ref(), password.as_ref(), Role::Read).await? {
                Some(user) => user,
                None if rights::may_get(&self.machine, &caller) => String::new(),
                None => return Ok(raw(&NOT_SIGNED_IN)?),
            };
        let since = match (timestamp, cursor) {
            (_, Some(cursor)) if cursor != Json::Null => match cursor_of(&cursor) {
                Some(cursor) => Since::Cursor(cursor),
                None => {
                    return Err(Fault::new(
                        Code::InvalidParams,
                        "cursor: a number that getdata gave",
                    )
                    .into());
                }
            },
            (Some(timestamp), _) => match time_of(&timestamp) {
                Ok(since) => since,
                Err(text) => return Ok(raw(&text)?),
            },
            _ => Since::MyLastCall,
        };
        Ok(self.get(&caller, uuid.as_ref(), user, since).await?)
    }

    async fn putdata(
        &self,
        ext: &Extensions,
        uuid: Option<Json>,
        username: Option<Json>,
        password: Option<Secret<Json>>,
        nicedbdump: Option<Box<RawValue>>,
    ) -> RpcResult<Box<RawValue>> {
        let caller = ext.get::<Caller>().cloned().unwrap_or_default();
        if self.user(&caller, username.as_ref(), password.as_ref(), Role::Write).await?.is_none() {
            return Ok(raw(&NOT_SIGNED_IN)?);
        }
        if uuid.as_ref().is_none_or(|uuid| caller_id(uuid).is_err()) {
            return Ok(raw(&NO_UUID)?);
        }
        let text = nicedbdump.as_ref().map_or("null", |raw| raw.get());
        match Dump::read(text) {
            Ok(dump) => Ok(self.put(dump).await?),
            Err(refusal) => Ok(raw(&refusal)?),
        }
    }
}

fn raw(value: &impl Serialize) -> Result<Box<RawValue>, Fault> {
    to_json_raw_value(value).map_err(|_error| Fault::internal())
}

fn caller_id(uuid: &Json) -> Result<String, Fault> {
    match uuid {
        Json::Text(id) if (1..=limits::CALLER_ID_CHARS_MAX).contains(&id.chars().count()) => {
            Ok(id.clone())
        }
        Json::Null => Ok(String::new()),
        _ => Err(Fault::new(
            Code::InvalidParams,
            "uuid: the caller's machine id, a text of 1 to 64 characters",
        )),
    }
}

fn cursor_of(cursor: &Json) -> Option<u64> {
    match cursor {
        Json::Integer(n) => u64::try_from(*n).ok(),
        Json::Text(text) if text.is_empty() => Some(0),
        Json::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// Null, `""`, `"0"` and 0 mean "since my last call", as old clients say it.
fn time_of(timestamp: &Json) -> Result<Since, String> {
    match timestamp {
        Json::Null | Json::Integer(0) => Ok(Since::MyLastCall),
        Json::Text(text) if text.is_empty() || text == "0" => Ok(Since::MyLastCall),
        Json::Text(text) => seconds_of(text)
            .map(|seconds| Since::Time(seconds.saturating_mul(1000).saturating_add(999)))
            .ok_or_else(|| "invalid call -- time?".to_owned()),
        _ => Err("invalid call -- time?".to_owned()),
    }
}

fn raw_dump(dump: dunlin_schema::Dump) -> Result<Box<RawValue>, Fault> {
    let tables = dump
        .tables
        .into_iter()
        .map(|table| {
            let deleted = table.deleted;
            let rows = table
                .rows
                .into_iter()
                .map(|row| {
                    row.into_iter()
                        .enumerate()
                        .map(|(index, cell)| match cell {
                            Cell::Integer(truth) if Some(index) == deleted => {
                                Json::Bool(truth != 0)
                            }
                            cell => json_of(&convert::value_out(cell)),
                        })
                        .collect()
                })
                .collect();
            DumpTable { name: table.name, columns: table.columns, rows }
        })
        .collect();
    Dump { tables }.to_raw().map_err(|_error| Fault::internal())
}

fn put_table(table: DumpTable) -> Result<PutTable, String> {
    let mut rows = Vec::with_capacity(table.rows.len());
    for (place, row) in table.rows.iter().enumerate() {
        let mut cells = Vec::with_capacity(row.len());
        for (column, json) in table.columns.iter().zip(row) {
            let value = value_of(json).ok_or_else(|| {
                refusal(&table.name, place, column, "this is no value of a table")
            })?;
            cells.push(convert::value_in(value));
        }
        rows.push(cells);
    }
    Ok(PutTable { name: table.name, columns: table.columns, rows })
}
