//! B: answers whoever calls while this machine is open.
//!
//! # Invariants
//!
//! * A connection has one run. Its calls run at once and in any order, so each is one event of the run, and the rule
//!   refuses what is out of turn.
//! * When the connection ends, its run has ended, unless both sides were sure already.
//! * Strangers hold few connections: the oldest gives way to a new one, and the one with a run is spared.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use dunlin_rpc::method::join::JoinServer as _;
use dunlin_rpc::method::pair::PairServer;
use dunlin_rpc::wire::pair::{PairBegin, PairBegun, PairNonce, PairRoster};
use dunlin_rpc::{Code, Fault, Peer, Sum, server};
use dunlin_schema::Clock as _;
use jsonrpsee::Extensions;
use jsonrpsee::core::server::Methods;
use jsonrpsee::core::{RpcResult, async_trait};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tracing::{debug, error, info};

use super::desk::Caller;
use super::numbers::{Bind, Side};
use super::rule::{End, Event, Party, Step};
use super::{Guard, check, draw, join, label, let_in, over, refusal};
use crate::joining::Issuing;
use crate::machine::{Machine, PROTOCOL};

/// A joiner asks one question, and who pairs begins at once; whoever stays longer is neither.
const ASKING: Duration = Duration::from_secs(30);

/// After a run: for the last answer to be read.
const GOODBYE: Duration = Duration::from_millis(300);

/// After a good run the other side hangs up, when it has stored what it got.
const STORED: Duration = Duration::from_secs(30);

/// Connections of strangers at once: one pairs, and a shop that is rolled out joins by the dozen.
const STRANGERS_MAX: usize = 32;

/// The connections for joining that are open.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    open: VecDeque<(AbortHandle, Arc<AtomicBool>)>,
}

impl Strangers {
    /// One more: the oldest that has no run gives way when there are too many.
    pub(crate) fn begin(&mut self, handle: AbortHandle, runs: Arc<AtomicBool>) {
        self.open.retain(|(open, _)| !open.is_finished());
        if self.open.len() >= STRANGERS_MAX {
            let idle = self.open.iter().position(|(_, runs)| !runs.load(Ordering::Relaxed));
            if let Some((oldest, _)) = self.open.remove(idle.unwrap_or(0)) {
                oldest.abort();
            }
        }
        self.open.push_back((handle, runs));
    }
}

/// Serves one connection of whoever joins or pairs. `runs` is set while a run is under way on it.
pub(crate) async fn serve<IO>(machine: Machine, stream: IO, peer: Peer, runs: Arc<AtomicBool>)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let began = watch::Sender::new(false);
    let answering = Answering(Arc::new(Inner {
        machine: machine.clone(),
        peer: peer.clone(),
        run: AtomicU64::new(NONE),
        theirs: std::sync::OnceLock::new(),
        began: began.clone(),
    }));
    let mut methods: Methods = answering.clone().into_rpc().into();
    let issuing = Issuing { machine: machine.clone(), peer: peer.clone() };
    if let Err(cause) = methods.merge(issuing.into_rpc()) {
        error!(%cause, "methods not served");
    }
    let served = server::serve_link(stream, peer, methods, machine.let_in());
    let mut has_run = began.subscribe();
    let whole = async {
        if tokio::time::timeout(ASKING, has_run.wait_for(|has| *has)).await.is_err() {
            return;
        }
        runs.store(true, Ordering::Relaxed);
        let end = over(&machine, answering.0.run.load(Ordering::Relaxed)).await;
        runs.store(false, Ordering::Relaxed);
        tokio::time::sleep(if end == End::Paired { STORED } else { GOODBYE }).await;
    };
    let _left = Left(answering.clone());
    tokio::select! {
        served = served => drop(served),
        () = whole => {}
    }
}

/// The connection is gone, and so is its run.
struct Left(Answering);

impl Drop for Left {
    fn drop(&mut self) {
        let inner = &self.0.0;
        let run = inner.run.load(Ordering::Relaxed);
        drop(Guard { machine: inner.machine.clone(), run, event: Event::Over(End::Left) });
    }
}

/// The number of no run.
const NONE: u64 = 0;

/// B's side of one connection.
#[derive(Clone, Debug)]
struct Answering(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    machine: Machine,
    peer: Peer,
    run: AtomicU64,
    /// What the other side said of itself, with its name as a label.
    theirs: std::sync::OnceLock<(Party, String, Side)>,
    began: watch::Sender<bool>,
}

