//! What a process costs: its processor time and its memory, as Linux tells of them in `/proc`.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test that cannot measure should stop"
)]

use std::time::Duration;

/// The clock ticks in a second that `/proc/PID/stat` counts in; the same on every Linux.
const TICKS: u64 = 100;

/// What a process has cost so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Processor time, its own and the kernel's for it.
    pub processor: Duration,
    /// Memory that it occupies now, in bytes.
    pub memory: u64,
    /// The most that it ever occupied, in bytes.
    pub memory_at_most: u64,
}

impl Load {
    /// Of the process with this id.
    pub fn of(pid: u32) -> Self {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        // The name, in brackets, may hold anything; the times are the 14th and 15th field.
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let times = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = times.map(|field| field.parse::<u64>().unwrap()).sum();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let kilobytes = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
        };
        Self {
            processor: Duration::from_millis(ticks * 1_000 / TICKS),
            memory: kilobytes("VmRSS:"),
            memory_at_most: kilobytes("VmHWM:"),
        }
    }
}
