//! What the server counts, and how Prometheus reads it together with the sizes of the database and the
//! latest values of its models.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use driftline_alerts::AlertState;
use driftline_promql::Labels;
use driftline_storage::ErrorKind;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::ConstGauge,
        info::Info,
    },
    registry::{Registry, Unit},
};

use crate::{
    Monitor,
    alerting::AlertFilter,
    now_micros,
    prometheus::{Gauge, gauges, write_family},
    wire,
};

use super::limits;

/// A text format of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exposition {
    /// OpenMetrics 1.0, unless another is asked for.
    OpenMetrics,
    /// The older format of Prometheus.
    Classic,
}

impl Exposition {
    /// The format for what a client accepts: the classic one if it asks for plain text and not for
    /// OpenMetrics.
    pub(super) fn accepted(accept: &str) -> Self {
        let asks = |kind: &str| accept.contains(kind);
        if asks("text/plain") && !asks("openmetrics") { Self::Classic } else { Self::OpenMetrics }
    }

    /// Its content type.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelLabel {
    model: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// The counters of a server and the registry that prints them.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    latest: Option<Latest>,
    predictions: Family<ModelLabel, Counter>,
    duplicates: Family<ModelLabel, Counter>,
    labels: Family<ModelLabel, Counter>,
    points: Family<ModelLabel, Counter>,
    points_duplicate: Family<ModelLabel, Counter>,
    refused: Family<ReasonLabel, Counter>,
}

impl Metrics {
    /// Counters at zero beside the sizes of a database.
    ///
    /// `gauge_window` is the length of the window whose values of models are told; none tells none.
    pub(super) fn new(monitor: Arc<Monitor>, gauge_window: Option<Duration>) -> Self {
        let mut registry = Registry::with_prefix("driftline");
        let version = ("version", env!("CARGO_PKG_VERSION"));
        registry.register("build", "The build that runs", Info::new(vec![version]));
        let predictions = Family::default();
        let help = "Predictions stored since the server started";
        registry.register("predictions_ingested", help, predictions.clone());
        let duplicates = Family::default();
        let help = "Predictions not stored because their id was known";
        registry.register("predictions_duplicate", help, duplicates.clone());
        let labels = Family::default();
        let help = "Labels taken since the server started, repeated ones included";
        registry.register("labels_ingested", help, labels.clone());
        let points = Family::default();
        let help = "Points of metric series stored since the server started";
        registry.register("series_points_ingested", help, points.clone());
        let points_duplicate = Family::default();
        let help = "Points of metric series not stored because they were known";
        registry.register("series_points_duplicate", help, points_duplicate.clone());
        let refused = Family::default();
        let help = "Requests answered with an error, by its reason";
        registry.register("requests_refused", help, refused.clone());
        monitor.alerts().meters().register(&mut registry);
        let latest = gauge_window.map(|window| Latest {
            monitor: monitor.clone(),
            window: i64::try_from(window.as_micros()).unwrap_or(i64::MAX),
            known: Mutex::new(None),
        });
        registry.register_collector(Box::new(Sizes(monitor)));
        Self {
            registry,
            latest,
            predictions,
            duplicates,
            labels,
            points,
            points_duplicate,
            refused,
        }
    }

    /// Counts stored predictions. Models exist, so their number is bounded.
    pub(super) fn predictions(&self, model: &str, accepted: u64, duplicates: u64) {
        let label = ModelLabel { model: model.to_owned() };
        self.predictions.get_or_create(&label).inc_by(accepted);
        self.duplicates.get_or_create(&label).inc_by(duplicates);
    }

    /// Counts taken labels.
    pub(super) fn labels(&self, model: &str, labels: u64) {
        self.labels.get_or_create(&ModelLabel { model: model.to_owned() }).inc_by(labels);
    }

