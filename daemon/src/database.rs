//! A database at work: one thread that owns the store, and what the rest of the daemon asks of it.
//!
//! ```text
//!   link, script, watch ──closure──▶ queue ──▶ thread: Store ──▶ moved (position of the journal)
//! ```
//!
//! # Invariants
//!
//! * One transaction at a time; what was begun runs to its end, whether its caller waits or not.
//! * The queue is bounded: who asks faster than the disk answers, waits.
//! * A process that ends in good order closes the file first: SQLite then moves what the write-ahead log holds into
//!   the file, and whoever copies the file alone has all of it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc as channel};
use std::thread;
use std::time::Duration;

use dunlin_schema::{Meters, Origin, Store};
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::{Error, Result};

/// So many pieces of work wait at most; each is a page or a question.
const QUEUE: usize = 64;

/// Closing waits so long for the work that was begun; another program may hold the file locked.
const CLOSE: Duration = Duration::from_secs(1);

type Work = Box<dyn FnOnce(&mut Store) + Send>;

/// The thread's queue. With the last handle of a database it goes, and waits until the file is closed.
#[derive(Debug)]
struct Owner {
    queue: Option<mpsc::Sender<Work>>,
    /// Never sent to: it ends when the thread does.
    ended: Mutex<channel::Receiver<()>>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        drop(self.queue.take());
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        // In time or not: the next who opens the file finds what it needs.
        ended.recv_timeout(CLOSE).unwrap_or_default();
    }
}

/// One database that is kept in step.
#[derive(Clone, Debug)]
pub struct Database {
    name: Arc<str>,
    origin: watch::Receiver<Origin>,
    path: Arc<PathBuf>,
    untracked: Arc<[String]>,
    owner: Arc<Owner>,
    moved: watch::Receiver<u64>,
    declarations: watch::Receiver<u64>,
    wanted: watch::Receiver<u64>,
    meters: Arc<Meters>,
    found_by_poll: Arc<AtomicU64>,
}

/// What looking at the file came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looked {
    /// The application had written something.
    pub(crate) any: bool,
    /// Something was written that cannot be read yet.
    pub(crate) under_way: bool,
}

impl Database {
    /// Starts the thread that owns the store.
    pub fn start(name: &str, untracked: &[String], mut store: Store) -> Result<Self> {
        let (queue, mut work) = mpsc::channel::<Work>(QUEUE);
        let end = store.end()?;
        let (tell, moved) = watch::channel(end);
        let (tell_declarations, declarations) = watch::channel(store.declarations_mark());
        let (tell_wanted, wanted) = watch::channel(0);
        let (tell_origin, origin) = watch::channel(store.origin());
        let path = store.path().to_owned();
        let meters = store.meters();
        let (ending, ended) = channel::channel::<()>();
        thread::Builder::new()
            .name(format!("db {name}"))
            .spawn(move || {
                while let Some(work) = work.blocking_recv() {
                    work(&mut store);
                    let now = store.origin();
                    tell_origin.send_if_modified(|told| std::mem::replace(told, now) != now);
                    // A question that failed says nothing about the journal.
                    if let Ok(end) = store.end() {
                        tell.send_if_modified(|told| std::mem::replace(told, end) != end);
                    }
                    if let Ok(last) = store.wanted() {
                        let last = last.cast_unsigned();
                        tell_wanted.send_if_modified(|told| std::mem::replace(told, last) < last);
                    }
                    let mark = store.declarations_mark();
                    tell_declarations
                        .send_if_modified(|told| std::mem::replace(told, mark) != mark);
                }
                drop(store);
                drop(ending);
            })
            .map_err(|source| Error::Thread { source })?;
        Ok(Self {
            name: name.into(),
            origin,
            path: Arc::new(path),
            untracked: untracked.into(),
            owner: Arc::new(Owner { queue: Some(queue), ended: Mutex::new(ended) }),
            moved,
            declarations,
            wanted,
            meters,
            found_by_poll: Arc::default(),
        })
    }

    /// The name by which the databases of two machines match.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// This machine, and the epoch of its database: another one once the file was replaced, or its sidecar dropped.
    pub fn origin(&self) -> Origin {
        *self.origin.borrow()
    }

    /// The file.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Tables that stay this machine's own.
    pub fn untracked(&self) -> &[String] {
        &self.untracked
    }

    /// The end of the journal now.
    pub fn end(&self) -> u64 {
        *self.moved.borrow()
    }

    /// The end of the journal, as it moves.
    pub fn moved(&self) -> watch::Receiver<u64> {
        self.moved.clone()
    }

    /// Changes when other tables are tracked, or something in them became loose.
    pub fn declarations(&self) -> watch::Receiver<u64> {
        self.declarations.clone()
    }

    /// Changes when there is more to ask partners for by name.
    pub fn wanted(&self) -> watch::Receiver<u64> {
        self.wanted.clone()
    }

    /// What is measured of it.
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// How often the poll found what no event had told of.
    pub fn found_by_poll(&self) -> u64 {
        self.found_by_poll.load(Ordering::Relaxed)
    }

    /// The poll found what no event had told of.
    pub(crate) fn note_found_by_poll(&self) {
        self.found_by_poll.fetch_add(1, Ordering::Relaxed);
    }

    /// How many pieces of work wait in the queue.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.owner.queue.as_ref().map_or(0, |queue| queue.max_capacity() - queue.capacity())
    }

    /// Has the store do something. The work runs to its end even when nobody waits for the answer.
    pub async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> dunlin_schema::Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |store| {
            // The caller may be gone; the work is done all the same.
            drop(answer.send(work(store)));
        });
        let queue = self.owner.queue.as_ref().ok_or(Error::Stopping)?;
        queue.send(work).await.map_err(|_| Error::Stopping)?;
        Ok(answered.await.map_err(|_| Error::Stopping)??)
    }

    /// As [`Database::call`], for a piece of work that holds the file: the application has its turn first, and
    /// questions are answered meanwhile.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> dunlin_schema::Result<T> + Send + 'static,
    ) -> Result<T> {
        let work = |store: &mut Store| match store.left_alone() {
            Duration::ZERO => work(store).map(Ok),
            alone => Ok(Err((alone, work))),
        };
        match self.call(work).await? {
            Ok(done) => Ok(done),
            Err((alone, work)) => {
                tokio::time::sleep(alone).await;
                self.call(work).await
            }
        }
    }

    /// Folds what the application wrote, piece by piece. Answers whether there was anything.
    pub async fn fold(&self) -> Result<bool> {
        let mut any = false;
        loop {
            let folded = self.work(Store::fold_some).await?;
            any |= folded.any;
            if !folded.more {
                return Ok(any);
            }
        }
    }

    /// As [`Database::fold`]; answers also whether there is something to come. That is asked first: what ends in between
    /// is folded.
    pub(crate) async fn look(&self) -> Result<Looked> {
        let under_way = self.call(|store| store.is_commit_under_way()).await?;
        Ok(Looked { any: self.fold().await?, under_way })
    }
}
