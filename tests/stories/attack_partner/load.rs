//! More than anybody needs, at once.

use std::time::{Duration, Instant};

use dunlin_tests::lab::partner::Wire;

use super::*;

/// Looks at a machine's memory as long as something goes on; answers the most that it had more than before.
fn most_grown(machine: &Machine, before: &Before, during: impl FnOnce(&mut dyn FnMut())) -> u64 {
    let mut most = 0;
    let mut look = || most = most.max(machine.memory().saturating_sub(before.memory));
    during(&mut look);
    look();
    most
}

/// S32.
#[test]
fn s32_a_partner_who_asks_and_never_reads_takes_no_memory() {
    let lab = Lab::new();
    let till = till(&lab);
    till.write("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO parts (name) SELECT 'part ' || i FROM n");
    until_true("folded", SOON, || till.unfolded() == 0);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let before = Before::of(&till);
    let grown = most_grown(&till, &before, |look| {
        let mut links: Vec<_> = (0..4).map(|_| mallory.link()).collect();
        links.iter_mut().for_each(Wire::never_waits);
        let page = format!(r#"[{{"database":"main","cursor":0,"now":{},"limit":1048576}}]"#, now());
        for _ in 0..250 {
            // Once nothing is taken from him any more he is done.
            links.retain_mut(|link| link.ask("partner_getdata", &page).is_ok());
            look();
        }
        // Calls whose answers are as large as they are, for the id comes back: they cost nothing to answer.
        let mut links: Vec<_> = (0..4).map(|_| mallory.link()).collect();
        links.iter_mut().for_each(Wire::never_waits);
        let id = "i".repeat(1 << 20);
        let call = format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"x","params":[]}}"#);
        for _ in 0..100 {
            links.retain_mut(|link| link.say(&call).is_ok());
            look();
        }
    });
    assert!(grown < 2 * GROWTH_MAX, "{} MiB more at the most", grown >> 20);
    until_true("given back", SOON, || till.memory().saturating_sub(before.memory) < GROWTH_MAX);
    before.still(&till);
}

