//! Conditions: what a value is compared with, as people write it.
//!
//! ```text
//! condition = [ "p" ] ( ">" | ">=" | "<" | "<=" ) bound | "outside" bound ".." bound
//! bound     = NUMBER
//!           | "reference" [ ( "*" | "+" | "-" ) NUMBER ]
//!           | "history" ( "+" | "-" ) NUMBER "sd"
//! ```

use std::{fmt, str::FromStr};

/// What would work, for messages.
const FORMS: &str = "write > 0.2, <= 0.85, outside 0.1 .. 0.3, < reference - 0.05, \
                     > reference * 1.5, > history + 3 sd or p < 0.05";

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

impl Comparison {
    const ALL: [(&'static str, Self); 4] =
        [(">=", Self::AtLeast), ("<=", Self::AtMost), (">", Self::Above), ("<", Self::Below)];

    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
        }
    }

    /// Whether a value breaches a limit.
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Above => value > limit,
            Self::AtLeast => value >= limit,
            Self::Below => value < limit,
            Self::AtMost => value <= limit,
        }
    }

    /// Whether large values breach.
    pub fn is_upward(self) -> bool {
        matches!(self, Self::Above | Self::AtLeast)
    }
}

/// What a value is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// A number.
    Constant(f64),
    /// The same figure of the reference times `factor`, plus `shift`.
    Reference {
        /// Times this.
        factor: f64,
        /// Plus this, in the figure's unit.
        shift: f64,
    },
    /// The mean of the rule's recent values plus so many of their standard deviations.
    History {
        /// Standard deviations, negative below the mean.
        deviations: f64,
    },
}

/// A test of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Test {
    /// One limit.
    Compare(Comparison, Bound),
    /// Below the first or above the second.
    Outside(Bound, Bound),
}

/// When a rule is breached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    /// Whether the p-value is tested, not the value.
    pub p_value: bool,
    /// The test.
    pub test: Test,
}

impl Condition {
    /// A value of at least so much.
    pub fn at_least(limit: f64) -> Self {
        let test = Test::Compare(Comparison::AtLeast, Bound::Constant(limit));
        Self { p_value: false, test }
    }

    /// Its bounds, one or two.
    pub fn bounds(&self) -> impl Iterator<Item = Bound> {
        let (first, second) = match self.test {
            Test::Compare(_, bound) => (bound, None),
            Test::Outside(low, high) => (low, Some(high)),
        };
        std::iter::once(first).chain(second)
    }

    /// Whether it needs the figure of the reference.
    pub fn needs_reference(&self) -> bool {
        self.bounds().any(|bound| matches!(bound, Bound::Reference { .. }))
    }

    /// Whether it needs the rule's recent values.
    pub fn needs_history(&self) -> bool {
        self.bounds().any(|bound| matches!(bound, Bound::History { .. }))
    }
}

/// A number without a row of zeros, which reads back as itself.
struct Plain(f64);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value) = self;
        if *value == 0.0 || (1e-6..1e15).contains(&value.abs()) {
            write!(f, "{value}")
        } else {
            write!(f, "{value:e}")
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signed = |value: f64| (if value < 0.0 { '-' } else { '+' }, value.abs());
        match *self {
            Self::Constant(value) => write!(f, "{}", Plain(value)),
            Self::Reference { factor, shift } if shift != 0.0 => {
                debug_assert!(factor == 1.0, "a bound has a factor or a shift");
                let (sign, size) = signed(shift);
                write!(f, "reference {sign} {}", Plain(size))
            }
            Self::Reference { factor, .. } if factor != 1.0 => {
                write!(f, "reference * {}", Plain(factor))
            }
            Self::Reference { .. } => write!(f, "reference"),
            Self::History { deviations } => {
                let (sign, size) = signed(deviations);
                write!(f, "history {sign} {} sd", Plain(size))
            }
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.p_value {
            write!(f, "p ")?;
        }
        match self.test {
            Test::Compare(comparison, bound) => write!(f, "{} {bound}", comparison.symbol()),
            Test::Outside(low, high) => write!(f, "outside {low} .. {high}"),
        }
    }
}

fn number(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ if text.trim().is_empty() => Err(format!("lacks a number; {FORMS}")),
        _ => Err(format!("has {:?} where a number is expected; {FORMS}", text.trim())),
    }
}

