//! Series by their name and labels over the windows of an answer, as a frame of one of four forms.

use std::collections::{BTreeMap, BTreeSet};

use driftline_proto::v1;
use serde_json::{Map, Value, json};

use super::ask::{Form, group_of};
use crate::{
    frame::{Field, Frame, Values},
    limits,
    problem::Problem,
};

/// Labels of a series.
pub(crate) type Labels = BTreeMap<String, String>;

/// Answers, or the groups of those that have groups, each with its labels. Answers of all kinds have
/// groups and a scope, but no trait says so.
pub(crate) fn parts<'a, T>(
    answers: &'a [T],
    groups: fn(&T) -> &[T],
    scope: fn(&T) -> Option<&v1::Scope>,
) -> Vec<(Labels, &'a T)> {
    let mut parts = Vec::new();
    for answer in answers {
        match groups(answer) {
            [] => parts.push((Labels::new(), answer)),
            groups => {
                let of = |group: &'a T| (group_of(scope(group)).into_iter().collect(), group);
                parts.extend(groups.iter().map(of));
            }
        }
    }
    parts
}

/// Series of an answer, in the order in which they first come. Their values may come in any order of
/// time, but once for each time.
#[derive(Debug)]
pub(crate) struct Points {
    form: Form,
    places: BTreeMap<(String, Labels), usize>,
    series: Vec<Series>,
    values: usize,
}

/// Where a series stands among those of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place(usize);

#[derive(Debug)]
struct Series {
    name: String,
    labels: Labels,
    config: Map<String, Value>,
    values: Vec<(i64, Option<f64>)>,
}

impl Points {
    /// None yet.
    pub(crate) fn new(form: Form) -> Self {
        Self { form, places: BTreeMap::new(), series: Vec::new(), values: 0 }
    }

    /// Adds a value; one that is no number counts as none.
    ///
    /// # Errors
    /// Past [`limits::SERIES_MAX`] series or, of a table, [`limits::TABLE_ROWS_MAX`] values.
    pub(crate) fn add(
        &mut self,
        time: i64,
        key: (&str, Labels),
        config: &[(&str, Value)],
        value: Option<f64>,
    ) -> Result<(), Problem> {
        let place = self.place(key, config)?;
        self.push(place, time, value)
    }

    /// The place of a series, which is made if it is not there.
    ///
    /// # Errors
    /// Past [`limits::SERIES_MAX`] series.
    pub(crate) fn place(
        &mut self,
        (name, labels): (&str, Labels),
        config: &[(&str, Value)],
    ) -> Result<Place, Problem> {
        let is_table = matches!(self.form, Form::Table { .. });
        let key = (name.to_owned(), labels);
        Ok(Place(match self.places.get(&key) {
            Some(place) => *place,
            None if self.series.len() >= limits::SERIES_MAX && !is_table => {
                let most = limits::SERIES_MAX;
                return Err(Problem::asked(format!(
                    "the answer has more than {most} series, which no panel can show; choose some \
                     features, fewer metrics, or groups with fewer values"
                )));
            }
            None => {
                let config = config.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
                self.series.push(Series {
                    name: key.0.clone(),
                    labels: key.1.clone(),
                    config: config.collect(),
                    values: Vec::new(),
                });
                self.places.insert(key, self.series.len() - 1);
                self.series.len() - 1
            }
        }))
    }

    /// Adds a value to the series at a place; one that is no number counts as none.
    ///
    /// # Errors
    /// Past [`limits::TABLE_ROWS_MAX`] values of a table.
    pub(crate) fn push(
        &mut self,
        Place(place): Place,
        time: i64,
        value: Option<f64>,
    ) -> Result<(), Problem> {
        self.values += 1;
        let is_table = matches!(self.form, Form::Table { .. });
        if is_table && self.values > limits::TABLE_ROWS_MAX {
            let most = limits::TABLE_ROWS_MAX;
            return Err(Problem::asked(format!(
                "the table has more than {most} values; choose some features, fewer metrics, longer \
                 windows or a shorter time range"
            )));
        }
        if let Some(series) = self.series.get_mut(place) {
            series.values.push((time, value.filter(|value| value.is_finite())));
        }
        Ok(())
    }

    /// The frame.
    ///
    /// # Errors
    /// Several metrics of a heatmap, whose colours have one scale.
    pub(crate) fn frame(self, name: &str) -> Result<Frame, Problem> {
        match self.form {
            Form::Series => Ok(self.wide(name)),
            Form::Numbers => Ok(self.numbers(name)),
            Form::Heatmap => self.heatmap(name),
            Form::Table { of_windows } => Ok(self.table(name, of_windows)),
        }
    }

