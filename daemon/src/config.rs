//! The configuration: `DIR/dunlin.toml`, the flags above it, and below it what a person set at run time.
//!
//! ```text
//!   defaults  <  DIR/settings.json  <  DIR/dunlin.toml  <  flags
//!                      │                     │
//!        read ─► lay below, merge flags ─► check() ─► Config, plain data that nothing downstream checks again
//! ```
//!
//! # Invariants
//!
//! * An unknown key is an error that names the line and what was probably meant: a misspelt
//!   setting that is silently ignored fails open.
//! * Nothing is bound or opened until [`Config::check`] has passed; each rule stands there once.
//! * The daemon never rewrites a file that a person edits: [`first_file`] is written at `init` only.
//! * `docs/dunlin.example.toml` lists every key at its default; a test holds the two together.

mod admin;
mod explain;
pub(crate) mod kept;
mod network;
mod places;
#[cfg(test)]
mod tests;

pub use admin::{Admin, LocalTrust, OldCallers, OthersTrust};
pub use kept::{Kept, Said};
pub use network::{Network, NotANetwork};
pub use places::{computer_name, data_folder};

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// The name of the file in the state folder.
pub const FILE: &str = "dunlin.toml";

/// The port partners call, unless the configuration says otherwise.
pub const PARTNER_PORT: u16 = 7474;

/// The port of the page and of scripts on this machine.
pub const ADMIN_PORT: u16 = 7475;

/// The longest name of a machine or a database, in characters.
pub const NAME_MAX: usize = 64;

/// The largest configuration file that is read; a longer one is not a configuration.
const FILE_MAX: u64 = 1 << 20;

/// The longest that anything is kept, in days: ten years.
const KEEP_DAYS_MAX: u32 = 3_660;

/// The largest history, in MiB.
const HISTORY_MB_MAX: u32 = 4_096;

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no file: the folder was not made by `dunlin init`.
    #[error("there is no {}; run `dunlin init --data {} --database FILE` first", path.display(), folder(path).display())]
    Missing {
        /// The file looked for.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML, or has a key or a value that does not belong.
    #[error("{}, line {line}: {what}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there, with a suggestion where there is one.
        what: String,
    },
    /// The file of what was set at run time, which no person writes, does not hold what it must.
    #[error(
        "{} is damaged: {what}; remove it, and what was set on the page or by `dunlin settings` is \
         as if it never had been",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A value breaks a rule.
    #[error("{key}: {what}")]
    Rule {
        /// The key, as `section.key`.
        key: &'static str,
        /// The rule, and what to do.
        what: String,
    },
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// Everything a person can set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What this machine is called; empty means the computer's own name. A label: it proves nothing.
    pub name: String,
    /// How partners reach this machine.
    pub partner: Partner,
    /// How this machine's browser and scripts reach the daemon.
    pub admin: Admin,
    /// How programs of 2009 on other machines reach the daemon.
    pub old_callers: OldCallers,
    /// How machines find each other.
    pub discovery: Discovery,
    /// The daemon's own log.
    pub log: Log,
    /// The record of past sessions.
    pub history: History,
    /// The databases that are kept in step.
    pub database: Vec<Database>,
    /// Where partners are that discovery does not see, and which are not dialled.
    pub partner_address: Vec<PartnerAddress>,
}

/// How partners reach this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Partner {
    /// Where partners call; `[::]` means every address of both families.
    pub listen: SocketAddr,
}

/// How machines find each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Discovery {
    /// Whether this machine announces itself and looks for others by mDNS.
    pub enabled: bool,
    /// The names of the interfaces to do so on; none named means all but point-to-point ones.
    pub interfaces: Vec<String>,
}

/// The daemon's own log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How much is written.
    pub level: LogLevel,
    /// How many daily files are kept.
    pub keep_days: u32,
}

/// How much the log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// What an operator must see now.
    Error,
    /// And what an operator should see tomorrow.
    Warn,
    /// And what happened.
    #[default]
    Info,
    /// And every call.
    Debug,
    /// And every row, without its values.
    Trace,
}

impl From<LogLevel> for dunlin_logs::Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
            LogLevel::Trace => Self::Trace,
        }
    }
}

/// The record of past sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// For how many days a session is remembered.
    pub keep_days: u32,
    /// How many MiB they may take.
    pub max_mb: u32,
}

/// One SQLite file that is kept in step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// By this name the databases of two machines match.
    pub name: String,
    /// The application's SQLite file; relative to the state folder.
    pub file: PathBuf,
    /// Tables that stay this machine's own although a partner tracks them.
    pub untracked: Vec<String>,
    /// Triggers of the application that also fire for rows that arrive.
    pub triggers: Vec<String>,
}

