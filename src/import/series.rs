//! Points of metric series from tables: long, with a row per point and its name in a column, or
//! wide, with a column per series.

use std::{borrow::Cow, collections::BTreeMap};

use driftline_storage::{
    DEFAULT_VERSION, Error, Result, Rule, STEP_MAX, SeriesPoint, check_name, is_null, near_misses,
};

use super::{
    CHUNK_ROWS,
    cells::{Cells, Faults},
    predictions::{refuse, unreadable},
    summary::Summary,
    table::{ColumnInfo, RawChunk, RawKind, TableReader},
};

/// Roles that a column of a file of series may have.
pub const SERIES_ROLES: [&str; 5] = ["name", "ts", "step", "value", "version"];
/// Points handed on at a time: with the longest names and tags they fit into a message.
const POINTS_AT_ONCE: usize = 8_192;

/// Which columns of a file of series are what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeriesColumns {
    map: BTreeMap<String, String>,
    tags: Vec<String>,
}

impl SeriesColumns {
    /// Columns from `role=column` texts, and those that are tags.
    ///
    /// # Errors
    /// `InvalidArgument` for a text of another form or an unknown role.
    pub fn parse<S: AsRef<str>>(map: &[S], tags: &[String]) -> Result<Self> {
        let mut roles = BTreeMap::new();
        for text in map {
            let text = text.as_ref();
            let Some((role, column)) = text.split_once('=').filter(|(_, c)| !c.is_empty()) else {
                return Err(Error::invalid("map", format!("{text:?} must be role=column")));
            };
            if !SERIES_ROLES.contains(&role) {
                let near = near_misses(role, SERIES_ROLES);
                let text = format!("{role:?} is not one of {}{near}", SERIES_ROLES.join(", "));
                return Err(Error::invalid("map", text));
            }
            if roles.insert(role.to_owned(), column.to_owned()).is_some() {
                let text = format!("gives the role {role} twice; a role has one column");
                return Err(Error::invalid("map", text));
            }
        }
        Ok(Self { map: roles, tags: tags.to_vec() })
    }

    fn column<'a>(&'a self, role: &'a str) -> &'a str {
        self.map.get(role).map_or(role, String::as_str)
    }

    /// The place of the column of a role; one that was mapped must be there.
    fn place(&self, role: &str, columns: &[ColumnInfo]) -> Result<Option<usize>> {
        let found = columns.iter().position(|column| column.name == self.column(role));
        if found.is_none() && self.map.contains_key(role) {
            return Err(self.missing(role, columns));
        }
        Ok(found)
    }

    fn missing(&self, role: &str, columns: &[ColumnInfo]) -> Error {
        let name = self.column(role);
        let near = near_misses(name, columns.iter().map(|column| column.name.as_str()));
        let text = format!("the file has no column {name:?}{near}; say --map {role}=COLUMN");
        Error::invalid(role, text)
    }
}

/// The places of the columns of a file.
#[derive(Debug)]
struct Layout {
    time: usize,
    step: Option<usize>,
    version: Option<usize>,
    tags: Vec<usize>,
    points: PointColumns,
}

#[derive(Debug)]
enum PointColumns {
    Long { name: usize, value: usize },
    Wide(Vec<usize>),
}

