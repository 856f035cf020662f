//! Operations between two operands, and which series of one stands against which of the other.

use std::collections::HashMap;

use crate::{
    error::{Error, Result},
    labels::Labels,
    series::{Series, check_size, joined},
};

/// What is done with two values, or with two sets of series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Atan2,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
    Unless,
}

impl Operation {
    /// All of them, by how they are written.
    pub(crate) const ALL: [(&'static str, Self); 16] = [
        ("+", Self::Add),
        ("-", Self::Subtract),
        ("*", Self::Multiply),
        ("/", Self::Divide),
        ("%", Self::Modulo),
        ("^", Self::Power),
        ("atan2", Self::Atan2),
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<", Self::Less),
        ("<=", Self::LessEqual),
        (">", Self::Greater),
        (">=", Self::GreaterEqual),
        ("and", Self::And),
        ("or", Self::Or),
        ("unless", Self::Unless),
    ];

    pub(crate) fn is_of_sets(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }

    pub(crate) fn is_comparison(self) -> bool {
        self.compare(0.0, 0.0).is_some()
    }

    fn compare(self, left: f64, right: f64) -> Option<bool> {
        Some(match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterEqual => left >= right,
            _ => return None,
        })
    }

    /// Of two numbers: a comparison gives 1 or 0.
    pub(crate) fn of(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Modulo => left % right,
            Self::Power => left.powf(right),
            Self::Atan2 => left.atan2(right),
            _ => self.compare(left, right).map_or(f64::NAN, |is| if is { 1.0 } else { 0.0 }),
        }
    }

    /// Of two values of which `kept` is that of the series: a comparison without `bool` keeps it or
    /// drops the sample.
    fn keep(self, left: f64, right: f64, kept: f64, as_number: bool) -> Option<f64> {
        match self.compare(left, right) {
            Some(is) if !as_number => is.then_some(kept),
            _ => Some(self.of(left, right)),
        }
    }
}

/// Which series of two sides may stand against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cardinality {
    OneToOne,
    /// `group_left`
    ManyToOne,
    /// `group_right`
    OneToMany,
}

/// How the series of two sides find each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matching {
    /// Whether `labels` are those that count (`on`), or those that do not (`ignoring`).
    pub(crate) on: bool,
    pub(crate) labels: Vec<String>,
    pub(crate) cardinality: Cardinality,
    /// Labels that the one side gives to the many.
    pub(crate) include: Vec<String>,
    /// Whether a comparison gives 1 or 0 instead of dropping samples.
    pub(crate) as_number: bool,
}

impl Matching {
    fn key(&self, labels: &Labels) -> Labels {
        if self.on { labels.only(&self.labels) } else { labels.without(&self.labels) }
    }

    /// The labels of a result of a series of the many side (or of the left) with one of the other.
    fn labels_of(&self, operation: Operation, many: &Labels, one: &Labels) -> Labels {
        let drops_name = self.as_number || !operation.is_comparison();
        let mut labels = if drops_name { many.unnamed() } else { many.clone() };
        if self.cardinality == Cardinality::OneToOne {
            labels =
                if self.on { labels.only(&self.labels) } else { labels.dropping(&self.labels) };
        }
        for name in &self.include {
            labels.set(name.as_str().into(), one.get(name).into());
        }
        labels
    }
}

/// A vector with a scalar on one side. `flipped` says that the scalar stands left.
pub(crate) fn with_scalar(
    operation: Operation,
    mut vector: Vec<Series>,
    scalar: &[f64],
    flipped: bool,
    as_number: bool,
) -> Result<Vec<Series>> {
    for series in &mut vector {
        if as_number || !operation.is_comparison() {
            series.labels = series.labels.unnamed();
        }
        for (value, scalar) in series.values.iter_mut().zip(scalar) {
            let Some(known) = *value else { continue };
            let (left, right) = if flipped { (*scalar, known) } else { (known, *scalar) };
            *value = operation.keep(left, right, known, as_number);
        }
    }
    joined(vector)
}

