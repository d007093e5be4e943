//! A till: one running copy of the shop's application, on its own connection.
//!
//! Each deed is one transaction that begins IMMEDIATE, since it reads before it writes: with the
//! busy timeout that `open` sets, it then waits for other writers and never sees `database is locked`.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::deed::Deed;
use super::dice::Dice;
use super::{DAY_ONE, Error, METHODS, Result, names, open};

/// A till with its clerk, its own dice and its own fictional clock.
#[derive(Debug)]
pub struct Till {
    db: Connection,
    dice: Dice,
    name: String,
    /// Seconds of the Unix era; it starts on the same day for everybody and moves with each sale,
    /// so that a till writes the same rows again for the same seed.
    clock: i64,
}

impl Till {
    /// Opens the shop's file, which must be there, at a till with this name.
    pub fn open(path: &Path, seed: u64, name: &str) -> Result<Self> {
        let db = open(path)?;
        Ok(Self { db, dice: Dice::new(seed), name: name.to_owned(), clock: DAY_ONE })
    }

    /// The till's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Does one of the below: mostly sells, now and then something else.
    ///
    /// A shop that is sold out orders parts, and one without orders to cancel sells.
    ///
    /// # Errors
    ///
    /// [`Error::Nothing`] when the shop has no parts at all, or the file cannot be written.
    pub fn do_something(&mut self) -> Result<Deed> {
        let done = match self.dice.between(1, 100) {
            1..=55 => self.sell(),
            56..=72 => self.restock(),
            73..=84 => self.change_price(),
            85..=92 => self.rename_customer(),
            _ => self.cancel_order(),
        };
        match done {
            Err(Error::Nothing { what: NO_STOCK }) => self.restock(),
            Err(Error::Nothing { what: NO_ORDER | NO_CUSTOMER }) => match self.sell() {
                Err(Error::Nothing { what: NO_STOCK }) => self.restock(),
                sold => sold,
            },
            done => done,
        }
    }

    /// Sells one to four kinds of parts from the shelves to a customer, who may be new, and takes
    /// the money.
    pub fn sell(&mut self) -> Result<Deed> {
        self.clock += self.dice.between(60, 900);
        let (name, clock) = (self.name.clone(), self.clock);
        self.work("sell parts", NO_STOCK, |shop, dice| sell(shop, dice, &name, clock))
    }

