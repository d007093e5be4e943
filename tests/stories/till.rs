//! A till on a disk whose flush takes long: its commits are seen at once, and it waits for nobody.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dunlin_schema::shop;
use dunlin_tests::lab::{Lab, Machine, SOON, SlowDisk, Till, in_step, until_true};

const SHOP: &str = "CREATE TABLE sale (id INTEGER PRIMARY KEY, cents INTEGER)";
const SALE: &str = "INSERT INTO sale (cents) VALUES (5)";

#[test]
fn a_commit_is_seen_when_the_disk_has_it_and_needs_no_poll() {
    const SALES: usize = 10;
    let Some(disk) = SlowDisk::build() else { return };
    let lab = Lab::new();
    let [a, b] = lab.shop(["a", "b"], SHOP);
    in_step(&[&a, &b]);
    let mut sold = 0;
    for flush in [0, 5, 20, 60] {
        let flush = Duration::from_millis(flush);
        let Some(mut till) = Till::open(&a.database(), &disk, flush) else { return };
        for _ in 0..SALES {
            till.begin(SALE);
            till.end().unwrap();
            sold += 1;
            // Nothing else is written meanwhile: only looking again finds it, or the poll.
            let there = format!("SELECT count(*) = {sold} FROM sale");
            until_true("the sale at the partner's", SOON, || b.ask(&there) == "1");
        }
    }
    let found_by_poll = a.found_by_poll();
    // An event that a busy computer brings late is met by the poll now and then.
    assert!(found_by_poll <= sold / 10, "{found_by_poll} of {sold} waited for the poll");
    in_step(&[&a, &b]);
}

/// What the till's disk takes, how often it sells, and how long it may wait for us: in a debug build beside other tests.
/// Without its turn it waits until all is done, which takes seconds; docs/performance.md has what a release build takes.
const FLUSH: Duration = Duration::from_millis(10);
const PACE: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);

/// A machine with so many rows and a till's table, on the slow disk; all is tracked.
fn machine(lab: &Lab, name: &str, disk: &SlowDisk, rows: u64) -> Machine {
    drop(shop::rows_of_200_bytes(&lab.file(name), rows, 1).unwrap());
    let mut machine = lab.adopt(name);
    machine.write(SHOP);
    machine.ok(&["track", "--all"]);
    machine.run_with(disk.variables(FLUSH));
    machine
}

/// The till sells while something is done. It gives up after five seconds, and never waits so long that anybody
/// notices; what the computer itself makes it wait at rest is not our doing.
fn sells_beside(till: &mut Till, work: impl FnOnce()) {
    let longest = |sold: &[Duration]| sold.iter().max().copied().unwrap();
    let at_rest = longest(&till.sell_some(SALE, PACE, 50));
    let over = AtomicBool::new(false);
    let sold = std::thread::scope(|threads| {
        let selling = threads.spawn(|| till.sell(SALE, PACE, &over));
        work();
        over.store(true, Ordering::Relaxed);
        selling.join().unwrap()
    });
    let waited = longest(&sold);
    assert!(waited <= LONGEST + at_rest, "it waited {waited:?}, and at rest {at_rest:?}");
}

#[test]
fn a_till_waits_for_nobody_while_a_backlog_is_folded() {
    const ROWS: u64 = 30_000;
    let Some(disk) = SlowDisk::build() else { return };
    let lab = Lab::new();
    let mut a = machine(&lab, "a", &disk, ROWS);
    // The daemon was off.
    a.write("UPDATE item SET quantity = quantity + 1");
    let Some(mut till) = Till::open(&a.database(), &disk, FLUSH) else { return };
    sells_beside(&mut till, || {
        a.start();
        // The till's own last lines are always on their way.
        let few =
            "SELECT NOT EXISTS (SELECT 1 FROM _dunlin_log WHERE kind <> 0 LIMIT 1 OFFSET 100)";
        until_true("all folded", SOON, || a.ask(few) == "1");
    });
}

#[test]
fn a_till_waits_for_nobody_while_rows_come_in() {
    const ROWS: u64 = 30_000;
    let Some(disk) = SlowDisk::build() else { return };
    let lab = Lab::new();
    let (mut a, mut b) = (machine(&lab, "a", &disk, ROWS), machine(&lab, "b", &disk, 0));
    b.knows(&a);
    a.never_calls(&b);
    a.start();
    b.start();
    let Some(mut till) = Till::open(&b.database(), &disk, FLUSH) else { return };
    sells_beside(&mut till, || {
        b.join(&a.invite());
        let all = format!("SELECT count(*) = {ROWS} FROM item");
        until_true("all rows", SOON, || b.ask(&all) == "1");
    });
}
