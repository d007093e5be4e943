//! What a session leaves in the history, and how it is asked for.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, Row, named_params};
use std::time::Duration;
use uuid::Uuid;

/// Who opened the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// We dialled.
    Dialled,
    /// The partner dialled, we answered.
    Answered,
}

impl Direction {
    /// The word in the file and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dialled => "dialled",
            Self::Answered => "answered",
        }
    }
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Both sides are level.
    Success,
    /// Both sides are level as far as they can be: rows are held, conflicts arose, a clock is off.
    Warning,
    /// It did not get to its end; the next one goes on.
    Error,
    /// It cannot go on without a person.
    Fatal,
}

impl Outcome {
    /// The word in the file and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

impl FromSql for Direction {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "dialled" => Ok(Self::Dialled),
            "answered" => Ok(Self::Answered),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

impl FromSql for Outcome {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value.as_str()? {
            "success" => Ok(Self::Success),
            "warning" => Ok(Self::Warning),
            "error" => Ok(Self::Error),
            "fatal" => Ok(Self::Fatal),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

/// What one session did; handed to [`History::append`](super::History::append) when it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The partner's machine id.
    pub partner: Uuid,
    /// Its name, a label.
    pub partner_name: String,
    /// Who opened the link.
    pub direction: Direction,
    /// When it began, in milliseconds since 1970, UTC.
    pub started: i64,
    /// How long it took, on the monotonic clock.
    pub took_ms: u64,
    /// Rows that went out.
    pub rows_sent: u64,
    /// Rows that came in.
    pub rows_received: u64,
    /// Rows of theirs that changed a table here.
    pub applied: u64,
    /// Rows of theirs that are known and cannot be shown yet.
    pub held: u64,
    /// Rows of which two versions met.
    pub conflicts: u64,
    /// Bytes that went out.
    pub bytes_sent: u64,
    /// Bytes that came in.
    pub bytes_received: u64,
    /// How it ended.
    pub result: Outcome,
    /// One sentence for a person; empty when all went well.
    pub message: String,
}

impl Session {
    /// Whether it is only counted: it went well and no row moved.
    pub fn is_idle(&self) -> bool {
        let moved = self.rows_sent + self.rows_received + self.applied + self.held + self.conflicts;
        self.result == Outcome::Success && moved == 0
    }

    /// When it ended, in milliseconds since 1970.
    pub(super) fn ended(&self) -> i64 {
        self.started.saturating_add(i64::try_from(self.took_ms).unwrap_or(i64::MAX))
    }
}

/// One record of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Counts up; pass it as [`Query::before`] to go on.
    pub id: i64,
    /// The session that it tells of.
    pub session: Session,
    /// How many sessions with this partner moved no row between its record before and this one.
    pub idle: u64,
}

/// Sessions with one partner that moved no row since its newest record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Idle {
    /// How many.
    pub count: u64,
    /// When the latest of them ended, in milliseconds since 1970; 0 when there is none.
    pub last: i64,
}

/// What moved with one partner in one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hour {
    /// The partner's machine id.
    pub partner: Uuid,
    /// Its latest name.
    pub partner_name: String,
    /// When the hour began, in milliseconds since 1970.
    pub started: i64,
    /// Rows that went out.
    pub rows_sent: u64,
    /// Rows that came in.
    pub rows_received: u64,
}

/// Which records; everything left out matches everything.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Only of this partner.
    pub partner: Option<Uuid>,
    /// Only that began at this time or later, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Only that began before this time.
    pub until: Option<i64>,
    /// Only that ended so.
    pub result: Option<Outcome>,
    /// Only older than the record with this id: the last of the page before.
    pub before: Option<i64>,
    /// At most so many; 0 means as many as one answer may hold.
    pub limit: u32,
}

/// How much history is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Records that began longer ago are dropped.
    pub max_age: Duration,
    /// Above so many records the oldest are dropped.
    pub max_records: u64,
    /// Above so many bytes the oldest are dropped.
    pub max_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_age: Duration::from_hours(180 * 24), max_records: 200_000, max_bytes: 64 << 20 }
    }
}

/// The records that match, newest first.
pub(super) fn select(
    connection: &Connection,
    query: &Query,
    answer_max: u32,
) -> rusqlite::Result<Vec<Record>> {
    // Built from our own words only, so that SQLite can use the index that fits; all values are
    // bound.
    let mut sql = String::from("SELECT * FROM record WHERE id < :before");
    for (given, clause) in [
        (query.partner.is_some(), " AND partner = :partner"),
        (query.since.is_some(), " AND started >= :since"),
        (query.until.is_some(), " AND started < :until"),
        (query.result.is_some(), " AND result = :result"),
    ] {
        if given {
            sql.push_str(clause);
        }
    }
    sql.push_str(" ORDER BY id DESC LIMIT :limit");

    let limit = if query.limit == 0 { answer_max } else { query.limit.min(answer_max) };
    let all = named_params! {
        ":before": query.before.unwrap_or(i64::MAX),
        ":partner": query.partner.map(|id| id.to_string()),
        ":since": query.since,
        ":until": query.until,
        ":result": query.result.map(Outcome::as_str),
        ":limit": limit,
    };
    let named: Vec<_> = all.iter().filter(|(name, _)| sql.contains(*name)).copied().collect();
    let mut statement = connection.prepare_cached(&sql)?;
    let records = statement.query_map(named.as_slice(), read)?;
    records.collect()
}

/// Sums by partner and hour.
pub(super) fn hours(connection: &Connection, since: i64) -> rusqlite::Result<Vec<Hour>> {
    const HOUR: i64 = 3_600_000;
    let mut statement = connection.prepare_cached(
        "SELECT partner, max(partner_name) AS partner_name, started / ?2 * ?2 AS hour,
             sum(rows_sent) AS rows_sent, sum(rows_received) AS rows_received
         FROM record WHERE started >= ?1 GROUP BY partner, hour ORDER BY hour, partner",
    )?;
    let hours = statement.query_map([since, HOUR], |row| {
        let partner: String = row.get("partner")?;
        Ok(Hour {
            partner: Uuid::parse_str(&partner).unwrap_or_default(),
            partner_name: row.get("partner_name")?,
            started: row.get("hour")?,
            rows_sent: count(row, "rows_sent")?,
            rows_received: count(row, "rows_received")?,
        })
    })?;
    hours.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Record> {
    let partner: String = row.get("partner")?;
    let session = Session {
        partner: Uuid::parse_str(&partner).unwrap_or_default(),
        partner_name: row.get("partner_name")?,
        direction: row.get("direction")?,
        started: row.get("started")?,
        took_ms: count(row, "took_ms")?,
        rows_sent: count(row, "rows_sent")?,
        rows_received: count(row, "rows_received")?,
        applied: count(row, "applied")?,
        held: count(row, "held")?,
        conflicts: count(row, "conflicts")?,
        bytes_sent: count(row, "bytes_sent")?,
        bytes_received: count(row, "bytes_received")?,
        result: row.get("result")?,
        message: row.get("message")?,
    };
    Ok(Record { id: row.get("id")?, session, idle: count(row, "idle")? })
}

/// A counter as it was stored; below zero means that somebody else wrote it.
pub(super) fn count(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|count| u64::try_from(count).unwrap_or_default())
}
