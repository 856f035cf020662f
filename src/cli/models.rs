//! `models`: listing, showing and making models, their sizes, and how long their data is kept.

use driftline_storage::{Error, ErrorKind, Task, VersionRecord, check_name};

use super::{
    args::{CreateArgs, GlobalArgs, ModelsCommand, RetentionArgs, SlicesCommand, TagsCommand},
    outcome::{Failure, Outcome},
    render,
    session::{open, open_existing, open_still, show, usage},
};

/// Runs a command about models.
pub(super) fn models(global: &GlobalArgs, command: &ModelsCommand) -> Outcome {
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
        ModelsCommand::Stats { model } => stats(global, model.as_deref()),
        ModelsCommand::Retention(args) => retention(global, args),
        ModelsCommand::Tags(command) => tags(global, command),
        ModelsCommand::Slices(command) => slices(global, command),
    }
}

fn slices(global: &GlobalArgs, command: &SlicesCommand) -> Outcome {
    let backend = open_existing(global)?;
    let record = match command {
        SlicesCommand::List { model } => backend.model(model)?,
        SlicesCommand::Add(args) => {
            backend.change_slices(&args.model, &args.keys, &[]).map_err(usage)?
        }
        SlicesCommand::Remove(args) => {
            backend.change_slices(&args.model, &[], &args.keys).map_err(usage)?
        }
    };
    show(global, |out, format, style| render::slices(&record, out, format, style))
}

fn tags(global: &GlobalArgs, command: &TagsCommand) -> Outcome {
    let backend = open_existing(global)?;
    let record = match command {
        TagsCommand::List { model } => backend.model(model)?,
        TagsCommand::Add { model, tags } => backend.add_tags(model, tags).map_err(usage)?,
    };
    show(global, |out, format, style| render::tags(&record, out, format, style))
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
            let made = match args.slice.as_slice() {
                [] => made,
                keys => backend.change_slices(&args.model, keys, &[]).map_err(usage)?,
            };
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
        ("--tag", &declared.tags),
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

fn stats(global: &GlobalArgs, model: Option<&str>) -> Outcome {
    let backend = open_still(global)?;
    match model {
        Some(model) => {
            let stats = backend.model_stats(model)?;
            show(global, |out, format, style| render::model_stats(&stats, out, format, style))
        }
        None => {
            let models = backend.models()?;
            let stats = models.iter().map(|model| backend.model_stats(&model.name));
            let stats = stats.collect::<driftline_storage::Result<Vec<_>>>()?;
            show(global, |out, format, style| render::all_stats(&stats, out, format, style))
        }
    }
}

/// The flags that state how long what is kept.
const RETENTION_FLAGS: [(&str, &str); 8] = [
    ("rows_days", "--rows"),
    ("minutes_days", "--minutes"),
    ("hours_days", "--hours"),
    ("days_days", "--days"),
    ("retention.rows_days", "--rows"),
    ("retention.minutes_days", "--minutes"),
    ("retention.hours_days", "--hours"),
    ("retention.days_days", "--days"),
];

fn retention(global: &GlobalArgs, args: &RetentionArgs) -> Outcome {
    let backend = open_existing(global)?;
    let known = backend.model(&args.model)?;
    let record = match args.change(known.retention) {
        None => known,
        Some(retention) => backend
            .set_retention(&args.model, retention)
            .map_err(|error| usage(error.with_fields_renamed(&RETENTION_FLAGS)))?,
    };
    show(global, |out, format, style| render::retention(&record, out, format, style))
}
