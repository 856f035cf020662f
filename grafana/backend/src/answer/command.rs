//! A query as commands of `driftline`, which a person can run to see the same numbers.

use super::{
    arrivals,
    ask::Ask,
    drift::{is_judged, is_table},
    operations::percentile,
    performance::Known,
    series::probability,
};
use crate::{
    limits,
    model_query::{Format, ModelQuery, QueryType, TimeOf, Where},
    sentence::metrics,
};

const MINUTE: i64 = 60_000_000;

/// The commands, a line each: one for each question of the server, but only the first few of many.
pub(crate) fn commands(ask: &Ask<'_>) -> Vec<String> {
    let all = match ask.query.query_type {
        QueryType::Alerts => of_alerts(ask),
        QueryType::Distribution if !ask.query.is_over_time() => of_features(ask),
        QueryType::Quality => of_quality(ask),
        QueryType::Performance | QueryType::Volume => of_performance(ask),
        _ => ask.windows.runs().into_iter().map(|run| of_run(ask, run)).collect(),
    };
    let more = all.len().saturating_sub(limits::COMMANDS_SHOWN);
    let mut shown: Vec<String> = all.iter().take(limits::COMMANDS_SHOWN).map(Line::text).collect();
    if more > 0 {
        shown.push(format!("# and {more} more, of the windows between"));
    }
    shown
}

/// A command that is being written.
struct Line(Vec<String>);

impl Line {
    fn new(words: &[&str]) -> Self {
        Self(words.iter().map(|word| (*word).to_owned()).collect())
    }

    fn option(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.0.extend([format!("--{name}"), value.to_owned()]);
        }
    }

    fn flag(&mut self, name: &str, is_set: bool) {
        if is_set {
            self.0.push(format!("--{name}"));
        }
    }

    /// As a shell reads it.
    fn text(&self) -> String {
        self.0.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }
}

/// A word for a shell; in single quotes nothing but a single quote means anything.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The command for a run of windows of a kind of query, without what the kind has of its own.
fn scope(ask: &Ask<'_>, kind: &str, (from, to): (i64, i64)) -> Line {
    let query = ask.query;
    let mut line = Line::new(&["driftline", "query", kind]);
    line.option("model", &query.model);
    line.option("version", &query.version);
    line.option("from", &instant(from));
    line.option("to", &instant(to));
    if let Some(length) = ask.windows.length {
        line.option("step", &written(length));
    }
    line
}

fn conditions(line: &mut Line, query: &ModelQuery) {
    for filter in query.filters.iter().filter(|filter| !filter.column.is_empty()) {
        line.option("where", &condition(filter));
    }
    line.option("by", &query.by);
}

fn condition(filter: &Where) -> String {
    let Where { column, operator, value } = filter;
    match operator.as_str() {
        "" => format!("{column}={value}"),
        "is null" | "is not null" => format!("{column} {operator}"),
        operator => format!("{column}{operator}{value}"),
    }
}

/// A query that has nothing to add to its runs.
fn of_run(ask: &Ask<'_>, run: (i64, i64)) -> Line {
    let query = ask.query;
    let kind = match query.query_type {
        QueryType::Operations => "operations",
        QueryType::Compare => "compare",
        QueryType::Series => "series",
        _ => "drift",
    };
    let mut line = scope(ask, kind, run);
    conditions(&mut line, query);
    match query.query_type {
        QueryType::Operations => {
            for percentile in metrics(query).iter().filter_map(|name| percentile(name)) {
                line.option("percentile", &percentile.to_string());
            }
        }
        QueryType::Compare => {
            line.option("baseline", &query.baseline);
            query.metrics.iter().for_each(|name| line.option("metric", name));
            line.option("class", &query.class);
        }
        QueryType::Series => {
            query.features.iter().for_each(|name| line.option("name", name));
            for quantile in metrics(query).iter().filter_map(|name| probability(name)) {
                line.option("quantile", &quantile.to_string());
            }
            return line;
        }
        QueryType::Drift => {
            metrics(query).iter().for_each(|name| line.option("method", name));
            query.features.iter().for_each(|name| line.option("feature", name));
            line.option("reference", &query.reference);
            line.flag("share", is_table(query) && is_judged(query));
        }
        _ => {
            let is_predictions = query.query_type == QueryType::Predictions;
            let features =
                if is_predictions { &["prediction".to_owned()] } else { &*query.features };
            features.iter().for_each(|name| line.option("feature", name));
            line.option("reference", &query.reference);
            line.option("bins", &query.bins.map(|bins| bins.to_string()).unwrap_or_default());
            line.flag("explain", true);
            return line;
        }
    }
    line.flag("exact", query.exact);
    line
}

