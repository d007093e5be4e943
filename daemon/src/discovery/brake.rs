//! The brake: whether the mDNS daemon takes more of this computer than finding machines is worth.
//!
//! mdns-sd keeps every record that it hears, for as long as its sender likes, and reads for as long
//! as there is something to read. Adverts that make sense are counted by the driver; whoever sends
//! records that belong to nothing, questions without end or broken packets is noticed here, by what
//! they cost.
//!
//! # Invariants
//!
//! * Within a minute, discovery takes at most [`PROCESSOR_A_MINUTE`], and what one look later shows.
//! * Where the system does not tell what a thread costs, the records alone are counted.

use mdns_sd::Metrics;
use std::time::Duration;

/// How often it is looked.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Processor time within a minute. An office of a hundred machines costs some milliseconds.
const PROCESSOR_A_MINUTE: Duration = Duration::from_secs(1);

/// Processor time between two looks of a thread that does not come to an end.
const BUSY: Duration = Duration::from_millis(600);

/// How many records are kept at once. A large office has some thousand; these take five megabytes.
const RECORDS_MAX: i64 = 10_000;

/// How many times a record has to be looked at again; each of them is small.
const TIMERS_MAX: i64 = 500_000;

/// What mdns-sd calls its thread.
const THREAD: &str = "mDNS_daemon";

/// The clock ticks in a second that `/proc` counts in; the same on every Linux.
const TICKS: u64 = 100;

/// What was used of a minute's processor time.
#[derive(Debug, Default)]
pub(super) struct Brake {
    minute: u64,
    /// What the thread had used when the minute began, and at the last look.
    before: Duration,
    last: Duration,
}

/// What one look finds.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// The monotonic clock.
    pub(super) now: Duration,
    /// What the thread has used since it began.
    pub(super) used: Duration,
    /// It was asked at the last look what it keeps.
    pub(super) asked: bool,
    /// And this is its answer.
    pub(super) keeps: Option<Metrics>,
}

impl Brake {
    /// A fresh mDNS daemon has used nothing.
    pub(super) fn begin(&mut self, used: Duration) {
        (self.before, self.last) = (used, used);
    }

    /// Why the mDNS daemon has to rest, if it has to.
    pub(super) fn look(&mut self, look: &Look) -> Option<&'static str> {
        let minute = look.now.as_secs() / 60;
        if minute != self.minute {
            *self = Self { minute, before: look.used, last: self.last };
        }
        let since = look.used.saturating_sub(self.last);
        self.last = look.used;
        if PROCESSOR_A_MINUTE < look.used.saturating_sub(self.before) {
            return Some("it takes too much processor time");
        }
        match &look.keeps {
            Some(metrics) if is_crowded(metrics) => Some("there are too many records"),
            // It does nothing but read, and so hears no order either.
            None if look.asked && BUSY <= since => Some("there is no end to what is sent"),
            Some(_) | None => None,
        }
    }
}

/// Whether the mDNS daemon keeps more than any network needs.
fn is_crowded(metrics: &Metrics) -> bool {
    let kept = |(name, count): (&String, &i64)| name.starts_with("cached-").then_some(*count);
    let records: i64 = metrics.iter().filter_map(kept).sum();
    let timers = metrics.get("timer").copied().unwrap_or_default();
    RECORDS_MAX < records || TIMERS_MAX < timers
}

/// What mDNS daemons of this process have used; nothing where the system does not tell.
pub(super) fn used() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let texts = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
    let ticks: u64 = texts.filter_map(|stat| ticks(&stat)).sum();
    Duration::from_millis(ticks.saturating_mul(1_000 / TICKS))
}

/// The time of a thread that is ours, from its line in `/proc`.
fn ticks(stat: &str) -> Option<u64> {
    let (name, fields) = stat.split_once('(')?.1.rsplit_once(") ")?;
    // What follows the name are the third field and on; the times are the 14th and 15th.
    let mut times = fields.split(' ').skip(11);
    let (own, kernel) = (times.next()?.parse::<u64>().ok()?, times.next()?.parse::<u64>().ok()?);
    (name == THREAD).then_some(own.saturating_add(kernel))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(seconds: u64, used: Duration) -> Look {
        Look { now: Duration::from_secs(seconds), used, ..Look::default() }
    }

    #[test]
    fn a_minutes_share_is_used_up_once_and_there_again_in_the_next() {
        let (mut brake, share) = (Brake::default(), PROCESSOR_A_MINUTE);
        assert_eq!(brake.look(&look(10, share)), None);
        assert!(brake.look(&look(59, share * 2)).is_some());
        assert_eq!(brake.look(&look(60, share * 2)), None);
        assert_eq!(brake.look(&look(119, share * 3)), None);
        assert!(brake.look(&look(119, share * 4)).is_some());
        // The next daemon does not pay for what an earlier one used.
        brake.begin(share * 4);
        assert_eq!(brake.look(&look(119, share * 4)), None);
    }

    #[test]
    fn who_works_hard_and_answers_nothing_is_stopped() {
        let asked = |used| Look { asked: true, ..look(1, used) };
        let answered = |used| Look { keeps: Some(Metrics::new()), ..asked(used) };
        assert!(Brake::default().look(&asked(BUSY)).is_some());
        assert_eq!(Brake::default().look(&answered(BUSY)), None);
        assert_eq!(Brake::default().look(&look(1, BUSY)), None);
        // The computer is busy, not the thread.
        assert_eq!(Brake::default().look(&asked(BUSY / 2)), None);
    }

    #[test]
    fn records_and_timers_are_counted() {
        let metrics = |records: i64, timers: i64| {
            let counts =
                [("cached-ptr", 1), ("cached-srv", records - 1), ("timer", timers), ("browse", 9)];
            counts.map(|(name, count)| (name.to_owned(), count)).into_iter().collect::<Metrics>()
        };
        assert!(!is_crowded(&metrics(RECORDS_MAX, TIMERS_MAX)));
        assert!(is_crowded(&metrics(RECORDS_MAX + 1, 0)));
        assert!(is_crowded(&metrics(1, TIMERS_MAX + 1)));
    }

    #[test]
    fn a_threads_time_is_read_whatever_its_name() {
        let line = |name: &str| {
            format!("1234 ({name}) S 1 2 3 0 -1 4194304 10 0 0 0 150 25 0 0 20 0 9 0 77 1 2")
        };
        assert_eq!(ticks(&line(THREAD)), Some(175));
        assert_eq!(ticks(&line("db ) S main")), None);
        assert_eq!(ticks("1234 (mDNS_daemon"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_mdns_daemon_is_found_by_the_name_of_its_thread() {
        let daemon = mdns_sd::ServiceDaemon::new_with_port(0);
        let named = || {
            let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
            let names =
                tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
            names.filter(|name| name.trim() == THREAD).count()
        };
        let daemon = daemon.unwrap();
        // Its thread names itself as it begins; the answer to a question comes after that.
        daemon.get_metrics().unwrap().recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(named() > 0);
        daemon.shutdown().unwrap();
    }
}
