//! The shop keeps what its header promises.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;

use super::{Deed, Error, Size, TABLES, Till, create, fill, open, rows_of_200_bytes};

fn shop(folder: &TempDir, name: &str, seed: u64) -> PathBuf {
    let path = folder.path().join(name);
    let mut db = create(&path).unwrap();
    fill(&mut db, seed, Size::SMALL).unwrap();
    path
}

fn rows(db: &Connection, table: &str) -> Vec<Vec<Value>> {
    let mut statement = db.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect()).unwrap();
    rows.map(Result::unwrap).collect()
}

fn everything(path: &Path) -> Vec<Vec<Vec<Value>>> {
    let db = open(path).unwrap();
    TABLES.iter().map(|table| rows(&db, table)).collect()
}

fn number(db: &Connection, question: &str) -> i64 {
    db.query_row(question, [], |row| row.get(0)).unwrap()
}

#[track_caller]
fn check_sound(path: &Path) {
    let db = open(path).unwrap();
    assert_eq!(number(&db, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
    let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    // Money taken is the sum of the lines, for each order there is.
    let wrong = "SELECT count(*) FROM orders o WHERE
        (SELECT sum(quantity * price_cents) FROM order_lines WHERE order_id = o.id)
        IS NOT (SELECT sum(amount_cents) FROM payments WHERE order_id = o.id)";
    assert_eq!(number(&db, wrong), 0);
}

#[test]
fn one_seed_fills_the_same_shop_and_another_seed_another() {
    let folder = TempDir::new().unwrap();
    let one = everything(&shop(&folder, "one", 7));
    assert_eq!(one, everything(&shop(&folder, "same", 7)));
    assert_ne!(one, everything(&shop(&folder, "other", 8)));
}

#[test]
fn a_filled_shop_is_as_large_as_asked_and_sound() {
    let folder = TempDir::new().unwrap();
    let path = shop(&folder, "shop", 3);
    check_sound(&path);
    let counts: Vec<usize> = everything(&path).iter().map(Vec::len).collect();
    let [suppliers, parts, bins, customers, orders, lines, payments] = counts.try_into().unwrap();
    assert_eq!((suppliers, parts, customers, orders, payments), (6, 40, 25, 60, 60));
    assert!((40..=80).contains(&bins) && (60..=240).contains(&lines));
}

#[test]
fn names_are_in_many_scripts() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("shop");
    let mut db = create(&path).unwrap();
    fill(&mut db, 1, Size { customers: 400, ..Size::SMALL }).unwrap();
    let names = "SELECT group_concat(name, '') FROM (SELECT name FROM customers
                 UNION ALL SELECT name FROM parts)";
    let text: String = db.query_row(names, [], |row| row.get(0)).unwrap();
    for sample in ['ü', 'Λ', 'λ', 'Ш', 'ل', 'ר', 'श', '山', '김', '🔧'] {
        let found = text.chars().any(|letter| same_block(letter, sample));
        assert!(found, "no letter like {sample}");
    }
}

/// Whether two letters lie within 128 code points: near enough for "of the same script".
fn same_block(one: char, other: char) -> bool {
    u32::from(one).abs_diff(u32::from(other)) < 128 && !one.is_ascii()
}

#[test]
fn references_hold_after_500_deeds_and_every_kind_was_done() {
    let folder = TempDir::new().unwrap();
    let path = shop(&folder, "shop", 11);
    let mut till = Till::open(&path, 5, "till 1").unwrap();
    let mut kinds = [0_u32; 5];
    for _ in 0..500 {
        let kind = match till.do_something().unwrap() {
            Deed::Sold { .. } => 0,
            Deed::Restocked { .. } => 1,
            Deed::Repriced { .. } => 2,
            Deed::Cancelled { .. } => 3,
            Deed::Renamed { .. } => 4,
        };
        kinds[kind] += 1;
    }
    check_sound(&path);
    assert!(kinds.iter().all(|times| *times > 10), "{kinds:?}");
}

