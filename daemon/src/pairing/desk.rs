//! The desk: when this machine is open for pairing, for whom, and the one run under way. Pure.
//!
//! ```text
//!   opened by a person ─► open for anybody, 5 min          (B: `dunlin pairing`)
//!   a person picks one ─► open for that one, and calls it  (A: `dunlin pair NAME`)
//!        │ a call comes, or goes out
//!        ▼
//!      a run ── paired ─► closed      else open on, until the time is out or three runs showed numbers
//! ```
//!
//! # Invariants
//!
//! * Closed is the rule: a person opens, and time closes, also when nobody looks.
//! * One run at a time; who comes meanwhile is told that we are busy.
//! * Each run that got as far as numbers is counted, however it ended: a stranger in between has three draws of one in a
//!   million, and then a person has to open again.
//! * What a connection says counts for the run of that connection only.

use std::time::Duration;

use dunlin_rpc::{Pin, PublicKey, Sum};
use uuid::Uuid;

use super::numbers::{Bind, Nonce, Number, Side};
use super::rule::{End, Event, Run, STEP, Slip, Step};

#[cfg(test)]
mod tests;

/// How long a machine stays open: time to walk to the other and back.
pub const OPEN: Duration = Duration::from_mins(5);

/// How many runs may show numbers before a person has to open again.
pub const RUNS: u8 = 3;

/// For whom this machine is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whom {
    /// Whoever calls.
    Anybody,
    /// The one that a person picked: by the id that it was seen with, or by the key that answered there.
    One { id: Option<Uuid>, pin: Option<Pin> },
}

/// This machine is open.
#[derive(Debug, Clone)]
struct Opening {
    number: u64,
    whom: Whom,
    until: Duration,
    /// How it ends when its time is out.
    late: End,
    runs: u8,
}

/// The run under way, or the last one.
#[derive(Debug, Clone)]
struct Current {
    number: u64,
    run: Run,
    name: String,
}

/// How the last call, run or opening ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub end: End,
    /// With whom, when it got so far: a label of a stranger's.
    pub name: Option<String>,
}

/// Openings and the run under way.
#[derive(Debug, Default)]
pub struct Desk {
    count: u64,
    opening: Option<Opening>,
    current: Option<Current>,
    ended: Option<Ended>,
    /// Somebody was told to wait for our call.
    hurry: bool,
}

/// Who calls us.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    /// Its key, which the handshake proved.
    pub key: PublicKey,
    /// What the handshake made.
    pub bind: Bind,
}

/// How things stand, as the page and the command line are told.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// In a word.
    pub state: &'static str,
    /// Counts the runs: another number, another run.
    pub run: u64,
    /// For this screen.
    pub own: Option<Number>,
    /// What the other side calls itself.
    pub name: Option<String>,
    /// Until this is over by itself.
    pub left: Option<Duration>,
    /// Wrong entries that may still be made.
    pub tries_left: Option<u8>,
    /// What was wrong with the last entry.
    pub slip: Option<Slip>,
    /// How the last one ended, until a person begins anew.
    pub ended: Option<Ended>,
}

impl Desk {
    /// A person opens this machine for whoever calls.
    pub fn open(&mut self, now: Duration) -> Result<(), End> {
        self.begin(Whom::Anybody, End::TimedOut, now).map(drop)
    }

    /// A person picks one to call; the number of this opening. `id` is what it was seen with.
    pub fn pick(&mut self, id: Option<Uuid>, now: Duration) -> Result<u64, End> {
        self.begin(Whom::One { id, pin: None }, End::NotOpen, now)
    }

    fn begin(&mut self, whom: Whom, late: End, now: Duration) -> Result<u64, End> {
        self.tick(now);
        if self.is_running() {
            return Err(End::Busy);
        }
        self.count += 1;
        let number = self.count;
        self.opening = Some(Opening { number, whom, until: now + OPEN, late, runs: 0 });
        self.current = None;
        self.ended = None;
        self.hurry = false;
        Ok(number)
    }

