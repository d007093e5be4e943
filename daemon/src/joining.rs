//! Joining a shop by a token: the issuer's answer, and the joiner's question.
//!
//! trust.md, "Invite and join". The secret is never sent; both proofs are bound to this very connection.
//!
//! A joiner whose key the shop has forgotten asks once more with a new one, and goes on as another machine once the
//! shop has let that in. Until then the key that it has stays its key: the word of the issuer alone costs nobody his.

use std::net::SocketAddr;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use dunlin_logs::Chain;
use dunlin_rpc::method::join::{JoinClient as _, JoinServer};
use dunlin_rpc::wire::join::{JoinAnswer, JoinAsk, Statement};
use dunlin_rpc::{Alpn, Code, Fault, Identity, Peer, Pin, client};
use dunlin_schema::Clock as _;
use jsonrpsee::Extensions;
use jsonrpsee::core::{RpcResult, async_trait};
use tokio::task::JoinSet;
use tracing::{info, warn};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::fault::fault;
use crate::invite::{self, Ask, Reason, Standing, Token, Verdict};
use crate::keys::Keys;
use crate::machine::{Machine, PROTOCOL};
use crate::roster::MEMBERS_MAX;
use crate::roster::statement::Signer;
use crate::sync::tell::heard;

/// The issuer's side of one connection.
#[derive(Debug)]
pub(crate) struct Issuing {
    /// The machine that is asked.
    pub machine: Machine,
    /// Who asks.
    pub peer: Peer,
}

#[async_trait]
impl JoinServer for Issuing {
    async fn join_ask(&self, _: &Extensions, ask: JoinAsk) -> RpcResult<JoinAnswer> {
        let (machine, peer) = (self.machine.clone(), self.peer.clone());
        // The disk is asked, and what was begun is finished though the joiner hang up.
        let judged = tokio::task::spawn_blocking(move || answer(&machine, &peer, &ask)).await;
        let answer = judged.map_err(|_panic| Fault::internal())?;
        Ok(answer.map_err(|error| fault(&error))?)
    }
}

fn answer(machine: &Machine, peer: &Peer, ask: &JoinAsk) -> Result<JoinAnswer> {
    let not_accepted = |reason: Reason| {
        // The joiner hears the same sentence whatever it was; our log has the reason.
        warn!(partner = %peer.pin, cause = %reason, "join refused");
        Error::Partner(match reason {
            Reason::Forgotten => {
                Fault::new(Code::KeyForgotten, "this key was forgotten by the shop")
            }
            Reason::ShopFull => {
                Fault::new(Code::ShopFull, "the shop has as many machines as it may")
            }
            _ => Fault::new(Code::InviteNotAccepted, "invite not accepted"),
        })
    };
    let proof = BASE64URL_NOPAD.decode(ask.proof.as_bytes()).unwrap_or_default();
    let (ours, now) = (machine.identity().public_key(), machine.seconds());
    let mut invites = machine.invites();
    let verdict = {
        let roster = machine.roster();
        let standing = if roster.members().is_out(peer.key) {
            Standing::Out
        } else if roster.members().get(peer.key).is_some() {
            Standing::Member
        } else {
            Standing::Stranger
        };
        let question = Ask {
            proof: &proof,
            exporter: &peer.exporter,
            joiner: peer.pin,
            issuer: ours.pin(),
            is_keeper: roster.members().is_keeper(ours),
            standing,
            has_room: roster.members().len() < MEMBERS_MAX,
        };
        invite::judge(invites.get(&ask.invite), &question, now)
    };
    match verdict {
        Verdict::Refuse(reason) => return Err(not_accepted(reason)),
        Verdict::Admit => invites.count_use(&ask.invite, peer.pin, now)?,
        Verdict::Again => {}
    }
    let (low, high) = ask.protocol;
    if high < PROTOCOL.0 || PROTOCOL.1 < low {
        let sentence = format!(
            "it speaks the protocols {low} to {high}, the shop {} to {}",
            PROTOCOL.0, PROTOCOL.1
        );
        return Err(Error::Partner(Fault::new(Code::OtherProtocol, sentence)));
    }
    let Some(invite) = invites.get(&ask.invite) else { return Err(not_accepted(Reason::Unknown)) };
    let proof = invite.answer(&peer.exporter, ours.pin(), peer.pin);
    let (role, how) = (invite.role, format!("invite {}", ask.invite.get(..8).unwrap_or_default()));
    drop(invites);
    let grew = {
        let mut roster = machine.roster();
        if roster.members().get(peer.key).is_none() {
            let signer = Signer { identity: &machine.identity(), at: machine.clock.now() };
            let name = dunlin_logs::strip(&ask.name, crate::config::NAME_MAX);
            roster.admit(signer, peer.key, &name, role, &how)?;
            true
        } else {
            false
        }
    };
    if grew {
        info!(partner = %peer.key.machine_id(), "member let in");
        machine.roster_grew();
    }
    Ok(JoinAnswer {
        proof: BASE64URL_NOPAD.encode(&proof),
        statements: machine.roster().statements(),
    })
}

