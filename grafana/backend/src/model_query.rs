//! Queries as the editor stores them in a panel.

use driftline_proto::v1;
use serde::Deserialize;

use crate::{limits, problem::Problem};

/// What is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum QueryType {
    /// How far features moved.
    #[default]
    Drift,
    /// How good predictions were.
    Performance,
    /// What columns hold.
    Quality,
    /// How the model was served.
    Operations,
    /// What a feature holds, in a reference and now.
    Distribution,
    /// How many predictions and labels came.
    Volume,
    /// How versions or variants differ.
    Compare,
    /// States and history of alerts.
    Alerts,
    /// What was predicted, by class or value.
    Predictions,
    /// Metric series: business values, training losses and the like.
    Series,
}

/// The form of the frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Format {
    /// What suits the query: series over windows, and of one window numbers, or of drift a table.
    #[default]
    Auto,
    /// Series over windows; numbers of one window.
    Series,
    /// A row of colours for each series.
    Heatmap,
    /// Rows with a column for each label and metric.
    Table,
    /// Of a distribution, bins of one width over the range of the reference, counted in rows; what suits
    /// any other query.
    Histogram,
}

/// Which time the windows of performance are of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum TimeOf {
    /// That of predictions.
    #[default]
    Prediction,
    /// That at which labels became known.
    Label,
}

/// A condition on rows, such as `country = DE`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Where {
    /// The column.
    pub(crate) column: String,
    /// `=`, `!=`, `<`, `<=`, `>`, `>=`, `is null` or `is not null`.
    #[serde(default)]
    pub(crate) operator: String,
    /// What it is compared with.
    #[serde(default)]
    pub(crate) value: String,
}

/// A query. All but the model has a default, so that a panel shows something once one is chosen.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ModelQuery {
    /// What is asked.
    pub(crate) query_type: QueryType,
    /// The model.
    pub(crate) model: String,
    /// One version; empty means all.
    pub(crate) version: String,
    /// Features, or names of metric series; none means all.
    pub(crate) features: Vec<String>,
    /// Statistics of drift, metrics of performance, figures of columns, percentiles, by query type;
    /// none means the usual one.
    pub(crate) metrics: Vec<String>,
    /// The class that shares are of; empty means the positive one or all.
    pub(crate) class: String,
    /// Name of the reference; empty means the default one.
    pub(crate) reference: String,
    /// Conditions that all must hold.
    pub(crate) filters: Vec<Where>,
    /// A column whose values make a series each; empty means none.
    pub(crate) by: String,
    /// Length of a window such as `1h`; empty or `auto` means one that suits the panel.
    pub(crate) window: String,
    /// Time between the ends of windows such as `1d`; empty means the length of a window.
    pub(crate) step: String,
    /// One window over the whole time of the panel.
    pub(crate) whole: bool,
    /// The form of the frames.
    pub(crate) format: Format,
    /// Bins of a distribution over time or as a histogram, and of what was predicted; none means 10.
    pub(crate) bins: Option<u32>,
    /// Of performance, which time windows are of.
    pub(crate) time_of: TimeOf,
    /// Of performance, which labels count: an instant by RFC 3339, `-1d` before the end of the panel, or
    /// `7d` after the end of each window; empty means all that have come.
    pub(crate) as_of: String,
    /// Whether rows are read for exact values.
    pub(crate) exact: bool,
    /// Of comparisons, the value that others are compared with.
    pub(crate) baseline: String,
}

impl ModelQuery {
    /// Reads what a panel stores.
    ///
    /// # Errors
    /// What does not read, and that there is no model.
    pub(crate) fn read(json: &[u8]) -> Result<Self, Problem> {
        let query: Self = serde_json::from_slice(json).map_err(|error| {
            Problem::asked(format!("the query does not read: {error}; open it in its editor"))
        })?;
        let is_of_all = query.query_type == QueryType::Alerts;
        if query.model.is_empty() && !is_of_all {
            return Err(Problem::asked("choose a model"));
        }
        let (features, most) = (query.features.len(), limits::FEATURES_MAX);
        if features > most {
            return Err(Problem::asked(format!(
                "{features} features are more than the {most} that a model can have; leave the field \
                 empty for all"
            )));
        }
        Ok(query)
    }

    /// Whether there is one window: what alerts say has times and no windows, and a distribution has some
    /// only over time.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
            || match self.query_type {
                QueryType::Alerts => true,
                QueryType::Distribution => !self.is_over_time(),
                _ => false,
            }
    }

    /// Whether a distribution is asked for over time.
    pub(crate) fn is_over_time(&self) -> bool {
        !self.whole && matches!(self.format, Format::Series | Format::Heatmap)
    }

    /// The conditions as the server takes them.
    ///
    /// # Errors
    /// An operator that there is not.
    pub(crate) fn conditions(&self) -> Result<Vec<v1::SliceCondition>, Problem> {
        let used = self.filters.iter().filter(|filter| !filter.column.is_empty());
        used.map(condition).collect()
    }
}

fn condition(filter: &Where) -> Result<v1::SliceCondition, Problem> {
    use v1::SliceOperator as Operator;
    let operator = match filter.operator.as_str() {
        "" | "=" => Operator::Equal,
        "!=" => Operator::NotEqual,
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        "is null" => Operator::IsNull,
        "is not null" => Operator::IsNotNull,
        other => {
            return Err(Problem::asked(format!(
                "{other:?} is no operator of a condition; there are =, !=, <, <=, >, >=, is null \
                 and is not null"
            )));
        }
    };
    Ok(v1::SliceCondition {
        column: filter.column.clone(),
        operator: operator.into(),
        value: filter.value.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_all_that_a_query_needs() {
        let query = ModelQuery::read(br#"{"model":"fraud","refId":"A"}"#).expect("reads");
        assert_eq!((query.query_type, query.features.len()), (QueryType::Drift, 0));
        assert!(ModelQuery::read(b"{}").expect_err("no model").text.contains("choose a model"));
        assert!(ModelQuery::read(br#"{"queryType":"alerts"}"#).is_ok());
        let error = ModelQuery::read(br#"{"model":"m","queryType":"drit"}"#).expect_err("a typo");
        assert!(error.text.contains("drit"), "{}", error.text);
    }

    #[test]
    fn conditions_are_those_of_slices() {
        let json = br#"{"model":"m","filters":[{"column":"country","value":"DE"},
            {"column":"age","operator":">=","value":"30"},{"column":""}]}"#;
        let query = ModelQuery::read(json).expect("reads");
        assert_eq!(query.conditions().expect("right").len(), 2);
        let json = br#"{"model":"m","filters":[{"column":"a","operator":"like","value":"x"}]}"#;
        let error = ModelQuery::read(json).expect("reads").conditions().expect_err("no operator");
        assert!(error.text.contains("is null"), "{}", error.text);
    }
}
