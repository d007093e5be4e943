//! The driver: the one place that talks to mdns-sd.
//!
//! ```text
//!   Running ──every 20 s──► browse again        a silent break longer than 120 s heals no other way
//!      │    ──channel gone─► browse again        mdns-sd drops a subscriber that falls behind
//!      │    ──flood, brake─► Flooded ──next minute──► Running, with a new mDNS daemon
//!      └────stop───────────► goodbye
//! ```

use super::advert::{Advert, Announcement, DUNLIN, SAHANA, is_specific};
use super::brake::{self, Brake, Look};
use super::deaf::make_deaf;
use super::nets::Nets;
use super::{Error, Seen, Settings, Shared};
use mdns_sd::{DaemonStatus, IfKind, Metrics, Receiver, ServiceDaemon, ServiceEvent, ServiceInfo};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tracing::{debug, info, warn};

/// How often we ask the network again.
const BROWSE_EVERY: Duration = Duration::from_secs(20);

/// How many adverts a minute are news. More is a flood, or a fault.
const ADVERTS_A_MINUTE_MAX: u32 = 1_000;

/// How long we wait for the goodbye to be sent.
const GOODBYE: Duration = Duration::from_secs(2);

/// How many orders may wait; they come from this process and are few.
const ORDERS_MAX: usize = 16;

/// What the daemon tells the driver.
enum Order {
    Announce(Announcement),
    Stop(oneshot::Sender<()>),
}

/// The handle of the running task. Dropping the last one ends it, with a goodbye.
pub(super) struct Driver {
    orders: mpsc::Sender<Order>,
}

impl Driver {
    pub(super) fn start(
        announcement: Announcement,
        settings: Settings,
        shared: Arc<Shared>,
    ) -> Result<Self, Error> {
        let mdns = Mdns::start(&announcement, &settings).map_err(Error::Start)?;
        let (orders, inbox) = mpsc::channel(ORDERS_MAX);
        let (flood, brake) = (Flood::default(), Brake::default());
        let task = Task { announcement, settings, shared, flood, brake, ending: None };
        tokio::spawn(task.run(mdns, inbox));
        Ok(Self { orders })
    }

    pub(super) fn announce(&self, announcement: Announcement) {
        if self.orders.try_send(Order::Announce(announcement)).is_err() {
            warn!(cause = "the driver is busy or gone", "announcement not changed");
        }
    }

    pub(super) async fn stop(&self) {
        let (done, is_done) = oneshot::channel();
        // Gone already is as good as done.
        if self.orders.send(Order::Stop(done)).await.is_ok()
            && timeout(GOODBYE, is_done).await.is_err()
        {
            warn!(cause = "no answer in 2 s", "discovery not stopped");
        }
    }
}

/// A running mDNS daemon with its two subscriptions.
struct Mdns {
    daemon: ServiceDaemon,
    ours: Receiver<ServiceEvent>,
    old: Receiver<ServiceEvent>,
    /// What it keeps, asked for at the last look and answered since.
    keeps: Option<Receiver<Metrics>>,
}

impl Mdns {
    fn start(announcement: &Announcement, settings: &Settings) -> mdns_sd::Result<Self> {
        let daemon = ServiceDaemon::new_with_port(settings.port)?;
        let kinds = interfaces(settings);
        if !kinds.is_empty() {
            daemon.disable_interface(IfKind::All)?;
            daemon.enable_interface(kinds)?;
        }
        daemon.register(service(announcement, settings)?)?;
        let (ours, old) = (daemon.browse(DUNLIN)?, daemon.browse(SAHANA)?);
        Ok(Self { daemon, ours, old, keeps: None })
    }

    fn browse(&mut self) -> mdns_sd::Result<()> {
        self.ours = self.daemon.browse(DUNLIN)?;
        self.old = self.daemon.browse(SAHANA)?;
        Ok(())
    }

    /// The next event; `None` when mdns-sd dropped a subscription.
    async fn event(&self) -> Option<ServiceEvent> {
        tokio::select! {
            event = self.ours.recv_async() => event.ok(),
            event = self.old.recv_async() => event.ok(),
        }
    }

