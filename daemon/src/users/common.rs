//! Passwords that everybody tries first. Pure.
//!
//! What is left of a password when case, digits for letters, and what stands before and behind are
//! taken away must not be made of these words alone.

/// Words that lists of guessed passwords begin with, and those that suggest themselves here.
const WORDS: &str = "
    abc access admin administrator asdf asdfgh asdfghjkl auto baseball batman cashier changeit
    changeme charlie computer daemon database default dragon dunlin football freedom geheim
    google guest hallo hello hunter iloveyou internet kasse keeper letmein liverpool login love
    master michael mobile monkey mustang mysql network office oracle parts pass passw passwd
    password passwort pokemon postgres princess private qwer qwert qwerty qwertz qwertyuiop
    qwertzuiop root samsung secret server shadow shop sommer sqlite starwars store summer
    sunshine superman sync system temp test till trustno user welcome whatever willkommen winter
    your my the is a i new for me in please zxcv zxcvbn zxcvbnm
";

/// Rows of keys and letters, along which fingers walk.
const ROWS: &[&str] = &[
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
    "azertyuiop",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
];

/// So many different characters make a password, at the least.
const KINDS_MIN: usize = 5;

/// Whether a password is among those that are tried first.
pub(super) fn is_common(name: &str, password: &str) -> bool {
    let lower = password.to_lowercase();
    let kinds = lower.chars().collect::<std::collections::BTreeSet<_>>().len();
    kinds < KINDS_MIN || is_walk(&lower) || is_of_words(name, &lower)
}

/// Whether it is one row of keys, forth or back, perhaps repeated.
fn is_walk(lower: &str) -> bool {
    let letters: Vec<char> = lower.chars().collect();
    ROWS.iter().any(|row| {
        let forth: Vec<char> = row.chars().collect();
        let back: Vec<char> = row.chars().rev().collect();
        [forth, back].iter().any(|row| is_made_of_runs(&letters, row))
    })
}

/// Whether all of it falls into runs of four and more along a row.
fn is_made_of_runs(letters: &[char], row: &[char]) -> bool {
    let steps = |pair: &[char]| matches!(pair, [a, b] if row.windows(2).any(|two| two == [*a, *b]));
    let mut run = 1;
    for pair in letters.windows(2) {
        if steps(pair) {
            run += 1;
        } else if run < 4 {
            return false;
        } else {
            run = 1;
        }
    }
    run >= 4
}

/// Whether its letters are words of the list, or the user's own name, and nothing else.
fn is_of_words(name: &str, lower: &str) -> bool {
    let name = plain(&name.to_lowercase());
    let own = (!name.is_empty()).then_some(name.as_str());
    let words: Vec<&str> = WORDS.split_whitespace().chain(own).collect();
    // Once with digits read as letters (p4ssw0rd), once without them (password2026).
    let core = lower.trim_matches(|c: char| !c.is_alphabetic());
    let read: String = core.chars().map(letter_of).filter(|c| c.is_alphabetic()).collect();
    [read, plain(lower)].iter().any(|text| !text.is_empty() && falls_into(text, &words))
}

fn plain(lower: &str) -> String {
    lower.chars().filter(|c| c.is_alphabetic()).collect()
}

/// The letter that a digit or sign stands for in a word.
fn letter_of(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

/// Whether a text can be cut into these words.
fn falls_into(text: &str, words: &[&str]) -> bool {
    let mut ends = vec![false; text.len() + 1];
    if let Some(first) = ends.first_mut() {
        *first = true;
    }
    for at in 0..text.len() {
        if !ends.get(at).copied().unwrap_or_default() {
            continue;
        }
        let Some(rest) = text.get(at..) else { continue };
        for word in words.iter().filter(|word| rest.starts_with(**word)) {
            if let Some(end) = ends.get_mut(at + word.len()) {
                *end = true;
            }
        }
    }
    ends.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_tried_first_are_known_in_any_dress() {
        for common in [
            "password123",
            "P4ssw0rd!!2026",
            "passwordpassword",
            "administrator",
            "ChangeMe-please",
            "1234567890",
            "9876543210",
            "12341234123412341234",
            "qwertyuiop",
            "qwertzuiop12345",
            "1q2w3e4r5t6y",
            "aaaaaaaaaaaaaaaaaaaa",
            "abababababababab",
            "abcdefghijklmnop",
            "nightlynightly1",
            "nightly-password-1",
            "iloveyou-iloveyou",
        ] {
            assert!(is_common("nightly", common), "{common}");
        }
    }

    #[test]
    fn others_pass() {
        for good in [
            "correct horse",
            "correct horse battery",
            "another long password",
            "x7Kq-pp0-Zebra",
            "hunde beißen keine Katzen",
            "刹车片 is a brake pad",
            "h3kd83hf7s9dkj2m5nqp",
        ] {
            assert!(!is_common("nightly", good), "{good}");
        }
    }
}
