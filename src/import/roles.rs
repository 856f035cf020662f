//! Roles: which column of a file is the id, the time, the score and so on.

use std::collections::BTreeMap;

use driftline_storage::{Error, ROLES, Result, near_misses};

use super::table::ColumnInfo;

/// Columns by role: their own names unless a user maps them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    map: BTreeMap<String, String>,
}

impl Roles {
    /// Roles from `role=column` texts.
    ///
    /// # Errors
    /// `InvalidArgument` for a text of another form or an unknown role.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self> {
        let mut map = BTreeMap::new();
        for text in texts {
            let text = text.as_ref();
            let Some((role, column)) = text.split_once('=') else {
                return Err(Error::invalid("map", format!("{text:?} must be role=column")));
            };
            if !ROLES.contains(&role) {
                let near = near_misses(role, ROLES);
                let text = format!("{role:?} is not one of {}{near}", ROLES.join(", "));
                return Err(Error::invalid("map", text));
            }
            map.insert(role.to_owned(), column.to_owned());
        }
        Ok(Self { map })
    }

    /// The name of the column of a role.
    pub fn column<'a>(&'a self, role: &'a str) -> &'a str {
        self.map.get(role).map_or(role, String::as_str)
    }

    /// The place of the column of a role.
    pub fn place(&self, role: &str, columns: &[ColumnInfo]) -> Option<usize> {
        let name = self.column(role);
        columns.iter().position(|column| column.name == name)
    }

    /// The place of a column that a file must have.
    ///
    /// # Errors
    /// `InvalidArgument` saying how to name it.
    pub fn required(&self, role: &str, columns: &[ColumnInfo]) -> Result<usize> {
        self.place(role, columns).ok_or_else(|| {
            let name = self.column(role);
            let near = near_misses(name, columns.iter().map(|column| column.name.as_str()));
            let text = format!("the file has no column {name:?}{near}; say --map {role}=COLUMN");
            Error::invalid(role, text)
        })
    }

    /// Whether a column has a role; the others are features.
    pub fn is_role(&self, column: &str) -> bool {
        ROLES.iter().any(|role| self.column(role) == column)
    }

    /// Fails if a mapped column is not in a file: a misspelt one must not pass as a feature.
    ///
    /// # Errors
    /// `InvalidArgument` naming the nearest names.
    pub fn check(&self, columns: &[ColumnInfo]) -> Result<()> {
        for role in self.map.keys() {
            self.required(role, columns)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::table::RawKind;

    #[test]
    fn a_mapped_column_has_the_role_and_its_own_name_is_free() {
        let roles = Roles::parse(&["ts=when"]).expect("valid");
        assert!(roles.is_role("when") && !roles.is_role("ts"));
        assert!(roles.is_role("score"));
    }

    #[test]
    fn a_missing_column_says_how_to_name_it() {
        let columns = [ColumnInfo { name: "prediction-id".to_owned(), kind: RawKind::Text }];
        let error = Roles::default().required("prediction_id", &columns).expect_err("missing");
        let text = error.to_string();
        assert!(text.contains("did you mean \"prediction-id\"?"), "{text}");
        assert!(text.contains("--map prediction_id=COLUMN"), "{text}");
        assert!(Roles::parse(&["tss=x"]).is_err());
        assert!(Roles::parse(&["ts"]).is_err());
    }
}
