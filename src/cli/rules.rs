//! `rules`: checking files of rules, running them over history, and proposing thresholds.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Instant};

use driftline_alerts::{
    Answers, KnownReference, Models, RuleSet, Syntax, back_test, check, diff, tune,
};
use driftline_query::{
    DriftReport, DriftRequest, OperationsReport, OperationsRequest, PerformanceReport,
    PerformanceRequest, QualityReport, QualityRequest, Scope,
};
use driftline_storage::{ModelRecord, Result, TIME_MAX, TIME_MIN, near_misses};

use super::{
    args::{
        ApplyArgs, CheckArgs, DiffArgs, FormatArg, GlobalArgs, HistoryArgs, RulesCommand, TestArgs,
        TuneArgs,
    },
    backend::Backend,
    outcome::{Failure, Outcome},
    render,
    rule_file::RuleFile,
    session::{open_existing, show, usage},
    user::user,
};
use crate::{alerting::Apply, now_micros};

/// Runs a command about rules.
pub(super) fn rules(global: &GlobalArgs, command: &RulesCommand) -> Outcome {
    match command {
        RulesCommand::Apply(args) => apply(global, args),
        RulesCommand::Export => export(global),
        RulesCommand::List => {
            let rules = open_existing(global)?.rule_overviews()?;
            show(global, |out, format, style| render::rule_list(&rules, out, format, style))
        }
        RulesCommand::Status => {
            let backend = open_existing(global)?;
            let (overview, rules) = (backend.alert_overview()?, backend.rule_overviews()?);
            show(global, |out, format, style| {
                render::rule_status(&overview, &rules, (out, format, style))
            })
        }
        RulesCommand::Check(args) => check_file(global, args),
        RulesCommand::Diff(args) => differences(global, args),
        RulesCommand::Test(args) => test(global, args),
        RulesCommand::Tune(args) => tune_thresholds(global, args),
    }
}

/// A database as rules ask it.
pub(super) struct Asked<'a>(pub(super) &'a dyn Backend);

impl Answers for Asked<'_> {
    fn drift(&self, request: &DriftRequest) -> Result<DriftReport> {
        self.0.drift(request)
    }

    fn performance(&self, request: &PerformanceRequest) -> Result<PerformanceReport> {
        self.0.performance(request)
    }

    fn quality(&self, request: &QualityRequest) -> Result<QualityReport> {
        self.0.quality(request)
    }

    fn operations(&self, request: &OperationsRequest) -> Result<OperationsReport> {
        self.0.operations(request)
    }
}

impl Models for Asked<'_> {
    fn model(&self, name: &str) -> Result<Arc<ModelRecord>> {
        self.0.model(name)
    }

    fn references(&self, model: &str) -> Result<Vec<KnownReference>> {
        let known = |info: crate::ReferenceInfo| KnownReference {
            name: info.name.name,
            version: info.name.version,
            created: info.created,
            source: info.source,
            is_default: info.is_default,
        };
        Ok(self.0.references(model)?.into_iter().map(known).collect())
    }

    fn has_labels(&self, model: &str) -> Result<bool> {
        let scope =
            Scope { model: model.to_owned(), from: TIME_MIN, to: TIME_MAX + 1, ..Scope::default() };
        let report = self.0.performance(&PerformanceRequest { scope, ..Default::default() })?;
        Ok(report.windows.iter().any(|window| window.labelled > 0))
    }
}

/// Puts the rules of a file in force, and shows what that changes.
fn apply(global: &GlobalArgs, args: &ApplyArgs) -> Outcome {
    let file = RuleFile::read(&args.file).map_err(usage)?;
    let set = file.rules().map_err(|mistakes| file.refuse(mistakes))?;
    let options =
        Apply { by: user(args.by.as_deref()), dry_run: args.dry_run, expected_revision: None };
    let backend = open_existing(global)?;
    let change = backend.apply_rules(&set, &options).map_err(usage)?;
    let change = change.map_err(|mistakes| file.refuse(mistakes))?;
    show(global, |out, format, _| render::applied(&change, args.dry_run, (out, format)))
}

