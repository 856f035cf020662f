//! Sizes, verifications and compactions.

use std::collections::BTreeMap;

use driftline_proto::v1;
use driftline_storage::{
    AgeStats, Checked, Error, FileKind, FileStats, Ids, ModelStats, Problem, Result, SeriesStats,
    Verified, Written,
    limits::{DELETE_IDS_MAX, ID_BYTES_MAX},
};

use super::Violations;
use crate::{Compacted, SegmentSizes};

/// Problems listed in one report: enough to see what is going on, little enough for any client.
const PROBLEMS_MAX: usize = 1_000;

/// Reads ids to delete.
///
/// # Errors
/// `InvalidArgument` for too many, and naming those that are no ids.
pub(crate) fn ids_to_delete(texts: &[String]) -> Result<Ids> {
    let mut found = Violations::default();
    if texts.is_empty() || texts.len() > DELETE_IDS_MAX {
        let text = format!("{} ids, must be 1 to {DELETE_IDS_MAX}", texts.len());
        return Err(Error::invalid("prediction_ids", text));
    }
    let mut ids = Ids::default();
    for (place, text) in texts.iter().enumerate() {
        if !ids.push(text) {
            let rule = format!("{} bytes, an id has 1 to {ID_BYTES_MAX}", text.len());
            found.push(format!("prediction_ids[{place}]"), rule);
        }
    }
    found.finish()?;
    Ok(ids)
}

/// Sizes of a model for the wire.
pub(crate) fn write_model_stats(stats: &ModelStats) -> v1::ModelStats {
    let amplification = stats.written.amplification();
    let files = stats.files.iter().map(|(kind, files)| v1::FileStats {
        kind: write_kind(*kind).into(),
        files: files.files,
        bytes: files.bytes,
    });
    let ages = stats.ages.iter().map(|age| v1::AgeStats {
        days_max: age.days_max,
        segments: age.segments,
        rows: age.rows,
        bytes: age.bytes,
    });
    v1::ModelStats {
        model: stats.model.clone(),
        versions: stats.versions,
        days: stats.days,
        segments: stats.segments,
        packs: stats.packs,
        segment_rows: stats.segment_rows,
        thinned_rows: stats.thinned_rows,
        deleted_rows: stats.deleted_rows,
        head_rows: stats.head_rows,
        head_bytes: stats.head_bytes,
        waiting_labels: stats.waiting_labels,
        files: files.collect(),
        ages: ages.collect(),
        written: Some(write_written(&stats.written)),
        write_amplification: amplification.ok(),
        undefined: amplification.err().map(str::to_owned),
        series: stats.series.as_ref().map(write_series),
    }
}

fn write_written(written: &Written) -> v1::WrittenBytes {
    v1::WrittenBytes {
        ingested_bytes: written.ingested_bytes,
        log_bytes: written.log_bytes,
        sealed_bytes: written.sealed_bytes,
        rewritten_bytes: written.rewritten_bytes,
    }
}

fn written(written: v1::WrittenBytes) -> Written {
    Written {
        ingested_bytes: written.ingested_bytes,
        log_bytes: written.log_bytes,
        sealed_bytes: written.sealed_bytes,
        rewritten_bytes: written.rewritten_bytes,
    }
}

fn write_series(series: &SeriesStats) -> v1::SeriesStats {
    v1::SeriesStats {
        versions: series.versions,
        segment_points: series.segment_points,
        head_points: series.head_points,
        segments: series.segments,
        bytes: series.bytes,
        written: Some(write_written(&series.written)),
    }
}

fn series(series: v1::SeriesStats) -> Result<SeriesStats> {
    Ok(SeriesStats {
        versions: series.versions,
        segment_points: series.segment_points,
        head_points: series.head_points,
        segments: series.segments,
        bytes: series.bytes,
        written: written(super::required("stats.series.written", series.written)?),
    })
}

/// Reads the sizes of a model.
///
/// # Errors
/// `InvalidArgument` for a kind of file that this build does not know.
pub(crate) fn model_stats(stats: Option<v1::ModelStats>) -> Result<ModelStats> {
    let stats = super::required("stats", stats)?;
    let mut files = BTreeMap::new();
    for known in stats.files {
        let count = FileStats { files: known.files, bytes: known.bytes };
        files.insert(kind("stats.files.kind", known.kind)?, count);
    }
    let age = |age: v1::AgeStats| AgeStats {
        days_max: age.days_max,
        segments: age.segments,
        rows: age.rows,
        bytes: age.bytes,
    };
    Ok(ModelStats {
        model: stats.model,
        versions: stats.versions,
        days: stats.days,
        segments: stats.segments,
        packs: stats.packs,
        segment_rows: stats.segment_rows,
        thinned_rows: stats.thinned_rows,
        deleted_rows: stats.deleted_rows,
        head_rows: stats.head_rows,
        head_bytes: stats.head_bytes,
        waiting_labels: stats.waiting_labels,
        files,
        ages: stats.ages.into_iter().map(age).collect(),
        written: written(super::required("stats.written", stats.written)?),
        series: stats.series.map(series).transpose()?,
    })
}

/// What a verification found, for the wire.
pub(crate) fn write_verified(found: Verified) -> v1::VerifyReport {
    let checked = found.checked.iter().map(|(kind, checked)| v1::CheckedFiles {
        kind: write_kind(*kind).into(),
        files: checked.files,
        bytes: checked.bytes,
        problems: checked.problems,
    });
    let problem = |problem: Problem| v1::Problem {
        kind: write_kind(problem.kind).into(),
        file: problem.file,
        reason: problem.reason,
        remedy: problem.kind.remedy().to_owned(),
    };
    v1::VerifyReport {
        segments: found.segments,
        references: found.references,
        rows: found.rows,
        checked: checked.collect(),
        problems: found.problems.into_iter().take(PROBLEMS_MAX).map(problem).collect(),
    }
}

