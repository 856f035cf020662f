//! Which series there are: names, versions, counts and ranges.

use std::collections::{BTreeMap, BTreeSet};

use driftline_storage::{Db, Error, ErrorKind, Result, TIME_MAX, TIME_MIN, TimeRange, read_tags};

use super::{
    points::{Columns, fields, step},
    report::{SeriesInfo, SeriesList, SeriesListRequest},
};
use crate::{
    gather::{leave_out, missing_in},
    limits::{SERIES_LISTED_MAX, SERIES_TAGS_LISTED_MAX},
    window::windows,
};

/// Lists the series of a model.
///
/// # Errors
/// `NotFound` for a model or version that does not exist, `InvalidArgument` for an interval that ends
/// before it starts, `ResourceExhausted` past [`SERIES_LISTED_MAX`].
pub fn list_series(db: &Db, request: &SeriesListRequest) -> Result<SeriesList> {
    let (from, to) = (request.from.unwrap_or(TIME_MIN), request.to.unwrap_or(TIME_MAX + 1));
    windows(from, to, None)?;
    let range = TimeRange { start: from, end: to };
    let snapshot = db.series_snapshot(&request.model, request.version.as_deref())?;
    let mut found: BTreeMap<(String, String), (SeriesInfo, BTreeSet<String>)> = BTreeMap::new();
    let (mut points_read, mut missing) = (0, Vec::new());
    for part in snapshot.parts.iter().filter(|part| part.range().overlaps(range)) {
        let chunks = match part.scan(range, &fields()) {
            Ok(chunks) => chunks,
            Err(error) => {
                missing.push(leave_out(part, error)?);
                continue;
            }
        };
        for columns in chunks.iter().filter_map(Columns::of) {
            points_read += columns.times.len() as u64;
            add(&columns, part.version(), &mut found)?;
        }
    }
    let with_tags = |(info, keys): (SeriesInfo, BTreeSet<String>)| SeriesInfo {
        tags: keys.into_iter().collect(),
        ..info
    };
    Ok(SeriesList {
        request: request.clone(),
        series: found.into_values().map(with_tags).collect(),
        points_read,
        missing: missing_in(&missing, range),
    })
}

fn add(
    columns: &Columns<'_>,
    version: &str,
    found: &mut BTreeMap<(String, String), (SeriesInfo, BTreeSet<String>)>,
) -> Result<()> {
    let tags: Vec<Vec<String>> =
        columns.tags.dictionary.iter().map(|text| read_tags(text).into_keys().collect()).collect();
    let numbers = columns.times.iter().zip(columns.steps);
    for (row, (time, stored)) in numbers.enumerate() {
        let Some(name) = columns.names.text(row) else { continue };
        let full = found.len() >= SERIES_LISTED_MAX;
        let key = (name.to_owned(), version.to_owned());
        if full && !found.contains_key(&key) {
            let text = format!(
                "there are more than {SERIES_LISTED_MAX} series; choose a version or a shorter \
                 interval"
            );
            return Err(Error::new(ErrorKind::ResourceExhausted, text));
        }
        let (info, keys) = found.entry(key).or_insert_with(|| {
            let info = SeriesInfo {
                name: name.to_owned(),
                version: version.to_owned(),
                points: 0,
                first_time: *time,
                last_time: *time,
                steps: None,
                tags: Vec::new(),
            };
            (info, BTreeSet::new())
        });
        info.points += 1;
        info.first_time = info.first_time.min(*time);
        info.last_time = info.last_time.max(*time);
        if let Some(step) = step(*stored) {
            let (first, last) = info.steps.unwrap_or((step, step));
            info.steps = Some((first.min(step), last.max(step)));
        }
        let code = columns.tags.codes.get(row).map(|code| *code as usize);
        for tag in code.and_then(|code| tags.get(code)).into_iter().flatten() {
            if keys.len() < SERIES_TAGS_LISTED_MAX && !keys.contains(tag) {
                keys.insert(tag.clone());
            }
        }
    }
    Ok(())
}
