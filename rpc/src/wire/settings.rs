//! Settings that a person may change while the daemon runs, and what he is shown of all of them.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// `settings_show`, and the answer to every change: what the daemon runs with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsShown {
    /// The person's file.
    pub file: String,
    /// How much is logged now.
    pub log_level: String,
    /// Each setting as the file names it.
    pub settings: Vec<Setting>,
    /// The page on the network, as it is now.
    pub network: PageOnNetwork,
    /// A change that nobody has kept yet; null when there is none.
    pub trying: Option<Trying>,
}

/// A setting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// As `section.key`.
    pub key: String,
    /// Its value, as of now.
    pub value: String,
    /// Whose word it is.
    pub from: SetBy,
}

/// Whose word a setting is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetBy {
    /// Nobody's: what the program does by itself.
    #[default]
    Default,
    /// A person's, by `settings_set`, while the daemon ran.
    Here,
    /// The file's. It is not changed from here.
    File,
}

/// How the page stands to the network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageOnNetwork {
    /// Where it is to be open; empty when it is not to be.
    pub listen: Vec<SocketAddr>,
    /// Where it is open, as a browser is told.
    pub addresses: Vec<String>,
    /// By which names it answers there, beside its addresses.
    pub names: Vec<String>,
    /// SHA-256 of the certificate that a browser is shown there.
    pub fingerprint: Option<String>,
    /// The certificate is one that a person brought, by the file.
    pub brought: bool,
    /// Somebody can sign in, so it may be opened.
    pub has_admin: bool,
    /// The machine's own addresses.
    pub own: Vec<IpAddr>,
    /// Why it is not open although it is to be.
    pub shut: Option<String>,
}

/// A change that holds until it is kept, undone, or its time is over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trying {
    /// What it changes.
    pub changes: Vec<Changed>,
    /// Seconds until what was before comes back by itself.
    pub seconds: u64,
    /// It was made over the network and can be kept over the network only, by whoever still comes in.
    pub over_network: bool,
}

/// One setting that a change changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// As `section.key`; `certificate` for a new certificate, whose fingerprint is the value.
    pub key: String,
    /// Its value now.
    pub value: String,
    /// Its value before.
    pub before: String,
}
