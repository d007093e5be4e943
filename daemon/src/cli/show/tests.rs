//! Renderings to the letter: what a person sees on a terminal without colours.

use chrono::NaiveDateTime;
use dunlin_rpc::wire::access::{SignInEntry, TokenEntry, UserEntry};
use dunlin_rpc::wire::admin::{
    ConflictEntry, DatabaseStatus, HeldEntry, HistoryEntry, MachineStatus, PartnerStatus,
    SightingStatus, Status, SyncedPartner, TableStatus,
};
use dunlin_rpc::wire::overview::Attention;
use uuid::Uuid;

use super::*;
use crate::cli::output::Look;

fn now() -> NaiveDateTime {
    NaiveDateTime::parse_from_str("2026-03-02 12:00:00", "%Y-%m-%d %H:%M:%S").unwrap()
}

fn partner(name: &str, state: &str) -> PartnerStatus {
    let [name, state, role] = [name, state, "keeper"].map(str::to_owned);
    PartnerStatus { name, state, role, ..PartnerStatus::default() }
}

fn table(name: &str, rows: u64) -> TableStatus {
    let digest = "3f2a9cd01b77e6a4".to_owned();
    TableStatus { name: name.to_owned(), rows, digest, ..TableStatus::default() }
}

/// A machine with a partner and two tables, and nothing wrong.
fn quiet() -> Status {
    Status {
        machine: MachineStatus {
            name: "till 1".to_owned(),
            version: "0.1.0".to_owned(),
            members: 2,
            role: "keeper".to_owned(),
            ..MachineStatus::default()
        },
        databases: vec![DatabaseStatus {
            name: "main".to_owned(),
            epoch: "00000000000000a1".to_owned(),
            tables: vec![table("parts", 1_204), table("Käse", 7)],
            ..DatabaseStatus::default()
        }],
        partners: vec![PartnerStatus {
            address: Some("192.168.1.7:7474".to_owned()),
            last_seen: Some("2026-03-02 11:57:00".to_owned()),
            waiting_in: Some(0),
            waiting_out: Some(3),
            ..partner("Kasse 2", "Up to date")
        }],
        uptime: 7_300,
        ..Status::default()
    }
}

#[test]
fn a_quiet_status() {
    let status = quiet();
    assert!(!needs_a_person(&status));
    let text = super::status(&status, Look::PLAIN, now());
    let told = "\
till 1, machine 00000000-0000-0000-0000-000000000000, version 0.1.0, in a shop of 2 machines as keeper, running for 2 hours

Database main, epoch 00000000000000a1
 Table   Rows  Held  Conflicts  Digest
 parts  1 204     0          0  3f2a9cd01b77
 Käse       7     0          0  3f2a9cd01b77

Partners
 Name     Role    State       Address           Last seen      To receive  To send
 Kasse 2  keeper  Up to date  192.168.1.7:7474  3 minutes ago           0        3
";
    assert_eq!(text, told, "\n{text}");
}

#[test]
fn held_rows_conflicts_and_stuck_partners_need_a_person() {
    let mut status = quiet();
    let tables = &mut status.databases.first_mut().unwrap().tables;
    tables.first_mut().unwrap().held = 1;
    tables.last_mut().unwrap().conflicts = 2;
    let reason = Some("this key belongs to another machine".to_owned());
    status.partners.push(PartnerStatus { reason, ..partner("till 3", "Identity problem") });
    assert!(needs_a_person(&status));
    let text = super::status(&status, Look::PLAIN, now());
    let told = "
Needs attention
 ! “till 3”: Identity problem: this key belongs to another machine
 ! 1 row is held and cannot be shown; see `dunlin held`
 ! 2 versions lost against another; see `dunlin conflicts`
";
    assert!(text.contains(told), "\n{text}");
}

#[test]
fn what_will_pass_needs_no_person() {
    for state in ["Retrying", "Catching up", "Up to date", "Paused", "Offline"] {
        let status = Status { partners: vec![partner("till 2", state)], ..Status::default() };
        assert!(!needs_a_person(&status), "{state}");
    }
    for state in ["Stopped", "identity problem"] {
        let status = Status { partners: vec![partner("till 2", state)], ..Status::default() };
        assert!(needs_a_person(&status), "{state}");
    }
}

#[test]
fn the_machines_own_sentences_come_first() {
    let attention = vec![Attention::Other { text: "the disk is full; make room".to_owned() }];
    let status = Status { attention, ..Status::default() };
    assert!(needs_a_person(&status));
    let text = super::status(&status, Look::PLAIN, now());
    assert!(text.contains(" ! the disk is full; make room\n"), "\n{text}");
}