/// What a join came to.
#[derive(Debug)]
pub(crate) struct Joined {
    /// The shop, in hexadecimal digits.
    pub shop: String,
    /// Who let us in.
    pub by: String,
    /// How many members the shop has now.
    pub members: usize,
    /// The id that this machine has from its next start on, where it had to begin anew.
    pub anew: Option<Uuid>,
}

/// The key of the folder, the one that was kept for beginning anew, and a new one.
const ASKS_MAX: usize = 3;

/// Joins the shop that the token is of.
pub(crate) async fn join(machine: &Machine, token: &str) -> Result<Joined> {
    let token = Token::parse(token, machine.seconds())?;
    let identity = machine.identity();
    let us = identity.public_key();
    if machine.begins_anew() {
        return Err(Error::Stopping);
    }
    machine.roster().may_join(us, token.shop)?;
    if token.issuer == us.pin() {
        return Err(Error::Refused(
            "this machine made the token itself; use it on another machine".to_owned(),
        ));
    }
    let token = Arc::new(token);
    let mut asking = identity.clone();
    for _ in 1..ASKS_MAX {
        let error = match ask(machine, &token, &asking).await {
            Ok(answered) => return take_in(machine, &token, (identity, asking), answered).await,
            Err(error) => error,
        };
        let (refused, code, keys) = (asking, code(&error), Arc::clone(&machine.keys));
        let next = tokio::task::spawn_blocking(move || next_key(&keys, &refused, code)).await;
        asking = next.map_err(|_panic| Error::Stopping)??.ok_or_else(|| told(error))?;
        info!(pin = %asking.pin(), "asking again under another key");
    }
    let answered = ask(machine, &token, &asking).await.map_err(told)?;
    take_in(machine, &token, (identity, asking), answered).await
}

fn code(error: &Error) -> Option<Code> {
    if let Error::Partner(fault) = error { Some(fault.code) } else { None }
}

/// The key to ask with after a refusal, if there is any.
fn next_key(keys: &Keys, refused: &Identity, code: Option<Code>) -> Result<Option<Identity>> {
    Ok(match code {
        // After a good proof only, so no bad token has a key made.
        Some(Code::KeyForgotten) => Some(keys.anew(refused)?),
        // The token may be spent on the key that was kept: its answer was lost.
        Some(Code::InviteNotAccepted) => keys.kept_anew(refused)?,
        _ => None,
    })
}

/// What the issuer answered, and where it was.
struct Answered {
    by: Pin,
    address: SocketAddr,
    statements: Vec<Statement>,
    /// Open until the answer is stored.
    link: client::Link,
}

