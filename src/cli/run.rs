//! From arguments to exit codes: which command runs, and how its failure is told.

use std::{io, process::ExitCode};

use driftline_storage::Error;

use super::{
    alerts::alerts,
    args::{Cli, Command, ImportCommand, PredictionsCommand},
    bench,
    delete::delete,
    demo, imports, maintenance,
    models::models,
    outcome::{Failure, Outcome},
    queries::query,
    references::reference,
    rules::rules,
    series, serve,
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
        Command::Import(ImportCommand::Predictions(args)) => imports::predictions(global, args),
        Command::Import(ImportCommand::Labels(args)) => imports::labels(global, args),
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
