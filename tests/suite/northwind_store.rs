//! Northwind, at the store: a database that nobody designed for syncing, on three machines.

use dunlin_schema::Track;
use dunlin_tests::northwind;
use dunlin_tests::sim::{Lab, level};
use std::time::Duration;

#[test]
fn northwind_ends_equal_on_three_machines_and_every_line_is_under_its_own_order() {
    let lab = Lab::new();
    let [a, b, c] = ["anna", "bert", "carl"].map(|name| lab.file(&format!("{name}.db")));
    if northwind::build(&a).and_then(|()| northwind::build_schema_only(&b)).is_none() {
        return;
    }
    let mut anna = lab.machine_on("anna", &a);
    anna.track(&Track::default());
    northwind::copy(&a, &c);
    let mut carl = lab.machine_on("carl", &c);
    let mut bert = lab.machine_on("bert", &b);

    // Bert, empty, takes orders before he has met anybody: his numbers are not Anna's.
    bert.run(
        "INSERT INTO Customers (CustomerID, CompanyName) VALUES ('BERTA', 'Bertas Lädchen');
         INSERT INTO Categories (CategoryName) VALUES ('Räder');
         INSERT INTO Products (ProductName, CategoryID, UnitPrice) VALUES ('Speiche', 1, 0.1 + 0.2);
         INSERT INTO Orders (OrderID, CustomerID, ShipName, OrderDate)
         VALUES (10248, 'BERTA', 'one', '2026-09-24'), (10249, 'BERTA', 'two', '2026-09-24');
         INSERT INTO [Order Details] (OrderID, ProductID, UnitPrice, Quantity) SELECT OrderID, 1, 1, OrderID FROM Orders;",
    );
    anna.run("UPDATE Orders SET ShipName = 'moved' WHERE OrderID = 10248"); // Bert's 10248 is another order
    carl.run(
        "INSERT INTO Orders (CustomerID, ShipName) VALUES ('ALFKI', 'of carl');
         INSERT INTO [Order Details] (OrderID, ProductID, UnitPrice, Quantity) SELECT max(OrderID), 11, 2, 3 FROM Orders;
         UPDATE Employees SET ReportsTo = 3 WHERE EmployeeID = 9",
    );
    level(&mut [&mut anna, &mut bert, &mut carl]);

    lab.pass(Duration::from_mins(1));
    anna.run("DELETE FROM [Order Details] WHERE OrderID = 10250; DELETE FROM Orders WHERE OrderID = 10250");
    bert.run("UPDATE Products SET UnitPrice = 99.5, UnitsInStock = 7 WHERE ProductName = 'Chai'");
    carl.run("UPDATE Customers SET City = 'Zürich' WHERE CustomerID = 'BERTA'; DELETE FROM CustomerCustomerDemo");
    bert.restart();
    level(&mut [&mut anna, &mut bert, &mut carl]);

    let (portrait, lines) = (northwind::portrait(&anna.app), northwind::order_lines(&anna.app));
    assert_eq!(lines.len(), 2_155 - 3 + 2 + 1);
    for machine in [&mut bert, &mut carl] {
        assert_eq!(northwind::portrait(&machine.app), portrait, "{machine:?}");
        assert_eq!(northwind::order_lines(&machine.app), lines, "{machine:?}");
        assert_eq!(machine.store().digests().unwrap(), anna.store().digests().unwrap());
        assert_eq!(machine.store().held(9).unwrap(), []);
    }
    for machine in [&anna, &bert, &carl] {
        assert_eq!(northwind::broken_references(&machine.app), 0);
    }
    let number = "SELECT OrderID FROM Orders WHERE ShipName = 'one'";
    assert_ne!(anna.ask(number), bert.ask(number), "or this test would prove nothing");
}
