//! Performance.
use crate::{PerformanceReport, PerformanceRequest};
use driftline_storage::{Db, Error, Result};
/// x
pub fn performance(_db: &Db, _request: &PerformanceRequest) -> Result<PerformanceReport> {
    Err(Error::invalid("x", "y"))
}
