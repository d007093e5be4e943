//! JSON, read exactly.
//!
//! `serde_json` turns an integer beyond 64 bits into a float without a word, takes the last of two
//! equal keys, and gives no raw text for a number. What strangers send is read here instead:
//!
//! * an integer beyond 64 bits is an error, never a float;
//! * `1` is an integer and `1.0` and `1e0` are reals;
//! * two equal keys in one object are an error;
//! * nesting has a limit, and nothing recurses deeper than it.
//!
//! Two pictures of old Python's needs are drawn by [`old_safe`] and [`escape_controls`].

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

/// Why a text is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// It is not JSON.
    #[error("not JSON")]
    Syntax,
    /// An object has two equal keys.
    #[error("a key stands twice in one object")]
    Duplicate,
    /// It nests deeper than allowed.
    #[error("nested too deeply")]
    Deep,
    /// A list has more elements than allowed.
    #[error("a list is too long")]
    Long,
    /// An integer does not fit 64 bits, or a real is beyond the largest.
    #[error("a number is out of range")]
    Number,
}

/// A JSON value whose numbers are what was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without point and exponent.
    Integer(i64),
    /// A number with point or exponent.
    Real(f64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object, its members in the order written.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a whole text.
    pub fn read(text: &str, depth: usize) -> Result<Self, Broken> {
        let mut reader = Reader::new(text);
        let value = reader.value(depth)?;
        reader.end()?;
        Ok(value)
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Integer(value) => serializer.serialize_i64(*value),
            Self::Real(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(values) => {
                let mut list = serializer.serialize_seq(Some(values.len()))?;
                values.iter().try_for_each(|value| list.serialize_element(value))?;
                list.end()
            }
            Self::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                members.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::read(raw.get(), crate::limits::DEPTH_MAX).map_err(de::Error::custom)
    }
}

/// A number as written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Integer(i64),
    Real(f64),
}

