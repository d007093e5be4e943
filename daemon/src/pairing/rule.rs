//! One run of a pairing: what a side does next, and how it ends. Pure.
//!
//! ```text
//!   A   Begin ─ B's commitment ─► Nonce ─ B's nonce ─┐
//!                                                    ├─► Numbers ── sure, and the other's word ──► Trusting ─► Paired
//!   B                             Nonce ─ A's nonce ─┘
//!       whatever else happens ───────────────────────────────────────────────────────────────────► Over
//! ```
//!
//! # Invariants
//!
//! * A side trusts only when its own person typed the other screen's number *and* the other side gave
//!   its word, both within this one run; a run is one connection.
//! * B fixes its nonce before it sees A's, and A sees that it did: so nobody in between can choose what
//!   the screens show.
//! * Three wrong entries end it, and so do two minutes. A number typed too late is worth nothing.
//! * What comes out of turn ends it: an honest program sends no such thing.

use std::time::Duration;

use dunlin_rpc::{Code, Sum};

use super::numbers::{Bind, Nonce, Number, Side};

#[cfg(test)]
mod tests;

/// From the first message to the last number: long enough to walk between two counters.
pub const RUN: Duration = Duration::from_mins(2);

/// What no person has to do must be done by then; a machine needs a few milliseconds.
pub const STEP: Duration = Duration::from_secs(10);

/// How often a person may type a wrong number.
pub const TRIES: u8 = 3;

/// How a pairing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The two are members of one shop.
    Paired,
    /// The other side broke the rules, or could not finish.
    Refused,
    /// One of the two pairs with another machine just now.
    Busy,
    /// The other machine was not opened.
    NotOpen,
    /// The numbers differ.
    DigitsDiffer,
    /// Nobody came, or nobody typed, in time.
    TimedOut,
    /// A person here called it off.
    Cancelled,
    /// The other side hung up.
    Left,
    /// The other was let in here, and did not say that it knows.
    Unfinished,
    /// Both called each other, and neither call came through.
    Crossed,
    /// Both share a shop with others.
    BothInAShop,
    /// Both are in the same shop already.
    SameShop,
    /// Neither may let the other in.
    NotAKeeper,
    /// One's key is out of the other's shop.
    Forgotten,
    /// No room.
    ShopFull,
    /// They have no protocol in common.
    OtherProtocol,
    /// Nobody answers there.
    Unreachable,
    /// It is this machine itself.
    Ourselves,
}

impl End {
    /// Every one.
    pub const ALL: [Self; 18] = [
        Self::Paired,
        Self::Refused,
        Self::Busy,
        Self::NotOpen,
        Self::DigitsDiffer,
        Self::TimedOut,
        Self::Cancelled,
        Self::Left,
        Self::Unfinished,
        Self::Crossed,
        Self::BothInAShop,
        Self::SameShop,
        Self::NotAKeeper,
        Self::Forgotten,
        Self::ShopFull,
        Self::OtherProtocol,
        Self::Unreachable,
        Self::Ourselves,
    ];

