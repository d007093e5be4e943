//! The commands about the shop: who is in it, who is taken out, who is paused.

use clap::{Args, Subcommand, ValueEnum};

use super::Here;

/// `dunlin partners`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = false)]
pub struct Partners {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the same in each command; documented at its type")]
    pub here: Here,

    /// What to do; to list when nothing is said
    #[command(subcommand)]
    pub act: Option<PartnerAct>,
}

/// `dunlin partners …`.
#[derive(Debug, Clone, Subcommand)]
pub enum PartnerAct {
    /// Take a machine out of the shop, for ever: stolen, sold, broken, copied
    ///
    /// Its key is refused by every machine that hears of it; no row goes to it or comes from it.
    /// The machines that it let in stay, unless said otherwise.
    #[command(after_help = "Examples:\n  dunlin partners forget 'till 3'\n  \
        dunlin partners forget 'till 3' --keep none --confirm 'till 3'")]
    Forget(Forget),
    /// Make a machine a keeper, which may let in and forget
    Promote {
        /// The partner, by name or id
        #[arg(value_name = "NAME")]
        partner: String,
    },
    /// Let a machine in again that lost its way, since whoever let it in was forgotten
    LetIn {
        /// The machine, by name or id
        #[arg(value_name = "NAME")]
        partner: String,
        /// As what
        #[arg(long, value_enum, default_value_t = ShopRole::Member)]
        role: ShopRole,
    },
    /// Let no rows go to a partner or come from it, until resumed; also over a restart
    Pause(Whom),
    /// Let rows go to a partner and come from it again
    Resume(Whom),
}

/// `dunlin partners forget`.
#[derive(Debug, Clone, Args)]
pub struct Forget {
    /// The partner, by name or id; also the pin of any key
    #[arg(value_name = "NAME")]
    pub partner: String,

    /// Which of the machines that it let in stay: all, none, or these [default: all]
    #[arg(long, value_name = "all|none|NAME", num_args = 1..)]
    pub keep: Vec<String>,

    /// The partner's name again, instead of being asked for it
    #[arg(long, value_name = "NAME")]
    pub confirm: Option<String>,
}

/// Whom to pause or resume.
#[derive(Debug, Clone, Args)]
pub struct Whom {
    /// The partner, by name or id
    #[arg(value_name = "NAME", required_unless_present = "all", conflicts_with = "all")]
    pub partner: Option<String>,

    /// All partners, also those that join later
    #[arg(long)]
    pub all: bool,
}

/// `dunlin leave`.
#[derive(Debug, Clone, Args)]
pub struct Leave {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the same in each command; documented at its type")]
    pub here: Here,

    /// This machine's name, instead of being asked for it
    #[arg(long, value_name = "NAME")]
    pub confirm: Option<String>,
}

/// `dunlin shop`.
#[derive(Debug, Clone, Args)]
pub struct Shop {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the same in each command; documented at its type")]
    pub here: Here,

    /// What to do
    #[command(subcommand)]
    pub act: ShopAct,
}

/// `dunlin shop …`.
#[derive(Debug, Clone, Subcommand)]
pub enum ShopAct {
    /// Begin a new shop with this machine alone; all others must join again
    ///
    /// For a shop whose only keeper is lost, or that a stolen keeper has thrown out.
    Renew {
        /// This machine's name, instead of being asked for it
        #[arg(long, value_name = "NAME")]
        confirm: Option<String>,
    },
}

/// What a machine may do in the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ShopRole {
    /// And let in and forget
    Keeper,
    /// Keep in step
    Member,
}

impl ShopRole {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Keeper => "keeper",
            Self::Member => "member",
        }
    }
}
