//! Labels of the rows of a part, beside the rows themselves.

use super::{Inner, Part, rows_within};
use crate::{
    column::{Categories, Column, NULL, NULL_CODE},
    error::Result,
    head::Chunk,
    time::TimeRange,
};

impl Part {
    /// What the labels of the rows of an interval say, in the order of [`Part::scan`]: numbers of a
    /// regression, else classes; null where a row has no label or one of the other kind.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn scan_truths(&self, range: TimeRange) -> Result<Vec<Column>> {
        let numeric = !self.schema().task.is_classification();
        match &self.inner {
            Inner::Head(head) => {
                let chunks = head.chunks.iter().filter(|chunk| chunk.range.overlaps(range));
                let seen = self.seen()?;
                let truths = |chunk: &Chunk| {
                    let inside = seen.inside(&chunk.rows.times, range, chunk.base);
                    let (rows, truths) =
                        chunk.labels.truths(inside.iter().copied(), self.as_of, numeric);
                    spread(&inside, &rows, truths)
                };
                Ok(chunks.map(truths).collect())
            }
            Inner::Segment(segment) => {
                let file = segment.rows()?;
                let rows = rows_within(&file, range)?;
                let times = file.times_of(rows.clone())?;
                let places = self.seen()?.inside(&times, range, rows.start).into_iter();
                let inside: Vec<u32> = places.map(|place| rows.start + place).collect();
                let (rows, truths) =
                    segment.labels()?.truths(inside.iter().copied(), self.as_of, numeric);
                Ok(vec![spread(&inside, &rows, truths)])
            }
        }
    }
}

/// The values of some of the rows, as a column of all of them with nulls between. Both ascend.
fn spread(all: &[u32], some: &[u32], values: Column) -> Column {
    let mut left = some.iter().zip(0_usize..).peekable();
    let place = |row: &u32| left.next_if(|(next, _)| *next == row).map(|(_, place)| place);
    let places: Vec<Option<usize>> = all.iter().map(place).collect();
    match values {
        Column::Numeric(values) => {
            let value = |place: Option<usize>| values.get(place?).copied();
            Column::Numeric(places.into_iter().map(|p| value(p).unwrap_or(NULL)).collect())
        }
        Column::Categories(Categories { codes, dictionary }) => {
            let code = |place: Option<usize>| codes.get(place?).copied();
            let codes = places.into_iter().map(|p| code(p).unwrap_or(NULL_CODE)).collect();
            Column::Categories(Categories { codes, dictionary })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::is_null;

    #[test]
    fn rows_without_a_label_are_null_between_those_with_one() {
        let truths = Column::categories([Some("a"), None, Some("b")]);
        let Column::Categories(got) = spread(&[3, 4, 6, 9, 12], &[4, 9, 12], truths) else {
            panic!("classes stay classes");
        };
        let texts: Vec<Option<&str>> = (0..5).map(|row| got.text(row)).collect();
        assert_eq!(texts, [None, Some("a"), None, None, Some("b")]);
        let Column::Numeric(got) = spread(&[1, 2], &[2], Column::Numeric(vec![0.5])) else {
            panic!("numbers stay numbers");
        };
        assert!(is_null(got[0]) && got[1] == 0.5);
        assert_eq!(spread(&[], &[], Column::nulls(true, 0)).len(), 0);
    }
}
