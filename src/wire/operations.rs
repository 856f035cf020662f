//! Questions and answers about operations.

use std::borrow::Cow;

use driftline_proto::v1;
use driftline_query::{
    ErrorClass, ErrorRate, Latency, LatencyFigure, OperationsReport, OperationsRequest,
    OperationsWindow, Percentile,
};
use driftline_storage::Result;

use super::{
    model,
    query::{each, missing, write_missing},
    scope::{scope, write_scope},
    time,
};

/// Reads a question.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub(crate) fn request(request: v1::QueryOperationsRequest) -> Result<OperationsRequest> {
    let default = OperationsRequest::default();
    let (percentiles, ok) = (request.percentiles, request.ok_statuses);
    Ok(OperationsRequest {
        scope: scope(request.scope)?,
        percentiles: if percentiles.is_empty() { default.percentiles } else { percentiles },
        ok: if ok.is_empty() { default.ok } else { ok },
        exact: request.exact,
    })
}

/// A question for the wire.
pub(crate) fn write_request(request: &OperationsRequest) -> v1::QueryOperationsRequest {
    v1::QueryOperationsRequest {
        scope: Some(write_scope(&request.scope)),
        percentiles: request.percentiles.clone(),
        ok_statuses: request.ok.clone(),
        exact: request.exact,
    }
}

/// Reads an answer.
///
/// # Errors
/// `InvalidArgument` for what no server of this build answers.
pub(crate) fn report(report: v1::QueryOperationsResponse) -> Result<OperationsReport> {
    Ok(OperationsReport {
        scope: scope(report.scope)?,
        asked: time::micros("asked_time", report.asked_time)?,
        rows_scanned: report.rows_scanned,
        windows: each(report.windows, window)?,
        groups: each(report.groups, self::report)?,
    })
}

/// An answer for the wire.
pub(crate) fn write_report(report: OperationsReport) -> v1::QueryOperationsResponse {
    v1::QueryOperationsResponse {
        scope: Some(write_scope(&report.scope)),
        asked_time: Some(time::edge(report.asked)),
        rows_scanned: report.rows_scanned,
        windows: report.windows.into_iter().map(write_window).collect(),
        groups: report.groups.into_iter().map(write_report).collect(),
    }
}

fn window(window: v1::OperationsWindow) -> Result<OperationsWindow> {
    let (start, end) = model::window(window.window)?;
    Ok(OperationsWindow {
        start,
        end,
        predictions: window.predictions,
        seconds: window.seconds,
        throughput: window.throughput,
        throughput_undefined: window.throughput_undefined.map(Cow::Owned),
        latency: latency(window.latency.unwrap_or_default()),
        errors: errors(window.errors.unwrap_or_default()),
        missing: window.missing.into_iter().map(missing).collect(),
    })
}

fn write_window(window: OperationsWindow) -> v1::OperationsWindow {
    v1::OperationsWindow {
        window: Some(model::write_window(window.start, window.end)),
        predictions: window.predictions,
        seconds: window.seconds,
        throughput: window.throughput,
        throughput_undefined: window.throughput_undefined.map(Cow::into_owned),
        latency: Some(write_latency(window.latency)),
        errors: Some(write_errors(window.errors)),
        missing: window.missing.into_iter().map(write_missing).collect(),
    }
}

fn latency(latency: v1::LatencySummary) -> Latency {
    let percentile = |of: v1::LatencyPercentile| Percentile {
        percentile: of.percentile,
        figure: figure(of.figure),
    };
    Latency {
        count: latency.count,
        nulls: latency.nulls,
        mean: figure(latency.mean),
        min: figure(latency.min),
        max: figure(latency.max),
        percentiles: latency.percentiles.into_iter().map(percentile).collect(),
    }
}

fn write_latency(latency: Latency) -> v1::LatencySummary {
    let percentile = |of: Percentile| v1::LatencyPercentile {
        percentile: of.percentile,
        figure: Some(write_figure(of.figure)),
    };
    v1::LatencySummary {
        count: latency.count,
        nulls: latency.nulls,
        mean: Some(write_figure(latency.mean)),
        min: Some(write_figure(latency.min)),
        max: Some(write_figure(latency.max)),
        percentiles: latency.percentiles.into_iter().map(percentile).collect(),
    }
}

