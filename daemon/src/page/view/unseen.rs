//! Why a machine is not seen: what this machine can tell, and what to look at over there.

use askama::Template;
use dunlin_rpc::wire::admin::Status;
use dunlin_rpc::wire::network::{Absent, NetworkCheck};

use super::said;
use super::state::{self, Shown};
use crate::page::frame::Frame;
use crate::page::texts::Texts;
use crate::page::words;

/// The page.
#[derive(Debug, Template)]
#[template(path = "unseen.html")]
pub(in crate::page) struct Unseen {
    frame: Frame,
    findings: Vec<Finding>,
    missing: Vec<Missing>,
    /// The port that a firewall has to let in.
    port: u16,
}

/// Something that was looked at here.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    class: &'static str,
    sign: &'static str,
    text: String,
}

/// A partner that is not linked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Missing {
    name: String,
    state: Option<Shown>,
    reason: Option<String>,
    guess: String,
}

/// The page.
pub(in crate::page) fn page(frame: Frame, status: &Status, check: &NetworkCheck) -> Unseen {
    let t = frame.t;
    let missing = check.absent.iter().map(|absent| {
        let known = status.partners.iter().find(|partner| partner.id == absent.id);
        Missing {
            name: words::foreign(&absent.name),
            state: known.map(|partner| state::partner(t, &partner.state)),
            reason: known
                .and_then(|partner| partner.reason.as_deref())
                .filter(|reason| !reason.is_empty())
                .map(|why| said::sentence(t, why)),
            guess: guess(t, absent, check),
        }
    });
    Unseen { missing: missing.collect(), findings: findings(t, check), port: check.port, frame }
}

fn findings(t: Texts, check: &NetworkCheck) -> Vec<Finding> {
    let good = |text: String| Finding { class: "good", sign: "✓", text };
    let bad = |text: &str| Finding { class: "bad", sign: "✗", text: text.to_owned() };
    let warn = |text: &str| Finding { class: "warn", sign: "!", text: text.to_owned() };
    let reached = if check.loopback_only {
        bad(t.of("unseen.loopback"))
    } else if check.addresses.is_empty() {
        bad(t.of("unseen.no_network"))
    } else {
        good(t.with("unseen.reached", &[("addresses", &check.addresses.join(", "))]))
    };
    let heard = match (check.discovery, check.heard) {
        (false, _) => warn(t.of("unseen.discovery_off")),
        (true, 0) => warn(t.of("unseen.hears_nobody")),
        (true, heard) => good(t.count("unseen.hears", heard)),
    };
    vec![reached, heard]
}

/// The likeliest cause, and what to try.
fn guess(t: Texts, absent: &Absent, check: &NetworkCheck) -> String {
    let address = absent.address.as_deref().map(words::foreign).unwrap_or_default();
    let at = [("address", address.as_str())];
    match (absent.heard, absent.near) {
        (true, _) => t.with("unseen.is_near", &at),
        (false, Some(false)) => t.with("unseen.elsewhere", &at),
        (false, Some(true)) if check.heard > 0 => t.with("unseen.is_off", &at),
        (false, Some(true)) => t.with("unseen.off_or_kept_back", &at),
        (false, None) => t.of("unseen.no_address").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::texts::Language;

    const T: Texts = Texts { language: Language::English };

    #[test]
    fn what_is_wrong_here_is_told_with_its_cure() {
        let classes = |check: &NetworkCheck| -> Vec<&'static str> {
            findings(T, check).iter().map(|finding| finding.class).collect()
        };
        let right = NetworkCheck {
            discovery: true,
            addresses: vec!["192.168.1.5:7474".into()],
            heard: 2,
            ..NetworkCheck::default()
        };
        assert_eq!(classes(&right), ["good", "good"]);
        assert_eq!(classes(&NetworkCheck { heard: 0, ..right.clone() }), ["good", "warn"]);
        assert_eq!(classes(&NetworkCheck { discovery: false, ..right.clone() }), ["good", "warn"]);
        assert_eq!(classes(&NetworkCheck { addresses: vec![], ..right.clone() }), ["bad", "good"]);
        assert_eq!(classes(&NetworkCheck { loopback_only: true, ..right }), ["bad", "good"]);
    }

    #[test]
    fn the_likeliest_cause_follows_from_what_was_heard_and_from_where_it_was() {
        let told = |heard: bool, near: Option<bool>, others: u64| {
            let address = near.map(|_| "10.0.5.7:7474".to_owned());
            let absent = Absent { heard, near, address, ..Absent::default() };
            guess(T, &absent, &NetworkCheck { heard: others, ..NetworkCheck::default() })
        };
        let at = [("address", "10.0.5.7:7474")];
        assert_eq!(told(true, Some(true), 1), T.with("unseen.is_near", &at));
        assert_eq!(told(false, Some(false), 1), T.with("unseen.elsewhere", &at));
        assert_eq!(told(false, Some(true), 1), T.with("unseen.is_off", &at));
        assert_eq!(told(false, Some(true), 0), T.with("unseen.off_or_kept_back", &at));
        assert_eq!(told(false, None, 1), T.of("unseen.no_address"));
    }
}
