//! What fills the menus of the editors: models, versions, features, references, metric series, and the
//! values of a column.

use std::collections::BTreeSet;

use driftline_proto::v1;
use prost_types::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    downstream::Downstream, limits, model_query::ModelQuery, problem::Problem, sentence::sentence,
};

const HOUR_MILLIS: i64 = 3_600_000;
/// How far back values are looked for where no interval is given.
const VALUES_MILLIS: i64 = 30 * 24 * HOUR_MILLIS;

/// Answers `GET models`, `GET models/NAME`, `GET models/NAME/series`, `POST values` and `POST sentence`.
///
/// # Errors
/// A sentence that says what to do.
pub(crate) async fn resource(
    server: &Downstream,
    (method, path): (&str, &str),
    body: &[u8],
) -> Result<Value, Problem> {
    let path = path.trim_matches('/');
    match (method, path.split_once('/')) {
        ("GET", None) if path == "models" => models(server).await,
        ("GET", Some(("models", rest))) => match rest.split_once('/') {
            None => model(server, &decoded(rest)).await,
            Some((name, "series")) => series(server, &decoded(name)).await,
            Some(_) => Err(unknown(method, path)),
        },
        ("POST", None) if path == "values" => {
            let asked: ValuesOf = serde_json::from_slice(body).map_err(|error| {
                Problem::asked(format!("what is asked of values does not read: {error}"))
            })?;
            values(server, &asked).await
        }
        ("POST", None) if path == "sentence" => {
            Ok(json!({ "sentence": sentence(&ModelQuery::read(body)?) }))
        }
        _ => Err(unknown(method, path)),
    }
}

fn unknown(method: &str, path: &str) -> Problem {
    Problem { status: 404, ..Problem::own(format!("the plugin has no resource {method} {path}")) }
}

