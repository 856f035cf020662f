//! The back end of Driftline's data source for Grafana.
//!
//! Grafana starts `gpx_driftline`, reads one line from it and talks gRPC with it from then on
//! ([`serve`]). Queries of panels become calls of `driftline.v1`, and their answers data frames. No
//! statistic is computed here.
//!
//! Modules stand in layer order: each names only modules above it.

pub mod limits;

mod wire;
mod unreachable;
mod problem;
mod frame;
mod settings;
mod certificates;
mod downstream;
mod model_query;
mod windows;
mod sentence;
mod answer;
mod resource;
mod health;
mod services;
mod handshake;

pub use frame::{Field, Frame, Values};
pub use handshake::{announce, check_started_by_grafana};
pub use services::serve;
pub use wire::pluginv2;