    /// What this look finds; the thread is asked again what it keeps.
    fn look(&mut self, now: Duration) -> Look {
        let asked = self.keeps.is_some();
        let keeps = self.keeps.take().and_then(|keeps| keeps.try_recv().ok());
        self.keeps = self.daemon.get_metrics().ok();
        Look { now, used: brake::used(), asked, keeps }
    }

    /// Says goodbye and ends the daemon's thread; if it does not end in time, what will tell of it.
    async fn stop(self) -> Option<Receiver<DaemonStatus>> {
        let status = self.daemon.shutdown().ok()?;
        if timeout(GOODBYE, status.recv_async()).await.is_ok() {
            return None;
        }
        warn!(cause = "no answer in 2 s", "goodbye not said");
        Some(status)
    }
}

/// Which interfaces to use; none means mdns-sd's own choice.
fn interfaces(settings: &Settings) -> Vec<IfKind> {
    if !settings.interfaces.is_empty() {
        return settings.interfaces.iter().cloned().map(IfKind::Name).collect();
    }
    // Who listens on loopback only must not tell the network about it.
    if settings.on_loopback() { vec![IfKind::LoopbackV4, IfKind::LoopbackV6] } else { Vec::new() }
}

fn service(announcement: &Announcement, settings: &Settings) -> mdns_sd::Result<ServiceInfo> {
    let name = announcement.id.to_string();
    let host = format!("{name}.local.");
    let txt = announcement.txt();
    let txt: Vec<(&str, &str)> = txt.iter().map(|(key, text)| (*key, text.as_str())).collect();
    let port = announcement.port;
    if is_specific(settings.listen) {
        return ServiceInfo::new(DUNLIN, &name, &host, settings.listen, port, txt.as_slice());
    }
    // All of ours, also those that come later.
    ServiceInfo::new(DUNLIN, &name, &host, "", port, txt.as_slice())
        .map(ServiceInfo::enable_addr_auto)
}

/// Counts adverts that were news, by the minute.
#[derive(Default)]
struct Flood {
    minute: u64,
    news: u32,
}

impl Flood {
    /// Whether this piece of news is one too many. `now` is the monotonic clock.
    fn is_over(&mut self, now: Duration) -> bool {
        let minute = now.as_secs() / 60;
        if minute != self.minute {
            *self = Self { minute, news: 0 };
        }
        self.news += 1;
        self.news > ADVERTS_A_MINUTE_MAX
    }
}

struct Task {
    announcement: Announcement,
    settings: Settings,
    shared: Arc<Shared>,
    flood: Flood,
    brake: Brake,
    /// The mDNS daemon before this one, if its thread has not ended yet.
    ending: Option<Receiver<DaemonStatus>>,
}

/// What ends one life of the mDNS daemon.
enum End {
    Flooded,
    Failed(mdns_sd::Error),
    Stopped(Option<oneshot::Sender<()>>),
}

impl Task {
    async fn run(mut self, first: Mdns, mut inbox: mpsc::Receiver<Order>) {
        let mut mdns = Some(first);
        loop {
            let end = match mdns.take() {
                Some(mut running) => {
                    let end = self.live(&mut running, &mut inbox).await;
                    if matches!(end, End::Flooded) {
                        self.make_deaf();
                    }
                    self.ending = running.stop().await;
                    end
                }
                None => End::Flooded,
            };
            match end {
                End::Stopped(done) => {
                    if let Some(done) = done {
                        // Nobody waits any more if the other end is gone.
                        done.send(()).unwrap_or_default();
                    }
                    return;
                }
                End::Flooded => {}
                End::Failed(error) => warn!(cause = %error, "discovery interrupted"),
            }
            if let Some(done) = self.rest(&mut inbox).await {
                done.send(()).unwrap_or_default();
                return;
            }
            if self.is_still_ending() {
                // Two that are flooded cost twice as much.
                warn!(cause = "the flood goes on", "discovery not started");
                continue;
            }
            match Mdns::start(&self.announcement, &self.settings) {
                Ok(fresh) => {
                    info!("discovery started anew");
                    mdns = Some(fresh);
                }
                Err(error) => warn!(cause = %error, "discovery not started"),
            }
        }
    }

