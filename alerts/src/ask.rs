//! From rules to queries. Rules that ask of the same windows share one.

use driftline_query::{
    Correction, DriftReport, DriftRequest, Method, Metric, OperationsReport, OperationsRequest,
    PerformanceReport, PerformanceRequest, QualityReport, QualityRequest, Scope, ShareOptions,
};
use driftline_storage::{Result, TimeRange};

use crate::{
    answers::Answers,
    figure::{Figure, SinceTraining},
    rule::{Measure, Rule},
    training::{TrainingReport, TrainingRequest, since_training},
};

/// A query, without its interval.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// How far features moved.
    Drift(DriftRequest),
    /// How good predictions were, and how many came.
    Performance(PerformanceRequest),
    /// What columns hold.
    Quality(QualityRequest),
    /// How the model was served.
    Operations(OperationsRequest),
    /// What came since the last training.
    Training(TrainingRequest),
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// How far features moved.
    Drift(DriftReport),
    /// How good predictions were, and how many came.
    Performance(PerformanceReport),
    /// What columns hold.
    Quality(QualityReport),
    /// How the model was served.
    Operations(OperationsReport),
    /// What came since the last training.
    Training(TrainingReport),
}

impl Ask {
    /// What a rule asks of each of its windows; none of a figure that no query answers.
    pub fn of(rule: &Rule, measure: &Measure) -> Option<Self> {
        let scope = Scope {
            model: measure.model.clone(),
            version: measure.version.clone(),
            conditions: measure.slice.clone(),
            ..Scope::default()
        };
        let drift = |method: Method, share: Option<ShareOptions>| {
            Self::Drift(DriftRequest {
                scope: scope.clone(),
                methods: vec![method],
                features: measure.features.clone(),
                reference: measure.reference.clone(),
                exact: measure.exact,
                details: rule.when.p_value && method == Method::Psi,
                share,
                ..DriftRequest::default()
            })
        };
        match measure.figure {
            Figure::Drift(method) => Some(drift(method, None)),
            Figure::DriftShare(method) => {
                let options = ShareOptions {
                    correction: measure.correction,
                    threshold: measure.threshold,
                    min_samples: rule.min_samples,
                };
                Some(drift(method, Some(options)))
            }
            Figure::Performance(metric) => Some(performance(scope, Some(metric))),
            Figure::Volume(_) => Some(performance(scope, None)),
            Figure::Column(figure) => Some(Self::Quality(QualityRequest {
                scope,
                counts_only: figure.is_of_counts(),
                features: measure.features.clone(),
                reference: measure.reference.clone(),
                ..QualityRequest::default()
            })),
            Figure::Operations(figure) => Some(Self::Operations(OperationsRequest {
                scope,
                percentiles: figure.percentile().into_iter().collect(),
                exact: measure.exact && figure.percentile().is_some(),
                ..OperationsRequest::default()
            })),
            Figure::SinceTraining(figure) => Some(Self::Training(TrainingRequest {
                scope,
                reference: measure.reference.clone(),
                counts: figure != SinceTraining::ReferenceAge,
            })),
        }
    }

    /// Takes up what another asks if one query can answer both. Returns whether it could.
    pub fn merge(&mut self, other: &Self) -> bool {
        match (self, other) {
            (Self::Drift(one), Self::Drift(other)) => {
                let bare = |request: &DriftRequest| DriftRequest {
                    methods: Vec::new(),
                    features: Vec::new(),
                    ..request.clone()
                };
                // A share is of the columns that were asked for, by its method alone.
                let mergeable = bare(one) == bare(other)
                    && (one.share.is_none() || one.features == other.features);
                if mergeable {
                    union(&mut one.methods, &other.methods);
                    union_or_all(&mut one.features, &other.features);
                }
                mergeable
            }
            (Self::Performance(one), Self::Performance(other)) => {
                let mergeable = one.scope == other.scope;
                if mergeable {
                    union(&mut one.metrics, &other.metrics);
                }
                mergeable
            }
            (Self::Quality(one), Self::Quality(other)) => {
                let mergeable = one.scope == other.scope && one.reference == other.reference;
                if mergeable {
                    union_or_all(&mut one.features, &other.features);
                    one.counts_only &= other.counts_only;
                }
                mergeable
            }
            (Self::Operations(one), Self::Operations(other)) => {
                let mergeable =
                    one.scope == other.scope && one.ok == other.ok && one.exact == other.exact;
                if mergeable {
                    union(&mut one.percentiles, &other.percentiles);
                }
                mergeable
            }
            (Self::Training(one), Self::Training(other)) => {
                let mergeable = one.scope == other.scope && one.reference == other.reference;
                one.counts |= mergeable && other.counts;
                mergeable
            }
            _ => false,
        }
    }

    fn scope(&self) -> &Scope {
        match self {
            Self::Drift(request) => &request.scope,
            Self::Performance(request) => &request.scope,
            Self::Quality(request) => &request.scope,
            Self::Operations(request) => &request.scope,
            Self::Training(request) => &request.scope,
        }
    }

