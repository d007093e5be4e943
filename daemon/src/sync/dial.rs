//! Dialling: one task a member, which tries where the member was last seen, where the configuration says and where
//! discovery sees it, all at once; and waits longer after each try that failed.
//!
//! A member that is paused, and any member once this machine is out of the shop itself, is dialled for the roster only,
//! and only until both hold the same: a `forget` must get everywhere, and rows must not.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use dunlin_logs::Chain;
use dunlin_rpc::client::{self, DialError};
use dunlin_rpc::{Alpn, Code, Identity, Pin, Sum};
use dunlin_schema::Clock as _;
use tokio::task::{JoinHandle, JoinSet};
use tracing::{debug, info, warn};

use super::{driver, handover};
use crate::config::Dial;
use crate::error::{Error, Result};
use crate::machine::{Machine, RECENT};
use crate::roster::Member;

/// The first wait after a failed try, and the longest.
const WAIT: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_mins(5);
/// A machine that paused us is asked again after so long at the latest: nobody tells us when it resumes.
const PAUSED_WAIT_MAX: Duration = Duration::from_mins(1);
/// A machine that refuses our key so often in a row means it; one may be a machine that has yet to hear of us.
const REFUSALS: u32 = 3;
/// What a person is told then.
const REFUSED: &str = "it refuses this machine's key: the shop has forgotten this machine, or it has not heard yet that this machine was let in; `dunlin status` on a keeper tells which";
/// A forgotten machine that cannot be told within so long is not told.
const TO_TELL: Duration = Duration::from_secs(10);
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
        // The task of a member that is gone ends by itself: it has yet to say goodbye.
        dialling.retain(|_, task| !task.0.is_finished());
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

/// Counts up when something changes.
type Moved = tokio::sync::watch::Receiver<u64>;

/// A task that ends when it is dropped.
struct Dropping(JoinHandle<()>);

impl Drop for Dropping {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What there is to dial a member for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Rows, and all else.
    Link,
    /// Statements that it may lack; no rows.
    Roster,
    /// Nothing, until something changes.
    Nothing,
    /// Nothing any more: it is no member.
    Gone,
}

/// `told`: the hash of our roster when the member was last known to hold all of it.
fn purpose(machine: &Machine, member: &Member, told: Option<Sum>) -> Purpose {
    let roster = machine.roster();
    let us = machine.identity().public_key();
    if roster.members().get(member.key).is_none() {
        Purpose::Gone
    } else if !roster.members().is_out(us) && !machine.is_paused(member.machine) {
        // A machine that lost its way may be let in again by now; it hears so over a link.
        Purpose::Link
    } else if told == Some(roster.hash()) {
        Purpose::Nothing
    } else {
        Purpose::Roster
    }
}

/// Dials one member whenever there is no link to it.
async fn keep_linked(machine: Machine, member: Member) {
    let mut attempt = 0;
    let mut refusals = 0;
    let mut told = None;
    let mut was_linked = false;
    // When a sighting last cut a wait short.
    let mut hastened = None;
    let mut moved = machine.links.moved();
    let mut roster = machine.roster_moved();
    let mut pauses = machine.pauses_moved();
    loop {
        roster.mark_unchanged();
        pauses.mark_unchanged();
        let purpose = purpose(&machine, &member, told);
        match purpose {
            Purpose::Gone => {
                let has_new_key = machine.roster().pin_now(member.pin).is_some();
                let is_out = machine.roster().members().is_out(member.key);
                if !was_linked && is_out && !has_new_key {
                    tell_once(&machine, &member).await;
                }
                return;
            }
            Purpose::Nothing => {
                tokio::select! {
                    _ = roster.changed() => {}
                    _ = pauses.changed() => {}
                }
                continue;
            }
            Purpose::Link | Purpose::Roster => {}
        }
        was_linked = machine.links.any(member.pin);
        if was_linked {
            if moved.changed().await.is_err() {
                return;
            }
            // It may be paused by now, or gone.
            continue;
        }
        let mut was_ready = false;
        // What is told is what we held before: a statement that came in between may have missed the exchange.
        let held = machine.roster().hash();
        let ended = try_once(&machine, &member, &mut was_ready).await;
        unlinked(&machine, member.pin);
        if was_ready {
            attempt = 0;
        }
        was_linked |= was_ready;
        if is_crossed(&ended) {
            // The other side's link stands; ours is not needed.
            let woken = (&mut roster, &mut pauses);
            pause(&machine, &member, WAIT, Some(&mut hastened), woken).await;
            continue;
        }
        refusals = if is_refused(&ended) { refusals + 1 } else { 0 };
        if is_told(&ended) {
            told = Some(held);
            if purpose == Purpose::Roster {
                attempt = 0;
            }
        }
        let mut wait = jittered(attempt);
        if is_paused_there(&ended) {
            wait = wait.min(PAUSED_WAIT_MAX);
        }
        attempt = (attempt + 1).min(30);
        tell(&machine, &member, &ended, (attempt, refusals), wait);
        let woken = (&mut roster, &mut pauses);
        let sightings = (refusals < REFUSALS).then_some(&mut hastened);
        pause(&machine, &member, wait, sightings, woken).await;
    }
}

