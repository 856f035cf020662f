//! Slices of a query: which rows `--where` keeps, and how `--by` tells them apart.
//!
//! A condition names a column, an operator and a value as text; the schema says whether that is a
//! number. What a slice sees is decided in storage, so every statistic answers of a slice as it does
//! of all rows.

use std::sync::Arc;

use driftline_storage::{
    Condition, Db, Error, ErrorKind, Field, GroupKey, Grouping, NumberRange, Result, Slice,
    Snapshot, Test, TimeRange, near_misses,
};

use crate::{
    gather,
    limits::{BANDS_MAX, CONDITIONS_MAX, GROUPS_MAX},
    report::Scope,
};

/// Values that an error names of a column.
const VALUES_NAMED_MAX: usize = 10;
/// The key of `by` that tells versions apart; it is no column.
const VERSION: &str = "version";

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

/// A group of rows.
pub(crate) type Group = Vec<GroupValue>;

/// The rows that a scope is about.
///
/// # Errors
/// `NotFound` for a model, version or column that does not exist, and for a condition that no row of
/// the interval meets; `InvalidArgument` for one that its column cannot meet.
pub(crate) fn snapshot(db: &Db, scope: &Scope) -> Result<Snapshot> {
    snapshot_in(db, scope, scope.range())
}

/// The same of another interval of event time than the scope's.
pub(crate) fn snapshot_in(db: &Db, scope: &Scope, range: TimeRange) -> Result<Snapshot> {
    let snapshot = db.snapshot(&scope.model, scope.version.as_deref())?;
    narrow_in(&snapshot, &scope.conditions, (scope, range), "where")
}

/// The rows of a snapshot that meet conditions, which were asked for in a field of the request.
///
/// # Errors
/// As for [`snapshot`].
pub(crate) fn narrow(
    snapshot: &Snapshot,
    conditions: &[Filter],
    scope: &Scope,
    asked_in: &'static str,
) -> Result<Snapshot> {
    narrow_in(snapshot, conditions, (scope, scope.range()), asked_in)
}

/// The same, with rows in another interval of event time than the scope's.
fn narrow_in(
    snapshot: &Snapshot,
    conditions: &[Filter],
    (scope, range): (&Scope, TimeRange),
    asked_in: &'static str,
) -> Result<Snapshot> {
    if conditions.is_empty() {
        return Ok(snapshot.clone());
    }
    let kept = meeting(snapshot, conditions, scope, asked_in)?;
    check_rows(snapshot, &kept, conditions, (scope, range), asked_in)?;
    Ok(kept)
}

/// As [`narrow`], which may leave no row.
pub(crate) fn meeting(
    snapshot: &Snapshot,
    conditions: &[Filter],
    scope: &Scope,
    asked_in: &'static str,
) -> Result<Snapshot> {
    Filter::check_count(conditions)?;
    let (versions, columns): (Vec<&Filter>, Vec<&Filter>) =
        conditions.iter().partition(|filter| filter.column == VERSION);
    let mut kept = snapshot.clone();
    for filter in versions {
        let is = match filter.operator {
            Operator::Equal => true,
            Operator::NotEqual => false,
            _ => {
                let text = format!("{filter}: a version is compared by = or !=");
                return Err(Error::invalid(asked_in, text));
            }
        };
        kept.parts.retain(|part| (part.version() == filter.value) == is);
    }
    let mut slice = Slice::default();
    for filter in columns {
        let field = field(asked_in, &filter.column, snapshot, scope)?;
        slice.conditions.push(filter.condition(&field)?);
    }
    Ok(kept.restrict(&Arc::new(slice)))
}

/// How a side is named.
pub(crate) fn side_name(filters: &[Filter]) -> String {
    filters.iter().map(Filter::to_string).collect::<Vec<_>>().join(" and ")
}

/// Checks that both sides have rows and differ.
pub(crate) fn check_sides(
    snapshot: &Snapshot,
    scope: &Scope,
    a: &[Filter],
    b: &[Filter],
) -> Result<()> {
    for (field, filters) in [("a", a), ("b", b)] {
        if filters.is_empty() {
            let text = "is required: say what its predictions hold, as in version=v1";
            return Err(Error::invalid(field, text));
        }
        narrow(snapshot, filters, scope, field)?;
    }
    if a == b {
        let text = format!("{} is the other side too; the sides must differ", side_name(b));
        return Err(Error::invalid("b", text));
    }
    Ok(())
}

/// The groups of a scope that are there in an interval of event time, at most [`GROUPS_MAX`], in the
/// order of their values; none if it asks for none.
///
/// # Errors
/// As for [`snapshot`], and `ResourceExhausted` past the bound.
pub(crate) fn groups(
    snapshot: &Snapshot,
    scope: &Scope,
    range: TimeRange,
) -> Result<Vec<(Group, Snapshot)>> {
    if scope.by.is_empty() {
        return Ok(Vec::new());
    }
    let mut groups = vec![(Group::new(), snapshot.clone())];
    for by in &scope.by {
        by.check()?;
        let mut finer = Vec::new();
        for (group, snapshot) in groups {
            for (value, part) in split(&snapshot, by, range, scope)? {
                let mut group = group.clone();
                group.push(GroupValue { column: by.column.clone(), value });
                finer.push((group, part));
            }
        }
        if finer.len() > GROUPS_MAX {
            let text = format!(
                "{} groups are more than {GROUPS_MAX}; choose a column with fewer values, or \
                 single values of it by a condition",
                finer.len()
            );
            return Err(Error::new(ErrorKind::ResourceExhausted, text));
        }
        groups = finer;
    }
    Ok(groups)
}

