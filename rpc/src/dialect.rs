//! The dialects: what JSON-RPC 2.0, and the 1.0 of 2009, say on the wire.
//!
//! ```text
//!            body                    answer
//! 2.0  {"jsonrpc":"2.0", …}          result or error, id as sent; none to a notification
//!      [ … ]                         one answer for each call, at most 50; 2.0 only
//! 1.0  no "jsonrpc"                  version "1.1", id, result and error, all of them, plain ASCII
//!      "id": null                    a notification: executed, and answered with nothing
//! ```
//!
//! jsonrpsee executes no notification and takes a negative, fractional or structured id for one.
//! So the text is read here, once, and the method is called by name; jsonrpsee reads its
//! parameters. An id is echoed as the text it came as.
//!
//! # Invariants
//!
//! * Equal keys, deep nesting and unknown parameters are refused before a method is called.
//! * A method that is not in the table is not there; for one that is, the gate is asked first.
//! * A subscription cannot be started here: there is nowhere to send its events.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use jsonrpsee::core::server::{MethodCallback, Methods};
use jsonrpsee::server::ConnectionId;
use jsonrpsee::types::{ErrorObjectOwned, Id, Params};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::caller::Caller;
use crate::code::Code;
use crate::fault::Fault;
use crate::gate::Gate;
use crate::json::{Broken, Reader, escape_controls, old_safe};
use crate::limits::{BATCH_MAX, DEPTH_MAX};
use crate::method::{Method, Right};

/// By which path a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// `/rpc`: every method.
    Rpc,
    /// `/{app}/admin|sync/call/…`: `getdata` and `putdata`, and a lenient reader.
    Old,
}

/// The methods, and who may call them.
#[derive(Clone)]
pub struct Api {
    /// What runs.
    pub methods: Methods,
    /// What can be called, and what that asks of a caller.
    pub table: &'static [Method],
    /// Who may.
    pub gate: Arc<dyn Gate>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api")
    }
}

/// An answer's text; `None` when nothing is answered.
pub type Answer = Option<String>;

/// Answers one body.
pub async fn answer(api: &Api, caller: &Caller, door: Door, body: &[u8]) -> Answer {
    let Ok(text) = std::str::from_utf8(body) else {
        return Some(unreadable(door, Broken::Syntax));
    };
    let text = match door {
        Door::Rpc => Cow::Borrowed(text),
        Door::Old => escape_controls(text),
    };
    let mut reader = Reader::new(&text);
    if reader.peek() == Some(b'[') {
        return batch(api, caller, door, &text).await;
    }
    let whole = reader.raw(DEPTH_MAX).and_then(|raw| reader.end().map(|()| raw));
    match whole {
        Err(broken) => Some(unreadable(door, broken)),
        Ok(raw) => one(api, caller, door, &Entry::read(raw)).await,
    }
}

/// Calls one method with parameters as JSON text; the result is JSON text.
pub async fn call(
    api: &Api,
    caller: &Caller,
    door: Door,
    method: &str,
    params: Option<&str>,
) -> Result<String, Fault> {
    let unknown = || Fault::new(Code::UnknownMethod, "there is no such method");
    if door == Door::Old && !matches!(method, "getdata" | "putdata") {
        return Err(unknown());
    }
    let known = api.table.iter().find(|known| known.name == method).ok_or_else(unknown)?;
    let callback = api.methods.method(method).ok_or_else(unknown)?;
    if known.right != Right::Own {
        api.gate.judge(caller, known.right).await?;
    }
    check_params(known.params, params)?;
    let mut extensions = jsonrpsee::Extensions::new();
    extensions.insert(ConnectionId(0));
    extensions.insert(caller.clone());
    let (id, params) = (Id::Number(0), Params::new(params));
    let response = match callback {
        MethodCallback::Sync(run) => run(id, params, usize::MAX, extensions),
        MethodCallback::Async(run) => {
            run(id, params.into_owned(), ConnectionId(0), usize::MAX, extensions).await
        }
        MethodCallback::Subscription(_) | MethodCallback::Unsubscription(_) => {
            return Err(unknown());
        }
    };
    let is_success = response.is_success();
    let (text, told, _) = response.into_parts();
    if let Some(told) = told {
        told.notify(is_success);
    }
    let answered: Answered = serde_json::from_str(text.get()).map_err(|_| Fault::internal())?;
    match answered.error {
        Some(error) => Err(Fault::from(&error)),
        None => Ok(answered.result.map_or_else(|| "null".to_owned(), |raw| raw.get().to_owned())),
    }
}