#[test]
fn one_seed_does_the_same_deeds() {
    let folder = TempDir::new().unwrap();
    let [one, same] = ["one", "same"].map(|name| {
        let path = shop(&folder, name, 2);
        let mut till = Till::open(&path, 9, "till").unwrap();
        let told: Vec<String> = (0..60).map(|_| till.do_something().unwrap().to_string()).collect();
        (told, everything(&path))
    });
    assert_eq!(one, same);
}

#[test]
fn two_tills_on_one_file_both_succeed() {
    let folder = TempDir::new().unwrap();
    let path = shop(&folder, "shop", 4);
    open(&path).unwrap().pragma_update(None, "journal_mode", "wal").unwrap();
    let before = number(&open(&path).unwrap(), "SELECT count(*) FROM orders");

    let sold: i64 = std::thread::scope(|shop| {
        let tills = [("till 1", 1), ("till 2", 2)].map(|(name, seed)| {
            let mut till = Till::open(&path, seed, name).unwrap();
            shop.spawn(move || {
                let deeds = (0..150).map(|_| till.do_something().unwrap());
                deeds.map(|deed| balance(&deed)).sum::<i64>()
            })
        });
        tills.map(|till| till.join().unwrap()).iter().sum()
    });

    check_sound(&path);
    assert_eq!(number(&open(&path).unwrap(), "SELECT count(*) FROM orders"), before + sold);
}

/// What a deed adds to the number of orders.
fn balance(deed: &Deed) -> i64 {
    match deed {
        Deed::Sold { .. } => 1,
        Deed::Cancelled { .. } => -1,
        Deed::Restocked { .. } | Deed::Repriced { .. } | Deed::Renamed { .. } => 0,
    }
}

#[test]
fn what_is_cancelled_lies_on_the_shelf_again() {
    let folder = TempDir::new().unwrap();
    let path = shop(&folder, "shop", 4);
    let db = open(&path).unwrap();
    db.execute_batch("DELETE FROM payments; DELETE FROM orders").unwrap();
    let stock = "SELECT sum(quantity) FROM bins";
    let before = number(&db, stock);

    let mut till = Till::open(&path, 1, "till").unwrap();
    let Deed::Sold { order: sold, .. } = till.sell().unwrap() else { panic!("it sells") };
    assert!(number(&db, stock) < before);
    let Deed::Cancelled { order, .. } = till.cancel_order().unwrap() else { panic!("it cancels") };

    assert_eq!(order, sold);
    assert_eq!(number(&db, stock), before);
    assert_eq!(number(&db, "SELECT count(*) FROM order_lines"), 0);
}

#[test]
fn a_sold_out_shop_sells_nothing_and_writes_nothing() {
    let folder = TempDir::new().unwrap();
    let path = shop(&folder, "shop", 4);
    open(&path).unwrap().execute("UPDATE bins SET quantity = 0", []).unwrap();
    let before = everything(&path);

    let refused = Till::open(&path, 1, "till").unwrap().sell().unwrap_err();

    assert_eq!(refused.to_string(), "the shop has no part in stock");
    assert_eq!(everything(&path), before);
}

#[test]
fn an_empty_shop_does_nothing_and_a_missing_file_is_not_made() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("shop");
    let missing = Till::open(&path, 1, "till").unwrap_err();
    assert!(matches!(missing, Error::Open { .. }) && !path.exists());

    create(&path).unwrap();
    let mut till = Till::open(&path, 1, "till").unwrap();
    for _ in 0..50 {
        assert!(matches!(till.do_something(), Err(Error::Nothing { .. })));
    }
    assert!(matches!(create(&path), Err(Error::Work { .. })));
}

#[test]
fn items_are_numbered_from_one_and_two_hundred_bytes_long() {
    let folder = TempDir::new().unwrap();
    let db = rows_of_200_bytes(&folder.path().join("items"), 10_001, 1).unwrap();
    let bytes = "length(CAST(code || name || note AS BLOB)) + 3 * 8";
    let shape = format!("SELECT count(*), min(id), max(id), min({bytes}), max({bytes}) FROM item");
    let found: (i64, i64, i64, i64, i64) = db
        .query_row(&shape, [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .unwrap();
    assert_eq!(found, (10_001, 1, 10_001, 200, 200));
}
