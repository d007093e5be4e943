//! The links that are open, and what becomes of a second one to the same machine.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dunlin_rpc::{Code, Fault, Pin};
use tokio::sync::{Notify, watch};
use tracing::{error, info};

use super::one_link::{self, Known, Verdict};

/// So long a link that should stand has to get past the greeting before the other one does.
const TO_GET_READY: Duration = Duration::from_secs(10);
/// So long an old link has to answer when another boot nonce shows up.
const TO_ANSWER: Duration = Duration::from_secs(5);

/// One open link.
#[derive(Debug)]
pub struct Link {
    /// Counts up over the daemon's life.
    pub id: u64,
    /// Whose key is at the other end.
    pub pin: Pin,
    /// We dialled it.
    pub ours: bool,
    /// The pin of ours that this end showed.
    pub under: Pin,
    /// A session is wanted now.
    pub poke: Notify,
    /// Asks the other end for a sign of life.
    pub probe: Notify,
    boot: Mutex<String>,
    ready: watch::Sender<bool>,
    closing: watch::Sender<Option<String>>,
    signs: AtomicU64,
    sign: Notify,
    ended: AtomicBool,
}

impl Link {
    /// Asks the link to close, for a reason that both sides hear.
    pub fn close(&self, reason: &str) {
        self.closing.send_if_modified(|closing| {
            let first = closing.is_none();
            if first {
                *closing = Some(reason.to_owned());
            }
            first
        });
    }

    /// Why the link closes, once somebody asked: from then on no row goes over it.
    pub fn is_closing(&self) -> Option<String> {
        self.closing.borrow().clone()
    }

    /// Waits until somebody asks the link to close; answers why.
    pub async fn closed(&self) -> String {
        let mut closing = self.closing.subscribe();
        match closing.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            // The link holds the sender itself, so this does not come.
            Err(_) => String::new(),
        }
    }

    /// Did the other end say who it is?
    pub fn is_greeted(&self) -> bool {
        !self.known().boot.is_empty()
    }

    /// The greeting is over.
    pub fn is_ready(&self) {
        self.ready.send_replace(true);
    }

    /// The other end said something.
    pub fn sign_of_life(&self) {
        self.signs.fetch_add(1, Ordering::Relaxed);
        self.sign.notify_waiters();
    }

    fn known(&self) -> Known {
        let boot = self.boot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Known { ours: self.ours, boot }
    }

    async fn gets_ready(&self) -> bool {
        let mut ready = self.ready.subscribe();
        let ready = ready.wait_for(|ready| *ready);
        matches!(tokio::time::timeout(TO_GET_READY, ready).await, Ok(Ok(_)))
            && !self.ended.load(Ordering::Relaxed)
    }

    async fn answers(&self) -> bool {
        let before = self.signs.load(Ordering::Relaxed);
        self.probe.notify_one();
        let answered = async {
            loop {
                let sign = self.sign.notified();
                if self.signs.load(Ordering::Relaxed) > before {
                    return true;
                }
                if self.ended.load(Ordering::Relaxed) {
                    return false;
                }
                sign.await;
            }
        };
        tokio::time::timeout(TO_ANSWER, answered).await.unwrap_or(false)
    }
}

/// The links that are open.
#[derive(Debug, Default)]
pub struct Links {
    open: Mutex<HashMap<Pin, Vec<Arc<Link>>>>,
    held: Mutex<HashMap<Pin, String>>,
    count: AtomicU64,
    moved: watch::Sender<u64>,
}

impl Links {
    fn open(&self) -> MutexGuard<'_, HashMap<Pin, Vec<Arc<Link>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection whose handshake is done; not yet a link that counts.
    pub fn begin(&self, pin: Pin, ours: bool, under: Pin) -> Arc<Link> {
        Arc::new(Link {
            id: self.count.fetch_add(1, Ordering::Relaxed) + 1,
            pin,
            ours,
            under,
            poke: Notify::new(),
            probe: Notify::new(),
            boot: Mutex::default(),
            ready: watch::Sender::new(false),
            closing: watch::Sender::new(None),
            signs: AtomicU64::new(0),
            sign: Notify::new(),
            ended: AtomicBool::new(false),
        })
    }

