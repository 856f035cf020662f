//! Parses one line of JSON into its members in their order, and tells the kind of a column from
//! the values seen.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::super::chunk::RawKind;
use super::super::value::parse_timestamp_micros;

/// One value of an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    /// An array or an object, which no column can hold.
    Nested,
}

impl Cell {
    /// The cell as canonical text, or why column `name` cannot hold it.
    pub(super) fn into_text(self, name: &str) -> Result<Option<String>, String> {
        match self {
            Self::Null => Ok(None),
            Self::Bool(value) => Ok(Some(value.to_string())),
            Self::Number(value) => Ok(Some(value.to_string())),
            Self::Text(value) => Ok(Some(value)),
            Self::Nested => Err(format!("column \"{name}\" holds an array or an object")),
        }
    }
}

struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Cell, E> {
        Ok(Cell::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Cell, E> {
        Ok(Cell::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Cell, E> {
        Ok(Cell::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Cell, E> {
        Ok(Cell::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Cell, E> {
        Ok(Number::from_f64(value).map_or(Cell::Null, Cell::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Cell, E> {
        Ok(Cell::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Cell, E> {
        Ok(Cell::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Cell, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Cell::Nested)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Cell, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Cell::Nested)
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CellVisitor)
    }
}

/// One object, its members in the order of the line: the JSON library's own map sorts them.
pub(super) struct Record {
    pub(super) members: Vec<(String, Cell)>,
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Record;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Record { members })
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RecordVisitor)
    }
}

/// Parses a line, or says why it is no object.
pub(super) fn parse(line: &[u8]) -> Result<Record, String> {
    serde_json::from_slice(line).map_err(|fault| {
        let message = fault.to_string();
        // The library's line number is always 1 here, and its column is no column of the table.
        let place = format!(" at line {} column {}", fault.line(), fault.column());
        let message = message.strip_suffix(&place).unwrap_or(&message);
        let hint = if has_bare_number_name(line, fault.column()) {
            "; JSON has no bare NaN or Infinity: write null, or quote it"
        } else {
            ""
        };
        format!("{message} at character {} of the line{hint}", fault.column())
    })
}

/// Whether the parser stopped, at its 1-based `column`, in a number's name as Python writes it.
fn has_bare_number_name(line: &[u8], column: usize) -> bool {
    let near = line.get(column.saturating_sub(2)..).unwrap_or_default();
    ["NaN", "Infinity", "-Infinity"].iter().any(|name| {
        let name = name.as_bytes();
        near.starts_with(name) || near.get(1..).is_some_and(|near| near.starts_with(name))
    })
}

/// What the values seen so far allow a column to be.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    bool: bool,
    int: bool,
    float: bool,
    /// Text that names a number JSON cannot write.
    number_name: bool,
    timestamp: bool,
    text: bool,
}

impl Evidence {
    pub(super) fn observe(&mut self, cell: &Cell) {
        match cell {
            // A nested value makes its row a bad one, which says nothing.
            Cell::Null | Cell::Nested => {}
            Cell::Bool(_) => self.bool = true,
            Cell::Number(number) if number.is_i64() => self.int = true,
            Cell::Number(_) => self.float = true,
            Cell::Text(text) if matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity") => {
                self.number_name = true;
            }
            Cell::Text(text) if parse_timestamp_micros(text).is_some() => self.timestamp = true,
            Cell::Text(_) => self.text = true,
        }
    }

    pub(super) fn kind(&self) -> RawKind {
        let number = self.int || self.float || self.number_name;
        match (self.bool, number, self.timestamp, self.text) {
            (false, false, false, false) => RawKind::Null,
            (true, false, false, false) => RawKind::Bool,
            (false, true, false, false) if self.float || self.number_name => RawKind::Float,
            (false, true, false, false) => RawKind::Int,
            (false, false, true, false) => RawKind::Timestamp,
            _ => RawKind::Text,
        }
    }
}
