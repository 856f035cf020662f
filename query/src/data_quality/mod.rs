//! Data quality: what the columns of windows hold, beside a reference if there is one.
//!
//! Counts come from partials, or from rows where those cannot answer; smallest, largest, mean and
//! deviation from the sums that are kept by hour, see [`spread`]; how many different values there are
//! from rows if asked for, see [`cardinality`]. What arrived is answered by itself, for its windows are
//! of arrival time, see [`arrivals`].

mod arrivals;
mod cardinality;
mod profile;
mod report;
mod schema;
pub(crate) mod spread;

use std::sync::Arc;

use driftline_storage::{
    Binning, Cells, Db, Error, ErrorKind, Field, Part, Reference, Result, Snapshot, Special,
    TimeRange,
};

use crate::{
    gather::{Gathered, Selection, missing_in, tallies},
    limits,
    reads::{Reads, RowsFor},
    report::Scope,
    slice,
    window::windows,
};

pub use arrivals::{
    ArrivalsReport, ArrivalsRequest, ArrivalsWindow, IgnoredColumn, LatenessReport, RefusedRows,
    arrivals,
};
pub use report::{
    ColumnChange, ColumnProfile, ColumnQuality, QualityReport, QualityRequest, QualityWindow,
    SchemaChange, UnseenName,
};

use cardinality::Cardinalities;
use profile::{Known, Reasons};
use spread::Spread;

/// A column that is asked about.
#[derive(Debug)]
struct Asked {
    name: Arc<str>,
    field: Field,
    /// Its place in the binning.
    place: usize,
    /// What it is in the reference.
    reference: Option<Arc<ColumnProfile>>,
    /// Why figures of the reference are absent.
    reasons: Reasons,
}

/// Profiles the columns of the windows of a request.
///
/// Without a reference the answer has counts and sums alone, and says of the rest that there is
/// none.
///
/// # Errors
/// `NotFound` for a model, version, feature or named reference that does not exist,
/// `FailedPrecondition` for a model whose columns are not known, `InvalidArgument` for a window that
/// ends before it starts, `ResourceExhausted` past [`limits::COLUMNS_MAX`].
pub fn quality(db: &Db, request: &QualityRequest) -> Result<QualityReport> {
    let scope = &request.scope;
    let windows = windows(scope.from, scope.to, scope.step)?;
    let snapshot = slice::snapshot(db, scope)?;
    let (whole, groups) = slice::of_groups(&snapshot, scope, |rows, scope| {
        of_rows(db, request, scope, rows, &windows)
    })?;
    Ok(QualityReport { groups, ..whole })
}

impl slice::OfGroup for QualityReport {
    fn results(&self) -> usize {
        // A profile is some ten times as large as a result.
        self.windows.iter().map(|window| window.columns.len() * 10).sum()
    }
}

