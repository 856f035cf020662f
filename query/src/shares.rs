//! Shares of rows that stand beside the bins of PSI: nulls, new categories, values outside the range of
//! the reference. All from counts.

use std::borrow::Cow;

use driftline_storage::{ColumnCounts, Special};

use crate::{
    bins::Compared,
    explanation::{Both, ExplainedBin},
    method::Method,
    statistic::Statistic,
    stats::{self, Bounds, Measured, Proportion, Undefined},
};

/// The rows that a share is about, of both sides, and all rows that it is of.
#[derive(Debug, Clone, Copy)]
struct Counted {
    these: Both,
    all: Both,
    /// Rows of the window that may belong to these.
    perhaps: u64,
}

impl Counted {
    fn sure(these: Both, all: Both) -> Self {
        Self { these, all, perhaps: 0 }
    }
}

/// A share of a window, or its change.
///
/// `rows` are all rows of both sides. The change of nulls has the p-value of the z test of two
/// proportions.
pub(crate) fn of_counts(
    method: Method,
    feature: &Compared,
    current: ColumnCounts<'_>,
    rows: Both,
) -> Measured<Statistic> {
    let counted = counted(method, feature, current, rows)?;
    if counted.all.reference == 0 {
        return Err(Undefined::ReferenceEmpty);
    }
    if counted.all.current == 0 {
        return Err(Undefined::WindowEmpty);
    }
    if method == Method::NullRateChange {
        let now = Proportion { hits: counted.these.current, rows: counted.all.current };
        let was = Proportion { hits: counted.these.reference, rows: counted.all.reference };
        let change = Statistic::exact(stats::proportion_difference(now, was)?);
        let test = stats::two_proportion_z(now, was);
        return Ok(test.map_or(change, |test| change.with_p(test.p_value)));
    }
    let share = |rows: u64| rows as f64 / counted.all.current as f64;
    let bounds = Bounds {
        lower: share(counted.these.current),
        upper: share(counted.these.current + counted.perhaps),
    };
    Ok(Statistic::bounded(bounds.midpoint(), bounds.error_bound()))
}

fn counted(
    method: Method,
    feature: &Compared,
    current: ColumnCounts<'_>,
    rows: Both,
) -> Measured<Counted> {
    let numeric = feature.field.kind.is_numeric();
    let both = |special| Both {
        reference: feature.reference.special(special),
        current: current.special(special),
    };
    let inside =
        Both { reference: feature.reference.bins.iter().sum(), current: current.bins().sum() };
    match method {
        Method::NullRateChange => Ok(Counted::sure(both(Special::Null), rows)),
        Method::NewCategoryShare if !numeric => {
            let new: u64 = current.new_names().map(|(_, count)| count).sum();
            let other = both(Special::Other);
            let all = Both {
                reference: inside.reference + other.reference,
                current: inside.current + new + other.current,
            };
            let these = |current| Both { reference: 0, current };
            // Names past the bound: new if the reference had none there; else some of them, and some of
            // the new ones, may be among what it has not kept by name.
            Ok(match other.reference {
                0 => Counted::sure(these(new + other.current), all),
                _ => Counted { these: these(0), all, perhaps: new + other.current },
            })
        }
        Method::NewCategoryShare => Err(Undefined::NotCategorical),
        Method::OutOfRangeShare if numeric => {
            let counts: Vec<u64> = current.bins().collect();
            match (counts.as_slice(), feature.reference.bins.as_slice()) {
                // The smallest value of the reference is the first edge, so that the first bin has none of
                // its rows; the last has none unless its largest is the largest number there is.
                ([below, .., above], [0, .., last]) => {
                    let above = if *last == 0 { *above } else { 0 };
                    let these = Both { reference: 0, current: below + above };
                    Ok(Counted::sure(these, inside))
                }
                ([] | [_], _) => Err(Undefined::ReferenceEmpty),
                _ => Err(Undefined::NeedsRows),
            }
        }
        _ => Err(Undefined::NotNumeric),
    }
}

/// The rows in question and the others, of both sides.
pub(crate) fn bins(
    method: Method,
    feature: &Compared,
    current: ColumnCounts<'_>,
    rows: Both,
) -> Vec<ExplainedBin> {
    let Ok(counted) = counted(method, feature, current, rows) else { return Vec::new() };
    let (these, others) = match method {
        Method::NullRateChange => ("null", "not null"),
        Method::NewCategoryShare => ("new", "known"),
        _ => ("outside the range", "inside the range"),
    };
    let bin = |name, count| ExplainedBin {
        name: Some(Cow::Borrowed(name)),
        count,
        ..ExplainedBin::default()
    };
    let rest = Both {
        reference: counted.all.reference - counted.these.reference.min(counted.all.reference),
        current: counted.all.current
            - (counted.these.current + counted.perhaps).min(counted.all.current),
    };
    let mut bins = vec![bin(these, counted.these), bin(others, rest)];
    if counted.perhaps > 0 {
        bins.push(bin("new or not kept by name", Both { reference: 0, current: counted.perhaps }));
    }
    bins
}
