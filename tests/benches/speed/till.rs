//! Till: what a till's commits take while the daemon has much to do, on a disk whose flush takes 10 ms.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dunlin_schema::shop;
use dunlin_tests::lab::{Lab, Machine, SlowDisk, Till, in_step, until_true};

use crate::report::{Report, spread};

const FLUSH: Duration = Duration::from_millis(10);
/// Between the begins of two commits.
const PACE: Duration = Duration::from_millis(20);
/// At rest it commits so often.
const AT_REST: usize = 250;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(30);
const SALE: &str = "INSERT INTO sale (cents) VALUES (5)";

pub(crate) fn measure(report: &mut Report, rows: u64) {
    let Some(disk) = SlowDisk::build() else { return };
    for part in [track, fold, come_in, decide] {
        // There is no till without Python.
        if part(report, &disk, rows).is_none() {
            return;
        }
    }
}

/// A machine with so many rows in its file, nothing tracked, on the slow disk.
fn machine(lab: &Lab, name: &str, disk: &SlowDisk, rows: u64) -> Machine {
    drop(shop::rows_of_200_bytes(&lab.file(name), rows, 1).unwrap());
    let mut machine = lab.adopt(name);
    machine.write("CREATE TABLE sale (id INTEGER PRIMARY KEY, cents INTEGER)");
    machine.run_with(disk.variables(FLUSH));
    machine
}

/// The till's commits at rest, and while something is done.
fn beside(
    report: &mut Report,
    what: &str,
    (machine, disk): (&Machine, &SlowDisk),
    work: impl FnOnce(),
) -> Option<()> {
    let file = machine.database();
    let mut till = Till::open(&file, disk, FLUSH)?;
    let at_rest = till.sell_some(SALE, PACE, AT_REST);
    let meanwhile = selling(&mut till, work);
    let count = meanwhile.len();
    report.time(
        &format!("a till's commit while {what} ({count})"),
        &spread(&meanwhile),
        &spread(&at_rest),
        "at rest",
    );
    Some(())
}

/// The till's commits while something is done.
fn selling(till: &mut Till, work: impl FnOnce()) -> Vec<Duration> {
    let over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let selling = threads.spawn(|| till.sell(SALE, PACE, &over));
        work();
        over.store(true, Ordering::Relaxed);
        selling.join().unwrap()
    })
}

/// A large table is tracked, by a command and by a daemon that runs.
fn track(report: &mut Report, disk: &SlowDisk, rows: u64) -> Option<()> {
    let lab = Lab::new();
    let a = machine(&lab, "a", disk, rows);
    // A till opens the file in its own mode, which tracking changes.
    a.ok(&["track", "sale"]);
    beside(report, &format!("{rows} rows are tracked"), (&a, disk), || {
        a.ok(&["track", "item"]);
    })
}

/// All rows were written while the daemon was off.
fn fold(report: &mut Report, disk: &SlowDisk, rows: u64) -> Option<()> {
    let lab = Lab::new();
    let mut a = machine(&lab, "a", disk, rows);
    a.ok(&["track", "--all"]);
    a.write("UPDATE item SET quantity = quantity + 1");
    let file = a.database();
    let mut till = Till::open(&file, disk, FLUSH)?;
    let at_rest = till.sell_some(SALE, PACE, AT_REST);
    let folded = selling(&mut till, || {
        a.start();
        // The till's own last lines are always on their way.
        let few =
            "SELECT NOT EXISTS (SELECT 1 FROM _dunlin_log WHERE kind <> 0 LIMIT 1 OFFSET 100)";
        until_true("all folded", PATIENCE, || a.ask(few) == "1");
    });
    report.time(
        &format!("a till's commit while {rows} rows are folded ({})", folded.len()),
        &spread(&folded),
        &spread(&at_rest),
        "at rest",
    );
    Some(())
}

/// Rows come in from a partner.
fn come_in(report: &mut Report, disk: &SlowDisk, rows: u64) -> Option<()> {
    let lab = Lab::new();
    let mut a = machine(&lab, "a", disk, rows);
    let mut b = machine(&lab, "b", disk, 0);
    for machine in [&a, &b] {
        machine.ok(&["track", "--all"]);
    }
    b.knows(&a);
    a.never_calls(&b);
    a.start();
    b.start();
    beside(report, &format!("{rows} rows come in"), (&b, disk), || {
        b.join(&a.invite());
        let count = format!("SELECT count(*) = {rows} FROM item");
        until_true("all rows", PATIENCE, || b.ask(&count) == "1");
    })
}

/// Deletes that waited for a person are done.
fn decide(report: &mut Report, disk: &SlowDisk, rows: u64) -> Option<()> {
    let (lab, rows) = (Lab::new(), rows / 2);
    let mut machines = [machine(&lab, "a", disk, rows), machine(&lab, "b", disk, 0)];
    for machine in &machines {
        machine.ok(&["track", "--all"]);
    }
    let [a, b] = &mut machines;
    b.knows(a);
    a.never_calls(b);
    a.start();
    b.start();
    b.join(&a.invite());
    until_true("all rows", PATIENCE, || b.ask("SELECT count(*) FROM item") == rows.to_string());
    a.write("DELETE FROM item");
    let waiting = rows * 7 / 10;
    let lingering = format!("SELECT count(*) >= {waiting} FROM _dunlin_kept");
    until_true("deletes that wait", PATIENCE, || b.ask(&lingering) == "1");
    beside(report, &format!("{waiting} deletes are accepted"), (b, disk), || {
        b.ok(&["held", "accept", "--all", "--yes"]);
    })?;
    in_step(&[a, b]);
    Some(())
}
