//! Distribution.
use crate::{DistributionReport, DistributionRequest};
use driftline_storage::{Db, Error, Result};
/// x
pub fn distribution(_db: &Db, _request: &DistributionRequest) -> Result<DistributionReport> {
    Err(Error::invalid("x", "y"))
}
