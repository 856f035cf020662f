//! From text to what is evaluated: the parser's tree, checked against what there is.

use std::time::{Duration, SystemTime};

use promql_parser::{
    label::Labels as Names,
    parser::{
        self, AtModifier, BinModifier, Expr as Parsed, LabelModifier, Offset, SubqueryExpr,
        VectorMatchCardinality, VectorSelector,
    },
};

use crate::{
    aggregate::{Aggregation, Grouping, Operator},
    binary::{Cardinality, Matching, Operation},
    error::{Error, Result},
    expr::{At, Expr, Range, Ranged, Shift},
    function::Function,
    limits,
    over_time::OverTime,
    relabel::{Relabel, checked},
    selector::Selector,
};

/// Milliseconds between the instants of a subquery that does not say.
const SUBQUERY_STEP: i64 = 60_000;

const COUNT_VALUES: &str = "count_values";
const LABEL_JOIN: &str = "label_join";
const LABEL_REPLACE: &str = "label_replace";

/// Parses a query within the bounds of its length and depth.
pub(crate) fn parse(text: &str) -> Result<Parsed> {
    if text.len() > limits::QUERY_BYTES_MAX {
        let (bytes, most) = (text.len(), limits::QUERY_BYTES_MAX);
        return Err(Error::bad_data(format!("a query of {bytes} bytes, at most {most}")));
    }
    let tokens = tokens(text);
    if tokens > limits::TOKENS_MAX {
        let most = limits::TOKENS_MAX;
        let text = format!("a query of {tokens} words and signs, at most {most}; ask in parts");
        return Err(Error::bad_data(text));
    }
    let patterns = text.matches("=~").count() + text.matches("!~").count();
    let patterns = patterns + text.matches(LABEL_REPLACE).count();
    if patterns > limits::PATTERNS_MAX {
        let most = limits::PATTERNS_MAX;
        let text =
            format!("a query of {patterns} regular expressions, at most {most}; ask in parts");
        return Err(Error::bad_data(text));
    }
    parser::parse(text).map_err(|error| Error::bad_data(format!("cannot read the query: {error}")))
}

/// Words, signs and quoted texts of a query, by which it can nest: the parser has no bound on that.
fn tokens(text: &str) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let (mut tokens, mut quote, mut in_word) = (0, None, false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match quote {
            Some(end) if c == end => quote = None,
            Some(end) => {
                if c == '\\' && end != '`' {
                    chars.next();
                }
            }
            None => {
                if matches!(c, '"' | '\'' | '`') {
                    quote = Some(c);
                }
                tokens += usize::from(!(c.is_whitespace() || is_word(c) && in_word));
                in_word = is_word(c);
            }
        }
    }
    tokens
}

/// Checks what the parser read.
///
/// # Errors
/// `BadData` for what there is not.
pub(crate) fn read(parsed: &Parsed) -> Result<Expr> {
    check_depth(parsed)?;
    part(parsed)
}

/// Refuses what nests deeper than a thread has stack for.
pub(crate) fn check_depth(parsed: &Parsed) -> Result<()> {
    let levels = levels(parsed);
    if levels > limits::DEPTH_MAX {
        let most = limits::DEPTH_MAX;
        let text =
            format!("a query of {levels} levels of parts in parts, at most {most}; ask in parts");
        return Err(Error::bad_data(text));
    }
    Ok(())
}

/// Levels of parts in parts.
fn levels(parsed: &Parsed) -> usize {
    1 + match parsed {
        Parsed::Paren(inside) => levels(&inside.expr),
        Parsed::Unary(unary) => levels(&unary.expr),
        Parsed::Subquery(subquery) => levels(&subquery.expr),
        Parsed::Binary(binary) => levels(&binary.lhs).max(levels(&binary.rhs)),
        Parsed::Aggregate(aggregate) => {
            levels(&aggregate.expr).max(aggregate.param.as_deref().map_or(0, levels))
        }
        Parsed::Call(call) => call.args.args.iter().map(|arg| levels(arg)).max().unwrap_or(0),
        _ => 0,
    }
}

