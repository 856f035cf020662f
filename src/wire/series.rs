//! Points of metric series, and questions and answers about them.

use std::borrow::Cow;

use driftline_proto::v1;
use driftline_query::{
    SeriesAxis, SeriesInfo, SeriesList, SeriesListRequest, SeriesReport, SeriesRequest,
    SeriesResult, SeriesWindow, StepRange,
};
use driftline_storage::{Error, Result, SeriesPoint};

use super::{
    Violations, batch, model,
    query::{each, missing, write_missing},
    scope::{scope, write_scope},
    time,
};

/// Reads points; storage checks the rest.
///
/// # Errors
/// `InvalidArgument` naming points, fields and rules.
pub(crate) fn points(points: Vec<v1::SeriesPoint>) -> Result<Vec<SeriesPoint>> {
    let mut found = Violations::default();
    batch::check_rows(points.len(), &mut found);
    found.finish()?;
    let mut found = Violations::default();
    let mut read = Vec::with_capacity(points.len());
    for (place, point) in points.into_iter().enumerate() {
        let time = time::micros("time", point.time).unwrap_or_else(|error| {
            for broken in error.field_violations() {
                found.push(format!("points[{place}].time"), broken.description.clone());
            }
            0
        });
        if point.value.is_none() {
            found.push(format!("points[{place}].value"), "is required");
        }
        let value = driftline_storage::number(point.value);
        let tags = point.tags.into_iter().collect();
        read.push(SeriesPoint { name: point.name, time, step: point.step, value, tags });
    }
    found.finish()?;
    Ok(read)
}

/// Points for the wire.
pub(crate) fn write_points(points: &[SeriesPoint]) -> Vec<v1::SeriesPoint> {
    let point = |point: &SeriesPoint| v1::SeriesPoint {
        name: point.name.clone(),
        time: Some(time::timestamp(point.time)),
        step: point.step,
        value: (!driftline_storage::is_null(point.value)).then_some(point.value),
        tags: point.tags.clone().into_iter().collect(),
    };
    points.iter().map(point).collect()
}

/// Reads a question.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub(crate) fn request(request: v1::QuerySeriesRequest) -> Result<SeriesRequest> {
    Ok(SeriesRequest {
        scope: scope(request.scope)?,
        names: request.names,
        axis: axis(request.axis, request.step_size)?,
        quantiles: request.quantiles,
    })
}

/// A question for the wire.
pub(crate) fn write_request(request: &SeriesRequest) -> v1::QuerySeriesRequest {
    let (axis, step_size) = write_axis(request.axis);
    v1::QuerySeriesRequest {
        scope: Some(write_scope(&request.scope)),
        names: request.names.clone(),
        axis,
        step_size,
        quantiles: request.quantiles.clone(),
    }
}

fn axis(axis: i32, step_size: Option<u64>) -> Result<SeriesAxis> {
    match (v1::SeriesAxis::try_from(axis), step_size) {
        (Ok(v1::SeriesAxis::Step), size) => Ok(SeriesAxis::Step { size }),
        (Ok(_), None) => Ok(SeriesAxis::Time),
        (Ok(_), Some(size)) => {
            let text = format!("{size} steps need the axis SERIES_AXIS_STEP");
            Err(Error::invalid("step_size", text))
        }
        (Err(_), _) => Err(Error::invalid("axis", format!("{axis} is not an axis"))),
    }
}

fn write_axis(axis: SeriesAxis) -> (i32, Option<u64>) {
    match axis {
        SeriesAxis::Time => (v1::SeriesAxis::Time.into(), None),
        SeriesAxis::Step { size } => (v1::SeriesAxis::Step.into(), size),
    }
}