    /// Counts stored points of metric series.
    pub(super) fn points(&self, model: &str, accepted: u64, duplicates: u64) {
        let label = ModelLabel { model: model.to_owned() };
        self.points.get_or_create(&label).inc_by(accepted);
        self.points_duplicate.get_or_create(&label).inc_by(duplicates);
    }

    /// Counts a request that was answered with an error.
    pub(super) fn refused(&self, kind: ErrorKind) {
        let reason = wire::error::reason(kind);
        self.refused.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// All metrics.
    pub(super) fn text(&self, exposition: Exposition) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        text::encode_registry(&mut out, &self.registry)?;
        if let Some(latest) = &self.latest {
            out.push_str(&latest.read().text);
        }
        text::encode_eof(&mut out)?;
        match exposition {
            Exposition::OpenMetrics => Ok(out),
            Exposition::Classic => classic(&out),
        }
    }
}

/// OpenMetrics as the older format: names of counters and infos have their suffix in the head too, and
/// there are neither units nor an end.
fn classic(open_metrics: &str) -> Result<String, std::fmt::Error> {
    let mut out = String::with_capacity(open_metrics.len());
    let mut lines = open_metrics.lines().peekable();
    // The help of a family stands before its type, which says the suffix.
    while let Some(line) = lines.next() {
        let next_type = lines.peek().copied().unwrap_or_default();
        let suffix = |type_line: &str| match type_line.rsplit(' ').next() {
            Some("counter") => "_total",
            Some("info") => "_info",
            _ => "",
        };
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
            writeln!(out, "# HELP {name}{} {help}", suffix(next_type))?;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
            let kind = if kind == "info" { "gauge" } else { kind };
            writeln!(out, "# TYPE {name}{} {kind}", suffix(line))?;
        } else if !line.starts_with('#') {
            writeln!(out, "{line}")?;
        }
    }
    Ok(out)
}

/// The latest values of models, computed again when a scrape finds them old.
#[derive(Debug)]
struct Latest {
    monitor: Arc<Monitor>,
    /// In microseconds.
    window: i64,
    known: Mutex<Option<Known>>,
}

/// What was computed, and when.
#[derive(Debug, Clone)]
struct Known {
    at: Instant,
    /// In OpenMetrics.
    text: Arc<str>,
}

impl Latest {
    fn read(&self) -> Known {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_young = |known: &Known| known.at.elapsed() < limits::GAUGES_AGE_MAX;
        if let Some(known) = known.as_ref().filter(|known| is_young(known)) {
            return known.clone();
        }
        let time = limits::GAUGES_TIME_MAX;
        let (gauges, left_out) = gauges(&self.monitor, now_micros(), self.window, time);
        let mut text = String::new();
        for Gauge { metric, samples } in &gauges {
            let samples = samples.iter().map(|(labels, value)| (labels, *value));
            write_family(&mut text, *metric, samples, None);
        }
        text.push_str(
            "# HELP driftline_models_left_out Models that a scrape tells nothing of, for their number \
             or for want of time\n# TYPE driftline_models_left_out gauge\n",
        );
        text.push_str(&format!("driftline_models_left_out {left_out}\n"));
        write_alerts(&mut text, &self.monitor);
        let fresh = Known { at: Instant::now(), text: text.into() };
        *known = Some(fresh.clone());
        fresh
    }
}

/// The alerts that are pending or fire, at most [`limits::GAUGE_ALERTS_MAX`].
fn write_alerts(out: &mut String, monitor: &Monitor) {
    let filter = AlertFilter {
        states: vec![AlertState::Pending, AlertState::Firing],
        limit: Some(limits::GAUGE_ALERTS_MAX),
        ..AlertFilter::default()
    };
    let open = match monitor.alerts().list(&filter) {
        Ok(open) => open,
        Err(error) => {
            tracing::warn!(%error, "a scrape leaves alerts out");
            return;
        }
    };
    let alerts = open.iter().map(|info| {
        let labels = [
            ("rule", info.rule.as_str()),
            ("model", info.model.as_deref().unwrap_or_default()),
            ("version", info.version.as_deref().unwrap_or_default()),
            ("feature", info.feature.as_deref().unwrap_or_default()),
            ("severity", info.severity.name()),
            ("state", info.state.name()),
        ];
        let labels = Labels::new(labels);
        format!("driftline_alert_state{labels} 1\n")
    });
    out.push_str(
        "# HELP driftline_alert_state Alerts that are pending or fire\n\
         # TYPE driftline_alert_state gauge\n",
    );
    out.extend(alerts);
}

