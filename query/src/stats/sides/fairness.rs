//! Whether groups are treated alike: rates per group, and how far apart they are.
//!
//! A group is whatever a column says of a row, and comes here as its four cells. Rates of small
//! groups vary by themselves: each carries its interval and whether its rows are too few to say much.

use crate::stats::classes::binary::BinaryCells;
use crate::stats::proportion::{Interval, Proportion};
use crate::stats::sides::two_proportions::newcombe_interval;
use crate::stats::undefined::{Measured, Undefined};

/// Rows of a group from which on its rates are taken without a warning, by default.
pub const GROUP_ROWS_MIN: u64 = 30;

/// What a group counts as in a comparison of a rate that it does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyRate {
    /// Left out: a group without positives says nothing of how positives are treated. The default.
    LeftOut,
    /// As a rate of 0, like fairlearn.
    Zero,
}

/// A rate of one group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupRate {
    /// The rows that the rate is of.
    pub rows: u64,
    /// The rate, a share.
    pub share: Measured<f64>,
    /// Wilson's interval of it.
    pub interval: Measured<Interval>,
    /// Whether the rows are fewer than a comparison should rest on.
    pub small: bool,
}

/// The rates of one group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupRates {
    /// Predicted positive among all rows.
    pub selection: GroupRate,
    /// Predicted positive among those that are.
    pub true_positive: GroupRate,
    /// Predicted positive among those that are not.
    pub false_positive: GroupRate,
}

/// The rates of a group with their intervals, and a warning where fewer than `rows_min` rows are
/// behind one.
///
/// Formula: [`BinaryCells::selection_of`], [`BinaryCells::recall_of`] and
/// [`BinaryCells::false_positive_rate_of`], each with [`Proportion::wilson`].
///
/// Edge cases: no row of the group is [`Undefined::NoValue`] of the selection rate, no positive
/// [`Undefined::ClassNotLabelled`] of the true-positive, no negative
/// [`Undefined::OnlyClassLabelled`] of the false-positive rate.
///
/// Source: fairlearn `MetricFrame` of `selection_rate`, `true_positive_rate`, `false_positive_rate`.
pub fn group_rates(cells: &BinaryCells, confidence: f64, rows_min: u64) -> GroupRates {
    let rate = |of: Proportion, empty: Undefined| GroupRate {
        rows: of.rows,
        share: of.share().map_err(|_| empty),
        interval: if of.rows == 0 { Err(empty) } else { of.wilson(confidence) },
        small: of.rows < rows_min,
    };
    GroupRates {
        selection: rate(cells.selection_of(), Undefined::NoValue),
        true_positive: rate(cells.recall_of(), Undefined::ClassNotLabelled),
        false_positive: rate(cells.false_positive_rate_of(), Undefined::OnlyClassLabelled),
    }
}

/// How far apart groups are.
///
/// Each value is [`Undefined::TooFewGroups`] where fewer than two groups are left that have its
/// rates; a ratio is [`Undefined::RatesZero`] where the largest rate is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fairness {
    /// Largest minus smallest selection rate.
    pub demographic_parity_difference: Measured<f64>,
    /// Smallest over largest selection rate.
    pub demographic_parity_ratio: Measured<f64>,
    /// Whether that ratio is at least four fifths, decided in whole numbers.
    pub four_fifths: Measured<bool>,
    /// Largest minus smallest true-positive rate.
    pub equal_opportunity_difference: Measured<f64>,
    /// Smallest over largest true-positive rate.
    pub equal_opportunity_ratio: Measured<f64>,
    /// The larger of the differences of true-positive and of false-positive rates.
    pub equalized_odds_difference: Measured<f64>,
    /// The smaller of the ratios of true-positive and of false-positive rates.
    pub equalized_odds_ratio: Measured<f64>,
    /// The mean of the differences of true-positive and of false-positive rates.
    pub equalized_odds_difference_mean: Measured<f64>,
    /// Largest minus smallest accuracy.
    pub accuracy_difference: Measured<f64>,
}

