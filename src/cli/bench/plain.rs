//! Answers computed the plain way, to check those of the engine: the rows are made again and
//! counted one by one. Nothing of the query crate is used here.

use driftline_storage::{Column, PredictionBatch};

use super::dataset::Dataset;
use crate::{
    cli::progress::Progress,
    workload::{BlockLabels, CLASSES},
};

/// The smallest share that a bin is given, as the engine's default.
const SHARE_MIN: f64 = 1e-4;

/// Numeric columns of the reference, each ascending.
#[derive(Debug)]
pub(super) struct SortedReference(pub(super) Vec<Vec<f64>>);

impl SortedReference {
    pub(super) fn of(dataset: &Dataset) -> Self {
        let columns = dataset.workload.reference().columns.into_iter();
        let sorted = columns.take(dataset.workload.shape.features).map(|column| match column {
            Column::Numeric(mut values) => {
                values.sort_unstable_by(f64::total_cmp);
                values
            }
            Column::Categories(_) => Vec::new(),
        });
        Self(sorted.collect())
    }
}

/// numpy's linear quantile of ascending values.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let position = share * sorted.len().checked_sub(1)? as f64;
    let place = position.floor() as usize;
    let below = *sorted.get(place)?;
    let above = sorted.get(place + 1).copied().unwrap_or(below);
    let part = position - position.floor();
    let step = above - below;
    Some(if part < 0.5 { below + step * part } else { above - step * (1.0 - part) })
}

/// What is counted of the rows of an interval.
#[derive(Debug)]
pub(super) enum Counting {
    /// Rows by window of some length, numeric feature and quantile bin.
    Bins {
        step: i64,
        edges: Vec<Vec<f64>>,
        /// Counts by feature, then bin.
        reference: Vec<Vec<u64>>,
        /// Counts by window, feature, bin.
        windows: Vec<Vec<Vec<u64>>>,
    },
    /// All values of a feature.
    Values { feature: usize, values: Vec<f64> },
    /// Labelled rows by true and predicted class.
    Confusion { counts: [[u64; 3]; 3] },
    /// The scores of labelled rows, and whether the label is the second class.
    Scores { rows: Vec<(f64, bool)> },
}

/// One question of a plain scan.
#[derive(Debug)]
pub(super) struct Probe {
    from: i64,
    to: i64,
    /// A category column and the value of the rows that are counted; none means all rows.
    only: Option<(usize, String)>,
    pub(super) counting: Counting,
}

impl Probe {
    /// Counts in some number of quantile bins of the reference, for each window of a series.
    pub(super) fn bins(
        (from, to): (i64, i64),
        step: Option<i64>,
        parts: usize,
        sorted: &SortedReference,
    ) -> Self {
        let step = step.unwrap_or(to - from);
        let edges_of = |sorted: &Vec<f64>| {
            let mut edges: Vec<f64> = (1..parts)
                .filter_map(|part| quantile(sorted, part as f64 / parts as f64))
                .collect();
            edges.dedup();
            edges
        };
        let edges: Vec<Vec<f64>> = sorted.0.iter().map(edges_of).collect();
        let empty: Vec<Vec<u64>> = edges.iter().map(|edges| vec![0; edges.len() + 1]).collect();
        let mut reference = empty.clone();
        for ((counts, edges), values) in reference.iter_mut().zip(&edges).zip(&sorted.0) {
            values.iter().for_each(|value| count(counts, edges, *value));
        }
        let windows = usize::try_from((to - from).div_euclid(step)).unwrap_or(0).max(1);
        let windows = vec![empty; windows];
        Self::new((from, to), Counting::Bins { step, edges, reference, windows })
    }

    /// The values of a feature.
    pub(super) fn values(range: (i64, i64), feature: usize) -> Self {
        Self::new(range, Counting::Values { feature, values: Vec::new() })
    }

    /// The confusion matrix.
    pub(super) fn confusion(range: (i64, i64)) -> Self {
        Self::new(range, Counting::Confusion { counts: [[0; 3]; 3] })
    }

    /// The scores of labelled rows.
    pub(super) fn scores(range: (i64, i64)) -> Self {
        Self::new(range, Counting::Scores { rows: Vec::new() })
    }

    fn new((from, to): (i64, i64), counting: Counting) -> Self {
        Self { from, to, only: None, counting }
    }

    /// The same of the rows that have a value in a category column.
    pub(super) fn only(self, column: usize, value: &str) -> Self {
        Self { only: Some((column, value.to_owned())), ..self }
    }

