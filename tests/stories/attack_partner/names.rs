//! Names of tables and columns that mean something to somebody else.

use super::*;

/// Names to be looked up and found nowhere.
fn names() -> Vec<String> {
    let mut names: Vec<String> = [
        r#"x"; DROP TABLE parts;--"#,
        "parts\"; DELETE FROM parts; --",
        "sqlite_master",
        "sqlite_sequence",
        "pragma_table_info",
        "temp.parts",
        "main.parts",
        "../x",
        "CON",
        "a\nb",
        "a\r\n2026-01-01T00:00:00Z INFO admin logged in",
        "\u{1b}[31mred",
        "\u{202e}strap",
        "рarts", // a Cyrillic letter in front
        "parts\u{0}",
        " parts",
        "",
        "%s%s%n",
    ]
    .map(str::to_owned)
    .to_vec();
    names.push("n".repeat(1_000));
    names
}

const SCHEMA: &str = "SELECT group_concat(type || name || coalesce(sql, '')) FROM sqlite_schema";

/// S20.
#[test]
fn s20_a_table_that_is_not_in_the_catalogue_never_reaches_sql_and_is_said_in_one_line() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let (before, schema) = (Before::of(&till), till.ask(SCHEMA));
    let mut link = mallory.link();
    let mut at = 0;
    for name in names() {
        // Told of as tracked, with a key that ours might have; then with rows.
        let shape = json!({"name": name, "columns": [{"name": "id", "declared": "INTEGER", "not_null": true, "key": 1}], "naming": "integer"});
        let mut told = mallory.database();
        told["tables"] = json!([shape]);
        link.call("partner_databases", &json!([{"databases": [told]}])).unwrap();
        let tables = table(&name, &["name"], &[row(r#""wheel""#, at + 1)]);
        let answer = link.put(&page(&mallory.origin(), &tables, (at, at + 1), None)).unwrap();
        let answer = answer.unwrap_or_else(|error| panic!("{name:?}: {error}"));
        assert_eq!(answer["held"], 1, "{name:?}: {answer}");
        at += 1;
    }
    for ours in ["_dunlin_meta", "_dunlin_row", "_DUNLIN_META", "_dunlin_"] {
        let tables = table(ours, &["key", "value"], &[row(r#""seq",9"#, at + 1)]);
        let error = link.put(&page(&mallory.origin(), &tables, (at, at + 1), None)).unwrap();
        assert_eq!(error.unwrap_err()["code"], -32602, "{ours}");
    }
    let long = "n".repeat(64 << 10);
    let tables = table(&long, &["name"], &[row(r#""wheel""#, at + 1)]);
    let error = link.put(&page(&mallory.origin(), &tables, (at, at + 1), None)).unwrap();
    assert_eq!(error.unwrap_err()["code"], -32602);
    before.still(&till);
    assert_eq!(till.ask(SCHEMA), schema);
    let written = till.logged();
    assert!(written.contains("DROP TABLE"), "{written}");
    for bad in ["\u{1b}[31m", "\u{202e}", "\n2026-01-01T00:00:00Z INFO admin"] {
        assert!(!written.contains(bad), "{bad:?} in {written}");
    }
    assert!(written.lines().filter(|line| line.contains("DROP TABLE")).count() <= 2, "{written}");
    // The command line prints what is held, escaped too.
    let held = till.ok(&["held"]);
    assert!(
        held.contains("DROP TABLE") && !held.contains('\u{1b}') && !held.contains('\u{202e}'),
        "{held}"
    );
}

/// S20: the same name in other letters is the same table, as SQLite has it.
#[test]
fn s20_a_tables_name_in_other_letters_is_that_table() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let mut link = mallory.link();
    let tables = table("PARTS", &["NAME", "Price"], &[row(r#""wheel",7"#, 1)]);
    let answer = link.put(&page(&mallory.origin(), &tables, (0, 1), None)).unwrap().unwrap();
    assert_eq!(till.ask("SELECT count(*) FROM parts WHERE name = 'wheel'"), "1", "{answer}");
    assert_eq!(till.ask("SELECT count(*) FROM _dunlin_table WHERE name = 'parts'"), "1");
}

/// S21.
#[test]
fn s21_a_column_that_is_not_the_tables_own_never_reaches_sql_and_is_kept_beside() {
    let lab = Lab::new();
    let till = till(&lab);
    let mallory = Partner::admitted(&lab, "mallory", &till);
    let (before, schema) = (Before::of(&till), till.ask(SCHEMA));
    let mut link = mallory.link();
    let mut at = 0;
    let more = ["rowid", "oid", "_rowid_", "no_such_column", "name) VALUES ('x'); --"];
    for name in names().into_iter().chain(more.map(str::to_owned)) {
        let tables = table("parts", &["name", &name], &[row(r#""wheel",7"#, at + 1)]);
        let answer = link.put(&page(&mallory.origin(), &tables, (at, at + 1), None)).unwrap();
        let answer = answer.unwrap_or_else(|error| panic!("{name:?}: {error}"));
        assert_eq!(answer["applied"], 1, "{name:?}: {answer}");
        at += 1;
    }
    // Each is a wheel with a number of the table's own, and the rest waits for its column.
    let shown = "SELECT count(*) || ' ' || (count(price) + count(CASE WHEN id = 7 AND typeof(id) <> 'integer' THEN 1 END)) FROM parts WHERE name = 'wheel'";
    assert_eq!(till.ask(shown), format!("{at} 0"));
    assert_eq!(
        till.ask("SELECT count(*) FROM _dunlin_part WHERE dots IS NOT NULL"),
        at.to_string()
    );
    // Generated: computed here, never written.
    let tables = table("exact", &["amount", "twice"], &[row("2,999", at + 1)]);
    link.put(&page(&mallory.origin(), &tables, (at, at + 1), None)).unwrap().unwrap();
    assert_eq!(till.ask("SELECT group_concat(twice) FROM exact"), "4");
    // The same column twice, in whatever letters: one of the values would win by chance.
    let tables = table("parts", &["name", "price", "NAME"], &[row(r#""a",1,"b""#, at + 2)]);
    let error = link.put(&page(&mallory.origin(), &tables, (at + 1, at + 2), None)).unwrap();
    assert_eq!(error.unwrap_err()["code"], -32602);
    let long = "n".repeat(64 << 10);
    let tables = table("parts", &["name", &long], &[row(r#""wheel",7"#, at + 2)]);
    let error = link.put(&page(&mallory.origin(), &tables, (at + 1, at + 2), None)).unwrap();
    assert_eq!(error.unwrap_err()["code"], -32602);
    assert_eq!(till.ask(SCHEMA), schema);
    before.lives(&till);
}

/// S20 and S21, by the door of scripts.
#[test]
fn s20_a_script_that_names_what_is_not_there_is_told_so_and_writes_nothing() {
    let lab = Lab::new();
    let till = till(&lab);
    let password = "correct horse battery";
    till.ok_with(&["users", "add", "nightly", "--role", "write"], password);
    let (before, schema) = (Before::of(&till), till.ask(SCHEMA));
    let put = |dump: Value| {
        till.script("putdata", &json!(["0123456789abcdef", "nightly", password, dump]))
    };
    let values = |columns: usize| {
        let mut values = vec![json!(77), json!(uuid()), json!("2026-01-01 00:00:00")];
        values.resize(columns, json!("x"));
        values
    };
    for name in names().into_iter().chain([
        "n".repeat(64 << 10),
        "_dunlin_meta".to_owned(),
        "own".to_owned(),
    ]) {
        put(json!([[name, ["id", "uuid", "modified_on"], [values(3)]]]));
        // Without a name, which the table asks for: whatever else is said of the row.
        put(json!([["parts", ["id", "uuid", "modified_on", name], [values(4)]]]));
    }
    before.still(&till);
    assert_eq!(till.ask(SCHEMA), schema);
    let log = till.logged();
    for bad in ["\u{1b}[31m", "\u{202e}", "\n2026-01-01T00:00:00Z INFO admin"] {
        assert!(!log.contains(bad), "{bad:?} in {log}");
    }
}