fn part(parsed: &Parsed) -> Result<Expr> {
    Ok(match parsed {
        Parsed::NumberLiteral(number) => Expr::Number(number.val),
        Parsed::StringLiteral(text) => Expr::Text(text.val.clone()),
        Parsed::Paren(inside) => part(&inside.expr)?,
        Parsed::Unary(unary) => Expr::Negate(boxed(&unary.expr)?),
        Parsed::VectorSelector(selector) => {
            Expr::Select(Selector::read(selector)?, shift_of(selector)?)
        }
        Parsed::MatrixSelector(_) | Parsed::Subquery(_) => Expr::Range(range(parsed)?),
        Parsed::Binary(binary) => {
            let written = binary.op.to_string();
            let known = Operation::ALL.into_iter().find(|(name, _)| *name == written);
            let Some((_, operation)) = known else {
                return Err(missing("operator", &written, Operation::ALL.map(|(name, _)| name)));
            };
            Expr::Binary {
                operation,
                left: boxed(&binary.lhs)?,
                right: boxed(&binary.rhs)?,
                matching: matching(binary.modifier.as_ref())?,
            }
        }
        Parsed::Aggregate(aggregate) => {
            let name = aggregate.op.to_string();
            let grouping = match &aggregate.modifier {
                None => Grouping::By(Vec::new()),
                Some(LabelModifier::Include(names)) => Grouping::By(names.labels.clone()),
                Some(LabelModifier::Exclude(names)) => Grouping::Without(names.labels.clone()),
            };
            if let (COUNT_VALUES, Some(label)) = (name.as_str(), &aggregate.param) {
                let (label, of) = (checked(text(label)?)?, boxed(&aggregate.expr)?);
                return Ok(Expr::CountValues { label, grouping, of });
            }
            let known = Operator::ALL.into_iter().find(|operator| operator.name() == name);
            let Some(operator) = known else {
                let names = Operator::ALL.map(Operator::name).into_iter().chain([COUNT_VALUES]);
                return Err(missing("aggregation", &name, names));
            };
            Expr::Aggregate {
                aggregation: Aggregation { operator, grouping },
                parameter: aggregate.param.as_deref().map(boxed).transpose()?,
                of: boxed(&aggregate.expr)?,
            }
        }
        Parsed::Call(call) => function(call.func.name, &call.args.args)?,
        Parsed::Extension(_) => return Err(Error::bad_data("an extension is no query")),
    })
}

fn boxed(parsed: &Parsed) -> Result<Box<Expr>> {
    part(parsed).map(Box::new)
}

fn function(name: &str, args: &[Box<Parsed>]) -> Result<Expr> {
    if let Some(function) = Function::named(name) {
        let args = args.iter().map(|arg| part(arg)).collect::<Result<Vec<Expr>>>()?;
        return Ok(Expr::Call(function, args));
    }
    match (name, args) {
        (LABEL_REPLACE, [of, target, replacement, source, pattern]) => {
            let (target, source) = (text(target)?, text(source)?);
            let relabel = Relabel::replace(target, text(replacement)?, source, &text(pattern)?)?;
            return Ok(Expr::Relabel(relabel, boxed(of)?));
        }
        (LABEL_JOIN, [of, target, separator, sources @ ..]) => {
            let sources = sources.iter().map(|source| text(source)).collect::<Result<Vec<_>>>()?;
            let relabel = Relabel::join(text(target)?, text(separator)?, sources)?;
            return Ok(Expr::Relabel(relabel, boxed(of)?));
        }
        _ => {}
    }
    let Some(function) = OverTime::ALL.into_iter().find(|function| function.name() == name) else {
        return Err(no_function(name));
    };
    let (parameter, of) = match args {
        [of] => (None, of),
        [of, parameter] if function == OverTime::PredictLinear => (Some(boxed(parameter)?), of),
        [parameter, of] => (Some(boxed(parameter)?), of),
        _ => return Err(Error::bad_data(format!("{name} takes one range, such as psi[1d]"))),
    };
    Ok(Expr::OverTime(function, parameter, range(of)?))
}

/// A function that is missing, with what does in its place where something does.
fn no_function(name: &str) -> Error {
    let instead = match name {
        "rate" | "irate" | "increase" | "resets" => {
            "it is of counters, and series of windows are gauges: take delta, deriv or avg_over_time, or \
             a metric that counts by second"
        }
        "histogram_quantile" | "histogram_quantiles" => {
            "there are no histograms: quantiles of latencies are driftline_latency_seconds{quantile=\"0.99\"}"
        }
        _ => {
            let mut known: Vec<&str> = Function::ALL
                .map(|function| function.name)
                .into_iter()
                .chain(OverTime::ALL.map(OverTime::name))
                .chain([LABEL_JOIN, LABEL_REPLACE])
                .collect();
            known.sort_unstable();
            return missing("function", name, known);
        }
    };
    Error::bad_data(format!("there is no function {name}: {instead}"))
}

/// A text that is written out.
fn text(parsed: &Parsed) -> Result<String> {
    match part(parsed)? {
        Expr::Text(text) => Ok(text),
        _ => Err(Error::bad_data("a text in quotes is wanted here, such as \"model\"")),
    }
}

