//! From arguments to answers: opens what the command talks to, runs it, shows what came, and turns
//! failures into exit codes.

use std::{
    io::{self, BufWriter, Write as _},
    process::ExitCode,
};

use driftline_storage::{Error, ErrorKind, Result, Task, VersionRecord, check_name};

use super::{
    args::{
        Cli, Command, CreateArgs, GlobalArgs, ImportArgs, ImportCommand, LabelImportArgs,
        ModelsCommand, PinArgs, QueryCommand, ReferenceCommand, SERVER_ENV, SetArgs, Target,
    },
    backend::Backend,
    bench, demo,
    import::{Source, import_labels, import_predictions, set_reference},
    outcome::{Failure, Outcome},
    render::{self, Format, ImportReport, Imported, RefusedRow, Style},
    serve,
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
        Command::Query(command) => query(global, command),
        Command::Bench(args) => bench::bench(global, args),
    }
}

/// The database of a directory, or the client of a server.
fn open(global: &GlobalArgs) -> Result<Box<dyn Backend>> {
    let server = std::env::var(SERVER_ENV).ok();
    Ok(match global.target(server.as_deref()) {
        Target::Directory(directory) => Box::new(Monitor::open(directory)?),
        Target::Server(url) => Box::new(Client::connect(&url)?),
    })
}

/// A database that must exist: a query on a misspelt directory must not make one.
fn open_existing(global: &GlobalArgs) -> Result<Box<dyn Backend>> {
    if let Some(directory) = &global.data_dir
        && !directory.join("catalog.redb").exists()
    {
        let text = format!("{} holds no driftline database", directory.display());
        return Err(Error::new(ErrorKind::NotFound, text));
    }
    open(global)
}

/// Shows an answer on standard output.
fn show(
    global: &GlobalArgs,
    render: impl FnOnce(&mut dyn io::Write, Format, &Style) -> io::Result<()>,
) -> Outcome {
    let stdout = io::stdout();
    let style = Style::detect(&stdout);
    let mut out = BufWriter::new(stdout.lock());
    render(&mut out, global.format, &style)?;
    out.flush()?;
    Ok(())
}

/// A request that storage or query refuses as it stands is wrong usage of the command.
fn usage(error: Error) -> Failure {
    match error.kind() {
        ErrorKind::InvalidArgument => Failure::Usage(error.to_string()),
        _ => Failure::Failed(error),
    }
}

fn models(global: &GlobalArgs, command: &ModelsCommand) -> Outcome {
    match command {
        ModelsCommand::List => {
            let models = open_existing(global)?.models()?;
            show(global, |out, format, style| render::models(&models, out, format, style))
        }
        ModelsCommand::Show { model } => {
            let backend = open_existing(global)?;
            let (record, references) = (backend.model(model)?, backend.references(model)?);
            show(global, |out, format, style| {
                render::model(&record, &references, out, format, style)
            })
        }
        ModelsCommand::Create(args) => create_model(global, args),
    }
}

/// Makes a model, or a version of one that exists: then what is declared is the version's own.
fn create_model(global: &GlobalArgs, args: &CreateArgs) -> Outcome {
    check_name("model", &args.model).map_err(usage)?;
    if let Some(version) = &args.version {
        check_name("version", version).map_err(usage)?;
    }
    check_declaration(args)?;
    let backend = open(global)?;
    let known = match backend.model(&args.model) {
        Ok(known) => Some(known),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let record = match (known, &args.version) {
        (Some(known), Some(version)) => {
            if known.versions.contains_key(version) {
                let text = format!("version {version:?} of {:?} exists already", args.model);
                return Err(Error::new(ErrorKind::AlreadyExists, text).into());
            }
            let declaration = args.is_declared().then(|| args.declaration());
            let record = VersionRecord { declaration, schema: None };
            backend.create_version(&args.model, version, record).map_err(usage)?
        }
        (_, version) => {
            let made = backend.create_model(&args.model, args.declaration()).map_err(usage)?;
            match version {
                Some(version) => backend
                    .create_version(&args.model, version, VersionRecord::default())
                    .map_err(usage)?,
                None => made,
            }
        }
    };
    show(global, |out, format, style| render::model(&record, &[], out, format, style))
}

/// Refuses what contradicts itself.
fn check_declaration(args: &CreateArgs) -> Outcome {
    let declared = args.declaration();
    let lists = [
        ("--categorical", &declared.categorical),
        ("--numeric", &declared.numeric),
        ("--ignore", &declared.ignore),
    ];
    for (place, (flag, names)) in lists.iter().enumerate() {
        for (other, others) in lists.iter().skip(place + 1) {
            if let Some(twice) = names.iter().find(|name| others.contains(name)) {
                return Err(Failure::Usage(format!("{twice:?} is named by {flag} and by {other}")));
            }
        }
    }
    if declared.task == Some(Task::Regression) && declared.positive_class.is_some() {
        let text = "--positive-class is about classes, and a regression has none";
        return Err(Failure::Usage(text.to_owned()));
    }
    Ok(())
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
fn imported(
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

fn query(global: &GlobalArgs, command: &QueryCommand) -> Outcome {
    let now = now_micros();
    match command {
        QueryCommand::Drift(args) => {
            let request = args.request(now)?;
            let report = open_existing(global)?.drift(&request).map_err(usage)?;
            show(global, |out, format, style| render::drift(&report, out, format, style))
        }
        QueryCommand::Performance(args) => {
            let request = args.request(now)?;
            let report = open_existing(global)?.performance(&request).map_err(usage)?;
            show(global, |out, format, style| render::performance(&report, out, format, style))
        }
        QueryCommand::Distribution(args) => {
            let request = args.request(now)?;
            let report = open_existing(global)?.distribution(&request).map_err(usage)?;
            show(global, |out, format, style| render::distribution(&report, out, format, style))
        }
    }
}