/// Writes out the rules in force, as a file or as JSON.
fn export(global: &GlobalArgs) -> Outcome {
    let applied = open_existing(global)?.rules()?;
    let text = match global.format {
        FormatArg::Json => None,
        FormatArg::Yaml => Some(applied.set.export(Syntax::Yaml)),
        FormatArg::Table | FormatArg::Toml | FormatArg::Csv => {
            Some(applied.set.export(Syntax::Toml))
        }
    };
    show(global, |out, _, _| match text {
        Some(text) => out.write_all(text.as_bytes()),
        None => render::exported(&applied.set, out),
    })
}

/// Shows the mistakes of a file. Exit code 1 if it has any.
fn check_file(global: &GlobalArgs, args: &CheckArgs) -> Outcome {
    let file = RuleFile::read(&args.file).map_err(usage)?;
    let mut set = file.rules();
    if let (Ok(rules), false) = (&set, args.offline) {
        let backend = open_existing(global)?;
        if let Err(mistakes) = check(rules, &Asked(&*backend))? {
            set = Err(file.located(mistakes));
        }
    }
    let report = render::CheckedRules { file: &file.name, set: &set };
    show(global, |out, format, style| render::checked_rules(&report, out, format, style))?;
    if set.is_ok() { Ok(()) } else { Err(Failure::Shown) }
}

/// Shows what differs between two files. Neither needs a database.
fn differences(global: &GlobalArgs, args: &DiffArgs) -> Outcome {
    let right = |file: &Path| -> std::result::Result<RuleSet, Failure> {
        let file = RuleFile::read(file).map_err(usage)?;
        file.rules().map_err(|mistakes| file.refuse(mistakes))
    };
    let (before, after) = (right(&args.before)?, right(&args.after)?);
    let differences = diff(&before, &after);
    show(global, |out, format, style| render::rule_diff(&differences, out, format, style))
}

/// Reads the rules of a run over history, checks them against their models, and keeps those that are
/// wanted.
fn wanted(args: &HistoryArgs, asked: &Asked<'_>) -> std::result::Result<RuleSet, Failure> {
    let file = RuleFile::read(&args.file).map_err(usage)?;
    let set = file.rules().map_err(|mistakes| file.refuse(mistakes))?;
    let set = chosen(set, &args.rule)?;
    check(&set, asked)?.map_err(|mistakes| file.refuse(mistakes))?;
    Ok(set)
}

/// The rules of these names, and those that they name; all if none is named.
fn chosen(set: RuleSet, names: &[String]) -> std::result::Result<RuleSet, Failure> {
    if names.is_empty() {
        return Ok(set);
    }
    let mut wanted = BTreeSet::new();
    let mut next: Vec<&str> = Vec::new();
    for name in names {
        if set.rule(name).is_none() {
            let near = near_misses(name, set.rules.iter().map(|rule| rule.name.as_str()));
            return Err(Failure::Usage(format!("--rule {name:?} is no rule of the file{near}")));
        }
        next.push(name);
    }
    while let Some(name) = next.pop() {
        if let Some(rule) = set.rule(name).filter(|rule| wanted.insert(rule.name.clone())) {
            next.extend(rule.subject.members().iter().map(String::as_str));
            next.extend(rule.inhibited_by.iter().map(String::as_str));
        }
    }
    let rules = set.rules.iter().filter(|rule| wanted.contains(&rule.name)).cloned().collect();
    Ok(RuleSet { rules, channels: set.channels.clone() })
}

fn tune_thresholds(global: &GlobalArgs, args: &TuneArgs) -> Outcome {
    let interval = args.history.interval(now_micros())?;
    let backend = open_existing(global)?;
    let asked = Asked(&*backend);
    let set = wanted(&args.history, &asked)?;
    let started = Instant::now();
    let rate = args.false_alarms;
    let (tunings, cost) = tune(&set, interval, rate, &asked, &asked).map_err(usage)?;
    let seconds = started.elapsed().as_secs_f64();
    show(global, |out, format, style| {
        render::tunings(&tunings, (rate, cost, seconds), (out, format, style))
    })
}

fn test(global: &GlobalArgs, args: &TestArgs) -> Outcome {
    let (from, to) = args.history.interval(now_micros())?;
    let backend = open_existing(global)?;
    let asked = Asked(&*backend);
    let set = wanted(&args.history, &asked)?;
    let started = Instant::now();
    let run = back_test(&set, from, to, &asked, &asked).map_err(usage)?;
    let seconds = started.elapsed().as_secs_f64();
    show(global, |out, format, style| render::back_test(&set, &run, seconds, (out, format, style)))
}