/// S47.
#[test]
fn s47_a_thousand_calls_at_once_are_answered_in_bounds_and_a_cut_link_leaves_no_half_page() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let before = Before::of(&till);
    let mut link = mallory.link();
    let begun = Instant::now();
    let mut asked = Vec::new();
    let grown = most_grown(&till, &before, |look| {
        for _ in 0..1_000 {
            asked.push(link.ask("partner_digest", r#"[{"database":"main"}]"#).unwrap());
        }
        look();
        let mut heard = Vec::new();
        for _ in 0..1_000 {
            let answer = link.hear().unwrap();
            heard.push(answer["id"].as_u64().unwrap());
            let busy =
                answer["error"]["message"].as_str().is_some_and(|text| text.contains("too many"));
            assert!(busy || answer.get("result").is_some(), "{answer}");
        }
        look();
        heard.sort_unstable();
        assert_eq!(heard, asked, "each is answered once");
    });
    assert!(grown < GROWTH_MAX, "{} MiB more", grown >> 20);
    assert!(begun.elapsed() < Duration::from_secs(20));

    // Pages one after the other without a look at the answers: those that are taken are taken in their order.
    let pages: Vec<String> = (0..200)
        .map(|at| {
            let rows: Vec<String> =
                (0..20).map(|n| format!("\"page {at:03} row {n:02}\",1")).collect();
            let rows: Vec<_> =
                rows.iter().zip(1..).map(|(values, n)| row(values, at * 20 + n)).collect();
            let tables = table("parts", &["name", "price"], &rows);
            format!(
                r#"[{{"database":"main","page":{}}}]"#,
                page(&mallory.origin(), &tables, (at, at + 1), None)
            )
        })
        .collect();
    let asked: Vec<u64> =
        pages.iter().map(|page| link.ask("partner_putdata", page).unwrap()).collect();
    // Cut while they are being taken.
    link.answer(asked[0]).unwrap().unwrap();
    drop(link);
    let counts = "SELECT group_concat(n, ' ') FROM (SELECT DISTINCT n FROM (SELECT count(*) AS n FROM parts WHERE name LIKE 'page %' GROUP BY substr(name, 1, 8)))";
    // The file is left to the application between two pages, for a second at most.
    let (mut taken, mut since) = (String::new(), Instant::now());
    until_true("settled", SOON, || {
        let now = till.ask("SELECT count(*) FROM parts");
        if now != std::mem::replace(&mut taken, now.clone()) {
            since = Instant::now();
        }
        since.elapsed() > Duration::from_millis(1_500)
    });
    assert_eq!(till.ask(counts), "20", "whole pages only");
    let last: u64 = till
        .ask("SELECT max(substr(name, 6, 3)) + 1 FROM parts WHERE name LIKE 'page %'")
        .parse()
        .unwrap();
    let all: u64 = till.ask("SELECT count(*) FROM parts WHERE name LIKE 'page %'").parse().unwrap();
    assert_eq!(all, last * 20, "in their order, none left out");
    // He goes on where he was.
    let mut link = mallory.link();
    for page in pages.iter().skip(usize::try_from(last).unwrap()) {
        link.try_call("partner_putdata", page).unwrap().unwrap();
    }
    assert_eq!(till.ask("SELECT count(*) FROM parts WHERE name LIKE 'page %'"), "4000");
    before.lives(&till);
}

/// S44: a hundred thousand versions of one row, and as many rows that claim one value.
#[test]
fn s44_a_hundred_thousand_doubles_stay_within_bounds() {
    let lab = Lab::new();
    let mut till = lab.machine(
        "till",
        "CREATE TABLE tags (id INTEGER PRIMARY KEY, tag TEXT NOT NULL UNIQUE, note TEXT);",
    );
    till.ok(&["track", "--all"]);
    till.start();
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let memory = till.memory();
    let begun = Instant::now();
    let mut link = mallory.link();
    let (mut at, mut seq) = (0, 0);
    let mut put = |tables: &str| {
        let answer = link.put(&page(&mallory.origin(), tables, (at, at + 1), None)).unwrap();
        at += u64::from(answer.is_ok());
        answer
    };
    // One row again and again.
    let one = uuid();
    for round in 0..100u64 {
        let rows: Vec<_> = (0..1_000)
            .map(|n| {
                seq += 1;
                Version {
                    uuid: one.clone(),
                    stamp: stamp(now() - 200_000 + round * 1_000 + n),
                    ..row(r#""a","b""#, seq)
                }
            })
            .collect();
        put(&table("tags", &["tag", "note"], &rows)).unwrap();
    }
    assert_eq!(till.ask("SELECT count(*) FROM tags"), "1");
    assert!(begun.elapsed() < Duration::from_mins(2), "{:?}", begun.elapsed());
    // A thousand rows that claim one value of a UNIQUE: no shop has so many machines.
    let same: Vec<_> = (1..=1_000).map(|n| row(r#""same","b""#, seq + n)).collect();
    let error = put(&table("tags", &["tag", "note"], &same)).unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("claim one value"), "{error}");
    is_named(&till, "mallory", &["claim one value"]);
    // Some claim one value, some another, and so on.
    let mut put = |round: u64| {
        let values: Vec<String> =
            (0..50).map(|value| format!("\"value {round} {value}\",\"b\"")).collect();
        let rows: Vec<_> = values
            .iter()
            .cycle()
            .take(1_000)
            .zip(1..)
            .map(|(values, n)| row(values, seq + n))
            .collect();
        seq += 1_000;
        put(&table("tags", &["tag", "note"], &rows))
    };
    let begun = Instant::now();
    for round in 0..2 {
        put(round).unwrap();
    }
    assert!(begun.elapsed() < Duration::from_mins(2), "{:?}", begun.elapsed());
    // Each of them is shown, and a hundred have the value they claim.
    assert_eq!(
        till.ask(
            "SELECT count(*) || ' ' || sum(tag LIKE 'value % %' AND tag NOT LIKE '%~%') FROM tags"
        ),
        "2001 100"
    );
    let grown = till.memory().saturating_sub(memory);
    assert!(grown < GROWTH_MAX, "{} MiB more", grown >> 20);
    // The application goes on.
    let begun = Instant::now();
    till.write("INSERT INTO tags (tag) VALUES ('mine')");
    until_true("folded", SOON, || till.unfolded() == 0);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    till.is_sound();
}
