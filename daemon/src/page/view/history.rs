//! The history: a line for each session, filtered; a chart of rows by hour for each partner; exports.

use std::fmt::Write as _;

use askama::Template;
use chrono::{NaiveDateTime, TimeDelta, Timelike as _};
use dunlin_rpc::wire::admin::{HistoryEntry, Status};
use dunlin_rpc::wire::overview::HistoryHour;

use super::said;
use super::state::{self, Shown};
use crate::page::form;
use crate::page::frame::{Choice, Frame};
use crate::page::texts::Texts;
use crate::page::words;

/// Lines on one page.
pub(in crate::page) const LINES: u32 = 200;
/// Partners with a chart of their own: the busiest.
const CHARTS_MAX: usize = 6;
/// Hours in a chart.
pub(in crate::page) const HOURS: u32 = 24;
/// The drawing: its width by hours, its height.
const BAR: u32 = 12;
const HEIGHT: u32 = 48;

/// What is asked for, as it stands in the query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::page) struct Filter {
    pub(in crate::page) partner: Option<String>,
    pub(in crate::page) result: Option<String>,
    pub(in crate::page) since: Option<String>,
    pub(in crate::page) before: Option<i64>,
}

impl Filter {
    pub(in crate::page) fn of(query: &form::Fields) -> Self {
        let results = ["success", "warning", "error", "fatal"];
        Self {
            partner: query.given("partner"),
            result: query.given("result").filter(|result| results.contains(&result.as_str())),
            since: query.given("since").filter(|since| hours(since).is_some()),
            before: query.given("before").and_then(|before| before.parse().ok()),
        }
    }

    /// The time from which sessions are asked for.
    pub(in crate::page) fn from(&self, now: NaiveDateTime) -> Option<String> {
        self.since.as_deref().and_then(hours).map(|hours| words::before(now, hours))
    }

    /// As a query, without where the list goes on.
    fn query(&self) -> String {
        let mut path = String::new();
        for (name, value) in
            [("partner", &self.partner), ("result", &self.result), ("since", &self.since)]
        {
            if let Some(value) = value {
                let _ = write!(path, "{name}={}&", form::escaped(value));
            }
        }
        path.trim_end_matches('&').to_owned()
    }
}

fn hours(since: &str) -> Option<i64> {
    match since {
        "hour" => Some(1),
        "day" => Some(24),
        "week" => Some(168),
        "month" => Some(744),
        _ => None,
    }
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "history.html")]
pub(in crate::page) struct History {
    frame: Frame,
    partners: Vec<Choice>,
    results: Vec<Choice>,
    times: Vec<Choice>,
    charts: Vec<Chart>,
    hours: Vec<String>,
    lines: Vec<Line>,
    csv: String,
    json: String,
    older: Option<String>,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    when: String,
    ago: String,
    name: String,
    direction: &'static str,
    sent: String,
    received: String,
    held: String,
    conflicts: String,
    took: String,
    result: Shown,
    message: String,
    idle: String,
}

/// Rows of one partner by hour.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Chart {
    name: String,
    words: String,
    width: u32,
    height: u32,
    bars: Vec<Bar>,
}

/// One hour.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bar {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
    words: String,
}

/// The page.
pub(in crate::page) fn page(
    frame: Frame,
    status: &Status,
    (sessions, hours): (&[HistoryEntry], &[HistoryHour]),
    filter: &Filter,
    now: NaiveDateTime,
) -> History {
    let t = frame.t;
    let query = filter.query();
    let to = |path: &str| {
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    };
    let older = sessions
        .last()
        .filter(|_| sessions.len() >= LINES as usize)
        .map(|last| form::and(&to("/history"), "before", &last.number.to_string()));
    History {
        partners: partners(t, status, filter),
        results: results(t, filter),
        times: times(t, filter),
        charts: charts(t, hours, now),
        hours: [23, 12, 0].map(|back| words::hour(now - TimeDelta::hours(back))).into(),
        lines: sessions.iter().map(|session| line(t, session, now)).collect(),
        csv: to("/history.csv"),
        json: to("/history.json"),
        older,
        frame,
    }
}

