//! Figures, and how they are printed.

use std::fmt::Write as _;
use std::time::Duration;

/// One figure beside its baseline.
struct Line {
    what: String,
    unit: &'static str,
    value: f64,
    p99: Option<f64>,
    raw: f64,
    raw_is: &'static str,
    /// The figure over its baseline; for rates the other way round, so that more is always slower.
    ratio: f64,
}

/// All figures of one run.
#[derive(Default)]
pub(crate) struct Report(Vec<Line>);

/// The middle, and nearly the worst, of what was measured.
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) p99: f64,
}

/// Of durations, in milliseconds.
pub(crate) fn spread(samples: &[Duration]) -> Spread {
    let mut millis: Vec<f64> = samples.iter().map(|took| took.as_secs_f64() * 1e3).collect();
    millis.sort_by(f64::total_cmp);
    let last = millis.len() - 1;
    Spread { median: millis[last / 2], p99: millis[last * 99 / 100] }
}

impl Report {
    /// How long something takes, beside the same without us.
    pub(crate) fn time(&mut self, what: &str, ours: &Spread, raw: &Spread, raw_is: &'static str) {
        self.0.push(Line {
            what: what.to_owned(),
            unit: "ms",
            value: ours.median,
            p99: Some(ours.p99),
            raw: raw.median,
            raw_is,
            ratio: ours.median / raw.median,
        });
    }

    /// How many rows a second, beside the same without us.
    pub(crate) fn rate(&mut self, what: &str, ours: f64, raw: f64, raw_is: &'static str) {
        let (what, unit) = (what.to_owned(), "rows/s");
        self.0.push(Line { what, unit, value: ours, p99: None, raw, raw_is, ratio: raw / ours });
    }

    /// How many bytes, beside the same without us.
    pub(crate) fn size(&mut self, what: &str, ours: f64, raw: f64) {
        self.0.push(Line {
            what: what.to_owned(),
            unit: "bytes",
            value: ours,
            p99: None,
            raw,
            raw_is: "not tracked",
            ratio: ours / raw,
        });
    }

    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "{:<52} {:>10} {:>10} {:>10} {:>7}  {}\n",
            "medians", "value", "p99", "baseline", "ratio", "unit; the baseline is"
        );
        for line in &self.0 {
            let p99 = line.p99.map_or_else(String::new, |p99| format!("{p99:.3}"));
            let digits = if line.unit == "ms" { 3 } else { 0 };
            writeln!(
                text,
                "{:<52} {:>10.digits$} {p99:>10} {:>10.digits$} {:>6.2}x  {}; {}",
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
                    "baseline": line.raw, "baseline_is": line.raw_is, "ratio": line.ratio,
                })
            })
            .collect();
        serde_json::to_string_pretty(&lines).unwrap() + "\n"
    }
}