/// Reads JSON from a text, left to right.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    list_max: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, list_max: usize::MAX }
    }

    /// Refuses longer lists, however deep they lie.
    pub(crate) fn with_list_max(self, list_max: usize) -> Self {
        Self { list_max, ..self }
    }

    /// Where the reader stands, for `back_to`.
    pub(crate) fn place(&self) -> usize {
        self.at
    }

    /// Reads again from where it stood.
    pub(crate) fn back_to(&mut self, place: usize) {
        self.at = place;
    }

    /// The next byte that is not white space, without taking it.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Takes `byte`, which must be next.
    pub(crate) fn take(&mut self, byte: u8) -> Result<(), Broken> {
        if self.peek() != Some(byte) {
            return Err(Broken::Syntax);
        }
        self.at += 1;
        Ok(())
    }

    /// Takes `byte` if it is next.
    pub(crate) fn took(&mut self, byte: u8) -> bool {
        self.take(byte).is_ok()
    }

    /// Nothing but white space may follow.
    pub(crate) fn end(&mut self) -> Result<(), Broken> {
        if self.peek().is_some() { Err(Broken::Syntax) } else { Ok(()) }
    }

    /// Walks a list; `each` reads one element.
    pub(crate) fn list(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        self.take(b'[')?;
        if self.took(b']') {
            return Ok(());
        }
        for _ in 0..self.list_max {
            each(self)?;
            if self.took(b']') {
                return Ok(());
            }
            self.take(b',')?;
        }
        Err(Broken::Long)
    }

    /// Walks an object; `each` reads one member's value. Equal keys are refused.
    pub(crate) fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        self.take(b'{')?;
        if self.took(b'}') {
            return Ok(());
        }
        let mut keys: HashSet<Cow<'a, str>> = HashSet::new();
        loop {
            if self.peek() != Some(b'"') {
                return Err(Broken::Syntax);
            }
            let key = self.string()?;
            self.take(b':')?;
            if !keys.insert(key.clone()) {
                return Err(Broken::Duplicate);
            }
            each(self, key)?;
            if self.took(b'}') {
                return Ok(());
            }
            self.take(b',')?;
        }
    }

    /// Reads any value.
    pub(crate) fn value(&mut self, depth: usize) -> Result<Json, Broken> {
        match self.peek().ok_or(Broken::Syntax)? {
            b'"' => Ok(Json::Text(self.string()?.into_owned())),
            b'[' => {
                let inner = depth.checked_sub(1).ok_or(Broken::Deep)?;
                let mut values = Vec::new();
                self.list(|reader| reader.value(inner).map(|value| values.push(value)))?;
                Ok(Json::List(values))
            }
            b'{' => {
                let inner = depth.checked_sub(1).ok_or(Broken::Deep)?;
                let mut members = Vec::new();
                self.object(|reader, key| {
                    members.push((key.into_owned(), reader.value(inner)?));
                    Ok(())
                })?;
                Ok(Json::Object(members))
            }
            b'n' => self.word("null").map(|()| Json::Null),
            b't' => self.word("true").map(|()| Json::Bool(true)),
            b'f' => self.word("false").map(|()| Json::Bool(false)),
            _ => Ok(match self.number()? {
                Number::Integer(value) => Json::Integer(value),
                Number::Real(value) => Json::Real(value),
            }),
        }
    }

    /// The text of any value, checked and not built.
    pub(crate) fn raw(&mut self, depth: usize) -> Result<&'a str, Broken> {
        self.peek();
        let start = self.at;
        self.skip(depth)?;
        self.text.get(start..self.at).ok_or(Broken::Syntax)
    }

    fn skip(&mut self, depth: usize) -> Result<(), Broken> {
        match self.peek().ok_or(Broken::Syntax)? {
            b'"' => self.string().map(drop),
            b'[' => {
                let inner = depth.checked_sub(1).ok_or(Broken::Deep)?;
                self.list(|reader| reader.skip(inner))
            }
            b'{' => {
                let inner = depth.checked_sub(1).ok_or(Broken::Deep)?;
                self.object(|reader, _| reader.skip(inner))
            }
            b'n' => self.word("null"),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            _ => self.digits().map(drop),
        }
    }

    pub(crate) fn word(&mut self, word: &str) -> Result<(), Broken> {
        self.peek();
        let rest = self.text.get(self.at..).ok_or(Broken::Syntax)?;
        if !rest.starts_with(word) {
            return Err(Broken::Syntax);
        }
        self.at += word.len();
        Ok(())
    }

    pub(crate) fn number(&mut self) -> Result<Number, Broken> {
        let (text, real) = self.digits()?;
        if !real {
            return text.parse().map(Number::Integer).map_err(|_| Broken::Number);
        }
        let value: f64 = text.parse().map_err(|_| Broken::Syntax)?;
        if value.is_finite() { Ok(Number::Real(value)) } else { Err(Broken::Number) }
    }

    /// A number's text, and whether it has a point or an exponent.
    fn digits(&mut self) -> Result<(&'a str, bool), Broken> {
        self.peek();
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut at = start;
        let run = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        if bytes.get(at) == Some(&b'-') {
            at += 1;
        }
        let whole = at;
        at = run(at);
        let leading_zero = bytes.get(whole) == Some(&b'0') && at - whole > 1;
        if at == whole || leading_zero {
            return Err(Broken::Syntax);
        }
        let mut real = false;
        if bytes.get(at) == Some(&b'.') {
            let after = at + 1;
            at = run(after);
            real = true;
            if at == after {
                return Err(Broken::Syntax);
            }
        }
        if let Some(b'e' | b'E') = bytes.get(at) {
            let signed = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            let after = at + 1 + signed;
            at = run(after);
            real = true;
            if at == after {
                return Err(Broken::Syntax);
            }
        }
        self.at = at;
        Ok((self.text.get(start..at).ok_or(Broken::Syntax)?, real))
    }

    /// A string; borrowed when nothing in it is escaped.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>, Broken> {
        self.take(b'"')?;
        let bytes = self.text.as_bytes();
        let mut start = self.at;
        let mut built: Option<String> = None;
        loop {
            match bytes.get(self.at).ok_or(Broken::Syntax)? {
                b'"' => {
                    let piece = self.text.get(start..self.at).ok_or(Broken::Syntax)?;
                    self.at += 1;
                    return Ok(match built {
                        None => Cow::Borrowed(piece),
                        Some(mut built) => {
                            built.push_str(piece);
                            Cow::Owned(built)
                        }
                    });
                }
                b'\\' => {
                    let piece = self.text.get(start..self.at).ok_or(Broken::Syntax)?;
                    let built = built.get_or_insert_with(String::new);
                    built.push_str(piece);
                    self.at += 1;
                    built.push(self.escape()?);
                    start = self.at;
                }
                0..0x20 => return Err(Broken::Syntax),
                _ => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<char, Broken> {
        let kind = self.text.as_bytes().get(self.at).ok_or(Broken::Syntax)?;
        self.at += 1;
        Ok(match kind {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.hex4()?;
                if !(0xd800..0xdc00).contains(&high) {
                    return char::from_u32(high).ok_or(Broken::Syntax);
                }
                self.word_here("\\u")?;
                let low = self.hex4()?;
                if !(0xdc00..0xe000).contains(&low) {
                    return Err(Broken::Syntax);
                }
                let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                char::from_u32(code).ok_or(Broken::Syntax)?
            }
            _ => return Err(Broken::Syntax),
        })
    }

    fn word_here(&mut self, word: &str) -> Result<(), Broken> {
        if self.text.get(self.at..self.at + word.len()) != Some(word) {
            return Err(Broken::Syntax);
        }
        self.at += word.len();
        Ok(())
    }

    fn hex4(&mut self) -> Result<u32, Broken> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(Broken::Syntax)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Broken::Syntax);
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| Broken::Syntax)
    }
}