fn figure(figure: Option<v1::LatencyFigure>) -> LatencyFigure {
    let figure = figure.unwrap_or_default();
    LatencyFigure {
        value: figure.value,
        lower: figure.lower,
        upper: figure.upper,
        exact: figure.exact,
        undefined: figure.undefined.map(Cow::Owned),
    }
}

fn write_figure(figure: LatencyFigure) -> v1::LatencyFigure {
    v1::LatencyFigure {
        value: figure.value,
        lower: figure.lower,
        upper: figure.upper,
        exact: figure.exact,
        undefined: figure.undefined.map(Cow::into_owned),
    }
}

fn errors(errors: v1::ErrorRate) -> ErrorRate {
    let class = |of: v1::ErrorClass| ErrorClass { name: of.name, count: of.count, share: of.share };
    ErrorRate {
        with_status: errors.with_status,
        without_status: errors.without_status,
        errors: errors.errors,
        rate: errors.rate,
        lower: errors.lower,
        upper: errors.upper,
        undefined: errors.undefined.map(Cow::Owned),
        classes: errors.classes.into_iter().map(class).collect(),
        other: errors.other,
    }
}

fn write_errors(errors: ErrorRate) -> v1::ErrorRate {
    let class = |of: ErrorClass| v1::ErrorClass { name: of.name, count: of.count, share: of.share };
    v1::ErrorRate {
        with_status: errors.with_status,
        without_status: errors.without_status,
        errors: errors.errors,
        rate: errors.rate,
        lower: errors.lower,
        upper: errors.upper,
        undefined: errors.undefined.map(Cow::into_owned),
        classes: errors.classes.into_iter().map(class).collect(),
        other: errors.other,
    }
}

#[cfg(test)]
mod tests {
    use driftline_query::{MissingRows, Scope};

    use super::*;

    fn asked() -> Scope {
        let (model, version) = ("m".to_owned(), Some("v".to_owned()));
        Scope {
            model,
            version,
            from: -5,
            to: 7_200_000_000,
            step: Some(3_600_000_000),
            ..Scope::default()
        }
    }

    #[test]
    fn questions_come_back_and_bare_ones_have_the_defaults() {
        let (percentiles, ok) = (vec![75.0, 99.99], vec!["200".to_owned(), "204".to_owned()]);
        let full = OperationsRequest { scope: asked(), percentiles, ok, exact: true };
        assert_eq!(request(write_request(&full)).expect("valid"), full);
        let bare =
            v1::QueryOperationsRequest { scope: Some(write_scope(&asked())), ..Default::default() };
        let default = OperationsRequest { scope: asked(), ..OperationsRequest::default() };
        assert_eq!(request(bare).expect("valid"), default);
    }

    #[test]
    fn answers_come_back() {
        let number = |value: f64| LatencyFigure {
            value: Some(value),
            lower: Some(value - 0.5),
            upper: Some(value + 0.5),
            exact: value > 2.0,
            undefined: None,
        };
        let none = LatencyFigure { undefined: Some("why".into()), ..LatencyFigure::default() };
        let latency = Latency {
            count: 1,
            nulls: 2,
            mean: number(1.0),
            min: number(2.0),
            max: LatencyFigure { upper: None, ..number(3.0) },
            percentiles: vec![
                Percentile { percentile: 50.0, figure: number(4.0) },
                Percentile { percentile: 99.9, figure: none },
            ],
        };
        let errors = ErrorRate {
            with_status: 3,
            without_status: 4,
            errors: 5,
            rate: Some(0.25),
            lower: Some(0.125),
            upper: Some(0.5),
            undefined: None,
            classes: vec![ErrorClass { name: "timeout".to_owned(), count: 6, share: 0.75 }],
            other: 7,
        };
        let whole = OperationsWindow {
            start: 0,
            end: 1,
            predictions: 8,
            seconds: 9.5,
            throughput: Some(10.5),
            throughput_undefined: None,
            latency,
            errors,
            missing: vec![MissingRows { rows: 11, reason: "gone".to_owned() }],
        };
        let bare = OperationsWindow {
            start: 1,
            end: 2,
            throughput_undefined: Some("not yet".into()),
            errors: ErrorRate { undefined: Some("none".into()), ..ErrorRate::default() },
            ..OperationsWindow::default()
        };
        let windows = vec![whole, bare];
        let answer = OperationsReport {
            scope: asked(),
            asked: 12,
            rows_scanned: 13,
            windows,
            groups: Vec::new(),
        };
        assert_eq!(report(write_report(answer.clone())).expect("valid"), answer);
    }
}
