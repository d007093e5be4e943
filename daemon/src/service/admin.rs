//! The admin methods: what the command line and the page ask of the machine.

use std::time::{Duration, Instant};

use dunlin_logs::Query;
use dunlin_rpc::method::admin::AdminServer;
use dunlin_rpc::wire::admin::{
    ConflictEntry, DatabaseStatus, HeldEntry, HistoryEntry, Invited, Joined, MachineStatus,
    PartnerStatus, RefusedTable, Retried, SightingStatus, Status, Synced, SyncedPartner,
    TableStatus, Track, Tracked, UserEntry,
};
use dunlin_rpc::{Code, Fault, Secret};
use dunlin_schema::{Cell, Cells, Clock as _, Origin, Stamp};
use jsonrpsee::Extensions;
use jsonrpsee::core::{RpcResult, async_trait};

use super::rights::may;
use crate::clock;
use crate::discovery::Nets;
use crate::error::{Error, Result};
use crate::fault::fault;
use crate::invite::Terms;
use crate::joining;
use crate::machine::{Machine, State};
use crate::roster::Member;
use crate::users::Role;

/// Rows of a list, unless the caller says otherwise; and at most.
const ROWS: u32 = 100;
const ROWS_MAX: u32 = 10_000;
/// How long `sync --wait` waits.
const WAIT: Duration = Duration::from_mins(1);

/// The admin methods.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) machine: Machine,
}

fn limit(limit: Option<u32>) -> usize {
    limit.unwrap_or(ROWS).min(ROWS_MAX) as usize
}

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
    let sightings =
        machine.discovery().map(crate::discovery::Discovery::sightings).unwrap_or_default();
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

