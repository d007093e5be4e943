//! The application's turn: between two transactions of ours that write, the file is left alone.
//!
//! SQLite's locks are not fair. Who waits for the write lock looks for it now and then, up to a tenth of a second apart,
//! and loses against a program that takes it again at once.
//! So the file is left alone as long as it was held, and longer where the application writes and more is to come.

use std::time::Duration;

/// So many times as long as it was held, where the application writes and more is to come.
const LONGER: u32 = 4;
/// An application that committed twice so lately is at work.
const AT_WORK: Duration = Duration::from_secs(1);
/// No longer than this, however long it was held: by then everybody has looked for the lock ten times.
const LONGEST: Duration = Duration::from_secs(1);

/// How the file is left alone. Times are those of [`crate::Clock::elapsed`].
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When the file was let go,
    let_go: Duration,
    /// after it was held for so long,
    held: Duration,
    /// and is left alone for so long.
    rest: Duration,
    /// SQLite's figure of what others committed,
    others: i64,
    /// and when it was seen to move, the last time and the time before.
    moved: [Option<Duration>; 2],
}

impl Pace {
    /// The file was held from one moment to another.
    pub(crate) fn held(&mut self, from: Duration, until: Duration) {
        self.held = until.saturating_sub(from);
        self.let_go = until;
        self.rest = self.held.min(LONGEST);
    }

    /// How long it was held last.
    pub(crate) fn last(&self) -> Duration {
        self.held
    }

    /// More of the same is to come.
    pub(crate) fn more(&mut self) {
        // One commit is a person's or a tool's; one after the other is work.
        let is_at_work = self.moved[1].is_some_and(|at| self.let_go <= at + AT_WORK);
        if is_at_work {
            self.rest = (self.held * LONGER).min(LONGEST);
        }
    }

    /// `figure`: SQLite's of what others committed, asked for at this moment.
    pub(crate) fn others(&mut self, figure: i64, now: Duration) {
        let before = std::mem::replace(&mut self.others, figure);
        // The first figure says nothing.
        if before != 0 && before != figure {
            self.moved = [Some(now), self.moved[0]];
        }
    }

    /// For how long the file is still left alone.
    pub(crate) fn left(&self, now: Duration) -> Duration {
        (self.let_go + self.rest).saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Held for 20 ms, until the moment 100.
    fn pace() -> Pace {
        let mut pace = Pace::default();
        pace.others(7, ms(10));
        pace.held(ms(80), ms(100));
        pace
    }

    #[test]
    fn the_file_is_left_alone_as_long_as_it_was_held() {
        let pace = pace();
        assert_eq!(pace.last(), ms(20));
        assert_eq!(pace.left(ms(100)), ms(20));
        assert_eq!(pace.left(ms(115)), ms(5));
        assert_eq!(pace.left(ms(121)), ms(0));
    }

    #[test]
    fn it_is_left_alone_longer_while_the_application_writes_and_more_is_to_come() {
        let mut quiet = pace();
        quiet.more();
        assert_eq!(quiet.left(ms(100)), ms(20), "nobody else writes");
        let mut busy = pace();
        busy.others(8, ms(90));
        busy.more();
        assert_eq!(busy.left(ms(100)), ms(20), "one commit is not at work");
        busy.others(9, ms(100));
        assert_eq!(busy.left(ms(100)), ms(20), "no more is to come");
        busy.more();
        assert_eq!(busy.left(ms(100)), ms(80));
        busy.held(ms(1_200), ms(1_220));
        busy.more();
        assert_eq!(busy.left(ms(1_220)), ms(20), "it wrote more than a second ago");
    }

    #[test]
    fn a_disk_that_stands_still_for_once_does_not_stop_us_too() {
        let mut pace = Pace::default();
        pace.held(ms(0), ms(60_000));
        assert_eq!(pace.left(ms(60_000)), ms(1_000));
    }
}
