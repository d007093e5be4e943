//! The command line: what can be asked, in the words of `dunlin help`.
//!
//! # Invariants
//!
//! * No password, token or key is ever an argument: other users of the computer can read those.
//! * What a flag cannot mean is refused here, as a mistake in usage, before anything is opened.

mod access;
mod settings;
mod shop;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use dunlin_rpc::wire::admin::Track as TrackAsk;

pub use access::{Role, TokenAct, Tokens, UserAct, Users};
pub use settings::{Bundle, Level, Set, SettingAct, Settings};
pub use shop::{Forget, Leave, PartnerAct, Partners, Shop, ShopAct, ShopRole, Whom};

/// Machines that a shop can have, and so joins that one token can allow.
const USES_MAX: i64 = 256;

/// The shortest life of a token: long enough to walk to the other machine.
const EXPIRES_MIN: Duration = Duration::from_mins(1);

/// The longest life of a token: a roll-out over a month. Longer, and it is a password.
const EXPIRES_MAX: Duration = Duration::from_secs(30 * DAY);

const DAY: u64 = 86_400;

/// More machines than this on one computer show nothing new and only make it slow.
const DEMO_MACHINES_MAX: i64 = 8;

/// A demo is watched; a day is more than anybody does.
const DEMO_SECONDS_MAX: i64 = 86_400;

/// The most entries that one list shows.
const LIST_MAX: i64 = 1_000;

/// How times are written in questions and answers; they are UTC.
const TIME: &str = "%Y-%m-%d %H:%M:%S";

const EXIT_CODES: &str = "\
Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 daemon not reachable, 4 not authorised, \
5 something needs attention.";

