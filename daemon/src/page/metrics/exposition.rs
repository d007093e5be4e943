//! The text format of Prometheus, version 0.0.4: each metric once, its help and its kind before its values.

use std::fmt::{Display, Write as _};

use dunlin_schema::{BOUNDS, Counted};

/// What stands before every name.
pub(super) const PREFIX: &str = "dunlin_";

/// The text so far, and the metric that values are added to.
#[derive(Default)]
pub(super) struct Exposition {
    pub(super) text: String,
    name: &'static str,
}

impl Exposition {
    pub(super) fn gauge(&mut self, name: &'static str, help: &str) -> &mut Self {
        self.metric(name, help, "gauge")
    }

    pub(super) fn counter(&mut self, name: &'static str, help: &str) -> &mut Self {
        self.metric(name, help, "counter")
    }

    pub(super) fn histogram(&mut self, name: &'static str, help: &str) -> &mut Self {
        self.metric(name, help, "histogram")
    }

    fn metric(&mut self, name: &'static str, help: &str, kind: &str) -> &mut Self {
        self.name = name;
        // Writing into a String cannot fail.
        let _ = write!(self.text, "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}\n");
        self
    }

    pub(super) fn value(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.line("", labels, value);
        self
    }

    /// All lines of a histogram.
    pub(super) fn counted(&mut self, labels: &[(&str, &str)], counted: &Counted) {
        let bounds = BOUNDS.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(counted.up_to.iter().chain([&counted.count])) {
            self.line("_bucket", &[labels, &[("le", &bound)]].concat(), count);
        }
        self.line("_sum", labels, counted.seconds);
        self.line("_count", labels, counted.count);
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let (out, name) = (&mut self.text, self.name);
        let _ = write!(out, "{PREFIX}{name}{suffix}");
        for (place, (label, value)) in labels.iter().enumerate() {
            let before = if place == 0 { "{" } else { "," };
            let _ = write!(out, "{before}{label}=\"{}\"", escaped(value));
        }
        let _ = writeln!(out, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

/// Short, printable, and nothing that ends a label.
fn escaped(value: &str) -> String {
    dunlin_logs::strip(value, 64).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
