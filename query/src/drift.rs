//! Drift.
use crate::{DriftReport, DriftRequest};
use driftline_storage::{Db, Error, Result};
/// x
pub fn drift(_db: &Db, _request: &DriftRequest) -> Result<DriftReport> {
    Err(Error::invalid("x", "y"))
}