/// Keeps the tables of a shop's machines the same, with no server and no cloud.
#[derive(Debug, Parser)]
#[command(name = "dunlin", version, about, after_help = EXIT_CODES, max_term_width = 100)]
#[command(
    disable_help_subcommand = false,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a machine: its folder, its key, its configuration
    #[command(after_help = "Example:\n  dunlin init --database /srv/shop/shop.db --name 'till 2'")]
    Init(Init),

    /// Look at a SQLite file before anybody tracks it: what would be kept in step, and what to decide
    ///
    /// Changes nothing, and needs no machine and no daemon. Exit code 5 when a person has to decide
    /// something, or something is in the way.
    #[command(after_help = "Examples:\n  dunlin check /srv/shop/shop.db\n  \
        dunlin check shop.db --except audit --references 'orders.part=parts' --json")]
    Check(Check),

    /// Keep tables in step from now on
    ///
    /// Adds triggers and sidecar tables to the application's SQLite file. The application goes on
    /// reading and writing as before.
    #[command(after_help = "Examples:\n  dunlin track --all\n  \
        dunlin track parts orders --references 'orders.part=parts' --natural parts")]
    Track(Track),

    /// Serve: find the other machines and keep in step with them, until stopped
    #[command(after_help = "Example:\n  dunlin run --data /var/lib/dunlin")]
    Run(Run),

    /// Make a token that lets another machine in
    ///
    /// Prints the token alone on standard output. Whoever has it can join the shop, so hand it over
    /// as you would a key.
    #[command(after_help = "Example:\n  dunlin invite --uses 30 --expires 2d > token.txt")]
    Invite(Invite),

    /// Join the shop that a token comes from
    ///
    /// Reads the token from standard input, or asks for it on a terminal.
    #[command(after_help = "Example:\n  dunlin join < token.txt")]
    Join(Here),

    /// Pair with a machine that runs `dunlin pairing`: no token, two numbers
    ///
    /// Each machine shows a number of its own and asks for the other's. Without a name, lists the
    /// machines that are seen. The number is read from the terminal or from standard input.
    #[command(after_help = "Examples:\n  dunlin pair\n  dunlin pair 'till 2'\n  \
        dunlin pair 192.168.1.20:7474")]
    Pair(Pair),

    /// Open this machine for pairing, for five minutes
    ///
    /// Shows this machine's number once another calls, and asks for the other's.
    #[command(after_help = "Example:\n  dunlin pairing")]
    Pairing(Here),

    /// Show this machine, its partners and its tables; exit code 5 when something needs a person
    #[command(after_help = "Example:\n  dunlin status --json")]
    Status(Here),

    /// List the partners, or forget, promote, pause or resume one
    #[command(after_help = "Examples:\n  dunlin partners\n  dunlin partners forget 'till 3'\n  \
        dunlin partners promote 'till 2'\n  dunlin partners pause --all")]
    Partners(Partners),

    /// Take this machine out of its shop; the machines that it let in stay
    #[command(after_help = "Example:\n  dunlin leave")]
    Leave(Leave),

    /// Begin a new shop with this machine alone
    #[command(after_help = "Example:\n  dunlin shop renew")]
    Shop(Shop),

    /// List the tracked tables with their rows and digests, or let tables go
    ///
    /// Equal tables have equal digests on all machines.
    #[command(after_help = "Examples:\n  dunlin tables --json\n  dunlin tables untrack notes")]
    Tables(Tables),

    /// List the sessions of the past, newest first
    #[command(after_help = "Example:\n  dunlin history --partner 'till 3' --limit 50")]
    History(History),

    /// List the rows that cannot be shown yet, or try them again
    #[command(after_help = "Examples:\n  dunlin held\n  dunlin held retry 4\n  \
        dunlin held give 4 barcode=4006634\n  dunlin held accept --all --yes\n  \
        dunlin held keep 7")]
    Held(Held),

    /// List the versions that lost against another, or put one back
    #[command(
        after_help = "Examples:\n  dunlin conflicts\n  dunlin conflicts restore 12\n  dunlin conflicts keep 13"
    )]
    Conflicts(Conflicts),

    /// Exchange with the partners now
    ///
    /// Needs a running daemon. With --wait it ends when this machine and its partners are equal, or
    /// with exit code 5 after 60 seconds.
    #[command(after_help = "Example:\n  dunlin sync --partner 'till 3' --wait")]
    Sync(Sync),

    /// Manage who may call with a name and a password
    #[command(after_help = "Examples:\n  dunlin users add nightly --role write < password.txt\n  \
        dunlin users add anna --role admin --generate\n  dunlin users role anna read\n  \
        dunlin users list")]
    Users(Users),

    /// Manage the tokens of scripts, which stand in for a name and a password
    #[command(after_help = "Examples:\n  \
        dunlin tokens create report --role read --expires 90d --from 192.168.1.0/24 > token.txt\n  \
        dunlin tokens list\n  dunlin tokens revoke report")]
    Tokens(Tokens),

    /// Show this machine's key by its pin, or give it a new one
    #[command(after_help = "Examples:\n  dunlin key show\n  dunlin key rotate")]
    Key(Key),

    /// Show what the daemon runs with, or change what can be changed while it runs
    ///
    /// How the page stands to the network holds for five minutes, until it is kept: nobody locks
    /// himself out. What stands in dunlin.toml is changed there.
    #[command(after_help = "Examples:\n  dunlin settings\n  \
        dunlin settings set log.level debug\n  \
        dunlin settings set admin.lan_listen 0.0.0.0:7476\n  dunlin settings keep\n  \
        dunlin settings set admin.lan_listen\n  dunlin settings new-certificate")]
    Settings(Settings),

    /// Make a file for whoever helps from afar: versions, states, settings, history, log
    ///
    /// No row, no password, no token and no key is in it.
    #[command(after_help = "Examples:\n  dunlin bundle\n  dunlin bundle --output - | less")]
    Bundle(Bundle),

    /// Show it: a made-up parts shop on this computer, with real machines
    ///
    /// Starts several machines, each a process with its own SQLite file, lets them find and join
    /// each other, and sells on all of them until Ctrl-C. Leaves nothing behind.
    #[command(after_help = "Example:\n  dunlin demo --machines 4 --seconds 60")]
    Demo(Demo),

    /// Print the completions for a shell
    #[command(after_help = "Example:\n  dunlin completions bash > /etc/bash_completion.d/dunlin")]
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// Which machine, and in which form to answer.
#[derive(Debug, Clone, Default, Args)]
pub struct Here {
    /// The machine's state folder [default: the platform's, such as /var/lib/dunlin]
    #[arg(long, value_name = "DIR", env = "DUNLIN_DATA", global = true)]
    pub data: Option<PathBuf>,

    /// Answer in JSON
    #[arg(long, global = true)]
    pub json: bool,
}

impl Here {
    /// The state folder: as given, or the platform's.
    pub fn folder(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(crate::config::data_folder)
    }
}

