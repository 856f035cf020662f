//! From the keys of a rule to the rule, with every mistake that can be found without a model.

use driftline_query::{Correction, Filter, Method, limits::CONDITIONS_MAX};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    condition::{Bound, Condition, Test},
    figure::{Figure, SinceTraining},
    limits,
    mistake::Mistake,
    reader::Table,
    rule::{
        AlertOn, HISTORY_DEFAULT, Measure, NoData, Rule, SINCE_TRAINING_EVERY, Severity, Subject,
        default_horizon,
    },
};

/// Keys of a rule about a figure that a composite has not.
const NOT_OF_COMPOSITES: [&str; 20] = [
    "model",
    "version",
    "metric",
    "method",
    "class",
    "feature",
    "alert_on",
    "slice",
    "reference",
    "baseline",
    "threshold",
    "correction",
    "exact",
    "window",
    "every",
    "lateness",
    "horizon",
    "history",
    "when",
    "min_samples",
];

/// Reads a rule, the `place`-th of its file counted from 1; none if something is wrong with it.
pub(crate) fn rule(
    values: &Map<String, Value>,
    place: usize,
    mistakes: &mut Vec<Mistake>,
) -> Option<Rule> {
    let before = mistakes.len();
    let name = values.get("name").and_then(Value::as_str);
    let text = name.map_or_else(|| format!("rule {place}"), |name| format!("rule {name:?}"));
    let mut table = Table::new(text, values, mistakes);
    let name = table.needed("name", "\"amount-drift\"").map(str::to_owned);
    if let Some(Err(error)) = name.as_ref().map(|name| driftline_storage::check_name("name", name))
    {
        let rule = error.field_violations().first().map(|v| v.description.clone());
        table.wrong("name", rule.unwrap_or_default());
    }
    let is_composite = table.has("all_of") || table.has("any_of");
    let read = if is_composite { composite(&mut table) } else { measured(&mut table) };
    let hold = table.duration("for", 0).unwrap_or(0);
    let keep_firing_for = table.duration("keep_firing_for", 0).unwrap_or(0);
    let cooldown = table.duration("cooldown", 0).unwrap_or(0);
    let min_coverage = table.number("min_coverage").unwrap_or(0.0);
    if !(0.0..=1.0).contains(&min_coverage) {
        table.wrong("min_coverage", "is not a share from 0 to 1, such as 0.8");
    }
    let no_data = table.choice("no_data", &NoData::ALL.map(|policy| (policy.name(), policy)));
    let severity = table.choice("severity", &Severity::ALL.map(|one| (one.name(), one)));
    let channels = table.texts("channels", limits::CHANNELS_MAX).unwrap_or_default();
    let inhibited_by = table.texts("inhibited_by", limits::NAMED_RULES_MAX).unwrap_or_default();
    let template = |table: &mut Table<'_>, key| {
        table.text_of(key, limits::TEMPLATE_BYTES_MAX).map(str::to_owned)
    };
    let summary = template(&mut table, "summary");
    let description = template(&mut table, "description");
    let runbook_url = table.text("runbook_url").map(str::to_owned);
    let labels = table.table_of_texts("labels", limits::LABELS_MAX).unwrap_or_default();
    table.finish("a rule");
    let (name, (subject, when, min_samples)) = (name?, read?);
    let rule = Rule {
        name,
        subject,
        when,
        hold,
        keep_firing_for,
        cooldown,
        min_samples,
        min_coverage,
        no_data: no_data.unwrap_or_default(),
        severity: severity.unwrap_or_default(),
        channels,
        inhibited_by,
        labels,
        summary,
        description,
        runbook_url,
    };
    (mistakes.len() == before).then_some(rule)
}

type Read = (Subject, Condition, u64);

fn composite(table: &mut Table<'_>) -> Option<Read> {
    let all = table.texts("all_of", limits::NAMED_RULES_MAX);
    let any = table.texts("any_of", limits::NAMED_RULES_MAX);
    if table.has("all_of") && table.has("any_of") {
        table.wrong("any_of", "stands beside all_of; a composite has one of them, make two rules");
        return None;
    }
    for key in NOT_OF_COMPOSITES {
        if table.value(key).is_some() {
            table.wrong(key, "is for a rule about a metric; a composite watches other rules");
        }
    }
    let key = if all.is_some() { "all_of" } else { "any_of" };
    let members = all.as_ref().or(any.as_ref())?;
    if members.is_empty() {
        table.wrong(key, "is empty; name the rules");
        return None;
    }
    let needed = if all.is_some() { members.len() } else { 1 };
    let subject = match (all, any) {
        (Some(members), _) => Subject::AllOf(members),
        (None, Some(members)) => Subject::AnyOf(members),
        (None, None) => return None,
    };
    Some((subject, Condition::at_least(needed as f64), 0))
}