/// Asks under a key of ours, and looks at the issuer's proof.
async fn ask(machine: &Machine, token: &Arc<Token>, identity: &Identity) -> Result<Answered> {
    let us = identity.pin();
    let (link, peer, address) = first_that_proves(identity, token).await?;
    let ask = JoinAsk {
        invite: token.invite(),
        proof: BASE64URL_NOPAD.encode(&token.proof(&peer.exporter, us)),
        name: machine.name.clone(),
        protocol: PROTOCOL,
    };
    let answer = link.join_ask(ask).await.map_err(heard)?;
    let proven = BASE64URL_NOPAD.decode(answer.proof.as_bytes()).unwrap_or_default();
    if !token.answers(&peer.exporter, us, &proven) {
        return Err(Error::NotTheIssuer);
    }
    Ok(Answered { by: peer.pin, address, statements: answer.statements, link })
}

/// Takes the shop's statements in; `keys` are the one that this machine has and the one that the shop let in.
async fn take_in(
    machine: &Machine,
    token: &Arc<Token>,
    keys: (Identity, Identity),
    answered: Answered,
) -> Result<Joined> {
    let (before, us) = keys;
    let is_anew = before.pin() != us.pin();
    let anew = is_anew.then(|| us.public_key().machine_id());
    let Answered { by, address, statements, link } = answered;
    let (joined, token) = (machine.clone(), Arc::clone(token));
    tokio::task::spawn_blocking(move || {
        let before = before.public_key();
        {
            let mut roster = joined.roster();
            if joined.identity().public_key() != before {
                let sentence = "this machine's key was rotated meanwhile; ask again";
                return Err(Error::Refused(sentence.to_owned()));
            }
            roster.adopt_anew(before, &us, token.issuer, token.shop, &statements)?;
        }
        if is_anew && let Err(error) = joined.invites().withdraw_all(joined.seconds()) {
            // Their tokens name a key that is out, so nobody can use them.
            warn!(cause = %Chain(&error), "invites of the old key not withdrawn");
        }
        // Without multicast this is the only place where the issuer can be found.
        joined.remember_address(token.issuer, Some(address), joined.clock.now());
        Ok::<_, Error>(())
    })
    .await
    .map_err(|_panic| Error::Stopping)??;
    drop(link);
    machine.roster_grew();
    let roster = machine.roster();
    let by = roster.members().by_pin(by).map_or_else(String::new, |member| member.name.clone());
    info!(shop = %roster.shop(), "joined a shop");
    let (shop, members) = (roster.shop().to_string(), roster.members().len());
    Ok(Joined { shop, by, members, anew })
}

/// What the joiner is told, with what to do about it.
fn told(error: Error) -> Error {
    let Error::Partner(fault) = &error else { return error };
    let sentence = match fault.code {
        Code::InviteNotAccepted => {
            "the token was not accepted: it is used up, expired or withdrawn; get a new one with `dunlin invite` on the other machine"
        }
        Code::KeyForgotten => {
            "the shop has forgotten this machine's key, and the new one too; make a new state folder with `dunlin init` and join again"
        }
        Code::ShopFull => "the shop has as many machines as it may; forget one there first",
        _ => return error,
    };
    Error::Partner(Fault::new(fault.code, sentence))
}

/// Dials all addresses of the token; whoever has the issuer's key answers first, and where.
async fn first_that_proves(
    identity: &Identity,
    token: &Token,
) -> Result<(client::Link, Peer, SocketAddr)> {
    let mut tries = JoinSet::new();
    for address in token.addresses.clone() {
        let (identity, pin) = (identity.clone(), token.issuer);
        tries.spawn(
            async move { (address, client::dial(address, &identity, pin, Alpn::Join).await) },
        );
    }
    let mut wrong_key = false;
    while let Some(tried) = tries.join_next().await {
        match tried {
            Ok((address, Ok((link, peer)))) => return Ok((link, peer, address)),
            Ok((_, Err(client::DialError::Refused))) => {
                return Err(Error::Partner(Fault::new(Code::InviteNotAccepted, "")));
            }
            Ok((_, Err(client::DialError::WrongKey))) => wrong_key = true,
            Ok((_, Err(_))) | Err(_) => {}
        }
    }
    if wrong_key {
        return Err(Error::NotTheIssuer);
    }
    let addresses: Vec<String> = token.addresses.iter().map(ToString::to_string).collect();
    Err(Error::NobodyThere { addresses: addresses.join(", ") })
}
