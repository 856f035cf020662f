//! The profile of a column: its counts put into words, for a window beside a reference.

use std::{borrow::Cow, collections::BTreeMap};

use driftline_storage::{ColumnCounts, ColumnTally, Field, Special};

use crate::{
    limits::UNSEEN_NAMES_MAX,
    stats::{Measured, Proportion, Undefined, proportion_difference, two_proportion_z},
};

use super::{
    cardinality::Cardinality,
    report::{ColumnProfile, UnseenName},
    spread::Spread,
};

/// Why figures are absent, by their names.
pub(super) type Reasons = BTreeMap<Cow<'static, str>, Cow<'static, str>>;

/// The figure, or its absence with a reason.
fn told<T>(reasons: &mut Reasons, figure: &'static str, measured: Measured<T>) -> Option<T> {
    if let Err(undefined) = &measured {
        reasons.insert(Cow::Borrowed(figure), Cow::Borrowed(undefined.reason()));
    }
    measured.ok()
}

/// A reference's counts of a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) tally: &'a ColumnTally,
    pub(super) rows: u64,
    /// If sums of its values are kept.
    pub(super) spread: Option<Spread>,
}

/// The profile of a column of a window.
pub(super) fn of_window(
    field: &Field,
    (rows, current): (u64, ColumnCounts<'_>),
    spread: &Spread,
    reference: Option<&ColumnTally>,
    reasons: &mut Reasons,
) -> ColumnProfile {
    let bins: Vec<u64> = current.bins().collect();
    let mut names: Vec<UnseenName> = current
        .new_names()
        .map(|(name, rows)| UnseenName { name: name.to_string(), rows })
        .collect();
    let unseen: u64 = names.iter().map(|name| name.rows).sum();
    let categories = names.len() as u64;
    let mut profile = ColumnProfile {
        rows,
        nulls: current.special(Special::Null),
        nans: current.special(Special::Nan),
        positive_infinities: current.special(Special::PositiveInfinity),
        negative_infinities: current.special(Special::NegativeInfinity),
        values: bins.iter().sum::<u64>() + unseen + current.special(Special::Other),
        distinct: occupied(&bins) + categories,
        ..ColumnProfile::default()
    };
    write_cardinality(&mut profile, field, current.special(Special::Other), reasons);
    if field.kind.is_numeric() {
        let outside = outside(&bins, reference);
        profile.below = told(reasons, "below", outside.map(|(below, _)| below));
        profile.above = told(reasons, "above", outside.map(|(_, above)| above));
        write_spread(&mut profile, spread, Undefined::WindowEmpty, reasons);
    } else {
        let other = current.special(Special::Other);
        profile.other = Some(other);
        // Without a reference no name is known, and none is missed.
        let known = reference.ok_or(Undefined::NoReference);
        profile.unseen = told(reasons, "unseen", known.map(|_| unseen));
        profile.unseen_categories = told(reasons, "unseen_categories", known.map(|_| categories));
        if known.is_ok() {
            names.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.name.cmp(&b.name)));
            names.truncate(UNSEEN_NAMES_MAX);
            profile.unseen_names = names;
        }
        let constant = one_category(profile.distinct, other).ok_or(Undefined::WindowEmpty);
        profile.constant = told(reasons, "constant", constant);
    }
    profile
}

/// The profile of a column of a reference.
pub(super) fn of_reference(
    field: &Field,
    known: &Known<'_>,
    reasons: &mut Reasons,
) -> ColumnProfile {
    let tally = known.tally;
    let mut profile = ColumnProfile {
        rows: known.rows,
        nulls: tally.special(Special::Null),
        nans: tally.special(Special::Nan),
        positive_infinities: tally.special(Special::PositiveInfinity),
        negative_infinities: tally.special(Special::NegativeInfinity),
        values: tally.values(),
        distinct: occupied(&tally.bins),
        ..ColumnProfile::default()
    };
    let mut mine = Reasons::new();
    write_cardinality(&mut profile, field, tally.special(Special::Other), &mut mine);
    if field.kind.is_numeric() {
        let spread = known.spread.unwrap_or_default();
        write_spread(&mut profile, &spread, Undefined::ReferenceEmpty, &mut mine);
    } else {
        let other = tally.special(Special::Other);
        profile.other = Some(other);
        let constant = one_category(profile.distinct, other).ok_or(Undefined::ReferenceEmpty);
        profile.constant = told(&mut mine, "constant", constant);
    }
    reasons
        .extend(mine.into_iter().map(|(figure, why)| (format!("reference.{figure}").into(), why)));
    profile
}

/// Writes how many different values there are, where counts tell it: categories that are all counted
/// by name, and no value at all.
fn write_cardinality(
    profile: &mut ColumnProfile,
    field: &Field,
    other: u64,
    reasons: &mut Reasons,
) {
    let told_by_counts = profile.values == 0 || !(field.kind.is_numeric() || other > 0);
    if told_by_counts {
        let count = if profile.values == 0 { 0 } else { profile.distinct };
        put_cardinality(profile, Cardinality { count, error: 0.0 });
    } else {
        reasons.insert(Cow::Borrowed("cardinality"), Undefined::NeedsRows.reason().into());
    }
}

/// Puts in how many different values there are.
fn put_cardinality(profile: &mut ColumnProfile, found: Cardinality) {
    profile.cardinality = Some(found.count);
    profile.cardinality_error = Some(found.error);
}

/// Puts in what rows tell of different values, if counts did not.
pub(super) fn complete(
    profile: &mut ColumnProfile,
    found: Option<Cardinality>,
    reason: &str,
    reasons: &mut Reasons,
) {
    if let Some(found) = found.filter(|_| profile.cardinality.is_none()) {
        put_cardinality(profile, found);
        reasons.remove(reason);
    }
}

