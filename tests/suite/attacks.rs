//! The list of attacks in `docs/attacks.md` and the tests that try them hold one another.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// How many attacks the list has.
const ATTACKS: u32 = 48;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The Rust sources below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// The attack that a test's name begins with: `s07_a_rebinding_page_…`.
fn attack_of(line: &str) -> Option<u32> {
    let (_, name) = line.split_once("fn s")?;
    let (number, rest) = name.split_at_checked(2)?;
    rest.starts_with('_').then(|| number.parse().ok())?
}

/// The tests of each attack.
fn tried() -> BTreeMap<u32, Vec<String>> {
    let mut files = Vec::new();
    for folder in ["daemon", "rpc", "schema", "logs", "tests"] {
        for below in ["src", "tests", "suite", "stories"] {
            let path = root().join(folder).join(below);
            if path.is_dir() {
                sources(&path, &mut files);
            }
        }
    }
    let mut tried: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            // Attributes and comments stand between `#[test]` and the name.
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            }
            if line.contains("fn ") && !line.starts_with("//") {
                if let Some(attack) = attack_of(line).filter(|_| is_test) {
                    tried.entry(attack).or_default().push(line.to_owned());
                }
                is_test = false;
            }
        }
    }
    tried
}

#[test]
fn every_attack_of_the_list_is_tried_and_every_one_tried_is_listed() {
    let list = std::fs::read_to_string(root().join("docs/attacks.md")).unwrap();
    let listed: Vec<u32> =
        list.lines().filter_map(|line| line.strip_prefix("| S")?.get(..2)?.parse().ok()).collect();
    assert_eq!(listed, (1..=ATTACKS).collect::<Vec<_>>());
    let tried: BTreeSet<u32> = tried().into_keys().collect();
    let missing: Vec<u32> = (1..=ATTACKS).filter(|attack| !tried.contains(attack)).collect();
    assert!(missing.is_empty(), "nobody tries {missing:?}");
    assert!(tried.iter().all(|attack| listed.contains(attack)), "not listed: {tried:?}");
}
