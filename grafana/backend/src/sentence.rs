//! What a query computes, in words: shown under the editor and by the query inspector.

use crate::model_query::{Format, ModelQuery, QueryType, TimeOf};

/// The metrics that a query has where none is chosen.
pub(crate) fn usual(kind: QueryType) -> &'static [&'static str] {
    match kind {
        QueryType::Drift => &["psi"],
        QueryType::Quality => &["null_rate"],
        QueryType::Operations => &["p50", "p95", "p99"],
        QueryType::Series => &["mean"],
        QueryType::Volume => &["predictions", "labelled"],
        QueryType::Alerts => &["states"],
        // Of performance and comparisons the server knows what is usual of the task.
        QueryType::Performance
        | QueryType::Compare
        | QueryType::Distribution
        | QueryType::Predictions => &[],
    }
}

/// The metrics of a query, those that were chosen or the usual ones.
pub(crate) fn metrics(query: &ModelQuery) -> Vec<String> {
    if query.metrics.is_empty() {
        usual(query.query_type).iter().map(|name| (*name).to_owned()).collect()
    } else {
        query.metrics.clone()
    }
}

/// The sentence of a query.
pub(crate) fn sentence(query: &ModelQuery) -> String {
    let list = |names: &[String]| match names {
        [] => "all features".to_owned(),
        names => names.join(", "),
    };
    let reference = match query.reference.as_str() {
        "" => "the default reference".to_owned(),
        name => format!("reference {name}"),
    };
    let metrics = match metrics(query) {
        names if names.is_empty() => "the usual metrics of its task".to_owned(),
        names => names.join(", "),
    };
    let features = list(&query.features);
    let what = match query.query_type {
        QueryType::Drift => format!("{metrics} of {features} against {reference}"),
        QueryType::Performance => format!("{metrics} of labelled predictions"),
        QueryType::Quality => format!("{metrics} of {features}"),
        QueryType::Operations => format!("{metrics} of latency, throughput and errors"),
        QueryType::Distribution => format!("distribution of {features} against {reference}"),
        QueryType::Volume => "predictions and labels".to_owned(),
        QueryType::Compare => format!("{metrics} of each {} against {}", query.by, query.baseline),
        QueryType::Alerts => format!("{metrics} of alerts"),
        QueryType::Predictions => "what was predicted".to_owned(),
        QueryType::Series => match query.features.as_slice() {
            [] => format!("{metrics} of all metric series"),
            names => format!("{metrics} of the metric series {}", names.join(", ")),
        },
    };
    let mut text = what;
    if !query.model.is_empty() {
        text.push_str(&format!(", model {}", query.model));
    }
    if query.query_type == QueryType::Alerts {
        // Nothing else is asked of them.
        return text;
    }
    if !query.version.is_empty() {
        text.push_str(&format!(" version {}", query.version));
    }
    for filter in query.filters.iter().filter(|filter| !filter.column.is_empty()) {
        let operator = if filter.operator.is_empty() { "=" } else { &filter.operator };
        let condition = format!("{} {operator} {}", filter.column, filter.value);
        text.push_str(&format!(", where {}", condition.trim_end()));
    }
    if !query.by.is_empty() && query.query_type != QueryType::Compare {
        text.push_str(&format!(", by {}", query.by));
    }
    if query.query_type == QueryType::Performance {
        text.push_str(&labels_known(query));
    }
    let is_auto = matches!(query.window.trim(), "" | "auto");
    match (query.window.trim(), query.step.trim()) {
        _ if query.is_whole() => text.push_str(", over the whole time"),
        (_, "") if is_auto => text.push_str(", in windows that suit the panel"),
        (_, step) if is_auto => text.push_str(&format!(", in windows of {step}")),
        (window, "") => text.push_str(&format!(", in windows of {window}")),
        (window, step) => text.push_str(&format!(", in windows of {window} that end every {step}")),
    }
    if query.exact {
        text.push_str(", exactly from rows");
    }
    match query.format {
        Format::Heatmap => text.push_str(", as a heatmap"),
        Format::Table => text.push_str(", as a table"),
        Format::Histogram if query.query_type == QueryType::Distribution => {
            text.push_str(", in bins of one width, from rows");
        }
        Format::Auto | Format::Series | Format::Histogram => {}
    }
    text
}

/// Which labels count, and which time windows are of.
fn labels_known(query: &ModelQuery) -> String {
    let mut text = String::new();
    if query.time_of == TimeOf::Label {
        text.push_str(", by the time at which labels came");
    }
    match query.as_of.trim() {
        "" => {}
        before if before.starts_with('-') => {
            let length = before.trim_start_matches('-');
            text.push_str(&format!(", labels as known {length} before the end"));
        }
        instant if instant.contains('T') => {
            text.push_str(&format!(", labels as known at {instant}"))
        }
        delay => {
            let length = delay.trim_start_matches('+');
            text.push_str(&format!(", labels as known {length} after each window"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_told_in_words() {
        let json = br#"{"model":"fraud","features":["amount"],"window":"1h","exact":true,
            "filters":[{"column":"country","value":"DE"}]}"#;
        let query = ModelQuery::read(json).expect("reads");
        assert_eq!(
            sentence(&query),
            "psi of amount against the default reference, model fraud, where country = DE, in \
             windows of 1h, exactly from rows"
        );
        let json = br#"{"queryType":"alerts","model":"fraud","version":"1","window":"1h"}"#;
        let query = ModelQuery::read(json).expect("reads");
        assert_eq!(sentence(&query), "states of alerts, model fraud");
    }
}
