//! Northwind: a database that nobody designed for syncing, and how it looks apart from its numbers.
//!
//! The script is not part of this repository (`../shared/data/northwind.sql`, MIT); a test that
//! needs it is skipped, loudly, where it is missing. What is in it that a daemon may stumble over:
//!
//! * thirteen tables, 3 310 rows; names in brackets, back quotes and double quotes, one a space;
//! * six AUTOINCREMENT keys, one plain INTEGER key, three TEXT keys (`Customers` without NOT NULL),
//!   three composite keys; `[Order Details]` is keyed by two references;
//! * every reference is ON DELETE NO ACTION, and `Employees.ReportsTo` refers to its own table;
//! * children are made and filled before their parents, with `foreign_keys` off; none is an orphan;
//! * NUMERIC columns hold integers and reals mixed; `Products.Discontinued` is TEXT compared with 0;
//! * seven CHECKs, pictures of 12 kB, dates as text, letters beyond ASCII, sixteen views;
//!   no trigger, no index and no UNIQUE but the keys.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test that cannot make its input should stop"
)]
#![expect(clippy::print_stderr, reason = "a skipped test must be seen")]

use std::path::{Path, PathBuf};

use rusqlite::Connection;

/// The tables, parents before children.
pub const TABLES: [&str; 13] = [
    "Categories",
    "CustomerDemographics",
    "Customers",
    "CustomerCustomerDemo",
    "Employees",
    "Regions",
    "Territories",
    "EmployeeTerritories",
    "Shippers",
    "Suppliers",
    "Products",
    "Orders",
    "Order Details",
];

/// Builds Northwind with all its rows in a new file. None, with a line on stderr, without the script.
pub fn build(path: &Path) -> Option<()> {
    run(&Connection::open(path).unwrap(), &script()?);
    Some(())
}

/// Builds the same tables and views without rows in a new file. None, with a line on stderr,
/// without the script.
pub fn build_schema_only(path: &Path) -> Option<()> {
    let full = Connection::open_in_memory().unwrap();
    run(&full, &script()?);
    // The text of each CREATE as the script has it, in its order.
    let mut creates = full
        .prepare("SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY rowid")
        .unwrap();
    let creates: Vec<String> = read(creates.query([]).unwrap(), |row| row.get(0));
    run(&Connection::open(path).unwrap(), &format!("BEGIN; {}; COMMIT;", creates.join(";\n")));
    Some(())
}

/// Copies a database to a new file as one moment had it, whatever else has it open.
///
/// By `VACUUM INTO`: the numbers that are keys stay; hidden rowids of tables with other keys may
/// change.
pub fn copy(from: &Path, to: &Path) {
    let to = to.to_str().unwrap();
    Connection::open(from).unwrap().execute("VACUUM INTO ?1", [to]).unwrap();
}

/// A line of `[Order Details]` with what its order and its product *are*, whatever their numbers.
///
/// The first five name the order: seven pairs of orders share date, customer and ship name, none
/// all five. Numbers are as `quote()` writes them, which tells an integer from a real and keeps
/// every bit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderLine {
    /// `Orders.OrderDate`.
    pub order_date: String,
    /// `Orders.CustomerID`, a text key.
    pub customer: String,
    /// `Orders.ShipName`.
    pub ship_name: String,
    /// `Orders.RequiredDate`.
    pub required_date: String,
    /// `Orders.Freight`, quoted.
    pub freight: String,
    /// `Products.ProductName`.
    pub product: String,
    /// `Quantity`, quoted.
    pub quantity: String,
    /// `UnitPrice`, quoted.
    pub unit_price: String,
    /// `Discount`, quoted.
    pub discount: String,
}

/// All order lines, sorted by what they are. Equal on two machines when each line is still under its
/// own order and of its own product there, though the numbers differ.
///
/// A line without order or product shows them empty rather than vanish from the list.
pub fn order_lines(db: &Connection) -> Vec<OrderLine> {
    let mut statement = db
        .prepare(
            "SELECT ifnull(o.OrderDate, ''), ifnull(o.CustomerID, ''), ifnull(o.ShipName, ''),
                    ifnull(o.RequiredDate, ''), quote(o.Freight), ifnull(p.ProductName, ''),
                    quote(d.Quantity), quote(d.UnitPrice), quote(d.Discount)
             FROM [Order Details] d
             LEFT JOIN Orders o ON o.OrderID = d.OrderID
             LEFT JOIN Products p ON p.ProductID = d.ProductID",
        )
        .unwrap();
    let mut lines: Vec<OrderLine> = read(statement.query([]).unwrap(), |row| {
        Ok(OrderLine {
            order_date: row.get(0)?,
            customer: row.get(1)?,
            ship_name: row.get(2)?,
            required_date: row.get(3)?,
            freight: row.get(4)?,
            product: row.get(5)?,
            quantity: row.get(6)?,
            unit_price: row.get(7)?,
            discount: row.get(8)?,
        })
    });
    lines.sort();
    lines
}

