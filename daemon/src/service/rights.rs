//! Who may call: what a caller is, against what a method asks for.
//!
//! | caller | by | may |
//! | --- | --- | --- |
//! | near, ours | the socket | everything |
//! | near, ours | loopback | what `local_trust` says |
//! | near, another user's | loopback | `getdata`, if `local_trust_others` says so |
//! | anybody | loopback, LAN | what the role of his session, token, or name and password allows |
//! | a program of 2009 | its listener | `getdata` and `putdata`, by name and password |

use dunlin_rpc::gate::Judging;
use dunlin_rpc::method::Right;
use dunlin_rpc::{Caller, Code, Fault, Gate, Listener, Near};

use crate::config::{LocalTrust, OthersTrust};
use crate::machine::Machine;
use crate::sign_in;
use crate::users::Role;

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
    match sign_in::by_head(machine, caller).await? {
        Some(who) if who.old_caller => Err(Fault::new(
            Code::NotAllowed,
            "a user of old programs may call getdata and putdata alone",
        )),
        Some(who) if role <= who.role => Ok(()),
        Some(_) => {
            Err(Fault::new(Code::NotAllowed, format!("this needs a user with the role {role}")))
        }
        None => Err(Fault::new(Code::NotSignedIn, not_signed_in(caller))),
    }
}

/// What a caller may do without a password, for being where he is.
pub(crate) fn trusted(machine: &Machine, caller: &Caller) -> Option<Role> {
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

/// Whether `getdata` asks this caller for no password.
pub(super) fn may_get(machine: &Machine, caller: &Caller) -> bool {
    let admin = &machine.config.admin;
    match (caller.near, caller.listener) {
        (Near::Ours, Listener::Socket) => true,
        (Near::Ours, Listener::Loopback) => admin.local_trust != LocalTrust::None,
        // Others are never trusted further than we trust ourselves.
        (Near::Other, Listener::Loopback) => {
            admin.local_trust != LocalTrust::None && admin.local_trust_others == OthersTrust::Read
        }
        (Near::Away | Near::Other, _) | (_, Listener::Lan | Listener::OldCallers) => false,
    }
}

fn not_signed_in(caller: &Caller) -> &'static str {
    match (&caller.bearer, &caller.basic) {
        (Some(_), _) => "this token is not good: unknown, revoked, over, or not from here",
        (None, Some(_)) => "name and password do not fit",
        (None, None) => "sign in with a user's name and password, or a token",
    }
}