fn partners(t: Texts, status: &Status, filter: &Filter) -> Vec<Choice> {
    let chosen = filter.partner.as_deref();
    let all = Choice {
        value: String::new(),
        word: t.of("history.all_partners").to_owned(),
        current: chosen.is_none(),
    };
    let each = status.partners.iter().map(|partner| {
        let value = partner.id.to_string();
        let current = chosen == Some(value.as_str());
        Choice { word: words::foreign(&partner.name), current, value }
    });
    [all].into_iter().chain(each).collect()
}

fn results(t: Texts, filter: &Filter) -> Vec<Choice> {
    let choice = |value: &str, word: &'static str| Choice {
        value: value.to_owned(),
        word: word.to_owned(),
        current: filter.result.as_deref().unwrap_or_default() == value,
    };
    let each = ["success", "warning", "error", "fatal"]
        .map(|result| choice(result, state::result(t, result).word));
    [choice("", t.of("history.all_results"))].into_iter().chain(each).collect()
}

fn times(t: Texts, filter: &Filter) -> Vec<Choice> {
    let choice = |value: &str, word: &'static str| Choice {
        value: value.to_owned(),
        word: word.to_owned(),
        current: filter.since.as_deref().unwrap_or_default() == value,
    };
    vec![
        choice("", t.of("history.always")),
        choice("hour", t.of("history.hour")),
        choice("day", t.of("history.day")),
        choice("week", t.of("history.week")),
        choice("month", t.of("history.month")),
    ]
}

/// A session on a partner's card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::page) struct Brief {
    pub(in crate::page) when: String,
    pub(in crate::page) what: String,
    pub(in crate::page) result: Shown,
}

/// A session in a line.
pub(in crate::page) fn brief(t: Texts, session: &HistoryEntry, now: NaiveDateTime) -> Brief {
    let (sent, received) = (words::number(t, session.sent), words::number(t, session.received));
    Brief {
        when: words::ago(t, &session.started, now),
        what: t.with("partner.moved", &[("sent", &sent), ("received", &received)]),
        result: state::result(t, &session.result),
    }
}

fn line(t: Texts, session: &HistoryEntry, now: NaiveDateTime) -> Line {
    Line {
        when: words::moment(t, &session.started, now),
        ago: words::ago(t, &session.started, now),
        name: words::foreign(&session.name),
        direction: match session.direction.as_str() {
            "dialled" => t.of("history.dialled"),
            _ => t.of("history.answered"),
        },
        sent: words::number(t, session.sent),
        received: words::number(t, session.received),
        held: words::number(t, session.held),
        conflicts: words::number(t, session.conflicts),
        took: words::took(t, session.took_ms),
        result: state::result(t, &session.result),
        message: match session.message.as_str() {
            "level" | "" => String::new(),
            level if level.starts_with("level;") => t.count("history.rows_held", session.held),
            message => said::sentence(t, message),
        },
        idle: if session.idle == 0 { String::new() } else { t.count("history.idle", session.idle) },
    }
}

/// A chart for each of the busiest partners, all to one scale.
fn charts(t: Texts, hours: &[HistoryHour], now: NaiveDateTime) -> Vec<Chart> {
    let mut totals: Vec<(uuid::Uuid, &str, u64)> = Vec::new();
    for hour in hours {
        let rows = hour.sent + hour.received;
        match totals.iter_mut().find(|(id, ..)| *id == hour.partner) {
            Some((_, _, total)) => *total += rows,
            None => totals.push((hour.partner, &hour.name, rows)),
        }
    }
    totals.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.1.cmp(b.1)));
    let most = hours.iter().map(|hour| hour.sent + hour.received).max().unwrap_or(0).max(1);
    totals
        .into_iter()
        .take(CHARTS_MAX)
        .map(|(id, name, total)| Chart {
            name: words::foreign(name),
            words: t.count("history.chart", total),
            width: HOURS * BAR,
            height: HEIGHT,
            bars: hours
                .iter()
                .filter(|hour| hour.partner == id)
                .filter_map(|hour| bar(t, hour, most, now))
                .collect(),
        })
        .collect()
}

