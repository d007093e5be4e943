//! The history, as stories: sessions go in, records come out.

use super::*;

const DAY: i64 = 24 * 3600 * 1000;
const NOON: i64 = 1_800_000_000_000;

fn limits() -> Limits {
    Limits { max_age: Duration::from_hours(30 * 24), max_records: 1000, max_bytes: 1 << 20 }
}

fn session(partner: u128, started: i64, rows: u64) -> Session {
    Session {
        partner: Uuid::from_u128(partner),
        partner_name: format!("till {partner}"),
        direction: Direction::Dialled,
        started,
        took_ms: 20,
        rows_sent: rows,
        rows_received: 0,
        applied: 0,
        held: 0,
        conflicts: 0,
        bytes_sent: 100,
        bytes_received: 50,
        result: Outcome::Success,
        message: String::new(),
    }
}

fn failed(partner: u128, started: i64) -> Session {
    let message = "the link was lost".to_owned();
    Session { result: Outcome::Error, message, ..session(partner, started, 0) }
}

fn fresh() -> (tempfile::TempDir, History) {
    let dir = tempfile::tempdir().unwrap();
    let history = History::open(&dir.path().join("history.db"), limits(), NOON);
    assert!(history.on_disk());
    (dir, history)
}

fn started(history: &History, query: &Query) -> Vec<i64> {
    history.query(query).unwrap().iter().map(|record| record.session.started - NOON).collect()
}

#[test]
fn a_record_comes_back_as_it_went_in() {
    let (_dir, history) = fresh();
    let session = Session {
        rows_received: 7,
        applied: 6,
        held: 1,
        conflicts: 2,
        direction: Direction::Answered,
        result: Outcome::Warning,
        message: "1 row is held".to_owned(),
        ..session(3, NOON, 5)
    };
    history.append(&session);
    let expected = Record { id: 1, session, idle: 0 };
    assert_eq!(history.query(&Query::default()).unwrap(), [expected]);
}

#[test]
fn idle_sessions_are_counted_until_the_partners_next_record() {
    let (_dir, history) = fresh();
    for minute in 0..3 {
        history.append(&session(1, NOON + minute, 0));
    }
    history.append(&session(2, NOON, 0));
    assert!(history.query(&Query::default()).unwrap().is_empty());
    assert_eq!(history.idle(Uuid::from_u128(1)).unwrap(), Idle { count: 3, last: NOON + 2 + 20 });

    history.append(&session(1, NOON + 10, 5));
    assert_eq!(history.query(&Query::default()).unwrap()[0].idle, 3);
    assert_eq!(history.idle(Uuid::from_u128(1)).unwrap(), Idle::default());
    assert_eq!(history.idle(Uuid::from_u128(2)).unwrap().count, 1);
}

#[test]
fn a_session_that_failed_is_kept_although_no_row_moved() {
    let (_dir, history) = fresh();
    history.append(&failed(1, NOON));
    assert_eq!(history.query(&Query::default()).unwrap()[0].session.message, "the link was lost");
}

#[test]
fn records_are_asked_for_by_partner_time_result_and_page() {
    let (_dir, history) = fresh();
    for n in 0..6 {
        history.append(&session(1 + u128::from(n % 2 == 1), NOON + n, 1));
    }
    history.append(&failed(1, NOON + 6));
    let all = Query::default();
    assert_eq!(started(&history, &all), [6, 5, 4, 3, 2, 1, 0]);

    let partner = Some(Uuid::from_u128(2));
    assert_eq!(started(&history, &Query { partner, ..all.clone() }), [5, 3, 1]);
    let (since, until) = (Some(NOON + 2), Some(NOON + 4));
    assert_eq!(started(&history, &Query { since, until, ..all.clone() }), [3, 2]);
    let result = Some(Outcome::Error);
    assert_eq!(started(&history, &Query { result, ..all.clone() }), [6]);

    let first = history.query(&Query { limit: 3, ..all.clone() }).unwrap();
    let before = Some(first.last().unwrap().id);
    assert_eq!(started(&history, &Query { before, limit: 3, ..all }), [3, 2, 1]);
}

