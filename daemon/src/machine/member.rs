//! Finding members by what people call them.

use dunlin_rpc::Pin;

use super::Machine;
use crate::error::{Error, Result};
use crate::roster::Member;

impl Machine {
    /// The members beside us, by name.
    pub fn others(&self) -> Vec<Member> {
        let mut others: Vec<Member> = {
            // The roster first: a rotation changes both under its lock.
            let roster = self.roster();
            let us = self.identity().pin();
            roster.members().iter().filter(|member| member.pin != us).cloned().collect()
        };
        others.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.machine.cmp(&b.machine)));
        others
    }

    /// Are we a member ourselves?
    pub fn is_member(&self) -> bool {
        let roster = self.roster();
        roster.members().get(self.identity().public_key()).is_some()
    }

    /// The member with a pin.
    pub fn member(&self, pin: Pin) -> Option<Member> {
        self.roster().members().by_pin(pin).cloned()
    }

    /// The member that a person means: by id, by the beginning of it, or by name.
    pub fn find(&self, wanted: &str) -> Result<Member> {
        /// Shorter beginnings of an id are more likely slips than meant.
        const BEGINNING: usize = 4;
        let others = self.others();
        let unknown = || Error::UnknownPartner { name: wanted.to_owned() };
        let by_id = others.iter().find(|member| member.machine.to_string() == wanted);
        let named: Vec<&Member> = others.iter().filter(|member| member.name == wanted).collect();
        let begins: Vec<&Member> = others
            .iter()
            .filter(|member| {
                wanted.len() >= BEGINNING && member.machine.to_string().starts_with(wanted)
            })
            .collect();
        if let Some(member) = by_id {
            return Ok(member.clone());
        }
        match (named.as_slice(), begins.as_slice()) {
            ([member], _) | ([], [member]) => Ok((*member).clone()),
            ([_, _, ..], _) => {
                Err(Error::Refused(format!("several partners are called {wanted:?}; use the id")))
            }
            ([], _) => Err(unknown()),
        }
    }
}
