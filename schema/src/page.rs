//! Pages: one bounded piece of the journal, for a partner.
//!
//! ```text
//!   cursor ──▶ entries in the order of pos ──▶ leave out what the partner knows
//!                                              say only when a version is ahead of his clock
//!              … until the limit, or the end ─▶ the last page carries our knowledge
//! ```
//!
//! # Invariants
//!
//! * A page is read in one transaction that sees an empty log: its values are those of its versions.
//! * Knowledge goes out only with the page that reaches the journal's end, read in the same transaction.
//! * What arrived together is not cut, up to the page limit.
//! * No position leaves before a flush that covers it.

use crate::entry::{COLUMNS, Entry};
use crate::error::Doing as _;
use crate::state::{Dot, Dotted, State, Value};
use crate::store::Flush;
use crate::tx::Tx;
use crate::version::Head;
use crate::{Cell, Cells, Error, Known, Millis, Origin, Result, Stamp, Store};
use std::collections::HashMap;
use std::collections::hash_map::Entry::Vacant;
use std::sync::Arc;
use uuid::Uuid;

/// A version further ahead of the receiver's clock than this is withheld.
pub(crate) const AHEAD_MAX: Millis = 60_000;
/// What an entry takes beside its values.
const ENTRY_BYTES: usize = 120;
/// No machine writes so many versions in its life: ten thousand a second for nine hundred years.
pub(crate) const SEQ_MAX: u64 = 1 << 48;
/// So many entries are looked at for one page, also when the partner knows them all.
const SCAN_MAX: usize = 20_000;
/// How often a page begins again because the application wrote meanwhile, before it leaves those rows out.
const TRIES: usize = 4;

/// What a partner asks for.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// Where he stands in our journal.
    pub cursor: u64,
    /// What he knows.
    pub knowledge: Vec<Known>,
    /// His clock.
    pub now: Millis,
    /// How many bytes he wants at most; one row at least.
    pub limit: usize,
    /// He does not know of parts: a row that has some keeps the page back.
    pub plain: bool,
}

/// One bounded piece of a journal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The cursor it starts from.
    pub from: u64,
    /// The cursor after it.
    pub next: u64,
    /// More is to come.
    pub more: bool,
    /// Rows by table and set of columns.
    pub tables: Vec<PageTable>,
    /// Versions ahead of the receiver's clock.
    pub withheld: Vec<Withheld>,
    /// With the last page only.
    pub last: Option<Last>,
}

/// Rows of one table that name the same columns.
#[derive(Clone, Debug, PartialEq)]
pub struct PageTable {
    /// The table.
    pub name: String,
    /// The columns of the values.
    pub columns: Vec<String>,
    /// The versions.
    pub rows: Vec<Row>,
}

/// One version as it travels.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The row.
    pub uuid: Uuid,
    /// When it was written.
    pub stamp: Stamp,
    /// Who wrote it.
    pub origin: Origin,
    /// Its number among its origin's versions.
    pub seq: u64,
    /// What its writer had seen of other origins.
    pub seen: Vec<(Origin, u64)>,
    /// The number that its origin gave the row.
    pub number: Option<i64>,
    /// Rows of one number belong together.
    pub together: u64,
    /// What it says.
    pub body: Body,
    /// What the row's state holds beside a version that wrote all of its values.
    pub parts: Option<Box<Parts>>,
}

/// What a row's state holds beside a version that wrote all of its values. Columns by what the shop calls them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// The version's digest, where its values as they come do not give it.
    pub digest: Option<u64>,
    /// Columns that the version only carried on, and which version wrote them.
    pub dots: Vec<(String, Dot)>,
    /// Columns whose value is not with the sender: the last one known, and who wrote that.
    pub missing: Vec<(String, Option<(Dot, Cell)>)>,
    /// What stands beside the version.
    pub beside: Vec<(String, Dotted)>,
    /// The latest tombstone that lost.
    pub cut: Option<Dot>,
    /// What the writer's table showed in columns that it carried on.
    pub seen: Vec<(String, Cell)>,
}

