//! Catch-up: rows from one daemon to an empty partner, until both say that they are equal.

use dunlin_schema::shop;

use crate::engine::{rate, raw_rate};
use crate::machines::{pair, wait_for};
use crate::report::Report;

pub(crate) fn measure(report: &mut Report, rows: u64) {
    for (dials, who) in [("b", "the empty one dials"), ("a", "the full one dials")] {
        let place = tempfile::tempdir().unwrap();
        let [mut a, mut b] = pair(place.path(), dials, |file, name| {
            drop(shop::rows_of_200_bytes(file, if name == "a" { rows } else { 0 }, 1).unwrap());
        });
        let raw = raw_rate(place.path(), &a.file(), rows);
        let dialler = if dials == "a" { &mut a } else { &mut b };
        dialler.start();
        let mut session = None;
        wait_for("the session's end", || {
            session = dialler.moved().filter(|(moved, _)| *moved == rows);
            session.is_some()
        });
        assert_eq!(a.digests(), b.digests(), "equal tables");
        let ours = rate(rows, session.unwrap().1);
        report.rate(&format!("{rows} rows to an empty partner, {who}"), ours, raw, "raw insert");
    }
}