/// `dunlin init`.
#[derive(Debug, Clone, Args)]
pub struct Init {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the same in each command; documented at its type")]
    pub here: Here,

    /// The application's SQLite file
    #[arg(long, value_name = "FILE")]
    pub database: PathBuf,

    /// What this machine is called [default: the computer's name]
    #[arg(long, value_parser = name)]
    pub name: Option<String>,

    /// Where partners call.
    #[arg(
        long,
        value_name = "ADDR:PORT",
        help = "Where partners call, such as [::]:7474; port 0 lets the system choose"
    )]
    pub partner_listen: Option<SocketAddr>,

    /// Where this machine's browser and scripts call: a loopback address, such as 127.0.0.1:7475
    #[arg(long, value_name = "ADDR:PORT", value_parser = loopback)]
    pub admin_listen: Option<SocketAddr>,
}

/// `dunlin track`.
#[derive(Debug, Clone, Args)]
pub struct Track {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the same in each command; documented at its type")]
    pub here: Here,

    /// The tables to track
    #[arg(value_name = "TABLE", required_unless_present = "all", conflicts_with = "all")]
    pub tables: Vec<String>,

    /// Track every table that can be tracked
    #[arg(long)]
    pub all: bool,

    /// Leave TABLE out of all; may be given several times
    #[arg(long, value_name = "TABLE", conflicts_with = "tables")]
    pub except: Vec<String>,

    /// Say what would be done, as `dunlin check` does, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the same in each command; documented at its type")]
    pub how: How,
}

/// `dunlin check`.
#[derive(Debug, Clone, Args)]
pub struct Check {
    /// The application's SQLite file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Only these tables [default: every table that can be tracked]
    #[arg(value_name = "TABLE")]
    pub tables: Vec<String>,

    /// Leave TABLE out of all; may be given several times
    #[arg(long, value_name = "TABLE", conflicts_with = "tables")]
    pub except: Vec<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the same in each command; documented at its type")]
    pub how: How,

    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// How tables are tracked.
#[derive(Debug, Clone, Default, Args)]
pub struct How {
    /// A reference that the schema does not declare; may be given several times
    #[arg(long, value_name = "CHILD.COLUMN=PARENT", value_parser = reference)]
    pub references: Vec<String>,

    /// A column that looks like a reference and is none; may be given several times
    #[arg(long = "no-reference", value_name = "TABLE.COLUMN", value_parser = column)]
    pub no_references: Vec<String>,

    /// Name the rows of TABLE by their key, the same on every machine; may be given several times
    #[arg(long, value_name = "TABLE")]
    pub natural: Vec<String>,

    /// COLUMN says when the rows of TABLE were written that are there; TABLE= if none does
    ///
    /// Where nothing is said, a column is taken that is called so (modified, updated …) and
    /// holds times.
    #[arg(long = "stamp", value_name = "TABLE=COLUMN", value_parser = stamp)]
    pub stamps: Vec<String>,

    /// The machines start from copies of one file: rows with equal keys are the same row
    #[arg(long)]
    pub copies: bool,
}

/// `dunlin tables`.
#[derive(Debug, Clone, Args)]
pub struct Tables {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the same in each command; documented at its type")]
    pub here: Here,

    /// What to do; to list when nothing is said
    #[command(subcommand)]
    pub act: Option<TablesAct>,
}

/// `dunlin tables …`.
#[derive(Debug, Clone, Subcommand)]
pub enum TablesAct {
    /// Stop keeping tables in step on this machine; nothing is lost, and `dunlin track` takes them back
    ///
    /// The rows that are here stay. What is written here from then on does not reach the others, and
    /// what they write is not shown here; it is passed on. Tracked again, both come together.
    #[command(after_help = "Example:\n  dunlin tables untrack orders order_lines")]
    Untrack {
        /// The tables; all of them are let go, or none
        #[arg(value_name = "TABLE", required = true)]
        tables: Vec<String>,
    },
}

/// `dunlin run`.
#[derive(Debug, Clone, Args)]
pub struct Run {
    /// The machine's state folder [default: the platform's, such as /var/lib/dunlin]
    #[arg(long, value_name = "DIR", env = "DUNLIN_DATA")]
    pub data: Option<PathBuf>,
}

impl Run {
    /// The state folder: as given, or the platform's.
    pub fn folder(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(crate::config::data_folder)
    }
}

/// `dunlin invite`.
#[derive(Debug, Clone, Args)]
pub struct Invite {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the same in each command; documented at its type")]
    pub here: Here,

