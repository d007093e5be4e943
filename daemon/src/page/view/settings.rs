//! The settings: what holds now, how the page stands to the network, what the file says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use askama::Template;
use dunlin_rpc::wire::settings::{PageOnNetwork, SetBy, SettingsShown};

use super::said;
use super::trying;
use crate::page::frame::{Choice, Frame};
use crate::page::texts::Texts;
use crate::page::visit::Alone;
use crate::page::words;

/// Where the page is open to the network unless somebody says otherwise.
const PORT: u16 = 7476;

/// The settings.
#[derive(Debug, Template)]
#[template(path = "settings.html")]
pub(in crate::page) struct Settings {
    frame: Frame,
    file: String,
    levels: Vec<Choice>,
    /// The level stands in the file.
    level_fixed: bool,
    network: Network,
    lines: Vec<Line>,
}

/// How the page stands to the network.
#[derive(Debug)]
struct Network {
    class: &'static str,
    state: String,
    /// Why it is not open although it is to be.
    shut: Option<String>,
    addresses: Vec<String>,
    fingerprint: Option<String>,
    /// What must be done first; nothing can be set before.
    first: Option<First>,
    form: Option<Form>,
    /// What stands in the file.
    fixed: Vec<&'static str>,
    can_close: bool,
    can_renew: bool,
}

/// What must be done before the page can be opened.
#[derive(Debug)]
enum First {
    /// The first password, right here.
    Password,
    /// A user who can sign in, by somebody who may add one.
    Admin,
    /// A change waits to be kept.
    Wait,
}

/// What can be filled in; none of it is there when it stands in the file.
#[derive(Debug)]
struct Form {
    places: Option<(Vec<Choice>, u16)>,
    names: Option<String>,
    word: &'static str,
}

/// One setting.
#[derive(Debug)]
struct Line {
    key: String,
    value: String,
    from: &'static str,
    class: &'static str,
}

/// What somebody is told whose way here was changed.
#[derive(Debug, Template)]
#[template(path = "moved.html")]
pub(in crate::page) struct Moved {
    alone: Alone,
    changes: Vec<String>,
    /// Nothing waits: a change was taken back.
    left: Option<String>,
    addresses: Vec<String>,
    fingerprint: Option<String>,
}

pub(in crate::page) fn settings(frame: Frame, shown: &SettingsShown, may_begin: bool) -> Settings {
    let t = frame.t;
    let level = |value: &str| Choice {
        value: value.to_owned(),
        word: match value {
            "error" => t.of("log.error"),
            "warn" => t.of("log.warn"),
            "debug" => t.of("log.debug"),
            "trace" => t.of("log.trace"),
            _ => t.of("log.info"),
        }
        .to_owned(),
        current: value == shown.log_level,
    };
    let lines = shown.settings.iter().map(|one| {
        let (from, class) = match one.from {
            SetBy::File => (t.of("settings.from_file"), ""),
            SetBy::Here => (t.of("settings.from_here"), "busy"),
            SetBy::Default => (t.of("settings.from_default"), "soft"),
        };
        let is_empty = one.value.is_empty() || one.value == "[]";
        let value = if is_empty { words::UNKNOWN.to_owned() } else { one.value.clone() };
        Line { key: words::foreign(&one.key), value: dunlin_logs::strip(&value, 256), from, class }
    });
    Settings {
        file: dunlin_logs::strip(&shown.file, 256),
        levels: ["error", "warn", "info", "debug", "trace"].map(level).into(),
        level_fixed: is_fixed(shown, "log.level"),
        network: network(t, shown, may_begin),
        lines: lines.collect(),
        frame,
    }
}

fn is_fixed(shown: &SettingsShown, key: &str) -> bool {
    shown.settings.iter().any(|one| one.key == key && one.from == SetBy::File)
}

fn network(t: Texts, shown: &SettingsShown, may_begin: bool) -> Network {
    let page = &shown.network;
    let is_open = !page.addresses.is_empty();
    let (class, state) = match (is_open, &page.shut) {
        (_, Some(_)) => ("bad", t.of("network.shut")),
        (true, None) => ("good", t.of("network.open")),
        (false, None) => ("still", t.of("network.closed")),
    };
    let first = if shown.trying.is_some() {
        Some(First::Wait)
    } else if page.has_admin {
        None
    } else if may_begin {
        Some(First::Password)
    } else {
        Some(First::Admin)
    };
    let (listen_fixed, names_fixed) =
        (is_fixed(shown, "admin.lan_listen"), is_fixed(shown, "admin.lan_names"));
    let can = first.is_none();
    let form = Form {
        places: (!listen_fixed).then(|| places(t, page)),
        names: (!names_fixed).then(|| page.names.join(" ")),
        word: if is_open { t.of("network.change") } else { t.of("network.do_open") },
    };
    let mut fixed = Vec::new();
    fixed.extend(listen_fixed.then_some("admin.lan_listen"));
    fixed.extend(names_fixed.then_some("admin.lan_names"));
    fixed.extend(page.brought.then_some("admin.lan_certificate"));
    Network {
        class,
        state: state.to_owned(),
        shut: page.shut.as_ref().map(|why| said::sentence(t, why)),
        addresses: page.addresses.iter().map(|one| dunlin_logs::strip(one, 256)).collect(),
        fingerprint: page.fingerprint.clone(),
        form: Some(form).filter(|_| can && !(listen_fixed && names_fixed)),
        can_close: can && !listen_fixed && !page.listen.is_empty(),
        can_renew: can && is_open && !page.brought,
        first,
        fixed,
    }
}

