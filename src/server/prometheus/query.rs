//! Queries at an instant and over a range.

use driftline_promql::Query;

use crate::{now_micros, prometheus::MonitorSource, server::shared::Shared};

use super::{
    envelope::{Failure, Outcome, result, string},
    params::Params,
};

fn read(params: &Params) -> Result<Query, Failure> {
    let text = params.required("query")?;
    Query::read(text).map_err(|error| Failure::parameter("query", error))
}

/// `/api/v1/query`
pub(super) fn instant(shared: &Shared, params: &Params) -> Result<Outcome, Failure> {
    let query = read(params)?;
    let now = now_micros();
    let instant = params.time("time")?.unwrap_or(now / 1_000);
    let source = MonitorSource::new(&shared.monitor, now, params.until()?);
    let answer = query.instant(&source, instant)?;
    Ok(Outcome::data(result(&answer.data, instant)).with(answer.notes))
}

/// `/api/v1/query_range`
pub(super) fn range(shared: &Shared, params: &Params) -> Result<Outcome, Failure> {
    let time = |name: &'static str| {
        params
            .time(name)?
            .ok_or_else(|| Failure::parameter(name, "is required, such as 1772323200"))
    };
    let (start, end) = (time("start")?, time("end")?);
    let step = params.duration("step")?;
    let step = step.ok_or_else(|| Failure::parameter("step", "is required, such as 60 or 1h"))?;
    let query = read(params)?;
    let source = MonitorSource::new(&shared.monitor, now_micros(), params.until()?);
    let answer = query.range(&source, start, end, step)?;
    Ok(Outcome::data(result(&answer.data, start)).with(answer.notes))
}

/// `/api/v1/format_query`
pub(super) fn format(_: &Shared, params: &Params) -> Result<Outcome, Failure> {
    let text = params.required("query")?;
    let formatted = driftline_promql::format(text);
    let formatted = formatted.map_err(|error| Failure::parameter("query", error))?;
    Ok(Outcome::data(string(&formatted)))
}
