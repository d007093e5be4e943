//! The bar above every page while a change of settings waits to be kept.

use std::net::SocketAddr;

use dunlin_rpc::wire::admin::Status;
use dunlin_rpc::wire::overview::Attention;
use dunlin_rpc::wire::settings::{Changed, Trying};

use crate::page::texts::Texts;

/// The bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::page) struct Bar {
    /// What was changed, a sentence each.
    pub(in crate::page) changes: Vec<String>,
    /// What happens if nobody does anything.
    pub(in crate::page) left: String,
    /// Where it can be kept, if not here.
    pub(in crate::page) elsewhere: Option<&'static str>,
}

/// The bar for somebody who came over the network, or sits at the machine.
pub(in crate::page) fn bar(t: Texts, status: &Status, over_network: bool) -> Option<Bar> {
    let trying = status.attention.iter().find_map(|one| match one {
        Attention::Trying(trying) => Some(trying),
        _ => None,
    })?;
    let elsewhere = (trying.over_network && !over_network).then(|| t.of("trying.over_network"));
    Some(Bar { changes: changes(t, trying), left: left(t, trying.seconds), elsewhere })
}

/// What was changed.
pub(in crate::page) fn changes(t: Texts, trying: &Trying) -> Vec<String> {
    trying.changes.iter().map(|change| sentence(t, change)).collect()
}

fn sentence(t: Texts, change: &Changed) -> String {
    let cut = |text: &str| dunlin_logs::strip(text, 256);
    let (value, before) = (place(t, &cut(&change.value)), place(t, &cut(&change.before)));
    let names = [("value", value.as_str()), ("before", before.as_str())];
    match (change.key.as_str(), change.before.is_empty(), change.value.is_empty()) {
        ("admin.lan_listen", _, true) => t.of("trying.closed").to_owned(),
        ("admin.lan_listen", true, _) => t.with("trying.opened", &names),
        ("admin.lan_listen", ..) => t.with("trying.moved", &names),
        ("admin.lan_names", _, true) => t.of("trying.no_names").to_owned(),
        ("admin.lan_names", ..) => t.with("trying.names", &names),
        _ => t.of("trying.certificate").to_owned(),
    }
}

/// Addresses as people say them; what is none stays as it is.
fn place(t: Texts, text: &str) -> String {
    let place = |one: &str| match one.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_unspecified() => {
            t.with("trying.everywhere", &[("port", &address.port().to_string())])
        }
        Ok(_) | Err(_) => one.to_owned(),
    };
    text.split(", ").map(place).collect::<Vec<_>>().join(", ")
}

/// The minutes that are left, begun ones counted.
pub(in crate::page) fn left(t: Texts, seconds: u64) -> String {
    t.count("trying.left", seconds.div_ceil(60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::texts::Language;

    const T: Texts = Texts { language: Language::English };

    fn waiting(over_network: bool, changes: &[(&str, &str, &str)]) -> Status {
        let one = |(key, before, value): &(&str, &str, &str)| Changed {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
            before: (*before).to_owned(),
        };
        let changes = changes.iter().map(one).collect();
        let trying = Trying { changes, seconds: 241, over_network };
        Status { attention: vec![Attention::Trying(trying)], ..Status::default() }
    }

    #[test]
    fn the_bar_says_what_was_changed_and_how_long_it_waits() {
        let status = waiting(false, &[("admin.lan_listen", "", "10.0.0.1:7476")]);
        let bar = bar(T, &status, false).unwrap();
        assert_eq!(bar.changes, ["The page is open to the network at 10.0.0.1:7476."]);
        assert!(bar.left.contains("5 minutes"), "{}", bar.left);
        assert_eq!(bar.elsewhere, None);
    }

    #[test]
    fn each_change_has_its_sentence() {
        let status = waiting(
            false,
            &[
                ("admin.lan_listen", "10.0.0.1:1", ""),
                ("admin.lan_listen", "10.0.0.1:1", "10.0.0.1:2"),
                ("admin.lan_names", "", "till.shop"),
                ("admin.lan_names", "till.shop", ""),
                ("certificate", "AA", "BB"),
                ("admin.lan_listen", "", "0.0.0.0:7476"),
            ],
        );
        let told = bar(T, &status, false).unwrap().changes;
        assert_eq!(told.len(), 6);
        for (line, words) in
            told.iter().zip(["closed", "10.0.0.1:2", "till.shop", "no", "certificate", "port 7476"])
        {
            assert!(line.contains(words), "{line}");
        }
    }

    #[test]
    fn what_was_changed_over_the_network_is_not_kept_at_the_machine() {
        let status = waiting(true, &[("admin.lan_names", "", "till.shop")]);
        assert!(bar(T, &status, false).unwrap().elsewhere.is_some());
        assert_eq!(bar(T, &status, true).unwrap().elsewhere, None);
        assert_eq!(bar(T, &Status::default(), true), None);
    }
}
