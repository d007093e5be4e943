//! What both sides of a link say of themselves, and what they make of what the other says.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use dunlin_rpc::wire::facts::Facts;
use dunlin_rpc::wire::partner as wire;
use dunlin_rpc::{Code, Fault, Pin};
use dunlin_schema::{Applied, Known, Origin, Store};
use jsonrpsee::core::client::Error as RpcError;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::convert;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::machine::{Machine, PROTOCOL, Partner};
use crate::roster::Member;

/// A feature of the greeting: this side keeps rows whose columns were written by different versions.
const PARTS: &str = "parts";

/// Does a partner know of rows whose columns were written by different versions?
pub(crate) fn knows_parts(theirs: &wire::Greeting) -> bool {
    theirs.features.iter().any(|feature| feature == PARTS)
}

/// How far a clock is ahead of ours, in milliseconds, by its answer to a question asked then.
pub(crate) fn skew(theirs: u64, (ours, asked): (u64, Instant)) -> i64 {
    let middle = i64::try_from(ours).unwrap_or(0)
        + i64::try_from(asked.elapsed().as_millis() / 2).unwrap_or(0);
    i64::try_from(theirs).unwrap_or(i64::MAX).saturating_sub(middle)
}

/// What a call to the partner came to.
pub(crate) fn heard(error: RpcError) -> Error {
    match error {
        RpcError::Call(error) => Error::Partner(Fault::from(&error)),
        other => Error::Link(Box::new(other)),
    }
}

/// What both know, the higher seq of each origin.
pub(crate) fn joined(one: &[Known], other: &[Known]) -> Vec<Known> {
    let mut all: HashMap<Origin, Known> =
        one.iter().map(|known| (known.origin, known.clone())).collect();
    for known in other {
        let place = all.entry(known.origin).or_insert_with(|| known.clone());
        if place.seq < known.seq {
            *place = known.clone();
        }
    }
    all.into_values().collect()
}

/// About how many bytes a page takes on the wire: for the history, not for limits.
pub(crate) fn weight(page: &dunlin_rpc::wire::page::Page) -> u64 {
    use dunlin_rpc::wire::value::Value;
    /// Name, stamp, origin, seq and the rest of a row's own columns.
    const ROW: u64 = 100;
    let value = |value: &Value| match value {
        Value::Text(bytes) => bytes.len() as u64 + 3,
        Value::Blob(bytes) => bytes.len() as u64 * 4 / 3 + 12,
        Value::Row(_) => 47,
        Value::Null | Value::Integer(_) | Value::Real(_) | Value::Number(_) => 8,
    };
    page.tables
        .iter()
        .flat_map(|table| &table.rows)
        .map(|row| ROW + row.values.iter().map(value).sum::<u64>())
        .sum()
}

/// The figures of this side's tables.
pub(crate) fn digests(store: &mut Store) -> dunlin_schema::Result<Vec<wire::TableDigest>> {
    Ok(convert::digests_out(store.digests()?, (&store.untracked()?, &store.unshown()?)))
}

/// Do equal tables show the same? Not where rows of one stand as they were, are held for its schema's sake, or wait.
pub(crate) fn shows_the_same(ours: &[wire::TableDigest], theirs: &[wire::TableDigest]) -> bool {
    let shown = |tables: &[wire::TableDigest]| {
        let shown = tables
            .iter()
            .filter_map(|table| Some((table.name.to_ascii_lowercase(), table.unshown.clone()?)));
        shown.collect::<BTreeMap<_, _>>()
    };
    shown(ours) == shown(theirs)
}

/// Equal, table by table; a table that one side has no row of may be missing there, and one that a side let go says
/// nothing of what it shows.
pub(crate) fn is_equal(ours: &[wire::TableDigest], theirs: &[wire::TableDigest]) -> bool {
    let let_go = |name: &str| {
        ours.iter()
            .chain(theirs)
            .any(|table| table.untracked && table.name.eq_ignore_ascii_case(name))
    };
    let lacks = |a: &[wire::TableDigest], b: &[wire::TableDigest]| {
        a.iter().filter(|table| !let_go(&table.name)).any(|table| {
            let other = b.iter().find(|other| other.name.eq_ignore_ascii_case(&table.name));
            other.map_or(table.rows > 0, |other| other.digest != table.digest)
        })
    };
    !lacks(ours, theirs) && !lacks(theirs, ours)
}