/// The range that a function over time looks at.
fn range(parsed: &Parsed) -> Result<Range> {
    match parsed {
        Parsed::Paren(inside) => range(&inside.expr),
        Parsed::MatrixSelector(matrix) => Ok(Range {
            of: Ranged::Selector(Selector::read(&matrix.vs)?),
            length: millis(matrix.range)?,
            shift: shift_of(&matrix.vs)?,
        }),
        Parsed::Subquery(SubqueryExpr { expr, offset, at, range, step }) => {
            let step = step.map(millis).transpose()?.unwrap_or(SUBQUERY_STEP);
            if step < 1 {
                return Err(Error::bad_data(
                    "the step of a subquery must be a millisecond or longer",
                ));
            }
            Ok(Range {
                of: Ranged::Subquery(boxed(expr)?, step),
                length: millis(*range)?,
                shift: shift(offset.as_ref(), at.as_ref())?,
            })
        }
        _ => Err(Error::bad_data("a function over time takes a range, such as driftline_psi[1d]")),
    }
}

fn shift_of(selector: &VectorSelector) -> Result<Shift> {
    shift(selector.offset.as_ref(), selector.at.as_ref())
}

fn shift(offset: Option<&Offset>, at: Option<&AtModifier>) -> Result<Shift> {
    let offset = match offset {
        None => 0,
        Some(Offset::Pos(back)) => millis(*back)?,
        Some(Offset::Neg(ahead)) => -millis(*ahead)?,
    };
    let at = match at {
        None => None,
        Some(AtModifier::Start) => Some(At::Start),
        Some(AtModifier::End) => Some(At::End),
        Some(AtModifier::At(time)) => {
            Some(At::Time(match time.duration_since(SystemTime::UNIX_EPOCH) {
                Ok(since) => millis(since)?,
                Err(before) => -millis(before.duration())?,
            }))
        }
    };
    Ok(Shift { at, offset })
}

fn millis(duration: Duration) -> Result<i64> {
    let millis = i64::try_from(duration.as_millis()).ok().filter(|millis| *millis < i64::MAX / 4);
    millis.ok_or_else(|| Error::bad_data(format!("{} seconds are too long", duration.as_secs())))
}

fn matching(modifier: Option<&BinModifier>) -> Result<Matching> {
    let none = Matching {
        on: false,
        labels: Vec::new(),
        cardinality: Cardinality::OneToOne,
        include: Vec::new(),
        as_number: false,
    };
    let Some(modifier) = modifier else { return Ok(none) };
    if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() {
        return Err(Error::bad_data("there is no fill(..); write (a or b * 0)"));
    }
    let (cardinality, include) = match &modifier.card {
        VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany => {
            (Cardinality::OneToOne, Vec::new())
        }
        VectorMatchCardinality::ManyToOne(Names { labels }) => {
            (Cardinality::ManyToOne, labels.clone())
        }
        VectorMatchCardinality::OneToMany(Names { labels }) => {
            (Cardinality::OneToMany, labels.clone())
        }
    };
    let (on, labels) = match &modifier.matching {
        Some(LabelModifier::Include(names)) => (true, names.labels.clone()),
        Some(LabelModifier::Exclude(names)) => (false, names.labels.clone()),
        None => (false, Vec::new()),
    };
    Ok(Matching { on, labels, cardinality, include, as_number: modifier.return_bool })
}

fn missing<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Error {
    let known: Vec<&str> = known.into_iter().collect();
    Error::bad_data(format!("there is no {what} {name}; there are {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_signs_and_quoted_texts_are_counted() {
        for (text, want) in [
            ("", 0),
            ("1+1", 3),
            ("driftline_psi{model=\"a b c((\\\"(\"} > 0.2", 8),
            ("sum(`a'b(`)", 4),
        ] {
            assert_eq!(tokens(text), want, "{text}");
        }
    }

    #[test]
    fn what_has_as_many_words_as_it_may_is_parsed_on_a_thread_of_usual_size() {
        let depth = (limits::TOKENS_MAX - 1) / 2;
        let deep =
            |left: &str, right: &str, n: usize| format!("{}a{}", left.repeat(n), right.repeat(n));
        for query in [deep("(", ")", depth), deep("-", "", 2 * depth), deep("", "+1", depth)] {
            let parsed = parse(&query).expect("parses");
            let refused = read(&parsed).expect_err("too deep").to_string();
            assert!(refused.contains("levels of parts in parts, at most 100"), "{refused}");
            assert!(parse(&format!("{query}+1+1")).is_err(), "past the bound");
        }
    }
}
