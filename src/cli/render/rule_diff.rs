//! What applying a file of rules in the place of another would change.

use std::io;

use driftline_alerts::{Difference, Edit, RuleSet};
use serde::Serialize;
use serde_json::Value;

use super::{
    Format, Style, machine,
    table::{counted, sentence},
};
use crate::alerting::AppliedChange;

/// Writes differences.
///
/// # Errors
/// What `out` gives.
pub fn rule_diff(
    differences: &[Difference],
    out: &mut dyn io::Write,
    format: Format,
    _: &Style,
) -> io::Result<()> {
    match format {
        Format::Json => {
            machine::json(out, &View { differences: differences.iter().map(view).collect() })
        }
        Format::Csv => csv(differences, out),
        Format::Table => lines(differences, out),
    }
}

/// Writes what applying a set changed, or would change.
///
/// # Errors
/// What `out` gives.
pub fn applied(
    change: &AppliedChange,
    dry_run: bool,
    (out, format): (&mut dyn io::Write, Format),
) -> io::Result<()> {
    let AppliedChange { differences, revision } = change;
    match format {
        Format::Json => {
            let differences = differences.iter().map(view).collect();
            machine::json(out, &AppliedView { dry_run, revision: *revision, differences })
        }
        Format::Csv => csv(differences, out),
        Format::Table if differences.is_empty() => {
            writeln!(out, "nothing changes, revision {revision} stays in force")
        }
        Format::Table => {
            lines(differences, out)?;
            match dry_run {
                true => writeln!(out, "dry run: revision {revision} stays in force"),
                false => writeln!(out, "revision {revision} is in force"),
            }
        }
    }
}

/// Writes a set of rules as JSON, with the keys of a file.
///
/// # Errors
/// What `out` gives.
pub fn exported(set: &RuleSet, out: &mut dyn io::Write) -> io::Result<()> {
    machine::json(out, set)
}

#[derive(Serialize)]
struct AppliedView<'a> {
    dry_run: bool,
    revision: u64,
    differences: Vec<DifferenceView<'a>>,
}

#[derive(Serialize)]
struct View<'a> {
    differences: Vec<DifferenceView<'a>>,
}

#[derive(Serialize)]
struct DifferenceView<'a> {
    what: &'a str,
    name: &'a str,
    edit: &'static str,
    keys: Vec<KeyView<'a>>,
}

#[derive(Serialize)]
struct KeyView<'a> {
    key: &'a str,
    before: Option<&'a Value>,
    after: Option<&'a Value>,
}

fn word(edit: &Edit) -> &'static str {
    match edit {
        Edit::Added => "added",
        Edit::Removed => "removed",
        Edit::Changed(_) => "changed",
    }
}

/// The keys that differ: of what is added or removed none, it is new or gone as a whole.
fn keys(edit: &Edit) -> &[(String, Option<Value>, Option<Value>)] {
    match edit {
        Edit::Changed(keys) => keys,
        Edit::Added | Edit::Removed => &[],
    }
}

fn view(difference: &Difference) -> DifferenceView<'_> {
    DifferenceView {
        what: difference.what,
        name: &difference.name,
        edit: word(&difference.edit),
        keys: keys(&difference.edit).iter().map(key_view).collect(),
    }
}

fn key_view((key, before, after): &(String, Option<Value>, Option<Value>)) -> KeyView<'_> {
    KeyView { key, before: before.as_ref(), after: after.as_ref() }
}

/// A value as a file has it; empty for a key that has its default.
fn text(value: Option<&Value>) -> String {
    value.map(Value::to_string).unwrap_or_default()
}

fn csv(differences: &[Difference], out: &mut dyn io::Write) -> io::Result<()> {
    let header = ["what", "name", "edit", "key", "before", "after"];
    let records = differences.iter().flat_map(|difference| {
        let head = [difference.what.to_owned(), difference.name.clone()];
        let word = word(&difference.edit).to_owned();
        let keys = keys(&difference.edit);
        let whole = keys.is_empty().then(|| [String::new(), String::new(), String::new()]);
        let each = keys
            .iter()
            .map(|(key, before, after)| [key.clone(), text(before.as_ref()), text(after.as_ref())]);
        let [what, name] = head;
        each.chain(whole)
            .map(move |[key, before, after]| {
                [what.clone(), name.clone(), word.clone(), key, before, after]
            })
            .collect::<Vec<_>>()
    });
    machine::csv(out, header, records)
}

fn lines(differences: &[Difference], out: &mut dyn io::Write) -> io::Result<()> {
    for difference in differences {
        let sign = match difference.edit {
            Edit::Added => '+',
            Edit::Removed => '-',
            Edit::Changed(_) => '~',
        };
        writeln!(out, "{sign} {} {:?}", difference.what, difference.name)?;
        for (key, before, after) in keys(&difference.edit) {
            let shown = |value: &Option<Value>| match value {
                Some(value) => sentence(&value.to_string()),
                None => "its default".to_owned(),
            };
            writeln!(out, "    {key}: {} becomes {}", shown(before), shown(after))?;
        }
    }
    match differences.len() {
        0 => writeln!(out, "no difference"),
        count => writeln!(out, "{}", counted(count as u64, "difference")),
    }
}

#[cfg(test)]
mod tests {
    use driftline_alerts::{RuleSet, Syntax, diff};

    use super::*;
    use crate::cli::render::tests::text;

    fn shown(before: &str, after: &str, format: Format) -> String {
        let set = |text: &str| RuleSet::parse(text, Syntax::Toml).expect("right");
        let differences = diff(&set(before), &set(after));
        text(|out| rule_diff(&differences, out, format, &Style::PLAIN))
    }

    const RULE: &str = "[[rule]]\nname = \"a\"\nmodel = \"m\"\nmetric = \"psi\"\nwindow = \"1d\"\n\
                        when = \"> 0.2\"\n";

    #[test]
    fn differences_stand_key_by_key() {
        let after = format!("{RULE}for = \"1h\"\n[[channel]]\nname = \"log\"\ntype = \"log\"\n");
        assert_eq!(
            shown(RULE, &after, Format::Table),
            "+ channel \"log\"\n~ rule \"a\"\n    for: its default becomes \"1h\"\n2 differences\n"
        );
        assert_eq!(shown(RULE, RULE, Format::Table), "no difference\n");
        assert_eq!(shown(RULE, "", Format::Table), "- rule \"a\"\n1 difference\n");
        assert_eq!(
            shown(RULE, &after, Format::Json),
            "{\"differences\":[{\"what\":\"channel\",\"name\":\"log\",\"edit\":\"added\",\"keys\":[]},\
             {\"what\":\"rule\",\"name\":\"a\",\"edit\":\"changed\",\"keys\":[{\"key\":\"for\",\
             \"before\":null,\"after\":\"1h\"}]}]}\n"
        );
        assert_eq!(
            shown(RULE, &after, Format::Csv),
            "what,name,edit,key,before,after\nchannel,log,added,,,\n\
             rule,a,changed,for,,\"\"\"1h\"\"\"\n"
        );
    }
}
