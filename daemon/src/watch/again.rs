//! When to look again for a commit that is under way: pure.
//!
//! A disk that needs 20 ms for a flush is looked at about every 4 ms by then, one that needs half a second every
//! 100 ms: what is seen is seen late by at most a fifth of what it took.

use std::time::Duration;

/// One of so many parts of the time that has gone by.
const PART: u32 = 5;
/// Not more often: a commit on a good disk is over by then.
const LEAST: Duration = Duration::from_millis(1);
/// So far apart at most while its program writes on and on.
const WRITING: Duration = Duration::from_millis(8);

/// How long until the next look. `under_way`: since when a commit is seen to be; `quiet`: since when nobody was seen to
/// write. None: it was given up, or left behind by a rollback, and is found by the poll should it come.
pub(super) fn next(under_way: Duration, quiet: Duration) -> Option<Duration> {
    let apart = (quiet / PART).max((under_way / PART).clamp(LEAST, WRITING));
    (apart < super::POLL).then_some(apart)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// When the file is looked at after an event, and when that ends.
    fn looks() -> Vec<Duration> {
        let mut looks = vec![ms(0)];
        while let Some(apart) = next(looks[looks.len() - 1], looks[looks.len() - 1]) {
            looks.push(looks[looks.len() - 1] + apart);
        }
        looks
    }

    #[test]
    fn what_a_flush_lets_be_seen_is_seen_late_by_a_fifth_of_it_or_a_millisecond() {
        let looks = looks();
        for flush in [0, 2, 3, 5, 9, 10, 20, 50, 200, 1_000].map(ms) {
            let seen = looks.iter().find(|look| flush <= **look).unwrap();
            assert!(*seen <= flush + (flush / 5).max(ms(1)), "{flush:?} was seen at {seen:?}");
        }
    }

    #[test]
    fn looking_again_is_no_spinning_and_comes_to_an_end() {
        let looks = looks();
        assert!(looks.len() < 50, "{looks:?}");
        assert!(looks.windows(2).all(|two| two[0] + ms(1) <= two[1]), "{looks:?}");
        assert!(looks[looks.len() - 1] < ms(6_500), "{looks:?}");
    }

    #[test]
    fn a_program_that_writes_for_long_is_not_looked_at_each_millisecond() {
        assert_eq!(next(ms(10), ms(0)), Some(ms(2)));
        assert_eq!(next(ms(60_000), ms(0)), Some(ms(8)));
    }
}
