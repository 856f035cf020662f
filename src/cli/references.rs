//! `driftline reference`: sets, pins and lists what drift is measured against.

use super::{
    args::{GlobalArgs, PinArgs, ReferenceCommand, SetArgs},
    import::{Source, set_reference},
    outcome::Outcome,
    render,
    session::{open, open_existing, show, usage},
};
use crate::{
    import::{Roles, Summary},
    now_micros,
};

pub(super) fn reference(global: &GlobalArgs, command: &ReferenceCommand) -> Outcome {
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
