//! Sessions on demand, and waiting until both sides are level.

use std::time::{Duration, Instant};

use dunlin_rpc::wire::admin::{Synced, SyncedPartner};
use dunlin_schema::Clock as _;

use super::admin::Service;
use crate::error::{Error, Result};
use crate::machine::{Machine, State};
use crate::roster::Member;

/// How long `sync --wait` waits.
const WAIT: Duration = Duration::from_mins(1);

impl Service {
    pub(super) async fn sync(&self, partner: Option<String>, wait: bool) -> Result<Synced> {
        let machine = &self.machine;
        if machine.listening().partner.is_none() {
            return Err(Error::NoDaemon);
        }
        let named = partner.is_some();
        let members = match partner {
            Some(wanted) => vec![machine.find(&wanted)?],
            None => machine.others(),
        };
        // Nobody waits for what a person has stopped.
        let (paused, members): (Vec<Member>, Vec<Member>) =
            members.into_iter().partition(|member| machine.is_paused(member.machine));
        let begun = Instant::now();
        let ask = || {
            machine.want_sessions();
            for member in &members {
                for link in machine.links.of(member.pin) {
                    link.poke.notify_one();
                }
            }
        };
        ask();
        let mut asked = Instant::now();
        while wait
            && !members.iter().all(|member| is_level(machine, member, begun))
            && begun.elapsed() < WAIT
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
            // Something may have been written after they compared.
            if asked.elapsed() > Duration::from_secs(1) {
                ask();
                asked = Instant::now();
            }
        }
        let mut partners: Vec<SyncedPartner> = members
            .iter()
            .map(|member| {
                let equal = is_level(machine, member, begun) || (!wait && self.was_level(member));
                let known = partner_status_message(machine, member, equal);
                SyncedPartner {
                    id: member.machine,
                    name: member.name.clone(),
                    equal,
                    message: known,
                }
            })
            .collect();
        let equal = partners.iter().all(|partner| partner.equal) && (paused.is_empty() || !named);
        partners.extend(paused.into_iter().map(|member| SyncedPartner {
            id: member.machine,
            name: member.name,
            equal: false,
            message: "paused here; `dunlin partners resume` ends it".to_owned(),
        }));
        Ok(Synced { equal, partners })
    }

    fn was_level(&self, member: &Member) -> bool {
        let known = self.machine.partner(member.pin);
        known.state(None, false, self.machine.clock.now()) == State::UpToDate
    }
}

/// Equal by a comparison made since, with nothing on the way.
fn is_level(machine: &Machine, member: &Member, since: Instant) -> bool {
    let known = machine.partner(member.pin);
    known.is_equal_since(since) && known.is_level()
}

fn partner_status_message(machine: &Machine, member: &Member, equal: bool) -> String {
    if equal {
        return String::new();
    }
    let known = machine.partner(member.pin);
    match known.state(machine.links.held(member.pin).as_deref(), false, machine.clock.now()) {
        State::UpToDate | State::CatchingUp => "rows are on their way".to_owned(),
        state => known
            .stopped
            .or(known.reason)
            .unwrap_or_else(|| format!("{}; no link to it", state.word().to_lowercase())),
    }
}