#[test]
fn records_that_are_too_old_go() {
    let (dir, history) = fresh();
    history.append(&session(1, NOON, 1));
    history.append(&session(1, NOON + 20 * DAY, 1));
    drop(history);
    let history = History::open(&dir.path().join("history.db"), limits(), NOON + 40 * DAY);
    assert_eq!(started(&history, &Query::default()), [20 * DAY]);
}

#[test]
fn records_above_the_limit_go_oldest_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let history = History::open(&path, Limits { max_records: 10, ..limits() }, NOON);
    for n in 0..i64::from(APPENDS_PER_PRUNE) {
        history.append(&session(1, NOON + n, 1));
    }
    let kept = started(&history, &Query::default());
    assert_eq!(kept.len(), 10);
    assert_eq!(kept[0], i64::from(APPENDS_PER_PRUNE) - 1);
}

#[test]
fn the_file_keeps_within_its_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    let max_bytes = 256 << 10;
    let limits = Limits { max_bytes, max_records: 1 << 40, ..limits() };
    let history = History::open(&path, limits, NOON);
    let message = "x".repeat(900);
    for n in 0..1200 {
        history.append(&Session { message: message.clone(), ..failed(1, NOON + n) });
    }
    let used = history.lock().used_bytes().unwrap();
    let slack = u64::from(APPENDS_PER_PRUNE) * 2048;
    assert!(used <= max_bytes + slack, "{used} bytes");
    assert!(!history.query(&Query::default()).unwrap().is_empty());
}

#[test]
fn a_damaged_file_is_set_aside_and_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.db");
    std::fs::write(&path, "this is not a database, it is a sentence".repeat(100)).unwrap();
    let history = History::open(&path, limits(), NOON);
    history.append(&session(1, NOON, 1));
    assert_eq!(history.query(&Query::default()).unwrap().len(), 1);
    assert!(history.on_disk());
    assert!(dir.path().join("history.db.damaged").exists());
}

#[test]
fn damage_found_while_open_is_survived() {
    let (dir, history) = fresh();
    let path = dir.path().join("history.db");
    history.append(&session(1, NOON, 1));
    // The write-ahead log is emptied first, so that SQLite must read what we break.
    {
        let book = history.lock();
        book.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);").unwrap();
        book.connection.execute_batch("PRAGMA shrink_memory;").unwrap();
    }
    let size = std::fs::metadata(&path).unwrap().len();
    std::fs::write(&path, vec![0xAA; usize::try_from(size).unwrap()]).unwrap();
    for n in 0..3 {
        history.append(&session(1, NOON + n, 1));
    }
    assert_eq!(history.query(&Query::default()).unwrap().len(), 3);
    assert_eq!(history.lost(), 0);
    assert!(dir.path().join("history.db.damaged").exists());
}

#[cfg(unix)]
#[test]
fn a_folder_that_does_not_exist_costs_the_history_only() {
    let dir = tempfile::tempdir().unwrap();
    let history = History::open(&dir.path().join("no/such/history.db"), limits(), NOON);
    history.append(&session(1, NOON, 1));
    assert!(!history.on_disk());
    assert_eq!(history.query(&Query::default()).unwrap().len(), 1);
}

#[test]
fn names_and_messages_of_others_are_cleaned() {
    let (_dir, history) = fresh();
    let partner_name = "till\r\nadmin logged in".to_owned();
    history.append(&Session { partner_name, ..failed(1, NOON) });
    let record = &history.query(&Query::default()).unwrap()[0];
    assert_eq!(record.session.partner_name, "till\\r\\nadmin logged in");
}

#[test]
fn what_cannot_be_written_is_counted() {
    let (_dir, history) = fresh();
    history.lock().connection.execute_batch("DROP TABLE record").unwrap();
    history.append(&session(1, NOON, 1));
    history.append(&session(1, NOON, 1));
    assert_eq!(history.lost(), 2);
}
