//! Stamps that lie.

use super::*;

const DAY: u64 = 24 * 3_600_000;

/// S23.
#[test]
fn s23_a_version_ahead_of_the_clock_is_withheld_and_no_other_stamp_moves() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let before = Before::of(&till);
    let stamps =
        "SELECT group_concat(hex(uuid) || stamp) FROM (SELECT * FROM _dunlin_row ORDER BY uuid)";
    let stamps_before = till.ask(stamps);
    let mut link = mallory.link();
    let ahead = [
        Version { stamp: stamp(now() + DAY), ..row(r#""tomorrow",1"#, 1) },
        Version { stamp: stamp(now() + 36_525 * DAY), ..row(r#""in a hundred years",1"#, 2) },
        Version { stamp: i64::MAX.to_string(), ..row(r#""at the end of time",1"#, 3) },
        // Over a row that stands here: an edit that would win for ever.
        Version {
            stamp: stamp(now() + DAY),
            uuid: till.ask("SELECT lower(printf('%s-%s-%s-%s-%s', substr(h,1,8), substr(h,9,4), substr(h,13,4), substr(h,17,4), substr(h,21))) FROM (SELECT hex(uuid) AS h FROM _dunlin_row WHERE tbl = (SELECT id FROM _dunlin_table WHERE name = 'parts') LIMIT 1)"),
            ..row(r#""edited tomorrow",1"#, 4)
        },
    ];
    let tables = table("parts", &["name", "price"], &ahead);
    let known = json!([{"origin": mallory.origin(), "seq": 4}]);
    let answer =
        link.put(&page(&mallory.origin(), &tables, (0, 4), Some(&known))).unwrap().unwrap();
    assert_eq!((&answer["applied"], &answer["held"]), (&json!(0), &json!(0)), "{answer}");
    assert_eq!(till.ask(stamps), stamps_before);
    assert_eq!(till.ask("SELECT count(*) FROM _dunlin_again"), "4");
    // Not known, so they come again when their time has come.
    assert_eq!(till.ask("SELECT count(*) FROM _dunlin_know WHERE seq > 0 AND origin = (SELECT origin FROM _dunlin_again)"), "0");
    before.still(&till);
    is_named(&till, "mallory", &["ahead"]);
}

/// S23.
#[test]
fn s23_a_stamp_that_is_no_stamp_refuses_the_page() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let before = Before::of(&till);
    let mut link = mallory.link();
    for stamp in
        ["-1", "9223372036854775808", "18446744073709551615", "1.5", "1e3", "null", "\"7\""]
    {
        let bad = Version { stamp: stamp.to_owned(), ..row(r#""wheel",1"#, 1) };
        let tables = table("parts", &["name", "price"], &[bad]);
        let error = link.put(&page(&mallory.origin(), &tables, (0, 1), None)).unwrap().unwrap_err();
        assert_eq!(error["code"], -32602, "{stamp}: {error}");
    }
    before.still(&till);
}

/// S23.
#[test]
fn s23_stamp_nought_and_stamps_that_go_backwards_are_taken_as_they_are() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let before = Before::of(&till);
    let mut link = mallory.link();
    let old = [
        Version { stamp: "0".to_owned(), ..row(r#""nought",1"#, 1) },
        Version { stamp: stamp(2_000_000), ..row(r#""1970",1"#, 2) },
        Version { stamp: stamp(1_000_000), ..row(r#""earlier in 1970",1"#, 3) },
    ];
    let backwards =
        Version { stamp: stamp(500), uuid: old[1].uuid.clone(), ..row(r#""lost",1"#, 4) };
    let tables = table("parts", &["name", "price"], &old);
    link.put(&page(&mallory.origin(), &tables, (0, 3), None)).unwrap().unwrap();
    let tables = table("parts", &["name", "price"], &[backwards]);
    let answer = link.put(&page(&mallory.origin(), &tables, (3, 4), None)).unwrap().unwrap();
    assert_eq!(answer["applied"], 0, "{answer}");
    assert_eq!(
        till.ask(
            "SELECT group_concat(name, ', ') FROM (SELECT * FROM parts WHERE id > 3 ORDER BY id)"
        ),
        "nought, 1970, earlier in 1970"
    );
    // A person who edits such a row beats it.
    till.write("UPDATE parts SET name = 'seen and edited' WHERE name = 'nought'");
    let answer = link.put(&page(&mallory.origin(), "", (4, 4), None)).unwrap().unwrap();
    assert_eq!(answer["applied"], 0);
    assert_eq!(till.ask("SELECT count(*) FROM parts WHERE name = 'seen and edited'"), "1");
    before.lives(&till);
}
