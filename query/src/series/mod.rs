//! Metric series: named numbers of a model over time or training steps, summed up by window.
//!
//! Points are few beside predictions, so they are read as they are: an answer costs the points of
//! its interval, which it tells. They are put in one order first, whatever segments they came from,
//! so the same points give the same bits.

mod list;
mod points;
mod report;

use std::{collections::BTreeMap, sync::Arc};

use driftline_storage::{Db, Error, ErrorKind, Result, TimeRange};

use crate::{
    gather::missing_in,
    limits,
    report::Scope,
    stats::{Measured, Summary},
    window::windows,
};

pub use list::list_series;
pub use report::{
    SeriesAxis, SeriesInfo, SeriesList, SeriesListRequest, SeriesReport, SeriesRequest,
    SeriesResult, SeriesWindow, StepRange,
};

use points::{Point, Points};

const SECOND_MICROS: f64 = 1e6;

/// Sums up the series of a model by window.
///
/// # Errors
/// `NotFound` for a model or version that does not exist, a name that no point has and a tag that no
/// point of the interval has; `InvalidArgument` for a window that ends before it starts, a
/// probability outside [0, 1] or a step that does not go with the axis; `ResourceExhausted` past
/// [`limits::SERIES_POINTS_MAX`], [`limits::SERIES_NAMES_MAX`] or [`limits::SERIES_RESULTS_MAX`].
pub fn series(db: &Db, request: &SeriesRequest) -> Result<SeriesReport> {
    let scope = &request.scope;
    let times = windows(scope.from, scope.to, scope.step)?;
    check(request)?;
    let snapshot = db.series_snapshot(&scope.model, scope.version.as_deref())?;
    let mut read = points::read(&snapshot, scope, &request.names)?;
    let on_axis = |point: &Point| request.axis == SeriesAxis::Time || point.step.is_some();
    let (points, stepless): (Vec<Point>, Vec<Point>) =
        std::mem::take(&mut read.points).into_iter().partition(on_axis);
    read.points = points;
    let slots = match request.axis {
        SeriesAxis::Time => times.into_iter().map(Slot::of_time).collect(),
        SeriesAxis::Step { size } => of_steps(&read.points, size, scope)?,
    };
    check_size(slots.len(), read.names.len(), read.groups.len() + 1)?;
    sort(&mut read, request.axis);
    let report = |points: &[Point], names: &Names, scope, without_step: usize| SeriesReport {
        scope,
        axis: request.axis,
        quantiles: request.quantiles.clone(),
        points_read: read.read,
        without_step: without_step as u64,
        windows: slots.iter().map(|slot| window(slot, (names, points), &read, request)).collect(),
        groups: Vec::new(),
    };
    let names: Names = (0..).zip(read.names.iter().cloned()).collect();
    let whole = report(&read.points, &names, scope.clone(), stepless.len());
    let of_group = |(place, group): (u32, &crate::slice::Group)| {
        let mine = |point: &&Point| point.group == Some(place);
        let points: Vec<Point> = read.points.iter().filter(mine).copied().collect();
        let scope = Scope { by: Vec::new(), group: group.clone(), ..scope.clone() };
        let without_step = stepless.iter().filter(mine).count();
        let mut names = names.clone();
        names.retain(|(name, _)| points.binary_search_by_key(name, |point| point.name).is_ok());
        report(&points, &names, scope, without_step)
    };
    let mut groups: Vec<SeriesReport> = (0..).zip(&read.groups).map(of_group).collect();
    groups.sort_by(|a, b| a.scope.group.cmp(&b.scope.group));
    Ok(SeriesReport { groups, ..whole })
}

fn check(request: &SeriesRequest) -> Result<()> {
    if let SeriesAxis::Step { size } = request.axis {
        if request.scope.step.is_some() {
            let text = "is a length of time; windows of steps have a number of steps";
            return Err(Error::invalid("step", text));
        }
        if size == Some(0) {
            return Err(Error::invalid("step_size", "0 steps, must be at least 1"));
        }
    }
    if let Some(q) = request.quantiles.iter().find(|q| !(0.0..=1.0).contains(*q)) {
        let text = format!("{q} must be a probability from 0 to 1, such as 0.5");
        return Err(Error::invalid("quantiles", text));
    }
    if request.quantiles.len() > limits::SERIES_QUANTILES_MAX {
        let text = format!(
            "{} quantiles, at most {}",
            request.quantiles.len(),
            limits::SERIES_QUANTILES_MAX
        );
        return Err(Error::invalid("quantiles", text));
    }
    Ok(())
}