impl Parts {
    /// Of a state; none of a plain one.
    fn of(state: &State) -> Option<Self> {
        let head = Dot::of(&state.head);
        let own = state.own.iter();
        let digest = crate::standing::own_digest(state);
        let parts = Self {
            digest: (digest != state.head.digest).then_some(state.head.digest),
            dots: own
                .clone()
                .filter(|(_, cell)| cell.dot != head)
                .map(|(id, cell)| (id.to_string(), cell.dot))
                .collect(),
            missing: own
                .filter_map(|(id, cell)| match &cell.value {
                    Value::Missing(last) => Some((id.to_string(), last.clone())),
                    Value::Here(_) => None,
                })
                .collect(),
            beside: state
                .beside
                .iter()
                .map(|((id, _), cell)| (id.to_string(), cell.clone()))
                .collect(),
            cut: state.cut,
            seen: state.seen.iter().map(|(id, cell)| (id.to_string(), cell.clone())).collect(),
        };
        (parts != Self::default()).then_some(parts)
    }

    /// The state of a row whose version says these values; none where no honest partner says so.
    pub(crate) fn state(&self, head: Head, cells: &Cells) -> Option<State> {
        let written = Dot::of(&head);
        let mut state = State::plain(head, cells);
        let id = |id: &String| Arc::<str>::from(id.to_ascii_lowercase());
        for (column, dot) in &self.dots {
            let own = state.own.get_mut(&id(column)).filter(|_| *dot < written)?;
            own.dot = *dot;
        }
        for (column, last) in &self.missing {
            state.own.get_mut(&id(column))?.value = Value::Missing(last.clone());
        }
        state.seen = self.seen.iter().map(|(column, cell)| (id(column), cell.clone())).collect();
        state.cut = self.cut.filter(|cut| *cut < written);
        for (column, cell) in &self.beside {
            state.take(&id(column), cell);
        }
        let last = |value: &Value| match value {
            Value::Missing(Some((dot, _))) => Some(*dot),
            _ => None,
        };
        let cells = state.own.values().chain(state.beside.values());
        let dots = cells.flat_map(|cell| [Some(cell.dot), last(&cell.value)]).flatten();
        let is_sane = |dot: Dot| dot.seq <= SEQ_MAX && dot.seq > 0;
        dots.chain(self.cut).all(is_sane).then_some(state)
    }

    /// A partner that does not know of parts misses nothing but this.
    fn is_cut_alone(&self) -> bool {
        *self == Self { cut: self.cut, ..Self::default() }
    }

    /// About how many bytes they take on the wire.
    fn weight(&self) -> usize {
        /// A column's name, and a dot in digits.
        const PLACE: usize = 60;
        let last = |last: &Option<(Dot, Cell)>| last.as_ref().map_or(0, |(_, cell)| cell.weight());
        let cells = self
            .missing
            .iter()
            .map(|(_, known)| last(known))
            .chain(self.beside.iter().map(|(_, cell)| cell.known().map_or(0, Cell::weight)));
        let cells = cells.chain(self.seen.iter().map(|(_, cell)| cell.weight()));
        self.dots.len() * PLACE + cells.map(|weight| weight + PLACE).sum::<usize>() + PLACE
    }
}

/// What a version says.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// The row is deleted.
    Dead,
    /// Its values, in the order of the page's columns.
    Live(Vec<Cell>),
    /// Its values were left out; they would take so many bytes.
    Size(u64),
}

/// A version that is ahead of the receiver's clock: not sent, only told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// Where it stands in the sender's journal.
    pub pos: u64,
    /// Its time.
    pub time: Millis,
    /// Who wrote it.
    pub origin: Origin,
    /// Its number.
    pub seq: u64,
    /// The row: a later version of it answers for this one.
    pub row: Uuid,
}

/// What comes with the last page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    /// What is stored at the sender.
    pub knowledge: Vec<Known>,
    /// The highest stamp of a tombstone that the sender dropped.
    pub floor: Stamp,
}

impl Page {
    /// What no honest partner sends, in words: a seq that nobody can have come to, or a place of no journal.
    pub(crate) fn flaw(&self) -> Option<&'static str> {
        let rows = self.tables.iter().flat_map(|table| &table.rows);
        let of_rows = rows
            .flat_map(|row| std::iter::once(row.seq).chain(row.seen.iter().map(|(_, seq)| *seq)));
        let of_withheld = self.withheld.iter().map(|withheld| withheld.seq);
        let of_known = self.last.iter().flat_map(|last| &last.knowledge).map(|known| known.seq);
        if of_rows.chain(of_withheld).chain(of_known).any(|seq| seq > SEQ_MAX) {
            return Some("it claims more versions than a machine can write");
        }
        if self.next < self.from
            || self.withheld.iter().any(|withheld| i64::try_from(withheld.pos).is_err())
        {
            return Some("its place in the journal is none");
        }
        None
    }

    /// How many versions it carries.
    pub fn rows(&self) -> usize {
        self.tables.iter().map(|table| table.rows.len()).sum()
    }
}

