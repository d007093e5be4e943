//! Sales, as a second program would look them up in the shop's file.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::{Error, Result, connect};

/// A reader of the orders in one shop's file.
#[derive(Debug)]
pub struct Sales {
    db: Connection,
}

impl Sales {
    /// Opens the shop's file, which must be there, for reading only.
    pub fn open(path: &Path) -> Result<Self> {
        connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map(|db| Self { db })
    }

    /// When the newest order of this clerk was placed. A till's own orders get later and later, so
    /// this names its last one on every machine, whatever number the order has there.
    pub fn newest(&self, clerk: &str) -> Result<Option<String>> {
        self.db
            .prepare_cached("SELECT max(placed_at) FROM orders WHERE clerk = ?1")
            .and_then(|mut ask| ask.query_row([clerk], |row| row.get(0)).optional())
            .map(Option::flatten)
            .map_err(|source| Error::Work { what: "look up the newest sale", source })
    }
}

#[cfg(test)]
mod tests {
    use super::Sales;
    use crate::shop::{self, Size, Till};

    #[test]
    fn a_sale_is_seen_by_a_second_program() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let mut db = shop::create(&path).unwrap();
        shop::fill(&mut db, 1, Size::SMALL).unwrap();
        let mut till = Till::open(&path, 1, "till 1").unwrap();
        let sales = Sales::open(&path).unwrap();

        assert_eq!(sales.newest("till 1").unwrap(), None);
        till.sell().unwrap();
        let first = sales.newest("till 1").unwrap();
        assert!(first.is_some());
        till.sell().unwrap();
        assert!(sales.newest("till 1").unwrap() > first);
        assert_eq!(sales.newest("till 2").unwrap(), None);
    }
}
