//! Proposed thresholds, what they would have done, and how much history supports them.

use std::io;

use driftline_alerts::{Cost, Tuning};
use driftline_storage::{DAY_MICROS, TimeRange};
use serde::Serialize;

use super::{
    Format, Style, machine,
    table::{NONE, Table, Tone, count, interval, name, number, sentence, titles},
};
use crate::cli::time::format_time;

/// Stretches that the table names of each rule.
const LOUD_SHOWN: usize = 5;

/// Writes proposals.
///
/// # Errors
/// What `out` gives.
pub fn tunings(
    tunings: &[Tuning],
    (false_alarms, cost, seconds): (f64, Cost, f64),
    (out, format, style): (&mut dyn io::Write, Format, &Style),
) -> io::Result<()> {
    match format {
        Format::Json => {
            let rules = tunings.iter().map(view).collect();
            machine::json(out, &View { false_alarms_per_month: false_alarms, rules })
        }
        Format::Csv => csv(tunings, out),
        Format::Table => {
            table(tunings, out, style)?;
            writeln!(
                out,
                "({} windows, {} rows read, {seconds:.2} s)",
                count(cost.windows),
                count(cost.rows_scanned)
            )
        }
    }
}

#[derive(Serialize)]
struct View<'a> {
    false_alarms_per_month: f64,
    rules: Vec<RuleView<'a>>,
}

#[derive(Serialize)]
struct RuleView<'a> {
    name: &'a str,
    when: &'a str,
    proposed: Option<&'a str>,
    undefined: Option<&'a str>,
    quiet_windows: u64,
    quiet_days: f64,
    alarms_now: u64,
    alarms: u64,
    rate_upper: Option<f64>,
    loud: Vec<LoudView<'a>>,
    loud_detected: u64,
}

#[derive(Serialize)]
struct LoudView<'a> {
    feature: Option<&'a str>,
    start: String,
    end: String,
}

fn days(micros: i64) -> f64 {
    micros as f64 / DAY_MICROS as f64
}

fn view(tuning: &Tuning) -> RuleView<'_> {
    RuleView {
        name: &tuning.name,
        when: &tuning.when,
        proposed: tuning.proposed.as_deref(),
        undefined: tuning.undefined.as_deref(),
        quiet_windows: tuning.quiet_windows,
        quiet_days: days(tuning.quiet),
        alarms_now: tuning.alarms_now,
        alarms: tuning.alarms,
        rate_upper: tuning.rate_upper,
        loud: tuning.loud.iter().map(loud_view).collect(),
        loud_detected: tuning.loud_detected,
    }
}

fn loud_view((feature, range): &(Option<String>, TimeRange)) -> LoudView<'_> {
    LoudView {
        feature: feature.as_deref(),
        start: format_time(range.start),
        end: format_time(range.end),
    }
}

fn csv(tunings: &[Tuning], out: &mut dyn io::Write) -> io::Result<()> {
    let header = [
        "rule",
        "when",
        "proposed",
        "undefined",
        "quiet_windows",
        "quiet_days",
        "alarms_now",
        "alarms",
        "rate_upper",
        "loud",
        "loud_detected",
    ];
    let record = |tuning: &Tuning| {
        [
            tuning.name.clone(),
            tuning.when.clone(),
            machine::optional(tuning.proposed.as_deref()),
            machine::optional(tuning.undefined.as_deref()),
            tuning.quiet_windows.to_string(),
            machine::number(Some(days(tuning.quiet))),
            tuning.alarms_now.to_string(),
            tuning.alarms.to_string(),
            machine::number(tuning.rate_upper),
            tuning.loud.len().to_string(),
            tuning.loud_detected.to_string(),
        ]
    };
    machine::csv(out, header, tunings.iter().map(record))
}

fn table(tunings: &[Tuning], out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let mut table = Table::new(
        style,
        &titles([
            "rule",
            "now",
            "proposed",
            ">quiet days",
            ">alarms now",
            ">then",
            ">at most a month",
            ">still seen",
        ]),
    );
    for tuning in tunings {
        let seen = match tuning.loud.len() {
            0 => NONE.to_owned(),
            loud => format!("{} of {loud}", tuning.loud_detected),
        };
        let missed = tuning.loud_detected < tuning.loud.len() as u64;
        let proposed = tuning.proposed.clone();
        let known = |text: String| if proposed.is_some() { text } else { NONE.to_owned() };
        table.toned([
            (name(&tuning.name), Tone::Plain),
            (tuning.when.clone(), Tone::Plain),
            (proposed.clone().unwrap_or_else(|| NONE.to_owned()), Tone::Good),
            (number(Some((days(tuning.quiet) * 10.0).round() / 10.0)), Tone::Plain),
            (known(count(tuning.alarms_now)), Tone::Plain),
            (known(count(tuning.alarms)), Tone::Plain),
            (number(tuning.rate_upper.map(|rate| (rate * 100.0).round() / 100.0)), Tone::Plain),
            (known(seen), if missed { Tone::Warn } else { Tone::Plain }),
        ]);
    }
    table.write(out)?;
    for tuning in tunings {
        if let Some(reason) = &tuning.undefined {
            writeln!(out, "{}: {}", name(&tuning.name), sentence(reason))?;
        }
        for (feature, range) in tuning.loud.iter().take(LOUD_SHOWN) {
            let feature = feature.as_deref().map(|f| format!(", {}", name(f))).unwrap_or_default();
            let range = interval(range.start, range.end);
            writeln!(out, "{}{feature}: not quiet from {range}", name(&tuning.name))?;
        }
        let more = tuning.loud.len().saturating_sub(LOUD_SHOWN);
        if more > 0 {
            writeln!(out, "{}: {more} more stretches; --format json has all", name(&tuning.name))?;
        }
    }
    writeln!(
        out,
        "alarms are those of the quiet days; at most a month is the rate that they do not rule out \
         at 95 %"
    )
}