/// A sign and the number after it, 0 or more.
fn signed(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let (sign, rest) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(rest), _) => (1.0, rest),
        (None, Some(rest)) => (-1.0, rest),
        (None, None) => return Err(format!("has {text:?} where + or - is expected; {FORMS}")),
    };
    match number(rest)? {
        size if size >= 0.0 => Ok(sign * size),
        _ => Err(format!("has two signs in a row; {FORMS}")),
    }
}

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("reference") {
            let rest = rest.trim();
            if rest.is_empty() {
                return Ok(Self::Reference { factor: 1.0, shift: 0.0 });
            }
            return match rest.strip_prefix('*') {
                Some(factor) => Ok(Self::Reference { factor: number(factor)?, shift: 0.0 }),
                None => Ok(Self::Reference { factor: 1.0, shift: signed(rest)? }),
            };
        }
        if let Some(rest) = text.strip_prefix("history") {
            let Some(rest) = rest.trim().strip_suffix("sd") else {
                return Err(format!("lacks sd after the number of standard deviations; {FORMS}"));
            };
            return Ok(Self::History { deviations: signed(rest)? });
        }
        number(text).map(Self::Constant)
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let after_p = text.strip_prefix('p').filter(|rest| !rest.starts_with(char::is_alphabetic));
        let (p_value, text) = (after_p.is_some(), after_p.unwrap_or(text).trim());
        let test = match text.strip_prefix("outside") {
            Some(range) => outside(range)?,
            None => {
                let known = Comparison::ALL.into_iter();
                let mut found = known.filter_map(|(symbol, comparison)| {
                    text.strip_prefix(symbol).map(|rest| (comparison, rest))
                });
                let Some((comparison, rest)) = found.next() else {
                    return Err(format!("is not a condition; {FORMS}"));
                };
                Test::Compare(comparison, rest.parse()?)
            }
        };
        let condition = Self { p_value, test };
        if p_value {
            check_p(&condition)?;
        }
        Ok(condition)
    }
}

fn outside(range: &str) -> Result<Test, String> {
    let Some((low, high)) = range.split_once("..") else {
        return Err("lacks .. between the two ends; write outside 0.1 .. 0.3".to_owned());
    };
    let (low, high): (Bound, Bound) = (low.parse()?, high.parse()?);
    if let (Bound::Constant(low), Bound::Constant(high)) = (low, high)
        && low > high
    {
        return Err(format!("ends below its start; write outside {high} .. {low}"));
    }
    Ok(Test::Outside(low, high))
}

/// A p-value is compared with a level, downwards.
fn check_p(condition: &Condition) -> Result<(), String> {
    match condition.test {
        Test::Compare(Comparison::Below | Comparison::AtMost, Bound::Constant(level))
            if level > 0.0 && level < 1.0 =>
        {
            Ok(())
        }
        _ => Err("compares a p-value, which drifts below a level; write p < 0.05".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn conditions_read_as_they_are_written() {
        for (text, want) in [
            ("> 0.2", "> 0.2"),
            (">0.2", "> 0.2"),
            (" <=  -1e-3 ", "<= -0.001"),
            ("outside 0.1..0.3", "outside 0.1 .. 0.3"),
            ("outside -3 .. 3", "outside -3 .. 3"),
            ("< reference - 0.05", "< reference - 0.05"),
            ("> reference*1.5", "> reference * 1.5"),
            (">= reference", ">= reference"),
            ("> history + 3 sd", "> history + 3 sd"),
            ("outside history - 3sd .. history + 3sd", "outside history - 3 sd .. history + 3 sd"),
            ("p < 0.05", "p < 0.05"),
            ("p<=0.01", "p <= 0.01"),
            ("p < 1e-9", "p < 1e-9"),
            ("> 2e300", "> 2e300"),
        ] {
            let condition: Condition = text.parse().expect(text);
            assert_eq!(condition.to_string(), want);
            assert_eq!(want.parse(), Ok(condition));
        }
    }

    #[test]
    fn what_is_no_condition_says_what_to_write() {
        for (text, want) in [
            ("", "is not a condition; write > 0.2"),
            ("0.2", "is not a condition"),
            ("> ", "lacks a number"),
            ("> x", "\"x\" where a number is expected"),
            ("> NaN", "where a number"),
            ("> inf", "where a number"),
            ("= 0.2", "is not a condition"),
            ("outside 0.1", "lacks .."),
            ("outside 3 .. 1", "write outside 1 .. 3"),
            ("> history + 3", "lacks sd"),
            ("> history 3 sd", "where + or - is expected"),
            ("> reference - -3", "two signs"),
            ("> reference / 2", "where + or - is expected"),
            ("p > 0.05", "write p < 0.05"),
            ("p < 2", "write p < 0.05"),
            ("p < reference", "write p < 0.05"),
            ("psi > 0.2", "is not a condition"),
        ] {
            let error = text.parse::<Condition>().expect_err(text);
            assert!(error.contains(want), "{text:?}: {error}");
        }
    }

    fn bound() -> impl Strategy<Value = Bound> {
        let number = || -1e6..1e6_f64;
        prop_oneof![
            number().prop_map(Bound::Constant),
            number().prop_map(|factor| Bound::Reference { factor, shift: 0.0 }),
            number().prop_map(|shift| Bound::Reference { factor: 1.0, shift }),
            number().prop_map(|deviations| Bound::History { deviations }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(low in bound(), high in bound(), which in 0..5_usize) {
            let test = match Comparison::ALL.get(which) {
                Some((_, comparison)) => Test::Compare(*comparison, low),
                None => Test::Outside(low, high),
            };
            let condition = Condition { p_value: false, test };
            let reversed = matches!(
                (low, high), (Bound::Constant(low), Bound::Constant(high)) if low > high
            );
            if which < 4 || !reversed {
                prop_assert_eq!(condition.to_string().parse(), Ok(condition));
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = text.parse::<Condition>();
        }
    }
}