impl Store {
    /// The next piece of our journal for a partner.
    pub fn page(&mut self, ask: &Ask) -> Result<Page> {
        for _ in 0..TRIES {
            self.fold()?;
            self.flush()?;
            // What a change of the schema made of the rows is not looked at yet.
            let looked = self.seen_version();
            let page = self.write(Flush::Reads, |tx| {
                let is_new = tx.schema_version()? != looked || tx.logged()?;
                if is_new { Ok(None) } else { tx.page(ask, false).map(Some) }
            })?;
            if let Some(page) = page {
                return Ok(page);
            }
        }
        if self.schema_moved()? {
            return Err(Error::Busy);
        }
        // The application writes without a pause: the page ends before a row that it has written to.
        self.write(Flush::Reads, |tx| tx.page(ask, true))
    }

    /// One flush before a position that was not flushed leaves this machine.
    fn flush(&mut self) -> Result<()> {
        let end = self.write(Flush::Reads, |tx| Ok(tx.count.pos))?;
        if end <= self.flushed {
            return Ok(());
        }
        self.write(Flush::Now, |tx| {
            tx.conn
                .prepare_cached(
                    "INSERT OR REPLACE INTO _dunlin_meta (key, value) VALUES ('flushed', ?)",
                )
                .and_then(|mut statement| statement.execute([end]))
                .doing("flush the journal")?;
            Ok(())
        })
    }

    /// How many rows of our journal a partner has still to take.
    pub fn waiting_for(&mut self, cursor: u64, knowledge: &[Known]) -> Result<u64> {
        self.write(Flush::Reads, |tx| tx.count_waiting(cursor, knowledge, u64::MAX))
    }

    /// Has a partner still to take any row of our journal?
    pub fn anything_for(&mut self, cursor: u64, knowledge: &[Known]) -> Result<bool> {
        self.write(Flush::Reads, |tx| Ok(tx.count_waiting(cursor, knowledge, 1)? > 0))
    }
}

/// What a partner knows.
struct Knows {
    of: HashMap<Origin, u64>,
    /// The same by the number that an origin has in this file.
    by_number: HashMap<i64, u64>,
}

impl Knows {
    fn of(knowledge: &[Known]) -> Self {
        let of = knowledge.iter().map(|known| (known.origin, known.seq)).collect();
        Self { of, by_number: HashMap::new() }
    }

    fn covers(&self, origin: Origin, seq: u64) -> bool {
        self.of.get(&origin).is_some_and(|known| *known >= seq)
    }
}

impl Tx<'_> {
    /// Up to which of an origin's versions a partner knows all.
    fn known_of(&mut self, knows: &mut Knows, origin: i64) -> Result<u64> {
        if let Some(seq) = knows.by_number.get(&origin) {
            return Ok(*seq);
        }
        let seq = knows.of.get(&self.origin(origin)?).copied().unwrap_or(0);
        knows.by_number.insert(origin, seq);
        Ok(seq)
    }

    /// Counts what a partner has still to take, up to `most`.
    fn count_waiting(&mut self, cursor: u64, knowledge: &[Known], most: u64) -> Result<u64> {
        let doing = "count what waits";
        let mut known = Knows::of(knowledge);
        let conn = self.conn;
        let mut statement = conn
            .prepare_cached(
                "SELECT origin, seq, own, tbl, uuid FROM _dunlin_row WHERE pos > ? ORDER BY pos",
            )
            .doing(doing)?;
        let mut rows = statement.query([cursor]).doing(doing)?;
        let mut waiting = 0;
        while let Some(row) = rows.next().doing(doing)? {
            let (id, seq): (i64, u64) = (row.get(0).doing(doing)?, row.get(1).doing(doing)?);
            let mut waits = self.known_of(&mut known, id)? < seq;
            if !waits && row.get::<_, Option<i64>>(2).doing(doing)?.is_some() {
                let uuid = crate::cursor::uuid(row, 4).doing(doing)?;
                let part = self.part(row.get(3).doing(doing)?, uuid)?;
                waits = !part.others().all(|dot| known.covers(dot.origin, dot.seq));
            }
            waiting += u64::from(waits);
            if waiting >= most {
                break;
            }
        }
        Ok(waiting)
    }
}

