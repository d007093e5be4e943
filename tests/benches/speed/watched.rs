//! Whether looking is in the way: of an application that commits, of rows that arrive, and of a person's decision
//! about very many deletes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dunlin_schema::shop;
use dunlin_tests::lab::large::{LARGE, Large};
use dunlin_tests::lab::{Lab, Machine, http, in_step, until_true};

use crate::machines::pause;
use crate::report::{Report, spread};

/// Pages that are open, as in fifty browsers: a hidden tab asks for nothing.
const TABS: usize = 50;
/// As often an open page is fetched again at most.
const AGAIN: Duration = Duration::from_millis(500);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// How long the machine takes to say how it stands.
fn ask(machine: &Machine) -> Duration {
    let begun = Instant::now();
    assert_eq!(http::get(machine.admin(), "/metrics", &[]).status, 200);
    begun.elapsed()
}

/// Asks until `work` is done.
fn asking<T>(machine: &Machine, work: impl FnOnce() -> T) -> (T, Vec<Duration>) {
    let over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let asking = threads.spawn(|| {
            let mut took = vec![ask(machine)];
            while !over.load(Ordering::Relaxed) {
                pause(Duration::from_millis(20));
                took.push(ask(machine));
            }
            took
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        (done, asking.join().unwrap())
    })
}

/// Single commits of an application, at a till's pace.
fn sell(machine: &Machine, sql: &str, sales: usize) -> Vec<Duration> {
    let app = machine.app();
    app.execute_batch("PRAGMA synchronous = NORMAL").unwrap();
    let each = (0..sales).map(|_| {
        pause(Duration::from_millis(5));
        let begun = Instant::now();
        app.execute(sql, []).unwrap();
        begun.elapsed()
    });
    each.collect()
}

pub(crate) fn measure(report: &mut Report, sales: u64, rows: u64) {
    tabs(report, usize::try_from(sales).unwrap());
    catch_up(report, rows);
    for how in ["accept", "keep"] {
        decide(report, how, rows);
    }
}

/// The till's commits while fifty pages of a large shop are fetched again and again.
fn tabs(report: &mut Report, sales: usize) {
    let lab = Lab::new();
    let shop = Large::make(&lab, LARGE);
    let sql = "INSERT INTO parts (name, price) VALUES ('sold', 1)";
    let alone = sell(&shop.office, sql, sales);
    let (admin, over) = (shop.office.admin(), AtomicBool::new(false));
    let (watched, looks) = std::thread::scope(|threads| {
        let tabs: Vec<_> = (0..TABS)
            .map(|_| {
                threads.spawn(|| {
                    let mut took = Vec::new();
                    while !over.load(Ordering::Relaxed) {
                        let begun = Instant::now();
                        assert_eq!(http::get(admin, "/", &[]).status, 200);
                        took.push(begun.elapsed());
                        pause(AGAIN.saturating_sub(begun.elapsed()));
                    }
                    took
                })
            })
            .collect();
        let watched = sell(&shop.office, sql, sales);
        over.store(true, Ordering::Relaxed);
        let looks: Vec<Duration> = tabs.into_iter().flat_map(|tab| tab.join().unwrap()).collect();
        (watched, looks)
    });
    let what = format!("a sale's commit while {TABS} pages are open");
    report.time(&what, &spread(&watched), &spread(&alone), "no page is open");
    let one = spread(&(0..20).map(|_| ask(&shop.office)).collect::<Vec<_>>());
    report.time(
        &format!("/ for each of {TABS} pages, a till selling"),
        &spread(&looks),
        &one,
        "/metrics",
    );
}