fn measured(table: &mut Table<'_>) -> Option<Read> {
    let model = table.needed("model", "\"fraud\"").map(str::to_owned);
    let version = table.text("version").map(str::to_owned);
    let figure = table.needed("metric", "\"psi\"").map(Figure::parse);
    let method = table.choice("method", &Method::ALL.map(|method| (method.name(), method)));
    let figure = match figure {
        Some(Ok(Figure::DriftShare(default))) => {
            Some(Figure::DriftShare(method.unwrap_or(default)))
        }
        Some(Ok(figure)) => {
            if table.has("method") {
                table.wrong("method", "is for drift_share; another metric names its statistic");
            }
            Some(figure)
        }
        Some(Err(problem)) => {
            table.wrong("metric", problem);
            None
        }
        None => None,
    };
    let when = table.needed("when", "\"> 0.2\"").and_then(|text| {
        let unit = match figure {
            Some(Figure::SinceTraining(SinceTraining::ReferenceAge)) => "; its unit is days",
            _ => "",
        };
        let read = text.parse::<Condition>();
        read.map_err(|problem| table.wrong("when", format!("{problem}{unit}"))).ok()
    });
    let class = table.text("class").map(str::to_owned);
    let features = features(table);
    let alert_on = table.choice("alert_on", &AlertOn::ALL.map(|one| (one.name(), one)));
    let slice = slice(table);
    let reference = table.text("reference").map(str::to_owned);
    let baseline = baseline(table);
    let threshold = table.number("threshold");
    let correction = table.choice("correction", &Correction::ALL.map(|one| (one.name(), one)));
    let exact = table.flag("exact").unwrap_or(false);
    let times = if figure.is_some_and(Figure::is_since_training) {
        times_since_training(table)
    } else {
        times(table)
    };
    let history = table.count("history");
    let min_samples = table.count("min_samples");
    let (model, figure, when, (window, every)) = (model?, figure?, when?, times?);
    let measure = Measure {
        model,
        version,
        figure,
        class,
        slice,
        features: features.unwrap_or_default(),
        alert_on: alert_on.unwrap_or_default(),
        reference,
        baseline,
        threshold,
        correction: correction.unwrap_or_default(),
        exact,
        window,
        every,
        lateness: table.duration("lateness", 0).unwrap_or(0),
        horizon: table.duration("horizon", 0).unwrap_or(default_horizon(figure, every)),
        history: history.unwrap_or(HISTORY_DEFAULT),
    };
    if measure.horizon.div_euclid(every) > limits::REVISIONS_MAX {
        let most = crate::duration::format_duration(every.saturating_mul(limits::REVISIONS_MAX));
        table.wrong(
            "horizon",
            format!("holds too many evaluations; with this every, at most {most}"),
        );
    }
    fits(table, &measure, &when);
    let min_samples = min_samples.unwrap_or(figure.min_samples());
    Some((Subject::Measure(Box::new(measure)), when, min_samples))
}

/// A condition, or several that must all hold.
fn slice(table: &mut Table<'_>) -> Vec<Filter> {
    let texts = table.texts("slice", CONDITIONS_MAX).unwrap_or_default();
    let mut filters = Vec::with_capacity(texts.len());
    for text in texts {
        match Filter::parse(&text) {
            Ok(filter) => filters.push(filter),
            Err(_) => {
                let rule = "write column=value, !=, <, <=, >, >=, or 'column is null'";
                table.wrong("slice", format!("{text:?} is no condition; {rule}"));
            }
        }
    }
    filters
}

/// `"*"` or nothing for all, one, or a list.
fn features(table: &mut Table<'_>) -> Option<Vec<String>> {
    let names = table.texts("feature", driftline_storage::limits::FEATURES_MAX)?;
    if names.iter().any(|name| name == "*") {
        if names.len() > 1 {
            table.wrong("feature", "names * beside others; * alone means any");
        }
        return Some(Vec::new());
    }
    if names.is_empty() {
        table.wrong("feature", "is empty; write \"*\" for any");
    }
    Some(names)
}

fn times(table: &mut Table<'_>) -> Option<(i64, i64)> {
    if !table.has("window") {
        table.wrong("window", "is missing; write window = \"1d\"");
    }
    let window = table.duration("window", limits::EVERY_MIN);
    let every = table.duration("every", limits::EVERY_MIN);
    let wrong_every = table.has("every") && every.is_none();
    if wrong_every { None } else { window.map(|window| (window, every.unwrap_or(window))) }
}

/// What begins at the last training has no window of its own; one of the time between evaluations
/// stands for it.
fn times_since_training(table: &mut Table<'_>) -> Option<(i64, i64)> {
    if table.value("window").is_some() {
        let text = "is for metrics of windows, and this one begins at the last training; write every \
                    = \"1d\"";
        table.wrong("window", text);
    }
    let every = table.duration("every", limits::EVERY_MIN);
    let wrong_every = table.has("every") && every.is_none();
    let every = every.unwrap_or(SINCE_TRAINING_EVERY);
    (!wrong_every).then_some((every, every))
}