/// Two vectors.
///
/// # Errors
/// `Execution` if a series has several partners and the query does not say that it may.
pub(crate) fn of_vectors(
    operation: Operation,
    left: Vec<Series>,
    right: Vec<Series>,
    matching: &Matching,
) -> Result<Vec<Series>> {
    if operation.is_of_sets() {
        return Ok(of_sets(operation, left, right, matching));
    }
    let flipped = matching.cardinality == Cardinality::OneToMany;
    let (many, one) = if flipped { (right, left) } else { (left, right) };
    let mut partners: HashMap<Labels, Vec<Series>> = HashMap::new();
    for series in one {
        partners.entry(matching.key(&series.labels)).or_default().push(series);
    }
    check_single(&partners, &many, flipped)?;
    let mut results = Vec::new();
    let mut taken: HashMap<Labels, Vec<bool>> = HashMap::new();
    for series in many {
        let key = matching.key(&series.labels);
        let Some(partners) = partners.get(&key) else { continue };
        let taken = taken.entry(key).or_insert_with(|| vec![false; series.values.len()]);
        for partner in partners {
            let mut values = vec![None; series.values.len()];
            let pairs = series
                .values
                .iter()
                .zip(&partner.values)
                .zip(values.iter_mut())
                .zip(taken.iter_mut());
            for (((many, one), result), taken) in pairs {
                let (Some(many), Some(one)) = (*many, *one) else { continue };
                let (left, right) = if flipped { (one, many) } else { (many, one) };
                *result = operation.keep(left, right, left, matching.as_number);
                let is_pair = result.is_some() && matching.cardinality == Cardinality::OneToOne;
                // A sample that a comparison drops takes no partner.
                if is_pair && std::mem::replace(taken, true) {
                    let text = format!(
                        "several series of the left side match {}; say group_left or group_right, \
                         or aggregate them",
                        partner.labels
                    );
                    return Err(Error::execution(text));
                }
            }
            if values.iter().any(Option::is_some) {
                let labels = matching.labels_of(operation, &series.labels, &partner.labels);
                results.push(Series { labels, values });
            }
        }
        check_size("an operator", results.len(), series.values.len())?;
    }
    joined(results)
}

/// Refuses two series of the one side that match alike and have a sample at the same instant, unless the
/// many side has none there at all.
fn check_single(
    partners: &HashMap<Labels, Vec<Series>>,
    many: &[Series],
    flipped: bool,
) -> Result<()> {
    let has =
        |series: &Series, instant: usize| series.values.get(instant).copied().flatten().is_some();
    for alike in partners.values().filter(|alike| alike.len() > 1) {
        let instants = alike.first().map_or(0, |series| series.values.len());
        for instant in 0..instants {
            let mut there = alike.iter().filter(|series| has(series, instant));
            let (Some(one), Some(other)) = (there.next(), there.next()) else { continue };
            if many.iter().any(|series| has(series, instant)) {
                let side = if flipped { "left" } else { "right" };
                let text = format!(
                    "{} and {} of the {side} side match the same series; tell them apart by on(..) or \
                     aggregate them",
                    one.labels, other.labels
                );
                return Err(Error::execution(text));
            }
        }
    }
    Ok(())
}

fn of_sets(
    operation: Operation,
    mut left: Vec<Series>,
    mut right: Vec<Series>,
    matching: &Matching,
) -> Vec<Series> {
    let present = |all: &[Series]| {
        let mut present: HashMap<Labels, Vec<bool>> = HashMap::new();
        for series in all {
            let key = matching.key(&series.labels);
            let known = present.entry(key).or_insert_with(|| vec![false; series.values.len()]);
            for (known, value) in known.iter_mut().zip(&series.values) {
                *known |= value.is_some();
            }
        }
        present
    };
    let retain = |all: &mut Vec<Series>, other: &HashMap<Labels, Vec<bool>>, wanted: bool| {
        for series in all.iter_mut() {
            let key = matching.key(&series.labels);
            let other = other.get(&key);
            for (instant, value) in series.values.iter_mut().enumerate() {
                let there = other.and_then(|other| other.get(instant)).copied().unwrap_or(false);
                if there != wanted {
                    *value = None;
                }
            }
        }
        all.retain(|series| series.values.iter().any(Option::is_some));
    };
    match operation {
        Operation::Or => {
            retain(&mut right, &present(&left), false);
            // A series that both sides have goes on where the left one has gaps.
            let places: HashMap<Labels, usize> =
                left.iter().enumerate().map(|(place, of)| (of.labels.clone(), place)).collect();
            for series in right {
                let known = places.get(&series.labels).and_then(|place| left.get_mut(*place));
                match known {
                    Some(known) => {
                        for (known, value) in known.values.iter_mut().zip(series.values) {
                            *known = known.or(value);
                        }
                    }
                    None => left.push(series),
                }
            }
        }
        _ => retain(&mut left, &present(&right), operation == Operation::And),
    }
    left
}
