//! Values of rows, bit for bit.
//!
//! ```text
//! NULL                       null
//! INTEGER                    1            no point, no exponent; beyond 64 bits: an error
//! REAL                       1.0  1e+300  always a point or an exponent; read back as it was
//!   infinities               {"real": "inf"}  {"real": "-inf"}
//! TEXT                       "…"          {"text": "<base64>"} when it is not UTF-8, or long and that is shorter
//! BLOB                       {"blob": "<base64>"}
//! a reference                {"row": "<uuid>"}       the row it points to
//! a reference to nowhere     {"number": 78}          the bare number, of a loose reference
//! ```

use data_encoding::BASE64;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::json::{Broken, Number, Reader};

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// INTEGER.
    Integer(i64),
    /// REAL. NaN, which SQLite does not store, is sent as NULL.
    Real(f64),
    /// TEXT: the bytes as SQLite has them, UTF-8 or not.
    Text(Vec<u8>),
    /// BLOB.
    Blob(Vec<u8>),
    /// A reference, translated to the row that it points to.
    Row(Uuid),
    /// A loose reference to a number that names no row.
    Number(i64),
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Integer(value) => serializer.serialize_i64(*value),
            Self::Real(value) if value.is_nan() => serializer.serialize_unit(),
            Self::Real(value) if value.is_infinite() => {
                tagged(serializer, "real", if *value < 0.0 { "-inf" } else { "inf" })
            }
            Self::Real(value) => serializer.serialize_f64(*value),
            Self::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) if !is_shorter_encoded(bytes) => serializer.serialize_str(text),
                _ => tagged(serializer, "text", &BASE64.encode(bytes)),
            },
            Self::Blob(bytes) => tagged(serializer, "blob", &BASE64.encode(bytes)),
            Self::Row(uuid) => tagged(serializer, "row", uuid),
            Self::Number(number) => tagged(serializer, "number", number),
        }
    }
}

/// Is a long text shorter as base64 than with its quotes, line ends and control characters escaped? So the largest
/// row fits into a message, whatever it says; what is not long stays readable.
fn is_shorter_encoded(text: &[u8]) -> bool {
    const LONG: usize = 64 * 1024;
    let more = |byte: &u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
        0..0x20 => 5,
        _ => 0_usize,
    };
    LONG < text.len() && text.len() / 3 < text.iter().map(more).sum()
}

fn tagged<S, T>(serializer: S, tag: &'static str, value: &T) -> Result<S::Ok, S::Error>
where
    S: Serializer,
    T: Serialize + ?Sized,
{
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(tag, value)?;
    map.end()
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let mut reader = Reader::new(raw.get());
        read(&mut reader).and_then(|value| reader.end().map(|()| value)).map_err(de::Error::custom)
    }
}

/// Reads one value where the reader stands.
pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Value, Broken> {
    match reader.peek().ok_or(Broken::Syntax)? {
        b'n' => reader.word("null").map(|()| Value::Null),
        b'"' => Ok(Value::Text(reader.string()?.into_owned().into_bytes())),
        b'{' => read_tagged(reader),
        _ => Ok(match reader.number()? {
            Number::Integer(value) => Value::Integer(value),
            Number::Real(value) => Value::Real(value),
        }),
    }
}

fn read_tagged(reader: &mut Reader<'_>) -> Result<Value, Broken> {
    reader.take(b'{')?;
    let tag = reader.string()?;
    reader.take(b':')?;
    let value = if tag == "number" {
        match reader.number()? {
            Number::Integer(number) => Value::Number(number),
            Number::Real(_) => return Err(Broken::Number),
        }
    } else {
        let text = reader.string()?;
        let bytes = || BASE64.decode(text.as_bytes()).map_err(|_| Broken::Syntax);
        match (tag.as_ref(), text.as_ref()) {
            ("real", "inf") => Value::Real(f64::INFINITY),
            ("real", "-inf") => Value::Real(f64::NEG_INFINITY),
            ("text", _) => Value::Text(bytes()?),
            ("blob", _) => Value::Blob(bytes()?),
            ("row", text) => Value::Row(Uuid::try_parse(text).map_err(|_| Broken::Syntax)?),
            _ => return Err(Broken::Syntax),
        }
    };
    reader.take(b'}')?;
    Ok(value)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::Integer),
            any::<u64>()
                .prop_map(f64::from_bits)
                .prop_filter("not NaN", |real| !real.is_nan())
                .prop_map(Value::Real),
            any::<String>().prop_map(|text| Value::Text(text.into_bytes())),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Text),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Blob),
            any::<u128>().prop_map(|id| Value::Row(Uuid::from_u128(id))),
            any::<i64>().prop_map(Value::Number),
        ]
    }

    fn shown(value: &Value) -> String {
        serde_json::to_string(value).unwrap()
    }

    #[test]
    fn values_look_as_documented() {
        let uuid = Uuid::from_u128(7);
        let cases = [
            (Value::Null, "null"),
            (Value::Integer(1), "1"),
            (Value::Real(1.0), "1.0"),
            (Value::Real(1e300), "1e+300"),
            (Value::Real(-0.0), "-0.0"),
            (Value::Real(f64::INFINITY), r#"{"real":"inf"}"#),
            (Value::Real(f64::NEG_INFINITY), r#"{"real":"-inf"}"#),
            (Value::Text("é".into()), "\"é\""),
            (Value::Text(vec![0xff]), r#"{"text":"/w=="}"#),
            (Value::Blob(vec![1, 2]), r#"{"blob":"AQI="}"#),
            (Value::Row(uuid), r#"{"row":"00000000-0000-0000-0000-000000000007"}"#),
            (Value::Number(78), r#"{"number":78}"#),
        ];
        for (value, text) in cases {
            assert_eq!(shown(&value), text);
            assert_eq!(serde_json::from_str::<Value>(text).unwrap(), value);
        }
    }

    #[test]
    fn a_long_text_takes_a_third_more_than_it_holds_at_most() {
        let sizes = ["a", "é", "\"", "\n", "\u{1}", "twelve words and one \u{2}"].map(|text| {
            let value = Value::Text(text.repeat(100_000).into_bytes());
            let json = shown(&value);
            assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
            let Value::Text(bytes) = value else { unreachable!() };
            assert!(json.len() <= bytes.len() * 4 / 3 + 20, "{text:?}: {}", json.len());
            json.starts_with('"')
        });
        assert_eq!(sizes, [true, true, false, false, false, true]);
        assert_eq!(shown(&Value::Text("\n".repeat(100).into())).len(), 202, "it stays readable");
        // So a row of 16 MiB fits into a message, beside the rest of its page.
        let row = (16 << 20) * 4 / 3 + 20;
        assert!(row + crate::limits::PAGE_BYTES < u64::from(crate::limits::MESSAGE_BYTES_MAX));
    }

    #[test]
    fn what_is_not_a_value_is_an_error() {
        let cases = [
            "9223372036854775808",
            "1e400",
            "true",
            "[]",
            "{}",
            r#"{"real":"nan"}"#,
            r#"{"blob":"*"}"#,
            r#"{"row":"x"}"#,
            r#"{"number":1.5}"#,
            r#"{"number":1,"number":2}"#,
            r#"{"blob":""} x"#,
        ];
        for text in cases {
            assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_value_survives_bit_for_bit(value in any_value()) {
            let back: Value = serde_json::from_str(&shown(&value)).unwrap();
            if let (Value::Real(sent), Value::Real(got)) = (&value, &back) {
                prop_assert_eq!(sent.to_bits(), got.to_bits());
            }
            prop_assert_eq!(back, value);
        }
    }
}