    /// How many machines may join with it
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=USES_MAX))]
    pub uses: u32,

    /// For how long it is good, such as 90s, 15m, 8h or 2d
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = expires)]
    pub expires: Duration,

    /// As what they join [default: one as keeper, several as members]
    #[arg(long, value_enum)]
    pub role: Option<ShopRole>,
}

/// `dunlin pair`.
#[derive(Debug, Clone, Args)]
pub struct Pair {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the same in each command; documented at its type")]
    pub here: Here,

    /// The other machine: the name or id that it is seen with, or where it listens
    #[arg(value_name = "NAME-OR-ID|ADDRESS")]
    pub target: Option<String>,
}

/// `dunlin history`.
#[derive(Debug, Clone, Args)]
pub struct History {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the same in each command; documented at its type")]
    pub here: Here,

    /// Only sessions with this partner, by name or id
    #[arg(long, value_name = "NAME")]
    pub partner: Option<String>,

    /// Only sessions since this time, UTC: YYYY-MM-DD or 'YYYY-MM-DD HH:MM:SS'
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub since: Option<String>,

    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..=LIST_MAX))]
    pub limit: u32,
}

/// `dunlin held`.
#[derive(Debug, Clone, Args)]
pub struct Held {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the same in each command; documented at its type")]
    pub here: Here,

    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=LIST_MAX))]
    pub limit: u32,

    /// What to do; to list when nothing is said
    #[command(subcommand)]
    pub act: Option<HeldAct>,
}

/// `dunlin held …`.
#[derive(Debug, Clone, Subcommand)]
pub enum HeldAct {
    /// Try a held row again, or all of them
    Retry {
        /// The row's number in the list
        number: Option<i64>,
    },
    /// Let a delete that waits for a person happen on this machine, or all of them
    Accept(WaitingDelete),
    /// Keep a row whose delete waits for a person, or all of them, on every machine
    Keep(WaitingDelete),
    /// Give a row other values, with which its table takes it, on every machine
    #[command(after_help = "Examples:\n  dunlin held give 4 barcode=4006634\n  \
        dunlin held give 4 'name=Oil filter, small' --null shelf")]
    Give(GivenValues),
}

/// What a held row is given.
#[derive(Debug, Clone, Args)]
pub struct GivenValues {
    /// The row's number in the list
    pub number: i64,

    /// A column and its value
    #[arg(value_name = "COLUMN=VALUE", required_unless_present = "null", value_parser = column_and_value)]
    pub values: Vec<(String, String)>,

    /// A column that is to hold nothing (NULL); may be said again
    #[arg(long, value_name = "COLUMN")]
    pub null: Vec<String>,
}

fn column_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((column, value)) if !column.is_empty() => Ok((column.to_owned(), value.to_owned())),
        _ => Err("write COLUMN=VALUE".to_owned()),
    }
}

/// Which of the deletes that wait for a person.
#[derive(Debug, Clone, Copy, Args)]
pub struct WaitingDelete {
    /// The row's number in the list
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub number: Option<i64>,

    /// All that wait
    #[arg(long)]
    pub all: bool,

    /// Do not ask first, for scripts
    #[arg(long)]
    pub yes: bool,
}

/// `dunlin conflicts`.
#[derive(Debug, Clone, Args)]
pub struct Conflicts {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the same in each command; documented at its type")]
    pub here: Here,

    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=LIST_MAX))]
    pub limit: u32,

    /// What to do; to list when nothing is said
    #[command(subcommand)]
    pub act: Option<ConflictAct>,
}

/// `dunlin conflicts …`.
#[derive(Debug, Clone, Subcommand)]
pub enum ConflictAct {
    /// Put the version that lost back, as a new edit
    Restore {
        /// The conflict's number in the list
        number: i64,
    },
    /// Leave it as it stands: the version that won is right
    Keep {
        /// The conflict's number in the list
        number: i64,
    },
}

/// `dunlin sync`.
#[derive(Debug, Clone, Args)]
pub struct Sync {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the same in each command; documented at its type")]
    pub here: Here,

