//! The label that chooses what is said of the points of a metric series.

use std::borrow::Cow;

use driftline_promql::{Error, Result, Selector};
use driftline_query::SeriesResult;

use super::window::wanted;

/// The label of the name of a series.
pub(super) const SERIES: &str = "name";
/// The label of what is said of its points.
pub(super) const STATISTIC: &str = "statistic";
/// Without a matcher.
const DEFAULT: &str = "mean";
/// All but quantiles, which are `q0.5` and the like.
const KNOWN: [&str; 11] =
    ["mean", "sum", "min", "max", "std", "first", "last", "rate", "count", "nans", "infinities"];

/// What is said of the points of a window.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statistic {
    /// As the label has it.
    pub(super) text: String,
    /// The probability of a quantile.
    pub(super) quantile: Option<f64>,
}

/// The statistics that a selector means.
///
/// # Errors
/// `BadData` for one that there is not.
pub(super) fn statistics(selector: &Selector) -> Result<Vec<Statistic>> {
    let read = |text: &str| -> Result<Statistic> {
        let quantile = text.strip_prefix('q').and_then(|q| q.parse::<f64>().ok());
        let quantile = quantile.filter(|q| (0.0..=1.0).contains(q));
        if quantile.is_none() && !KNOWN.contains(&text) {
            let text = format!(
                "{STATISTIC}={text:?} is not one of {}, or a quantile such as q0.9",
                KNOWN.join(", ")
            );
            return Err(Error::bad_data(text));
        }
        Ok(Statistic { text: text.to_owned(), quantile })
    };
    let wanted = wanted(selector, STATISTIC, &[DEFAULT], &KNOWN, |text| read(text).is_ok());
    wanted.iter().filter(|text| !text.is_empty()).map(|text| read(text)).collect()
}

impl Statistic {
    /// Its value, or why there is none. Quantiles stand in the order of the statistics that are some.
    pub(super) fn of(
        &self,
        result: &SeriesResult,
        quantile: Option<f64>,
    ) -> std::result::Result<f64, Cow<'static, str>> {
        let value = match self.text.as_str() {
            "mean" => result.mean,
            "sum" => result.sum,
            "min" => result.min,
            "max" => result.max,
            "std" => result.std,
            "first" => result.first,
            "last" => result.last,
            "rate" => result.rate,
            "count" => Some(result.count as f64),
            "nans" => Some(result.nans as f64),
            "infinities" => Some(result.infinities as f64),
            _ => quantile,
        };
        let key = match self.quantile {
            Some(q) => format!("q{q}"),
            None => self.text.clone(),
        };
        let why =
            || result.undefined.get(&key).cloned().unwrap_or_else(|| "it is not known".into());
        value.ok_or_else(why)
    }
}

#[cfg(test)]
mod tests {
    use driftline_promql::read_selector;

    use super::*;

    #[test]
    fn statistics_are_those_that_the_matchers_name() {
        let of = |matchers: &str| {
            let selector = read_selector(&format!("m{{{matchers}}}")).expect("reads");
            statistics(&selector)
        };
        let texts = |matchers: &str| {
            let found = of(matchers).expect("statistics");
            found.into_iter().map(|one| one.text).collect::<Vec<_>>()
        };
        assert_eq!(texts(""), ["mean"]);
        assert_eq!(texts("statistic=\"q0.9\""), ["q0.9"]);
        assert_eq!(texts("statistic=~\"min|max|q0.5\""), ["min", "max", "q0.5"]);
        let error = of("statistic=\"median\"").expect_err("none").to_string();
        assert!(error.contains("not one of mean, sum"), "{error}");
        assert!(of("statistic=\"q2\"").is_err());
    }
}
