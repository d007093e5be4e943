//! The page's texts, in each language: `daemon/texts/*.toml`, a file per language.
//!
//! ```text
//!   of("found.pair")                  Pair
//!   with("x", &[("name", "till 3")])  {name} in the text becomes till 3
//!   count("rows", 2)                  rows.one or rows.many, {n} becomes the number
//! ```
//!
//! # Invariants
//!
//! * Each language has the same keys, with the same names in braces: a test says so.
//! * A text is never markup: templates escape it like everything else.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::words;

/// A language that the page speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Language {
    #[default]
    English,
    German,
}

impl Language {
    pub(super) const ALL: [Self; 2] = [Self::English, Self::German];

    /// As in `lang=` and in the cookie.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// What it calls itself.
    pub(super) fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
        }
    }

    pub(super) fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// The first language of an `Accept-Language` header that we speak.
    pub(super) fn accepted(header: &str) -> Self {
        let wanted = header.split(',').filter_map(|one| one.split([';', '-']).next());
        wanted.map(str::trim).find_map(Self::of).unwrap_or_default()
    }
}

type Book = HashMap<String, String>;

static ENGLISH: LazyLock<Book> = LazyLock::new(|| book(include_str!("../../texts/en.toml")));
static GERMAN: LazyLock<Book> = LazyLock::new(|| book(include_str!("../../texts/de.toml")));

/// The texts of one language.
#[derive(Clone, Copy, Debug)]
pub(super) struct Texts {
    pub(super) language: Language,
}

impl Texts {
    fn book(self) -> &'static Book {
        match self.language {
            Language::English => &ENGLISH,
            Language::German => &GERMAN,
        }
    }

    /// The language, as in `lang=`.
    pub(super) fn language(self) -> &'static str {
        self.language.code()
    }

    /// A text.
    pub(super) fn of(self, key: &'static str) -> &'static str {
        // A key without a text is a fault of ours that a test finds; the page shows the key.
        self.book().get(key).map_or(key, String::as_str)
    }

    /// A text with names filled in.
    pub(super) fn with(self, key: &'static str, names: &[(&str, &str)]) -> String {
        fill(self.of(key), names)
    }

    /// A text for a number of things.
    pub(super) fn count(self, key: &str, n: u64) -> String {
        self.count_with(key, n, &[])
    }

    /// A text for a number of things, with names filled in.
    pub(super) fn count_with(self, key: &str, n: u64, names: &[(&str, &str)]) -> String {
        let form = if n == 1 { "one" } else { "many" };
        let text = self.book().get(&format!("{key}.{form}")).map_or(key, String::as_str);
        let number = words::number(self, n);
        fill(text, &[&[("n", number.as_str())], names].concat())
    }
}

/// One pass, so that what is filled in is never read as a text itself.
pub(super) fn fill(text: &str, names: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            rest = after;
            break;
        };
        let value = names.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        out.push_str(value);
        rest = after;
    }
    out.push_str(rest);
    out
}

fn book(text: &str) -> Book {
    let mut book = Book::new();
    // A file that is not TOML is found by a test.
    if let Ok(table) = text.parse::<toml::Table>() {
        flatten("", &toml::Value::Table(table), &mut book);
    }
    book
}

fn flatten(at: &str, value: &toml::Value, book: &mut Book) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                flatten(&path, value, book);
            }
        }
        toml::Value::String(text) => {
            book.insert(at.to_owned(), text.clone());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// The names in braces of a text.
    fn names(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect()
    }

    /// The page's sources and templates, without tests.
    fn sources() -> String {
        fn read(folder: &Path, out: &mut String) {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    read(&path, out);
                } else {
                    let text = std::fs::read_to_string(&path).unwrap();
                    out.push_str(text.split("mod tests {").next().unwrap());
                }
            }
        }
        let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut out = std::fs::read_to_string(crate_folder.join("src/page.rs")).unwrap();
        read(&crate_folder.join("src/page"), &mut out);
        read(&crate_folder.join("templates"), &mut out);
        out
    }

    #[test]
    fn no_language_lacks_a_text_or_a_name_in_one() {
        assert!(ENGLISH.len() > 100, "the English texts cannot be read");
        for (key, english) in ENGLISH.iter() {
            let german = GERMAN.get(key).unwrap_or_else(|| panic!("no German text {key}"));
            assert_eq!(names(english), names(german), "{key}");
            assert!(!german.trim().is_empty() && !english.trim().is_empty(), "{key} is empty");
        }
        for key in GERMAN.keys() {
            assert!(ENGLISH.contains_key(key), "no English text {key}");
        }
    }

    #[test]
    fn every_text_that_is_used_is_there() {
        let sources = sources();
        for call in [".of(\"", ".with(\"", "said(\"", "said_bad(\""] {
            for found in sources.split(call).skip(1) {
                let key = found.split('"').next().unwrap();
                let is_ours = key.contains('.') || ENGLISH.contains_key(key);
                assert!(!is_ours || ENGLISH.contains_key(key), "no text {key}");
            }
        }
        for call in [".count(\"", ".count_with(\""] {
            for found in sources.split(call).skip(1) {
                let key = found.split('"').next().unwrap();
                for form in ["one", "many"] {
                    assert!(ENGLISH.contains_key(&format!("{key}.{form}")), "no text {key}.{form}");
                }
            }
        }
    }

    #[test]
    fn no_text_is_unused() {
        let sources = sources();
        for key in ENGLISH.keys() {
            let whole = key.strip_suffix(".one").or_else(|| key.strip_suffix(".many"));
            let used = sources.contains(&format!("\"{key}\""))
                || whole.is_some_and(|whole| sources.contains(&format!("\"{whole}\"")));
            assert!(used, "{key} is used nowhere");
        }
    }

    #[test]
    fn what_is_filled_in_is_not_read_as_a_text() {
        let names = [("name", "{n} <b>"), ("n", "7")];
        assert_eq!(fill("{name} has {n} rows", &names), "{n} <b> has 7 rows");
        assert_eq!(fill("an open { brace", &names), "an open  brace");
    }

    #[test]
    fn the_first_language_that_we_speak_is_taken() {
        assert_eq!(Language::accepted("fr-CH, de-AT;q=0.9, en;q=0.8"), Language::German);
        assert_eq!(Language::accepted("da"), Language::English);
        assert_eq!(Language::accepted(""), Language::English);
    }
}