    /// Takes a link that was greeted, or refuses it because another one stands.
    pub async fn admit(&self, link: &Arc<Link>, boot: &str) -> Result<(), Fault> {
        boot.clone_into(&mut link.boot.lock().unwrap_or_else(PoisonError::into_inner));
        let older: Vec<Arc<Link>> = {
            let mut open = self.open();
            // A connection may end while its greeting is being answered. A link that came in here after its end
            // would be there for ever, and nobody would dial a machine that has one.
            if link.ended.load(Ordering::Relaxed) {
                return Err(Fault::new(Code::Busy, "this link is over"));
            }
            let links = open.entry(link.pin).or_default();
            let older = links.clone();
            links.push(Arc::clone(link));
            older
        };
        for old in older {
            if old.under != link.under {
                old.close("this machine has a new key");
                continue;
            }
            match one_link::judge(&old.known(), &link.known(), link.under < link.pin) {
                Verdict::Replace => old.close("a newer link of the same machine replaces this one"),
                Verdict::NewStands => {
                    // Only once the new one is past the greeting: else a broken dial would cost a good link.
                    let link = Arc::clone(link);
                    tokio::spawn(async move {
                        if link.gets_ready().await {
                            old.close("the link that the other machine dialled stands");
                        }
                    });
                }
                Verdict::OldStands => {
                    if old.gets_ready().await {
                        self.end(link);
                        return Err(Fault::new(Code::Busy, "another link between us stands"));
                    }
                    old.close("it did not get past the greeting");
                }
                Verdict::AskOld => {
                    if old.answers().await {
                        let reason = "two machines have this key: one is a copy of the other; stop the copy, make a new machine there with `dunlin init`, and start this daemon anew; if the copy is out of reach, forget the key with `dunlin partners forget` and join the right machine anew";
                        error!(partner = %link.pin, cause = reason, "identity problem");
                        self.hold(link.pin, reason);
                        return Err(Fault::new(Code::IdentityProblem, reason));
                    }
                    info!(partner = %link.pin, "old link gave no answer, replaced");
                    old.close("this machine was started anew");
                }
            }
        }
        self.moved.send_modify(|count| *count += 1);
        Ok(())
    }

    /// A link is over.
    pub fn end(&self, link: &Arc<Link>) {
        let mut open = self.open();
        link.ended.store(true, Ordering::Relaxed);
        link.ready.send_replace(true);
        link.sign.notify_waiters();
        if let Some(links) = open.get_mut(&link.pin) {
            links.retain(|other| other.id != link.id);
            if links.is_empty() {
                open.remove(&link.pin);
            }
        }
        drop(open);
        self.moved.send_modify(|count| *count += 1);
    }

