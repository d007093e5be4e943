//! What carries changes of settings out: doors, files, and the five minutes.
//!
//! One task has all of it, so changes come one after the other. Everything that can be refused is
//! looked at before anything is touched.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use dunlin_logs::Chain;
use dunlin_rpc::Secret;
use dunlin_schema::Clock as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::{Refused, Way};
use crate::certificate;
use crate::config::kept::{FILE, LAN_LISTEN, LAN_NAMES, LOG_LEVEL};
use crate::config::{Config, Kept, LogLevel};
use crate::doors::Lan;
use crate::error::{Error, Result};
use crate::machine::Machine;

/// How often it is tried to open what could not be opened: an address may come with the network.
const AGAIN: Duration = Duration::from_secs(30);

/// What somebody wants of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To log so much.
    LogLevel(LogLevel),
    /// To change how the page stands to the network; what is none stays.
    Network {
        /// Where it is open.
        listen: Option<Vec<SocketAddr>>,
        /// By which names it answers.
        names: Option<Vec<String>>,
        /// With a new certificate.
        certificate: bool,
    },
    /// To keep what waits.
    Keep,
    /// To take it back.
    Undo,
}

/// A wish, by which way it came, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) wish: Wish,
    pub(crate) by: Way,
    pub(crate) answer: oneshot::Sender<Result<()>>,
}

/// Carries changes out.
pub(crate) struct Driver {
    machine: Machine,
    lan: Lan,
    asked: mpsc::Receiver<Asked>,
    /// A certificate with its key that is being tried.
    fresh: Option<Secret<String>>,
}

impl Driver {
    /// From now on the machine takes wishes.
    pub(crate) fn new(machine: &Machine, lan: Lan) -> Self {
        let asked = machine.take_wishes();
        Self { machine: machine.clone(), lan, asked, fresh: None }
    }

    /// Opens what the settings say. What the file says and cannot be stops the start; what was set
    /// by a button must not keep the rows from moving, and is tried again.
    pub(crate) async fn begin(&mut self) -> Result<(Vec<SocketAddr>, Option<String>)> {
        let admin = self.machine.config_now().admin;
        if let Err(error) = self.lan.set(&admin, None).await {
            if self.machine.file_says(LAN_LISTEN) {
                return Err(error);
            }
            self.is_shut(&error);
        }
        Ok(self.lan.shown())
    }

    /// Takes wishes until the daemon stops.
    pub(crate) async fn run(mut self) {
        loop {
            let left = self.machine.settings().left(self.machine.clock.elapsed());
            let is_shut = self.machine.shut().is_some();
            tokio::select! {
                asked = self.asked.recv() => {
                    let Some(Asked { wish, by, answer }) = asked else { return };
                    let done = self.grant(wish, by).await;
                    self.machine.seen_to_change();
                    // Whoever asked may have hung up.
                    answer.send(done).unwrap_or_default();
                }
                () = sleep(left.unwrap_or_default()), if left.is_some() => {
                    warn!(cause = "nobody kept them in time", "settings as before");
                    self.back().await;
                }
                () = sleep(AGAIN), if is_shut && left.is_none() => self.back().await,
            }
        }
    }

    async fn grant(&mut self, wish: Wish, by: Way) -> Result<()> {
        match wish {
            Wish::LogLevel(level) => self.log_level(level).await,
            Wish::Network { listen, names, certificate } => {
                self.try_out((listen, names), certificate, by).await
            }
            Wish::Keep => self.keep(by).await,
            Wish::Undo => {
                if self.machine.settings().trial().is_none() {
                    return Err(refused(Refused::Nothing));
                }
                info!("settings as before");
                self.back().await;
                Ok(())
            }
        }
    }

    async fn log_level(&mut self, level: LogLevel) -> Result<()> {
        self.is_ours(LOG_LEVEL)?;
        if self.machine.log().is_none() {
            return Err(Error::NoDaemon);
        }
        let mut kept = self.machine.settings().kept().clone();
        kept.log_level = Some(level);
        self.write(kept, None).await?;
        self.machine.settings().set_log_level(level);
        let level = dunlin_logs::Level::from(level);
        if let Some(log) = self.machine.log() {
            log.set_level(level);
        }
        info!(cause = level.as_str(), "log level changed");
        Ok(())
    }

    async fn try_out(
        &mut self,
        (listen, names): (Option<Vec<SocketAddr>>, Option<Vec<String>>),
        certificate: bool,
        by: Way,
    ) -> Result<()> {
        self.machine.settings().may_try().map_err(refused)?;
        let now = self.machine.config_now();
        let mut wanted = self.machine.settings().kept().clone();
        if let Some(listen) = listen {
            self.is_ours(LAN_LISTEN)?;
            wanted.lan_listen = Some(listen);
        }
        if let Some(names) = names {
            self.is_ours(LAN_NAMES)?;
            wanted.lan_names = Some(names);
        }
        let then = self.with(&wanted);
        may_be(&now, &then, &wanted, certificate)?;
        let fresh =
            certificate.then(|| certificate::make(&self.machine, &then.admin)).transpose()?;
        let before = self.machine.listening().fingerprint.unwrap_or_default();
        self.lan.set(&then.admin, fresh.as_ref()).await.map_err(not_so)?;
        let (addresses, fingerprint) = self.lan.shown();
        let prints = fresh.is_some().then(|| (fingerprint.unwrap_or_default(), before));
        let (open, at) = (!addresses.is_empty(), self.machine.clock.elapsed());
        self.machine.settings().try_out(wanted, prints, (by, open), at).map_err(refused)?;
        self.fresh = fresh;
        self.machine.set_shut(None);
        self.tell().await;
        warn!(lan = ?addresses, "settings changed, to be kept within five minutes");
        Ok(())
    }

