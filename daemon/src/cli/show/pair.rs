//! A pairing as a person follows it: what to do now, the number of this screen, how it ended.

use dunlin_rpc::wire::admin::SightingStatus;
use dunlin_rpc::wire::pairing::PairingStatus;

use super::status::sightings;
use crate::cli::output::Look;
use crate::cli::text::{foreign, sentence};

/// The digits as strokes, three lines each: read across a counter.
const STROKES: [[&str; 10]; 3] = [
    [" _ ", "   ", " _ ", " _ ", "   ", " _ ", " _ ", " _ ", " _ ", " _ "],
    ["| |", "  |", " _|", " _|", "|_|", "|_ ", "|_ ", "  |", "|_|", "|_|"],
    ["|_|", "  |", "|_ ", " _|", "  |", " _|", "|_|", "  |", "|_|", " _|"],
];

/// The machines that could be paired with.
pub fn candidates(seen: &[SightingStatus], look: Look) -> String {
    if seen.is_empty() {
        return "No other machine is seen on the network. Is it on, and does it run `dunlin`? One that is \
                not seen can be named by ADDRESS:PORT.\n"
            .into();
    }
    let list = sightings(seen, look);
    format!("{list}\nRun `dunlin pairing` on one of them, and here `dunlin pair NAME-OR-ID`.\n")
}

/// Six digits in two groups: `123 456`.
pub fn grouped(digits: &str) -> String {
    match digits.split_at_checked(3) {
        Some((first, second)) => format!("{first} {second}"),
        None => digits.to_owned(),
    }
}

/// The same in large strokes, for a terminal.
pub fn large(digits: &str) -> String {
    let mut text = String::new();
    for line in &STROKES {
        text.push_str("    ");
        for (at, digit) in digits.chars().enumerate() {
            let stroke = digit.to_digit(10).and_then(|digit| line.get(digit as usize));
            text.push_str(if at == 3 { "     " } else { " " });
            text.push_str(stroke.unwrap_or(&"   "));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// What to do now; none where there is nothing to do.
pub fn now(status: &PairingStatus, is_large: bool) -> Option<String> {
    let own = status.own.as_deref().unwrap_or_default();
    let partner = foreign(status.partner.as_deref().unwrap_or_default());
    Some(match status.state.as_str() {
        "open" => "Open for pairing. On the other machine, run `dunlin pair` with the name, id or address of \
                   this one. Ctrl-C ends it."
            .to_owned(),
        "calling" => "Calling. If it is not open yet, run `dunlin pairing` on the other machine. Ctrl-C ends it."
            .to_owned(),
        "numbers" => {
            let large = if is_large { large(own) + "\n" } else { String::new() };
            format!(
                "A machine that calls itself “{partner}” answers. The number of this machine:\n\n{large}    {}\n\n\
                 Type it there, and here the number that the other machine shows.",
                grouped(own)
            )
        }
        "waiting" => format!(
            "That is right. Now {} has to be typed on the other machine.",
            grouped(own)
        ),
        _ => return None,
    })
}

/// How it ended, or what was wrong with the last entry.
pub fn ended(status: &PairingStatus) -> String {
    let said = sentence(status.sentence.as_deref().unwrap_or("the pairing is closed"));
    let partner = status.partner.as_deref().filter(|name| !name.is_empty());
    match (status.end.as_deref(), partner) {
        (Some("paired"), Some(name)) => format!("Paired with “{}”: {said}.\n", foreign(name)),
        (Some(word), Some(name)) => {
            format!("Not paired with “{}” ({}): {said}.\n", foreign(name), foreign(word))
        }
        (Some(word), None) => format!("Not paired ({}): {said}.\n", foreign(word)),
        (None, _) => format!("Not paired: {said}.\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: &str) -> PairingStatus {
        PairingStatus {
            state: state.to_owned(),
            own: Some("012345".to_owned()),
            partner: Some("till\u{1b}[2J 2".to_owned()),
            ..PairingStatus::default()
        }
    }

    #[test]
    fn the_number_of_this_machine_is_shown_large_and_in_groups() {
        assert_eq!(grouped("012345"), "012 345");
        let shown = now(&status("numbers"), true).unwrap();
        assert!(shown.contains("012 345"), "{shown}");
        assert_eq!(
            large("012345") + &large("678900"),
            concat!(
                "      _       _       _       _\n",
                "     | |   |  _|      _| |_| |_\n",
                "     |_|   | |_       _|   |  _|\n",
                "      _   _   _       _   _   _\n",
                "     |_    | |_|     |_| | | | |\n",
                "     |_|   | |_|      _| |_| |_|\n",
            )
        );
        // Spoken or copied, it must be there as text, too.
        assert!(now(&status("waiting"), false).unwrap().contains("012 345"));
    }

    #[test]
    fn the_name_of_the_other_side_is_quoted_and_commands_no_terminal() {
        let shown = now(&status("numbers"), false).unwrap();
        assert!(shown.contains("“till\\u{1b}[2J 2”"), "{shown}");
        let long = PairingStatus {
            end: Some("paired".to_owned()),
            sentence: Some("they are partners".to_owned()),
            partner: Some("x".repeat(1_000)),
            ..status("closed")
        };
        assert!(ended(&long).len() < 200, "{}", ended(&long));
    }
}