impl Layout {
    fn of(columns: &[ColumnInfo], asked: &SeriesColumns, summary: &mut Summary) -> Result<Self> {
        let time = asked.place("ts", columns)?.ok_or_else(|| asked.missing("ts", columns))?;
        let (step, version) = (asked.place("step", columns)?, asked.place("version", columns)?);
        let tag = |key: &String| {
            let found = columns.iter().position(|column| column.name == *key);
            found.ok_or_else(|| {
                let near = near_misses(key, columns.iter().map(|column| column.name.as_str()));
                Error::invalid("tag", format!("the file has no column {key:?}{near}"))
            })
        };
        let tags = asked.tags.iter().map(tag).collect::<Result<Vec<usize>>>()?;
        let name = asked.place("name", columns)?;
        let value = asked.place("value", columns)?;
        let taken: Vec<usize> =
            [Some(time), step, version].into_iter().flatten().chain(tags.iter().copied()).collect();
        let rest = |more: &[usize]| {
            let free = |place: &usize| !taken.contains(place) && !more.contains(place);
            (0..columns.len()).filter(free).collect::<Vec<usize>>()
        };
        let points = match (name, value) {
            (Some(name), Some(value)) => {
                for place in rest(&[name, value]) {
                    note_left_out(columns, place, summary);
                }
                PointColumns::Long { name, value }
            }
            (Some(_), None) => return Err(asked.missing("value", columns)),
            (None, Some(_)) if asked.map.contains_key("value") => {
                return Err(asked.missing("name", columns));
            }
            (None, _) => {
                let numeric = |place: &usize| {
                    let kind = columns.get(*place).map(|column| column.kind);
                    !matches!(kind, Some(RawKind::Text | RawKind::Timestamp) | None)
                };
                let (metrics, others): (Vec<usize>, Vec<usize>) =
                    rest(&[]).into_iter().partition(numeric);
                others.into_iter().for_each(|place| note_left_out(columns, place, summary));
                if metrics.is_empty() {
                    let text = "the file has neither the columns \"name\" and \"value\" nor a \
                                column of numbers; say --map name=COLUMN --map value=COLUMN";
                    return Err(Error::invalid("name", text));
                }
                PointColumns::Wide(metrics)
            }
        };
        let layout = Self { time, step, version, tags, points };
        layout.check_names(columns)?;
        Ok(layout)
    }

    /// Names that columns give to series and tags are those of every row.
    fn check_names(&self, columns: &[ColumnInfo]) -> Result<()> {
        let name = |place: &usize| columns.get(*place).map(|column| column.name.clone());
        let tags: BTreeMap<String, String> =
            self.tags.iter().filter_map(name).map(|key| (key, String::new())).collect();
        let names = match &self.points {
            PointColumns::Long { .. } => vec!["any".to_owned()],
            PointColumns::Wide(metrics) => metrics.iter().filter_map(name).collect(),
        };
        for name in names {
            let point = SeriesPoint { name, tags: tags.clone(), ..SeriesPoint::default() };
            if let Some(broken) = point.broken_rule() {
                return Err(Error::invalid(broken.field, broken.description));
            }
        }
        Ok(())
    }
}

fn note_left_out(columns: &[ColumnInfo], place: usize, summary: &mut Summary) {
    let Some(column) = columns.get(place) else { return };
    let name = &column.name;
    summary.note(format!("{name:?} is no part of a point and is left out; is it a --tag?"));
}

/// Takes points of a version as they are read.
pub type SeriesSink<'a> = dyn FnMut(&str, &[SeriesPoint]) -> Result<()> + 'a;

/// Reads a table of points to its end. `version` is that of all rows; none takes it from the rows.
/// `progress` is called with the bytes read after each chunk.
///
/// # Errors
/// A table that cannot be read on, a column that it must have, what the sink gives.
pub fn read_series(
    table: &mut dyn TableReader,
    (asked, version, file): (&SeriesColumns, Option<&str>, &str),
    sink: &mut SeriesSink<'_>,
    summary: &mut Summary,
    progress: &mut dyn FnMut(u64),
) -> Result<()> {
    let columns = table.columns().to_vec();
    let layout = Layout::of(&columns, asked, summary)?;
    let mut waiting: BTreeMap<String, Vec<SeriesPoint>> = BTreeMap::new();
    while let Some(chunk) = table.next_chunk(CHUNK_ROWS).map_err(unreadable)? {
        let rows = Rows::read(&chunk, &columns, &layout, version, (file, summary));
        for row in &rows.kept {
            let row = *row as usize;
            let logged = rows.versions.get(row).and_then(Option::as_deref);
            let version = version.or(logged).unwrap_or(DEFAULT_VERSION);
            let points = match waiting.get_mut(version) {
                Some(points) => points,
                None => waiting.entry(version.to_owned()).or_default(),
            };
            points.extend(rows.points_of(row));
            if points.len() >= POINTS_AT_ONCE {
                flush(version, points, sink)?;
            }
        }
        progress(table.bytes_read());
    }
    for (version, points) in &mut waiting {
        flush(version, points, sink)?;
    }
    for late in table.late_columns() {
        summary.note(format!("{late:?} appears after the first rows and is left out"));
    }
    Ok(())
}

