//! Conditions and groups as they are asked for: `--where` and `--by`.
//!
//! A condition names a column, an operator and a value as text; the schema says whether that is a
//! number.

use driftline_storage::{Condition, Error, Field, Grouping, NumberRange, Result, Test};

use crate::limits::{BANDS_MAX, CONDITIONS_MAX};

/// How a value is compared with that of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Is this number, or this text.
    Equal,
    /// Is another number or text; null is not.
    NotEqual,
    /// Is a smaller number.
    Less,
    /// Is a smaller number or this one.
    LessOrEqual,
    /// Is a larger number.
    Greater,
    /// Is a larger number or this one.
    GreaterOrEqual,
    /// Is null.
    IsNull,
    /// Is not null.
    IsNotNull,
}

impl Operator {
    /// All of them; those that begin with another one stand before it.
    pub const ALL: [Self; 8] = [
        Self::NotEqual,
        Self::LessOrEqual,
        Self::GreaterOrEqual,
        Self::Less,
        Self::Greater,
        Self::Equal,
        Self::IsNotNull,
        Self::IsNull,
    ];

    /// How it is written behind the column.
    pub fn text(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::IsNull => " is null",
            Self::IsNotNull => " is not null",
        }
    }

    /// Whether there is a value to compare with.
    pub fn has_value(self) -> bool {
        !matches!(self, Self::IsNull | Self::IsNotNull)
    }
}

/// What rows have to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Name of a column: a feature, a tag, `score`, `prediction`, `latency_ms` or `status`.
    pub column: String,
    /// How it is compared.
    pub operator: Operator,
    /// With what; empty if the operator has none.
    pub value: String,
}

impl std::fmt::Display for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}{}", self.column, self.operator.text(), self.value)
    }
}

impl Filter {
    /// Reads a condition as `country=FR`, `age>=30` or `income is null`. The first operator ends the
    /// name of the column.
    ///
    /// # Errors
    /// `InvalidArgument` if there is no operator or no column.
    pub fn parse(text: &str) -> Result<Self> {
        for operator in [Operator::IsNotNull, Operator::IsNull] {
            if let Some(column) = text.strip_suffix(operator.text()) {
                return Self::new(column, operator, "");
            }
        }
        let found = text.char_indices().find_map(|(at, _)| {
            let rest = text.get(at..)?;
            let operator = Operator::ALL
                .into_iter()
                .find(|operator| operator.has_value() && rest.starts_with(operator.text()))?;
            Some((text.get(..at)?, operator, rest.strip_prefix(operator.text())?))
        });
        match found {
            Some((column, operator, value)) => Self::new(column, operator, value),
            None => Err(Error::invalid(
                "where",
                format!(
                    "{text:?} has no operator; write column=value, !=, <, <=, >, >=, \
                     'column is null' or 'column is not null'"
                ),
            )),
        }
    }

    /// Refuses more conditions than [`CONDITIONS_MAX`].
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub(crate) fn check_count(conditions: &[Self]) -> Result<()> {
        if conditions.len() > CONDITIONS_MAX {
            let text = format!("{} conditions, at most {CONDITIONS_MAX}", conditions.len());
            return Err(Error::invalid("where", text));
        }
        Ok(())
    }

    fn new(column: &str, operator: Operator, value: &str) -> Result<Self> {
        let (column, value) = (column.trim().to_owned(), value.trim().to_owned());
        if column.is_empty() {
            let text = format!("{:?} names no column", format!("{}{value}", operator.text()));
            return Err(Error::invalid("where", text));
        }
        Ok(Self { column, operator, value })
    }