#[test]
fn partners_with_what_makes_their_state_useful() {
    let retrying = PartnerStatus {
        next_try_seconds: Some(40),
        attempt: 6,
        reason: Some("nobody answers".to_owned()),
        ..partner("till\u{1b}[2J", "Retrying")
    };
    let text = partners(&[retrying], Look::PLAIN, now());
    let told = "
 Name           Role    State                                                      Address  Last seen  To receive  To send
 till\\u{1b}[2J  keeper  Retrying, next try in 40 seconds, attempt 6: nobody answers  —        —                   —        —
";
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(squeeze(&text), squeeze(told), "\n{text}");
}

#[test]
fn a_history() {
    let session = HistoryEntry {
        name: "till 2".to_owned(),
        direction: "both".to_owned(),
        started: "2026-03-02 11:00:00".to_owned(),
        took_ms: 1_349,
        sent: 12,
        received: 9_000,
        result: "success".to_owned(),
        ..HistoryEntry::default()
    };
    let failed = HistoryEntry {
        result: "error".to_owned(),
        message: "the link broke".to_owned(),
        ..session.clone()
    };
    let text = history(&[session, failed], Look::PLAIN, now());
    let told = "
 Started     Partner  Way   Sent  Received  Held  Conflicts   Took  Result
 1 hour ago  till 2   both    12     9 000     0          0  1.3 s  success
 1 hour ago  till 2   both    12     9 000     0          0  1.3 s  error: the link broke
";
    assert_eq!(format!("\n{text}"), told);
}

#[test]
fn held_rows() {
    let row = HeldEntry {
        number: 4,
        table: "order_lines".to_owned(),
        reason: "parent".to_owned(),
        message: "waits for its row in orders".to_owned(),
        since: "2026-03-02 11:59:00".to_owned(),
        origin: "till 2".to_owned(),
        row: Uuid::nil(),
        held: true,
        ..HeldEntry::default()
    };
    let text = held(&[row], Look::PLAIN, now());
    let told = "
 No.  Table        Row                                   Reason  Waits for                    From    Since
   4  order_lines  00000000-0000-0000-0000-000000000000  parent  waits for its row in orders  till 2  1 minute ago

1 row is held: known and passed on, but not in the table; `dunlin held retry` tries again, `dunlin held give` gives a row another value.
";
    assert_eq!(format!("\n{text}"), told);
}

#[test]
fn conflicts_show_the_values_that_lost_escaped_and_cut() {
    let values = serde_json::json!({"name": "Öl\u{202e}", "price": 1.5, "note": "x".repeat(90)});
    let conflict = ConflictEntry {
        number: 12,
        table: "parts".to_owned(),
        kind: "edit".to_owned(),
        loser: "till 2".to_owned(),
        winner: "till 1".to_owned(),
        written: "2026-03-01 12:00:00".to_owned(),
        values: values.as_object().cloned().unwrap(),
        restored: true,
        ..ConflictEntry::default()
    };
    let text = conflicts(&[conflict], Look::PLAIN, now());
    assert!(text.contains("  edit, put back  "), "\n{text}");
    assert!(text.contains("name=Öl\\u{202e}, "), "\n{text}");
    assert!(text.contains("price=1.5"), "\n{text}");
    assert!(text.contains(&format!("note={}…", "x".repeat(64))), "\n{text}");
    assert!(text.contains("  1 day ago  "), "\n{text}");
}

#[test]
fn an_empty_list_is_a_sentence() {
    for text in [
        partners(&[], Look::PLAIN, now()),
        tables(&[], &[], Look::PLAIN),
        history(&[], Look::PLAIN, now()),
        held(&[], Look::PLAIN, now()),
        conflicts(&[], Look::PLAIN, now()),
        users(&[], Look::PLAIN),
        tokens(&[], Look::PLAIN, now()),
        synced(&Synced::default()),
        retried(Retried::default()),
    ] {
        assert!(text.ends_with(".\n"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn strangers_are_shown_as_such() {
    let seen = SightingStatus {
        id: "abc".to_owned(),
        name: "Admin: click here\nok".to_owned(),
        address: "192.168.1.9:7474".to_owned(),
        ..SightingStatus::default()
    };
    let status = Status { sightings: vec![seen], ..quiet() };
    let text = super::status(&status, Look::PLAIN, now());
    assert!(text.contains("\nSeen on the network, not trusted\n"), "\n{text}");
    assert!(text.contains(" Admin: click here\\nok  192.168.1.9:7474  abc\n"), "\n{text}");
}

#[test]
fn what_was_done_is_told_in_sentences() {
    let done =
        Tracked { tables: vec!["parts".to_owned(), "bins".to_owned()], ..Tracked::default() };
    assert_eq!(tracked(&done), "Tracking 2 tables from now on: parts, bins.\n");
    assert_eq!(tracked(&Tracked::default()), "No further table is tracked.\n");
    let done = Joined { by: "till 1".to_owned(), members: 3, ..Joined::default() };
    assert_eq!(
        joined(&done),
        "Joined. “till 1” let this machine in; the shop has 3 machines now.\n"
    );
    let partner = SyncedPartner {
        name: "till 2".to_owned(),
        message: "it is off".to_owned(),
        ..SyncedPartner::default()
    };
    let done = Synced { equal: false, partners: vec![partner] };
    assert_eq!(synced(&done), "“till 2”: not equal yet; it is off\n");
    let done = Retried { tried: 3, shown: 1 };
    assert_eq!(retried(done), "Tried 3 rows; 1 shown now, 2 still held. `dunlin held` says why.\n");
}

#[test]
fn users_and_tokens_are_listed_without_their_secrets() {
    let user = |old_caller| UserEntry { name: "ann".into(), role: "write".into(), old_caller };
    assert_eq!(users(&[user(false)], Look::PLAIN), " Name  Role\n ann   write\n");
    assert!(users(&[user(true)], Look::PLAIN).contains("write, old programs only"));
    let token = TokenEntry {
        id: "0123abcd".into(),
        name: "report".into(),
        role: "read".into(),
        made: "2026-03-02 11:00:00".into(),
        from: Some("192.168.1.0/24".into()),
        ..TokenEntry::default()
    };
    let text = tokens(&[token], Look::PLAIN, now());
    for word in ["report", "0123abcd", "when revoked", "192.168.1.0/24", "never"] {
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn wrong_passwords_are_shown_with_where_they_came_from() {
    let wrong = SignInEntry {
        address: "192.168.1.9".into(),
        user: None,
        wrong: 7,
        lately: 0,
        wait_seconds: 64,
    };
    let status = Status { sign_ins: vec![wrong], ..quiet() };
    let text = super::status(&status, Look::PLAIN, now());
    assert!(text.contains("Wrong passwords of the last day\n"), "{text}");
    assert!(text.contains("192.168.1.9  nobody's name"), "{text}");
}

#[test]
fn a_narrow_terminal_gets_narrow_lines_and_colours_only_where_they_are_seen() {
    let look = Look { color: false, width: Some(60) };
    let text = partners(&[partner(&"x".repeat(64), "Up to date")], look, now());
    assert!(text.lines().all(|line| line.chars().count() <= 60), "\n{text}");
    assert!(!text.contains('\u{1b}'));
    let look = Look { color: true, width: Some(60) };
    assert!(partners(&[partner("x", "Stopped")], look, now()).contains('\u{1b}'));
}

#[test]
fn what_tracking_would_come_to() {
    use crate::check::{Checked, Decide, LeftOut, Obstacle, Reference, Table};
    let words = |list: &[&str]| list.iter().map(|&word| word.to_owned()).collect();
    let checked = Checked {
        file: "/srv/shop.db".into(),
        tables: vec![
            Table {
                name: "orders".into(),
                naming: "integer",
                rows: 1_204,
                written: Some("updated_at".into()),
                ..Table::default()
            },
            Table {
                name: "order_lines".into(),
                tracked: true,
                naming: "key",
                named_by: words(&["order_id", "part_id"]),
                references: vec![Reference {
                    columns: words(&["order_id"]),
                    parent: "orders".into(),
                    loose: true,
                }],
                ..Table::default()
            },
        ],
        left_out: vec![LeftOut { name: "log\u{1b}".into(), reason: "no key".into(), cannot: true }],
        decide: vec![
            Decide::Reference {
                table: "orders".into(),
                column: "till_id".into(),
                parent: "tills".into(),
                yes: "--references 'orders.till_id=tills'".into(),
                no: "--no-reference 'orders.till_id'".into(),
            },
            Decide::Cannot { table: "log\u{1b}".into(), reason: "no key".into() },
        ],
        obstacles: vec![Obstacle::Network { system: "NFS".into() }],
        application: vec!["wait"],
        next: "dunlin track --all".into(),
        ..Checked::default()
    };
    let told = "\
/srv/shop.db: 2 tables would be kept in step, 1 of them already. Nothing was changed.

 Table         Rows  Rows go by                    Written     Refers to
 orders       1 204  a name of their own           updated_at
 order_lines      0  their key: order_id, part_id              order_id → orders (loose)  tracked
Rows with a name of their own keep it on every machine; their number may be another one there.

Left out
 - log\\u{1b}: no key

To be known
 - tracking switches the file to a write-ahead log (WAL), so that the application and Dunlin do not wait for each other

For a person to decide
 - orders.till_id looks like a reference to tills that the schema does not declare, so its numbers may mean other rows on other machines. It is one: --references 'orders.till_id=tills'  It is none: --no-reference 'orders.till_id'
 - log\\u{1b} would stay each machine's own: no key

In the way
 - the file is on a network file system (NFS), where a write-ahead log does not work; it has to be on a local disk

The application should
 - wait

Next, if all of these are references:
  dunlin track --all
";
    let text = super::checked(&checked, Look::PLAIN);
    assert_eq!(text, told, "\n{text}");
}
