//! Looking: what the application's tools did to the tracked tables since the last time.
//!
//! Whoever writes has looked: a transaction that finds another schema than the one that was looked at begins again.
//!
//! ```text
//!   our triggers are                the table is                    what follows
//!   on it, all of them              there, declared as before       nothing
//!                                   declared otherwise              its columns are looked at
//!   on a table of another name      gone                            renamed: it goes on under that name
//!                                   there                           made anew, the old one kept: that one is let alone
//!   nowhere, or not all of them     there                           made anew: its rows are compared
//!                                   gone                            it waits; found again by its rows, or by what others say
//! ```
//!
//! # Invariants
//!
//! * What is found is written down in the transaction that puts the triggers in place: no write falls between.
//! * A table that is away holds back nothing of the others.

mod again;
mod claims;
mod columns;
mod fills;
mod unify;
mod values;

use crate::catalogue::{Description, describe, is_ours};
use crate::error::Doing as _;
use crate::facts::Fact;
use crate::listing::Kind;
use crate::store::Flush;
use crate::tx::{Tx, meta, set_meta};
use crate::{Error, Result, Store, revive, trigger};
use rusqlite::params;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use claims::Claims;

/// What a tool may be in the middle of is looked at again so often.
const AGAIN: Duration = Duration::from_secs(1);
/// It is over when nobody has written for so long,
const SETTLED: Duration = Duration::from_secs(3);
/// and after so long in any case.
const OVER: Duration = Duration::from_secs(10);
/// A schema that changes again while it is looked at is looked at again; so often at a time.
const LOOKS_MAX: usize = 20;

/// What the sidecar says of a table that is here,
const HERE: i64 = 0;
/// of one that is not, or not whole yet,
const AWAY: i64 = 1;
/// and of one that needs something that only its application has.
const UNFIT: i64 = 2;

/// Triggers of ours by table, and by the name of the table that they are on.
type Triggers = BTreeMap<i64, BTreeMap<String, BTreeSet<String>>>;

/// Between the statements that made a table and its indexes.
const BETWEEN: char = '\u{1e}';

/// What is remembered between two looks.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The schema that was looked at.
    version: Option<i64>,
    /// Tables that are away.
    away: HashMap<i64, Away>,
    /// SQLite's word for what others have committed, and when it was last another one.
    data: (i64, Duration),
    /// When the last look was.
    at: Duration,
    /// A look is under way.
    looking: bool,
    /// What looks told of the columns of these tables is to be followed here too, once the log is folded.
    told: BTreeSet<i64>,
    /// Tables that were renamed a moment ago: what they were called, and when that was seen.
    renamed: HashMap<i64, (String, Duration)>,
}

/// A table that is away.
#[derive(Clone, Copy, Debug)]
struct Away {
    since: Duration,
    /// Time will tell: another table could be it, or its rows are on their way.
    asks: bool,
}

impl Seen {
    pub(crate) fn looking(&self) -> bool {
        self.looking
    }

    /// The tables of which a look told anything since that was last followed here.
    pub(crate) fn told(&self) -> &BTreeSet<i64> {
        &self.told
    }

    pub(crate) fn followed(&mut self) {
        self.told.clear();
    }

    /// Nobody has written for a while, or it is long enough.
    fn is_over(&self, table: i64, now: Duration) -> bool {
        let is_quiet = self.data.1 + SETTLED <= now;
        self.away.get(&table).is_some_and(|away| {
            (is_quiet && away.since + SETTLED <= now) || away.since + OVER <= now
        })
    }
}

/// A tracked table, as it was at the last look.
#[derive(Clone)]
struct Tracked {
    id: i64,
    name: String,
    /// What the shop calls it.
    first: String,
    /// The statements that made it and its indexes.
    declared: Option<String>,
    away: i64,
    /// All of its rows are to be compared, whatever became of it.
    compare: bool,
}

