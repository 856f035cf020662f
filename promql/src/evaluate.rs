//! Evaluation of a query over a column of instants.

use crate::{
    aggregate::{Operator, count_values},
    binary::{Matching, of_vectors, with_scalar},
    error::{Error, Result},
    expr::{At, Expr, Range, Ranged, Shift},
    function::{Does, Function},
    labels::{Labels, NAME},
    limits,
    over_time::{Look, OverTime},
    selector::{Operator as Compares, Selector},
    series::{Points, Series, check_size, joined},
    source::{Notes, Source},
};

/// What a part of a query gives, by instant.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Scalar(Vec<f64>),
    Vector(Vec<Series>),
    Text(String),
}

/// One evaluation.
pub(crate) struct Evaluation<'a> {
    pub(crate) source: &'a dyn Source,
    /// The first instant of the query.
    pub(crate) start: i64,
    /// The last one.
    pub(crate) end: i64,
    pub(crate) notes: Notes,
    /// Points that functions over time have looked at.
    pub(crate) points_read: usize,
}

/// Instants of a part of a query, each once and ascending, and which of them belongs to each instant of
/// the whole.
struct Shifted {
    times: Vec<i64>,
    places: Vec<usize>,
}

impl Evaluation<'_> {
    /// Evaluates a part at instants that ascend.
    pub(crate) fn of(&mut self, expr: &Expr, instants: &[i64]) -> Result<Value> {
        self.source.go_on()?;
        Ok(match expr {
            Expr::Number(number) => Value::Scalar(vec![*number; instants.len()]),
            Expr::Text(text) => Value::Text(text.clone()),
            Expr::Select(selector, shift) => {
                Value::Vector(self.select(selector, *shift, instants)?)
            }
            Expr::Range(_) => {
                let text = "a range stands for itself or in a function over time, such as \
                            max_over_time(driftline_psi[1d])";
                return Err(Error::bad_data(text));
            }
            Expr::Negate(of) => match self.of(of, instants)? {
                Value::Scalar(values) => {
                    Value::Scalar(values.into_iter().map(|value| -value).collect())
                }
                value => Value::Vector(mapped(vector(value, "-")?, |value, _| Some(-value))?),
            },
            Expr::Binary { operation, left, right, matching } => {
                let left = self.of(left, instants)?;
                let right = self.of(right, instants)?;
                self.binary(*operation, left, right, matching)?
            }
            Expr::Aggregate { aggregation, parameter, of } => {
                let parameter = match parameter {
                    Some(parameter) => scalar(self.of(parameter, instants)?)?,
                    None => Vec::new(),
                };
                let series = vector(self.of(of, instants)?, aggregation.operator.name())?;
                Value::Vector(aggregation.of(series, &parameter)?)
            }
            Expr::CountValues { label, grouping, of } => {
                let all = vector(self.of(of, instants)?, "count_values")?;
                Value::Vector(count_values(label, grouping, &all)?)
            }
            Expr::Call(function, args) => self.call(*function, args, instants)?,
            Expr::Relabel(relabel, of) => {
                let mut all = vector(self.of(of, instants)?, "a function of labels")?;
                for series in &mut all {
                    series.labels = relabel.of(&series.labels)?;
                }
                Value::Vector(joined(all)?)
            }
            Expr::OverTime(function, parameter, range) => {
                let parameter = match parameter {
                    Some(parameter) => scalar(self.of(parameter, instants)?)?,
                    None => Vec::new(),
                };
                Value::Vector(self.over_time(*function, &parameter, range, instants)?)
            }
        })
    }

    fn shifted(&self, shift: Shift, instants: &[i64]) -> Shifted {
        let time = |instant: &i64| {
            let at = match shift.at {
                None => *instant,
                Some(At::Start) => self.start,
                Some(At::End) => self.end,
                Some(At::Time(time)) => time,
            };
            at.saturating_sub(shift.offset)
        };
        let wanted: Vec<i64> = instants.iter().map(time).collect();
        let mut times = wanted.clone();
        times.sort_unstable();
        times.dedup();
        let place = |time: &i64| times.partition_point(|known| known < time);
        let places = wanted.iter().map(place).collect();
        Shifted { places, times }
    }

    fn select(
        &mut self,
        selector: &Selector,
        shift: Shift,
        instants: &[i64],
    ) -> Result<Vec<Series>> {
        let Shifted { times, places } = self.shifted(shift, instants);
        let mut found = self.source.at(selector, &times, &mut self.notes)?;
        check_size(&selector.to_string(), found.len(), instants.len())?;
        for series in &mut found {
            let at = |place: &usize| series.values.get(*place).copied().flatten();
            series.values = places.iter().map(at).collect();
        }
        found.retain(|series| series.values.iter().any(Option::is_some));
        Ok(found)
    }

    /// The points of a range, and the instants that they are of.
    pub(crate) fn points(
        &mut self,
        range: &Range,
        instants: &[i64],
    ) -> Result<(Vec<Points>, Vec<i64>)> {
        let Shifted { times, places } = self.shifted(range.shift, instants);
        let found = match &range.of {
            Ranged::Selector(selector) => {
                self.source.over(selector, &times, range.length, &mut self.notes)?
            }
            Ranged::Subquery(expr, step) => self.subquery(expr, *step, range.length, &times)?,
        };
        let times = places.iter().filter_map(|place| times.get(*place).copied()).collect();
        Ok((found, times))
    }

    /// An expression at the whole multiples of a step that ranges of instants have inside.
    fn subquery(
        &mut self,
        expr: &Expr,
        step: i64,
        length: i64,
        instants: &[i64],
    ) -> Result<Vec<Points>> {
        let mut times: Vec<i64> = Vec::new();
        for instant in instants {
            let first = instant.saturating_sub(length).div_euclid(step).saturating_add(1);
            let known = times.last().map_or(first, |last| last / step + 1);
            let last = instant.div_euclid(step);
            for multiple in first.max(known)..=last {
                if times.len() >= limits::SUBQUERY_INSTANTS_MAX {
                    let text = format!(
                        "a subquery of more than {} instants; choose a longer step or a shorter range",
                        limits::SUBQUERY_INSTANTS_MAX
                    );
                    return Err(Error::execution(text));
                }
                times.push(multiple * step);
            }
        }
        let all = match self.of(expr, &times)? {
            Value::Scalar(values) => vec![Series {
                labels: Labels::default(),
                values: values.into_iter().map(Some).collect(),
            }],
            value => vector(value, "a subquery")?,
        };
        let points = |series: Series| Points {
            labels: series.labels,
            spacing: None,
            points: times
                .iter()
                .zip(series.values)
                .filter_map(|(time, value)| Some((*time, value?)))
                .collect(),
        };
        Ok(all.into_iter().map(points).collect())
    }

    fn over_time(
        &mut self,
        function: OverTime,
        parameter: &[f64],
        range: &Range,
        instants: &[i64],
    ) -> Result<Vec<Series>> {
        let (found, times) = self.points(range, instants)?;
        check_size(function.name(), found.len(), instants.len())?;
        for points in &found {
            self.check_points(points, range.length, &times)?;
        }
        if function == OverTime::Absent {
            return Ok(absent_over_time(range, &found, &times));
        }
        let mut all = Vec::with_capacity(found.len());
        for points in &found {
            self.source.go_on()?;
            let at = |(place, (time, instant)): (usize, (&i64, &i64))| {
                let parameter = parameter.get(place).copied().unwrap_or(f64::NAN);
                let look = Look { time: *time, range: range.length, instant: *instant };
                function.of(points, look, parameter)
            };
            let values: Vec<Option<f64>> = times.iter().zip(instants).enumerate().map(at).collect();
            let keeps_name = function.keeps_name();
            let labels = if keeps_name { points.labels.clone() } else { points.labels.unnamed() };
            if values.iter().any(Option::is_some) {
                all.push(Series { labels, values });
            }
        }
        joined(all)
    }

    /// Counts the points that the ranges of a series look at.
    fn check_points(&mut self, points: &Points, length: i64, times: &[i64]) -> Result<()> {
        let after = |time: i64| points.points.partition_point(|(known, _)| *known <= time);
        for time in times {
            self.points_read += after(*time) - after(time.saturating_sub(length));
        }
        if self.points_read > limits::POINTS_READ_MAX {
            let text = format!(
                "functions over time would look at more than {} points; choose a longer step or a \
                 shorter range",
                limits::POINTS_READ_MAX
            );
            return Err(Error::execution(text));
        }
        Ok(())
    }

    fn binary(
        &mut self,
        operation: crate::binary::Operation,
        left: Value,
        right: Value,
        matching: &Matching,
    ) -> Result<Value> {
        let as_number = matching.as_number;
        match (left, right) {
            (Value::Scalar(left), Value::Scalar(right)) => {
                if operation.is_comparison() && !as_number {
                    let text = "a comparison of two numbers needs bool, as in 1 < bool 2";
                    return Err(Error::bad_data(text));
                }
                let values = left.iter().zip(right).map(|(left, right)| operation.of(*left, right));
                Ok(Value::Scalar(values.collect()))
            }
            (left, right) if operation.is_of_sets() => {
                let what = "and, or and unless";
                let (left, right) = (vector(left, what)?, vector(right, what)?);
                Ok(Value::Vector(of_vectors(operation, left, right, matching)?))
            }
            (Value::Scalar(left), right) => {
                let right = vector(right, "an operator")?;
                Ok(Value::Vector(with_scalar(operation, right, &left, true, as_number)?))
            }
            (left, Value::Scalar(right)) => {
                let left = vector(left, "an operator")?;
                Ok(Value::Vector(with_scalar(operation, left, &right, false, as_number)?))
            }
            (left, right) => {
                let what = "an operator";
                let (left, right) = (vector(left, what)?, vector(right, what)?);
                Ok(Value::Vector(of_vectors(operation, left, right, matching)?))
            }
        }
        .map(|value| match value {
            Value::Vector(mut all) => {
                all.retain(|series| series.values.iter().any(Option::is_some));
                Value::Vector(all)
            }
            value => value,
        })
    }

    fn call(&mut self, function: Function, args: &[Expr], instants: &[i64]) -> Result<Value> {
        let seconds = || instants.iter().map(|instant| *instant as f64 / 1e3);
        let Some((first, scalars)) = args.split_first() else {
            return match function.does {
                Does::Time => Ok(Value::Scalar(seconds().collect())),
                Does::Pi => Ok(Value::Scalar(vec![std::f64::consts::PI; instants.len()])),
                Does::Calendar(part) => {
                    let values = seconds().map(|seconds| Some(part.of(seconds))).collect();
                    Ok(Value::Vector(vec![Series { labels: Labels::default(), values }]))
                }
                _ => Err(Error::bad_data(format!("{} takes an argument", function.name))),
            };
        };
        let scalars: Vec<Vec<f64>> = scalars
            .iter()
            .map(|arg| scalar(self.of(arg, instants)?))
            .collect::<Result<Vec<_>>>()?;
        let value = self.of(first, instants)?;
        if let Does::Vector = function.does {
            let values = scalar(value)?.into_iter().map(Some).collect();
            return Ok(Value::Vector(vec![Series { labels: Labels::default(), values }]));
        }
        let all = vector(value, function.name)?;
        Ok(match function.does {
            Does::Scalar => Value::Scalar(single(&all, instants.len())),
            Does::Absent => Value::Vector(absent(first, &all, instants.len())),
            // Order is that of the answer, and only of one instant.
            Does::Sort | Does::SortDesc => Value::Vector(all),
            does => {
                let of = |value: f64, instant: usize| {
                    let at = |scalar: &Vec<f64>| scalar.get(instant).copied();
                    let scalars: Vec<f64> = scalars.iter().filter_map(at).collect();
                    does.of(value, &scalars)
                };
                Value::Vector(mapped(all, of)?)
            }
        })
    }
}

