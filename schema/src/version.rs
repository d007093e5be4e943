//! Versions: which of two versions of one row stands, and whether they are a conflict.
//!
//! ```text
//!              one covers the other          neither had seen the other
//!   stands     the higher in order           the higher in order
//!   conflict   no                            yes, unless they say the same: the loser is kept
//! ```
//!
//! Order is (stamp, origin, seq, digest of the values): commutative, associative, idempotent, total.
//!
//! # Invariants
//!
//! * The order in which versions arrive does not matter; see the laws in `tests`.
//! * Merging a version twice is merging it once.

use crate::{Origin, Stamp};
use std::cmp::Ordering;

/// What orders a version, and what its writer had seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// When it was written.
    pub stamp: Stamp,
    /// Who wrote it.
    pub origin: Origin,
    /// Its number among its origin's versions.
    pub seq: u64,
    /// Eight bytes of the hash of its values; 0 for a tombstone.
    pub digest: u64,
    /// A tombstone?
    pub dead: bool,
    /// For every other origin in the row's past, its last seq. Empty for most rows.
    pub seen: Vec<(Origin, u64)>,
}

impl Head {
    /// Which of two versions of one row stands: the greater.
    pub fn order(&self, other: &Self) -> Ordering {
        self.stamp
            .cmp(&other.stamp)
            .then_with(|| self.origin.cmp(&other.origin))
            .then_with(|| self.seq.cmp(&other.seq))
            .then_with(|| self.digest.cmp(&other.digest))
            .then_with(|| self.dead.cmp(&other.dead))
    }

    /// Had the writer of this version seen `other`?
    pub fn covers(&self, other: &Self) -> bool {
        (self.origin == other.origin && self.seq >= other.seq)
            || self.seen.iter().any(|(origin, seq)| *origin == other.origin && *seq >= other.seq)
    }

    /// What a version that `writer` makes over this one has seen.
    pub fn seen_by_next(&self, writer: Origin) -> Vec<(Origin, u64)> {
        let mut seen = self.seen.clone();
        match seen.iter_mut().find(|(origin, _)| *origin == self.origin) {
            Some((_, seq)) => *seq = self.seq.max(*seq),
            None => seen.push((self.origin, self.seq)),
        }
        seen.retain(|(origin, _)| *origin != writer);
        seen.sort_unstable();
        seen
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.dead == other.dead && self.digest == other.digest
    }
}

/// What to do with a version that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the one we hold; nothing moves.
    Same,
    /// It stands. `conflict`: ours goes to the conflict journal.
    Theirs {
        /// Neither had seen the other.
        conflict: bool,
    },
    /// Ours stands. `conflict`: theirs goes to the conflict journal.
    Ours {
        /// Neither had seen the other.
        conflict: bool,
    },
}

/// Decides between the version held here and one that arrives.
pub fn merge(ours: Option<&Head>, theirs: &Head) -> Verdict {
    let Some(ours) = ours else { return Verdict::Theirs { conflict: false } };
    match ours.order(theirs) {
        Ordering::Equal => Verdict::Same,
        Ordering::Less => Verdict::Theirs { conflict: clash(theirs, ours) },
        Ordering::Greater => Verdict::Ours { conflict: clash(ours, theirs) },
    }
}

fn clash(winner: &Head, loser: &Head) -> bool {
    !winner.covers(loser) && !loser.covers(winner) && !winner.says_the_same(loser)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn origin(n: u8) -> Origin {
        Origin { machine: Uuid::from_u128(u128::from(n)), epoch: 1 }
    }

    prop_compose! {
        fn head()(stamp in 0i64..6, machine in 0u8..4, seq in 1u64..5, digest in 0u64..3, dead: bool,
                  seen in prop::collection::vec((0u8..4, 1u64..5), 0..3)) -> Head {
            Head {
                stamp: Stamp::at(stamp), origin: origin(machine), seq,
                digest: if dead { 0 } else { digest }, dead,
                seen: seen.into_iter().map(|(machine, seq)| (origin(machine), seq)).collect(),
            }
        }
    }

    fn stands(a: &Head, b: &Head) -> Head {
        match merge(Some(a), b) {
            Verdict::Same | Verdict::Ours { .. } => a.clone(),
            Verdict::Theirs { .. } => b.clone(),
        }
    }

    /// What `seen` says does not decide who stands.
    fn bare(head: &Head) -> Head {
        Head { seen: Vec::new(), ..head.clone() }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn merging_is_commutative(a in head(), b in head()) {
            prop_assert_eq!(bare(&stands(&a, &b)), bare(&stands(&b, &a)));
        }

        #[test]
        fn merging_is_associative(a in head(), b in head(), c in head()) {
            let left = stands(&stands(&a, &b), &c);
            let right = stands(&a, &stands(&b, &c));
            prop_assert_eq!(bare(&left), bare(&right));
        }

        #[test]
        fn merging_twice_is_merging_once(a in head(), b in head()) {
            let once = stands(&a, &b);
            prop_assert_eq!(stands(&once, &b), once);
        }

        #[test]
        fn a_conflict_is_seen_from_both_sides(a in head(), b in head()) {
            let flag = |verdict| matches!(verdict,
                Verdict::Ours { conflict: true } | Verdict::Theirs { conflict: true });
            prop_assert_eq!(flag(merge(Some(&a), &b)), flag(merge(Some(&b), &a)));
        }

        #[test]
        fn whoever_wrote_over_a_version_makes_no_conflict_with_it(a in head(), writer in 0u8..4) {
            let next = Head {
                stamp: a.stamp.next(), origin: origin(writer),
                seq: if a.origin == origin(writer) { a.seq + 1 } else { 9 },
                digest: 77, dead: false, seen: a.seen_by_next(origin(writer)),
            };
            prop_assert_eq!(merge(Some(&a), &next), Verdict::Theirs { conflict: false });
        }
    }

    #[test]
    fn two_writers_who_had_not_seen_each_other_are_a_conflict_unless_they_say_the_same() {
        let one = Head {
            stamp: Stamp::at(1),
            origin: origin(1),
            seq: 1,
            digest: 1,
            dead: false,
            seen: vec![],
        };
        let two = Head { stamp: Stamp::at(2), origin: origin(2), digest: 2, ..one.clone() };
        assert_eq!(merge(Some(&one), &two), Verdict::Theirs { conflict: true });
        let same = Head { digest: 1, ..two };
        assert_eq!(merge(Some(&one), &same), Verdict::Theirs { conflict: false });
    }
}
