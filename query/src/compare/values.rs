//! The numbers that means are of: from sums that are kept by hour, and from rows.

use std::collections::BTreeMap;

use driftline_storage::{
    Categories, Column, ColumnBins, ErrorSums, Field, Kind, LabelledChunk, OTHER_CLASS, Outline,
    PREDICTION, Part, Result, SCORE, STATUS, Snapshot, TimeRange, centre, is_null,
};

use crate::{
    gather::{Missing, leave_out},
    stats::{Moments, Proportion},
};

/// The status of a prediction that went well.
const STATUS_OK: &str = "ok";
/// Texts of a column that rows are counted by.
const NAMES_MAX: usize = 1_000;
/// Share of the sum of squares that a spread has to be for its digits not to be lost in rounding.
const SPREAD_SHARE_MIN: f64 = 1e-9;

/// A number of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// That of a column.
    Column(Field),
    /// `|label - prediction|`.
    AbsoluteError,
    /// `(label - prediction)^2`.
    SquaredError,
    /// `label - prediction`.
    Residual,
    /// `(score - y)^2`, y 1 of the positive class, which is this one unless the version declares
    /// another, and 0 of others.
    SquaredScoreError(String),
}

impl Value {
    /// Adds the finite numbers of rows of an interval.
    pub(super) fn read(&self, part: &Part, range: TimeRange, into: &mut Vec<f64>) -> Result<()> {
        let keep = |value: &f64| value.is_finite() && !is_null(*value);
        match self {
            Self::Column(field) => {
                for chunk in part.scan(range, std::slice::from_ref(field))? {
                    if let [Column::Numeric(values)] = chunk.columns.as_slice() {
                        into.extend(values.iter().copied().filter(keep));
                    }
                }
            }
            Self::SquaredScoreError(positive) => {
                let positive = part.schema().positive_class.as_deref().unwrap_or(positive);
                for chunk in part.scan_labelled(range, &[numeric(SCORE)])? {
                    into.extend(score_errors(&chunk, positive).filter(keep));
                }
            }
            Self::AbsoluteError | Self::SquaredError | Self::Residual => {
                for chunk in part.scan_labelled(range, &[numeric(PREDICTION)])? {
                    // Those with a finite square, as the sums of errors.
                    let residuals = residuals(&chunk).filter(|error| keep(&(error * error)));
                    into.extend(residuals.map(|error| match self {
                        Self::AbsoluteError => error.abs(),
                        Self::SquaredError => error * error,
                        _ => error,
                    }));
                }
            }
        }
        Ok(())
    }

    /// Moments from the sums of errors; nothing where these do not have them, or have lost them.
    pub(super) fn of_sums(&self, errors: &ErrorSums) -> Option<Moments> {
        let rows = u64::try_from(errors.n).ok()?;
        let sum = match self {
            Self::AbsoluteError => errors.sum_abs.value(),
            Self::Residual => errors.sum.value(),
            _ => return None,
        };
        moments(rows, 0.0, sum, errors.sum_sq.value())
    }
}

fn numeric(name: &str) -> Field {
    Field { name: name.to_owned(), kind: Kind::Numeric }
}

fn residuals(chunk: &LabelledChunk) -> impl Iterator<Item = f64> {
    let (truths, predictions) = match (&chunk.truths, chunk.columns.as_slice()) {
        (Column::Numeric(truths), [Column::Numeric(predictions)]) => {
            (truths.as_slice(), predictions.as_slice())
        }
        _ => (&[][..], &[][..]),
    };
    // Null is not a number, and so is its error.
    truths.iter().zip(predictions).map(|(truth, predicted)| truth - predicted)
}

fn score_errors(chunk: &LabelledChunk, positive: &str) -> impl Iterator<Item = f64> {
    let empty = (&[][..], &[][..], None);
    let (codes, scores, positive) = match (&chunk.truths, chunk.columns.as_slice()) {
        (Column::Categories(Categories { codes, dictionary }), [Column::Numeric(scores)]) => {
            let place = dictionary.iter().position(|name| name == positive);
            (codes.as_slice(), scores.as_slice(), place)
        }
        _ => empty,
    };
    let null = driftline_storage::NULL_CODE;
    let rows = codes.iter().zip(scores).filter(move |(code, _)| **code != null);
    rows.map(move |(code, score)| {
        let truth = if Some(*code as usize) == positive { 1.0 } else { 0.0 };
        (score - truth).powi(2)
    })
}

/// Moments of so many numbers whose differences from a centre, and the squares of these, have the
/// sums given; nothing where the spread is lost in their rounding.
fn moments(rows: u64, centre: f64, sum: f64, squares: f64) -> Option<Moments> {
    if rows == 0 {
        return Some(Moments::default());
    }
    let n = rows as f64;
    let spread = squares - sum * (sum / n);
    let lost = rows > 1 && squares > 0.0 && spread < SPREAD_SHARE_MIN * squares;
    (!lost).then(|| Moments { rows, mean: centre + sum / n, squares: spread.max(0.0) })
}

/// What each window has, and the parts that are left out.
pub(super) type ByWindow<T> = (Vec<T>, Vec<Missing>);

/// Moments of a column in each window: of whole hours from the sums that parts keep, of the rest
/// from rows. A part that cannot be read is left out of all windows.
pub(super) fn column_moments(
    snapshot: &Snapshot,
    windows: &[TimeRange],
    field: &Field,
) -> Result<ByWindow<Moments>> {
    each_part(snapshot, windows, |part, window| part_moments(part, window, field), Moments::merge)
}

