//! Scores of labelled predictions by true class: counts in fine bins, sums in coarse ones, and what
//! each row costs as a probability.
//!
//! Which class is the positive one is a question's matter, so each class has what its rows cost if
//! it is and if it is not.

use std::sync::Arc;

use crate::{column::is_null, fixed::Fixed};

/// Bins of equal width over [0, 1] that scores are counted in; each of [`SUM_BINS`] is ten of them.
pub const SCORE_BINS: usize = 1_000;
/// Bins of equal width over [0, 1] that scores are summed in.
pub const SUM_BINS: usize = 100;
const BINS_PER_SUM: usize = SCORE_BINS / SUM_BINS;

// Rows that are in no bin have places behind the bins.
const ABSENT: usize = SCORE_BINS;
const NAN: usize = SCORE_BINS + 1;
const INFINITE: usize = SCORE_BINS + 2;
const BELOW: usize = SCORE_BINS + 3;
const ABOVE: usize = SCORE_BINS + 4;
const PLACES: usize = SCORE_BINS + 5;

/// How near to 0 and 1 a probability may come in the log loss.
const CLIP: f64 = f64::EPSILON;

/// The lower edge of a bin: `bin / 1000` rounded once, the number that its decimal reads as.
fn edge(bin: usize) -> f64 {
    bin as f64 / SCORE_BINS as f64
}

/// Where a score is counted: the last bin whose lower edge it reaches, or one of the places behind.
fn place_of(score: f64) -> usize {
    if !(0.0..=1.0).contains(&score) {
        return match score {
            score if is_null(score) => ABSENT,
            score if score.is_nan() => NAN,
            score if score.is_infinite() => INFINITE,
            score if score < 0.0 => BELOW,
            _ => ABOVE,
        };
    }
    // The product may be rounded across an edge, at most by one bin.
    let guess = ((score * SCORE_BINS as f64) as usize).min(SCORE_BINS - 1);
    if guess + 1 < SCORE_BINS && score >= edge(guess + 1) {
        guess + 1
    } else if score < edge(guess) {
        guess - 1
    } else {
        guess
    }
}

/// What rows cost whose class was given these probabilities, if it is the positive one and if not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Costs {
    log: [Fixed; 2],
    square: [Fixed; 2],
}

impl Costs {
    fn add(&mut self, score: f64, times: i64) {
        for (side, probability) in [score, 1.0 - score].into_iter().enumerate() {
            let log = -probability.clamp(CLIP, 1.0 - CLIP).ln();
            self.log[side].add(log, times);
        }
        self.square[0].add((1.0 - score).powi(2), times);
        self.square[1].add(score * score, times);
    }

    fn merge(&mut self, other: &Self) {
        for side in 0..2 {
            self.log[side].merge(other.log[side]);
            self.square[side].merge(other.square[side]);
        }
    }
}

/// Scores of rows of one side, dense: what a query adds up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScoredSide {
    /// Rows by place; empty of no row.
    rows: Vec<i64>,
    /// Sums of scores by coarse bin; empty of no row.
    sums: Vec<Fixed>,
    costs: Costs,
}

impl ScoredSide {
    fn room(&mut self) {
        self.rows.resize(PLACES, 0);
        self.sums.resize(SUM_BINS, Fixed::default());
    }

    fn add(&mut self, score: f64, times: i64) {
        self.room();
        let place = place_of(score);
        self.rows[place] += times;
        if place < SCORE_BINS {
            self.sums[place / BINS_PER_SUM].add(score, times);
            self.costs.add(score, times);
        }
    }

    fn at(&self, place: usize) -> u64 {
        self.rows.get(place).map_or(0, |rows| u64::try_from(*rows).unwrap_or(0))
    }

    /// Rows of each of [`SCORE_BINS`] bins; bin `b` holds the scores from `b / 1000` on, the last also
    /// 1.
    pub fn bins(&self) -> Vec<u64> {
        (0..SCORE_BINS).map(|bin| self.at(bin)).collect()
    }

