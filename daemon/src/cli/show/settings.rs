//! Settings, and changes of them that wait to be kept.

use std::fmt::Write as _;

use dunlin_rpc::wire::settings::{Changed, PageOnNetwork, SetBy, SettingsShown, Trying};

use super::table::{Grid, Tone};
use crate::cli::output::Look;
use crate::cli::text::{sentence, span};

/// Everything that the daemon runs with.
pub fn all(shown: &SettingsShown, look: Look) -> String {
    let mut text = String::new();
    if let Some(trying) = &shown.trying {
        text += &waits(trying);
        text += "\n";
    }
    text += &network(&shown.network);
    text += "\n";
    let mut grid = Grid::new(&["Setting", "Value", "Set"], look);
    for one in &shown.settings {
        let value = if one.value.is_empty() || one.value == "[]" { "–" } else { &one.value };
        let from = match one.from {
            SetBy::File => grid.toned("in the file", Tone::Good),
            SetBy::Here => grid.toned("here", Tone::Mild),
            SetBy::Default => "by default".into(),
        };
        grid.row([sentence(&one.key).into(), sentence(value).into(), from]);
    }
    text += &grid.text();
    let _ = writeln!(text, "\nThe file: {}", sentence(&shown.file));
    text
}

/// How the page stands to the network.
pub fn network(page: &PageOnNetwork) -> String {
    let mut text = match page.addresses.as_slice() {
        [] => "The page is closed to the network.\n".to_owned(),
        open => {
            format!("The page is open to the network at {}.\n", sentence(&open.join(" and ")))
        }
    };
    if let Some(fingerprint) = &page.fingerprint {
        let _ = writeln!(
            text,
            "A browser warns the first time; compare the SHA-256 fingerprint that it shows:\n  {}",
            sentence(fingerprint)
        );
    }
    if let Some(why) = &page.shut {
        let _ = writeln!(text, "It is not open as it is to be: {}.", sentence(why));
    }
    text
}

/// What a change came to that has to be kept now.
pub fn tried(trying: Option<&Trying>, page: &PageOnNetwork) -> String {
    format!("{}{}", network(page), trying.map(waits).unwrap_or_default())
}

fn waits(trying: &Trying) -> String {
    let way = if trying.over_network {
        "It was made over the network and is kept there: press Keep on the page"
    } else {
        "`dunlin settings keep` keeps it, or Keep on the page"
    };
    format!(
        "A change waits to be kept: {}. {way}; if nobody does so within {}, what was before comes \
         back.\n",
        changes(trying).join("; "),
        span(trying.seconds)
    )
}

/// What was changed, in words.
pub(super) fn changes(trying: &Trying) -> Vec<String> {
    trying.changes.iter().map(changed).collect()
}

fn changed(change: &Changed) -> String {
    let or = |value: &str| if value.is_empty() { "nothing".to_owned() } else { sentence(value) };
    match change.key.as_str() {
        "certificate" => "a new certificate".to_owned(),
        key => format!("{} from {} to {}", sentence(key), or(&change.before), or(&change.value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dunlin_rpc::wire::settings::Setting;

    fn shown() -> SettingsShown {
        let setting = |key: &str, value: &str, from| Setting {
            key: key.to_owned(),
            value: value.to_owned(),
            from,
        };
        SettingsShown {
            file: "/srv/d/dunlin.toml".to_owned(),
            log_level: "info".to_owned(),
            settings: vec![
                setting("admin.lan_listen", "[\"10.0.0.5:7476\"]", SetBy::Here),
                setting("admin.lan_names", "[]", SetBy::Default),
                setting("name", "till\u{1b}[2J", SetBy::File),
            ],
            network: PageOnNetwork {
                addresses: vec!["https://10.0.0.5:7476/".to_owned()],
                fingerprint: Some("AA:BB".to_owned()),
                ..PageOnNetwork::default()
            },
            trying: Some(Trying {
                changes: vec![Changed {
                    key: "admin.lan_listen".to_owned(),
                    value: "10.0.0.5:7476".to_owned(),
                    before: String::new(),
                }],
                seconds: 240,
                over_network: false,
            }),
        }
    }

    #[test]
    fn settings_are_shown_with_whose_word_they_are_and_what_waits_first() {
        let told = all(&shown(), Look::PLAIN);
        let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines: Vec<String> = told.lines().map(squeezed).collect();
        assert!(
            lines[0].starts_with("A change waits to be kept: admin.lan_listen from nothing to")
        );
        assert!(lines[0].contains("within 4 minutes"), "{told}");
        for line in [
            "The page is open to the network at https://10.0.0.5:7476/.",
            "AA:BB",
            "admin.lan_listen [\"10.0.0.5:7476\"] here",
            "admin.lan_names – by default",
            "name till\\u{1b}[2J in the file",
            "The file: /srv/d/dunlin.toml",
        ] {
            assert!(lines.iter().any(|told| *told == line), "no {line:?} in {told}");
        }
    }

    #[test]
    fn a_change_made_over_the_network_is_not_said_to_be_kept_here() {
        let mut shown = shown();
        let trying = shown.trying.as_mut().unwrap();
        trying.over_network = true;
        let told = tried(shown.trying.as_ref(), &shown.network);
        assert!(told.contains("kept there") && !told.contains("dunlin settings keep"), "{told}");
    }
}