/// The order that the root of a query asks of an instant vector: by value, descending if true.
pub(crate) fn order(expr: &Expr) -> Option<bool> {
    match expr {
        Expr::Call(Function { does: Does::Sort, .. }, _) => Some(false),
        Expr::Call(Function { does: Does::SortDesc, .. }, _) => Some(true),
        Expr::Aggregate { aggregation, .. } => match aggregation.operator {
            Operator::Topk => Some(true),
            Operator::Bottomk => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Each value through a function, the name of the metric gone.
fn mapped(all: Vec<Series>, of: impl Fn(f64, usize) -> Option<f64>) -> Result<Vec<Series>> {
    let one = |series: Series| Series {
        labels: series.labels.unnamed(),
        values: series
            .values
            .iter()
            .enumerate()
            .map(|(instant, value)| of((*value)?, instant))
            .collect(),
    };
    joined(all.into_iter().map(one).collect())
}

fn scalar(value: Value) -> Result<Vec<f64>> {
    match value {
        Value::Scalar(values) => Ok(values),
        Value::Vector(_) => Err(Error::bad_data("a number is wanted here; write scalar(..)")),
        Value::Text(text) => Err(Error::bad_data(format!("a number is wanted here, not {text:?}"))),
    }
}

fn vector(value: Value, what: &str) -> Result<Vec<Series>> {
    match value {
        Value::Vector(all) => Ok(all),
        Value::Scalar(_) => {
            Err(Error::bad_data(format!("{what} takes series, not a number; write vector(..)")))
        }
        Value::Text(text) => Err(Error::bad_data(format!("{what} takes series, not {text:?}"))),
    }
}

/// The value of the only series of each instant; NaN where there is none or there are several.
fn single(all: &[Series], instants: usize) -> Vec<f64> {
    let at = |instant: usize| {
        let mut values =
            all.iter().filter_map(|series| series.values.get(instant).copied().flatten());
        match (values.next(), values.next()) {
            (Some(value), None) => value,
            _ => f64::NAN,
        }
    };
    (0..instants).map(at).collect()
}

/// The labels that a selector states by one matcher each; the name is none of them.
fn stated(selector: &Selector) -> Labels {
    let once = |label: &str| selector.of(label).count() == 1;
    let stated = selector.matchers.iter().filter(|matcher| {
        matches!(matcher.operator, Compares::Equal) && matcher.label != NAME && once(&matcher.label)
    });
    Labels::new(stated.map(|matcher| (matcher.label.as_str(), matcher.value.as_str())))
}

/// 1 where no series has a sample, with the labels that the selector states.
fn absent(of: &Expr, all: &[Series], instants: usize) -> Vec<Series> {
    let labels = match of {
        Expr::Select(selector, _) => stated(selector),
        _ => Labels::default(),
    };
    let at = |instant: usize| {
        let there =
            all.iter().any(|series| series.values.get(instant).is_some_and(Option::is_some));
        (!there).then_some(1.0)
    };
    let values: Vec<Option<f64>> = (0..instants).map(at).collect();
    if values.iter().all(Option::is_none) { Vec::new() } else { vec![Series { labels, values }] }
}

/// 1 at instants whose range holds no point of any series.
fn absent_over_time(range: &Range, found: &[Points], times: &[i64]) -> Vec<Series> {
    let mut absent = vec![Some(1.0); times.len()];
    for points in found {
        for (time, absent) in times.iter().zip(&mut absent) {
            if points.within(*time, range.length).next().is_some() {
                *absent = None;
            }
        }
    }
    let labels = match &range.of {
        Ranged::Selector(selector) => stated(selector),
        Ranged::Subquery(..) => Labels::default(),
    };
    if absent.iter().all(Option::is_none) {
        return Vec::new();
    }
    vec![Series { labels, values: absent }]
}
