//! Bounds of the plugin, with their units and reasons.

use std::time::Duration;

/// Bytes of an answer of the server: one of the most results that it gives, 100 MB.
pub const ANSWER_BYTES_MAX: usize = 256 << 20;
/// Bytes of a message of Grafana: settings and queries, never data.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// How long a connection may take to come about.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a query may take unless settings say otherwise; Grafana's own proxy gives up after 30.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections that are kept, one for each data source as it is set up.
pub const CONNECTIONS_MAX: usize = 64;
/// Windows of one query where the panel states no room: as many as a wide screen has points for.
pub const WINDOWS_DEFAULT: i64 = 500;
/// Windows of one query, overlapping ones together: as many as the server computes of windows that do
/// not overlap, a year of hours.
pub const WINDOWS_MAX: i64 = 8_784;
/// Windows that overlap at an instant, each asked for with those that lie whole lengths from it by a
/// query of its own: a window of an hour every minute.
pub const OVERLAP_MAX: i64 = 60;
/// Windows that are asked for one by one, because each has labels as they were known at another instant.
pub const WINDOWS_APART_MAX: usize = 500;
/// Series of one query: a panel with more cannot be read, and a browser chokes on it.
pub const SERIES_MAX: usize = 1_000;
/// Features of one query: the most that a model has.
pub const FEATURES_MAX: usize = 2_000;
/// Rows of a table: more cannot be read, and a browser chokes on them.
pub const TABLE_ROWS_MAX: usize = 100_000;
/// Commands that the query inspector shows of a query that asks several times.
pub const COMMANDS_SHOWN: usize = 3;
/// Bins of a histogram unless the query says otherwise: as many as a panel has room to label.
pub const HISTOGRAM_BINS: u32 = 20;
/// Models whose references and versions are asked for where none is chosen.
pub const MARKED_MODELS_MAX: usize = 100;
/// Queries of one request that are asked of the server at a time.
pub const QUERIES_AT_A_TIME: usize = 8;
/// Entries of a menu.
pub const MENU_MAX: usize = 10_000;
/// Alerts or events of one query; more than these no table or graph can show.
pub const ALERT_ROWS_MAX: usize = 10_000;
/// Alerts or events that are asked for at a time: the most that the server gives.
pub const ALERT_PAGE_ROWS: u32 = 1_000;