/// Every table's rows, sorted, with the numbers that machines count for themselves left out and each
/// reference shown as what it refers to: equal on two machines that show the same.
///
/// It asks SQLite alone, so it can find the daemon's own digests wrong.
pub fn portrait(db: &Connection) -> Vec<(&'static str, Vec<String>)> {
    PORTRAIT
        .iter()
        .map(|(table, question)| {
            let mut statement = db.prepare(question).unwrap();
            let mut rows: Vec<String> = read(statement.query([]).unwrap(), |row| row.get(0));
            rows.sort();
            (*table, rows)
        })
        .collect()
}

/// How many references point nowhere: `PRAGMA foreign_key_check`.
pub fn broken_references(db: &Connection) -> i64 {
    db.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap()
}

const PORTRAIT: [(&str, &str); 13] = [
    (
        "Categories",
        "SELECT quote(CategoryName) || quote(Description) || quote(Picture) FROM Categories",
    ),
    (
        "CustomerDemographics",
        "SELECT quote(CustomerTypeID) || quote(CustomerDesc) FROM CustomerDemographics",
    ),
    (
        "Customers",
        "SELECT quote(CustomerID) || quote(CompanyName) || quote(ContactName) || quote(ContactTitle)
             || quote(Address) || quote(City) || quote(Region) || quote(PostalCode) || quote(Country)
             || quote(Phone) || quote(Fax) FROM Customers",
    ),
    (
        "CustomerCustomerDemo",
        "SELECT quote(CustomerID) || quote(CustomerTypeID) FROM CustomerCustomerDemo",
    ),
    (
        "Employees",
        "SELECT quote(e.LastName) || quote(e.FirstName) || quote(e.Title)
             || quote(e.TitleOfCourtesy) || quote(e.BirthDate) || quote(e.HireDate)
             || quote(e.Address) || quote(e.City) || quote(e.Region) || quote(e.PostalCode)
             || quote(e.Country) || quote(e.HomePhone) || quote(e.Extension) || quote(e.Photo)
             || quote(e.Notes) || quote(e.PhotoPath) || quote(b.LastName) || quote(b.FirstName)
         FROM Employees e LEFT JOIN Employees b ON b.EmployeeID = e.ReportsTo",
    ),
    // The application numbers its four regions by hand, but an INTEGER key is what it is.
    ("Regions", "SELECT quote(RegionDescription) FROM Regions"),
    (
        "Territories",
        "SELECT quote(TerritoryID) || quote(TerritoryDescription) || quote(r.RegionDescription)
         FROM Territories t LEFT JOIN Regions r ON r.RegionID = t.RegionID",
    ),
    (
        "EmployeeTerritories",
        "SELECT quote(e.LastName) || quote(e.FirstName) || quote(t.TerritoryID)
         FROM EmployeeTerritories t LEFT JOIN Employees e ON e.EmployeeID = t.EmployeeID",
    ),
    ("Shippers", "SELECT quote(CompanyName) || quote(Phone) FROM Shippers"),
    (
        "Suppliers",
        "SELECT quote(CompanyName) || quote(ContactName) || quote(ContactTitle) || quote(Address)
             || quote(City) || quote(Region) || quote(PostalCode) || quote(Country) || quote(Phone)
             || quote(Fax) || quote(HomePage) FROM Suppliers",
    ),
    (
        "Products",
        "SELECT quote(ProductName) || quote(s.CompanyName) || quote(c.CategoryName)
             || quote(QuantityPerUnit) || quote(UnitPrice) || quote(UnitsInStock)
             || quote(UnitsOnOrder) || quote(ReorderLevel) || quote(Discontinued)
         FROM Products p LEFT JOIN Suppliers s ON s.SupplierID = p.SupplierID
         LEFT JOIN Categories c ON c.CategoryID = p.CategoryID",
    ),
    (
        "Orders",
        "SELECT quote(CustomerID) || quote(e.LastName) || quote(e.FirstName) || quote(OrderDate)
             || quote(RequiredDate) || quote(ShippedDate) || quote(s.CompanyName) || quote(Freight)
             || quote(ShipName) || quote(ShipAddress) || quote(ShipCity) || quote(ShipRegion)
             || quote(ShipPostalCode) || quote(ShipCountry)
         FROM Orders o LEFT JOIN Employees e ON e.EmployeeID = o.EmployeeID
         LEFT JOIN Shippers s ON s.ShipperID = o.ShipVia",
    ),
    (
        "Order Details",
        "SELECT quote(o.OrderDate) || quote(o.CustomerID) || quote(o.ShipName)
             || quote(o.RequiredDate) || quote(o.Freight) || quote(p.ProductName)
             || quote(d.Quantity) || quote(d.UnitPrice) || quote(d.Discount)
         FROM [Order Details] d LEFT JOIN Orders o ON o.OrderID = d.OrderID
         LEFT JOIN Products p ON p.ProductID = d.ProductID",
    ),
];