/// The change of the share of nulls in percentage points, and its p-value.
pub(super) fn null_change(
    current: &ColumnProfile,
    reference: Option<&ColumnProfile>,
    reasons: &mut Reasons,
) -> (Option<f64>, Option<f64>) {
    let sides = || {
        let reference = reference.ok_or(Undefined::NoReference)?;
        if current.rows == 0 {
            return Err(Undefined::NoPrediction);
        }
        let of = |profile: &ColumnProfile| Proportion { hits: profile.nulls, rows: profile.rows };
        Ok((of(current), of(reference)))
    };
    let change = sides().and_then(|(one, other)| Ok(100.0 * proportion_difference(one, other)?));
    let p_value = sides().and_then(|(one, other)| Ok(two_proportion_z(one, other)?.p_value));
    (told(reasons, "null_change", change), told(reasons, "null_p_value", p_value))
}

fn occupied(bins: &[u64]) -> u64 {
    bins.iter().filter(|count| **count > 0).count() as u64
}

/// Whether all values are of one category; none without values, or if they are all past the bound
/// on names, where several would look like one.
fn one_category(distinct: u64, other: u64) -> Option<bool> {
    match (distinct, other) {
        (0, _) => None,
        (1, 0) => Some(true),
        _ => Some(false),
    }
}

/// Rows below and above the range of the reference. It puts its smallest value first among the edges
/// and the number just above its largest last, so that the outer bins have none of its own rows; but
/// nothing finite is above the largest number there is.
fn outside(bins: &[u64], reference: Option<&ColumnTally>) -> Measured<(u64, u64)> {
    let reference = reference.ok_or(Undefined::NoReference)?;
    match (bins, reference.bins.as_slice()) {
        ([below, .., above], [.., last]) if reference.bins.len() == bins.len() => {
            Ok((*below, if *last == 0 { *above } else { 0 }))
        }
        _ => Err(Undefined::ReferenceEmpty),
    }
}

/// Writes the figures of kept sums into a profile. Without a value `empty` is the reason; where
/// there are values and no sums of them, [`Undefined::NoSums`].
fn write_spread(
    profile: &mut ColumnProfile,
    spread: &Spread,
    empty: Undefined,
    reasons: &mut Reasons,
) {
    let known = match (profile.values, spread.n) {
        (0, _) => Err(empty),
        (_, 0) => Err(Undefined::NoSums),
        _ => Ok(spread),
    };
    let range = known.and_then(|spread| spread.range().ok_or(Undefined::NoSums));
    profile.min = told(reasons, "min", range.map(|(min, _)| min));
    profile.max = told(reasons, "max", range.map(|(_, max)| max));
    profile.mean = told(reasons, "mean", known.and_then(Spread::mean));
    profile.std = told(reasons, "std", known.and_then(Spread::std));
    let covered = (spread.n as f64 / profile.values as f64).min(1.0);
    let covered = if profile.values > 0 { Ok(covered) } else { Err(empty) };
    profile.covered = told(reasons, "covered", covered);
    let varies = profile.distinct > 1 || range.is_ok_and(|(min, max)| min < max);
    let constant = match range {
        _ if varies => Ok(false),
        Ok(_) if spread.n >= profile.values => Ok(true),
        Ok(_) => Err(Undefined::NoSums),
        Err(undefined) => Err(undefined),
    };
    profile.constant = told(reasons, "constant", constant);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outer_bins_are_outside_unless_the_reference_has_rows_in_them() {
        let of = |bins: &[u64]| ColumnTally { bins: bins.to_vec(), ..ColumnTally::default() };
        assert_eq!(outside(&[3, 5, 4], Some(&of(&[0, 9, 0]))), Ok((3, 4)));
        // Its largest value is the largest number, so that no edge is above it.
        assert_eq!(outside(&[3, 5, 4], Some(&of(&[0, 9, 1]))), Ok((3, 0)));
        assert_eq!(outside(&[7], Some(&of(&[0]))), Err(Undefined::ReferenceEmpty));
        assert_eq!(outside(&[1, 2], None), Err(Undefined::NoReference));
    }

    #[test]
    fn categories_past_the_bound_on_names_are_not_taken_for_one() {
        assert_eq!(one_category(0, 0), None);
        assert_eq!(one_category(0, 5), None);
        assert_eq!(one_category(1, 0), Some(true));
        assert_eq!(one_category(1, 5), Some(false));
        assert_eq!(one_category(2, 0), Some(false));
    }

    #[test]
    fn a_share_of_nulls_that_cannot_vary_changes_by_nothing_without_a_p_value() {
        let of = |nulls, rows| ColumnProfile { rows, nulls, ..ColumnProfile::default() };
        let mut reasons = Reasons::new();
        assert_eq!(null_change(&of(4, 4), Some(&of(9, 9)), &mut reasons), (Some(0.0), None));
        assert_eq!(reasons.keys().collect::<Vec<_>>(), ["null_p_value"]);
        let (change, p_value) = null_change(&of(4, 4), Some(&of(0, 4)), &mut reasons);
        // z is the root of 8, whose two-sided p-value is erfc(2).
        assert_eq!(change, Some(100.0));
        assert!((p_value.expect("rows vary") - 0.004_677_734_981_047).abs() < 1e-12);
        let (change, p_value) = null_change(&of(0, 0), Some(&of(0, 4)), &mut reasons);
        assert_eq!((change, p_value), (None, None));
        assert_eq!(reasons["null_change"], "window has no prediction");
    }
}
