//! Names: the uuid by which all machines know a row.
//!
//! ```text
//!   new row, integer key     48 bits of milliseconds │ hash of (epoch in the file, line, table, key)
//!   key that means something 16 zero bits │ 32 bits in the order of keys │ hash of (table, key)
//! ```
//!
//! Both are UUIDs of version 8. New rows are ordered by time, derived ones come before them all: of two rows that claim one
//! value, who was first keeps it. Rows that are neighbours in their table have names that are neighbours, so whoever goes
//! through a table by its key goes through every index by name in order too.

use crate::{Cell, Millis};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Of a row with an integer key, by the line of the log that tells of it.
///
/// Not by chance: two machines that fold the same line of a copied file name the same row.
pub fn of_line(epoch: u64, line: i64, time: Millis, table: &str, key: &[u8]) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(b"dunlin row");
    hash.update(epoch.to_be_bytes());
    hash.update(line.to_be_bytes());
    update_name(&mut hash, table);
    hash.update(key);
    let mut bytes = head(&hash.finalize().into());
    for (place, byte) in bytes.iter_mut().zip(time.max(0).to_be_bytes().into_iter().skip(2)) {
        *place = byte;
    }
    Uuid::new_v8(bytes)
}

/// Of a row whose key means something: the key, references in it as row uuids.
pub fn of_key(table: &str, key: &[Cell]) -> Uuid {
    let mut bytes = Vec::new();
    for cell in key {
        cell.encode(&mut bytes);
    }
    derived(b"dunlin key", table, order(key.first()), &bytes)
}

/// Of a row that was there when tracking started: by table, key and content. `first`: the key's first part.
pub fn of_content(table: &str, first: Option<&Cell>, content: &[u8]) -> Uuid {
    derived(b"dunlin content", table, order(first), content)
}

/// Of an entry of the conflict journal: by the row and the loser, so that it is one entry in the shop.
pub fn of_conflict(row: Uuid, loser: crate::Origin, seq: u64) -> Uuid {
    let mut bytes = row.as_bytes().to_vec();
    bytes.extend(loser.machine.as_bytes());
    bytes.extend(loser.epoch.to_be_bytes());
    bytes.extend(seq.to_be_bytes());
    derived(b"dunlin conflict", "", order(Some(&Cell::Row(row))), &bytes)
}

/// What marks a row whose name another one has: by that name, and by who wrote what lost it.
pub fn of_namesake(row: Uuid, loser: crate::Origin) -> Uuid {
    let mut bytes = row.as_bytes().to_vec();
    bytes.extend(loser.machine.as_bytes());
    bytes.extend(loser.epoch.to_be_bytes());
    derived(b"dunlin namesake", "", order(Some(&Cell::Row(row))), &bytes)
}

/// A figure that does not fall where the first part of a key rises.
fn order(first: Option<&Cell>) -> [u8; 4] {
    let of_bytes = |bytes: &[u8]| {
        let mut order = [0; 4];
        order.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        order
    };
    match first {
        Some(Cell::Integer(number) | Cell::Number(number)) => of_number(*number).to_be_bytes(),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "what is too large is as large as can be"
        )]
        Some(Cell::Real(number)) => of_number(number.floor() as i64).to_be_bytes(),
        Some(Cell::Text(bytes) | Cell::Blob(bytes)) => of_bytes(bytes),
        // Derived names have their own order behind the zero bits; the others have the time.
        Some(Cell::Row(row)) => match row.as_bytes() {
            [0, 0, rest @ ..] => of_bytes(rest),
            bytes => of_bytes(bytes),
        },
        Some(Cell::Null) | None => [0; 4],
    }
}

/// Of a number the number; of one that is too large for it, about how large it is.
fn of_number(number: i64) -> u32 {
    const LARGE: u32 = 1 << 31;
    let Ok(number) = u64::try_from(number) else { return 0 };
    match u32::try_from(number) {
        Ok(number) if number < LARGE => number,
        _ => {
            // Five bits say how long the number is, 26 what it begins with.
            let length = number.ilog2();
            let begins = u32::try_from((number >> (length - 26)) & ((1 << 26) - 1)).unwrap_or(0);
            LARGE | ((length - 31) << 26) | begins
        }
    }
}