    /// Keeps the network away from an mDNS daemon that has to end.
    fn make_deaf(&self) {
        match make_deaf(self.settings.port) {
            Ok(sockets) => debug!(sockets, "nothing more is heard"),
            Err(error) => debug!(cause = %error, "what is sent is still heard"),
        }
    }

    fn is_still_ending(&mut self) -> bool {
        use mdns_sd::TryRecvError::Empty;
        // An answer, and a thread that is gone without one, are both its end.
        let is_there = |ending: Receiver<DaemonStatus>| {
            matches!(ending.try_recv(), Err(Empty)).then_some(ending)
        };
        self.ending = self.ending.take().and_then(is_there);
        self.ending.is_some()
    }

    /// Runs until something ends this life of the mDNS daemon.
    async fn live(&mut self, mdns: &mut Mdns, inbox: &mut mpsc::Receiver<Order>) -> End {
        let mut again = interval_at(Instant::now() + BROWSE_EVERY, BROWSE_EVERY);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut look = interval_at(Instant::now() + brake::LOOK_EVERY, brake::LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.brake.begin(brake::used());
        let mut nets = Nets::now(self.settings.on_loopback());
        loop {
            let result = tokio::select! {
                event = mdns.event() => match event {
                    Some(event) if self.is_flood(&event, &nets) => {
                        warn!(cause = "too many adverts in a minute", "discovery flooded");
                        return End::Flooded;
                    }
                    Some(_) => Ok(()),
                    None => mdns.browse(),
                },
                _ = look.tick() => {
                    if let Some(cause) = self.brake.look(&mdns.look(self.shared.now())) {
                        warn!(cause, "discovery flooded");
                        return End::Flooded;
                    }
                    Ok(())
                }
                _ = again.tick() => {
                    nets = Nets::now(self.settings.on_loopback());
                    mdns.browse()
                }
                order = inbox.recv() => match order {
                    None => return End::Stopped(None),
                    Some(Order::Stop(done)) => return End::Stopped(Some(done)),
                    Some(Order::Announce(announcement)) => {
                        self.announcement = announcement;
                        service(&self.announcement, &self.settings)
                            .and_then(|service| mdns.daemon.register(service))
                    }
                },
            };
            match result {
                // Its queue is full; the next round comes in 20 s.
                Ok(()) | Err(mdns_sd::Error::Again) => {}
                Err(error) => return End::Failed(error),
            }
        }
    }

    /// Takes an event in; true when it was one too many.
    fn is_flood(&mut self, event: &ServiceEvent, nets: &Nets) -> bool {
        // Removals say nothing reliable: the table forgets by itself.
        let ServiceEvent::ServiceResolved(service) = event else { return false };
        let Some(advert) = Advert::read(service, nets) else {
            debug!(service = service.fullname, "advert not taken");
            return self.flood.is_over(self.shared.now());
        };
        match self.shared.see(&advert) {
            Seen::Same | Seen::Ourselves => false,
            Seen::New | Seen::Changed | Seen::Refused => {
                debug!(machine = %advert.id, name = advert.name, "machine sighted");
                self.flood.is_over(self.shared.now())
            }
        }
    }

    /// Waits for the next minute; an order to stop ends the wait.
    async fn rest(&mut self, inbox: &mut mpsc::Receiver<Order>) -> Option<oneshot::Sender<()>> {
        let gone = self.shared.now().as_secs() % 60;
        let until = Instant::now() + Duration::from_secs(60 - gone);
        loop {
            tokio::select! {
                () = sleep_until(until) => return None,
                order = inbox.recv() => match order {
                    // All handles are gone: an answer nobody reads ends the task.
                    None => return Some(oneshot::channel().0),
                    Some(Order::Stop(done)) => return Some(done),
                    Some(Order::Announce(announcement)) => self.announcement = announcement,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_news_a_minute_are_no_flood_and_one_more_is() {
        let mut flood = Flood::default();
        let at = Duration::from_secs;
        assert!((0..1_000).all(|_| !flood.is_over(at(59))));
        assert!(flood.is_over(at(59)));
        assert!(!flood.is_over(at(60)));
    }
}
