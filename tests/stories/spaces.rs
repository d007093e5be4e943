//! Machines apart: two networks with a wire between them, and a disk that is full.

use dunlin_tests::lab::machine::{finish, program};
use dunlin_tests::lab::space::{SmallDisk, Wire};
use dunlin_tests::lab::{self, Lab, Machine, SOON, until, until_true};
use serde_json::Value;

const SHOP: &str = "CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note);";

/// The names of the machines that are seen on the network.
fn sighted(machine: &Machine) -> Vec<String> {
    let status = machine.status().unwrap();
    let sightings = status["sightings"].as_array().unwrap();
    sightings.iter().map(|sighting| sighting["name"].as_str().unwrap().to_owned()).collect()
}

/// The state of an untouched machine: it listens everywhere and looks for others.
fn at_home(lab: &Lab, name: &str) -> Machine {
    let place = lab.path().join(name);
    lab::open(&lab.file(name)).execute_batch(SHOP).unwrap();
    Machine::at(name, &place, "[::]:7474".parse().unwrap())
}

/// They see each other, join by a token, and meet again though one forgot where the other was.
fn they_meet(mut a: Machine, mut b: Machine) {
    for machine in [&mut a, &mut b] {
        machine.init();
        machine.ok(&["track", "--all"]);
        machine.start();
    }
    for (here, there) in [(&a, &b), (&b, &a)] {
        until(&format!("{} seen by {}", there.name, here.name), SOON, || {
            let seen = sighted(here);
            if seen.contains(&there.name) { Ok(()) } else { Err(format!("{seen:?}")) }
        });
    }
    b.join(&a.invite());
    a.write("INSERT INTO parts (name) VALUES ('pad')");
    lab::all_say(&[&b], "SELECT count(*) FROM parts", "1");
    until_true("a partner is no sighting", SOON, || !sighted(&a).contains(&b.name));

    // B comes back elsewhere and remembers nothing; A's memory of it is of no use.
    b.stop();
    a.stop();
    for machine in [&a, &b] {
        std::fs::remove_file(machine.data().join("partners.json")).unwrap();
    }
    a.start();
    b.start();
    b.write("INSERT INTO parts (name) VALUES ('bulb')");
    lab::all_say(&[&a], "SELECT count(*) FROM parts", "2");
    lab::in_step(&[&a, &b]);
}

#[test]
fn machines_on_two_networks_with_a_wire_find_each_other_by_mdns() {
    let lab = Lab::new();
    let Some(wire) = Wire::make() else { return };
    let [mut a, mut b] =
        ["a", "b"].map(|name| at_home(&lab, &format!("{name}{}", std::process::id())));
    a.run_by(&["ip", "netns", "exec", &wire.names[0]]);
    b.run_by(&["ip", "netns", "exec", &wire.names[1]]);
    they_meet(a, b);
}

#[test]
fn machines_on_loopback_find_each_other_by_mdns() {
    let lab = Lab::new();
    let [a, b] = ["a", "b"].map(|name| {
        let name = format!("{name}{}", std::process::id());
        lab::open(&lab.file(&name)).execute_batch(SHOP).unwrap();
        Machine::at(&name, &lab.path().join(&name), "127.0.0.1:0".parse().unwrap())
    });
    they_meet(a, b);
}

#[test]
fn a_full_disk_loses_nothing_and_the_daemon_goes_on_when_there_is_room_again() {
    let lab = Lab::new();
    let Some(disk) = SmallDisk::mount(&lab.path().join("b"), 4_096) else { return };
    let [mut a, mut b] = ["a", "b"].map(|name| lab.machine(name, SHOP));
    for machine in [&mut a, &mut b] {
        machine.ok(&["track", "--all"]);
        machine.start();
    }
    b.join(&a.invite());
    a.write("INSERT INTO parts (name) VALUES ('before')");
    lab::in_step(&[&a, &b]);

    // Somebody else fills B's disk, to the last byte; and A goes on.
    let ballast = disk.path.join("ballast");
    let filled = std::fs::write(&ballast, vec![0_u8; 64 << 20]);
    assert!(filled.is_err(), "the disk is not small");
    a.write(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
         INSERT INTO parts (name, note) SELECT 'part ' || i, hex(randomblob(200)) FROM n",
    );
    until("told of the full disk", SOON, || {
        let said = a.logged() + &b.logged();
        if said.contains("full") { Ok(()) } else { Err(said.chars().rev().take(500).collect()) }
    });
    assert!(b.ended().is_none(), "the daemon is there");
    assert!(b.status().is_ok(), "and answers");
    // The application on B is told by SQLite itself, and reads as before.
    assert_eq!(b.ask("SELECT count(*) FROM parts"), "1");
    let told = b.app().execute("INSERT INTO parts (name, note) VALUES ('x', zeroblob(100000))", []);
    assert!(told.is_err_and(|error| error.to_string().contains("full")));

    std::fs::remove_file(&ballast).unwrap();
    lab::all_say(&[&b], "SELECT count(*) FROM parts", "501");
    b.write("INSERT INTO parts (name) VALUES ('after')");
    lab::in_step(&[&a, &b]);
    b.is_sound();
    let status: Value = b.status().unwrap();
    assert_eq!(status["databases"][0]["tables"][0]["rows"], 502, "{status}");
}

#[test]
fn a_disk_that_cannot_be_written_is_told_in_a_sentence() {
    let lab = Lab::new();
    let Some(disk) = SmallDisk::mount(&lab.path().join("a"), 4_096) else { return };
    let a = lab.machine("a", SHOP);
    a.ok(&["track", "--all"]);
    disk.freeze();
    a.cli(&["run"]).failed(1, &["read-only"]);
    a.cli(&["track", "--all"]).failed(1, &["read-only"]);
    let data = disk.path.join("other");
    let (data, file) = (data.to_str().unwrap(), a.database());
    let told = a.cli(&["status"]);
    told.failed(1, &["read-only"]);
    let mut command = std::process::Command::new(program());
    command.args(["init", "--database", file.to_str().unwrap(), "--data", data]);
    command.args(["--partner-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    let told = finish(command, "");
    assert_eq!(told.code, 1, "{told:?}");
    assert!(!disk.path.join("other").exists());
}
