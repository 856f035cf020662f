//! Questions and answers about data quality.

use std::{borrow::Cow, sync::Arc};

use driftline_proto::v1;
use driftline_query::{
    ColumnChange, ColumnProfile, ColumnQuality, QualityReport, QualityRequest, QualityWindow,
    SchemaChange, UnseenName,
};
use driftline_storage::{Error, Kind, Result};

use super::{
    explain, model,
    query::{each, missing, write_missing},
    scope::{scope, write_scope},
    time,
};

/// Reads a question.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub(crate) fn request(request: v1::QueryDataQualityRequest) -> Result<QualityRequest> {
    Ok(QualityRequest {
        scope: scope(request.scope)?,
        features: request.features,
        reference: request.reference,
        explain: request.explain,
        exact: request.exact,
        counts_only: false,
    })
}

/// A question for the wire.
pub(crate) fn write_request(request: &QualityRequest) -> v1::QueryDataQualityRequest {
    v1::QueryDataQualityRequest {
        scope: Some(write_scope(&request.scope)),
        features: request.features.clone(),
        reference: request.reference.clone(),
        explain: request.explain,
        exact: request.exact,
    }
}

/// Reads an answer.
///
/// # Errors
/// `InvalidArgument` for what no server of this build answers.
pub(crate) fn report(report: v1::QueryDataQualityResponse) -> Result<QualityReport> {
    let window = |window: v1::DataQualityWindow| {
        let (start, end) = model::window(window.window)?;
        Ok(QualityWindow {
            start,
            end,
            predictions: window.predictions,
            columns: each(window.columns, column)?,
            missing: window.missing.into_iter().map(missing).collect(),
        })
    };
    let newest = report.newest_time.map(|newest| time::micros("newest_time", Some(newest)));
    Ok(QualityReport {
        scope: scope(report.scope)?,
        reference: report.reference,
        asked: time::micros("asked_time", report.asked_time)?,
        newest: newest.transpose()?,
        rows_scanned: report.rows_scanned,
        reads: report.reads.map(explain::reads),
        schema_changes: each(report.schema_changes, change)?,
        windows: each(report.windows, window)?,
        groups: each(report.groups, self::report)?,
    })
}

/// An answer for the wire.
pub(crate) fn write_report(report: QualityReport) -> v1::QueryDataQualityResponse {
    let window = |window: QualityWindow| v1::DataQualityWindow {
        window: Some(model::write_window(window.start, window.end)),
        predictions: window.predictions,
        columns: window.columns.into_iter().map(write_column).collect(),
        missing: window.missing.into_iter().map(write_missing).collect(),
    };
    v1::QueryDataQualityResponse {
        scope: Some(write_scope(&report.scope)),
        reference: report.reference,
        asked_time: Some(time::edge(report.asked)),
        newest_time: report.newest.map(time::timestamp),
        rows_scanned: report.rows_scanned,
        reads: report.reads.map(explain::write_reads),
        windows: report.windows.into_iter().map(window).collect(),
        groups: report.groups.into_iter().map(write_report).collect(),
        schema_changes: report.schema_changes.into_iter().map(write_change).collect(),
    }
}

fn change(change: v1::SchemaChange) -> Result<SchemaChange> {
    let kind = |field, kind: Option<i32>| kind.map(|kind| model::kind(field, kind)).transpose();
    let was = kind("schema_changes.reference_kind", change.reference_kind)?;
    let now = kind("schema_changes.version_kind", change.version_kind)?;
    let what = match (was, now) {
        (None, Some(now)) => ColumnChange::Added(now),
        (Some(was), None) => ColumnChange::Removed(was),
        (Some(was), Some(now)) => ColumnChange::Kind { was, now },
        (None, None) => return Err(Error::invalid("schema_changes", "a change has a kind")),
    };
    Ok(SchemaChange { version: change.version, column: change.column, change: what })
}

fn write_change(change: SchemaChange) -> v1::SchemaChange {
    let kind = |kind: Kind| Some(i32::from(model::write_kind(kind)));
    let (reference_kind, version_kind) = match change.change {
        ColumnChange::Added(now) => (None, kind(now)),
        ColumnChange::Removed(was) => (kind(was), None),
        ColumnChange::Kind { was, now } => (kind(was), kind(now)),
    };
    let SchemaChange { version, column, .. } = change;
    v1::SchemaChange { version, column, reference_kind, version_kind }
}

fn column(column: v1::ColumnQuality) -> Result<ColumnQuality> {
    let why = |(figure, why): (String, String)| (Cow::Owned(figure), Cow::Owned(why));
    Ok(ColumnQuality {
        feature: column.feature.into(),
        kind: model::kind("kind", column.kind)?,
        current: profile(column.current.unwrap_or_default()),
        reference: column.reference.map(|reference| Arc::new(profile(reference))),
        null_change: column.null_change,
        null_p_value: column.null_p_value,
        undefined: column.undefined.into_iter().map(why).collect(),
    })
}

fn write_column(column: ColumnQuality) -> v1::ColumnQuality {
    let why = |(figure, why): (Cow<'static, str>, Cow<'static, str>)| {
        (figure.into_owned(), why.into_owned())
    };
    v1::ColumnQuality {
        feature: column.feature.to_string(),
        kind: model::write_kind(column.kind).into(),
        current: Some(write_profile(column.current)),
        reference: column.reference.map(|reference| write_profile(Arc::unwrap_or_clone(reference))),
        null_change: column.null_change,
        null_p_value: column.null_p_value,
        undefined: column.undefined.into_iter().map(why).collect(),
    }
}

