//! Driftline's evaluator of a part of PromQL: text in, series out, over any [`Source`] of series.
//!
//! A query is read once, checked against what there is, and evaluated over a column of instants: a
//! selector asks the source for all instants at once, so that a graph costs a source as little as it
//! can make it cost. This crate knows no database, no file and no socket. Times are milliseconds since
//! 1970 UTC, as in Prometheus.
//!
//! ```
//! use driftline_promql::{Data, Labels, Notes, Points, Query, Result, Selector, Series, Source};
//!
//! /// One series whose value is the time in seconds.
//! struct Clock;
//!
//! impl Source for Clock {
//!     fn at(&self, selector: &Selector, instants: &[i64], _: &mut Notes) -> Result<Vec<Series>> {
//!         let labels = Labels::new([("__name__", "clock"), ("zone", "utc")]);
//!         if !selector.accepts(&labels) {
//!             return Ok(Vec::new());
//!         }
//!         let values = instants.iter().map(|instant| Some(*instant as f64 / 1e3)).collect();
//!         Ok(vec![Series { labels, values }])
//!     }
//!     fn over(&self, _: &Selector, _: &[i64], _: i64, _: &mut Notes) -> Result<Vec<Points>> {
//!         Ok(Vec::new())
//!     }
//! }
//!
//! # fn main() -> Result<()> {
//! let answer = Query::read(r#"clock{zone="utc"} > bool 5"#)?.instant(&Clock, 9_000)?;
//! let Data::Vector(samples) = answer.data else { panic!("a vector") };
//! assert_eq!(samples[0].value, 1.0);
//! # Ok(())
//! # }
//! ```

pub mod limits;

mod error;
mod labels;
mod selector;
mod series;
mod source;
mod calendar;
mod relabel;
mod function;
mod sums;
mod trend;
mod over_time;
mod aggregate;
mod binary;
mod expr;
mod read;
mod evaluate;
mod query;

pub use error::{Error, ErrorKind, Result};
pub use labels::{Labels, NAME, escape};
pub use query::{Answer, Data, Query, Sample, format, parse_duration, read_selector};
pub use selector::{Matcher, Operator, Selector};
pub use series::{Points, Series};
pub use source::{Notes, Source};

#[cfg(test)]
mod tests;
