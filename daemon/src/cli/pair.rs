//! `dunlin pair` and `dunlin pairing`: two people at two machines, each reading one number and typing the other.
//!
//! The daemon pairs; this follows it, asks for the number, and ends with it. Whoever leaves (Ctrl-C, or a standard input
//! that ends before the number) calls it off: nobody would see what comes.

use std::io::{BufRead as _, IsTerminal as _};
use std::time::Duration;

use dunlin_rpc::Code;
use dunlin_rpc::method::admin::AdminClient as _;
use dunlin_rpc::method::pairing::PairingClient as _;
use dunlin_rpc::wire::pairing::PairingStatus;
use indicatif::ProgressBar;
use tokio::sync::mpsc;

use super::args::{Here, Pair};
use super::door::Door;
use super::error::Error;
use super::exit::Exit;
use super::output::{self, Look};
use super::show::pair as show;
use super::text;

/// How often the daemon is asked how it stands: at once, to a person.
const LOOK: Duration = Duration::from_millis(200);

/// Lines that were typed and not looked at yet.
const LINES_MAX: usize = 8;

/// The longest line that can be a number, with room for spaces.
const LINE_MAX: u64 = 64;

pub(super) async fn pair(args: &Pair) -> Result<Exit, Error> {
    let door = Door::daemon(&args.here.folder()).await?;
    let Some(target) = &args.target else { return list(&door, &args.here).await };
    let status = door.ask(door.pairing_begin(target.clone())).await?;
    Following::new(&door, args.here.json).until_over(status).await
}

pub(super) async fn pairing(here: &Here) -> Result<Exit, Error> {
    let door = Door::daemon(&here.folder()).await?;
    let status = door.ask(door.pairing_open()).await?;
    Following::new(&door, here.json).until_over(status).await
}

async fn list(door: &Door, here: &Here) -> Result<Exit, Error> {
    let status = door.ask(door.machine_status()).await?;
    if here.json {
        let json = output::json(&status.sightings, "sightings");
        output::answer(&json.map_err(|source| Error::Answer { source })?);
    } else {
        output::answer(&show::candidates(&status.sightings, Look::of_stdout()));
    }
    Ok(Exit::Ok)
}

/// A pairing that is followed.
struct Following<'a> {
    door: &'a Door,
    json: bool,
    terminal: bool,
    /// Counts down while there is nothing to type.
    spinner: Option<ProgressBar>,
    /// What was told last: in JSON, or state and run.
    told: String,
    /// The last hint, and the run and end that were told.
    hint: Option<String>,
    ended: Option<(u64, String)>,
}

impl<'a> Following<'a> {
    fn new(door: &'a Door, json: bool) -> Self {
        let terminal = std::io::stderr().is_terminal() && !json;
        Self { door, json, terminal, spinner: None, told: String::new(), hint: None, ended: None }
    }

    async fn until_over(mut self, mut status: PairingStatus) -> Result<Exit, Error> {
        let mut lines = typed();
        // One wait for all rounds: what is pressed while the daemon is asked is not lost.
        let mut interrupted = Box::pin(tokio::signal::ctrl_c());
        loop {
            self.tell(&status)?;
            if let Some(exit) = self.over(&status).await? {
                return Ok(exit);
            }
            let asked = status.state == "numbers";
            status = tokio::select! {
                () = tokio::time::sleep(LOOK) => self.door.ask(self.door.pairing_state()).await?,
                line = lines.recv(), if asked => self.enter(line).await?,
                _ = &mut interrupted => {
                    interrupted.set(tokio::signal::ctrl_c());
                    self.door.ask(self.door.pairing_cancel()).await?
                }
            };
        }
    }