    /// Lays a delivery on one of the shelves where the part lies.
    pub fn restock(&mut self) -> Result<Deed> {
        let till = self.name.clone();
        self.work("restock a shelf", NO_PART, |shop, dice| {
            let Some((id, bin)) = row_near(shop, dice, &BINS, |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })?
            else {
                return Ok(None);
            };
            let quantity = dice.between(5, 40);
            shop.execute(
                "UPDATE bins SET quantity = quantity + ?3 WHERE part_id = ?1 AND shelf = ?2",
                params![id, bin, quantity],
            )?;
            let part =
                shop.query_row("SELECT name FROM parts WHERE id = ?1", [id], |row| row.get(0))?;
            Ok(Some(Deed::Restocked { till, part, shelf: bin, quantity }))
        })
    }

    /// Makes a part dearer or cheaper by up to a fifth.
    pub fn change_price(&mut self) -> Result<Deed> {
        let till = self.name.clone();
        self.work("change a price", NO_PART, |shop, dice| {
            let Some((id, part, from_cents)) = row_near(shop, dice, &PARTS, |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
            })?
            else {
                return Ok(None);
            };
            // Never the price it had: a change that changes nothing is no deed.
            let percent =
                if dice.one_in(2) { dice.between(80, 99) } else { dice.between(101, 120) };
            let rounded = (from_cents * percent / 100).max(1);
            let to_cents = if rounded == from_cents { from_cents + 1 } else { rounded };
            shop.execute("UPDATE parts SET price_cents = ?2 WHERE id = ?1", params![id, to_cents])?;
            Ok(Some(Deed::Repriced { till, part, from_cents, to_cents }))
        })
    }

    /// Deletes an order with its lines and payments, and lays what was sold on a shelf again.
    pub fn cancel_order(&mut self) -> Result<Deed> {
        let till = self.name.clone();
        self.work("cancel an order", NO_ORDER, |shop, dice| {
            let Some((order, customer)) = row_near(shop, dice, &ORDERS, |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            })?
            else {
                return Ok(None);
            };
            lay_back(shop, order)?;
            shop.execute("DELETE FROM payments WHERE order_id = ?1", [order])?;
            shop.execute("DELETE FROM orders WHERE id = ?1", [order])?;
            Ok(Some(Deed::Cancelled { till, order, customer: customer_name(shop, customer)? }))
        })
    }

    /// Corrects a customer's name.
    pub fn rename_customer(&mut self) -> Result<Deed> {
        let till = self.name.clone();
        self.work("rename a customer", NO_CUSTOMER, |shop, dice| {
            let Some(id) = row_near(shop, dice, &CUSTOMERS, |row| row.get::<_, i64>(0))? else {
                return Ok(None);
            };
            let (from, to) = (customer_name(shop, id)?, names::customer(dice));
            shop.execute("UPDATE customers SET name = ?2 WHERE id = ?1", params![id, to])?;
            Ok(Some(Deed::Renamed { till, from, to }))
        })
    }

    /// Runs one deed in one transaction; what it began and did not finish is rolled back.
    fn work(
        &mut self,
        what: &'static str,
        nothing: &'static str,
        deed: impl FnOnce(&Transaction<'_>, &mut Dice) -> rusqlite::Result<Option<Deed>>,
    ) -> Result<Deed> {
        let failed = |source| Error::Work { what, source };
        let shop =
            self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let done = deed(&shop, &mut self.dice).map_err(failed)?;
        let Some(done) = done else {
            return Err(Error::Nothing { what: nothing });
        };
        shop.commit().map_err(failed)?;
        Ok(done)
    }
}

const NO_STOCK: &str = "part in stock";
const NO_PART: &str = "part";
const NO_ORDER: &str = "order";
const NO_CUSTOMER: &str = "customer";

/// How to find some row of a table: its highest number, and the first row from a number on.
struct Near {
    highest: &'static str,
    from: &'static str,
}

const BINS: Near = Near {
    highest: "SELECT max(part_id) FROM bins",
    from: "SELECT part_id, shelf FROM bins WHERE part_id >= ?1 ORDER BY part_id, shelf LIMIT 1",
};
const STOCK: Near = Near {
    highest: "SELECT max(part_id) FROM bins WHERE quantity > 0",
    from: "SELECT part_id, shelf, quantity FROM bins WHERE part_id >= ?1 AND quantity > 0
           ORDER BY part_id, shelf LIMIT 1",
};
const PARTS: Near = Near {
    highest: "SELECT max(id) FROM parts",
    from: "SELECT id, name, price_cents FROM parts WHERE id >= ?1 ORDER BY id LIMIT 1",
};
const ORDERS: Near = Near {
    highest: "SELECT max(id) FROM orders",
    from: "SELECT id, customer_id FROM orders WHERE id >= ?1 ORDER BY id LIMIT 1",
};
const CUSTOMERS: Near = Near {
    highest: "SELECT max(id) FROM customers",
    from: "SELECT id FROM customers WHERE id >= ?1 ORDER BY id LIMIT 1",
};

/// Some row, or none when the table is empty. By key, so that it takes no longer in a large shop.
fn row_near<T>(
    shop: &Transaction<'_>,
    dice: &mut Dice,
    near: &Near,
    read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    let highest: Option<i64> =
        shop.prepare_cached(near.highest)?.query_row([], |row| row.get(0))?;
    let Some(highest) = highest else {
        return Ok(None);
    };
    let start = dice.between(1, highest);
    shop.prepare_cached(near.from)?.query_row([start], read).optional()
}

