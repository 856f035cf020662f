//! Metrics of a confusion matrix and of error sums, which partials give whatever the window.

use driftline_storage::ErrorSums;

use crate::{
    metric::{LEVEL, Metric},
    report::MetricResult,
    stats::{
        BinaryCells, Bounded, Confusion, Interval, Measured, OfClass, PerClass, Proportion,
        RegressionSums, Undefined,
    },
};

/// Means over all classes of a matrix, by the names that reports give them.
const MEANS: [(&str, OfClass<'static>); 3] =
    [("macro", OfClass::Macro), ("micro", OfClass::Micro), ("weighted", OfClass::Weighted)];

/// A metric's value, with its interval where it has one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Value {
    value: f64,
    /// How far the value of the rows is from it at most, but for rounding.
    error_bound: f64,
    interval: Option<Interval>,
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self { value, error_bound: 0.0, interval: None }
    }
}

impl From<Bounded> for Value {
    fn from(bounded: Bounded) -> Self {
        let (value, error_bound) = (bounded.value(), bounded.error_bound());
        Self { value, error_bound, interval: None }
    }
}

impl Value {
    /// A value with the interval at 95 % that `interval` gives; it may have none.
    pub(crate) fn with(value: f64, interval: impl FnOnce(f64) -> Measured<Interval>) -> Self {
        Self::from(value).and(interval)
    }

    /// The same value with an interval.
    pub(crate) fn and(self, interval: impl FnOnce(f64) -> Measured<Interval>) -> Self {
        Self { interval: interval(LEVEL).ok(), ..self }
    }

    fn share(value: f64, of: Proportion) -> Self {
        Self::with(value, |level| of.wilson(level))
    }
}

/// What is said of a metric, of a class or of all.
pub(crate) fn result(
    metric: Metric,
    class: Option<&str>,
    measured: Measured<Value>,
) -> MetricResult {
    let interval = measured.ok().and_then(|value| value.interval);
    MetricResult {
        metric,
        class: class.map(str::to_owned),
        value: measured.ok().map(|value| value.value),
        lower: interval.map(|interval| interval.low),
        upper: interval.map(|interval| interval.high),
        error_bound: measured.ok().map(|value| value.error_bound),
        exact: measured.is_ok_and(|value| value.error_bound == 0.0),
        undefined: measured.err().map(|undefined| undefined.to_string()),
        degradation: None,
    }
}

/// The matrix of a window, and how each of its classes sees it.
#[derive(Debug)]
pub(crate) struct Classified<'a> {
    confusion: &'a Confusion,
    per_class: Measured<PerClass<'a>>,
    /// Weight of recall in [`Metric::FBeta`].
    beta: f64,
}

impl<'a> Classified<'a> {
    pub(crate) fn new(confusion: &'a Confusion, beta: f64) -> Self {
        Self { confusion, per_class: PerClass::new(confusion), beta }
    }

    /// A metric that has one value of a matrix.
    pub(crate) fn whole(&self, metric: Metric) -> Measured<Value> {
        let per_class = self.per_class.as_ref().map_err(|undefined| *undefined);
        match metric {
            Metric::Accuracy => {
                Ok(Value::share(self.confusion.accuracy()?, per_class?.accuracy_of()))
            }
            Metric::BalancedAccuracy => per_class?.balanced_accuracy().map(Value::from),
            Metric::Mcc => self.confusion.mcc().map(Value::from),
            Metric::Kappa => self.confusion.kappa().map(Value::from),
            _ => Err(Undefined::NotClassification),
        }
    }

    /// A metric that each class has: of the positive class of a binary model, of each class, and the
    /// means over all classes, which have no interval.
    pub(crate) fn by_class(
        &self,
        metric: Metric,
        positive: Option<&Measured<String>>,
    ) -> Vec<MetricResult> {
        let of_positive = positive.map(|positive| {
            let class = positive.as_ref().map_err(|undefined| *undefined);
            result(metric, None, class.and_then(|class| self.of_class(metric, class)))
        });
        let classes = self.confusion.classes().iter();
        let of_classes =
            classes.map(|class| result(metric, Some(class), self.of_class(metric, class)));
        let means =
            MEANS.iter().map(|(name, of)| result(metric, Some(name), self.mean(metric, *of)));
        of_positive.into_iter().chain(of_classes).chain(means).collect()
    }

    fn of_class(&self, metric: Metric, class: &str) -> Measured<Value> {
        let per_class = self.per_class.as_ref().map_err(|undefined| *undefined)?;
        let cells = per_class.cells(class)?;
        let share = |value: Measured<f64>, of: fn(&BinaryCells) -> Proportion| {
            value.map(|value| Value::share(value, of(&cells)))
        };
        match metric {
            Metric::Precision => share(cells.precision(), BinaryCells::precision_of),
            Metric::Recall => share(cells.recall(), BinaryCells::recall_of),
            Metric::Specificity => share(cells.specificity(), BinaryCells::specificity_of),
            Metric::F1 => cells.f1().map(Value::from),
            Metric::FBeta => cells.f_beta(self.beta).map(Value::from),
            _ => Err(Undefined::NotClassification),
        }
    }

    fn mean(&self, metric: Metric, of: OfClass<'_>) -> Measured<Value> {
        let per_class = self.per_class.as_ref().map_err(|undefined| *undefined)?;
        let value = match metric {
            Metric::Precision => per_class.precision(of),
            Metric::Recall => per_class.recall(of),
            Metric::Specificity => per_class.specificity(of),
            Metric::F1 => per_class.f1(of),
            Metric::FBeta => per_class.f_beta(of, self.beta),
            _ => Err(Undefined::NotClassification),
        };
        value.map(Value::from)
    }
}

/// A metric of the sums of a regression's errors.
pub(crate) fn of_errors(metric: Metric, errors: &ErrorSums) -> Measured<Value> {
    let sums = RegressionSums {
        rows: u64::try_from(errors.n).unwrap_or(0),
        residual: errors.sum.value(),
        abs_residual: errors.sum_abs.value(),
        sq_residual: errors.sum_sq.value(),
        ..RegressionSums::default()
    };
    let value = match metric {
        Metric::Mae => sums.mae(),
        Metric::Rmse => sums.rmse(),
        Metric::ResidualMean => sums.residual_mean(),
        Metric::ResidualStd => sums.residual_std(),
        _ => Err(Undefined::NotRegression),
    };
    value.map(Value::from)
}