/// Profiles what a snapshot has of the windows.
fn of_rows(
    db: &Db,
    request: &QualityRequest,
    scope: &Scope,
    snapshot: &Snapshot,
    windows: &[TimeRange],
) -> Result<QualityReport> {
    let reference = reference(db, request)?;
    let (binning, mut columns) = match &reference {
        Some(reference) => (reference.binning.clone(), of_reference(reference, request)?),
        None => {
            let schema = snapshot.model.known_schema(scope.version.as_deref())?;
            let fields = schema.monitored();
            let places = request.features.iter().map(|name| schema.monitored_index(name));
            let places = each_once(places.collect::<Result<Vec<usize>>>()?, fields.len());
            let asked = |place| Some(Asked::new(place, fields.get(place)?, None));
            let columns = places.into_iter().filter_map(asked).collect();
            (Arc::new(Binning::unreferenced(&schema)), columns)
        }
    };
    check_size(windows.len(), columns.len())?;
    let places: Vec<usize> = columns.iter().map(|column| column.place).collect();
    let selection = Selection {
        cells: Arc::new(Cells::fine(binning, &places)),
        fields: columns.iter().map(|column| column.field.clone()).collect(),
    };
    let mut gathered = tallies(snapshot, windows, &selection)?;
    let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
    // Of no window spreads are read, and those of all are empty.
    let spread = if request.counts_only { &[] } else { windows };
    let (mut spreads, sums) = spread::spreads(snapshot, spread, &names, &gathered.left_out);
    spreads.resize(windows.len(), vec![Spread::default(); names.len()]);
    let mut reads = Reads { sums, ..gathered.reads.clone() };
    let mut cardinalities = Cardinalities::default();
    if request.exact {
        let fields = columns.iter().enumerate().map(|(number, asked)| {
            needs_rows(number, asked, windows.len(), &gathered, reference.as_ref())
        });
        let fields: Vec<Option<&Field>> = fields.collect();
        let (reference, left_out) = (reference.as_ref(), &gathered.left_out);
        cardinalities = Cardinalities::read(db, snapshot, windows, &fields, reference, left_out)?;
        gathered.rows_scanned += cardinalities.rows_scanned;
        reads.add_rows(RowsFor::Exact, cardinalities.rows_scanned);
        gathered.missing.append(&mut cardinalities.missing);
        columns.iter_mut().enumerate().for_each(|(n, column)| column.complete(n, &cardinalities));
    }
    let (asked, newest) = (db.now(), newest(snapshot)?);
    let changes =
        |reference: &Reference| schema::changes(snapshot, scope, &reference.record.schema);
    Ok(QualityReport {
        scope: scope.clone(),
        reference: reference.as_ref().map(|reference| reference.record.name.clone()),
        asked,
        newest,
        rows_scanned: gathered.rows_scanned,
        reads: request.explain.then_some(reads),
        schema_changes: reference.as_ref().map(changes).unwrap_or_default(),
        windows: report_windows(
            windows,
            (&gathered, &spreads, &cardinalities),
            &columns,
            reference.as_ref(),
        ),
        groups: Vec::new(),
    })
}

/// The column, if counts do not tell how many different values it has: a number, or categories of
/// which some are past the bound on names.
fn needs_rows<'a>(
    number: usize,
    asked: &'a Asked,
    windows: usize,
    gathered: &Gathered,
    reference: Option<&Reference>,
) -> Option<&'a Field> {
    let unnamed = || {
        let known = reference.and_then(|reference| reference.tally.columns.get(asked.place));
        let other = |window| gathered.tallies.column(window, number).special(Special::Other);
        known.is_some_and(|tally| tally.special(Special::Other) > 0)
            || (0..windows).any(|window| other(window) > 0)
    };
    (asked.field.kind.is_numeric() || unnamed()).then_some(&asked.field)
}

/// The reference of a request; none if none is named and the model has none.
fn reference(db: &Db, request: &QualityRequest) -> Result<Option<Reference>> {
    let (scope, name) = (&request.scope, request.reference.as_deref());
    match db.reference(&scope.model, scope.version.as_deref(), name) {
        Ok(reference) => Ok(Some(reference)),
        Err(error) if name.is_none() && error.kind() == ErrorKind::FailedPrecondition => Ok(None),
        Err(error) => Err(error),
    }
}

fn of_reference(reference: &Reference, request: &QualityRequest) -> Result<Vec<Asked>> {
    let fields = reference.record.schema.monitored();
    let place = |name: &String| match reference.binning.column(name) {
        Some((place, _)) if place < fields.len() => Ok(place),
        _ => reference.record.schema.monitored_index(name),
    };
    let places = request.features.iter().map(place).collect::<Result<Vec<usize>>>()?;
    let places = each_once(places, fields.len());
    let asked = |place| Some(Asked::new(place, fields.get(place)?, Some(reference)));
    Ok(places.into_iter().filter_map(asked).collect())
}

