//! Agreement: how two versions of a model differ on the requests that both answered, as a shadow and
//! the version in production.
//!
//! The same prediction id in two versions is one request. A pair tells more than two samples do: on
//! most requests both are right or both wrong, and only the others can tell which is better.

mod join;
mod report;

use std::{cell::RefCell, collections::BTreeMap};

use driftline_storage::{
    Db, Error, ErrorKind, PREDICTION, Result, SCORE, Snapshot, Task, TimeRange, is_null,
};

use crate::{
    asked_class::task,
    condition::Filter,
    gather::{Missing, missing_in},
    limits::{CONFUSION_COUNTS_MAX, EXACT_VALUES_MAX, PAIRED_ROWS_AT_ONCE, check_size},
    report::{ConfusionReport, Scope},
    slice,
    stats::{
        Confusion, Interval, Measured, Moments, Proportion, Undefined, mcnemar, paired_interval,
        paired_mean_interval, paired_t, quantile,
    },
    window::windows,
};

pub use report::{
    AgreementMetric, AgreementReport, AgreementRequest, AgreementResult, AgreementWindow,
    PairCounts, PairedOutcomes,
};

use join::{Classes, Joined, Row, Side, join};

/// Confidence of the intervals.
const LEVEL: f64 = 0.95;
/// Labelled pairs below which there is a warning.
const PAIRS_MIN: u64 = 30;

/// Pairs the predictions of two sides by id and measures how they differ, in each window.
///
/// Ids are paired over the whole interval, and a pair counts in the window of the first side's time.
/// Of an id that a side has more than once the earliest prediction counts. Pairs without a predicted
/// class, score or number on either side are in no measure of these. At most
/// [`crate::limits::PAIRED_ROWS_AT_ONCE`] rows, and the differences of all pairs, are in memory.
///
/// # Errors
/// `InvalidArgument` for sides that are not given or equal, `NotFound` for a model or column that
/// does not exist and for a side without a row in the interval, `ResourceExhausted` past
/// [`crate::limits`].
pub fn agreement(db: &Db, request: &AgreementRequest) -> Result<AgreementReport> {
    let scope = &request.scope;
    let windows = windows(scope.from, scope.to, scope.step)?;
    let snapshot = slice::snapshot(db, scope)?;
    slice::check_sides(&snapshot, scope, &request.a, &request.b)?;
    let ask = |rows: &Snapshot, scope: &Scope| {
        let side = |filters: &[Filter], asked_in| slice::meeting(rows, filters, scope, asked_in);
        let sides = [side(&request.a, "a")?, side(&request.b, "b")?];
        Ok(AgreementReport {
            scope: scope.clone(),
            a: slice::side_name(&request.a),
            b: slice::side_name(&request.b),
            windows: of_sides(&sides, &windows, task(rows, scope), PAIRED_ROWS_AT_ONCE)?,
            groups: Vec::new(),
        })
    };
    let (whole, groups) = slice::of_groups(&snapshot, scope, ask)?;
    Ok(AgreementReport { groups, ..whole })
}

fn of_sides(
    [a, b]: &[Snapshot; 2],
    windows: &[TimeRange],
    task: Task,
    at_once: u64,
) -> Result<Vec<AgreementWindow>> {
    check_size(windows.len(), AgreementMetric::ALL.len())?;
    let mut classes = Classes::default();
    // Both closures change it, one after the other.
    let found = RefCell::new((Vec::new(), 0));
    let missing = join(
        [a, b],
        at_once,
        windows,
        &mut classes,
        || *found.borrow_mut() = (vec![Found::default(); windows.len()], 0),
        |joined| {
            let row = match &joined {
                Joined::Pair(row, _) | Joined::Alone(_, row) | Joined::Repeated(row) => row,
            };
            let window = windows.partition_point(|window| window.end <= row.time);
            let (found, held) = &mut *found.borrow_mut();
            let Some(found) = found.get_mut(window) else { return Ok(()) };
            *held += usize::from(found.add(&joined, task));
            check_differences(*held)
        },
    )?;
    let (found, _) = found.into_inner();
    if task.is_classification() {
        check_counts(classes.names.len(), windows.len())?;
    }
    let report = |(window, found): (&TimeRange, Found)| {
        found.report(*window, task, &classes.names, &missing)
    };
    Ok(windows.iter().zip(found).map(report).collect())
}

