//! `import series` and `query series`: points of metric series from files, and what they amount to.

use std::{path::Path, time::Instant};

use driftline_storage::{Declaration, Error, ErrorKind, Result, SeriesPoint, check_name};

use super::{
    args::{GlobalArgs, SeriesImportArgs, SeriesQueryArgs},
    backend::Backend,
    imports::imported,
    outcome::{Failure, Outcome},
    progress::Progress,
    render::{self, Imported},
    session::{open, open_existing, show, usage},
};
use crate::{
    import::{SeriesColumns, Summary, open as open_table, read_series},
    now_micros,
};

/// Runs `query series`.
pub(super) fn query(global: &GlobalArgs, args: &SeriesQueryArgs) -> Outcome {
    args.check().map_err(Failure::Usage)?;
    let now = now_micros();
    if args.list {
        let request = args.list_request(now)?;
        let list = open_existing(global)?.list_series(&request).map_err(usage)?;
        return show(global, |out, format, style| render::series_list(&list, out, format, style));
    }
    let request = args.request(now)?;
    let report = open_existing(global)?.series(&request).map_err(usage)?;
    show(global, |out, format, style| render::series(&report, out, format, style))
}

/// Runs `import series`.
pub(super) fn import(global: &GlobalArgs, args: &SeriesImportArgs) -> Outcome {
    check_name("model", &args.model).map_err(usage)?;
    args.version.as_deref().map_or(Ok(()), |v| check_name("version", v)).map_err(usage)?;
    let columns = SeriesColumns::parse(&args.map, &args.tag).map_err(usage)?;
    let backend = open(global)?;
    let started = Instant::now();
    let mut summary = Summary::default();
    let outcome = args
        .files
        .iter()
        .try_for_each(|file| import_file(&*backend, args, &columns, file, &mut summary));
    summary.seconds = started.elapsed().as_secs_f64();
    imported(global, &args.model, Imported::Series, summary, outcome)
}

fn import_file(
    backend: &dyn Backend,
    args: &SeriesImportArgs,
    columns: &SeriesColumns,
    file: &str,
    summary: &mut Summary,
) -> Result<()> {
    let mut table =
        open_table(Path::new(file)).map_err(|error| Error::invalid("file", error.to_string()))?;
    let progress = Progress::new(file, table.bytes_total());
    let (mut accepted, mut known) = (0, 0);
    let mut sink = |version: &str, points: &[SeriesPoint]| {
        // The model is made by the first points that have passed all rules.
        if accepted + known == 0 {
            establish(backend, &args.model)?;
        }
        let receipt = backend.write_series(&args.model, version, points)?;
        accepted += receipt.accepted;
        known += receipt.duplicates;
        Ok(())
    };
    let target = (columns, args.version.as_deref(), file);
    let read = read_series(&mut *table, target, &mut sink, summary, &mut |bytes| {
        progress.set(bytes);
    });
    summary.accepted += accepted;
    summary.known += known;
    summary.bytes += table.bytes_read();
    progress.finish();
    read
}

/// Makes the model if there is none: what is trained has series before it has predictions.
fn establish(backend: &dyn Backend, model: &str) -> Result<()> {
    match backend.model(model) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            backend.create_model(model, Declaration::default()).map(drop)
        }
        Err(error) => Err(error),
    }
}
