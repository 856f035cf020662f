//! What a feature holds and what was predicted: as bins of a window, and bins over time.

use driftline_proto::v1::{self, DriftMethod};
use serde_json::json;

use super::{
    ask::{Ask, Form, end_of},
    drift::{costs, parts, request},
    notices::{Costs, Notices},
    points::{self, Labels, Points},
};
use crate::{
    downstream::Downstream,
    frame::{Field, Frame, Gravity, Values},
    limits,
    model_query::Format,
    problem::Problem,
};

/// The column of predictions.
const PREDICTION: &str = "prediction";

/// What each feature holds, in the reference and now, as shares of the values: a frame for each
/// feature, of numbers a histogram. As series the share of each bin over time, as a heatmap those of one
/// feature.
pub(crate) async fn frames(server: &Downstream, ask: &Ask<'_>) -> Result<Vec<Frame>, Problem> {
    let features = &ask.query.features;
    if features.is_empty() {
        return Err(Problem::asked("choose the features whose distribution is wanted"));
    }
    if ask.query.is_over_time() {
        if ask.form() == Form::Heatmap && features.len() > 1 {
            return Err(Problem::asked(format!(
                "a heatmap shows the distribution of one feature, not of {}; choose one, or repeat the \
                 panel for each",
                features.len()
            )));
        }
        return over_time(server, ask, features.clone(), "bin").await;
    }
    let mut frames = Vec::new();
    for feature in features {
        let mut scope = ask.scope_of((ask.windows.from, ask.windows.to));
        scope.step = None;
        scope.group_by.clear();
        frames.push(if ask.query.format == Format::Histogram {
            of_one_width(server, ask, scope, feature).await?
        } else {
            let request = v1::QueryDistributionRequest {
                scope: Some(scope),
                feature: feature.clone(),
                reference: ask.reference(),
            };
            let answer = server.queries().query_distribution(request).await?.into_inner();
            let mut frame = histogram(&answer, ask.query.format == Format::Table);
            Costs::of([&answer], |_| (0, None)).tell(&mut frame);
            frame
        });
    }
    Ok(frames)
}

/// The distribution of a feature in bins of one width over the range of the reference, as Grafana's
/// histogram panel draws them. Counts are kept in other bins, so that rows are read. Categories are what
/// they are.
async fn of_one_width(
    server: &Downstream,
    ask: &Ask<'_>,
    scope: v1::Scope,
    feature: &str,
) -> Result<Frame, Problem> {
    let request = v1::QueryDriftRequest {
        features: vec![feature.to_owned()],
        explain: true,
        exact: false,
        bins: Some(ask.query.bins.unwrap_or(limits::HISTOGRAM_BINS)),
        binning: v1::DriftBinning::EqualWidth.into(),
        ..request(ask, scope, vec![DriftMethod::Psi.into()])
    };
    let answer = server.queries().query_drift(request).await?.into_inner();
    let window = answer.windows.first();
    let explanation = window
        .and_then(|window| window.results.first())
        .and_then(|result| result.explanation.as_ref());
    let bin = |bin: &v1::ExplainedBin| v1::DistributionBin {
        lower: bin.lower,
        upper: bin.upper,
        category: bin.name.clone(),
        count: bin.count,
    };
    let rows = window.map(|window| v1::CountPair { reference: 0, current: window.predictions });
    let told = v1::QueryDistributionResponse {
        feature: feature.to_owned(),
        bins: explanation.map(|one| one.bins.iter().map(bin).collect()).unwrap_or_default(),
        rows,
        ..Default::default()
    };
    let mut frame = histogram(&told, false);
    costs(&[answer]).tell(&mut frame);
    Ok(frame)
}

/// The shares of the bins. A table names each bin by a text, for bar charts; a histogram has its ends.
fn histogram(answer: &v1::QueryDistributionResponse, is_table: bool) -> Frame {
    let counts = |of: fn(&v1::CountPair) -> u64| -> Vec<u64> {
        answer.bins.iter().map(|bin| bin.count.as_ref().map_or(0, of)).collect()
    };
    let share = |counts: Vec<u64>| {
        let sum: u64 = counts.iter().sum();
        let share = |count: u64| (sum > 0).then(|| count as f64 / sum as f64);
        Values::Number(counts.into_iter().map(share).collect())
    };
    let reference = Field::new("reference", share(counts(|pair| pair.reference)));
    let current = Field::new("now", share(counts(|pair| pair.current)));
    let shares = [reference, current].map(|field| {
        field.configure("unit", "percentunit").label("feature", answer.feature.clone())
    });
    let is_numeric = answer.bins.iter().all(|bin| bin.category.is_none());
    let name_of = |bin: &v1::DistributionBin| {
        bin.category.clone().unwrap_or_else(|| between(bin.lower.map(short), bin.upper.map(short)))
    };
    let (kind, ends) = if is_numeric && !is_table {
        (Some("histogram"), ends(&answer.bins))
    } else {
        let name = if is_numeric { "bin" } else { "category" };
        let names = answer.bins.iter().map(|bin| Some(name_of(bin))).collect();
        (None, vec![Field::new(name, Values::Text(names))])
    };
    let is_histogram = kind.is_some();
    let fields = ends.into_iter().chain(shares).collect();
    let mut frame = Frame::new(format!("distribution of {}", answer.feature), kind, fields);
    if is_histogram && answer.bins.len() > 1 {
        let text = "the outer bins have no end: they hold all values below or above and are drawn as \
                    wide as their neighbours";
        frame.notices.push((Gravity::Info, text.to_owned()));
    }
    if answer.rows.as_ref().is_some_and(|rows| rows.current == 0) {
        let text = "there is no prediction in the time of the panel".to_owned();
        frame.notices.push((Gravity::Warning, text));
    }
    frame
}

