//! `dunlin settings` and `dunlin bundle`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Here;

/// `dunlin settings`.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the same in each command; documented at its type")]
    pub here: Here,

    /// What to do; to show when nothing is said
    #[command(subcommand)]
    pub act: Option<SettingAct>,
}

/// `dunlin settings …`.
#[derive(Debug, Clone, Subcommand)]
pub enum SettingAct {
    /// Change a setting; one of the network has to be kept within five minutes
    Set {
        /// Which, and to what
        #[command(subcommand)]
        setting: Set,
    },
    /// Show browsers on the network a new certificate, with a new key; to be kept like a setting
    NewCertificate,
    /// Keep the change that waits
    Keep,
    /// Take the change that waits back
    Undo,
}

/// A setting, and its new value.
#[derive(Debug, Clone, Subcommand)]
pub enum Set {
    /// How much is logged; lasting
    #[command(name = "log.level")]
    LogLevel {
        /// How much
        level: Level,
    },
    /// Where the page is open to the network; with no address it is closed
    #[command(name = "admin.lan_listen")]
    LanListen {
        /// Where, such as 0.0.0.0:7476
        #[arg(value_name = "ADDR:PORT")]
        addresses: Vec<SocketAddr>,
    },
    /// By which names it answers there, beside its addresses
    #[command(name = "admin.lan_names")]
    LanNames {
        /// A name, such as till.shop.example
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Level {
    /// As the methods take it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// `dunlin bundle`.
#[derive(Debug, Clone, Args)]
pub struct Bundle {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the same in each command; documented at its type")]
    pub here: Here,

    /// The file to make; `-` writes to standard output
    #[arg(long, value_name = "FILE|-", default_value = "dunlin-bundle.json")]
    pub output: PathBuf,
}
