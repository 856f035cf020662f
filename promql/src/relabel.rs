//! Labels made of labels: `label_replace` and `label_join`.

use regex::Regex;

use crate::{
    error::{Error, Result},
    labels::Labels,
    limits,
};

/// What becomes of the labels of a series.
#[derive(Debug, Clone)]
pub(crate) enum Relabel {
    /// The target becomes the replacement if the whole source meets the pattern; `$1` and `${name}` stand
    /// for its groups.
    Replace { target: String, replacement: String, source: String, pattern: Regex },
    /// The target becomes the sources, joined.
    Join { target: String, separator: String, sources: Vec<String> },
}

impl Relabel {
    /// `label_replace(.., target, replacement, source, pattern)`
    ///
    /// # Errors
    /// `Execution`, as in Prometheus, for a name that is none and a pattern that does not read.
    pub(crate) fn replace(
        target: String,
        replacement: String,
        source: String,
        pattern: &str,
    ) -> Result<Self> {
        let target = checked(target)?;
        let pattern = Regex::new(&format!("^(?s:{pattern})$")).map_err(|error| {
            Error::execution(format!(
                "label_replace: {pattern:?} is no regular expression: {error}"
            ))
        })?;
        Ok(Self::Replace { target, replacement, source: checked(source)?, pattern })
    }

    /// `label_join(.., target, separator, sources..)`
    ///
    /// # Errors
    /// `Execution` for a name that is none.
    pub(crate) fn join(target: String, separator: String, sources: Vec<String>) -> Result<Self> {
        let sources = sources.into_iter().map(checked).collect::<Result<Vec<_>>>()?;
        Ok(Self::Join { target: checked(target)?, separator, sources })
    }

    /// The labels of a series afterwards.
    ///
    /// # Errors
    /// `Execution` past [`limits::LABEL_BYTES_MAX`].
    pub(crate) fn of(&self, labels: &Labels) -> Result<Labels> {
        let mut all = labels.clone();
        match self {
            Self::Replace { target, replacement, source, pattern } => {
                if let Some(groups) = pattern.captures(labels.get(source)) {
                    let longest = groups.iter().flatten().map(|group| group.len()).max();
                    let references = replacement.matches('$').count();
                    check_bytes(replacement.len() + references * longest.unwrap_or(0))?;
                    let mut value = String::new();
                    groups.expand(replacement, &mut value);
                    all.set(target.as_str().into(), value.into());
                }
            }
            Self::Join { target, separator, sources } => {
                let values: Vec<&str> = sources.iter().map(|source| labels.get(source)).collect();
                let bytes: usize = values.iter().map(|value| value.len() + separator.len()).sum();
                check_bytes(bytes)?;
                all.set(target.as_str().into(), values.join(separator).into());
            }
        }
        check_bytes(all.iter().map(|(name, value)| name.len() + value.len()).sum())?;
        Ok(all)
    }
}

fn check_bytes(bytes: usize) -> Result<()> {
    if bytes > limits::LABEL_BYTES_MAX {
        let text = format!(
            "labels of {bytes} bytes would be made of one series, at most {}; make shorter ones",
            limits::LABEL_BYTES_MAX
        );
        return Err(Error::execution(text));
    }
    Ok(())
}

/// The name of a label.
pub(crate) fn checked(name: String) -> Result<String> {
    let mut letters = name.chars();
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_name =
        letters.next().is_some_and(is_first) && letters.all(|c| is_first(c) || c.is_ascii_digit());
    if is_name {
        return Ok(name);
    }
    let text = format!(
        "{name:?} is no name of a label; write letters, digits and underscores, the first no digit"
    );
    Err(Error::execution(text))
}