/// Compares groups by their cells.
///
/// Shapes: one entry per group, in any order; groups that a caller finds too small are left out by
/// it. Edge cases: see [`Fairness`] and [`EmptyRate`]. Equalised odds need both rates.
///
/// Source: fairlearn `demographic_parity_difference`, `equal_opportunity_difference`,
/// `equalized_odds_difference` and their ratios; for four fifths the Uniform Guidelines on Employee
/// Selection Procedures, 29 CFR 1607.4 D.
pub fn fairness(groups: &[BinaryCells], empty: EmptyRate) -> Fairness {
    let selection = Extremes::of(groups.iter().map(BinaryCells::selection_of), empty);
    let hits = Extremes::of(groups.iter().map(BinaryCells::recall_of), empty);
    let alarms = Extremes::of(groups.iter().map(BinaryCells::false_positive_rate_of), empty);
    let accuracy = Extremes::of(groups.iter().map(BinaryCells::accuracy_of), empty);
    let both = |one: Measured<f64>, other: Measured<f64>, choose: fn(f64, f64) -> f64| {
        one.and_then(|one| Ok(choose(one, other?)))
    };
    let difference = |extremes: &Measured<Extremes>| extremes.and_then(|e| e.difference());
    let ratio = |extremes: &Measured<Extremes>| extremes.and_then(|e| e.ratio());
    Fairness {
        demographic_parity_difference: difference(&selection),
        demographic_parity_ratio: ratio(&selection),
        four_fifths: selection.and_then(|extremes| extremes.four_fifths()),
        equal_opportunity_difference: difference(&hits),
        equal_opportunity_ratio: ratio(&hits),
        equalized_odds_difference: both(difference(&hits), difference(&alarms), f64::max),
        equalized_odds_ratio: both(ratio(&hits), ratio(&alarms), f64::min),
        equalized_odds_difference_mean: both(difference(&hits), difference(&alarms), f64::midpoint),
        accuracy_difference: difference(&accuracy),
    }
}

/// How far apart the selection rates of groups are, and which groups are farthest apart.
///
/// A rate of no row is left out. A value is [`Undefined::TooFewGroups`] where fewer than two groups
/// have one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parity {
    /// Largest minus smallest rate.
    pub difference: Measured<f64>,
    /// Newcombe's interval of the difference of the two groups, see [`parity`].
    pub interval: Measured<Interval>,
    /// Smallest over largest rate; [`Undefined::RatesZero`] where the largest is 0.
    pub ratio: Measured<f64>,
    /// Largest distance of a group's rate from that of all groups together.
    pub difference_to_overall: Measured<f64>,
    /// Places of the groups with the smallest and with the largest rate; of equal ones the first.
    pub ends: Measured<(usize, usize)>,
    extremes: Measured<Extremes>,
}

/// Compares the selection rates of groups.
///
/// Formula: differences and ratio as in [`Fairness`]; `max |rate - sum hits / sum rows|` to overall.
/// The interval is [`newcombe_interval`] of the groups farthest apart at the confidence
/// `1 - (1 - confidence) / (k (k - 1) / 2)`, k the groups: by Bonferroni all pairs together hold
/// `confidence`, and so does the pair that was chosen for being farthest apart.
///
/// Shapes: one proportion per group, in any order.
///
/// Source: fairlearn `demographic_parity_difference` with `method="between_groups"` and
/// `"to_overall"`; Dunn, Multiple Comparisons among Means (1961).
pub fn parity(rates: &[Proportion], confidence: f64) -> Parity {
    let extremes = Extremes::of(rates.iter().copied(), EmptyRate::LeftOut);
    let known: Vec<&Proportion> = rates.iter().filter(|rate| rate.rows > 0).collect();
    let sum = |part: fn(&Proportion) -> u64| {
        known.iter().fold(0u64, |sum, rate| sum.saturating_add(part(rate)))
    };
    let overall = Proportion { hits: sum(|rate| rate.hits), rows: sum(|rate| rate.rows) };
    let farthest = |overall: f64| {
        let shares = known.iter().filter_map(|rate| rate.share().ok());
        shares.map(|share| (share - overall).abs()).fold(0.0, f64::max)
    };
    let pairs = known.len() as f64 * (known.len() as f64 - 1.0) / 2.0;
    let place = |of: &Proportion| rates.iter().position(|rate| rate == of);
    let ends = |e: Extremes| place(&e.least).zip(place(&e.most)).ok_or(Undefined::TooFewGroups);
    Parity {
        difference: extremes.and_then(|e| e.difference()),
        interval: extremes
            .and_then(|e| newcombe_interval(e.most, e.least, 1.0 - (1.0 - confidence) / pairs)),
        ratio: extremes.and_then(|e| e.ratio()),
        difference_to_overall: extremes.and_then(|_| Ok(farthest(overall.share()?))),
        ends: extremes.and_then(ends),
        extremes,
    }
}

