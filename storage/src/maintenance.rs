//! Maintenance.

use crate::{error::Result, state::Shared};

pub(crate) fn step(_shared: &Shared, _everything: bool) -> Result<bool> {
    Ok(false)
}
