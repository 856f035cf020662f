//! What a benchmark prints: one figure a line, as soon as it is known.
//!
//! JSON has the keys `bench`, `what`, `rows`, `value`, `unit`, `cpu_ms`, `wall_ms_p50`,
//! `wall_ms_p99`, `peak_rss_mb`, and `note` where a figure needs a word; what is not known is null.

use std::io::{self, Write as _};

use serde::Serialize;

use super::measure::Samples;
use crate::cli::render::Format;

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Line {
    what: String,
    /// Predictions that the figure is about.
    rows: u64,
    value: f64,
    unit: &'static str,
    /// CPU time, user and system, of the server or of one query.
    cpu_ms: Option<f64>,
    wall_ms_p50: Option<f64>,
    wall_ms_p99: Option<f64>,
    /// The most memory of the process that is measured.
    peak_rss_mb: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Line {
    pub(super) fn new(what: impl Into<String>, rows: u64, value: f64, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            rows,
            value,
            unit,
            cpu_ms: None,
            wall_ms_p50: None,
            wall_ms_p99: None,
            peak_rss_mb: None,
            note: None,
        }
    }

    /// CPU time of one run of a query, which is also the figure.
    pub(super) fn query(what: impl Into<String>, rows: u64, samples: &Samples) -> Self {
        let cpu = samples.cpu_ms();
        Self::new(what, rows, cpu.unwrap_or(f64::NAN), "ms CPU").walls(samples)
    }

    pub(super) fn cpu(mut self, cpu_ms: f64) -> Self {
        self.cpu_ms = Some(cpu_ms);
        self
    }

    pub(super) fn walls(mut self, samples: &Samples) -> Self {
        self.cpu_ms = samples.cpu_ms().or(self.cpu_ms);
        self.wall_ms_p50 = samples.wall_ms(0.5);
        self.wall_ms_p99 = samples.wall_ms(0.99);
        self
    }

    pub(super) fn wall(mut self, wall_ms: f64) -> Self {
        (self.wall_ms_p50, self.wall_ms_p99) = (Some(wall_ms), Some(wall_ms));
        self
    }

    pub(super) fn peak(mut self, peak_rss_mb: Option<f64>) -> Self {
        self.peak_rss_mb = peak_rss_mb;
        self
    }

    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

/// Prints the lines of one benchmark.
#[derive(Debug)]
pub(super) struct Report {
    bench: &'static str,
    format: Format,
}

#[derive(Serialize)]
struct Row<'a> {
    bench: &'a str,
    #[serde(flatten)]
    line: &'a Line,
}

impl Report {
    /// A report whose figures people read, or programs.
    pub(super) fn new(bench: &'static str, format: Format) -> io::Result<Self> {
        if format == Format::Table {
            writeln!(
                io::stdout().lock(),
                "{bench:<30} {:>14} {:<18} {:>12} {:>10} {:>10} {:>8}",
                "value",
                "unit",
                "CPU ms",
                "p50 ms",
                "p99 ms",
                "peak MB"
            )?;
        }
        Ok(Self { bench, format })
    }

    /// Prints a figure.
    pub(super) fn say(&self, line: &Line) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.format == Format::Table {
            Self::table(&mut out, line)?;
        } else {
            serde_json::to_writer(&mut out, &Row { bench: self.bench, line })?;
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    fn table(out: &mut impl io::Write, line: &Line) -> io::Result<()> {
        let cell = |value: Option<f64>| value.map(readable).unwrap_or_default();
        let text = format!(
            "  {:<28} {:>14} {:<18} {:>12} {:>10} {:>10} {:>8}",
            line.what,
            readable(line.value),
            line.unit,
            cell(line.cpu_ms),
            cell(line.wall_ms_p50),
            cell(line.wall_ms_p99),
            cell(line.peak_rss_mb)
        );
        writeln!(out, "{}", text.trim_end())?;
        match &line.note {
            Some(note) => writeln!(out, "    {note}"),
            None => Ok(()),
        }
    }
}

/// Three significant digits, and all digits before the point.
fn readable(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.1 || size == 0.0 => 3,
        _ => 4,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_has_the_keys_that_programs_read() {
        let mut samples = Samples::default();
        samples.push(Duration::from_millis(2));
        samples.cpu = Some(Duration::from_millis(1));
        let line = Line::query("psi_window_1h", 7, &samples).peak(Some(3.5));
        let row = Row { bench: "query", line: &line };
        assert_eq!(
            serde_json::to_string(&row).expect("plain data"),
            r#"{"bench":"query","what":"psi_window_1h","rows":7,"value":1.0,"unit":"ms CPU","cpu_ms":1.0,"wall_ms_p50":2.0,"wall_ms_p99":2.0,"peak_rss_mb":3.5}"#
        );
    }

    #[test]
    fn numbers_keep_three_digits() {
        for (value, want) in [
            (0.0, "0.000"),
            (0.01234, "0.0123"),
            (1.234, "1.23"),
            (56.78, "56.8"),
            (1e6, "1000000"),
        ] {
            assert_eq!(readable(value), want);
        }
    }
}
