//! Settings that a person made while the daemon ran: `DIR/settings.json`.
//!
//! ```text
//!   defaults  <  DIR/settings.json  <  DIR/dunlin.toml  <  flags
//! ```
//!
//! # Invariants
//!
//! * What stands in `dunlin.toml` is the file's: nothing kept here overrules it.
//! * These settings and no others, each of its own type: no path, no command.
//! * A file that cannot be read stops the start: half of what a person set is not what he set.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Config, Error, LogLevel, read};

/// The name of the file in the state folder.
pub(crate) const FILE: &str = "settings.json";

/// So many addresses, or names, at most.
const LIST_MAX: usize = 16;

/// What a person set at run time; what is none was not set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kept {
    /// `log.level`
    #[serde(rename = "log.level", skip_serializing_if = "Option::is_none")]
    pub log_level: Option<LogLevel>,
    /// `admin.lan_listen`
    #[serde(rename = "admin.lan_listen", skip_serializing_if = "Option::is_none")]
    pub lan_listen: Option<Vec<SocketAddr>>,
    /// `admin.lan_names`
    #[serde(rename = "admin.lan_names", skip_serializing_if = "Option::is_none")]
    pub lan_names: Option<Vec<String>>,
}

impl Kept {
    /// What is kept in the state folder `dir`; nothing when there is no file.
    pub(super) fn load(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(FILE);
        let text = match read(&path) {
            Err(Error::Missing { .. }) => return Ok(Self::default()),
            other => other?,
        };
        let damaged = |what: String| Error::Damaged { path: path.clone(), what };
        // A list would be read as the settings in their order.
        if !text.trim_start().starts_with('{') {
            return Err(damaged("it holds no settings".to_owned()));
        }
        let kept: Self = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        kept.check().map_err(|error| damaged(error.to_string()))?;
        Ok(kept)
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }

    /// The rules of the configuration, and what holds for settings that are made by a button.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let listen = self.lan_listen.as_deref().unwrap_or_default();
        let names = self.lan_names.as_deref().unwrap_or_default();
        super::rule("admin.lan_listen", listen.iter().all(|address| address.port() != 0), || {
            "name a port, so that browsers find the page again".to_owned()
        })?;
        let differ = listen.iter().collect::<BTreeSet<_>>().len() == listen.len();
        super::rule("admin.lan_listen", differ, || "an address is named twice".to_owned())?;
        for (key, count) in [("admin.lan_listen", listen.len()), ("admin.lan_names", names.len())] {
            super::rule(key, count <= LIST_MAX, || format!("at most {LIST_MAX}"))?;
        }
        let mut admin = super::Admin::default();
        self.lay_on_admin(&mut admin);
        admin.check()
    }

    /// Lays these settings over a configuration in which nobody said otherwise.
    pub(crate) fn lay_on(&self, config: &mut Config) {
        if let Some(level) = self.log_level {
            config.log.level = level;
        }
        self.lay_on_admin(&mut config.admin);
    }

    fn lay_on_admin(&self, admin: &mut super::Admin) {
        if let Some(listen) = &self.lan_listen {
            admin.lan_listen.clone_from(listen);
        }
        if let Some(names) = &self.lan_names {
            admin.lan_names.clone_from(names);
        }
    }

    /// Without what the file says itself.
    pub(crate) fn beside(&self, file: &Said) -> Self {
        let mut rest = self.clone();
        if file.says(LOG_LEVEL) {
            rest.log_level = None;
        }
        if file.says(LAN_LISTEN) {
            rest.lan_listen = None;
        }
        if file.says(LAN_NAMES) {
            rest.lan_names = None;
        }
        rest
    }

    /// Whether a key was set here.
    pub(crate) fn has(&self, key: &str) -> bool {
        match key {
            LOG_LEVEL => self.log_level.is_some(),
            LAN_LISTEN => self.lan_listen.is_some(),
            LAN_NAMES => self.lan_names.is_some(),
            _ => false,
        }
    }
}

