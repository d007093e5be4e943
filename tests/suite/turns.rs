//! The application's turn at the file while a backlog is worked off.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dunlin_schema::{Clock, Millis, Options, Store, Track};
use rusqlite::Connection;
use uuid::Uuid;

/// So often the application writes when it has its turn.
const TURNS: usize = 3;

/// The computer's clock, but that time goes by at once where it is let go by. The application writes meanwhile, and waits
/// for nobody.
#[derive(Debug)]
struct Shop {
    file: PathBuf,
    began: Instant,
    /// Microseconds.
    rested: AtomicU64,
    turns: AtomicUsize,
}

impl Clock for Shop {
    fn now(&self) -> Millis {
        1_790_000_000_000
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed() + Duration::from_micros(self.rested.load(Ordering::Relaxed))
    }

    fn rest(&self, time: Duration) {
        if time.is_zero() {
            return;
        }
        self.rested.fetch_add(u64::try_from(time.as_micros()).unwrap() + 1, Ordering::Relaxed);
        if self.turns.fetch_add(1, Ordering::Relaxed) < TURNS {
            application(&self.file)
                .execute("INSERT INTO sale (what) VALUES ('between two batches')", [])
                .unwrap();
        }
    }
}

/// It is told at once that the file is locked.
fn application(file: &Path) -> Connection {
    let app = Connection::open(file).unwrap();
    app.busy_timeout(Duration::ZERO).unwrap();
    app
}

#[test]
fn the_application_has_its_turn_between_two_batches_of_a_backlog() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.db");
    let app = application(&file);
    app.execute_batch("CREATE TABLE sale (id INTEGER PRIMARY KEY, what TEXT)").unwrap();
    let shop = Arc::new(Shop {
        file: file.clone(),
        began: Instant::now(),
        rested: AtomicU64::new(0),
        turns: AtomicUsize::new(TURNS),
    });
    let options = Options {
        machine: Uuid::from_u128(1),
        clock: Arc::<Shop>::clone(&shop),
        epoch: 1,
        now_sql: None,
        spare: None,
    };
    let mut store = Store::open(&file, options).unwrap();
    store.track(&Track::default()).unwrap();
    let many = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10000)
                INSERT INTO sale (what) SELECT 'import' FROM n";
    app.execute_batch(many).unwrap();
    shop.turns.store(0, Ordering::Relaxed);

    let mut pieces = 1;
    while store.fold_some().unwrap().more {
        pieces += 1;
    }
    assert!(pieces > TURNS, "{pieces}");
    let turns = shop.turns.load(Ordering::Relaxed);
    // On a busy computer the time is over now and then before anybody waits for it.
    assert!(turns * 2 > pieces, "it had {turns} turns between {pieces} pieces");
    let rows = |sql: &str| app.query_row(sql, [], |row| row.get::<_, usize>(0)).unwrap();
    assert_eq!(rows("SELECT count(*) FROM sale"), 10_000 + TURNS);
    assert_eq!(rows("SELECT count(*) FROM _dunlin_row WHERE state = 0"), 10_000 + TURNS);
}
