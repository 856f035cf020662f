//! The rows of a segment by what a column holds: told apart when a question first asks for the groups of
//! the column, and kept.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::Segment;
use crate::{
    cache::{Item, Of},
    error::Result,
    limits,
    slice::GroupKey,
};

/// Groups of rows, in the order of their keys.
pub(crate) type Groups = Vec<(GroupKey, Arc<RoaringBitmap>)>;

impl Segment {
    /// The groups that a key of the cache names, without deleted rows.
    pub(crate) fn groups(
        &self,
        key: u128,
        tell_apart: impl FnOnce() -> Result<Groups>,
    ) -> Result<Arc<Groups>> {
        let (record, of) = (self.sliced_file(), Of::Groups(key));
        if let Some(Item::Groups(groups)) = self.files.get(record, of) {
            return Ok(groups);
        }
        let groups = Arc::new(tell_apart()?);
        if groups.len() <= limits::GROUPS_KEPT_MAX {
            self.files.put(record, of, Item::Groups(groups.clone()));
        }
        Ok(groups)
    }
}
