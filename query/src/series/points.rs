//! Reading points: those of an interval that have the asked names and meet the conditions, each with
//! its group.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use driftline_storage::{
    Categories, Column, Error, ErrorKind, Field, GroupKey, Grouping, Kind, Result, RowChunk,
    SERIES_NAME, SERIES_STEP, SERIES_TAGS, SERIES_VALUE, Snapshot, Test, TimeRange, is_null,
    near_misses, read_tags,
};
use roaring::RoaringBitmap;

use crate::{
    condition::{By, Filter, GroupValue},
    gather::{Missing, leave_out},
    limits::{GROUPS_MAX, SERIES_NAMES_MAX, SERIES_POINTS_MAX},
    report::Scope,
    slice::Group,
};

/// A point of a query, with the places of its name and group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) name: u32,
    /// None if there are no groups, or it is in none of them.
    pub(super) group: Option<u32>,
    pub(super) time: i64,
    pub(super) step: Option<u64>,
    pub(super) value: f64,
}

/// The points of a query.
#[derive(Debug, Default)]
pub(super) struct Points {
    /// Names by place.
    pub(super) names: Vec<Arc<str>>,
    /// Groups by place.
    pub(super) groups: Vec<Group>,
    pub(super) points: Vec<Point>,
    /// Points of the interval that were read.
    pub(super) read: u64,
    pub(super) missing: Vec<Missing>,
}

/// The columns that points are read of, in the order of their places below.
pub(super) fn fields() -> [Field; 4] {
    let field = |name: &str, kind| Field { name: name.to_owned(), kind };
    [
        field(SERIES_NAME, Kind::Categorical),
        field(SERIES_TAGS, Kind::Categorical),
        field(SERIES_STEP, Kind::Numeric),
        field(SERIES_VALUE, Kind::Numeric),
    ]
}

/// The columns of some points.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    pub(super) times: &'a [i64],
    pub(super) names: &'a Categories,
    pub(super) tags: &'a Categories,
    pub(super) steps: &'a [f64],
    pub(super) values: &'a [f64],
}

impl<'a> Columns<'a> {
    /// Those of a chunk of [`fields`].
    pub(super) fn of(chunk: &'a RowChunk) -> Option<Self> {
        match chunk.columns.as_slice() {
            [
                Column::Categories(names),
                Column::Categories(tags),
                Column::Numeric(steps),
                Column::Numeric(values),
            ] => Some(Self { times: &chunk.times, names, tags, steps, values }),
            _ => None,
        }
    }
}

/// A step as stored: null or a whole number that is exact.
pub(super) fn step(stored: f64) -> Option<u64> {
    (!is_null(stored) && stored >= 0.0).then_some(stored as u64)
}

/// What conditions and groups are about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Name,
    Step,
    Value,
    Version,
    Tag(String),
}

impl Source {
    fn of(column: &str) -> Self {
        match column {
            "name" => Self::Name,
            "step" => Self::Step,
            "value" => Self::Value,
            "version" => Self::Version,
            key => Self::Tag(key.to_owned()),
        }
    }

    fn field(&self, name: &str) -> Field {
        let kind = if matches!(self, Self::Step | Self::Value) {
            Kind::Numeric
        } else {
            Kind::Categorical
        };
        Field { name: name.to_owned(), kind }
    }

    fn column(&self, columns: &Columns<'_>, version: &str, tags: &[Tags]) -> Column {
        match self {
            Self::Name => Column::Categories(columns.names.clone()),
            Self::Step => Column::Numeric(columns.steps.to_vec()),
            Self::Value => Column::Numeric(columns.values.to_vec()),
            Self::Version => Column::categories(columns.times.iter().map(|_| Some(version))),
            Self::Tag(key) => {
                let of = |code: &u32| tags.get(*code as usize)?.get(key).map(String::as_str);
                Column::categories(columns.tags.codes.iter().map(of))
            }
        }
    }
}

type Tags = BTreeMap<String, String>;

