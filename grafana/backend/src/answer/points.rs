//! Series by their name and labels over the windows of an answer, as one wide frame.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    frame::{Field, Frame, Values},
    limits,
    problem::Problem,
};

/// Labels of a series.
pub(crate) type Labels = BTreeMap<String, String>;

/// Series that share their times. They are kept in the order in which they first come.
#[derive(Debug, Default)]
pub(crate) struct Points {
    times: Vec<i64>,
    places: BTreeMap<(String, Labels), usize>,
    series: Vec<Series>,
}

#[derive(Debug)]
struct Series {
    name: String,
    labels: Labels,
    config: Map<String, Value>,
    values: Vec<Option<f64>>,
}

impl Points {
    /// Adds a value. Windows of all groups come in order of time.
    ///
    /// # Errors
    /// Past [`limits::SERIES_MAX`] series.
    pub(crate) fn add(
        &mut self,
        time: i64,
        (name, labels): (&str, Labels),
        config: &[(&str, Value)],
        value: Option<f64>,
    ) -> Result<(), Problem> {
        let at = match self.times.binary_search(&time) {
            Ok(at) => at,
            Err(at) => {
                self.times.insert(at, time);
                for series in &mut self.series {
                    if series.values.len() >= at {
                        series.values.insert(at, None);
                    }
                }
                at
            }
        };
        let key = (name.to_owned(), labels);
        let place = match self.places.get(&key) {
            Some(place) => *place,
            None if self.series.len() >= limits::SERIES_MAX => {
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
        };
        if let Some(series) = self.series.get_mut(place) {
            if series.values.len() <= at {
                series.values.resize(at + 1, None);
            }
            if let Some(slot) = series.values.get_mut(at) {
                *slot = value.filter(|value| value.is_finite());
            }
        }
        Ok(())
    }

    /// The frame: of a series of windows with times, of one window as numbers alone.
    pub(crate) fn frame(self, name: &str, is_series: bool) -> Frame {
        let count = self.times.len();
        let field = |series: Series| {
            let mut values = series.values;
            values.resize(count, None);
            Field {
                name: series.name,
                labels: series.labels,
                config: series.config,
                values: Values::Number(values),
            }
        };
        let fields = self.series.into_iter().map(field);
        if is_series {
            let times = Values::Time(self.times.into_iter().map(Some).collect());
            let fields = std::iter::once(Field::new("time", times)).chain(fields).collect();
            Frame::new(name, Some("timeseries-wide"), fields)
        } else {
            Frame::new(name, Some("numeric-wide"), fields.collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_share_times_and_lack_what_they_do_not_have() {
        let mut points = Points::default();
        let one =
            |feature: &str| ("psi", Labels::from([("feature".to_owned(), feature.to_owned())]));
        points.add(2, one("a"), &[("unit", "short".into())], Some(0.2)).expect("room");
        points.add(3, one("b"), &[], Some(f64::NAN)).expect("room");
        points.add(1, one("b"), &[], Some(0.1)).expect("room");
        let frame = points.frame("drift", true);
        let values: Vec<&Values> = frame.fields.iter().map(|field| &field.values).collect();
        assert_eq!(
            values,
            [
                &Values::Time(vec![Some(1), Some(2), Some(3)]),
                &Values::Number(vec![None, Some(0.2), None]),
                &Values::Number(vec![Some(0.1), None, None]),
            ]
        );
        assert_eq!(frame.fields[1].config["unit"], "short");
    }

    #[test]
    fn too_many_series_are_refused() {
        let mut points = Points::default();
        for number in 0..limits::SERIES_MAX {
            points.add(0, (&number.to_string(), Labels::new()), &[], None).expect("room");
        }
        assert!(points.add(0, ("one more", Labels::new()), &[], None).is_err());
    }
}
