//! Answers with nothing to show: a panel that stays blank says why.

use driftline_proto::v1;

use super::ask::Ask;
use crate::{
    downstream::Downstream,
    frame::{Frame, Gravity, Values},
    model_query::QueryType,
    problem::Problem,
};

/// Tells the first of the frames why there is nothing in any of them, if so.
///
/// # Errors
/// That the model is not there, of alerts, whose lists are of any model.
pub(crate) async fn tell(
    server: &Downstream,
    ask: &Ask<'_>,
    frames: &mut [Frame],
) -> Result<(), Problem> {
    if frames.iter().any(has_value) {
        return Ok(());
    }
    if let (QueryType::Alerts, Some(name)) = (ask.query.query_type, ask.model()) {
        server.models().get_model(v1::GetModelRequest { name }).await?;
    }
    let text = match ask.query.query_type {
        QueryType::Alerts => {
            "nothing to show: no rule has alerts here, or nothing happened in this time. `driftline rules \
             apply` makes rules; an alert is there once its rule was evaluated"
        }
        QueryType::Series => {
            "no value in the time of this panel: the series has no point then; choose another time range"
        }
        QueryType::Performance => {
            "no value in the time of this panel: no prediction of it has a label; choose another time \
             range, or wait for labels"
        }
        _ => {
            "no value in the time of this panel: no prediction is in it; choose another time range. A query \
             of type Volume shows when predictions came"
        }
    };
    // What is said already, such as why values are undefined, says more.
    if let Some(first) = frames.first_mut().filter(|frame| frame.notices.is_empty()) {
        first.notices.push((Gravity::Info, text.to_owned()));
    }
    Ok(())
}

/// Fields that are 0, and not absent, where there is no prediction.
const COUNTS: [&str; 3] = ["predictions", "labelled", "throughput"];

/// Whether a frame shows a number that says something.
fn has_value(frame: &Frame) -> bool {
    frame.fields.iter().any(|field| {
        let Values::Number(values) = &field.values else { return false };
        let is_count = COUNTS.contains(&field.name.as_str());
        let says_nothing = |value: f64| value.is_nan() || (is_count && value == 0.0);
        values.iter().flatten().any(|value| !says_nothing(*value))
    })
}
