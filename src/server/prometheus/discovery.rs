//! Which series, labels, values and metrics there are. Times are not asked: the catalog does not know
//! when a feature had values.

use std::collections::BTreeSet;

use driftline_alerts::ColumnFigure;
use driftline_promql::{
    Labels, Matcher, NAME, Notes, Operator, Selector, Source as _, read_selector,
};
use driftline_query::Method;

use crate::{
    now_micros,
    prometheus::{Discovery, Metric, MonitorSource, discover},
    server::shared::Shared,
};

use super::{
    envelope::{Failure, Outcome, array, object, string},
    params::Params,
};

/// The labels of all metrics.
const LABELS: [&str; 19] = [
    NAME,
    "bin",
    "by",
    "class",
    "feature",
    "model",
    "name",
    "place",
    "quantile",
    "reference",
    "rule",
    "severity",
    "side",
    "slice",
    "state",
    "statistic",
    "version",
    "where",
    "window",
];
/// Those whose values data tells and not the catalog: they are looked up in the series as they are at the
/// end of the time asked about, for selectors that name a metric.
const TOLD_BY_DATA: [&str; 4] = ["bin", "class", "place", "slice"];

fn found(shared: &Shared, selectors: &[Selector], all_windows: bool) -> Result<Discovery, Failure> {
    let mut found = Discovery::default();
    for selector in selectors {
        discover(&shared.monitor, selector, all_windows, &mut found)?;
    }
    Ok(found)
}

/// Cuts an answer, and says so.
fn cut<T>(all: &mut Vec<T>, limit: Option<usize>, is_cut: bool) -> Notes {
    let mut notes = Notes::default();
    if limit.is_some_and(|limit| all.len() > limit) || is_cut {
        notes.warn("results truncated due to limit; narrow the selector by model or name");
    }
    all.truncate(limit.unwrap_or(usize::MAX));
    notes
}

/// `/api/v1/series`
pub(super) fn series(shared: &Shared, params: &Params) -> Result<Outcome, Failure> {
    let selectors = params.selectors()?;
    if selectors.is_empty() {
        return Err(Failure::bad_data("no match[] parameter provided"));
    }
    let found = found(shared, &selectors, false)?;
    let mut all: Vec<String> = found.series.iter().map(object).collect();
    let notes = cut(&mut all, params.limit("limit")?, found.is_cut);
    Ok(Outcome::data(format!("[{}]", all.join(","))).with(notes))
}

/// `/api/v1/labels`
pub(super) fn labels(shared: &Shared, params: &Params) -> Result<Outcome, Failure> {
    let stated = params.selectors()?;
    let names: BTreeSet<String> = if stated.is_empty() {
        LABELS.map(str::to_owned).into_iter().collect()
    } else {
        let found = found(shared, &stated, false)?;
        let names = |labels: &Labels| -> Vec<String> {
            labels.iter().map(|(name, _)| name.to_owned()).collect()
        };
        found.series.iter().flat_map(names).collect()
    };
    let mut names: Vec<String> = names.into_iter().collect();
    let notes = cut(&mut names, params.limit("limit")?, false);
    Ok(Outcome::data(array(&names)).with(notes))
}

/// `/api/v1/label/<name>/values`
pub(super) fn label_values(
    shared: &Shared,
    name: &str,
    params: &Params,
) -> Result<Outcome, Failure> {
    let mut selectors = params.selectors()?;
    let mut values: BTreeSet<String> = BTreeSet::new();
    let mut is_cut = false;
    if name == NAME && selectors.is_empty() {
        values.extend(Metric::all().map(Metric::name));
    } else if TOLD_BY_DATA.contains(&name) {
        let now = now_micros();
        let source = MonitorSource::new(&shared.monitor, now, params.until()?);
        let instant = params.time("end")?.unwrap_or(i64::MAX).min(now / 1_000);
        for selector in selectors.iter().filter(|selector| selector.asks(NAME)) {
            let found = source.at(selector, &[instant], &mut Notes::default())?;
            values.extend(found.iter().map(|series| series.labels.get(name).to_owned()));
        }
        values.remove("");
    } else if LABELS.contains(&name) {
        if selectors.is_empty() {
            selectors.push(Selector::default());
        }
        for selector in &mut selectors {
            if !selector.asks(NAME) {
                selector.matchers.extend(standing_for(name));
            }
            // Columns that slices are made by are none without a matcher.
            if name == "by" && !selector.asks(name) {
                let any = read_selector("{by=~\".+\"}")?;
                selector.matchers.extend(any.matchers);
            }
        }
        let found = found(shared, &selectors, name == "window")?;
        is_cut = found.is_cut;
        values.extend(found.series.iter().map(|labels| labels.get(name).to_owned()));
        values.remove("");
    }
    let mut values: Vec<String> = values.into_iter().collect();
    let notes = cut(&mut values, params.limit("limit")?, is_cut);
    Ok(Outcome::data(array(&values)).with(notes))
}

/// A matcher of the name of one metric that has all values of a label: a request for the features of all
/// models need not go through all their metrics. None of a label that metrics do not share.
fn standing_for(label: &str) -> Option<Matcher> {
    let metric = match label {
        "by" | "model" | "version" | "window" => Metric::Predictions,
        "feature" => Metric::Column(ColumnFigure::NullRate),
        "reference" => Metric::Drift(Method::Psi),
        "name" | "statistic" => Metric::Series,
        "quantile" => Metric::Latency,
        "rule" | "severity" | "state" => Metric::AlertState,
        _ => return None,
    };
    Some(Matcher { label: NAME.to_owned(), operator: Operator::Equal, value: metric.name() })
}

/// `/api/v1/metadata`
pub(super) fn metadata(_: &Shared, params: &Params) -> Result<Outcome, Failure> {
    let wanted = params.get("metric");
    let metrics = Metric::all().filter(|metric| wanted.is_none_or(|name| metric.name() == name));
    let one = |metric: Metric| {
        format!(
            "{}:[{{\"type\":\"{}\",\"help\":{},\"unit\":{}}}]",
            string(&metric.name()),
            metric.kind(),
            string(&metric.help()),
            string(metric.unit())
        )
    };
    let mut all: Vec<String> = metrics.map(one).collect();
    all.truncate(params.limit("limit")?.unwrap_or(usize::MAX));
    Ok(Outcome::data(format!("{{{}}}", all.join(","))))
}