/// A page in the making.
pub(crate) struct Draft {
    from: u64,
    items: Vec<Item>,
    /// What the shop calls their tables.
    names: HashMap<i64, String>,
    withheld: Vec<Withheld>,
    bytes: usize,
    scanned: usize,
    to: u64,
    /// Versions whose values are not here, which a partner that does not know of parts cannot be told.
    lost: Vec<Entry>,
}

/// A table and columns of it.
type Columns = (i64, Vec<Arc<str>>);

/// A row of a page in the making.
struct Item {
    pos: u64,
    table: i64,
    columns: Vec<Arc<str>>,
    row: Row,
}

impl Tx<'_> {
    pub(crate) fn logged(&self) -> Result<bool> {
        self.conn
            .prepare_cached(&format!(
                "SELECT EXISTS (SELECT 1 FROM _dunlin_log WHERE kind <> 0{})",
                self.catalogue.in_sight()
            ))
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .doing("look into the log")
    }

    /// Rows with a line in the log: their values are newer than their versions.
    pub(crate) fn is_logged(&self, entry: &Entry) -> Result<bool> {
        let (Some(table), Some(key)) = (self.catalogue.id(entry.table), &entry.key) else {
            return Ok(false);
        };
        let cells = key.cells()?;
        let at: Vec<String> =
            (0..table.key.len()).map(|part| format!("k{part} = ?{}", part + 2)).collect();
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM _dunlin_log WHERE tbl = ?1 AND {})",
            at.join(" AND ")
        );
        let parameters = std::iter::once(Cell::Integer(entry.table)).chain(cells);
        self.conn
            .prepare_cached(&sql)
            .and_then(|mut statement| {
                statement.query_row(rusqlite::params_from_iter(parameters), |row| row.get(0))
            })
            .doing("look into the log")
    }

    fn page(&mut self, ask: &Ask, leave_logged_out: bool) -> Result<Page> {
        self.refuse_claims(&ask.knowledge)?;
        let mut known = Knows::of(&ask.knowledge);
        let mut draft = Draft::from(ask.cursor);
        let (mut cut, doing) = (false, "read the journal");
        let conn = self.conn;
        let mut statement = conn
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM _dunlin_row WHERE pos > ? ORDER BY pos"
            ))
            .doing(doing)?;
        let mut rows = statement.query([ask.cursor]).doing(doing)?;
        while let Some(row) = rows.next().doing(doing)? {
            if draft.scanned == SCAN_MAX {
                cut = true;
                break;
            }
            draft.scanned += 1;
            let (origin, seq) = (row.get(5).doing(doing)?, row.get::<_, u64>(6).doing(doing)?);
            let has_parts = row.get::<_, Option<i64>>(14).doing(doing)?.is_some();
            if !has_parts && seq <= self.known_of(&mut known, origin)? {
                draft.to = row.get(0).doing(doing)?;
                continue;
            }
            let entry = self.entry_of(row)?;
            if self.is_known(&entry, &known)? {
                draft.to = entry.pos;
                continue;
            }
            if entry.head.stamp.millis() > ask.now.saturating_add(AHEAD_MAX) {
                draft.withheld.push(Withheld {
                    pos: entry.pos,
                    time: entry.head.stamp.millis(),
                    origin: entry.head.origin,
                    seq: entry.head.seq,
                    row: entry.uuid,
                });
                draft.to = entry.pos;
                continue;
            }
            // It moves to the journal's end with its next fold; until then the page ends before it.
            if leave_logged_out && self.is_logged(&entry)? {
                cut = true;
                break;
            }
            if !self.add(&mut draft, &entry, ask)? {
                cut = true;
                break;
            }
        }
        let last = if cut {
            None
        } else {
            let mut knowledge = self.knowledge()?;
            // What cannot be told is not known: another machine may still have it.
            for lost in &draft.lost {
                for known in knowledge.iter_mut().filter(|k| k.origin == lost.head.origin) {
                    if known.seq >= lost.head.seq {
                        (known.seq, known.mark) = (lost.head.seq - 1, None);
                    }
                }
            }
            knowledge.retain(|known| known.seq > 0);
            Some(Last { knowledge, floor: Stamp::ZERO })
        };
        let next = if last.is_some() { self.count.pos.max(ask.cursor) } else { draft.to };
        Ok(draft.finish(next, last))
    }

    /// Adds an entry to the page; false when the page is full, and what belongs together is taken back.
    pub(crate) fn add(&mut self, draft: &mut Draft, entry: &Entry, ask: &Ask) -> Result<bool> {
        let told = self.told(entry)?;
        let lacks_values = |parts: &Parts| !parts.missing.is_empty();
        let Some(Told { columns, body, parts, bytes }) =
            told.filter(|told| !ask.plain || !told.parts.as_deref().is_some_and(lacks_values))
        else {
            draft.to = entry.pos;
            draft.lost.push(entry.clone());
            return Ok(true);
        };
        let parts = match parts {
            Some(parts) if ask.plain && !parts.is_cut_alone() => return Err(Error::TooOld),
            parts => parts.filter(|_| !ask.plain),
        };
        if !draft.items.is_empty() && draft.bytes + bytes > ask.limit {
            let whole = draft.items.iter().rposition(|item| item.row.together != entry.together);
            if let Some(whole) = whole {
                draft.items.truncate(whole + 1);
            }
            draft.to = draft.items.last().map_or(draft.to, |item| item.pos);
            let to = draft.to;
            draft.withheld.retain(|withheld| withheld.pos <= to);
            return Ok(false);
        }
        if let Vacant(name) = draft.names.entry(entry.table) {
            name.insert(self.table_first(entry.table)?);
        }
        draft.bytes += bytes;
        draft.to = entry.pos;
        draft.items.push(Item {
            pos: entry.pos,
            table: entry.table,
            columns,
            row: Row {
                uuid: entry.uuid,
                stamp: entry.head.stamp,
                origin: entry.head.origin,
                seq: entry.head.seq,
                seen: entry.head.seen.clone(),
                number: entry.number,
                together: entry.together,
                body,
                parts,
            },
        });
        Ok(true)
    }

    /// What a row says; none where its values are nowhere.
    fn told(&mut self, entry: &Entry) -> Result<Option<Told>> {
        if entry.head.dead {
            return Ok(Some(Told::without_values(Body::Dead)));
        }
        let of_size = |size| Some(Told::without_values(Body::Size(size)));
        let cells = match self.values(entry)? {
            Some(cells) => cells,
            None => match self.kept_size(entry.uuid)? {
                Some(size) => return Ok(of_size(size)),
                None => Cells::default(),
            },
        };
        let shape = self.shape(entry.table, entry.shape)?;
        if let Some(size) = cells.oversize() {
            return Ok(of_size(size));
        }
        let weight = cells.weight();
        if !entry.parts && cells.len() == shape.columns.len() {
            let (columns, values) = cells.into_pairs().into_iter().unzip();
            let (body, bytes) = (Body::Live(values), weight + ENTRY_BYTES);
            return Ok(Some(Told { columns, body, parts: None, bytes }));
        }
        let Some(state) = self.state(entry)? else { return Ok(None) };
        let parts = Parts::of(&state);
        let (columns, values): (_, Vec<Cell>) = state
            .own
            .into_iter()
            .map(|(id, cell)| (id, cell.cell().cloned().unwrap_or(Cell::Null)))
            .unzip();
        let bytes = weight + ENTRY_BYTES + parts.as_ref().map_or(0, Parts::weight);
        Ok(Some(Told { columns, body: Body::Live(values), parts: parts.map(Box::new), bytes }))
    }

    /// Does a partner know all that a row is made of?
    fn is_known(&mut self, entry: &Entry, known: &Knows) -> Result<bool> {
        if !known.covers(entry.head.origin, entry.head.seq) {
            return Ok(false);
        }
        if !entry.parts {
            return Ok(true);
        }
        let part = self.part(entry.table, entry.uuid)?;
        Ok(part.others().all(|dot| known.covers(dot.origin, dot.seq)))
    }
}