/// The sizes of a database, taken when they are read.
#[derive(Debug)]
struct Sizes(Arc<Monitor>);

impl Collector for Sizes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let stats = self.0.stats();
        let seal_failed = u64::from(stats.seal_failed);
        let stopped = u64::from(self.0.check_writable().is_err());
        let gauges = [
            ("segments", "Segments on disk", None, stats.segments),
            ("segment_rows", "Predictions in segments", None, stats.segment_rows),
            ("segment", "Size of the files of segments", Some(Unit::Bytes), stats.segment_bytes),
            ("head_rows", "Predictions in memory and in the log", None, stats.head_rows),
            ("series_points", "Points of metric series", None, stats.series_points),
            ("head", "Approximate size of the head in memory", Some(Unit::Bytes), stats.head_bytes),
            ("labels_waiting", "Labels whose prediction has not come", None, stats.waiting_labels),
            ("files", "Files of segments; small segments share packs", None, stats.files),
            (
                "log_damages",
                "Stretches of the log that did not check at open",
                None,
                stats.log_damage,
            ),
            ("seal_failed", "Whether the last seal failed and is tried again", None, seal_failed),
            ("writes_stopped", "Whether writes are refused until reopening", None, stopped),
        ];
        for (name, help, unit, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let metric =
                encoder.encode_descriptor(name, help, unit.as_ref(), gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        let written = &stats.written;
        let rewritten = written.rewritten_bytes;
        let counters = [
            (
                "labels_dropped",
                "Labels dropped because their prediction never came",
                None,
                stats.dropped_labels,
            ),
            (
                "ingested",
                "Rows and labels as they came in",
                Some(Unit::Bytes),
                written.ingested_bytes,
            ),
            ("logged", "Log frames written", Some(Unit::Bytes), written.log_bytes),
            ("sealed", "Files written by seals", Some(Unit::Bytes), written.sealed_bytes),
            ("rewritten", "Files written again by maintenance", Some(Unit::Bytes), rewritten),
        ];
        for (name, help, unit, value) in counters {
            let counter = ConstCounter::new(value);
            let metric =
                encoder.encode_descriptor(name, help, unit.as_ref(), counter.metric_type())?;
            counter.encode(metric)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_format_has_suffixes_in_the_head_and_neither_units_nor_an_end() {
        let open = "# HELP a_b Things.\n# TYPE a_b counter\na_b_total{x=\"# HELP\"} 1\n\
                    # HELP c Info.\n# TYPE c info\nc_info{v=\"1\"} 1\n\
                    # HELP d_bytes Size.\n# TYPE d_bytes gauge\n# UNIT d_bytes bytes\nd_bytes 2\n# EOF\n";
        let want = "# HELP a_b_total Things.\n# TYPE a_b_total counter\na_b_total{x=\"# HELP\"} 1\n\
                    # HELP c_info Info.\n# TYPE c_info gauge\nc_info{v=\"1\"} 1\n\
                    # HELP d_bytes Size.\n# TYPE d_bytes gauge\nd_bytes 2\n";
        assert_eq!(classic(open).as_deref(), Ok(want));
        assert_eq!(Exposition::accepted(""), Exposition::OpenMetrics);
        assert_eq!(Exposition::accepted("text/plain;version=0.0.4"), Exposition::Classic);
        let both = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
        assert_eq!(Exposition::accepted(both), Exposition::OpenMetrics);
    }
}
