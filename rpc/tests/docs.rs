//! `docs/protocol.md`, held against the program: its codes and its examples.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

use dunlin_rpc::Code;
use dunlin_rpc::wire::{join, page, pair, partner};
use serde::de::DeserializeOwned;

const PROTOCOL: &str = include_str!("../../docs/protocol.md");

/// The JSON blocks, each with the word behind `json` on its fence.
fn examples() -> impl Iterator<Item = (&'static str, &'static str)> {
    PROTOCOL.split("\n```json ").skip(1).map(|rest| {
        let (block, _) = rest.split_once("\n```").unwrap();
        block.split_once('\n').unwrap()
    })
}

fn reads<T: DeserializeOwned>(json: &str) {
    if let Err(error) = serde_json::from_str::<T>(json) {
        panic!("{error} in the example {json}");
    }
}

#[test]
fn the_table_of_codes_is_the_programs() {
    let rows: Vec<(&str, &str)> = PROTOCOL
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split(" | ");
            let number = cells.next()?;
            number.parse::<i32>().ok()?;
            Some((number, cells.next()?))
        })
        .collect();
    let ours: Vec<(String, String)> = Code::ALL
        .into_iter()
        .map(|code| (code.number().to_string(), format!("{code:?}")))
        .collect();
    let ours: Vec<(&str, &str)> =
        ours.iter().map(|(number, name)| (number.as_str(), name.as_str())).collect();
    assert_eq!(rows, ours);
}

#[test]
fn every_example_of_a_partners_message_is_one() {
    let mut seen = Vec::new();
    for (kind, json) in examples() {
        match kind {
            "Greeting" => reads::<partner::Greeting>(json),
            "RosterAsk" => reads::<partner::RosterAsk>(json),
            "RosterAnswer" => reads::<partner::RosterAnswer>(json),
            "Databases" => reads::<partner::Databases>(json),
            "GetPage" => reads::<partner::GetPage>(json),
            "Page" => reads::<page::Page>(json),
            "PutPage" => reads::<partner::PutPage>(json),
            "PutAnswer" => reads::<partner::PutAnswer>(json),
            "DigestAsk" => reads::<partner::DigestAsk>(json),
            "DigestAnswer" => reads::<partner::DigestAnswer>(json),
            "PartnerEvent" => reads::<partner::PartnerEvent>(json),
            "JoinAsk" => reads::<join::JoinAsk>(json),
            "JoinAnswer" => reads::<join::JoinAnswer>(json),
            "PairBegin" => reads::<pair::PairBegin>(json),
            "PairBegun" => reads::<pair::PairBegun>(json),
            "PairNonce" => reads::<pair::PairNonce>(json),
            "PairRoster" => reads::<pair::PairRoster>(json),
            other => panic!("no type is known for the example {other}"),
        }
        seen.push(kind);
    }
    seen.dedup();
    assert_eq!(seen.len(), 17, "{seen:?}");
}

#[test]
fn every_admin_method_is_in_the_document() {
    let methods =
        [include_str!("../src/method/admin.rs"), include_str!("../src/method/pairing.rs")];
    for line in methods.iter().flat_map(|text| text.lines()) {
        let Some((_, rest)) = line.split_once("#[method(name = \"") else { continue };
        let (name, _) = rest.split_once('"').unwrap();
        assert!(PROTOCOL.contains(&format!("`{name}`")), "{name} is missing");
    }
}