fn check_differences(held: usize) -> Result<()> {
    if held <= EXACT_VALUES_MAX {
        return Ok(());
    }
    let text = format!(
        "the differences of more than {EXACT_VALUES_MAX} pairs are not held in memory; choose a \
         shorter interval"
    );
    Err(Error::new(ErrorKind::ResourceExhausted, text))
}

fn check_counts(classes: usize, windows: usize) -> Result<()> {
    let counts = classes.saturating_mul(classes).saturating_mul(windows);
    if counts <= CONFUSION_COUNTS_MAX {
        return Ok(());
    }
    let text = format!(
        "makes {windows} matrices of {classes} classes, {counts} counts; at most \
         {CONFUSION_COUNTS_MAX} are answered at once; choose a longer step"
    );
    Err(Error::invalid("step", text))
}

/// What is found of a window.
#[derive(Debug, Clone, Default)]
struct Found {
    counts: PairCounts,
    /// Pairs by the places of the predicted classes.
    classes: BTreeMap<(usize, usize), u64>,
    outcomes: PairedOutcomes,
    /// First side less second.
    differences: Vec<f64>,
    errors: [Moments; 2],
    /// Absolute error of the first side less that of the second.
    error_difference: Moments,
}

impl Found {
    /// Adds what became of an id. Returns whether it holds one difference more.
    fn add(&mut self, joined: &Joined, task: Task) -> bool {
        let (a, b) = match joined {
            Joined::Repeated(_) => {
                self.counts.repeated += 1;
                return false;
            }
            Joined::Alone(Side::A, _) => {
                self.counts.only_a += 1;
                return false;
            }
            Joined::Alone(Side::B, _) => {
                self.counts.only_b += 1;
                return false;
            }
            Joined::Pair(a, b) => (a, b),
        };
        self.counts.pairs += 1;
        let number = |row: &Row| if task.is_classification() { row.score } else { row.predicted };
        if task.is_classification() {
            self.add_classes(a, b);
        } else {
            self.add_errors(a, b);
        }
        let difference = number(a) - number(b);
        if difference.is_finite() {
            self.differences.push(difference);
        }
        difference.is_finite()
    }

    fn add_classes(&mut self, a: &Row, b: &Row) {
        if is_null(a.predicted) || is_null(b.predicted) {
            return;
        }
        let key = (a.predicted as usize, b.predicted as usize);
        *self.classes.entry(key).or_default() += 1;
        if is_null(a.truth) {
            return;
        }
        let outcomes = &mut self.outcomes;
        *match (a.predicted == a.truth, b.predicted == a.truth) {
            (true, true) => &mut outcomes.both_right,
            (true, false) => &mut outcomes.only_a_right,
            (false, true) => &mut outcomes.only_b_right,
            (false, false) => &mut outcomes.both_wrong,
        } += 1;
    }

    fn add_errors(&mut self, a: &Row, b: &Row) {
        // What is null is not a number, and so is its error.
        let [first, second] = [a, b].map(|row| (a.truth - row.predicted).abs());
        if !(first.powi(2).is_finite() && second.powi(2).is_finite()) {
            return;
        }
        let one = |value: f64| Moments { rows: 1, mean: value, squares: 0.0 };
        for (sum, error) in self.errors.iter_mut().zip([first, second]) {
            sum.merge(&one(error));
        }
        self.error_difference.merge(&one(first - second));
    }

    fn report(
        mut self,
        window: TimeRange,
        task: Task,
        names: &[String],
        missing: &[Missing],
    ) -> AgreementWindow {
        let known: Vec<&String> = names.iter().collect();
        let name = |place: usize| known.get(place).map_or("", |name| name.as_str());
        let seen = self.classes.iter().map(|((a, b), count)| (name(*a), name(*b), *count));
        let all = names.iter().map(|name| (name.as_str(), name.as_str(), 0));
        let matrix = task.is_classification().then(|| Confusion::from_pairs(all.chain(seen)));
        let mut results = match &matrix {
            Some(matrix) => self.of_classes(matrix),
            None => self.of_errors(),
        };
        results.extend(self.of_differences(task));
        AgreementWindow {
            start: window.start,
            end: window.end,
            counts: self.counts,
            matrix: matrix.as_ref().map(|matrix| ConfusionReport {
                classes: matrix.classes().to_vec(),
                counts: matrix.counts().rows().into_iter().map(|row| row.to_vec()).collect(),
            }),
            outcomes: task.is_classification().then_some(self.outcomes),
            warnings: self.warnings(task),
            results,
            missing: missing_in(missing, window),
        }
    }

