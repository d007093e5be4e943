//! A session: one exchange with a partner over one database, until both are level.
//!
//! ```text
//!             ┌──more──┐            ┌──more──┐
//!   begin ──▶ Pulling ─┴─ last ──▶ Pushing ─┴─ last ──▶ Comparing ──▶ Done
//!             │                       ▲─── his cursor lags ──┘
//!             └────────────────────── lost ─────────────────────────▶ Lost
//! ```
//!
//! The machine that dialled drives; the other answers. Nothing here can fail, wait or look at the time.
//!
//! # Invariants
//!
//! * A page is asked for from the cursor that the last one ended with.
//! * Knowledge is taken over with the last page only; a session that is lost before it leaves it as it was.
//! * Nothing is compared before both sides are level.

/// What a session is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Taking the partner's pages.
    Pulling,
    /// Giving ours.
    Pushing,
    /// Asking whether both are equal.
    Comparing,
    /// Level.
    Done,
    /// The link broke, or the partner spoke out of turn.
    Lost,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A session is wanted: what each side has that the other lacks.
    Wanted {
        /// Ask for pages.
        pull: bool,
        /// Give pages.
        push: bool,
    },
    /// A page of the partner's was applied; the cursor in his journal.
    Pulled {
        /// Where it stands now.
        cursor: u64,
        /// More is to come.
        more: bool,
        /// Whether we have something for him.
        push: bool,
    },
    /// A page of ours was applied there.
    Pushed {
        /// Where his cursor in our journal stands now.
        cursor: u64,
        /// More is to come.
        more: bool,
    },
    /// Both sides have compared.
    Compared {
        /// His cursor is far behind our end, though he knows all.
        push: bool,
    },
    /// The link broke, or the answer was an error.
    Lost,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask for the page from this cursor; none: the one we hold.
    Pull(Option<u64>),
    /// Give the page from this cursor; none: the one he holds.
    Push(Option<u64>),
    /// Compare digests.
    Compare,
    /// Write the session down.
    Close,
    /// Nothing: the session is over.
    Ignore,
}

/// What follows.
pub fn next(state: State, event: Event) -> (State, Step) {
    use Event::{Compared, Lost, Pulled, Pushed, Wanted};
    match (state, event) {
        (State::Done | State::Lost, Wanted { pull: true, .. }) => {
            (State::Pulling, Step::Pull(None))
        }
        (State::Done | State::Lost, Wanted { pull: false, push: true })
        | (State::Pulling, Pulled { more: false, push: true, .. })
        | (State::Comparing, Compared { push: true }) => (State::Pushing, Step::Push(None)),
        (State::Done | State::Lost, Wanted { pull: false, push: false })
        | (State::Pulling, Pulled { more: false, push: false, .. })
        | (State::Pushing, Pushed { more: false, .. }) => (State::Comparing, Step::Compare),
        (State::Done | State::Lost, _) => (state, Step::Ignore),

        (State::Pulling, Pulled { cursor, more: true, .. }) => {
            (State::Pulling, Step::Pull(Some(cursor)))
        }
        (State::Pushing, Pushed { cursor, more: true }) => {
            (State::Pushing, Step::Push(Some(cursor)))
        }
        (State::Comparing, Compared { push: false }) => (State::Done, Step::Close),

        // The link broke, or the partner spoke out of turn, which we treat the same.
        (_, Lost | Wanted { .. } | Pulled { .. } | Pushed { .. } | Compared { .. }) => {
            (State::Lost, Step::Close)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells a session from its events: each with the step that follows it.
    fn told(events: &[Event]) -> Vec<(State, Step)> {
        let mut state = State::Done;
        events
            .iter()
            .map(|event| {
                let (after, step) = next(state, *event);
                state = after;
                (after, step)
            })
            .collect()
    }

    #[test]
    fn a_session_pulls_to_the_end_then_pushes_then_compares() {
        let story = told(&[
            Event::Wanted { pull: true, push: false },
            Event::Pulled { cursor: 3, more: true, push: true },
            Event::Pulled { cursor: 5, more: false, push: true },
            Event::Pushed { cursor: 9, more: true },
            Event::Pushed { cursor: 12, more: false },
            Event::Compared { push: false },
        ]);
        let steps: Vec<Step> = story.iter().map(|(_, step)| *step).collect();
        assert_eq!(
            steps,
            [
                Step::Pull(None),
                Step::Pull(Some(3)),
                Step::Push(None),
                Step::Push(Some(9)),
                Step::Compare,
                Step::Close
            ]
        );
        assert_eq!(story.last().unwrap().0, State::Done);
    }

    #[test]
    fn a_session_with_nothing_to_move_only_compares() {
        let compared = Event::Compared { push: false };
        let story = told(&[Event::Wanted { pull: false, push: false }, compared]);
        assert_eq!(story, [(State::Comparing, Step::Compare), (State::Done, Step::Close)]);
    }

    #[test]
    fn a_cursor_that_lags_is_moved_once_both_have_compared() {
        let story = told(&[
            Event::Wanted { pull: true, push: false },
            Event::Pulled { cursor: 3, more: false, push: false },
            Event::Compared { push: true },
            Event::Pushed { cursor: 9, more: false },
            Event::Compared { push: false },
        ]);
        let steps: Vec<Step> = story.iter().map(|(_, step)| *step).collect();
        let push = Step::Push(None);
        assert_eq!(steps, [Step::Pull(None), Step::Compare, push, Step::Compare, Step::Close]);
    }

    #[test]
    fn a_lost_session_begins_anew_from_the_cursor_that_is_held() {
        let story = told(&[
            Event::Wanted { pull: true, push: true },
            Event::Pulled { cursor: 3, more: true, push: true },
            Event::Lost,
            Event::Pulled { cursor: 4, more: false, push: true },
            Event::Wanted { pull: true, push: true },
        ]);
        assert_eq!(
            story[2..],
            [
                (State::Lost, Step::Close),
                (State::Lost, Step::Ignore),
                (State::Pulling, Step::Pull(None))
            ]
        );
    }

    #[test]
    fn an_answer_out_of_turn_ends_the_session() {
        for early in [Event::Pushed { cursor: 1, more: false }, Event::Compared { push: true }] {
            let (state, step) = next(State::Pulling, early);
            assert_eq!((state, step), (State::Lost, Step::Close), "{early:?}");
        }
    }
}
