//! Driftline: an embedded time-series monitoring database for machine-learning models.

mod monitor;

#[doc(hidden)]
pub mod cli;

pub use driftline_query as query;
pub use driftline_storage as storage;
pub use monitor::{Monitor, ReferenceInfo, now_micros};