/// It holds what we hold, or we are told that it does not want to hear of us.
fn is_told(ended: &Result<()>) -> bool {
    is_refused(ended)
        || matches!(ended, Err(Error::PausedHere | Error::NotAMember | Error::Identified { .. }))
        || matches!(ended, Err(Error::Partner(fault)) if fault.code == Code::KeyForgotten)
}

/// Its machine was there, proved its key, and did not let ours in.
fn is_refused(ended: &Result<()>) -> bool {
    match ended {
        Err(Error::Dial(DialError::Refused)) => true,
        Err(Error::Partner(fault)) => {
            matches!(fault.code, Code::NotAllowed | Code::KeyForgotten)
        }
        _ => false,
    }
}

fn is_paused_there(ended: &Result<()>) -> bool {
    matches!(ended, Err(Error::Partner(fault)) if fault.code == Code::Paused)
}

/// One round; the link that comes of it, until it ends.
async fn try_once(machine: &Machine, member: &Member, was_ready: &mut bool) -> Result<()> {
    let addresses = addresses(machine, member).await;
    let identity = machine.identity();
    let (link, address) = match first_link(member, &addresses, &identity).await {
        Err(Error::Dial(DialError::Refused)) if machine.keys.is_rotating() => {
            handover::tell(machine, member, &addresses).await?;
            first_link(member, &addresses, &identity).await?
        }
        other => other?,
    };
    driver::run(machine, member, link, address, identity.pin(), was_ready).await
}

/// A machine that was forgotten while there was no link to it is told once, where it can be reached: else it would
/// only see that it is refused.
async fn tell_once(machine: &Machine, member: &Member) {
    let telling = async {
        let addresses = addresses(machine, member).await;
        let (link, _) = first_link(member, &addresses, &machine.identity()).await?;
        driver::tell_forgotten(machine, member, &link).await
    };
    if let Ok(Err(error)) = tokio::time::timeout(TO_TELL, telling).await {
        debug!(partner = %member.machine, cause = %Chain(&error), "not told that it is forgotten");
    }
}

/// Dials every address at once with one of our keys; the first that lets us in.
pub(super) async fn first_link(
    member: &Member,
    addresses: &[SocketAddr],
    identity: &Identity,
) -> Result<(client::Link, SocketAddr)> {
    if addresses.is_empty() {
        return Err(Error::Refused(
            "it is not seen on the network, and no address of it is known".to_owned(),
        ));
    }
    let mut tries = JoinSet::new();
    for address in addresses.iter().copied() {
        let (identity, pin) = (identity.clone(), member.pin);
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
                return Ok((link, address));
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

/// Waits before the next try; less when the machine is seen anew (`sightings`: when one last cut a wait short), when
/// somebody asks for it, and when the roster or the pauses changed.
async fn pause(
    machine: &Machine,
    member: &Member,
    wait: Duration,
    mut sightings: Option<&mut Option<Instant>>,
    (roster, pauses): (&mut Moved, &mut Moved),
) {
    let until = tokio::time::sleep(wait);
    tokio::pin!(until);
    let mut links = machine.links.moved();
    let mut asked = machine.wanted();
    let mut seen = machine.discovery().map(crate::discovery::Discovery::changed);
    loop {
        let sighted = async {
            let seen = match &mut seen {
                Some(seen) if sightings.is_some() => seen.changed().await.is_ok(),
                Some(_) | None => false,
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
                if let Some(hastened) = sightings.as_deref_mut()
                    && sighted
                    && may_hasten(*hastened, now)
                {
                    *hastened = Some(now);
                    return;
                }
            }
            _ = asked.changed() => return,
            _ = roster.changed() => return,
            _ = pauses.changed() => return,
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
        partner.linked_since = None;
        partner.moving = None;
        partner.round_trip = None;
    });
    if was_linked {
        let keeping = machine.clone();
        drop(tokio::task::spawn_blocking(move || keeping.remember_address(pin, None, now)));
        // It turns from "Retrying" into "Offline" by time alone, and a page that is open shows it.
        let machine = machine.clone();
        tokio::spawn(async move {
            tokio::time::sleep(RECENT).await;
            machine.seen_to_change();
        });
    }
}

fn tell(
    machine: &Machine,
    member: &Member,
    ended: &Result<()>,
    (attempt, refusals): (u32, u32),
    wait: Duration,
) {
    let mut reason = match ended {
        Ok(()) | Err(Error::PausedHere) => None,
        Err(error) => Some(error.to_string()),
    };
    if refusals >= REFUSALS {
        reason = Some(REFUSED.to_owned());
    }
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
        if identity || version || refusals >= REFUSALS {
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