/// Reads an answer.
///
/// # Errors
/// `InvalidArgument` for what no server of this build answers.
pub(crate) fn report(report: v1::QuerySeriesResponse) -> Result<SeriesReport> {
    let window = |window: v1::SeriesWindow| {
        let (start, end) = model::window(window.window)?;
        let steps = |steps: v1::StepWindow| StepRange { start: steps.start, end: steps.end };
        Ok(SeriesWindow {
            start,
            end,
            steps: window.steps.map(steps),
            series: each(window.series, result)?,
            missing: window.missing.into_iter().map(missing).collect(),
        })
    };
    Ok(SeriesReport {
        scope: scope(report.scope)?,
        axis: axis(report.axis, report.step_size)?,
        quantiles: report.quantiles,
        points_read: report.points_read,
        without_step: report.without_step,
        windows: each(report.windows, window)?,
        groups: each(report.groups, self::report)?,
    })
}

/// An answer for the wire.
pub(crate) fn write_report(report: SeriesReport) -> v1::QuerySeriesResponse {
    let (axis, step_size) = write_axis(report.axis);
    let quantiles = &report.quantiles;
    let window = |window: SeriesWindow| v1::SeriesWindow {
        window: Some(model::write_window(window.start, window.end)),
        steps: window.steps.map(|steps| v1::StepWindow { start: steps.start, end: steps.end }),
        series: window.series.into_iter().map(|one| write_result(one, quantiles)).collect(),
        missing: window.missing.into_iter().map(write_missing).collect(),
    };
    v1::QuerySeriesResponse {
        scope: Some(write_scope(&report.scope)),
        axis,
        step_size,
        quantiles: quantiles.clone(),
        points_read: report.points_read,
        without_step: report.without_step,
        windows: report.windows.into_iter().map(window).collect(),
        groups: report.groups.into_iter().map(write_report).collect(),
    }
}

fn result(result: v1::SeriesResult) -> Result<SeriesResult> {
    let why = |(figure, why): (String, String)| (figure, Cow::Owned(why));
    let instant = |field, instant: Option<prost_types::Timestamp>| {
        instant.map(|instant| time::micros(field, Some(instant))).transpose()
    };
    Ok(SeriesResult {
        name: result.name.into(),
        count: result.count,
        nans: result.nans,
        infinities: result.infinities,
        sum: result.sum,
        mean: result.mean,
        std: result.std,
        min: result.min,
        max: result.max,
        first: result.first,
        last: result.last,
        rate: result.rate,
        quantiles: result.quantiles.into_iter().map(|quantile| quantile.value).collect(),
        first_time: instant("first_time", result.first_time)?,
        last_time: instant("last_time", result.last_time)?,
        first_step: result.first_step,
        last_step: result.last_step,
        undefined: result.undefined.into_iter().map(why).collect(),
    })
}

fn write_result(result: SeriesResult, probabilities: &[f64]) -> v1::SeriesResult {
    let why = |(figure, why): (String, Cow<'static, str>)| (figure, why.into_owned());
    let quantile = |(probability, value): (&f64, Option<f64>)| v1::QuantileValue {
        probability: *probability,
        value,
    };
    v1::SeriesResult {
        name: result.name.to_string(),
        count: result.count,
        nans: result.nans,
        infinities: result.infinities,
        sum: result.sum,
        mean: result.mean,
        std: result.std,
        min: result.min,
        max: result.max,
        first: result.first,
        last: result.last,
        rate: result.rate,
        quantiles: probabilities.iter().zip(result.quantiles).map(quantile).collect(),
        first_time: result.first_time.map(time::timestamp),
        last_time: result.last_time.map(time::timestamp),
        first_step: result.first_step,
        last_step: result.last_step,
        undefined: result.undefined.into_iter().map(why).collect(),
    }
}

/// Fields of a listing as requests know them.
pub(crate) const LIST_FIELDS: [(&str, &str); 2] = [("from", "start_time"), ("to", "end_time")];

/// Reads a request to list.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub(crate) fn list_request(request: v1::ListSeriesRequest) -> Result<SeriesListRequest> {
    if request.version.as_deref() == Some("") {
        return Err(Error::invalid("version", "must be a name, or absent for all versions"));
    }
    let instant = |field, instant: Option<prost_types::Timestamp>| {
        instant.map(|instant| time::micros(field, Some(instant))).transpose()
    };
    Ok(SeriesListRequest {
        model: request.model,
        version: request.version,
        from: instant("start_time", request.start_time)?,
        to: instant("end_time", request.end_time)?,
    })
}

