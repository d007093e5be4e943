//! A large shop on its page: fifty partners, two hundred tables, a thousand lines of history.

use std::collections::BTreeSet;

use dunlin_tests::lab::large::{LARGE, Large};
use dunlin_tests::lab::{Browser, Lab};

/// The numbers of the sessions' links to what is older, page by page.
fn older(page: &str) -> Option<String> {
    let (before, _) = page.split_once("\" id=\"older\"")?;
    Some(before.rsplit_once("href=\"").unwrap().1.replace("&amp;", "&"))
}

#[test]
fn the_page_of_a_large_shop_shows_who_is_away_first_what_differs_alone_and_the_history_to_its_end()
{
    let lab = Lab::new();
    let shop = Large::make(&lab, LARGE);
    let visitor = Browser::new(shop.office.admin());

    let front = visitor.page("/");
    let cards: Vec<&str> = front.split("<article class=\"card").skip(1).collect();
    assert_eq!(cards.len(), LARGE.partners);
    let is_away: Vec<bool> = cards.iter().map(|card| card.contains(" Offline</span>")).collect();
    assert_eq!(is_away.iter().filter(|away| **away).count(), 10, "{front}");
    assert!(is_away.is_sorted_by(|one, next| one >= next), "who is away comes first");
    for text in ["Offline: 10", "Catching up: 3", "500 rows of", "500 conflicts in"] {
        assert!(front.contains(text), "no {text:?} in {front}");
    }
    // Two hundred tables of fifty partners are ten thousand lines that nobody reads.
    assert!(front.len() < 400_000, "{} bytes", front.len());

    let all = visitor.page("/tables");
    assert_eq!(all.matches("<td class=\"there").count(), LARGE.partners * LARGE.tables);
    let unlike = visitor.page("/tables?show=unlike");
    let rows = unlike.matches("<th scope=\"row\">").count();
    assert!((3..=6).contains(&rows), "{rows} tables: {unlike}");

    let (mut path, mut seen) = ("/history".to_owned(), BTreeSet::new());
    let mut pages = 0;
    loop {
        let page = visitor.page(&path);
        pages += 1;
        seen.extend(
            page.split("<span title=\"")
                .skip(1)
                .map(|line| line.split("</tr>").next().unwrap().to_owned()),
        );
        match older(&page) {
            Some(next) if pages < 20 => path = next,
            _ => break,
        }
    }
    assert_eq!(pages, 1 + LARGE.lines / 200);
    assert!(seen.len() >= LARGE.lines as usize, "{} of {} lines", seen.len(), LARGE.lines);
    assert!(visitor.page("/history.csv").lines().count() > LARGE.lines as usize);
    assert_eq!(visitor.page("/held").matches("<h2 id=\"held-").count(), 200, "the first of them");
}