/// What became of a table.
#[derive(Debug, PartialEq, Eq)]
enum Became {
    /// It is as it was.
    Same,
    /// It is there, under this name, declared otherwise or for the first time.
    Changed { name: String },
    /// It was made anew under this name. `old`: where our triggers still are.
    Remade { name: String, old: Option<String> },
    /// It is away.
    Away,
}

impl Store {
    /// Looks, if the schema changed, or a tool was in the middle of something.
    pub(crate) fn look_if_due(&mut self) -> Result<()> {
        let now = self.options.clock.elapsed();
        let is_unsure =
            !self.seen.renamed.is_empty() || self.seen.away.values().any(|away| away.asks);
        if is_unsure {
            self.note_commits(now)?;
        }
        let is_due = is_unsure && self.seen.at + AGAIN <= now;
        if self.schema_moved()? || is_due { self.look() } else { Ok(()) }
    }

    /// Notes whether others have written.
    fn note_commits(&mut self, now: Duration) -> Result<()> {
        let data = data_version(&self.conn)?;
        if self.seen.data.0 != data {
            self.seen.data = (data, now);
        }
        Ok(())
    }

    /// The schema that was looked at.
    pub(crate) fn seen_version(&self) -> i64 {
        self.seen.version.unwrap_or(-1)
    }

    /// Is the schema another one than was looked at?
    pub(crate) fn schema_moved(&self) -> Result<bool> {
        Ok(self.seen.version != Some(schema_version(&self.conn)?))
    }

    /// Writes without having looked: what a look itself stands on.
    pub(crate) fn seen_nothing<T>(
        &mut self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T>,
    ) -> Result<T> {
        let before = std::mem::replace(&mut self.seen.looking, true);
        let done = self.write(Flush::Later, work);
        self.seen.looking = before;
        done
    }

    /// Begins a transaction that writes, by somebody who has looked. `safely`: says how, before it begins.
    pub(crate) fn begin_looked(&mut self, safely: &dyn Fn(&Self) -> Result<()>) -> Result<()> {
        for _ in 0..LOOKS_MAX {
            self.conn.execute_batch("BEGIN IMMEDIATE").doing("begin a transaction")?;
            if self.seen.looking || !self.schema_moved()? {
                return Ok(());
            }
            self.conn.execute_batch("ROLLBACK").doing("begin a transaction again")?;
            self.look()?;
            safely(self)?;
        }
        Err(Error::Busy)
    }

    /// Looks at all tracked tables, whatever was seen before.
    pub(crate) fn look(&mut self) -> Result<()> {
        if !self.opening {
            self.keep_ours()?;
        }
        self.open_spare();
        let now = self.now_sql().to_owned();
        let elapsed = self.options.clock.elapsed();
        self.note_commits(elapsed)?;
        let mut seen = std::mem::take(&mut self.seen);
        seen.at = elapsed;
        self.seen.looking = true;
        let looked = self.write(Flush::Now, |tx| {
            let version = tx.look(&now, &mut seen)?;
            // A tool that is dropping tables of ours is not through: what is missing is put back at the next look.
            Ok(revive::is_all_there(&tx.listing).then_some(version))
        });
        seen.version = looked.as_ref().ok().copied().flatten();
        self.seen = seen;
        looked.map(|_| ())
    }
}

fn schema_version(conn: &rusqlite::Connection) -> Result<i64> {
    conn.query_row("PRAGMA schema_version", [], |row| row.get(0))
        .doing("ask whether the schema changed")
}

/// A number that is another one when another connection has committed.
pub(crate) fn data_version(conn: &rusqlite::Connection) -> Result<i64> {
    conn.query_row("PRAGMA data_version", [], |row| row.get(0))
        .doing("ask whether others have written")
}

