//! A query as it is evaluated: what the parser read, checked against what there is.

use crate::{
    aggregate::{Aggregation, Grouping},
    binary::{Matching, Operation},
    function::Function,
    over_time::OverTime,
    relabel::Relabel,
    selector::Selector,
};

/// Where the instants of a part of a query lie against those of the whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shift {
    /// One instant for all, in milliseconds.
    pub(crate) at: Option<At>,
    /// So many milliseconds back.
    pub(crate) offset: i64,
}

/// A fixed instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// The first instant of the query.
    Start,
    /// The last one.
    End,
    /// In milliseconds.
    Time(i64),
}

/// Whose points a range looks at.
#[derive(Debug, Clone)]
pub(crate) enum Ranged {
    /// Those of a selector.
    Selector(Selector),
    /// Those of an expression that is evaluated every so many milliseconds.
    Subquery(Box<Expr>, i64),
}

/// A range of points back from each instant.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    pub(crate) of: Ranged,
    /// In milliseconds.
    pub(crate) length: i64,
    pub(crate) shift: Shift,
}

/// A query, or a part of one.
#[derive(Debug, Clone)]
pub(crate) enum Expr {
    Number(f64),
    Text(String),
    Select(Selector, Shift),
    Range(Range),
    Negate(Box<Expr>),
    Binary {
        operation: Operation,
        left: Box<Expr>,
        right: Box<Expr>,
        matching: Matching,
    },
    Aggregate {
        aggregation: Aggregation,
        parameter: Option<Box<Expr>>,
        of: Box<Expr>,
    },
    /// `count_values`: the label that takes the value.
    CountValues {
        label: String,
        grouping: Grouping,
        of: Box<Expr>,
    },
    Call(Function, Vec<Expr>),
    Relabel(Relabel, Box<Expr>),
    OverTime(OverTime, Option<Box<Expr>>, Range),
}
