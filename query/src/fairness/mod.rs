//! Fairness: whether the groups of a column are selected, found and wrongly flagged alike.
//!
//! A group is a slice, so its counts come from the rows that it has; what is counted of them is a
//! confusion matrix and a column, and the rates and distances are pure functions of these.

mod report;

use driftline_storage::{
    Db, Error, ErrorKind, OutcomeTally, PREDICTION, Result, Snapshot, Task, TimeRange,
};

use crate::{
    asked_class::{asked_class, task},
    columns::{Columns, columns},
    condition::{By, GroupValue},
    gather::{Missing, missing_in, outcomes},
    limits::check_size,
    report::Scope,
    slice::{self, Group},
    stats::{
        BinaryCells, Fairness, GROUP_ROWS_MIN, Interval, Measured, Parity, Proportion, Undefined,
        fairness as compare, parity,
    },
    window::windows,
};

pub use report::{
    FairnessGroup, FairnessMetric, FairnessReport, FairnessRequest, FairnessResult,
    FairnessVerdict, FairnessWindow, SelectionOf,
};

/// Confidence of the intervals.
const LEVEL: f64 = 0.95;

/// Compares the groups of each window.
///
/// A rate is of labelled predictions that have a predicted class, but for `selection_rate_all`, which
/// is of all that have one. Predictions without a group are left out and counted. Comparisons, and
/// `overall`, are over the groups that have labelled predictions, and not fewer than
/// `min_group_size` if that is given.
///
/// # Errors
/// `InvalidArgument` without `by`, of a regression, and of a class that must be named; `NotFound` for
/// a model, column or class that does not exist; `FailedPrecondition` where the interval has
/// predictions of one group only; `ResourceExhausted` past [`crate::limits`].
pub fn fairness(db: &Db, request: &FairnessRequest) -> Result<FairnessReport> {
    let scope = &request.scope;
    let windows = windows(scope.from, scope.to, scope.step)?;
    check_request(request)?;
    let snapshot = slice::snapshot(db, scope)?;
    if task(&snapshot, scope) == Task::Regression {
        let text = format!(
            "{:?} is a regression: fairness compares rates of a class, and it predicts none; \
             compare the errors of groups with query performance --by {} --metric mae --metric \
             residual_mean, or with query compare --by",
            scope.model,
            scope.by.first().map(By::to_string).unwrap_or_default()
        );
        return Err(Error::invalid("model", text));
    }
    let (all_outcomes, mut missing) = outcomes(&snapshot, &windows)?;
    let all = columns(db, scope, &snapshot, &windows, &[PREDICTION])?;
    missing.extend(all.gathered.missing.iter().cloned());
    let class = asked_class(db, scope, &snapshot, &all_outcomes, &all, request.class.as_deref())?;
    let groups = known_groups(&snapshot, scope, &all, windows.len())?;
    check_size(windows.len(), (groups.len() + 2) * FairnessMetric::ALL.len())?;
    let mut counted = Vec::with_capacity(groups.len());
    for (group, rows) in groups {
        let counts = Counted::new(db, scope, group, &rows, &windows, &class)?;
        missing.extend(counts.missing.iter().cloned());
        counted.push(counts);
    }
    let asked = Asked { request, class: &class };
    let window = |(place, window): (usize, &TimeRange)| {
        asked.window(place, *window, all.rows(place), &counted, &missing)
    };
    Ok(FairnessReport {
        scope: scope.clone(),
        windows: windows.iter().enumerate().map(window).collect(),
        selection: request.selection,
        class,
    })
}

fn check_request(request: &FairnessRequest) -> Result<()> {
    if request.scope.by.is_empty() {
        let text = "is required: name the column whose groups are compared, as in sex or \
                    age:30,45,60";
        return Err(Error::invalid("by", text));
    }
    if !(request.threshold > 0.0 && request.threshold <= 1.0) {
        let text =
            format!("{} must be a ratio above 0 and at most 1, such as 0.8", request.threshold);
        return Err(Error::invalid("threshold", text));
    }
    Ok(())
}

