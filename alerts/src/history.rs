//! The recent values of an alert, of a bounded number, for conditions that compare with them.

use std::collections::VecDeque;

use driftline_storage::TimeRange;
use serde::{Deserialize, Serialize};

use crate::limits;

/// Values by the end of their window, ascending.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct History {
    pub(crate) values: VecDeque<(i64, f64)>,
}

impl History {
    /// Whether it has no value.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Mean and standard deviation (`ddof = 1`) of the last values of windows that end before this
    /// one begins, at most `count`: a window that shares rows with the one that is judged says
    /// nothing about what was before it.
    ///
    /// None for fewer than [`limits::HISTORY_MIN`].
    pub(crate) fn spread(&self, window: TimeRange, count: u64) -> Option<(f64, f64)> {
        let before = self.values.iter().rev().filter(|(end, _)| *end <= window.start);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let values: Vec<f64> = before.take(count).map(|(_, value)| *value).collect();
        if values.len() < limits::HISTORY_MIN {
            return None;
        }
        let rows = values.len() as f64;
        let mean = values.iter().map(|value| value / rows).sum::<f64>();
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        Some((mean, (squares / (rows - 1.0)).sqrt()))
    }

    /// Adds or replaces the value of a window; none takes it out. `kept` values stay, the newest.
    pub(crate) fn set(&mut self, end: i64, value: Option<f64>, kept: usize) {
        let place = self.values.partition_point(|(known, _)| *known < end);
        let is_known = self.values.get(place).is_some_and(|(known, _)| *known == end);
        match (value, is_known) {
            (Some(value), true) => {
                if let Some(slot) = self.values.get_mut(place) {
                    slot.1 = value;
                }
            }
            (Some(value), false) => self.values.insert(place, (end, value)),
            (None, true) => {
                self.values.remove(place);
            }
            (None, false) => {}
        }
        while self.values.len() > kept {
            self.values.pop_front();
        }
    }

    /// Forgets windows that end after an instant.
    pub(crate) fn forget_after(&mut self, time: i64) {
        while self.values.pop_back_if(|(end, _)| *end > time).is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(start: i64) -> TimeRange {
        TimeRange { start, end: start + 10 }
    }

    #[test]
    fn a_spread_is_of_what_ended_before_the_window_begins() {
        let mut history = History::default();
        for end in 1..=10 {
            history.set(end, Some(end as f64), 100);
        }
        assert_eq!(history.spread(window(7), 30), None);
        let (mean, deviation) = history.spread(window(9), 30).expect("nine values");
        assert!((mean - 5.0).abs() < 1e-12 && (deviation - 7.5_f64.sqrt()).abs() < 1e-12);
        let (mean, _) = history.spread(window(10), 8).expect("eight values");
        assert!((mean - 6.5).abs() < 1e-12);
    }

    #[test]
    fn values_are_replaced_taken_out_and_bounded() {
        let mut history = History::default();
        for end in [3, 1, 2, 4] {
            history.set(end, Some(0.0), 3);
        }
        assert_eq!(history.values, [(2, 0.0), (3, 0.0), (4, 0.0)]);
        history.set(3, Some(5.0), 3);
        history.set(2, None, 3);
        history.forget_after(3);
        assert_eq!(history.values, [(3, 5.0)]);
    }
}
