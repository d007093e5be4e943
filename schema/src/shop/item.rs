//! Items: one plain table of rows of two hundred bytes, for measuring.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::dice::Dice;
use super::{Error, Result, connect};

/// Makes `item(id INTEGER PRIMARY KEY, …)` with `count` rows of two hundred bytes of values each,
/// numbered from 1.
///
/// # Errors
///
/// [`Error::Open`] when the file cannot be opened or made, [`Error::Work`] when it has such
/// a table already.
pub fn rows_of_200_bytes(path: &Path, count: u64, seed: u64) -> Result<Connection> {
    let mut db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    write(&mut db, count, &mut Dice::new(seed))
        .map_err(|source| Error::Work { what: "make the items", source })?;
    Ok(db)
}

/// One transaction for so many rows: beyond it the rate no longer grows, and the log of changes does.
const ROWS_PER_TRANSACTION: u64 = 10_000;

/// Bytes of the texts of a row; with the numbers (eight bytes each in a dump's reckoning) two hundred.
const TEXT_BYTES: usize = 200 - 3 * 8;

fn write(db: &mut Connection, count: u64, dice: &mut Dice) -> rusqlite::Result<()> {
    db.execute_batch(
        "CREATE TABLE item (
             id       INTEGER PRIMARY KEY,
             code     TEXT NOT NULL,
             name     TEXT NOT NULL,
             note     TEXT NOT NULL,
             quantity INTEGER NOT NULL,
             cents    INTEGER NOT NULL
         );",
    )?;
    let mut written = 0;
    while written < count {
        let until = count.min(written + ROWS_PER_TRANSACTION);
        let page = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut add = page.prepare_cached(
                "INSERT INTO item (code, name, note, quantity, cents) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for _ in written..until {
                let code = format!("{:013}", dice.between(0, 9_999_999_999_999));
                let name = words(dice, 30);
                let note = words(dice, TEXT_BYTES - code.len() - name.len());
                let (quantity, cents) = (dice.between(0, 500), dice.between(1, 1_000_000));
                add.execute(params![code, name, note, quantity, cents])?;
            }
        }
        page.commit()?;
        written = until;
    }
    Ok(())
}

/// So many bytes of words: varied enough that a compressor does not do the work of the wire.
fn words(dice: &mut Dice, bytes: usize) -> String {
    const SYLLABLES: [&str; 16] = [
        "ba", "chi", "dor", "el", "fu", "gan", "hi", "jo", "kra", "lum", "mo", "ne", "pir", "sta",
        "tu", "wex",
    ];
    let mut text = String::with_capacity(bytes + 4);
    while text.len() < bytes {
        text.push_str(dice.pick(&SYLLABLES));
        if dice.one_in(3) {
            text.push(' ');
        }
    }
    text.truncate(bytes);
    text
}
