//! What one session moves: pages in, pages out, and the comparison at its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dunlin_logs::{Direction, Outcome, Session, span};
use dunlin_rpc::limits;
use dunlin_rpc::method::partner::PartnerClient as _;
use dunlin_rpc::wire::partner::{DigestAsk, GetPage, PutPage};
use dunlin_schema::{Ask, Clock as _, Known, Origin, Sender, Store};
use tracing::{Instrument as _, info};
use uuid::Uuid;

use super::driver::Driver;
use super::session::{self, Event, State, Step};
use super::tell::{
    digests, heard, is_equal, joined, look_at, shows_the_same, skew, stop_at, weight,
};
use crate::convert;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::machine::Waiting;

/// A page is sized so that the receiver holds his application's write lock about so long.
const APPLY_TIME: Duration = Duration::from_millis(20);
/// A page is never asked to be smaller than this.
const PAGE_BYTES_MIN: u64 = 32 * 1024;
/// The first page of a link, before we know how fast the other side is.
pub(super) const PAGE_BYTES_FIRST: u64 = 128 * 1024;
/// A partner that did not know a value is asked for it again after so long.
const ASK_AGAIN: Duration = Duration::from_mins(1);
/// So many rows that the partner knows already may stand between his cursor and our end before we move it.
const CURSOR_LAG_MAX: u64 = 1_000;

/// One database, as the other side has it.
pub(super) struct Side {
    pub(super) database: Database,
    /// The partner's machine and epoch.
    pub(super) origin: Origin,
    /// His cursor in our journal.
    pub(super) cursor: u64,
    /// The end of his journal, as he last said.
    pub(super) end: u64,
    /// What he knows.
    pub(super) knowledge: Vec<Known>,
    /// Up to here our journal holds nothing for him, as was seen: what he knows only grows while the link lives.
    pub(super) nothing_before: u64,
    /// How large a page he, and we, can apply in time.
    pub(super) limit_in: u64,
    pub(super) limit_out: u64,
    /// The next page, fetched or made while the last one is being applied: two are under way, never more.
    pub(super) ahead_in: Option<dunlin_rpc::wire::page::Page>,
    pub(super) ahead_out: Option<dunlin_schema::Page>,
    /// Versions were withheld from him over this link.
    pub(super) withheld: bool,
    /// How far he was asked for values that are not here.
    pub(super) asked: Asked,
    pub(super) pull: bool,
    pub(super) push: bool,
}

/// How far a partner was asked for values that are not here: he may come to know them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    after: i64,
    since: Option<Instant>,
}

impl Asked {
    /// From where in the list to go on.
    pub(super) fn after(&mut self) -> i64 {
        if self.since.is_some_and(|since| since.elapsed() > ASK_AGAIN) {
            *self = Self::default();
        }
        self.after
    }

    /// He was asked for all up to this one.
    pub(super) fn up_to(&mut self, last: i64) {
        self.after = last;
        self.since.get_or_insert_with(Instant::now);
    }
}

/// What one session moved.
#[derive(Default)]
struct Totals {
    sent: u64,
    received: u64,
    applied: u64,
    held: u64,
    conflicts: u64,
    bytes_out: u64,
    bytes_in: u64,
    /// A page that only moves his cursor has been given.
    moved: bool,
}