/// Hands points on, of a wide row with very many columns in several goes.
fn flush(version: &str, points: &mut Vec<SeriesPoint>, sink: &mut SeriesSink<'_>) -> Result<()> {
    for some in points.chunks(POINTS_AT_ONCE) {
        sink(version, some)?;
    }
    points.clear();
    Ok(())
}

/// Names of the series of rows.
enum Names<'a> {
    Each(Vec<Option<Cow<'a, str>>>),
    Same(&'a str),
}

/// A chunk as values.
struct Rows<'a> {
    times: Vec<i64>,
    steps: Option<Vec<f64>>,
    versions: Vec<Option<Cow<'a, str>>>,
    /// Key and text of each row.
    tags: Vec<(&'a str, Vec<Option<Cow<'a, str>>>)>,
    /// Series and their values.
    values: Vec<(Names<'a>, Vec<f64>)>,
    /// Rows that break no rule.
    kept: Vec<u32>,
}

impl<'a> Rows<'a> {
    fn read(
        chunk: &'a RawChunk,
        columns: &'a [ColumnInfo],
        layout: &Layout,
        version: Option<&str>,
        (file, summary): (&str, &mut Summary),
    ) -> Self {
        let count = chunk.row_numbers.len();
        let mut faults = Faults::new(count);
        let cells = |place: usize| -> Option<Cells<'a>> {
            let info = columns.get(place)?;
            Some(Cells { name: &info.name, kind: info.kind, column: chunk.columns.get(place)? })
        };
        let times = cells(layout.time).map(|cells| cells.times(&mut faults)).unwrap_or_default();
        let steps = layout.step.and_then(cells).map(|cells| steps(&cells, &mut faults));
        let versions = match (version, layout.version.and_then(cells)) {
            (None, Some(cells)) => versions(&cells, &mut faults),
            _ => Vec::new(),
        };
        let tag = |cells: Cells<'a>| (cells.name, cells.texts());
        let tags = layout.tags.iter().filter_map(|place| cells(*place)).map(tag).collect();
        let values = match &layout.points {
            PointColumns::Long { name, value } => match (cells(*name), cells(*value)) {
                (Some(names), Some(values)) => long(&names, &values, &mut faults),
                _ => Vec::new(),
            },
            PointColumns::Wide(metrics) => {
                let metrics = metrics.iter().filter_map(|place| cells(*place));
                metrics.map(|one| (Names::Same(one.name), one.numbers(&mut faults))).collect()
            }
        };
        let mut rows = Self { times, steps, versions, tags, values, kept: Vec::new() };
        for row in (0..count).filter(|row| faults.of(*row).is_none()).collect::<Vec<usize>>() {
            let broken = rows.points_of(row).find_map(|point| point.broken_rule());
            if let Some(broken) = broken {
                let rule = (Rule::of(&broken), broken.description.as_str());
                faults.mark(row, &broken.field, rule, None);
            }
        }
        rows.kept = refuse(chunk, &faults, file, summary);
        rows
    }

    /// The points of a row: of a wide one, those that have a value.
    fn points_of(&self, row: usize) -> impl Iterator<Item = SeriesPoint> + '_ {
        let time = self.times.get(row).copied().unwrap_or_default();
        let step = self.steps.as_ref().and_then(|steps| steps.get(row)).copied();
        let step = step.filter(|step| !is_null(*step)).map(|step| step as u64);
        let tag = |(key, texts): &(&str, Vec<Option<Cow<'_, str>>>)| {
            let text = texts.get(row)?.as_deref()?;
            Some(((*key).to_owned(), text.to_owned()))
        };
        let tags: BTreeMap<String, String> = self.tags.iter().filter_map(tag).collect();
        self.values.iter().filter_map(move |(names, values)| {
            let value = values.get(row).copied().filter(|value| !is_null(*value))?;
            let name = match names {
                Names::Same(name) => *name,
                Names::Each(names) => names.get(row)?.as_deref()?,
            };
            let (name, tags) = (name.to_owned(), tags.clone());
            Some(SeriesPoint { name, time, step, value, tags })
        })
    }
}

