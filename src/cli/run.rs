//! From arguments to answers: opens what the command talks to, runs it, shows what came, and turns
//! failures into exit codes.

use std::{
    io::{self, BufWriter, Write as _},
    process::ExitCode,
};

use driftline_storage::{Drive, Error, ErrorKind, Options, Result};

use super::{
    alerts::alerts,
    args::{
        Cli, Command, GlobalArgs, ImportArgs, ImportCommand, LabelImportArgs, PinArgs,
        PredictionsCommand, QueryCommand, ReferenceCommand, SERVER_ENV, SetArgs, Target,
    },
    backend::Backend,
    bench,
    delete::delete,
    demo,
    import::{Source, import_labels, import_predictions, set_reference},
    maintenance,
    models::models,
    outcome::{Failure, Outcome},
    render::{self, Format, ImportReport, Imported, RefusedRow, Style},
    rules::rules,
    series, serve,
};
use crate::{
    Monitor,
    client::Client,
    import::{Roles, Summary},
    now_micros,
};

/// Runs the program. Exit codes: 0 done, 1 failed, 2 wrong usage.
pub fn main() -> ExitCode {
    let cli = Cli::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    match run(&cli) {
        Ok(()) | Err(Failure::Unread) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
        Err(Failure::Shown) => ExitCode::FAILURE,
        Err(Failure::Failed(error)) => {
            tell(&error);
            ExitCode::FAILURE
        }
    }
}

fn tell(error: &Error) {
    eprintln!("error: {error}");
    if error.field_violations().len() > 1 {
        for violation in error.field_violations() {
            eprintln!("  {}: {}", violation.field, violation.description);
        }
    }
}

fn run(cli: &Cli) -> Outcome {
    let global = &cli.global;
    match &cli.command {
        Command::Serve(args) => serve::serve(global, args),
        Command::Demo(args) => demo::demo(global, args),
        Command::Models(command) => models(global, command),
        Command::Reference(command) => reference(global, command),
        Command::Import(ImportCommand::Predictions(args)) => predictions(global, args),
        Command::Import(ImportCommand::Labels(args)) => labels(global, args),
        Command::Import(ImportCommand::Series(args)) => series::import(global, args),
        Command::Query(command) => query(global, command),
        Command::Rules(command) => rules(global, command),
        Command::Alerts(command) => alerts(global, command),
        Command::Predictions(PredictionsCommand::Delete(args)) => delete(global, args),
        Command::Verify => maintenance::verify(global),
        Command::Compact => maintenance::compact(global),
        Command::Inspect(args) => maintenance::inspect(global, args),
        Command::Bench(args) => bench::bench(global, args),
    }
}

/// The database of a directory, or the client of a server.
pub(super) fn open(global: &GlobalArgs) -> Result<Box<dyn Backend>> {
    let server = std::env::var(SERVER_ENV).ok();
    Ok(match global.target(server.as_deref()) {
        Target::Directory(directory) => Box::new(Monitor::open(directory)?),
        Target::Server(url) => Box::new(Client::connect(&url)?),
    })
}

/// A database that must exist: a query on a misspelt directory must not make one.
pub(super) fn open_existing(global: &GlobalArgs) -> Result<Box<dyn Backend>> {
    must_exist(global)?;
    open(global)
}

/// A database that must exist and that nothing but the command works on: a directory is opened
/// without maintenance in the background.
pub(super) fn open_still(global: &GlobalArgs) -> Result<Box<dyn Backend>> {
    must_exist(global)?;
    match &global.data_dir {
        None => open(global),
        Some(directory) => {
            let options = Options { drive: Drive::Caller, ..Options::on_disk(now_micros) };
            Ok(Box::new(Monitor::open_with(directory, options)?))
        }
    }
}

fn must_exist(global: &GlobalArgs) -> Result<()> {
    match &global.data_dir {
        Some(directory) if !directory.join("catalog.redb").exists() => {
            let text = format!("{} holds no driftline database", directory.display());
            Err(Error::new(ErrorKind::NotFound, text))
        }
        _ => Ok(()),
    }
}

/// Shows an answer on standard output.
pub(super) fn show(
    global: &GlobalArgs,
    render: impl FnOnce(&mut dyn io::Write, Format, &Style) -> io::Result<()>,
) -> Outcome {
    let stdout = io::stdout();
    let style = Style::detect(&stdout);
    let mut out = BufWriter::new(stdout.lock());
    render(&mut out, global.format(), &style)?;
    out.flush()?;
    Ok(())
}

/// A request that storage or query refuses as it stands is wrong usage of the command.
pub(super) fn usage(error: Error) -> Failure {
    match error.kind() {
        ErrorKind::InvalidArgument => Failure::Usage(error.to_string()),
        _ => Failure::Failed(error),
    }
}

fn reference(global: &GlobalArgs, command: &ReferenceCommand) -> Outcome {
    match command {
        ReferenceCommand::Set(args) => reference_set(global, args),
        ReferenceCommand::Pin(args) => reference_pin(global, args),
        ReferenceCommand::List { model } => {
            let references = open_existing(global)?.references(model)?;
            show(global, |out, format, style| render::references(&references, out, format, style))
        }
    }
}

fn reference_set(global: &GlobalArgs, args: &SetArgs) -> Outcome {
    let source = Source {
        model: args.model.clone(),
        version: args.version.clone(),
        files: args.files.iter().map(Into::into).collect(),
        roles: Roles::parse(&args.map).map_err(usage)?,
    };
    let backend = open(global)?;
    let (info, summary) = set_reference(&*backend, &source, &args.name)?;
    tell_refused(&summary);
    show(global, |out, format, _| render::reference(&info, out, format))
}

