//! Notes for the next page: what an action came to, and secrets that are shown once.
//!
//! A note lies here, under a code that is drawn for it and travels in the query; nothing of it comes
//! from the query itself. It is its visitor's own, and goes after a while.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So long a note can be read again: going back and forth is no reason to lose it.
const KEPT_FOR: Duration = Duration::from_mins(15);

/// So many at once; the oldest goes.
const NOTES_MAX: usize = 256;

/// How a note looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
}

impl Tone {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
        }
    }
}

/// What is told on the next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) tone: Tone,
    pub(super) text: String,
    /// Something to be shown once: an invite, a token. Its kind, and itself.
    pub(super) once: Option<Once>,
}

/// Something to be shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Once {
    pub(super) secret: String,
    /// What it is for, when it ends: already in words.
    pub(super) about: String,
}

struct Kept {
    note: Note,
    whose: String,
    since: Instant,
}

/// The notes that wait.
#[derive(Default)]
pub(super) struct Notes(Mutex<HashMap<String, Kept>>);

impl Notes {
    fn kept(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a note for a visitor; answers its code.
    pub(super) fn leave(&self, whose: &str, note: Note) -> String {
        let mut kept = self.kept();
        let now = Instant::now();
        kept.retain(|_, one| now.duration_since(one.since) < KEPT_FOR);
        if kept.len() >= NOTES_MAX
            && let Some(oldest) =
                kept.iter().min_by_key(|(_, one)| one.since).map(|(code, _)| code.clone())
        {
            kept.remove(&oldest);
        }
        let code = super::random_hex();
        kept.insert(code.clone(), Kept { note, whose: whose.to_owned(), since: now });
        code
    }

    /// The note of a code, if it is this visitor's.
    pub(super) fn read(&self, whose: &str, code: &str) -> Option<Note> {
        let kept = self.kept();
        let one = kept.get(code)?;
        (one.whose == whose && one.since.elapsed() < KEPT_FOR).then(|| one.note.clone())
    }
}

impl std::fmt::Debug for Notes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Notes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_its_visitors_own() {
        let notes = Notes::default();
        let note = Note { tone: Tone::Good, text: "done".to_owned(), once: None };
        let code = notes.leave("anna", note.clone());
        assert_eq!(notes.read("anna", &code), Some(note));
        assert_eq!(notes.read("bert", &code), None);
        assert_eq!(notes.read("anna", "made up"), None);
    }

    #[test]
    fn notes_are_bounded() {
        let notes = Notes::default();
        for _ in 0..NOTES_MAX + 10 {
            notes.leave("x", Note { tone: Tone::Bad, text: String::new(), once: None });
        }
        assert_eq!(notes.kept().len(), NOTES_MAX);
    }
}