fn script() -> Option<String> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "..", "shared", "data", "northwind.sql"]
        .iter()
        .collect();
    match std::fs::read_to_string(&path) {
        Ok(script) => Some(script),
        Err(error) => {
            eprintln!("SKIPPED: no Northwind at {}: {error}", path.display());
            None
        }
    }
}

fn run(db: &Connection, script: &str) {
    db.execute_batch(script).unwrap();
}

fn read<T>(
    mut rows: rusqlite::Rows<'_>,
    mut each: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Vec<T> {
    let mut found = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        found.push(each(row).unwrap());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{
        Connection, TABLES, broken_references, build, build_schema_only, copy, order_lines,
        portrait,
    };

    fn count(db: &Connection, table: &str) -> i64 {
        db.query_row(&format!("SELECT count(*) FROM [{table}]"), [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn northwind_is_whole_and_its_schema_alone_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let (full, bare) = (folder.path().join("full"), folder.path().join("bare"));
        if build(&full).and_then(|()| build_schema_only(&bare)).is_none() {
            return;
        }
        let [full, bare] = [full, bare].map(|path| Connection::open(path).unwrap());
        let rows: i64 = TABLES.iter().map(|table| count(&full, table)).sum();
        assert_eq!((rows, broken_references(&full)), (3_310, 0));
        assert_eq!(TABLES.iter().map(|table| count(&bare, table)).sum::<i64>(), 0);
        for question in [
            "SELECT count(*) FROM sqlite_schema",
            "SELECT sum(length(sql)) FROM sqlite_schema",
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        ] {
            let [there, here] =
                [&full, &bare].map(|db| db.query_row(question, [], |row| row.get(0)).unwrap());
            let (there, here): (i64, i64) = (there, here);
            assert_eq!(there, here);
        }
        // Both are of the thirteen tables that are listed here, and no line is like another.
        let mut lines = order_lines(&full);
        assert_eq!(lines.len(), 2_155);
        lines.dedup();
        assert_eq!(lines.len(), 2_155);
    }

    #[test]
    fn a_portrait_ignores_numbers_and_sees_a_line_under_a_strange_order() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        if build(&one).is_none() {
            return;
        }
        copy(&one, &two);
        let [one, two] = [one, two].map(|path| Connection::open(path).unwrap());
        two.execute_batch(
            "PRAGMA foreign_keys = OFF;
             UPDATE Orders SET OrderID = OrderID + 50000;
             UPDATE [Order Details] SET OrderID = OrderID + 50000;
             UPDATE Employees SET EmployeeID = EmployeeID + 100, ReportsTo = ReportsTo + 100;
             UPDATE EmployeeTerritories SET EmployeeID = EmployeeID + 100;
             UPDATE Orders SET EmployeeID = EmployeeID + 100;",
        )
        .unwrap();
        assert_eq!(broken_references(&two), 0);
        assert_eq!(order_lines(&one), order_lines(&two));
        assert_eq!(portrait(&one), portrait(&two));

        // 10410 and 10411 have date, customer and ship name in common: the rest tells them apart.
        let moved = "UPDATE OR IGNORE [Order Details] SET OrderID = 60411 WHERE OrderID = 60410";
        assert!(two.execute(moved, []).unwrap() > 0);
        assert_eq!(broken_references(&two), 0);
        assert_ne!(order_lines(&one), order_lines(&two));
        assert_ne!(portrait(&one), portrait(&two));
    }
}
