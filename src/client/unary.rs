//! Writing rows one by one, many calls at once, as a service does that logs each prediction.

use std::{
    sync::Arc,
    sync::Mutex,
    time::{Duration, Instant},
};

use driftline_proto::v1::{
    self, PredictionRow, Value, ingest_service_client::IngestServiceClient,
    prediction_row::Prediction, value,
};
use driftline_storage::{
    Column, Error, ErrorKind, Kind, LATENCY, PREDICTION, PredictionBatch, Result, SCORE, STATUS,
    Schema, is_null,
};
use tokio::task::JoinSet;

use super::Client;
use crate::wire::{error::from_status, time};

impl Client {
    /// Writes the rows of a batch each in a call of its own, so many calls at once, and waits for
    /// all. Each row is on disk when its call returns. Gives the duration of each call.
    ///
    /// # Errors
    /// As [`crate::Monitor::write_predictions`]; rows before the refused one may be stored.
    pub fn write_each(
        &self,
        model: &str,
        version: &str,
        batch: &PredictionBatch,
        schema: &Schema,
        calls: usize,
    ) -> Result<Vec<Duration>> {
        batch.validate(schema)?;
        let request = |row| v1::WritePredictionsRequest {
            model: model.to_owned(),
            version: version.to_owned(),
            rows: vec![prediction_row(batch, schema, row)],
            ..v1::WritePredictionsRequest::default()
        };
        let requests: Vec<_> = (0..batch.len()).map(request).collect();
        let requests = Arc::new(Mutex::new(requests.into_iter()));
        self.runtime.block_on(async {
            let mut callers = JoinSet::new();
            for _ in 0..calls {
                let service = IngestServiceClient::new(self.channel.clone());
                callers.spawn_on(call_all(service, requests.clone()), self.runtime.handle());
            }
            let mut walls = Vec::with_capacity(batch.len());
            while let Some(done) = callers.join_next().await {
                let gone = |error| Error::new(ErrorKind::Io, format!("a call was lost: {error}"));
                walls.extend(done.map_err(gone)??);
            }
            Ok(walls)
        })
    }
}

type Requests = Arc<Mutex<std::vec::IntoIter<v1::WritePredictionsRequest>>>;

async fn call_all(
    mut service: IngestServiceClient<tonic::transport::Channel>,
    requests: Requests,
) -> Result<Vec<Duration>> {
    let mut walls = Vec::new();
    // Nobody panics while holding the lock.
    while let Some(request) = requests.lock().ok().and_then(|mut rows| rows.next()) {
        let started = Instant::now();
        service.write_predictions(request).await.map_err(|status| from_status(&status))?;
        walls.push(started.elapsed());
    }
    Ok(walls)
}

fn prediction_row(batch: &PredictionBatch, schema: &Schema, row: usize) -> PredictionRow {
    let mut message = PredictionRow {
        prediction_id: batch.ids.get(row).map(|id| id.to_string()).unwrap_or_default(),
        time: batch.times.get(row).copied().map(time::timestamp),
        ..PredictionRow::default()
    };
    let columns = schema.columns().into_iter().zip(&batch.columns);
    for (place, (field, column)) in columns.enumerate() {
        let cell = match column {
            Column::Numeric(values) => {
                let value = values.get(row).copied().filter(|value| !is_null(*value));
                value.map(value::Kind::Number)
            }
            Column::Categories(column) => column.text(row).map(|text| match field.kind {
                Kind::Boolean => value::Kind::Boolean(text == "true"),
                _ => value::Kind::Text(text.to_owned()),
            }),
        };
        let Some(cell) = cell else { continue };
        match (field.name.as_str(), cell) {
            (SCORE, value::Kind::Number(value)) => message.score = Some(value),
            (LATENCY, value::Kind::Number(value)) => message.latency_ms = Some(value),
            (STATUS, value::Kind::Text(text)) => message.status = Some(text),
            (PREDICTION, value::Kind::Number(value)) => {
                message.prediction = Some(Prediction::PredictedValue(value));
            }
            (PREDICTION, value::Kind::Text(text)) => {
                message.prediction = Some(Prediction::PredictedClass(text));
            }
            (_, value::Kind::Text(text)) if place >= schema.untagged_len() => {
                message.tags.insert(field.name, text);
            }
            (_, cell) => {
                message.features.insert(field.name, Value { kind: Some(cell) });
            }
        }
    }
    message
}