/// The addresses to choose from, and the port.
fn places(t: Texts, page: &PageOnNetwork) -> (Vec<Choice>, u16) {
    let everywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let now = page.listen.first();
    let choice = |ip: IpAddr, word: String| Choice {
        value: ip.to_string(),
        word,
        current: page.listen.len() < 2 && now.map_or(ip == everywhere, |now| now.ip() == ip),
    };
    let mut choices = vec![choice(everywhere, t.of("network.everywhere").to_owned())];
    let mut own = page.own.clone();
    // What is open now can be chosen, whatever it is.
    let single = now.filter(|_| page.listen.len() == 1).map(SocketAddr::ip);
    own.extend(single.filter(|ip| *ip != everywhere && !page.own.contains(ip)));
    choices.extend(own.iter().map(|ip| choice(*ip, ip.to_string())));
    if page.listen.len() > 1 {
        let all: Vec<String> = page.listen.iter().map(ToString::to_string).collect();
        let all = all.join(", ");
        choices.push(Choice { value: all.clone(), word: all, current: true });
    }
    (choices, now.map_or(PORT, SocketAddr::port))
}

pub(in crate::page) fn moved(alone: Alone, shown: &SettingsShown) -> Moved {
    let t = alone.t;
    let trying = shown.trying.as_ref();
    Moved {
        changes: trying.map(|trying| trying::changes(t, trying)).unwrap_or_default(),
        left: trying.map(|trying| trying::left(t, trying.seconds)),
        addresses: shown.network.addresses.clone(),
        fingerprint: shown.network.fingerprint.clone(),
        alone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::texts::Language;
    use dunlin_rpc::wire::settings::{Setting, Trying};

    const T: Texts = Texts { language: Language::English };

    fn shown(listen: &[&str]) -> SettingsShown {
        let page = PageOnNetwork {
            listen: listen.iter().map(|one| one.parse().unwrap()).collect(),
            addresses: listen.iter().map(|one| format!("https://{one}/")).collect(),
            has_admin: true,
            own: vec!["192.168.1.5".parse().unwrap()],
            ..PageOnNetwork::default()
        };
        SettingsShown { network: page, ..SettingsShown::default() }
    }

    fn file_says(mut shown: SettingsShown, key: &str) -> SettingsShown {
        let from = SetBy::File;
        shown.settings.push(Setting { key: key.to_owned(), from, ..Setting::default() });
        shown
    }

    #[test]
    fn what_stands_in_the_file_is_not_in_the_form() {
        let all = network(T, &shown(&[]), false).form.unwrap();
        assert!(all.places.is_some() && all.names.is_some());
        let fixed = file_says(shown(&["192.168.1.5:7476"]), "admin.lan_listen");
        let page = network(T, &fixed, false);
        assert!(page.form.unwrap().places.is_none());
        assert!(!page.can_close && page.can_renew);
        assert_eq!(page.fixed, ["admin.lan_listen"]);
        let both = network(T, &file_says(fixed, "admin.lan_names"), false);
        assert!(both.form.is_none());
    }

    #[test]
    fn nothing_is_offered_before_somebody_can_sign_in_or_while_a_change_waits() {
        let mut none = shown(&[]);
        none.network.has_admin = false;
        let page = network(T, &none, true);
        assert!(page.form.is_none() && matches!(page.first, Some(First::Password)));
        assert!(matches!(network(T, &none, false).first, Some(First::Admin)));
        let waiting =
            SettingsShown { trying: Some(Trying::default()), ..shown(&["192.168.1.5:7476"]) };
        let page = network(T, &waiting, false);
        assert!(page.form.is_none() && !page.can_close && !page.can_renew);
    }

    #[test]
    fn what_is_open_now_is_what_is_chosen() {
        let chosen = |listen: &[&str]| {
            let (choices, port) = places(T, &shown(listen).network);
            let current: Vec<String> =
                choices.into_iter().filter(|one| one.current).map(|one| one.value).collect();
            (current.join("|"), port)
        };
        assert_eq!(chosen(&[]), ("0.0.0.0".to_owned(), PORT));
        assert_eq!(chosen(&["192.168.1.5:80"]), ("192.168.1.5".to_owned(), 80));
        assert_eq!(chosen(&["10.9.9.9:81"]), ("10.9.9.9".to_owned(), 81));
        assert_eq!(chosen(&["10.0.0.1:1", "10.0.0.2:2"]).0, "10.0.0.1:1, 10.0.0.2:2");
    }
}
