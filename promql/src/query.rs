//! Queries as callers see them: read once, answered at an instant or over a range.

use promql_parser::parser::Expr as Parsed;

use crate::{
    error::{Error, Result},
    evaluate::{Evaluation, Value, order},
    expr::Expr,
    labels::Labels,
    limits,
    read::{check_depth, parse, read},
    selector::Selector,
    source::{Notes, Source},
};

/// A series at an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// What tells it apart.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
}

/// What a query gives. Times are milliseconds since 1970 UTC.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// A number.
    Scalar(f64),
    /// A text.
    Text(String),
    /// Series at an instant.
    Vector(Vec<Sample>),
    /// Series with their samples, ascending in time.
    Matrix(Vec<(Labels, Vec<(i64, f64)>)>),
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What it gives.
    pub data: Data,
    /// What goes along.
    pub notes: Notes,
}

/// A query that was read.
#[derive(Debug, Clone)]
pub struct Query(Expr);

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// `BadData` if it does not read, is too long, or asks for what there is not, which is named with
    /// what there is.
    pub fn read(text: &str) -> Result<Self> {
        Ok(Self(read(&parse(text)?)?))
    }

    /// Answers at an instant.
    ///
    /// # Errors
    /// `Execution` for operands that do not fit and past a bound of [`limits`]; those of the source.
    pub fn instant(&self, source: &dyn Source, instant: i64) -> Result<Answer> {
        let mut evaluation = evaluation(source, instant, instant);
        let data = match &self.0 {
            Expr::Range(range) => {
                let (all, times) = evaluation.points(range, &[instant])?;
                let at = times.first().copied().unwrap_or(instant);
                let samples = all.iter().map(|points| {
                    (points.labels.clone(), points.within(at, range.length).collect())
                });
                let mut matrix: Vec<(Labels, Vec<(i64, f64)>)> =
                    samples.filter(|(_, samples): &(_, Vec<_>)| !samples.is_empty()).collect();
                matrix.sort_by(|a, b| a.0.cmp(&b.0));
                Data::Matrix(matrix)
            }
            expr => match evaluation.of(expr, &[instant])? {
                Value::Scalar(values) => Data::Scalar(values.first().copied().unwrap_or(f64::NAN)),
                Value::Text(text) => Data::Text(text),
                Value::Vector(all) => {
                    let sample = |series: crate::Series| {
                        let value = series.values.first().copied().flatten()?;
                        Some(Sample { labels: series.labels, value })
                    };
                    let mut samples: Vec<Sample> = all.into_iter().filter_map(sample).collect();
                    samples.sort_by(|a, b| a.labels.cmp(&b.labels));
                    if let Some(descending) = order(expr) {
                        samples.sort_by(|a, b| by_value(a.value, b.value, descending));
                    }
                    Data::Vector(samples)
                }
            },
        };
        Ok(Answer { data, notes: evaluation.notes })
    }

    /// Answers at `start`, `start + step`, .. up to `end`.
    ///
    /// # Errors
    /// `BadData` for more than [`limits::INSTANTS_MAX`] instants, a step that is not positive, an end
    /// before the start, and a query that gives a range or a text; else as [`Query::instant`].
    pub fn range(&self, source: &dyn Source, start: i64, end: i64, step: i64) -> Result<Answer> {
        let instants = instants(start, end, step)?;
        let last = instants.last().copied().unwrap_or(start);
        let mut evaluation = evaluation(source, start, last);
        let all = match (&self.0, evaluation.of(&self.0, &instants)) {
            (Expr::Range(_), _) | (_, Ok(Value::Text(_))) => {
                let text = "a query over a range of time must give a number or series; leave the \
                            range in [..] out, or aggregate it over time";
                return Err(Error::bad_data(text));
            }
            (_, value) => match value? {
                Value::Vector(all) => all,
                Value::Scalar(values) => vec![crate::Series {
                    labels: Labels::default(),
                    values: values.into_iter().map(Some).collect(),
                }],
                Value::Text(_) => Vec::new(),
            },
        };
        let samples = |series: crate::Series| {
            let values = instants.iter().zip(series.values);
            let samples: Vec<(i64, f64)> =
                values.filter_map(|(instant, value)| Some((*instant, value?))).collect();
            (series.labels, samples)
        };
        let mut matrix: Vec<(Labels, Vec<(i64, f64)>)> =
            all.into_iter().map(samples).filter(|(_, samples)| !samples.is_empty()).collect();
        matrix.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Answer { data: Data::Matrix(matrix), notes: evaluation.notes })
    }
}

/// Reads a selector alone, as `match[]` has it.
///
/// # Errors
/// `BadData` for anything else.
pub fn read_selector(text: &str) -> Result<Selector> {
    match parse(text)? {
        Parsed::VectorSelector(selector) if selector.offset.is_none() && selector.at.is_none() => {
            Selector::read(&selector)
        }
        _ => {
            let text = format!("{text:?} is no selector; write one such as {{model=\"fraud\"}}");
            Err(Error::bad_data(text))
        }
    }
}

/// A query as it is written well: over several lines where one would be long. Also of functions that are
/// not evaluated.
///
/// # Errors
/// `BadData` for one that does not parse, is too long or nests too deeply.
pub fn format(text: &str) -> Result<String> {
    let parsed = parse(text)?;
    check_depth(&parsed)?;
    Ok(parsed.prettify())
}

/// Reads a duration as PromQL writes it, such as `1h30m`, in milliseconds.
///
/// # Errors
/// `BadData`.
pub fn parse_duration(text: &str) -> Result<i64> {
    let read = promql_parser::util::parse_duration(text).map_err(Error::bad_data)?;
    i64::try_from(read.as_millis()).map_err(|_| Error::bad_data(format!("{text} is too long")))
}

/// The order of values, NaN last.
fn by_value(a: f64, b: f64, descending: bool) -> std::cmp::Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) if descending => b.total_cmp(&a),
        (false, false) => a.total_cmp(&b),
        (a, b) => a.cmp(&b),
    }
}

fn evaluation(source: &dyn Source, start: i64, end: i64) -> Evaluation<'_> {
    Evaluation { source, start, end, notes: Notes::default(), points_read: 0 }
}

fn instants(start: i64, end: i64, step: i64) -> Result<Vec<i64>> {
    if end < start {
        return Err(Error::bad_data("end timestamp must not be before start time"));
    }
    if step <= 0 {
        let text = "zero or negative query resolution step widths are not accepted. Try a positive \
                    integer";
        return Err(Error::bad_data(text));
    }
    let count = end.saturating_sub(start) / step + 1;
    if count > limits::INSTANTS_MAX as i64 {
        let text = format!(
            "exceeded maximum resolution of {} points per timeseries. Try decreasing the query \
             resolution (?step=XX)",
            limits::INSTANTS_MAX
        );
        return Err(Error::bad_data(text));
    }
    Ok((0..count).map(|n| start + n * step).collect())
}