impl Parity {
    /// Whether the ratio is at least a threshold; four fifths are decided in whole numbers.
    pub fn passes(&self, threshold: f64) -> Measured<bool> {
        match self.extremes? {
            extremes if threshold == 0.8 => extremes.four_fifths(),
            extremes => Ok(extremes.ratio()? >= threshold),
        }
    }
}

/// The smallest and the largest rate of some groups.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Extremes {
    least: Proportion,
    most: Proportion,
}

impl Extremes {
    fn of(rates: impl Iterator<Item = Proportion>, empty: EmptyRate) -> Measured<Self> {
        let zero = Proportion { hits: 0, rows: 1 };
        let rates = rates.filter_map(|rate| match (rate.rows, empty) {
            (0, EmptyRate::LeftOut) => None,
            (0, EmptyRate::Zero) => Some(zero),
            _ => Some(rate),
        });
        let rates: Vec<Proportion> = rates.collect();
        let order =
            |one: &&Proportion, other: &&Proportion| cross(one, other).cmp(&cross(other, one));
        match (rates.iter().min_by(order), rates.iter().max_by(order)) {
            (Some(least), Some(most)) if rates.len() > 1 => Ok(Self { least: *least, most: *most }),
            _ => Err(Undefined::TooFewGroups),
        }
    }

    fn difference(&self) -> Measured<f64> {
        Ok(self.most.share()? - self.least.share()?)
    }

    fn ratio(&self) -> Measured<f64> {
        match self.most.hits {
            0 => Err(Undefined::RatesZero),
            _ => Ok(self.least.share()? / self.most.share()?),
        }
    }

    fn four_fifths(&self) -> Measured<bool> {
        let (least, most) = (cross(&self.least, &self.most), cross(&self.most, &self.least));
        match self.most.hits {
            0 => Err(Undefined::RatesZero),
            // least / most >= 4 / 5 turned into whole numbers: rounded shares would fail groups that
            // are at four fifths exactly.
            _ => Ok(least / 4 >= most - least),
        }
    }
}

/// What one rate is in units that it has in common with another.
fn cross(one: &Proportion, other: &Proportion) -> u128 {
    u128::from(one.hits) * u128::from(other.rows)
}

#[cfg(test)]
mod tests {
    use super::{BinaryCells, EmptyRate, Proportion, Undefined, fairness, group_rates, parity};

    fn cells(tp: u64, fp: u64, fn_: u64, tn: u64) -> BinaryCells {
        BinaryCells {
            true_positives: tp,
            false_positives: fp,
            false_negatives: fn_,
            true_negatives: tn,
        }
    }

    #[test]
    fn rates_warn_of_the_rows_behind_each() {
        let rates = group_rates(&cells(4, 8, 1, 32), 0.95, 30);
        assert_eq!(rates.selection.share, Ok(12.0 / 45.0));
        assert_eq!(rates.true_positive.share, Ok(0.8));
        assert_eq!(rates.false_positive.share, Ok(0.2));
        assert!(rates.true_positive.small && !rates.selection.small && !rates.false_positive.small);
        let interval = rates.true_positive.interval.expect("rows");
        assert!(interval.low < 0.5 && interval.high > 0.95, "{interval:?}");
        let none = group_rates(&cells(0, 0, 0, 0), 0.95, 30);
        assert_eq!(none.selection.interval, Err(Undefined::NoValue));
        assert_eq!(none.true_positive.share, Err(Undefined::ClassNotLabelled));
        assert_eq!(none.false_positive.interval, Err(Undefined::OnlyClassLabelled));
    }

