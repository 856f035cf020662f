//! `driftline query`: from arguments to a request, its report and how that is shown.

use super::{
    args::{GlobalArgs, QueryCommand},
    outcome::{Failure, Outcome},
    render::{self, Format},
    series,
    session::{open_existing, show, usage},
};
use crate::now_micros;

/// Refuses to explain in a form that has no place for it.
fn has_place(global: &GlobalArgs, explain: bool) -> Outcome {
    if explain && global.format() == Format::Csv {
        let text = "--explain has no place in CSV, which has a line per value; take --format json";
        return Err(Failure::Usage(text.to_owned()));
    }
    Ok(())
}

pub(super) fn query(global: &GlobalArgs, command: &QueryCommand) -> Outcome {
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