    /// What it asks of a column.
    ///
    /// # Errors
    /// `InvalidArgument` if the column cannot meet it.
    pub(crate) fn condition(&self, field: &Field) -> Result<Condition> {
        let test = match self.operator {
            Operator::IsNull => Test::Null,
            Operator::IsNotNull => Test::NotNull,
            operator if field.kind.is_numeric() => {
                let value: f64 =
                    self.value.parse().ok().filter(|v: &f64| !v.is_nan()).ok_or_else(|| {
                        let text = format!(
                            "{self}: {:?} is numeric, and {:?} is not a number",
                            self.column, self.value
                        );
                        Error::invalid("where", text)
                    })?;
                Test::Within(ranges(operator, value))
            }
            Operator::Equal => Test::Is(vec![self.value.clone()]),
            Operator::NotEqual => Test::IsNot(vec![self.value.clone()]),
            operator => {
                let text = format!(
                    "{self}: {:?} is {}, which has no order for {:?}; compare it by = or !=",
                    self.column,
                    field.kind.name(),
                    operator.text()
                );
                return Err(Error::invalid("where", text));
            }
        };
        Ok(Condition { column: self.column.clone(), test })
    }
}

/// The numbers that an operator accepts, as half-open ranges.
fn ranges(operator: Operator, value: f64) -> Vec<NumberRange> {
    let from = |from: f64| NumberRange { from: Some(from), below: None };
    // Above positive infinity is nothing: its next number is itself.
    let after = (value < f64::INFINITY).then(|| value.next_up());
    let upto = NumberRange { from: None, below: after };
    let below = NumberRange { from: None, below: Some(value) };
    match operator {
        Operator::Less => vec![below],
        Operator::LessOrEqual => vec![upto],
        Operator::Greater => after.map(from).into_iter().collect(),
        Operator::GreaterOrEqual => vec![from(value)],
        Operator::NotEqual => [Some(below), after.map(from)].into_iter().flatten().collect(),
        _ => vec![NumberRange { from: Some(value), below: after }],
    }
}

/// How rows are told apart.
#[derive(Debug, Clone, PartialEq)]
pub struct By {
    /// Name of a column, or `version`.
    pub column: String,
    /// Of a numeric column, where one band ends and the next begins, ascending: 30 and 45 make
    /// `<30`, `[30, 45)` and `>=45`.
    pub bands: Vec<f64>,
}

impl By {
    /// Reads `country`, `version` or `age:30,45,60`.
    ///
    /// # Errors
    /// `InvalidArgument` if the bands are not ascending numbers.
    pub fn parse(text: &str) -> Result<Self> {
        let whole = || Self { column: text.to_owned(), bands: Vec::new() };
        let Some((column, bands)) = text.rsplit_once(':') else { return Ok(whole()) };
        let bands: std::result::Result<Vec<f64>, _> =
            bands.split(',').map(|band| band.trim().parse::<f64>()).collect();
        let by = match bands {
            Ok(bands) => Self { column: column.to_owned(), bands },
            // A colon may be in a name.
            Err(_) => return Ok(whole()),
        };
        by.check()?;
        Ok(by)
    }

    /// Checks the bands.
    ///
    /// # Errors
    /// `InvalidArgument` if they are not ascending finite numbers, or too many.
    pub fn check(&self) -> Result<()> {
        let ascending = self.bands.is_sorted_by(|a, b| a < b);
        if !ascending || self.bands.iter().any(|band| !band.is_finite()) {
            let text = format!("{self}: bands must be ascending finite numbers");
            return Err(Error::invalid("by", text));
        }
        if self.bands.len() > BANDS_MAX {
            let text =
                format!("{} has {} bands, at most {BANDS_MAX}", self.column, self.bands.len());
            return Err(Error::invalid("by", text));
        }
        Ok(())
    }

    /// How the band of a place is called.
    pub(crate) fn band_name(&self, place: usize) -> String {
        let edge = |place: usize| self.bands.get(place).copied().unwrap_or_default();
        match place {
            0 => format!("<{}", edge(0)),
            place if place == self.bands.len() => format!(">={}", edge(place - 1)),
            place => format!("[{}, {})", edge(place - 1), edge(place)),
        }
    }