async fn tables(database: &crate::database::Database) -> Result<Vec<TableStatus>> {
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

fn partner(machine: &Machine, member: &Member) -> PartnerStatus {
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
            State::IdentityProblem => held,
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

impl Service {
    /// A machine by its id: its name where it is or was a member.
    fn who(&self, origin: Origin) -> String {
        let roster = self.machine.roster();
        let member = roster.members().by_machine(origin.machine);
        member.map_or_else(|| origin.machine.to_string(), |member| member.name.clone())
    }

    async fn conflicts(&self, limit: usize) -> Result<Vec<ConflictEntry>> {
        let mut all = Vec::new();
        for database in &self.machine.databases {
            let found = database.call(move |store| store.conflicts(false, limit)).await?;
            all.extend(found.into_iter().map(|conflict| {
                let kind = match (&conflict.cells, &conflict.winner_cells) {
                    (None, _) => "delete lost",
                    (Some(_), None) => "edit lost to a delete",
                    (Some(_), Some(_)) => "edit lost",
                };
                let loser =
                    conflict.loser.split_once('/').and_then(|(machine, _)| machine.parse().ok());
                ConflictEntry {
                    number: conflict.number,
                    database: database.name().to_owned(),
                    table: conflict.table,
                    row: conflict.row,
                    kind: kind.to_owned(),
                    found: clock::text(conflict.stamp.millis()),
                    loser: loser
                        .map_or(conflict.loser, |machine| self.who(Origin { machine, epoch: 0 })),
                    winner: conflict
                        .winner
                        .map_or_else(|| "-".to_owned(), |winner| self.who(winner)),
                    written: clock::text(conflict.stamp.millis()),
                    winner_written: conflict.winner_stamp.map(Stamp::millis).map(clock::text),
                    values: conflict.cells.as_ref().map(values).unwrap_or_default(),
                    winner_values: conflict.winner_cells.as_ref().map(values).unwrap_or_default(),
                    restored: conflict.settled.is_some(),
                }
            }));
        }
        Ok(all)
    }

    async fn held(&self, limit: usize) -> Result<Vec<HeldEntry>> {
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
                held: held.held,
            }));
        }
        Ok(all)
    }

    async fn history(
        &self,
        partner: Option<String>,
        since: Option<String>,
        limit: u32,
    ) -> Result<Vec<HistoryEntry>> {
        let since = match since {
            None => None,
            Some(text) => {
                Some(dunlin_rpc::dump::seconds_of(&text).map(|seconds| seconds * 1000).ok_or_else(
                    || Error::Refused(format!("{text:?} is not a time; write YYYY-MM-DD HH:MM:SS")),
                )?)
            }
        };
        let partner = partner.map(|wanted| self.machine.find(&wanted)).transpose()?;
        let history = std::sync::Arc::clone(&self.machine.history);
        let query = Query {
            partner: partner.map(|member| member.machine),
            since,
            limit,
            ..Query::default()
        };
        let records = tokio::task::spawn_blocking(move || history.query(&query))
            .await
            .map_err(|_panic| Error::Stopping)?
            .map_err(|error| Error::Refused(format!("the history cannot be read: {error}")))?;
        Ok(records
            .into_iter()
            .map(|record| HistoryEntry {
                partner: Some(record.partner),
                name: record.partner_name,
                direction: record.direction.as_str().to_owned(),
                started: clock::text(record.started),
                took_ms: record.took_ms,
                sent: record.rows_sent,
                received: record.rows_received,
                applied: record.applied,
                held: record.held,
                conflicts: record.conflicts,
                bytes: record.bytes_sent + record.bytes_received,
                result: record.result.as_str().to_owned(),
                message: record.message,
            })
            .collect())
    }

    async fn track(&self, track: Track) -> Result<Tracked> {
        let database = match &track.database {
            Some(name) => self.machine.database(name)?,
            None => self.machine.main_database()?,
        };
        if track.all != track.tables.is_empty() {
            return Err(Error::Refused("name the tables, or say --all".to_owned()));
        }
        let references =
            track.references.iter().map(|text| reference(text)).collect::<Result<_>>()?;
        let wanted = dunlin_schema::Track {
            tables: (!track.all).then_some(track.tables),
            references,
            natural: track.natural,
            copies: track.copies,
        };
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

    fn invite(&self, uses: Option<u32>, expires: Option<u64>) -> Result<Invited> {
        let machine = &self.machine;
        if !machine.roster().members().is_keeper(machine.identity.public_key()) {
            return Err(crate::roster::Error::NotKeeper.into());
        }
        // Without a daemon the token names where the next one is going to listen.
        let configured = machine.config.partner.listen;
        let partner = machine.listening().partner.unwrap_or(configured);
        if partner.port() == 0 {
            return Err(Error::NoDaemon);
        }
        let addresses = if partner.ip().is_unspecified() {
            let own = Nets::now(false).own();
            own.into_iter().map(|ip| std::net::SocketAddr::new(ip, partner.port())).collect()
        } else {
            vec![partner]
        };
        let life = expires.map_or(Terms::default().life, Duration::from_secs);
        let terms = Terms { uses: uses.unwrap_or(1), life };
        let shop = machine.roster().shop();
        let shop8 = shop.0.first_chunk::<8>().copied().unwrap_or_default();
        let token = machine.invites().issue(
            terms,
            shop8,
            machine.identity.pin(),
            &addresses,
            machine.seconds(),
        )?;
        Ok(Invited {
            uses: terms.uses,
            expires: clock::text(i64::from(token.expires) * 1000),
            token: token.encode(),
        })
    }

    async fn sync(&self, partner: Option<String>, wait: bool) -> Result<Synced> {
        let machine = &self.machine;
        if machine.listening().partner.is_none() {
            return Err(Error::NoDaemon);
        }
        let members = match partner {
            Some(wanted) => vec![machine.find(&wanted)?],
            None => machine.others(),
        };
        let begun = Instant::now();
        let ask = || {
            machine.want_sessions();
            for member in &members {
                for link in machine.links.of(member.pin) {
                    link.poke.notify_one();
                }
            }
        };
        ask();
        let mut asked = Instant::now();
        while wait
            && !members.iter().all(|member| is_level(machine, member, begun))
            && begun.elapsed() < WAIT
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
            // Something may have been written after they compared.
            if asked.elapsed() > Duration::from_secs(1) {
                ask();
                asked = Instant::now();
            }
        }
        let partners: Vec<SyncedPartner> = members
            .iter()
            .map(|member| {
                let equal = is_level(machine, member, begun) || (!wait && self.was_level(member));
                let known = partner_status_message(machine, member, equal);
                SyncedPartner {
                    id: member.machine,
                    name: member.name.clone(),
                    equal,
                    message: known,
                }
            })
            .collect();
        Ok(Synced { equal: partners.iter().all(|partner| partner.equal), partners })
    }

    fn was_level(&self, member: &Member) -> bool {
        let known = self.machine.partner(member.pin);
        known.state(None, self.machine.clock.now()) == State::UpToDate
    }

    async fn change_users(
        &self,
        change: impl FnOnce(&Machine) -> Result<(), crate::users::Error> + Send + 'static,
    ) -> Result<()> {
        let machine = self.machine.clone();
        tokio::task::spawn_blocking(move || change(&machine))
            .await
            .map_err(|_panic| Error::Stopping)??;
        Ok(())
    }
}

