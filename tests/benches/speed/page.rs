//! The page of a large shop: how long the machine takes for each page and export, while nothing moves.

use std::time::{Duration, Instant};

use dunlin_tests::lab::large::{LARGE, Large, Size};
use dunlin_tests::lab::{Lab, http};

use crate::report::{Report, spread};

/// What people and programs ask for.
const PATHS: [&str; 9] = [
    "/",
    "/tables",
    "/history",
    "/history.csv",
    "/history.json",
    "/conflicts",
    "/held",
    "/metrics",
    "/about",
];

pub(crate) fn measure(report: &mut Report, requests: u64) {
    for lines in [1_000, 20_000] {
        let lab = Lab::new();
        let shop = Large::make(&lab, Size { lines, ..LARGE });
        let admin = shop.office.admin();
        let ask = |path: &str| {
            let begun = Instant::now();
            let answer = http::get(admin, path, &[]);
            assert_eq!(answer.status, 200, "{path}: {}", answer.head);
            (begun.elapsed(), answer.body.len())
        };
        let mut raw = Vec::new();
        let mut took: Vec<(Vec<Duration>, usize)> = vec![(Vec::new(), 0); PATHS.len()];
        for _ in 0..requests {
            // In turns, so that what else the computer does falls on all of them.
            raw.push(ask("/health").0);
            for (path, (took, bytes)) in PATHS.iter().zip(&mut took) {
                let (time, length) = ask(path);
                took.push(time);
                *bytes = length;
            }
        }
        for (path, (took, bytes)) in PATHS.iter().zip(&took) {
            let what = format!("{path}, {lines} lines of history, {} kB", bytes / 1000);
            report.time(&what, &spread(took), &spread(&raw), "an empty answer");
        }
    }
}
