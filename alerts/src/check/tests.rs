//! Claims about what is found when a rule is written for a model.

use driftline_storage::{Declaration, Error, Kind, Retention};

use super::*;
use crate::rule_set::Syntax;

/// A binary model `m` of an amount and a country with a reference `default`; `price` is a regression
/// without references; `new` has neither schema nor labels.
struct Shop {
    has_labels: bool,
    retention: Retention,
    source: ReferenceSource,
}

fn shop() -> Shop {
    Shop { has_labels: true, retention: Retention::default(), source: ReferenceSource::Rows }
}

impl Models for Shop {
    fn model(&self, name: &str) -> Result<Arc<ModelRecord>> {
        let field = |name: &str, kind| Field { name: name.to_owned(), kind };
        let features = vec![field("amount", Kind::Numeric), field("country", Kind::Categorical)];
        let schema = |task| Schema::new(task, features.clone(), None).map(Arc::new);
        let schema = match name {
            "m" => Some(schema(Task::Binary)?),
            "price" => Some(schema(Task::Regression)?),
            "new" => None,
            _ => {
                let text = format!("there is no model {name:?}, did you mean \"m\"?");
                return Err(Error::not_found("model", name, text));
            }
        };
        Ok(Arc::new(ModelRecord {
            name: name.to_owned(),
            kind: Default::default(),
            slices: Vec::new(),
            created: 0,
            declaration: Declaration::default(),
            schema,
            versions: [("1".to_owned(), Default::default())].into(),
            retention: self.retention,
        }))
    }

    fn references(&self, model: &str) -> Result<Vec<KnownReference>> {
        let known = KnownReference {
            name: "default".into(),
            version: None,
            created: 0,
            source: self.source.clone(),
            is_default: true,
        };
        Ok(if model == "m" { vec![known] } else { vec![] })
    }

    fn has_labels(&self, _: &str) -> Result<bool> {
        Ok(self.has_labels)
    }
}

/// What is told of a rule with these keys.
fn told(shop: &Shop, keys: &str) -> String {
    let text = format!("[[rule]]\nname = \"r\"\nwindow = \"1d\"\n{keys}\n");
    let set = RuleSet::parse(&text, Syntax::Toml).unwrap_or_else(|error| panic!("{error}"));
    match check(&set, shop).expect("models are known") {
        Ok(()) => String::new(),
        Err(mistakes) => mistakes.to_string(),
    }
}

#[test]
fn a_rule_that_fits_its_model_is_right() {
    for keys in [
        "model = \"m\"\nmetric = \"psi\"\nwhen = \"> 0.2\"",
        "model = \"m\"\nversion = \"1\"\nmetric = \"recall\"\nwhen = \"< 0.5\"",
        "model = \"m\"\nmetric = \"unseen_rate\"\nwhen = \"> 0\"\nfeature = \"country\"",
        "model = \"m\"\nmetric = \"mean\"\nwhen = \"> reference * 2\"\nfeature = \"amount\"",
        "model = \"price\"\nmetric = \"mae\"\nwhen = \"> 3\"",
        "model = \"price\"\nmetric = \"null_rate\"\nwhen = \"> 0.1\"",
        "model = \"m\"\nmetric = \"accuracy\"\nwhen = \"< reference - 0.05\"\n\
         baseline = [\"2026-01-01T00:00:00Z\", \"2026-01-02T00:00:00Z\"]",
    ] {
        assert_eq!(told(&shop(), keys), "", "{keys}");
    }
    let pinned = Shop { source: ReferenceSource::Window { start: 0, end: 1 }, ..shop() };
    let keys = "model = \"m\"\nmetric = \"accuracy\"\nwhen = \"< reference - 0.05\"";
    assert_eq!(told(&pinned, keys), "");
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let check = |keys: &str, want: &str| {
        let told = told(&shop(), keys);
        assert!(told.contains(want), "{keys}: {told}");
    };
    let psi = "metric = \"psi\"\nwhen = \"> 0.2\"";
    check(&format!("model = \"n\"\n{psi}"), "model = \"n\": there is no model \"n\", did you mean");
    check(
        &format!("model = \"m\"\nversion = \"2\"\n{psi}"),
        "version = \"2\": model \"m\" has no such version; it has 1",
    );
    check(&format!("model = \"m\"\nfeature = \"amout\"\n{psi}"), "did you mean \"amount\"?");
    check(
        &format!("model = \"m\"\nreference = \"x\"\n{psi}"),
        "has no such reference; it has default",
    );
    check(
        &format!("model = \"price\"\n{psi}"),
        "compares with a reference, and model \"price\" has none",
    );
    check(&format!("model = \"new\"\n{psi}"), "are not known yet");
    let accuracy = "metric = \"accuracy\"\nwhen = \"< 0.9\"";
    check(
        &format!("model = \"price\"\n{accuracy}"),
        "a regression model has no accuracy; it has mae",
    );
    let mean = "model = \"m\"\nmetric = \"mean\"\nwhen = \"> 1\"\nfeature = \"country\"";
    check(mean, "feature = \"country\": is categorical, and mean is of none such");
    let drop = "model = \"m\"\nmetric = \"accuracy\"\nwhen = \"< reference - 0.05\"";
    check(drop, "add baseline = [FROM, TO]");
    let unlabelled = Shop { has_labels: false, ..shop() };
    let told_of = told(&unlabelled, &format!("model = \"m\"\n{accuracy}"));
    assert!(told_of.contains("metric = \"accuracy\": needs labels"), "{told_of}");
}

#[test]
fn a_window_longer_than_what_is_kept_is_impossible() {
    let retention = Retention { rows_days: Some(1), days_days: Some(5), ..Retention::default() };
    let short = Shop { retention, ..shop() };
    let psi = "model = \"m\"\nmetric = \"psi\"\nwhen = \"> 0.2\"";
    assert_eq!(told(&short, psi), "");
    assert!(told(&short, &format!("{psi}\nlateness = \"5d\"")).contains("reaches 6d back"));
    let exact = format!("{psi}\nexact = true\nlateness = \"1h\"");
    assert!(told(&short, &exact).contains("rows of model \"m\" are kept for 1 days"));
}