/// A request to list for the wire.
pub(crate) fn write_list_request(request: &SeriesListRequest) -> v1::ListSeriesRequest {
    v1::ListSeriesRequest {
        model: request.model.clone(),
        version: request.version.clone(),
        start_time: request.from.map(time::edge),
        end_time: request.to.map(time::edge),
    }
}

/// Reads a list, the answer to a request.
///
/// # Errors
/// `InvalidArgument` for what no server of this build answers.
pub(crate) fn list(request: SeriesListRequest, list: v1::ListSeriesResponse) -> Result<SeriesList> {
    let info = |info: v1::SeriesInfo| {
        Ok(SeriesInfo {
            name: info.name,
            version: info.version,
            points: info.points,
            first_time: time::micros("first_time", info.first_time)?,
            last_time: time::micros("last_time", info.last_time)?,
            steps: info.first_step.zip(info.last_step),
            tags: info.tags,
        })
    };
    Ok(SeriesList {
        request,
        series: each(list.series, info)?,
        points_read: list.points_read,
        missing: list.missing.into_iter().map(missing).collect(),
    })
}

/// A list for the wire.
pub(crate) fn write_list(list: SeriesList) -> v1::ListSeriesResponse {
    let info = |info: SeriesInfo| v1::SeriesInfo {
        name: info.name,
        version: info.version,
        points: info.points,
        first_time: Some(time::timestamp(info.first_time)),
        last_time: Some(time::timestamp(info.last_time)),
        first_step: info.steps.map(|(first, _)| first),
        last_step: info.steps.map(|(_, last)| last),
        tags: info.tags,
    };
    v1::ListSeriesResponse {
        series: list.series.into_iter().map(info).collect(),
        points_read: list.points_read,
        missing: list.missing.into_iter().map(write_missing).collect(),
    }
}

#[cfg(test)]
mod tests {
    use driftline_query::{MissingRows, Scope};
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;

    fn asked() -> Scope {
        Scope { model: "m".to_owned(), from: -5, to: 7_200_000_000, ..Scope::default() }
    }

    #[test]
    fn points_come_back_and_what_lacks_a_time_or_value_is_named() {
        let tags = [("host".to_owned(), "a".to_owned())].into();
        let point = SeriesPoint { name: "loss".into(), time: -7, step: Some(3), value: 0.5, tags };
        let bare = SeriesPoint { step: None, tags: Default::default(), ..point.clone() };
        let all = vec![point, bare];
        assert_eq!(points(write_points(&all)).expect("valid"), all);
        let odd = SeriesPoint { value: f64::NAN, ..all[0].clone() };
        assert!(points(write_points(&[odd])).expect("valid")[0].value.is_nan());
        let mut wire = write_points(&all);
        wire[1].time = None;
        wire[1].value = None;
        let error = points(wire).expect_err("two rules");
        let fields: Vec<&str> =
            error.field_violations().iter().map(|broken| broken.field.as_str()).collect();
        assert_eq!(fields, ["points[1].time", "points[1].value"]);
    }

