//! Driftline's answers as Prometheus series: which metrics there are, which series a selector means,
//! and their values, computed from partials when they are asked for. No network.
//!
//! A series has one value per minute: that of the window that ends there. An instant between two
//! minutes sees the one before, as Prometheus sees the last scrape. So no window cuts a minute, and no
//! row is read where the parts are counted in the bins of the reference.

mod arrival;
mod ask;
mod discover;
mod expression;
mod freshness;
mod gather;
mod gauges;
mod limits;
mod metric;
mod plan;
mod slicing;
mod source;
mod statistic;
mod target;
mod text;
mod timeline;
mod told;
mod window;

pub(crate) use discover::{Discovery, discover};
pub(crate) use expression::expression;
pub(crate) use gauges::{Gauge, gauges};
pub(crate) use metric::Metric;
pub(crate) use source::MonitorSource;
pub(crate) use text::{number, write_family};
pub(crate) use told::told;

#[cfg(test)]
mod tests;
