//! What came in: duplicates, lateness, refused rows and unknown columns. Windows are of arrival time,
//! those of all other queries of event time.

use driftline_proto::v1;
use serde_json::json;

use super::{
    ask::{Ask, end_of},
    notices::Costs,
    points::{Labels, Points},
};
use crate::{
    downstream::Downstream,
    frame::{Frame, Gravity},
    problem::Problem,
};

/// What is counted of a window, as `figure` reads it. Delays are quantiles.
const FIGURES: [&str; 11] = [
    "accepted",
    "duplicates",
    "duplicate_rate",
    "refused",
    "refused_rate",
    "ignored",
    "labels",
    "delay_p50",
    "delay_p95",
    "label_delay_p50",
    "label_delay_p95",
];

/// Whether a figure of data quality is of what came in.
pub(crate) fn has(name: &str) -> bool {
    FIGURES.contains(&name)
}

/// A series for each figure.
///
/// # Errors
/// Of conditions and groups, by which what came in is not counted.
pub(crate) async fn frame(
    server: &Downstream,
    ask: &Ask<'_>,
    names: &[String],
) -> Result<Frame, Problem> {
    let call = |scope| {
        let mut queries = server.queries();
        async move { queries.query_arrivals(v1::QueryArrivalsRequest { scope: Some(scope) }).await }
    };
    let answers = ask.each(call).await?;
    let mut points = Points::new(ask.form());
    let mut cut = false;
    for window in answers.iter().flat_map(|answer| &answer.windows) {
        let Some(time) = end_of(window.window.as_ref()) else { continue };
        cut |= !window.whole;
        for name in names {
            let (value, unit) = figure(window, name);
            points.add(time, (name, Labels::new()), &[("unit", json!(unit))], value)?;
        }
    }
    let mut frame = points.frame("arrivals")?;
    let mut say = |gravity, text: &str| frame.notices.push((gravity, text.to_owned()));
    say(Gravity::Info, "windows are of the time at which rows and labels came, not of event time");
    if names.iter().any(|name| name.contains("delay")) {
        let text = "a delay is the upper end of the bin that holds it, and bins double; one of labels is \
                    counted from label time";
        say(Gravity::Info, text);
    }
    if cut {
        let text = "some windows cut an hour, or of old a day, which counts in the window that it begins \
                    in; choose windows of whole hours";
        say(Gravity::Warning, text);
    }
    Costs::of(&answers, |_| (0, None)).tell(&mut frame);
    Ok(frame)
}

/// A figure of a window and its unit.
fn figure(window: &v1::ArrivalsWindow, name: &str) -> (Option<f64>, &'static str) {
    let refused: u64 = window.refused.iter().map(|refused| refused.rows).sum();
    let could_be = window.accepted + window.duplicates;
    let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    let count = |count: u64| (Some(count as f64), "short");
    match name {
        "accepted" => count(window.accepted),
        "duplicates" => count(window.duplicates),
        "duplicate_rate" => (share(window.duplicates, could_be), "percentunit"),
        "refused" => count(refused),
        "refused_rate" => (share(refused, could_be + window.labels + refused), "percentunit"),
        "ignored" => count(window.ignored.iter().map(|ignored| ignored.rows).sum()),
        "labels" => count(window.labels),
        "delay_p50" => (quantile(window.lateness.as_ref(), 0.5), "s"),
        "delay_p95" => (quantile(window.lateness.as_ref(), 0.95), "s"),
        "label_delay_p50" => (quantile(window.label_lateness.as_ref(), 0.5), "s"),
        _ => (quantile(window.label_lateness.as_ref(), 0.95), "s"),
    }
}

/// The larger end, in seconds, of the bin that holds a quantile by nearest rank; the longest lateness
/// where that is shorter.
fn quantile(lateness: Option<&v1::Lateness>, probability: f64) -> Option<f64> {
    let lateness = lateness?;
    let total: u64 = lateness.bins.iter().map(|bin| bin.count).sum();
    // In f64 a product with a count past 2^53 may round past it.
    let rank = ((probability * total as f64).ceil() as u64).clamp(1, total.max(1));
    let mut below = 0_u64;
    let bin = lateness.bins.iter().find(|bin| {
        below += bin.count;
        below >= rank
    })?;
    let most = lateness.most_micros.map(|micros| micros as f64 / 1e6);
    let end = bin.most_seconds.map(|seconds| seconds as f64);
    match (end, most) {
        (Some(end), Some(most)) => Some(end.min(most)),
        (end, most) => end.or(most),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_the_upper_end_of_its_bin_or_the_longest() {
        let bin = |least, most, count| v1::LatenessBin {
            least_seconds: Some(least),
            most_seconds: Some(most),
            count,
        };
        let lateness = v1::Lateness {
            least_micros: Some(1_000_000),
            most_micros: Some(6_500_000),
            bins: vec![bin(1, 2, 6), bin(2, 4, 3), bin(4, 8, 1)],
        };
        let of = |probability| quantile(Some(&lateness), probability);
        assert_eq!((of(0.5), of(0.6), of(0.61)), (Some(2.0), Some(2.0), Some(4.0)));
        assert_eq!(of(0.95), Some(6.5));
        assert_eq!(quantile(Some(&v1::Lateness::default()), 0.5), None);
        assert_eq!(quantile(None, 0.5), None);
    }

    #[test]
    fn shares_are_of_what_could_be_stored_and_of_all_that_came() {
        let window = v1::ArrivalsWindow {
            accepted: 6,
            duplicates: 2,
            labels: 1,
            refused: vec![v1::RefusedRows { rows: 1, ..Default::default() }],
            ..Default::default()
        };
        assert_eq!(figure(&window, "duplicate_rate").0, Some(0.25));
        assert_eq!(figure(&window, "refused_rate").0, Some(0.1));
        assert_eq!(figure(&v1::ArrivalsWindow::default(), "refused_rate").0, None);
    }
}
