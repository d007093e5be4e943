//! A new key for this machine: what it means, before it is made.

use askama::Template;
use dunlin_rpc::wire::key::{KeyRotated, KeyStatus, Rotation};

use crate::page::frame::Frame;
use crate::page::texts::Texts;
use crate::page::words;

/// So many machines that have not heard are named.
const NAMES_MAX: usize = 5;

/// The question.
#[derive(Debug, Template)]
#[template(path = "rotate.html")]
pub(in crate::page) struct Rotate {
    frame: Frame,
    pin: String,
    under_way: Option<String>,
}

/// The question.
pub(in crate::page) fn page(frame: Frame, key: &KeyStatus) -> Rotate {
    let t = frame.t;
    Rotate {
        pin: mark(&key.pin),
        under_way: key.rotation.as_ref().map(|one| under_way(t, one)),
        frame,
    }
}

/// A rotation of which some have not heard; it ends by itself.
pub(in crate::page) fn under_way(t: Texts, rotation: &Rotation) -> String {
    let names = names(&rotation.waiting);
    t.count_with("rotate.under_way", rotation.waiting.len() as u64, &[("names", &names)])
}

/// What came of it.
pub(in crate::page) fn done(t: Texts, rotated: &KeyRotated) -> String {
    let mut told = match rotated.waiting.len() as u64 {
        0 => t.of("rotate.done").to_owned(),
        waiting => {
            let names = names(&rotated.waiting);
            t.count_with("rotate.done_waiting", waiting, &[("names", &names)])
        }
    };
    if rotated.uninvited > 0 {
        told.push(' ');
        told.push_str(t.of("rotate.uninvited"));
    }
    told
}

fn names(all: &[String]) -> String {
    let mut names: Vec<String> =
        all.iter().take(NAMES_MAX).map(|name| words::foreign(name)).collect();
    if all.len() > NAMES_MAX {
        names.push("…".to_owned());
    }
    names.join(", ")
}

/// A key's mark: hex in groups of eight, to be compared by eye.
pub(in crate::page) fn mark(hex: &str) -> String {
    let hex: Vec<char> = hex.chars().filter(char::is_ascii_hexdigit).collect();
    hex.chunks(8).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::texts::Language;

    #[test]
    fn a_new_key_is_told_with_who_has_not_heard_and_that_open_tokens_ended() {
        let t = Texts { language: Language::English };
        let all = done(t, &KeyRotated::default());
        assert_eq!(all, t.of("rotate.done"));
        let waiting = vec!["attic".to_owned(), "x".repeat(99)];
        let some = done(t, &KeyRotated { waiting, uninvited: 3, ..KeyRotated::default() });
        assert!(some.contains("attic") && some.contains("2 machines"), "{some}");
        assert!(some.ends_with(t.of("rotate.uninvited")), "{some}");
        assert!(!some.contains(&"x".repeat(65)), "a name is cut");
        let many = Rotation { since: None, waiting: vec!["till".to_owned(); 40] };
        assert!(under_way(t, &many).len() < 200, "{}", under_way(t, &many));
    }
}