/// What jsonrpsee makes of a call.
#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    result: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<ErrorObjectOwned>,
}

/// Unknown names, and values too many, are refused; jsonrpsee would ignore them.
fn check_params(known: &[&str], params: Option<&str>) -> Result<(), Fault> {
    let Some(params) = params else { return Ok(()) };
    let refuse = |message: &str| Err(Fault::new(Code::InvalidParams, message));
    let mut reader = Reader::new(params);
    let mut count = 0;
    let mut strange = false;
    let walked = if reader.peek() == Some(b'{') {
        reader.object(|reader, key| {
            strange |= !known.contains(&key.as_ref());
            reader.raw(DEPTH_MAX).map(drop)
        })
    } else {
        reader.list(|reader| {
            count += 1;
            reader.raw(DEPTH_MAX).map(drop)
        })
    };
    match walked {
        Err(_) => refuse("params must be a list or an object"),
        Ok(()) if strange => refuse("a parameter has a name that the method does not know"),
        Ok(()) if count > known.len() => refuse("there are more parameters than the method knows"),
        Ok(()) => Ok(()),
    }
}

async fn batch(api: &Api, caller: &Caller, door: Door, text: &str) -> Answer {
    let mut reader = Reader::new(text);
    let mut entries = Vec::new();
    let mut count = 0;
    let walked = reader
        .list(|reader| {
            let raw = reader.raw(DEPTH_MAX - 1)?;
            count += 1;
            if count <= BATCH_MAX {
                entries.push(Entry::read(raw).in_batch());
            }
            Ok(())
        })
        .and_then(|()| reader.end());
    if let Err(broken) = walked {
        return Some(unreadable(door, broken));
    }
    if count == 0 || count > BATCH_MAX {
        let message =
            if count == 0 { "the batch is empty" } else { "a batch has at most 50 calls" };
        return Some(failed(Version::Two, "null", &Fault::new(Code::InvalidRequest, message)));
    }
    let mut answers = Vec::new();
    for entry in &entries {
        answers.extend(one(api, caller, door, entry).await);
    }
    if answers.is_empty() { None } else { Some(format!("[{}]", answers.join(","))) }
}

async fn one(api: &Api, caller: &Caller, door: Door, entry: &Entry<'_>) -> Answer {
    let entry = match entry {
        Entry::Call(call) => call,
        Entry::Not { version, id, why } => {
            let version = if door == Door::Old { Version::of_old(*version) } else { *version };
            return Some(failed(version, id, &Fault::new(Code::InvalidRequest, *why)));
        }
    };
    let old = caller.old || entry.version == Version::One;
    let caller = Caller { old, ..caller.clone() };
    let result = call(api, &caller, door, &entry.method, entry.params).await;
    let id = entry.id?;
    Some(match (entry.version, result) {
        (Version::Two | Version::Unknown, Ok(result)) => {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
        }
        (Version::One, Ok(result)) => {
            old_safe(&format!(r#"{{"version":"1.1","id":{id},"result":{result},"error":null}}"#))
        }
        (Version::One, Err(fault)) if fault.code == Code::UnknownMethod => {
            let message = format!("method \"{}\" does not exist", entry.method);
            failed(Version::One, id, &Fault { message, ..fault })
        }
        (version, Err(fault)) => failed(version, id, &fault),
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
    /// Neither: answered as 2.0, or as 1.0 at an old door.
    Unknown,
}

impl Version {
    fn of_old(self) -> Self {
        if self == Self::Unknown { Self::One } else { self }
    }
}

/// The answer to a call that was not read: its id is unknown.
pub fn refused(door: Door, fault: &Fault) -> String {
    failed(if door == Door::Old { Version::One } else { Version::Two }, "null", fault)
}

fn unreadable(door: Door, broken: Broken) -> String {
    let code = if broken == Broken::Syntax { Code::Parse } else { Code::InvalidRequest };
    refused(door, &Fault::new(code, broken.to_string()))
}

fn failed(version: Version, id: &str, fault: &Fault) -> String {
    let message = serde_json::Value::from(fault.message.as_str()).to_string();
    if version == Version::One {
        return old_safe(&format!(
            r#"{{"version":"1.1","id":{id},"result":null,"error":{{"name":"JSONRPCError","code":100,"message":{message}}}}}"#
        ));
    }
    let code = fault.code.number();
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{message}}}}}"#)
}

