//! A: calls the machine that a person picked, and sees a run through.
//!
//! It calls again by itself as long as the other machine is not open: the person is on the way there. Once a run has got
//! anywhere, a person decides whether there is another.

use std::net::SocketAddr;
use std::time::Duration;

use dunlin_rpc::client::{self, DialError, Link};
use dunlin_rpc::method::pair::PairClient as _;
use dunlin_rpc::wire::pair::{PairBegin, PairNonce, PairRoster};
use dunlin_rpc::{Peer, Sum};
use dunlin_schema::Clock as _;
use jsonrpsee::core::client::Error as RpcError;
use tokio::task::JoinSet;
use tracing::{debug, info};

use super::numbers::{Bind, Side};
use super::rule::{End, Event, Party, Step};
use super::{Guard, check, draw, join, label, let_in};
use crate::error::Error;
use crate::machine::{Machine, PROTOCOL};
use crate::sync::tell::heard;

/// Between two calls of a machine that is not open yet.
const AGAIN: Duration = Duration::from_secs(2);

/// How long the other side may take to store what both agreed on; its disk may be slow.
const STORED: Duration = Duration::from_secs(30);

/// Calls until there was a run, or the opening is over.
pub(super) async fn call(machine: Machine, opening: u64, addresses: Vec<SocketAddr>) {
    let mut stopping = machine.stopping();
    tokio::select! {
        () = calling(&machine, opening, &addresses) => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
}

async fn calling(machine: &Machine, opening: u64, addresses: &[SocketAddr]) {
    let mut moved = machine.pairing.moved();
    loop {
        let now = machine.clock.elapsed();
        if !machine.pairing.look(|desk| desk.is_waiting(opening, now)) {
            return;
        }
        moved.borrow_and_update();
        match once(machine, opening, addresses).await {
            // It is open in a moment, or calls us.
            Err(End::NotOpen) => {}
            Err(End::Crossed) => {
                let now = machine.clock.elapsed();
                return machine.pairing.at(|desk| desk.crossed(opening, now));
            }
            Err(end) => return machine.pairing.at(|desk| desk.fail(opening, end)),
            Ok(()) => return,
        }
        // Whoever called us meanwhile was told to wait for our call.
        let called = async {
            let crossed = || machine.pairing.look(super::desk::Desk::take_hurry);
            while !crossed() {
                if moved.changed().await.is_err() {
                    return std::future::pending().await;
                }
            }
        };
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = called => {}
        }
    }
}

/// One call. A run that got anywhere is `Ok`, however it ended.
async fn once(machine: &Machine, opening: u64, addresses: &[SocketAddr]) -> Result<(), End> {
    let (peer, link, address) = first_that_answers(machine, addresses).await?;
    machine.pairing.look(|desk| desk.learn(opening, peer.pin));
    let link = link.map_err(|error| of_dial(&error))?;
    let us = machine.identity().pin();
    let bind = Bind { exporter: peer.exporter, asking: us, answering: peer.pin };
    let nonce = draw().map_err(|error| super::refusal(&error))?;
    let now = machine.clock.elapsed();
    // Somebody whose call stands was faster: it needs no second.
    let Ok(run) = machine.pairing.at(|desk| desk.ask(opening, bind, nonce, now)) else {
        return Ok(());
    };
    let guard = |event| Guard { machine: machine.clone(), run, event };
    let _stored = guard(Event::Stored(Err(End::Left)));
    let _left = guard(Event::Over(End::Left));
    let talk = Talk { machine, run, peer: &peer, address, link };
    let end = match talk.whole().await {
        Ok(()) => {
            machine.pairing_event(run, Event::Stored(Ok(())));
            info!(partner = %peer.key.machine_id(), "paired");
            return Ok(());
        }
        Err(end) => end,
    };
    for event in [Event::Over(end), Event::Stored(Err(end))] {
        machine.pairing_event(run, event);
    }
    match end {
        End::NotOpen | End::Crossed => Err(end),
        _ => Ok(()),
    }
}

/// Dials all addresses; who answers first, open or not.
async fn first_that_answers(
    machine: &Machine,
    addresses: &[SocketAddr],
) -> Result<(Peer, Result<Link, DialError>, SocketAddr), End> {
    let mut tries = JoinSet::new();
    for address in addresses.iter().copied() {
        let identity = machine.identity();
        tries.spawn(async move { (address, client::meet(address, &identity).await) });
    }
    let us = machine.identity().pin();
    let mut why = End::Unreachable;
    while let Some(tried) = tries.join_next().await {
        match tried {
            Ok((_, Ok((peer, _)))) if peer.pin == us => why = End::Ourselves,
            Ok((address, Ok((peer, link)))) => return Ok((peer, link, address)),
            Ok((_, Err(error))) => {
                debug!(cause = %error, "no answer to pair");
                if !matches!(error, DialError::Unreachable(_)) {
                    why = of_dial(&error);
                }
            }
            Err(_) => {}
        }
    }
    Err(why)
}

