//! `bench alerts`: ten thousand rules over two hundred models evaluated once, and a back-test of thirty
//! rules over the month of the other benchmarks.
//!
//! Both run in this process. The models of the round are small, so that what is measured is what a rule
//! costs whenever it is due, not the counting of rows; the back-test asks a model of many rows.

use std::fmt::Write as _;

use driftline_alerts::{AlertState, BackTest, RuleSet, Syntax, back_test, check};
use driftline_query::ReferenceName;
use driftline_storage::{
    DAY_MICROS, Declaration, Error, ErrorKind, MINUTE_MICROS, PredictionBatch, ReferenceRows,
    Result,
};

use super::{
    dataset::{Dataset, MODEL, Queue},
    measure::{Samples, peak_rss_mb, reset_peak},
    report::{Line, Report},
};
use crate::{
    Monitor,
    alerting::{AlertFilter, Apply},
    cli::{args::BenchArgs, outcome::Outcome, progress::Progress, rules::Asked},
    workload::{BLOCK_ROWS, LABELS_MAX, START, Shape, Workload},
};

/// Rules of each model of the round.
const RULES_OF_MODEL: u32 = 50;
/// Features of each of them that are numbers; five categories come on top.
const FEATURES: usize = 10;
/// Predictions of each of them, all labelled.
const ROWS: u32 = 1_000;
/// Rows of the reference of each.
const REFERENCE_ROWS: u32 = 1_000;
/// Rounds that are measured.
const ROUNDS: i64 = 5;
/// Time between them, that of the rules, in microseconds.
const EVERY: i64 = 5 * MINUTE_MICROS;
/// Back-tests that are measured.
const BACK_TESTS: usize = 3;
/// Writes under way at once.
const PENDING_MAX: usize = 64;

/// What the rules of the back-test watch, each over an hour and over a day, every five minutes.
const WATCHED: [&str; 15] = [
    "metric = \"psi\"\nwhen = \"> 0.2\"",
    "metric = \"js\"\nwhen = \"> 0.1\"",
    "metric = \"psi\"\nfeature = \"f00\"\nwhen = \"> 0.1\"\nfor = \"1h\"",
    "metric = \"drift_share\"\nwhen = \"> 0.3\"",
    "metric = \"accuracy\"\nwhen = \"< 0.85\"",
    "metric = \"f1\"\nclass = \"macro\"\nwhen = \"< 0.8\"",
    "metric = \"recall\"\nclass = \"1\"\nwhen = \"< 0.8\"",
    "metric = \"coverage\"\nwhen = \"< 0.5\"",
    "metric = \"predictions\"\nwhen = \"< history - 4 sd\"",
    "metric = \"latency_p50\"\nwhen = \"> 100\"",
    "metric = \"latency_p99\"\nwhen = \"> 500\"",
    "metric = \"error_rate\"\nwhen = \"> 0.01\"",
    "metric = \"throughput\"\nwhen = \"< 0.01\"",
    "metric = \"null_rate\"\nwhen = \"> 0.1\"",
    "metric = \"mean\"\nfeature = \"f01\"\nwhen = \"> reference * 1.5\"",
];

/// Measures a round of evaluation and a back-test.
pub(super) fn alerts(args: &BenchArgs, dataset: &mut Dataset, report: &Report) -> Outcome {
    round(args, dataset, report)?;
    month(dataset, report)
}

/// Runs thirty rules over the whole month.
fn month(dataset: &mut Dataset, report: &Report) -> Outcome {
    dataset.ensure()?;
    let monitor = Monitor::open(dataset.labelled())?;
    let rules = |window: &'static str| {
        WATCHED.into_iter().enumerate().map(move |(place, keys)| {
            format!(
                "[[rule]]\nname = \"{window}-{place}\"\nmodel = \"{MODEL}\"\nwindow = \"{window}\"\n\
                 every = \"5m\"\n{keys}\n"
            )
        })
    };
    let text: String = rules("1h").chain(rules("1d")).collect();
    let (set, asked) = (read(&text)?, Asked(&monitor));
    check(&set, &asked)?.map_err(wrong)?;
    let (from, to) = (START, dataset.workload.end());
    reset_peak();
    let (mut first, mut warm) = (Samples::default(), Samples::default());
    let run = first.time(|| back_test(&set, from, to, &asked, &asked))?;
    for _ in 1..BACK_TESTS {
        let again = warm.time(|| back_test(&set, from, to, &asked, &asked))?;
        if again != run {
            return Err(corrupt("a back-test gave other events the second time").into());
        }
    }
    let note = told(&run);
    let peak = peak_rss_mb();
    let line = |what, samples: &Samples| {
        let wall = samples.wall_ms(0.5).unwrap_or(f64::NAN);
        Line::new(what, dataset.rows(), wall, "ms").walls(samples).peak(peak)
    };
    report.say(&line("alerts_back_test_first", &first).note("just opened"))?;
    report.say(&line("alerts_back_test", &warm).note(note))?;
    Ok(())
}

/// A back-test in a sentence.
fn told(run: &BackTest) -> String {
    let sum = |of: fn(&driftline_alerts::Summary) -> u64| -> u64 {
        run.rules.iter().map(|rule| of(&rule.summary)).sum()
    };
    format!(
        "{} rules: {} evaluations of {} alerts by {} queries, {} firings",
        run.rules.len(),
        sum(|summary| summary.evaluations),
        sum(|summary| summary.judged),
        run.cost.queries,
        sum(|summary| summary.fires)
    )
}

