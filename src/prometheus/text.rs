//! Series as text for a Prometheus that scrapes.

use std::fmt::Write as _;

use driftline_promql::{Labels, NAME, escape};

use super::metric::Metric;

/// Writes the head of a metric and its samples, with the time of these in milliseconds if it is given:
/// the text format of Prometheus, and without times OpenMetrics too.
pub(crate) fn write_family<'a>(
    out: &mut String,
    metric: Metric,
    samples: impl IntoIterator<Item = (&'a Labels, f64)>,
    time: Option<i64>,
) {
    let (name, help, kind, unit) = (metric.name(), metric.help(), metric.kind(), metric.unit());
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
    if !unit.is_empty() {
        let _ = writeln!(out, "# UNIT {name} {unit}");
    }
    for (labels, value) in samples {
        let labels = labels.iter().filter(|(label, _)| *label != NAME);
        let labels: Vec<String> =
            labels.map(|(label, value)| format!("{label}=\"{}\"", escape(value))).collect();
        let _ = write!(out, "{name}{{{}}} {}", labels.join(","), number(value));
        let _ = match time {
            Some(time) => writeln!(out, " {time}"),
            None => writeln!(out),
        };
    }
}

/// A value as Prometheus writes it.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_escaped_and_numbers_are_those_of_prometheus() {
        let labels = Labels::new([(NAME, "driftline_latency_seconds"), ("model", "a\"b{c}\\\n")]);
        let mut text = String::new();
        write_family(&mut text, Metric::Latency, [(&labels, 0.5)], Some(7));
        let want = "# HELP driftline_latency_seconds Percentiles of the serving time of the window\n\
                    # TYPE driftline_latency_seconds summary\n\
                    # UNIT driftline_latency_seconds seconds\n\
                    driftline_latency_seconds{model=\"a\\\"b{c}\\\\\\n\"} 0.5 7\n";
        assert_eq!(text, want);
        let check = |value: f64, want: &str| assert_eq!(number(value), want);
        check(0.1, "0.1");
        check(3.0, "3");
        check(1e21, "1000000000000000000000");
        check(1e-7, "0.0000001");
        check(f64::NAN, "NaN");
        check(f64::INFINITY, "+Inf");
        check(f64::NEG_INFINITY, "-Inf");
    }
}
