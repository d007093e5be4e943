//! `docs/protocol.md`, held against the program: its codes and its examples.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

use std::collections::BTreeMap;

use dunlin_rpc::Code;
use dunlin_rpc::method::{METHODS, Right};
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
    let traits = [
        include_str!("../src/method/access.rs"),
        include_str!("../src/method/admin.rs"),
        include_str!("../src/method/key.rs"),
        include_str!("../src/method/overview.rs"),
        include_str!("../src/method/pairing.rs"),
        include_str!("../src/method/shop.rs"),
    ];
    for line in traits.iter().flat_map(|text| text.lines()) {
        let Some((_, rest)) = line.split_once("#[method(name = \"") else { continue };
        let (name, _) = rest.split_once('"').unwrap();
        assert!(PROTOCOL.contains(&format!("`{name}`")), "{name} is missing");
    }
}

/// The cells of a table of `docs/routes.md`, without the two lines of its head.
fn rows_of(heading: &str) -> Vec<Vec<&'static str>> {
    const ROUTES: &str = include_str!("../../docs/routes.md");
    let (_, section) = ROUTES.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.skip(2).map(|row| row.split(" | ").collect()).collect()
}

#[test]
fn every_method_is_in_the_table_of_rights_with_its_right_and_nothing_else_is() {
    let told: Vec<(String, String)> = rows_of("Methods of `/rpc`")
        .iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), row[1].to_owned()))
        .collect();
    let ours: Vec<(String, String)> = METHODS
        .iter()
        .map(|method| {
            // A method that judges by its own rule has a right of its own name.
            let right = match method.right {
                Right::Own => method.name.to_owned(),
                Right::Read | Right::Write | Right::Admin => {
                    format!("{:?}", method.right).to_lowercase()
                }
            };
            (method.name.to_owned(), right)
        })
        .collect();
    let of = |rows: &[(String, String)]| rows.iter().cloned().collect::<BTreeMap<_, _>>();
    assert_eq!(of(&told), of(&ours));
    assert_eq!(told.len(), ours.len(), "one stands there twice");
    let rights: Vec<&str> = rows_of("Rights").iter().map(|row| row[0]).collect();
    for (method, right) in told {
        assert!(rights.contains(&right.as_str()), "{method} has a right that is not explained");
    }
}