    fn add(&mut self, batch: &PredictionBatch, labels: Option<&BlockLabels>, features: usize) {
        let begin = batch.times.partition_point(|time| *time < self.from);
        let end = batch.times.partition_point(|time| *time < self.to);
        let only = self.only.as_ref().map(|(column, value)| (batch.columns.get(*column), value));
        let kept = |row: usize| match only {
            None => true,
            Some((Some(Column::Categories(column)), value)) => column.text(row) == Some(value),
            Some(_) => false,
        };
        match &mut self.counting {
            Counting::Values { feature, values } => {
                if let Some(Column::Numeric(column)) = batch.columns.get(*feature) {
                    let inside = column.iter().enumerate().take(end).skip(begin);
                    values.extend(inside.filter(|(row, _)| kept(*row)).map(|(_, value)| value));
                }
            }
            Counting::Scores { rows } => {
                let (Some(labels), Some(Column::Numeric(scores))) =
                    (labels, batch.columns.get(features + 5))
                else {
                    return;
                };
                let Column::Categories(truths) = &labels.labels.truths else { return };
                for (row, truth) in labels.rows.iter().zip(&truths.codes) {
                    let row = *row as usize;
                    if let Some(score) = scores.get(row).filter(|_| (begin..end).contains(&row)) {
                        rows.push((*score, *truth == 1));
                    }
                }
            }
            Counting::Bins { step, edges, windows, .. } => {
                let times = batch.times.iter().enumerate().skip(begin);
                let times = times.take(end.saturating_sub(begin));
                for (row, time) in times.filter(|(row, _)| kept(*row)) {
                    let place = usize::try_from((time - self.from) / *step).unwrap_or(usize::MAX);
                    let Some(window) = windows.get_mut(place) else { continue };
                    for ((counts, edges), column) in
                        window.iter_mut().zip(&*edges).zip(&batch.columns)
                    {
                        let Column::Numeric(values) = column else { continue };
                        values.get(row).into_iter().for_each(|value| count(counts, edges, *value));
                    }
                }
            }
            Counting::Confusion { counts } => {
                let predicted = batch.columns.get(features + 6);
                let (Some(labels), Some(Column::Categories(predicted))) = (labels, predicted)
                else {
                    return;
                };
                let Column::Categories(truths) = &labels.labels.truths else { return };
                for (row, truth) in labels.rows.iter().zip(&truths.codes) {
                    let row = *row as usize;
                    let class = predicted.codes.get(row).map(|class| *class as usize);
                    let cell =
                        class.and_then(|class| counts.get_mut(*truth as usize)?.get_mut(class));
                    if let Some(cell) = cell.filter(|_| (begin..end).contains(&row) && kept(row)) {
                        *cell += 1;
                    }
                }
            }
        }
    }
}

fn count(counts: &mut [u64], edges: &[f64], value: f64) {
    let bin = edges.iter().take_while(|edge| **edge <= value).count();
    counts.get_mut(bin).into_iter().for_each(|count| *count += 1);
}

/// Fills probes from rows that are made again.
pub(super) fn scan(dataset: &Dataset, probes: &mut [Probe]) {
    let workload = &dataset.workload;
    let bar = Progress::steps("checking against a plain scan", workload.blocks());
    for block in 0..workload.blocks() {
        bar.set(block);
        let (from, to) = workload.block_span(block);
        let mut mine: Vec<&mut Probe> =
            probes.iter_mut().filter(|probe| probe.from < to && from < probe.to).collect();
        if mine.is_empty() {
            continue;
        }
        let batch = workload.block(block);
        let labelled = mine.iter().any(|probe| {
            matches!(probe.counting, Counting::Confusion { .. } | Counting::Scores { .. })
        });
        let labels = labelled.then(|| workload.labels(block, &batch));
        mine.iter_mut()
            .for_each(|probe| probe.add(&batch, labels.as_ref(), workload.shape.features));
    }
    bar.finish();
}

/// Population stability index; none if either side is empty.
pub(super) fn psi(reference: &[u64], window: &[u64]) -> Option<f64> {
    let (n, m): (u64, u64) = (reference.iter().sum(), window.iter().sum());
    if n == 0 || m == 0 {
        return None;
    }
    let share = |count: u64, all: u64| (count as f64 / all as f64).max(SHARE_MIN);
    let term = |(r, c): (&u64, &u64)| {
        let (p, q) = (share(*r, n), share(*c, m));
        (q - p) * (q / p).ln()
    };
    Some(reference.iter().zip(window).map(term).sum())
}

/// Jensen-Shannon distance, base 2; none if either side is empty.
pub(super) fn js(reference: &[u64], window: &[u64]) -> Option<f64> {
    let (n, m): (u64, u64) = (reference.iter().sum(), window.iter().sum());
    if n == 0 || m == 0 {
        return None;
    }
    let part = |p: f64, middle: f64| if p > 0.0 { p * (p / middle).log2() } else { 0.0 };
    let term = |(r, c): (&u64, &u64)| {
        let (p, q) = (*r as f64 / n as f64, *c as f64 / m as f64);
        part(p, (p + q) / 2.0) + part(q, (p + q) / 2.0)
    };
    let divergence: f64 = reference.iter().zip(window).map(term).sum();
    Some((divergence / 2.0).max(0.0).sqrt())
}

/// The largest distance of two distribution functions, both samples ascending and not empty.
pub(super) fn ks(a: &[f64], b: &[f64]) -> Option<f64> {
    let (mut i, mut j, mut most) = (0, 0, 0.0_f64);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        let value = x.min(*y);
        i += a.iter().skip(i).take_while(|x| **x <= value).count();
        j += b.iter().skip(j).take_while(|y| **y <= value).count();
        most = most.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
    }
    (!a.is_empty() && !b.is_empty()).then_some(most)
}

/// Name of a class by its place.
pub(super) fn class(place: usize) -> &'static str {
    CLASSES.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numpys() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(quantile(&sorted, 0.5), Some(3.0));
        assert_eq!(quantile(&sorted, 0.9), Some(8.0 - 4.0 * (1.0 - (0.9 * 3.0 - 2.0))));
        assert_eq!(quantile(&sorted, 1.0), Some(8.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn a_shift_has_the_distance_it_has() {
        assert_eq!(ks(&[1.0, 2.0, 2.0, 3.0], &[2.0, 3.0, 4.0, 5.0]), Some(0.5));
        assert_eq!(ks(&[1.0], &[1.0]), Some(0.0));
        assert_eq!(ks(&[], &[1.0]), None);
    }

    #[test]
    fn values_on_an_edge_count_above_it() {
        let mut counts = [0; 3];
        for value in [0.9, 1.0, 1.5, 2.0, 7.0] {
            count(&mut counts, &[1.0, 2.0], value);
        }
        assert_eq!(counts, [1, 2, 2]);
    }
}
