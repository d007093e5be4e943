//! One link a pair: which of two stands.
//!
//! ```text
//!   the new link's        dialled by the same      dialled by the other
//!   boot nonces
//!   both as the old's     new replaces old         the one dialled by the lower pin stands,
//!                                                  once the winner is past the greeting
//!   theirs is another     ask the old: no answer in 5 s, new replaces old;
//!                         an answer: two machines have one key, and both are held
//! ```

/// What counts of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// We dialled it.
    pub ours: bool,
    /// The boot nonce that the other side greeted with.
    pub boot: String,
}

/// What to do about the older link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The new one replaces it.
    Replace,
    /// The new one stands; the old one is closed once the new one is past the greeting.
    NewStands,
    /// The old one stands, if it is past the greeting within its time.
    OldStands,
    /// Ask the old one whether it still answers: if it does, two machines have one key.
    AskOld,
}

/// Between a link that is there and one that was just greeted, to the same pin.
pub fn judge(old: &Known, new: &Known, our_pin_is_lower: bool) -> Verdict {
    if old.boot != new.boot {
        Verdict::AskOld
    } else if old.ours == new.ours {
        Verdict::Replace
    } else if new.ours == our_pin_is_lower {
        Verdict::NewStands
    } else {
        Verdict::OldStands
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(ours: bool, boot: &str) -> Known {
        Known { ours, boot: boot.to_owned() }
    }

    #[test]
    fn a_second_link_of_one_dialler_replaces_the_first() {
        for ours in [true, false] {
            assert_eq!(judge(&link(ours, "b"), &link(ours, "b"), true), Verdict::Replace);
        }
    }

    #[test]
    fn of_crossing_links_both_sides_keep_the_one_dialled_by_the_lower_pin() {
        // Seen from the lower pin, its own link stands; seen from the higher one, the other's.
        for (old_is_ours, lower, verdict) in [
            (true, true, Verdict::OldStands),
            (false, true, Verdict::NewStands),
            (true, false, Verdict::NewStands),
            (false, false, Verdict::OldStands),
        ] {
            let (old, new) = (link(old_is_ours, "b"), link(!old_is_ours, "b"));
            assert_eq!(judge(&old, &new, lower), verdict, "{old_is_ours} {lower}");
        }
    }

    #[test]
    fn another_boot_nonce_is_a_restart_or_a_copy_and_the_old_link_tells_which() {
        assert_eq!(judge(&link(true, "b"), &link(false, "c"), true), Verdict::AskOld);
    }
}
