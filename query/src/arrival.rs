//! Performance by when labels were given, rather than by when predictions were made.
//!
//! A window has the labelled predictions whose winning label has a label time inside it, whenever
//! they were made: what a team sees come in. There is no coverage, since a prediction without a label
//! is in no window; `predictions` is the number of labelled ones.

use driftline_storage::{
    Field, GroupKey, Grouping, Kind, LABEL_TIME, NumberRange, Result, Snapshot, Test, TimeRange,
};

use crate::{
    reads::Reads,
    report::{PerformanceReport, PerformanceWindow, Scope},
};

/// Answers of windows of label time: `ask` is asked of all times of what each window has.
pub(crate) fn by_label_time(
    snapshot: &Snapshot,
    scope: &Scope,
    windows: &[TimeRange],
    ask: impl Fn(&Snapshot) -> Result<PerformanceReport>,
) -> Result<PerformanceReport> {
    let range = |window: &TimeRange| {
        // Whole microseconds, exact as f64 up to the year 2255.
        let (from, below) = (Some(window.start as f64), Some(window.end as f64));
        Test::Within(vec![NumberRange { from, below }])
    };
    let field = Field { name: LABEL_TIME.to_owned(), kind: Kind::Numeric };
    let grouping = Grouping::Tests(windows.iter().map(range).collect());
    // One group more: what has no label.
    let groups = snapshot.split(&field, &grouping, TimeRange::ALL, windows.len() + 1)?;
    let mut groups = groups.into_iter().peekable();
    let mut reads = None;
    let mut reported = Vec::with_capacity(windows.len());
    for (place, window) in windows.iter().enumerate() {
        let mine = groups.next_if(|(key, _)| *key == GroupKey::Test(place));
        let rows = mine.map_or_else(|| snapshot.nothing(), |(_, rows)| rows);
        let answer = ask(&rows)?;
        if let Some(mine) = answer.reads {
            reads.get_or_insert_with(Reads::default).join(&mine);
        }
        reported.extend(answer.windows.into_iter().next().map(|answer| PerformanceWindow {
            start: window.start,
            end: window.end,
            predictions: answer.labelled,
            ..answer
        }));
    }
    Ok(PerformanceReport { scope: scope.clone(), reads, windows: reported, groups: Vec::new() })
}
