//! How this machine stands on its network: what helps to find out why another is not seen.

use std::net::SocketAddr;

use dunlin_rpc::wire::network::{Absent, NetworkCheck};

use crate::discovery::{Discovery, Nets};
use crate::machine::Machine;

/// The facts.
pub(super) fn check(machine: &Machine) -> NetworkCheck {
    let listen = listens(machine);
    let nets = Nets::now(listen.ip().is_loopback());
    let seen = machine.discovery().map(Discovery::sightings).unwrap_or_default();
    let absent = machine.others().into_iter().filter(|member| !machine.is_paused(member.machine));
    let absent = absent.filter_map(|member| {
        let known = machine.partner(member.pin);
        let address = known.address.or_else(|| machine.remembered(member.pin).first().copied());
        (!known.linked).then(|| Absent {
            id: member.machine,
            heard: seen.iter().any(|sighting| sighting.advert.id == member.machine),
            near: address.map(|address| nets.allow(&address)),
            address: address.map(|address| address.to_string()),
            name: member.name,
        })
    });
    NetworkCheck {
        discovery: machine.config.discovery.enabled,
        addresses: addresses(machine)
            .iter()
            .filter(|address| !address.ip().is_loopback())
            .map(ToString::to_string)
            .collect(),
        loopback_only: listen.ip().is_loopback(),
        port: listen.port(),
        heard: seen.len() as u64,
        absent: absent.collect(),
    }
}

/// Where partners can call this machine: what an invite names.
pub(super) fn addresses(machine: &Machine) -> Vec<SocketAddr> {
    let listen = listens(machine);
    if !listen.ip().is_unspecified() {
        return vec![listen];
    }
    let own = Nets::now(false).own();
    own.into_iter().map(|ip| SocketAddr::new(ip, listen.port())).collect()
}

/// Where this machine listens for partners. Without a daemon: where the next one is going to.
pub(super) fn listens(machine: &Machine) -> SocketAddr {
    machine.listening().partner.unwrap_or(machine.config.partner.listen)
}