    /// Hands a typed line on. The end of the input calls the pairing off.
    async fn enter(&mut self, line: Option<String>) -> Result<PairingStatus, Error> {
        let Some(line) = line else {
            self.door.ask(self.door.pairing_cancel()).await?;
            let how = "type the one that the other machine shows, or give it on standard input";
            return Err(Error::Empty { what: "number", how });
        };
        if line.trim().is_empty() {
            return self.door.ask(self.door.pairing_state()).await;
        }
        match self.door.ask(self.door.pairing_confirm(line)).await {
            // No number at all, or a moment too late: the state says what is next.
            Err(Error::Refused(fault))
                if matches!(fault.code, Code::InvalidParams | Code::Refused) =>
            {
                self.say(&text::sentence(&fault.message));
                self.door.ask(self.door.pairing_state()).await
            }
            other => other,
        }
    }

    fn say(&self, line: &str) {
        match &self.spinner {
            Some(spinner) => spinner.suspend(|| output::say(line)),
            None => output::say(line),
        }
    }

    /// A line that counts down, on a terminal; while a number is typed nothing moves.
    fn count_down(&mut self, status: &PairingStatus) {
        match status.seconds_left.filter(|_| self.terminal && status.state != "numbers") {
            Some(left) => {
                let spinner = self.spinner.get_or_insert_with(ProgressBar::new_spinner);
                spinner.set_message(format!("{}:{:02} left", left / 60, left % 60));
                spinner.tick();
            }
            None => self.clear(),
        }
    }

    fn clear(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
    }

    /// Tells what is new about it.
    fn tell(&mut self, status: &PairingStatus) -> Result<(), Error> {
        if self.json {
            let timeless = PairingStatus { seconds_left: None, ..status.clone() };
            let seen =
                serde_json::to_string(&timeless).map_err(|source| Error::Answer { source })?;
            if seen != self.told {
                self.told = seen;
                let line = output::json_line(status).map_err(|source| Error::Answer { source })?;
                output::answer(&line);
            }
            return Ok(());
        }
        self.count_down(status);
        let seen = format!("{} {}", status.state, status.run);
        if let Some(now) = show::now(status, self.terminal).filter(|_| seen != self.told) {
            self.told = seen;
            self.say(&now);
        }
        if let Some(hint) = status.hint.as_ref().filter(|hint| self.hint.as_ref() != Some(hint)) {
            self.say(&text::sentence(hint));
        }
        self.hint.clone_from(&status.hint);
        Ok(())
    }

    /// The exit code, once it is over.
    async fn over(&mut self, status: &PairingStatus) -> Result<Option<Exit>, Error> {
        let is_closed = status.state == "closed";
        let Some(end) = status.end.clone() else {
            if is_closed {
                self.answer(status);
            }
            return Ok(is_closed.then_some(Exit::Failed));
        };
        if !is_closed {
            // Still open, and a run is over. What somebody else ended may come once more; numbers that differ are an
            // alarm, and nobody should try on without having read it.
            let news = Some((status.run, end.clone()));
            if self.ended == news || status.state != "open" {
                return Ok(None);
            }
            self.ended = news;
            if end != "digits differ" {
                if !self.json {
                    self.say(show::ended(status).trim_end());
                }
                return Ok(None);
            }
            self.door.ask(self.door.pairing_cancel()).await?;
        }
        self.answer(status);
        Ok(Some(if end == "paired" { Exit::Ok } else { Exit::Failed }))
    }

    fn answer(&mut self, status: &PairingStatus) {
        self.clear();
        if !self.json {
            output::answer(&show::ended(status));
        }
    }
}

/// The lines of standard input, read by a thread of their own: nothing else can wait for them and for the daemon.
fn typed() -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel(LINES_MAX);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut line = String::new();
        loop {
            line.clear();
            // A line that is longer comes in pieces, none of which is a number.
            let read = std::io::Read::take(&mut input, LINE_MAX).read_line(&mut line);
            if !read.is_ok_and(|bytes| bytes > 0) || send.blocking_send(line.clone()).is_err() {
                return;
            }
        }
    });
    receive
}
