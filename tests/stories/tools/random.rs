//! Django's operations at random: the kinds of change and the story are `tests/tools/django/random_ops.py`'s.

use std::io::{BufRead as _, BufReader, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, Stdio};

use dunlin_tests::lab::machine::finish;
use dunlin_tests::lab::outside::Tool;
use dunlin_tests::lab::{self, Lab, Machine, know_each_other};
use dunlin_tests::seeds::seeds;

/// As many as a normal run has time for.
const SEEDS: u64 = 3;

/// A program under way; killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already, or killed now: both are what we want.
        self.0.kill().unwrap_or_default();
        self.0.wait().map(drop).unwrap_or_default();
    }
}

/// Tells the story of a seed: the program writes and migrates, and asks for what is done to daemons.
fn tell(tool: &Tool, seed: u64) {
    let lab = Lab::new();
    let files = ["a", "b"].map(|name| lab.file(name));
    let [a, b] = files.each_ref().map(|file| file.to_str().unwrap());
    let mut command: Command = tool.command(&[&seed.to_string(), a, b]);
    let said = lab.path().join("said");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(std::fs::File::create(&said).unwrap());
    let mut running = Running(command.spawn().unwrap());
    let mut answers = running.0.stdin.take().unwrap();
    let asked = BufReader::new(running.0.stdout.take().unwrap());
    let mut machines: Vec<Machine> = Vec::new();
    for line in asked.lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        match *words.first().unwrap() {
            "made" => machines = started(&lab),
            "track" => {
                let mut line = vec!["track"];
                line.extend(&words[2..]);
                named(&mut machines, words[1]).ok(&line);
            }
            "restart" => {
                let machine = named(&mut machines, words[1]);
                machine.stop();
                machine.start();
            }
            "end" => lab::in_step(&machines.iter().collect::<Vec<_>>()),
            _ => panic!("the program asks for {line:?}"),
        }
        writeln!(answers, "done").unwrap();
    }
    let status = running.0.wait().unwrap();
    assert!(status.success(), "{}", std::fs::read_to_string(said).unwrap());
}

/// Two machines whose files have the tables of the first migration.
fn started(lab: &Lab) -> Vec<Machine> {
    let mut machines = ["a", "b"].map(|name| lab.adopt(name));
    for machine in &machines {
        machine.ok(&["track", "made_maker", "made_part", "made_sale"]);
    }
    know_each_other(&machines);
    for machine in &mut machines {
        machine.start();
    }
    machines[1].join(&machines[0].invite());
    machines.into()
}

fn named<'m>(machines: &'m mut [Machine], name: &str) -> &'m mut Machine {
    machines.iter_mut().find(|machine| machine.name == name).unwrap()
}

#[test]
fn chains_of_djangos_operations_lose_nothing_where_there_is_no_daemon() {
    let Some(tool) = Tool::python("django/random_ops.py") else { return };
    let lab = Lab::new();
    for seed in 1..=SEEDS {
        let file = lab.path().join(format!("{seed}.db"));
        let told = finish(tool.command(&[&seed.to_string(), file.to_str().unwrap()]), "");
        assert_eq!(told.code, 0, "seed {seed}: {}", told.err);
    }
}

#[test]
fn whatever_chain_of_djangos_operations_two_machines_go_through_they_end_equal_and_lose_nothing() {
    let Some(tool) = Tool::python("django/random_ops.py") else { return };
    let failed: Vec<u64> = seeds(SEEDS)
        .filter(|seed| catch_unwind(AssertUnwindSafe(|| tell(&tool, *seed))).is_err())
        .collect();
    assert!(failed.is_empty(), "these seeds fail, each replayed with DUNLIN_SEED: {failed:?}");
}