async fn models(server: &Downstream) -> Result<Value, Problem> {
    let mut names = Vec::new();
    let mut page_token = String::new();
    while names.len() < limits::MENU_MAX {
        let request = v1::ListModelsRequest { page_size: 1_000, page_token };
        let page = server.models().list_models(request).await?.into_inner();
        names.extend(page.models.into_iter().map(|model| model.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(json!({ "models": names }))
}

async fn model(server: &Downstream, name: &str) -> Result<Value, Problem> {
    let request = v1::GetModelRequest { name: name.to_owned() };
    let model = server.models().get_model(request).await?.into_inner().model.unwrap_or_default();
    let request = v1::ListReferencesRequest { model: name.to_owned() };
    let references = server.models().list_references(request).await?.into_inner().references;
    let schema =
        model.schema.clone().or_else(|| model.versions.iter().find_map(|v| v.schema.clone()));
    let schema = schema.unwrap_or_default();
    let kind = |kind: v1::Kind| kind.as_str_name().trim_start_matches("KIND_").to_lowercase();
    let features: Vec<Value> = schema
        .features
        .iter()
        .take(limits::MENU_MAX)
        .map(|field| json!({ "name": field.name, "kind": kind(field.kind()) }))
        .collect();
    let references: Vec<Value> = references
        .iter()
        .map(|one| json!({ "name": one.name, "version": one.version, "isDefault": one.is_default }))
        .collect();
    let task = schema.task().as_str_name().trim_start_matches("TASK_").to_lowercase();
    let versions: Vec<&str> = model.versions.iter().map(|version| version.name.as_str()).collect();
    Ok(json!({
        "name": model.name,
        "task": task,
        "positiveClass": schema.positive_class,
        "versions": versions,
        "features": features,
        "tags": schema.tags,
        "slices": model.slices,
        "references": references,
    }))
}

/// The names of metric series with the versions and tags that they have.
async fn series(server: &Downstream, model: &str) -> Result<Value, Problem> {
    let request = v1::ListSeriesRequest { model: model.to_owned(), ..Default::default() };
    let listed = server.queries().list_series(request).await?.into_inner().series;
    let mut names = BTreeSet::new();
    let mut versions = BTreeSet::new();
    let mut tags = BTreeSet::new();
    for one in listed {
        names.insert(one.name);
        versions.insert(one.version);
        tags.extend(one.tags);
    }
    let names: Vec<String> = names.into_iter().take(limits::MENU_MAX).collect();
    Ok(json!({ "series": names, "versions": versions, "tags": tags }))
}

/// Whose values are asked for. The path of a resource would not carry every name of a column.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ValuesOf {
    model: String,
    version: String,
    column: String,
    /// First instant of event time, milliseconds since 1970 UTC; none means 30 days before `to`.
    from: Option<i64>,
    /// First instant after; none means now.
    to: Option<i64>,
}

/// The values of a column that tells groups apart. Those of a category that a reference has come from
/// counts, with new ones of the interval; any other column is read row by row in the interval.
async fn values(server: &Downstream, asked: &ValuesOf) -> Result<Value, Problem> {
    if asked.model.is_empty() || asked.column.is_empty() {
        return Err(Problem::asked("choose a model and a column, whose values are wanted"));
    }
    let request = v1::GetModelRequest { name: asked.model.clone() };
    let model = server.models().get_model(request).await?.into_inner().model.unwrap_or_default();
    if asked.column == "version" {
        let names: Vec<String> = model.versions.into_iter().map(|version| version.name).collect();
        return Ok(json!({ "values": names }));
    }
    let scope = Some(values_scope(asked));
    let known = model.schema.into_iter().chain(model.versions.into_iter().filter_map(|v| v.schema));
    let kind = known
        .flat_map(|schema| schema.features)
        .find(|field| field.name == asked.column)
        .map(|field| field.kind());
    if kind == Some(v1::Kind::Numeric) {
        return Err(Problem::asked(format!(
            "{:?} is a number, which has no list of values; compare it by <, >= and the like",
            asked.column
        )));
    }
    if kind == Some(v1::Kind::Categorical) || asked.column == "prediction" {
        let feature = asked.column.clone();
        let request =
            v1::QueryDistributionRequest { scope: scope.clone(), feature, reference: None };
        // Without a reference the rows say it.
        if let Ok(answer) = server.queries().query_distribution(request).await {
            let bins = answer.into_inner().bins.into_iter();
            let names: Vec<String> = bins.filter_map(|bin| bin.category).collect();
            let names: Vec<&String> = names.iter().take(limits::MENU_MAX).collect();
            return Ok(json!({ "values": names }));
        }
    }
    let mut scope = scope;
    if let Some(scope) = &mut scope {
        scope.group_by.push(v1::GroupBy { column: asked.column.clone(), bands: vec![] });
    }
    let request = v1::QueryPerformanceRequest { scope, ..Default::default() };
    let groups = server.queries().query_performance(request).await?.into_inner().groups;
    let value = |group: v1::QueryPerformanceResponse| group.scope?.group.into_iter().next()?.value;
    let names: Vec<String> = groups.into_iter().filter_map(value).collect();
    Ok(json!({ "values": names }))
}

fn values_scope(asked: &ValuesOf) -> v1::Scope {
    let now = jiff::Timestamp::now().as_millisecond();
    let to = asked.to.unwrap_or(now);
    let from = asked.from.unwrap_or(to.saturating_sub(VALUES_MILLIS));
    // Whole hours, which counts answer without rows.
    let (from, to) = (from.div_euclid(HOUR_MILLIS), to.saturating_add(HOUR_MILLIS - 1));
    let time = |hours: i64| Some(Timestamp { seconds: hours.saturating_mul(3_600), nanos: 0 });
    v1::Scope {
        model: asked.model.clone(),
        version: Some(asked.version.clone()).filter(|version| !version.is_empty()),
        start_time: time(from),
        end_time: time(to.div_euclid(HOUR_MILLIS)),
        ..Default::default()
    }
}

/// A part of a path without its percent signs; what is no UTF-8 is replaced.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%');
        let value = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match value {
            Some(value) => {
                bytes.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_paths_are_decoded() {
        assert_eq!(decoded("a%20b%22%7bc%7D"), "a b\"{c}");
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz%ff"), "%zz\u{fffd}");
    }
}