/// The groups without those of null.
fn known_groups(
    snapshot: &Snapshot,
    scope: &Scope,
    all: &Columns,
    windows: usize,
) -> Result<Vec<(Group, Snapshot)>> {
    let mut groups = slice::groups(snapshot, scope, scope.range())?;
    groups.retain(|(group, _)| group.iter().all(|value| value.value.is_some()));
    let predictions: u64 = (0..windows).map(|window| all.rows(window)).sum();
    if groups.len() > 1 || predictions == 0 {
        return Ok(groups);
    }
    let by: Vec<String> = scope.by.iter().map(By::to_string).collect();
    let found = match groups.first() {
        Some((group, _)) => format!("one group, {}", group_name(group)),
        None => "no group: it is null everywhere".to_owned(),
    };
    let text = format!(
        "by {} the predictions of this interval are {found}; fairness needs two groups or more",
        by.join(" and ")
    );
    Err(Error::new(ErrorKind::FailedPrecondition, text))
}

/// A group as a sentence names it.
fn group_name(group: &Group) -> String {
    let name = |value: &GroupValue| {
        format!("{} {}", value.column, value.value.as_deref().unwrap_or("null"))
    };
    group.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// What is counted of a group in each window.
#[derive(Debug)]
struct Counted {
    group: Group,
    predictions: Vec<u64>,
    /// Predicted as the class among those with a predicted class.
    selected: Vec<Proportion>,
    cells: Vec<BinaryCells>,
    missing: Vec<Missing>,
}

impl Counted {
    fn new(
        db: &Db,
        scope: &Scope,
        group: Group,
        rows: &Snapshot,
        windows: &[TimeRange],
        class: &str,
    ) -> Result<Self> {
        let predicted = columns(db, scope, rows, windows, &[PREDICTION])?;
        let (outcomes, mut missing) = outcomes(rows, windows)?;
        missing.extend(predicted.gathered.missing.iter().cloned());
        let selected = |window| {
            let (hits, rows) = predicted.category(window, 0, class);
            Proportion { hits, rows }
        };
        Ok(Self {
            group,
            predictions: (0..windows.len()).map(|window| predicted.rows(window)).collect(),
            selected: (0..windows.len()).map(selected).collect(),
            cells: outcomes.iter().map(|outcome| cells_of(outcome, class)).collect(),
            missing,
        })
    }
}

/// The cells of a class against the rest.
pub(crate) fn cells_of(outcome: &OutcomeTally, class: &str) -> BinaryCells {
    let mut cells = BinaryCells::default();
    for ((truth, predicted), count) in &outcome.pairs {
        let cell = match (&**truth == class, &**predicted == class) {
            (true, true) => &mut cells.true_positives,
            (true, false) => &mut cells.false_negatives,
            (false, true) => &mut cells.false_positives,
            (false, false) => &mut cells.true_negatives,
        };
        *cell += u64::try_from(*count).unwrap_or(0);
    }
    cells
}

/// A group in a window, before its rates.
#[derive(Debug, Clone)]
struct Member {
    group: Group,
    predictions: u64,
    selected: Proportion,
    cells: BinaryCells,
}

#[derive(Debug)]
struct Asked<'a> {
    request: &'a FairnessRequest,
    class: &'a str,
}

