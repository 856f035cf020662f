//! How much worse a metric is than a baseline: a stated number, or what the same question answers of
//! another interval.

use driftline_storage::{Db, Error, ReferenceSource, Result};

use crate::{
    report::{Baseline, Degradation, MetricResult, PerformanceReport, Scope},
    stats::{Measured, Undefined, degradation},
};

/// The scope of the baseline's own answer; none if it is a number.
///
/// # Errors
/// `InvalidArgument` for a reference that is no stored window: of uploaded rows no labels are
/// known. As [`Db::reference`] if there is no reference.
pub(crate) fn scope_of(baseline: Baseline, db: &Db, scope: &Scope) -> Result<Option<Scope>> {
    let (from, to) = match baseline {
        Baseline::Value(_) => return Ok(None),
        Baseline::Interval { from, to } => (from, to),
        Baseline::Reference => {
            let reference = db.reference(&scope.model, scope.version.as_deref(), None)?;
            match reference.record.source {
                ReferenceSource::Window { start, end } => (start, end),
                ReferenceSource::Rows => {
                    let text = format!(
                        "reference {:?} is of uploaded rows, of which no labels are known; give \
                         an interval or a number, or pin a reference from stored predictions",
                        reference.record.name
                    );
                    return Err(Error::invalid("baseline", text));
                }
            }
        }
    };
    Ok(Some(Scope { from, to, step: None, ..scope.clone() }))
}

/// Puts each result beside that of the baseline.
pub(crate) fn attach(
    report: &mut PerformanceReport,
    baseline: Baseline,
    answer: Option<&PerformanceReport>,
) {
    for result in report.windows.iter_mut().flat_map(|window| &mut window.results) {
        let known = match (baseline, answer) {
            (Baseline::Value(value), _) => Ok(value),
            (_, Some(answer)) => of_result(answer, result),
            _ => Err(NOT_THERE.to_owned()),
        };
        result.degradation = Some(compare(result, known));
    }
    for group in &mut report.groups {
        let same = |other: &&PerformanceReport| other.scope.group == group.scope.group;
        let of_group = answer.and_then(|answer| answer.groups.iter().find(same));
        attach(group, baseline, of_group);
    }
}

const NOT_THERE: &str = "the baseline has no such value";

fn of_result(answer: &PerformanceReport, of: &MetricResult) -> std::result::Result<f64, String> {
    let mut results = answer.windows.iter().flat_map(|window| &window.results);
    let found = results.find(|known| known.metric == of.metric && known.class == of.class);
    let found = found.ok_or_else(|| NOT_THERE.to_owned())?;
    let why = || found.undefined.clone().unwrap_or_else(|| NOT_THERE.to_owned());
    found.value.ok_or_else(|| format!("of the baseline: {}", why()))
}

fn compare(result: &MetricResult, baseline: std::result::Result<f64, String>) -> Degradation {
    let ratio: std::result::Result<f64, String> = match (&baseline, result.value) {
        (Err(why), _) => Err(why.clone()),
        (Ok(_), None) => Err(result.undefined.clone().unwrap_or_default()),
        (Ok(baseline), Some(value)) => {
            let ratio: Measured<f64> = match result.metric.better() {
                Some(better) => degradation(*baseline, value, better),
                None => Err(Undefined::NoBetterWay),
            };
            ratio.map_err(|undefined| undefined.to_string())
        }
    };
    Degradation {
        baseline: baseline.ok(),
        undefined: ratio.as_ref().err().cloned(),
        ratio: ratio.ok(),
    }
}