    fn of_classes(&self, matrix: &Confusion) -> Vec<AgreementResult> {
        let same = matrix.counts().diag().iter().fold(0_u64, |sum, n| sum.saturating_add(*n));
        let agreement = Proportion { hits: same, rows: matrix.total() };
        let outcomes = &self.outcomes;
        let (b, c) = (outcomes.only_a_right, outcomes.only_b_right);
        let labelled = outcomes.both_right + b + c + outcomes.both_wrong;
        let right = |only: u64| Proportion { hits: outcomes.both_right + only, rows: labelled };
        let difference =
            right(b).share().and_then(|first| Ok(first - right(c).share()?)).map_err(no_label);
        let share = |metric, of: Proportion, empty| {
            let value = of.share().map_err(|_| empty);
            result(metric, of.rows, value, of.wilson(LEVEL).ok(), None)
        };
        vec![
            share(AgreementMetric::Agreement, agreement, Undefined::NoValue),
            result(
                AgreementMetric::Kappa,
                agreement.rows,
                matrix.kappa().map_err(|why| match why {
                    Undefined::NoLabel => Undefined::NoValue,
                    why => why,
                }),
                None,
                None,
            ),
            share(AgreementMetric::AccuracyA, right(b), Undefined::NoLabel),
            share(AgreementMetric::AccuracyB, right(c), Undefined::NoLabel),
            result(
                AgreementMetric::AccuracyDifference,
                labelled,
                difference,
                paired_interval(b, c, labelled, LEVEL).ok(),
                mcnemar(b, c).ok().map(|test| test.p_value),
            ),
        ]
    }

    fn of_errors(&self) -> Vec<AgreementResult> {
        let mean = |metric, moments: &Moments| {
            let value = if moments.rows == 0 { Err(Undefined::NoLabel) } else { Ok(moments.mean) };
            result(metric, moments.rows, value, None, None)
        };
        let [first, second] = &self.errors;
        vec![
            mean(AgreementMetric::MaeA, first),
            mean(AgreementMetric::MaeB, second),
            mean_difference(
                AgreementMetric::MaeDifference,
                &self.error_difference,
                Undefined::NoLabel,
            ),
        ]
    }

    /// Sorts the differences and measures them.
    fn of_differences(&mut self, task: Task) -> Vec<AgreementResult> {
        let (column, empty) = match task {
            Task::Regression => (PREDICTION, Undefined::NoValue),
            Task::Binary | Task::Multiclass => (SCORE, Undefined::NoScore),
        };
        self.differences.sort_unstable_by(f64::total_cmp);
        let differences = self.differences.as_slice();
        let moments = Moments::of(differences);
        let absolute: Vec<f64> = differences.iter().map(|difference| difference.abs()).collect();
        let absolute = Moments::of(&absolute);
        let known = |value: Measured<f64>| if moments.rows == 0 { Err(empty) } else { value };
        let plain = |metric, value| result(metric, moments.rows, known(value), None, None);
        let mut results = vec![
            mean_difference(AgreementMetric::DifferenceMean, &moments, empty),
            plain(AgreementMetric::DifferenceStd, moments.variance().map(f64::sqrt)),
            plain(AgreementMetric::DifferenceAbsMean, Ok(absolute.mean)),
        ];
        let quantiles = AgreementMetric::ALL.into_iter().filter_map(|m| Some((m, m.quantile()?)));
        results.extend(quantiles.map(|(metric, p)| plain(metric, quantile(differences, p))));
        for result in &mut results {
            result.column = Some(column.to_owned());
        }
        results
    }

    fn warnings(&self, task: Task) -> Vec<String> {
        let PairCounts { pairs, only_a, only_b, repeated } = self.counts;
        let mut warnings = Vec::new();
        if pairs == 0 && only_a + only_b > 0 {
            warnings.push(
                "no request was answered by both sides; both must log it with the same prediction id"
                    .to_owned(),
            );
        } else if only_a + only_b > 0 {
            warnings.push(format!(
                "{only_a} predictions of the first side and {only_b} of the second have no partner \
                 in the interval"
            ));
        }
        if repeated > 0 {
            warnings.push(format!("{repeated} predictions repeat an id of their side"));
        }
        let labelled = match task {
            Task::Regression => self.error_difference.rows,
            Task::Binary | Task::Multiclass => {
                let o = &self.outcomes;
                o.both_right + o.only_a_right + o.only_b_right + o.both_wrong
            }
        };
        if labelled > 0 && labelled < PAIRS_MIN {
            warnings.push(format!("only {labelled} pairs have a label"));
        }
        warnings
    }
}

