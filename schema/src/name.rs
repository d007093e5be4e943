//! Names: the uuid by which all machines know a row.
//!
//! ```text
//!   new row, integer key     48 bits of milliseconds │ hash of (epoch in the file, line, table, key)
//!   key that means something 16 zero bits            │ hash of (table, key)
//! ```
//!
//! Both are UUIDs of version 8. New rows are ordered by time, derived ones come before them all: of two rows that claim one
//! value, who was first keeps it.

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
    derived(b"dunlin key", table, &bytes)
}

/// Of a row that was there when tracking started: by table, key and content.
pub fn of_content(table: &str, content: &[u8]) -> Uuid {
    derived(b"dunlin content", table, content)
}

/// Of an entry of the conflict journal: by the row and the loser, so that it is one entry in the shop.
pub fn of_conflict(row: Uuid, loser: crate::Origin, seq: u64) -> Uuid {
    let mut bytes = row.as_bytes().to_vec();
    bytes.extend(loser.machine.as_bytes());
    bytes.extend(loser.epoch.to_be_bytes());
    bytes.extend(seq.to_be_bytes());
    derived(b"dunlin conflict", "", &bytes)
}

fn derived(kind: &[u8], table: &str, rest: &[u8]) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(kind);
    update_name(&mut hash, table);
    hash.update(rest);
    let mut bytes = head(&hash.finalize().into());
    for place in bytes.iter_mut().take(2) {
        *place = 0;
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
