//! Rows of the real data sets: predictions with the label that arrived for them, and references.
//!
//! Times are kept as their text, which is of one form and so sorts as they do.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::sync::{Mutex, OnceLock};

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::vectors::golden_dir;

/// A prediction.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub time: String,
    pub version: String,
    pub prediction: String,
    pub score: Option<f64>,
    /// The label, and when it arrived; a reference's are there from the start.
    pub label: Option<(String, String)>,
}

impl Row {
    pub(crate) fn prediction(&self) -> f64 {
        self.prediction.parse().expect("a prediction is a number")
    }

    /// The label as a number.
    pub(crate) fn label(&self) -> Option<f64> {
        self.label.as_ref().map(|(label, _)| label.parse().expect("a label is a number"))
    }
}

fn records(file: &str) -> Vec<HashMap<String, String>> {
    let file =
        File::open(golden_dir().join("../data").join(file)).expect("data lies beside the vectors");
    let mut reader = csv::Reader::from_reader(GzDecoder::new(file));
    reader.deserialize().map(|record| record.expect("a record of text")).collect()
}

fn rows(file: &str, labels: &HashMap<String, (String, String)>) -> Vec<Row> {
    let row = |record: HashMap<String, String>| {
        let text = |name: &str| record.get(name).filter(|text| !text.is_empty()).cloned();
        let own = text("label").map(|label| (label, String::new()));
        Row {
            time: text("ts").expect("a row has a time"),
            version: text("version").expect("a row has a version"),
            prediction: text("prediction").expect("a row has a prediction"),
            score: text("score").map(|score| score.parse().expect("a score is a number")),
            label: own.or_else(|| labels.get(&text("prediction_id")?).cloned()),
        }
    };
    records(file).into_iter().map(row).collect()
}

/// The rows of `set/reference` or `set/predictions`, read once.
fn loaded(set: &str, what: &str) -> &'static [Row] {
    static FILES: OnceLock<Mutex<BTreeMap<String, &'static [Row]>>> = OnceLock::new();
    let mut files = FILES.get_or_init(Mutex::default).lock().expect("no test broke in here");
    files.entry(format!("{set}/{what}")).or_insert_with(|| {
        let labels = match what {
            "reference" => HashMap::new(),
            _ => records(&format!("{set}/labels.csv.gz"))
                .into_iter()
                .filter_map(|mut record| {
                    let mut take = |name: &str| record.remove(name);
                    Some((take("prediction_id")?, (take("label")?, take("label_ts")?)))
                })
                .collect(),
        };
        rows(&format!("{set}/{what}.csv.gz"), &labels).leak()
    })
}

/// The rows that a case over data files is about: its file, window and version.
pub(crate) fn of_case(case: &Value) -> Vec<&'static Row> {
    let inputs = &case["inputs"];
    let set = inputs["dataset"].as_str().expect("the case is over data files");
    let what = if inputs["file"].is_string() { "reference" } else { "predictions" };
    let window = &inputs["window"];
    let version = inputs["filter"]["version"].as_str();
    let inside = |row: &&Row| {
        let (start, end) = (window["start"].as_str(), window["end"].as_str());
        start.is_none_or(|start| start <= row.time.as_str())
            && end.is_none_or(|end| row.time.as_str() < end)
            && version.is_none_or(|version| version == row.version)
    };
    loaded(set, what).iter().filter(inside).collect()
}

/// Those of the rows whose label is there, by a time if the case names one.
pub(crate) fn labelled_of_case(case: &Value) -> Vec<&'static Row> {
    let as_of = case["params"]["as_of"].as_str();
    let there = |row: &&Row| {
        let label = row.label.as_ref();
        label.is_some_and(|(_, arrived)| as_of.is_none_or(|as_of| arrived.as_str() <= as_of))
    };
    of_case(case).into_iter().filter(there).collect()
}
