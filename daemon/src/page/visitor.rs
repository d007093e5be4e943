//! Who looks at the page, and what he may: found out once a request.

use dunlin_rpc::Caller;

use super::Front;
use crate::service;
use crate::users::Role;

/// Somebody who may look at the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Visitor {
    /// The user who signed in; none for a person at the machine itself.
    pub(super) user: Option<String>,
    /// What he may do. The methods judge it again.
    pub(super) role: Role,
    /// What his forms carry, and no other site can know.
    pub(super) token: String,
}

impl Visitor {
    /// The visitor of a request; none when somebody has to sign in first.
    pub(super) fn of(front: &Front, caller: &Caller) -> Option<Self> {
        let role = service::trusted(&front.machine, caller)?;
        Some(Self { user: None, role, token: front.local_token.clone() })
    }

    /// Who it is, for what is counted and kept by visitor.
    pub(super) fn key(&self) -> &str {
        &self.token
    }
}