    /// Holds a key: no link of it stands until a person has looked.
    pub fn hold(&self, pin: Pin, reason: &str) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(pin, reason.to_owned());
        for link in self.of(pin) {
            link.close(reason);
        }
    }

    /// Why a key is held.
    pub fn held(&self, pin: Pin) -> Option<String> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).get(&pin).cloned()
    }

    /// The open links to a machine.
    pub fn of(&self, pin: Pin) -> Vec<Arc<Link>> {
        self.open().get(&pin).cloned().unwrap_or_default()
    }

    /// Is there one?
    pub fn any(&self, pin: Pin) -> bool {
        self.open().contains_key(&pin)
    }

    /// All open links.
    pub fn all(&self) -> Vec<Arc<Link>> {
        self.open().values().flatten().cloned().collect()
    }

    /// Counts up whenever a link begins or ends.
    pub fn moved(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pins() -> (Pin, Pin) {
        (Pin([1; 32]), Pin([2; 32]))
    }

    #[tokio::test(start_paused = true)]
    async fn a_restarted_machine_replaces_its_dead_link_and_is_no_clone() {
        let (us, them) = pins();
        let links = Links::default();
        let old = links.begin(them, false, us);
        links.admit(&old, "boot 1").await.unwrap();
        let new = links.begin(them, false, us);
        // Nobody answers the probe: time runs by itself while the clock is paused.
        links.admit(&new, "boot 2").await.unwrap();
        assert_eq!(old.closed().await, "this machine was started anew");
        assert_eq!(links.held(them), None);
    }

    #[tokio::test]
    async fn a_link_that_ended_while_it_was_greeted_is_none() {
        let (us, them) = pins();
        let links = Links::default();
        let link = links.begin(them, false, us);
        links.end(&link);
        assert_eq!(links.admit(&link, "boot").await.unwrap_err().code, Code::Busy);
        assert!(!links.any(them));
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_link_that_ends_while_it_is_asked_is_waited_for_no_longer() {
        let (us, them) = pins();
        let links = Links::default();
        let old = links.begin(them, false, us);
        links.admit(&old, "boot 1").await.unwrap();
        let new = links.begin(them, false, us);
        let began = tokio::time::Instant::now();
        let (admitted, ()) = tokio::join!(links.admit(&new, "boot 2"), async {
            old.probe.notified().await;
            links.end(&old);
        });
        admitted.unwrap();
        assert!(began.elapsed() < TO_ANSWER);
        assert_eq!(links.of(them).len(), 1);
    }

    #[tokio::test]
    async fn a_link_under_our_new_key_ends_one_of_the_old_key_whoever_dialled() {
        let (us, them) = pins();
        for (before, after) in [(true, true), (true, false), (false, true), (false, false)] {
            let links = Links::default();
            let old = links.begin(them, before, Pin([7; 32]));
            links.admit(&old, "boot").await.unwrap();
            old.is_ready();
            let new = links.begin(them, after, us);
            links.admit(&new, "boot").await.unwrap();
            assert_eq!(old.closed().await, "this machine has a new key", "{before} {after}");
            assert_eq!(links.held(them), None);
        }
    }

    #[tokio::test]
    async fn two_machines_with_one_key_are_both_held() {
        let (us, them) = pins();
        let links = Arc::new(Links::default());
        let old = links.begin(them, false, us);
        links.admit(&old, "boot 1").await.unwrap();
        let answering = Arc::clone(&old);
        let answer = tokio::spawn(async move {
            answering.probe.notified().await;
            answering.sign_of_life();
        });
        let new = links.begin(them, false, us);
        let fault = links.admit(&new, "boot 2").await.unwrap_err();
        answer.await.unwrap();
        assert_eq!(fault.code, Code::IdentityProblem);
        assert!(links.held(them).is_some());
        assert!(old.closed().await.contains("two machines"));
    }

    #[tokio::test]
    async fn of_crossing_links_the_one_of_the_lower_pin_stands_once_it_is_ready() {
        let (us, them) = pins();
        let links = Links::default();
        let theirs = links.begin(them, false, us);
        links.admit(&theirs, "boot").await.unwrap();
        theirs.is_ready();
        let ours = links.begin(them, true, us);
        links.admit(&ours, "boot").await.unwrap();
        ours.is_ready();
        assert!(theirs.closed().await.contains("stands"));
    }

    #[tokio::test]
    async fn the_higher_pins_dial_is_refused_while_the_lower_ones_link_stands() {
        let (lower, higher) = pins();
        let links = Links::default();
        // Seen from the higher pin: the lower one's link is there, and we dialled too.
        let theirs = links.begin(lower, false, higher);
        links.admit(&theirs, "boot").await.unwrap();
        theirs.is_ready();
        let ours = links.begin(lower, true, higher);
        assert_eq!(links.admit(&ours, "boot").await.unwrap_err().code, Code::Busy);
        assert_eq!(links.of(lower).len(), 1);
    }
}