    /// A person calls it off: opening and run.
    pub fn cancel(&mut self, now: Duration) {
        self.tick(now);
        if let Some(current) = &mut self.current {
            // Once both are sure it is decided, and too late.
            current.run.on(Event::Over(End::Cancelled), now);
        }
        self.settle();
        if self.opening.take().is_some() {
            self.ended = Some(Ended { end: End::Cancelled, name: self.name() });
        }
    }

    /// The picked machine answered, with this key: from now on it is known by that, too.
    pub fn learn(&mut self, opening: u64, key: Pin) {
        if let Some(Opening { number, whom: Whom::One { pin, .. }, .. }) = &mut self.opening
            && *number == opening
        {
            *pin = Some(key);
        }
    }

    /// The call of this opening came to nothing, and is not repeated.
    pub fn fail(&mut self, opening: u64, end: End) {
        if self.opening.as_ref().is_some_and(|open| open.number == opening) && !self.is_running() {
            self.opening = None;
            self.ended = Some(Ended { end, name: None });
        }
    }

    /// Our call crossed another's, which stands: it has a moment to come.
    pub fn crossed(&mut self, opening: u64, now: Duration) {
        if let Some(open) = self.opening.as_mut().filter(|open| open.number == opening) {
            open.until = open.until.min(now + STEP);
            open.late = End::Crossed;
        }
    }

    /// Whether this opening still stands, without a run.
    pub fn is_waiting(&mut self, opening: u64, now: Duration) -> bool {
        self.tick(now);
        !self.is_running() && self.opening.as_ref().is_some_and(|open| open.number == opening)
    }

    /// Whether anybody may call now: while this machine is open, and while a run is under way.
    pub fn is_open(&mut self, now: Duration) -> bool {
        self.tick(now);
        self.opening.is_some() || self.is_running()
    }