fn check_size(windows: usize, names: usize, groups: usize) -> Result<()> {
    if windows.saturating_mul(names).saturating_mul(groups) > limits::SERIES_RESULTS_MAX {
        let text = format!(
            "{windows} windows of {names} series, {groups} times, are more than {} results in one \
             answer; choose a longer step, fewer names or groups",
            limits::SERIES_RESULTS_MAX
        );
        return Err(Error::new(ErrorKind::ResourceExhausted, text));
    }
    Ok(())
}

/// A window: its part of the axis and how it is told.
#[derive(Debug)]
struct Slot {
    /// Places on the axis, the second exclusive.
    places: (i64, i64),
    time: TimeRange,
    steps: Option<StepRange>,
}

impl Slot {
    fn of_time(time: TimeRange) -> Self {
        Self { places: (time.start, time.end), time, steps: None }
    }
}

/// Windows of steps from the smallest to the largest that a point has; none without points.
fn of_steps(points: &[Point], size: Option<u64>, scope: &Scope) -> Result<Vec<Slot>> {
    let steps = || points.iter().filter_map(|point| point.step);
    let (Some(first), Some(last)) = (steps().min(), steps().max()) else { return Ok(Vec::new()) };
    let time = TimeRange { start: scope.from, end: scope.to };
    let slot = |start: u64, end: u64| Slot {
        places: (place(start), place(end)),
        time,
        steps: Some(StepRange { start, end }),
    };
    let Some(size) = size else { return Ok(vec![slot(first, last + 1)]) };
    let (first, last) = (first / size, last / size);
    let count = last - first + 1;
    if count > limits::WINDOWS_MAX as u64 {
        let text =
            format!("makes {count} windows, at most {}; choose more steps", limits::WINDOWS_MAX);
        return Err(Error::invalid("step_size", text));
    }
    let one = |k: u64| slot(k * size, (k + 1).saturating_mul(size));
    Ok((first..=last).map(one).collect())
}

/// Steps are at most 2^53, and the end of a window of them may lie past all of them.
fn place(step: u64) -> i64 {
    i64::try_from(step).unwrap_or(i64::MAX)
}

fn place_of(point: &Point, axis: SeriesAxis) -> i64 {
    match axis {
        SeriesAxis::Time => point.time,
        SeriesAxis::Step { .. } => point.step.map_or(i64::MIN, place),
    }
}

/// Puts names in order, and points in that of name and axis; ties go by what else points have, so
/// that the order does not depend on where they were read.
fn sort(read: &mut Points, axis: SeriesAxis) {
    let mut order: Vec<usize> = (0..read.names.len()).collect();
    order.sort_by(|a, b| read.names.get(*a).cmp(&read.names.get(*b)));
    let mut rank = vec![0; order.len()];
    for (place, name) in (0_u32..).zip(&order) {
        if let Some(rank) = rank.get_mut(*name) {
            *rank = place;
        }
    }
    read.names.sort();
    for point in &mut read.points {
        point.name = rank.get(point.name as usize).copied().unwrap_or(point.name);
    }
    read.points.sort_unstable_by(|a, b| {
        let key = |point: &Point| (point.name, place_of(point, axis), point.time, point.step);
        key(a).cmp(&key(b)).then(a.value.total_cmp(&b.value))
    });
}

/// Places of names, and the names.
type Names = Vec<(u32, Arc<str>)>;

fn window(
    slot: &Slot,
    (names, points): (&Names, &[Point]),
    read: &Points,
    request: &SeriesRequest,
) -> SeriesWindow {
    let axis = request.axis;
    let result = |(name, text): &(u32, Arc<str>)| {
        let at =
            |edge: i64| points.partition_point(|p| (p.name, place_of(p, axis)) < (*name, edge));
        let inside = points.get(at(slot.places.0)..at(slot.places.1)).unwrap_or_default();
        result(text.clone(), inside, request)
    };
    SeriesWindow {
        start: slot.time.start,
        end: slot.time.end,
        steps: slot.steps,
        series: names.iter().map(result).collect(),
        missing: missing_in(&read.missing, slot.time),
    }
}

