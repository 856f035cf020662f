//! Functions of values at one instant.

use std::f64::consts::PI;

use crate::calendar::Part;

/// A function of an instant vector, of scalars, or of nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function {
    /// Name in queries.
    pub(crate) name: &'static str,
    pub(crate) does: Does,
}

/// What a function does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Does {
    /// Something with each value by itself.
    Map(fn(f64) -> f64),
    Round,
    Clamp,
    ClampMin,
    ClampMax,
    /// A part of the date that a value is, or that an instant is without an argument.
    Calendar(Part),
    Sort,
    SortDesc,
    Absent,
    Scalar,
    Vector,
    Time,
    Pi,
}

const fn map(name: &'static str, of: fn(f64) -> f64) -> Function {
    Function { name, does: Does::Map(of) }
}

const fn does(name: &'static str, does: Does) -> Function {
    Function { name, does }
}

impl Function {
    /// All of them.
    pub(crate) const ALL: [Self; 42] = [
        map("abs", f64::abs),
        does("absent", Does::Absent),
        map("acos", f64::acos),
        map("acosh", f64::acosh),
        map("asin", f64::asin),
        map("asinh", f64::asinh),
        map("atan", f64::atan),
        map("atanh", f64::atanh),
        map("ceil", f64::ceil),
        does("clamp", Does::Clamp),
        does("clamp_max", Does::ClampMax),
        does("clamp_min", Does::ClampMin),
        map("cos", f64::cos),
        map("cosh", f64::cosh),
        does("day_of_month", Does::Calendar(Part::DayOfMonth)),
        does("day_of_week", Does::Calendar(Part::DayOfWeek)),
        does("day_of_year", Does::Calendar(Part::DayOfYear)),
        does("days_in_month", Does::Calendar(Part::DaysInMonth)),
        map("deg", |value| value * 180.0 / PI),
        map("exp", f64::exp),
        map("floor", f64::floor),
        does("hour", Does::Calendar(Part::Hour)),
        map("ln", f64::ln),
        map("log10", f64::log10),
        map("log2", f64::log2),
        does("minute", Does::Calendar(Part::Minute)),
        does("month", Does::Calendar(Part::Month)),
        does("pi", Does::Pi),
        map("rad", |value| value * PI / 180.0),
        does("round", Does::Round),
        does("scalar", Does::Scalar),
        map("sgn", sign),
        map("sin", f64::sin),
        map("sinh", f64::sinh),
        does("sort", Does::Sort),
        does("sort_desc", Does::SortDesc),
        map("sqrt", f64::sqrt),
        map("tan", f64::tan),
        map("tanh", f64::tanh),
        does("time", Does::Time),
        does("vector", Does::Vector),
        does("year", Does::Calendar(Part::Year)),
    ];

    /// The function of a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name == name)
    }
}

impl Does {
    /// What becomes of one value, with the scalars that stand behind the vector; none means that the
    /// sample goes.
    pub(crate) fn of(self, value: f64, scalars: &[f64]) -> Option<f64> {
        let first = scalars.first().copied();
        Some(match self {
            Self::Map(of) => of(value),
            Self::Calendar(part) => part.of(value),
            // Halves go up, also below zero, as in Prometheus.
            Self::Round => {
                let steps = 1.0 / first.unwrap_or(1.0);
                (value * steps + 0.5).floor() / steps
            }
            Self::Clamp => {
                let (low, high) = (first?, *scalars.get(1)?);
                if low > high {
                    return None;
                }
                greater(low, lesser(high, value))
            }
            Self::ClampMin => greater(first?, value),
            Self::ClampMax => lesser(first?, value),
            Self::Sort
            | Self::SortDesc
            | Self::Absent
            | Self::Scalar
            | Self::Vector
            | Self::Time
            | Self::Pi => value,
        })
    }
}

/// 1, -1, or the zero or NaN that it is.
fn sign(value: f64) -> f64 {
    if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        value
    }
}

/// The greater of two; NaN if one is.
fn greater(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// The lesser of two; NaN if one is.
fn lesser(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
}

/// The quantile of values, linear between ranks, as Prometheus has it: infinite outside 0 to 1, NaN of
/// nothing.
pub(crate) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    // NaN stands before all numbers.
    values.sort_by(|a, b| match (a.is_nan(), b.is_nan()) {
        (false, false) => a.total_cmp(b),
        (a, b) => b.cmp(&a),
    });
    let rank = q * (values.len() - 1) as f64;
    let low = rank.floor();
    let weight = rank - low;
    let at = |place: f64| values.get(place as usize).or(values.last()).copied();
    match (at(low), at(low + 1.0)) {
        (Some(low), Some(high)) => low * (1.0 - weight) + high * weight,
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_those_of_prometheus() {
        let check = |name: &str, value: f64, scalars: &[f64], want: Option<f64>| {
            let function = Function::named(name).expect("a function");
            assert_eq!(function.does.of(value, scalars), want, "{name} of {value}");
        };
        check("abs", -2.5, &[], Some(2.5));
        check("round", 2.5, &[], Some(3.0));
        check("round", -2.5, &[], Some(-2.0));
        check("round", 0.77, &[0.5], Some(1.0));
        check("clamp", 5.0, &[0.0, 2.0], Some(2.0));
        check("clamp", 5.0, &[2.0, 0.0], None);
        check("clamp_min", 5.0, &[7.0], Some(7.0));
        check("clamp_max", 5.0, &[7.0], Some(5.0));
        check("sgn", -0.1, &[], Some(-1.0));
        check("sgn", 0.0, &[], Some(0.0));
        check("log10", 1_000.0, &[], Some(3.0));
        assert!(Does::ClampMin.of(f64::NAN, &[1.0]).is_some_and(f64::is_nan));
        let names = Function::ALL.map(|function| function.name);
        assert!(names.is_sorted_by(|a, b| a < b), "each once, in order: {names:?}");
    }

    #[test]
    fn quantiles_lie_between_ranks() {
        let mut values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(quantile(0.5, &mut values), 2.5);
        assert_eq!(quantile(0.0, &mut values), 1.0);
        assert_eq!(quantile(1.0, &mut values), 4.0);
        assert_eq!(quantile(1.5, &mut values), f64::INFINITY);
        assert_eq!(quantile(-1.0, &mut values), f64::NEG_INFINITY);
        assert!(quantile(0.5, &mut []).is_nan());
    }
}