impl Tx<'_> {
    /// A number that is another one when the schema changed.
    pub(crate) fn schema_version(&self) -> Result<i64> {
        schema_version(self.conn)
    }

    /// Looks at all tracked tables. Answers the schema as it is then.
    fn look(&mut self, now: &str, seen: &mut Seen) -> Result<i64> {
        let mut changed: Vec<(Tracked, Became)> = Vec::new();
        let ours = self.our_triggers();
        let tracked = self.tracked()?;
        let known: BTreeSet<String> = meta::<String>(self.conn, "tables")?
            .map(|names| names.split('\n').map(str::to_owned).collect())
            .unwrap_or_default();
        let elapsed = self.clock.elapsed();
        let mut moved = false;
        let claims = self.claims(&tracked, (&ours, &known))?;
        seen.renamed.retain(|_, (_, at)| elapsed < *at + OVER);
        for table in &tracked {
            let is_over = seen.is_over(table.id, elapsed);
            let (mut became, candidate) = self.became(table, (&ours, &claims));
            if let (Became::Same, Some((before, _))) = (&became, seen.renamed.get(&table.id))
                && !tracked.iter().any(|other| other.name.eq_ignore_ascii_case(before))
                && self.listing.named(before).is_some_and(|there| there.kind == Kind::Table)
                && self.likeness(table, before)?.is_some()
            {
                // It was put away under another name, for a new one in its place.
                became = Became::Remade { name: before.clone(), old: Some(table.name.clone()) };
            }
            if let Became::Changed { name } = &became
                && *name != table.name
            {
                seen.renamed.insert(table.id, (table.name.clone(), elapsed));
            }
            let mut asks = candidate.is_some();
            let became = match (became, candidate) {
                (Became::Away, Some(name)) if is_over => Became::Remade { name, old: None },
                (Became::Remade { name, .. }, _)
                    if !is_over && !self.holds_half(table.id, &name)? =>
                {
                    asks = true;
                    Became::Away
                }
                (Became::Same, _) if table.compare => Became::Changed { name: table.name.clone() },
                (became, _) => became,
            };
            if became == Became::Away {
                let since = seen.away.get(&table.id).map_or(elapsed, |away| away.since);
                seen.away.insert(table.id, Away { since, asks });
            } else {
                seen.away.remove(&table.id);
            }
            let is_back = table.away == AWAY && became == Became::Same;
            let away = if became == Became::Away { AWAY } else { HERE };
            if (became == Became::Away || is_back) && away != table.away {
                self.write_away(table.id, away)?;
                moved = true;
            }
            if matches!(became, Became::Away | Became::Remade { .. }) {
                self.anew.insert(table.id, elapsed);
            }
            if !matches!(became, Became::Same | Became::Away) {
                changed.push((table.clone(), became));
            }
        }
        seen.away.retain(|id, _| tracked.iter().any(|table| table.id == *id));
        if !changed.is_empty() {
            self.take_up(&changed, now)?;
            seen.told.extend(changed.iter().map(|(table, _)| table.id));
        } else if moved {
            self.load_catalogue()?;
        }
        // What is away may come back under the name of a table that is made later.
        if seen.away.is_empty() {
            self.remember_tables(&known)?;
        }
        schema_version(self.conn)
    }

    /// Writes down whether a table is away.
    fn write_away(&self, table: i64, away: i64) -> Result<()> {
        self.conn
            .prepare_cached("UPDATE _dunlin_table SET away = ?2 WHERE id = ?1")
            .and_then(|mut statement| statement.execute([table, away]))
            .doing("write down that a table is away")?;
        Ok(())
    }

    /// Does a table that was made anew hold half as many rows as stood in it?
    fn holds_half(&self, table: i64, name: &str) -> Result<bool> {
        let (on, most) = (
            trigger::quote(name),
            "SELECT count(*) FROM _dunlin_row WHERE tbl = ? AND key IS NOT NULL",
        );
        self.conn
            .query_row(
                &format!("SELECT 2 * (SELECT count(*) FROM {on}) >= ({most})"),
                [table],
                |row| row.get(0),
            )
            .doing("count the rows of a table")
    }

    /// Which tables there were is asked when one is looked for that took another name.
    fn remember_tables(&self, known: &BTreeSet<String>) -> Result<()> {
        let names: BTreeSet<String> = self
            .listing
            .tables()
            .filter(|table| table.kind == Kind::Table && !is_ours(&table.name))
            .map(|table| table.name.to_ascii_lowercase())
            .collect();
        if names == *known {
            return Ok(());
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        set_meta(self.conn, "tables", names.join("\n"))
    }

    /// The tables on which triggers of ours stand, by the number of the table that they are of.
    fn our_triggers(&self) -> Triggers {
        let mut ours = Triggers::new();
        for table in self.listing.tables() {
            for trigger in &table.triggers {
                if let Some(id) = trigger::table_of(&trigger.name) {
                    let on = ours.entry(id).or_default().entry(table.name.clone()).or_default();
                    on.insert(trigger.name.to_ascii_lowercase());
                }
            }
        }
        ours
    }

    fn tracked(&self) -> Result<Vec<Tracked>> {
        let doing = "list the tracked tables";
        let mut statement = self
            .conn
            .prepare_cached(
                "SELECT id, name, coalesce(first, name), declared, away, ghosts = 2 FROM _dunlin_table WHERE tracked = 1 ORDER BY id",
            )
            .doing(doing)?;
        let tables = statement
            .query_map([], |row| {
                Ok(Tracked {
                    id: row.get(0)?,
                    name: row.get(1)?,
                    first: row.get(2)?,
                    declared: row.get(3)?,
                    away: row.get(4)?,
                    compare: row.get(5)?,
                })
            })
            .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
            .doing(doing)?;
        Ok(tables.into_iter().filter(|table| !is_ours(&table.name)).collect())
    }

    /// What became of a table; with one that is away, another that could be it.
    fn became(
        &self,
        table: &Tracked,
        (ours, claims): (&Triggers, &Claims),
    ) -> (Became, Option<String>) {
        let on = ours.get(&table.id);
        let here = self.listing.named(&table.name).filter(|listed| listed.kind == Kind::Table);
        let name = here.map(|listed| listed.name.clone());
        let triggers = |name: &str| on.and_then(|on| on.get(name));
        let elsewhere = on.and_then(|on| on.keys().find(|on| Some(*on) != name.as_ref()).cloned());
        let Some(name) = name else {
            let candidate = claims.get(&table.id).cloned();
            return match (elsewhere, candidate) {
                // Renamed away and kept, and a new one under another name.
                (Some(old), Some((name, _))) => (Became::Remade { name, old: Some(old) }, None),
                (Some(name), None) => (Became::Changed { name }, None),
                (None, Some((name, true))) => (Became::Remade { name, old: None }, None),
                (None, Some((name, false))) => (Became::Away, Some(name)),
                (None, None) => (Became::Away, None),
            };
        };
        let is_whole = triggers(&name).is_some_and(|there| has_all(table.id, there));
        let of_another = ours.iter().any(|(other, on)| {
            *other != table.id && on.get(&name).is_some_and(|there| has_all(*other, there))
        });
        if let (false, true, Some(elsewhere)) = (is_whole, of_another, &elsewhere) {
            // Two changed their names with each other.
            return (Became::Changed { name: elsewhere.clone() }, None);
        }
        let has_witness =
            triggers(&name).is_some_and(|there| there.contains(&trigger::witness(table.id)));
        let is_same = has_witness && self.declaration_of(&name) == table.declared;
        match (is_whole, is_same) {
            (true, true) => (Became::Same, None),
            (true, false) => (Became::Changed { name }, None),
            (false, _) => (Became::Remade { name, old: elsewhere }, None),
        }
    }

    /// The statements that made a table and its indexes.
    fn declaration_of(&self, name: &str) -> Option<String> {
        let listed = self.listing.named(name)?;
        let indexes = listed.indexes.iter().map(|(_, sql)| sql.as_str());
        let all: Vec<&str> = std::iter::once(listed.sql.as_str()).chain(indexes).collect();
        Some(all.join(&BETWEEN.to_string()))
    }

    /// Goes on with tables that changed: their names, columns, triggers, and what has to be compared.
    fn take_up(&mut self, changed: &[(Tracked, Became)], now: &str) -> Result<()> {
        let mut looked = Vec::new();
        self.rename(changed)?;
        for (table, became) in changed {
            let (name, is_remade) = match became {
                Became::Changed { name } => (name, false),
                Became::Remade { name, old } => {
                    if old.is_some() {
                        self.remove_triggers(table.id)?;
                    }
                    (name, true)
                }
                Became::Same | Became::Away => continue,
            };
            // Changed beyond use: it waits as one that is away.
            let Ok(description) = describe(self.conn, &self.listing, name) else { continue };
            let refers = |text: &&str| text.to_ascii_lowercase().contains("references");
            let before = table.declared.as_deref().filter(refers).and_then(described_before);
            let actions = match &before {
                Some(before) => self.actions(table.id, before)?,
                None => Vec::new(),
            };
            let columns = self.look_at_columns(table, &description, is_remade)?;
            looked.push((table, name, is_remade, columns, actions));
        }
        self.load_catalogue()?;
        for (table, _, is_remade, columns, _) in &looked {
            let Some(there) = self.catalogue.id(table.id).cloned() else { continue };
            let unfit = self.cannot_write(&there)?;
            let away = if unfit.is_some() { UNFIT } else { HERE };
            if away != table.away {
                self.write_away(table.id, away)?;
            }
            for statement in trigger::install(&there, now) {
                self.conn.execute_batch(&statement).doing("put the triggers in place")?;
            }
            if *is_remade || table.compare {
                self.conn
                    .execute(&trigger::list_rows(&there, trigger::LISTED, now), [])
                    .doing("list the rows that are there")?;
            }
            self.look_at_fills(&there, columns)?;
            self.ask_for_fresh(&there, columns)?;
            if table.compare {
                self.find_ghosts_of(table.id)?;
            }
        }
        // Once all rows are listed: what one table did to another was before the look of both.
        for (table, name, is_remade, columns, actions) in &looked {
            if self.catalogue.id(table.id).is_some() {
                self.written_until(table, (name, *is_remade), columns)?;
                self.note_actions(actions, self.last_line)?;
            }
        }
        self.load_catalogue()
    }

    /// Values of columns that came back, or were only heard of until now, are not here.
    fn ask_for_fresh(&mut self, table: &crate::Table, columns: &columns::Looked) -> Result<()> {
        let fresh = table.columns.iter().filter(|column| columns.fresh.contains(&column.number));
        match fresh.map(|column| column.lost).max() {
            Some(lost) => self.ask_for_rows(table.id, lost),
            None => Ok(()),
        }
    }

    /// All lines up to now were written before this look.
    fn written_until(
        &mut self,
        table: &Tracked,
        (name, is_remade): (&str, bool),
        columns: &columns::Looked,
    ) -> Result<()> {
        let doing = "write down what a table looks like";
        let last: i64 = self
            .conn
            .query_row("SELECT coalesce(max(n), 0) FROM _dunlin_log", [], |row| row.get(0))
            .doing(doing)?;
        self.last_line = self.last_line.max(last);
        let declared = self.declaration_of(name);
        self.conn
            .prepare_cached(
                "UPDATE _dunlin_table SET declared = ?2, changed = ?3, again = 0, ghosts = max(ghosts, ?4),
                 remade = CASE WHEN ?4 THEN ?3 ELSE remade END WHERE id = ?1",
            )
            .and_then(|mut statement| {
                statement.execute(params![table.id, declared, last, is_remade])
            })
            .doing(doing)?;
        for number in &columns.fresh {
            self.conn
                .prepare_cached("UPDATE _dunlin_column SET since = ?2 WHERE number = ?1")
                .and_then(|mut statement| statement.execute(params![number, last]))
                .doing(doing)?;
        }
        self.cache.columns.remove(&table.id);
        Ok(())
    }

    /// Rows that are not there are looked for.
    fn find_ghosts_of(&self, table: i64) -> Result<()> {
        self.conn
            .execute("UPDATE _dunlin_table SET ghosts = 1 WHERE id = ?", [table])
            .doing("ask where rows went")?;
        Ok(())
    }

    /// Binds the columns of tables that are newly tracked.
    pub(crate) fn bind_new(&mut self, tables: &[std::sync::Arc<crate::Table>]) -> Result<()> {
        for table in tables {
            let tracked = Tracked {
                id: table.id,
                name: table.name.clone(),
                first: table.first.clone(),
                declared: None,
                away: HERE,
                compare: false,
            };
            let description = describe(self.conn, &self.listing, &table.name)?;
            self.look_at_columns(&tracked, &description, false)?;
            self.conn
                .execute(
                    "UPDATE _dunlin_table SET declared = ?2 WHERE id = ?1",
                    params![table.id, self.declaration_of(&table.name)],
                )
                .doing("write down what a table looks like")?;
        }
        self.load_catalogue()?;
        // The shape of rows that say none: those that are there.
        for table in tables {
            if let Some(table) = self.catalogue.id(table.id).cloned() {
                self.full_shape(&table)?;
            }
        }
        Ok(())
    }

    /// Writes down what tables are called now, and tells others.
    fn rename(&mut self, changed: &[(Tracked, Became)]) -> Result<()> {
        let doing = "write down what a table is called";
        let mut renamed = Vec::new();
        for (table, became) in changed {
            if let Became::Changed { name } | Became::Remade { name, .. } = became
                && *name != table.name
            {
                renamed.push((table, name));
            }
        }
        // Two may have changed their names with each other.
        for (table, _) in &renamed {
            self.conn
                .execute(
                    "UPDATE _dunlin_table SET first = coalesce(first, name), name = '_dunlin_moving_' || id WHERE id = ?",
                    [table.id],
                )
                .doing(doing)?;
        }
        for (table, name) in renamed {
            self.make_way(name)?;
            self.conn
                .execute(
                    "UPDATE _dunlin_table SET name = ?2 WHERE id = ?1",
                    params![table.id, name],
                )
                .doing(doing)?;
            self.conn
                .execute(
                    "UPDATE OR REPLACE _dunlin_reference SET child = ?2 WHERE child = ?1",
                    params![table.name, name],
                )
                .and_then(|_| {
                    self.conn.execute(
                        "UPDATE _dunlin_reference SET parent = ?2 WHERE parent = ?1",
                        params![table.name, name],
                    )
                })
                .doing(doing)?;
            if !name.eq_ignore_ascii_case(&table.first) {
                let name = name.to_ascii_lowercase();
                self.say(&table.first, &Fact::Called { name })?;
            }
        }
        Ok(())
    }

    /// A table that was only heard of under this name is not the one that is here.
    pub(crate) fn make_way(&self, name: &str) -> Result<()> {
        self.conn
            .execute(
                "UPDATE _dunlin_table SET first = coalesce(first, name), name = name || '~' || id WHERE name = ?",
                [name],
            )
            .doing("write down what a table is called")?;
        Ok(())
    }

    pub(crate) fn remove_triggers(&self, table: i64) -> Result<()> {
        for statement in trigger::remove(table) {
            self.conn.execute_batch(&statement).doing("take the triggers away")?;
        }
        Ok(())
    }
}

/// Are these all the triggers of a table without which writes are missed?
fn has_all(table: i64, there: &BTreeSet<String>) -> bool {
    trigger::always(table).iter().all(|trigger| there.contains(trigger))
}

/// A table as it was at the last look, by the statements that made it.
pub(crate) fn described_before(declared: &str) -> Option<Description> {
    let past = rusqlite::Connection::open_in_memory().ok()?;
    let mut statements = declared.split(BETWEEN);
    past.execute_batch(statements.next()?).ok()?;
    for index in statements {
        // One over a function of the application's own says nothing that is asked here.
        past.execute_batch(index).unwrap_or_default();
    }
    let listing = crate::listing::Listing::read(&past).ok()?;
    let name = listing.tables().next()?.name.clone();
    describe(&past, &listing, &name).ok()
}
