//! What a command prints: the answer on standard output, everything else on standard error.
//!
//! # Invariants
//!
//! * A reader that went away (`dunlin history | head`) is no error: there is nobody to tell.
//! * No colour reaches a file, a pipe, or somebody who set `NO_COLOR`.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};

use serde::Serialize;
use serde_json::{Map, Value};

/// The number of the JSON form. It grows when a member changes its meaning or goes away.
const SCHEMA: u64 = 1;

/// How answers look here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether colours are seen.
    pub color: bool,
    /// How wide the terminal is; `None` for a file or a pipe.
    pub width: Option<u16>,
}

impl Look {
    /// For files and pipes.
    pub const PLAIN: Self = Self { color: false, width: None };

    /// For what standard output is now.
    pub fn of_stdout() -> Self {
        if !std::io::stdout().is_terminal() {
            return Self::PLAIN;
        }
        Self { color: !no_color(), width: comfy_table::Table::new().width() }
    }
}

/// Whether the person asked for no colours (no-color.org: set, and not empty).
fn no_color() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    set("NO_COLOR") || std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Prints the answer, with the line end that it may lack.
pub fn answer(text: &str) {
    let mut out = std::io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    // The reader went away; see the invariants.
    write!(out, "{text}{end}").and_then(|()| out.flush()).unwrap_or_default();
}

/// Says something beside the answer.
pub fn say(text: &str) {
    writeln!(std::io::stderr().lock(), "{text}").unwrap_or_default();
}

/// The JSON form of an answer: the method's result with the number of the form.
///
/// A list gets a name, so that there is a top level; an answer of nothing is the number alone.
pub fn json(result: &impl Serialize, list: &str) -> serde_json::Result<String> {
    let mut top = Map::new();
    top.insert("schema".to_owned(), SCHEMA.into());
    match serde_json::to_value(result)? {
        Value::Null => {}
        Value::Object(members) => top.extend(members),
        other => {
            top.insert(list.to_owned(), other);
        }
    }
    serde_json::to_string_pretty(&top).map(|text| printable(&text))
}

/// JSON that has its own number of the form.
pub fn pretty(value: &Value) -> serde_json::Result<String> {
    serde_json::to_string_pretty(value).map(|text| printable(&text) + "\n")
}

/// One state of something that is followed, on one line.
pub fn json_line(state: &impl Serialize) -> serde_json::Result<String> {
    let mut top = Map::new();
    top.insert("schema".to_owned(), SCHEMA.into());
    if let Value::Object(members) = serde_json::to_value(state)? {
        top.extend(members);
    }
    serde_json::to_string(&top).map(|text| printable(&text))
}

/// Writes the characters that could command a terminal as JSON's own escapes: the value is the same.
///
/// Outside of strings JSON has none of them, except the line ends that make it pretty.
fn printable(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        let harmless = matches!(c, '\n' | ' '..='~')
            || dunlin_logs::clean(c.encode_utf8(&mut [0; 4]), 1).starts_with(c);
        if harmless {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_has_a_schema_number_on_top() {
        let told = |value: Value| json(&value, "tables").unwrap().replace([' ', '\n'], "");
        assert_eq!(told(json!({"equal": true})), r#"{"equal":true,"schema":1}"#);
        assert_eq!(told(json!([1, 2])), r#"{"schema":1,"tables":[1,2]}"#);
        assert_eq!(told(json!(null)), r#"{"schema":1}"#);
    }

    #[test]
    fn json_commands_no_terminal_and_keeps_its_values() {
        let value = json!({"name": "a\u{1b}[2J\u{9b}31m\u{202e}b\u{7f} Käse 刹车片 \"\\ 🐦\r\n"});
        let text = json(&value, "x").unwrap();
        assert!(!text.contains(|c: char| c != '\n' && c.is_control() || c == '\u{202e}'), "{text}");
        assert!(text.contains("Käse 刹车片"), "{text}");
        let again: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(again.get("name"), value.get("name"));
    }
}
