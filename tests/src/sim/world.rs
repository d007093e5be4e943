//! Tables chosen to be hard, and what an application may do to them.
//!
//! Every kind of key (a counted integer, a plain one, text, two references, one reference, a link), every action of
//! a reference, a circle of two tables that need each other, and UNIQUE over text, over an integer and over
//! references. What an application does: insert, edit, delete, renumber, swap two UNIQUE values, give one value on
//! along a chain, replace, delete and put back under the same number, and set to NULL.

use super::Machine;
use super::story::Application;
use dunlin_schema::shop::Dice;
use rusqlite::types::Value;
use rusqlite::{OptionalExtension as _, params_from_iter};

/// The statements that make the tables.
pub const SCHEMA: &str = "
CREATE TABLE cust (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, boss INTEGER REFERENCES cust (id) ON DELETE SET NULL);
CREATE TABLE dept (code TEXT PRIMARY KEY, head INTEGER REFERENCES cust (id) ON DELETE SET NULL);
CREATE TABLE prod (id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT UNIQUE, qty INTEGER CHECK (qty >= 0),
    dept TEXT REFERENCES dept (code) ON UPDATE CASCADE ON DELETE RESTRICT);
CREATE TABLE ord (id INTEGER PRIMARY KEY, cust_id INTEGER NOT NULL REFERENCES cust (id) ON DELETE RESTRICT,
    rcpt INTEGER NOT NULL UNIQUE, note TEXT);
CREATE TABLE line (ord_id INTEGER NOT NULL REFERENCES ord (id) ON DELETE CASCADE ON UPDATE CASCADE,
    prod_id INTEGER NOT NULL REFERENCES prod (id) ON DELETE RESTRICT, qty INTEGER, PRIMARY KEY (ord_id, prod_id));
