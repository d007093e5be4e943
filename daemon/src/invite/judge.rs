//! Whether a joiner is let in: the rule, apart from files and links.

use super::{Invite, Side, proof, same};
use dunlin_rpc::identity::Pin;

/// What a joiner asks with, and what the issuer knows about it.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The joiner's proof.
    pub proof: &'a [u8],
    /// x: what TLS exports on this connection.
    pub exporter: &'a [u8; 32],
    /// The key at the other end of this connection.
    pub joiner: Pin,
    /// Our own key's pin.
    pub issuer: Pin,
    /// Whether we may let in.
    pub is_keeper: bool,
    /// What our roster says about the joiner's key.
    pub standing: Standing,
    /// Whether the shop has room for one more.
    pub has_room: bool,
}

/// What a roster says about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Stranger,
    /// It is a member's.
    Member,
    /// It is out, for ever.
    Out,
}

/// What becomes of an ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Count a use, then sign an `admit`, then answer with the roster.
    Admit,
    /// This key was let in by this invite before and its answer got lost: answer again, and sign
    /// an `admit` first if the roster has none, since we may have crashed between the two.
    Again,
    /// Answer with a fault.
    Refuse(Reason),
}

/// Why an ask is refused. What the joiner is told of it is [`Reason::is_told`]'s matter; our log
/// and page have it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// There is no such invite.
    #[error("there is no such invite")]
    Unknown,
    /// It ran out.
    #[error("the invite has expired")]
    Expired,
    /// Others used it.
    #[error("the invite has no uses left")]
    Spent,
    /// We lost the right to let in.
    #[error("this machine is not a keeper any more")]
    NotKeeper,
    /// The asker is ourselves.
    #[error("this machine asked itself")]
    Ourselves,
    /// The asker does not know the secret, or sits between us and one who does.
    #[error("the proof does not hold")]
    Proof,
    /// The key was forgotten: the joiner makes a new one and asks once more.
    #[error("this key was forgotten")]
    Forgotten,
    /// No room.
    #[error("the shop is full")]
    ShopFull,
}

impl Reason {
    /// Whether the joiner hears this reason. Up to the proof all reasons are one to him: a stranger
    /// must not learn which invites exist.
    pub fn is_told(self) -> bool {
        match self {
            Self::Forgotten | Self::ShopFull => true,
            Self::Unknown
            | Self::Expired
            | Self::Spent
            | Self::NotKeeper
            | Self::Ourselves
            | Self::Proof => false,
        }
    }
}

/// Whether this ask by this invite is granted; `now` is in seconds since 1970.
pub fn judge(invite: Option<&Invite>, ask: &Ask<'_>, now: u64) -> Verdict {
    let Some(invite) = invite else { return Verdict::Refuse(Reason::Unknown) };
    let is_known = invite.admitted.contains(&ask.joiner);
    let expected = proof(&invite.key_bytes(), Side::Joiner, ask.exporter, ask.joiner, ask.issuer);
    let refusals = [
        (ask.joiner == ask.issuer, Reason::Ourselves),
        (!ask.is_keeper, Reason::NotKeeper),
        (!invite.is_alive(now), Reason::Expired),
        (invite.uses_left == 0 && !is_known, Reason::Spent),
        (!same(&expected, ask.proof), Reason::Proof),
        // From here on the joiner has shown that he was invited, and hears why.
        (ask.standing == Standing::Out, Reason::Forgotten),
        (!ask.has_room && ask.standing != Standing::Member, Reason::ShopFull),
    ];
    match refusals.into_iter().find(|(holds, _)| *holds) {
        Some((_, reason)) => Verdict::Refuse(reason),
        None if is_known => Verdict::Again,
        None => Verdict::Admit,
    }
}
