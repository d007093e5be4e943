//! `dunlin users` and `dunlin tokens`.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::{Here, length, name};

/// `dunlin users`.
#[derive(Debug, Clone, Args)]
pub struct Users {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the same in each command; documented at its type")]
    pub here: Here,

    /// What to do
    #[command(subcommand)]
    pub act: UserAct,
}

/// `dunlin users …`.
#[derive(Debug, Clone, Subcommand)]
pub enum UserAct {
    /// Add a user; the password comes from a prompt or standard input
    Add {
        /// The name
        name: String,
        /// What the user may do
        #[arg(long, value_enum, default_value_t = Role::Read)]
        role: Role,
        /// Make a password of 20 random characters and print it
        #[arg(long)]
        generate: bool,
        /// A program of 2009 on another machine: getdata and putdata alone, unprotected
        #[arg(long)]
        old_caller: bool,
    },
    /// Give a user another password, from a prompt or standard input
    Passwd {
        /// The name
        name: String,
        /// Make a password of 20 random characters and print it
        #[arg(long)]
        generate: bool,
    },
    /// Give a user another role; one who becomes an admin gets a new password with it
    Role {
        /// The name
        name: String,
        /// What the user may do from now on
        #[arg(value_enum)]
        role: Role,
        /// Make a password of 20 random characters and print it
        #[arg(long)]
        generate: bool,
    },
    /// Remove a user
    Remove {
        /// The name
        name: String,
    },
    /// List the users
    List,
}

/// `dunlin tokens`.
#[derive(Debug, Clone, Args)]
pub struct Tokens {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the same in each command; documented at its type")]
    pub here: Here,

    /// What to do
    #[command(subcommand)]
    pub act: TokenAct,
}

/// `dunlin tokens …`.
#[derive(Debug, Clone, Subcommand)]
pub enum TokenAct {
    /// Make a token and print it, once
    Create {
        /// What to call it
        #[arg(value_parser = name)]
        name: String,
        /// What it allows
        #[arg(long, value_enum, default_value_t = Role::Read)]
        role: Role,
        /// For how long it is good, such as 8h or 90d [default: until it is revoked]
        #[arg(long, value_name = "TIME", value_parser = length)]
        expires: Option<Duration>,
        /// Good only from these addresses, such as 192.168.1.0/24 [default: from anywhere]
        #[arg(long, value_name = "RANGE")]
        from: Option<String>,
    },
    /// List the tokens, without themselves
    List,
    /// End a token, by its name or its id
    Revoke {
        /// The name or the id
        name: String,
    },
}

/// What a user or a token may do; each includes the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Read rows
    Read,
    /// And write rows
    Write,
    /// And manage this machine
    Admin,
}

impl Role {
    /// The word in calls.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}
