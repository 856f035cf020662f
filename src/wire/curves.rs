//! Curves of performance: thresholds, reliability bins, quantiles of residuals.

use driftline_proto::v1;
use driftline_query::{
    Curve, CurveOptions, Curves, ReliabilityPoint, ResidualQuantile, ThresholdPoint,
    stats::BinaryCells,
};

/// Reads which curves a question wants.
pub(super) fn curve_options(request: &v1::QueryPerformanceRequest) -> CurveOptions {
    let bins = |bins: u32| usize::try_from(bins).unwrap_or(usize::MAX);
    CurveOptions {
        thresholds: request.thresholds.clone(),
        reliability: request.reliability_bins.map(bins),
        residual_quantiles: request.residual_quantiles.clone(),
    }
}

/// A number of bins for the wire.
pub(super) fn write_bins(bins: usize) -> u32 {
    u32::try_from(bins).unwrap_or(u32::MAX)
}

/// Reads the curves of a window, which are taken out of it.
pub(super) fn curves(window: &mut v1::PerformanceWindow) -> Curves {
    let sweep = window.sweep.take().map(|sweep| Curve {
        points: sweep.points.into_iter().map(threshold_point).collect(),
        undefined: sweep.undefined,
    });
    let reliability = window.reliability.take().map(|diagram| Curve {
        points: diagram.bins.into_iter().map(reliability_point).collect(),
        undefined: diagram.undefined,
    });
    let quantile = |quantile: v1::ResidualQuantile| ResidualQuantile {
        probability: quantile.probability,
        value: quantile.value,
        undefined: quantile.undefined,
    };
    let quantiles = std::mem::take(&mut window.residual_quantiles);
    let residual_quantiles = quantiles.into_iter().map(quantile).collect();
    Curves { sweep, reliability, residual_quantiles }
}

/// Writes the curves of a window.
pub(super) fn write_curves(curves: Curves, window: &mut v1::PerformanceWindow) {
    window.sweep = curves.sweep.map(|sweep| v1::ThresholdSweep {
        points: sweep.points.iter().map(write_threshold_point).collect(),
        undefined: sweep.undefined,
    });
    window.reliability = curves.reliability.map(|diagram| v1::ReliabilityDiagram {
        bins: diagram.points.iter().map(write_reliability_point).collect(),
        undefined: diagram.undefined,
    });
    let quantile = |quantile: ResidualQuantile| v1::ResidualQuantile {
        probability: quantile.probability,
        value: quantile.value,
        undefined: quantile.undefined,
    };
    window.residual_quantiles = curves.residual_quantiles.into_iter().map(quantile).collect();
}

fn threshold_point(point: v1::ThresholdPoint) -> ThresholdPoint {
    ThresholdPoint {
        threshold: point.threshold,
        cells: BinaryCells {
            true_positives: point.true_positives,
            false_positives: point.false_positives,
            false_negatives: point.false_negatives,
            true_negatives: point.true_negatives,
        },
        open: point.open,
        precision: point.precision,
        recall: point.recall,
        f1: point.f1,
    }
}

fn write_threshold_point(point: &ThresholdPoint) -> v1::ThresholdPoint {
    v1::ThresholdPoint {
        threshold: point.threshold,
        true_positives: point.cells.true_positives,
        false_positives: point.cells.false_positives,
        false_negatives: point.cells.false_negatives,
        true_negatives: point.cells.true_negatives,
        open: point.open,
        precision: point.precision,
        recall: point.recall,
        f1: point.f1,
    }
}

fn reliability_point(bin: v1::ReliabilityBin) -> ReliabilityPoint {
    ReliabilityPoint {
        lower: bin.lower,
        upper: bin.upper,
        rows: bin.rows,
        positives: bin.positives,
        mean_score: bin.mean_score,
        observed: bin.observed,
        observed_lower: bin.observed_lower,
        observed_upper: bin.observed_upper,
    }
}

fn write_reliability_point(point: &ReliabilityPoint) -> v1::ReliabilityBin {
    v1::ReliabilityBin {
        lower: point.lower,
        upper: point.upper,
        rows: point.rows,
        positives: point.positives,
        mean_score: point.mean_score,
        observed: point.observed,
        observed_lower: point.observed_lower,
        observed_upper: point.observed_upper,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_come_back() {
        let cells = BinaryCells {
            true_positives: 1,
            false_positives: 2,
            false_negatives: 3,
            true_negatives: 4,
        };
        let point = ThresholdPoint {
            threshold: 0.25,
            cells,
            open: 5,
            precision: Some(0.5),
            recall: None,
            f1: Some(0.125),
        };
        let bin = ReliabilityPoint {
            lower: 0.5,
            upper: 1.0,
            rows: 7,
            positives: 6,
            mean_score: Some(0.75),
            observed: Some(0.5),
            observed_lower: None,
            observed_upper: Some(1.0),
        };
        let quantile = |value: Option<f64>, undefined: Option<&str>| ResidualQuantile {
            probability: 0.5,
            value,
            undefined: undefined.map(str::to_owned),
        };
        let why = || Some("no labels".to_owned());
        let asked = Curves {
            sweep: Some(Curve { points: vec![point], undefined: None }),
            reliability: Some(Curve { points: vec![bin], undefined: None }),
            residual_quantiles: vec![quantile(Some(-1.5), None), quantile(None, Some("no labels"))],
        };
        let lacking = Curves {
            sweep: Some(Curve { points: Vec::new(), undefined: why() }),
            reliability: Some(Curve { points: Vec::new(), undefined: why() }),
            residual_quantiles: Vec::new(),
        };
        for want in [asked, lacking, Curves::default()] {
            let mut wire = v1::PerformanceWindow::default();
            write_curves(want.clone(), &mut wire);
            assert_eq!(curves(&mut wire), want);
        }
    }
}
