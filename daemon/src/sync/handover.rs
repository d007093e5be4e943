//! Telling a member of our new key who knows an old one only.
//!
//! ```text
//!   dial with the new key ── refused ── dial with an old one ─ greet ─ roster ─ hang up ── dial with the new one
//! ```
//!
//! The old key opens the door for the roster and for nothing else: no row goes over such a link.

use std::net::SocketAddr;

use dunlin_rpc::client::{self, DialError};
use dunlin_rpc::method::partner::PartnerClient as _;
use dunlin_rpc::wire::partner::RosterAsk;
use tracing::info;

use super::dial::first_link;
use super::tell::{check_greeting, greeting, heard};
use crate::error::{Error, Result};
use crate::machine::Machine;
use crate::roster::Member;

/// Hands the roster to a member under the newest of our old keys that it lets in.
pub(super) async fn tell(
    machine: &Machine,
    member: &Member,
    addresses: &[SocketAddr],
) -> Result<()> {
    for old in machine.keys.old() {
        match first_link(member, addresses, &old).await {
            Ok((link, _)) => return exchange(machine, member, &link).await,
            Err(Error::Dial(DialError::Refused)) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::Dial(DialError::Refused))
}

async fn exchange(machine: &Machine, member: &Member, link: &client::Link) -> Result<()> {
    let theirs = link.partner_greet(greeting(machine)).await.map_err(heard)?;
    check_greeting(machine, member, &theirs)?;
    let held = machine.roster().ids();
    let ask = RosterAsk { held, statements: Vec::new() };
    let answer = link.partner_roster(ask).await.map_err(heard)?;
    machine.merge_statements(&answer.statements, Some(member.key))?;
    let (held, mut statements) = {
        let roster = machine.roster();
        (roster.ids(), roster.statements())
    };
    statements.retain(|statement| answer.wanted.contains(&statement.id()));
    // Who has taken it in closes this link, and may be quicker than the answer. The next dial tells.
    drop(link.partner_roster(RosterAsk { held, statements }).await);
    info!(partner = %member.machine, "member told of the new key");
    Ok(())
}
