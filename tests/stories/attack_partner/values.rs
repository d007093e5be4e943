//! Values that no honest partner sends.

use super::*;

/// S22.
#[test]
fn s22_a_value_that_is_none_is_refused_with_its_page_and_nothing_is_written() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let before = Before::of(&till);
    let mut link = mallory.link();
    let no_values = [
        "9223372036854775808",
        "-9223372036854775809",
        "1e400",
        "NaN",
        "01",
        "true",
        "[1]",
        r#"{"blob":"*"}"#,
        r#"{"blob":"AQI=","blob":""}"#,
        r#"{"real":"nan"}"#,
        r#"{"row":"7"}"#,
        r#"{"number":1.5}"#,
        r#"{"exec":"rm"}"#,
        "\"\u{1}\"",
        r#""\ud800""#,
    ];
    for value in no_values {
        let values = format!(r#""wheel",{value}"#);
        let tables = table("parts", &["name", "price"], &[row(&values, 1)]);
        let error = link.put(&page(&mallory.origin(), &tables, (0, 1), None)).unwrap().unwrap_err();
        // No value, or not even JSON.
        assert!([-32602, -32700].map(Value::from).contains(&error["code"]), "{value}: {error}");
    }
    // Rows that are too short, too long, or not what they should be.
    let good = format!(r#""{}",{},0,1,false,[],null,null,1"#, uuid(), stamp(now()));
    for broken in [
        "[]".to_owned(),
        "[7]".to_owned(),
        "{}".to_owned(),
        format!(r#"["wheel",{good}]"#),
        format!(r#"["wheel",1.5,2,{good}]"#),
        format!("[{}]", good.replace("[],null,null", "[],null,-5")),
        format!("[{}]", good.replace(",0,1,false", ",7,1,false")),
        format!("[{}]", good.replace(",0,1,false", ",0,-1,false")),
        format!("[{}]", good.replace(",0,1,false", ",0,0,true")),
        format!("[{}]", good.replace("[],null", "[[9,1]],null")),
    ] {
        let tables =
            table("parts", &["name", "price"], &[]).replace("[]]", &format!("[{broken}]]"));
        let error = link.put(&page(&mallory.origin(), &tables, (0, 1), None)).unwrap().unwrap_err();
        assert!([-32602, -32700].map(Value::from).contains(&error["code"]), "{broken}: {error}");
    }
    before.still(&till);
    assert_eq!(till.ask("SELECT count(*) FROM _dunlin_kept"), "0");
}

/// S22.
#[test]
fn s22_a_value_that_the_table_refuses_is_held_and_the_rest_of_the_page_stands() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let before = Before::of(&till);
    let mut link = mallory.link();
    let exact = [row(r#""seven""#, 1), row("1.5", 2), row("null", 3), row(r#"{"blob":"AQI="}"#, 4)];
    let parts = [
        row(r#""wheel",-1"#, 5),
        row("null,1", 6),
        // A thousand million bytes, he says.
        Version { values: "", ..row("", 7) },
    ];
    let size = parts[2].text().replace("null,null,1]", "null,1073741824,1]");
    let odd = [
        row(r#""a\u0000b",1"#, 8),
        row(r#"{"text":"/w=="},2"#, 9),
        row(r#"{"blob":"AP8="},{"real":"inf"}"#, 10),
    ];
    let tables = [
        table("exact", &["amount"], &exact),
        table("parts", &["name", "price"], &parts[..2]),
        table("parts", &[], &[]).replace("[]]", &format!("[{size}]]")),
        table("parts", &["name", "price"], &odd),
    ];
    let answer =
        link.put(&page(&mallory.origin(), &tables.join(","), (0, 10), None)).unwrap().unwrap();
    assert_eq!((&answer["applied"], &answer["held"]), (&json!(10), &json!(5)), "{answer}");
    // What SQLite can keep stands as it was sent, bit for bit; where NULL may not be, an empty value stands in.
    assert_eq!(
        till.ask("SELECT group_concat(hex(name) || ' ' || price, '; ') FROM (SELECT * FROM parts WHERE id > 3 ORDER BY id)"),
        " 1.0; 610062 1.0; FF 2.0; 00FF Inf"
    );
    assert_eq!(till.ask("SELECT group_concat(amount) FROM exact"), "0");
    let held = till.ok(&["held", "--json"]);
    for why in ["constraint", "size"] {
        assert!(held.contains(why), "{held}");
    }
    is_named(&till, "held", &["exact: 3 rows are", "parts: 2 rows are"]);
    // Scripts get what they can be told, and the machine goes on.
    till.script("getdata", &json!(["0123456789abcdef", null, null, null]));
    before.lives(&till);
}

/// S22: a number that would end AUTOINCREMENT for ever is not taken over.
#[test]
fn s22_the_highest_number_of_all_does_not_end_the_numbering() {
    let lab = Lab::new();
    let mut till = lab.machine(
        "till",
        "CREATE TABLE parts (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, price REAL);",
    );
    till.ok(&["track", "--all"]);
    till.start();
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let mut link = mallory.link();
    let high = row(r#""wheel",1"#, 1).text().replace("[],null", "[],9223372036854775807");
    let below = row(r#""hub",1"#, 2).text().replace("[],null", "[],-9223372036854775808");
    let tables =
        table("parts", &["name", "price"], &[]).replace("[]]", &format!("[{high},{below}]]"));
    link.put(&page(&mallory.origin(), &tables, (0, 2), None)).unwrap().unwrap();
    till.write("INSERT INTO parts (name) VALUES ('next')");
    assert_eq!(till.ask("SELECT max(id) < 100 FROM parts"), "1");
    assert_eq!(till.ask("SELECT id FROM parts WHERE name = 'hub'"), "-9223372036854775808");
}
