//! Figures, and how they are printed.

use std::fmt::Write as _;
use std::time::Duration;

/// One figure beside its baseline.
struct Line {
    what: String,
    unit: &'static str,
    value: f64,
    p99: Option<f64>,
    longest: Option<f64>,
    raw: f64,
    raw_p99: Option<f64>,
    raw_is: &'static str,
    /// The figure over its baseline; for rates the other way round, so that more is always slower.
    ratio: f64,
}

impl Line {
    /// A figure that was measured once.
    fn of(what: String, unit: &'static str, ours: f64, (raw, raw_is): (f64, &'static str)) -> Self {
        let (p99, longest, raw_p99) = (None, None, None);
        Self { what, unit, value: ours, p99, longest, raw, raw_p99, raw_is, ratio: ours / raw }
    }
}

/// All figures of one run.
#[derive(Default)]
pub(crate) struct Report(Vec<Line>);

/// The middle, nearly the worst, and the worst of what was measured.
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) p99: f64,
    pub(crate) longest: f64,
}

/// Of durations, in milliseconds.
pub(crate) fn spread(samples: &[Duration]) -> Spread {
    let mut millis: Vec<f64> = samples.iter().map(|took| took.as_secs_f64() * 1e3).collect();
    millis.sort_by(f64::total_cmp);
    let last = millis.len() - 1;
    Spread { median: millis[last / 2], p99: millis[last * 99 / 100], longest: millis[last] }
}

impl Report {
    /// How long something takes, beside the same without us.
    pub(crate) fn time(&mut self, what: &str, ours: &Spread, raw: &Spread, raw_is: &'static str) {
        self.0.push(Line {
            what: what.to_owned(),
            unit: "ms",
            value: ours.median,
            p99: Some(ours.p99),
            longest: Some(ours.longest),
            raw: raw.median,
            raw_p99: Some(raw.p99),
            raw_is,
            ratio: ours.median / raw.median,
        });
    }

    /// How many rows a second, beside the same without us.
    pub(crate) fn rate(&mut self, what: &str, ours: f64, raw: f64, raw_is: &'static str) {
        let (what, unit) = (what.to_owned(), "rows/s");
        self.0.push(Line { ratio: raw / ours, ..Line::of(what, unit, ours, (raw, raw_is)) });
    }

    /// How many bytes, beside the same without us.
    pub(crate) fn size(&mut self, what: &str, ours: f64, raw: f64) {
        self.0.push(Line::of(what.to_owned(), "bytes", ours, (raw, "not tracked")));
    }

    /// How often something happened that should not.
    #[expect(clippy::cast_precision_loss, reason = "counts of commits")]
    pub(crate) fn count(&mut self, what: &str, count: u64) {
        let wanted = (0.0, "none");
        self.0
            .push(Line { ratio: 1.0, ..Line::of(what.to_owned(), "times", count as f64, wanted) });
    }

    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "{:<60} {:>10} {:>10} {:>10} {:>10} {:>10} {:>7}  {}\n",
            "medians",
            "value",
            "p99",
            "longest",
            "baseline",
            "its p99",
            "ratio",
            "unit; the baseline is"
        );
        let millis =
            |millis: Option<f64>| millis.map_or_else(String::new, |millis| format!("{millis:.3}"));
        for line in &self.0 {
            let (p99, longest, raw_p99) =
                (millis(line.p99), millis(line.longest), millis(line.raw_p99));
            let digits = if line.unit == "ms" { 3 } else { 0 };
            writeln!(
                text,
                "{:<60} {:>10.digits$} {p99:>10} {longest:>10} {:>10.digits$} {raw_p99:>10} {:>6.2}x  {}; {}",
                line.what, line.value, line.raw, line.ratio, line.unit, line.raw_is
            )
            .unwrap();
        }
        text
    }

    pub(crate) fn json(&self) -> String {
        let lines: Vec<serde_json::Value> = self
            .0
            .iter()
            .map(|line| {
                serde_json::json!({
                    "what": line.what, "unit": line.unit, "value": line.value, "p99": line.p99,
                    "longest": line.longest, "baseline": line.raw, "baseline_p99": line.raw_p99,
                    "baseline_is": line.raw_is, "ratio": line.ratio,
                })
            })
            .collect();
        serde_json::to_string_pretty(&lines).unwrap() + "\n"
    }
}
