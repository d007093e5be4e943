//! Selling: a till at every machine, one deed after the other, and now and then a check.
//!
//! The tills take turns, so that nothing is sold while the digests are asked for: two answers of
//! different moments could never be equal in a shop that sells.

use std::time::Duration;

use dunlin_schema::shop::{self, Deed, Till};
use tokio::time::{Instant, sleep_until};

use super::machine::Machine;
use super::sight::Watch;
use super::{Error, check, progress, summary};

/// Each till does something about twice a second.
const PACE: Duration = Duration::from_millis(500);

/// How often all machines are compared.
const CHECK_EVERY: Duration = Duration::from_secs(4);

/// How long one comparison may hold up the tills before they go on.
const CHECK_MAX: Duration = Duration::from_secs(10);

/// Sells on all machines until the time is over; gives how long the slowest change took.
pub(super) async fn sell(
    machines: &mut [Machine],
    until: Option<Instant>,
) -> Result<Option<Duration>, Error> {
    let watch = Watch::open(machines)?;
    let mut tills: Vec<Till> = machines
        .iter()
        .zip(1..)
        .map(|(machine, seed)| Till::open(&machine.database(), seed, machine.name))
        .collect::<Result<_, _>>()?;
    let turn = PACE / u32::try_from(tills.len()).unwrap_or(1).max(1);
    let mut next = Instant::now();
    let mut check_at = next + CHECK_EVERY;
    let over = |now: Instant| until.is_some_and(|until| now >= until);

    loop {
        for (at, till) in tills.iter_mut().enumerate() {
            next = (next + turn).max(Instant::now());
            sleep_until(next).await;
            if over(next) {
                return Ok(watch.slowest());
            }
            serve(at, till, &watch)?;
        }
        for machine in machines.iter_mut() {
            machine.alive()?;
        }
        if Instant::now() >= check_at {
            let standing = check::settle(machines, Instant::now() + CHECK_MAX).await?;
            progress::line(&summary(&standing, watch.slowest()));
            check_at = Instant::now() + CHECK_EVERY;
        }
    }
}

/// One deed at one till, told as a line; a sale is watched on its way to the others.
fn serve(at: usize, till: &mut Till, watch: &Watch) -> Result<(), Error> {
    // A short write to a local file, as the application of a shop does it: no need for a thread.
    match till.do_something() {
        Ok(deed) => {
            let done = Instant::now();
            progress::line(&deed.to_string());
            if matches!(deed, Deed::Sold { .. }) {
                watch.follow(at, till.name(), done)?;
            }
            Ok(())
        }
        // Nothing is on the shelves yet, or nothing is left: there will be.
        Err(shop::Error::Nothing { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