/// The ends of bins as a histogram needs them. An outer bin has the width of its neighbour, as a panel
/// draws an end that is null at 0.
fn ends(bins: &[v1::DistributionBin]) -> Vec<Field> {
    let width = |bin: Option<&v1::DistributionBin>| match bin.map(|bin| (bin.lower, bin.upper)) {
        Some((Some(lower), Some(upper))) => upper - lower,
        _ => 1.0,
    };
    let first = width(bins.get(1));
    let last = width(bins.len().checked_sub(2).and_then(|place| bins.get(place)));
    let lower =
        |bin: &v1::DistributionBin| bin.lower.or_else(|| bin.upper.map(|upper| upper - first));
    let upper =
        |bin: &v1::DistributionBin| bin.upper.or_else(|| bin.lower.map(|lower| lower + last));
    vec![
        Field::new("xMin", Values::Number(bins.iter().map(lower).collect())),
        Field::new("xMax", Values::Number(bins.iter().map(upper).collect())),
    ]
}

/// What was predicted: of classes the share of each by window, of values the share by bin of the
/// reference. Without a reference classes are counted, which reads rows.
pub(crate) async fn predictions(server: &Downstream, ask: &Ask<'_>) -> Result<Vec<Frame>, Problem> {
    let request = v1::ListReferencesRequest { model: ask.query.model.clone() };
    let references = server.models().list_references(request).await?.into_inner().references;
    if references.is_empty() && ask.query.reference.is_empty() {
        return counted(server, ask).await;
    }
    over_time(server, ask, vec![PREDICTION.to_owned()], PREDICTION).await
}

/// The share of each bin or category by window, told apart by a label of this name.
async fn over_time(
    server: &Downstream,
    ask: &Ask<'_>,
    features: Vec<String>,
    label: &str,
) -> Result<Vec<Frame>, Problem> {
    let call = |scope| {
        let request = v1::QueryDriftRequest {
            features: features.clone(),
            explain: true,
            exact: false,
            bins: ask.query.bins,
            ..request(ask, scope, vec![DriftMethod::Psi.into()])
        };
        let mut queries = server.queries();
        async move { queries.query_drift(request).await }
    };
    let answers = ask.each(call).await?;
    let mut notices = Notices::default();
    let mut points = Points::new(ask.form());
    for (labels, part) in parts(&answers) {
        for window in &part.windows {
            let Some(time) = end_of(window.window.as_ref()) else { continue };
            notices.window(window.predictions, &window.missing);
            for result in &window.results {
                let Some(explanation) = &result.explanation else { continue };
                let count =
                    |bin: &v1::ExplainedBin| bin.count.as_ref().map_or(0, |pair| pair.current);
                let sum: u64 = explanation.bins.iter().map(count).sum();
                for bin in &explanation.bins {
                    let share = (sum > 0).then(|| count(bin) as f64 / sum as f64);
                    notices.value(share.is_none().then_some("the window has no value"), None);
                    let mut labels = bin_labels(labels.clone(), bin, (label, ask.form()));
                    if label != PREDICTION && ask.form() != Form::Heatmap {
                        labels.insert("feature".to_owned(), result.feature.clone());
                    }
                    let config = [("unit", json!("percentunit"))];
                    points.add(time, ("share", labels), &config, share)?;
                }
            }
        }
    }
    let mut frame = points.frame(if label == PREDICTION { label } else { "distribution" })?;
    notices.tell(&mut frame);
    costs(&answers).tell(&mut frame);
    Ok(vec![frame])
}

/// What tells a bin apart: its name; of a row of a heatmap its upper end as `le`, by which Grafana knows
/// that the row lies below it.
fn bin_labels(mut labels: Labels, bin: &v1::ExplainedBin, (label, form): (&str, Form)) -> Labels {
    let is_edge = form == Form::Heatmap && labels.is_empty() && bin.name.is_none();
    if is_edge {
        let upper = bin.upper.map_or_else(|| "+Inf".to_owned(), |upper| upper.to_string());
        labels.insert("le".to_owned(), upper);
    } else {
        let name = bin.name.clone().unwrap_or_else(|| between(bin.lower, bin.upper));
        labels.insert(label.to_owned(), name);
    }
    labels
}

