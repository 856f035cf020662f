//! What fills the menus of the editors: models, versions, features, references.

use driftline_proto::v1;
use serde_json::{Value, json};

use crate::model_query::ModelQuery;
use crate::{downstream::Downstream, limits, problem::Problem, sentence::sentence};

/// Answers `GET models`, `GET models/NAME` and `POST sentence`.
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
        ("GET", Some(("models", name))) => model(server, &decoded(name)).await,
        ("POST", None) if path == "sentence" => {
            Ok(json!({ "sentence": sentence(&ModelQuery::read(body)?) }))
        }
        _ => Err(Problem {
            status: 404,
            ..Problem::own(format!("the plugin has no resource {method} {path}"))
        }),
    }
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