CREATE TABLE ext (ord_id INTEGER PRIMARY KEY REFERENCES ord (id) ON DELETE CASCADE ON UPDATE CASCADE, memo TEXT);
CREATE TABLE ca (id INTEGER PRIMARY KEY, b INTEGER NOT NULL REFERENCES cb (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, v TEXT);
CREATE TABLE cb (id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES ca (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, v TEXT);
CREATE TABLE tag (id INTEGER PRIMARY KEY, ord_id INTEGER NOT NULL REFERENCES ord (id) ON DELETE CASCADE ON UPDATE CASCADE,
    cust_id INTEGER NOT NULL REFERENCES cust (id) ON DELETE CASCADE, UNIQUE (ord_id, cust_id));
";

/// What an application may do; the commoner ones stand here more than once.
const DEEDS: [&str; 40] = [
    "cust+", "cust+", "cust~", "cust-", "boss", "boss0", "dept+", "dept~", "dept-", "deptname",
    "prod+", "prod+", "prodcode", "prodqty", "prod-", "prodrep", "prodnull", "updrep", "swap",
    "chain", "ord+", "ord+", "ord~", "ordcust", "ord-", "ordnum", "rcpt", "line+", "line+",
    "line~", "line-", "lineord", "ext+", "ext~", "cyc+", "cyc-", "cyc~", "tag+", "tag-", "reins",
];

/// One statement and its parameters.
type Step = (&'static str, Vec<Value>);

/// The application with these tables.
#[derive(Debug, Default)]
pub struct Parts;

impl Application for Parts {
    fn tables(&self) -> &str {
        SCHEMA
    }

    fn act(&mut self, machine: &Machine, dice: &mut Dice) -> Option<String> {
        const TRIES: usize = 6;
        (0..TRIES).find_map(|_| {
            let deed = dice.pick(&DEEDS);
            let steps = steps(machine, dice, deed)?;
            transact(machine, &steps, |_| true).then(|| format!("{deed} {steps:?}"))
        })
    }
}

/// Statements in one transaction. What the tables refuse, or the application before it commits, is undone as a whole. Answers
/// whether anything changed.
pub fn transact<S: AsRef<str>>(
    machine: &Machine,
    steps: &[(S, Vec<Value>)],
    is_right: impl Fn(&Machine) -> bool,
) -> bool {
    machine.tick();
    machine.app.execute_batch("BEGIN IMMEDIATE").unwrap();
    let done = steps.iter().try_fold(0, |changed, (sql, values)| {
        Ok::<_, rusqlite::Error>(
            changed
                + machine.app.prepare_cached(sql.as_ref())?.execute(params_from_iter(values))?,
        )
    });
    if done.is_ok_and(|changed| changed > 0)
        && is_right(machine)
        && machine.app.execute_batch("COMMIT").is_ok()
    {
        return true;
    }
    machine.app.execute_batch("ROLLBACK").unwrap();
    false
}

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// One of a table's keys.
fn any(machine: &Machine, dice: &mut Dice, table: &str) -> Value {
    let column = if table == "dept" { "code" } else { "id" };
    let mut statement =
        machine.app.prepare_cached(&format!("SELECT {column} FROM {table} ORDER BY 1")).unwrap();
    let keys: Vec<Value> =
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    let last = i64::try_from(keys.len()).unwrap() - 1;
    let at = usize::try_from(dice.between(0, last.max(0))).unwrap();
    keys.get(at).cloned().unwrap_or(Value::Null)
}

fn number(machine: &Machine, sql: &str) -> i64 {
    machine.app.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Two products and their codes.
fn two_products(machine: &Machine, dice: &mut Dice) -> Option<[(Value, Value); 2]> {
    let one = any(machine, dice, "prod");
    let two = any(machine, dice, "prod");
    let code = |id: &Value| {
        machine
            .app
            .query_row("SELECT code FROM prod WHERE id = ?", [id], |row| row.get(0))
            .optional()
            .unwrap()
    };
    let codes = (code(&one)?, code(&two)?);
    (one != two).then_some([(one, codes.0), (two, codes.1)])
}

/// The statements of a deed; none where there is nothing to do it with.
#[expect(clippy::too_many_lines, reason = "a list of deeds, one a line")]
fn steps(machine: &Machine, dice: &mut Dice, deed: &str) -> Option<Vec<Step>> {
    let n = dice.between(0, 5);
    let letter = dice.pick(&["A", "B", "C", "D", "E"]);
    let code = || text(format!("P{n}"));
    let int = Value::Integer;
    let cust = any(machine, dice, "cust");
    let prod = any(machine, dice, "prod");
    let ord = any(machine, dice, "ord");
    let dept = any(machine, dice, "dept");
    let maybe = |dice: &mut Dice, value: &Value| {
        if dice.one_in(2) { value.clone() } else { Value::Null }
    };
    let steps: Vec<Step> = match deed {
        "cust+" => {
            let boss = maybe(dice, &cust);
            vec![("INSERT INTO cust (name, boss) VALUES (?, ?)", vec![text(letter), boss])]
        }
        "cust~" => vec![(
            "UPDATE cust SET name = ? WHERE id = ?",
            vec![text(format!("{letter}{n}")), cust],
        )],
        "cust-" => vec![("DELETE FROM cust WHERE id = ?", vec![cust])],
        "boss" => {
            let boss = any(machine, dice, "cust");
            vec![("UPDATE cust SET boss = ? WHERE id = ?", vec![boss, cust])]
        }
        "boss0" => vec![("UPDATE cust SET boss = NULL WHERE id = ?", vec![cust])],
        "dept+" => vec![("INSERT INTO dept VALUES (?, ?)", vec![text(letter), cust])],
        "dept~" => vec![("UPDATE dept SET head = ? WHERE code = ?", vec![cust, dept])],
        "dept-" => vec![("DELETE FROM dept WHERE code = ?", vec![dept])],
        "deptname" => vec![(
            "UPDATE dept SET code = ? WHERE code = ?",
            vec![text(format!("{letter}x")), dept],
        )],
        "prod+" => {
            let dept = maybe(dice, &dept);
            vec![(
                "INSERT INTO prod (code, qty, dept) VALUES (?, ?, ?)",
                vec![code(), int(n), dept],
            )]
        }
        "prodcode" => vec![("UPDATE prod SET code = ? WHERE id = ?", vec![code(), prod])],
        "prodnull" => vec![("UPDATE prod SET code = NULL WHERE id = ?", vec![prod])],
        "prodqty" => vec![("UPDATE prod SET qty = ? WHERE id = ?", vec![int(n), prod])],
        "prod-" => vec![("DELETE FROM prod WHERE id = ?", vec![prod])],
        "prodrep" => {
            vec![("INSERT OR REPLACE INTO prod (code, qty) VALUES (?, ?)", vec![code(), int(n)])]
        }
        "updrep" => {
            vec![("UPDATE OR REPLACE prod SET code = ? WHERE id = ?", vec![code(), prod])]
        }
        "swap" => {
            let [(one, its), (other, others)] = two_products(machine, dice)?;
            vec![
                ("UPDATE prod SET code = 'tmp' WHERE id = ?", vec![one.clone()]),
                ("UPDATE prod SET code = ? WHERE id = ?", vec![its, other]),
                ("UPDATE prod SET code = ? WHERE id = ?", vec![others, one]),
            ]
        }
        "chain" => {
            let [(one, _), (other, others)] = two_products(machine, dice)?;
            vec![
                ("UPDATE prod SET code = ? WHERE id = ?", vec![code(), other]),
                ("UPDATE prod SET code = ? WHERE id = ?", vec![others, one]),
            ]
        }
        "ord+" => vec![(
            "INSERT INTO ord (cust_id, rcpt, note)
             VALUES (?, (SELECT coalesce(max(rcpt), 0) + 1 FROM ord WHERE rcpt < 1000000), 'n')",
            vec![cust],
        )],
        "ord~" => vec![("UPDATE ord SET note = ? WHERE id = ?", vec![text(letter), ord])],
        "ordcust" => vec![("UPDATE ord SET cust_id = ? WHERE id = ?", vec![cust, ord])],
        "ordnum" => {
            let next = number(machine, "SELECT coalesce(max(id), 0) FROM ord");
            vec![("UPDATE ord SET id = ? WHERE id = ?", vec![int(next + dice.between(-1, 3)), ord])]
        }
        "rcpt" => vec![("UPDATE ord SET rcpt = ? WHERE id = ?", vec![int(n), ord])],
        "ord-" => vec![("DELETE FROM ord WHERE id = ?", vec![ord])],
        "line+" => vec![("INSERT INTO line VALUES (?, ?, ?)", vec![ord, prod, int(n)])],
        "line~" => vec![("UPDATE line SET qty = ? WHERE ord_id = ?", vec![int(n + 9), ord])],
        "line-" => {
            vec![("DELETE FROM line WHERE ord_id = ? AND prod_id = ?", vec![ord, prod])]
        }
        "lineord" => {
            vec![("UPDATE OR IGNORE line SET ord_id = ? WHERE prod_id = ?", vec![ord, prod])]
        }
        "ext+" => {
            vec![("INSERT OR REPLACE INTO ext VALUES (?, ?)", vec![ord, text(letter)])]
        }
        "ext~" => {
            vec![(
                "UPDATE ext SET memo = ? WHERE ord_id = ?",
                vec![text(format!("{letter}m")), ord],
            )]
        }
        "cyc+" => {
            let a = number(machine, "SELECT coalesce(max(id), 0) + 1 FROM ca");
            let b = number(machine, "SELECT coalesce(max(id), 0) + 1 FROM cb");
            vec![
                ("INSERT INTO ca VALUES (?, ?, ?)", vec![int(a), int(b), text(letter)]),
                ("INSERT INTO cb VALUES (?, ?, ?)", vec![int(b), int(a), text(letter)]),
            ]
        }
        "cyc-" => vec![("DELETE FROM ca WHERE id = ?", vec![any(machine, dice, "ca")])],
        "cyc~" => vec![(
            "UPDATE cb SET v = ? WHERE id = ?",
            vec![text(format!("{letter}{n}")), any(machine, dice, "cb")],
        )],
        "tag+" => vec![("INSERT INTO tag (ord_id, cust_id) VALUES (?, ?)", vec![ord, cust])],
        "tag-" => vec![("DELETE FROM tag WHERE id = ?", vec![any(machine, dice, "tag")])],
        // Deleted and put back under its number, its lines gone with it.
        _ => vec![
            ("CREATE TEMP TABLE again AS SELECT * FROM ord WHERE id = ?", vec![ord.clone()]),
            ("DELETE FROM ord WHERE id = ?", vec![ord]),
            ("INSERT INTO ord SELECT * FROM again", vec![]),
            ("DROP TABLE again", vec![]),
        ],
    };
    Some(steps)
}