    fn times(&self) -> Vec<i64> {
        let all = self.series.iter().flat_map(|series| series.values.iter().map(|(time, _)| *time));
        let mut times: Vec<i64> = all.collect();
        times.sort_unstable();
        times.dedup();
        times
    }

    fn wide(self, name: &str) -> Frame {
        let times = self.times();
        let of = |series: Series| Field {
            values: Values::Number(at(&times, &series.values)),
            name: series.name,
            labels: series.labels,
            config: series.config,
        };
        let fields: Vec<Field> = self.series.into_iter().map(of).collect();
        let times = Field::new("time", Values::Time(times.into_iter().map(Some).collect()));
        let fields = std::iter::once(times).chain(fields).collect();
        Frame::new(name, Some("timeseries-wide"), fields)
    }

    fn numbers(self, name: &str) -> Frame {
        let of = |series: Series| Field {
            values: Values::Number(
                series.values.first().map(|(_, value)| *value).into_iter().collect(),
            ),
            name: series.name,
            labels: series.labels,
            config: series.config,
        };
        Frame::new(name, Some("numeric-wide"), self.series.into_iter().map(of).collect())
    }

    /// A row of colours for each series, from the bottom up. Rows are named by their labels. A panel
    /// draws null as 0 and what is no number not at all, so that a value that does not exist is NaN here.
    fn heatmap(self, name: &str) -> Result<Frame, Problem> {
        let metrics: BTreeSet<&str> =
            self.series.iter().map(|series| series.name.as_str()).collect();
        if metrics.len() > 1 {
            let metrics: Vec<&str> = metrics.into_iter().collect();
            return Err(Problem::asked(format!(
                "a heatmap has one scale of colours; choose one of {}",
                metrics.join(", ")
            )));
        }
        let times = self.times();
        let of = |mut series: Series| {
            let row = row_name(&series.name, &series.labels);
            series.config.insert("displayNameFromDS".to_owned(), json!(row));
            let values = at(&times, &series.values).into_iter();
            Field {
                values: Values::Number(values.map(|value| value.or(Some(f64::NAN))).collect()),
                name: row,
                labels: series.labels,
                config: series.config,
            }
        };
        let fields: Vec<Field> = self.series.into_iter().map(of).collect();
        let times = Field::new("time", Values::Time(times.into_iter().map(Some).collect()));
        let fields = std::iter::once(times).chain(fields).collect();
        Ok(Frame::new(name, Some("heatmap-rows"), fields))
    }

    /// A row for each window and set of labels, a column for each label and metric.
    fn table(self, name: &str, of_windows: bool) -> Frame {
        let mut metrics: Vec<&str> = Vec::new();
        for series in &self.series {
            if !metrics.contains(&series.name.as_str()) {
                metrics.push(&series.name);
            }
        }
        let mut labels: Vec<&Labels> = Vec::new();
        let mut known: BTreeMap<&Labels, usize> = BTreeMap::new();
        for series in &self.series {
            known.entry(&series.labels).or_insert_with(|| {
                labels.push(&series.labels);
                labels.len() - 1
            });
        }
        // By time, then in the order in which the labels came.
        let mut rows: BTreeMap<(i64, usize), BTreeMap<&str, Option<f64>>> = BTreeMap::new();
        for series in &self.series {
            let Some(place) = known.get(&series.labels) else { continue };
            for (time, value) in &series.values {
                rows.entry((*time, *place)).or_default().insert(&series.name, *value);
            }
        }
        let keys: BTreeSet<&str> =
            labels.iter().flat_map(|labels| labels.keys().map(String::as_str)).collect();
        let mut fields = Vec::new();
        if of_windows {
            let times = rows.keys().map(|(time, _)| Some(*time)).collect();
            fields.push(Field::new("time", Values::Time(times)));
        }
        for key in keys {
            let value = |(_, place): &(i64, usize)| labels.get(*place)?.get(key).cloned();
            fields.push(Field::new(key, Values::Text(rows.keys().map(value).collect())));
        }
        for metric in metrics {
            let value = |row: &BTreeMap<&str, Option<f64>>| row.get(metric).copied().flatten();
            let mut field = Field::new(metric, Values::Number(rows.values().map(value).collect()));
            let of = self.series.iter().find(|series| series.name == metric);
            let unit = of.and_then(|series| series.config.get("unit"));
            field.config.extend(unit.map(|unit| ("unit".to_owned(), unit.clone())));
            fields.push(field);
        }
        let kind = if of_windows { "timeseries-long" } else { "numeric-long" };
        Frame::new(name, Some(kind), fields)
    }
}