/// Evaluates all rules of many models once, as a server does every five minutes: queries, steps, and one
/// durable write.
fn round(args: &BenchArgs, dataset: &Dataset, report: &Report) -> Outcome {
    let models = (args.rules / RULES_OF_MODEL).max(1);
    let directory = dataset.scratch()?.join("alerts");
    let monitor = Monitor::open(&directory)?;
    let source = fill(&monitor, models, args.seed)?;
    let text = rules_of(models, args.rules, &source);
    let (mut parsing, mut applying) = (Samples::default(), Samples::default());
    let set = parsing.time(|| read(&text))?;
    let options = Apply { by: "bench".to_owned(), ..Apply::default() };
    applying.time(|| monitor.alerts().apply(set, &options))?.map_err(wrong)?;
    reset_peak();
    let (mut first, mut warm) = (Samples::default(), Samples::default());
    for round in 0..=ROUNDS {
        // All windows are over, and the shifts between rules too.
        let now = START + DAY_MICROS / 2 + round * EVERY + MINUTE_MICROS;
        let samples = if round == 0 { &mut first } else { &mut warm };
        samples.time(|| monitor.alerts().evaluate(now))?;
    }
    let status = monitor.alerts().status();
    let wanted = u64::from(args.rules) * (ROUNDS.unsigned_abs() + 1);
    if status.totals.failed > 0 || status.totals.evaluations < wanted {
        let text = format!("{wanted} evaluations were due, and are {:?}", status.totals);
        return Err(corrupt(&text).into());
    }
    let alerts = monitor.alerts().list(&AlertFilter::default())?;
    let firing = alerts.iter().filter(|alert| alert.state == AlertState::Firing).count();
    let rows = u64::from(models) * u64::from(ROWS);
    let peak = peak_rss_mb();
    let line = |what, samples: &Samples| {
        let wall = samples.wall_ms(0.5).unwrap_or(f64::NAN);
        Line::new(what, rows, wall, "ms").walls(samples).peak(peak)
    };
    let note = format!("{} rules of {models} models from TOML", args.rules);
    report.say(&line("alerts_parse", &parsing).note(note))?;
    report.say(&line("alerts_apply", &applying).note("checked against the models, and stored"))?;
    report.say(&line("alerts_round_first", &first))?;
    let note = format!("{} alerts, of which {firing} fire, by one thread, written", alerts.len());
    report.say(&line("alerts_round", &warm).note(note))?;
    Ok(())
}

/// Makes the models of the round, each with a reference, a day of predictions and their labels.
fn fill(monitor: &Monitor, models: u32, seed: u64) -> Result<Workload> {
    // Blocks are of a month of this many rows; the first block is taken, and its times are set anew.
    let shape = Shape {
        rows: BLOCK_ROWS.min(LABELS_MAX),
        features: FEATURES,
        days: 1,
        seed,
        binary: false,
    };
    let source = Workload::new(shape);
    let picked: Vec<u32> = (0..ROWS).collect();
    let mut batch = source.block(0).take(&picked);
    let apart = DAY_MICROS / i64::from(ROWS);
    (0_i64..).zip(&mut batch.times).for_each(|(row, time)| *time = START + row * apart);
    let labels = source.labels(0, &batch).labels;
    let ReferenceRows { ids, times, columns } = source.reference();
    let picked: Vec<u32> = (0..REFERENCE_ROWS).collect();
    let sample = PredictionBatch { ids, times, columns }.take(&picked);
    let bar = Progress::steps("making models", u64::from(models));
    let (mut rows, mut truths) = (Queue::new(PENDING_MAX), Queue::new(PENDING_MAX));
    for place in 0..models {
        let model = name_of(place);
        monitor.create_model(&model, Declaration::default(), Some(source.schema()?))?;
        let PredictionBatch { ids, times, columns } = sample.clone();
        let name = ReferenceName { model, version: None, name: "default".to_owned() };
        let model = name.model.clone();
        monitor.set_reference(name, ReferenceRows { ids, times, columns })?;
        rows.push(monitor.write_predictions(&model, "1", batch.clone())?)?;
        truths.push(monitor.write_labels(&model, labels.clone())?)?;
        bar.set(u64::from(place));
    }
    rows.finish()?;
    truths.finish()?;
    monitor.seal()?;
    bar.finish();
    Ok(source)
}

fn name_of(place: u32) -> String {
    format!("model-{place:04}")
}

/// Rules of the models in turn, as a team has them: of each numeric feature its drift and its nulls, and
/// of the model as a whole what the back-test watches.
fn rules_of(models: u32, count: u32, source: &Workload) -> String {
    let mut text = String::new();
    let features = source.shape.features;
    for place in 0..count {
        let (model, kind) = (name_of(place % models), place / models);
        let of_model = usize::try_from(kind).unwrap_or(0);
        let own = WATCHED.get(of_model).map(|keys| (*keys).to_owned());
        let feature = of_model % features.max(1);
        let keys = own.unwrap_or_else(|| match of_model % 3 {
            0 => format!("metric = \"psi\"\nfeature = \"f{feature:02}\"\nwhen = \"> 0.25\""),
            1 => format!("metric = \"null_rate\"\nfeature = \"f{feature:02}\"\nwhen = \"> 0.2\""),
            _ => format!("metric = \"wasserstein\"\nfeature = \"f{feature:02}\"\nwhen = \"> 9\""),
        });
        let _ = writeln!(
            text,
            "[[rule]]\nname = \"{model}-{kind}\"\nmodel = \"{model}\"\nwindow = \"1h\"\n\
             every = \"5m\"\n{keys}"
        );
    }
    text
}

fn read(text: &str) -> Result<RuleSet> {
    RuleSet::parse(text, Syntax::Toml).map_err(wrong)
}

fn wrong(mistakes: driftline_alerts::Mistakes) -> Error {
    Error::invalid("rules", mistakes.to_string())
}

fn corrupt(text: &str) -> Error {
    Error::new(ErrorKind::Corruption, text.to_owned())
}