impl Driver<'_> {
    /// One session over one database, and its line in the history.
    pub(super) async fn session(&mut self, name: &str) -> Result<()> {
        let Some(side) = self.sides.get_mut(name) else { return Ok(()) };
        let wanted = Event::Wanted {
            pull: std::mem::take(&mut side.pull),
            push: std::mem::take(&mut side.push),
        };
        let wanted = match wanted {
            Event::Wanted { pull: false, push: true } if !side.has_something().await? => {
                return Ok(());
            }
            Event::Wanted { pull: false, push: false } => return Ok(()),
            wanted => wanted,
        };
        let (started, begun) = (self.machine.clock.now(), Instant::now());
        let mut totals = Totals::default();
        let span = span::session(self.handle.id, self.member.machine);
        let done = self.run_session(name, wanted, &mut totals).instrument(span).await;
        let failed = done.as_ref().err().map(ToString::to_string);
        let result = match (&failed, totals.held) {
            (Some(_), _) => Outcome::Error,
            (None, 0) => Outcome::Success,
            (None, _) => Outcome::Warning,
        };
        let message = failed.unwrap_or_else(|| match totals.held {
            0 => "level".to_owned(),
            held => format!("level; {held} rows are held"),
        });
        self.machine.remember(Session {
            partner: self.member.machine,
            partner_name: self.member.name.clone(),
            direction: Direction::Dialled,
            started,
            took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            rows_sent: totals.sent,
            rows_received: totals.received,
            applied: totals.applied,
            held: totals.held,
            conflicts: totals.conflicts,
            bytes_sent: totals.bytes_out,
            bytes_received: totals.bytes_in,
            result,
            message,
        });
        if totals.sent + totals.received > 0 {
            info!(
                partner = %self.member.machine,
                rows_out = totals.sent,
                rows_in = totals.received,
                took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                "session done"
            );
        }
        done
    }

    async fn run_session(&mut self, name: &str, wanted: Event, totals: &mut Totals) -> Result<()> {
        let mut failed = None;
        let mut event = wanted;
        let mut state = State::Done;
        loop {
            let (after, step) = session::next(state, event);
            state = after;
            let done = match step {
                Step::Pull(from) => self.pull(name, from, totals).await,
                Step::Push(from) => self.push(name, from, totals).await,
                Step::Compare => self.compare(name, totals).await,
                Step::Close | Step::Ignore => return failed.map_or(Ok(()), Err),
            };
            event = done.unwrap_or_else(|error| {
                failed = Some(error);
                Event::Lost
            });
        }
    }

    /// Asks for one page and applies it.
    async fn pull(&mut self, name: &str, from: Option<u64>, totals: &mut Totals) -> Result<Event> {
        let (link, machine, pin, skew) =
            (self.link, self.machine.clone(), self.member.pin, self.skew);
        let side = self.sides.get_mut(name).ok_or(Error::Stopping)?;
        let origin = side.origin;
        let (cursor, knowledge) = side
            .database
            .call(move |store| {
                if from.is_none() {
                    store.ask_again(origin, skew)?;
                }
                Ok((store.cursor(origin)?, store.knowledge()?))
            })
            .await?;
        let limit = side.limit_in;
        let ask = |cursor| GetPage {
            database: name.to_owned(),
            cursor,
            knowledge: convert::knowledge_out(&knowledge),
            now: machine.now(),
            limit,
            rows: Vec::new(),
        };
        let ahead = side.ahead_in.take().filter(|page| from == Some(page.from));
        let page = match ahead.filter(|page| page.from == cursor) {
            Some(page) => page,
            None => link.partner_getdata(ask(cursor)).await.map_err(heard)?,
        };
        self.handle.sign_of_life();
        let (more, next) = (page.more, page.next);
        totals.received += page.rows() as u64;
        let bytes = weight(&page);
        totals.bytes_in += bytes;
        if let Some(last) = &page.last {
            side.knowledge = convert::knowledge_in(&last.knowledge);
        }
        if more {
            let (rows, left) = (page.rows() as u64, side.end.saturating_sub(next));
            machine.note(pin, |partner| {
                partner.equal.insert(name.to_owned(), false);
                partner.moved(rows, left);
            });
        }
        let page = convert::page_in(page).inspect_err(|error| stop_at(&machine, pin, error))?;
        let handle = Arc::clone(&self.handle);
        let database = &side.database;
        let applying = async move {
            database.fold().await?;
            let apply = move |store: &mut Store| {
                // Looked at in the database's own thread: what waited in its queue comes too late.
                if handle.is_closing().is_some() {
                    return Ok(None);
                }
                store.apply(&page, Sender { origin, skew }).map(Some)
            };
            database.work(apply).await
        };
        // What goes wrong with the next page shows when it is asked for again.
        let fetching =
            async { if more { link.partner_getdata(ask(next)).await.ok() } else { None } };
        let (applied, ahead) = tokio::join!(applying, fetching);
        let applied = applied.inspect_err(|error| stop_at(&machine, pin, error))?;
        let applied = applied.ok_or(Error::Closing)?;
        look_at(&machine, pin, &applied);
        side.ahead_in = ahead;
        side.limit_in = fitted(side.limit_in, bytes, applied.took);
        totals.applied += applied.applied;
        totals.held += applied.held;
        totals.conflicts += applied.conflicts;
        let push = !more && side.has_something().await?;
        Ok(Event::Pulled { cursor: applied.cursor, more, push })
    }

    /// Gives one page.
    async fn push(&mut self, name: &str, from: Option<u64>, totals: &mut Totals) -> Result<Event> {
        let (link, machine, pin, skew) =
            (self.link, self.machine.clone(), self.member.pin, self.skew);
        let side = self.sides.get_mut(name).ok_or(Error::Stopping)?;
        let (database, knowledge) = (side.database.clone(), side.knowledge.clone());
        let limit = usize::try_from(side.limit_out).unwrap_or(usize::MAX);
        let plain = !self.knows_parts;
        let make = async |cursor| {
            let now = machine.clock.now().saturating_add(skew);
            let ask = Ask { cursor, knowledge: knowledge.clone(), now, limit, plain };
            database.fold().await?;
            database.call(move |store| store.page(&ask)).await
        };
        let page = match side.ahead_out.take().filter(|page| from == Some(page.from)) {
            Some(page) => page,
            None => make(from.unwrap_or(side.cursor))
                .await
                .inspect_err(|error| stop_at(&machine, pin, error))?,
        };
        let page = convert::page_out(page);
        let (more, next) = (page.more, page.next);
        let (rows, bytes) = (page.rows() as u64, weight(&page));
        // He does not know what was withheld from him, whatever we know.
        side.withheld |= !page.withheld.is_empty();
        let learned = page.last.as_ref().filter(|_| !side.withheld);
        let learned = learned.map(|last| convert::knowledge_in(&last.knowledge));
        let put = PutPage { database: name.to_owned(), page, named: false };
        let putting = timed(link.partner_putdata(put));
        // What goes wrong with the next page shows when it is made again.
        let making = async { if more { make(next).await.ok() } else { None } };
        let ((answer, took), ahead) = tokio::join!(putting, making);
        let answer = answer.map_err(heard)?;
        self.handle.sign_of_life();
        side.ahead_out = ahead;
        let took = answer.took_ms.map_or(took, Duration::from_millis);
        side.limit_out = fitted(side.limit_out, bytes, took);
        side.cursor = answer.cursor;
        if let Some(ours) = learned {
            side.knowledge = joined(&side.knowledge, &ours);
        }
        if more {
            let left = side.database.end().saturating_sub(next);
            machine.note(self.member.pin, |partner| partner.moved(rows, left));
        }
        totals.sent += rows;
        totals.bytes_out += bytes;
        Ok(Event::Pushed { cursor: answer.cursor, more })
    }

    /// Values that are not on one of both sides are asked of the other; then both compare.
    async fn compare(&mut self, name: &str, totals: &mut Totals) -> Result<Event> {
        if self.knows_parts {
            self.ask_by_name(name, totals).await?;
        }
        loop {
            let missing = self.compare_tables(name).await?;
            if missing.is_empty() || self.give_by_name(name, missing, totals).await? == 0 {
                break;
            }
        }
        // Both stand as they were found. Only now is his cursor moved over what he gave us himself: nobody waits
        // for that, and once a session is often enough.
        let side = self.sides.get(name).ok_or(Error::Stopping)?;
        let lag = side.database.end().saturating_sub(side.cursor);
        Ok(Event::Compared {
            push: lag > CURSOR_LAG_MAX && !std::mem::replace(&mut totals.moved, true),
        })
    }

    /// Asks for the rows of which a value is not here.
    async fn ask_by_name(&mut self, name: &str, totals: &mut Totals) -> Result<()> {
        let (link, machine, skew) = (self.link, self.machine.clone(), self.skew);
        let side = self.sides.get_mut(name).ok_or(Error::Stopping)?;
        let (database, origin) = (side.database.clone(), side.origin);
        loop {
            let after = side.asked.after();
            let missing = database.call(move |store| store.missing(after)).await?;
            let Some(last) = missing.last() else { return Ok(()) };
            let (last, limit) = (last.number, limits::PAGE_BYTES);
            let ask = GetPage {
                database: name.to_owned(),
                cursor: 0,
                knowledge: Vec::new(),
                now: machine.now(),
                limit,
                rows: missing.into_iter().map(|missing| missing.row).collect(),
            };
            let page = link.partner_getdata(ask).await.map_err(heard)?;
            self.handle.sign_of_life();
            totals.received += page.rows() as u64;
            totals.bytes_in += weight(&page);
            let page = convert::page_in(page)?;
            let more = page.more;
            let applied = database
                .work(move |store| store.apply_named(&page, Sender { origin, skew }))
                .await
                .inspect_err(|error| stop_at(&machine, self.member.pin, error))?;
            totals.applied += applied.applied;
            // What did not fit into the page comes with the next one.
            if !more || applied.applied == 0 {
                side.asked.up_to(last);
            }
        }
    }

    /// Gives rows of which a value is not with the partner, as far as they are known here. Answers how many helped.
    async fn give_by_name(
        &mut self,
        name: &str,
        rows: Vec<Uuid>,
        totals: &mut Totals,
    ) -> Result<u64> {
        let (machine, skew) = (self.machine.clone(), self.skew);
        let side = self.sides.get_mut(name).ok_or(Error::Stopping)?;
        let page = side
            .database
            .call(move |store| {
                let now = machine.clock.now().saturating_add(skew);
                let limit = usize::try_from(limits::PAGE_BYTES).unwrap_or(usize::MAX);
                store.rows_named(&rows, &Ask { now, limit, ..Ask::default() })
            })
            .await?;
        let page = convert::page_out(page);
        let given = page.rows() as u64;
        if given == 0 {
            return Ok(0);
        }
        totals.sent += given;
        totals.bytes_out += weight(&page);
        let put = PutPage { database: name.to_owned(), page, named: true };
        let answer = self.link.partner_putdata(put).await.map_err(heard)?;
        self.handle.sign_of_life();
        Ok(answer.applied)
    }

    /// Both sides compare, table by table. Answers the rows of which a value is not with the partner.
    async fn compare_tables(&mut self, name: &str) -> Result<Vec<Uuid>> {
        let side = self.sides.get_mut(name).ok_or(Error::Stopping)?;
        let (cursor, knowledge, origin) = (side.cursor, side.knowledge.clone(), side.origin);
        let from = cursor.max(side.nothing_before);
        let (ours, going, end, taken) = side
            .database
            .call(move |store| {
                Ok((
                    digests(store)?,
                    store.waiting_for(from, &knowledge)?,
                    store.end()?,
                    store.cursor(origin)?,
                ))
            })
            .await?;
        if going == 0 {
            side.nothing_before = end;
        }
        let ask = DigestAsk {
            database: name.to_owned(),
            cursor: taken,
            clock: self.machine.now(),
            tables: ours.clone(),
        };
        let asked = (ask.clock, Instant::now());
        let answer = self.link.partner_digest(ask).await.map_err(heard)?;
        let took = asked.1.elapsed();
        self.handle.sign_of_life();
        self.skew = skew(answer.clock, asked);
        // His time has come for versions that were ahead of his clock: tell of the databases anew.
        self.tell_again |= answer.cursor < cursor;
        let skew = self.skew;
        let equal = is_equal(&ours, &answer.tables);
        let same = shows_the_same(&ours, &answer.tables);
        let now = self.machine.clock.now();
        self.machine.note(self.member.pin, |partner| {
            partner.answered(took);
            partner.equal.insert(name.to_owned(), equal);
            partner.same.insert(name.to_owned(), same);
            partner.compared = Some(Instant::now());
            partner.told(name, &answer.tables, now);
            let waiting = Waiting { coming: answer.waiting, going, end };
            partner.waiting.insert(name.to_owned(), waiting);
            partner.last_seen = Some(now);
            partner.stopped = None;
            partner.skew = skew;
        });
        Ok(answer.missing)
    }
}