/// Predictions of each window whose status is not `ok`, among those that have a status.
pub(super) fn error_rates(
    snapshot: &Snapshot,
    windows: &[TimeRange],
) -> Result<ByWindow<Proportion>> {
    let field = Field { name: STATUS.to_owned(), kind: Kind::Categorical };
    let read = |part: &Part, window| {
        let mut rate = Proportion::default();
        for chunk in part.scan(window, std::slice::from_ref(&field))? {
            let [Column::Categories(statuses)] = chunk.columns.as_slice() else { continue };
            let ok: Vec<bool> = statuses.dictionary.iter().map(|name| name == STATUS_OK).collect();
            for ok in statuses.codes.iter().filter_map(|code| ok.get(*code as usize)) {
                rate.rows += 1;
                rate.hits += u64::from(!ok);
            }
        }
        Ok(rate)
    };
    each_part(snapshot, windows, read, |sum, part| {
        sum.rows += part.rows;
        sum.hits += part.hits;
    })
}

/// Rows of each window by what a column of texts holds; names past [`NAMES_MAX`] of a part count as
/// other.
pub(super) fn category_counts(
    snapshot: &Snapshot,
    windows: &[TimeRange],
    field: &Field,
) -> Result<ByWindow<BTreeMap<String, u64>>> {
    let read = |part: &Part, window| {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for chunk in part.scan(window, std::slice::from_ref(field))? {
            let [Column::Categories(texts)] = chunk.columns.as_slice() else { continue };
            let mut by_code = vec![0; texts.dictionary.len()];
            for code in &texts.codes {
                if let Some(count) = by_code.get_mut(*code as usize) {
                    *count += 1;
                }
            }
            for (name, count) in texts.dictionary.iter().zip(by_code).filter(|(_, c)| *c > 0) {
                add_count(&mut counts, name, count);
            }
        }
        Ok(counts)
    };
    each_part(snapshot, windows, read, |sum, part| {
        part.iter().for_each(|(name, count)| add_count(sum, name, *count));
    })
}

fn add_count(counts: &mut BTreeMap<String, u64>, name: &str, count: u64) {
    let room = counts.len() < NAMES_MAX || counts.contains_key(name);
    *counts.entry(if room { name } else { OTHER_CLASS }.to_owned()).or_default() += count;
}

fn each_part<T: Default + Clone>(
    snapshot: &Snapshot,
    windows: &[TimeRange],
    read: impl Fn(&Part, TimeRange) -> Result<T>,
    merge: impl Fn(&mut T, &T),
) -> Result<ByWindow<T>> {
    let (mut sums, mut missing) = (vec![T::default(); windows.len()], Vec::new());
    for part in &snapshot.parts {
        let inside = windows.iter().enumerate().filter(|(_, w)| w.overlaps(part.range()));
        let found = inside.map(|(place, window)| Ok((place, read(part, *window)?)));
        match found.collect::<Result<Vec<_>>>() {
            Ok(found) => {
                for (place, part) in &found {
                    if let Some(sum) = sums.get_mut(*place) {
                        merge(sum, part);
                    }
                }
            }
            Err(error) => missing.push(leave_out(part, error)?),
        }
    }
    Ok((sums, missing))
}

fn part_moments(part: &Part, window: TimeRange, field: &Field) -> Result<Moments> {
    let value = Value::Column(field.clone());
    let read = |range: TimeRange| -> Result<Moments> {
        let mut values = Vec::new();
        if range.overlaps(part.range()) {
            value.read(part, range, &mut values)?;
        }
        Ok(Moments::of(&values))
    };
    let Some((hours, mut kept)) = kept_moments(part, window, field)? else { return read(window) };
    let before = TimeRange { start: window.start, end: hours.start };
    let after = TimeRange { start: hours.end, end: window.end };
    for edge in [before, after] {
        if !edge.is_empty() {
            kept.merge(&read(edge)?);
        }
    }
    Ok(kept)
}

/// The hours inside that a part keeps sums of, and what they say of a column; nothing where only rows
/// can tell.
fn kept_moments(
    part: &Part,
    window: TimeRange,
    field: &Field,
) -> Result<Option<(TimeRange, Moments)>> {
    let Some(hours) = part.moment_hours(window)? else { return Ok(None) };
    let binning = part.load_binning()?;
    let Some((place, ColumnBins::Numeric { edges })) = binning.column(&field.name) else {
        return Ok(None);
    };
    let mut column = [Outline::default()];
    part.fold_outlines(hours, &[place], &mut column)?;
    let [outline] = &column;
    let kept = moments(outline.n, centre(edges), outline.sum.value(), outline.squares.value());
    Ok(kept.filter(|kept| kept.mean.is_finite() && kept.squares.is_finite()).map(|k| (hours, k)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_that_lost_their_spread_are_no_moments() {
        let of = |values: &[f64], centre: f64| {
            let offsets = values.iter().map(|value| value - centre);
            let squares = offsets.clone().map(|offset| offset * offset).sum();
            moments(values.len() as u64, centre, offsets.sum(), squares)
        };
        let values = [10.0, 11.0, 13.0];
        let (got, want) = (of(&values, 10.0).expect("kept"), Moments::of(&values));
        assert!((got.mean - want.mean).abs() < 1e-12, "{got:?}");
        assert!((got.squares - want.squares).abs() < 1e-12, "{got:?}");
        assert_eq!(of(&[1e9, 1e9 + 1.0], 0.0), None);
        assert_eq!(of(&[], 5.0), Some(Moments::default()));
        assert_eq!(of(&[7.0], 0.0).map(|one| (one.rows, one.mean)), Some((1, 7.0)));
    }

    #[test]
    fn constants_at_the_centre_keep_their_spread_of_nothing() {
        let kept = moments(5, 2.0, 0.0, 0.0).expect("kept");
        assert_eq!((kept.mean, kept.squares), (2.0, 0.0));
    }
}
