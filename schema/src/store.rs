//! The store: one database file, its sidecar, and the transactions on it.
//!
//! The daemon is a polite second process in the application's file: `BEGIN IMMEDIATE`, short transactions, no
//! long readers, no vacuum, passive checkpoints only.
//!
//! # Invariants
//!
//! * Our connection fires none of the file's triggers and follows none of its references: what they ask, we do
//!   ourselves, where we can see it.
//! * A seq and a position are never given twice, and leave this machine only after a flush.

use crate::catalogue::{self, Catalogue, Declaration, Described};
use crate::drift::Drift;
use crate::error::Doing as _;
use crate::listing::Listing;
use crate::look::{self, Seen};
use crate::meter::Meters;
use crate::overview::Looked;
use crate::pace::Pace;
use crate::revive::{File, Happened};
use crate::spare::Spare;
use crate::tx::{Cache, Counters, Tx, read_counters};
use crate::{Clock, Error, Known, Origin, Result, adopt, feed, trigger};
use rusqlite::Connection;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// What a store is opened with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whose store it is.
    pub machine: Uuid,
    /// Wall and monotonic time.
    pub clock: Arc<dyn Clock>,
    /// 64 random bits, for a new epoch should one be needed.
    pub epoch: u64,
    /// The SQL that triggers read the time with; none: SQLite's own clock. The lab installs its own.
    pub now_sql: Option<String>,
    /// A file of our own, for what cannot be read from the tables should another program drop the sidecar.
    pub spare: Option<PathBuf>,
}

/// One database that we keep in step.
#[derive(Debug)]
pub struct Store {
    pub(crate) conn: Connection,
    path: PathBuf,
    pub(crate) options: Options,
    pub(crate) catalogue: Arc<Catalogue>,
    /// What the file held when it was last listed, and what SQLite said of its tables.
    listing: Arc<Listing>,
    described: Described,
    /// When tables were last seen to be away, or made anew.
    anew: HashMap<i64, Duration>,
    schema_version: i64,
    /// What the application's tools were seen to do to the tables.
    pub(crate) seen: Seen,
    /// See [`Store::declarations_mark`].
    declarations: u64,
    /// Rows are being settled again, or were looked for.
    pub(crate) settling: bool,
    /// How often that came to an end.
    pub(crate) settled: u64,
    /// The file was switched to WAL when it was opened.
    pub(crate) switched: bool,
    /// Triggers that are to fire for our writes too, because a person said so.
    fire: Vec<String>,
    cache: Cache,
    pub(crate) epoch: u64,
    /// Up to which position of the journal a power cut loses nothing.
    pub(crate) flushed: u64,
    /// How many lines the next batch of a fold takes.
    pub(crate) batch: usize,
    /// What was found when somebody last looked.
    pub(crate) looked: Looked,
    pub(crate) drift: Drift,
    pub(crate) spare: Spare,
    pub(crate) pace: Pace,
    /// The file that is open.
    pub(crate) file: File,
    /// It is being opened: nobody looks whether it is still the one that is open.
    pub(crate) opening: bool,
    /// How many epochs were begun.
    epochs: u64,
    /// The highest number of a line in the log that was seen.
    pub(crate) last_line: i64,
    /// Since when rows that nobody knows wait to be named.
    pub(crate) unheard: Option<Duration>,
    /// What other programs did to the sidecar and the file.
    pub(crate) happened: Vec<Happened>,
    pub(crate) meters: Arc<Meters>,
}

/// What two machines tell each other of one database before the first page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Our machine and epoch.
    pub origin: Origin,
    /// The end of our journal.
    pub end: u64,
    /// How far we have read the partner's journal, when his epoch is known.
    pub cursor: u64,
    /// What is stored here.
    pub knowledge: Vec<Known>,
    /// The tracked tables.
    pub declarations: Vec<Declaration>,
}

