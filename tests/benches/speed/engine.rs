//! Fold, page and apply in one process: what the engine does without a wire.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dunlin_schema::shop::{self, Dice};
use dunlin_schema::{Ask, Clock, Millis, Options, Sender, Store, Track};
use rusqlite::Connection;
use rusqlite::types::ToSqlOutput;
use uuid::Uuid;

use crate::report::Report;

/// As large as a page becomes when both sides keep up.
const PAGE_BYTES: usize = 1 << 20;

/// The system's clocks.
#[derive(Debug)]
struct SystemClock(Instant);

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// What is measured is the work.
    fn rest(&self, _: Duration) {}
}

/// What a machine's store is opened with.
pub(crate) fn options(machine: u128) -> Options {
    Options {
        machine: Uuid::from_u128(machine),
        clock: Arc::new(SystemClock(Instant::now())),
        epoch: u64::try_from(machine).unwrap(),
        now_sql: None,
        spare: None,
    }
}

/// So many bytes of words.
pub(crate) fn words(dice: &mut Dice, bytes: usize) -> String {
    const SYLLABLES: [&str; 8] = ["ba", "chi", "dor ", "el", "fu ", "gan", "hi ", "kra"];
    let mut text = String::with_capacity(bytes + 4);
    while text.len() < bytes {
        text.push_str(dice.pick(&SYLLABLES));
    }
    text.truncate(bytes);
    text
}

/// The item table of another file, without a row.
pub(crate) fn empty_items(path: &Path) {
    shop::rows_of_200_bytes(path, 0, 1).unwrap();
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows")]
pub(crate) fn rate(rows: u64, took: Duration) -> f64 {
    rows as f64 / took.as_secs_f64()
}

/// How fast the same rows go into a plain file, 10 000 a transaction.
pub(crate) fn raw_rate(place: &Path, from: &Path, rows: u64) -> f64 {
    let path = place.join("raw.db");
    empty_items(&path);
    let source = Connection::open(from).unwrap();
    let mut raw = Connection::open(&path).unwrap();
    raw.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;").unwrap();
    let begun = Instant::now();
    let mut read = source.prepare("SELECT * FROM item ORDER BY id").unwrap();
    let mut reading = read.query([]).unwrap();
    let mut written = 0;
    while written < rows {
        let all = raw.transaction().unwrap();
        {
            let mut write =
                all.prepare_cached("INSERT INTO item VALUES (?1, ?2, ?3, ?4, ?5, ?6)").unwrap();
            for _ in 0..10_000 {
                let Some(row) = reading.next().unwrap() else { break };
                for index in 0..6 {
                    let cell = ToSqlOutput::Borrowed(row.get_ref(index).unwrap());
                    write.raw_bind_parameter(index + 1, cell).unwrap();
                }
                write.raw_execute().unwrap();
                written += 1;
            }
        }
        all.commit().unwrap();
    }
    let took = begun.elapsed();
    std::fs::remove_file(path).unwrap();
    rate(rows, took)
}

pub(crate) fn measure(report: &mut Report, rows: u64) {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("source.db");
    drop(shop::rows_of_200_bytes(&source, rows, 1).unwrap());
    for since in [false, true] {
        let raw = raw_rate(place.path(), &source, rows);
        let which = if since { "written while tracked" } else { "there before tracking" };
        fold_page_apply(report, &source, (rows, raw), (since, which));
    }
}

/// Two stores, one of them empty. `since`: the rows are written while their table is tracked, as a shop's are.
fn fold_page_apply(
    report: &mut Report,
    source: &Path,
    (rows, raw): (u64, f64),
    (since, which): (bool, &str),
) {
    let place = tempfile::tempdir().unwrap();
    let (full, empty) = (place.path().join("full.db"), place.path().join("empty.db"));
    empty_items(&full);
    empty_items(&empty);
    let mut tell = |what: &str, took: Duration| {
        report.rate(&format!("{what}, rows {which}"), rate(rows, took), raw, "raw insert");
    };

    let mut a = Store::open(&full, options(1)).unwrap();
    if since {
        a.track(&Track::default()).unwrap();
    }
    copy(source, &full);
    let begun = Instant::now();
    if since {
        a.fold().unwrap();
    } else {
        a.track(&Track::default()).unwrap();
    }
    tell("folded", begun.elapsed());

    let mut b = Store::open(&empty, options(2)).unwrap();
    b.track(&Track::default()).unwrap();
    let (mut paging, mut applying) = (Duration::ZERO, Duration::ZERO);
    let mut cursor = 0;
    loop {
        let ask = Ask {
            cursor,
            knowledge: Vec::new(),
            now: Millis::MAX / 2,
            limit: PAGE_BYTES,
            plain: false,
        };
        let begun = Instant::now();
        let page = a.page(&ask).unwrap();
        paging += begun.elapsed();
        let begun = Instant::now();
        cursor = b.apply(&page, Sender { origin: a.origin(), skew: 0 }).unwrap().cursor;
        applying += begun.elapsed();
        if !page.more {
            break;
        }
    }
    assert_eq!(a.digests().unwrap(), b.digests().unwrap());
    tell("pages made", paging);
    tell("pages applied", applying);
}

fn copy(from: &Path, to: &Path) {
    let conn = Connection::open(to).unwrap();
    conn.execute("ATTACH ? AS source", [from.to_str()]).unwrap();
    conn.execute_batch("INSERT INTO main.item SELECT * FROM source.item ORDER BY id").unwrap();
}