fn no_label(_: Undefined) -> Undefined {
    Undefined::NoLabel
}

/// A mean of differences with Student's interval and test; of no pair there is none.
fn mean_difference(
    metric: AgreementMetric,
    moments: &Moments,
    empty: Undefined,
) -> AgreementResult {
    let value = if moments.rows == 0 { Err(empty) } else { Ok(moments.mean) };
    let interval = paired_mean_interval(moments, LEVEL).ok();
    let p_value = paired_t(moments).ok().map(|test| test.p_value);
    result(metric, moments.rows, value, interval, p_value)
}

fn result(
    metric: AgreementMetric,
    pairs: u64,
    value: Measured<f64>,
    interval: Option<Interval>,
    p_value: Option<f64>,
) -> AgreementResult {
    let value = value.and_then(|v| if v.is_finite() { Ok(v) } else { Err(Undefined::NotFinite) });
    let interval = interval.filter(|_| value.is_ok());
    AgreementResult {
        metric,
        column: None,
        pairs,
        value: value.ok(),
        lower: interval.map(|interval| interval.low),
        upper: interval.map(|interval| interval.high),
        p_value: p_value.filter(|_| value.is_ok()),
        undefined: value.err().map(|undefined| undefined.to_string()),
    }
}

impl slice::OfGroup for AgreementReport {
    fn results(&self) -> usize {
        let of = |window: &AgreementWindow| {
            let counts = window.matrix.as_ref().map_or(0, |m| m.classes.len() * m.classes.len());
            // A count of a matrix is a tenth of a result.
            window.results.len() + counts / 10
        };
        self.windows.iter().map(of).sum()
    }
}

#[cfg(test)]
mod tests {
    use driftline_storage::{Column, Declaration, LabelBatch, Options, PredictionBatch, Schema};

    use super::*;

    #[test]
    fn several_passes_over_the_rows_find_the_same_pairs() {
        let dir = tempfile::tempdir().expect("a directory");
        let db = Db::open(dir.path(), Options::on_disk(|| 0)).expect("a database");
        let schema = Schema::new(Task::Binary, Vec::new(), None).expect("valid");
        db.create_model("m", Declaration::default(), Some(schema)).expect("new");
        for (version, ids) in [("1", 0..60), ("2", 20..90)] {
            let n = ids.clone().count();
            let class = |id: i64| Some(if id % 3 == 0 || version == "2" { "yes" } else { "no" });
            let batch = PredictionBatch {
                ids: ids.clone().map(|id| format!("r{id}")).collect(),
                times: ids.clone().map(|id| id * 1_000_000).collect(),
                columns: vec![
                    Column::Numeric(ids.clone().map(|id| id as f64 / 100.0).collect()),
                    Column::categories(ids.clone().map(class)),
                    Column::nulls(true, n),
                    Column::nulls(false, n),
                ],
            };
            db.write_predictions("m", version, batch).expect("valid").wait().expect("written");
        }
        let labels = LabelBatch {
            ids: (30..50).map(|id| format!("r{id}")).collect(),
            times: vec![1; 20],
            truths: Column::categories((30..50).map(|_| Some("yes"))),
        };
        db.write_labels("m", labels).expect("valid").wait().expect("written");
        let side = |version| db.snapshot("m", Some(version)).expect("known");
        let range = TimeRange { start: 0, end: 100_000_000 };
        let of = |at_once| of_sides(&[side("1"), side("2")], &[range], Task::Binary, at_once);
        let whole = of(PAIRED_ROWS_AT_ONCE).expect("few rows");
        let counts = PairCounts { pairs: 40, only_a: 20, only_b: 30, repeated: 0 };
        assert_eq!(whole[0].counts, counts);
        let outcomes = whole[0].outcomes.expect("classes");
        assert_eq!((outcomes.both_right, outcomes.only_b_right), (7, 13));
        assert_eq!(of(13).expect("ten passes"), whole);
        let error = of(2).expect_err("65 passes");
        assert!(error.to_string().contains("choose a shorter interval"), "{error}");
    }
}
