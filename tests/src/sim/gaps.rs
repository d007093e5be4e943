//! What is known not to hold yet on any schema, and is therefore neither declared nor written at random.
//!
//! Whoever mends one takes it out of the list, and the stories say whether it holds.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// Two rows that clash in a partial UNIQUE index: on each machine the one stands that came first there, and the other is
    /// held. It has to be the same one everywhere, as with a UNIQUE over whole columns.
    PartialUnique,
    /// References to a UNIQUE column that is no key. A value that passes to another row in one transaction (by REPLACE, by a
    /// swap, by a delete and an insert) takes the rows that refer by it along, which have no version that says so. Numbers
    /// that pass on are seen. Nor do versions say the same everywhere while such a value clashes.
    ByValue,
    /// A UNIQUE in which nothing can give way: over a column that has to hold one of a list, over a number that may be
    /// neither NULL nor negative. Of what refers to a row that is held for it, versions say two things.
    NothingGivesWay,
}

/// All of them.
const GAPS: [Gap; 3] = [Gap::PartialUnique, Gap::ByValue, Gap::NothingGivesWay];

impl Gap {
    /// Is it one still?
    pub fn is_open(self) -> bool {
        GAPS.contains(&self)
    }
}
