use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<Json, Broken> {
    Json::read(text, 8)
}

#[test]
fn numbers_are_what_was_written() {
    assert_eq!(read("1"), Ok(Json::Integer(1)));
    assert_eq!(read("1.0"), Ok(Json::Real(1.0)));
    assert_eq!(read("-0"), Ok(Json::Integer(0)));
    assert_eq!(read("9223372036854775807"), Ok(Json::Integer(i64::MAX)));
    assert_eq!(read("-9223372036854775808"), Ok(Json::Integer(i64::MIN)));
    assert_eq!(read("9223372036854775808"), Err(Broken::Number));
    assert_eq!(read("1e400"), Err(Broken::Number));
    for broken in ["01", "1.", ".5", "+1", "1e", "NaN", "Infinity", "0x1", "--1", "1 2"] {
        assert_eq!(read(broken), Err(Broken::Syntax), "{broken}");
    }
}

#[test]
fn strings_follow_the_standard() {
    assert_eq!(read(r#""\ud83d\ude00\/""#), Ok(Json::Text("😀/".into())));
    for broken in [r#""\ud83d""#, r#""\ude00""#, r#""\x""#, "\"\u{1}\"", "\"", r#""\u00g0""#] {
        assert_eq!(read(broken), Err(Broken::Syntax), "{broken:?}");
    }
}

#[test]
fn keys_stand_once_and_nesting_ends() {
    assert_eq!(read(r#"{"a":1,"\u0061":2}"#), Err(Broken::Duplicate));
    assert_eq!(read(&"[".repeat(10_000)), Err(Broken::Deep));
    assert!(read("[[[[[[[[]]]]]]]]").is_ok());
    assert_eq!(read("[[[[[[[[[]]]]]]]]]"), Err(Broken::Deep));
}

#[test]
fn old_python_gets_ascii_and_exponents_with_point_and_sign() {
    assert_eq!(
        old_safe(r#"["é😀",1e-7,1e300,1.5e5,0.1,true,null,"1e5\"é"]"#),
        r#"["\u00e9\ud83d\ude00",1.0e-7,1.0e+300,1.5e+5,0.1,true,null,"1e5\"\u00e9"]"#
    );
}

#[test]
fn raw_controls_are_escaped_inside_strings_only() {
    assert_eq!(escape_controls("{\n\"a\":\"x\u{1a}\ty\"}"), "{\n\"a\":\"x\\u001a\\u0009y\"}");
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(Json::Integer),
        any::<f64>().prop_filter("finite", |real| real.is_finite()).prop_map(Json::Real),
        any::<String>().prop_map(Json::Text),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::List),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_value_survives_its_text(value in any_json()) {
        let text = serde_json::to_string(&value).unwrap();
        prop_assert_eq!(&Json::read(&text, 32), &Ok(value.clone()));
        let old = old_safe(&text);
        prop_assert!(old.is_ascii());
        prop_assert_eq!(Json::read(&old, 32), Ok(value));
    }

    #[test]
    fn noise_is_an_error_and_never_a_panic(text in ".{0,64}") {
        let read = Json::read(&text, 8).is_ok();
        let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
        prop_assert!(!read || theirs);
        old_safe(&text);
        escape_controls(&text);
    }
}

#[test]
fn depth_is_seen_without_reading() {
    for (text, depth, deeper) in [
        ("[[1],[2]]", 2, false),
        ("[[1],[2]]", 1, true),
        (r#"{"a":[{"b":[]}]}"#, 4, false),
        (r#"{"a":[{"b":[]}]}"#, 3, true),
        (r#"["[[[[", "\"[[[["]"#, 1, false),
        (r#"["\\", [["#, 1, true),
        ("]]]][[", 1, true),
    ] {
        assert_eq!(is_deeper_than(text, depth), deeper, "{text}");
    }
}

#[test]
fn a_list_is_as_long_as_it_may_be_however_deep_it_lies() {
    for (text, short) in
        [("[[1,2]]", true), ("[[1,2,3]]", false), ("[1,[],[]]", false), ("[]", true)]
    {
        let whole = Reader::new(text).with_list_max(2).raw(9).map(drop);
        assert_eq!(whole, if short { Ok(()) } else { Err(Broken::Long) }, "{text}");
    }
}