    /// The model that is asked about.
    pub fn model(&self) -> &str {
        &self.scope().model
    }

    /// Results of each window, where the model has so many columns.
    pub(crate) fn results(&self, columns: usize) -> usize {
        let of = |features: &[String]| if features.is_empty() { columns } else { features.len() };
        match self {
            Self::Drift(request) => of(&request.features) * request.methods.len().max(1),
            Self::Performance(request) => request.metrics.len().max(1),
            // A profile is some ten times as large as a result.
            Self::Quality(request) => of(&request.features) * 10,
            Self::Operations(request) => request.percentiles.len() + 10,
            Self::Training(_) => 1,
        }
    }

    /// Asks for an interval, as one window or as a series.
    ///
    /// # Errors
    /// As the query has them.
    pub fn answer(
        &self,
        interval: TimeRange,
        step: Option<i64>,
        answers: &dyn Answers,
    ) -> Result<Answer> {
        let scope = Scope { from: interval.start, to: interval.end, step, ..self.scope().clone() };
        Ok(match self {
            Self::Drift(request) => {
                Answer::Drift(answers.drift(&DriftRequest { scope, ..request.clone() })?)
            }
            Self::Performance(request) => {
                let request = PerformanceRequest { scope, ..request.clone() };
                Answer::Performance(answers.performance(&request)?)
            }
            Self::Quality(request) => {
                Answer::Quality(answers.quality(&QualityRequest { scope, ..request.clone() })?)
            }
            Self::Operations(request) => {
                let request = OperationsRequest { scope, ..request.clone() };
                Answer::Operations(answers.operations(&request)?)
            }
            Self::Training(request) => {
                let request = TrainingRequest { scope, ..request.clone() };
                Answer::Training(since_training(&request, answers)?)
            }
        })
    }
}

/// The scope has no metric of its own where only the volume is asked for: the answer then has that of
/// the model's task, which costs little.
fn performance(scope: Scope, metric: Option<Metric>) -> Ask {
    let metrics = metric.into_iter().collect();
    Ask::Performance(PerformanceRequest { scope, metrics, ..PerformanceRequest::default() })
}

fn union<T: PartialEq + Clone>(one: &mut Vec<T>, other: &[T]) {
    for wanted in other {
        if !one.contains(wanted) {
            one.push(wanted.clone());
        }
    }
}

/// As [`union`], where nothing means all.
fn union_or_all(one: &mut Vec<String>, other: &[String]) {
    if other.is_empty() {
        one.clear();
    } else if !one.is_empty() {
        union(one, other);
    }
}

/// Whether p-values of a correction are adjusted here, over the features of one rule.
pub(crate) fn adjust(correction: Correction, p_values: &[f64]) -> Option<Vec<f64>> {
    match correction {
        Correction::None => None,
        Correction::Bonferroni => driftline_query::stats::bonferroni(p_values).ok(),
        Correction::BenjaminiHochberg => driftline_query::stats::benjamini_hochberg(p_values).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::rule;

    fn ask(keys: &str) -> Ask {
        let rule = rule(&format!("window = \"1d\"\n{keys}"));
        Ask::of(&rule, rule.measure().expect("a metric")).expect("a query")
    }

    #[test]
    fn rules_about_the_same_windows_share_a_query() {
        let mut psi = ask("metric = \"psi\"\nwhen = \"> 0.2\"\nfeature = \"a\"");
        assert!(psi.merge(&ask("metric = \"js\"\nwhen = \"> 0.1\"\nfeature = [\"a\", \"b\"]")));
        let Ask::Drift(request) = &psi else { panic!("drift") };
        assert_eq!((request.methods.len(), request.features.len()), (2, 2));
        assert!(psi.merge(&ask("metric = \"psi\"\nwhen = \"> 0.2\"")));
        let Ask::Drift(request) = &psi else { panic!("drift") };
        assert!(request.features.is_empty(), "all");
        for other in [
            "metric = \"psi\"\nwhen = \"> 0.2\"\nreference = \"r\"",
            "metric = \"psi\"\nwhen = \"> 0.2\"\nversion = \"1\"",
            "metric = \"drift_share\"\nwhen = \"> 0.2\"",
            "metric = \"ks\"\nwhen = \"> 0.2\"\nexact = true",
            "metric = \"mean\"\nwhen = \"> 0.2\"",
            "metric = \"accuracy\"\nwhen = \"< 0.2\"",
        ] {
            assert!(!psi.merge(&ask(other)), "{other}");
        }
        let mut volume = ask("metric = \"predictions\"\nwhen = \"< 1\"");
        assert!(volume.merge(&ask("metric = \"recall\"\nwhen = \"< 0.2\"")));
        assert!(
            matches!(&volume, Ask::Performance(request) if request.metrics == [Metric::Recall])
        );
    }
}