    /// How it tells the rows of a column apart.
    ///
    /// # Errors
    /// `InvalidArgument` for a number without bands, and for bands of anything else.
    pub(crate) fn grouping(&self, field: &Field) -> Result<Grouping> {
        match (field.kind.is_numeric(), self.bands.as_slice()) {
            (true, []) => {
                let text = format!(
                    "{:?} is numeric; give bands, as in {}:10,20,30",
                    self.column, self.column
                );
                Err(Error::invalid("by", text))
            }
            (true, bands) => {
                let from = std::iter::once(None).chain(bands.iter().copied().map(Some));
                let below = bands.iter().copied().map(Some).chain([None]);
                let test = |(from, below)| Test::Within(vec![NumberRange { from, below }]);
                Ok(Grouping::Tests(from.zip(below).map(test).collect()))
            }
            (false, []) => Ok(Grouping::Values),
            (false, _) => {
                let text =
                    format!("{:?} is {}, bands are for numbers", self.column, field.kind.name());
                Err(Error::invalid("by", text))
            }
        }
    }
}

impl std::fmt::Display for By {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.column)?;
        for (place, band) in self.bands.iter().enumerate() {
            write!(f, "{}{band}", if place == 0 { ':' } else { ',' })?;
        }
        Ok(())
    }
}

/// What the rows of a group hold in one column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupValue {
    /// The column, or `version`.
    pub column: String,
    /// Its value, or the name of its band; absent for null.
    pub value: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftline_storage::Kind;

    #[test]
    fn conditions_read_back_as_they_are_written() {
        let texts =
            ["country=FR", "age>=30", "a!=b", "x<1", "x<=1", "x>1", "y is null", "y is not null"];
        for text in texts {
            assert_eq!(Filter::parse(text).expect("valid").to_string(), text);
        }
        let filter = Filter::parse("url = a=b").expect("valid");
        assert_eq!((filter.column.as_str(), filter.value.as_str()), ("url", "a=b"));
        assert!(Filter::parse("country").is_err());
        assert!(Filter::parse("=FR").is_err());
    }

    #[test]
    fn ranges_have_just_the_numbers_of_their_operator() {
        let numbers = [f64::NEG_INFINITY, -1.0, 2.0, 2.0_f64.next_up(), f64::INFINITY];
        for value in [-1.0, 2.0, f64::INFINITY, f64::NEG_INFINITY] {
            for operator in Operator::ALL.into_iter().filter(|operator| operator.has_value()) {
                for number in numbers {
                    let want = match operator {
                        Operator::Equal => number == value,
                        Operator::NotEqual => number != value,
                        Operator::Less => number < value,
                        Operator::LessOrEqual => number <= value,
                        Operator::Greater => number > value,
                        _ => number >= value,
                    };
                    let got = ranges(operator, value).iter().any(|range| range.contains(number));
                    assert_eq!(got, want, "{number} {} {value}", operator.text());
                }
            }
        }
    }

    #[test]
    fn bands_are_named_by_their_ends() {
        let by = By::parse("age:30,45.5").expect("valid");
        let names: Vec<String> = (0..3).map(|place| by.band_name(place)).collect();
        assert_eq!(names, ["<30", "[30, 45.5)", ">=45.5"]);
        assert_eq!(by.to_string(), "age:30,45.5");
        assert_eq!(By::parse("a:b").expect("a name").column, "a:b");
        assert!(By::parse("age:45,30").is_err());
    }

    #[test]
    fn a_text_has_no_order_and_a_number_is_no_text() {
        let field = |kind| Field { name: "c".to_owned(), kind };
        let filter = Filter::parse("c>a").expect("valid");
        let error = filter.condition(&field(Kind::Categorical)).expect_err("no order");
        assert!(error.to_string().contains("compare it by = or !="), "{error}");
        let error = filter.condition(&field(Kind::Numeric)).expect_err("no number");
        assert!(error.to_string().contains("is not a number"), "{error}");
        let by = By::parse("c").expect("valid");
        assert!(by.grouping(&field(Kind::Numeric)).is_err());
    }
}