    /// The end of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|end| end.word() == word)
    }

    /// In a word, for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Paired => "paired",
            Self::Refused => "refused",
            Self::Busy => "busy",
            Self::NotOpen => "not open",
            Self::DigitsDiffer => "digits differ",
            Self::TimedOut => "timed out",
            Self::Cancelled => "cancelled",
            Self::Left => "left",
            Self::Unfinished => "unfinished",
            Self::Crossed => "crossed",
            Self::BothInAShop => "both in a shop",
            Self::SameShop => "same shop",
            Self::NotAKeeper => "not a keeper",
            Self::Forgotten => "forgotten key",
            Self::ShopFull => "shop full",
            Self::OtherProtocol => "other protocol",
            Self::Unreachable => "not reachable",
            Self::Ourselves => "ourselves",
        }
    }

    /// For people: what happened, and what to do.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Paired => "the two machines are partners now",
            Self::Refused => {
                "the other machine did not keep to the protocol, or could not store the result; look at its log and try again"
            }
            Self::Busy => {
                "the other machine is pairing with another one just now; try again when that is over"
            }
            Self::NotOpen => {
                "the other machine was not open for pairing; run `dunlin pairing` there, then try again"
            }
            Self::DigitsDiffer => {
                "the numbers differ, so somebody may be in between; nothing was trusted. Make sure that you look at the right two screens and try again; if it happens once more, use `dunlin invite` instead"
            }
            Self::TimedOut => "the time ran out and nothing was changed; try again",
            Self::Cancelled => "called off here; nothing was changed",
            Self::Left => {
                "the other machine ended the pairing and its screen says why; nothing was trusted here"
            }
            Self::Unfinished => {
                "the other machine was let in, and its answer was lost; if it is no partner there, pair the two once more"
            }
            Self::Crossed => {
                "both machines called each other at once; try again on one of them, with `dunlin pairing` on the other"
            }
            Self::BothInAShop => {
                "both machines share a shop with others already; one of them has to leave its shop first"
            }
            Self::SameShop => "the two machines are in the same shop already",
            Self::NotAKeeper => {
                "the machine that is in the shop is not a keeper and may let nobody in; pair with a keeper"
            }
            Self::Forgotten => {
                "the key of one machine was forgotten by the other's shop, and such a key never comes back; make a token with `dunlin invite` in that shop and give `dunlin join` on the machine that was forgotten, which takes a new key then"
            }
            Self::ShopFull => "the shop has as many machines as it may; forget one there first",
            Self::OtherProtocol => {
                "the two machines speak no protocol in common; update the older one"
            }
            Self::Unreachable => {
                "nobody answers there; is the other machine on, and on this network?"
            }
            Self::Ourselves => "that is this machine itself; name the other one",
        }
    }

    /// What the other side is told.
    pub fn code(self) -> Code {
        match self {
            Self::Paired
            | Self::Left
            | Self::Unfinished
            | Self::Refused
            | Self::Unreachable
            | Self::Ourselves => Code::Refused,
            Self::Busy => Code::Busy,
            Self::NotOpen => Code::PairingNotOpen,
            Self::DigitsDiffer => Code::DigitsDiffer,
            Self::TimedOut => Code::TimedOut,
            Self::Cancelled => Code::Cancelled,
            Self::Crossed => Code::Crossed,
            Self::BothInAShop => Code::BothInAShop,
            Self::SameShop => Code::SameShop,
            Self::NotAKeeper => Code::NotAKeeper,
            Self::Forgotten => Code::KeyForgotten,
            Self::ShopFull => Code::ShopFull,
            Self::OtherProtocol => Code::OtherProtocol,
        }
    }

    /// What we make of what the other side says. Its sentences are not shown: it is a stranger.
    pub fn told(code: Code) -> Self {
        match code {
            Code::Busy => Self::Busy,
            Code::PairingNotOpen | Code::NotAllowed | Code::UnknownMethod => Self::NotOpen,
            Code::DigitsDiffer => Self::DigitsDiffer,
            Code::TimedOut => Self::TimedOut,
            Code::Cancelled | Code::Stopping => Self::Left,
            Code::Crossed => Self::Crossed,
            Code::BothInAShop => Self::BothInAShop,
            Code::SameShop => Self::SameShop,
            Code::NotAKeeper => Self::NotAKeeper,
            Code::KeyForgotten => Self::Forgotten,
            Code::ShopFull => Self::ShopFull,
            Code::OtherProtocol => Self::OtherProtocol,
            _ => Self::Refused,
        }
    }
}

/// How one of the two stands, by its own word or by our roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Party {
    /// Its shop.
    pub shop: Sum,
    /// Nobody else is in that shop.
    pub alone: bool,
    /// It may let in.
    pub keeper: bool,
}

/// Which side lets the other in. Both sides work it out from the same four claims.
///
/// Whoever is alone gives its shop up; when both are, B's stands, since somebody opened it.
pub fn lets_in(asking: Party, answering: Party) -> Result<Side, End> {
    match (asking.alone, answering.alone) {
        (true, _) if answering.keeper => Ok(Side::Answering),
        (_, true) if asking.keeper => Ok(Side::Asking),
        (true, _) | (_, true) => Err(End::NotAKeeper),
        (false, false) if asking.shop == answering.shop => Err(End::SameShop),
        (false, false) => Err(End::BothInAShop),
    }
}

