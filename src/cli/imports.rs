//! `driftline import predictions` and `labels`: from arguments to the import, and what it took.

use driftline_storage::Result;

use super::{
    args::{GlobalArgs, ImportArgs, LabelImportArgs},
    import::{Source, import_labels, import_predictions},
    outcome::Outcome,
    render::{self, ImportReport, Imported, RefusedRow},
    session::{open, open_existing, show, usage},
};
use crate::import::{Roles, Summary};

pub(super) fn predictions(global: &GlobalArgs, args: &ImportArgs) -> Outcome {
    let source = Source {
        model: args.model.clone(),
        version: args.version.clone(),
        files: args.files.iter().map(Into::into).collect(),
        roles: Roles::parse(&args.map).map_err(usage)?,
    };
    let backend = open(global)?;
    let (summary, outcome) = import_predictions(&*backend, &source);
    imported(global, &source.model, Imported::Predictions, summary, outcome)
}

pub(super) fn labels(global: &GlobalArgs, args: &LabelImportArgs) -> Outcome {
    let source = Source {
        model: args.model.clone(),
        version: None,
        files: args.files.iter().map(Into::into).collect(),
        roles: Roles::parse(&args.map).map_err(usage)?,
    };
    let backend = open_existing(global)?;
    let (summary, outcome) = import_labels(&*backend, &source);
    imported(global, &source.model, Imported::Labels, summary, outcome)
}

/// Shows what an import took, also when it then failed.
pub(super) fn imported(
    global: &GlobalArgs,
    model: &str,
    imported: Imported,
    summary: Summary,
    outcome: Result<()>,
) -> Outcome {
    if outcome.is_ok() || summary.rows > 0 {
        let refused = |row: crate::import::Refused| RefusedRow {
            file: row.file,
            row: row.row,
            reason: row.reason,
        };
        let report = ImportReport {
            model: model.to_owned(),
            imported,
            rows: summary.rows,
            accepted: summary.accepted,
            known: summary.known,
            waiting: summary.waiting,
            refused: summary.refused,
            reasons: summary.reasons.into_iter().collect(),
            examples: summary.examples.into_iter().map(refused).collect(),
            labels: summary.labels,
            notes: summary.notes,
            bytes: summary.bytes,
            seconds: summary.seconds,
        };
        show(global, |out, format, style| render::import(&report, out, format, style))?;
    }
    Ok(outcome?)
}
