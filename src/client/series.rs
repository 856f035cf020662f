//! Metric series of a server: writing points, asking and listing.

use driftline_proto::v1;
use driftline_query::{SeriesList, SeriesListRequest, SeriesReport, SeriesRequest};
use driftline_storage::{PredictionReceipt, Producer, Result, SeriesPoint};

use super::Client;
use crate::wire;

impl Client {
    /// Stores points of metric series, see [`crate::Monitor::write_series`]; they are on disk when
    /// this returns.
    ///
    /// # Errors
    /// As there.
    pub fn write_series(
        &self,
        producer: Option<Producer>,
        model: &str,
        version: &str,
        points: &[SeriesPoint],
    ) -> Result<PredictionReceipt> {
        let (producer_id, sequence) =
            producer.map_or_else(Default::default, |producer| (producer.id, producer.sequence));
        let request = v1::WriteSeriesRequest {
            model: model.to_owned(),
            version: version.to_owned(),
            points: wire::series::write_points(points),
            producer_id,
            sequence,
        };
        let answer = self.wait(self.ingest_service().write_series(request))?;
        let v1::WriteSeriesResponse { accepted, duplicates } = answer;
        Ok(PredictionReceipt { accepted, duplicates })
    }

    /// The metric series of a model by window.
    ///
    /// # Errors
    /// As [`crate::Monitor::series`].
    pub fn series(&self, request: &SeriesRequest) -> Result<SeriesReport> {
        let request = wire::series::write_request(request);
        wire::series::report(self.wait(self.query_service().query_series(request))?)
    }

    /// Which metric series a model has.
    ///
    /// # Errors
    /// As [`crate::Monitor::list_series`].
    pub fn list_series(&self, request: &SeriesListRequest) -> Result<SeriesList> {
        let asked = wire::series::write_list_request(request);
        let answer = self.wait(self.query_service().list_series(asked))?;
        wire::series::list(request.clone(), answer)
    }
}