/// What happens to a run.
#[derive(Debug, Clone)]
pub enum Event {
    /// A: B answered, with its commitment and which side lets in.
    Begun(Sum, Side),
    /// The other side's nonce.
    Nonce(Nonce),
    /// A person typed a number.
    Typed(Number),
    /// The other side is sure: it asked `pair_sure` (B), or answered it (A).
    Word,
    /// B: the other side sent its statements.
    Roster,
    /// The statements are stored here, or cannot be.
    Stored(Result<(), End>),
    /// A person called it off, or the other side did or hung up.
    Over(End),
    /// Time passes.
    Tick,
}

/// What to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// Send, or answer with, our nonce.
    Nonce(Nonce),
    /// Show the numbers, and ask for the other's.
    Ask,
    /// It was not the number.
    Wrong,
    /// A: tell the other side that we are sure. B: answer its `pair_sure`, once it asks.
    Sure,
    /// Sign or take over the statements, then say how that went.
    Trust,
    /// It is over.
    Ended(End),
}

/// How far a run is.
#[derive(Debug, Clone)]
enum Turn {
    /// A: `pair_begin` is on its way.
    Begin,
    /// The other's nonce has not come. A: with what it has to open.
    Nonce(Option<Sum>),
    /// Both numbers are known: ours, and the one to be typed.
    Numbers(Number, Number),
    /// Both are sure; statements are being signed, carried and stored.
    Trusting,
    /// It is over.
    Over(End),
}

/// What was wrong with the last entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slip {
    /// It is the number of this very screen.
    Own,
    /// It is another number.
    Other,
}

/// One run, on one connection, as one side sees it.
#[derive(Debug, Clone)]
pub struct Run {
    side: Side,
    bind: Bind,
    nonce: Nonce,
    lets_in: Side,
    began: Duration,
    turn: Turn,
    sure: bool,
    word: bool,
    tries_left: u8,
    slip: Option<Slip>,
}

impl Run {
    /// A run of A, whose `pair_begin` goes out now.
    pub fn asking(bind: Bind, nonce: Nonce, now: Duration) -> Self {
        Self::new(Side::Asking, Turn::Begin, bind, nonce, Side::Answering, now)
    }

    /// A run of B, which answers a `pair_begin` now.
    pub fn answering(bind: Bind, nonce: Nonce, lets_in: Side, now: Duration) -> Self {
        Self::new(Side::Answering, Turn::Nonce(None), bind, nonce, lets_in, now)
    }

    fn new(side: Side, turn: Turn, bind: Bind, nonce: Nonce, lets_in: Side, now: Duration) -> Self {
        Self {
            side,
            bind,
            nonce,
            lets_in,
            began: now,
            turn,
            sure: false,
            word: false,
            tries_left: TRIES,
            slip: None,
        }
    }