/// A row as it is told.
struct Told {
    columns: Vec<Arc<str>>,
    body: Body,
    parts: Option<Box<Parts>>,
    bytes: usize,
}

impl Told {
    fn without_values(body: Body) -> Self {
        Self { columns: Vec::new(), body, parts: None, bytes: ENTRY_BYTES }
    }
}

impl Draft {
    /// Nothing yet, from a cursor on.
    pub(crate) fn from(cursor: u64) -> Self {
        Self {
            from: cursor,
            items: Vec::new(),
            names: HashMap::new(),
            withheld: Vec::new(),
            bytes: 0,
            scanned: 0,
            to: cursor,
            lost: Vec::new(),
        }
    }

    /// A page of rows that were asked for by name: no piece of the journal. `more`: not all fit.
    pub(crate) fn named(self, more: bool) -> Page {
        let from = self.from;
        Page { more, withheld: Vec::new(), ..self.finish(from, None) }
    }

    fn finish(self, next: u64, last: Option<Last>) -> Page {
        let mut tables: Vec<PageTable> = Vec::new();
        let mut at: HashMap<Columns, usize> = HashMap::new();
        let mut recent: Option<(usize, Columns)> = None;
        for Item { table, columns, row, .. } in self.items {
            let of = (table, columns);
            // Mostly a row is of the same table as the one before it.
            let index = match &recent {
                Some((index, recent)) if *recent == of => *index,
                _ => *at.entry(of.clone()).or_insert_with_key(|(table, columns)| {
                    tables.push(PageTable {
                        name: self.names.get(table).cloned().unwrap_or_default(),
                        columns: columns.iter().map(ToString::to_string).collect(),
                        rows: Vec::new(),
                    });
                    tables.len() - 1
                }),
            };
            recent = Some((index, of));
            if let Some(table) = tables.get_mut(index) {
                table.rows.push(row);
            }
        }
        let (from, withheld) = (self.from, self.withheld);
        Page { from, next, more: last.is_none(), tables, withheld, last }
    }
}