/// A partner did what no honest one does, or more than it may: it is named where a person looks, and in the log once.
pub(crate) fn stop_at(machine: &Machine, pin: Pin, error: &Error) {
    use dunlin_schema::Error as E;
    let sentence = error.to_string();
    let place: fn(&mut Partner) -> &mut Option<String> = match error {
        Error::Store(E::TooManyHeld { .. } | E::TooManyDoubles { .. } | E::TooOld) => {
            |partner| &mut partner.stopped
        }
        Error::Partner(fault) if fault.code == Code::TooOld => |partner| &mut partner.stopped,
        Error::Store(E::ClaimsOurs { .. }) => |partner| &mut partner.impostor,
        Error::Partner(fault) if fault.code == Code::IdentityProblem => {
            |partner| &mut partner.impostor
        }
        Error::Store(E::BadPage { .. }) | Error::BadMessage { .. } => |partner| &mut partner.odd,
        _ => return,
    };
    note_once(machine, pin, place, &sentence, "session stopped");
}

fn note_once(
    machine: &Machine,
    pin: Pin,
    place: fn(&mut Partner) -> &mut Option<String>,
    sentence: &str,
    message: &'static str,
) {
    let mut is_new = false;
    machine.note(pin, |partner| {
        let noted = place(partner);
        is_new = noted.as_deref() != Some(sentence);
        *noted = Some(sentence.to_owned());
    });
    if is_new {
        warn!(partner = %pin, cause = sentence, "{message}");
    }
}

/// What a page that was taken says about its sender.
pub(crate) fn look_at(machine: &Machine, pin: Pin, applied: &Applied) {
    for table in &applied.unknown {
        let table = dunlin_logs::clean(table, 100);
        info!(partner = %pin, table = %table, "rows of a table that is not tracked here are held");
    }
    if applied.ahead > 0 {
        let sentence = "it gave versions that it knows to be ahead of this machine's clock; they wait until their time has come";
        note_once(machine, pin, |partner| &mut partner.odd, sentence, "versions ahead");
    }
}

/// What this machine says of itself first.
pub(crate) fn greeting(machine: &Machine) -> wire::Greeting {
    let roster = machine.roster();
    wire::Greeting {
        protocol: PROTOCOL,
        features: vec![PARTS.to_owned()],
        id: machine.id(),
        name: machine.name.clone(),
        boot: machine.boot.clone(),
        shop: roster.shop(),
        clock: machine.now(),
        roster: roster.hash(),
    }
}

/// Is the other side who its key says, of our shop, and can we talk?
pub(crate) fn check_greeting(
    machine: &Machine,
    member: &Member,
    theirs: &wire::Greeting,
) -> Result<()> {
    let fault = |code, sentence: &str| Err(Error::Partner(Fault::new(code, sentence)));
    if theirs.id != member.machine {
        return fault(Code::IdentityProblem, "the machine's id is not that of its key");
    }
    if theirs.shop != machine.roster().shop() {
        return fault(Code::IdentityProblem, "the machine is of another shop");
    }
    let ((low, high), (from, to)) = (PROTOCOL, theirs.protocol);
    if to < low || high < from {
        let sentence = format!(
            "it speaks the protocols {from} to {to}, this machine {low} to {high}; update the older one"
        );
        return fault(Code::OtherProtocol, &sentence);
    }
    Ok(())
}

/// What this machine says of its databases. `theirs`: the partner's epoch of each, where he has told it.
pub(crate) async fn describe(
    machine: &Machine,
    theirs: &HashMap<String, Origin>,
) -> Result<Vec<wire::Database>> {
    let mut all = Vec::new();
    for database in &machine.databases {
        let partner = theirs.get(database.name()).copied();
        let (greeting, cursors, facts) = database
            .call(move |store| {
                let greeting = store.greeting(partner)?;
                Ok((greeting, store.cursors()?, store.facts_digest()?))
            })
            .await?;
        let epoch = wire::Epoch(greeting.origin.epoch);
        let end = greeting.knowledge.iter().find(|known| known.origin == greeting.origin);
        all.push(wire::Database {
            name: database.name().to_owned(),
            epoch,
            epochs: vec![wire::EpochEnd { epoch, end: end.map_or(0, |known| known.seq) }],
            end: greeting.end,
            cursors: cursors
                .into_iter()
                .filter(|(origin, _)| {
                    partner.is_none_or(|partner| partner.machine == origin.machine)
                })
                .map(|(origin, position)| wire::Cursor {
                    epoch: wire::Epoch(origin.epoch),
                    position,
                })
                .collect(),
            knowledge: convert::knowledge_out(&greeting.knowledge),
            remembered: Vec::new(),
            forks: Vec::new(),
            tables: greeting.declarations.into_iter().map(convert::shape_out).collect(),
            facts: Some(wire::Epoch(facts)),
            clock: machine.now(),
        });
    }
    Ok(all)
}

