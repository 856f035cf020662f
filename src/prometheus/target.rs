//! Which models, versions, features and references a selector means, told by the catalog alone.

use std::sync::Arc;

use driftline_promql::{Result, Selector};
use driftline_storage::{ModelRecord, Schema};

use crate::{Monitor, ReferenceInfo};

use super::told::told;

/// The label of the model.
pub(super) const MODEL: &str = "model";
/// The label of the version; without it all versions are meant together.
pub(super) const VERSION: &str = "version";
/// The label of the feature.
pub(super) const FEATURE: &str = "feature";
/// The label of the reference.
pub(super) const REFERENCE: &str = "reference";

/// A version of a model, or all of them together.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) model: Arc<ModelRecord>,
    pub(super) version: Option<String>,
}

impl Target {
    /// The columns; none while they are not known.
    pub(super) fn schema(&self) -> Option<&Arc<Schema>> {
        self.model.schema_of(self.version.as_deref())
    }

    /// The monitored columns that a selector means; none stands for all of them.
    pub(super) fn features(&self, selector: &Selector) -> Option<Vec<String>> {
        let names: Vec<String> =
            self.schema()?.monitored().into_iter().map(|field| field.name).collect();
        let all = names.len();
        let meant: Vec<String> =
            names.into_iter().filter(|name| selector.allows(FEATURE, name)).collect();
        (meant.len() < all).then_some(meant)
    }
}

/// The versions that a selector means. Without a matcher these are all, each by itself; `version=""`
/// means all together, which no other matcher does.
pub(super) fn targets(monitor: &Monitor, selector: &Selector) -> Vec<Target> {
    let together = selector.equal(VERSION) == Some("");
    let mut targets = Vec::new();
    for model in monitor.models() {
        if !selector.allows(MODEL, &model.name) {
            continue;
        }
        if together {
            targets.push(Target { model, version: None });
            continue;
        }
        let versions = model.versions.keys().filter(|name| selector.allows(VERSION, name));
        let of = |version: &String| Target { model: model.clone(), version: Some(version.clone()) };
        targets.extend(versions.map(of));
    }
    targets
}

/// The versions that have metric series and that a selector means; as [`targets`], for the versions of
/// series may be others than those of predictions.
///
/// # Errors
/// `Internal`.
pub(super) fn series_targets(monitor: &Monitor, selector: &Selector) -> Result<Vec<Target>> {
    let together = selector.equal(VERSION) == Some("");
    let mut targets = Vec::new();
    for model in monitor.models() {
        if !selector.allows(MODEL, &model.name) {
            continue;
        }
        let versions = monitor.series_versions(&model.name).map_err(told)?;
        if together && !versions.is_empty() {
            targets.push(Target { model, version: None });
            continue;
        }
        let versions = versions.into_iter().filter(|name| selector.allows(VERSION, name));
        targets.extend(
            versions.map(|version| Target { model: model.clone(), version: Some(version) }),
        );
    }
    Ok(targets)
}

/// Names of the references that a target is compared with: the default one, unless a matcher asks for
/// others. The first that is true says which is the default.
pub(super) fn references(
    monitor: &Monitor,
    target: &Target,
    selector: &Selector,
) -> Vec<(String, bool)> {
    let Ok(all) = monitor.references(&target.model.name) else { return Vec::new() };
    let fits =
        |info: &&ReferenceInfo| info.name.version.is_none() || info.name.version == target.version;
    // Of one name that of the version goes before that of the model.
    let own = |info: &&ReferenceInfo| info.name.version.is_some();
    let default = all
        .iter()
        .filter(fits)
        .filter(|info| info.is_default)
        .max_by_key(|info| own(info))
        .map(|info| info.name.name.clone());
    let mut meant: Vec<(String, bool)> = Vec::new();
    for info in all.iter().filter(fits) {
        let name = &info.name.name;
        let is_default = default.as_ref() == Some(name);
        let is_meant =
            if selector.asks(REFERENCE) { selector.allows(REFERENCE, name) } else { is_default };
        if is_meant && !meant.iter().any(|(known, _)| known == name) {
            meant.push((name.clone(), is_default));
        }
    }
    meant
}