    async fn keep(&mut self, by: Way) -> Result<()> {
        let kept = {
            let settings = self.machine.settings();
            settings.may_keep(by, self.machine.clock.elapsed()).map_err(refused)?.clone()
        };
        self.write(kept, self.fresh.clone()).await?;
        self.machine.settings().keep();
        self.fresh = None;
        info!("settings kept");
        Ok(())
    }

    /// To what is kept: what was tried is over, or what could not be opened is tried again.
    async fn back(&mut self) {
        self.machine.settings().undo();
        self.fresh = None;
        let was_shut = self.machine.shut().is_some();
        match self.lan.set(&self.machine.config_now().admin, None).await {
            Ok(()) => self.machine.set_shut(None),
            // Said in the log already, and every half minute is too often.
            Err(error) if was_shut => self.machine.set_shut(Some(why_not(&error))),
            Err(error) => self.is_shut(&error),
        }
        self.tell().await;
        self.machine.seen_to_change();
    }

    fn is_shut(&self, error: &Error) {
        error!(cause = %Chain(error), "page not open to the network; trying again");
        self.machine.set_shut(Some(why_not(error)));
    }

    /// Says where the page is open now.
    async fn tell(&self) {
        let (lan, fingerprint) = self.lan.shown();
        let machine = self.machine.clone();
        let told = move || {
            let listening = crate::machine::Listening { lan, fingerprint, ..machine.listening() };
            machine.set_listening(listening)
        };
        match tokio::task::spawn_blocking(told).await {
            Ok(Ok(())) | Err(_) => {}
            Ok(Err(error)) => warn!(cause = %Chain(&error), "addresses not written"),
        }
    }

    async fn write(&self, kept: Kept, fresh: Option<Secret<String>>) -> Result<()> {
        let machine = self.machine.clone();
        let write = move || {
            if let Some(fresh) = fresh {
                certificate::store(&machine, &fresh)?;
            }
            Ok(machine.folder.write(FILE, &kept.text())?)
        };
        tokio::task::spawn_blocking(write).await.map_err(|_panic| Error::Stopping)?
    }

    /// The configuration with these settings.
    fn with(&self, kept: &Kept) -> Config {
        let mut config = self.machine.config.clone();
        kept.lay_on(&mut config);
        config
    }

    /// What stands in the file is changed there.
    fn is_ours(&self, key: &str) -> Result<()> {
        if !self.machine.file_says(key) {
            return Ok(());
        }
        Err(Error::Refused(format!(
            "{key} stands in dunlin.toml; change it there and restart the daemon, or take it out \
             there to set it here"
        )))
    }
}

/// Whether a change may be, as far as that can be seen before it is made.
fn may_be(now: &Config, then: &Config, wanted: &Kept, certificate: bool) -> Result<()> {
    let refuse = |what: &str| Err(Error::Refused(what.to_owned()));
    wanted.check().map_err(|error| Error::Refused(error.to_string()))?;
    if *now == *then && !certificate {
        return refuse("that is how it is already");
    }
    if then.admin.behind_proxy && now.admin.lan_names != then.admin.lan_names {
        return refuse(
            "with admin.behind_proxy, admin.lan_names says also by which names the proxy may call; \
             change it in dunlin.toml",
        );
    }
    if certificate && !then.admin.lan_certificate.as_os_str().is_empty() {
        return refuse(
            "the certificate is one that dunlin.toml names in admin.lan_certificate; renew it \
             there and restart the daemon",
        );
    }
    if certificate && then.admin.lan_listen.is_empty() {
        return refuse(
            "the page is not open to the network, so it shows no certificate to anybody",
        );
    }
    Ok(())
}

fn refused(why: Refused) -> Error {
    Error::Refused(why.to_string())
}

/// Why the doors stay as they are, in a sentence for whoever wanted them otherwise.
fn not_so(error: Error) -> Error {
    match &error {
        Error::Listen { .. } | Error::PageCertificate { .. } => {
            Error::Refused(format!("{}; nothing was changed", why_not(&error)))
        }
        _ => error,
    }
}

fn why_not(error: &Error) -> String {
    let Error::Listen { address, source } = error else { return error.to_string() };
    #[expect(clippy::wildcard_enum_match_arm, reason = "ErrorKind is open-ended")]
    let why = match source.kind() {
        ErrorKind::AddrInUse => "another program uses that port".to_owned(),
        ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        ErrorKind::PermissionDenied => "ports below 1024 are not for this program".to_owned(),
        _ => source.to_string(),
    };
    format!("the page cannot be opened at {address}: {why}")
}

#[cfg(test)]
mod tests;
