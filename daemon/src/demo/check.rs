//! Checking: do all machines show the same rows?

use std::fmt;

use dunlin_rpc::Sum;
use dunlin_rpc::wire::admin::Status;
use tokio::time::Instant;

use super::Error;
use super::machine::{LOOK, Machine};
use crate::cli::text::{count, number};

/// How much of a digest is shown.
const DIGEST_SHOWN: usize = 8;

/// How one machine stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stand {
    machine: &'static str,
    rows: u64,
    digest: String,
}

/// How all machines stand, asked one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing(Vec<Stand>);

impl Standing {
    /// From the machines' own answers.
    fn of(answers: &[(&'static str, Status)]) -> Self {
        Self(answers.iter().map(|(machine, status)| Stand::of(machine, status)).collect())
    }

    /// Whether all show the same rows of the same tables. No rows at all is not yet a shop.
    pub(super) fn equal(&self) -> bool {
        let Some((first, others)) = self.0.split_first() else { return false };
        first.rows > 0
            && others.iter().all(|stand| stand.rows == first.rows && stand.digest == first.digest)
    }
}

impl Stand {
    /// One digest over the digests of all tables, in the order of their names.
    fn of(machine: &'static str, status: &Status) -> Self {
        let mut tables: Vec<String> = Vec::new();
        let mut rows = 0;
        for database in &status.databases {
            for table in &database.tables {
                let place = [database.name.as_str(), &table.name, &table.digest].join("\n");
                tables.push(format!("{place}\n{}\n", table.rows));
                rows += table.rows;
            }
        }
        tables.sort();
        let digest = Sum::of(tables.concat().as_bytes()).to_string();
        Self { machine, rows, digest: digest.chars().take(DIGEST_SHOWN).collect() }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.first() {
            Some(first) if self.equal() => {
                let machines = count(self.0.len() as u64, "machine", "machines");
                let rows = count(first.rows, "row", "rows");
                write!(f, "{machines} in step: {rows}, digest {}…", first.digest)
            }
            _ => {
                write!(f, "not in step yet:")?;
                for (at, stand) in self.0.iter().enumerate() {
                    let comma = if at == 0 { "" } else { ";" };
                    let (rows, digest) = (number(stand.rows), &stand.digest);
                    write!(f, "{comma} “{}” has {rows} rows, digest {digest}…", stand.machine)?;
                }
                Ok(())
            }
        }
    }
}

/// Asks until all machines are equal, or the time is over; gives the last standing.
pub(super) async fn settle(machines: &mut [Machine], until: Instant) -> Result<Standing, Error> {
    loop {
        let mut answers = Vec::with_capacity(machines.len());
        for machine in machines.iter_mut() {
            machine.alive()?;
            answers.push((machine.name, machine.status().await?));
        }
        let standing = Standing::of(&answers);
        if standing.equal() || Instant::now() > until {
            return Ok(standing);
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use dunlin_rpc::wire::admin::{DatabaseStatus, TableStatus};

    use super::*;

    fn answer(rows: u64, digest: &str) -> Status {
        let table = |name: &str, rows, digest: &str| TableStatus {
            name: name.to_owned(),
            rows,
            digest: digest.to_owned(),
            ..TableStatus::default()
        };
        let tables = vec![table("parts", rows, digest), table("bins", 4, "ab")];
        let main = DatabaseStatus { name: "main".to_owned(), tables, ..DatabaseStatus::default() };
        Status { databases: vec![main], ..Status::default() }
    }

    #[test]
    fn machines_are_in_step_when_all_digests_are_equal() {
        let equal = Standing::of(&[("a", answer(1_200, "00")), ("b", answer(1_200, "00"))]);
        assert!(equal.equal());
        assert!(equal.to_string().starts_with("2 machines in step: 1 204 rows, digest "));

        let other = Standing::of(&[("a", answer(1_200, "00")), ("b", answer(1_200, "01"))]);
        assert!(!other.equal());
        assert!(other.to_string().starts_with("not in step yet: “a” has 1 204 rows, digest "));
    }

    #[test]
    fn machines_without_rows_are_not_in_step() {
        let none = || Status::default();
        assert!(!Standing::of(&[("a", none()), ("b", none())]).equal());
        assert!(!Standing::of(&[]).equal());
    }
}