fn result(name: Arc<str>, points: &[Point], request: &SeriesRequest) -> SeriesResult {
    let axis = request.axis;
    let summary = Summary::new(points.iter().map(|point| (place_of(point, axis), point.value)));
    let unit = if axis == SeriesAxis::Time { SECOND_MICROS } else { 1.0 };
    let mut undefined = BTreeMap::new();
    let mut figure = |name: String, measured: Measured<f64>| {
        measured.map_err(|why| undefined.insert(name, why.reason().into())).ok()
    };
    let quantiles = request.quantiles.iter().zip(summary.quantiles(&request.quantiles));
    let quantiles = quantiles.map(|(q, value)| figure(format!("q{q}"), value)).collect();
    SeriesResult {
        name,
        count: summary.count(),
        nans: summary.nans(),
        infinities: summary.infinities(),
        sum: figure("sum".to_owned(), summary.sum()),
        mean: figure("mean".to_owned(), summary.mean()),
        std: figure("std".to_owned(), summary.std()),
        min: figure("min".to_owned(), summary.min()),
        max: figure("max".to_owned(), summary.max()),
        first: figure("first".to_owned(), summary.first()),
        last: figure("last".to_owned(), summary.last()),
        rate: figure("rate".to_owned(), summary.rate(unit)),
        quantiles,
        first_time: points.iter().map(|point| point.time).min(),
        last_time: points.iter().map(|point| point.time).max(),
        first_step: points.iter().filter_map(|point| point.step).min(),
        last_step: points.iter().filter_map(|point| point.step).max(),
        undefined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_steps(steps: &[u64]) -> Vec<Point> {
        let point =
            |step: &u64| Point { name: 0, group: None, time: 0, step: Some(*step), value: 0.0 };
        steps.iter().map(point).collect()
    }

    #[test]
    fn windows_of_steps_begin_at_multiples_of_their_size() {
        let check = |steps: &[u64], size, want: &[(u64, u64)]| {
            let slots = of_steps(&at_steps(steps), size, &Scope::default()).expect("few");
            let found: Vec<(u64, u64)> =
                slots.iter().filter_map(|slot| slot.steps).map(|s| (s.start, s.end)).collect();
            assert_eq!(found, want);
        };
        check(&[], Some(10), &[]);
        check(&[7, 25], None, &[(7, 26)]);
        check(&[7, 25], Some(10), &[(0, 10), (10, 20), (20, 30)]);
        check(&[30], Some(10), &[(30, 40)]);
        check(&[5], Some(u64::MAX), &[(0, u64::MAX)]);
    }

    #[test]
    fn an_answer_has_a_bound() {
        let bound = limits::WINDOWS_MAX as u64;
        assert!(of_steps(&at_steps(&[0, bound - 1]), Some(1), &Scope::default()).is_ok());
        let error = of_steps(&at_steps(&[0, bound]), Some(1), &Scope::default()).expect_err("more");
        assert!(error.to_string().starts_with("step_size: makes 8785 windows"), "{error}");
        assert!(check_size(limits::SERIES_RESULTS_MAX, 1, 1).is_ok());
        let error = check_size(limits::SERIES_RESULTS_MAX, 1, 2).expect_err("more");
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    }

    #[test]
    fn requests_that_make_no_sense_are_refused() {
        let refused = |request: SeriesRequest, want: &str| {
            let error = check(&request).expect_err(want);
            assert!(error.to_string().contains(want), "{error}");
        };
        let axis = SeriesAxis::Step { size: Some(0) };
        refused(SeriesRequest { axis, ..Default::default() }, "step_size: 0 steps");
        let scope = Scope { step: Some(1), ..Scope::default() };
        let axis = SeriesAxis::Step { size: None };
        refused(SeriesRequest { scope, axis, ..Default::default() }, "step: is a length of time");
        for q in [-0.1, 1.1, f64::NAN] {
            let quantiles = vec![0.5, q];
            refused(SeriesRequest { quantiles, ..Default::default() }, "must be a probability");
        }
        let quantiles = vec![0.5; limits::SERIES_QUANTILES_MAX + 1];
        refused(SeriesRequest { quantiles, ..Default::default() }, "at most");
    }
}
