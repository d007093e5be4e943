//! One machine of the demo: its folder, its file, its process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dunlin_rpc::Secret;
use dunlin_rpc::wire::admin::Status;
use dunlin_schema::shop::{self, Size};
use serde::Deserialize;
use tokio::process::Child;
use tokio::time::Instant;

use super::Error;
use super::child::{self, Call};

/// The system chooses: several demos and a real daemon can run side by side.
const ANY_PORT: &str = "127.0.0.1:0";

/// A shop that has been open for a while; filled in some milliseconds.
const SIZE: Size = Size { suppliers: 12, parts: 120, customers: 80, orders: 160 };

/// The same shop in every demo.
const SEED: u64 = 2026;

/// Where the daemon says on which addresses it listens.
const ADDRESSES: &str = "addresses.json";

/// How often a state is looked at that a file or a process tells.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// The part of `addresses.json` that the demo needs.
#[derive(Debug, Deserialize)]
struct Addresses {
    admin: Listening,
}

/// One address or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Listening {
    One(SocketAddr),
    Several(Vec<SocketAddr>),
}

/// One machine.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) name: &'static str,
    place: PathBuf,
    process: Option<Child>,
    admin: Option<SocketAddr>,
}

impl Machine {
    /// Makes the application's file, the machine beside it, and tracks all tables.
    pub(super) async fn make(
        place: PathBuf,
        name: &'static str,
        filled: bool,
    ) -> Result<Self, Error> {
        std::fs::create_dir(&place).map_err(|source| Error::Folder { source })?;
        let machine = Self { name, place, process: None, admin: None };
        let database = machine.database();
        let mut shop = shop::create(&database)?;
        if filled {
            shop::fill(&mut shop, SEED, SIZE)?;
        }
        drop(shop);

        let file = database.to_string_lossy();
        let init = ["--database", &file, "--name", name, "--partner-listen", ANY_PORT];
        machine.call("init", &[&init[..], &["--admin-listen", ANY_PORT]].concat(), None).await?;
        machine.call("track", &["--all"], None).await?;
        Ok(machine)
    }

    /// The application's file.
    pub(super) fn database(&self) -> PathBuf {
        self.place.join("shop.db")
    }

    fn data(&self) -> PathBuf {
        self.place.join("data")
    }

    fn log(&self) -> PathBuf {
        self.place.join("daemon.log")
    }

    /// The daemon's process, once it was started.
    pub(super) fn process(&mut self) -> Option<&mut Child> {
        self.process.as_mut()
    }

    /// Where the page is.
    pub(super) fn page(&self) -> String {
        self.admin.map_or_else(|| "—".to_owned(), |address| format!("http://{address}/"))
    }

    /// Starts the daemon.
    pub(super) fn start(&mut self) -> Result<(), Error> {
        self.process = Some(child::daemon(&self.data(), &self.log())?);
        Ok(())
    }

    /// Waits until the daemon says where it listens.
    pub(super) async fn ready(&mut self, within: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + within;
        loop {
            self.alive()?;
            if let Some(admin) = listening(&self.data().join(ADDRESSES)) {
                self.admin = Some(admin);
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Error::NotReady { machine: self.name, said: self.last_words() });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// An error when the daemon ended by itself.
    pub(super) fn alive(&mut self) -> Result<(), Error> {
        match self.process.as_mut().and_then(child::ended) {
            None => Ok(()),
            Some(status) => {
                Err(Error::Died { machine: self.name, status, said: self.last_words() })
            }
        }
    }

    /// What the daemon said last: the newest of its own log files, and what it printed at the end.
    fn last_words(&self) -> String {
        let files = std::fs::read_dir(self.data().join("logs")).into_iter().flatten().flatten();
        // They are named by their day.
        let newest = files.map(|entry| entry.path()).max();
        let logged = newest.map(|log| child::tail(&log) + "\n").unwrap_or_default();
        logged + &child::tail(&self.log())
    }

    /// A token that lets so many machines in.
    pub(super) async fn invite(&self, uses: usize) -> Result<Secret<String>, Error> {
        let uses = uses.to_string();
        let printed = self.call("invite", &["--uses", &uses, "--role", "keeper"], None).await?;
        Ok(Secret(printed.trim().to_owned()))
    }

    /// Joins the shop of the token.
    pub(super) async fn join(&self, token: &Secret<String>) -> Result<(), Error> {
        self.call("join", &[], Some(token)).await.map(drop)
    }

    /// What `dunlin status --json` says.
    pub(super) async fn status(&self) -> Result<Status, Error> {
        let what = "status";
        let printed = self.call(what, &["--json"], None).await?;
        serde_json::from_str(&printed).map_err(|source| Error::Answer {
            what,
            machine: self.name,
            source,
        })
    }

    async fn call(
        &self,
        what: &'static str,
        more: &[&str],
        input: Option<&Secret<String>>,
    ) -> Result<String, Error> {
        child::call(Call { what, more, input }, self.name, &self.data()).await
    }
}

/// The admin address in the daemon's file; nothing while it is missing or half written.
fn listening(file: &Path) -> Option<SocketAddr> {
    let text = std::fs::read_to_string(file).ok()?;
    match serde_json::from_str::<Addresses>(&text).ok()?.admin {
        Listening::One(address) => Some(address),
        Listening::Several(addresses) => addresses.into_iter().next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_where_the_daemon_says_it_listens() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(ADDRESSES);
        assert_eq!(listening(&file), None);
        let told = |text: &str| {
            std::fs::write(&file, text).unwrap();
            listening(&file).map(|address| address.to_string())
        };
        let one = Some("127.0.0.1:4000".to_owned());
        assert_eq!(told(r#"{"admin": ["127.0.0.1:4000"], "partner": []}"#), one);
        assert_eq!(told(r#"{"admin": "127.0.0.1:4000"}"#), one);
        assert_eq!(told(r#"{"admin": ["127.0."#), None);
    }
}
