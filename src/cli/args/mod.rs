//! What a user may type. Parsing checks form and range, so that wrong usage ends with exit code 2
//! before anything is opened; what names mean is known only to the database.

mod alerts;
mod bench;
mod channels;
mod compare;
mod curves;
mod data;
mod fairness;
mod maintenance;
mod models;
mod operations;
mod query;
mod rules;
mod scope;
mod series;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, CommandFactory as _, Parser, Subcommand, error::ErrorKind};
use driftline_alerts::parse_duration;
use driftline_storage::MINUTE_MICROS;

pub use alerts::{
    AckArgs, AlertArgs, AlertFilterArgs, AlertHistoryArgs, AlertName, AlertsCommand, LettersArgs,
    NoticesArgs, SilenceArgs,
};
pub use bench::{BenchArgs, BenchKind};
pub use channels::TestChannelArgs;
pub use data::{ImportArgs, ImportCommand, LabelImportArgs, PinArgs, ReferenceCommand, SetArgs};
pub use maintenance::{DeleteArgs, InspectArgs, PredictionsCommand, RetentionArgs};
pub use models::{CreateArgs, ModelsCommand, SlicesCommand, TagsCommand};
pub use operations::OperationsArgs;
pub use query::{DistributionArgs, DriftArgs, PerformanceArgs, QualityArgs, QueryCommand};
pub use rules::{ApplyArgs, CheckArgs, DiffArgs, HistoryArgs, RulesCommand, TestArgs, TuneArgs};
pub use scope::ScopeArgs;
pub use series::{Over, SeriesImportArgs, SeriesQueryArgs};

use super::render::Format;

/// Where a server is looked for if nothing says otherwise.
pub const SERVER_DEFAULT: &str = "http://127.0.0.1:7447";
/// The environment variable that names another server.
pub const SERVER_ENV: &str = "DRIFTLINE_SERVER";

/// Monitors machine-learning models: drift, quality and distributions over time.
#[derive(Debug, Parser)]
#[command(
    name = "driftline",
    version,
    disable_help_subcommand = true,
    after_help = "Times are RFC 3339 (2026-01-01T00:00:00Z) or relative (-7d, -90m, now, now-7d).\n\
                  Exit codes: 0 done, 1 failed, 2 wrong usage.\n\n\
                  Examples:\n  \
                  driftline demo --serve\n  \
                  driftline query drift --model fraud --from -7d --to now"
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes, before or after its name.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Server to ask [default: $DRIFTLINE_SERVER, or http://127.0.0.1:7447]
    #[arg(long, value_name = "URL", global = true, conflicts_with = "data_dir",
          value_parser = parse_url)]
    pub server: Option<String>,
    /// Directory of a database to open here instead of asking a server
    #[arg(long, value_name = "DIR", global = true)]
    pub data_dir: Option<PathBuf>,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t, global = true)]
    pub format: FormatArg,
}

/// What `--format` may say: the form of an answer, or of a file where a file is the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum FormatArg {
    /// Tables and charts for people; may change between releases
    #[default]
    Table,
    /// One JSON object on one line
    Json,
    /// CSV of RFC 4180 with a header
    Csv,
    /// Of `rules export`
    #[value(hide = true)]
    Toml,
    /// Of `rules export`
    #[value(hide = true)]
    Yaml,
}

/// Where a command's database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Behind a server, by URL.
    Server(String),
    /// In a directory that this process opens itself.
    Directory(PathBuf),
}

impl GlobalArgs {
    /// The form of an answer. Forms of files count as tables: [`Cli::read`] refuses them where no file
    /// is the answer.
    pub fn format(&self) -> Format {
        match self.format {
            FormatArg::Table | FormatArg::Toml | FormatArg::Yaml => Format::Table,
            FormatArg::Json => Format::Json,
            FormatArg::Csv => Format::Csv,
        }
    }

    /// The database to use: a flag, then the value of [`SERVER_ENV`], then the default server.
    pub fn target(&self, server_env: Option<&str>) -> Target {
        if let Some(directory) = &self.data_dir {
            return Target::Directory(directory.clone());
        }
        let env = server_env.filter(|url| !url.is_empty());
        let server = self.server.as_deref().or(env).unwrap_or(SERVER_DEFAULT);
        Target::Server(server.to_owned())
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve a database over gRPC and HTTP until interrupted; needs --data-dir
    #[command(after_help = "Example:\n  driftline serve --data-dir /var/lib/driftline")]
    Serve(ServeArgs),
    /// Fill a database with a month of synthetic predictions, late labels and drift
    #[command(after_help = "Example:\n  driftline demo --data-dir /tmp/demo --serve")]
    Demo(DemoArgs),
    /// List, show and create models
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Make and list references, the samples that drift is measured from
    #[command(subcommand)]
    Reference(ReferenceCommand),
    /// Import predictions, labels and metric series from files
    #[command(subcommand)]
    Import(ImportCommand),
    /// Ask for drift, performance, distributions, data quality, operations, fairness and metric series
    #[command(subcommand)]
    Query(QueryCommand),
    /// Apply and export rules of alerts, check them, run them over history, and propose thresholds
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Show, silence and acknowledge alerts, and look after what is sent of them
    #[command(subcommand)]
    Alerts(AlertsCommand),
    /// Delete stored predictions
    #[command(subcommand)]
    Predictions(PredictionsCommand),
    /// Read and check every file of a database; exit code 1 if something is damaged
    #[command(after_help = "Examples:\n  \
        driftline verify --data-dir /var/lib/driftline\n  \
        driftline verify --server http://db:7447 --format json")]
    Verify,
    /// Compact a database as far as can be, and purge what was deleted
    #[command(
        after_help = "A database compacts itself in the background; this does all of it now.\n\n\
        Example:\n  driftline compact --data-dir /var/lib/driftline"
    )]
    Compact,
    /// Show what a file of a data directory holds, without opening the database
    #[command(after_help = "Examples:\n  \
        driftline inspect /var/lib/driftline/catalog.redb\n  \
        driftline inspect wal/00000000000000000001-00.wal --format json")]
    Inspect(InspectArgs),
    /// Measure ingest, size, queries and memory on this machine with synthetic predictions
    #[command(
        after_help = "With --data-dir the data is kept, and used again by the next run of the same \
                      rows, features, days and seed.\n\nExamples:\n  \
                      driftline bench --rows 1000000\n  \
                      driftline bench query --data-dir /tmp/bench --format json"
    )]
    Bench(BenchArgs),
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Address of the gRPC service
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7447")]
    pub grpc_addr: SocketAddr,
    /// Address of the HTTP pages, health and metrics
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7448")]
    pub http_addr: SocketAddr,
    /// Leave rules of alerts unevaluated and notices unsent; both wait for a server that does it
    #[arg(long)]
    pub no_alerts: bool,
    /// Window of the drift and quality of models in /metrics, such as 1h or 1d; off leaves them out
    #[arg(long, value_name = "WINDOW", default_value = "1h", value_parser = parse_gauge_window)]
    pub metrics_window: GaugeWindow,
}

