//! Arguments of curves of performance.

use clap::Args;
use driftline_query::CurveOptions;
use driftline_storage::SCORE_BINS;

/// Curves wanted beside metrics.
#[derive(Debug, Clone, Default, Args)]
pub struct CurveArgs {
    /// What N thresholds from 0 on would do, evenly apart and each exact
    #[arg(long, value_name = "N", conflicts_with = "thresholds", value_parser = parse_sweep)]
    pub sweep: Option<u16>,
    /// What these thresholds would do, from 0 to 1; exact at multiples of 0.001
    #[arg(long, value_name = "T", value_delimiter = ',', value_parser = parse_share)]
    pub thresholds: Vec<f64>,
    /// How far scores are probabilities, in bins of equal width
    #[arg(long, value_name = "BINS", num_args = 0..=1, default_missing_value = "10")]
    pub reliability: Option<usize>,
    /// Quantiles of label - prediction of a regression, such as 0.05,0.5,0.95; reads rows
    #[arg(long, value_name = "P", value_delimiter = ',', value_parser = parse_share)]
    pub residual_quantiles: Vec<f64>,
}

impl CurveArgs {
    /// The options that they mean.
    pub fn options(&self) -> CurveOptions {
        let swept = |n: u16| -> Vec<f64> { (0..n).map(|k| even(k, n)).collect() };
        CurveOptions {
            thresholds: self.sweep.map_or_else(|| self.thresholds.clone(), swept),
            reliability: self.reliability,
            residual_quantiles: self.residual_quantiles.clone(),
        }
    }
}

/// The edge of a bin of scores that is nearest to `k / n`.
fn even(k: u16, n: u16) -> f64 {
    let bins = SCORE_BINS as f64;
    (f64::from(k) * bins / f64::from(n)).round() / bins
}

fn parse_sweep(text: &str) -> Result<u16, String> {
    match text.parse::<u16>() {
        Ok(n) if n > 0 && usize::from(n) <= SCORE_BINS => Ok(n),
        _ => Err(format!("must be a whole number from 1 to {SCORE_BINS}, such as 20")),
    }
}

fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("must be a number from 0 to 1, such as 0.5".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_of_a_sweep_are_edges_of_bins_and_ascend() {
        for n in [1, 3, 7, 20, 1_000] {
            let args = CurveArgs { sweep: Some(n), ..CurveArgs::default() };
            let thresholds = args.options().thresholds;
            assert_eq!((thresholds.len(), thresholds[0]), (usize::from(n), 0.0));
            assert!(thresholds.is_sorted_by(|a, b| a < b), "{n}");
            let edge = |t: &f64| (0..SCORE_BINS).any(|bin| *t == bin as f64 / SCORE_BINS as f64);
            assert!(thresholds.iter().all(edge), "{n}");
        }
    }
}
