//! Fault tests: a database over a disk that crashes, fills up, fails and forgets.
//!
//! `docs/testing.md` lists what each is for and how to replay a seed.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod abuse;
mod fixture;
mod flips;
mod formats;
mod kills;
mod ledger;
mod log;
mod series;
mod simulation;
mod slow;
mod snapshots;
mod space;
mod steps;
mod sync;