fn of_dial(error: &DialError) -> End {
    match error {
        DialError::Refused => End::NotOpen,
        DialError::OtherProtocol => End::OtherProtocol,
        DialError::Unreachable(_) | DialError::Broken(_) => End::Unreachable,
        _ => End::Refused,
    }
}

/// One run, on one connection.
struct Talk<'a> {
    machine: &'a Machine,
    run: u64,
    peer: &'a Peer,
    address: SocketAddr,
    link: Link,
}

impl Talk<'_> {
    /// From the first message to the last: up to where both are members of one shop.
    async fn whole(&self) -> Result<(), End> {
        let (machine, peer) = (self.machine, self.peer);
        let ours = machine.party();
        let question = PairBegin {
            name: machine.name.clone(),
            protocol: PROTOCOL,
            shop: ours.shop,
            alone: ours.alone,
            keeper: ours.keeper,
        };
        let begun = self.answered(self.link.pair_begin(question), told).await?;
        let theirs = Party { shop: begun.shop, alone: begun.alone, keeper: begun.keeper };
        let lets_in = check(machine, peer, Side::Asking, theirs)?;
        let name = label(&begun.name);
        machine.pairing.at(|desk| desk.call_it(self.run, name.clone()));
        let Step::Nonce(nonce) = self.on(Event::Begun(begun.commit, lets_in)) else {
            return self.ended();
        };
        let nonce = self
            .answered(self.link.pair_nonce(PairNonce { nonce: Sum(nonce) }), told_later)
            .await?;
        let Step::Ask = self.on(Event::Nonce(nonce.nonce.0)) else { return self.ended() };
        self.sure().await?;
        self.answered(self.link.pair_sure(), told_later).await?;
        let Step::Trust = self.on(Event::Word) else { return self.ended() };
        self.exchange(lets_in, ours, theirs, name).await
    }

    fn on(&self, event: Event) -> Step {
        self.machine.pairing_event(self.run, event)
    }

    /// What a step that was not expected comes to.
    fn ended(&self) -> Result<(), End> {
        let run = self.machine.pairing.look(|desk| desk.of(self.run)?.ended());
        Err(run.unwrap_or(End::Crossed))
    }

    /// The answer to a call, or why the run ended meanwhile.
    async fn answered<T>(
        &self,
        call: impl Future<Output = Result<T, RpcError>>,
        told: impl FnOnce(RpcError) -> End,
    ) -> Result<T, End> {
        tokio::select! {
            answer = call => answer.map_err(told),
            end = self.over() => Err(end),
        }
    }

    /// Waits until the person here typed the right number.
    async fn sure(&self) -> Result<(), End> {
        let mut moved = self.machine.pairing.moved();
        let sure = async {
            while !self
                .machine
                .pairing
                .look(|desk| desk.of(self.run).is_some_and(super::rule::Run::is_sure))
            {
                if moved.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = sure => Ok(()),
            end = self.over() => Err(end),
            _why = self.link.on_disconnect() => Err(End::Left),
        }
    }

    /// Waits until the run is over: by a person, or by the clock.
    async fn over(&self) -> End {
        super::over(self.machine, self.run).await
    }

    /// Both are sure: statements go over, and are stored on the side that joins.
    async fn exchange(
        &self,
        lets_in: Side,
        ours: Party,
        theirs: Party,
        name: String,
    ) -> Result<(), End> {
        let (machine, peer) = (self.machine.clone(), self.peer.clone());
        // Discovery may be off, and the other side does not know where we are: it is ours to dial.
        let (known, pin, address) = (machine.clone(), peer.pin, self.address);
        let remember = move || known.remember_address(pin, Some(address), known.clock.now());
        tokio::task::spawn_blocking(remember).await.unwrap_or_default();
        let is_ours = lets_in == Side::Asking;
        let statements = if is_ours {
            let signing = move || let_in(&machine, &peer, &name, &[]);
            tokio::task::spawn_blocking(signing).await.map_err(|_panic| End::Refused)??
        } else if ours.shop == theirs.shop {
            machine.roster().statements()
        } else {
            Vec::new()
        };
        let call = self.link.pair_roster(PairRoster { statements });
        let answer = match tokio::time::timeout(STORED, call).await {
            Ok(answer) => answer.map_err(told_later),
            Err(_late) => Err(End::TimedOut),
        };
        if is_ours {
            // What was signed stands: the other may have stored it, and only its answer got lost.
            return answer.map(drop).map_err(|_lost| End::Unfinished);
        }
        let answer = answer?;
        let (machine, peer) = (self.machine.clone(), self.peer.clone());
        let joining = move || join(&machine, &peer, theirs.shop, &answer.statements);
        tokio::task::spawn_blocking(joining).await.map_err(|_panic| End::Refused)?
    }
}

/// What the other side said. Its words are not shown.
fn told(error: RpcError) -> End {
    match heard(error) {
        Error::Partner(fault) => End::told(fault.code),
        _ => End::Left,
    }
}

/// The same once a run has begun: a machine that was closed meanwhile has left, and is not called again.
fn told_later(error: RpcError) -> End {
    match told(error) {
        End::NotOpen | End::Crossed => End::Left,
        end => end,
    }
}
