//! The command line: arguments, times, where commands go, and how answers are shown. It lives in
//! the library crate so that `main` only starts it; it is no part of the public interface.

pub mod alert_backend;
pub mod args;
pub mod backend;
pub mod import;
pub mod render;
pub mod time;

mod alerts;
mod bench;
mod channels;
mod delete;
mod demo;
mod imports;
mod maintenance;
mod models;
mod outcome;
mod progress;
mod queries;
mod references;
mod rule_file;
mod rules;
mod run;
mod series;
mod serve;
mod session;
mod user;

pub use run::main;