fn sell(
    shop: &Transaction<'_>,
    dice: &mut Dice,
    till: &str,
    clock: i64,
) -> rusqlite::Result<Option<Deed>> {
    // Look before writing: a sold-out shop takes no order.
    let Some(first) = from_shelf(shop, dice)? else {
        return Ok(None);
    };
    let (customer, new_customer) = customer(shop, dice)?;
    let order = shop
        .prepare_cached(
            "INSERT INTO orders (customer_id, clerk, placed_at)
             VALUES (?1, ?2, datetime(?3, 'unixepoch'))",
        )?
        .insert(params![customer, till, clock])?;

    let mut taken = vec![first];
    for _ in 1..dice.between(1, 4) {
        taken.extend(from_shelf(shop, dice)?);
    }
    let mut total = 0;
    let mut lines = Vec::new();
    for (line, item) in (1_i64..).zip(taken) {
        shop.prepare_cached(
            "INSERT INTO order_lines (order_id, line, part_id, quantity, price_cents)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![order, line, item.part, item.quantity, item.price_cents])?;
        total += item.quantity * item.price_cents;
        lines.push((item.quantity, item.name));
    }
    shop.prepare_cached(
        "INSERT INTO payments (order_id, amount_cents, method) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![order, total, dice.pick(&METHODS)])?;
    let (till, customer) = (till.to_owned(), customer_name(shop, customer)?);
    Ok(Some(Deed::Sold { till, order, customer, new_customer, lines }))
}

/// Parts taken off a shelf for one line of an order.
struct Taken {
    part: i64,
    name: String,
    price_cents: i64,
    quantity: i64,
}

/// Takes one to three of some part that is there.
fn from_shelf(shop: &Transaction<'_>, dice: &mut Dice) -> rusqlite::Result<Option<Taken>> {
    let found = row_near(shop, dice, &STOCK, |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
    })?;
    let Some((part, shelf, there)) = found else {
        return Ok(None);
    };
    let quantity = dice.between(1, there.min(3));
    shop.prepare_cached(
        "UPDATE bins SET quantity = quantity - ?3 WHERE part_id = ?1 AND shelf = ?2",
    )?
    .execute(params![part, shelf, quantity])?;
    shop.prepare_cached("SELECT name, price_cents FROM parts WHERE id = ?1")?
        .query_row([part], |row| {
            Ok(Some(Taken { part, name: row.get(0)?, price_cents: row.get(1)?, quantity }))
        })
}

/// A customer of old or, once in four, a new one; true when new.
fn customer(shop: &Transaction<'_>, dice: &mut Dice) -> rusqlite::Result<(i64, bool)> {
    let known = row_near(shop, dice, &CUSTOMERS, |row| row.get::<_, i64>(0))?;
    match known {
        Some(id) if !dice.one_in(4) => Ok((id, false)),
        friend => {
            let referred_by = friend.filter(|_| dice.one_in(3));
            let id = shop
                .prepare_cached(
                    "INSERT INTO customers (name, town, referred_by) VALUES (?1, ?2, ?3)",
                )?
                .insert(params![names::customer(dice), names::town(dice), referred_by])?;
            Ok((id, true))
        }
    }
}

fn customer_name(shop: &Transaction<'_>, id: i64) -> rusqlite::Result<String> {
    shop.query_row("SELECT name FROM customers WHERE id = ?1", [id], |row| row.get(0))
}

/// Lays what an order took on the first shelf of each part. The line does not say from which shelf
/// it came, and the sum is the part's stock either way.
fn lay_back(shop: &Transaction<'_>, order: i64) -> rusqlite::Result<()> {
    let mut lines = shop
        .prepare("SELECT part_id, quantity FROM order_lines WHERE order_id = ?1 ORDER BY line")?;
    let mut rows = lines.query([order])?;
    while let Some(row) = rows.next()? {
        let (part, quantity): (i64, i64) = (row.get(0)?, row.get(1)?);
        shop.execute(
            "UPDATE bins SET quantity = quantity + ?2
             WHERE part_id = ?1 AND shelf = (SELECT min(shelf) FROM bins WHERE part_id = ?1)",
            params![part, quantity],
        )?;
    }
    Ok(())
}