fn bar(t: Texts, hour: &HistoryHour, most: u64, now: NaiveDateTime) -> Option<Bar> {
    let began = words::time(&hour.hour)?;
    let this = now.with_minute(0)?.with_second(0)?.with_nanosecond(0)?;
    let back = u32::try_from((this - began).num_hours()).ok().filter(|back| *back < HOURS)?;
    let rows = hour.sent + hour.received;
    if rows == 0 {
        return None;
    }
    let height = u32::try_from(rows.saturating_mul(u64::from(HEIGHT)).div_ceil(most)).ok()?;
    let height = height.clamp(2, HEIGHT);
    let at = words::hour(began);
    Some(Bar {
        x: (HOURS - 1 - back) * BAR + 1,
        y: HEIGHT - height,
        width: BAR - 2,
        height,
        words: t.count_with("history.bar", rows, &[("hour", &at)]),
    })
}

/// The sessions as CSV, as spreadsheets read it. What could begin a formula is made text.
pub(in crate::page) fn csv(sessions: &[HistoryEntry]) -> String {
    let mut out = String::from(
        "started,partner,partner_id,direction,sent,received,applied,held,conflicts,bytes,took_ms,result,message,idle_before\r\n",
    );
    for one in sessions {
        let id = one.partner.map_or_else(String::new, |id| id.to_string());
        // Writing into a String cannot fail.
        let _ = write!(
            out,
            "{},{},{id},{},{},{},{},{},{},{},{},{},{},{}\r\n",
            one.started,
            cell(&one.name),
            cell(&one.direction),
            one.sent,
            one.received,
            one.applied,
            one.held,
            one.conflicts,
            one.bytes,
            one.took_ms,
            cell(&one.result),
            cell(&one.message),
            one.idle
        );
    }
    out
}

fn cell(text: &str) -> String {
    let text = dunlin_logs::strip(text, 1_000);
    let formula = text.starts_with(['=', '+', '-', '@', '\t']);
    format!("\"{}{}\"", if formula { "'" } else { "" }, text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::texts::Language;

    const T: Texts = Texts { language: Language::English };

    fn hour(partner: u128, hour: &str, sent: u64) -> HistoryHour {
        HistoryHour {
            partner: uuid::Uuid::from_u128(partner),
            name: format!("till {partner}"),
            hour: hour.to_owned(),
            sent,
            received: 0,
        }
    }

    #[test]
    fn a_chart_has_a_bar_for_each_hour_in_which_rows_moved_and_one_scale() {
        let now = words::time("2026-11-20 12:34:56").unwrap();
        let hours = [
            hour(1, "2026-11-20 12:00:00", 100),
            hour(1, "2026-11-19 13:00:00", 1),
            hour(1, "2026-11-18 13:00:00", 50),
            hour(2, "2026-11-20 11:00:00", 50),
        ];
        let charts = charts(T, &hours, now);
        assert_eq!(charts.len(), 2);
        assert_eq!(charts[0].name, "till 1");
        let places: Vec<(u32, u32)> =
            charts[0].bars.iter().map(|bar| (bar.x / BAR, bar.height)).collect();
        assert_eq!(places, [(23, HEIGHT), (0, 2)], "the one of two days ago is not in it");
        assert_eq!(charts[1].bars[0].height, HEIGHT / 2);
    }

    #[test]
    fn a_name_in_the_export_is_no_formula() {
        let evil = HistoryEntry {
            name: "=HYPERLINK(\"http://evil\")".into(),
            message: "a\r\nb".into(),
            ..HistoryEntry::default()
        };
        let csv = csv(&[evil]);
        assert_eq!(csv.lines().count(), 2);
        assert!(csv.contains("\"'=HYPERLINK(\"\"http://evil\"\")\""), "{csv}");
    }

    #[test]
    fn a_filter_is_what_the_query_may_say() {
        let filter = Filter::of(&form::Fields::read("partner=a&result=drop&since=day&before=7"));
        assert_eq!(filter.result, None);
        assert_eq!((filter.query().as_str(), filter.before), ("partner=a&since=day", Some(7)));
    }
}
