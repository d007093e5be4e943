//! Other programs write while the store folds and takes pages.

use super::{equal, two};
use dunlin_tests::sim::{Broken, Lab, Machine, pull};
use rusqlite::Connection;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Rows that each program writes, one transaction each.
const ROWS: usize = 150;

/// Writes rows in a process of its own; none, loudly, where there is no such program.
fn start(program: &str, arguments: &[&str]) -> Option<Child> {
    match Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::piped()).spawn()
    {
        Ok(child) => Some(child),
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
            {
                eprintln!("SKIPPED: {program}: {error}");
            }
            None
        }
    }
}

fn python(path: &Path) -> Option<Child> {
    let script = format!(
        "import sqlite3, sys\n\
         db = sqlite3.connect(sys.argv[1], timeout=5, isolation_level=None)\n\
         for n in range({ROWS}):\n    \
             db.execute('BEGIN IMMEDIATE')\n    \
             db.execute('INSERT INTO t (who, n) VALUES (?, ?)', ('python', n))\n    \
             db.execute('UPDATE t SET v = ? WHERE who = ? AND n = ?', ('edited', 'python', n))\n    \
             db.execute('COMMIT')\n"
    );
    start("python3", &["-c", &script, path.to_str().unwrap()])
}

fn shell(path: &Path) -> Option<Child> {
    let lines = (0..ROWS).map(|n| format!("INSERT INTO t (who, n) VALUES ('shell', {n});"));
    let script: Vec<String> = std::iter::once(".timeout 5000".to_owned()).chain(lines).collect();
    let file = path.with_extension("sql");
    std::fs::write(&file, script.join("\n")).unwrap();
    start("sqlite3", &["-bail", path.to_str().unwrap(), &format!(".read {}", file.display())])
}

#[test]
fn python_and_the_sqlite3_program_never_find_the_file_locked_and_all_they_write_is_tracked() {
    let lab = Lab::new();
    let [mut anna, mut bert] = two(
        &lab,
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, who TEXT, n INTEGER, v TEXT)",
    );
    let writers: Vec<(&str, Child)> =
        [("python", python(anna.path())), ("shell", shell(anna.path()))]
            .into_iter()
            .filter_map(|(name, child)| Some((name, child?)))
            .collect();
    let mut expected = 0;
    for (name, mut child) in writers {
        // Each turn is work, not waiting; and no writer needs this many.
        let mut turns = 0;
        while child.try_wait().unwrap().is_none() {
            turns += 1;
            assert!(turns < 1_000_000, "{name} does not end");
            bert.run(&format!("INSERT INTO t (who, n) VALUES ('bert', {turns})"));
            expected += 1;
            pull(&mut anna, &mut bert, Broken::default(), &mut |_, _| ());
            pull(&mut bert, &mut anna, Broken::pages_of(2_000), &mut |_, _| ());
        }
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{name}: {said}");
        expected += ROWS;
        let wrote = anna.ask(&format!("SELECT count(*) FROM t WHERE who = '{name}'"));
        assert_eq!(wrote, [ROWS.to_string()]);
    }
    equal(&mut [&mut anna, &mut bert]);
    assert_eq!(rows(&bert), expected);
}

fn rows(machine: &Machine) -> usize {
    let fresh = Connection::open(machine.path()).unwrap();
    fresh.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
}
