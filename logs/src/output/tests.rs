//! The log as an interface: what a line looks like, and what it never holds.

use super::*;
use crate::ring::Line;
use crate::span;
use std::cell::Cell;
use tracing::{debug, error, info, subscriber::with_default, warn};

/// What a run leaves in memory.
fn told(settings: &Settings, run: impl FnOnce()) -> Vec<Line> {
    let (subscriber, output) = build(settings);
    with_default(subscriber, run);
    output.recent().lines(0, Level::Trace, usize::MAX)
}

fn quiet() -> Settings {
    Settings { terminal: false, ..Settings::default() }
}

fn fields(line: &Line) -> Vec<(&str, &str)> {
    line.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn a_line_has_its_facts_as_fields_and_its_spans_outermost_first() {
    let lines = told(&quiet(), || {
        let machine = span::machine("m1", "back office");
        let _machine = machine.enter();
        let session = span::session(7, "till-3");
        let _session = session.enter();
        info!(rows = 120, table = "part", "dump applied");
    });
    assert_eq!(lines[0].message, "dump applied");
    assert_eq!(fields(&lines[0]), [("rows", "120"), ("table", "part")]);
    assert_eq!(
        lines[0].spans,
        ["machine{machine=m1 name=back office}", "session{session=7 partner=till-3}"]
    );
}

#[test]
fn the_level_of_the_configuration_holds_for_us_and_warn_for_everybody_else() {
    let run = || {
        debug!("ours, too fine");
        info!("ours");
        info!(target: "hyper", "theirs, too fine");
        warn!(target: "hyper", "theirs");
    };
    let messages = |level| -> Vec<String> {
        let settings = Settings { level, ..quiet() };
        told(&settings, run).into_iter().map(|line| line.message).collect()
    };
    assert_eq!(messages(Level::Info), ["ours", "theirs"]);
    assert_eq!(messages(Level::Error), Vec::<String>::new());
    assert_eq!(messages(Level::Debug), ["ours, too fine", "ours", "theirs"]);
}

#[test]
fn a_field_cannot_forge_a_line_and_is_cut() {
    let lines = told(&quiet(), || {
        warn!(name = "x\r\n2026 INFO admin logged in", cause = %"y".repeat(5_000), "seen");
    });
    assert_eq!(fields(&lines[0])[0].1, "x\\r\\n2026 INFO admin logged in");
    assert_eq!(fields(&lines[0])[1].1.chars().count(), 257);
}

#[test]
fn the_daily_file_holds_one_json_object_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { folder: Some(dir.path().to_owned()), ..quiet() };
    let (subscriber, output) = build(&settings);
    with_default(subscriber, || error!(cause = "disk \"full\"\n", "store is read-only"));
    assert_eq!((output.trouble(), output.lost()), (None, 0));
    // Dropping it writes what still waits.
    drop(output);

    let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap()).collect();
    assert_eq!(files.len(), 1);
    let text = std::fs::read_to_string(files[0].path()).unwrap();
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["message"], "store is read-only");
    assert_eq!(line["fields"]["cause"], "disk \"full\"\\n");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn old_daily_files_go() {
    let dir = tempfile::tempdir().unwrap();
    for day in 1..=9 {
        std::fs::write(dir.path().join(format!("dunlin.2020-01-0{day}.jsonl")), "{}\n").unwrap();
    }
    let settings = Settings { folder: Some(dir.path().to_owned()), keep_files: 3, ..quiet() };
    let (subscriber, output) = build(&settings);
    with_default(subscriber, || info!("started"));
    drop(output);
    assert!(std::fs::read_dir(dir.path()).unwrap().count() <= 3);
}

#[test]
fn a_folder_that_cannot_be_written_costs_the_file_only() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let settings = Settings { folder: Some(file), ..quiet() };
    let (subscriber, output) = build(&settings);
    with_default(subscriber, || info!("started"));
    assert!(output.trouble().unwrap().starts_with("cannot write in "));
    assert_eq!(output.recent().lines(0, Level::Info, 10).len(), 1);
}

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(0) };
}

fn fake_now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW.get(), 0).unwrap()
}

#[test]
fn a_flood_from_one_place_is_counted_instead_of_written() {
    let settings = Settings { now: fake_now, ..quiet() };
    let lines = told(&settings, || {
        for second in [0, 0, 61, 0] {
            NOW.set(NOW.get() + second);
            for _ in 0..80 {
                warn!("link lost");
            }
        }
    });
    assert_eq!(lines.len(), 200);
    assert_eq!(fields(&lines[100]), [("suppressed", "60")]);
    assert!(lines.iter().enumerate().all(|(n, line)| n == 100 || line.fields.is_empty()));
}

#[test]
fn a_level_is_read_and_shown_by_the_same_word() {
    for level in [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace] {
        assert_eq!(level.to_string().parse(), Ok(level));
    }
    assert!("loud".parse::<Level>().is_err());
}