    fn is_running(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.run.ended().is_none())
    }

    /// A's run, whose `pair_begin` goes out now; its number.
    pub fn ask(
        &mut self,
        opening: u64,
        bind: Bind,
        nonce: Nonce,
        now: Duration,
    ) -> Result<u64, End> {
        if !self.is_waiting(opening, now) {
            return Err(End::Crossed);
        }
        Ok(self.start(Run::asking(bind, nonce, now), String::new()))
    }

    /// Whether B may take this call. Asked before anything else is said to the caller.
    pub fn may_answer(&mut self, caller: &Caller, now: Duration) -> Result<(), End> {
        self.tick(now);
        let (theirs, ours) = (caller.bind.asking, caller.bind.answering);
        let opening = self.opening.as_ref().map(|open| open.whom);
        let expected = match opening {
            Some(Whom::Anybody) => true,
            Some(Whom::One { id, pin }) => {
                pin == Some(theirs) || id.is_some_and(|id| id == caller.key.machine_id())
            }
            None => false,
        };
        if theirs == ours {
            return Err(End::Ourselves);
        }
        match self.current.as_ref().filter(|current| current.run.ended().is_none()) {
            // Both press at once. The call of the lower pin stands; ours may be on its way.
            Some(current) if current.run.is_beginning() && expected && theirs < ours => Ok(()),
            Some(current) if current.run.is_beginning() && expected => Err(End::Crossed),
            Some(_) => Err(End::Busy),
            None if !expected => Err(End::NotOpen),
            None if opening != Some(Whom::Anybody) && ours < theirs => {
                self.hurry = true;
                Err(End::Crossed)
            }
            None => Ok(()),
        }
    }

    /// Whether our next call is waited for; once.
    pub fn take_hurry(&mut self) -> bool {
        std::mem::take(&mut self.hurry)
    }

    /// B's run; its number, and what is said of the nonce. Ends a call of our own that crosses it.
    pub fn answer(
        &mut self,
        caller: &Caller,
        nonce: Nonce,
        lets_in: Side,
        name: String,
        now: Duration,
    ) -> Result<(u64, Sum), End> {
        self.may_answer(caller, now)?;
        let commit = caller.bind.commit(&nonce);
        Ok((self.start(Run::answering(caller.bind, nonce, lets_in, now), name), commit))
    }

    fn start(&mut self, run: Run, name: String) -> u64 {
        self.count += 1;
        self.current = Some(Current { number: self.count, run, name });
        self.ended = None;
        self.count
    }

    /// The other side's name is known: a label.
    pub fn call_it(&mut self, run: u64, name: String) {
        if let Some(current) = self.current.as_mut().filter(|current| current.number == run) {
            current.name = name;
        }
    }

    /// Takes an event of a run in; one of a run that is not this one has ended long ago.
    pub fn on(&mut self, run: u64, event: Event, now: Duration) -> Step {
        let Some(current) = self.current.as_mut().filter(|current| current.number == run) else {
            return Step::Ended(End::Crossed);
        };
        let had_numbers = current.run.own().is_some();
        let had_ended = current.run.ended().is_some();
        let exchanged = matches!(event, Event::Nonce(_));
        let step = current.run.on(event, now);
        // From B's nonce on it counts: it was sent (B), or looked at (A).
        let shown = current.run.own().is_some() && !had_numbers;
        let refused = exchanged && step == Step::Ended(End::DigitsDiffer) && !had_ended;
        if let Some(open) = self.opening.as_mut().filter(|_| shown || refused) {
            open.runs += 1;
        }
        if !had_ended {
            self.settle();
        }
        step
    }

    /// The number of the run under way, for what a person does.
    pub fn run(&self) -> Option<u64> {
        self.current.as_ref().filter(|current| current.run.ended().is_none()).map(|it| it.number)
    }

    /// The run with this number, as long as nothing came after it.
    pub fn of(&self, run: u64) -> Option<&Run> {
        self.current.as_ref().filter(|current| current.number == run).map(|current| &current.run)
    }

    /// What follows from the end of a run.
    fn settle(&mut self) {
        let Some(end) = self.current.as_ref().and_then(|current| current.run.ended()) else {
            return;
        };
        self.ended = Some(Ended { end, name: self.name() });
        let again = match &self.opening {
            // A calls again by itself only while no number was shown; its driver does that.
            Some(Opening { whom: Whom::One { .. }, runs, .. }) => {
                *runs == 0 && matches!(end, End::NotOpen | End::Crossed)
            }
            Some(Opening { whom: Whom::Anybody, runs, .. }) => *runs < RUNS && end != End::Paired,
            None => false,
        };
        if !again {
            self.opening = None;
        }
    }

    fn name(&self) -> Option<String> {
        let current = self.current.as_ref();
        current.map(|current| current.name.clone()).filter(|name| !name.is_empty())
    }

    /// Time passes.
    pub fn tick(&mut self, now: Duration) {
        if let Some(run) = self.run() {
            self.on(run, Event::Tick, now);
        }
        if !self.is_running()
            && let Some(late) = self.opening.take_if(|open| open.until <= now)
        {
            self.ended = Some(Ended { end: late.late, name: None });
        }
    }

    /// How things stand.
    pub fn view(&mut self, now: Duration) -> View {
        self.tick(now);
        let running = self.current.as_ref().filter(|current| current.run.ended().is_none());
        let left = |until: Duration| Some(until.saturating_sub(now));
        if let Some(Current { number, run, name }) = running {
            let own = run.own();
            let state = match own {
                _ if run.is_trusting() => "trusting",
                Some(_) if run.is_sure() => "waiting",
                Some(_) => "numbers",
                None => "calling",
            };
            return View {
                state,
                run: *number,
                own,
                name: own.is_some().then(|| name.clone()),
                left: run.deadline().and_then(left),
                tries_left: Some(run.tries_left()),
                slip: run.slip(),
                ended: None,
            };
        }
        let state = match self.opening.as_ref().map(|open| open.whom) {
            Some(Whom::Anybody) => "open",
            Some(Whom::One { .. }) => "calling",
            None => "closed",
        };
        View {
            state,
            run: self.current.as_ref().map_or(0, |current| current.number),
            left: self.opening.as_ref().and_then(|open| left(open.until)),
            ended: self.ended.clone(),
            ..View::default()
        }
    }
}