/// The keys that can be set at run time.
pub(crate) const LOG_LEVEL: &str = "log.level";
pub(crate) const LAN_LISTEN: &str = "admin.lan_listen";
pub(crate) const LAN_NAMES: &str = "admin.lan_names";

/// The keys that the file and the flags say something about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said(BTreeSet<String>);

impl Said {
    /// What the text of a file says; a text that is not TOML says nothing.
    pub(super) fn of(text: &str) -> Self {
        let table = text.parse::<toml::Table>().unwrap_or_default();
        let lines = flatten(&toml::Value::Table(table));
        Self(lines.into_iter().map(|(key, _)| key).collect())
    }

    pub(super) fn add(&mut self, key: &str) {
        self.0.insert(key.to_owned());
    }

    /// Whether a key, as `section.key`, is the file's.
    pub fn says(&self, key: &str) -> bool {
        self.0.contains(key)
    }
}

/// `section.key` and value, line by line, as the file has or would have it.
pub(crate) fn flatten(value: &toml::Value) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    add("", value, &mut lines);
    lines
}

fn add(at: &str, value: &toml::Value, lines: &mut Vec<(String, String)>) {
    let below = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                add(&below(key), value, lines);
            }
        }
        toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
            for (number, value) in list.iter().enumerate() {
                add(&format!("{at}[{}]", number + 1), value, lines);
            }
        }
        toml::Value::String(text) => lines.push((at.to_owned(), text.clone())),
        other => lines.push((at.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATABASE: &str = "[[database]]\nfile = \"shop.db\"\n";

    fn loaded(file: &str, kept: &str) -> Result<super::super::Loaded, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(super::super::FILE), format!("{file}\n{DATABASE}"))
            .unwrap();
        std::fs::write(folder.path().join(FILE), kept).unwrap();
        let flags = super::super::Flags::default();
        Config::load(folder.path(), &flags).map_err(|error| error.to_string())
    }

    #[test]
    fn what_was_set_here_counts_where_the_file_says_nothing() {
        let kept = r#"{"log.level": "debug", "admin.lan_listen": ["0.0.0.0:7476"]}"#;
        let all = loaded("", kept).unwrap();
        assert_eq!(all.config.log.level, LogLevel::Debug);
        assert_eq!(all.config.admin.lan_listen, ["0.0.0.0:7476".parse().unwrap()]);
        assert!(all.kept.has(LOG_LEVEL) && !all.kept.has(LAN_NAMES));

        // The file's word is the file's, also where it says what is the default.
        let file = "[log]\nlevel = \"info\"\n[admin]\nlan_listen = []";
        let all = loaded(file, kept).unwrap();
        assert_eq!(all.config.log.level, LogLevel::Info);
        assert!(all.config.admin.lan_listen.is_empty());
        assert_eq!(all.kept, Kept::default());
        assert!(all.said.says(LOG_LEVEL) && all.said.says("database[1].file"));
    }

    #[test]
    fn a_damaged_file_is_refused_with_a_sentence() {
        for damaged in [
            "",
            "{",
            "[]",
            r#"{"log.level": "loud"}"#,
            r#"{"partner.listen": "[::]:1"}"#,
            r#"{"admin.lan_listen": ["0.0.0.0:0"]}"#,
            r#"{"admin.lan_listen": ["10.0.0.1:1", "10.0.0.1:1"]}"#,
            r#"{"admin.lan_names": ["a b"]}"#,
            r#"{"log.level": "info", "log.level": "debug"}"#,
        ] {
            let told = loaded("", damaged).unwrap_err();
            assert!(
                told.contains("settings.json") && told.contains("remove it"),
                "{damaged}: {told}"
            );
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let kept = Kept {
            log_level: Some(LogLevel::Warn),
            lan_listen: Some(vec!["192.168.1.5:7476".parse().unwrap()]),
            lan_names: Some(vec!["till.shop".to_owned()]),
        };
        let text = String::from_utf8(kept.text()).unwrap();
        assert_eq!(loaded("", &text).unwrap().kept, kept);
        assert_eq!(String::from_utf8(Kept::default().text()).unwrap(), "{}\n");
    }
}
