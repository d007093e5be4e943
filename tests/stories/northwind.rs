//! Northwind on three machines: one has it, one has its empty tables, one was given a copy.

use dunlin_tests::lab::{self, Lab, Machine};
use dunlin_tests::northwind::{self, TABLES};

/// A machine's file as it is, apart from its numbers.
fn is_whole(machine: &Machine) {
    assert_eq!(northwind::broken_references(&machine.app()), 0, "{}", machine.name);
}

fn like(one: &Machine, other: &Machine) {
    let (one, other) = (one.app(), other.app());
    assert_eq!(northwind::order_lines(&one), northwind::order_lines(&other));
    for ((table, ours), (_, theirs)) in
        northwind::portrait(&one).into_iter().zip(northwind::portrait(&other))
    {
        assert_eq!(ours, theirs, "{table}");
    }
}

/// An order with two lines of its own, as the application writes it.
fn order(machine: &Machine, customer: &str, ship_name: &str) {
    machine.write(&format!(
        "BEGIN;
         INSERT INTO Orders (CustomerID, EmployeeID, OrderDate, RequiredDate, ShipVia, Freight, ShipName)
         VALUES ('{customer}', 2, '2026-01-05', '2026-02-02', 1, 12.5, '{ship_name}');
         CREATE TEMP TABLE made AS SELECT last_insert_rowid() AS id;
         INSERT INTO [Order Details] (OrderID, ProductID, UnitPrice, Quantity, Discount)
         SELECT id, 11, 14, 12, 0.05 FROM made UNION ALL SELECT id, 42, 9.8, 10, 0 FROM made;
         COMMIT;"
    ));
}

#[test]
fn northwind_ends_equal_on_a_machine_that_had_it_one_that_was_empty_and_one_with_a_copy() {
    let lab = Lab::new();
    if northwind::build(&lab.file("a")).is_none() {
        return;
    }
    northwind::build_schema_only(&lab.file("b")).unwrap();
    let (mut a, mut b) = (lab.adopt("a"), lab.adopt("b"));
    a.ok(&["track", "--all"]);
    // The copy is made of a tracked file whose daemon does not run.
    northwind::copy(&a.database(), &lab.file("c"));
    let mut c = lab.adopt("c");
    a.start();
    b.start();
    c.start();
    let token = a.ok(&["invite", "--uses", "2"]);
    b.join(&token);
    c.join(&token);
    lab::in_step(&[&a, &b, &c]);
    like(&a, &b);
    like(&a, &c);

    // The same things on all three before any hears of another's: orders made, prices changed, lines taken out.
    for machine in [&mut a, &mut b, &mut c] {
        machine.stop();
    }
    order(&a, "ALFKI", "Alfreds Futterkiste – Süd");
    order(&b, "BONAP", "Bon app élan");
    order(&c, "ALFKI", "Alfreds Futterkiste – 北");
    a.write("UPDATE Products SET UnitPrice = UnitPrice + 1 WHERE ProductName LIKE 'C%'");
    b.write(
        "DELETE FROM [Order Details] WHERE OrderID IN (SELECT OrderID FROM Orders WHERE OrderDate = '1996-07-04');
         INSERT INTO Employees (LastName, FirstName, ReportsTo)
         SELECT 'Ωmega', 'Zoë', EmployeeID FROM Employees WHERE LastName = 'Fuller'",
    );
    c.write(
        "UPDATE Employees SET ReportsTo = (SELECT EmployeeID FROM Employees WHERE LastName = 'King')
         WHERE LastName = 'Callahan';
         INSERT INTO Customers (CustomerID, CompanyName) VALUES ('DUNLI', 'Dunlin & Cô');
         UPDATE Orders SET CustomerID = 'DUNLI' WHERE ShipName = 'Vins et alcools Chevalier'",
    );
    for machine in [&mut a, &mut b, &mut c] {
        machine.start();
    }
    lab::in_step(&[&a, &b, &c]);
    for machine in [&a, &b, &c] {
        is_whole(machine);
        assert_eq!(machine.ask("SELECT count(*) FROM Orders WHERE OrderDate = '2026-01-05'"), "3");
        machine.is_sound();
    }
    like(&a, &b);
    like(&a, &c);
    let numbers = |machine: &Machine| {
        machine.ask(
            "SELECT group_concat(OrderID) FROM (SELECT OrderID FROM Orders
             WHERE OrderDate = '2026-01-05' ORDER BY ShipName)",
        )
    };
    assert_ne!(numbers(&a), numbers(&b), "each machine counts its orders by itself");
    let tables = a.tables().unwrap();
    assert!(TABLES.iter().all(|table| tables.iter().any(|(name, ..)| name == table)), "{tables:?}");
}
