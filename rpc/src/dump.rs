//! Dumps: `[[table, [column, …], [[value, …], …]], …]`, as scripts have exchanged them since 2009.
//!
//! What is wrong with one is told in the words of 2009, letter for letter, since programs compare
//! them. They come in this order, table by table:
//!
//! ```text
//! the dump is a list ─▶ a table is a list ─▶ of three ─▶ of the right types ─▶ columns are strings
//!   ─▶ uuid, modified_on, id are there ─▶ rows are lists ─▶ of one length ─▶ that of the columns
//!   ─▶ (ours) every value is one that a table can take, and modified_on can be read
//! ```
//!
//! # Invariants
//!
//! * Every error text is ASCII without escapes: Python 2 then reads it as `str`.
//! * Nothing is taken from a dump of which any part is wrong.

use std::collections::HashSet;

use data_encoding::BASE64;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::json::{Broken, Json, old_safe};
use crate::limits::DUMP_DEPTH_MAX;
use crate::wire::value::Value;

/// A dump whose shape was checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dump {
    /// The tables, in the order written.
    pub tables: Vec<DumpTable>,
}

/// A table of a dump.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DumpTable {
    /// Its name.
    pub name: String,
    /// Its columns; `id`, `uuid` and `modified_on` are among them.
    pub columns: Vec<String>,
    /// Its rows, each as long as `columns`.
    pub rows: Vec<Vec<Json>>,
}

impl DumpTable {
    /// Where a column stands.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }
}

impl Serialize for DumpTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.name, &self.columns, &self.rows).serialize(serializer)
    }
}

impl Dump {
    /// Reads and checks a dump; the error is the text to answer.
    pub fn read(text: &str) -> Result<Self, String> {
        let json = Json::read(text, DUMP_DEPTH_MAX).map_err(|broken| match broken {
            Broken::Number => "a number in the dump does not fit 64 bits".to_owned(),
            Broken::Deep => "the dump nests too deeply".to_owned(),
            Broken::Duplicate | Broken::Syntax | Broken::Long => {
                "the dump cannot be read".to_owned()
            }
        })?;
        Self::of(json)
    }

    /// Checks a dump; the error is the text to answer.
    pub fn of(json: Json) -> Result<Self, String> {
        let Json::List(tables) = json else {
            return Err("data can only in form of list".to_owned());
        };
        let tables = tables.into_iter().map(table).collect::<Result<_, _>>()?;
        Ok(Self { tables })
    }

    /// The dump as an old client reads it: plain ASCII, and no exponent that it would refuse.
    pub fn to_raw(&self) -> Result<Box<RawValue>, serde_json::Error> {
        RawValue::from_string(old_safe(&serde_json::to_string(&self.tables)?))
    }
}

fn table(json: Json) -> Result<DumpTable, String> {
    let Json::List(parts) = json else {
        return Err("each table is a list, you havnt passed atleast one table as list".to_owned());
    };
    let Ok([name, columns, rows]) = <[Json; 3]>::try_from(parts) else {
        return Err("each table must have three elements, you havnt passed three".to_owned());
    };
    let (Json::Text(name), Json::List(columns), Json::List(rows)) = (&name, columns, rows) else {
        let name = name.as_text().map_or_else(|| "it".to_owned(), shown);
        return Err(format!(
            "first element is each table is name of table(string), second is attribute \
             names(list), third is data(list of list), atleast one of them in {name} is not of \
             accepted data type"
        ));
    };
    let columns = columns_of(columns)?;
    let rows = rows_of(name, columns.len(), rows)?;
    let table = DumpTable { name: name.clone(), columns, rows };
    check_values(&table)?;
    Ok(table)
}

