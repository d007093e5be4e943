//! In which order one fold makes versions.
//!
//! In the order in which the application wrote, so that a partner who has only a part of them never has a later write
//! without an earlier one. Only rows of tables that refer to one another come parents first, as late as the last of
//! what is put before them was written.

use super::Touched;
use std::collections::{HashMap, HashSet};

/// The places of what was touched, which comes by table, parents first. `refers`: tables that refer to one another.
pub(super) fn in_order(touched: &[Touched], refers: impl Fn(i64) -> Vec<i64>) -> Vec<usize> {
    let lines: Vec<(i64, i64)> =
        touched.iter().map(|touched| (touched.table.id, touched.last)).collect();
    places(&lines, refers)
}

fn places(lines: &[(i64, i64)], refers: impl Fn(i64) -> Vec<i64>) -> Vec<usize> {
    let mut groups: HashMap<i64, i64> = lines.iter().map(|(table, _)| (*table, *table)).collect();
    let tables: Vec<i64> = groups.keys().copied().collect();
    let mut related = HashSet::new();
    for table in tables {
        for parent in refers(table) {
            let (Some(&ours), Some(&theirs)) = (groups.get(&table), groups.get(&parent)) else {
                continue;
            };
            related.extend([table, parent]);
            for group in groups.values_mut().filter(|group| **group == theirs) {
                *group = ours;
            }
        }
    }
    let mut latest: HashMap<i64, i64> = HashMap::new();
    let mut places: Vec<(i64, usize)> = Vec::with_capacity(lines.len());
    for (place, (table, line)) in lines.iter().enumerate() {
        let group = groups.get(table).copied().unwrap_or(*table);
        let at = latest.entry(group).or_insert(*line);
        *at = if related.contains(table) { (*at).max(*line) } else { *line };
        places.push((*at, place));
    }
    places.sort_unstable();
    places.into_iter().map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_as_they_were_written_and_parents_first() {
        let refers = |table| if table == 3 { vec![2] } else { Vec::new() };
        // By table, as a fold has them: note (1), order (2), line (3).
        assert_eq!(places(&[(1, 9), (2, 1), (2, 4)], refers), [1, 2, 0], "as they were written");
        assert_eq!(
            places(&[(2, 4), (3, 1), (3, 5)], refers),
            [0, 1, 2],
            "an order before its line"
        );
        assert_eq!(places(&[(1, 3), (2, 4), (3, 1), (3, 5)], refers), [0, 1, 2, 3]);
        assert_eq!(places(&[(1, 2), (1, 1)], refers), [1, 0], "of one table");
        assert_eq!(places(&[(1, 2), (1, 1)], |_| vec![1]), [0, 1], "of one that refers to itself");
        assert!(places(&[], refers).is_empty());
    }
}