/// The values of a long table, each with its name.
fn long<'a>(
    names: &Cells<'a>,
    values: &Cells<'a>,
    faults: &mut Faults,
) -> Vec<(Names<'a>, Vec<f64>)> {
    let texts = names.texts();
    let numbers = values.numbers(faults);
    for (row, (text, value)) in texts.iter().zip(&numbers).enumerate() {
        if text.is_none() {
            faults.mark(row, names.name, (Rule::Name, "is missing"), None);
        }
        if is_null(*value) {
            faults.mark(row, values.name, (Rule::Value, "is missing"), None);
        }
    }
    vec![(Names::Each(texts), numbers)]
}

/// Steps: whole numbers that are exact, or null.
fn steps(cells: &Cells<'_>, faults: &mut Faults) -> Vec<f64> {
    let steps = cells.numbers(faults);
    for (row, step) in steps.iter().enumerate().filter(|(_, step)| !is_null(**step)) {
        if !(step.fract() == 0.0 && (0.0..=STEP_MAX as f64).contains(step)) {
            let found = step.to_string();
            let rule = (Rule::Value, "must be a whole number from 0 to 2^53");
            faults.mark(row, cells.name, rule, Some(&found));
        }
    }
    steps
}

fn versions<'a>(cells: &Cells<'a>, faults: &mut Faults) -> Vec<Option<Cow<'a, str>>> {
    let versions = cells.texts();
    for (row, version) in versions.iter().enumerate() {
        if let Some(version) = version.as_deref().filter(|v| check_name("version", v).is_err()) {
            let rule = (Rule::Name, "must be 1 to 128 letters, digits, '.', '_' or '-'");
            faults.mark(row, cells.name, rule, Some(version));
        }
    }
    versions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::table::open;

    type Read = (Vec<(String, SeriesPoint)>, Summary);

    fn read(text: &str, map: &[&str], tags: &[&str], version: Option<&str>) -> Result<Read> {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let columns = SeriesColumns::parse(map, &tags)?;
        let (mut found, mut summary) = (Vec::new(), Summary::default());
        let mut sink = |version: &str, points: &[SeriesPoint]| {
            found.extend(points.iter().map(|point| (version.to_owned(), point.clone())));
            Ok(())
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("runs.csv");
        std::fs::write(&path, text).expect("a written file");
        let mut table = open(&path).expect("a table");
        let target = (&columns, version, "runs.csv");
        read_series(&mut *table, target, &mut sink, &mut summary, &mut |_| {})?;
        Ok((found, summary))
    }

    #[test]
    fn a_long_table_has_a_point_in_each_row() {
        let text = "name,ts,step,value,version,host\n\
                    loss,2026-01-05T00:00:00Z,0,0.5,v2,a\n\
                    loss,2026-01-05T00:01:00Z,10,NaN,v2,a\n\
                    gpu,2026-01-05T00:00:00Z,,inf,,b\n";
        let (found, summary) = read(text, &[], &["host"], None).expect("valid");
        assert_eq!((summary.rows, summary.refused), (3, 0));
        // By version, `default` first.
        let [gpu, first, second] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((gpu.0.as_str(), gpu.1.name.as_str(), gpu.1.step), ("default", "gpu", None));
        assert_eq!((gpu.1.value, gpu.1.tags["host"].as_str()), (f64::INFINITY, "b"));
        assert_eq!((first.0.as_str(), first.1.step, first.1.value), ("v2", Some(0), 0.5));
        assert!(second.1.value.is_nan() && second.1.step == Some(10));
        let (found, _) = read(text, &[], &[], Some("v9")).expect("valid");
        assert!(found.iter().all(|(version, point)| version == "v9" && point.tags.is_empty()));
    }

    #[test]
    fn a_wide_table_has_a_point_in_each_cell_that_is_not_empty() {
        let text = "at,epoch,loss,grad norm,gpu,host\n\
                    2026-01-05T00:00:00Z,1,0.5,2.5,,a\n\
                    2026-01-05T00:01:00Z,2,0.25,,0.9,b\n";
        let (found, summary) = read(text, &["ts=at", "step=epoch"], &[], None).expect("valid");
        let told: Vec<(&str, Option<u64>, f64)> =
            found.iter().map(|(_, p)| (p.name.as_str(), p.step, p.value)).collect();
        let want = [
            ("loss", Some(1), 0.5),
            ("grad norm", Some(1), 2.5),
            ("loss", Some(2), 0.25),
            ("gpu", Some(2), 0.9),
        ];
        assert_eq!(told, want);
        assert_eq!(
            summary.notes,
            ["\"host\" is no part of a point and is left out; is it a --tag?"]
        );
    }

    #[test]
    fn a_row_that_breaks_a_rule_is_refused_by_itself() {
        let long_tag = "x".repeat(1_100);
        let text = format!(
            "name,ts,step,value,host\n\
             loss,2026-01-05T00:00:00Z,1,0.5,a\n\
             loss,yesterday,1,0.5,a\n\
             loss,2026-01-05T00:00:00Z,1.5,0.5,a\n\
             loss,2026-01-05T00:00:00Z,-1,0.5,a\n\
             loss,2026-01-05T00:00:00Z,1,,a\n\
             ,2026-01-05T00:00:00Z,1,0.5,a\n\
             loss,2026-01-05T00:00:00Z,1,much,a\n\
             loss,2026-01-05T00:00:00Z,1,0.5,{long_tag}\n"
        );
        let (found, summary) = read(&text, &[], &["host"], None).expect("valid");
        assert_eq!((found.len(), summary.rows, summary.refused), (1, 8, 7));
        let rules: Vec<&str> = summary.reasons.keys().map(String::as_str).collect();
        assert_eq!(
            rules,
            [
                "name is missing",
                "step must be a whole number from 0 to 2^53",
                "tags 1111 bytes as JSON, at most 1024",
                "ts must be an RFC 3339 time such as 2026-01-05T00:00:00Z",
                "value is missing",
                "value must be a number",
            ]
        );
        assert_eq!(
            summary.examples[1].reason,
            "step must be a whole number from 0 to 2^53, found \"1.5\""
        );
    }

    #[test]
    fn a_file_that_cannot_be_one_of_series_says_what_would_work() {
        let check = |text: &str, map: &[&str], tags: &[&str], want: &str| {
            let error = read(text, map, tags, None).expect_err(want);
            assert!(error.to_string().contains(want), "{error}");
        };
        let rows = "\n2026-01-05T00:00:00Z,a\n";
        check(&format!("when,name{rows}"), &[], &[], "no column \"ts\"; say --map ts=COLUMN");
        check(&format!("ts,name{rows}"), &[], &[], "no column \"value\"; say --map value=COLUMN");
        check(&format!("ts,a{rows}"), &["value=a"], &[], "no column \"name\"; say --map name=");
        check(&format!("ts,host{rows}"), &[], &[], "neither the columns \"name\" and \"value\"");
        check(&format!("ts,host{rows}"), &["step=epoch"], &[], "no column \"epoch\"");
        check(&format!("ts,host{rows}"), &[], &["hots"], "did you mean \"host\"?");
        check(&format!("ts,host{rows}"), &["score=x"], &[], "\"score\" is not one of name, ts");
        check(&format!("ts,host{rows}"), &["ts=x", "ts=y"], &[], "twice");
        let wide = "ts,a b,1\n2026-01-05T00:00:00Z,x,2\n";
        check(wide, &[], &["a b"], "tags: the key \"a b\" must be");
    }
}