/// Learns of a partner's tables, and takes up versions that were ahead of our clock.
pub(crate) async fn meet(
    (machine, member): (&Machine, &Member),
    database: &Database,
    theirs: &wire::Database,
    skew: i64,
) -> Result<()> {
    let origin = Origin { machine: member.machine, epoch: theirs.epoch.0 };
    let declarations: Arc<Vec<dunlin_schema::Declaration>> =
        Arc::new(theirs.tables.iter().cloned().map(convert::shape_in).collect());
    let declared = Arc::clone(&declarations);
    let untracked = database.untracked().to_vec();
    let end = theirs.epochs.iter().find(|end| end.epoch.0 == origin.epoch).map(|end| end.end);
    let (tracked, lie) = database
        .call(move |store| {
            let lie = match end {
                Some(end) => store.hear_end(origin, end)?,
                None => false,
            };
            let tracked = store.meet(&declarations, &untracked)?;
            store.ask_again(origin, skew)?;
            Ok((tracked, lie))
        })
        .await?;
    if lie {
        warn!(
            partner = %origin.machine,
            cause = "others told of more of its versions than it wrote",
            "its rows are asked for anew"
        );
    }
    for (table, _, rows) in tracked.tables {
        info!(database = database.name(), table, rows, "table tracked, as the partner does");
    }
    machine.note(member.pin, |partner| {
        partner.declared.insert(database.name().to_owned(), declared);
    });
    note_unlike((machine, member), database).await
}

/// Notes where a partner's application has other columns, and says so in the log where that is new.
async fn note_unlike((machine, member): (&Machine, &Member), database: &Database) -> Result<()> {
    let known = machine.partner(member.pin);
    let Some(declared) = known.declared.get(database.name()).cloned() else { return Ok(()) };
    let unlike = Arc::new(database.call(move |store| store.unlike(&declared)).await?);
    let before = known.unlike.get(database.name());
    for table in unlike.iter().filter(|table| !before.is_some_and(|all| all.contains(table))) {
        let (has, lacks) = (table.has.join(" "), table.lacks.join(" "));
        let said = match table.newer {
            Some(true) => "the partner's application is newer",
            Some(false) => "the partner's application is older",
            None => "the partner's application has other columns",
        };
        info!(partner = %member.machine, table = table.table, has, lacks, "{said}");
    }
    machine.note(member.pin, |partner| {
        partner.unlike.insert(database.name().to_owned(), unlike);
    });
    Ok(())
}

/// Learns what a partner has seen happen to columns and names. Answers all that is known here then.
pub(crate) async fn learn(
    of: (&Machine, &Member),
    database: &Database,
    theirs: Facts,
) -> Result<Facts> {
    let (name, theirs) = (database.name().to_owned(), convert::facts_in(theirs));
    let known = database
        .call(move |store| {
            store.learn_facts(&theirs)?;
            store.facts()
        })
        .await?;
    // Only now it may be known whose columns are newer.
    note_unlike(of, database).await?;
    Ok(convert::facts_out(&name, known))
}

/// Something to wait for, by the name of its database.
pub(crate) type ByName = Vec<(String, watch::Receiver<u64>)>;

pub(crate) async fn first_moved(moved: &mut ByName) -> String {
    let waiting = moved.iter_mut().map(|(name, end)| {
        Box::pin(async move {
            if end.changed().await.is_err() {
                // The database is gone with the daemon.
                std::future::pending::<()>().await;
            }
            name.clone()
        })
    });
    let waiting: Vec<_> = waiting.collect();
    if waiting.is_empty() {
        return std::future::pending().await;
    }
    futures_util::future::select_all(waiting).await.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, rows: u64, digest: &str) -> wire::TableDigest {
        wire::TableDigest {
            name: name.to_owned(),
            rows,
            digest: digest.to_owned(),
            untracked: false,
            unshown: None,
        }
    }

    #[test]
    fn an_empty_table_that_the_other_side_has_not_is_no_difference() {
        let ours = [table("a", 1, "x"), table("b", 0, "0")];
        assert!(is_equal(&ours, &[table("A", 1, "x")]));
        assert!(!is_equal(&ours, &[table("A", 1, "y")]));
        assert!(!is_equal(&ours, &[table("b", 0, "0")]));
        assert!(!is_equal(&[], &[table("a", 1, "x")]));
        let waits = [wire::TableDigest { unshown: Some("7".to_owned()), ..table("A", 1, "x") }];
        assert!(is_equal(&ours, &waits) && !shows_the_same(&ours, &waits));
        assert!(shows_the_same(&waits, &waits));
        let let_go = wire::TableDigest { untracked: true, ..table("A", 1, "y") };
        let let_go = [let_go];
        assert!(is_equal(&ours, &let_go) && is_equal(&let_go, &ours));
    }
}
