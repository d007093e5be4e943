//! Dialling: one task a member, which tries where the member was last seen, where the configuration says and where
//! discovery sees it, all at once; and waits longer after each try that failed.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use dunlin_logs::Chain;
use dunlin_rpc::client::{self, DialError};
use dunlin_rpc::{Alpn, Code, Pin};
use dunlin_schema::Clock as _;
use tokio::task::{JoinHandle, JoinSet};
use tracing::{debug, info, warn};

use super::driver;
use crate::config::Dial;
use crate::error::{Error, Result};
use crate::machine::Machine;
use crate::roster::Member;

/// The first wait after a failed try, and the longest.
const WAIT: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_mins(5);
/// At most so many addresses at once.
const ADDRESSES_MAX: usize = 12;
/// A sighting is tried at once, but one machine's not more often than this: anybody may say over and
/// over that a member is elsewhere.
const SIGHTED_AT_MOST: Duration = Duration::from_secs(30);
/// A sighting older than this is not the one that was just told of.
const SIGHTED_NOW: Duration = Duration::from_secs(2);

/// Keeps a task for each member that is to be dialled, as the roster changes, until dropped.
pub async fn keep_dialling(machine: Machine) {
    let mut roster = machine.roster_moved();
    let mut dialling: HashMap<Pin, Dropping> = HashMap::new();
    loop {
        let members = machine.others();
        dialling.retain(|pin, task| {
            members.iter().any(|member| member.pin == *pin) && !task.0.is_finished()
        });
        for member in members {
            let settings = machine.config.partner(&member.machine.to_string(), &member.name);
            if settings.is_some_and(|settings| settings.dial == Dial::Never) {
                continue;
            }
            dialling
                .entry(member.pin)
                .or_insert_with(|| Dropping(tokio::spawn(keep_linked(machine.clone(), member))));
        }
        if roster.changed().await.is_err() {
            return;
        }
    }
}

/// A task that ends when it is dropped.
struct Dropping(JoinHandle<()>);