/// One table as `status` tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableState {
    /// What it is called here.
    pub name: String,
    /// What the shop calls it.
    pub first: String,
    /// Tracked here; else only its rows' versions are kept.
    pub tracked: bool,
    /// What names its rows.
    pub naming: &'static str,
    /// Live versions.
    pub rows: u64,
    /// The digest of the live versions, as 32 hexadecimal digits.
    pub digest: String,
    /// Rows that are held.
    pub held: u64,
    /// Rows that stand as they were, or with an empty value, because the table here is of another version.
    pub standing: u64,
    /// It is gone, or needs what only its application has, and why.
    pub away: Option<String>,
    /// A figure of the rows that do not show what their versions say, for reasons that are this machine's own.
    pub unshown: Option<String>,
    /// Conflicts that nobody has settled.
    pub conflicts: u64,
    /// Other tracked tables that refer to it.
    pub needed_by: Vec<String>,
}

impl Store {
    /// Opens a database that exists, puts the sidecar into it, and makes a copied file this machine's own.
    pub fn open(path: &Path, options: Options) -> Result<Self> {
        let mut store = Self::over(adopt::connect(path)?, path, options);
        store.open_adopting()?;
        store.file = File::of(path);
        Ok(store)
    }

    /// A store over an open file, of which nothing is known yet.
    pub(crate) fn over(conn: Connection, path: &Path, options: Options) -> Self {
        Self {
            conn,
            path: path.to_owned(),
            options,
            catalogue: Arc::default(),
            listing: Arc::default(),
            described: Described::default(),
            anew: HashMap::new(),
            schema_version: -1,
            seen: Seen::default(),
            declarations: 0,
            settling: false,
            settled: 0,
            switched: false,
            fire: Vec::new(),
            cache: Cache::default(),
            epoch: 0,
            flushed: 0,
            batch: 500,
            looked: Looked::default(),
            drift: Drift::default(),
            spare: Spare::default(),
            pace: Pace::default(),
            file: File::default(),
            opening: false,
            epochs: 0,
            last_line: 0,
            unheard: None,
            happened: Vec::new(),
            meters: Arc::default(),
        }
    }

    /// Nothing is remembered of a file that was put in the place of another, or whose sidecar was dropped.
    pub(crate) fn forget_all(&mut self) {
        self.catalogue = Arc::default();
        self.listing = Arc::default();
        self.described.clear();
        self.schema_version = -1;
        self.seen = Seen::default();
        self.cache = Cache::default();
        self.flushed = 0;
        self.looked = Looked::default();
        self.drift = Drift::default();
        self.spare = Spare::default();
        self.unheard = None;
    }