/// One element of a body, understood or not.
#[derive(Debug)]
enum Entry<'a> {
    Call(Call<'a>),
    Not { version: Version, id: &'a str, why: &'static str },
}

#[derive(Debug)]
struct Call<'a> {
    version: Version,
    /// As it was written; `None` for a notification.
    id: Option<&'a str>,
    method: Cow<'a, str>,
    params: Option<&'a str>,
}

#[derive(Default)]
struct Members<'a> {
    jsonrpc: Option<&'a str>,
    id: Option<&'a str>,
    method: Option<&'a str>,
    params: Option<&'a str>,
}

impl<'a> Members<'a> {
    /// The members of a text that was checked before.
    fn read(raw: &'a str) -> Result<Self, Broken> {
        let mut members = Self::default();
        Reader::new(raw).object(|reader, key| {
            let value = reader.raw(DEPTH_MAX)?;
            match key.as_ref() {
                "jsonrpc" => members.jsonrpc = Some(value),
                "id" => members.id = Some(value),
                "method" => members.method = Some(value),
                "params" => members.params = Some(value),
                _ => {}
            }
            Ok(())
        })?;
        Ok(members)
    }
}

impl<'a> Entry<'a> {
    fn read(raw: &'a str) -> Self {
        let Ok(members) = Members::read(raw) else {
            return Self::Not { version: Version::Unknown, id: "null", why: "not a call" };
        };
        match members.jsonrpc.map(|version| Reader::new(version).string()) {
            None => Self::read_one(&members),
            Some(Ok(version)) if version == "2.0" => Self::read_two(&members),
            Some(_) => Self::Not {
                version: Version::Two,
                id: members.id.filter(|id| is_plain(id)).unwrap_or("null"),
                why: "jsonrpc must be \"2.0\"",
            },
        }
    }

    fn read_two(members: &Members<'a>) -> Self {
        let version = Version::Two;
        if members.id.is_some_and(|id| !is_plain(id)) {
            return Self::Not { version, id: "null", why: "an id is a string, a number or null" };
        }
        let id = members.id;
        let not = |why| Self::Not { version, id: id.unwrap_or("null"), why };
        let Some(method) = members.method.and_then(|raw| Reader::new(raw).string().ok()) else {
            return not("method must be a string");
        };
        if members.params.is_some_and(|params| !params.starts_with(['[', '{'])) {
            return not("params must be a list or an object");
        }
        Self::Call(Call { version, id, method, params: members.params })
    }

    fn read_one(members: &Members<'a>) -> Self {
        let version = Version::One;
        let id = members.id.unwrap_or("null");
        let not = |why| Self::Not { version, id, why };
        let Some(method) = members.method.and_then(|raw| Reader::new(raw).string().ok()) else {
            return not("method must be a string");
        };
        let params = members.params.filter(|params| *params != "null");
        if params.is_some_and(|params| !params.starts_with(['[', '{'])) {
            return not("params must be a list");
        }
        // A null id is a notification; no id at all is a mistake that is answered with null.
        let id = if members.id == Some("null") { None } else { Some(id) };
        Self::Call(Call { version, id, method, params })
    }

    /// The 1.0 dialect knows no batches.
    fn in_batch(self) -> Self {
        match self {
            Self::Call(Call { version: Version::One, .. })
            | Self::Not { version: Version::One | Version::Unknown, .. } => {
                Self::Not { version: Version::Two, id: "null", why: "not a call of JSON-RPC 2.0" }
            }
            other => other,
        }
    }
}

/// Whether an id is one that JSON-RPC 2.0 knows.
fn is_plain(id: &str) -> bool {
    !id.starts_with(['[', '{', 't', 'f'])
}

#[cfg(test)]
mod tests;