impl Drop for Dropping {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Dials one member whenever there is no link to it.
async fn keep_linked(machine: Machine, member: Member) {
    let mut attempt = 0;
    // When a sighting last cut a wait short.
    let mut hastened = None;
    let mut moved = machine.links.moved();
    loop {
        while machine.links.any(member.pin) {
            if moved.changed().await.is_err() {
                return;
            }
        }
        let mut was_ready = false;
        let ended = try_once(&machine, &member, &mut was_ready).await;
        unlinked(&machine, member.pin);
        if was_ready {
            attempt = 0;
        }
        if is_crossed(&ended) {
            // The other side's link stands; ours is not needed.
            pause(&machine, &member, WAIT, &mut hastened).await;
            continue;
        }
        let wait = jittered(attempt);
        attempt = (attempt + 1).min(30);
        tell(&machine, &member, &ended, attempt, wait);
        pause(&machine, &member, wait, &mut hastened).await;
    }
}

/// One round: every address at once; the first that lets us in is the link.
async fn try_once(machine: &Machine, member: &Member, was_ready: &mut bool) -> Result<()> {
    let addresses = addresses(machine, member).await;
    if addresses.is_empty() {
        return Err(Error::Refused(
            "it is not seen on the network, and no address of it is known".to_owned(),
        ));
    }
    let mut tries = JoinSet::new();
    for address in addresses {
        let (identity, pin) = (machine.identity.clone(), member.pin);
        tries.spawn(
            async move { (address, client::dial(address, &identity, pin, Alpn::Link).await) },
        );
    }
    let mut worst: Option<DialError> = None;
    while let Some(tried) = tries.join_next().await {
        match tried {
            Ok((address, Ok((link, _)))) => {
                // The others close before they have said anything.
                tries.abort_all();
                return driver::run(machine, member, link, address, was_ready).await;
            }
            Ok((address, Err(error))) => {
                debug!(partner = %member.machine, %address, cause = %Chain(&error), "dial failed");
                // "Refused" tells more than "nobody answers" at another of its addresses.
                if worst.as_ref().is_none_or(|worst| matches!(worst, DialError::Unreachable(_))) {
                    worst = Some(error);
                }
            }
            Err(error) => warn!(cause = %error, "dial ended early"),
        }
    }
    Err(worst.map_or(Error::Stopping, Error::Dial))
}

/// Where a member may be: where it was, where the configuration says, where discovery sees it.
async fn addresses(machine: &Machine, member: &Member) -> Vec<SocketAddr> {
    let mut found = machine.remembered(member.pin);
    if let Some(settings) = machine.config.partner(&member.machine.to_string(), &member.name) {
        for address in &settings.addresses {
            match tokio::net::lookup_host(address).await {
                Ok(resolved) => found.extend(resolved),
                Err(error) => debug!(cause = %error, "configured address not found"),
            }
        }
    }
    let sightings =
        machine.discovery().map(crate::discovery::Discovery::sightings).unwrap_or_default();
    for sighting in sightings.into_iter().filter(|sighting| sighting.advert.id == member.machine) {
        found.extend(sighting.advert.addresses);
    }
    let mut known = std::collections::HashSet::new();
    found.retain(|address| known.insert(*address));
    found.truncate(ADDRESSES_MAX);
    found
}

/// Waits before the next try; less when the machine is seen anew, or somebody asks for it.
async fn pause(machine: &Machine, member: &Member, wait: Duration, hastened: &mut Option<Instant>) {
    let until = tokio::time::sleep(wait);
    tokio::pin!(until);
    let mut links = machine.links.moved();
    let mut asked = machine.wanted();
    let mut seen = machine.discovery().map(crate::discovery::Discovery::changed);
    loop {
        let sighted = async {
            let seen = match &mut seen {
                Some(seen) => seen.changed().await.is_ok(),
                None => false,
            };
            if !seen {
                // No discovery, or it has ended.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = &mut until => return,
            () = sighted => {
                let sighted = machine.discovery().is_some_and(|discovery| {
                    discovery.sightings().iter().any(|sighting| {
                        sighting.advert.id == member.machine && sighting.last_seen < SIGHTED_NOW
                    })
                });
                let now = Instant::now();
                if sighted && may_hasten(*hastened, now) {
                    *hastened = Some(now);
                    return;
                }
            }
            _ = asked.changed() => return,
            _ = links.changed() => {
                if machine.links.any(member.pin) {
                    return;
                }
            }
        }
    }
}

/// Whether a sighting may cut a wait short, after another did.
fn may_hasten(before: Option<Instant>, now: Instant) -> bool {
    before.is_none_or(|before| SIGHTED_AT_MOST <= now.saturating_duration_since(before))
}

/// Full jitter, so that machines that lost power together do not come back together.
fn jittered(attempt: u32) -> Duration {
    let most = WAIT.saturating_mul(1 << attempt.min(12)).min(WAIT_MAX);
    let mut bytes = [0; 4];
    // Without randomness the longest wait is as good as any.
    let share =
        if getrandom::fill(&mut bytes).is_ok() { u32::from_ne_bytes(bytes) } else { u32::MAX };
    let jitter = most.mul_f64(f64::from(share) / f64::from(u32::MAX));
    (WAIT / 2 + jitter).min(WAIT_MAX)
}

/// Another link between the two stands, so ours was not wanted.
fn is_crossed(ended: &Result<()>) -> bool {
    matches!(ended, Err(Error::Partner(fault)) if fault.code == Code::Busy)
}

/// No link to this machine is left.
pub fn unlinked(machine: &Machine, pin: Pin) {
    if machine.links.any(pin) {
        return;
    }
    let now = machine.clock.now();
    let was_linked = machine.partner(pin).linked;
    machine.note(pin, |partner| {
        if partner.linked {
            partner.last_seen = Some(now);
        }
        partner.linked = false;
    });
    if was_linked {
        let machine = machine.clone();
        drop(tokio::task::spawn_blocking(move || machine.remember_address(pin, None, now)));
    }
}

fn tell(machine: &Machine, member: &Member, ended: &Result<()>, attempt: u32, wait: Duration) {
    let reason = match ended {
        Ok(()) => None,
        Err(error) => Some(error.to_string()),
    };
    match ended {
        Err(error) if attempt <= 1 => {
            info!(partner = %member.machine, cause = %Chain(error), "no link");
        }
        Err(error) => debug!(partner = %member.machine, attempt, cause = %Chain(error), "no link"),
        Ok(()) => {}
    }
    let identity =
        matches!(ended, Err(Error::Partner(fault)) if fault.code == Code::IdentityProblem);
    let version = matches!(ended, Err(Error::Partner(fault)) if fault.code == Code::OtherProtocol);
    machine.note(member.pin, |partner| {
        partner.attempt = attempt;
        partner.next_try = Some(Instant::now() + wait);
        if identity || version {
            partner.stopped.clone_from(&reason);
        }
        partner.reason = reason;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_says_that_a_member_is_elsewhere_is_believed_every_thirty_seconds() {
        let now = Instant::now();
        let after = |seconds| may_hasten(Some(now), now + Duration::from_secs(seconds));
        assert!(may_hasten(None, now));
        assert!(!after(0) && !after(29) && after(30));
    }

    #[test]
    fn waits_grow_and_never_pass_the_longest() {
        for attempt in 0..40 {
            let wait = jittered(attempt);
            assert!(WAIT / 2 <= wait && wait <= WAIT_MAX, "{attempt}: {wait:?}");
        }
        assert!(jittered(0) <= WAIT + WAIT / 2);
    }
}
