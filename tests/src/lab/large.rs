//! A large shop: fifty members, two hundred tables, a long history, and rows in plenty that are held or that lost.
//!
//! Made the way that such a shop comes about. The keeper's key signs each member in; two daemons make the conflicts
//! and the held rows of each other's writes; members link, and say their digests, over links of their own. Only the
//! past is written down at once, by the history itself.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test that cannot make its input should stop"
)]

use std::fmt::Write as _;
use std::io;

use dunlin::folder::Folder;
use dunlin::roster::statement::Signer;
use dunlin::roster::{Role, Roster};
use dunlin_logs::{Direction, History, Limits, Outcome, Session};
use dunlin_rpc::Identity;
use serde_json::{Map, Value, json};

use super::partner::{key_of, now};
use super::{Lab, Machine, Partner, SOON, in_step, until, until_true};

/// How large.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Members beside the office.
    pub partners: usize,
    /// Tracked tables.
    pub tables: usize,
    /// Lines of the history.
    pub lines: u32,
    /// Conflicts, and held rows.
    pub rows: usize,
}

/// What issue and promise speak of.
pub const LARGE: Size = Size { partners: 50, tables: 200, lines: 1_000, rows: 500 };

/// The office of a large shop, and one till that is a daemon too; the other members are linked, or were.
#[derive(Debug)]
pub struct Large {
    /// The machine that is looked at.
    pub office: Machine,
    /// The one partner that is a daemon.
    pub till: Machine,
}

impl Large {
    /// Makes it; the office and the till run.
    pub fn make(lab: &Lab, size: Size) -> Self {
        let mut shop = two_machines(lab, size);
        disagree(&mut shop, size.rows);
        let [mut office, till] = shop;
        office.stop();
        let members = admit(&office, size.partners.saturating_sub(1));
        remember(&office, &members);
        write_history(&office, &members, size.lines);
        office.start();
        // Most are here and equal, a few have other tables, and the last were not seen for long.
        let here = members.len() * 4 / 5;
        let status = office.status().unwrap();
        let end = status.pointer("/databases/0/position").and_then(Value::as_u64).unwrap();
        for (number, member) in members.iter().take(here).enumerate() {
            compare(member, end, number % 16 == 5);
        }
        until_true("linked", SOON, || office.partner_state("till") != "Offline");
        Self { office, till }
    }
}

fn table(number: usize) -> String {
    const WORDS: [&str; 8] =
        ["orders", "stock", "prices", "customers", "shifts", "returns", "labels", "suppliers"];
    format!("{}_{number:03}", WORDS.get(number % WORDS.len()).unwrap())
}

/// The office and a till that have the same tables, but that the office's `odd` takes small numbers only.
fn two_machines(lab: &Lab, size: Size) -> [Machine; 2] {
    let machines = [("office", " CHECK (size < 10)"), ("till", "")].map(|(name, check)| {
        let mut sql = format!(
            "BEGIN; CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT, price REAL);
             CREATE TABLE odd (id INTEGER PRIMARY KEY, name TEXT, size INTEGER{check});"
        );
        for number in 2..size.tables {
            let table = table(number);
            write!(sql, "CREATE TABLE {table} (id INTEGER PRIMARY KEY, what TEXT, cents INTEGER);")
                .unwrap();
        }
        lab.machine(name, &(sql + "COMMIT;"))
    });
    let [mut office, mut till] = machines;
    for machine in [&office, &till] {
        machine.ok(&["track", "--all"]);
    }
    office.knows(&till);
    till.knows(&office);
    office.start();
    till.start();
    till.join(&office.invite());
    let mut sql = "BEGIN;".to_owned();
    for number in 2..size.tables {
        let (table, rows) = (table(number), 3 + number % 20);
        write!(
            sql,
            "{}",
            counted(rows, &format!("INSERT INTO {table} SELECT n, 'row ' || n, 5 * n"))
        )
        .unwrap();
    }
    sql += &counted(size.rows, "INSERT INTO parts SELECT n, 'part ' || n, n + 0.5");
    office.write(&(sql + "COMMIT;"));
    in_step(&[&office, &till]);
    [office, till]
}

/// A statement over the numbers from 1.
fn counted(to: usize, insert: &str) -> String {
    let (into, select) = insert.split_once(" SELECT ").unwrap();
    format!(
        "{into} WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {to}) SELECT {select} FROM c;"
    )
}