/// Equal by a comparison made since, with nothing on the way.
fn is_level(machine: &Machine, member: &Member, since: Instant) -> bool {
    let known = machine.partner(member.pin);
    known.is_equal_since(since) && known.waiting_in == 0 && known.waiting_out == 0
}

fn partner_status_message(machine: &Machine, member: &Member, equal: bool) -> String {
    if equal {
        return String::new();
    }
    let known = machine.partner(member.pin);
    match known.state(machine.links.held(member.pin).as_deref(), machine.clock.now()) {
        State::UpToDate | State::CatchingUp => "rows are on their way".to_owned(),
        state => known
            .stopped
            .or(known.reason)
            .unwrap_or_else(|| format!("{}; no link to it", state.word().to_lowercase())),
    }
}

fn why(why: dunlin_schema::Why, waits_for: &[uuid::Uuid]) -> String {
    use dunlin_schema::Why;
    match (why, waits_for) {
        (Why::Parent, [one]) => format!("waits for the row {one}, which it refers to"),
        (Why::Parent, rows) => format!("waits for {} rows that it refers to", rows.len()),
        (Why::Constraint, _) => "the table refuses it".to_owned(),
        (Why::Schema, _) => "its table is not tracked here".to_owned(),
        (Why::Size, _) => "it is larger than what is passed on".to_owned(),
        (Why::Unique, _) => "another row has the same value, which must be unique".to_owned(),
    }
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
            (name.to_owned(), value)
        })
        .collect()
}

#[async_trait]
impl AdminServer for Service {
    async fn machine_status(&self, ext: &Extensions) -> RpcResult<Status> {
        may(&self.machine, ext, Role::Read).await?;
        Ok(status(&self.machine).await.map_err(|error| fault(&error))?)
    }

    async fn partners_list(&self, ext: &Extensions) -> RpcResult<Vec<PartnerStatus>> {
        may(&self.machine, ext, Role::Read).await?;
        Ok(self.machine.others().iter().map(|member| partner(&self.machine, member)).collect())
    }

    async fn tables_list(&self, ext: &Extensions) -> RpcResult<Vec<TableStatus>> {
        may(&self.machine, ext, Role::Read).await?;
        let mut all = Vec::new();
        for database in &self.machine.databases {
            all.extend(tables(database).await.map_err(|error| fault(&error))?);
        }
        Ok(all)
    }

    async fn tables_track(&self, ext: &Extensions, track: Track) -> RpcResult<Tracked> {
        may(&self.machine, ext, Role::Admin).await?;
        Ok(self.track(track).await.map_err(|error| fault(&error))?)
    }

    async fn history_list(
        &self,
        ext: &Extensions,
        partner: Option<String>,
        since: Option<String>,
        rows: Option<u32>,
    ) -> RpcResult<Vec<HistoryEntry>> {
        may(&self.machine, ext, Role::Read).await?;
        Ok(self
            .history(partner, since, rows.unwrap_or(ROWS).min(ROWS_MAX))
            .await
            .map_err(|error| fault(&error))?)
    }

    async fn conflicts_list(
        &self,
        ext: &Extensions,
        rows: Option<u32>,
    ) -> RpcResult<Vec<ConflictEntry>> {
        may(&self.machine, ext, Role::Read).await?;
        Ok(self.conflicts(limit(rows)).await.map_err(|error| fault(&error))?)
    }

