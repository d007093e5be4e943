//! The book of sentences against the sources, and how a sentence is known again.

#![expect(clippy::string_slice, reason = "sources are cut behind what was found there")]

use super::*;
use std::collections::BTreeSet;
use std::path::Path;

const EN: Texts = Texts { language: Language::English };
const DE: Texts = Texts { language: Language::German };

/// Where sentences are made that can reach the page: in answers, and in what is kept of partners.
const SOURCES: [&str; 40] = [
    "daemon/src/error.rs",
    "daemon/src/users.rs",
    "daemon/src/tokens.rs",
    "daemon/src/roster/store.rs",
    "daemon/src/invite.rs",
    "daemon/src/invite/token.rs",
    "daemon/src/keys.rs",
    "daemon/src/joining.rs",
    "daemon/src/pairing.rs",
    "daemon/src/sync/agree.rs",
    "daemon/src/sync/answer.rs",
    "daemon/src/sync/dial.rs",
    "daemon/src/sync/driver.rs",
    "daemon/src/sync/exchange.rs",
    "daemon/src/sync/handover.rs",
    "daemon/src/sync/links.rs",
    "daemon/src/sync/tell.rs",
    "daemon/src/service/access.rs",
    "daemon/src/service/admin.rs",
    "daemon/src/service/attention.rs",
    "daemon/src/service/lists.rs",
    "daemon/src/service/overview.rs",
    "daemon/src/service/rights.rs",
    "daemon/src/service/shop.rs",
    "daemon/src/service/status.rs",
    "daemon/src/machine/ignored.rs",
    "daemon/src/machine/member.rs",
    "daemon/src/machine/pauses.rs",
    "daemon/src/machine/rotate.rs",
    "daemon/src/machine/shop.rs",
    "daemon/src/config/network.rs",
    "daemon/src/settings.rs",
    "daemon/src/settings/driver.rs",
    "daemon/src/service/settings.rs",
    "daemon/src/sign_in.rs",
    "rpc/src/client/link.rs",
    "daemon/src/watch.rs",
    "schema/src/error.rs",
    "schema/src/left_out.rs",
    "schema/src/catalogue/load.rs",
];
/// Where they stand among many of another kind; only whether those of the book are still there is asked.
const ALSO: [&str; 12] = [
    "schema/src/track.rs",
    "schema/src/track/references.rs",
    "schema/src/undeclared.rs",
    "schema/src/written.rs",
    "schema/src/untrack.rs",
    "schema/src/held.rs",
    "schema/src/fold.rs",
    "schema/src/catalogue/describe.rs",
    "daemon/src/service/there.rs",
    "schema/src/held/give.rs",
    "schema/src/put.rs",
    "schema/src/namesakes.rs",
];

fn source(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    text.split("mod tests {").next().unwrap().to_owned()
}

/// What is in quotes in a source, without comments, the words of the log, and the reasons of lints.
fn quoted(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    // At which depth of brackets something is passed over, if anything is.
    let (mut depth, mut over) = (0_usize, None);
    let mut rest = source;
    let marks = ["#[expect(", "info!(", "warn!(", "debug!(", "error!(", "trace!("];
    while let Some(letter) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
            continue;
        }
        if let Some(mark) = marks.iter().find(|mark| rest.starts_with(**mark)) {
            over = over.or(Some(depth));
            depth += mark.matches(['(', '[']).count();
            rest = &rest[mark.len()..];
            continue;
        }
        if letter == '"' {
            let (text, after) = literal_of(&rest[1..]);
            if over.is_none() {
                found.push(text);
            }
            rest = after;
            continue;
        }
        if rest.starts_with("'\"'") {
            rest = &rest[3..];
            continue;
        }
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => {
                depth = depth.saturating_sub(1);
                over = over.filter(|at| *at < depth);
            }
            _ => {}
        }
        rest = &rest[letter.len_utf8()..];
    }
    found
}

/// A literal up to its closing quote, as the program has it.
fn literal_of(text: &str) -> (String, &str) {
    let (mut out, mut letters) = (String::new(), text.char_indices());
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (out, &text[at + 1..]),
            '\\' => match letters.next() {
                Some((at, '\n')) => {
                    let after = text[at + 1..].trim_start();
                    let (more, rest) = literal_of(after);
                    return (out + &more, rest);
                }
                Some((_, 'n')) => out.push('\n'),
                Some((_, other)) => out.push(other),
                None => {}
            },
            other => out.push(other),
        }
    }
    panic!("a literal without an end: {out}")
}