impl Answering {
    fn begin(&self, begin: &PairBegin) -> Result<PairBegun, End> {
        let Inner { machine, peer, run, theirs, began } = &*self.0;
        let ours = machine.party();
        let caller = Caller {
            key: peer.key,
            bind: Bind {
                exporter: peer.exporter,
                asking: peer.pin,
                answering: machine.identity().pin(),
            },
        };
        let now = machine.clock.elapsed();
        machine.pairing.at(|desk| desk.may_answer(&caller, now))?;
        let (low, high) = begin.protocol;
        if high < PROTOCOL.0 || PROTOCOL.1 < low {
            return Err(End::OtherProtocol);
        }
        let party = Party { shop: begin.shop, alone: begin.alone, keeper: begin.keeper };
        let lets_in = check(machine, peer, Side::Answering, party)?;
        let nonce = draw().map_err(|error| refusal(&error))?;
        let name = label(&begin.name);
        if theirs.set((party, name.clone(), lets_in)).is_err() {
            // A second run on one connection.
            return Err(End::Refused);
        }
        let (number, commit) =
            machine.pairing.at(|desk| desk.answer(&caller, nonce, lets_in, name, now))?;
        run.store(number, Ordering::Relaxed);
        began.send_replace(true);
        info!(partner = %peer.pin, "pairing begun");
        Ok(PairBegun {
            name: machine.name.clone(),
            shop: ours.shop,
            alone: ours.alone,
            keeper: ours.keeper,
            commit,
        })
    }

    /// An event of this connection's run.
    fn on(&self, event: Event) -> Result<Step, Fault> {
        match self.0.run.load(Ordering::Relaxed) {
            NONE => Err(Fault::new(Code::OutOfTurn, "nothing has begun on this connection")),
            run => match self.0.machine.pairing_event(run, event) {
                Step::Ended(end) => Err(fault(end)),
                step => Ok(step),
            },
        }
    }

    /// Both are sure. What is begun is finished, though the other side hang up.
    fn store(&self, asked: &PairRoster) -> Result<PairRoster, End> {
        let Inner { machine, peer, run, theirs, .. } = &*self.0;
        let run = run.load(Ordering::Relaxed);
        let failed = Event::Stored(Err(End::Refused));
        let _guard = Guard { machine: machine.clone(), run, event: failed };
        let (party, name, lets_in) = theirs.get().ok_or(End::Refused)?;
        let stored = match lets_in {
            Side::Answering => let_in(machine, peer, name, &asked.statements)
                .map(|statements| PairRoster { statements }),
            Side::Asking => {
                join(machine, peer, party.shop, &asked.statements).map(|()| PairRoster::default())
            }
        };
        let ended = stored.as_ref().map(drop).map_err(|end| *end);
        machine.pairing_event(run, Event::Stored(ended));
        stored
    }
}

fn fault(end: End) -> Fault {
    Fault::new(end.code(), end.sentence())
}

#[async_trait]
impl PairServer for Answering {
    async fn pair_begin(&self, _: &Extensions, begin: PairBegin) -> RpcResult<PairBegun> {
        if self.0.run.load(Ordering::Relaxed) != NONE {
            self.on(Event::Over(End::Refused))?;
        }
        Ok(self.begin(&begin).map_err(|end| {
            // At `debug`: any stranger can make us say this.
            debug!(partner = %self.0.peer.pin, cause = end.word(), "pairing refused");
            fault(end)
        })?)
    }

    async fn pair_nonce(&self, _: &Extensions, nonce: PairNonce) -> RpcResult<PairNonce> {
        match self.on(Event::Nonce(nonce.nonce.0))? {
            Step::Nonce(ours) => Ok(PairNonce { nonce: Sum(ours) }),
            _ => Err(fault(End::Refused).into()),
        }
    }

    async fn pair_sure(&self, _: &Extensions) -> RpcResult<()> {
        let mut moved = self.0.machine.pairing.moved();
        self.on(Event::Word)?;
        let run = self.0.run.load(Ordering::Relaxed);
        loop {
            let stands = self
                .0
                .machine
                .pairing
                .look(|desk| desk.of(run).map(|run| (run.is_sure(), run.ended())));
            match stands {
                Some((_, Some(end))) => return Err(fault(end).into()),
                Some((true, None)) => return Ok(()),
                Some((false, None)) => {}
                None => return Err(fault(End::Crossed).into()),
            }
            moved.changed().await.map_err(|_stopping| fault(End::Left))?;
        }
    }

    async fn pair_roster(&self, _: &Extensions, roster: PairRoster) -> RpcResult<PairRoster> {
        let Step::Trust = self.on(Event::Roster)? else {
            return Err(fault(End::Refused).into());
        };
        let this = self.clone();
        let stored = tokio::task::spawn_blocking(move || this.store(&roster)).await;
        Ok(stored.map_err(|_panic| Fault::internal())?.map_err(fault)?)
    }
}
