//! Settings: what the daemon runs with, and what of it a person may change while it runs.

use std::net::{IpAddr, SocketAddr};

use dunlin_rpc::method::settings::SettingsServer;
use dunlin_rpc::wire::settings::{Changed, PageOnNetwork, SetBy, Setting, SettingsShown, Trying};
use dunlin_rpc::{Caller, Code, Fault, Listener};
use dunlin_schema::Clock as _;
use jsonrpsee::Extensions;
use jsonrpsee::core::{RpcResult, async_trait};

use crate::config::kept::{LAN_LISTEN, LAN_NAMES, flatten};
use crate::config::{self, LogLevel};
use crate::discovery::Nets;
use crate::error::Error;
use crate::fault::fault;
use crate::machine::Machine;
use crate::settings::{Way, Wish};

/// What a new certificate is called among the changes.
const CERTIFICATE: &str = "certificate";

/// The methods about settings.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) machine: Machine,
}

/// What the daemon runs with, secrets left out.
pub(super) fn shown(machine: &Machine) -> SettingsShown {
    let config = machine.config_now();
    let from = |key: &str| {
        if machine.file_says(key) {
            SetBy::File
        } else if machine.settings().now().has(key) {
            SetBy::Here
        } else {
            SetBy::Default
        }
    };
    let lines = toml::Value::try_from(&config).map(|all| flatten(&all)).unwrap_or_default();
    let settings =
        lines.into_iter().map(|(key, value)| Setting { from: from(&key), key, value }).collect();
    let level = machine.log().map_or_else(|| config.log.level.into(), dunlin_logs::Output::level);
    SettingsShown {
        file: machine.folder.file(config::FILE).display().to_string(),
        log_level: level.as_str().to_owned(),
        settings,
        network: network(machine, &config.admin),
        trying: trying(machine),
    }
}

fn network(machine: &Machine, admin: &config::Admin) -> PageOnNetwork {
    let listening = machine.listening();
    let own = Nets::now(false).own();
    let addresses = reached(&listening.lan, &own);
    PageOnNetwork {
        addresses: addresses.iter().map(|address| format!("https://{address}/")).collect(),
        listen: admin.lan_listen.clone(),
        names: admin.lan_names.clone(),
        fingerprint: listening.fingerprint,
        brought: !admin.lan_certificate.as_os_str().is_empty(),
        has_admin: machine.users.has_admin(),
        shut: machine.shut(),
        own,
    }
}

/// Where a browser comes to what listens so: whoever listens everywhere is at each address of ours.
pub(super) fn reached(listening: &[SocketAddr], own: &[IpAddr]) -> Vec<SocketAddr> {
    let one = |address: &SocketAddr| match address.ip() {
        ip if ip.is_unspecified() && !own.is_empty() => own
            .iter()
            .filter(|own| own.is_ipv4() || ip.is_ipv6())
            .map(|own| SocketAddr::new(*own, address.port()))
            .collect(),
        _ => vec![*address],
    };
    listening.iter().flat_map(one).collect()
}

/// The change that waits to be kept.
pub(super) fn trying(machine: &Machine) -> Option<Trying> {
    let (trial, kept, left) = {
        let settings = machine.settings();
        let left = settings.left(machine.clock.elapsed())?;
        (settings.trial()?.clone(), settings.kept().clone(), left)
    };
    let with = |what: &config::Kept| {
        let mut config = machine.config.clone();
        what.lay_on(&mut config);
        config.admin
    };
    let (before, now) = (with(&kept), with(&trial.wanted));
    let listed = |listen: &[SocketAddr]| {
        listen.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let one =
        |key: &str, before: String, value: String| Changed { key: key.to_owned(), value, before };
    let mut changes = vec![
        one(LAN_LISTEN, listed(&before.lan_listen), listed(&now.lan_listen)),
        one(LAN_NAMES, before.lan_names.join(", "), now.lan_names.join(", ")),
    ];
    if let Some((value, before)) = trial.certificate {
        changes.push(one(CERTIFICATE, before, value));
    }
    changes.retain(|change| change.before != change.value);
    // Rounded up: as long as any of it is left, it can be kept.
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    Some(Trying { changes, seconds, over_network: trial.by == Way::Network })
}

/// By which way a caller came. What a proxy passes on comes by loopback, which nobody changes here.
fn way(extensions: &Extensions) -> Way {
    match extensions.get::<Caller>().map(|caller| caller.listener) {
        Some(Listener::Lan | Listener::OldCallers) => Way::Network,
        Some(Listener::Loopback | Listener::Socket) | None => Way::Here,
    }
}

fn level(word: &str) -> Result<LogLevel, Fault> {
    match word {
        "error" => Ok(LogLevel::Error),
        "warn" => Ok(LogLevel::Warn),
        "info" => Ok(LogLevel::Info),
        "debug" => Ok(LogLevel::Debug),
        "trace" => Ok(LogLevel::Trace),
        _ => {
            Err(Fault::new(Code::InvalidParams, "a log level is error, warn, info, debug or trace"))
        }
    }
}

impl Service {
    async fn grant(&self, wish: Wish, by: Way) -> RpcResult<SettingsShown> {
        self.machine.wish(wish, by).await.map_err(|error| fault(&error))?;
        Ok(shown(&self.machine))
    }
}

#[async_trait]
impl SettingsServer for Service {
    async fn settings_show(&self, _: &Extensions) -> RpcResult<SettingsShown> {
        Ok(shown(&self.machine))
    }

    async fn settings_set(
        &self,
        extensions: &Extensions,
        log_level: Option<String>,
        lan_listen: Option<Vec<SocketAddr>>,
        lan_names: Option<Vec<String>>,
        new_certificate: Option<bool>,
    ) -> RpcResult<SettingsShown> {
        let certificate = new_certificate.unwrap_or_default();
        let network = lan_listen.is_some() || lan_names.is_some() || certificate;
        let wish = match log_level {
            Some(_) if network => {
                let what = "set log_level by itself: it is kept at once, and the rest waits for it";
                return Err(fault(&Error::Refused(what.to_owned())).into());
            }
            Some(word) => Wish::LogLevel(level(&word)?),
            None => Wish::Network { listen: lan_listen, names: lan_names, certificate },
        };
        self.grant(wish, way(extensions)).await
    }

    async fn settings_keep(&self, extensions: &Extensions) -> RpcResult<SettingsShown> {
        self.grant(Wish::Keep, way(extensions)).await
    }

    async fn settings_undo(&self, extensions: &Extensions) -> RpcResult<SettingsShown> {
        self.grant(Wish::Undo, way(extensions)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_reached_at_each_address_of_its_kind() {
        let own: Vec<IpAddr> = ["192.168.1.5", "fd00::5"].map(|one| one.parse().unwrap()).to_vec();
        let at = |listening: &str| -> Vec<String> {
            let found = reached(&[listening.parse().unwrap()], &own);
            found.iter().map(ToString::to_string).collect()
        };
        assert_eq!(at("0.0.0.0:7476"), ["192.168.1.5:7476"]);
        assert_eq!(at("[::]:7476"), ["192.168.1.5:7476", "[fd00::5]:7476"]);
        assert_eq!(at("10.0.0.1:7476"), ["10.0.0.1:7476"]);
    }
}
