//! The page on the network: doors that are opened, closed and given other terms while others stay.
//!
//! ```text
//!   wanted ──┬─ open already: stays, under the new terms    (certificate, names)
//!            └─ not yet: bound, then served
//!   open and not wanted any more: closed, its calls end
//! ```
//!
//! # Invariants
//!
//! * Either all that is wanted is open afterwards, or what was before is.
//! * Nothing is opened while nobody can sign in.
//! * A connection is served under one certificate and one list of names, those of its beginning.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use dunlin_logs::Chain;
use dunlin_rpc::guard::Rules;
use dunlin_rpc::server::{self, Desk, Terms};
use dunlin_rpc::tls::PageCertificate;
use dunlin_rpc::{Listener, Secret};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::error;

use super::{bind, bind_all, ended};
use crate::certificate;
use crate::config::Admin;
use crate::error::{Error, Result};
use crate::machine::Machine;

/// One address where the page is open.
struct Door {
    wanted: SocketAddr,
    really: SocketAddr,
    terms: watch::Sender<Option<Terms>>,
}

impl Door {
    /// Closes it; when this is over the address is free.
    async fn close(self) {
        self.terms.send_replace(None);
        self.terms.closed().await;
    }
}

/// The doors to the network.
pub(crate) struct Lan {
    machine: Machine,
    desk: Desk,
    doors: Vec<Door>,
    /// What holds at all of them, and the certificate's fingerprint.
    terms: Option<(Terms, String)>,
    serving: JoinSet<()>,
}

impl Lan {
    /// None yet.
    pub(super) fn new(machine: &Machine, desk: Desk) -> Self {
        let (machine, serving) = (machine.clone(), JoinSet::new());
        Self { machine, desk, doors: Vec::new(), terms: None, serving }
    }

    /// Where the page is open, and the fingerprint that is shown there.
    pub(crate) fn shown(&self) -> (Vec<SocketAddr>, Option<String>) {
        let fingerprint = self.terms.as_ref().map(|(_, fingerprint)| fingerprint.clone());
        (self.doors.iter().map(|door| door.really).collect(), fingerprint)
    }

    /// Opens and closes what these settings say. `fresh` is a certificate, with its key, that is in
    /// no file yet.
    pub(crate) async fn set(
        &mut self,
        admin: &Admin,
        fresh: Option<&Secret<String>>,
    ) -> Result<()> {
        // Those that have ended by themselves are none.
        self.doors.retain(|door| !door.terms.is_closed());
        while self.serving.try_join_next().is_some() {}
        if admin.lan_listen.is_empty() {
            for door in std::mem::take(&mut self.doors) {
                door.close().await;
            }
            self.terms = None;
            return Ok(());
        }
        if !self.machine.users.has_admin() {
            return Err(Error::Refused(
                "admin.lan_listen: the page is not opened to the network before somebody can \
                 sign in; make a user with `dunlin users add NAME --role admin` first"
                    .to_owned(),
            ));
        }
        let page = self.certificate(admin, fresh.cloned()).await?;
        let tls = page.config().map_err(|source| Error::PageCertificate {
            file: certificate::file(&self.machine, admin),
            source,
        })?;
        let names = super::names(admin).collect::<BTreeSet<_>>();
        let rules = Arc::new(Rules { listener: Listener::Lan, names, proxied: false });
        self.change(&admin.lan_listen, (Terms { rules, tls }, page.fingerprint())).await
    }

    async fn certificate(
        &self,
        admin: &Admin,
        fresh: Option<Secret<String>>,
    ) -> Result<PageCertificate> {
        let (machine, admin) = (self.machine.clone(), admin.clone());
        let read = move || match fresh {
            Some(fresh) => certificate::read_own(&machine, &fresh),
            None => certificate::load(&machine, &admin),
        };
        tokio::task::spawn_blocking(read).await.map_err(|_panic| Error::Stopping)?
    }

    async fn change(&mut self, wanted: &[SocketAddr], terms: (Terms, String)) -> Result<()> {
        let open: Vec<SocketAddr> = self.doors.iter().map(|door| door.wanted).collect();
        let new: Vec<SocketAddr> =
            wanted.iter().filter(|address| !open.contains(address)).copied().collect();
        // One on all addresses holds the port of each: what goes may stand in the way of what comes.
        let in_the_way = |door: &mut Door| {
            let port = door.really.port();
            !wanted.contains(&door.wanted) && new.iter().any(|new| new.port() == port)
        };
        let mut gone = Vec::new();
        for door in self.doors.extract_if(.., in_the_way).collect::<Vec<_>>() {
            gone.push(door.wanted);
            door.close().await;
        }
        let bound = match bind_all(&new).await {
            Ok(bound) => bound,
            Err(error) => {
                self.open_again(&gone).await;
                return Err(error);
            }
        };
        let is_other = self.terms.as_ref().is_none_or(|(now, fingerprint)| {
            *fingerprint != terms.1 || now.rules.names != terms.0.rules.names
        });
        self.terms = Some(terms);
        for door in
            self.doors.extract_if(.., |door| !wanted.contains(&door.wanted)).collect::<Vec<_>>()
        {
            door.close().await;
        }
        if is_other {
            for door in &self.doors {
                door.terms.send_replace(self.terms.as_ref().map(|(terms, _)| terms.clone()));
            }
        }
        for (address, listener) in bound {
            self.serve(address, listener);
        }
        Ok(())
    }

    /// What was closed to make room for what then could not be opened.
    async fn open_again(&mut self, addresses: &[SocketAddr]) {
        for address in addresses {
            match bind(*address).await {
                Ok(listener) => self.serve(*address, listener),
                Err(cause) => error!(%address, cause = %Chain(&cause), "page not open any more"),
            }
        }
    }

    fn serve(&mut self, wanted: SocketAddr, listener: TcpListener) {
        let terms = watch::Sender::new(self.terms.as_ref().map(|(terms, _)| terms.clone()));
        let really = listener.local_addr().unwrap_or(wanted);
        let serving = server::serve_lan(listener, self.desk.clone(), terms.subscribe());
        self.serving.spawn(async move { ended("network's listener", serving.await) });
        self.doors.push(Door { wanted, really, terms });
    }
}