    async fn conflicts_restore(&self, ext: &Extensions, number: i64) -> RpcResult<()> {
        may(&self.machine, ext, Role::Write).await?;
        let restored = match self.machine.main_database() {
            Ok(database) => database.call(move |store| store.restore_conflict(number)).await,
            Err(error) => Err(error),
        };
        Ok(restored.map_err(|error| fault(&error))?)
    }

    async fn held_list(&self, ext: &Extensions, rows: Option<u32>) -> RpcResult<Vec<HeldEntry>> {
        may(&self.machine, ext, Role::Read).await?;
        Ok(self.held(limit(rows)).await.map_err(|error| fault(&error))?)
    }

    async fn held_retry(&self, ext: &Extensions, number: Option<i64>) -> RpcResult<Retried> {
        may(&self.machine, ext, Role::Write).await?;
        let database = self.machine.main_database().map_err(|error| fault(&error))?;
        let retried = database
            .call(move |store| {
                let held = |store: &mut dunlin_schema::Store| {
                    let rows = store.held(usize::MAX)?;
                    Ok(rows
                        .iter()
                        .filter(|row| row.held && number.is_none_or(|n| n == row.number))
                        .count())
                };
                let tried = held(store)?;
                let shown = store.retry(number)?;
                Ok((tried as u64, shown as u64))
            })
            .await
            .map_err(|error| fault(&error))?;
        Ok(Retried { tried: retried.0, shown: retried.1 })
    }

    async fn sync_now(
        &self,
        ext: &Extensions,
        partner: Option<String>,
        wait: Option<bool>,
    ) -> RpcResult<Synced> {
        may(&self.machine, ext, Role::Write).await?;
        Ok(self.sync(partner, wait.unwrap_or(false)).await.map_err(|error| fault(&error))?)
    }

    async fn pairing_invite(
        &self,
        ext: &Extensions,
        uses: Option<u32>,
        expires_seconds: Option<u64>,
    ) -> RpcResult<Invited> {
        may(&self.machine, ext, Role::Admin).await?;
        Ok(self.invite(uses, expires_seconds).map_err(|error| fault(&error))?)
    }

    async fn pairing_join(&self, ext: &Extensions, token: Secret<String>) -> RpcResult<Joined> {
        may(&self.machine, ext, Role::Admin).await?;
        let joined =
            joining::join(&self.machine, token.expose()).await.map_err(|error| fault(&error))?;
        Ok(Joined { shop: joined.shop, by: joined.by, members: joined.members as u64 })
    }

    async fn users_list(&self, ext: &Extensions) -> RpcResult<Vec<UserEntry>> {
        may(&self.machine, ext, Role::Admin).await?;
        let users = self.machine.users.list();
        Ok(users
            .into_iter()
            .map(|(name, role)| UserEntry { name, role: role.to_string() })
            .collect())
    }

    async fn users_add(
        &self,
        ext: &Extensions,
        name: String,
        role: String,
        password: Secret<String>,
    ) -> RpcResult<()> {
        may(&self.machine, ext, Role::Admin).await?;
        let role: Role = role.parse().map_err(|error: crate::users::Error| {
            Fault::new(Code::InvalidParams, error.to_string())
        })?;
        let change = move |machine: &Machine| machine.users.add(&name, password.expose(), role);
        Ok(self.change_users(change).await.map_err(|error| fault(&error))?)
    }

    async fn users_passwd(
        &self,
        ext: &Extensions,
        name: String,
        password: Secret<String>,
    ) -> RpcResult<()> {
        may(&self.machine, ext, Role::Admin).await?;
        let change = move |machine: &Machine| machine.users.set_password(&name, password.expose());
        Ok(self.change_users(change).await.map_err(|error| fault(&error))?)
    }

    async fn users_remove(&self, ext: &Extensions, name: String) -> RpcResult<()> {
        may(&self.machine, ext, Role::Admin).await?;
        let change = move |machine: &Machine| machine.users.remove(&name);
        Ok(self.change_users(change).await.map_err(|error| fault(&error))?)
    }
}
