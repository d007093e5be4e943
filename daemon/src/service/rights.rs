//! Who may call: what a caller is, against what a method asks for.

use std::time::Duration;

use dunlin_rpc::gate::Judging;
use dunlin_rpc::method::Right;
use dunlin_rpc::{Caller, Code, Fault, Gate, Listener, Near};
use dunlin_schema::Clock as _;

use crate::config::LocalTrust;
use crate::machine::Machine;
use crate::users::Role;

/// A sign-in waits at most so long for others to be checked: hashes are dear, and few run at once.
const HASH_WAIT: Duration = Duration::from_secs(5);

/// Lets a caller through to the methods that his role allows.
pub(crate) struct Porter {
    pub(crate) machine: Machine,
}

impl Gate for Porter {
    fn judge<'a>(&'a self, caller: &'a Caller, right: Right) -> Judging<'a> {
        let role = match right {
            Right::Own | Right::Read => Role::Read,
            Right::Write => Role::Write,
            Right::Admin => Role::Admin,
        };
        Box::pin(may(&self.machine, caller, role))
    }
}

/// Refuses a caller who has not this role.
async fn may(machine: &Machine, caller: &Caller, role: Role) -> Result<(), Fault> {
    if trusted(machine, caller).is_some_and(|trusted| role <= trusted) {
        return Ok(());
    }
    let Some(basic) = &caller.basic else {
        return Err(Fault::new(Code::NotSignedIn, "sign in with a user's name and password"));
    };
    match verify(machine, &basic.name, basic.password.expose()).await? {
        Some(has) if role <= has => Ok(()),
        Some(_) => {
            Err(Fault::new(Code::NotAllowed, format!("this needs a user with the role {role}")))
        }
        None => Err(Fault::new(Code::NotSignedIn, "name and password do not fit")),
    }
}

/// What a caller may do without a password, for being where he is.
pub(super) fn trusted(machine: &Machine, caller: &Caller) -> Option<Role> {
    match (caller.near, caller.listener) {
        (Near::Ours, Listener::Socket) => Some(Role::Admin),
        (Near::Ours, Listener::Loopback) => match machine.config.admin.local_trust {
            LocalTrust::Admin => Some(Role::Admin),
            LocalTrust::Read => Some(Role::Read),
            LocalTrust::None => None,
        },
        (Near::Away | Near::Other, _) | (_, Listener::Lan | Listener::OldCallers) => None,
    }
}

/// The role of a user whose password this is. At most two hashes are under way at once.
pub(super) async fn verify(
    machine: &Machine,
    name: &str,
    password: &str,
) -> Result<Option<Role>, Fault> {
    let now = machine.clock.elapsed();
    if let Some(role) = machine.users.cached(name, password, now) {
        return Ok(Some(role));
    }
    let busy = || Fault::new(Code::Busy, "too many sign-ins at once; try again soon");
    let place = tokio::time::timeout(HASH_WAIT, machine.hashing.acquire()).await;
    let _place = place.map_err(|_late| busy())?.map_err(|_closed| busy())?;
    let (machine, name, password) = (machine.clone(), name.to_owned(), password.to_owned());
    tokio::task::spawn_blocking(move || machine.users.verify(&name, &password, now))
        .await
        .map_err(|_panic| Fault::internal())
}
