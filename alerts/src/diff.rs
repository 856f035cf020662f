//! What applying a set of rules would change.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{content::pairs, rule_set::RuleSet};

/// What becomes of a rule or channel.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Keys of it differ: key, before and after; none where the key has its default.
    Changed(Vec<(String, Option<Value>, Option<Value>)>),
}

/// One difference between two sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// `channel` or `rule`.
    pub what: &'static str,
    /// Its name.
    pub name: String,
    /// What becomes of it.
    pub edit: Edit,
}

type Content = BTreeMap<String, Value>;

/// What differs between two sets, channels first, each by name; nothing if applying `after` changes
/// nothing. The order of rules means nothing.
pub fn diff(before: &RuleSet, after: &RuleSet) -> Vec<Difference> {
    let owned = |(key, value): (&str, Value)| (key.to_owned(), value);
    let channels = |set: &RuleSet| -> BTreeMap<String, Content> {
        let content = |channel: &crate::channel::Channel| {
            (channel.name.clone(), channel.pairs().into_iter().map(owned).collect())
        };
        set.channels.iter().map(content).collect()
    };
    let rules = |set: &RuleSet| -> BTreeMap<String, Content> {
        let content = |rule: &crate::rule::Rule| {
            (rule.name.clone(), pairs(rule).into_iter().map(owned).collect())
        };
        set.rules.iter().map(content).collect()
    };
    let mut differences = between("channel", &channels(before), &channels(after));
    differences.extend(between("rule", &rules(before), &rules(after)));
    differences
}

fn between(
    what: &'static str,
    before: &BTreeMap<String, Content>,
    after: &BTreeMap<String, Content>,
) -> Vec<Difference> {
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let one = |name: &String| {
        let edit = match (before.get(name), after.get(name)) {
            (None, _) => Edit::Added,
            (Some(_), None) => Edit::Removed,
            (Some(before), Some(after)) if before == after => return None,
            (Some(before), Some(after)) => Edit::Changed(changed(before, after)),
        };
        Some(Difference { what, name: name.clone(), edit })
    };
    names.into_iter().filter_map(one).collect()
}

fn changed(before: &Content, after: &Content) -> Vec<(String, Option<Value>, Option<Value>)> {
    let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    let differs = |key: &&String| before.get(*key) != after.get(*key);
    let change = |key: &String| (key.clone(), before.get(key).cloned(), after.get(key).cloned());
    keys.into_iter().filter(differs).map(change).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rule_set::Syntax;

    fn set(text: &str) -> RuleSet {
        RuleSet::parse(text, Syntax::Toml).expect("right")
    }

    const RULE: &str = "[[rule]]\nname = \"a\"\nmodel = \"m\"\nmetric = \"psi\"\nwindow = \"1d\"\n";

    #[test]
    fn a_set_applied_twice_changes_nothing() {
        let one = set(&format!("{RULE}when = \"> 0.2\""));
        assert_eq!(diff(&one, &one), []);
        let same = set(&format!("{RULE}when = \">0.20\"\nfor = \"0s\"\nevery = \"24h\""));
        assert_eq!(diff(&one, &same), []);
    }

    #[test]
    fn what_is_added_removed_and_changed_is_told_key_by_key() {
        let empty = RuleSet::default();
        let one = set(&format!("{RULE}when = \"> 0.2\""));
        let other = set(&format!("{RULE}when = \"> 0.3\"\nfor = \"1h\""));
        let edit = |before, after| diff(before, after).into_iter().map(|d| d.edit).next();
        assert_eq!(edit(&empty, &one), Some(Edit::Added));
        assert_eq!(edit(&one, &empty), Some(Edit::Removed));
        let changed = vec![
            ("for".to_owned(), None, Some(json!("1h"))),
            ("when".to_owned(), Some(json!("> 0.2")), Some(json!("> 0.3"))),
        ];
        assert_eq!(edit(&one, &other), Some(Edit::Changed(changed)));
    }
}
