//! Results as tables for people and as JSON lines for programs.

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use driftline_query::stats::quantile;
use serde_json::{Value, json};

use crate::{
    experiment::{Kept, Run, Size},
    tally::{Outcomes, Verdict},
};

/// Thousands apart, as people read them.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn percent(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}

fn sizes(size: Size) -> String {
    format!("{} of {}", grouped(size.rows as u64), grouped(size.reference as u64))
}

/// Share, interval, mark and refusals of one test.
fn cell(outcomes: &Outcomes, drifted: bool) -> String {
    let Ok((share, interval)) = outcomes.share() else { return "refused".to_owned() };
    let mark = match outcomes.verdict() {
        _ if drifted => "",
        Verdict::Exceeds => " **+**",
        Verdict::Careful => " -",
        Verdict::Holds | Verdict::Refused => "",
    };
    let refused = match outcomes.refused {
        0 => String::new(),
        refused => format!(", {} refused", grouped(refused)),
    };
    let (low, high) = (percent(interval.low), percent(interval.high));
    format!("{} ({low}-{high}){mark}{refused}", percent(share))
}

/// Tests down, the given heads across. All runs have the same tests.
fn pivot(runs: &[&Run], heads: impl Iterator<Item = String>, drifted: bool) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header(std::iter::once("test".to_owned()).chain(heads));
    let tests = runs.first().map(|run| run.outcomes.as_slice()).unwrap_or_default();
    for (place, (test, _)) in tests.iter().enumerate() {
        let cells = runs
            .iter()
            .map(|run| run.outcomes.get(place).map_or_else(String::new, |(_, o)| cell(o, drifted)));
        table.add_row(std::iter::once((*test).to_owned()).chain(cells));
    }
    table
}

/// The level of tests, one table a law.
pub fn level_tables(runs: &[Run]) -> String {
    let mut laws: Vec<&str> = runs.iter().map(|run| run.law).collect();
    laws.dedup();
    let of = |law: &&str| {
        let runs: Vec<&Run> = runs.iter().filter(|run| run.law == *law).collect();
        let heads = runs.iter().map(|run| sizes(run.size));
        format!("{law}\n\n{}\n", pivot(&runs, heads, false))
    };
    laws.iter().map(of).collect::<Vec<_>>().join("\n")
}

/// The chi-square form of PSI, one line a size.
pub fn unguarded_table(runs: &[Run]) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header(["law", "rows", "windows with p < 0.05"]);
    for run in runs {
        for (_, outcomes) in &run.outcomes {
            table.add_row([run.law.to_owned(), sizes(run.size), cell(outcomes, false)]);
        }
    }
    format!("{table}\n")
}

/// The power of tests.
pub fn power_table(runs: &[Run]) -> String {
    let runs: Vec<&Run> = runs.iter().collect();
    let heads =
        runs.iter().map(|run| format!("{}, {} sd", grouped(run.size.rows as u64), run.shift));
    format!("{}\n", pivot(&runs, heads, true))
}

/// Shares of alarms over references that are kept.
pub fn kept_table(kept: &[Kept]) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header(["rows of reference", "mean", "10 %", "median", "90 %", "worst"]);
    for kept in kept {
        let at = |q| quantile(&kept.shares, q).map_or_else(|why| why.to_string(), percent);
        let mean = kept.shares.iter().sum::<f64>() / kept.shares.len() as f64;
        let cells = [percent(mean), at(0.1), at(0.5), at(0.9), at(1.0)];
        table.add_row(std::iter::once(sizes(kept.size)).chain(cells));
    }
    format!("{table}\n")
}

/// A line for each test of a run.
pub fn lines(run: &Run) -> Vec<Value> {
    let line = |(test, outcomes): &(&str, Outcomes)| {
        let (share, interval) = match outcomes.share() {
            Ok((share, interval)) => (Some(share), Some([interval.low, interval.high])),
            Err(_) => (None, None),
        };
        let verdict = (run.shift == 0.0).then(|| outcomes.verdict().name());
        json!({
            "test": test, "law": run.law, "rows": run.size.rows,
            "reference_rows": run.size.reference, "shift": run.shift,
            "windows": run.size.windows, "refused": outcomes.refused, "alarms": outcomes.alarms,
            "share": share, "interval": interval, "verdict": verdict,
        })
    };
    run.outcomes.iter().map(line).collect()
}

/// A line for the references of a size.
pub fn kept_line(kept: &Kept) -> Value {
    json!({
        "test": "chi2", "law": "8 categories", "rows": kept.size.rows,
        "reference_rows": kept.size.reference, "windows_per_reference": kept.size.windows,
        "shares_of_references": kept.shares,
    })
}
