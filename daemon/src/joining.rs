//! Joining a shop by a token: the issuer's answer, and the joiner's question.
//!
//! trust.md, "Invite and join". The secret is never sent; both proofs are bound to this very connection.

use std::net::SocketAddr;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use dunlin_rpc::method::join::{JoinClient as _, JoinServer};
use dunlin_rpc::wire::join::{JoinAnswer, JoinAsk};
use dunlin_rpc::{Alpn, Code, Fault, Identity, Peer, client};
use dunlin_schema::Clock as _;
use jsonrpsee::Extensions;
use jsonrpsee::core::{RpcResult, async_trait};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::error::{Error, Result};
use crate::fault::fault;
use crate::invite::{self, Ask, Reason, Standing, Token, Verdict};
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
}

/// Joins the shop that the token is of.
pub(crate) async fn join(machine: &Machine, token: &str) -> Result<Joined> {
    let token = Token::parse(token, machine.seconds())?;
    let identity = machine.identity();
    let us = identity.public_key();
    machine.roster().may_join(us, token.shop)?;
    if token.issuer == us.pin() {
        return Err(Error::Refused(
            "this machine made the token itself; use it on another machine".to_owned(),
        ));
    }
    let token = Arc::new(token);
    let (link, peer, address) = first_that_proves(&identity, &token).await?;
    let proof = token.proof(&peer.exporter, us.pin());
    let ask = JoinAsk {
        invite: token.invite(),
        proof: BASE64URL_NOPAD.encode(&proof),
        name: machine.name.clone(),
        protocol: PROTOCOL,
    };
    let answer = link.join_ask(ask).await.map_err(|error| told(heard(error)))?;
    let proven = BASE64URL_NOPAD.decode(answer.proof.as_bytes()).unwrap_or_default();
    if !token.answers(&peer.exporter, us.pin(), &proven) {
        return Err(Error::NotTheIssuer);
    }
    let joined = machine.clone();
    tokio::task::spawn_blocking(move || {
        {
            let mut roster = joined.roster();
            if joined.identity().public_key() != us {
                let sentence = "this machine's key was rotated meanwhile; ask again";
                return Err(Error::Refused(sentence.to_owned()));
            }
            roster.adopt(&identity, token.issuer, token.shop, &answer.statements)?;
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
    let by =
        roster.members().by_pin(peer.pin).map_or_else(String::new, |member| member.name.clone());
    info!(shop = %roster.shop(), "joined a shop");
    Ok(Joined { shop: roster.shop().to_string(), by, members: roster.members().len() })
}

/// What the joiner is told, with what to do about it.
fn told(error: Error) -> Error {
    let Error::Partner(fault) = &error else { return error };
    let sentence = match fault.code {
        Code::InviteNotAccepted => {
            "the token was not accepted: it is used up, expired or withdrawn; get a new one with `dunlin invite` on the other machine"
        }
        Code::KeyForgotten => {
            "the shop has forgotten this machine's key; make a new state folder with `dunlin init` and join again"
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
                return Err(told(Error::Partner(Fault::new(Code::InviteNotAccepted, ""))));
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
