//! Dice: numbers that look random and are the same again for the same seed.
//!
//! `SplitMix64` (Steele, Lea and Flood, 2014): one addition and three mixing steps a roll, and any
//! seed is a good seed, zero included. Good enough to choose spark plugs; not for secrets.

/// A seeded source of choices.
#[derive(Debug, Clone)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// Dice that roll the sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, both included; `low` when the two are the wrong way round.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        if high <= low {
            return low;
        }
        let span = u128::from(high.abs_diff(low)) + 1;
        // The product's upper half: no division, and no favour that a shop would notice.
        let above = (u128::from(self.roll()) * span) >> 64;
        low.saturating_add_unsigned(u64::try_from(above).unwrap_or(0))
    }

    /// True once in `times` on average.
    pub fn one_in(&mut self, times: i64) -> bool {
        self.between(1, times) == 1
    }

    /// One of `choices`; the type's default when there is none.
    pub fn pick<T: Copy + Default>(&mut self, choices: &[T]) -> T {
        let last = i64::try_from(choices.len()).unwrap_or(i64::MAX) - 1;
        let at = usize::try_from(self.between(0, last)).unwrap_or(0);
        choices.get(at).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn the_sequence_is_that_of_splitmix64() {
        // The first rolls of the reference implementation for seed 1234567.
        let mut dice = Dice::new(1_234_567);
        let rolls = [dice.roll(), dice.roll(), dice.roll()];
        assert_eq!(
            rolls,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn both_ends_of_a_range_are_rolled_and_nothing_beyond_them() {
        let mut dice = Dice::new(7);
        let mut seen = [0_u32; 6];
        for _ in 0..1_000 {
            let rolled = dice.between(1, 6);
            seen[usize::try_from(rolled - 1).unwrap()] += 1;
        }
        assert!(seen.iter().all(|times| *times > 100), "{seen:?}");
        assert_eq!(dice.between(5, 5), 5);
        assert_eq!(dice.between(5, 2), 5);
        dice.between(i64::MIN, i64::MAX);
    }

    #[test]
    fn picking_from_nothing_is_the_default() {
        assert_eq!(Dice::new(1).pick::<&str>(&[]), "");
    }
}