/// Where a partner is, and whether we call it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PartnerAddress {
    /// The partner's machine id, or its name.
    pub partner: String,
    /// Where it is: `address:port` or `name:port`.
    pub addresses: Vec<String>,
    /// Whether this machine calls it.
    pub dial: Dial,
}

/// Whether this machine calls a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dial {
    /// Whenever it can be reached.
    #[default]
    Auto,
    /// Never; the partner may call us.
    Never,
}

impl Default for Partner {
    fn default() -> Self {
        Self { listen: SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), PARTNER_PORT) }
    }
}

impl Default for Discovery {
    fn default() -> Self {
        Self { enabled: true, interfaces: Vec::new() }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LogLevel::default(), keep_days: 14 }
    }
}

impl Default for History {
    fn default() -> Self {
        Self { keep_days: 180, max_mb: 64 }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self {
            name: "main".to_owned(),
            file: PathBuf::new(),
            untracked: Vec::new(),
            triggers: Vec::new(),
        }
    }
}

/// What the command line sets above the file; `None` leaves the file's word.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// Replaces `name`.
    pub name: Option<String>,
    /// Replaces `partner.listen`.
    pub partner_listen: Option<SocketAddr>,
    /// Replaces `admin.listen`.
    pub admin_listen: Option<SocketAddr>,
    /// Replaces `log.level`.
    pub log_level: Option<LogLevel>,
}

/// A configuration, and whose word each part of it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// What counts.
    pub config: Config,
    /// What the file and the flags say.
    pub said: Said,
    /// What was set at run time, beside that.
    pub kept: Kept,
}

impl Config {
    /// The configuration in the state folder `dir`, with the flags above it, checked.
    pub fn load(dir: &Path, flags: &Flags) -> Result<Loaded, Error> {
        let path = dir.join(FILE);
        let text = read(&path)?;
        let mut config = Self::parse(&text, &path)?;
        let mut said = Said::of(&text);
        config.merge(flags, &mut said);
        let kept = Kept::load(dir)?.beside(&said);
        kept.lay_on(&mut config);
        for database in &mut config.database {
            if !database.file.as_os_str().is_empty() {
                database.file = dir.join(&database.file);
            }
        }
        config.admin.set_folder(dir);
        config.check()?;
        Ok(Loaded { config, said, kept })
    }

    /// The configuration in `text`, unchecked; `path` is for the error only.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error| explain::syntax(&error, text, path))
    }

    fn merge(&mut self, flags: &Flags, said: &mut Said) {
        if let Some(name) = &flags.name {
            said.add("name");
            self.name.clone_from(name);
        }
        if let Some(listen) = flags.partner_listen {
            said.add("partner.listen");
            self.partner.listen = listen;
        }
        if let Some(listen) = flags.admin_listen {
            said.add("admin.listen");
            self.admin.listen = vec![listen];
        }
        if let Some(level) = flags.log_level {
            said.add(kept::LOG_LEVEL);
            self.log.level = level;
        }
    }

    /// What this machine is called.
    pub fn machine_name(&self) -> String {
        if self.name.is_empty() { computer_name() } else { self.name.clone() }
    }

    /// What the configuration says about a partner, by its machine id or its name.
    pub fn partner(&self, id: &str, name: &str) -> Option<&PartnerAddress> {
        let by = |word: &str| self.partner_address.iter().find(|entry| entry.partner == word);
        // The id first: names are not unique, and anybody may take one.
        by(id).or_else(|| by(name))
    }

    /// States each rule once; after it nothing downstream checks again.
    pub fn check(&self) -> Result<(), Error> {
        if !self.name.is_empty() {
            rule("name", is_name(&self.name), || {
                format!("a name has 1 to {NAME_MAX} printable characters")
            })?;
        }
        self.admin.check()?;
        self.old_callers.check()?;
        let interfaces = &self.discovery.interfaces;
        rule("discovery.interfaces", !interfaces.iter().any(String::is_empty), || {
            "an interface has a name, such as eth0".to_owned()
        })?;
        self.check_keeping()?;
        self.check_databases()?;
        self.check_partner_addresses()
    }

    fn check_keeping(&self) -> Result<(), Error> {
        let days = |days| (1..=KEEP_DAYS_MAX).contains(&days);
        let what = || format!("a number of days from 1 to {KEEP_DAYS_MAX}");
        rule("log.keep_days", days(self.log.keep_days), what)?;
        rule("history.keep_days", days(self.history.keep_days), what)?;
        rule("history.max_mb", (1..=HISTORY_MB_MAX).contains(&self.history.max_mb), || {
            format!("a number of MiB from 1 to {HISTORY_MB_MAX}")
        })
    }

    fn check_databases(&self) -> Result<(), Error> {
        rule("database", !self.database.is_empty(), || {
            "no database is named; add [[database]] with file = \"…\"".to_owned()
        })?;
        let (mut names, mut files) = (BTreeSet::new(), BTreeSet::new());
        for database in &self.database {
            let name = &database.name;
            rule("database.name", is_name(name), || {
                format!("a database's name has 1 to {NAME_MAX} printable characters")
            })?;
            rule("database.name", names.insert(name), || {
                format!("two databases are called {name:?}; give each its own name")
            })?;
            rule("database.file", !database.file.as_os_str().is_empty(), || {
                format!("database {name:?} has no file")
            })?;
            rule("database.file", files.insert(&database.file), || {
                format!("{} is named twice", database.file.display())
            })?;
            let listed = database.untracked.iter().chain(&database.triggers);
            rule("database", listed.into_iter().all(|word| !word.is_empty()), || {
                "`untracked` and `triggers` list names; one of them is empty".to_owned()
            })?;
        }
        Ok(())
    }

    fn check_partner_addresses(&self) -> Result<(), Error> {
        let mut partners = BTreeSet::new();
        for entry in &self.partner_address {
            let partner = &entry.partner;
            rule("partner_address.partner", is_name(partner), || {
                "say which partner: its machine id or its name".to_owned()
            })?;
            rule("partner_address.partner", partners.insert(partner), || {
                format!("{partner:?} is named twice; put all its addresses into one section")
            })?;
            for address in &entry.addresses {
                rule("partner_address.addresses", is_address(address), || {
                    format!("{address:?} is not an address and a port, such as 192.168.1.7:7474")
                })?;
            }
        }
        Ok(())
    }
}

