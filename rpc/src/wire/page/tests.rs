use proptest::prelude::*;

use super::parts::{Dot, LastKnown};
use super::*;
use crate::wire::value::tests::any_value;

fn any_origin() -> impl Strategy<Value = Origin> {
    (0u128..3, 0u64..3)
        .prop_map(|(machine, epoch)| Origin { machine: Uuid::from_u128(machine), epoch })
}

const TOP: u64 = i64::MAX as u64;

prop_compose! {
    fn any_row(columns: usize)(
        uuid in any::<u128>(),
        values in prop_oneof![
            Just(Vec::new()),
            prop::collection::vec(any_value(), columns..=columns),
        ],
        (stamp, seq, together) in (0..=TOP, 0..=TOP, 0..=TOP),
        origin in any_origin(),
        deleted in any::<bool>(),
        seen in prop::collection::vec((any_origin(), 0..=TOP), 0..4),
        number in any::<Option<i64>>(),
        size in prop::option::of(0..=TOP),
        parts in prop::option::weighted(0.3, any_parts()),
    ) -> PageRow {
        let (uuid, parts) = (Uuid::from_u128(uuid), parts.map(Box::new));
        PageRow { uuid, values, stamp, origin, seq, deleted, seen, number, size, together, parts }
    }
}

fn any_dot() -> impl Strategy<Value = Dot> {
    (any::<i64>(), any_origin(), 0..=TOP).prop_map(|(stamp, origin, seq)| Dot {
        stamp,
        origin,
        seq,
    })
}

fn any_last() -> impl Strategy<Value = LastKnown> {
    prop::option::of((any_dot(), any_value()))
}

prop_compose! {
    fn any_parts()(
        digest in any::<Option<u64>>(),
        dots in prop::collection::vec((any::<String>(), any_dot()), 0..3),
        missing in prop::collection::vec((any::<String>(), any_last()), 0..3),
        beside in prop::collection::vec((any::<String>(), any_dot(), any_value()), 0..3),
        away in prop::collection::vec((any::<String>(), any_dot(), any_last()), 0..3),
        beaten in prop::option::of(any_dot()),
        seen in prop::collection::vec((any::<String>(), any_value()), 0..3),
    ) -> Parts {
        Parts { digest, dots, missing, beside, away, beaten, seen }
    }
}

/// Names of columns; SQLite takes two that differ by ASCII case only for one.
fn any_columns() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(any::<String>(), 0..5).prop_map(|mut columns| {
        let mut known = HashSet::new();
        columns.retain(|column| known.insert(column.to_ascii_lowercase()));
        columns
    })
}

fn any_table() -> impl Strategy<Value = PageTable> {
    (any::<String>(), any_columns()).prop_flat_map(|(name, columns)| {
        prop::collection::vec(any_row(columns.len()), 0..5).prop_map(move |rows| PageTable {
            name: name.clone(),
            columns: columns.clone(),
            rows,
        })
    })
}

prop_compose! {
    fn any_page()(
        tables in prop::collection::vec(any_table(), 0..4),
        withheld in prop::collection::vec((0..=TOP, 0..=TOP, any_origin(), 0..=TOP, any::<u128>()), 0..3),
        (from, next, more) in (0..=TOP, 0..=TOP, any::<bool>()),
        last in prop::option::of((
            prop::collection::vec((any_origin(), 0..=TOP, any::<Option<String>>()), 0..3),
            0..=TOP,
        )),
    ) -> Page {
        let withheld = withheld.into_iter()
            .map(|(pos, time, origin, seq, row)| Withheld { pos, time, origin, seq, row: Uuid::from_u128(row) })
            .collect();
        let last = last.map(|(known, floor)| Last {
            knowledge: known.into_iter()
                .map(|(origin, seq, mark)| Known { origin, seq, mark }).collect(),
            floor,
        });
        Page { tables, withheld, from, next, more, last }
    }
}

proptest! {
    #[test]
    fn a_page_survives_the_wire(page in any_page()) {
        let text = serde_json::to_string(&page).unwrap();
        prop_assert_eq!(serde_json::from_str::<Page>(&text).unwrap(), page);
    }

    #[test]
    fn a_damaged_page_is_an_error_and_never_a_panic(
        page in any_page(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut text = serde_json::to_vec(&page).unwrap();
        let at = at.index(text.len());
        text[at] = byte;
        drop(serde_json::from_slice::<Page>(&text));
        text.truncate(at);
        prop_assert!(serde_json::from_slice::<Page>(&text).is_err());
    }
}

proptest! {
    /// Bytes of no meaning, and bytes that begin like a page.
    #[test]
    fn bytes_of_no_meaning_are_an_error_and_never_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..2_000), cut in any::<prop::sample::Index>(),
    ) {
        prop_assert!(serde_json::from_slice::<Page>(&bytes).is_err());
        let page = serde_json::to_vec(&one_row()).unwrap();
        let mut begun = page[..cut.index(page.len())].to_vec();
        begun.extend(&bytes);
        if let Ok(read) = serde_json::from_slice::<Page>(&begun) {
            let text = serde_json::to_string(&read).unwrap();
            prop_assert_eq!(serde_json::from_str::<Page>(&text).unwrap(), read);
        }
    }

    /// JSON's own pieces in any order: deeper than noise gets.
    #[test]
    fn json_of_no_meaning_is_an_error_and_never_a_panic(
        pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..300),
    ) {
        let begun = std::time::Instant::now();
        let noise = pieces.concat();
        let framed = format!(
            r#"{{"origins":["{ORIGIN}"],"tables":[["t",["a","_row","_stamp","_origin","_seq","_deleted","_seen","_number","_size","_together"],[{noise}]]],"from":0,"next":1,"more":true}}"#
        );
        for text in [noise, framed] {
            if let Ok(read) = serde_json::from_str::<Page>(&text) {
                let again = serde_json::to_string(&read).unwrap();
                prop_assert_eq!(serde_json::from_str::<Page>(&again).unwrap(), read);
            }
        }
        prop_assert!(begun.elapsed() < std::time::Duration::from_secs(2));
    }
}