/// Reads what a verification found.
///
/// # Errors
/// `InvalidArgument` for a kind of file that this build does not know.
pub(crate) fn verified(report: v1::VerifyReport) -> Result<Verified> {
    let mut checked = BTreeMap::new();
    for known in report.checked {
        let count = Checked { files: known.files, bytes: known.bytes, problems: known.problems };
        checked.insert(kind("report.checked.kind", known.kind)?, count);
    }
    let problem = |known: v1::Problem| {
        let kind = kind("report.problems.kind", known.kind)?;
        Ok(Problem { kind, file: known.file, reason: known.reason })
    };
    Ok(Verified {
        segments: report.segments,
        references: report.references,
        rows: report.rows,
        checked,
        problems: report.problems.into_iter().map(problem).collect::<Result<_>>()?,
    })
}

/// What a compaction did, for the wire.
pub(crate) fn write_compacted(done: &Compacted) -> v1::CompactReport {
    v1::CompactReport {
        before: Some(write_sizes(&done.before)),
        after: Some(write_sizes(&done.after)),
        pieces: done.pieces,
    }
}

/// Reads what a compaction did.
///
/// # Errors
/// `InvalidArgument` if sizes are absent.
pub(crate) fn compacted(report: v1::CompactReport) -> Result<Compacted> {
    Ok(Compacted {
        before: sizes(super::required("report.before", report.before)?),
        after: sizes(super::required("report.after", report.after)?),
        pieces: report.pieces,
    })
}

fn write_sizes(sizes: &SegmentSizes) -> v1::SegmentSizes {
    let SegmentSizes { segments, files, bytes, rows } = *sizes;
    v1::SegmentSizes { segments, files, bytes, rows }
}

fn sizes(sizes: v1::SegmentSizes) -> SegmentSizes {
    let v1::SegmentSizes { segments, files, bytes, rows } = sizes;
    SegmentSizes { segments, files, bytes, rows }
}

fn write_kind(kind: FileKind) -> v1::FileKind {
    match kind {
        FileKind::Catalog => v1::FileKind::Catalog,
        FileKind::Log => v1::FileKind::Log,
        FileKind::Rows => v1::FileKind::Rows,
        FileKind::Ids => v1::FileKind::Ids,
        FileKind::Partials => v1::FileKind::Partials,
        FileKind::Labels => v1::FileKind::Labels,
        FileKind::Tombstones => v1::FileKind::Tombstones,
        FileKind::Slices => v1::FileKind::Slices,
        FileKind::References => v1::FileKind::References,
        FileKind::Waiting => v1::FileKind::Waiting,
        FileKind::Ledger => v1::FileKind::Ledger,
    }
}

fn kind(field: &str, kind: i32) -> Result<FileKind> {
    let known = FileKind::ALL.into_iter().find(|known| i32::from(write_kind(*known)) == kind);
    known.ok_or_else(|| Error::invalid(field, format!("{kind} is not a kind of file")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_come_back_and_amplification_has_a_value_or_a_reason() {
        let files = FileKind::OF_MODEL.map(|kind| (kind, FileStats { files: 1, bytes: 7 }));
        let mut stats = ModelStats {
            model: "fraud".to_owned(),
            segment_rows: 5,
            files: files.into(),
            ages: vec![AgeStats { days_max: Some(1), ..AgeStats::default() }, AgeStats::default()],
            ..ModelStats::default()
        };
        let wire = write_model_stats(&stats);
        assert!(wire.write_amplification.is_none() && wire.undefined.is_some());
        assert_eq!(model_stats(Some(wire)).expect("valid"), stats);
        stats.written = Written { ingested_bytes: 2, log_bytes: 3, ..Written::default() };
        stats.series = Some(SeriesStats {
            versions: 1,
            segment_points: 2,
            head_points: 3,
            segments: 4,
            bytes: 5,
            written: stats.written,
        });
        let wire = write_model_stats(&stats);
        assert_eq!((wire.write_amplification, &wire.undefined), (Some(1.5), &None));
        assert_eq!(model_stats(Some(wire)).expect("valid"), stats);
    }

    #[test]
    fn a_verification_comes_back_and_counts_the_problems_that_it_leaves_out() {
        let problem = |number: usize| Problem {
            kind: FileKind::Rows,
            file: format!("f{number}"),
            reason: "damaged at byte 0".to_owned(),
        };
        let count = PROBLEMS_MAX + 5;
        let checked = Checked { files: 9, bytes: 1, problems: count as u64 };
        let mut found = Verified {
            segments: 9,
            checked: [(FileKind::Rows, checked)].into(),
            problems: (0..count).map(problem).collect(),
            ..Verified::default()
        };
        let read = verified(write_verified(found.clone())).expect("valid");
        found.problems.truncate(PROBLEMS_MAX);
        assert_eq!(read, found);
        assert_eq!(read.problem_count(), count as u64);
    }

    #[test]
    fn ids_to_delete_are_bounded_and_named() {
        let error = ids_to_delete(&[]).expect_err("none");
        assert_eq!(error.to_string(), "prediction_ids: 0 ids, must be 1 to 10000");
        let error = ids_to_delete(&["a".to_owned(), String::new()]).expect_err("empty");
        assert_eq!(error.to_string(), "prediction_ids[1]: 0 bytes, an id has 1 to 128");
    }
}