    /// Takes an event in. `now` is the monotonic clock.
    pub fn on(&mut self, event: Event, now: Duration) -> Step {
        if let Turn::Over(end) = self.turn {
            return Step::Ended(end);
        }
        if matches!(self.turn, Turn::Trusting) {
            // Decided: what was signed is not taken back because somebody hangs up.
            return match event {
                Event::Stored(Ok(())) => self.end(End::Paired),
                Event::Stored(Err(end)) => self.end(end),
                _ => Step::Nothing,
            };
        }
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            return self.end(End::TimedOut);
        }
        match (&self.turn, event) {
            (_, Event::Over(end)) => self.end(end),
            (Turn::Begin, Event::Begun(commit, lets_in)) => {
                self.lets_in = lets_in;
                self.turn = Turn::Nonce(Some(commit));
                Step::Nonce(self.nonce)
            }
            (Turn::Nonce(Some(commit)), Event::Nonce(theirs)) => {
                if !self.bind.opens(commit, &theirs) {
                    return self.end(End::DigitsDiffer);
                }
                self.number(self.nonce, theirs);
                Step::Ask
            }
            (Turn::Nonce(None), Event::Nonce(theirs)) => {
                self.number(theirs, self.nonce);
                Step::Nonce(self.nonce)
            }
            (Turn::Numbers(own, theirs), Event::Typed(typed)) if !self.sure => {
                let (own, theirs) = (*own, *theirs);
                self.typed(typed, own, theirs)
            }
            (Turn::Numbers(..), Event::Word) if !self.word => {
                self.word = true;
                match self.side {
                    // Its answer to our word, which we gave because we were sure.
                    Side::Asking if self.sure => self.trust(),
                    Side::Asking => self.end(End::Refused),
                    Side::Answering => Step::Nothing,
                }
            }
            (Turn::Numbers(..), Event::Roster)
                if self.side == Side::Answering && self.sure && self.word =>
            {
                self.trust()
            }
            // Time alone; or a person who types before there is a number, or again after the right one.
            (_, Event::Tick | Event::Typed(_)) => Step::Nothing,
            // Out of turn.
            (
                _,
                Event::Begun(..) | Event::Nonce(_) | Event::Word | Event::Roster | Event::Stored(_),
            ) => self.end(End::Refused),
        }
    }

    fn typed(&mut self, typed: Number, own: Number, theirs: Number) -> Step {
        if bool::from(typed.same(&theirs)) {
            self.sure = true;
            self.slip = None;
            return Step::Sure;
        }
        self.slip = Some(if bool::from(typed.same(&own)) { Slip::Own } else { Slip::Other });
        self.tries_left -= 1;
        if self.tries_left == 0 { self.end(End::DigitsDiffer) } else { Step::Wrong }
    }

    fn number(&mut self, a: Nonce, b: Nonce) {
        let number = |side| self.bind.number(side, &a, &b);
        self.turn = Turn::Numbers(number(self.side), number(self.side.other()));
    }

    fn trust(&mut self) -> Step {
        self.turn = Turn::Trusting;
        Step::Trust
    }

    fn end(&mut self, end: End) -> Step {
        self.turn = Turn::Over(end);
        Step::Ended(end)
    }

    /// Until when this turn has to be over; none when no clock may end it.
    pub fn deadline(&self) -> Option<Duration> {
        match self.turn {
            Turn::Begin | Turn::Nonce(_) => Some(self.began + STEP),
            Turn::Numbers(..) => Some(self.began + RUN),
            Turn::Trusting | Turn::Over(_) => None,
        }
    }

    /// Which side this is.
    pub fn side(&self) -> Side {
        self.side
    }

    /// Whether it is this side that lets the other in.
    pub fn we_let_in(&self) -> bool {
        self.side == self.lets_in
    }

    /// Whether the other side has not answered `pair_begin` yet.
    pub fn is_beginning(&self) -> bool {
        matches!(self.turn, Turn::Begin)
    }

    /// Whether both are sure.
    pub fn is_trusting(&self) -> bool {
        matches!(self.turn, Turn::Trusting)
    }

    /// How it ended, when it has.
    pub fn ended(&self) -> Option<End> {
        match self.turn {
            Turn::Over(end) => Some(end),
            Turn::Begin | Turn::Nonce(_) | Turn::Numbers(..) | Turn::Trusting => None,
        }
    }

    /// The number for this screen, as long as it is to be typed on the other.
    pub fn own(&self) -> Option<Number> {
        match self.turn {
            Turn::Numbers(own, _) => Some(own),
            Turn::Begin | Turn::Nonce(_) | Turn::Trusting | Turn::Over(_) => None,
        }
    }

    /// Whether the person here typed the right number.
    pub fn is_sure(&self) -> bool {
        self.sure
    }

    /// How many more wrong entries there may be; the last of them ends it.
    pub fn tries_left(&self) -> u8 {
        self.tries_left
    }

    /// What was wrong with the last entry.
    pub fn slip(&self) -> Option<Slip> {
        self.slip
    }
}
