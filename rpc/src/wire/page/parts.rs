//! Parts: what a row's state holds beside a version that wrote all of its values.
//!
//! ```text
//! { "digest":  "0123456789abcdef",                        the version's, where its values do not give it
//!   "dots":    [["price", <stamp>, <origin>, <seq>], …],   columns that it carried on, and which version wrote them
//!   "missing": [["note", null], ["size", [<stamp>, <origin>, <seq>, "XL"]], …],
//!                                                          columns whose value is not here, and the last one known
//!   "beside":  [["name", <stamp>, <origin>, <seq>, "Wiper 2"], …],
//!   "away":    [["name", <stamp>, <origin>, <seq>, null], …],
//!                                                          cells beside the version; those whose value is not here
//!   "beaten":  [<stamp>, <origin>, <seq>],                 the latest tombstone that lost
//!   "seen":    [["colour", "red"], …] }                    what the writer's table showed in columns that it carried on
//! ```
//!
//! Every member may be left out. Stamps are below zero where a cell was found and not written.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::{Origin, Places, place, unsigned};
use crate::json::{Broken, Number, Reader};
use crate::limits::{COLUMNS_MAX, NAME_BYTES_MAX};
use crate::wire::value::{self, Value};

/// Which version wrote a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dot {
    /// Orders the cells of one column; below zero for one that was found.
    pub stamp: i64,
    /// Who.
    pub origin: Origin,
    /// Its number among its origin's versions.
    pub seq: u64,
}

/// A value that is known, and who wrote it.
pub type LastKnown = Option<(Dot, Value)>;

/// What a row's state holds beside a version that wrote all of its values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// The version's digest, where its values do not give it.
    pub digest: Option<u64>,
    /// Columns that the version only carried on, and which version wrote them.
    pub dots: Vec<(String, Dot)>,
    /// Columns whose value is not with the sender, and the last one known.
    pub missing: Vec<(String, LastKnown)>,
    /// Cells beside the version.
    pub beside: Vec<(String, Dot, Value)>,
    /// Those whose value is not with the sender, and the last one known.
    pub away: Vec<(String, Dot, LastKnown)>,
    /// The latest tombstone that lost.
    pub beaten: Option<Dot>,
    /// What the writer's table showed in columns that it only carried on.
    pub seen: Vec<(String, Value)>,
}

impl Parts {
    /// The origins that it names.
    pub(super) fn origins(&self) -> impl Iterator<Item = Origin> {
        let last = |last: &LastKnown| last.as_ref().map(|(dot, _)| dot.origin);
        let dots = self.dots.iter().map(|(_, dot)| dot.origin);
        let missing = self.missing.iter().filter_map(move |(_, known)| last(known));
        let beside = self.beside.iter().map(|(_, dot, _)| dot.origin);
        let away = self
            .away
            .iter()
            .flat_map(move |(_, dot, known)| std::iter::once(dot.origin).chain(last(known)));
        dots.chain(missing).chain(beside).chain(away).chain(self.beaten.map(|dot| dot.origin))
    }
}

/// Parts, and where the page names origins.
pub(super) struct Written<'a> {
    pub(super) parts: &'a Parts,
    pub(super) places: &'a Places,
}

impl Written<'_> {
    fn dot(&self, dot: Dot) -> (i64, u32, u64) {
        (dot.stamp, self.places.get(&dot.origin).copied().unwrap_or(u32::MAX), dot.seq)
    }

    fn last<'v>(&self, known: &'v LastKnown) -> Option<(i64, u32, u64, &'v Value)> {
        let (dot, value) = known.as_ref()?;
        let (stamp, origin, seq) = self.dot(*dot);
        Some((stamp, origin, seq, value))
    }
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = self.parts;
        let mut map = serializer.serialize_map(None)?;
        if let Some(digest) = parts.digest {
            map.serialize_entry("digest", &format_args!("{digest:016x}"))?;
        }
        if !parts.dots.is_empty() {
            let list = parts.dots.iter().map(|(column, dot)| {
                let (stamp, origin, seq) = self.dot(*dot);
                (column, stamp, origin, seq)
            });
            map.serialize_entry("dots", &List(list.collect::<Vec<_>>()))?;
        }
        if !parts.missing.is_empty() {
            let list = parts.missing.iter().map(|(column, known)| (column, self.last(known)));
            map.serialize_entry("missing", &List(list.collect::<Vec<_>>()))?;
        }
        if !parts.beside.is_empty() {
            let list = parts.beside.iter().map(|(column, dot, value)| {
                let (stamp, origin, seq) = self.dot(*dot);
                (column, stamp, origin, seq, value)
            });
            map.serialize_entry("beside", &List(list.collect::<Vec<_>>()))?;
        }
        if !parts.away.is_empty() {
            let list = parts.away.iter().map(|(column, dot, known)| {
                let (stamp, origin, seq) = self.dot(*dot);
                (column, stamp, origin, seq, self.last(known))
            });
            map.serialize_entry("away", &List(list.collect::<Vec<_>>()))?;
        }
        if let Some(dot) = parts.beaten {
            map.serialize_entry("beaten", &self.dot(dot))?;
        }
        if !parts.seen.is_empty() {
            map.serialize_entry("seen", &List(parts.seen.iter().collect::<Vec<_>>()))?;
        }
        map.end()
    }
}