    proptest! {
        #[test]
        fn foreign_points_are_taken_or_refused(
            sent in prop::collection::vec(
                (".{0,200}", any::<Option<(i64, i32)>>(), any::<Option<u64>>(), any::<Option<f64>>(),
                 prop::collection::hash_map(".{0,9}", ".{0,9}", 0..4)), 0..6),
            bytes: Vec<u8>,
        ) {
            let point = |(name, time, step, value, tags): (_, Option<(i64, i32)>, _, _, _)| {
                let time =
                    time.map(|(seconds, nanos)| prost_types::Timestamp { seconds, nanos });
                v1::SeriesPoint { name, time, step, value, tags }
            };
            if let Ok(message) = v1::WriteSeriesRequest::decode(bytes.as_slice()) {
                drop(points(message.points));
            }
            // What is taken and breaks no rule of storage comes back as it is.
            for point in points(sent.into_iter().map(point).collect()).unwrap_or_default() {
                if point.broken_rule().is_none() && !point.value.is_nan() {
                    let one = vec![point];
                    prop_assert_eq!(points(write_points(&one)).expect("taken before"), one);
                }
            }
        }
    }

    #[test]
    fn questions_come_back() {
        let axes = [SeriesAxis::Time, SeriesAxis::Step { size: None }];
        for axis in axes.into_iter().chain([SeriesAxis::Step { size: Some(100) }]) {
            let names = vec!["loss".to_owned()];
            let asked = SeriesRequest { scope: asked(), names, axis, quantiles: vec![0.5, 0.9] };
            assert_eq!(request(write_request(&asked)).expect("valid"), asked);
        }
        assert!(axis(0, Some(3)).is_err(), "steps of time");
        assert!(axis(9, None).is_err());
        for (from, to) in [(Some(-5), Some(7)), (None, None)] {
            let (model, version) = ("m".to_owned(), Some("v".to_owned()));
            let asked = SeriesListRequest { model, version, from, to };
            assert_eq!(list_request(write_list_request(&asked)).expect("valid"), asked);
        }
    }

    #[test]
    fn answers_come_back() {
        let whole = SeriesResult {
            name: "loss".into(),
            count: 9,
            nans: 1,
            infinities: 2,
            sum: Some(3.0),
            mean: Some(4.0),
            std: Some(5.0),
            min: Some(6.0),
            max: Some(7.0),
            first: Some(8.0),
            last: Some(9.0),
            rate: Some(-1.5),
            quantiles: vec![Some(0.25), None],
            first_time: Some(-7),
            last_time: Some(8),
            first_step: Some(0),
            last_step: Some(70),
            undefined: [("q0.9".to_owned(), "why".into())].into(),
        };
        let none = || None::<f64>;
        let bare = SeriesResult {
            sum: none(),
            mean: none(),
            std: none(),
            min: none(),
            max: none(),
            first: none(),
            last: none(),
            rate: none(),
            first_time: None,
            last_time: None,
            first_step: None,
            last_step: None,
            ..whole.clone()
        };
        let window = SeriesWindow {
            start: 0,
            end: 1,
            steps: Some(StepRange { start: 0, end: 100 }),
            series: vec![whole, bare],
            missing: vec![MissingRows { rows: 3, reason: "gone".to_owned() }],
        };
        let answer = SeriesReport {
            scope: asked(),
            axis: SeriesAxis::Step { size: Some(100) },
            quantiles: vec![0.5, 0.9],
            points_read: 5,
            without_step: 6,
            windows: vec![window],
            groups: Vec::new(),
        };
        let grouped = SeriesReport { groups: vec![answer.clone()], ..answer };
        assert_eq!(report(write_report(grouped.clone())).expect("valid"), grouped);

        let info = SeriesInfo {
            name: "loss".to_owned(),
            version: "1".to_owned(),
            points: 3,
            first_time: -7,
            last_time: 9,
            steps: Some((1, 5)),
            tags: vec!["host".to_owned()],
        };
        let bare = SeriesInfo { steps: None, tags: Vec::new(), ..info.clone() };
        let request = SeriesListRequest { model: "m".to_owned(), ..Default::default() };
        let missing = vec![MissingRows { rows: 3, reason: "gone".to_owned() }];
        let answer = SeriesList { request, series: vec![info, bare], points_read: 7, missing };
        let back = list(answer.request.clone(), write_list(answer.clone()));
        assert_eq!(back.expect("valid"), answer);
    }
}
