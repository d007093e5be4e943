//! Who looks at the page, and what he may: found out once a request.

use dunlin_rpc::{Caller, Fault};

use super::Front;
use crate::service;
use crate::sign_in as door;
use crate::users::Role;

/// Somebody who may look at the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Visitor {
    /// The user who signed in; none for a person at the machine itself.
    pub(super) user: Option<String>,
    /// What he may do. The methods judge it again.
    pub(super) role: Role,
    /// What his forms carry, and no other site can know. Empty for a program that shows its password
    /// or token with each request: it has the methods, and no form of his is taken.
    pub(super) token: String,
    /// He is signed in, and can sign out.
    pub(super) has_session: bool,
    /// The first password can be set by him.
    pub(super) may_begin: bool,
}

impl Visitor {
    /// The visitor of a request; none when somebody has to sign in first.
    pub(super) async fn of(front: &Front, caller: &Caller) -> Result<Option<Self>, Fault> {
        let machine = &front.machine;
        let trusted = service::trusted(machine, caller);
        let may_begin = super::sign_in::may_begin(machine, caller);
        if let Some(who) = door::by_session(machine, caller) {
            let id = door::session_id(machine, caller).unwrap_or_default();
            let token = door::session_form_token(id);
            // At the machine itself a person may what he may there, whoever he signed in as.
            let role = trusted.map_or(who.role, |trusted| trusted.max(who.role));
            let user = Some(who.name);
            return Ok(Some(Self { user, role, token, has_session: true, may_begin }));
        }
        if let Some(role) = trusted {
            let token = front.local_token.clone();
            return Ok(Some(Self { user: None, role, token, has_session: false, may_begin }));
        }
        let who = door::by_head(machine, caller).await?.filter(|who| !who.old_caller);
        Ok(who.map(|who| Self {
            user: Some(who.name.trim_start().to_owned()),
            role: who.role,
            token: String::new(),
            has_session: false,
            may_begin,
        }))
    }

    /// Who it is, for what is counted and kept by visitor.
    pub(super) fn key(&self) -> &str {
        if self.token.is_empty() { self.user.as_deref().unwrap_or_default() } else { &self.token }
    }
}
