//! Errors become faults here, and nowhere else: a code and one sentence for the caller.
//!
//! No `match` here has a wildcard, so a new way to fail does not compile until somebody chooses its code. No
//! path, SQL or address crosses the wire; the chain of causes goes to the log.

use dunlin_logs::Chain;
use dunlin_rpc::{Code, Fault};
use dunlin_schema as schema;
use tracing::error;

use crate::error::Error;
use crate::{invite, keys, roster, tokens, users};

/// What a caller is told of an error.
pub(crate) fn fault(error: &Error) -> Fault {
    let code = match error {
        Error::Store(error) => return of_store(error),
        Error::Partner(fault) => return fault.clone(),
        Error::Users(error) => of_users(error),
        Error::Tokens(error) => of_tokens(error),
        Error::Roster(error) => of_roster(error),
        Error::Invite(error) => of_invite(error),
        Error::Keys(keys::Error::TooMany)
        | Error::Token(_)
        | Error::Refused(_)
        | Error::NotTheIssuer => Code::Refused,
        Error::UnknownDatabase { .. } | Error::NoDatabase => Code::UnknownDatabase,
        Error::UnknownPartner { .. } => Code::UnknownPartner,
        Error::BadMessage { .. } => Code::InvalidParams,
        Error::Identified { .. } | Error::NotAMember => Code::IdentityProblem,
        Error::Dial(_) | Error::Link(_) | Error::NobodyThere { .. } => Code::Unreachable,
        Error::Closing => Code::Busy,
        Error::PausedHere => Code::Paused,
        Error::NoDaemon | Error::Stopping => Code::Stopping,
        Error::Folder(_)
        | Error::Config(_)
        | Error::Discovery(_)
        | Error::Keys(_)
        | Error::Tls(_)
        | Error::Listen { .. }
        | Error::Socket { .. }
        | Error::LocalSocket { .. }
        | Error::PageCertificate { .. }
        | Error::Thread { .. }
        | Error::Signals { .. }
        | Error::BeginAnew { .. } => return internal(error),
    };
    Fault::new(code, error.to_string())
}

fn internal(error: &(dyn std::error::Error + 'static)) -> Fault {
    error!(cause = %Chain(error), "call failed");
    Fault::internal()
}

fn of_store(error: &schema::Error) -> Fault {
    use schema::Error as E;
    let code = match error {
        E::Busy
        | E::Full
        | E::ReadOnly
        | E::Open { .. }
        | E::NotADatabase { .. }
        | E::NoFile { .. }
        | E::Unreadable { .. }
        | E::Unfinished { .. }
        | E::Newer { .. } => Code::StoreUnavailable,
        E::NoSuchTable { .. } => Code::UnknownTable,
        E::Untrackable { .. }
        | E::Bound { .. }
        | E::Untracked { .. }
        | E::BadReference { .. }
        | E::BadStamp { .. }
        | E::NoWal { .. } => Code::CannotTrack,
        E::PageGap { .. } => Code::PageGap,
        E::BadPage { .. } | E::BadValue { .. } | E::CannotGive { .. } | E::StillHeld { .. } => {
            Code::InvalidParams
        }
        E::NoSuchNumber { .. } => Code::NoSuchEntry,
        E::TooManyHeld { .. } | E::TooManyDoubles { .. } => Code::Refused,
        E::TooOld => Code::TooOld,
        E::ClaimsOurs { .. } => Code::IdentityProblem,
        E::Sql { .. } | E::Sidecar { .. } | E::Spare { .. } => return internal(error),
    };
    Fault::new(code, error.to_string())
}

fn of_users(error: &users::Error) -> Code {
    match error {
        users::Error::Unknown { .. } => Code::NoSuchEntry,
        users::Error::Exists { .. } => Code::Exists,
        _ => Code::Refused,
    }
}

fn of_tokens(error: &tokens::Error) -> Code {
    match error {
        tokens::Error::Unknown { .. } => Code::NoSuchEntry,
        tokens::Error::Exists { .. } => Code::Exists,
        tokens::Error::Network(_) => Code::InvalidParams,
        _ => Code::Refused,
    }
}

fn of_roster(error: &roster::Error) -> Code {
    match error {
        roster::Error::Forgotten => Code::KeyForgotten,
        roster::Error::ShopFull => Code::ShopFull,
        _ => Code::Refused,
    }
}

fn of_invite(error: &invite::Error) -> Code {
    match error {
        invite::Error::Full => Code::Busy,
        _ => Code::Refused,
    }
}