fn columns_of(columns: Vec<Json>) -> Result<Vec<String>, String> {
    let mut names = Vec::with_capacity(columns.len());
    for column in columns {
        let Json::Text(column) = column else {
            return Err("atleast one attribute name is not of string type".to_owned());
        };
        names.push(column);
    }
    let have: HashSet<&str> = names.iter().map(String::as_str).collect();
    for needed in ["uuid", "modified_on", "id"] {
        if !have.contains(needed) {
            return Err(format!("atleast one table doesnt have \"{needed}\" as attribute"));
        }
    }
    if have.len() != names.len() {
        return Err("atleast one attribute name is there twice".to_owned());
    }
    Ok(names)
}

fn rows_of(table: &str, columns: usize, rows: Vec<Json>) -> Result<Vec<Vec<Json>>, String> {
    let table = shown(table);
    let mut lists = Vec::with_capacity(rows.len());
    for row in rows {
        let Json::List(row) = row else {
            return Err(format!(
                "row type can only be a list, atleast one element in {table} isnt of list type"
            ));
        };
        lists.push(row);
    }
    let length = lists.first().map_or(columns, Vec::len);
    if lists.iter().any(|row| row.len() != length) {
        return Err(format!("all rows in {table} dont have same length"));
    }
    if length != columns {
        return Err(format!(
            "you havent stated exact number of attribute names as attributes present in {table}"
        ));
    }
    Ok(lists)
}

fn check_values(table: &DumpTable) -> Result<(), String> {
    for (at, row) in table.rows.iter().enumerate() {
        for (column, value) in table.columns.iter().zip(row) {
            if let Err(why) = check_value(column, value) {
                return Err(refusal(&table.name, at + 1, column, why));
            }
        }
    }
    Ok(())
}

fn check_value(column: &str, value: &Json) -> Result<(), &'static str> {
    match (column, value) {
        ("uuid", Json::Text(text)) if !text.is_empty() => Ok(()),
        ("uuid", _) => Err("is not a uuid"),
        ("modified_on", Json::Text(text)) if seconds_of(text).is_some() => Ok(()),
        ("modified_on", _) => Err("is not a time like 2009-08-01 14:09:17"),
        (_, value) => value_of(value).map(drop).ok_or("is not of a type that a table can take"),
    }
}

/// The sentence that refuses one value. Rows count from 1.
pub fn refusal(table: &str, row: usize, column: &str, why: &str) -> String {
    format!("the value of {} in row {row} of {} {why}", shown(column), shown(table))
}

/// A name inside an error text: ASCII, and cut where it is long.
fn shown(name: &str) -> String {
    let plain = |character: char| {
        let fine = character.is_ascii_graphic() || character == ' ';
        if fine && character != '"' && character != '\\' { character } else { '?' }
    };
    name.chars().take(64).map(plain).collect()
}

/// What a table stores for a value of a dump; `None` when it can store nothing like it.
pub fn value_of(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Integer(i64::from(*value)),
        Json::Integer(value) => Value::Integer(*value),
        Json::Real(value) => Value::Real(*value),
        Json::Text(value) => Value::Text(value.clone().into_bytes()),
        Json::List(_) => return None,
        Json::Object(members) => {
            let [(tag, Json::Text(text))] = members.as_slice() else { return None };
            match (tag.as_str(), text.as_str()) {
                ("real", "inf") => Value::Real(f64::INFINITY),
                ("real", "-inf") => Value::Real(f64::NEG_INFINITY),
                ("text", text) => Value::Text(BASE64.decode(text.as_bytes()).ok()?),
                ("blob", text) => Value::Blob(BASE64.decode(text.as_bytes()).ok()?),
                _ => return None,
            }
        }
    })
}

/// How a dump shows a stored value. References are numbers by then; one that is none is null.
pub fn json_of(value: &Value) -> Json {
    let tagged = |tag: &str, text: String| Json::Object(vec![(tag.to_owned(), Json::Text(text))]);
    match value {
        Value::Null | Value::Row(_) => Json::Null,
        Value::Integer(value) | Value::Number(value) => Json::Integer(*value),
        Value::Real(value) if value.is_nan() => Json::Null,
        Value::Real(value) if value.is_infinite() => {
            tagged("real", if *value < 0.0 { "-inf" } else { "inf" }.to_owned())
        }
        Value::Real(value) => Json::Real(*value),
        Value::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Json::Text(text.to_owned()),
            Err(_) => tagged("text", BASE64.encode(bytes)),
        },
        Value::Blob(bytes) => tagged("blob", BASE64.encode(bytes)),
    }
}

