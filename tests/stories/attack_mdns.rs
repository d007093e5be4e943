//! Attacks by mDNS: what anybody on the network may shout at a machine.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dunlin_tests::lab::space::{Wire, within};
use dunlin_tests::lab::{self, Lab, Machine, SOON, until, until_true};
use serde_json::Value;
use uuid::Uuid;

const SHOP: &str = "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note);";

/// Where all machines listen to mDNS.
const EVERYBODY: &str = "224.0.0.251:5353";

/// What an attack may make the daemon grow by.
const GROWTH_MAX: u64 = 50 << 20;

/// DNS record types.
const A: u16 = 1;
const PTR: u16 = 12;
const TXT: u16 = 16;
const SRV: u16 = 33;

/// An mDNS answer, built record by record.
struct Packet {
    bytes: Vec<u8>,
    records: u16,
}

impl Packet {
    fn new() -> Self {
        Self { bytes: vec![0, 0, 0x84, 0, 0, 0, 0, 0, 0, 0, 0, 0], records: 0 }
    }

    fn record(mut self, name: &str, kind: u16, ttl: u32, data: &[u8]) -> Self {
        self.bytes.extend(labels(name));
        self.bytes.extend(kind.to_be_bytes());
        self.bytes.extend([0, 1]);
        self.bytes.extend(ttl.to_be_bytes());
        self.bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        self.bytes.extend(data);
        self.records += 1;
        self
    }

    fn end(mut self) -> Vec<u8> {
        self.bytes[6..8].copy_from_slice(&self.records.to_be_bytes());
        self.bytes
    }
}

fn labels(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn texts(entries: &[String]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.push(u8::try_from(entry.len()).unwrap());
        bytes.extend(entry.as_bytes());
    }
    bytes
}

/// What a machine says of itself, or an attacker of a machine.
struct Advert<'a> {
    id: &'a str,
    instance: &'a str,
    name: &'a str,
    addresses: &'a [Ipv4Addr],
    port: u16,
    ttl: u32,
}

impl Advert<'_> {
    fn bytes(&self) -> Vec<u8> {
        let service = "_dunlin._tcp.local";
        let instance = format!("{}.{service}", self.instance);
        let host = format!("{}.local", self.instance);
        let txt = texts(&[
            format!("id={}", self.id),
            format!("name={}", self.name),
            "v=1-1".to_owned(),
            "shop=0123abcd".to_owned(),
        ]);
        let mut srv = vec![0, 0, 0, 0];
        srv.extend(self.port.to_be_bytes());
        srv.extend(labels(&host));
        let mut packet = Packet::new()
            .record(service, PTR, self.ttl, &labels(&instance))
            .record(&instance, SRV, self.ttl, &srv)
            .record(&instance, TXT, self.ttl, &txt);
        for address in self.addresses {
            packet = packet.record(&host, A, self.ttl, &address.octets());
        }
        packet.end()
    }
}

/// An attacker's socket at one end of the wire.
fn socket(wire: &Wire) -> UdpSocket {
    within(&wire.names[1], || {
        let socket = UdpSocket::bind((wire.addresses[1], 0)).unwrap();
        socket.set_multicast_ttl_v4(255).unwrap();
        socket
    })
}

/// Sends packets at a rate, each made from its number, for so long.
fn flood(
    socket: &UdpSocket,
    a_second: u64,
    how_long: Duration,
    packet: impl Fn(u64) -> Vec<u8>,
) -> u64 {
    let begun = Instant::now();
    let mut sent = 0;
    while begun.elapsed() < how_long {
        let gone = u64::try_from(begun.elapsed().as_millis()).unwrap();
        while sent < gone * a_second / 1_000 {
            // The network may be full, which is what an attacker wants.
            socket.send_to(&packet(sent), EVERYBODY).unwrap_or_default();
            sent += 1;
        }
        std::thread::yield_now();
    }
    sent
}

/// Two machines of one shop at the ends of a wire; they listen everywhere and look for others.
fn shop(lab: &Lab, wire: &Wire) -> [Machine; 2] {
    let [mut a, mut b] = ["a", "b"].map(|name| {
        let name = format!("{name}{}", std::process::id());
        lab::open(&lab.file(&name)).execute_batch(SHOP).unwrap();
        Machine::at(&name, &lab.path().join(&name), "[::]:7474".parse().unwrap())
    });
    for (machine, space) in [(&mut a, &wire.names[0]), (&mut b, &wire.names[1])] {
        machine.run_by(&["ip", "netns", "exec", space]);
        machine.init();
        machine.ok(&["track", "--all"]);
        machine.start();
    }
    b.join(&a.invite());
    a.write("INSERT INTO parts (name) VALUES ('pad')");
    lab::all_say(&[&b], "SELECT count(*) FROM parts", "1");
    [a, b]
}

