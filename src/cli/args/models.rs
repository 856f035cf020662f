//! Arguments of `models`: what a user states about a model before its columns are known.

use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use driftline_storage::{Declaration, Task};

use super::RetentionArgs;

/// Commands about models.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List all models
    List,
    /// Show a model: its declaration, features, versions and references
    Show {
        /// Name of the model
        model: String,
    },
    /// Create a model, or a version of one
    #[command(
        after_help = "What is not stated is inferred from the first import or reference.\n\n\
        Examples:\n  \
        driftline models create fraud --task binary --positive-class fraud\n  \
        driftline models create fraud --version v2 --categorical country --ignore request\n  \
        driftline models create fraud --tag region --tag variant"
    )]
    Create(CreateArgs),
    /// Show sizes: rows, files and bytes by kind and age, and write amplification
    #[command(after_help = "Examples:\n  \
        driftline models stats\n  \
        driftline models stats --model fraud --format json")]
    Stats {
        /// Name of the model [default: all models]
        #[arg(long, value_name = "M")]
        model: Option<String>,
    },
    /// Show or change how long a model's data is kept
    #[command(
        after_help = "DAYS are whole days of event time back from today: 90d, 12w, 1y (365 days), or \
        forever.\nA coarser level is kept at least as long as a finer one. What is taken does not \
        come back.\n\n\
        Examples:\n  \
        driftline models retention --model fraud --rows 90d --minutes 1y\n  \
        driftline models retention --model fraud --keep-all"
    )]
    Retention(RetentionArgs),
    /// Show or add tags: columns of text that rows are sliced by and that are no features
    #[command(subcommand)]
    Tags(TagsCommand),
    /// Show or change slice keys: columns whose values get counts of their own
    #[command(subcommand)]
    Slices(SlicesCommand),
}

/// Commands about the slice keys of a model.
#[derive(Debug, Subcommand)]
pub enum SlicesCommand {
    /// List the slice keys of a model
    List {
        /// Name of the model
        model: String,
    },
    /// Declare slice keys; segments that are there get their counts in the background
    #[command(
        after_help = "A key is a tag, or a feature of categories or booleans; a model has at most 4.\n\
        Answers of --where and --by are the same with and without, and faster with.\n\n\
        Examples:\n  \
        driftline models slices add fraud region"
    )]
    Add(SliceKeysArgs),
    /// Take slice keys back; their counts go in the background
    Remove(SliceKeysArgs),
}

/// Arguments of `models slices add` and `remove`.
#[derive(Debug, Args)]
pub struct SliceKeysArgs {
    /// Name of the model
    pub model: String,
    /// Columns
    #[arg(required = true, value_name = "KEY")]
    pub keys: Vec<String>,
}

/// Commands about the tags of a model.
#[derive(Debug, Subcommand)]
pub enum TagsCommand {
    /// List the tags of a model
    List {
        /// Name of the model
        model: String,
    },
    /// Give a model more tags; predictions that are there already have null in them
    #[command(after_help = "Examples:\n  \
        driftline models tags add fraud region variant")]
    Add {
        /// Name of the model
        model: String,
        /// Names of the tags
        #[arg(required = true, value_name = "TAG")]
        tags: Vec<String>,
    },
}

/// Arguments of `models create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Name of the model
    pub model: String,
    /// Make this version known, with a declaration of its own
    #[arg(long, value_name = "V")]
    pub version: Option<String>,
    /// What the model predicts [default: inferred]
    #[arg(long, value_parser = task_parser())]
    pub task: Option<Task>,
    /// Column to read as categories whatever it looks like; repeatable
    #[arg(long, value_name = "COL")]
    pub categorical: Vec<String>,
    /// Column to read as numbers; repeatable
    #[arg(long, value_name = "COL")]
    pub numeric: Vec<String>,
    /// Column that is not a feature; repeatable
    #[arg(long, value_name = "COL")]
    pub ignore: Vec<String>,
    /// Column of text to slice by that is no feature, such as a region; repeatable
    #[arg(long, value_name = "COL")]
    pub tag: Vec<String>,
    /// Tag or categorical column whose values get counts of their own, at most 4; repeatable
    #[arg(long, value_name = "KEY", conflicts_with = "version")]
    pub slice: Vec<String>,
    /// Class that the score is the probability of [default: inferred]
    #[arg(long, value_name = "C", allow_hyphen_values = true)]
    pub positive_class: Option<String>,
}

impl CreateArgs {
    /// What was stated.
    pub fn declaration(&self) -> Declaration {
        Declaration {
            task: self.task,
            categorical: self.categorical.clone(),
            numeric: self.numeric.clone(),
            ignore: self.ignore.clone(),
            positive_class: self.positive_class.clone(),
            tags: self.tag.clone(),
        }
    }

    /// Whether anything was stated; a version without a statement shares its model's.
    pub fn is_declared(&self) -> bool {
        self.declaration() != Declaration::default()
    }
}

const TASKS: [Task; 3] = [Task::Binary, Task::Multiclass, Task::Regression];

fn task_parser() -> impl clap::builder::TypedValueParser<Value = Task> {
    let task = |name: String| TASKS.into_iter().find(|task| task.name() == name);
    PossibleValuesParser::new(TASKS.map(Task::name))
        .try_map(move |name| task(name).ok_or("no such task"))
}
