//! Every bound of the server, with its unit and the reason for its size.

use std::time::Duration;

/// Bytes of one message that the server takes: 65536 rows of 30 numbers, four times what gRPC
/// libraries send without being told to.
pub(crate) const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Batches of one stream that are read and not yet answered: enough to keep the log's group commit
/// full, and a bound on what one client makes the server hold.
pub(crate) const UNANSWERED_BATCHES_MAX: usize = 8;
/// Rows of a call that are read and handed to the log where the call arrived, if the log can take
/// them at once: sending so few to a thread that may wait costs more than reading them.
pub(crate) const ROWS_ON_THE_SPOT_MAX: usize = 16;
/// Ingest streams open at once: with the two bounds above, the memory that senders can fill.
pub(crate) const INGEST_STREAMS_MAX: usize = 64;
/// Reference uploads at once: each may hold some gigabytes until its last row has come.
pub(crate) const REFERENCE_UPLOADS_MAX: usize = 2;
/// Queries that run at once; further ones wait in order. Each holds a thread and a snapshot.
pub(crate) const QUERIES_MAX: usize = 16;
/// Verifications and compactions that run at once: each reads, or writes, all there is.
pub(crate) const MAINTENANCE_CALLS_MAX: usize = 1;
/// Words of progress that wait for a client; while there are so many, further ones are left out.
pub(crate) const PROGRESS_QUEUE_MESSAGES: usize = 16;
/// Calls open at once on one connection; the client waits with further ones.
pub(crate) const CALLS_PER_CONNECTION_MAX: u32 = 128;
/// Bytes of one stream in flight before the receiver has read them: a batch of good size.
pub(crate) const STREAM_WINDOW_BYTES: u32 = 2 << 20;
/// Bytes of one connection in flight: two full streams.
pub(crate) const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
/// Bytes of the headers of one call: room for tokens and tracing, which need less.
pub(crate) const HEADER_BYTES_MAX: u32 = 16 << 10;
/// How often an idle connection is asked whether it still lives: below the idle limits of common
/// load balancers (60 s).
pub(crate) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// How long such an answer may take.
pub(crate) const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a stopping server waits for calls that are under way.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Models of a page when the request does not say.
pub(crate) const PAGE_MODELS_DEFAULT: usize = 100;
/// Models of a page at most.
pub(crate) const PAGE_MODELS_MAX: usize = 1_000;
/// Rules, alerts, events, silences and notices of a page when the request does not say.
pub(crate) const PAGE_ALERTS_DEFAULT: usize = 100;
/// Rules, alerts, events, silences and notices of a page at most: some 2 MB.
pub(crate) const PAGE_ALERTS_MAX: usize = 1_000;
/// Bytes after which a page ends, so that clients with a receive limit of 4 MiB can read it.
pub(crate) const PAGE_BYTES: usize = 2 << 20;
/// Bytes of a form: a query of PromQL and what goes along.
pub(crate) const FORM_BYTES_MAX: usize = 64 << 10;
/// How old the values of models may be that a scrape is told: scrapes come every 15 seconds, often
/// from two servers.
pub(crate) const GAUGES_AGE_MAX: Duration = Duration::from_secs(15);
/// How long a scrape may compute them; models that it has no time for are left out.
pub(crate) const GAUGES_TIME_MAX: Duration = Duration::from_secs(5);
/// Alerts that a scrape tells of, those that are pending or fire.
pub(crate) const GAUGE_ALERTS_MAX: usize = 1_000;