/// The values at ascending times, none where there is none.
fn at(times: &[i64], values: &[(i64, Option<f64>)]) -> Vec<Option<f64>> {
    let mut column = vec![None; times.len()];
    for (time, value) in values {
        let slot = times.binary_search(time).ok().and_then(|place| column.get_mut(place));
        if let Some(slot) = slot {
            *slot = *value;
        }
    }
    column
}

/// What a row of a heatmap is called: by its labels, or its metric where it has none.
fn row_name(metric: &str, labels: &Labels) -> String {
    if labels.is_empty() {
        return metric.to_owned();
    }
    labels.values().map(String::as_str).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(feature: &str) -> (&'static str, Labels) {
        ("psi", Labels::from([("feature".to_owned(), feature.to_owned())]))
    }

    fn points(form: Form) -> Points {
        let mut points = Points::new(form);
        points.add(2, one("a"), &[("unit", "short".into())], Some(0.2)).expect("room");
        points.add(3, one("b"), &[], Some(f64::NAN)).expect("room");
        points.add(1, one("b"), &[], Some(0.1)).expect("room");
        points
    }

    fn values(frame: &Frame) -> Vec<&Values> {
        frame.fields.iter().map(|field| &field.values).collect()
    }

    #[test]
    fn series_share_times_and_lack_what_they_do_not_have() {
        let frame = points(Form::Series).frame("drift").expect("series");
        assert_eq!(
            values(&frame),
            [
                &Values::Time(vec![Some(1), Some(2), Some(3)]),
                &Values::Number(vec![None, Some(0.2), None]),
                &Values::Number(vec![Some(0.1), None, None]),
            ]
        );
        assert_eq!(frame.fields[1].config["unit"], "short");
    }

    #[test]
    fn a_heatmap_has_a_row_for_each_series_and_nothing_where_there_is_no_value() {
        let frame = points(Form::Heatmap).frame("drift").expect("rows");
        assert_eq!(frame.kind, Some("heatmap-rows"));
        let names: Vec<&str> = frame.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["time", "a", "b"]);
        let Values::Number(row) = &frame.fields[1].values else { panic!("numbers") };
        assert_eq!(row[1], Some(0.2));
        assert!(row[0].is_some_and(f64::is_nan) && row[2].is_some_and(f64::is_nan));
        let mut points = points(Form::Heatmap);
        points.add(1, ("ks", Labels::new()), &[], None).expect("room");
        let error = points.frame("drift").expect_err("two metrics");
        assert!(error.text.contains("ks, psi"), "{}", error.text);
    }

    #[test]
    fn a_table_has_a_row_for_each_window_and_set_of_labels() {
        let mut points = points(Form::Table { of_windows: true });
        points.add(2, ("ks", one("a").1), &[], Some(0.5)).expect("room");
        let frame = points.frame("drift").expect("table");
        let text = |texts: &[&str]| {
            Values::Text(texts.iter().map(|text| Some((*text).to_owned())).collect())
        };
        assert_eq!(
            values(&frame),
            [
                &Values::Time(vec![Some(1), Some(2), Some(3)]),
                &text(&["b", "a", "b"]),
                &Values::Number(vec![Some(0.1), Some(0.2), None]),
                &Values::Number(vec![None, Some(0.5), None]),
            ]
        );
        assert_eq!(frame.fields[2].config["unit"], "short");
    }

    #[test]
    fn too_many_series_are_refused_and_of_a_table_too_many_values() {
        let mut points = Points::new(Form::Series);
        for number in 0..limits::SERIES_MAX {
            points.add(0, (&number.to_string(), Labels::new()), &[], None).expect("room");
        }
        assert!(points.add(0, ("one more", Labels::new()), &[], None).is_err());
        let mut points = Points::new(Form::Table { of_windows: false });
        for number in 0..limits::TABLE_ROWS_MAX {
            points.add(0, (&number.to_string(), Labels::new()), &[], None).expect("room");
        }
        assert!(points.add(0, ("one more", Labels::new()), &[], None).is_err());
    }
}