impl Side {
    /// Does our journal hold anything that the partner has not?
    async fn has_something(&mut self) -> Result<bool> {
        let (from, knowledge) = (self.cursor.max(self.nothing_before), self.knowledge.clone());
        let nothing_before = self
            .database
            .call(move |store| {
                let end = store.end()?;
                let nothing = end <= from || !store.anything_for(from, &knowledge)?;
                Ok(nothing.then_some(end))
            })
            .await?;
        self.nothing_before = nothing_before.unwrap_or(self.nothing_before);
        Ok(nothing_before.is_none())
    }
}

/// What came of it, and how long it took.
async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    let done = work.await;
    (done, begun.elapsed())
}

/// The next page's size, by how long the last one took.
///
/// A small page that was quick says nothing about a large one: a day of single sales must not end with a page that
/// holds the application's lock for a second.
fn fitted(limit: u64, bytes: u64, took: Duration) -> u64 {
    if bytes < limit / 2 && took <= APPLY_TIME {
        return limit;
    }
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
    let fits = bytes.saturating_mul(micros(APPLY_TIME)) / micros(took);
    fits.clamp(limit / 2, limit * 2).clamp(PAGE_BYTES_MIN, limits::PAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_sized_to_what_the_receiver_applies_in_time() {
        const K: u64 = 1024;
        let millis = Duration::from_millis;
        assert_eq!(fitted(128 * K, 128 * K, millis(100)), 64 * K);
        assert_eq!(fitted(128 * K, 128 * K, millis(25)), 128 * K * 20 / 25);
        assert_eq!(fitted(128 * K, 128 * K, millis(1)), 256 * K);
        assert_eq!(fitted(PAGE_BYTES_MIN, PAGE_BYTES_MIN, millis(1_000)), PAGE_BYTES_MIN);
        assert_eq!(
            fitted(limits::PAGE_BYTES, limits::PAGE_BYTES, Duration::ZERO),
            limits::PAGE_BYTES
        );
    }

    #[test]
    fn a_small_page_makes_the_next_one_no_larger() {
        let hour = (0..3_600).fold(PAGE_BYTES_FIRST, |limit, _| fitted(limit, 300, Duration::ZERO));
        assert_eq!(hour, PAGE_BYTES_FIRST);
        assert_eq!(fitted(128 * 1024, 300, Duration::from_millis(100)), 64 * 1024);
    }
}
