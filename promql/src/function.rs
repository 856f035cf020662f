//! Functions of values at one instant.

/// A function of an instant vector, of scalars, or of nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Abs,
    Ceil,
    Floor,
    Exp,
    Ln,
    Log2,
    Log10,
    Sqrt,
    Sgn,
    Round,
    Clamp,
    ClampMin,
    ClampMax,
    Sort,
    SortDesc,
    Absent,
    Scalar,
    Vector,
    Time,
}

impl Function {
    /// All of them.
    pub(crate) const ALL: [Self; 19] = [
        Self::Abs,
        Self::Absent,
        Self::Ceil,
        Self::Clamp,
        Self::ClampMax,
        Self::ClampMin,
        Self::Exp,
        Self::Floor,
        Self::Ln,
        Self::Log10,
        Self::Log2,
        Self::Round,
        Self::Scalar,
        Self::Sgn,
        Self::Sort,
        Self::SortDesc,
        Self::Sqrt,
        Self::Time,
        Self::Vector,
    ];

    /// Name in queries.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Abs => "abs",
            Self::Ceil => "ceil",
            Self::Floor => "floor",
            Self::Exp => "exp",
            Self::Ln => "ln",
            Self::Log2 => "log2",
            Self::Log10 => "log10",
            Self::Sqrt => "sqrt",
            Self::Sgn => "sgn",
            Self::Round => "round",
            Self::Clamp => "clamp",
            Self::ClampMin => "clamp_min",
            Self::ClampMax => "clamp_max",
            Self::Sort => "sort",
            Self::SortDesc => "sort_desc",
            Self::Absent => "absent",
            Self::Scalar => "scalar",
            Self::Vector => "vector",
            Self::Time => "time",
        }
    }

    /// What becomes of one value, with the scalars that stand behind the vector; none means that the
    /// sample goes.
    pub(crate) fn of(self, value: f64, scalars: &[f64]) -> Option<f64> {
        let first = scalars.first().copied();
        Some(match self {
            Self::Abs => value.abs(),
            Self::Ceil => value.ceil(),
            Self::Floor => value.floor(),
            Self::Exp => value.exp(),
            Self::Ln => value.ln(),
            Self::Log2 => value.log2(),
            Self::Log10 => value.log10(),
            Self::Sqrt => value.sqrt(),
            Self::Sgn if value > 0.0 => 1.0,
            Self::Sgn if value < 0.0 => -1.0,
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
            Self::Sgn
            | Self::Sort
            | Self::SortDesc
            | Self::Absent
            | Self::Scalar
            | Self::Vector
            | Self::Time => value,
        })
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
        let check = |function: Function, value: f64, scalars: &[f64], want: Option<f64>| {
            assert_eq!(function.of(value, scalars), want, "{} of {value}", function.name());
        };
        check(Function::Abs, -2.5, &[], Some(2.5));
        check(Function::Round, 2.5, &[], Some(3.0));
        check(Function::Round, -2.5, &[], Some(-2.0));
        check(Function::Round, 0.77, &[0.5], Some(1.0));
        check(Function::Clamp, 5.0, &[0.0, 2.0], Some(2.0));
        check(Function::Clamp, 5.0, &[2.0, 0.0], None);
        check(Function::ClampMin, 5.0, &[7.0], Some(7.0));
        check(Function::ClampMax, 5.0, &[7.0], Some(5.0));
        check(Function::Sgn, -0.1, &[], Some(-1.0));
        check(Function::Sgn, 0.0, &[], Some(0.0));
        check(Function::Log10, 1_000.0, &[], Some(3.0));
        assert!(Function::ClampMin.of(f64::NAN, &[1.0]).is_some_and(f64::is_nan));
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
