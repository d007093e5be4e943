//! What the demo tells while it starts: a spinner on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::ProgressBar;

use crate::cli::output;

/// Fast enough to look alive.
const SPIN: Duration = Duration::from_millis(100);

/// The step under way.
#[derive(Debug)]
pub(super) struct Progress {
    spinner: ProgressBar,
    terminal: bool,
}

impl Progress {
    /// Nothing is told yet.
    pub(super) fn start() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let spinner = if terminal { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if terminal {
            spinner.enable_steady_tick(SPIN);
        }
        Self { spinner, terminal }
    }

    /// Something has begun.
    pub(super) fn step(&mut self, what: &str) {
        if self.terminal && !self.spinner.is_finished() {
            self.spinner.set_message(format!("{what} …"));
        } else {
            output::say(&format!("{what} …"));
        }
    }

    /// Something is done, and worth a line that stays.
    pub(super) fn done(&mut self, what: &str) {
        self.spinner.suspend(|| line(what));
    }

    /// No more steps: what follows is lines only.
    pub(super) fn end(&mut self) {
        self.spinner.finish_and_clear();
    }
}

/// A line of the demo itself.
pub(super) fn line(text: &str) {
    output::answer(text);
}
