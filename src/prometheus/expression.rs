//! Rules of alerts as PromQL, where there is such.

use driftline_alerts::{Bound, Figure, Measure, Operations, Rule, Test, Volume, format_duration};
use driftline_promql::escape;

use driftline_storage::HOUR_MICROS;

use super::{
    metric::Metric,
    slicing::{AND, WHERE},
};

/// What a rule asks, as a query that gives the series that breach it. Of a rule that PromQL cannot say,
/// such as one on its own history or on other rules, it is the rule's own words.
pub(crate) fn expression(rule: &Rule) -> String {
    let Some(measure) = rule.measure() else {
        let (members, when) = (rule.subject.members().join(", "), rule.when.to_string());
        return format!("{when} of rules {members}");
    };
    let constant = matches!(rule.when.test, Test::Compare(_, Bound::Constant(_)));
    let is_plain = constant
        && !rule.when.p_value
        && !measure.exact
        && (measure.slice.is_empty() || measure.window % HOUR_MICROS == 0)
        && measure.features.len() <= 1;
    let takes_slice = |metric: &Metric| measure.slice.is_empty() || metric.is_of_slices();
    match metric(measure.figure).filter(takes_slice).filter(|_| is_plain) {
        Some(metric) => format!("{metric}{{{}}} {}", labels(metric, measure), rule.when),
        None => format!("{} {} of model {:?}", measure.figure.name(), rule.when, measure.model),
    }
}

/// The metric of a figure. Latencies of rules are milliseconds and those of metrics seconds, so that a
/// limit of one is none of the other.
fn metric(figure: Figure) -> Option<Metric> {
    let metric = match figure {
        Figure::Drift(method) => Metric::Drift(method),
        Figure::Performance(measure) => Metric::Performance(measure),
        Figure::Column(figure) => Metric::Column(figure),
        Figure::Volume(Volume::Predictions) => Metric::Predictions,
        Figure::Volume(Volume::Labelled) => Metric::Labelled,
        Figure::Volume(Volume::Coverage) => Metric::Coverage,
        Figure::Operations(Operations::ErrorRate) => Metric::ErrorRatio,
        Figure::Operations(Operations::Throughput) => Metric::Throughput,
        _ => return None,
    };
    Metric::all().find(|known| *known == metric)
}

fn labels(metric: Metric, measure: &Measure) -> String {
    let mut labels = vec![
        ("model", measure.model.as_str()),
        ("version", measure.version.as_deref().unwrap_or_default()),
    ];
    labels.extend(measure.features.first().map(|feature| ("feature", feature.as_str())));
    labels.extend(measure.reference.as_deref().map(|reference| ("reference", reference)));
    if metric.labels().contains(&"class") {
        labels.push(("class", measure.class.as_deref().unwrap_or_default()));
    }
    let window = format_duration(measure.window);
    labels.push(("window", &window));
    let conditions: Vec<String> = measure.slice.iter().map(ToString::to_string).collect();
    let conditions = conditions.join(AND);
    if !conditions.is_empty() {
        labels.push((WHERE, &conditions));
    }
    let texts: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    texts.join(",")
}

#[cfg(test)]
mod tests {
    use driftline_alerts::{RuleSet, Syntax};
    use driftline_promql::Query;

    use super::*;

    #[test]
    fn plain_rules_are_queries_and_others_are_told_in_their_words() {
        let of = |keys: &str| {
            let text = format!("[[rule]]\nname = \"r\"\nmodel = \"m\"\nwindow = \"1d\"\n{keys}\n");
            let set = RuleSet::parse(&text, Syntax::Toml).expect("a rule");
            expression(set.rules.first().expect("one"))
        };
        let psi = of("metric = \"psi\"\nfeature = 'a\"b'\nwhen = \"> 0.2\"");
        let want = r#"driftline_psi{model="m",version="",feature="a\"b",window="1d"} > 0.2"#;
        assert_eq!(psi, want);
        let recall = of("metric = \"recall\"\nversion = \"2\"\nwhen = \"<= 0.5\"");
        let want = r#"driftline_recall{model="m",version="2",class="",window="1d"} <= 0.5"#;
        assert_eq!(recall, want);
        let sliced =
            of("metric = \"accuracy\"\nslice = [\"country=DE\", \"age>=30\"]\nwhen = \"< 0.5\"");
        let want = r#"driftline_accuracy{model="m",version="",window="1d",where="country=DE and age>=30"} < 0.5"#;
        assert_eq!(sliced, want);
        for query in [psi, recall, sliced] {
            assert!(Query::read(&query).is_ok(), "{query}");
        }
        let history = of("metric = \"psi\"\nwhen = \"> history + 3 sd\"");
        assert!(history.starts_with("psi > history") && Query::read(&history).is_err());
        assert!(of("metric = \"latency_p99\"\nwhen = \"> 100\"").starts_with("latency_p99 > 100"));
    }
}
