//! What is known of models: their references, and when they were trained.

use std::sync::Arc;

use driftline_storage::{Error, ModelRecord, ReferenceSource, Result};

use crate::rule::Measure;

/// What is known of a reference.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownReference {
    /// Its name.
    pub name: String,
    /// The version that it belongs to; none means the whole model.
    pub version: Option<String>,
    /// When it was made, in microseconds since 1970 UTC.
    pub created: i64,
    /// Where its rows came from.
    pub source: ReferenceSource,
    /// Whether it is taken where none is named.
    pub is_default: bool,
}

/// Who knows models.
pub trait Models {
    /// A model.
    ///
    /// # Errors
    /// `NotFound` naming the nearest names.
    fn model(&self, name: &str) -> Result<Arc<ModelRecord>>;
    /// The references of a model.
    ///
    /// # Errors
    /// `NotFound`.
    fn references(&self, model: &str) -> Result<Vec<KnownReference>>;
    /// Whether any prediction of a model has a label.
    ///
    /// # Errors
    /// `NotFound`.
    fn has_labels(&self, model: &str) -> Result<bool>;
}

/// The reference that a rule compares with, as a query chooses it: of its version before that of
/// the model.
pub(crate) fn reference_of<'a>(
    references: &'a [KnownReference],
    measure: &Measure,
) -> Option<&'a KnownReference> {
    find(references, measure.version.as_deref(), measure.reference.as_deref())
}

fn find<'a>(
    references: &'a [KnownReference],
    version: Option<&str>,
    name: Option<&str>,
) -> Option<&'a KnownReference> {
    let named = |reference: &&KnownReference| match name {
        Some(name) => reference.name == name,
        None => reference.is_default,
    };
    let of = |owner: Option<&str>| {
        references.iter().find(|one| one.version.as_deref() == owner && named(one))
    };
    of(version).or_else(|| of(None))
}

/// What the interval is whose figure stands for that of the reference: stated, or pinned.
pub(crate) fn baseline_of(references: &[KnownReference], measure: &Measure) -> Option<(i64, i64)> {
    measure.baseline.or_else(|| match reference_of(references, measure)?.source {
        ReferenceSource::Window { start, end } => Some((start, end)),
        ReferenceSource::Rows => None,
    })
}

/// When a model was trained, and what says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Training {
    /// In microseconds since 1970 UTC.
    pub at: i64,
    /// Name of the reference that says so; none if it is the making of the model.
    pub reference: Option<String>,
}

/// The last training of a model that is known. A model is compared with what it was trained on, so
/// that each training sets the reference anew: the end of the interval that the reference was pinned
/// from, or of uploaded rows when they were. A model without a reference counts from its making.
/// Earlier trainings are not kept.
///
/// `reference` is by name; none means the default one, of the version before that of the model.
///
/// # Errors
/// Those of `models`; `NotFound` for a reference that is named and not there.
pub fn last_training(
    models: &(impl Models + ?Sized),
    model: &str,
    version: Option<&str>,
    reference: Option<&str>,
) -> Result<Training> {
    let references = models.references(model)?;
    match find(&references, version, reference) {
        Some(known) => {
            let at = match known.source {
                ReferenceSource::Window { end, .. } => end,
                ReferenceSource::Rows => known.created,
            };
            Ok(Training { at, reference: Some(known.name.clone()) })
        }
        None => match reference {
            Some(name) => {
                let text = format!("model {model:?} has no reference {name:?}");
                Err(Error::not_found("reference", name, text))
            }
            None => Ok(Training { at: models.model(model)?.created, reference: None }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model that was made at 7, with these references.
    struct Shelf(Vec<KnownReference>);

    impl Models for Shelf {
        fn model(&self, name: &str) -> Result<Arc<ModelRecord>> {
            Ok(Arc::new(ModelRecord {
                name: name.to_owned(),
                kind: Default::default(),
                created: 7,
                declaration: Default::default(),
                schema: None,
                versions: Default::default(),
                retention: Default::default(),
                slices: Vec::new(),
            }))
        }

        fn references(&self, _: &str) -> Result<Vec<KnownReference>> {
            Ok(self.0.clone())
        }

        fn has_labels(&self, _: &str) -> Result<bool> {
            Ok(true)
        }
    }

    #[test]
    fn the_last_training_is_that_of_the_reference_or_the_making_of_the_model() {
        let known = |name: &str, version: Option<&str>, created, source| KnownReference {
            name: name.to_owned(),
            version: version.map(str::to_owned),
            created,
            source,
            is_default: name == "default",
        };
        let pinned = |end| ReferenceSource::Window { start: 0, end };
        let shelf = Shelf(vec![
            known("default", None, 20, ReferenceSource::Rows),
            known("default", Some("2"), 30, pinned(25)),
            known("old", None, 20, pinned(5)),
        ]);
        let at = |shelf: &Shelf, version, reference| {
            last_training(shelf, "m", version, reference).map(|training| training.at)
        };
        assert_eq!(at(&shelf, None, None).expect("uploaded"), 20);
        assert_eq!(at(&shelf, Some("2"), None).expect("its own"), 25);
        assert_eq!(at(&shelf, Some("1"), None).expect("that of the model"), 20);
        assert_eq!(at(&shelf, Some("2"), Some("old")).expect("named"), 5);
        assert_eq!(at(&Shelf(Vec::new()), None, None).expect("the making"), 7);
        let error = at(&shelf, None, Some("new")).expect_err("not there").to_string();
        assert!(error.contains("no reference \"new\""), "{error}");
    }
}
