//! The command line.

pub mod backend;
pub mod import;
mod progress;
