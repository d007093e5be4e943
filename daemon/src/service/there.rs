//! How a table stands against partners, as of the last comparison.

use std::collections::BTreeSet;

use dunlin_schema::{TableState, Unlike};

use crate::machine::Partner;

/// How a table stands against a partner, in a word.
pub(super) fn stands(database: &str, table: &TableState, known: &Partner) -> &'static str {
    let Some(there) = known.digests.get(database) else { return "unknown" };
    // The comparison itself said so: no write since explains it.
    let found = known.equal.get(database) == Some(&false);
    let level = known.is_level() && known.moving.is_none();
    match there.get(&table.first.to_lowercase()) {
        Some(figures) if figures.digest == table.digest => {
            if figures.unshown == table.unshown {
                "equal"
            } else {
                "waiting"
            }
        }
        None if table.rows == 0 => "equal",
        None => "not here",
        Some(_) if known.linked && !(level && found) => "catching up",
        Some(_) => "differs",
    }
}

/// Do the tables here show the same as the partner's did when they last compared, as far as that is known?
pub(super) fn shows_the_same(database: &str, tables: &[TableState], known: &Partner) -> bool {
    let Some(there) = known.digests.get(database) else { return true };
    tables.iter().filter(|table| table.tracked).all(|table| {
        let figures = there.get(&table.first.to_lowercase());
        figures.is_none_or(|figures| figures.unshown == table.unshown)
    })
}

/// Where a partner's table has other columns.
pub(super) fn unlike(database: &str, table: &TableState, known: &Partner) -> Option<Unlike> {
    let tables = known.unlike.get(database)?;
    tables.iter().find(|unlike| unlike.table == table.name).cloned()
}

/// How a table stands against all partners, in a sentence; none before the first comparison.
pub(super) fn summary(database: &str, table: &TableState, partners: &[Partner]) -> Option<String> {
    let states: Vec<&str> = partners.iter().map(|known| stands(database, table, known)).collect();
    let any = |word: &str| states.contains(&word);
    if any("differs") || any("catching up") {
        return Some(if any("differs") { "differs" } else { "catching up" }.to_owned());
    }
    if any("waiting") {
        return Some(match table.standing {
            0 => "some rows are not shown yet, here or there".to_owned(),
            1 => "1 row stands as it was".to_owned(),
            rows => format!("{rows} rows stand as they were"),
        });
    }
    if !any("equal") {
        return None;
    }
    let mut but: BTreeSet<String> = BTreeSet::new();
    for unlike in partners.iter().filter_map(|known| unlike(database, table, known)) {
        but.extend(unlike.has.iter().map(|column| format!("{column} (not here)")));
        but.extend(unlike.lacks.iter().map(|column| format!("{column} (not there)")));
    }
    if but.is_empty() {
        return Some("equal".to_owned());
    }
    Some(format!("equal, but for {}", but.into_iter().collect::<Vec<_>>().join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Figures, Waiting};
    use std::sync::Arc;
    use std::time::Instant;

    fn table(digest: &str, rows: u64) -> TableState {
        TableState {
            name: "Parts".to_owned(),
            tracked: true,
            naming: "counter",
            rows,
            digest: digest.to_owned(),
            held: 0,
            conflicts: 0,
            needed_by: Vec::new(),
            first: "Parts".to_owned(),
            standing: 0,
            away: None,
            unshown: None,
        }
    }

    fn partner(tables: &[(&str, &str)]) -> Partner {
        let figures = |digest: &str| Figures { digest: digest.to_owned(), unshown: None };
        let tables = tables.iter().map(|(name, digest)| ((*name).to_owned(), figures(digest)));
        Partner {
            linked: true,
            equal: [("main".to_owned(), false)].into(),
            compared: Some(Instant::now()),
            digests: [("main".to_owned(), Arc::new(tables.collect()))].into(),
            ..Partner::default()
        }
    }

    #[test]
    fn a_table_is_equal_only_by_its_digest() {
        assert_eq!(stands("main", &table("a", 1), &Partner::default()), "unknown");
        assert_eq!(stands("main", &table("a", 1), &partner(&[("parts", "a")])), "equal");
        assert_eq!(stands("main", &table("a", 1), &partner(&[])), "not here");
        assert_eq!(stands("main", &table("a", 0), &partner(&[])), "equal");
        let there = partner(&[("parts", "b")]);
        assert_eq!(stands("main", &table("a", 1), &there), "differs");
        let coming = Waiting { coming: 3, ..Waiting::default() };
        let waiting = Partner { waiting: [("main".to_owned(), coming)].into(), ..there.clone() };
        assert_eq!(stands("main", &table("a", 1), &waiting), "catching up");
        let written_since = Partner { equal: [("main".to_owned(), true)].into(), ..there.clone() };
        assert_eq!(stands("main", &table("a", 1), &written_since), "catching up");
        let away = Partner { linked: false, ..waiting };
        assert_eq!(stands("main", &table("a", 1), &away), "differs");
    }

    #[test]
    fn equal_is_said_only_where_both_show_the_same() {
        let there = partner(&[("parts", "a")]);
        let one = TableState { standing: 3, unshown: Some("7".to_owned()), ..table("a", 9) };
        assert_eq!(stands("main", &one, &there), "waiting");
        assert_eq!(
            summary("main", &one, std::slice::from_ref(&there)).unwrap(),
            "3 rows stand as they were"
        );
        let unlike = Unlike {
            table: "Parts".to_owned(),
            newer: Some(true),
            has: vec!["colour".to_owned()],
            lacks: vec!["note".to_owned()],
        };
        let unlike = [("main".to_owned(), Arc::new(vec![unlike]))].into();
        let newer = Partner { unlike, ..there.clone() };
        let said = summary("main", &table("a", 9), &[newer]).unwrap();
        assert_eq!(said, "equal, but for colour (not here), note (not there)");
        assert_eq!(summary("main", &table("a", 9), &[there]).unwrap(), "equal");
        assert_eq!(summary("main", &table("a", 9), &[Partner::default()]), None);
    }
}