/// Seconds since 1970 of `YYYY-MM-DD HH:MM:SS`, also with `T`, a fraction (dropped) and `Z`.
pub fn seconds_of(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (text, fraction) = text.split_once('.').map_or((text, "0"), |(text, rest)| (text, rest));
    let bytes = text.as_bytes();
    let form = b"dddd-dd-dd dd:dd:dd";
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'd' => byte.is_ascii_digit(),
        b' ' => matches!(byte, b' ' | b'T'),
        other => byte == other,
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if bytes.len() != form.len() || !bytes.iter().zip(form).all(fits) || !digits(fraction) {
        return None;
    }
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    let in_day = hour < 24 && minute < 60 && second < 60;
    if !in_day || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    Some(days_before(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Seconds since 1970 as `YYYY-MM-DD HH:MM:SS`; years outside 0–9999 are pinned to these.
pub fn text_of_seconds(seconds: i64) -> String {
    let seconds = seconds.clamp(-62_167_219_200, 253_402_300_799);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date_of(days);
    let (hour, minute, second) = (rest / 3_600, rest % 3_600 / 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date. Years begin in March here, so that the leap day comes last.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + day_of_year - 719_468
}

/// The date that lies so many days after 1970-01-01.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    (year, month, day_of_year - (153 * march_month + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: &str = r#"["id","uuid","modified_on","price"]"#;

    fn refused(text: &str) -> String {
        Dump::read(text).unwrap_err()
    }

    fn with_rows(rows: &str) -> String {
        format!(r#"[["parts",{NAMES},{rows}]]"#)
    }

    #[test]
    fn every_shape_error_has_the_text_of_2009() {
        let types = "first element is each table is name of table(string), second is attribute \
                     names(list), third is data(list of list), atleast one of them in";
        let cases = [
            ("{}", "data can only in form of list"),
            ("\"x\"", "data can only in form of list"),
            ("null", "data can only in form of list"),
            ("[7]", "each table is a list, you havnt passed atleast one table as list"),
            ("[[\"t\",[]]]", "each table must have three elements, you havnt passed three"),
            ("[[\"t\",[],[],[]]]", "each table must have three elements, you havnt passed three"),
            ("[[\"t\",{},[]]]", &format!("{types} t is not of accepted data type")),
            ("[[\"t\",[],7]]", &format!("{types} t is not of accepted data type")),
            ("[[7,[],[]]]", &format!("{types} it is not of accepted data type")),
            ("[[\"t\",[7],[]]]", "atleast one attribute name is not of string type"),
            ("[[\"t\",[],[]]]", "atleast one table doesnt have \"uuid\" as attribute"),
            (
                "[[\"t\",[\"uuid\",\"id\"],[]]]",
                "atleast one table doesnt have \"modified_on\" as attribute",
            ),
            (
                "[[\"t\",[\"uuid\",\"modified_on\"],[]]]",
                "atleast one table doesnt have \"id\" as attribute",
            ),
            (
                &with_rows("[7]"),
                "row type can only be a list, atleast one element in parts isnt of list type",
            ),
            (&with_rows("[[1,2],[1]]"), "all rows in parts dont have same length"),
            (
                &with_rows("[[1,2],[1,2]]"),
                "you havent stated exact number of attribute names as attributes present in parts",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(refused(text), expected, "{text}");
        }
    }

    #[test]
    fn a_value_that_is_refused_is_named() {
        let row = |id: &str, uuid: &str, time: &str, price: &str| {
            with_rows(&format!(
                "[[1,\"a\",\"2009-08-01 14:09:17\",null],[{id},{uuid},{time},{price}]]"
            ))
        };
        let time = "\"2009-08-01 14:09:17\"";
        let cases = [
            (row("1", "\"b\"", "\"yesterday\"", "1"), "modified_on"),
            (row("1", "\"b\"", "7", "1"), "modified_on"),
            (row("1", "null", time, "1"), "uuid"),
            (row("[]", "\"b\"", time, "1"), "id"),
            (row("1", "\"b\"", time, "[1]"), "price"),
            (row("1", "\"b\"", time, "{\"blob\":\"*\"}"), "price"),
        ];
        for (text, column) in cases {
            let error = refused(&text);
            let place = format!("the value of {column} in row 2 of parts ");
            assert!(error.starts_with(&place), "{error}");
        }
        assert!(refused(&row("1", "\"b\"", time, "99999999999999999999")).contains("64 bits"));
    }

    #[test]
    fn error_texts_are_ascii_whatever_the_names() {
        let error = refused("[[\"t\u{e9}\\n\\\"\",7,[]]]");
        assert!(error.contains(" in t??? is not") || error.contains(" in t?"), "{error}");
        assert!(error.is_ascii() && !error.contains('\n'));
    }

    #[test]
    fn a_dump_goes_out_as_old_clients_read_it() {
        let uuid = "464ca4bf-1c21-4584-842d-c7ea0d6c587f";
        let text = with_rows(&format!("[[1,\"{uuid}\",\"2009-08-01T14:09:17Z\",1e-7]]"));
        let mut dump = Dump::read(&text).unwrap();
        dump.tables[0].name = "parts é".into();
        assert_eq!(
            dump.to_raw().unwrap().get(),
            format!(
                r#"[["parts \u00e9",["id","uuid","modified_on","price"],[[1,"{uuid}","2009-08-01T14:09:17Z",1.0e-7]]]]"#
            )
        );
        let empty = Dump::read("[]").unwrap();
        assert_eq!(empty, Dump::default());
    }

    #[test]
    fn times_are_read_in_four_forms() {
        for text in [
            "2009-08-12 14:09:17",
            "2009-08-12T14:09:17",
            "2009-08-12T14:09:17Z",
            "2009-08-12 14:09:17.123",
        ] {
            assert_eq!(seconds_of(text), Some(1_250_086_157), "{text}");
        }
        for text in [
            "",
            "2009-08-12",
            "2009-13-01 00:00:00",
            "2009-02-29 00:00:00",
            "2009-01-01 24:00:00",
            "2009-01-01 00:00:60",
            "+009-01-01 00:00:00",
            "2009-08-12 14:09:17.",
            "0",
            "2009-08-12 14:09:17+02:00",
            "2009-08-1é 14:09:1",
        ] {
            assert_eq!(seconds_of(text), None, "{text}");
        }
        assert!(seconds_of("2000-02-29 00:00:00").is_some());
    }

    proptest! {
        #[test]
        fn a_time_survives_its_text(seconds in -62_167_219_200_i64..=253_402_300_799) {
            prop_assert_eq!(seconds_of(&text_of_seconds(seconds)), Some(seconds));
        }

        #[test]
        fn s36_a_time_of_any_text_is_read_or_refused(
            text in "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{0,9})?Z?|\\PC{0,30}",
        ) {
            if let Some(seconds) = seconds_of(&text) {
                let start = text.get(..19).unwrap().replace('T', " ");
                prop_assert_eq!(text_of_seconds(seconds), start);
            }
        }

        #[test]
        fn a_stored_value_survives_a_dump(value in crate::wire::value::tests::any_value()) {
            let sent = !matches!(value, Value::Row(_) | Value::Number(_));
            prop_assume!(sent);
            prop_assert_eq!(value_of(&json_of(&value)), Some(value));
        }

        #[test]
        fn noise_is_refused_and_never_a_panic(text in ".{0,64}") {
            prop_assert!(Dump::read(&text).map_or_else(|error| error.is_ascii(), |_| true));
        }
    }
}
