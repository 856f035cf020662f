//! `predictions delete`: deletes predictions by id, after a question.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal as _, Write as _},
    path::Path,
};

use driftline_storage::{
    Error, ErrorKind, Ids, Result,
    limits::{DELETE_IDS_MAX, ID_BYTES_MAX},
};

use super::{
    args::{DeleteArgs, GlobalArgs},
    outcome::{Failure, Outcome},
    progress::Progress,
    render,
    session::{open_still, show, usage},
};

/// Bytes of one line of a file of ids: past it the file is no list of ids.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// Deletes the predictions of the ids that were named.
pub(super) fn delete(global: &GlobalArgs, args: &DeleteArgs) -> Outcome {
    let parts = read_ids(args)?;
    let count: u64 = parts.iter().map(|ids| ids.len() as u64).sum();
    let backend = open_still(global)?;
    backend.model(&args.model)?;
    if !args.yes && !confirmed(args, count)? {
        return Err(Failure::Usage("nothing was deleted".to_owned()));
    }
    let bar = Progress::steps("deleting ids", count);
    let (mut done, mut deleted) = (0, 0);
    for ids in &parts {
        let outcome = backend.delete_predictions(&args.model, ids);
        deleted += outcome
            .inspect_err(|_| {
                bar.finish();
                if done > 0 {
                    eprintln!("{deleted} predictions of the first {done} ids are deleted");
                }
            })
            .map_err(usage)?;
        done += ids.len() as u64;
        bar.set(done);
    }
    bar.finish();
    let report = render::Deleted { model: args.model.clone(), ids: count, deleted };
    show(global, |out, format, _| render::deleted(&report, out, format))
}

/// The ids that were named, as many at a time as one call takes.
fn read_ids(args: &DeleteArgs) -> std::result::Result<Vec<Ids>, Failure> {
    let mut parts = vec![Ids::default()];
    for id in &args.id {
        let wrong = || Failure::Usage(format!("--id: {}", rule(id)));
        push(&mut parts, id).ok_or_else(wrong)?;
    }
    if let Some(path) = &args.ids {
        read_lines(path, &mut parts)?;
    }
    parts.retain(|ids| !ids.is_empty());
    if parts.is_empty() {
        return Err(Failure::Usage("there are no ids in what --ids names".to_owned()));
    }
    Ok(parts)
}

fn rule(id: &str) -> String {
    format!("{} bytes, an id has 1 to {ID_BYTES_MAX}", id.len())
}

fn push(parts: &mut Vec<Ids>, id: &str) -> Option<()> {
    if parts.last().is_none_or(|ids| ids.len() >= DELETE_IDS_MAX) {
        parts.push(Ids::default());
    }
    parts.last_mut()?.push(id).then_some(())
}

fn read_lines(path: &Path, parts: &mut Vec<Ids>) -> Result<()> {
    let io = |error| Error::io(path, "read", error);
    let mut reader: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path).map_err(io)?))
    };
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read = io::Read::take(&mut reader, LINE_BYTES_MAX).read_until(b'\n', &mut line);
        if read.map_err(io)? == 0 {
            break;
        }
        let wrong = |rule: String| {
            let text = format!("{} line {number}: {rule}", path.display());
            Error::new(ErrorKind::InvalidArgument, text)
        };
        let text = std::str::from_utf8(&line).map_err(|_| wrong("is not UTF-8".to_owned()))?;
        let id = text.trim_end_matches(['\n', '\r']);
        if !id.is_empty() {
            push(parts, id).ok_or_else(|| wrong(rule(id)))?;
        }
    }
    Ok(())
}

/// Asks on the terminal. Without one, or where ids come through it, the answer must be given before.
fn confirmed(args: &DeleteArgs, count: u64) -> std::result::Result<bool, Failure> {
    let piped = args.ids.as_deref() == Some(Path::new("-"));
    if piped || !io::stdin().is_terminal() {
        let text = "there is no terminal to ask on; add --yes to delete, which cannot be undone";
        return Err(Failure::Usage(text.to_owned()));
    }
    let ids = if count == 1 { "id" } else { "ids" };
    eprint!("Delete the predictions of {count} {ids} of model {:?} for good? [y/N] ", args.model);
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
