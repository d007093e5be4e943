//! Places for connections whose handshake is done: those of members are counted for each of them, those of strangers
//! apart. So no stranger costs a member its link, and no member that of another.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dunlin_rpc::Pin;
use tokio::task::AbortHandle;

/// Connections of one member at once: one link, and those that it replaces.
const OF_ONE_MEMBER_MAX: usize = 8;
/// Connections of strangers who want to join, while joining is open. One more, and the oldest goes.
const OF_STRANGERS_MAX: usize = 32;

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

/// The connections of strangers, the oldest first.
#[derive(Debug, Default)]
pub struct Strangers(VecDeque<AbortHandle>);

impl Strangers {
    /// One more; the oldest gives way, never is the newest refused.
    pub fn add(&mut self, connection: AbortHandle) {
        self.0.retain(|connection| !connection.is_finished());
        if self.0.len() >= OF_STRANGERS_MAX
            && let Some(oldest) = self.0.pop_front()
        {
            oldest.abort();
        }
        self.0.push_back(connection);
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

    #[tokio::test]
    async fn of_too_many_strangers_the_oldest_goes() {
        let mut strangers = Strangers::default();
        let tasks: Vec<_> =
            (0..=OF_STRANGERS_MAX).map(|_| tokio::spawn(std::future::pending::<()>())).collect();
        for task in &tasks {
            strangers.add(task.abort_handle());
        }
        let mut tasks = tasks.into_iter();
        assert!(tasks.next().unwrap().await.unwrap_err().is_cancelled());
        assert!(tasks.all(|task| !task.is_finished()));
    }
}
