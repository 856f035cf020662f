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
/// Windows of one query: Grafana's own bound on points of a series.
pub const WINDOWS_MAX: i64 = 11_000;
/// Series of one query: a panel with more cannot be read, and a browser chokes on it.
pub const SERIES_MAX: usize = 1_000;
/// Queries of one request that are asked of the server at a time.
pub const QUERIES_AT_A_TIME: usize = 8;
/// Entries of a menu.
pub const MENU_MAX: usize = 10_000;
/// Alerts or events of one query; more than these no table or graph can show.
pub const ALERT_ROWS_MAX: usize = 10_000;
/// Alerts or events that are asked for at a time: the most that the server gives.
pub const ALERT_PAGE_ROWS: u32 = 1_000;
