//! Places for links whose handshake is done, counted for each member: none costs another its link. Strangers are
//! counted in `pairing`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dunlin_rpc::Pin;

/// Connections of one member at once: one link, and those that it replaces.
const OF_ONE_MEMBER_MAX: usize = 8;

/// How many connections each member has.
#[derive(Clone, Debug, Default)]
pub struct Members(Arc<Mutex<HashMap<Pin, usize>>>);

impl Members {
    fn taken(&self) -> MutexGuard<'_, HashMap<Pin, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more connection of a member, if it has not all of its own.
    pub fn place(&self, pin: Pin) -> Option<Place> {
        let mut taken = self.taken();
        let of_this = taken.entry(pin).or_default();
        if *of_this >= OF_ONE_MEMBER_MAX {
            return None;
        }
        *of_this += 1;
        Some(Place { members: self.clone(), pin })
    }
}

/// The place of one connection; free again when dropped.
#[derive(Debug)]
pub struct Place {
    members: Members,
    pin: Pin,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.members.taken();
        if let Some(of_this) = taken.get_mut(&self.pin) {
            *of_this -= 1;
            if *of_this == 0 {
                taken.remove(&self.pin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_takes_all_its_places_takes_nobody_elses() {
        let members = Members::default();
        let (one, other) = (Pin([1; 32]), Pin([2; 32]));
        let mut places: Vec<_> = (0..OF_ONE_MEMBER_MAX).map(|_| members.place(one)).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(members.place(one).is_none());
        assert!(members.place(other).is_some());
        places.pop();
        assert!(members.place(one).is_some());
        drop(places);
        assert!(members.taken().is_empty());
    }
}