/// The places without repeats; all of so many if none is asked for.
fn each_once(asked: Vec<usize>, all: usize) -> Vec<usize> {
    if asked.is_empty() {
        return (0..all).collect();
    }
    let mut places = Vec::with_capacity(asked.len());
    for place in asked {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

fn check_size(windows: usize, columns: usize) -> Result<()> {
    if windows.saturating_mul(columns) > limits::COLUMNS_MAX {
        let text = format!(
            "{windows} windows of {columns} columns are more than {} in one answer; choose a longer \
             step or fewer features",
            limits::COLUMNS_MAX
        );
        return Err(Error::new(ErrorKind::ResourceExhausted, text));
    }
    Ok(())
}

impl Asked {
    fn new(place: usize, field: &Field, reference: Option<&Reference>) -> Self {
        let mut reasons = Reasons::new();
        let known = reference.and_then(|reference| {
            let moments = reference.moments.as_ref().and_then(|all| all.get(place));
            let (_, bins) = reference.binning.columns().get(place)?;
            let centre = bins.centre().unwrap_or(0.0);
            let spread = moments.map(|moments| Spread::new(centre, &moments.outline));
            let tally = reference.tally.columns.get(place)?;
            Some(Known { tally, rows: reference.tally.rows, spread })
        });
        let profile = known.map(|known| profile::of_reference(field, &known, &mut reasons));
        if profile.is_none() {
            let undefined = crate::stats::Undefined::NoReference;
            reasons.insert("reference".into(), undefined.reason().into());
        }
        Self {
            name: field.name.as_str().into(),
            field: field.clone(),
            place,
            reference: profile.map(Arc::new),
            reasons,
        }
    }

    /// Puts in what rows tell of the reference.
    fn complete(&mut self, number: usize, cardinalities: &Cardinalities) {
        if let Some(profile) = self.reference.as_mut().and_then(Arc::get_mut) {
            let found = cardinalities.reference(number);
            profile::complete(profile, found, "reference.cardinality", &mut self.reasons);
        }
    }
}

fn report_windows(
    windows: &[TimeRange],
    (gathered, spreads, cardinalities): (&Gathered, &[Vec<Spread>], &Cardinalities),
    columns: &[Asked],
    reference: Option<&Reference>,
) -> Vec<QualityWindow> {
    let column = |window: usize, number: usize, asked: &Asked| {
        let known = reference.and_then(|reference| reference.tally.columns.get(asked.place));
        let spread = spreads.get(window).and_then(|all| all.get(number));
        let counts = (gathered.tallies.rows(window), gathered.tallies.column(window, number));
        let mut undefined = asked.reasons.clone();
        let spread = spread.copied().unwrap_or_default();
        let mut current = profile::of_window(&asked.field, counts, &spread, known, &mut undefined);
        let different = cardinalities.window(number, window);
        profile::complete(&mut current, different, "cardinality", &mut undefined);
        let (null_change, null_p_value) =
            profile::null_change(&current, asked.reference.as_deref(), &mut undefined);
        ColumnQuality {
            feature: asked.name.clone(),
            kind: asked.field.kind,
            current,
            reference: asked.reference.clone(),
            null_change,
            null_p_value,
            undefined,
        }
    };
    let one = |(place, window): (usize, &TimeRange)| QualityWindow {
        start: window.start,
        end: window.end,
        predictions: gathered.tallies.rows(place),
        columns: columns.iter().enumerate().map(|(n, asked)| column(place, n, asked)).collect(),
        missing: missing_in(&gathered.missing, *window),
    };
    windows.iter().enumerate().map(one).collect()
}

/// The event time of the newest row that is not deleted, whatever the interval of a query. Of a
/// segment whose rows were deleted in part and cannot be read, its record tells.
pub(crate) fn newest(snapshot: &Snapshot) -> Result<Option<i64>> {
    let mut parts: Vec<&Part> = snapshot.parts.iter().collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.range().end));
    let mut newest = None;
    for part in parts {
        let last = part.range().end - 1;
        if newest.is_some_and(|newest| newest >= last) {
            break;
        }
        // Where not every row is seen the newest may be among the others.
        let found = if part.is_whole() { Some(last) } else { newest_row(part)? };
        newest = newest.max(found);
    }
    Ok(newest)
}

fn newest_row(part: &Part) -> Result<Option<i64>> {
    match part.scan(part.range(), &[]) {
        Ok(chunks) => Ok(chunks.iter().flat_map(|chunk| chunk.times.iter().copied()).max()),
        Err(error) => {
            crate::gather::leave_out(part, error)?;
            Ok(Some(part.range().end - 1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_so_many_columns_and_not_one_more() {
        assert!(check_size(1, limits::COLUMNS_MAX).is_ok());
        let error = check_size(1, limits::COLUMNS_MAX + 1).expect_err("one more");
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
        assert!(check_size(usize::MAX, 2).is_err());
    }

    #[test]
    fn columns_are_answered_once_in_the_order_of_asking() {
        assert_eq!(each_once(vec![2, 0, 2], 3), [2, 0]);
        assert_eq!(each_once(Vec::new(), 3), [0, 1, 2]);
    }
}
