//! Stamps: what orders two versions of one row.
//!
//! ```text
//!   63            16 15       0
//!   ┌───────────────┬──────────┐
//!   │ milliseconds  │ counter  │   shows as modified_on
//!   └───────────────┴──────────┘
//! ```
//!
//! What people write is stamped even. What is only found where somebody wrote is stamped odd, right above that: so it is
//! never as late as what another person wrote there, whose clock was slow.
//!
//! # Invariants
//!
//! * Whoever writes a row after seeing a version beats that version, whatever the clocks say.
//! * Per row: one wrong clock cannot push every clock ahead.

use crate::Millis;

/// The moment of a write, as far as it orders two versions of one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(u64);

/// Stamps are stored and sent as signed integers, so the top bit stays clear (until the year 6429).
const MAX: u64 = i64::MAX as u64;

/// 2000-01-01: a clock before it is a dead battery, not a time.
const EARLIEST: Millis = 946_684_800_000;
/// 2100-01-01: a clock after it is nonsense.
const LATEST: Millis = 4_102_444_800_000;

impl Stamp {
    /// Rows that were there before anybody kept count.
    pub const ZERO: Self = Self(0);

    /// The stamp of a moment.
    pub fn at(time: Millis) -> Self {
        Self((u64::try_from(time).unwrap_or(0) << 16).min(MAX))
    }

    /// The stamp of a write at `time` over a version stamped `replaced`.
    ///
    /// Above what it replaces, also on a machine whose clock is slow: a person who edits a row after
    /// seeing a version always beats that version.
    pub fn after(replaced: Option<Self>, time: Millis) -> Self {
        Self::at(time).max(replaced.map_or(Self::ZERO, Self::next))
    }

    /// The least stamp of a write above this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(((self.0 | 1) + 1).min(MAX))
    }

    /// The moment this stamp shows.
    pub fn millis(self) -> Millis {
        Millis::try_from(self.0 >> 16).unwrap_or(Millis::MAX)
    }

    /// As stored and sent.
    pub fn to_i64(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    /// As stored and sent; a negative number is no stamp.
    pub fn from_i64(raw: i64) -> Option<Self> {
        u64::try_from(raw).ok().map(Self)
    }
}

/// The stamp of what was found where a cell of this stamp stood.
pub(crate) fn found_above(stamp: i64) -> i64 {
    stamp.saturating_add(1) | 1
}

/// Is `time` one that a working clock could show?
pub fn believable(time: Millis) -> bool {
    (EARLIEST..LATEST).contains(&time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_beats_what_it_replaces_on_a_slow_clock() {
        let theirs = Stamp::at(2_000_000);
        let ours = Stamp::after(Some(theirs), 1_000_000);
        assert!(theirs < ours);
        assert_eq!(ours.millis(), theirs.millis());
    }

    #[test]
    fn a_write_takes_the_clock_where_it_is_ahead() {
        assert_eq!(Stamp::after(Some(Stamp::at(5)), 9), Stamp::at(9));
    }

    #[test]
    fn what_is_found_is_below_what_anybody_writes_over_the_same_version() {
        let version = Stamp::at(1_790_000_000_123);
        let found = found_above(version.to_i64());
        assert!(found < found_above(found));
        assert!(found < version.next().to_i64());
        let later = Stamp::from_i64(found).unwrap().next();
        assert_eq!(later, version.next(), "whoever saw it beats it");
    }

    #[test]
    fn a_stamp_survives_storage_and_a_negative_number_is_none() {
        let stamp = Stamp::at(1_790_000_000_123);
        assert_eq!(Stamp::from_i64(stamp.to_i64()), Some(stamp));
        assert_eq!(Stamp::from_i64(-1), None);
        assert_eq!(Stamp::at(Millis::MAX).next().to_i64(), i64::MAX);
    }

    #[test]
    fn a_dead_battery_is_not_believed() {
        assert!(!believable(0));
        assert!(believable(1_790_000_000_000));
    }
}