fn reference_pin(global: &GlobalArgs, args: &PinArgs) -> Outcome {
    let (from, to) = args.window(now_micros())?;
    let backend = open_existing(global)?;
    let info = backend.pin_reference(args.reference(), from, to).map_err(usage)?;
    show(global, |out, format, _| render::reference(&info, out, format))
}

/// A reference has no summary of its own: what it left out is told beside it.
fn tell_refused(summary: &Summary) {
    for note in &summary.notes {
        eprintln!("note: {note}");
    }
    for (rule, count) in &summary.reasons {
        eprintln!("refused {count} rows: {rule}");
    }
    for refused in &summary.examples {
        eprintln!("  {} row {}: {}", refused.file, refused.row, refused.reason);
    }
}

fn predictions(global: &GlobalArgs, args: &ImportArgs) -> Outcome {
    let source = Source {
        model: args.model.clone(),
        version: args.version.clone(),
        files: args.files.iter().map(Into::into).collect(),
        roles: Roles::parse(&args.map).map_err(usage)?,
    };
    let backend = open(global)?;
    let (summary, outcome) = import_predictions(&*backend, &source);
    imported(global, &source.model, Imported::Predictions, summary, outcome)
}

fn labels(global: &GlobalArgs, args: &LabelImportArgs) -> Outcome {
    let source = Source {
        model: args.model.clone(),
        version: None,
        files: args.files.iter().map(Into::into).collect(),
        roles: Roles::parse(&args.map).map_err(usage)?,
    };
    let backend = open_existing(global)?;
    let (summary, outcome) = import_labels(&*backend, &source);
    imported(global, &source.model, Imported::Labels, summary, outcome)
}

/// Shows what an import took, also when it then failed.
pub(super) fn imported(
    global: &GlobalArgs,
    model: &str,
    imported: Imported,
    summary: Summary,
    outcome: Result<()>,
) -> Outcome {
    if outcome.is_ok() || summary.rows > 0 {
        let refused = |row: crate::import::Refused| RefusedRow {
            file: row.file,
            row: row.row,
            reason: row.reason,
        };
        let report = ImportReport {
            model: model.to_owned(),
            imported,
            rows: summary.rows,
            accepted: summary.accepted,
            known: summary.known,
            waiting: summary.waiting,
            refused: summary.refused,
            reasons: summary.reasons.into_iter().collect(),
            examples: summary.examples.into_iter().map(refused).collect(),
            labels: summary.labels,
            notes: summary.notes,
            bytes: summary.bytes,
            seconds: summary.seconds,
        };
        show(global, |out, format, style| render::import(&report, out, format, style))?;
    }
    Ok(outcome?)
}

/// Refuses to explain in a form that has no place for it.
fn has_place(global: &GlobalArgs, explain: bool) -> Outcome {
    if explain && global.format() == Format::Csv {
        let text = "--explain has no place in CSV, which has a line per value; take --format json";
        return Err(Failure::Usage(text.to_owned()));
    }
    Ok(())
}

fn query(global: &GlobalArgs, command: &QueryCommand) -> Outcome {
    let now = now_micros();
    match command {
        QueryCommand::Drift(args) => {
            let request = args.request(now)?;
            has_place(global, request.explain)?;
            let report = open_existing(global)?.drift(&request).map_err(usage)?;
            show(global, |out, format, style| render::drift(&report, out, format, style))
        }
        QueryCommand::Performance(args) => {
            let request = args.request(now)?;
            has_place(global, request.explain)?;
            let report = open_existing(global)?.performance(&request).map_err(usage)?;
            show(global, |out, format, style| render::performance(&report, out, format, style))
        }
        QueryCommand::Distribution(args) => {
            let request = args.request(now)?;
            let report = open_existing(global)?.distribution(&request).map_err(usage)?;
            show(global, |out, format, style| render::distribution(&report, out, format, style))
        }
        QueryCommand::Series(args) => series::query(global, args),
        QueryCommand::Quality(args) if args.arrivals => {
            let request = args.arrivals_request(now)?;
            let report = open_existing(global)?.arrivals(&request).map_err(usage)?;
            show(global, |out, format, style| render::arrivals(&report, out, format, style))
        }
        QueryCommand::Quality(args) => {
            let request = args.request(now)?;
            has_place(global, request.explain)?;
            let report = open_existing(global)?.quality(&request).map_err(usage)?;
            show(global, |out, format, style| render::quality(&report, out, format, style))
        }
        QueryCommand::Operations(args) => {
            let request = args.request(now)?;
            let report = open_existing(global)?.operations(&request).map_err(usage)?;
            show(global, |out, format, style| render::operations(&report, out, format, style))
        }
        QueryCommand::Compare(args) if args.shadow => {
            let request = args.agreement_request(now)?;
            let report = open_existing(global)?.agreement(&request).map_err(usage)?;
            show(global, |out, format, style| render::agreement(&report, out, format, style))
        }
        QueryCommand::Compare(args) => {
            let request = args.request(now)?;
            let report = open_existing(global)?.compare(&request).map_err(usage)?;
            show(global, |out, format, style| render::comparison(&report, out, format, style))
        }
        QueryCommand::Fairness(args) => {
            let request = args.request(now)?;
            let report = open_existing(global)?.fairness(&request).map_err(usage)?;
            show(global, |out, format, style| render::fairness(&report, out, format, style))
        }
    }
}