    /// Only with this partner, by name or id
    #[arg(long, value_name = "NAME")]
    pub partner: Option<String>,

    /// Wait until both sides are equal, at most 60 seconds
    #[arg(long)]
    pub wait: bool,
}

/// `dunlin key`.
#[derive(Debug, Clone, Args)]
pub struct Key {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the same in each command; documented at its type")]
    pub here: Here,

    /// What to do
    #[command(subcommand)]
    pub act: KeyAct,
}

/// `dunlin key …`.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum KeyAct {
    /// Show the machine's id and the pin of its key, never the key
    Show,
    /// Give this machine a new key; its id, its rows and its partners stay
    ///
    /// Needs a running daemon. Open invites end, since their tokens name the old key.
    Rotate {
        /// Do not ask first, for scripts
        #[arg(long)]
        yes: bool,
    },
}

/// `dunlin demo`.
#[derive(Debug, Clone, Args)]
pub struct Demo {
    /// How many machines
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u32).range(2..=DEMO_MACHINES_MAX))]
    pub machines: u32,

    /// End by itself after selling for so many seconds [default: at Ctrl-C]
    #[arg(long, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=DEMO_SECONDS_MAX))]
    pub seconds: Option<u32>,
}

fn name(text: &str) -> Result<String, String> {
    if crate::config::is_name(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("a name has 1 to {} printable characters", crate::config::NAME_MAX))
    }
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| "an address and a port are needed, such as 127.0.0.1:7475".to_owned())?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("only this computer may call here: use 127.0.0.1 or [::1]".to_owned())
    }
}

impl How {
    /// What a machine is asked to track.
    pub fn track(&self, tables: &[String], except: &[String]) -> TrackAsk {
        TrackAsk {
            database: None,
            all: tables.is_empty(),
            tables: tables.to_vec(),
            except: except.to_vec(),
            references: self.references.clone(),
            no_references: self.no_references.clone(),
            natural: self.natural.clone(),
            stamps: self.stamps.clone(),
            copies: self.copies,
        }
    }
}

/// `table.column`: likewise.
fn column(text: &str) -> Result<String, String> {
    let names = |(table, column): (&str, &str)| !table.is_empty() && !column.is_empty();
    if text.rsplit_once('.').is_some_and(names) {
        Ok(text.to_owned())
    } else {
        Err("write it as table.column, such as order_lines.order_id".to_owned())
    }
}

/// `child.column=parent`, looked at only as far as its shape: the tables are the daemon's to know.
fn reference(text: &str) -> Result<String, String> {
    let shaped = text.split_once('=').is_some_and(|(child, parent)| {
        !parent.is_empty()
            && child
                .rsplit_once('.')
                .is_some_and(|(table, column)| !table.is_empty() && !column.is_empty())
    });
    if shaped {
        Ok(text.to_owned())
    } else {
        Err("write it as child.column=parent, such as order_lines.order_id=orders".to_owned())
    }
}

/// `table=column`, or `table=`: likewise.
fn stamp(text: &str) -> Result<String, String> {
    if text.split_once('=').is_some_and(|(table, _)| !table.is_empty()) {
        Ok(text.to_owned())
    } else {
        Err("write it as table=column, such as customers=updated_at, or as table= for none"
            .to_owned())
    }
}

/// A time as the methods take it; a day means its first second.
fn since(text: &str) -> Result<String, String> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN));
    day.or_else(|_| NaiveDateTime::parse_from_str(text, TIME))
        .map(|time| time.format(TIME).to_string())
        .map_err(|_| "write it as YYYY-MM-DD or 'YYYY-MM-DD HH:MM:SS'".to_owned())
}

/// How long a token for joining is good.
fn expires(text: &str) -> Result<Duration, String> {
    let time = length(text)?;
    if (EXPIRES_MIN..=EXPIRES_MAX).contains(&time) {
        Ok(time)
    } else {
        Err("a token is good for 1 minute to 30 days".to_owned())
    }
}

/// A length of time as people write it: a whole number and s, m, h or d.
fn length(text: &str) -> Result<Duration, String> {
    let wrong = || "write a number and s, m, h or d, such as 15m".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: u64 = text.strip_suffix(unit).unwrap_or(text).parse().map_err(|_| wrong())?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => DAY,
        _ => return Err(wrong()),
    };
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}
