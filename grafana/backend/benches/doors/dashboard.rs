//! The panels that are asked for, each as a query of the plugin and as one of PromQL.

use serde_json::{Value, json};

/// The model of `driftline bench`.
pub const MODEL: &str = "bench";

const HOUR: Option<i64> = Some(3_600);
const DAY: Option<i64> = Some(86_400);

/// A panel over the month.
pub struct Panel {
    pub title: &'static str,
    pub query: Value,
    /// PromQL, in which `$model` stands for the model.
    pub expression: String,
    /// Seconds between its points; none of a value at the end.
    pub step: Option<i64>,
}

/// The 25 features of the workload: its model has score and prediction besides.
fn features() -> Vec<String> {
    let numbers = (0..20).map(|n| format!("f{n:02}"));
    numbers.chain((0..5).map(|n| format!("c{n}"))).collect()
}

fn panel(title: &'static str, query: Value, expression: &str, step: Option<i64>) -> Panel {
    let mut query = query;
    query["model"] = json!(MODEL);
    Panel { title, query, expression: expression.to_owned(), step }
}

/// PSI of all features in each hour of the month.
pub fn month_by_hour() -> Panel {
    panel(
        "PSI of 25 features by hour",
        json!({ "window": "1h", "features": features() }),
        "driftline_psi{model=\"$model\",version=\"\",feature!~\"score|prediction\"}",
        HOUR,
    )
}

/// The twelve panels of a dashboard of a model.
pub fn panels() -> Vec<Panel> {
    let of = |metric: &str, more: &str| {
        format!("driftline_{metric}{{model=\"$model\",version=\"\"{more}}}")
    };
    let both = |names: &str, more: &str| {
        format!("{{__name__=~\"driftline_({names})\",model=\"$model\",version=\"\"{more}}}")
    };
    let (day, month) = (",window=\"1d\"", ",window=\"30d\"");
    vec![
        panel(
            "predictions and labels by hour",
            json!({ "queryType": "volume", "window": "1h" }),
            &both("predictions|predictions_labelled", ""),
            HOUR,
        ),
        panel(
            "accuracy and F1 by hour",
            json!({ "queryType": "performance", "window": "1h", "metrics": ["accuracy", "f1"] }),
            &both("accuracy|f1", ",class=\"\""),
            HOUR,
        ),
        panel(
            "ROC AUC by day",
            json!({ "queryType": "performance", "window": "1d", "metrics": ["roc_auc"] }),
            &of("roc_auc", day),
            DAY,
        ),
        panel("PSI of all features by day", json!({ "window": "1d" }), &of("psi", day), DAY),
        panel(
            "JS of score by hour",
            json!({ "window": "1h", "features": ["score"], "metrics": ["js"] }),
            &of("js", ",feature=\"score\""),
            HOUR,
        ),
        panel("PSI of the month", json!({ "whole": true }), &of("psi", month), None),
        panel(
            "nulls of all features by day",
            json!({ "queryType": "quality", "window": "1d", "metrics": ["null_rate"] }),
            &of("null_ratio", day),
            DAY,
        ),
        panel(
            "means of three features by day",
            json!({
                "queryType": "quality", "window": "1d", "metrics": ["mean"],
                "features": ["f00", "f01", "f02"],
            }),
            &of("feature_mean", ",feature=~\"f00|f01|f02\",window=\"1d\""),
            DAY,
        ),
        panel(
            "latency by hour",
            json!({ "queryType": "operations", "window": "1h", "metrics": ["p50", "p95", "p99"] }),
            &of("latency_seconds", ",quantile=~\"0.5|0.95|0.99\""),
            HOUR,
        ),
        panel(
            "errors by hour",
            json!({ "queryType": "operations", "window": "1h", "metrics": ["error_rate"] }),
            &of("error_ratio", ""),
            HOUR,
        ),
        panel(
            "shares of predictions by day",
            json!({ "queryType": "predictions", "window": "1d" }),
            &of("feature_share", ",feature=\"prediction\",side=\"window\",window=\"1d\""),
            DAY,
        ),
        panel(
            "distribution of a feature",
            json!({ "queryType": "distribution", "features": ["f00"] }),
            &of("feature_share", ",feature=\"f00\",window=\"30d\""),
            None,
        ),
    ]
}
