//! The labels that a selector chooses by its matchers: the window, and the quantile of latencies.

use driftline_alerts::{format_duration, limits::SPAN_MAX, parse_duration};
use driftline_promql::{Error, Operator, Result, Selector};
use driftline_storage::MINUTE_MICROS;

/// The label of the window.
pub(super) const WINDOW: &str = "window";
/// The label of the quantile.
pub(super) const QUANTILE: &str = "quantile";
/// The window of a selector that names none.
const WINDOW_DEFAULT: &str = "1h";
/// Windows that are told of, and tried against a regular expression.
const WINDOWS: [&str; 8] = ["5m", "15m", "1h", "6h", "1d", "7d", "14d", "30d"];
/// Quantiles of a selector that names none.
const QUANTILES: [&str; 5] = ["0.5", "0.9", "0.95", "0.99", "0.999"];

/// A window as it was written, and its length in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) text: String,
    pub(super) micros: i64,
}

/// The windows that a selector means.
///
/// # Errors
/// `BadData` for one that is no duration of whole minutes.
pub(super) fn windows(selector: &Selector) -> Result<Vec<Window>> {
    let read = |text: &str| -> Result<Window> {
        let wrong = |why: String| Error::bad_data(format!("window={text:?} {why}"));
        let micros = parse_duration(text).map_err(wrong)?;
        if micros < MINUTE_MICROS || micros % MINUTE_MICROS != 0 || micros > SPAN_MAX {
            let most = format_duration(SPAN_MAX);
            let why = format!("must be whole minutes, from 1m to {most}, such as 1h or 1d");
            return Err(wrong(why));
        }
        Ok(Window { text: text.to_owned(), micros })
    };
    let wanted = wanted(selector, WINDOW, &[WINDOW_DEFAULT], &WINDOWS, |text| read(text).is_ok());
    wanted.iter().filter(|text| !text.is_empty()).map(|text| read(text)).collect()
}

/// Windows that the values of the label are told from.
pub(super) fn known_windows(selector: &Selector) -> Result<Vec<Window>> {
    if selector.asks(WINDOW) {
        return windows(selector);
    }
    let known = WINDOWS.iter().filter_map(|text| {
        Some(Window { text: (*text).to_owned(), micros: parse_duration(text).ok()? })
    });
    Ok(known.collect())
}

/// The quantiles that a selector means, as they were written and as numbers from 0 to 1.
///
/// # Errors
/// `BadData` for one that is no such number.
pub(super) fn quantiles(selector: &Selector) -> Result<Vec<(String, f64)>> {
    let read = |text: &str| -> Result<(String, f64)> {
        let number = text.parse::<f64>().ok().filter(|q| (0.0..=1.0).contains(q));
        let wrong =
            || Error::bad_data(format!("quantile={text:?} must be from 0 to 1, such as 0.99"));
        Ok((text.to_owned(), number.ok_or_else(wrong)?))
    };
    let known = |text: &str| read(text).is_ok();
    let wanted = wanted(selector, QUANTILE, &QUANTILES, &QUANTILES, known);
    wanted.iter().filter(|text| !text.is_empty()).map(|text| read(text)).collect()
}

/// The values of a label that has no end of values: the one that is stated; of a regular expression
/// those of the usual ones and of its alternatives that match; else the default ones.
pub(super) fn wanted(
    selector: &Selector,
    label: &str,
    default: &[&str],
    usual: &[&str],
    is_one: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut tried: Vec<String> = match selector.equal(label) {
        Some(stated) => vec![stated.to_owned()],
        None => {
            let expressions = selector.of(label).filter_map(|matcher| match matcher.operator {
                Operator::Matches(_) => Some(matcher.value.as_str()),
                _ => None,
            });
            let alternatives: Vec<&str> =
                expressions.flat_map(|text| text.split('|')).filter(|text| is_one(text)).collect();
            let is_matched =
                selector.of(label).any(|matcher| matches!(matcher.operator, Operator::Matches(_)));
            let known = if is_matched { usual } else { default };
            known.iter().copied().chain(alternatives).map(str::to_owned).collect()
        }
    };
    tried.retain(|text| selector.allows(label, text));
    let mut once: Vec<String> = Vec::with_capacity(tried.len());
    for text in tried {
        if !once.contains(&text) {
            once.push(text);
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use driftline_promql::read_selector;

    use super::*;

    #[test]
    fn windows_are_those_that_the_matchers_name() {
        let check = |matchers: &str, want: &[&str]| {
            let selector = read_selector(&format!("m{{{matchers}}}")).expect("reads");
            let got = windows(&selector).expect("windows");
            assert_eq!(
                got.iter().map(|window| &window.text).collect::<Vec<_>>(),
                want,
                "{matchers}"
            );
        };
        check("", &["1h"]);
        check("window=\"90m\"", &["90m"]);
        check("window=~\"1d|2d|x\"", &["1d", "2d"]);
        check("window=~\"1.*\"", &["15m", "1h", "1d", "14d"]);
        check("window!=\"1d\"", &["1h"]);
        check("window!=\"1h\"", &[]);
        check("window=\"\"", &[]);
        check("window=\"1h\",window=\"2h\"", &[]);
        for (window, want) in
            [("30s", "whole minutes"), ("90s", "whole minutes"), ("soon", "no"), ("1mo", "months")]
        {
            let selector = read_selector(&format!("m{{window=\"{window}\"}}")).expect("reads");
            let error = windows(&selector).expect_err(window).to_string();
            assert!(error.contains(want), "{error}");
        }
    }

    #[test]
    fn quantiles_are_those_that_the_matchers_name() {
        let of =
            |matchers: &str| quantiles(&read_selector(&format!("m{{{matchers}}}")).expect("reads"));
        assert_eq!(of("").expect("quantiles").len(), 5);
        assert_eq!(of("quantile=\"0.75\"").expect("one"), [("0.75".to_owned(), 0.75)]);
        assert_eq!(of("quantile=~\"0.99|0.98\"").expect("two").len(), 2);
        assert!(of("quantile=\"99\"").is_err());
    }
}
