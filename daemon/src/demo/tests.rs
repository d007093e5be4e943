//! What the demo says when something breaks.

use super::*;

#[test]
fn there_is_a_name_for_every_machine_and_each_can_be_a_machines_name() {
    for name in NAMES {
        assert!(crate::config::is_name(name), "{name}");
    }
    let different: std::collections::BTreeSet<_> = NAMES.into_iter().collect();
    assert_eq!(different.len(), NAMES.len());
}

#[test]
fn the_end_of_a_log_is_shown_indented_and_escaped() {
    assert_eq!(child::last_lines("a\nb\u{1b}[2J\n"), "  a\n  b\\u{1b}[2J");
    assert_eq!(child::last_lines(""), "  (nothing)");
    let long: Vec<String> = (0..100).map(|line| line.to_string()).collect();
    let shown = child::last_lines(&long.join("\n"));
    assert_eq!(shown.lines().count(), 15);
    assert!(shown.ends_with("  99"));
}

#[test]
fn a_log_that_is_not_there_is_told_as_nothing() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(child::tail(&folder.path().join("none.log")), "  (nothing)");
}

#[tokio::test]
async fn children_are_stopped_and_waited_for() {
    // Any child will do here: what is tested is how it is stopped.
    let mut child = tokio::process::Command::new("/bin/sh")
        .args(["-c", "read nothing"])
        .stdin(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    assert!(child::ended(&mut child).is_none());
    child::stop(vec![&mut child]).await;
    assert!(child::ended(&mut child).is_some());
}

#[tokio::test]
async fn a_child_that_does_not_listen_is_killed() {
    let mut child = tokio::process::Command::new("/bin/sh")
        .args(["-c", "trap '' TERM; echo deaf; read nothing; read nothing"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // It says so once it is deaf; before, it would end at the first word.
    let mut said = tokio::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    tokio::io::AsyncBufReadExt::read_line(&mut said, &mut line).await.unwrap();
    child::stop_within(vec![&mut child], Duration::from_millis(50)).await;
    assert!(child::ended(&mut child).is_some_and(|status| !status.success()));
}
