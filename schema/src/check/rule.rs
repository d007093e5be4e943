//! What a person has to know of a table before it is tracked; pure.
//!
//! ```text
//!   numbered rows, few, of settings by the table's name, one of them    the number is the name everywhere
//!   numbered rows, few, of settings or of a list by the table's name    likely to be on every machine
//!   numbered rows, few, that refer to none, and that many times as      the same
//!   many rows of others refer to
//! ```
//!
//! A number means another row on another machine, so what every installation begins with would be there twice.

/// A table that every installation fills has no more rows.
pub(super) const FEW: u64 = 200;
/// So many rows refer to each row of a list that people choose from.
const MANY: u64 = 10;
/// Numbers that an installation gives are small.
const SMALL: i64 = 1_000;

/// What a table of settings is called, or ends in.
const SETTINGS: [&str; 12] = [
    "setting",
    "config",
    "configuration",
    "option",
    "preference",
    "pref",
    "parameter",
    "param",
    "property",
    "meta",
    "metadata",
    "einstellung",
];
/// What a list is called that people choose from, or ends in.
const LISTS: [&str; 28] = [
    "type",
    "kind",
    "status",
    "state",
    "unit",
    "role",
    "currency",
    "country",
    "language",
    "locale",
    "category",
    "tax",
    "vat",
    "permission",
    "right",
    "group",
    "level",
    "priority",
    "method",
    "mode",
    "user",
    "region",
    "season",
    "rate",
    "shipper",
    "steuer",
    "einheit",
    "kategorie",
];

/// Rows that are likely to be on other machines, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubles {
    /// One row of settings: its number is its name on every machine.
    One,
    /// Rows that every installation is likely to begin with.
    Some,
}

/// A table, as far as the rules ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'t> {
    pub(super) name: &'t str,
    /// What names its rows.
    pub(super) naming: &'t str,
    pub(super) rows: u64,
    /// The least and the greatest number, where its rows are few.
    pub(super) numbers: Option<(i64, i64)>,
    pub(super) refers: bool,
    /// So many rows of other tables refer to them.
    pub(super) referring: u64,
}

/// Are its rows likely to be on other machines, too, under other names? Those named by what they say meet there.
pub(super) fn doubles(table: &Table<'_>) -> Option<Doubles> {
    let is_numbered = table.naming == "integer";
    let (least, greatest) = table.numbers.filter(|_| is_numbered)?;
    if least < 0 || SMALL < greatest {
        return None;
    }
    let called = last_word(table.name);
    let is_called = |words: &[&str]| words.iter().any(|word| is_of(&called, word));
    let is_list = !table.refers && table.rows.saturating_mul(MANY) <= table.referring;
    match table.rows {
        1 if is_called(&SETTINGS) => Some(Doubles::One),
        _ if is_called(&SETTINGS) || is_called(&LISTS) || is_list => Some(Doubles::Some),
        _ => None,
    }
}

/// The last word of a name, in lower case: of `app_settings` and `AppSettings`, `settings`.
fn last_word(name: &str) -> String {
    let start = name
        .char_indices()
        .zip(name.chars().skip(1))
        .filter_map(|((at, letter), next)| {
            let splits = !letter.is_alphanumeric() && next.is_alphanumeric()
                || letter.is_lowercase() && next.is_uppercase();
            splits.then_some(at + letter.len_utf8())
        })
        .last();
    name.get(start.unwrap_or(0)..).unwrap_or(name).to_lowercase()
}

/// The word, or many of it.
fn is_of(word: &str, one: &str) -> bool {
    let many = |ending: &str, of: &str| {
        word.strip_suffix(ending).is_some_and(|stem| one.strip_suffix(of) == Some(stem))
    };
    word == one
        || many("s", "")
        || many("es", "")
        || many("ies", "y")
        || many("en", "")
        || many("n", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: Table<'_> = Table {
        name: "x",
        naming: "integer",
        rows: 3,
        numbers: Some((1, 3)),
        refers: false,
        referring: 29,
    };

    fn named(name: &str) -> Option<Doubles> {
        doubles(&Table { name, ..LIST })
    }

    #[test]
    fn settings_and_lists_are_known_by_the_last_word_of_their_name() {
        for name in [
            "settings",
            "app_settings",
            "AppSettings",
            "payment_types",
            "Statuses",
            "currencies",
            "tax_rates",
            "Einheiten",
            "shop.units",
            "users",
        ] {
            assert_eq!(named(name), Some(Doubles::Some), "{name}");
        }
        for name in ["orders", "settings_log", "typeset", "customers", "s", ""] {
            assert_eq!(named(name), None, "{name}");
        }
    }

    #[test]
    fn one_row_of_settings_is_the_same_everywhere() {
        let one = Table { rows: 1, numbers: Some((1, 1)), ..LIST };
        assert_eq!(doubles(&Table { name: "settings", ..one }), Some(Doubles::One));
        assert_eq!(doubles(&Table { name: "units", ..one }), Some(Doubles::Some));
    }

    #[test]
    fn a_short_list_that_many_rows_mean_is_one_whatever_it_is_called() {
        let meant = Table { referring: 30, ..LIST };
        assert_eq!(doubles(&meant), Some(Doubles::Some));
        assert_eq!(doubles(&Table { refers: true, ..meant }), None, "it is made from others");
        assert_eq!(doubles(&LIST), None);
    }

    #[test]
    fn rows_that_meet_by_what_they_say_and_rows_of_the_shops_own_are_none() {
        let list = Table { name: "units", ..LIST };
        for naming in ["key", "natural", "uuid", "unique"] {
            assert_eq!(doubles(&Table { naming, ..list }), None, "{naming}");
        }
        assert_eq!(doubles(&Table { numbers: None, rows: 9_000, ..list }), None, "too many");
        assert_eq!(doubles(&Table { numbers: Some((1, 90_000)), ..list }), None);
        assert_eq!(doubles(&Table { numbers: Some((-5, 3)), ..list }), None);
    }
}
