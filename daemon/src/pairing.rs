//! Pairing by six digits: two people, two screens, and no token to carry.
//!
//! ```text
//!   rule, numbers, desk   what a run does, what the screens show, when this machine is open: pure
//!   asking                A: calls the machine that a person picked
//!   answering             B: answers whoever calls while it is open
//! ```
//!
//! # Invariants
//!
//! * Whether a side trusts is decided in [`rule`], which touches nothing; what drives it draws random numbers, sends,
//!   and stores what both sides agreed on.
//! * Names of the other side are labels: cleaned, cut, shown, and never looked at.
//! * All waits are on the monotonic clock.

mod answering;
mod asking;
pub mod desk;
pub mod numbers;
pub mod rule;
#[cfg(test)]
mod tests;

pub(crate) use answering::{Strangers, serve};

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use dunlin_rpc::wire::join::Statement;
use dunlin_rpc::wire::pairing::PairingStatus;
use dunlin_rpc::{Code, Fault, Peer, Sum};
use dunlin_schema::Clock as _;
use tokio::sync::watch;
use tracing::{info, warn};
use uuid::Uuid;

use crate::discovery::{Kind, Sighting};
use crate::error::{Error, Result};
use crate::machine::Machine;
use crate::roster::statement::Signer;
use crate::roster::{self, MEMBERS_MAX, Role};
use desk::{Desk, Ended};
use numbers::{Nonce, Number, Side};
use rule::{End, Event, Party, Slip, Step};

/// The longest name of another machine that is kept, in characters.
const NAME_MAX: usize = 64;

/// Where partners listen unless they say otherwise.
const PORT: u16 = 7474;

/// The pairing of this machine: one at a time.
#[derive(Debug)]
pub struct Pairing {
    desk: Mutex<Desk>,
    moved: watch::Sender<u64>,
}

impl Default for Pairing {
    fn default() -> Self {
        Self { desk: Mutex::default(), moved: watch::Sender::new(0) }
    }
}

