use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dunlin_rpc::wire::admin::DatabaseStatus;
use dunlin_schema::Histogram;

use super::*;

/// A line of the text format, read as a scraper reads it.
#[derive(Debug, PartialEq)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// What a scraper makes of an answer; refuses all that the format does not allow.
#[derive(Debug, Default)]
struct Scraped {
    kinds: BTreeMap<String, String>,
    samples: Vec<Sample>,
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `name{label="value",…} number`
fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"").unwrap();
            assert!(is_name(label), "{line}");
            let (mut value, mut chars) = (String::new(), after.char_indices());
            let end = loop {
                match chars.next().unwrap() {
                    (at, '"') => break at,
                    (_, '\\') => match chars.next().unwrap().1 {
                        'n' => value.push('\n'),
                        other => {
                            assert!(matches!(other, '\\' | '"'), "{line}");
                            value.push(other);
                        }
                    },
                    (_, other) => value.push(other),
                }
            };
            assert!(labels.insert(label.to_owned(), value).is_none(), "a label twice: {line}");
            rest = after.split_at(end + 1).1;
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').unwrap();
    }
    let value = rest.strip_prefix(' ').unwrap();
    Sample { name: name.to_owned(), labels, value: value.parse().unwrap() }
}

fn scrape(text: &str) -> Scraped {
    let mut scraped = Scraped::default();
    let (mut helped, mut family, mut closed) = (BTreeSet::new(), String::new(), BTreeSet::new());
    let mut series = BTreeSet::new();
    assert!(text.ends_with('\n'), "the last line ends");
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            assert!(helped.insert(name.to_owned()), "{name} is explained twice");
            assert!(help.ends_with('.') && !help.contains('\\'), "{line}");
            assert!(closed.insert(std::mem::replace(&mut family, name.to_owned())), "{line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, family, "its help comes first");
            assert!(["gauge", "counter", "histogram"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(name.starts_with("dunlin_"), "{line}");
            assert!(scraped.kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}");
        } else {
            let sample = sample(line);
            let suffix = sample.name.strip_prefix(&family).unwrap_or_else(|| panic!("{line}"));
            let suffixes: &[&str] = if scraped.kinds[&family] == "histogram" {
                &["_bucket", "_sum", "_count"]
            } else {
                &[""]
            };
            assert!(suffixes.contains(&suffix), "{line}");
            assert!(series.insert((sample.name.clone(), sample.labels.clone())), "twice: {line}");
            scraped.samples.push(sample);
        }
    }
    scraped
}

impl Scraped {
    fn of(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels: BTreeMap<String, String> =
            labels.iter().map(|(label, value)| ((*label).into(), (*value).into())).collect();
        let found = |sample: &&Sample| sample.name == name && sample.labels == labels;
        self.samples.iter().find(found).map(|sample| sample.value)
    }
}

fn partner(id: u128) -> PartnerStatus {
    PartnerStatus {
        id: Uuid::from_u128(id),
        name: "evil\"} 1\nup 0".into(),
        state: "Up to date".into(),
        waiting_in: Some(3),
        clock_ms: Some(-1_250),
        last_seen: Some("2026-11-20 12:00:00".into()),
        compared: Some("2026-11-20 12:00:00".into()),
        ..PartnerStatus::default()
    }
}

/// Something of every kind is known.
fn facts() -> Facts {
    let histogram = Histogram::default();
    histogram.observe(Duration::from_millis(3));
    histogram.observe(Duration::from_mins(1));
    let main = DatabaseStatus { name: "a\\b\"c\nd".into(), ..DatabaseStatus::default() };
    let file = File {
        database: main.name.clone(),
        disk: Some(Disk { bytes: 100, free: 9 }),
        apply: histogram.counted(),
        ..File::default()
    };
    let first = partner(0x4775_d8c1 << 96);
    Facts {
        lags: vec![(first.id, 1_000.5)],
        heard: Some([7, 2]),
        disk: file.disk,
        files: vec![file],
        status: Status { partners: vec![first], databases: vec![main], ..Status::default() },
    }
}

#[test]
fn what_is_known_is_told_and_no_name_that_somebody_chose() {
    let text = text(&facts(), &Tally::default());
    let scraped = scrape(&text);
    for (name, labels, value) in [
        ("dunlin_up", &[][..], 1.0),
        ("dunlin_partners", &[("state", "up_to_date")], 1.0),
        ("dunlin_partners", &[("state", "offline")], 0.0),
        ("dunlin_rows_pending", &[("partner", "4775d8c1"), ("way", "in")], 3.0),
        ("dunlin_clock_skew_seconds", &[("partner", "4775d8c1")], -1.25),
        ("dunlin_sync_lag_seconds", &[("partner", "4775d8c1")], 1_000.5),
        ("dunlin_discovery_announcements_total", &[("known", "false")], 2.0),
        ("dunlin_disk_free_bytes", &[("holds", "state")], 9.0),
        ("dunlin_conflicts_total", &[("result", "kept")], 0.0),
    ] {
        assert_eq!(scraped.of(name, labels), Some(value), "{name} in {text}");
    }
    assert!(!text.contains("way=\"out\""), "what is not known is left out: {text}");
    assert!(!text.contains("evil"), "{text}");
}

#[test]
fn a_histogram_has_every_bucket_and_the_last_one_has_all() {
    let facts = facts();
    let scraped = scrape(&text(&facts, &Tally::default()));
    let database = dunlin_logs::strip(&facts.files[0].database, 64);
    let bucket = |le: &str| {
        let labels = [("database", database.as_str()), ("le", le)];
        scraped.of("dunlin_apply_seconds_bucket", &labels)
    };
    assert_eq!(
        [bucket("0.0025"), bucket("0.005"), bucket("+Inf")],
        [Some(0.0), Some(1.0), Some(2.0)]
    );
    let labels = [("database", database.as_str())];
    assert_eq!(scraped.of("dunlin_apply_seconds_count", &labels), Some(2.0));
    assert_eq!(scraped.of("dunlin_apply_seconds_sum", &labels), Some(60.003));
}

#[test]
fn two_partners_whose_ids_begin_alike_are_two() {
    let mut facts = facts();
    facts.status.partners.push(partner((0x4775_d8c1 << 96) + 1));
    let scraped = scrape(&text(&facts, &Tally::default()));
    let labels = [("partner", "4775d8c1000000000000000000000001"), ("way", "in")];
    assert_eq!(scraped.of("dunlin_rows_pending", &labels), Some(3.0));
}

#[test]
fn lag_is_of_linked_partners_and_counts_from_when_both_were_last_level() {
    let linked = Partner { linked: true, linked_since: Some(1_000), ..Partner::default() };
    assert_eq!(lag(&linked, true, 61_000), Some(0.0));
    assert_eq!(lag(&linked, false, 61_000), Some(60.0), "never level since it was linked");
    let compared = Partner { compared: Some(std::time::Instant::now()), ..linked.clone() };
    assert!(lag(&compared, false, 61_000).is_some_and(|lag| lag < 60.0));
    assert_eq!(lag(&Partner { linked: false, ..linked }, false, 61_000), None);
}

/// Names of metrics in a text.
fn names_in(text: &str) -> BTreeSet<String> {
    let whole = |name: &str| name.trim_matches('_').to_owned();
    text.split(|other: char| !other.is_ascii_alphanumeric() && other != '_')
        .filter(|word| word.starts_with("dunlin_"))
        .map(whole)
        .collect()
}

#[test]
fn the_docs_name_every_metric_and_no_other() {
    let page = include_str!("../../../../docs/page.md");
    let watch = page.split_once("## For machines that watch").unwrap().1;
    let told: BTreeSet<String> =
        scrape(&text(&facts(), &Tally::default())).kinds.into_keys().collect();
    let base = |name: &String| {
        let stem = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        stem.filter(|stem| told.contains(*stem)).map_or_else(|| name.clone(), ToOwned::to_owned)
    };
    let named: BTreeSet<String> = names_in(watch).iter().map(base).collect();
    assert_eq!(named, told);
}
