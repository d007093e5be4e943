//! What is in the program that is not our own, and under which licences: `daemon/texts/licences.txt`.
//!
//! # Invariants
//!
//! * The list is what a build for Linux, Windows or macOS links: a test asks cargo.

use std::collections::BTreeMap;

/// `name = licence`, a line for each crate.
const LIST: &str = include_str!("../../../texts/licences.txt");

/// In the program and in no crate's own licence.
const SQLITE: (&str, &str) = ("Public domain", "SQLite");

/// A licence, and what is under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::page) struct Group {
    pub(in crate::page) licence: &'static str,
    pub(in crate::page) count: usize,
    pub(in crate::page) names: String,
}

/// All of them, the licence with the most first.
pub(in crate::page) fn groups() -> Vec<Group> {
    let mut by_licence: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    by_licence.entry(SQLITE.0).or_default().push(SQLITE.1);
    for (name, licence) in LIST.lines().filter_map(|line| line.split_once(" = ")) {
        by_licence.entry(licence).or_default().push(name);
    }
    let group = |(licence, names): (&'static str, Vec<&str>)| Group {
        licence,
        count: names.len(),
        names: names.join(", "),
    };
    let mut groups: Vec<Group> = by_licence.into_iter().map(group).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::{BTreeSet, HashMap};
    use std::process::Command;

    const PLATFORMS: [&str; 3] =
        ["x86_64-unknown-linux-gnu", "x86_64-pc-windows-msvc", "aarch64-apple-darwin"];

    fn metadata(platform: &str) -> Value {
        let asked = ["metadata", "--format-version", "1", "--offline", "--locked"];
        let answer = Command::new(env!("CARGO"))
            .args(asked)
            .args(["--filter-platform", platform])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&answer.stderr);
        assert!(answer.status.success(), "run `cargo fetch --locked` first: {said}");
        serde_json::from_slice(&answer.stdout).unwrap()
    }

    /// The alternatives of a licence in one order, however its crate writes them.
    fn in_order(licence: &str) -> String {
        let licence = licence.replace(" / ", "/").replace('/', " OR ");
        if licence.contains(['(']) || licence.contains(" AND ") {
            return licence;
        }
        let mut parts: Vec<&str> = licence.split(" OR ").collect();
        parts.sort_unstable();
        parts.join(" OR ")
    }

    /// What the program links on a platform: not what only builds it.
    fn linked(platform: &str, lines: &mut BTreeSet<String>) {
        let metadata = metadata(platform);
        let list = |value: &Value| value.as_array().unwrap().clone();
        let by_id = |all: Vec<Value>| -> HashMap<String, Value> {
            all.into_iter().map(|one| (one["id"].as_str().unwrap().to_owned(), one)).collect()
        };
        let packages = by_id(list(&metadata["packages"]));
        let nodes = by_id(list(&metadata["resolve"]["nodes"]));
        let own = packages.values().find(|package| package["name"] == "dunlin").unwrap();
        let mut waiting = vec![own["id"].as_str().unwrap().to_owned()];
        let mut seen = BTreeSet::new();
        while let Some(id) = waiting.pop() {
            if !seen.insert(id.clone()) {
                continue;
            }
            let package = &packages[&id];
            let is_macro = |target: &Value| list(&target["kind"]).contains(&"proc-macro".into());
            if list(&package["targets"]).iter().any(is_macro) {
                continue;
            }
            if !package["source"].is_null() {
                let licence = in_order(package["license"].as_str().unwrap());
                lines.insert(format!("{} = {licence}", package["name"].as_str().unwrap()));
            }
            for dependency in list(&nodes[&id]["deps"]) {
                if list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()) {
                    waiting.push(dependency["pkg"].as_str().unwrap().to_owned());
                }
            }
        }
    }

    #[test]
    fn the_list_is_what_a_build_links_on_each_platform() {
        let mut linked_somewhere = BTreeSet::new();
        for platform in PLATFORMS {
            linked(platform, &mut linked_somewhere);
        }
        let listed: BTreeSet<String> = LIST.lines().map(ToOwned::to_owned).collect();
        let add: Vec<_> = linked_somewhere.difference(&listed).collect();
        let drop: Vec<_> = listed.difference(&linked_somewhere).collect();
        assert!(
            add.is_empty() && drop.is_empty(),
            "daemon/texts/licences.txt\nadd:  {add:#?}\ndrop: {drop:#?}"
        );
        assert!(LIST.lines().is_sorted(), "in the order of the names");
    }

    #[test]
    fn everything_stands_under_its_licence_and_sqlite_among_it() {
        let groups = groups();
        let all: usize = groups.iter().map(|group| group.count).sum();
        assert_eq!(all, LIST.lines().count() + 1);
        assert!(groups.is_sorted_by_key(|group| std::cmp::Reverse(group.count)));
        assert!(groups.iter().any(|group| group.names == "SQLite"));
    }
}
