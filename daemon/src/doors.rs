//! The doors: every listener of browsers and scripts, opened before anything runs; those of the
//! page on the network also later, when somebody changes the settings.
//!
//! ```text
//!   DIR/dunlin.sock             root and the daemon's user
//!   /run/dunlin/NAME.sock       and local_admins, where there are any
//!   admin.listen                loopback
//!   admin.lan_listen     TLS    the network: somebody must be able to sign in
//!   old_callers.listen          programs of 2009, from `allow` alone
//! ```
//!
//! All of them share one desk: the same methods, the same gate, the same room for large bodies.

mod lan;

pub(crate) use lan::Lan;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use dunlin_logs::Chain;
use dunlin_rpc::Listener;
use dunlin_rpc::guard::Rules;
use dunlin_rpc::server::{self, Desk, Ends};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tracing::{debug, error};

use crate::config::{Admin, computer_name};
use crate::error::{Error, Result};
use crate::machine::{Listening, Machine};
use crate::neighbours::OwnUsers;
use crate::settings::Driver;
use crate::{page, ready, service};

/// Opens every door but the partners', and serves each in a task.
pub(crate) async fn open(machine: &Machine, tasks: &mut JoinSet<()>) -> Result<Listening> {
    let config = &machine.config;
    let own_users = Arc::new(OwnUsers::of(config)?);
    let (admin, old) = (
        listeners(bind_all(&config.admin.listen).await?),
        listeners(bind_all(&config.old_callers.listen).await?),
    );
    let addresses = |listeners: &[TcpListener]| -> Vec<SocketAddr> {
        listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    };
    let mut listening = Listening {
        admin: addresses(&admin),
        old_callers: addresses(&old),
        ..Listening::default()
    };

    let api = service::api(machine);
    let pages = page::router(machine, &api).merge(ready::router(machine));
    let desk = Desk::new(api, pages);
    open_sockets(machine, &desk, &own_users, tasks)?;
    let rules = |listener| Rules {
        listener,
        names: names(&config.admin).collect(),
        proxied: listener == Listener::Loopback && config.admin.behind_proxy,
    };
    let mut settings = Driver::new(machine, Lan::new(machine, desk.clone()));
    (listening.lan, listening.fingerprint) = settings.begin().await?;
    tasks.spawn(settings.run());
    for listener in admin {
        let own_users = Arc::clone(&own_users);
        let near = Arc::new(move |ends: Ends| own_users.near(ends));
        let serving = server::serve_admin(listener, desk.clone(), rules(Listener::Loopback), near);
        tasks.spawn(async move { ended("admin listener", serving.await) });
    }
    for listener in old {
        let allowed = config.old_callers.clone();
        let admits = Arc::new(move |address| allowed.admits(address));
        let rules = rules(Listener::OldCallers);
        let serving = server::serve_old_callers(listener, desk.clone(), rules, admits);
        tasks.spawn(async move { ended("old callers' listener", serving.await) });
    }
    Ok(listening)
}

/// The names of this machine on its network, in lower case.
pub(crate) fn names(admin: &Admin) -> impl Iterator<Item = String> {
    let own = format!("{}.local", computer_name());
    admin.lan_names.iter().cloned().chain([own]).map(|name| name.to_ascii_lowercase())
}

#[cfg(unix)]
fn open_sockets(
    machine: &Machine,
    desk: &Desk,
    own_users: &Arc<OwnUsers>,
    tasks: &mut JoinSet<()>,
) -> Result<()> {
    use crate::socket;
    let own = server::serve_socket(socket::bind(&machine.folder)?, desk.clone(), None);
    tasks.spawn(async move { ended("socket", own.await) });
    if let Some(path) = socket::shared_path(machine) {
        let own_users = Arc::clone(own_users);
        let admits = Arc::new(move |uid| own_users.has(uid));
        let shared = socket::bind_shared(&path)?;
        let serving = server::serve_socket(shared, desk.clone(), Some(admits));
        tasks.spawn(async move { ended("shared socket", serving.await) });
    }
    Ok(())
}

#[cfg(not(unix))]
fn open_sockets(_: &Machine, _: &Desk, _: &Arc<OwnUsers>, _: &mut JoinSet<()>) -> Result<()> {
    Ok(())
}

fn ended(what: &str, result: std::io::Result<()>) {
    if let Err(error) = result {
        error!(cause = %Chain(&error), "{what} ended");
    }
}

async fn bind_all(addresses: &[SocketAddr]) -> Result<Vec<(SocketAddr, TcpListener)>> {
    let mut bound = Vec::new();
    for address in addresses {
        match bind(*address).await {
            Ok(listener) => bound.push((*address, listener)),
            // A machine without IPv6 has no [::1].
            Err(Error::Listen { address, source })
                if address.ip().is_loopback()
                    && address.is_ipv6()
                    && source.kind() != ErrorKind::AddrInUse =>
            {
                debug!(%address, cause = %source, "not listened on");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(bound)
}

fn listeners(bound: Vec<(SocketAddr, TcpListener)>) -> Vec<TcpListener> {
    bound.into_iter().map(|(_, listener)| listener).collect()
}

/// A port in use stops the start with a sentence.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })
}