/// How the receiver answers while very many rows come in, and how long they take.
fn catch_up(report: &mut Report, rows: u64) {
    let run = |watched: bool| {
        let lab = Lab::new();
        for name in ["a", "b"] {
            let rows = if name == "a" { rows } else { 0 };
            drop(shop::rows_of_200_bytes(&lab.file(name), rows, 1).unwrap());
        }
        let (mut a, mut b) = (lab.adopt("a"), lab.adopt("b"));
        for machine in [&a, &b] {
            machine.ok(&["track", "--all"]);
        }
        b.knows(&a);
        a.never_calls(&b);
        a.start();
        b.start();
        let quiet: Vec<Duration> = (0..20).map(|_| ask(&b)).collect();
        let caught_up = || {
            let begun = Instant::now();
            b.join(&a.invite());
            let count = format!("SELECT count(*) = {rows} FROM item");
            until_true("all rows", PATIENCE, || b.ask(&count) == "1");
            begun.elapsed()
        };
        let (took, asked) =
            if watched { asking(&b, caught_up) } else { (caught_up(), quiet.clone()) };
        (took, asked, quiet)
    };
    let (alone, ..) = run(false);
    let (took, asked, quiet) = run(true);
    let what = format!("status while {rows} rows come in");
    report.time(&what, &spread(&asked), &spread(&quiet), "nothing moves");
    let what = format!("{rows} rows, asked for the status all the time");
    report.time(&what, &spread(&[took]), &spread(&[alone]), "nobody asks");
}

/// A person's decision about deletes that wait, seven tenths of so many.
fn decide(report: &mut Report, how: &str, rows: u64) {
    let lab = Lab::new();
    let shop = lab.shop(["a", "b"], "CREATE TABLE item (id INTEGER PRIMARY KEY, code TEXT, cents INTEGER); CREATE TABLE sale (id INTEGER PRIMARY KEY, cents INTEGER);");
    let [a, b] = &shop;
    a.write(&format!(
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {rows})
         INSERT INTO item SELECT n, 'code ' || n, 5 * n FROM c"
    ));
    until_true("all rows", PATIENCE, || b.ask("SELECT count(*) FROM item") == rows.to_string());
    in_step(&[a, b]);
    let begun = Instant::now();
    a.write("DELETE FROM item");
    let waiting = rows * 7 / 10;
    let lingering = format!("SELECT count(*) = {waiting} FROM _dunlin_kept");
    until_true("deletes that wait", PATIENCE, || b.ask(&lingering) == "1");
    let arrived = begun.elapsed();
    report.time(
        &format!("{rows} deletes to a partner, {waiting} wait"),
        &spread(&[arrived]),
        &spread(&[arrived]),
        "itself",
    );
    let quiet: Vec<Duration> = (0..20).map(|_| ask(b)).collect();
    let page: Vec<Duration> = (0..20)
        .map(|_| {
            let begun = Instant::now();
            assert_eq!(http::get(b.admin(), "/held", &[]).status, 200);
            begun.elapsed()
        })
        .collect();
    report.time(
        &format!("/held, {waiting} deletes wait"),
        &spread(&page),
        &spread(&quiet),
        "/metrics",
    );
    let sql = "INSERT INTO sale (cents) VALUES (5)";
    let alone = sell(b, sql, 100);
    let over = AtomicBool::new(false);
    let (took, asked, sold) = std::thread::scope(|threads| {
        let selling = threads.spawn(|| {
            let mut all = Vec::new();
            while !over.load(Ordering::Relaxed) {
                all.extend(sell(b, sql, 10));
            }
            all
        });
        let (took, asked) = asking(b, || {
            let begun = Instant::now();
            b.ok(&["held", how, "--all", "--yes"]);
            begun.elapsed()
        });
        over.store(true, Ordering::Relaxed);
        (took, asked, selling.join().unwrap())
    });
    report.time(&format!("{how} {waiting} deletes"), &spread(&[took]), &spread(&[took]), "itself");
    report.time(&format!("status meanwhile, {how}"), &spread(&asked), &spread(&quiet), "before");
    report.time(
        &format!("a sale's commit meanwhile, {how}"),
        &spread(&sold),
        &spread(&alone),
        "before",
    );
    in_step(&[a, b]);
}
