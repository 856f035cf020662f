//! What came since a model was last trained. Windows of this grow: each begins at the training, whatever
//! its own start.

use driftline_query::{PerformanceRequest, PerformanceWindow, Scope, windows};
use driftline_storage::{Result, TimeRange};

use crate::{
    answers::Answers,
    models::{Training, last_training},
};

/// Asks what came since the last training.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingRequest {
    /// Model, version, conditions, and the windows whose ends are asked about.
    pub scope: Scope,
    /// The reference that the model was trained on, by name; none means the default one.
    pub reference: Option<String>,
    /// Whether predictions and labels are counted, or only the training is looked up.
    pub counts: bool,
}

/// What came since the last training, by window.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingReport {
    /// The training.
    pub training: Training,
    /// A window each, in order of time.
    pub windows: Vec<TrainingWindow>,
}

/// What came from the training to the end of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingWindow {
    /// The window.
    pub window: TimeRange,
    /// What was counted; none if that was not asked for, or if the window ends before the training.
    pub since: Option<Since>,
}

/// What came since an instant, by event time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Since {
    /// Predictions.
    pub predictions: u64,
    /// Of them, those whose label is known.
    pub labelled: u64,
    /// Rows of segments that could not be read.
    pub missing_rows: u64,
}

impl Since {
    fn add(&mut self, window: &PerformanceWindow) {
        self.predictions += window.predictions;
        self.labelled += window.labelled;
        self.missing_rows += window.missing.iter().map(|missing| missing.rows).sum::<u64>();
    }
}

/// Counts what came since the last training, with one query up to the end of the first window after it
/// and one for the windows that follow.
///
/// # Errors
/// Those of queries; `NotFound` for a model or reference that is not there.
pub(crate) fn since_training(
    request: &TrainingRequest,
    answers: &dyn Answers,
) -> Result<TrainingReport> {
    let scope = &request.scope;
    let (version, reference) = (scope.version.as_deref(), request.reference.as_deref());
    let training = last_training(answers, &scope.model, version, reference)?;
    let empty = |window| TrainingWindow { window, since: None };
    let mut windows: Vec<TrainingWindow> =
        windows(scope.from, scope.to, scope.step)?.into_iter().map(empty).collect();
    let place = windows.partition_point(|known| known.window.end < training.at);
    let (_, after) = windows.split_at_mut(place);
    if let (Some((first, rest)), true) = (after.split_first_mut(), request.counts) {
        let middle = first.window.end;
        let mut since = Since::default();
        if training.at < middle {
            let scope = Scope { from: training.at, to: middle, step: None, ..scope.clone() };
            let report = answers.performance(&volume(scope))?;
            report.windows.iter().for_each(|window| since.add(window));
        }
        first.since = Some(since);
        if !rest.is_empty() {
            let scope = Scope { from: middle, ..scope.clone() };
            let report = answers.performance(&volume(scope))?;
            for (known, window) in rest.iter_mut().zip(&report.windows) {
                since.add(window);
                known.since = Some(since);
            }
        }
    }
    Ok(TrainingReport { training, windows })
}

/// Of a performance query the number of predictions and labels is wanted alone; the metric of the
/// model's task, which it brings along, costs little.
fn volume(scope: Scope) -> PerformanceRequest {
    PerformanceRequest { scope, ..PerformanceRequest::default() }
}