    /// Another epoch than any before.
    pub(crate) fn next_epoch(&mut self) -> u64 {
        /// Odd, so that no number comes twice.
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let epoch = self.options.epoch.wrapping_add(self.epochs.wrapping_mul(STEP));
        self.epochs += 1;
        epoch
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is measured.
    pub fn meters(&self) -> Arc<Meters> {
        Arc::clone(&self.meters)
    }

    /// This machine and epoch.
    pub fn origin(&self) -> Origin {
        Origin { machine: self.options.machine, epoch: self.epoch }
    }

    /// Lists triggers of the application that are to fire for our writes too, besides those that feed only a search
    /// index. Answers all that do.
    pub fn fire(&mut self, triggers: &[String]) -> Result<Vec<String>> {
        triggers.clone_into(&mut self.fire);
        self.schema_version = -1;
        self.write(Flush::Reads, |_| Ok(()))?;
        feed::copy(&self.conn, (&self.catalogue, &self.listing), &self.fire)
    }

    /// What to tell a partner of this database, before the first page.
    pub fn greeting(&mut self, partner: Option<Origin>) -> Result<Greeting> {
        let origin = self.origin();
        self.write(Flush::Reads, |tx| {
            Ok(Greeting {
                origin,
                end: tx.count.pos,
                cursor: partner.map_or(Ok(0), |partner| tx.cursor(partner))?,
                knowledge: tx.knowledge()?,
                declarations: tx
                    .catalogue
                    .tables
                    .iter()
                    .filter(|table| !table.internal())
                    .map(|table| table.declaration(&tx.catalogue))
                    .collect(),
            })
        })
    }

    /// Puts the cursor in a partner's journal back where versions that were ahead of our clock may be taken now.
    /// `skew`: how far the partner's clock is ahead of ours, in milliseconds.
    pub fn ask_again(&mut self, partner: Origin, skew: i64) -> Result<()> {
        // Mostly nothing is; then the application's write lock is left alone.
        let withheld = self.write(Flush::Reads, |tx| {
            let withheld = tx.anything_withheld()?;
            Ok(withheld && tx.cursor(partner)? > 0)
        })?;
        if withheld { self.write(Flush::Later, |tx| tx.ask_again(partner, skew)) } else { Ok(()) }
    }

    /// Was the file switched to a write-ahead log when it was opened? A person is told.
    pub fn switched_to_wal(&self) -> bool {
        self.switched
    }

    /// A number that is another one when tracked tables, what is loose in them, what is known of them, or what they show
    /// all at once, changed since.
    pub fn declarations_mark(&self) -> u64 {
        // Where the file's life is another one, partners are told anew; and where a table shows again what its versions
        // say, they compare, though the journal may not have moved.
        self.declarations.wrapping_add(self.epoch).wrapping_add(self.settled)
    }

    /// How far we have read a partner's journal.
    pub fn cursor(&mut self, partner: Origin) -> Result<u64> {
        self.write(Flush::Reads, |tx| tx.cursor(partner))
    }

    /// What is stored here.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method is of one lifetime, the closure of any"
    )]
    pub fn knowledge(&mut self) -> Result<Vec<Known>> {
        self.write(Flush::Reads, |tx| tx.knowledge())
    }

    /// The end of the journal.
    pub fn end(&mut self) -> Result<u64> {
        self.write(Flush::Reads, |tx| Ok(tx.count.pos))
    }

    /// Count and digest of every table that partners compare, the conflict journal among them.
    pub fn digests(&mut self) -> Result<Vec<(String, u64, String)>> {
        self.write(Flush::Reads, |tx| {
            tx.conn
                .prepare_cached(
                    "SELECT coalesce(first, name), rows, digest FROM _dunlin_table ORDER BY 1",
                )
                .and_then(|mut statement| {
                    statement
                        .query_map([], |row| {
                            Ok((
                                row.get(0)?,
                                row.get(1)?,
                                format!("{:032x}", crate::digest::read(row, 2)?),
                            ))
                        })
                        .and_then(Iterator::collect)
                })
                .doing("read the digests")
        })
    }

    /// For how long the file is still left to the application: a piece of work that writes would wait for it here.
    pub fn left_alone(&self) -> Duration {
        self.pace.left(self.options.clock.elapsed())
    }

    /// One write transaction: all of it, or nothing.
    pub(crate) fn write<T>(
        &mut self,
        flush: Flush,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T>,
    ) -> Result<T> {
        self.keep()?;
        let safely = |store: &Self| {
            let how = if flush == Flush::Now { "FULL" } else { "NORMAL" };
            store.conn.pragma_update(None, "synchronous", how).doing("say how safely to write")
        };
        safely(self)?;
        // Reads need no write lock: SQLite takes it with the first write, and only then.
        if flush == Flush::Reads {
            self.conn.execute_batch("BEGIN").doing("begin a transaction")?;
            return self.finish(flush, work);
        }
        let clock = self.clock();
        // A table without our triggers is mended at once: what is written to it meanwhile is not seen.
        if !self.seen.looking() {
            clock.rest(self.left_alone());
        }
        self.pace.others(look::data_version(&self.conn)?, clock.elapsed());
        self.begin_looked(&safely)?;
        let begun = clock.elapsed();
        let done = self.finish(flush, work);
        self.pace.held(begun, clock.elapsed());
        done
    }

    /// Does the work of a transaction that was begun, and ends it.
    fn finish<T>(
        &mut self,
        flush: Flush,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T>,
    ) -> Result<T> {
        let before = self.conn.total_changes();
        let done = self.run(work);
        let started = self.options.clock.elapsed();
        match done {
            Ok(done) => match self.conn.execute_batch("COMMIT").doing("commit") {
                Ok(()) => {
                    if flush == Flush::Now {
                        self.flushed = done.1.pos;
                        if self.conn.total_changes() != before {
                            let took = self.options.clock.elapsed().saturating_sub(started);
                            self.meters.commit.observe(took);
                        }
                    }
                    if done.2 {
                        self.schema_version = -1;
                    }
                    Ok(done.0)
                }
                Err(error) => Err(self.undo(error)),
            },
            Err(error) => Err(self.undo(error)),
        }
    }

    /// Looks whether the file, and what of it is ours, is still there.
    fn keep(&mut self) -> Result<()> {
        if self.opening {
            return Ok(());
        }
        self.keep_to_the_file()?;
        if !self.seen.looking() && self.schema_moved()? {
            self.keep_ours()?;
        }
        Ok(())
    }

    /// Writes one line that means nothing: whether the file can be written now.
    pub fn try_writing(&mut self) -> Result<()> {
        self.write(Flush::Later, |tx| crate::tx::set_meta(tx.conn, "tried", 1))
    }

    pub(crate) fn undo(&mut self, error: Error) -> Error {
        // SQLite has undone the transaction itself after some errors; then there is none to undo.
        let _undone = self.conn.execute_batch("ROLLBACK");
        self.cache = Cache::default();
        self.schema_version = -1;
        error
    }

    fn run<T>(
        &mut self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T>,
    ) -> Result<(T, Counters, bool)> {
        let version: i64 = self
            .conn
            .query_row("PRAGMA schema_version", [], |row| row.get(0))
            .doing("ask whether the schema changed")?;
        if version != self.schema_version {
            self.listing = Arc::new(Listing::read(&self.conn)?);
            let known = &mut self.described;
            self.catalogue = Arc::new(catalogue::load(&self.conn, &self.listing, known)?);
            self.cache.full_shapes.clear();
            feed::copy(&self.conn, (&self.catalogue, &self.listing), &self.fire)?;
            self.schema_version = version;
            self.declarations = declarations_mark(&self.catalogue);
        }
        let count = read_counters(&self.conn)?;
        let mut tx = Tx {
            conn: &self.conn,
            catalogue: Arc::clone(&self.catalogue),
            listing: Arc::clone(&self.listing),
            described: &mut self.described,
            anew: &mut self.anew,
            clock: &*self.options.clock,
            me: Origin { machine: self.options.machine, epoch: self.epoch },
            file_epoch: self.epoch,
            count,
            together: count.pos + 1,
            via: None,
            changes: HashMap::new(),
            reload: false,
            conflicts: 0,
            reserved: None,
            highest: None,
            withheld: None,
            asked: None,
            wrote_beside_unique: BTreeSet::new(),
            spare: self.spare.reader(),
            placed: RefCell::default(),
            strays: HashMap::new(),
            unheard: None,
            last_line: self.last_line,
            cache: &mut self.cache,
        };
        let done = work(&mut tx)?;
        tx.settle_digests()?;
        if tx.count != count {
            tx.write_counters()?;
        }
        if tx.count.pos != count.pos {
            tx.note_arrival(count.pos)?;
        }
        let (count, reload, placed) = (tx.count, tx.reload, tx.placed.take());
        self.last_line = tx.last_line;
        self.drift.wrote(&tx.wrote_beside_unique);
        self.placed(placed);
        Ok((done, count, reload))
    }

    pub(crate) fn now_sql(&self) -> &str {
        self.options.now_sql.as_deref().unwrap_or(trigger::NOW)
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.options.clock)
    }
}

fn declarations_mark(catalogue: &Catalogue) -> u64 {
    let mut hash = DefaultHasher::new();
    catalogue.facts.hash(&mut hash);
    for table in catalogue.tables.iter().filter(|table| !table.internal()) {
        table.declaration(catalogue).hash(&mut hash);
    }
    hash.finish()
}

/// How a transaction is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    /// With a flush: what it wrote may leave this machine.
    Now,
    /// Without one: what a partner sent can be asked for again.
    Later,
    /// It only reads.
    Reads,
}