fn rule(key: &'static str, holds: bool, what: impl FnOnce() -> String) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::Rule { key, what: what() }) }
}

/// Whether `text` can be the name of something: 1 to 64 printable characters.
pub fn is_name(text: &str) -> bool {
    let length = text.chars().count();
    // `clean` escapes what does not print; what it leaves alone prints.
    (1..=NAME_MAX).contains(&length)
        && dunlin_logs::clean(text, NAME_MAX) == text
        && text.trim() == text
}

fn is_address(text: &str) -> bool {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return address.port() != 0;
    }
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let host_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !host.is_empty()
        && host.len() <= 253
        && host.chars().all(host_char)
        && port.parse::<u16>().is_ok_and(|port| port != 0)
}

fn read(path: &Path) -> Result<String, Error> {
    use std::io::Read as _;
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::Missing { path: path.to_owned() });
        }
        other => other.map_err(failed)?,
    };
    let mut text = String::new();
    file.take(FILE_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// The first `dunlin.toml` of a machine: what `init` was told, and where to read about the rest.
pub fn first_file(flags: &Flags, database: &Path) -> Result<String, Error> {
    let database = database.to_str().ok_or_else(|| Error::Rule {
        key: "database.file",
        what: format!("the path {} is not UTF-8; rename it", database.display()),
    })?;
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut text = String::from(
        "# Dunlin's configuration, written by `dunlin init` and from then on yours.\n\
         # Every key with its default: docs/dunlin.example.toml. Restart the daemon after a change.\n",
    );
    let mut line = |content: &str| {
        text.push_str(content);
        text.push('\n');
    };
    line("");
    line("# What this machine is called; empty means the computer's own name.");
    line(&format!("name = {}", quoted(flags.name.as_deref().unwrap_or_default())));
    if let Some(listen) = flags.partner_listen {
        line("\n[partner]\n# Where partners call.");
        line(&format!("listen = {}", quoted(&listen.to_string())));
    }
    if let Some(listen) = flags.admin_listen {
        line(
            "\n[admin]\n# Where this machine's browser and scripts call; loopback addresses only.",
        );
        line(&format!("listen = [{}]", quoted(&listen.to_string())));
    }
    if let Some(level) = flags.log_level {
        line("\n[log]\n# How much is written: error, warn, info, debug, trace.");
        line(&format!("level = {}", quoted(dunlin_logs::Level::from(level).as_str())));
    }
    line("\n[[database]]\n# By this name the databases of two machines match.\nname = \"main\"");
    line("# The application's SQLite file.");
    line(&format!("file = {}", quoted(database)));
    Ok(text)
}