fn baseline(table: &mut Table<'_>) -> Option<(i64, i64)> {
    let ends = table.texts("baseline", 2)?;
    let form = "is not two times; write [\"2026-01-01T00:00:00Z\", \"2026-01-08T00:00:00Z\"]";
    let read = |text: &String| text.parse::<Timestamp>().ok().map(|time| time.as_microsecond());
    let [from, to] = ends.as_slice() else {
        table.wrong("baseline", form);
        return None;
    };
    match (read(from), read(to)) {
        (Some(from), Some(to)) if from < to => Some((from, to)),
        (Some(_), Some(_)) => {
            table.wrong("baseline", "ends before it starts");
            None
        }
        _ => {
            table.wrong("baseline", form);
            None
        }
    }
}

/// Whether the keys of a rule fit each other.
fn fits(table: &mut Table<'_>, measure: &Measure, when: &Condition) {
    let figure = measure.figure;
    let mut only = |there: bool, key: &str, fits: bool, whose: &str| {
        if there && !fits {
            table.wrong(key, format!("is for {whose}, and {} has none of it", figure.name()));
        }
    };
    let by_feature = figure.is_by_feature();
    let shares = matches!(figure, Figure::DriftShare(_));
    let drift = matches!(figure, Figure::Drift(_)) || shares;
    let performance = matches!(figure, Figure::Performance(_));
    let reports_reference = drift || matches!(figure, Figure::Column(_));
    let by_class = matches!(figure, Figure::Performance(metric) if metric.is_by_class());
    only(measure.class.is_some(), "class", by_class, "precision, recall, specificity and f1");
    only(!measure.features.is_empty(), "feature", by_feature || shares, "metrics of features");
    only(measure.alert_on == AlertOn::Worst, "alert_on", by_feature, "metrics of features");
    only(measure.threshold.is_some(), "threshold", shares, "drift_share");
    only(measure.exact, "exact", drift, "drift");
    let baseline = performance || matches!(figure, Figure::Volume(_));
    only(measure.baseline.is_some(), "baseline", baseline, "performance and volume");
    let training = figure.is_since_training();
    let named = reports_reference || training || (performance && when.needs_reference());
    only(
        measure.reference.is_some(),
        "reference",
        named,
        "drift, metrics of columns and those since the last training",
    );
    let tests = |method: Method| method.is_test() || method == Method::Psi;
    let has_p = matches!(figure, Figure::Drift(method) if tests(method));
    only(when.p_value, "when", has_p, "psi, ks, chi2, g_test, cvm, ad and mann_whitney");
    if measure.correction != Correction::None && !when.p_value && !shares {
        table.wrong("correction", "adjusts p-values; write a condition such as p < 0.05");
    }
    if let Figure::DriftShare(method) = figure {
        share_fits(table, measure, method);
    }
    if when.p_value && !measure.exact && figure == Figure::Drift(Method::Ks) {
        table.wrong("when", "needs rows for the p-value of ks; add exact = true, or take chi2");
    }
    if when.needs_reference() && drift {
        let text = "compares with the reference's own value, and drift is measured from it \
                    already; write a number, such as > 0.2";
        table.wrong("when", text);
    }
    if when.bounds().any(|bound| !matches!(bound, Bound::Constant(_))) && training {
        let text = "is compared with by a metric that grows from training to training; write a \
                    number, such as > 30";
        table.wrong("when", text);
    }
    if measure.alert_on == AlertOn::Worst
        && when.bounds().any(|bound| !matches!(bound, Bound::Constant(_)))
    {
        table.wrong(
            "alert_on",
            "the worst feature is told by a limit that is a number, not by this",
        );
    }
    if when.needs_history()
        && !(limits::HISTORY_MIN as u64..=limits::HISTORY_MAX).contains(&measure.history)
    {
        let (least, most) = (limits::HISTORY_MIN, limits::HISTORY_MAX);
        table.wrong("history", format!("is the number of values, from {least} to {most}"));
    }
    let overlaps = measure.window.div_euclid(measure.every.max(1)).unsigned_abs();
    if when.needs_history()
        && measure.history.saturating_add(overlaps) > limits::HISTORY_VALUES_MAX as u64
    {
        table.wrong("every", "is too short beside the window for a condition of history");
    }
    if let Test::Compare(_, Bound::Reference { factor, .. }) = when.test
        && !(factor.is_finite() && factor >= 0.0)
    {
        table.wrong("when", "multiplies the reference by a negative number");
    }
}

/// Whether a column can be judged by the statistic of a share.
fn share_fits(table: &mut Table<'_>, measure: &Measure, method: Method) {
    let has_default = method.is_test() || matches!(method, Method::Psi | Method::MeanShift);
    if measure.threshold.is_none() && !has_default {
        let text = "has no threshold above which people agree that it drifts; add threshold = 0.1";
        table.wrong("method", text);
    }
    if measure.threshold.is_some_and(|threshold| threshold < 0.0) {
        table.wrong("threshold", "is negative; distances and p-values are not");
    }
    if method == Method::Ks && !measure.exact {
        table.wrong("method", "is judged by its p-value, which needs rows; add exact = true");
    }
    if measure.correction != Correction::None && !method.is_test() {
        table.wrong("correction", "adjusts p-values, and the method has none; take chi2");
    }
}