/// Length of the window whose values of models `/metrics` tells; none tells none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GaugeWindow(pub Option<Duration>);

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Serve the database once it is filled
    #[arg(long)]
    pub serve: bool,
}

impl Cli {
    /// Reads a command line, the program's name first.
    ///
    /// # Errors
    /// Wrong usage, which ends with exit code 2; help and version also come as an error, with exit
    /// code 0. [`clap::Error::exit`] prints either where it belongs.
    pub fn read<I, T>(words: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<OsString> + Clone,
    {
        let cli = Self::try_parse_from(words)?;
        cli.check()?;
        Ok(cli)
    }

    /// The rules between arguments that the parser cannot state.
    fn check(&self) -> Result<(), clap::Error> {
        let wrong = |kind, text: String| Err(Self::command().error(kind, text));
        let owns = matches!(self.command, Command::Serve(_) | Command::Demo(_) | Command::Bench(_));
        if owns && self.global.server.is_some() {
            let text = "this command opens a database itself: give --data-dir, not --server";
            return wrong(ErrorKind::ArgumentConflict, text.to_owned());
        }
        // The parser sees this conflict only if both stand on the same side of the command.
        if self.global.server.is_some() && self.global.data_dir.is_some() {
            let text = "--server cannot be used with --data-dir";
            return wrong(ErrorKind::ArgumentConflict, text.to_owned());
        }
        let target = self.global.server.is_some() || self.global.data_dir.is_some();
        if matches!(self.command, Command::Inspect(_)) && target {
            let text = "inspect reads its FILE alone: give neither --data-dir nor --server";
            return wrong(ErrorKind::ArgumentConflict, text.to_owned());
        }
        if matches!(self.command, Command::Serve(_)) && self.global.data_dir.is_none() {
            let text = "serve needs --data-dir DIR, the directory of its database";
            return wrong(ErrorKind::MissingRequiredArgument, text.to_owned());
        }
        let is_export = matches!(self.command, Command::Rules(RulesCommand::Export));
        let is_file = matches!(self.global.format, FormatArg::Toml | FormatArg::Yaml);
        if is_file && !is_export {
            let text = "--format toml and yaml are for rules export; others are table, json, csv";
            return wrong(ErrorKind::ArgumentConflict, text.to_owned());
        }
        if is_export && self.global.format == FormatArg::Csv {
            let text = "rules export writes toml, yaml or json, not csv";
            return wrong(ErrorKind::ArgumentConflict, text.to_owned());
        }
        let maps = match &self.command {
            Command::Import(ImportCommand::Predictions(args)) => args.map.as_slice(),
            Command::Import(ImportCommand::Labels(args)) => args.map.as_slice(),
            Command::Reference(ReferenceCommand::Set(args)) => args.map.as_slice(),
            _ => &[],
        };
        if let Some(role) = data::repeated_role(maps) {
            let text = format!("--map gives the role {role} twice; a role has one column");
            return wrong(ErrorKind::ArgumentConflict, text);
        }
        Ok(())
    }
}

fn parse_gauge_window(text: &str) -> Result<GaugeWindow, String> {
    if text == "off" {
        return Ok(GaugeWindow(None));
    }
    let window = parse_duration(text).map_err(|why| format!("{text:?} {why}, or off"))?;
    if window < MINUTE_MICROS || window % MINUTE_MICROS != 0 {
        return Err(format!("{text:?} must be whole minutes, such as 1h, or off"));
    }
    Ok(GaugeWindow(Some(Duration::from_micros(window.unsigned_abs()))))
}

fn parse_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match rest {
        Some(rest) if !rest.is_empty() => Ok(text.to_owned()),
        Some(_) => Err(format!("{text:?} names no host; write {SERVER_DEFAULT}")),
        None => Err(format!("a server is a URL such as {SERVER_DEFAULT}")),
    }
}

#[cfg(test)]
mod tests;