fn of_performance(ask: &Ask<'_>) -> Vec<Line> {
    let query = ask.query;
    let line = |run: (i64, i64), as_of: Option<i64>| {
        let mut line = scope(ask, "performance", run);
        conditions(&mut line, query);
        if query.query_type == QueryType::Performance {
            query.metrics.iter().for_each(|name| line.option("metric", name));
        }
        line.option("as-of", &as_of.map(instant).unwrap_or_default());
        line.flag("by-label-time", query.time_of == TimeOf::Label);
        line.flag("exact", query.exact);
        line
    };
    match Known::read(&query.as_of, ask.windows.to) {
        Ok(Known::After(delay)) => {
            let each = ask.windows.each().into_iter();
            each.map(|window| line(window, Some(window.1.saturating_add(delay)))).collect()
        }
        known => {
            let as_of = if let Ok(Known::At(instant)) = known { Some(instant) } else { None };
            ask.windows.runs().into_iter().map(|run| line(run, as_of)).collect()
        }
    }
}

fn of_quality(ask: &Ask<'_>) -> Vec<Line> {
    let query = ask.query;
    let names = metrics(query);
    let mut lines = Vec::new();
    for run in ask.windows.runs() {
        if names.iter().any(|name| !arrivals::has(name)) {
            let mut line = scope(ask, "quality", run);
            conditions(&mut line, query);
            query.features.iter().for_each(|name| line.option("feature", name));
            line.option("reference", &query.reference);
            line.flag("exact", query.exact);
            lines.push(line);
        }
        if names.iter().any(|name| arrivals::has(name)) {
            let mut line = scope(ask, "quality", run);
            line.flag("arrivals", true);
            lines.push(line);
        }
    }
    lines
}

/// A distribution of one window: a command for each feature.
fn of_features(ask: &Ask<'_>) -> Vec<Line> {
    let is_equal = ask.query.format == Format::Histogram;
    let bins = ask.query.bins.unwrap_or(limits::HISTOGRAM_BINS).to_string();
    let of = |feature: &String| {
        let kind = if is_equal { "drift" } else { "distribution" };
        let mut line = scope(ask, kind, (ask.windows.from, ask.windows.to));
        let ungrouped = ModelQuery { by: String::new(), ..ask.query.clone() };
        conditions(&mut line, &ungrouped);
        line.option("feature", feature);
        line.option("reference", &ask.query.reference);
        if is_equal {
            line.option("binning", "equal-width");
            line.option("bins", &bins);
            line.flag("explain", true);
        }
        line
    };
    ask.query.features.iter().map(of).collect()
}

fn of_alerts(ask: &Ask<'_>) -> Vec<Line> {
    let of = |name: &String| {
        let mut line = match name.as_str() {
            "states" => Line::new(&["driftline", "alerts", "list"]),
            "events" => {
                let mut line = Line::new(&["driftline", "alerts", "history"]);
                line.option("from", &instant(ask.windows.from));
                line.option("to", &instant(ask.windows.to));
                line
            }
            "references" => Line::new(&["driftline", "reference", "list"]),
            _ => Line::new(&["driftline", "models", "show"]),
        };
        let is_place = name == "versions";
        match ask.query.model.as_str() {
            "" => {}
            model if is_place => line.0.push(model.to_owned()),
            model => line.option("model", model),
        }
        line
    };
    metrics(ask.query).iter().map(of).collect()
}

/// An instant as RFC 3339.
fn instant(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map(|time| time.to_string()).unwrap_or_default()
}

/// A length in its largest whole unit.
fn written(micros: i64) -> String {
    let units = [(1_440 * MINUTE, "d"), (60 * MINUTE, "h"), (MINUTE, "m")];
    let fits = units.into_iter().find(|(unit, _)| micros % unit == 0);
    fits.map_or_else(
        || format!("{}s", micros / 1_000_000),
        |(unit, name)| format!("{}{name}", micros / unit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::Windows;

    #[test]
    fn a_word_is_one_word_for_a_shell_whatever_it_has() {
        for (word, want) in [
            ("amount", "amount"),
            ("a\"b{c}", "'a\"b{c}'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
            ("$(rm -r .)", "'$(rm -r .)'"),
        ] {
            assert_eq!(quoted(word), want);
        }
    }

    #[test]
    fn each_run_of_windows_is_a_command_and_few_are_shown() {
        let json = br#"{"model":"fraud","features":["amount"],"by":"version","exact":true,
            "filters":[{"column":"country","value":"DE"},{"column":"age","operator":"is null"}]}"#;
        let query = ModelQuery::read(json).expect("reads");
        let day = 1_440 * MINUTE;
        let windows = Windows { from: 0, to: 9 * day, length: Some(7 * day), every: Some(day) };
        let got = commands(&Ask::new(&query, windows).expect("right"));
        assert_eq!(
            got[0],
            "driftline query drift --model fraud --from 1970-01-01T00:00:00Z --to \
             1970-01-08T00:00:00Z --step 7d --where country=DE --where 'age is null' --by version \
             --method psi --feature amount --exact"
        );
        assert_eq!(got.len(), 3, "{got:?}");
        let windows = Windows { to: 20 * day, ..windows };
        let got = commands(&Ask::new(&query, windows).expect("right"));
        assert_eq!(got[3], "# and 4 more, of the windows between");
        assert_eq!((written(90_000_000), written(5_400_000_000)), ("90s".into(), "90m".into()));
    }
}
