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

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use dunlin_schema::{Origin, Store};
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::{Error, Result};

/// So many pieces of work wait at most; each is a page or a question.
const QUEUE: usize = 64;

type Work = Box<dyn FnOnce(&mut Store) + Send>;

/// One database that is kept in step.
#[derive(Clone, Debug)]
pub struct Database {
    name: Arc<str>,
    origin: Origin,
    path: Arc<PathBuf>,
    untracked: Arc<[String]>,
    queue: mpsc::Sender<Work>,
    moved: watch::Receiver<u64>,
    shapes: watch::Receiver<u64>,
}

impl Database {
    /// Starts the thread that owns the store.
    pub fn start(name: &str, untracked: &[String], mut store: Store) -> Result<Self> {
        let (queue, mut work) = mpsc::channel::<Work>(QUEUE);
        let end = store.end()?;
        let (tell, moved) = watch::channel(end);
        let (tell_shapes, shapes) = watch::channel(store.shapes_mark());
        let (origin, path) = (store.origin(), store.path().to_owned());
        thread::Builder::new()
            .name(format!("db {name}"))
            .spawn(move || {
                while let Some(work) = work.blocking_recv() {
                    work(&mut store);
                    // A question that failed says nothing about the journal.
                    if let Ok(end) = store.end() {
                        tell.send_if_modified(|told| std::mem::replace(told, end) != end);
                    }
                    let mark = store.shapes_mark();
                    tell_shapes.send_if_modified(|told| std::mem::replace(told, mark) != mark);
                }
            })
            .map_err(|source| Error::Thread { source })?;
        Ok(Self {
            name: name.into(),
            origin,
            path: Arc::new(path),
            untracked: untracked.into(),
            queue,
            moved,
            shapes,
        })
    }

    /// The name by which the databases of two machines match.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// This machine, and the epoch of its database.
    pub fn origin(&self) -> Origin {
        self.origin
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
    pub fn shapes(&self) -> watch::Receiver<u64> {
        self.shapes.clone()
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
        self.queue.send(work).await.map_err(|_| Error::Stopping)?;
        Ok(answered.await.map_err(|_| Error::Stopping)??)
    }
}
