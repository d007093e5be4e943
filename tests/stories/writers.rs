//! Applications in other languages write while the daemons run and sync.

use dunlin_tests::lab::outside::{has, python, sqlite3};
use dunlin_tests::lab::{self, Lab};

const SHOP: &str = "
    CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, count INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE moves (part INTEGER NOT NULL REFERENCES parts, at TEXT NOT NULL, n INTEGER, PRIMARY KEY (part, at));";

/// Python's own module, as a till program uses it: implicit transactions, a busy timeout of 5 s.
const PYTHON: &str = r#"
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=5)
db.execute("PRAGMA foreign_keys = ON")
who = sys.argv[2]
for i in range(int(sys.argv[3])):
    part = db.execute("INSERT INTO parts (name) VALUES (?)", (f"{who} {i}",)).lastrowid
    db.execute("INSERT INTO moves VALUES (?, ?, ?)", (part, f"{who} {i}", i))
    db.execute("UPDATE parts SET count = count + 1 WHERE id = ?", (part,))
    if i % 10 == 9:
        db.execute("DELETE FROM moves WHERE part = ?", (part,))
        db.execute("DELETE FROM parts WHERE id = ?", (part,))
    db.commit()
"#;

#[test]
fn python_and_the_sqlite3_program_write_while_daemons_sync_and_never_find_the_file_locked() {
    const WRITES: usize = 150;
    if !has("python3", "writing through Python") || !has("sqlite3", "writing through sqlite3") {
        return;
    }
    let lab = Lab::new();
    let [a, b] = lab.shop(["a", "b"], SHOP);
    let shell = |who: &str| -> String {
        (0..WRITES)
            .map(|i| {
                let delete = if i % 10 == 9 {
                    format!("DELETE FROM parts WHERE name = '{who} {i}';")
                } else {
                    format!("INSERT INTO moves SELECT id, '{who} {i}', {i} FROM parts WHERE name = '{who} {i}';")
                };
                format!(
                    "BEGIN IMMEDIATE; INSERT INTO parts (name) VALUES ('{who} {i}'); \
                     UPDATE parts SET count = count + 1 WHERE name = '{who} {i}'; {delete} COMMIT;\n"
                )
            })
            .collect::<Vec<String>>()
            .concat()
    };
    std::thread::scope(|scope| {
        let writes = WRITES.to_string();
        let mut running = Vec::new();
        for machine in [&a, &b] {
            let (file, name, writes) = (machine.database(), machine.name.clone(), writes.clone());
            let path = file.to_str().unwrap().to_owned();
            running.push(
                scope.spawn(move || python(PYTHON, &[&path, &format!("python {name}"), &writes])),
            );
            let (name, shell) = (machine.name.clone(), &shell);
            running.push(scope.spawn(move || sqlite3(&file, &shell(&format!("shell {name}")))));
        }
        for one in running {
            let told = one.join().unwrap();
            assert!(told.code == 0 && told.err.is_empty(), "{told:?}");
        }
    });
    lab::in_step(&[&a, &b]);
    let kept = 4 * WRITES * 9 / 10;
    for machine in [&a, &b] {
        assert_eq!(machine.ask("SELECT count(*) FROM parts WHERE count = 1"), kept.to_string());
        assert_eq!(machine.ask("SELECT count(*) FROM moves"), kept.to_string());
        let strange =
            "SELECT count(*) FROM moves m JOIN parts p ON p.id = m.part WHERE p.name <> m.at";
        assert_eq!(machine.ask(strange), "0", "{}", machine.name);
        machine.is_sound();
    }
}