struct List<T>(Vec<T>);

impl<T: Serialize> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        self.0.iter().try_for_each(|item| list.serialize_element(item))?;
        list.end()
    }
}

/// Reads parts. More entries of one kind than a table may have columns are no honest partner's.
pub(super) fn read(reader: &mut Reader<'_>, origins: &[Origin]) -> Result<Parts, Broken> {
    let mut parts = Parts::default();
    reader.object(|reader, member| match member.as_ref() {
        "digest" => {
            let text = reader.string()?;
            let hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            let digest = if hex { u64::from_str_radix(&text, 16).ok() } else { None };
            parts.digest = Some(digest.ok_or(Broken::Syntax)?);
            Ok(())
        }
        "dots" => entries(reader, &mut parts.dots, |reader, column| {
            Ok((column, comma_dot(reader, origins)?))
        }),
        "missing" => entries(reader, &mut parts.missing, |reader, column| {
            Ok((column, comma_last(reader, origins)?))
        }),
        "beside" => entries(reader, &mut parts.beside, |reader, column| {
            let dot = comma_dot(reader, origins)?;
            reader.take(b',')?;
            Ok((column, dot, value::read(reader)?))
        }),
        "away" => entries(reader, &mut parts.away, |reader, column| {
            let dot = comma_dot(reader, origins)?;
            Ok((column, dot, comma_last(reader, origins)?))
        }),
        "beaten" => {
            reader.take(b'[')?;
            parts.beaten = Some(dot(reader, origins)?);
            reader.take(b']')
        }
        "seen" => entries(reader, &mut parts.seen, |reader, column| {
            reader.take(b',')?;
            Ok((column, value::read(reader)?))
        }),
        _ => reader.raw(4).map(drop),
    })?;
    Ok(parts)
}

/// A list of lists, each of which begins with a column's name.
fn entries<T>(
    reader: &mut Reader<'_>,
    into: &mut Vec<T>,
    mut rest: impl FnMut(&mut Reader<'_>, String) -> Result<T, Broken>,
) -> Result<(), Broken> {
    reader.list(|reader| {
        reader.take(b'[')?;
        let column = reader.string()?.into_owned();
        if column.len() > NAME_BYTES_MAX || into.len() == 2 * COLUMNS_MAX {
            return Err(Broken::Number);
        }
        into.push(rest(reader, column)?);
        reader.take(b']')
    })
}

fn dot(reader: &mut Reader<'_>, origins: &[Origin]) -> Result<Dot, Broken> {
    let Number::Integer(stamp) = reader.number()? else { return Err(Broken::Number) };
    reader.take(b',')?;
    let origin = place(origins, unsigned(reader)?)?;
    reader.take(b',')?;
    let seq = unsigned(reader)?;
    i64::try_from(seq).map_err(|_| Broken::Number)?;
    Ok(Dot { stamp, origin, seq })
}

fn comma_dot(reader: &mut Reader<'_>, origins: &[Origin]) -> Result<Dot, Broken> {
    reader.take(b',')?;
    dot(reader, origins)
}

fn comma_last(reader: &mut Reader<'_>, origins: &[Origin]) -> Result<LastKnown, Broken> {
    reader.take(b',')?;
    if reader.peek() == Some(b'n') {
        return reader.word("null").map(|()| None);
    }
    reader.take(b'[')?;
    let dot = dot(reader, origins)?;
    reader.take(b',')?;
    let value = value::read(reader)?;
    reader.take(b']')?;
    Ok(Some((dot, value)))
}
