//! What can go wrong in a command: a sentence each, and the exit code.

use std::path::PathBuf;

use dunlin_rpc::client::CallError;
use dunlin_rpc::{Code, Fault};

use super::exit::Exit;
use crate::{demo, init};

/// Why a command failed. The sentence says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder holds no machine.
    #[error(
        "there is no machine in {folder}; make one with `dunlin init --data {folder} \
         --database FILE`, or name its folder with --data",
        folder = data.display()
    )]
    NoMachine {
        /// The state folder.
        data: PathBuf,
    },
    /// The command needs a daemon and none is there.
    #[error(
        "the daemon of {folder} is not running; start it with `dunlin run --data {folder}`",
        folder = data.display()
    )]
    NoDaemon {
        /// The state folder.
        data: PathBuf,
    },
    /// The socket or the folder belongs to somebody else.
    #[error(
        "this user may not look into {}; run the command as root or as the daemon's user",
        data.display()
    )]
    NotYours {
        /// The state folder.
        data: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The daemon is there, and the talk with it broke.
    #[error("the daemon of {} did not answer; look at its log and try again", data.display())]
    Silent {
        /// The state folder.
        data: PathBuf,
        /// What broke.
        source: CallError,
    },
    /// The socket is there and cannot be used.
    #[error("cannot reach the daemon of {}; is it starting? try again", data.display())]
    Socket {
        /// The state folder.
        data: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The answer is not what this version understands.
    #[error("the answer cannot be read; are the daemon and this command of one version?")]
    Answer {
        /// Where it differs.
        source: serde_json::Error,
    },
    /// The machine says no, in its own sentence.
    #[error("{}", super::text::sentence(&.0.message))]
    Refused(Fault),
    /// The machine cannot be opened in this process, or the daemon ended.
    #[error(transparent)]
    Engine(#[from] super::engine::Error),
    /// Nothing came from the prompt or standard input.
    #[error("no {what} was given; {how}")]
    Empty {
        /// What was asked for.
        what: &'static str,
        /// How to give it.
        how: &'static str,
    },
    /// Standard input or the terminal failed.
    #[error("cannot read the {what}; give it on standard input as UTF-8 text")]
    Input {
        /// What was asked for.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// More came than any such thing has.
    #[error("the {what} is longer than {max} bytes; only one is read, and nothing else with it")]
    TooLong {
        /// What was asked for.
        what: &'static str,
        /// How long it may be.
        max: usize,
    },
    /// No password could be made.
    #[error("cannot make a password; give one on standard input")]
    Propose {
        /// Why not.
        source: crate::users::Error,
    },
    /// The password was typed differently the second time.
    #[error("the two passwords differ; nothing was changed, try again")]
    PasswordsDiffer,
    /// It cannot be undone, and nobody said that it is meant.
    #[error(
        "to {what} cannot be undone; confirm it with --confirm '{}'",
        super::text::foreign(name)
    )]
    Unconfirmed {
        /// What was about to happen.
        what: &'static str,
        /// The name to give.
        name: String,
    },
    /// Another name was typed than that of the machine it is about.
    #[error("that is not the name “{}”; nothing was changed", super::text::foreign(name))]
    OtherName {
        /// The name that was wanted.
        name: String,
    },
    /// The file that was to be made is there.
    #[error("{} is there already; name another with --output", file.display())]
    FileThere {
        /// The file.
        file: PathBuf,
    },
    /// The file cannot be made or written.
    #[error("cannot write {}; name another with --output", file.display())]
    Output {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The threads that everything runs on could not be started.
    #[error("cannot start; the system has no threads to give")]
    Runtime {
        /// What the system said.
        source: std::io::Error,
    },
    /// `init` failed.
    #[error(transparent)]
    Init(#[from] init::Error),
    /// `demo` failed.
    #[error(transparent)]
    Demo(#[from] demo::Error),
}

impl Error {
    /// What a script is told.
    pub fn exit(&self) -> Exit {
        match self {
            Self::NoDaemon { .. } | Self::Silent { .. } | Self::Socket { .. } => Exit::NoDaemon,
            Self::NotYours { .. } => Exit::NotAuthorised,
            Self::Refused(fault) => refused(fault.code),
            Self::Engine(error) => error.exit(),
            Self::NoMachine { .. }
            | Self::Answer { .. }
            | Self::Empty { .. }
            | Self::Input { .. }
            | Self::TooLong { .. }
            | Self::PasswordsDiffer
            | Self::Unconfirmed { .. }
            | Self::OtherName { .. }
            | Self::Propose { .. }
            | Self::FileThere { .. }
            | Self::Output { .. }
            | Self::Runtime { .. }
            | Self::Init(_)
            | Self::Demo(_) => Exit::Failed,
        }
    }
}

/// Two codes are about who asks, one about a daemon that is leaving; the rest is about what was asked.
fn refused(code: Code) -> Exit {
    match code {
        Code::NotSignedIn | Code::NotAllowed => Exit::NotAuthorised,
        Code::Stopping => Exit::NoDaemon,
        _ => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(code: Code) -> Exit {
        Error::Refused(Fault::new(code, "no")).exit()
    }

    #[test]
    fn the_exit_code_says_what_kind_of_trouble_it_is() {
        let data = || PathBuf::from("/d");
        assert_eq!(Error::NoMachine { data: data() }.exit(), Exit::Failed);
        assert_eq!(Error::NoDaemon { data: data() }.exit(), Exit::NoDaemon);
        let source = std::io::ErrorKind::PermissionDenied.into();
        assert_eq!(Error::NotYours { data: data(), source }.exit(), Exit::NotAuthorised);
        assert_eq!(code(Code::NotAllowed), Exit::NotAuthorised);
        assert_eq!(code(Code::NotSignedIn), Exit::NotAuthorised);
        assert_eq!(code(Code::Stopping), Exit::NoDaemon);
        assert_eq!(code(Code::InviteNotAccepted), Exit::Failed);
        assert_eq!(code(Code::Internal), Exit::Failed);
    }

    #[test]
    fn a_refusal_is_shown_escaped() {
        let fault = Fault::new(Code::UnknownPartner, "no partner “\u{1b}[2Jtill”");
        let error = Error::Refused(fault);
        assert_eq!(error.to_string(), "no partner “\\u{1b}[2Jtill”");
    }

    #[test]
    fn a_missing_machine_is_told_with_the_command_that_makes_one() {
        assert_eq!(
            Error::NoMachine { data: "/srv/d".into() }.to_string(),
            "there is no machine in /srv/d; make one with `dunlin init --data /srv/d --database \
             FILE`, or name its folder with --data"
        );
    }
}