    /// The sum of the scores in each of [`SUM_BINS`] bins.
    pub fn sums(&self) -> Vec<Fixed> {
        let mut sums = self.sums.clone();
        sums.resize(SUM_BINS, Fixed::default());
        sums
    }

    /// Rows without a score.
    pub fn absent(&self) -> u64 {
        self.at(ABSENT)
    }

    /// Rows whose score is NaN.
    pub fn nan(&self) -> u64 {
        self.at(NAN)
    }

    /// Rows whose score is infinite.
    pub fn infinite(&self) -> u64 {
        self.at(INFINITE)
    }

    /// Rows whose score is finite and below 0.
    pub fn below(&self) -> u64 {
        self.at(BELOW)
    }

    /// Rows whose score is finite and above 1.
    pub fn above(&self) -> u64 {
        self.at(ABOVE)
    }

    /// All rows, those without a score too.
    pub fn rows(&self) -> u64 {
        (0..PLACES).map(|place| self.at(place)).sum()
    }
}

/// Scores of labelled rows of a window by whether the label is the positive class.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScoreTally {
    /// Rows of the positive class.
    pub positives: ScoredSide,
    /// Rows of another class.
    pub negatives: ScoredSide,
}

impl ScoreTally {
    /// Adds a row.
    pub(super) fn add(&mut self, score: f64, positive: bool) {
        let side = if positive { &mut self.positives } else { &mut self.negatives };
        side.add(score, 1);
    }

    /// What the rows with a score in [0, 1] cost in nats: -ln of the probability that the label's
    /// side was given, clipped to [2^-52, 1 - 2^-52].
    pub fn log_cost(&self) -> Fixed {
        let [mut cost, others] = [self.positives.costs.log[0], self.negatives.costs.log[1]];
        cost.merge(others);
        cost
    }

    /// The sum of (score - label)², the label 1 for the positive class and else 0, of rows with a
    /// score in [0, 1].
    pub fn square_cost(&self) -> Fixed {
        let [mut cost, others] = [self.positives.costs.square[0], self.negatives.costs.square[1]];
        cost.merge(others);
        cost
    }
}

/// Scores of the rows of one true class, with nothing for what is 0.
#[derive(Debug, Clone, PartialEq)]
struct Class {
    /// Place of the class in the label set.
    place: u32,
    /// Rows by place of their score, ascending.
    rows: Vec<(u16, i32)>,
    /// Sums of scores by coarse bin, ascending.
    sums: Vec<(u8, Fixed)>,
    costs: Costs,
}

impl Class {
    fn new(place: u32) -> Self {
        Self { place, rows: Vec::new(), sums: Vec::new(), costs: Costs::default() }
    }

    fn add(&mut self, score: f64, times: i32) {
        let place = place_of(score);
        let rows = entry(&mut self.rows, place as u16, 0);
        rows.1 += times;
        let gone = rows.1 == 0;
        if gone {
            self.rows.retain(|(known, _)| usize::from(*known) != place);
        }
        if place >= SCORE_BINS {
            return;
        }
        self.costs.add(score, times.into());
        let coarse = place / BINS_PER_SUM;
        entry(&mut self.sums, coarse as u8, Fixed::default()).1.add(score, times.into());
        let of_coarse = |(known, _): &(u16, i32)| usize::from(*known) / BINS_PER_SUM == coarse;
        if gone && !self.rows.iter().any(of_coarse) {
            self.sums.retain(|(known, _)| usize::from(*known) != coarse);
        }
    }
}

/// Scores of the labelled rows of a bucket by true class.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ScoreSums {
    /// By place of the class, ascending.
    classes: Vec<Class>,
}

/// The entry of a key in an ascending list, made if it is not there.
fn entry<K: Ord + Copy, V>(list: &mut Vec<(K, V)>, key: K, new: V) -> &mut (K, V) {
    let at = match list.binary_search_by_key(&key, |entry| entry.0) {
        Ok(at) => at,
        Err(at) => {
            list.insert(at, (key, new));
            at
        }
    };
    &mut list[at]
}