    #[test]
    fn the_largest_distance_is_between_extremes_of_three() {
        let groups = [cells(5, 1, 5, 9), cells(8, 4, 2, 6), cells(6, 2, 4, 8)];
        let fairness = fairness(&groups, EmptyRate::LeftOut);
        let near = |got: Result<f64, Undefined>, want: f64| {
            assert!(got.is_ok_and(|got| (got - want).abs() < 1e-15), "{got:?} {want}");
        };
        near(fairness.demographic_parity_difference, 0.6 - 0.3);
        near(fairness.demographic_parity_ratio, 0.5);
        near(fairness.equal_opportunity_difference, 0.8 - 0.5);
        near(fairness.equal_opportunity_ratio, 0.625);
        near(fairness.equalized_odds_difference, 0.4 - 0.1);
        near(fairness.equalized_odds_ratio, 0.25);
        assert_eq!(fairness.four_fifths, Ok(false));
    }

    #[test]
    fn parity_names_its_groups_and_holds_its_level_over_all_pairs() {
        let of = |hits, rows| Proportion { hits, rows };
        let rates = [of(50, 100), of(0, 0), of(20, 100), of(40, 100)];
        let apart = parity(&rates, 0.95);
        assert_eq!(apart.ends, Ok((2, 0)));
        assert!(apart.difference.is_ok_and(|d| (d - 0.3).abs() < 1e-15));
        // 110 of 300 together.
        assert!(
            apart.difference_to_overall.is_ok_and(|d| (d - (110.0 / 300.0 - 0.2)).abs() < 1e-15)
        );
        assert_eq!((apart.passes(0.8), apart.passes(0.4)), (Ok(false), Ok(true)));
        let two = parity(&[rates[0], rates[2]], 0.95);
        let (wide, narrow) = (apart.interval.expect("rows"), two.interval.expect("rows"));
        assert!(wide.low < narrow.low && narrow.high < wide.high, "{wide:?} {narrow:?}");
        let alone = parity(&rates[..2], 0.95);
        assert_eq!(
            (alone.ends, alone.ratio),
            (Err(Undefined::TooFewGroups), Err(Undefined::TooFewGroups))
        );
        assert_eq!(parity(&[of(0, 5), of(0, 6)], 0.95).passes(0.8), Err(Undefined::RatesZero));
    }

    #[test]
    fn four_fifths_exactly_pass() {
        // 4/30 of 5/30: rounded, the ratio may come out on either side.
        let of = |least: u64| {
            let groups = [cells(least, 0, 30 - least, 0), cells(5, 0, 25, 0)];
            fairness(&groups, EmptyRate::LeftOut).four_fifths
        };
        assert_eq!((of(4), of(3)), (Ok(true), Ok(false)));
        let groups = [cells(1, 0, 2, 0), cells(3, 0, 4, 0)];
        // 1/3 of 3/7 is 0.78.
        assert_eq!(fairness(&groups, EmptyRate::LeftOut).four_fifths, Ok(false));
    }

    #[test]
    fn missing_rates_are_left_out_or_zero_as_asked() {
        let groups = [cells(1, 0, 1, 0), cells(0, 1, 0, 1)];
        let out = fairness(&groups, EmptyRate::LeftOut);
        assert_eq!(out.demographic_parity_difference, Ok(0.0));
        assert_eq!(out.equal_opportunity_difference, Err(Undefined::TooFewGroups));
        assert_eq!(out.equalized_odds_ratio, Err(Undefined::TooFewGroups));
        let zero = fairness(&groups, EmptyRate::Zero);
        assert_eq!(zero.equal_opportunity_difference, Ok(0.5));
        assert_eq!(zero.equalized_odds_difference, Ok(0.5));
        assert_eq!(zero.equal_opportunity_ratio, Ok(0.0));
    }

    #[test]
    fn one_group_and_nobody_selected_have_nothing_to_compare() {
        let one = fairness(&[cells(1, 1, 1, 1)], EmptyRate::Zero);
        assert_eq!(one.demographic_parity_difference, Err(Undefined::TooFewGroups));
        let nobody = fairness(&[cells(0, 0, 1, 1); 2], EmptyRate::LeftOut);
        assert_eq!(nobody.demographic_parity_difference, Ok(0.0));
        assert_eq!(nobody.demographic_parity_ratio, Err(Undefined::RatesZero));
        assert_eq!(nobody.four_fifths, Err(Undefined::RatesZero));
    }
}