impl Asked<'_> {
    fn window(
        &self,
        place: usize,
        window: TimeRange,
        predictions: u64,
        counted: &[Counted],
        missing: &[Missing],
    ) -> FairnessWindow {
        let member = |counts: &Counted| Member {
            group: counts.group.clone(),
            predictions: counts.predictions.get(place).copied().unwrap_or(0),
            selected: counts.selected.get(place).copied().unwrap_or_default(),
            cells: counts.cells.get(place).copied().unwrap_or_default(),
        };
        let members: Vec<Member> = counted.iter().map(member).collect();
        let kept: Vec<&Member> = members.iter().filter(|member| self.compares(member)).collect();
        let grouped: u64 = members.iter().map(|member| member.predictions).sum();
        let distances = Distances::new(&kept, self.request);
        FairnessWindow {
            start: window.start,
            end: window.end,
            predictions,
            without_group: predictions.saturating_sub(grouped),
            overall: self.report(&together(&kept)),
            groups: members.iter().map(|member| self.report(member)).collect(),
            results: self.comparisons(&distances),
            verdict: self.verdict(&kept, &distances.parity),
            warnings: self.warnings(&members),
            missing: missing_in(missing, window),
        }
    }

    /// Whether comparisons have a group. One without labelled predictions has no rate that a label
    /// is needed for.
    fn compares(&self, member: &Member) -> bool {
        let rows = match self.request.selection {
            SelectionOf::Labelled => member.cells.rows(),
            SelectionOf::All => member.selected.rows,
        };
        rows > 0 && self.request.min_group_size.is_none_or(|min| member.cells.rows() >= min)
    }

    fn report(&self, member: &Member) -> FairnessGroup {
        let cells = &member.cells;
        let rates = self.metrics().filter(|metric| metric.is_rate());
        FairnessGroup {
            group: member.group.clone(),
            predictions: member.predictions,
            labelled: cells.rows(),
            positives: cells.labelled_rows(),
            negatives: cells.other_rows(),
            predicted_positives: cells.predicted_rows(),
            small: self.is_small(member),
            compared: self.compares(member),
            results: rates.map(|metric| rate(metric, member)).collect(),
        }
    }

    fn is_small(&self, member: &Member) -> bool {
        member.cells.rows() < self.request.min_group_size.unwrap_or(0).max(GROUP_ROWS_MIN)
    }

    fn metrics(&self) -> impl Iterator<Item = FairnessMetric> {
        let asked = self.request.metrics.as_slice();
        let all = FairnessMetric::ALL.into_iter();
        all.filter(move |metric| asked.is_empty() || asked.contains(metric))
    }

    fn comparisons(&self, distances: &Distances) -> Vec<FairnessResult> {
        let of = |metric| {
            let interval = match metric {
                FairnessMetric::DemographicParityDifference => distances.parity.interval.ok(),
                _ => None,
            };
            result(metric, distances.value(metric), interval)
        };
        self.metrics().filter(|metric| !metric.is_rate()).map(of).collect()
    }

    fn verdict(&self, kept: &[&Member], parity: &Parity) -> FairnessVerdict {
        let passes = parity.passes(self.request.threshold);
        let group = |place: usize| kept.get(place).map(|m| m.group.clone()).unwrap_or_default();
        let (lowest, highest) =
            parity.ends.map(|(low, high)| (group(low), group(high))).unwrap_or_default();
        FairnessVerdict {
            passes: passes.ok(),
            threshold: self.request.threshold,
            lowest,
            highest,
            undecided: passes.err().map(|undefined| undefined.to_string()),
        }
    }

    fn warnings(&self, members: &[Member]) -> Vec<String> {
        let named =
            |member: &Member| format!("{} ({})", group_name(&member.group), member.cells.rows());
        let small = |compared: bool| {
            let small = members.iter().filter(|member| self.is_small(member));
            let small = small.filter(|member| self.compares(member) == compared).map(named);
            Some(small.collect::<Vec<_>>().join("; ")).filter(|names| !names.is_empty())
        };
        let mut warnings = Vec::new();
        warnings.extend(
            small(true).map(|names| {
                format!("too few labelled predictions for rates to say much: {names}")
            }),
        );
        warnings.extend(small(false).map(|names| {
            format!("left out of comparisons for too few labelled predictions: {names}")
        }));
        let lacking = |rows: fn(&BinaryCells) -> u64, kind: &str| {
            let of =
                members.iter().filter(|member| self.compares(member) && !self.is_small(member));
            let few: Vec<String> = of
                .filter(|member| rows(&member.cells) < GROUP_ROWS_MIN)
                .map(|member| format!("{} ({})", group_name(&member.group), rows(&member.cells)))
                .collect();
            (!few.is_empty()).then(|| {
                format!("few labelled predictions are {kind} {:?}: {}", self.class, few.join("; "))
            })
        };
        warnings.extend(lacking(BinaryCells::labelled_rows, "of class"));
        warnings.extend(lacking(BinaryCells::other_rows, "of a class other than"));
        warnings
    }
}