fn is_sentence(text: &str) -> bool {
    let begins = text.split(' ').next().unwrap_or_default();
    let is_sql = begins.len() > 1 && begins.chars().all(|letter| letter.is_ascii_uppercase());
    text.trim().contains(' ') && !is_sql && text.chars().any(char::is_alphabetic)
}

#[test]
fn every_sentence_that_the_daemon_can_say_has_its_german_one() {
    let never: BTreeSet<&str> = BOOK.never.iter().map(String::as_str).collect();
    let says: BTreeSet<&str> = BOOK.said.iter().map(|said| said.says.as_str()).collect();
    assert!(says.len() > 100, "the book cannot be read");
    let mut all = BTreeSet::new();
    let mut missing = Vec::new();
    for path in SOURCES {
        for text in quoted(&source(path)) {
            if is_sentence(&text) && !says.contains(text.as_str()) && !never.contains(text.as_str())
            {
                missing.push(format!("{path}: {text:?}"));
            }
            all.insert(text);
        }
    }
    assert!(missing.is_empty(), "texts/said.toml lacks:\n{}", missing.join("\n"));
    for path in ALSO {
        all.extend(quoted(&source(path)));
    }
    let gone: Vec<&&str> = says
        .iter()
        .chain(&never)
        .filter(|text| !all.contains(**text) && text.contains(' '))
        .collect();
    assert!(gone.is_empty(), "said no more, and still in texts/said.toml: {gone:#?}");
}

#[test]
fn what_is_filled_in_is_what_stands_in_a_hole_of_the_sentence() {
    let names = |text: &str| -> BTreeSet<String> {
        let holes = text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
        holes.map(|hole| hole.split(':').next().unwrap_or_default().to_owned()).collect()
    };
    for said in &BOOK.said {
        let unnamed = said.says.matches("{}").count();
        let mut holes = names(&said.says);
        holes.remove("");
        holes.extend((0..unnamed).map(|n| n.to_string()));
        for text in said.en.iter().chain([&said.de]) {
            let used = names(text);
            assert!(used.is_subset(&holes), "{}: {used:?}", said.says);
            assert!(!text.contains('`') && text.trim() == text && !text.is_empty(), "{text}");
            assert!(text.ends_with(['.', '?', '}']), "{text}");
        }
    }
}

#[test]
fn a_sentence_is_known_again_whatever_stands_in_its_holes() {
    let unknown = crate::error::Error::UnknownPartner { name: "till 9".into() }.to_string();
    assert_eq!(sentence(DE, &unknown), "Es gibt keinen Partner namens „till 9“.");
    assert_eq!(sentence(EN, &unknown), "There is no partner called “till 9”.");
    let dial = dunlin_rpc::client::DialError::Refused.to_string();
    assert!(sentence(DE, &dial).starts_with("Der Rechner dort kennt diesen"), "{dial}");
    assert!(sentence(DE, "nobody answers: Connection refused").starts_with("Unter seiner Adresse"));
    let why = dunlin_schema::Error::Untrackable {
        table: "v".into(),
        why: "it belongs to SQLite itself".into(),
    };
    let told = sentence(DE, &why.to_string());
    assert_eq!(told, "„v“ lässt sich nicht abgleichen. Sie gehört SQLite selbst.");
    let hint = "that is not the number of the other machine; two tries are left";
    assert_eq!(sentence(DE, hint), "Das ist nicht die Zahl des anderen Rechners.");
    assert_eq!(sentence(EN, hint), "That is not the number of the other machine.");
    assert_eq!(sentence(DE, "something new"), "Something new.");
    assert_eq!(sentence(DE, ""), "");
}

#[test]
fn what_stands_in_a_hole_is_cut_and_never_read_as_a_text_of_ours() {
    let evil =
        format!("there is no partner called \"{}{{n}}\"; see `dunlin partners`", "x".repeat(99));
    let told = sentence(DE, &evil);
    assert!(told.contains(&"x".repeat(64)) && !told.contains(&"x".repeat(65)), "{told}");
    let braces = "there is no database called {name} {0}";
    assert_eq!(sentence(DE, braces), "Es gibt keine Datenbank namens „{name} {0}“.");
}

#[test]
fn a_sentence_that_begins_with_a_hole_does_not_take_in_another_one() {
    let outer = "cannot untrack parts: orders refers to it and stays tracked; untrack both at once";
    assert_eq!(
        sentence(EN, outer),
        "“parts” stays in step. “orders” refers to it and stays in step. Let both go at once."
    );
}