/// Which points are asked for, and how they are told apart.
#[derive(Debug)]
struct Selector<'a> {
    names: &'a [String],
    conditions: Vec<(Source, Test)>,
    by: Vec<(Source, &'a By, Grouping)>,
    /// Keys of tags that were asked for, with where.
    keys: Vec<(&'static str, String)>,
    /// Keys that points of the interval have.
    found: BTreeSet<String>,
}

impl<'a> Selector<'a> {
    fn new(scope: &'a Scope, names: &'a [String]) -> Result<Self> {
        let mut selector = Self {
            names,
            conditions: Vec::with_capacity(scope.conditions.len()),
            by: Vec::with_capacity(scope.by.len()),
            keys: Vec::new(),
            found: BTreeSet::new(),
        };
        Filter::check_count(&scope.conditions)?;
        for filter in &scope.conditions {
            let source = selector.source("where", &filter.column);
            let test = filter.condition(&source.field(&filter.column))?.test;
            selector.conditions.push((source, test));
        }
        for by in &scope.by {
            by.check()?;
            let source = selector.source("by", &by.column);
            let grouping = by.grouping(&source.field(&by.column))?;
            selector.by.push((source, by, grouping));
        }
        Ok(selector)
    }

    fn source(&mut self, asked_in: &'static str, column: &str) -> Source {
        let source = Source::of(column);
        if let Source::Tag(key) = &source {
            self.keys.push((asked_in, key.clone()));
        }
        source
    }

    /// Which rows meet the conditions.
    fn rows(&self, columns: &Columns<'_>, version: &str, tags: &[Tags]) -> RoaringBitmap {
        let count = u32::try_from(columns.times.len()).unwrap_or(u32::MAX);
        let mut rows: RoaringBitmap = (0..count).collect();
        for (source, test) in &self.conditions {
            let mut meet = RoaringBitmap::new();
            test.select(&source.column(columns, version, tags), 0, &mut meet);
            rows &= meet;
        }
        rows
    }

    /// The value of each row by each key; none for rows that are in no group.
    fn keys_of(
        &self,
        columns: &Columns<'_>,
        version: &str,
        tags: &[Tags],
    ) -> Vec<Vec<Option<Option<Arc<str>>>>> {
        let one = |(source, by, grouping): &(Source, &By, Grouping)| {
            let mut keys = vec![None; columns.times.len()];
            let mut groups = BTreeMap::new();
            grouping.group(&source.column(columns, version, tags), 0, &mut groups);
            for (key, rows) in groups {
                let value: Option<Arc<str>> = match key {
                    GroupKey::Text(text) => Some(text.into()),
                    GroupKey::Test(place) => Some(by.band_name(place).into()),
                    GroupKey::Null => None,
                };
                for row in rows {
                    if let Some(slot) = keys.get_mut(row as usize) {
                        *slot = Some(value.clone());
                    }
                }
            }
            keys
        };
        self.by.iter().map(one).collect()
    }

    /// Refuses a key that no point of the interval has: most often it is misspelt.
    fn check_keys(&self) -> Result<()> {
        for (asked_in, key) in &self.keys {
            if self.found.contains(key) {
                continue;
            }
            let known = || {
                ["name", "step", "value", "version"]
                    .into_iter()
                    .chain(self.found.iter().map(String::as_str))
            };
            let near = near_misses(key, known());
            let hint = match near.is_empty() {
                true => format!("; they have {}", known().take(20).collect::<Vec<_>>().join(", ")),
                false => near,
            };
            let text = format!("no point of the interval has a tag {key:?}{hint}");
            return Err(Error::not_found(asked_in, key, text));
        }
        Ok(())
    }
}

/// Reads the points of an interval.
///
/// # Errors
/// `NotFound` for a name that the series never had, and a tag that no point of the interval has;
/// `ResourceExhausted` past [`SERIES_POINTS_MAX`], [`SERIES_NAMES_MAX`] or [`GROUPS_MAX`].
pub(super) fn read(snapshot: &Snapshot, scope: &Scope, names: &[String]) -> Result<Points> {
    let range = TimeRange { start: scope.from, end: scope.to };
    let mut selector = Selector::new(scope, names)?;
    let mut into = Points::default();
    let mut places = Places::default();
    for part in snapshot.parts.iter().filter(|part| part.range().overlaps(range)) {
        let chunks = match part.scan(range, &fields()) {
            Ok(chunks) => chunks,
            Err(error) => {
                into.missing.push(leave_out(part, error)?);
                continue;
            }
        };
        for columns in chunks.iter().filter_map(Columns::of) {
            into.read += columns.times.len() as u64;
            take(&columns, part.version(), &mut selector, &mut places, &mut into)?;
        }
    }
    if into.read > 0 {
        selector.check_keys()?;
    }
    for name in names {
        if !into.names.iter().any(|known| **known == **name) {
            check_name(snapshot, name)?;
            into.names.push(name.as_str().into());
        }
    }
    Ok(into)
}

/// Places of what was met so far.
#[derive(Debug, Default)]
struct Places {
    names: BTreeMap<Arc<str>, u32>,
    groups: BTreeMap<Vec<Option<Arc<str>>>, u32>,
}

fn take(
    columns: &Columns<'_>,
    version: &str,
    selector: &mut Selector<'_>,
    places: &mut Places,
    into: &mut Points,
) -> Result<()> {
    let tags: Vec<Tags> = match selector.keys.is_empty() {
        true => Vec::new(),
        false => columns.tags.dictionary.iter().map(|text| read_tags(text)).collect(),
    };
    selector.found.extend(tags.iter().flat_map(BTreeMap::keys).cloned());
    let rows = selector.rows(columns, version, &tags);
    let keys = selector.keys_of(columns, version, &tags);
    for row in rows.iter().map(|row| row as usize) {
        let (Some(name), Some(time)) = (columns.names.text(row), columns.times.get(row)) else {
            continue;
        };
        if !selector.names.is_empty() && !selector.names.iter().any(|asked| asked == name) {
            continue;
        }
        let (Some(stored), Some(value)) = (columns.steps.get(row), columns.values.get(row)) else {
            continue;
        };
        let group = match keys.is_empty() {
            true => None,
            false => {
                let of = |by: &Vec<Option<Option<Arc<str>>>>| by.get(row).cloned().flatten();
                let key: Option<Vec<Option<Arc<str>>>> = keys.iter().map(of).collect();
                key.map(|key| group_place(key, &selector.by, places, into)).transpose()?
            }
        };
        let name = name_place(name, places, into)?;
        if into.points.len() >= SERIES_POINTS_MAX {
            let text = format!(
                "the interval has more than {SERIES_POINTS_MAX} points of these series; choose a \
                 shorter one, or fewer names"
            );
            return Err(Error::new(ErrorKind::ResourceExhausted, text));
        }
        into.points.push(Point { name, group, time: *time, step: step(*stored), value: *value });
    }
    Ok(())
}

fn name_place(name: &str, places: &mut Places, into: &mut Points) -> Result<u32> {
    if let Some(place) = places.names.get(name) {
        return Ok(*place);
    }
    if into.names.len() >= SERIES_NAMES_MAX {
        let text = format!(
            "the interval has more than {SERIES_NAMES_MAX} series; choose some by name, or with a \
             condition"
        );
        return Err(Error::new(ErrorKind::ResourceExhausted, text));
    }
    let place = u32::try_from(into.names.len()).unwrap_or(u32::MAX);
    let name: Arc<str> = name.into();
    into.names.push(name.clone());
    places.names.insert(name, place);
    Ok(place)
}

fn group_place(
    key: Vec<Option<Arc<str>>>,
    by: &[(Source, &By, Grouping)],
    places: &mut Places,
    into: &mut Points,
) -> Result<u32> {
    if let Some(place) = places.groups.get(&key) {
        return Ok(*place);
    }
    if into.groups.len() >= GROUPS_MAX {
        let text = format!(
            "there are more than {GROUPS_MAX} groups; choose a tag with fewer values, or single \
             values of it by a condition"
        );
        return Err(Error::new(ErrorKind::ResourceExhausted, text));
    }
    let place = u32::try_from(into.groups.len()).unwrap_or(u32::MAX);
    let value = |((_, by, _), value): (&(Source, &By, Grouping), &Option<Arc<str>>)| GroupValue {
        column: by.column.clone(),
        value: value.as_deref().map(str::to_owned),
    };
    into.groups.push(by.iter().zip(&key).map(value).collect());
    places.groups.insert(key, place);
    Ok(place)
}

/// Refuses a name that no point has, also outside the interval; one that was silent is no mistake.
/// A part that cannot be read is taken to have it.
fn check_name(snapshot: &Snapshot, name: &str) -> Result<()> {
    let [field, ..] = fields();
    let mut known = BTreeSet::new();
    for part in &snapshot.parts {
        let chunks = match part.scan(TimeRange::ALL, std::slice::from_ref(&field)) {
            Ok(chunks) => chunks,
            Err(error) => return leave_out(part, error).map(drop),
        };
        for chunk in chunks {
            let Some(Column::Categories(names)) = chunk.columns.into_iter().next() else {
                continue;
            };
            known.extend(names.dictionary);
        }
    }
    if known.contains(name) {
        return Ok(());
    }
    let near = near_misses(name, known.iter().map(String::as_str));
    let hint = match (near.is_empty(), known.is_empty()) {
        (false, _) => near,
        (true, true) => "; it has none, see `driftline import series`".to_owned(),
        (true, false) => {
            format!("; it has {}", known.iter().take(20).cloned().collect::<Vec<_>>().join(", "))
        }
    };
    let text = format!("the model has no metric series {name:?}{hint}");
    Err(Error::not_found("series", name, text))
}