/// A number without the noise of its last digits, for people: nothing is told apart by it.
fn short(value: f64) -> f64 {
    format!("{value:.9e}").parse().unwrap_or(value)
}

fn between(lower: Option<f64>, upper: Option<f64>) -> String {
    match (lower, upper) {
        (Some(lower), Some(upper)) => format!("{lower} to {upper}"),
        (Some(lower), None) => format!("from {lower}"),
        (None, Some(upper)) => format!("below {upper}"),
        (None, None) => "all".to_owned(),
    }
}

/// The share of each predicted class, from predictions grouped by it.
async fn counted(server: &Downstream, ask: &Ask<'_>) -> Result<Vec<Frame>, Problem> {
    let call = |mut scope: v1::Scope| {
        scope.group_by.push(v1::GroupBy { column: PREDICTION.to_owned(), bands: vec![] });
        let request =
            v1::QueryPerformanceRequest { scope: Some(scope), explain: true, ..Default::default() };
        let mut queries = server.queries();
        async move { queries.query_performance(request).await }
    };
    let answers = ask.each(call).await.map_err(|problem| Problem {
        text: format!(
            "{}. The model has no reference, whose bins numbers are counted in; make one with \
             `driftline reference pin`",
            problem.text
        ),
        ..problem
    })?;
    // By window and other groups, the predictions of each class.
    let mut sums = std::collections::BTreeMap::<(i64, Labels), u64>::new();
    let mut counts = Vec::new();
    let of = |answers| {
        points::parts(
            answers,
            |answer: &v1::QueryPerformanceResponse| &answer.groups,
            |answer| answer.scope.as_ref(),
        )
    };
    let mut notices = Notices::default();
    for (mut labels, part) in of(&answers) {
        let Some(class) = labels.remove(PREDICTION).filter(|class| class != "null") else {
            continue;
        };
        for window in &part.windows {
            let Some(time) = end_of(window.window.as_ref()) else { continue };
            *sums.entry((time, labels.clone())).or_default() += window.predictions;
            counts.push((time, labels.clone(), class.clone(), window.predictions));
        }
    }
    for window in answers.iter().flat_map(|answer| &answer.windows) {
        notices.window(window.predictions, &window.missing);
    }
    let mut points = Points::new(ask.form());
    for (time, mut labels, class, count) in counts {
        let sum = sums.get(&(time, labels.clone())).copied().unwrap_or(0);
        labels.insert(PREDICTION.to_owned(), class);
        let share = (sum > 0).then(|| count as f64 / sum as f64);
        points.add(time, ("share", labels), &[("unit", json!("percentunit"))], share)?;
    }
    let mut frame = points.frame(PREDICTION)?;
    notices.tell(&mut frame);
    Costs::of(&answers, |answer| {
        (answer.reads.as_ref().map_or(0, |reads| reads.rows), answer.reads.as_ref())
    })
    .tell(&mut frame);
    Ok(vec![frame])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bin(lower: Option<f64>, upper: Option<f64>) -> v1::DistributionBin {
        v1::DistributionBin { lower, upper, ..Default::default() }
    }

    #[test]
    fn outer_bins_are_as_wide_as_their_neighbours() {
        let bins = [bin(None, Some(1.0)), bin(Some(1.0), Some(3.0)), bin(Some(3.0), None)];
        let got: Vec<Values> = ends(&bins).into_iter().map(|field| field.values).collect();
        let want = [vec![-1.0, 1.0, 3.0], vec![1.0, 3.0, 5.0]]
            .map(|column| Values::Number(column.into_iter().map(Some).collect()));
        assert_eq!(got, want);
        let got: Vec<Values> = ends(&[bin(None, Some(2.0)), bin(Some(2.0), None)])
            .into_iter()
            .map(|f| f.values)
            .collect();
        assert_eq!(got[0], Values::Number(vec![Some(1.0), Some(2.0)]));
        assert_eq!(got[1], Values::Number(vec![Some(2.0), Some(3.0)]));
    }

    #[test]
    fn names_for_people_have_no_noise() {
        assert_eq!(between(Some(short(25.330000000000002)), Some(short(32.2))), "25.33 to 32.2");
        assert_eq!((short(1e-300), short(-0.0), short(f64::MAX) > 1e308), (1e-300, 0.0, true));
    }

    #[test]
    fn rows_of_numbers_are_known_by_their_upper_end() {
        let bin = |lower, upper| v1::ExplainedBin { lower, upper, ..Default::default() };
        let le = |bin| bin_labels(Labels::new(), &bin, ("bin", Form::Heatmap))["le"].clone();
        assert_eq!(le(bin(Some(1.0), Some(2.5))), "2.5");
        assert_eq!(le(bin(Some(2.5), None)), "+Inf");
        let category = v1::ExplainedBin { name: Some("DE".to_owned()), ..Default::default() };
        assert_eq!(bin_labels(Labels::new(), &category, ("bin", Form::Heatmap))["bin"], "DE");
        let low = bin_labels(Labels::new(), &bin(None, Some(1.0)), ("bin", Form::Series));
        assert_eq!(low["bin"], "below 1");
    }
}
