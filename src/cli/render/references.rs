//! References: where their rows came from and which one is compared with.

use std::io;

use driftline_storage::ReferenceSource;
use serde::Serialize;

use super::{
    Format, Style, machine,
    table::{self, Table, count, counted, interval, name, name_or_none},
};
use crate::{ReferenceInfo, cli::time::format_time};

/// Writes the references of a model, in the order given.
///
/// # Errors
/// What `out` gives.
pub fn references(
    references: &[ReferenceInfo],
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, &ListView { references: views(references) }),
        Format::Csv => csv(references, out),
        Format::Table => write_table(references, out, style),
    }
}

/// Writes one reference that was just made.
///
/// # Errors
/// What `out` gives.
pub fn reference(info: &ReferenceInfo, out: &mut dyn io::Write, format: Format) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, &view(info)),
        Format::Csv => csv(std::slice::from_ref(info), out),
        Format::Table => {
            let subject = table::subject(&info.name.model, info.name.version.as_deref());
            let rows = counted(info.rows, "row");
            let default = if info.is_default { "; it is the default" } else { "" };
            writeln!(out, "Reference {} of {subject}: {rows}{default}", name(&info.name.name))
        }
    }
}

#[derive(Serialize)]
struct ListView<'a> {
    references: Vec<ReferenceView<'a>>,
}

/// A reference in JSON.
#[derive(Serialize)]
pub(super) struct ReferenceView<'a> {
    model: &'a str,
    version: Option<&'a str>,
    name: &'a str,
    rows: u64,
    source: &'static str,
    from: Option<String>,
    to: Option<String>,
    created: String,
    default: bool,
}

pub(super) fn views(references: &[ReferenceInfo]) -> Vec<ReferenceView<'_>> {
    references.iter().map(view).collect()
}

fn view(info: &ReferenceInfo) -> ReferenceView<'_> {
    let (source, window) = match &info.source {
        ReferenceSource::Rows => ("rows", None),
        ReferenceSource::Window { start, end } => ("window", Some((*start, *end))),
    };
    ReferenceView {
        model: &info.name.model,
        version: info.name.version.as_deref(),
        name: &info.name.name,
        rows: info.rows,
        source,
        from: window.map(|(start, _)| format_time(start)),
        to: window.map(|(_, end)| format_time(end)),
        created: format_time(info.created),
        default: info.is_default,
    }
}

fn csv(references: &[ReferenceInfo], out: &mut dyn io::Write) -> io::Result<()> {
    let header = ["model", "version", "name", "rows", "source", "from", "to", "created", "default"];
    let records = references.iter().map(view).map(|reference| {
        [
            reference.model.to_owned(),
            machine::optional(reference.version),
            reference.name.to_owned(),
            reference.rows.to_string(),
            reference.source.to_owned(),
            reference.from.unwrap_or_default(),
            reference.to.unwrap_or_default(),
            reference.created,
            reference.default.to_string(),
        ]
    });
    machine::csv(out, header, records)
}

/// Writes references as a table.
pub(super) fn write_table(
    references: &[ReferenceInfo],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    if references.is_empty() {
        return writeln!(out, "no references; make one with driftline reference set or pin");
    }
    let titles = ["reference", "version", ">rows", "source", "created", "default"];
    let mut table = Table::new(style, &table::titles(titles));
    for info in references {
        let source = match &info.source {
            ReferenceSource::Rows => "rows".to_owned(),
            ReferenceSource::Window { start, end } => interval(*start, *end),
        };
        table.row([
            name(&info.name.name),
            name_or_none(info.name.version.as_deref()),
            count(info.rows),
            source,
            format_time(info.created),
            if info.is_default { "yes" } else { "" }.to_owned(),
        ]);
    }
    table.write(out)
}

#[cfg(test)]
mod tests {
    use driftline_query::ReferenceName;

    use super::*;
    use crate::cli::render::tests::text;

    fn examples() -> Vec<ReferenceInfo> {
        let name = |version: Option<&str>, name: &str| ReferenceName {
            model: "fraud".to_owned(),
            version: version.map(str::to_owned),
            name: name.to_owned(),
        };
        let day = driftline_storage::DAY_MICROS;
        let source = ReferenceSource::Window { start: 0, end: day };
        vec![
            ReferenceInfo {
                name: name(None, "train"),
                created: 0,
                source: ReferenceSource::Rows,
                rows: 12_345,
                is_default: false,
            },
            ReferenceInfo {
                name: name(Some("v2"), "pin"),
                created: day,
                source,
                rows: 1,
                is_default: true,
            },
        ]
    }

    #[test]
    fn references_have_all_three_forms() {
        let show = |format| text(|out| references(&examples(), out, format, &Style::PLAIN));
        assert_eq!(
            show(Format::Table),
            "\
reference  version    rows  source                                        created               default
────────── ──────── ─────── ───────────────────────────────────────────── ───────────────────── ────────
train      -        12,345  rows                                          1970-01-01T00:00:00Z
pin        v2            1  1970-01-01T00:00:00Z to 1970-01-02T00:00:00Z  1970-01-02T00:00:00Z  yes
"
        );
        assert_eq!(
            show(Format::Csv),
            "\
model,version,name,rows,source,from,to,created,default
fraud,,train,12345,rows,,,1970-01-01T00:00:00Z,false
fraud,v2,pin,1,window,1970-01-01T00:00:00Z,1970-01-02T00:00:00Z,1970-01-02T00:00:00Z,true
"
        );
        let json = show(Format::Json);
        let first = concat!(
            r#"{"references":[{"model":"fraud","version":null,"name":"train","rows":12345,"#,
            r#""source":"rows","from":null,"to":null,"created":"1970-01-01T00:00:00Z","#,
            r#""default":false},"#
        );
        assert!(json.starts_with(first), "{json}");
        assert!(json.ends_with("}]}\n"), "{json}");
    }

    #[test]
    fn a_new_reference_is_one_line() {
        let show = |format| text(|out| reference(&examples()[1], out, format));
        assert_eq!(
            show(Format::Table),
            "Reference pin of fraud, version v2: 1 row; it is the default\n"
        );
        assert!(show(Format::Json).starts_with(r#"{"model":"fraud","version":"v2","name":"pin""#));
        assert_eq!(show(Format::Csv).lines().count(), 2);
    }

    #[test]
    fn no_reference_says_how_to_make_one() {
        let shown = text(|out| references(&[], out, Format::Table, &Style::PLAIN));
        assert!(shown.contains("driftline reference set"), "{shown}");
    }
}