/// Whether a text nests deeper than this. It is looked through, not read: a text that is not JSON
/// may be taken for deep, and never for flat.
pub(crate) fn is_deeper_than(json: &str, depth_max: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > depth_max {
            return true;
        }
    }
    false
}

/// The same JSON in the form that Python of 2009 reads: plain ASCII, `\uXXXX` with surrogate
/// pairs, and no exponent without both a point and a sign (`1e-7` becomes `1.0e-7`).
pub fn old_safe(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + 16);
    let mut in_string = false;
    let mut escaped = false;
    let mut number = String::new();
    for character in json.chars() {
        if in_string {
            push_ascii(&mut out, character);
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        if character.is_ascii_digit() || matches!(character, '-' | '+' | '.' | 'E') {
            number.push(character);
            continue;
        }
        // An `e` belongs to a number only when one was begun: `true` and `false` have one too.
        if character == 'e' && !number.is_empty() {
            number.push(character);
            continue;
        }
        push_number(&mut out, &mut number);
        in_string = character == '"';
        push_ascii(&mut out, character);
    }
    push_number(&mut out, &mut number);
    out
}

fn push_ascii(out: &mut String, character: char) {
    if character.is_ascii() && character != '\u{7f}' {
        out.push(character);
        return;
    }
    let mut units = [0; 2];
    for unit in character.encode_utf16(&mut units) {
        write!(out, "\\u{unit:04x}").ok();
    }
}

fn push_number(out: &mut String, number: &mut String) {
    if let Some((mantissa, exponent)) = number.split_once(['e', 'E']) {
        let point = if mantissa.contains('.') { "" } else { ".0" };
        let sign = if exponent.starts_with(['+', '-']) { "" } else { "+" };
        write!(out, "{mantissa}{point}e{sign}{exponent}").ok();
    } else {
        out.push_str(number);
    }
    number.clear();
}

/// Escapes raw control characters inside strings: old clients send U+001A to U+001F as they are.
pub fn escape_controls(json: &str) -> Cow<'_, str> {
    if !json.bytes().any(|byte| byte < 0x20) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 16);
    let mut in_string = false;
    let mut escaped = false;
    for character in json.chars() {
        if in_string && character < ' ' {
            if escaped {
                // A backslash before it would swallow the escape we write; leave it broken.
                out.push(character);
            } else {
                write!(out, "\\u{:04x}", u32::from(character)).ok();
            }
            escaped = false;
            continue;
        }
        out.push(character);
        if in_string {
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else {
            in_string = character == '"';
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests;