fn profile(profile: v1::ColumnProfile) -> ColumnProfile {
    let named = |unseen: v1::UnseenCategory| UnseenName { name: unseen.name, rows: unseen.rows };
    ColumnProfile {
        rows: profile.rows,
        nulls: profile.nulls,
        nans: profile.nans,
        positive_infinities: profile.positive_infinities,
        negative_infinities: profile.negative_infinities,
        values: profile.values,
        distinct: profile.distinct,
        constant: profile.constant,
        below: profile.below,
        above: profile.above,
        unseen: profile.unseen,
        unseen_categories: profile.unseen_categories,
        unseen_names: profile.unseen_names.into_iter().map(named).collect(),
        other: profile.other,
        min: profile.min,
        max: profile.max,
        mean: profile.mean,
        std: profile.std,
        covered: profile.covered,
        cardinality: profile.cardinality,
        cardinality_error: profile.cardinality_error,
    }
}

fn write_profile(profile: ColumnProfile) -> v1::ColumnProfile {
    let named = |unseen: UnseenName| v1::UnseenCategory { name: unseen.name, rows: unseen.rows };
    v1::ColumnProfile {
        rows: profile.rows,
        nulls: profile.nulls,
        nans: profile.nans,
        positive_infinities: profile.positive_infinities,
        negative_infinities: profile.negative_infinities,
        values: profile.values,
        distinct: profile.distinct,
        constant: profile.constant,
        below: profile.below,
        above: profile.above,
        unseen: profile.unseen,
        unseen_categories: profile.unseen_categories,
        unseen_names: profile.unseen_names.into_iter().map(named).collect(),
        other: profile.other,
        min: profile.min,
        max: profile.max,
        mean: profile.mean,
        std: profile.std,
        covered: profile.covered,
        cardinality: profile.cardinality,
        cardinality_error: profile.cardinality_error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftline_query::{MissingRows, Scope};

    fn asked() -> Scope {
        let (model, version) = ("m".to_owned(), Some("v".to_owned()));
        Scope {
            model,
            version,
            from: -5,
            to: 7_200_000_000,
            step: Some(3_600_000_000),
            ..Scope::default()
        }
    }

    /// A profile whose figures are all there and all different.
    fn full() -> ColumnProfile {
        ColumnProfile {
            rows: 1,
            nulls: 2,
            nans: 3,
            positive_infinities: 4,
            negative_infinities: 5,
            values: 6,
            distinct: 7,
            constant: Some(false),
            below: Some(8),
            above: Some(9),
            unseen: Some(10),
            unseen_categories: Some(11),
            unseen_names: vec![UnseenName { name: "z".to_owned(), rows: 12 }],
            other: Some(13),
            min: Some(14.0),
            max: Some(15.0),
            mean: Some(16.0),
            std: Some(17.0),
            covered: Some(0.5),
            cardinality: Some(18),
            cardinality_error: Some(0.25),
        }
    }

    #[test]
    fn questions_come_back() {
        let features = vec!["a".to_owned()];
        let asked = QualityRequest {
            scope: asked(),
            features,
            reference: Some("train".to_owned()),
            explain: true,
            exact: true,
            counts_only: false,
        };
        assert_eq!(request(write_request(&asked)).expect("valid"), asked);
    }

    #[test]
    fn answers_come_back() {
        let whole = ColumnQuality {
            feature: "x".into(),
            kind: Kind::Numeric,
            current: full(),
            reference: Some(Arc::new(ColumnProfile { rows: 99, ..full() })),
            null_change: Some(-1.5),
            null_p_value: Some(0.25),
            undefined: [("a".into(), "why".into()), ("b".into(), "not".into())].into(),
        };
        let bare = ColumnQuality {
            kind: Kind::Boolean,
            current: ColumnProfile::default(),
            reference: None,
            null_change: None,
            null_p_value: None,
            undefined: Default::default(),
            ..whole.clone()
        };
        let missing = vec![MissingRows { rows: 3, reason: "gone".to_owned() }];
        let window =
            QualityWindow { start: 0, end: 1, predictions: 2, columns: vec![whole, bare], missing };
        for (reference, newest) in [(Some("train".to_owned()), Some(-7)), (None, None)] {
            let windows = vec![window.clone()];
            let change = |column: &str, change| SchemaChange {
                version: "v".to_owned(),
                column: column.to_owned(),
                change,
            };
            let schema_changes = vec![
                change("a", ColumnChange::Added(Kind::Numeric)),
                change("b", ColumnChange::Removed(Kind::Boolean)),
                change("c", ColumnChange::Kind { was: Kind::Numeric, now: Kind::Categorical }),
            ];
            let answer = QualityReport {
                schema_changes,
                scope: asked(),
                reference,
                asked: 11,
                newest,
                rows_scanned: 5,
                reads: Some(explain::tests::reads()),
                windows,
                groups: Vec::new(),
            };
            assert_eq!(report(write_report(answer.clone())).expect("valid"), answer);
            let grouped = QualityReport { groups: vec![answer.clone()], ..answer };
            assert_eq!(report(write_report(grouped.clone())).expect("valid"), grouped);
        }
    }
}