impl ScoreSums {
    /// Adds (`times` = 1) or takes away (`times` = -1) the score of a row of a class. What sums to
    /// nothing goes.
    pub(super) fn add(&mut self, class: u32, score: f64, times: i32) {
        let at = match self.classes.binary_search_by_key(&class, |known| known.place) {
            Ok(at) => at,
            Err(at) => {
                self.classes.insert(at, Class::new(class));
                at
            }
        };
        self.classes[at].add(score, times);
        if self.classes[at].rows.is_empty() {
            self.classes.remove(at);
        }
    }

    /// The same of what a class has in dense form.
    fn push(&mut self, place: u32, counts: &ScoredSide) {
        let rows = (0..).zip(&counts.rows).filter(|(_, rows)| **rows != 0);
        let rows: Vec<(u16, i32)> = rows.map(|(place, rows)| (place, *rows as i32)).collect();
        let filled = |bin: usize| {
            let fine = bin * BINS_PER_SUM..(bin + 1) * BINS_PER_SUM;
            counts.rows.get(fine).is_some_and(|rows| rows.iter().any(|rows| *rows != 0))
        };
        let sums = (0..).zip(&counts.sums).filter(|(bin, _)| filled(usize::from(*bin)));
        let sums = sums.map(|(bin, sum): (u8, &Fixed)| (bin, *sum)).collect();
        self.classes.push(Class { place, rows, sums, costs: counts.costs });
    }

    /// Adds what the classes hold, named by place in `names`, to one side or the other.
    pub(super) fn fold(&self, names: &[Arc<str>], positive: &str, tally: &mut ScoreTally) {
        for class in &self.classes {
            let name = names.get(class.place as usize);
            let side = match name {
                Some(name) if **name == *positive => &mut tally.positives,
                _ => &mut tally.negatives,
            };
            side.room();
            for (place, rows) in &class.rows {
                side.rows[usize::from(*place)] += i64::from(*rows);
            }
            for (bin, sum) in &class.sums {
                side.sums[usize::from(*bin)].merge(*sum);
            }
            side.costs.merge(&class.costs);
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let class = |class: &Class| {
            size_of::<Class>()
                + class.rows.capacity() * size_of::<(u16, i32)>()
                + class.sums.capacity() * size_of::<(u8, Fixed)>()
        };
        self.classes.iter().map(class).sum()
    }
}

/// Gathers the scores of a bucket row by row.
#[derive(Debug, Default)]
pub(super) struct Gathering(Vec<ScoredSide>);

impl Gathering {
    pub(super) fn add(&mut self, class: u32, score: f64) {
        let place = class as usize;
        if self.0.len() <= place {
            self.0.resize(place + 1, ScoredSide::default());
        }
        self.0[place].add(score, 1);
    }

    /// What was gathered; nothing is left.
    pub(super) fn take(&mut self) -> ScoreSums {
        let mut sums = ScoreSums::default();
        for (place, counts) in (0..).zip(&self.0).filter(|(_, counts)| !counts.rows.is_empty()) {
            sums.push(place, counts);
        }
        self.0.clear();
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::NULL;

    #[test]
    fn a_bin_holds_what_lies_between_its_edges() {
        for bin in 0..SCORE_BINS {
            assert_eq!(place_of(edge(bin)), bin);
            assert_eq!(place_of(edge(bin + 1).next_down()), bin);
        }
        assert_eq!(place_of(1.0), SCORE_BINS - 1);
        assert_eq!(place_of(-0.0), 0);
    }

    #[test]
    fn what_is_no_probability_has_a_place_of_its_own() {
        let places = [NULL, f64::NAN, f64::NEG_INFINITY, -1e-300, 1.0_f64.next_up()].map(place_of);
        assert_eq!(places, [ABSENT, NAN, INFINITE, BELOW, ABOVE]);
    }
}
