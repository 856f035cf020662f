//! Alerts in service: what evaluates rules and tells their channels.

pub mod sender;