/// The digest of a version whose values are left out: all that everybody knows of it.
pub(crate) fn digest_of_size(size: u64) -> u64 {
    Cells::new(vec![("_size".into(), Cell::Integer(size.cast_signed()))]).digest()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::still::{self, NOW};

    /// One table, tracked.
    fn shop() -> (tempfile::TempDir, rusqlite::Connection, Store) {
        still::shop("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
    }

    #[test]
    fn a_page_ends_before_a_row_that_was_written_since_and_never_passes_it() {
        let (_folder, app, mut store) = shop();
        app.execute_batch("INSERT INTO t (v) VALUES ('a'), ('b'), ('c')").unwrap();
        store.fold().unwrap();
        // A line that only asks to look leaves the row where it stands in the journal.
        app.execute_batch(
            "INSERT INTO _dunlin_log (tbl, kind, k0) SELECT id, 6, 2 FROM _dunlin_table WHERE name = 't'",
        )
        .unwrap();
        let ask = Ask { now: NOW, limit: 1 << 20, ..Ask::default() };
        let page = store.write(Flush::Reads, |tx| tx.page(&ask, true)).unwrap();
        assert_eq!((page.rows(), page.next, page.more), (1, 1, true));
        let rest = store.page(&Ask { cursor: page.next, ..ask }).unwrap();
        assert_eq!((rest.rows(), rest.more), (2, false));
    }

    /// With a clock that stands still only the number tells two rows of one key apart.
    #[test]
    fn no_number_of_the_log_is_given_twice_though_the_fold_empties_it() {
        let (_folder, app, mut store) = shop();
        let mut uuids = Vec::new();
        for _ in 0..2 {
            app.execute_batch("INSERT INTO t VALUES (1, 'a')").unwrap();
            assert!(store.fold().unwrap(), "there was a line");
            assert!(!store.fold().unwrap(), "and it is folded once");
            app.execute_batch("DELETE FROM t").unwrap();
            store.fold().unwrap();
            let ask = Ask { now: NOW, limit: 1 << 20, ..Ask::default() };
            let page = store.page(&ask).unwrap();
            uuids = page.tables.iter().flat_map(|t| &t.rows).map(|row| row.uuid).collect();
        }
        uuids.sort_unstable();
        uuids.dedup();
        assert_eq!(uuids.len(), 2, "the second row is another one");
    }
}
