//! Error codes: one table, for ever.
//!
//! ```text
//! -32768 … -32000   JSON-RPC's own
//!   1000 …   1099   the caller is wrong: the same call will fail again
//!   1100 …   1199   the moment is wrong: try again later
//! ```

/// What an error code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
#[non_exhaustive]
pub enum Code {
    /// The text is not JSON.
    Parse = -32700,
    /// The text is JSON and not a call.
    InvalidRequest = -32600,
    /// There is no such method.
    UnknownMethod = -32601,
    /// The parameters do not fit the method.
    InvalidParams = -32602,
    /// Our own trouble; the log has it.
    Internal = -32603,

    /// Name and password, cookie or token are missing or wrong.
    NotSignedIn = 1000,
    /// Signed in, and not allowed to do this.
    NotAllowed = 1001,
    /// There is no such database.
    UnknownDatabase = 1002,
    /// There is no such table.
    UnknownTable = 1003,
    /// There is no such partner.
    UnknownPartner = 1004,
    /// There is no such entry: a conflict, a held row, a user.
    NoSuchEntry = 1005,
    /// It is there already: a user's name, a tracked table.
    Exists = 1006,
    /// The page does not start where the last one ended.
    PageGap = 1007,
    /// The ranges of protocols do not meet.
    OtherProtocol = 1008,
    /// The machine or shop is not that of the key.
    IdentityProblem = 1009,
    /// The invite is unknown, used up, expired, or its proof is wrong: which, only our log says.
    InviteNotAccepted = 1010,
    /// The key was forgotten by the shop.
    KeyForgotten = 1011,
    /// The shop has as many members as it may.
    ShopFull = 1012,
    /// The call is out of turn: greet first.
    OutOfTurn = 1013,
    /// The table or file cannot be tracked.
    CannotTrack = 1014,
    /// What was asked for is refused, for the reason in the message.
    Refused = 1015,
    /// Tables in this shop have different columns, and the partner cannot keep those apart: update it.
    TooOld = 1016,
    /// Nobody opened this machine for pairing.
    PairingNotOpen = 1030,
    /// Both machines called each other at once: the other call stands.
    Crossed = 1031,
    /// The numbers differ: somebody may be in between.
    DigitsDiffer = 1032,
    /// Both machines share a shop with others; one of them has to leave its own first.
    BothInAShop = 1033,
    /// Both are members of one shop already.
    SameShop = 1034,
    /// Neither machine may let the other in.
    NotAKeeper = 1035,
    /// A person called the pairing off.
    Cancelled = 1036,

    /// Busy: the budget for large bodies, or the calls of a link, are used up.
    Busy = 1100,
    /// Stopping.
    Stopping = 1101,
    /// The partner cannot be reached now.
    Unreachable = 1102,
    /// The store cannot be written now: locked, full, or read-only.
    StoreUnavailable = 1103,
    /// It did not happen in the time that was given.
    TimedOut = 1104,
    /// A person paused the link on the other machine.
    Paused = 1105,
}

impl Code {
    /// Every code, in the order of the table.
    pub const ALL: [Self; 35] = [
        Self::Parse,
        Self::InvalidRequest,
        Self::UnknownMethod,
        Self::InvalidParams,
        Self::Internal,
        Self::NotSignedIn,
        Self::NotAllowed,
        Self::UnknownDatabase,
        Self::UnknownTable,
        Self::UnknownPartner,
        Self::NoSuchEntry,
        Self::Exists,
        Self::PageGap,
        Self::OtherProtocol,
        Self::IdentityProblem,
        Self::InviteNotAccepted,
        Self::KeyForgotten,
        Self::ShopFull,
        Self::OutOfTurn,
        Self::CannotTrack,
        Self::Refused,
        Self::TooOld,
        Self::PairingNotOpen,
        Self::Crossed,
        Self::DigitsDiffer,
        Self::BothInAShop,
        Self::SameShop,
        Self::NotAKeeper,
        Self::Cancelled,
        Self::Busy,
        Self::Stopping,
        Self::Unreachable,
        Self::StoreUnavailable,
        Self::TimedOut,
        Self::Paused,
    ];

    /// The number on the wire.
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// The code with this number, if it is one of ours.
    pub fn of(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.number() == number)
    }

    /// Whether the same call may succeed later.
    pub const fn is_passing(self) -> bool {
        self.number() >= 1100
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn a_number_once_released_is_for_ever() {
        let mut table = String::new();
        for code in Code::ALL {
            writeln!(table, "{} {code:?}", code.number()).unwrap();
            assert_eq!(Code::of(code.number()), Some(code));
        }
        insta::assert_snapshot!(table, @"
        -32700 Parse
        -32600 InvalidRequest
        -32601 UnknownMethod
        -32602 InvalidParams
        -32603 Internal
        1000 NotSignedIn
        1001 NotAllowed
        1002 UnknownDatabase
        1003 UnknownTable
        1004 UnknownPartner
        1005 NoSuchEntry
        1006 Exists
        1007 PageGap
        1008 OtherProtocol
        1009 IdentityProblem
        1010 InviteNotAccepted
        1011 KeyForgotten
        1012 ShopFull
        1013 OutOfTurn
        1014 CannotTrack
        1015 Refused
        1016 TooOld
        1030 PairingNotOpen
        1031 Crossed
        1032 DigitsDiffer
        1033 BothInAShop
        1034 SameShop
        1035 NotAKeeper
        1036 Cancelled
        1100 Busy
        1101 Stopping
        1102 Unreachable
        1103 StoreUnavailable
        1104 TimedOut
        1105 Paused
        ");
    }
}