/// Both change the same parts unseen, and the till writes what the office's table refuses.
fn disagree([office, till]: &mut [Machine; 2], rows: usize) {
    till.stop();
    office.write("UPDATE parts SET price = price + 1");
    until_true("folded", SOON, || office.unfolded() == 0);
    office.stop();
    till.write("UPDATE parts SET price = price + 2, name = name || ', new'");
    till.write(&counted(rows, "INSERT INTO odd SELECT n, 'too large ' || n, 100 + n"));
    office.start();
    till.start();
    until("in disagreement", SOON, || {
        let count = |sql: &str| office.ask(sql).parse::<usize>().unwrap_or(0);
        let conflicts = count("SELECT count(*) FROM _dunlin_conflict");
        let held = count("SELECT count(*) FROM _dunlin_kept");
        let enough = conflicts >= rows && held >= rows;
        if enough { Ok(()) } else { Err(format!("{conflicts} conflicts, {held} held")) }
    });
}

/// Members, let in by the keeper's own key.
fn admit(office: &Machine, count: usize) -> Vec<Partner> {
    const PLACES: [&str; 7] =
        ["Till", "Werkstatt", "Warehouse", "Kasse", "Back office", "Tablet", "Lager"];
    let folder = Folder::open(&office.data()).unwrap();
    let mut roster = Roster::load(&folder).unwrap();
    let us = key_of(office);
    let signer = Signer { identity: &us, at: i64::try_from(now()).unwrap() };
    let shop = roster.shop().to_string();
    (0..count)
        .map(|number| {
            let identity = Identity::generate().unwrap();
            let place = PLACES.get(number % PLACES.len()).unwrap();
            let name = format!("{place} {}", number + 1);
            let key = identity.public_key();
            roster.admit(signer, key, &name, Role::Member, "token").unwrap();
            Partner::member(identity, &name, office.partner, us.pin(), &shop)
        })
        .collect()
}

/// Where they were reached, and when they were last seen: minutes to weeks ago.
fn remember(office: &Machine, members: &[Partner]) {
    let path = office.data().join("partners.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|_| "{}".to_owned());
    let mut remembered: Map<String, Value> = serde_json::from_str(&text).unwrap();
    for (number, member) in (1_u64..).zip(members) {
        let seen = now() - 60_000 * number * number * number;
        let place = json!({"addresses": [format!("127.0.0.1:{number}")], "last_seen": seen});
        remembered.insert(member.identity.pin().to_string(), place);
    }
    std::fs::write(path, Value::from(remembered).to_string()).unwrap();
}

fn write_history(office: &Machine, members: &[Partner], lines: u32) {
    let now = i64::try_from(now()).unwrap();
    let history = History::open(&office.data().join("history.db"), Limits::default(), now);
    for (line, member) in (0..lines).zip(members.iter().cycle()) {
        let number = u64::from(line);
        let (result, message) = match line % 40 {
            7 => (Outcome::Error, "the link broke before both were level"),
            21 => (Outcome::Warning, "level; 3 rows are held"),
            _ => (Outcome::Success, "level"),
        };
        history.append(&Session {
            partner: member.identity.public_key().machine_id(),
            partner_name: member.name.clone(),
            direction: if line % 3 == 0 { Direction::Dialled } else { Direction::Answered },
            started: now - 90_000 * i64::from(lines - line),
            took_ms: 20 + number % 700,
            rows_sent: number % 90,
            rows_received: 1 + number % 1_200,
            applied: number % 1_200,
            held: if result == Outcome::Warning { 3 } else { 0 },
            conflicts: number % 2,
            bytes_sent: number * 30,
            bytes_received: number * 200,
            result,
            message: message.to_owned(),
        });
    }
    assert_eq!(history.lost(), 0);
}

/// A member links, has read all, says its digests, and stays linked while the office runs.
fn compare(member: &Partner, end: u64, differs: bool) {
    let mut wire = member.link();
    let ask = |tables: Value| json!([{"database": "main", "cursor": end, "clock": now(), "tables": tables}]);
    let told = wire.call("partner_digest", &ask(json!([]))).unwrap();
    let mut tables = told.get("tables").cloned().unwrap();
    if differs {
        let digest = tables.pointer_mut("/7/digest").unwrap();
        *digest = "00".repeat(16).into();
    }
    wire.call("partner_digest", &ask(tables)).unwrap();
    // Whoever does not answer heartbeats is taken for gone.
    std::thread::spawn(move || {
        let late = [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut];
        while wire.hear().map_or_else(|error| late.contains(&error.kind()), |_| true) {}
    });
}