/// The names of the machines that are seen, and their addresses.
fn sighted(machine: &Machine) -> Vec<Value> {
    machine.status().unwrap()["sightings"].as_array().unwrap().clone()
}

/// Listens where an advert points to, and counts who comes.
fn lure(space: &str, address: &str) -> Arc<AtomicUsize> {
    let listener = within(space, || TcpListener::bind(address).unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let caught = Arc::clone(&count);
    std::thread::spawn(move || {
        while listener.accept().is_ok() {
            caught.fetch_add(1, Ordering::Relaxed);
        }
    });
    count
}

#[test]
fn s26_an_advert_in_a_partners_name_leads_nowhere_but_into_our_own_subnets() {
    let lab = Lab::new();
    let Some(wire) = Wire::make() else { return };
    let [a, mut b] = shop(&lab, &wire);
    let (us, partner) = (a.id(), b.id());
    // A looks for B from now on, and would believe anybody who says where it is.
    b.stop();
    wire.add(1, "8.8.8.8/32");
    wire.add(1, "10.87.0.2/24");
    let away = ["8.8.8.8:7400", "10.87.0.2:7400"].map(|address| lure(&wire.names[1], address));
    let at_home = lure(&wire.names[0], "127.0.0.1:7400");
    let near = lure(&wire.names[1], "10.86.0.2:7400");
    let far = [
        "8.8.8.8",
        "10.87.0.2",
        "127.0.0.1",
        "224.0.0.251",
        "255.255.255.255",
        "10.86.0.255",
        "0.0.0.0",
    ]
    .map(|address| address.parse::<Ipv4Addr>().unwrap());
    let socket = socket(&wire);
    let shout = |id: &str, name: &str, addresses: &[Ipv4Addr]| {
        let instance = Uuid::new_v4().to_string();
        let advert = Advert { id, instance: &instance, name, addresses, port: 7400, ttl: 120 };
        socket.send_to(&advert.bytes(), EVERYBODY).unwrap();
    };
    let evil = "till\u{1b}[2J\u{202e}<img src=x onerror=alert(1)>";
    // Each address alone, and all of them beside one that is near.
    until("the near address dialled", SOON, || {
        for address in far {
            shout(&partner, "b", &[address]);
        }
        shout(&partner, "b", &far);
        shout(&us, "ourselves", &[Ipv4Addr::new(10, 86, 0, 2)]);
        shout(&Uuid::from_u128(7).to_string(), evil, &[Ipv4Addr::new(10, 86, 0, 2)]);
        shout(&partner, "b", &[far[0], far[1], far[2], Ipv4Addr::new(10, 86, 0, 2)]);
        // More than once: what was said at first is tried again, too.
        match near.load(Ordering::Relaxed) {
            dialled @ 0..3 => Err(format!("{dialled} times: {:?}", sighted(&a))),
            dialled => Ok(dialled),
        }
    });
    // The stranger is heard, cleaned; and we are no stranger to ourselves.
    until_true("the stranger seen", SOON, || !sighted(&a).is_empty());
    for sighting in sighted(&a) {
        assert_ne!(sighting["id"], us.as_str(), "{sighting}");
        assert_eq!(sighting["name"], "till[2J<img src=x onerror=alert(1)>", "{sighting}");
        assert!(sighting["address"].as_str().unwrap().starts_with("10.86.0.2:"), "{sighting}");
    }
    for (place, lure) in away.iter().chain([&at_home]).enumerate() {
        assert_eq!(lure.load(Ordering::Relaxed), 0, "dialled at {place}");
    }
    // And it is B alone who can be B.
    b.start();
    a.write("INSERT INTO parts (name) VALUES ('bulb')");
    lab::all_say(&[&b], "SELECT count(*) FROM parts", "2");
}

/// A packet of an attack, by its number.
type Shout<'a> = &'a dyn Fn(u64) -> Vec<u8>;

/// A stranger of its own.
fn stranger(number: u64) -> Vec<u8> {
    let id = Uuid::from_u64_pair(number, 1 << 63).to_string();
    let address = Ipv4Addr::new(10, 86, 0, u8::try_from(3 + number % 250).unwrap());
    Advert { id: &id, instance: &id, name: "x", addresses: &[address], port: 7474, ttl: 120 }
        .bytes()
}

/// An answer of one record, whose name is these bytes.
fn of_name(name: &[u8]) -> Vec<u8> {
    let mut packet = Packet::new().end();
    packet[7] = 1;
    packet.extend(name);
    packet.extend([0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 86, 0, 2]);
    packet
}

/// Names that go round in circles, counts that promise too much, and what is no DNS at all.
fn broken(number: u64) -> Vec<u8> {
    match number % 6 {
        0 => of_name(&[0xc0, 12]),
        1 => of_name(&[1, b'a', 0xc0, 12]),
        2 => of_name(&[0xc0, 14, 0xc0, 12]),
        3 => of_name(&[63, b'a']),
        4 => {
            let mut packet = stranger(number);
            packet[4..12].copy_from_slice(&[0xff; 8]);
            packet
        }
        _ => number.to_be_bytes().repeat(20),
    }
}

/// A flood of twenty seconds, over which A takes less than a tenth of a processor and fifty
/// megabytes, and answers; then B, which is elsewhere meanwhile, is found again.
fn is_weathered(shout: Shout<'_>) {
    let lab = Lab::new();
    let Some(wire) = Wire::make() else { return };
    let [a, mut b] = shop(&lab, &wire);
    // B waits to be found; A remembers it where it is no more.
    b.stop();
    b.never_calls(&a);
    b.reword("[::]:7474", "[::]:7475");
    let (socket, before, begun) = (socket(&wire), a.load(), Instant::now());
    let mut number = 0;
    while begun.elapsed() < Duration::from_secs(20) {
        number += flood(&socket, 5_000, Duration::from_secs(2), |n| shout(number + n));
        let asked = Instant::now();
        let strangers = sighted(&a).len();
        assert!(strangers <= 200, "{strangers} strangers");
        assert!(asked.elapsed() < Duration::from_secs(5), "no answer for {:?}", asked.elapsed());
    }
    assert!(number > 20_000, "only {number} packets: no flood");
    let after = a.load();
    let processor = after.processor.saturating_sub(before.processor);
    assert!(processor < begun.elapsed() / 10, "{processor:?} of {:?}", begun.elapsed());
    let growth = after.memory_at_most.saturating_sub(before.memory_at_most);
    assert!(growth < GROWTH_MAX, "grew by {} MiB", growth >> 20);
    b.start();
    a.write("INSERT INTO parts (name) VALUES ('bulb')");
    // A minute until it listens again, and one to be found in.
    until("B found again", SOON * 3, || {
        let rows = b.ask("SELECT count(*) FROM parts");
        if rows == "2" { Ok(()) } else { Err(format!("{rows} rows, {:?}", sighted(&a))) }
    });
}

#[test]
fn s26_five_thousand_names_a_second_cost_little_and_the_partner_is_found_again() {
    is_weathered(&stranger);
}

#[test]
fn s26_broken_packets_goodbyes_and_questions_cost_little_and_the_partner_is_found_again() {
    let nobody = Uuid::from_u128(7).to_string();
    let advert = |ttl: u32, txt: usize| {
        let large = texts(&vec!["x".repeat(250); txt]);
        let instance = format!("{nobody}._dunlin._tcp.local");
        let advert = Advert {
            id: &nobody,
            instance: &nobody,
            name: "x",
            addresses: &[Ipv4Addr::new(10, 86, 0, 9)],
            port: 7474,
            ttl,
        };
        if txt == 0 {
            return advert.bytes();
        }
        Packet::new().record(&instance, TXT, ttl, &large).end()
    };
    let mut question = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    question.extend(labels("_dunlin._tcp.local"));
    question.extend([0, 12, 0, 1]);
    // As large as a packet can be, and as large as mDNS lets one be.
    let (huge, large) = (advert(120, 250), advert(120, 35));
    assert!(huge.len() > 60_000 && large.len() > 8_500);
    is_weathered(&|number| match number % 40 {
        0 => huge.clone(),
        1 => large.clone(),
        2..10 => question.clone(),
        10..20 => advert(0, 0),
        20 => advert(120, 0),
        _ => broken(number),
    });
}

#[test]
fn s26_who_sends_without_end_is_heard_no_more_and_nothing_more_is_kept() {
    let lab = Lab::new();
    let Some(wire) = Wire::make() else { return };
    let [a, _b] = shop(&lab, &wire);
    let (socket, begun) = (socket(&wire), Instant::now());
    // Each packet names fifty machines, that are looked for one by one.
    let mut number = 0;
    let mut shout = || {
        number += flood(&socket, 3_000, Duration::from_millis(500), |n| {
            (0..50)
                .fold(Packet::new(), |packet, which| {
                    let name = format!("{:x}-{which}._dunlin._tcp.local", number + n);
                    packet.record("_dunlin._tcp.local", PTR, u32::MAX >> 1, &labels(&name))
                })
                .end()
        });
    };
    until("quiet in the flood", SOON, || {
        let before = a.load();
        shout();
        let after = a.load();
        let used = after.processor.saturating_sub(before.processor);
        // The first seconds are what it takes to notice.
        let noticed = a.logged().contains("discovery flooded");
        let grown = after.memory.saturating_sub(before.memory);
        if noticed && used < Duration::from_millis(50) && grown < 1 << 20 {
            Ok(())
        } else {
            Err(format!("{used:?} and {grown} bytes more in half a second"))
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(30), "noticed after {:?}", begun.elapsed());
    assert!(a.status().is_ok());
}