const ORIGIN: &str = "00000000-0000-0000-0000-000000000001/000000000000000a";

const PIECES: [&str; 16] = [
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"\"",
    "\"blob\"",
    "\"row\"",
    "null",
    "false",
    "0",
    "-1.5e300",
    "9223372036854775808",
    "\"00000000-0000-0000-0000-000000000009\"",
    " ",
];

#[test]
fn a_page_whose_columns_are_none_is_refused() {
    let text = serde_json::to_string(&one_row()).unwrap();
    let long = "n".repeat(NAME_BYTES_MAX + 1);
    let cases = [
        text.replace(r#""price""#, r#""SKU""#),
        text.replace(r#""price""#, &format!("{long:?}")),
        text.replace(r#""parts""#, &format!("{long:?}")),
        text.replace(r#""_seen""#, r#""_sawn""#),
    ];
    for bad in cases {
        assert_ne!(bad, text);
        assert!(serde_json::from_str::<Page>(&bad).is_err(), "{bad}");
    }
}

#[test]
fn a_number_beyond_63_bits_anywhere_refuses_the_page() {
    let origin = Origin { machine: Uuid::from_u128(1), epoch: 10 };
    let known = Known { origin, seq: 1, mark: None };
    let withheld = Withheld { pos: 1, time: 1, origin, seq: 1, row: Uuid::from_u128(1) };
    let last = Some(Last { knowledge: vec![known], floor: 1 });
    let page = Page { withheld: vec![withheld], next: 1, last, ..Page::default() };
    let text = serde_json::to_string(&page).unwrap();
    for name in ["pos", "time", "seq", "floor", "next"] {
        let bad =
            text.replace(&format!(r#""{name}":1"#), &format!(r#""{name}":9223372036854775808"#));
        assert_ne!(bad, text, "{name}");
        assert!(serde_json::from_str::<Page>(&bad).is_err(), "{name}");
    }
}

fn one_row() -> Page {
    let here = Origin { machine: Uuid::from_u128(1), epoch: 10 };
    let there = Origin { machine: Uuid::from_u128(2), epoch: 11 };
    let row = PageRow {
        uuid: Uuid::from_u128(9),
        values: vec![Value::Text("A-1".into()), Value::Real(9.5)],
        stamp: 5,
        origin: here,
        seq: 12,
        deleted: false,
        seen: vec![(there, 7)],
        number: Some(78),
        size: None,
        together: 3,
        parts: None,
    };
    let gone = PageRow { values: vec![], deleted: true, ..row.clone() };
    let columns = vec!["sku".into(), "price".into()];
    let tables = vec![PageTable { name: "parts".into(), columns, rows: vec![row, gone] }];
    Page { tables, from: 40, next: 42, ..Page::default() }
}

#[test]
fn a_page_looks_as_documented() {
    let expected = concat!(
        r#"{"origins":["00000000-0000-0000-0000-000000000001/000000000000000a","#,
        r#""00000000-0000-0000-0000-000000000002/000000000000000b"],"#,
        r#""tables":[["parts",["sku","price","_row","_stamp","_origin","_seq","_deleted","#,
        r#""_seen","_number","_size","_together"],"#,
        r#"[["A-1",9.5,"00000000-0000-0000-0000-000000000009",5,0,12,false,[[1,7]],78,null,3],"#,
        r#"["00000000-0000-0000-0000-000000000009",5,0,12,true,[[1,7]],78,null,3]]]],"#,
        r#""withheld":[],"from":40,"next":42,"more":false}"#,
    );
    assert_eq!(serde_json::to_string(&one_row()).unwrap(), expected);
}

#[test]
fn a_stamp_beyond_63_bits_refuses_the_page() {
    let text = serde_json::to_string(&one_row()).unwrap();
    for stamp in ["9223372036854775808", "-1", "5.0"] {
        let bad = text.replacen(",5,0,12", &format!(",{stamp},0,12"), 1);
        assert!(serde_json::from_str::<Page>(&bad).is_err(), "{stamp}");
    }
}

#[test]
fn a_row_with_a_value_too_few_or_an_unknown_origin_is_refused() {
    let text = serde_json::to_string(&one_row()).unwrap();
    for (good, bad) in [("[\"A-1\",9.5,", "[9.5,"), (",5,0,12,true", ",5,2,12,true")] {
        assert!(serde_json::from_str::<Page>(&text.replacen(good, bad, 1)).is_err());
    }
}
