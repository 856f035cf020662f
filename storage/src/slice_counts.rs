//! The counts of a slice of one part, in the form in which partials are asked.

use std::{path::Path, sync::Arc};

use crate::{
    error::Result,
    partials_file::{PartialsFile, Place, put_day},
    section::SectionWriter,
    slice_counter::SliceCounter,
    slices_file::{FORMAT, place_of},
};

/// The counts of a slice of a part, by day and hour.
#[derive(Debug, Default)]
pub(crate) struct SliceCounts {
    /// By column of the binning, whether it was counted; the others read as null.
    counted: Vec<bool>,
    bytes: usize,
    days: Vec<(i64, PartialsFile)>,
}

impl SliceCounts {
    /// What a counter has counted; `counted` says of which columns. A head keeps moments by hour, a
    /// segment where its hours have rows enough.
    ///
    /// # Errors
    /// `Io` if compression fails.
    pub(crate) fn of(counter: &SliceCounter, counted: Vec<bool>, of_head: bool) -> Result<Self> {
        let binning = counter.binning();
        let mut counts = Self { counted, bytes: 0, days: Vec::new() };
        let place = Place { all_hours: of_head, ..place_of(0) };
        for (day, partials) in counter.days() {
            let mut writer = SectionWriter::new(FORMAT);
            put_day(&mut writer, place, (binning, counter.names()), partials)?;
            let bytes = writer.finish();
            counts.bytes += bytes.len();
            let (path, known) = (Path::new("counts of a slice").into(), Some(binning.clone()));
            let file = PartialsFile::open_at(path, Arc::new(bytes), place, known, None)?;
            counts.days.push((*day, file));
        }
        Ok(counts)
    }

    /// Counts of all columns of one day, from a slices file.
    pub(crate) fn of_file(day: i64, file: PartialsFile) -> Self {
        let counted = vec![true; file.binning().columns().len()];
        Self { counted, bytes: 0, days: vec![(day, file)] }
    }

    /// Whether some columns are counted, by their places in the binning.
    pub(crate) fn have(&self, places: &[usize]) -> bool {
        places.iter().all(|place| self.counted.get(*place) == Some(&true))
    }

    /// Which columns are counted when some more are.
    pub(crate) fn and(&self, places: &[usize]) -> Vec<bool> {
        let mut counted = self.counted.clone();
        mark(&mut counted, places);
        counted
    }

    /// The days that have rows, and their counts.
    pub(crate) fn days(&self) -> &[(i64, PartialsFile)] {
        &self.days
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.days.iter().map(|(_, file)| file.bytes()).sum::<usize>()
    }
}

/// Marks places.
pub(crate) fn mark(counted: &mut [bool], places: &[usize]) {
    for place in places {
        if let Some(counted) = counted.get_mut(*place) {
            *counted = true;
        }
    }
}
