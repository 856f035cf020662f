//! The outcomes of a slice of a segment: counted from its labels when a question needs them first, and
//! kept by slice until other labels come.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::Segment;
use crate::{
    cache::{Item, Of, mixed_up},
    error::Result,
    outcome::Outcomes,
};

impl Segment {
    /// The sums by minute of the labels of a slice, whose rows are looked up if they are needed.
    pub(crate) fn slice_outcomes(
        &self,
        key: u128,
        rows: impl FnOnce() -> Result<Arc<RoaringBitmap>>,
    ) -> Result<Outcomes> {
        let of = {
            let live = self.live();
            // Labels only come between two sidecars: how many there are says which.
            let (last, fresh) = (live.sidecars.last(), live.unpublished.len());
            if last.is_none() && fresh == 0 {
                return Ok(Outcomes::default());
            }
            Of::SliceOutcomes(key, last.map_or(0, |last| last.generation), fresh)
        };
        let record = self.sliced_file();
        let item = self.files.cached(record, of, || {
            let labels = self.labels()?;
            let outcomes = labels.outcomes_of(&*rows()?, &*self.answers()?);
            Ok(Item::Outcomes(outcomes))
        })?;
        match item {
            Item::Outcomes(outcomes) => Ok(outcomes),
            _ => Err(mixed_up(record)),
        }
    }
}
