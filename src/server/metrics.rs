//! What the server counts, and how Prometheus reads it together with the sizes of the database.

use std::sync::Arc;

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

use crate::{Monitor, wire};

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
    predictions: Family<ModelLabel, Counter>,
    duplicates: Family<ModelLabel, Counter>,
    labels: Family<ModelLabel, Counter>,
    points: Family<ModelLabel, Counter>,
    points_duplicate: Family<ModelLabel, Counter>,
    refused: Family<ReasonLabel, Counter>,
}

impl Metrics {
    /// Counters at zero beside the sizes of a database.
    pub(super) fn new(monitor: Arc<Monitor>) -> Self {
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
        registry.register_collector(Box::new(Sizes(monitor)));
        Self { registry, predictions, duplicates, labels, points, points_duplicate, refused }
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

    /// All metrics in the OpenMetrics text format.
    pub(super) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
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
