//! Integration tests: the real binary, real clients, real data, one test binary.
//!
//! Tests that need the shared data sets say that they were skipped where those are not there.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod alerts;
mod alerts_killed;
mod arrivals;
mod bad_days;
mod bench;
mod bins;
mod channels;
mod cli;
mod compare;
mod compat;
mod corpus;
mod crash;
mod cuts;
mod fairness;
mod edge;
mod golden;
mod explain;
mod parity;
mod grpc;
mod maintenance;
mod operations;
mod program;
mod prometheus;
mod prometheus_dashboards;
mod quality;
mod slices;
mod tags;
mod shifts;
mod series;
mod rule_examples;
mod rules;
mod shadow;
mod tidy;