/// Groups as one.
fn together(members: &[&Member]) -> Member {
    let mut all = Member {
        group: Group::new(),
        predictions: 0,
        selected: Proportion::default(),
        cells: BinaryCells::default(),
    };
    for member in members {
        all.predictions += member.predictions;
        all.selected.hits += member.selected.hits;
        all.selected.rows += member.selected.rows;
        let (mine, theirs) = (&mut all.cells, &member.cells);
        mine.true_positives += theirs.true_positives;
        mine.false_positives += theirs.false_positives;
        mine.false_negatives += theirs.false_negatives;
        mine.true_negatives += theirs.true_negatives;
    }
    all
}

/// How far apart the groups of a window are.
#[derive(Debug)]
struct Distances {
    parity: Parity,
    rates: Fairness,
}

impl Distances {
    fn new(kept: &[&Member], request: &FairnessRequest) -> Self {
        let cells: Vec<BinaryCells> = kept.iter().map(|member| member.cells).collect();
        let selection = |member: &&Member| match request.selection {
            SelectionOf::Labelled => member.cells.selection_of(),
            SelectionOf::All => member.selected,
        };
        let selections: Vec<Proportion> = kept.iter().map(selection).collect();
        let labelled: Vec<BinaryCells> =
            cells.into_iter().filter(|cells| cells.rows() > 0).collect();
        Self { parity: parity(&selections, LEVEL), rates: compare(&labelled, request.empty_rate) }
    }

    fn value(&self, metric: FairnessMetric) -> Measured<f64> {
        match metric {
            FairnessMetric::DemographicParityDifference => self.parity.difference,
            FairnessMetric::DemographicParityRatio => self.parity.ratio,
            FairnessMetric::DemographicParityDifferenceToOverall => {
                self.parity.difference_to_overall
            }
            FairnessMetric::EqualOpportunityDifference => self.rates.equal_opportunity_difference,
            FairnessMetric::EqualOpportunityRatio => self.rates.equal_opportunity_ratio,
            FairnessMetric::EqualizedOddsDifference => self.rates.equalized_odds_difference,
            FairnessMetric::EqualizedOddsRatio => self.rates.equalized_odds_ratio,
            FairnessMetric::EqualizedOddsDifferenceMean => {
                self.rates.equalized_odds_difference_mean
            }
            FairnessMetric::AccuracyDifference => self.rates.accuracy_difference,
            _ => Err(Undefined::TooFewGroups),
        }
    }
}

/// A rate of a group with Wilson's interval.
fn rate(metric: FairnessMetric, member: &Member) -> FairnessResult {
    let cells = &member.cells;
    let (of, empty) = match metric {
        FairnessMetric::SelectionRate => (cells.selection_of(), Undefined::NoLabel),
        FairnessMetric::SelectionRateAll => (member.selected, Undefined::NoPrediction),
        FairnessMetric::Tpr => (cells.recall_of(), Undefined::ClassNotLabelled),
        FairnessMetric::Fpr => (cells.false_positive_rate_of(), Undefined::OnlyClassLabelled),
        FairnessMetric::Tnr => (cells.specificity_of(), Undefined::OnlyClassLabelled),
        FairnessMetric::Fnr => {
            let of = cells.recall_of();
            let missed = Proportion { hits: cells.false_negatives, rows: of.rows };
            (missed, Undefined::ClassNotLabelled)
        }
        FairnessMetric::Accuracy => (cells.accuracy_of(), Undefined::NoLabel),
        _ => (cells.precision_of(), Undefined::ClassNotPredicted),
    };
    let value = of.share().map_err(|_| empty);
    result(metric, value, of.wilson(LEVEL).ok())
}

fn result(
    metric: FairnessMetric,
    value: Measured<f64>,
    interval: Option<Interval>,
) -> FairnessResult {
    let interval = interval.filter(|_| value.is_ok());
    FairnessResult {
        metric,
        value: value.ok(),
        lower: interval.map(|interval| interval.low),
        upper: interval.map(|interval| interval.high),
        undefined: value.err().map(|undefined| undefined.to_string()),
    }
}
