//! What a database says, read through its public face and checked against itself.
//!
//! Counts kept beside the rows must be those of the rows; outcomes by minute must be those of the
//! rows one by one. What is left is compared with an [`Oracle`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use driftline_storage::{
    Column, ColumnBins, ColumnTally, Condition, DAY_MICROS, Db, Error, ErrorKind, Field,
    GradedTally, Kind, MINUTE_MICROS, OutcomeTally, Part, RowChunk, SERIES_STEP, SERIES_VALUE,
    SeriesPoint, Slice, Special, Tally, Test, TimeRange, is_null,
};

use crate::{
    data::{self, MODELS, VERSIONS},
    oracle::{Key, ModelState, Oracle, Row},
};

/// Why a database is wrong, or an error that it gave.
#[derive(Debug)]
pub enum Trouble {
    /// It said something wrong.
    Wrong(String),
    /// It gave an error.
    Failed(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

fn wrong<T>(text: String) -> Result<T, Trouble> {
    Err(Trouble::Wrong(text))
}

/// A row as it was read.
#[derive(Debug, Clone, PartialEq)]
struct Read {
    time: i64,
    number: f64,
    category: Option<String>,
    class: Option<String>,
    predicted: f64,
}

/// What one model says.
#[derive(Debug, Default)]
struct ModelView {
    rows: BTreeMap<(String, i64, String), Read>,
    /// Outcomes of each of [`windows`].
    outcomes: Vec<OutcomeTally>,
    /// Hash of the binning of each reference.
    references: BTreeMap<String, u64>,
    /// Steps of the points of its metric series.
    points: BTreeSet<u16>,
}

/// What a database says.
#[derive(Debug, Default)]
pub struct View {
    models: Vec<ModelView>,
    waiting: u64,
}

/// Windows whose counts are compared: everything, a day, and pieces of days.
fn windows() -> Vec<TimeRange> {
    let minute = MINUTE_MICROS;
    vec![
        TimeRange { start: -4 * DAY_MICROS, end: 8 * DAY_MICROS },
        TimeRange { start: 0, end: DAY_MICROS },
        TimeRange { start: -301 * minute, end: 407 * minute },
        TimeRange { start: DAY_MICROS - 7 * minute, end: DAY_MICROS + 60 * minute },
    ]
}

impl View {
    /// Reads everything.
    ///
    /// # Errors
    /// What the database gave, or how it contradicts itself.
    pub fn read(db: &Db) -> Result<Self, Trouble> {
        let mut view = Self { models: Vec::new(), waiting: db.stats().waiting_labels };
        for (place, model) in MODELS.iter().enumerate() {
            let mut read = ModelView::default();
            for reference in db.references(model)? {
                read.references.insert(reference.record.name.clone(), reference.binning.id());
            }
            let snapshot = db.snapshot(model, None)?;
            let mut outcomes = vec![OutcomeTally::default(); windows().len()];
            for part in &snapshot.parts {
                read_part(place, part, &mut read, &mut outcomes)?;
            }
            read.outcomes = outcomes;
            for part in &db.series_snapshot(model, None)?.parts {
                read_points(part, &mut read.points)?;
            }
            view.models.push(read);
        }
        Ok(view)
    }

    /// Compares with what should be there.
    ///
    /// # Errors
    /// What differs first.
    pub fn compare(&self, oracle: &Oracle) -> Result<(), String> {
        if !oracle.waiting().contains(&self.waiting) {
            return Err(format!("{} labels wait, not {:?}", self.waiting, oracle.waiting()));
        }
        for (place, (view, model)) in self.models.iter().zip(&oracle.models).enumerate() {
            view.compare(place, model).map_err(|what| format!("{}: {what}", MODELS[place]))?;
        }
        Ok(())
    }

    /// Whether every row is one that should be there; some may be missing.
    ///
    /// # Errors
    /// The first that should not.
    pub fn compare_rows(&self, oracle: &Oracle) -> Result<(), String> {
        for (place, (view, model)) in self.models.iter().zip(&oracle.models).enumerate() {
            let known: BTreeMap<_, _> =
                model.rows.iter().map(|(key, row)| (named(key), row)).collect();
            if let Some(step) = view.points.difference(&model.points).next() {
                return Err(format!("{}: step {step} was never written", MODELS[place]));
            }
            for (name, read) in &view.rows {
                if !known.get(name).is_some_and(|row| is_row(place, read, row)) {
                    return Err(format!("{}: {name:?} is {read:?}", MODELS[place]));
                }
            }
        }
        Ok(())
    }
}

impl ModelView {
    fn compare(&self, model: usize, want: &ModelState) -> Result<(), String> {
        for (key, row) in &want.rows {
            let name = named(key);
            match self.rows.get(&name) {
                None => return Err(format!("{name:?} is missing")),
                Some(read) if !is_row(model, read, row) => {
                    return Err(format!("{name:?} is {read:?}, not {row:?}"));
                }
                Some(_) => {}
            }
        }
        if self.rows.len() != want.rows.len() {
            let known: Vec<_> = want.rows.keys().map(named).collect();
            let extra = self.rows.keys().find(|key| !known.contains(*key));
            return Err(format!("{extra:?} was never acknowledged"));
        }
        for (window, outcomes) in windows().into_iter().zip(&self.outcomes) {
            compare_outcomes(model, window, outcomes, want)?;
        }
        if self.points != want.points {
            return Err(format!("points {:?}, not {:?}", self.points, want.points));
        }
        let references: BTreeMap<String, u64> = want
            .references
            .iter()
            .map(|(name, salt)| ((*name).to_owned(), data::binning(model, *salt).id()))
            .collect();
        if self.references != references {
            return Err(format!("references {:?}, not {references:?}", self.references));
        }
        Ok(())
    }
}

fn named(key: &Key) -> (String, i64, String) {
    (VERSIONS[key.0].to_owned(), key.1, data::id_text(key.2))
}

fn is_row(model: usize, read: &Read, row: &Row) -> bool {
    let salt = row.spec.salt;
    let predicted = if model == 0 {
        read.class.as_deref() == data::predicted_class(salt)
    } else {
        data::same_number(read.predicted, data::predicted_number(salt))
    };
    read.time == row.spec.time
        && data::same_number(read.number, data::number(salt))
        && read.category == data::category(salt)
        && predicted
}

fn compare_outcomes(
    model: usize,
    window: TimeRange,
    read: &OutcomeTally,
    want: &ModelState,
) -> Result<(), String> {
    let mut labelled = 0;
    let mut pairs: BTreeMap<(Arc<str>, Arc<str>), i64> = BTreeMap::new();
    let (mut n, mut sum, mut sum_sq) = (0, 0.0, 0.0);
    for row in want.rows.values().filter(|row| window.contains(row.spec.time)) {
        let Some((_, truth)) = row.label else { continue };
        labelled += 1;
        let predicted = data::predicted_number(row.spec.salt);
        if model == 0 {
            if let Some(predicted) = data::predicted_class(row.spec.salt) {
                let pair = (data::class(truth.into()).into(), predicted.into());
                *pairs.entry(pair).or_default() += 1;
            }
        } else if !is_null(predicted) {
            let error = f64::from(truth) - predicted;
            n += 1;
            sum += error;
            sum_sq += error * error;
        }
    }
    // Quarters add up without rounding.
    let errors = (read.errors.n, read.errors.sum.value(), read.errors.sum_sq.value());
    if (read.labelled, &read.pairs, errors) != (labelled, &pairs, (n, sum, sum_sq)) {
        return Err(format!(
            "{window:?} has {} labelled, {:?}, {errors:?}, not {labelled}, {pairs:?}, {:?}",
            read.labelled,
            read.pairs,
            (n, sum, sum_sq)
        ));
    }
    Ok(())
}

fn read_part(
    model: usize,
    part: &Part,
    view: &mut ModelView,
    outcomes: &mut [OutcomeTally],
) -> Result<(), Trouble> {
    let fields = data::schema(model).counted();
    let chunks = part.scan(TimeRange::ALL, &fields)?;
    let ids = part.scan_ids(TimeRange::ALL)?;
    for (chunk, ids) in chunks.iter().zip(&ids) {
        for (row, time) in chunk.times.iter().enumerate() {
            let id = ids.get(row).map(|id| id.to_string()).unwrap_or_default();
            let key = (part.version().to_owned(), data::day(*time), id);
            if view.rows.contains_key(&key) {
                return wrong(format!("{key:?} is there twice"));
            }
            view.rows.insert(key, read_row(chunk, row));
        }
    }
    compare_counts(part, &chunks)?;
    compare_slices(part, &fields, &chunks)?;
    for (window, tally) in windows().into_iter().zip(outcomes) {
        let (mut by_minute, mut by_row) = (OutcomeTally::default(), OutcomeTally::default());
        part.fold_outcomes(window, &mut by_minute)?;
        part.scan_outcomes(window, &mut by_row)?;
        if (by_minute.labelled, &by_minute.pairs) != (by_row.labelled, &by_row.pairs) {
            return wrong(format!("outcomes of {window:?}: {by_minute:?} but rows say {by_row:?}"));
        }
        part.fold_outcomes(window, tally)?;
        let (mut kept, mut rows) = (GradedTally::default(), GradedTally::default());
        part.fold_graded(window, data::class(1), &mut kept)?;
        part.scan_graded(window, data::class(1), &mut rows)?;
        if kept != rows {
            return wrong(format!("graded rows of {window:?}: {kept:?} but rows say {rows:?}"));
        }
    }
    Ok(())
}

/// The points of a part: each once, with the value that follows from its step.
fn read_points(part: &Part, points: &mut BTreeSet<u16>) -> Result<(), Trouble> {
    let fields = [SERIES_STEP, SERIES_VALUE]
        .map(|name| Field { name: name.to_owned(), kind: Kind::Numeric });
    for chunk in part.scan(TimeRange::ALL, &fields)? {
        let [Column::Numeric(steps), Column::Numeric(values)] = chunk.columns.as_slice() else {
            return wrong("a point has a step and a value".to_owned());
        };
        for ((step, value), time) in steps.iter().zip(values).zip(&chunk.times) {
            let want = data::points(&[*step as u16]);
            let same = |point: &SeriesPoint| point.value == *value && point.time == *time;
            if !want.first().is_some_and(same) {
                return wrong(format!("step {step} has the value {value} at {time}"));
            }
            if !points.insert(*step as u16) {
                return wrong(format!("step {step} is there twice"));
            }
        }
    }
    Ok(())
}

fn read_row(chunk: &RowChunk, row: usize) -> Read {
    let number = |place: usize| match chunk.columns.get(place) {
        Some(Column::Numeric(values)) => values.get(row).copied().unwrap_or(f64::NAN),
        _ => f64::NAN,
    };
    let text = |place: usize| match chunk.columns.get(place) {
        Some(Column::Categories(column)) => column.text(row).map(str::to_owned),
        _ => None,
    };
    Read {
        time: chunk.times[row],
        number: number(0),
        category: text(1),
        class: text(3),
        predicted: number(3),
    }
}

/// Whether a slice has a row, by its category.
type Keeps = fn(Option<&str>) -> bool;

/// What a part has of a slice must be the rows that hold its value, and its counts theirs; so for a
/// slice that is declared, a value that is nowhere, and one that takes two conditions.
fn compare_slices(part: &Part, fields: &[Field], chunks: &[RowChunk]) -> Result<(), Trouble> {
    let is = |text: &str| Test::Is(vec![text.to_owned()]);
    let on = |test| Condition { column: "c".to_owned(), test };
    let slices: [(Vec<Condition>, Keeps); 4] = [
        (vec![on(is("c1"))], |text| text == Some("c1")),
        (vec![on(Test::Null)], |text| text.is_none()),
        (vec![on(is("nowhere"))], |_| false),
        (vec![on(Test::NotNull), on(Test::IsNot(vec!["c1".to_owned()]))], |text| {
            text.is_some_and(|text| text != "c1")
        }),
    ];
    for (conditions, keeps) in slices {
        let slice = Arc::new(Slice { conditions });
        let sliced = part.restrict(&slice);
        let got = sliced.scan(TimeRange::ALL, fields)?;
        let kept = |chunk: &RowChunk| {
            let Some(Column::Categories(column)) = chunk.columns.get(1) else { return 0 };
            (0..chunk.times.len()).filter(|row| keeps(column.text(*row))).count()
        };
        let rows: usize = got.iter().map(|chunk| chunk.times.len()).sum();
        if rows != chunks.iter().map(kept).sum::<usize>()
            || got.iter().map(kept).sum::<usize>() != rows
        {
            return wrong(format!("{slice:?} has {rows} rows of {}", part.version()));
        }
        compare_counts(&sliced, &got)?;
    }
    Ok(())
}

/// The counts that a part keeps must be those of its rows.
fn compare_counts(part: &Part, chunks: &[RowChunk]) -> Result<(), Trouble> {
    let binning = part.load_binning()?;
    // Counts of a part whose deleted rows are not purged are not asked for, its rows are.
    let with_deleted = part.binning() == 0;
    if binning.id() != part.binning() && !with_deleted {
        return wrong("a part's binning is not the one that it names".to_owned());
    }
    let selected: Vec<usize> = (0..binning.columns().len()).collect();
    let units = |window: TimeRange| TimeRange {
        start: window.start.div_euclid(part.unit()) * part.unit(),
        end: window.end.div_euclid(part.unit()) * part.unit(),
    };
    for window in windows().into_iter().map(units) {
        let mut tally = Tally::new(binning.columns(), &selected);
        part.fold(window, &selected, &mut tally)?;
        let mut want = Tally::new(binning.columns(), &selected);
        for chunk in chunks {
            let chunk = chunk.clone().within(window);
            want.rows += chunk.times.len() as u64;
            let columns = want.columns.iter_mut().zip(&chunk.columns);
            for ((tally, column), (_, bins)) in columns.zip(binning.columns()) {
                count(bins, column, tally);
            }
        }
        if if with_deleted { tally.rows != want.rows } else { tally != want } {
            return wrong(format!("counts of {window:?} are {tally:?} but rows say {want:?}"));
        }
    }
    Ok(())
}

/// Counts a column value by value, as `docs/format.md` and the binning say.
fn count(bins: &ColumnBins, column: &Column, tally: &mut ColumnTally) {
    match (bins, column) {
        (ColumnBins::Numeric { .. } | ColumnBins::Latency, Column::Numeric(values)) => {
            let edges = bins.edges().unwrap_or_default();
            for value in values {
                let special = match *value {
                    value if is_null(value) => Some(Special::Null),
                    value if value.is_nan() => Some(Special::Nan),
                    f64::INFINITY => Some(Special::PositiveInfinity),
                    f64::NEG_INFINITY => Some(Special::NegativeInfinity),
                    _ => None,
                };
                match special {
                    Some(special) => tally.specials[special as usize] += 1,
                    None => tally.bins[edges.iter().filter(|edge| *edge <= value).count()] += 1,
                }
            }
        }
        (ColumnBins::Categories { names }, Column::Categories(column)) => {
            for row in 0..column.codes.len() {
                let Some(text) = column.text(row) else {
                    tally.specials[Special::Null as usize] += 1;
                    continue;
                };
                match names.iter().position(|name| name == text) {
                    Some(place) => tally.bins[place] += 1,
                    None => *tally.new.entry(text.to_owned()).or_default() += 1,
                }
            }
        }
        _ => {}
    }
}

/// Whether an error is one that a failing disk explains.
pub fn is_excused(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::Poisoned | ErrorKind::ResourceExhausted)
}