fn derived(kind: &[u8], table: &str, order: [u8; 4], rest: &[u8]) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(kind);
    update_name(&mut hash, table);
    hash.update(rest);
    let mut bytes = head(&hash.finalize().into());
    for (place, byte) in bytes.iter_mut().zip([0, 0].into_iter().chain(order)) {
        *place = byte;
    }
    Uuid::new_v8(bytes)
}

fn update_name(hash: &mut Sha256, table: &str) {
    hash.update((table.len() as u64).to_be_bytes());
    hash.update(table.to_ascii_lowercase().as_bytes());
}

fn head(hash: &[u8; 32]) -> [u8; 16] {
    hash.first_chunk::<16>().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_made_later_have_greater_names_and_derived_ones_come_first() {
        let early = of_line(1, 1, 1_790_000_000_000, "t", b"1");
        let late = of_line(1, 2, 1_790_000_000_001, "t", b"2");
        assert!(early < late);
        assert!(of_key("t", &[Cell::Integer(1)]) < early);
    }

    #[test]
    fn derived_names_are_in_the_order_of_keys() {
        let large =
            [1 << 31, (1 << 31) + 40, 1 << 32, 4_006_381_333_931, i64::MAX - (1 << 38), i64::MAX];
        let numbers = [0, 1, 2, 255, 256, 65_536, 16_777_217, (1 << 31) - 1];
        let names: Vec<Uuid> = numbers
            .into_iter()
            .chain(large)
            .map(|number| of_key("t", &[Cell::Integer(number), Cell::Integer(-number)]))
            .collect();
        assert!(names.is_sorted(), "{names:?}");
        let of = |cell: Cell| of_content("t", Some(&cell), b"content");
        let text = |text: &str| Cell::Text(text.into());
        assert!(of(text("")) < of(text("A")) && of(text("Apfel")) < of(text("Birne")));
        assert!(of(Cell::Real(1.5)) < of(Cell::Real(2.0)));
        assert!(of(Cell::Integer(-5)) < of(Cell::Integer(1)));
    }

    #[test]
    fn names_of_children_are_in_the_order_of_their_parents_names() {
        let parents = [1, 2, 300].map(|number| of_key("p", &[Cell::Integer(number)]));
        let later = of_line(1, 1, 1_790_000_000_000, "p", b"1");
        let names: Vec<Uuid> = parents
            .into_iter()
            .chain([later])
            .map(|parent| of_key("c", &[Cell::Row(parent), Cell::Integer(7)]))
            .collect();
        assert!(names.is_sorted(), "{names:?}");
    }

    #[test]
    fn rows_of_unrelated_files_with_one_number_have_two_names() {
        let first = Cell::Integer(7);
        let (ann, bo) =
            (of_content("t", Some(&first), b"7 Ann"), of_content("t", Some(&first), b"7 Bo"));
        assert_ne!(ann, bo);
        assert_eq!(
            ann.as_bytes().first_chunk::<6>(),
            Some(&[0, 0, 0, 0, 0, 7]),
            "and are neighbours"
        );
        assert_eq!(ann.as_bytes().first_chunk::<6>(), bo.as_bytes().first_chunk::<6>());
    }

    #[test]
    fn one_line_of_a_copied_file_names_one_row() {
        assert_eq!(of_line(1, 1, 5, "T", b"1"), of_line(1, 1, 5, "t", b"1"));
        assert_ne!(of_line(1, 1, 5, "t", b"1"), of_line(2, 1, 5, "t", b"1"));
    }

    #[test]
    fn names_say_that_they_are_version_8() {
        assert_eq!(of_line(1, 1, 5, "t", b"1").get_version_num(), 8);
        assert_eq!(of_key("t", &[]).get_version_num(), 8);
    }
}
