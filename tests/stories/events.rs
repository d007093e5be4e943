//! The stream of events: how often it speaks, how many there may be, and one that nobody reads.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use dunlin_tests::lab::{Lab, Machine, SOON, http, until, until_true};

const SHOP: &str = "CREATE TABLE sales (id INTEGER PRIMARY KEY, cents INTEGER);";

/// Streams that one visitor may have.
const STREAMS: usize = 12;

/// Asks for the stream; its status line.
fn open(machine: &Machine) -> (TcpStream, String) {
    let mut stream = http::connect(machine.admin());
    write!(stream, "GET /events HTTP/1.1\r\nHost: {}\r\n\r\n", machine.admin()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let text = String::from_utf8(head).unwrap();
    (stream, text.lines().next().unwrap().to_owned())
}

fn alone(lab: &Lab) -> Machine {
    let mut machine = lab.machine("till", SHOP);
    machine.ok(&["track", "--all"]);
    machine.start();
    machine
}

#[test]
fn a_till_that_sells_all_the_time_is_told_of_twice_a_second_and_the_last_sale_is_told_of_too() {
    let lab = Lab::new();
    let till = alone(&lab);
    let (mut stream, status) = open(&till);
    assert!(status.contains("200"), "{status}");
    let app = till.app();
    let begun = Instant::now();
    let mut sales = 0;
    // Ten sales each time that is looked: so many that one event each would be hundreds.
    until_true("two seconds of sales", SOON, || {
        for _ in 0..10 {
            app.execute("INSERT INTO sales (cents) VALUES (5)", []).unwrap();
            sales += 1;
        }
        begun.elapsed() > Duration::from_secs(2)
    });
    until_true("folded", SOON, || till.unfolded() == 0);
    // Events wait for whoever is slow to read; what comes after a pause is about the last of the sales.
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let (mut heard, mut bytes) = (String::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        heard.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    let events = heard.matches("event: moved").count();
    let most = usize::try_from(begun.elapsed().as_millis() / 500).unwrap() + 1;
    assert!((3..=most).contains(&events), "{events} of at most {most} events for {sales} sales");
    // Read till nothing came for two seconds, so nothing is left over that nobody was told of.
    app.execute("INSERT INTO sales (cents) VALUES (7)", []).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let count = stream.read(&mut bytes).unwrap();
    let one_more = String::from_utf8_lossy(&bytes[..count]);
    assert!(one_more.contains("event: moved"), "{one_more}");
}

#[test]
fn streams_that_nobody_reads_cost_little_hold_nobody_up_and_are_counted() {
    let lab = Lab::new();
    let mut till = alone(&lab);
    let mut streams = Vec::new();
    until("full", SOON, || {
        let (stream, status) = open(&till);
        if status.contains("429") {
            return Ok(());
        }
        streams.push(stream);
        assert!(streams.len() <= STREAMS, "no end of streams");
        Err(format!("{} streams", streams.len()))
    });
    assert_eq!(streams.len(), STREAMS);
    let before = till.memory();
    let (app, begun) = (till.app(), Instant::now());
    until_true("two seconds of sales", SOON, || {
        app.execute("INSERT INTO sales (cents) VALUES (5)", []).unwrap();
        begun.elapsed() > Duration::from_secs(2)
    });
    until_true("folded", SOON, || till.unfolded() == 0);
    let grown = till.memory().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more");
    // A place is free again once its stream is gone.
    streams.pop();
    until_true("a free place", SOON, || open(&till).1.contains("200"));
    // And the daemon ends in time with all of them open.
    till.stop();
}
