//! What is wrong with a file of rules.

use std::io;

use driftline_alerts::{Mistake, Mistakes, RuleSet};
use serde::Serialize;

use super::{
    Format, Style, machine,
    table::{counted, sentence, whole},
};

/// A file of rules that was checked.
pub struct CheckedRules<'a> {
    /// The file.
    pub file: &'a str,
    /// Its rules, or its mistakes.
    pub set: &'a Result<RuleSet, Mistakes>,
}

#[derive(Serialize)]
struct View<'a> {
    file: &'a str,
    valid: bool,
    channels: Option<usize>,
    rules: Option<usize>,
    mistakes: &'a [Mistake],
}

/// Writes what was found.
///
/// # Errors
/// What `out` gives.
pub fn checked_rules(
    checked: &CheckedRules<'_>,
    out: &mut dyn io::Write,
    format: Format,
    _: &Style,
) -> io::Result<()> {
    let mistakes = match checked.set {
        Ok(_) => &[][..],
        Err(Mistakes(mistakes)) => mistakes,
    };
    let set = checked.set.as_ref().ok();
    match format {
        Format::Json => {
            let view = View {
                file: checked.file,
                valid: set.is_some(),
                channels: set.map(|set| set.channels.len()),
                rules: set.map(|set| set.rules.len()),
                mistakes,
            };
            machine::json(out, &view)
        }
        Format::Csv => {
            let record = |mistake: &Mistake| {
                let Mistake { line, place, key, value, problem, .. } = mistake.clone();
                let line = line.map(|line| line.to_string()).unwrap_or_default();
                [line, place, key, value, problem]
            };
            let header = ["line", "place", "key", "value", "problem"];
            machine::csv(out, header, mistakes.iter().map(record))
        }
        Format::Table => {
            for mistake in mistakes {
                writeln!(out, "{}", sentence(&mistake.in_file(checked.file)))?;
            }
            let file = whole(checked.file);
            match set {
                Some(set) => {
                    let rules = counted(set.rules.len() as u64, "rule");
                    let channels = counted(set.channels.len() as u64, "channel");
                    writeln!(out, "{file}: {rules} and {channels}, no mistake found")
                }
                None => writeln!(out, "{file}: {}", counted(mistakes.len() as u64, "mistake")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use driftline_alerts::Syntax;

    use super::*;
    use crate::cli::render::tests::text;

    fn shown(rules: &str, format: Format) -> String {
        let set = RuleSet::parse(rules, Syntax::Toml);
        let checked = CheckedRules { file: "rules.toml", set: &set };
        text(|out| checked_rules(&checked, out, format, &Style::PLAIN))
    }

    const WRONG: &str =
        "[[rule]]\nname = \"a\"\nmodel = \"m\"\nmetric = \"psi\"\nwindow = 3\nwhen = \"> 1\"";

    #[test]
    fn mistakes_stand_one_a_line() {
        let want = "rules.toml:5: rule \"a\": window = 3: is a number, and must be a duration in quotes, such as \
                    \"1d\"\nrules.toml: 1 mistake\n";
        assert_eq!(shown(WRONG, Format::Table), want);
        assert_eq!(
            shown("", Format::Table),
            "rules.toml: 0 rules and 0 channels, no mistake found\n"
        );
        let json = shown(WRONG, Format::Json);
        assert!(
            json.starts_with(r#"{"file":"rules.toml","valid":false,"channels":null,"#),
            "{json}"
        );
        assert!(
            shown(WRONG, Format::Csv).starts_with("line,place,key,value,problem\n5,\"rule \"\"a")
        );
    }
}
