//! Files of rules of any bytes: what fuzzing calls, and what the tests call with its corpus.

use crate::rule_set::{RuleSet, Syntax};

/// A decoder; it must come back, whatever the bytes.
pub type Decoder = fn(&[u8]);

/// The decoders by the name of their fuzz target.
pub const DECODERS: [(&str, Decoder); 2] = [("rules_toml", rules_toml), ("rules_yaml", rules_yaml)];

/// Rules in TOML.
pub fn rules_toml(bytes: &[u8]) {
    read(bytes, Syntax::Toml);
}

/// Rules in YAML.
pub fn rules_yaml(bytes: &[u8]) {
    read(bytes, Syntax::Yaml);
}

/// What is read can also be written, hashed and put in order.
fn read(bytes: &[u8], syntax: Syntax) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(set) = RuleSet::parse(text, syntax) {
        set.export(syntax);
        set.order();
        for rule in &set.rules {
            rule.content_hash();
        }
    }
}