/// An answer of all rows of a scope, and one of each of its groups.
pub(crate) fn of_groups<R>(
    snapshot: &Snapshot,
    scope: &Scope,
    ask: impl Fn(&Snapshot, &Scope) -> Result<R>,
) -> Result<(R, Vec<R>)> {
    of_groups_in(snapshot, scope, scope.range(), ask)
}

/// The same with the groups of another interval of event time than the scope's.
pub(crate) fn of_groups_in<R>(
    snapshot: &Snapshot,
    scope: &Scope,
    range: TimeRange,
    ask: impl Fn(&Snapshot, &Scope) -> Result<R>,
) -> Result<(R, Vec<R>)> {
    let whole = ask(snapshot, scope)?;
    let one = |(group, rows): (Group, Snapshot)| {
        let scope = Scope { by: Vec::new(), group, ..scope.clone() };
        ask(&rows, &scope)
    };
    let groups = groups(snapshot, scope, range)?.into_iter().map(one).collect::<Result<_>>()?;
    Ok((whole, groups))
}

fn split(
    snapshot: &Snapshot,
    by: &By,
    range: TimeRange,
    scope: &Scope,
) -> Result<Vec<(Option<String>, Snapshot)>> {
    if by.column == VERSION {
        let mut versions: std::collections::BTreeMap<String, Snapshot> = Default::default();
        for part in snapshot.parts.iter().filter(|part| part.range().overlaps(range)) {
            let of_version = versions
                .entry(part.version().to_owned())
                .or_insert_with(|| Snapshot { model: snapshot.model.clone(), parts: Vec::new() });
            of_version.parts.push(part.clone());
        }
        return Ok(versions.into_iter().map(|(name, rows)| (Some(name), rows)).collect());
    }
    let field = field("by", &by.column, snapshot, scope)?;
    let groups = snapshot.split(&field, &by.grouping(&field)?, range, GROUPS_MAX)?;
    let named = |(key, rows)| match key {
        GroupKey::Text(text) => (Some(text), rows),
        GroupKey::Test(place) => (Some(by.band_name(place)), rows),
        GroupKey::Null => (None, rows),
    };
    Ok(groups.into_iter().map(named).collect())
}

/// A column of the model or of a version that is there.
pub(crate) fn field(
    asked_in: &'static str,
    name: &str,
    snapshot: &Snapshot,
    scope: &Scope,
) -> Result<Field> {
    let known = snapshot.model.schema_of(scope.version.as_deref()).map(|schema| &**schema);
    let schemas = || known.into_iter().chain(snapshot.parts.iter().map(|part| part.schema()));
    let found = schemas().find_map(|schema| schema.fields().find(|(known, _)| *known == name));
    if let Some((name, kind)) = found {
        return Ok(Field { name: name.to_owned(), kind });
    }
    let mut names: Vec<&str> = schemas().flat_map(|s| s.fields().map(|(name, _)| name)).collect();
    names.sort_unstable();
    names.dedup();
    let near = near_misses(name, names.iter().copied());
    let hint = match near.is_empty() {
        true => {
            format!("; it has {}", names.iter().take(20).copied().collect::<Vec<_>>().join(", "))
        }
        false => near,
    };
    let text = format!("the model has no column {name:?}{hint}");
    Err(Error::not_found(asked_in, name, text))
}

/// Refuses a slice without rows where there are rows to have: most often a value is misspelt.
fn check_rows(
    all: &Snapshot,
    sliced: &Snapshot,
    conditions: &[Filter],
    (scope, range): (&Scope, TimeRange),
    asked_in: &'static str,
) -> Result<()> {
    let count = |snapshot: &Snapshot| -> Result<(u64, bool)> {
        let (rows, missing, _) = gather::predictions(snapshot, &[range])?;
        Ok((rows.iter().sum(), missing.is_empty()))
    };
    let (found, complete) = count(sliced)?;
    if found > 0 || !complete || count(all)?.0 == 0 {
        return Ok(());
    }
    let asked: Vec<String> = conditions.iter().map(Filter::to_string).collect();
    let mut hints = Vec::new();
    for filter in conditions {
        let texts = values(all, &filter.column, range, scope, asked_in)?;
        if !texts.is_empty() {
            hints.push(format!("{:?} has {} there", filter.column, texts.join(", ")));
        }
    }
    let hint = if hints.is_empty() { String::new() } else { format!("; {}", hints.join("; ")) };
    let text = format!("no row of the interval has {}{hint}", asked.join(" and "));
    Err(Error::not_found(asked_in, asked.join(" and "), text))
}

/// Some values of a column of texts in an interval, or of `version`, for an error to name; none of
/// numbers.
fn values(
    all: &Snapshot,
    column: &str,
    range: TimeRange,
    scope: &Scope,
    asked_in: &'static str,
) -> Result<Vec<String>> {
    if column == VERSION {
        let parts = all.parts.iter().filter(|part| part.range().overlaps(range));
        let versions: std::collections::BTreeSet<&str> = parts.map(|part| part.version()).collect();
        let some = versions.into_iter().take(VALUES_NAMED_MAX);
        return Ok(some.map(|version| format!("{version:?}")).collect());
    }
    let field = field(asked_in, column, all, scope)?;
    if field.kind.is_numeric() {
        return Ok(Vec::new());
    }
    let Ok(values) = all.split(&field, &Grouping::Values, range, GROUPS_MAX) else {
        return Ok(Vec::new());
    };
    let texts = values.into_iter().filter_map(|(key, _)| match key {
        GroupKey::Text(text) => Some(format!("{text:?}")),
        _ => None,
    });
    Ok(texts.take(VALUES_NAMED_MAX).collect())
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
