//! Declared slices of a segment that is written: the rows and counts of the most frequent values of
//! each key.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use crate::{
    binner::Binner,
    binning::Binning,
    column::Column,
    error::Result,
    limits,
    manifest::ModelRecord,
    schema::Schema,
    slice::{GroupKey, Grouping},
    slice_counter::SliceCounter,
    slices_file::{self, NewKey, NewValue},
};

/// The declared keys that rows of a schema have a column of.
pub(crate) fn keys_of(model: Option<&ModelRecord>, schema: &Schema) -> Vec<String> {
    let declared = model.map(|model| model.slices.as_slice()).unwrap_or_default();
    let fits = |key: &&String| {
        schema.fields().any(|(name, kind)| name == key.as_str() && !kind.is_numeric())
    };
    declared.iter().filter(fits).cloned().collect()
}

/// Writes the slices file of rows in the order of their segment.
pub(crate) fn encode(
    binning: &Arc<Binning>,
    keys: &[String],
    schema: &Schema,
    times: &[i64],
    columns: &[Column],
) -> Result<Vec<u8>> {
    let counted = columns.get(..schema.untagged_len()).unwrap_or_default();
    let binner = Binner::new(binning.clone());
    let mut written = Vec::with_capacity(keys.len());
    for key in keys {
        let place = schema.fields().position(|(name, _)| name == key);
        let Some(column) = place.and_then(|place| columns.get(place)) else { continue };
        let mut groups = BTreeMap::new();
        Grouping::Values.group(column, 0, &mut groups);
        let complete = groups.len() <= limits::SLICE_VALUES_MAX;
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(_, rows)| Reverse(rows.len()));
        groups.truncate(limits::SLICE_VALUES_MAX);
        let value = |(value, rows)| {
            let mut counts = SliceCounter::new(binner.clone());
            counts.add_of(&rows, 0, times, counted);
            let text = match value {
                GroupKey::Text(text) => Some(text),
                GroupKey::Test(_) | GroupKey::Null => None,
            };
            NewValue { text, rows, counts }
        };
        let values = groups.into_iter().map(value).collect();
        written.push(NewKey { column: key.clone(), complete, values });
    }
    slices_file::encode(binning, u32::try_from(times.len()).unwrap_or(u32::MAX), &written)
}
