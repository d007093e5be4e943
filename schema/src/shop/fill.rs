//! Filling: a shop that has been open for a while.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::dice::Dice;
use super::{DAY_ONE, Error, METHODS, Result, names};

/// How much a shop holds when it is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Companies that deliver.
    pub suppliers: u32,
    /// Parts; each lies on one or two shelves.
    pub parts: u32,
    /// People and workshops that buy.
    pub customers: u32,
    /// Orders, each with one to four lines and a payment.
    pub orders: u32,
}

impl Size {
    /// A corner shop: enough for a demo or a test, filled in a few milliseconds.
    pub const SMALL: Self = Self { suppliers: 6, parts: 40, customers: 25, orders: 60 };

    /// A busy shop after a year: some thirty thousand rows.
    pub const LARGE: Self = Self { suppliers: 40, parts: 3_000, customers: 2_000, orders: 6_000 };
}

/// Fills an empty shop, in one transaction: the same rows again for the same seed and size.
pub fn fill(db: &mut Connection, seed: u64, size: Size) -> Result<()> {
    stock_up(db, &mut Dice::new(seed), size)
        .map_err(|source| Error::Work { what: "fill the shop", source })
}

fn stock_up(db: &mut Connection, dice: &mut Dice, size: Size) -> rusqlite::Result<()> {
    let shop = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let suppliers = suppliers(&shop, dice, size.suppliers)?;
    let parts = parts(&shop, dice, size.parts, &suppliers)?;
    let customers = customers(&shop, dice, size.customers)?;
    // Nobody can buy where there is nothing to buy or nobody to buy it.
    if !parts.is_empty() && !customers.is_empty() {
        for number in 0..size.orders {
            past_order(&shop, dice, i64::from(number), &customers, &parts)?;
        }
    }
    shop.commit()
}

fn suppliers(shop: &Transaction<'_>, dice: &mut Dice, count: u32) -> rusqlite::Result<Vec<i64>> {
    let mut add = shop.prepare("INSERT INTO suppliers (name, town) VALUES (?1, ?2)")?;
    (0..count).map(|_| add.insert(params![names::supplier(dice), names::town(dice)])).collect()
}

/// A part that was filled in: its number and its price, which its order lines repeat.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    id: i64,
    price_cents: i64,
}

fn parts(
    shop: &Transaction<'_>,
    dice: &mut Dice,
    count: u32,
    suppliers: &[i64],
) -> rusqlite::Result<Vec<Part>> {
    let mut add = shop.prepare(
        "INSERT INTO parts (name, barcode, price_cents, weight_kg, supplier_id)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut lay =
        shop.prepare("INSERT INTO bins (part_id, shelf, quantity) VALUES (?1, ?2, ?3)")?;
    // Odd, so that no two parts of one shop get the same number below.
    let stride = dice.roll() | 1;
    let mut parts = Vec::new();
    for number in 1..=u64::from(count) {
        let price_cents = dice.between(1, 300) * 50 - 1;
        let grams = dice.between(5, 9_000);
        let weight = (!dice.one_in(6)).then(|| thousandths(grams));
        let supplier = (!suppliers.is_empty() && !dice.one_in(12)).then(|| dice.pick(suppliers));
        let barcode = barcode(number.wrapping_mul(stride) & BARCODE_BITS);
        let id = add.insert(params![names::part(dice), barcode, price_cents, weight, supplier])?;

        let aisle = dice.pick(&["A", "B", "C", "Ä", "Keller"]);
        for shelf in 1..=dice.between(1, 2) {
            lay.execute(params![
                id,
                format!("{aisle}-{}-{shelf}", dice.between(1, 20)),
                dice.between(4, 60)
            ])?;
        }
        parts.push(Part { id, price_cents });
    }
    Ok(parts)
}

fn customers(shop: &Transaction<'_>, dice: &mut Dice, count: u32) -> rusqlite::Result<Vec<i64>> {
    let mut add =
        shop.prepare("INSERT INTO customers (name, town, referred_by) VALUES (?1, ?2, ?3)")?;
    let mut customers: Vec<i64> = Vec::new();
    for _ in 0..count {
        let friend = (!customers.is_empty() && dice.one_in(8)).then(|| dice.pick(&customers));
        customers.push(add.insert(params![names::customer(dice), names::town(dice), friend])?);
    }
    Ok(customers)
}

fn past_order(
    shop: &Transaction<'_>,
    dice: &mut Dice,
    number: i64,
    customers: &[i64],
    parts: &[Part],
) -> rusqlite::Result<()> {
    // Before the first day that tills write: an hour and some minutes from one order to the next.
    let placed = DAY_ONE - (number + 1) * 3_600 - dice.between(0, 3_000);
    let order = shop
        .prepare_cached(
            "INSERT INTO orders (customer_id, clerk, placed_at)
             VALUES (?1, ?2, datetime(?3, 'unixepoch'))",
        )?
        .insert(params![
            dice.pick(customers),
            dice.pick(&["Anna", "Bert", "Çağla", "Дарина"]),
            placed
        ])?;

    let mut add = shop.prepare_cached(
        "INSERT INTO order_lines (order_id, line, part_id, quantity, price_cents)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut total = 0;
    for line in 1..=dice.between(1, 4) {
        let (part, quantity) = (dice.pick(parts), dice.between(1, 5));
        add.execute(params![order, line, part.id, quantity, part.price_cents])?;
        total += quantity * part.price_cents;
    }
    shop.prepare_cached(
        "INSERT INTO payments (order_id, amount_cents, method) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![order, total, dice.pick(&METHODS)])?;
    Ok(())
}

/// 2^32 barcodes: fewer than the ten digits they have room for, so that none wraps onto another.
const BARCODE_BITS: u64 = (1 << 32) - 1;

/// An EAN-13 of the range that shops number themselves (it begins with 20), check digit included.
fn barcode(number: u64) -> String {
    let digits = format!("20{number:010}");
    let weighted: u32 = digits
        .chars()
        .filter_map(|digit| digit.to_digit(10))
        .zip([1, 3].into_iter().cycle())
        .map(|(digit, weight)| digit * weight)
        .sum();
    format!("{digits}{}", (10 - weighted % 10) % 10)
}

/// Grams as kilograms: exact to the last bit on each machine, as one division of whole numbers is.
fn thousandths(grams: i64) -> f64 {
    i32::try_from(grams).map_or(0.0, f64::from) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::barcode;

    #[test]
    fn a_barcode_ends_in_its_check_digit() {
        // 2012345678900: 2·1+0·3+1·1+2·3+3·1+4·3+5·1+6·3+7·1+8·3+9·1+0·3 = 87, and 3 makes 90.
        assert_eq!(barcode(1_234_567_890), "2012345678903");
        assert_eq!(barcode(0), "2000000000008");
    }
}
