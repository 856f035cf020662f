//! Driftline: an embedded time-series monitoring database for machine-learning models.

pub mod client;
mod monitor;
pub mod server;
mod wire;

pub use driftline_query as query;
pub use driftline_storage as storage;
pub use monitor::{Monitor, ReferenceInfo, now_micros};