impl Pairing {
    /// Looks at the desk.
    fn look<T>(&self, look: impl FnOnce(&mut Desk) -> T) -> T {
        look(&mut self.desk.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does something at the desk, and tells whoever waits for it.
    fn at<T>(&self, act: impl FnOnce(&mut Desk) -> T) -> T {
        let done = self.look(act);
        self.moved.send_modify(|count| *count += 1);
        done
    }

    /// Counts up whenever something happened at the desk.
    pub(crate) fn moved(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }
}

impl Machine {
    /// Whether somebody may call to pair.
    pub fn is_open_for_pairing(&self) -> bool {
        let now = self.clock.elapsed();
        self.pairing.look(|desk| desk.is_open(now))
    }

    /// An event of a run.
    fn pairing_event(&self, run: u64, event: Event) -> Step {
        let now = self.clock.elapsed();
        let (step, is_news) = self.pairing.at(|desk| {
            let went_on = desk.of(run).is_some_and(|run| run.ended().is_none());
            (desk.on(run, event, now), went_on)
        });
        if let (Step::Ended(end), true) = (&step, is_news) {
            info!(cause = end.word(), "pairing ended");
        }
        step
    }

    /// How this machine stands for a pairing.
    fn party(&self) -> Party {
        let (roster, us) = (self.roster(), self.identity().public_key());
        Party {
            shop: roster.shop(),
            alone: roster.others(us) == 0,
            keeper: roster.members().is_keeper(us),
        }
    }
}

/// Opens this machine for whoever calls.
pub(crate) fn open(machine: &Machine) -> Result<()> {
    let now = machine.clock.elapsed();
    machine.pairing.at(|desk| desk.open(now)).map_err(|_busy| under_way())?;
    info!("opened for pairing");
    Ok(())
}

/// Calls the machine that a person picked, and opens this one for it.
pub(crate) fn begin(machine: &Machine, target: &str) -> Result<()> {
    let now = machine.clock.elapsed();
    let sightings =
        machine.discovery().map(crate::discovery::Discovery::sightings).unwrap_or_default();
    let (id, addresses) = find(&sightings, target)?;
    let opening = machine.pairing.at(|desk| desk.pick(id, now)).map_err(|_busy| under_way())?;
    tokio::spawn(asking::call(machine.clone(), opening, addresses));
    Ok(())
}

fn under_way() -> Error {
    let sentence = "a pairing is under way on this machine; end it first, or cancel it";
    Error::Partner(Fault::new(Code::Busy, sentence))
}

/// The machine that a person means, by what it says of itself or by its address.
fn find(sightings: &[Sighting], target: &str) -> Result<(Option<Uuid>, Vec<SocketAddr>)> {
    /// Shorter beginnings of an id are more likely slips than meant.
    const BEGINNING: usize = 4;
    let address = target.parse::<SocketAddr>().ok();
    let address = address.or_else(|| Some(SocketAddr::new(target.parse::<IpAddr>().ok()?, PORT)));
    if let Some(address) = address {
        return Ok((None, vec![address]));
    }
    let seen = || sightings.iter().filter(|sighting| sighting.advert.kind == Kind::Dunlin);
    let wanted = target.to_ascii_lowercase();
    let named: Vec<&Sighting> = seen().filter(|sighting| sighting.advert.name == target).collect();
    let begins = |sighting: &&Sighting| {
        wanted.len() >= BEGINNING && sighting.advert.id.to_string().starts_with(&wanted)
    };
    let numbered: Vec<&Sighting> = seen().filter(begins).collect();
    match (named.as_slice(), numbered.as_slice()) {
        ([one], _) | ([], [one]) => Ok((Some(one.advert.id), one.advert.addresses.clone())),
        // A name is no identity: whoever wants to be mistaken for another takes its name.
        ([_, _, ..], _) | ([], [_, _, ..]) => Err(Error::Refused(format!(
            "several machines are seen as {target:?}; use the whole id, which `dunlin pair` lists"
        ))),
        ([], []) => Err(Error::Refused(format!(
            "no machine is seen as {target:?}; `dunlin pair` lists those that are, and ADDRESS:PORT reaches others"
        ))),
    }
}

/// A person typed the number of the other screen.
pub(crate) fn confirm(machine: &Machine, digits: &str) -> Result<()> {
    let typed = Number::parse(digits).ok_or_else(|| {
        let sentence = "that is no number of six digits; it did not count, type it again";
        Error::Partner(Fault::new(Code::InvalidParams, sentence))
    })?;
    let now = machine.clock.elapsed();
    let asked = machine.pairing.look(|desk| {
        desk.tick(now);
        desk.run().filter(|run| desk.of(*run).is_some_and(|run| run.own().is_some()))
    });
    let run = asked.ok_or_else(|| {
        Error::Refused("no number is asked for just now; nothing was done".to_owned())
    })?;
    machine.pairing_event(run, Event::Typed(typed));
    Ok(())
}

/// A person calls it off.
pub(crate) fn cancel(machine: &Machine) {
    let now = machine.clock.elapsed();
    machine.pairing.at(|desk| desk.cancel(now));
}

/// How things stand, as the page and the command line are told.
pub(crate) fn state(machine: &Machine) -> PairingStatus {
    let now = machine.clock.elapsed();
    let view = machine.pairing.look(|desk| desk.view(now));
    let (end, partner) = match view.ended {
        Some(Ended { end, name }) => (Some(end), name.or(view.name)),
        None => (None, view.name),
    };
    PairingStatus {
        state: view.state.to_owned(),
        run: view.run,
        own: view.own.map(|own| own.digits()),
        partner,
        seconds_left: view.left.map(|left| left.as_secs()),
        tries_left: view.tries_left.map(u32::from),
        hint: view.slip.zip(view.tries_left).map(|(slip, left)| hint(slip, left)),
        end: end.map(|end| end.word().to_owned()),
        sentence: end.map(|end| end.sentence().to_owned()),
    }
}

fn hint(slip: Slip, left: u8) -> String {
    let what = match slip {
        Slip::Own => {
            "that is the number of this machine itself; type the one that the other machine shows"
        }
        Slip::Other => "that is not the number of the other machine",
    };
    let tries = if left == 1 { "one try is" } else { "two tries are" };
    format!("{what}; {tries} left")
}

/// 32 bytes from the system.
fn draw() -> Result<Nonce> {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce)
        .map_err(|error| Error::Invite(crate::invite::Error::Random(error)))?;
    Ok(nonce)
}

/// Whether this machine and the one at the other end can be of one shop, and who lets in.
fn check(machine: &Machine, peer: &Peer, us: Side, theirs: Party) -> Result<Side, End> {
    let ours = machine.party();
    let roster = machine.roster();
    if roster.members().is_out(peer.key) {
        return Err(End::Forgotten);
    }
    let lets_in = match us {
        Side::Asking => rule::lets_in(ours, theirs)?,
        Side::Answering => rule::lets_in(theirs, ours)?,
    };
    let is_new = roster.members().get(peer.key).is_none();
    if lets_in == us && is_new && roster.members().len() >= MEMBERS_MAX {
        return Err(End::ShopFull);
    }
    Ok(lets_in)
}

/// Both are sure: this machine lets the other in. What to send it. Waits for the disk.
fn let_in(
    machine: &Machine,
    peer: &Peer,
    name: &str,
    theirs: &[Statement],
) -> Result<Vec<Statement>, End> {
    let refused = |error: Error| refusal(&error);
    // One that lost its way into our own shop may know what we do not; of other shops nothing is taken.
    if !theirs.is_empty() {
        machine.merge_statements(theirs, Some(peer.key)).map_err(refused)?;
    }
    let statements = {
        let mut roster = machine.roster();
        if roster.members().get(peer.key).is_none() {
            let signer = Signer { identity: &machine.identity(), at: machine.clock.now() };
            let admitted = roster.admit(signer, peer.key, name, Role::Keeper, "digits");
            admitted.map_err(|error| refusal(&error.into()))?;
        }
        roster.statements()
    };
    info!(partner = %peer.key.machine_id(), "member let in");
    machine.roster_grew();
    Ok(statements)
}

/// Both are sure: this machine is let in by the other. Waits for the disk.
fn join(machine: &Machine, peer: &Peer, shop: Sum, statements: &[Statement]) -> Result<(), End> {
    let begins = shop.0.first_chunk().copied().unwrap_or_default();
    {
        // The roster first: where the key was rotated during the run, the new one is no member's there.
        let mut roster = machine.roster();
        let adopted = roster.adopt(&machine.identity(), peer.pin, begins, statements);
        adopted.map_err(|error| refusal(&error.into()))?;
    }
    info!(%shop, "joined a shop");
    machine.roster_grew();
    Ok(())
}

/// What our own trouble is to the two people; the cause is in the log.
fn refusal(error: &Error) -> End {
    match error {
        Error::Roster(roster::Error::Forgotten) => End::Forgotten,
        Error::Roster(roster::Error::ShopFull) => End::ShopFull,
        Error::Roster(roster::Error::NotKeeper) => End::NotAKeeper,
        Error::Roster(roster::Error::InAShop { .. }) => End::BothInAShop,
        error => {
            warn!(cause = %dunlin_logs::Chain(error), "pairing refused");
            End::Refused
        }
    }
}

/// Says what a run has come to when whoever drove it is dropped: a broken connection, a panic, a stop.
///
/// Once a run is over nothing more happens to it, so this can be said always.
struct Guard {
    machine: Machine,
    run: u64,
    event: Event,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let (now, run) = (self.machine.clock.elapsed(), self.run);
        let event = self.event.clone();
        self.machine.pairing.at(|desk| desk.on(run, event, now));
    }
}

/// Waits until a run is over: by a person, by the other side, or by the clock.
async fn over(machine: &Machine, run: u64) -> End {
    let mut moved = machine.pairing.moved();
    loop {
        let now = machine.clock.elapsed();
        let (end, deadline) = machine.pairing.look(|desk| {
            desk.tick(now);
            let Some(run) = desk.of(run) else { return (Some(End::Crossed), None) };
            (run.ended(), run.deadline())
        });
        if let Some(end) = end {
            return end;
        }
        let late = async {
            match deadline {
                Some(deadline) => tokio::time::sleep(deadline.saturating_sub(now)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            moved = moved.changed() => if moved.is_err() { return End::Left },
            // Whoever else waits for this run looks again.
            () = late => machine.pairing.at(|_| ()),
        }
    }
}

/// The other side's name: a label, made harmless.
fn label(name: &str) -> String {
    dunlin_logs::strip(name, NAME_MAX)
}
