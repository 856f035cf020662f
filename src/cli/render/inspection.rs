//! What a file of a data directory holds. The text stays as it is between releases: one fact a line,
//! then a table per list.

use std::io;

use driftline_storage::{Datum, Inspection, List};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::{
    Format, Style, machine,
    table::{NONE, Table, whole},
};
use crate::cli::time::format_time;

/// Writes what a file holds. Its CSV has one line per value: the list that it is in, its row there,
/// its name and itself; facts about the whole file are in no list.
///
/// # Errors
/// What `out` gives.
pub fn inspection(found: &Inspection, out: &mut dyn io::Write, format: Format) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, &view(found)),
        Format::Csv => csv(found, out),
        Format::Table => text(found, out),
    }
}

#[derive(Serialize)]
struct InspectionView<'a> {
    file: String,
    kind: &'static str,
    bytes: u64,
    facts: Facts<'a>,
    lists: Lists<'a>,
    damage: &'a [String],
}

struct Facts<'a>(&'a [(&'static str, Datum)]);

impl Serialize for Facts<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (fact, value) in self.0 {
            map.serialize_entry(&key(fact), &Value(value))?;
        }
        map.end()
    }
}

struct Lists<'a>(&'a [List]);

impl Serialize for Lists<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for list in self.0 {
            let rows: Vec<Row<'_>> = list.rows.iter().map(|row| Row(&list.columns, row)).collect();
            map.serialize_entry(&key(list.name), &rows)?;
        }
        map.end()
    }
}

struct Row<'a>(&'a [&'static str], &'a [Datum]);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (column, value) in self.0.iter().zip(self.1) {
            map.serialize_entry(&key(column), &Value(value))?;
        }
        map.end()
    }
}

struct Value<'a>(&'a Datum);

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Datum::None => to.serialize_none(),
            Datum::Count(count) => to.serialize_u64(*count),
            Datum::Time(time) => to.serialize_str(&format_time(*time)),
            Datum::Text(text) => to.serialize_str(text),
        }
    }
}

/// A name as a key of JSON: `first_event`.
fn key(name: &str) -> String {
    name.replace(' ', "_")
}

fn view(found: &Inspection) -> InspectionView<'_> {
    InspectionView {
        file: found.file.to_string_lossy().into_owned(),
        kind: found.kind,
        bytes: found.bytes,
        facts: Facts(&found.facts),
        lists: Lists(&found.lists),
        damage: &found.damage,
    }
}

fn csv(found: &Inspection, out: &mut dyn io::Write) -> io::Result<()> {
    let none = || ["", ""].map(str::to_owned);
    let mut records = Vec::new();
    for (fact, value) in &found.facts {
        let [list, row] = none();
        records.push([list, row, key(fact), plain(value)]);
    }
    for list in &found.lists {
        for (number, row) in list.rows.iter().enumerate() {
            for (column, value) in list.columns.iter().zip(row) {
                records.push([key(list.name), number.to_string(), key(column), plain(value)]);
            }
        }
    }
    for damage in &found.damage {
        let [list, row] = none();
        records.push([list, row, "damage".to_owned(), damage.clone()]);
    }
    machine::csv(out, ["list", "row", "name", "value"], records)
}

fn plain(value: &Datum) -> String {
    match value {
        Datum::None => String::new(),
        Datum::Count(count) => count.to_string(),
        Datum::Time(time) => format_time(*time),
        Datum::Text(text) => text.clone(),
    }
}

fn text(found: &Inspection, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "file: {}", found.file.display())?;
    writeln!(out, "kind: {}", found.kind)?;
    writeln!(out, "bytes: {}", found.bytes)?;
    for (fact, value) in &found.facts {
        writeln!(out, "{fact}: {}", cell(value))?;
    }
    for list in found.lists.iter().filter(|list| !list.rows.is_empty()) {
        writeln!(out, "\n{}", list.name)?;
        let titles = list.columns.iter().enumerate().map(|(place, column)| {
            let numeric = list.rows.iter().all(|row| {
                row.get(place).is_some_and(|v| matches!(v, Datum::Count(_) | Datum::None))
            });
            if numeric { format!(">{column}") } else { (*column).to_owned() }
        });
        // Never wrapped nor coloured, so that it reads the same on any terminal.
        let mut table = Table::new(&Style::PLAIN, &titles.collect::<Vec<_>>());
        list.rows.iter().for_each(|row| table.row(row.iter().map(cell)));
        table.write(out)?;
    }
    if !found.damage.is_empty() {
        writeln!(out)?;
    }
    found.damage.iter().try_for_each(|damage| writeln!(out, "{damage}"))
}

fn cell(value: &Datum) -> String {
    match value {
        Datum::None => NONE.to_owned(),
        Datum::Text(text) if text.is_empty() => NONE.to_owned(),
        Datum::Text(text) => whole(text),
        other => plain(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::tests::text as shown;

    fn found() -> Inspection {
        let rows = vec![vec![Datum::Count(20), Datum::Text("m".to_owned()), Datum::None]];
        let columns = vec!["offset", "model", "rows"];
        Inspection {
            file: "wal/1.wal".into(),
            bytes: 99,
            kind: "log",
            facts: vec![("frames", Datum::Count(1)), ("first event", Datum::Time(0))],
            lists: vec![List { name: "batches", columns, rows }],
            damage: vec!["damaged at byte 50: 49 bytes do not check".to_owned()],
        }
    }

    #[test]
    fn a_file_has_all_three_forms() {
        assert_eq!(
            shown(|out| inspection(&found(), out, Format::Table)),
            "\
file: wal/1.wal
kind: log
bytes: 99
frames: 1
first event: 1970-01-01T00:00:00Z

batches
offset  model  rows
─────── ────── ─────
    20  m         -

damaged at byte 50: 49 bytes do not check
"
        );
        assert_eq!(
            shown(|out| inspection(&found(), out, Format::Json)),
            concat!(
                r#"{"file":"wal/1.wal","kind":"log","bytes":99,"facts":{"frames":1,"#,
                r#""first_event":"1970-01-01T00:00:00Z"},"lists":{"batches":[{"offset":20,"#,
                r#""model":"m","rows":null}]},"damage":["damaged at byte 50: 49 bytes do not check"]}"#,
                "\n"
            )
        );
        assert_eq!(
            shown(|out| inspection(&found(), out, Format::Csv)),
            "\
list,row,name,value
,,frames,1
,,first_event,1970-01-01T00:00:00Z
batches,0,offset,20
batches,0,model,m
batches,0,rows,
,,damage,damaged at byte 50: 49 bytes do not check
"
        );
    }
}
